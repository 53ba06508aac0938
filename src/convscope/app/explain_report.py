"""What is said of maps, as JSON for programs and in sentences for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convscope.app.explain_request import finite, say
from convscope.app.output import safe_name
from convscope.explaining.methods import METHODS
from convscope.explaining.wording import layer_line, reasons_of, sentence, title_of, verdict_line, verdict_of
from convscope.traces import Map


def file_of(made: Map, place: int, maps: Sequence[Map]) -> str:
    """The name of a map's picture: its place, method and class, and its layer where one method has several."""
    several = len({one.layer for one in maps if one.method == made.method}) > 1
    parts = [f"{place + 1:02d}", made.method.replace("+", "p"), *([made.layer] if several else []), made.target]
    return "-".join(safe_name(part) for part in parts)[:120] + ".png"


def facts_of(made: Map, file: str | None) -> dict[str, Any]:
    """One map for programs."""
    method = METHODS.get(made.method)
    word, trust = verdict_of(made.evidence)
    return {
        "method": made.method,
        "title": made.method if method is None else method.title,
        "paper": None if method is None else method.paper,
        "target": made.target,
        "score": None if made.score is None else finite(float(made.score)),
        "layer": made.layer,
        "why_layer": made.why_layer,
        "file": file,
        "verdict": word or None,
        "trust": trust,
        "notes": list(made.notes),
        "evidence": finite(made.evidence),
    }


def brief_facts_of(made: Map, file: str | None) -> dict[str, Any]:
    """One map of one photo of many."""
    told = facts_of(made, file)
    return {name: told[name] for name in ("method", "target", "score", "layer", "file", "verdict", "trust")}


def print_map(made: Map, file: str) -> None:
    """A map in a few lines."""
    say(f"{title_of(made)}  ({file})")
    if made.layer:
        say(layer_line(made), 2)
    say(" ".join([verdict_line(made.evidence), *reasons_of(made.evidence, 2)]), 2)
    for note in made.notes:
        say(sentence(note), 2)
