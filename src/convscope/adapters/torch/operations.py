"""Which torch functions are which kind of step: one table, from function name to describer.

Functions, tensor methods and operators share names (``torch.add``, ``Tensor.add``, ``add_``,
``+=``), so the table is keyed by the bare name; arguments are bound to names by a small signature in
which ``=`` gives the default. What is not in the table is recorded under its own name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from convscope.adapters.torch import describe as d
from convscope.adapters.torch import slices
from convscope.adapters.torch.describe import Call, Settings
from convscope.adapters.torch.keep import write_rule

#: Arguments through which the picture flows.
DATA = ("input", "other", "tensors", "dim")

NONE: dict[str, Any] = {"None": None, "True": True, "False": False}


@dataclass(frozen=True, slots=True)
class Operation:
    """How to read a call of one function.

    Attributes:
        kind: the step's kind.
        names: argument names in order.
        defaults: of those that have one.
        describe: from the bound call to the settings.
        params: names of the tensor arguments that are parameters.
        data: names of the arguments through which the picture flows.
    """

    kind: str
    names: tuple[str, ...]
    defaults: dict[str, Any]
    describe: Callable[[Call], Settings | None]
    params: tuple[str, ...]
    data: tuple[str, ...]

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name; more positional ones than names are kept as ``rest``."""
        bound = self.defaults.copy()
        bound.update(zip(self.names, args, strict=False))
        bound.update(kwargs)
        if len(args) > len(self.names):
            bound["rest"] = args[len(self.names) :]
        return bound


def _value(text: str) -> Any:
    if text in NONE:
        return NONE[text]
    try:
        return float(text) if "." in text or "e" in text else int(text)
    except ValueError:
        return text


def _operation(
    kind: str, signature: str, describe: Callable[[Call], Settings | None] = d.plain, params: str = ""
) -> Operation:
    names, defaults = [], {}
    for part in signature.split():
        name, _, default = part.partition("=")
        names.append(name)
        if default:
            defaults[name] = _value(default)
    data = tuple(name for name in names if name in DATA)
    return Operation(kind, tuple(names), defaults, describe, tuple(params.split()), data)


CONV = "input weight bias=None stride=1 padding=0 dilation=1 groups=1"
CONV_T = "input weight bias=None stride=1 padding=0 output_padding=0 groups=1 dilation=1"
POOL = "input kernel_size stride=None padding=0 dilation=1 ceil_mode=False return_indices=False"
AVG = "input kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True divisor_override=None"
NORM = "input running_mean=None running_var=None weight=None bias=None training=False momentum=0.1 eps=1e-5"
AXES = "input dim=None keepdim=False"

TABLE: dict[str, Operation] = {
    "conv2d": _operation("conv2d", CONV, d.conv2d, "weight bias"),
    "conv_transpose2d": _operation("conv_transpose2d", CONV_T, d.conv_transpose2d, "weight bias"),
    "linear": _operation("linear", "input weight bias=None", d.plain, "weight bias"),
    "max_pool2d": _operation("max_pool2d", POOL, d.max_pool2d),
    "max_pool2d_with_indices": _operation("max_pool2d", POOL, d.max_pool2d),
    "avg_pool2d": _operation("avg_pool2d", AVG, d.avg_pool2d),
    "adaptive_avg_pool2d": _operation("adaptive_avg_pool2d", "input output_size", d.adaptive_pool),
    "adaptive_max_pool2d": _operation("adaptive_max_pool2d", "input output_size", d.adaptive_pool),
    "adaptive_max_pool2d_with_indices": _operation("adaptive_max_pool2d", "input output_size", d.adaptive_pool),
    "batch_norm": _operation("batch_norm", NORM, d.batch_norm, "running_mean running_var weight bias"),
    "layer_norm": _operation(
        "layer_norm", "input normalized_shape weight=None bias=None eps=1e-5", d.layer_norm, "weight bias"
    ),
    "group_norm": _operation(
        "group_norm", "input num_groups weight=None bias=None eps=1e-5", d.group_norm, "weight bias"
    ),
    "local_response_norm": _operation(
        "local_response_norm", "input size alpha=1e-4 beta=0.75 k=1.0", d.numbers("size", "alpha", "beta", "k")
    ),
    "leaky_relu": _operation("leaky_relu", "input negative_slope=0.01", d.numbers("negative_slope")),
    "elu": _operation("elu", "input alpha=1.0", d.numbers("alpha")),
    "celu": _operation("celu", "input alpha=1.0", d.numbers("alpha")),
    "gelu": _operation("gelu", "input approximate=none", d.numbers("approximate")),
    "softplus": _operation("softplus", "input beta=1.0 threshold=20.0", d.numbers("beta", "threshold")),
    "hardtanh": _operation("hardtanh", "input min_val=-1.0 max_val=1.0", d.hardtanh),
    "clamp": _operation("clamp", "input min=None max=None", d.numbers("min", "max")),
    "clip": _operation("clamp", "input min=None max=None", d.numbers("min", "max")),
    "clamp_min": _operation("clamp", "input min max=None", d.numbers("min", "max")),
    "clamp_max": _operation("clamp", "input max min=None", d.numbers("min", "max")),
    "pow": _operation("pow", "input exponent", d.numbers("exponent")),
    "__pow__": _operation("pow", "input exponent", d.numbers("exponent")),
    "prelu": _operation("prelu", "input weight", d.plain, "weight"),
    "dropout": _operation("dropout", "input p=0.5 training=True", d.dropout),
    "softmax": _operation("softmax", "input dim=None", d.softmax),
    "log_softmax": _operation("log_softmax", "input dim=None", d.softmax),
    "cat": _operation("cat", "tensors dim=0", d.cat),
    "stack": _operation("stack", "tensors dim=0", d.stack),
    "permute": _operation("permute", "input dims", d.permute),
    "transpose": _operation("permute", "input dim0 dim1", d.transpose),
    "mean": _operation("mean", AXES, d.reduction),
    "sum": _operation("sum", AXES, d.reduction),
    "amax": _operation("amax", AXES, d.reduction),
    "max": _operation("amax", AXES, d.maximum_over),
    "pad": _operation("pad", "input pad mode=constant value=None", d.pad),
    "interpolate": _operation(
        "interpolate",
        "input size=None scale_factor=None mode=nearest align_corners=None recompute_scale_factor=None antialias=False",
        d.interpolate,
    ),
    "pixel_shuffle": _operation("pixel_shuffle", "input upscale_factor", d.numbers(factor="upscale_factor")),
    "channel_shuffle": _operation("channel_shuffle", "input groups", d.numbers("groups")),
    "__getitem__": _operation("slice", "input index", slices.getitem),
    "narrow": _operation("slice", "input dim start length", slices.narrow),
    "select": _operation("slice", "input dim index", slices.select),
}  # fmt: skip

TABLE |= {
    name: _operation(name, "input")
    for name in (
        *("relu", "relu6", "selu", "silu", "mish", "sigmoid", "tanh", "hardsigmoid", "hardswish", "softsign"),
        *("exp", "log", "sqrt", "rsqrt", "abs", "neg", "square", "sin", "cos", "reciprocal"),
    )
}
TABLE["log_sigmoid"] = TABLE["logsigmoid"] = _operation("logsigmoid", "input")  # F.logsigmoid calls itself log_sigmoid
TABLE |= {
    name: _operation(kind, "input other alpha=1 rounding_mode=None", d.binary)
    for kind, names in {
        "add": "add __add__ __radd__", "sub": "sub subtract __sub__", "mul": "mul multiply __mul__ __rmul__",
        "div": "div divide true_divide __truediv__ __div__", "maximum": "maximum", "minimum": "minimum",
    }.items()
    for name in names.split()
}  # fmt: skip
TABLE |= {
    name: _operation(kind, "input other alpha=1 rounding_mode=None", d.reversed_binary)
    for name, kind in {"rsub": "sub", "__rsub__": "sub", "__rtruediv__": "div", "__rdiv__": "div"}.items()
}
TABLE |= {
    name: _operation(kind, "input", d.reshape)
    for kind, names in {
        "flatten": "flatten ravel", "reshape": "reshape view view_as reshape_as unflatten", "squeeze": "squeeze",
        "unsqueeze": "unsqueeze",
    }.items()
    for name in names.split()
}  # fmt: skip

SYNONYMS = {
    "concat": "cat", "concatenate": "cat", "swapaxes": "transpose", "swapdims": "transpose", "absolute": "abs",
    "__abs__": "abs", "negative": "neg", "__neg__": "neg", "special_expit": "sigmoid", "upsample": "interpolate",
    "dropout1d": "dropout", "dropout2d": "dropout", "dropout3d": "dropout", "feature_dropout": "dropout",
    "alpha_dropout": "dropout", "feature_alpha_dropout": "dropout", "__itruediv__": "div", "__idiv__": "div",
}  # fmt: skip

#: Where torch.NAME takes its arguments in another order than the functional of the same name.
NATIVE_BATCH_NORM = _operation(
    "batch_norm",
    "input weight bias running_mean running_var training momentum eps cudnn_enabled",
    d.batch_norm,
    "running_mean running_var weight bias",
)

#: Their result is the same picture of numbers: no step of its own.
ALIASES = frozenset(
    {"detach", "contiguous", "clone", "alias", "cpu", "cuda", "requires_grad", "positive", "__pos__", "data"}
)
CASTS = frozenset({"to", "type", "float", "half", "bfloat16", "double", "type_as"})

#: Functions that return several slices of their input.
SPLITS = frozenset({"chunk", "split", "split_with_sizes", "tensor_split", "unbind"})


def base_name(name: str) -> str:
    """``relu_``, ``__iadd__`` and ``concat`` as ``relu``, ``add`` and ``cat``."""
    if name.startswith("__i") and name.endswith("__") and f"__{name[3:]}" in TABLE:
        return f"__{name[3:]}"
    if not name.endswith("__"):
        name = name.rstrip("_")
    return SYNONYMS.get(name, name)


@dataclass(frozen=True, slots=True)
class Function:
    """What is known of one torch function.

    Attributes:
        name: as Python calls it; a property's is that of the attribute (``x.T``).
        base: without what says "in place".
        writes: see :func:`convscope.adapters.torch.keep.write_rule`.
        operation: how to read a call, None for functions without a description.
    """

    name: str
    base: str
    writes: int | None
    operation: Operation | None


@lru_cache(maxsize=4096)
def known(function: Callable[..., Any]) -> Function:
    """Looked up once: a network calls few functions many times."""
    name = getattr(function, "__name__", type(function).__name__)
    if name == "__get__":
        name = getattr(getattr(function, "__self__", None), "__name__", name)
    base = base_name(name)
    operation = NATIVE_BATCH_NORM if function is torch.batch_norm else TABLE.get(base)
    return Function(name, base, write_rule(name), operation)
