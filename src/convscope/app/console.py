"""Tables, notes and progress for people at a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def print_json(value: Mapping[str, Any]) -> None:
    """One object on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def console() -> Console:
    """Standard output; a pipe gets lines as long as they need, a terminal its width."""
    width = None if sys.stdout.isatty() else 160
    return Console(width=width, highlight=False, soft_wrap=False, emoji=False, markup=False)


def note(text: str) -> None:
    """A remark on standard error, so that standard output stays what was asked for."""
    print(text, file=sys.stderr)


def table(
    title: str, columns: Iterable[tuple[str, str]], rows: Iterable[Iterable[str]], total: Iterable[str] = ()
) -> Table:
    """A plain table; ``columns`` are (heading, "left" or "right"). Names are text, never markup."""
    made = Table(
        title=Text(title),
        title_justify="left",
        box=None,
        header_style="bold",
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for heading, justify in columns:
        made.add_column(
            heading,
            justify="right" if justify == "right" else "left",
            overflow="fold",
            no_wrap=justify == "right",
        )
    for row in rows:
        made.add_row(*(Text(printable(cell)) for cell in row))
    last = tuple(total)
    if last:
        made.add_section()
        made.add_row(*(Text(cell, style="bold") for cell in last))
    return made


def printable(text: str) -> str:
    r"""Text from outside with everything that steers a terminal escaped.

    >>> print(printable("red\x1b[31m"))
    red\x1b[31m
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def name_text(name: str) -> str:
    r"""A file's name as text; bytes that are none are spelled out.

    >>> print(name_text(b"caf\xe9.png".decode("utf-8", "surrogateescape")))
    caf\xe9.png
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def where(name: str) -> str:
    """The path of a file in a folder, before a sentence; of one that lies here the sentence itself has the name.

    >>> where("photos/cat.jpg"), where("cat.jpg")
    ('photos/cat.jpg: ', '')
    """
    return f"{printable(name_text(name))}: " if os.path.dirname(name) else ""  # noqa: PTH120


class Stages:
    """Progress of a command on standard error; silent where that is no terminal."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def stage(self, text: str, total: int | None = None) -> None:
        """Go on to the next stage; with ``total``, rate and time left are shown."""
        if self._progress is not None:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(text, total=total)

    def advance(self) -> None:
        """One of the stage's ``total`` is done."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task)

    def reached(self, done: int) -> None:
        """So many of the stage's ``total`` are done."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done)

    def line(self, text: str) -> None:
        """A line of the result on standard output, above the bar where both are on one terminal."""
        if self._progress is not None and sys.stdout.isatty():
            self._progress.console.print(Text(text), soft_wrap=True)
        else:
            print(text)


@contextmanager
def stages(*, quiet: bool = False) -> Iterator[Stages]:
    """Show progress while the block runs."""
    if quiet or not sys.stderr.isatty():
        yield Stages()
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )

    class Rate(ProgressColumn):
        """How many a second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.2g}/s")

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    shown = Console(stderr=True)
    with Progress(*columns, console=shown, transient=True, redirect_stdout=False) as progress:
        yield Stages(progress)
