"""One run: waiting, running, done, failed or cancelled, and news of it."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from convscope.errors import Cancelled
from convscope.network import Live, Network
from convscope.server.tracefile import TraceFile
from convscope.traces import Trace

#: Between two pieces of news from a running network; a page shows no more.
_PAUSE = 0.05


@dataclass(eq=False)
class Result:
    """What came out: the trace, its file, and its overview once somebody has asked for it.

    Attributes:
        trace: as it was recorded; explanations that were asked for later are added to it.
        file: the trace as it was recorded, and that for ever: clients read it by ranges.
        overview: what a page shows first.
        network: what recorded it; its parameters are those of the trace. None to run the trace's own steps again.
    """

    trace: Trace
    file: TraceFile
    overview: bytes = b""
    network: Network | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    _live: int = field(init=False)

    def __post_init__(self) -> None:
        # The file holds a copy of the parameters; those of the network that made it stay beside it.
        self._live = sum(array.nbytes for step in self.trace for array in step.params.values())

    @property
    def nbytes(self) -> int:
        """What keeping it takes, at most."""
        maps = sum(explanation.value.nbytes for explanation in self.trace.maps)
        return self.file.size + self._live + len(self.overview) + maps


@dataclass(frozen=True)
class Progress:
    """How far a run is: position and module (or kind) of the last step, and how many were recorded."""

    done: int = 0
    name: str = ""


@dataclass(eq=False)
class Job:
    """One run. All but :meth:`watch` and :meth:`advance` belongs to the event loop.

    Attributes:
        id: what a client calls it.
        about: what is run, as the API says it; the picture itself is not held.
        total: how many steps it will have, None where nobody knows.
        state: ``waiting``, ``running``, ``done``, ``failed`` or ``cancelled``.
        message: why it failed.
        result: what came out, when it is done.
        future: the work.
    """

    id: str
    about: dict[str, Any]
    total: int | None
    loop: asyncio.AbstractEventLoop
    state: str = "waiting"
    message: str = ""
    result: Result | None = None
    future: Future[Any] | None = None
    progress: Progress = field(default_factory=Progress)
    _stop: threading.Event = field(default_factory=threading.Event)
    _told: float = 0.0
    _owed: bool = False
    _waiting: set[asyncio.Future[None]] = field(default_factory=set)

    @property
    def over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in {"done", "failed", "cancelled"}

    @property
    def nbytes(self) -> int:
        """What keeping it takes."""
        return self.result.nbytes if self.result else 0

    def watch(self, live: Live) -> None:
        """A step was recorded; called in the thread that runs the network.

        Raises:
            Cancelled: nobody wants the result any more.
        """
        self.advance(self.progress.done + 1, live.module or live.kind)

    def advance(self, done: int, name: str) -> None:
        """So much is done; called in the thread that works.

        Raises:
            Cancelled: nobody wants the result any more.
        """
        if self._stop.is_set():
            raise Cancelled("the run was cancelled; start it again to see it")
        self.progress = Progress(done, name)
        now = time.monotonic()
        if now - self._told >= _PAUSE:
            self._told = now
            self.tell(self.started)
        elif not self._owed:
            self._owed = True
            self.tell(self._soon)

    def _soon(self) -> None:
        """Have the steps told that came right after another, in case the next one takes long."""
        self.loop.call_later(_PAUSE, self._late)

    def _late(self) -> None:
        self._owed = False
        self.started()

    def tell(self, change: Any, *args: Any) -> None:
        """Have the event loop make a change; from any thread."""
        try:
            self.loop.call_soon_threadsafe(change, *args)
        except RuntimeError:  # the server has ended meanwhile
            self._stop.set()

    def stop(self) -> None:
        """Let the run end at its next step."""
        self._stop.set()

    def started(self) -> None:
        """A thread is at it, and there is news."""
        if not self.over:
            self.state = "running"
            self.wake()

    def end(self, state: str, message: str = "", result: Result | None = None) -> None:
        """It is over; what was cancelled stays so."""
        if not self.over:
            self.state, self.message, self.result = state, message, result
            if result is not None:
                self.progress = Progress(len(result.trace), result.trace.steps[-1].name)
        self.wake()

    def wake(self) -> None:
        """Answer whoever waits for news."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def news(self, seen: int | None, seconds: float) -> None:
        """Return when it is over, when more than ``seen`` steps are done, or after ``seconds``."""
        stop = self.loop.time() + seconds
        while not self.over and (seen is None or self.progress.done <= seen) and self.loop.time() < stop:
            waiter: asyncio.Future[None] = self.loop.create_future()
            self._waiting.add(waiter)
            try:
                async with asyncio.timeout_at(stop):
                    await waiter
            except TimeoutError:
                return
            finally:
                self._waiting.discard(waiter)
            if not self.over and self._stop.is_set():
                return

    def facts(self) -> dict[str, Any]:
        """What the API says of it."""
        done, name = self.progress.done, self.progress.name
        progress = {"step": done - 1 if done else None, "name": name, "done": done, "total": self.total}
        message = self.message or None
        return {"id": self.id, "state": self.state, "progress": progress, "message": message, **self.about}
