"""A trained network as one file: weights that say which network they belong to and how photos reach it.

The file is safetensors; what it says of itself are texts in its metadata, each but ``spec``, ``title`` and ``card``
JSON (``docs/weights.md``). Everything is checked as if a stranger had written it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar, get_args

from convscope.errors import ModelError, WeightsError
from convscope.network import Fit, Network, Preprocessing
from convscope.spec import Spec, parse
from convscope.weights import Weights, read

NAME_IN_RUN = "network.safetensors"
"""The result of a training in its folder."""

MOST_TEXT = 4_000_000
MOST_LABELS, MOST_LABEL = 50_000, 200
MOST_TITLE, MOST_CARD = 200, 20_000
MOST_SIDE, MOST_PIXELS = 16_384, 50_000_000
MOST_SHIFT = 1e6
TEMPERATURES = (1e-3, 1e3)
SCALES = ("unit", "byte", "imagenet")

T = TypeVar("T")


@dataclass(frozen=True)
class Saved:
    """What a network's file says beside its weights.

    Attributes:
        spec: the network, None where the weights belong to a model of somebody's own code.
        labels: names of its classes; empty where it does not say.
        preprocessing: how photos reach it; None where it does not say.
        calibration: ``temperature``, ``error`` (expected calibration error afterwards, 0..1) and ``samples`` (how
            many photos it was fitted on); None where its probabilities were never calibrated.
        title: what people call it.
        card: what it was trained on, in a few sentences.

    >>> saved = Saved(parse("gap | dense(2) | softmax"), ("cat", "dog"), Preprocessing((224, 224)))
    >>> saved.metadata()["labels"]
    '["cat", "dog"]'
    >>> Saved.read(saved.metadata()) == saved
    True
    """

    spec: Spec | None = None
    labels: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    calibration: Mapping[str, Any] | None = None
    title: str = ""
    card: str = ""

    def metadata(self) -> dict[str, str]:
        """The texts that go into the file; :meth:`read` takes them back."""
        spec = {} if self.spec is None else {"spec": self.spec.text()}
        values: dict[str, Any] = {
            "labels": list(self.labels) or None,
            "preprocessing": None if self.preprocessing is None else _preprocessing_facts(self.preprocessing),
            "calibration": None if self.calibration is None else dict(self.calibration),
        }
        texts = {"title": self.title, "card": self.card}
        return {
            **spec,
            **{name: json.dumps(value, ensure_ascii=False) for name, value in values.items() if value is not None},
            **{name: text for name, text in texts.items() if text},
        }

    @classmethod
    def read(cls, metadata: Mapping[str, str]) -> Saved:
        """Understand a file's metadata; texts of other names are somebody else's and let be.

        Raises:
            ModelError: a text is not what it should be, or absurd.
            SpecError: the network is none.
        """
        if sum(map(len, metadata.values())) > MOST_TEXT:
            raise ModelError(f"what it says of itself has over {MOST_TEXT:,} characters; save the network again")
        spec = parse(metadata["spec"]) if "spec" in metadata else None
        preprocessing = _read("preprocessing", metadata, _preprocessing)
        saved = cls(
            spec,
            _read("labels", metadata, good_labels) or (),
            preprocessing,
            _read("calibration", metadata, _calibration),
            _short("title", metadata, MOST_TITLE),
            _short("card", metadata, MOST_CARD),
        )
        if spec is not None and spec.input is not None and preprocessing is not None:
            channels = spec.input[2]
            if channels != preprocessing.channels:
                raise ModelError(
                    f"its network takes {channels} channels and its preprocessing makes {preprocessing.channels}; "
                    "save the network again"
                )
        return saved

    def check_answer(self, shape: tuple[int, ...], last: str) -> None:
        """See that there are as many labels as the network has answers.

        Args:
            shape: of the network's output.
            last: the kind of its last layer; one ``sigmoid`` answers with two classes.

        Raises:
            ModelError: the numbers differ.
        """
        answers = math.prod(shape)
        classes = 2 if answers == 1 and last == "sigmoid" else answers
        if self.labels and len(self.labels) != classes:
            raise ModelError(
                f"it names {len(self.labels)} classes and its network answers with {classes}; save the network again"
            )


def read_network(path: str | PathLike[str]) -> tuple[Saved, Weights]:
    """What a network's file says, its text included, and its weights.

    Raises:
        ModelError: it does not say which network it is, or says nonsense.
        SpecError: its text is no network.
        WeightsError: it cannot be read.
    """
    weights = read(path)
    with naming(path):
        said = Saved.read(weights.metadata)
        if said.spec is None:
            raise ModelError(
                "it holds weights but does not say which network they belong to; give the network too "
                "(--net SPEC --weights FILE)"
            )
    return said, weights


def metadata_of(network: Network) -> dict[str, str]:
    """What a file has to say of a network given as text, so that it opens again as it was run."""
    about = network.about
    return Saved(
        parse(about["spec"]), network.labels, network.preprocessing, about.get("calibration"),
        network.title if network.labels else "",
    ).metadata()  # fmt: skip


def file_of(reference: str | Path) -> Path | None:
    """The network's file that a path names: itself, or the one in the folder of a training; None for other paths.

    Raises:
        ModelError: it is a folder without one.
    """
    path = Path(reference)
    try:
        folder = path.is_dir()
    except (OSError, ValueError):  # a text that no file system takes as a name
        return None
    if not folder:
        return path if path.suffix.lower() == ".safetensors" else None
    inside = path / NAME_IN_RUN
    if not inside.is_file():
        raise ModelError(
            f"the folder {str(reference)!r} holds no {NAME_IN_RUN}, which a training writes when it ends; give the "
            "folder of a finished training, or a network's file"
        )
    return inside


def _preprocessing_facts(preprocessing: Preprocessing) -> dict[str, Any]:
    scale = preprocessing.scale
    return {
        "size": None if preprocessing.size is None else list(preprocessing.size),
        "fit": preprocessing.fit,
        "channels": preprocessing.channels,
        "scale": scale if isinstance(scale, str) else [list(part) for part in scale],
        **({} if preprocessing.crop == 1 else {"crop": preprocessing.crop}),
    }


def _read(name: str, metadata: Mapping[str, str], understand: Callable[[Any], T | None]) -> T | None:
    if name not in metadata:
        return None
    text = metadata[name]
    try:
        value = json.loads(text)
        found = understand(value)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        found = None
    if found is None:
        raise ModelError(
            f"its {name} cannot be understood: {_excerpt(text)}; save the network again, or give the network as text "
            "(--net SPEC --weights FILE)"
        )
    return found


def _excerpt(text: str, most: int = 60) -> str:
    return ascii(text if len(text) <= most else f"{text[:most]}...")


def _short(name: str, metadata: Mapping[str, str], most: int) -> str:
    text = metadata.get(name, "")
    if len(text) > most:
        raise ModelError(f"its {name} has {len(text):,} characters, more than {most:,}; save the network again")
    return text


def good_labels(value: Any) -> tuple[str, ...] | None:
    """Names of classes, None where a value cannot be such.

    >>> good_labels(["cat", "dog"]), good_labels(["cat", "cat"])
    (('cat', 'dog'), None)
    """
    good = isinstance(value, list) and 0 < len(value) <= MOST_LABELS and all(_is_label(one) for one in value)
    return tuple(value) if good and len(set(value)) == len(value) else None


def _is_label(value: Any) -> bool:
    if not isinstance(value, str) or not 0 < len(value) <= MOST_LABEL:
        return False
    value.encode("utf-8")  # half a character (a lone surrogate) raises ValueError
    return True


def _preprocessing(value: Any) -> Preprocessing | None:
    size, fit, channels = value["size"], value.get("fit", "stretch"), value.get("channels", 3)
    if fit not in get_args(Fit) or channels not in (1, 3) or isinstance(channels, bool):
        return None
    if size is not None and good_size(size) is None:
        return None
    crop = float(value.get("crop", 1.0))
    scale = good_scale(value.get("scale", "unit"), channels) if 0 < crop <= 1 else None
    return scale and Preprocessing(None if size is None else (size[0], size[1]), fit, int(channels), scale, crop=crop)


def good_size(value: Any) -> tuple[int, int] | None:
    """(height, width) of a possible input, None where a value cannot be such.

    >>> good_size([224, 224]), good_size([0, 1e9])
    ((224, 224), None)
    """
    good = (
        isinstance(value, list) and len(value) == 2
        and all(type(side) is int and 1 <= side <= MOST_SIDE for side in value) and math.prod(value) <= MOST_PIXELS
    )  # fmt: skip
    return (value[0], value[1]) if good else None


def good_scale(value: Any, channels: int) -> Any:
    """How pixels become numbers, as :class:`convscope.network.Preprocessing` has it; None where a value cannot be such.

    Raises:
        ValueError, TypeError: it is no text and no two lists of numbers.

    >>> good_scale("byte", 3), good_scale([[0.5], [0.25]], 3)
    ('byte', ((0.5,), (0.25,)))
    """
    if isinstance(value, str):
        return value if value in SCALES and (value != "imagenet" or channels == 3) else None
    mean, deviation = (tuple(float(number) for number in part) for part in value)
    fit = {len(mean), len(deviation)} <= {1, channels}
    good = fit and all(abs(number) <= MOST_SHIFT for number in (*mean, *deviation))
    return (mean, deviation) if good and min(deviation) >= 1 / MOST_SHIFT else None


def _calibration(value: Any) -> dict[str, Any] | None:
    temperature, error, samples = value["temperature"], value["error"], value["samples"]
    if any(isinstance(number, bool) for number in (temperature, error, samples)) or type(samples) is not int:
        return None
    low, high = TEMPERATURES
    good = low <= float(temperature) <= high and 0 <= float(error) <= 1 and 0 <= samples < 1 << 53
    return {"temperature": float(temperature), "error": float(error), "samples": samples} if good else None


@contextmanager
def naming(path: str | PathLike[str]) -> Iterator[None]:
    """Put the file's name in front of what is wrong with what it says.

    >>> with naming("nets/cat.safetensors"):
    ...     raise ModelError("its title is too long")
    Traceback (most recent call last):
    convscope.errors.ModelError: 'cat.safetensors': its title is too long
    """
    try:
        yield
    except (ModelError, WeightsError) as error:
        raise type(error)(f"{Path(path).name!r}: {error}") from None
