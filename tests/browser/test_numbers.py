"""The numbers on the page are Python's, digit for digit, and what is shown adds up to what is shown."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from balance import check, plain, plain_text, read_sum, read_sums
from convscope.traces import Step, Trace
from viewing import Shown, address, cut_off, head, opened, tab

Files = Callable[[str], Shown]


def picks(trace: Trace, count: int, seed: int) -> list[tuple[Step, tuple[int, ...]]]:
    """Random values, every step in turn, so that no kind is missed."""
    draw = random.Random(seed)
    steps = [step for step in trace if step.value.size]
    turns = [steps[i % len(steps)] for i in range(count)]
    return [(step, tuple(draw.randrange(side) for side in step.shape)) for step in turns]


@pytest.mark.parametrize(("name", "count"), [("cats", 50), ("resnet", 70), ("inception", 60), ("fashion", 24)])
def test_random_picks_are_pythons_numbers(name: str, count: int, page: Page, files: Files) -> None:
    shown = files(name)
    chosen = picks(shown.trace, count, seed=20)
    opened(page, shown)
    readings = read_sums(page, chosen)
    for reading, (step, index) in zip(readings, chosen, strict=True):
        check(reading, step, index)
    assert {step.kind for step, _ in chosen} == {step.kind for step in shown.trace}
    assert sum(reading.reason is None for reading in readings) > 0.85 * count


def test_what_stands_in_the_table_and_grids_is_pythons_too(page: Page, files: Files) -> None:
    """The largest product of a convolution: its window, kernel and products, number by number."""
    shown = files("cats")
    step, index = shown.trace["conv_2"], (5, 7, 9)
    opened(page, shown, address("conv_2", 5, (7, 9), "sum"))
    pixel = step.at(index)
    row = page.locator(".sum-row:not(.heads):not(.others)").first
    expect(row).to_be_visible()
    name = row.get_attribute("aria-label")
    largest = pixel.top(1)[0]
    assert name is not None
    assert largest.label in name
    assert plain_text(row.locator(".sum-subtotal").text_content() or "") == plain(largest.sum, decimals_in(row))
    members = pixel.channels() == largest.channel
    grids = row.locator(".sum-grid")
    for grid, expected in zip(range(3), (pixel.inputs, pixel.factors, pixel.terms), strict=True):
        cells = grids.nth(grid).locator("b").all_text_contents()
        exponent = unit_exponent(page.locator(".sum-row.heads i").nth(grid).text_content() or "")
        numbers = [float(plain_text(cell)) * 10.0**exponent for cell in cells]
        assert numbers == pytest.approx(expected[members], abs=0.51 * 10.0 ** (exponent - decimals(cells)))


def decimals_in(row: Locator) -> int:
    return decimals(row.locator(".sum-subtotal").all_text_contents())


def decimals(texts: list[str]) -> int:
    return max(len(text.partition(".")[2]) for text in texts)


def unit_exponent(text: str) -> int:
    """The power of ten of ``×10⁻³``; 0 where there is none."""
    digits = text.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")).partition("10")[2]
    return int(digits) if digits.strip() else 0


def test_from_the_flow_down_to_a_sum_and_on_to_what_it_is_made_of(
    context: BrowserContext, page: Page, files: Files
) -> None:
    """Flow, step, channel, pixel, input: all by the mouse."""
    cut_off(context)
    shown = files("tutorial")
    opened(page, shown)
    head(page, "conv_2").click()
    expect(page.locator(".panel-title h2")).to_have_text("conv_2")
    expect(tab(page, "atlas")).to_have_attribute("aria-selected", "true")

    page.locator(".cells").click(position={"x": 60, "y": 60})
    expect(tab(page, "channel")).to_have_attribute("aria-selected", "true")
    stage = page.locator(".stage-frame canvas")
    expect(stage).to_be_visible()
    box = stage.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6)
    expect(tab(page, "sum")).to_have_attribute("aria-selected", "true")

    expect(page.locator(".sum-balance")).to_be_visible()
    reading, (step, index) = read_sum(page), place(page, shown.trace)
    assert step.name == "conv_2"
    assert 0.3 < index[2] / step.shape[2] < 0.5
    assert 0.5 < index[1] / step.shape[1] < 0.7
    check(reading, step, index)

    page.locator(".sum-row:not(.heads) .sum-grid").first.click(position={"x": 4, "y": 4})
    expect(page.locator(".panel-title h2")).to_contain_text("relu")
    reading, (step, index) = read_sum(page), place(page, shown.trace)
    assert step is shown.trace["conv_2"].inputs[0]
    check(reading, step, index)
    page.locator(".sum-crumbs button").first.click()
    expect(page.locator(".panel-title h2")).to_contain_text("conv_2")


def place(page: Page, trace: Trace) -> tuple[Step, tuple[int, ...]]:
    """Which value the arithmetic says it shows."""
    where = page.locator(".sum")
    step = trace.steps[int(where.get_attribute("data-step") or -1)]
    return step, tuple(int(part) for part in (where.get_attribute("data-index") or "").split(","))
