"""What a training came to, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.app.console import console, printable, table
from convscope.app.train_watch import clock

if TYPE_CHECKING:
    from convscope.data.sources import Source
    from convscope.train.loop import Run

#: Files of a run that people look at, in this order.
LISTED = (
    ("network", "network.safetensors", "the trained network"),
    ("preview", "preview.png", "the first nine pictures"),
    ("augmented", "augmented.png", "what augmentation makes of one"),
    ("curves", "curves.png", "loss and accuracy over the epochs"),
    ("confusion", "confusion.png", "which class is taken for which"),
    ("wrong", "wrong.png", "the mistakes of which it is surest"),
    ("reliability", "reliability.png", "how often it is right where it says how sure it is"),
    ("film", "film.png", "one photo after every epoch"),
    ("probe", "probe", "the same as traces, for convscope export"),
    ("metrics", "metrics.csv", "the numbers of every epoch"),
    ("report", "report.json", "all of this for programs"),
)
WORST = 3
"""So many classes that are recognised least are named."""


def report(run: Run, source: Source) -> dict[str, Any]:
    """The object of ``train --json``: that of ``report.json`` with what only the caller knows."""
    from convscope import __version__

    found = dict(run.report)
    files = {kind: str(run.folder / name) for kind, name, _ in LISTED if (run.folder / name).exists()}
    return {
        "convscope": __version__,
        "data": source.name,
        **{name: value for name, value in found.items() if name != "files"},
        "files": {"folder": str(run.folder), **files},
    }


def show(found: Mapping[str, Any]) -> None:
    """Print what :func:`report` gave."""
    out = console()
    sides = [(name, found[key]) for key, name in (("validation", "held out"), ("test", "test")) if found.get(key)]
    if sides:
        print()
        columns = (("", "left"), ("pictures", "right"), ("accuracy", "right"), ("loss", "right"))
        out.print(table("", columns, ([name, *_side(side)] for name, side in sides)))
        worst = _worst(sides[-1][1])
        if worst:
            out.print(printable(worst), soft_wrap=True)
    epochs, best = found.get("epochs", 0), found.get("best", 0)
    which = f", the best was {best}" if epochs > 1 and found.get("validation") else ""
    print(f"\n{epochs} epoch{'s' * (epochs != 1)} in {clock(float(found.get('seconds', 0)))}{which}")
    folder = found["files"]["folder"]
    out.print(printable(f"in {folder}"), soft_wrap=True)
    for kind, name, what in LISTED:
        if kind in found["files"]:
            print(f"  {name:<20} {what}")
    place = _quoted(folder)
    out.print(printable(f"see a photo in it:  convscope see PHOTO --model {place}"), soft_wrap=True)
    out.print(printable(f"ask it:             convscope predict PHOTO --model {place}"), soft_wrap=True)


def _side(side: Mapping[str, Any]) -> tuple[str, str, str]:
    accuracy, loss = side["accuracy"], side["loss"]
    return (
        f"{side['samples']:,}",
        "" if accuracy is None else f"{100 * accuracy:.2f} %",
        "" if loss is None else f"{loss:.4f}",
    )


def _worst(side: Mapping[str, Any]) -> str:
    known = [row for row in side["classes"] if row["recognised"] is not None]
    if len(known) < WORST:
        return ""
    least = sorted(known, key=lambda row: float(row["recognised"]))[:WORST]
    return "recognised least: " + ", ".join(f"{row['name']} {100 * row['recognised']:.1f} %" for row in least)


def _quoted(folder: str) -> str:
    import shlex

    return shlex.quote(str(Path(folder)))
