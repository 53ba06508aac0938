"""Networks by name: timm, torchvision, the Hugging Face hub, and one whose weights a package brings. No downloads."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import convscope
from convscope.adapters import Options, connect
from convscope.adapters.hub import Reference, imagenet
from convscope.adapters.hub.efficientnet_lite0 import PREPROCESSING, EfficientNetLite0, weights
from convscope.adapters.torch import TorchNetwork
from convscope.errors import ImageError, ModelError
from convscope.image import open_image, resize
from convscope.network import Network, Preprocessing
from convscope.weights import save
from vision_shim import import_timm, import_torchvision

TINY = "test_resnet"
"""A network that timm has for tests."""


def opened(reference: str, **options: Any) -> Network:
    return connect(reference, lambda asked: (asked.channels, *(asked.size or (64, 64))), Options(**options))


@pytest.fixture(scope="module")
def timm() -> Any:
    return import_timm()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, timm: Any) -> None:
    """The hub cannot be reached, and nothing is in its cache."""
    from huggingface_hub import errors

    def download(*_: Any, **__: Any) -> str:
        raise errors.LocalEntryNotFoundError("cannot find the requested files in the local cache")

    monkeypatch.setattr(sys.modules["timm.models._hub"], "hf_hub_download", download)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


# --- references ------------------------------------------------------------------------------------------------------


def test_references() -> None:
    assert Reference.read("timm:resnet18.a1_in1k") == Reference("timm", "resnet18.a1_in1k")
    assert Reference.read("hf:a/b/c.onnx?revision=v2&pretrained=true") == Reference("hf", "a/b/c.onnx", True, "v2")
    for text in (
        "timm:",
        "timm:a b",
        "hf:a/../b",
        "torchvision:x?pretrained=no",
        "timm:x?revision=1",
        "timm:/etc/passwd",
    ):
        with pytest.raises(
            ModelError, match=r"names no network; write it like|behind the name; what can be said there"
        ):
            Reference.read(text)


# --- timm ------------------------------------------------------------------------------------------------------------


def test_timm_with_random_weights(timm: Any) -> None:
    before = torch.get_rng_state()
    first, second = (opened(f"timm:{TINY}?pretrained=false", seed=seed) for seed in (0, 0))
    other = opened(f"timm:{TINY}?pretrained=false", seed=1)
    assert torch.equal(before, torch.get_rng_state())
    assert isinstance(first, TorchNetwork)
    assert isinstance(second, TorchNetwork)
    assert isinstance(other, TorchNetwork)
    state = first.model.state_dict()
    assert all(torch.equal(one, state[name]) for name, one in second.model.state_dict().items())
    assert not all(torch.equal(one, state[name]) for name, one in other.model.state_dict().items())
    config = timm.data.resolve_model_data_config(first.model)
    made = first.preprocessing
    assert made.size == tuple(config["input_size"][1:])
    assert (made.fit, made.crop, made.scale) == ("crop", config["crop_pct"], (config["mean"], config["std"]))
    assert first.labels == ()
    assert first.about["pretrained"] is False


def test_photos_reach_it_as_timm_prepares_them(timm: Any) -> None:
    """The same part of the photo, and nearly the same numbers: timm resizes first and cuts whole pixels then."""
    model = timm.create_model(TINY, pretrained=False)
    config = timm.data.resolve_model_data_config(model)
    from PIL import Image

    picture = open_image("astronaut")
    theirs = timm.data.create_transform(**config, is_training=False)(Image.fromarray(picture.pixels)).numpy()
    trace = convscope.trace(f"timm:{TINY}?pretrained=false", "astronaut")
    assert trace.input.shape == theirs.shape
    assert np.abs(trace.input.value - theirs).mean() < 0.05


def test_timm_with_weights_from_a_file(timm: Any, tmp_path: Path) -> None:
    torch.manual_seed(9)
    own = timm.create_model(TINY, pretrained=False, num_classes=1000)
    torch.save(
        {"state_dict": {f"module.{name}": value for name, value in own.state_dict().items()}}, tmp_path / "w.pth"
    )
    told: list[str] = []
    network = opened(f"timm:{TINY}", weights=tmp_path / "w.pth", tell=told.append)
    assert isinstance(network, TorchNetwork)
    for name, value in own.state_dict().items():
        assert torch.equal(value, network.model.state_dict()[name]), name
    assert network.labels == imagenet.labels()
    assert network.about["weights"] == "w.pth"
    assert any("a guess for these weights" in sentence for sentence in told)
    assert list(network.about["notes"]) == told


def test_timm_says_what_it_does_not_have(timm: Any, no_network: None) -> None:
    with pytest.raises(ModelError, match="timm has no network 'resnet81'; did you mean timm:resnet"):
        opened("timm:resnet81")
    with pytest.raises(
        ModelError,
        match="timm:resnet18 is not on this machine and it cannot be fetched: there is no network, or the hub does not "
        r"answer; give a file with weights \(--weights FILE\), or take random ones with "
        r"timm:resnet18\?pretrained=false",
    ):
        opened("timm:resnet18")


def test_staying_offline_is_said(monkeypatch: pytest.MonkeyPatch, no_network: None) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="timm:resnet18 is not on this machine and HF_HUB_OFFLINE keeps it from being"):
        opened("timm:resnet18")


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModelError, match="timm:resnet18 needs the package 'timm'; install it with: pip"):
        opened("timm:resnet18")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(
        ModelError, match=r"efficientnet-lite0 needs the package .* pip install 'convscope\[imagenet\]'"
    ):
        opened("efficientnet-lite0")


# --- torchvision -----------------------------------------------------------------------------------------------------


def test_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    torchvision = import_torchvision()
    network = opened("torchvision:squeezenet1_1?pretrained=false", seed=4)
    assert isinstance(network, TorchNetwork)
    assert network.preprocessing == Preprocessing(
        (224, 224), "crop", scale=((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), crop=224 / 256
    )
    torch.manual_seed(4)
    theirs = torchvision.models.squeezenet1_1()
    for name, value in theirs.state_dict().items():
        assert torch.equal(value, network.model.state_dict()[name])
    with pytest.raises(ModelError, match="torchvision has no classifier 'resnet81'; did you mean torchvision:resnet18"):
        opened("torchvision:resnet81")

    def unreachable(*_: Any, **__: Any) -> None:
        import urllib.error

        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", unreachable)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unreachable, raising=False)
    with pytest.raises(ModelError, match="torchvision:squeezenet1_1 is not on this machine and it cannot be fetched"):
        opened("torchvision:squeezenet1_1")


def test_torchvisions_classes_have_names_of_their_own() -> None:
    """Its list has two maillots, say, and two cranes in other releases."""
    from convscope.adapters.hub.torchvision_models import distinct

    categories = import_torchvision().models.get_model_weights("squeezenet1_1").DEFAULT.meta["categories"]
    named = distinct(categories)
    assert len(set(named)) == 1000
    assert named[281] == "tabby"
    assert sum(one != other for one, other in zip(named, categories, strict=True)) == 1000 - len(set(categories))


# --- the hub ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timm: Any) -> Callable[..., Path]:
    """A folder that stands for ``owner/name`` on the hub."""
    from huggingface_hub import errors

    def download(name: str, file: str, *, revision: str | None = None) -> str:
        assert name == "owner/name"
        if not (tmp_path / file).is_file():
            response = type("Response", (), {"headers": {}, "request": None, "status_code": 404, "url": ""})()
            raise errors.EntryNotFoundError(f"no {file}", response)
        return str(tmp_path / file)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)

    def write(config: Any, **files: bytes) -> Path:
        (tmp_path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
        return tmp_path

    return write


CONFIG = {
    "architecture": TINY,
    "num_classes": 3,
    "label_names": ["a", "b", "c"],
    "label_descriptions": {"a": "ant", "b": "bee", "c": "cat"},
    "pretrained_cfg": {
        "input_size": [3, 40, 40],
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "crop_pct": 0.9,
        "num_classes": 3,
    },
}


@pytest.mark.parametrize("form", ["model.safetensors", "pytorch_model.bin"])
def test_timms_own_format_on_the_hub(timm: Any, repository: Callable[..., Path], form: str) -> None:
    folder = repository(CONFIG)
    torch.manual_seed(2)
    own = timm.create_model(TINY, num_classes=3)
    if form.endswith("bin"):
        torch.save(own.state_dict(), folder / form)
    else:
        save(own, folder / form)
    network = opened("hf:owner/name")
    assert isinstance(network, TorchNetwork)
    assert network.labels == ("ant", "bee", "cat")
    assert network.preprocessing == Preprocessing((40, 40), "crop", scale=((0.5,) * 3, (0.5,) * 3), crop=0.9)
    for name, value in own.state_dict().items():
        assert torch.equal(value, network.model.state_dict()[name])
    trace = convscope.trace("hf:owner/name", "chelsea")
    assert {score.label for score in trace.scores} == {"ant", "bee", "cat"}


def test_weights_of_the_hub_that_do_not_fit(timm: Any, repository: Callable[..., Path]) -> None:
    folder = repository(CONFIG)
    save(timm.create_model(TINY, num_classes=5), folder / "model.safetensors")
    with pytest.raises(
        ModelError, match=r"the weights of hf:owner/name do not fit its architecture; .*fc.weight is 5x"
    ):
        opened("hf:owner/name")


def test_one_file_of_a_repository(repository: Callable[..., Path]) -> None:
    folder = repository({})
    torch.save(torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3)), folder / "net.pt")
    with pytest.raises(ModelError, match=r"'net.pt': it is a whole network as a pickle"):
        opened("hf:owner/name/net.pt")
    assert isinstance(opened("hf:owner/name/net.pt", trust=True), TorchNetwork)
    with pytest.raises(ModelError, match=r"names a file of an unknown kind; convscope opens .keras"):
        opened("hf:owner/name/net.exe")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"architectures": ["ResNetForImageClassification"]},
            r"of the library transformers \(ResNetForImageClassification\)",
        ),
        ({"architecture": "../../evil"}, r"is a network '../../evil', which timm does not have"),
        ({"architecture": "os.system"}, r"is a network 'os.system', which timm does not have"),
        ({"model_type": "x"}, r"has no config.json of timm; name one of its files"),
        ("[1, 2]", "is no JSON object"),
        ("[" * 100_000, "is no JSON object"),
    ],
)
def test_repositories_of_other_kinds(repository: Callable[..., Path], config: Any, message: str) -> None:
    repository(config)
    with pytest.raises(ModelError, match=message):
        opened("hf:owner/name")


def test_a_repository_without_anything(repository: Callable[..., Path]) -> None:
    (repository({}) / "config.json").unlink()
    with pytest.raises(ModelError, match=r"hf:owner/name has no config.json of timm; name one of its files"):
        opened("hf:owner/name")
    with pytest.raises(ModelError, match="hf:name lacks its owner; write it like hf:timm/resnet18"):
        opened("hf:name")


def test_the_hub_out_of_reach(no_network: None) -> None:
    with pytest.raises(
        ModelError, match=r"hf:owner/name is not on this machine and it cannot be fetched: .*; fetch it once"
    ):
        opened("hf:owner/name")


# --- the network whose weights a package brings ----------------------------------------------------------------------


def test_efficientnet_says_a_cat_for_a_cat() -> None:
    trace = convscope.trace("efficientnet-lite0", "chelsea")
    assert len(trace.labels) == 1000
    assert {score.label for score in trace.scores[:3]} & {"tabby", "tiger cat", "Egyptian cat"}
    assert trace.scores[0].index in range(281, 286)
    assert trace.about["reference"] == "efficientnet-lite0"


def test_efficientnet_says_so_because_of_the_cats_face() -> None:
    """The box was written down by looking: forehead to chin, cheek to cheek; it is 40 % of the photo."""
    found = convscope.explain("efficientnet-lite0", "chelsea", evidence=False).map
    heat = np.clip(found.value, 0, None)
    assert found.layer == "relu6:2"
    rows, columns = heat.shape
    face = np.zeros(heat.shape, bool)
    face[round(0.2 * rows) : round(0.92 * rows), round(0.2 * columns) : round(0.75 * columns)] = True
    assert face.flat[heat.argmax()]
    assert heat[face].mean() > 2 * heat[~face].mean()


def test_efficientnet_has_the_numbers_of_its_package() -> None:
    file = weights()
    assert file is not None
    oracle = torch.load(file, weights_only=True)
    network = opened("efficientnet-lite0")
    assert isinstance(network, TorchNetwork)
    assert network.preprocessing == PREPROCESSING
    state = network.model.state_dict()
    assert set(oracle) - set(state) == set()
    assert all(torch.equal(value, state[name]) for name, value in oracle.items())
    assert not any(parameter.is_meta for parameter in network.model.parameters())


def test_efficientnet_with_other_weights(tmp_path: Path) -> None:
    torch.manual_seed(1)
    own = EfficientNetLite0()
    torch.save(own.state_dict(), tmp_path / "w.pt")
    network = opened("efficientnet-lite0", weights=tmp_path / "w.pt")
    assert isinstance(network, TorchNetwork)
    assert torch.equal(network.model.state_dict()["_fc.weight"], own.state_dict()["_fc.weight"])
    assert network.labels == ()


def test_a_middle_crop_keeps_its_share() -> None:
    picture = open_image("chelsea")
    height, width = picture.size
    pixels, placement = resize(picture, (100, 100), fit="crop", crop=0.5)
    assert pixels.shape == (100, 100, 3)
    assert placement.height == placement.width == min(height, width) / 2
    assert placement.top == height / 4
    with pytest.raises(ImageError, match=r"a crop keeps a share of the picture over 0 and at most 1"):
        resize(picture, (100, 100), fit="crop", crop=0.0)
