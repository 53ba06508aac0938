"""One photo after every epoch: the network is not touched, the traces open, the film shows what changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.errors import CallError, DataError
from convscope.network import Preprocessing
from convscope.spec import build, parse
from convscope.store import load
from convscope.traces import Placement, Step, Trace
from convscope.train import probes
from convscope.train.film import film_strip, telling
from convscope.train.pictures import save_film
from convscope.train.probes import Probe, spread, traces
from drawing import rgb

PHOTO = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
NET = "conv(4, 3) | batchnorm | relu | maxpool(2) | conv(5, 3) | relu | flatten | dropout(0.5) | dense(3) | softmax"


def network(text: str = NET, shape: tuple[int, int, int] = (3, 12, 16)) -> nn.Module:
    return build(parse(text), shape)


def probe(run: Path, **options: Any) -> Probe:
    return Probe(run, PHOTO, Preprocessing((12, 16)), name="photo 7", labels=("a", "b", "c"), title="small", **options)


def stepped(model: nn.Module, by: float = 0.1) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(by * torch.sin(torch.arange(parameter.numel()).float()).view_as(parameter))


def test_a_probe_leaves_the_network_and_the_random_numbers_as_they_were(tmp_path: Path) -> None:
    model = network().train()
    model[0].eval()
    model(torch.rand(4, 3, 12, 16)).sum().backward()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    modes = [module.training for module in model.modules()]
    torch.manual_seed(5)
    state = torch.get_rng_state()
    probe(tmp_path)(model, 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model.modules()] == modes
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.equal(parameter.grad, gradient)
    assert not any(module._forward_hooks for module in model.modules())


def test_its_numbers_are_the_networks_and_its_file_opens_like_any_trace(tmp_path: Path) -> None:
    model = network()
    path = probe(tmp_path, about={"spec": NET})(model, 3)
    assert path == tmp_path / "probe" / "epoch-003.safetensors"
    trace = cs.load(path)
    with torch.no_grad():
        answer = model(torch.from_numpy(PHOTO).permute(2, 0, 1)[None].float() / 255)[0].numpy()
    np.testing.assert_allclose(
        [score.value for score in sorted(trace.scores, key=lambda s: s.index)], answer, rtol=1e-5
    )
    assert {score.label for score in trace.scores} == {"a", "b", "c"}
    np.testing.assert_array_equal(trace.picture, PHOTO)
    assert trace.about["network"] == "small after epoch 3"
    assert trace.about["epoch"] == 3
    assert trace.about["image"]["name"] == "photo 7"
    assert trace.about["compact"] is True
    page = cs.export(trace, tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size > 10_000, page


def test_grey_samples_and_files_are_photos_too(tmp_path: Path) -> None:
    from PIL import Image

    grey = Probe(tmp_path, PHOTO[..., :1], Preprocessing((12, 16), channels=1), name="grey")
    model = network("conv(2, 3) | gap | dense(2)", (1, 12, 16))
    found = load(grey(model, 0))
    np.testing.assert_allclose(found.input.value[0], PHOTO[..., 0] / 255, atol=1 / 500)
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    own = Probe(tmp_path / "b", tmp_path / "photo.png", Preprocessing((6, 6)))
    assert load(own(network("conv(2, 3) | gap | dense(2)", (3, 6, 6)), 0)).about["image"]["name"] == "photo.png"


def test_one_sigmoid_answers_for_both_classes(tmp_path: Path) -> None:
    two = Probe(tmp_path, PHOTO, Preprocessing((12, 16)), labels=("cat", "dog"))
    trace = load(two(network("conv(2, 3) | gap | dense(1) | sigmoid"), 1))
    assert {score.label for score in trace.scores} == {"cat", "dog"}
    film_strip([(0, trace), (1, trace)])


def test_every_epoch_is_kept_until_the_traces_become_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = probe(tmp_path / "few", epochs=15)
    model = network("conv(2, 3) | gap | dense(3)")
    for epoch in range(16):
        few(model, epoch)
    assert len(list((tmp_path / "few" / "probe").iterdir())) == 16
    monkeypatch.setattr(probes, "MOST_BYTES", 1)
    less = probe(tmp_path / "less", epochs=15)
    written = [epoch for epoch in range(16) if less(model, epoch) is not None]
    assert len(written) == probes.FEWEST
    assert {0, 15} <= set(written)
    missing = min(set(range(16)) - set(written))
    assert less(model, missing, last=True) is not None  # stopped early: the last is always there


def test_a_network_that_cannot_take_one_photo_stops_the_probe_but_not_the_training(tmp_path: Path) -> None:
    class Shy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError("not alone")

    one = probe(tmp_path)
    assert one(Shy(), 0) is None
    assert "ValueError: not alone" in one.failed
    assert one(network(), 1) is None
    assert not (tmp_path / "probe").exists()


def test_traces_come_by_epoch_also_beyond_a_thousand(tmp_path: Path) -> None:
    many = probe(tmp_path)
    model = network("conv(2, 3) | gap | dense(3)")
    for epoch in (1000, 2, 0, 999):
        many(model, epoch)
    (tmp_path / "probe" / "notes.txt").touch()
    assert [epoch for epoch, _ in traces(tmp_path)] == [0, 2, 999, 1000]
    assert [epoch for epoch, _ in traces(tmp_path, many=2)] == [0, 1000]
    with pytest.raises(DataError, match=r"there are no traces in '.*nothing/probe'; train with a probe to have some"):
        list(traces(tmp_path / "nothing"))


def test_spread_has_both_ends_and_no_more_than_asked_for() -> None:
    for last in range(1, 60):
        for many in range(2, 20):
            found = spread(last, many)
            assert {0, last} <= found
            assert len(found) == min(many, last + 1)


# The film strip


def filmed(folder: Path, text: str = NET, epochs: int = 3) -> list[tuple[int, Trace]]:
    model, seen = network(text), probe(folder)
    for epoch in range(epochs + 1):
        seen(model, epoch)
        stepped(model)
    return list(traces(folder))


def test_the_film_has_a_column_for_each_epoch_up_to_twelve(tmp_path: Path) -> None:
    frames = filmed(tmp_path / "a", "conv(3, 3) | relu | flatten | dense(3)", epochs=11)
    wide, short = film_strip(frames), film_strip(frames[:6])
    column = (wide.width - short.width) / 6
    assert column == pytest.approx(132, abs=1)
    more = [(epoch, trace) for epoch, (_, trace) in enumerate(frames * 3)]
    assert film_strip(more).width == wide.width


def test_a_row_has_one_scale_for_all_epochs() -> None:
    """A map that doubles is drawn brighter, and the first one darker than alone."""

    def at(factor: float) -> Trace:
        seen = Step("input", "input", np.ones((1, 4, 4), np.float32))
        value = factor * np.arange(16, dtype=np.float32).reshape(1, 4, 4)
        conv = Step("conv", "conv2d", value, (seen,), params={"weight": np.full((1, 1, 1, 1), factor, np.float32)})
        return Trace(np.zeros((4, 4, 3), np.uint8), (seen, conv), (), Placement(0, 0, 4, 4))

    def brightest(image: Any, column: int) -> int:
        left = 24 + 108 + column * 132 + 34
        return int(rgb(image)[178 : 178 + 88, left : left + 88].sum(axis=2).max())

    film = film_strip([(0, at(1)), (1, at(2))])
    assert brightest(film, 0) < brightest(film, 1)
    same = film_strip([(0, at(2)), (1, at(2))])
    assert brightest(same, 0) == brightest(same, 1)


def test_a_dense_network_is_filmed_by_its_weights(tmp_path: Path) -> None:
    flat = filmed(tmp_path / "dense", "flatten | dense(8) | relu | dense(3)", epochs=1)
    conv = filmed(tmp_path / "conv", "conv(8, 3) | relu | gap | dense(3)", epochs=1)
    assert film_strip(flat).height > 500  # six outputs
    assert film_strip(conv).height > 500


def test_channels_that_differ_are_preferred_to_the_same_one_again() -> None:
    draws = np.random.default_rng(0)
    base, other = draws.normal(0, 1, (2, 9, 9)).astype(np.float32)
    maps = np.stack([base * 3, base * 2.9, base * 2.8, other * 1.5, np.zeros((9, 9), np.float32)])
    assert telling(maps, 2) == [0, 3]
    assert telling(maps, 99) == [0, 1, 2, 3, 4]
    assert telling(np.full((3, 2, 2), np.nan, np.float32), 2) == [0, 1]


def test_a_film_needs_traces_of_one_network(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="a film needs at least one trace; got none"):
        film_strip([])
    first = filmed(tmp_path / "a", "conv(2, 3) | gap | dense(3)", epochs=0)
    other = filmed(tmp_path / "b", "first: conv(2, 3) | gap | dense(3)", epochs=0)
    with pytest.raises(CallError, match="one of the traces has no step 'first'; give traces of one network"):
        film_strip([*first, (1, other[0][1])])


def test_a_run_without_traces_has_no_film_and_damaged_ones_do_no_harm(tmp_path: Path) -> None:
    assert save_film(tmp_path) == {}
    filmed(tmp_path, epochs=1)
    assert save_film(tmp_path) == {"film": "film.png"}
    (tmp_path / "probe" / "epoch-001.safetensors").write_bytes(b"\0" * 100)
    assert save_film(tmp_path) == {}
