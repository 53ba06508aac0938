"""Networks as text: parse, plan, build, vary, export.  ``docs/spec.md`` describes the language.

Importing this package loads no torch; only :func:`build` does.
"""

from __future__ import annotations

from convscope.spec.building import build as build
from convscope.spec.export_keras import keras_code as keras_code
from convscope.spec.export_torch import pytorch_code as pytorch_code
from convscope.spec.layers import Layer as Layer
from convscope.spec.network import Spec as Spec
from convscope.spec.network import parse as parse
from convscope.spec.planning import PlannedLayer as PlannedLayer
from convscope.spec.planning import flatten_shapes as flatten_shapes
from convscope.spec.planning import plan as plan
from convscope.spec.shelf import load as load
from convscope.spec.shelf import shelf as shelf
from convscope.spec.varying import vary as vary
