"""What the head of a JPEG file says, read without decoding anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# Frames that libjpeg-turbo decodes in the usual way: baseline, extended, progressive (with Huffman codes).
_PLAIN_FRAMES = (0xC0, 0xC1, 0xC2)
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_ALONE = (0x01, *range(0xD0, 0xD8))


@dataclass(frozen=True)
class JpegHead:
    """The facts that decide how a JPEG is decoded.

    Attributes:
        height: rows, as stored.
        width: columns, as stored.
        components: colours: 1 grey, 3 colour, 4 CMYK.
        orientation: of EXIF, 1..8; 1 where there is none.
        progressive: whether it comes in several scans.
        usual: whether colours need nothing but the common conversion: 8 bits, grey or colour, no colour profile.
        scan: where the first scan begins in the file.
    """

    height: int
    width: int
    components: int
    orientation: int
    progressive: bool
    usual: bool
    scan: int

    def complete(self, data: bytes) -> bool:
        """Whether the end of the picture is in the file; a file that was cut off has none."""
        return data.rfind(b"\xff\xd9") > self.scan


def read_head(data: bytes) -> JpegHead | None:
    """The facts, or None for anything that does not read like a plain JPEG up to its first scan.

    >>> read_head(b"no JPEG") is None
    True
    """
    if data[:3] != b"\xff\xd8\xff":
        return None
    frame, orientation, usual = None, 1, True
    for marker, at, segment in _segments(data):
        if marker == 0xDA:
            return _head(frame, orientation, usual, at) if frame else None
        if marker in _FRAMES:
            if frame is not None or len(segment) < 6:
                return None
            frame = (marker, segment)
        elif marker == 0xE1:
            turned = _orientation(segment)
            orientation, usual = (turned, usual) if turned else (orientation, False)
        elif marker == 0xE2 and segment.startswith(b"ICC_PROFILE"):
            usual = False
    return None


def _segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Marker, place and content of each segment, up to what is none."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(data):
            return
        yield marker, at, data[at + 4 : end]
        at = end


def _head(frame: tuple[int, bytes], orientation: int, usual: bool, scan: int) -> JpegHead | None:
    marker, facts = frame
    bits, components = facts[0], facts[5]
    height, width = int.from_bytes(facts[1:3], "big"), int.from_bytes(facts[3:5], "big")
    if not height or not width:
        return None
    usual = usual and bits == 8 and components in (1, 3) and marker in _PLAIN_FRAMES
    return JpegHead(height, width, components, orientation, marker == 0xC2, usual, scan)


def _orientation(segment: bytes) -> int:
    """1..8; 0 where only Pillow can tell."""
    if segment.startswith(b"Exif\0\0"):
        from PIL.Image import Exif

        from convscope.image.quiet import quiet

        # Almost no file has more than one block; where one has, or says it in XMP, Pillow decides.
        try:
            exif = Exif()
            with quiet():
                exif.load(segment)
                value = exif.get(0x0112, 1)
        except Exception:  # noqa: BLE001 - a parser of other people's bytes; broken EXIF is no reason to fail
            return 0
        return value if isinstance(value, int) and 1 <= value <= 8 else 1
    return 0 if b"Orientation" in segment else 1
