"""A few threads and a short queue in front of them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Full(Exception):  # noqa: N818 - a state, not a defect
    """As much is waiting as may."""


class Workers:
    """Threads that do pieces of work in the order in which they came.

    The threads are daemons, unlike those of ``concurrent.futures``: nobody waits for a forward pass after Ctrl-C.

    Args:
        name: of the threads.
        threads: how many.
        waiting: pieces of work that may wait.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._most = waiting
        self._queue: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._changed = threading.Condition()
        self._idle = 0
        self._stopped = False
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{i}", daemon=True) for i in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[], Any]) -> Future[Any]:
        """Have ``work`` done by a thread.

        Raises:
            Full: too much is waiting already.
        """
        future: Future[Any] = Future()
        with self._changed:
            if len(self._queue) - self._idle >= self._most:
                raise Full
            self._queue.append((future, work))
            self._changed.notify()
        return future

    def withdraw(self, future: Future[Any]) -> bool:
        """Take back what no thread has begun; whether that was possible."""
        with self._changed:
            for entry in self._queue:
                if entry[0] is future:
                    self._queue.remove(entry)
                    future.cancel()
                    return True
        return False

    def stop(self, seconds: float) -> bool:
        """Drop what waits and let the threads end; whether they did within ``seconds``."""
        with self._changed:
            self._stopped = True
            while self._queue:
                self._queue.popleft()[0].cancel()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(seconds / len(self._threads))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (entry := self._next()) is not None:
            future, work = entry
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked
                future.set_exception(error)
            else:
                future.set_result(result)
            del entry, future, work  # an idle thread holds nobody's memory
            result = None

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._changed:
            self._idle += 1
            try:
                while not self._queue and not self._stopped:
                    self._changed.wait()
                return None if self._stopped else self._queue.popleft()
            finally:
                self._idle -= 1
