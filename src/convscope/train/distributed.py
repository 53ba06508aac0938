"""Several processes that train one network: who is which, and sums over all.

``torchrun`` starts the processes and says in the environment which each one is. Every process works on
its part of each batch; the gradients are summed in one flat buffer, so that a step is the step that one
process would make, up to the order of additions.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Group:
    """The processes of a training.

    Attributes:
        rank: number of this one, from 0; rank 0 alone writes.
        size: how many there are.
        device: where tensors that are sent have to be.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def leads(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def part(self, batch: np.ndarray) -> np.ndarray:
        """The part of a batch that is this process's, some samples next to each other.

        >>> [Group(rank, 2).part(np.arange(5)).tolist() for rank in (0, 1)]
        [[0, 1, 2], [3, 4]]
        """
        return batch if self.size == 1 else np.array_split(batch, self.size)[self.rank]

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """Add up what all processes have, in place."""
        if self.size > 1:
            import torch.distributed as dist

            dist.all_reduce(tensor)
        return tensor

    def totals(self, *numbers: float) -> list[float]:
        """Each number summed over all processes, in float64."""
        if self.size == 1:
            return list(numbers)
        import torch

        return [float(value) for value in self.sum(torch.tensor(numbers, dtype=torch.float64, device=self.device))]

    def share(self, value: Any) -> Any:
        """What rank 0 has."""
        if self.size == 1:
            return value
        import torch
        import torch.distributed as dist

        box = [value if self.leads else None]
        dist.broadcast_object_list(box, src=0, device=torch.device(self.device))
        return box[0]


def restarted() -> bool:
    """Whether ``torchrun`` has started this process again because another one died."""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") not in {"", "0"}


def asked_for() -> bool:
    """Whether the environment says that this is one of several processes."""
    return os.environ.get("WORLD_SIZE", "1").isdecimal() and int(os.environ.get("WORLD_SIZE", "1")) > 1


def local_rank() -> int:
    """Number of this process on its machine, 0 where nobody says."""
    text = os.environ.get("LOCAL_RANK", "0")
    return int(text) if text.isdecimal() else 0


def _join(backend: str) -> None:
    """Make the group that the environment describes.

    ``torchrun`` keeps one store of addresses over all its attempts. Without a part of the store for each attempt, a
    process could call the address of one that has died.
    """
    import torch.distributed

    dist: Any = torch.distributed
    if os.environ.get("LOCAL_WORLD_SIZE", "") != os.environ.get("WORLD_SIZE"):
        dist.init_process_group(backend)  # on several machines, each counts its own attempts
        return
    store, rank, size = next(dist.rendezvous("env://"))
    attempt = dist.PrefixStore(f"convscope/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    dist.init_process_group(backend, store=attempt, rank=rank, world_size=size)


@contextlib.contextmanager
def joined(device: str) -> Iterator[Group]:
    """The group this process belongs to; one that exists is used, one that the environment asks for is made and left.

    Args:
        device: where the network is: ``nccl`` joins GPUs, ``gloo`` processors.
    """
    import torch.distributed as dist

    made = False
    if dist.is_available() and not dist.is_initialized() and asked_for():
        _join("nccl" if device.startswith("cuda") else "gloo")
        made = True
    try:
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            yield Group(dist.get_rank(), dist.get_world_size(), device if dist.get_backend() == "nccl" else "cpu")
        else:
            yield Group()
    finally:
        if made:
            dist.destroy_process_group()
