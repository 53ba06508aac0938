"""The page paints with the package's own colours."""

import re
from pathlib import Path

import pytest

from convscope.draw.colors import NAMES, colormap
from convscope.draw.theme import INFINITE, NOT_A_NUMBER

TABLES = Path(__file__).parents[2] / "src" / "convscope" / "web" / "paint" / "tables.js"


def listed() -> dict[str, str]:
    """Names and digits as they stand in the script."""
    text = TABLES.read_text(encoding="utf-8")
    found = dict(re.findall(r'^  (\w+):\n((?: +"[0-9a-f]+"(?: \+)?,?\n)+)', text, re.MULTILINE))
    return {name: "".join(re.findall(r'"(\w+)"', lines)) for name, lines in found.items()}


def test_the_script_has_every_table() -> None:
    assert list(listed()) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_table_of_the_script_is_that_of_python(name: str) -> None:
    assert bytes.fromhex(listed()[name]) == colormap(name).tobytes(), "run tools/web_colors.py"


def test_values_that_are_no_numbers_have_the_colours_of_the_pictures() -> None:
    text = TABLES.read_text(encoding="utf-8")
    for name, color in (("NOT_A_NUMBER", NOT_A_NUMBER), ("INFINITE", INFINITE)):
        assert f'export const {name} = "{bytes(color).hex()}";' in text
