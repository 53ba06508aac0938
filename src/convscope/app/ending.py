"""How a command ends that did not end well: one sentence and a status."""

from __future__ import annotations

import errno
from typing import Any

import typer

from convscope.errors import ConvscopeError

DISK_FULL, INTERRUPTED = 4, 130
STOPPED = "stopped; nothing was left half-written"


def sentence_for(error: BaseException) -> tuple[str, int]:
    """What is said of an error, and the exit status.

    >>> sentence_for(KeyboardInterrupt())
    ('stopped; nothing was left half-written', 130)
    """
    if _is_disk_full(error):
        return "the disk is full, so nothing was written; make room, or choose another place", DISK_FULL
    match error:
        case typer.Abort() | KeyboardInterrupt():
            found = STOPPED, INTERRUPTED
        case ConvscopeError():
            found = str(error), error.exit_status
        case OSError():
            found = f"cannot go on: {error}", 1
        case MemoryError():
            found = "out of memory; use a smaller picture (--size) or a smaller network", 1
        case _ if hasattr(error, "format_message"):  # what typer says of a wrong call
            found = f"{_one_line(error.format_message())}; see convscope --help", 2
        case _:
            what = f"{type(error).__name__}: {_one_line(error)}"
            found = f"internal error ({what}); run again with --debug and report what it prints", 1
    return found


def _is_disk_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return True
        error = error.__cause__
    return False


def _one_line(text: Any) -> str:
    return " ".join(str(text).split()).rstrip(".")
