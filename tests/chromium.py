"""Where the browser is in which the page is tested, and how it is started."""

from __future__ import annotations

import os
import shutil

NAMES = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)  # fmt: skip


def found_browser() -> str:
    """Where the browser is."""
    found = next((path for name in NAMES if name and (path := shutil.which(name))), None)
    assert found, "the page's tests need a Chromium or Chrome; install one, or set CHROMIUM to its path"
    return found
