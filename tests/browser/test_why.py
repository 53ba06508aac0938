"""The Why tab in a file: heat where the photo is, evidence beside it, and nothing drawn that means nothing."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

import convscope
from convscope.traces import Map, Placement, Trace
from looking import LOOKS, findings, look, overlaps
from viewing import Shown, opened, tab

LABELS = ("cat", "<b>dog", "bird")
SPOT = (slice(10, 16), slice(40, 46))
MAP_ROWS, MAP_COLUMNS = 60, 90


def measured(insertion: float, deletion: float, road: float) -> dict[str, Any]:
    """What is measured of a map or of a control."""
    steps = np.linspace(0, 1, 17)
    return {
        "insertion": {"auc": insertion, "curve": [round(float(x), 4) for x in steps ** ((1 - insertion) / insertion)]},
        "deletion": {"auc": deletion, "curve": [round(float(1 - x), 4) for x in steps ** (deletion / (1 - deletion))]},
        "road": {"score": road, "percentiles": [20.0, 40.0, 70.0], "most": [0.5, 0.3, 0.1], "least": [0.9, 0.85, 0.6]},
    }


EVIDENCE: dict[str, Any] = {
    **measured(0.83, 0.17, 0.48),
    "controls": {
        "random": measured(0.52, 0.47, 0.01), "edges": measured(0.61, 0.4, 0.12), "centre": measured(0.66, 0.33, 0.2),
    },
    "randomisation": {"similarity": 0.11, "layers": []},
    "verdict": "trust", "trust": 0.81, "passes": 1234, "seconds": 0.8, "thorough": False,
    "reasons": [
        "Deleting what the map points at lowers the score faster than a random map: 0.17 against 0.47.", "<b>odd",
    ],
    "rules": [
        {"rule": "deletion", "values": {"control": "random", "own": 0.17, "other": 0.47, "sign": 1}},
        {"rule": "odd", "values": {}},
    ],
}  # fmt: skip


CONSTANT = {"verdict": "no", "trust": 0.0, "reasons": ["It is the same everywhere."]}


def heat(value: float = 3.0) -> np.ndarray:
    """A hot spot, and a cold one in the last corner."""
    found = np.zeros((MAP_ROWS, MAP_COLUMNS), np.float32)
    found[SPOT] = value
    found[-6:, -6:] = -value / 3
    return found


def with_maps(*maps: Map, picture: np.ndarray | None = None, placement: Placement | None = None) -> Trace:
    """A small trace of a grey photo, with maps."""
    photo = np.full((120, 180, 3), 128, np.uint8) if picture is None else picture
    net = "conv(4, 3) | relu | maxpool(2) | gap | dense(3) | softmax"
    trace = convscope.trace(net, photo, labels=LABELS, size=(MAP_ROWS, MAP_COLUMNS))
    return dataclasses.replace(trace, maps=maps, placement=placement or trace.placement)


SAID: dict[str, Any] = {
    "why_layer": {"rule": "last", "values": {"grid": "58x88", "channels": 4, "after": "row", "step": "<i>flat"}},
    "notes": [{"rule": "unplaced", "values": {}}],
}

MAPS = (
    Map(
        "gradcam", "cat", heat(), "relu_1", EVIDENCE | SAID, "the last step that still has a grid", 0.97, ("<i>a note",)
    ),
    Map("gradcam", "<b>dog", heat(1.5), "relu_1", {**EVIDENCE, "verdict": "doubt", "trust": 0.5}),
    Map("guided", "cat", heat(), "", {**EVIDENCE, "verdict": "no", "trust": 0.1}, notes=("Do not read it.",)),
    Map("rise", "cat", heat() * np.float32(np.nan), "", EVIDENCE),
    Map("occlusion", "cat", heat() * 0, "", EVIDENCE),
    Map("gradient", "cat", heat() * 0 + 2, "", CONSTANT),
    Map("scorecam", "cat", heat(), "relu_1"),
    Map("layercam", "cat", heat(), "relu_1", {"verdict": "trust", "trust": 1, "insertion": "<b>"}),
)  # fmt: skip


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    trace = with_maps(*MAPS)
    path = tmp_path_factory.mktemp("why") / "page.html"
    convscope.export(trace, path)
    return Shown(trace, path)


def heat_layer(page: Page) -> Locator:
    return page.locator("canvas.why-heat")


def pixels(element: Locator) -> np.ndarray:
    """What an element shows on the screen."""
    return np.asarray(Image.open(io.BytesIO(element.screenshot(scale="css"))).convert("RGB"), int)


def test_the_header_says_the_verdict_and_opens_the_map(shown: Shown, page: Page) -> None:
    opened(page, shown, "step=conv_1")
    badge = page.locator("header .why-badge")
    expect(badge).to_contain_text("why: Grad-CAM")
    expect(badge).to_contain_text("trust")
    expect(badge).to_contain_text("0.81")
    page.locator(".panel .fold").click()
    badge.click()
    expect(tab(page, "why")).to_have_attribute("aria-selected", "true")
    expect(heat_layer(page)).to_be_visible()
    expect(page.locator(".panel-title h2")).to_have_text("Why cat?")
    assert "tab=why" in page.url
    page.evaluate("history.back()")
    expect(tab(page, "atlas")).to_have_attribute("aria-selected", "true")


PLACES = {
    "stretch": None,
    "crop": Placement(10.0, 30.0, 80.0, 120.0),
    "pad": Placement(-30.0, 0.0, 180.0, 180.0),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_heat_lies_where_the_network_saw_it(place: str, page: Page, tmp_path: Path) -> None:
    trace = with_maps(MAPS[0], placement=PLACES[place])
    convscope.export(trace, tmp_path / "page.html")
    opened(page, Shown(trace, tmp_path / "page.html"), "tab=why&opacity=100")
    expect(heat_layer(page)).to_be_visible()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found = pixels(page.locator(".why-frame"))
    scale = found.shape[0] / 120
    at = trace.placement
    for rows, columns, red in (
        ((10, 16), (40, 46), True),
        ((MAP_ROWS - 6, MAP_ROWS), (MAP_COLUMNS - 6, MAP_COLUMNS), False),
    ):
        difference = found[..., 0] - found[..., 2]
        hot = difference > 60 if red else difference < -30
        y, x = np.nonzero(hot)
        top, bottom = (at.top + row * at.height / MAP_ROWS for row in rows)
        left, right = (at.left + column * at.width / MAP_COLUMNS for column in columns)
        bottom, right = min(bottom, 120), min(right, 180)
        if bottom <= top:  # beyond the photo
            assert not hot.any()
            continue
        expected = ((top + bottom) / 2, (left + right) / 2)
        assert abs(y.mean() / scale - expected[0]) < 1.5, place
        assert abs(x.mean() / scale - expected[1]) < 1.5, place
        assert abs(np.ptp(y) / scale - (bottom - top)) < 6
    seen = page.locator(".why-unseen").count()
    assert seen == (4 if place == "crop" else 0)


def test_what_means_nothing_is_said_and_not_drawn(shown: Shown, page: Page) -> None:
    opened(page, shown, "tab=why")
    for method, sentence in (
        ("rise", "numbers that are not finite"),
        ("occlusion", "zero everywhere"),
        ("gradient", "the same value everywhere"),
        ("scorecam", "nobody has measured whether it can be trusted"),
        ("layercam", "nobody has measured whether it can be trusted"),
    ):
        page.evaluate("hash => { location.hash = hash; }", f"tab=why&method={method}")
        expect(page.locator(".why-warning")).to_contain_text(sentence)
        expect(heat_layer(page)).to_have_count(0)
        expect(page.locator(".why-legend")).to_have_count(0)
        expect(page.locator(".why-trust")).to_have_count(int(method == "gradient"))
        expect(page.locator("header .why-badge")).to_contain_text("do not" if method == "gradient" else "no evidence")
    page.evaluate("location.hash = 'tab=why&method=gradient'")
    expect(page.locator(".why-trust")).to_contain_text("It is the same everywhere.")


def test_a_method_with_a_warning_carries_it(shown: Shown, page: Page) -> None:
    opened(page, shown, "tab=why&method=guided")
    expect(heat_layer(page)).to_be_visible()
    expect(page.locator(".why-warning")).to_contain_text("nearly the same picture for a network with random weights")
    expect(page.locator(".why-note")).to_have_text("Do not read it.")
    expect(page.locator(".why-verdict")).to_contain_text("do not trust")


def test_method_and_class_are_chosen_from_menus_and_are_part_of_the_address(shown: Shown, page: Page) -> None:
    opened(page, shown, "tab=why")
    assert page.get_by_label("Method").locator("option").all_text_contents() == [
        "Grad-CAM", "Guided backprop", "RISE", "Occlusion", "Gradient", "Score-CAM", "LayerCAM",
    ]  # fmt: skip
    assert page.get_by_label("Class").locator("option").all_text_contents() == ["cat", "<b>dog"]
    page.get_by_label("Class").select_option("<b>dog")
    expect(page.locator(".panel-title h2")).to_have_text("Why <b>dog?")
    expect(page.locator(".why-verdict")).to_contain_text("doubt")
    expect(page.locator("header .why-badge")).to_contain_text("0.50")
    page.get_by_label("Method").select_option("Guided backprop")
    expect(page.locator(".panel-title h2")).to_have_text("Why cat?")
    page.evaluate("history.back()")
    expect(page.locator(".panel-title h2")).to_have_text("Why <b>dog?")
    assert "of=%3Cb%3Edog" in page.url


def test_the_scale_is_the_same_for_every_class_of_a_method(shown: Shown, page: Page) -> None:
    opened(page, shown, "tab=why&opacity=100")
    ends = page.locator(".why-legend .ends").first
    expect(ends).to_have_text(re.compile("−3.*0.*3"))
    expect(heat_layer(page)).to_be_visible()
    alpha = "canvas => canvas.getContext('2d').getImageData(42, 12, 1, 1).data[3]"
    assert heat_layer(page).evaluate(alpha) == 255
    page.get_by_label("Class").select_option("<b>dog")
    expect(page.locator(".why-verdict")).to_contain_text("doubt")
    expect(ends).to_have_text(re.compile("−3.*0.*3"))
    expect(heat_layer(page)).to_be_visible()
    assert 100 < heat_layer(page).evaluate(alpha) < 200
    zero = "canvas => canvas.getContext('2d').getImageData(2, 2, 1, 1).data[3]"
    assert heat_layer(page).evaluate(zero) == 0


def test_opacity_and_contours(shown: Shown, page: Page) -> None:
    opened(page, shown, "tab=why")
    expect(heat_layer(page)).to_be_visible()
    expect(page.locator(".why-contours")).to_have_count(0)
    page.get_by_label("Contours").check()
    expect(page.locator(".why-contours path.over")).to_have_count(4)
    assert page.locator(".why-contours path.over.below").count() == 1
    page.get_by_label("Opacity of the heat").fill("20")
    expect(heat_layer(page)).to_have_css("opacity", "0.2")
    expect(page).to_have_url(re.compile("opacity=20&contours=1"))
    opened(page, shown, "tab=why&opacity=0")
    expect(heat_layer(page)).to_have_css("opacity", "0")


def test_pointing_says_the_value_and_its_place_on_every_map(shown: Shown, page: Page) -> None:
    opened(page, shown, "tab=why")
    expect(heat_layer(page)).to_be_visible()
    box = page.locator(".why-frame").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 42.5 / MAP_COLUMNS, box["y"] + box["height"] * 12.5 / MAP_ROWS)
    expect(page.locator(".why-here")).to_have_text(re.compile("row 12, column 42: 3.*100.% of the largest"))
    expect(page.locator(".flow .readout")).to_contain_text("y 12  x 42")
    expect(page.locator(".why-cross")).to_be_visible()
    page.mouse.move(2, 2)
    expect(page.locator(".why-here")).to_contain_text("Point at the photo")


def test_the_evidence_is_told_in_numbers_and_curves(shown: Shown, page: Page) -> None:
    opened(page, shown, "tab=why")
    trust = page.locator(".why-trust")
    expect(trust).to_contain_text("Random weights")
    expect(trust).to_contain_text("alike 0.11")
    expect(trust).to_contain_text("1,234 passes of the network, 0.8 s")
    expect(trust.locator(".reasons li")).to_have_text([EVIDENCE["reasons"][0], "<b>odd"])
    rows = [row.locator("td").all_text_contents() for row in trust.locator("tbody tr").all()]
    assert rows == [
        ["0.83", "0.17", "+0.48"], ["0.52", "0.47", "+0.01"], ["0.61", "0.40", "+0.12"], ["0.66", "0.33", "+0.20"],
    ]  # fmt: skip
    charts = trust.locator(".why-chart")
    expect(charts).to_have_count(3)
    for i, lines in enumerate((4, 4, 2)):
        expect(charts.nth(i).locator("path.line")).to_have_count(lines)
        expect(charts.nth(i).locator("text.end")).to_have_count(lines)
    label = charts.first.locator("svg").get_attribute("aria-label")
    assert label == "Insertion: area 0.83 for this map; 0.52 for random, 0.61 for edges, 0.66 for centre."


def test_chinese_says_the_same(shown: Shown, page: Page) -> None:
    opened(page, shown, "tab=why&lang=zh")
    expect(tab(page, "why")).to_have_text("依据")
    expect(page.locator(".panel-title h2")).to_have_text("为什么是 cat？")
    expect(page.locator(".reasons li").first).to_have_text(
        "删除它所指的地方，得分下降得比随机图快：0.17，对照为 0.47。"
    )
    expect(page.locator("header .why-badge")).to_contain_text("可信")
    expect(page.locator(".why-note")).to_have_text(re.compile("^从各个步骤看不出这一层的网格在照片上的位置"))
    expect(page.locator(".why-remarks")).to_contain_text(
        "relu_1：这是最后一个仍有网格的步骤（58x88，4 个通道）；在它之后，“<i>flat”把所有位置排成一行。"
    )
    page.evaluate("location.hash = 'tab=why&lang=en'")
    expect(page.locator(".why-note")).to_have_text("<i>a note")
    expect(page.locator(".why-remarks")).to_contain_text("relu_1: the last step that still has a grid")


def test_with_the_keyboard_alone(shown: Shown, page: Page) -> None:
    opened(page, shown)
    expect(page.locator("header .why-badge")).to_be_visible()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 200)))")  # keys are listened to
    page.keyboard.press("4")
    expect(tab(page, "why")).to_have_attribute("aria-selected", "true")
    frame = page.locator(".why-frame")
    expect(frame).to_have_attribute("aria-label", re.compile("Heat map of Grad-CAM for cat over the photo"))
    frame.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    expect(page.locator(".why-here")).to_contain_text("row 20, column 46")
    page.keyboard.press("Escape")
    expect(tab(page, "atlas")).to_have_attribute("aria-selected", "true")


def test_a_file_without_maps_has_no_such_tab(page: Page, tmp_path: Path) -> None:
    trace = with_maps()
    convscope.export(trace, tmp_path / "page.html")
    opened(page, Shown(trace, tmp_path / "page.html"), "step=relu_1&tab=why&method=gradcam")
    expect(tab(page, "why")).to_have_count(0)
    expect(page.locator("header .why-badge")).to_have_count(0)
    expect(tab(page, "atlas")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("4")
    expect(page.locator(".atlas")).to_be_visible()


@pytest.fixture
def free(browser: Browser) -> Iterator[Page]:
    """A tab into which axe may be put in spite of the page's policy."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce", bypass_csp=True)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(("theme", "language"), LOOKS)
def test_axe_finds_nothing_serious(theme: str, language: str, free: Page, shown: Shown) -> None:
    opened(free, shown, f"tab=why&contours=1{look(theme, language)}")
    expect(heat_layer(free)).to_be_visible()
    assert findings(free) == []
    for method in ("guided", "scorecam", "gradient"):
        free.evaluate("hash => { location.hash = hash; }", f"tab=why&method={method}{look(theme, language)}")
        expect(free.locator(".why-warning")).to_be_visible()
        assert findings(free) == [], method


@pytest.mark.parametrize(("width", "height"), [(1024, 768), (1280, 800), (1920, 1080)])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_overlaps_or_runs_off_the_screen(
    width: int, height: int, language: str, page: Page, shown: Shown
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    opened(page, shown, f"tab=why&lang={language}")
    expect(heat_layer(page)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = overlaps(page, ".panel-body")
    assert found["over"] == []
    assert found["count"] > 30
