"""The folder of a run: what is in it, and how it begins.

::

    RUN/
    ├── config.toml              the recipe, the network's text, the data set's name
    ├── environment.json         the machine and the versions of the libraries
    ├── data.json                every file of the data, and on which side it is
    ├── metrics.csv              one row an epoch
    ├── events/                  the same for TensorBoard, where tensorboardX is installed
    ├── checkpoints/             last, previous, best (.safetensors)
    └── network.safetensors      the result, with what else the end of a training writes
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convscope.errors import DataError, OutputError
from convscope.store.atomic import replacing
from convscope.train.recipe import Recipe
from convscope.train.toml import document

CONFIG, ENVIRONMENT, MANIFEST, METRICS = "config.toml", "environment.json", "data.json", "metrics.csv"
CHECKPOINTS, EVENTS, NETWORK = "checkpoints", "events", "network.safetensors"
COMMENT = "Written by convscope: how this network was trained. `convscope train --resume` reads it."


class RunFolder:
    """Paths and files of one run.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints are."""
        return self.path / CHECKPOINTS

    @property
    def metrics(self) -> Path:
        """The CSV file."""
        return self.path / METRICS

    def begin(self, *, resume: bool) -> bool:
        """Make the folder, or find it; whether it holds a run that has begun.

        Raises:
            OutputError: it holds something else, or a run that shall not be resumed, or cannot be made.
        """
        begun = (self.path / CONFIG).is_file()
        if begun and not resume:
            raise OutputError(
                f"{str(self.path)!r} holds a training already; resume it (--resume), or choose another folder"
            )
        if not begun and self.path.exists() and not _is_empty(self.path):
            raise OutputError(f"{str(self.path)!r} exists and is no training of convscope; choose another folder")
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot make the folder {str(self.path)!r}: {error.strerror}; choose another place"
            ) from error
        return begun

    def write_config(self, recipe: Recipe, about: Mapping[str, Mapping[str, Any]]) -> None:
        """Write ``config.toml``: the recipe after what else is known (``network``, ``data``)."""
        self._write(CONFIG, document({**about, "recipe": recipe.as_dict()}, COMMENT))

    def read_config(self) -> tuple[Recipe, dict[str, Any]]:
        """The recipe and the other tables of ``config.toml``.

        Raises:
            DataError: there is none, or it is damaged.
        """
        path = self.path / CONFIG
        try:
            text = path.read_text(encoding="utf-8")
            others = tomllib.loads(text)
        except FileNotFoundError:
            raise DataError(f"there is no training in {str(self.path)!r}; give the folder of one") from None
        except (OSError, ValueError) as error:
            raise DataError(f"{str(path)!r} cannot be read: {error}") from None
        recipe = Recipe.from_toml(text)
        return recipe, {name: value for name, value in others.items() if name != "recipe"}

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a JSON file; one field a line, and one row of a table."""
        # In ASCII: a file name that is no UTF-8 comes back as it was.
        self._write(name, _json(value) + "\n")

    def read_json(self, name: str) -> Any:
        """What a JSON file holds, None when there is none or it is damaged."""
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None

    def _write(self, name: str, text: str) -> None:
        with replacing(self.path / name) as file:
            file.write(text.encode("utf-8", "replace"))


def _json(value: Mapping[str, Any]) -> str:
    fields = []
    for key, field in value.items():
        text = json.dumps(field)
        if isinstance(field, list) and field and isinstance(field[0], list):
            text = "[\n  " + ",\n  ".join(json.dumps(item) for item in field) + "\n ]"
        fields.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(fields) + "\n}"


def _is_empty(path: Path) -> bool:
    """Whether a folder holds nothing but what the very beginning of a run leaves."""
    try:
        inside = {child.name for child in path.iterdir() if not child.name.startswith(".convscope-")}
        return inside <= {CHECKPOINTS} and not any((path / CHECKPOINTS).glob("*.safetensors"))
    except OSError:
        return False
