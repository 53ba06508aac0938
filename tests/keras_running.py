"""Small Keras networks, made, saved and run by Keras 3 on JAX in a process of their own: the oracle for the Keras door.

``answers(folder)`` runs this file as a script. It leaves in the folder, for every network, ``NAME.keras`` and what
Keras answers to one made-up photo (``answers.npz``: the photo, every output, every layer's output); and what convscope
makes of live models there (``live.json``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_models import MODELS


def answers(folder: Path, backend: str = "jax", *what: str) -> None:
    """Run this file as a script.

    Args:
        folder: where the results go.
        backend: of Keras.
        what: ``files``, ``live``.
    """
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "KERAS_HOME": str(folder),
    }
    done = subprocess.run(
        [sys.executable, __file__, str(folder), *what], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the Keras process failed: {done.stderr[-4000:]}")


def photo_shape(model: Any) -> tuple[int, ...]:
    """(height, width, channels), as the network's input has them."""
    return tuple(side or 7 for side in model.inputs[0].shape[1:])


def fill(model: Any, rng: np.random.Generator) -> None:
    """Weights that can tell one layer from another; deviations stay positive."""
    for variable in model.weights:
        if "float" in str(variable.dtype):
            low = 0.5 if "variance" in variable.path else -0.6
            variable.assign(rng.uniform(low, low + 1.2, tuple(variable.shape)).astype(np.float32))
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state") and layer.weights:
            layer.finalize_state()


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = [value[key] for key in value]
    if isinstance(value, list | tuple):
        for one in value:
            yield from _flat(one)
    else:
        yield value


def _files(keras: Any, folder: Path) -> None:
    import jax

    rng = np.random.default_rng(5)
    arrays: dict[str, np.ndarray] = {}
    models, photos = {}, {}
    for name, make in MODELS.items():
        model = make(keras, keras.layers)
        fill(model, rng)
        model.save(folder / f"{name}.keras")
        photos[name] = rng.uniform(-1, 1, (1, *photo_shape(model))).astype(np.float32)
        if name in {"plain", "shared", "flattened"}:
            model.save(folder / f"{name}.h5")
        if name == "plain":
            model.save_weights(folder / "apart.weights.h5")
            (folder / "apart.json").write_text(model.to_json(), "utf-8")
        inside = {
            layer.name: layer.output for layer in model.layers if len(model.inputs) == 1 and layer.output is not None
        }
        models[name] = keras.Model(model.inputs, [list(_flat(model.outputs)), inside]), len(model.inputs)
    together = jax.jit(
        lambda xs: {
            name: model([xs[name]] * count if count > 1 else xs[name], training=False)
            for name, (model, count) in models.items()
        }
    )
    for name, (outputs, inside) in together(photos).items():
        arrays[f"{name}/photo"] = photos[name][0]
        arrays |= {f"{name}/output/{at}": np.asarray(one[0], np.float32) for at, one in enumerate(_flat(outputs))}
        for layer, value in inside.items():
            found = list(_flat(value))
            if len(found) == 1:
                arrays[f"{name}/layer/{layer}"] = np.asarray(found[0][0], np.float32)
    np.savez(folder / "answers.npz", **arrays)
    _refused(keras, folder)


def _refused(keras: Any, folder: Path) -> None:
    n = keras.layers

    @keras.saving.register_keras_serializable("mine")
    class Doubled(n.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

    doubled = keras.Sequential([keras.Input((4, 4, 3)), n.Conv2D(2, 3, name="conv"), Doubled(name="twice")])
    doubled.save(folder / "custom.keras")
    code = keras.Sequential([keras.Input((4, 4, 3)), n.Lambda(lambda x: x * 2, name="code"), n.Flatten()])
    code.save(folder / "code.keras")


def _live(keras: Any, folder: Path) -> None:
    """What convscope makes of live models."""
    import convscope as cs
    from convscope.errors import ConvscopeError

    rng = np.random.default_rng(5)
    n, said = keras.layers, {}

    class Block(n.Layer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.conv = n.Conv2D(3, 3, padding="same", name="conv")

        def call(self, x: Any) -> Any:
            return x + self.conv(x)

    class Own(keras.Model):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.block, self.gap, self.dense = (
                Block(name="block"),
                n.GlobalAveragePooling2D(name="gap"),
                n.Dense(2, name="dense"),
            )

        def call(self, x: Any) -> Any:
            return self.dense(self.gap(self.block(x)))

    own = Own(name="own")
    own(np.zeros((1, 6, 5, 3), np.float32))
    code = keras.Sequential(
        [keras.Input((6, 5, 3)), n.Conv2D(2, 3, name="conv"), n.Lambda(lambda x: x * 2, name="code")]
    )
    models = {"joins": MODELS["joins"](keras, n), "own": own, "code": code}
    for name, model in models.items():
        fill(model, rng)
        shape = (4, 6, 3) if name == "joins" else (6, 5, 3)
        photo = rng.uniform(-1, 1, shape).astype(np.float32)
        before = (
            [np.array(keras.ops.convert_to_numpy(w)) for w in model.weights],
            [dict(vars(layer)) for layer in model.layers],
        )
        trace = cs.trace(model, np.ascontiguousarray(photo.transpose(2, 0, 1)))
        weights_now = [np.array(keras.ops.convert_to_numpy(w)) for w in model.weights]
        wanted = keras.ops.convert_to_numpy(next(_flat(model(photo[None], training=False))))[0]
        got = trace[trace.outputs[0]].value
        got = got.transpose(1, 2, 0) if got.ndim == 3 else got
        said[name] = {
            "steps": [(step.name, step.kind, [source.name for source in step.inputs]) for step in trace.steps],
            "difference": float(np.abs(wanted - got).max()),
            "about": dict(trace.about),
            "as_before": all(map(np.array_equal, before[0], weights_now))
            and all("call" not in vars(layer) for layer in model._flatten_layers())
            and [set(one) for one in before[1]] == [set(vars(layer)) for layer in model.layers],
        }
    code.save(folder / "code.keras")
    trusted = cs.trace(str(folder / "code.keras"), np.ones((3, 6, 5), np.float32), trust=True)
    said["trusted"] = {"steps": [step.name for step in trusted.steps], "about": dict(trusted.about)}
    try:
        cs.explain(str(folder / "code.keras"), np.ones((3, 6, 5), np.float32), trust=True)
    except ConvscopeError as error:
        said["unexplained"] = str(error)
    try:
        cs.trace(keras.Sequential([n.Conv2D(2, 3)]), "chelsea")
    except ConvscopeError as error:
        said["unbuilt"] = str(error)
    try:
        cs.trace(own, np.zeros((3, 6, 5), np.float32), memory=10)
    except ConvscopeError as error:
        said["memory"] = [type(error).__name__, str(error)]
    said["clean"] = all("call" not in vars(layer) for layer in own._flatten_layers())
    (folder / "live.json").write_text(json.dumps(said, default=str), "utf-8")


def main(folder: Path, what: list[str]) -> None:
    """Make the files, or watch live models."""
    import keras

    # All weights are replaced; drawing random ones first costs JAX half a second of compiling for each shape.
    keras.initializers.GlorotUniform.__call__ = lambda self, shape, dtype=None: np.zeros(shape, dtype or "float32")
    if "files" in what:
        _files(keras, folder)
    if "live" in what:
        _live(keras, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
