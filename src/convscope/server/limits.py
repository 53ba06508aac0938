"""How much one server gives away, in one place."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What is refused beyond; every number can be met by a client that means well.

    Attributes:
        picture: bytes of an uploaded picture.
        json: bytes of any other body.
        body_seconds: how long a body may take to arrive.
        head_seconds: how long the head of a request may take to arrive.
        requests: requests at one time.
        wait_seconds: longest time for which a question after news is held.
        workers: networks that run at the same time.
        queue: runs that may wait for their turn, and as many other pieces of work.
        kept_bytes, kept: of results; the ones longest unused go first.
        explain_seconds: how long one explanation may take.
        maps: explanations that a trace keeps, the newest ones.
        maps_bytes: of explanations that clients asked for.
        pictures_bytes, pictures: of uploaded pictures, likewise.
        side: pixels along one side of an input that a client asks for.
        values: numbers that one run may make, its input included.
        params: parameters of a network that a client sends.
        macs: its multiplications on one picture.
    """

    picture: int = 25 * MIB
    json: int = 64 << 10
    body_seconds: float = 30.0
    head_seconds: float = 10.0
    requests: int = 128
    wait_seconds: float = 30.0
    workers: int = 2
    queue: int = 64
    kept_bytes: int = 1 << 30
    kept: int = 200
    explain_seconds: float = 120.0
    maps: int = 64
    maps_bytes: int = 256 * MIB
    pictures_bytes: int = 256 * MIB
    pictures: int = 100
    side: int = 4096
    values: int = 1 << 28
    params: int = 1 << 26
    macs: int = 10**12
