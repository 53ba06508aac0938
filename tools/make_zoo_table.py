"""Writes the table of docs/zoo.md: examines every network of the zoo; ``--browser`` opens the page of each as well.

``python tools/make_zoo_table.py`` takes about two minutes; the files by strangers are read from ../shared/data.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import torch  # noqa: E402
from playwright.sync_api import Browser, expect, sync_playwright  # noqa: E402

from chromium import QUIET, found_browser  # noqa: E402
from convscope.network import Network  # noqa: E402
from convscope.networks import names  # noqa: E402
from convscope.page import html_bytes  # noqa: E402
from convscope.spec import shelf  # noqa: E402
from convscope.traces import Trace  # noqa: E402
from zoo_any import families, files  # noqa: E402
from zoo_any.checks import Found, examine  # noqa: E402

PAGE = ROOT / "docs" / "zoo.md"
MODELS = ROOT.parent / "shared" / "data" / "models"
START, END = "<!-- made by tools/make_zoo_table.py -->\n", "<!-- end -->"
HEAD = "| network | what it is | steps | numbers | sums tried | layer for CAM | grid | without arithmetic |\n"
RULE = "| --- | --- | ---: | ---: | ---: | --- | --- | --- |\n"


@dataclass(frozen=True)
class Row:
    """A network of the table.

    Attributes:
        name: how it is named there.
        what: the family, or where it comes from.
        open: makes the network.
        own: the framework's own answer; None for the module itself.
    """

    name: str
    what: str
    open: Callable[[], Network]
    own: files.Answer | None = None


def rows() -> Iterator[Row]:
    """Every network, in the order of the table; files only where they are there and open."""
    for library, zoo in (("timm", families.TIMM), ("torchvision", families.TORCHVISION)):
        for family in zoo:
            name = f"{library}:{family.name}"
            yield Row(name, family.family, lambda family=family, library=library: families.connected(family, library))
    for name in sorted({*names(), *shelf()}):
        yield Row(name, "comes along" if name in names() else "on the shelf", lambda name=name: families.own(name))
    for file in files.FILES:
        path = MODELS / file.path
        if not file.says and path.is_file():
            own = files.onnx_answer(path) if file.framework == "onnx" else None
            yield Row(path.name, file.what, lambda file=file: files.opened(file, MODELS), own)


def opens(browser: Browser, trace: Trace, folder: Path) -> None:
    """Whether a browser shows the maps of an exported page, without an error and without a network."""
    path = folder / "page.html"
    path.write_bytes(html_bytes(trace))
    context = browser.new_context(offline=True)
    tab, errors = context.new_page(), []
    tab.on("pageerror", errors.append)
    tab.goto(path.as_uri())
    expect(tab.locator(".flow canvas[data-painted]:not([data-painted='0'])").first).to_be_visible(timeout=30_000)
    context.close()
    assert not errors, errors


def line(row: Row, found: Found) -> str:
    """A row of the table."""
    silent = ", ".join(f"{kind} ({count})" for kind, count in sorted(found.silent.items())) or "none"
    grid = "x".join(map(str, found.grid)) or "-"
    numbers = f"{found.steps} | {found.params:,} | {found.taken_apart}"
    return f"| `{row.name}` | {row.what} | {numbers} | `{found.layer}` | {grid} | {silent} |\n"


def main() -> None:
    """Examine all and write the page."""
    torch.set_num_threads(1)
    written = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found_browser(), args=list(QUIET))
        for row in rows():
            found = examine(row.open(), own=row.own, tolerance=1e-4)
            if "--browser" in sys.argv[1:]:
                opens(browser, found.trace, Path(folder))
            written.append(line(row, found))
            print(written[-1], end="", flush=True)
        browser.close()
    text = PAGE.read_text(encoding="utf-8")
    head, tail = text[: text.index(START)], text[text.index(END) :]
    table = HEAD + RULE + "".join(written)
    PAGE.write_text(f"{head}{START}\n{table}\n{len(written)} networks.\n\n{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
