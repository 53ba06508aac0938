"""``convscope see``: one photo through one network, every step as a row and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from convscope.app import facts
from convscope.app.console import Stages, console, print_json, printable, stages, table
from convscope.app.opening import Request, chosen_steps, one_network
from convscope.app.output import new_folder, safe_name, write_report
from convscope.errors import ForwardError
from convscope.network import Network
from convscope.record import record
from convscope.structure import setting_text, total_params
from convscope.traces import Step, Trace
from convscope.tracing import open_network


def run(request: Request, net: str | None, model: str | None, *, page: bool = True) -> None:
    """Do what the command line asked for; see :func:`convscope.app.cli.see`."""
    chosen, options = one_network(net, model), request.options()
    with (
        stages(quiet=request.as_json) as progress,
        new_folder(request.out, request.stem, overwrite=request.overwrite) as (folder, place),
        ThreadPoolExecutor(1, initializer=_work_alone) as aside,  # most of a page is compressing, which frees Python
    ):
        progress.stage("opening")
        network, picture = open_network(chosen, request.photo, options)
        progress.stage("running the network")
        trace = _recorded(network, picture, request)
        steps = chosen_steps(trace, request.layers)
        writing = aside.submit(_write_page, trace, folder) if page else None
        names = _draw(trace, steps, folder, progress) | _keep(trace, network, folder)
        names |= writing.result() if writing else {}
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
    """Write the contact sheet, each step and its kernels; the file names by kind and step."""
    from convscope.draw import contact, kernels, save_png, step_picture

    with_kernels = [s for s in steps if s.kind in {"conv2d", "conv_transpose2d"} and "weight" in s.params]
    names: dict[str, Any] = {
        "steps": {step.name: f"{_stem(trace, step)}.png" for step in steps},
        "kernels": {step.name: f"{_stem(trace, step)}-kernels.png" for step in with_kernels},
        "contact": "contact.png",
    }
    progress.stage("drawing", total=len(steps) + len(with_kernels) + 1)
    with ThreadPoolExecutor(max_workers=2) as pool:  # compressing a picture leaves Python free to draw the next
        saving: list[Future[None]] = []

        def save(picture: Any, file: str) -> None:
            saving.append(pool.submit(save_png, picture, folder / file))
            progress.advance()

        save(contact(trace, steps=[step.name for step in steps]), names["contact"])
        for step in steps:
            save(step_picture(step), names["steps"][step.name])
        for step in with_kernels:
            save(kernels(step), names["kernels"][step.name])
        for saved in saving:
            saved.result()
    return names


def _stem(trace: Trace, step: Step) -> str:
    return f"{trace.steps.index(step):03d}-{safe_name(step.name)}"


def _keep(trace: Trace, network: Network, folder: Path) -> dict[str, str]:
    """The trace; for a network given as text also the text and its weights, to load again by layer name."""
    trace.save(folder / "trace.safetensors")
    kept = {"trace": "trace.safetensors"}
    module = getattr(network, "model", None)
    if "spec" in trace.about and module is not None:
        from convscope.adapters.saved import metadata_of
        from convscope.weights import save

        (folder / "network.txt").write_text(trace.about["spec"] + "\n", encoding="utf-8")
        kept["network"] = "network.txt"
        if any(True for _ in module.parameters()):
            save(module, folder / "weights.safetensors", metadata=metadata_of(network))
            kept["weights"] = "weights.safetensors"
    return kept


def _work_alone() -> None:
    """Keep PyTorch in this thread to this thread: a second team of its workers would be in the way of the drawing."""
    import torch

    torch.set_num_threads(1)


def _write_page(trace: Trace, folder: Path) -> dict[str, str]:
    from convscope.page import export

    export(trace, folder / "page.html")
    return {"page": "page.html"}


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
    out.print(f"{image['name']}  {height}x{width}  through  {printable(trace.about['network'])}  (input {size})")
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
    count = f"{len(steps)} step{'s' * (len(steps) != 1)}"
    return (count, "", "", "", f"{total_params(trace.steps):,}", "", "", "")


def _print_scores(trace: Trace) -> None:
    out = console()
    if not trace.scores:
        return
    kind = "probabilities" if trace.ends_in_probabilities else "scores as they came out, no probabilities"
    out.print(f"\ntop {min(5, len(trace.scores))} of {len(trace.scores)} ({kind})")
    for score in trace.scores[:5]:
        out.print(f"  {printable(score.label):<12} {score.value:.6g}")


def _print_files(folder: Path, names: dict[str, Any]) -> None:
    out = console()
    pictures = len(names["steps"]) + len(names["kernels"])
    out.print(f"\n{pictures} pictures, trace.safetensors (every number) and contact.png are in {folder}")
    out.print(str(folder / names["contact"]))
    if "page" in names:
        out.print(str(folder / names["page"]))
