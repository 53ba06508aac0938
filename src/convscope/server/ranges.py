"""The Range header: one range of bytes, or all of them (https://www.rfc-editor.org/rfc/rfc9110#section-14)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from convscope.server.answers import Refusal

_ONE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE)


def wanted_range(headers: Sequence[str], size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; None for the whole file.

    Args:
        headers: the values of all Range headers of a request.
        size: of the file, in bytes.

    Raises:
        Refusal: 416; also for several ranges, which would let a small request ask for a large answer.

    >>> wanted_range(["bytes=0-9"], 100), wanted_range(["bytes=90-"], 100), wanted_range(["bytes=-5"], 100)
    ((0, 10), (90, 100), (95, 100))
    >>> wanted_range([], 100)
    """
    if not headers:
        return None
    found = _ONE.fullmatch(headers[0]) if len(headers) == 1 else None
    if found is None or found[0].rstrip().endswith("=-"):
        raise _unsatisfiable(size)
    first, last = found[1], found[2]
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    if start >= stop:
        raise _unsatisfiable(size)
    return start, stop


def _unsatisfiable(size: int) -> Refusal:
    message = f"one range of the file's {size} bytes can be asked for, such as bytes=0-{max(0, min(size, 65536) - 1)}"
    return Refusal(416, "range", message, {"Content-Range": f"bytes */{size}"})
