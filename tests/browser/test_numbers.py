"""The numbers on the page are Python's, digit for digit, and what is shown adds up to what is shown."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from convscope.arithmetic import Pixel
from convscope.errors import NoArithmetic
from convscope.traces import Step, Trace
from viewing import (
    Line, Reading, Shown, address, ascii_sign, cut_off, head, name_of, opened, read_sum, read_sums, tab,
)  # fmt: skip

Files = Callable[[str], Shown]
WEIGHTED = {"conv2d", "conv_transpose2d"}


def plain(x: float, decimals: int) -> str:
    """A number as the balance shows it, with Python's rounding."""
    return f"{x:+.{decimals}f}" if math.isfinite(x) else f"{x:+}"


def check(reading: Reading, step: Step, index: tuple[int, ...]) -> None:
    """Everything that is shown of one value, against Python."""
    try:
        pixel = step.at(index)
    except NoArithmetic:
        assert reading.reason is not None
        return
    assert reading.reason is None
    recorded, total = reading.line("recorded"), reading.line("total")
    assert ascii_sign(reading.headline) == f"= {float(step.value[index]):.5g}"
    assert same(recorded, float(step.value[index]))
    assert same(total, pixel.result)
    assert reading.good is pixel.holds
    bias = [line for line in reading.lines if line.role == "bias"]
    assert [same(line, pixel.bias) for line in bias] == [True] * (pixel.bias != 0)
    check_terms(reading, pixel)
    check_addition(reading)


def same(line: Line, expected: float) -> bool:
    """Digit for digit, and the number behind the digits to the last few bits."""
    assert ascii_sign(line.text) == plain(expected, line.decimals), line
    assert line.exact == pytest.approx(expected, rel=1e-13, abs=0.0, nan_ok=True)
    return True


def check_terms(reading: Reading, pixel: Pixel) -> None:
    """Each named line by its name; what has no name of its own is all the rest."""
    parts = by_name(pixel)
    terms = [line for line in reading.lines if line.role == "term"]
    named = [line for line in terms if line.named]
    for line in named:
        assert same(line, parts[line.label])
    assert len({line.label for line in named}) == len(named)
    sizes = sorted((abs(value) for value in parts.values()), reverse=True)
    if "winner" not in pixel.symbols and pixel.linear:
        shown = sorted((abs(line.exact) for line in named), reverse=True)
        assert shown == pytest.approx(sizes[: len(shown)]), "not the largest ones are named"
    others = pixel.result - pixel.bias - sum(line.exact for line in named)
    for line in reading.lines:
        if line.role == "rest":
            assert int(re.sub(r"\D", "", line.label)) == len(parts) - len(named)
        if line.role == "rest" or (line.role == "term" and not line.named):
            assert line.exact == pytest.approx(others, rel=1e-9, abs=1e-9 * (np.abs(pixel.terms).sum() + abs(pixel.bias)))


def by_name(pixel: Pixel) -> dict[str, float]:
    """What the page can name: input channels of a convolution, single terms otherwise."""
    if pixel.step.kind in WEIGHTED:
        return {share.label: share.sum for share in pixel.top(10**9) if share.source >= 0}
    found: dict[str, float] = {}
    for term, value in enumerate(pixel.terms):
        place = pixel.position(term)
        source = int(pixel.source[term])
        name = name_of(pixel.step.inputs[source], place) if place is not None else f"term {term}"
        found[name] = float(value)
    return found


def check_addition(reading: Reading) -> None:
    """The strings, added as on paper."""
    total = reading.line("total")
    if math.isfinite(total.exact):
        assert sum((line.number for line in reading.parts()), Decimal(0)) == total.number


def picks(trace: Trace, count: int, seed: int) -> list[tuple[Step, tuple[int, ...]]]:
    """Random values, every step in turn, so that no kind is missed."""
    draw = random.Random(seed)
    steps = [step for step in trace if step.value.size]
    turns = [steps[i % len(steps)] for i in range(count)]
    return [(step, tuple(draw.randrange(side) for side in step.shape)) for step in turns]


@pytest.mark.parametrize(("name", "count"), [("cats", 64), ("resnet", 80), ("inception", 72), ("fashion", 24)])
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
    assert ascii_sign(row.locator(".sum-subtotal").text_content() or "") == plain(largest.sum, decimals_in(row))
    members = pixel.channels() == largest.channel
    grids = row.locator(".sum-grid")
    for grid, expected in zip(range(3), (pixel.inputs, pixel.factors, pixel.terms), strict=True):
        cells = grids.nth(grid).locator("b").all_text_contents()
        exponent = unit_exponent(page.locator(".sum-row.heads i").nth(grid).text_content() or "")
        numbers = [float(ascii_sign(cell)) * 10.0**exponent for cell in cells]
        assert numbers == pytest.approx(expected[members], abs=0.51 * 10.0 ** (exponent - decimals(cells)))


def decimals_in(row: object) -> int:
    return decimals([row.locator(".sum-subtotal").text_content()])  # type: ignore[attr-defined]


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
