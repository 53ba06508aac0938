"""Which door a reference goes through, and whose word counts: the caller's, the text beside a file, the file's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import convscope
from convscope.adapters import Options, connect, doors
from convscope.adapters.brought import Brought
from convscope.adapters.sidecar import Sidecar, read_labels
from convscope.adapters.torch import TorchNetwork
from convscope.app.cli import main
from convscope.app.opening import parsed_labels, parsed_scale
from convscope.errors import CallError, ModelError, WeightsError
from convscope.network import Network, Preprocessing, Run
from convscope.record import record
from convscope.weights import save

SIDE = 8


def opened(model: Any, **options: Any) -> Network:
    return connect(model, lambda asked: (asked.channels, *(asked.size or (SIDE, SIDE))), Options(**options))


def classifier(classes: int = 3, channels: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes)
    )


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A door for ``.onnx`` that gives what a test puts into ``brought``, and remembers what it was asked."""
    asked: dict[str, Any] = {"brought": Brought(classifier())}

    class Door:
        @staticmethod
        def open_file(path: Path, options: Options) -> Brought:
            asked.update(path=path, options=options)
            if isinstance(asked["brought"], Exception):
                raise asked["brought"]
            return asked["brought"]

        open_model = open_file

    monkeypatch.setattr(doors, "_door", lambda name: asked.update(door=name) or Door)
    return asked


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"anything")
    return path


# --- which door ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.keras", "keras"),
        ("a.H5", "keras"),
        ("b (1).onnx", "onnx"),
        ("c.pth", "torchfile"),
        ("d.pth.tar", "torchfile"),
    ],
)
def test_the_ending_chooses(door: dict[str, Any], tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    for reference in (tmp_path / name, str(tmp_path / name)):
        opened(reference, trust=True)
        assert (door["door"], door["path"], door["options"].trust) == (expected, tmp_path / name, True)


def test_a_live_model_of_keras_is_told_by_its_class(door: dict[str, Any]) -> None:
    kind = type("Model", (nn.Module,), {"__module__": "keras.src.models.model"})
    opened(type("Mine", (kind,), {})())
    assert door["door"] == "keras"


def test_a_function_may_return_such_a_model(
    door: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_for_doors.py").write_text(
        "class Model: pass\nModel.__module__ = 'keras.src'\ndef make():\n    return Model()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    opened("mine_for_doors:make")
    assert door["door"] == "keras"


@pytest.mark.parametrize("reference", ["conv(3, 3) | relu", "lenet-5", "catdog"])
def test_everything_else_goes_where_it_went(door: dict[str, Any], reference: str) -> None:
    opened(reference)
    assert "door" not in door


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no file '.*gone.onnx'; check the path"):
        opened(tmp_path / "gone.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ModelError, match=r"holds no network.safetensors"):
        opened(tmp_path / "folder.onnx")
    with pytest.raises(convscope.errors.SpecError):
        opened("conv(3, 3) | relu(\n.onnx")


def test_an_error_names_the_file_once(door: dict[str, Any], file: Path) -> None:
    for error, message in (
        (ModelError("it is odd"), r"^'net.onnx': it is odd$"),
        (WeightsError("'net.onnx': it is odd"), r"^'net.onnx': it is odd$"),
        (
            ZeroDivisionError("by\nnothing"),
            r"^'net.onnx': it cannot be opened \(ZeroDivisionError: by nothing\); it is",
        ),
        (
            RecursionError("x" * 999),
            r"^'net.onnx': it cannot be opened \(RecursionError: x{160}\.\.\.\); it is damaged",
        ),
    ):
        door["brought"] = error
        with pytest.raises((ModelError, WeightsError), match=message):
            opened(file)


def test_nothing_is_imported_for_a_framework_that_is_not_used() -> None:
    program = (
        "import sys, convscope.adapters.doors as d\nfrom convscope.adapters.options import Options\n"
        "assert d.through_a_door('lenet-5', Options()) is None\n"
        "print(*{'keras', 'onnx', 'onnxruntime', 'timm', 'torchvision', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_package_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_for_doors.py").write_text("raise RuntimeError('operator nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ModelError, match=r"installed but cannot be imported: operator nms does not exist; install a version that fits"
    ):
        doors.package("broken_for_doors", extra="timm", purpose="timm:x")


# --- whose word counts -----------------------------------------------------------------------------------------------


def test_a_guess_is_called_a_guess(door: dict[str, Any], file: Path) -> None:
    sizes = Preprocessing((5, 6))
    for brought, said in (
        (Brought(classifier()), False),
        (Brought(classifier(), preprocessing=sizes, scale_known=False), False),
        (Brought(classifier(), preprocessing=sizes), True),
    ):
        door["brought"] = brought
        told: list[str] = []
        network = opened(file, tell=told.append)
        assert ("0..1 is a guess" in " ".join(told)) is not said
        assert ("notes" in network.about) is not said
        told.clear()
        opened(file, tell=told.append, scale="byte")
        assert told == []


def test_flags_before_the_text_before_the_file(door: dict[str, Any], file: Path) -> None:
    door["brought"] = Brought(
        classifier(), "Own", Preprocessing((9, 9), "pad", scale="byte"), ("x", "y", "z"), {"format": "F"}, ("careful",)
    )
    network = opened(file)
    assert (network.title, network.labels) == ("Own", ("x", "y", "z"))
    assert network.preprocessing == Preprocessing((9, 9), "pad", scale="byte")
    assert network.about == {"format": "F", "notes": ["careful"]}
    (file.parent / "net.toml").write_text(
        'title = "Beside"\nlabels = "names.txt"\n'
        "[preprocessing]\nsize = [7, 6]\nmean = [0.1, 0.2, 0.3]\nstd = [1, 1, 1]\n"
    )
    (file.parent / "names.txt").write_text("\ufeffant\nbee \ncat\n\n", encoding="utf-8")
    network = opened(file)
    assert (network.title, network.labels) == ("Beside", ("ant", "bee", "cat"))
    assert network.preprocessing == Preprocessing((7, 6), "pad", scale=((0.1, 0.2, 0.3), (1.0, 1.0, 1.0)))
    network = opened(file, size=(3, 4), scale="unit", fit="crop", labels=("1", "2", "3"), title="Mine")
    assert (network.title, network.labels) == ("Mine", ("1", "2", "3"))
    assert network.preprocessing == Preprocessing((3, 4), "crop", scale="unit")


def test_text_beside_weights(tmp_path: Path) -> None:
    torch.save(classifier().state_dict(), tmp_path / "w.pth")
    (tmp_path / "w.toml").write_text('labels = ["ant", "bee", "cat"]\n[preprocessing]\nsize = 12\nscale = "imagenet"\n')
    spec = "0: conv(4, 3) | relu | gap | 4: dense(3)"
    network = opened(spec.replace("0:", "c:").replace("4:", "d:"), weights=tmp_path / "w.pth")
    assert network.labels == ("ant", "bee", "cat")
    assert network.preprocessing == Preprocessing((12, 12), scale="imagenet")
    network = opened(classifier(), weights=tmp_path / "w.pth")
    assert network.labels == ("ant", "bee", "cat")
    assert network.preprocessing == Preprocessing((12, 12), scale="imagenet")


def test_an_open_network_is_run_as_asked() -> None:
    model = classifier()
    network = TorchNetwork(model, labels=("a", "b", "c"), preprocessing=Preprocessing((8, 8)))
    assert opened(network) is network
    other = opened(network, scale="byte", fit="crop", labels=("1", "2", "3"))
    assert isinstance(other, TorchNetwork)
    assert other.model is model
    assert other.preprocessing == Preprocessing((8, 8), "crop", scale="byte")
    assert other.labels == ("1", "2", "3")
    assert network.preprocessing.scale == "unit"


class Given:
    """A network of another kind, without gradients."""

    title, labels, about = "given", (), {"made": "elsewhere"}
    preprocessing = Preprocessing()

    def run(self, value: Any, *, memory: int = 0, watch: Any = None) -> Run:
        return Run()


def test_a_network_without_a_module(door: dict[str, Any], file: Path, tmp_path: Path) -> None:
    door["brought"] = Brought(
        Given(), "G", Preprocessing((4, 4), channels=1), ("a",), {"format": "F"}, ("no gradients",)
    )
    network = opened(file)
    assert (network.title, network.labels) == ("G", ("a",))
    assert network.preprocessing == Preprocessing((4, 4), channels=1)
    assert network.about == {"made": "elsewhere", "format": "F", "notes": ["no gradients"]}
    save(classifier(), tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="G is no PyTorch module that weights could be put into; leave them out"):
        opened(file, weights=tmp_path / "w.safetensors")


def test_as_many_names_as_answers() -> None:
    for count in (2, 4):
        network = TorchNetwork(classifier(3), labels=tuple("abcd"[:count]))
        with pytest.raises(
            ModelError, match=f"{count} classes are named and the network answers with 3 numbers; name as"
        ):
            record(network, np.zeros((3, SIDE, SIDE), np.float32))
    one = nn.Sequential(classifier(1), nn.Sigmoid())
    assert record(TorchNetwork(one, labels=("cat", "dog")), np.zeros((3, SIDE, SIDE), np.float32)).labels


# --- what people write -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("labels = [", "'net.toml': it is no TOML"),
        ("a = " + "[" * 100_000, "'net.toml': it is no TOML"),
        ("label = ['a']", "'label' is unknown; it may say labels, preprocessing, title"),
        ("labels = ['a', 'a']", "the label 'a' is there twice"),
        ("labels = []", "labels is .*; write at most 50,000 texts"),
        ("labels = [1, 2]", "write at most 50,000 texts"),
        ("labels = '../../etc/passwd'", "write the name of a file beside this one"),
        ("labels = '/etc/passwd'", "write the name of a file beside this one"),
        ("labels = 'gone.txt'", "'gone.txt': it cannot be read: No such file"),
        ("preprocessing = 3", r"preprocessing is 3; write a section \[preprocessing\]"),
        ("[preprocessing]\nfoo = 1", r"'foo' in \[preprocessing\] is unknown; it may say channels, crop, fit"),
        ("[preprocessing]\nsize = [0, 4]", r"size is \[0, 4\]; write \[height, width\]"),
        ("[preprocessing]\nsize = 1e9", "write .height, width. in pixels"),
        ("[preprocessing]\nsize = [9999, 9999]", "write .height, width. in pixels"),
        ("[preprocessing]\nchannels = 4", "channels is 4; write 1 for grey or 3 for RGB"),
        ("[preprocessing]\nfit = 'zoom'", "fit is 'zoom'; write stretch, crop or pad"),
        ("[preprocessing]\ncrop = 2", "crop is 2; write the share of the middle"),
        ("[preprocessing]\nscale = 'huge'", "the scale is 'huge'; write scale = 'unit'"),
        ("[preprocessing]\nscale = [1]", r"the scale is \[1\]; write"),
        ("[preprocessing]\nmean = 0.5", "mean and std belong together"),
        ("[preprocessing]\nmean = 0.5\nstd = 0", "the scale is .0.5, 0."),
        ("[preprocessing]\nmean = nan\nstd = 1", "the scale is .nan, 1."),
        ("[preprocessing]\nmean = 1\nstd = 1\nscale = 'unit'", "scale and mean, std say the same thing in two ways"),
        ("title = 7", "title is 7; write a text of at most 200 characters"),
    ],
)
def test_nonsense_beside_a_file(door: dict[str, Any], file: Path, text: str, message: str) -> None:
    (file.parent / "net.toml").write_text(text)
    with pytest.raises(ModelError, match=message) as caught:
        opened(file)
    assert str(caught.value).startswith("'net.toml': ")
    assert "\n" not in str(caught.value)


def test_labels_from_files(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match=r"'bad.txt': it is no UTF-8 text"):
        read_labels(tmp_path / "bad.txt")
    (tmp_path / "long.txt").write_bytes(b"a" * 5_000_000)
    with pytest.raises(ModelError, match="it has over 4,000,000 bytes"):
        read_labels(tmp_path / "long.txt")
    (tmp_path / "good.txt").write_text("cat\r\ndog\r\n")
    assert parsed_labels(str(tmp_path / "good.txt")) == ("cat", "dog")
    for text in ("cat", "cat,,dog", "cat,cat", ""):
        with pytest.raises(CallError, match="is neither a file nor a list; give a text file"):
            parsed_labels(text)


@pytest.mark.parametrize("text", ["huge", "1/", "/1", "1/0", "a/b", "1,2/3,4", "nan/1", "1/2/3", "1/-1"])
def test_scales_that_are_none(text: str) -> None:
    with pytest.raises(
        CallError, match=r"is unknown; it is one of unit, byte, imagenet, or MEAN/STD of values in 0\.\.1"
    ):
        parsed_scale(text)


def test_a_sidecar_is_no_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "net.toml").write_text("title = 'x'")
    assert Sidecar.beside(tmp_path / "net.toml") == Sidecar()
    assert Sidecar.beside(tmp_path / "net.onnx").title == "x"


# --- the command line ------------------------------------------------------------------------------------------------


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_a_trusted_file_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(classifier(), "net.pt")
    status, _, err = typed(capsys, "predict", "chelsea", "--model", "net.pt")
    assert (status, err.count("--trust")) == (2, 1)
    asked = ("--model", "net.pt", "--trust", "--labels", "ant,bee,cat", "--fit", "crop", "--size", "16", "--json")
    status, out, err = typed(capsys, "predict", "chelsea", *asked)
    assert status == 0, err
    assert err.count("0..1 is a guess") == 1
    assert {score["label"] for score in json.loads(out)["predictions"][0]["scores"]} == {"ant", "bee", "cat"}
    status, out, err = typed(capsys, "see", "chelsea", *asked, "--scale", "0.5/0.5", "--no-html")
    assert (status, err) == (0, "")
    assert "cropped to 16x16" in str(json.loads(out)["image"]["notes"])
    status, out, _ = typed(capsys, "summary", "--model", "net.pt", "--trust", "--input", "16x16x3", "--json")
    assert (status, json.loads(out)["total_params"]) == (0, 3 * 4 * 9 + 4 + 4 * 3 + 3)
    status, _, err = typed(capsys, "see", "chelsea", "--model", "net.pt", "--trust", "--fit", "zoom")
    assert (status, err) == (2, "convscope: --fit 'zoom' is unknown; it is one of stretch, crop, pad\n")


def test_trust_in_python(tmp_path: Path) -> None:
    torch.save(classifier(), tmp_path / "net.pt")
    trace = convscope.trace(tmp_path / "net.pt", "chelsea", size=SIDE, trust=True)
    assert "0..1 is a guess" in trace.about["notes"][0]
    found = convscope.predict(tmp_path / "net.pt", "chelsea", size=SIDE, trust=True, labels=("a", "b", "c"))
    assert found[0].label in {"a", "b", "c"}
    explained = convscope.explain(tmp_path / "net.pt", "chelsea", size=SIDE, trust=True, evidence=False)
    assert explained.map.layer in {"0", "1"}
