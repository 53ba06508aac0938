"""JSON answers, and the one form of every refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response


class Refusal(Exception):  # noqa: N818 - it is an answer, not a defect
    """A request that is answered with a sentence.

    Args:
        status: of HTTP.
        code: one word for programs, stable.
        message: one sentence for people.
        headers: further ones.
    """

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``value`` in ASCII: whatever a name holds, half a surrogate pair included, arrives."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Response(text, status, headers, media_type="application/json")


def refused(refusal: Refusal) -> Response:
    """The answer that carries a refusal.

    >>> refused(Refusal(404, "path", "there is nothing here")).body
    b'{"error":{"code":"path","message":"there is nothing here"}}'
    """
    error = {"code": refusal.code, "message": refusal.message}
    return json_answer({"error": error}, refusal.status, refusal.headers)


def busy(message: str) -> Refusal:
    """Too much at once; the client may come back."""
    return Refusal(503, "busy", message, {"Retry-After": "1"})
