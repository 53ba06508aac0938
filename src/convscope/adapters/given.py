"""Weights for a network, and what their file says beside them."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.adapters.options import Options
from convscope.adapters.saved import Saved, naming
from convscope.adapters.sidecar import Sidecar
from convscope.errors import WeightsError

if TYPE_CHECKING:
    from os import PathLike

    from convscope.weights import Weights


@dataclass(frozen=True, eq=False)
class Given:
    """Weights for a network, and what their file says beside them.

    Attributes:
        name: of the file.
        weights: what is in it; None where no file was given.
        said: what it says of itself.
        beside: what the text file beside it says.
        own: whether the network came out of the same file, so that all of it must fit.
    """

    name: str = ""
    weights: Weights | None = None
    said: Saved = field(default_factory=Saved)
    beside: Sidecar = field(default_factory=Sidecar)
    own: bool = False

    @classmethod
    def of(cls, path: str | PathLike[str] | None) -> Given:
        """A file whose weights are put into another network; it is listened to where it names its classes.

        Raises:
            WeightsError: it cannot be read.
            ModelError: what it says of itself, or what is said beside it, is nonsense.
        """
        if path is None:
            return cls()
        from convscope.weights import read

        weights = read(path)
        with naming(path):
            said = Saved.read(weights.metadata) if "labels" in weights.metadata else Saved()
        return cls(Path(path).name, weights, said, Sidecar.beside(path))

    def load_into(
        self, module: Any, options: Options, flattened: dict[str, tuple[int, int, int]], about: dict[str, Any]
    ) -> None:
        """Put the weights in by layer name; ``about`` learns where they came from.

        Raises:
            WeightsError: nothing fits; or not all of it does, where it must.
        """
        if self.weights is None:
            return
        from convscope.weights import assign

        with nullcontext() if self.own else naming(self.name):
            report = assign(module, self.weights, flattened=flattened)
        about["weights"] = self.name
        if self.own and (report.missing or report.mismatched):
            misfits = [*map(str, report.mismatched), *(f"{layer} is not in the file" for layer in report.missing)]
            raise WeightsError(
                f"its weights do not fit its network at this size: {'; '.join(misfits[:3])}; leave out --size, or give "
                "the size that it was saved for"
            )
        if not self.own or report.unused or report.nan or report.unread:
            options.report(report)
        if self.said.calibration is not None and not report.missing:
            about["calibration"] = dict(self.said.calibration)
