"""``convscope explain`` for many photos: a row and a picture each, in memory that does not grow."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from convscope import __version__
from convscope.app.console import name_text, note, print_json, printable, stages, where
from convscope.app.explain_report import brief_facts_of, facts_of, file_of
from convscope.app.explain_request import REPORT, Asked, finite, say, write_json
from convscope.app.output import new_folder, safe_name
from convscope.draw import save_png
from convscope.draw.explained import card
from convscope.errors import ConvscopeError
from convscope.explaining.folder import Explained, Explainer
from convscope.explaining.wording import answer_text, panels_of, verdict_of
from convscope.predicting import Failure, find_photos

BUDGET = 2.0
"""Seconds that the evidence for one map may take, as for one photo."""


def run(asked: Asked) -> None:
    """Do what the command line asked for; see :func:`convscope.app.cli.explain`."""
    request = asked.request
    photos = find_photos(asked.images)
    explainer = Explainer(
        asked.network, request.options(), target=asked.target, method=asked.method, layer=asked.layer,
        thorough=asked.thorough, budget_s=BUDGET, seed=request.seed,
    )  # fmt: skip
    told: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with (
        stages(quiet=request.as_json) as progress,
        new_folder(request.out, f"{_stem(asked)}-explained", overwrite=request.overwrite) as (folder, place),
    ):
        progress.stage("explaining photos", total=len(photos))
        with _table(folder) as rows:
            for i, found in enumerate(explainer.over(photos)):
                progress.advance()
                done = found if isinstance(found, Failure) else _drawn(found, folder, i, len(photos))
                if isinstance(done, Failure):
                    failed.append({"file": name_text(done.name), "reason": str(done.error)})
                    note(f"convscope: {where(done.name)}{done.error}")
                    continue
                rows.add(done)
                told.append(done.facts)
                if not request.as_json:
                    progress.line(printable(done.line))
        files = {"table": "explain.csv", "lines": "explain.jsonl"}
        report = {
            "convscope": __version__, "model": explainer.title, "photos": told, "failed": failed, "files": files,
        }  # fmt: skip
        write_json(folder, REPORT, report)
        final = place()
    if request.as_json:
        print_json(_with_folder(report, final))
    else:
        if failed:
            note(f"convscope: {len(failed)} of {len(photos)} photo{'s' * (len(photos) != 1)} could not be explained")
        say(str(final / files["table"]))
    if failed:
        raise typer.Exit(1)


def _stem(asked: Asked) -> str:
    return safe_name(Path(asked.images[0]).name.replace("*", "")) if len(asked.images) == 1 else "photos"


@dataclass(frozen=True)
class _Told:
    """What is written of one photo after its pictures."""

    row: dict[str, Any]
    facts: dict[str, Any]
    whole: dict[str, Any]
    line: str


def _drawn(found: Explained, folder: Path, place: int, count: int) -> _Told | Failure:
    """Write the pictures of one photo; only what is said of them stays in memory."""
    try:
        photo = found.photo()
    except ConvscopeError as error:
        return Failure(found.name, error)
    number = str(place + 1).zfill(len(str(count)))
    stem = f"{number}-{safe_name(Path(name_text(found.name)).stem)[:60]}"
    names = []
    for i, (made, panel) in enumerate(zip(found.maps, panels_of(found.maps), strict=True)):
        names.append(f"{stem}-{file_of(made, i, found.maps)}" if len(found.maps) > 1 else f"{stem}.png")
        save_png(card(photo, panel, found.placement), folder / names[-1])
    pairs = list(zip(found.maps, names, strict=True))
    head = {"file": name_text(found.name), "target": found.target.label, "score": finite(found.score)}
    verdicts = [verdict_of(made.evidence) for made in found.maps]
    first, trust = verdicts[0]
    row = {**head, "method": found.maps[0].method, "layer": found.maps[0].layer, "verdict": first, "trust": trust}
    said = ", ".join(
        f"{made.method} {word} {'' if value is None else f'{value:.2f}'}".rstrip()
        for made, (word, value) in zip(found.maps, verdicts, strict=True)
    )
    line = f"{name_text(found.name)}  {answer_text(found.target.label, found.score, share=found.share)}  {said}"
    return _Told(
        row | {"picture": names[0]},
        {**head, "maps": [brief_facts_of(made, name) for made, name in pairs]},
        {**head, "maps": [facts_of(made, name) for made, name in pairs]},
        line,
    )


class _Rows:
    """The table, and the same with all evidence, a line a photo, as they are written."""

    COLUMNS = ("file", "target", "score", "method", "layer", "verdict", "trust", "picture")

    def __init__(self, table: Any, lines: Any) -> None:
        self._table, self._lines = csv.DictWriter(table, self.COLUMNS), lines
        self._table.writeheader()

    def add(self, told: _Told) -> None:
        """One photo."""
        self._table.writerow(told.row)
        self._lines.write(json.dumps(told.whole, ensure_ascii=False) + "\n")


@contextmanager
def _table(folder: Path) -> Iterator[_Rows]:
    with (
        (folder / "explain.csv").open("w", encoding="utf-8", newline="") as table,
        (folder / "explain.jsonl").open("w", encoding="utf-8") as lines,
    ):
        yield _Rows(table, lines)


def _with_folder(report: dict[str, Any], final: Path) -> dict[str, Any]:
    """The report as it is printed, with paths instead of names."""

    def joined(told: dict[str, Any]) -> dict[str, Any]:
        return told | {"maps": [one | {"file": str(final / one["file"])} for one in told["maps"]]}

    files = {name: str(final / file) for name, file in report["files"].items()}
    return {**report, "photos": [joined(one) for one in report["photos"]], "files": files | {"folder": str(final)}}
