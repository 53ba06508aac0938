"""The evidence for the maps of one photo: curves, ROAD, controls, randomisation, verdict.

All maps of a photo share what can be shared: the answers to the photo as it is, blurred and blank, and the controls,
which are measured once for each grid.

How finely is measured does not depend on what is found: it is ``USUAL``, or ``THOROUGH`` when asked for. Where the
usual one would take longer than the budget, judged by how long the first passes took, it is ``COARSE``, which is taken
whatever it costs, because half a curve is no evidence. So two runs give the same numbers, unless one machine or one
moment is too slow for the budget; ``steps`` says which it was. Without a budget they always do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32

from convscope.errors import CallError
from convscope.explaining.controls import CONTROLS
from convscope.explaining.measuring import (
    COARSE,
    THOROUGH,
    USUAL,
    Answer,
    Fineness,
    Grid,
    Measured,
    Measuring,
    Watch,
    short,
    usual_grid,
)
from convscope.explaining.randomised import similarity_of
from convscope.explaining.verdict import Verdict, judge, map_faults, refused
from convscope.traces import Placement

Redrawn = Callable[[str], Sequence[tuple[str, np.ndarray]]]
"""For the name of a map: the same map by networks with new weights, each with what was drawn anew; empty for none."""


def evidence_for(
    answer: Answer,
    x: Float32[np.ndarray, "c h w"],
    maps: Mapping[str, Float[np.ndarray, "_ _"]],
    *,
    baseline: Float32[np.ndarray, "_ _ _"] | None = None,
    grids: Mapping[str, Grid] | None = None,
    inside: Bool[np.ndarray, "_ _"] | None = None,
    thorough: bool = False,
    budget_s: float | None = 2.0,
    seed: int = 0,
    randomised: Redrawn | None = None,
    watch: Watch | None = None,
) -> dict[str, dict[str, Any]]:
    """The evidence for each of the maps of one photo.

    Args:
        answer: what the network says of the target, 0..1, for a batch.
        x: the input.
        maps: by name, of the size of the input; larger means more for the target.
        baseline: what deleted pixels become; None for the photo's mean colour.
        grids: the grid (rows, columns) that each map had before it was drawn out to the size of the input; one that is
            not named is taken to have cells of 16 pixels.
        inside: which pixels show the photo (:func:`shown_part`); the others are never removed. None for all.
        thorough: finer curves, more shares, more random maps, whatever it takes.
        budget_s: seconds for each map, with its part of the controls; None for as long as it takes.
        seed: of the random maps, the noise and what decides between equal values. Same seed, same numbers.
        randomised: maps by networks with re-drawn weights.
        watch: told after every batch of passes.

    Returns:
        by name of map, JSON values only: ``insertion`` and ``deletion`` (``auc``, ``curve``) and ``road`` (``score``,
        ``percentiles``, ``most``, ``least``), all three None for a map with a fault; ``controls`` (the same by name of
        control, empty for a map with a fault); ``randomisation`` (``similarity``, ``layers``) or None; ``verdict``,
        ``trust``, ``reasons`` (sentences) and ``rules`` (the same for programs); ``answer`` (what the network says of
        the photo as it is), ``swing``, ``steps``, ``draws``, ``passes``, ``seconds`` (both of the whole photo) and
        ``thorough``.

    Raises:
        CallError: a map, the baseline or ``inside`` does not fit the input.

    >>> def bright(batch): return batch[:, 0, :4, :4].mean((1, 2)).astype(np.float64)
    >>> x = np.zeros((1, 16, 16), np.float32); x[:, :6] = 1
    >>> right = np.zeros((16, 16), np.float32); right[:4, :4] = 1
    >>> maps = {"right": right, "wrong": -right, "none": 0 * right}
    >>> found = evidence_for(bright, x, maps, grids={"right": (4, 4), "wrong": (4, 4)})
    >>> [found[name]["verdict"] for name in maps]
    ['trust', 'no', 'no']
    """
    started = time.perf_counter()
    where = _checked(x, maps, baseline, inside)
    measuring = Measuring(answer, x, where, baseline, seed, watch)
    faults = {name: map_faults(value) for name, value in maps.items()}
    sound = {name: value for name, value in maps.items() if not faults[name]}
    cells = {name: _grid(name, grids or {}, x) for name in sound}
    each = list(dict.fromkeys(cells.values()))
    fineness = USUAL
    own: dict[str, Measured] = {}
    controls: dict[Grid, dict[str, Measured]] = {}
    if sound:
        fineness = _fineness(measuring, len(sound), len(each), None if thorough else budget_s, thorough=thorough)
        own, controls = measuring.run(sound, each, fineness)
    found: dict[str, dict[str, Any]] = {}
    for name in maps:
        if faults[name]:
            found[name] = _without(refused(faults[name]))
            continue
        redrawn = randomised(name) if randomised is not None else ()
        randomisation = similarity_of(sound[name], redrawn, cells[name]) if redrawn else None
        found[name] = _entry(own[name], controls[cells[name]], randomisation, measuring.whole)
    about = {
        "steps": fineness.steps,
        "draws": fineness.draws,
        "passes": measuring.passes,
        "seconds": round(time.perf_counter() - started, 3),
        "thorough": thorough,
    }
    return {name: entry | about for name, entry in found.items()}


def shown_part(placement: Placement, picture: tuple[int, int], shape: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Which pixels of an input show the photo; the others are bars that were added to fill it.

    Args:
        placement: the rectangle of the picture that the input covers.
        picture: height and width of that picture.
        shape: height and width of the input.

    >>> shown_part(Placement(-2.0, 0.0, 8.0, 8.0), (4, 8), (4, 4)).any(axis=1).tolist()
    [False, True, True, False]
    """
    rows = placement.top + (np.arange(shape[0]) + 0.5) * placement.height / shape[0]
    columns = placement.left + (np.arange(shape[1]) + 0.5) * placement.width / shape[1]
    return np.logical_and.outer((rows > 0) & (rows < picture[0]), (columns > 0) & (columns < picture[1]))


def _fineness(measuring: Measuring, maps: int, grids: int, budget_s: float | None, *, thorough: bool) -> Fineness:
    """The usual one where the budget allows it."""
    seconds = measuring.begin()
    if thorough:
        return THOROUGH
    if budget_s is None:
        return USUAL
    pictures = USUAL.pictures(maps, grids)
    imputed = pictures * len(USUAL.shares) / (USUAL.steps - 1 + len(USUAL.shares))
    expected = pictures * seconds + imputed * measuring.imputing()
    return USUAL if expected <= budget_s * maps else COARSE


def _entry(
    own: Measured, controls: Mapping[str, Measured], randomisation: dict[str, Any] | None, whole: float
) -> dict[str, Any]:
    """All that is said of one sound map."""
    answers = np.concatenate([own.answers, *(controls[name].answers for name in CONTROLS)])
    swing = float(answers.max() - answers.min())
    verdict = judge(
        own.scores,
        {name: controls[name].scores for name in CONTROLS},
        whole=whole,
        swing=swing,
        similarity=None if randomisation is None else randomisation["similarity"],
    )
    return {
        **own.described(),
        "controls": {name: controls[name].described() for name in CONTROLS},
        "randomisation": randomisation,
        **_said(verdict),
        "answer": short(whole),
        "swing": short(swing),
    }


def _without(verdict: Verdict) -> dict[str, Any]:
    """What is said of a map that nothing could be measured of."""
    nothing = dict.fromkeys(("insertion", "deletion", "road"))
    return {**nothing, "controls": {}, "randomisation": None, **_said(verdict), "answer": None, "swing": None}


def _said(verdict: Verdict) -> dict[str, Any]:
    return {
        "verdict": verdict.word,
        "trust": short(verdict.trust),
        "reasons": [reason.sentence for reason in verdict.reasons],
        "rules": [reason.told() for reason in verdict.reasons],
    }


def _grid(name: str, grids: Mapping[str, Grid], x: Float32[np.ndarray, "c h w"]) -> Grid:
    """The grid of a map, no finer than the input."""
    height, width = x.shape[1:]
    rows, columns = grids.get(name, usual_grid((height, width)))
    return min(max(int(rows), 1), height), min(max(int(columns), 1), width)


def _checked(
    x: Float32[np.ndarray, "c h w"],
    maps: Mapping[str, Float[np.ndarray, "_ _"]],
    baseline: Float32[np.ndarray, "_ _ _"] | None,
    inside: Bool[np.ndarray, "_ _"] | None,
) -> Bool[np.ndarray, "h w"]:
    """Which pixels show the photo."""
    for name, value in maps.items():
        if value.shape != x.shape[1:]:
            raise CallError(
                f"the map {name!r} is {_size(value)}, the input {_size(x[0])}; give maps of the size of the input"
            )
    if baseline is not None and baseline.shape != x.shape:
        raise CallError(f"the baseline is {_size(baseline)}, the input {_size(x)}; give one of the input's shape")
    where = np.ones(x.shape[1:], bool) if inside is None else inside
    if where.shape != x.shape[1:]:
        raise CallError(f"inside is {_size(where)}, the input {_size(x[0])}; give one of the input's height and width")
    if where.sum() < 2:
        raise CallError(f"inside names {where.sum()} pixels of the photo; nothing can be removed from fewer than 2")
    return where


def _size(array: np.ndarray) -> str:
    return "x".join(map(str, array.shape))
