"""``convscope serve`` as a process: what it prints, how it is entered, how it ends."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from convscope.app import cli, serve
from convscope.server.hosting import listen
from serving import png


@contextmanager
def started(
    folder: Path, *arguments: str, env: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the first line that it printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "convscope", *arguments], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error::ResourceWarning", **(env or {})},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


@contextmanager
def entered(line: str) -> Iterator[tuple[http.client.HTTPConnection, dict[str, str]]]:
    """A connection to the server that printed ``line``, and the cookie that its address gave."""
    found = re.fullmatch(r"convscope is at (http://127\.0\.0\.1:\d+/\?token=[\w-]{43})  \(Ctrl-C stops it\)\n", line)
    assert found, line
    parts = urlsplit(found[1])
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    connection.request("GET", f"/?{parts.query}")
    response = connection.getresponse()
    response.read()
    assert response.status == 303
    with closing(connection):
        yield connection, {"Cookie": str(response.headers["Set-Cookie"]).partition(";")[0]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "cat.png").write_bytes(png())
    arguments = ["serve", "cat.png", "--net", "conv(2, 3) | relu", "--seed", "7", "--port", "0", "--no-browser"]
    with started(tmp_path, *arguments) as (process, line), entered(line) as (connection, cookie):
        connection.request("GET", "/api/state", headers=cookie)
        state = connection.getresponse().read().decode()
        assert '"samples":[{"name":"cat.png","width":20,"height":12},{"name":"chelsea"' in state
        assert '"default":{"picture":"cat.png","network":"given-1","seed":7,"scale":null,"size":null}' in state
        body = b'{"picture":{"sample":"cat.png"},"network":{"id":"given-1"}}'
        connection.request("POST", "/api/traces", body, {**cookie, "Content-Type": "application/json"})
        name = connection.getresponse().read().decode().split('"')[3]
        connection.request("GET", f"/api/traces/{name}?wait=30", headers=cookie)
        assert '"state":"done"' in connection.getresponse().read().decode()
        # Somebody waits for news of a run when the end comes.
        body = b'{"picture":{"sample":"chelsea"},"network":{"spec":"conv(64, 9) | conv(64, 9)"}}'
        connection.request("POST", "/api/traces", body, {**cookie, "Content-Type": "application/json"})
        name = connection.getresponse().read().decode().split('"')[3]
        connection.request("GET", f"/api/traces/{name}?wait=30", headers=cookie)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "", "convscope: stopped\n")


def test_bare_convscope_is_serve_with_a_browser(tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!{sys.executable}\nimport sys\nopen("{tmp_path}/opened", "a").write(sys.argv[1])\n')
    browser.chmod(0o755)
    with started(tmp_path, env={"BROWSER": f"{browser} %s"}) as (_, line), entered(line) as (connection, cookie):
        connection.request("GET", "/api/state", headers=cookie)
        assert '"default":{"picture":"chelsea","network":"catdog"' in connection.getresponse().read().decode()
        while not (tmp_path / "opened").exists() or not (tmp_path / "opened").read_text():
            continue
    assert (tmp_path / "opened").read_text() in line


def test_bare_convscope_calls_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(serve, "run", lambda request, nets, models, **more: calls.append((request, nets, models, more)))
    with pytest.raises(SystemExit) as done:
        cli.main([])
    assert done.value.code == 0
    ((request, nets, models, more),) = calls
    assert (request.photo, nets, models) == ("chelsea", [], [])
    assert more == {"host": "127.0.0.1", "port": None, "browser": True}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing.jpg"], "there is no file 'nothing.jpg'"),
        (["--net", "conv(8, 3) | maxpol(2)"], "line 1, column 14: unknown layer 'maxpol'"),
        (["--model", "nothing_here:build"], "'nothing_here:build' cannot be imported"),
        (["--scale", "huge"], "--scale 'huge' is unknown"),
        (["--host", "203.0.113.9"], "--host 203.0.113.9 is no address of this machine"),
        (["--port", "70000"], "Invalid value for '--port'"),
    ],
)
def test_a_wrong_call_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as done:
        cli.main(["serve", "--no-browser", *arguments])
    out, err = capsys.readouterr()
    assert (done.value.code, out) == (2, "")
    assert err.startswith(f"convscope: {sentence}")
    assert err.count("\n") == 1


def test_a_port_in_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with listen("127.0.0.1", 0) as bound, pytest.raises(SystemExit) as done:
        cli.main(["serve", "--no-browser", "--port", str(bound.getsockname()[1])])
    assert done.value.code == 2
    assert "is in use or not allowed" in capsys.readouterr().err


def test_the_usual_port_gives_way_to_a_free_one() -> None:
    with listen("127.0.0.1", None) as first, listen("127.0.0.1", None) as second:
        assert first.getsockname()[1] != second.getsockname()[1] != 0


def test_without_a_display_no_browser_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not serve._has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert serve._has_display()


def test_help_loads_neither_torch_nor_the_server() -> None:
    called = "from convscope.app.cli import main\ntry: main(['serve', '--help'])\nexcept SystemExit: pass"
    program = f"import sys\n{called}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(done.stderr.split()) & {"torch", "starlette", "uvicorn", "h5py", "matplotlib"}
    assert "--no-browser" in done.stdout
