"""From a spec to a PyTorch model, with first values that belong to the layers' names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.errors import SpecError
from convscope.spec.initial import initial
from convscope.spec.modules import module_calls
from convscope.spec.network import Spec
from convscope.spec.planning import plan

if TYPE_CHECKING:
    from torch import nn

MAX_PARAMS = 2**29
"""Most parameters of a model (2 GiB of float32)."""


def build(spec: Spec, shape: tuple[int, int, int] | None = None, *, seed: int = 0) -> nn.Sequential:
    """A model of standard ``torch.nn`` modules under the layers' names, in evaluation mode.

    Args:
        spec: the network.
        shape: (C, H, W) of the input; left out, what the spec's ``input(HxWxC)`` says.
        seed: of the first values; see :func:`convscope.spec.initial.initial`. PyTorch's random state is
            neither read nor changed.

    Raises:
        SpecError: the network is impossible for this input, too large, or a layer has a name that PyTorch
            keeps for itself.

    >>> from convscope.spec.network import parse
    >>> model = build(parse("conv(3, 3, stride=2, padding=same) | relu"), (1, 8, 8))
    >>> [name for name, _ in model.named_children()]
    ['conv_1_pad', 'conv_1', 'relu_1']
    """
    from torch import nn

    planned = {layer.name: layer for layer in plan(spec, shape)}
    total = sum(layer.params for layer in planned.values())
    if total > MAX_PARAMS:
        worst = max(planned.values(), key=lambda layer: layer.params)
        raise SpecError(
            f"the network has {total:,} parameters, most of them in {worst.name!r} ({worst.formula}); "
            f"use at most {MAX_PARAMS:,}"
        )
    model = nn.Sequential()
    for call in module_calls(spec, shape):
        if hasattr(model, call.name):
            why = (
                "stands for the padding of another layer"
                if call.name in dict(model.named_children())
                else "means something to PyTorch"
            )
            raise SpecError(f"the name {call.name!r} {why}; give the layer another name")
        kind = getattr(nn, call.type)
        module = kind(*call.args, **call.options, **_on_meta(call.type))
        if call.type in _WEIGHTED:
            _fill(module, planned[call.layer].name, planned[call.layer].settings, seed)
        model.add_module(call.name, module)
    return model.eval()


_WEIGHTED = {"Conv2d", "ConvTranspose2d", "Linear"}


def _on_meta(kind: str) -> dict[str, str]:
    """Modules whose weights we make are born without any, so that PyTorch draws no random numbers."""
    return {"device": "meta"} if kind in _WEIGHTED else {}


def _fill(module: nn.Module, layer: str, settings: Any, seed: int) -> None:
    import torch
    from torch import nn

    transposed = isinstance(module, nn.ConvTranspose2d)
    for param, init in (("weight", settings["init"]), ("bias", settings["bias_init"])):
        old = getattr(module, param)
        if old is None:
            continue
        values = initial(seed, layer, param, tuple(old.shape), init, transposed=transposed)
        setattr(module, param, nn.Parameter(torch.from_numpy(values)))
