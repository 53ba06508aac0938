"""Ctrl-C during a training: the first one asks it to stop, the second one stops at once."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType


class Interrupt:
    """While it is entered, Ctrl-C sets ``asked``; another one raises KeyboardInterrupt on the spot.

    Outside the main thread, where Python allows no handlers, nothing is changed. What handled the signal before
    handles it again afterwards.

    Args:
        grace: seconds after the first one in which another is taken for the same; a terminal sends Ctrl-C to
            every process, and ``torchrun`` hands it on a second time.

    >>> with Interrupt() as interrupt:
    ...     signal.raise_signal(signal.SIGINT)
    ...     interrupt.asked
    True
    """

    def __init__(self, grace: float = 0.0) -> None:
        self.asked = False
        self._grace = grace
        self._first = 0.0
        self._before: object = None
        self._installed = False

    def __enter__(self) -> Interrupt:  # noqa: PYI034 - beartype knows no Self in a method
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._installed:
            before = self._before if callable(self._before) or self._before is not None else signal.SIG_DFL
            signal.signal(signal.SIGINT, before)  # type: ignore[arg-type]
            self._installed = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.asked:
            self.asked, self._first = True, now
        elif now - self._first >= self._grace:
            raise KeyboardInterrupt
