"""``convscope predict``: the name of every photo, one line each."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from convscope import __version__
from convscope.adapters import Options
from convscope.app.console import name_text, note, print_json, printable, stages, where
from convscope.app.opening import DEFAULT_NET, asked_options
from convscope.errors import CallError, OutputError
from convscope.predicting import Classifier, Failure, Prediction, find_photos

IN_LINES, IN_JSON = 1, 5
"""How many classes are told of a photo where nobody says."""


@dataclass(frozen=True)
class Wish:
    """What was typed after ``predict``."""

    images: Sequence[str]
    model: str | None
    weights: Path | None
    scale: str | None
    size: str | None
    top: int | None
    table: Path | None
    overwrite: bool
    as_json: bool
    fit: str | None = None
    labels: str | None = None
    trust: bool = False

    def options(self) -> Options:
        """How the network is to be opened."""
        return asked_options(self.weights, self.scale, self.size, self.fit, self.labels, trust=self.trust)


def run(wish: Wish) -> None:
    """Do what the command line asked for; see :func:`convscope.app.cli.predict`."""
    if any(not image.strip() for image in wish.images):
        raise CallError("an IMAGE is empty; give a file, a folder or a pattern")
    options = wish.options()
    if wish.table is not None and wish.table.exists() and not wish.overwrite:
        raise OutputError(f"{str(wish.table)!r} exists already; choose another name, or add --overwrite to replace it")
    photos = find_photos(wish.images)
    classifier = Classifier(wish.model or DEFAULT_NET, options)
    top = wish.top or (IN_JSON if wish.as_json else IN_LINES)
    told: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    headed = False
    with stages(quiet=wish.as_json) as progress, _table(wish) as rows:
        progress.stage("looking at photos", total=len(photos))
        for found in classifier.over(photos):
            progress.advance()
            if isinstance(found, Failure):
                failed.append({"file": name_text(found.name), "reason": str(found.error)})
                note(f"convscope: {where(found.name)}{found.error}")
                continue
            rows.add(found)
            if wish.as_json:
                told.append(facts_of(found, classifier, top))
                continue
            if not headed:
                progress.line(f"{printable(classifier.title)}: {described(classifier)}")
                headed = True
            progress.line(line_of(found, classifier, top))
    if wish.as_json:
        print_json(_report(classifier, told, failed))
    else:
        _ended(wish, len(photos), len(failed))
    if failed:
        raise typer.Exit(1)


def described(classifier: Classifier) -> str:
    """What the numbers are, for people."""
    if not classifier.probabilities:
        return "scores as they came out, no probabilities"
    if classifier.calibration is None:
        return "raw probabilities (the network was never calibrated, so they may be too sure)"
    error, samples = classifier.calibration["error"], classifier.calibration["samples"]
    return (
        f"calibrated probabilities (temperature {classifier.temperature:.3g}, error {error:.1%} on {samples:,} photos)"
    )


def line_of(found: Prediction, classifier: Classifier, top: int) -> str:
    """One photo: its name, then the likeliest classes, each with its number."""
    said = (
        f"{printable(score.label)} {_number(score.value, share=bool(classifier.probabilities))}"
        for score in found.scores[:top]
    )
    return "  ".join([printable(name_text(found.name)), *said])


def facts_of(found: Prediction, classifier: Classifier, top: int) -> dict[str, Any]:
    """One photo for programs."""
    return {
        "file": name_text(found.name),
        "label": found.label,
        "probability": _finite(found.value) if classifier.probabilities else None,
        "scores": [
            {"label": score.label, "value": _finite(score.value), "raw": _finite(found.raw[score.index])}
            for score in found.scores[:top]
        ],
    }


def _report(classifier: Classifier, told: list[dict[str, Any]], failed: list[dict[str, str]]) -> dict[str, Any]:
    calibration = classifier.calibration or {}
    return {
        "convscope": __version__,
        "model": classifier.title,
        "probabilities": bool(classifier.probabilities),
        "calibrated": bool(calibration),
        "temperature": calibration.get("temperature"),
        "error": calibration.get("error"),
        "samples": calibration.get("samples"),
        "predictions": told,
        "failed": failed,
    }


def _ended(wish: Wish, count: int, failed: int) -> None:
    if failed:
        note(f"convscope: {failed} of {count} photo{'s' * (count != 1)} got no name")
    if wish.table is not None:
        print(printable(str(wish.table)))


class _Rows:
    """A table of predictions, as it is written."""

    def __init__(self, file: io.TextIOBase | None) -> None:
        self._writer = None if file is None else csv.writer(file)
        self._classes: list[str] = []

    def add(self, found: Prediction) -> None:
        if self._writer is None:
            return
        by_index = sorted(found.scores, key=lambda score: score.index)
        if not self._classes:
            self._classes = [score.label for score in by_index]
            self._writer.writerow(["file", "label", "probability", *self._classes])
        self._writer.writerow([name_text(found.name), found.label, found.value, *(score.value for score in by_index)])


@contextmanager
def _table(wish: Wish) -> Iterator[_Rows]:
    """Where the rows go; the file appears when all are in it."""
    if wish.table is None:
        yield _Rows(None)
        return
    from convscope.store.atomic import replacing

    with replacing(wish.table, overwrite=wish.overwrite) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8", newline="", write_through=True)
        try:
            yield _Rows(text)
            text.flush()
        finally:
            text.detach()


def _number(value: float, *, share: bool) -> str:
    return f"{value:.4f}" if share else f"{value:.6g}"


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
