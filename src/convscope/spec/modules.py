"""A spec as calls of standard PyTorch modules: data, from which the model and its source code are made.

Where PyTorch has no setting for what a layer means, a sibling module stands beside it:
``<layer>_pad`` before it, ``<layer>_crop`` or ``<layer>_flatten`` behind it. None of them has parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from convscope.spec.geometry import Slide, slide, spread
from convscope.spec.network import Spec
from convscope.spec.planning import PlannedLayer, axis_padding, plan


@dataclass(frozen=True)
class ModuleCall:
    """One module of the model.

    Attributes:
        name: its name in the Sequential.
        layer: the layer of the spec to which it belongs.
        type: the class in ``torch.nn``.
        args, options: of the constructor, ints, floats, strings, bools and tuples of ints.
    """

    name: str
    layer: str
    type: str
    args: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The constructor as source code.

        >>> ModuleCall("conv_1", "conv_1", "Conv2d", (1, 64), {"kernel_size": 3}).code
        'nn.Conv2d(1, 64, kernel_size=3)'
        """
        parts = [_literal(argument) for argument in self.args]
        parts += [f"{key}={_literal(value)}" for key, value in self.options.items()]
        return f"nn.{self.type}({', '.join(parts)})"


def module_calls(spec: Spec, shape: tuple[int, int, int] | None = None) -> tuple[ModuleCall, ...]:
    """The modules of a spec for an input, in the order in which they run.

    Raises:
        SpecError: the network is impossible for this input.
    """
    return tuple(call for layer in plan(spec, shape) for call in _CALLS[layer.kind](layer))


def _one(layer: PlannedLayer, kind: str, *args: Any, **options: Any) -> ModuleCall:
    return ModuleCall(layer.name, layer.name, kind, args, options)


def _beside(layer: PlannedLayer, suffix: str, kind: str, *args: Any) -> ModuleCall:
    return ModuleCall(f"{layer.name}_{suffix}", layer.name, kind, args)


def _slides(layer: PlannedLayer, kernel: tuple[int, int], dilation: tuple[int, int]) -> tuple[Slide, Slide]:
    settings, sizes, paddings = layer.settings, layer.input_shape[1:], axis_padding(layer.settings)
    rows, columns = (
        slide(sizes[axis], kernel[axis], settings["stride"][axis], dilation[axis], paddings[axis]) for axis in (0, 1)
    )
    return rows, columns


def _conv(layer: PlannedLayer) -> list[ModuleCall]:
    settings = layer.settings
    rows, columns = _slides(layer, settings["kernel"], settings["dilation"])
    symmetric = rows.before == rows.after and columns.before == columns.after
    conv = _one(
        layer, "Conv2d", layer.input_shape[0], settings["filters"],
        **_given(
            kernel_size=settings["kernel"],
            stride=settings["stride"],
            padding=(rows.before, columns.before) if symmetric else (0, 0),
            dilation=settings["dilation"],
            groups=settings["groups"],
            bias=settings["bias"],
        ),
    )  # fmt: skip
    if symmetric:
        return [conv]
    return [
        _beside(layer, "pad", "ZeroPad2d", (columns.before, columns.after, rows.before, rows.after)),
        conv,
    ]


def _conv_transpose(layer: PlannedLayer) -> list[ModuleCall]:
    settings, sizes, paddings = layer.settings, layer.input_shape[1:], axis_padding(layer.settings)
    rows, columns = (
        spread(
            sizes[axis],
            settings["kernel"][axis],
            settings["stride"][axis],
            settings["dilation"][axis],
            paddings[axis],
        )
        for axis in (0, 1)
    )
    conv = _one(
        layer, "ConvTranspose2d", layer.input_shape[0], settings["filters"],
        **_given(
            kernel_size=settings["kernel"],
            stride=settings["stride"],
            padding=(rows.before, columns.before),
            output_padding=(rows.extra, columns.extra),
            dilation=settings["dilation"],
            bias=settings["bias"],
        ),
    )  # fmt: skip
    bottom, right = rows.after - rows.before, columns.after - columns.before
    return [conv, _beside(layer, "crop", "ZeroPad2d", (0, -right, 0, -bottom))] if bottom or right else [conv]


def _maxpool(layer: PlannedLayer) -> list[ModuleCall]:
    rows, columns = _slides(layer, layer.settings["size"], (1, 1))
    symmetric = rows.before == rows.after and columns.before == columns.after
    padding = (rows.before, columns.before) if symmetric else (0, 0)
    pool = _one(layer, "MaxPool2d", **_pool_options(layer, padding))
    if symmetric:
        return [pool]
    sides = (columns.before, columns.after, rows.before, rows.after)
    return [_beside(layer, "pad", "ConstantPad2d", sides, float("-inf")), pool]


def _avgpool(layer: PlannedLayer) -> list[ModuleCall]:
    """Average pooling in which padding never counts.

    An odd padding has one pixel more behind. With a stride of 2 or more PyTorch's ``ceil_mode`` makes the
    place for it: it lets the last window hang over the edge. With a stride of 1 both sides get the larger
    padding, which puts one window too many in front, and that is cut off.
    """
    moves, strides = _slides(layer, layer.settings["size"], (1, 1)), layer.settings["stride"]
    odd = [move.before != move.after for move in moves]
    cut = [int(odd[axis] and strides[axis] == 1) for axis in (0, 1)]
    padding = tuple(move.after if cut[axis] else move.before for axis, move in enumerate(moves))
    hang = any(odd[axis] and strides[axis] > 1 for axis in (0, 1))
    options = _pool_options(layer, padding)
    if hang:
        options["ceil_mode"] = True
    if hang or any(padding):
        options["count_include_pad"] = False
    pool = _one(layer, "AvgPool2d", **options)
    return [pool, _beside(layer, "crop", "ZeroPad2d", (-cut[1], 0, -cut[0], 0))] if any(cut) else [pool]


def _pool_options(layer: PlannedLayer, padding: tuple[int, ...]) -> dict[str, Any]:
    size, stride = layer.settings["size"], layer.settings["stride"]
    options = _given(kernel_size=size, padding=padding)
    if stride != size:
        options["stride"] = _short(stride)
    return options


def _batch_norm(layer: PlannedLayer) -> list[ModuleCall]:
    kind = "BatchNorm2d" if len(layer.shape) == 3 else "BatchNorm1d"
    # Keras' momentum is the share of the old statistics, PyTorch's that of the new ones.
    momentum = round(1 - layer.settings["momentum"], 12)
    return [_one(layer, kind, layer.shape[0], eps=layer.settings["eps"], momentum=momentum)]


def _dense(layer: PlannedLayer) -> list[ModuleCall]:
    options = {} if layer.settings["bias"] else {"bias": False}
    return [_one(layer, "Linear", layer.input_shape[0], layer.settings["units"], **options)]


def _upsample(layer: PlannedLayer) -> list[ModuleCall]:
    return [_one(layer, "Upsample", scale_factor=_short(layer.settings["factor"]), mode=layer.settings["mode"])]


def _gap(layer: PlannedLayer) -> list[ModuleCall]:
    return [_one(layer, "AdaptiveAvgPool2d", 1), _beside(layer, "flatten", "Flatten")]


_CALLS: dict[str, Callable[[PlannedLayer], list[ModuleCall]]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "upsample": _upsample,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "gap": _gap,
    "batch_norm": _batch_norm,
    "dense": _dense,
    "dropout": lambda layer: [_one(layer, "Dropout", layer.settings["rate"])],
    "relu": lambda layer: [_one(layer, "ReLU")],
    "leaky_relu": lambda layer: [_one(layer, "LeakyReLU", layer.settings["slope"])],
    "elu": lambda layer: [_one(layer, "ELU", layer.settings["alpha"])],
    "sigmoid": lambda layer: [_one(layer, "Sigmoid")],
    "tanh": lambda layer: [_one(layer, "Tanh")],
    "softmax": lambda layer: [_one(layer, "Softmax", dim=1)],
    "flatten": lambda layer: [_one(layer, "Flatten")],
}

_DEFAULTS = {
    "stride": (1, 1),
    "padding": (0, 0),
    "output_padding": (0, 0),
    "dilation": (1, 1),
    "groups": 1,
    "bias": True,
}


def _given(**options: Any) -> dict[str, Any]:
    """The options that differ from PyTorch's defaults, equal pairs as one number."""
    return {key: _short(value) for key, value in options.items() if value != _DEFAULTS.get(key)}


def _short(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and value[0] == value[1] else value


def _literal(value: Any) -> str:
    return 'float("-inf")' if value == float("-inf") else f'"{value}"' if isinstance(value, str) else repr(value)
