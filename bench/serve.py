"""What the local server bears: 32 people at once, each running a small network again and again.

A run is: upload a picture of one's own, ask for the run, wait for it, fetch the first 64 KiB of its trace. With
`--seeds` every run also has a seed of its own, so that the network is built anew each time. Beside that somebody asks
ten times a second whether the server is there.

* at least 40 runs a second, 95 of 100 within 1 s
* 99 of 100 pings within 100 ms
* no error; memory no more than 20 MB above what it was after the first quarter

The server keeps 256 MiB of results, so that what is forgotten is part of the measurement. Exits 1 when a claim does
not hold.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

NET = "fashion-cnn"
PEOPLE = 32
MIB = 1 << 20

#: The server in a process of its own, as `convscope serve` starts it, with fewer results kept.
SERVER = """
import dataclasses
from convscope.app import cli
import convscope.server.limits as limits
import convscope.server.app as app
small = dataclasses.replace(limits.Limits(), kept_bytes=256 << 20)
make = app.make_app
import convscope.server
convscope.server.make_app = lambda settings: make(dataclasses.replace(settings, limits=small))
cli.main(["serve", "--no-browser", "--port", "0", "--net", "fashion-cnn"])
"""


class Client:
    """One person's browser."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        self.connection.request("GET", f"/?{parts.query}")
        answer = self.connection.getresponse()
        answer.read()
        self.cookie = {"Cookie": str(answer.headers["Set-Cookie"]).partition(";")[0]}

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        self.connection.request(method, path, body, {**self.cookie, **headers})
        answer = self.connection.getresponse()
        return answer.status, answer.read()


def photo(number: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (96, 128, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def one_run(client: Client, number: int, *, seeds: bool) -> None:
    status, body = client.ask("POST", f"/api/pictures?name={number}.png", photo(number))
    assert status == 201, (status, body)
    wish = {"picture": {"id": json.loads(body)["id"]}, "network": {"id": NET}, "seed": number if seeds else 0}
    status, body = client.ask("POST", "/api/traces", json.dumps(wish).encode(), **{"Content-Type": "application/json"})
    assert status == 202, (status, body)
    name = json.loads(body)["id"]
    status, body = client.ask("GET", f"/api/traces/{name}?wait=30")
    assert (status, json.loads(body)["state"]) == (200, "done"), body
    status, body = client.ask("GET", f"/api/traces/{name}/trace", Range="bytes=0-65535")
    assert (status, len(body)) == (206, 65536)


def resident(process: int) -> int:
    text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return int(found[1]) * 1024 if found else 0


class Load:
    """What was measured."""

    def __init__(self, address: str, runs: int, *, seeds: bool) -> None:
        self.address, self.runs, self.seeds = address, runs, seeds
        self.taken: list[float] = []
        self.errors: list[str] = []
        self.next = iter(range(1, runs + 1))
        self.lock = threading.Lock()

    def person(self) -> None:
        client = Client(self.address)
        while True:
            with self.lock:
                number = next(self.next, None)
            if number is None:
                return
            start = time.perf_counter()
            try:
                one_run(client, number, seeds=self.seeds)
            except (AssertionError, OSError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
                client = Client(self.address)
            self.taken.append(time.perf_counter() - start)


def measure(address: str, process: int, runs: int, *, seeds: bool) -> bool:
    load = Load(address, runs, seeds=seeds)
    people = [threading.Thread(target=load.person) for _ in range(PEOPLE)]
    pinger = subprocess.Popen(
        [sys.executable, __file__, "--ping", address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    start = time.perf_counter()
    for thread in people:
        thread.start()
    early = 0
    while any(thread.is_alive() for thread in people):
        time.sleep(0.2)
        if not early and len(load.taken) >= runs // 4:
            early = resident(process)
    seconds = time.perf_counter() - start
    pings = [float(line) for line in pinger.communicate()[0].split()]
    grown = (resident(process) - early) / MIB
    rate, p95 = runs / seconds, statistics.quantiles(load.taken, n=100)[94]
    p99 = statistics.quantiles(pings, n=100)[98] * 1000
    print(f"{runs} runs of {NET} by {PEOPLE} people in {seconds:.1f} s, {len(load.errors)} errors")
    for error in load.errors[:3]:
        print(f"  {error[:200]}")
    held = [not load.errors]
    claims: list[tuple[str, float, str, float, Callable[[float, float], bool]]] = [
        ("runs a second", rate, "at least", 40, float.__ge__),
        ("95 of 100 within s", p95, "at most", 1, float.__le__),
        ("99 of 100 pings within ms", p99, "at most", 100, float.__le__),
        ("memory grown by MB", grown, "at most", 20, float.__le__),
    ]
    for name, value, word, limit, holds in claims:
        print(f"  {name:<26} {value:8.2f}  (claimed {word} {limit:g})")
        held.append(holds(float(value), float(limit)))
    return all(held)


def ping(address: str) -> None:
    """In a process of its own, whose Python does nothing else: print how long each took, until told to stop."""
    client, over = Client(address), threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    while not over.wait(0.1):
        start = time.perf_counter()
        client.ask("GET", "/api/ping")
        print(time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3000)
    parser.add_argument("--seeds", action="store_true", help="build the network anew for every run")
    parser.add_argument("--ping", metavar="ADDRESS", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ping:
        ping(asked.ping)
        return
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True, env={**os.environ})
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[3]
        client = Client(address)
        for number in range(3):  # PyTorch is loaded, and the first network built
            one_run(client, 10**6 + number, seeds=False)
        held = measure(address, process.pid, asked.runs, seeds=asked.seeds)
    finally:
        process.terminate()
        process.wait()
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
