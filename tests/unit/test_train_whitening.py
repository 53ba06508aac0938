"""A first convolution that begins with the directions of the data's patches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from convscope.data.samples import ArraySamples
from convscope.errors import CallError
from convscope.spec import build, load, parse
from convscope.train import Recipe, fit
from convscope.train.whitening import FLOOR, directions, whiten
from tiny_training import model, samples

RECIPE = Recipe(epochs=1, batch=10, validation=0.0, precision="float32", threads=1, whiten=True, scale="unit")


def striped(count: int = 200, side: int = 9) -> ArraySamples:
    """Grey pictures of upright stripes, of any phase and contrast."""
    random = np.random.default_rng(0)
    across = np.arange(side)[None, None, :] + random.integers(0, 4, (count, 1, 1))
    values = 128 + random.integers(20, 120, (count, 1, 1)) * np.sin(across * np.pi / 2)
    pictures = np.repeat(values, side, axis=1).astype(np.uint8)[..., None]
    return ArraySamples(pictures, [0, 1] * (count // 2), ["a", "b"])


def test_directions_are_those_of_the_covariance() -> None:
    """Held against numpy's singular values of the centred patches, which share no step with what is done here."""
    random = np.random.default_rng(1)
    patches = random.normal(size=(4000, 6)) @ random.normal(size=(6, 6)) + 3
    weight, bias = directions(patches, 12, random)
    centred = patches - patches.mean(axis=0)
    _, singular, rows = np.linalg.svd(centred, full_matrices=False)
    variances = singular**2 / (len(patches) - 1)
    wanted = rows / np.sqrt(variances + FLOOR * variances.mean())[:, None]
    for own, direction in zip(weight[::2], wanted, strict=True):
        np.testing.assert_allclose(np.abs(own @ direction) / np.linalg.norm(own) / np.linalg.norm(direction), 1)
        np.testing.assert_allclose(np.linalg.norm(own), np.linalg.norm(direction))
    np.testing.assert_array_equal(weight[::2], -weight[1::2])
    outputs = centred @ weight[::2].T
    np.testing.assert_allclose(np.cov(outputs, rowvar=False) - np.diag(outputs.var(axis=0, ddof=1)), 0, atol=1e-9)
    assert (patches @ weight.T + bias).mean(axis=0).max() <= 1e-9  # thresholds are only ever raised


def test_more_filters_than_directions_are_mixtures_of_them_and_fewer_the_largest() -> None:
    random = np.random.default_rng(2)
    patches = random.normal(size=(3000, 4)) * (5, 3, 1, 0.5)
    many, _ = directions(patches, 21, random)
    assert many.shape == (21, 4)
    assert np.linalg.matrix_rank(many) == 4
    assert len(np.unique(many.round(9), axis=0)) == 21
    few, bias = directions(patches, 2, random)
    assert abs(few[0, 0]) > 20 * np.abs(few[0, 1:]).max()
    assert bias.shape == (2,)


def test_filters_see_patches_as_the_convolution_does() -> None:
    """Stripes do not change downwards: neither do the filters, and what the two give has a deviation of 1."""
    data = striped()
    network = build(parse("conv(6, 3x2) | relu | gap | dense(2)"), (1, 9, 9), seed=0)
    whiten(network, data, np.arange(len(data)), RECIPE)
    convolution = next(part for part in network.modules() if isinstance(part, nn.Conv2d))
    weight = convolution.weight.detach().numpy()
    for first, second in ((0, 1), (2, 3)):
        np.testing.assert_array_equal(weight[first], -weight[second])
    np.testing.assert_allclose(weight[:4], weight[:4].mean(axis=2, keepdims=True).repeat(3, axis=2), atol=1e-5)
    images = torch.from_numpy(data.take(np.arange(len(data)))).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        deviation = convolution(images).std(dim=(0, 2, 3))
    np.testing.assert_allclose(deviation[:4], 1, atol=0.1)
    assert deviation[4:].max() < 1e-3  # there is no third way in which stripes two pixels wide can differ


def test_a_training_begins_with_them_and_the_callers_model_stays(tmp_path: Path) -> None:
    mine, seen = model(), []
    before = {name: value.clone() for name, value in mine.state_dict().items()}

    def probe(trained: nn.Module, epoch: int, *, last: bool) -> None:
        seen.append(next(value.detach().clone() for value in trained.parameters()))

    fit(mine, samples(), RECIPE, tmp_path / "one", probe=probe, finish=False)
    fit(mine, samples(), RECIPE, tmp_path / "two", probe=probe, finish=False)
    expected = model()
    whiten(expected, samples(), np.arange(len(samples())), RECIPE)
    assert torch.equal(seen[0], next(expected.parameters()))
    assert torch.equal(seen[0], seen[2])
    assert torch.equal(seen[1], seen[3])
    assert all(torch.equal(before[name], value) for name, value in mine.state_dict().items())


@pytest.mark.parametrize("network", ["fashion-dense", "batchnorm | conv(4, 3) | gap | dense(2)"])
def test_another_first_layer_is_refused(network: str, tmp_path: Path) -> None:
    other = build(load(network), (1, 28, 28))
    with pytest.raises(CallError, match=r"first layer is a convolution of the pictures' 1 channels, and here it is"):
        whiten(other, striped(side=28), np.arange(10), RECIPE)
    with pytest.raises(CallError, match="has no layer with weights"):
        whiten(nn.Sequential(nn.ReLU()), striped(), np.arange(10), RECIPE)
