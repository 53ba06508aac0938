"""The epochs of one training: steps, validations, checkpoints, and what is told of them."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64

from convscope.data.augment import Augment, augment
from convscope.data.feed import Feed
from convscope.data.order import batches, in_turn
from convscope.errors import TrainingError
from convscope.train import losses, pixels
from convscope.train.average import Average, put, values
from convscope.train.checkpoint import Checkpoints
from convscope.train.distributed import Group
from convscope.train.environment import seed_step
from convscope.train.forward import prepare
from convscope.train.freezing import FirstLayer
from convscope.train.interrupt import Interrupt
from convscope.train.manifest import Plan
from convscope.train.metrics import Row, Sums, better
from convscope.train.optimiser import Optimiser
from convscope.train.progress import Pace, Progress, Stage, Watch
from convscope.train.recipe import Recipe
from convscope.train.resuming import check_tensors
from convscope.train.schedule import factor
from convscope.train.state import State
from convscope.train.steps import Stepper, is_out_of_memory

if TYPE_CHECKING:
    import torch
    from torch import nn

TOLD_EVERY = 0.1
"""Seconds between two reports to whoever watches."""
MOST_TOLD = 5
"""So many photos are named of those that went bad in an epoch."""
LARGEST_VALIDATION_BATCH, SMALLEST_VALIDATION_BATCH = 512, 64

EndOfEpoch = Callable[["nn.Module", Row, bool], None]
AfterEpoch = Callable[[list[Row]], None]


class Session:
    """One training on its way.

    Args:
        model: the network that is trained, on ``device``.
        plan: which samples are trained on and which validated with.
        recipe: how.
        device: where.
        precision: ``float32`` or ``bfloat16``.
        group: the processes that work on it.
        checkpoints: where the state is kept; None in a process that does not write.
        interrupt: says whether to stop.
        watch: told how far it is.
        at_epoch: called with the model that was validated (in evaluation mode), the epoch's numbers, and whether no
            epoch comes after it.
        after_epoch: called with the numbers of all epochs when the checkpoint is written.
        save_every: seconds between two checkpoints.
    """

    def __init__(
        self,
        model: nn.Module,
        plan: Plan,
        recipe: Recipe,
        *,
        device: str,
        precision: Any,
        group: Group,
        checkpoints: Checkpoints | None,
        interrupt: Interrupt,
        watch: Watch | None = None,
        at_epoch: EndOfEpoch | None = None,
        after_epoch: AfterEpoch | None = None,
        save_every: float = 60.0,
    ) -> None:
        self.model, self.plan, self.recipe = model, plan, recipe
        self.device, self.precision, self.group, self.checkpoints = device, precision, group, checkpoints
        self.state = State()
        self.notes: list[str] = []
        self._interrupt, self._watch, self._save_every = interrupt, watch, save_every
        self._at_epoch, self._after_epoch = at_epoch, after_epoch
        self.forward = _compiled(prepare(model, precision=precision), wanted=recipe.compile)
        self._values = values(model)
        self._optimiser = Optimiser(model, recipe)
        self._average = Average(model, recipe.ema) if recipe.ema else None
        self._stepper = Stepper(self.forward, model, self._optimiser, recipe, group, self.note)
        self._first = FirstLayer(model)
        self._augment = Augment.parse(recipe.augment)
        self._labels = np.asarray(plan.samples.labels, np.int64)
        self._pace = Pace()
        self._told = self._saved = 0.0
        self._replaced = 0
        self._began = time.perf_counter()
        self._before = 0.0

    # -- state ---------------------------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything that a checkpoint keeps beside the state."""
        kept = {f"model/{name}": value for name, value in self._values.items()}
        kept |= {f"optimiser/{name}": value for name, value in self._optimiser.state().items()}
        if self._average is not None:
            kept |= {f"mean/{name}": value for name, value in self._average.state().items()}
        return kept

    def load(self, state: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a checkpoint.

        Raises:
            DataError: it is of another network.
        """
        check_tensors(self._values, _under(tensors, "model/"))
        put(self._values, _under(tensors, "model/"))
        self._optimiser.load(_under(tensors, "optimiser/"))
        if self._average is not None:
            self._average.load(_under(tensors, "mean/"))
        self.state = State.from_dict(state)
        patience = self.recipe.patience
        self.state.ended = self.state.epoch >= self.recipe.epochs or bool(patience and self.state.waited >= patience)
        self._before = self.state.seconds
        self._stepper.parts = self.state.parts

    def save(self) -> None:
        """Write a checkpoint, in the process that writes.

        Raises:
            TrainingError: a weight is not finite, so that this is nothing to go on from.
            OutputError: it cannot be written; the one before is as it was.
        """
        self._saved = time.perf_counter()
        if self.checkpoints is None:
            return
        _check_finite(self._values, self.state)
        self.state.parts = self._stepper.parts
        self.state.seconds = self._before + self._saved - self._began
        self.checkpoints.save(self.state.as_dict(), self.tensors())

    # -- epochs --------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Train until the epochs are over, or nothing gets better any more.

        Raises:
            KeyboardInterrupt: somebody pressed Ctrl-C; a checkpoint was written.
            TrainingError: the loss or a gradient is not finite, or memory ran out; the last checkpoint is good.
            OutputError: a checkpoint cannot be written.
        """
        self._began = self._saved = time.perf_counter()
        self._pace = Pace()
        try:
            while self.state.epoch < self.recipe.epochs and not self.state.ended:
                self._train_epoch()
                self._end_epoch()
        finally:
            self._first.hold(False)
        if self._anybody_asked():
            self._stop()

    def _train_epoch(self) -> None:
        state, epoch = self.state, self.state.epoch
        plan = self._batches(epoch)
        self.model.train()
        with Feed(self.plan.samples, [self.group.part(batch) for batch in plan], first=state.step) as feed:
            for numbers, taken in feed:
                self._step(numbers, taken, len(plan[state.step]), epoch, len(plan))
                self._tell("train", state.step, len(plan), state.sums)
                if self.group.size == 1 and self._interrupt.asked:
                    self._stop()
                if time.perf_counter() - self._saved > self._save_every:
                    self.save()

    def _step(self, numbers: Int64[np.ndarray, " n"], taken: np.ndarray, batch: int, epoch: int, steps: int) -> None:
        import torch

        state, recipe = self.state, self.recipe
        images = pixels.unit(taken, self.device)
        images = self._augmented(images, numbers, epoch)
        images = pixels.scaled(images, recipe.scale)
        labels = torch.from_numpy(self._labels[numbers]).to(self.device)
        if recipe.freeze:
            self._first.hold(state.taken >= recipe.freeze * recipe.epochs * steps)
        self._rate = recipe.learning_rate * factor(recipe.schedule, state.taken, recipe.epochs * steps, recipe.warmup)
        try:
            outcome = self._stepper.step(
                images, labels, batch=batch, rate=self._rate, stop=self._interrupt.asked,
                seed=lambda: seed_step(recipe.seed, state.taken, self.group.rank),
            )  # fmt: skip
        except TrainingError as error:
            raise TrainingError(f"{error}, in step {state.step + 1} of epoch {epoch + 1}{_advice(error)}") from None
        state.step += 1
        state.taken += 1
        state.sums.add(outcome.loss, outcome.right, batch, outcome.norm)
        if self._average is not None:
            self._average.update(state.taken)
        self._pace.step(batch)
        if outcome.stop:
            self._stop()

    def _augmented(self, images: torch.Tensor, numbers: Int64[np.ndarray, " n"], epoch: int) -> torch.Tensor:
        size = self.recipe.size_at(epoch)
        if (self._augment.nothing and size is None) or not len(numbers):
            return images
        sides = None if size is None else (size, size)
        return augment(images, numbers, how=self._augment, seed=self.recipe.seed, epoch=epoch, size=sides)

    def _batches(self, epoch: int) -> list[Int64[np.ndarray, " _"]]:
        """The batches of an epoch, over all processes; a last one of under two samples a process is left out."""
        recipe = self.recipe
        whole = batches(self.plan.split.train, recipe.batch, seed=recipe.seed, epoch=epoch, drop_last=recipe.drop_last)
        plan = [there for batch in whole if len(there := self.plan.there(batch))]
        if len(plan) > 1 and len(plan[-1]) < 2 * self.group.size:
            plan.pop()
        if not plan:
            raise TrainingError(
                f"there are {len(self.plan.split.train)} training samples, fewer than a batch of {recipe.batch}, and "
                "incomplete batches are dropped; use a smaller batch"
            )
        return plan

    def _end_epoch(self) -> None:
        state, steps = self.state, self.state.step
        self._pace.pause()
        row: Row = {
            "epoch": state.epoch + 1,
            "steps": state.taken,
            "size": self.recipe.size_at(state.epoch) or self.plan.samples.shape[0],
            "learning_rate": self.recipe.learning_rate
            * factor(self.recipe.schedule, state.taken - 1, self.recipe.epochs * steps, self.recipe.warmup),
            "train_loss": state.sums.mean,
            "train_accuracy": state.sums.accuracy,
            "gradient": state.sums.gradient,
            "rate": self._pace.rate,
            "seconds": self._before + time.perf_counter() - self._began,
        }
        self.model.eval()
        with self._averaged():
            if len(self.plan.split.validation):
                found = self._validate()
                row |= {"validation_loss": found.mean, "validation_accuracy": found.accuracy}
                self._keep_best(row)
            patience = self.recipe.patience
            ended = state.epoch + 1 >= self.recipe.epochs or bool(patience and state.waited >= patience)
            if self._at_epoch is not None and self.group.leads:
                self._at_epoch(self.model, row, ended)
        state.end_epoch(row)
        state.ended = ended
        self.save()
        if self._after_epoch is not None and self.group.leads:
            self._after_epoch(state.rows)
        self._tell_replaced()
        self._pace.pause()
        self._tell("epoch", steps, steps, found=None, row=row)

    def _keep_best(self, row: Row) -> None:
        if not better(row, self.state.best):
            self.state.waited += 1
            return
        self.state.best, self.state.waited = dict(row), 0
        if self.checkpoints is not None:
            kept = {f"model/{name}": value for name, value in self._values.items()}
            self.checkpoints.save_best({"epoch": row["epoch"]}, kept)

    def _averaged(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._average is None else self._average.in_place()

    def use_average(self) -> None:
        """Put the running mean in the place of the last weights, where the recipe has one."""
        if self._average is not None:
            put(self._values, self._average.state())

    # -- validation ----------------------------------------------------------------------------------------------------

    def _validate(self) -> Sums:
        size = min(LARGEST_VALIDATION_BATCH, max(SMALLEST_VALIDATION_BATCH, self.recipe.batch))
        while True:
            try:
                return self._validated(max(1, size))
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) or size <= 1:
                    raise
                size //= 4

    def _validated(self, size: int) -> Sums:
        """Loss and accuracy on the held-out samples, over all processes."""
        import torch

        sums = Sums()
        plan = [self.group.part(batch) for batch in in_turn(self.plan.there(self.plan.split.validation), size)]
        with torch.no_grad(), Feed(self.plan.samples, plan) as feed:
            for done, (numbers, taken) in enumerate(feed, 1):
                if len(numbers):
                    images = pixels.scaled(pixels.unit(taken, self.device), self.recipe.scale)
                    labels = torch.from_numpy(self._labels[numbers]).to(self.device)
                    logits = self.forward(images)
                    loss = losses.loss_sum(logits, labels, head=self._stepper.head)
                    right = (losses.class_scores(logits).argmax(1) == labels).sum()
                    sums.add(float(loss), int(right), len(numbers))
                self._tell("validate", done, len(plan), sums)
                if self._anybody_asked():
                    self._stop()
        total, answers, seen = self.group.totals(sums.loss, sums.right, sums.seen)
        return Sums(total, round(answers), round(seen))

    # -- stopping and telling ------------------------------------------------------------------------------------------

    def _anybody_asked(self) -> bool:
        return self.group.totals(float(self._interrupt.asked))[0] > 0

    def _stop(self) -> None:
        raise Asked

    def note(self, text: str) -> None:
        """Tell a remark, and remember it."""
        self.notes.append(text)
        if self._watch is not None and self.group.leads:
            self._watch(Progress("note", self.state.epoch + 1, self.recipe.epochs, note=text))

    def _tell_replaced(self) -> None:
        """Say which photos went bad while the run was on; others took their place."""
        found: dict[str, str] = getattr(self.plan.samples, "replaced", {})
        for name, why in list(found.items())[self._replaced :][:MOST_TOLD]:
            self.note(f"'{name}' could not be used: {why}")
        self._replaced = len(found)

    def tell_finishing(self) -> None:
        """Tell that the result is being written."""
        if self._watch is not None and self.group.leads:
            self._watch(Progress("finish", self.state.epoch, self.recipe.epochs, left=0.0))

    def _tell(self, stage: Stage, step: int, steps: int, found: Sums | None, row: Row | None = None) -> None:
        now = time.perf_counter()
        if self._watch is None or not self.group.leads or (row is None and now - self._told < TOLD_EVERY):
            return
        self._told = now
        state, recipe = self.state, self.recipe
        epoch = state.epoch if row is not None else state.epoch + 1
        samples = len(self.plan.split.train)
        done = (epoch - 1 + (step / steps if stage == "train" else 1.0)) / recipe.epochs
        self._watch(
            Progress(
                stage, epoch, recipe.epochs, step, steps,
                loss=found.mean if found else (row or {}).get("train_loss", math.nan),
                accuracy=found.accuracy if found else (row or {}).get("train_accuracy", math.nan),
                rate=self._pace.rate,
                learning_rate=getattr(self, "_rate", 0.0),
                seconds=now - self._began,
                left=0.0 if state.ended else self._pace.left(round(samples * recipe.epochs * (1 - done)), done),
                row=row,
            )
        )  # fmt: skip


class Asked(Exception):  # noqa: N818 - it is a wish, not an error
    """Somebody wants the training to stop, and the step that ran has ended."""


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _check_finite(found: dict[str, torch.Tensor], state: State) -> None:
    import torch

    for name, value in found.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise TrainingError(
                f"a value of {name} is not finite after step {state.step} of epoch {state.epoch + 1}; the checkpoint "
                "before is kept, so use a smaller learning rate"
            )


def _advice(error: TrainingError) -> str:
    return "" if "memory" in str(error) else "; the last checkpoint is kept, so use a smaller learning rate or clip"


def _compiled(forward: Any, *, wanted: bool) -> Any:
    if not wanted:
        return forward
    import torch

    made: Any = torch.compile(forward.__call__)
    made.head = forward.head
    return made
