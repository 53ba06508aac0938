"""``convscope see``: one photo through one network, every step as a row and a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from convscope.app import facts
from convscope.app.console import Stages, console, print_json, stages, table
from convscope.app.opening import Request, chosen_steps, one_network
from convscope.app.output import new_folder, safe_name, write_report
from convscope.errors import ForwardError
from convscope.network import Network
from convscope.record import record
from convscope.structure import setting_text
from convscope.traces import Step, Trace
from convscope.tracing import open_network


def run(request: Request, net: str | None, model: str | None) -> None:
    """Do what the command line asked for; see :func:`convscope.app.cli.see`."""
    chosen, options = one_network(net, model), request.options()
    with (
        stages(quiet=request.as_json) as progress,
        new_folder(request.out, request.stem, overwrite=request.overwrite) as (folder, place),
    ):
        progress.stage("opening")
        network, picture = open_network(chosen, request.photo, options)
        progress.stage("running the network")
        trace = _recorded(network, picture, request)
        steps = chosen_steps(trace, request.layers)
        names = _draw(trace, steps, folder, progress) | _keep(trace, network, folder)
        report = facts.report(trace, steps, names)
        write_report(folder, report)
        final = place()
    if request.as_json:
        print_json(report | {"files": _joined(final, names) | {"folder": str(final)}})
        return
    _print(trace, steps)
    _print_files(final, names)


def _recorded(network: Network, picture: Any, request: Request) -> Trace:
    try:
        return record(network, picture, memory=request.memory_bytes)
    except ForwardError as error:
        if error.partial is not None and not request.as_json:
            _print(error.partial, error.partial.steps[1:])
        raise


def _draw(trace: Trace, steps: Sequence[Step], folder: Path, progress: Stages) -> dict[str, Any]:
    from convscope.draw import contact, kernels, save_png, step_picture

    places = {step.name: number for number, step in enumerate(trace)}
    jobs: list[tuple[str, Callable[[], Any]]] = []
    names: dict[str, Any] = {"steps": {}, "kernels": {}}
    for step in steps:
        stem = f"{places[step.name]:03d}-{safe_name(step.name)}"
        names["steps"][step.name] = f"{stem}.png"
        jobs.append((f"{stem}.png", lambda step=step: step_picture(step)))  # type: ignore[misc]
        if step.kind in {"conv2d", "conv_transpose2d"} and "weight" in step.params:
            names["kernels"][step.name] = f"{stem}-kernels.png"
            jobs.append((f"{stem}-kernels.png", lambda step=step: kernels(step)))  # type: ignore[misc]
    names["contact"] = "contact.png"
    jobs.insert(0, ("contact.png", lambda: contact(trace, steps=[step.name for step in steps])))
    progress.stage("drawing", total=len(jobs))

    def work(job: tuple[str, Callable[[], Any]]) -> None:
        save_png(job[1](), folder / job[0])
        progress.advance()

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(work, jobs))
    return names


def _keep(trace: Trace, network: Network, folder: Path) -> dict[str, str]:
    """The trace; for a network given as text also the text and its weights, to load again by layer name."""
    trace.save(folder / "trace.safetensors")
    kept = {"trace": "trace.safetensors"}
    module = getattr(network, "model", None)
    if "spec" in trace.about and module is not None:
        from convscope.weights import save

        (folder / "network.txt").write_text(trace.about["spec"] + "\n", encoding="utf-8")
        kept["network"] = "network.txt"
        if any(True for _ in module.parameters()):
            save(module, folder / "weights.safetensors", metadata={"spec": trace.about["spec"]})
            kept["weights"] = "weights.safetensors"
    return kept


def _joined(folder: Path, names: Mapping[str, Any]) -> dict[str, Any]:
    return {
        kind: {step: str(folder / file) for step, file in found.items()}
        if isinstance(found, dict)
        else str(folder / found)
        for kind, found in names.items()
    }


COLUMNS = (
    ("step", "left"), ("kind", "left"), ("setting", "left"), ("output", "right"), ("parameters", "right"),
    ("sees", "right"), ("range", "right"), ("zeros", "right"),
)  # fmt: skip


def _print(trace: Trace, steps: Sequence[Step]) -> None:
    out = console()
    image = trace.about["image"]
    height, width = image["size"]
    size = facts.shape_text(trace.input.shape)
    out.print(f"{image['name']}  {height}x{width}  through  {trace.about['network']}  (input {size})")
    for remark in image["notes"]:
        out.print(f"  {remark}")
    rows = zip(steps, facts.step_facts(trace, steps), strict=True)
    out.print(table("", COLUMNS, (_row(step, fact) for step, fact in rows), _total(trace, steps)))
    _print_scores(trace)


def _row(step: Step, fact: dict[str, Any]) -> tuple[str, ...]:
    field = fact["receptive_field"]
    return (
        step.name, step.kind, setting_text(step), facts.shape_text(step.shape), facts.count_text(fact["params"]),
        "" if field is None else f"{field[0]}x{field[1]}", facts.range_text(step), facts.share_text(step.zeros),
    )  # fmt: skip


def _total(trace: Trace, steps: Sequence[Step]) -> tuple[str, ...]:
    if len(steps) < len(trace) - 1:
        return ()
    return (
        f"{len(steps)} step{'s' * (len(steps) != 1)}",
        "",
        "",
        "",
        f"{facts.total_params(trace.steps):,}",
        "",
        "",
        "",
    )


def _print_scores(trace: Trace) -> None:
    out = console()
    if not trace.scores:
        return
    kind = "probabilities" if trace.ends_in_probabilities else "scores as they came out, no probabilities"
    out.print(f"\ntop {min(5, len(trace.scores))} of {len(trace.scores)} ({kind})")
    for score in trace.scores[:5]:
        out.print(f"  {score.label:<12} {score.value:.6g}")


def _print_files(folder: Path, names: dict[str, Any]) -> None:
    out = console()
    pictures = len(names["steps"]) + len(names["kernels"])
    out.print(f"\n{pictures} pictures, trace.safetensors (every number) and contact.png are in {folder}")
    out.print(str(folder / names["contact"]))
