"""What the examples share: a folder for the pictures, and the tutorial's numbers next to those that came out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image

from convscope.draw import save_png


class Lesson:
    """One run of an example.

    Attributes:
        folder: where its pictures go: the command's first argument, else ``convscope-out/<example>``.
        photo: the command's second argument, where an example takes one; else None.

    >>> Lesson("growing_network.py", "Tutorial 1.", arguments=["pictures"]).folder.name
    'pictures'
    """

    def __init__(self, script: str, about: str, *, photo: bool = False, arguments: list[str] | None = None) -> None:
        parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
        default = Path("convscope-out") / Path(script).stem
        parser.add_argument("folder", nargs="?", type=Path, default=default, help="where the pictures go")
        if photo:
            parser.add_argument("photo", nargs="?", help="a photo of your own")
        given = parser.parse_args(arguments)
        self.folder: Path = given.folder
        self.photo: str | None = getattr(given, "photo", None)
        self._wrong: list[str] = []
        self._pictures = 0
        self.folder.mkdir(parents=True, exist_ok=True)

    def title(self, text: str) -> None:
        """Begin a part."""
        print(f"\n{text}")

    def shape(self, what: str, value: np.ndarray, stated: str) -> None:
        """Compare a value's shape with the stated one: ``573x605x3``, or ``573x605`` for height and width alone."""
        order = (*value.shape[1:], value.shape[0]) if value.ndim == 3 else value.shape
        came_out = "x".join(str(size) for size in order)
        same = came_out == stated or (stated.count("x") == 1 and came_out.startswith(f"{stated}x"))
        self._compare(what, came_out, stated, same=same)

    def number(self, what: str, came_out: int, stated: int) -> None:
        """Compare a count with the stated one."""
        self._compare(what, f"{came_out:,}", f"{stated:,}", same=came_out == stated)

    def fact(self, what: str, holds: bool) -> None:
        """Say something that must be true."""
        self._compare(what, "yes" if holds else "no", "yes", same=holds)

    def _compare(self, what: str, came_out: str, stated: str, *, same: bool) -> None:
        print(f"  {what:<34} {came_out:>12}   stated {stated:>12}   {'same' if same else 'DIFFERENT'}")
        if not same:
            self._wrong.append(what)

    def picture(self, name: str, image: Image.Image) -> None:
        """Keep a picture as ``<folder>/<name>.png``."""
        save_png(image, self.folder / f"{name}.png")
        self._pictures += 1

    def done(self) -> NoReturn:
        """Say where the pictures are; exit with 1 if anything differed from what was stated."""
        print(f"\n{self._pictures} pictures are in {self.folder}")
        if self._wrong:
            raise SystemExit(f"different from what is stated: {', '.join(self._wrong)}")
        raise SystemExit(0)
