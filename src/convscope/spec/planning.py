"""What a network will do, without running it: shapes, parameters, multiplications, receptive fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from convscope.errors import SpecError
from convscope.spec.geometry import Padding, Sight, reach, slide, spread
from convscope.spec.layers import Layer
from convscope.spec.network import Spec
from convscope.spec.settings import MAX_COUNT, Settings, size_text

MAX_VALUES = 2**31
"""Most values of one layer's output."""


@dataclass(frozen=True)
class PlannedLayer:
    """What one layer will do. Shapes are channels first without the batch axis.

    Attributes:
        name, kind, settings: as in the spec.
        input_shape: ``(C, H, W)`` or ``(N,)`` of what it receives.
        shape: ``(C, H, W)`` or ``(N,)`` of what it gives.
        params: how many numbers it keeps, running statistics included, as Keras counts.
        formula: ``params`` with its numbers, ``(3*3*1+1)*64 = 640``; ``0`` when there are none.
        macs: multiplications of a weight with a value, for one picture; padding counts as values.
            Convolutions and dense layers have them; all other layers have 0 by convention.
        macs_formula: ``macs`` with its numbers.
        receptive_field: (height, width) in input pixels, from the first to the last pixel that can reach
            one output value; the largest over all output values, pixels outside the picture not counted.
    """

    name: str
    kind: str
    settings: Settings
    input_shape: tuple[int, ...]
    shape: tuple[int, ...]
    params: int
    formula: str
    macs: int
    macs_formula: str
    receptive_field: tuple[int, int]


def plan(spec: Spec, shape: tuple[int, int, int] | None = None) -> tuple[PlannedLayer, ...]:
    """Work out every layer of a network for an input.

    Args:
        spec: the network.
        shape: (C, H, W) of the input; left out, what the spec's ``input(HxWxC)`` says.

    Returns:
        one :class:`PlannedLayer` for each layer, in order.

    Raises:
        SpecError: the network is impossible for this input; the sentence names the layer, its place, its
            input and what would work.

    >>> from convscope.spec.network import parse
    >>> for layer in plan(parse("conv(64, 3) | relu | maxpool(2)"), (1, 28, 28)):
    ...     print(layer.name, layer.shape, layer.formula, layer.receptive_field)
    conv_1 (64, 26, 26) (3*3*1+1)*64 = 640 (3, 3)
    relu_1 (64, 26, 26) 0 (3, 3)
    pool_1 (64, 13, 13) 0 (4, 4)
    """
    current: tuple[int, ...] = input_shape(spec, shape)
    sights = (Sight.of_input(current[1]), Sight.of_input(current[2]))
    planned: list[PlannedLayer] = []
    for number, layer in enumerate(spec.layers, 1):
        at = At(number, layer, current, spec.layers)
        effect = _EFFECTS.get(layer.kind, _unchanged)(at, sights)
        at.check_values(effect.shape)
        sights = effect.sights
        rows, columns = sights[0].widest, sights[1].widest
        field = (rows, columns) if rows and columns else (0, 0)
        planned.append(
            PlannedLayer(
                layer.name, layer.kind, layer.settings, current, effect.shape,
                effect.params, effect.formula, effect.macs, effect.macs_formula, field,
            )
        )  # fmt: skip
        current = effect.shape
    return tuple(planned)


def input_shape(spec: Spec, shape: tuple[int, int, int] | None = None) -> tuple[int, int, int]:
    """The (C, H, W) for which a spec is to be worked out: ``shape``, else what its text says.

    Raises:
        SpecError: neither is there, or ``shape`` is no shape of a picture.
    """
    if shape is None:
        if spec.input is None:
            raise SpecError("the spec does not say its input; begin it with input(HxWxC), such as input(28x28x1)")
        height, width, channels = spec.input
        shape = (channels, height, width)
    if len(shape) != 3 or not all(1 <= size <= MAX_COUNT for size in shape):
        raise SpecError(f"an input shape is (channels, height, width), each 1 to {MAX_COUNT:,}; got {tuple(shape)}")
    if prod(shape) > MAX_VALUES:
        raise SpecError(f"an input holds at most 2^31 values; got {size_text(shape)}, use a smaller picture")
    channels, height, width = (int(size) for size in shape)
    return channels, height, width


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as people write it, height x width x channels.

    >>> shape_text((64, 13, 12)), shape_text((10,))
    ('13x12x64', '10')
    """
    return size_text((*shape[1:], shape[0]))


def axis_padding(settings: Settings) -> tuple[Padding, Padding]:
    """A layer's padding, one for each axis: (of the rows, of the columns)."""
    padding = settings["padding"]
    return (padding, padding) if isinstance(padding, str) else (padding[0], padding[1])


@dataclass(frozen=True)
class At:
    """A layer at its place in a network, in front of its input."""

    number: int
    layer: Layer
    shape: tuple[int, ...]
    layers: tuple[Layer, ...]

    def error(self, message: str) -> SpecError:
        """A sentence that names the layer and its place."""
        return SpecError(f"layer {self.number} {self.layer.name!r} ({self.layer.call}) {message}")

    def check_values(self, shape: tuple[int, ...]) -> None:
        """Refuse an output that no machine could hold."""
        if prod(shape) > MAX_VALUES:
            raise self.error(f"would give {shape_text(shape)} values, more than 2^31; use a smaller network or input")

    def maps(self) -> tuple[int, int, int]:
        """The input as (C, H, W)."""
        if len(self.shape) == 3:
            return self.shape[0], self.shape[1], self.shape[2]
        ended = next(one for one in reversed(self.layers[: self.number - 1]) if one.kind in {"flatten", "gap"})
        raise self.error(
            f"needs feature maps (height x width x channels), its input is {self.shape[0]} values in a row "
            f"since {ended.name!r}; put it before {ended.name!r}"
        )


Sights = tuple[Sight, Sight]


@dataclass(frozen=True)
class Effect:
    """What a layer does to a shape and to the sight of its positions."""

    shape: tuple[int, ...]
    sights: Sights
    params: int = 0
    formula: str = "0"
    macs: int = 0
    macs_formula: str = "0"


def _unchanged(at: At, sights: Sights) -> Effect:
    return Effect(at.shape, sights)


def _conv(at: At, sights: Sights) -> Effect:
    channels, height, width = at.maps()
    settings = at.layer.settings
    groups, filters = settings["groups"], settings["filters"]
    if channels % groups:
        raise at.error(
            f"cannot split its {shape_text(at.shape)} input into {groups} groups; "
            f"use a number of groups that divides {channels}"
        )
    out_height, out_width, sights = _slid(at, settings["kernel"], settings["dilation"], (height, width), sights)
    params, formula, products = _weights(settings, channels, groups)
    macs = out_height * out_width * filters * products
    rows, columns = settings["kernel"]
    return Effect(
        (filters, out_height, out_width), sights, params, formula, macs,
        f"{out_height}*{out_width}*{filters}*({rows}*{columns}*{_shared(channels, groups)}) = {macs:,}",
    )  # fmt: skip


def _weights(settings: Settings, channels: int, groups: int = 1) -> tuple[int, str, int]:
    """Parameters of a convolution, their formula, and the weights of one filter."""
    (rows, columns), filters = settings["kernel"], settings["filters"]
    products = rows * columns * channels // groups
    params = (products + settings["bias"]) * filters
    each = f"{rows}*{columns}*{_shared(channels, groups)}"
    return params, f"{f'({each}+1)' if settings['bias'] else each}*{filters} = {params:,}", products


def _shared(channels: int, groups: int) -> str:
    """The channels that one filter sees, ``64`` or ``64/4``."""
    return f"{channels}/{groups}" if groups > 1 else str(channels)


def _conv_transpose(at: At, sights: Sights) -> Effect:
    channels, height, width = at.maps()
    settings = at.layer.settings
    (rows, columns), filters = settings["kernel"], settings["filters"]
    moves = [
        spread(size, kernel, stride, dilation, padding)
        for size, kernel, stride, dilation, padding in zip(
            (height, width),
            (rows, columns),
            settings["stride"],
            settings["dilation"],
            axis_padding(settings),
            strict=True,
        )
    ]
    if min(move.out for move in moves) < 1:
        full = size_text(tuple(move.out + move.before + move.after for move in moves))
        raise at.error(
            f"cannot work on its {shape_text(at.shape)} input: its padding cuts away all of the {full} "
            f"output; use less padding, or padding=same"
        )
    shape = (filters, moves[0].out, moves[1].out)
    at.check_values(shape)  # before anything of that size is made
    seen = tuple(
        sight.spread(move, kernel, stride, dilation)
        for sight, move, kernel, stride, dilation in zip(
            sights, moves, (rows, columns), settings["stride"], settings["dilation"], strict=True
        )
    )
    params, formula, _ = _weights(settings, channels)
    macs = height * width * channels * rows * columns * filters
    return Effect(
        shape, (seen[0], seen[1]), params, formula, macs,
        f"{height}*{width}*{channels}*({rows}*{columns}*{filters}) = {macs:,}",
    )  # fmt: skip


def _pool(at: At, sights: Sights) -> Effect:
    channels, height, width = at.maps()
    out_height, out_width, sights = _slid(at, at.layer.settings["size"], (1, 1), (height, width), sights)
    return Effect((channels, out_height, out_width), sights)


def _slid(
    at: At, kernel: tuple[int, int], dilation: tuple[int, int], size: tuple[int, int], sights: Sights
) -> tuple[int, int, Sights]:
    """Output height and width and the new sights of a window that moves over both axes."""
    stride, paddings = at.layer.settings["stride"], axis_padding(at.layer.settings)
    moves = [slide(size[axis], kernel[axis], stride[axis], dilation[axis], paddings[axis]) for axis in (0, 1)]
    if min(move.out for move in moves) < 1:
        room = [size[axis] + moves[axis].before + moves[axis].after for axis in (0, 1)]
        largest = size_text(tuple(min(kernel[axis], (room[axis] - 1) // dilation[axis] + 1) for axis in (0, 1)))
        spans = size_text((reach(kernel[0], dilation[0]), reach(kernel[1], dilation[1])))
        spanned = "" if dilation == (1, 1) else f" (it spans {spans} with its dilation)"
        raise at.error(
            f"cannot work on its {shape_text(at.shape)} input: the window is larger than the map{spanned}; "
            f"use a size of at most {largest}, or padding=same"
        )
    seen = [sights[axis].slid(moves[axis], kernel[axis], stride[axis], dilation[axis]) for axis in (0, 1)]
    return moves[0].out, moves[1].out, (seen[0], seen[1])


def _upsample(at: At, sights: Sights) -> Effect:
    channels, height, width = at.maps()
    factor, bilinear = at.layer.settings["factor"], at.layer.settings["mode"] == "bilinear"
    shape = (channels, height * factor[0], width * factor[1])
    at.check_values(shape)  # before anything of that size is made
    seen = [sights[axis].enlarged(factor[axis], bilinear=bilinear) for axis in (0, 1)]
    return Effect(shape, (seen[0], seen[1]))


def _gap(at: At, sights: Sights) -> Effect:
    return Effect((at.maps()[0],), (sights[0].merged(), sights[1].merged()))


def _flatten(at: At, sights: Sights) -> Effect:
    return Effect((prod(at.shape),), sights)


def _batch_norm(at: At, sights: Sights) -> Effect:
    channels = at.shape[0]
    formula = f"4*{channels} = {4 * channels:,} ({2 * channels:,} learned, {2 * channels:,} running statistics)"
    return Effect(at.shape, sights, 4 * channels, formula)


def _dense(at: At, sights: Sights) -> Effect:
    if len(at.shape) == 3:
        raise at.error(
            f"cannot work on its {shape_text(at.shape)} input: a dense layer takes values in a row; "
            f"put flatten or gap before it"
        )
    inputs, units, bias = at.shape[0], at.layer.settings["units"], at.layer.settings["bias"]
    params, macs = (inputs + bias) * units, inputs * units
    each = f"({inputs}+1)" if bias else f"{inputs}"
    return Effect(
        (units,), (sights[0].merged(), sights[1].merged()),
        params, f"{each}*{units} = {params:,}", macs, f"{inputs}*{units} = {macs:,}",
    )  # fmt: skip


_EFFECTS: dict[str, Callable[[At, Sights], Effect]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "maxpool": _pool,
    "avgpool": _pool,
    "upsample": _upsample,
    "gap": _gap,
    "flatten": _flatten,
    "batch_norm": _batch_norm,
    "dense": _dense,
}


def flatten_shapes(spec: Spec, shape: tuple[int, int, int] | None = None) -> dict[str, tuple[int, int, int]]:
    """For each layer that reads flattened maps: the (C, H, W) they had.

    Keras flattens height, width, channels and PyTorch channels, height, width, so the weights of such a
    layer change their order between the two. Layers between that keep the order (activations, dropout)
    are looked through. Besides dense layers, batch norms that read flattened maps are named.

    >>> from convscope.spec.network import parse
    >>> flatten_shapes(parse("maxpool(2) | flatten | dropout(0.5) | dense(9) | dense(3)"), (3, 8, 8))
    {'dense_1': (3, 4, 4)}
    """
    found: dict[str, tuple[int, int, int]] = {}
    maps: tuple[int, int, int] | None = None
    for layer in plan(spec, shape):
        if layer.kind == "flatten" and len(layer.input_shape) == 3:
            maps = (layer.input_shape[0], layer.input_shape[1], layer.input_shape[2])
        elif maps is not None and layer.kind in {"dense", "batch_norm"}:
            found[layer.name] = maps
            maps = None if layer.kind == "dense" else maps
    return found
