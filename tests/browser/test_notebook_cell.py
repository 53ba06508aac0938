"""The widget in a notebook's cell: the same page, in a frame of its own, fed through buffers."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import Page, expect

import convscope
from convscope import notebook

# A notebook imports the widget's module and hands it a model; buffers come as DataViews of a larger buffer.
CELL = """
async ([source, state]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const view = (text) => { const all = new Uint8Array([1, 2, 3, ...bytes(text)]); return new DataView(all.buffer, 3); };
  const model = { ...state, trace: view(state.trace), overview: view(state.overview) };
  const { default: widget } = await import(`data:text/javascript;base64,${btoa(source)}`);
  for (const id of ["first", "second"]) {
    const el = document.createElement("div");
    el.id = id;
    document.body.append(el);
    window[id] = widget.render({ model: { get: (name) => model[name] }, el });
  }
}
"""


@pytest.fixture
def cell(page: Page, monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.setattr("convscope.notebook.in_notebook", lambda: True)
    trace = convscope.trace("conv(3, 3) | relu | gap | dense(2)", "chelsea", size=24)
    shown = notebook.show(trace, height=600)
    state = {name: getattr(shown, name) for name in ("page", "height", "title")}
    state |= {name: base64.b64encode(getattr(shown, name)).decode() for name in ("trace", "overview")}
    page.set_content("<!doctype html><style>canvas { display: none }</style><body></body>")
    page.evaluate(CELL, [shown._esm, state])
    return page


def test_two_cells_do_not_disturb_each_other(cell: Page) -> None:
    first, second = cell.frame_locator("#first iframe"), cell.frame_locator("#second iframe")
    expect(first.get_by_role("rowheader", name="conv_1")).to_be_visible()
    expect(second.get_by_role("rowheader", name="conv_1")).to_be_visible()
    first.get_by_role("button", name="Switch between light and dark").click()
    expect(first.locator("html")).to_have_attribute("data-theme", "dark")
    expect(second.locator("html")).to_have_attribute("data-theme", "light")
    assert cell.locator("html").get_attribute("data-theme") is None


def test_the_frame_is_sandboxed_and_goes_away_with_its_cell(cell: Page) -> None:
    frame = cell.locator("#first iframe")
    expect(cell.frame_locator("#first iframe").get_by_role("rowheader", name="relu_1")).to_be_visible()
    assert frame.get_attribute("sandbox") == "allow-scripts allow-downloads"
    assert frame.evaluate("(frame) => frame.contentDocument") is None
    cell.evaluate("window.first()")
    expect(cell.locator("#first iframe")).to_have_count(0)
    expect(cell.locator("#second iframe")).to_have_count(1)
