"""A network as a function of a batch: it comes back as it was, and what it is cut into is what really ran."""

import gc

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import zoo
from convscope.errors import CallError, Cancelled, ForwardError, ModelError
from convscope.explaining.methods import METHODS
from convscope.explaining.opened import INPUT, Opened, answer_of
from convscope.explaining.targets import Target
from explaining import BatchNormThenInPlace, conv_head_network, fingerprint, gap_network, maps_of, opened, photos


def left(model):
    """Hash of a model that is in a mixed mode, has gradients, and hooks of its user's."""
    model.train()
    next(model.children()).eval()
    for place, parameter in enumerate(model.parameters()):
        parameter.grad = torch.full_like(parameter, 0.5) if place % 2 else None
        parameter.requires_grad_(place % 3 != 0)
    model.register_forward_hook(lambda *_: None)
    return fingerprint(model)


@pytest.mark.parametrize("make", [zoo.small_resnet, gap_network, conv_head_network, BatchNormThenInPlace])
def test_the_model_comes_back_as_it_was(make):
    torch.manual_seed(1)
    model, batch = make(), photos(2, (3, 16, 16))
    before = left(model)
    gradients = [name for name, method in METHODS.items() if method.family == "gradient"]
    asked = ",".join([*gradients, "gradcam", "layercam", "eigencam", "scorecam", "occlusion"])
    maps_of(model, batch, asked, steps=3)
    assert fingerprint(model) == before
    maps_of(model, batch, "gradcam", precision="auto")
    assert fingerprint(model) == before


def test_a_network_that_writes_to_itself_comes_back_too():
    torch.manual_seed(1)
    model, batch = zoo.Busy(), photos(2, (3, 16, 16))
    before = left(model)
    maps_of(model, batch, "occlusion, scorecam", 0)
    assert fingerprint(model) == before
    with pytest.raises(ForwardError, match=r"no gradient can be followed to .input.: .* use a method without"):
        maps_of(model, batch, "gradient", 0)
    assert fingerprint(model) == before


@pytest.mark.parametrize("method", ["gradcam", "guided", "occlusion", "integrated"])
def test_also_when_it_raises(method):
    class Moody(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn, self.fc, self.calls = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2), 0

        def forward(self, x):
            x = F.relu(self.bn(self.conv(x)), inplace=True)
            if fails:
                raise ValueError("not today")
            return self.fc(x.mean((2, 3)))

    fails, model, batch = False, Moody(), photos(2, (3, 8, 8))
    before, one = left(model), opened(model)
    one.graph(batch[0])
    fails = True
    from convscope.explaining.run import run_methods

    with pytest.raises(ForwardError, match=r"Moody stopped on an input of 3x8x8: ValueError: not today"):
        run_methods(one, batch, [Target("0", 0)] * 2, method)
    fails = False
    assert fingerprint(model) == before


def test_also_when_somebody_stops_it():
    model, batch = gap_network(), photos(1, (3, 16, 16))
    before, told = left(model), []

    def watch(done, _most, doing):
        told.append((done, doing))
        if len(told) == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        maps_of(model, batch, "occlusion", watch=watch)
    assert fingerprint(model) == before
    assert 0 < told[0][0] < told[1][0]


@pytest.mark.parametrize("name", ["resnet", "inception", "mobilenet", "fashion cnn"])
def test_cutting_changes_no_score_and_gives_the_gradient_of_the_live_network(name):
    """At every step that can be cut at, against ``torch.autograd`` on the path of the live network."""
    model, shape = zoo.make(name), zoo.ZOO[name].input
    batch = torch.from_numpy(photos(2, shape))
    one = opened(model)
    graph = one.graph(batch[0])
    scores = one.scores(batch)
    with torch.no_grad():
        own = model(batch)
    expected = {"softmax": lambda s: s.softmax(1)}.get(graph.ending, lambda s: s)(scores)
    expected = expected.log() if graph.by_name[graph.answer].kind == "log_softmax" else expected
    torch.testing.assert_close(expected, own.reshape(2, -1), rtol=1e-4, atol=1e-6)
    leaf = batch.clone().requires_grad_()
    whole = one.cut(batch, [INPUT])
    gradient = whole.gradients(whole.scores[:, 1])[INPUT]
    (live,) = torch.autograd.grad(model(leaf).reshape(2, -1)[:, 1].sum(), leaf)
    if graph.ending == "none":
        torch.testing.assert_close(gradient, live, rtol=1e-3, atol=1e-6)
    between = [step.name for step in graph.between(INPUT) if step.name != graph.score]
    for layer in between[:: max(1, len(between) // 12)]:
        cut = one.cut(batch, [layer])
        torch.testing.assert_close(cut.scores, scores, rtol=1e-4, atol=1e-5)
        assert cut.values[layer].is_leaf
        assert tuple(cut.values[layer].shape) == (2, *graph.by_name[layer].shape)
        cut.gradients(cut.scores[:, 1])


def test_several_layers_in_one_pass_have_the_gradients_of_one_by_one():
    model, batch = zoo.make("resnet"), torch.from_numpy(photos(2, (3, 32, 32)))
    one = opened(model)
    layers = ["conv1", "layer1.0.bn2", "layer2.0.relu:3"]
    together = one.cut(batch, layers)
    found = together.gradients(together.scores[:, 3])
    for layer in layers:
        alone = one.cut(batch, [layer])
        torch.testing.assert_close(found[layer], alone.gradients(alone.scores[:, 3])[layer], rtol=1e-4, atol=1e-7)


def test_a_value_that_is_overwritten_later_is_kept_and_followed():
    torch.manual_seed(2)
    model = BatchNormThenInPlace().eval()
    batch = torch.from_numpy(photos(2, (3, 9, 9)))
    one = opened(model)
    cut = one.cut(batch, ["bn"])
    with torch.no_grad():
        norm = model.bn(model.conv(batch))
    assert float(norm.min()) < 0
    torch.testing.assert_close(cut.values["bn"].detach(), norm)
    value = norm.clone().requires_grad_()
    x = value.relu()
    scores = model.head((x + model.second(x)).relu().mean((2, 3)))
    (expected,) = torch.autograd.grad(scores[:, 2].sum(), value)
    torch.testing.assert_close(cut.gradients(cut.scores[:, 2])["bn"], expected)
    # in place, and its result not used: whoever holds the tensor goes on with the cut value
    rectified = one.cut(batch, ["relu"])
    torch.testing.assert_close(rectified.values["relu"].detach(), norm.relu())
    value = norm.relu().requires_grad_()
    scores = model.head((value + model.second(value)).relu().mean((2, 3)))
    (expected,) = torch.autograd.grad(scores[:, 2].sum(), value)
    torch.testing.assert_close(rectified.gradients(rectified.scores[:, 2])["relu"], expected)


def test_only_what_comes_behind_the_cut_is_in_the_graph():
    model, batch = zoo.make("resnet"), torch.from_numpy(photos(1, (3, 32, 32)))
    cut = opened(model).cut(batch, ["layer2.0.relu:3"])
    kinds, waiting = set(), [cut.scores.grad_fn]
    while waiting:
        node = waiting.pop()
        kinds.add(type(node).__name__)
        waiting += [following for following, _ in node.next_functions if following is not None]
    assert "ConvolutionBackward0" not in kinds
    assert "AddmmBackward0" in kinds


def test_one_unit_answers_for_two_classes_and_the_first_is_the_negative():
    model = gap_network(units=1, ending=nn.Sigmoid())
    one, batch = opened(model, ("cat", "dog")), torch.from_numpy(photos(3, (3, 16, 16)))
    with torch.no_grad():
        second = model(batch)[:, 0]
    found = one.probabilities(batch)
    assert one.binary
    torch.testing.assert_close(found, torch.stack([1 - second, second], 1))
    torch.testing.assert_close(one.scores(batch)[:, 0], -one.scores(batch)[:, 1])
    cat, dog = ([one[0].value for one in maps_of(model, batch.numpy(), "gradcam", target)] for target in (0, 1))
    np.testing.assert_allclose(cat, np.negative(dog), rtol=1e-6)
    assert not opened(gap_network(units=1), ("a", "b", "c")).binary
    assert opened(gap_network(units=1), ("a", "b")).binary


def test_probabilities_are_those_of_the_network():
    batch = torch.from_numpy(photos(2, (3, 16, 16)))
    for ending, said in ((nn.Softmax(1), lambda s: s), (nn.LogSoftmax(1), torch.exp), (nn.Sigmoid(), lambda s: s)):
        model = gap_network(ending=ending)
        with torch.no_grad():
            expected = said(model(batch))
        torch.testing.assert_close(opened(model).probabilities(batch), expected)
        answers = answer_of(opened(model), Target("0 against 2", 0, 2))(batch.numpy())
        assert answers.dtype == np.float64
        np.testing.assert_allclose(answers, (expected[:, 0] - expected[:, 2]).numpy(), rtol=1e-5, atol=1e-7)


def test_bfloat16_and_channels_last_models_and_a_grey_input():
    model = gap_network(channels=1).to(torch.bfloat16).to(memory_format=torch.channels_last)
    batch = photos(2, (1, 28, 28))
    found = maps_of(model, batch, "gradcam, gradient, cam, integrated", steps=2)
    exact = maps_of(model.float(), batch, "gradcam, gradient, cam, integrated", steps=2)
    for rough, fine in zip(found[0], exact[0], strict=True):
        assert rough.value.shape == (28, 28)
        assert rough.value.dtype == np.float32
        assert np.abs(rough.value - fine.value).max() < 0.15 * np.abs(fine.value).max()


def test_a_network_that_takes_one_photo_at_a_time_gets_one():
    class Single(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

        def forward(self, x):
            return self.fc(self.conv(x).mean((2, 3)).reshape(1, 4))

    class Batchwise(Single):
        def forward(self, x):
            return self.fc((x_ := self.conv(x)).mean((2, 3)) - x_.mean(0).mean((1, 2)))

    for model in (Single(), Batchwise()):
        batch = photos(3, (3, 8, 8))
        one = opened(model)
        alone = torch.cat([one.scores(torch.from_numpy(batch[i : i + 1])) for i in range(3)])
        torch.testing.assert_close(one.scores(torch.from_numpy(batch)), alone)


def test_wrong_questions_get_one_sentence():
    with pytest.raises(ModelError, match=r"no gradients that could be followed; give a torch.nn.Module, or a trace"):
        Opened(object())
    with pytest.raises(ModelError, match=r"Sequential does not answer with a list of scores"):
        opened(nn.Sequential(nn.Conv2d(3, 2, 3))).graph(photos(1, (3, 8, 8))[0])
    one, batch = opened(gap_network()), torch.from_numpy(photos(1, (3, 16, 16)))
    with pytest.raises(CallError, match="the network has no step 'conv9'"):
        one.cut(batch, ["conv9"])
    with pytest.raises(CallError, match="the baseline 'white' is none of black, mean, zero"):
        one.baseline(batch[0].numpy(), "white")
    swish = opened(zoo.make("out of sight"))
    cut = swish.cut(batch, ["conv"])  # behind it comes a function of somebody's own, with a gradient of its own
    assert float(cut.gradients(cut.scores[:, 0])["conv"].abs().sum()) > 0


def test_nothing_is_kept_alive():
    model, batch = zoo.make("resnet"), photos(2, (3, 32, 32))
    one = opened(model)

    def tensors():
        gc.collect()
        return sum(issubclass(type(found), torch.Tensor) for found in gc.get_objects())

    from convscope.explaining.run import run_methods

    counts = []
    for _ in range(4):
        run_methods(one, batch, [Target("0", 0)] * 2, "gradcam, gradient, guided")
        counts.append(tensors())
    assert counts[1] == counts[2] == counts[3]
