"""Keras files written by hand, as old versions and strangers write them; no Keras is needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Layers = dict[str, dict[str, np.ndarray]]


def layer(kind: str, name: str, *reads: str, **settings: Any) -> dict[str, Any]:
    """One layer of a functional network, in the words of Keras 2."""
    calls = [[[read, 0, 0, {}] for read in reads]] if reads else []
    return {"class_name": kind, "name": name, "config": {"name": name, **settings}, "inbound_nodes": calls}


def photo(
    height: int | None = 6, width: int | None = 6, channels: int | None = 3, name: str = "photo"
) -> dict[str, Any]:
    return layer("InputLayer", name, batch_input_shape=[None, height, width, channels])


def functional(*layers: dict[str, Any], outputs: tuple[str, ...] = ()) -> dict[str, Any]:
    """A network of layers; its outputs are named, or the last layer's."""
    inputs = [one["name"] for one in layers if one["class_name"] == "InputLayer"]
    ends = outputs or (layers[-1]["name"],)
    config = {
        "name": "net",
        "layers": list(layers),
        "input_layers": [[name, 0, 0] for name in inputs],
        "output_layers": [[name, 0, 0] for name in ends],
    }
    return {"class_name": "Model", "config": config}


def write(path: Path, described: Any, weights: Layers | None = None, version: str = "2.4.0") -> Path:
    """An HDF5 file with a description (an object, or raw text) and weights by layer and variable."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = described if isinstance(described, str | bytes) else json.dumps(described)
        file.attrs["keras_version"] = version
        group = file.create_group("model_weights")
        for name, variables in (weights or {"none": {"bias": np.zeros(1, np.float32)}}).items():
            below = group.create_group(name)
            below.attrs["weight_names"] = [f"{name}/{variable}:0".encode() for variable in variables]
            for variable, array in variables.items():
                below.create_dataset(f"{name}/{variable}:0", data=np.asarray(array, np.float32))
    return path


def kernel(height: int, width: int, inputs: int, outputs: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(height + width + inputs + outputs)
    return {"kernel": rng.normal(size=(height, width, inputs, outputs)), "bias": rng.normal(size=outputs)}
