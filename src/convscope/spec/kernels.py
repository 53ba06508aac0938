"""The shelf of named kernels: small windows of weights that do something a person can name.

A convolution layer does not flip its kernel: each number is multiplied with the pixel it lies on.
Kernels that blur add up to 1, so brightness stays; kernels that look for an edge add up to 0, so
an even area becomes 0.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from convscope.errors import SpecError

Kernel = Float64[np.ndarray, "h w"]

_SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
_PREWITT = [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]
_SCHARR = [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]]

_FIXED: dict[str, list[list[int]]] = {
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "laplacian": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "edge": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
    "sobel_x": _SOBEL,
    "sobel_y": [list(row) for row in zip(*_SOBEL, strict=True)],
    "prewitt_x": _PREWITT,
    "prewitt_y": [list(row) for row in zip(*_PREWITT, strict=True)],
    "scharr_x": _SCHARR,
    "scharr_y": [list(row) for row in zip(*_SCHARR, strict=True)],
    "horizontal_line": [[-1, -1, -1], [2, 2, 2], [-1, -1, -1]],
    "vertical_line": [[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]],
}


def _blur(height: int, width: int) -> Kernel:
    return np.full((height, width), 1.0 / (height * width))


def _gaussian(height: int, width: int) -> Kernel:
    """Rows of Pascal's triangle: the binomial kernel, which tends to a Gaussian of variance (k - 1) / 4."""

    def row(length: int) -> np.ndarray:
        return np.array([math.comb(length - 1, i) / 2 ** (length - 1) for i in range(length)])

    return np.outer(row(height), row(width))


def _identity(height: int, width: int) -> Kernel:
    if height % 2 == 0 or width % 2 == 0:
        raise SpecError(f"the kernel identity has a middle; got {height}x{width}, use odd sizes")
    kernel = np.zeros((height, width))
    kernel[height // 2, width // 2] = 1.0
    return kernel


def _diagonal(height: int, width: int) -> Kernel:
    if height != width:
        raise SpecError(f"the kernel diagonal is square; got {height}x{width}, use {height}x{height}")
    return np.eye(height)


def _antidiagonal(height: int, width: int) -> Kernel:
    return _diagonal(height, width)[:, ::-1].copy()


_ANY_SIZE: dict[str, Callable[[int, int], Kernel]] = {
    "blur": _blur,
    "gaussian": _gaussian,
    "identity": _identity,
    "diagonal": _diagonal,
    "antidiagonal": _antidiagonal,
}
_MAX_SIDE = 255


def kernel_names() -> tuple[str, ...]:
    """The names on the shelf."""
    return (*_ANY_SIZE, *_FIXED)


def natural_size(name: str) -> tuple[int, int]:
    """The size of a named kernel when none is asked for: 3 x 3."""
    _known(name)
    return (3, 3)


def kernel(name: str, size: tuple[int, int] | None = None) -> Kernel:
    """A named kernel.

    Args:
        name: one of :func:`kernel_names`.
        size: height and width in pixels. ``blur``, ``gaussian``, ``identity``, ``diagonal`` and
            ``antidiagonal`` come in any size, the others are 3 x 3.

    Returns:
        ``(height, width)`` float64.

    Raises:
        SpecError: an unknown name, or a size in which this kernel does not come.

    >>> kernel("laplacian").astype(int).tolist()
    [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    >>> kernel("gaussian", (1, 3)).tolist()
    [[0.25, 0.5, 0.25]]
    """
    _known(name)
    height, width = size or natural_size(name)
    if name in _ANY_SIZE:
        if max(height, width) > _MAX_SIDE:
            raise SpecError(f"the kernel {name} comes in sizes up to {_MAX_SIDE}x{_MAX_SIDE}; got {height}x{width}")
        return _ANY_SIZE[name](height, width)
    if (height, width) != (3, 3):
        raise SpecError(f"the kernel {name} is 3x3; got a layer whose kernel is {height}x{width}, use 3")
    return np.array(_FIXED[name], np.float64)


def _known(name: str) -> None:
    if name in _ANY_SIZE or name in _FIXED:
        return
    near = difflib.get_close_matches(name[:64], kernel_names(), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(kernel_names())}"
    raise SpecError(f"there is no kernel called {name!r}; {hint}")
