"""A trace alone is explained as its network is."""

import numpy as np
import pytest
import torch

import convscope
import zoo
from convscope.errors import CallError, ForwardError
from convscope.explaining.replayed import open_trace
from convscope.explaining.run import run_methods
from convscope.explaining.targets import Target
from convscope.traces import Placement, Step, Trace
from explaining import opened, photos

METHODS = "gradcam, hirescam, eigencam, gradient, integrated, guided, smoothgrad"


@pytest.mark.parametrize("name", ["resnet", "mobilenet", "fashion cnn"])
def test_a_trace_gives_the_maps_of_its_network(name):
    model, x = zoo.make(name), photos(1, zoo.ZOO[name].input)
    trace = convscope.trace(model, torch.from_numpy(x))
    own = run_methods(opened(model), x, [Target("1", 1)], METHODS, steps=4)[0]
    replayed = run_methods(open_trace(trace), x, [Target("1", 1)], METHODS, steps=4)[0]
    for one, other in zip(own, replayed, strict=True):
        assert (one.method, one.layer, one.why_layer) == (other.method, other.layer, other.why_layer)
        np.testing.assert_allclose(other.value, one.value, rtol=1e-3, atol=1e-4 * np.abs(one.value).max())


def test_a_file_is_enough(tmp_path):
    convscope.trace("catdog", "chelsea").save(tmp_path / "cat.safetensors")
    trace = convscope.load(tmp_path / "cat.safetensors")
    one = open_trace(trace)
    assert one.labels == ("cat", "dog")
    x = trace.input.value[None]
    assert float(one.probabilities(torch.from_numpy(x.copy()))[0, 0]) == pytest.approx(trace.scores[0].value, abs=1e-5)
    found = run_methods(one, x, [Target("cat", 0)], "cam, scorecam")[0]
    assert found[0].value.shape == x.shape[2:]
    black = one.baseline(x[0], "black")
    np.testing.assert_allclose(black[:, 0, 0], -np.array([0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], rtol=1e-4)


def test_only_what_lies_behind_the_layer_has_to_be_run_again():
    x = Step("input", "input", photos(1, (2, 4, 4))[0])
    odd = Step("odd", "fft", x.value * 2, (x,))
    means = Step("means", "mean", odd.value.mean((1, 2)), (odd,), {"axes": [1, 2], "keepdim": False})
    trace = Trace(np.zeros((4, 4, 3), np.uint8), (x, odd, means), ("means",), Placement(0, 0, 4, 4))
    found = run_methods(open_trace(trace), x.value[None], [Target("1", 1)], "gradcam")[0][0]
    assert found.layer == "odd"
    np.testing.assert_allclose(found.value, odd.value[1] / 16, rtol=1e-5)
    with pytest.raises(ForwardError, match=r"step 'odd' \(fft\) cannot be run again .*; give the network itself, or"):
        run_methods(open_trace(trace), x.value[None], [Target("1", 1)], "gradient")


def test_another_size_needs_the_network():
    trace = convscope.trace("conv(4, 3) | gap | dense(2)", "chelsea", size=16)
    with pytest.raises(CallError, match=r"for inputs of its own size \(3x16x16\) only, got 3x8x8"):
        open_trace(trace).graph(photos(1, (3, 8, 8))[0])
