"""From a torch call to a step's kind, settings, inputs and parameters (``docs/steps.md``).

A describer gets a :class:`Call`: the arguments by name, and for each tensor whether it is an
operation's value and whether it still has the batch axis in front. It returns the settings, or None
for "this use has no description": the operation is then recorded under its own name, without
arithmetic. The table at the end of :mod:`convscope.adapters.torch.operations` says which describer
serves which function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

Settings = dict[str, Any]


@dataclass(slots=True)
class Call:
    """One call of a torch function, with its arguments by name.

    Attributes:
        args: argument by name, defaults filled in.
        result: what it returned.
        batched: whether this operand is an operation's value with the batch axis in front.
        kind: may be changed by the describer where the settings decide it.
        inputs: operands in order; those that are operations become the step's inputs.
        params: tensors by name.
        lead: whether the result still has the batch axis in front; None: as its shape suggests.
        mixes: set where the batch axis moves, so that no arithmetic holds.
    """

    args: dict[str, Any]
    result: torch.Tensor
    batched: Callable[[Any], bool]
    kind: str
    inputs: list[torch.Tensor] = field(default_factory=list)
    params: dict[str, torch.Tensor] = field(default_factory=dict)
    lead: bool | None = None
    mixes: bool = False

    def axis(self, axis: int, rank: int | None = None) -> int | None:
        """An axis of the input without the batch axis; None for the batch axis itself."""
        source = self.args["input"]
        axis %= rank or source.dim()
        if not self.batched(source):
            return axis
        return axis - 1 if axis else None


def pair(value: int | Sequence[int]) -> list[int]:
    """``3`` and ``(3,)`` and ``(3, 5)`` as [height, width]."""
    if isinstance(value, int):
        return [value, value]
    return [int(value[0]), int(value[-1])]


def sides(value: int | Sequence[int]) -> list[int]:
    """A symmetric padding as [top, bottom, left, right]."""
    height, width = pair(value)
    return [height, height, width, width]


def plain(_call: Call) -> Settings | None:
    """Nothing to tell beyond the kind."""
    return {}


def conv2d(call: Call) -> Settings | None:
    """Window, stride, padding (also PyTorch's 'same', with the odd pixel bottom and right)."""
    args = call.args
    kernel, dilation = list(args["weight"].shape[2:]), pair(args["dilation"])
    padding = args["padding"]
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        spread = [part for t in total for part in (t // 2, t - t // 2)]
    else:
        spread = [0, 0, 0, 0] if padding == "valid" else sides(padding)
    return {
        "kernel": kernel, "stride": pair(args["stride"]), "padding": spread, "dilation": dilation,
        "groups": args["groups"],
    }  # fmt: skip


def conv_transpose2d(call: Call) -> Settings | None:
    """As conv2d; the padding is what is cut off."""
    args = call.args
    return {
        "kernel": list(args["weight"].shape[2:]), "stride": pair(args["stride"]), "padding": sides(args["padding"]),
        "output_padding": pair(args["output_padding"]), "dilation": pair(args["dilation"]), "groups": args["groups"],
    }  # fmt: skip


def max_pool2d(call: Call) -> Settings | None:
    """Window, stride (the window's size when not given), padding, dilation."""
    args = call.args
    kernel = pair(args["kernel_size"])
    return {
        "kernel": kernel, "stride": pair(args["stride"] or kernel), "padding": sides(args["padding"]),
        "dilation": pair(args["dilation"]), "ceil_mode": bool(args["ceil_mode"]),
    }  # fmt: skip


def avg_pool2d(call: Call) -> Settings | None:
    """Window, stride, padding and how the mean counts the padding."""
    args = call.args
    kernel = pair(args["kernel_size"])
    return {
        "kernel": kernel, "stride": pair(args["stride"] or kernel), "padding": sides(args["padding"]),
        "ceil_mode": bool(args["ceil_mode"]), "count_include_pad": bool(args["count_include_pad"]),
        "divisor": args["divisor_override"],
    }  # fmt: skip


def adaptive_pool(call: Call) -> Settings | None:
    """The size that came out, with None ("as it is") filled in."""
    return {"output": list(call.result.shape[-2:])}


def batch_norm(call: Call) -> Settings | None:
    """Eval mode reads the running statistics, training mode the picture's own.

    Where the first axis is no longer the picture's (patches folded into the batch), the second holds the channels.
    """
    if not call.batched(call.args["input"]):
        return None
    training = bool(call.args["training"]) or call.args["running_mean"] is None
    if training:
        call.params.pop("running_mean", None)
        call.params.pop("running_var", None)
    return {"eps": call.args["eps"], "training": training}


def layer_norm(call: Call) -> Settings | None:
    """The last axes, as many as the normalised shape has."""
    rank, count = call.args["input"].dim(), len(call.args["normalized_shape"])
    axes = [call.axis(axis) for axis in range(rank - count, rank)]
    return None if None in axes else {"eps": call.args["eps"], "axes": axes}


def group_norm(call: Call) -> Settings | None:
    """Groups of channels; as :func:`batch_norm`, only where the batch axis is still in front."""
    if not call.batched(call.args["input"]):
        return None
    return {"eps": call.args["eps"], "groups": call.args["num_groups"]}


def numbers(*names: str, **renamed: str) -> Callable[[Call], Settings | None]:
    """A describer that hands on the named arguments, which must be numbers, text or None."""
    wanted = dict(zip(names, names, strict=True)) | renamed

    def describe(call: Call) -> Settings | None:
        settings = {new: call.args[old] for new, old in wanted.items()}
        return None if any(isinstance(value, torch.Tensor) for value in settings.values()) else settings

    return describe


def hardtanh(call: Call) -> Settings | None:
    """ReLU6 is a hardtanh from 0 to 6."""
    low, high = call.args["min_val"], call.args["max_val"]
    if (low, high) == (0.0, 6.0):
        call.kind = "relu6"
        return {}
    return {"min": low, "max": high}


def dropout(call: Call) -> Settings | None:
    """No effect on a network in use; a network that drops even then has no arithmetic."""
    if call.args["training"]:
        call.kind = "random_dropout"
    return {"p": call.args["p"]}


def softmax(call: Call) -> Settings | None:
    """The axis; without one PyTorch guesses, so it is left undescribed."""
    dim = call.args["dim"]
    axis = None if dim is None else call.axis(dim)
    return None if axis is None else {"axis": axis}


def binary(call: Call) -> Settings | None:
    """Two operands, each an operation's value, a tensor, or a number."""
    operands = [describe_operand(call, call.args[name], name) for name in ("input", "other")]
    if call.args.get("rounding_mode") or None in operands:
        return None
    settings: Settings = {"operands": operands}
    alpha = call.args.get("alpha", 1)
    if alpha != 1:
        settings["alpha"] = alpha
    return settings


def reversed_binary(call: Call) -> Settings | None:
    """``1 - x``: Python hands the operands over the other way round."""
    call.args["input"], call.args["other"] = call.args["other"], call.args["input"]
    return binary(call)


def describe_operand(call: Call, value: Any, name: str) -> Settings | None:
    """``{"input": i}``, ``{"param": name}`` or ``{"number": v}``; None for anything else."""
    if not isinstance(value, torch.Tensor):
        return {"number": float(value)} if isinstance(value, int | float) else None
    for place, known in enumerate(call.inputs):
        if known is value:
            return {"input": place}
    rank = call.result.dim()
    if value.dim() == rank and call.lead is not False and rank and value.shape[0] == 1:
        value = value[0]  # a parameter written with a batch axis of one, (1, C, 1, 1)
    call.params[name] = value
    return {"param": name}


def cat(call: Call) -> Settings | None:
    """Joined along an axis; tensors that are no operations stay parameters."""
    rank = call.result.dim()
    axis = call.args["dim"] % rank
    tensors = call.args["tensors"]
    lead = any(call.batched(tensor) for tensor in tensors)
    if lead and (axis == 0 or not all(call.batched(t) or t.shape[0] == 1 for t in tensors)):
        call.mixes, call.lead = True, False
        return {}
    call.lead = lead
    settings: Settings = {"axis": axis - 1 if lead else axis}
    operands = [describe_operand(call, tensor, f"part_{at}") for at, tensor in enumerate(tensors)]
    if call.params:
        settings["operands"] = operands
    return settings


def stack(call: Call) -> Settings | None:
    """Joined along a new axis."""
    axis = call.args["dim"] % call.result.dim()
    lead = any(call.batched(tensor) for tensor in call.args["tensors"])
    if lead and axis == 0:
        call.mixes, call.lead = True, False
        return {}
    return {"axis": axis - 1 if lead else axis} if len(call.inputs) == len(call.args["tensors"]) else None


def reshape(call: Call) -> Settings | None:
    """The order of the numbers stays; the batch axis may be dropped or kept."""
    call.lead = call.batched(call.args["input"]) and call.result.dim() > 1 and call.result.shape[0] == 1
    return {} if call.result.dtype == call.args["input"].dtype else None


def permute(call: Call) -> Settings | None:
    """Axes in a new order."""
    dims = call.args["dims"]
    dims = list(dims) if isinstance(dims, tuple | list | torch.Size) else [dims, *call.args.get("rest", ())]
    return _permuted(call, [axis % len(dims) for axis in dims])


def transpose(call: Call) -> Settings | None:
    """Two axes change places."""
    rank = call.result.dim()
    order = list(range(rank))
    first, second = call.args["dim0"] % rank, call.args["dim1"] % rank
    order[first], order[second] = order[second], order[first]
    return _permuted(call, order)


def _permuted(call: Call, order: list[int]) -> Settings | None:
    if not call.batched(call.args["input"]):
        return {"axes": order}
    if order[0] != 0:
        call.mixes, call.lead = True, False
        return {}
    return {"axes": [axis - 1 for axis in order[1:]]}


def reduction(call: Call) -> Settings | None:
    """Axes that are averaged or summed; the batch axis of one image may go with them."""
    source, dim, keep = call.args["input"], call.args["dim"], bool(call.args["keepdim"])
    rank = source.dim()
    given = range(rank) if dim is None or dim == () else (dim if isinstance(dim, tuple | list) else (dim,))
    axes = sorted({axis % rank for axis in given})
    if call.batched(source):
        call.lead = keep or 0 not in axes
        axes = [axis - 1 for axis in axes if axis]
    return {"axes": axes, "keepdim": keep}


def maximum_over(call: Call) -> Settings | None:
    """``x.max()`` is a reduction; ``x.max(other)`` compares two tensors."""
    if isinstance(call.args["dim"], torch.Tensor):
        call.kind = "maximum"
        call.args["other"] = call.args["dim"]
        return binary(call)
    return reduction(call)


def pad(call: Call) -> Settings | None:
    """For each axis [before, after]; torch counts from the last axis."""
    source, amounts = call.args["input"], list(call.args["pad"])
    padding = [[0, 0] for _ in range(source.dim())]
    for place in range(len(amounts) // 2):
        padding[-1 - place] = [int(amounts[2 * place]), int(amounts[2 * place + 1])]
    if call.batched(source):
        if padding[0] != [0, 0]:
            return None
        padding = padding[1:]
    return {"padding": padding, "mode": call.args["mode"], "value": float(call.args["value"] or 0.0)}


def interpolate(call: Call) -> Settings | None:
    """The output size, and the factor where PyTorch computes with it instead of the sizes."""
    args = call.args
    factor = None if args["recompute_scale_factor"] else args["scale_factor"]
    if factor is not None:
        factor = [float(f) for f in factor] if isinstance(factor, tuple | list) else [float(factor)] * 2
    mode = f"{args['mode']} antialiased" if args["antialias"] else args["mode"]
    return {
        "mode": mode, "size": list(call.result.shape[-2:]), "scale": factor,
        "align_corners": bool(args["align_corners"]),
    }  # fmt: skip
