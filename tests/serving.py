"""A real server for tests: uvicorn in a thread, asked over real connections."""

from __future__ import annotations

import http.client
import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from convscope.server import Limits, Settings, make_app
from convscope.server.app import App
from convscope.server.guard import Keys
from convscope.server.hosting import listen, make_server, names_of

NET = "conv(4, 3) | relu | maxpool(2) | flatten | dense(3) | softmax"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The sentence of a refusal."""
        return str(self.json["error"]["message"])


@dataclass(frozen=True)
class Running:
    """A server that can be asked."""

    app: App
    keys: Keys
    port: int

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": f"{self.keys.cookie}={self.keys.session}"}

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        let_in: bool = True,
    ) -> Answer:
        """One request on a connection of its own; ``headers`` may replace Host."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"Host": self.name, **(self.cookie if let_in else {}), **(headers or {})}
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def send(self, path: str, value: Any) -> Answer:
        """POST of JSON."""
        return self.ask("POST", path, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def start(self, network: dict[str, str] | None = None, **more: Any) -> Answer:
        """Ask for a run; of a tiny network on a small chelsea where nothing else is said."""
        wish = {"picture": {"sample": "chelsea"}, "network": network or {"spec": NET}, "size": [12, 16], **more}
        return self.send("/api/traces", wish)

    def finished(self, name: str) -> dict[str, Any]:
        """News of a run once it is over."""
        while (news := self.ask("GET", f"/api/traces/{name}?wait=20").json)["state"] in {"waiting", "running"}:
            continue
        return dict(news)

    def done(self, network: dict[str, str] | None = None, **more: Any) -> str:
        """A run that is done; its id."""
        started = self.start(network, **more)
        assert started.status == 202, started.body
        news = self.finished(started.json["id"])
        assert news["state"] == "done", news
        return str(news["id"])

    def raw(self, data: bytes, more: bytes = b"") -> bytes:
        """Everything that comes back on a connection to which exactly this was sent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(data)
            if more:
                connection.sendall(more)
            found = b""
            while part := connection.recv(65536):
                found += part
            return found


@contextmanager
def serving(head_seconds: float = 10.0, **settings: Any) -> Iterator[Running]:
    """A server while the block runs."""
    bound = listen("127.0.0.1", 0)
    port = bound.getsockname()[1]
    keys = Keys(f"convscope_{port}")
    app = make_app(Settings(names_of(bound, "127.0.0.1"), keys, **settings))
    up = threading.Event()
    server = make_server(app, up.set, head_seconds)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    assert up.wait(30)
    try:
        yield Running(app, keys, port)
    finally:
        server.should_exit = True
        thread.join(30)
        assert app.stop(30)


def png(width: int = 20, height: int = 12, colour: tuple[int, int, int] = (200, 90, 30)) -> bytes:
    """A small photo as a file."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def page_folder(folder: Path) -> Path:
    """A page to serve, in place of the real one."""
    (folder / "styles").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>", encoding="utf-8")
    (folder / "main.js").write_text("export {};", encoding="utf-8")
    (folder / "styles" / "base.css").write_text("body{}", encoding="utf-8")
    (folder / "secret.txt").write_text("not for the page", encoding="utf-8")
    (folder.parent / "outside.js").write_text("not in the folder", encoding="utf-8")
    return folder


SMALL = Limits(picture=64 << 10, json=4 << 10, body_seconds=0.3)
