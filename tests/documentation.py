"""The pages of the documentation, and their parts: sections, blocks of code, rows of tables."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    """The text of a page of the documentation."""
    return (DOCS / name).read_text(encoding="utf-8")


CLI = page("cli.md")


def section(title: str, text: str = CLI) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    ((level, rest),) = re.findall(rf"(?ms)^(#+) {re.escape(title)}\n(.*)", text)
    return re.split(rf"(?m)^#{{1,{len(level)}}} ", rest, maxsplit=1)[0]


def fenced(text: str, language: str = "") -> list[str]:
    """The code blocks of one language."""
    return [code for word, code in re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", text) if word == language]


def rows(pattern: str, text: str) -> list[str]:
    """The first cells of the rows of tables, of those rows that begin like ``pattern``."""
    return re.findall(rf"(?m)^\| {pattern}", text)
