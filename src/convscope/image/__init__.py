"""A picture from anywhere, safely: upright 8-bit RGB, with notes, and the network's input from it.

::

    path, bytes, file, PIL, sample ──► source ──► sniff ──► decode (colour) ─┐
    array, tensor ─────────────────────────────────────────────► arrays ─────┴─► Picture ──► prepare ──► input

A file is judged by its first bytes alone, and only formats on the list of :mod:`convscope.image.sniff` ever
reach a decoder. Sizes are checked before pixels are decoded. Pillow's global settings are never touched.
"""

from convscope.image.opening import open_image as open_image
from convscope.image.picture import Picture as Picture
from convscope.image.prepare import fit_within as fit_within
from convscope.image.prepare import resize as resize
from convscope.image.prepare import to_input as to_input
from convscope.image.source import sample_names as sample_names
