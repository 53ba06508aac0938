"""Network + image -> Trace, in one forward pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from convscope import __version__
from convscope.allocator import keep_freed_memory
from convscope.errors import ForwardError, ImageError, ModelError
from convscope.image import Picture, fit_within, open_image, resize, to_input
from convscope.network import DEFAULT_MEMORY, Live, Network, Preprocessing, Run, Watch
from convscope.traces import Placement, Step, Trace

#: Longest side, in pixels, of the photo that a trace carries for showing.
SHOWN = 1024


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image on its way into a network.

    Attributes:
        value: what the network is given.
        picture: the photo to show beside it.
        placement: which part of the photo became the input.
        origin: name, format, size and notes, for the trace.
    """

    value: Float32[np.ndarray, "c h w"]
    picture: UInt8[np.ndarray, "height width 3"]
    placement: Placement
    origin: Mapping[str, Any]


def record(network: Network, image: Any, *, memory: int = DEFAULT_MEMORY, watch: Watch | None = None) -> Trace:
    """Run ``network`` once on ``image`` and keep everything that happened.

    Args:
        network: what :func:`convscope.adapters.connect` returns.
        image: whatever :func:`convscope.image.open_image` takes; or a tensor or float array
            ``(C, H, W)`` or ``(1, C, H, W)`` that goes to the network as it is; or a :class:`Prepared`.
        memory: how many bytes of values may be kept.
        watch: told of every operation as soon as it is recorded; for progress, and to stop the run.

    Returns:
        the trace. Its values never change afterwards, whatever happens to the network.

    Raises:
        ImageError: the image cannot be read or does not suit the network.
        MemoryBudgetError: the values would take more than ``memory`` bytes.
        ForwardError: the network raised; says how far it got and carries the partial trace.
        Cancelled: ``watch`` raised it; the network is as it was before.
    """
    keep_freed_memory()
    prepared = image if isinstance(image, Prepared) else prepare(image, network.preprocessing)
    run = network.run(prepared.value, memory=memory, watch=watch)
    about = {
        "network": network.title,
        "image": prepared.origin,
        "scale": _scale_text(network.preprocessing),
        "version": __version__,
        **network.about,
    }
    trace = _trace(run, prepared, network.labels, about)
    if run.error is not None:
        raise _forward_error(network, run, trace) from run.error
    return trace


def prepare(image: Any, preprocessing: Preprocessing) -> Prepared:
    """What the network is given, the photo to show beside it, where the one lies in the other, and its origin."""
    tensor = ready_input(image)
    if tensor is not None:
        shown = _showable(tensor)
        height, width = shown.shape[:2]
        notes = ["given to the network as it is"]
        origin = {"name": "array", "format": "array", "size": [height, width], "notes": notes}
        return Prepared(tensor, shown, Placement(0.0, 0.0, float(height), float(width)), origin)
    picture = image if isinstance(image, Picture) else open_image(image)
    shown_picture = fit_within(picture, SHOWN)
    shown_height, shown_width = shown_picture.size
    if preprocessing.size is None:
        source = picture if preprocessing.longest is None else fit_within(picture, preprocessing.longest)
        pixels, placement = source.pixels, Placement(0.0, 0.0, float(shown_height), float(shown_width))
        notes = [*source.notes]
    else:
        pixels, within = resize(picture, preprocessing.size, fit=preprocessing.fit, crop=preprocessing.crop)
        by = shown_height / picture.size[0], shown_width / picture.size[1]
        placement = Placement(within.top * by[0], within.left * by[1], within.height * by[0], within.width * by[1])
        notes = [*picture.notes, _fitted(picture, preprocessing)]
    value = to_input(pixels, channels=preprocessing.channels, scale=preprocessing.scale)
    origin = {
        "name": picture.name,
        "format": picture.format,
        "size": list(picture.size),
        "notes": [note for note in notes if note],
    }
    return Prepared(value, shown_picture.pixels, placement, origin)


def _fitted(picture: Picture, preprocessing: Preprocessing) -> str:
    height, width = preprocessing.size or picture.pixels.shape[:2]
    if picture.pixels.shape[:2] == (height, width):
        return ""
    done = {"stretch": "resized", "crop": "cropped", "pad": "padded"}[preprocessing.fit]
    return f"{done} to {height}x{width} (height x width)"


def ready_input(image: Any) -> Float32[np.ndarray, "c h w"] | None:
    """A tensor, or a float array with the channels in front, as the network's own input; None for pictures."""
    if hasattr(image, "detach"):  # a torch tensor, without importing torch to find out
        image = image.detach().cpu().float().numpy()
    elif not (isinstance(image, np.ndarray) and image.dtype.kind == "f" and image.ndim in {3, 4}) or (
        image.ndim == 3 and image.shape[-1] in {1, 3, 4} and image.shape[0] not in {1, 3, 4}
    ):
        return None
    array = image[0] if image.ndim == 4 and len(image) == 1 else image
    if array.ndim != 3 or array.size == 0:
        raise ImageError(
            f"a tensor given to a network has the shape (C, H, W) or (1, C, H, W); got {tuple(image.shape)}; "
            "pass one image at a time"
        )
    return np.ascontiguousarray(array, dtype=np.float32)


def _showable(tensor: Float32[np.ndarray, "c h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """A picture to show for an input that never was one: its first three channels from minimum to maximum."""
    channels = tensor[:3] if len(tensor) >= 3 else tensor[:1]
    low, high = float(channels.min()), float(channels.max())
    if not math.isfinite(high - low):
        channels = np.nan_to_num(channels, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(channels.min()), float(channels.max())
    levels = ((channels - low) * (255.99 / (high - low) if high > low else 0.0)).astype(np.uint8)
    shown = np.empty((*tensor.shape[1:], 3), np.uint8)
    shown[...] = levels.transpose(1, 2, 0)
    return shown


def _scale_text(preprocessing: Preprocessing) -> str:
    scale = preprocessing.scale
    return scale if isinstance(scale, str) else f"mean {list(scale[0])}, std {list(scale[1])}"


def _trace(run: Run, prepared: Prepared, labels: tuple[str, ...], about: Mapping[str, Any]) -> Trace:
    made: dict[int, Step] = {}
    for live in run.operations:
        made[id(live)] = _step(live, made)
    outputs = tuple(made[id(live)].name for live in run.outputs)
    if labels and len(outputs) == 1:
        _check_labels(made[id(run.outputs[0])], labels)
    return Trace(prepared.picture, tuple(made.values()), outputs, prepared.placement, labels, (), about)


def _check_labels(output: Step, labels: tuple[str, ...]) -> None:
    """One name a score; one score may have two."""
    scores = output.value.size
    vector = output.value.ndim == 1 or scores == max(output.shape)
    if vector and len(labels) != scores and (len(labels), scores) != (2, 1):
        raise ModelError(
            f"{len(labels)} classes are named and the network answers with {scores} "
            f"number{'s' * (scores != 1)}; name as many"
        )


def _step(live: Live, made: Mapping[int, Step]) -> Step:
    sources = tuple(map(made.__getitem__, map(id, live.sources)))
    return Step(
        live.name, live.kind, live.value(), sources, live.settings, live.params(), live.module, live.dtype,
        live.batched,
    )  # fmt: skip


def _forward_error(network: Network, run: Run, partial: Trace) -> ForwardError:
    last = partial.steps[-1]
    size = "x".join(str(n) for n in last.shape)
    reason = " ".join(str(run.error).split()) or "no reason given"
    steps = len(partial.steps) - 1
    got = (
        f"after {steps} step{'s' * (steps != 1)}, the last being {last.name!r} ({last.kind}, {size})"
        if steps
        else "at its first step"
    )
    free = network.preprocessing.size is None and "spec" not in network.about
    hint = "; if it wants pictures of one size, give that size" if free else ""
    return ForwardError(f"{network.title} stopped {got}: {type(run.error).__name__}: {reason}{hint}", partial)
