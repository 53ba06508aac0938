"""What a person does with the page and reads on it, for tests in a real browser."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect

from convscope.traces import Trace
from serving import Running

LOCAL = ("file:", "data:", "blob:")


@dataclass(frozen=True)
class Shown:
    """A trace, and the file that shows it."""

    trace: Trace
    path: Path

    @property
    def url(self) -> str:
        return self.path.resolve().as_uri()


def cut_off(context: BrowserContext) -> list[str]:
    """Take every network away; the list fills with whatever is asked for all the same."""
    asked: list[str] = []
    context.set_offline(True)
    context.on("request", lambda request: asked.append(request.url))
    context.route("**/*", lambda route: route.continue_() if route.request.url.startswith(LOCAL) else route.abort())
    return asked


def first_map(page: Page) -> Locator:
    """The first column of maps that is painted."""
    return page.locator(".flow canvas[data-painted]:not([data-painted='0'])").first


def opened(page: Page, shown: Shown, fragment: str = "") -> Page:
    """Open a file from the disk, and wait for the first maps."""
    page.goto(f"{shown.url}#{fragment}" if fragment else shown.url)
    expect(first_map(page)).to_be_visible()
    return page


def show(page: Page, server: Running) -> Page:
    """Open the page at a server, and wait for its first picture."""
    page.goto(f"http://{server.name}/?token={server.keys.token}")
    expect(first_map(page)).to_be_visible()
    expect(page.locator(".running")).to_have_count(0)
    return page


def address(step: str, channel: int | None = None, pixel: tuple[int, int] | None = None, tab: str = "atlas") -> str:
    """What stands after # for a place in the network."""
    from urllib.parse import quote

    parts = [f"step={quote(step, safe='')}"]
    parts += [] if channel is None else [f"channel={channel}"]
    parts += [] if pixel is None else [f"pixel={pixel[0]},{pixel[1]}"]
    return "&".join([*parts, f"tab={tab}"])


def jump(page: Page, fragment: str) -> None:
    """Change the address within the page."""
    page.evaluate("hash => { location.hash = hash; }", fragment)


def head(page: Page, step: str) -> Locator:
    """The head of a step's column."""
    return page.locator(".flow .head").filter(has=page.locator(f".name:text-is('{step}')"))


def tab(page: Page, name: str) -> Locator:
    return page.locator(f"#panel-tab-{name}")


def colours(page: Page, left: float, top: float, width: float, height: float) -> int:
    """How many colours (not greys) a part of the screen has."""
    picture = page.screenshot(clip={"x": left, "y": top, "width": width, "height": height}, scale="css")
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), int).reshape(-1, 3)
    coloured = pixels[np.ptp(pixels, axis=1) > 20]
    return len(np.unique(coloured, axis=0))


def drawn(element: Locator) -> bool:
    """Whether an element shows a picture."""
    box = element.bounding_box()
    assert box is not None
    return colours(element.page, box["x"], box["y"], box["width"], box["height"]) > 8


def texts(page: Page, selector: str = "body") -> list[str]:
    """Every text that can be seen or is said to a screen reader, in order, once nothing changes any more."""
    found = page.evaluate(
        """async selector => {
          const silent = ["SCRIPT", "STYLE", "NOSCRIPT", "TEXTAREA"];
          const found = [];
          const walk = (node) => {
            if (node.nodeType === Node.TEXT_NODE && node.data.trim()) found.push(node.data.trim());
            if (node.nodeType !== Node.ELEMENT_NODE || silent.includes(node.tagName)) return;
            for (const name of ["aria-label", "title", "placeholder", "alt", "aria-valuetext", "aria-description"]) {
              if (node.getAttribute(name)) found.push(node.getAttribute(name));
            }
            node.childNodes.forEach(walk);
          };
          const frames = async (n) => { for (; n; n -= 1) await new Promise(requestAnimationFrame); };
          for (let last = null; last !== found.join(); ) {
            last = found.join();
            await frames(3);
            found.length = 0;
            walk(document.querySelector(selector));
          }
          return found;
        }""",
        selector,
    )
    return list(found)
