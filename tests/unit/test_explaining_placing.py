"""A map lies where the photo is: a bright spot that moves takes the map with it, to the same place."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convscope.explaining.placing import linear, placing
from convscope.explaining.run import run_methods
from convscope.explaining.targets import Target
from explaining import opened


class Residual(nn.Module):
    """A strided block with a strided skip, and squeeze and excitation."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.skip = nn.Conv2d(4, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 4, 1, 2)
        self.gate = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        y = self.b(F.relu(self.a(x)))
        y = y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))
        return F.relu(y + self.skip(x))


def headed(*layers):
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(2))


NETWORKS = {
    "valid": lambda: headed(nn.Conv2d(1, 4, 7), nn.ReLU(), nn.Conv2d(4, 4, 7), nn.ReLU(), nn.Conv2d(4, 4, 5)),
    "same": lambda: headed(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)),
    "strided": lambda: headed(nn.Conv2d(1, 4, 5, 2), nn.ReLU(), nn.Conv2d(4, 4, 3, 2)),
    "pooled": lambda: headed(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.AvgPool2d(2)),
    "dilated": lambda: headed(nn.Conv2d(1, 4, 3, dilation=4), nn.ReLU(), nn.Conv2d(4, 4, 3, dilation=2)),
    "enlarged": lambda: headed(nn.Conv2d(1, 4, 3, 2), nn.Upsample(scale_factor=2), nn.Conv2d(4, 4, 3)),
    "residual": lambda: headed(nn.Conv2d(1, 4, 5, 2), Residual()),
    "padded on one side": lambda: headed(nn.ZeroPad2d((6, 0, 6, 0)), nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3)),
    "group norm": lambda: headed(nn.Conv2d(1, 4, 7), nn.GroupNorm(2, 4), nn.ReLU(), nn.Conv2d(4, 4, 5)),
    "transposed": lambda: headed(nn.Conv2d(1, 4, 5, 3), nn.ReLU(), nn.ConvTranspose2d(4, 4, 3, 2), nn.Conv2d(4, 4, 5)),
}
SIZE = (60, 52)
PLACES = [(20, 20), (36, 18), (28, 34), (38, 31)]


def made(name):
    """All weights positive, so that what is bright in the photo is bright in every map."""
    torch.manual_seed(0)
    model = NETWORKS[name]().eval()
    model(torch.zeros(1, 1, *SIZE))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.weight.copy_(torch.full_like(module.weight, 1 / module.weight[0].numel()))
                module.bias.zero_()
        model[-1].weight.copy_(torch.tensor([[0.0], [1.0]]).expand_as(model[-1].weight))
    return model


def spots():
    batch = np.zeros((len(PLACES), 1, *SIZE), np.float32)
    for photo, (y, x) in enumerate(PLACES):
        batch[photo, 0, y - 1 : y + 2, x - 1 : x + 2] = 1.0
    return batch


def centre(value):
    """Where the weight of a map lies, its lowest value taken as nothing."""
    weight = np.clip(value - np.median(value), 0, None).astype(np.float64)
    rows, columns = np.indices(value.shape)
    return (weight * rows).sum() / weight.sum(), (weight * columns).sum() / weight.sum()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_moved_bright_spot_moves_the_map_to_the_same_place(name):
    rows = run_methods(opened(made(name)), spots(), [Target("1", 1)] * len(PLACES), "gradcam")
    for (y, x), (found,) in zip(PLACES, rows, strict=True):
        assert found.value.shape == SIZE
        assert not found.notes
        top, left = centre(found.value)
        assert abs(top - y) < 1.6, (found.layer, top, y)
        assert abs(left - x) < 1.6, (found.layer, left, x)


def test_enlarging_from_edge_to_edge_would_miss_it():
    """What the test above protects: evenly spread, the same maps are off by more than it allows."""
    model = made("padded on one side")
    native = run_methods(opened(model), spots(), [Target("1", 1)] * len(PLACES), "gradcam")
    from convscope.explaining.placing import Grid

    even = placing(Grid(None, None), (4, 62, 54), SIZE)
    with torch.no_grad():
        values = model[:4](torch.from_numpy(spots())).sum(1).numpy()
    off = [abs(centre(one)[0] - y) for one, (y, _) in zip(even.place(values), PLACES, strict=True)]
    assert max(off) > 2.0
    assert not even.known
    assert len(native) == len(PLACES)


def test_centres_are_those_of_the_receptive_fields():
    from convscope.structure import receptive_fields

    for name in ("valid", "strided", "pooled", "dilated"):
        graph = opened(made(name)).graph(spots()[0])
        fields = receptive_fields(graph.steps)
        for step in graph.steps[1:]:
            if len(step.shape) == 3 and step.shape[1] > 1:
                reach = fields[step.name].rows
                lie = graph.grids[step.name].rows
                expected = reach.start + np.arange(step.shape[1]) * reach.jump + (reach.size - 1) / 2
                np.testing.assert_allclose(lie.centres, expected, err_msg=f"{name} {step.name}")


def test_where_the_places_are_lost_it_is_said():
    class Turned(nn.Module):
        """The last maps are made of numbers in another order."""

        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(1, 4, 5), nn.Linear(4, 2)

        def forward(self, x):
            x = self.conv(x).flatten(2).sort(dim=2)[0]
            return self.fc(x.reshape(len(x), 4, 8, -1).mean((2, 3)))

    found = run_methods(opened(Turned()), spots()[:1], [Target("1", 1)], "gradcam", "reshape")[0][0]
    assert any("was spread evenly" in note.sentence for note in found.notes)
    assert found.value.shape == SIZE


def test_linear_interpolation_is_numpys():
    rng = np.random.default_rng(0)
    for count in (1, 2, 5):
        centres = np.sort(rng.uniform(-3, 25, count))
        values = rng.standard_normal(count)
        np.testing.assert_allclose(
            linear(centres, 20) @ values, np.interp(np.arange(20), centres, values), rtol=1e-4, atol=1e-6
        )
