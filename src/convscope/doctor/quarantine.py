"""``--fix quarantine`` and ``--undo``: files with problems go into a folder beside theirs, and come back.

::

    photos/cat/1.jpg   ──►   photos-quarantine/files/cat/1.jpg
                             photos-quarantine/manifest.jsonl     one line before each move

Nothing is deleted and nothing is overwritten, in either direction. What :func:`restore` does follows from what is on
the disk, so that it also ends what a killed process began.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from convscope.doctor import manifest
from convscope.doctor.checkup import Checkup, Unwatched, Watch
from convscope.doctor.findings import KINDS, Finding
from convscope.doctor.manifest import FILES, Entry, Manifest
from convscope.doctor.moving import digest_of, is_same_file, move, part_of
from convscope.errors import OutputError
from convscope.image.picture import printable
from convscope.store.atomic import sync_folder

ENDING = "-quarantine"


@dataclass
class Outcome:
    """What was done.

    Attributes:
        quarantine: the folder beside the photos.
        moved: files that changed their place, as paths in the folder of photos.
        left: files that did not, and why.
    """

    quarantine: Path
    moved: list[str] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)


def quarantine_of(folder: Path, chosen: Path | None = None) -> Path:
    """Where the files of ``folder`` go: ``chosen``, or a folder beside it.

    Raises:
        OutputError: that is inside ``folder``, or exists and was not made for this.

    >>> quarantine_of(Path("/photos/pets")).name
    'pets-quarantine'
    """
    root = Path(os.path.realpath(folder))
    if root.name == "" and chosen is None:
        raise OutputError(f"there is nothing beside '{printable(str(root))}'; choose a place with --to DIR")
    place = Path(os.path.realpath(chosen)) if chosen is not None else root.with_name(f"{root.name}{ENDING}")
    shown = f"'{printable(str(place))}'"
    if place == root or root in place.parents:
        raise OutputError(f"the quarantine {shown} lies inside the folder itself; choose another place with --to DIR")
    if os.path.lexists(place) and not manifest.is_quarantine(place) and not _is_empty_folder(place):
        raise OutputError(f"{shown} exists and is no quarantine of convscope; choose another place with --to DIR")
    return place


def moves_of(checkup: Checkup) -> list[Finding]:
    """The findings whose files ``--fix quarantine`` moves, each file once."""
    found: dict[str, Finding] = {}
    for finding in checkup.findings:
        if KINDS[finding.kind].moves and finding.file:
            found.setdefault(finding.file, finding)
    return list(found.values())


def isolate(checkup: Checkup, place: Path, *, watch: Watch | None = None) -> Outcome:
    """Move every file with a problem into the quarantine.

    Args:
        checkup: of the folder, as it was just found.
        place: from :func:`quarantine_of`.
        watch: is told how far the work is.

    Raises:
        OutputError: the quarantine cannot be made, or somebody else is at work on it.
    """
    watch = watch or Unwatched()
    outcome = Outcome(place)
    findings = moves_of(checkup)
    if not findings:
        return outcome
    try:
        (place / FILES).mkdir(parents=True, exist_ok=True)
        sync_folder(place.parent)
    except OSError as error:
        raise OutputError(
            f"cannot make the quarantine '{printable(str(place))}': {error.strerror}; choose a place with --to DIR"
        ) from error
    watch.stage("moving files", len(findings))
    with manifest.opened(place) as book:
        sync_folder(place)
        for finding in findings:
            try:
                _isolate_one(checkup, finding, place, book)
                outcome.moved.append(finding.file)
            except _Left as left:
                outcome.left.append((finding.file, str(left)))
            watch.advance()
        if not book.entries:
            _remove_empty(place)
    return outcome


def restore(folder: Path, place: Path, *, watch: Watch | None = None) -> Outcome:
    """Bring everything back from the quarantine, as far as nothing is overwritten.

    Args:
        folder: where the files came from.
        place: their quarantine.
        watch: is told how far the work is.

    Raises:
        OutputError: there is no quarantine, or somebody else is at work on it.
    """
    watch = watch or Unwatched()
    root, outcome = Path(os.path.realpath(folder)), Outcome(place)
    if not manifest.is_quarantine(place):
        raise OutputError(
            f"there is nothing to bring back: no quarantine '{printable(str(place))}'; name it with --to DIR"
        )
    with manifest.opened(place) as book:
        entries = sorted(book.entries.values(), key=lambda entry: entry.file)
        watch.stage("bringing files back", len(entries))
        for entry in entries:
            try:
                if _restore_one(root / entry.file, place / entry.to, entry, (root, place)):
                    outcome.moved.append(entry.file)
                book.strike(entry)
            except _Left as left:
                outcome.left.append((entry.file, str(left)))
            watch.advance()
        if not book.entries:
            _remove_empty(place)
    return outcome


class _Left(Exception):  # noqa: N818 - not an error: one file stays where it is, the others go on
    """Why a file stays where it is."""


def _isolate_one(checkup: Checkup, finding: Finding, place: Path, book: Manifest) -> None:
    home = checkup.root / finding.file
    try:
        facts = home.lstat()
        if not stat.S_ISREG(facts.st_mode) or not _lies_in(home, checkup.root):
            raise _Left("it is not the file that was read; run the doctor again")
        digest = digest_of(home)
        if digest != checkup.digests.get(finding.file, digest):
            raise _Left("it changed after it was read; run the doctor again")
        to = _free_path(home, finding.file, place, book)
        if is_same_file(home, place / to):
            # A killed process had given it its second name already; only the first has to go.
            home.unlink()
            return
        target = place / to
        target.parent.mkdir(parents=True, exist_ok=True)
        if not _lies_in(target, place):
            raise _Left("a link in the quarantine leads elsewhere")
        entry = Entry(
            finding.file, to, finding.kind, finding.why, facts.st_size, digest, facts.st_mtime_ns,
            stat.S_IMODE(facts.st_mode),
        )  # fmt: skip
        book.announce(entry)
        try:
            move(home, target)
        except OSError:
            book.strike(entry)
            raise
    except OSError as error:
        raise _Left(f"it cannot be moved: {error.strerror or error}") from error


def _free_path(home: Path, file: str, place: Path, book: Manifest) -> str:
    """Where ``file`` goes: the same relative path, or one with a number where another file has that one."""
    for number in range(1, 10_000):
        to = f"{FILES}/{file}" if number == 1 else f"{FILES}/{file}~{number}"
        earlier = book.entries.get(to)
        if earlier is not None and earlier.file == file and is_same_file(home, place / to):
            return to
        if not os.path.lexists(place / to) and (earlier is None or earlier.file == file):
            return to
    raise _Left("its name is taken in the quarantine")


def _restore_one(home: Path, kept: Path, entry: Entry, roots: tuple[Path, Path]) -> bool:
    """Put one file back; whether anything was to be done for it."""
    try:
        for part in (part_of(home), part_of(kept)):
            if os.path.lexists(part):  # of a copy between file systems that was killed
                part.unlink()
        if not os.path.lexists(kept):
            return _was_never_moved(home, entry)
        if not _lies_in(kept, roots[1]) or kept.is_symlink():
            raise _Left("its place in the quarantine is a link")
        if digest_of(kept) != entry.sha256:
            raise _Left("it was changed in the quarantine; move it by hand")
        if os.path.lexists(home):
            # A move that was killed between its two names leaves both, with the same bytes.
            if is_same_file(home, kept) or (not home.is_symlink() and digest_of(home) == entry.sha256):
                kept.unlink()
                return True
            raise _Left("another file has its name now; rename that and undo again")
        home.parent.mkdir(parents=True, exist_ok=True)
        if not _lies_in(home, roots[0]):
            raise _Left("a link stands where its folder was")
        move(kept, home)
    except OSError as error:
        raise _Left(f"it cannot be moved: {error.strerror or error}") from error
    return True


def _was_never_moved(home: Path, entry: Entry) -> bool:
    """False, as nothing is to be done, if the file lies where it should."""
    if os.path.lexists(home) and digest_of(home) == entry.sha256:
        return False
    raise _Left("it is not in the quarantine any more")


def _lies_in(path: Path, root: Path) -> bool:
    """Whether no link on the way leads out of ``root``."""
    parent = Path(os.path.realpath(path.parent))
    return parent == root or root in parent.parents


def _is_empty_folder(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink() and not any(place.iterdir())


def _remove_empty(place: Path) -> None:
    """Remove the quarantine if only empty folders are left in it."""
    for folder in _deepest_first(place / FILES):
        try:
            folder.rmdir()
        except OSError:  # somebody put something in it
            return
    (place / manifest.NAME).unlink()
    try:
        place.rmdir()
    except OSError:
        return


def _deepest_first(folder: Path) -> Iterator[Path]:
    for path, _, _ in os.walk(folder, topdown=False):
        yield Path(path)
