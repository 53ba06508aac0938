"""A script's source without its comments, which an exported page has no use for: they are a third of our sources."""

from __future__ import annotations

import re

_STRINGS = r"""[^"'`/{}]++|"(?:[^"\\\n]|\\[\s\S])*+"|'(?:[^'\\\n]|\\[\s\S])*+'"""
_OUTSIDE = re.compile(rf"(?:{_STRINGS}|[{{}}])*+")
"""Code up to a comment, a template, a slash of another meaning, or the end."""

_WITHIN = re.compile(rf"(?:{_STRINGS})*+")
"""The same between ``${`` and ``}`` of a template, where braces are counted."""

_TEMPLATE = re.compile(r"(?:[^`\\$]++|\\[\s\S]|\$(?!\{))*+(?:`|\$\{)?")
_COMMENT = re.compile(r"//[^\n]*+|/\*[\s\S]*?\*/")
_PATTERN = re.compile(r"/(?:[^/\\\[\n]++|\\.|\[(?:[^\]\\\n]|\\.)*+\])++/")
_WORD_BEFORE_PATTERN = re.compile(
    r"""(?<![\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|yield|await)\s*\Z"""
)


def without_comments(text: str) -> str:
    r"""The source of a module with each comment replaced by a space or, where it went over several lines, a new line.

    Lines that held nothing else go. Strings, templates and patterns (``/[/*]/``) stay as they are. A slash after a
    value divides; ``if (x) /pattern/`` and a statement that begins with a pattern are therefore not understood, and
    our sources have neither.

    >>> without_comments("/** @type {string} */\nconst a = `// ${1 /* one */}`; // why\n")
    'const a = `// ${1  }`;\n'
    """
    kept: list[str] = []
    depths: list[int] = []  # of braces, in each template that the place is in
    place = 0
    while place < len(text):
        start = place
        place = (_WITHIN if depths else _OUTSIDE).match(text, place).end()  # type: ignore[union-attr]  # may be empty
        kept.append(text[start:place])
        mark = text[place : place + 1]
        if mark == "/" and (comment := _COMMENT.match(text, place)):
            place = _drop(text, comment, kept)
            continue
        start = place
        if mark == "/":
            pattern = None if _divides("".join(kept[-2:])) else _PATTERN.match(text, place)
            place = pattern.end() if pattern else place + 1
        elif mark == "`" or (mark == "}" and depths and not depths[-1]):
            if mark == "}":
                depths.pop()
            place = _TEMPLATE.match(text, place + 1).end()  # type: ignore[union-attr]  # may be empty
            if text.endswith("${", start, place):
                depths.append(0)
        elif mark:
            if depths and mark in "{}":
                depths[-1] += 1 if mark == "{" else -1
            place += 1
        kept.append(text[start:place])
    return "".join(kept)


def _drop(text: str, comment: re.Match[str], kept: list[str]) -> int:
    """Leave out a comment; where the text goes on."""
    before = kept[-1].rstrip(" \t")
    ends_line = text.startswith("\n", comment.end()) or comment.end() == len(text)
    if ends_line:
        kept[-1] = before
        line = text.rfind("\n", 0, comment.start()) + 1
        alone = not text[line : comment.start()].strip(" \t")
        return comment.end() + 1 if alone else comment.end()
    kept.append("\n" if "\n" in comment[0] else " ")
    return comment.end()


def _divides(before: str) -> bool:
    """Whether a slash after this text divides: it follows a value."""
    code = before.rstrip()
    value = code[-1:].isalnum() or code[-1:] in tuple("_$)]}\"'`") or code.endswith(("++", "--"))
    return value and not _WORD_BEFORE_PATTERN.search(code[-12:])
