"""A whole folder: every file examined, in parallel, and what only shows when files are seen together."""

from __future__ import annotations

import os
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from convscope.doctor.examining import Examined, examine
from convscope.doctor.findings import KINDS, Finding, Level
from convscope.doctor.near import BLOCK, groups_of_near
from convscope.doctor.walking import Content, class_of, content_of
from convscope.image.picture import printable

IMBALANCE = 1.5
"""From this ratio of the largest class to the smallest there is a doubt."""
# Files read ahead of the one whose turn it is; each may be 256 MiB, nearly all are small.
_AHEAD = 4

Item = TypeVar("Item")
Result = TypeVar("Result")


@runtime_checkable
class Watch(Protocol):
    """Who wants to know how far the work is."""

    def stage(self, text: str, total: int | None = None) -> None:
        """The next stage begins; it has ``total`` parts."""

    def advance(self) -> None:
        """One part is done."""


class Unwatched:
    """Nobody looks."""

    def stage(self, text: str, total: int | None = None) -> None:
        """Say nothing."""

    def advance(self) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Same:
    """Files of the same photo.

    Attributes:
        files: two or more, sorted.
        distance: bits in which a look differs from its nearest, at most; 0 for copies byte for byte.
        across: whether they lie in different classes.
    """

    files: tuple[str, ...]
    distance: int
    across: bool


@dataclass(frozen=True, slots=True)
class JfifTest:
    """What the tutorial's test, ``b"JFIF" in fobj.peek(10)``, would have done with the files.

    Attributes:
        good_deleted: photos that can be used, which it deletes.
        broken_kept: files that cannot be decoded, which it keeps.
    """

    good_deleted: tuple[str, ...]
    broken_kept: tuple[str, ...]


@dataclass
class Checkup:
    """What was found in a folder.

    Attributes:
        root: the folder, absolute.
        files: how many files were read.
        findings: in the order of :data:`~convscope.doctor.findings.KINDS`, then by file.
        classes: by class, how many photos can be used, surplus copies aside; ``""`` are those in the folder itself.
        sizes: ``(N, 2)`` upright heights and widths in pixels of the photos that can be used.
        duplicates: groups of files that are the same byte for byte.
        near: groups of photos that look the same.
        jfif: what the tutorial's test would have done.
        digests: SHA-256 of the files with a problem, as hexadecimal text.
    """

    root: Path
    files: int = 0
    findings: list[Finding] = field(default_factory=list)
    classes: dict[str, int] = field(default_factory=dict)
    sizes: np.ndarray = field(default_factory=lambda: np.empty((0, 2), np.int64))
    duplicates: list[Same] = field(default_factory=list)
    near: list[Same] = field(default_factory=list)
    jfif: JfifTest = field(default_factory=lambda: JfifTest((), ()))
    digests: dict[str, str] = field(default_factory=dict)

    def of_level(self, level: Level) -> list[Finding]:
        """The findings of one level."""
        return [finding for finding in self.findings if finding.level is level]

    @property
    def photos(self) -> int:
        """How many photos can be used."""
        return sum(self.classes.values())


def check_folder(folder: str | os.PathLike[str], *, workers: int | None = None, watch: Watch | None = None) -> Checkup:
    """Read every file in a folder to its end and say what was found. Changes nothing.

    Args:
        folder: with one folder of photos for each class. Links are not followed.
        workers: threads that read (Pillow decodes without holding Python's lock); by default one a processor.
        watch: is told how far the work is.

    Raises:
        DataError: it is no folder, cannot be read, or is empty.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         Path(folder, name).mkdir()
    ...         Image.linear_gradient("L").resize((64, 48)).save(Path(folder, name, "1.png"))
    ...     found = check_folder(folder)
    >>> found.duplicates[0].files, found.photos
    (('cat/1.png', 'dog/1.png'), 0)
    """
    watch = watch or Unwatched()
    watch.stage("looking for files")
    content = content_of(folder)
    gathered = _Gathered(content)
    workers = workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    watch.stage("reading files", len(content.files))
    with ThreadPoolExecutor(workers, "doctor") as pool:
        for examined in in_order(pool, lambda file: examine(content.root, file), content.files, workers * _AHEAD):
            gathered.add(examined)
            watch.advance()
    return gathered.checkup(watch)


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """``map`` of a pool that never holds more than ``ahead`` results, so that a million items need no more memory."""
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


class _Gathered:
    """Columns that grow file by file: about 90 bytes for a file without findings, beside its name."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.findings = list(content.findings)
        self.sizes = array("I")
        self.digests = bytearray()
        self.looks = bytearray()
        self.looking = array("Q")
        self.usable = array("Q")
        self.problems: dict[int, bytes] = {}
        self.good_deleted: list[str] = []
        self.broken_kept: list[str] = []
        self.count = 0

    def add(self, examined: Examined) -> None:
        index, file = self.count, self.content.files[self.count]
        self.count += 1
        self.findings.extend(examined.findings)
        if examined.size is None:
            if examined.findings[0].level is Level.PROBLEM:
                self.problems[index] = examined.digest
            if examined.jfif:
                self.broken_kept.append(file)
            return
        self.usable.append(index)
        self.sizes.extend(examined.size)
        self.digests += examined.digest
        if examined.look:
            self.looking.append(len(self.usable) - 1)
            self.looks += examined.look
        if examined.jfif is False:
            self.good_deleted.append(file)

    def checkup(self, watch: Watch) -> Checkup:
        files = self.content.files
        made = Checkup(self.content.root, self.count, jfif=JfifTest(tuple(self.good_deleted), tuple(self.broken_kept)))
        made.digests = {files[index]: digest.hex() for index, digest in self.problems.items() if digest}
        digests = np.frombuffer(bytes(self.digests), np.uint8).reshape(-1, 32)
        surplus = self._find_duplicates(made, digests)
        self._find_near(made, surplus, watch)
        kept = [place for place in range(len(self.usable)) if place not in surplus]
        made.sizes = np.array(self.sizes, np.int64).reshape(-1, 2)[kept]
        counts = Counter(class_of(files[self.usable[place]]) for place in kept)
        # A folder that only holds other files is no class; that without a photo that can be used is one.
        made.classes = {name: counts[name] for name in sorted({*counts, *self.content.classes})}
        self.findings += _findings_on_classes(made.classes)
        order = {name: place for place, name in enumerate(KINDS)}
        made.findings = sorted(self.findings, key=lambda finding: (order[finding.kind], finding.file))
        return made

    def _find_duplicates(self, made: Checkup, digests: UInt8[np.ndarray, "n 32"]) -> set[int]:
        """Note the copies; the places of the photos that do not count for being copies."""
        surplus = set()
        for places in _equal_rows(digests):
            files = tuple(self.content.files[self.usable[place]] for place in places)
            across = len({class_of(file) for file in files}) > 1
            made.duplicates.append(Same(files, 0, across))
            going = range(len(files)) if across else range(1, len(files))
            for at in going:
                surplus.add(int(places[at]))
                made.digests[files[at]] = digests[places[at]].tobytes().hex()
                self.findings.append(_copy(files, at, across))
        return surplus

    def _find_near(self, made: Checkup, surplus: set[int], watch: Watch) -> None:
        looks = np.frombuffer(bytes(self.looks), np.uint8).reshape(-1, 32)
        # Of copies across classes the first takes part, to find what else looks like them.
        firsts = {same.files[0] for same in made.duplicates}
        taking_part = [
            at
            for at, place in enumerate(self.looking)
            if place not in surplus or self.content.files[self.usable[place]] in firsts
        ]
        watch.stage("comparing photos", -(-len(taking_part) // BLOCK))
        for group, distance in groups_of_near(looks[taking_part], watch=watch.advance):
            files = tuple(self.content.files[self.usable[self.looking[taking_part[at]]]] for at in group)
            same = Same(files, distance, len({class_of(file) for file in files}) > 1)
            made.near.append(same)
            self.findings.extend(_look_alike(same, file) for file in files)
        made.near.sort(key=lambda same: same.files)


def _equal_rows(digests: UInt8[np.ndarray, "n 32"]) -> Iterator[np.ndarray]:
    """Indices of the rows of each group of equal ones, ascending."""
    words = np.ascontiguousarray(digests).view(np.uint64)
    order = np.lexsort(words.T)
    new = np.ones(len(order), bool)
    new[1:] = (words[order[1:]] != words[order[:-1]]).any(axis=1)
    groups = np.split(order, np.flatnonzero(new)[1:])
    yield from sorted((np.sort(group) for group in groups if len(group) > 1), key=lambda group: int(group[0]))


def _copy(files: Sequence[str], at: int, across: bool) -> Finding:
    if across:
        others = ", ".join(f"'{_shown(file)}'" for place, file in enumerate(files) if place != at)
        return Finding("duplicate-across-classes", files[at], f"the same bytes as {others}")
    return Finding("duplicate", files[at], f"a copy of '{_shown(files[0])}', which stays")


def _look_alike(same: Same, file: str) -> Finding:
    others = [other for other in same.files if other != file]
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    across = ", in another class" if same.across else ""
    return Finding("near-duplicate", file, f"looks like '{_shown(others[0])}'{more}{across}")


def _shown(file: str) -> str:
    return printable(file, 400)


def _findings_on_classes(classes: dict[str, int]) -> Iterator[Finding]:
    named = {name: photos for name, photos in classes.items() if name}
    full = {name: photos for name, photos in named.items() if photos}
    for name in named.keys() - full.keys():
        yield Finding("class-without-photos", name, "no photo in it can be used")
    if named and classes.get(""):
        yield Finding("outside-classes", "", f"{classes['']:,} beside the folders of classes")
    if len(full) < 2:
        yield Finding("one-class", "", f"{len(full) or 'no'} folder with photos; two or more make classes")
        return
    least, most = min(full, key=lambda name: full[name]), max(full, key=lambda name: full[name])
    if full[most] > IMBALANCE * full[least]:
        counts = f"{_shown(most)} has {full[most]:,} photos, {_shown(least)} has {full[least]:,}"
        yield Finding("imbalance", "", counts)
