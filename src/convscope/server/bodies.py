"""Bodies of requests, read within bounds of size and time."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from starlette.requests import ClientDisconnect, Request

from convscope.server.answers import Refusal

#: After a body that is too large, so much more is read and thrown away: a browser that is still sending when the
#: connection closes never shows the answer.
_DRAINED = 4
_DRAIN_SECONDS, _IDLE_SECONDS = 2.0, 0.25
_CLOSE = {"Connection": "close"}


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """The body, of at most ``limit`` bytes, that arrives within ``seconds``.

    Raises:
        Refusal: 413 or 408; the connection is closed after it.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or len(announced) > 15 or int(announced) > limit:
        await _drain(request, limit)
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    break
                parts.append(part)
    except TimeoutError:
        raise Refusal(
            408, "slow", f"the request did not arrive within {seconds:g} seconds; send it again", _CLOSE
        ) from None
    except ClientDisconnect:
        raise Refusal(400, "gone", "the connection ended before the request did; send it again", _CLOSE) from None
    if size > limit:
        await _drain(request, limit)
        raise _too_large(limit)
    return b"".join(parts)


def _too_large(limit: int) -> Refusal:
    size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"
    return Refusal(413, "large", f"the request holds more than {size}; send something smaller", _CLOSE)


async def _drain(request: Request, limit: int) -> None:
    left, stop = _DRAINED * limit, time.monotonic() + _DRAIN_SECONDS
    while left > 0 and time.monotonic() < stop:
        try:
            message = await asyncio.wait_for(request.receive(), _IDLE_SECONDS)
        except TimeoutError:
            return
        left -= len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return


async def read_json(request: Request, limit: int, seconds: float) -> Any:
    """The body as JSON.

    Raises:
        Refusal: as :func:`read_body`; 415 when it is announced as something else, 400 when it is none.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "json", "this request takes JSON; send it with Content-Type: application/json")
    data = await read_body(request, limit, seconds)
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):  # also what is no UTF-8, and numbers of thousands of digits
        raise Refusal(400, "json", "the request is no JSON text; check what was sent") from None


def _no_constant(name: str) -> float:
    raise ValueError(name)
