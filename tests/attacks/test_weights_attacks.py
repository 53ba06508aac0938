"""Hostile and broken weights files: one sentence each, at once, in little memory."""

import contextlib
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from torch import nn

from convscope.errors import WeightsError
from convscope.weights import load_into, read, save

KERNEL = np.ones((3, 3, 1, 2), np.float32)


def memory_peak() -> int:
    """Bytes of memory this process has ever held; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.fixture(scope="module", autouse=True)
def imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Libraries are loaded before anything is measured."""
    path = tmp_path_factory.mktemp("warm") / "w"
    save({"a.weight": KERNEL}, path)
    read(path)
    keras3(path)
    read(path)


def refused(path: Path, message: str) -> None:
    before = memory_peak()
    with pytest.raises(WeightsError, match=message) as caught:
        read(path)
    assert memory_peak() - before < 300e6
    text = str(caught.value)
    assert text.startswith(path.name + ": ")
    assert "\n" not in text
    assert len(text) < 400


# --- safetensors ---------------------------------------------------------------------------------


def tensors(header: bytes | dict, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(begin: int, end: int, *shape: int, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


SAFETENSORS = {
    "header of 2^60 bytes": (tensors({}, length=2**60), "header claims 1152921504606846976 bytes"),
    "header of 2^64 - 1 bytes": (tensors({}, length=2**64 - 1), "header claims"),
    "overlapping": (
        tensors({"a.w": entry(0, 8, 2), "b.w": entry(4, 12, 2)}, b"0" * 12),
        "breaks the safetensors format",
    ),
    "hole": (
        tensors({"a.w": entry(0, 4, 1), "b.w": entry(8, 12, 1)}, b"0" * 12),
        "breaks the safetensors format",
    ),
    "shape overflow": (
        tensors({"a.w": entry(0, 4, 2**33, 2**33)}, b"0" * 4),
        "breaks the safetensors format",
    ),
    "shape against bytes": (tensors({"a.w": entry(0, 4, 7)}, b"0" * 4), "breaks the safetensors format"),
    "truncated": (tensors({"a.w": entry(0, 400, 100)}, b"0" * 9), "breaks the safetensors format"),
    "negative": (tensors({"a.w": entry(-4, 0, 1)}), "breaks the safetensors format"),
    "not JSON": (tensors(b"{oh no}"), "breaks the safetensors format"),
    "deep JSON": (tensors(b'{"a":' + b"[" * 500_000), "breaks the safetensors format"),
    "long JSON": (tensors(b"{" + b" " * 9_000_000 + b"}"), "header claims 9000002 bytes"),
    "not text": (tensors(b"{\xff\xfe}"), "breaks the safetensors format"),
}

# --- everything that is no weights file ----------------------------------------------------------


OTHERS = {
    "empty": (b"", "the file is empty; fetch or save it again"),
    "one byte": (
        b"{",
        "it is no weights file, it starts with b'{'; give a .safetensors file or one saved by Keras",
    ),
    "text": (b"hello weights", "it is no weights file, it starts with b'hello weight'"),
    "web page": (
        b"\n<!DOCTYPE html><html>404</html>",
        "this is a web page, not weights; the download went wrong",
    ),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "run 'git lfs pull'"),
    "pickle": (pickle.dumps([1], 4), "this is a pickle, which can run code"),
    "half an HDF5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 90, "the HDF5 file is damaged"),
}


@pytest.mark.parametrize("ending", [".safetensors", ".keras", ".h5"])
@pytest.mark.parametrize("case", [*SAFETENSORS, *OTHERS])
def test_broken_bytes(tmp_path: Path, case: str, ending: str) -> None:
    content, message = (SAFETENSORS | OTHERS)[case]
    path = tmp_path / f"w{ending}"
    path.write_bytes(content)
    refused(path, message)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone.h5 cannot be read: No such file or directory; check the path"):
        read(tmp_path / "gone.h5")
    with pytest.raises(WeightsError, match="not a file but a folder or a device"):
        read(tmp_path)
    with pytest.raises(WeightsError, match="cannot be read: embedded null byte"):
        read("a\0b")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.h5")
        refused(tmp_path / "pipe.h5", "not a file but a folder or a device")


def test_a_file_that_is_mostly_a_hole(tmp_path: Path) -> None:
    path = tmp_path / "hole.safetensors"
    size = 4_000_000_000
    header = tensors({"a.w": entry(0, size, size // 4)})
    path.write_bytes(header)
    os.truncate(path, len(header) + size)
    refused(path, "more than weights of an image network need; refused")


# --- HDF5 ----------------------------------------------------------------------------------------


def keras3(path: Path, change: Callable[[h5py.File], None] = lambda file: None) -> Path:
    with h5py.File(path, "w") as file:
        file["layers/conv2d/vars/0"] = KERNEL
        change(file)
    return path


def external_link(file: h5py.File) -> None:
    file["layers/dense/vars"] = h5py.ExternalLink("/etc/passwd", "/")


def external_storage(file: h5py.File) -> None:
    file.create_dataset("layers/dense/vars/0", (4, 4), "f4", external=[("/etc/passwd", 0, 64)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4, 4), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "data", (4, 4))
    file.create_virtual_dataset("layers/dense/vars/0", layout)


def soft_link_loop(file: h5py.File) -> None:
    file["layers/dense"] = h5py.SoftLink("/layers/dense")


def soft_link_up(file: h5py.File) -> None:
    file["layers/dense"] = h5py.SoftLink("/")


def hard_link_loop(file: h5py.File) -> None:
    file["layers/dense"] = file["layers"]


def hard_link_fan(file: h5py.File) -> None:
    for depth in range(30):
        group = file.require_group(f"level{depth}")
        group["left"] = group["right"] = file.create_group(f"level{depth + 1}")


def deep(file: h5py.File) -> None:
    file.create_group("layers/" + "/".join("a" * 60))


def four_terabytes(file: h5py.File) -> None:
    file.create_dataset("layers/dense/vars/0", (1_000_000, 1_000_000), "f4")


def four_terabytes_in_chunks(file: h5py.File) -> None:
    file.create_dataset("layers/dense/vars/0", (1_000_000, 1_000_000), "f4", chunks=(10_000, 10_000))


def compressed(file: h5py.File) -> None:
    file.create_dataset("layers/dense/vars/0", data=np.zeros((900, 900), "f4"), compression="gzip")


def many_objects(file: h5py.File) -> None:
    group = file.create_group("layers/dense", track_order=True)
    for number in range(8_001):
        h5py.h5g.create(group.id, b"%d" % number)


def long_config(file: h5py.File) -> None:
    file.attrs["model_config"] = "[" * 5_000_000


def deep_config(file: h5py.File) -> None:
    file.attrs["model_config"] = "[" * 1_000_000


HDF5 = {
    external_link: "layers/dense/vars is a link to somewhere else, which Keras never writes; refused",
    external_storage: "layers/dense/vars/0 keeps its numbers in another file; refused",
    virtual: "layers/dense/vars/0 keeps its numbers in another file; refused",
    soft_link_loop: "layers/dense is a link to somewhere else",
    soft_link_up: "layers/dense is a link to somewhere else",
    hard_link_loop: "layers/dense is linked in a loop or nested over 32 deep; refused",
    hard_link_fan: "is linked in a loop",
    deep: "nested over 32 deep",
    four_terabytes: "declares 1000000x1000000 numbers, which the file does not hold",
    four_terabytes_in_chunks: "declares 1000000x1000000 numbers, which the file does not hold",
    compressed: "layers/dense/vars/0 is compressed, which Keras never does; unpack the file with h5repack first",
    long_config: "the network's description has 5000000 bytes, over the limit",
    deep_config: "the network's description is not JSON",
}


@pytest.mark.parametrize("change", HDF5, ids=lambda change: change.__name__)
def test_hostile_hdf5(tmp_path: Path, change: Callable[[h5py.File], None]) -> None:
    refused(keras3(tmp_path / "w.h5", change), HDF5[change])


@pytest.mark.parametrize("change", [external_link, four_terabytes], ids=lambda change: change.__name__)
def test_hostile_hdf5_in_an_archive(tmp_path: Path, change: Callable[[h5py.File], None]) -> None:
    inner = keras3(tmp_path / "w.h5", change).read_bytes()
    refused(archive(tmp_path / "w.keras", {"model.weights.h5": inner}), HDF5[change])


def test_many_objects(tmp_path: Path) -> None:
    refused(keras3(tmp_path / "w.h5", many_objects), "holds over 8000 objects, too many for a network")


def test_objects_are_never_decoded(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        texts = file.create_dataset("layers/dense/vars/0", (2, 2), h5py.string_dtype())
        texts[:] = pickle.dumps(print, 0).decode()

    weights = read(keras3(tmp_path / "w.h5", change))
    assert set(weights.layers) == {"conv2d"}
    assert weights.unread == ("dense (kernel holds object, as quantised networks do)",)


def test_hdf5_of_others(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["table"] = KERNEL
    refused(tmp_path / "w.h5", "holds no layers as Keras writes them; save the weights with Keras")


def test_flipped_bytes_never_escape(tmp_path: Path) -> None:
    """Whatever single byte is wrong: the file reads, or one sentence says why not."""
    good = keras3(tmp_path / "w.h5").read_bytes()
    random = np.random.default_rng(1)
    path = tmp_path / "flipped.h5"
    for place in random.integers(0, len(good), 150):
        path.write_bytes(good[:place] + bytes([random.integers(256)]) + good[place + 1 :])
        with contextlib.suppress(WeightsError):
            read(path)


# --- archives ------------------------------------------------------------------------------------


def archive(path: Path, members: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as out:
        for name, content in members.items():
            out.writestr(name, content)
    return path


def test_zip_bomb(tmp_path: Path) -> None:
    path = archive(tmp_path / "w.keras", {"model.weights.h5": b"\0" * 60_000_000}, zipfile.ZIP_DEFLATED)
    refused(path, "model.weights.h5 in the archive unpacks from .* to 60000000 bytes, a zip bomb; refused")


def test_zip_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    path = archive(tmp_path / "w.keras", {"model.weights.h5": b"\0" * 60_000_000}, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    directory = content.rfind(b"PK\x01\x02")
    content[directory + 20 : directory + 24] = (50_000_000).to_bytes(4, "little")
    path.write_bytes(content)
    refused(path, "a zip bomb; refused")


def test_large_description(tmp_path: Path) -> None:
    path = archive(tmp_path / "w.keras", {"model.weights.h5": b"", "config.json": b" " * 5_000_000})
    refused(path, "config.json in the archive unpacks from .* a zip bomb; refused")


def test_many_members(tmp_path: Path) -> None:
    path = tmp_path / "w.keras"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, 60_000_000, 4, 0)
    path.write_bytes(b"PK\x03\x04" + b"\0" * 60_000_000 + end)
    refused(path, "table of contents is too large for a network.s file; refused")


def test_broken_archives(tmp_path: Path) -> None:
    good = archive(tmp_path / "w.keras", {"model.weights.h5": keras3(tmp_path / "w.h5").read_bytes()})
    content = good.read_bytes()
    good.write_bytes(content[: len(content) // 2])
    refused(good, "the archive is cut off; fetch or save it again")
    middle = len(content) // 2
    good.write_bytes(content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :])
    refused(good, "the archive is damaged .*Bad CRC-32.*; fetch or save it again")
    refused(archive(good, {"model.weights.h5": b"<html>"}), "the HDF5 file is damaged")
    refused(archive(good, {"../../model.weights.h5": b"x"}), "this zip archive holds no model.weights.h5")
    refused(
        archive(good, {"model.weights.json": b"{}"}),
        "spread over several files; save them with model.save_weights",
    )


def test_nothing_is_unpacked_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = keras3(tmp_path / "w.h5").read_bytes()
    path = archive(tmp_path / "w.keras", {"../escape.txt": b"x", "model.weights.h5": inner, "/abs": b"x"})
    monkeypatch.chdir(tmp_path)
    assert set(read(path).layers) == {"conv2d"}
    assert sorted(item.name for item in tmp_path.iterdir()) == ["w.h5", "w.keras"]
    assert not (tmp_path.parent / "escape.txt").exists()


# --- what is strange but fine --------------------------------------------------------------------


def test_html_in_names_is_text(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    save({f"{name}.weight": np.full((2, 2), np.nan, np.float32)}, tmp_path / "w.safetensors")
    module = nn.Sequential()
    module.add_module(name, nn.Linear(2, 2, bias=False))
    report = load_into(module, tmp_path / "w.safetensors")
    assert report.taken == report.nan == (name,)
    assert f"Warning: 1 layer holds NaN or infinite numbers: {name}." in str(report)
