"""Opening a network's file: from the file to the first picture, against the framework's own load and predict.

A convolutional network of 20 MB for photos of 224 pixels is written as an ONNX file and as a Keras file. Ours is
everything that happens until a sheet of feature maps is drawn: open the file, make the network, run the photo and
record every value, draw. The framework's is to load the file and to answer once: onnxruntime, and Keras on PyTorch and
on JAX.

Claim: at most 2 x the framework's time, for both files, with the libraries imported (Keras: the quicker of its
backends). Measured in turn in one process for each framework; the medians of the times are compared. Whole processes,
with what importing costs, are measured too and printed: there onnxruntime, a few libraries of C++, starts before
PyTorch has been read from the disk. Exits with status 1 if the claim does not hold.

    python bench/open.py [ROUNDS]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MOST = 2.0
SIZE = 224
#: Output channels, kernel, stride of each convolution; together 5.2 million weights.
LAYERS = ((64, 7, 2), (128, 3, 2), (256, 3, 2), (512, 3, 2), (512, 3, 1), (256, 3, 1))
SIDES = ("onnxruntime", "keras on torch", "keras on jax")


def write_onnx(path: Path) -> None:
    """Convolution, norm, ReLU; global pooling, a linear layer, softmax."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    draw = np.random.default_rng(0)
    nodes, numbers, value, inputs = [], [], "image", 3

    def number(name: str, array: np.ndarray) -> str:
        numbers.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    for at, (outputs, kernel, stride) in enumerate(LAYERS):
        weight = number(f"w{at}", draw.normal(0, (2 / (inputs * kernel**2)) ** 0.5, (outputs, inputs, kernel, kernel)))
        pads = [kernel // 2] * 4
        nodes.append(
            helper.make_node("Conv", [value, weight], [f"c{at}"], f"conv{at}", strides=[stride] * 2, pads=pads)
        )
        norm = [
            number(f"{part}{at}", draw.uniform(0.8, 1.2, outputs)) for part in ("scale", "shift", "mean", "variance")
        ]
        nodes.append(helper.make_node("BatchNormalization", [f"c{at}", *norm], [f"n{at}"], f"norm{at}"))
        nodes.append(helper.make_node("Relu", [f"n{at}"], [f"r{at}"], f"relu{at}"))
        value, inputs = f"r{at}", outputs
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["pooled"], "pool"))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"], "flatten"))
    dense = [number("dense_w", draw.normal(0, 0.05, (1000, inputs))), number("dense_b", np.zeros(1000))]
    nodes.append(helper.make_node("Gemm", ["flat", *dense], ["scores"], "dense", transB=1))
    nodes.append(helper.make_node("Softmax", ["scores"], ["answer"], "softmax", axis=1))
    shape = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "photo", [shape("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [shape("answer", TensorProto.FLOAT, [1, 1000])], numbers,
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def write_keras(path: Path) -> None:
    """The same layers."""
    import keras

    layers: list[Any] = [keras.Input((SIZE, SIZE, 3))]
    for outputs, kernel, stride in LAYERS:
        layers.append(keras.layers.Conv2D(outputs, kernel, stride, padding="same", use_bias=False))
        layers += [keras.layers.BatchNormalization(), keras.layers.ReLU()]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1000, activation="softmax")]
    keras.Sequential(layers).save(path)


def ours(path: Path, folder: Path) -> None:
    """The product: a file and a photo to a sheet of maps."""
    import convscope
    from convscope.draw import grid, save_png

    trace = convscope.trace(path, "chelsea", size=SIZE)
    save_png(grid(next(step for step in trace if step.kind == "conv2d").value), folder / "maps.png")


def theirs(path: Path, _folder: Path) -> None:
    """The framework: load, predict."""
    x = np.random.default_rng(0).random((1, 3, SIZE, SIZE), dtype=np.float32)
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        session.run(None, {"image": x})
    else:
        import keras

        keras.saving.load_model(path, compile=False).predict(x.transpose(0, 2, 3, 1), verbose=0)


WORK: dict[str, Callable[[Path, Path], None]] = {"ours": ours, "theirs": theirs}


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turn(path: Path, folder: Path, rounds: int) -> dict[str, list[float]]:
    """Both in this process, which has imported everything; the first round is not counted."""
    times: dict[str, list[float]] = {name: [] for name in WORK}
    for round_number in range(rounds + 1):
        for name, work in WORK.items():
            elapsed = seconds(lambda work=work: work(path, folder))
            if round_number:
                times[name].append(elapsed)
    return times


def environment(side: str) -> dict[str, str]:
    return os.environ | {
        "KERAS_BACKEND": side.rpartition(" ")[2] if "keras" in side else "torch",
        "JAX_PLATFORMS": "cpu",
    }


def asked(side: str, *words: object) -> str:
    command = [sys.executable, __file__, *map(str, words)]
    return subprocess.run(command, env=environment(side), check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    match sys.argv[1:]:
        case ["write", path]:
            (write_onnx if path.endswith(".onnx") else write_keras)(Path(path))
            return
        case ["turns", path, folder, rounds]:
            print(json.dumps(in_turn(Path(path), Path(folder), int(rounds))))
            return
        case ["once", name, path, folder]:
            WORK[name](Path(path), Path(folder))
            return
        case words:
            rounds = int(words[0]) if words else 15
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side in SIDES:
            path = folder / ("network.onnx" if side == "onnxruntime" else "network.keras")
            if not path.exists():
                asked(side, "write", path)
            times = json.loads(asked(side, "turns", path, folder, rounds).splitlines()[-1])
            middle = {who: statistics.median(found) for who, found in times.items()}
            ratios[side] = middle["ours"] / middle["theirs"]
            whole: dict[str, list[float]] = {who: [] for who in WORK}
            for _ in range(max(3, rounds // 3)):
                for who, found in whole.items():
                    found.append(seconds(lambda who=who, side=side, path=path: asked(side, "once", who, path, folder)))
            start = {who: statistics.median(found) for who, found in whole.items()}
            size = path.stat().st_size / 1e6
            inside = f"ours {middle['ours']:.3f} s, theirs {middle['theirs']:.3f} s, {ratios[side]:.2f} x"
            print(
                f"{side:<15} {size:.0f} MB: {inside}; whole processes {start['ours']:.2f} and {start['theirs']:.2f} s"
            )
    quicker = max(ratio for side, ratio in ratios.items() if "keras" in side)
    held = max(ratios["onnxruntime"], quicker) <= MOST
    print(f"claimed at most {MOST} x: {'holds' if held else 'DOES NOT HOLD'}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
