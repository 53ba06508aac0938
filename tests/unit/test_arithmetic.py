"""Every kind of step against PyTorch: the terms of any value sum to the value PyTorch computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from torch import Tensor
from torch.nn import functional as F

from convscope.arithmetic import KINDS, explain_value
from convscope.arithmetic.pixel import Pixel
from convscope.traces import Step

SEEDS = st.integers(0, 2**32 - 1)
SMALL = st.integers(1, 3)
SOME = settings(max_examples=60, deadline=None)
FEW = settings(max_examples=25, deadline=None)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def random(seed: int, *shape: int) -> Tensor:
    """Normal numbers around a mean that is not 0, so that a forgotten mean or bias shows."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) + 0.3


def step_of(
    kind: str, result: Tensor, *inputs: Tensor | Step, params: dict[str, Tensor] | None = None, **told: Any
) -> Step:
    """A recorded step; tensors carry a batch axis of one, which goes."""
    sources = tuple(
        part if isinstance(part, Step) else Step(f"in{i}", "input", part[0].float().numpy().copy())
        for i, part in enumerate(inputs)
    )
    held = {name: value.float().numpy() for name, value in (params or {}).items()}
    precision = str(result.dtype).removeprefix("torch.")
    return Step("made", kind, result[0].float().numpy().copy(), sources, told, held, dtype=precision)


def check(step: Step, count: int = 6) -> list[Pixel]:
    """A few positions, the first and the last among them: the terms are consistent, and sum to the value."""
    if step.value.size == 0:
        return []
    rng = np.random.default_rng(step.value.size)
    flat = {0, step.value.size - 1, *rng.integers(0, step.value.size, count).tolist()}
    pixels = []
    for at in sorted(flat):
        index = tuple(int(part) for part in np.unravel_index(at, step.shape))
        pixel = explain_value(step, index)
        assert pixel.holds, f"{pixel!r} but recorded {pixel.value}, tolerance {pixel.tolerance}"
        assert pixel.tolerance <= 2e-3 * (1 + np.abs(pixel.terms).sum() + abs(pixel.bias)), "a bound, not a blank"
        consistent(pixel)
        pixels.append(pixel)
    return pixels


def consistent(pixel: Pixel) -> None:
    """What holds for every pixel, whatever the kind."""
    assert pixel.result == pixel.terms.sum() + pixel.bias
    assert pixel.value == pixel.step.value[pixel.index]
    count = len(pixel.terms)
    assert all(len(part) == count for part in (pixel.source, pixel.positions, pixel.inputs, pixel.factors))
    for term in range(count):
        position = pixel.position(term)
        if position is not None:
            source = pixel.step.inputs[int(pixel.source[term])]
            assert source.value[position] == pixel.inputs[term]
        elif pixel.source[term] >= 0:
            assert pixel.padded[term]
    if pixel.linear:
        assert np.array_equal(
            pixel.terms, np.where(pixel.padded & (pixel.inputs == 0), 0, pixel.inputs * pixel.factors)
        )
    shares = pixel.top(3)
    assert sum(share.sum for share in shares) == pytest.approx(pixel.result, rel=1e-9, abs=1e-9)
    assert str(pixel)


@SOME
@given(SEEDS, st.data())
def test_conv2d(seed, data):
    groups, per_group, out = data.draw(SMALL), data.draw(SMALL), data.draw(SMALL)
    kernel, stride, dilation = ([data.draw(SMALL), data.draw(SMALL)] for _ in range(3))
    top, bottom, left, right = (data.draw(st.integers(0, 3)) for _ in range(4))
    x = random(seed, 1, groups * per_group, data.draw(st.integers(7, 10)), data.draw(st.integers(7, 10)))
    weight = random(seed + 1, groups * out, per_group, *kernel)
    params = {"weight": weight} | ({"bias": random(seed + 2, groups * out)} if data.draw(st.booleans()) else {})
    padded = F.pad(x, (left, right, top, bottom))
    result = F.conv2d(padded, weight, params.get("bias"), stride, 0, dilation, groups)
    told = {"kernel": kernel, "stride": stride, "dilation": dilation, "groups": groups}
    step = step_of("conv2d", result, x, params=params, padding=[top, bottom, left, right], **told)
    for pixel in check(step):
        assert len(pixel.terms) == per_group * kernel[0] * kernel[1]


def test_conv2d_against_scipy():
    x, weight, bias = random(1, 1, 4, 9, 11), random(2, 5, 4, 3, 2), random(3, 5)
    planes = [
        sum(signal.correlate2d(x[0, c].double(), weight[o, c].double(), "valid") for c in range(4)) + float(bias[o])
        for o in range(5)
    ]
    told = {"kernel": [3, 2], "stride": [1, 1], "padding": [0, 0, 0, 0], "dilation": [1, 1], "groups": 1}
    step = step_of("conv2d", torch.tensor(np.array(planes))[None], x, params={"weight": weight, "bias": bias}, **told)
    for channel, y, column in [(0, 0, 0), (4, 6, 9), (2, 3, 5)]:
        assert explain_value(step, (channel, y, column)).result == pytest.approx(planes[channel][y, column], rel=1e-12)


@SOME
@given(SEEDS, st.data())
def test_conv_transpose2d(seed, data):
    groups, per_group, out = data.draw(SMALL), data.draw(SMALL), data.draw(SMALL)
    kernel, stride, dilation = ([data.draw(SMALL), data.draw(SMALL)] for _ in range(3))
    limit = [max(s, d) - 1 for s, d in zip(stride, dilation, strict=True)]
    extra = [data.draw(st.integers(0, most)) for most in limit]
    cut = [data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))]
    x = random(seed, 1, groups * per_group, data.draw(st.integers(5, 7)), data.draw(st.integers(5, 7)))
    weight = random(seed + 1, groups * per_group, out, *kernel)
    params = {"weight": weight} | ({"bias": random(seed + 2, groups * out)} if data.draw(st.booleans()) else {})
    result = F.conv_transpose2d(x, weight, params.get("bias"), stride, cut, extra, groups, dilation)
    padding = [cut[0], cut[0], cut[1], cut[1]]
    told = {
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "groups": groups,
        "output_padding": extra,
    }
    check(step_of("conv_transpose2d", result, x, params=params, padding=padding, **told))


@SOME
@given(SEEDS, st.data())
def test_max_pool2d(seed, data):
    kernel, stride, dilation = ([data.draw(SMALL), data.draw(SMALL)] for _ in range(3))
    pad = [data.draw(st.integers(0, k // 2)) for k in kernel]
    ceil = data.draw(st.booleans())
    height, width = data.draw(st.integers(7, 9)), data.draw(st.integers(7, 9))
    x = torch.round(random(seed, 1, 2, height, width))  # with ties
    result, winners = F.max_pool2d(x, kernel, stride, pad, dilation, ceil, return_indices=True)
    padding = [pad[0], pad[0], pad[1], pad[1]]
    told = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil}
    for pixel in check(step_of("max_pool2d", result, x, **told)):
        assert pixel.result == pixel.value, "a maximum is exact"
        assert not pixel.linear
        assert not pixel.factors[pixel.padded].any()
        assert (pixel.inputs[pixel.padded] == -np.inf).all()
        _, row, column = pixel.position(int(pixel.symbols["winner"]))
        assert row * x.shape[3] + column == winners[(0, *pixel.index)], "the first of equal ones wins"


@SOME
@given(SEEDS, st.data())
def test_avg_pool2d(seed, data):
    kernel, stride = ([data.draw(SMALL), data.draw(SMALL)] for _ in range(2))
    pad = [data.draw(st.integers(0, k // 2)) for k in kernel]
    ceil, counted = data.draw(st.booleans()), data.draw(st.booleans())
    divisor = data.draw(st.none() | st.integers(1, 9))
    x = random(seed, 1, 2, data.draw(st.integers(5, 9)), data.draw(st.integers(5, 9)))
    result = F.avg_pool2d(x, kernel, stride, pad, ceil, counted, divisor)
    told = {
        "kernel": kernel,
        "stride": stride,
        "padding": [pad[0], pad[0], pad[1], pad[1]],
        "ceil_mode": ceil,
    }
    check(step_of("avg_pool2d", result, x, count_include_pad=counted, divisor=divisor, **told))


def test_avg_pool2d_window_over_the_edge_counts_as_pytorch_does():
    x = torch.ones(1, 1, 4, 4)
    told = {"kernel": [3, 3], "stride": [3, 3], "padding": [1, 1, 1, 1], "ceil_mode": True, "divisor": None}
    counted = F.avg_pool2d(x, 3, 3, 1, True, True)
    ignored = F.avg_pool2d(x, 3, 3, 1, True, False)
    with_padding = explain_value(step_of("avg_pool2d", counted, x, count_include_pad=True, **told), (0, 0, 0))
    without = explain_value(step_of("avg_pool2d", ignored, x, count_include_pad=False, **told), (0, 0, 0))
    assert (with_padding.symbols["divisor"], with_padding.padded.sum()) == (9.0, 5)
    assert (without.symbols["divisor"], without.padded.sum()) == (4.0, 0)
    assert with_padding.formula == "4 (sum of 9 values) / 9 = 0.4444"


def test_avg_pool2d_beyond_the_padding_is_never_counted():
    x = torch.ones(1, 1, 6, 6)
    told = {"kernel": [3, 3], "stride": [2, 2], "padding": [1, 1, 1, 1], "ceil_mode": True, "divisor": None}
    step = step_of("avg_pool2d", F.avg_pool2d(x, 3, 2, 1, True, True), x, count_include_pad=True, **told)
    check(step, 16)
    assert explain_value(step, (0, 3, 3)).symbols["divisor"] == 4.0, "rows 5, 6 of padding, not 7"


@SOME
@given(SEEDS, st.tuples(*[st.integers(1, 9)] * 2), st.tuples(*[st.integers(1, 7)] * 2), st.booleans())
def test_adaptive_pooling(seed, size, out, largest):
    x = random(seed, 1, 2, *size)
    run = F.adaptive_max_pool2d if largest else F.adaptive_avg_pool2d
    kind = "adaptive_max_pool2d" if largest else "adaptive_avg_pool2d"
    check(step_of(kind, run(x, out), x, output=list(out)))


@FEW
@given(SEEDS, st.sampled_from([(4,), (3, 5), (3, 4, 5)]), st.booleans(), st.booleans())
def test_batch_norm(seed, shape, training, affine):
    if training and len(shape) == 1:
        shape = (4, 3)
    x = random(seed, 1, *shape) * 3 + 1
    channels = shape[0]
    params = {
        "running_mean": random(seed + 1, channels),
        "running_var": random(seed + 2, channels) ** 2 + 0.1,
    }
    scale = {"weight": random(seed + 3, channels), "bias": random(seed + 4, channels)} if affine else {}
    result = F.batch_norm(
        x, *(v.clone() for v in params.values()), scale.get("weight"), scale.get("bias"), training, 0.1, 1e-3
    )
    for pixel in check(step_of("batch_norm", result, x, params=params | scale, eps=1e-3, training=training)):
        mean = x[0, pixel.index[0]].mean() if training else params["running_mean"][pixel.index[0]]
        assert pixel.symbols["mean"] == pytest.approx(float(mean), abs=1e-5)


def test_batch_norm_formula_shows_its_numbers():
    x = torch.full((1, 1, 1, 1), 0.73)
    named = {"running_mean": 0.41, "running_var": 0.12, "weight": 1.1, "bias": 0.02}
    params = {name: torch.tensor([v]) for name, v in named.items()}
    result = F.batch_norm(x, *params.values(), False, 0.1, 1e-3)
    pixel = explain_value(step_of("batch_norm", result, x, params=params, eps=1e-3, training=False), (0, 0, 0))
    assert pixel.formula == "(0.73 - 0.41) / sqrt(0.12 + 0.001) * 1.1 + 0.02 = 1.032"
    assert pixel.symbols["gamma"] == pytest.approx(1.1)


@FEW
@given(SEEDS, st.sampled_from([(6,), (3, 5), (3, 4, 5)]), st.data())
def test_layer_norm(seed, shape, data):
    count = data.draw(st.integers(1, len(shape)))
    inner, axes = shape[-count:], list(range(len(shape) - count, len(shape)))
    x = random(seed, 1, *shape) * 2 + 5
    params = {"weight": random(seed + 1, *inner), "bias": random(seed + 2, *inner)} if data.draw(st.booleans()) else {}
    result = F.layer_norm(x, inner, params.get("weight"), params.get("bias"), 1e-5)
    check(step_of("layer_norm", result, x, params=params, eps=1e-5, axes=axes))


@FEW
@given(SEEDS, st.sampled_from([1, 2, 3, 6]), st.sampled_from([(), (5,), (4, 3)]), st.booleans())
def test_group_norm(seed, groups, rest, affine):
    if not rest:
        groups = min(groups, 3)
    x = random(seed, 1, 6, *rest) * 2 + 5
    params = {"weight": random(seed + 1, 6), "bias": random(seed + 2, 6)} if affine else {}
    result = F.group_norm(x, groups, params.get("weight"), params.get("bias"), 1e-5)
    check(step_of("group_norm", result, x, params=params, eps=1e-5, groups=groups))


@FEW
@given(SEEDS, st.integers(1, 6), st.sampled_from([(5, 4), (7, 3, 2)]))
def test_local_response_norm(seed, size, shape):
    x = random(seed, 1, *shape) * 4
    told = {"size": size, "alpha": 0.3, "beta": 0.75, "k": 1.5}
    check(step_of("local_response_norm", F.local_response_norm(x, *told.values()), x, **told))


PLAIN = {
    "relu": F.relu, "relu6": F.relu6, "selu": F.selu, "silu": F.silu, "mish": F.mish,
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "hardsigmoid": F.hardsigmoid, "hardswish": F.hardswish,
    "softsign": F.softsign,
    "logsigmoid": F.logsigmoid, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt,
    "abs": torch.abs, "neg": torch.neg, "square": torch.square, "sin": torch.sin, "cos": torch.cos,
    "reciprocal": torch.reciprocal,
}  # fmt: skip
TOLD = [
    ("leaky_relu", {"negative_slope": 0.2}, lambda x: F.leaky_relu(x, 0.2)),
    ("elu", {"alpha": 0.7}, lambda x: F.elu(x, 0.7)),
    ("celu", {"alpha": 0.7}, lambda x: F.celu(x, 0.7)),
    ("gelu", {"approximate": "none"}, F.gelu),
    ("gelu", {"approximate": "tanh"}, lambda x: F.gelu(x, approximate="tanh")),
    ("softplus", {"beta": 2.0, "threshold": 5.0}, lambda x: F.softplus(x, 2.0, 5.0)),
    ("hardtanh", {"min": -0.4, "max": 0.8}, lambda x: F.hardtanh(x, -0.4, 0.8)),
    ("clamp", {"min": None, "max": 0.5}, lambda x: x.clamp(max=0.5)),
    ("clamp", {"min": 0.1, "max": None}, lambda x: x.clamp(min=0.1)),
    ("pow", {"exponent": 3}, lambda x: x**3),
    ("pow", {"exponent": -1.5}, lambda x: x**-1.5),
    ("dropout", {"p": 0.5}, lambda x: F.dropout(x, 0.5, training=False)),
    ("identity", {}, lambda x: x.clone()),
    *((kind, {}, run) for kind, run in PLAIN.items()),
]
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


@SOME
@given(SEEDS, st.sampled_from([(8,), (3, 6), (2, 3, 4)]), st.data())
def test_softmax(seed, shape, data):
    axis = data.draw(st.integers(0, len(shape) - 1))
    x = random(seed, 1, *shape) * data.draw(st.sampled_from([1, 10, 100]))
    run = data.draw(st.sampled_from([F.softmax, F.log_softmax]))
    check(step_of(run.__name__, run(x, axis + 1), x, axis=axis))


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


@FEW
@given(SEEDS, st.sampled_from([(), (3,), (2, 3)]), st.booleans())
def test_linear(seed, before, with_bias):
    x, weight = random(seed, 1, *before, 7), random(seed + 1, 4, 7)
    params = {"weight": weight} | ({"bias": random(seed + 2, 4)} if with_bias else {})
    check(step_of("linear", F.linear(x, weight, params.get("bias")), x, params=params))


def test_linear_after_flatten_reads_channels_first():
    x, weight = random(1, 1, 2, 3, 4), random(2, 5, 24)
    flat = step_of("flatten", x.flatten(1), x)
    result = step_of("linear", F.linear(x.flatten(1), weight), flat, params={"weight": weight})
    pixel = explain_value(result, (3,))
    assert pixel.holds
    origin = explain_value(flat, pixel.position(17))
    assert origin.position(0) == (1, 1, 1), "17 = (1 * 3 + 1) * 4 + 1"


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


@SOME
@given(SEEDS, st.sampled_from(["nearest", "bilinear"]), st.data())
def test_interpolate(seed, mode, data):
    height, width = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 8))
    x = random(seed, 1, 2, height, width)
    align = mode == "bilinear" and data.draw(st.booleans())
    extra = {"align_corners": align} if mode == "bilinear" else {}
    scale = None
    if data.draw(st.booleans()):
        factors = st.floats(1.0, 3.7) | st.sampled_from([0.5, 0.7, 2.0, 3.0])
        scale = [data.draw(factors), data.draw(factors)]
        if min(int(height * scale[0]), int(width * scale[1])) < 1:
            return
        result = F.interpolate(x, scale_factor=tuple(scale), mode=mode, **extra)
    else:
        size = (data.draw(st.integers(1, 13)), data.draw(st.integers(1, 13)))
        result = F.interpolate(x, size, mode=mode, **extra)
    told = {"mode": mode, "size": list(result.shape[2:]), "scale": scale, "align_corners": align}
    check(step_of("interpolate", result, x, **told), 12)


@FEW
@given(
    SEEDS,
    st.sampled_from(["mean", "sum", "amax"]),
    st.sampled_from([[0], [1, 2], [0, 2], [0, 1, 2]]),
    st.booleans(),
)
def test_reductions(seed, kind, axes, keepdim):
    x = random(seed, 1, 3, 4, 5)
    result = getattr(torch, kind)(x, [axis + 1 for axis in axes], keepdim)
    check(step_of(kind, result, x, axes=axes, keepdim=keepdim))


def test_every_documented_kind_is_known(request):
    text = (request.config.rootpath / "docs" / "steps.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    documented = {kind for row in rows for kind in row.replace("`", " ").replace(",", " ").split()} - {"input"}
    assert documented == set(KINDS)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_lower_precision(precision):
    x, weight, bias = (part.to(precision) for part in (random(1, 1, 16, 8, 8), random(2, 4, 16, 3, 3), random(3, 4)))
    told = {"kernel": [3, 3], "stride": [1, 1], "padding": [1, 1, 1, 1], "dilation": [1, 1], "groups": 1}
    result = F.conv2d(x, weight, bias, 1, 1)
    step = step_of("conv2d", result, x, params={"weight": weight, "bias": bias}, **told)
    assert step.dtype == str(precision).removeprefix("torch.")
    for index in [(0, 0, 0), (3, 7, 7), (1, 4, 4)]:
        assert explain_value(step, index).holds
