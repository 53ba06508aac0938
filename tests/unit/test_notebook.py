"""``convscope.show``: what a notebook gets, with and without anywidget, and what a script gets."""

from __future__ import annotations

import importlib.util
import re
import sys
import types
from html import unescape
from pathlib import Path

import pytest

import convscope
from convscope import notebook
from convscope.errors import CallError, OutputError
from convscope.page import html_bytes, overview_bytes
from convscope.store import dumps, loads
from convscope.traces import Trace


@pytest.fixture(scope="module")
def trace() -> Trace:
    return convscope.trace("conv(3, 3) | relu | gap | dense(2)", "chelsea", size=24)


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a kernel ran this."""
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)


@pytest.fixture
def no_anywidget(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "anywidget" else found(name))


@pytest.mark.usefixtures("cells")
def test_a_notebook_gets_the_numbers_in_buffers(trace: Trace) -> None:
    shown = convscope.show(trace, height=500)
    assert shown.height == 500
    assert shown.trace == dumps(trace)
    assert loads(shown.trace)["conv_1"].value.tolist() == trace["conv_1"].value.tolist()
    assert len(shown.overview) >= len(overview_bytes(trace))
    assert 'data-host="notebook"' in shown.page
    assert "export function render(" in shown._esm
    assert {"page", "trace", "overview", "height", "title"} <= set(shown.traits(sync=True))


@pytest.mark.usefixtures("cells")
def test_a_large_trace_goes_as_an_excerpt(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "LARGEST", 1000)
    monkeypatch.setattr("convscope.page.html.raw_data", lambda _trace, *, full: (b"all" if full else b"some", b""))
    assert convscope.show(trace).trace == b"some"
    assert convscope.show(trace, full=True).trace == b"all"


@pytest.mark.usefixtures("cells", "no_anywidget")
def test_without_anywidget_the_page_is_in_a_sandboxed_frame(trace: Trace) -> None:
    markup = convscope.show(trace, height=400)._repr_html_()
    assert markup.startswith('<iframe sandbox="allow-scripts allow-downloads"')
    assert "allow-same-origin" not in markup
    assert "height:400px" in markup
    (page,) = re.findall(r'srcdoc="([^"]*)"', markup)
    assert unescape(page).encode() == html_bytes(trace, full=True)


@pytest.mark.usefixtures("cells", "no_anywidget")
def test_a_name_cannot_leave_its_place(trace: Trace) -> None:
    evil = '"><img src=x onerror=alert(1)>'
    named = Trace(trace.picture, trace.steps, trace.outputs, trace.placement, about={**trace.about, "network": evil})
    markup = convscope.show(named)._repr_html_()
    assert "<img" not in markup
    assert markup.count("<") == 2


def test_a_script_gets_a_file_and_a_browser(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    path = convscope.show(trace)
    try:
        assert opened == [path.as_uri()]
        assert path.read_bytes() == html_bytes(trace, full=True)
    finally:
        path.unlink()


def test_a_terminals_ipython_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert not notebook.in_notebook()


@pytest.mark.parametrize("running", [True, False])
def test_marimo_says_itself_whether_it_runs_cells(monkeypatch: pytest.MonkeyPatch, running: bool) -> None:
    monkeypatch.setitem(sys.modules, "marimo", types.SimpleNamespace(running_in_notebook=lambda: running))
    assert notebook.in_notebook() is running


def test_wrong_calls_get_one_sentence(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CallError, match=r"show takes a trace, as convscope.trace returns it; got str"):
        convscope.show("cat.jpg")
    with pytest.raises(CallError, match="height is 10; give at least 320 pixels"):
        convscope.show(trace, height=10)

    def full_disk(**_options: object) -> tuple[int, str]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full_disk)
    with pytest.raises(OutputError, match=r"the page cannot be written to the temporary folder: .*; make room there"):
        convscope.show(trace)


def test_the_widget_is_the_page_s_own_source() -> None:
    source = Path(notebook.__file__).parent / "web" / "widget.js"
    assert source.read_text(encoding="utf-8").endswith("export default { render };\n")
