"""Contributions of channels, against PyTorch's own gradients through the live network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import convscope
from convscope.arithmetic import KINDS
from convscope.contribution import contributions
from convscope.contribution.replay import OPERATIONS, replay
from convscope.errors import CallError, NoArithmetic
from convscope.traces import Placement, Step, Trace
from zoo import ZOO, make

FOLLOWED = ["resnet", "inception", "mobilenet", "fashion cnn"]


def photo(name: str) -> torch.Tensor:
    return torch.randn(1, *ZOO[name].input, generator=torch.Generator().manual_seed(1))


def before_probabilities(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What the last dense layer gave, or the network where it has none."""
    caught = []
    dense = [module for module in model.modules() if isinstance(module, nn.Linear)]
    for module in dense[-1:]:
        module.register_forward_hook(lambda _module, _inputs, output: caught.append(output))
    return (*caught, model(x), *caught)[-1].reshape(-1)


@pytest.mark.parametrize("name", FOLLOWED)
def test_the_input_gets_the_gradient_of_the_live_network(name: str) -> None:
    model, x = make(name), photo(name)
    trace = convscope.trace(model, x)
    found = contributions(trace, 1)
    assert found.stopped == ()
    live = x.clone().requires_grad_()
    scores = before_probabilities(model, live)
    (gradient,) = torch.autograd.grad(scores[1], live)
    product = (gradient * live).detach()[0]
    expected = product.sum((1, 2)).numpy()
    scale = float(product.abs().sum())
    np.testing.assert_allclose(found.channels["input"], expected, atol=1e-5 * scale)
    assert set(found.channels) >= {step.name for step in trace if step.kind == "conv2d"}


def test_every_step_in_the_middle_gets_its_gradient() -> None:
    model, x = make("resnet"), photo("resnet")
    caught: dict[str, torch.Tensor] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _m, _i, out, name=name: caught.update({name: out}) or out.retain_grad())
    trace = convscope.trace(make("resnet"), x)
    found = contributions(trace, 3)
    model(x.requires_grad_()).reshape(-1)[3].backward()
    assert len(caught) == 9
    for name, value in caught.items():
        expected = (value.detach() * value.grad)[0].sum((1, 2)).numpy()
        np.testing.assert_allclose(found.channels[name], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_what_follows_is_linear_so_the_contributions_add_up_to_the_score() -> None:
    trace = convscope.trace("conv(6, 3) | relu | gap | dense(4)", "chelsea", size=24)
    found = contributions(trace, 2)
    bias = float(trace["dense_1"].params["bias"][2])
    assert found.channels["relu_1"].sum() + bias == pytest.approx(float(trace["dense_1"].value[2]), rel=1e-5)


@pytest.mark.parametrize("ending", ["softmax", "sigmoid"])
def test_scores_are_taken_before_they_become_probabilities(ending: str) -> None:
    spec = "conv(4, 3) | relu | gap | dense(3)"
    plain = contributions(convscope.trace(spec, "chelsea", size=16), 1)
    ended = contributions(convscope.trace(f"{spec} | {ending}", "chelsea", size=16), 1)
    assert ended.score == "dense_1"
    np.testing.assert_array_equal(plain.channels["conv_1"], ended.channels["conv_1"])


def test_the_likeliest_class_is_asked_about_by_default() -> None:
    trace = convscope.trace("conv(4, 3) | gap | dense(3)", "chelsea", size=16)
    assert contributions(trace).target == trace.scores[0].index


def test_a_step_that_cannot_be_run_again_hides_what_lies_before_it() -> None:
    trace = convscope.trace(make("shared and in-place"), photo("shared and in-place"))
    found = contributions(trace, 0)
    assert found.stopped == ("overwritten", "overwritten:2")
    assert "input" not in found.channels
    assert "sum" in found.channels


def test_a_gradient_that_is_half_known_is_not_shown() -> None:
    """One branch can be followed and the other cannot: what lies before both has no number."""
    x = Step("input", "input", np.ones((2, 2, 2), np.float32))
    a = Step("a", "relu", x.value, (x,))
    b = Step("b", "fft", x.value, (x,))
    both = Step("sum", "add", x.value * 2, (a, b), {"operands": [{"input": 0}, {"input": 1}]})
    scores = Step("scores", "flatten", both.value.reshape(-1), (both,))
    trace = Trace(np.zeros((2, 2, 3), np.uint8), (x, a, b, both, scores), ("scores",), Placement(0, 0, 2, 2))
    found = contributions(trace, 0)
    assert set(found.channels) == {"scores", "sum", "a", "b"}
    assert found.stopped == ("b",)


def test_wrong_questions_get_one_sentence() -> None:
    trace = convscope.trace("conv(4, 3) | gap | dense(3)", "chelsea", size=16)
    with pytest.raises(CallError, match="class 3 does not exist; the network has 3, numbered from 0"):
        contributions(trace, 3)
    with pytest.raises(CallError, match="no list of scores"):
        contributions(convscope.trace("conv(4, 3)", "chelsea", size=16))


# --- running steps again -------------------------------------------------------------------------


class Calls(nn.Module):
    """One function, called on the input."""

    def __init__(self, run) -> None:
        super().__init__()
        self.run = run
        self.weight = nn.Parameter(torch.full((4,), 0.3))

    def forward(self, x):
        return self.run(x)


LAYERS = {
    "conv": nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), groups=2),
    "dilated": nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4, bias=False),
    "transposed": nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2),
    "max pool": nn.MaxPool2d(3, 2, 1, dilation=1, ceil_mode=True),
    "avg pool": nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
    "avg pool divisor": nn.AvgPool2d(2, divisor_override=3),
    "batch norm": nn.BatchNorm2d(4).eval(),
    "group norm": nn.GroupNorm(2, 4),
    "layer norm": nn.LayerNorm([6, 7]),
    "prelu": nn.PReLU(4),
    "response norm": nn.LocalResponseNorm(3, 0.1, 0.7, 2.0),
    "adaptive": nn.AdaptiveAvgPool2d((2, 3)),
    "adaptive max": nn.AdaptiveMaxPool2d((2, 3)),
    "linear": nn.Linear(7, 3),
    "leaky": nn.LeakyReLU(0.2),
    "elu": nn.ELU(0.7),
    "celu": nn.CELU(0.7),
    "gelu": nn.GELU("tanh"),
    "softplus": nn.Softplus(2, 5),
    "hardtanh": nn.Hardtanh(-0.4, 0.6),
    "softmax": nn.Softmax(1),
    "log softmax": nn.LogSoftmax(1),
    "upsample": nn.Upsample(scale_factor=1.7, mode="bilinear"),
    "nearest": nn.Upsample(scale_factor=2),
    "corners": nn.Upsample(size=(9, 5), mode="bilinear", align_corners=True),
    "shuffle": nn.PixelShuffle(2),
    "channels": nn.ChannelShuffle(2),
    "reflect": nn.ReflectionPad2d((1, 2, 0, 1)),
    "constant": nn.ConstantPad2d((1, -1, 2, 0), 0.5),
    "dropout": nn.Dropout().eval(),
    "log sigmoid": nn.LogSigmoid(),
    "identity": nn.Sequential(nn.ReLU(), nn.Identity()),
}

FUNCTIONS = {
    **{
        name: getattr(torch, name)
        for name in ("relu", "sigmoid", "tanh", "exp", "abs", "neg", "square", "sin", "cos", "reciprocal")
    },
    **{name: getattr(F, name) for name in ("relu6", "selu", "silu", "mish", "hardsigmoid", "hardswish", "softsign")},
    "log": lambda x: torch.log(x.abs() + 0.1),
    "sqrt": lambda x: torch.sqrt(x.abs() + 0.1),
    "rsqrt": lambda x: torch.rsqrt(x.abs() + 0.1),
    "clamp": lambda x: torch.clamp(x, min=-0.3),
    "pow": lambda x: x**3,
    "add": lambda x: torch.add(x, x * 2, alpha=0.5),
    "sub": lambda x: 1 - x,
    "mul": lambda x: x * torch.sigmoid(x),
    "div": lambda x: x / (x.abs() + 1),
    "maximum": lambda x: torch.maximum(x, x * 0.5),
    "minimum": lambda x: torch.minimum(x, x * 0.5),
    "cat": lambda x: torch.cat([x, x * 2], 1),
    "stack": lambda x: torch.stack([x, x * 2], 1),
    "flatten": lambda x: torch.flatten(x, 1),
    "reshape": lambda x: x.reshape(1, 2, 2, 42),
    "unsqueeze": lambda x: x.unsqueeze(2),
    "squeeze": lambda x: x.unsqueeze(2).squeeze(2),
    "permute": lambda x: x.permute(0, 2, 3, 1),
    "slice": lambda x: x[:, 1:3, ::2, 4],
    "mean": lambda x: x.mean((2, 3)),
    "sum": lambda x: x.sum(1, keepdim=True),
    "amax": lambda x: x.amax((2, 3), keepdim=True),
}

RUN_AGAIN = {**LAYERS, **{name: Calls(run) for name, run in FUNCTIONS.items()}}


@pytest.mark.parametrize("name", RUN_AGAIN)
def test_a_step_run_again_gives_its_recorded_value(name: str) -> None:
    x = torch.randn(1, 4, 6, 7, generator=torch.Generator().manual_seed(2))
    trace = convscope.trace(RUN_AGAIN[name], x)
    assert len(trace) > 1
    for step in trace.steps[1:]:
        value = replay(step, [torch.from_numpy(source.value.copy()) for source in step.inputs])
        np.testing.assert_allclose(value.detach().numpy(), step.value, rtol=1e-6, atol=1e-7, err_msg=step.name)


def test_every_kind_with_arithmetic_can_be_run_again() -> None:
    assert set(OPERATIONS) == set(KINDS)
    x = torch.randn(1, 4, 6, 7)
    tried = {step.kind for model in RUN_AGAIN.values() for step in convscope.trace(model, x).steps[1:]}
    assert set(OPERATIONS) - tried == {"identity"}  # PyTorch leaves no step for it


def test_what_cannot_be_run_again_says_so() -> None:
    x = Step("x", "input", np.ones((1, 2, 2), np.float32))
    with pytest.raises(NoArithmetic, match=r"step 'y' \(fft\) cannot be run again from its numbers"):
        replay(Step("y", "fft", x.value, (x,)), [torch.ones(1, 2, 2)])
    told = {"kernel": [1, 1], "stride": [1, 1], "padding": [0] * 4, "dilation": [1, 1], "groups": 1}
    with pytest.raises(NoArithmetic, match="the trace does not hold its 'weight'"):
        replay(Step("y", "conv2d", x.value, (x,), told), [torch.ones(1, 2, 2)])
