"""A cheaper copy of a network for the part of a forward pass that needs no gradient.

Up to the step where it is cut a network only has to give its values. The copy gives them faster: channels last in
memory, batch norm folded into the convolution before it (the same function up to rounding), and, where the processor
multiplies it itself, in bfloat16 (numbers with 8 significant bits, sums in float32). What comes after the cut stays in
float32, so gradients are exact for the values that were reached. What is rounded in the first layers grows on its way
through the others, so these are the ones that stay in float32 where only a share may be rounded, and sums that run
through the whole network stay in float32 too. Whoever uses the copy has to check how far its values are off.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from convscope.adapters.torch.keep import version_of
from convscope.traces import Step

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm)
"""Layers that take bfloat16 with parameters in float32."""


@dataclass(frozen=True, eq=False)
class QuickModel:
    """The copy, and the precision of what it is given."""

    model: nn.Module
    dtype: torch.dtype


class Quick:
    """Makes the copy when it is first asked for, and again when the network's parameters were written since.

    Args:
        model: the network, which is not changed.
        steps: of its survey.
        modules: by step, the path of the module in which it ran.
    """

    def __init__(self, model: nn.Module, steps: Sequence[Step], modules: Mapping[str, str]) -> None:
        self._model, self._steps, self._modules = model, steps, modules
        self._made: dict[tuple[str, float], QuickModel | None] = {}
        self._state: list[tuple[int | None, int]] = []
        self._given_up = False

    def model_for(self, cut: str, rough: float) -> QuickModel | None:
        """The copy for a cut at this step; None where the network takes none.

        Args:
            cut: name of the first step at which the network is cut.
            rough: the share of the multiplications before it that may be in bfloat16, 0..1, the last ones.
        """
        if self._given_up:
            return None
        state = _state(self._model)
        if state != self._state:
            self._made.clear()
            self._state = state
        if (cut, rough) not in self._made:
            self._made.clear()  # one copy at a time
            self._made[cut, rough] = self._make(cut, rough)
        return self._made[cut, rough]

    def give_up(self) -> None:
        """The copy does not run."""
        self._given_up = True
        self._made.clear()

    def _make(self, cut: str, rough: float) -> QuickModel | None:
        if any(module._forward_hooks or module._forward_pre_hooks for module in self._model.modules()):
            return None
        at = next((place for place, step in enumerate(self._steps) if step.name == cut), None)
        if at is None or any(isinstance(module, torch.jit.ScriptModule) for module in self._model.modules()):
            return None
        before, after = self._steps[: at + 1], self._steps[at + 1 :]
        try:
            model = copy.deepcopy(self._model)
        except Exception:  # noqa: BLE001 - code of somebody's own may refuse to be copied in any way
            return None
        for conv, norm in self._foldable(before):
            _fold(model, conv, norm)
        low = (
            self._low(before, after, rough) if multiplies_bfloat16(next(model.parameters(), torch.zeros(1))) else set()
        )
        sums = self._summed(before)
        for path, module in model.named_modules():
            _convert(module, torch.bfloat16 if path in low and not isinstance(module, NORMS) else torch.float32)
            if path in low and path in sums:
                module.register_forward_hook(_widened)
        return QuickModel(model.requires_grad_(requires_grad=False), torch.bfloat16 if low else torch.float32)

    def _low(self, before: Sequence[Step], after: Sequence[Step], rough: float) -> set[str]:
        """Paths of the modules that compute in bfloat16: the last ones, up to a share of the multiplications."""
        work: dict[str, int] = {}
        for step in before:
            weight = getattr(self._model.get_submodule(self._modules[step.name]), "weight", None)
            if step.kind in {"conv2d", "linear"} and isinstance(weight, torch.Tensor):
                path = self._modules[step.name]
                work[path] = work.get(path, 0) + step.value.size * weight[0].numel()
        for step in after:
            work.pop(self._modules[step.name], None)  # it is followed backwards
        allowed = rough * sum(work.values())
        found, done = set(), 0
        for path, size in reversed(work.items()):
            done += size
            if done <= allowed:
                found.add(path)
        return found

    def _summed(self, steps: Sequence[Step]) -> set[str]:
        """Paths of the modules whose values are added to something, themselves or behind the batch norm that is theirs.

        Sums run through a whole network (skips): rounded in every block, they would be off by much more than by what
        one block adds.
        """
        terms = [source for step in steps if step.kind == "add" for source in step.inputs]
        terms += [source for term in terms if term.kind == "batch_norm" for source in term.inputs]
        return {self._modules[term.name] for term in terms if term.kind == "conv2d"}

    def _foldable(self, steps: Sequence[Step]) -> list[tuple[str, str]]:
        """Paths of convolutions, and of the batch norms that alone read them."""
        uses: dict[str, int] = {}
        for step in self._steps:
            for source in step.inputs:
                uses[source.name] = uses.get(source.name, 0) + 1
        runs: dict[str, int] = {}
        for step in self._steps:
            path = self._modules[step.name]
            runs[path] = runs.get(path, 0) + 1
        found = []
        for step in steps:
            if step.kind != "batch_norm" or len(step.inputs) != 1 or step.inputs[0].kind != "conv2d":
                continue
            conv, norm = self._modules[step.inputs[0].name], self._modules[step.name]
            alone = uses[step.inputs[0].name] == runs[conv] == runs[norm] == 1
            if alone and self._is(conv, nn.Conv2d) and self._is(norm, nn.BatchNorm2d):
                found.append((conv, norm))
        return found

    def _is(self, path: str, kind: type[nn.Module]) -> bool:
        return type(self._model.get_submodule(path)) is kind


def multiplies_bfloat16(like: torch.Tensor) -> bool:
    """Whether the processor that holds this tensor multiplies bfloat16 itself, faster than float32."""
    if like.device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return like.device.type == "cpu" and any(getattr(torch.cpu, name, bool)() for name in asked)


def _fold(model: nn.Module, conv_path: str, norm_path: str) -> None:
    """``norm(conv(x))`` as one convolution: weight * g and bias * g + b, with g = gamma / sqrt(variance + eps)."""
    conv, norm = model.get_submodule(conv_path), model.get_submodule(norm_path)
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    if norm.running_mean is None or norm.running_var is None:
        return
    with torch.no_grad():
        factor = (norm.running_var.double() + norm.eps).rsqrt()
        if norm.weight is not None:
            factor = factor * norm.weight.double()
        shift = -norm.running_mean.double() * factor
        if norm.bias is not None:
            shift = shift + norm.bias.double()
        if conv.bias is not None:
            shift = shift + conv.bias.double() * factor
        conv.weight = nn.Parameter((conv.weight.double() * factor[:, None, None, None]).to(conv.weight.dtype))
        conv.bias = nn.Parameter(shift.to(conv.weight.dtype))
    parent, _, name = norm_path.rpartition(".")
    model.get_submodule(parent)._modules[name] = nn.Identity()


def _convert(module: nn.Module, dtype: torch.dtype) -> None:
    """Bring a module's own numbers to a precision, and what it is given, too."""
    held = False
    stores: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
    for tensors in stores:
        for name, tensor in tensors.items():
            if tensor is not None and tensor.is_floating_point():
                numbers = tensor.data.to(dtype)
                if numbers.ndim == 4:
                    numbers = numbers.contiguous(memory_format=torch.channels_last)
                tensors[name] = nn.Parameter(numbers, requires_grad=False) if tensors is module._parameters else numbers
                held = True
    if held and not module._modules and not isinstance(module, NORMS):
        module.register_forward_pre_hook(_casting(dtype))


def _widened(_module: nn.Module, _given: Any, output: Any) -> Any:
    with torch._C.DisableTorchFunction():  # no operation of the network
        return output.float() if isinstance(output, torch.Tensor) else output


def _casting(dtype: torch.dtype) -> Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...]]:
    def cast(_module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        with torch._C.DisableTorchFunction():  # no operation of the network
            return tuple(
                one.to(dtype) if isinstance(one, torch.Tensor) and one.is_floating_point() else one for one in given
            )

    return cast


def _state(model: nn.Module) -> list[tuple[int | None, int]]:
    """Another one after every write to the network's numbers that PyTorch counts."""
    return [(version_of(one), one.data_ptr()) for one in (*model.parameters(), *model.buffers())]
