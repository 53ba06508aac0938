"""Networks as files: what they say of themselves, in good faith and in bad; and the doors that open them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import convscope
from convscope import networks
from convscope.adapters import Options, connect, saved_network
from convscope.adapters.saved import Saved
from convscope.app import cli
from convscope.errors import CallError, ModelError, SpecError, WeightsError
from convscope.network import Preprocessing
from convscope.spec import build, parse
from convscope.traces import Trace
from convscope.train.calibrate import Calibration
from convscope.train.export import export_network
from convscope.weights import read, save

TEXT = "input(24x24x3) | conv(4, 3) | batchnorm | relu | gap | dense(1) | sigmoid"
FREE = "conv(4, 3) | relu | gap | dense(3) | softmax"
CALIBRATED = Calibration(1.7, 0.1, 0.02, 0.5, 0.4, 4000)
HOW = Preprocessing((24, 24), fit="crop", scale=((0.4, 0.5, 0.6), (0.2, 0.3, 0.2)))


def make(path: Path, text: str = TEXT, **more: Any) -> Path:
    """A small network, saved as a training saves one."""
    spec = parse(text)
    model = build(spec, None if spec.input else (3, 24, 24))
    facts: dict[str, Any] = {
        "labels": ("cat", "dog"), "preprocessing": HOW, "calibration": CALIBRATED, "title": "tiny", "card": "Nothing.",
    }  # fmt: skip
    export_network(path, model, spec, **facts | more)
    return path


def with_metadata(path: Path, **texts: str | None) -> Path:
    """The same file, saying something else."""
    weights = read(path)
    metadata = {name: text for name, text in {**weights.metadata, **texts}.items() if text is not None}
    save(weights, path, metadata=metadata)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return make(tmp_path / "tiny.safetensors")


def test_what_was_saved_comes_back(file: Path) -> None:
    network = connect(str(file), lambda _: (3, 24, 24))
    assert network.title == "tiny"
    assert network.labels == ("cat", "dog")
    assert network.preprocessing == HOW
    assert network.about["calibration"] == {"temperature": 1.7, "error": 0.02, "samples": 4000}
    assert Saved.read(read(file).metadata).card == "Nothing."
    model = build(parse(TEXT))
    for name, tensor in network.model.state_dict().items():  # type: ignore[attr-defined]
        assert torch.equal(tensor, model.state_dict()[name])


def test_a_trace_is_that_of_the_network_with_the_files_preprocessing(file: Path) -> None:
    trace = convscope.trace(file, "chelsea")
    by_hand = convscope.trace(build(parse(TEXT)), "chelsea", size=(24, 24), scale=HOW.scale)
    assert trace.about["calibration"]["temperature"] == 1.7
    assert trace.about["network"] == "tiny"
    assert trace.placement.width == 300  # the middle of 300x451
    assert by_hand.placement.width == 451
    stretched = convscope.trace(with_metadata(file, preprocessing='{"size": [24, 24], "scale": "unit"}'), "chelsea")
    plain = convscope.trace(build(parse(TEXT)), "chelsea", size=(24, 24))
    np.testing.assert_array_equal(stretched["sigmoid_1"].value, plain.steps[-1].value)


def test_what_the_caller_says_goes_before_what_the_file_says(tmp_path: Path) -> None:
    file = make(tmp_path / "free.safetensors", FREE, labels=("cat", "dog", "cup"))
    trace = convscope.trace(file, "chelsea", size=(40, 30), scale="byte", labels=("a", "b", "c"))
    assert trace.input.shape == (3, 40, 30)
    assert trace.input.value.max() > 200
    assert {score.label for score in trace.scores} == {"a", "b", "c"}
    assert convscope.trace(file, "chelsea").input.shape == (3, 24, 24)


def test_half_the_size_loses_the_fourth_digit_and_is_widened_again(tmp_path: Path) -> None:
    text = "input(24x24x3) | conv(64, 5) | batchnorm | gap | dense(2) | softmax"
    whole, half = make(tmp_path / "a.safetensors", text), make(tmp_path / "b.safetensors", text, half=True)
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    assert read(half).layers["conv_1"]["weight"].dtype == np.float16
    assert read(half).layers["conv_1"]["bias"].dtype == np.float32
    assert {array.dtype.name for array in read(half).layers["bn_1"].values()} <= {"float32", "int64"}
    exact, rounded = convscope.trace(whole), convscope.trace(half)
    assert rounded["conv_1"].params["weight"].dtype == np.float32
    assert rounded.scores[0].value == pytest.approx(exact.scores[0].value, abs=2e-3)
    assert rounded.scores[0].value != exact.scores[0].value


def test_numbers_too_large_for_half_stay_whole(tmp_path: Path) -> None:
    model = build(parse(TEXT))
    with torch.no_grad():
        model.conv_1.weight[0, 0, 0, 0] = 1e6
    export_network(tmp_path / "x.safetensors", model, TEXT, ("cat", "dog"), HOW, half=True)
    layers = read(tmp_path / "x.safetensors").layers
    assert (layers["conv_1"]["weight"].dtype, layers["dense_1"]["weight"].dtype) == (np.float32, np.float16)


@pytest.mark.parametrize("where", ["run", "run/network.safetensors"])
def test_the_folder_of_a_training_opens_its_network(tmp_path: Path, where: str) -> None:
    (tmp_path / "run").mkdir()
    make(tmp_path / "run" / "network.safetensors")
    assert convscope.trace(tmp_path / where).about["network"] == "tiny"


def test_a_folder_without_a_network_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no network.safetensors, which a training writes when it ends"):
        convscope.trace(tmp_path)


def test_a_folder_called_like_a_shelf_name_does_not_hide_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lenet-cat").mkdir()
    assert convscope.trace("lenet-cat").about["network"] == "lenet-cat"


def test_names_of_bundled_networks_open_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "zebra.safetensors")
    make(tmp_path / "catdog.safetensors", title="")
    monkeypatch.setattr(networks, "FOLDER", tmp_path)
    networks.names.cache_clear()
    try:
        assert networks.names() == ("catdog", "zebra")
        assert saved_network("zebra") == tmp_path / "zebra.safetensors"
        assert convscope.trace("zebra").about["network"] == "tiny"
        monkeypatch.chdir(tmp_path)
        Path("zebra").mkdir()  # a name means the same in every folder
        assert convscope.trace("zebra").labels == ("cat", "dog")
    finally:
        monkeypatch.undo()
        networks.names.cache_clear()
    assert saved_network("zebra") is None


def test_weights_of_a_training_bring_their_classes_to_a_text_and_to_code(file: Path) -> None:
    by_text = convscope.trace(TEXT, weights=file)
    assert by_text.labels == ("cat", "dog")
    assert by_text.about["calibration"]["samples"] == 4000
    by_code = convscope.trace(build(parse(TEXT), seed=5), weights=file)
    assert by_code.scores == by_text.scores == convscope.trace(file).scores


def test_other_weights_have_no_calibration(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save(build(parse(TEXT), seed=9), other)
    trace = convscope.trace(file, weights=other)
    assert "calibration" not in trace.about
    assert trace.labels == ("cat", "dog")
    assert trace.scores != convscope.trace(file).scores


def test_a_size_for_which_the_weights_do_not_fit_is_refused(tmp_path: Path) -> None:
    flat = make(tmp_path / "flat.safetensors", "input(24x24x3) | conv(2, 3) | flatten | dense(2) | softmax")
    with pytest.raises(
        WeightsError, match=r"'flat.safetensors': its weights do not fit its network at this size: dens"
    ):
        convscope.trace(flat, size=(30, 30))


def test_the_report_is_silent_where_all_is_well(file: Path) -> None:
    told: list[Any] = []
    connect(str(file), lambda _: (3, 24, 24), Options(report=told.append))
    assert told == []
    weights = read(file)
    layers = {**weights.layers, "conv_1": {**weights.layers["conv_1"], "bias": np.full(4, np.nan, np.float32)}}
    save(layers, file, metadata=weights.metadata)
    connect(str(file), lambda _: (3, 24, 24), Options(report=told.append))
    assert told[0].nan == ("conv_1",)


LONG = "x" * 201
BAD: list[tuple[dict[str, Any], str]] = [
    ({"labels": "{"}, "its labels cannot be understood: '{'"),
    ({"labels": '"cat"'}, "its labels cannot be understood"),
    ({"labels": "[]"}, "its labels cannot be understood"),
    ({"labels": '["cat", 1]'}, "its labels cannot be understood"),
    ({"labels": '["cat", "cat"]'}, "its labels cannot be understood"),
    ({"labels": '["cat", ""]'}, "its labels cannot be understood"),
    ({"labels": json.dumps(["cat", LONG])}, "its labels cannot be understood"),
    ({"labels": '["cat", "\\ud800"]'}, "its labels cannot be understood"),
    ({"labels": json.dumps([str(n) for n in range(50_001)])}, "its labels cannot be understood"),
    ({"labels": "[" * 100_000}, "its labels cannot be understood"),
    ({"labels": '["a", "b", "c"]'}, "it names 3 classes and its network answers with 2"),
    ({"preprocessing": "[]"}, "its preprocessing cannot be understood"),
    ({"preprocessing": "{}"}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": [24]}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": [24, 0]}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": [24, true]}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": [99999, 99999]}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": [16384, 16384]}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": [1e3, 24]}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": null, "fit": "bend"}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": null, "fit": ["crop"]}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": null, "channels": 4}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": null, "channels": true}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": null, "channels": 1}'}, "its network takes 3 channels and its preprocessing makes 1"),
    ({"preprocessing": '{"size": null, "scale": "log"}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": null, "scale": [[0, 0], [1, 1]]}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": null, "scale": [[0], [0]]}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": null, "scale": [[NaN], [1]]}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": null, "scale": [[1e400], [1]]}'}, "its preprocessing cannot be understood"),
    ({"preprocessing": '{"size": null, "scale": 5}'}, "its preprocessing cannot be understood"),
    ({"calibration": "1.5"}, "its calibration cannot be understood"),
    ({"calibration": '{"temperature": 1.5}'}, "its calibration cannot be understood"),
    ({"calibration": '{"temperature": 0, "error": 0, "samples": 1}'}, "its calibration cannot be understood"),
    ({"calibration": '{"temperature": NaN, "error": 0, "samples": 1}'}, "its calibration cannot be understood"),
    ({"calibration": '{"temperature": "x", "error": 0, "samples": 1}'}, "its calibration cannot be understood"),
    ({"calibration": '{"temperature": 1, "error": 2, "samples": 1}'}, "its calibration cannot be understood"),
    ({"calibration": '{"temperature": 1, "error": 0, "samples": -1}'}, "its calibration cannot be understood"),
    ({"title": LONG}, "its title has 201 characters, more than 200"),
    ({"card": "x" * 20_001}, "its card has 20,001 characters, more than 20,000"),
    ({"spec": None}, "it holds weights but does not say which network they belong to"),
    ({"other": "x" * 4_000_001}, "what it says of itself has over 4,000,000 characters"),
]


@pytest.mark.parametrize(("texts", "sentence"), BAD, ids=[f"{next(iter(t))}-{i}" for i, (t, _) in enumerate(BAD)])
def test_a_file_that_says_nonsense_is_refused_in_one_sentence(file: Path, texts: Any, sentence: str) -> None:
    with pytest.raises(ModelError) as caught:
        convscope.trace(with_metadata(file, **texts))
    assert str(caught.value).startswith(f"'tiny.safetensors': {sentence}")
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


def test_a_file_whose_network_is_none_is_refused(file: Path) -> None:
    with pytest.raises(SpecError, match="unknown layer 'maxpol'"):
        convscope.trace(with_metadata(file, spec="conv(3, 3) | maxpol(2)"))


def test_what_a_file_says_beyond_is_let_be(file: Path) -> None:
    trace = convscope.trace(with_metadata(file, format="pt", preprocessing=None, labels=None, calibration=None))
    assert trace.input.shape == (3, 24, 24)
    assert trace.labels == ()
    assert "calibration" not in trace.about


def test_export_refuses_what_could_not_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(ModelError, match="it names 3 classes and its network answers with 2"):
        make(path, labels=("a", "b", "c"))
    with pytest.raises(ModelError, match="its labels cannot be understood"):
        make(path, labels=("cat", "cat"))
    with pytest.raises(ModelError, match=r"the weights are not those of the network's text: 'bn_1.bias' is \(4,\) in"):
        export_network(path, build(parse(TEXT)), TEXT.replace("batchnorm | ", ""), ("cat", "dog"), HOW)
    assert list(tmp_path.iterdir()) == []


def test_weights_of_code_are_saved_without_a_text(tmp_path: Path) -> None:
    path = tmp_path / "code.safetensors"
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    export_network(path, model, None, ("cat", "dog"), replace(HOW, size=(30, 20)))
    trace = convscope.trace(model, weights=path)
    assert (trace.input.shape, trace.labels) == ((3, 30, 20), ("cat", "dog"))


def test_see_keeps_what_the_network_said(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as done:
        cli.main(["see", "--model", str(file), "--no-html", "--layer", "dense_1", "--out", "seen"])
    assert done.value.code == 0
    again = convscope.trace("seen/weights.safetensors")
    assert again.scores == convscope.trace(file).scores
    assert again.about["calibration"]["temperature"] == 1.7


def test_names_from_a_file_do_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = make(tmp_path / "x.safetensors", labels=("\x1b[31mcat", "dog\u202e"), title="\x1b]0;owned\x07")
    for command in (["see", "--no-html", "--layer", "dense_1"], ["predict", "chelsea", "--top", "2"]):
        with pytest.raises(SystemExit) as done:
            cli.main([*command, "--model", str(file)])
        out, err = capsys.readouterr()
        assert (done.value.code, err) == (0, "")
        assert all(line.isprintable() for line in out.splitlines())
        assert r"\x1b[31mcat" in out


# One sigmoid for two classes


def binary(bias: float, **more: Any) -> Trace:
    return convscope.trace(f"conv(4, 3) | relu | gap | dense(1, bias_init={bias}) | sigmoid", size=24, **more)


@pytest.mark.parametrize(("bias", "best"), [(-4, "cat"), (4, "dog")])
def test_one_sigmoid_answers_for_two_classes(bias: float, best: str) -> None:
    trace = binary(bias, labels=("cat", "dog"))
    likely = float(trace.steps[-1].value[0])
    assert trace.binary
    assert {score.label: score.value for score in trace.scores} == {"cat": 1 - likely, "dog": likely}
    assert {score.label: score.index for score in trace.scores} == {"cat": 0, "dog": 1}
    assert trace.scores[0].label == best
    assert math.fsum(score.value for score in trace.scores) == 1


def test_the_two_classes_are_there_again_in_the_file(tmp_path: Path) -> None:
    trace = binary(-4, labels=("cat", "dog"))
    for compact in (False, True):
        trace.save(tmp_path / "trace.safetensors", compact=compact)
        again = convscope.load(tmp_path / "trace.safetensors")
        assert again.binary
        assert [score.label for score in again.scores] == ["cat", "dog"]


def test_without_two_names_one_sigmoid_is_one_number() -> None:
    for labels in ((), ("dog",)):
        trace = binary(-4, labels=labels)
        assert not trace.binary
        assert len(trace.scores) == 1
    assert not convscope.trace("gap | dense(2) | sigmoid", labels=("a", "b"), size=8).binary
    with pytest.raises(ModelError, match="3 classes are named and the network answers with 1 number; name as many"):
        binary(-4, labels=("a", "b", "c"))


def test_contributions_to_the_first_class_are_those_to_the_second_turned_round() -> None:
    from convscope.contribution import contributions

    trace = binary(-4, labels=("cat", "dog"))
    first, second, likeliest = contributions(trace, 0), contributions(trace, 1), contributions(trace)
    assert likeliest.target == 0
    weights = trace["dense_1"].params["weight"][0]
    for name in ("conv_1", "relu_1", "gap_1"):
        np.testing.assert_array_equal(first.channels[name], -second.channels[name])
        np.testing.assert_array_equal(first.channels[name], likeliest.channels[name])
    expected = weights * trace["relu_1"].value.mean((1, 2))
    np.testing.assert_allclose(second.channels["relu_1"], expected, rtol=1e-4, atol=1e-7)
    with pytest.raises(CallError, match="class 2 does not exist; the network has 2, numbered from 0"):
        contributions(trace, 2)


def test_a_page_of_two_classes_ranks_one_number() -> None:
    from convscope.page.overview import overview_parts
    from convscope.page.ranking import channel_orders

    trace = binary(4, labels=("cat", "dog"))
    orders = channel_orders(trace, overview_parts(trace, 32, {})[1])
    assert all(sorted(order) == list(range(len(trace.steps[i].value))) for i, order in orders.items())


def test_every_network_that_comes_along_has_its_card_and_they_are_small() -> None:
    files = sorted(networks.FOLDER.glob("*.safetensors"))
    assert (
        {path.stem for path in files} == set(networks.names()) == {path.stem for path in networks.FOLDER.glob("*.md")}
    )
    assert sum(path.stat().st_size for path in files) < 4e6


def test_summary_tells_of_a_networks_file_without_running_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = "conv(4, 3) | gap | dense(2) | softmax"
    spec = parse(grey)
    path = tmp_path / "grey.safetensors"
    how = Preprocessing((28, 20), channels=1)
    export_network(path, build(spec, (1, 28, 20)), spec, ("cat", "dog"), how, title="grey\x1b[31m")
    monkeypatch.setattr("convscope.tracing.trace", lambda *_: pytest.fail("it was run"))
    with pytest.raises(SystemExit) as done:
        cli.main(["summary", "--model", str(path)])
    out, err = capsys.readouterr()
    assert (done.value.code, err) == (0, "")
    assert out.startswith(r"grey\x1b[31m, input 28x20x1")
    assert "(3*3*1+1)*4 = 40" in out
