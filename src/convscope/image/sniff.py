"""What a file is, judged by its first bytes and never by its name.

The list is an allow list: a format that is not in :data:`FORMATS` never reaches a decoder, so that nothing
is handed to an external program (EPS) or interpreted (SVG, PDF).
"""

from __future__ import annotations

import re

HEAD_BYTES = 1024
"""How much of a file :func:`sniff` wants to see."""

FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "JPEG": ("JpegImagePlugin", ("jpg", "jpeg", "jpe", "jfif", "mpo")),
    "PNG": ("PngImagePlugin", ("png", "apng")),
    "WEBP": ("WebPImagePlugin", ("webp",)),
    "TIFF": ("TiffImagePlugin", ("tif", "tiff")),
    "GIF": ("GifImagePlugin", ("gif",)),
    "BMP": ("BmpImagePlugin", ("bmp", "dib")),
    "AVIF": ("AvifImagePlugin", ("avif", "avifs")),
    "PPM": ("PpmImagePlugin", ("ppm", "pgm", "pbm", "pnm", "pfm", "pam")),
    "QOI": ("QoiImagePlugin", ("qoi",)),
    "ICO": ("IcoImagePlugin", ("ico",)),
}
"""The formats that are opened: name -> Pillow's module for it, usual endings of file names."""

_OPENED: tuple[tuple[str, bytes], ...] = (
    ("JPEG", rb"\xff\xd8\xff"),
    ("PNG", rb"\x89PNG\r\n\x1a\n"),
    ("WEBP", rb"RIFF.{4}WEBP"),
    ("TIFF", rb"II\*\0|MM\0\*|II\+\0|MM\0\+"),
    ("GIF", rb"GIF8[79]a"),
    ("BMP", rb"BM"),
    ("AVIF", rb".{4}ftyp(avi[fs]|(mif1|msf1).{4}(.{4}){0,8}?avi[fs])"),
    ("PPM", rb"P[1-6fF]\s|P7\n|Pf\s"),
    ("QOI", rb"qoif"),
    ("ICO", rb"\0\0\x01\0[^\0]"),
)

_REFUSED: tuple[tuple[str, bytes], ...] = (
    ("an EPS or PostScript drawing", rb"%!PS|\xc5\xd0\xd3\xc6"),
    ("a PDF document", rb"\s*%PDF"),
    ("an SVG drawing", rb"(\xef\xbb\xbf)?\s*(<\?xml.{,800}?|<!--.{,800}?)?(<!DOCTYPE svg|<(\w+:)?svg\b)"),
    ("a web page", rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body)"),
    ("a HEIC photo", rb".{4}ftyp(hei|hev|mif1|msf1)"),
    ("a video", rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF.{4}AVI "),
    ("a JPEG 2000 picture", rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
    ("a JPEG XL picture", rb"\xff\x0a|\0\0\0\x0cJXL "),
    ("a Photoshop document", rb"8BPS"),
    ("a ZIP archive", rb"PK\x03\x04"),
    ("a compressed archive", rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!"),
    ("a TAR archive", rb".{257}ustar"),
    ("a NumPy file", rb"\x93NUMPY"),
    ("an HDF5 file", rb"\x89HDF"),
    ("a Windows metafile", rb"\xd7\xcd\xc6\x9a|\x01\0{3}.{36} EMF"),
)


def sniff(head: bytes) -> str | None:
    r"""The name in :data:`FORMATS` of the format that starts with ``head``, or None.

    >>> sniff(b"\x89PNG\r\n\x1a\n\0\0")
    'PNG'
    >>> sniff(b"%!PS-Adobe") is None
    True
    """
    return _first(_OPENED, head)


def describe(head: bytes) -> str:
    """What a file that is not opened appears to be, to follow "it is".

    >>> describe(b"%!PS-Adobe")
    'an EPS or PostScript drawing, which convscope does not open'
    >>> describe(b"hello")
    'a text and no picture'
    >>> describe(bytes([1, 0, 7]))
    'no picture of a kind that convscope opens'
    """
    if known := _first(_REFUSED, head):
        return f"{known}, which convscope does not open"
    return "a text and no picture" if _is_text(head) else "no picture of a kind that convscope opens"


def _first(table: tuple[tuple[str, bytes], ...], head: bytes) -> str | None:
    for name, pattern in table:
        if re.match(pattern, head, re.DOTALL | (re.IGNORECASE if pattern.count(b"<") else 0)):
            return name
    return None


def _is_text(head: bytes) -> bool:
    try:
        text = head[: HEAD_BYTES // 2].decode("utf-8")
    except UnicodeDecodeError as error:
        # The cut may fall inside a character.
        if error.start < len(head) - 4 and error.start < HEAD_BYTES // 2 - 4:
            return False
        text = head[: error.start].decode("utf-8")
    return all(char.isprintable() or char.isspace() for char in text)
