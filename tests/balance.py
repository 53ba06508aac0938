"""The balance of a value as the page shows it, read, and held against Python's arithmetic."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from convscope.arithmetic import Pixel
from convscope.errors import NoArithmetic
from convscope.traces import Step
from viewing import address

WEIGHTED = {"conv2d", "conv_transpose2d"}


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
        return Decimal(plain_text(self.text))

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


def plain_text(text: str) -> str:
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
    if (why && here && title === asked) {
      return { name, headline: "", lines: [], reason: why.dataset.reason, verdict: "", good: false };
    }
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


def plain(x: float, decimals: int) -> str:
    """A number as the balance shows it, with Python's rounding."""
    return f"{x:+.{decimals}f}" if math.isfinite(x) else f"{x:+}"


def check(reading: Reading, step: Step, index: tuple[int, ...]) -> None:
    """Everything that is shown of one value, against Python."""
    try:
        pixel = step.at(index)
    except NoArithmetic:
        assert reading.reason is not None
        return
    assert reading.reason is None
    recorded, total = reading.line("recorded"), reading.line("total")
    assert plain_text(reading.headline) == f"= {float(step.value[index]):.5g}"
    assert same(recorded, float(step.value[index]))
    assert same(total, pixel.result)
    assert reading.good is pixel.holds
    bias = [line for line in reading.lines if line.role == "bias"]
    assert [same(line, pixel.bias) for line in bias] == [True] * (pixel.bias != 0)
    check_terms(reading, pixel)
    check_addition(reading)


def same(line: Line, expected: float) -> bool:
    """Digit for digit, and the number behind the digits to the last few bits."""
    assert plain_text(line.text) == plain(expected, line.decimals), line
    assert line.exact == pytest.approx(expected, rel=1e-13, abs=0.0, nan_ok=True)
    return True


def check_terms(reading: Reading, pixel: Pixel) -> None:
    """Each named line by its name; what has no name of its own is all the rest."""
    parts = parts_of(pixel)
    terms = [line for line in reading.lines if line.role == "term"]
    named = [line for line in terms if line.named]
    for line in named:
        assert same(line, parts[line.label])
    assert len({line.label for line in named}) == len(named)
    sizes = sorted((abs(value) for value in parts.values()), reverse=True)
    if "winner" not in pixel.symbols and pixel.linear:
        shown = sorted((abs(line.exact) for line in named), reverse=True)
        assert shown == pytest.approx(sizes[: len(shown)]), "not the largest ones are named"
    others = pixel.result - pixel.bias - sum(line.exact for line in named)
    for line in reading.lines:
        if line.role == "rest":
            assert int(re.sub(r"\D", "", line.label)) == len(parts) - len(named)
        if line.role == "rest" or (line.role == "term" and not line.named):
            assert line.exact == pytest.approx(
                others, rel=1e-9, abs=1e-9 * (np.abs(pixel.terms).sum() + abs(pixel.bias))
            )


def parts_of(pixel: Pixel) -> dict[str, float]:
    """What the page can name: input channels of a convolution, single terms otherwise."""
    if pixel.step.kind in WEIGHTED:
        return {share.label: share.sum for share in pixel.top(10**9) if share.source >= 0}
    found: dict[str, float] = {}
    for term, value in enumerate(pixel.terms):
        place = pixel.position(term)
        source = int(pixel.source[term])
        name = name_of(pixel.step.inputs[source], place) if place is not None else f"term {term}"
        found[name] = float(value)
    return found


def check_addition(reading: Reading) -> None:
    """The strings, added as on paper."""
    total = reading.line("total")
    if math.isfinite(total.exact):
        assert sum((line.number for line in reading.parts()), Decimal(0)) == total.number
