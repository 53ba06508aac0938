"""Language and theme: by button, by key, by what the system prefers; and everything is in the chosen language."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from convscope.spec import load, shelf
from viewing import Shown, address, jump, opened, texts

Files = Callable[[str], Shown]

CHINESE = re.compile(r"[\u3400-\u9fff]")
WORD = re.compile(r"[A-Za-z][a-z]{2,}")
#: Names, units and commands, which are the same in every language.
COMMON = {
    "convscope", "conv", "scope", "export", "full", "Enter", "Space", "Esc", "Shift", "English", "float",
    "chelsea", "coffee", "astronaut", "Sigmoid", "Softmax", "tutorial", "cats", "dogs", "fashion", "cnn", "dense",
    "lenet", "cat", "catdog", "vgg", "max", "min", "exp", "log", "Log",
}  # fmt: skip


def english_in(found: list[str], names: set[str]) -> set[str]:
    """Words that are no name of the trace and no name that both languages use."""
    known = COMMON | {word for name in names for word in WORD.findall(name)}
    return {text for text in found for word in WORD.findall(text) if word not in known}


def chinese_in(found: list[str]) -> set[str]:
    return {text for text in found if CHINESE.search(text)}


@pytest.mark.parametrize("name", ["cats", "inception"])
def test_nothing_stays_in_the_other_language(name: str, page: Page, files: Files) -> None:
    shown = files(name)
    about = shown.trace.about
    names = {step.name for step in shown.trace} | {str(about.get(key)) for key in ("network", "spec")}
    opened(page, shown)
    views = [address(step.name, 0, None, view) for step in shown.trace for view in ("atlas", "channel", "sum")]
    chosen = views[3:6] + views[6::7]
    for view in chosen:
        jump(page, view)
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(page.locator(".sum-balance, .sum-nothing, .atlas, .panel-body .channel").first).to_be_visible()
        assert chinese_in(texts(page)) == {"中文"}, view
        jump(page, f"{view}&lang=zh")
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        expect(page.locator(".sum-balance, .sum-nothing, .atlas, .panel-body .channel").first).to_be_visible()
        assert english_in(texts(page), names) == set(), view
        jump(page, f"{view}&lang=en")


def test_the_list_of_keys_and_the_menus_too(served: Page) -> None:
    names = {load(name).text() for name in shelf()}
    for language, others in (
        ("en", lambda found: chinese_in(found) - {"中文"}),
        ("zh", lambda found: english_in(found, names)),
    ):
        served.evaluate("language => { location.hash = `step=conv_1&lang=${language}`; }", language)
        expect(served.locator("html")).to_have_attribute("lang", {"en": "en", "zh": "zh-CN"}[language])
        served.keyboard.press("?")
        expect(served.get_by_role("dialog")).to_be_visible()
        assert others(texts(served, "dialog")) == set()
        served.keyboard.press("Escape")
        for number in (0, 1):
            served.locator("header .choice").nth(number).click()
            expect(served.get_by_role("dialog")).to_be_visible()
            assert others(texts(served, "dialog")) == set()
            served.keyboard.press("Escape")
            expect(served.get_by_role("dialog")).to_have_count(0)


def test_every_text_changes_with_the_button_and_back_with_the_key(page: Page, files: Files) -> None:
    opened(page, files("tutorial"), address("conv_2", 1, (3, 4), "sum"))
    expect(page.locator(".sum-verdict")).to_be_visible()
    english = texts(page)
    page.get_by_role("button", name="Show this page in Chinese").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator("#panel-tab-sum")).to_have_text("算式")
    chinese = texts(page)
    same = {text for text in english if text in chinese and WORD.search(text)}
    names = {step.name for step in files("tutorial").trace} | {load("tutorial-1").text()}
    assert english_in(sorted(same), names) == set()
    assert len(chinese) == pytest.approx(len(english), rel=0.05)
    page.keyboard.press("l")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert texts(page) == english


def test_the_theme_by_button_and_key(page: Page, files: Files) -> None:
    opened(page, files("tutorial"))
    html = page.locator("html")
    ground = "getComputedStyle(document.querySelector('.convscope')).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(html).to_have_attribute("data-theme", "dark")
    assert page.evaluate(ground) != light
    assert "theme=dark" in page.url
    page.keyboard.press("t")
    expect(html).to_have_attribute("data-theme", "light")
    assert page.evaluate(ground) == light


def test_the_system_decides_until_somebody_chooses(browser: Browser, files: Files) -> None:
    context = browser.new_context(color_scheme="dark", locale="zh-CN")
    page = context.new_page()
    opened(page, files("tutorial"))
    html = page.locator("html")
    expect(html).to_have_attribute("data-theme", "dark")
    expect(html).to_have_attribute("lang", "zh-CN")
    page.emulate_media(color_scheme="light")
    expect(html).to_have_attribute("data-theme", "light")
    page.keyboard.press("t")
    expect(html).to_have_attribute("data-theme", "dark")
    page.emulate_media(color_scheme="dark")
    page.emulate_media(color_scheme="light")
    expect(html).to_have_attribute("data-theme", "dark")
    context.close()
