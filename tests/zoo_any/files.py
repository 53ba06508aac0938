"""Networks that strangers trained, as the files that they saved; and what the framework of each says of the same input.

The files lie beside the repository (the fixture ``shared_data``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import keras_oracle
from convscope.adapters import Options, connect
from convscope.network import Network

Answer = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class File:
    """A model's file.

    Attributes:
        path: within the folder of models.
        what: its architecture, in a few words.
        options: what a person has to say beside it.
        says: the sentence with which it is refused, a pattern; "" where it opens.
    """

    path: str
    what: str
    options: dict[str, Any] = field(default_factory=dict)
    says: str = ""

    @property
    def framework(self) -> str:
        return self.path.split("/", maxsplit=1)[0]


FILES = (
    File("keras/suraj-5556__cat_dog_model.keras", "five blocks of convolution and norm, four dense layers"),
    File("keras/Karan088__fashion_mnist_cnn.h5", "two convolutions, two dense layers"),
    File("keras/Aman-21k__fashion_model.keras", "two convolutions, two dense layers"),
    File("keras/evanchien__fashion_mnist.h5", "Keras 2.1, three blocks of convolution and norm"),
    File("keras/oarriaga__fer2013_mini_XCEPTION.102-0.66.hdf5", "Keras 2.0, mini-Xception"),
    File("keras/Quantus__lenet_mnist_weights.keras", "LeNet, weights alone", says=r"--net SPEC --weights"),
    File("onnx/matthieu-sgi__mnist.onnx", "PyTorch 1.13, twelve convolutions"),
    File("onnx/microsoft_onnxjs-demo__mnist.onnx", "CNTK 2.5, two convolutions"),
    File("torch/matthieu-sgi__mnist_cnn.pt", "TorchScript, twelve convolutions", {"trust": True, "size": (28, 28)}),
    File("torch/GundarapuAnusha__WHOLE_MODEL_PICKLE.pth", "a whole model, pickled", says="pickle"),
)
KERAS_3_READS = ("suraj", "Karan", "Aman", "oarriaga")
_READ = """
import keras

def build_model():
    return keras.saving.load_model({path!r}, compile=False)

def load_weights(model, path):
    pass
"""


def opened(file: File, models: Path) -> Network:
    """The network of a file, for the input that it wants."""
    options = Options(**file.options)
    return connect(models / file.path, lambda wanted: (wanted.channels, *(wanted.size or (64, 64))), options)


def onnx_answer(path: Path) -> Answer:
    """What onnxruntime says."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x[None]})[0]


def keras_answers(paths: Sequence[Path], inputs: Sequence[np.ndarray], folder: Path) -> list[np.ndarray]:
    """What Keras 3 on JAX says of (C, H, W) inputs; one process for all files."""
    cases = [
        keras_oracle.Case(x.transpose(1, 2, 0)[None], script=_READ.format(path=str(path)))
        for path, x in zip(paths, inputs, strict=True)
    ]
    return keras_oracle.evaluate(cases, folder)
