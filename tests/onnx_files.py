"""ONNX files made in a few lines, and onnxruntime, which says what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from convscope.adapters.brought import Brought
from convscope.adapters.onnx import open_file
from convscope.adapters.options import Options

Shape = Sequence[int | str | None]


def node(operator: str, inputs: str, outputs: str = "y", name: str = "", domain: str = "", **settings: Any) -> Any:
    """A node; names of values are separated by spaces, ``-`` for one that is left out."""
    read = ["" if part == "-" else part for part in inputs.split()]
    return helper.make_node(operator, read, outputs.split(), name or None, domain=domain or None, **settings)


def model(
    nodes: Sequence[Any], shape: Shape | Mapping[str, Shape] = ("N", 3, 8, 8), *, outputs: str = "y",
    constants: Mapping[str, np.ndarray] | None = None, opset: int = 13, kind: int = TensorProto.FLOAT,
    domains: Sequence[str] = (),
) -> Any:  # fmt: skip
    """A file with the input ``x``, or several by name."""
    shapes = shape if isinstance(shape, Mapping) else {"x": shape}
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, kind, list(sizes)) for name, sizes in shapes.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs.split()],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()],
    )
    opsets = [
        helper.make_opsetid(domain, version) for domain, version in {"": opset, **dict.fromkeys(domains, 1)}.items()
    ]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def saved(folder: Path, proto: Any, name: str = "net.onnx") -> Path:
    """The file on disk."""
    path = folder / name
    onnx.save(proto, path)
    return path


def answers(proto: Any, given: np.ndarray | Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """What onnxruntime answers."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    data = str(proto) if isinstance(proto, Path) else proto.SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    feed = given if isinstance(given, Mapping) else {session.get_inputs()[0].name: given}
    return session.run(None, dict(feed))


def opened(folder: Path, proto: Any, **options: Any) -> Brought:
    """What the door makes of a file."""
    return open_file(saved(folder, proto), Options(**options))


def translated(folder: Path, proto: Any, **options: Any) -> torch.nn.Module:
    """The module that the door makes; the test fails where it has to fall back on onnxruntime."""
    brought = opened(folder, proto, **options)
    assert isinstance(brought.model, torch.nn.Module), brought.notes
    return brought.model


def ours(module: torch.nn.Module, photos: np.ndarray) -> list[np.ndarray]:
    """The module's answers."""
    with torch.no_grad():
        found = module(torch.from_numpy(photos))
    return [one.numpy() for one in (found if isinstance(found, tuple) else (found,))]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Random numbers, positive and negative."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
