"""Data sets of the hub: the same tests against a stand-in for the library and, where it is installed, the library."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convscope.data import hub
from convscope.data.samples import Samples
from convscope.data.sources import open_source
from convscope.errors import DataError

# --- a stand-in with the few parts of datasets 4 that are used ---------------------------------------------------


class ImageFeature:
    def __init__(self, decode: bool = True) -> None:
        self.decode = decode


class ClassLabel:
    def __init__(self, names: list[str]) -> None:
        self.names = names


class Value:
    def __init__(self, dtype: str) -> None:
        self.dtype = dtype


class Table:
    """Columns of one split; a decoded image column refuses to give bytes, as the library's does."""

    def __init__(self, columns: dict[str, list[Any]], features: dict[str, Any]) -> None:
        self.columns, self.features = columns, features
        self.info = types.SimpleNamespace(license="mit", homepage="https://example.org")

    def cast_column(self, name: str, feature: Any) -> Table:
        return Table(self.columns, self.features | {name: feature})

    def select_columns(self, names: list[str]) -> Table:
        return Table({name: self.columns[name] for name in names}, {name: self.features[name] for name in names})

    def __getitem__(self, key: str | int) -> Any:
        if isinstance(key, str):
            return self.columns[key]
        if key >= len(next(iter(self.columns.values()))):
            raise IndexError(key)
        assert not any(isinstance(kind, ImageFeature) and kind.decode for kind in self.features.values())
        return {name: values[key] for name, values in self.columns.items()}


def stand_in() -> types.ModuleType:
    library = types.ModuleType("datasets")
    known: dict[str, Any] = {}
    library.__dict__.update(
        Image=ImageFeature,
        ClassLabel=ClassLabel,
        Value=Value,
        Features=dict,
        config=types.SimpleNamespace(HF_HUB_OFFLINE=False),
        known=known,
    )

    def load_dataset(path: str, name: str | None = None) -> Any:
        if path not in known:
            raise ConnectionError(f"Couldn't reach '{path}' on the Hub" + " (offline)" * library.config.HF_HUB_OFFLINE)
        if name not in {None, "default"}:
            raise ValueError(f"BuilderConfig {name!r} not found.\nAvailable: ['default']")
        return known[path]

    def save(splits: dict[str, tuple[dict[str, list[Any]], dict[str, Any]]], path: Path) -> None:
        path.mkdir()
        known[str(path)] = {split: Table(*columns) for split, columns in splits.items()}

    library.__dict__.update(load_dataset=load_dataset, load_from_disk=load_dataset, save=save)
    return library


def the_library() -> Any:
    import datasets

    def save(splits: dict[str, tuple[dict[str, list[Any]], dict[str, Any]]], path: Path) -> None:
        made = {split: datasets.Dataset.from_dict(c, features=datasets.Features(f)) for split, (c, f) in splits.items()}
        datasets.DatasetDict(made).save_to_disk(str(path))

    library = types.SimpleNamespace(
        save=save, **{name: getattr(datasets, name) for name in ("Image", "ClassLabel", "Value")}
    )
    library.config = datasets.config
    return library


INSTALLED = importlib.util.find_spec("datasets") is not None


@pytest.fixture(params=["stand-in", "datasets"] if INSTALLED else ["stand-in"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    if request.param == "datasets":
        yield the_library()
        return
    made = stand_in()
    monkeypatch.setitem(sys.modules, "datasets", made)
    constants = types.ModuleType("huggingface_hub.constants")
    constants.HF_HUB_OFFLINE = False
    monkeypatch.setitem(sys.modules, "huggingface_hub", types.ModuleType("huggingface_hub"))
    monkeypatch.setitem(sys.modules, "huggingface_hub.constants", constants)
    sys.modules["huggingface_hub"].constants = constants
    yield made


def png(red: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 16), (red, 7, 9)).save(file, "PNG")
    return file.getvalue()


def columns(library: Any, *reds: int, labels: list[int] | None = None) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Photos of these reds, all of class red % 2 unless said otherwise."""
    values = {
        "picture": [{"bytes": png(red), "path": None} for red in reds],
        "number": list(reds),
        "what": labels or [red % 2 for red in reds],
    }
    kinds = {
        "picture": library.Image(),
        "number": library.Value("int64"),
        "what": library.ClassLabel(names=["even", "odd"]),
    }
    return values, kinds


@pytest.fixture
def numbers(library: Any, tmp_path: Path) -> str:
    library.save({"test": columns(library, 40, 41), "train": columns(library, 10, 11, 12)}, tmp_path / "numbers")
    return f"hf:{tmp_path / 'numbers'}"


def test_columns_are_found_by_their_types(numbers: str) -> None:
    source = open_source(numbers, size=(8, 10))
    assert isinstance(source.train, Samples)
    assert source.train.classes == source.test.classes == ("even", "odd")
    assert (source.train.labels.tolist(), source.test.labels.tolist()) == ([0, 1, 0], [0, 1])
    assert source.train.shape == (8, 10, 3)
    taken = source.train.take(np.array([2, 0]))
    assert taken.shape == (2, 8, 10, 3)
    assert taken[:, 3, 3].tolist() == [[12, 7, 9], [10, 7, 9]]
    assert list(source.train.names) == ["train 0", "train 1", "train 2"]
    assert list(source.train.keys) == [hashlib.sha256(png(red)).hexdigest() for red in (10, 11, 12)]
    assert source.about["kind"] == "hf"
    assert source.about["notes"] == []
    json.dumps(source.about)
    assert open_source(numbers, size=(8, 8), channels=1).train.take(np.array([0])).shape == (1, 8, 8, 1)


def test_a_validation_part_stands_in_for_a_test_part(library: Any, tmp_path: Path) -> None:
    library.save({"train": columns(library, 1, 2), "validation": columns(library, 3, 4)}, tmp_path / "a")
    assert open_source(f"hf:{tmp_path / 'a'}").test.names[0] == "validation 0"


def test_a_single_part_is_trained_on(library: Any, tmp_path: Path) -> None:
    library.save({"everything": columns(library, 1, 2)}, tmp_path / "a")
    source = open_source(f"hf:{tmp_path / 'a'}")
    assert (len(source.train), source.test) == (2, None)


def test_several_columns(library: Any, tmp_path: Path) -> None:
    values, kinds = columns(library, 1, 2)
    values |= {"thumb": values["picture"], "label": [1, 0]}
    kinds |= {"thumb": library.Image(), "label": library.ClassLabel(names=["no", "yes"])}
    library.save({"train": (values, kinds)}, tmp_path / "a")
    source = open_source(f"hf:{tmp_path / 'a'}")
    assert (source.train.classes, source.train.labels.tolist()) == (("no", "yes"), [1, 0])
    assert source.about["notes"] == [
        "it has several columns of images; 'picture' is used",
        "it has several columns of classes; 'label' is used",
    ]


def test_a_test_part_whose_answers_are_secret(library: Any, tmp_path: Path) -> None:
    library.save({"train": columns(library, 1, 2), "test": columns(library, 3, 4, labels=[-1, -1])}, tmp_path / "a")
    source = open_source(f"hf:{tmp_path / 'a'}")
    assert source.test is None
    assert source.about["notes"][0].startswith(
        "its test samples are not used: the split 'test' has samples without a class"
    )
    library.save({"train": columns(library, 3, 4, labels=[-1, 0])}, tmp_path / "b")
    with pytest.raises(DataError, match="the split 'train' has samples without a class; take another"):
        open_source(f"hf:{tmp_path / 'b'}")


@pytest.mark.parametrize(("kind", "what"), [("picture", "images"), ("what", "classes")])
def test_a_column_that_is_missing(kind: str, what: str, library: Any, tmp_path: Path) -> None:
    values, kinds = columns(library, 1, 2)
    values["<b>\u202e"] = values.pop(kind) if kind == "what" else ["x", "y"]
    kinds["<b>\u202e"] = library.Value("int64" if kind == "what" else "string")
    values.pop(kind, None)
    kinds.pop(kind)
    library.save({"train": (values, kinds)}, tmp_path / "a")
    with pytest.raises(DataError, match=rf"has the columns .*'<b>\\u202e'.* and none of {what}; take another data set"):
        open_source(f"hf:{tmp_path / 'a'}")


def test_splits_that_say_nothing(library: Any, tmp_path: Path) -> None:
    library.save({"a": columns(library, 1, 2), "b": columns(library, 3, 4)}, tmp_path / "a")
    with pytest.raises(DataError, match="has the splits 'a', 'b' and none is 'train'"):
        open_source(f"hf:{tmp_path / 'a'}")


def test_pictures_that_are_none(library: Any, tmp_path: Path) -> None:
    values, kinds = columns(library, 1, 2, 3, 4, 5, 6)
    values["picture"][0] = None
    values["picture"][2] = {"bytes": b"", "path": None}
    values["picture"][3] = {"bytes": b"no picture", "path": None}
    library.save({"train": (values, kinds)}, tmp_path / "a")
    source = open_source(f"hf:{tmp_path / 'a'}", size=(4, 4))
    assert list(source.train.names) == ["train 1", "train 3", "train 4", "train 5"]
    assert source.train.labels.tolist() == [0, 0, 1, 0]
    assert source.about["notes"] == ["2 rows of 'train' have no picture and are left out"]
    assert source.train.take(np.arange(4))[:, 0, 0, 0].tolist() == [2, 6, 5, 6], "the next of its class, in a circle"
    (name, why), *others = source.train.replaced.items()
    assert (name, others) == ("train 3", [])
    assert why.endswith("train 5 took its place")


def test_a_class_of_broken_pictures(library: Any, tmp_path: Path) -> None:
    values, kinds = columns(library, 1, 2)
    values["picture"][1] = {"bytes": b"no picture", "path": None}
    library.save({"train": (values, kinds)}, tmp_path / "a")
    with pytest.raises(DataError, match="neither train 1 nor others of its class can be used: 'train 1'"):
        open_source(f"hf:{tmp_path / 'a'}").train.take(np.array([1]))
    values["picture"] = [None, None]
    library.save({"train": (values, kinds)}, tmp_path / "b")
    with pytest.raises(DataError, match="the split 'train' has no pictures; take another configuration or data set"):
        open_source(f"hf:{tmp_path / 'b'}")


def test_pictures_in_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(png(77))
    stored = [{"bytes": None, "path": str(tmp_path / name)} for name in ("1.png", "2.png")]
    table = Table({"picture": stored, "what": [1, 0]}, {"picture": ImageFeature(decode=False)})
    samples = hub.HubSamples(table, ("picture", "what"), ("even", "odd"), "train", (4, 4, 3))
    assert (len(samples), samples.missing) == (1, 1)
    assert samples.take(np.array([0]))[0, 0, 0].tolist() == [77, 7, 9]


def test_without_leave_the_network_is_not_used(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    import datasets
    from huggingface_hub import constants

    real: Callable[..., Any] = datasets.load_dataset

    def load(*args: Any, **kwargs: Any) -> Any:
        seen.append(constants.HF_HUB_OFFLINE and datasets.config.HF_HUB_OFFLINE)
        return real(*args, **kwargs)

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(DataError, match="'hf:nobody/nothing' is not on this machine; add --download to fetch it"):
        open_source("hf:nobody/nothing")
    assert seen == [True]
    assert not constants.HF_HUB_OFFLINE, "what was set is put back"

    monkeypatch.setattr(datasets, "load_dataset", lambda *_: seen.append(constants.HF_HUB_OFFLINE) or real("a/b/c"))
    with pytest.raises(DataError, match=r"'hf:nobody/nothing' cannot be opened: .*; check the name and the network"):
        open_source("hf:nobody/nothing", download=True)
    assert seen == [True, False]


@pytest.mark.parametrize("name", ["hf:", "hf:a/b/c", "hf:../x", "hf:https://example.org/a", "hf:a b/c", "hf:a/\n"])
def test_names_that_are_none(name: str, library: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a folder called ../x would be one
    with pytest.raises(DataError, match="is no name of a data set; write hf:OWNER/NAME or hf:OWNER/NAME:CONFIG"):
        open_source(name)


def test_configurations(numbers: str, library: Any) -> None:
    if not isinstance(library, types.ModuleType):
        return  # what is saved to disk by the library has none
    assert len(open_source(f"{numbers}:default").train) == 3
    with pytest.raises(DataError, match=r"cannot be opened: BuilderConfig 'big' not found.; check the name"):
        open_source(f"{numbers}:big")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"need the library datasets; install it with: pip install 'convscope\[hf\]'"):
        open_source("hf:ylecun/mnist")
