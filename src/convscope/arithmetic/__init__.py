"""One output value of a step, taken apart into the numbers that made it. numpy only.

::

    taps.py        which rows (or columns) of the input one row of the output reads
    terms.py       what a kind of step hands back: the terms and how to write them
    windows.py     conv2d, conv_transpose2d, pooling, adaptive pooling
    norms.py       batch, layer, group and local response normalisation
    functions.py   relu, sigmoid, gelu ...: one number in, one number out
    operands.py    add, mul ... of two steps, parameters or numbers; linear
    reductions.py  mean, sum, largest; softmax
    moves.py       flatten, permute, slice, pad, cat ...: a number that only changed its place
    resize.py      interpolate
    explain.py     the table of kinds, and explain_value, which checks the result
    pixel.py       Pixel and Share, the answer
    text.py        the answer as text for a terminal

``docs/arithmetic.md`` lists the formula of every kind.
"""

from convscope.arithmetic.explain import KINDS, explain_value
from convscope.arithmetic.pixel import Pixel, Share

__all__ = ["KINDS", "Pixel", "Share", "explain_value"]
