"""Plans: the tutorials' numbers, formulas that add up, receptive fields, impossible networks."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.errors import SpecError
from convscope.spec import build, flatten_shapes, load, parse, plan, vary
from convscope.spec.modules import module_calls

SIZE = st.tuples(st.integers(1, 4), st.integers(1, 4)).map("{0[0]}x{0[1]}".format)
PADDING = st.sampled_from(["valid", "same", "1", "0x2"])
YES_NO = st.sampled_from(["yes", "no"])
MAPS = st.one_of(
    st.builds(
        "conv({}, {}, stride={}, padding={}, dilation={}, bias={})".format,
        st.sampled_from([2, 4]),
        SIZE,
        SIZE,
        PADDING,
        SIZE,
        YES_NO,
    ),
    st.builds("conv(4, {}, groups=2, padding=same)".format, SIZE),
    st.builds(
        "conv_transpose(4, {}, stride={}, padding={}, dilation={}, bias={})".format, SIZE, SIZE, PADDING, SIZE, YES_NO
    ),
    st.builds("maxpool({}, stride={}, padding={})".format, SIZE, SIZE, st.sampled_from(["valid", "same"])),
    st.builds("avgpool({}, stride={}, padding={})".format, SIZE, SIZE, st.sampled_from(["valid", "same"])),
    st.builds("upsample({}, {})".format, st.integers(1, 2), st.sampled_from(["nearest", "bilinear"])),
    st.sampled_from(["relu", "batch_norm", "tanh", "dropout(0.5)", "maxpool(3, padding=1)", "avgpool(2, padding=1)"]),
)
VECTORS = st.one_of(
    st.builds("dense({}, bias={})".format, st.integers(1, 5), YES_NO),
    st.sampled_from(["batch_norm", "softmax", "sigmoid", "dropout(0.1)", "flatten"]),
)
NETWORKS = st.tuples(
    st.lists(MAPS, min_size=1, max_size=5), st.sampled_from(["gap", "flatten", "relu"]), st.lists(VECTORS, max_size=3)
).map(lambda parts: " | ".join([*parts[0], parts[1], *parts[2]]))


@settings(max_examples=80, deadline=None)
@given(NETWORKS, st.tuples(st.sampled_from([2, 4]), st.integers(3, 13), st.integers(3, 13)))
def test_plan_is_what_torch_does(text: str, shape: tuple[int, int, int]) -> None:
    spec = parse(text)
    try:
        planned = plan(spec, shape)
    except SpecError:
        with pytest.raises(SpecError, match=r"^layer \d"):
            build(spec, shape)
        return
    model = build(spec, shape)
    owner = {call.name: call.layer for call in module_calls(spec, shape)}
    assert list(owner) == [name for name, _ in model.named_children()]
    shapes: dict[str, tuple[int, ...]] = {}
    numbers: dict[str, int] = {}
    value = torch.zeros(1, *shape)
    with torch.no_grad():
        for name, module in model.named_children():
            value = module(value)
            shapes[owner[name]] = tuple(value.shape[1:])
            kept = [*module.parameters(), *(b for n, b in module.named_buffers() if "running" in n)]
            numbers[owner[name]] = numbers.get(owner[name], 0) + sum(tensor.numel() for tensor in kept)
    assert [layer.shape for layer in planned] == [shapes[layer.name] for layer in planned]
    for layer in planned:
        left, _, right = layer.formula.partition(" = ")
        assert eval(left) == layer.params == int((right or "0").split(" ")[0].replace(",", "")) == numbers[layer.name]
        assert eval(layer.macs_formula.partition(" = ")[0]) == layer.macs


LINEAR = st.one_of(
    st.builds("conv(1, {}, stride={}, padding={}, bias=no, init=ones)".format, SIZE, SIZE, PADDING),
    st.builds("conv(1, {}, dilation=2, bias=no, init=ones)".format, SIZE),
    st.builds(
        "conv_transpose(1, {}, stride={}, padding={}, bias=no, init=ones)".format,
        SIZE,
        SIZE,
        st.sampled_from(["valid", "same"]),
    ),
    st.builds("avgpool({}, stride={}, padding={})".format, SIZE, SIZE, st.sampled_from(["valid", "same"])),
    st.builds("upsample({}, {})".format, SIZE, st.sampled_from(["nearest", "bilinear"])),
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(LINEAR, min_size=1, max_size=4).map(" | ".join),
    st.sampled_from(["", " | gap", " | flatten"]),
    st.integers(4, 10),
    st.integers(4, 10),
)
def test_receptive_field_is_what_reaches_a_value(text: str, end: str, height: int, width: int) -> None:
    """All weights are positive, so an output pixel sees an input pixel where that pixel alone moves it."""
    spec = parse(text + end)
    try:
        planned = plan(spec, (1, height, width))
    except SpecError:
        return
    if prod(planned[-1].shape) > 20_000:
        return
    pixels = torch.eye(height * width, dtype=torch.float64).reshape(-1, 1, height, width)
    with torch.no_grad():
        moved = build(spec, (1, height, width)).double()(pixels).reshape(height, width, -1).numpy() > 0
    sees_row, sees_column = moved.any(1), moved.any(0)
    assert planned[-1].receptive_field == (_span(sees_row), _span(sees_column))


def _span(sees: np.ndarray) -> int:
    """Most pixels from the first to the last that one output sees; ``sees`` is (pixels, outputs)."""
    return max(int(np.ptp(np.flatnonzero(column))) + 1 if column.any() else 0 for column in sees.T)


def _sizes(name_or_text: str, shape: tuple[int, int, int]) -> list[tuple[int, ...]]:
    return [(*layer.shape[1:], layer.shape[0]) for layer in plan(load(name_or_text), shape)]


def test_tutorial_1_shapes() -> None:
    planned = {layer.name: layer.shape for layer in plan(load("tutorial-1"), (3, 575, 607))}
    expected = {
        "conv_1": (3, 573, 605), "pool_1": (3, 191, 201), "relu_1": (3, 191, 201), "conv_2": (3, 189, 199),
        "pool_2": (3, 94, 99), "relu_2": (3, 94, 99), "conv_3": (3, 92, 97), "relu_3": (3, 92, 97),
        "conv_4": (3, 90, 95), "relu_4": (3, 90, 95), "flatten_1": (25650,), "dens_1": (8,), "relu_5": (8,),
    }  # fmt: skip
    assert planned == expected
    for kernel, size in ((3, (573, 605, 1)), (12, (564, 596, 1)), (24, (552, 584, 1))):
        assert _sizes(f"conv(1, {kernel}, init=constant(0.12))", (3, 575, 607)) == [size]


def test_tutorial_2_summary() -> None:
    planned = plan(load("cats-dogs"))
    assert [layer.params for layer in planned if layer.params] == [448, 4640, 18496, 73856, 129]
    assert [layer.shape for layer in planned][-4:] == [(128, 37, 37), (128,), (1,), (1,)]


def test_tutorial_3_counts() -> None:
    planned = plan(load("fashion-cnn"))
    shown = [layer for layer in planned if layer.kind not in {"relu", "softmax"}]
    assert [layer.shape for layer in shown] == [
        (64, 26, 26), (64, 13, 13), (64, 11, 11), (64, 5, 5), (1600,), (128,), (10,),
    ]  # fmt: skip
    assert [layer.params for layer in shown] == [640, 0, 36_928, 0, 0, 204_928, 1_290]
    assert sum(layer.params for layer in planned) == 243_786
    assert shown[0].formula == "(3*3*1+1)*64 = 640"
    assert shown[5].formula == "(1600+1)*128 = 204,928"
    assert plan(load("conv(64, 3, bias=no)"), (1, 28, 28))[0].formula == "3*3*1*64 = 576"
    bn = plan(load("conv(16, 3) | bn"), (1, 28, 28))[1]
    assert bn.formula == "4*16 = 64 (32 learned, 32 running statistics)"
    assert sum(layer.params for layer in plan(load("fashion-dense"))) == 784 * 128 + 128 + 1290


def test_tutorial_4_and_5_shapes() -> None:
    cat = (3, 320, 400)
    assert _sizes("conv(3, 3)", cat) == [(318, 398, 3)]
    assert _sizes("conv(3, 10)", cat) == [(311, 391, 3)]
    assert _sizes("conv(1, 3)", cat) == [(318, 398, 1)]
    assert _sizes("conv(1, 15)", cat) == [(306, 386, 1)]
    assert _sizes("conv(3, 3) | relu | maxpool(5)", cat)[-1] == (63, 79, 3)
    one = vary(vary(load("lenet-cat"), "conv.filters", "1"), "pool_2.size", "3")
    assert [(*p.shape[1:], p.shape[0]) for p in plan(one, cat)][-1] == (34, 43, 1)
    assert _sizes(vary(load("lenet-cat"), "conv_2.filters", "1").text(), cat)[-1] == (52, 65, 1)
    assert _sizes("lenet-cat", cat)[-1] == (52, 65, 3)
    assert _sizes("|".join(["conv(3, 3)"] * 5), (3, 300, 451))[-1] == (290, 441, 3)


def test_dense_sees_only_the_pixels_that_survive_the_poolings() -> None:
    fields = {layer.name: layer.receptive_field for layer in plan(load("fashion-cnn"))}
    assert fields["pool_1"] == (4, 4)
    assert fields["pool_2"] == (10, 10)
    assert fields["dense_1"] == (26, 26)  # the second pooling drops the last row and column of its 11x11 input
    assert plan(load("cats-dogs"))[-1].receptive_field == (300, 300)


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        (
            "maxpool(3) | conv(16, 3) | relu | maxpool(3)",
            (3, 14, 14),
            (
                r"^layer 4 'pool_2' \(maxpool\(3\)\) cannot work on its 2x2x16 input: "
                r"the window is larger than the map; "
                r"use a size of at most 2x2, or padding=same$"
            ),
        ),
        ("conv(3, 3x9)", (3, 4, 4), r"use a size of at most 3x4, or padding=same$"),
        ("conv(3, 3, dilation=2)", (3, 4, 6), r"\(it spans 5x5 with its dilation\); use a size of at most 2x3"),
        ("dense(3)", (3, 4, 4), r"'dense_1' .* cannot work on its 4x4x3 input: .* put flatten or gap before it$"),
        (
            "flatten | conv(3, 3)",
            (3, 4, 4),
            r"needs feature maps .* 48 values in a row since 'flatten_1'; put it before",
        ),
        ("gap | maxpool", (3, 4, 4), r"'pool_1' \(maxpool\(2\)\) needs feature maps .* since 'gap_1'"),
        ("conv(4, 3, groups=2)", (3, 9, 9), r"cannot split its 9x9x3 input into 2 groups; .* divides 3$"),
        (
            "conv_transpose(3, 3, padding=3)",
            (3, 4, 4),
            r"its padding cuts away all of the 6x6 output; use less padding",
        ),
        ("upsample(100000)", (3, 9, 9), r"would give 900000x900000x3 values, more than 2\^31"),
        ("conv_transpose(1, 1, stride=1000000)", (1, 99, 9), r"would give 99000000x9000000x1 values, more than 2\^31"),
        ("relu", (3, 0, 4), r"an input shape is \(channels, height, width\), each 1 to 1,000,000; got \(3, 0, 4\)"),
        ("relu", (3, 100_000, 100_000), r"an input holds at most 2\^31 values; got 3x100000x100000"),
        ("relu", None, r"the spec does not say its input; begin it with input\(HxWxC\)"),
    ],
)
def test_impossible_networks_say_where_and_what_would_work(text: str, shape: tuple | None, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        plan(parse(text), shape)


def test_flatten_shapes_look_through_layers_that_keep_the_order() -> None:
    spec = parse("conv(4, 3) | flatten | dropout(0.5) | relu | batch_norm | dense(9) | dense(3)")
    assert flatten_shapes(spec, (3, 8, 9)) == {"bn_1": (4, 6, 7), "dense_1": (4, 6, 7)}
    assert flatten_shapes(parse("gap | flatten | dense(3)"), (3, 8, 9)) == {}
