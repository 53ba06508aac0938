"""Where a photo goes into an ONNX file: which input, of which size, with its channels first or last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from convscope.adapters.onnx.reading import Source, Taken
from convscope.adapters.onnx.wire import quoted
from convscope.errors import ModelError
from convscope.network import Preprocessing

USUAL = 224
MOST_PIXELS = 50_000_000
CHANNELS = frozenset({1, 3})


@dataclass(frozen=True)
class Entry:
    """An input that is given the photo.

    Attributes:
        name: of the value in the file.
        channels, height, width: of the photo.
        axes: axis i of the file's value is axis ``axes[i]`` of the photos (N, C, H, W); fewer where the file's value
            has no axis for channels, or is a list of pixels.
        photos: how many photos the file says that it takes, None where it leaves that open.
        whole: it takes whole numbers, 0..255.
        guessed: the height and width are not the file's.
    """

    name: str
    channels: int
    height: int
    width: int
    axes: tuple[int, ...]
    photos: int | None
    whole: bool
    guessed: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the photo."""
        return self.channels, self.height, self.width

    @property
    def preprocessing(self) -> Preprocessing:
        """As far as the file says how photos reach it."""
        return Preprocessing(
            size=(self.height, self.width), channels=self.channels, scale="byte" if self.whole else "unit"
        )


def entries(source: Source, size: tuple[int, int] | None) -> list[Entry]:
    """All inputs of the file; each of them is given the same photo.

    Args:
        source: the file.
        size: (height, width) that the caller asks for, None for the file's.

    Raises:
        ModelError: an input takes something else than a photo, or not of this size, or there are photos of two sizes.
    """
    if not source.inputs:
        raise ModelError("the network takes no input; export it with its picture as an input")
    found = [_entry(source, taken, size) for taken in source.inputs]
    if any(entry.shape != found[0].shape for entry in found):
        said = ", ".join(f"{quoted(entry.name)} {'x'.join(map(str, entry.shape))}" for entry in found)
        raise ModelError(f"its inputs take pictures of several sizes ({said}); convscope gives all of them one photo")
    return found


def _entry(source: Source, taken: Taken, size: tuple[int, int] | None) -> Entry:
    shape = taken.shape
    if len(shape) == 4:
        axes = _layout(source, taken)
        known = {axis: shape[place] for place, axis in enumerate(axes)}
        channels = known[1] or _channels(source)
    elif len(shape) == 3:
        axes, channels, known = (0, 2, 3), 1, {2: shape[1], 3: shape[2]}
    elif len(shape) == 2 and shape[1] is not None and math.isqrt(shape[1]) ** 2 == shape[1] > 1:
        side = math.isqrt(shape[1])
        axes, channels, known = (0, 1), 1, {2: side, 3: side}
    else:
        raise ModelError(f"its input {quoted(taken.name)} of {_written(shape)} takes no picture")
    if channels not in CHANNELS:
        raise ModelError(
            f"its input {quoted(taken.name)} of {_written(shape)} takes {channels} channels; photos have 3, grey ones 1"
        )
    height, width = _size(taken, (known[2], known[3]), size)
    open_size = known[2] is None or known[3] is None
    return Entry(taken.name, channels, height, width, axes, shape[0], taken.whole, open_size and size is None)


def _size(taken: Taken, known: tuple[int | None, int | None], wanted: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width: the file's, else the caller's, else the usual ones."""
    if wanted is not None:
        if any(its not in {None, asked} for its, asked in zip(known, wanted, strict=True)):
            raise ModelError(
                f"its input {quoted(taken.name)} takes pictures of {_written(known)} only, not {_written(wanted)}; "
                "leave out the size"
            )
        return wanted
    height, width = known[0] or known[1] or USUAL, known[1] or known[0] or USUAL
    if height * width > MOST_PIXELS:
        raise ModelError(f"its input {quoted(taken.name)} takes pictures of {height}x{width}; refused")
    return height, width


def _layout(source: Source, taken: Taken) -> tuple[int, ...]:
    """Channels first, unless the sizes or what becomes of the input say that they are last."""
    _, first, _, last = taken.shape
    for node in source.nodes:
        if taken.name in node.inputs[:1] and node.operator in {"Conv", "Transpose"}:
            turned = node.operator == "Transpose" and node.attributes.get("perm") == [0, 3, 1, 2]
            if turned or node.operator == "Conv":
                return (0, 2, 3, 1) if turned else (0, 1, 2, 3)
    return (0, 2, 3, 1) if first not in CHANNELS and last in CHANNELS else (0, 1, 2, 3)


def _channels(source: Source) -> int:
    """Of an input that leaves them open: those of the first convolution."""
    for node in source.nodes:
        if node.operator == "Conv" and len(node.inputs) > 1 and node.inputs[1] in source.constants:
            weight = source.constants[node.inputs[1]]
            return int(weight.shape[1]) * int(node.attributes.get("group", 1)) if weight.ndim == 4 else 3
    return 3


def _written(shape: Sequence[int | None]) -> str:
    return "x".join("?" if size is None else str(size) for size in shape) or "no axes"
