"""Methods that look at a layer: one pass for all of them, then each one's formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from convscope.explaining.asking import Question
from convscope.explaining.cam import GRADIENT_CAMS, eigencam, weighted
from convscope.explaining.head import dense_weights
from convscope.explaining.placing import Placing, placing

Native = dict[tuple[str, str], Float32[np.ndarray, "n h w"]]
"""By (method, layer): maps of the layer's own grid."""

ALLOWED = 0.01
"""How far a map may be off in lower precision, as a share of its peak."""
MARGIN = 0.75
"""Other photos may be off a little more than those on which it is tried."""
CHECKED = 3
"""Photos on which it is tried."""
ROUGH = (1.0, 0.75, 0.5, 0.25)
"""Shares of the multiplications in bfloat16 that are tried; where none of them will do, all stays in float32."""


def layer_maps(question: Question, methods: Sequence[str], layers: Sequence[str]) -> Native:
    """Maps of every CAM but Score-CAM, on the layers' own grids.

    Raises:
        CallError: CAM is not exact at a layer, or no gradient leads there.
    """
    opened, batch = question.opened, question.batch
    own = {layer: _exact_weights(question, layer) for layer in layers} if "cam" in methods else {}
    gradients = any(method in GRADIENT_CAMS for method in methods)
    step = opened.batch_size(batch[0], gradients=len(layers) > 1)
    quick = question.precision == "auto" and len(layers) == 1
    rough = how_rough(question, layers[0]) if quick else None
    found: dict[tuple[str, str], list[Tensor]] = {}
    for start in range(0, len(batch), step):
        rows = slice(start, start + step)
        cut = opened.cut(batch[rows], layers, rough=rough, gradients=gradients or quick)
        slopes = cut.gradients(question.explained(cut.scores, rows)) if gradients else {}
        for layer in layers:
            values = cut.values[layer].detach().float()
            for method in methods:
                made = _made(method, values, slopes.get(layer), own[layer][rows] if method == "cam" else None)
                found.setdefault((method, layer), []).append(made)
        question.tell(len(batch[rows]), "reading the layers")
    return {key: torch.cat(parts).cpu().numpy() for key, parts in found.items()}


def _made(method: str, values: Tensor, slope: Tensor | None, weights: Tensor | None) -> Tensor:
    with torch.no_grad():
        if weights is not None:
            return weighted(values, weights.to(values.device))
        if method == "eigencam":
            return eigencam(values)
        assert slope is not None
        return GRADIENT_CAMS[method](values, slope.float())


def _exact_weights(question: Question, layer: str) -> Tensor:
    graph, classes = question.graph, len(question.opened.labels)
    asked = question.weights(classes)
    if graph.units == 1 and classes == 2:  # one number z, of which the scores are (-z, z)
        asked = asked[:, 1:] - asked[:, :1]
    return dense_weights(graph, layer, asked)


def placing_of(question: Question, layer: str) -> Placing:
    """How the grid of a layer lies over the input."""
    graph = question.graph
    return placing(graph.grids[layer], graph.by_name[layer].shape, question.size)


@dataclass(frozen=True, eq=False)
class CamBatch:
    """Maps of a batch on a layer's own grid.

    Attributes:
        maps: (N, h, w) float32, signed.
        scores: (N, K) before softmax or sigmoid.
        classes: (N,) the class that each map is for.
        layer: name of the step.
        rough: the share of the multiplications before the layer that were in bfloat16; None for the network itself.
    """

    maps: Float32[np.ndarray, "n h w"]
    scores: Float32[np.ndarray, "n k"]
    classes: np.ndarray
    layer: str
    rough: float | None


def cam_batch(question: Question, method: str, layer: str, *, predicted: bool = False) -> CamBatch:
    """Grad-CAM, Grad-CAM++, HiResCAM or LayerCAM of one batch in one forward pass: the shortest way there is.

    The network runs without gradients up to the layer, in lower precision where ``question.precision`` allows it and
    the maps of the first photos say so; only what comes behind the layer is followed backwards.

    Args:
        question: the photos, at most as many as :meth:`Opened.batch_size` says, and their classes.
        method: a key of :data:`convscope.explaining.cam.GRADIENT_CAMS`.
        layer: name of the step.
        predicted: ask each photo about its likeliest class instead of ``question.targets``.
    """
    rough = how_rough(question, layer, method) if question.precision == "auto" else None
    cut = question.opened.cut(question.batch, [layer], rough=rough)
    scores = cut.scores
    best = scores.detach().argmax(1)
    asked = scores.gather(1, best[:, None])[:, 0] if predicted else question.explained(scores)
    slope = cut.gradients(asked)[layer]
    classes = best.cpu().numpy() if predicted else np.array([target.index for target in question.targets])
    maps = _made(method, cut.values[layer].detach().float(), slope, None).cpu().numpy()
    return CamBatch(maps, scores.detach().cpu().numpy(), classes, layer, rough)


def how_rough(question: Question, layer: str, method: str = "gradcam") -> float:
    """The largest share of :data:`ROUGH` with which maps stay within :data:`ALLOWED` of their peak, else 0.

    Tried once for a layer and method, on the first photos that come.
    """
    key = (tuple(question.batch.shape[1:]), layer, method)
    known = question.opened.tried.get(key)
    if known is None:
        photos = range(min(CHECKED, len(question.batch)))
        exact = [_single(question, photo, layer, method, None) for photo in photos]
        known = 0.0
        for rough in ROUGH:
            tried = [_single(question, photo, layer, method, rough) for photo in photos]
            if all(off_by(one, other) <= MARGIN * ALLOWED for one, other in zip(exact, tried, strict=True)):
                known = rough
                break
        question.opened.tried[key] = known
    return known


def off_by(exact: Tensor, other: Tensor) -> float:
    """The largest difference of two maps, as a share of the peak of the first."""
    peak = float(exact.abs().max())
    return float((exact - other).abs().max()) / peak if peak > 0 else float("inf")


def _single(question: Question, photo: int, layer: str, method: str, rough: float | None) -> Tensor:
    cut = question.opened.cut(question.batch[photo : photo + 1], [layer], rough=rough)
    slope = cut.gradients(question.explained(cut.scores, photo))[layer]
    return _made(method, cut.values[layer].detach().float(), slope, None)
