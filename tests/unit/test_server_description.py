"""The OpenAPI document is true: every route, method and status, in both directions, and every answer by its schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from convscope.explaining import verb
from convscope.server import Limits
from convscope.server.description import COMMON, description
from serving import SMALL, Answer, Running, page_folder, png, serving

DOCUMENT = description()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    web = page_folder(tmp_path_factory.mktemp("site") / "web")
    with serving(web=web, limits=SMALL) as running:
        yield running


def operations() -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}


def test_every_route_is_described_and_every_description_is_a_route(server: Running) -> None:
    routes = {
        (method, re.sub(r":path\}", "}", route.path))
        for route in server.app.api.routes()
        for method in route.name.split(",")
    }
    assert routes == operations()
    assert server.ask("GET", "/api/openapi.json").json == json.loads(json.dumps(DOCUMENT))


def schema_of(method: str, path: str, answer: Answer) -> Any:
    response = DOCUMENT["paths"][path][method.lower()]["responses"][str(answer.status)]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    content = response.get("content", {})
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if not content:
        assert answer.body == b""
        return None
    if method == "HEAD":
        return None
    return content[kind if kind in content else "*/*"]["schema"] if kind == "application/json" else None


def check(method: str, path: str, answer: Answer) -> int:
    """The answer has the form that the document gives it; its status."""
    schema = schema_of(method, path, answer)
    if schema is not None:
        jsonschema.validate(answer.json, {**schema, "components": DOCUMENT["components"]})
    return answer.status


def explained(server: Running, trace: str, method: str) -> str:
    """An explanation that is over; its id."""
    name = server.send(f"/api/traces/{trace}/maps", {"method": method}).json["id"]
    while server.ask("GET", f"/api/maps/{name}?wait=20").json["state"] in {"waiting", "running"}:
        continue
    return str(name)


def test_every_status_comes_and_no_other(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    from convscope import page

    monkeypatch.setattr(page, "html_bytes", lambda trace: b"<!doctype html>", raising=False)
    done, gone = server.done(), "nothing"
    failed = server.start({"spec": "conv(3, 3)"}, seed=99).json["id"]
    server.finished(failed)
    picture = server.ask("POST", "/api/pictures", png()).json["id"]
    cancelled = server.start({"spec": "conv(5, 3)"}).json["id"]
    while server.ask("GET", f"/api/traces/{cancelled}").json["state"] != "cancelled":
        server.ask("DELETE", f"/api/traces/{cancelled}")  # one that was faster is forgotten, and started again
        if server.ask("GET", f"/api/traces/{cancelled}").status == 404:
            cancelled = server.start({"spec": "conv(5, 3)"}).json["id"]
    with monkeypatch.context() as patched:
        patched.setattr(verb, "explain_trace", lambda *_args, **_more: 1 / 0)
        failed_map = explained(server, done, "cam")
    made = explained(server, done, "gradcam")
    json_type, part, odd = {"Content-Type": "application/json"}, {"Range": "bytes=0-9"}, {"Range": "bytes=9-0"}
    slow = {"Content-Length": "9"}
    wish = {"picture": {"sample": "chelsea"}, "network": {"spec": "relu"}, "size": [4, 4]}

    def asked(method: str, path: str, real: str, *args: Any) -> tuple[str, str, int]:
        return method, path, check(method, path, server.ask(method, real, *args))

    seen = [
        asked("GET", "/", "/"),
        asked("GET", "/", f"/?token={server.keys.token}"),
        asked("GET", "/favicon", "/favicon"),
        asked("GET", "/web/{path}", "/web/main.js"),
        asked("GET", "/web/{path}", "/web/nothing"),
        asked("GET", "/api/ping", "/api/ping"),
        asked("GET", "/api/openapi.json", "/api/openapi.json"),
        asked("GET", "/api/state", "/api/state"),
        asked("GET", "/api/samples/{name}", "/api/samples/coffee"),
        asked("GET", "/api/samples/{name}", "/api/samples/tea"),
        asked("POST", "/api/pictures", "/api/pictures", png()),
        asked("POST", "/api/pictures", "/api/pictures", b"text"),
        asked("POST", "/api/pictures", "/api/pictures", bytes(1 << 17)),
        asked("POST", "/api/pictures", "/api/pictures", None, slow),
        asked("GET", "/api/pictures/{id}", f"/api/pictures/{picture}"),
        asked("GET", "/api/pictures/{id}", "/api/pictures/nothing"),
        asked("POST", "/api/traces", "/api/traces", json.dumps(wish).encode(), json_type),
        asked("POST", "/api/traces", "/api/traces", b"{", json_type),
        asked("POST", "/api/traces", "/api/traces", b"{}", json_type),
        asked("POST", "/api/traces", "/api/traces", b"{}"),
        asked("POST", "/api/traces", "/api/traces", bytes(1 << 14), json_type),
        asked("POST", "/api/traces", "/api/traces", None, slow | json_type),
        asked(
            "POST", "/api/traces", "/api/traces",
            json.dumps(wish | {"picture": {"id": "no"}}).encode(), json_type,
        ),
        *(
            asked("POST", "/api/traces/{id}/maps", f"/api/traces/{name}/maps", *args)
            for name, *args in (
                (done, b'{"method": "gradcam"}', json_type),
                (done, b"{", json_type),
                (done, b"{}", json_type),
                (done, b"{}"),
                (done, bytes(1 << 14), json_type),
                (done, None, slow | json_type),
                (gone, b'{"method": "gradcam"}', json_type),
                (cancelled, b'{"method": "gradcam"}', json_type),
            )
        ),
        asked("GET", "/api/maps/{id}", f"/api/maps/{made}?wait=1&seen=0"),
        asked("GET", "/api/maps/{id}", f"/api/maps/{failed_map}?wait=long"),
        asked("GET", "/api/maps/{id}", f"/api/maps/{gone}"),
        asked("GET", "/api/maps/{id}/map", f"/api/maps/{made}/map"),
        asked("GET", "/api/maps/{id}/map", f"/api/maps/{failed_map}/map"),
        asked("GET", "/api/maps/{id}/map", f"/api/maps/{gone}/map"),
        asked("DELETE", "/api/maps/{id}", f"/api/maps/{failed_map}"),
        asked("DELETE", "/api/maps/{id}", f"/api/maps/{gone}"),
        asked("GET", "/api/traces/{id}", f"/api/traces/{done}?wait=1&seen=0"),
        asked("GET", "/api/traces/{id}", f"/api/traces/{cancelled}"),
        asked("GET", "/api/traces/{id}", f"/api/traces/{done}?wait=long"),
        asked("GET", "/api/traces/{id}", f"/api/traces/{gone}"),
        asked("GET", "/api/traces/{id}/trace", f"/api/traces/{done}/trace"),
        asked("GET", "/api/traces/{id}/overview", f"/api/traces/{done}/overview"),
        asked("GET", "/api/traces/{id}/page", f"/api/traces/{done}/page"),
        asked("DELETE", "/api/traces/{id}", f"/api/traces/{failed}"),
        asked("DELETE", "/api/traces/{id}", f"/api/traces/{gone}"),
        *(
            asked(method, "/api/traces/{id}/trace", f"/api/traces/{name}/trace", None, range_)
            for method in ("GET", "HEAD")
            for name, range_ in ((done, {}), (done, part), (done, odd), (gone, {}), (cancelled, {}))
        ),
        *(
            asked("GET", f"/api/traces/{{id}}/{what}", f"/api/traces/{name}/{what}")
            for what in ("overview", "page")
            for name in (gone, cancelled)
        ),
    ]  # fmt: skip
    with serving() as bare:  # no page in the folder
        bare.app.api._files.clear()
        seen.append(("GET", "/", check("GET", "/", bare.ask("GET", "/"))))
    described = {
        (method, path, int(status))
        for method, path in operations()
        for status in DOCUMENT["paths"][path][method.lower()]["responses"]
        if int(status) not in COMMON
    }
    # A body that breaks off is answered to nobody: the connection is gone.
    assert described - set(seen) == {("POST", "/api/pictures", 400)}
    assert set(seen) <= described


def test_what_every_operation_may_answer_it_does(server: Running) -> None:
    with serving(limits=Limits(requests=0)) as full:
        for method, path in operations():
            real = re.sub(r"\{\w+\}", "x", path)
            assert check(method, path, server.ask(method, real, let_in=False)) == 401
            assert check(method, path, server.ask(method, real, headers={"Origin": "null"})) == 403
            assert check(method, path, server.ask(method, real, headers={"Host": "evil.example"})) == 421
            assert check(method, path, full.ask(method, real)) == 503


SCHEMA = schemathesis.openapi.from_dict(json.loads(json.dumps(DOCUMENT)))


@pytest.mark.parametrize("label", sorted(f"{method} {path}" for method, path in operations()))
def test_generated_requests_meet_described_answers(label: str, server: Running) -> None:
    method, _, path = label.partition(" ")

    @given(case=SCHEMA[path][method].as_strategy())
    @settings(
        max_examples=12, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def run(case: Any) -> None:
        sent = case.as_transport_kwargs(base_url=f"http://{server.name}")
        answer = ask(server, sent)
        assert answer.status != 500
        assert check(method, path, answer) < 500

    run()


def ask(server: Running, sent: dict[str, Any]) -> Answer:
    """What schemathesis would send, sent over our own connection with the cookie."""
    import requests

    headers = {**sent.get("headers", {}), **server.cookie}
    parts = {name: sent[name] for name in ("params", "json", "data") if name in sent}
    prepared = requests.Session()
    response = prepared.request(sent["method"], sent["url"], headers=headers, allow_redirects=False, **parts)
    found = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, found, response.content)


def test_the_check_itself_sees_a_wrong_answer(tmp_path: Path) -> None:
    wrong = Answer(200, {"content-type": "application/json"}, b'{"convscope": 1}')
    with pytest.raises(jsonschema.ValidationError):
        check("GET", "/api/ping", wrong)
    with pytest.raises(KeyError):
        check("GET", "/api/ping", Answer(418, {}, b""))
