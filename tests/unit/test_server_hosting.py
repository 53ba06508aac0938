"""Where the server listens, under which names, and the networks that the command line gives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from convscope.errors import CallError, ModelError, SpecError
from convscope.image import open_image
from convscope.server.hosting import address_of, is_local, listen, names_of
from convscope.server.networks import Settings, given_model, given_spec
from serving import png, serving


def test_a_port_in_use_is_one_sentence() -> None:
    bound = listen("127.0.0.1", 0)
    port = bound.getsockname()[1]
    with bound, pytest.raises(CallError, match=rf"port {port} on 127\.0\.0\.1 is in use or not allowed \(.+\); give"):
        listen("127.0.0.1", port)
    with pytest.raises(CallError, match=r"--host 203\.0\.113\.9 is no address of this machine"):
        listen("203.0.113.9", 0)


def test_names_and_addresses_of_a_server() -> None:
    with listen("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        assert is_local(bound)
        assert names_of(bound, "127.0.0.1").fixed == {f"127.0.0.1:{port}", f"localhost:{port}"}
        assert address_of(bound, "127.0.0.1") == f"http://127.0.0.1:{port}/"
    with listen("0.0.0.0", 0) as bound:
        port = bound.getsockname()[1]
        names = names_of(bound, "0.0.0.0")
        assert not is_local(bound)
        assert address_of(bound, "0.0.0.0") == f"http://127.0.0.1:{port}/"
        assert names.allow(f"192.0.2.7:{port}", ("192.0.2.7", port))
        assert not names.allow(f"evil.example:{port}", ("192.0.2.7", port))
        assert not names.allow(f"192.0.2.7:{port}", ("192.0.2.8", port))


def test_networks_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chelsea").write_text("no picture", encoding="utf-8")  # files never stand in for the shelf
    Path("fashion-cnn").write_text("relu", encoding="utf-8")
    assert given_spec("cats-dogs", 1, None).facts()["id"] == "cats-dogs"
    assert given_spec("cats-dogs", 1, Path("w.safetensors")).facts()["id"] == "given-1"
    assert given_spec("conv(2, 3) | relu", 2, None).facts()["title"] == "network of 2 layers"
    with pytest.raises(SpecError, match="unknown layer"):
        given_spec("konv(2, 3) | gone", 1, None)
    picture = open_image(png())
    with pytest.raises(ModelError, match="cannot be imported"):
        given_model("nothing_here:build", 1, None, picture, Settings())
    offer = given_model("zoo:Outputs", 1, None, picture, Settings())
    assert type(offer.source.model).__name__ == "Outputs"
    with serving(networks=[offer]) as server:
        specs = {network["id"]: network["spec"] for network in server.ask("GET", "/api/state").json["networks"]}
        assert specs["fashion-cnn"].startswith("input(28x28x1)")
        assert server.ask("GET", "/api/samples/chelsea").status == 200
