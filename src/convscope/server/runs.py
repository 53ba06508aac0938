"""Runs on demand: started, shared, cancelled, and kept within bounds."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from convscope.errors import Cancelled, ConvscopeError
from convscope.record import record
from convscope.server.answers import Refusal, busy
from convscope.server.jobs import Job, Result
from convscope.server.kept import Kept
from convscope.server.limits import Limits
from convscope.server.networks import Networks
from convscope.server.register import Register, new_id
from convscope.server.tracefile import TraceFile
from convscope.server.wishes import Wish
from convscope.server.workers import Full, Workers

Made = TypeVar("Made")

_FULL = "the server is busy with other work; try again in a second"


class Runs:
    """Every run of one server. Belongs to the event loop in which it was made.

    Args:
        networks: what can be run.
        limits: how much at a time, and how much is kept.
    """

    def __init__(self, networks: Networks, limits: Limits) -> None:
        self._networks, self._limits = networks, limits
        self._loop = asyncio.get_running_loop()
        self._helpers = Workers("convscope-help", limits.workers, limits.queue)
        kept: Kept[Job] = Kept(limits.kept, limits.kept_bytes, lambda job: job.nbytes, pinned=lambda job: not job.over)
        self._jobs = Register(
            kept, Workers("convscope-run", limits.workers, limits.queue), limits.kept,
            full="as many runs are waiting as may; try again in a second",
            gone="this run is no longer kept; start it again",
        )  # fmt: skip
        self._ended = False

    async def help(self, work: Callable[[], Made]) -> Made:
        """Have something short done by a thread, so that the event loop stays free.

        Raises:
            Refusal: 503, too much is waiting.
        """
        try:
            future: Future[Made] = self._helpers.submit(work)
        except Full:
            raise busy(_FULL) from None
        return await asyncio.wrap_future(future)

    async def start(self, wish: Wish) -> Job:
        """Run ``wish``, or give the run of the same wish that is there already.

        Raises:
            SpecError: the network is impossible on this picture, or too large.
            Refusal: 503, too much is waiting.
        """
        known = self._jobs.known(wish.key)
        if known is not None:
            return known
        picture = wish.photo.picture
        total = await self.help(lambda: self._networks.check(wish.offer, picture, wish.settings))
        known = self._jobs.known(wish.key)  # another request may have been faster
        if known is not None:
            return known
        job = Job(new_id(), wish.facts(), total, self._loop)
        return self._jobs.start(wish.key, job, lambda: self._run(job, wish), lambda future: self._over(job, future))

    def _run(self, job: Job, wish: Wish) -> Result:
        """In a thread."""
        job.tell(job.started)
        network = self._networks.open(wish.offer, wish.photo.picture, wish.settings)
        memory = 4 * self._limits.values
        trace = record(network, wish.photo.picture, memory=memory, watch=job.watch)
        return Result(trace, TraceFile(trace), network=network)

    def _over(self, job: Job, future: Future[Result]) -> None:
        if future.cancelled():
            job.end("cancelled")
            return
        error = future.exception()
        if error is None:
            job.end("done", result=future.result())
        elif isinstance(error, Cancelled):
            job.end("cancelled")
        else:
            job.end("failed", sentence(error))
        job.future = None
        self._jobs.kept.trim()

    def job(self, name: str) -> Job:
        """The run that a client calls ``name``.

        Raises:
            Refusal: it is not there, or no longer.
        """
        return self._jobs.job(name)

    def result(self, name: str) -> Result:
        """What came out of a run.

        Raises:
            Refusal: 404 as :meth:`job`; 409 when there is no result, or not yet.
        """
        job = self.job(name)
        if job.result is None:
            why = job.message or ("it is still under way" if not job.over else "it was cancelled")
            raise Refusal(409, "state", f"this run has no result: {why}")
        return job.result

    def drop(self, name: str) -> None:
        """Cancel a run that is not over, and forget one that is.

        Raises:
            Refusal: as :meth:`job`.
        """
        self._jobs.drop(name)

    async def overview(self, result: Result) -> bytes:
        """What the page needs first of a result; made once.

        Raises:
            Refusal: 503, too much is waiting.
        """
        if not result.overview:
            await self.help(lambda: _make_overview(result))
            self._jobs.kept.trim()
        return result.overview

    def close(self) -> None:
        """Cancel everything and answer whoever waits."""
        self._ended = True
        self._jobs.close()

    def stop(self, seconds: float) -> bool:
        """End the threads; whether they ended within ``seconds``."""
        self.close()
        ended = self._helpers.stop(seconds / 2)
        return self._jobs.workers.stop(seconds / 2) and ended


def _make_overview(result: Result) -> None:
    from convscope.contribution import contributions
    from convscope.page import overview_bytes

    with result.lock:
        if not result.overview:
            found = contributions(result.trace).channels if result.trace.scores else {}
            result.overview = overview_bytes(result.trace, contributions=found)


def sentence(error: BaseException) -> str:
    """What people are told of a failure; a defect of ours also goes to standard error."""
    if isinstance(error, ConvscopeError):
        return str(error)
    if isinstance(error, MemoryError):
        return "out of memory; use a smaller picture (size) or a smaller network"
    traceback.print_exception(error, file=sys.stderr)
    return f"internal error ({type(error).__name__}); convscope printed where it happened, please report that"
