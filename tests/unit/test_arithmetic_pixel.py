"""Pixel as people meet it: what it says, what it refuses, what it prints."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from convscope.arithmetic import Pixel, Share, explain_value
from convscope.errors import CallError, NoArithmetic, StaleParametersError
from convscope.traces import Step

WINDOW = {"kernel": [2, 2], "stride": [1, 1], "padding": [0, 0, 0, 0], "dilation": [1, 1], "groups": 1}


def source(*shape: int, name: str = "photo") -> Step:
    values = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    return Step(name, "input", values)


def conv(weight: np.ndarray, x: Step, bias: float = 0.5, **told) -> Step:
    """A convolution, by the definition."""
    out, _, rows, columns = weight.shape
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    value = np.zeros((out, height, width), np.float32)
    for o, i, j in np.ndindex(value.shape):
        value[o, i, j] = (weight[o] * x.value[:, i : i + rows, j : j + columns]).sum() + bias
    params = {"weight": weight.astype(np.float32), "bias": np.full(out, bias, np.float32)}
    return Step("conv_1", "conv2d", value, (x,), WINDOW | told, params)


KERNEL = np.array([[[[1, 2], [3, -4]]]], np.float32)


def test_a_convolution_by_hand():
    step = conv(KERNEL, source(1, 3, 3))
    pixel = step.pixel(0, 1, 0)
    assert isinstance(pixel, Pixel)
    assert pixel.inputs.tolist() == [3, 4, 6, 7]
    assert pixel.factors.tolist() == [1, 2, 3, -4]
    assert pixel.terms.tolist() == [3, 8, 18, -28]
    assert pixel.positions.tolist() == [[0, 1, 0], [0, 1, 1], [0, 2, 0], [0, 2, 1]]
    assert (pixel.bias, pixel.result, pixel.value) == (0.5, 1.5, 1.5)
    assert pixel.formula == "4 products (1) + bias 0.5 = 1.5"
    assert pixel.linear
    assert pixel.holds
    assert repr(pixel) == "Pixel('conv_1', (0, 1, 0), 4 products (1) + bias 0.5 = 1.5)"


def test_a_small_window_prints_as_three_grids():
    assert str(conv(KERNEL, source(1, 3, 3)).pixel(0, 1, 0)).splitlines() == [
        "conv_1[0, 1, 0] (conv2d)",
        "  photo[0, y, x]   x factor   = product",
        "  3 4               1  2        3   8",
        "  6 7               3 -4       18 -28",
        "4 products (1) + bias 0.5 = 1.5",
        "recorded 1.5",
    ]


def test_many_channels_print_as_the_largest_shares():
    weight = np.ones((1, 4, 2, 2)) * np.array([1, -5, 2, 0]).reshape(1, 4, 1, 1)
    pixel = conv(weight, source(4, 3, 3)).pixel(0, 0, 0)
    shares = pixel.top(2)
    assert shares == (
        Share("photo[1]", 0, 1, -220.0, 4),
        Share("photo[2]", 0, 2, 160.0, 4),
        Share("rest (2 channels)", -1, None, 8.0, 8),
        Share("bias", -1, None, 0.5, 1),
    )
    assert sum(share.sum for share in shares) == pixel.result
    assert str(pixel).splitlines()[1:] == [
        "  photo[1]        -220  4 terms",
        "  photo[2]         160  4 terms",
        "  photo[0]           8  4 terms",
        "  photo[3]           0  4 terms",
        "  bias             0.5  1 term",
        "16 products (-52) + bias 0.5 = -51.5",
        "recorded -51.5",
    ]


@pytest.mark.parametrize("k", [0, 1, 3, 4, 99])
def test_top_always_adds_up(k):
    weight = np.random.default_rng(0).normal(size=(1, 4, 2, 2)).astype(np.float32)
    pixel = conv(weight, source(4, 3, 3)).pixel(0, 1, 1)
    assert math.fsum(share.sum for share in pixel.top(k)) == pytest.approx(pixel.result, rel=1e-12)
    assert sum(share.count for share in pixel.top(k)) == len(pixel.terms) + 1


def test_the_share_of_a_number_has_no_channel():
    x = source(3)
    step = Step("y", "add", x.value + 2, (x,), {"operands": [{"input": 0}, {"number": 2}]})
    assert step.at((1,)).top() == (
        Share("parameter or number", -1, None, 2.0, 1),
        Share("photo[1]", 0, 1, 1.0, 1),
    )


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ((0, 2, 0), r"position \(0, 2, 0\) is not in the value of step 'conv_1', whose shape is \(1, 2, 2\); give one"),
        ((0, 0), r"position \(0, 0\) is not in the value"),
        ((0, 0, -1), r"position \(0, 0, -1\) is not in the value of step .* from 0 and below its size$"),
        ((), r"position \(\) is not in"),
        ((0, 0, 0, 0), r"position \(0, 0, 0, 0\) is not in"),
    ],
)
def test_a_position_outside_the_value_is_refused(index, words):
    with pytest.raises(CallError, match=words):
        explain_value(conv(KERNEL, source(1, 3, 3)), index)


def test_a_scalar_has_one_position():
    x = source(4)
    step = Step("s", "sum", np.array(6.0, np.float32), (x,), {"axes": [0], "keepdim": False})
    assert step.at(()).formula == "sum of 4 values = 6"
    with pytest.raises(CallError, match=r"^the value of step 's' is one number, its position is \(\); got \(0,\)$"):
        step.at((0,))


def test_unknown_kinds_say_so():
    step = Step("fft", "fft_rfft2", np.zeros((1, 2, 2), np.float32), (source(1, 2, 2),))
    with pytest.raises(
        NoArithmetic, match=r"^no arithmetic for op 'fft_rfft2' \(step 'fft'\); its value is recorded, how it was"
    ):
        step.pixel(0, 0, 0)
    with pytest.raises(NoArithmetic, match="'photo': it is what the network was given, not computed"):
        source(1, 2, 2).pixel(0, 0, 0)


def test_steps_that_mixed_the_batch_say_so():
    x = source(1, 2, 2)
    step = Step("view", "reshape", np.zeros((2, 2), np.float32), (x,), batched=False)
    with pytest.raises(NoArithmetic, match=r"^no arithmetic for op 'reshape' \(step 'view'\): it mixed the batch axis"):
        step.at((0, 0))


def test_modes_without_arithmetic_say_so():
    x = source(1, 2, 2)
    told = {"mode": "bicubic", "size": [4, 4], "scale": None, "align_corners": False}
    with pytest.raises(NoArithmetic, match=r"'interpolate' with mode 'bicubic' .*; nearest and bilinear have one"):
        Step("up", "interpolate", np.zeros((1, 4, 4), np.float32), (x,), told).pixel(0, 0, 0)
    told = {"padding": [[0, 0], [1, 1], [1, 1]], "mode": "wrap"}
    with pytest.raises(NoArithmetic, match="padding mode 'wrap'; known are constant, reflect, replicate, circular"):
        Step("p", "pad", np.zeros((1, 4, 4), np.float32), (x,), told).pixel(0, 0, 0)


def test_missing_parameters_and_operands_say_so():
    whole = conv(KERNEL, source(1, 3, 3))
    bare = Step("conv_1", "conv2d", whole.value, whole.inputs, whole.settings)
    with pytest.raises(NoArithmetic, match="needs its parameter 'weight', which this trace does not hold; record the"):
        bare.pixel(0, 0, 0)
    x = source(3)
    with pytest.raises(NoArithmetic, match=r"'y' \(mul\): its two operands were not recorded"):
        Step("y", "mul", x.value * 2, (x,)).at((0,))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("conv2d", {}),
        ("conv2d", WINDOW | {"kernel": [3]}),
        ("conv2d", WINDOW | {"groups": 0}),
        ("conv2d", WINDOW | {"stride": "no"}),
        ("permute", {"axes": [0, 1]}),
        ("slice", {"index": [[0, 1, 0], 0, 0]}),
        ("softmax", {"axis": None}),
        ("cat", {"axis": 0, "operands": [{"input": 7}]}),
        ("leaky_relu", {}),
    ],
)
def test_settings_that_do_not_fit_become_one_sentence(kind, settings):
    x = source(1, 3, 3)
    step = Step("odd", kind, np.zeros((1, 3, 3), np.float32), (x,), settings, {"weight": KERNEL})
    with pytest.raises(NoArithmetic, match=r"^no arithmetic for step 'odd' \(.*\): its settings, inputs and param"):
        step.pixel(0, 1, 1)


def test_parameters_changed_after_the_trace_are_noticed():
    step = conv(KERNEL, source(1, 3, 3))
    weight = step.params["weight"].copy()
    weight[0, 0, 0, 0] += 0.01
    changed = Step("conv_1", "conv2d", step.value, step.inputs, step.settings, {**step.params, "weight": weight})
    with pytest.raises(
        StaleParametersError,
        match=r"^the parameters of step 'conv_1' no longer give its recorded value \(1.5 at .*, they give 1.53\)",
    ):
        changed.pixel(0, 1, 0)
    assert changed.pixel(0, 0, 0).holds, "that weight is multiplied by 0 here"


def test_a_sum_that_does_not_hold_without_parameters_is_shown_as_such():
    x = source(3)
    step = Step("drop", "dropout", x.value * 2, (x,), {"p": 0.5})
    pixel = step.at((2,))
    assert not pixel.holds
    assert (pixel.result, pixel.value) == (2.0, 4.0)
    assert str(pixel).endswith("photo[2] = 2\nrecorded 4, which these terms do not give")


@pytest.mark.parametrize(
    ("values", "recorded", "holds"),
    [
        ([np.inf, 1.0], np.inf, True),
        ([np.inf, -np.inf], np.nan, True),
        ([np.nan, 1.0], np.nan, True),
        ([3e38, 3e38], np.inf, True),
        ([3e38, 1.0], np.inf, False),
        ([1.0, 2.0], np.nan, False),
        ([np.inf, 1.0], 7.0, False),
    ],
)
def test_numbers_that_are_not_finite(values, recorded, holds):
    x = Step("x", "input", np.array(values, np.float32))
    pixel = Step("y", "sum", np.array(recorded, np.float32), (x,), {"axes": [0], "keepdim": False}).at(())
    assert pixel.holds is holds
    if not math.isfinite(recorded):
        assert str(pixel).endswith("which is no finite number")


def test_half_precision_overflows_earlier():
    x = Step("x", "input", np.array([6e4, 6e4], np.float32))
    told = {"axes": [0], "keepdim": False}
    assert Step("y", "sum", np.array(np.inf, np.float32), (x,), told, dtype="float16").at(()).holds
    assert not Step("y", "sum", np.array(np.inf, np.float32), (x,), told).at(()).holds


def test_the_tolerance_is_rounding_not_more():
    rng = np.random.default_rng(1)
    x = Step("x", "input", rng.normal(size=(512, 7, 7)).astype(np.float32))
    weight = rng.normal(size=(1, 512, 3, 3)).astype(np.float32)
    exact = float((x.value[:, 2:5, 2:5].astype(np.float64) * weight[0]).sum())
    value = np.full((1, 5, 5), exact, np.float32)
    step = Step("c", "conv2d", value, (x,), WINDOW | {"kernel": [3, 3]}, {"weight": weight})
    pixel = step.pixel(0, 2, 2)
    assert 0 < pixel.tolerance < 5e-5 * np.abs(pixel.terms).sum()
    assert abs(pixel.result - pixel.value) < pixel.tolerance / 100


def test_the_package_needs_numpy_only():
    code = "import sys, convscope.arithmetic, convscope.structure; print({'torch', 'scipy', 'h5py'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
