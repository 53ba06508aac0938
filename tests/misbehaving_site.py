"""A server on this machine that gives one file, and misbehaves as it is told."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from convscope.data.download import Remote

CONTENT = hashlib.sha256(b"seed").digest() * 40_000  # 1.28 MB
OTHER = CONTENT[::-1]


@dataclass
class Site:
    """What the server does, and what it was asked."""

    content: bytes = CONTENT
    etag: str | None = '"one"'
    modified: str | None = None
    ranges: bool = True
    status: int = 200
    #: How many bytes of each answer are sent before the connection is cut, None for all; the last one stays.
    cuts: list[int | None] = field(default_factory=lambda: [None])
    hang: bool = False
    length: bool = True
    extra: bytes = b""
    shift: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def remote(self, content: bytes = CONTENT) -> Remote:
        return Remote(self.url + "/photos.zip", "photos.zip", hashlib.sha256(content).hexdigest(), len(content))

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        self.asked.append({name.lower(): value for name, value in handler.headers.items()})
        start = self._start(handler.headers.get("Range"), handler.headers.get("If-Range"))
        body = self.content[start + self.shift :] if start else self.content
        body += self.extra
        handler.send_response(206 if start and self.status == 200 else self.status)
        if self.etag:
            handler.send_header("ETag", self.etag)
        if self.modified:
            handler.send_header("Last-Modified", self.modified)
        if start:
            handler.send_header(
                "Content-Range", f"bytes {start + self.shift}-{len(self.content) - 1}/{len(self.content)}"
            )
        if self.length:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        cut = self.cuts.pop(0) if len(self.cuts) > 1 else self.cuts[0]
        handler.wfile.write(body[:cut])
        handler.wfile.flush()
        if self.hang:
            self.released.wait(5)

    def _start(self, asked: str | None, condition: str | None) -> int:
        """Where the answer starts: RFC 9110 gives all of the file where the condition does not hold."""
        if not (self.ranges and asked and condition in {self.etag, self.modified}):
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    released: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def misbehaving_site() -> Iterator[Site]:
    """The server while the block runs."""
    site = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                site.answer(self)

        def log_message(self, *words: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            site.released.set()
            server.shutdown()
            thread.join()
