"""The grammar of a spec: text to raw layers, before anything is known of what the words mean.

::

    spec     = { separator } [ layer { separator { separator } layer } ] { separator }
    separator= newline | "|"
    layer    = [ name ":" ] word [ "(" [ argument { "," argument } [ "," ] ] ")" ]
    argument = [ word "=" ] value
    value    = number | size | word [ "(" [ value { "," value } ] ")" ] | matrix | tuple | quoted word
    size     = digits "x" digits { "x" digits }
    tuple    = "(" digits "," digits { "," digits } ")"          the same as a size
    matrix   = "[" row { "," row } "]" ,  row = "[" number { "," number } "]"

``#`` starts a comment that runs to the end of its line. Inside brackets a newline is only a space.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from convscope.errors import SpecError

MAX_TEXT = 100_000
"""Most characters of a spec."""
MAX_LAYERS = 1_000
"""Most layers of a spec."""
MAX_NUMBER_LENGTH = 32
"""Most characters of one number."""

# Possessive quantifiers: a text of 100,000 digits is refused in one pass, not by backtracking.
_TOKEN = re.compile(
    r"""(?P<space>[^\S\n]++)
      | (?P<comment>\#[^\n]*+)
      | (?P<newline>\n)
      | (?P<size>\d++(?:[^\S\n]*+[x×][^\S\n]*+\d++)++(?![\w.]))
      | (?P<number>[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?(?![\w.]))
      | (?P<quoted>"[^"\n]*+"|'[^'\n]*+')
      | (?P<word>[\w-]++)
      | (?P<mark>[|:(),=\[\]])""",
    re.VERBOSE,
)


class Place(NamedTuple):
    """Where something stands in a text, both counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


def problem(message: str, place: Place | None) -> SpecError:
    """A :class:`SpecError` that points at its place, where there is one."""
    return SpecError(f"{place}: {message}" if place else message)


@dataclass(frozen=True)
class Value:
    """One value as it was written.

    ``data`` is an int or float (``number``), a tuple of ints (``size``), a string (``word``),
    a word and its arguments (``call``), or a tuple of rows of floats (``matrix``).
    """

    kind: Literal["number", "size", "word", "call", "matrix"]
    data: int | float | str | tuple
    place: Place | None = None

    def __str__(self) -> str:
        if isinstance(self.data, str | int | float):
            return cut(str(self.data))
        if self.kind == "size":
            return cut("x".join(str(part) for part in self.data[:20]))
        if self.kind == "call":
            return cut(f"{self.data[0]}({', '.join(str(argument) for argument in self.data[1][:8])})")
        return f"{len(self.data)}x{len(self.data[0])} numbers"


@dataclass(frozen=True)
class Argument:
    """One argument of a layer; ``key`` is "" when it was given by position."""

    key: str
    value: Value
    place: Place | None = None


@dataclass(frozen=True)
class RawLayer:
    """One layer as it was written; ``name`` is "" when none was given."""

    name: str
    word: str
    arguments: tuple[Argument, ...]
    place: Place | None = None


class _Token(NamedTuple):
    kind: str
    text: str
    place: Place


def read_layers(text: str) -> tuple[RawLayer, ...]:
    """The layers of a text, in order; an ``input(...)`` line is one of them.

    Raises:
        SpecError: with line, column and the text there.

    >>> [layer.word for layer in read_layers("conv(3, 3) | relu  # two layers")]
    ['conv', 'relu']
    """
    return _Reader(text).layers()


def read_value(text: str) -> Value:
    """One value standing alone, as on a command line.

    >>> read_value("3x5").data
    (3, 5)
    >>> str(read_value("constant(0.12)"))
    'constant(0.12)'
    """
    return _Reader(text, placed=False).only_value()


class _Reader:
    """Reads the tokens of one text from left to right."""

    def __init__(self, text: str, *, placed: bool = True) -> None:
        if len(text) > MAX_TEXT:
            raise SpecError(f"the spec has {len(text):,} characters; a spec is a short text, use at most {MAX_TEXT:,}")
        self._lines = text.split("\n")
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self._placed = placed

    def layers(self) -> tuple[RawLayer, ...]:
        """All layers up to the end of the text."""
        found: list[RawLayer] = []
        self._skip_separators()
        while self._peek().kind != "end":
            if len(found) > MAX_LAYERS:
                raise SpecError(f"the spec has more than {MAX_LAYERS:,} layers; use fewer")
            found.append(self._layer())
            if self._peek().text not in {"|", "\n", ""}:
                raise self._unexpected("'|' or a new line between two layers")
            self._skip_separators()
        return tuple(found)

    def only_value(self) -> Value:
        """A value and nothing behind it."""
        value = self._value()
        if self._peek().kind != "end":
            raise self._unexpected("nothing more")
        return value

    def _layer(self) -> RawLayer:
        start = self._take("word", "number", hope="a layer such as conv(3, 3)")
        name, word = "", start
        if self._peek().text == ":":
            self._next()
            name, word = start.text, self._take("word", hope="a layer such as conv(3, 3) behind the name")
        arguments: list[Argument] = []
        if self._peek().text == "(":
            self._open()
            while self._peek().text != ")":
                arguments.append(self._argument())
                if self._peek().text != ")":
                    self._take_mark(",", "',' or ')'")
            self._close(")")
        return RawLayer(name, word.text, tuple(arguments), self._place(start))

    def _argument(self) -> Argument:
        token = self._peek()
        if token.kind == "word" and self._peek(1).text == "=":
            self._next()
            self._next()
            return Argument(token.text, self._value(), self._place(token))
        return Argument("", self._value(), self._place(token))

    def _value(self) -> Value:
        token = self._peek()
        readers: dict[str, Callable[[], Value]] = {
            "[": self._matrix,
            "(": self._tuple,
            "number": self._number_value,
            "size": self._size,
        }
        return readers.get(token.text if token.kind == "mark" else token.kind, self._word)()

    def _word(self) -> Value:
        token = self._take("word", "quoted", hope="a value")
        place = self._place(token)
        if token.kind == "quoted":
            return Value("word", token.text[1:-1].strip(), place)
        if self._peek().text == "(":
            return Value("call", (token.text, self._call_arguments()), place)
        return Value("word", token.text, place)

    def _size(self) -> Value:
        token = self._next()
        return Value("size", tuple(_whole(part, token) for part in re.split("[x×]", token.text)), self._place(token))

    def _number_value(self) -> Value:
        token = self._peek()
        return Value("number", self._number(), self._place(token))

    def _call_arguments(self) -> tuple[Value, ...]:
        self._open()
        values: list[Value] = []
        while self._peek().text != ")":
            if self._peek().kind == "number":
                values.append(self._number_value())
            else:
                token = self._take("word", "quoted", hope="a number or a word")
                values.append(Value("word", token.text.strip("\"'"), self._place(token)))
            if self._peek().text != ")":
                self._take_mark(",", "',' or ')'")
        self._close(")")
        return tuple(values)

    def _tuple(self) -> Value:
        place = self._place(self._peek())
        self._open()
        parts: list[int] = []
        while self._peek().text != ")":
            parts.append(_whole(self._peek().text, self._take("number", hope="a whole number")))
            if self._peek().text != ")":
                self._take_mark(",", "',' or ')'")
        self._close(")")
        return Value("size", tuple(parts), place)

    def _matrix(self) -> Value:
        place = self._place(self._peek())
        self._open()
        rows: list[tuple[float, ...]] = []
        while self._peek().text != "]":
            start = self._peek()
            rows.append(self._row())
            if len(rows[-1]) != len(rows[0]):
                lengths = f"{len(rows[0])} and {len(rows[-1])}"
                message = f"the rows of a kernel have {lengths} numbers; make them equally long"
                raise problem(message, self._place(start))
            if self._peek().text != "]":
                self._take_mark(",", "',' or ']'")
        if not rows or not rows[0]:
            raise self._unexpected("a row of numbers such as [0, 1, 0]")
        self._close("]")
        return Value("matrix", tuple(rows), place)

    def _row(self) -> tuple[float, ...]:
        if self._peek().text != "[":
            raise self._unexpected("a row of numbers such as [0, 1, 0]")
        self._open()
        row: list[float] = []
        while self._peek().text != "]":
            row.append(float(self._number()))
            if self._peek().text != "]":
                self._take_mark(",", "',' or ']'")
        self._close("]")
        return tuple(row)

    def _number(self) -> int | float:
        token = self._take("number", hope="a number")
        if len(token.text) > MAX_NUMBER_LENGTH:
            raise problem(f"a number has {len(token.text):,} characters; use fewer", self._place(token))
        if re.fullmatch(r"[+-]?\d+", token.text):
            return int(token.text)
        value = float(token.text)
        if not math.isfinite(value):
            raise problem(f"{token.text} is too large; use a smaller number", self._place(token))
        return value

    def _skip_separators(self) -> None:
        while self._peek().text in {"|", "\n"}:
            self._next()

    def _peek(self, ahead: int = 0) -> _Token:
        if self._depth:  # inside brackets a newline is a space
            while self._tokens[self._at].kind == "newline":
                self._at += 1
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def _next(self) -> _Token:
        token = self._peek()
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _open(self) -> None:
        self._next()
        self._depth += 1

    def _close(self, mark: str) -> None:
        self._take_mark(mark, f"{mark!r}")
        self._depth -= 1

    def _take(self, *kinds: str, hope: str) -> _Token:
        if self._peek().kind not in kinds:
            raise self._unexpected(hope)
        return self._next()

    def _take_mark(self, mark: str, hope: str) -> None:
        if self._peek().text != mark:
            raise self._unexpected(hope)
        self._next()

    def _place(self, token: _Token) -> Place | None:
        return token.place if self._placed else None

    def _unexpected(self, hope: str) -> SpecError:
        token = self._peek()
        found = {"end": "the text ends", "newline": "the line ends"}.get(token.kind, f"found {cut(token.text)!r}")
        line = self._lines[token.place.line - 1]
        near = cut(line[max(0, token.place.column - 12) :].strip(), 32)
        return problem(f"expected {hope}, but {found}" + (f" near {near!r}" if near else ""), self._place(token))


def _tokens(text: str) -> list[_Token]:
    """The tokens of a text without spaces and comments, closed by one of kind ``end``."""
    tokens: list[_Token] = []
    line, line_start, at = 1, 0, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        place = Place(line, at - line_start + 1)
        if match is None:
            hint = "; names hold letters, digits, _ and -" if text[at] == "." else ""
            raise problem(f"{text[at]!r} means nothing here, near {cut(text[at:], 16)!r}{hint}", place)
        kind = str(match.lastgroup)
        if kind not in {"space", "comment"}:
            tokens.append(_Token(kind, match.group(), place))
        at = match.end()
        if kind == "newline":
            line, line_start = line + 1, at
    tokens.append(_Token("end", "", Place(line, at - line_start + 1)))
    return tokens


def _whole(text: str, token: _Token) -> int:
    if len(text) > MAX_NUMBER_LENGTH or not re.fullmatch(r"\s*\d+\s*", text):
        raise problem(f"a size is made of whole numbers such as 3x3; got {cut(text)!r}", token.place)
    return int(text)


def cut(text: str, length: int = 24) -> str:
    """The beginning of a text, for a message.

    >>> cut("a" * 30)
    'aaaaaaaaaaaaaaaaaaaaaaa…'
    """
    first = text.split("\n", 1)[0]
    return first if len(first) <= length else first[: length - 1] + "…"
