"""Keras files through the Keras door, against what Keras 3 on JAX answers to the same photo."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import convscope as cs
from checked_terms import check
from convscope.adapters import Options, connect
from convscope.adapters.keras import open_file
from convscope.errors import ModelError, NoArithmetic
from convscope.traces import Step, Trace
from keras_models import MODELS
from keras_running import answers

Arrays = dict[str, np.ndarray]
Said = dict[str, Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keras")
    answers(folder, "jax", "files")
    return folder


@pytest.fixture(scope="module")
def said(made: Path) -> Arrays:
    with np.load(made / "answers.npz") as arrays:
        return dict(arrays)


def photo_of(said: Arrays, name: str) -> np.ndarray:
    """As convscope takes it: (C, H, W)."""
    photo = said[f"{name}/photo"]
    if photo.ndim == 1:
        return np.ascontiguousarray(photo.reshape(5, 5, 3).transpose(2, 0, 1))
    if photo.ndim == 2:
        return photo[None]
    return photo if name == "channels_first" else np.ascontiguousarray(photo.transpose(2, 0, 1))


def in_keras_order(value: np.ndarray, name: str, wanted: np.ndarray) -> np.ndarray:
    if value.ndim == 3 and wanted.ndim == 2:
        return value[0]
    return value if value.ndim < 3 or name == "channels_first" else value.transpose(1, 2, 0)


def opened(path: Path, said: Arrays, name: str) -> Trace:
    photo = photo_of(said, name)
    return cs.trace(str(path), photo, size=photo.shape[1:] if name == "open_size" else None)


def of_layer(trace: Trace, layer: str, layers: list[str]) -> Step | None:
    """The last of a layer's steps: ``conv_relu`` belongs to ``conv`` where no layer is called so."""

    def owner(step: str) -> str:
        owners = [one for one in layers if step == one or step.startswith((f"{one}_", f"{one}."))]
        return max(owners, key=len, default="")

    found = [step for step in trace.steps if owner(step.name) == layer]
    return found[-1] if found else None


@pytest.mark.parametrize("name", MODELS)
def test_every_output_and_every_layer_is_keras(made: Path, said: Arrays, name: str) -> None:
    trace = opened(made / f"{name}.keras", said, name)
    close = {"rtol": 0.05, "atol": 0.05} if name == "sixteen_bits" else {"rtol": 1e-5, "atol": 1e-5}
    wanted = [said[key] for key in said if key.startswith(f"{name}/output/")]
    assert len(trace.outputs) == len(wanted) > 0
    for output, value in zip(trace.outputs, wanted, strict=True):
        np.testing.assert_allclose(in_keras_order(trace[output].value, name, value), value, **close, err_msg=output)
    layers = [key.split("/")[2] for key in said if key.startswith(f"{name}/layer/")]
    compared = 0
    for layer in layers:
        step, value = of_layer(trace, layer, layers), said[f"{name}/layer/{layer}"]
        if step is None:  # it does nothing in a network in use
            continue
        got = in_keras_order(step.value, name, value)
        if got.ndim == 1:  # a flattened map keeps PyTorch's order inside
            got, value = np.sort(got), np.sort(value)
        np.testing.assert_allclose(got, value, **close, err_msg=layer)
        compared += 1
    assert compared >= (0 if name == "shared" else min(len(layers) - 1, 3))


@pytest.mark.parametrize("file", ["plain.h5", "shared.h5", "flattened.h5", "apart.weights.h5"])
def test_hdf5_and_weights_with_their_json_answer_the_same(made: Path, said: Arrays, file: str) -> None:
    name = "plain" if file.startswith("apart") else file.removesuffix(".h5")
    trace = opened(made / file, said, name)
    for at, output in enumerate(trace.outputs):
        np.testing.assert_allclose(
            trace[output].value, _like(trace[output].value, said[f"{name}/output/{at}"]), atol=1e-5
        )


def _like(got: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return wanted.transpose(2, 0, 1) if got.ndim == 3 else wanted


def test_other_weights_are_put_into_the_same_order(made: Path, said: Arrays) -> None:
    for name, weights in (("plain", "apart.weights.h5"), ("plain", "plain.h5"), ("shared", "shared.keras")):
        trace = cs.trace(str(made / f"{name}.keras"), photo_of(said, name), weights=made / weights)
        got = trace[trace.outputs[0]].value
        np.testing.assert_allclose(got, _like(got, said[f"{name}/output/0"]), atol=1e-5)


def test_names_are_the_users_and_say_what_is_added(made: Path, said: Arrays) -> None:
    names = [step.name for step in opened(made / "plain.keras", said, "plain").steps]
    assert names == [
        "input", "rescaling", "conv2d_pad", "conv2d", "conv2d_relu", "batch_normalization", "max_pooling2d", "conv2d_1",
        "conv2d_1_relu", "flatten", "dropout", "dense", "dense_relu", "dense_1", "dense_1_softmax",
    ]  # fmt: skip
    inside = [step.name for step in opened(made / "shared.keras", said, "shared").steps]
    assert "block.inner.conv" in inside
    assert "block.inner.conv:2" in inside
    assert "twice:2" in inside


def test_what_the_file_says_of_the_photo(made: Path) -> None:
    brought = open_file(made / "plain.keras", Options())
    assert brought.preprocessing is not None
    assert (brought.preprocessing.size, brought.preprocessing.channels) == ((12, 10), 3)
    assert (brought.preprocessing.scale, brought.scale_known) == ("byte", True)
    assert (brought.title, brought.notes) == ("plain", ())
    assert str(brought.about["format"]).startswith("Keras 3.")
    silent = open_file(made / "joins.keras", Options())
    assert silent.preprocessing is not None
    assert (silent.preprocessing.scale, silent.scale_known) == ("unit", False)


def test_what_is_guessed_is_said(made: Path) -> None:
    guessed = open_file(made / "open_size.keras", Options())
    assert guessed.preprocessing is not None
    assert guessed.preprocessing.size == (224, 224)
    assert guessed.notes == (
        "the network leaves the size of its pictures open; 224x224 is a guess, give another with --size",
    )
    told = open_file(made / "open_size.keras", Options(size=(30, 20)))
    assert told.preprocessing is not None
    assert (told.preprocessing.size, told.notes) == ((30, 20), ())
    assert "5x5 colour, row by row, which is a guess" in open_file(made / "vector.keras", Options()).notes[0]
    assert (
        "mixed_bfloat16; here it is computed in float32" in open_file(made / "sixteen_bits.keras", Options()).notes[0]
    )


def test_a_picture_of_another_size_is_refused_in_a_sentence(made: Path) -> None:
    with pytest.raises(
        cs.errors.ForwardError, match=r"opened for pictures of 3x12x10 .* is given 3x9x9; give it that size"
    ):
        cs.trace(str(made / "plain.keras"), np.zeros((3, 9, 9), np.float32))


@pytest.mark.parametrize("name", ["plain", "windows", "pools", "norms", "joins", "shared"])
def test_products_sum_to_the_pixel(made: Path, said: Arrays, name: str) -> None:
    without = []
    for step in opened(made / f"{name}.keras", said, name).steps[1:]:
        try:
            check(step, 2)
        except NoArithmetic:
            without.append(step.name)
    assert without == (["resized_nearest"] if name == "pools" else [])


def test_gradients_reach_the_photo(made: Path) -> None:
    network = connect(str(made / "plain.keras"), lambda _: (3, 12, 10), Options())
    photo = torch.zeros(1, 3, 12, 10, requires_grad=True)
    network.model(photo)[0, 1].backward()
    assert float(photo.grad.abs().sum()) > 0


def test_nothing_random_is_drawn_and_nothing_stays_on_meta(made: Path) -> None:
    before = torch.get_rng_state()
    module = open_file(made / "plain.keras", Options()).model
    assert torch.equal(before, torch.get_rng_state())
    assert all(not tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))


def test_own_layers_and_code_are_refused_and_say_how_to_open_them(made: Path) -> None:
    with pytest.raises(
        ModelError, match=r"kinds that are not read here: layer twice \(Doubled\); if you trust it, --trust"
    ):
        cs.trace(str(made / "custom.keras"), "chelsea")
    with pytest.raises(
        ModelError, match=r"it holds Python code \(layer code \(Lambda\)\).*if you know who made it, --trust"
    ):
        cs.trace(str(made / "code.keras"), "chelsea")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What became of live models, on another backend than that of the files."""
    folder = tmp_path_factory.mktemp("live")
    answers(folder, "torch", "live")
    said: Said = json.loads((folder / "live.json").read_text("utf-8"))
    return said


def test_known_layers_become_a_network_with_arithmetic(live: Said) -> None:
    joins = live["joins"]
    assert joins["difference"] < 1e-5
    assert joins["as_before"]
    kinds = {name: kind for name, kind, _ in joins["steps"]}
    assert (kinds["a"], kinds["gate_sigmoid"], kinds["by_vector"]) == ("conv2d", "sigmoid", "mul")
    assert joins["about"]["format"].endswith("live on torch")


def test_own_classes_are_recorded_layer_by_layer(live: Said) -> None:
    own = live["own"]
    assert own["difference"] < 1e-6
    assert own["as_before"]
    assert own["steps"] == [
        ["input", "input", []],
        ["block.conv", "Conv2D", ["input"]],
        ["block", "Block", ["block.conv", "input"]],
        ["gap", "GlobalAveragePooling2D", ["block"]],
        ["dense", "Dense", ["gap"]],
    ]
    assert "without gradients and without arithmetic, and it cannot be explained" in own["about"]["notes"][0]


def test_a_lambda_of_the_users_own_runs_where_it_lives(live: Said) -> None:
    code = live["code"]
    assert [name for name, _, _ in code["steps"]] == ["input", "conv", "code"]
    assert code["difference"] < 1e-6
    assert code["as_before"]


def test_a_file_that_is_trusted_runs_through_keras_itself(live: Said) -> None:
    trusted = live["trusted"]
    assert trusted["steps"] == ["input", "conv", "code"]
    assert trusted["about"]["format"].endswith("through Keras on torch")
    assert trusted["about"]["notes"][0].startswith("it holds Python code (layer code (Lambda))")
    assert "gradients" in live["unexplained"]


def test_what_cannot_be_recorded_is_said(live: Said) -> None:
    assert "is not built yet, so its layers have no weights; begin it with keras.Input" in live["unbuilt"]
    kind, sentence = live["memory"]
    assert kind == "MemoryBudgetError"
    assert "recording stopped at layer 'input'" in sentence
    assert live["clean"]
