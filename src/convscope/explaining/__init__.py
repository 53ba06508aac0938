"""Where an answer came from: maps over the photo, and the evidence for each of them.

::

    opened.py         a network as a function of a batch, with gradients from chosen steps on
    graph.py          its steps without numbers, and where the answer is among them
    targets.py        the class that is asked about
    layers.py         the layer that is looked at, and why
    placing.py        how a layer's grid lies over the pixels
    methods.py        the table of methods: names, papers, warnings
    reason.py         a sentence, and the same for programs
    run.py            maps by any methods, for many photos
      asking.py         what is asked, once for all methods
      layered.py        one pass for all class activation maps; the fastest way to Grad-CAM
      cam.py, head.py   their formulas; where CAM is exact
      gradients.py      the gradient at the pixels and what is made of it
      integrating.py    integrated gradients
      perturbations.py  occlusion, RISE, Score-CAM
    replayed.py       the same for a trace alone, without its network
    checks.py, ...    the evidence: curves, ROAD, controls, randomisation, verdict
    verb.py           ``convscope.explain``
    folder.py         a folder of photos at once
    maximising.py     pictures to which one channel answers most
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["Explainer", "Explanation", "explain", "maximise"]

if TYPE_CHECKING:
    from convscope.explaining.folder import Explainer
    from convscope.explaining.maximising import maximise
    from convscope.explaining.verb import Explanation, explain

# Looked up when first used: the table of methods is read without PyTorch.
_HOME = {"explain": "verb", "Explanation": "verb", "Explainer": "folder", "maximise": "maximising"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'convscope.explaining' has no attribute {name!r}")
    return getattr(import_module(f"convscope.explaining.{_HOME[name]}"), name)
