"""Networks that people trained with Keras 2 to 3.10, rebuilt in PyTorch with their weights."""

import gzip
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from convscope.weights import load_into, read


def network(**layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(layers)).eval()


def test_every_real_file_reads_completely(shared_data: Path) -> None:
    counts = {}
    for path in sorted((shared_data / "models" / "keras").iterdir()):
        weights = read(path)
        assert weights.unread == (), path.name
        assert weights.source == "keras"
        counts[path.name] = sum(array.size for params in weights.layers.values() for array in params.values())
    assert counts == {
        "Aman-21k__fashion_model.keras": 121_930,
        "Karan088__fashion_mnist_cnn.h5": 225_034,
        "Quantus__lenet_mnist_weights.keras": 60_074,
        "evanchien__fashion_mnist.h5": 250_478,
        "oarriaga__fer2013_mini_XCEPTION.102-0.66.hdf5": 58_423,
        "suraj-5556__cat_dog_model.keras": 178_753,
    }


def aman() -> tuple[nn.Module, dict[str, tuple[int, int, int]], float]:
    module = network(
        conv2d=nn.Conv2d(1, 32, 3), r1=nn.ReLU(), p1=nn.MaxPool2d(2),
        conv2d_1=nn.Conv2d(32, 64, 3), r2=nn.ReLU(), p2=nn.MaxPool2d(2), flat=nn.Flatten(),
        dense=nn.Linear(1600, 64), r3=nn.ReLU(), dense_1=nn.Linear(64, 10),
    )  # fmt: skip
    return module, {"dense": (64, 5, 5)}, 0.9051


def karan() -> tuple[nn.Module, dict[str, tuple[int, int, int]], float]:
    module, flattened, _ = aman()
    module.dense, module.dense_1 = nn.Linear(1600, 128), nn.Linear(128, 10)
    return module, flattened, 0.9148


def evanchien() -> tuple[nn.Module, dict[str, tuple[int, int, int]], float]:
    layers: dict[str, nn.Module] = {}
    for number, (inputs, outputs, odd) in enumerate(((1, 32, 0), (32, 64, 1), (64, 128, 1)), 1):
        layers[f"conv2d_{number}"] = nn.Conv2d(inputs, outputs, 3)
        layers[f"batch_normalization_{number}"] = nn.BatchNorm2d(outputs, eps=1e-3)
        layers[f"relu_{number}"] = nn.ReLU()
        layers[f"pool_{number}"] = nn.MaxPool2d(2, ceil_mode=bool(odd))  # 'same' on odd sizes
    layers |= {
        "flat": nn.Flatten(),
        "dense_1": nn.Linear(512, 300),
        "relu": nn.ReLU(),
        "dense_2": nn.Linear(300, 10),
    }
    return network(**layers), {"dense_1": (128, 2, 2)}, 0.91


FASHION = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="session")
def fashion() -> tuple[torch.Tensor, torch.Tensor]:
    """The first 2,000 test pictures of Fashion-MNIST, 0..1, and their classes."""
    if not FASHION.is_dir():
        pytest.skip("needs the Debian package dataset-fashion-mnist")
    pictures = gzip.decompress((FASHION / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((FASHION / "t10k-labels-idx1-ubyte.gz").read_bytes())
    values = np.frombuffer(pictures, np.uint8, 2000 * 784, 16).reshape(2000, 1, 28, 28) / np.float32(255)
    return torch.from_numpy(values), torch.from_numpy(np.frombuffer(labels, np.uint8, 2000, 8).astype(np.int64))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("Aman-21k__fashion_model.keras", aman),
        ("Karan088__fashion_mnist_cnn.h5", karan),
        ("evanchien__fashion_mnist.h5", evanchien),
    ],
)
def test_real_networks_are_as_good_as_they_were(shared_data: Path, fashion, name: str, make) -> None:
    module, flattened, expected = make()
    report = load_into(module, shared_data / "models" / "keras" / name, flattened=flattened)
    assert (report.missing, report.unused, report.mismatched) == ((), (), ())
    pictures, labels = fashion
    with torch.no_grad():
        right = (module(pictures).argmax(1) == labels).float().mean().item()
    assert right == pytest.approx(expected, abs=0.02)
