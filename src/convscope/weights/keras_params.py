"""A Keras layer's variables, turned into PyTorch's parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

from convscope.weights.hdf5 import Array
from convscope.weights.keras_h5 import Stored
from convscope.weights.value import shown

Params = dict[str, np.ndarray]

CONV, DEPTHWISE, SEPARABLE = "convolution", "depthwise convolution", "separable convolution"
DENSE, BATCH_NORM, NORM = "dense", "batch normalization", "normalization"
EMBEDDING, PRELU = "embedding", "prelu"
STANDARDIZE = "input normalization"

CLASSES = {
    **{f"{name}{n}d{end}": CONV for name in ("conv", "convolution") for n in "123" for end in ("", "transpose")},
    "deconvolution2d": CONV,
    "deconvolution3d": CONV,
    "atrousconvolution1d": CONV,
    "atrousconvolution2d": CONV,
    "depthwiseconv1d": DEPTHWISE,
    "depthwiseconv2d": DEPTHWISE,
    "separableconv1d": SEPARABLE,
    "separableconv2d": SEPARABLE,
    "separableconvolution2d": SEPARABLE,
    "dense": DENSE,
    "batchnormalization": BATCH_NORM,
    "syncbatchnormalization": BATCH_NORM,
    "layernormalization": NORM,
    "groupnormalization": NORM,
    "embedding": EMBEDDING,
    "prelu": PRELU,
    "normalization": STANDARDIZE,
}
"""Class name in lower case, or the automatic layer name without underscores, to what it is."""

OTHERS = re.compile(r"lstm|gru|rnn|attention|einsum|locallyconnected|spectral|vectorization|lookup|maxout")
"""Classes whose variables look like those of other layers but mean something else."""

ORDER = {
    CONV: ("kernel", "bias"),
    DEPTHWISE: ("depthwise_kernel", "bias"),
    SEPARABLE: ("depthwise_kernel", "pointwise_kernel", "bias"),
    DENSE: ("kernel", "bias"),
    BATCH_NORM: ("gamma", "beta", "moving_mean", "moving_variance"),
    NORM: ("gamma", "beta"),
    EMBEDDING: ("embeddings",),
    PRELU: ("alpha",),
    STANDARDIZE: ("mean", "variance", "count"),
}
"""The variables of a layer in the order in which Keras numbers them."""

NEEDED = ("moving_mean", "moving_variance", "mean", "variance")
"""Variables beside the kernels without which there is no such layer."""

# Keras 1 called the variance running_std, W and b are its kernel and bias.
ALIASES = {
    "depthwise_kernel": "depthwise_kernel",
    "pointwise_kernel": "pointwise_kernel",
    "moving_variance": "moving_variance",
    "moving_mean": "moving_mean",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",
    "embeddings": "embeddings",
    "alphas": "alpha",
    "alpha": "alpha",
    "kernel": "kernel",
    "gamma": "gamma",
    "beta": "beta",
    "bias": "bias",
    "W": "kernel",
    "b": "bias",
    "mean": "mean",
    "variance": "variance",
    "count": "count",
}


class NotUnderstoodError(Exception):
    """A layer's variables fit nothing that is known; the text says why."""


def to_torch(stored: Stored, *, theano: bool = False) -> tuple[dict[str, Params], list[str]]:
    """The parameters of one stored layer, and what of it was not understood.

    A separable convolution becomes two layers, ``<name>.depthwise`` and ``<name>.pointwise``.

    Args:
        stored: the layer as found in the file.
        theano: the file was saved with the Theano backend, whose kernels are turned by 180 degrees.
    """
    try:
        numbered = all(name.isdecimal() for name in stored.variables)
        kind = _kind_by_class(stored)
        named = {} if numbered else _by_name(stored)
        if kind is None:
            kind = _kind_by_shapes(_numbers(stored)) if numbered else _kind_by_names(named)
        if numbered:
            named = _by_number(stored, kind)
        if kind == DEPTHWISE and "kernel" in named:
            named["depthwise_kernel"] = named.pop("kernel")
        if kind == STANDARDIZE:
            named.pop("count", None)  # how many photos it was fitted on, a whole number
        _check(kind, named)
        values = {name: array.read() for name, array in named.items()}
        if stored.settings.get("dim_ordering") == "th" and kind == CONV:
            values["kernel"] = np.moveaxis(values["kernel"], (1, 0), (-2, -1))
        result = _BUILD[kind](values)
    except NotUnderstoodError as error:
        return {}, [f"{shown(stored.name)} ({error})"]
    if theano and kind == CONV:
        result[""]["weight"] = _turned(result[""]["weight"])
    return {f"{stored.name}.{part}" if part else stored.name: params for part, params in result.items()}, []


def _kind_by_class(stored: Stored) -> str | None:
    """What the layer is by its class, or by a name made from its class."""
    for hint in stored.hints:
        plain = re.sub(r"_\d+$", "", hint).replace("_", "").lower()
        if plain in CLASSES:
            return CLASSES[plain]
        if OTHERS.search(plain):
            raise NotUnderstoodError(f"layers of class {shown(hint)} are not read")
    return None


def _kind_by_names(named: Mapping[str, Array]) -> str:
    if "depthwise_kernel" in named:
        return SEPARABLE if "pointwise_kernel" in named else DEPTHWISE
    if "moving_mean" in named:
        return BATCH_NORM
    if "gamma" in named or "beta" in named:
        return NORM
    if "embeddings" in named:
        return EMBEDDING
    if "alpha" in named:
        return PRELU
    kernel = named.get("kernel")
    if kernel is None:
        raise NotUnderstoodError("its variables are of no known layer")
    return _kind_of_kernel([kernel, *(named[name] for name in ("bias",) if name in named)])


def _kind_by_shapes(arrays: list[Array]) -> str:
    shapes = [array.shape for array in arrays]
    if [len(shape) for shape in shapes[:2]] in ([4, 4], [3, 3]):
        return SEPARABLE
    if len(shapes) == 4 and len(set(shapes)) == 1 and len(shapes[0]) == 1:
        return BATCH_NORM
    return _kind_of_kernel(arrays)


def _kind_of_kernel(arrays: list[Array]) -> str:
    """A dense, plain or depthwise kernel; the length of the bias tells the last two apart."""
    shapes = [array.shape for array in arrays]
    rank = len(shapes[0]) if shapes else 0
    if len(shapes) > 2 or not 2 <= rank <= 5 or (len(shapes) == 2 and len(shapes[1]) != 1):
        raise NotUnderstoodError(f"variables of the shapes {shapes[:6]} are of no known layer")
    if rank == 2:
        return DENSE
    *_, inputs, outputs = shapes[0]
    biases = shapes[1][0] if len(shapes) == 2 else outputs
    return DEPTHWISE if biases == inputs * outputs and biases not in (inputs, outputs) else CONV


def _by_name(stored: Stored) -> dict[str, Array]:
    """The variables under their usual names.

    TensorFlow adds ``:0`` to a name and ``_1`` where a name was taken; Keras 1 puts the layer's name
    before it.
    """
    own = re.split(r"[./]", stored.name)[-1]
    named: dict[str, Array] = {}
    for name, array in stored.variables.items():
        plain = re.sub(r":\d+$", "", name).removeprefix(f"{own}_")
        plain = re.sub(r"_\d+$", "", plain)
        endings = (ALIASES[known] for known in ALIASES if len(known) > 1 and plain.endswith(f"_{known}"))
        usual = ALIASES.get(plain) or next(endings, None)
        if usual is None or usual in named:
            raise NotUnderstoodError(f"its variable {shown(name)} is not one that such a layer has")
        named[usual] = array
    return named


def _numbers(stored: Stored) -> list[Array]:
    keys = sorted(stored.variables, key=lambda key: (len(key), key))
    if keys != [str(i) for i in range(len(keys))]:
        raise NotUnderstoodError(f"its variables {', '.join(map(shown, keys[:5]))} are of no known layer")
    return [stored.variables[key] for key in keys]


def _by_number(stored: Stored, kind: str) -> dict[str, Array]:
    arrays, order = _numbers(stored), ORDER[kind]
    if kind in (BATCH_NORM, NORM):
        order = _kept(stored, order, len(arrays))
    if len(arrays) > len(order):
        raise NotUnderstoodError(f"it has {len(arrays)} variables, a {kind} layer has at most {len(order)}")
    return dict(zip(order, arrays, strict=False))


def _kept(stored: Stored, order: tuple[str, ...], count: int) -> tuple[str, ...]:
    """The variables that a normalisation has: gamma and beta can be left out."""
    if count == len(order):
        return order
    if stored.known:
        left_out = {"gamma"} if stored.settings.get("scale") is False else set()
        left_out |= {"beta"} if stored.settings.get("center") is False else set()
        kept = tuple(name for name in order if name not in left_out)
        if stored.settings.get("rms_scaling") is True:
            kept = ("gamma",)
    else:
        kept = order[2:]
    if len(kept) != count:
        raise NotUnderstoodError(
            f"of its {count} variables nobody can say which are gamma and beta; save the whole model"
        )
    return kept


def _check(kind: str, named: Mapping[str, Array]) -> None:
    """The variables are those of the layer, have possible shapes and are floats."""
    needed = {name for name in ORDER[kind] if "kernel" in name or name in NEEDED}
    wrong = sorted((needed - set(named)) | (set(named) - set(ORDER[kind])))
    if wrong:
        raise NotUnderstoodError(f"as a {kind} layer it lacks or should not have {', '.join(wrong)}")
    for name, array in named.items():
        if not array.is_float:
            raise NotUnderstoodError(f"{name} holds {array.dataset.dtype}, as quantised networks do")
        rank = len(array.shape)
        if "kernel" in name and not (rank == 2 if kind == DENSE else 3 <= rank <= 5):
            raise NotUnderstoodError(f"{name} of a {kind} layer cannot have the shape {array.shape}")
        if kind in (BATCH_NORM, NORM) and rank != 1:
            raise NotUnderstoodError(f"{name} is not a list of one number a channel but {array.shape}")


def _spatial_last(kernel: Float[np.ndarray, "... a b"]) -> np.ndarray:
    """``(h, w, a, b)`` -> ``(b, a, h, w)``: both for convolutions and for transposed ones."""
    return np.moveaxis(kernel, (-1, -2), (0, 1))


def _depthwise(kernel: Float[np.ndarray, "... channels multiplier"]) -> np.ndarray:
    """``(h, w, channels, m)`` -> ``(channels * m, 1, h, w)``: the m filters of a channel stay together."""
    moved = np.moveaxis(kernel, (-2, -1), (0, 1))
    return moved.reshape(-1, 1, *moved.shape[2:])


def _turned(kernel: Float[np.ndarray, "..."]) -> np.ndarray:
    """Theano convolves, everything else correlates: turn every kernel by 180 degrees."""
    return np.ascontiguousarray(np.flip(kernel, axis=tuple(range(2, kernel.ndim))))


def _with_bias(weight: np.ndarray, stored: Mapping[str, np.ndarray]) -> Params:
    params = {"weight": np.ascontiguousarray(weight)}
    if "bias" in stored:
        params["bias"] = stored["bias"]
    return params


def _normalization(stored: Mapping[str, np.ndarray]) -> dict[str, Params]:
    names = {
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
    return {"": {names[name]: array for name, array in stored.items()}}


def _separable(stored: Mapping[str, np.ndarray]) -> dict[str, Params]:
    return {
        "depthwise": {"weight": np.ascontiguousarray(_depthwise(stored["depthwise_kernel"]))},
        "pointwise": _with_bias(_spatial_last(stored["pointwise_kernel"]), stored),
    }


def _standardize(stored: Mapping[str, np.ndarray]) -> dict[str, Params]:
    return {"": {"running_mean": stored["mean"].reshape(-1), "running_var": stored["variance"].reshape(-1)}}


def _prelu(stored: Mapping[str, np.ndarray]) -> dict[str, Params]:
    alpha = stored["alpha"]
    if alpha.size != max(alpha.shape[-1:], default=1):
        raise NotUnderstoodError(f"its slopes differ from place to place {alpha.shape}, PyTorch has one a channel")
    return {"": {"weight": alpha.reshape(-1)}}


_BUILD: Mapping[str, Callable[[Mapping[str, np.ndarray]], dict[str, Params]]] = {
    CONV: lambda stored: {"": _with_bias(_spatial_last(stored["kernel"]), stored)},
    DEPTHWISE: lambda stored: {"": _with_bias(_depthwise(stored["depthwise_kernel"]), stored)},
    SEPARABLE: _separable,
    DENSE: lambda stored: {"": _with_bias(stored["kernel"].T, stored)},
    BATCH_NORM: _normalization,
    NORM: _normalization,
    EMBEDDING: lambda stored: {"": {"weight": stored["embeddings"]}},
    PRELU: _prelu,
    STANDARDIZE: _standardize,
}
