"""What a person does with the page and reads on it, for tests in a real browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, expect

from convscope.traces import Step, Trace

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
    context.route(
        "**/*", lambda route: route.continue_() if route.request.url.startswith(LOCAL) else route.abort()
    )
    return asked


def opened(page: Page, shown: Shown, fragment: str = "") -> Page:
    """Open a file from the disk, and wait for the first maps."""
    page.goto(f"{shown.url}#{fragment}")
    expect(page.locator(".flow .map canvas:not(.waiting)").first).to_be_visible()
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


@dataclass(frozen=True)
class Line:
    """One line of the balance as it is shown."""

    role: str
    label: str
    text: str
    exact: float
    named: bool

    @property
    def number(self) -> Decimal:
        return Decimal(ascii_sign(self.text))

    @property
    def decimals(self) -> int:
        return len(self.text.partition(".")[2])


@dataclass(frozen=True)
class Reading:
    """What the page says of one value: lines, or why there are none."""

    name: str
    headline: str
    lines: tuple[Line, ...]
    verdict: str
    good: bool
    reason: str | None

    def line(self, role: str) -> Line:
        (found,) = (line for line in self.lines if line.role == role)
        return found

    def parts(self) -> list[Line]:
        """All lines that are to add up to the total."""
        return [line for line in self.lines if line.role not in {"total", "recorded"}]


def ascii_sign(text: str) -> str:
    return text.replace("\u2212", "-")


def name_of(step: Step, index: Sequence[int]) -> str:
    return f"{step.name}[{', '.join(map(str, index))}]" if len(index) else step.name


def place_of(step: Step, index: Sequence[int]) -> str:
    """The address of one value in the arithmetic."""
    if len(index) == 3:
        return address(step.name, index[0], (index[1], index[2]), "sum")
    return address(step.name, index[0] if index else None, None, "sum")


#: Goes from value to value within one page, and reads each as soon as the page shows it.
_READ = """async places => {
  const turn = () => new Promise((done) => setTimeout(done, 0));
  const text = (selector) => document.querySelector(selector)?.textContent?.trim() ?? "";
  const lineOf = (number) => ({
    role: number.dataset.sum,
    exact: number.dataset.exact,
    text: number.textContent,
    label: number.closest("tr").querySelector("th").textContent,
    named: !number.closest("tr").querySelector("th").classList.contains("worded"),
  });
  const read = ({ name, index }) => {
    const view = document.querySelector(".sum");
    const why = view?.querySelector(".sum-nothing");
    const here = view?.dataset.index === index;
    const lines = [...(view?.querySelectorAll(".sum-balance [data-sum]") ?? [])];
    if (text(".sum-headline h3 .number") === name && here && lines.length) {
      return { name, headline: text(".sum-equals"), lines: lines.map(lineOf), reason: null,
        verdict: document.querySelector(".sum-verdict").dataset.verdict,
        good: document.querySelector(".sum-verdict").classList.contains("good") };
    }
    const asked = new URLSearchParams(location.hash.slice(1)).get("step");
    const title = document.querySelector(".panel-title h2 [translate]")?.textContent;
    if (why && here && title === asked) return { name, headline: "", lines: [], reason: why.dataset.reason, verdict: "", good: false };
    return null;
  };
  const found = [];
  for (const place of places) {
    location.hash = place.hash;
    await turn();
    let said = read(place);
    for (let tries = 0; !said && tries < 2000; tries += 1) {
      await turn();
      said = read(place);
    }
    if (!said) throw new Error(`${place.hash} is never shown; there is: ${text(".sum") || document.body.textContent}`);
    found.push(said);
  }
  return found;
}"""


def read_sums(page: Page, places: Sequence[tuple[Step, Sequence[int]]]) -> list[Reading]:
    """What the page shows of each of these values, reached by its address."""
    asked = [
        {"hash": place_of(step, index), "name": name_of(step, index), "index": ",".join(map(str, index))}
        for step, index in places
    ]
    return [_reading(said) for said in page.evaluate(_READ, asked)]


def read_sum(page: Page) -> Reading:
    """What the page shows now in its arithmetic."""
    where = page.locator(".sum")
    name = page.locator(".sum-headline h3 .number").first.text_content()
    here = page.evaluate("location.hash.slice(1)")
    assert name is not None
    return _reading(page.evaluate(_READ, [{"hash": here, "name": name, "index": where.get_attribute("data-index")}])[0])


def _reading(said: dict[str, Any]) -> Reading:
    lines = tuple(
        Line(line["role"], line["label"], line["text"], float(line["exact"].replace("Infinity", "inf")), line["named"])
        for line in said["lines"]
    )
    return Reading(said["name"], said["headline"], lines, said["verdict"], said["good"], said["reason"])


def drawn(canvas: Locator) -> bool:
    """Whether a canvas shows more than one colour."""
    return bool(
        canvas.evaluate(
            """canvas => {
              const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              const words = new Uint32Array(data.buffer);
              return words.length > 1 && words.some((word) => word !== words[0]);
            }"""
        )
    )


def texts(page: Page, selector: str = "body") -> list[str]:
    """Every text that can be seen or is said to a screen reader, in order."""
    found = page.evaluate(
        """selector => {
          const found = [];
          const walk = (node) => {
            if (node.nodeType === Node.TEXT_NODE && node.data.trim()) found.push(node.data.trim());
            if (node.nodeType !== Node.ELEMENT_NODE || ["SCRIPT", "STYLE", "NOSCRIPT", "TEXTAREA"].includes(node.tagName)) return;
            for (const name of ["aria-label", "title", "placeholder", "alt", "aria-valuetext", "aria-description"]) {
              if (node.getAttribute(name)) found.push(node.getAttribute(name));
            }
            node.childNodes.forEach(walk);
          };
          walk(document.querySelector(selector));
          return found;
        }""",
        selector,
    )
    return list(found)
