"""Networks and plain oracles for the tests of explanations: hooks, autograd and loops, nothing of ours."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import nn

from convscope.adapters.torch import TorchNetwork
from convscope.explaining.opened import Opened
from convscope.explaining.run import RawMap, run_methods
from convscope.explaining.targets import Target


class BatchNormThenInPlace(nn.Module):
    """Batch norm whose value an in-place ReLU overwrites, and a skip that reads the overwritten one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.relu = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True)
        self.second, self.head = nn.Conv2d(6, 6, 3, padding=1), nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn(self.conv(x))
        self.relu(x)  # the result is not used: the value itself is
        x = x + self.second(x)
        return self.head(torch.relu_(x).mean((2, 3)))


def gap_network(channels: int = 3, *, ending: nn.Module | None = None, units: int = 3) -> nn.Sequential:
    torch.manual_seed(3)
    layers = [
        nn.Conv2d(channels, 6, 3, stride=2), nn.ReLU(), nn.Conv2d(6, 5, 3, padding=1), nn.BatchNorm2d(5),
        nn.AdaptiveAvgPool2d(1), nn.Dropout(0.5), nn.Flatten(), nn.Linear(5, units),
    ]  # fmt: skip
    return nn.Sequential(*layers, *([ending] if ending else [])).eval()


def conv_head_network() -> nn.Sequential:
    """Everything behind the second layer is not linear."""
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(180, 8),
        nn.Tanh(), nn.Linear(8, 3),
    ).eval()  # fmt: skip


def photos(count: int, shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)


def opened(model: nn.Module, labels: tuple[str, ...] = ()) -> Opened:
    return Opened(TorchNetwork(model, labels=labels))


def maps_of(
    model: nn.Module, batch: np.ndarray, methods: str, target: int = 1, layer: str | list[str] | None = None, **asked
) -> list[list[RawMap]]:
    return run_methods(opened(model), batch, [Target(str(target), target)] * len(batch), methods, layer, **asked)


def by_hooks(model: nn.Module, layer: nn.Module, batch: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and gradients at a module whose output nothing overwrites, by a hook and ``backward``."""
    caught: list[torch.Tensor] = []
    handle = layer.register_forward_hook(lambda _m, _i, out: (caught.append(out), out.retain_grad())[0])
    scores = model(torch.from_numpy(batch))
    handle.remove()
    scores[:, target].sum().backward()
    model.zero_grad()
    return caught[0].detach().double().numpy(), caught[0].grad.double().numpy()


def fingerprint(model: nn.Module) -> str:
    """Everything about a model that a call could leave changed, and the global random state.

    Not Python's own generator: what checks annotations while the tests run draws from it.
    """
    found = hashlib.sha256()
    for name, module in model.named_modules():
        told = (name, module.training, sorted(vars(module)), module.__dict__.get("forward"))
        hooks = [
            sorted(value) for key, value in sorted(vars(module).items()) if "hook" in key and hasattr(value, "keys")
        ]
        found.update(repr((told, hooks)).encode())
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        grad = None if tensor.grad is None else tensor.grad.detach().float().numpy().tobytes()
        facts = (name, tensor.requires_grad, str(tensor.dtype), tensor.stride(), id(tensor), grad)
        found.update(repr(facts).encode())
        found.update(tensor.detach().float().contiguous().numpy().tobytes())
    found.update(torch.get_rng_state().numpy().tobytes())
    numbers = np.random.get_state()[1].tobytes()  # noqa: NPY002 - the global state is what is checked
    found.update(repr((numbers, torch.is_grad_enabled())).encode())
    return found.hexdigest()
