"""Whether to trust a map: stated rules over what was measured, the same answer every time.

1. A map with a fault (no number in it, the same number everywhere) is no answer: **no**.
2. Nine *duels*: in each of three measurements (insertion, deletion, ROAD) against each of three controls (random,
   edges, centre). The *lead* of a duel is how much better the map did, as a part of the *swing*: the largest less the
   smallest answer that the network gave in all that was measured on this photo. A duel gives ``1/2 + lead / (2 FULL)``
   points, at least 0 and at most 1, so 1/2 for a draw and all of it for a lead of ``FULL``.
3. ``trust`` is the weighted mean of the points. The centre counts half: in a photo whose thing is in the middle, a
   right map looks like it.
4. The map of a network with new random weights (``randomised.py``) should be another one. From a rank correlation of
   ``ALIKE`` on, the map does not depend on what was learned: **no**, and ``trust`` at most 0.2. From ``SIMILAR`` on it
   is at best **doubt**.
5. With a swing below ``STILL`` nothing moves the network, and nothing can be said: **doubt**, ``trust`` 1/2. Where it
   says less than ``FAINT`` of the class on the whole photo, there is little to lose: at best **doubt**.
6. Otherwise **trust** needs ``trust`` of at least ``TRUSTED`` and a win against random and edges in at least two of the
   three measurements each; **no** is a ``trust`` below ``DOUBTED``, or a loss to random in at least two; the rest is
   **doubt**.

Every reason is a rule with its numbers (for programs) and the same as a sentence (for people).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from convscope.explaining.controls import CONTROLS
from convscope.explaining.reason import Reason

Word = Literal["trust", "doubt", "no"]

FULL = 0.2
ALIKE, SIMILAR = 0.8, 0.6
STILL, FAINT = 0.1, 0.1
TRUSTED, DOUBTED = 0.7, 0.35
WEIGHTS = {"random": 1.0, "edges": 1.0, "centre": 0.5}
CALLED = {"random": "a random map", "edges": "the edge detector's map", "centre": "a map of the photo's middle"}


@dataclass(frozen=True)
class Scores:
    """What was measured of one map: two areas in 0..1, and ROAD in -1..1.

    >>> Scores(insertion=0.8, deletion=0.3, road=0.4).lead(Scores(0.6, 0.5, 0.0))
    {'insertion': 0.2, 'deletion': 0.2, 'road': 0.2}
    """

    insertion: float
    deletion: float
    road: float

    def lead(self, other: Scores) -> dict[str, float]:
        """How much better than ``other``; ROAD is a difference of two answers, so it is halved."""
        leads = {
            "insertion": self.insertion - other.insertion,
            "deletion": other.deletion - self.deletion,
            "road": (self.road - other.road) / 2,
        }
        return {name: round(value, 6) for name, value in leads.items()}


@dataclass(frozen=True)
class Verdict:
    """What the rules say.

    Attributes:
        word: ``trust``, ``doubt`` or ``no``.
        trust: 0 to 1; 1/2 is as good as the controls, or nothing known.
        reasons: the grounds, the deciding ones first.
    """

    word: Word
    trust: float
    reasons: tuple[Reason, ...]


def map_faults(value: Float[np.ndarray, "h w"]) -> str:
    """Why a map says nothing, as a sentence; "" for a map that says something.

    >>> map_faults(np.zeros((2, 3), np.float32))
    'the map is zero everywhere, so it points at nothing'
    >>> map_faults(np.array([[1.0, np.nan]]))
    'the map has 1 pixel of 2 that is no number, so it cannot be drawn or measured'
    >>> map_faults(np.array([[1.0, 2.0]]))
    ''
    """
    if value.size == 0:
        return "the map has no pixels"
    wrong = int(value.size - np.isfinite(value).sum())
    if wrong:
        many = f"{wrong:,} pixel{'s' * (wrong != 1)} of {value.size:,} that {'are' if wrong != 1 else 'is'} no number"
        return f"the map has {many}, so it cannot be drawn or measured"
    low, high = float(value.min()), float(value.max())
    if low == high == 0:
        return "the map is zero everywhere, so it points at nothing"
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        return f"the map is {high:.4g} everywhere, so it points at nothing"
    return ""


def refused(fault: str) -> Verdict:
    """The verdict on a map with a fault.

    >>> refused("the map is zero everywhere, so it points at nothing").word
    'no'
    """
    return Verdict("no", 0.0, (Reason("fault", f"{fault[:1].upper()}{fault[1:]}.", {"fault": fault}),))


def judge(
    own: Scores,
    controls: Mapping[str, Scores],
    *,
    whole: float,
    swing: float,
    similarity: float | None = None,
) -> Verdict:
    """The verdict on a map.

    Args:
        own: what was measured of it.
        controls: the same of ``random``, ``edges`` and ``centre``.
        whole: what the network says of the class on the photo as it is, 0..1.
        swing: the largest less the smallest answer in all that was measured.
        similarity: rank correlation with the map of the network with re-drawn weights, 0..1; None if not measured.

    >>> controls = {"random": Scores(0.5, 0.5, 0.0), "edges": Scores(0.6, 0.4, 0.2), "centre": Scores(0.6, 0.4, 0.2)}
    >>> found = judge(Scores(0.9, 0.1, 0.8), controls, whole=0.99, swing=0.9, similarity=0.1)
    >>> found.word, round(found.trust, 2), found.reasons[0].rule
    ('trust', 1.0, 'deletion')
    """
    if not (math.isfinite(whole) and math.isfinite(swing)):
        text = "The network's answer to some of the altered photos is no number, so nothing can be said of its maps."
        return Verdict("doubt", 0.5, (Reason("no number", text),))
    alike, faint, still = _alikeness(similarity), _faintness(whole), _stillness(whole, swing)
    caught = similarity is not None and similarity >= ALIKE
    if still:
        word: Word = "no" if caught else "doubt"
        return Verdict(word, 0.2 if caught else 0.5, (*alike, *still) if caught else (*still, *alike))
    leads = {name: own.lead(controls[name]) for name in CONTROLS}
    trust, duels = _points(leads, swing), _duels(own, controls, leads)
    if caught:
        return Verdict("no", min(trust, 0.2), (*alike, *duels, *faint))
    if trust < DOUBTED or _losses(leads["random"]) >= 2:
        return Verdict("no", trust, (*duels, *faint, *alike))
    if faint or (similarity is not None and similarity >= SIMILAR):
        return Verdict("doubt", trust, (*faint, *alike, *duels))
    clear = trust >= TRUSTED and _wins(leads["random"]) >= 2 and _wins(leads["edges"]) >= 2
    return Verdict("trust" if clear else "doubt", trust, (*duels, *alike))


def _points(leads: Mapping[str, Mapping[str, float]], swing: float) -> float:
    total = points = 0.0
    for name, lead in leads.items():
        for value in lead.values():
            points += WEIGHTS[name] * min(max(0.5 + value / swing / (2 * FULL), 0.0), 1.0)
            total += WEIGHTS[name]
    return points / total


def _wins(lead: Mapping[str, float]) -> int:
    return sum(value > 0 for value in lead.values())


def _losses(lead: Mapping[str, float]) -> int:
    return sum(value < 0 for value in lead.values())


def _duels(own: Scores, controls: Mapping[str, Scores], leads: Mapping[str, Mapping[str, float]]) -> list[Reason]:
    """One reason a measurement: against the control that did best in it."""
    reasons = []
    for measurement, (what, better, worse, form) in PHRASES.items():
        rival = min(CONTROLS, key=lambda name: leads[name][measurement])
        mine, theirs = getattr(own, measurement), getattr(controls[rival], measurement)
        lead = leads[rival][measurement]
        shown = f"{mine:{form}}", f"{theirs:{form}}"
        sign = 0 if shown[0] == shown[1] else (lead > 0) - (lead < 0)  # nobody reads "faster: 0.32 against 0.32"
        how = {1: better, 0: "as much as", -1: worse}[sign]
        sentence = f"{what} {how} {CALLED[rival]}: {shown[0]} against {shown[1]}."
        values: dict[str, float | str] = {"control": rival, "own": _short(mine), "other": _short(theirs), "sign": sign}
        reasons.append(Reason(measurement, sentence, values))
    return reasons


PHRASES = {
    "deletion": ("Deleting what the map points at lowers the score", "faster than", "more slowly than", ".2f"),
    "insertion": ("Bringing back what the map points at raises the score", "faster than", "more slowly than", ".2f"),
    "road": (
        "With pixels removed so that it cannot be seen, the map's order matters",
        "more than",
        "less than",
        "+.2f",
    ),
}


def _stillness(whole: float, swing: float) -> tuple[Reason, ...]:
    if swing >= STILL:
        return ()
    sentence = (
        f"Whatever is removed, the network's answer moves by {swing:.2f} at most (it is {whole:.2f} on the whole "
        "photo), so these measurements can say nothing of the map."
    )
    return (Reason("still", sentence, {"swing": _short(swing), "limit": STILL, "whole": _short(whole)}),)


def _faintness(whole: float) -> tuple[Reason, ...]:
    if whole >= FAINT:
        return ()
    sentence = f"The network gives this class only {whole:.3f} on the whole photo, so removing can hardly lower it."
    return (Reason("faint", sentence, {"whole": _short(whole), "limit": FAINT}),)


def _alikeness(similarity: float | None) -> tuple[Reason, ...]:
    if similarity is None:
        return ()
    values: dict[str, float | str] = {"similarity": _short(similarity), "alike": ALIKE, "similar": SIMILAR}
    if similarity >= ALIKE:
        text = "A network with random weights gives almost the same map: it does not show what this network has learned"
    elif similarity >= SIMILAR:
        text = "A network with random weights gives a similar map"
    else:
        text = "A network with random weights gives another map, as it should"
    return (Reason("randomisation", f"{text} (rank correlation {similarity:.2f}).", values),)


def _short(value: float) -> float:
    return round(float(value), 4)
