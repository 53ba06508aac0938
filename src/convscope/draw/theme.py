"""The colours of everything that is not data: page, ink, lines, warnings; light and dark."""

from __future__ import annotations

from dataclasses import dataclass

Rgb = tuple[int, int, int]

NOT_A_NUMBER: Rgb = (255, 0, 200)
"""Pink: the colour of NaN; no colour table comes near it."""

INFINITE: Rgb = (0, 255, 255)
"""Cyan: the colour of plus and minus infinity; no colour table comes near it."""


@dataclass(frozen=True)
class Theme:
    """Colours of one page.

    Attributes:
        page: the background, also between the maps.
        ink: names and titles. ``quiet``: everything said about them. Both reach WCAG AA on ``page``.
        line: rules, frames and baselines.
        track: the unfilled part of a bar.
        accent: the filled part, and what must be noticed.
        signed: the colour table for signed values whose zero suits the page.
    """

    page: Rgb
    ink: Rgb
    quiet: Rgb
    line: Rgb
    track: Rgb
    accent: Rgb
    signed: str


LIGHT = Theme(
    page=(252, 252, 251),
    ink=(26, 29, 33),
    quiet=(98, 105, 115),
    line=(222, 225, 229),
    track=(231, 234, 238),
    accent=(200, 64, 10),
    signed="signed",
)
DARK = Theme(
    page=(20, 23, 27),
    ink=(236, 238, 241),
    quiet=(150, 158, 169),
    line=(49, 55, 63),
    track=(43, 48, 55),
    accent=(255, 128, 72),
    signed="signed_dark",
)


def theme(dark: bool) -> Theme:
    """The page's colours.

    >>> theme(dark=True).signed
    'signed_dark'
    """
    return DARK if dark else LIGHT
