"""What is said of a map beside its picture, on the terminal and in a table: in words, and never more than is known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from convscope.draw.explained import Panel, curves_of
from convscope.draw.heat import fault_in, strongest
from convscope.draw.thumbs import score_text
from convscope.errors import CallError
from convscope.explaining.methods import METHODS
from convscope.traces import Map, Trace

VERDICTS = {"trust": "can be trusted", "doubt": "is doubtful", "no": "is not to be trusted"}
UNPROVEN = "this map has no evidence, because it was made with evidence=False; make it again with evidence to draw it"
MOST_REASONS = 3


def title_of(made: Map) -> str:
    """The method by its name and the class.

    >>> import numpy as np
    >>> title_of(Map("gradcam", "cat", np.zeros((2, 2), np.float32)))
    'Grad-CAM for cat'
    """
    method = METHODS.get(made.method)
    return f"{made.method if method is None else method.title} for {made.target}"


def verdict_of(evidence: Mapping[str, Any]) -> tuple[str, float | None]:
    """The verdict's word (``trust``, ``doubt``, ``no``; "" where there is none) and the trust, 0 to 1.

    Evidence may come from a file: what is no verdict is none.
    """
    word, trust = evidence.get("verdict"), evidence.get("trust")
    known = isinstance(word, str) and word in VERDICTS
    number = float(trust) if isinstance(trust, int | float) and math.isfinite(trust) else None
    return (str(word), number) if known else ("", None)


def verdict_line(evidence: Mapping[str, Any]) -> str:
    """Whether to believe the map, in a few words.

    >>> verdict_line({"verdict": "doubt", "trust": 0.5})
    'This map is doubtful (trust 0.50).'
    """
    word, trust = verdict_of(evidence)
    if not word:
        return "Nobody has looked whether this map is to be trusted."
    return f"This map {VERDICTS[word]}{'' if trust is None else f' (trust {trust:.2f})'}."


def reasons_of(evidence: Mapping[str, Any], most: int = MOST_REASONS) -> tuple[str, ...]:
    """The grounds of the verdict, the deciding ones first."""
    found = evidence.get("reasons")
    return tuple(str(reason) for reason in found[:most]) if isinstance(found, list) else ()


def layer_line(made: Map) -> str:
    """Where it was taken, and why there.

    >>> import numpy as np
    >>> layer_line(Map("gradcam", "cat", np.zeros((2, 2), np.float32), "relu_7", why_layer="it is the last one"))
    'Taken at relu_7: it is the last one.'
    """
    return sentence(f"taken at {made.layer}{f': {made.why_layer}' if made.why_layer else ''}")


def sentence(text: str) -> str:
    """With a capital and a full stop.

    >>> sentence("it is the last step with a grid")
    'It is the last step with a grid.'
    """
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def panel_of(made: Map, scale: float = 0.0) -> Panel:
    """A map as it is drawn: with its verdict, its layer and its notes.

    Raises:
        CallError: it has no evidence.
    """
    if not made.evidence:
        raise CallError(UNPROVEN)
    word, _ = verdict_of(made.evidence)
    lines = (*reasons_of(made.evidence), *map(sentence, made.notes), *((layer_line(made),) if made.layer else ()))
    return Panel(
        made.value, title_of(made), verdict_line(made.evidence), word, lines, scale, curves_of(made.evidence)
    )  # fmt: skip


def panels_of(maps: Sequence[Map]) -> list[Panel]:
    """Maps of one method at one layer, for several classes, on one scale; others on their own.

    Raises:
        CallError: one of them has no evidence.
    """
    scales = _scales(maps)
    return [panel_of(made, scales[_kin(made)]) for made in maps]


def scale_for(made: Map, maps: Iterable[Map]) -> float:
    """The scale of a map among those that it is compared with; 0 for its own."""
    return _scales([made, *maps])[_kin(made)]


def _scales(maps: Sequence[Map]) -> dict[tuple[str, str, bool], float]:
    found: dict[tuple[str, str, bool], float] = {}
    for made in maps:
        own = 0.0 if fault_in(made.value) else strongest(made.value)
        found[_kin(made)] = max(found.get(_kin(made), 0.0), own)
    return found


def _kin(made: Map) -> tuple[str, str, bool]:
    """What maps on one scale have in common; a difference of two scores is no score."""
    return made.method, made.layer, " against " in made.target


def answer_text(label: str, score: float, *, share: bool) -> str:
    """What the network says of a class.

    >>> answer_text("cat", 0.973, share=True), answer_text("cat", 3.2, share=False)
    ('cat 97.3 %', 'cat 3.2')
    """
    return f"{label} {score_text(score, share=share)}"


def heading_of(trace: Trace) -> tuple[str, list[str]]:
    """The answer, and what answered to what, for the head of a sheet."""
    image = trace.about.get("image")
    photo = str(image.get("name")) if isinstance(image, Mapping) else "photo"
    network = str(trace.about.get("network", "network"))
    share = trace.ends_in_probabilities
    told = ",  ".join(answer_text(score.label, score.value, share=share) for score in trace.scores[:4])
    where = "red speaks for the class, blue against it, and nothing is drawn where the map is zero"
    return f"{network} says:  {told}", [f"{photo}: {where}; lines at a quarter, half and three quarters of the scale"]
