"""Small modules for what a file writes as a layer and PyTorch as a function: sums, joins, new shapes, slices.

Each calls one torch function that the op tape knows (``adapters/torch/operations.py``), so that its step has its
kind, settings and arithmetic. Shapes and axes are those of the whole tensor, whose axis 0 is the batch; sizes never
name the batch's, so that several photos can be run at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional as F  # noqa: N812 - its usual name


class Merge(torch.nn.Module):
    """Two or more tensors joined number by number, from left to right: ``add``, ``sub``, ``mul``, ``div``,
    ``maximum``, ``minimum``. Shapes broadcast.

    >>> Merge("add")(torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([3.0]))
    tensor([6.])
    """

    def __init__(self, function: str) -> None:
        super().__init__()
        self.function = function

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        """The result, of the shape to which ``values`` broadcast."""
        function = getattr(torch, self.function)
        result = values[0]
        for value in values[1:]:
            result = function(result, value)
        return result

    def extra_repr(self) -> str:
        """What it does."""
        return self.function


class With(torch.nn.Module):
    """One tensor and one constant joined number by number; see :class:`Merge`.

    Args:
        function: name in torch.
        constant: a number, or a tensor that becomes the parameter ``constant``.
        first: the constant is the left operand (``1 - x``).

    >>> With("sub", 1.0, first=True)(torch.tensor([0.25]))
    tensor([0.7500])
    """

    constant: torch.Tensor | float

    def __init__(self, function: str, constant: torch.Tensor | float, *, first: bool = False) -> None:
        super().__init__()
        self.function, self.first = function, first
        if isinstance(constant, torch.Tensor):
            self.constant = torch.nn.Parameter(constant, requires_grad=False)
        else:
            self.constant = float(constant)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """The result, of the shape to which value and constant broadcast."""
        constant = self.constant
        if not isinstance(constant, torch.Tensor):
            return _NUMBERS[self.function](value, constant, self.first)
        operands = (constant, value) if self.first else (value, constant)
        result: torch.Tensor = getattr(torch, self.function)(*operands)
        return result

    def extra_repr(self) -> str:
        """What it does."""
        what = "a tensor" if isinstance(self.constant, torch.Tensor) else f"{self.constant:g}"
        return f"{self.function}, {what}{', first' * self.first}"


#: With a number instead of a tensor, as Python writes it: the step then holds the number itself.
_NUMBERS: dict[str, Callable[[torch.Tensor, float, bool], torch.Tensor]] = {
    "add": lambda value, number, _: value + number,
    "mul": lambda value, number, _: value * number,
    "sub": lambda value, number, first: number - value if first else value - number,
    "div": lambda value, number, first: number / value if first else value / number,
    "maximum": lambda value, number, _: torch.clamp(value, min=number),
    "minimum": lambda value, number, _: torch.clamp(value, max=number),
}


class Average(torch.nn.Module):
    """The mean of two or more tensors: their sum, then one division."""

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        """The mean, of the shape to which ``values`` broadcast."""
        result = values[0]
        for value in values[1:]:
            result = torch.add(result, value)
        return torch.div(result, len(values))


class Concat(torch.nn.Module):
    """Tensors joined along an axis, 1 for channels."""

    def __init__(self, axis: int = 1) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        """One tensor, as long along the axis as all together."""
        return torch.cat(values, self.axis)

    def extra_repr(self) -> str:
        """Its axis."""
        return f"axis={self.axis}"


class Reshape(torch.nn.Module):
    """Another shape for each photo of the batch, -1 for one size that follows from the others.

    >>> Reshape((2, -1))(torch.zeros(5, 8, 3)).shape
    torch.Size([5, 2, 12])
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """The numbers of ``value`` in their order, (N, *shape)."""
        return value.reshape(value.shape[0], *self.shape)

    def extra_repr(self) -> str:
        """Its shape."""
        return f"{self.shape}"


class Permute(torch.nn.Module):
    """Axes in another order: axis i of the result is axis ``axes[i]`` of the input; 0 is the batch."""

    def __init__(self, axes: Sequence[int]) -> None:
        super().__init__()
        self.axes = tuple(axes)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """``value`` with its axes rearranged."""
        return value.permute(self.axes)

    def extra_repr(self) -> str:
        """Its axes."""
        return f"{self.axes}"


class Pad(torch.nn.Module):
    """Padding, or with negative amounts cropping.

    Args:
        amounts: as ``torch.nn.functional.pad`` takes them: (left, right, top, bottom, ...) from the last axis on.
        mode: ``constant``, ``reflect``, ``replicate`` or ``circular``.
        value: what is put there, for ``constant``.
    """

    def __init__(self, amounts: Sequence[int], mode: str = "constant", value: float = 0.0) -> None:
        super().__init__()
        self.amounts, self.mode, self.value = tuple(amounts), mode, value

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """``value`` with its edges moved."""
        return F.pad(value, self.amounts, self.mode, self.value if self.mode == "constant" else None)

    def extra_repr(self) -> str:
        """Its amounts."""
        return f"{self.amounts}, {self.mode}"


class Slice(torch.nn.Module):
    """A part of each axis: slices with steps of 1 or more, or whole numbers, which drop their axis."""

    def __init__(self, index: Sequence[slice | int]) -> None:
        super().__init__()
        self.index = tuple(index)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """The part."""
        return value[self.index]

    def extra_repr(self) -> str:
        """Its index."""
        return f"{self.index}"


class Reduce(torch.nn.Module):
    """Axes averaged, summed or replaced by their largest number: ``mean``, ``sum``, ``amax``, ..."""

    def __init__(self, function: str, axes: Sequence[int], *, keepdim: bool = False) -> None:
        super().__init__()
        self.function, self.axes, self.keepdim = function, tuple(axes), keepdim

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """``value`` without those axes, or with 1 for their sizes."""
        result: torch.Tensor = getattr(torch, self.function)(value, dim=self.axes, keepdim=self.keepdim)
        return result

    def extra_repr(self) -> str:
        """What it does."""
        return f"{self.function}, axes={self.axes}, keepdim={self.keepdim}"


class Resize(torch.nn.Module):
    """Maps of another size, by ``torch.nn.functional.interpolate``.

    Args:
        size: (height, width) of the result; None to go by the factors.
        factors: by which height and width grow; None to go by the size.
        mode: ``nearest``, ``nearest-exact``, ``bilinear``, ``bicubic`` or ``area``.
        align_corners: where the corners' centres stay in place; only for ``bilinear`` and ``bicubic``.
    """

    def __init__(
        self, size: tuple[int, int] | None, factors: tuple[float, float] | None, mode: str = "nearest", *,
        align_corners: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.size, self.factors, self.mode = size, factors, mode
        self.align_corners = align_corners if mode in {"bilinear", "bicubic"} else None

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """``value`` (N, C, H, W) with other H and W."""
        return F.interpolate(value, self.size, self.factors, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        """Its size or factors."""
        return f"{self.size or self.factors}, {self.mode}"


class Apply(torch.nn.Module):
    """One function of PyTorch for every number, by its name: ``exp``, ``sqrt``, ``abs``, ``square``, ..."""

    def __init__(self, function: str) -> None:
        super().__init__()
        self.function = function

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """The function's values."""
        result: torch.Tensor = getattr(torch, self.function)(value)
        return result

    def extra_repr(self) -> str:
        """Its name."""
        return self.function
