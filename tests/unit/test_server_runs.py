"""Runs of the server while and after they run: news, cancelling, waiting in line, how long results are kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from convscope.adapters.torch import TorchNetwork
from convscope.errors import Cancelled
from convscope.network import Live
from convscope.record import record
from convscope.server import Limits
from convscope.server.jobs import Job
from convscope.server.networks import Offer
from serving import Running, png, serving


class Gated(torch.nn.Module):
    """Three steps, each of which waits to be let on."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.ReLU() for _ in range(3))
        self.gate = threading.Semaphore(0)
        self.seen = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            self.gate.acquire()
            x = layer(x)
            self.seen += 1
        return x


@pytest.fixture
def gated() -> Iterator[tuple[Running, Gated]]:
    model = Gated()
    limits = Limits(workers=1, queue=1)
    with serving(limits=limits, networks=[Offer("gated", "Gated", "given", model)]) as server:
        yield server, model
        model.gate.release(1000)


def test_news_come_as_steps_are_done(gated: tuple[Running, Gated]) -> None:
    server, model = gated
    name = server.start({"id": "gated"}).json["id"]
    seen, names = 0, []
    for _ in range(3):
        news = server.ask("GET", f"/api/traces/{name}?wait=20&seen={seen}").json
        assert news["state"] == "running"
        seen = news["progress"]["done"]
        names.append(news["progress"]["name"])
        model.gate.release()
    assert names == ["input", "layers.0", "layers.1"]
    assert server.finished(name)["progress"] == {"step": 3, "name": "layers.2", "done": 4, "total": None}


def in_its_own_thread(work):
    """Run a coroutine where no loop runs yet: the browser's tests leave theirs in the main thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


def test_a_step_right_after_another_is_told_though_the_next_takes_forever() -> None:
    async def waited() -> int:
        job = Job("name", {}, None, asyncio.get_running_loop())
        live = Mock(spec=Live, module="layer")
        job.watch(live)
        waiting = asyncio.create_task(job.news(1, 3600))
        await asyncio.sleep(0)
        job.watch(live)
        job.watch(live)
        async with asyncio.timeout(30):  # so that a failure ends
            await waiting
        return job.progress.done

    assert in_its_own_thread(waited) == 3


def test_a_cancelled_run_stops_at_its_next_step(gated: tuple[Running, Gated]) -> None:
    server, model = gated
    name = server.start({"id": "gated"}).json["id"]
    server.ask("GET", f"/api/traces/{name}?wait=20&seen=0")
    assert server.ask("DELETE", f"/api/traces/{name}").status == 204
    assert server.ask("GET", f"/api/traces/{name}?wait=20").json["state"] == "cancelled"
    assert "it was cancelled" in server.ask("GET", f"/api/traces/{name}/trace").error
    model.gate.release()
    again = server.start({"id": "gated"}).json["id"]  # begins once the cancelled one has left the thread
    server.ask("GET", f"/api/traces/{again}?wait=20&seen=0")
    assert again != name
    assert model.seen == 0  # the first ended inside its first layer, before the line after it
    assert server.ask("DELETE", f"/api/traces/{again}").status == 204
    assert server.ask("DELETE", f"/api/traces/{again}").status == 204  # the second time it is forgotten
    assert server.ask("GET", f"/api/traces/{again}").status == 404


def test_a_full_queue_says_when_to_come_back(gated: tuple[Running, Gated]) -> None:
    server, _ = gated
    running = server.start({"id": "gated"}).json["id"]
    server.ask("GET", f"/api/traces/{running}?wait=20&seen=0")
    waiting = server.start({"id": "gated"}, seed=1).json["id"]
    assert server.ask("GET", f"/api/traces/{waiting}").json["state"] == "waiting"
    full = server.start({"id": "gated"}, seed=2)
    assert (full.status, full.headers["retry-after"], full.json["error"]["code"]) == (503, "1", "busy")
    server.ask("DELETE", f"/api/traces/{waiting}")
    assert server.start({"id": "gated"}, seed=2).status == 202  # what was cancelled makes room at once


def test_the_oldest_results_go_first() -> None:
    with serving(limits=Limits(kept=2, pictures=1)) as server:
        first, second = server.done(seed=1), server.done(seed=2)
        server.ask("GET", f"/api/traces/{first}")  # used again, so the other one goes
        third = server.done(seed=3)
        statuses = [server.ask("GET", f"/api/traces/{name}/trace").status for name in (first, second, third)]
        assert statuses == [200, 404, 200]
        keys = [server.ask("POST", "/api/pictures", png()).json["id"] for _ in range(2)]
        assert [server.ask("GET", f"/api/pictures/{key}").status for key in keys] == [404, 200]


def test_results_are_kept_by_their_bytes() -> None:
    with serving(limits=Limits(kept_bytes=1_000_000)) as server:
        names = [server.done(seed=seed) for seed in range(4)]
        sizes = [server.ask("HEAD", f"/api/traces/{name}/trace") for name in names]
        kept = [int(answer.headers["content-length"]) for answer in sizes if answer.status == 200]
        assert len(kept) == 2
        assert sum(kept) <= 1_000_000


def test_watching_sees_every_step_and_can_stop_the_run() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU()).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    network, image = TorchNetwork(model), np.ones((3, 8, 8), np.float32)
    kinds: list[str] = []
    trace = record(network, image, watch=lambda live: kinds.append(live.kind))
    assert kinds == [step.kind for step in trace]

    def stop(live: Any) -> None:
        if live.kind == "batch_norm":
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        record(network, image, watch=stop)
    assert model.training
    assert all("forward" not in vars(module) for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [step.kind for step in record(network, image)] == kinds
