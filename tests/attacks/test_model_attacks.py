"""Hostile and broken PyTorch files: one sentence each, at once, in little memory, and nothing of them is ever run."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convscope.adapters import Options, connect
from convscope.errors import ConvscopeError, ModelError, WeightsError
from convscope.weights import read
from convscope.weights.torch_pickle import understand

MARK = "convscope-was-attacked"


def memory_peak() -> int:
    """Bytes of memory this process has ever held; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def _imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Libraries are loaded before anything is measured."""
    path = tmp_path_factory.mktemp("warm") / "w.pt"
    torch.save({"a.weight": torch.ones(2)}, path)
    read(path)


def refused(path: Path, message: str) -> None:
    """As weights and as a network, trusted or not where it is no matter of trust."""
    for use in (lambda: read(path), lambda: connect(path, lambda _: (3, 8, 8), Options())):
        before = memory_peak()
        with pytest.raises(ConvscopeError, match=message) as caught:
            use()
        assert isinstance(caught.value, WeightsError | ModelError)
        assert memory_peak() - before < 300e6
        text = str(caught.value)
        assert "\n" not in text
        assert len(text) < 500
        assert path.name in text
    assert not Path(MARK).exists()


# --- archives --------------------------------------------------------------------------------------------------------


def saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def rewritten(
    content: bytes,
    change: Callable[[str, bytes], bytes | None] = lambda _, data: data,
    packing: int = zipfile.ZIP_STORED,
) -> bytes:
    """An archive with its members changed; None leaves one out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", packing) as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return out.getvalue()


def with_pickle(data: bytes, **storages: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        new.writestr("net/data.pkl", data)
        for key, content in storages.items():
            new.writestr(f"net/data/{key.removeprefix('s')}", content)
    return out.getvalue()


STATE = {"conv.weight": torch.ones(2, 3, 3, 3), "conv.bias": torch.zeros(2)}


def bomb() -> bytes:
    """A megabyte that unpacks to a gigabyte, as torch.load would do."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("net/data.pkl", saved_pickle(STATE))
        with new.open("net/data/0", "w", force_zip64=True) as member:
            for _ in range(100):
                member.write(bytes(1 << 20))
    return out.getvalue()


def saved_pickle(state: Any) -> bytes:
    with zipfile.ZipFile(io.BytesIO(saved(state))) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


def overlapping() -> bytes:
    """Two entries of the table of contents are the same bytes: each claims them all."""
    content = bytearray(with_pickle(saved_pickle(STATE), s0=bytes(1000), s1=bytes(8)))
    end = content.rfind(b"PK\x05\x06")
    start = struct.unpack("<I", content[end + 16 : end + 20])[0]
    directory = bytes(content[start:end])
    entries = directory * 40
    content[start:end] = entries
    tail = len(content) - 22
    struct.pack_into("<HHI", content, tail + 8, 3 * 40, 3 * 40, len(entries))
    return bytes(content)


ARCHIVES: dict[str, tuple[Callable[[], bytes], str]] = {
    "bomb": (bomb, r"net/data.pkl in the archive is packed .* which PyTorch never does; refused"),
    "overlapping": (overlapping, "its members claim .* a zip bomb; refused|the archive is damaged"),
    "half": (lambda: saved(STATE)[:700], "the archive is cut off|is damaged"),
    "one byte": (lambda: b"P", "it is no weights file|starts with"),
    "no storage": (
        lambda: rewritten(saved(STATE), lambda name, data: None if name.endswith("data/0") else data),
        "the numbers of conv.weight are not in the file|but not the network",
    ),
    "short storage": (
        lambda: rewritten(saved(STATE), lambda name, data: data[:8] if name.endswith("data/0") else data),
        "conv.weight should have 54 numbers and the file holds 2|but not the network",
    ),
    "other order of bytes": (
        lambda: rewritten(saved(STATE), lambda name, data: b"big" if name.endswith("byteorder") else data),
        "saved on a machine with another order of bytes|but not the network",
    ),
    "no description": (
        lambda: rewritten(saved(STATE), lambda name, data: None if name.endswith("data.pkl") else data),
        "holds no model.weights.h5|none of PyTorch's",
    ),
    "long description": (
        lambda: with_pickle(pickle.dumps("x" * 5_000_000)),
        "its description of the tensors is far longer than weights need; refused",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ARCHIVES)
def test_archives(tmp_path: Path, case: str) -> None:
    make, message = ARCHIVES[case]
    path = tmp_path / "net.pt"
    path.write_bytes(make())
    refused(path, message)


# --- pickles ---------------------------------------------------------------------------------------------------------


class Runs:
    """Would make a file when it is loaded."""

    def __init__(self, function: Any = os.mkdir, *arguments: Any) -> None:
        self.how = (function, arguments or (MARK,))

    def __reduce__(self) -> Any:
        return self.how


def tensor(size: Any, stride: Any, count: Any = 4, *, offset: Any = 0) -> bytes:
    """A state dict with one tensor that claims this."""
    import collections

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return ("storage", torch.FloatStorage, "0", "cpu", count) if obj == "STORAGE" else None

    class Rebuilt:
        def __reduce__(self) -> Any:
            return torch._utils._rebuild_tensor_v2, ("STORAGE", offset, size, stride, False, collections.OrderedDict())

    buffer = io.BytesIO()
    Pickler(buffer, 2).dump({"conv.weight": Rebuilt()})
    return buffer.getvalue()


PICKLES: dict[str, tuple[bytes, str]] = {
    "large shape": (tensor((1 << 40, 4), (4, 1)), "a tensor claims 1099511627776x4 numbers and its storage has 4"),
    "no strides": (tensor((1 << 20, 1 << 20), (0, 0)), "a tensor claims 1048576x1048576 numbers and its storage has 4"),
    "beyond the end": (tensor((2, 2), (2, 1), offset=1), "a tensor claims 2x2 numbers and its storage has 4"),
    "negative": (tensor((-2, 2), (2, 1)), "a tensor claims the shape -2x2, which cannot be"),
    "backwards": (tensor((2, 2), (-2, 1), offset=3), "a tensor claims the shape 2x2, which cannot be"),
    "no numbers": (tensor(("a", 2), (2, 1)), "a tensor claims the shape ax2, which cannot be"),
    "overflow": (tensor((1 << 62, 1 << 62), (1, 1)), "which cannot be"),
    "many axes": (tensor((1,) * 40, (1,) * 40), "which cannot be"),
    "wrong strides": (tensor((2, 2), (1,)), "which cannot be"),
    "storage of a petabyte": (tensor((2, 2), (2, 1), count=1 << 50), "a storage claims 1125899906842624 numbers"),
    "storage of text": (tensor((2, 2), (2, 1), count="4"), "a storage claims 4 numbers, which cannot be"),
    "more than there is": (tensor((20, 20), (20, 1), count=400), "conv.weight should have 400 numbers|not the network"),
    "cut off": (tensor((2, 2), (2, 1))[:-9], "its description of the tensors is damaged"),
    "not one": (b"hello", "its description of the tensors is damaged"),
    "memo": (b"\x80\x02}r\xff\xff\xff\x7f.", "its pickle numbers its parts as PyTorch never does; refused"),
    "memo as text": (b"\x80\x02}p999999999\n.", "its pickle numbers its parts as PyTorch never does; refused"),
    "extension": (b"\x80\x02\x82\x01.", "its pickle uses EXT1, which PyTorch never writes; refused"),
    "very long text": (b"\x80\x04\x8d" + struct.pack("<Q", 1 << 60) + b"x.", "is damaged"),
    "many commands": (b"\x80\x02" + b"NNNN0000" * 200_000 + b"N.", "far longer than weights need; refused"),
    "copies": (
        b"\x80\x02]q\x00(" + b"K\x01K\x02\x86" * 2000 + b"e0" + b"ccollections\nOrderedDict\nh\0\x85R0" * 1000 + b"N.",
        "its pickle copies the same entries over and over; refused",
    ),
    "deep": (b"\x80\x02" + b"(" * 200_000 + b"t" * 200_000 + b".", "no tensors by name|is damaged|0 tensors|too deep"),
}  # fmt: skip


@pytest.mark.parametrize("case", PICKLES)
def test_pickles(tmp_path: Path, case: str) -> None:
    data, message = PICKLES[case]
    path = tmp_path / "net.pt"
    path.write_bytes(with_pickle(data, s0=bytes(16)))
    refused(path, message)


@pytest.mark.parametrize(
    "hostile",
    [Runs(), Runs(os.system, f"touch {MARK}"), Runs(eval, f"open({MARK!r}, 'w')"), Runs(exec, "raise SystemExit")],
    ids=["mkdir", "system", "eval", "exec"],
)
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "before 1.6"])
def test_nothing_that_a_pickle_names_is_run(tmp_path: Path, hostile: Runs, legacy: bool) -> None:
    path = tmp_path / "net.pt"
    torch.save(
        {"state_dict": STATE, "args": hostile, "weird": [hostile]}, path, _use_new_zipfile_serialization=not legacy
    )
    layer = read(path).layers["conv"]
    np.testing.assert_array_equal(layer["weight"], STATE["conv.weight"].numpy())
    with pytest.raises(ModelError, match=r"it holds 2 tensors \(conv.weight, conv.bias\) but not the network"):
        connect(path, lambda _: (3, 8, 8))
    assert not Path(MARK).exists()


def test_an_alternative_to_a_name_is_still_no_code() -> None:
    """Every way a pickle can call something: REDUCE, NEWOBJ, INST, OBJ, BUILD, and a name with dots."""
    for data in (
        b"cos\nmkdir\n(V" + MARK.encode() + b"\ntR.",
        b"(ios\nmkdir\nV" + MARK.encode() + b"\n.",
        b"(V" + MARK.encode() + b"\nios\nmkdir\n.",
        b"\x80\x02(cos\nmkdir\nV" + MARK.encode() + b"\no.",
        b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93\x8c" + bytes([len(MARK)]) + MARK.encode() + b"\x85R.",
        b"\x80\x04\x8c\x08builtins\x8c\x0d__import__.os\x93\x8c\x02os\x85R}b.",
    ):
        with contextlib.suppress(WeightsError):
            understand(data)
    assert not Path(MARK).exists()


def test_a_network_that_contains_itself(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3))
    model.add_module("again", model)
    torch.save(model, tmp_path / "net.pt")
    assert set(read(tmp_path / "net.pt").layers) == {"0"}


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    torch.save({"\x1b[31m<img onerror=1>\n.weight": torch.ones(2)}, tmp_path / "net.pt")
    with pytest.raises(ModelError, match=r"it holds 1 tensor \('\\x1b\[31m<img onerror=1>\\n.weight'\)"):
        connect(tmp_path / "net.pt", lambda _: (3, 8, 8))


def test_flipped_bytes_never_escape(tmp_path: Path) -> None:
    """Whatever single byte is wrong: the file reads, or one sentence says why not."""
    random = np.random.default_rng(2)
    for legacy in (False, True):
        buffer = io.BytesIO()
        torch.save(STATE, buffer, _use_new_zipfile_serialization=not legacy)
        good = buffer.getvalue()
        path = tmp_path / "net.pt"
        for place in random.integers(0, len(good), 150):
            path.write_bytes(good[:place] + bytes([random.integers(256)]) + good[place + 1 :])
            with contextlib.suppress(WeightsError):
                read(path)


@pytest.mark.parametrize("cut", [16, 60, 300, 700])
def test_old_files_that_are_cut_off(tmp_path: Path, cut: int) -> None:
    buffer = io.BytesIO()
    torch.save(STATE, buffer, _use_new_zipfile_serialization=False)
    path = tmp_path / "net.pth"
    path.write_bytes(buffer.getvalue()[:cut])
    with pytest.raises(WeightsError, match=r"is damaged|is cut off|order that is not understood"):
        read(path)


def test_a_file_that_is_mostly_a_hole(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(saved(STATE))
    os.truncate(path, 4_000_000_000)
    refused(path, "more than weights of an image network need; refused")


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/net\xff.pt"))
    path.write_bytes(saved(STATE))
    with pytest.raises(ModelError, match=r"^'net\\udcff.pt': it holds 2 tensors"):
        connect(path, lambda _: (3, 8, 8))


def test_a_device_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "null.pt").symlink_to("/dev/null")
    with pytest.raises(ModelError, match="is not a file but a folder or a device; name the file with the network"):
        connect(tmp_path / "null.pt", lambda _: (3, 8, 8))
