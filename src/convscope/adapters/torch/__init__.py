"""Any ``torch.nn.Module`` in eager mode as a :class:`convscope.network.Network`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float32

from convscope.adapters.torch.keep import tensors_in
from convscope.adapters.torch.ledger import Ledger
from convscope.adapters.torch.live import LiveOperation
from convscope.adapters.torch.restore import evaluating, exclusively
from convscope.adapters.torch.scopes import Call, watching
from convscope.adapters.torch.tape import Tape
from convscope.errors import Cancelled, MemoryBudgetError, ModelError
from convscope.network import DEFAULT_MEMORY, Preprocessing, Run, Watch

if TYPE_CHECKING:
    from convscope.network import Taps


class TorchNetwork:
    """A PyTorch module that can be run and watched; it comes back exactly as it was.

    Args:
        model: the module; runs in eval mode, on the device and in the precision of its parameters.
        title: what to call it; the class name by default.
        preprocessing: how photos reach it.
        labels: names of its classes.
        about: further facts for the trace, JSON values only.

    >>> import numpy as np, torch
    >>> network = TorchNetwork(torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.ReLU()))
    >>> [operation.name for operation in network.run(np.zeros((3, 8, 8), np.float32))]
    ['input', '0', '1']
    """

    def __init__(
        self, model: Any, *, title: str = "", preprocessing: Preprocessing | None = None,
        labels: tuple[str, ...] = (), about: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(model, torch.nn.Module):
            raise ModelError(f"a PyTorch network is a torch.nn.Module; got {type(model).__name__}")
        # A compiled module hides its operations; the one it was made from does the same work in sight.
        self.model: torch.nn.Module = getattr(model, "_orig_mod", model)
        self.title = title or type(self.model).__name__
        self.preprocessing = preprocessing or Preprocessing()
        self.labels = labels
        self.about: Mapping[str, Any] = about or {}

    def run(
        self, value: Float32[np.ndarray, "c h w"], *, memory: int = DEFAULT_MEMORY, watch: Watch | None = None
    ) -> Run:
        """Run once on ``value`` and keep every operation's output; see :class:`convscope.network.Network`."""
        with exclusively(self.model), torch.no_grad():
            modules = all_modules(self.model)
            ledger = Ledger([module for _, module in modules], memory, watch)
            source = self._prepared(value, modules)
            ledger.add("input", source, [], {}, {}, Call("", None), lead=True, mixes=False)
            run = Run()
            try:
                output = self._forward(ledger, source, modules)
                run.outputs = _outputs(ledger, output)
            except (MemoryBudgetError, Cancelled):
                raise
            except Exception as error:  # noqa: BLE001 - whatever the user's network raises is reported with how far it got
                run.error = error
            finally:
                ledger.close()
            run.operations = list(ledger.operations)
            return run

    def taps(self, value: Float32[np.ndarray, "c h w"]) -> Taps:
        """Its steps, to be read and followed backwards for whole batches; see
        :class:`convscope.network.Differentiable`.
        """
        from convscope.adapters.torch.tap import TorchTaps

        return TorchTaps(self, value)

    def _forward(self, ledger: Ledger, source: torch.Tensor, modules: list[tuple[str, torch.nn.Module]]) -> Any:
        tape = Tape(ledger)
        with evaluating([module for _, module in modules]), watching(modules, tape), tape:
            return self.model(source)

    def _prepared(
        self, value: Float32[np.ndarray, "c h w"], modules: list[tuple[str, torch.nn.Module]]
    ) -> torch.Tensor:
        """The input as a batch of one, where and in the precision in which the parameters are."""
        source = torch.from_numpy(value.copy()[None])
        for _, module in modules:
            for parameter in module._parameters.values():
                if parameter is not None and parameter.is_floating_point():
                    return source.to(device=parameter.device, dtype=parameter.dtype)
        return source


def all_modules(model: torch.nn.Module) -> list[tuple[str, torch.nn.Module]]:
    """As ``model.named_modules()``, without a generator for every level: a small network runs no longer than that."""
    found: list[tuple[str, torch.nn.Module]] = []
    known: set[int] = set()
    waiting = [("", model)]
    while waiting:
        path, module = waiting.pop()
        if id(module) not in known:
            known.add(id(module))
            found.append((path, module))
            if module._modules:
                below = f"{path}." if path else ""
                children = [(below + name, child) for name, child in module._modules.items() if child is not None]
                waiting += reversed(children)
    return found


def _outputs(ledger: Ledger, output: Any) -> list[LiveOperation]:
    """The recorded operations among what the model returned: a tensor, or any nest of them."""
    if not isinstance(output, torch.Tensor | tuple | list | dict) and hasattr(output, "__dict__"):
        output = vars(output)  # a dataclass or a plain object that holds the tensors
    found: list[LiveOperation] = []
    for tensor in tensors_in((output,)):
        operation = ledger.source(tensor, Call("", None))
        if operation is not None and operation not in found:
            found.append(operation)
    return found


def first_channels(model: Any) -> int:
    """1 where the model's first convolution takes one channel (a grey picture), else 3."""
    if isinstance(model, torch.nn.Module):
        for module in model.modules():
            if isinstance(module, torch.nn.Conv2d):
                return 1 if module.in_channels == 1 else 3
    return 3
