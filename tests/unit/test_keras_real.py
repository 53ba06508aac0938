"""Networks that strangers trained with Keras 2 to 3.10, opened as they are, with the accuracy that they had."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.adapters import Options
from convscope.adapters.keras import open_file
from convscope.errors import ModelError

FASHION = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="module")
def fashion() -> tuple[torch.Tensor, np.ndarray]:
    """The test set: 10,000 pictures in 0..1, and their classes."""
    if not FASHION.is_dir():
        pytest.skip("needs the Debian package dataset-fashion-mnist")
    pictures = gzip.decompress((FASHION / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((FASHION / "t10k-labels-idx1-ubyte.gz").read_bytes())
    values = np.frombuffer(pictures, np.uint8, offset=16).reshape(-1, 1, 28, 28) / np.float32(255)
    return torch.from_numpy(values), np.frombuffer(labels, np.uint8, offset=8)


@pytest.mark.parametrize(
    ("file", "accuracy"),
    [
        ("Karan088__fashion_mnist_cnn.h5", 0.9148),
        ("Aman-21k__fashion_model.keras", 0.9051),
    ],
)
def test_fashion_networks_are_as_good_as_they_were(
    shared_data: Path, fashion: tuple[torch.Tensor, np.ndarray], file: str, accuracy: float
) -> None:
    brought = open_file(shared_data / "models" / "keras" / file, Options())
    pictures, labels = fashion
    with torch.no_grad():
        found = torch.cat([brought.model(part).argmax(1) for part in pictures.split(100)]).numpy()
    assert (found == labels).mean() == pytest.approx(accuracy, abs=0.002)


def test_a_cat_and_dog_network_tells_them_apart(shared_data: Path) -> None:
    path = str(shared_data / "models" / "keras" / "suraj-5556__cat_dog_model.keras")
    photos = [
        photo for kind in ("cat", "dog") for photo in sorted((shared_data / "cats_dogs_photos" / kind).iterdir())[:6]
    ]
    network = cs.adapters.connect(path, lambda _: (3, 256, 256))
    assert network.preprocessing.size == (256, 256)
    right = 0
    for photo in photos:
        value = cs.record.prepare(str(photo), network.preprocessing).value
        with torch.no_grad():
            right += (float(network.model(torch.from_numpy(value[None]))) > 0.5) == (photo.parent.name == "dog")
    assert right >= 9


def test_weights_without_their_network_say_what_to_do(shared_data: Path) -> None:
    with pytest.raises(
        ModelError,
        match=r"it holds weights \(conv2d_2, conv2d_3, .*\) but not the network .* --weights FILE\), or put "
        r"what model.to_json\(\) gives beside it as Quantus__lenet_mnist_weights.json",
    ):
        cs.trace(str(shared_data / "models" / "keras" / "Quantus__lenet_mnist_weights.keras"), "chelsea")


def test_the_names_of_a_network_of_keras_2(shared_data: Path) -> None:
    path = shared_data / "models" / "keras" / "oarriaga__fer2013_mini_XCEPTION.102-0.66.hdf5"
    trace = cs.trace(str(path), "chelsea")
    names = [step.name for step in trace.steps]
    assert names[:4] == ["input", "conv2d_1", "batch_normalization_1", "activation_1"]
    assert names[-2:] == ["global_average_pooling2d_1", "predictions"]
    assert [source.name for source in trace["add_1"].inputs] == ["max_pooling2d_1", "batch_normalization_3"]
    assert trace.about["format"] == "Keras 2.0.5, HDF5"


def test_a_network_that_keras_3_refuses_is_read(shared_data: Path, fashion: tuple[torch.Tensor, np.ndarray]) -> None:
    module = open_file(shared_data / "models" / "keras" / "evanchien__fashion_mnist.h5", Options()).model
    pictures, labels = fashion
    with torch.no_grad():
        found = torch.cat([module(part).argmax(1) for part in pictures[:2000].split(100)]).numpy()
    assert (found == labels[:2000]).mean() == pytest.approx(0.91, abs=0.02)
