"""How often a network is right where it says how sure it is, before and after calibration, as one picture."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, Real
from PIL import Image

from convscope.draw.chart import COLORS, Line, chart
from convscope.train.calibrate import Calibration, calibrated, reliability

FEWEST = 5
"""Photos that a bin needs to be drawn: the share of fewer says nothing."""


def reliability_picture(
    logits: Real[np.ndarray, "n k"],
    labels: Int64[np.ndarray, " n"],
    calibration: Calibration,
    *,
    dark: bool = False,
) -> Image.Image:
    """A reliability diagram: the share that is right over the confidence, in 15 bins (Guo et al. 2017).

    A line below the diagonal is a network that is too sure. Bins of fewer than five photos are left out.

    Args:
        logits: scores before the softmax or sigmoid, one row a photo.
        labels: the right classes.
        calibration: what :func:`convscope.train.calibrate.fit_temperature` found on them.
        dark: for a dark page.

    >>> from convscope.train.calibrate import fit_temperature
    >>> logits, labels = np.array([[8.0, 0.0]] * 10), np.array([0] * 7 + [1] * 3)
    >>> reliability_picture(logits, labels, fit_temperature(logits, labels)).size
    (560, 480)
    """
    lines = [Line("as sure as right", [(0, 0.0), (100, 1.0)], COLORS[5], dashed=True)]
    for name, temperature, error, color in (
        ("as trained", 1.0, calibration.error_before, COLORS[1]),
        ("calibrated", calibration.temperature, calibration.error_after, COLORS[0]),
    ):
        found = reliability(calibrated(logits, temperature), labels)
        drawn = found.count >= FEWEST
        points = zip(100 * found.confidence[drawn], found.accuracy[drawn], strict=True)
        lines.append(Line(f"{name}, error {error:.1%}", [(float(x), float(y)) for x, y in points], color))
    title = f"how often it is right, on {calibration.samples:,} photos"
    x_label = f"how sure it is, in % (temperature {calibration.temperature:.3g})"
    return chart(lines, title=title, x_label=x_label, size=(560, 480), percent=True, from_zero=True, dark=dark)
