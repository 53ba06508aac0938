"""The lazy table of doors: which part opens what; nothing is imported for a framework that is not used.

===================================  =================
what people bring                    who opens it
===================================  =================
``.keras .h5 .hdf5``, a Keras model  ``adapters.keras``
``.onnx``                            ``adapters.onnx``
``.pt .pth .th .bin .pt2 ...``       ``adapters.torchfile``
``timm: torchvision: hf:``           ``adapters.hub``
===================================  =================
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from convscope.adapters.brought import Brought
from convscope.adapters.options import Options
from convscope.adapters.saved import naming
from convscope.errors import ConvscopeError, ModelError, WeightsError

FILES = {
    ".keras": "keras", ".h5": "keras", ".hdf5": "keras",
    ".onnx": "onnx",
    ".pt": "torchfile", ".pth": "torchfile", ".th": "torchfile", ".bin": "torchfile", ".ckpt": "torchfile",
    ".tar": "torchfile", ".pt2": "torchfile", ".ptl": "torchfile", ".torchscript": "torchfile", ".pkl": "torchfile",
    ".pickle": "torchfile",
}  # fmt: skip
HUBS = ("timm:", "torchvision:", "hf:")
NAMES = ("efficientnet-lite0",)
"""Networks whose weights another package brings."""
FRAMEWORKS = {"keras": "keras"}
"""Where a live model's class comes from, and who opens it."""


def through_a_door(model: Any, options: Options) -> Brought | None:
    """What the door for it gives; None where it is for none of them.

    Args:
        model: a reference, a path, or a live model of some framework.
        options: ``weights`` tells a hub that its own are not wanted, ``trust`` lets files run code.

    Raises:
        ModelError: it cannot be opened: missing, damaged, hostile, or a package is missing.
        WeightsError: the same of a file that holds weights alone.

    >>> through_a_door("conv(3, 3) | relu", Options()) is None
    True
    """
    if isinstance(model, str) and (model.startswith(HUBS) or model in NAMES):
        return _said_plainly(_door("hub").open_reference, model, options)
    if isinstance(model, str | Path):
        path = file_for_a_door(model)
        if path is None:
            return None
        with _naming_once(path):
            return _said_plainly(_door(FILES[path.suffix.lower()]).open_file, path, options)
    door = framework_of(model)
    return None if door is None else _said_plainly(_door(door).open_model, model, options)


def file_for_a_door(reference: str | Path) -> Path | None:
    """The model's file that a reference names; None where it names something else.

    Raises:
        ModelError: there is no such file.

    >>> file_for_a_door("lenet-5") is None
    True
    >>> file_for_a_door("nowhere/cat.onnx")
    Traceback (most recent call last):
    convscope.errors.ModelError: there is no file 'nowhere/cat.onnx'; check the path
    """
    path = Path(reference)
    if path.suffix.lower() not in FILES or str(reference).startswith(HUBS):
        return None
    try:
        if path.is_file():
            return path
        exists = path.exists()
    except (OSError, ValueError):  # a text that no file system takes as a name
        return None
    if exists:
        raise ModelError(f"{str(reference)!r} is not a file but a folder or a device; name the file with the network")
    if "(" in str(reference) or "\n" in str(reference):  # more likely a network as text
        return None
    raise ModelError(f"there is no file {str(reference)!r}; check the path")


def framework_of(model: Any) -> str | None:
    """The door for a live model, told by where its classes come from.

    >>> framework_of(3) is None
    True
    """
    for ancestor in type(model).__mro__:
        door = FRAMEWORKS.get(ancestor.__module__.partition(".")[0])
        if door is not None:
            return door
    return None


def package(name: str, *, extra: str, purpose: str) -> ModuleType:
    """A package that only some doors need.

    Args:
        name: as it is imported.
        extra: the extra of this package that brings it.
        purpose: what needs it, the beginning of a sentence.

    Raises:
        ModelError: it is not installed, or cannot be imported.

    >>> package("no_such_package", extra="onnx", purpose="an ONNX file")
    Traceback (most recent call last):
    convscope.errors.ModelError: an ONNX file needs the package 'no_such_package'; install it with: pip install \
'convscope[onnx]'
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] == name.partition(".")[0]:
            raise ModelError(
                f"{purpose} needs the package {name.partition('.')[0]!r}; install it with: "
                f"pip install 'convscope[{extra}]'"
            ) from None
        reason: Exception = error
    except Exception as error:  # noqa: BLE001 - whatever goes wrong inside somebody else's package
        reason = error
    raise ModelError(
        f"{purpose} needs the package {name.partition('.')[0]!r}, which is installed but cannot be imported: "
        f"{_first_line(reason)}; install a version that fits the others, with: pip install 'convscope[{extra}]'"
    ) from reason


def _door(name: str) -> Any:
    return importlib.import_module(f"convscope.adapters.{name}")


def _said_plainly(door: Callable[[Any, Options], Any], given: Any, options: Options) -> Brought:
    """What a door gives; an error that it did not foresee becomes a sentence too."""
    try:
        return cast("Brought", door(given, options))
    except ConvscopeError:
        raise
    except Exception as error:
        raise ModelError(
            f"it cannot be opened ({type(error).__name__}: {_first_line(error)}); it is damaged, or of a kind that is "
            "not known here; save or fetch it again"
        ) from error


def _first_line(error: BaseException, most: int = 160) -> str:
    text = " ".join(str(error).split()) or "no reason given"
    short = text if len(text) <= most else f"{text[:most]}..."
    return short if short.isprintable() else ascii(short)


@contextmanager
def _naming_once(path: Path) -> Iterator[None]:
    """Put the file's name in front of a sentence that lacks it."""
    try:
        yield
    except (ModelError, WeightsError) as error:
        if path.name in str(error):
            raise
        with naming(path):
            raise
