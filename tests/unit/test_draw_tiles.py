"""Grids: every value at its place in its colour, and sane pictures for every size."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from convscope.draw import colormap, grid, save_png
from convscope.draw.colors import MIDDLE
from convscope.draw.png import encode_png
from convscope.draw.theme import DARK, INFINITE, LIGHT, NOT_A_NUMBER
from convscope.draw.tiles import MOST_PIXELS, layout
from convscope.errors import CallError, OutputError


def maps(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def rgb(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("shape", [(5, 7, 7), (3, 40, 60), (13, 1, 9), (1, 5, 5), (70, 1, 1), (300, 3, 2)])
@pytest.mark.parametrize("options", [{}, {"columns": 4, "gap": 0}, {"cell": 20, "gap": 3}])
def test_every_value_is_at_the_documented_place(shape, options):
    x = maps(*shape)
    image = grid(x, colors="signed", **options)
    plan = layout(shape, **options)
    pixels = rgb(image)
    assert image.size == plan.size
    shrunk = plan.cell[0] < shape[1] or plan.cell[1] < shape[2]
    strongest = np.abs(x).max() if shape[1:] == (1, 1) else np.abs(x).max(axis=(1, 2), keepdims=True)
    exact = 128.5 + x.astype(np.float64) / strongest * 127
    want = colormap("signed")[np.floor(exact).astype(int)]
    clear = np.abs(exact - np.rint(exact)) > 1e-3  # float32 may fall on either side of a tie
    drawn = np.zeros(pixels.shape[:2], bool)
    for c, y, x_ in np.ndindex(shape):
        left, top, right, bottom = plan.box(c, y, x_)
        drawn[top:bottom, left:right] = True
        if not shrunk and clear[c, y, x_]:
            assert (pixels[top:bottom, left:right] == want[c, y, x_]).all()
    assert (pixels[~drawn] == LIGHT.page).all(), "the page shows between the maps"
    assert shrunk or drawn.sum() == x.size * (plan.cell[0] // shape[1]) ** 2


def test_byte_scale_in_grey_is_the_tutorials_picture():
    x = maps(4, 30, 20)
    image = grid(x, scale="byte")
    plan = layout(x.shape)
    zoom = plan.cell[0] // 30
    assert image.mode == "L"
    for c in range(4):
        left, top = plan.corner(c)
        got = np.asarray(image)[top : top + plan.cell[0] : zoom, left : left + plan.cell[1] : zoom]
        assert np.array_equal(got, ((x[c] - x[c].min()) / (x[c].max() - x[c].min()) * 255).astype(np.uint8))


def test_byte_scale_in_colour_uses_all_levels():
    x = np.arange(256, dtype=np.float32).reshape(1, 16, 16)
    pixels = rgb(grid(x, scale="byte", colors="magma", cell=16, gap=1))
    assert np.array_equal(pixels[1:-1, 1:-1].reshape(256, 3), colormap("magma"))
    assert (pixels[0] == LIGHT.page).all()


def test_zero_is_the_exact_middle_colour_on_both_pages():
    x = np.array([[[-3, 0, 1]]], np.float32)
    for dark, name in ((False, "signed"), (True, "signed_dark")):
        pixels = rgb(grid(x, cell=3, gap=0, dark=dark))
        assert pixels[0, 1].tolist() == colormap(name)[MIDDLE].tolist()
        assert pixels[0, 0].tolist() == colormap(name)[1].tolist()


def test_shared_scale_compares_and_each_does_not():
    x = np.array([[[0, 1]], [[0, 4]]], np.float32)
    levels = {s: np.asarray(grid(x, scale=s, cell=2, gap=0, columns=1)) for s in ("each", "shared")}
    assert levels["each"].tolist() == [[1, 255], [1, 255]]
    assert levels["shared"].tolist() == [[1, 65], [1, 255]]


@pytest.mark.parametrize("scale", ["each", "shared", "byte"])
def test_nan_and_infinity_have_their_own_colours(scale):
    x = np.abs(maps(2, 8, 8))
    x[0, 2, 3], x[1, 4, 5], x[1, 6, 7] = np.nan, np.inf, -np.inf
    pixels, plan = rgb(grid(x, scale=scale)), layout(x.shape)
    for at, color in (((0, 2, 3), NOT_A_NUMBER), ((1, 4, 5), INFINITE), ((1, 6, 7), INFINITE)):
        left, top, right, bottom = plan.box(*at)
        assert (pixels[top:bottom, left:right] == color).all()
    zoom = plan.cell[0] // 8
    assert (pixels == NOT_A_NUMBER).all(axis=2).sum() == zoom**2
    assert (pixels == INFINITE).all(axis=2).sum() == 2 * zoom**2


@pytest.mark.parametrize("fill", [np.nan, np.inf, 0.0, 5.0, -5.0])
@pytest.mark.parametrize("shape", [(3, 4, 4), (5,), (100,), (1, 1, 1), (), (3, 5), (2, 2, 3, 3)])
@pytest.mark.parametrize("scale", ["each", "shared", "byte"])
def test_any_shape_of_any_constant_is_drawn(fill, shape, scale):
    image = grid(np.full(shape, fill, np.float32), scale=scale)
    assert min(image.size) >= 1
    if np.isnan(fill):
        assert (rgb(image) == NOT_A_NUMBER).all(axis=2).any()


@pytest.mark.parametrize("shape", [(0,), (0, 7, 7), (3, 0, 7), (3, 7, 0)])
def test_empty_values_say_so(shape):
    image = grid(np.zeros(shape, np.float32))
    assert image.size == (180, 40)
    assert len(np.unique(rgb(image).reshape(-1, 3), axis=0)) > 2, "there is text on it"


@pytest.mark.parametrize(
    "shape",
    [(2048, 7, 7), (512, 7, 7), (64, 112, 112), (3, 573, 605), (25650,), (100_000, 1, 1), (1, 3000, 4000)],
)
def test_pictures_stay_within_bounds(shape):
    image = grid(np.zeros(shape, np.float32))
    assert image.width * image.height <= 1.2 * MOST_PIXELS
    assert 0.3 < image.width / image.height < 4


def test_large_maps_keep_their_size_and_small_ones_grow_by_whole_factors():
    assert layout((3, 573, 605)).cell == (573, 605)
    assert layout((2048, 7, 7)).cell == (28, 28)
    assert layout((16, 14, 28)).cell == (56, 112)
    height, width = layout((1, 8000, 4000)).cell
    assert height * width <= MOST_PIXELS
    assert height == 2 * width


def test_what_is_left_out_is_counted_under_the_grid():
    x = maps(64, 10, 10)
    few, all_of = grid(x, max_maps=6, cell=40), grid(x[:6], cell=40)
    assert few.height == all_of.height + 22
    assert np.array_equal(rgb(few)[: all_of.height, : all_of.width], rgb(all_of))
    assert (rgb(few)[all_of.height :] != LIGHT.page).any(axis=2).sum() > 20, "'+58 more' is written there"
    huge = layout((64, 1024, 1024))
    assert huge.shown == 15
    assert huge.total == 64


@pytest.mark.parametrize("n", [64, 512, 2048, 16])
def test_round_numbers_of_maps_fill_their_rows(n):
    plan = layout((n, 7, 7))
    assert plan.rows * plan.columns == n


@pytest.mark.parametrize(("name", "number"), [("columns", 0), ("gap", -1), ("max_maps", 0), ("cell", -4)])
def test_sizes_that_make_no_sense_are_refused(name, number):
    with pytest.raises(CallError, match=f"^{name} must be {int(name != 'gap')} or more; got {number}$"):
        grid(maps(2, 3, 3), **{name: number})


def test_a_short_vector_is_bars_from_zero():
    pixels = rgb(grid(np.array([0.5, -1, 0, 1], np.float32), colors="signed"))
    top, bottom = colormap("signed")[255], colormap("signed")[1]
    up, down = (pixels == top).all(axis=2), (pixels == bottom).all(axis=2)
    assert abs(int(up.any(axis=1).sum()) - 60) <= 1, "as high as it is large"
    assert abs(int(down.any(axis=1).sum()) - 60) <= 1
    assert np.argwhere(up)[:, 0].max() < np.argwhere(down)[:, 0].min() + 2
    half = (pixels == colormap("signed")[192]).all(axis=2)
    assert abs(int(half.any(axis=1).sum()) - 30) <= 1


def test_the_dark_page_shows_between_the_maps():
    assert rgb(grid(maps(4, 5, 5), dark=True))[0, 0].tolist() == list(DARK.page)


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_png_holds_exactly_the_pixels(mode, tmp_path):
    x = np.abs(maps(6, 11, 7))
    if mode == "RGB":
        x[0, 0, 0] = np.nan
    image = grid(x, scale="byte" if mode == "L" else "each")
    assert image.mode == mode
    save_png(image, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as back:
        back.load()
        assert back.mode == mode
        assert np.array_equal(rgb(back), rgb(image))


@pytest.mark.parametrize("shape", [(16, 112, 112), (128, 7, 7)])
def test_files_are_no_larger_than_those_of_zlibs_fastest_level(shape):
    image = grid(maps(*shape))
    rows = np.asarray(image)
    usual = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes(), 1)
    assert len(encode_png(image)) < 1.1 * len(usual)


@pytest.mark.parametrize("mode", ["RGBA", "1", "LA", "I;16"])
def test_png_of_other_modes(mode):
    with Image.open(io.BytesIO(encode_png(Image.new(mode, (5, 3), 1)))) as back:
        assert back.size == (5, 3)


def test_a_failed_save_leaves_nothing(tmp_path):
    image = Image.new("RGB", (2, 2))
    with pytest.raises(OutputError, match=r"cannot write the picture '.*a\.png': No such file or directory; choose"):
        save_png(image, tmp_path / "missing" / "a.png")
    (tmp_path / "b.png").mkdir()
    (tmp_path / "b.png" / "kept").write_text("")
    with pytest.raises(OutputError, match="choose another place"):
        save_png(image, tmp_path / "b.png")
    assert [path.name for path in tmp_path.iterdir()] == ["b.png"]


def test_drawing_needs_neither_matplotlib_nor_torch():
    heavy = "{'matplotlib', 'torch', 'scipy', 'h5py'}"
    code = f"import sys, convscope.draw; print(*sorted({{m.split('.')[0] for m in sys.modules}} & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
