"""Train a network: the one verb, and what it returns."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.allocator import keep_freed_memory
from convscope.data.splitting import Split
from convscope.errors import CallError, DataError
from convscope.network import Preprocessing
from convscope.train import environment, losses, pixels
from convscope.train.average import put, values
from convscope.train.beginning import Facts, Writers, begin
from convscope.train.checkpoint import decode, encode
from convscope.train.distributed import Group, joined
from convscope.train.interrupt import Interrupt
from convscope.train.metrics import Row
from convscope.train.progress import Watch
from convscope.train.recipe import Recipe
from convscope.train.session import Asked, Session

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Run:
    """What a training came to.

    Attributes:
        folder: where everything is.
        model: the trained copy of the network, in evaluation mode, on the processor: the weights of the epoch that
            was validated best, or the last ones where nothing was held out.
        recipe: how it was trained.
        rows: the numbers of every epoch, as in ``metrics.csv``.
        best: the epoch whose weights these are, from 1.
        split: which samples were trained on, and which held out.
        precision: ``float32`` or ``bfloat16``.
        seconds: of training, over all processes that worked on it one after the other.
        notes: what was remarkable, in sentences.
        report: what ``report.json`` holds; empty where the training was not finished with files.
    """

    folder: Path
    model: nn.Module
    recipe: Recipe
    rows: tuple[Row, ...]
    best: int
    split: Split
    precision: str
    seconds: float
    notes: tuple[str, ...] = field(default=())
    report: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {len(self.rows)} epochs, the best was {self.best})"


def fit(
    model: nn.Module,
    source: Any,
    recipe: Recipe,
    out: str | os.PathLike[str],
    *,
    resume: bool = False,
    watch: Watch | None = None,
    probe: Any = None,
    spec: str = "",
    title: str = "",
    card: str = "",
    preprocessing: Preprocessing | None = None,
    about: Mapping[str, Any] | None = None,
    finish: bool = True,
    save_every: float = 60.0,
) -> Run:
    """Train a copy of a network on labelled pictures.

    The model that is passed stays as it is, and so do random states, the number of threads, and what handles
    Ctrl-C, also after an exception. The first Ctrl-C ends the step, writes a checkpoint and raises
    KeyboardInterrupt; a second one raises it at once.

    A run that was stopped, killed or struck by a power cut goes on with ``resume=True`` and ends with the same
    weights to the last bit, on the same machine with the same number of threads, on the processor.

    Started by ``torchrun``, or inside a process group that exists, each process works on its part of every batch, and
    the loss is that of one process up to rounding. A normalisation then measures each part alone, and the running
    statistics of all parts are averaged after each step.

    Args:
        model: any module from (N, C, H, W) to (N, K), or to (N, 1) for two classes. A softmax or sigmoid at the
            end is taken into the loss.
        source: the pictures: a :class:`convscope.data.sources.Source` or anything with its ``train``, or samples
            themselves.
        recipe: how to train.
        out: the folder of the run, new unless it is resumed; what is in it is drawn in :mod:`convscope.train.folder`.
        resume: go on where the run in ``out`` stopped; begin it when there is none.
        watch: told how far it is, about ten times a second and after each epoch.
        probe: called as ``probe(model, epoch, last=...)`` with the model in evaluation mode, before training (epoch 0)
            and after each epoch, such as :class:`convscope.train.probes.Probe`.
        spec: the network as text, for ``config.toml`` and ``network.safetensors``.
        title: what people shall call the result.
        card: what it was trained on, in a few sentences, for ``network.safetensors``.
        preprocessing: how photos shall reach the result; by default as they did in training.
        about: further facts for the table ``[data]`` of ``config.toml``.
        finish: write ``network.safetensors``, the pictures and the report at the end.
        save_every: seconds between two checkpoints; one more is written after each epoch.

    Raises:
        CallError, DataError: the recipe, the data and the network do not fit together, or not with the run that
            shall be resumed.
        OutputError: ``out`` cannot be used, or the disk is full; the checkpoint before is kept.
        TrainingError: the loss is not finite, or memory ran out; the last good checkpoint is kept.
        KeyboardInterrupt: Ctrl-C; a checkpoint was written.

    >>> import tempfile
    >>> from convscope.data.samples import ArraySamples
    >>> from convscope.spec import build, parse
    >>> dark, light = np.zeros((20, 8, 8), np.uint8), np.full((20, 8, 8), 200, np.uint8)
    >>> dark[:, 0, 0], light[:, 0, 0] = np.arange(20), np.arange(20)
    >>> samples = ArraySamples(np.concatenate([dark, light]), [0] * 20 + [1] * 20, ["dark", "light"])
    >>> model = build(parse("conv(4, 3) | relu | gap | dense(2)"), (1, 8, 8))
    >>> recipe = Recipe(epochs=3, batch=8, learning_rate=0.1, validation=0.25)
    >>> run = fit(model, samples, recipe, Path(tempfile.mkdtemp()) / "run", finish=False)
    >>> [row["epoch"] for row in run.rows], run.rows[-1]["validation_accuracy"]
    ([1, 2, 3], 1.0)
    """
    keep_freed_memory()
    device = environment.chosen_device(recipe.device)
    facts = Facts(Path(out), resume, spec, title, card, dict(about or {}), preprocessing)
    with environment.kept(), joined(device) as group:
        train, test = getattr(source, "train", source), getattr(source, "test", None)
        trained = _copied(model, device)
        _check(trained, train, recipe, device)
        with Interrupt(grace=0.0 if group.size == 1 else 3.0) as interrupt, Writers(facts.out) as writers:
            session = begin(trained, source, train, recipe, facts, group, interrupt, watch, probe, writers, save_every)
            try:
                session.run()
            except Asked:
                session.save()
                raise KeyboardInterrupt from None
        best = _take_best(session, group)
        session.model.eval()
        report: dict[str, Any] = {}
        if finish and group.leads:
            report = _finished(session, facts, best, test, device)
        return Run(
            folder=facts.out, model=trained.to("cpu"), recipe=recipe, rows=tuple(session.state.rows), best=best,
            split=session.plan.split, precision=session.precision, seconds=session.state.seconds,
            notes=tuple(report.get("notes", session.notes)), report=report,
        )  # fmt: skip


def _copied(model: nn.Module, device: str) -> nn.Module:
    try:
        return copy.deepcopy(model).to(device)
    except (RuntimeError, TypeError) as error:
        raise CallError(f"the network cannot be copied: {error}; give one that copy.deepcopy can copy") from error


def _check(model: nn.Module, samples: Any, recipe: Recipe, device: str) -> None:
    """Ask the network about a picture before anything is written."""
    import torch

    was = model.training
    model.eval()
    try:
        sizes = sorted({recipe.size_at(epoch) or 0 for epoch in range(recipe.epochs)} | {0})
        first = samples.take(np.arange(min(2, len(samples))))
        for size in sizes:
            images = pixels.scaled(pixels.unit(first, device), recipe.scale)
            if size:
                images = torch.nn.functional.interpolate(images, (size, size))
            with torch.no_grad():  # inference mode would spoil what a module keeps for later
                found = model(images)
            losses.check_outputs(tuple(found.shape), samples.classes, len(first))
    except RuntimeError as error:
        height, width, channels = samples.shape
        raise DataError(
            f"the network cannot take pictures of {size or height}x{size or width}x{channels}: "
            f"{' '.join(str(error).split())}; give pictures of the size that it is made for"
        ) from error
    finally:
        model.train(was)


def _take_best(session: Session, group: Group) -> int:
    """Put the weights in that were validated best; the epoch they are of."""
    found = session.checkpoints.best() if session.checkpoints is not None and session.state.best else None
    data = group.share(None if found is None else encode(*found))
    if data is None:
        session.use_average()
        return session.state.epoch
    state, tensors = decode(data)
    put(values(session.model), {name.removeprefix("model/"): value for name, value in tensors.items()})
    return int(state["epoch"])


def _finished(session: Session, facts: Facts, best: int, test: Any, device: str) -> dict[str, Any]:
    from convscope.train.finish import finish

    session.tell_finishing()
    return finish(
        facts.out, session.model, session.plan, session.recipe, device=device, rows=session.state.rows, best=best,
        test=test, spec=facts.spec, title=facts.title, card=facts.card, preprocessing=facts.preprocessing,
        seconds=session.state.seconds, notes=session.notes, note=session.note,
    )  # fmt: skip
