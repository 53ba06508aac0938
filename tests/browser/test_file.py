"""The exported file, opened from the disk without any network."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from viewing import Shown, cut_off, drawn, head, opened, tab

Files = Callable[[str], Shown]


def test_it_shows_every_step_and_asks_for_nothing(context: BrowserContext, page: Page, files: Files) -> None:
    asked = cut_off(context)
    shown = files("tutorial")
    opened(page, shown)
    names = [step.name for step in shown.trace]
    heads = page.locator(".flow .head .name")
    assert heads.all_text_contents() == names[: heads.count()], "columns in sight, and a little more"
    assert heads.count() > 6
    page.locator(".flow .scroller").evaluate("strip => { strip.scrollLeft = strip.scrollWidth; }")
    expect(heads.last).to_have_text(names[-1])
    page.locator(".flow .scroller").evaluate("strip => { strip.scrollLeft = 0; }")
    expect(head(page, "conv_1")).to_be_in_viewport()
    maps = page.locator(".flow .column").nth(1).locator(".map canvas")
    assert maps.count() == len(shown.trace["conv_1"].value)
    assert all(drawn(canvas) for canvas in maps.all())
    assert drawn(page.locator(".photo canvas"))
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {f"{shown.url}#"}


def test_every_step_can_be_looked_at_in_all_three_ways(context: BrowserContext, page: Page, files: Files) -> None:
    """Whatever its kind; the page fixture fails on any error."""
    cut_off(context)
    shown = files("inception")
    opened(page, shown)
    for step in shown.trace:
        head(page, step.name).click()
        expect(page.locator(".panel-title h2")).to_have_text(step.name)
        for name, content in (
            ("atlas", ".atlas"),
            ("channel", ".channel"),
            ("sum", ".sum-balance, .sum-nothing"),
        ):
            tab(page, name).click()
            expect(page.locator(content).first).to_be_visible()
        tab(page, "atlas").click()


def test_the_title_names_the_picture(page: Page, files: Files) -> None:
    opened(page, files("tutorial"))
    expect(page).to_have_title("chelsea · convscope")
    expect(page.locator("header.top")).to_contain_text("tutorial-1")
    expect(page.locator("header.top")).to_contain_text("300×451 → 75×100")


def test_pointing_at_a_map_says_its_value_and_marks_what_it_saw(page: Page, files: Files) -> None:
    shown = files("tutorial")
    opened(page, shown)
    value = shown.trace["conv_1"].value
    cell = page.locator(".flow .column").nth(1).locator(".map").first
    channel = int(cell.locator(".channel").text_content() or "-1")
    box = cell.locator("canvas").bounding_box()
    assert box is not None
    y, x = 40, 25
    page.mouse.move(
        box["x"] + box["width"] * (x + 0.5) / value.shape[2], box["y"] + box["height"] * (y + 0.5) / value.shape[1]
    )
    readout = page.locator(".photo .readout")
    expect(readout).to_contain_text(f"conv_1 · {channel}")
    said = readout.locator(".at").text_content() or ""
    _, row, _, column = said.split()
    assert abs(int(row) - y) <= 1
    assert abs(int(column) - x) <= 1
    expected = f"{float(value[channel, int(row), int(column)]):.5g}".replace("-", "\u2212")
    expect(readout.locator(".value")).to_have_text(expected)
    expect(page.locator('.photo [data-part="field"]')).to_be_visible()
