"""``convscope explain`` for one photo: maps over it, whether to believe them, and the trace with all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from convscope.app import facts
from convscope.app.console import Stages, print_json, stages
from convscope.app.explain_report import facts_of, file_of, print_map
from convscope.app.explain_request import REPORT, Asked, finite, say, write_json
from convscope.app.output import new_folder, safe_name
from convscope.draw import save_png
from convscope.explaining.verb import Explanation, explain_picture, explain_trace
from convscope.explaining.wording import answer_text
from convscope.store import load
from convscope.traces import Trace
from convscope.tracing import open_network


def run(asked: Asked) -> None:
    """Do what the command line asked for; see :func:`convscope.app.cli.explain`."""
    request = asked.request
    with (
        stages(quiet=request.as_json) as progress,
        new_folder(request.out, f"{_stem(asked)}-explained", overwrite=request.overwrite) as (folder, place),
    ):
        found = _explained(asked, progress)
        progress.stage("drawing")
        names, files = _written(found, folder, page=asked.page)
        report = _report(found, names, files)
        write_json(folder, REPORT, report)
        final = place()
    if request.as_json:
        print_json(_with_folder(report, final))
        return
    _print(found, names)
    for name in files.values():
        say(str(final / name))


def _stem(asked: Asked) -> str:
    return safe_name(Path(asked.images[0] if asked.images else asked.request.photo).stem)


def _explained(asked: Asked, progress: Stages) -> Explanation:
    request = asked.request
    wish: dict[str, Any] = {
        "target": asked.target, "method": asked.method, "layer": asked.layer, "thorough": asked.thorough,
        "seed": request.seed, "watch": told(progress),
    }  # fmt: skip
    progress.stage("opening")
    if asked.trace is not None:
        asked.refuse_network()
        return explain_trace(load(asked.trace), **wish)
    photo = asked.images[0] if asked.images else request.photo
    network, picture = open_network(asked.network, photo, request.options())
    progress.stage("running the network")
    return explain_picture(network, picture, memory=request.memory_bytes, **wish)


def told(progress: Stages) -> Callable[[int, int | None, str], None]:
    """A function that shows on the terminal how far the explaining is."""
    now: list[tuple[str, int | None]] = []

    def watch(done: int, total: int | None, text: str) -> None:
        if now != [(text, total)]:
            now[:] = [(text, total)]
            progress.stage(text, total=total)
        progress.reached(done)

    return watch


def _written(found: Explanation, folder: Path, *, page: bool) -> tuple[list[str], dict[str, str]]:
    """Write everything; names of the pictures of the maps, and of the other files."""
    names = [file_of(made, i, found.maps) for i, made in enumerate(found.maps)]
    for made, name in zip(found.maps, names, strict=True):
        save_png(found.picture(made), folder / name)
    save_png(found.sheet(), folder / "contact.png")
    found.trace.save(folder / "trace.safetensors")
    files = {"contact": "contact.png", "trace": "trace.safetensors"}
    if page:
        from convscope.page import export

        export(found.trace, folder / "page.html")
        files["page"] = "page.html"
    return names, files


def _report(found: Explanation, names: list[str], files: Mapping[str, str]) -> dict[str, Any]:
    trace = found.trace
    return {
        "convscope": trace.about.get("version"),
        "image": trace.about.get("image"),
        "network": {key: value for key, value in trace.about.items() if key not in {"image", "version"}},
        "target": found.target.label,
        "score": finite(found.score),
        "probabilities": trace.ends_in_probabilities,
        "maps": [facts_of(made, name) for made, name in zip(found.maps, names, strict=True)],
        "files": dict(files),
    }


def _with_folder(report: Mapping[str, Any], final: Path) -> dict[str, Any]:
    """The report as it is printed, with paths instead of names."""
    maps = [made | {"file": str(final / made["file"])} for made in report["maps"]]
    files = {name: str(final / file) for name, file in report["files"].items()}
    return {**report, "maps": maps, "files": files | {"folder": str(final)}}


def _print(found: Explanation, names: list[str]) -> None:
    trace = found.trace
    say(_heading(trace))
    listed = [answer_text(one.label, one.value, share=trace.ends_in_probabilities) for one in trace.scores[:5]]
    say(f"it says: {', '.join(listed)}")
    say("")
    for made, name in zip(found.maps, names, strict=True):
        print_map(made, name)
        say("")


def _heading(trace: Trace) -> str:
    image = trace.about.get("image")
    name = image.get("name", "photo") if isinstance(image, Mapping) else "photo"
    height, width = trace.picture.shape[:2]
    size = image.get("size", [height, width]) if isinstance(image, Mapping) else [height, width]
    shape = facts.shape_text(trace.input.shape)
    return f"{name}  {size[0]}x{size[1]}  through  {trace.about.get('network', 'network')}  (input {shape})"
