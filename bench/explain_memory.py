"""How much memory explaining many photos takes: flat, however many they are.

Explains N photos through `catdog` (or --model) with all evidence, draws the picture of each as `convscope explain`
does, and prints resident memory along the way. Claim: after the first 100 photos memory grows by at most 50 MB. Photos
are those of --data, over and over where there are fewer; without it, photos that are made up. `--quick` leaves the
evidence coarse, which changes no memory. Exits 1 when the claim does not hold; with N of 100 or fewer there is nothing
to claim.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from convscope.draw.explained import card
from convscope.draw.png import encode_png
from convscope.explaining import Explainer
from convscope.explaining.folder import Explained
from convscope.explaining.wording import panels_of
from convscope.predicting import find_photos

SETTLED, MOST_MB = 100, 50


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def made_up(count: int) -> Iterator[bytes]:
    """Photos of several sizes as files, each another one."""
    numbers = np.random.default_rng(0)
    sizes = ((375, 500), (500, 375), (333, 500), (300, 300))
    for i in range(count):
        coarse = numbers.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        height, width = sizes[i % len(sizes)]
        file = io.BytesIO()
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
        yield file.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=300)
    parser.add_argument("--data", type=Path, help="a folder of photos")
    parser.add_argument("--model", default="catdog")
    parser.add_argument("--method", default="gradcam")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--every", type=int, default=100)
    wanted = parser.parse_args()
    photos: Iterator[object] = made_up(wanted.n)
    if wanted.data is not None:
        photos = itertools.islice(itertools.cycle(find_photos([str(wanted.data)])), wanted.n)
    explainer = Explainer(wanted.model, method=wanted.method, budget_s=0.0 if wanted.quick else 2.0)
    settled, most, failed, started = 0.0, 0.0, 0, time.perf_counter()
    print(f"{'photos':>8} {'MB':>8} {'most':>8} {'/s':>6}")
    for i, found in enumerate(explainer.over(photos), start=1):
        if isinstance(found, Explained):
            photo = found.photo()
            for panel in panels_of(found.maps):
                encode_png(card(photo, panel, found.placement))
        else:
            failed += 1
        now = resident_mb()
        if i <= SETTLED:
            settled = max(settled, now)
        most = max(most, now)
        if i % wanted.every == 0 or i == wanted.n:
            rate = i / (time.perf_counter() - started)
            print(f"{i:>8,} {now:>8.0f} {most:>8.0f} {rate:>6.2f}", flush=True)
    grown = most - settled
    print(f"{failed} failed; the most after the first {SETTLED} photos is {grown:+.0f} MB above the most among them")
    return int(wanted.n > SETTLED and grown > MOST_MB)


if __name__ == "__main__":
    sys.exit(main())
