"""Sheets: lettering, step pictures, contact sheets, kernels, overlays, comparisons, figures."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from convscope.draw import colormap, contact, describe, figure, grid, kernels, overlay, rows, step_picture
from convscope.draw import sheet as sheets
from convscope.draw.lettering import legible, shorten, text_width, typeface, wrap, write
from convscope.draw.levels import limits
from convscope.draw.theme import DARK, INFINITE, LIGHT, NOT_A_NUMBER
from convscope.draw.thumbs import column_of_bars, most_varied
from convscope.draw.variants import align
from convscope.draw.wording import kind_text
from convscope.errors import CallError
from convscope.traces import Placement, Step, Trace

GOLDEN = Path(__file__).parents[1] / "golden" / "draw.json"


def rgb(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB")).astype(int)


def has(image: Image.Image, color) -> bool:
    return bool((rgb(image) == np.array(color)).all(axis=2).any())


def maps(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def trace(*steps: tuple[str, str, np.ndarray], labels: tuple[str, ...] = (), size: tuple[int, int] = (60, 90)) -> Trace:
    photo = np.full((*size, 3), 128, np.uint8)
    made = [Step("input", "input", np.abs(maps(3, *size)))]
    for name, kind, value in steps:
        made.append(Step(name, kind, value, (made[-1],)))
    place = Placement(0.0, 0.0, float(size[0]), float(size[1]))
    return Trace(photo, tuple(made), (made[-1].name,), place, labels, about={"network": "a net", "image": "a.png"})


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
    assert image.mode == "RGB"
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
    assert (plan.left_out, plan.maps, plan.cell[1]) == (0, 3, 84)
    monkeypatch.setattr(sheets, "MOST_PIXELS", 1_000_000)
    plan = sheets._plan(deep, deep.steps, 50)
    assert (plan.left_out, plan.maps, plan.cell[1]) == (81 - len(plan.steps), 1, 64)
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


# --- comparing


def test_steps_align_by_name_then_by_order():
    def net(*names: str) -> list[Step]:
        return [Step(name, "relu", maps(1)) for name in names]

    columns = align(
        [
            net("in", "conv", "relu_1", "pool", "fc"),
            net("in", "conv", "tanh_1", "fc"),
            net("in", "conv", "elu_1", "pool", "new", "fc"),
        ]
    )
    assert [c.names for c in columns] == [["in"], ["conv"], ["relu_1", "tanh_1", "elu_1"], ["pool"], ["new"], ["fc"]]
    assert sorted(columns[3].steps) == [0, 2], "the second has no pool"
    assert sorted(columns[4].steps) == [2]


def test_variants_share_a_scale_and_missing_cells_stay_empty():
    one = trace(
        ("conv", "conv2d", np.full((1, 8, 8), 4, np.float32) * np.eye(8, dtype=np.float32)),
        ("extra", "relu", np.abs(maps(1, 8, 8))),
    )
    two = trace(("conv", "conv2d", np.full((1, 8, 8), 2, np.float32) * np.eye(8, dtype=np.float32)))
    table = colormap("viridis")
    shared = rgb(rows([("one", one), ("two", two)], steps=["conv"]))
    cells = shared[30 + 66 :, 180 : 180 + 148]
    assert (cells[:148] == table[255]).all(axis=2).any()
    assert not (cells[192 : 192 + 140] == table[255]).all(axis=2).any()
    assert (cells[192 : 192 + 140] == table[128]).all(axis=2).any()
    own = rgb(rows([("one", one), ("two", two)], steps=["conv"], scale="each"))[96:, 180:328]
    assert (own[192 : 192 + 140] == table[255]).all(axis=2).any()
    empty = rgb(rows([("one", one), ("two", two)], steps=["extra"]))[96 + 192 : 96 + 192 + 148, 180:328]
    assert (empty == LIGHT.page).all()


def test_comparing_needs_variants_and_known_steps():
    with pytest.raises(CallError, match=r"^there are no variants to compare; give at least one"):
        rows([])
    net = trace(("conv", "conv2d", maps(1, 3, 3)))
    with pytest.raises(CallError, match=r"^no variant has a step 'pool'; the first has input, conv$"):
        rows([("a", net)], steps=["pool"])


# --- matplotlib


def test_a_figure_touches_no_global_state(tmp_path):
    code = """
import sys, numpy as np, matplotlib
def settings():  # rcParams['backend'] would choose one, and import pyplot for it
    return {key: repr(dict.__getitem__(matplotlib.rcParams, key)) for key in matplotlib.rcParams}
before = settings()
from convscope.draw import figure
from convscope.traces import Placement, Step, Trace
x = Step("input", "input", np.arange(48, dtype=np.float32).reshape(3, 4, 4))
y = Step("$vec_tor", "linear", np.arange(5, dtype=np.float32), (x,))
t = Trace(np.zeros((4, 4, 3), np.uint8), (x, y), ("$vec_tor",), Placement(0.0, 0.0, 4.0, 4.0))
for name in ("input", "$vec_tor"):
    for scale in ("each", "shared", "byte"):
        figure(t, name, scale=scale).savefig(sys.argv[1])
print("matplotlib.pyplot" in sys.modules, settings() == before)
"""
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "figure.svg")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", "True"], done.stderr


def test_the_bar_of_a_figure_carries_the_values():
    net = trace(("conv", "conv2d", np.linspace(-3, 2, 18, dtype=np.float32).reshape(2, 3, 3)))
    picture, bar = figure(net, "conv").axes
    assert bar.get_ylim() == pytest.approx((-3, 3))
    assert [text.get_text() for text in figure(net, "conv", scale="each").axes[1].get_yticklabels()] == [
        "-max",
        "0",
        "max",
    ]
    pixels = picture.get_images()[0].get_array()
    assert np.array_equal(pixels, rgb(grid(net["conv"].value, scale="shared")))


def test_without_matplotlib_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(CallError, match=r'not installed; run: pip install "convscope\[figure\]"$'):
        figure(trace(("c", "relu", maps(1, 2, 2))), "c")


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


def test_the_shared_range_starts_at_the_lowest_of_all_variants():
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8)
    low, high = trace(("conv", "conv2d", 1 + ramp)), trace(("conv", "conv2d", 3 + ramp))
    picture = rgb(rows([("low", low), ("high", high)], steps=["conv"]))[96:, 180:328]
    lowest = colormap("viridis")[1]
    assert (picture[:148] == lowest).all(axis=2).any()
    assert not (picture[192 : 192 + 148] == lowest).all(axis=2).any(), "3 is not the lowest value of 1 … 4"
