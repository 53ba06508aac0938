"""Saving, reading and assigning weights by layer name."""

import inspect
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from convscope.errors import OutputError, WeightsError
from convscope.weights import Mismatch, Report, Weights, assign, load_into, read, save


def network(**layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(layers))


def state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def unchanged(module: nn.Module, before: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def short() -> nn.Sequential:
    return network(conv_1=nn.Conv2d(3, 3, 3), pool=nn.MaxPool2d(3), relu=nn.ReLU())


def long() -> nn.Sequential:
    return network(
        conv_1=nn.Conv2d(3, 3, 3), pool=nn.MaxPool2d(3), relu=nn.ReLU(), conv_2=nn.Conv2d(3, 3, 3),
        flat=nn.Flatten(), dens_1=nn.Linear(3, 8),
    )  # fmt: skip


def test_a_growing_network_keeps_what_it_had(tmp_path: Path) -> None:
    first, grown = short(), long()
    before = state(grown)
    save(first, tmp_path / "first.safetensors")
    report = load_into(grown, tmp_path / "first.safetensors")
    assert report == Report(taken=("conv_1",), missing=("conv_2", "dens_1"))
    assert torch.equal(grown.conv_1.weight, first.conv_1.weight)
    assert torch.equal(grown.conv_1.bias, first.conv_1.bias)
    assert torch.equal(grown.conv_2.weight, before["conv_2.weight"])
    assert str(report) == (
        "1 layer took its weights from the file: conv_1.\n"
        "2 layers are not in the file and stay as they were: conv_2, dens_1."
    )


def test_a_shrunk_network_says_what_it_left(tmp_path: Path) -> None:
    save(long(), tmp_path / "long.safetensors")
    report = load_into(short(), tmp_path / "long.safetensors")
    assert report == Report(taken=("conv_1",), unused=("conv_2", "dens_1"))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.ModuleList([nn.ModuleDict({"conv1": nn.Conv2d(2, 2, 1), "bn": nn.BatchNorm2d(2)})])
        self.register_buffer("table", torch.arange(5))
        self.scale = nn.Parameter(torch.rand(()))


def test_any_module_round_trips(tmp_path: Path) -> None:
    one, two = Block(), Block()
    one.layer1[0]["bn"](one.layer1[0]["conv1"](torch.rand(4, 2, 3, 3)))
    save(one, tmp_path / "block.safetensors")
    report = load_into(two, tmp_path / "block.safetensors")
    assert set(report.taken) == {"", "layer1.0.conv1", "layer1.0.bn"}
    assert unchanged(two, state(one))
    assert two.layer1[0]["bn"].num_batches_tracked == 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_every_precision_survives(tmp_path: Path, dtype: torch.dtype) -> None:
    one = network(dense=nn.Linear(3, 2).to(torch.float32))
    one.dense.weight.data = one.dense.weight.data.to(dtype)
    path = tmp_path / "w.safetensors"
    save(one, path)
    assert torch.equal(safetensors.torch.load_file(path)["dense.weight"].float(), one.dense.weight.float())
    assert safetensors.torch.load_file(path)["dense.weight"].dtype == dtype
    values = read(path).layers["dense"]["weight"]
    np.testing.assert_array_equal(values.astype("f4"), one.dense.weight.detach().float().numpy())
    two = network(dense=nn.Linear(3, 2).to(torch.float32))
    assign(two, read(path))
    assert torch.equal(two.dense.weight, one.dense.weight.float())


def test_what_others_wrote_is_read(tmp_path: Path) -> None:
    module = long()
    safetensors.torch.save_file(module.state_dict(), tmp_path / "w.safetensors", {"format": "pt"})
    weights = read(tmp_path / "w.safetensors")
    assert weights.source == "torch"
    assert dict(weights.metadata) == {"format": "pt"}
    other = long()
    assign(other, weights)
    assert unchanged(other, state(module))


def test_the_bytes_of_a_file(tmp_path: Path) -> None:
    arrays = {"conv.bias": np.array([1.5], np.float16), "conv.weight": np.array([[2.0]], np.float32)}
    save(arrays, tmp_path / "a.safetensors", metadata={"z": "é", "a": "1"})
    header = (
        '{"__metadata__":{"a":"1","z":"é"},"conv.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},'
        '"conv.bias":{"dtype":"F16","shape":[1],"data_offsets":[4,6]}}'
    ).encode()
    header += b" " * (-len(header) % 8)
    values = b"\x00\x00\x00\x40\x00\x3e"
    assert (tmp_path / "a.safetensors").read_bytes() == len(header).to_bytes(8, "little") + header + values
    nested = {"conv": {"weight": arrays["conv.weight"], "bias": arrays["conv.bias"]}}
    save(nested, tmp_path / "b.safetensors", metadata={"a": "1", "z": "é"})
    assert (tmp_path / "b.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()
    save(read(tmp_path / "a.safetensors"), tmp_path / "c.safetensors", metadata={"a": "1", "z": "é"})
    assert (tmp_path / "c.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()


def test_saving_leaves_the_model_and_nothing_half_written(tmp_path: Path) -> None:
    module = short()
    before = {name: tensor.data_ptr() for name, tensor in module.state_dict().items()}
    save(module, tmp_path / "w.safetensors")
    assert before == {name: tensor.data_ptr() for name, tensor in module.state_dict().items()}
    with pytest.raises(OutputError, match=r"cannot write 'w.safetensors': No such file .*; choose another place"):
        save(module, tmp_path / "nowhere" / "w.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot write 'folder': Is a directory"):
        save(module, tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "w.safetensors"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, module = tmp_path / "w.safetensors", short()
    save(module, path)
    old, place = path.read_bytes(), path.stat().st_ino
    save(module, path)
    assert path.stat().st_ino != place  # put in its place whole, never written over

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"cannot write 'w.safetensors': No space left on device; choose another"):
        save(long(), path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "there are no weights to save"),
        (nn.ReLU(), "there are no weights to save"),
        ({"a.b": [1, 2]}, "a.b is a list, not an array; give numpy arrays or tensors"),
        ({"a.b": np.array(["x"])}, "a.b has the type <U1, which safetensors cannot hold"),
        (nn.LazyLinear(2), "weight of the network has no values yet; run the network on one picture first"),
        (nn.Linear(2, 2, device="meta"), "weight of the network has no values yet"),
    ],
)
def test_what_cannot_be_saved(tmp_path: Path, given: object, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        save(given, tmp_path / "w.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_metadata_holds_texts(tmp_path: Path) -> None:
    unchecked = inspect.unwrap(save)  # the tests' own type check would be first
    with pytest.raises(WeightsError, match="metadata holds texts by name, got"):
        unchecked({"a.weight": np.ones(1)}, tmp_path / "w.safetensors", metadata={"epoch": 3})


def weights_of(source: str = "torch", **layers: dict[str, np.ndarray]) -> Weights:
    return Weights(layers, source)


def test_a_layer_is_taken_whole_or_not_at_all() -> None:
    module = long()
    before = state(module)
    weights = weights_of(
        conv_1={"weight": np.ones((3, 3, 3, 3)), "bias": np.ones(3)},
        conv_2={"weight": np.ones((3, 3, 3, 3)), "bias": np.ones(4)},
        dens_1={"weight": np.ones((8, 3))},
    )
    report = assign(module, weights)
    assert report.taken == ("conv_1",)
    assert report.mismatched == (Mismatch("conv_2.bias", (4,), (3,)), Mismatch("dens_1.bias", None, (8,)))
    assert "2 layers do not fit and stay as they were: conv_2.bias is 4 in the file, 3 in the network; " in str(report)
    assert "dens_1.bias is not there in the file, 8 in the network." in str(report)
    assert torch.equal(module.conv_2.weight, before["conv_2.weight"])
    assert torch.equal(module.dens_1.weight, before["dens_1.weight"])


def test_whole_numbers_do_not_become_weights() -> None:
    module = long()
    weights = weights_of(
        conv_1={"weight": np.ones((3, 3, 3, 3), "i1"), "bias": np.ones(3)},
        conv_2={"weight": np.ones((3, 3, 3, 3)), "bias": np.ones(3)},
    )
    assert "conv_1.weight is int8 in the file, float32 here" in str(assign(module, weights))


def test_values_are_written_in_place_in_the_networks_precision() -> None:
    module = network(dense=nn.Linear(2, 1)).bfloat16()
    module.dense.weight.requires_grad_(False)
    place, version = module.dense.weight.data_ptr(), module.dense.weight
    assign(module, weights_of(dense={"weight": np.array([[1.0, 1 / 3]]), "bias": np.array([2.0], ">f4")}))
    assert module.dense.weight is version
    assert module.dense.weight.data_ptr() == place
    assert module.dense.weight.tolist() == [[1.0, torch.tensor(1 / 3).bfloat16().item()]]
    assert module.dense.bias.item() == 2.0
    assert (module.dense.weight.requires_grad, module.dense.bias.requires_grad) == (False, True)
    assert module.dense.bias.grad_fn is None


@pytest.mark.parametrize("source", ["torch", "keras"])
def test_only_keras_maps_are_reordered(source: str) -> None:
    channels_last = np.arange(12.0).reshape(2, 3, 2)  # height 2, width 3, channels 2
    module = network(dense=nn.Linear(12, 1, bias=False))
    assign(
        module,
        weights_of(source, dense={"weight": channels_last.reshape(1, 12)}),
        flattened={"dense": (2, 2, 3)},
    )
    expected = channels_last.transpose(2, 0, 1) if source == "keras" else channels_last
    assert module.dense.weight.tolist() == [expected.ravel().tolist()]


@pytest.mark.parametrize(
    ("flattened", "message"),
    [
        ({"dens": (2, 2, 3)}, "flattened names the layer dens, which is none of dense"),
        ({"dense": (2, 2, 2)}, "flattened says that dense reads 2x2x2 = 8 numbers, but it has weight 1x12"),
    ],
)
def test_a_wrong_map_is_refused(flattened: dict, message: str) -> None:
    module = network(dense=nn.Linear(12, 1, bias=False))
    before = state(module)
    with pytest.raises(WeightsError, match=message):
        assign(module, weights_of("keras", dense={"weight": np.ones((1, 12))}), flattened=flattened)
    assert unchanged(module, before)


def test_a_normalization_without_scale_or_shift() -> None:
    module = network(norm=nn.BatchNorm2d(2))
    nn.init.constant_(module.norm.weight, 7)
    nn.init.constant_(module.norm.bias, 7)
    found = {"running_mean": np.array([1.0, 2.0]), "running_var": np.array([3.0, 4.0])}
    assert assign(module, weights_of("keras", norm=found)).taken == ("norm",)
    assert module.norm.weight.tolist() == [1, 1]
    assert module.norm.bias.tolist() == [0, 0]
    assert module.norm.running_var.tolist() == [3, 4]


def test_broken_numbers_are_taken_and_warned_of() -> None:
    module = network(a=nn.Linear(1, 1, bias=False), b=nn.Linear(1, 1, bias=False))
    weights = weights_of(a={"weight": np.array([[np.nan]])}, b={"weight": np.array([[-np.inf]])})
    report = assign(module, weights)
    assert report.nan == ("a", "b")
    assert str(report).endswith("\nWarning: 2 layers hold NaN or infinite numbers: a, b.")
    assert torch.isnan(module.a.weight).all()


def test_long_reports_name_the_first_five() -> None:
    names = tuple(f"layer_{i}" for i in range(17))
    assert str(Report(missing=names)) == (
        "17 layers are not in the file and stay as they were: layer_0, layer_1, layer_2, layer_3, layer_4 and 12 more."
    )
    wrong = tuple(Mismatch(f"{name}.weight", (1,), (2, 2)) for name in names)
    assert str(Report(mismatched=wrong)).endswith("layer_4.weight is 1 in the file, 2x2 in the network and 12 more.")


def test_nothing_fits() -> None:
    module = long()
    before = state(module)
    strange = {f"part_{i}": {"weight": np.ones(1)} for i in range(7)}
    with pytest.raises(
        WeightsError,
        match=r"no layer of the file fits: it has part_0, part_1, part_2, part_3, part_4 and 2 more, "
        r"the network has conv_1, conv_2, dens_1; give the network's layers the names of the file",
    ):
        assign(module, Weights(strange, "torch"))
    with pytest.raises(WeightsError, match=r"no layer of the file fits: conv_1.weight is 1x1 in the file, 3x3x3x3 in"):
        assign(module, weights_of(conv_1={"weight": np.ones((1, 1)), "bias": np.ones(3)}))
    with pytest.raises(WeightsError, match="the network has no layer with weights"):
        assign(nn.ReLU(), weights_of(conv_1={"weight": np.ones(1)}))
    assert unchanged(module, before)


def test_names_are_text_and_control_characters_do_not_print() -> None:
    report = Report(taken=("<img onerror=x>", "a\nb\u202e"))
    assert str(report) == "2 layers took their weights from the file: <img onerror=x>, 'a\\nb\\u202e'."


def test_reading_is_light() -> None:
    heavy = "('torch', 'h5py', 'safetensors')"
    code = f"import sys, convscope.weights; print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
