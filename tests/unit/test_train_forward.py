"""The fast forward pass: the same function and the same gradients as the model itself."""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convscope.errors import CallError, SpecError
from convscope.spec import build, load, parse, plan
from convscope.train import fusing
from convscope.train.forward import Forward, prepare

ACTIVATIONS = ["relu", "leaky_relu(0.2)", "elu", "sigmoid", "tanh"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads only wait for each other at these sizes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def random_chain(name: str, *, exact: bool, pooled: tuple[str, ...] = ("maxpool", "avgpool")) -> str:
    """A network for a picture, made from a name; again and again until it is possible."""
    draw = random.Random(name)
    while True:
        text = impossible_or_not(draw, exact=exact, pooled=pooled)
        with contextlib.suppress(SpecError):
            plan(parse(text))
            return text


def impossible_or_not(draw: random.Random, *, exact: bool, pooled: tuple[str, ...]) -> str:
    """Layers for a picture of about 20 pixels a side; ``exact`` ones map whole numbers to whole numbers."""
    lines, channels = [f"input({draw.randint(17, 24)}x{draw.randint(17, 24)}x{draw.choice([1, 2, 3])})"], 0
    for _ in range(draw.randint(1, 3)):
        channels = draw.choice([2, 4, 6])
        same = draw.choice(["same", "valid"])
        stride, dilation = draw.choice([(1, 1), (1, 1), (2, 1), (1, 2)])
        bias = draw.choice(["yes", "no"])
        lines.append(
            f"conv({channels}, {draw.choice([1, 2, 3])}x{draw.choice([1, 2, 3])}, stride={stride}, padding={same}, "
            f"dilation={dilation}, bias={bias})"
        )
        behind = [draw.choice(["relu", "leaky_relu(0.5)"] if exact else ACTIVATIONS)]
        if draw.random() < 0.8:
            pool = "maxpool" if exact else draw.choice(pooled)
            size = draw.choice([2, 2, 3])
            stride = draw.choice([size, size, 1])
            behind.append(f"{pool}({size}, stride={stride}, padding={draw.choice(['valid', 'valid', 'same'])})")
        if not exact and draw.random() < 0.4:
            behind.append("batch_norm")
        draw.shuffle(behind)
        lines += behind
    lines.append("flatten" if exact else draw.choice(["flatten", "gap"]))
    if draw.random() < 0.5:
        lines += ["dense(7)", "relu"]
    head = draw.choice([["dense(3)", "softmax"], ["dense(1)", "sigmoid"], ["dense(3)"]])
    return "\n".join(lines + head)


def batch_for(model: nn.Sequential, text: str, count: int = 16) -> torch.Tensor:
    rows, columns, channels = parse(text).input
    return torch.randn(count, channels, rows, columns)


def logits_of(model: nn.Sequential) -> nn.Sequential:
    """The model up to its logits, by hand."""
    return model[:-1] if isinstance(model[-1], nn.Softmax | nn.Sigmoid) else model


def gradients(model: nn.Module, logits: torch.Tensor) -> dict[str, torch.Tensor]:
    weights = (torch.arange(logits.numel()) * 7 % 5 - 2).reshape(logits.shape)
    model.zero_grad()
    (logits * weights.to(logits.dtype)).sum().backward()
    return {name: value.grad.clone() for name, value in model.named_parameters()}


def both(model: nn.Sequential, images: torch.Tensor, precision: str = "float32") -> list[tuple]:
    """(logits, gradients, buffers) of the plain model in float64 and of the fast pass; each from a fresh copy."""
    found = []
    for fast in (False, True):
        copied = copy.deepcopy(model) if fast else copy.deepcopy(model).double()
        logits = prepare(copied, precision=precision)(images) if fast else logits_of(copied)(images.double())
        found.append((logits.detach(), gradients(copied, logits), dict(copied.named_buffers())))
    return found


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("seed", range(40))
def test_logits_and_gradients_are_the_models_own(seed: int, training: bool) -> None:
    text = random_chain(f"near {seed}", exact=False)
    torch.manual_seed(seed)
    model = build(parse(text), seed=seed).train(training)
    for layer in model:
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
            nn.init.normal_(layer.weight), nn.init.normal_(layer.bias), nn.init.normal_(layer.running_mean)
    images = batch_for(model, text)
    (logits, grads, buffers), fast = both(model, images)
    same = copy.deepcopy(model)
    own = logits_of(same)(images)
    own_grads = gradients(same, own)
    near(fast[0], logits, own.detach(), largest=float(logits.norm()), what=f"logits of\n{text}")
    largest = max(float(value.norm()) for value in grads.values())
    for name, value in grads.items():
        near(fast[1][name], value, own_grads[name], largest=largest, what=f"{name} of\n{text}")
    for name, value in buffers.items():
        torch.testing.assert_close(fast[2][name].double(), value.double(), rtol=1e-5, atol=1e-5)


def near(fast: torch.Tensor, exact: torch.Tensor, own: torch.Tensor, *, largest: float, what: str) -> None:
    """As near to float64 as the model itself in float32, or within 1e-5."""
    error, inherent = float((fast.double() - exact).norm()), float((own.double() - exact).norm())
    # Statistics of a batch are sums in another order with the channels last, and some gradients cancel to nothing.
    relative = 1e-4 if "batch_norm" in what else 1e-5
    assert error <= relative * largest + 2 * inherent, what


@pytest.mark.parametrize("seed", range(30))
def test_ties_and_all(seed: int) -> None:
    """On small whole numbers every sum is exact and windows are full of ties: equal to the last bit."""
    text = random_chain(f"exact {seed}", exact=True)
    torch.manual_seed(seed)
    model = build(parse(text), seed=seed).train()
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(torch.randint(-1, 2, value.shape))
    images = batch_for(model, text).round().clamp(-1, 1)
    (logits, grads, _), (fast_logits, fast_grads, _) = both(model, images)
    assert torch.equal(logits, fast_logits.double())
    for name, value in grads.items():
        assert torch.equal(fast_grads[name].double(), value), name


@pytest.mark.parametrize("seed", range(40))
def test_what_is_left_out_is_what_nobody_reads(seed: int) -> None:
    text = random_chain(f"extent {seed}", exact=False, pooled=("avgpool",))
    layers = [layer for layer in build(parse(text), seed=seed) if not isinstance(layer, nn.BatchNorm2d)]
    layers = [nn.Identity() if type(layer) in fusing.MONOTONE else layer for layer in layers]
    model = nn.Sequential(*layers)
    with torch.no_grad():
        for value in model.parameters():
            value.fill_(1.0)
    images = batch_for(model, text, 1).requires_grad_()
    logits_of(model)(images).sum().backward()
    read = images.grad.abs().sum((0, 1))
    rows, columns = fusing.extents(layers, tuple(images.shape[2:]))[0]
    assert read[rows or len(read) :].sum() == 0
    assert read[:, columns or read.shape[1] :].sum() == 0
    if all(_tight(layer) for layer in layers):  # then nothing more than necessary is computed, either
        assert int(read.sum(1).nonzero().max()) == rows - 1
        assert int(read.sum(0).nonzero().max()) == columns - 1


def _tight(layer: nn.Module) -> bool:
    """Whether the last row that a layer is given is one that it reads: padding may lie in between."""
    if isinstance(layer, nn.ZeroPad2d | nn.ConstantPad2d) or getattr(layer, "ceil_mode", False):
        return False
    return not isinstance(layer, nn.Conv2d | nn.AvgPool2d) or layer.padding in {0, (0, 0)}


def test_the_tutorials_network_computes_24_rows_of_26() -> None:
    model = build(load("fashion-cnn"))
    needs = fusing.extents(prepare(model).layers, (28, 28))
    assert [rows for rows, _ in needs[:6]] == [26, 24, 12, 12, 10, 5]
    assert [type(layer).__name__ for layer in prepare(model).layers[:3]] == ["Conv2d", "MaxPool2d", "ReLU"]


@pytest.mark.parametrize("layer", [nn.LeakyReLU(-0.5), nn.ELU(-1.0), nn.GELU(), nn.ConstantPad2d(1, 0.0)])
def test_what_can_fall_stays_in_front_of_the_pooling(layer: nn.Module) -> None:
    layers = [nn.ReLU(), layer, nn.MaxPool2d(2)]
    assert fusing.pool_first(layers) == layers


def test_statistics_of_a_batch_need_all_rows() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.MaxPool2d(2))
    assert fusing.extents(list(model.train()), (9, 9))[:2] == [(9, 9), (7, 7)]
    assert fusing.extents(list(model.eval()), (9, 9))[:2] == [(8, 8), (6, 6)]
    unsteady = nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), nn.MaxPool2d(2)).eval()
    assert fusing.extents(list(unsteady), (9, 9))[0] == (9, 9)


@pytest.mark.parametrize("name", ["fashion-cnn", "fashion-dense", "lenet-5", "fashion-vgg"])
def test_bfloat16_is_near(name: str) -> None:
    torch.manual_seed(1)
    model = build(load(name), seed=2).train()
    images = torch.rand(16, 1, 28, 28)
    plain, fast = both(model, images, "bfloat16")
    assert fast[0].dtype is torch.float32
    assert float((fast[0] - plain[0]).norm() / plain[0].norm()) < 0.03
    for param, value in plain[1].items():
        assert fast[1][param].dtype is torch.float32
        assert float(F.cosine_similarity(fast[1][param].double().flatten(), value.flatten(), 0)) > 0.8, param


@pytest.mark.parametrize(
    "text",
    [
        "input(9x9x2)\nconv_transpose(3, 3, stride=2)\nrelu\ngap\ndense(2)",
        "input(8x8x1)\nupsample(2, bilinear)\nconv(2, 3)\nelu\navgpool(2)\nflatten\ndense(4)\nbatch_norm\ndense(2)",
        "input(8x8x3)\nsoftmax\ntanh\nmaxpool(2)\nflatten\ndense(3)",
    ],
)
def test_every_layer_of_the_language_runs_in_bfloat16(text: str) -> None:
    torch.manual_seed(3)
    model = build(parse(text), seed=4).train()
    plain, fast = both(model, batch_for(model, text, 8), "bfloat16")
    assert float((fast[0] - plain[0]).norm() / plain[0].norm()) < 0.05


def test_one_channel_lies_last_too() -> None:
    """PyTorch calls one channel last wherever it lies, and then computes channels-first, several times slower."""
    kept: list[torch.Tensor] = []
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU()]
    forward = prepare(nn.Sequential(*layers), precision="bfloat16")
    layers[1].register_forward_hook(lambda *_: None)  # after preparing: seen by nobody
    out = forward(torch.zeros(2, 1, 8, 8))
    kept.append(out)
    assert kept[0].stride() == (6 * 6 * 4, 1, 6 * 4, 4)


def test_the_model_is_left_as_it_was() -> None:
    model = build(load("fashion-vgg"), seed=1).eval()
    values = {name: value.clone() for name, value in model.state_dict().items()}
    strides = {name: value.stride() for name, value in model.named_parameters()}
    objects = list(map(id, model.parameters()))
    names = [name for name, _ in model.named_modules()]
    forward = prepare(model, precision="bfloat16")
    images = torch.rand(4, 1, 28, 28)
    before = images.clone()
    with torch.no_grad():
        forward(images)
    assert torch.equal(images, before)
    assert all(torch.equal(value, values[name]) for name, value in model.state_dict().items())
    assert {name: value.stride() for name, value in model.named_parameters()} == strides
    assert list(map(id, model.parameters())) == objects
    assert [name for name, _ in model.named_modules()] == names
    assert all(value.grad is None for value in model.parameters())
    assert not any(module.training for module in model.modules())


def test_training_mode_is_read_at_every_call() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Dropout(0.5), nn.Flatten())
    forward, images = prepare(model), torch.ones(8, 1, 20, 20)
    dropped = forward(images)
    assert 0.4 < float((dropped == 0).float().mean()) < 0.6
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    model.eval()
    assert torch.equal(forward(images), images.flatten(1))


@pytest.mark.parametrize(
    ("last", "head"),
    [(nn.Softmax(dim=1), "softmax"), (nn.Softmax(dim=-1), "softmax"), (nn.Sigmoid(), "sigmoid"), (nn.ReLU(), "none")],
)
def test_the_head_is_taken_off(last: nn.Module, head: str) -> None:
    body = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    forward = prepare(nn.Sequential(*body, last))
    images = torch.randn(5, 1, 2, 2)
    assert forward.head == head
    expected = body(images) if head != "none" else last(body(images))
    torch.testing.assert_close(forward(images), expected)


def test_a_softmax_over_rows_stays() -> None:
    forward = prepare(nn.Sequential(nn.Conv2d(1, 2, 1), nn.Softmax(dim=2)))
    assert forward.head == "none"
    assert torch.allclose(forward(torch.randn(2, 1, 3, 3)).sum(2), torch.ones(()))


class Residual(nn.Module):
    """A model that is no chain."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.out = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return self.out((x + self.second(x).relu()).mean((2, 3)))


@pytest.mark.parametrize(("precision", "nearness"), [("float32", 1e-6), ("bfloat16", 0.03)])
def test_any_other_model_runs_as_it_is(precision: str, nearness: float) -> None:
    torch.manual_seed(5)
    model, images = Residual(), torch.randn(6, 3, 10, 10)
    forward = prepare(model, precision=precision)
    assert (forward.layers, forward.head) == (None, "none")
    logits, expected = forward(images), model(images)
    assert logits.dtype is torch.float32
    assert float((logits - expected).detach().norm() / expected.detach().norm()) < nearness
    own, plain = gradients(model, logits), gradients(model, expected)
    assert all(float((own[name] - plain[name]).norm() / plain[name].norm()) < 2 * nearness for name in plain)


def test_a_head_behind_another_model_is_taken_off() -> None:
    torch.manual_seed(6)
    model, images = nn.Sequential(Residual(), nn.Softmax(dim=1)), torch.randn(2, 3, 8, 8)
    forward = prepare(model)
    assert (forward.layers, forward.head) == (None, "softmax")
    torch.testing.assert_close(forward(images).softmax(1), model(images))


def test_whoever_hooked_a_layer_is_called() -> None:
    model, seen = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2)), []
    model[1].register_forward_hook(lambda _layer, _given, out: seen.append(tuple(out.shape)))
    prepare(model)(torch.zeros(1, 1, 8, 8))
    assert seen == [(1, 2, 6, 6)]


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 2, 3)),
        type("Own", (nn.ReLU,), {})(),
    ],
)
def test_a_layer_that_means_something_else_is_called(layer: nn.Module) -> None:
    torch.manual_seed(7)
    model, images = nn.Sequential(layer, nn.Flatten()), torch.randn(2, 1, 6, 6)
    forward = prepare(model)
    assert forward.layers is None
    torch.testing.assert_close(forward(images), model(images))


def test_frozen_layers_get_no_gradient() -> None:
    model = build(load("fashion-cnn")).train()
    next(iter(model)).requires_grad_(requires_grad=False)
    prepare(model, precision="bfloat16")(torch.rand(2, 1, 28, 28)).sum().backward()
    got = {name: value.grad is not None for name, value in model.named_parameters()}
    assert [name for name, given in got.items() if not given] == ["conv_1.weight", "conv_1.bias"]


def test_another_precision_is_refused() -> None:
    with pytest.raises(CallError, match=r"precision 'float16' is none of float32, bfloat16; pass one of them"):
        prepare(nn.Sequential(), precision="float16")


def test_no_layers_at_all() -> None:
    forward = prepare(nn.Sequential())
    assert isinstance(forward, Forward)
    assert tuple(forward(torch.zeros(2, 3)).shape) == (2, 3)
