"""What a training tells people while it runs: a line an epoch, and a bar where somebody watches."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from convscope.app.console import note, printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from convscope.train.progress import Progress

HEADING = "epoch      loss   accuracy   validation   accuracy      time   a second"


class Told:
    """Prints what :func:`convscope.train.fit` reports.

    Args:
        quiet: print nothing at all.
        begun: called once, when the first step has been made and the folder of the run is there.
        bars: the bar of a terminal, or None.

    Attributes:
        epoch: the last that ended.
    """

    def __init__(self, *, quiet: bool, begun: Callable[[], None] | None = None, bars: Bars | None = None) -> None:
        self.epoch = 0
        self._quiet, self._begun, self._bars = quiet, begun, bars
        self._task: Any = None
        self._headed = False
        self._best = -1.0
        self._took = 0.0

    def __call__(self, progress: Progress) -> None:
        """Take one report."""
        if progress.stage == "note":
            if not self._quiet:
                note(printable(progress.note))
            return
        if self._begun is not None:
            begun, self._begun = self._begun, None
            begun()
        if progress.stage == "epoch":
            self.epoch = progress.epoch
            if not self._quiet:
                self._line(progress)
        elif self._bars is not None:
            self._move(self._bars, progress)

    def _line(self, progress: Progress) -> None:
        row = dict(progress.row or {})
        if not self._headed:
            self._headed = True
            print(HEADING)
        accuracy = _number(row.get("validation_accuracy"))
        better = accuracy > self._best
        self._best = max(self._best, accuracy) if math.isfinite(accuracy) else self._best
        seconds = _number(row.get("seconds"))
        parts = (
            f"{progress.epoch:>3}/{progress.epochs:<3}",
            f"{_loss(row.get('train_loss')):>7}", f"{_percent(row.get('train_accuracy')):>8}",
            f"{_loss(row.get('validation_loss')):>10}", f"{_percent(row.get('validation_accuracy')):>8}",
            f"{clock(seconds - self._took):>7}", f"{_number(row.get('rate')):>8,.0f}",
        )  # fmt: skip
        self._took = seconds
        print("   ".join(parts) + ("   best" if better and math.isfinite(accuracy) else ""), flush=True)
        if self._bars is not None and self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None

    def _move(self, bars: Bars, progress: Progress) -> None:
        if self._task is None:
            self._task = bars.add_task("", total=progress.steps, facts="")
        what = "validating" if progress.stage == "validate" else f"loss {_loss(progress.loss)}"
        shown = [what, _percent(progress.accuracy), f"{progress.rate:,.0f}/s"]
        if progress.left is not None:
            shown.append(f"{clock(progress.left)} left")
        bars.update(
            self._task, total=progress.steps, completed=progress.step,
            description=f"epoch {progress.epoch}/{progress.epochs}", facts="  ".join(part for part in shown if part),
        )  # fmt: skip


@contextmanager
def told(*, quiet: bool, begun: Callable[[], None] | None = None) -> Iterator[Told]:
    """Something to watch a training with, as long as the block runs; the bar is there only for a terminal."""
    if quiet or not sys.stderr.isatty():
        yield Told(quiet=quiet, begun=begun)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), MofNCompleteColumn(),
        TextColumn("{task.fields[facts]}", markup=False),
    )  # fmt: skip
    # lines for standard output pass above the bar where both are the same terminal, and else go their own way
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()) as bars:
        yield Told(quiet=quiet, begun=begun, bars=bars)


def clock(seconds: float) -> str:
    """A time as people say it.

    >>> clock(0.834), clock(12.3), clock(75), clock(3725), clock(float("nan"))
    ('0.8 s', '12 s', '1:15', '1:02:05', '')
    """
    if not math.isfinite(seconds):
        return ""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan


def _loss(value: Any) -> str:
    number = _number(value)
    return f"{number:.4f}" if math.isfinite(number) else ""


def _percent(value: Any) -> str:
    number = _number(value)
    return f"{100 * number:.2f} %" if math.isfinite(number) else ""
