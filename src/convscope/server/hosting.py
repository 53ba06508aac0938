"""The application on a socket: uvicorn, with little patience and a quick end."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from convscope.errors import CallError
from convscope.server.app import App
from convscope.server.guard import HEADERS, Names, named

PORT = 8737
"""Taken when it is free and no other is asked for."""

_SLOW = b'{"error":{"code":"slow","message":"the head of the request did not arrive in time; send it again"}}'
_BROKEN = b'{"error":{"code":"http","message":"this is no HTTP request that the server understands"}}'


def listen(host: str, port: int | None) -> socket.socket:
    """A socket bound to ``host``.

    Args:
        host: a name or an address of this machine.
        port: 0 for any that is free; None for :data:`PORT`, or any that is free.

    Raises:
        CallError: the port is in use, or there is no such host here.
    """
    if port is None:
        with contextlib.suppress(CallError):
            return listen(host, PORT)
        port = 0
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # elsewhere it would let two servers share one port
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen(128)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        why = "is in use or not allowed" if port else "is no address of this machine"
        what = f"port {port} on {host}" if port else f"--host {host}"
        raise CallError(f"{what} {why} ({error.strerror or error}); give another one, or leave it out") from error
    return bound


def is_local(bound: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    return ipaddress.ip_address(bound.getsockname()[0]).is_loopback


def names_of(bound: socket.socket, host: str) -> Names:
    """How browsers may call the server that listens there."""
    address, port = bound.getsockname()[:2]
    if is_local(bound):
        return Names(frozenset(named(name, port) for name in (address, host, "localhost")))
    wild = ipaddress.ip_address(address).is_unspecified
    names = {"127.0.0.1", "localhost", socket.gethostname()} if wild else {address, host}
    return Names(frozenset(named(name, port) for name in names), wild=wild)


def address_of(bound: socket.socket, host: str) -> str:
    """The address for a browser on this machine."""
    address, port = bound.getsockname()[:2]
    wild = ipaddress.ip_address(address).is_unspecified
    return f"http://{named('127.0.0.1' if wild else host if is_local(bound) else address, port)}/"


class Protocol(H11Protocol):
    """HTTP/1.1 that waits for the head of a request only so long; uvicorn alone would wait for ever."""

    head_seconds = 10.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody is there, and should say what they want."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """A part of a head, or of a body; the latter is timed by whoever reads it."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._end_patience()
        elif self._patience is None:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._end_patience()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - our sentence, in the form of all others
        """What came is no HTTP."""
        self._refuse(400, _BROKEN)

    def _expect_head(self) -> None:
        self._patience = self.loop.call_later(self.head_seconds, self._too_slow)

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _too_slow(self) -> None:
        self._patience = None
        idle = self.cycle is None or self.cycle.response_complete
        if idle and not self.transport.is_closing():
            self._refuse(408, _SLOW)

    def _refuse(self, status: int, body: bytes) -> None:
        headers = [(b"content-type", b"application/json"), (b"connection", b"close"), *HEADERS]
        with contextlib.suppress(h11.LocalProtocolError):  # in the middle of an answer there is nothing to say
            for event in (
                h11.Response(status_code=status, headers=headers, reason=b""),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class _Server(uvicorn.Server):
    """Tells when it can be reached, and ends without raising the signal again."""

    def __init__(self, config: uvicorn.Config, app: App, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app, self._ready = app, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.close()  # or whoever waits for news would hold the end up
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what is cut off now is no defect
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():  # no other gets any
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def make_server(app: App, ready: Callable[[], None], head_seconds: float = 10.0) -> uvicorn.Server:
    """A server whose ``run(sockets=[...])`` serves until SIGINT, SIGTERM, or ``should_exit``.

    Args:
        app: what answers.
        ready: called once it can be reached.
        head_seconds: patience with the head of a request.
    """

    class Timed(Protocol):
        pass

    Timed.head_seconds = head_seconds
    config = uvicorn.Config(
        app.guard,
        http=Timed,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=1,
        backlog=128,
    )
    return _Server(config, app, ready)
