"""PyTorch's own files as networks: weights alone, modules that were pickled whole, TorchScript, exported programs.

What a file is is found without loading it (``convscope.weights``). Only weights can be read without running anything
from the file; the three others are opened where the user says that they trust whoever made them.

::

    what the file holds     without trust                         with trust
    weights (state dict)    refused: which network? (--weights)   the same
    module, pickled whole   refused                               torch.load, the module as it is
    TorchScript             refused                               its operations one by one (script.py, program.py)
    exported program        refused                               the same (exported.py, program.py)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convscope.adapters.brought import Brought
from convscope.adapters.options import Options
from convscope.errors import ModelError, WeightsError
from convscope.network import Preprocessing
from convscope.weights.files import HDF5, LEGACY_TORCH, ZIP, beginning, said_plainly, what_else
from convscope.weights.torch_files import TorchFile, is_torch_zip, open_torch
from convscope.weights.value import named, shown

GIVE = (
    "say which network they belong to: --net SPEC --weights FILE, --model timm:NAME --weights FILE, or --model "
    "package.module:function --weights FILE"
)
TRUST = "open it with --trust (trust=True) if you know who made it"
NUMBERS = "or take only its numbers, which runs nothing: --net SPEC --weights FILE"


def open_file(path: Path, options: Options) -> Brought:
    """A network from a file that PyTorch wrote.

    Args:
        path: the file.
        options: ``trust`` allows loading what can run code.

    Raises:
        ModelError: it holds weights alone, is not trusted, or is of another kind.
        WeightsError: it is damaged or hostile.
    """
    with said_plainly(path):
        start, size = beginning(path)
        found = _examined(path, start, size)
    if found.kind == "numbers":
        count = len(found.tensors)
        raise ModelError(
            f"it holds {count} tensor{'s' * (count != 1)} ({named(found.tensors, most=3)}) but not the network; {GIVE}"
        )
    if not options.trust:
        raise ModelError(_refusal(found))
    if options.weights is not None and found.kind != "network":
        raise ModelError("it is a program with its own weights, which no others can replace; leave --weights out")
    opened = {"network": _whole, "script": _script, "program": _exported}[found.kind]
    return opened(path, found)


def _examined(path: Path, start: bytes, size: int) -> TorchFile:
    if start.startswith(ZIP):
        if is_torch_zip(path, size):
            return open_torch(path, size, legacy=False)
        raise ModelError("this zip archive is none of PyTorch's; if Keras wrote it, let its name end in .keras")
    if start.startswith(LEGACY_TORCH):
        return open_torch(path, size, legacy=True)
    if start.startswith(HDF5):
        raise ModelError("this is an HDF5 file, not one of PyTorch's; if Keras wrote it, let its name end in .h5")
    if start[8:9] == b"{":
        raise ModelError("these are weights in safetensors; let the file's name end in .safetensors")
    if start[257:262] == b"ustar":
        raise ModelError(
            "this is a tar archive; unpack it, or, if PyTorch before 0.1.10 wrote it, save it again with a later one"
        )
    raise ModelError(what_else(start))


def _refusal(found: TorchFile) -> str:
    if found.kind == "network":
        return (
            f"it is a whole network as a pickle, and loading it runs code of the file's choosing (it asks for "
            f"{shown(found.origin)}); {TRUST}, {NUMBERS}"
        )
    if found.kind == "script":
        return (
            f"it is TorchScript, a program, and loading it can run more than a network (it can read and write files); "
            f"{TRUST}, {NUMBERS}"
        )
    return (
        f"it is a program of torch.export, and loading one unpacks pickles, which run code of the file's choosing; "
        f"{TRUST}, or save the module's state_dict where you have it"
    )


def _whole(path: Path, found: TorchFile) -> Brought:
    import torch

    with _failing_plainly(found.origin), _quiet():
        model = torch.load(path, map_location="cpu", weights_only=False)
    if isinstance(model, dict):  # a training's checkpoint with the network in it
        model = next((value for value in model.values() if isinstance(value, torch.nn.Module)), model)
    if not isinstance(model, torch.nn.Module):
        raise ModelError(f"it holds a {type(model).__name__}, not a network; save a torch.nn.Module")
    return Brought(model.float(), type(model).__name__, about={"format": "PyTorch module, pickled whole"})


def _script(path: Path, found: TorchFile) -> Brought:
    import torch

    from convscope.adapters.torchfile.program import Unknown
    from convscope.adapters.torchfile.script import program_of

    with _failing_plainly(found.origin), _quiet():
        loaded: Any = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        loaded.eval()
    first = next((one for one in loaded.state_dict().values() if one.ndim == 4), None)
    wanted = Preprocessing(channels=1 if first is not None and first.shape[1] == 1 else 3)
    title, about = found.origin.rpartition(".")[2], {"format": "TorchScript"}
    try:
        return Brought(program_of(loaded), title, wanted, (), about, scale_known=False)
    except Unknown as reason:
        note = f"its operation {reason} is not known here, so the whole network is one step"
        return Brought(loaded, title, wanted, (), about, (note,), scale_known=False)


def _exported(path: Path, _found: TorchFile) -> Brought:
    import torch

    from convscope.adapters.torchfile.exported import input_of, program_of
    from convscope.adapters.torchfile.program import Unknown

    with _failing_plainly("a program"), _quiet():
        loaded: Any = torch.export.load(str(path))
    about = {"format": "exported program"}
    wanted = input_of(loaded)
    try:
        return Brought(program_of(loaded), path.stem, wanted, (), about, scale_known=False)
    except Unknown as reason:
        note = f"its operation {reason} is not known here, so its steps lack their arithmetic"
        return Brought(loaded.module(), path.stem, wanted, (), about, (note,), scale_known=False)


@contextmanager
def _failing_plainly(origin: str) -> Iterator[None]:
    """Whatever goes wrong while a trusted file runs its code is one sentence."""
    try:
        yield
    except (ModelError, WeightsError):
        raise
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"its code is not here: {shown(str(error))}; start where {shown(origin)} can be imported, {NUMBERS}"
        ) from error
    except Exception as error:  # whatever the file's own code raises
        raise ModelError(
            f"PyTorch cannot load it ({type(error).__name__}: {shown(_line(error))}); save it again"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch's remarks on old files are for those who write them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _line(error: BaseException, most: int = 160) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= most else f"{text[:most]}..."
