"""The end of a training: the network as a file, how good it is, and the pictures.

The network is written first. What fails afterwards becomes a remark: a picture that cannot be drawn is no
reason to lose a training.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64, UInt8

from convscope.errors import ConvscopeError, OutputError
from convscope.network import Preprocessing
from convscope.store.atomic import replacing
from convscope.train import pixels
from convscope.train.evaluate import Evaluation, evaluate
from convscope.train.folder import NETWORK
from convscope.train.manifest import Plan
from convscope.train.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from torch import nn

    from convscope.train.calibrate import Calibration

REPORT = "report.json"
FEWEST_TO_CALIBRATE, FEW_TO_CALIBRATE = 50, 300
"""Fewer held-out samples than the first say nothing about probabilities; fewer than the second only roughly."""


def finish(
    folder: Path,
    model: nn.Module,
    plan: Plan,
    recipe: Recipe,
    *,
    device: str,
    rows: Sequence[Mapping[str, Any]],
    best: int,
    test: Any = None,
    spec: str = "",
    title: str = "",
    card: str = "",
    preprocessing: Preprocessing | None = None,
    seconds: float = 0.0,
    notes: Sequence[str] = (),
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Write ``network.safetensors``, the pictures and ``report.json``; the report.

    Args:
        folder: of the run.
        model: the trained network, in evaluation mode, on ``device``.
        plan: what it was trained and validated on.
        recipe: how.
        device: where the network answers.
        rows: numbers of the epochs.
        best: the epoch whose weights these are.
        test: samples that neither trained nor chose anything, or None.
        spec: the network as text, empty for code.
        title: what people call it.
        card: what it was trained on, in a few sentences.
        preprocessing: how photos shall reach it; by default as they did in training.
        seconds: of training.
        notes: what was remarkable so far.
        note: told what fails.

    Raises:
        ConvscopeError: the network cannot be written.
    """
    from convscope.train.export import export_network

    classes = plan.samples.classes
    told = list(notes)

    def remark(text: str) -> None:
        told.append(text)
        note(text)

    held_out = _evaluated(model, plan.samples, plan.there(plan.split.validation), recipe, device)
    calibration = None
    if held_out is not None and len(held_out) >= FEWEST_TO_CALIBRATE:
        calibration = _tried("calibrate the probabilities", remark, lambda: _calibrated(held_out))
        if calibration is not None and len(held_out) < FEW_TO_CALIBRATE:
            remark(f"the probabilities were calibrated on {len(held_out)} samples only, so take them as rough")
    how = preprocessing or _as_trained(plan.samples, recipe)
    export_network(folder / NETWORK, model, spec or None, classes, how, calibration, title, card)
    tested = None
    if test is not None:
        every = np.arange(len(test))
        tested = _tried("test the network", remark, lambda: _evaluated(model, test, every, recipe, device))
    shown, where = (tested, test) if tested is not None else (held_out, plan.samples)
    files = _tried("draw the pictures", remark, lambda: _drawn(folder, rows, shown, where, title)) or {}
    if calibration is not None:
        files |= _tried("draw the calibration", remark, lambda: _reliability(folder, held_out, calibration)) or {}
    report = {
        "title": title,
        "classes": list(classes),
        "parameters": sum(value.numel() for value in model.parameters()),
        "epochs": len(rows),
        "best": best,
        "seconds": round(seconds, 3),
        "trained_on": len(plan.there(plan.split.train)),
        "validation": None if held_out is None else held_out.report(classes),
        "test": None if tested is None else tested.report(test.classes),
        "calibration": None if calibration is None else dict(calibration.facts()),
        "recipe": recipe.as_dict(),
        "files": {"network": NETWORK, **files},
        "notes": told,
    }
    with replacing(folder / REPORT) as file:
        file.write((json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace"))
    return report


def answering(model: nn.Module, recipe: Recipe, device: str) -> tuple[Any, Any]:
    """A network and its preprocessing as :func:`convscope.train.evaluate.evaluate` takes them, in float32.

    Args:
        model: in evaluation mode, on ``device``.
        recipe: for the scale of the pixels.
        device: where it answers.
    """
    from convscope.train.forward import prepare

    def preprocess(taken: UInt8[np.ndarray, "b h w c"]) -> torch.Tensor:
        return pixels.scaled(pixels.unit(taken, device), recipe.scale)

    return prepare(model, precision="float32"), preprocess


def _evaluated(
    model: nn.Module, samples: Any, which: Int64[np.ndarray, " n"], recipe: Recipe, device: str
) -> Evaluation | None:
    if not len(which):
        return None
    forward, preprocess = answering(model, recipe, device)
    side = max(samples.shape[:2])
    return evaluate(forward, samples, which, preprocess=preprocess, batch=512 if side <= 64 else 64)


def _calibrated(found: Evaluation) -> Calibration:
    from convscope.train.calibrate import fit_temperature

    return fit_temperature(found.logits, found.labels)


def _as_trained(samples: Any, recipe: Recipe) -> Preprocessing:
    height, width, channels = samples.shape
    scale: Any = recipe.scale
    return Preprocessing(size=(height, width), channels=channels, scale=scale)


def _drawn(
    folder: Path, rows: Sequence[Mapping[str, Any]], found: Evaluation | None, samples: Any, title: str
) -> dict[str, str]:
    from convscope.train.pictures import save_pictures

    return save_pictures(folder, rows, found, samples, title=title)


def _reliability(folder: Path, found: Evaluation | None, calibration: Calibration) -> dict[str, str]:
    from convscope.train.pictures import save_reliability

    assert found is not None
    return save_reliability(folder, found, calibration)


def _tried(what: str, remark: Callable[[str], None], work: Callable[[], Any]) -> Any:
    """What ``work`` gives, or None and a remark; a full disk is the caller's to know."""
    try:
        return work()
    except OutputError:
        raise
    except ConvscopeError as error:
        remark(f"could not {what}: {error}")
    except Exception as error:  # noqa: BLE001 - nothing that is drawn may cost the network
        remark(f"could not {what}: {type(error).__name__}: {' '.join(str(error).split())}")
    return None
