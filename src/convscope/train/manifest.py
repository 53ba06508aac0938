"""Which files a run was begun with, so that a resume sees what has vanished, changed or come since.

Samples keep the numbers that they had when the run began: order and augmentation depend on them. A file
that has vanished leaves a gap and is skipped; one that came later has no number and is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, Integer, UInt8

from convscope.data.splitting import Split, split
from convscope.errors import DataError
from convscope.image.picture import printable

FORMAT = "convscope data 1"
NAMED = 5
"""How many files a remark names."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What a run works on.

    Attributes:
        samples: by the numbers of the run.
        split: which of them are trained on, and which held out.
        present: whether a number still has a file.
    """

    samples: Any
    split: Split
    present: Bool[np.ndarray, " n"]

    def there(self, numbers: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, " k"]:
        """Those that still have a file, in the same order."""
        return np.asarray(numbers[self.present[numbers]])


def begun(samples: Any, validation: float, seed: int) -> Plan:
    """The plan of a new run."""
    return Plan(samples, split(samples, validation, seed), np.ones(len(samples), np.bool_))


def described(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values: for files their paths, sides, hashes, sizes and times; for arrays one hash."""
    samples = plan.samples
    found: dict[str, Any] = {"format": FORMAT, "classes": list(samples.classes), "samples": len(samples)}
    files = _files(samples)
    if files is None:
        return found | {"digest": _digest(samples)}
    sides = np.full(len(samples), "", object)
    sides[plan.split.train], sides[plan.split.validation] = "train", "validation"
    rows = [
        [file.path, int(file.label), side, key, file.size, file.changed]
        for file, side, key in zip(files, sides, samples.keys, strict=True)
    ]
    return found | {"columns": ["path", "label", "side", "sha256", "bytes", "changed"], "files": rows}


def rejoined(found: Any, samples: Any, validation: float, seed: int, note: Callable[[str], None]) -> Plan:
    """The plan of a run that goes on.

    Args:
        found: what :func:`described` gave when it began.
        samples: the data as it is now.
        validation: share that is held out.
        seed: of the split.
        note: told what has vanished, changed or come.

    Raises:
        DataError: it is another data set.
    """
    if not isinstance(found, Mapping) or found.get("format") != FORMAT:
        note("what the run was begun with is not known any more (data.json), so changes of the data are not seen")
        return begun(samples, validation, seed)
    if list(samples.classes) != found["classes"]:
        raise DataError(
            f"the run was begun with the classes {', '.join(map(repr, found['classes'][:NAMED]))}, and the data has "
            f"{', '.join(map(repr, samples.classes[:NAMED]))}; resume with the same data"
        )
    files = _files(samples)
    if files is None or "files" not in found:
        if found["samples"] != len(samples) or found.get("digest") != _digest(samples):
            raise DataError(
                f"the data is not what the run was begun with ({found['samples']:,} samples then, {len(samples):,} "
                "now); resume with the same data"
            )
        return begun(samples, validation, seed)
    return _files_again(found["files"], samples, files, note)


def _files_again(
    rows: Sequence[Sequence[Any]], samples: Any, files: Sequence[Any], note: Callable[[str], None]
) -> Plan:
    now = {file.path: place for place, file in enumerate(files)}
    places = np.array([now.get(row[0], -1) for row in rows], np.int64)
    if (places < 0).all():
        raise DataError("none of the files that the run was begun with is there any more; resume with the same data")
    keys = samples.keys
    vanished = [row[0] for row, place in zip(rows, places, strict=True) if place < 0]
    changed = [row[0] for row, place in zip(rows, places, strict=True) if place >= 0 and keys[place] != row[3]]
    new = sorted(now.keys() - {row[0] for row in rows})
    for names, one, many in (
        (
            vanished,
            "has vanished since the run began and is skipped",
            "have vanished since the run began and are skipped",
        ),
        (changed, "has changed since the run began", "have changed since the run began"),
        (new, "came after the run began and is left out", "came after the run began and are left out"),
    ):
        if names:
            note(f"{_listed(names)} {one if len(names) == 1 else many}")
    sides = np.array([row[2] for row in rows], object)
    labels = np.array([row[1] for row in rows], np.int64)
    parts = Split(np.flatnonzero(sides == "train"), np.flatnonzero(sides == "validation"))
    return Plan(Numbered(samples, places, labels, [printable(row[0]) for row in rows]), parts, places >= 0)


class Numbered:
    """Samples under the numbers that they had when a run began.

    Args:
        samples: as they are now.
        places: where each number is among them, -1 for those that have vanished.
        labels: of each number.
        names: of each number.
    """

    def __init__(
        self, samples: Any, places: Int64[np.ndarray, " n"], labels: Int64[np.ndarray, " n"], names: Sequence[str]
    ) -> None:
        self._samples, self._places = samples, places
        self.classes: tuple[str, ...] = samples.classes
        self.shape: tuple[int, int, int] = samples.shape
        self.labels, self.names = labels, names
        self.replaced: dict[str, str] = getattr(samples, "replaced", {})

    def __len__(self) -> int:
        return len(self._places)

    @property
    def keys(self) -> list[str]:
        """Hashes of the contents, empty for those that have vanished."""
        found = self._samples.keys
        return [found[place] if place >= 0 else "" for place in self._places]

    def take(self, indices: Integer[np.ndarray, " m"]) -> UInt8[np.ndarray, "m h w c"]:
        """The pixels of these numbers; all of them are there."""
        pixels: UInt8[np.ndarray, "m h w c"] = self._samples.take(self._places[indices])
        return pixels


def _files(samples: Any) -> Sequence[Any] | None:
    """The files of samples that come from files, as :class:`convscope.data.listing.File`."""
    return getattr(samples, "files", None)


def _digest(samples: Any) -> str:
    found = hashlib.sha256(np.asarray(samples.labels, np.int64).tobytes())
    for key in samples.keys:
        found.update(key.encode())
    return found.hexdigest()


def _listed(names: Sequence[str]) -> str:
    first = ", ".join(f"'{printable(name)}'" for name in names[:NAMED])
    more = f" and {len(names) - NAMED:,} more files" if len(names) > NAMED else ""
    return first + more
