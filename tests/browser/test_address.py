"""The address says what is shown, both ways; and nothing in it can break the page."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Page, expect

from balance import read_sum, same
from viewing import Shown, address, head, jump, opened, tab

Files = Callable[[str], Shown]


def asked(page: Page) -> dict[str, str]:
    """What the address says."""
    return {name: values[0] for name, values in parse_qs(page.evaluate("location.hash.slice(1)")).items()}


def settled(page: Page, name: str, value: str) -> None:
    """The address follows what moves fast with some delay."""
    for _ in range(300):
        if asked(page).get(name) == value:
            return
        page.evaluate("new Promise(requestAnimationFrame)")
    raise AssertionError(f"{name} is never {value}: {asked(page)}")


def title(page: Page, text: str) -> None:
    expect(page.locator(".panel-title h2")).to_have_text(text)


def test_an_address_opens_exactly_that_value(page: Page, files: Files) -> None:
    shown = files("tutorial")
    opened(page, shown, "step=conv_2&channel=2&pixel=4,5&tab=sum")
    expect(page.locator(".sum")).to_have_attribute("data-index", "2,4,5")
    title(page, "conv_2 · channel 2")
    assert same(read_sum(page).line("recorded"), float(shown.trace["conv_2"].value[2, 4, 5]))
    assert asked(page) == {"step": "conv_2", "channel": "2", "pixel": "4,5", "tab": "sum"}


def test_language_and_theme_come_from_the_address_too(page: Page, files: Files) -> None:
    opened(page, files("tutorial"), "step=conv_2&lang=zh&theme=dark")
    html = page.locator("html")
    expect(html).to_have_attribute("lang", "zh-CN")
    expect(html).to_have_attribute("data-theme", "dark")
    title(page, "conv_2")


def test_what_is_chosen_changes_the_address_and_back_returns(page: Page, files: Files) -> None:
    opened(page, files("tutorial"))
    head(page, "conv_2").click()
    title(page, "conv_2")
    assert asked(page) == {"step": "conv_2"}
    tab(page, "channel").click()
    expect(page.locator(".panel-body .channel")).to_be_visible()
    assert asked(page)["tab"] == "channel"
    head(page, "relu_1").click()
    title(page, "relu_1")
    page.evaluate("history.back()")
    title(page, "conv_2")
    expect(tab(page, "channel")).to_have_attribute("aria-selected", "true")
    page.evaluate("history.back()")
    expect(tab(page, "atlas")).to_have_attribute("aria-selected", "true")
    page.evaluate("history.forward()")
    expect(tab(page, "channel")).to_have_attribute("aria-selected", "true")


def test_moving_the_pixel_does_not_fill_the_history(page: Page, files: Files) -> None:
    opened(page, files("tutorial"), address("conv_2", 0, (5, 5), "sum"))
    before = page.evaluate("history.length")
    page.locator(".sum-map").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".sum")).to_have_attribute("data-index", "0,5,10")
    settled(page, "pixel", "5,10")
    assert page.evaluate("history.length") == before


NONSENSE = [
    "step=nowhere&channel=1&pixel=1,1&tab=sum",
    "step=__proto__",
    "step=conv_2&channel=99&pixel=9999,1&tab=evil",
    "step=conv_2&channel=-1&pixel=a,b",
    "step=conv_2&channel=1e1&pixel=1.5,2",
    "step=conv_2&pixel=1",
    "%E0%A4%A&&&===",
    "lang=klingon&theme=<script>&scale=huge&class=-5",
    "a" * 5000,
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_left_out(nonsense: str, page: Page, files: Files) -> None:
    opened(page, files("tutorial"), nonsense)
    step = "conv_2" if "step=conv_2" in nonsense else "conv_1"
    title(page, step)
    expect(tab(page, "atlas")).to_have_attribute("aria-selected", "true")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    jump(page, "step=relu_1&tab=sum")
    title(page, "relu_1")
    jump(page, nonsense)
    expect(page.locator(".panel-title h2")).to_have_count(1)


def test_a_step_with_letters_that_addresses_escape(page: Page, files: Files) -> None:
    opened(page, files("resnet"))
    step = next(step for step in files("resnet").trace if ":" in step.name)
    jump(page, address(step.name, 1, (0, 1), "sum"))
    title(page, f"{step.name} · channel 1")
    tab(page, "channel").click()
    assert asked(page)["step"] == step.name
