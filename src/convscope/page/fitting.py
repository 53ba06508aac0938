"""What goes into a file of limited size: the largest excerpt that fits, found by trying.

How well numbers compress is not known before it is done, so the search estimates from the last attempt and tries again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from convscope.page.blocks import Packed, packed
from convscope.page.channels import smaller, thumb_size
from convscope.page.excerpt import Held, Photo, excerpt_bytes, photo_within
from convscope.page.keeping import Allowance, Keeping
from convscope.page.maps import kept_maps
from convscope.page.overview import KEY, THUMB, overview_parts
from convscope.page.ranking import channel_orders
from convscope.page.tensors import pack
from convscope.store import dumps
from convscope.store.params import LeftOut
from convscope.traces import Step, Trace

LIMIT = 12_000_000
"""Bytes of a file unless another number is asked for: what still goes into a mail."""

THUMBS = (THUMB, 56, 48, 40, 32, 28, 24, 20, 16, 14, 12, 10, 8, 7, 6, 5, 4)
"""Sizes of the small pictures, from the best one down."""

FLOORS = (7, THUMBS[-1])
"""No small picture is made smaller than the first of these that lets the overview fit: the last maps of most networks
have 7 x 7 pixels, which then are all there."""

LEAST = (3, 1, 0)
"""Channels that every step keeps at least; the first number of these that fits."""

_OVERVIEW_SHARE = 0.5
_PHOTO_SHARE = 0.25
_MAPS_SHARE = 0.5
_HOPELESS = 0.4  # float32 numbers of networks do not compress further than this
_ROUNDS = 5
_CLOSE = 0.96  # of the room is full enough


@dataclass(frozen=True)
class Content:
    """The data of a page: two files, and how much of the trace they hold."""

    trace: Packed
    overview: Packed
    held: Held
    thumb: int


def fitted(
    trace: Trace, contributions: Mapping[str, np.ndarray], room: int, *, full: bool, channels: int | None
) -> Content:
    """The data of ``trace`` in at most ``room`` bytes of text, if that can be done at all.

    Args:
        trace: the trace.
        contributions: of channels, by step name; may be empty.
        room: bytes of base64 text and tags; with ``full`` or ``channels`` only the small pictures mind it.
        full: everything.
        channels: so many channels of each step, whatever their size.
    """
    structure, arrays = overview_parts(trace, THUMB, contributions)
    overview = packed(pack(KEY, structure, arrays))
    if full or (channels is None and _bytes(trace) * _HOPELESS + overview.cost < room):
        content = Content(packed(dumps(trace)), overview, whole(trace), THUMB)
        if full or content.trace.cost + overview.cost <= room:
            return content
    keeping = Keeping(trace, channel_orders(trace, arrays))
    thumb = THUMB
    if overview.cost > room * _OVERVIEW_SHARE:
        thumb, overview = _smaller(structure, arrays, int(room * _OVERVIEW_SHARE))
    left = room - overview.cost
    photo = photo_within(trace, int(left * _PHOTO_SHARE * 0.75))
    if channels is not None:
        data, held = excerpt_bytes(keeping, photo, Allowance(0, channels, channels), kept_maps(trace.maps, None))
        return Content(packed(data), overview, held, thumb)
    file, held = _largest(keeping, photo, kept_maps(trace.maps, int(left * _MAPS_SHARE)), left)
    return Content(file, overview, held, thumb)


def whole(trace: Trace) -> Held:
    """What a file with everything holds."""
    values, params = _numbers(trace)
    maps = len(trace.maps)
    return Held(values, values, params, params, maps=maps, of_maps=maps)


def _bytes(trace: Trace) -> int:
    return 4 * sum(_numbers(trace)) + trace.picture.size + sum(map_.value.nbytes for map_ in trace.maps)


def _numbers(trace: Trace) -> tuple[int, int]:
    return sum(step.value.size for step in trace.steps), sum(map(_own_params, trace.steps))


def _own_params(step: Step) -> int:
    return 0 if isinstance(step.params, LeftOut) else sum(step.params[name].size for name in step.params)


def _smaller(structure: dict[str, Any], arrays: Mapping[str, np.ndarray], room: int) -> tuple[int, Packed]:
    """The overview within ``room``, its small pictures made smaller: every step may use the same number of bytes."""
    pictures = {name: array for name, array in arrays.items() if name.startswith("thumb/")}
    floors = iter(FLOORS)
    floor = next(floors)
    most = allowed = max((array.nbytes for array in pictures.values()), default=0)
    while True:
        if not allowed and (lower := next(floors, None)) is not None:
            floor, allowed = lower, most
        allowed = allowed * 3 // 4
        sides = {name: max(floor, _side(array.shape, allowed)) for name, array in pictures.items()}
        largest = max(sides.values(), default=THUMB)
        if _picture_bytes(pictures, sides) * _HOPELESS > room and allowed:
            continue
        made = {**arrays, **{name: smaller(array, sides[name]) for name, array in pictures.items()}}
        overview = packed(pack(KEY, structure | {"thumb": largest}, made))
        if overview.cost <= room or (not allowed and floor == FLOORS[-1]):
            return largest, overview


def _side(shape: tuple[int, ...], allowed: int) -> int:
    """The largest side with which a step's small pictures take at most ``allowed`` bytes, or the smallest there is."""
    fitting = (side for side in THUMBS if shape[0] * math.prod(thumb_size(shape[1:], side)) <= allowed)
    return next(fitting, THUMBS[-1])


def _picture_bytes(pictures: Mapping[str, np.ndarray], sides: Mapping[str, int]) -> int:
    return sum(len(array) * math.prod(thumb_size(array.shape[1:], sides[name])) for name, array in pictures.items())


def _largest(keeping: Keeping, photo: Photo, maps: frozenset[int], room: int) -> tuple[Packed, Held]:
    """The excerpt with the largest allowance that fits."""
    beside = photo.pixels.size + sum(keeping.trace.maps[i].value.nbytes for i in maps)
    for least in LEAST:
        allowed = Allowance(0, least)
        best = _attempt(keeping, photo, allowed, maps)
        if best[0].cost <= room:
            break
    else:
        return best
    ratio = best[0].cost / max(1, best[0].size)
    tried = {0}
    for _ in range(_ROUNDS):
        numbers = _allowance(keeping, allowed.least, int(room * 0.98 / ratio) - beside)
        if numbers in tried:
            break
        tried.add(numbers)
        found = _attempt(keeping, photo, Allowance(numbers, allowed.least), maps)
        ratio = max(ratio * 0.5, found[0].cost / found[0].size)
        if found[0].cost <= room and found[0].cost > best[0].cost:
            best = found
        if _CLOSE * room <= best[0].cost:
            break
    return best


def _attempt(keeping: Keeping, photo: Photo, allowed: Allowance, maps: frozenset[int]) -> tuple[Packed, Held]:
    data, held = excerpt_bytes(keeping, photo, allowed, maps)
    return packed(data), held


def _allowance(keeping: Keeping, least: int, room: int) -> int:
    """The most numbers a step may keep so that all of them take at most ``room`` bytes uncompressed."""
    low, high = 0, 1
    while high < 2**40 and 4 * keeping.numbers(Allowance(high, least)) <= room:
        low, high = high, high * 4
    while high - low > max(1, low // 64):
        middle = (low + high) // 2
        if 4 * keeping.numbers(Allowance(middle, least)) <= room:
            low = middle
        else:
            high = middle
    return low
