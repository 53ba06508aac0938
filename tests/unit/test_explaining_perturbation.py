"""Occlusion and RISE, against loops over the network."""

import numpy as np
import pytest
import torch
from torch import nn

from convscope.errors import CallError
from convscope.explaining.perturbations import random_masks
from explaining import gap_network, maps_of, opened, photos


def scores_of(model, batch):
    with torch.no_grad():
        return model(torch.from_numpy(np.ascontiguousarray(batch, np.float32))).numpy().astype(np.float64)


@pytest.mark.parametrize("shape", [(3, 16, 16), (3, 9, 20), (1, 28, 28)])
def test_occlusion_is_the_mean_loss_over_the_patches_that_cover_a_pixel(shape):
    model = gap_network(channels=shape[0])
    x = photos(1, shape)[0]
    found = maps_of(model, x[None], "occlusion")[0][0]
    side, stride = found.facts["patch"], found.facts["stride"]
    assert side == -(-min(shape[1:]) // 7)
    whole = scores_of(model, x[None])[0, 1]
    mean = x.mean((1, 2), keepdims=True)
    lost, times = np.zeros(shape[1:]), np.zeros(shape[1:])
    tops, lefts = (sorted({*range(0, n - side + 1, stride), n - side}) for n in shape[1:])
    for top in tops:
        for left in lefts:
            covered = x.copy()
            covered[:, top : top + side, left : left + side] = mean
            lost[top : top + side, left : left + side] += whole - scores_of(model, covered[None])[0, 1]
            times[top : top + side, left : left + side] += 1
    assert times.min() >= 1
    np.testing.assert_allclose(found.value, lost / times, rtol=1e-3, atol=1e-5)
    assert found.grid == (len(tops), len(lefts))
    assert found.facts["passes"] == len(tops) * len(lefts) + 1


def test_rise_is_the_mean_of_the_masks_that_show_a_pixel():
    model = gap_network(ending=nn.Softmax(1))
    x = photos(1, (3, 14, 21))[0]
    found = maps_of(model, x[None], "rise", samples=50, seed=3)[0][0]
    masks = np.concatenate(list(random_masks((14, 21), 50, 3, 50)))
    base = x.mean((1, 2), keepdims=True)
    said = scores_of(model, base + masks[:, None] * (x - base))[:, 1]
    expected = np.einsum("n,nhw->hw", said, masks) / masks.sum(0) - said.mean()
    np.testing.assert_allclose(found.value, expected, rtol=1e-3, atol=1e-6)
    assert found.facts["masks"] == 50
    assert found.facts["mean_probability"] == pytest.approx(said.mean(), rel=1e-4)


def test_rise_finds_the_only_place_that_counts():
    """A network that looks at one corner only."""

    class Corner(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(1, 2)
            nn.init.constant_(self.fc.weight, 0.0)
            with torch.no_grad():
                self.fc.weight[1, 0] = 4.0

        def forward(self, x):
            return self.fc(x[:, 0, 20:26, 3:9].mean((1, 2))[:, None])

    x = np.zeros((1, 1, 28, 28), np.float32)
    x[0, 0, 20:26, 3:9] = 1.0
    for method in ("rise", "occlusion"):
        value = maps_of(Corner(), x, method, samples=400)[0][0].value
        top, left = np.unravel_index(value.argmax(), value.shape)
        assert 18 <= top <= 27
        assert 1 <= left <= 10


def test_the_masks_are_half_open_in_the_mean_and_depend_on_the_seed_alone():
    together = np.concatenate(list(random_masks((28, 28), 600, 5, 600)))
    np.testing.assert_array_equal(together, np.concatenate(list(random_masks((28, 28), 600, 5, 7))))
    assert together.min() >= 0
    assert together.max() <= 1
    assert abs(together.mean() - 0.5) < 0.01
    assert np.abs(together.mean(0) - 0.5).max() < 0.12
    assert not np.array_equal(together[:1], next(random_masks((28, 28), 1, 6, 1)))


def test_the_answer_does_not_depend_on_how_passes_are_batched():
    model, x = gap_network(), photos(1, (3, 16, 16))
    whole = maps_of(model, x, "occlusion, rise, scorecam", samples=8)[0]
    one = opened(model)
    one._alone.add((3, 16, 16))  # one photo at a time
    from convscope.explaining.run import run_methods
    from convscope.explaining.targets import Target

    singly = run_methods(one, x, [Target("1", 1)], "occlusion, rise, scorecam", samples=8)[0]
    for first, second in zip(whole, singly, strict=True):
        np.testing.assert_allclose(first.value, second.value, rtol=1e-3, atol=1e-6)


def test_wrong_numbers_get_one_sentence():
    with pytest.raises(CallError, match="the number of masks is from 1 to 1000000; got 0"):
        maps_of(gap_network(), photos(1, (3, 16, 16)), "rise", samples=0)
    with pytest.raises(CallError, match="the precision 'half' is none of float32, auto"):
        maps_of(gap_network(), photos(1, (3, 16, 16)), "gradcam", precision="half")
    with pytest.raises(CallError, match=r"photos for a network have the shape \(N, C, H, W\)"):
        maps_of(gap_network(), np.zeros((0, 3, 16, 16), np.float32), "gradcam")
