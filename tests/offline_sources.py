"""Data sets without a network: neither it nor the user's files are there, only a server on this machine if wanted."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from convscope.data import download, fashion_mnist

REAL_GET = requests.get


def cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the user's cache nor the system's files nor the network are there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CONVSCOPE_DATA", raising=False)
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "debian")

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("the network was used without being asked for")

    monkeypatch.setattr("requests.get", no_network)


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words: Any) -> None:
        pass


@contextlib.contextmanager
def files_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server with the files in the folder "site"; the network may be used to reach it."""
    monkeypatch.setattr("requests.get", REAL_GET)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "site").mkdir(exist_ok=True)
    handler = functools.partial(_Silent, directory=str(tmp_path / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def published_at(site: str, path: Path) -> download.Remote:
    data = path.read_bytes()
    return download.Remote(site + path.name, path.name, hashlib.sha256(data).hexdigest(), len(data))
