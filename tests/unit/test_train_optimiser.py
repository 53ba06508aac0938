"""The optimisers, the running mean and the losses, against PyTorch's own and against formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn, optim
from torch.nn import functional

from convscope.errors import DataError
from convscope.train.average import Average
from convscope.train.losses import check_outputs, class_scores, loss_sum
from convscope.train.optimiser import Optimiser
from convscope.train.recipe import Recipe


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2)).to(
        memory_format=torch.channels_last
    )


def theirs(model: nn.Module, kind: str) -> optim.Optimizer:
    weights = [value for value in model.parameters() if value.ndim > 1]
    others = [value for value in model.parameters() if value.ndim <= 1]
    groups = [{"params": weights, "weight_decay": 0.3}, {"params": others, "weight_decay": 0.0}]
    return {
        "adamw": lambda: optim.AdamW(groups, lr=0.01, betas=(0.8, 0.999)),
        "adam": lambda: optim.Adam(groups, lr=0.01, betas=(0.8, 0.999)),
        "rmsprop": lambda: optim.RMSprop(groups, lr=0.01, alpha=0.9, eps=1e-7),
        "sgd": lambda: optim.SGD(groups, lr=0.01, momentum=0.8, nesterov=True),
    }[kind]()


@pytest.mark.parametrize("kind", ["adamw", "adam", "rmsprop", "sgd"])
def test_steps_are_those_of_pytorch(kind: str) -> None:
    mine, other = network(), network()
    optimiser = Optimiser(mine, Recipe(optimizer=kind, momentum=0.8, weight_decay=0.3))
    reference = theirs(other, kind)
    images = torch.randn(5, 4, 2, 4, 4)
    for step, batch in enumerate(images):
        for model in (mine, other):
            model.zero_grad()
            model(batch).square().sum().backward()
        optimiser.step(0.01 / (step + 1))
        for group in reference.param_groups:
            group["lr"] = 0.01 / (step + 1)
        reference.step()
        for a, b in zip(mine.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_a_parameter_that_is_not_used_or_not_learnt_stays() -> None:
    model = network()
    model[3].requires_grad_(False)
    before = [value.clone() for value in model.parameters()]
    optimiser = Optimiser(model, Recipe(weight_decay=0.5))
    model[0](torch.randn(1, 2, 4, 4)).sum().backward()
    optimiser.step(0.1)
    same = [bool(torch.equal(a, b)) for a, b in zip(before, model.parameters(), strict=True)]
    assert same == [False, True, True, True, True]
    optimiser.forget_gradients()
    assert all(value.grad is None for value in model.parameters())


def test_a_network_without_parameters_is_refused() -> None:
    with pytest.raises(DataError, match=r"no parameter that can learn; give one with conv or dense layers"):
        Optimiser(nn.Flatten(), Recipe())


def test_the_running_mean_is_the_formula_and_gives_the_weights_back() -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    average, mean = Average(model, 0.5), model[0].weight.item()
    statistic = 0.0
    for step in range(1, 30):
        with torch.no_grad():
            model[0].weight.fill_(step)
            model[1].running_mean.fill_(2 * step)
            model[1].num_batches_tracked.fill_(step)
        average.update(step)
        keep = min(0.5, (1 + step) / (10 + step))
        mean = keep * mean + (1 - keep) * step
        statistic = keep * statistic + (1 - keep) * 2 * step
    with average.in_place():
        assert model[0].weight.item() == pytest.approx(mean, rel=1e-6)
        assert float(model[1].running_mean) == pytest.approx(statistic, rel=1e-6)
        assert int(model[1].num_batches_tracked) == 29
    assert model[0].weight.item() == 29
    with pytest.raises(ZeroDivisionError), average.in_place():
        1 / 0  # noqa: B018
    assert model[0].weight.item() == 29


def test_one_sigmoid_is_a_softmax_over_two() -> None:
    logits, labels = torch.randn(6, 1), torch.tensor([0, 1, 1, 0, 1, 0])
    for smoothing in (0.0, 0.2):
        targets = labels * (1 - smoothing) + smoothing / 2
        wanted = functional.binary_cross_entropy_with_logits(logits[:, 0], targets.float(), reduction="sum")
        found = loss_sum(logits, labels, head="sigmoid", smoothing=smoothing)
        torch.testing.assert_close(found, wanted)
    assert torch.equal(class_scores(logits).argmax(1), (logits[:, 0] > 0).long())


def test_several_sigmoids_each_have_their_own_loss() -> None:
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 1])
    chances = torch.sigmoid(logits).numpy()
    truth = np.eye(3)[labels]
    wanted = -(truth * np.log(chances) + (1 - truth) * np.log(1 - chances)).mean(1).sum()
    assert float(loss_sum(logits, labels, head="sigmoid")) == pytest.approx(wanted, rel=1e-5)


def test_the_number_of_outputs_has_to_fit_the_classes() -> None:
    check_outputs((2, 1), ("cat", "dog"), 2)
    with pytest.raises(DataError, match=r"ends in 10 values, but the data has 2 classes; end it in dense\(2\) or"):
        check_outputs((2, 10), ("cat", "dog"), 2)
    with pytest.raises(DataError, match=r"ends in 1 values, but the data has 3 classes; end it in dense\(3\)$"):
        check_outputs((2, 1), ("a", "b", "c"), 2)
    with pytest.raises(DataError, match=r"values of shape \(8, 4, 4\) for a picture, and training needs one for each"):
        check_outputs((2, 8, 4, 4), ("a", "b"), 2)
