"""The recipe of a training: everything that decides what comes out of it, as one frozen value.

A recipe, a seed, a network and a data set give the same weights every time on the same machine. The
recipe goes into the run's ``config.toml`` and is compared with it when the run is resumed.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from convscope.errors import CallError, DataError
from convscope.train.toml import document, table

Optimizer = Literal["adam", "adamw", "rmsprop", "sgd"]
Schedule = Literal["constant", "one-cycle", "cosine"]
Precision = Literal["auto", "float32", "bfloat16"]

OPTIMIZERS: tuple[str, ...] = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES: tuple[str, ...] = ("constant", "one-cycle", "cosine")
PRECISIONS: tuple[str, ...] = ("auto", "float32", "bfloat16")
SCALES: tuple[str, ...] = ("unit", "byte", "imagenet")
MOST_EPOCHS, MOST_BATCH = 100_000, 1 << 20
LARGEST_SEED = (1 << 63) - 1

Check = Callable[[str, Any], Any]
"""From the name and the value of a field to the value, or CallError."""
Pair = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: how often every training sample is seen, 1 to 100,000.
        batch: samples a step, over all processes together.
        optimizer: ``adamw`` (Loshchilov and Hutter 2019), ``adam``, ``rmsprop`` or ``sgd`` (Nesterov).
        learning_rate: the largest one; the schedule multiplies it by 0..1.
        schedule: ``constant``; ``cosine`` down to 0 (Loshchilov and Hutter 2017); ``one-cycle``, up and then
            down to 0, both along a cosine (Smith and Topin 2018).
        warmup: share of all steps in which the rate rises, 0..0.9. 0 is the schedule's own: a quarter for
            ``one-cycle``, none for the others.
        momentum: of ``sgd``; the first moment's decay of ``adam`` and ``adamw``; 0..0.999.
        weight_decay: pulls weights (never biases nor the scales of a normalisation) towards 0.
        label_smoothing: share of the target spread evenly over all classes, 0..0.5.
        ema: decay a step of the running mean of the weights that is validated and kept, 0 for none.
        patience: stop after this many epochs without a better validation; 0 for never.
        clip: largest norm of the gradient; 0 for no limit.
        precision: ``auto`` is bfloat16 where the processor has it, ``float32`` otherwise.
        device: ``auto`` is a GPU where there is one; or ``cpu``, ``cuda``, ``cuda:1``.
        threads: of the processor; 0 leaves PyTorch's number.
        compile: hand the forward pass to ``torch.compile``; pays for large networks on a GPU.
        augment: what is done to training pictures, as :class:`convscope.data.augment.Augment` spells it.
        scale: how pixels reach the network: ``unit``, ``byte``, ``imagenet`` or ``(means, deviations)``.
        sizes: progressive sizes, ``((share of the epochs, pixels a side), ...)``; empty for the data's own.
        validation: share of the training data that is held out, 0..0.9.
        seed: of the split, the order, the augmentation and the dropout.
        freeze: share of all steps after which the first layer stands still, 0..1; 0 for never. See
            :mod:`convscope.train.freezing`.
        whiten: let the first convolution begin with the directions in which patches of the training pictures differ.
            See :mod:`convscope.train.whitening`.
        drop_last: leave out the last batch of an epoch when it is not full. Otherwise it is used, unless it
            has fewer than two samples a process.

    Raises:
        CallError: a field has a value that makes no sense.

    >>> Recipe(epochs=3, batch=256).epochs
    3
    >>> Recipe.from_toml(Recipe(sizes=((0.5, 96), (0.5, 128))).to_toml()).sizes
    ((0.5, 96), (0.5, 128))
    """

    epochs: int = 10
    batch: int = 128
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    schedule: Schedule = "one-cycle"
    warmup: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    ema: float = 0.0
    patience: int = 0
    clip: float = 0.0
    precision: Precision = "auto"
    device: str = "auto"
    threads: int = 0
    compile: bool = False
    augment: str = ""
    scale: str | Pair = "unit"
    sizes: tuple[tuple[float, int], ...] = ()
    validation: float = 0.2
    seed: int = 1337
    freeze: float = 0.0
    whiten: bool = False
    drop_last: bool = False

    def __post_init__(self) -> None:
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name, value in _checked(fields).items():
            object.__setattr__(self, name, value)

    def replace(self, **changes: Any) -> Recipe:
        """The same recipe with other values for some fields.

        Raises:
            CallError: there is no such field, or the value makes no sense.
        """
        _check_names(changes)
        return dataclasses.replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """Its fields as JSON values."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Recipe:
        """The recipe with these fields; those left out have their default.

        Raises:
            CallError: there is no such field, or the value makes no sense.
        """
        _check_names(fields)
        return cls(**_checked(fields))

    def to_toml(self) -> str:
        """As a TOML document with one table, ``[recipe]``."""
        return document({"recipe": self.as_dict()})

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        """The recipe in a TOML document: its table ``[recipe]``.

        Raises:
            DataError: the text is no TOML, or has no such table.
            CallError: a field does not exist or makes no sense.
        """
        try:
            found = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise DataError(f"this is no TOML: {error}") from None
        fields = table(found, "recipe")
        return cls.from_dict(fields)

    def size_at(self, epoch: int) -> int | None:
        """Pixels a side in ``epoch`` (from 0), None for the data's own size.

        >>> [Recipe(epochs=4, sizes=((0.5, 96), (0.5, 128))).size_at(epoch) for epoch in range(4)]
        [96, 96, 128, 128]
        """
        if not self.sizes:
            return None
        done, reached = (epoch + 0.5) / self.epochs * sum(share for share, _ in self.sizes), 0.0
        for share, size in self.sizes:
            reached += share
            if done < reached:
                return size
        return self.sizes[-1][1]


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Some fields of a recipe, with tuples where lists may stand.

    Raises:
        CallError: one makes no sense.
    """
    return {name: _CHECKS[name](name, value) for name, value in fields.items()}


def _check_names(fields: Mapping[str, Any]) -> None:
    known = {field.name for field in dataclasses.fields(Recipe)}
    for name in fields:
        if name not in known:
            raise CallError(f"a recipe has no {name!r}; use one of {', '.join(sorted(known))}")


def _whole(low: int, high: int) -> Check:
    def check(name: str, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise CallError(f"{name} is {value!r}; use a whole number from {low} to {high:,}")
        return value

    return check


def _real(high: float) -> Check:
    def check(name: str, value: Any) -> Any:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not 0 <= value <= high:
            raise CallError(f"{name} is {value!r}; use a number from 0 to {high:g}")
        return value

    return check


def _one_of(*words: str) -> Check:
    def check(name: str, value: Any) -> Any:
        if value not in words:
            raise CallError(f"{name} is {value!r}; use one of {', '.join(words)}")
        return value

    return check


def _kind(wanted: type, say: str) -> Check:
    def check(name: str, value: Any) -> Any:
        if not isinstance(value, wanted):
            raise CallError(f"{name} is {value!r}; use {say}")
        return value

    return check


def _rate(name: str, value: Any) -> Any:
    if _real(1e4)(name, value) == 0:
        raise CallError(f"{name} is 0, so nothing would be learnt; use a number such as 0.001")
    return value


def _scale(name: str, scale: Any) -> Any:
    if isinstance(scale, str):
        return _one_of(*SCALES)(name, scale)
    try:
        means, deviations = (tuple(float(value) for value in part) for part in scale)
    except (TypeError, ValueError):
        raise CallError(
            f"scale is {scale!r}; use {', '.join(SCALES)} or the means and the deviations of the channels"
        ) from None
    if len(means) != len(deviations) or not means or not all(value > 0 for value in deviations):
        raise CallError(
            f"scale is {scale!r}; give one mean and one deviation above 0 for each channel, in values of 0..1"
        )
    return means, deviations


def _sizes(_name: str, sizes: Any) -> Any:
    try:
        found = tuple((float(share), size) for share, size in sizes)
    except (TypeError, ValueError):
        raise CallError(f"sizes is {sizes!r}; use pairs of a share of the epochs and pixels a side") from None
    for share, size in found:
        if not 0 < share <= 1 or isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 4096:
            raise CallError(f"sizes has ({share!r}, {size!r}); use a share from 0 to 1 and 1 to 4,096 pixels a side")
    if found and abs(sum(share for share, _ in found) - 1) > 1e-6:
        raise CallError(f"the shares of sizes sum to {sum(share for share, _ in found):g}; they must sum to 1")
    return found


_CHECKS: dict[str, Check] = {
    "epochs": _whole(1, MOST_EPOCHS),
    "batch": _whole(1, MOST_BATCH),
    "optimizer": _one_of(*OPTIMIZERS),
    "learning_rate": _rate,
    "schedule": _one_of(*SCHEDULES),
    "warmup": _real(0.9),
    "momentum": _real(0.999),
    "weight_decay": _real(1e4),
    "label_smoothing": _real(0.5),
    "ema": _real(0.999999),
    "patience": _whole(0, MOST_EPOCHS),
    "clip": _real(1e9),
    "precision": _one_of(*PRECISIONS),
    "device": _kind(str, "a text such as 'auto'"),
    "threads": _whole(0, 4096),
    "compile": _kind(bool, "true or false"),
    "augment": _kind(str, "a text such as 'flip,rotation=0.1'"),
    "scale": _scale,
    "sizes": _sizes,
    "validation": _real(0.9),
    "seed": _whole(0, LARGEST_SEED),
    "freeze": _real(1.0),
    "whiten": _kind(bool, "true or false"),
    "drop_last": _kind(bool, "true or false"),
}


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
