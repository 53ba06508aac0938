"""One network of each family of timm and torchvision, and convscope's own: what must hold for any of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from convscope.networks import names
from convscope.spec import shelf
from documentation import page, rows
from zoo_any.checks import Found, examine
from zoo_any.families import TIMM, TORCHVISION, Family, connected, own


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def held(found: Found) -> None:
    assert found.taken_apart > found.steps, "most steps have arithmetic"
    assert found.layer, "a classifier with convolutions has a layer to look at"


@pytest.mark.parametrize(
    ("library", "family"),
    [*(("timm", family) for family in TIMM), *(("torchvision", family) for family in TORCHVISION)],
    ids=lambda given: given if isinstance(given, str) else given.name,
)
def test_a_family(library: str, family: Family) -> None:
    held(examine(connected(family, library)))


@pytest.mark.parametrize("name", sorted({*names(), *shelf()}))
def test_a_network_that_comes_along(name: str) -> None:
    found = examine(own(name))
    assert found.silent == {}, "every kind of layer that can be written has arithmetic"


def test_the_table_of_the_page_names_every_network() -> None:
    """``tools/make_zoo_table.py`` writes it."""
    named = rows(r"`([^`]+)`", page("zoo.md"))
    asked = [*(f"timm:{one.name}" for one in TIMM), *(f"torchvision:{one.name}" for one in TORCHVISION)]
    assert named[: len(asked)] == asked
    assert set(named) >= {*names(), *shelf()}
    assert len(named) >= 40
