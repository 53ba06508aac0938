"""``convscope export``: a trace as one HTML file that any browser opens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.app.console import console, print_json, printable, stages
from convscope.app.opening import Request, one_network
from convscope.app.output import safe_name
from convscope.errors import CallError, OutputError
from convscope.store import load
from convscope.traces import Trace

if TYPE_CHECKING:
    from convscope.page.html import Page

MEGABYTE = 1_000_000


def run(
    request: Request, net: str | None, model: str | None, *, full: bool, channels: int | None, limit: float
) -> None:
    """Do what the command line asked for; see :func:`convscope.app.cli.export`."""
    from convscope.page.html import make_page
    from convscope.store.atomic import replacing

    _check_free(request.out, overwrite=request.overwrite)  # before the network runs
    with stages(quiet=request.as_json) as progress:
        trace = _trace(request, net, model, progress.stage)
        out = request.out or Path(f"{_stem(trace)}.html")
        _check_free(out, overwrite=request.overwrite)
        with replacing(out, overwrite=request.overwrite) as file:
            progress.stage("making the page")
            page = make_page(trace, full=full, channels=channels, limit=round(limit * MEGABYTE))
            file.write(page.data)
    if request.as_json:
        print_json(_report(trace, page, out))
        return
    written = console()
    for line in described(trace, page):
        written.print(printable(line))
    written.print(printable(str(out)))


def _check_free(out: Path | None, *, overwrite: bool) -> None:
    if out is not None and out.exists() and not overwrite:
        raise OutputError(f"{str(out)!r} exists already; choose another name, or add --overwrite to replace it")


def _trace(request: Request, net: str | None, model: str | None, stage: Any) -> Trace:
    if request.image is not None and request.image.lower().endswith(".safetensors"):
        _refuse_network(request, net, model)
        return load(request.image)
    from convscope.record import record
    from convscope.tracing import open_network

    stage("opening")
    network, picture = open_network(one_network(net, model), request.photo, request.options())
    stage("running the network")
    return record(network, picture, memory=request.memory_bytes)


def _refuse_network(request: Request, net: str | None, model: str | None) -> None:
    """A trace file has its network in it."""
    given = {
        "--net": net,
        "--model": model,
        "--weights": request.weights,
        "--size": request.size,
        "--seed": request.seed or None,
        "--scale": request.scale,
    }
    for flag, value in given.items():
        if value is not None:
            raise CallError(f"{flag} {str(value)!r} has no use for a trace, which was recorded already; leave it out")


def _stem(trace: Trace) -> str:
    image = trace.about.get("image")
    name = image.get("name") if isinstance(image, Mapping) else image
    return safe_name(Path(name).stem) if isinstance(name, str) else "trace"


def described(trace: Trace, page: Page) -> list[str]:
    """What is in a page and what is not, as lines for people."""
    held = page.held
    size = f"{len(page.data) / MEGABYTE:.1f} MB, {len(trace)} steps"
    if held.values == held.of_values and held.params == held.of_params and held.picture:
        return [f"{size}, every number: {held.values:,} values and {held.params:,} parameters, exact"]
    values = f"{held.values:,} of {held.of_values:,} values"
    params = f"{held.params:,} of {held.of_params:,} parameters"
    lines = [f"{size}, an excerpt: {values} and {params}, exact; every channel as a small picture"]
    if held.absent:
        lines.append(f"  of {held.absent} step{'s' * (held.absent != 1)} no value is in it")
    if not held.picture:
        lines.append("  the photo is smaller than it was")
    lines.append("  for more use --limit MB, --channels K, or --full for everything")
    return lines


def _report(trace: Trace, page: Page, out: Path) -> dict[str, Any]:
    from convscope import __version__

    held = page.held
    return {
        "convscope": __version__,
        "page": str(out),
        "bytes": len(page.data),
        "steps": len(trace),
        "values": {"kept": held.values, "total": held.of_values},
        "params": {"kept": held.params, "total": held.of_params},
        "absent": held.absent,
        "picture": held.picture,
        "thumb": page.thumb,
    }
