"""A folder of photos, one folder a class, as samples."""

from __future__ import annotations

import hashlib
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Integer, UInt8

from convscope.data.checking import Progress, check_all, unreadable
from convscope.data.decode import decode_into, decode_to
from convscope.data.listing import File, Listing, Skipped, list_folder, read_bytes
from convscope.data.packed import Form, Pack, open_pack, place, write_pack
from convscope.errors import DataError, ImageError, OutputError
from convscope.image.picture import MAX_PIXELS, printable

# So many neighbours are tried in place of a file that has gone bad.
_MOST_TRIED = 50


class FolderSamples:
    """Photos of a folder, made by :func:`open_folder`: decoded when they are taken, or read from a cache.

    Attributes:
        root: the folder.
        classes: names of the class folders, sorted.
        labels: the class of each photo.
        names: the path of each photo below the folder, safe to print.
        keys: SHA-256 of each file's bytes.
        shape: height, width and channels of what :meth:`take` returns.
        files: the file of each photo.
        skipped: what is in the folder and not used, and why.
        notes: sentences on what a user should know, for instance that there is no cache because the disk is full.
        replaced: photos that could not be read any more when their turn came, and why; see :meth:`take`.
    """

    def __init__(
        self, listing: Listing, keys: Sequence[str], form: Form, threads: int, pack: Pack | None, notes: Sequence[str]
    ) -> None:
        self.root = listing.root
        self.classes = listing.classes
        self.files = listing.files
        self.skipped = listing.skipped
        self.labels: Int64[np.ndarray, " n"] = np.array([file.label for file in listing.files], np.int64)
        self.names: Sequence[str] = [file.name for file in listing.files]
        self.keys: Sequence[str] = list(keys)
        self.shape = form.shape
        self.notes = tuple(notes)
        self.replaced: dict[str, str] = {}
        self._form, self._threads, self._pack = form, threads, pack
        self._rows = np.array([pack.rows[file.path].row for file in listing.files] if pack else [], np.int64)
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        height, width, channels = self.shape
        cached = ", cached" if self.cached else ""
        return f"FolderSamples({len(self):,} of {height}x{width}x{channels}, {len(self.classes)} classes{cached})"

    @property
    def cached(self) -> bool:
        """Whether pixels come from a cache."""
        return self._pack is not None

    def take(self, indices: Integer[np.ndarray, " m"]) -> UInt8[np.ndarray, "m h w c"]:
        """The pixels of these photos, in this order; several threads may call it at once.

        A photo that could be read when the folder was opened and cannot be now is replaced by the next one of its
        class that can, so that a training does not end because of it; ``replaced`` says so.

        Raises:
            DataError: there is none that could take its place.
        """
        wanted = np.asarray(indices, np.int64)
        if self._pack is not None:
            try:
                return self._pack.read(self._rows[wanted])
            except OSError as error:
                raise DataError(
                    f"the cache of '{printable(str(self.root))}' was cut off while it was in use; start again, and it "
                    "will be made anew"
                ) from error
        made = np.empty((len(wanted), *self.shape), np.uint8)
        places = [range(start, len(wanted), self._threads) for start in range(min(self._threads, len(wanted)))]
        if len(places) <= 1:
            self._fill(made, wanted, range(len(wanted)))
        else:
            for done in [self._started().submit(self._fill, made, wanted, part) for part in places]:
                done.result()
        return made

    def close(self) -> None:
        """Give threads and files back; nothing can be taken afterwards."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if self._pack is not None:
            self._pack.close()

    def _started(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="convscope-folder")
                weakref.finalize(self, self._pool.shutdown, wait=False, cancel_futures=True)
            return self._pool

    def _fill(self, made: UInt8[np.ndarray, "m h w c"], wanted: Int64[np.ndarray, " m"], places: range) -> None:
        for i in places:
            index = int(wanted[i])
            try:
                self._read(index, made[i])
            except (OSError, ImageError) as error:
                self._read_instead(index, made[i], error)

    def _read(self, index: int, room: UInt8[np.ndarray, "h w c"]) -> None:
        file = self.files[index]
        decode_into(room, read_bytes(self.root, file.path), file.name, antialias=self._form.antialias)

    def _read_instead(self, index: int, room: UInt8[np.ndarray, "h w c"], error: OSError | ImageError) -> None:
        """Another photo of the class: the next one in the list, and after the last one the first."""
        why = unreadable(error) if isinstance(error, OSError) else str(error)
        mine = np.flatnonzero(self.labels == self.labels[index])
        start = int(np.searchsorted(mine, index))
        for other in np.roll(mine, -start)[1 : _MOST_TRIED + 1].tolist():
            try:
                self._read(other, room)
            except (OSError, ImageError):
                continue
            with self._lock:
                self.replaced[self.names[index]] = f"{why}; {self.names[other]} took its place"
            return
        raise DataError(
            f"'{self.names[index]}' cannot be used any more because {why}, and neither can other photos of its class; "
            f"run convscope doctor '{printable(str(self.root))}'"
        ) from error


def open_folder(
    path: str | PathLike[str],
    size: tuple[int, int],
    *,
    channels: int = 3,
    cache: str | PathLike[str] | None = None,
    antialias: bool = True,
    threads: int = 0,
    progress: Progress | None = None,
) -> FolderSamples:
    """The photos below ``path``, one folder a class, as samples of one size.

    Every file is read once now: what is no picture, or is damaged, is left out and listed in ``skipped`` before
    anything is split or trained. Nothing is changed or deleted.

    Args:
        path: the folder; see :func:`convscope.data.listing.list_folder` for what is looked at.
        size: height and width to which photos are stretched.
        channels: 3, or 1 for luma.
        cache: a folder in which to keep the resized pixels in one file, ``height x width x channels`` bytes a photo.
            It is made now, which takes as long as one pass over the photos, and made again when files change.
            If it cannot be made, ``notes`` says why and photos are decoded each time.
        antialias: see :func:`convscope.data.decode.decode_to`.
        threads: that decode; 0 is one for each processor that may be used.
        progress: called with the number of files done and of all files.

    Raises:
        DataError: the folder cannot be used: it does not exist, or has no two classes with photos that can be read.
    """
    form = Form(_checked_size(size), _checked_channels(channels), bool(antialias))
    workers = threads if threads > 0 else available_processors()
    listing = list_folder(path)
    notes: list[str] = []
    pack = _packed(listing, form, Path(cache), workers, progress, notes) if cache is not None else None
    if pack is not None:
        known = [pack.rows[file.path] for file in listing.files]
        verdicts = [(row.key, row.why) for row in known]
    else:
        checked = check_all(listing.root, listing.files, threads=workers, progress=progress)
        verdicts = [(one.key, one.why) for one in checked]
    usable, keys = _usable(listing, verdicts, str(path))
    return FolderSamples(usable, keys, form, workers, pack, notes)


def available_processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _packed(
    listing: Listing, form: Form, cache: Path, threads: int, progress: Progress | None, notes: list[str]
) -> Pack | None:
    path = place(cache, listing.root, form)
    pack = open_pack(path, form)
    if pack is not None and pack.covers(listing.files):
        return pack
    if pack is not None:
        pack.close()
    try:
        return write_pack(path, listing, form, _maker(listing.root, form), threads=threads, progress=progress)
    except OutputError as error:
        notes.append(f"there is no cache of pixels: {error}")
        return None


def _maker(root: Path, form: Form) -> Callable[[File], tuple[str, UInt8[np.ndarray, "h w c"] | str]]:
    def make(file: File) -> tuple[str, UInt8[np.ndarray, "h w c"] | str]:
        try:
            data = read_bytes(root, file.path)
        except OSError as error:
            return "", unreadable(error)
        key = hashlib.sha256(data).hexdigest()
        try:
            return key, decode_to(data, file.name, form.size, channels=form.channels, antialias=form.antialias)
        except ImageError as error:
            return key, str(error)

    return make


def _usable(listing: Listing, verdicts: Sequence[tuple[str, str]], shown: str) -> tuple[Listing, list[str]]:
    """The listing without the files that cannot be used, which join those skipped; and the keys of the others."""
    bad = [(file, why) for file, (_, why) in zip(listing.files, verdicts, strict=True) if why]
    kept = [(file, key) for file, (key, why) in zip(listing.files, verdicts, strict=True) if not why]
    empty = set(range(len(listing.classes))) - {file.label for file, _ in kept}
    if empty:
        name = listing.classes[min(empty)]
        first, reason = next((file, why) for file, why in bad if file.label == min(empty))
        raise DataError(
            f"the class '{name}' of '{printable(shown)}' has no photo that can be used ({first.name}: {reason}); "
            "run convscope doctor on the folder"
        )
    skipped = tuple(
        sorted((*listing.skipped, *(Skipped(file.name, why) for file, why in bad)), key=lambda one: one.name)
    )
    files = tuple(file for file, _ in kept)
    return Listing(listing.root, listing.classes, files, skipped), [key for _, key in kept]


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    height, width = (int(side) for side in size)
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise DataError(f"photos cannot be brought to {height}x{width}; give height and width of at least 1 pixel")
    return height, width


def _checked_channels(channels: int) -> int:
    if channels not in (1, 3):
        raise DataError(f"photos have 3 channels, or 1 for grey, not {channels!r}; give one of these")
    return channels
