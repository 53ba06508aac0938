"""Files for why.test.js: a trace with heat maps in every form, one map on its own, and the sentences of verdicts.

``python tests/web/fixtures_why.py FOLDER``
"""

from __future__ import annotations

import base64
import dataclasses
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import convscope
from convscope.adapters.torch import TorchNetwork
from convscope.explaining.layers import choose_layers
from convscope.explaining.methods import METHODS
from convscope.explaining.opened import Opened
from convscope.explaining.proving import proved
from convscope.explaining.run import UNPLACED, run_methods
from convscope.explaining.targets import Target
from convscope.explaining.verdict import Scores, judge, map_faults, refused
from convscope.page.html import raw_data
from convscope.page.maps import map_bytes
from convscope.page.overview import overview_bytes
from convscope.store import dumps
from convscope.traces import Map, Trace


def measured(insertion: float, deletion: float, road: float) -> dict[str, Any]:
    """What is measured of a map or a control."""
    return {
        "insertion": {"auc": insertion, "curve": [0.0, insertion, 1.0]},
        "deletion": {"auc": deletion, "curve": [1.0, deletion, 0.0]},
        "road": {"score": road, "percentiles": [20, 50, 70], "most": [0.5, 0.3, 0.1], "least": [0.9, 0.8, 0.6]},
    }


EVIDENCE = {
    **measured(0.8, 0.2, 0.5),
    "controls": {name: measured(0.5, 0.5, 0.0) for name in ("random", "edges", "centre")},
    "randomisation": {"similarity": 0.12, "layers": ["conv_1"]},
    "why_layer": {"rule": "asked", "values": {}},
    "notes": [{"rule": "unplaced", "values": {}}, {"rule": "odd", "values": {}}],
    "verdict": "trust", "trust": 0.81, "reasons": ["It is <b>better</b>."], "rules": [{"rule": "odd", "values": {}}],
    "passes": 120, "seconds": 0.8, "thorough": False,
}  # fmt: skip


def with_maps() -> Trace:
    """A small network on a small photo, and maps of every kind that the page has to tell apart."""
    rng = np.random.default_rng(1)
    photo = rng.integers(0, 256, (37, 45, 3), dtype=np.uint8)
    trace = convscope.trace("conv(4,3)|relu|maxpool(2)|flatten|dense(3)|softmax", photo, labels=("cat", "<b>dog", "鸟"))
    size = trace.input.shape[1:]
    heat = rng.standard_normal(size).astype(np.float32)
    broken = heat.copy()
    broken[3, 4], broken[0, 0] = np.nan, -0.0
    maps = (
        Map("gradcam", "<b>dog", heat, "relu_1", EVIDENCE, "the last <i>grid</i>", 0.25, ("a note", "<script>")),
        Map("gradcam", "cat", -2 * heat, "relu_1", EVIDENCE),
        Map("rise", "cat", broken, "", EVIDENCE, score=float("nan")),
        Map("guided", "cat", np.zeros(size, np.float32)),
    )
    return dataclasses.replace(trace, maps=maps)


class Strange(torch.nn.Module):
    """No ReLU, channels behind at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Tanh())
        self.head = torch.nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x).permute(0, 2, 3, 1).mean((1, 2)))


class Narrow(torch.nn.Module):
    """The places of its last map are the classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 1, (12, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x.relu()).squeeze(1).squeeze(1)


def remarks() -> list[dict[str, Any]]:
    """Why layers were taken, and what is noted beside maps."""
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
    pooled, row = torch.nn.Sequential(*layers, torch.nn.Linear(4, 2)), torch.nn.Sequential(*layers[:2], layers[3])
    photo = np.random.default_rng(0).random((1, 3, 12, 14), dtype=np.float32)
    found = []
    asked = [(pooled, None), (row, None), (Strange(), None), (Narrow(), None), (Strange(), "body"), (row, "0")]
    for model, layer in asked:
        opened = Opened(TorchNetwork(model.eval()))
        found.append(choose_layers(opened.graph(photo[0]), layer)[0].reason)
    opened = Opened(TorchNetwork(Strange().eval()))
    for made in run_methods(opened, 8 * photo, [Target("1", 1)], "integrated, guided", steps=1)[0]:
        found += made.notes
    with torch.no_grad():
        pooled[-1].weight.zero_()
    methods, shown = ["gradcam", "eigencam", "guided"], np.ones((12, 14), bool)
    (maps,) = proved(Opened(TorchNetwork(pooled)), photo, [[Target("1", 1)]], methods, None, [shown])
    told = [{"sentence": reason.sentence, **reason.told()} for reason in [*found, UNPLACED]]
    for _, made in maps:
        told += [{"sentence": made.why_layer, **made.evidence["why_layer"]}] if made.layer else []
        told += [{"sentence": note, **rule} for note, rule in zip(made.notes, made.evidence["notes"], strict=True)]
    return told


def reasons() -> list[dict[str, Any]]:
    """Verdicts of every rule, as evidence has them."""
    levels = (0.2, 0.5, 0.8)
    found = []
    for insertion, deletion, road, similarity, whole, swing in itertools.product(
        levels, levels, (-0.4, 0.0, 0.4), (None, 0.1, 0.7, 0.9), (0.05, 0.9), (0.05, 0.8)
    ):
        controls = {name: Scores(0.5, 0.5, 0.0) for name in ("random", "edges", "centre")}
        verdict = judge(Scores(insertion, deletion, road), controls, whole=whole, swing=swing, similarity=similarity)
        found += verdict.reasons
    found += judge(Scores(0, 0, 0), {}, whole=float("nan"), swing=1.0).reasons
    for value in (np.zeros((2, 2)), np.full((2, 2), 3.0), np.array([[np.nan, 1.0]])):
        found += refused(map_faults(value)).reasons
    told = {(reason.rule, reason.sentence): {"rule": reason.rule, "values": dict(reason.values)} for reason in found}
    return [{"sentence": sentence, **rule} for (_, sentence), rule in told.items()]


def main(folder: Path) -> None:
    """Write everything."""
    trace = with_maps()
    (folder / "exact.safetensors").write_bytes(dumps(trace))
    (folder / "overview.safetensors").write_bytes(overview_bytes(trace))
    for name, limit in (("excerpt", 30_000), ("narrow", 17_000)):
        part, overview = raw_data(trace, limit=limit)
        (folder / f"{name}.safetensors").write_bytes(part)
        (folder / f"{name}-overview.safetensors").write_bytes(overview)
    (folder / "map.safetensors").write_bytes(map_bytes(trace.maps[0]))
    told = {
        "maps": [base64.b64encode(map_.value.tobytes()).decode() for map_ in trace.maps],
        "evidence": EVIDENCE,
        "methods": list(METHODS),
        "reasons": [*reasons(), *remarks()],
    }
    (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
