"""Hostile sources of pictures: paths, addresses, pipes, devices and names, refused in one sentence."""

from __future__ import annotations

import io
import os
import socket
from pathlib import Path

import pytest

from picture_files import encode
from refused_pictures import PHOTO, refused


def test_what_is_no_file(tmp_path):
    assert "is a folder; give the path of one picture in it" in refused(tmp_path)
    assert "there is no file" in refused(tmp_path / "none.png")
    assert "or name one of the bundled photos astronaut, chelsea, coffee" in refused("chelsae")
    assert refused("") == "the path of the picture is empty; give the name of a file"
    assert "cannot be opened" in refused("a\0b.png")
    assert "cannot be opened (File name too long)" in refused("x" * 100_000)
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    assert "cannot be opened" in refused(loop)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/cat.jpg",
        "https://a.b/c",
        "ftp://a/b",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "s3://bucket/cat.png",
    ],
)
def test_addresses_are_not_fetched(address, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", forbidden)
    assert "is a web address and convscope opens no network; save the picture first" in refused(address)
    assert "opens no network" in refused(Path(address)) or address.startswith("data")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices_do_not_hang(tmp_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    assert "is a pipe and no file; save the picture to a file first" in refused(pipe)
    assert "is a device and no file" in refused("/dev/zero")
    server = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        server.bind("s.png")
        assert "is a socket and no file" in refused("s.png")
    finally:
        server.close()
        os.chdir(here)


def test_a_file_without_permission(tmp_path, monkeypatch):
    path = tmp_path / "secret.png"
    path.write_bytes(encode(PHOTO, "PNG"))
    if os.name != "posix" or os.geteuid() == 0:  # root may read everything: let the system's answer be played
        monkeypatch.setattr(
            os, "open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
        )
    else:
        path.chmod(0)
    assert "secret.png' may not be read by you; ask for permission or copy the picture" in refused(path)


def test_names_cannot_steer_a_terminal(tmp_path):
    for name in ("a\nb.png", "\x1b[31mred.png", "\u202egnp.exe.png", "a\u2028b.png"):
        path = tmp_path / name
        path.write_bytes(b"text")
        sentence = refused(path)
        assert name not in sentence
    assert "\\x1b[31mred.png" in refused(tmp_path / "\x1b[31mred.png")
    refused(b"text", name="x" * 10_000 + "\n")


def test_text_streams_and_closed_files(tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(encode(PHOTO, "PNG"))
    assert "gave str, not bytes; open the file in binary mode ('rb')" in refused(io.StringIO("text"))
    stream = path.open("rb")
    stream.close()
    assert "'cat.png' cannot be read (" in refused(stream)
