"""A real browser for the page: Debian's Chromium, without a network, and any error on the page fails the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

import convscope
import zoo
from chromium import QUIET, found_browser
from convscope.traces import Trace
from serving import Running, serving
from viewing import Shown, show


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found_browser(), args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, locale="en-US", color_scheme="light", reduced_motion="reduce"
    )
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def errors() -> list[str]:
    """What the page reported; a test takes out what it provoked."""
    return []


@pytest.fixture
def page(context: BrowserContext, errors: list[str]) -> Iterator[Page]:
    """A tab. Whatever the page reports as an error fails the test, and so does any request over a network."""
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    page.on(
        "console",
        lambda message: errors.append(f"{message.text} {_place(message)}") if message.type == "error" else None,
    )
    page.on("request", lambda request: errors.append(request.url) if _leaves(request.url) else None)
    yield page
    assert errors == []


def _place(message: ConsoleMessage) -> str:
    return str(message.location["url"])


def _leaves(url: str) -> bool:
    """Whether a request leaves this machine."""
    return not url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:", "http://localhost:"))


def file_url(path: Path) -> str:
    return path.resolve().as_uri()


def _resnet50() -> Trace:
    """ResNet-50 with four blocks fewer in the long stages: every shape of it, 2,048 channels at the end."""
    torch.manual_seed(0)
    model = zoo.ResNet((1, 2, 1, 1), bottleneck=True).eval()
    return convscope.trace(model, "chelsea", size=64)


TRACES: dict[str, Callable[[], Trace]] = {
    "tutorial": lambda: convscope.trace("tutorial-1", "chelsea", size=(75, 100)),
    "cats": lambda: convscope.trace("cats-dogs", "chelsea", size=72),
    "resnet": lambda: convscope.trace(zoo.make("resnet"), "chelsea", size=32),
    "inception": lambda: convscope.trace(zoo.make("inception"), "chelsea", size=32),
    "mobilenet": lambda: convscope.trace(zoo.make("mobilenet"), "chelsea", size=32),
    "functional": lambda: convscope.trace(zoo.make("functional"), "chelsea", size=32),
    "fashion": lambda: convscope.trace("fashion-cnn", "chelsea"),
    "resnet50": _resnet50,
}
LIMITS = {"resnet50": 3_000_000}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Shown]:
    """Traces by name, each recorded and exported once."""
    folder = tmp_path_factory.mktemp("pages")
    made: dict[str, Shown] = {}

    def file(name: str) -> Shown:
        if name not in made:
            trace = TRACES[name]()
            path = folder / f"{name}.html"
            convscope.export(trace, path, **({"limit": LIMITS[name]} if name in LIMITS else {"full": True}))
            made[name] = Shown(trace, path)
        return made[name]

    return file


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    """A real server with the page, as ``convscope serve`` starts it."""
    with serving() as running:
        yield running


@pytest.fixture
def served(server: Running, page: Page) -> Page:
    """The page at its server, showing the first picture."""
    return show(page, server)
