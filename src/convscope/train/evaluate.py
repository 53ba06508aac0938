"""What a network says about samples whose class is known: accuracy, loss, confusion, and its surest mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from convscope.errors import CallError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """The answers of a network to ``n`` samples of ``k`` classes.

    Attributes:
        logits: before the softmax, float32. A network with one output has two columns here, 0 and its own: their
            softmax is the sigmoid of that output.
        labels: the true classes, 0..k-1.
        indices: which samples they were.

    Raises:
        CallError: the three do not belong together.

    >>> found = Evaluation(np.eye(3, dtype=np.float32)[[0, 1, 1]], np.array([0, 1, 2]), np.array([7, 8, 9]))
    >>> found
    Evaluation(2 of 3 right, 66.7 %)
    >>> found.confusion.tolist()
    [[1, 0, 0], [0, 1, 0], [0, 1, 0]]
    """

    logits: Float32[np.ndarray, "n k"]
    labels: Int64[np.ndarray, " n"]
    indices: Int64[np.ndarray, " n"]

    def __post_init__(self) -> None:
        if len(self.labels) and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < self.classes:
            raise CallError(
                f"the labels run from {self.labels.min()} to {self.labels.max()}, but the network answers for "
                f"{self.classes} classes; give labels below that"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        """How many classes there are, k."""
        return int(self.logits.shape[1])

    @cached_property
    def predicted(self) -> Int64[np.ndarray, " n"]:
        """The class of the largest logit; the first where several are equal."""
        return np.asarray(self.logits.argmax(axis=1), np.int64)

    @cached_property
    def right(self) -> int:
        """How many answers are right."""
        return int(np.count_nonzero(self.predicted == self.labels))

    @property
    def accuracy(self) -> float:
        """Share of right answers, 0..1; NaN of no samples."""
        return self.right / len(self) if len(self) else float("nan")

    @cached_property
    def log_probabilities(self) -> Float64[np.ndarray, "n k"]:
        """Natural logarithms of the softmax, in float64."""
        wide = self.logits.astype(np.float64)
        wide = wide - wide.max(axis=1, keepdims=True)
        return np.asarray(wide - np.log(np.exp(wide).sum(axis=1, keepdims=True)))

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats, without label smoothing; NaN of no samples."""
        if not len(self):
            return float("nan")
        return float(-self.log_probabilities[np.arange(len(self)), self.labels].mean())

    @cached_property
    def confidence(self) -> Float64[np.ndarray, " n"]:
        """The probability of the class that was predicted, 0..1."""
        return np.asarray(np.exp(self.log_probabilities[np.arange(len(self)), self.predicted]))

    @cached_property
    def confusion(self) -> Int64[np.ndarray, "k k"]:
        """How many samples of class ``row`` were taken for class ``column``."""
        counted = np.bincount(self.labels * self.classes + self.predicted, minlength=self.classes**2)
        return np.asarray(counted.reshape(self.classes, self.classes), np.int64)

    @property
    def per_class(self) -> Float64[np.ndarray, " k"]:
        """Share of each class's samples that were recognised (recall), 0..1; NaN of a class without samples."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def precision(self) -> Float64[np.ndarray, " k"]:
        """Share of the answers "this class" that were right, 0..1; NaN of a class that was never the answer."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=0))

    def mistakes(self, count: int | None = None) -> Int64[np.ndarray, " m"]:
        """Where the answer is wrong, the surest first: positions 0..n-1, at most ``count``.

        >>> logits = np.array([[0, 2], [0, 5], [3, 0]], np.float32)
        >>> Evaluation(logits, np.array([0, 0, 0]), np.arange(3)).mistakes().tolist()
        [1, 0]
        """
        wrong = np.flatnonzero(self.predicted != self.labels)
        order = np.argsort(-self.confidence[wrong], kind="stable")
        return wrong[order][:count].astype(np.int64)

    def confused(self, count: int = 5) -> list[tuple[int, int, int]]:
        """The pairs (true class, predicted class, how often) that are confused most, most first."""
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong.ravel(), kind="stable")[:count]
        pairs = ((int(flat) // self.classes, int(flat) % self.classes) for flat in order)
        return [(true, said, int(wrong[true, said])) for true, said in pairs if wrong[true, said]]

    def report(self, names: Sequence[str]) -> dict[str, Any]:
        """Accuracy, loss and each class as JSON values; a share that is not known is None."""
        shares = zip(names, self.confusion.sum(axis=1), self.per_class, self.precision, strict=True)
        return {
            "samples": len(self),
            "accuracy": _number(self.accuracy),
            "loss": _number(self.loss),
            "classes": [
                {"name": name, "samples": int(samples), "recognised": _number(recall), "precision": _number(precision)}
                for name, samples, recall, precision in shares
            ],
        }

    def __repr__(self) -> str:
        return f"Evaluation({self.right:,} of {len(self):,} right, {100 * self.accuracy:.1f} %)"


def _shares(part: np.ndarray, whole: np.ndarray) -> Float64[np.ndarray, " k"]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan).astype(np.float64)


def _number(value: Any) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def evaluate(
    forward: Callable[[torch.Tensor], torch.Tensor],
    samples: Any,
    indices: Int64[np.ndarray, " n"],
    *,
    preprocess: Callable[[UInt8[np.ndarray, "b h w c"]], torch.Tensor],
    batch: int = 512,
) -> Evaluation:
    """Ask a network about samples, in inference mode; reading the next batch goes on while it answers one.

    Args:
        forward: from a batch ``(b, C, H, W)`` to logits ``(b, k)``, on any device. Its modules must already be in
            evaluation mode.
        samples: what ``take(indices)`` and ``labels`` are asked of; see :class:`convscope.data.samples.Samples`.
        indices: which samples, in this order.
        preprocess: from uint8 pixels to the batch, on the device of ``forward``.
        batch: samples at a time.

    Raises:
        CallError: ``batch`` is not positive, or the labels do not fit the logits.

    >>> import torch
    >>> from types import SimpleNamespace
    >>> pixels = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1)
    >>> samples = SimpleNamespace(labels=np.array([0, 0, 1, 1]), take=lambda which: pixels[which])
    >>> to_tensor = lambda taken: torch.from_numpy(taken).permute(0, 3, 1, 2).float()
    >>> evaluate(lambda x: x.flatten(1) - 1.5, samples, np.arange(4), preprocess=to_tensor).accuracy
    1.0
    """
    import torch

    if batch < 1:
        raise CallError(f"a batch has at least 1 sample; got {batch}")
    with torch.inference_mode():
        answers = (forward(preprocess(pixels)) for pixels in _taken(samples, indices, batch))
        found = [_widened(answer.float().cpu().numpy()) for answer in answers]
    logits = np.concatenate(found) if found else np.zeros((0, 1), np.float32)
    labels = np.asarray(samples.labels, np.int64)[indices]
    return Evaluation(logits, labels, np.asarray(indices, np.int64))


def evaluate_model(
    model: torch.nn.Module, samples: Any, indices: Int64[np.ndarray, " n"], *, scale: Any = "unit",
    precision: Any = "float32", device: str = "cpu", batch: int = 512,
) -> Evaluation:  # fmt: skip
    """As :func:`evaluate`, of a module as it is; its mode is put back afterwards.

    Args:
        model: from (N, C, H, W) to (N, K), on ``device``.
        samples: the collection.
        indices: which of them.
        scale: how pixels reach it, as in :class:`convscope.train.recipe.Recipe`.
        precision: of the computation, ``float32`` or ``bfloat16``.
        device: where it is.
        batch: samples at a time.
    """
    from convscope.train import pixels
    from convscope.train.forward import prepare

    def preprocess(taken: UInt8[np.ndarray, "b h w c"]) -> torch.Tensor:
        return pixels.scaled(pixels.unit(taken, device), scale)

    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        return evaluate(prepare(model, precision=precision), samples, indices, preprocess=preprocess, batch=batch)
    finally:
        for module in training:
            module.training = True


def _taken(samples: Any, indices: np.ndarray, batch: int) -> Iterator[np.ndarray]:
    """The pixels of each batch; the next is read by a thread meanwhile."""
    parts = [indices[start : start + batch] for start in range(0, len(indices), batch)]
    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(samples.take, parts[0]) if parts else None
        for following in [*parts[1:], None]:
            if waiting is None:
                return
            pixels = waiting.result()
            waiting = None if following is None else reader.submit(samples.take, following)
            yield pixels


def _widened(logits: Float32[np.ndarray, "n k"]) -> Float32[np.ndarray, "n 2"] | Float32[np.ndarray, "n k"]:
    """One output, the logit of the second class, as two columns."""
    return np.concatenate([np.zeros_like(logits), logits], axis=1) if logits.shape[1] == 1 else logits
