"""One photo through the network after every epoch: traces to open in the viewer, and to make a film of.

A probe is a full recording (:func:`convscope.record.record`) of one photo. The network comes back exactly as it was:
mode, buffers, gradients, random state. Traces are kept in the compact form of :mod:`convscope.store`; where those of
all epochs would take more than :data:`MOST_BYTES`, some epochs in between are left out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import DataError, RunError
from convscope.image import Picture, open_image
from convscope.network import Preprocessing

if TYPE_CHECKING:
    import torch

    from convscope.traces import Trace

FOLDER = "probe"
MOST_BYTES = 256 << 20
FEWEST = 12
"""So many epochs are kept, however large their traces are."""
FILE = re.compile(r"epoch-(\d{3,})\.safetensors")


class Probe:
    """Records one photo at chosen epochs into ``RUN/probe/epoch-NNN.safetensors``.

    Args:
        run: the folder of the training.
        photo: what :func:`convscope.image.open_image` takes, or a sample's pixels, uint8 (H, W, C).
        preprocessing: how photos reach the network.
        epochs: how many are planned; 0 where nobody knows.
        labels: names of the classes.
        title: what the network is called.
        name: what the photo is called, where its pixels are given.
        about: further facts for the traces (``spec``, ``seed``), JSON values only.

    Attributes:
        seconds: how long each recording took, with writing it.
        failed: the sentence of what stopped probing, or empty. Training does not stop for a probe.

    >>> import tempfile, torch
    >>> folder = Path(tempfile.mkdtemp())
    >>> probe = Probe(folder, np.zeros((8, 8, 1), np.uint8), Preprocessing((8, 8), channels=1), epochs=2)
    >>> probe(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(72, 2)), 0).name
    'epoch-000.safetensors'
    """

    def __init__(
        self, run: Path, photo: Any, preprocessing: Preprocessing, *, epochs: int = 0, labels: tuple[str, ...] = (),
        title: str = "", name: str = "", about: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.folder = run / FOLDER
        self.picture = _picture(photo, name)
        self.preprocessing = preprocessing
        self.epochs = epochs
        self.labels = labels
        self.title = title
        self.about = dict(about or {})
        self.seconds: list[float] = []
        self.failed = ""

    def __call__(self, model: torch.nn.Module, epoch: int, *, last: bool = False) -> Path | None:
        """Record now: ``epoch`` 0 is before training, 1 after the first epoch.

        Args:
            model: the network; runs as it is used, not as it is trained.
            epoch: how many epochs it has been trained.
            last: whether no epoch comes after this one, so that it is kept in any case.

        Returns:
            the file, or None where this epoch is left out.

        Raises:
            OutputError: the file cannot be written.
        """
        if self.failed or not (last or self.is_kept(epoch)):
            return None
        began = time.perf_counter()
        try:
            trace = self._recorded(model, epoch)
        except RunError as error:
            self.failed = str(error)
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"epoch-{epoch:03}.safetensors"
        trace.save(path, compact=True)
        self.seconds.append(time.perf_counter() - began)
        return path

    def is_kept(self, epoch: int) -> bool:
        """Whether the trace of this epoch is one of those that are written; the first and the last planned are."""
        first = self.folder / "epoch-000.safetensors"
        if epoch == 0 or not self.epochs or not first.is_file():
            return True
        many = max(FEWEST, MOST_BYTES // max(1, first.stat().st_size))
        return epoch in spread(self.epochs, many)

    def _recorded(self, model: torch.nn.Module, epoch: int) -> Trace:
        from convscope.adapters.torch import TorchNetwork
        from convscope.record import record

        about = {**self.about, "epoch": epoch}
        title = f"{self.title or type(model).__name__} after epoch {epoch}" if epoch else f"{self.title} untrained"
        network = TorchNetwork(
            model, title=title.strip(), preprocessing=self.preprocessing, labels=self.labels, about=about
        )
        return record(network, self.picture)


def _picture(photo: Any, name: str) -> Picture:
    if isinstance(photo, np.ndarray) and photo.ndim == 3 and photo.shape[2] == 1:
        photo = photo.repeat(3, axis=2)
    if isinstance(photo, np.ndarray) and name:
        return Picture(np.array(photo), name, "array", (photo.shape[0], photo.shape[1]))
    return photo if isinstance(photo, Picture) else open_image(photo)


def spread(last: int, many: int) -> set[int]:
    """At most ``many`` whole numbers from 0 to ``last``, both among them, as evenly as they go.

    >>> sorted(spread(5, 99)), sorted(spread(100, 5))
    ([0, 1, 2, 3, 4, 5], [0, 25, 50, 75, 100])
    """
    return {int(at) for at in np.rint(np.linspace(0, last, max(2, min(many, last + 1))))}


def traces(run: Path, *, many: int | None = None) -> Iterator[tuple[int, Trace]]:
    """The probe traces of a training by epoch, the first and the last among at most ``many``.

    Raises:
        DataError: there are none.
        TraceFileError: one is damaged.
    """
    from convscope.store import load

    files = {int(found[1]): path for path in run.glob(f"{FOLDER}/*") if (found := FILE.fullmatch(path.name))}
    if not files:
        raise DataError(f"there are no traces in '{run / FOLDER}'; train with a probe to have some")
    epochs = sorted(files)
    for place in sorted(spread(len(epochs) - 1, many or len(epochs))):
        yield epochs[place], load(files[epochs[place]])
