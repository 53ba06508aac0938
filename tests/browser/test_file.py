"""The exported file, opened from the disk without any network."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from viewing import Shown, address, cut_off, drawn, head, opened

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
    maps = page.locator(".flow .column").nth(1).locator(".map")
    assert maps.count() == len(shown.trace["conv_1"].value)
    assert all(drawn(one) for one in maps.all())
    assert drawn(page.locator(".photo canvas"))
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {shown.url}


#: Goes to each place, and waits until the view of that place is there; what it then says.
_VISIT = """async places => {
  const seen = [];
  for (const { hash, step, content } of places) {
    location.hash = hash;
    const title = () => document.querySelector(".panel-title h2 [translate]")?.textContent;
    const there = () => title() === step && document.querySelector(content);
    for (let tries = 0; !there() && tries < 2000; tries += 1) await new Promise((done) => setTimeout(done, 0));
    if (!there()) throw new Error(`${hash} is never shown`);
    await new Promise(requestAnimationFrame);
    seen.push(document.querySelector(".panel-body").textContent.length);
  }
  return seen;
}"""


def test_every_step_can_be_looked_at_in_all_three_ways(context: BrowserContext, page: Page, files: Files) -> None:
    """Whatever its kind; the page fixture fails on any error."""
    cut_off(context)
    views = {"atlas": ".atlas", "channel": ".panel-body .channel", "sum": ".sum-balance, .sum-nothing"}
    for name in ("inception", "mobilenet", "functional"):
        shown = files(name)
        opened(page, shown)
        places = [
            {"hash": address(step.name, None, None, view), "step": step.name, "content": content}
            for step in shown.trace
            for view, content in views.items()
        ]
        assert min(page.evaluate(_VISIT, places)) > 10


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
    box = cell.locator("i").bounding_box()
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
