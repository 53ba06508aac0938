"""The bundled network for cats and dogs: what it is, how large, and whether it is right."""

import csv

import numpy as np
import pytest

import convscope
from convscope.adapters.saved import Saved
from convscope.networks import FOLDER, path_of
from convscope.predicting import Classifier, Prediction
from convscope.spec import load
from convscope.weights import read


@pytest.fixture(scope="module")
def classifier():
    return Classifier("catdog")


@pytest.fixture(scope="module")
def said():
    return Saved.read(read(path_of("catdog")).metadata)


def test_the_bundled_networks_are_small():
    sizes = {file.name: file.stat().st_size for file in FOLDER.glob("*.safetensors")}
    assert sizes["catdog.safetensors"] <= 2_600_000
    assert sum(sizes.values()) <= 4_000_000


def test_it_is_the_network_on_the_shelf(said):
    assert said.spec.layers == load("catdog").layers
    assert [layer.kind for layer in said.spec.layers[-3:]] == ["gap", "dense", "softmax"]
    assert said.labels == ("cat", "dog")
    assert min(said.preprocessing.size) >= 224


def test_its_weights_are_numbers(said):
    weights = read(path_of("catdog"))
    assert sum(array.size for layer in weights.layers.values() for array in layer.values()) > 1_000_000
    assert all(np.isfinite(array).all() for layer in weights.layers.values() for array in layer.values())


def test_its_probabilities_were_calibrated(said):
    assert said.calibration["samples"] > 1500
    assert said.calibration["error"] < 0.03


def test_chelsea_is_a_cat():
    found = convscope.trace("catdog", "chelsea")
    assert found.scores[0].label == "cat"
    assert found.input.shape == (3, 224, 224)


def test_it_knows_the_tutorials_photos(classifier, shared_data):
    photos = [shared_data / "tutorial_photos" / name for name in ("cat1.jpg", "dog1.jpg")]
    assert [found.label for found in classifier.over(photos)] == ["cat", "dog"]


def test_it_takes_photos_of_any_size(classifier):
    pixels = np.random.default_rng(0).integers(0, 256, (37, 801, 3), np.uint8)
    (found,) = classifier.over([pixels])
    assert isinstance(found, Prediction)
    assert sum(score.value for score in found.scores) == pytest.approx(1)


def test_it_is_right_on_pets_of_another_set(classifier, shared_data):
    with (shared_data / "pets" / "manifest.csv").open(newline="") as file:
        pets = list(csv.DictReader(file))
    found = list(classifier.over([shared_data / "pets" / "images" / pet["file"] for pet in pets]))
    right = [answer.label == pet["species"] for answer, pet in zip(found, pets, strict=True)]
    assert len(right) == 210
    assert np.mean(right) >= 0.95


def test_its_card_says_what_it_is(said):
    card = path_of("catdog").with_suffix(".md").read_text(encoding="utf-8")
    for word in ("Apache-2.0", "convscope train", "Limits", "calibration"):
        assert word in card
    assert f"{said.calibration['samples']:,}" in card
