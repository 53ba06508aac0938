"""From a model and an image to a trace, and what may be asked of it."""

from __future__ import annotations

import dataclasses
import itertools
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import convscope as cs
import zoo
from convscope.adapters.torch import TorchNetwork
from convscope.allocator import keep_freed_memory
from convscope.errors import ForwardError, ImageError, MemoryBudgetError, ModelError, NoArithmetic, SpecError
from convscope.network import Preprocessing
from convscope.record import record


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def photo(height: int = 40, width: int = 56) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def tensor(shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(2).normal(size=shape).astype(np.float32)


#: What the arithmetic does not know, and why; everything else in the zoo must add up.
UNKNOWN = {"setitem", "overwritten", "overwritten:2"}


@pytest.mark.parametrize("name", sorted(zoo.ZOO))
def test_every_step_of_the_zoo_adds_up_at_random_pixels(name: str) -> None:
    trace = cs.trace(zoo.make(name), tensor(zoo.ZOO[name].input))
    draw = np.random.default_rng(3)
    for step in trace.steps[1:]:
        if step.name in UNKNOWN:
            with pytest.raises(NoArithmetic, match=f"no arithmetic for op '{step.kind}'"):
                step.at((0,) * step.value.ndim)
            continue
        for _ in range(8):
            index = tuple(int(draw.integers(size)) for size in step.shape)
            pixel = step.at(index)
            assert pixel.value == float(step.value[index])
            assert abs(float(pixel.terms.sum()) + pixel.bias - pixel.value) <= pixel.tolerance, (step, index)
            assert pixel.holds


def test_half_precision_adds_up_to_its_own_rounding() -> None:
    trace = cs.trace(zoo.make("fashion cnn").bfloat16(), tensor((1, 28, 28)))
    assert trace["0"].dtype == "bfloat16"
    assert trace["0"].pixel(5, 10, 12).holds


def test_the_network_runs_once() -> None:
    model, calls = nn.Conv2d(3, 2, 3), []
    model.register_forward_hook(lambda *_: calls.append(1))
    cs.trace(model, photo())
    assert calls == [1]


def test_the_input_is_the_photo_in_the_asked_scale() -> None:
    pixels = photo()
    for scale, expected in (("unit", pixels / 255), ("byte", pixels.astype(np.float32))):
        trace = cs.trace(nn.Identity(), pixels, scale=scale)
        np.testing.assert_allclose(trace.input.value, expected.transpose(2, 0, 1), rtol=1e-6)
        np.testing.assert_array_equal(trace.picture, pixels)
        assert (trace.placement.height, trace.placement.width) == (40, 56)


def test_a_tensor_goes_to_the_network_as_it_is_and_later_changes_do_not_reach_the_trace() -> None:
    value = tensor((3, 20, 24))
    before = value.copy()
    trace = cs.trace(nn.ReLU(inplace=True), value)
    value += 1
    np.testing.assert_array_equal(trace.input.value, before)
    np.testing.assert_array_equal(trace["relu"].value, np.maximum(before, 0))
    np.testing.assert_array_equal(
        cs.trace(nn.ReLU(), torch.from_numpy(before)[None])["relu"].value, trace["relu"].value
    )


def test_values_are_read_only() -> None:
    trace = cs.trace(nn.Conv2d(3, 2, 3), photo())
    for array in (trace["conv2d"].value, trace["conv2d"].params["weight"], trace.picture):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_a_network_as_text_is_built_for_the_photo() -> None:
    trace = cs.trace("conv(4, 3) | relu | flatten | dense(5)", photo())
    assert [s.name for s in trace] == ["input", "conv_1", "relu_1", "flatten_1", "dense_1"]
    assert trace["dense_1"].params["weight"].shape == (5, 4 * 38 * 54)
    assert len(trace.scores) == 5
    assert trace.about["spec"].startswith("conv(4, 3)")


def test_size_and_grey_input_and_where_it_lies_in_the_photo() -> None:
    trace = cs.trace("fashion-cnn", photo(56, 28))
    assert trace.input.shape == (1, 28, 28)
    assert (trace.placement.top, trace.placement.height, trace.placement.width) == (0, 56, 28)
    cropping = TorchNetwork(nn.Identity(), preprocessing=Preprocessing(size=(20, 20), fit="crop"))
    placement = record(cropping, photo(40, 60)).placement
    assert (placement.left, placement.width, placement.height) == (10, 40, 40)


def test_large_photos_are_shrunk_and_the_trace_says_so() -> None:
    trace = cs.trace("relu", np.zeros((3000, 1500, 3), np.uint8))
    assert trace.input.shape == (3, 1024, 512)
    assert "shrunk" in " ".join(trace.about["image"]["notes"])


def test_weights_by_layer_name_from_a_shorter_network(tmp_path: Path) -> None:
    from convscope.spec import build, parse
    from convscope.weights import save

    short = build(parse("conv_1: conv(3, 3)"), (3, 40, 56), seed=7)
    save(short, tmp_path / "w.safetensors")
    trace = cs.trace("conv_1: conv(3, 3) | relu | conv_2: conv(3, 3)", photo(), weights=tmp_path / "w.safetensors")
    np.testing.assert_array_equal(trace["conv_1"].params["weight"], short.conv_1.weight.detach())


def test_a_saved_network_opens_by_its_file(tmp_path: Path) -> None:
    from convscope.spec import build, parse
    from convscope.weights import save

    text = "conv_1: conv(3, 3)\nrelu"
    save(build(parse(text), (3, 40, 56), seed=3), tmp_path / "w.safetensors", metadata={"spec": text})
    ours = cs.trace(str(tmp_path / "w.safetensors"), photo())["relu_1"].value
    np.testing.assert_array_equal(ours, cs.trace(text, photo(), seed=3)["relu_1"].value)


def test_scores_are_sorted_named_and_as_they_came_out() -> None:
    trace = cs.trace(zoo.make("mobilenet"), tensor((3, 32, 32)), labels=tuple("abcdefghij"))
    values = [score.value for score in trace.scores]
    assert values == sorted(values, reverse=True)
    assert sum(values) == pytest.approx(1, abs=1e-5)
    assert trace.ends_in_probabilities
    assert trace.scores[0].label == "abcdefghij"[int(trace["softmax"].value.argmax())]


def test_a_network_that_raises_says_how_far_it_got_and_hands_over_the_rest() -> None:
    with pytest.raises(
        ForwardError,
        match=r"^Raises stopped after 2 steps, the last being 'relu' \(relu, 4x38x54\): RuntimeError: mat1",
    ) as caught:
        cs.trace(zoo.Raises(), photo())
    partial = caught.value.partial
    assert partial is not None
    assert [step.name for step in partial] == ["input", "conv", "relu"]
    assert partial["conv"].value.min() < 0
    assert partial.outputs == ()
    assert partial.scores == ()


@pytest.mark.parametrize(
    ("model", "image", "error", "wording"),
    [
        (3, "chelsea", ModelError, "is a torch.nn.Module; got int"),
        ("timm:", "chelsea", ModelError, "'timm:' names no network; write it like timm:resnet18"),
        ("model.onnx", "chelsea", ModelError, "there is no file 'model.onnx'; check the path"),
        ("no.such:thing", "chelsea", ModelError, "cannot be imported: No module named 'no'"),
        ("conv(3, 3) | maxpool(99)", photo(), SpecError, "layer 2 'pool_1'"),
        ("relu", np.zeros((2, 3, 4, 4), np.float32), ImageError, "one image at a time"),
        ("relu", "missing.jpg", ImageError, "there is no file 'missing.jpg'"),
    ],
)
def test_wrong_calls_get_one_sentence(model: object, image: object, error: type[Exception], wording: str) -> None:
    with pytest.raises(error, match=wording) as caught:
        cs.trace(model, image)
    assert "\n" not in str(caught.value)


def test_the_memory_budget_is_kept() -> None:
    with pytest.raises(MemoryBudgetError, match="more than the budget of 0 MiB; use a smaller picture, or allow more"):
        cs.trace("conv(8, 3)", photo(), memory=1000)


def test_steps_are_found_by_name_and_pattern() -> None:
    trace = cs.trace(zoo.make("resnet"), tensor((3, 32, 32)))
    assert {s.name for s in trace.find("layer1.*bn?")} == {"layer1.0.bn1", "layer1.0.bn2", "layer1.0.bn3"}
    assert "fc" in trace
    assert len(trace) == len(trace.steps)
    with pytest.raises(KeyError, match=r"did you mean 'layer1\.0\.bn.'"):
        trace["layer1.0.bn"]


def test_saved_and_loaded_a_trace_is_the_same(tmp_path: Path) -> None:
    trace = cs.trace(zoo.make("inception"), tensor((3, 32, 32)))
    trace.save(tmp_path / "t.safetensors")
    again = cs.load(tmp_path / "t.safetensors")
    for ours, theirs in itertools.zip_longest(trace, again):
        assert (ours.name, ours.kind, dict(ours.settings)) == (theirs.name, theirs.kind, dict(theirs.settings))
        assert [s.name for s in ours.inputs] == [s.name for s in theirs.inputs]
        np.testing.assert_array_equal(ours.value, theirs.value)
    assert again["stem"].pixel(1, 2, 3).holds
    assert again.scores == trace.scores


def test_a_step_stays_as_it_was_made_and_travels() -> None:
    step = cs.Step("a", "relu", np.zeros(3, np.float32))
    with pytest.raises(dataclasses.FrozenInstanceError):
        step.name = "b"  # type: ignore[misc]
    again = pickle.loads(pickle.dumps(step))
    assert (again.name, again.settings, again.shape) == ("a", {}, (3,))


def test_nan_is_kept_and_said() -> None:
    trace = cs.trace("relu", np.full((3, 4, 4), np.nan, np.float32))
    assert np.isnan(trace["relu_1"].value).all()
    assert np.isnan(trace["relu_1"].range).all()


def test_any_picture_source(tmp_path: Path) -> None:
    path = tmp_path / "фото.png"
    Image.fromarray(photo()).save(path)
    with Image.open(path) as opened:
        sources = (path, str(path), path.read_bytes(), opened, photo())
        values = [cs.trace("relu", source).input.value for source in sources]
    for value in values[1:]:
        np.testing.assert_array_equal(value, values[0])


def test_the_allocator_can_be_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_ALLOCATOR", "system")
    keep_freed_memory.cache_clear()
    assert keep_freed_memory() is False
    keep_freed_memory.cache_clear()
