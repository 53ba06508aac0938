"""Whether explanations point at the animal: pointing game and energy, on the pets with their outlines.

    python bench/explain_quality.py                          # fast methods, both networks, 2.5 minutes each
    python bench/explain_quality.py --thorough --slow 24     # and the slow ones, on 24 photos
    python bench/explain_quality.py --network catdog --methods gradcam,layercam --minutes 10

*Pointing game* (Zhang et al. 2016, https://arxiv.org/abs/1608.00507): the part of the photos in which the largest value
of the map lies in the animal. *Energy* (Wang et al. 2020, https://arxiv.org/abs/1910.01279): the part of the positive
values of a map that lies in the animal. The border of the outline, which the set itself leaves undecided, counts as
neither: a peak there is no hit and no miss.

Beside the methods stand maps that know nothing of the network: noise, edges, and the middle of the photo. The last is a
strong one, because photographers put the animal there. So each photo is also *framed anew*: its four corners,
60 % of its height and width each, as far as they show at least 30 % of the animal. And where the set marks the
*head*, the peak must be in its box.

The class that is explained is the animal's true species, also where the network takes it for the other one: `cat` or
`dog` for catdog, the likeliest breed of that species for EfficientNet-Lite0. Intervals are 95 % ones, from 1,000
resamplings of the photos. Photos come in a random but fixed order, so that a part of them is a fair sample. Exits 1
when the best method does not beat the middle by 10 points on catdog, framed anew.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent))
from efficientnet_lite0 import CATS, DOGS, PACKAGE, efficientnet_lite0

from convscope.adapters import Options, connect
from convscope.explaining.checks import shown_part
from convscope.explaining.controls import centre_map, edge_map, random_map
from convscope.explaining.opened import Opened, open_for_explaining
from convscope.explaining.run import run_methods
from convscope.explaining.targets import Target
from convscope.record import prepare

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
FAST = ("cam", "gradcam", "gradcam++", "hirescam", "layercam", "eigencam", "gradient", "inputxgradient", "guided")
SLOW = ("smoothgrad", "integrated", "scorecam", "occlusion", "rise")
BASELINES = ("centre", "edges", "random")
FRAME, SEEN = 0.6, 0.3
ANIMAL, BACKGROUND, BORDER = 1, 2, 3
NEEDED = 0.10
BATCH = 16
GAMES = ("whole", "anew", "head", "energy")


@dataclass(frozen=True, eq=False)
class View:
    """A photo, or a corner of it.

    Attributes:
        photo: which one.
        species: cat or dog.
        pixels: what is seen.
        outline: animal, background or border, of each of its pixels.
        head: left, top, right, bottom; None where it is not marked, or in a corner.
        whole: False for a corner.
    """

    photo: int
    species: str
    pixels: np.ndarray
    outline: np.ndarray
    head: tuple[float, ...] | None
    whole: bool


def views(data: Path, limit: int | None, *, corners: bool) -> Iterator[View]:
    """All photos, or so many of them, each followed by its corners."""
    with (data / "pets" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number in np.random.default_rng(0).permutation(len(rows))[:limit]:
        row = rows[number]
        name = Path(row["file"])
        with Image.open(data / "pets" / "images" / name) as image:
            pixels = np.asarray(image.convert("RGB"))
        with Image.open(data / "pets" / "trimaps" / f"{name.stem}.png") as image:
            outline = np.asarray(image)
        box = row["head_boxes_xyxy"].split()
        yield View(
            int(number), row["species"], pixels, outline, tuple(map(float, box[:4])) if box else None, whole=True
        )
        if not corners:
            continue
        height, width = outline.shape
        tall, wide = int(height * FRAME), int(width * FRAME)
        for top in (0, height - tall):
            for left in (0, width - wide):
                part = (slice(top, top + tall), slice(left, left + wide))
                if (outline[part] == ANIMAL).sum() >= SEEN * (outline == ANIMAL).sum():
                    yield View(int(number), row["species"], pixels[part], outline[part], None, whole=False)


@dataclass(frozen=True, eq=False)
class Ready:
    """A view as the network is given it, and where the animal lies there.

    Attributes:
        x: the input.
        inside: which of its pixels show the photo.
        rows, columns: the photo's pixel behind each row and column.
    """

    view: View
    x: np.ndarray
    inside: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    @property
    def outline(self) -> np.ndarray:
        return np.where(self.inside, self.view.outline[np.ix_(self.rows, self.columns)], BACKGROUND)


def ready(view: View, opened: Opened) -> Ready:
    prepared = prepare(view.pixels, opened.network.preprocessing)
    shape, placement, shown = prepared.value.shape[1:], prepared.placement, prepared.picture.shape[:2]
    places = []
    for axis, (first, size) in enumerate(((placement.top, placement.height), (placement.left, placement.width))):
        at = (first + (np.arange(shape[axis]) + 0.5) * size / shape[axis]) / shown[axis]
        places.append(np.clip((at * view.outline.shape[axis]).astype(int), 0, view.outline.shape[axis] - 1))
    return Ready(view, prepared.value, shown_part(placement, shown, shape), *places)


def scored(one: Ready, value: np.ndarray) -> dict[str, float]:
    """What a map gets in each game that this view takes part in."""
    outline = one.outline
    peak = np.unravel_index(int(np.argmax(value)), value.shape)
    found = {}
    if outline[peak] != BORDER:
        found["whole" if one.view.whole else "anew"] = float(outline[peak] == ANIMAL)
    if one.view.head is not None:
        left, top, right, bottom = one.view.head
        row, column = one.rows[peak[0]], one.columns[peak[1]]
        found["head"] = float(one.inside[peak] and top <= row <= bottom and left <= column <= right)
    if one.view.whole:
        energy = np.maximum(value, 0) * one.inside
        counted = energy[outline != BORDER].sum()
        found["energy"] = float(energy[outline == ANIMAL].sum() / counted) if counted > 0 else 0.0
    return found


def targets_of(opened: Opened, batch: Sequence[Ready]) -> list[Target]:
    """The true species: by its name, or its likeliest class of ImageNet."""
    import torch

    if "cat" in opened.network.labels:
        return [Target(one.view.species, opened.network.labels.index(one.view.species)) for one in batch]
    scores = opened.scores(torch.from_numpy(np.stack([one.x for one in batch]))).numpy()
    kinds = {"cat": CATS, "dog": DOGS}
    best = [max(kinds[one.view.species], key=row.__getitem__) for one, row in zip(batch, scores, strict=True)]
    return [Target(str(index), index) for index in best]


Scores = dict[str, dict[str, dict[int, list[float]]]]


def measure(opened: Opened, source: Iterator[View], methods: Sequence[str], minutes: float) -> Scores:
    """By method and game, the scores of each photo, as many as there is time for."""
    until = time.perf_counter() + 60 * minutes
    found: Scores = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    generator = np.random.default_rng(0)

    def note(method: str, one: Ready, value: np.ndarray) -> None:
        for game, score in scored(one, value).items():
            found[method][game][one.view.photo].append(score)

    made = (ready(view, opened) for view in source)
    while time.perf_counter() < until and (batch := list(islice(made, BATCH))):
        grid = (14, 14)
        for one in batch:
            shape = one.x.shape[1:]
            note("centre", one, np.where(one.inside, centre_map(one.inside), 0))
            note("edges", one, edge_map(one.x, one.inside, grid))
            note("random", one, np.where(one.inside, random_map(shape, grid, generator), -9))
        rows = run_methods(opened, np.stack([one.x for one in batch]), targets_of(opened, batch), list(methods))
        for one, maps in zip(batch, rows, strict=True):
            for raw in maps:
                note(raw.method, one, raw.value)
    return found


def interval(by_photo: dict[int, list[float]]) -> tuple[float, float, float]:
    """The mean over all views, and where it lies in 95 % of 1,000 resamplings of the photos."""
    sums = np.array([sum(values) for values in by_photo.values()])
    amounts = np.array([len(values) for values in by_photo.values()])
    drawn = np.random.default_rng(0).integers(0, len(sums), (1000, len(sums)))
    means = sums[drawn].sum(1) / amounts[drawn].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(sums.sum() / amounts.sum()), float(low), float(high)


def table(found: Scores, title: str) -> None:
    """Markdown, best method first, what knows nothing of the network at the end."""
    games = [game for game in GAMES if any(game in each for each in found.values())]
    counts = {game: len(set().union(*(each[game] for each in found.values()))) for game in games}
    heads = {"whole": "whole photos", "anew": "framed anew", "head": "head", "energy": "energy"}
    written = [f"{heads[game]} ({counts[game]} photos)" for game in games]
    order = [method for method in found if method not in BASELINES]
    key = "anew" if "anew" in games else "whole"
    order.sort(key=lambda method: -interval(found[method][key])[0])
    print(f"\n**{title}**\n\n| map | {' | '.join(written)} |\n| --- |{' ---: |' * len(games)}")
    for method in (*order, *BASELINES):
        cells = []
        for game in games:
            mean, low, high = interval(found[method][game])
            cells.append(f"{100 * mean:.1f} ({100 * low:.0f} to {100 * high:.0f})")
        name = f"*{method}*" if method in BASELINES else method
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of photos")
    parser.add_argument("--network", default="catdog,efficientnet-lite0", help="which ones")
    parser.add_argument("--methods", default=",".join(FAST), help="fast methods, on all photos")
    parser.add_argument("--limit", type=int, help="so many photos")
    parser.add_argument(
        "--minutes", type=float, default=2.5, help="for each network; photos that do not fit are left out"
    )
    parser.add_argument("--thorough", action="store_true", help=f"the slow methods too: {', '.join(SLOW)}")
    parser.add_argument("--slow", type=int, default=24, help="how many photos for these")
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"the folder of photos is missing: {options.data}")
    failed = False
    for name in options.network.split(","):
        if name == "efficientnet-lite0":
            network = efficientnet_lite0()
            if network is None:
                print(f"\nEfficientNet-Lite0 is left out: the package {PACKAGE} is not installed")
                continue
        else:
            network = connect(name, lambda asked: (asked.channels, *(asked.size or (224, 224))), Options())
        opened, started = open_for_explaining(network), time.perf_counter()
        found = measure(
            opened, views(options.data, options.limit, corners=True), options.methods.split(","), options.minutes
        )
        table(found, f"{network.title}, {time.perf_counter() - started:.0f} s")
        best = max(interval(each["anew"])[0] for method, each in found.items() if method not in BASELINES)
        lead = best - interval(found["centre"]["anew"])[0]
        print(f"\nThe best method is {100 * lead:+.1f} points from the middle of the photo, framed anew.", flush=True)
        failed |= name == "catdog" and lead < NEEDED
        if options.thorough:
            started = time.perf_counter()
            some = measure(opened, views(options.data, options.slow, corners=False), [*SLOW, "gradcam"], 1e9)
            table(some, f"{network.title}, slow methods, {time.perf_counter() - started:.0f} s")
    sys.exit(failed)


if __name__ == "__main__":
    main()
