"""``convscope doctor``: read every file of a folder, say what is wrong, move it aside when asked, bring it back."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.app.console import Stages, console, print_json, printable, stages, table
from convscope.app.output import new_folder, write_report
from convscope.errors import CallError

if TYPE_CHECKING:
    from convscope.doctor import Checkup, Finding, Outcome

PAGE = "doctor.html"
#: Status when something is wrong and was not put right; scripts may rely on it.
SICK = 1
COLUMNS = (("", "left"), ("found", "left"), ("files", "right"), ("for example", "left"))
_EXAMPLES, _CLASSES = 2, 6


def run(
    folder: Path, *, fix: str | None, undo: bool, to: Path | None, out: Path | None, overwrite: bool, as_json: bool
) -> int:
    """Do what the command line asked for; the exit status. See :func:`convscope.app.cli.doctor`."""
    if fix is not None and fix != "quarantine":
        raise CallError(f"--fix {fix!r} is unknown; it is quarantine")
    if fix is not None and undo:
        raise CallError("--fix and --undo are opposites; give one of them")
    if undo:
        return _undo(folder, to, as_json=as_json)
    return _check(folder, to if fix is None else _place(folder, to), fix is not None, out, overwrite, as_json)


def _place(folder: Path, to: Path | None) -> Path:
    """Where files will go: a mistake in that is told before everything is read."""
    from convscope.doctor import quarantine_of

    return quarantine_of(folder, to)


def _check(folder: Path, place: Path | None, fixing: bool, out: Path | None, overwrite: bool, as_json: bool) -> int:
    from convscope.doctor import check_folder, isolate
    from convscope.doctor.page import page
    from convscope.doctor.report import plain, report

    if place is not None and not fixing:
        raise CallError(
            "--to says where --fix quarantine moves files, or where --undo finds them; give one of them too"
        )
    name = f"{plain(Path(os.path.realpath(folder)).name) or 'folder'}-doctor"
    with new_folder(out, name, overwrite=overwrite) as (results, put_in_place):
        with stages(quiet=as_json) as progress:
            checkup = check_folder(folder, watch=progress)
            pictures = _pictures(checkup, progress)
            outcome = isolate(checkup, place, watch=progress) if place is not None else None
        results.joinpath(PAGE).write_text(page(checkup, outcome, pictures), encoding="utf-8")
        facts = {**report(checkup, outcome), "files": {"page": PAGE}}
        write_report(results, facts)
        target = put_in_place()
    if as_json:
        print_json({**facts, "files": {"page": str(target / PAGE), "folder": str(target)}})
    else:
        _print(checkup, outcome)
        print(printable(str(target / PAGE)))
    return SICK if _is_sick(checkup, outcome) else 0


def _pictures(checkup: Checkup, progress: Stages) -> dict[str, str]:
    from convscope.doctor.thumbs import shown_files, thumbs

    files = shown_files(checkup)
    progress.stage("drawing the report", len(files))
    return thumbs(checkup.root, files, watch=progress.advance)


def _is_sick(checkup: Checkup, outcome: Outcome | None) -> bool:
    from convscope.doctor import Level

    moved = set(outcome.moved) if outcome is not None else set()
    return any(finding.file not in moved for finding in checkup.of_level(Level.PROBLEM))


def _undo(folder: Path, to: Path | None, *, as_json: bool) -> int:
    from convscope.doctor import quarantine_of, restore
    from convscope.doctor.report import moved

    with stages(quiet=as_json) as progress:
        outcome = restore(folder, quarantine_of(folder, to), watch=progress)
    if as_json:
        print_json(moved(outcome))
    else:
        print(f"{_files(len(outcome.moved))} brought back from {printable(str(outcome.quarantine))}")
        _print_left(outcome.left)
    return SICK if outcome.left else 0


def _files(count: int) -> str:
    return f"{count:,} file{'s' * (count != 1)}"


def _print(checkup: Checkup, outcome: Outcome | None) -> None:
    from convscope.doctor import KINDS

    name = checkup.root.name or str(checkup.root)
    print(f"{printable(name)}  {_files(checkup.files)} read  {checkup.photos:,} photos can be used{_classes(checkup)}")
    rows = [
        (KINDS[kind].level.value, KINDS[kind].title, f"{len(found):,}", _examples(found))
        for kind, found in ((kind, list(each)) for kind, each in groupby(checkup.findings, lambda one: one.kind))
    ]
    if rows:
        console().print(table("", COLUMNS, rows))
    good, broken = len(checkup.jfif.good_deleted), len(checkup.jfif.broken_kept)
    if good or broken:
        print(f"A test for JFIF in the header would delete {good:,} good photos and keep {broken:,} broken files.")
    if outcome is not None and (outcome.moved or outcome.left):
        print(f"{_files(len(outcome.moved))} moved to {printable(str(outcome.quarantine))}; --undo brings them back")
        _print_left(outcome.left)


def _classes(checkup: Checkup) -> str:
    named: Sequence[tuple[str, int]] = [(name, n) for name, n in checkup.classes.items() if name]
    if not named:
        return ""
    shown = ", ".join(f"{printable(name)} {photos:,}" for name, photos in named[:_CLASSES])
    more = f" and {len(named) - _CLASSES:,} classes more" if len(named) > _CLASSES else ""
    return f": {shown}{more}"


def _examples(found: Sequence[Finding]) -> str:
    shown = ", ".join(finding.file or finding.why for finding in found[:_EXAMPLES])
    return f"{shown}, ..." if len(found) > _EXAMPLES else shown


def _print_left(left: Sequence[tuple[str, str]]) -> None:
    for file, why in left:
        print(f"stayed: {printable(file)}: {printable(why)}")
