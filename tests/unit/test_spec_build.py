"""Built models, first values, variations and the exported PyTorch script."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy import signal, stats

from convscope.errors import SpecError
from convscope.spec import build, load, parse, pytorch_code, vary
from convscope.spec.initial import fans, initial
from convscope.spec.kernels import kernel, kernel_names


@pytest.mark.parametrize("padding", ["valid", "same", "2x1"])
@pytest.mark.parametrize(("stride", "dilation"), [((2, 3), (2, 2)), ((3, 2), (1, 3)), ((1, 1), (1, 1))])
def test_convolution_with_stride_and_dilation_is_scipy(padding: str, stride: tuple, dilation: tuple) -> None:
    """Keras refuses these combinations, so the oracle is a plain correlation of the padded input."""
    moves = f"stride={stride[0]}x{stride[1]}, dilation={dilation[0]}x{dilation[1]}, padding={padding}"
    text = f"conv(2, 3x2, {moves}, bias_init=normal)"
    model = build(parse(text), (3, 13, 10))
    x = np.random.default_rng(1).normal(size=(3, 13, 10)).astype(np.float32)
    weight, bias = model.conv_1.weight.detach().numpy(), model.conv_1.bias.detach().numpy()
    spread = np.zeros((2, 3, 2 * dilation[0] + 1, dilation[1] + 1))
    spread[:, :, :: dilation[0], :: dilation[1]] = weight
    sides = [(0, 0), (2, 2) if padding == "2x1" else (0, 0), (1, 1) if padding == "2x1" else (0, 0)]
    if padding == "same":
        for axis in (1, 2):
            steps = math.ceil(x.shape[axis] / stride[axis - 1])
            total = max((steps - 1) * stride[axis - 1] + spread.shape[axis + 1] - x.shape[axis], 0)
            sides[axis] = (total // 2, total - total // 2)
    padded = np.pad(x, sides)
    full = [sum(signal.correlate2d(padded[i], kernels[i], "valid") for i in range(3)) for kernels in spread]
    expected = np.stack(full)[:, :: stride[0], :: stride[1]] + bias[:, None, None]
    with torch.no_grad():
        ours = model(torch.from_numpy(x)[None])[0].numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


def test_numeric_padding_of_transposed_convolution_is_pytorch() -> None:
    model = build(parse("conv_transpose(2, 4x3, stride=3x2, padding=1x0)"), (3, 5, 6))
    plain = torch.nn.ConvTranspose2d(3, 2, (4, 3), stride=(3, 2), padding=(1, 0))
    plain.load_state_dict(model.conv_transpose_1.state_dict())
    x = torch.rand(1, 3, 5, 6)
    assert torch.equal(model(x), plain(x))


def test_average_pooling_never_counts_numeric_padding() -> None:
    model = build(parse("avgpool(3, stride=2, padding=1)"), (1, 4, 4))
    assert torch.equal(model(torch.ones(1, 1, 4, 4)), torch.ones(1, 1, 2, 2))


def test_models_are_standard_in_eval_mode_and_leave_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    model = build(parse("conv(3, 3) | batch_norm | dropout(0.5) | gap | dense(2)"), (1, 8, 8), seed=3)
    assert torch.equal(before, torch.get_rng_state())
    assert type(model) is torch.nn.Sequential
    assert not any(module.training for module in model.modules())
    assert {type(module).__module__.split(".")[:2] == ["torch", "nn"] for module in model} == {True}
    assert model.bn_1.eps == 0.001
    assert model.bn_1.momentum == pytest.approx(0.01)
    assert all(parameter.requires_grad and not parameter.is_meta for parameter in model.parameters())
    names = ["conv_1", "bn_1", "dropout_1", "gap_1", "gap_1_flatten", "dense_1"]
    assert [name for name, _ in model.named_children()] == names


def test_weights_belong_to_names_so_a_growing_network_keeps_them() -> None:
    small = build(parse("a: conv(3, 3) | relu"), (3, 12, 12), seed=5)
    grown = build(parse("new: conv(3, 1) | a: conv(5, 3) | b: conv(2, 3)"), (3, 12, 12), seed=5)
    scale = math.sqrt((27 + 45) / (27 + 27))  # Glorot's range shrinks with more filters
    torch.testing.assert_close(small.a.weight, grown.a.weight[:3] * scale)
    again = build(parse("a: conv(3, 3) | tanh"), (3, 12, 12), seed=5)
    assert torch.equal(small.a.weight, again.a.weight)
    assert not torch.equal(small.a.weight, build(parse("a: conv(3, 3)"), (3, 12, 12), seed=6).a.weight)
    twins = build(parse("a: conv(3, 3) | b: conv(3, 3)"), (3, 12, 12), seed=5)
    assert not torch.equal(twins.a.weight, twins.b.weight)


def test_first_values_are_pinned() -> None:
    """The same on every platform and with every NumPy: a file of weights can be told by its seed."""
    np.random.seed(0)  # noqa: NPY002 - must not matter
    values = initial(0, "conv_1", "weight", (1, 1, 1, 4), "glorot_uniform")
    assert values.tolist() == PINNED_UNIFORM
    assert initial(0, "conv_1", "weight", (4,), "normal(1)").tolist() == pytest.approx(PINNED_NORMAL, rel=1e-6)


PINNED_UNIFORM = [[[[-0.41598647832870483, -0.07551974803209305, 0.5087535381317139, 0.2857833504676819]]]]
PINNED_NORMAL = [-0.746798038482666, -0.9045085310935974, 1.6167664527893066, 0.28412431478500366]


@pytest.mark.parametrize(
    ("init", "spread"),
    [
        ("glorot_uniform", math.sqrt(2 / (36 + 576))), ("glorot_normal", math.sqrt(2 / (36 + 576))),
        ("he_uniform", math.sqrt(2 / 36)), ("he_normal", math.sqrt(2 / 36)),
        ("lecun_uniform", math.sqrt(1 / 36)), ("lecun_normal", math.sqrt(1 / 36)),
        ("normal(0.2)", 0.2), ("uniform(-0.3, 0.3)", 0.6 / math.sqrt(12)),
    ],
)  # fmt: skip
def test_distributions(init: str, spread: float) -> None:
    values = initial(1, "layer", "weight", (64, 4, 3, 3), init).astype(np.float64).ravel()
    assert values.std() == pytest.approx(spread, rel=0.05)
    if "uniform" in init:
        expected = stats.uniform(-spread * math.sqrt(3), 2 * spread * math.sqrt(3))
    elif init == "normal(0.2)":
        expected = stats.norm(0, 0.2)
    else:  # Keras cuts at two deviations of the wider normal that has this deviation after the cut
        expected = stats.truncnorm(-2, 2, scale=spread / stats.truncnorm(-2, 2).std())
        assert np.abs(values).max() <= 2 * spread / stats.truncnorm(-2, 2).std() + 1e-6
    assert stats.kstest(values, expected.cdf).pvalue > 0.01
    assert fans((64, 4, 3, 3)) == (36, 576)


def test_constants_and_literal_kernels() -> None:
    model = build(parse("conv(2, 3, init=constant(0.12), bias_init=ones) | conv(1, init=[[0, 1], [2, 3]])"), (2, 9, 9))
    assert model.conv_1.weight.unique().tolist() == [pytest.approx(0.12)]
    assert model.conv_1.bias.tolist() == [1, 1]
    assert model.conv_2.weight[0].tolist() == [[[0, 0.5], [1, 1.5]]] * 2  # the mean over two channels


def test_a_kernel_gives_one_result_a_colour_or_the_mean_of_the_colours() -> None:
    x = np.random.default_rng(2).random((3, 9, 8)).astype(np.float32)
    each = [signal.correlate2d(plane, kernel("sobel_x"), "valid") for plane in x]
    with torch.no_grad():
        colours = build(parse("conv(3, 3, init=sobel_x)"), (3, 9, 8))(torch.from_numpy(x)[None])[0].numpy()
        mean = build(parse("conv(1, 3, init=sobel_x)"), (3, 9, 8))(torch.from_numpy(x)[None])[0, 0].numpy()
        back = build(parse("conv_transpose(1, 3, init=blur)"), (3, 9, 8))(torch.from_numpy(x)[None])[0, 0].numpy()
    np.testing.assert_allclose(colours, each, atol=1e-5)
    np.testing.assert_allclose(mean, np.mean(each, 0), atol=1e-5)
    np.testing.assert_allclose(back, signal.convolve2d(x.mean(0), kernel("blur")), atol=1e-5)


def test_the_shelf_of_kernels() -> None:
    assert {"blur", "gaussian", "sharpen", "laplacian", "sobel_x", "emboss", "identity", "diagonal"} <= set(
        kernel_names()
    )
    sums = {name: float(kernel(name).sum()) for name in kernel_names()}
    assert {name for name, total in sums.items() if total == pytest.approx(1)} == {
        "blur", "gaussian", "identity", "sharpen", "emboss",
    }  # fmt: skip
    assert {name for name, total in sums.items() if total == 0} == set(sums) - {
        "blur", "gaussian", "identity", "sharpen", "emboss", "diagonal", "antidiagonal",
    }  # fmt: skip
    ramp = np.tile(np.arange(5.0), (5, 1))
    assert signal.correlate2d(ramp, kernel("sobel_x"), "valid").min() > 0  # brighter to the right
    np.testing.assert_allclose(kernel("gaussian", (3, 3)), np.outer([1, 2, 1], [1, 2, 1]) / 16)
    with pytest.raises(SpecError, match=r"kernel identity has a middle; got 2x2, use odd sizes"):
        kernel("identity", (2, 2))
    with pytest.raises(SpecError, match=r"no kernel called 'sobel'; did you mean 'sobel_"):
        kernel("sobel")


TAIL = "flatten | dense(1) | sigmoid"


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("conv_1.kernel", "12", "conv(3, 12) | relu | maxpool(2) | r: relu | flatten | dense(1) | sigmoid"),
        ("conv_1.filters", "1", "conv(1, 3) | relu | maxpool(2) | r: relu | flatten | dense(1) | sigmoid"),
        ("pool_1.size", "4", "conv(3, 3) | relu | maxpool(4) | r: relu | flatten | dense(1) | sigmoid"),
        ("activation", "tanh", "conv(3, 3) | tanh | maxpool(2) | r: tanh | flatten | dense(1) | sigmoid"),
        ("activation", "none", "conv(3, 3) | maxpool(2) | flatten | dense(1) | sigmoid"),
        ("activation", "elu(0.5)", f"conv(3, 3) | elu(0.5) | maxpool(2) | r: elu(0.5) | {TAIL}"),
        ("conv.init", "sobel_x", f"conv(3, 3, init=sobel_x) | relu | maxpool(2) | r: relu | {TAIL}"),
        ("conv_1.init", "[[1, 2]]", f"conv(3, 1x2, init=[[1, 2]]) | relu | maxpool(2) | r: relu | {TAIL}"),
        ("MaxPooling2D.strides", "1", f"conv(3, 3) | relu | maxpool(2, stride=1) | r: relu | {TAIL}"),
    ],
)  # fmt: skip
def test_vary(setting: str, value: str, expected: str) -> None:
    spec = parse("input(9x9x3) | conv(3, 3) | relu | maxpool(2) | r: relu | flatten | dense(1) | sigmoid")
    varied = vary(spec, setting, value)
    assert str(varied) == f"input(9x9x3) | {expected}"
    assert varied == parse(varied.text())


def test_vary_renames_automatic_names_and_keeps_answers() -> None:
    varied = vary(parse("conv(3, 3) | relu | a: tanh | gap | dense(2) | softmax"), "activation", "sigmoid")
    assert [layer.name for layer in varied.layers] == ["conv_1", "sigmoid_1", "a", "gap_1", "dense_1", "softmax_1"]
    assert str(vary(parse("conv(3, 3) | sigmoid"), "activation", "relu")) == "conv(3, 3) | relu"
    assert str(vary(load("tutorial-1"), "activation", "tanh")).endswith("dens_1: dense(8) | tanh")


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("conv_9.kernel", "3", r"the network has no layer 'conv_9'; it has conv_1, relu_1$"),
        ("conv_1.kernl", "3", r"conv has no setting 'kernl'; did you mean 'kernel'\? \(layer 'conv_1'\)"),
        ("kernel", "3", r"layer.setting, such as conv_1.kernel, or activation; got 'kernel'"),
        ("activation", "softmax", r"an activation is relu, leaky_relu, elu, sigmoid or tanh, or none; got softmax"),
        ("conv_1.kernel", "big", r"^conv_1.kernel=big does not work: conv's kernel must be a whole number or HxW"),
        ("conv_1.kernel", "3)(", r"expected nothing more, but found '\)'"),
    ],
)
def test_vary_says_what_there_is(setting: str, value: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        vary(parse("conv(3, 3) | relu"), setting, value)
    with pytest.raises(SpecError, match="the network has no activation to vary; it has conv_1, softmax_1"):
        vary(parse("conv(3, 3) | softmax"), "activation", "relu")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("float: relu", r"the name 'float' means something to PyTorch; give the layer another name"),
        ("conv_1_pad: relu | conv(3, 2, padding=same)", r"the name 'conv_1_pad' stands for the padding of another"),
        (
            "flatten | dense(1000000)",
            r"has 12,001,000,000 parameters, most of them in 'dense_1' .* at most 536,870,912",
        ),
    ],
)
def test_models_that_cannot_be_built(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build(parse(text), (3, 50, 80))


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (load("fashion-cnn").text(), (1, 28, 28)),
        (
            (
                "conv(6, 4x3, stride=2, padding=same, bias=no) | batch_norm(0.01, momentum=0.9) | leaky_relu | "
                "maxpool(2, stride=1, padding=same) | avgpool(2x3, stride=1x2, "
                "padding=same) | upsample(2x1, bilinear) | "
                "conv_transpose(4, 3, stride=2, padding=same) | elu | dropout(0.5) | gap | dense(3) | softmax"
            ),
            (3, 21, 18),
        ),
    ],
)
def test_exported_script_is_the_same_network(text: str, shape: tuple, tmp_path: Path, monkeypatch, capsys) -> None:
    model = build(parse(text), shape, seed=4)
    if hasattr(model, "bn_1"):
        with torch.no_grad():
            model.bn_1.running_mean.uniform_(-1, 1)
            model.bn_1.running_var.uniform_(0.5, 2)
    state = {key: value for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    code = compile(pytorch_code(parse(text), shape), "network.py", "exec")
    script: dict = {"__name__": "network"}
    exec(code, script)
    exported = script["build_model"]().eval()
    script["load_weights"](exported, str(path))
    x = torch.rand(2, *shape)
    assert torch.equal(exported(x), model(x))
    monkeypatch.setattr(sys, "argv", ["network.py", str(path)])
    exec(code, {"__name__": "__main__"})
    assert f"output: {tuple(model(x[:1]).shape)}" in capsys.readouterr().out
