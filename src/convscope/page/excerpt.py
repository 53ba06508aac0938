"""A part of a trace in the trace file's own form: format 2, in which a reference says what it holds of its array."""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convscope.page.keeping import Allowance, Keeping, Take, everything
from convscope.page.maps import told
from convscope.page.tensors import pack
from convscope.store.jsontext import plain
from convscope.store.layout import KEY
from convscope.store.params import LeftOut, tensor_label
from convscope.traces import Placement, Step, Trace

FORMAT = 2
"""The version of excerpts. Only the page reads them; ``convscope.load`` asks for the whole trace."""


@dataclass(frozen=True)
class Held:
    """How much of a trace a file holds, in numbers.

    Attributes:
        values, of_values: numbers of the steps' values, and how many there are.
        params, of_params: the same for parameters.
        absent: steps of whose value there is nothing.
        picture: whether the photo is there in its full size.
        maps, of_maps: explanations whose numbers are there, and how many there are.
    """

    values: int
    of_values: int
    params: int
    of_params: int
    absent: int = 0
    picture: bool = True
    maps: int = 0
    of_maps: int = 0


@dataclass(frozen=True)
class Photo:
    """The picture as the file holds it, with the placement in its own pixels."""

    pixels: np.ndarray
    placement: Placement
    whole: bool


def photo_within(trace: Trace, room: int) -> Photo:
    """The trace's picture, made smaller until it compresses to about ``room`` bytes."""
    from PIL import Image

    pixels, place = trace.picture, trace.placement
    whole = Photo(pixels, place, whole=True)
    height, width = pixels.shape[:2]
    while pixels.size and len(zlib.compress(pixels.tobytes(), 1)) > room and max(pixels.shape[:2]) > 64:
        size = (max(1, pixels.shape[1] * 2 // 3), max(1, pixels.shape[0] * 2 // 3))
        pixels = np.asarray(Image.fromarray(trace.picture).resize(size, Image.Resampling.BOX))
    if pixels is trace.picture:
        return whole
    down, across = pixels.shape[0] / height, pixels.shape[1] / width
    placed = Placement(place.top * down, place.left * across, place.height * down, place.width * across)
    return Photo(pixels, placed, whole=False)


def excerpt_bytes(keeping: Keeping, photo: Photo, allowed: Allowance, maps: frozenset[int]) -> tuple[bytes, Held]:
    """The excerpt as a safetensors file, specified in ``docs/page.md``, and what it holds.

    ``maps`` are the positions of the explanations whose numbers go along.
    """
    maker = _Maker(keeping, allowed, maps)
    maker.arrays["picture"] = photo.pixels
    structure, held = maker.structure(photo)
    return pack(KEY, structure, maker.arrays), held


@dataclass
class _Maker:
    """Writes the JSON and collects the arrays; what lies in the same memory is kept once."""

    keeping: Keeping
    allowed: Allowance
    maps: frozenset[int]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    _known: dict[Hashable, str] = field(default_factory=dict)

    def structure(self, photo: Photo) -> tuple[dict[str, Any], Held]:
        trace, place = self.keeping.trace, photo.placement
        index = {id(step): i for i, step in enumerate(trace.steps)}
        steps = [self._step(i, step, index) for i, step in enumerate(trace.steps)]
        maps = [
            {
                **told(map_, f"map {i}"),
                "shape": list(map_.value.shape),
                "value": self._reference(f"map/{i}", map_.value, everything(map_.value) if i in self.maps else None),
            }
            for i, map_ in enumerate(trace.maps)
        ]
        for i, step in enumerate(trace.steps):
            steps[i]["params"] = self._params(i, step)
        held = self._held(steps, whole_picture=photo.whole)
        left_out = any(isinstance(step.params, LeftOut) for step in trace.steps)
        return {
            "format": FORMAT,
            "picture": "picture",
            "placement": [place.top, place.left, place.height, place.width],
            "outputs": [index[id(trace[name])] for name in trace.outputs],
            "steps": steps,
            "maps": maps,
            "labels": list(trace.labels),
            "about": plain(trace.about, "the trace's about")
            | ({"params": False} if left_out else {})
            | {"excerpt": True, "held": _as_json(held)},
        }, held

    def _step(self, i: int, step: Step, index: Mapping[int, int]) -> dict[str, Any]:
        return {
            "name": step.name,
            "kind": step.kind,
            "inputs": [index[id(source)] for source in step.inputs],
            "shape": list(step.shape),
            "value": self._reference(f"step/{i}/value", step.value, self.keeping.value(i, self.allowed)),
            "settings": plain(step.settings, f"the settings of step {i}"),
            "module": step.module,
            "dtype": step.dtype,
            "batched": bool(step.batched),
        }

    def _params(self, i: int, step: Step) -> dict[str, Any]:
        if isinstance(step.params, LeftOut):
            return dict.fromkeys(step.params.names)
        return {
            name: self._reference(
                f"step/{i}/param/{tensor_label(name, k)}", array, self.keeping.param(i, name, self.allowed)
            )
            for k, (name, array) in enumerate(self.keeping.params[i].items())
        }

    def _reference(self, name: str, array: np.ndarray, take: Take | None) -> dict[str, Any] | None:
        if take is None:
            return None
        reference = {"shape": list(array.shape), "encoding": "float32"}
        listed = [None if part is None else part.tolist() for part in take]
        if any(part is not None for part in listed):
            reference["take"] = listed
        address = array.__array_interface__["data"][0]
        key = (address, array.shape, array.strides, *(None if part is None else tuple(part) for part in listed))
        if not array.size or key not in self._known:
            self._known[key] = name
            self.arrays[name] = taken(array, take)
        return {"tensor": self._known[key], **reference}

    def _held(self, steps: list[dict[str, Any]], *, whole_picture: bool) -> Held:
        """Counted from what was written, so that it cannot say anything else."""
        values = [step["value"] for step in steps]
        params = [reference for step in steps for reference in step["params"].values()]
        return Held(
            sum(map(self._size, values)),
            sum(step.value.size for step in self.keeping.trace.steps),
            sum(map(self._size, params)),
            sum(array.size for arrays in self.keeping.params for array in arrays.values()),
            values.count(None),
            whole_picture,
            len(self.maps),
            len(self.keeping.trace.maps),
        )

    def _size(self, reference: dict[str, Any] | None) -> int:
        return 0 if reference is None else self.arrays[reference["tensor"]].size


def taken(array: np.ndarray, take: Take) -> np.ndarray:
    """The kept part of an array, the axes in their order.

    >>> taken(np.arange(6).reshape(2, 3), (None, np.array([0, 2]))).tolist()
    [[0, 2], [3, 5]]
    """
    for axis, part in enumerate(take):
        if part is not None:
            array = np.take(array, part, axis=axis)
    return array


def _as_json(held: Held) -> dict[str, Any]:
    return {
        "values": [held.values, held.of_values],
        "params": [held.params, held.of_params],
        "absent": held.absent,
        "picture": held.picture,
        "maps": [held.maps, held.of_maps],
    }
