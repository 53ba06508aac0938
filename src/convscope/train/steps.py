"""One step of training: forward, backward, sums over processes, and the weights moved.

A batch that does not fit into memory is worked on in halves, quarters or eighths, whose gradients are
added up: the step is the same, but for what a normalisation measures on each part.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.errors import TrainingError
from convscope.train import losses
from convscope.train.average import put
from convscope.train.distributed import Group
from convscope.train.optimiser import Optimiser, trained

if TYPE_CHECKING:
    import torch
    from torch import nn

    from convscope.train.recipe import Recipe

MOST_PARTS = 8
"""A batch is halved at most three times."""


@dataclass(frozen=True)
class Outcome:
    """What a step found, over all processes.

    Attributes:
        loss: summed over the batch.
        right: how many answers were right.
        norm: of the gradient, before it was clipped.
        stop: whether some process was asked to stop.
    """

    loss: float
    right: int
    norm: float
    stop: bool = False


class Stepper:
    """Makes steps.

    Args:
        forward: from a batch to logits, with gradients to ``model``'s parameters.
        model: whose parameters move.
        optimiser: moves them.
        recipe: for the smoothing and the largest norm.
        group: the processes that work on a batch together.
        note: told when a batch is halved.
    """

    def __init__(
        self,
        forward: Callable[[torch.Tensor], torch.Tensor],
        model: nn.Module,
        optimiser: Optimiser,
        recipe: Recipe,
        group: Group,
        note: Callable[[str], None],
    ) -> None:
        self.forward = forward
        self.head: str = getattr(forward, "head", "none")
        self.parts = 1
        self._model = model
        self._optimiser = optimiser
        self._recipe = recipe
        self._group = group
        self._note = note
        self._learning = [parameter for _, parameter in trained(model)]
        self._buffers = dict(model.named_buffers())

    def step(
        self, images: torch.Tensor, labels: torch.Tensor, *, batch: int, rate: float, seed: Callable[[], None],
        stop: bool = False,
    ) -> Outcome:  # fmt: skip
        """Move the weights once.

        Args:
            images: this process's part of the batch, (N, C, H, W) as the network wants them; N may be 0.
            labels: of these, int64 (N,).
            batch: samples of the whole batch, over all processes.
            rate: the learning rate.
            seed: sets the random numbers of this step; called again when the step begins anew.
            stop: whether this process was asked to stop.

        Raises:
            TrainingError: the loss or the gradient is not finite, and the weights are as they were; or the smallest
                part of a batch does not fit into memory.
        """
        import torch

        loss, right = self._gradients(images, labels, batch, seed)
        loss, right, stopping = self._summed(loss, right, stop)
        gradients = [parameter.grad for parameter in self._learning if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        found = float(norm)
        if not (math.isfinite(loss) and math.isfinite(found)):
            what = "loss" if not math.isfinite(loss) else "gradient"
            raise TrainingError(f"the {what} became {loss / batch if what == 'loss' else found}")
        if self._recipe.clip and found > self._recipe.clip:
            torch._foreach_mul_(gradients, self._recipe.clip / found)
        self._optimiser.step(rate)
        return Outcome(loss, right, found, stopping)

    def _gradients(
        self, images: torch.Tensor, labels: torch.Tensor, batch: int, seed: Callable[[], None]
    ) -> tuple[float, int]:
        """The summed loss and the right answers of this process's part; gradients are in the parameters."""
        while True:
            before = {name: value.clone() for name, value in self._buffers.items()}
            try:
                return self._attempt(images, labels, batch, seed)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            put(self._buffers, before)  # a part that did fit has moved them already
            self._halve(len(images))

    def _halve(self, samples: int) -> None:
        if self.parts >= MOST_PARTS or self.parts >= samples:
            raise TrainingError(
                f"out of memory, even with a batch worked on in {self.parts} parts; use a smaller batch, smaller "
                "pictures or a smaller network"
            )
        import torch

        self.parts *= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._note(f"out of memory: a batch is now worked on in {self.parts} parts, whose gradients are added up")

    def _attempt(
        self, images: torch.Tensor, labels: torch.Tensor, batch: int, seed: Callable[[], None]
    ) -> tuple[float, int]:
        import torch

        self._optimiser.forget_gradients()
        seed()
        loss = torch.zeros((), dtype=torch.float64, device=images.device)
        right = torch.zeros((), dtype=torch.int64, device=images.device)
        for some, truth in zip(images.chunk(self.parts), labels.chunk(self.parts), strict=True):
            if not len(some):
                continue
            logits = self.forward(some)
            summed = losses.loss_sum(logits, truth, head=self.head, smoothing=self._recipe.label_smoothing)
            torch.autograd.backward(summed / batch)
            loss += summed.detach()
            right += (losses.class_scores(logits.detach()).argmax(1) == truth).sum()
        return float(loss), int(right)

    def _summed(self, loss: float, right: int, stop: bool) -> tuple[float, int, bool]:
        """Add up gradients, losses and wishes to stop over all processes, and average what normalisations measured."""
        if self._group.size == 1:
            return loss, right, stop
        import torch

        there = [parameter.grad is not None for parameter in self._learning]
        pieces = [
            parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
            for parameter in self._learning
        ]
        real = [value for value in self._buffers.values() if value.is_floating_point()]
        device = pieces[0].device
        facts = torch.tensor([right, stop, *there], dtype=torch.float32, device=device)
        flat = torch.cat([piece.reshape(-1).float() for piece in (*pieces, *real, facts)])
        self._group.sum(flat)
        sizes = [piece.numel() for piece in (*pieces, *real, facts)]
        found = list(torch.split(flat, sizes))
        for parameter, seen, piece in zip(self._learning, found[-1][2:], found, strict=False):
            # In the parameter's own memory layout: the optimiser's kernels go through both in the order of the bytes.
            parameter.grad = torch.empty_like(parameter).copy_(piece.view(parameter.shape)) if seen else None
        with torch.no_grad():
            for value, piece in zip(real, found[len(pieces) :], strict=False):
                value.copy_(piece.view(value.shape) / self._group.size)
        (total,) = self._group.totals(loss)
        return total, round(float(found[-1][0])), bool(found[-1][1] > 0)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on the processor or on a GPU."""
    import torch

    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(
        words in str(error) for words in ("can't allocate memory", "not enough memory", "out of memory")
    )
