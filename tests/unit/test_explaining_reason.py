"""What is said of a map is told to programs, too: by rules with their values, in the order of the sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.explaining.methods import METHODS
from convscope.explaining.run import UNPLACED
from convscope.store import dumps, loads
from convscope.traces import Map
from explaining import conv_head_network, gap_network, maps_of, photos

NET = "conv(4, 3) | relu | gap | dense(2) | softmax"


def explained(**asked: Any) -> tuple[Map, ...]:
    return cs.explain(NET, "chelsea", size=(16, 24), **asked).maps


def test_why_a_layer_was_taken_is_told_with_its_values() -> None:
    (made,) = explained()
    assert made.why_layer == (
        "it is the last step that still has a grid (14x22, 4 channels); after it 'gap_1' pools the places away"
    )
    values = {"grid": "14x22", "channels": 4, "after": "pooling", "step": "gap_1", "kind": "adaptive_avg_pool2d"}
    assert made.evidence["why_layer"] == {"rule": "last", "values": values}
    assert "notes" not in made.evidence
    (named,) = explained(layer="conv_1")
    assert (named.why_layer, named.evidence["why_layer"]) == ("it was asked for", {"rule": "asked", "values": {}})
    (pixels,) = explained(method="gradient")
    assert "why_layer" not in pixels.evidence


def test_every_note_has_its_rule_in_the_same_order() -> None:
    guided, eigencam = explained(method=["guided", "eigencam"])
    assert [METHODS[made.method].warning for made in (guided, eigencam)] == [*guided.notes, *eigencam.notes]
    assert guided.evidence["notes"] == [{"rule": "warning", "values": {"method": "guided"}}]
    assert eigencam.evidence["notes"] == [{"rule": "warning", "values": {"method": "eigencam"}}]


def test_a_map_that_is_not_drawn_says_so_after_the_warning() -> None:
    model = gap_network()
    with torch.no_grad():
        model[-1].weight.zero_()
    (made,) = cs.explain(model, "chelsea", size=16, method="guided").maps
    fault = "the map is zero everywhere, so it points at nothing"
    assert [note[:30] for note in made.notes] == ["Guided backpropagation shows e", "the map is zero everywhere, so"]
    assert made.evidence["notes"][1] == {"rule": "not drawn", "values": {"fault": fault}}


def test_what_is_missing_of_a_sum_is_told_as_a_number() -> None:
    (found,) = maps_of(conv_head_network(), 8 * photos(1, (3, 16, 16)), "integrated", steps=1)[0]
    (note,) = found.notes
    assert note.rule == "incomplete"
    assert note.values["steps"] == 1
    assert note.values["error"] == pytest.approx(found.facts["completeness_error"], abs=1e-5)
    assert f"{note.values['error']:.1%}" in note.sentence
    assert (UNPLACED.rule, UNPLACED.values) == ("unplaced", {})


def test_it_survives_a_file_and_a_map_without_evidence_has_none() -> None:
    found = cs.explain(NET, "chelsea", size=(16, 24), method="eigencam")
    (back,) = loads(dumps(found.trace)).maps
    assert back.evidence["why_layer"] == found.map.evidence["why_layer"]
    assert back.evidence["notes"] == found.map.evidence["notes"]
    (bare,) = explained(method="eigencam", evidence=False)
    assert bare.evidence == {}
    assert bare.notes
    assert np.isfinite(bare.value).all()
