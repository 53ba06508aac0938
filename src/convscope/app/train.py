"""``convscope train``: a data set, a network and a recipe become a folder with a trained network."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.app.console import Stages, console, note, print_json, printable, stages
from convscope.app.train_network import Chosen, wanted
from convscope.app.train_report import report, show
from convscope.app.train_request import Job, Typed, named, recipe_for, understood
from convscope.app.train_watch import told
from convscope.errors import Cancelled, OutputError
from convscope.train.folder import CONFIG
from convscope.train.recipe import Recipe

if TYPE_CHECKING:
    from convscope.data.sources import Source
    from convscope.train.loop import Run
    from convscope.train.probes import Probe


NO_CACHE = "--no-cache"


class Stopped(Cancelled):
    """Ctrl-C: everything so far is kept, and the sentence says how to go on."""

    exit_status = 130


def run(typed: Typed) -> None:
    """Do what the command line asked for; see :func:`convscope.app.cli.train`."""
    if typed.compare is not None:
        from convscope.app.train_compare import run as compared

        compared(typed)
        return
    job = understood(typed)
    with opened(typed, job) as (source, chosen):
        recipe = job.recipe or recipe_for(typed, first_recipe(chosen, source))
        found = trained(typed, named(job, chosen.title), source, chosen, recipe)
    if not leads():
        return
    finished = report(found, source)
    if typed.as_json:
        print_json(finished)
    else:
        show(finished)


def leads() -> bool:
    """Whether this process prints: the only one, or the first of those that ``torchrun`` started."""
    return os.environ.get("RANK", "0") in {"", "0"}


def silent(typed: Typed) -> bool:
    """Whether nothing is said on the way."""
    return typed.as_json or not leads()


@contextlib.contextmanager
def opened(typed: Typed, job: Job) -> Iterator[tuple[Source, Chosen]]:
    """The pictures, and the network that fits them; the files of the pictures are closed when the block ends.

    Raises:
        CallError: one of them cannot be used, or they do not fit.
    """
    from convscope.data.sources import open_source

    seed = (job.recipe or recipe_for(typed, Recipe())).seed
    with contextlib.ExitStack() as closing:
        with stages(quiet=silent(typed)) as progress:
            asked = wanted(job.net, job.model, seed=seed)
            progress.stage("opening the data")
            source = open_source(
                job.data, size=job.size or asked.size, channels=asked.channels, download=typed.download,
                cache=None if typed.no_cache else pixel_cache(), threads=typed.workers or 0,
                progress=_followed(progress),
            )  # fmt: skip
            for part in (source.train, source.test):
                closing.callback(getattr(part, "close", lambda: None))
            progress.stage("building the network")
            chosen = asked.fitted(source.train, seed)
        yield source, replace(chosen, title=job.title) if job.title else chosen


def _followed(progress: Stages) -> Callable[[str, int, int | None], None]:
    """Show what opening a data set reports: a stage for each thing that is under way."""
    shown = ""

    def tell(what: str, done: int, total: int | None) -> None:
        nonlocal shown
        if what != shown:
            shown = what
            progress.stage(printable(what), total=total)
        progress.reached(done)

    return tell


def pixel_cache() -> Path:
    """Where resized pixels are kept between trainings."""
    from convscope.data.sources import home

    return home() / "pixels"


def first_recipe(chosen: Chosen, source: Source) -> Recipe:
    """What is known to suit this network, with batches that are no more than a twentieth of the data."""
    from convscope.train.recipes import RECIPES
    from convscope.train.recipes import recipe_for as usual

    recipe = usual(chosen.name or "any other")
    if chosen.name not in RECIPES and source.train.shape[2] == 3:
        recipe = recipe.replace(augment="flip,rotation=0.1")
    most = 1 << max(3, (len(source.train) // 20).bit_length() - 1)
    return recipe.replace(batch=min(recipe.batch, most))


def trained(typed: Typed, job: Job, source: Source, chosen: Chosen, recipe: Recipe) -> Run:
    """Train, telling how far it is.

    Raises:
        Stopped: Ctrl-C; a checkpoint was written.
        ConvscopeError: as :func:`convscope.train.fit`.
    """
    from convscope.data.augment import Augment
    from convscope.data.splitting import split
    from convscope.train import fit
    from convscope.train.pictures import PREVIEW, save_previews

    assert job.out is not None
    out, quiet = job.out, silent(typed)
    parts = split(source.train, recipe.validation, recipe.seed)
    probe = _probe(job, source, chosen, recipe, parts)
    if not quiet:
        _introduce(source, chosen, recipe, parts, f"going on in {out}" if typed.resume else f"into {out}")
    about = {
        "source": job.data, "model": job.model or "",
        "probe": "none" if job.probe is None else job.probe,
    }  # fmt: skip
    with _in_place_of(out, overwrite=typed.overwrite) as begun:

        def first() -> None:
            begun()
            if leads() and not (out / PREVIEW).exists():
                how = Augment.parse(recipe.augment)
                save_previews(out, source.train, parts.train, how, seed=recipe.seed)

        with told(quiet=quiet, begun=first) as watch:
            try:
                found = fit(
                    chosen.model, source, recipe, out, resume=typed.resume, watch=watch, probe=probe,
                    spec=chosen.spec, title=chosen.title, about=about,
                )  # fmt: skip
            except KeyboardInterrupt:
                raise Stopped(_how_to_go_on(out, watch.epoch)) from None
    if probe is not None and probe.failed and not quiet:
        note(f"the photo could not be traced, so there is no film strip: {printable(probe.failed)}")
    return found


def _how_to_go_on(out: Path, epoch: int) -> str:
    if not (out / CONFIG).is_file():
        return "stopped before the first step; nothing was left half-written"
    reached = f" in epoch {epoch + 1}" if epoch else ""
    return f"stopped{reached}; go on with: convscope train --resume --out {printable(str(out))}"


def _introduce(source: Source, chosen: Chosen, recipe: Recipe, parts: Any, last: str) -> None:
    height, width, channels = source.train.shape
    classes = source.train.classes
    names = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
    held_out = f", {len(parts.validation):,} held out" if len(parts.validation) else ""
    data = (
        f"{source.name}: {len(parts.train):,} pictures to train on{held_out}, {height}x{width}x{channels}, "
        f"{len(classes)} classes ({names})"
    )
    how = (
        f"{recipe.epochs} epoch{'s' * (recipe.epochs != 1)} of {recipe.optimizer}, batch {recipe.batch}, learning rate "
        f"{recipe.learning_rate:g} {recipe.schedule}" + (f", {recipe.augment}" if recipe.augment else "")
    )
    lines = [data, f"{chosen.title}: {chosen.params:,} parameters", how, *source.about.get("notes", [])]
    if getattr(source.train, "cached", False):
        size = len(source.train) * height * width * channels / 1e9
        lines.append(f"resized pixels are kept in {pixel_cache()}, {size:.1f} GB ({NO_CACHE} keeps none)")
    for line in [*lines, last]:
        console().print(printable(line), soft_wrap=True)


def _probe(job: Job, source: Source, chosen: Chosen, recipe: Recipe, parts: Any) -> Probe | None:
    """What traces a photo after every epoch; None where nobody wants it."""
    if job.probe is None or not leads():
        return None
    from convscope.network import Preprocessing
    from convscope.train.probes import Probe

    assert job.out is not None
    height, width, channels = source.train.shape
    scale: Any = recipe.scale
    preprocessing = Preprocessing((height, width), channels=channels, scale=scale)
    about: dict[str, Any] = {"data": source.name}
    if chosen.spec:
        about |= {"spec": chosen.spec, "seed": recipe.seed, "input": [channels, height, width]}
    if job.probe:
        photo, name = job.probe, ""
    else:
        first = int((parts.validation if len(parts.validation) else parts.train)[0])
        photo, name = source.train.take(np.array([first]))[0], str(source.train.names[first])
    return Probe(
        job.out, photo, preprocessing, epochs=recipe.epochs, labels=source.train.classes, title=chosen.title,
        name=name, about=about,
    )  # fmt: skip


@contextlib.contextmanager
def _in_place_of(out: Path, *, overwrite: bool) -> Iterator[Any]:
    """Put an earlier training aside, remove it once the new one has begun, and bring it back if that never happens."""
    # of several processes, the first one does it before the others may look
    if not overwrite or not leads() or not (out / CONFIG).is_file():
        yield lambda: None
        return
    if out.is_symlink():
        raise OutputError(f"{str(out)!r} is a link, so --overwrite leaves it alone; give the folder itself")
    aside = out.with_name(f".{out.name}.before-{os.getpid()}")
    out.rename(aside)

    def begun() -> None:
        shutil.rmtree(aside, ignore_errors=True)

    try:
        yield begun
    except BaseException:
        if aside.exists():
            shutil.rmtree(out, ignore_errors=True)
            aside.rename(out)
        raise
