"""PyTorch's own files: what is in them, read without running them, and opened where they are trusted."""

from __future__ import annotations

import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from convscope.adapters import Options, connect
from convscope.adapters.torch import TorchNetwork
from convscope.data.fashion_mnist import read_part
from convscope.errors import ModelError, WeightsError
from convscope.image import open_image
from convscope.network import Network
from convscope.record import record
from convscope.weights import load_into, read

SHAPE = (3, 16, 16)

pytestmark = pytest.mark.filterwarnings(  # what PyTorch says to those who write its older files
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)


def opened(model: object, **options: object) -> Network:
    return connect(model, lambda asked: (asked.channels, 16, 16), Options(**options))


class Small(nn.Module):
    """A convolution, a normalisation with numbers of its own, a branch and a sum."""

    def __init__(self, *, channels: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(channels, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU6(inplace=True))
        self.branch = nn.Conv2d(6, 6, 1)
        self.fc = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.stem(x)
        y = torch.max_pool2d(torch.cat([y + self.branch(y), y], 1)[:, :6], 2)
        return torch.softmax(self.fc(y.mean((2, 3)).view(y.size(0), -1)), 1)


@pytest.fixture
def small() -> Small:
    torch.manual_seed(3)
    model = Small()
    with torch.no_grad():
        model(torch.rand(8, *SHAPE))  # running statistics that are not 0 and 1
    return model.eval()


def answer(network: Network, value: np.ndarray) -> np.ndarray:
    trace = record(network, value)
    assert trace.output is not None
    return trace.output.value


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "before 1.6"])
def test_tensors_are_those_that_pytorch_reads(tmp_path: Path, legacy: bool) -> None:
    """Every type of numbers, views into shared storages, transposed and empty ones."""
    shared = torch.randn(40)
    state = OrderedDict(
        {
            "a.weight": torch.randn(2, 3, 3, 3),
            "a.bias": torch.randn(2).half(),
            "b.weight": torch.randn(4, 5).t(),
            "c.view": shared[3:27].view(4, 6)[:, ::2],
            "c.other": shared,
            "d.int": torch.arange(5),
            "d.byte": torch.tensor([1, 255], dtype=torch.uint8),
            "d.bool": torch.tensor([True, False]),
            "d.double": torch.randn(3, dtype=torch.float64),
            "d.half": torch.randn(3).bfloat16(),
            "d.complex": torch.randn(2, dtype=torch.complex64),
            "e.number": torch.tensor(2.5),
            "e.empty": torch.empty(0, 3),
        }
    )
    path = tmp_path / "w.pth"
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    weights = read(path)
    oracle = torch.load(path, weights_only=True)
    found = {f"{layer}.{name}": array for layer, params in weights.layers.items() for name, array in params.items()}
    assert list(found) == list(oracle)
    for name, tensor in oracle.items():
        expected = tensor.float() if tensor.dtype is torch.bfloat16 else tensor
        np.testing.assert_array_equal(found[name], expected.numpy())
        assert found[name].dtype == expected.numpy().dtype


def test_newer_types_of_numbers(tmp_path: Path) -> None:
    tensors = {
        "a.small": torch.randn(4).to(torch.float8_e4m3fn),
        "a.short": torch.tensor([1, 65535], dtype=torch.uint16),
    }
    torch.save(tensors, tmp_path / "w.pt")
    layer = read(tmp_path / "w.pt").layers["a"]
    np.testing.assert_array_equal(layer["small"], tensors["a.small"].float().numpy())
    assert layer["short"].tolist() == [1, 65535]


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: {"state_dict": state, "epoch": 3, "best": torch.tensor(0.9)},
        lambda state: {"model_state_dict": state, "optimizer_state_dict": {"state": {0: {"exp": torch.ones(2)}}}},
        lambda state: {"model": {"net": state}, "args": print},
        lambda state: {f"module.{name}": value for name, value in state.items()},
        lambda state: {"state_dict": {f"model._orig_mod.{name}": value for name, value in state.items()}},
        lambda state: {"ema": state},
    ],
    ids=["state_dict", "with optimizer", "nested", "module.", "compiled", "averaged"],
)
def test_wrappers_and_prefixes(tmp_path: Path, small: Small, wrapped: object) -> None:
    torch.save(wrapped(small.state_dict()), tmp_path / "w.pt")
    other = Small()
    report = load_into(other, tmp_path / "w.pt")
    assert set(report.taken) == {"stem.0", "stem.1", "branch", "fc"}
    assert not report.missing
    assert not report.mismatched
    for mine, theirs in zip(small.state_dict().values(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)


def test_what_was_left_out_of_names_is_said(tmp_path: Path, small: Small) -> None:
    torch.save({f"module.{name}": value for name, value in small.state_dict().items()}, tmp_path / "w.pt")
    assert "Names in the file begin with 'module.', which was left out." in str(load_into(Small(), tmp_path / "w.pt"))


def test_a_prefix_that_the_network_has_stays(tmp_path: Path, small: Small) -> None:
    outer = nn.ModuleDict({"module": small})
    torch.save(outer.state_dict(), tmp_path / "w.pt")
    report = load_into(nn.ModuleDict({"module": Small()}), tmp_path / "w.pt")
    assert report.prefix == ""
    assert len(report.taken) == 4


def test_without_a_common_name_layers_are_taken_in_order(tmp_path: Path, small: Small) -> None:
    torch.save(
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)).state_dict(), tmp_path / "w.pt"
    )
    told = []
    network = connect(
        "conv(4, 3) | relu | flatten | dense(3)",
        lambda _: (1, 4, 4),
        Options(weights=tmp_path / "w.pt", report=told.append),
    )
    state = torch.load(tmp_path / "w.pt", weights_only=True)
    assert isinstance(network, TorchNetwork)
    found = list(network.model.state_dict().values())
    for mine, theirs in zip(found, state.values(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    assert "taken in order: 0 as conv_1, 3 as dense_1" in str(told[0])
    with pytest.raises(WeightsError, match="no layer of the file fits: it has 0, 3, the network has"):
        connect("conv(5, 3) | relu | flatten | dense(3)", lambda _: (1, 4, 4), Options(weights=tmp_path / "w.pt"))


# --- files as networks -----------------------------------------------------------------------------------------------


def test_weights_alone_are_no_network(tmp_path: Path, small: Small) -> None:
    torch.save({"state_dict": small.state_dict()}, tmp_path / "w.pth")
    with pytest.raises(
        ModelError, match=r"'w.pth': it holds 11 tensors \(stem.0.weight, .*\) but not the network; say"
    ):
        opened(tmp_path / "w.pth")


def test_weights_with_an_architecture(tmp_path: Path, small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = types.ModuleType("small_for_test")
    holder.Small = Small
    monkeypatch.setitem(sys.modules, "small_for_test", holder)
    torch.save(small.state_dict(), tmp_path / "w.pth")
    network = opened("small_for_test:Small", weights=tmp_path / "w.pth")
    value = np.random.default_rng(0).random(SHAPE, np.float32)
    expected = small(torch.from_numpy(value)[None])[0].detach().numpy()
    np.testing.assert_allclose(answer(network, value), expected, atol=1e-6)


def whole(path: Path) -> Path:
    torch.save(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()), path)
    return path


def scripted(path: Path, model: nn.Module) -> Path:
    torch.jit.save(torch.jit.script(model), path)
    return path


WHOLE = (
    r"it is a whole network as a pickle, and loading it runs code of the file's choosing \(it asks for "
    r"torch.nn.modules.container.Sequential\); open it with --trust \(trust=True\) if you know who made it, or take "
    "only its numbers, which runs nothing: --net SPEC --weights FILE"
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path, _: whole(path), WHOLE),
        (scripted, "it is TorchScript, a program, .* open it with --trust"),
        (
            lambda path, model: torch.export.save(torch.export.export(model, (torch.rand(2, *SHAPE),)), path),
            "it is a program of torch.export, .* open it with --trust",
        ),
    ],
    ids=["whole", "script", "program"],
)
def test_what_runs_code_is_refused(tmp_path: Path, small: Small, make: object, message: str) -> None:
    path = tmp_path / "net.pt2"
    make(path, small)
    with pytest.raises(ModelError, match=message):
        opened(path)


def test_a_refused_file_is_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(*_: object, **__: object) -> None:
        raise AssertionError("the file was loaded")

    path = whole(tmp_path / "net.pt")
    monkeypatch.setattr(torch, "load", loaded)
    with pytest.raises(ModelError, match="--trust"):
        opened(path)
    assert set(read(path).layers) == {"0"}


def test_a_trusted_module_is_opened_as_it_is(tmp_path: Path) -> None:
    network = opened(whole(tmp_path / "net.pt"), trust=True)
    trace = record(network, np.zeros(SHAPE, np.float32))
    assert [step.name for step in trace] == ["input", "0", "1"]
    assert network.about["format"] == "PyTorch module, pickled whole"
    assert "0..1 is a guess" in network.about["notes"][0]


@pytest.mark.parametrize("form", ["script", "traced", "program"])
def test_programs_run_one_operation_at_a_time(tmp_path: Path, small: Small, form: str) -> None:
    """Same answer, names of the layers, arithmetic, and gradients: as the module itself."""
    path = tmp_path / "net.pt2"
    if form == "program":
        torch.export.save(torch.export.export(small, (torch.rand(2, *SHAPE),)), path)
    elif form == "script":
        scripted(path, small)
    else:
        torch.jit.save(torch.jit.trace(small, torch.rand(1, *SHAPE)), path)
    network = opened(path, trust=True)
    value = np.random.default_rng(0).random(SHAPE, np.float32)
    trace = record(network, value)
    own = record(TorchNetwork(small), value)
    assert trace.output is not None
    assert own.output is not None
    np.testing.assert_allclose(trace.output.value, own.output.value, atol=1e-6)
    kinds = [step.kind for step in trace]
    assert [kind for kind in kinds if kind not in {"flatten", "reshape"}] == [
        "input", "conv2d", "batch_norm", "relu6", "conv2d", "add", "cat", "slice",
        "max_pool2d", "mean", "linear", "softmax",
    ]  # fmt: skip
    assert {"stem.0", "stem.1", "branch", "fc"} <= {step.name for step in trace}
    for step in trace.steps[1:]:
        at = tuple(size // 2 for size in step.shape)
        terms = step.pixel(*at) if step.value.ndim == 3 else step.pixel(at[0])
        np.testing.assert_allclose(terms.result, step.value[at], atol=1e-4)
    gradients = network.taps(value).run(torch.from_numpy(value)[None], [trace.output.name], [trace.steps[1].name])
    assert gradients[trace.output.name].requires_grad


def test_a_script_that_steers_by_its_values(tmp_path: Path) -> None:
    class Steered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            x = self.conv(x)
            for _ in range(2):
                x = torch.tanh(x) if x.mean() > 100 else torch.relu(x)
            return x.flatten(1)

    torch.manual_seed(1)
    model = Steered()
    network = opened(scripted(tmp_path / "net.pt", model), trust=True)
    value = np.random.default_rng(0).random(SHAPE, np.float32)
    expected = model(torch.from_numpy(value)[None])[0].detach().numpy()
    np.testing.assert_allclose(answer(network, value), expected, atol=1e-6)


def test_a_script_beyond_us_is_one_step_and_says_so(tmp_path: Path) -> None:
    class Lists(nn.Module):
        def forward(self, x):
            found = [x]
            for _ in range(2):
                found.append(x * 2)  # noqa: PERF401 - TorchScript's own
            return torch.cat(found, 1).mean((2, 3))

    told = []
    network = opened(scripted(tmp_path / "net.pt", Lists()), trust=True, tell=told.append)
    trace = record(network, np.ones(SHAPE, np.float32))
    np.testing.assert_allclose(trace.output.value, [1, 1, 1, 2, 2, 2, 2, 2, 2])
    assert "its operation append is not known here, so the whole network is one step" in told


def test_weights_have_no_place_in_a_program(tmp_path: Path, small: Small) -> None:
    path = scripted(tmp_path / "net.pt", small)
    torch.save(small.state_dict(), tmp_path / "w.pt")
    with pytest.raises(ModelError, match="a program with its own weights, which no others can replace"):
        opened(path, trust=True, weights=tmp_path / "w.pt")


def test_a_pickle_whose_class_is_elsewhere(shared_data: Path) -> None:
    path = shared_data / "models" / "torch" / "GundarapuAnusha__WHOLE_MODEL_PICKLE.pth"
    with pytest.raises(ModelError, match=r"it is a whole network as a pickle, .*it asks for model.CNN"):
        opened(path)
    with pytest.raises(
        ModelError, match=r"its code is not here: No module named 'model'; start where model.CNN can be"
    ):
        opened(path, trust=True)


def test_other_files_are_told_apart(tmp_path: Path) -> None:
    for content, message in (
        (b"<!DOCTYPE html><p>gone", "this is a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "an HDF5 file, not one of PyTorch's"),
        (b"\x80\x04\x95", "this is a pickle, which can run code"),
        (bytes(8) + b"{}", "weights in safetensors"),
    ):
        (tmp_path / "net.pt").write_bytes(content)
        with pytest.raises((ModelError, WeightsError), match=message):
            opened(tmp_path / "net.pt", trust=True)
    with zipfile.ZipFile(tmp_path / "net.pt", "w") as archive:
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(ModelError, match="this zip archive is none of PyTorch's"):
        opened(tmp_path / "net.pt")


# --- strangers' files ------------------------------------------------------------------------------------------------


def test_a_strangers_classifier_has_its_accuracy(shared_data: Path) -> None:
    """No name fits and every shape does, layer by layer; its manifest says 0.9084 of the 10,000 test pictures."""
    folder = Path("/usr/share/datasets/fashion-mnist")
    if not folder.is_dir():
        pytest.skip("needs the Debian package dataset-fashion-mnist")
    test = read_part(folder, "test")
    spec = (
        "input(28x28x1) | conv(16, 4, stride=2, padding=1) | relu | conv(32, 4, stride=2, padding=1) | relu | flatten "
        "| dense(100) | relu | dense(10)"
    )
    file = shared_data / "models" / "torch" / "ch-yun-01__fashion_mnist_cnn.pth"
    network = connect(spec, lambda _: (1, 28, 28), Options(weights=file))
    pictures = torch.from_numpy((test.images[..., 0] / np.float32(255) - 0.286) / 0.353).float()[:, None]
    with torch.inference_mode():
        found = network.model(pictures).argmax(1).numpy()
    assert np.mean(found == test.labels) == pytest.approx(0.9084, abs=0.002)


def test_torchscript_of_a_stranger(shared_data: Path) -> None:
    path = shared_data / "models" / "torch" / "matthieu-sgi__mnist_cnn.pt"
    network = connect(path, lambda _: (1, 28, 28), Options(trust=True))
    value = np.random.default_rng(0).random((1, 28, 28), np.float32)
    trace = record(network, value)
    oracle = torch.jit.load(str(path)).eval()(torch.from_numpy(value)[None])
    np.testing.assert_allclose(trace.output.value, oracle[0].detach().numpy().reshape(trace.output.shape), atol=1e-5)
    assert sum(step.kind == "conv2d" for step in trace) == 12


def test_photos_reach_a_file_as_its_text_says(tmp_path: Path) -> None:
    whole(tmp_path / "net.pt")
    (tmp_path / "net.toml").write_text(
        'title = "Two"\n[preprocessing]\nsize = 8\nmean = 0.5\nstd = 0.25\nfit = "crop"\n'
    )
    told = []
    network = connect(tmp_path / "net.pt", lambda _: (3, 8, 8), Options(trust=True, tell=told.append))
    assert (network.title, told) == ("Two", [])
    trace = record(network, open_image("chelsea"))
    assert trace.input.shape == (3, 8, 8)
    assert trace.input.value.min() >= -2
    assert trace.input.value.max() <= 2
