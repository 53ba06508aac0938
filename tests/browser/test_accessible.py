"""axe-core finds nothing serious, and nothing overlaps or runs off the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from looking import LOOKS, findings, look, overlaps
from viewing import Shown, address, opened, tab

Files = Callable[[str], Shown]


@pytest.fixture
def free(browser: Browser) -> Iterator[Page]:
    """A tab into which axe may be put in spite of the page's policy."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, locale="en-US", reduced_motion="reduce", bypass_csp=True
    )
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(("theme", "language"), LOOKS)
def test_the_three_views(theme: str, language: str, free: Page, files: Files) -> None:
    opened(free, files("cats"), address("conv_2", 3, (4, 5)) + look(theme, language))
    expect(free.locator(".atlas .cells")).to_be_visible()
    assert findings(free) == []
    tab(free, "channel").click()
    expect(free.locator(".stage canvas")).to_be_visible()
    expect(free.locator(".channel-inputs")).to_be_visible()
    assert findings(free) == []
    tab(free, "sum").click()
    expect(free.locator(".sum-verdict")).to_be_visible()
    assert findings(free) == []
    free.keyboard.press("?")
    expect(free.get_by_role("dialog")).to_be_visible()
    assert findings(free) == []


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "zh")])
def test_vectors_answers_and_odd_kinds(theme: str, language: str, free: Page, files: Files) -> None:
    opened(free, files("inception"), address("log_softmax", 2) + look(theme, language))
    places = [
        ("fc", "sum"),
        ("log_softmax", "sum"),
        ("cat", "sum"),
        ("maxpool2d", "sum"),
        ("fc", "channel"),
        ("norm", "sum"),
    ]
    for step, view in [("log_softmax", "atlas"), *places]:
        free.evaluate("hash => { location.hash = hash; }", address(step, 2, (1, 1), view) + look(theme, language))
        expect(tab(free, view)).to_have_attribute("aria-selected", "true")
        expect(free.locator(".sum-balance, .atlas, .panel-body .channel").first).to_be_visible()
        assert findings(free) == [], step


@pytest.mark.parametrize(("theme", "language"), [("light", "zh"), ("dark", "en")])
def test_a_long_folded_network_and_what_is_not_in_the_file(theme: str, language: str, free: Page, files: Files) -> None:
    opened(free, files("resnet50"), address("layer2.0.conv2", 0, (1, 1), "channel") + look(theme, language))
    expect(free.locator(".panel-body .channel")).to_be_visible()
    assert findings(free) == []
    tab(free, "sum").click()
    expect(free.locator(".sum-nothing, .sum-balance").first).to_be_visible()
    assert findings(free) == []


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "zh")])
def test_the_choosers_of_the_server(theme: str, language: str, free: Page, server: Any) -> None:
    free.goto(f"http://{server.name}/?token={server.keys.token}#step=conv_1{look(theme, language)}")
    expect(free.locator(".atlas .cells")).to_be_visible()
    expect(free.locator(".running")).to_have_count(0)
    for number in (0, 1):
        free.locator("header .choice").nth(number).click()
        expect(free.get_by_role("dialog")).to_be_visible()
        assert findings(free) == []
        free.keyboard.press("Escape")
        expect(free.get_by_role("dialog")).to_have_count(0)


SIZES = [(1024, 768), (1280, 800), (1920, 1080)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_overlaps_or_runs_off_the_screen(
    width: int, height: int, language: str, page: Page, files: Files
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    for name, step in (("cats", "conv_3"), ("resnet50", "layer4.0.conv2")):
        opened(page, files(name), f"step={step}&lang={language}")
        for view in ("atlas", "channel", "sum"):
            tab(page, view).click()
            expect(page.locator(".sum-nothing, .sum-balance, .atlas, .panel-body .channel").first).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
            found = overlaps(page)
            assert found["over"] == [], f"{name}, {view}"
            assert found["count"] > 8
