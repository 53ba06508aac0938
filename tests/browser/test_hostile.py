"""Names from outside are text, on every host: nothing in them runs, and all of it can be read."""

from __future__ import annotations

import base64
import dataclasses
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Frame as PageFrame
from playwright.sync_api import Page, expect

import convscope
from convscope.notebook import Frame
from convscope.page.bundle import WEB
from convscope.page.html import empty_page, raw_data
from convscope.server.networks import Offer
from convscope.traces import Trace
from serving import png, serving
from viewing import Shown, first_map, opened, show

LAYER = "<img src=x onerror=alert(1)>"
OTHER = "</script><script>alert('pwned')</script>"
QUOTES = "\"'`><svg onload=alert(2)>\n${alert(3)} \u202eevil\u2066"
LABELS = (f"<b>{LAYER}</b>", OTHER, QUOTES)
FILE = f"{QUOTES} {LAYER}.png"


def model() -> torch.nn.Module:
    torch.manual_seed(1)
    layers = OrderedDict(
        [(LAYER, torch.nn.Conv2d(3, 4, 3)), (OTHER, torch.nn.ReLU()), ("pool", torch.nn.AdaptiveAvgPool2d(1))]
    )
    layers |= [("flatten", torch.nn.Flatten()), (QUOTES, torch.nn.Linear(4, 3)), ("softmax", torch.nn.Softmax(1))]
    return torch.nn.Sequential(layers).eval()


@pytest.fixture(scope="module")
def trace() -> Trace:
    found = convscope.trace(model(), "chelsea", size=24, labels=LABELS)
    image = {**found.about["image"], "name": FILE}
    return dataclasses.replace(found, about={**found.about, "network": f"{OTHER} {LAYER}", "image": image})


@pytest.fixture
def dialogs(page: Page) -> Iterator[list[str]]:
    """Whatever asks for attention: nothing may."""
    found: list[str] = []
    page.on("dialog", lambda dialog: (found.append(dialog.message), dialog.dismiss()))
    yield found
    assert found == []


def walk(frame: PageFrame) -> None:
    """Look at every step in every view, point at things, and read the names as text."""
    expect(frame.locator(".panel-title h2")).to_be_visible()
    for name in (LAYER, OTHER, QUOTES):
        head = frame.locator(".flow .head").filter(has_text=name.splitlines()[0][:20]).first
        head.click()
        expect(frame.locator(".panel-title h2")).to_contain_text(name)
        for view in ("channel", "sum", "atlas"):
            frame.locator(f"#panel-tab-{view}").click()
            expect(frame.locator(".sum-balance, .panel-body .channel, .atlas").first).to_be_visible()
        assert frame.locator(".flow .head .name").filter(has_text=name.splitlines()[0][:20]).count() >= 1
    frame.locator(".flow .map").nth(4).hover()
    assert frame.locator("img, svg[onload], [onerror]").count() == 0
    assert frame.evaluate(
        "[...document.scripts].every((one) => !one.textContent.includes('pwned') || one.type || one.src === '')"
    )


def shown_names(frame: PageFrame) -> None:
    expect(frame.locator("header.top")).to_contain_text(OTHER)
    expect(frame.locator("header.top")).to_contain_text(f"{LAYER}.png")


def test_in_the_exported_file(trace: Trace, page: Page, dialogs: list[str], tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    convscope.export(trace, path)
    opened(page, Shown(trace, path))
    shown_names(page.main_frame)
    walk(page.main_frame)
    page.locator(".flow .head").filter(has_text="softmax").click()
    first = page.locator(".answers .answer .label").first
    assert (first.text_content() or "") in LABELS


def test_in_a_notebooks_frame(trace: Trace, page: Page, dialogs: list[str]) -> None:
    page.set_content(Frame(trace, 760, full=None)._repr_html_())
    frame = page.frames[1]
    expect(first_map(frame)).to_be_visible()
    shown_names(frame)
    walk(frame)
    assert page.locator("img, script").count() == 0


#: What anywidget does with the module of a widget.
_WIDGET = """async ({ module, page, trace, overview }) => {
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  const title = "<img src=x onerror=alert(4)>";
  const state = { page, trace: bytes(trace), overview: bytes(overview), height: 700, title };
  const widget = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
  window.widgets = [widget.default.render({ model: { get: (name) => state[name] }, el: document.body })];
}"""


def test_in_a_notebooks_widget(trace: Trace, page: Page, dialogs: list[str]) -> None:
    numbers, overview = (base64.b64encode(part).decode() for part in raw_data(trace))
    module = (WEB / "widget.js").read_text(encoding="utf-8")
    page.evaluate(_WIDGET, {"module": module, "page": empty_page("notebook"), "trace": numbers, "overview": overview})
    frame = page.frames[1]
    expect(first_map(frame)).to_be_visible()
    shown_names(frame)
    walk(frame)
    page.evaluate("window.widgets[0]()")
    expect(page.locator("iframe")).to_have_count(0)


def test_at_the_server(page: Page, dialogs: list[str]) -> None:
    with serving(networks=[Offer("hostile", f"{OTHER} {LAYER}", "given", model())], begin="hostile") as server:
        show(page, server)
        page.locator("header .choice").nth(1).click()
        expect(page.get_by_role("dialog")).to_contain_text(LAYER)
        page.keyboard.press("Escape")
        page.evaluate(
            """({ bytes, name }) => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
              document.body.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, clipboardData: data }));
            }""",
            {"bytes": list(png(60, 40)), "name": FILE},
        )
        expect(page.locator("header.top")).to_contain_text(f"{LAYER}.png")
        walk(page.main_frame)
