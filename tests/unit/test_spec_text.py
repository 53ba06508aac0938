"""The language of specs: text to layers and back, and what is said of text that is no network."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.errors import SpecError
from convscope.spec import load, parse, shelf

SIZES = st.one_of(
    st.integers(1, 9).map(str), st.tuples(st.integers(1, 9), st.integers(1, 9)).map("{0[0]}x{0[1]}".format)
)
NUMBERS = st.one_of(st.floats(0, 0.99, allow_nan=False).map(repr), st.sampled_from(["0", "0.5", "1e-3"]))
PADDINGS = st.one_of(st.sampled_from(["valid", "same", "Same", "'same'"]), SIZES)
INITS = st.one_of(
    st.sampled_from(
        ["he_normal", "zeros", "0.12", "constant(-1)", "normal(0.1)", "uniform(-1, 2.5)", "GLOROT_UNIFORM"]
    ),
    NUMBERS,
)


def _settings(**choices: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    chosen = st.fixed_dictionaries({}, optional=choices)
    return chosen.map(lambda given: "".join(f", {key}={value}" for key, value in given.items()))


def _layer(word: str, first: st.SearchStrategy[str], **choices: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(first, _settings(**choices)).map(lambda parts: f"{word}({parts[0]}{parts[1]})")


COUNTS = st.integers(1, 99).map(str)
CONV = {
    "stride": SIZES,
    "padding": PADDINGS,
    "dilation": SIZES,
    "bias": st.sampled_from(["yes", "no", "True", "false"]),
}
LAYERS = st.one_of(
    _layer("conv", st.tuples(COUNTS, SIZES).map(", ".join), **CONV, init=INITS, bias_init=INITS),
    _layer("Conv2DTranspose", st.tuples(COUNTS, SIZES).map(", ".join), **CONV, init=INITS),
    _layer("max_pool", SIZES, stride=SIZES, padding=st.sampled_from(["valid", "same", "0"])),
    _layer("AveragePooling2D", SIZES, strides=SIZES, padding=st.sampled_from(["valid", "same"])),
    _layer("upsample", SIZES, mode=st.sampled_from(["nearest", "bilinear"])),
    _layer("dropout", NUMBERS),
    _layer("leaky_relu", NUMBERS),
    _layer("bn", NUMBERS, momentum=NUMBERS),
    _layer("dense", COUNTS, init=INITS, activation=st.sampled_from(["relu", "none", "softmax", "elu(0.3)"])),
    st.sampled_from(
        ["relu", "elu", "sigmoid", "tanh", "softmax", "flatten", "gap", "maxpool", "GlobalAveragePooling2D()"]
    ),
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(LAYERS, min_size=1, max_size=8),
    st.sampled_from(["", "input(28x30x3)\n"]),
    st.sampled_from([" | ", "\n", "  # c\n\n"]),
)
def test_text_round_trip(layers: list[str], first: str, separator: str) -> None:
    spec = parse(first + separator.join(layers))
    assert parse(spec.text()) == spec
    assert parse(str(spec)) == spec
    assert parse(spec.text()).text() == spec.text()
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert hash(parse(spec.text())) == hash(spec)


def test_names_are_counted_for_each_prefix_and_given_names_stay() -> None:
    spec = parse("conv(1,1)|maxpool|avgpool|bn|my-net: conv(1,1)|conv(1,1)|deconv(1,1)|gap|relu|lrelu(0.2)|relu")
    names = "conv_1 pool_1 pool_2 bn_1 my-net conv_3 conv_transpose_1 gap_1 relu_1 leaky_relu_1 relu_2"
    assert [layer.name for layer in spec.layers] == names.split()
    assert [layer.name for layer in spec.layers if layer.named] == ["my-net"]


def test_settings_are_complete_and_canonical() -> None:
    spec = parse("Conv2D(16, kernel_size=(3, 5), strides=2, padding='SAME', use_bias=False, activation='relu')")
    assert spec.text() == "conv(16, 3x5, stride=2, padding=same, bias=no)\nrelu"
    assert dict(spec.layers[0].settings) == {
        "filters": 16, "kernel": (3, 5), "stride": (2, 2), "padding": "same", "dilation": (1, 1), "groups": 1,
        "bias": False, "init": "glorot_uniform", "bias_init": "zeros",
    }  # fmt: skip
    assert parse("maxpool(3x2)").layers[0].settings["stride"] == (3, 2)
    assert parse("leaky_relu").layers[0].settings["slope"] == 0.3
    assert dict(parse("bn").layers[0].settings) == {"eps": 0.001, "momentum": 0.99}


def test_a_kernel_brings_its_size_and_may_span_lines() -> None:
    spec = parse("conv(1, init=[[0, 1.5, 0],  # cross\n [1, -4, 1]]) | conv(1, init=sobel_x)")
    assert spec.text() == "conv(1, 2x3, init=[[0, 1.5, 0], [1, -4, 1]])\nconv(1, 3, init=sobel_x)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv(3 3)", r"^line 1, column 8: expected ',' or '\)', but found '3' near 'conv\(3 3\)'$"),
        ("relu\nconv(3,3", r"^line 2, column 9: expected ',' or '\)', but the text ends near 'conv\(3,3'$"),
        ("relu | maxpol(2)", r"^line 1, column 8: unknown layer 'maxpol'; did you mean 'maxpool'\?$"),
        ("xyzzy", r"unknown layer 'xyzzy'; there are conv, conv_transpose, .* and dense$"),
        ("tutorial-2", r"did you mean 'tutorial-1'"),
        ("conv(3, 3, strid=2)", r"^line 1, column 12: conv has no setting 'strid'; did you mean 'stride'\?$"),
        ("conv(3, 3, kernel=3)", r"conv's kernel is given twice"),
        ("conv(kernel=3, 3)", r"3 behind a named setting; name this one too"),
        ("conv(kernel=3)", r"conv needs filters, as in conv\(16, 3\)"),
        ("conv(16)", r"it needs a kernel size, such as conv\(16, 3\)"),
        ("conv(3, 0)", r"^line 1, column 9: conv's kernel must be a whole number or HxW from 1, .* got 0$"),
        ("conv(3.5, 3)", r"conv's filters must be a whole number from 1 to 1,000,000; got 3.5"),
        ("conv(3, 3x3x3)", r"must be a whole number or HxW from 1, such as 3 or 3x5; got 3x3x3"),
        ("conv(3, 3, padding=full)", r"padding must be valid, same, a number or HxW; got full"),
        ("conv(4, 3, groups=3)", r"3 groups cannot share 4 filters evenly; use a multiple of 3"),
        ("conv(3, 5, init=sobel_x)", r"kernel sobel_x is 3x3; got a layer whose kernel is 5x5, use 3"),
        (
            "conv(3, 3, init=[[1, 2], [3, 4]])",
            r"literal kernel is 2x2 and its kernel is 3x3; leave the kernel size out",
        ),
        ("conv(3, init=[[1, 2], [3]])", r"the rows of a kernel have 2 and 1 numbers; make them equally long"),
        (
            "conv(3, 3, init=gloro_uniform)",
            r"no initialiser or kernel called 'gloro_uniform'; did you mean 'glorot_uniform'",
        ),
        ("conv(3, 3, bias_init=sobel_x)", r"conv's bias_init cannot be a kernel; got sobel_x"),
        ("dense(3, init=blur)", r"dense's init cannot be a kernel; got blur"),
        (
            "maxpool(3, padding=2)",
            r"its padding is 2x2, more than half of its 3x3 window; use at most 1x1, or padding=same",
        ),
        ("dropout", r"dropout needs rate, as in dropout\(0.5\)"),
        ("dropout(1.5)", r"dropout's rate must be a number from 0 to 1; got 1.5"),
        ("upsample(2, cubic)", r"upsample's mode must be nearest or bilinear; got cubic"),
        ("relu(3)", r"relu takes no settings; 3 is one too many"),
        ("relu(a=3)", r"relu has no settings; got 'a', write relu alone"),
        ("conv(3, 3, activation=swish)", r"an activation is relu, .* or softmax, or none; got swish"),
        ("a: relu | a: tanh", r"^line 1, column 11: two layers are called 'a'; give one of them another name$"),
        ("layer1.conv: conv(3, 3)", r"names hold letters, digits, _ and -"),
        (f"{'n' * 65}: relu", r"a layer's name has 65 characters; use at most 64"),
        ("", r"^the spec has no layers; write at least one, such as conv\(3, 3\)$"),
        ("input(28x28x1)", r"the spec has no layers"),
        ("input(28x28) | relu", r"input takes height x width x channels, such as input\(28x28x1\)"),
        ("relu | input(28x28x1)", r"input\(...\) stands at the very beginning"),
        ("nets/mine.txt", r"^there is no file 'nets/mine.txt'; pass an existing file, one of catdog, .* or layers$"),
    ],
)
def test_errors_say_where_what_and_what_to_do(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        load(text)
    assert "\n" not in str(caught.value)


HOSTILE = {
    "long text": "relu|" * 2_000_000,
    "many digits": f"conv({'9' * 90_000}, 3)",
    "digits and a letter": f"conv({'9' * 90_000}z, 3)",
    "deep nesting": "conv(3, " + "[" * 90_000,
    "deep calls": "conv(3, 3, init=" + "a(" * 40_000,
    "many layers": "relu\n" * 15_000,
    "infinite": "dropout(1e999)",
    "huge exponent": "dropout(1e99999999999999)",
    "sizes": "conv(3, 3" + "x3" * 40_000 + ")",
    "a long word": "y" * 90_000,
    "spaces": "conv(3," + " " * 90_000 + "$)",
    "a long setting": f"conv(3, 3, {'y' * 90_000}=1)",
    "a long initialiser": f"conv(3, 3, init={'y' * 90_000})",
    "null": "relu\0",
    "zero-width": "re\u200blu",
    "surrogate": "conv(3, 3, init=\ud800)",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_gets_a_sentence(kind: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(HOSTILE[kind])
    assert len(str(caught.value)) < 700


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="conv(3,x) |:=[]#\n\"'.-_maxpoolinput1", max_size=60))
def test_any_text_is_a_spec_or_a_sentence(text: str) -> None:
    try:
        spec = parse(text)
    except SpecError:
        return
    assert parse(spec.text()) == spec


def test_load_reads_files_and_the_shelf(tmp_path: Path) -> None:
    file = tmp_path / "net 中文.txt"
    file.write_text("\ufeffconv(3, 3)  # first\r\nrelu\r\n", "utf-8")
    assert str(load(str(file))) == "conv(3, 3) | relu"
    tutorials = {"tutorial-1", "fashion-dense", "fashion-cnn", "cats-dogs", "lenet-cat"}
    assert set(shelf()) == tutorials | {"lenet-5", "fashion-vgg", "catdog"}
    assert all(load(name) == parse(load(name).text()) for name in shelf())
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="is no UTF-8 text"):
        load(str(file))
    file.write_bytes(b"#" * 500_000)
    with pytest.raises(SpecError, match="has over 100,000 characters"):
        load(str(file))


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, convscope.spec as s; s.plan(s.load('fashion-cnn')); print('torch' in sys.modules)"
    code += "; s.build(s.load('fashion-cnn')); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
