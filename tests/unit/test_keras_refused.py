"""Keras files that are old, odd, damaged or hostile: read as what they are, or refused in one sentence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convscope as cs
from convscope.errors import ConvscopeError, ModelError, WeightsError
from keras_writing import functional, kernel, layer, photo, write

PHOTO = np.random.default_rng(1).uniform(0, 1, (3, 6, 6)).astype(np.float32)
CONV = layer("Conv2D", "conv", "photo", filters=2, kernel_size=[3, 3])
WEIGHTS = {"conv": kernel(3, 3, 3, 2)}


def net(kind: str, name: str, *others: str, **settings: Any) -> dict[str, Any]:
    """A network of one layer."""
    return functional(photo(), layer(kind, name, "photo", *others, **settings))


def opened(path: Path, value: np.ndarray = PHOTO) -> cs.Trace:
    return cs.trace(str(path), value)


def refusal(path: Path, error: type[ConvscopeError] = ModelError) -> str:
    with pytest.raises(error) as caught:
        opened(path)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    return text


def test_the_words_of_keras_1(tmp_path: Path) -> None:
    layers = [
        {"class_name": "Convolution2D", "config": {
            "name": "convolution2d_1", "batch_input_shape": [None, 6, 6, 3], "nb_filter": 2, "nb_row": 3, "nb_col": 3,
            "border_mode": "same", "subsample": [2, 2], "dim_ordering": "tf", "bias": True, "activation": "relu"}},
        {"class_name": "MaxPooling2D", "config": {
            "name": "pool", "pool_size": [2, 2], "strides": None, "border_mode": "valid", "dim_ordering": "tf"}},
        {"class_name": "Flatten", "config": {"name": "flatten_1"}},
        {"class_name": "Dropout", "config": {"name": "dropout_1", "p": 0.5}},
        {"class_name": "Dense", "config": {"name": "dense_1", "output_dim": 2, "activation": "softmax"}},
    ]  # fmt: skip
    weights = {
        "convolution2d_1": {"W": kernel(3, 3, 3, 2)["kernel"], "b": np.ones(2)},
        "dense_1": {"W": np.array([[1.0, -1.0], [0.5, 2.0]]), "b": np.zeros(2)},
    }
    path = write(tmp_path / "old.h5", {"class_name": "Sequential", "config": layers}, weights, "1.2.2")
    trace = opened(path)
    assert [step.name for step in trace.steps] == [
        "input", "convolution2d_1_pad", "convolution2d_1", "convolution2d_1_relu", "pool", "flatten_1", "dropout_1",
        "dense_1", "dense_1_softmax",
    ]  # fmt: skip
    pooled = trace["pool"].value[:, 0, 0]
    wanted = pooled @ np.array([[1.0, -1.0], [0.5, 2.0]])
    np.testing.assert_allclose(trace["dense_1"].value, wanted, rtol=1e-5)
    assert trace.about["format"] == "Keras 1.2.2, HDF5"


def test_hard_sigmoid_was_another_function_before_keras_3(tmp_path: Path) -> None:
    described = functional(photo(), layer("Activation", "gate", "photo", activation="hard_sigmoid"))
    old, new = (opened(write(tmp_path / f"{v}.h5", described, version=v)) for v in ("2.9.0", "3.1.0"))
    np.testing.assert_allclose(old[old.outputs[0]].value, np.clip(0.2 * PHOTO + 0.5, 0, 1), atol=1e-6)
    np.testing.assert_allclose(new[new.outputs[0]].value, np.clip(PHOTO / 6 + 0.5, 0, 1), atol=1e-6)


def test_calls_of_tensorflow_are_the_layers_that_they_are(tmp_path: Path) -> None:
    plus = layer("TFOpLambda", "tf.math.add", "photo", function="math.add")
    plus["inbound_nodes"] = [["photo", 0, 0, {"y": 3.0, "name": None}]]
    minus = layer("TFOpLambda", "tf.math.subtract", function="math.subtract")
    minus["inbound_nodes"] = [["_CONSTANT_VALUE", -1, 1.0, {"y": ["tf.math.add", 0, 0]}]]
    trace = opened(write(tmp_path / "tf.h5", functional(photo(), plus, minus)))
    np.testing.assert_allclose(trace[trace.outputs[0]].value, 1 - (PHOTO + 3), atol=1e-6)
    other = layer("TFOpLambda", "tf.image.flip", "photo", function="image.flip")
    assert "calls tf.image.flip, which is not read here" in refusal(
        write(tmp_path / "f.h5", functional(photo(), other))
    )


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("{", "the network's description is not JSON"),
        ("[]", "description cannot be understood"),
        ('"text"', "description cannot be understood"),
        ({"class_name": "Sequential", "config": []}, "the network has no layers"),
        ({"class_name": "MyNet", "config": {"width": 3}}, "of the class MyNet, whose layers are called by Python code"),
        (functional(photo(), layer("Flatten", "a", "b")), "reads from a layer b that is not there"),
        (functional(photo(), layer("ReLU", "a", "b"), layer("ReLU", "b", "a")), "waits for its own result"),
        (functional(photo(), layer("ReLU", "a"), layer("ReLU", "a")), "two layers are called a"),
        (net("LSTM", "memory"), "not read here: layer memory (LSTM)"),
        (net("Lambda", "code"), "holds Python code (layer code (Lambda))"),
        (functional(photo(-3), layer("ReLU", "a", "photo")), "has an impossible size"),
        (functional(photo(10**9), layer("ReLU", "a", "photo")), "has an impossible size"),
        (functional(photo(40_000_000), layer("ReLU", "a", "photo")), "is larger than any photo"),
        (functional(photo(), photo(5, name="other"), layer("Add", "a", "photo", "other")), "not all the same photo"),
        (functional(layer("InputLayer", "v", batch_input_shape=[None, 10]), layer("ReLU", "a", "v")), "list of 10"),
        (functional(layer("InputLayer", "v", batch_input_shape=[None, 1, 2, 3, 4]), layer("ReLU", "a", "v")), "4 axes"),
        (net("UpSampling2D", "up", size=[2**20, 2**20]), "numbers, which cannot be"),
        (net("ZeroPadding2D", "pad", padding=2**50), "says padding = 1125899906842624"),
        (net("MaxPooling2D", "pool", pool_size=[7, 7]), "window of 7x7 over a map of 6x6"),
        (net("MaxPooling2D", "pool", pool_size=[2, 2], strides=[0, 1]), "a stride of 0"),
        (net("MaxPooling2D", "pool", pool_size="big"), "no pool_size that could be read"),
        (net("Reshape", "r", target_shape=[5, 5]), "makes the shape [5, 5] of 108 numbers"),
        (net("Permute", "p", dims=[1, 1, 2]), "has the axes [1, 1, 2]"),
        (net("Cropping2D", "c", cropping=[[3, 3], [0, 0]]), "leaves nothing of its map"),
        (net("Activation", "a", activation="mine"), "has the activation mine"),
        (net("LeakyReLU", "a", alpha="much"), "says negative_slope = 'much'"),
        (net("Softmax", "a", axis=9), "it has no axis 9"),
        (net("Dense", "d", units=10**10), "no weights for layer d (Dense)"),
        (net("Concatenate", "c", "photo", axis=0), "joins the photos of a batch"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_sentence(tmp_path: Path, said: Any, sentence: str) -> None:
    assert sentence in refusal(write(tmp_path / "net.h5", said), ConvscopeError)


def test_weights_that_do_not_fit_what_is_said(tmp_path: Path) -> None:
    cases = {
        "no weights for layer conv (Conv2D)": {"other": kernel(3, 3, 3, 2)},
        "are 2x3x5x5 in the file, not what it says itself (kernel 3x3, filters 2)": {"conv": kernel(5, 5, 3, 2)},
        "cannot work on 6x6x3": {"conv": kernel(3, 3, 4, 2)},
        "conv.bias is 5 in the file, but Conv2D says 2": {"conv": {**WEIGHTS["conv"], "bias": np.zeros(5)}},
    }
    for at, (sentence, weights) in enumerate(cases.items()):
        path = write(tmp_path / f"{at}.h5", functional(photo(), CONV), weights)
        assert sentence in refusal(path, ConvscopeError)
    big = layer("Dense", "dense", "photo", units=10**10)
    path = write(
        tmp_path / "big.h5", functional(photo(), big), {"dense": {"kernel": np.zeros((3, 2)), "bias": np.zeros(2)}}
    )
    assert "says units = 10000000000" in refusal(path)


def test_networks_nested_too_deeply_or_run_too_often(tmp_path: Path) -> None:
    def chain(depth: int) -> dict[str, Any]:
        inner: dict[str, Any] = {"class_name": "ReLU", "config": {"name": "relu"}}
        for level in range(depth):
            inner = {"class_name": "Sequential", "config": {"name": f"level{level}", "layers": [inner]}}
        inner["config"]["layers"].insert(0, photo())
        return inner

    assert "nested over 32 deep" in refusal(write(tmp_path / "deep.h5", chain(40)))
    deeper = '{"class_name": "Sequential", "config": [' * 5000
    assert "is not JSON" in refusal(write(tmp_path / "deeper.h5", deeper), WeightsError)
    again = functional(photo(name="in0"), layer("ReLU", "relu", "in0"))
    for level in range(1, 20):
        name, inner = f"in{level}", f"net{level}"
        nested = {**again, "name": inner, "inbound_nodes": [[[name, 0, 0, {}]], [[inner, 1, 0, {}]]]}
        nested["config"] = {**again["config"], "name": inner}
        again = functional(photo(name=name), nested)
        again["config"]["output_layers"] = [[inner, 2, 0]]
    assert "the network runs over 50,000 layers; refused" in refusal(write(tmp_path / "often.h5", again))


def test_a_description_of_absurd_length(tmp_path: Path) -> None:
    path = tmp_path / "w.weights.h5"
    write(path, "{}", WEIGHTS)
    import h5py

    with h5py.File(path, "a") as file:
        del file.attrs["model_config"]
    (tmp_path / "w.json").write_bytes(b" " * (5 << 20))
    assert "'w.json' beside it has 5242880 bytes, more than any network; refused" in refusal(path)
    (tmp_path / "w.json").unlink()
    (tmp_path / "w.json").symlink_to(tmp_path / "elsewhere.json")
    (tmp_path / "elsewhere.json").write_text(json.dumps(functional(photo(), CONV)), "utf-8")
    assert "it holds weights (conv) but not the network" in refusal(path)
    (tmp_path / "w.json").unlink()
    (tmp_path / "elsewhere.json").rename(tmp_path / "w.json")
    assert opened(path)["conv"].value.shape == (2, 4, 4)


def test_a_name_that_is_no_name(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>\u202e.a/b\n"
    conv = layer("Conv2D", name, "photo", filters=2, kernel_size=[3, 3])
    sentence = refusal(write(tmp_path / "names.h5", functional(photo(), conv)), WeightsError)
    assert "\\u202e" in sentence


def test_every_byte_of_a_file_may_be_wrong(tmp_path: Path) -> None:
    path = write(tmp_path / "good.h5", functional(photo(), CONV), WEIGHTS)
    good = path.read_bytes()
    rng = np.random.default_rng(7)
    sentences = []
    for at in range(60):
        broken = bytearray(good)
        for _ in range(8):
            broken[int(rng.integers(len(broken)))] = int(rng.integers(256))
        path.write_bytes(broken if at % 3 else broken[: int(rng.integers(len(broken)))])
        try:
            opened(path)
        except ConvscopeError as error:
            sentences.append(str(error))
    assert len(sentences) > 10
    assert not any("\n" in sentence for sentence in sentences)
