"""The one way in: whatever a caller has becomes a :class:`Picture`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from convscope.errors import ImageError
from convscope.image.picture import MAX_PIXELS, Picture, printable, too_large
from convscope.image.prepare import checked_longest, fit_within
from convscope.image.sniff import FORMATS
from convscope.image.source import opened

if TYPE_CHECKING:
    from os import PathLike
    from typing import IO, TypeAlias

    import numpy as np
    from PIL import Image

    Source: TypeAlias = str | PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | np.ndarray
else:
    # Anything may be passed; what is no source gets a sentence, not a type error.
    Source = object


def open_image(source: Source, *, name: str | None = None, longest: int | None = None) -> Picture:
    """Read a picture: upright, 8-bit RGB, opaque, with notes on everything that was done to it.

    Args:
        source: a path; the bytes of a file; a binary file (read from its start, left open); a PIL image (its
            current frame, not altered); the name of a bundled photo (:func:`sample_names`) where no such file
            exists; or an array, or a tensor on the CPU, of shape ``(H, W)``, ``(H, W, 1 | 3 | 4)`` or
            ``(1 | 3 | 4, H, W)``: uint8 and other integers 0..255, uint16 0..65535, bool, float 0..1.
        name: what to call it; by default the file's name without its folder.
        longest: shrink so that neither side is longer, in pixels. Large JPEGs open faster so.

    Returns:
        the picture. Formats: JPEG, MPO, PNG, WebP, TIFF, GIF, BMP, AVIF, PPM, QOI, ICO; of several frames
        the first. Grey becomes three equal channels, transparent parts are laid over white, colours are
        converted to sRGB by the picture's own profile, 16-bit levels become ``round(v / 257)``.

    Raises:
        ImageError: it is no picture, damaged, cut off, of a format that is not opened, or larger than
            50 million pixels or 256 MiB; nothing was decoded in the last case.

    >>> picture = open_image("chelsea")
    >>> picture.pixels.shape, picture.name, picture.format, picture.notes
    ((300, 451, 3), 'chelsea', 'PNG', ())
    """
    limit = None if longest is None else checked_longest(longest)
    picture = _open(source, name, limit)
    return picture if limit is None else fit_within(picture, limit)


def _open(source: Any, name: str | None, longest: int | None) -> Picture:
    # Whoever passes a PIL image has imported PIL; another thread may be in the middle of importing it.
    pil = getattr(sys.modules.get("PIL.Image"), "Image", None)
    if pil is not None and isinstance(source, pil):
        return _from_pil(source, name)
    # Bytes and paths first: a memoryview, or a numpy string, offers itself as an array too.
    if hasattr(source, "__array__") and not isinstance(source, (str, bytes)):
        from convscope.image.arrays import from_array

        return from_array(source, name)
    from convscope.image.decode import decode

    with opened(source, name) as (stream, called):
        return decode(stream, called, longest)


def _from_pil(image: Any, name: str | None) -> Picture:
    from convscope.image.decode import Facts, explained, finish

    own_name = getattr(image, "filename", "") or ""
    called = printable(name or (own_name.replace("\\", "/").rpartition("/")[2] if isinstance(own_name, str) else ""))
    called = called or "picture"
    width, height = image.size
    if width * height == 0:
        raise ImageError(f"'{called}' is {height}x{width} and so has no pixels; pass a picture that has some")
    if width * height > MAX_PIXELS:
        raise ImageError(too_large(called, height, width))
    if getattr(image, "tile", None) and image.format not in {*FORMATS, "MPO", "DIB"}:
        raise ImageError(
            f"'{called}' is an undecoded {image.format} picture, which convscope does not open; "
            "save it as PNG or JPEG first"
        )
    facts = Facts((height, width), image.format or "PIL", profile=image.info.get("icc_profile"))
    with explained(called, facts.format_name):
        return finish(image.copy(), facts, called)
