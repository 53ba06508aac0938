"""Where an operator is missing, onnxruntime gives every value, and the user is told what is not there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

import convscope
from convscope.adapters.onnx import open_file
from convscope.adapters.onnx.runtime import RuntimeNetwork
from convscope.adapters.options import Options
from convscope.errors import MemoryBudgetError, ModelError, NoArithmetic
from convscope.network import Differentiable, Network
from onnx_files import answers, model, node, numbers, opened, saved

NODES = [
    node("Conv", "x w", "c", "conv"),
    node("CumSum", "c axis", "s", "running"),
    node("Relu", "s", "r", "relu"),
    node("ReduceMean", "r", "y", "mean", axes=[2, 3], keepdims=0),
]
CONSTANTS = {"w": numbers(4, 3, 3, 3), "axis": np.array(3)}


def test_every_value_is_onnxruntimes_own(tmp_path: Path) -> None:
    proto = model(NODES, constants=CONSTANTS)
    brought = opened(tmp_path, proto)
    (said,) = brought.notes
    assert said.startswith("'CumSum' has no translation, so the network runs in onnxruntime: every value is there, but")
    network = brought.model
    assert isinstance(network, RuntimeNetwork)
    assert isinstance(network, Network)
    assert not isinstance(network, Differentiable)
    x = numbers(1, 3, 8, 8)
    run = network.run(x[0])
    assert run.error is None
    assert [(op.name, op.kind, op.value().shape) for op in run] == [
        ("input", "input", (3, 8, 8)), ("conv", "Conv", (4, 6, 6)), ("running", "CumSum", (4, 6, 6)),
        ("relu", "Relu", (4, 6, 6)), ("mean", "ReduceMean", (4,)),
    ]  # fmt: skip
    assert [source.name for source in run.operations[2].sources] == ["conv"]
    np.testing.assert_allclose(run.outputs[0].value(), answers(proto, x)[0][0], rtol=1e-5)
    np.testing.assert_array_equal(run.operations[1].params()["w"], CONSTANTS["w"])


def test_a_trace_of_it_is_saved_and_shown(tmp_path: Path) -> None:
    path = saved(tmp_path, model(NODES, constants=CONSTANTS))
    picture = np.random.default_rng(0).random((3, 8, 8), np.float32)
    trace = convscope.trace(str(path), picture)
    trace.save(tmp_path / "t.safetensors")
    again = convscope.load(tmp_path / "t.safetensors")
    np.testing.assert_array_equal(again["running"].value, trace["running"].value)
    convscope.export(again, tmp_path / "t.html")
    with pytest.raises(NoArithmetic):
        trace["running"].pixel(0, 0, 0)


def test_explaining_it_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = saved(tmp_path, model(NODES, constants=CONSTANTS))
    with pytest.raises(ModelError, match="has no gradients that could be followed"):
        convscope.explain(str(path), np.zeros((3, 8, 8), np.float32))


@pytest.mark.parametrize(
    ("shape", "kind"), [(("N", 8, 9, 3), TensorProto.FLOAT), (("N", 3, 8, 9), TensorProto.UINT8), (("N", 8, 9), 1)]
)
def test_it_is_given_the_photo_as_it_wants_it(shape: Any, kind: int, tmp_path: Path) -> None:
    nodes = [node("Cast", "x", "f", "cast", to=1), node("CumSum", "f axis", "y", "running")]
    proto = model(nodes, shape, constants={"axis": np.array(1)}, kind=kind)
    brought = opened(tmp_path, proto)
    assert isinstance(brought.model, RuntimeNetwork)
    picture = np.random.default_rng(0).integers(0, 255, (3 if len(shape) == 4 else 1, 8, 9)).astype(np.float32)
    fed = picture.transpose(1, 2, 0) if shape[-1] == 3 else picture if len(shape) == 4 else picture[0]
    expected = answers(proto, fed[None].astype(np.uint8 if kind == TensorProto.UINT8 else np.float32))[0]
    np.testing.assert_array_equal(brought.model.run(picture).outputs[0].value(), expected[0])


def test_too_many_values_are_refused(tmp_path: Path) -> None:
    network = opened(tmp_path, model(NODES, constants=CONSTANTS)).model
    assert isinstance(network, RuntimeNetwork)
    with pytest.raises(MemoryBudgetError, match="more than the budget of 0 MiB"):
        network.run(np.zeros((3, 8, 8), np.float32), memory=1000)


def test_an_operator_that_nobody_knows_is_named(tmp_path: Path) -> None:
    proto = model([node("Magic", "x", domain="my.own")], domains=["my.own"])
    with pytest.raises(
        ModelError, match=r"'my.own.Magic' has no translation, and onnxruntime cannot run the file either"
    ):
        opened(tmp_path, proto)


def test_without_onnxruntime_the_operator_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, model(NODES, constants=CONSTANTS))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        ModelError, match=r"unknown here \('CumSum' has no translation\) needs the package 'onnxruntime'"
    ):
        open_file(path, Options())


def test_weights_beside_the_file_are_given_to_onnxruntime_as_they_were_read(tmp_path: Path) -> None:
    proto = model(NODES, constants=CONSTANTS)
    path = tmp_path / "net.onnx"
    onnx.save(proto, path, save_as_external_data=True, location="w.bin", size_threshold=0, convert_attribute=False)
    assert (tmp_path / "w.bin").stat().st_size
    network = open_file(path, Options()).model
    (tmp_path / "w.bin").unlink()
    x = numbers(1, 3, 8, 8)
    assert isinstance(network, RuntimeNetwork)
    np.testing.assert_allclose(
        network.run(x[0]).outputs[0].value(), answers(model(NODES, constants=CONSTANTS), x)[0][0], rtol=1e-5
    )
