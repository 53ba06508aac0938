"""What a step is made of, whatever numbers went through it: its reach, its counts, its settings in words.

::

    links.py    along each axis of an input, which positions one position of the output reads
    reach.py    what one axis of a value saw of one axis of the picture
    field.py    receptive fields: links followed through the whole graph
    counts.py   multiplications, parameters, parameter formulas
    words.py    settings as a few words for a table

A spec knows these numbers before anything ran; here they come from recorded steps, of any network.
"""

from convscope.structure.counts import macs, param_count, param_formula, total_params
from convscope.structure.field import Field, receptive_fields
from convscope.structure.words import setting_text

__all__ = ["Field", "macs", "param_count", "param_formula", "receptive_fields", "setting_text", "total_params"]
