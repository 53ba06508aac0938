r"""Text in pictures: one typeface, never wider than its place, nothing that cannot be read.

Pillow brings a scalable typeface that covers basic Latin. A text with other letters is set in a typeface of
the system that has them all, if there is one; else accents are dropped and letters without a likeness are
written as ``\\u5377``, so that two names that differ also look different.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from PIL import Image, ImageDraw, ImageFont

from convscope.draw.theme import Rgb

WIDE_TYPEFACES = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "STHeiti Light.ttc",
    "Arial Unicode.ttf",
    "msyh.ttc",
    "simsun.ttc",
    "DejaVuSans.ttf",
)
LOOKALIKES = str.maketrans({"×": "x", "−": "-", "–": "-", "—": "-", "→": ">", "≥": ">", "≤": "<", "\u00a0": " "})


SHORT = 8
"""Texts of so few letters, numbers for the most part, come again and again; they are drawn once."""


@functools.lru_cache(maxsize=64)
def typeface(size: int, name: str = "") -> ImageFont.FreeTypeFont:
    """Pillow's own typeface, or one of the system, at ``size`` pixels."""
    if name:
        return ImageFont.truetype(name, size, layout_engine=ImageFont.Layout.BASIC)
    own = ImageFont.load_default(size)
    assert isinstance(own, ImageFont.FreeTypeFont)
    # the simple layout is the same on every machine; the other depends on an optional library
    return own.font_variant(layout_engine=ImageFont.Layout.BASIC)


@functools.lru_cache(maxsize=4096)
def _has(name: str, letter: str) -> bool:
    """Whether the typeface has a picture of the letter, other than the box that stands for a missing one."""
    font = typeface(32, name)
    missing, drawn = font.getmask("\uffff"), font.getmask(letter)
    return letter == " " or drawn.size != missing.size or bytes(drawn) != bytes(missing)


@functools.lru_cache(maxsize=1)
def _wide_typefaces() -> tuple[str, ...]:
    found = []
    for name in WIDE_TYPEFACES:
        try:
            typeface(32, name)
        except OSError:
            continue
        found.append(name)
    return tuple(found)


@functools.lru_cache(maxsize=4096)
def legible(text: str) -> tuple[str, str]:
    r"""The text as it can be drawn, and the name of the typeface ("" for Pillow's own).

    >>> legible("conv_1 3×3")
    ('conv_1 3x3', '')
    >>> legible("line\nbreak")[0]
    'line\\u000abreak'
    """
    text = unicodedata.normalize("NFC", text).translate(LOOKALIKES)
    text = "".join(_escape(c) if unicodedata.category(c)[0] in "CZ" and c != " " else c for c in text)
    if all(_has("", letter) for letter in text):
        return text, ""
    for name in _wide_typefaces():
        if all(_has(name, letter) for letter in text):
            return text, name
    return "".join(letter if _has("", letter) else _plain(letter) for letter in text), ""


def _plain(letter: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
    return bare if bare and all(c.isascii() for c in bare) else _escape(letter)


def _escape(letter: str) -> str:
    return f"\\u{ord(letter):04x}"


def pen(image: Image.Image) -> ImageDraw.ImageDraw:
    """What draws on ``image``, with smooth letters also where it has a palette; see ``palette.py``."""
    draw = ImageDraw.Draw(image)
    draw.fontmode = "L"
    return draw


@functools.lru_cache(maxsize=4096)
def text_width(text: str, size: int) -> int:
    """Pixels that the text takes in a row.

    >>> text_width("mmm", 12) > text_width("iii", 12) > 0
    True
    """
    drawn, name = legible(text)
    return int(typeface(size, name).getlength(drawn) + 0.999)


def shorten(text: str, width: int, size: int, *, tail: float = 0.4) -> str:
    """The text, or its beginning and end around an ellipsis if it is wider than ``width`` pixels.

    Names of layers differ at their end more than in the middle, so both ends stay; ``tail`` is the end's
    share.

    >>> shorten("layer1.0.conv1", 500, 12)
    'layer1.0.conv1'
    >>> shorten("features.denseblock3.denselayer24.conv2", 110, 12)
    'features.de….conv2'
    """
    if text_width(text, size) <= width:
        return text
    low, high = 0, len(text)
    while low < high:  # the most letters that fit
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text_width(_keep(text, middle, tail), size) <= width else (low, middle - 1)
    return _keep(text, low, tail) if text_width(_keep(text, low, tail), size) <= width else ""


def _keep(text: str, letters: int, tail: float) -> str:
    after = int(letters * tail)
    return f"{text[: letters - after].rstrip()}…{text[len(text) - after :]}"


def broken(text: str, width: int, size: int, *, lines: int, tail: float = 0.4) -> list[str]:
    """A text in at most so many lines, broken where names and lists may be; what is too wide is shortened.

    >>> broken("layer1.0.downsample.0", 96, 13, lines=2)
    ['layer1.0.', 'downsample.0']
    >>> broken("conv2d 3x3, stride 2", 90, 12, lines=2)
    ['conv2d 3x3,', 'stride 2']
    """
    found = [""]
    for part in re.split(r"(?<=[._:：，、-])|(?<=[,/] )", text):
        fits = text_width((found[-1] + part).rstrip(), size) <= width
        if fits or not found[-1] or len(found) == lines:
            found[-1] += part
        else:
            found.append(part)
    return [shorten(line.strip(), width, size, tail=tail) for line in found]


def paragraph(text: str, width: int, size: int, *, lines: int = 99) -> list[str]:
    """A text of sentences in lines no wider than ``width``, broken between words, and inside one where it must be.

    Of more than ``lines`` lines, the last ends in an ellipsis.

    >>> paragraph("The map is zero everywhere.", 110, 12)
    ['The map is zero', 'everywhere.']
    """
    found = [""]
    for word in re.findall(r"\S+\s*", text):
        if found[-1] and text_width((found[-1] + word).rstrip(), size) > width:
            found.append("")
        found[-1] += word
        while text_width(found[-1].rstrip(), size) > width and len(found[-1].rstrip()) > 1:
            whole = found.pop().rstrip()
            kept = next(n for n in range(len(whole) - 1, 0, -1) if n == 1 or text_width(whole[:n], size) <= width)
            found += [whole[:kept], f"{whole[kept:]} "]
    found = [line.rstrip() for line in found]
    if len(found) > lines:
        found = [*found[: lines - 1], shorten(" ".join(found[lines - 1 :]), width, size, tail=0.0)]
    return found


def wrap(parts: list[str], width: int, size: int, *, joint: str = "  ·  ") -> list[str]:
    """Parts of a sentence in as many lines as they need, each no wider than ``width``.

    >>> wrap(["conv2d 3x3", "16 maps", "7x7"], 130, 12)
    ['conv2d 3x3  ·  16 maps', '7x7']
    """
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}{joint}{part}" if lines else part
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(shorten(part, width, size))
    return lines


def write(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    size: int,
    color: Rgb,
    *,
    width: int | None = None,
    anchor: str = "la",
    strong: bool = False,
    tail: float = 0.4,
) -> int:
    """Draw a text at its left top corner (or at Pillow's ``anchor``), shortened to ``width``.

    Returns its width in pixels.
    """
    if width is not None:
        text = shorten(text, width, size, tail=tail)
    drawn, name = legible(text)
    if len(drawn) <= SHORT and not strong:
        mask, left, top = _mask(drawn, size, name, anchor)
        draw.bitmap((at[0] + left, at[1] + top), mask, fill=color)
    else:
        weight = size / 55 if strong else 0
        draw.text(at, drawn, fill=color, font=typeface(size, name), anchor=anchor, stroke_width=weight)
    return text_width(text, size)


@functools.lru_cache(maxsize=2048)
def _mask(drawn: str, size: int, name: str, anchor: str) -> tuple[Image.Image, int, int]:
    """The letters' darkness, and where its left top corner lies from the anchor."""
    font = typeface(size, name)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(drawn, anchor=anchor))
    mask = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(mask).text((1 - left, 1 - top), drawn, fill=255, font=font, anchor=anchor)
    return mask, left - 1, top - 1
