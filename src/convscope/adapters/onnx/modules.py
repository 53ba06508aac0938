"""Small modules for operators that PyTorch has as functions only, beside those of ``adapters/elementary.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812 - its usual name


class Clamp(torch.nn.Module):
    """Numbers kept between two bounds, either of which may be missing."""

    def __init__(self, least: float | None, most: float | None) -> None:
        super().__init__()
        self.least, self.most = least, most

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """Numbers in the bounds."""
        return torch.clamp(value, min=self.least, max=self.most)

    def extra_repr(self) -> str:
        """Its bounds."""
        return f"min={self.least}, max={self.most}"


class Power(torch.nn.Module):
    """Numbers raised to one power."""

    def __init__(self, exponent: float) -> None:
        super().__init__()
        self.exponent = exponent

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """The powers."""
        return torch.pow(value, self.exponent)

    def extra_repr(self) -> str:
        """The exponent."""
        return f"{self.exponent:g}"


class Split(torch.nn.Module):
    """Parts of one axis, given as several tensors."""

    def __init__(self, sizes: Sequence[int], axis: int) -> None:
        super().__init__()
        self.sizes, self.axis = list(sizes), axis

    def forward(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The parts, in order."""
        return torch.split(value, self.sizes, self.axis)

    def extra_repr(self) -> str:
        """Sizes and axis."""
        return f"{self.sizes}, axis={self.axis}"


class Pick(torch.nn.Module):
    """Places of one axis in a given order: channels that change places, rows that are doubled."""

    def __init__(self, axis: int, places: Sequence[int]) -> None:
        super().__init__()
        self.axis = axis
        self.register_buffer("places", torch.tensor(list(places), dtype=torch.int64), persistent=False)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """``value`` with those places of the axis."""
        places = self.places
        assert isinstance(places, torch.Tensor)
        return torch.index_select(value, self.axis, places)

    def extra_repr(self) -> str:
        """The axis."""
        return f"axis={self.axis}"


class Regroup(torch.nn.Module):
    """Another shape of all photos together, for files that join or leave out the axis of photos.

    Args:
        shape: sizes for one photo.
        grows: which of them there are as many times as photos.
        numbers: how many numbers there are of one photo.
    """

    def __init__(self, shape: Sequence[int], grows: Sequence[bool], numbers: int) -> None:
        super().__init__()
        self.shape, self.grows, self.numbers = tuple(shape), tuple(grows), numbers

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """The same numbers in the same order."""
        photos = value.numel() // self.numbers
        return value.reshape(
            [size * photos if grows else size for size, grows in zip(self.shape, self.grows, strict=True)]
        )

    def extra_repr(self) -> str:
        """Its shape."""
        return " x ".join(
            f"{size}N" if grows else str(size) for size, grows in zip(self.shape, self.grows, strict=True)
        )


class Repeat(torch.nn.Module):
    """Axes of size 1 made longer by repeating; -1 leaves an axis as it is."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """``value``, as large as asked for."""
        return value.expand(self.shape)

    def extra_repr(self) -> str:
        """Its shape."""
        return f"{self.shape}"


class Resample(torch.nn.Module):
    """Maps of another size, where each row and column of the result is a weighted sum of the input's.

    Args:
        rows: (new height, height).
        columns: (new width, width).
    """

    def __init__(self, rows: torch.Tensor, columns: torch.Tensor) -> None:
        super().__init__()
        self.rows = torch.nn.Parameter(rows, requires_grad=False)
        self.columns = torch.nn.Parameter(columns, requires_grad=False)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """``value`` (N, C, H, W) with other H and W."""
        return torch.matmul(torch.matmul(self.rows, value), self.columns.T)


class Numbers(torch.nn.Module):
    """Truth values as 0 and 1."""

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """Float32."""
        return value.to(torch.float32)


class Held(torch.nn.Module):
    """A function of PyTorch of which the file holds some operands.

    Args:
        function: its name in torch.
        constants: operands by their place; they become parameters without gradients.
        before: arguments that stand in front of the tensors.
    """

    def __init__(self, function: str, constants: Mapping[int, torch.Tensor], before: Sequence[Any] = ()) -> None:
        super().__init__()
        self.function, self.before = function, tuple(before)
        self.places = tuple(sorted(constants))
        for place in self.places:
            self.register_parameter(f"operand_{place}", torch.nn.Parameter(constants[place], requires_grad=False))

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        """The function of the operands, with ``values`` in the places that are left."""
        rest = iter(values)
        count = len(self.places) + len(values)
        operands = [getattr(self, f"operand_{place}") if place in self.places else next(rest) for place in range(count)]
        result: torch.Tensor = getattr(torch, self.function)(*self.before, *operands)
        return result

    def extra_repr(self) -> str:
        """Its name."""
        return self.function


class MeanWithoutPadding(torch.nn.Module):
    """Average pooling whose padding counts neither in the sum nor in the number, for any padding.

    PyTorch's own pooling takes the same padding on both sides only.

    Args:
        kernel, stride: (rows, columns).
        padding: rows above and below, columns left and right.
    """

    def __init__(self, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding = kernel, stride, padding

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """``value`` (N, C, H, W) with smaller H and W."""
        top, bottom, left, right = self.padding
        around = (left, right, top, bottom)
        inside = F.pad(value.new_ones((1, 1, *value.shape[-2:])), around)
        sums = F.avg_pool2d(F.pad(value, around), self.kernel, self.stride)
        return sums / F.avg_pool2d(inside, self.kernel, self.stride)

    def extra_repr(self) -> str:
        """Its window."""
        return f"kernel={self.kernel}, stride={self.stride}, padding={self.padding}"
