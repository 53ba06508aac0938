"""Every layer against Keras 3, on random settings; and the exported Keras scripts."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from convscope.errors import SpecError
from convscope.spec import build, keras_code, load, parse
from keras_oracle import Case, evaluate


def _two(draw: random.Random, low: int, high: int) -> tuple[int, int]:
    return draw.randint(low, high), draw.randint(low, high)


def _x(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _conv_case(draw: random.Random) -> tuple[str, str, dict]:
    kernel, groups, padding = _two(draw, 1, 5), draw.choice([1, 1, 2]), draw.choice(["same", "valid"])
    stride, dilation = ((1, 1), _two(draw, 1, 2)) if draw.random() < 0.3 else (_two(draw, 1, 3), (1, 1))
    bias = draw.random() < 0.7
    text = (
        f"conv(4, {_x(kernel)}, stride={_x(stride)}, padding={padding}, dilation={_x(dilation)}, "
        f"groups={groups}, bias={'yes' if bias else 'no'})"
    )
    options = {"filters": 4, "kernel_size": kernel, "strides": stride, "padding": padding, "use_bias": bias}
    return text, "Conv2D", options | {"dilation_rate": dilation, "groups": groups}


def _conv_transpose_case(draw: random.Random) -> tuple[str, str, dict]:
    kernel, padding = _two(draw, 1, 5), draw.choice(["same", "valid"])
    stride, dilation = ((1, 1), _two(draw, 1, 2)) if draw.random() < 0.2 else (_two(draw, 1, 3), (1, 1))
    text = f"conv_transpose(3, {_x(kernel)}, stride={_x(stride)}, padding={padding}, dilation={_x(dilation)})"
    options = {"filters": 3, "kernel_size": kernel, "strides": stride, "padding": padding}
    return text, "Conv2DTranspose", options | {"dilation_rate": dilation}


def _pool_case(word: str, layer: str) -> object:
    def case(draw: random.Random) -> tuple[str, str, dict]:
        size, stride, padding = _two(draw, 1, 5), _two(draw, 1, 4), draw.choice(["same", "same", "valid"])
        text = f"{word}({_x(size)}, stride={_x(stride)}, padding={padding})"
        return text, layer, {"pool_size": size, "strides": stride, "padding": padding}

    return case


def _upsample_case(draw: random.Random) -> tuple[str, str, dict]:
    factor, mode = _two(draw, 1, 4), draw.choice(["nearest", "bilinear"])
    return f"upsample({_x(factor)}, {mode})", "UpSampling2D", {"size": factor, "interpolation": mode}


RANDOM = (
    *[(_conv_case, n) for n in range(36)],
    *[(_conv_transpose_case, n) for n in range(28)],
    *[(_pool_case("maxpool", "MaxPooling2D"), n) for n in range(20)],
    *[(_pool_case("avgpool", "AveragePooling2D"), n) for n in range(30)],
    *[(_upsample_case, n) for n in range(8)],
)
FIXED: tuple[tuple[str, str, dict], ...] = (
    ("gap", "GlobalAveragePooling2D", {}),
    ("batch_norm", "BatchNormalization", {}),
    ("batch_norm(eps=0.1, momentum=0.5)", "BatchNormalization", {"epsilon": 0.1, "momentum": 0.5}),
    ("dropout(0.5)", "Dropout", {"rate": 0.5}),
    ("relu", "ReLU", {}),
    ("leaky_relu", "LeakyReLU", {}),
    ("leaky_relu(0.1)", "LeakyReLU", {"negative_slope": 0.1}),
    ("elu", "ELU", {}),
    ("elu(0.7)", "ELU", {"alpha": 0.7}),
    ("sigmoid", "Activation", {"activation": "sigmoid"}),
    ("tanh", "Activation", {"activation": "tanh"}),
    ("softmax", "Softmax", {}),
    ("maxpool", "MaxPooling2D", {}),
    ("avgpool(3)", "AveragePooling2D", {"pool_size": (3, 3)}),
    ("upsample", "UpSampling2D", {}),
    ("conv(3, 3)", "Conv2D", {"filters": 3, "kernel_size": (3, 3)}),
    ("conv_transpose(2, 3, stride=2, padding=same)", "Conv2DTranspose",
     {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"}),
)  # fmt: skip

SCRIPTS = {
    "fashion-cnn": (load("fashion-cnn").text(), (1, 28, 28)),
    "cats-dogs": (load("cats-dogs").text(), (3, 60, 52)),
    "tutorial-1": (load("tutorial-1").text(), (3, 60, 71)),
    "encoder and decoder": (
        (
            "conv(6, 5x3, stride=2, padding=same, bias=no) | batch_norm | "
            "leaky_relu(0.1) | maxpool(3, stride=2, padding=same)"
            "| avgpool(2, stride=1, padding=same) | upsample(2, bilinear) | "
            "conv_transpose(4, 3, stride=2, padding=same)"
            "| elu(0.5) | conv_transpose(2, 2x3, stride=3, padding=1, bias=no) | tanh"
        ),
        (3, 21, 18),
    ),
    "numbers for padding": (
        (
            "conv(6, 3, padding=2x1, groups=3) | relu | maxpool(3, stride=2, "
            "padding=1) | avgpool(3, stride=1, padding=1)"
            "| flatten | batch_norm | dropout(0.2) | dense(7, bias=no) | sigmoid | dense(4) | softmax"
        ),
        (3, 11, 14),
    ),
    "ends in flat maps": ("conv(3, 2) | flatten | batch_norm | softmax", (2, 5, 6)),
    "no weights": ("maxpool(2) | flatten", (2, 5, 6)),
}


class _Question:
    """A spec, an input and random parameters, and what our model makes of them."""

    def __init__(self, text: str, shape: tuple[int, int, int]) -> None:
        self.text, self.spec, self.shape = text, parse(text), shape
        noise = np.random.default_rng(zlib.crc32(f"{text}{shape}".encode()))
        self.x = noise.normal(size=(2, *shape)).astype(np.float32)
        self.model = build(self.spec, shape)
        with torch.no_grad():
            for key, value in self.model.state_dict().items():
                drawn = torch.from_numpy(np.asarray(noise.uniform(0.2, 1.0, tuple(value.shape)), np.float32))
                value.copy_(drawn if "running" in key or not key.endswith("weight") else drawn - 0.6)

    def ours(self) -> np.ndarray:
        with torch.no_grad():
            return self.model(torch.from_numpy(self.x)).numpy()

    def case(self, layer: str, options: dict) -> Case:
        state = {key.split(".")[1]: value.numpy() for key, value in self.model.state_dict().items()}
        weights: list[np.ndarray] = []
        if "running_mean" in state:
            weights = [state[key] for key in ("weight", "bias", "running_mean", "running_var")]
        elif "weight" in state:
            weights = [state["weight"].transpose(2, 3, 1, 0), *([state["bias"]] if "bias" in state else [])]
        return Case(self.x.transpose(0, 2, 3, 1), layer, options, tuple(weights))

    def script_case(self, path: Path) -> Case:
        state = {k: v.contiguous() for k, v in self.model.state_dict().items() if not k.endswith("tracked")}
        save_file(state, path)
        code = keras_code(self.spec, self.shape)
        return Case(self.x.transpose(0, 2, 3, 1), script=code, weights_file=str(path))


def _random_question(make: object, number: int) -> tuple[_Question, str, dict]:
    draw = random.Random(number)
    while True:
        text, layer, options = make(draw)  # type: ignore[operator]
        try:
            return _Question(text, (4, *_two(draw, 5, 11))), layer, options
        except SpecError as error:  # a window larger than a map of 5 pixels
            if "window is larger" not in str(error):
                raise


QUESTIONS = [
    *(_random_question(make, number) for make, number in RANDOM),
    *((_Question(text, (4, 7, 10)), layer, options) for text, layer, options in FIXED),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Keras' outputs, channels first: by number for the layers, by name for the scripts."""
    folder = tmp_path_factory.mktemp("keras")
    scripts = {name: _Question(*made) for name, made in SCRIPTS.items()}
    cases = [question.case(layer, options) for question, layer, options in QUESTIONS]
    cases += [question.script_case(folder / f"{n}.safetensors") for n, question in enumerate(scripts.values())]
    keys = [*map(str, range(len(QUESTIONS))), *scripts]
    found = [value.transpose(0, 3, 1, 2) if value.ndim == 4 else value for value in evaluate(cases, folder)]
    return dict(zip(keys, found, strict=True))


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=lambda n: QUESTIONS[n][0].text)
def test_every_layer_is_keras(number: int, answers: dict[str, np.ndarray]) -> None:
    question = QUESTIONS[number][0]
    np.testing.assert_allclose(question.ours(), answers[str(number)], rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("name", SCRIPTS)
def test_exported_script_is_the_same_network(name: str, answers: dict[str, np.ndarray]) -> None:
    question = _Question(*SCRIPTS[name])
    np.testing.assert_allclose(question.ours(), answers[name], rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("relu | conv(2, 3, stride=2, dilation=2)", r"layer 2 'conv_1' \(conv\) has a stride and a dilation"),
        (
            "conv(2, 3) | maxpool(3, stride=2, padding=1)",
            r"layer 2 'pool_1' \(maxpool\) has padding=1, .* put relu before",
        ),
        (
            "avgpool(3, stride=2, padding=1)",
            r"'pool_1' \(avgpool\) has padding=1, .* use padding=same or valid",
        ),
        ("conv_1_pad: relu | conv(3, 3, padding=3)", r"helper layer called 'conv_1_pad'"),
    ],
)
def test_what_keras_cannot_express_is_said(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        keras_code(parse(text), (2, 12, 12))
