"""``convscope.show``: the viewer where one works: in a notebook's cell, or in the browser from a script."""

from __future__ import annotations

import functools
import html
import os
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.errors import CallError, OutputError
from convscope.traces import Trace

if TYPE_CHECKING:
    import anywidget

LARGEST = 64_000_000
"""Bytes of numbers that go to a notebook whole; of larger traces, an excerpt goes."""

SMALLEST_CELL = 320


def show(trace: Any, *, height: int = 760, full: bool | None = None) -> Any:
    """Show a trace: the viewer in a notebook's cell, or in the browser when called from a script.

    In Jupyter, Colab, VS Code and marimo with `anywidget` installed, the numbers go to the cell through the widget's
    buffers. Without it the cell holds the page as one sandboxed frame. A script writes the page to a temporary file
    and opens it in the browser. Nothing asks for a network.

    Args:
        trace: what to show.
        height: of the cell, in pixels.
        full: True for every number, however many; False for the excerpt that :func:`convscope.export` would write;
            None for every number up to 64 MB of them.

    Returns:
        in a notebook something that shows itself as the last line of a cell; in a script the path of the page.

    Raises:
        CallError: ``trace`` is no trace, or ``height`` is too small.
        OutputError: a script's page cannot be written.

    >>> import convscope
    >>> page = show(convscope.trace("conv(2, 3)", "chelsea", size=16))  # doctest: +SKIP
    """
    if not isinstance(trace, Trace):
        raise CallError(f"show takes a trace, as convscope.trace returns it; got {type(trace).__name__}")
    if height < SMALLEST_CELL:
        raise CallError(f"height is {height}; give at least {SMALLEST_CELL} pixels")
    if not in_notebook():
        return _opened(trace, full=full)
    return _widget(trace, height, full=full) if _has_anywidget() else Frame(trace, height, full=full)


def in_notebook() -> bool:
    """Whether this process runs the cells of a notebook (a terminal's IPython does not)."""
    marimo = sys.modules.get("marimo")
    if marimo is not None and marimo.running_in_notebook():
        return True
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and (hasattr(shell, "kernel") or "google.colab" in sys.modules)


def _has_anywidget() -> bool:
    from importlib.util import find_spec

    return find_spec("anywidget") is not None


class Frame:
    """The page as a sandboxed frame that holds all of it: what a notebook shows without anywidget.

    Args:
        trace: what to show.
        height: in pixels.
        full: as for :func:`show`.
    """

    def __init__(self, trace: Trace, height: int, *, full: bool | None) -> None:
        from convscope.page import html_bytes

        page = html_bytes(trace, full=_all(trace, full=full)).decode()
        self._html = (
            f'<iframe sandbox="allow-scripts allow-downloads" title="{html.escape(_title(trace))}" '
            f'style="display:block;width:100%;height:{height}px;border:0" srcdoc="{html.escape(page)}"></iframe>'
        )

    def _repr_html_(self) -> str:
        return self._html


def _widget(trace: Trace, height: int, *, full: bool | None) -> anywidget.AnyWidget:
    from convscope.page.html import empty_page, raw_data

    numbers, overview = raw_data(trace, full=_all(trace, full=full))
    return _widget_class()(
        page=empty_page("notebook"), trace=numbers, overview=overview, height=height, title=_title(trace)
    )


@functools.cache
def _widget_class() -> type[anywidget.AnyWidget]:
    """Made when first needed, since anywidget is optional."""
    import anywidget
    import traitlets

    from convscope.page.bundle import WEB

    class Viewer(anywidget.AnyWidget):
        """The viewer in a cell; its page lives in a frame of its own."""

        _esm = (WEB / "widget.js").read_text(encoding="utf-8")
        page = traitlets.Unicode().tag(sync=True)
        trace = traitlets.Bytes().tag(sync=True)
        overview = traitlets.Bytes().tag(sync=True)
        height = traitlets.Int().tag(sync=True)
        title = traitlets.Unicode().tag(sync=True)

    return Viewer


def _all(trace: Trace, *, full: bool | None) -> bool:
    """Whether every number goes along."""
    return sum(step.value.nbytes for step in trace) <= LARGEST if full is None else full


def _title(trace: Trace) -> str:
    return f"convscope: {trace.about.get('network', 'network')}"


def _opened(trace: Trace, *, full: bool | None) -> Path:
    """The page in a file of its own, in the browser where there is one."""
    from convscope.page import html_bytes

    data = html_bytes(trace, full=_all(trace, full=full))
    try:
        descriptor, name = tempfile.mkstemp(prefix="convscope-", suffix=".html")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        raise OutputError(f"the page cannot be written to the temporary folder: {error}; make room there") from error
    path = Path(name)
    webbrowser.open(path.as_uri())
    return path
