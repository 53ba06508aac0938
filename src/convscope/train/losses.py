"""How far scores are from labels, whatever the network ends in.

A network with one output and two classes gives the score of the second class against 0 for the first,
so that one sigmoid is a softmax over two: the same loss, the same gradient, one path through the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.errors import DataError

if TYPE_CHECKING:
    import torch


def class_scores(logits: torch.Tensor) -> torch.Tensor:
    """Scores (N, K) of all classes, also where the network has one output (N, 1) for two classes."""
    import torch

    return torch.cat([torch.zeros_like(logits), logits], 1) if logits.shape[1] == 1 else logits


def loss_sum(logits: torch.Tensor, labels: torch.Tensor, *, head: str, smoothing: float = 0.0) -> torch.Tensor:
    """The summed loss of a batch: cross entropy, or binary cross entropies where each class has its sigmoid.

    Args:
        logits: float32 (N, K), or (N, 1) for two classes, before the softmax or the sigmoid.
        labels: int64 (N,).
        head: ``softmax``, ``sigmoid`` or ``none`` (taken as softmax); with one output both are the same.
        smoothing: share of the target that is spread evenly (Szegedy et al. 2016).

    >>> import torch
    >>> round(float(loss_sum(torch.zeros(2, 4), torch.tensor([0, 3]), head="softmax")), 4)
    2.7726
    """
    from torch.nn import functional

    if head == "sigmoid" and logits.shape[1] > 1:
        targets = functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
        targets = targets * (1 - smoothing) + smoothing / 2
        return functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / logits.shape[1]
    return functional.cross_entropy(class_scores(logits), labels, reduction="sum", label_smoothing=smoothing)


def check_outputs(shape: tuple[int, ...], classes: tuple[str, ...], samples: int) -> None:
    """See that a network's output has one value for each class.

    Args:
        shape: of its output for ``samples`` pictures.
        classes: of the data.
        samples: how many pictures it was given.

    Raises:
        DataError: it has not.
    """
    if len(shape) != 2 or shape[0] != samples:
        raise DataError(
            f"the network gives values of shape {tuple(shape[1:])} for a picture, and training needs one for each "
            "class; end it in flatten or gap and dense"
        )
    wanted = len(classes)
    if shape[1] != wanted and not (shape[1] == 1 and wanted == 2):
        raise DataError(
            f"the network ends in {shape[1]} values, but the data has {wanted} classes; "
            f"end it in dense({wanted})" + (" or dense(1)" if wanted == 2 else "")
        )
