"""Each operator of the table against onnxruntime: for one photo and for three at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope.adapters.onnx.operators import OPERATORS
from convscope.adapters.onnx.reading import source_of
from convscope.adapters.onnx.translation import Translation
from convscope.adapters.onnx.values import BATCH, straight
from convscope.errors import ModelError
from onnx_cases import CASES, WB, Case, file_of, floats, ints, module_of, sized
from onnx_files import answers, model, node, numbers, ours

N = numbers


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_operator_does_what_onnxruntime_does(name: str) -> None:
    case = CASES[name]
    proto = file_of(case)
    module = module_of(case, proto)
    assert len(list(module.children())) == case.modules
    assert all(child.startswith("it") for child, _ in module.named_children())
    for photos in [1, 3] if "N" in case.shape else [1]:
        x = numbers(*sized(case, photos), seed=7)
        x = np.abs(x) + 0.1 if case.positive else x
        for found, expected in zip(ours(module, x), answers(proto, x), strict=True):
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_every_operator_of_the_table_is_compared() -> None:
    elsewhere = {"Resize", "Upsample", "Shape", "Size", "Not", "And", "Or", "Xor", "Equal", "Greater", "Less",
                 "GreaterOrEqual", "LessOrEqual"}  # fmt: skip
    assert {case.operator for case in CASES.values()} | elsewhere | {"Swish"} == set(OPERATORS)


COMPARISONS = ["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"]


@pytest.mark.parametrize("operator", COMPARISONS)
def test_comparisons_and_truth_values(operator: str) -> None:
    nodes = [
        node(operator, "x c", "first", "compare"),
        node("Not", "first", "none", "not"),
        node("Greater", "x d", "second", "greater"),
        node("And", "first second", "both", "and"),
        node("Or", "both none", "either", "or"),
        node("Xor", "either second", "one", "xor"),
        node("Cast", "one", "y", "cast", to=1),
    ]
    constants = {"c": floats(0.5), "d": floats(0.0)}
    proto = model(nodes, constants=constants, opset=16)
    module = module_of(Case("all"), proto)
    x = np.round(numbers(2, 3, 8, 8) * 2) / 2
    np.testing.assert_array_equal(ours(module, x)[0], answers(proto, x)[0])


def test_swish() -> None:
    case = Case("Swish", opset=24)
    module, x = module_of(case, file_of(case)), numbers(2, 3, 8, 8)
    np.testing.assert_allclose(ours(module, x)[0], x / (1 + np.exp(-x)), rtol=1e-5, atol=1e-6)


UNSUPPORTED = {
    "of photos": Case("Concat", {"axis": 0}, inputs="x x"),
    "of photos ": Case("Slice", {}, inputs="x s e", constants={"s": ints(0), "e": ints(1)}),
    "with computed weights": Case("Conv", inputs="x x"),
    "'TopK' has no translation": Case("TopK", {}, inputs="x k", constants={"k": ints(1)}, outputs="y i"),
    "over the photos": Case("ReduceMean", {"axes": [0]}),
    "over the photos ": Case("Softmax", {"axis": 0}),
    "with dilation": Case("AveragePool", {"kernel_shape": [2, 2], "dilations": [2, 2]}, opset=19),
    "of an even size": Case("LRN", {"size": 4}),
    "to whole numbers": Case("Cast", {"to": 7}),
    "in training mode": Case(
        "Dropout", inputs="x r t", constants={"r": floats(0.5)[0], "t": np.array(True)}
    ),
    "of a turned matrix": Case("Gemm", {"transA": 1}, ("N", 6), "x w", {"w": N(6, 4)}),
    "over 1 axes": Case("Conv", {}, ("N", 3, 8), "x w", {"w": N(3, 3, 3)}),
}  # fmt: skip


@pytest.mark.parametrize("reason", sorted(UNSUPPORTED))
def test_what_has_no_translation_says_so_and_is_lost(reason: str) -> None:
    case = UNSUPPORTED[reason]
    translation = Translation(source_of(file_of(case)))
    translation.known["x"] = straight("in", torch.empty(BATCH, *case.shape[1:], device="meta"))
    translation.follow(OPERATORS)
    assert reason.strip() in translation.lost["y"]
    assert "y" not in translation.known


MISFITS = {
    "channels": Case("Conv", inputs="x w", constants={"w": N(4, 5, 3, 3)}),
    "groups": Case("Conv", {"group": 0}, inputs="x w", constants={"w": N(4, 3, 3, 3)}),
    "stride": Case("Conv", {"strides": [0, 1]}, inputs="x w", constants={"w": N(4, 3, 3, 3)}),
    "bias": Case("Conv", inputs=WB, constants={"w": N(4, 3, 3, 3), "b": N(5)}),
    "numbers": Case("Reshape", inputs="x s", constants={"s": ints(0, 7)}),
    "axis": Case("Concat", {"axis": 9}, inputs="x x"),
    "window": Case("MaxPool", {"kernel_shape": [9, 9]}),
    "places": Case("Gather", {"axis": 1}, inputs="x i", constants={"i": np.array(3)}),
    "order": Case("Transpose", {"perm": [0, 0, 1, 2]}),
    "sizes": Case("Add", inputs="x c", constants={"c": N(7)}),
    "pads": Case("Pad", inputs="x p", constants={"p": ints(1, 2)}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(MISFITS))
def test_a_node_that_does_not_fit_is_named_with_its_sizes(name: str) -> None:
    case = MISFITS[name]
    with pytest.raises(ModelError, match=rf"node 'it' \('{case.operator}'\) does not fit what it is given \(Nx3x8x8"):
        module_of(case, file_of(case))


@pytest.mark.parametrize(
    "case",
    [
        Case("Pad", {}, inputs="x p", constants={"p": ints(0, 0, 0, 0, 0, 0, 2**14, 2**14)}),
        Case("Upsample", {"scales": [1.0, 1.0, 2.0**11, 2.0**11]}, opset=7),
    ],
    ids=["pad", "upsample"],
)
def test_absurd_sizes_are_refused_before_anything_is_computed(case: Case) -> None:
    with pytest.raises(ModelError, match=r"node 'it' would make [\d,]+ numbers of one photo; refused"):
        module_of(case, file_of(case))
