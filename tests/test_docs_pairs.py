"""A page and its Chinese one say the same: headings, code, tables, links and figures are held equal."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from documentation import DOCS, ROOT

CHINESE = ".zh-CN"
PAIRS = {
    chinese.name: (chinese.with_name(chinese.name.replace(CHINESE, "")), chinese)
    for folder in (DOCS, ROOT)
    for chinese in sorted(folder.glob(f"*{CHINESE}.md"))
}
both = pytest.mark.parametrize("name", PAIRS)


def texts(name: str) -> tuple[str, str]:
    """A page in English and in Chinese."""
    english, chinese = PAIRS[name]
    return english.read_text(encoding="utf-8"), chinese.read_text(encoding="utf-8")


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"(?ms)^```.*?^```$", "", text)


def code_of(text: str) -> list[tuple[str, list[str]]]:
    """The language of each block and the code in it, without the words beside it."""
    blocks = re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", text)
    return [(language, [line for line in map(bare, code.splitlines()) if line]) for language, code in blocks]


def bare(line: str) -> str:
    """What is typed in a line: comments and explanations set apart by spaces are in the page's language."""
    typed = re.split(r"(?<=\S)\s{2,}|(?:^|\s)#", line.rstrip(), maxsplit=1)[0]
    return typed if typed.isascii() else ""


def tables_of(text: str) -> list[list[list[str]]]:
    """The rows of all tables: of each cell the numbers, where it holds nothing else."""
    rows = [line.split("|")[1:-1] for line in prose(text).splitlines() if line.startswith("|")]
    return [[numbers_in(cell) for cell in row] for row in rows]


def numbers_in(cell: str) -> list[str]:
    """The numbers of a cell of figures, intervals with their "to" among them; none of a cell with words."""
    rest = re.sub(r"\bto\b|到", " ", cell)
    return [] if any(sign.isalpha() for sign in rest) else re.findall(r"\d+(?:[.,]\d+)*", rest)


def without_links(text: str) -> str:
    return re.sub(r"\]\([^)]*\)", "]", text)


def targets_of(text: str) -> Counter[str]:
    """Where links and pictures lead, whichever the language and the colours of a screen."""
    found = re.findall(r"\]\(<?([^)\s>]+)", re.sub(r"`[^`\n]*`", "", prose(text)))
    return Counter(re.sub(r"(-dark|-light|-zh|-en)\b", "", target.replace(CHINESE, "")) for target in found)


def spans_of(text: str) -> Counter[str]:
    return Counter(re.findall(r"`([^`\n]+)`", prose(text)))


def figures_of(text: str) -> Counter[str]:
    """Numbers with a fraction, which both languages write in figures."""
    return Counter(re.findall(r"(?<![A-Za-z\d.])\d+\.\d+(?!\.?\d)", without_links(prose(text))))


@both
def test_each_page_of_a_pair_leads_to_the_other(name: str) -> None:
    english, chinese = texts(name)
    page, other = PAIRS[name]
    assert f"]({other.name})" in "".join(english.splitlines(keepends=True)[:20])
    assert f"]({page.name})" in "".join(chinese.splitlines(keepends=True)[:20])


@both
def test_headings_and_tables_are_the_same(name: str) -> None:
    english, chinese = texts(name)
    levels = [[len(mark) for mark in re.findall(r"(?m)^(#+) ", prose(text))] for text in (english, chinese)]
    assert levels[0] == levels[1]
    assert tables_of(english) == tables_of(chinese)


@both
def test_code_is_the_same(name: str) -> None:
    english, chinese = texts(name)
    assert code_of(english) == code_of(chinese)
    assert spans_of(english) - spans_of(chinese) == Counter()


@both
def test_links_and_pictures_are_the_same(name: str) -> None:
    english, chinese = texts(name)
    assert targets_of(english) == targets_of(chinese)


@both
def test_figures_are_the_same(name: str) -> None:
    english, chinese = texts(name)
    assert figures_of(english) == figures_of(chinese)


@both
def test_a_chinese_page_leads_to_chinese_pages(name: str) -> None:
    """To the English one only where it says that it does."""
    _, chinese = texts(name)
    known = {page.name: other.name for page, other in PAIRS.values()}
    own = PAIRS[name][0].name
    for shown, target in re.findall(r"\[([^\]]*)\]\(([^)\s#]+)[^)]*\)", prose(chinese)):
        leaf = Path(target).name
        if leaf in known and leaf != own:
            assert shown.isascii(), f"{shown} leads to {target}, and there is {known[leaf]}"


def entries(nav: list[Any]) -> Iterator[str]:
    """The pages of a navigation in their order."""
    for entry in nav:
        for where in entry.values():
            yield from [where] if isinstance(where, str) else entries(where)


def test_the_chinese_page_comes_right_after_the_english_one() -> None:
    nav = list(entries(tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]))
    assert sorted(nav) == sorted(path.name for path in DOCS.glob("*.md"))
    for page, other in PAIRS.values():
        if page.parent == DOCS:
            assert nav[nav.index(page.name) + 1] == other.name
