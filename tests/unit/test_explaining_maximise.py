"""Pictures that a channel answers to: they raise it, are the same for the same seed, and leave everything as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

import convscope
from convscope.app.maximise import parsed
from convscope.errors import CallError
from convscope.explaining import maximise
from convscope.explaining.maximising import ILLUSTRATES, chosen_channels
from convscope.image import to_input
from convscope.traces import Trace


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


NET = "conv(4, 3, padding=same) | relu | maxpool(2) | conv(6, 3) | relu | gap | dense(3) | softmax"


@pytest.fixture(scope="module")
def trace() -> Trace:
    return convscope.trace(NET, "chelsea", size=32, seed=2)


def answered(model: nn.Module, layer: str, picture: np.ndarray, scale: str = "unit") -> torch.Tensor:
    """By a hook on the layer itself: the mean of what is positive in every channel."""
    seen: list[torch.Tensor] = []
    handle = model.get_submodule(layer).register_forward_hook(lambda _m, _i, out: seen.append(out.clone()))
    with torch.no_grad():
        model(torch.from_numpy(to_input(picture, scale=scale))[None])
    handle.remove()
    return seen[0][0].clamp(min=0).flatten(1).mean(1)


class Net(nn.Module):
    """A skip, a normalisation and an operation in place: what replay must go through."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 5, 3, padding=1)
        self.norm = nn.BatchNorm2d(5)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(5, 5, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.norm(self.first(x)))
        return (x + self.second(x)).mean((2, 3))


@pytest.mark.parametrize("scale", ["unit", "byte", "imagenet"])
def test_the_channel_itself_answers_as_much_as_is_said(scale: str) -> None:
    model = Net().eval()
    seen = convscope.trace(model, "chelsea", size=24, scale=scale)
    found = maximise(seen, "second", [0, 3], steps=25)
    for one in found:
        assert one.picture.shape == (24, 24, 3)
        measured = float(answered(model, "second", one.picture, scale)[one.channel])
        assert measured == pytest.approx(one.value, rel=0.02, abs=1e-3)  # the picture's levels are rounded
        assert one.photo == pytest.approx(np.maximum(seen["second"].value[one.channel], 0).mean(), rel=1e-5)
        assert one.silent == (one.value <= one.noise + 1e-6)
    assert any(one.value > 1.05 * one.noise for one in found)


def test_each_channel_answers_most_to_its_own_picture(trace: Trace) -> None:
    found = maximise(trace, "relu_1", range(4), steps=40)
    from convscope.spec import build, parse

    model = build(parse(NET), (3, 32, 32), seed=2).eval()
    table = torch.stack([answered(model, "relu_1", one.picture) for one in found], dim=1)
    assert (table.diagonal() > 0).all(), "also those that noise did not wake"
    assert (table.diagonal() >= 0.9 * table.max(1).values).all(), table


def test_the_same_seed_gives_the_same_picture_and_another_one_another(trace: Trace) -> None:
    state = torch.get_rng_state()
    first, again, other = (maximise(trace, "conv_2", [1], steps=6, seed=seed)[0] for seed in (3, 3, 4))
    assert np.array_equal(first.picture, again.picture)
    assert not np.array_equal(first.picture, other.picture)
    assert torch.equal(state, torch.get_rng_state())
    alone, beside = maximise(trace, "conv_2", [2], steps=6), maximise(trace, "conv_2", [1, 2], steps=6)
    assert np.array_equal(alone[0].picture, beside[1].picture)


def test_a_trace_from_a_file_will_do_and_the_model_is_not_touched(tmp_path, trace: Trace) -> None:
    trace.save(tmp_path / "a.safetensors")
    loaded = convscope.load(tmp_path / "a.safetensors")
    ours, theirs = (maximise(one, "relu_2", [0], steps=5)[0] for one in (trace, loaded))
    assert np.array_equal(ours.picture, theirs.picture)
    model = Net().train()
    before = hashlib.sha256(b"".join(part.numpy().tobytes() for part in model.state_dict().values())).digest()
    maximise(convscope.trace(model, "chelsea", size=16), "relu", [0], steps=3)
    assert model.training
    assert all(part.grad is None and part.requires_grad for part in model.parameters())
    assert before == hashlib.sha256(b"".join(part.numpy().tobytes() for part in model.state_dict().values())).digest()


def test_grey_networks_odd_sizes_and_single_numbers() -> None:
    seen = convscope.trace("input(27x19x1) | conv(2, 3) | relu | flatten | dense(3)", "chelsea")
    (of_map,) = maximise(seen, "relu_1", [1], steps=6)
    assert of_map.picture.shape == (27, 19, 3)
    assert (of_map.picture == of_map.picture[..., :1]).all(), "it is grey"
    (of_number,) = maximise(seen, "dense_1", [2], steps=20)
    assert of_number.value > of_number.noise


def test_a_channel_that_nothing_wakes_is_called_silent() -> None:
    class Dead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 3)
            nn.init.zeros_(self.conv.weight)
            nn.init.constant_(self.conv.bias, -1.0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.conv(x)).mean((2, 3))

    (found,) = maximise(convscope.trace(Dead(), "chelsea", size=12), "relu", [0], steps=4)
    assert (found.silent, found.value) == (True, 0)


def test_progress_is_told_and_may_stop_it(trace: Trace) -> None:
    told: list[int] = []
    maximise(trace, "conv_1", [0, 1], steps=2, watch=told.append)
    assert told == [1, 2]

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maximise(trace, "conv_1", [0, 1], steps=2, watch=stop)


@pytest.mark.parametrize(
    ("layer", "channels", "message"),
    [
        ("conv_9", None, "there is no step 'conv_9' to maximise; the network has conv_1, relu_1"),
        ("input", None, r"step 'input' \(input\) has no channels to maximise"),
        ("conv_1", [4], "step 'conv_1' has no channel 4; its 4 are numbered from 0"),
        ("conv_1", [-1], "step 'conv_1' has no channel -1"),
        ("conv_1", [], "no channel of 'conv_1' was named"),
    ],
)
def test_wrong_calls_are_one_sentence(trace: Trace, layer: str, channels: list[int] | None, message: str) -> None:
    with pytest.raises(CallError, match=message):
        maximise(trace, layer, channels)


def test_a_step_that_cannot_be_run_again_is_named() -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.erfinv(x.clamp(0.1, 0.9)).mean((2, 3))

    seen = convscope.trace(Odd(), "chelsea", size=12)
    name = next(step.name for step in seen if "erfinv" in step.name)
    with pytest.raises(CallError, match=f"'{name}' cannot be maximised: step '{name}'"):
        maximise(seen, name, [0], steps=1)


def test_parameters_that_a_file_lacks_are_one_sentence(tmp_path, trace: Trace) -> None:
    trace.save(tmp_path / "a.safetensors", params=False)
    with pytest.raises(CallError, match="'conv_1' cannot be maximised"):
        maximise(convscope.load(tmp_path / "a.safetensors"), "conv_1", [0], steps=1)


# What is typed


def test_layers_and_channels_are_told_apart_by_the_last_colon() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(self.conv(x)).mean((2, 3))

    seen = convscope.trace(Twice(), "chelsea", size=12)
    assert parsed("conv:2", seen)[0] == "conv:2", "the second run of the layer"
    assert parsed("conv:0", seen) == ("conv", [0])
    assert parsed("conv:2:1", seen) == ("conv:2", [1])
    assert parsed("conv:0-1, 2,1", seen) == ("conv", [0, 1, 2])
    assert sorted(parsed("conv", seen)[1]) == [0, 1, 2]
    for text, message in (
        ("conv:x", "names no channels after its colon; write them like conv:0,4,7-9"),
        ("conv:5-2", "names 0 channels; give 1 to 64"),
        ("conv:0-900000", "names 65 channels; give 1 to 64"),
        ("cnv:1", "there is no step 'cnv:1' to maximise"),
    ):
        with pytest.raises(CallError, match=message):
            parsed(text, seen)


def test_without_channels_those_that_count_most_are_taken(trace: Trace) -> None:
    from convscope.contribution import contributions

    told = contributions(trace).channels["relu_2"]
    chosen = chosen_channels(trace, "relu_2", 3)
    assert set(chosen) == set(np.argsort(-np.abs(told))[:3].tolist())


def test_the_warning_is_a_whole_sentence() -> None:
    assert "illustrate" in ILLUSTRATES
    assert "no cause of an answer" in ILLUSTRATES
