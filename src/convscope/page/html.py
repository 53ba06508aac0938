"""The page in one HTML file: code, styles and data, opened from a disk without any network request."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from convscope.errors import CallError
from convscope.page.blocks import Packed
from convscope.page.bundle import WEB, bundle_script, bundle_styles, read
from convscope.page.excerpt import Held
from convscope.page.fitting import LIMIT, Content, fitted
from convscope.page.overview import overview_bytes
from convscope.store import dumps
from convscope.store.atomic import replacing
from convscope.traces import Trace


@dataclass(frozen=True)
class Page:
    """A finished file.

    Attributes:
        data: its bytes.
        held: how much of the trace is in it.
        thumb: longest side of its small pictures.
    """

    data: bytes
    held: Held
    thumb: int


def export(
    trace: Trace, path: str | PathLike[str], *, full: bool = False, channels: int | None = None, limit: int = LIMIT,
    overwrite: bool = True,
) -> None:  # fmt: skip
    """Write the page of a trace to one HTML file, which any browser opens and which asks for nothing else.

    Args:
        trace: what to show.
        path: the file; one that exists is replaced at the end, never changed before.
        full: every number of every step and parameter, however large the file becomes.
        channels: every number of so many channels of each step, the strongest, however large the file becomes.
        limit: bytes that the file may have otherwise. What does not fit is left out: first the numbers of weak
            channels, then fine detail of the small pictures.
        overwrite: False refuses a ``path`` that exists.

    Raises:
        CallError: both ``full`` and ``channels``, or a number below 1.
        OutputError: the file cannot be written; one that was there is unchanged.

    >>> import tempfile, numpy as np
    >>> from convscope.traces import Placement, Step
    >>> seen = Step("input", "input", np.ones((3, 4, 4), np.float32))
    >>> trace = Trace(np.zeros((4, 4, 3), np.uint8), (seen,), ("input",), Placement(0.0, 0.0, 4.0, 4.0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export(trace, f"{folder}/ones.html")
    ...     Path(f"{folder}/ones.html").read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    page = make_page(trace, full=full, channels=channels, limit=limit)
    with replacing(path, overwrite=overwrite) as file:
        file.write(page.data)


def html_bytes(trace: Trace, *, full: bool = False, channels: int | None = None, limit: int = LIMIT) -> bytes:
    """The bytes that :func:`export` would write; the same trace gives the same bytes.

    Raises:
        CallError: as :func:`export`.
    """
    return make_page(trace, full=full, channels=channels, limit=limit).data


def make_page(
    trace: Trace, *, full: bool = False, channels: int | None = None, limit: int = LIMIT, web: Path = WEB
) -> Page:
    """The page with a word on what is in it; ``web`` is the folder with its sources.

    Raises:
        CallError: as :func:`export`; or the sources cannot be joined.
    """
    if full and channels is not None:
        raise CallError(f"full and channels={channels} contradict each other; give one of them")
    for name, number in (("channels", channels), ("limit", limit)):
        if number is not None and number < 1:
            raise CallError(f"{name} is {number}; give at least 1")
    frame = _frame(trace, web)
    room = limit - sum(map(len, frame)) - _INDEX
    content = fitted(trace, _contributions(trace), room, full=full, channels=channels)
    head, tail = frame
    return Page(b"".join([head, *_data(content), tail]), content.held, content.thumb)


def raw_data(trace: Trace, *, full: bool = False, limit: int = LIMIT) -> tuple[bytes, bytes]:
    """The trace and the overview that a page would hold, as the two files they are; for hosts that send them.

    Args:
        trace: what to show.
        full: every number; otherwise what fits in ``limit``, as for :func:`export`.
        limit: bytes that a page with them could have.
    """
    told = _contributions(trace)
    if full:
        return dumps(trace), overview_bytes(trace, contributions=told)
    content = fitted(trace, told, limit, full=False, channels=None)
    return content.trace.unpacked(), content.overview.unpacked()


def empty_page(host: str, *, web: Path = WEB) -> str:
    """The page without data, which then asks its host for them; ``host`` is what it takes itself to live in.

    Raises:
        CallError: the sources cannot be joined.

    >>> 'id="convscope" data-host="notebook"' in empty_page("notebook")
    True
    """
    return "".join(_template(web)).replace('id="convscope"', f'id="convscope" data-host="{html.escape(host)}"', 1)


def _contributions(trace: Trace) -> Mapping[str, np.ndarray]:
    """What each channel contributes to the first score; nothing where there are no scores."""
    if not trace.scores:
        return {}
    from convscope.contribution import contributions

    return contributions(trace).channels


def _frame(trace: Trace, web: Path) -> tuple[bytes, bytes]:
    """What stands before and after the data."""
    head, tail = _template(web)
    return head.replace(_TITLE, f"<title>{_title(trace)}</title>", 1).encode(), tail.encode()


_INDEX = 200  # bytes of the index beside its entries
_TITLE = "<title>convscope</title>"


def _title(trace: Trace) -> str:
    image = trace.about.get("image")
    names = [trace.about.get("network"), image.get("name") if isinstance(image, dict) else image]
    return " · ".join([*(html.escape(_shown(name)) for name in names if isinstance(name, str) and name), "convscope"])


def _shown(name: str) -> str:
    """A name without what steers a parser or has no UTF-8, and not too long for a tab."""
    return "".join(letter if letter.isprintable() else " " for letter in name[:120])


@functools.cache
def _template(web: Path) -> tuple[str, str]:
    """``index.html`` with everything that it links in it, cut where the data go."""
    script, styles = bundle_script(web), f"\n{bundle_styles(web)}"
    text = re.sub(r' *<link rel="stylesheet"[^>]*>\n', "", read(web, "index.html"))
    text, found = re.subn(r' *<script type="module"[^>]*></script>\n', "", text)
    start = '<meta charset="utf-8" />\n'
    if not (found and start in text and _TITLE in text and "</head>" in text and "</body>" in text):
        raise CallError("the page's index.html is not what it was; it needs a charset, a title and one module script")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(styles)}; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    text = text.replace(start, f'{start}    <meta http-equiv="Content-Security-Policy" content="{policy}" />\n', 1)
    text = text.replace("</head>", f"<style>{styles}</style>\n</head>", 1)
    head, tail = text.rsplit("</body>", 1)
    return head, f"<script>{script}</script>\n</body>{tail}"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data(content: Content) -> list[bytes]:
    """The index, and the blocks that it names."""
    parts: list[bytes] = []
    index = {}
    for name, file in (("trace", content.trace), ("overview", content.overview)):
        ids = [f"convscope-{name}-{i}" for i in range(len(file.blocks))]
        index[name] = _entry(file, ids)
        for label, block in zip(ids, file.blocks, strict=True):
            parts += [
                b'<script type="application/octet-stream" id="',
                label.encode(),
                b'">',
                block.text,
                b"</script>\n",
            ]
    text = json.dumps(index, separators=(",", ":")).replace("<", "\\u003c")
    return [b'<script type="application/json" id="convscope-data">', text.encode(), b"</script>\n", *parts]


def _entry(file: Packed, ids: list[str]) -> dict[str, object]:
    blocks = [
        {"id": label, "start": block.start, "stop": block.stop} for label, block in zip(ids, file.blocks, strict=True)
    ]
    return {"size": file.size, "blocks": blocks}
