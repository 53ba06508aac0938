"""The operations of PyTorch's own programs ("aten"), as calls of the functions that people use.

TorchScript and exported programs write ``aten::_convolution`` where a person writes ``torch.nn.functional.conv2d``. The
op tape knows what people write (``adapters/torch/operations.py``), so each operation is turned into that.

Source: https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/native_functions.yaml
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

Numbers = Sequence[int]


def _convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Numbers, padding: Numbers, dilation: Numbers,
    transposed: bool, output_padding: Numbers, groups: int, *_backends: Any,
) -> Tensor:  # fmt: skip
    if weight.ndim != 4:
        return torch.convolution(x, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
    if transposed:
        return F.conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation)
    return F.conv2d(x, weight, bias, stride, padding, dilation, groups)


def _norm_without_training(
    x: Tensor, weight: Any, bias: Any, mean: Any, variance: Any, momentum: float, eps: float
) -> tuple[Tensor, ...]:
    return (torch.batch_norm(x, weight, bias, mean, variance, False, momentum, eps, False),)


def _batch_norm(
    x: Tensor, weight: Any, bias: Any, mean: Any, variance: Any, training: bool, momentum: float, eps: float, *_: Any
) -> Tensor:
    return torch.batch_norm(x, weight, bias, mean, variance, training, momentum, eps, False)


def _max_pool(
    x: Tensor, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Tensor:
    return F.max_pool2d(x, kernel, stride or kernel, padding, dilation, ceil_mode)


def _avg_pool(
    x: Tensor, kernel: Any, stride: Any = (), padding: Any = 0, ceil_mode: bool = False, count_pad: bool = True,
    divisor: int | None = None,
) -> Tensor:  # fmt: skip
    return F.avg_pool2d(x, kernel, stride or kernel, padding, ceil_mode, count_pad, divisor)


def _elu(x: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Tensor:
    if (scale, input_scale) == (1, 1):
        return F.elu(x, alpha)
    scaled: Tensor = torch.ops.aten.elu(x, alpha, scale, input_scale)
    return scaled


def _slice(x: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    whole = start in (None, 0) and (end is None or end >= x.shape[dim]) and step == 1
    return x if whole else x[(slice(None),) * (dim % x.ndim) + (slice(start, end, step),)]


def _reduction(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def reduced(x: Tensor, dim: Any = None, keepdim: bool = False, *_dtype: Any, **_named: Any) -> Tensor:
        return function(x) if dim is None or isinstance(dim, torch.dtype) else function(x, dim, keepdim)

    return reduced


def _with_alpha(function: Callable[..., Any]) -> Callable[..., Any]:
    def joined(x: Any, y: Any, alpha: Any = 1) -> Any:
        return function(x, y) if alpha == 1 else function(x, y * alpha)

    return joined


def _interpolated(mode: str) -> Callable[..., Tensor]:
    corners = mode in {"bilinear", "bicubic"}

    def resized(x: Tensor, size: Any, *rest: Any) -> Tensor:
        align = bool(rest[0]) if corners else None
        factors = rest[1:] if corners else rest
        factor = factors[0] if len(factors) == 1 else None  # the overload with a list of factors
        if factor is not None:
            return F.interpolate(x, None, tuple(factor), mode, align)
        return F.interpolate(x, tuple(size), None, mode, align)

    return resized


def _same(x: Any, *_how: Any, **_named: Any) -> Any:
    return x


def _cast(x: Tensor, *how: Any, **named: Any) -> Tensor:
    wanted = [one for one in (*how, *named.values()) if isinstance(one, torch.dtype)]
    return x.to(wanted[0]) if wanted and wanted[0] != x.dtype else x


ADAPTED: dict[str, Callable[..., Any]] = {
    "_convolution": _convolution, "convolution": _convolution, "conv2d": F.conv2d,
    "conv_transpose2d": F.conv_transpose2d, "linear": F.linear,
    "batch_norm": _batch_norm, "_native_batch_norm_legit_no_training": _norm_without_training,
    "max_pool2d": _max_pool, "avg_pool2d": _avg_pool,
    "max_pool2d_with_indices": lambda *args: (_max_pool(*args), None),
    "adaptive_avg_pool2d": F.adaptive_avg_pool2d, "_adaptive_avg_pool2d": F.adaptive_avg_pool2d,
    "layer_norm": lambda x, shape, weight=None, bias=None, eps=1e-5, *_: F.layer_norm(x, shape, weight, bias, eps),
    "group_norm": lambda x, groups, weight=None, bias=None, eps=1e-5, *_: F.group_norm(x, groups, weight, bias, eps),
    "instance_norm": lambda x, weight, bias, mean, var, own, momentum, eps, *_: F.instance_norm(
        x, mean, var, weight, bias, own, momentum, eps
    ),
    "elu": _elu, "elu_": _elu, "relu6": F.relu6, "hardtanh": F.hardtanh, "leaky_relu": F.leaky_relu,
    "prelu": torch.prelu, "gelu": F.gelu, "silu": F.silu, "mish": F.mish, "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid, "log_sigmoid": F.logsigmoid, "softplus": F.softplus,
    "softmax": lambda x, dim, *_: torch.softmax(x, dim), "log_softmax": lambda x, dim, *_: torch.log_softmax(x, dim),
    "_softmax": lambda x, dim, _half: torch.softmax(x, dim),
    "_log_softmax": lambda x, dim, _half: torch.log_softmax(x, dim),
    "mean": _reduction(torch.mean), "sum": _reduction(torch.sum), "amax": _reduction(torch.amax),
    "add": _with_alpha(torch.add), "sub": _with_alpha(torch.sub), "slice": _slice,
    "constant_pad_nd": lambda x, pad, value=0.0: F.pad(x, list(pad), "constant", value),
    "pad": lambda x, pad, mode="constant", value=None: F.pad(x, list(pad), mode, value),
    "reflection_pad2d": lambda x, pad: F.pad(x, list(pad), "reflect"),
    "replication_pad2d": lambda x, pad: F.pad(x, list(pad), "replicate"),
    "upsample_nearest2d": _interpolated("nearest"), "upsample_bilinear2d": _interpolated("bilinear"),
    "upsample_bicubic2d": _interpolated("bicubic"),
    "view": lambda x, shape: x.view(list(shape)), "reshape": lambda x, shape: x.reshape(list(shape)),
    "_unsafe_view": lambda x, shape: x.view(list(shape)),
    "detach": _same, "clone": _same, "contiguous": _same, "alias": _same, "lift_fresh_copy": _same,
    "to": _cast, "_to_copy": _cast, "type_as": _cast,
}  # fmt: skip

HOST: dict[str, Callable[..., Any]] = {
    "size": lambda x, dim=None: list(x.shape) if dim is None else x.shape[dim],
    "sym_size": lambda x, dim=None: list(x.shape) if dim is None else x.shape[dim],
    "dim": lambda x: x.dim(), "len": len, "numel": lambda x: x.numel(),
    "Int": int, "Float": float, "Bool": bool, "ScalarImplicit": _same, "IntImplicit": int, "NumToTensor": _same,
    "__is__": operator.is_, "__isnot__": operator.is_not, "__not__": operator.not_,
    "__getitem__": operator.getitem, "__and__": operator.and_, "__or__": operator.or_,
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "floordiv": operator.floordiv,
    "floor_divide": operator.floordiv, "remainder": operator.mod, "div": operator.truediv, "neg": operator.neg,
    "unchecked_cast": _same, "warn": lambda *_: None, "list": list, "format": lambda text, *_: text,
    "is_scripting": lambda: True, "dtype": lambda x: x.dtype, "device": lambda x: x.device, "layout": lambda _: None,
}  # fmt: skip
"""On numbers, lists and shapes: what a program computes about tensors rather than with them."""


def function_of(name: str) -> Callable[..., Any] | None:
    """What carries out an operation on tensors; None for one that is not known.

    >>> function_of("relu") is torch.relu, function_of("no_such_operation") is None
    (True, True)
    """
    if name in ADAPTED:
        return ADAPTED[name]
    for place in (torch, torch._C._nn, F):  # noqa: SLF001 - where functions in place live
        found = getattr(place, name, None)
        if callable(found) and not isinstance(found, type):
            return found  # type: ignore[no-any-return]
    return getattr(torch.Tensor, name, None)
