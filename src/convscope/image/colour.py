"""From any of Pillow's modes to opaque 8-bit sRGB."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Num, UInt8
from PIL import Image

from convscope.errors import ImageError
from convscope.image.picture import printable

_GREY_MODES = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"}
_SPACE_OF_MODE = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}
# Profiles that move no colour by more than this many levels are sRGB by another name.
_SAME_COLOUR = 2
_SIXTEEN_NOTE = "16-bit levels reduced to 8"


def to_rgb(
    image: Image.Image, sixteen_bit: bool, profile: bytes | None, notes: list[str], name: str
) -> tuple[Image.Image, bool]:
    """The loaded ``image`` as mode RGB, transparent parts over white, and whether it was stored grey.

    Args:
        image: loaded, of any mode; not altered.
        sixteen_bit: whether its file had 16 bits a colour.
        profile: its ICC profile.
        notes: what was done is appended here.
        name: printable name for messages.
    """
    grey = image.mode in _GREY_MODES
    if sixteen_bit and image.mode not in _GREY_MODES:
        notes.append(_SIXTEEN_NOTE)
    base, alpha = _split_alpha(image, notes, name)
    flat = _through_profile(base, profile, notes)
    if flat.mode != "RGB":
        flat = flat.convert("RGB")
    if alpha is not None and np.asarray(alpha).min() < 255:
        paper = Image.new("RGB", flat.size, "white")
        paper.paste(flat, mask=alpha)
        flat = paper
        notes.append("transparent parts laid over white")
    return flat, grey or (image.mode in {"P", "PA"} and _has_no_colours(flat))


def _has_no_colours(image: Image.Image) -> bool:
    pixels = np.asarray(image)
    return bool((pixels[..., :1] == pixels[..., 1:]).all())


def _split_alpha(image: Image.Image, notes: list[str], name: str) -> tuple[Image.Image, Image.Image | None]:
    """The colours as L, RGB or CMYK, and the opacity as L."""
    mode = image.mode
    if mode in {"I", "F"} or mode.startswith("I;16"):
        return _deep_levels(image, notes, name)
    if mode == "CMYK":
        notes.append("CMYK converted")
        return image, None
    if mode == "LAB":
        notes.append("LAB converted")
        return _lab_to_rgb(image), None
    if mode in {"La", "RGBa"}:
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[mode])
    if image.has_transparency_data:
        full = image if image.mode in {"LA", "RGBA"} else image.convert("RGBA")
        base = full.convert("L" if mode in _GREY_MODES else "RGB")
        return base, full.getchannel("A")
    return (image if mode == "L" else image.convert("L" if mode in _GREY_MODES else "RGB")), None


def _deep_levels(image: Image.Image, notes: list[str], name: str) -> tuple[Image.Image, Image.Image | None]:
    values = np.asarray(image)
    if image.mode == "I":
        levels = integers_to_levels(values, notes, sixteen_bit=image.format == "PPM")
    elif image.mode == "F":
        levels = floats_to_levels(values, notes, name)
    else:
        notes.append(_SIXTEEN_NOTE)
        levels = reduce_sixteen(values.astype(np.uint16))
    hidden = image.info.get("transparency")
    alpha = Image.fromarray(np.where(values == hidden, 0, 255).astype(np.uint8)) if isinstance(hidden, int) else None
    return Image.fromarray(levels), alpha


def reduce_sixteen(values: Num[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Levels 0..65535 as 0..255: ``round(v / 257)``, so that both ends stay ends.

    >>> reduce_sixteen(np.array([0, 128, 129, 65535], np.uint16)).tolist()
    [0, 0, 1, 255]
    """
    # No v / 257 falls on a half, so that rounding is adding half the divisor.
    return _in_bands(values, lambda band: (band.astype(np.uint32) + 128) // 257)


def shares_to_levels(values: Num[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Shares of white 0..1 as levels: ``round(255 v)``."""
    return _in_bands(values, lambda band: np.rint(band.astype(np.float32) * 255))


def _in_bands(values: np.ndarray, convert: Callable[[np.ndarray], np.ndarray]) -> UInt8[np.ndarray, "..."]:
    """``convert`` on a hundred rows at a time: the steps between need no memory for a whole picture."""
    levels = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), 100):
        levels[top : top + 100] = convert(values[top : top + 100])
    return levels


def integers_to_levels(
    values: Num[np.ndarray, "*shape"], notes: list[str], *, sixteen_bit: bool = False
) -> UInt8[np.ndarray, "*shape"]:
    """32-bit integers as levels: 0..255 as they are, 0..65535 as 16-bit, else their range stretched."""
    low, high = int(values.min()), int(values.max())
    if low >= 0 and high <= 255 and not sixteen_bit:
        return values.astype(np.uint8)
    if low >= 0 and high <= 65535:
        notes.append(_SIXTEEN_NOTE)
        return reduce_sixteen(values)
    return _stretch(values, float(low), float(high), notes)


def floats_to_levels(values: Num[np.ndarray, "*shape"], notes: list[str], name: str) -> UInt8[np.ndarray, "*shape"]:
    """Floats as levels: 0..1 as shares of white, 0..255 as levels, else their range stretched."""
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise ImageError(f"'{name}' holds values that are no numbers (NaN or infinite); replace them first")
    if low >= 0 and high <= 1:
        return shares_to_levels(values)
    if low >= 0 and high <= 255:
        notes.append(f"float levels {low:.4g}..{high:.4g} rounded to 0..255")
        return _in_bands(values, np.rint)
    return _stretch(values, low, high, notes)


def _stretch(
    values: Num[np.ndarray, "*shape"], low: float, high: float, notes: list[str]
) -> UInt8[np.ndarray, "*shape"]:
    notes.append(f"levels {low:.6g}..{high:.6g} stretched to 0..255")
    if low == high:
        return np.zeros(values.shape, np.uint8)
    # float64, as the span of float32's extremes is no float32.
    return _in_bands(values, lambda band: np.rint((band.astype(np.float64) - low) / (high - low) * 255))


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return _made(ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB"))


def _through_profile(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """``image`` in sRGB if its ICC profile is whole, for its mode, and not sRGB already."""
    if not profile:
        return image
    try:
        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _SPACE_OF_MODE.get(image.mode):
            return image
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            image.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        changed = _apply(transform, image)
    except Exception:  # noqa: BLE001 - a parser of other people's bytes; a broken profile is no reason to fail
        notes.append("its damaged colour profile was left out")
        return image
    if changed is not image:
        described = printable((source.profile.profile_description or "unnamed").strip(), 60)
        notes.append(f"colours converted from its profile '{described}' to sRGB")
    return changed


def _apply(transform: Any, image: Image.Image) -> Image.Image:
    if image.mode == "L":
        # Through a table of its 256 levels: a grey picture stays exactly grey.
        ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
        levels = np.asarray(_made(transform.apply(ramp)))[0, :, 1]
        return image if _same(levels, np.arange(256)) else image.point(levels.tolist())
    if image.mode == "RGB":
        steps = np.linspace(0, 255, 9).astype(np.uint8)
        cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
        if _same(np.asarray(_made(transform.apply(Image.fromarray(cube)))), cube):
            return image
    return _made(transform.apply(image))


def _same(one: Num[np.ndarray, "..."], other: Num[np.ndarray, "..."]) -> bool:
    return bool(np.abs(one.astype(int) - other.astype(int)).max() <= _SAME_COLOUR)


def _made(image: Image.Image | None) -> Image.Image:
    assert image is not None
    return image
