"""The server: what can be asked of it, and what comes back."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import convscope as cs
from convscope.image import open_image
from convscope.network import Preprocessing
from convscope.networks import names
from convscope.server import Limits, tracefile
from convscope.server.networks import Offer, Settings, given_model, given_spec
from convscope.server.tracefile import TraceFile
from convscope.spec import build, parse, shelf
from convscope.store import dumps, loads
from convscope.train.export import export_network
from serving import NET, SMALL, Running, page_folder, png, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(web=page_folder(tmp_path_factory.mktemp("site") / "web")) as running:
        yield running


# Pages and files


def test_the_first_address_gives_a_cookie_and_the_page(server: Running) -> None:
    first = server.ask("GET", f"/?token={server.keys.token}", let_in=False)
    assert (first.status, first.headers["location"]) == (303, "/")
    cookie, *flags = first.headers["set-cookie"].split("; ")
    assert flags == ["Path=/", "HttpOnly", "SameSite=Strict"]
    assert cookie.startswith(f"convscope_{server.port}=")
    assert server.keys.token not in cookie
    page = server.ask("GET", "/", headers={"Cookie": cookie}, let_in=False)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.body == b"<!doctype html><title>page</title>"


def test_the_pages_files_are_served_and_nothing_else(server: Running) -> None:
    script = server.ask("GET", "/web/main.js")
    assert (script.body, script.headers["content-type"]) == (b"export {};", "text/javascript; charset=utf-8")
    assert server.ask("GET", "/web/styles/base.css").headers["content-type"] == "text/css; charset=utf-8"
    for path in ("/web/secret.txt", "/web/", "/web", "/web/styles", "/web/index.html", "/nothing", "//", "/api"):
        assert server.ask("GET", path).status == 404, path


def test_the_shelf_and_what_to_begin_with(server: Running) -> None:
    state = server.ask("GET", "/api/state").json
    assert [sample["name"] for sample in state["samples"]] == ["chelsea", "astronaut", "coffee"]
    assert state["samples"][0] == {"name": "chelsea", "width": 451, "height": 300}
    assert {network["id"] for network in state["networks"]} == {*names(), *shelf()}
    first = [(network["id"], network["kind"]) for network in state["networks"][: len(names())]]
    assert first == [(name, "trained") for name in names()]
    assert state["default"] == {"picture": "chelsea", "network": "catdog", "seed": 0, "scale": None, "size": None}
    sample = server.ask("GET", "/api/samples/chelsea")
    assert sample.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(sample.body)).size == (320, 213)


# Pictures


def test_an_upload_is_kept_under_a_name_of_ours(server: Running) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    made = server.ask("POST", f"/api/pictures?name={'%3Cimg%20src=x%20onerror=alert(1)%3E.png'}", png())
    assert made.status == 201
    assert made.headers["content-type"] == "application/json"
    assert (made.json["name"], made.json["width"], made.json["height"]) == (name, 20, 12)
    small = server.ask("GET", f"/api/pictures/{made.json['id']}")
    assert Image.open(io.BytesIO(small.body)).getpixel((3, 3)) == (200, 90, 30)
    news = server.finished(server.start({"spec": "conv(2, 3)"}, picture={"id": made.json["id"]}).json["id"])
    assert (news["state"], news["picture"]["name"]) == ("done", name)


@pytest.mark.parametrize("body", [b"", b"GIF89a", b"no picture at all", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_what_is_no_picture_is_refused_with_a_sentence(server: Running, body: bytes) -> None:
    answer = server.ask("POST", "/api/pictures?name=cat.png", body, {"Content-Type": "image/png"})
    assert answer.status == 422
    assert answer.json["error"]["code"] == "picture"
    assert answer.error.startswith("'cat.png' ")


# Runs


def test_a_run_gives_the_file_that_the_library_gives(server: Running) -> None:
    name = server.done(seed=5)
    answer = server.ask("GET", f"/api/traces/{name}/trace")
    expected = cs.trace(NET, "chelsea", seed=5, size=(12, 16))
    assert answer.status == 200
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(dumps(expected)).digest()


def test_ranges_are_parts_of_the_file(server: Running) -> None:
    path = f"/api/traces/{server.done()}/trace"
    whole = server.ask("GET", path).body
    size = len(whole)
    head = server.ask("HEAD", path)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(size))
    rng = np.random.default_rng(0)
    cuts = [sorted(map(int, pair)) for pair in rng.integers(0, size, (20, 2))]
    for first, last in [(0, 0), (0, size - 1), (size - 1, size - 1), (7, 10**17), *cuts]:
        part = server.ask("GET", path, headers={"Range": f"bytes={first}-{last}"})
        assert part.status == 206
        assert part.body == whole[first : last + 1]
        assert part.headers["content-range"] == f"bytes {first}-{min(last, size - 1)}/{size}"
    assert server.ask("GET", path, headers={"Range": "bytes=-9"}).body == whole[-9:]
    assert server.ask("GET", path, headers={"Range": f"bytes={size - 4}-"}).body == whole[-4:]
    assert server.ask("GET", path, headers={"Range": "bytes=0-9", "If-Range": "x"}).body == whole


def test_large_arrays_are_handed_out_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracefile, "CHUNK", 1000)
    trace = cs.trace("conv(2, 3) | relu", "chelsea", size=(20, 30))
    whole, file = dumps(trace), TraceFile(trace)
    for start, stop in ((0, file.size), (1, file.size - 1), (file.size - 2500, file.size), (70, 70), (999, 2001)):
        parts = list(file.read(start, stop))
        assert b"".join(parts) == whole[start:stop]
        assert max(map(len, parts), default=0) <= 1000


def test_the_overview_is_what_the_library_makes(server: Running) -> None:
    from convscope.contribution import contributions
    from convscope.page import overview_bytes

    name = server.done()
    trace = loads(server.ask("GET", f"/api/traces/{name}/trace").body)
    expected = overview_bytes(trace, contributions=contributions(trace).channels)
    assert server.ask("GET", f"/api/traces/{name}/overview").body == expected != overview_bytes(trace)
    headless = server.done({"spec": "conv(2, 3)"})  # no scores, nothing that contributes to them
    trace = loads(server.ask("GET", f"/api/traces/{headless}/trace").body)
    assert server.ask("GET", f"/api/traces/{headless}/overview").body == overview_bytes(trace)


def test_the_page_to_keep_is_a_download_with_a_safe_name(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    from convscope import page

    monkeypatch.setattr(page, "html_bytes", lambda trace: f"<!doctype html>{len(trace)}".encode(), raising=False)
    key = server.ask("POST", "/api/pictures?name=..%2F%22x%22%0d%0aSet-Cookie:%20a=b.png", png()).json["id"]
    name = server.finished(server.start(picture={"id": key}).json["id"])["id"]
    answer = server.ask("GET", f"/api/traces/{name}/page")
    assert answer.body == b"<!doctype html>7"
    assert answer.headers["content-disposition"].startswith('attachment; filename="convscope-x')
    assert answer.headers["content-disposition"].endswith('.html"')
    assert "\\" not in answer.headers["content-disposition"]
    assert "set-cookie" not in answer.headers


def test_the_same_wish_is_run_once(server: Running) -> None:
    first, again, other = (server.start(seed=seed).json["id"] for seed in (70, 70, 71))
    assert first == again != other


def test_a_network_without_text_is_run_as_it_is() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.ReLU())
    weight = model[0].weight.detach().clone()
    with serving(networks=[Offer("mine", "Mine", "given", model)], begin="mine", warm=True) as server:
        state = server.ask("GET", "/api/state").json
        assert state["networks"][0] == {"id": "mine", "title": "Mine", "kind": "given", "spec": None}
        trace = loads(server.ask("GET", f"/api/traces/{server.done({'id': 'mine'})}/trace").body)
    np.testing.assert_array_equal(trace["0"].params["weight"], weight.numpy())
    assert [step.name for step in trace] == ["input", "0", "1"]


def test_a_trained_network_runs_with_what_its_file_says(server: Running, tmp_path: Path) -> None:
    text = "conv(4, 3) | relu | gap | dense(2) | softmax"
    path = tmp_path / "network.safetensors"
    model = build(parse(text), (3, 20, 30), seed=7)
    how = Preprocessing((20, 30), scale="imagenet")
    export_network(path, model, text, ("cat", "dog"), how, {"temperature": 1.5, "error": 0.0, "samples": 9}, "mine")
    offer = given_model(str(tmp_path), 1, None, open_image("chelsea"), Settings())
    with serving(networks=[offer], begin="given-1") as own:
        first = own.ask("GET", "/api/state").json["networks"][0]
        assert (first["title"], first["kind"], first["spec"]) == ("mine", "given", parse(text).text())
        trace = loads(own.ask("GET", f"/api/traces/{own.done({'id': 'given-1'}, size=None)}/trace").body)
        other = own.done({"id": "given-1"}, size=[9, 10], scale="byte")
        wished = loads(own.ask("GET", f"/api/traces/{other}/trace").body)
    assert (trace.labels, trace.input.shape) == (("cat", "dog"), (3, 20, 30))
    assert trace.about["calibration"]["temperature"] == 1.5
    assert trace.scores == cs.trace(path, "chelsea").scores
    assert (wished.labels, wished.input.shape, wished.about["scale"]) == (("cat", "dog"), (3, 9, 10), "byte")


def test_settings_reach_the_run(server: Running) -> None:
    news = server.finished(server.start(scale="byte", size=[9, 10], seed=3).json["id"])
    assert (news["scale"], news["size"], news["seed"]) == ("byte", [9, 10], 3)
    trace = loads(server.ask("GET", f"/api/traces/{news['id']}/trace").body)
    assert trace.input.shape == (3, 9, 10)
    assert trace.input.range[1] > 100
    assert trace.about["seed"] == 3


WRONG: list[tuple[Any, str]] = [
    ([], "the request is no JSON object"),
    ({}, "the request names no picture"),
    ({"picture": {"sample": "chelsea"}}, "the request names no network"),
    ({"picture": "chelsea", "network": {"id": "x"}}, "the picture is no JSON object"),
    ({"picture": {}, "network": {"id": "x"}}, "the picture is given by one of 'id' and 'sample'"),
    ({"picture": {"path": "/etc/passwd"}, "network": {"id": "x"}}, "the picture has the unknown field 'path'"),
    ({"picture": {"sample": 3}, "network": {"id": "x"}}, "'sample' of the picture is no text"),
    ({"seed": -1}, "the seed is no whole number"),
    ({"seed": True}, "the seed is no whole number"),
    ({"seed": 1.5}, "the seed is no whole number"),
    ({"seed": 2**53}, "the seed is no whole number"),
    ({"scale": "huge"}, "the scale is none of unit, byte, imagenet"),
    ({"scale": ["unit"]}, "the scale is none of"),
    ({"size": 224}, "the size is no [height, width]"),
    ({"size": [0, 5]}, "the size is no [height, width]"),
    ({"size": [5, 4097]}, "the size is no [height, width]"),
    ({"size": [5, True]}, "the size is no [height, width]"),
    ({"more": 1}, "the request has the unknown field 'more'"),
    ({"network": {"spec": "conv(8, 3) | maxpol(2)"}}, "line 1, column 14: unknown layer 'maxpol'"),
    ({"network": {"spec": "conv(8, 300)"}}, "layer 1 'conv_1' (conv(8, 300)) cannot work on its 12x16x3 input"),
    ({"network": {"spec": ""}}, "the spec has no layers"),
]


@pytest.mark.parametrize(("part", "sentence"), WRONG)
def test_a_wrong_wish_is_answered_with_a_sentence(server: Running, part: Any, sentence: str) -> None:
    whole = {"picture": {"sample": "chelsea"}, "network": {"spec": NET}, "size": [12, 16]}
    complete = not isinstance(part, dict) or not part or "picture" in part
    answer = server.send("/api/traces", part if complete else {**whole, **part})
    assert answer.status == 422
    assert answer.error.startswith(sentence)


def test_what_is_not_there_is_said(server: Running) -> None:
    for wish, sentence in (
        ({"picture": {"sample": "dog"}}, "there is no sample of that name; there are chelsea, astronaut, coffee"),
        ({"picture": {"id": "x" * 16}}, "this picture is no longer kept; upload it again"),
        ({"network": {"id": "zoo:Net"}}, "there is no network of that name; there are catdog"),
    ):
        answer = server.start(**wish)
        assert (answer.status, answer.error[: len(sentence)]) == (404, sentence)
    for path in ("", "/trace", "/overview", "/page"):
        assert server.ask("GET", f"/api/traces/nothing{path}").error == "this run is no longer kept; start it again"
    assert server.ask("DELETE", "/api/traces/nothing").status == 404


def test_too_large_networks_of_clients_are_refused_before_anything_is_built() -> None:
    limits = Limits(values=20_000, params=5_000, macs=100_000)
    trusted = given_spec("conv(40, 3)", 1, None)
    with serving(limits=limits, networks=[trusted]) as server:
        for spec, what in (
            ("conv(200, 3)", "values"), ("flatten | dense(10)", "parameters"), ("conv(40, 3)", "multiplications"),
            ("input(4096x4096x1)\nrelu", "values"),
        ):  # fmt: skip
            answer = server.start({"spec": spec}, **({"size": None} if spec.startswith("input") else {}))
            assert answer.status == 422
            assert f" {what} on this picture and a server takes at most " in answer.error
        assert "is larger than the 4096 pixels" in server.start({"spec": "input(5000x1x1)\nrelu"}, size=None).error
        assert server.start({"id": "given-1"}).status == 202  # the command line is trusted


def test_a_network_that_raises_fails_with_how_far_it_got() -> None:
    class Breaks(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x.relu()
            raise ValueError("<b>too warm</b>")

    with serving(networks=[Offer("breaks", "Breaks", "given", Breaks())]) as server:
        name = server.start({"id": "breaks"}).json["id"]
        news = server.finished(name)
        assert news["state"] == "failed"
        assert news["message"].startswith("Breaks stopped after 1 step")
        assert "ValueError: <b>too warm</b>" in news["message"]
        answer = server.ask("GET", f"/api/traces/{name}/trace")
        assert (answer.status, answer.json["error"]["code"]) == (409, "state")
        assert server.start({"id": "breaks"}).json["id"] != name  # what failed is tried again


def test_bodies_that_are_no_json(server: Running) -> None:
    for body in (b"", b"{", b"\xff", b"NaN", b"[" * 60_000, b"1" * 5000, b'{"a":Infinity}'):
        answer = server.ask("POST", "/api/traces", body, {"Content-Type": "application/json"})
        assert (answer.status, answer.json["error"]["code"]) == (400, "json"), body[:20]
    assert server.ask("POST", "/api/traces", b"{}", {"Content-Type": "text/plain"}).status == 415
    odd = json.dumps({"picture": {"sample": "\ud800"}, "network": {"spec": "\ud800"}}).encode()
    assert server.ask("POST", "/api/traces", odd, {"Content-Type": "application/json"}).status == 404


def test_small_limits_hold() -> None:
    with serving(limits=SMALL) as server:
        assert server.ask("POST", "/api/pictures", bytes(65 << 10)).status == 413
        large = json.dumps({"network": {"spec": "#" * 5000}}).encode()
        answer = server.ask("POST", "/api/traces", large, {"Content-Type": "application/json"})
        assert (answer.status, answer.error) == (413, "the request holds more than 4 KiB; send something smaller")
