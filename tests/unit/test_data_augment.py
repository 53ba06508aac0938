"""Augmentations against scipy, Pillow and numpy, and the promise that a sample's numbers are its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from scipy import ndimage

from convscope.data import warping
from convscope.data.augment import PURPOSES, Augment, augment
from convscope.data.draws import draws
from convscope.data.painting import erased, greyed, recoloured
from convscope.errors import DataError

WHICH = np.array([3, 14, 15, 92, 65, 35])


def pictures(count: int = 6, channels: int = 3, size: tuple[int, int] = (13, 17)) -> torch.Tensor:
    noise = np.random.default_rng(0).random((count, channels, *size))
    return torch.from_numpy(ndimage.gaussian_filter(noise, (0, 0, 1, 1)).astype(np.float32))


def chances(**columns: float) -> np.ndarray:
    """Draws that do nothing (no flip, no turn, no shift, the whole picture), but for the columns named."""
    names = ["flip", "turn", "down", "across", "area", "aspect", "top", "left", "bright", "contrast", "colour"]
    names += ["erase", "share", "shape", "row", "column"]
    row = np.full(PURPOSES, 0.5)
    row[0], row[4] = 0.9, 1.0
    for name, value in columns.items():
        row[names.index(name)] = value
    return row[None]


# -- the value ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "none",
        "flip",
        "flip,rotation=0.1",
        "shift=2",
        "flip,rotation=0.05,shift=3,crop=0.6,colour=0.2,erase=0.25,grey=0.1",
    ],
)
def test_text_and_value_are_the_same(text: str) -> None:
    assert str(Augment.parse(text)) == text
    assert Augment.parse(str(Augment.parse(text))) == Augment.parse(text)


def test_nothing_is_nothing() -> None:
    assert Augment.parse("") == Augment() == Augment.parse(" none ")
    assert Augment().nothing
    assert not Augment(flip=True).nothing
    assert Augment.parse("flip=no").nothing


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("spin=0.1", "there is no augmentation 'spin'; choose from flip, rotation, shift, crop, colour, erase, grey"),
        ("rotation", "the augmentation rotation cannot be ''; write = and a number behind it"),
        ("rotation=fast", "rotation cannot be 'fast'"),
        ("rotation=36", "rotation=36.0 is none; give a number from 0 to 0.5, in turns"),
        ("rotation=nan", "rotation=nan is none"),
        ("crop=0", "crop=0.0 is none"),
        ("shift=1.5", "shift cannot be '1.5'"),
        ("shift=-1", "shift=-1 is none; give whole pixels"),
        ("flip=perhaps", "flip cannot be 'perhaps'; write nothing, or =yes or =no"),
        ("flip,flip", "flip is there twice"),
    ],
)
def test_wrong_texts_are_refused(text: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        Augment.parse(text)


# -- the random numbers ------------------------------------------------------------------------------------------------


def test_draws_are_even_and_independent() -> None:
    made = draws(np.arange(20_000), 6, seed=1, epoch=0)
    assert np.abs(np.histogram(made, 20, (0, 1))[0] / made.size - 0.05).max() < 0.003
    assert np.abs(np.corrcoef(made.T) - np.eye(6)).max() < 0.03
    later = draws(np.arange(20_000), 6, seed=1, epoch=1)
    assert abs(np.corrcoef(made[:, 0], later[:, 0])[0, 1]) < 0.03
    assert abs(np.corrcoef(made[:-1, 0], made[1:, 0])[0, 1]) < 0.03


def test_draws_are_splitmix_in_plain_numbers() -> None:
    """Written out with Python's own integers: trainings of earlier versions must resume with the same numbers."""

    def mixed(word: int) -> int:
        word = (word + 0x9E3779B97F4A7C15) % 2**64
        word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
        return word ^ word >> 31

    state = mixed(mixed(1337) ^ 3)
    for sample, row in zip((0, 7), draws(np.array([0, 7]), 3, seed=1337, epoch=3), strict=True):
        for purpose, number in enumerate(row, start=1):
            word = mixed((mixed(state ^ sample) + purpose * 0x9E3779B97F4A7C15) % 2**64)
            assert number == (word >> 11) / 2**53


@pytest.mark.parametrize("text", ["flip", "shift=2", "rotation=0.1", "flip,rotation=0.1,crop=0.5,colour=0.3,erase=0.5"])
def test_a_sample_looks_the_same_in_every_batch(text: str) -> None:
    images, how = pictures(), Augment.parse(text)
    whole = augment(images, WHICH, how=how, seed=1, epoch=4)
    again = augment(images[[5, 2]], WHICH[[5, 2]], how=how, seed=1, epoch=4)
    assert torch.equal(whole[[5, 2]], again)
    assert not torch.equal(whole, augment(images, WHICH, how=how, seed=1, epoch=5))
    assert not torch.equal(whole, augment(images, WHICH, how=how, seed=2, epoch=4))


def test_one_augmentation_more_leaves_the_others() -> None:
    images = pictures()
    flipped = augment(images, WHICH, how=Augment(flip=True), seed=1, epoch=0)
    both = augment(images, WHICH, how=Augment(flip=True, erase=1.0), seed=1, epoch=0)
    same = (both == flipped).flatten(1).float().mean(1)
    assert ((same > 0.5) & (same < 1)).all()


def test_the_images_given_are_not_written_to() -> None:
    images = pictures()
    kept = images.clone()
    augment(images, WHICH, how=Augment(True, 0.1, 2, 0.5, 0.5, 1.0), seed=1, epoch=0)
    augment(images, WHICH, how=Augment(colour=0.5), seed=1, epoch=0)
    assert torch.equal(images, kept)
    with pytest.raises(DataError, match="6 images and 2 sample numbers"):
        augment(images, WHICH[:2], how=Augment(), seed=1, epoch=0)


# -- geometry ----------------------------------------------------------------------------------------------------------


def test_half_of_the_pictures_are_flipped_and_the_others_are_not() -> None:
    images = torch.rand(1, 1, 4, 5).expand(2000, -1, -1, -1)
    made = augment(images, np.arange(2000), how=Augment(flip=True), seed=3, epoch=0)
    flipped = (made == images.flip(3)).flatten(1).all(1)
    kept = (made == images).flatten(1).all(1)
    assert (flipped ^ kept).all()
    assert 900 < int(flipped.sum()) < 1100


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("flip", [False, True])
def test_shifts_are_numpys_with_mirrored_edges(flip: bool, last: bool) -> None:
    images, how = pictures(), Augment(flip=flip, shift=4)
    if last:
        images = images.to(memory_format=torch.channels_last)
    made = augment(images, WHICH, how=how, seed=5, epoch=2).numpy()
    chance = draws(WHICH, PURPOSES, seed=5, epoch=2)
    seen = set()
    for image, one, got in zip(images.numpy(), chance, made, strict=True):
        down, across = (int(one[i] * 9) - 4 for i in (2, 3))
        seen |= {down, across}
        source = image[:, :, ::-1] if flip and one[0] < 0.5 else image
        padded = np.pad(source, ((0, 0), (4, 4), (4, 4)), mode="symmetric")
        assert (got == padded[:, 4 - down : 17 - down, 4 - across : 21 - across]).all()
    assert len(seen) > 3


@pytest.mark.parametrize("size", [(13, 17), (16, 16)])
def test_rotation_is_scipys(size: tuple[int, int]) -> None:
    images = pictures(size=size)
    made = augment(images, WHICH, how=Augment(rotation=0.2), seed=5, epoch=0).numpy()
    middle = (np.array(size) - 1) / 2
    for image, one, got in zip(images.numpy(), draws(WHICH, PURPOSES, seed=5, epoch=0), made, strict=True):
        angle = (2 * one[1] - 1) * 0.2 * 2 * np.pi
        # rows and columns: the transpose of what is written for across and down
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        for plane, channel in zip(image, got, strict=True):
            wanted = ndimage.affine_transform(plane, turn, middle - turn @ middle, order=1, mode="reflect")
            np.testing.assert_allclose(channel, wanted, atol=2e-5)


def test_places_are_those_of_affine_grid() -> None:
    theta = torch.from_numpy(np.random.default_rng(0).normal(0, 1, (5, 2, 3)).astype(np.float32))
    for size in ((1, 1), (3, 7), (16, 5)):
        wanted = torch.nn.functional.affine_grid(theta, [5, 1, *size], align_corners=False)
        torch.testing.assert_close(warping._places(theta, size), wanted, rtol=0, atol=2e-6)


def test_rotations_reach_their_limit_both_ways() -> None:
    angles = (2 * draws(np.arange(5000), 2, seed=1, epoch=0)[:, 1] - 1) * 0.1
    assert angles.min() == pytest.approx(-0.1, abs=0.001)
    assert angles.max() == pytest.approx(0.1, abs=0.001)
    quarter = warping.warped(pictures(1, 1, (8, 8)), chances(turn=1.0), Augment(rotation=0.25), (8, 8))
    expected = np.rot90(pictures(1, 1, (8, 8)).numpy(), axes=(2, 3))
    np.testing.assert_allclose(quarter.numpy(), expected, atol=1e-5)


def test_crops_are_scipys_and_stay_inside() -> None:
    images, how = pictures(), Augment(crop=0.4)
    made = augment(images, WHICH, how=how, seed=9, epoch=0).numpy()
    chance = draws(WHICH, PURPOSES, seed=9, epoch=0)
    centre, share = warping._crops(chance, how)
    assert ((np.abs(centre) + share) <= 1 + 1e-9).all()
    assert (share.prod(1) >= 0.4 - 1e-9).all()
    for image, (x, y), (wide, tall), got in zip(images.numpy(), centre, share, made, strict=True):
        # Places from -1 to 1 over the edges of the picture, as rows and columns.
        rows = ((y + tall * ((2 * np.arange(13) + 1) / 13 - 1)) + 1) * 13 / 2 - 0.5
        columns = ((x + wide * ((2 * np.arange(17) + 1) / 17 - 1)) + 1) * 17 / 2 - 0.5
        for plane, channel in zip(image, got, strict=True):
            wanted = ndimage.map_coordinates(plane, np.meshgrid(rows, columns, indexing="ij"), order=1, mode="reflect")
            np.testing.assert_allclose(channel, wanted, atol=2e-5)


def test_a_crop_of_everything_is_the_picture() -> None:
    images = pictures()
    made = warping.warped(images, np.repeat(chances(), 6, 0), Augment(crop=0.9), (13, 17))
    np.testing.assert_allclose(made.numpy(), images.numpy(), atol=1e-5)
    flipped = warping.warped(images, np.repeat(chances(flip=0.1), 6, 0), Augment(flip=True, crop=0.9), (13, 17))
    np.testing.assert_allclose(flipped.numpy(), images.flip(3).numpy(), atol=1e-5)


def test_a_shift_is_the_same_whether_sampled_or_indexed() -> None:
    images, chance = pictures(1), chances(flip=0.1, down=0.99, across=0.01)
    indexed = warping.warped(images, chance, Augment(flip=True, shift=3), (13, 17))
    sampled = warping.warped(images, chance, Augment(flip=True, shift=3, crop=0.9), (13, 17))
    np.testing.assert_allclose(sampled.numpy(), indexed.numpy(), atol=1e-5)


@pytest.mark.parametrize("text", ["none", "flip", "shift=1", "rotation=0.01", "crop=0.9"])
def test_smaller_pictures_are_antialiased(text: str) -> None:
    stripes = torch.zeros(4, 1, 64, 64)
    stripes[..., ::2] = 1
    made = augment(stripes, np.arange(4), how=Augment.parse(text), seed=0, epoch=0, size=(16, 16))
    assert made.shape == (4, 1, 16, 16)
    assert (made[..., 2:-2, 2:-2] - 0.5).abs().max() < 0.1, "stripes of one pixel become grey"


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "enhance"),
    [("bright", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast), ("colour", ImageEnhance.Color)],
)
@pytest.mark.parametrize("draw", [0.1, 0.7])
def test_colours_are_pillows(column: str, enhance: type, draw: float) -> None:
    levels = (np.random.default_rng(1).random((9, 11, 3)) * 120 + 60).astype(np.uint8)
    factor = 1 + (2 * draw - 1) * 0.4
    wanted = np.asarray(enhance(Image.fromarray(levels)).enhance(factor), np.float32)
    planes = torch.from_numpy(levels).permute(2, 0, 1)[None].float()
    got = recoloured(planes, chances(**{column: draw}), 0.4, 255.0)[0].permute(1, 2, 0).numpy()
    assert np.abs(got - wanted).max() <= 1.6, "Pillow rounds in between"


def test_brightness_comes_before_contrast() -> None:
    levels = (np.random.default_rng(1).random((9, 11, 3)) * 80 + 80).astype(np.uint8)
    brighter = ImageEnhance.Brightness(Image.fromarray(levels)).enhance(1.2)
    wanted = np.asarray(ImageEnhance.Color(ImageEnhance.Contrast(brighter).enhance(0.7)).enhance(1.3), np.float32)
    planes = torch.from_numpy(levels).permute(2, 0, 1)[None].float()
    made = recoloured(planes, chances(bright=0.7, contrast=0.2, colour=0.8), 0.5, 255.0)
    assert np.abs(made[0].permute(1, 2, 0).numpy() - wanted).max() <= 3.4, (
        "Pillow cuts off three times, and rounds the mean"
    )


def test_colours_stay_between_black_and_white_and_grey_works() -> None:
    for channels in (1, 3):
        images = pictures(channels=channels)
        made = augment(images, WHICH, how=Augment(colour=1.0), seed=1, epoch=0)
        assert 0 <= float(made.min()) <= float(made.max()) <= 1
        assert not torch.equal(made, images)
    grey = pictures(1, 1).expand(-1, 3, -1, -1)
    np.testing.assert_allclose(recoloured(grey, chances(colour=1.0), 1.0, 1.0).numpy(), grey.numpy(), atol=1e-6)


def test_a_share_of_the_pictures_is_grey_as_pillow_makes_it() -> None:
    chance = draws(np.arange(400), PURPOSES, seed=1, epoch=0)
    pixels = np.random.default_rng(0).integers(0, 256, (400, 5, 7, 3), np.uint8)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    made = greyed(images, chance, 0.3).permute(0, 2, 3, 1).numpy()
    chosen = chance[:, 16] < 0.3
    assert 90 < chosen.sum() < 150
    assert (made[~chosen] == pixels[~chosen]).all()
    for found, pixel in zip(made[chosen], pixels[chosen], strict=True):
        wanted = np.asarray(Image.fromarray(pixel).convert("L"), np.float32)
        np.testing.assert_allclose(found, np.repeat(wanted[..., None], 3, 2), atol=1)
    assert torch.equal(greyed(images[:, :1], chance, 1.0), images[:, :1])


def test_erasing_paints_one_rectangle_in_its_share_of_pictures() -> None:
    images = torch.rand(3000, 1, 10, 12)
    made = erased(images, draws(np.arange(3000), PURPOSES, seed=1, epoch=0), 0.3)
    changed = (made != images)[:, 0].numpy()
    hit = changed.any((1, 2))
    assert abs(hit.mean() - 0.3) < 0.04
    for one, mask in zip(made[hit][:50, 0].numpy(), changed[hit][:50], strict=True):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert mask[np.ix_(rows, columns)].all()
        assert len(rows) == np.ptp(rows) + 1
        assert len(columns) == np.ptp(columns) + 1
        assert np.ptp(one[mask]) == 0
    area = changed[hit].mean((1, 2))
    assert area.max() < 0.42
    assert 0.12 < area.mean() < 0.22
