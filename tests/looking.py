"""How a page looks to axe-core and to the eye: serious findings, and texts that lie on each other."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = {"serious", "critical"}
LOOKS = [("light", "en"), ("dark", "en"), ("light", "zh"), ("dark", "zh")]

#: Texts that overlap, of the header and of the panel's head.
OVERLAPS = """(parts) => {
  const boxes = [];
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE && node.data.trim()) {
      const range = document.createRange();
      range.selectNodeContents(node);
      let { left, top, right, bottom } = range.getBoundingClientRect();
      for (let around = node.parentElement; around && around !== document.body; around = around.parentElement) {
        if (getComputedStyle(around).overflowX === "visible") continue;
        const clip = around.getBoundingClientRect();
        [left, top] = [Math.max(left, clip.left), Math.max(top, clip.top)];
        [right, bottom] = [Math.min(right, clip.right), Math.min(bottom, clip.bottom)];
      }
      const { visibility } = getComputedStyle(node.parentElement);
      const hidden = node.parentElement.closest(".unseen, .skip, [hidden]") || visibility === "hidden";
      const text = node.data.trim();
      if (!hidden && right - left > 1 && bottom - top > 1) boxes.push({ text, left, top, right, bottom });
    }
    node.childNodes.forEach(walk);
  };
  for (const part of document.querySelectorAll(parts)) walk(part);
  const over = [];
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b) => {
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 1 && down > 4) over.push(`${a.text} / ${b.text}`);
  }));
  boxes.forEach((box) => { if (box.right > innerWidth + 1 || box.left < -1) over.push(`${box.text} is outside`); });
  return { over, count: boxes.length };
}"""


def overlaps(page: Page, *more: str) -> dict[str, Any]:
    """``over``: texts of the header, the panel's head and ``more`` that overlap or are outside; ``count``: of all."""
    return dict(page.evaluate(OVERLAPS, ", ".join(["header.top", ".panel-head", *more])))


def look(theme: str, language: str) -> str:
    """What the address says of it."""
    return f"&theme={theme}&lang={language}"


def findings(page: Page) -> list[str]:
    """Rule, element and reason of everything serious."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary'].splitlines()[-1].strip()}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]
