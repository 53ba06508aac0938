"""Names of photos: the same numbers as ``see`` shows, whatever the batch; what cannot be read stops nothing."""

from __future__ import annotations

import csv
import gc
import json
import math
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import convscope
from convscope.adapters import Options
from convscope.app import cli
from convscope.errors import CallError, ForwardError, ImageError, ModelError
from convscope.network import Preprocessing
from convscope.predicting import Classifier, Failure, Prediction, find_photos
from convscope.predicting import classifier as classifying
from convscope.spec import build, parse
from convscope.train.export import export_network

ONE = "input(24x24x3) | conv(4, 3) | relu | gap | dense(1, bias_init=0.5) | sigmoid"
THREE = "input(24x24x3) | conv(4, 3) | relu | gap | dense(3) | softmax"
FREE = "conv(4, 3, padding=same, stride=2) | relu | gap | dense(3) | softmax"
ANIMALS = ("cat", "dog", "cow")
FACTS = {"temperature": 1.7, "error": 0.02, "samples": 4000}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a folder of photos in it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    numbers = np.random.default_rng(3)
    for i, name in enumerate(["b.png", "a.JPG", "deep/c.png", "deep/nameless", ".hidden/x.png"]):
        pixels = numbers.integers(0, 256, (30 + 7 * (i % 2), 41, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name, "JPEG" if name.endswith("JPG") else "PNG")
    (folder / "notes.txt").write_text("no picture")
    return folder


def network(text: str, labels: tuple[str, ...], **more: Any) -> str:
    """A network's file."""
    spec = parse(text)
    model = build(spec, None if spec.input else (3, 24, 24))
    with torch.no_grad():  # random weights of a fresh network say about the same of every photo
        model.dense_1.weight.mul_(20)
    facts: dict[str, Any] = {"preprocessing": Preprocessing(), "title": "tiny"}
    export_network("tiny.safetensors", model, spec, labels, **facts | more)
    return "tiny.safetensors"


def typed(*words: str) -> int:
    with pytest.raises(SystemExit) as done:
        cli.main(["predict", *words])
    return int(done.value.code or 0)


# The numbers


@pytest.mark.parametrize(
    ("text", "labels"), [(ONE, ("cat", "dog")), (THREE, ANIMALS), (FREE, ANIMALS), (THREE[:-10], ANIMALS)],
    ids=["sigmoid", "softmax", "any size", "scores"],
)  # fmt: skip
def test_the_raw_numbers_are_those_of_see(photos: Path, text: str, labels: tuple[str, ...]) -> None:
    file = network(text, labels, calibration=FACTS)
    names = [str(photos / name) for name in ("b.png", "a.JPG", "deep/c.png")] + ["chelsea"]
    for found, name in zip(convscope.predict(file, names), names, strict=True):
        seen = {score.label: score.value for score in convscope.trace(file, name).scores}
        assert found.name == name
        assert dict(zip(labels, found.raw, strict=True)) == pytest.approx(seen, abs=1e-5)
        assert found.label == max(seen, key=seen.__getitem__)
        assert [score.value for score in found.scores] == sorted((s.value for s in found.scores), reverse=True)


@pytest.mark.parametrize(("text", "labels"), [(ONE, ("cat", "dog")), (THREE, ANIMALS)])
def test_calibrated_numbers_are_those_of_scores_divided_by_the_temperature(
    photos: Path, text: str, labels: tuple[str, ...]
) -> None:
    file = network(text, labels, calibration=FACTS)
    (found,) = convscope.predict(file, "chelsea")
    scores = torch.from_numpy(convscope.trace(file, "chelsea")["dense_1"].value.astype(np.float64)) / 1.7
    likely = scores.softmax(0) if len(scores) > 1 else torch.cat([1 - scores.sigmoid(), scores.sigmoid()])
    assert {s.index: s.value for s in found.scores} == pytest.approx(dict(enumerate(likely.tolist())), abs=1e-6)
    assert found.value < max(found.raw)


def test_without_a_calibration_the_numbers_are_raw(photos: Path) -> None:
    (found,) = convscope.predict(network(THREE, ANIMALS), "chelsea")
    assert [score.value for score in found.scores] == sorted(found.raw, reverse=True)


def test_a_sigmoid_that_is_very_sure_keeps_what_a_probability_would_lose(photos: Path) -> None:
    file = network(ONE.replace("0.5", "60"), ("cat", "dog"), calibration={**FACTS, "temperature": 10.0})
    (found,) = convscope.predict(file, "chelsea")
    score = float(convscope.trace(file, "chelsea")["dense_1"].value[0])
    assert max(found.raw) == pytest.approx(1)
    assert found.scores[1].value == pytest.approx(1 / (1 + math.exp(score / 10)), rel=1e-4)


class Odd(nn.Module):
    """Code of somebody's own: a list of outputs, dropout, and a step that only a batch of several shows."""

    def __init__(self, *, mixes: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.drop = nn.Dropout(0.5)
        self.mixes = mixes

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = self.conv(self.drop(x))
        centred = (maps - maps.mean(0, keepdim=True) if len(maps) > 1 else maps) if self.mixes else maps
        return {"maps": maps, "answer": (30 * centred.mean((2, 3))).softmax(-1)}


@pytest.mark.parametrize("mixes", [False, True])
def test_code_of_somebodys_own_gives_the_numbers_of_see_and_comes_back_as_it_was(photos: Path, mixes: bool) -> None:
    torch.manual_seed(0)
    model = Odd(mixes=mixes).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    names = [str(photos / "b.png"), str(photos / "deep/c.png"), "coffee"]
    for found, name in zip(convscope.predict(model, names, size=24), names, strict=True):
        seen = convscope.trace(model, name, size=24)
        expected = {score.index: score.value for score in seen.scores}
        assert dict(enumerate(found.raw)) == pytest.approx(expected, abs=1e-5)
    assert model.training
    assert model.drop.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_arrays_pictures_and_tensors_are_images_too(photos: Path) -> None:
    file = network(THREE, ANIMALS)
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    ready = torch.from_numpy(pixels / np.float32(255)).permute(2, 0, 1)
    found = convscope.predict(file, [pixels, Image.fromarray(pixels), ready, Path("photos/b.png")])
    assert found[0].raw == pytest.approx(found[1].raw)
    assert found[0].raw == pytest.approx(found[2].raw, abs=1e-6)
    assert found[3].name == str(Path("photos/b.png"))


def test_batches_change_nothing(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = network(FREE, ANIMALS)
    names = [str(photos / name) for name in ("b.png", "deep/c.png", "a.JPG", "deep/nameless", "b.png", "b.png")]
    together = convscope.predict(file, names)
    monkeypatch.setattr(classifying, "BATCH", 1)
    alone = convscope.predict(file, names)
    assert [one.name for one in together] == names
    for one, other in zip(together, alone, strict=True):
        assert one.raw == pytest.approx(other.raw, abs=1e-6)


def test_a_size_at_which_a_network_is_impossible_fails_alone(photos: Path) -> None:
    file = network("conv(2, 9) | conv(2, 9) | gap | dense(3) | softmax", ANIMALS)
    Image.new("RGB", (5, 5)).save("small.png")
    found = list(Classifier(file).over(["chelsea", "small.png", "coffee"]))
    assert [type(one) for one in found] == [Prediction, Failure, Prediction]
    with pytest.raises(CallError, match="the window is larger than the map"):
        convscope.predict(file, ["small.png"])


def test_thousands_of_photos_take_no_more_memory_than_hundreds(photos: Path) -> None:
    classifier = Classifier(network(THREE, ANIMALS))

    def peak(count: int) -> int:
        gc.collect()
        tracemalloc.start()
        for _ in classifier.over((np.full((40, 40, 3), i % 256, np.uint8) for i in range(count)), threads=2):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(50)
    assert peak(250) < 1.2 * peak(70) + 100_000


def test_photos_are_read_only_so_far_ahead(photos: Path) -> None:
    asked = []

    def endless() -> Iterator[str]:
        while True:
            asked.append(1)
            yield "photos/b.png"

    source = Classifier(network(THREE, ANIMALS)).over(endless(), threads=2)
    assert isinstance(next(source), Prediction)
    assert len(asked) <= 2 * classifying.BATCH + 8
    source.close()  # type: ignore[attr-defined]


def test_what_is_no_classifier_is_refused(photos: Path) -> None:
    with pytest.raises(ModelError, match="does not answer with a list of scores, so it names no photo"):
        convscope.predict("conv(3, 3) | relu", "chelsea")
    with pytest.raises(ForwardError, match="stopped"):
        convscope.predict(nn.Sequential(nn.Linear(7, 2)), "chelsea")
    with pytest.raises(ImageError, match=r"there is no file 'nothing.jpg'"):
        convscope.predict(THREE, ["chelsea", "nothing.jpg"])


def test_labels_of_the_caller_are_used_where_they_are_as_many(photos: Path) -> None:
    assert {s.label for s in convscope.predict(THREE, "chelsea", labels=ANIMALS)[0].scores} == set(ANIMALS)
    assert {s.label for s in convscope.predict(THREE, "chelsea", labels=("a",))[0].scores} == {"0", "1", "2"}
    assert Classifier(THREE, Options()).calibration is None


# Which photos


def test_folders_are_searched_and_patterns_matched(photos: Path) -> None:
    listed = [str(Path("photos") / name) for name in ("a.JPG", "b.png", "deep/c.png", "deep/nameless")]
    assert find_photos(["photos"]) == listed
    assert find_photos(["photos/*.png", "chelsea"]) == [listed[1], "chelsea"]
    assert find_photos(["photos/**/*"]) == listed
    Path("odd[1].png").write_bytes(Path("photos/b.png").read_bytes())
    assert find_photos(["odd[1].png"]) == ["odd[1].png"]


def test_links_in_a_circle_end(photos: Path) -> None:
    (photos / "deep" / "up").symlink_to(photos)
    assert len(find_photos(["photos"])) == 4


def test_folders_and_patterns_without_pictures_are_one_sentence(photos: Path) -> None:
    Path("empty").mkdir()
    with pytest.raises(CallError, match="the folder 'empty' holds no picture; give a folder of photos"):
        find_photos(["empty"])
    with pytest.raises(CallError, match=r"no picture matches 'photos/\*.gif'; check the pattern"):
        find_photos(["photos/*.gif"])


# The command


def test_one_line_a_photo(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = network(ONE, ("cat", "dog"), calibration=FACTS)
    assert typed("photos", "--model", file, "--top", "2") == 0
    out, err = capsys.readouterr()
    first, *lines = out.splitlines()
    assert first == "tiny: calibrated probabilities (temperature 1.7, error 2.0% on 4,000 photos)"
    assert [line.split("  ")[0] for line in lines] == find_photos(["photos"])
    expected = convscope.predict(file, find_photos(["photos"])[0]).pop()
    assert lines[0].split("  ")[1:] == [f"{score.label} {score.value:.4f}" for score in expected.scores]
    assert err == ""


def test_what_the_numbers_are_is_said(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("chelsea", "--model", network(THREE, ANIMALS)) == 0
    assert "raw probabilities (the network was never calibrated" in capsys.readouterr().out
    assert typed("chelsea", "--model", "gap | dense(3)") == 0
    assert "scores as they came out, no probabilities" in capsys.readouterr().out


def test_photos_that_cannot_be_read_stop_nothing(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "a.JPG").write_bytes((photos / "a.JPG").read_bytes()[:200])
    (photos / "b.png").write_bytes(b"")
    file = network(THREE, ANIMALS)
    assert typed("photos", "nothing.jpg", "--model", file) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    sentences = err.splitlines()
    assert len(sentences) == 4
    assert sentences[0].startswith("convscope: photos/a.JPG: 'a.JPG' is cut off")
    assert sentences[1].startswith("convscope: photos/b.png: 'b.png' is empty")
    assert sentences[2].startswith("convscope: there is no file 'nothing.jpg'")
    assert sentences[3] == "convscope: 3 of 5 photos got no name"
    assert typed("photos", "nothing.jpg", "--model", file, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["file"] for one in told["failed"]] == ["photos/a.JPG", "photos/b.png", "nothing.jpg"]
    assert len(told["predictions"]) == 2


def test_the_json_object(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = network(THREE, ANIMALS, calibration=FACTS)
    assert typed("chelsea", "coffee", "--model", file, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    (one, _) = told["predictions"]
    expected = convscope.predict(file, "chelsea").pop()
    assert (told["model"], told["calibrated"], told["temperature"]) == ("tiny", True, 1.7)
    assert (one["file"], one["label"]) == ("chelsea", expected.label)
    assert one["probability"] == pytest.approx(expected.value, abs=1e-6)
    raw = [expected.raw[score.index] for score in expected.scores]
    assert [score["raw"] for score in one["scores"]] == pytest.approx(raw, abs=1e-6)
    assert typed("chelsea", "--model", file, "--json", "--top", "1") == 0
    assert len(json.loads(capsys.readouterr().out)["predictions"][0]["scores"]) == 1
    assert typed("chelsea", "--model", "gap | dense(3)", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["probabilities"], told["calibrated"], told["temperature"]) == (False, False, None)
    assert told["predictions"][0]["probability"] is None


def test_numbers_that_are_none_are_still_json(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    huge = "dense(2, init=constant(1e30))"
    assert typed("chelsea", "--model", f"gap | {huge} | {huge}", "--json") == 0
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told["predictions"][0]["scores"][0]["value"] == "inf"


def test_the_table_has_a_row_a_photo_and_a_column_a_class(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = network(THREE, ("cat", "dog, old", "cow\n"))
    assert typed("photos", "--model", file, "--csv", "found.csv") == 0
    with Path("found.csv").open(encoding="utf-8", newline="") as text:
        head, *rows = csv.reader(text)
    assert head == ["file", "label", "probability", "cat", "dog, old", "cow\n"]
    assert [row[0] for row in rows] == find_photos(["photos"])
    raw = list(convscope.predict(file, rows[0][0])[0].raw)
    assert [float(number) for number in rows[0][3:]] == pytest.approx(raw, abs=1e-6)
    capsys.readouterr()
    assert typed("photos", "--model", file, "--csv", "found.csv") == 2
    assert "'found.csv' exists already" in capsys.readouterr().err
    assert typed("chelsea", "--model", file, "--csv", "found.csv", "--overwrite") == 0
    assert len(Path("found.csv").read_text().splitlines()) == 3


@pytest.mark.skipif(os.name == "nt", reason="names of files are text on Windows")
def test_names_that_are_no_text_are_spelled_out(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = os.path.join(b"photos", b"a\xff\x1b[31m.png")  # noqa: PTH118
    Path("photos/b.png").rename(os.fsdecode(odd))
    file = network(THREE, ANIMALS)
    assert typed("photos", "--model", file, "--csv", "t.csv", "--top", "1") == 0
    out = capsys.readouterr().out
    assert r"a\xff\x1b[31m.png" in out
    assert "\x1b" not in out
    assert typed("photos", "--model", file, "--json") == 0
    assert json.loads(capsys.readouterr().out)["predictions"][1]["file"] == "photos/a\\xff\x1b[31m.png"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Missing argument 'IMAGE...'"),
        ([""], "an IMAGE is empty"),
        (["chelsea", "--model", "nothing:here"], "'nothing:here' cannot be imported"),
        (["chelsea", "--model", "conv(3, 3) | relu"], "does not answer with a list of scores"),
        (["chelsea", "--model", "no.safetensors"], "no.safetensors cannot be read: No such file"),
        (["chelsea", "--scale", "huge"], "--scale 'huge' is unknown"),
        (["chelsea", "--size", "big"], "--size 'big' is no size"),
        (["chelsea", "--top", "0"], "Invalid value for '--top'"),
    ],
)
def test_a_wrong_call_is_one_sentence(
    photos: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", ["."])
    assert typed(*words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert sentence in err
