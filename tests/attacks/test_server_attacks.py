"""The server against those who mean harm: every HTTP row of the promises, over real connections."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from convscope.server.guard import HEADERS
from serving import SMALL, Running, page_folder, png, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    web = page_folder(tmp_path_factory.mktemp("site") / "web")
    with serving(web=web, limits=SMALL, head_seconds=0.3) as running:
        yield running


def status_of(reply: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3})", reply)
    return int(found[1]) if found else 0


def head(server: Running, *lines: str, request: str = "GET /api/ping HTTP/1.1") -> bytes:
    """A request as bytes, with the cookie, ended."""
    cookie = f"Cookie: {server.cookie['Cookie']}"
    return "\r\n".join([request, cookie, "Connection: close", *lines, "", ""]).encode("latin-1")


# Who asks


def test_only_its_own_name_is_answered(server: Running) -> None:
    own = f"Host: {server.name}"
    assert status_of(server.raw(head(server, own))) == 200
    assert status_of(server.raw(head(server, f"Host: localhost:{server.port}"))) == 200
    for lines in (
        ["Host: evil.example"], [f"Host: evil.example:{server.port}"], ["Host: 127.0.0.1"], ["Host:"],
        [f"Host: 127.0.0.1:{server.port}.evil.example"], [f"Host: x@127.0.0.1:{server.port}"],
        [f"Host: 127.0.0.1:{server.port}, evil.example"], [f"Host: LOCALHOST:{server.port}"],
        [f"Host: 127.0.0.2:{server.port}"], [f"Host: [::1]:{server.port}"],
    ):  # fmt: skip
        assert status_of(server.raw(head(server, *lines))) == 421, lines
    assert status_of(server.raw(head(server, own, own))) in {400, 421}
    assert status_of(server.raw(head(server))) in {400, 421}
    assert status_of(server.raw(head(server, request="GET /api/ping HTTP/1.0"))) == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://{name}"},
        {"Origin": "http://{name}.evil.example"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/api/state"), ("POST", "/api/pictures"), ("OPTIONS", "/")])
def test_pages_of_other_sites_are_refused(server: Running, headers: dict[str, str], method: str, path: str) -> None:
    sent = {name: value.replace("{name}", server.name) for name, value in headers.items()}
    answer = server.ask(method, path, headers=sent)
    assert answer.status == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_its_own_pages_are_answered(server: Running) -> None:
    own = {"Origin": f"http://{server.name}", "Sec-Fetch-Site": "same-origin"}
    assert server.ask("POST", "/api/pictures", png(), own).status == 201
    assert server.ask("GET", "/", headers={"Sec-Fetch-Site": "none"}).status == 200


def test_without_the_cookie_nothing_is_answered(server: Running) -> None:
    right = server.keys.session
    for headers in (
        {},
        {"Cookie": f"{server.keys.cookie}="},
        {"Cookie": f"{server.keys.cookie}={right[:-1]}"},
        {"Cookie": f"{server.keys.cookie}={right}x"},
        {"Cookie": f"{server.keys.cookie}={server.keys.token}"},
        {"Cookie": f"convscope_1={right}"},
        {"Cookie": f"{server.keys.cookie}=\xff"},
        {"Authorization": f"Bearer {server.keys.token}"},
    ):
        for path in ("/", "/favicon", "/web/main.js", "/api/ping", "/api/state", "/nothing", "/api/openapi.json"):
            assert server.ask("GET", path, headers=headers, let_in=False).status == 401, (path, headers)
    wrong = server.ask("GET", "/?token=" + "x" * 43)
    assert (wrong.status, wrong.json["error"]["code"]) == (401, "token")
    assert server.ask("GET", f"/api/ping?token={server.keys.token}", let_in=False).status == 401
    assert server.ask("POST", f"/?token={server.keys.token}", let_in=False).status == 401
    several = {"Cookie": f"{server.keys.cookie}=old; other=1; {server.keys.cookie}={right}"}
    assert server.ask("GET", "/api/ping", headers=several, let_in=False).status == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("OPTIONS", "/api/ping", "GET"), ("HEAD", "/api/ping", "GET"), ("TRACE", "/api/state", "GET"),
        ("PUT", "/api/traces", "POST"), ("GET", "/api/traces", "POST"), ("POST", "/api/traces/x", "DELETE, GET"),
        ("PATCH", "/api/traces/x/trace", "GET, HEAD"), ("DELETE", "/web/main.js", "GET"), ("BREW", "/", "GET"),
        ("CONNECT", "/", "GET"),
    ],
)  # fmt: skip
def test_methods_that_are_not_listed_are_refused(server: Running, method: str, path: str, allowed: str) -> None:
    answer = server.ask(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


def test_every_answer_carries_the_headers(server: Running) -> None:
    answers = [
        server.ask("GET", "/"),
        server.ask("GET", "/web/main.js"),
        server.ask("GET", "/api/ping", let_in=False),
        server.ask("GET", "/api/ping", headers={"Host": "evil.example"}),
        server.ask("GET", "/api/ping", headers={"Origin": "null"}),
        server.ask("GET", "/nothing"),
        server.ask("POST", "/"),
        server.ask("POST", "/api/pictures", b"no picture"),
        server.ask("GET", f"/?token={server.keys.token}"),
    ]
    expected = {name.decode(): value.decode() for name, value in HEADERS}
    for answer in answers:
        assert expected.items() <= answer.headers.items()
        assert "server" not in answer.headers
    broken = server.raw(b"nonsense\r\n\r\n")
    assert status_of(broken) == 400
    assert all(name + b": " + value in broken for name, value in HEADERS)
    policy = expected["content-security-policy"]
    assert "unsafe" not in policy
    assert {"script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} <= set(
        policy.split("; ")
    )


# What is asked for


@pytest.mark.parametrize(
    "path",
    [
        "/web/../outside.js", "/web/%2e%2e/outside.js", "/web/%2e%2e%2foutside.js", "/web/..%5coutside.js",
        "/web/%252e%252e/outside.js", "/web//main.js", "/web/./main.js", "/web/main.js%00", "/web/main.js%00.css",
        "/web/%00", "/web/C:%5cWindows%5cwin.ini", "/web/%5c%5chost%5cshare%5cx.js", "//host/share/x.js",
        "/web//etc/passwd", "/web/file:///etc/passwd", "/web/MAIN.JS", "/web/main.js/", "/web/secret.txt",
        "/web/%c0%ae%c0%ae/outside.js", "/web/styles/..%2fmain.js", "/api/samples/..%2fchelsea",
        "/api/samples/%2e%2e", "/api/samples/chelsea%00", "/api/pictures/%2e%2e%2f%2e%2e", "/api/pictures/%00",
        "/api/traces/%2e%2e/trace", "/api//state", "/API/state", "/%61pi/traces/x",
    ],
)  # fmt: skip
def test_no_path_leads_anywhere(server: Running, path: str) -> None:
    answer = server.ask("GET", path)
    assert answer.status == 404
    assert set(answer.json) == {"error"}


@pytest.mark.parametrize(
    "text",
    ["nets/tutorial-1.txt", "/etc/passwd", "zoo:Outputs", "os:system", "timm:resnet18", "http://evil.example/net",
     "file:///etc/passwd", "model.safetensors", "../../etc/passwd", "\\\\host\\share\\net.txt", "tutorial-1\0"],
)  # fmt: skip
def test_a_clients_network_is_never_a_file_an_address_or_an_object(server: Running, text: str) -> None:
    for network in ({"spec": text}, {"id": text}):
        answer = server.start(network)
        assert answer.status in {404, 422}
        assert answer.json["error"]["code"] == "network"
        assert "root:" not in answer.error


def test_a_spec_that_is_the_name_of_a_file_stays_text(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "relu").write_text("conv(7, 3)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    news = server.finished(server.start({"spec": "relu"}).json["id"])
    assert news["network"]["spec"] == "relu"


@pytest.mark.parametrize(
    "header",
    [
        "bytes=" + ",".join(f"{n}-{n}" for n in range(10_000)),
        "bytes=0-1,2-3", "bytes=5-2", "bytes=-0", "bytes=-", "bytes=", "bytes", "lines=0-5", "bytes=a-b",
        "bytes=99999999999999999-", "bytes=" + "9" * 5000 + "-", "bytes=0-\u00b2", "bytes=--1", "bytes=0-1-2",
    ],
)  # fmt: skip
def test_odd_ranges_are_refused(server: Running, header: str) -> None:
    name = server.done()
    path = f"/api/traces/{name}/trace"
    size = server.ask("HEAD", path).headers["content-length"]
    if len(header) > 20_000:  # so long a head is refused before it is read
        header = header[:20_000]
    answer = server.ask("GET", path, headers={"Range": header})
    assert answer.status == 416
    assert answer.headers["content-range"] == f"bytes */{size}"


def test_a_doubled_range_is_refused(server: Running) -> None:
    request = f"GET /api/traces/{server.done()}/trace HTTP/1.1"
    reply = server.raw(head(server, f"Host: {server.name}", "Range: bytes=0-1", "Range: bytes=2-3", request=request))
    assert status_of(reply) == 416


# Too much, too slow


def test_bodies_are_bounded_whatever_they_announce(server: Running) -> None:
    post = "POST /api/pictures HTTP/1.1"
    own = f"Host: {server.name}"
    for length in ("1000000000000", "65537", "9" * 15):
        reply = server.raw(head(server, own, f"Content-Length: {length}", request=post))
        assert status_of(reply) == 413, length
    chunk = b"8000\r\n" + bytes(0x8000) + b"\r\n"
    reply = server.raw(head(server, own, "Transfer-Encoding: chunked", request=post), chunk * 3 + b"0\r\n\r\n")
    assert status_of(reply) == 413
    reply = server.raw(head(server, own, "Content-Length: -1", request=post))
    assert status_of(reply) == 400
    assert status_of(server.raw(head(server, own, "Content-Length: 5", "Content-Length: 6", request=post))) == 400


def test_slow_bodies_are_given_up(server: Running) -> None:
    own = f"Host: {server.name}"
    post = "POST /api/pictures HTTP/1.1"
    assert status_of(server.raw(head(server, own, "Content-Length: 100", request=post), b"abc")) == 408
    assert status_of(server.raw(head(server, own, "Transfer-Encoding: chunked", request=post), b"5\r\nab")) == 408
    json = head(server, own, "Content-Length: 9", "Content-Type: application/json", request="POST /api/traces HTTP/1.1")
    assert status_of(server.raw(json, b"{")) == 408


def test_slow_heads_are_given_up(server: Running) -> None:
    assert status_of(server.raw(b"GET / HTTP/1.1\r\nHost: ")) == 408
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:  # also the second one
        connection.sendall(head(server, f"Host: {server.name}").replace(b"Connection: close\r\n", b""))
        first = b""
        while not first.endswith(b"}"):
            first += connection.recv(65536)
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert (status_of(first), status_of(connection.recv(65536))) == (200, 408)


def test_huge_heads_are_given_up(server: Running) -> None:
    huge = b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000  # uvicorn reads 64 KiB
    assert status_of(server.raw(huge)) == 400


def test_too_many_requests_at_a_time_are_told_to_come_back() -> None:
    from convscope.server import Limits

    with serving(limits=Limits(requests=0)) as server:
        answer = server.ask("GET", "/api/ping")
        assert (answer.status, answer.headers["retry-after"], answer.json["error"]["code"]) == (503, "1", "busy")


def test_a_bomb_of_a_picture_is_refused_undecoded(server: Running) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(50_000)))
    answer = server.ask("POST", "/api/pictures?name=bomb.png", bomb)
    assert answer.status == 422
    assert "convscope takes at most 50 million" in answer.error


def test_names_from_outside_stay_text(server: Running) -> None:
    name = "%3C/script%3E%3Cimg%20src=x%20onerror=alert(1)%3E%E2%80%AEgpj%0d%0aX-Evil:%201"
    answer = server.ask("POST", f"/api/pictures?name={name}", png())
    assert answer.status == 201
    assert "x-evil" not in answer.headers
    assert "\u202e" not in answer.json["name"]
    assert "\n" not in answer.json["name"]
    layer = "<img src=x onerror=alert(1)>"
    refusal = server.start({"spec": f"'{layer}': conv(3, 3)"})
    assert refusal.status == 422
    assert refusal.headers["content-type"] == "application/json"
