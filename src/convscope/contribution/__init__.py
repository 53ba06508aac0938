"""Which channels an answer rests on: first-order contributions, from a trace alone.

::

    replay.py    a step's operation once more, in PyTorch, so that gradients can flow through it
    channels.py  backwards from one class to every channel of every step
"""

from convscope.contribution.channels import Contributions, contributions

__all__ = ["Contributions", "contributions"]
