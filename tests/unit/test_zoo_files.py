"""Networks that strangers trained: what must hold for any network, and the answers of the frameworks they come from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from convscope.errors import ConvscopeError
from convscope.record import prepare
from zoo_any.checks import examine
from zoo_any.files import FILES, KERAS_3_READS, Answer, File, keras_answers, onnx_answer, opened

OPEN = [file for file in FILES if not file.says]
REFUSED = [file for file in FILES if file.says]
TOLERANCE = {"keras": 1e-5, "onnx": 1e-4, "torch": 0.0}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(shared_data: Path) -> Path:
    return shared_data / "models"


@pytest.fixture(scope="module")
def of_keras(models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What Keras itself says of chelsea, by path; the files that Keras 3 reads."""
    files = [file for file in OPEN if file.path.split("/")[1].startswith(KERAS_3_READS)]
    inputs = [prepare("chelsea", opened(file, models).preprocessing).value for file in files]
    answers = keras_answers([models / file.path for file in files], inputs, tmp_path_factory.mktemp("keras"))
    return {file.path: answer[0] for file, answer in zip(files, answers, strict=True)}


@pytest.mark.parametrize("file", OPEN, ids=lambda file: file.path)
def test_a_file_that_opens(file: File, models: Path, of_keras: dict[str, np.ndarray]) -> None:
    own: Answer | None = None
    if file.framework == "onnx":
        own = onnx_answer(models / file.path)
    elif file.path in of_keras:
        own = lambda _: of_keras[file.path]  # noqa: E731 - one line beside its sibling
    found = examine(opened(file, models), own=own, tolerance=TOLERANCE[file.framework])
    assert found.taken_apart > found.steps


@pytest.mark.parametrize("file", REFUSED, ids=lambda file: file.path)
def test_a_file_that_is_refused(file: File, models: Path) -> None:
    with pytest.raises(ConvscopeError, match=file.says) as raised:
        opened(file, models)
    assert Path(file.path).name in str(raised.value)
    assert not re.search(r"[.!?] [A-Z]", str(raised.value)), "one sentence"


def test_every_file_of_the_folder_is_here(models: Path) -> None:
    """But the two whose weights are constants: they answer any picture with the same number (see test_onnx_files)."""
    there = {f"{path.parent.name}/{path.name}" for path in models.glob("*/*") if not path.name.startswith("light_")}
    assert {file.path for file in FILES} <= there
    weights = {path for path in there if path.startswith("torch/") and path.endswith((".th", "cnn.pth"))}
    assert there - {file.path for file in FILES} == weights, "state dicts need a network to go into"
