"""Everything with the keyboard alone, and always in sight where one is."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from viewing import Shown, address, opened, tab

Files = Callable[[str], Shown]

#: Where the focus is, and whether it can be seen: an outline on it, or on the label that stands for it.
_FOCUS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return { what: "body", seen: false };
  const lined = (one, part) => {
    const style = one && getComputedStyle(one, part);
    return Boolean(style) && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  };
  const box = element.getBoundingClientRect();
  const marked = element.matches(".handle") && getComputedStyle(element, "::after").opacity !== "0";
  const name = element.getAttribute("aria-label") ?? element.textContent.slice(0, 40);
  const what = `${element.tagName.toLowerCase()}.${element.className} ${name}`;
  const seen = lined(element) || lined(element, "::after") || lined(element.nextElementSibling) || marked;
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return { what, seen: seen && inside && element.matches(":focus-visible"), at: element.dataset.at ?? null };
}"""


def focus(page: Page) -> str:
    """What has the focus; it must be in sight."""
    found = page.evaluate(_FOCUS)
    assert found["seen"], found["what"]
    return str(found["what"])


def press(page: Page, *keys: str) -> str:
    for key in keys:
        page.keyboard.press(key)
    return focus(page)


def tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    """Press Tab until something has the focus; at every stop it is in sight."""
    for _ in range(40):
        if press(page, key) and page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is never reached")


def title(page: Page, text: str) -> None:
    expect(page.locator(".panel-title h2")).to_have_text(text)


def test_from_the_flow_to_the_arithmetic_and_back(page: Page, files: Files) -> None:
    opened(page, files("tutorial"))
    tab_to(page, ".flow [data-at]")
    press(page, "Home")
    assert "conv_1" in press(page, "ArrowRight")
    press(page, "Enter")
    title(page, "conv_1")
    assert "pool_1" in press(page, "ArrowRight")
    press(page, "Enter")
    title(page, "pool_1")

    press(page, "ArrowDown", "ArrowDown")
    press(page, "Enter")
    expect(tab(page, "channel")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".panel-title h2")).to_contain_text("pool_1 · channel")
    press(page, "Enter")
    expect(tab(page, "sum")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".sum-balance")).to_be_visible()

    tab_to(page, ".sum-map")
    before = index(page)
    press(page, "ArrowRight", "ArrowRight", "ArrowDown")
    assert index(page) == [before[0], before[1] + 1, before[2] + 2]
    press(page, "Shift+ArrowLeft")
    assert index(page) == [before[0], before[1] + 1, max(0, before[2] + 2 - 10)]

    press(page, "Escape")
    expect(tab(page, "channel")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(tab(page, "atlas")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    title(page, "pool_1")


def index(page: Page) -> list[int]:
    return [int(part) for part in (page.locator(".sum").get_attribute("data-index") or "").split(",")]


def test_the_tabs_by_arrows_and_the_keys_one_to_three(page: Page, files: Files) -> None:
    opened(page, files("tutorial"))
    tab_to(page, ".tab")
    for key, name in (
        ("ArrowRight", "channel"),
        ("ArrowRight", "sum"),
        ("ArrowRight", "atlas"),
        ("End", "sum"),
        ("Home", "atlas"),
    ):
        press(page, key)
        expect(tab(page, name)).to_have_attribute("aria-selected", "true")
        expect(tab(page, name)).to_be_focused()
    for key, name in (("3", "sum"), ("2", "channel"), ("1", "atlas")):
        page.keyboard.press(key)
        expect(tab(page, name)).to_have_attribute("aria-selected", "true")


def test_the_atlas_by_arrows(page: Page, files: Files) -> None:
    opened(page, files("cats"), address("conv_3"))
    tab_to(page, ".cells")
    option = page.locator(".cells [role=option]")
    first = option.text_content()
    press(page, "ArrowRight", "ArrowDown")
    assert option.text_content() != first
    press(page, "End")
    expect(option).to_have_attribute("aria-posinset", "64")
    channel = (option.text_content() or "").partition(":")[0]
    page.keyboard.press("Enter")
    title(page, f"conv_3 · {channel}")


def test_every_stop_of_the_tab_key_is_in_sight_in_all_views(page: Page, files: Files) -> None:
    for view in ("atlas", "channel", "sum"):
        opened(page, files("tutorial"), address("conv_2", 1, (3, 3), view))
        expect(page.locator(".sum-balance, .atlas, .panel-body .channel").first).to_be_visible()
        page.evaluate("document.activeElement.blur()")
        stops = [press(page, "Tab")]
        while len(stops) < 60:
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement === document.body || document.activeElement.matches('.skip')"):
                break
            stops.append(focus(page))
        assert 12 < len(stops) < 60
        assert len(set(stops)) > 10


def test_the_skip_link_leads_to_the_panel(page: Page, files: Files) -> None:
    opened(page, files("tutorial"))
    assert "skip" in press(page, "Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#panel")).to_be_focused()


def test_dialogs_keep_the_focus_and_give_it_back(page: Page, files: Files) -> None:
    opened(page, files("tutorial"))
    button = page.get_by_role("button", name="Show the keys")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="With the keyboard")
    expect(dialog).to_be_visible()
    assert dialog.evaluate("dialog => dialog.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
