"""Whole ONNX files: what is opened equals onnxruntime, and its steps are those of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto

import convscope
from convscope.adapters.onnx import open_file
from convscope.adapters.options import Options
from convscope.adapters.torch import TorchNetwork
from convscope.errors import ModelError
from convscope.record import record
from onnx_files import answers, model, node, numbers, opened, ours, saved, translated


def equal(module: torch.nn.Module, proto: Any, x: np.ndarray) -> None:
    for found, expected in zip(ours(module, x), answers(proto, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "name", ["matthieu-sgi__mnist", "microsoft_onnxjs-demo__mnist", "light_squeezenet", "light_resnet50"]
)
def test_files_by_strangers(name: str, shared_data: Path) -> None:
    path = shared_data / "models" / "onnx" / f"{name}.onnx"
    brought = open_file(path, Options())
    assert isinstance(brought.model, torch.nn.Module)
    assert brought.preprocessing is not None
    assert not brought.scale_known
    shape = brought.preprocessing.channels, *brought.preprocessing.size
    x = np.random.default_rng(0).random((1, *shape), np.float32)
    equal(brought.model, path, x)
    assert brought.about["format"].startswith("ONNX opset ")
    trace = record(TorchNetwork(brought.model), x[0])
    assert trace.steps[-1].batched
    assert all(step.inputs for step in trace.steps[1:])


def test_the_steps_have_the_names_of_the_file(shared_data: Path) -> None:
    brought = open_file(shared_data / "models" / "onnx" / "microsoft_onnxjs-demo__mnist.onnx", Options())
    trace = record(TorchNetwork(brought.model), np.ones((1, 28, 28), np.float32))
    assert [(step.name, step.kind) for step in trace.steps] == [
        ("input", "input"), ("Convolution28", "conv2d"), ("Plus30", "add"),
        ("ReLU32", "relu"), ("Pooling66", "max_pool2d"), ("Convolution110", "conv2d"),
        ("Plus112", "add"), ("ReLU114", "relu"), ("Pooling160", "max_pool2d"), ("Times212_reshape0", "flatten"),
        ("Times212", "linear"), ("Plus214", "add"),
    ]  # fmt: skip
    assert brought.about == {"format": "ONNX opset 7", "producer": "CNTK 2.5.1"}


def classifier(opset: int = 13, shape: Any = ("N", 3, 16, 16)) -> Any:
    """A small residual classifier with the shape arithmetic that exporters write."""
    nodes = [
        node("Conv", "x w1 b1", "c1", "stem", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c1 s b1 b1 s", "n1", "norm"),
        node("Relu", "n1", "r1", "relu"),
        node("Conv", "r1 w2", "c2", "body", pads=[1, 1, 1, 1]),
        node("Add", "c2 r1", "a1", "add"),
        node("GlobalAveragePool", "a1", "g1", "pool"),
        node("Shape", "g1", "shape", "shape"),
        node("Gather", "shape zero", "photos", "photos", axis=0),
        node("Unsqueeze", "photos axes", "photos1", "photos1"),
        node("Concat", "photos1 rest", "target", "target", axis=0),
        node("Reshape", "g1 target", "flat", "flat"),
        node("Gemm", "flat w3 b3", "scores", "head", transB=1),
        node("Softmax", "scores", "y", "probabilities", axis=1),
    ]
    constants = {
        "w1": numbers(4, 3, 3, 3) / 5, "b1": numbers(4, seed=1) / 5, "s": np.abs(numbers(4, seed=2)) + 0.5,
        "w2": numbers(4, 4, 3, 3, seed=3) / 5, "w3": numbers(5, 4, seed=4), "b3": numbers(5, seed=5),
        "zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1]),
    }  # fmt: skip
    return model(nodes, shape, constants=constants, opset=opset)


def test_shapes_that_the_file_computes_are_no_steps_and_hold_for_any_number_of_photos(tmp_path: Path) -> None:
    proto = classifier()
    module = translated(tmp_path, proto)
    assert [name for name, _ in module.named_children()] == [
        "stem", "norm", "relu", "body", "add", "pool", "flat", "head", "probabilities"
    ]  # fmt: skip
    for photos in (1, 4):
        equal(module, proto, numbers(photos, 3, 16, 16, seed=photos))


def test_arithmetic_and_explanations_work(tmp_path: Path) -> None:
    path = saved(tmp_path, classifier())
    picture = np.random.default_rng(0).random((3, 16, 16), np.float32)
    trace = convscope.trace(str(path), picture)
    for step in trace.steps[1:]:
        index = tuple(size // 2 for size in step.shape)
        assert step.at(index).result == pytest.approx(float(step.value[index]), rel=1e-3, abs=1e-5)
    explained = convscope.explain(str(path), picture)
    assert explained.maps[0].layer == "add"


def test_the_model_is_as_it_was_and_computes_nothing_when_opened(tmp_path: Path) -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    module = translated(tmp_path, classifier())
    assert torch.equal(torch.get_rng_state(), state)
    assert not module.training
    assert not any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))


def test_a_file_written_for_one_photo_takes_several(tmp_path: Path) -> None:
    proto = classifier(shape=(1, 3, 16, 16))
    module, one = translated(tmp_path, proto), numbers(1, 3, 16, 16)
    equal(module, proto, one)
    several = np.concatenate([numbers(1, 3, 16, 16, seed=1), one])
    np.testing.assert_allclose(ours(module, several)[0][1:], ours(module, one)[0], rtol=1e-5, atol=1e-6)


def test_a_file_that_leaves_out_the_axis_of_photos_takes_one(tmp_path: Path) -> None:
    constants = {"s": np.array([3, 64]), "t": np.array([-1]), "w": numbers(192, 4)}
    nodes = [
        node("Reshape", "x s", "a", "rows"),
        node("Reshape", "a t", "b", "list"),
        node("MatMul", "b w", "y", "dense"),
    ]
    proto = model(nodes, (1, 3, 8, 8), constants=constants)
    equal(translated(tmp_path, proto), proto, numbers(1, 3, 8, 8))


def nhwc() -> Any:
    """As TensorFlow's exporter writes: turned before and behind each convolution."""
    turn, back = {"perm": [0, 3, 1, 2]}, {"perm": [0, 2, 3, 1]}
    nodes = [
        node("Transpose", "x", "t1", "in", **turn),
        node("Conv", "t1 w1", "c1", "conv1", auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Transpose", "c1", "t2", "out1", **back),
        node("Add", "t2 bias", "a1", "bias1"),
        node("Relu", "a1", "r1", "relu1"),
        node("Transpose", "r1", "t3", "in2", **turn),
        node("Conv", "t3 w2", "c2", "conv2"),
        node("Transpose", "c2", "t4", "out2", **back),
        node("Mul", "t4 scales", "m1", "scale2"),
        node("Concat", "m1 t4", "k1", "join", axis=-1),
        node("Pad", "k1 pads", "p1", "pad"),
        node("Slice", "p1 starts ends axes", "s1", "slice"),
        node("Softmax", "s1", "q1", "softmax", axis=3),
        node("ReduceMax", "q1", "u1", "largest", axes=[1], keepdims=0),
        node("ReduceMean", "u1", "y", "mean", axes=[1], keepdims=0),
    ]
    constants = {
        "w1": numbers(4, 3, 3, 3), "w2": numbers(5, 4, 1, 1, seed=1), "bias": numbers(4, seed=2),
        "scales": numbers(1, 1, 1, 5, seed=3), "pads": np.array([0, 1, 0, 0, 0, 0, 1, 0]), "starts": np.array([0, 1]),
        "ends": np.array([3, 8]), "axes": np.array([1, 3]),
    }  # fmt: skip
    return model(nodes, ("N", 9, 10, 3), constants=constants)


def test_turns_of_tensorflow_are_no_steps(tmp_path: Path) -> None:
    proto = nhwc()
    brought = opened(tmp_path, proto)
    assert brought.preprocessing is not None
    assert (brought.preprocessing.size, brought.preprocessing.channels) == ((9, 10), 3)
    assert isinstance(brought.model, torch.nn.Module)
    assert [name for name, _ in brought.model.named_children()] == [
        "conv1_pad", "conv1", "bias1", "relu1", "conv2", "scale2", "join", "pad", "slice", "softmax", "largest", "mean"
    ]  # fmt: skip
    x = numbers(2, 9, 10, 3)
    np.testing.assert_allclose(
        ours(brought.model, x.transpose(0, 3, 1, 2))[0], answers(proto, x)[0], rtol=1e-4, atol=1e-5
    )


def test_a_turn_that_matters_is_a_step(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w", "c", "conv"),
        node("Transpose", "c", "t", "turn", perm=[0, 2, 3, 1]),
        node("Reshape", "t s", "f", "flat"),
        node("MatMul", "f d", "y", "dense"),
    ]
    constants = {"w": numbers(4, 3, 3, 3), "s": np.array([-1, 144]), "d": numbers(144, 5)}
    proto = model(nodes, constants=constants)
    module = translated(tmp_path, proto)
    assert [name for name, _ in module.named_children()] == ["conv", "turn", "flat", "dense"]
    equal(module, proto, numbers(2, 3, 8, 8))


@pytest.mark.parametrize(("shape", "channels"), [(("N", 8, 9), 1), (("N", 64), 1), (("N", 1, 8, 9), 1)])
def test_other_inputs_that_pictures_fit(shape: tuple[Any, ...], channels: int, tmp_path: Path) -> None:
    proto = model([node("Tanh", "x", "y", "it")], shape)
    brought = opened(tmp_path, proto)
    assert brought.preprocessing is not None
    assert brought.preprocessing.channels == channels
    assert isinstance(brought.model, torch.nn.Module)
    x = numbers(2, *shape[1:])
    picture = x.reshape(2, 1, *brought.preprocessing.size)
    np.testing.assert_allclose(ours(brought.model, picture)[0], answers(proto, x)[0], rtol=1e-5)


def test_an_open_size_is_guessed_and_said_or_asked_for(tmp_path: Path) -> None:
    proto = model([node("Conv", "x w", name="conv")], ("N", "C", "H", "W"), constants={"w": numbers(2, 1, 3, 3)})
    brought = opened(tmp_path, proto)
    assert brought.preprocessing is not None
    assert (brought.preprocessing.size, brought.preprocessing.channels) == ((224, 224), 1)
    assert brought.notes == (
        "the file leaves the size of its input open, so 224x224 is a guess: say it with size (--size)",
    )
    asked = opened(tmp_path, proto, size=(10, 12))
    assert asked.preprocessing is not None
    assert (asked.preprocessing.size, asked.notes) == ((10, 12), ())
    (tmp_path / "net.toml").write_text("[preprocessing]\nsize = [9, 8]\n")
    beside = opened(tmp_path, proto)
    assert beside.preprocessing is not None
    assert (beside.preprocessing.size, beside.notes) == ((9, 8), ())


def test_a_size_that_the_file_does_not_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'x' takes pictures of 16x16 only, not 8x9; leave out the size"):
        opened(tmp_path, classifier(), size=(8, 9))


def test_bytes_as_input_are_not_scaled(tmp_path: Path) -> None:
    nodes = [node("Cast", "x", "f", "cast", to=1), node("Conv", "f w", "y", "conv")]
    proto = model(nodes, constants={"w": numbers(2, 3, 3, 3)}, kind=TensorProto.UINT8)
    brought = opened(tmp_path, proto)
    assert brought.preprocessing is not None
    assert brought.preprocessing.scale == "byte"
    assert brought.scale_known
    assert isinstance(brought.model, torch.nn.Module)
    x = np.random.default_rng(0).integers(0, 256, (1, 3, 8, 8)).astype(np.uint8)
    np.testing.assert_allclose(ours(brought.model, x.astype(np.float32))[0], answers(proto, x)[0], rtol=1e-4, atol=1e-3)


def test_several_inputs_are_given_the_same_photo(tmp_path: Path) -> None:
    proto = model([node("Sub", "x z", "a", "sub"), node("Add", "a x", "y", "add")], dict.fromkeys("xz", (1, 3, 8, 8)))
    x = numbers(1, 3, 8, 8)
    np.testing.assert_array_equal(ours(translated(tmp_path, proto), x)[0], answers(proto, {"x": x, "z": x})[0])


def test_an_output_that_cannot_be_had_is_left_out_and_said(tmp_path: Path) -> None:
    proto = model([node("Relu", "x", "y", "relu"), node("TopK", "x k", "v i", "best")], outputs="y v",
                  constants={"k": np.array([1])})  # fmt: skip
    brought = opened(tmp_path, proto)
    assert brought.notes == ("its output 'v' is left out: 'TopK' has no translation",)
    assert isinstance(brought.model, torch.nn.Module)
    x = numbers(1, 3, 8, 8)
    np.testing.assert_array_equal(ours(brought.model, x)[0], answers(proto, x)[0])


def test_constants_of_all_kinds(tmp_path: Path) -> None:
    half = numbers(3).astype(np.float16)
    nodes = [
        node("Constant", "", "a", value_float=0.5),
        node("Constant", "", "b", value_floats=[1.0, 2.0, 3.0]),
        node("Constant", "", "s", value_ints=[3, 1, 1]),
        node("Constant", "", "n", value_int=2),
        node("Reshape", "b s", "b3"),
        node("Cast", "half", "h", to=1),
        node("Reshape", "h s", "h3"),
        node("Cast", "n", "nf", to=1),
        node("Add", "x a", "x1", "one"),
        node("Mul", "x1 b3", "x2", "two"),
        node("Sub", "x2 h3", "x3", "three"),
        node("Div", "x3 nf", "x4", "four"),
        node("Mul", "x4 d", "y", "five"),
    ]
    double = {"d": np.ones((1, 3, 1, 1), np.float32) * 0.1}
    proto = model(nodes, constants={"half": half, **double})
    module = translated(tmp_path, proto)
    assert [name for name, _ in module.named_children()] == ["one", "two", "three", "four", "five"]
    equal(module, proto, numbers(2, 3, 8, 8))


def test_nodes_without_names_are_called_like_their_results(tmp_path: Path) -> None:
    module = translated(tmp_path, model([node("Relu", "x", "block/relu.1"), node("Tanh", "block/relu.1", "y")]))
    assert [name for name, _ in module.named_children()] == ["block/relu_1", "y"]
