"""Pictures that compare variants of a network."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.draw import colormap, rows
from convscope.draw.alignment import Column, align
from convscope.draw.theme import DARK, LIGHT
from convscope.draw.variants import GAP, LABEL, MARGIN, _plan
from convscope.errors import CallError
from convscope.traces import Step, Trace
from drawing import maps, rgb, trace


def cells(variants: list[tuple[str, Trace]], column: int = 0, **options) -> list[np.ndarray]:
    """The pixels of one column's maps, a block a variant."""
    steps = options.get("steps")
    found = [c for c in align([t.steps for _, t in variants]) if steps is None or set(c.names) & set(steps)]
    plan = _plan(found, len(variants), options.get("max_maps", 4), key=options.get("scale", "shared") == "shared")
    picture = rgb(rows(variants, **options))
    height, width = plan.cell
    left = MARGIN + LABEL + column * (width + GAP)
    tops = [MARGIN + plan.head + i * plan.row for i in range(len(variants))]
    return [picture[top : top + height, left : left + width] for top in tops]


def test_steps_align_by_name_then_by_order():
    def net(*names: str) -> list[Step]:
        return [Step(name, "relu", maps(1)) for name in names]

    columns = align(
        [
            net("in", "conv", "relu_1", "pool", "fc"),
            net("in", "conv", "tanh_1", "fc"),
            net("in", "conv", "elu_1", "pool", "new", "fc"),
        ]
    )
    assert [c.names for c in columns] == [["in"], ["conv"], ["relu_1", "tanh_1", "elu_1"], ["pool"], ["new"], ["fc"]]
    assert sorted(columns[3].steps) == [0, 2], "the second has no pool"
    assert sorted(columns[4].steps) == [2]


def test_variants_share_a_scale_and_missing_cells_stay_empty():
    diagonal = np.eye(8, dtype=np.float32)[None]
    one = trace(("conv", "conv2d", 4 * diagonal), ("extra", "relu", np.abs(maps(1, 8, 8))))
    two = trace(("conv", "conv2d", 2 * diagonal))
    variants = [("one", one), ("two", two)]
    high, middle = colormap("viridis")[[255, 128]]
    first, second = cells(variants, steps=["conv"])
    assert (first == high).all(axis=2).any()
    assert not (second == high).all(axis=2).any()
    assert (second == middle).all(axis=2).any()
    assert (cells(variants, steps=["conv"], scale="each")[1] == high).all(axis=2).any()
    assert (cells(variants, steps=["extra"])[1] == LIGHT.page).all()


def test_the_shared_range_starts_at_the_lowest_of_all_variants():
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8)
    low, high = trace(("conv", "conv2d", 1 + ramp)), trace(("conv", "conv2d", 3 + ramp))
    first, second = cells([("low", low), ("high", high)], steps=["conv"])
    lowest = colormap("viridis")[1]
    assert (first == lowest).all(axis=2).any()
    assert not (second == lowest).all(axis=2).any(), "3 is not the lowest value of 1 to 4"


def test_bars_are_on_the_scale_that_was_asked_for():
    large, small = (
        trace(("fc", "linear", np.array([10, 5], np.float32))),
        trace(("fc", "linear", np.array([0.1, 0.05], np.float32))),
    )

    def longest(scale: str) -> list[int]:
        top = colormap("viridis")
        found = cells([("large", large), ("small", small)], steps=["fc"], scale=scale)
        return [int((cell[:, :, None] == top).all(axis=3).any(axis=2).sum(axis=1).max()) for cell in found]

    assert longest("each")[1] == longest("each")[0] > 90
    assert longest("shared")[1] <= longest("shared")[0] / 50


@pytest.mark.parametrize("size", [(60, 90), (90, 60), (64, 64)])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_maps_fill_their_cell(size, count):
    net = trace(("conv", "conv2d", np.abs(maps(count, *size)) + 1), size=size)
    for cell in cells([("a", net), ("b", net)], steps=["conv"]):
        assert (cell != LIGHT.page).any(axis=2).mean() > 0.85


def test_columns_of_different_steps_say_what_they_have_in_common():
    def column(*steps: tuple[str, str]) -> Column:
        return Column({i: Step(name, kind, maps(1)) for i, (name, kind) in enumerate(steps)})

    assert column(("relu_1", "relu"), ("sigmoid_1", "sigmoid"), ("tanh_1", "tanh")).name == "activation 1"
    assert column(("pool_2", "max_pool2d"), ("avg_2", "avg_pool2d")).name == "pooling 2"
    assert column(("relu_1", "relu"), ("tanh_2", "tanh")).name == "relu_1 / tanh_2"
    assert column(("layer1.0.conv1", "conv2d"), ("layer1.0.bn1", "batch_norm")).name == "layer1.0.…"
    assert column(("a", "relu"), ("b", "relu"), ("c", "tanh")).kinds == "relu / tanh"


def test_comparing_needs_variants_and_known_steps():
    with pytest.raises(CallError, match=r"^there are no variants to compare; give at least one"):
        rows([])
    net = trace(("conv", "conv2d", maps(1, 3, 3)))
    with pytest.raises(CallError, match=r"^no variant has a step 'pool'; the first has input, conv$"):
        rows([("a", net)], steps=["pool"])


def test_a_row_that_is_not_full_ends_in_the_page():
    net = trace(("flat", "flatten", np.abs(maps(131)) + 1))
    for dark, page in ((False, LIGHT.page), (True, DARK.page)):
        for cell in cells([("a", net), ("b", net)], steps=["flat"], dark=dark):
            colors = {tuple(color) for color in cell.reshape(-1, 3)}
            assert page in colors
            assert (0, 0, 0) not in colors
