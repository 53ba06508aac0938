"""One photo, altered in the order of many maps, and what a network says of all that.

Everything that the network must be asked goes through it in full batches, whichever map it is for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from convscope.errors import CallError
from convscope.explaining import curves, road
from convscope.explaining.controls import centre_map, edge_map, random_map
from convscope.explaining.verdict import Scores

Answer = Callable[[np.ndarray], np.ndarray]
"""What the network says of the target, 0..1, for each picture of a batch ``(N, C, H, W)`` float32."""

Watch = Callable[[int, int | None, str], None]
"""Is told how many passes are done, how many there will be, and what they are for; may raise, which stops the work."""

Grid = tuple[int, int]


@dataclass(frozen=True)
class Fineness:
    """How finely is measured.

    Attributes:
        steps: of the insertion and deletion curves.
        shares: of the pixels that ROAD removes.
        draws: random maps that are averaged for the control.
    """

    steps: int
    shares: tuple[float, ...]
    draws: int

    def pictures(self, maps: int, grids: int) -> int:
        """How many altered photos so many maps need, with their controls on so many grids.

        >>> Fineness(steps=8, shares=(0.5,), draws=1).pictures(maps=1, grids=1)
        64
        """
        orders = maps + grids * (self.draws + 1) + 1
        return orders * (2 * (self.steps - 1) + 2 * len(self.shares))


COARSE = Fineness(8, (0.25, 0.6), 1)
USUAL = Fineness(16, (0.2, 0.4, 0.7), 2)
THOROUGH = Fineness(32, tuple(k / 10 for k in range(1, 10)), 8)
BATCH, BATCH_PIXELS = 32, 32 * 256 * 256


@dataclass(frozen=True, eq=False)
class Measured:
    """The answers along one order (or their means along several).

    Attributes:
        deletion: on the photo, then with more and more of it deleted.
        insertion: on the blurred photo, then with more and more of it back.
        most: with the most relevant pixels removed as ROAD does, by share.
        least: the same with the least relevant.
        shares: of the pixels that ROAD removed.
    """

    deletion: Float64[np.ndarray, " n"]
    insertion: Float64[np.ndarray, " n"]
    most: Float64[np.ndarray, " s"]
    least: Float64[np.ndarray, " s"]
    shares: tuple[float, ...]

    @property
    def answers(self) -> Float64[np.ndarray, " k"]:
        """All of them."""
        return np.concatenate([self.deletion, self.insertion, self.most, self.least])

    @property
    def scores(self) -> Scores:
        """The three numbers that are compared."""
        return Scores(curves.area(self.insertion), curves.area(self.deletion), float((self.least - self.most).mean()))

    def described(self) -> dict[str, Any]:
        """As evidence has it, JSON values only."""
        scores = self.scores
        return {
            "insertion": {"auc": short(scores.insertion), "curve": _list(self.insertion)},
            "deletion": {"auc": short(scores.deletion), "curve": _list(self.deletion)},
            "road": {
                "score": short(scores.road),
                "percentiles": [round(100 * share, 1) for share in self.shares],
                "most": _list(self.most),
                "least": _list(self.least),
            },
        }

    @staticmethod
    def mean(several: Sequence[Measured]) -> Measured:
        """Of random maps."""
        return Measured(
            np.mean([one.deletion for one in several], axis=0),
            np.mean([one.insertion for one in several], axis=0),
            np.mean([one.most for one in several], axis=0),
            np.mean([one.least for one in several], axis=0),
            several[0].shares,
        )


class Measuring:
    """Asks a network about one photo in all its alterations.

    Args:
        answer: what the network says of the target.
        x: the input.
        inside: which pixels show the photo.
        baseline: what deleted pixels become; None for the photo's mean colour.
        seed: of random maps, noise, and what decides between equal values.
        watch: told after every batch.

    Attributes:
        passes: pictures that the network was asked about.
        whole: its answer to the photo as it is.
    """

    def __init__(
        self,
        answer: Answer,
        x: Float32[np.ndarray, "c h w"],
        inside: Bool[np.ndarray, "h w"],
        baseline: Float32[np.ndarray, "c h w"] | None,
        seed: int,
        watch: Watch | None,
    ) -> None:
        self._answer, self._x, self._inside, self._seed, self._watch = answer, x, inside, seed, watch
        blank = curves.mean_colour(x, inside) if baseline is None else np.where(inside, baseline, x)
        self._blank, self._blurred = blank, curves.blurred(x, inside)
        self._shape = (x.shape[1], x.shape[2])
        self._ties = random_map(self._shape, usual_grid(self._shape), self._generator(0))
        self._noise = self._generator(1).standard_normal(x.shape).astype(np.float32)
        self.passes = 0
        self.whole = self._empty = self._dim = float("nan")

    def begin(self) -> float:
        """Ask about the photo as it is, blank and blurred; returns how many seconds a pass takes.

        It is asked twice, because a network's first pass is often slow for reasons of its own.
        """
        ends = [self._x, self._blank, self._blurred]
        self._ask(ends, None)
        started = time.perf_counter()
        self.whole, self._empty, self._dim = (float(value) for value in self._ask(ends, None))
        return (time.perf_counter() - started) / len(ends)

    def imputing(self) -> float:
        """How many seconds it takes to fill in one photo for ROAD."""
        hole = road.removed(curves.ranks(self._ties, self._inside, self._ties), self._inside, 0.5, most=True)
        started = time.perf_counter()
        road.impute(self._x, hole[None], self._inside)
        return time.perf_counter() - started

    def run(
        self, maps: Mapping[str, Float[np.ndarray, "h w"]], grids: Sequence[Grid], fineness: Fineness
    ) -> tuple[dict[str, Measured], dict[Grid, dict[str, Measured]]]:
        """What comes of each map, and of the controls for each grid."""
        orders: list[Float[np.ndarray, "h w"]] = [*maps.values()]
        for rows, columns in grids:
            orders += [
                random_map(self._shape, (rows, columns), self._generator(2, rows, columns, draw))
                for draw in range(fineness.draws)
            ]
            orders.append(edge_map(self._x, self._inside, (rows, columns)))
        orders.append(centre_map(self._inside))
        pictures = chain.from_iterable(self._altered(order, fineness) for order in orders)
        total = self.passes + fineness.pictures(len(maps), len(grids))
        answers = self._ask(pictures, total).reshape(len(orders), -1)
        found = iter([self._measured(row, fineness) for row in answers])
        own = {name: next(found) for name in maps}
        controls: dict[Grid, dict[str, Measured]] = {}
        for grid in grids:
            drawn = [next(found) for _ in range(fineness.draws)]
            controls[grid] = {"random": Measured.mean(drawn), "edges": next(found)}
        centre = next(found)
        return own, {grid: {**one, "centre": centre} for grid, one in controls.items()}

    def _altered(self, value: Float[np.ndarray, "h w"], fineness: Fineness) -> Iterator[Float32[np.ndarray, "c h w"]]:
        """The photos of one order: inner points of deletion, of insertion, then ROAD's most and least relevant."""
        places = curves.ranks(value, self._inside, self._ties)
        counts = curves.counts(self._inside, fineness.steps)
        for count in counts:
            yield curves.altered(self._x, self._blank, places, count)
        for count in counts:
            yield curves.altered(self._blurred, self._x, places, count)
        for most in (True, False):
            holes = np.stack([road.removed(places, self._inside, share, most=most) for share in fineness.shares])
            yield from road.impute(self._x, holes, self._inside, noise=self._noise)

    def _measured(self, row: Float64[np.ndarray, " k"], fineness: Fineness) -> Measured:
        inner, shares = fineness.steps - 1, len(fineness.shares)
        deletion, insertion, most, least = np.split(row, np.cumsum([inner, inner, shares]))
        return Measured(
            np.concatenate([[self.whole], deletion, [self._empty]]),
            np.concatenate([[self._dim], insertion, [self.whole]]),
            most,
            least,
            fineness.shares,
        )

    def _ask(self, pictures: Iterable[Float32[np.ndarray, "c h w"]], total: int | None) -> Float64[np.ndarray, " k"]:
        size = max(1, min(BATCH, BATCH_PIXELS // (self._shape[0] * self._shape[1])))
        source, found = iter(pictures), list[np.ndarray]()
        while batch := list(islice(source, size)):
            answers = np.asarray(self._answer(np.stack(batch)), np.float64)
            if answers.shape != (len(batch),):
                raise CallError(
                    f"the answer to {len(batch)} pictures has the shape {answers.shape}; give one number for each"
                )
            found.append(answers)
            self.passes += len(batch)
            if self._watch is not None:
                self._watch(self.passes, total, "evidence")
        return np.concatenate(found)

    def _generator(self, *key: int) -> np.random.Generator:
        """Random numbers that depend on the seed and on what they are for, and on nothing else."""
        return np.random.default_rng((self._seed, *key))


def usual_grid(shape: tuple[int, int]) -> Grid:
    """Cells of 16 pixels.

    >>> usual_grid((224, 100))
    (14, 6)
    """
    return max(1, shape[0] // 16), max(1, shape[1] // 16)


def short(value: float) -> float | None:
    """To four decimals, as evidence is kept; JSON has no word for what is no number.

    >>> short(1 / 3), short(float("nan"))
    (0.3333, None)
    """
    return round(float(value), 4) if math.isfinite(value) else None


def _list(values: Float64[np.ndarray, " n"]) -> list[float | None]:
    return [short(value) for value in values]
