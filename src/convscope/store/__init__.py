"""A trace as bytes: one valid ``.safetensors`` file, specified in ``docs/format.md``.

::

    save, dumps ──► write.py    which tensors, in which order, and the JSON that ties them together
    load, loads ◄── read.py     JSON ──► Steps, every field checked
                    compact.py  float32 ⇄ uint8 or float16, with known bounds on the error
                    jsontext.py settings ⇄ strict JSON
                    layout.py   header, offsets, alignment: the safetensors part
                    atomic.py   the old file or the new one, never half of one

A file is material from a stranger: whatever is wrong with it is one
:class:`~convscope.errors.TraceFileError`, found before anything large is allocated.
"""

from convscope.store.read import load, loads
from convscope.store.write import dumps, save

__all__ = ["dumps", "load", "loads", "save"]
