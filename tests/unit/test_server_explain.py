"""Explanations of the server: what is made, that runs are not held up by it, following, cancelling, refusals."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import page_files
from convscope.errors import Cancelled, ModelError
from convscope.explaining import verb
from convscope.explaining.methods import METHODS
from convscope.explaining.targets import Target
from convscope.explaining.verb import Explanation, explain
from convscope.server import Limits
from convscope.server.explanations import MapJob, with_map
from convscope.server.networks import Offer
from convscope.traces import Map, Placement, Step, Trace
from serving import NET, Running, page_folder, serving

GRADCAM = {"method": "gradcam"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with serving(web=page_folder(tmp_path / "web")) as running:
        yield running


def finished(server: Running, name: str) -> dict[str, Any]:
    """News of an explanation once it is over."""
    while (news := server.ask("GET", f"/api/maps/{name}?wait=20").json)["state"] in {"waiting", "running"}:
        continue
    return dict(news)


def asked(server: Running, trace: str, **wish: Any) -> str:
    answer = server.send(f"/api/traces/{trace}/maps", {**GRADCAM, **wish})
    assert answer.status == 202, answer.body
    return str(answer.json["id"])


def made(server: Running, trace: str, **wish: Any) -> page_files.File:
    """The file of a map."""
    name = asked(server, trace, **wish)
    news = finished(server, name)
    assert news["state"] == "done", news
    return page_files.parse(server.ask("GET", f"/api/maps/{name}/map").body, "convscope_map")


def test_a_map_is_the_one_that_the_library_makes(server: Running) -> None:
    trace = server.done(seed=5)
    file = made(server, trace, target=2)
    expected = explain(NET, "chelsea", seed=5, size=(12, 16), target=2).map
    assert file.arrays["map"].tobytes() == expected.value.tobytes()
    text = file.text
    assert (text["method"], text["target"], text["layer"]) == ("gradcam", "2", expected.layer)
    assert (text["why_layer"], text["score"]) == (expected.why_layer, pytest.approx(expected.score))
    assert text["value"] == {"tensor": "map", "shape": [12, 16], "encoding": "float32"}
    timed = {"seconds", "passes", "steps", "trust", "reasons", "rules", "verdict"}
    assert text["evidence"].keys() == expected.evidence.keys() >= timed | {"insertion", "deletion", "road", "controls"}


def test_the_likeliest_class_is_asked_about_where_none_is_named(server: Running) -> None:
    trace = server.done()
    likeliest = explain(NET, "chelsea", size=(12, 16), evidence=False).target
    assert made(server, trace).text["target"] == likeliest.label
    other = next(index for index in range(3) if index != likeliest.index)
    contrast = made(server, trace, target=other, against=likeliest.index).text["target"]
    assert contrast == f"{other} against {likeliest.label}"


def test_the_file_that_pages_read_stays_and_the_one_to_keep_has_the_maps(server: Running) -> None:
    trace = server.done()
    before = server.ask("GET", f"/api/traces/{trace}/trace").body
    made(server, trace, target=0)
    newest = made(server, trace, target=1, method="gradient")
    again = made(server, trace, target=1, method="gradient", layer=None, thorough=True)
    assert server.ask("GET", f"/api/traces/{trace}/trace").body == before
    kept = _kept(server, trace)
    assert [(part["method"], part["target"]) for part in kept.text["maps"]] == [("gradient", "1"), ("gradcam", "0")]
    assert kept.text["maps"][0]["evidence"]["thorough"] is again.text["evidence"]["thorough"] is True
    value = kept.arrays[kept.text["maps"][0]["value"]["tensor"]]
    assert value.tobytes() == newest.arrays["map"].tobytes()


def _kept(server: Running, trace: str) -> page_files.File:
    from convscope.server.jobs import Result
    from convscope.store import dumps

    result: Result = server.app.api._running.result(trace)
    return page_files.parse(dumps(result.trace), "convscope")


def test_the_same_wish_is_made_once_and_a_failed_one_again(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = server.done()
    first = asked(server, trace)
    finished(server, first)
    assert asked(server, trace, layer=None, thorough=False) == first
    assert asked(server, trace, thorough=True) != first
    monkeypatch.setattr(verb, "explain_trace", _raising(ModelError("this network is odd; give another one")))
    failed = asked(server, trace, method="cam")
    news = finished(server, failed)
    assert (news["state"], news["message"]) == ("failed", "this network is odd; give another one")
    refused = server.ask("GET", f"/api/maps/{failed}/map")
    assert (refused.status, refused.error) == (
        409,
        "this explanation has no map: this network is odd; give another one",
    )
    assert asked(server, trace, method="cam") != failed


def _raising(error: Exception) -> Any:
    def explain_trace(*_args: Any, **_more: Any) -> Explanation:
        raise error

    return explain_trace


def test_a_defect_is_one_sentence_here_and_a_traceback_in_the_terminal(
    server: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = server.done()
    monkeypatch.setattr(verb, "explain_trace", _raising(ZeroDivisionError("secret")))
    news = finished(server, asked(server, trace))
    assert news["state"] == "failed"
    assert news["message"] == (
        "internal error (ZeroDivisionError); convscope printed where it happened, please report that"
    )
    assert "secret" in capsys.readouterr().err


def test_news_say_what_is_asked_and_how_far_it_is(server: Running) -> None:
    trace = server.done()
    name = asked(server, trace, target=1, layer="relu_1")
    news = finished(server, name)
    assert {key: news[key] for key in ("id", "trace", "method", "target", "against", "layer", "thorough")} == {
        "id": name, "trace": trace, "method": "gradcam", "target": 1, "against": None, "layer": "relu_1",
        "thorough": False,
    }  # fmt: skip
    assert news["progress"]["done"] == news["progress"]["total"] > 10
    assert news["message"] is None


WRONG = [
    ([], "no JSON object"),
    ({}, "the method is none of cam, gradcam"),
    ({"method": "../../etc"}, "the method is none of"),
    ({"method": ["gradcam"]}, "the method is none of"),
    ({**GRADCAM, "model": "os:system"}, "unknown field 'model'"),
    ({**GRADCAM, "target": "1"}, "'target' is no class's number"),
    ({**GRADCAM, "target": True}, "'target' is no class's number"),
    ({**GRADCAM, "target": -1}, "'target' is no class's number"),
    ({**GRADCAM, "target": 3}, "there is no class 3; the network has 3"),
    ({**GRADCAM, "target": 1, "against": 9}, "there is no class 9"),
    ({**GRADCAM, "target": 1, "against": 1}, "against itself"),
    ({**GRADCAM, "against": 1}, "'against' stands without a target"),
    ({**GRADCAM, "layer": 7}, "the layer is no text"),
    ({**GRADCAM, "layer": "x" * 1001}, "the layer is no text of up to 1000"),
    ({**GRADCAM, "layer": "<b>nowhere"}, "there is no step '<b>nowhere' in this trace"),
    ({**GRADCAM, "thorough": 1}, "'thorough' is neither true nor false"),
]


def test_wrong_wishes_are_refused_with_a_sentence(server: Running) -> None:
    trace = server.done()
    for wish, expected in WRONG:
        answer = server.send(f"/api/traces/{trace}/maps", wish)
        assert (answer.status, answer.json["error"]["code"]) == (422, "request"), wish
        assert expected in answer.error
    assert len(server.app.api._explaining._jobs.kept) == 0


def test_what_is_not_there_is_said(server: Running) -> None:
    assert server.send("/api/traces/nothing/maps", GRADCAM).status == 404
    for method, path in (("GET", "/api/maps/x"), ("DELETE", "/api/maps/x"), ("GET", "/api/maps/x/map")):
        answer = server.ask(method, path)
        assert (answer.status, answer.error) == (404, "this explanation is no longer kept; ask for it again")
    maps = server.done({"spec": "conv(2, 3) | relu"})
    answer = server.send(f"/api/traces/{maps}/maps", GRADCAM)
    assert (answer.status, answer.error) == (
        422, "this network answers with no list of scores, so there is no class to explain",
    )  # fmt: skip


class Slow:
    """In the place of the work: goes on until it is let go or stopped."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.stopped: list[BaseException] = []
        self.at_once = self.most = 0

    def __call__(self, trace: Trace, *, watch: Any, **_more: Any) -> Explanation:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.begun.release()
        try:
            done = 0
            while not self.go.acquire(timeout=0.01):
                done += 1
                watch(done, 1000, "insertion")
        except BaseException as error:
            self.stopped.append(error)
            raise
        finally:
            self.at_once -= 1
        value = np.ones(trace.input.shape[1:], np.float32)
        return Explanation(Target("0", 0), 0.0, (Map("gradcam", "0", value),), trace, trace.picture)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    found = Slow()
    monkeypatch.setattr(verb, "explain_trace", found)
    return found


def test_a_run_does_not_wait_for_an_explanation_and_explanations_for_each_other(server: Running, slow: Slow) -> None:
    trace = server.done()
    names = [asked(server, trace, target=i) for i in range(3)]
    assert slow.begun.acquire(timeout=30)
    states = [server.ask("GET", f"/api/maps/{name}").json["state"] for name in names]
    assert states == ["running", "waiting", "waiting"]
    server.done(seed=77)
    for _ in names:
        slow.go.release()
    assert {finished(server, name)["state"] for name in names} == {"done"}
    assert slow.most == 1


def test_one_that_is_cancelled_ends_at_its_next_pass_and_one_that_waits_never_begins(
    server: Running, slow: Slow
) -> None:
    trace = server.done()
    first, second = asked(server, trace, target=0), asked(server, trace, target=1)
    assert slow.begun.acquire(timeout=30)
    for name in (second, first):
        assert server.ask("DELETE", f"/api/maps/{name}").status == 204
        assert server.ask("GET", f"/api/maps/{name}").json["state"] == "cancelled"
        refused = server.ask("GET", f"/api/maps/{name}/map")
        assert (refused.status, refused.error) == (409, "this explanation has no map: it was cancelled")
    third = asked(server, trace, target=0)
    assert third != first
    assert slow.begun.acquire(timeout=30)  # so the first one has ended
    slow.go.release()
    assert finished(server, third)["state"] == "done"
    assert [type(error) for error in slow.stopped] == [Cancelled]
    assert len(_kept(server, trace).text["maps"]) == 1
    assert server.ask("DELETE", f"/api/maps/{third}").status == 204
    assert server.ask("GET", f"/api/maps/{third}").status == 404
    assert len(_kept(server, trace).text["maps"]) == 1


def test_one_that_takes_too_long_says_so(tmp_path: Path, slow: Slow) -> None:
    with serving(web=page_folder(tmp_path / "web"), limits=Limits(explain_seconds=0.05)) as server:
        news = finished(server, asked(server, server.done()))
    assert news["state"] == "failed"
    assert "takes longer than the 0 seconds that a server gives it" in news["message"]


def test_too_many_that_wait_are_refused(tmp_path: Path, slow: Slow) -> None:
    with serving(web=page_folder(tmp_path / "web"), limits=Limits(queue=1)) as server:
        trace = server.done()
        asked(server, trace, target=0)
        assert slow.begun.acquire(timeout=30)
        asked(server, trace, target=1)
        full = server.send(f"/api/traces/{trace}/maps", {**GRADCAM, "target": 2})
        assert (full.status, full.headers["retry-after"]) == (503, "1")
        assert full.error == "as many explanations are waiting as may; try again in a second"


def test_the_server_ends_while_something_is_being_explained(tmp_path: Path, slow: Slow) -> None:
    with serving(web=page_folder(tmp_path / "web")) as server:
        asked(server, server.done())
        assert slow.begun.acquire(timeout=30)
        started = time.monotonic()
    assert time.monotonic() - started < 20
    assert [type(error) for error in slow.stopped] == [Cancelled]


def test_parts_of_the_work_are_counted_together() -> None:
    loop = asyncio.new_event_loop()
    job = MapJob("name", {}, None, loop)
    told = []
    for done, total in ((0, None), (32, 64), (64, 64), (1, 100), (100, 100), (5, None)):
        job.passed(done, total, "")
        told.append((job.progress.done, job.total))
    loop.close()
    assert told == [(0, None), (32, 64), (64, 64), (65, 164), (164, 164), (169, None)]
    job.stop()
    with pytest.raises(Cancelled, match="the run was cancelled"):
        job.passed(6, None, "")


def test_a_trace_keeps_the_newest_maps_and_one_of_each_kind() -> None:
    seen = Step("input", "input", np.ones((3, 2, 2), np.float32))
    trace = Trace(np.zeros((2, 2, 3), np.uint8), (seen,), ("input",), Placement(0.0, 0.0, 2.0, 2.0))
    for i, target in enumerate("abcab"):
        trace = with_map(trace, Map("cam", target, np.full((2, 2), i, np.float32)), 2)
    assert [(map_.target, float(map_.value[0, 0])) for map_ in trace.maps] == [("b", 4.0), ("a", 3.0)]


def test_the_page_is_told_of_every_method(server: Running) -> None:
    methods = server.ask("GET", "/api/state").json["methods"]
    assert [method["name"] for method in methods] == list(METHODS)
    assert {method["name"] for method in methods if method["warning"]} >= {"guided"}
    assert {method["name"] for method in methods if not method["layered"]} >= {"rise", "gradient"}


def test_a_model_of_the_command_line_is_explained_and_left_as_it_was(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(3)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
        torch.nn.Linear(4, 2),
    ).train()  # fmt: skip
    before = {name: value.clone() for name, value in model.state_dict().items()}
    offers = [Offer("mine", "Mine", "given", model)]
    with serving(web=page_folder(tmp_path / "web"), networks=offers) as server:
        file = made(server, server.done({"id": "mine"}), target=1, method="hirescam")
    assert file.arrays["map"].shape == (12, 16)
    assert json.dumps(file.text["evidence"])
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
