"""``convscope compare``: one photo through several networks, under each other on shared scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convscope.app import facts
from convscope.app.console import console, print_json, stages, table
from convscope.app.opening import DEFAULT_SPEC, Request
from convscope.app.output import new_folder, write_report
from convscope.draw import rows, save_png
from convscope.errors import CallError
from convscope.image import open_image
from convscope.record import record
from convscope.structure import setting_text
from convscope.traces import Step, Trace
from convscope.tracing import open_network

MOST = 24


@dataclass(frozen=True)
class Variant:
    """One row: what to call it, and the network."""

    label: str
    network: Any


def run(request: Request, nets: Sequence[str], vary: Sequence[str], models: Sequence[str]) -> None:
    """Do what the command line asked for; see :func:`convscope.app.cli.compare`."""
    variants, options = asked_variants(nets, vary, models), request.options()
    with (
        stages(quiet=request.as_json) as progress,
        new_folder(request.out, f"{request.stem}-compared", overwrite=request.overwrite) as (folder, place),
    ):
        progress.stage("running the networks", total=len(variants))
        picture = open_image(request.photo)
        traces: list[tuple[str, Trace]] = []
        for variant in variants:
            network, source = open_network(variant.network, picture, options)
            traces.append((variant.label, record(network, source, memory=request.memory_bytes // len(variants))))
            progress.advance()
        progress.stage("drawing")
        save_png(rows(traces, steps=list(request.layers) or None), folder / "compare.png")
        report = _report(traces, request.layers, {"compare": "compare.png"})
        write_report(folder, report)
        final = place()
    if request.as_json:
        print_json(report | {"files": {"compare": str(final / "compare.png"), "folder": str(final)}})
        return
    for label, trace in traces:
        console().print(_table(label, trace, request.layers))
    console().print(str(final / "compare.png"))


def asked_variants(nets: Sequence[str], vary: Sequence[str], models: Sequence[str]) -> list[Variant]:
    """The rows: every network, or one network with every combination of the varied settings."""
    if vary and models:
        raise CallError("--vary changes a network given as text (--net); a model cannot be varied")
    if vary:
        if len(nets) > 1:
            raise CallError(f"--vary changes one network; got {len(nets)} with --net; give one")
        variants = _varied(nets[0] if nets else DEFAULT_SPEC, vary)
    else:
        variants = [Variant(reference, reference) for reference in (*nets, *models)]
    if len(variants) < 2:
        raise CallError("there is only one network to compare; give --net twice, or --vary conv_1.kernel=3,12,24")
    if len(variants) > MOST:
        raise CallError(f"{len(variants)} variants do not fit on one picture; compare at most {MOST}")
    return variants


def _varied(net: str, vary: Sequence[str]) -> list[Variant]:
    from convscope.spec import load
    from convscope.spec import vary as varied

    variants = [Variant("", load(net))]
    for wish in vary:
        setting, found, values = wish.partition("=")
        if not found or not values.strip():
            raise CallError(f"--vary {wish!r} lacks its values; write it like conv_1.kernel=3,12,24")
        variants = [
            Variant(f"{old.label} {setting.strip()}={value}".strip(), varied(old.network, setting.strip(), value))
            for old in variants
            for value in split_values(values)
        ]
    return variants


def split_values(text: str) -> list[str]:
    """At the commas that are in no bracket.

    >>> split_values("constant(0.1), [[1,2],[3,4]],blur")
    ['constant(0.1)', '[[1,2],[3,4]]', 'blur']
    """
    parts, depth = [""], 0
    for char in text:
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]


def _chosen(trace: Trace, layers: Sequence[str]) -> list[Step]:
    """The steps that match; a variant may lack some of them."""
    return [step for step in trace.steps[1:] if not layers or any(step in trace.find(pattern) for pattern in layers)]


def _report(traces: Sequence[tuple[str, Trace]], layers: Sequence[str], files: Mapping[str, str]) -> dict[str, Any]:
    variants = []
    for label, trace in traces:
        told = facts.report(trace, _chosen(trace, layers), {})
        variants.append(
            {"label": label} | {key: told[key] for key in ("network", "steps", "outputs", "scores", "probabilities")}
        )
    about = traces[0][1].about
    return {"convscope": about["version"], "image": about["image"], "variants": variants, "files": dict(files)}


def _table(label: str, trace: Trace, layers: Sequence[str]) -> Any:
    columns = (
        ("step", "left"), ("kind", "left"), ("setting", "left"), ("output", "right"), ("range", "right"),
        ("zeros", "right"),
    )  # fmt: skip
    rows = (
        (s.name, s.kind, setting_text(s), facts.shape_text(s.shape), facts.range_text(s), facts.share_text(s.zeros))
        for s in _chosen(trace, layers)
    )
    return table(label, columns, rows)
