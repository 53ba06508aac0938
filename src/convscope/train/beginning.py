"""The beginning of a training: a new folder, or the place where a run stopped."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from convscope.errors import CallError
from convscope.network import Preprocessing
from convscope.train import environment
from convscope.train.average import put, values
from convscope.train.checkpoint import Checkpoints, decode, encode
from convscope.train.distributed import Group, restarted
from convscope.train.events import Events
from convscope.train.folder import ENVIRONMENT, EVENTS, MANIFEST, RunFolder
from convscope.train.interrupt import Interrupt
from convscope.train.manifest import Plan, begun, described, rejoined
from convscope.train.metrics import Row, write_csv
from convscope.train.progress import Progress, Watch
from convscope.train.recipe import Recipe
from convscope.train.resuming import check_network, check_recipe
from convscope.train.session import Session
from convscope.train.state import State
from convscope.train.whitening import whiten

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Facts:
    """What a call of :func:`convscope.train.fit` says beside the recipe."""

    out: Path
    resume: bool
    spec: str
    title: str
    card: str
    about: Mapping[str, Any]
    preprocessing: Preprocessing | None


def begin(
    trained: nn.Module,
    source: Any,
    samples: Any,
    recipe: Recipe,
    facts: Facts,
    group: Group,
    interrupt: Interrupt,
    watch: Watch | None,
    probe: Any,
    writers: Writers,
    save_every: float,
) -> Session:
    """A session at its beginning, or where the run stopped."""
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        if watch is not None and group.leads:
            watch(Progress("note", 0, recipe.epochs, note=text))

    folder = RunFolder(facts.out)
    checkpoints = Checkpoints(folder.checkpoints, note)
    device = environment.chosen_device(recipe.device)
    precision = environment.chosen_precision(recipe.precision, device)
    again = _opened(folder, group, checkpoints, recipe, facts)
    _set_threads(recipe, again, group, note)
    if again is None or again.manifest is None:
        plan = begun(samples, recipe.validation, recipe.seed)
    else:
        plan = rejoined(again.manifest, samples, recipe.validation, recipe.seed, note)
    session = Session(
        trained, plan, recipe, device=device, precision=precision, group=group,
        checkpoints=checkpoints if group.leads else None, interrupt=interrupt, watch=watch,
        at_epoch=_probed(probe), after_epoch=writers, save_every=save_every,
    )  # fmt: skip
    session.notes[:0] = notes
    if again is not None:
        session.load(*decode(again.checkpoint))
        if again.precision not in {precision, ""}:
            session.note(f"the run was begun in {again.precision} and goes on in {precision}, as this machine has it")
    else:
        if recipe.whiten and group.leads:
            whiten(trained, samples, plan.split.train, recipe)
        _align(trained, group)
    session.state.threads = torch_threads()
    if group.leads:
        _written(folder, plan, source, samples, recipe, facts, environment.facts(device, precision, group.size))
        if probe is not None and not session.state.taken:
            probe(trained.eval(), 0, last=False)
    return session


@dataclass(frozen=True)
class Again:
    """What is found of a run that goes on."""

    checkpoint: bytes
    manifest: Any
    precision: str
    processes: int
    threads: int


def _opened(folder: RunFolder, group: Group, checkpoints: Checkpoints, recipe: Recipe, facts: Facts) -> Again | None:
    """What to go on from, None for a beginning; errors of the process that looks are raised in all of them."""
    found: Any = None
    if group.leads:
        try:
            found = _looked_up(folder, checkpoints, recipe, facts)
        except CallError as error:
            if group.size == 1:
                raise
            found = error
    found = group.share(found)
    if isinstance(found, CallError):
        raise found
    assert found is None or isinstance(found, Again)
    return found


def _looked_up(folder: RunFolder, checkpoints: Checkpoints, recipe: Recipe, facts: Facts) -> Again | None:
    if not folder.begin(resume=facts.resume or restarted()):
        return None
    before, tables = folder.read_config()
    data = checkpoints.newest()
    if data is None:
        check_recipe(recipe, before)
        return None
    state = State.from_dict(decode(data)[0])
    check_recipe(recipe, before, state.epoch)
    check_network(facts.spec, tables)
    environment_then = folder.read_json(ENVIRONMENT) or {}
    return Again(
        data,
        folder.read_json(MANIFEST),
        str(environment_then.get("precision", "")),
        int(environment_then.get("processes", 1)),
        state.threads,
    )


def _written(
    folder: RunFolder, plan: Plan, source: Any, samples: Any, recipe: Recipe, facts: Facts, found: dict[str, Any]
) -> None:
    """Write what the run is, unless it is written."""
    if not (folder.path / MANIFEST).is_file():
        folder.write_json(MANIFEST, described(plan))
    folder.write_json(ENVIRONMENT, found)
    data = {
        "name": getattr(source, "name", ""),
        "classes": list(samples.classes),
        "samples": len(samples),
        "shape": list(samples.shape),
        **facts.about,
    }
    network = {"title": facts.title, "text": facts.spec}
    folder.write_config(recipe, {"network": network, "data": data})


def _probed(probe: Any) -> Any:
    def ended(model: nn.Module, row: Row, last: bool) -> None:
        probe(model, row["epoch"], last=last)

    return None if probe is None else ended


class Writers:
    """Writes the numbers of the epochs, as CSV and for TensorBoard.

    Args:
        run: the folder of the run.
    """

    def __init__(self, run: Path) -> None:
        self._folder = RunFolder(run)
        self._events: Events | None = None

    def __enter__(self) -> Writers:  # noqa: PYI034 - beartype knows no Self in a method
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._events is not None:
            self._events.close()

    def __call__(self, rows: list[Row]) -> None:
        """An epoch has ended."""
        write_csv(self._folder.metrics, rows)
        if self._events is None:
            self._events = Events(self._folder.path / EVENTS, rows[:-1])
        self._events.add(rows[-1])


def _align(model: nn.Module, group: Group) -> None:
    """Begin with the first weights of rank 0 everywhere."""
    if group.size > 1:
        live = values(model)
        put(live, decode(group.share(encode({}, live) if group.leads else None))[1])


def torch_threads() -> int:
    """Threads of the processor that PyTorch uses."""
    import torch

    return torch.get_num_threads()


def _set_threads(recipe: Recipe, again: Again | None, group: Group, note: Any) -> None:
    """As many as the recipe says, or as the run had: sums depend on how they are divided."""
    import torch

    same = again is not None and again.processes == group.size
    if again is not None and not same:
        note(
            f"the run was begun with {again.processes} processes and goes on with {group.size}, so that the last "
            "digits will differ"
        )
    wanted = recipe.threads or (again.threads if again is not None and same else 0)
    cores = os.cpu_count() or 1
    if not recipe.threads and wanted > cores:
        note(
            f"the run was begun with {wanted} threads and there are {cores} cores, so that the last digits will differ"
        )
        wanted = cores
    if wanted:
        torch.set_num_threads(wanted)
