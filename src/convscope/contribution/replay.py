"""A recorded step's operation once more, in PyTorch: from its inputs' values and its parameters to its value.

A trace holds everything an operation needs, so gradients need neither the network nor its framework. One function
a kind (``docs/steps.md``); values come and go without the batch axis.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from convscope.errors import NoArithmetic
from convscope.traces import Step

Inputs = Sequence[Tensor]
Params = Mapping[str, Tensor]
Replay = Callable[[Step, Inputs, Params], Tensor]


def replay(step: Step, inputs: Sequence[Tensor]) -> Tensor:
    """Compute the value of ``step`` from its inputs' values.

    Args:
        step: a recorded step of a kind that has arithmetic.
        inputs: one float32 tensor for each of ``step.inputs``, of that step's shape.

    Raises:
        NoArithmetic: the kind is unknown, it mixed the batch axis, its parameters were not recorded, or its settings,
            which may come from a file, are not those of an operation with this value.
    """
    run = OPERATIONS.get(step.kind)
    if run is None or not step.batched:
        raise NoArithmetic(f"step {step.name!r} ({step.kind}) cannot be run again from its numbers")
    params = {name: tensor(step.params[name]) for name in step.params}
    try:
        value = run(step, inputs, params)
    except (KeyError, IndexError) as error:
        raise NoArithmetic(
            f"step {step.name!r} ({step.kind}) cannot be run again: the trace does not hold its {error}"
        ) from None
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        why = " ".join(str(error).split())[:120]
        raise NoArithmetic(
            f"step {step.name!r} ({step.kind}) cannot be run again: its settings make no sense ({why})"
        ) from None
    if tuple(value.shape) != step.shape:
        raise NoArithmetic(
            f"step {step.name!r} ({step.kind}) cannot be run again: its settings give a value of shape "
            f"{list(value.shape)}, and the trace holds one of {list(step.shape)}"
        )
    return value


def tensor(array: np.ndarray) -> Tensor:
    """A recorded array as a tensor on the same memory, which nothing here writes to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it is read-only
        return torch.from_numpy(array).detach()


def _check_room(step: Step, *extents: float) -> None:
    """Refuse settings, nonsense in a file, that ask for far more memory than the numbers that are there."""
    if math.prod(max(0, extent) for extent in extents) > _LEAST_ROOM + 16 * sum(
        one.value.size for one in (step, *step.inputs)
    ):
        raise ValueError("more numbers on the way than there can be")


_LEAST_ROOM = 1 << 20


def _sides(step: Step) -> list[int]:
    """Padding in the order of ``F.pad``: left, right, top, bottom."""
    top, bottom, left, right = step.settings["padding"]
    return [left, right, top, bottom]


def _conv2d(step: Step, inputs: Inputs, params: Params) -> Tensor:
    told, sides = step.settings, _sides(step)
    channels, height, width = inputs[0].shape
    _check_room(step, channels, height + sides[2] + sides[3], width + sides[0] + sides[1])
    padded = F.pad(inputs[0], sides)
    return F.conv2d(
        padded[None], params["weight"], params.get("bias"), told["stride"], 0, told["dilation"], told["groups"]
    )[0]


def _conv_transpose2d(step: Step, inputs: Inputs, params: Params) -> Tensor:
    told = step.settings
    strides = zip(inputs[0].shape[1:], told["stride"], told["dilation"], params["weight"].shape[2:], strict=True)
    _check_room(step, step.shape[0], *(size * stride + dilation * kernel for size, stride, dilation, kernel in strides))
    whole = F.conv_transpose2d(
        inputs[0][None], params["weight"], params.get("bias"), told["stride"], 0, told["output_padding"],
        told["groups"], told["dilation"],
    )[0]  # fmt: skip
    return F.pad(whole, [-side for side in _sides(step)])


def _linear(_step: Step, inputs: Inputs, params: Params) -> Tensor:
    return F.linear(inputs[0], params["weight"], params.get("bias"))


def _max_pool2d(step: Step, inputs: Inputs, _params: Params) -> Tensor:
    told = step.settings
    return F.max_pool2d(
        inputs[0][None], told["kernel"], told["stride"], _even(step), told["dilation"], told["ceil_mode"]
    )[0]


def _avg_pool2d(step: Step, inputs: Inputs, _params: Params) -> Tensor:
    told = step.settings
    return F.avg_pool2d(
        inputs[0][None], told["kernel"], told["stride"], _even(step), told["ceil_mode"], told["count_include_pad"],
        told["divisor"],
    )[0]  # fmt: skip


def _even(step: Step) -> tuple[int, int]:
    """Padding of a pooling, which PyTorch has only as much before as after."""
    top, bottom, left, right = step.settings["padding"]
    if top != bottom or left != right:
        raise NoArithmetic(f"step {step.name!r} ({step.kind}) has uneven padding and cannot be run again")
    return top, left


def _batch_norm(step: Step, inputs: Inputs, params: Params) -> Tensor:
    training, eps = bool(step.settings["training"]), step.settings["eps"]
    mean, variance = (None, None) if training else (params["running_mean"], params["running_var"])
    return F.batch_norm(inputs[0][None], mean, variance, params.get("weight"), params.get("bias"), training, 0.0, eps)[
        0
    ]


def _layer_norm(step: Step, inputs: Inputs, params: Params) -> Tensor:
    x, axes = inputs[0], sorted(int(axis) % inputs[0].ndim for axis in step.settings["axes"])
    if axes != list(range(x.ndim - len(axes), x.ndim)):
        raise NoArithmetic(f"step {step.name!r} ({step.kind}) normalises inner axes and cannot be run again")
    shape = [x.shape[axis] for axis in axes]
    return F.layer_norm(x, shape, params.get("weight"), params.get("bias"), step.settings["eps"])


def _group_norm(step: Step, inputs: Inputs, params: Params) -> Tensor:
    groups, eps = step.settings["groups"], step.settings["eps"]
    return F.group_norm(inputs[0][None], groups, params.get("weight"), params.get("bias"), eps)[0]


def _local_response_norm(step: Step, inputs: Inputs, _params: Params) -> Tensor:
    told = step.settings
    return F.local_response_norm(inputs[0][None], told["size"], told["alpha"], told["beta"], told["k"])[0]


def _prelu(_step: Step, inputs: Inputs, params: Params) -> Tensor:
    return F.prelu(inputs[0][None], params["weight"])[0]


def _function(run: Callable[[Tensor], Tensor]) -> Replay:
    return lambda _step, inputs, _params: run(inputs[0])


def _told(run: Callable[[Tensor, Mapping[str, Any]], Tensor]) -> Replay:
    return lambda step, inputs, _params: run(inputs[0], step.settings)


def _operands(step: Step, inputs: Inputs, params: Params) -> list[Tensor]:
    told = step.settings.get("operands") or [{"input": i} for i in range(len(inputs))]
    return [_operand(one, inputs, params, len(step.shape)) for one in told]


def _operand(told: Mapping[str, Any], inputs: Inputs, params: Params, rank: int) -> Tensor:
    if "input" in told:
        return inputs[int(told["input"])]
    if "number" in told:
        return torch.tensor(float(told["number"]))
    param = params[told["param"]]
    return param[0] if param.ndim > rank else param  # a parameter may still have the batch axis


def _binary(run: Callable[[Tensor, Tensor], Tensor]) -> Replay:
    def both(step: Step, inputs: Inputs, params: Params) -> Tensor:
        left, right = _operands(step, inputs, params)
        alpha = step.settings.get("alpha", 1)
        return run(left, right if alpha == 1 else right * alpha)

    return both


def _slice(step: Step, inputs: Inputs, _params: Params) -> Tensor:
    index = tuple(told if isinstance(told, int) else slice(*told) for told in step.settings["index"])
    return inputs[0][index]


def _pad(step: Step, inputs: Inputs, _params: Params) -> Tensor:
    told = step.settings
    sides = [side for pair in reversed(told["padding"]) for side in pair]
    _check_room(step, *(size + sum(pair) for size, pair in zip(inputs[0].shape, told["padding"], strict=True)))
    if told["mode"] == "constant":
        return F.pad(inputs[0], sides, value=float(told.get("value") or 0.0))
    while sides and sides[-2:] == [0, 0]:  # mirrors take only the axes that they change
        sides = sides[:-2]
    return F.pad(inputs[0][None], sides, mode=told["mode"])[0]


def _interpolate(step: Step, inputs: Inputs, _params: Params) -> Tensor:
    told = step.settings
    mode, corners = told["mode"], told.get("align_corners")
    options: dict[str, Any] = {"mode": mode}
    if mode not in {"nearest", "nearest-exact", "area"}:
        options["align_corners"] = bool(corners)
    _check_room(step, step.shape[0], *(told.get("size") or ()))
    if told.get("scale"):
        _check_room(
            step, step.shape[0], *(size * scale for size, scale in zip(inputs[0].shape[1:], told["scale"], strict=True))
        )
        options |= {"scale_factor": told["scale"], "recompute_scale_factor": False}
    else:
        options["size"] = told["size"]
    return F.interpolate(inputs[0][None], **options)[0]


def _reduction(run: Callable[..., Tensor]) -> Replay:
    return lambda step, inputs, _params: run(inputs[0], dim=step.settings["axes"], keepdim=step.settings["keepdim"])


OPERATIONS: Mapping[str, Replay] = {
    "conv2d": _conv2d,
    "conv_transpose2d": _conv_transpose2d,
    "linear": _linear,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "adaptive_avg_pool2d": _told(lambda x, told: F.adaptive_avg_pool2d(x[None], told["output"])[0]),
    "adaptive_max_pool2d": _told(lambda x, told: F.adaptive_max_pool2d(x[None], told["output"])[0]),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "local_response_norm": _local_response_norm,
    "relu": _function(F.relu),
    "relu6": _function(F.relu6),
    "selu": _function(F.selu),
    "silu": _function(F.silu),
    "mish": _function(F.mish),
    "sigmoid": _function(torch.sigmoid),
    "tanh": _function(torch.tanh),
    "hardsigmoid": _function(F.hardsigmoid),
    "hardswish": _function(F.hardswish),
    "softsign": _function(F.softsign),
    "logsigmoid": _function(F.logsigmoid),
    "exp": _function(torch.exp),
    "log": _function(torch.log),
    "sqrt": _function(torch.sqrt),
    "rsqrt": _function(torch.rsqrt),
    "abs": _function(torch.abs),
    "neg": _function(torch.neg),
    "square": _function(torch.square),
    "sin": _function(torch.sin),
    "cos": _function(torch.cos),
    "reciprocal": _function(torch.reciprocal),
    "leaky_relu": _told(lambda x, told: F.leaky_relu(x, told["negative_slope"])),
    "elu": _told(lambda x, told: F.elu(x, told["alpha"])),
    "celu": _told(lambda x, told: F.celu(x, told["alpha"])),
    "gelu": _told(lambda x, told: F.gelu(x, approximate=told["approximate"])),
    "softplus": _told(lambda x, told: F.softplus(x, told["beta"], told["threshold"])),
    "hardtanh": _told(lambda x, told: torch.clamp(x, told["min"], told["max"])),
    "clamp": _told(lambda x, told: torch.clamp(x, told["min"], told["max"])),
    "pow": _told(lambda x, told: torch.pow(x, told["exponent"])),
    "prelu": _prelu,
    "dropout": _function(torch.clone),
    "identity": _function(torch.clone),
    "softmax": _told(lambda x, told: torch.softmax(x, told["axis"])),
    "log_softmax": _told(lambda x, told: torch.log_softmax(x, told["axis"])),
    "add": _binary(torch.add),
    "sub": _binary(torch.sub),
    "mul": _binary(torch.mul),
    "div": _binary(torch.div),
    "maximum": _binary(torch.maximum),
    "minimum": _binary(torch.minimum),
    "cat": lambda step, inputs, params: torch.cat(_operands(step, inputs, params), step.settings["axis"]),
    "stack": lambda step, inputs, params: torch.stack(_operands(step, inputs, params), step.settings["axis"]),
    "flatten": lambda step, inputs, _params: inputs[0].reshape(step.shape),
    "reshape": lambda step, inputs, _params: inputs[0].reshape(step.shape),
    "squeeze": lambda step, inputs, _params: inputs[0].reshape(step.shape),
    "unsqueeze": lambda step, inputs, _params: inputs[0].reshape(step.shape),
    "permute": _told(lambda x, told: x.permute(*told["axes"])),
    "slice": _slice,
    "pad": _pad,
    "interpolate": _interpolate,
    "pixel_shuffle": _told(lambda x, told: F.pixel_shuffle(x, told["factor"])),
    "channel_shuffle": _told(lambda x, told: F.channel_shuffle(x[None], told["groups"])[0]),
    "mean": _reduction(torch.mean),
    "sum": _reduction(torch.sum),
    "amax": _reduction(torch.amax),
}
"""Every kind that can be run again."""
