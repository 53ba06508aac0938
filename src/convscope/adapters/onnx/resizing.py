"""Resize and Upsample: which input places each output place is made of, and PyTorch's word for it where it has one.

ONNX has a dozen ways to say where an output pixel lies in the input. Sizes are known when the file is opened, so the
places are computed as the specification says (https://onnx.ai/onnx/operators/onnx__Resize.html) and compared with
PyTorch's; where those are others, the rows and columns are picked, or weighted, one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64

from convscope.adapters.elementary import Resize
from convscope.adapters.onnx.folding import axes_of
from convscope.adapters.onnx.modules import Pick, Resample
from convscope.adapters.onnx.translation import Call, Translator
from convscope.adapters.onnx.values import Unsupported, Value


@dataclass(frozen=True)
class Along:
    """One axis that gets another size.

    Attributes:
        before, after: its sizes.
        scale: by what the file says that it grows, which is not always the ratio of the two.
    """

    before: int
    after: int
    scale: float

    def places(self, how: str) -> Float64[np.ndarray, " after"]:
        """Where in the input the centres of the output's pixels lie."""
        x = np.arange(self.after, dtype=np.float64)
        if how == "align_corners":
            return x * ((self.before - 1) / max(self.after - 1, 1))
        if how == "asymmetric":
            return x / self.scale
        if how == "pytorch_half_pixel" and self.after == 1:
            return np.zeros(1)
        if how == "tf_half_pixel_for_nn":
            return (x + 0.5) / self.scale
        if how == "half_pixel_symmetric":
            cut = self.after / (self.scale * self.before)
            return self.before / 2 * (1 - cut) + (x + 0.5) / self.scale - 0.5
        if how in {"half_pixel", "pytorch_half_pixel"}:
            return (x + 0.5) / self.scale - 0.5
        raise Unsupported(f"with the coordinates {how!r} has no translation")


def nearest(along: Along, how: str, rounding: str) -> Int64[np.ndarray, " after"]:
    """Which input place each output place repeats.

    >>> nearest(Along(2, 4, 2.0), "asymmetric", "floor").tolist()
    [0, 0, 1, 1]
    """
    x = along.places(how)
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "floor": np.floor,
        "ceil": np.ceil,
        "round_prefer_floor": lambda at: np.ceil(at - 0.5),
        "round_prefer_ceil": lambda at: np.floor(at + 0.5),
    }
    if rounding not in ways:
        raise Unsupported(f"with the rounding {rounding!r} has no translation")
    return np.asarray(np.clip(ways[rounding](x), 0, along.before - 1), np.int64)


def linear(along: Along, how: str) -> Float64[np.ndarray, "after before"]:
    """The weights of all input places for each output place, between its two neighbours.

    >>> linear(Along(2, 3, 1.5), "align_corners").tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    """
    x = np.clip(along.places(how), 0, along.before - 1)
    lower = np.floor(x).astype(np.int64)
    share = x - lower
    found = np.zeros((along.after, along.before))
    rows = np.arange(along.after)
    np.add.at(found, (rows, lower), 1 - share)
    np.add.at(found, (rows, np.minimum(lower + 1, along.before - 1)), share)
    return found


def _along(call: Call, value: Value, scales: Sequence[float] | None, sizes: Sequence[int] | None) -> list[Along]:
    axes = axes_of(call.node, []) or list(range(value.rank))
    found = [Along(size, size, 1.0) for size in value.shape]
    for place, axis in enumerate(axes):
        before = value.shape[axis]
        if axis == 0 and before == call.translation.batch:
            continue  # photos, of which sizes name as many as the file was written for
        if sizes is not None:
            found[axis] = Along(before, int(sizes[place]), sizes[place] / before)
        elif scales is not None:
            scale = float(scales[place])
            if not 0 < scale < 2**20:
                raise ValueError(f"it grows by {scale}")
            found[axis] = Along(before, math.floor(before * scale), scale)
    if call.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise Unsupported("that keeps the aspect ratio has no translation")
    if any(one.before != one.after for one in found[:-2]) or min(one.after for one in found) < 1:
        raise Unsupported("of other axes than rows and columns has no translation")
    return found[-2:]


def _resize(call: Call) -> Value:
    """Resize, since opset 10."""
    value = call.live()
    first = 1 if call.opset < 11 else 2
    scales, sizes = call.constant(first), call.constant(3)
    how = call.get("coordinate_transformation_mode", "asymmetric" if call.opset < 11 else "half_pixel")
    rounding = call.get("nearest_mode", "floor" if call.opset < 11 else "round_prefer_floor")
    told = None if scales is None or not scales.size else scales.reshape(-1).tolist()
    wanted = None if sizes is None or not sizes.size else [int(size) for size in sizes.reshape(-1)]
    return _resized(call, value, _along(call, value, told, wanted), how, rounding)


def _upsample(call: Call) -> Value:
    """Upsample, until opset 9."""
    value = call.live()
    given = call.constant(1)
    scales = call.get("scales") if given is None else given.reshape(-1).tolist()
    return _resized(call, value, _along(call, value, scales, None), "asymmetric", "floor")


def _resized(call: Call, value: Value, along: list[Along], how: str, rounding: str) -> Value:
    if value.rank != 4:
        raise Unsupported(f"of {value.rank} axes has no translation")
    mode, rows, columns = call.get("mode", "nearest"), *along
    size = (rows.after, columns.after)
    if mode == "nearest":
        places = [nearest(one, how, rounding) for one in along]
        for known in ("nearest", "nearest-exact"):
            if all(np.array_equal(_of_pytorch(one, known), at) for one, at in zip(along, places, strict=True)):
                return call.add(Resize(size, None, known), value)
        picked = call.add(Pick(2, places[0].tolist()), value, suffix="_rows")
        return call.add(Pick(3, places[1].tolist()), picked)
    plain = not call.get("antialias", 0) and not call.get("exclude_outside", 0)
    exact = all(math.isclose(one.scale, one.after / one.before, rel_tol=1e-7) for one in along)
    aligned = how == "align_corners"
    half = how == "half_pixel" or (how == "pytorch_half_pixel" and min(size) > 1)
    usual = mode == "linear" or (mode == "cubic" and call.get("cubic_coeff_a", -0.75) == -0.75)
    if plain and usual and (aligned or (half and exact)):
        return call.add(Resize(size, None, "bilinear" if mode == "linear" else "bicubic", align_corners=aligned), value)
    if mode != "linear" or not plain:
        raise Unsupported(f"in the mode {mode!r} with the coordinates {how!r} has no translation")
    weights = [torch.from_numpy(linear(one, how).astype(np.float32)) for one in along]
    return call.add(Resample(*weights), value)


def _of_pytorch(along: Along, mode: str) -> Int64[np.ndarray, " after"]:
    """The places that ``interpolate`` repeats."""
    half = 0.5 if mode == "nearest-exact" else 0.0
    step = np.float32(along.before) / np.float32(along.after)
    at = np.floor((np.arange(along.after, dtype=np.float32) + np.float32(half)) * step)
    return np.asarray(np.minimum(at, along.before - 1), np.int64)


TABLE: dict[str, Translator] = {"Resize": _resize, "Upsample": _upsample}
"""By operator."""
