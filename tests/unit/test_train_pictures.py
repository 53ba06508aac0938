"""What comes of a training as numbers and pictures: evaluation against numpy, pictures that can be read."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from convscope.data.samples import ArraySamples
from convscope.draw.chart import COLORS, Line, chart, steps
from convscope.draw.theme import LIGHT
from convscope.errors import CallError
from convscope.spec import build, parse
from convscope.train import fit, pictures
from convscope.train.confusion import RIGHT, confusion_picture
from convscope.train.curves import best_epoch, comparison_picture, curves_picture
from convscope.train.evaluate import Evaluation, evaluate, evaluate_model
from convscope.train.recipe import Recipe
from convscope.train.wrong import CELL, wrong_picture
from drawing import has, rgb

CLASSES = ("ant", "bee", "cat")


def made(n: int = 200, k: int = 3, seed: int = 0) -> Evaluation:
    draws = np.random.default_rng(seed)
    logits = draws.normal(0, 2, (n, k)).astype(np.float32)
    return Evaluation(logits, draws.integers(0, k, n), np.arange(n) + 1000)


def collection(n: int, shape: tuple[int, int, int] = (6, 8, 3), seed: int = 0) -> SimpleNamespace:
    draws = np.random.default_rng(seed)
    pixels = draws.integers(0, 256, (n, *shape), dtype=np.uint8)
    return SimpleNamespace(
        classes=CLASSES, shape=shape, labels=draws.integers(0, 3, n), names=[f"photo {i}" for i in range(n)],
        take=lambda which: pixels[which], pixels=pixels,
    )  # fmt: skip


def to_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


# Evaluation


def test_the_numbers_are_those_of_numpy_and_pytorch() -> None:
    found = made()
    truth = np.zeros((3, 3), int)
    for label, row in zip(found.labels, found.logits, strict=True):
        truth[label, int(np.argmax(row))] += 1
    np.testing.assert_array_equal(found.confusion, truth)
    assert found.accuracy == np.trace(truth) / 200
    loss = torch.nn.functional.cross_entropy(torch.from_numpy(found.logits), torch.from_numpy(found.labels))
    assert found.loss == pytest.approx(float(loss), rel=1e-5)
    softmax = torch.softmax(torch.from_numpy(found.logits).double(), 1).numpy()
    np.testing.assert_allclose(found.confidence, softmax.max(axis=1), rtol=1e-6)
    np.testing.assert_allclose(found.per_class, np.diag(truth) / truth.sum(axis=1))
    np.testing.assert_allclose(found.precision, np.diag(truth) / truth.sum(axis=0))


def test_mistakes_come_with_the_surest_first() -> None:
    found = made()
    softmax = torch.softmax(torch.from_numpy(found.logits).double(), 1).numpy()
    places = found.mistakes()
    assert set(places) == set(np.flatnonzero(found.logits.argmax(axis=1) != found.labels))
    sure = softmax[places].max(axis=1)
    assert (np.diff(sure) <= 0).all()
    assert found.mistakes(3).tolist() == places[:3].tolist()


def test_the_pairs_that_are_confused_most_are_counted() -> None:
    logits = np.eye(3, dtype=np.float32)[[1, 1, 2, 0, 0, 0]]
    found = Evaluation(logits, np.array([0, 0, 0, 0, 1, 2]), np.arange(6))
    assert found.confused() == [(0, 1, 2), (0, 2, 1), (1, 0, 1), (2, 0, 1)]
    assert found.confused(1) == [(0, 1, 2)]


def test_logits_that_overflow_exp_and_classes_without_samples_are_no_trouble() -> None:
    found = Evaluation(np.array([[1e4, -1e4, 0.0]], np.float32), np.array([1]), np.arange(1))
    assert found.loss == pytest.approx(2e4)
    assert found.report(CLASSES)["classes"][0] == {
        "name": "ant", "samples": 0, "recognised": None, "precision": 0.0
    }  # fmt: skip
    nothing = Evaluation(np.zeros((0, 3), np.float32), np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert np.isnan(nothing.accuracy)
    assert nothing.report(CLASSES)["loss"] is None


def test_labels_beyond_the_networks_classes_are_refused() -> None:
    with pytest.raises(CallError, match=r"the labels run from 0 to 3, but the network answers for 3 classes; give"):
        Evaluation(np.zeros((2, 3), np.float32), np.array([0, 3]), np.arange(2))


@pytest.mark.parametrize("batch", [1, 7, 512])
def test_every_sample_is_asked_about_once_in_order_whatever_the_batch(batch: int) -> None:
    samples = collection(20)
    which = np.array([3, 3, 19, 0, 7, 11, 5, 2], np.int64)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(144, 3))
    readers: set[str] = set()
    taken = samples.take
    samples.take = lambda some: (readers.add(threading.current_thread().name), taken(some))[1]
    found = evaluate(model, samples, which, preprocess=to_tensor, batch=batch)
    with torch.no_grad():
        expected = model(to_tensor(samples.pixels[which])).numpy()
    np.testing.assert_allclose(found.logits, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.labels, samples.labels[which])
    np.testing.assert_array_equal(found.indices, which)
    assert threading.main_thread().name not in readers


def test_one_output_is_the_logit_of_the_second_class() -> None:
    samples = collection(9)
    samples.labels = np.arange(9) % 2
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(144, 1))
    found = evaluate(model, samples, np.arange(9), preprocess=to_tensor)
    with torch.no_grad():
        logits = model(to_tensor(samples.pixels))[:, 0]
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(samples.labels).float())
    assert found.loss == pytest.approx(float(loss), rel=1e-5)
    np.testing.assert_array_equal(found.predicted, (logits > 0).numpy())


def test_a_model_keeps_its_mode_and_a_dropout_is_not_asked() -> None:
    samples = collection(9)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.9), torch.nn.Linear(144, 3), torch.nn.Softmax(1))
    model.train()
    first, second = (evaluate_model(model, samples, np.arange(9)) for _ in range(2))
    np.testing.assert_array_equal(first.logits, second.logits)
    assert all(module.training for module in model.modules())
    with torch.no_grad():
        plain = model[2](to_tensor(samples.pixels).flatten(1)).numpy()
    np.testing.assert_allclose(first.logits, plain, rtol=1e-4, atol=1e-5)  # before the softmax


def test_what_reading_raises_comes_through() -> None:
    samples = collection(9)

    def broken(_: np.ndarray) -> np.ndarray:
        raise OSError("the disk has gone")

    samples.take = broken
    with pytest.raises(OSError, match="the disk has gone"):
        evaluate(lambda x: x, samples, np.arange(9), preprocess=to_tensor)
    with pytest.raises(CallError, match="a batch has at least 1 sample; got 0"):
        evaluate(lambda x: x, samples, np.arange(9), preprocess=to_tensor, batch=0)


# Charts


def test_axes_have_round_numbers_around_everything() -> None:
    for low, high in ((0.12, 0.93), (-3, 4), (0.9012, 0.9034), (1e-6, 3e-6), (5, 5), (0, 0), (-2.5, -2.5), (3, 1e6)):
        found = steps(low, high, 5)
        assert found[0] <= low <= high <= found[-1]
        assert 3 <= len(found) <= 9
        np.testing.assert_allclose(np.diff(found), found[1] - found[0], rtol=1e-6)


def test_a_line_is_drawn_where_its_numbers_are() -> None:
    flat = chart([Line("a", [(1, 0.5), (9, 0.5)], COLORS[0]), Line("b", [(1, 0.0), (9, 1.0)], COLORS[1])], title="t",
                 x_label="epoch", size=(400, 300))  # fmt: skip
    found = (rgb(flat) == np.array(COLORS[0])).all(axis=2)
    rows = np.flatnonzero(found[:, 150:300].any(axis=1))
    middle = (58 + (300 - 44)) / 2  # half-way between the plot's edges
    assert abs(rows.mean() - middle) < 2


def test_numbers_that_are_missing_leave_a_gap_and_nothing_at_all_is_said() -> None:
    nan = float("nan")
    assert Line("a", [(1, nan), (2, 3.0), (3, float("inf"))], COLORS[0]).finite == [(2, 3.0)]
    empty = chart([Line("a", [(1, nan)], COLORS[0])], title="loss", x_label="epoch")
    assert not has(empty, COLORS[0]) or empty.size == (560, 380)
    curves_picture([])
    curves_picture([{"epoch": "1", "train_loss": "nan", "validation_loss": ""}])
    curves_picture([{"epoch": i, "train_loss": 1 / i, "train_accuracy": 1.0} for i in range(1, 200)], title="x" * 300)


def test_the_best_epoch_is_the_first_of_the_most_accurate() -> None:
    rows = [{"epoch": i + 1, "validation_accuracy": value} for i, value in enumerate((0.5, 0.9, None, 0.9, 0.8))]
    assert best_epoch(rows) == 1
    assert best_epoch([{"epoch": 1}]) is None


def test_each_compared_network_has_its_colour() -> None:
    rows = [{"epoch": i, "train_loss": 1.0 / i, "validation_loss": 1.2 / i} for i in (1, 2, 3)]
    image = comparison_picture([("dense", rows), ("cnn", rows[:2])], title="both")
    assert has(image, COLORS[0])
    assert has(image, COLORS[1])
    assert not has(image, COLORS[2])


# Pictures


@pytest.mark.parametrize("classes", [2, 3, 10, 25, 100])
def test_the_confusion_matrix_is_readable_for_two_and_for_a_hundred_classes(classes: int) -> None:
    labels = np.arange(classes).repeat(2)
    logits = np.eye(classes, dtype=np.float32)[labels] * 9
    image = confusion_picture(
        Evaluation(logits, labels, np.arange(len(labels))), [f"class {i}" for i in range(classes)]
    )
    assert has(image, RIGHT)
    diagonal = np.argwhere((rgb(image) == np.array(RIGHT)).all(axis=2))
    assert np.corrcoef(diagonal.T)[0, 1] > 0.6  # it runs from the left top to the right bottom
    assert max(image.size) < 2000


def test_rows_are_true_classes() -> None:
    """Class 0 is always taken for 1 and never the other way round: the strong wrong cell is on the upper right."""
    labels = np.array([0, 0, 1, 1])
    image = confusion_picture(Evaluation(np.eye(2, dtype=np.float32)[[1, 1, 1, 1]], labels, np.arange(4)), ("a", "b"))
    blue = np.argwhere((rgb(image) == np.array(RIGHT)).all(axis=2)).mean(axis=0)
    orange = np.argwhere((rgb(image) == np.array((200, 64, 10))).all(axis=2)).mean(axis=0)
    assert orange[0] < blue[0] - 50  # above
    assert abs(orange[1] - blue[1]) < 5  # in the same column


def test_names_from_outside_are_only_text() -> None:
    names = ("<img src=x>", "猫" * 60, "line\nbreak\x1b[31m")
    confusion_picture(made(), names)
    samples = collection(2000)
    samples.names = ["\x1b" * 500] * 2000
    wrong_picture(made(), samples, names)


def test_the_surest_mistakes_are_shown_first_with_their_pixels() -> None:
    samples = collection(30)
    logits = np.zeros((4, 3), np.float32)
    logits[:, 0] = [1, 5, 2, 3]
    found = Evaluation(logits, np.array([1, 2, 0, 1]), np.array([10, 11, 12, 13]))
    image = rgb(wrong_picture(found, samples))
    for column, sample in enumerate((11, 13, 10)):
        x = 24 + column * (CELL + 14)
        shown = image[84 : 84 + 112, x : x + CELL]
        expected = np.asarray(Image.fromarray(samples.pixels[sample]).resize((CELL, 112), Image.Resampling.NEAREST))
        np.testing.assert_array_equal(shown, expected)


def test_without_mistakes_the_picture_says_so() -> None:
    right = Evaluation(np.eye(3, dtype=np.float32), np.arange(3), np.arange(3))
    image = wrong_picture(right, collection(3))
    assert image.height < 120
    assert set(map(tuple, rgb(image).reshape(-1, 3))) >= {LIGHT.ink}


def test_all_pictures_are_written_and_named(tmp_path: Path) -> None:
    rows = [{"epoch": 1, "train_loss": 1.0, "validation_accuracy": 0.5}]
    found = Evaluation(made(30).logits, made(30).labels, np.arange(30))
    names = pictures.save_pictures(tmp_path, rows, found, collection(30), title="cnn on photos")
    assert names == {"curves": "curves.png", "confusion": "confusion.png", "wrong": "wrong.png"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["confusion.png", "curves.png", "wrong.png"]
    assert pictures.save_pictures(tmp_path / "none", [], None, collection(3)) == {}


@pytest.mark.parametrize(("count", "rough"), [(98, False), (120, True), (600, False)])
def test_probabilities_are_calibrated_where_enough_was_held_out(tmp_path: Path, count: int, rough: bool) -> None:
    draws = np.random.default_rng(1)
    images, labels = draws.integers(0, 256, (count, 4, 4, 1), np.uint8), draws.integers(0, 2, count)
    samples = ArraySamples(images, labels, ["no", "yes"])
    recipe = Recipe(epochs=1, batch=16, validation=0.9 if count == 600 else 0.48)
    run = fit(build(parse("conv(2, 3) | gap | dense(2)"), (1, 4, 4)), samples, recipe, tmp_path / "run")
    held_out, written = len(run.split.validation), (tmp_path / "run" / "reliability.png").exists()
    found = run.report["calibration"]
    assert written is (held_out >= 50) is (found is not None)
    assert (found is None) is (count == 98)
    assert any(f"on {held_out} samples only" in note for note in run.notes) is rough
