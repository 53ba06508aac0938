"""Heat maps on demand: of traces that the server has, made one at a time, followed and cancelled as runs are."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from dataclasses import dataclass, replace

from convscope.errors import Cancelled, RunError
from convscope.server.answers import Refusal
from convscope.server.jobs import Job, Result
from convscope.server.kept import Kept
from convscope.server.limits import Limits
from convscope.server.mapwishes import MapWish, check_wish
from convscope.server.register import Register, new_id
from convscope.server.runs import Runs, sentence
from convscope.server.workers import Workers
from convscope.traces import Map, Trace


@dataclass(eq=False)
class MapJob(Job):
    """One map that was asked for.

    Attributes:
        made: the map, when it is done.
        seconds: how long it may take.
    """

    made: Map | None = None
    seconds: float = 120.0
    _until: float = float("inf")
    _before: int = 0
    _last: int = 0

    @property
    def nbytes(self) -> int:
        """What keeping it takes."""
        return 0 if self.made is None else self.made.value.nbytes

    def begin(self) -> None:
        """A thread is at it; called in that thread."""
        self._until = time.monotonic() + self.seconds
        self.tell(self.started)

    def passed(self, done: int, total: int | None, what: str) -> None:
        """Some passes are done; called in the thread that makes the map.

        Raises:
            Cancelled: nobody wants it any more.
            RunError: it takes too long for a server.
        """
        if time.monotonic() > self._until:
            raise RunError(
                f"this explanation takes longer than the {self.seconds:.0f} seconds that a server gives it; make it "
                "with convscope explain, or choose a faster method"
            )
        if done < self._last:  # another part of the work, which counts from the beginning
            self._before += self._last
        self._last = done
        self.total = None if total is None else self._before + total
        self.advance(self._before + done, what)

    def finish(self, made: Map) -> None:
        """It is there."""
        if not self.over:
            self.made = made
            self.state = "done"
            self.total = self.progress.done
        self.wake()


class Explanations:
    """Every explanation of one server. Belongs to the event loop in which it was made.

    Args:
        runs: where the traces are.
        limits: how many are kept, and how long one may take.
    """

    def __init__(self, runs: Runs, limits: Limits) -> None:
        self._runs, self._limits = runs, limits
        self._loop = asyncio.get_running_loop()
        maker = Workers("convscope-why", 1, limits.queue)  # one, so that runs find a processor
        kept: Kept[MapJob] = Kept(
            limits.kept, limits.maps_bytes, lambda job: job.nbytes, pinned=lambda job: not job.over
        )
        self._jobs = Register(
            kept, maker, limits.kept,
            full="as many explanations are waiting as may; try again in a second",
            gone="this explanation is no longer kept; ask for it again",
        )  # fmt: skip

    def start(self, name: str, wish: MapWish) -> MapJob:
        """Make a map of the trace ``name``, or give the one of the same wish that is there already.

        Raises:
            Refusal: 404 or 409 as :meth:`convscope.server.runs.Runs.result`; 422, the trace has no such class or step;
                503, too much is waiting.
        """
        result = self._runs.result(name)
        check_wish(wish, result.trace)
        known = self._jobs.known((name, wish))
        if known is not None:
            return known
        about = {"trace": name, **wish.facts()}
        job = MapJob(new_id(), about, None, self._loop, seconds=self._limits.explain_seconds)
        return self._jobs.start(
            (name, wish), job, lambda: _make(job, result, wish), lambda future: self._over(job, result, future)
        )

    def _over(self, job: MapJob, result: Result, future: Future[Map]) -> None:
        if future.cancelled() or isinstance(future.exception(), Cancelled):
            job.end("cancelled")
        elif (error := future.exception()) is not None:
            job.end("failed", sentence(error))
        elif not job.over:  # not one that was cancelled at its last pass
            made = future.result()
            result.trace = with_map(result.trace, made, self._limits.maps)
            job.finish(made)
        job.future = None
        self._jobs.kept.trim()

    def job(self, name: str) -> MapJob:
        """The explanation that a client calls ``name``.

        Raises:
            Refusal: it is not there, or no longer.
        """
        return self._jobs.job(name)

    def map(self, name: str) -> Map:
        """What came out.

        Raises:
            Refusal: 404 as :meth:`job`; 409 when there is none, or not yet.
        """
        job = self.job(name)
        if job.made is None:
            why = job.message or ("it is still being made" if not job.over else "it was cancelled")
            raise Refusal(409, "state", f"this explanation has no map: {why}")
        return job.made

    def drop(self, name: str) -> None:
        """Cancel one that is not over, and forget one that is; the trace keeps a map that it got.

        Raises:
            Refusal: as :meth:`job`.
        """
        self._jobs.drop(name)

    def close(self) -> None:
        """Cancel everything and answer whoever waits."""
        self._jobs.close()

    def stop(self, seconds: float) -> bool:
        """End the thread; whether it ended within ``seconds``."""
        self.close()
        return self._jobs.workers.stop(seconds)


def _make(job: MapJob, result: Result, wish: MapWish) -> Map:
    """In a thread."""
    from convscope.explaining.verb import explain_trace

    job.begin()
    job.passed(0, None, "")
    trace = result.trace
    found = explain_trace(
        trace, network=result.network, target=wish.asked(trace), method=wish.method, layer=wish.layer,
        thorough=wish.thorough, watch=job.passed,
    )  # fmt: skip
    return found.map


def with_map(trace: Trace, made: Map, most: int) -> Trace:
    """The trace with one more map, the newest first; a map of the same method, class and layer gives way to it."""

    def key(map_: Map) -> tuple[str, str, str]:
        return map_.method, map_.target, map_.layer

    others = [map_ for map_ in trace.maps if key(map_) != key(made)]
    return replace(trace, maps=(made, *others)[:most])
