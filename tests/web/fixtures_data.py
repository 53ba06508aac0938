"""Files for data.test.js: real traces in every form, and the numbers that Python reads in them.

``python tests/web/fixtures_data.py FOLDER``
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import convscope
from convscope.page.blocks import packed
from convscope.page.overview import overview_bytes
from convscope.page.tensors import pack
from convscope.store.jsontext import plain
from convscope.structure import receptive_fields
from convscope.traces import Placement, Step, Trace


def ordinary() -> Trace:
    """A small network on a small photo, its weights large enough for every encoding."""
    photo = np.random.default_rng(1).integers(0, 256, (37, 45, 3), dtype=np.uint8)
    return convscope.trace("conv(4,3)|relu|maxpool(2)|flatten|dense(3)|softmax", photo, labels=("cat", "<b>dog", "鸟"))


def binary() -> Trace:
    """One sigmoid between two classes, sure of the first: the page tells of both."""
    photo = np.random.default_rng(1).integers(0, 256, (37, 45, 3), dtype=np.uint8)
    net = "conv(4,3)|relu|gap|dense(1, bias_init=-3)|sigmoid"
    return convscope.trace(net, photo, labels=("cat", "<b>dog"))


def hostile() -> Trace:
    """Values and names that make careless readers fall."""
    x = np.arange(48, dtype=np.float32).reshape(3, 4, 4) - 20
    x[0, 0, 0], x[0, 1, 1], x[0, 2, 2], x[0, 3, 3] = np.nan, np.inf, -np.inf, -0.0
    maps = np.stack([x[1], np.zeros((4, 4), np.float32), x[1], x[2], np.zeros((4, 4), np.float32)])
    source = Step("__proto__", "input", x)
    settings = {"max": float("inf"), "$mark": {"__proto__": [1, float("nan")]}}
    odd = Step("</script>\n", "strange", maps, (source,), settings, {"__proto__": np.ones(2, np.float32)})
    twice = Step("add", "add", maps + maps, (odd, odd), module="a.b")
    empty = Step("nothing", "gather", np.zeros((0, 4, 4), np.float32), (odd,))
    scalar = Step("sum", "sum", np.array(2.5, np.float32), (twice,))
    constant = Step("given", "constant", np.array([3, np.nan, -7], np.float32))
    photo = np.zeros((4, 4, 3), np.uint8)
    steps = (source, odd, twice, empty, scalar, constant)
    return Trace(photo, steps, ("given", "sum"), Placement(-1.5, 0, 7, 4), about={"image": "x", "limit": float("-inf")})


def excerpt(trace: Trace) -> bytes:
    """Format 2 by hand: channels 0 and 2 of maps, one class's weights, kernels between kept channels, no flat value."""
    arrays: dict[str, np.ndarray] = {"picture": trace.picture}

    def reference(name: str, array: np.ndarray, take: list[list[int] | None]) -> dict[str, Any]:
        kept = (range(size) if part is None else part for size, part in zip(array.shape, take, strict=True))
        arrays[name] = array[np.ix_(*kept)]
        return {"tensor": name, "shape": list(array.shape), "encoding": "float32", "take": take}

    steps = []
    for i, step in enumerate(trace):
        some: list[list[int] | None] = [[0, 2], None, None] if step.has_maps else [None]
        value = None if step.kind == "flatten" else reference(f"step/{i}/value", step.value, some)
        params: dict[str, Any] = {}
        for name, array in step.params.items():
            take = {4: [[0, 2], [1], None, None], 2: [[1], None], 1: [None]}[array.ndim]
            params[name] = reference(f"step/{i}/param/{name}", array, take)
        steps.append({
            "name": step.name, "kind": step.kind, "inputs": [trace.steps.index(source) for source in step.inputs],
            "shape": list(step.shape), "value": value, "settings": plain(step.settings, ""), "module": step.module,
            "dtype": step.dtype, "batched": step.batched, "params": params,
        })  # fmt: skip
    structure = {
        "format": 2, "picture": "picture", "placement": [0, 0, 37, 45], "outputs": [len(steps) - 1], "steps": steps,
        "maps": [], "labels": list(trace.labels), "about": {"excerpt": True},
    }  # fmt: skip
    return pack("convscope", structure, arrays)


def told(trace: Trace) -> dict[str, Any]:
    """What Python knows of a trace: arrays as base64 of their bytes."""
    fields = receptive_fields(trace.steps)
    return {
        "picture": _text(trace.picture),
        "scores": [[score.label, _bits(score.value), score.index] for score in trace.scores],
        "steps": [
            {
                "name": step.name,
                "shape": list(step.shape),
                "inputs": [trace.steps.index(source) for source in step.inputs],
                "value": _text(step.value),
                "params": {name: _text(array) for name, array in step.params.items()},
                "boxes": [fields[step.name].box(y, x) for y, x in _places(step)],
            }
            for step in trace
        ],
    }


def _places(step: Step) -> list[tuple[int, int]]:
    if not step.has_maps or not step.value.size:
        return []
    height, width = step.shape[1:]
    return [(0, 0), (height - 1, width - 1), (height // 2, width // 3)]


def _text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _bits(value: float) -> int:
    return int(np.float32(value).view(np.int32))


def main(folder: Path) -> None:
    """Write everything."""
    for name, trace in (("ordinary", ordinary()), ("binary", binary()), ("hostile", hostile())):
        for form in ("exact", "compact"):
            path = folder / f"{name}-{form}.safetensors"
            trace.save(path, compact=form == "compact")
            (folder / f"{name}-{form}.json").write_text(json.dumps(told(convscope.load(path))))
        (folder / f"{name}-overview.safetensors").write_bytes(overview_bytes(trace))
    (folder / "ordinary-excerpt.safetensors").write_bytes(excerpt(ordinary()))
    blocks = packed((folder / "ordinary-exact.safetensors").read_bytes())
    listed = [{"start": block.start, "stop": block.stop, "text": block.text.decode()} for block in blocks.blocks]
    (folder / "blocks.json").write_text(json.dumps({"size": blocks.size, "blocks": listed}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
