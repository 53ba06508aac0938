"""A spec as a PyTorch script that stands on its own."""

from __future__ import annotations

from convscope.spec.modules import module_calls
from convscope.spec.network import Spec
from convscope.spec.planning import input_shape, plan, shape_text

_SCRIPT = '''"""{title}

{spec}

Written by convscope. Input: pictures of {input}, as a float32 tensor (batch, channels, height, width).
Run it to see the model, or with the path of a weights file to fill it in:

    python network.py weights.safetensors
"""

import sys
from collections import OrderedDict

import torch
from safetensors.torch import load_file
from torch import nn


def build_model() -> nn.Sequential:
    """The network, with PyTorch's own random weights; the comments give each output and its parameters."""
    return nn.Sequential(
        OrderedDict(
            [
{modules}
            ]
        )
    )


def load_weights(model: nn.Sequential, path: str) -> None:
    """Fill the model with the weights of a .safetensors file, whose keys are like "conv_1.weight"."""
    tensors = load_file(path)
    for name, counter in model.named_buffers():  # how often a batch norm was trained; files may lack it
        if name.endswith("num_batches_tracked"):
            tensors.setdefault(name, counter)
    model.load_state_dict(tensors)


if __name__ == "__main__":
    model = build_model().eval()
    if len(sys.argv) > 1:
        load_weights(model, sys.argv[1])
    print(model)
    with torch.no_grad():
        print("output:", tuple(model(torch.zeros(1, {channels}, {height}, {width})).shape))
'''


def pytorch_code(spec: Spec, shape: tuple[int, int, int] | None = None) -> str:
    """A script that builds the network in PyTorch and gives the same numbers as :func:`convscope.spec.build`.

    It defines ``build_model()`` and ``load_weights(model, path)``, and needs torch and safetensors only.

    Args:
        spec: the network.
        shape: (C, H, W) of the input; left out, what the spec's ``input(HxWxC)`` says.

    Raises:
        SpecError: the network is impossible for this input.

    >>> from convscope.spec.network import parse
    >>> '("conv_1", nn.Conv2d(1, 3, kernel_size=3)),  # 26x26x3, 30 parameters' in pytorch_code(
    ...     parse("conv(3, 3)"), (1, 28, 28))
    True
    """
    channels, height, width = input_shape(spec, shape)
    return _SCRIPT.format(
        title=f"A network of {sum(layer.params for layer in plan(spec, shape)):,} parameters.",
        spec="\n".join(f"    {line}" for line in spec.text().splitlines()),
        input=shape_text((channels, height, width)),
        modules="\n".join(f"                {line}" for line in _module_lines(spec, shape)),
        channels=channels,
        height=height,
        width=width,
    )


def _module_lines(spec: Spec, shape: tuple[int, int, int] | None) -> list[str]:
    planned = {layer.name: layer for layer in plan(spec, shape)}
    lines = []
    for call in module_calls(spec, shape):
        note = f"for {call.layer}"
        if call.name == call.layer:
            layer = planned[call.layer]
            note = shape_text(layer.shape) + (f", {layer.params:,} parameters" if layer.params else "")
        lines.append(f'("{call.name}", {call.code}),  # {note}')
    return lines
