"""Screenshots of the page for the documentation: `make gallery` runs this after the pictures.

    python examples/make_screens.py [FOLDER]     # default: docs/screens

Every state is opened from an exported file in a headless Chromium, in the themes, languages and sizes in which the
documentation shows it, and written as WebP.
"""

from __future__ import annotations

import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import torch
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import convscope

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
from chromium import QUIET, found_browser  # noqa: E402
from zoo import resnet50  # noqa: E402

MOST_BYTES = 2_500_000
SMALL, LARGE = (1280, 800), (1920, 1080)
SMALL_NET = "catdog"


@dataclass(frozen=True)
class Screen:
    """One state of the page.

    Attributes:
        trace: ``small`` or ``resnet``.
        where: what the address says.
    """

    name: str
    trace: str
    size: tuple[int, int]
    theme: str
    language: str
    where: dict[str, str | int]


SUM = {"step": "conv_1", "channel": 13, "pixel": "28,26", "tab": "sum"}
EXPLORE = {"step": "conv_1"}
CHANNEL = {"step": "conv_2", "channel": 13, "pixel": "14,13", "tab": "channel"}
WHY = {"step": "relu_7", "tab": "why", "method": "gradcam", "of": "cat", "opacity": 60}
ADD = {"step": "layer1.0.add", "channel": 85, "pixel": "28,28", "tab": "sum"}
SCREENS = (
    *(
        Screen(f"explore-{theme}-{language}-1280", "small", SMALL, theme, language, EXPLORE)
        for theme in ("light", "dark")
        for language in ("en", "zh")
    ),
    Screen("explore-light-en-1920", "small", LARGE, "light", "en", EXPLORE),
    Screen("why-light-en", "small", SMALL, "light", "en", WHY),
    Screen("why-dark-zh", "small", SMALL, "dark", "zh", WHY),
    Screen("arithmetic-light-en", "small", SMALL, "light", "en", SUM),
    Screen("arithmetic-dark-zh", "small", LARGE, "dark", "zh", SUM),
    Screen("channel-light-zh", "small", LARGE, "light", "zh", CHANNEL),
    Screen("channel-dark-en", "small", SMALL, "dark", "en", CHANNEL),
    Screen("resnet-light-en", "resnet", LARGE, "light", "en", {"step": "layer4.2.relu:3"}),
    Screen("resnet-block-dark-en", "resnet", LARGE, "dark", "en", ADD),
)


def main() -> None:
    """Make every screenshot, or stop with the reason."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "docs" / "screens"
    target.mkdir(parents=True, exist_ok=True)
    total = 0
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        files = exported(Path(folder))
        browser = playwright.chromium.launch(executable_path=found_browser(), args=list(QUIET))
        for screen in SCREENS:
            path = target / f"{screen.name}.webp"
            Image.open(io.BytesIO(shot(browser, screen, files[screen.trace]))).save(path, quality=86, method=6)
            total += path.stat().st_size
            print(f"{path.stat().st_size / 1000:8.1f} kB  {path.name}")
        browser.close()
    print(f"{total / 1000:8.1f} kB  in {len(SCREENS)} screenshots in {target}")
    if total > MOST_BYTES:
        raise SystemExit(f"the screenshots have {total:,} bytes; keep them under {MOST_BYTES:,}")


def exported(folder: Path) -> dict[str, Path]:
    """The pages on which the screenshots are made."""
    torch.manual_seed(0)
    files = {"small": folder / "small.html", "resnet": folder / "resnet.html"}
    explained = convscope.explain(
        SMALL_NET, "chelsea", target=["cat", "dog"], method=["gradcam", "occlusion"], budget_s=None
    )
    convscope.export(explained.trace, files["small"], full=True)
    deep = convscope.trace(resnet50().eval(), "chelsea", size=224, scale="imagenet")
    convscope.export(deep, files["resnet"])
    return files


def shot(browser: Browser, screen: Screen, file: Path) -> bytes:
    """One state as PNG."""
    width, height = screen.size
    page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page.goto(f"{file.as_uri()}#{urlencode({**screen.where, 'lang': screen.language, 'theme': screen.theme})}")
    page.locator(".flow [role=gridcell]").first.wait_for()
    settle(page)
    picture = page.screenshot()
    page.close()
    return picture


def settle(page: Page) -> None:
    """Until two pictures in a row are the same."""
    last = b""
    for _ in range(40):
        page.wait_for_timeout(250)
        now = page.screenshot()
        if now == last:
            return
        last = now
    raise SystemExit("the page does not come to rest")


if __name__ == "__main__":
    main()
