"""The page: size and first paint of an exported ResNet-50-shaped trace, frames while it is used, upload to screen.

    python bench/viewer.py            # all three parts; exits 1 where a figure misses its limit

Needs a Chromium (see tools/chromium.sh). Run it on an idle machine: frames of a headless browser share its cores.
"""

from __future__ import annotations

import io
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import convscope
from chromium import QUIET, found_browser  # type: ignore[import-not-found]
from convscope.draw import colormap
from convscope.image import open_image
from convscope.spec import build, load
from zoo import resnet50  # type: ignore[import-not-found]

LIMITS = {"megabytes": 12.0, "first paint, s": 1.5, "longest frame, ms": 50.0, "upload / bare": 3.0}
NET = " | maxpool(2) | ".join(f"conv({filters}, 3) | relu" for filters in (16, 32, 64, 128))
ROUNDS = 7
SHOWN = '.flow canvas.maps[data-painted]:not([data-painted="0"])'

# Maps whose pictures are there: a column says on its canvas how many it has drawn.
PAINTED = """
window.paintedIn = (root) =>
  [...root.querySelectorAll("canvas.maps")].reduce((sum, one) => sum + Number(one.dataset.painted ?? 0), 0);
"""

# The first frame in which every map of the flow that is in sight has its picture.
WATCH = """
window.flowPainted = null;
const look = () => {
  const flow = document.querySelector(".flow");
  const maps = flow ? flow.querySelectorAll(".map").length : 0;
  if (maps > 4 && paintedIn(flow) === maps) requestAnimationFrame(() => { window.flowPainted ??= performance.now(); });
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""

# Gaps between frames, and tasks of over 50 ms, from `start()` to `stop()`.
FRAMES = """
window.frames_ = { gaps: [], tasks: [], on: false };
new PerformanceObserver((list) => { if (frames_.on) frames_.tasks.push(...list.getEntries().map((e) => e.duration)); })
  .observe({ entryTypes: ["longtask"] });
window.startFrames = () => {
  Object.assign(frames_, { gaps: [], tasks: [], on: true });
  let last = performance.now();
  const tick = (now) => {
    if (!frames_.on) return;
    frames_.gaps.push(now - last);
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame((now) => { last = now; requestAnimationFrame(tick); });
};
window.stopFrames = () => { frames_.on = false; return { gaps: frames_.gaps, tasks: frames_.tasks }; };
"""


def main() -> int:
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found_browser(), args=list(QUIET))
        page_file = Path(folder) / "resnet50.html"
        figures["megabytes"] = exported(page_file)
        figures["first paint, s"] = first_paint(browser, page_file)
        figures["longest frame, ms"] = frames(browser, page_file)
        figures["upload / bare"] = upload(browser, Path(folder))
        browser.close()
    missed = [name for name, limit in LIMITS.items() if figures[name] > limit]
    for name, limit in LIMITS.items():
        print(f"{name:<20} {figures[name]:8.2f}   limit {limit:g}{'   MISSED' if name in missed else ''}")
    return 1 if missed else 0


def exported(path: Path) -> float:
    """Size of the page of a ResNet-50-shaped trace at 224 px, in millions of bytes."""
    torch.manual_seed(0)
    trace = convscope.trace(resnet50().eval(), "chelsea", size=224, scale="imagenet")
    start = time.perf_counter()
    convscope.export(trace, path)
    print(f"export: {time.perf_counter() - start:.2f} s, {len(trace)} steps")
    return path.stat().st_size / 1e6


def first_paint(browser: Browser, path: Path) -> float:
    """Seconds from the start of the navigation to the flow with all its maps, from disk; the median."""
    found = []
    for _ in range(ROUNDS):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(PAINTED + WATCH)
        page.goto(path.as_uri())
        while (painted := page.evaluate("window.flowPainted")) is None:  # the page's policy forbids wait_for_function
            page.wait_for_timeout(50)
        found.append(painted / 1000)
        page.close()
    print(f"first paint of the flow, {ROUNDS} times: {', '.join(f'{one:.2f}' for one in found)} s")
    return statistics.median(found)


def frames(browser: Browser, path: Path) -> float:
    """The longest gap between two frames while the atlas scrolls and the pointer moves, in ms."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(FRAMES)
    page.goto(f"{path.as_uri()}#step=layer4.2.relu%3A3")
    page.wait_for_selector(".atlas canvas")
    page.wait_for_selector(SHOWN)
    page.wait_for_timeout(1500)
    longest = 0.0
    for name, use in (("atlas, scrolling", scroll_atlas), ("atlas, hover", hover_atlas), ("flow, hover", hover_flow)):
        page.evaluate("startFrames()")
        use(page)
        seen = page.evaluate("stopFrames()")
        worst = max(seen["gaps"])
        longest = max(longest, worst)
        print(
            f"{name:<18} {len(seen['gaps']):4d} frames, median {statistics.median(seen['gaps']):.1f} ms, "
            f"longest {worst:.1f} ms, long tasks {len(seen['tasks'])}"
        )
    page.close()
    return longest


def scroll_atlas(page: Page) -> None:
    box = page.locator(".atlas canvas").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for i in range(120):
        page.mouse.wheel(0, 90 if i < 90 else -200)
        page.wait_for_timeout(16)


def hover_atlas(page: Page) -> None:
    box = page.locator(".atlas canvas").first.bounding_box()
    assert box
    sweep(page, box, 90)


def hover_flow(page: Page) -> None:
    box = page.locator(".flow .scroller").bounding_box()
    assert box
    sweep(page, box, 120)


def sweep(page: Page, box: dict[str, float], count: int) -> None:
    """Move the pointer over all of a rectangle in a wave."""
    for i in range(count):
        along = i / count
        page.mouse.move(
            box["x"] + 10 + along * (box["width"] - 20),
            box["y"] + box["height"] * (0.5 + 0.4 * np.sin(along * 25)),
        )
        page.wait_for_timeout(16)


def upload(browser: Browser, folder: Path) -> float:
    """Upload to all maps on screen, over decoding, a plain forward pass and a PNG of each map; medians, in turn."""
    photo = folder / "photo.png"
    Image.fromarray(open_image("chelsea").pixels[:300, :300]).save(photo)
    server = subprocess.Popen(
        [sys.executable, "-m", "convscope", "serve", "--no-browser", "--port", "0", "--net", NET],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        address = re.search(r"http://\S+", server.stdout.readline())
        assert address
        page = browser.new_page(viewport={"width": 7000, "height": 3200})  # room for all of them
        page.add_init_script(PAINTED)
        page.goto(address[0])
        page.wait_for_selector(SHOWN)
        open_all(page)
        maps = page.evaluate("paintedIn(document)")
        model = build(load(NET), (3, 300, 300)).eval()
        shown, bare = [], []
        for _ in range(ROUNDS + 2):
            shown.append(uploaded(page, photo, maps))
            bare.append(forward_and_encode(model, photo))
    finally:
        server.terminate()
        server.wait()
    shown, bare = shown[2:], bare[2:]
    ratio = statistics.median(a / b for a, b in zip(shown, bare, strict=True))
    print(
        f"upload to {maps} maps on screen: median {statistics.median(shown) * 1000:.0f} ms; "
        f"bare forward and encode {statistics.median(bare) * 1000:.0f} ms"
    )
    return ratio


def open_all(page: Page) -> None:
    """Open the rest of every column."""
    while (more := page.locator('.flow .more[aria-expanded="false"]')).count():
        more.first.click()
    page.wait_for_timeout(500)


def uploaded(page: Page, photo: Path, count: int) -> float:
    """Seconds from choosing the file to the frame in which all maps are there."""
    page.evaluate("document.querySelectorAll('.flow').forEach((flow) => (flow.dataset.old = '1'))")
    page.get_by_role("button", name="Change the picture").click()
    with_input = page.locator('input[type="file"]')
    page.evaluate(
        """(count) => { window.done = new Promise((resolve) => {
          const input = document.querySelector('input[type="file"]');
          input.addEventListener("change", () => { window.began = performance.now(); }, { once: true, capture: true });
          const look = () => {
            const flow = document.querySelector(".flow:not([data-old])");
            const ready = flow && paintedIn(flow) >= count;
            if (ready) requestAnimationFrame(() => resolve(performance.now() - window.began));
            else requestAnimationFrame(look);
          };
          look();
        }); }""",
        count,
    )
    with_input.set_input_files(photo)
    return page.evaluate("window.done") / 1000


def forward_and_encode(model: torch.nn.Sequential, photo: Path) -> float:
    """Seconds for what a script does at least: decode, run, make a coloured PNG of each map."""
    table = colormap("viridis")
    start = time.perf_counter()
    pixels = np.asarray(Image.open(io.BytesIO(photo.read_bytes())).convert("RGB"))
    x = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)[None]
    values = []
    with torch.no_grad():
        for layer in model:
            x = layer(x)
            values.append(x[0].numpy())
    for maps in values:
        low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
        codes = ((maps - low) / np.maximum(high - low, 1e-12) * 255).astype(np.uint8)
        for code in codes:
            Image.fromarray(table[code]).save(io.BytesIO(), "PNG", compress_level=1)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
