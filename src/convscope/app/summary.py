"""``convscope summary``: what a network is made of; a network given as text is calculated, never run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.app.console import console, print_json, printable, table
from convscope.app.facts import shape_text, work_text
from convscope.app.opening import one_network, parsed_shape
from convscope.errors import CallError

if TYPE_CHECKING:
    from convscope.spec import Spec

#: Height, width and channels of the photo that comes along.
PHOTO = (3, 300, 451)
#: Height and width for a network that takes any.
USUAL = (224, 224)
COLUMNS = (
    ("step", "left"), ("kind", "left"), ("output", "right"), ("sees", "right"), ("multiplications", "right"),
    ("parameters", "left"),
)  # fmt: skip


#: The kind of step that a layer of a spec becomes when it runs, where the words differ.
STEP_KIND = {
    "conv": "conv2d", "conv_transpose": "conv_transpose2d", "maxpool": "max_pool2d", "avgpool": "avg_pool2d",
    "gap": "adaptive_avg_pool2d", "upsample": "interpolate", "dense": "linear",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One layer or step; ``shape`` is channels first."""

    name: str
    kind: str
    shape: tuple[int, ...]
    params: int
    formula: str
    macs: int
    receptive_field: tuple[int, int] | None


def run(
    net: str | None, model: str | None, *, shape: str | None, code: str | None, as_json: bool, trust: bool = False
) -> None:
    """Do what the command line asked for; see :func:`convscope.app.cli.summary`."""
    chosen = one_network(net, model)
    given = None if shape is None else parsed_shape(shape)
    spec, name = _as_spec(chosen, is_model=model is not None)
    if code is not None:
        _print_code(spec, given, code)
        return
    title, size, rows, total = _planned(spec, given, name) if spec is not None else _recorded(chosen, given, trust)
    if as_json:
        print_json(_object(title, size, rows, total))
        return
    console().print(
        table(
            f"{printable(title)}, input {shape_text(size)}", COLUMNS, (_cells(row) for row in rows), _total(rows, total)
        )
    )


def _as_spec(chosen: str, *, is_model: bool) -> tuple[Spec | None, str]:
    """The network as text and its name; no text for a model of code."""
    from convscope.adapters import saved_network

    path = saved_network(chosen)
    if path is not None:
        return _saved(path)
    if is_model:
        return None, ""
    from convscope.spec import load, shelf

    return load(chosen), chosen if chosen in shelf() else ""


def _saved(path: Path) -> tuple[Spec, str]:
    """What a network's file says of itself, with the input that its photos get."""
    from convscope.adapters.saved import read_network

    said, _ = read_network(path)
    assert said.spec is not None
    size = said.preprocessing.size if said.preprocessing is not None else None
    if size is None or said.preprocessing is None:
        return said.spec, said.title
    return replace(said.spec, input=(*size, said.preprocessing.channels)), said.title


def _input_of(spec: Spec, given: tuple[int, int, int] | None) -> tuple[int, int, int]:
    if given is not None:
        return given
    if spec.input is not None:
        height, width, channels = spec.input
        return channels, height, width
    return PHOTO


def _planned(spec: Spec, given: tuple[int, int, int] | None, name: str) -> tuple[str, tuple[int, ...], list[Row], int]:
    from convscope.spec import plan

    size = _input_of(spec, given)
    layers = plan(spec, size)
    rows = [
        Row(p.name, STEP_KIND.get(p.kind, p.kind), p.shape, p.params, p.formula, p.macs, p.receptive_field)
        for p in layers
    ]
    title = name or f"network of {len(rows)} layer{'s' * (len(rows) != 1)}"
    return title, size, rows, sum(row.params for row in rows)


def _recorded(
    reference: str, given: tuple[int, int, int] | None, trust: bool
) -> tuple[str, tuple[int, ...], list[Row], int]:
    """A model that is not text is run once, on zeros."""
    import numpy as np

    from convscope.adapters import connect
    from convscope.app.opening import asked_options
    from convscope.record import record
    from convscope.structure import macs, param_count, param_formula, receptive_fields, total_params

    options = asked_options(None, None, None, None, None, trust=trust)
    network = connect(reference, lambda asked: given or (asked.channels, *(asked.size or USUAL)), options)
    asked = network.preprocessing
    size = given or (asked.channels, *(asked.size or USUAL))
    seen = record(network, np.zeros(size, np.float32))
    fields = receptive_fields(seen.steps)
    rows = [
        Row(
            s.name,
            s.kind,
            s.shape,
            param_count(s),
            param_formula(s),
            macs(s),
            fields[s.name].seen if s.name in fields else None,
        )
        for s in seen.steps[1:]
    ]
    return str(seen.about["network"]), size, rows, total_params(seen.steps)


def _object(title: str, size: tuple[int, ...], rows: list[Row], total: int) -> dict[str, Any]:
    steps = [
        {
            "name": row.name, "kind": row.kind, "shape": list(row.shape), "params": row.params, "formula": row.formula,
            "macs": row.macs, "receptive_field": None if row.receptive_field is None else list(row.receptive_field),
        }
        for row in rows
    ]  # fmt: skip
    return {"network": title, "input": list(size), "steps": steps, "total_params": total}


def _cells(row: Row) -> tuple[str, ...]:
    sees = "" if row.receptive_field is None else "x".join(str(n) for n in row.receptive_field)
    formula = row.formula if row.params else ""
    return row.name, row.kind, shape_text(row.shape), sees, work_text(row.macs), formula


def _total(rows: list[Row], total: int) -> tuple[str, ...]:
    return "total", "", "", "", work_text(sum(row.macs for row in rows)), f"{total:,}"


def _print_code(spec: Spec | None, given: tuple[int, int, int] | None, code: str) -> None:
    from convscope.spec import keras_code, pytorch_code

    writers = {"pytorch": pytorch_code, "keras": keras_code}
    if code not in writers:
        raise CallError(f"--code {code!r} is unknown; it is pytorch or keras")
    if spec is None:
        raise CallError("--code writes out networks given as text (--net); a model has its own code already")
    print(writers[code](spec, _input_of(spec, given)), end="")
