"""The value that every way of opening a picture ends in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

MAX_PIXELS = 50_000_000
"""Pictures with more pixels are refused before they are decoded."""


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """A photo as a person sees it, with a record of what was done to it.

    Attributes:
        pixels: ``(H, W, 3)`` uint8 RGB, upright, opaque; read-only.
        name: what to call it, safe to print (file name without its folder, or ``array``).
        format: what it came as (``JPEG``, ``PNG``, ``array``, ...).
        size_in_file: height and width as stored, before turning upright and shrinking.
        notes: short sentences on everything done to it that a user should know.
        grey: whether it was stored without colours, as one channel of levels or with a grey palette.

    >>> Picture(np.zeros((2, 3, 3), np.uint8), "black", "array", (2, 3))
    Picture('black', 2x3, array)
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    name: str
    format: str
    size_in_file: tuple[int, int]
    notes: tuple[str, ...] = ()
    grey: bool = False

    def __post_init__(self) -> None:
        self.pixels.flags.writeable = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of ``pixels``."""
        return (self.pixels.shape[0], self.pixels.shape[1])

    def __repr__(self) -> str:
        return f"Picture({self.name!r}, {self.size[0]}x{self.size[1]}, {self.format})"


def printable(text: str, longest: int = 120) -> str:
    r"""``text`` on one line, in which nothing steers a terminal or reorders what is read.

    Control characters, newlines, right-to-left marks and bytes that are no UTF-8 become escapes; a long
    text loses its middle.

    >>> print(printable("cat\n\u202egpj.exe"))
    cat\n\u202egpj.exe
    """
    safe = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text[: 4 * longest]
    )
    if len(safe) > longest or len(text) > 4 * longest:
        ending = text[-longest // 3 :] if text.isprintable() else ""
        safe = f"{safe[: longest // 2]}...{ending}"
    return safe


def too_large(name: str, height: int, width: int) -> str:
    """The sentence that refuses a picture for its number of pixels."""
    return (
        f"'{name}' is {height}x{width} = {height * width / 1e6:,.1f} million pixels "
        f"and convscope takes at most {MAX_PIXELS // 10**6} million; shrink it first"
    )
