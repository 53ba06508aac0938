"""Gradients at the pixels, against autograd on the live network and their papers' formulas written out."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convscope.adapters import connect
from convscope.errors import CallError
from convscope.explaining.methods import GUIDED_WARNING, METHODS
from convscope.explaining.opened import Opened
from convscope.explaining.run import run_methods
from convscope.explaining.targets import Target
from convscope.record import prepare
from explaining import conv_head_network, gap_network, maps_of, opened, photos

BATCH = photos(2, (3, 16, 16))


def live_gradient(model, batch, target=1):
    x = torch.from_numpy(np.ascontiguousarray(batch, np.float32)).requires_grad_()
    (found,) = torch.autograd.grad(model(x)[:, target].sum(), x)
    return found.numpy()


def test_gradient_and_input_times_gradient_keep_their_signs():
    model = conv_head_network()
    slope = live_gradient(model, BATCH)
    rows = maps_of(model, BATCH, "gradient, inputxgradient")
    for photo in range(2):
        np.testing.assert_allclose(rows[photo][0].value, slope[photo].sum(0), rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(rows[photo][1].value, (slope * BATCH)[photo].sum(0), rtol=1e-4, atol=1e-7)
        assert rows[photo][0].value.min() < 0 < rows[photo][0].value.max()
        assert (rows[photo][0].layer, rows[photo][0].grid) == ("", (16, 16))


def test_smoothgrad_is_the_mean_over_noisy_copies():
    model, x = conv_head_network(), BATCH[0]
    draw = np.random.default_rng([7, 1])
    spread = 0.15 * (x.max() - x.min())
    # drawn eight at a time or at once: the same numbers
    copies = np.stack([x + spread * draw.standard_normal(x.shape, np.float32) for _ in range(32)])
    expected = live_gradient(model, copies).mean(0).sum(0)
    found = maps_of(model, BATCH[:1], "smoothgrad", seed=7)[0][0]
    np.testing.assert_allclose(found.value, expected, rtol=1e-3, atol=1e-5)
    again = maps_of(model, BATCH[:1], "smoothgrad", seed=7)[0][0]
    np.testing.assert_array_equal(found.value, again.value)
    assert not np.array_equal(found.value, maps_of(model, BATCH[:1], "smoothgrad", seed=8)[0][0].value)


def test_integrated_gradients_are_the_integral():
    """Against a far finer sum by another rule (trapezoids), and the property that they add up."""
    model, x = conv_head_network().double(), BATCH[0].astype(np.float64)
    shares = np.linspace(0, 1, 4001)
    slopes = np.zeros_like(x)
    for part in np.array_split(np.arange(4001), 20):
        given = torch.from_numpy(shares[part, None, None, None] * x).requires_grad_()
        (found,) = torch.autograd.grad(model(given)[:, 1].sum(), given)
        trapezoid = np.where((part == 0) | (part == 4000), 0.5, 1.0)
        slopes += (trapezoid[:, None, None, None] * found.numpy()).sum(0)
    expected = (slopes / 4000 * x).sum(0)
    model.float()
    one = maps_of(model, BATCH[:1], "integrated", baseline="zero", steps=400)[0][0]
    np.testing.assert_allclose(one.value, expected, atol=0.01 * np.abs(expected).max())
    with torch.no_grad():
        gained = float(model(torch.from_numpy(BATCH[:1]))[0, 1] - model(torch.zeros(1, 3, 16, 16))[0, 1])
    assert one.facts["score_difference"] == pytest.approx(gained, rel=1e-4)
    assert one.value.sum() == pytest.approx(gained, rel=0.01)
    assert one.facts["completeness_error"] == pytest.approx(abs(one.value.sum() - gained) / abs(gained), abs=1e-3)


def test_integrated_gradients_of_something_linear_are_exact():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    slope = live_gradient(model, BATCH[:1])
    one = maps_of(model, BATCH[:1], "integrated", steps=1, baseline="mean")[0][0]
    way = BATCH[0] - BATCH[0].mean((1, 2), keepdims=True)
    np.testing.assert_allclose(one.value, (way * slope[0]).sum(0), rtol=1e-4, atol=1e-7)
    assert one.facts["completeness_error"] < 1e-3
    assert one.facts["baseline"] == "mean"


def test_black_is_black_for_every_scale():
    from convscope.adapters.torch import TorchNetwork
    from convscope.network import Preprocessing

    network = TorchNetwork(gap_network(), preprocessing=Preprocessing(scale=((0.5, 0.4, 0.3), (0.2, 0.2, 0.1))))
    found = Opened(network).baseline(BATCH[0], "black")
    np.testing.assert_allclose(found[:, 0, 0], [-2.5, -2.0, -3.0], rtol=1e-6)
    assert found.shape == (3, 16, 16)
    assert not Opened(network).baseline(photos(1, (5, 4, 4))[0], "black").any()  # no photo: no black


def test_too_few_steps_are_said():
    found = maps_of(conv_head_network(), 8 * BATCH[:1], "integrated", steps=1)[0][0]
    assert found.facts["completeness_error"] > 0.01
    assert any("use more steps" in note.sentence for note in found.notes)
    with pytest.raises(CallError, match="the number of steps is a whole number from 1 to 10000; got 0"):
        maps_of(conv_head_network(), BATCH, "integrated", steps=0)


def test_integrated_gradients_are_complete_on_real_photos(shared_data):
    """Ten photos, 64 steps, within 1 % of what the score gained."""
    network = connect("catdog", lambda asked: (asked.channels, *asked.size))
    folder = sorted((shared_data / "cats_dogs_128").rglob("*.jpg")) or sorted(
        (shared_data / "tutorial_photos").glob("*.jpg")
    )
    paths = folder[:: max(1, len(folder) // 10)][:10]
    batch = np.stack([prepare(path, network.preprocessing).value for path in paths])
    opened_ = Opened(network)
    likely = opened_.probabilities(torch.from_numpy(batch)).argmax(1).tolist()
    rows = run_methods(opened_, batch, [Target(opened_.labels[i], i) for i in likely], "integrated")
    errors = [row[0].facts["completeness_error"] for row in rows]
    assert max(errors) < 0.01


class FunctionalRelus(nn.Module):
    """A ReLU module, two functional ones, one of them in place, and a method."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(9)
        self.a, self.b, self.c = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)
        self.relu, self.fc = nn.ReLU(inplace=True), nn.Linear(4, 3)
        self.rectify = torch.relu

    def forward(self, x):
        x = self.relu(self.a(x))
        x = F.relu(self.b(x), inplace=True)
        x = self.rectify(self.c(x)).mean((2, 3))
        return self.fc(x.relu_())


def test_guided_backpropagation_is_its_rule_at_every_relu():
    """The rule written out layer by layer: behind a ReLU of f the gradient R becomes (f > 0)(R > 0) R."""
    model = FunctionalRelus().eval()
    x = torch.from_numpy(BATCH)
    with torch.no_grad():
        a = model.a(x)
        b = model.b(a.relu())
        c = model.c(b.relu())
        means = c.relu().mean((2, 3))

        def back(behind, before):
            return behind.clamp(min=0) * (before > 0)

        slope = back(model.fc.weight[1].expand(2, 4), means)
        slope = (slope / (c.shape[2] * c.shape[3]))[:, :, None, None].expand_as(c)
        slope = F.conv_transpose2d(back(slope, c), model.c.weight)
        slope = F.conv_transpose2d(back(slope, b), model.b.weight)
        slope = F.conv_transpose2d(back(slope, a), model.a.weight)
    rows = maps_of(model, BATCH, "guided")
    for photo in range(2):
        np.testing.assert_allclose(rows[photo][0].value, slope[photo].sum(0).numpy(), rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(  # and only while it is asked for
        maps_of(model, BATCH, "gradient")[0][0].value, live_gradient(FunctionalRelus().eval(), BATCH)[0].sum(0),
        rtol=1e-4, atol=1e-7,
    )  # fmt: skip


class Clipped(torch.nn.Module):
    """ReLU6 as a module and as a function, of values on both sides of 0 and of 6."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.a, self.b, self.fc = torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 4, 3), torch.nn.Linear(4, 2)
        self.relu = torch.nn.ReLU6(inplace=True)
        with torch.no_grad():
            self.a.weight *= 20
            self.b.weight *= 10

    def forward(self, x):
        x = F.relu6(self.b(self.relu(self.a(x))))
        return self.fc(x.mean((2, 3)))


def test_guided_backpropagation_stops_at_both_ends_of_relu6():
    """Nothing passes where the value was cut off at 6, as in the gradient itself."""
    model = Clipped().eval()
    x = torch.from_numpy(BATCH)
    with torch.no_grad():
        a = model.a(x)
        b = model.b(a.clamp(0, 6))
        assert all((part < 0).any() and (part > 6).any() and ((part > 0) & (part < 6)).any() for part in (a, b))

        def back(behind, before):
            return behind.clamp(min=0) * ((before > 0) & (before < 6))

        slope = (model.fc.weight[1] / (b.shape[2] * b.shape[3])).expand(2, 4)[:, :, None, None].expand_as(b)
        slope = F.conv_transpose2d(back(slope, b), model.b.weight)
        slope = F.conv_transpose2d(back(slope, a), model.a.weight)
    rows = maps_of(model, BATCH, "guided")
    for photo in range(2):
        np.testing.assert_allclose(rows[photo][0].value, slope[photo].sum(0).numpy(), rtol=1e-4, atol=1e-8)


def test_guided_backpropagation_has_its_warning():
    assert METHODS["guided"].warning == GUIDED_WARNING
    assert "Do not read them as a reason for the answer" in GUIDED_WARNING
    torch.manual_seed(0)
    smooth = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    found = maps_of(smooth, BATCH, "guided, gradient")[0]
    assert [note.sentence for note in found[0].notes] == ["the network has no ReLU, so this is the plain gradient"]
    np.testing.assert_array_equal(found[0].value, found[1].value)


def test_each_photo_is_asked_about_its_own_class():
    model = conv_head_network()
    found = run_methods(opened(model), BATCH, [Target("0", 0), Target("2", 2)], "gradient, smoothgrad, integrated")
    for photo, target in enumerate((0, 2)):
        alone = maps_of(model, BATCH[photo : photo + 1], "gradient, smoothgrad, integrated", target)[0]
        for one, other in zip(found[photo], alone, strict=True):
            np.testing.assert_allclose(one.value, other.value, rtol=1e-4, atol=1e-6)
    with pytest.raises(CallError, match="there are 1 classes for 2 photos; give one for each"):
        run_methods(opened(model), BATCH, [Target("0", 0)], "gradient")
    with pytest.raises(CallError, match="class 7 does not exist; the network has 3"):
        run_methods(opened(model), BATCH, [Target("7", 7)] * 2, "gradient")
