"""Writes the page's colour tables from the package's own: ``python tools/web_colors.py`` after changing those."""

from __future__ import annotations

from pathlib import Path

from convscope.draw.colors import NAMES, colormap
from convscope.draw.theme import INFINITE, NOT_A_NUMBER, Rgb

TARGET = Path(__file__).parents[1] / "src" / "convscope" / "web" / "paint" / "tables.js"
ROW = 108
"""Hexadecimal digits on a line of the file: 18 colours."""


def script() -> str:
    """The text of ``tables.js``."""
    tables = "".join(f"  {name}:\n{_lines(colormap(name).tobytes().hex())},\n" for name in NAMES)
    return (
        "/** Colour tables, 256 colours of six hexadecimal digits each. Made by tools/web_colors.py. */\n"
        f"export const TABLES = {{\n{tables}}};\n\n"
        "/** Colours of values that are no number of a table. */\n"
        f'export const NOT_A_NUMBER = "{_hex(NOT_A_NUMBER)}";\n'
        f'export const INFINITE = "{_hex(INFINITE)}";\n'
    )


def _lines(digits: str) -> str:
    return " +\n".join(f'    "{digits[i : i + ROW]}"' for i in range(0, len(digits), ROW))


def _hex(color: Rgb) -> str:
    return bytes(color).hex()


if __name__ == "__main__":
    TARGET.write_text(script(), encoding="utf-8")
