"""A file of limited size of a ResNet-50-shaped network: folded, scrolled, and honest about what is not in it."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import page_files
from balance import Reading, check_addition, parts_of, plain_text, read_sums, same
from convscope.traces import Step
from viewing import Shown, address, colours, head, jump, opened, tab

Files = Callable[[str], Shown]
LAST = "layer4.0.relu:3"


@pytest.fixture
def shown(page: Page, files: Files) -> Shown:
    """The page of the large network, open."""
    found = files("resnet50")
    opened(page, found)
    return found


@cache
def structure(path: Path) -> dict[str, Any]:
    """What the file says is in it, read with nothing of ours."""
    return dict(page_files.Html(path.read_bytes()).trace().text)


def kept(shown: Shown, step: Step, what: str = "value") -> list[int]:
    """Channels of a step that are in the file with every number."""
    told = structure(shown.path)["steps"][shown.trace.steps.index(step)]
    reference = told["value"] if what == "value" else told["params"][what]
    if reference is None:
        return []
    take = reference.get("take")
    return list(range(reference["shape"][0])) if take is None or take[0] is None else list(take[0])


def test_the_flow_is_folded_and_a_block_unfolds_and_folds(shown: Shown, page: Page) -> None:
    folded = page.locator(".flow .column.folded")
    expect(folded).to_have_count(4)
    assert page.locator(".flow .head").count() < len(shown.trace) / 4
    expect(page.locator(".flow").get_by_text("conv3", exact=True)).to_have_count(0)
    page.locator(".flow .head[aria-expanded=false]", has_text="layer1").click()
    block = page.locator(".flow .bracket button", has_text="layer1")
    expect(block).to_be_visible()
    expect(page.locator(".flow").get_by_text("conv3", exact=False).first).to_be_visible()
    block.click()
    expect(folded).to_have_count(4)


def test_a_step_in_a_folded_block_is_shown_where_the_address_names_it(shown: Shown, page: Page) -> None:
    jump(page, address("layer3.0.conv2", 0))
    expect(page.locator(".panel-title h2")).to_contain_text("layer3.0.conv2")
    expect(page.locator(".flow .head[aria-selected=true]")).to_be_in_viewport()


def test_the_atlas_scrolls_to_the_last_of_2048_channels(shown: Shown, page: Page) -> None:
    assert shown.trace[LAST].shape[0] == 2048
    jump(page, address(LAST))
    expect(page.locator(".atlas")).to_contain_text("2,048")
    page.get_by_role("radio", name="number").check()
    cells = page.locator(".cells")
    cells.evaluate("cells => { cells.scrollTop = cells.scrollHeight; }")
    spot = _last_tile(page)
    page.mouse.move(*spot)
    expect(page.locator(".atlas-side .readout h3")).to_contain_text("2047")
    assert colours(page, spot[0] - 20, spot[1] - 40, 40, 40) > 1
    page.mouse.click(*spot)
    expect(page.locator(".channel .turner h3")).to_contain_text("2047")
    assert "channel=2047" in page.url


def _last_tile(page: Page) -> tuple[float, float]:
    """Where on the screen the last tile is: the last spot, seen from the lower right corner, that is a channel."""
    box = page.locator(".cells").bounding_box()
    assert box is not None
    readout = page.locator(".atlas-side .readout h3")
    for down in range(30, int(box["height"]), 14):
        for right in range(20, int(box["width"]), 14):
            spot = (box["x"] + box["width"] - right, box["y"] + box["height"] - down)
            page.mouse.move(*spot)
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            if readout.count() and readout.text_content():
                return spot
    raise AssertionError("no channel is in sight")


def test_the_atlas_says_how_much_of_a_step_is_in_the_file(shown: Shown, page: Page) -> None:
    for name in ("relu", "layer2.0.conv2", LAST):
        step = shown.trace[name]
        jump(page, address(name))
        expect(page.locator(".panel-title h2")).to_contain_text(name)
        there = len(kept(shown, step))
        assert 0 < there < step.shape[0]
        expect(page.locator(".atlas-side")).to_contain_text(f"{there} of {step.shape[0]} channels are in this file")


def test_a_channel_that_is_not_in_the_file_says_so_and_how_to_get_it(shown: Shown, page: Page) -> None:
    step = shown.trace["layer2.0.conv2"]
    absent = next(channel for channel in range(step.shape[0]) if channel not in kept(shown, step))
    jump(page, address(step.name, absent, None, "channel"))
    expect(page.locator(".stage-said")).to_contain_text("Only the small picture of this channel is in this file")
    expect(page.locator(".stage-said code")).to_have_text("convscope export --full")
    tab(page, "sum").click()
    expect(page.locator(".sum-nothing")).to_have_attribute("data-reason", "absent")
    expect(page.locator(".sum-nothing")).to_contain_text("not in this file")


def test_sums_with_a_rest_by_difference_add_up(shown: Shown, page: Page) -> None:
    draw = random.Random(4)
    convolutions = [step for step in shown.trace if step.kind == "conv2d" and kept(shown, step)]
    places = []
    for step in convolutions:
        channel = draw.choice([one for one in kept(shown, step) if one in kept(shown, step, "weight")])
        places.append((step, (channel, draw.randrange(step.shape[1]), draw.randrange(step.shape[2]))))
    readings = read_sums(page, places)
    by_difference = 0
    for reading, (step, index) in zip(readings, places, strict=True):
        assert reading.reason is None
        by_difference += _check_excerpt(reading, step, index)
    assert by_difference > len(places) / 2


def _check_excerpt(reading: Reading, step: Step, index: tuple[int, ...]) -> bool:
    """What is named is Python's; what is recorded is exact; all of it adds up. Whether a part came by difference."""
    pixel = step.at(index)
    assert same(reading.line("recorded"), float(step.value[index]))
    total = reading.line("total")
    by_difference = reading.verdict == "verdict_difference"
    assert same(total, float(step.value[index]) if by_difference else pixel.result)
    parts = parts_of(pixel)
    for line in reading.lines:
        if line.role == "term" and line.named:
            assert same(line, parts[line.label])
    check_addition(reading)
    assert plain_text(reading.headline) == f"= {float(step.value[index]):.5g}"
    assert reading.good
    return by_difference


def test_the_way_to_an_input_that_is_not_there_ends_in_a_sentence(shown: Shown, page: Page) -> None:
    jump(page, address("layer4.0.relu:2", 3, (0, 0), "sum"))
    expect(page.locator(".sum-nothing, .sum-balance").first).to_be_visible()
    step = shown.trace["layer4.0.relu:2"]
    inside = 3 in kept(shown, step) and 3 in kept(shown, step.inputs[0])
    assert page.locator(".sum-nothing").count() == (0 if inside else 1)
    head(page, "input").first.click()
    expect(page.locator(".panel-title h2")).to_contain_text("input")
