"""The parameter randomisation check: copies with new weights, rank correlation, maps that ignore the weights."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from convscope.explaining.checks import evidence_for
from convscope.explaining.controls import edge_map
from convscope.explaining.randomised import cascade, rank_correlation, redrawn, similarity_of, weighted


class Net(nn.Module):
    """Batch normalisation, a shared layer, a frozen kernel kept as a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.shared = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.register_buffer("kernel", torch.randn(6, 6, 1, 1))
        self.head = nn.Linear(6, 2)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.first(x)).relu()
        x = self.shared(self.shared(x).relu()).relu()
        x = nn.functional.conv2d(x, self.kernel)
        return self.head(x.mean((2, 3))) * self.scale


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    made = Net().train()
    made.first.weight.requires_grad_(False)
    made.head.weight.grad = torch.ones_like(made.head.weight)
    return made


def test_the_users_network_and_the_random_state_stay(net):
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    numpy_state = np.random.get_state()  # noqa: NPY002
    other = redrawn(net, 1)
    assert net.training
    assert not net.first.weight.requires_grad
    assert torch.equal(net.head.weight.grad, torch.ones(2, 6))
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_state[1], np.random.get_state()[1])  # noqa: NPY002
    shared = {id(tensor) for tensor in net.state_dict(keep_vars=True).values()}
    assert not shared & {id(tensor) for tensor in other.state_dict(keep_vars=True).values()}


def test_new_weights_are_as_large_as_the_old_ones_and_say_nothing_of_them():
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(16, 32, 3), nn.Linear(64, 64), nn.BatchNorm1d(64))
    with torch.no_grad():
        net[0].weight.mul_(7).add_(1)
        net[2].weight.copy_(torch.arange(64.0))
    other = redrawn(net, 2)
    for old, new in ((net[0].weight, other[0].weight), (net[1].weight, other[1].weight)):
        assert new.square().mean().sqrt().item() == pytest.approx(old.square().mean().sqrt().item(), rel=0.05)
        assert abs(np.corrcoef(old.detach().ravel(), new.detach().ravel())[0, 1]) < 0.06
    assert sorted(other[2].weight.tolist()) == net[2].weight.tolist()
    assert other[2].weight.tolist() != net[2].weight.tolist()


def test_weights_that_are_all_zero_come_alive_and_same_seeds_give_the_same():
    net = nn.Sequential(nn.Linear(50, 80))
    nn.init.zeros_(net[0].weight)
    first, again, other = redrawn(net, (3, 0)), redrawn(net, (3, 0)), redrawn(net, (3, 1))
    assert first[0].weight.std().item() == pytest.approx(0.2, rel=0.1)
    assert torch.equal(first[0].weight, again[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)


def test_frozen_kernels_are_weights_too_and_running_statistics_are_not(net):
    other = redrawn(net, 4)
    assert not torch.equal(net.kernel, other.kernel)
    assert not torch.equal(net.first.weight, other.first.weight)
    assert torch.equal(net.norm.running_var, other.norm.running_var)
    assert other.scale == 2


def test_the_cascade_begins_at_the_head_and_grows(net):
    assert weighted(net) == ["head", "shared", "norm", "first", ""]
    stages = cascade(net)
    assert [name for name, _ in stages] == ["head", "shared", "norm", "first"]
    assert all(a < b for (_, a), (_, b) in itertools.pairwise(stages))
    some = redrawn(net, 5, stages[1][1])
    assert torch.equal(some.first.weight, net.first.weight)
    assert not torch.equal(some.shared.weight, net.shared.weight)
    assert len(cascade(nn.Sequential(*(nn.Linear(2, 2) for _ in range(40))), stages=6)) == 6
    assert cascade(nn.Sequential(nn.Linear(2, 2))) == cascade(nn.ReLU()) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_rank_correlation_is_scipys_also_with_ties(seed):
    generator = np.random.default_rng(seed)
    a = generator.integers(0, 5, (6, 7)).astype(float)
    b = a + generator.normal(0, 2, (6, 7)).round()
    assert rank_correlation(a, b) == pytest.approx(stats.spearmanr(a.ravel(), b.ravel()).statistic)
    assert rank_correlation(a, np.exp(a)) == pytest.approx(1)


def test_a_map_that_says_nothing_is_like_none():
    a = np.random.default_rng(0).random((4, 4))
    assert rank_correlation(a, np.zeros((4, 4))) == 0
    assert rank_correlation(a, np.full((4, 4), np.nan)) == 0


def test_maps_are_compared_at_their_own_grid_and_stages_are_averaged():
    a = np.kron(np.arange(16.0).reshape(4, 4), np.ones((8, 8)))
    noise = np.random.default_rng(1).normal(0, 3, (32, 32))
    found = similarity_of(a, [("head", a + noise), ("all", -a), ("all", np.zeros((32, 32)))], (4, 4))
    assert [row["layer"] for row in found["layers"]] == ["head", "all"]
    assert found["layers"][0]["similarity"] > 0.97
    assert found["similarity"] == found["layers"][1]["similarity"] == 0.5
    assert similarity_of(a, [("head", a)], (4, 4))["similarity"] == 1


def bright_patch(batch: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-4 * batch[:, :, 8:20, 30:44].mean((1, 2, 3), dtype=np.float64)))


def test_a_map_that_ignores_the_weights_is_caught(net):
    x = np.random.default_rng(2).standard_normal((3, 48, 48)).astype(np.float32)
    x[:, 8:20, 30:44] += 1
    edges = edge_map(x, np.ones((48, 48), bool), (12, 12))
    gradients = {}
    for name, model in (("own", net), ("new", redrawn(net, 6))):
        given = torch.from_numpy(x)[None].requires_grad_()
        model.eval()(given)[0, 0].backward()
        gradients[name] = given.grad[0].sum(0).numpy()

    def new(name: str) -> list[tuple[str, np.ndarray]]:
        return [("all", edges if name == "edges" else gradients["new"])]

    maps = {"edges": edges, "gradient": gradients["own"]}
    found = evidence_for(bright_patch, x, maps, grids={"edges": (12, 12)}, randomised=new, budget_s=None)
    assert found["edges"]["randomisation"] == {"similarity": 1.0, "layers": [{"layer": "all", "similarity": 1.0}]}
    assert found["edges"]["verdict"] == "no"
    assert found["edges"]["rules"][0]["rule"] == "randomisation"
    assert found["gradient"]["randomisation"]["similarity"] < 0.6


def test_where_nothing_could_be_drawn_anew_nothing_is_said_of_it():
    x = np.random.default_rng(3).standard_normal((3, 48, 48)).astype(np.float32)
    value = np.zeros((48, 48))
    value[8:20, 30:44] = 1
    found = evidence_for(bright_patch, x, {"map": value}, randomised=lambda _: [], budget_s=None)["map"]
    assert found["randomisation"] is None
    assert "randomisation" not in [rule["rule"] for rule in found["rules"]]
