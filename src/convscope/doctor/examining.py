"""One file: whether it can be used, what is odd about it, and what it looks like.

The verdict is that of :func:`convscope.image.open_image`, which everything else reads photos with. A JPEG is
decoded at a fraction of its size: that takes half the time, and reads every byte of the compressed data all the
same, so that a file that is cut off or damaged in its last row is found.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convscope.doctor.findings import Finding
from convscope.errors import ImageError
from convscope.image import open_image
from convscope.image.picture import Picture, printable
from convscope.image.sniff import FORMATS, HEAD_BYTES, describe, sniff
from convscope.image.source import MAX_BYTES

LONGEST = 96
"""Photos are looked at with their longer side shrunk to this many pixels; the hash of the look needs 64."""
SMALL_SIDE, LONG_SHAPE, LEAST_DEVIATION = 32, 5.0, 2.0
"""Below these pixels a side, above this ratio of sides, below this deviation of levels there is a doubt."""
# What `fobj.peek(10)` of the well-known tutorial returns is not 10 bytes but a whole buffer, one block of the disk.
_PEEKED = 4096

_PICTURES = ("an EPS", "an SVG", "a HEIC", "a JPEG 2000", "a JPEG XL", "a Photoshop", "a Windows metafile")
_PICTURE_ENDINGS = {ending for _, endings in FORMATS.values() for ending in endings} | {
    "heic", "heif", "hif", "svg", "svgz", "eps", "ps", "jp2", "j2k", "jpx", "jxl", "psd", "tga", "pcx", "xpm", "xbm",
    "emf", "wmf", "raw", "cr2", "cr3", "nef", "arw", "dng", "orf", "rw2", "img",
}  # fmt: skip

#: What open_image notes, and the kind of finding that it is.
_NOTES: tuple[tuple[str, str], ...] = (
    (r"first of ", "animated"),
    (r"turned upright", "rotated"),
    (r"CMYK", "cmyk"),
    (r"16-bit|float levels|levels .* stretched", "sixteen-bit"),
    (r"transparent", "transparent"),
    (r"greyscale", "greyscale"),
    (r"colours converted|LAB|its damaged colour profile", "colours"),
    (r"is an? \w+ although", "wrong-extension"),
)


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of one file.

    Attributes:
        findings: on the file by itself; a problem comes first and alone.
        size: upright height and width in pixels; None when it is no photo that can be used.
        digest: SHA-256 of its bytes, 32 bytes; empty when it was not read.
        look: its perceptual hash, 32 bytes; empty where there is too little in it to compare.
        jfif: whether the tutorial's header test would have kept it; None when it was not read.
    """

    findings: tuple[Finding, ...]
    size: tuple[int, int] | None = None
    digest: bytes = b""
    look: bytes = b""
    jfif: bool | None = None


def examine(root: Path, file: str) -> Examined:
    """Read ``root/file`` to its end and say what is the matter with it. Never raises for a file's sake.

    Args:
        root: the folder.
        file: path in it, relative. No link in its place is followed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "cat.jpg").write_bytes(b"<html>not found</html>")
    ...     examine(Path(folder), "cat.jpg").findings[0].kind
    'not-an-image'
    """
    try:
        data, length = _bytes_of(root / file)
    except OSError as error:
        reason = printable(error.strerror or type(error).__name__)
        return Examined((Finding("unreadable", file, f"it cannot be read: {reason}"),))
    if data is None:
        why = f"it has {length / 2**20:,.0f} MiB and {MAX_BYTES // 2**20} are read"
        return Examined((Finding("too-large" if _named_as_picture(file) else "other-file", file, why),))
    jfif, digest = b"JFIF" in data[:_PEEKED], hashlib.sha256(data).digest()
    name = printable(file.rpartition("/")[2])
    try:
        picture = open_image(data, name=name, longest=LONGEST)
    except ImageError as error:
        return Examined((_problem(file, data[:HEAD_BYTES], str(error)),), digest=digest, jfif=jfif)
    size = _upright_size(picture)
    plain = min(size) >= SMALL_SIDE and _is_plain(picture)
    findings = (*_doubts(file, size, plain=plain), *_remarks(file, picture))
    return Examined(findings, size, digest, b"" if plain else _look(picture, size), jfif)


def _bytes_of(path: Path) -> tuple[bytes | None, int]:
    """The bytes, or None when there are too many, and their number."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as stream:
        facts = os.fstat(stream.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(0, "it is no file any more")
        if facts.st_size > MAX_BYTES:
            return None, facts.st_size
        data = stream.read(MAX_BYTES + 1)
        return (data if len(data) <= MAX_BYTES else None), len(data)


def _named_as_picture(file: str) -> bool:
    """Whether the name promises a picture; one without an ending may be anything."""
    stem, dot, ending = file.rpartition("/")[2].rpartition(".")
    return not (dot and stem) or ending.lower() in _PICTURE_ENDINGS


def _problem(file: str, head: bytes, sentence: str) -> Finding:
    """Which kind of problem the refusal of ``open_image`` is."""
    # The sentence begins with the name, which stands beside it already, and ends with what its kind says for all.
    why = re.sub(r"^'.*?' (?=is|has|needs|declares|holds)", "it ", sentence)
    why = re.sub(r"; (copy|shrink|save|replace) .*$", "", why)
    known = sniff(head)
    what = describe(head).partition(", which")[0] if head and known is None else ""
    if what.startswith(_PICTURES):
        return Finding("unopened-format", file, f"it is {what}")
    if not _named_as_picture(file):
        return Finding("other-file", file, f"it is {what}" if what else why)
    if what:
        return Finding("not-an-image", file, f"it is {what}")
    return Finding(_kind_of_damage(head, sentence), file, why)


def _kind_of_damage(head: bytes, sentence: str) -> str:
    if not head:
        return "empty"
    if " is cut off before " in sentence:
        return "cut-off"
    too_large = re.search(r" million pixels| more memory than there is", sentence)
    return "too-large" if too_large else "damaged"


def _upright_size(picture: Picture) -> tuple[int, int]:
    height, width = picture.size_in_file
    turned = any(re.search(r"EXIF orientation [5-8]", note) for note in picture.notes)
    return (width, height) if turned else (height, width)


def _doubts(file: str, size: tuple[int, int], *, plain: bool) -> list[Finding]:
    found = []
    shown = f"{size[0]}x{size[1]} (height x width)"
    if min(size) < SMALL_SIDE:
        found.append(Finding("too-small", file, shown))
    if max(size) > LONG_SHAPE * min(size):
        found.append(Finding("extreme-shape", file, shown))
    if plain:
        found.append(Finding("one-colour", file, "its pixels are all but the same"))
    return found


def _remarks(file: str, picture: Picture) -> list[Finding]:
    notes = [note for note in picture.notes if not note.startswith("shrunk from ")]
    return [Finding(_kind_of(note), file, note) for note in notes]


def _kind_of(note: str) -> str:
    # What a later version notes and this table does not know is a conversion of colours until somebody adds a row.
    return next((kind for pattern, kind in _NOTES if re.match(pattern, note)), "colours")


def _is_plain(picture: Picture) -> bool:
    # Every third pixel of a picture that is shrunk already shows that as well as all do.
    part = picture.pixels[::3, ::3].reshape(-1, 3).astype(np.float32)
    return float(part.std(axis=0).max()) < LEAST_DEVIATION


def _look(picture: Picture, size: tuple[int, int]) -> bytes:
    from convscope.doctor.near import look_of

    return look_of(picture.pixels) if min(size) >= SMALL_SIDE // 2 else b""
