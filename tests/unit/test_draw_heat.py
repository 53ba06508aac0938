"""Heat maps lie where they belong, mean what their colours say, and are not drawn where they mean nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image
from skimage.measure import find_contours

from convscope.draw.colors import MIDDLE, colormap
from convscope.draw.contours import contours
from convscope.draw.explained import COLUMNS, SMALLEST, Panel, card, curves_of, sheet_of_maps
from convscope.draw.heat import LINES, OPACITY, fault_in, heat, strongest
from convscope.draw.lettering import paragraph, text_width
from convscope.draw.theme import DARK, LIGHT
from convscope.errors import CallError
from convscope.traces import Placement
from drawing import has, rgb

GREY = 100


def photo(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def changed(image: Image.Image) -> np.ndarray:
    """How far each pixel is from the grey photo."""
    return np.abs(rgb(image) - GREY).sum(axis=2)


def centre(weight: np.ndarray) -> tuple[float, float]:
    """The centre of mass in pixels, a pixel's middle being at its half."""
    rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]] + 0.5
    return float((weight * rows).sum() / weight.sum()), float((weight * columns).sum() / weight.sum())


def bump(shape: tuple[int, int], row: float, column: float, width: float) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2)).astype(np.float32)


# Where


@pytest.mark.parametrize("size", [(300, 451), (64, 64), (20, 500), (500, 20), (1200, 900)])
@pytest.mark.parametrize("shape", [(64, 64), (7, 9)])
def test_a_bump_appears_where_it_is_whatever_the_sizes(size: tuple[int, int], shape: tuple[int, int]) -> None:
    value = bump(shape, 0.3 * shape[0], 0.6 * shape[1], 0.12 * min(shape))
    row, column = centre(changed(heat(photo(*size), value, lines=False)))
    expected = centre(value)
    assert row / size[0] == pytest.approx(expected[0] / shape[0], abs=0.02 + 0.5 / size[0])
    assert column / size[1] == pytest.approx(expected[1] / shape[1], abs=0.02 + 0.5 / size[1])


def test_a_moved_bump_moves_as_far() -> None:
    places = [centre(changed(heat(photo(200, 300), bump((50, 50), 20, at, 4), lines=False)))[1] for at in (15, 25)]
    assert places[1] - places[0] == pytest.approx(10 * 300 / 50, abs=0.3)


def test_outside_of_what_the_network_saw_nothing_is_coloured() -> None:
    place = Placement(top=10.0, left=40.0, height=60.0, width=80.0)
    seen = changed(heat(photo(100, 150), np.ones((8, 8), np.float32) + np.eye(8, dtype=np.float32), place))
    assert (seen[10:70, 40:120] > 0).all()
    seen[10:70, 40:120] = 0
    assert not seen.any()


def test_what_was_padded_falls_off_the_edge() -> None:
    """A photo of 40x80 in a square input: the map's first and last quarter lie above and below the photo."""
    value = np.zeros((8, 8), np.float32)
    value[:2], value[2:6, 3:5], value[6:] = -1, 1, -1
    place = Placement(top=-20.0, left=0.0, height=80.0, width=80.0)
    image = rgb(heat(photo(40, 80), value, place, lines=False))
    assert image.shape[:2] == (40, 80)
    assert (image[10:30, 32:48, 0] > image[10:30, 32:48, 2]).all(), "the middle is red"
    assert centre(changed(heat(photo(40, 80), np.maximum(value, 0), place, lines=False))) == pytest.approx((20, 40))


def test_between_values_lie_straight_lines_and_small_pictures_show_means() -> None:
    table = colormap("signed").astype(float)
    row = np.float32([[0, 1]])
    image = rgb(heat(photo(1, 8), row, opacity=1.0, lines=False))[0]
    at = np.clip((np.arange(8) + 0.5) * 2 / 8 - 0.5, 0, 1)
    level = np.floor(at * 127 + MIDDLE + 0.5).astype(int)
    share = np.rint((level - MIDDLE) / 127 * 255)[:, None] / 255
    assert np.abs(image - (table[level] * share + GREY * (1 - share))).max() <= 1
    fine = np.zeros((64, 64), np.float32)
    fine[:, 32:] = np.tile([0, 1], 16)
    small = rgb(heat(photo(2, 2), fine, scale=1.0, opacity=1.0, lines=False))
    half = MIDDLE + 64
    mixed = table[half] * 64 / 127 + GREY * (1 - 64 / 127)
    assert (small[:, 0] == GREY).all()
    assert np.abs(small[:, 1] - mixed).max() <= 3


def test_a_photo_in_bands_is_the_photo_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    value = bump((30, 40), 11, 13, 5) - bump((30, 40), 22, 30, 4)
    whole = rgb(heat(photo(97, 131), value))
    monkeypatch.setattr("convscope.draw.heat.BAND", 500)
    assert np.array_equal(whole, rgb(heat(photo(97, 131), value)))


# What colours mean


@pytest.mark.parametrize("dark", [False, True])
def test_zero_is_transparent_and_signs_have_their_colours(dark: bool) -> None:
    value = np.zeros((3, 9), np.float32)
    value[1, 1], value[1, 7] = 2, -2
    image = rgb(heat(photo(3, 9), value, lines=False, dark=dark))
    assert (image[1, 4] == GREY).all()
    assert image[1, 1, 0] > image[1, 1, 2], "for the class is red"
    assert image[1, 7, 2] > image[1, 7, 0], "against it is blue"
    table = colormap((DARK if dark else LIGHT).signed)
    expected = np.rint(table[255] * OPACITY + GREY * (1 - OPACITY))
    assert np.abs(image[1, 1] - expected).max() <= 1


def test_one_scale_for_several_classes_makes_strong_and_weak_comparable() -> None:
    strong, weak = bump((20, 20), 10, 10, 3), 0.1 * bump((20, 20), 10, 10, 3)
    most = strongest(strong, weak)
    assert most == strongest(strong)
    alone = [changed(heat(photo(20, 20), value, lines=False)).max() for value in (strong, weak)]
    together = [changed(heat(photo(20, 20), value, scale=most, lines=False)).max() for value in (strong, weak)]
    assert alone[0] == alone[1] == together[0]
    assert together[1] < 0.3 * together[0]


def test_opacity_is_a_share() -> None:
    value = bump((10, 10), 5, 5, 2)
    assert not changed(heat(photo(10, 10), value, opacity=0.0, lines=False)).any()
    some, all_ = (changed(heat(photo(10, 10), value, opacity=part, lines=False)).max() for part in (0.5, 1.0))
    assert some == pytest.approx(all_ / 2, rel=0.05)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"opacity": 1.5}, "opacity must be from 0 to 1; got 1.5"),
        ({"scale": 0.0}, "scale must be a positive number; got 0.0"),
        ({"scale": math.inf}, "scale must be a positive number; got inf"),
        ({"placement": Placement(0.0, 0.0, 0.0, 4.0)}, "the placement must have an area; got 0.0 x 4.0"),
    ],
)
def test_wrong_calls_are_refused(told: dict, message: str) -> None:
    with pytest.raises(CallError, match=message):
        heat(photo(4, 4), np.eye(4, dtype=np.float32), **told)


# Maps that mean nothing


NAN = np.float32([[1, np.nan], [0, 2]])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.zeros((3, 3), np.float32), "the map is zero everywhere"),
        (np.full((3, 3), -2, np.float32), "the map has the same value everywhere"),
        (np.float32([[1, 1 + 1e-7]]), "the map has the same value everywhere"),
        (NAN, "the map is no number in 1 of 4 places"),
        (np.float32([[np.inf, 1]]), "the map is no number in 1 of 2 places"),
        (np.zeros((0, 3), np.float32), "the map is empty"),
        (np.eye(2, dtype=np.float32), ""),
        (np.float32([[1e-30, 2e-30]]), ""),
    ],
)
def test_a_fault_is_a_sentence_on_the_photo_and_no_map(value: np.ndarray, said: str) -> None:
    assert fault_in(value) == said
    image = heat(photo(120, 200), value)
    assert image.size == (200, 120)
    assert has(image, LIGHT.page) == bool(said)
    if said:
        assert (rgb(image)[:20] == GREY).all(), "the rest of the photo is as it was"
        written = rgb(image).reshape(-1, 3)
        assert (written[:, 0] - written[:, 2] > 60).sum() > 50, "letters in the colour of warnings"


def test_a_fault_is_said_on_the_smallest_and_the_largest_photo() -> None:
    for size in ((1, 1), (5, 300), (300, 5), (28, 28), (2000, 3000)):
        assert heat(photo(*size), np.zeros((2, 2), np.float32)).size == size[::-1]


# Contours


@pytest.mark.parametrize("seed", range(4))
def test_contours_are_those_of_another_marching_squares(seed: int) -> None:
    value = np.random.default_rng(seed).normal(size=(9, 12)).astype(np.float32)
    level = 0.15
    ours = contours(value, level)
    theirs = find_contours(value.astype(float), level)
    points = np.concatenate(theirs)
    length = sum(np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in theirs)
    ends = ours.reshape(-1, 2)
    distance = np.linalg.norm(ends[:, None] - points[None], axis=2)
    assert distance.min(axis=1).max() < 1e-6
    assert distance.min(axis=0).max() < 1e-6
    # at saddles the two may join the same points differently, and never by much
    assert np.linalg.norm(ours[:, 0] - ours[:, 1], axis=1).sum() == pytest.approx(length, rel=0.1)


def test_saddles_go_by_the_mean_of_the_corners() -> None:
    high, low = np.float32([[1, 0], [0, 1]]), np.float32([[1, -2], [-2, 1]])
    joined = sorted(np.abs(part[0] - part[1]).sum() for part in contours(high, 0.4))
    assert len(joined) == len(contours(low, 0.4)) == 2
    corner = [0.5, 0.5]  # the upper left corner, which is above, lies beside the middle or is cut off from it
    beside = [min(np.linalg.norm(part.mean(axis=0) - corner) for part in contours(value, 0.4)) for value in (high, low)]
    assert beside[0] != pytest.approx(beside[1])
    cut_off = contours(low, 0.4)
    assert any(part.max() < 0.5 for part in cut_off), "the upper left corner alone"


def test_contours_of_nothing_are_none() -> None:
    for value in (np.zeros((1, 5), np.float32), np.ones((4, 4), np.float32), np.zeros((0, 3), np.float32)):
        assert contours(value, 0.5).shape == (0, 2, 2)


def test_contours_are_drawn_at_their_values_and_not_on_noise() -> None:
    value = bump((60, 60), 30, 30, 12)
    plain, lined = (rgb(heat(photo(240, 240), value, lines=lines)) for lines in (False, True))
    drawn = np.abs(plain - lined).sum(axis=2) > 120
    rows, columns = np.nonzero(drawn)
    distance = np.hypot((rows + 0.5) / 4 - 30, (columns + 0.5) / 4 - 30)
    radii = [12 * math.sqrt(-2 * math.log(part)) for part in LINES]
    assert np.abs(distance[:, None] - radii).min(axis=1).max() < 1.0
    assert all((np.abs(distance - radius) < 1).any() for radius in radii)
    noise = np.random.default_rng(0).normal(size=(60, 60)).astype(np.float32)
    assert np.array_equal(rgb(heat(photo(60, 60), noise, lines=True)), rgb(heat(photo(60, 60), noise, lines=False)))


# Cards and sheets


def panel(**told: object) -> Panel:
    given = {"value": bump((20, 30), 8, 12, 4), "title": "Grad-CAM for cat", "verdict": "This map is doubtful."}
    return Panel(**given | {"mark": "doubt", "lines": ("a reason",)} | told)


def test_a_card_is_the_photo_pixel_for_pixel_with_words_below() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    place = Placement(0.0, 0.0, 300.0, 400.0)
    made = card(pixels, panel(), place)
    assert made.width == 400
    assert made.height > 340
    assert np.array_equal(rgb(made)[:300], rgb(heat(pixels, panel().value, place)))
    assert has(made.crop((0, 300, 400, made.height)), (176, 122, 0)), "the dot before the verdict"


def test_small_photos_are_enlarged_by_a_whole_number_and_the_map_goes_along() -> None:
    value = bump((28, 28), 9, 20, 3)
    made = card(photo(28, 28), panel(value=value), Placement(0.0, 0.0, 28.0, 28.0))
    factor = made.width // 28
    assert made.width == 28 * factor >= SMALLEST
    row, column = centre(changed(made.crop((0, 0, made.width, made.width))))
    assert (row / factor, column / factor) == pytest.approx((9, 20), abs=0.4)


@pytest.mark.parametrize("size", [(1, 1), (28, 28), (40, 1600), (1600, 40), (3_000, 1), (600, 2500)])
def test_words_stay_on_the_card(size: tuple[int, int]) -> None:
    text = (
        "A sentence that is long enough to need several lines wherever it stands, and a worduponwordupon" + "word" * 30
    )
    told = panel(verdict=text, lines=(text,), title="T" * 90)
    made = card(photo(*size), told, Placement(0.0, 0.0, float(size[0]), float(size[1])))
    foot = rgb(made)[-60:]
    assert made.width >= SMALLEST
    assert (foot[-5:] == LIGHT.page).all()
    assert (foot[:, -3:] == LIGHT.page).all()


def test_a_sheet_has_every_panel_and_grows_downwards() -> None:
    curves = curves_of({"insertion": {"curve": [0.1, 0.5, 0.9]}, "deletion": {"curve": [0.9, 0.2, 0.1]}})
    place = Placement(0.0, 0.0, 60.0, 90.0)
    heights = {}
    for count in (1, 3, COLUMNS, 9):
        made = sheet_of_maps(photo(60, 90), place, [panel(curves=curves)] * count, title="cat", lines=["a", "b"])
        heights[count] = made.height
        assert made.width <= 56 + COLUMNS * 424
    assert heights[1] == heights[3] < heights[COLUMNS] < heights[9]


def test_a_panel_whose_map_cannot_be_drawn_has_words_and_no_scale() -> None:
    broken = panel(value=np.zeros((4, 4), np.float32))
    assert broken.most == 0
    made = sheet_of_maps(photo(60, 90), Placement(0.0, 0.0, 60.0, 90.0), [broken, panel()], title="cat")
    assert made.width > 56 + 2 * 400


@pytest.mark.parametrize("dark", [False, True])
def test_sheets_and_cards_have_both_themes(dark: bool) -> None:
    paper = DARK if dark else LIGHT
    place = Placement(0.0, 0.0, 60.0, 90.0)
    for made in (
        card(photo(60, 90), panel(), place, dark=dark),
        sheet_of_maps(photo(60, 90), place, [panel()], title="cat", dark=dark),
    ):
        assert tuple(rgb(made)[-2, -2]) == paper.page


def test_curves_take_what_is_there_and_no_nonsense_from_a_file() -> None:
    good = {"auc": 0.5, "curve": [0.0, 0.5, 1.0]}
    whole = {
        "insertion": good,
        "deletion": good,
        "controls": {"random": {"insertion": good}, "edges": {"insertion": good}},
    }
    lines = curves_of(whole)
    assert [line.label for line in lines] == ["shown", "taken", "random", "edges"]
    assert [line.dashed for line in lines] == [False, False, True, True]
    assert lines[0].points == [(0, 0), (50, 0.5), (100, 1)]
    curves = ("x", [1, "x"], [1], {}, None)
    for bad in ({}, {"insertion": None}, {"controls": [1]}, {"controls": {"random": 3}}):
        assert curves_of(bad) == ()
    for curve in curves:
        assert curves_of({"insertion": {"curve": curve}}) == ()


def test_a_paragraph_breaks_between_words_and_inside_only_where_it_must() -> None:
    text = "one two three " + "x" * 60 + " four 猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫"
    lines = paragraph(text, 90, 12)
    assert all(text_width(line, 12) <= 90 for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert lines[0] == "one two three"
    assert len(paragraph(text, 90, 12, lines=2)) == 2
    assert paragraph("", 90, 12) == [""]
