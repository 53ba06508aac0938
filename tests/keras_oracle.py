"""Keras as an oracle: evaluates layers and scripts in a process of its own, on JAX.

Keras takes its backend once for a process and JAX warns about threads after a fork, so all cases of a
test session go into one subprocess: ``evaluate(cases, folder)`` writes them to a file, runs this file
as a script, and reads the answers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """One question: a Keras layer with options and weights, or a script with ``build_model``.

    Attributes:
        x: the input, (batch, height, width, channels) or (batch, values).
        layer, options, weights: class name in ``keras.layers``, its arguments, and for ``set_weights``.
        script, weights_file: source that defines ``build_model`` and ``load_weights``, and a file for it.
    """

    x: np.ndarray
    layer: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    weights: tuple[np.ndarray, ...] = ()
    script: str = ""
    weights_file: str = ""


def evaluate(cases: list[Case], folder: Path) -> list[np.ndarray]:
    """The outputs of all cases, channels last, in their order."""
    arrays: dict[str, np.ndarray] = {}
    questions = []
    for index, case in enumerate(cases):
        arrays[f"{index}.x"] = case.x
        arrays |= {f"{index}.w{number}": weight for number, weight in enumerate(case.weights)}
        questions.append(
            {
                "layer": case.layer,
                "options": case.options,
                "weights": len(case.weights),
                "script": case.script,
                "weights_file": case.weights_file,
            }
        )
    np.savez(folder / "cases.npz", **arrays)
    (folder / "cases.json").write_text(json.dumps(questions), "utf-8")
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "KERAS_HOME": str(folder),
    }
    done = subprocess.run(
        [sys.executable, __file__, str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the Keras process failed: {done.stderr[-4000:]}")
    with np.load(folder / "answers.npz") as answers:
        return [answers[str(index)] for index in range(len(cases))]


def _model(keras: Any, question: dict[str, Any], shape: tuple[int, ...], weights: list[np.ndarray]) -> Any:
    if question["script"]:
        module: dict[str, Any] = {"__name__": "script"}
        exec(compile(question["script"], "script.py", "exec"), module)
        model = module["build_model"]()
        module["load_weights"](model, question["weights_file"])
        return model
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in question["options"].items()}
    model = getattr(keras.layers, question["layer"])(**options)
    model.build(shape)
    if weights:
        model.set_weights(weights)
    return model


def main(folder: Path) -> None:
    """Answer the cases that lie in a folder."""
    import jax
    import keras

    # All weights are replaced; drawing random ones first costs JAX half a second of compiling for each shape.
    keras.initializers.GlorotUniform.__call__ = lambda self, shape, dtype=None: np.zeros(shape, dtype or "float32")
    questions = json.loads((folder / "cases.json").read_text("utf-8"))
    models, inputs = [], []
    with np.load(folder / "cases.npz") as arrays:
        for index, question in enumerate(questions):
            inputs.append(arrays[f"{index}.x"])
            weights = [arrays[f"{index}.w{number}"] for number in range(question["weights"])]
            models.append(_model(keras, question, inputs[-1].shape, weights))
    # One compilation for everything: a compilation for each layer takes ten times as long.
    together = jax.jit(lambda xs: [model(x) for model, x in zip(models, xs, strict=True)])
    np.savez(folder / "answers.npz", **{str(index): np.asarray(y) for index, y in enumerate(together(inputs))})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
