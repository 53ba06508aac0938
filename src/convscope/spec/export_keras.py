"""A spec as a Keras 3 script that stands on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from convscope.errors import SpecError
from convscope.spec.geometry import slide, spread
from convscope.spec.network import Spec
from convscope.spec.planning import PlannedLayer, axis_padding, flatten_shapes, input_shape, plan, shape_text

_SCRIPT = '''"""{title}

{spec}

Written by convscope for Keras 3, on any backend. Input: pictures of {input}, as a float32 array
(batch, height, width, channels). Run it to see the model, or with the path of a weights file to fill it in:

    python network.py weights.safetensors
"""

import sys

import keras
from keras import layers
from safetensors.numpy import load_file


def build_model() -> keras.Sequential:
    """The network, with Keras' own random weights; the comments give each output and its parameters."""
    return keras.Sequential(
        [
            keras.Input(({height}, {width}, {channels})),
{layers}
        ]
    )


def load_weights(model: keras.Sequential, path: str) -> None:
    """Fill the model with the weights of a .safetensors file, whose keys are like "conv_1.weight".

    The file has PyTorch's layout: kernels are (out, in, height, width) there and (height, width, in, out)
    here, and flattened maps run channel by channel there and pixel by pixel here.
    """
{weights}


if __name__ == "__main__":
    model = build_model()
    if len(sys.argv) > 1:
        load_weights(model, sys.argv[1])
    model.summary()
'''

_NEVER_NEGATIVE = {"relu", "sigmoid", "softmax"}
_KEEPS_SIGN = {"maxpool", "avgpool", "dropout", "upsample"}


def keras_code(spec: Spec, shape: tuple[int, int, int] | None = None) -> str:
    """A script that builds the network in Keras 3 and gives the same numbers as :func:`convscope.spec.build`.

    It defines ``build_model()`` and ``load_weights(model, path)``, and needs keras, a backend and
    safetensors only. Its input is channels last. A network that ends in maps gives them channels last; one
    that ends in a vector gives the same vector.

    Args:
        spec: the network.
        shape: (C, H, W) of the input; left out, what the spec's ``input(HxWxC)`` says.

    Raises:
        SpecError: the network is impossible for this input, or has a layer that Keras' layers cannot express:
            a stride together with a dilation, or a pool whose numeric padding is not what ``same`` would be
            (a max pool behind a relu, sigmoid or softmax can be expressed).

    >>> from convscope.spec.network import parse
    >>> 'layers.Conv2D(3, 3, strides=2, padding="same", name="conv_1"),' in keras_code(
    ...     parse("conv(3, 3, stride=2, padding=same)"), (1, 28, 28))
    True
    """
    channels, height, width = input_shape(spec, shape)
    planned = plan(spec, shape)
    # Without a dense layer that could take another order, a Permute keeps ours (see _flatten).
    flat = flatten_shapes(spec, shape) if any(layer.kind == "dense" for layer in planned) else {}
    network = [Placed(number, layer, planned, flat) for number, layer in enumerate(planned, 1)]
    return _SCRIPT.format(
        title=f"A network of {sum(layer.params for layer in planned):,} parameters.",
        spec="\n".join(f"    {line}" for line in spec.text().splitlines()),
        input=shape_text((channels, height, width)),
        layers="\n".join(f"            {line}" for layer in network for line in layer.lines()),
        weights=_weights_body(network),
        channels=channels,
        height=height,
        width=width,
    )


def _weights_body(network: Iterable[Placed]) -> str:
    lines = [line for layer in network for line in layer.weight_lines()]
    return "\n".join(
        f"    {line}" for line in (["tensors = load_file(path)", *lines] if lines else ["load_file(path)"])
    )


@dataclass(frozen=True)
class Placed:
    """A planned layer among the others.

    Attributes:
        number: its place, counted from 1.
        layer: the layer itself.
        all: the whole network.
        flat: the (C, H, W) of flattened maps by the name of the layer that reads them.
    """

    number: int
    layer: PlannedLayer
    all: tuple[PlannedLayer, ...]
    flat: dict[str, tuple[int, int, int]]

    def lines(self) -> list[str]:
        """The Keras layers, one a line, with a comment."""
        layer = self.layer
        calls = _CALLS[layer.kind](self)
        note = shape_text(layer.shape) + (f", {layer.params:,} parameters" if layer.params else "")
        return [
            f"{call},  # {note if index == len(calls) - 1 else f'for {layer.name}'}" for index, call in enumerate(calls)
        ]

    def weight_lines(self) -> list[str]:
        """The statements that give this layer its weights."""
        kind, name = self.layer.kind, self.layer.name
        if not self.layer.params:
            return []
        if kind == "batch_norm":
            order = self._flat_vector_order()
            keys = ("weight", "bias", "running_mean", "running_var")
            values = [f'tensors["{name}.{key}"]{order}' for key in keys]
        else:
            order = self._flat_matrix_order() if kind == "dense" else ".transpose(2, 3, 1, 0)"
            values = [f'tensors["{name}.weight"]{order}']
            values += [f'tensors["{name}.bias"]'] if self.layer.settings["bias"] else []
        return [
            f'model.get_layer("{name}").set_weights(',
            "    [",
            *(f"        {value}," for value in values),
            "    ]",
            ")",
        ]

    def _flat_matrix_order(self) -> str:
        if self.layer.name not in self.flat:
            return ".T"
        (channels, height, width), units = self.flat[self.layer.name], self.layer.shape[0]
        return (
            f".reshape({units}, {channels}, {height}, {width}).transpose(2, 3, 1, 0)"
            f".reshape({channels * height * width}, {units})"
        )

    def _flat_vector_order(self) -> str:
        if self.layer.name not in self.flat:
            return ""
        channels, height, width = self.flat[self.layer.name]
        return f".reshape({channels}, {height}, {width}).transpose(1, 2, 0).reshape(-1)"

    def call(self, kind: str, *args: Any, **options: Any) -> str:
        """A Keras layer as source code, under this layer's name."""
        return _code(kind, *args, **options, name=self.layer.name)

    def beside(self, suffix: str, kind: str, *args: Any) -> str:
        """A helper layer as source code."""
        name = f"{self.layer.name}_{suffix}"
        if any(other.name == name for other in self.all):
            raise self.error(f"needs a helper layer called {name!r} in Keras; give the layer of that name another name")
        return _code(kind, *args, name=name)

    def error(self, message: str) -> SpecError:
        """A sentence that names the layer."""
        return SpecError(f"layer {self.number} {self.layer.name!r} ({self.layer.kind}) {message}")

    def never_negative(self) -> bool:
        """Whether its input cannot hold a negative number."""
        for before in reversed(self.all[: self.number - 1]):
            if before.kind not in _KEEPS_SIGN:
                return before.kind in _NEVER_NEGATIVE
        return False


def _conv(at: Placed) -> list[str]:
    settings = at.layer.settings
    _refuse_stride_with_dilation(at)
    padding = settings["padding"]
    conv = at.call(
        "Conv2D", settings["filters"], _short(settings["kernel"]),
        **_given(
            strides=settings["stride"],
            padding="same" if padding == "same" else "valid",
            dilation_rate=settings["dilation"],
            groups=settings["groups"],
            use_bias=settings["bias"],
        ),
    )  # fmt: skip
    if isinstance(padding, str) or padding == (0, 0):
        return [conv]
    return [at.beside("pad", "ZeroPadding2D", _short(padding)), conv]


def _conv_transpose(at: Placed) -> list[str]:
    settings, padding = at.layer.settings, at.layer.settings["padding"]
    _refuse_stride_with_dilation(at)
    conv = at.call(
        "Conv2DTranspose", settings["filters"], _short(settings["kernel"]),
        **_given(
            strides=settings["stride"],
            padding="same" if padding == "same" else "valid",
            dilation_rate=settings["dilation"],
            use_bias=settings["bias"],
        ),
    )  # fmt: skip
    if isinstance(padding, str):
        return [conv]
    cuts = []
    for axis in (0, 1):
        window = settings["kernel"][axis], settings["stride"][axis], settings["dilation"][axis]
        extra = spread(at.layer.input_shape[1 + axis], *window, "valid").extra
        cuts.append((padding[axis], padding[axis] + extra))
    return [conv, at.beside("crop", "Cropping2D", tuple(cuts))] if cuts != [(0, 0), (0, 0)] else [conv]


def _refuse_stride_with_dilation(at: Placed) -> None:
    settings = at.layer.settings
    if max(settings["stride"]) > 1 and max(settings["dilation"]) > 1:
        raise at.error("has a stride and a dilation, which Keras cannot do in one layer; use one of the two")


def _maxpool(at: Placed) -> list[str]:
    padding = at.layer.settings["padding"]
    if isinstance(padding, str) or _is_same(at):
        return [_pool(at, "MaxPooling2D", "valid" if padding == "valid" else "same")]
    if padding != (0, 0) and not at.never_negative():
        raise at.error(
            f"has padding={_short(padding)}, and Keras can pad only with zeros, which would win over "
            f"negative values; put relu before it, or use padding=same"
        )
    pool = _pool(at, "MaxPooling2D", "valid")
    return [at.beside("pad", "ZeroPadding2D", _short(padding)), pool] if padding != (0, 0) else [pool]


def _avgpool(at: Placed) -> list[str]:
    padding = at.layer.settings["padding"]
    if isinstance(padding, str) or _is_same(at):
        return [_pool(at, "AveragePooling2D", "valid" if padding == "valid" else "same")]
    if padding != (0, 0):
        raise at.error(
            f"has padding={_short(padding)}, and Keras would count the padded zeros into the "
            f"mean; use padding=same or valid"
        )
    return [_pool(at, "AveragePooling2D", "valid")]


def _pool(at: Placed, kind: str, padding: str) -> str:
    size, stride = at.layer.settings["size"], at.layer.settings["stride"]
    strides = {} if stride == size else {"strides": _short(stride)}
    return at.call(kind, _short(size), **strides, **_given(padding=padding))


def _is_same(at: Placed) -> bool:
    """Whether a numeric padding is just what ``same`` would be."""
    settings, sizes = at.layer.settings, at.layer.input_shape[1:]
    return all(
        slide(sizes[axis], settings["size"][axis], settings["stride"][axis], 1, "same")
        == slide(sizes[axis], settings["size"][axis], settings["stride"][axis], 1, axis_padding(settings)[axis])
        for axis in (0, 1)
    )


def _flatten(at: Placed) -> list[str]:
    """Flatten; where no dense layer follows, the channels come first, so that the vector is the same."""
    flatten = at.call("Flatten")
    maps, follows = len(at.layer.input_shape) == 3, [layer.kind for layer in at.all[at.number :]]
    if not maps or "dense" in follows:
        return [flatten]
    return [at.beside("order", "Permute", (3, 1, 2)), flatten]


def _batch_norm(at: Placed) -> list[str]:
    settings = at.layer.settings
    return [at.call("BatchNormalization", momentum=settings["momentum"], epsilon=settings["eps"])]


def _dense(at: Placed) -> list[str]:
    return [at.call("Dense", at.layer.settings["units"], **_given(use_bias=at.layer.settings["bias"]))]


def _upsample(at: Placed) -> list[str]:
    settings = at.layer.settings
    return [at.call("UpSampling2D", _short(settings["factor"]), interpolation=settings["mode"])]


_CALLS: dict[str, Callable[[Placed], list[str]]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "upsample": _upsample,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "gap": lambda at: [at.call("GlobalAveragePooling2D")],
    "batch_norm": _batch_norm,
    "dropout": lambda at: [at.call("Dropout", at.layer.settings["rate"])],
    "relu": lambda at: [at.call("ReLU")],
    "leaky_relu": lambda at: [at.call("LeakyReLU", negative_slope=at.layer.settings["slope"])],
    "elu": lambda at: [at.call("ELU", alpha=at.layer.settings["alpha"])],
    "sigmoid": lambda at: [at.call("Activation", "sigmoid")],
    "tanh": lambda at: [at.call("Activation", "tanh")],
    "softmax": lambda at: [at.call("Softmax")],
    "flatten": _flatten,
    "dense": _dense,
}

_DEFAULTS = {"strides": (1, 1), "padding": "valid", "dilation_rate": (1, 1), "groups": 1, "use_bias": True}


def _code(kind: str, *args: Any, **options: Any) -> str:
    parts = [_literal(argument) for argument in args]
    parts += [f"{key}={_literal(value)}" for key, value in options.items()]
    return f"layers.{kind}({', '.join(parts)})"


def _given(**options: Any) -> dict[str, Any]:
    """The options that differ from Keras' defaults, equal pairs as one number."""
    return {key: _short(value) for key, value in options.items() if value != _DEFAULTS.get(key)}


def _short(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and value[0] == value[1] else value


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)
