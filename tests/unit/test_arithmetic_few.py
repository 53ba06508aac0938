"""Kinds whose value comes from one number or two, such as functions, operands and moves, against PyTorch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from arithmetic_steps import TOLD
from arithmetic_steps import made as step_of
from checked_terms import FEW, SEEDS, SOME, check, random
from convscope.arithmetic import explain_value
from convscope.traces import Step


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


NUMBERS = [0.0, 1e-30, 1e-6, -1e-6, 0.5, -0.5, 1, 3, -3, 6, 20, -20, 88, -90, 200, -200]
STRANGE = [float("inf"), float("-inf"), float("nan"), 3e38, -3e38, -0.0]
VECTORISED = {("gelu", float("inf"))}  # NaN in one of PyTorch's loops, infinity in the other


@pytest.mark.parametrize(("kind", "told", "run"), TOLD, ids=lambda part: part if isinstance(part, str) else "")
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
def test_functions(kind, told, run, precision):
    strange = [v for v in STRANGE if (kind, v) not in VECTORISED]
    x = torch.cat([random(1, 30) * 3, torch.tensor(NUMBERS + strange)])[None].to(precision)
    step = step_of(kind, run(x), x, **told)
    for at in range(step.value.size):
        pixel = explain_value(step, (at,))
        assert pixel.holds, f"{pixel!r} of {pixel.inputs[0]!r} but recorded {pixel.value}"


@FEW
@given(SEEDS, st.booleans())
def test_prelu(seed, shared):
    x, weight = random(seed, 1, 3, 4, 2), random(seed + 1, 1 if shared else 3)
    check(step_of("prelu", F.prelu(x, weight), x, params={"weight": weight}))


BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum,
    "minimum": torch.minimum,
}  # fmt: skip
SIDES = [(3, 4, 5), (3, 1, 1), (1, 4, 5), (4, 1), (5,), (1,)]


@SOME
@given(SEEDS, st.sampled_from(sorted(BINARY)), st.sampled_from(SIDES), st.sampled_from(SIDES), st.data())
def test_binary(seed, kind, left, right, data):
    ways = st.sampled_from(["input", "param", "number"])
    how = data.draw(st.tuples(ways, ways).filter(lambda both: "input" in both))
    told, inputs, params, values = [], [], {}, []
    for i, (way, shape) in enumerate(zip(how, (left, right), strict=True)):
        value = random(seed + i, 1, *shape)
        if way == "input":
            told.append({"input": len(inputs)})
            inputs.append(value)
        elif way == "param":
            told.append({"param": f"scale{i}"})
            params[f"scale{i}"] = value if data.draw(st.booleans()) else value[0]
        else:
            value = torch.tensor(1.25)
            told.append({"number": 1.25})
        values.append(value[0] if way != "number" else value)
    alpha = data.draw(st.sampled_from([1, 2.5, -1.5])) if kind in {"add", "sub"} else None
    result = BINARY[kind](*values, **({"alpha": alpha} if alpha is not None else {}))[None]
    extra = {"alpha": alpha} if alpha is not None and alpha != 1 else {}
    check(step_of(kind, result, *inputs, params=params, operands=told, **extra))


@pytest.mark.parametrize("alpha", [2.5, -1.5])
@pytest.mark.parametrize("kind", ["add", "sub"])
def test_alpha_scales_the_second_operand(kind, alpha):
    x, y = random(1, 1, 3, 4), random(2, 1, 3, 4)
    told = {"operands": [{"input": 0}, {"input": 1}], "alpha": alpha}
    for pixel in check(step_of(kind, BINARY[kind](x, y, alpha=alpha), x, y, **told)):
        assert pixel.factors.tolist() == [1.0, alpha if kind == "add" else -alpha]


def test_the_same_step_as_both_operands():
    x = random(4, 1, 2, 3, 3)
    source = Step("x", "input", x[0].numpy())
    both = [{"input": 0}, {"input": 0}]
    for kind, result in {"add": x + x, "mul": x * x}.items():
        check(step_of(kind, result, source, operands=both))
        check(step_of(kind, result, source, source, operands=[{"input": 0}, {"input": 1}]))


def test_a_product_of_two_steps_names_both():
    x, gate = random(4, 1, 2, 3, 3), random(5, 1, 2, 1, 1)
    step = step_of("mul", x * gate, x, gate, operands=[{"input": 0}, {"input": 1}])
    pixel = explain_value(step, (1, 2, 0))
    assert pixel.position(0) == (1, 2, 0)
    assert pixel.others == ((1, (1, 0, 0)),)
    assert pixel.factors[0] == step.inputs[1].value[1, 0, 0]


MOVES = [
    ("flatten", {}, lambda x: x.flatten(1)),
    ("flatten", {}, lambda x: x.flatten(2)),
    ("reshape", {}, lambda x: x.reshape(1, 4, 2, -1)),
    ("unsqueeze", {}, lambda x: x.unsqueeze(2)),
    ("permute", {"axes": [1, 2, 0]}, lambda x: x.permute(0, 2, 3, 1)),
    ("permute", {"axes": [2, 0, 1]}, lambda x: x.permute(0, 3, 1, 2)),
    ("slice", {"index": [[1, 4, 2], 3, [0, 5, 1]]}, lambda x: x[:, 1:4:2, 3]),
    ("slice", {"index": [[0, 4, 1], [2, 6, 3], [-3, None, 1]]}, lambda x: x[:, :, 2::3, -3:]),
    ("slice", {"index": [0, 5, 4]}, lambda x: x[:, 0, 5, 4]),
    ("pixel_shuffle", {"factor": 2}, lambda x: F.pixel_shuffle(x, 2)),
]
PADS = [
    ([[0, 0], [1, 2], [2, 1]], "reflect", 0, (2, 1, 1, 2)),
    ([[0, 0], [1, 2], [3, 4]], "replicate", 0, (3, 4, 1, 2)),
    ([[0, 0], [1, 2], [3, 4]], "circular", 0, (3, 4, 1, 2)),
    ([[1, 0], [-1, 2], [2, -2]], "constant", 0.5, (2, -2, -1, 2, 1, 0)),
    ([[-1, 1], [0, 0], [0, 0]], "constant", 0, (0, 0, 0, 0, -1, 1)),
]


@pytest.mark.parametrize(("kind", "told", "run"), MOVES)
def test_moves(kind, told, run):
    x = random(8, 1, 4, 6, 5)
    for pixel in check(step_of(kind, run(x), x, **told), count=40):
        assert pixel.result == pixel.value, "a moved number is exact"


@pytest.mark.parametrize("groups", [2, 3])
def test_channel_shuffle(groups):
    x = random(8, 1, 6, 2, 2)
    check(step_of("channel_shuffle", F.channel_shuffle(x, groups), x, groups=groups), count=30)


@pytest.mark.parametrize(("padding", "mode", "value", "told"), PADS)
def test_pad(padding, mode, value, told):
    x = random(8, 1, 4, 6, 5)
    step = step_of("pad", F.pad(x, told, mode, value or None), x, padding=padding, mode=mode, value=value)
    for pixel in check(step, count=60):
        assert pixel.result == pixel.value, "a moved number is exact"


def test_squeeze():
    x = random(8, 1, 4, 1, 5)
    check(step_of("squeeze", x.squeeze(2), x))


@FEW
@given(SEEDS, st.integers(0, 2), st.booleans())
def test_cat_and_stack(seed, axis, with_param):
    shapes = [[2, 3, 4] for _ in range(3)]
    for i, shape in enumerate(shapes):
        shape[axis] = i + 1
    parts = [random(seed + i, 1, *shape) for i, shape in enumerate(shapes)]
    told = {"operands": [{"input": 0}, {"param": "token"}, {"input": 1}]} if with_param else {}
    inputs, params = ([parts[0], parts[2]], {"token": parts[1][0]}) if with_param else (parts, {})
    check(step_of("cat", torch.cat(parts, axis + 1), *inputs, params=params, axis=axis, **told), 20)
    same = [random(seed + i, 1, 2, 3) for i in range(3)]
    check(step_of("stack", torch.stack(same, axis + 1), *same, axis=axis))
