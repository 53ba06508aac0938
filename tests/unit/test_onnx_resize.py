"""Resize and Upsample against onnxruntime, in all their ways of saying where a pixel lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from onnx_cases import Case, file_of, floats, ints, module_of
from onnx_files import answers, numbers, ours

RESIZES: dict[str, tuple[int, dict[str, Any], tuple[int, int]]] = {
    f"{mode}, {how}, {rounding}, {size}": (
        13,
        {"mode": mode, "coordinate_transformation_mode": how} | ({"nearest_mode": rounding} if rounding else {}),
        size,
    )
    for size in [(16, 16), (12, 5), (24, 8), (1, 3)]
    for mode, how, rounding in [
        ("nearest", "asymmetric", "floor"), ("nearest", "half_pixel", "round_prefer_floor"),
        ("nearest", "half_pixel", "round_prefer_ceil"), ("nearest", "align_corners", "ceil"),
        ("nearest", "pytorch_half_pixel", "floor"), ("linear", "half_pixel", ""), ("linear", "align_corners", ""),
        ("linear", "asymmetric", ""), ("linear", "pytorch_half_pixel", ""), ("cubic", "half_pixel", ""),
        ("cubic", "align_corners", ""),
    ]
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(RESIZES))
@pytest.mark.parametrize("by", ["sizes", "scales"])
def test_resize(name: str, by: str) -> None:
    opset, settings, size = RESIZES[name]
    if by == "sizes":
        inputs, constants = "x - - s", {"s": ints(1, 3, *size)}
    else:
        inputs, constants = "x - s", {"s": floats(1, 1, size[0] / 8, size[1] / 8)}
    case = Case("Resize", settings, inputs=inputs, constants=constants, opset=opset)
    proto = file_of(case)
    module, x = module_of(case, proto), numbers(1 if by == "sizes" else 2, 3, 8, 8)
    np.testing.assert_allclose(ours(module, x)[0], answers(proto, x)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize(("operator", "opset"), [("Upsample", 7), ("Upsample", 9), ("Resize", 10)])
def test_old_resizes(operator: str, opset: int, mode: str) -> None:
    scales = [1.0, 1.0, 2.0, 3.0]
    if opset == 7:
        case = Case(operator, {"mode": mode, "scales": scales}, opset=opset)
    else:
        case = Case(operator, {"mode": mode}, opset=opset, inputs="x s", constants={"s": floats(*scales)})
    proto = file_of(case)
    module, x = module_of(case, proto), numbers(2, 3, 8, 8)
    np.testing.assert_allclose(ours(module, x)[0], answers(proto, x)[0], rtol=1e-4, atol=1e-5)
