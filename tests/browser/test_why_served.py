"""The Why tab at a server: made after the photo is shown, for any method and class, followed and cancelled."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import page_files
from convscope.errors import ModelError
from convscope.explaining import verb
from serving import Running
from viewing import show, tab


def made(page: Page, method: str) -> None:
    expect(page.locator(".why-coming")).to_have_count(0, timeout=60_000)
    expect(page.locator("header .why-badge .method")).to_contain_text(method)
    expect(page.locator(".why-trust")).to_be_visible()


def test_a_server_explains_after_it_has_shown_the_photo(served: Page) -> None:
    badge = served.locator("header .why-badge")
    expect(badge.locator(".word")).to_have_text(re.compile("^(trust|doubt|do not trust)$"), timeout=60_000)
    assert tab(served, "atlas").get_attribute("aria-selected") == "true"
    badge.click()
    made(served, "Grad-CAM")
    expect(served.locator("canvas.why-heat")).to_be_visible()
    expect(served.locator(".why-layer")).to_contain_text("taken at")


def test_another_method_class_and_layer_are_made_when_they_are_chosen(served: Page) -> None:
    served.keyboard.press("4")
    made(served, "Grad-CAM")
    served.get_by_label("Method").select_option("HiResCAM")
    made(served, "HiResCAM")
    classes = served.get_by_label("Class").locator("option").all_text_contents()
    assert len(classes) == 4
    assert classes[2] == f"{classes[0]} against {classes[1]}"
    served.get_by_label("Class").select_option(index=2)
    expect(served.locator(".panel-title h2")).to_have_text(f"Why {classes[0]} rather than {classes[1]}?")
    made(served, "HiResCAM")
    served.get_by_label("Layer").select_option(index=1)
    made(served, "HiResCAM")
    expect(served.locator(".why-layer .link")).to_have_text(
        served.get_by_label("Layer").locator("option").all_text_contents()[1]
    )


def test_the_page_that_is_kept_has_the_maps(served: Page, tmp_path: Path) -> None:
    served.keyboard.press("4")
    made(served, "Grad-CAM")
    with served.expect_download() as download:
        served.get_by_role("link", name="Save").click()
    file = tmp_path / "saved.html"
    download.value.save_as(file)
    maps = page_files.Html(file.read_bytes()).trace().text["maps"]
    (found,) = (part for part in maps if part["method"] == "gradcam")
    assert found["value"] is not None
    assert found["evidence"]["verdict"] in {"trust", "doubt", "no"}


def test_a_map_that_cannot_be_made_is_one_sentence_and_can_be_tried_again(
    page: Page, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., Any] = verb.explain_trace

    def refuse(*_args: Any, **_more: Any) -> Any:
        raise ModelError("this network cannot be explained: <b>odd")

    monkeypatch.setattr(verb, "explain_trace", refuse)
    page.goto(f"http://{server.name}/?token={server.keys.token}&network=cats-dogs#tab=why&method=eigencam")
    show_again = page.locator(".why-coming")
    expect(show_again).to_contain_text("this network cannot be explained: <b>odd", timeout=60_000)
    expect(page.locator("header .why-badge")).to_have_count(0)
    monkeypatch.setattr(verb, "explain_trace", original)
    show_again.get_by_role("button", name="Try again").click()
    made(page, "Eigen-CAM")


def test_what_is_being_made_can_be_cancelled(page: Page, server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = threading.Event()

    def endless(*_args: Any, watch: Any, **_more: Any) -> Any:
        done = 0
        try:
            while True:
                done += 1
                watch(done, 10**6, "")
                stopped.wait(0.01)
        finally:
            stopped.set()

    monkeypatch.setattr(verb, "explain_trace", endless)
    show(page, server)
    page.evaluate("location.hash = 'tab=why&method=rise'")
    coming = page.locator(".why-coming")
    expect(coming).to_contain_text(re.compile(r"\d+ of 1000000 passes"))
    coming.get_by_role("button", name="Cancel").click()
    expect(coming).to_contain_text("It was stopped.")
    assert stopped.wait(30)
    expect(coming.get_by_role("button", name="Make this map")).to_be_visible()
