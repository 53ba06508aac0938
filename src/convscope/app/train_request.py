"""From what was typed after ``convscope train`` to one training: data, network, recipe, folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from convscope.app.opening import parsed_size
from convscope.app.output import HOME, safe_name
from convscope.data.augment import Augment
from convscope.errors import CallError, DataError
from convscope.train.folder import CONFIG, RunFolder
from convscope.train.recipe import OPTIMIZERS, PRECISIONS, SCHEDULES, Recipe

NAMED = ("fashion-mnist", "cats-vs-dogs")
HUB = "hf:"
LATER = ("epochs", "device", "threads")
"""What may be said again when a training is resumed; :func:`convscope.train.fit` refuses what does not go."""
WORDS = (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", PRECISIONS))


@dataclass(frozen=True)
class Typed:
    """What was typed after ``train``; None and False where nothing was.

    Attributes:
        data: the word for the data set.
        fields: those of the recipe that were given, by name.
    """

    data: str | None
    net: str | None = None
    model: str | None = None
    compare: str | None = None
    out: Path | None = None
    size: str | None = None
    probe: str | None = None
    no_probe: bool = False
    no_cache: bool = False
    workers: int | None = None
    download: bool = False
    resume: bool = False
    overwrite: bool = False
    as_json: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        data: where the pictures are, a word that :func:`convscope.data.sources.open_source` takes.
        net: ``--net``, or the text of the network that is resumed.
        model: ``--model``.
        title: of the network that is resumed, else empty.
        size: (height, width) of the pictures, None for the network's or the data's own.
        probe: file of the photo that is traced; empty for the first that is held out, None for none.
        out: the folder, None until it is known what it will be called.
        recipe: of the training that is resumed, else None.
    """

    data: str
    net: str | None
    model: str | None
    title: str
    size: tuple[int, int] | None
    probe: str | None
    out: Path | None
    recipe: Recipe | None


def understood(typed: Typed) -> Job:
    """One training out of what was typed.

    Raises:
        CallError, DataError: it makes no sense, or there is nothing to resume.
    """
    if typed.probe is not None and typed.no_probe:
        raise CallError("--probe and --no-probe say opposite things; give one of them")
    if typed.resume:
        return _resumed(typed)
    if typed.data is None or not typed.data.strip():
        raise CallError(
            "DATA is missing; give a folder with a sub-folder of photos for each class, or fashion-mnist, cats-vs-dogs"
        )
    probe = None if typed.no_probe else str(Path(typed.probe).absolute()) if typed.probe else ""
    return Job(_placed(typed.data.strip()), typed.net, typed.model, "", parsed_size(typed.size), probe, typed.out, None)


def _placed(data: str) -> str:
    """A folder by its whole path, so that a training can be resumed from anywhere."""
    if data in NAMED or data.startswith(HUB) or not Path(data).exists():
        return data
    return str(Path(data).absolute())


def _resumed(typed: Typed) -> Job:
    """The training in the folder, as its ``config.toml`` says."""
    if typed.out is None:
        raise CallError("--resume needs the folder of the training; add --out RUN")
    given = {"--net": typed.net, "--model": typed.model, "--size": typed.size, "--compare": typed.compare}
    given |= {f"--{name.replace('_', '-')}": value for name, value in typed.fields.items() if name not in LATER}
    for flag, value in given.items():
        if value is not None:
            raise CallError(
                f"{flag} {value!r} has no use with --resume, which goes on as the training began; leave it out"
            )
    recipe, tables = RunFolder(typed.out).read_config()
    recipe = recipe_for(replace(typed, fields={name: typed.fields.get(name) for name in LATER}), recipe)
    data, network = tables.get("data", {}), tables.get("network", {})
    source = data.get("source")
    if not isinstance(source, str) or not source:
        raise DataError(f"{str(typed.out / CONFIG)!r} does not say where its pictures are; resume it from Python")
    if typed.data is not None and _placed(typed.data) != source:
        raise DataError(f"the training in {str(typed.out)!r} is on {source!r}, not on {typed.data!r}; leave DATA out")
    shape = data.get("shape", [])
    text, reference = str(network.get("text", "")), str(data.get("model", ""))
    probe = None if typed.no_probe or data.get("probe") == "none" else str(data.get("probe", ""))
    return Job(
        source, text or None, None if text else reference or None, str(network.get("title", "")),
        (int(shape[0]), int(shape[1])) if len(shape) == 3 else None, probe, typed.out, recipe,
    )  # fmt: skip


def recipe_for(typed: Typed, base: Recipe) -> Recipe:
    """The recipe with what was typed in place of its own values.

    Raises:
        CallError, DataError: a value makes no sense.
    """
    given = {name: value for name, value in typed.fields.items() if value is not None}
    for name, words in WORDS:
        if name in given and given[name] not in words:
            raise CallError(f"--{name} is {given[name]!r}; use one of {', '.join(words)}")
    try:
        recipe = base.replace(**given)
    except CallError as error:
        text = str(error)
        for name in given:
            if text.startswith(f"{name} "):
                text = f"--{name.replace('_', '-')} {text.removeprefix(name + ' ')}"
        raise CallError(text) from None
    Augment.parse(recipe.augment)  # what is misspelt is said before anything is read
    return recipe


def named(job: Job, what: str) -> Job:
    """The job with a folder: its own, or a new one in ``convscope-out`` called after the data and the network."""
    if job.out is not None:
        return job
    stem = safe_name(f"{Path(job.data).name}-{what}")
    for number in range(1, 100_000):
        out = HOME / (stem if number == 1 else f"{stem}-{number}")
        if not out.exists():
            return replace(job, out=out)
    raise CallError(f"{str(HOME)!r} holds too many trainings called {stem!r}; remove some, or give --out")
