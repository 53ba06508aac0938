"""What Python makes of many numbers, for paint.test.js: texts, levels, colours. Printed as JSON."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

import numpy as np

from convscope.draw.colors import NAMES, colormap
from convscope.draw.levels import levels, limits

ODD = [
    0.0, -0.0, 0.5, 1.5, 2.5, -0.5, 0.125, 0.375, 2.675, 1.0005, 1e21, 1.5e22, -123456789012345680000.0, 1e-5, 9.9995,
    99995.0, 12345.0, 12355.0, 5e-324, 1.7976931348623157e308, 0.00012345, 0.0625, 1234.5, 12344.5, 0.045, 8.5, 9.5,
    99.5, -0.0004, 1e16, 2**53 + 2.0,
]  # fmt: skip


def numbers() -> list[float]:
    """Ties, extremes, and what feature maps hold."""
    rng = random.Random(1)
    found = list(ODD)
    for _ in range(700):
        found.append(rng.gauss(0, 1) * 10 ** rng.randint(-8, 8))
        found.append(rng.randint(-(10**6), 10**6) / 2 ** rng.randint(0, 12))
        found.append(struct.unpack("<f", struct.pack("<f", rng.gauss(0, 10)))[0])
    return found


def texts(x: float) -> dict[str, Any]:
    """One number in every way."""
    return {
        "x": x,
        "fixed": [format(x, f".{decimals}f") for decimals in range(8)],
        "significant": [format(x, f".{digits}g") for digits in range(1, 9)],
        "signed": format(x, "+.3f"),
    }


def scales() -> list[dict[str, Any]]:
    """Maps with the levels that the package's pictures give them."""
    rng = np.random.default_rng(2)
    found = []
    for signed in (False, True):
        for size in (1e-3, 1.0, 700.0):
            data = np.abs(rng.normal(0, size, (1, 8, 8))).astype(np.float32) if not signed else None
            maps = rng.normal(0, size, (1, 8, 8)).astype(np.float32) if data is None else data
            maps[0, 0, 0] = 0
            at = limits(maps, "each", signed=signed)
            found.append({
                "signed": signed, "low": float(at.low[0]), "high": float(at.high[0]),
                "values": maps.astype(float).reshape(-1).tolist(), "levels": levels(maps, at).reshape(-1).tolist(),
            })  # fmt: skip
    return found


if __name__ == "__main__":
    tables = {name: colormap(name).tolist() for name in NAMES}
    print(json.dumps({"texts": [texts(x) for x in numbers()], "scales": scales(), "tables": tables}))
