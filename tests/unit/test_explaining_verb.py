"""``convscope.explain``: maps of the right class in the right place, with evidence, from a model or a trace."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import convscope
from convscope.adapters import Options
from convscope.errors import CallError, Cancelled, ForwardError, ImageError
from convscope.explaining import Explainer, Explanation, explain
from convscope.explaining.opened import Opened
from convscope.explaining.proving import answer_of
from convscope.explaining.targets import Target
from convscope.explaining.wording import panels_of, reasons_of, verdict_of
from convscope.network import Preprocessing
from convscope.predicting import Failure

NET = "conv(4, 3) | relu | conv(6, 3) | relu | gap | dense(3) | softmax"
ANIMALS = ("cat", "dog", "cow")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Corner(nn.Module):
    """Class 1 is brightness in red; class 0 is brightness in blue. What it sees is where it is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1, bias=False)
        self.conv.weight.data = torch.tensor([[0.0, 0, 4], [4, 0, 0]])[:, :, None, None]
        self.dense = nn.Linear(2, 2, bias=False)
        self.dense.weight.data = torch.eye(2) * 8

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(torch.relu(self.conv(x)).mean((2, 3))).softmax(1)


def photo(height: int = 40, width: int = 60) -> np.ndarray:
    """A red spot on the left and a fainter blue one on the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[10:20, 8:18, 0] = 250
    pixels[22:32, 40:50, 2] = 200
    return pixels


@pytest.fixture(scope="module")
def found() -> Explanation:
    return explain(Corner(), photo(), target=["1", "0"], method=["gradcam", "occlusion"], labels=("blue", "red"))


def test_each_class_is_found_where_it_is(found: Explanation) -> None:
    assert [(made.method, made.target) for made in found.maps] == [
        ("gradcam", "red"), ("occlusion", "red"), ("gradcam", "blue"), ("occlusion", "blue"),
    ]  # fmt: skip
    assert found.target == Target("red", 1)
    for made in found.maps:
        row, column = np.unravel_index(np.argmax(made.value), made.value.shape)
        top, left = (10, 8) if made.target == "red" else (22, 40)
        assert top - 4 <= row < top + 14, made.method
        assert left - 4 <= column < left + 14, made.method


def test_scores_layers_reasons_and_evidence_are_there(found: Explanation) -> None:
    trace = convscope.trace(Corner(), photo(), labels=("blue", "red"))
    said = {score.label: score.value for score in trace.scores}
    assert found.score == pytest.approx(said["red"], abs=1e-6)
    for made in found.maps:
        assert made.score == pytest.approx(said[made.target], abs=1e-6)
        assert made.value.shape == (40, 60)
        assert not made.value.flags.writeable
        assert made.evidence["verdict"] in {"trust", "doubt", "no"}
        assert set(made.evidence["controls"]) == {"random", "edges", "centre"}
        assert (made.layer, bool(made.why_layer)) == (("relu", True) if made.method == "gradcam" else ("", False))
    assert found.trace.maps == found.maps
    assert found.map is found.maps[0]
    assert np.array_equal(found.photo, photo())


def test_the_spot_itself_matters_more_than_a_random_place(found: Explanation) -> None:
    told = found.map.evidence
    assert told["insertion"]["auc"] > told["controls"]["random"]["insertion"]["auc"]
    assert told["deletion"]["auc"] < told["controls"]["random"]["deletion"]["auc"]


def test_the_trace_with_its_maps_comes_back_from_a_file(found: Explanation, tmp_path: Path) -> None:
    found.trace.save(tmp_path / "a.safetensors")
    back = convscope.load(tmp_path / "a.safetensors")
    for ours, theirs in zip(found.maps, back.maps, strict=True):
        assert np.array_equal(ours.value, theirs.value)
        assert (ours.why_layer, ours.score, ours.notes) == (theirs.why_layer, theirs.score, theirs.notes)
        assert ours.evidence == theirs.evidence


def test_a_trace_alone_gives_the_maps_of_the_model(tmp_path: Path) -> None:
    trace = convscope.trace(NET, "chelsea", size=32, labels=ANIMALS)
    trace.save(tmp_path / "a.safetensors")
    of_model = explain(NET, "chelsea", size=32, labels=ANIMALS, target="dog", method="gradcam,gradient", budget_s=None)
    for source in (trace, convscope.load(tmp_path / "a.safetensors")):
        of_trace = explain(source, target="dog", method="gradcam,gradient", budget_s=None)
        for ours, theirs in zip(of_model.maps, of_trace.maps, strict=True):
            size = float(np.abs(ours.value).max())
            assert np.abs(ours.value - theirs.value).max() < 1e-4 * size
            assert (ours.layer, ours.target) == (theirs.layer, theirs.target)
            assert ours.evidence["insertion"]["auc"] == pytest.approx(theirs.evidence["insertion"]["auc"], abs=1e-3)
        assert of_trace.score == pytest.approx(of_model.score, abs=1e-6)


@pytest.mark.parametrize("name", ["weights", "scale", "size", "labels", "image"])
def test_a_trace_needs_nothing_of_a_model(name: str) -> None:
    trace = convscope.trace(NET, "chelsea", size=16)
    given = {"weights": "w.safetensors", "scale": "unit", "size": 8, "labels": ("a", "b", "c"), "image": "coffee"}
    with pytest.raises(CallError, match=f"{name} has no use for a trace, which was recorded already"):
        explain(trace, **{name: given[name]})


def test_a_contrast_is_explained_and_measured_between_its_two_classes() -> None:
    found = explain(Corner(), photo(), target="red against blue", labels=("blue", "red"))
    assert found.target == Target("red against blue", 1, 0)
    assert found.map.value[12:18, 10:16].mean() > 0 > found.map.value[24:30, 42:48].mean()


class Fixed(Opened):
    """Stands for an opened network: probabilities that are what they are."""

    labels = ("a", "b", "c")

    def __init__(self) -> None:
        pass

    def graph(self, _like: object) -> object:
        return type("Graph", (), {"ending": "softmax"})()

    def scores(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.log(torch.tensor([[0.5, 0.3, 0.2]]).repeat(len(batch), 1))

    def as_probabilities(self, scores: torch.Tensor, _graph: object) -> torch.Tensor:
        return scores.softmax(1)


def test_the_answer_of_a_contrast_is_the_sigmoid_of_the_difference() -> None:
    batch = np.zeros((2, 3, 4, 4), np.float32)
    found = answer_of(Fixed(), Target("a against c", 0, 2))(batch)
    assert found == pytest.approx(1 / (1 + np.exp(-(np.log(0.5) - np.log(0.2)))))
    assert answer_of(Fixed(), Target("b", 1))(batch) == pytest.approx(0.3)


@pytest.mark.parametrize("fail", [False, True])
def test_the_model_comes_back_as_it_was(fail: bool) -> None:
    model = Corner().train()
    model.register_buffer("seen", torch.zeros(1))
    handle = model.conv.register_forward_hook(lambda *_: None)
    before = {name: part.clone() for name, part in model.state_dict().items()}
    state = torch.get_rng_state()

    def watch(done: int, _total: int | None, _text: str) -> None:
        if fail:
            raise Cancelled("nobody waits any more")

    if fail:
        with pytest.raises(Cancelled, match="nobody waits"):
            explain(model, photo(), watch=watch)
    else:
        explain(model, photo(), watch=watch)
    assert model.training
    assert list(model.conv._forward_hooks) == [handle.id]
    assert not model.dense._forward_hooks
    assert all(torch.equal(before[name], part) for name, part in model.state_dict().items())
    assert all(part.requires_grad and part.grad is None for part in model.parameters())
    assert torch.equal(state, torch.get_rng_state())


def test_the_same_seed_gives_the_same_evidence() -> None:
    first, again = (explain(Corner(), photo(), budget_s=None, seed=3).map.evidence for _ in range(2))
    assert {**first, "seconds": 0} == {**again, "seconds": 0}


# Pictures


def test_no_map_is_drawn_without_its_evidence() -> None:
    bare = explain(Corner(), photo(), evidence=False)
    assert bare.map.evidence == {}
    for draw in (bare.picture, bare.sheet):
        with pytest.raises(CallError, match="this map has no evidence, because it was made with evidence=False"):
            draw()
    assert bare._repr_png_() is None


def test_a_picture_has_the_photo_at_its_own_size(found: Explanation, tmp_path: Path) -> None:
    large = np.kron(photo(), np.ones((30, 30, 1), np.uint8)).astype(np.uint8)
    of_file = explain(Corner(), large, size=(40, 60), labels=("blue", "red"))
    assert of_file.trace.picture.shape[1] == 1024
    picture = of_file.picture()
    assert picture.width == 1800
    assert picture.height > 1200
    drawn = np.asarray(picture).astype(int)[:1200]
    away = np.abs(drawn - large).sum(axis=2) > 30
    rows, columns = np.nonzero(away)
    assert 200 < np.median(rows) < 700
    assert 150 < np.median(columns) < 650
    assert of_file.picture(size=400).width == 400


def test_maps_are_chosen_by_place_name_or_themselves(found: Explanation) -> None:
    pictures = [np.asarray(found.picture(wanted)) for wanted in ("occlusion", 1, found.maps[1])]
    assert all(np.array_equal(pictures[0], other) for other in pictures)
    assert not np.array_equal(pictures[0], np.asarray(found.picture()))
    with pytest.raises(CallError, match="there is no map by 'rise' here; there are gradcam, occlusion"):
        found.picture("rise")
    with pytest.raises(CallError, match="there is no map number 4; there are 4, numbered from 0"):
        found.picture(4)


def test_a_notebook_shows_a_picture_and_the_text_is_short(found: Explanation) -> None:
    shown = Image.open(io.BytesIO(found._repr_png_() or b""))
    assert shown.format == "PNG"
    assert repr(found).startswith("Explanation(red ")
    assert len(repr(found)) < 160


def test_classes_compared_share_a_scale_and_contrasts_have_their_own(found: Explanation) -> None:
    red, _, blue, _ = panels_of(found.maps)
    assert red.scale == blue.scale == max(float(np.abs(found.maps[i].value).max()) for i in (0, 2))
    contrast = replace(found.maps[0], target="red against blue", value=found.maps[0].value * 9)
    scales = [panel.scale for panel in panels_of([*found.maps, contrast])]
    assert scales[0] == red.scale
    assert scales[-1] == pytest.approx(9 * float(np.abs(found.maps[0].value).max()))


def test_evidence_of_a_file_is_believed_only_as_far_as_it_makes_sense() -> None:
    assert verdict_of({"verdict": "trust", "trust": 0.9}) == ("trust", 0.9)
    for bad in ({}, {"verdict": 3}, {"verdict": "sure"}, {"verdict": ["trust"]}):
        assert verdict_of(bad) == ("", None)
    assert verdict_of({"verdict": "no", "trust": "x"}) == ("no", None)
    assert reasons_of({"reasons": "no list"}) == ()
    assert reasons_of({"reasons": [1, "a"]}) == ("1", "a")


def test_a_dead_network_is_said_not_drawn() -> None:
    model = Corner()
    nn.init.zeros_(model.dense.weight)
    found = explain(model, photo())
    assert found.map.evidence["verdict"] == "no"
    assert any("zero everywhere" in note for note in found.map.notes)
    assert found.picture().width >= 60


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"target": "camel"}, "there is no class 'camel'"),
        ({"target": []}, "no class is named; give at least one, or leave target out"),
        ({"method": "gradcm"}, "there is no method 'gradcm'; did you mean 'gradcam'"),
        ({"layer": "conv_7"}, "conv_7"),
    ],
)
def test_wrong_calls_are_one_sentence(asked: dict, message: str) -> None:
    with pytest.raises(CallError, match=message) as caught:
        explain(NET, "chelsea", size=16, **asked)
    assert "\n" not in str(caught.value)


# Many photos


def test_many_photos_give_what_each_gives_alone(tmp_path: Path) -> None:
    Image.fromarray(photo(50, 30)).save(tmp_path / "b.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    names = ["chelsea", str(tmp_path / "b.png"), str(tmp_path / "broken.png"), "nothing.jpg", "coffee"]
    options = Options(size=(24, 32), labels=ANIMALS)
    explainer = Explainer(NET, options, target=["dog", "cat:cow"], method="gradcam,gradient")
    rows = list(explainer.over(names))
    assert [row.name for row in rows if isinstance(row, Failure)] == names[2:4]
    assert all(isinstance(row.error, ImageError) for row in rows if isinstance(row, Failure))
    done = [row for row in rows if not isinstance(row, Failure)]
    assert [row.name for row in done] == [names[0], names[1], names[4]]
    for row in done:
        alone = explain(
            NET, row.name, size=(24, 32), labels=ANIMALS, target=["dog", "cat:cow"], method="gradcam,gradient",
            budget_s=None,
        )  # fmt: skip
        assert row.score == pytest.approx(alone.score, abs=1e-6)
        assert row.size == alone.photo.shape[:2]
        assert np.array_equal(row.photo(), alone.photo)
        for ours, theirs in zip(row.maps, alone.maps, strict=True):
            assert np.abs(ours.value - theirs.value).max() <= 1e-5 * max(1e-9, np.abs(theirs.value).max())
            assert (ours.target, ours.layer, ours.score) == (theirs.target, theirs.layer, pytest.approx(theirs.score))
            assert ours.evidence["verdict"] == theirs.evidence["verdict"]


def test_networks_of_any_size_are_built_for_each_photo(tmp_path: Path) -> None:
    for name, shape in (("a", (20, 30)), ("b", (26, 18)), ("c", (20, 30))):
        Image.fromarray(np.full((*shape, 3), 90, np.uint8)).save(tmp_path / f"{name}.png")
    rows = list(Explainer("conv(3, 3) | relu | gap | dense(2)").over(sorted(tmp_path.iterdir())))
    assert [row.maps[0].value.shape for row in rows] == [(20, 30), (26, 18), (20, 30)]
    assert not rows[0].share
    assert len(repr(rows[0])) < 120


def test_what_is_wrong_for_every_photo_stops_at_once_and_what_is_wrong_with_one_does_not() -> None:
    with pytest.raises(CallError, match="there is no class 'camel'"):
        list(Explainer(NET, Options(size=(16, 16)), target="camel").over(["chelsea", "coffee"]))

    class Picky(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if float(x.detach().mean()) > 0.6:
                raise ValueError("too bright")
            return x.mean((2, 3)) * 3

    pixels = [np.full((12, 12, 3), level, np.uint8) for level in (30, 240, 60)]
    pixels[0][2:5, 2:5], pixels[2][6:9, 6:9] = 90, 120
    rows = list(Explainer(Picky(), method="gradient").over(pixels))
    assert [isinstance(row, Failure) for row in rows] == [False, True, False]
    assert isinstance(rows[1].error, ForwardError)


def test_photos_are_read_only_a_little_ahead() -> None:
    asked: list[int] = []

    def endless() -> Iterator[np.ndarray]:
        while True:
            asked.append(1)
            yield photo(16, 16)

    source = Explainer(Corner(), method="gradient").over(endless())
    next(source)
    assert len(asked) <= 20
    source.close()


def test_a_crop_is_placed_in_the_whole_photo() -> None:
    from convscope.adapters.torch import TorchNetwork

    network = TorchNetwork(Corner(), preprocessing=Preprocessing(size=(20, 20), fit="crop"), labels=("blue", "red"))
    (row,) = Explainer(network).over([photo()])
    assert (row.placement.top, row.placement.left, row.placement.height, row.placement.width) == (0, 10, 40, 40)
