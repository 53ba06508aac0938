"""Colour tables that are even to the eye: equal steps of value look like equal steps of colour.

``viridis`` and ``magma`` are those of Stéfan van der Walt and Nathaniel Smith (2015), whose data is in
the public domain (CC0, https://github.com/BIDS/colormap); every fifth of their 256 colours is kept here and
the rest interpolated. The signed tables are made here: straight lines in OKLab (Björn Ottosson 2020,
https://bottosson.github.io/posts/oklab/) from a neutral middle to a blue and a red end of equal lightness.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, UInt8

from convscope.errors import CallError

MIDDLE = 128
"""Index of the colour of zero in a signed table, whose colours run from 1 to 255."""

SEQUENTIAL = {
    "viridis": (
        "44015446085c471063481769481d6f482475472a7a46307e453781433d844142873f48893d4e8a3a538b38598c355e8d"
        "33638d31688e2e6d8e2c718e2a768e297b8e27808e25848e23898e218e8d20928c1f978b1e9c891fa18821a58524aa83"
        "28ae802eb37c35b7793dbc7446c06f50c46a5ac86465cb5e70cf577cd25089d54895d840a2da37b0dd2fbddf26cae11f"
        "d8e219e5e419f1e51dfde725"
    ),
    "magma": (
        "00000402020b0504160907200e0b2b140e361a104221114e29115a311165390f6e420f754a107952137c5a167e621980"
        "6a1c81721f81792282812581892881912b81992d80a1307eaa337db2357bba3878c23b75ca3e72d2426fd9466be04c67"
        "e75263ec5860f1605df4695cf7725cf97b5dfb8560fc8e64fd9869fea16efeaa74feb47bfebd82fec68afecf92fed89a"
        "fde2a3fdebacfcf4b6fcfdbf"
    ),
    "grey": "000000ffffff",
}

SIGNED = {
    # blue end, blue, middle, red, red end; lightness falls away from a middle a shade off the white page
    "signed": ("0b3a78", "4a90c9", "eff0f2", "d9694f", "7d0f22"),
    # lightness rises away from a middle that is nearly the dark page itself, so that zero sinks into it
    "signed_dark": ("a9dcff", "2f7fc4", "1a1d22", "cc5238", "ffc3a1"),
}

NAMES = (*SEQUENTIAL, *SIGNED)


@functools.cache
def colormap(name: str) -> UInt8[np.ndarray, "256 3"]:
    """The table of a colour map: row i is the RGB colour of level i; read-only.

    Args:
        name: ``viridis``, ``magma``, ``grey`` (lightness rises from first to last), or, for signed values,
            ``signed`` (blue, near-white zero, red) and ``signed_dark`` (zero is nearly black). The signed
            ones are symmetric about row 128, the colour of zero; row 0 repeats row 1.

    Raises:
        CallError: there is no such colour map.

    >>> colormap("viridis")[[0, 255]].tolist()
    [[68, 1, 84], [253, 231, 37]]
    >>> colormap("signed")[MIDDLE].tolist()
    [239, 240, 242]
    """
    if name in SEQUENTIAL:
        table = _between(_points(SEQUENTIAL[name]))
    elif name in SIGNED:
        table = _diverging(SIGNED[name])
    else:
        raise CallError(f"there is no colour map {name!r}; use one of {', '.join(NAMES)}")
    table.flags.writeable = False
    return table


def is_signed(name: str) -> bool:
    """Whether the table keeps zero in its middle.

    >>> is_signed("signed_dark"), is_signed("magma")
    (True, False)
    """
    return name in SIGNED


def choose(colors: str, *, low: float, scale: str, dark: bool) -> str:
    """The table that ``auto`` stands for: grey for ``byte``, signed if any value is negative, else viridis.

    >>> choose("auto", low=-0.1, scale="each", dark=False)
    'signed'
    """
    if colors != "auto":
        colormap(colors)
        if scale == "byte" and is_signed(colors):
            raise CallError(
                f"scale='byte' does not keep zero in the middle, but colors={colors!r} needs that;"
                " use scale='each' or 'shared'"
            )
        return colors
    if scale == "byte":
        return "grey"
    if low < 0:
        return "signed_dark" if dark else "signed"
    return "viridis"


def lightness(rgb: UInt8[np.ndarray, "... 3"]) -> Float64[np.ndarray, "..."]:
    """Perceived lightness L of OKLab, 0 (black) to 1 (white).

    >>> lightness(np.array([[0, 0, 0], [255, 255, 255]], np.uint8)).round(3).tolist()
    [0.0, 1.0]
    """
    found: Float64[np.ndarray, "..."] = _oklab(rgb)[..., 0]
    return found


def _points(digits: str) -> UInt8[np.ndarray, "n 3"]:
    points: UInt8[np.ndarray, "n 3"] = np.frombuffer(bytes.fromhex(digits), np.uint8).reshape(-1, 3)
    return points


def _between(points: UInt8[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "256 3"]:
    at = np.linspace(0, 255, len(points))
    columns = [np.interp(np.arange(256), at, points[:, i].astype(float)) for i in range(3)]
    table: UInt8[np.ndarray, "256 3"] = np.rint(np.stack(columns, axis=1)).astype(np.uint8)
    return table


def _diverging(names: Sequence[str]) -> UInt8[np.ndarray, "256 3"]:
    points = _oklab(_points("".join(names)))
    # both ends, and both half-way points, get the same lightness: equal size must look equally strong
    for left, right in ((0, 4), (1, 3)):
        points[[left, right], 0] = (points[left, 0] + points[right, 0]) / 2
    # half-way in lightness, so that lightness is a straight line on each side
    points[[1, 3], 0] = (points[0, 0] + points[2, 0]) / 2
    at = np.array([1, 64.5, 128, 191.5, 255])
    lab = np.stack([np.interp(np.arange(256), at, points[:, i]) for i in range(3)], axis=1)
    return _srgb(lab)


_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def _oklab(rgb: UInt8[np.ndarray, "... 3"]) -> Float64[np.ndarray, "... 3"]:
    part = rgb.astype(np.float64) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    lab: Float64[np.ndarray, "... 3"] = np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T
    return lab


def _srgb(lab: Float64[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
    linear = (lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T
    linear = np.clip(linear, 0, 1)
    part = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    table: UInt8[np.ndarray, "n 3"] = np.rint(part * 255).astype(np.uint8)
    return table
