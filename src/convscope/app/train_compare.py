"""``convscope train --compare A,B``: several networks on the same data, and a table of what each is worth."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.app.console import console, print_json, printable, table
from convscope.app.output import safe_name
from convscope.app.train_request import Typed, named, recipe_for, understood
from convscope.app.train_watch import clock
from convscope.errors import CallError, OutputError
from convscope.train.folder import CONFIG

if TYPE_CHECKING:
    from convscope.app.train_network import Chosen
    from convscope.data.sources import Source
    from convscope.train.loop import Run

REPORT, PICTURE = "compare.json", "compare.png"
FEWEST, MOST = 2, 12


def run(typed: Typed) -> None:
    """Do what the command line asked for; see :func:`convscope.app.cli.train`."""
    from convscope.app import train

    names = asked(typed)
    job = named(understood(typed), "-".join(names))
    folder = job.out
    assert folder is not None
    _check_free(folder, overwrite=typed.overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    metrics: list[tuple[str, Any]] = []
    data = ""
    for name in names:
        one = replace(job, net=name, out=folder / safe_name(name))
        with train.opened(typed, one) as (source, chosen):
            recipe = recipe_for(typed, train.first_recipe(chosen, source))
            found = train.trained(typed, one, source, chosen, recipe)
            rows.append(_row(name, found, chosen, source))
        data = source.name
        metrics.append((name, found.rows))
        if train.leads() and not typed.as_json:
            print()
    if train.leads():
        _finish(typed, folder, data, rows, metrics)


def asked(typed: Typed) -> list[str]:
    """The names after ``--compare``.

    Raises:
        CallError: they are no two networks, or other flags contradict.

    >>> asked(Typed("photos", compare="dense, cnn"))
    ['dense', 'cnn']
    """
    for flag, value in (("--net", typed.net), ("--model", typed.model)):
        if value is not None:
            raise CallError(f"{flag} {value!r} has no use with --compare, which names the networks; leave it out")
    names = [part.strip() for part in _parts(typed.compare or "") if part.strip()]
    if not FEWEST <= len(set(names)) == len(names) <= MOST:
        raise CallError(
            f"--compare {typed.compare!r} does not name {FEWEST} to {MOST} different networks; write for example "
            "--compare dense,cnn"
        )
    return names


def _parts(text: str) -> list[str]:
    """Split at commas outside brackets, which belong to specs.

    >>> _parts("dense,conv(3, 3) | gap | dense(2)")
    ['dense', 'conv(3, 3) | gap | dense(2)']
    """
    parts, depth = [""], 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _check_free(folder: Path, *, overwrite: bool) -> None:
    """Each network has its folder below; what is there already is replaced one by one, or refused before any work."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    ours = (folder / REPORT).is_file() or any((child / CONFIG).is_file() for child in folder.iterdir())
    if not ours:
        raise OutputError(f"{str(folder)!r} exists and was not written by convscope; choose another folder")
    if not overwrite:
        raise OutputError(f"{str(folder)!r} holds trainings already; choose another folder, or add --overwrite")


def _row(name: str, found: Run, chosen: Chosen, source: Source) -> dict[str, Any]:
    from convscope.train.evaluate import evaluate_model

    trained = evaluate_model(
        found.model, source.train, found.split.train, scale=found.recipe.scale, batch=64
    )  # without augmentation, unlike the numbers of the epochs
    held_out, test = found.report.get("validation"), found.report.get("test")
    return {
        "network": name,
        "parameters": chosen.params,
        "epochs": len(found.rows),
        "train": _plain(trained.accuracy),
        "validation": held_out["accuracy"] if held_out else None,
        "test": test["accuracy"] if test else None,
        "seconds": round(found.seconds, 3),
        "folder": str(found.folder),
    }


def _plain(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _finish(
    typed: Typed, folder: Path, data: str, rows: Sequence[Mapping[str, Any]], metrics: Sequence[tuple[str, Any]]
) -> None:
    from convscope import __version__
    from convscope.draw import save_png
    from convscope.store.atomic import replacing
    from convscope.train.pictures import comparison_picture

    title = f"{' against '.join(name for name, _ in metrics)} on {Path(data).name}"
    save_png(comparison_picture(metrics, title=title), folder / PICTURE)
    report = {"convscope": __version__, "data": data, "networks": list(rows)}
    with replacing(folder / REPORT) as file:
        file.write((json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    if typed.as_json:
        print_json(report | {"files": {"folder": str(folder), "picture": str(folder / PICTURE)}})
        return
    out = console()
    columns = [("network", "left"), ("parameters", "right"), ("train", "right"), ("held out", "right")]
    with_test = any(row["test"] is not None for row in rows)
    columns += [("test", "right")] if with_test else []
    columns += [("time", "right"), ("an epoch", "right")]
    out.print(table("", columns, [_cells(row, with_test=with_test) for row in rows]))
    print()
    out.print(printable(str(folder / PICTURE)), soft_wrap=True)


def _cells(row: Mapping[str, Any], *, with_test: bool) -> list[str]:
    shares = [row["train"], row["validation"], *([row["test"]] if with_test else [])]
    return [
        row["network"],
        f"{row['parameters']:,}",
        *("" if share is None else f"{100 * share:.2f} %" for share in shares),
        clock(row["seconds"]),
        clock(row["seconds"] / max(1, row["epochs"])),
    ]
