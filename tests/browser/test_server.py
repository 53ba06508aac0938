"""The page at its server: pictures and networks by every way there is, refusals, cancelling, saving."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from convscope.server.networks import Offer
from serving import Running, png, serving
from viewing import cut_off, first_map, head, show

SMALL = "conv(4, 3) | relu | maxpool(2) | flatten | dense(3) | softmax"
#: Puts a picture into an event, as the clipboard or a drag does.
_GIVE = """({ kind, bytes, name, type }) => {
  const data = new DataTransfer();
  if (bytes) data.items.add(new File([new Uint8Array(bytes)], name, { type }));
  else data.setData("text/plain", "no picture");
  const options = { bubbles: true, cancelable: true, clipboardData: data, dataTransfer: data };
  const event = kind === "paste" ? new ClipboardEvent(kind, options) : new DragEvent(kind, options);
  document.body.dispatchEvent(event);
}"""


def give(
    page: Page, kind: str, content: bytes | None, name: str = "given.png", kind_of_file: str = "image/png"
) -> None:
    page.evaluate(_GIVE, {"kind": kind, "bytes": content and list(content), "name": name, "type": kind_of_file})


def picture_menu(page: Page) -> Locator:
    page.get_by_role("button", name="Change the picture").click()
    return page.get_by_role("dialog", name="Change the picture")


def network_menu(page: Page) -> Locator:
    page.get_by_role("button", name="Change the network").click()
    return page.get_by_role("dialog", name="Change the network")


def shows(page: Page, picture: str, size: str) -> None:
    """The header names the new picture, the menu is gone, and the flow has maps."""
    expect(page.locator("header.top .of").first).to_contain_text(picture)
    expect(page.locator("header.top .of").first).to_contain_text(size)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".running")).to_have_count(0)
    expect(first_map(page)).to_be_visible()


def test_a_file_is_uploaded(served: Page, tmp_path: Path) -> None:
    photo = tmp_path / "my photo.png"
    photo.write_bytes(png(120, 90))
    menu = picture_menu(served)
    with served.expect_file_chooser() as chooser:
        menu.get_by_role("button", name="Open a file").click()
    chooser.value.set_files(photo)
    shows(served, "my photo.png", "90×120")


def test_a_picture_is_pasted(served: Page) -> None:
    give(served, "paste", png(132, 99), "clip.png")
    shows(served, "clip.png", "99×132")


def test_a_picture_is_dropped_after_the_page_said_where(served: Page) -> None:
    give(served, "dragover", png(96, 144))
    expect(served.locator(".dropping")).to_be_visible()
    give(served, "drop", png(96, 144), "dropped.png")
    expect(served.locator(".dropping")).to_have_count(0)
    shows(served, "dropped.png", "144×96")


def test_the_camera_is_asked_and_its_picture_taken(context: BrowserContext, served: Page, server: Running) -> None:
    context.grant_permissions(["camera"], origin=f"http://{server.name}")
    menu = picture_menu(served)
    menu.get_by_role("button", name="Use the camera").click()
    video = menu.locator("video")
    while not video.evaluate("video => video.videoWidth > 0 && video.readyState >= 2"):
        served.evaluate("new Promise(requestAnimationFrame)")
    menu.get_by_role("button", name="Take the picture").click()
    shows(served, "camera.png", "×")


def test_a_camera_that_is_refused_is_one_sentence(served: Page) -> None:
    served.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError')); }"
    )
    picture_menu(served).get_by_role("button", name="Use the camera").click()
    expect(served.get_by_role("alert")).to_have_text(
        "The camera cannot be used; allow it in the browser, or open a file."
    )


def test_a_picture_of_the_shelf(served: Page) -> None:
    picture_menu(served).get_by_role("button", name="coffee").click()
    shows(served, "coffee", "×")
    assert "picture=coffee" in served.url


def test_another_network_by_its_text(served: Page) -> None:
    menu = network_menu(served)
    menu.get_by_role("textbox").fill(SMALL.replace(" | ", "\n"))
    menu.get_by_role("button", name="Run", exact=True).click()
    expect(served.locator(".flow .head .name")).to_have_text(
        ["input", "conv_1", "relu_1", "pool_1", "flatten_1", "dense_1", "softmax_1"]
    )


def test_another_network_of_the_shelf(served: Page) -> None:
    network_menu(served).get_by_role("button", name="cats-dogs").click()
    expect(served.locator("header.top")).to_contain_text("cats-dogs")
    assert "network=cats-dogs" in served.url


@contextmanager
def kept_as_it_is(page: Page) -> Iterator[None]:
    """Whatever happens, the page goes on showing what it showed."""
    before = [
        page.locator(part).all_text_contents() for part in ("header.top .of", ".flow .head .name", ".panel-title")
    ]
    yield
    after = [page.locator(part).all_text_contents() for part in ("header.top .of", ".flow .head .name", ".panel-title")]
    assert after == before
    expect(page.locator(".running")).to_have_count(0)


def refused(errors: list[str], status: int) -> None:
    """The browser reports every refusal of a server; this one was provoked."""
    assert len(errors) == 1
    assert f"responded with a status of {status}" in errors.pop()


def test_a_wrong_network_is_one_sentence_and_the_page_stays(served: Page, errors: list[str]) -> None:
    with kept_as_it_is(served):
        menu = network_menu(served)
        menu.get_by_role("textbox").fill("conv(4, 3) | no-such-layer")
        menu.get_by_role("button", name="Run", exact=True).click()
        alert = served.get_by_role("alert")
        expect(alert).to_contain_text("no-such-layer")
        refused(errors, 422)
        alert.get_by_role("button", name="Close").click()
        expect(alert).to_have_count(0)


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_what_is_no_picture_is_one_sentence_and_the_page_stays(way: str, served: Page, errors: list[str]) -> None:
    with kept_as_it_is(served):
        give(served, way, b"this is text", "notes.txt", "text/plain")
        expect(served.get_by_role("alert")).to_contain_text("notes.txt")
        refused(errors, 422)


def test_text_on_the_clipboard_is_no_picture(served: Page) -> None:
    with kept_as_it_is(served):
        give(served, "paste", None)
        expect(served.get_by_role("alert")).to_have_text("There is no picture among what was dropped or pasted.")


class Gated(torch.nn.Module):
    """Waits at its second layer until it is let on."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Conv2d(3, 2, 3), torch.nn.ReLU()
        self.gate = threading.Event()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        self.gate.wait()
        return self.second(x)


def test_a_cancelled_run_leaves_the_page_as_it_was(page: Page) -> None:
    model = Gated()
    with serving(networks=[Offer("slow", "Slow one", "given", model)]) as server:
        show(page, server)
        with kept_as_it_is(page):
            network_menu(page).get_by_role("button", name="Slow one").click()
            expect(page.locator(".running")).to_contain_text("Running first")
            page.get_by_role("button", name="Cancel").click()
            expect(page.locator(".running")).to_have_count(0)
            model.gate.set()
        network_menu(page).get_by_role("button", name="Slow one").click()
        expect(head(page, "second")).to_have_count(1)


def test_save_downloads_a_file_that_opens_without_a_network(served: Page, browser: Browser, tmp_path: Path) -> None:
    with served.expect_download() as download:
        served.get_by_role("link", name="Save").click()
    assert download.value.suggested_filename.endswith(".html")
    file = tmp_path / "saved.html"
    download.value.save_as(file)
    context = browser.new_context(viewport=served.viewport_size)
    asked = cut_off(context)
    saved = context.new_page()
    problems: list[str] = []
    saved.on("pageerror", lambda error: problems.append(str(error)))
    saved.goto(file.as_uri())
    expect(first_map(saved)).to_be_visible()
    assert (
        saved.locator(".flow .head .name").all_text_contents()
        == served.locator(".flow .head .name").all_text_contents()
    )
    assert saved.get_by_role("link", name="Save").count() == 0
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [file.as_uri()]
    assert problems == []
    context.close()
