"""Kinds that make one number of many, such as windows and norms, against PyTorch: the terms sum to its value."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal
from torch.nn import functional as F

from arithmetic_steps import made as step_of
from checked_terms import FEW, SEEDS, SMALL, SOME, check, random
from convscope.arithmetic import KINDS, explain_value


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


@SOME
@given(SEEDS, st.sampled_from([(8,), (3, 6), (2, 3, 4)]), st.data())
def test_softmax(seed, shape, data):
    axis = data.draw(st.integers(0, len(shape) - 1))
    x = random(seed, 1, *shape) * data.draw(st.sampled_from([1, 10, 100]))
    run = data.draw(st.sampled_from([F.softmax, F.log_softmax]))
    check(step_of(run.__name__, run(x, axis + 1), x, axis=axis))


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
