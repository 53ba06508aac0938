"""Work that clients ask for and follow by a name: shared by all who wish the same, cancelled, and forgotten in time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from convscope.server.answers import Refusal, busy
from convscope.server.jobs import Job
from convscope.server.kept import Kept
from convscope.server.workers import Full, Workers

AnyJob = TypeVar("AnyJob", bound=Job)


class Register(Generic[AnyJob]):
    """Every job of one kind. Belongs to the event loop of its server.

    Args:
        kept: jobs by their id.
        workers: the threads that do them.
        most: wishes are remembered for about twice as many jobs.
        full: what a client is told when too much is waiting.
        gone: what it is told of a job that is no longer kept.
    """

    def __init__(self, kept: Kept[AnyJob], workers: Workers, most: int, *, full: str, gone: str) -> None:
        self.kept, self.workers = kept, workers
        self._most, self._full, self._gone = most, full, gone
        self._by_wish: dict[Hashable, str] = {}

    def known(self, wish: Hashable) -> AnyJob | None:
        """The job of the same wish, unless it came to nothing."""
        job = self.kept.get(self._by_wish.get(wish, ""))
        return job if job is not None and job.state not in {"failed", "cancelled"} else None

    def start(self, wish: Hashable, job: AnyJob, work: Callable[[], Any], over: Callable[[Any], None]) -> AnyJob:
        """Have a job done.

        Args:
            wish: another job of the same wish is this one.
            job: what clients follow.
            work: runs in a thread.
            over: is given the finished future, in the event loop.

        Raises:
            Refusal: 503, too much is waiting.
        """
        try:
            job.future = self.workers.submit(work)
        except Full:
            raise busy(self._full) from None
        if len(self._by_wish) > 2 * self._most:
            kept = set(self.kept)
            self._by_wish = {known: name for known, name in self._by_wish.items() if name in kept}
        self.kept.put(job.id, job)
        self._by_wish[wish] = job.id
        job.future.add_done_callback(lambda future: job.tell(over, future))
        return job

    def job(self, name: str) -> AnyJob:
        """The job that a client calls ``name``.

        Raises:
            Refusal: 404, it is not there, or no longer.
        """
        job = self.kept.get(name)
        if job is None:
            raise Refusal(404, "gone", self._gone)
        return job

    def drop(self, name: str) -> None:
        """Cancel a job that is not over, and forget one that is.

        Raises:
            Refusal: as :meth:`job`.
        """
        job = self.job(name)
        if job.over:
            self.kept.drop(name)
            return
        job.stop()
        if job.future is not None:
            self.workers.withdraw(job.future)
        job.end("cancelled")

    def close(self) -> None:
        """Cancel everything and answer whoever waits."""
        for job in self.kept.values():
            job.stop()
            job.wake()


def new_id() -> str:
    """A name that nobody can guess."""
    return secrets.token_urlsafe(12)
