"""What every data set looks like to a training: labelled pictures of one size, taken by number."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64, Integer, Shaped, UInt8

from convscope.errors import DataError


@runtime_checkable
class Samples(Protocol):
    """Labelled pictures of one size.

    Attributes:
        classes: names of the classes.
        shape: height, width and channels of what :meth:`take` returns.
    """

    classes: tuple[str, ...]
    shape: tuple[int, int, int]

    @property
    def labels(self) -> Int64[np.ndarray, " n"]:
        """The class of each sample: a place in ``classes``."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """What to call each sample, safe to print."""
        ...

    @property
    def keys(self) -> Sequence[str]:
        """A hash of the content of each sample; equal keys mean the same picture."""
        ...

    def __len__(self) -> int: ...

    def take(self, indices: Integer[np.ndarray, " m"]) -> UInt8[np.ndarray, "m h w c"]:
        """The pixels of these samples, in this order; may be called from several threads at once."""
        ...


class ArraySamples:
    """Pictures that are in memory.

    Args:
        images: ``(N, H, W, C)`` or ``(N, H, W)`` uint8; kept, not copied.
        labels: N whole numbers from 0 to the number of classes less one.
        classes: names of the classes.
        names: N names; by default ``"sample 17"``, counted from 0. A single text takes the place of "sample".
        keys: N hashes of the content; by default SHA-256 of the pixels, computed when first asked for.

    Raises:
        DataError: the arrays do not fit together, or there is nothing in them.

    >>> samples = ArraySamples(np.zeros((3, 28, 28), np.uint8), [0, 1, 1], ["shirt", "bag"])
    >>> len(samples), samples.shape, samples.names[2]
    (3, (28, 28, 1), 'sample 2')
    >>> samples.take(np.array([2, 0])).shape
    (2, 28, 28, 1)
    """

    def __init__(
        self,
        images: Shaped[np.ndarray, "..."],
        labels: Sequence[int] | Integer[np.ndarray, " n"],
        classes: Sequence[str],
        *,
        names: str | Sequence[str] = "sample",
        keys: Sequence[str] | None = None,
    ) -> None:
        if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape:
            raise DataError(
                f"images are {images.dtype} of shape {images.shape}; give uint8 of (N, H, W) or (N, H, W, C), not empty"
            )
        self.images = images if images.ndim == 4 else images[..., None]
        self.labels = np.array(labels, np.int64)
        self.classes = tuple(classes)
        count = len(self.images)
        if self.labels.shape != (count,):
            raise DataError(
                f"there are {count:,} images and labels of shape {self.labels.shape}; give one label an image"
            )
        if self.labels.min() < 0 or self.labels.max() >= len(self.classes):
            raise DataError(
                f"labels run from {self.labels.min()} to {self.labels.max()} and there are {len(self.classes)} class "
                "names; number the classes from 0 and name each"
            )
        if not isinstance(names, str) and len(names) != count:
            raise DataError(f"there are {count:,} images and {len(names):,} names; give one name an image")
        if keys is not None and len(keys) != count:
            raise DataError(f"there are {count:,} images and {len(keys):,} keys; give one key an image")
        self.names: Sequence[str] = [f"{names} {i}" for i in range(count)] if isinstance(names, str) else list(names)
        self._keys = keys
        self.shape = (int(self.images.shape[1]), int(self.images.shape[2]), int(self.images.shape[3]))

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        height, width, channels = self.shape
        return f"ArraySamples({len(self):,} of {height}x{width}x{channels}, {len(self.classes)} classes)"

    @functools.cached_property
    def keys(self) -> Sequence[str]:
        """SHA-256 of the pixels of each sample, unless others were given."""
        if self._keys is not None:
            return list(self._keys)
        return [hashlib.sha256(np.ascontiguousarray(image).data).hexdigest() for image in self.images]

    def take(self, indices: Integer[np.ndarray, " m"]) -> UInt8[np.ndarray, "m h w c"]:
        """The pixels of these samples, in this order, in new memory."""
        return np.asarray(self.images[indices])
