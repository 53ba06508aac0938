"""Sheets: lettering, step pictures, contact sheets, kernels, overlays."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from convscope.draw import colormap, contact, describe, grid, kernels, overlay, rows, step_picture
from convscope.draw import sheet as sheets
from convscope.draw.lettering import legible, shorten, text_width, typeface, wrap, write
from convscope.draw.levels import limits
from convscope.draw.theme import DARK, INFINITE, LIGHT, NOT_A_NUMBER
from convscope.draw.thumbs import column_of_bars, most_varied
from convscope.draw.tiles import layout
from convscope.draw.wording import kind_text
from convscope.errors import CallError
from convscope.traces import Placement, Step
from drawing import has, maps, rgb, trace

GOLDEN = Path(__file__).parents[1] / "golden" / "draw.json"


# --- lettering


@pytest.mark.parametrize(
    "text", ["conv_1", "层一_卷积", "Ünïcode é", "a\nb\tc", "\u202eevil", "مرحبا", "🙂", "\ud800", "", "x" * 3000]
)
@pytest.mark.parametrize("width", [0, 9, 60, 400])
def test_no_text_is_wider_than_its_place(text, width):
    image = Image.new("RGB", (500, 40), "white")
    shown = shorten(text, width, 13)
    assert text_width(shown, 13) <= width
    write(ImageDraw.Draw(image), (0, 5), text, 13, (0, 0, 0), width=width)
    assert (rgb(image)[:, width + 2 :] == 255).all()


def test_letters_without_a_picture_are_written_out_or_set_in_another_typeface():
    text, name = legible("卷积_1")
    assert (text, name) == ("\\u5377\\u79ef_1", "") or (text == "卷积_1" and name)
    assert legible("池化")[0] != legible("卷积")[0], "two names stay two names"
    missing = bytes(typeface(32).getmask("\uffff"))
    assert all(bytes(typeface(32, legible(c)[1]).getmask(legible(c)[0])) != missing for c in "é卷×…")


def test_names_keep_both_ends():
    short = shorten("features.denseblock3.denselayer24.conv2", 130, 13)
    assert short.startswith("feat")
    assert short.endswith("conv2")
    assert "…" in short
    assert shorten("conv_1", 200, 13) == "conv_1"


def test_lines_hold_every_part_in_order():
    parts = ["one two", "three", "four five six", "seven"]
    lines = wrap(parts, 140, 13)
    assert "  ·  ".join(lines) == "  ·  ".join(parts)
    assert max(text_width(line, 13) for line in lines) <= 140


# --- a step


def test_facts_count_what_is_no_number():
    x = np.array([0, -2, 5, np.nan, np.nan, np.inf], np.float32)
    facts = describe(x)
    assert (facts.low, facts.high, facts.zeros, facts.nan, facts.infinite) == (-2, 5, pytest.approx(1 / 6), 2, 1)
    assert facts.warning == "2 NaN (pink), 1 infinite (cyan)"
    assert describe(np.full(3, np.nan, np.float32)).low != describe(np.full(3, np.nan, np.float32)).low
    assert describe(np.zeros(0, np.float32)).warning == ""


def test_settings_that_are_usual_are_not_said():
    settings = {"kernel": [3, 5], "stride": [1, 2], "padding": [0, 1, 0, 1], "dilation": [1, 1], "groups": 4}
    step = Step("c", "conv2d", maps(1, 2, 2), settings=settings)
    assert kind_text(step) == "conv2d 3x5, stride 1,2, padding 0,1,0,1, groups 4"
    pool = {"kernel": [2, 2], "stride": [2, 2], "padding": [0, 0, 0, 0], "ceil_mode": False}
    assert kind_text(Step("p", "max_pool2d", maps(1, 2, 2), settings=pool)) == "max_pool2d 2x2"


@pytest.mark.parametrize(
    "shape", [(3, 50, 40), (64, 9, 9), (512, 7, 7), (2048, 2, 2), (10,), (1000,), (), (4, 5), (2, 3, 4, 5), (0, 3, 3)]
)
@pytest.mark.parametrize("dark", [False, True])
def test_a_step_of_any_shape_has_a_heading(shape, dark):
    step = Step("a very long name " * 20, "conv2d", maps(*shape) if shape else np.ones((), np.float32))
    image, bare = step_picture(step, dark=dark), step_picture(step, dark=dark, title=False)
    page = (DARK if dark else LIGHT).page
    assert image.mode == ("RGB" if step.value.size <= 10 else "P")
    assert image.width >= 420
    assert image.height > bare.height + 60
    assert (rgb(image)[:, -8:] == page).all(), "nothing reaches the margin"
    assert (rgb(image)[16:40, 20:200] != page).any()


def test_a_step_with_nan_says_so_in_the_accent():
    clean, broken = maps(3, 9, 9), maps(3, 9, 9)
    broken[0, 0, 0], broken[1, 1, 1] = np.nan, np.inf
    assert not has(step_picture(Step("a", "relu", clean)), LIGHT.accent)
    image = step_picture(Step("a", "relu", broken))
    assert has(image, LIGHT.accent)
    assert has(image, NOT_A_NUMBER)
    assert has(image, INFINITE)


@pytest.mark.parametrize("dark", [False, True])
def test_a_step_is_drawn_in_the_colours_of_the_grid(dark):
    x = maps(3, 40, 40)
    x[:, 0, :3] = 0, -9, 9
    drawn = rgb(step_picture(Step("a", "conv2d", x), title=False, dark=dark))
    exact = rgb(grid(x, dark=dark))
    plan, own = layout(x.shape), layout(x.shape, gap=6, label=15)
    for channel in range(3):
        (left, top), (x0, y0) = plan.corner(channel), own.corner(channel)
        height, width = plan.cell
        want, got = exact[top : top + height, left : left + width], drawn[y0 : y0 + height, x0 : x0 + width]
        assert np.abs(want - got).max() <= 4
        assert np.array_equal(want[:, : width // 40 * 3][0], got[:, : width // 40 * 3][0]), "zero and the ends exactly"


def test_every_level_counts_where_a_step_is_drawn_as_bytes():
    x = np.arange(256, dtype=np.float32).reshape(1, 16, 16)
    pixels = rgb(step_picture(Step("a", "conv2d", x), scale="byte", title=False))
    assert np.array_equal(np.unique(pixels[2:-2, 2:-2]), np.arange(256))


def test_lettering_on_a_palette_has_the_colours_of_the_page():
    for dark, paper in ((False, LIGHT), (True, DARK)):
        image = step_picture(Step("IIIII", "relu", np.abs(maps(3, 40, 40))), dark=dark)
        for color in (paper.page, paper.ink, paper.line):
            assert has(image.crop((0, 0, 420, 130)), color)


def test_bars_of_a_shared_range_compare_in_length():
    def length(value: float) -> int:
        x = np.array([value, 0, 0], np.float32)
        on = limits(np.array([[[0]], [[4]]], np.float32), "shared", signed=False).take(np.array([0, 0, 0]))
        image = column_of_bars(x, on, "grey", (60, 117), dark=False)
        row = rgb(image)[10]
        return int((row != LIGHT.track).any(axis=1).sum() - (row == LIGHT.page).all(axis=1).sum())

    assert abs(length(4.0) - 2 * length(2.0)) <= 20  # both include the room of the index


# --- the contact sheet


def test_a_contact_sheet_shows_photo_steps_and_scores():
    net = trace(
        ("conv", "conv2d", maps(8, 30, 45)),
        ("fc", "softmax", np.array([0.25, 0.75], np.float32)),
        labels=("cat", "dog"),
    )
    sheet = rgb(contact(net))
    assert (sheet[36:150, 36:200] == 128).all(), "the photo is there, untouched"
    assert has(contact(net), LIGHT.accent), "the best score has the accent"
    assert not (sheet[-10:] != LIGHT.page).any()


def test_contact_sheets_of_deep_networks_are_bounded_and_count_what_they_leave_out(monkeypatch):
    deep = trace(*[(f"s{i}", "relu", np.abs(maps(2, 4, 4))) for i in range(80)])
    plan = sheets._plan(deep, deep.steps, 50)
    assert (plan.left_out, plan.maps, plan.cell[1]) == (0, 3, 88)
    monkeypatch.setattr(sheets, "MOST_PIXELS", 1_000_000)
    plan = sheets._plan(deep, deep.steps, 50)
    assert (plan.left_out, plan.maps, plan.cell[1]) == (81 - len(plan.steps), 1, 72)
    assert plan.left_out > 0
    sheet = contact(deep, max_maps=50)
    assert sheet.width <= 1640
    assert sheet.width * sheet.height < 1_700_000  # with the heading


def test_contact_draws_the_named_steps_only():
    net = trace(("conv_1", "conv2d", maps(3, 9, 9)), ("relu_1", "relu", maps(3, 9, 9)))
    with pytest.raises(CallError, match=r"^the trace has no step 'conv_9'; its steps are input, conv_1, relu_1$"):
        contact(net, steps=["conv_9"])
    with pytest.raises(CallError, match=r"^max_maps must be 1 or more; got 0$"):
        contact(net, max_maps=0)
    assert contact(net, steps=["conv*"]).size <= contact(net).size


def test_what_is_said_stays_under_its_own_map():
    long = "features.denseblock3.denselayer24.conv2"
    net = trace((long, "conv2d", 1e-9 * maps(3, 9, 9)), (f"{long}b", "conv2d", 1e-9 * maps(3, 9, 9)))
    plan = sheets._plan(net, net.steps, 6)
    picture, width = rgb(contact(net)), plan.cell[1]
    for column in range(1, 3):  # a white lane before each column, from its name to its range
        edge = sheets.MARGIN + column * (width + sheets.GAP)
        assert (picture[-plan.band :, edge - 7 : edge] == LIGHT.page).all()


@pytest.mark.parametrize(
    "value",
    [
        maps(0, 3, 3),
        np.full((4, 3, 3), np.nan, np.float32),
        maps(2, 2, 3, 3),
        maps(5, 6),
        maps(30_000),
        np.full((2, 2, 2), np.inf, np.float32),
    ],
)
def test_strange_values_do_not_stop_the_sheet(value):
    net = trace(("odd", "other", value))
    for dark in (False, True):
        contact(net, dark=dark)
        rows([("a", net), ("b", net)], dark=dark)


def test_the_most_varied_maps_come_first():
    x = np.zeros((6, 3, 3), np.float32)
    x[4, 0, 0], x[1, 0, 0], x[2] = 9, 1, np.nan
    assert most_varied(x, 2).tolist() == [4, 1]
    assert most_varied(x, 6).tolist() == [0, 1, 2, 3, 4, 5]


# --- kernels


def conv(weight: np.ndarray, bias: np.ndarray | None = None, kind: str = "conv2d", **settings) -> Step:
    params = {"weight": weight} | ({} if bias is None else {"bias": bias})
    return Step("conv", kind, maps(1, 2, 2), params=params, settings=settings)


def test_kernels_share_one_range_about_zero():
    weight = np.zeros((2, 1, 3, 3), np.float32)
    weight[0, 0, 1, 1], weight[1, 0, 0, 0] = 2, -1
    image = kernels(conv(weight))
    table = colormap("signed")
    assert has(image, table[255])
    assert has(image, table[128])
    assert has(image, table[64]) or has(image, table[65])
    assert not (rgb(image)[110:] == table[1]).all(axis=2).any(), "-1 is half as strong as 2"


def test_transposed_and_grouped_kernels_are_turned_to_output_first():
    from convscope.draw.filters import _weight

    weight = maps(4, 3, 2, 2)  # 4 inputs in 2 groups of 2, each group to 3 outputs
    turned = _weight(conv(weight, kind="conv_transpose2d", groups=2))
    assert turned.shape == (6, 2, 2, 2)
    for o in range(6):
        for i in range(2):
            assert np.array_equal(turned[o, i], weight[o // 3 * 2 + i, o % 3])


@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1, 1), (64, 3, 7, 7), (512, 512, 3, 3), (3, 1, 24, 24), (10, 128), (1000, 2048), (2, 3000), (96, 1, 5, 5)],
)
def test_kernels_of_any_size_make_a_bounded_picture(shape):
    image = kernels(conv(maps(*shape), maps(shape[0])), dark=True)
    assert image.width <= 1700
    assert image.width * image.height < 6_000_000


def test_steps_without_kernels_are_refused():
    with pytest.raises(CallError, match=r"^step 'r' \(relu\) has no weight, so no kernels; choose a convolution"):
        kernels(Step("r", "relu", maps(1, 2, 2)))
    with pytest.raises(CallError, match=r"has a weight of 7, so no kernels"):
        kernels(conv(maps(7)))


# --- overlay


@pytest.mark.parametrize(
    ("place", "cell", "spot"),
    [
        (None, (1, 2), (10, 20, 20, 30)),
        (Placement(0.0, 0.0, 40.0, 80.0), (1, 2), (10, 20, 20, 30)),
        (Placement(8.0, 20.0, 16.0, 32.0), (0, 7), (8, 48, 12, 52)),  # the input was a crop
        (Placement(-20.0, 0.0, 80.0, 80.0), (2, 0), (20, 0, 40, 10)),  # the input was padded above and below
    ],
)
def test_a_bright_spot_lies_where_it_belongs(place, cell, spot):
    photo = np.zeros((40, 80, 3), np.uint8)
    channel = np.zeros((4, 8), np.float32)
    channel[cell] = 1
    lit = rgb(overlay(photo, channel, place, opacity=1.0, colors="grey"))[..., 0] > 200
    top, left, bottom, right = spot
    want = np.zeros((40, 80), bool)
    want[top:bottom, left:right] = True
    assert np.array_equal(lit, want)


def test_overlay_leaves_the_photo_outside_and_mixes_inside():
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    channel = np.array([[0, 1], [0.5, 1]], np.float32)
    image = rgb(overlay(photo, channel, Placement(0.0, 0.0, 20.0, 20.0), opacity=0.25))
    assert np.array_equal(image[:, 20:], photo[:, 20:])
    assert np.abs(image[:10, 10:20] - (0.75 * photo[:10, 10:20] + 0.25 * colormap("viridis")[255])).max() <= 0.5
    assert np.array_equal(rgb(overlay(photo, channel, opacity=0.0)), photo)
    faded = rgb(overlay(photo, channel, opacity=1.0, fade=True))
    assert np.array_equal(faded[:10, :15], photo[:10, :15])


def test_overlay_shows_nan_and_refuses_nonsense():
    photo = np.zeros((8, 8, 3), np.uint8)
    assert has(overlay(photo, np.array([[np.nan, 1]], np.float32), opacity=1.0), NOT_A_NUMBER)
    with pytest.raises(CallError, match=r"^opacity must be from 0 to 1; got 1\.5$"):
        overlay(photo, maps(2, 2), opacity=1.5)
    with pytest.raises(CallError, match=r"^an empty map, 0x4, cannot be laid over a picture$"):
        overlay(photo, maps(0, 4))
    with pytest.raises(CallError, match=r"^the placement must have an area"):
        overlay(photo, maps(2, 2), Placement(0.0, 0.0, 0.0, 5.0))


# --- golden pictures: what a change of look must be a decision about


def pictures() -> dict[str, Image.Image]:
    x = (np.arange(6 * 5 * 7, dtype=np.float32).reshape(6, 5, 7) % 17) - 6
    return {
        "signed": grid(x),
        "signed, dark, shared": grid(x, dark=True, scale="shared"),
        "viridis": grid(np.abs(x), columns=2, cell=14),
        "byte": grid(x, scale="byte"),
        "strip": grid(x.ravel(), scale="shared"),
        "overlay": overlay(np.full((20, 28, 3), 90, np.uint8), x[0], Placement(2.0, 3.0, 15.0, 21.0)),
    }


@pytest.mark.parametrize("name", sorted(pictures()))
def test_pictures_are_the_golden_ones(name):
    image = pictures()[name]
    golden = json.loads(GOLDEN.read_text())[name]
    assert list(image.size) == golden["size"]
    assert hashlib.sha256(rgb(image).astype(np.uint8).tobytes()).hexdigest() == golden["sha256"]
