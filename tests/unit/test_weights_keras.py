"""Weights of Keras files: real Keras and real files from the field are the oracle."""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from convscope.weights import Report, Weights, assign, load_into, read

FORMATS = ["keras", "weights.h5", "h5"]

# One process with Keras on jax: every model saved in three formats, with its own predictions.
MAKER = """
import sys, warnings
warnings.filterwarnings("ignore")
import keras, numpy as np
from keras import Model, Input, Sequential, layers as L

random = np.random.default_rng(5)
# Every variable gets its numbers below; compiling a random start for each shape would take 10 s.
keras.initializers.GlorotUniform.__call__ = lambda self, shape, dtype=None, **_: np.zeros(shape, "float32")

def filled(model):
    for variable in model.variables:
        if "seed" in variable.path:
            continue
        low = 0.5 if "variance" in variable.path or "gamma" in variable.path else -0.5
        variable.assign(random.uniform(low, 1.0, variable.shape))
    return model

def parts():
    seen = Input((7, 5, 3), name="picture")
    x = L.Conv2D(4, 3, padding="same", activation="relu", name="first")(seen)
    x = L.BatchNormalization(name="norm")(x)
    x = L.DepthwiseConv2D(3, depth_multiplier=2, name="deep")(x)
    x = L.SeparableConv2D(6, (3, 2), depth_multiplier=2, name="apart")(x)
    x = L.Conv2DTranspose(5, (2, 3), strides=2, name="up")(x)
    x = L.Dropout(0.5, name="drop")(x)
    x = L.Flatten(name="flat")(x)
    return Model(seen, L.Dense(7, name="head")(x), name="whole")

def nested():
    deeper = Sequential([Input((4, 2, 4)), L.Conv2D(6, 2, groups=2, name="grouped")], name="deeper")
    inner = Sequential([Input((6, 4, 3)), L.Conv2D(4, 3, name="conv_1"), deeper], name="backbone")
    seen = Input((6, 4, 3))
    x = L.LayerNormalization(name="layer_norm")(L.Flatten()(inner(seen)))
    return Model(seen, L.Dense(3, name="head")(x))

def plain_norm():
    return Sequential([Input((5, 4, 2)), L.Conv2D(3, 2, use_bias=False, name="conv"),
        L.BatchNormalization(scale=False, name="shift_only"), L.Flatten(),
        L.BatchNormalization(center=False, name="scale_only"), L.Dense(2, name="head")])

def crossed():
    return Sequential([Input((5, 4, 2)), L.Conv2D(2, 1, name="conv2d_1"), L.Conv2D(2, 1, name="conv2d"),
        L.Flatten(), L.Dense(40, name="mine"), L.Dense(40, name="dense")])

def doubled():  # in half precision, with optimizer state
    model = Sequential([Input((4, 3, 2)), L.Conv2D(2, 2, name="light", dtype="float16"),
        L.Flatten(), L.Dense(3, name="brain", dtype="bfloat16")])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model

for make in (parts, nested, plain_norm, crossed, doubled):
    model = filled(make())
    name = sys.argv[1] + "/" + make.__name__
    model.save(name + ".keras"); model.save_weights(name + ".weights.h5"); model.save(name + ".h5")
    x = random.uniform(-1, 1, (2, *model.input_shape[1:])).astype("float32")
    np.savez(name + ".npz", x=x, y=np.asarray(model(x, training=False), "float32"))
"""


@pytest.fixture(scope="session")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that real Keras wrote."""
    folder = tmp_path_factory.mktemp("keras")
    setting = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
    }
    result = subprocess.run(
        [sys.executable, "-c", MAKER, str(folder)], env=setting, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return folder


def network(**layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(layers)).eval()


def separable(inputs: int, multiplier: int, outputs: int, kernel: tuple[int, int]) -> nn.Sequential:
    middle = inputs * multiplier
    return network(
        depthwise=nn.Conv2d(inputs, middle, kernel, groups=inputs, bias=False),
        pointwise=nn.Conv2d(middle, outputs, 1),
    )


def parts() -> nn.Sequential:
    return network(
        first=nn.Conv2d(3, 4, 3, padding=1),
        relu=nn.ReLU(),
        norm=nn.BatchNorm2d(4, eps=1e-3),
        deep=nn.Conv2d(4, 8, 3, groups=4),
        apart=separable(8, 2, 6, (3, 2)),
        up=nn.ConvTranspose2d(6, 5, (2, 3), stride=2),
        flat=nn.Flatten(),
        head=nn.Linear(5 * 6 * 5, 7),
    )


def nested() -> nn.Sequential:
    return network(
        backbone=network(conv_1=nn.Conv2d(3, 4, 3), deeper=network(grouped=nn.Conv2d(4, 6, 2, groups=2))),
        flat=nn.Flatten(),
        layer_norm=nn.LayerNorm(18, eps=1e-3),
        head=nn.Linear(18, 3),
    )


def plain_norm() -> nn.Sequential:
    return network(
        conv=nn.Conv2d(2, 3, 2, bias=False),
        shift_only=nn.BatchNorm2d(3, eps=1e-3),
        flat=nn.Flatten(),
        scale_only=nn.BatchNorm1d(36, eps=1e-3),
        head=nn.Linear(36, 2),
    )


def crossed() -> nn.Sequential:
    return network(
        conv2d_1=nn.Conv2d(2, 2, 1),
        conv2d=nn.Conv2d(2, 2, 1),
        flat=nn.Flatten(),
        mine=nn.Linear(40, 40),
        dense=nn.Linear(40, 40),
    )


NETWORKS = {
    "parts": (parts, {"head": (5, 6, 5)}),
    "nested": (nested, {"head": (6, 3, 1), "layer_norm": (6, 3, 1)}),
    "plain_norm": (plain_norm, {"head": (3, 4, 3), "scale_only": (3, 4, 3)}),
    "crossed": (crossed, {"mine": (2, 5, 4)}),
}


def complete(report: Report) -> None:
    assert (report.missing, report.unused, report.mismatched, report.unread) == ((), (), (), ()), str(report)


def outputs_agree(module: nn.Module, case: Path) -> None:
    with np.load(case) as saved:
        pictures = torch.from_numpy(saved["x"]).permute(0, 3, 1, 2)
        with torch.no_grad():
            np.testing.assert_allclose(module(pictures).numpy(), saved["y"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_answers_as_in_keras(keras_files: Path, name: str, form: str) -> None:
    if (name, form) == ("plain_norm", "weights.h5"):  # has its own test: the file cannot say which is which
        return
    make, flattened = NETWORKS[name]
    module = make()
    report = load_into(module, keras_files / f"{name}.{form}", flattened=flattened)
    complete(report)
    outputs_agree(module, keras_files / f"{name}.npz")


def test_the_right_flatten_order_is_needed(keras_files: Path) -> None:
    module = parts()
    load_into(module, keras_files / "parts.keras")
    with pytest.raises(AssertionError):
        outputs_agree(module, keras_files / "parts.npz")


def test_one_of_gamma_and_beta_without_a_config_is_not_guessed(keras_files: Path) -> None:
    weights = read(keras_files / "plain_norm.weights.h5")
    assert set(weights.layers) == {"conv", "head"}
    assert len(weights.unread) == 2
    assert "shift_only (of its 3 variables nobody can say which are gamma and beta" in " ".join(weights.unread)


@pytest.mark.parametrize("form", FORMATS)
def test_half_precision_and_optimizer_state(keras_files: Path, form: str) -> None:
    weights = read(keras_files / f"doubled.{form}")
    assert weights.unread == ()
    assert list(weights.layers) in (["light", "brain"], ["brain", "light"])
    assert weights.layers["light"]["weight"].dtype == np.float16
    module = network(light=nn.Conv2d(2, 2, 2).half(), flat=nn.Flatten(), brain=nn.Linear(12, 3).bfloat16())
    assign(module, weights)
    values = weights.layers["brain"]["weight"]
    assert values.dtype == np.float32
    np.testing.assert_array_equal(module.brain.weight.detach().float().numpy(), values)
    assert np.isfinite(values).all()
    assert -0.5 <= values.min() < 0 < values.max() <= 1


def _without_names(source: Path, target: Path, config: bool = True, rename: dict[str, str] | None = None) -> None:
    """The file as Keras before 3.4 wrote it: the layers' names are in the configuration only."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as out:
        buffer = io.BytesIO(archive.read("model.weights.h5"))
        with h5py.File(buffer, "r+") as file:
            file.visititems(lambda _, item: item.attrs.clear())
            for old, new in (rename or {}).items():
                file.move(old, new)
        out.writestr("model.weights.h5", buffer.getvalue())
        if config:
            out.writestr("config.json", archive.read("config.json"))


@pytest.mark.parametrize("name", NETWORKS)
def test_names_come_from_the_configuration(keras_files: Path, tmp_path: Path, name: str) -> None:
    make, flattened = NETWORKS[name]
    _without_names(keras_files / f"{name}.keras", tmp_path / "old.keras")
    module = make()
    report = load_into(module, tmp_path / "old.keras", flattened=flattened)
    complete(report)
    outputs_agree(module, keras_files / f"{name}.npz")


def test_groups_called_after_the_layers_themselves(keras_files: Path, tmp_path: Path) -> None:
    own = {"conv2d": "first", "dense": "head", "batch_normalization": "norm", "depthwise_conv2d": "deep",
        "separable_conv2d": "apart", "conv2d_transpose": "up", "flatten": "flat", "dropout": "drop",
        "input_layer": "picture"}  # fmt: skip
    rename = {f"layers/{group}": f"layers/{name}" for group, name in own.items()}
    _without_names(keras_files / "parts.keras", tmp_path / "own.keras", rename=rename)
    module = parts()
    load_into(module, tmp_path / "own.keras", flattened={"head": (5, 6, 5)})
    outputs_agree(module, keras_files / "parts.npz")


@pytest.mark.parametrize("gaps", [True, False])
def test_keras_2_13_checkpoint_groups(keras_files: Path, tmp_path: Path, gaps: bool) -> None:
    """There the list is called differently, and its numbers may leave gaps."""
    rename = {"layers/conv2d_1": "layers/conv2d_2", "layers/dense_1": "layers/dense_2"} if gaps else {}
    rename["layers"] = "_layer_checkpoint_dependencies"
    _without_names(keras_files / "crossed.keras", tmp_path / "old.keras", rename=rename)
    module = crossed()
    load_into(module, tmp_path / "old.keras", flattened={"mine": (2, 5, 4)})
    outputs_agree(module, keras_files / "crossed.npz")


def test_without_names_and_configuration_the_groups_name_the_layers(keras_files: Path, tmp_path: Path) -> None:
    _without_names(keras_files / "parts.keras", tmp_path / "bare.keras", config=False)
    layers = read(tmp_path / "bare.keras").layers
    assert layers["depthwise_conv2d"]["weight"].shape == (8, 1, 3, 3)
    assert layers["separable_conv2d.pointwise"]["weight"].shape == (6, 16, 1, 1)
    assert layers["conv2d_transpose"]["weight"].shape == (6, 5, 2, 3)


def test_content_decides_not_the_name(keras_files: Path, tmp_path: Path) -> None:
    for form in FORMATS:
        disguised = tmp_path / f"{form}.safetensors"
        disguised.write_bytes((keras_files / f"crossed.{form}").read_bytes())
        assert read(disguised).source == "keras"


# --- layouts that no Keras of today writes -------------------------------------------------------


def _old(path: Path, layers: dict[str, dict[str, np.ndarray]], **attributes: str) -> Path:
    """A Keras 1 or 2 weights file; the list of names is cut into pieces as Keras does with long ones."""
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if "model_config" in attributes else file
        root.attrs["layer_names0"] = [name.encode() for name in layers][:1]
        root.attrs["layer_names1"] = [name.encode() for name in layers][1:]
        for name, text in attributes.items():
            (file if name == "model_config" else root).attrs[name] = np.bytes_(text)
        for name, variables in layers.items():
            group = root.create_group(name)
            group.attrs["weight_names0"] = [variable.encode() for variable in variables]
            for variable, array in variables.items():
                group.create_dataset(variable, data=array)
    return path


@pytest.fixture
def numbers() -> np.random.Generator:
    return np.random.default_rng(0)


def test_keras_1_names(tmp_path: Path, numbers: np.random.Generator) -> None:
    kernel, norm = numbers.random((3, 3, 2, 4)).astype("f4"), numbers.random((4, 4)).astype("f4")
    path = _old(
        tmp_path / "one.h5",
        {
            "block1/conv": {"block1/conv_W": kernel, "block1/conv_b": norm[0]},
            "batchnormalization_1": {f"batchnormalization_1_{n}": v for n, v in
                zip(("gamma", "beta", "running_mean", "running_std"), norm, strict=True)},
        },
        keras_version="1.2.2",
    )  # fmt: skip
    layers = read(path).layers
    np.testing.assert_array_equal(layers["block1/conv"]["weight"], kernel.transpose(3, 2, 0, 1))
    np.testing.assert_array_equal(layers["block1/conv"]["bias"], norm[0])
    got = [layers["batchnormalization_1"][n] for n in ("weight", "bias", "running_mean", "running_var")]
    np.testing.assert_array_equal(got, norm)


def test_theano_kernels_are_turned_and_flattened_channels_first(tmp_path: Path, numbers: np.random.Generator) -> None:
    kernel = numbers.random((4, 2, 3, 3)).astype("f4")
    dense = numbers.random((8, 2)).astype("f4")
    config = {"class_name": "Sequential", "config": [
        {"class_name": "Convolution2D", "config": {"name": "conv", "dim_ordering": "th"}},
        {"class_name": "Flatten", "config": {"name": "flat"}},
        {"class_name": "Dense", "config": {"name": "dense"}}]}  # fmt: skip
    path = _old(
        tmp_path / "theano.h5",
        {"conv": {"conv_W": kernel}, "dense": {"dense_W": dense}},
        model_config=json.dumps(config),
        backend="theano",
    )
    weights = read(path)
    np.testing.assert_array_equal(weights.layers["conv"]["weight"], kernel[:, :, ::-1, ::-1])
    module = network(conv=nn.Conv2d(2, 4, 3, bias=False), dense=nn.Linear(8, 2, bias=False))
    assign(module, weights, flattened={"dense": (2, 2, 2)})
    np.testing.assert_array_equal(module.dense.weight.detach().numpy(), dense.T)


def test_nested_networks_and_depthwise_kernels_without_a_configuration(
    tmp_path: Path, numbers: np.random.Generator
) -> None:
    kernel, bias = numbers.random((3, 3, 2, 3)).astype("f4"), numbers.random(6).astype("f4")
    path = _old(
        tmp_path / "nested.h5",
        {
            "backbone": {
                "conv_1/kernel:0": kernel,
                "conv_2/kernel:0": kernel,
                "seed_generator/state:0": bias,
            },
            "own_name": {"own_name_1/kernel:0": kernel, "own_name_1/bias:0": bias},
        },
    )
    layers = read(path).layers
    assert set(layers) == {"backbone.conv_1", "backbone.conv_2", "own_name"}
    assert layers["own_name"]["weight"].shape == (6, 1, 3, 3)
    np.testing.assert_array_equal(layers["own_name"]["weight"][4, 0], kernel[:, :, 1, 1])


def test_what_is_not_understood_is_listed(tmp_path: Path, numbers: np.random.Generator) -> None:
    kernel = numbers.random((3, 4)).astype("f4")
    path = _old(
        tmp_path / "odd.h5",
        {
            "dense": {"dense/kernel:0": kernel},
            "lstm_1": {"lstm_1/kernel:0": kernel, "lstm_1/recurrent_kernel:0": kernel},
            "adapted": {"adapted/kernel:0": kernel, "adapted/lora_kernel_a:0": kernel},
            "quantised": {"quantised/kernel:0": kernel.astype("i1")},
        },
    )
    weights = read(path)
    assert set(weights.layers) == {"dense"}
    assert weights.unread == (
        "adapted (its variable lora_kernel_a:0 is not one that such a layer has)",
        "lstm_1 (layers of class lstm_1 are not read)",
        "quantised (kernel holds int8, as quantised networks do)",
    )


def test_weights_are_read_only(keras_files: Path) -> None:
    weights = read(keras_files / "crossed.keras")
    with pytest.raises(ValueError, match="read-only"):
        weights.layers["conv2d"]["weight"][:] = 0
    with pytest.raises(TypeError):
        weights.layers["conv2d"] = {}
    assert isinstance(weights, Weights)
