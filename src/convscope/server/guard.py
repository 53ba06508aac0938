"""Who may ask: checks that stand before every route, and headers on every answer.

A page of any website can make a browser send requests to this server. So a request must name exactly this
server (a foreign name that was pointed at this machine does not), must come from a page of this server or from
the person's own hand, and must carry a cookie that only the address printed at the start gives.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from convscope.server.answers import Refusal, busy, refused

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
)
"""On every answer, whatever it is."""


def new_secret() -> str:
    """256 random bits as text that an address and a cookie can hold."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Names:
    """How this server is called in the Host header.

    Attributes:
        fixed: names with their port, ``127.0.0.1:8737``.
        wild: the server listens at every address of the machine; then the one at which a connection
            came in is its name too.
    """

    fixed: frozenset[str]
    wild: bool = False

    def allow(self, host: str, server: tuple[str, int | None] | None) -> bool:
        """Whether ``host`` is this server, reached at the address ``server``.

        >>> Names(frozenset({"127.0.0.1:80"})).allow("evil.example", ("127.0.0.1", 80))
        False
        """
        if host in self.fixed:
            return True
        return self.wild and server is not None and host == named(server[0], server[1] or 80)


def named(host: str, port: int) -> str:
    """Host and port as an address has them.

    >>> named("127.0.0.1", 8737), named("::1", 8737), named("localhost", 80)
    ('127.0.0.1:8737', '[::1]:8737', 'localhost')
    """
    shown = f"[{host}]" if ":" in host else host
    return shown if port == 80 else f"{shown}:{port}"


@dataclass(frozen=True)
class Keys:
    """What opens the door: the token in the first address, and the cookie that it is exchanged for."""

    cookie: str
    token: str = field(default_factory=new_secret)
    session: str = field(default_factory=new_secret)


class Guard:
    """ASGI: lets requests through to ``app`` that may ask, and answers the others.

    Args:
        app: what it guards.
        names: what the server is called.
        keys: token and cookie.
        requests: how many may be under way at the same time.
    """

    def __init__(self, app: ASGIApp, names: Names, keys: Keys, requests: int) -> None:
        self._app, self._names, self._keys, self._requests = app, names, keys, requests
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the start and end of the server."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        self._under_way += 1
        try:
            await self._answer(scope, receive, _with_headers(send))
        finally:
            self._under_way -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            entered = self._checked(scope)
        except Refusal as refusal:
            await refused(refusal)(scope, receive, send)
            return
        await (entered or self._app)(scope, receive, send)

    def _checked(self, scope: Scope) -> Response | None:
        """Refuses, or gives the answer to somebody who came with the token, or None for those who may pass."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        host = self._checked_host(headers, scope.get("server"))
        _check_origin(headers, host)
        if self._under_way > self._requests:
            raise busy("too many requests at the same time; try again in a second")
        token = _token(scope)
        if token is not None:
            if not _same(token, self._keys.token):
                raise _unknown()
            return self._welcome()
        if not any(_same(value, self._keys.session) for value in _cookies(headers, self._keys.cookie)):
            raise _unknown()
        return None

    def _checked_host(self, headers: list[tuple[bytes, bytes]], server: tuple[str, int | None] | None) -> str:
        hosts = _values(headers, b"host")
        if len(hosts) != 1 or not self._names.allow(hosts[0], server):
            raise Refusal(421, "host", "this server does not go by that name; open the address that it printed")
        return hosts[0]

    def _welcome(self) -> Response:
        cookie = f"{self._keys.cookie}={self._keys.session}; Path=/; HttpOnly; SameSite=Strict"
        return Response(status_code=303, headers={"Location": "/", "Set-Cookie": cookie})


def _check_origin(headers: list[tuple[bytes, bytes]], host: str) -> None:
    origins = _values(headers, b"origin")
    if origins and origins != [f"http://{host}"]:
        raise Refusal(403, "origin", "this server answers its own pages only; open the address that it printed")
    sites = _values(headers, b"sec-fetch-site")
    if any(site not in {"same-origin", "none"} for site in sites):
        raise Refusal(
            403, "site", "a page of another site led here; copy the address into the address bar of the browser"
        )


def _unknown() -> Refusal:
    return Refusal(
        401, "token", "this browser has not been let in; open the address that convscope printed, with its token"
    )


def _token(scope: Scope) -> str | None:
    """The token in the address ``/?token=...``, nowhere else."""
    if scope["method"] != "GET" or scope["path"] != "/":
        return None
    found = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=8).get("token")
    return found[0] if found else None


def _same(given: str, expected: str) -> bool:
    """Compared in a time that does not tell how much is right."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name]


def _cookies(headers: Iterable[tuple[bytes, bytes]], name: str) -> list[str]:
    found = []
    for text in _values(headers, b"cookie"):
        for part in text.split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                found.append(value)
    return found


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *HEADERS]
        await send(message)

    return sending
