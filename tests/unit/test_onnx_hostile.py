"""ONNX files by strangers: damaged, absurd, or with weights in places where nobody should look."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from convscope.adapters.onnx import open_file
from convscope.adapters.onnx.wire import check_size
from convscope.adapters.options import Options
from convscope.errors import ModelError
from onnx_files import answers, model, node, numbers, opened, ours, saved, translated


def net(weight: Any = None, **settings: Any) -> Any:
    """One convolution with the given tensor as its weight."""
    proto = model([node("Conv", "x w", name="conv")], (1, 3, 8, 8), **settings)
    proto.graph.initializer.append(weight or onnx.numpy_helper.from_array(numbers(4, 3, 3, 3), "w"))
    return proto


def beside(location: str, **said: Any) -> Any:
    """A weight that is kept elsewhere."""
    tensor = TensorProto(name="w", data_type=1, dims=[4, 3, 3, 3], data_location=1)
    for key, value in {"location": location, **said}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


WEIGHT = numbers(4, 3, 3, 3)


def test_weights_in_a_plain_file_beside_the_model_are_read(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"head" * 4 + WEIGHT.tobytes() + b"tail")
    module = translated(tmp_path, net(beside("w.bin", offset=16, length=432)))
    x = numbers(1, 3, 8, 8)
    np.testing.assert_allclose(ours(module, x)[0], answers(tmp_path / "net.onnx", x)[0], rtol=1e-4, atol=1e-5)


OUTSIDE = r"is kept in .*; only a file beside the model is opened, by its plain name"


@pytest.mark.parametrize(
    ("location", "said", "message"),
    [
        ("../w.bin", {}, OUTSIDE),
        ("/etc/hostname", {}, OUTSIDE),
        ("sub/w.bin", {}, OUTSIDE),
        ("..\\w.bin", {}, OUTSIDE),
        ("C:w.bin", {}, OUTSIDE),
        ("..", {}, OUTSIDE),
        ("", {}, OUTSIDE),
        ("w\x00.bin", {}, OUTSIDE),
        ("link.bin", {}, "is a link, which may lead anywhere; put the file itself beside the model"),
        ("hard.bin", {}, "is a link, which may lead anywhere; put the file itself beside the model"),
        ("folder", {}, "is a link|is no plain file|Is a directory"),
        ("pipe", {}, "is no plain file"),
        ("missing.bin", {}, "cannot be read beside the model: No such file or directory"),
        ("w.bin", {"offset": 10**15}, "has 432 bytes, and the model asks for 432 from 1000000000000000 on"),
        ("w.bin", {"offset": -4}, "has the offset '-4' in its external data, which is no whole number"),
        ("w.bin", {"offset": "9" * 30}, "has the offset '9+' in its external data"),
        ("w.bin", {"length": 400}, "needs 432 bytes of 'w.bin', and the model says 400"),
        ("w.bin", {"length": 10**15}, "needs 432 bytes of 'w.bin', and the model says 1000000000000000"),
    ],
)
def test_weights_elsewhere_are_refused(location: str, said: dict[str, Any], message: str, tmp_path: Path) -> None:
    inside = tmp_path / "model"
    inside.mkdir()
    (tmp_path / "w.bin").write_bytes(WEIGHT.tobytes())
    (inside / "w.bin").write_bytes(WEIGHT.tobytes())
    (inside / "secret.bin").write_bytes(WEIGHT.tobytes())
    (inside / "folder").mkdir()
    os.mkfifo(inside / "pipe")
    os.link(inside / "secret.bin", inside / "hard.bin")
    (inside / "link.bin").symlink_to(tmp_path / "w.bin")
    with pytest.raises(ModelError, match=message):
        opened(inside, net(beside(location, **said)))


def test_weights_elsewhere_are_refused_within_nodes_too(tmp_path: Path) -> None:
    tensor = beside("../w.bin")
    constant = model([node("Constant", "", "w", value=tensor), node("Conv", "x w")], (1, 3, 8, 8))
    inner = helper.make_graph([], "inner", [], [helper.make_tensor_value_info("w", 1, None)], [tensor])
    branch = model([node("If", "c", "y", then_branch=inner, else_branch=inner)], (1, 3, 8, 8))
    for proto in (constant, branch):
        with pytest.raises(ModelError, match=OUTSIDE):
            opened(tmp_path, proto)


def tensor(**fields: Any) -> Any:
    return TensorProto(name="w", **fields)


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (net(tensor(data_type=1, dims=[10**6, 10**6])), "tensor 'w' claims the shape 1000000x1000000"),
        (net(tensor(data_type=1, dims=[2**40, 2**40])), "tensor 'w' claims the shape"),
        (net(tensor(data_type=1, dims=[-1, 3])), "tensor 'w' claims the shape -1x3"),
        (
            net(tensor(data_type=1, dims=[4, 3, 3, 3], raw_data=b"1234")),
            r"108 numbers, and holds 1; the file is\s+damaged",
        ),
        (net(tensor(data_type=1, dims=[1], raw_data=b"123")), "holds 3 bytes, no multiple of 4"),
        (
            net(tensor(data_type=8, dims=[1], string_data=[b"a"])),
            "tensor 'w' holds text, which convscope does not read",
        ),
        (net(tensor(data_type=99, dims=[1])), "tensor 'w' holds data of type 99"),
        (net(opset=6), "its operators are of ONNX opset 6, and convscope reads 7 and later"),
        (model([], (1, 3, 8, 8)), "it holds no network: there is not a single node"),
        (model([node("Relu", "y2", "y"), node("Relu", "y", "y2")], (1, 3, 8, 8)), "waits for its own result"),
        (model([node("Relu", "q", "y", "r")], (1, 3, 8, 8)), "node 'r' reads 'q', which nothing makes"),
        (model([node("Relu", "x"), node("Tanh", "x")], (1, 3, 8, 8)), "value 'y' is made twice"),
        (model([node("Relu", "x")], (1, 3, 10**5, 10**5)), "takes pictures of 100000x100000; refused"),
        (model([node("Relu", "x")], (1, 7, 8, 8)), "of 1x7x8x8 takes 7 channels; photos have 3, grey ones 1"),
        (model([node("Relu", "x")], (1, 50)), "its input 'x' of 1x50 takes no picture"),
        (model([node("Relu", "x")], {"x": (1, 3, 8, 8), "z": (1, 3, 9, 9)}), "takes? pictures of several sizes"),
        (model([node("Constant", "", "y", value_float=1.0)], (1, 3, 8, 8)), "does not depend on its input"),
        (model([node("Relu", "x")], {}), "the network takes no input"),
        (
            model([node("ConstantOfShape", "s", "y")], (1, 3, 8, 8), constants={"s": np.array([2**40], np.int64)}),
            "a constant of 1099511627776 numbers is more than any network needs",
        ),
    ],
)
def test_damaged_and_absurd_files(proto: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        opened(tmp_path, proto)


def raw(data: bytes) -> Callable[[], bytes]:
    return lambda: data


def nodes_of(count: int) -> bytes:
    """A graph of so many empty nodes, two bytes each."""
    graph = b"\x0a\x00" * count
    length, size = b"", len(graph)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return b"\x3a" + length + bytes([size]) + graph


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it holds no network|damaged or no ONNX file"),
        (b"<!DOCTYPE html><html></html>", "it is damaged or no ONNX file"),
        (b"PK\x03\x04" + b"\x00" * 40, "it is damaged or no ONNX file"),
        (b"\xff" * 200, "it is damaged or no ONNX file"),
        (nodes_of(3_000_000), "would unpack to more than .* MiB, far more than a network of this size needs"),
        (nodes_of(30_000), "it has 30,000 nodes; convscope opens networks of up to 20,000"),
    ],
    ids=["empty", "page", "zip", "ones", "bomb", "nodes"],
)
def test_what_is_no_file_of_onnx(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=message):
        open_file(path, Options())


def test_every_cut_of_a_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    data = net().SerializeToString()
    for end in range(1, len(data), 23):
        path = tmp_path / "net.onnx"
        path.write_bytes(data[:end])
        with pytest.raises(ModelError):
            open_file(path, Options())


def test_changed_bytes_open_or_are_refused_with_a_sentence(tmp_path: Path) -> None:
    proto = model(
        [node("Conv", "x w", "a", name="conv"), node("Relu", "a", "b"), node("MaxPool", "b", "y", kernel_shape=[2, 2])],
        (1, 3, 8, 8), constants={"w": numbers(2, 3, 3, 3)},
    )  # fmt: skip
    data = bytearray(proto.SerializeToString())
    draw = np.random.default_rng(0)
    for _ in range(150):
        changed = bytearray(data)
        for place in draw.integers(0, len(data), 3):
            changed[place] = draw.integers(256)
        path = tmp_path / "net.onnx"
        path.write_bytes(bytes(changed))
        try:
            open_file(path, Options())
        except ModelError as error:
            assert "\n" not in str(error)  # noqa: PT017 - not every change is refused


def test_names_that_are_no_text(tmp_path: Path) -> None:
    data = net().SerializeToString().replace(b"conv", b"\xff\xfe\xff\xfe")
    path = tmp_path / "net.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"a name in it is no UTF-8 text|damaged"):
        open_file(path, Options())


def test_deep_nests_are_refused() -> None:
    data = b""
    for _ in range(200):  # a graph in an attribute of a node of a graph
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            size, length = len(data), b""
            while size > 127:
                length, size = length + bytes([size & 127 | 128]), size >> 7
            data = tag + length + bytes([size]) + data
    size = struct.pack("B", 0x3A)
    length, count = b"", len(data)
    while count > 127:
        length, count = length + bytes([count & 127 | 128]), count >> 7
    with pytest.raises(ModelError, match="nested more than 60 deep"):
        check_size(size + length + bytes([count]) + data)


def test_strange_names_become_steps(tmp_path: Path) -> None:
    proto = model([node("Relu", "x", "y", name="../<img onerror=x>\n\u202e" + "n" * 5000)], (1, 3, 8, 8))
    (name,) = dict(translated(tmp_path, proto).named_children())
    assert name.isprintable()
    assert "." not in name
    assert len(name) <= 200


def test_a_missing_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, net())
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(
        ModelError, match=r"an ONNX file needs the package 'onnx'; install it with: pip install 'convscope"
    ):
        open_file(path, Options())
