"""``convscope explain --maximise``: pictures to which channels of a layer answer most, beside their kernels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convscope.app.console import print_json, stages
from convscope.app.explain_request import REPORT, Asked, finite, say, write_json
from convscope.app.output import new_folder, safe_name
from convscope.draw import save_png
from convscope.draw.maximised import Example, maximised
from convscope.draw.wording import number
from convscope.errors import CallError
from convscope.explaining.maximising import ILLUSTRATES, Maximised, chosen_channels, maximise
from convscope.record import record
from convscope.store import load
from convscope.traces import Step, Trace
from convscope.tracing import open_network

CHANNELS = re.compile(r"\d{1,6}(-\d{1,6})?(,\d{1,6}(-\d{1,6})?)*")
MOST = 64


def run(asked: Asked, wanted: str) -> None:
    """Do what the command line asked for; see :func:`convscope.app.cli.explain`."""
    request = asked.request
    for flag, value in (("--method", asked.methods), ("--class", asked.classes), ("--layer", request.layers)):
        if value:
            raise CallError(f"{flag} has no use with --maximise, which makes no maps; leave it out")
    if len(asked.images) > 1:
        raise CallError(f"--maximise takes one photo; got {len(asked.images)}")
    with stages(quiet=request.as_json) as progress:
        progress.stage("running the network")
        trace = _trace(asked)
        layer, channels = parsed(wanted, trace)
        with new_folder(request.out, f"{safe_name(layer)}-maximised", overwrite=request.overwrite) as (folder, place):
            progress.stage("climbing", total=len(channels))
            found = maximise(trace, layer, channels, seed=request.seed, watch=progress.reached)
            names = _written(trace, found, folder)
            report = _report(trace, found, names)
            write_json(folder, REPORT, report)
            final = place()
    if request.as_json:
        print_json(_with_folder(report, final))
        return
    say(ILLUSTRATES)
    for one, name in zip(found, names, strict=True):
        say(f"channel {one.channel}: {'; '.join(described(one))}  ({name})")
    say(str(final / "maximised.png"))


def _trace(asked: Asked) -> Trace:
    if asked.trace is not None:
        asked.refuse_network()
        return load(asked.trace)
    request = asked.request
    photo = asked.images[0] if asked.images else request.photo
    network, picture = open_network(asked.network, photo, request.options())
    return record(network, picture, memory=request.memory_bytes)


def parsed(text: str, trace: Trace) -> tuple[str, list[int]]:
    """The layer and the channels of ``LAYER[:CHANNELS]``; without channels, those that count most for the answer.

    Raises:
        CallError: there is no such layer, or the channels are no list of numbers.
    """
    if text in trace:
        return text, chosen_channels(trace, text)
    layer, colon, listed = text.rpartition(":")
    if not colon or layer not in trace:
        return text, chosen_channels(trace, text)  # which says that there is none
    plain = listed.replace(" ", "")
    if not CHANNELS.fullmatch(plain):
        raise CallError(f"--maximise {text!r} names no channels after its colon; write them like {layer}:0,4,7-9")
    found: list[int] = []
    for part in plain.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), min(int(last or first), int(first) + MOST) + 1)
    if not found or len(set(found)) > MOST:
        raise CallError(f"--maximise {text!r} names {len(set(found))} channels; give 1 to {MOST}")
    return layer, list(dict.fromkeys(found))


def described(one: Maximised) -> tuple[str, str]:
    """What a channel answers, in words."""
    if one.silent:
        return f"answers {number(one.value)} to every picture tried", f"{number(one.photo)} to the photo"
    return (
        f"answers {number(one.value)} to this picture",
        f"{number(one.noise)} to faint noise, {number(one.photo)} to the photo",
    )


def _written(trace: Trace, found: Sequence[Maximised], folder: Path) -> list[str]:
    from PIL import Image

    names = []
    for one in found:
        names.append(f"channel-{one.channel:03d}.png")
        save_png(Image.fromarray(one.picture), folder / names[-1])
    step = trace[found[0].layer]
    weight = _weights(step)
    examples = [
        Example(
            one.channel, one.picture, described(one),
            np.ascontiguousarray(weight[one.channel]) if one.channel < len(weight) else np.zeros((0, 0, 0), np.float32),
            step.value[one.channel] if step.has_maps else np.zeros((0, 0), np.float32),
        )
        for one in found
    ]  # fmt: skip
    title = f"{step.name} of {trace.about.get('network', 'network')}"
    save_png(maximised(title, [ILLUSTRATES], examples), folder / "maximised.png")
    return names


def _weights(step: Step) -> np.ndarray:
    """The filters (O, I, h, w) of the convolution that made a step's channels; empty where none did."""
    seen = step
    while seen.kind not in {"conv2d", "input"} and len(seen.inputs) == 1 and seen.shape[:1] == step.shape[:1]:
        seen = seen.inputs[0]
    weight = seen.params.get("weight") if seen.kind == "conv2d" else None
    return np.zeros((0, 0, 0, 0), np.float32) if weight is None or weight.ndim != 4 else weight


def _report(trace: Trace, found: Sequence[Maximised], names: Sequence[str]) -> dict[str, Any]:
    return {
        "convscope": trace.about.get("version"),
        "network": trace.about.get("network"),
        "layer": found[0].layer,
        "note": ILLUSTRATES,
        "channels": [
            {
                "channel": one.channel, "value": finite(one.value), "noise": finite(one.noise),
                "photo": finite(one.photo), "silent": one.silent, "file": name,
            }
            for one, name in zip(found, names, strict=True)
        ],
        "files": {"sheet": "maximised.png"},
    }  # fmt: skip


def _with_folder(report: Mapping[str, Any], final: Path) -> dict[str, Any]:
    channels = [one | {"file": str(final / one["file"])} for one in report["channels"]]
    files = {name: str(final / file) for name, file in report["files"].items()}
    return {**report, "channels": channels, "files": files | {"folder": str(final)}}
