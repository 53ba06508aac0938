"""Parameters that a file does not hold, and names for those that it does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from convscope.errors import NoArithmetic

_SAFE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def tensor_label(name: str, position: int) -> str:
    """``name`` if it is safe as a part of a tensor's name in any program, else its position.

    >>> tensor_label("weight", 0), tensor_label("<img src=x>", 1)
    ('weight', '1')
    """
    return name if _SAFE.fullmatch(name) else str(position)


class LeftOut(Mapping[str, np.ndarray]):
    """The parameters of a step that was saved without them: their names are known, their numbers are not.

    Asking for one by its name raises :class:`~convscope.errors.NoArithmetic`, so that a step without
    its weights is never taken for a step that has none. Iterating gives what there is: nothing.

    Attributes:
        names: the names of the parameters that the step had.

    >>> params = LeftOut("conv_1", ["weight"])
    >>> "weight" in params, "bias" in params, list(params)
    (True, False, [])
    """

    def __init__(self, step: str, names: Iterable[str]) -> None:
        self._step = step
        self.names = tuple(names)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.names:
            raise KeyError(name)
        raise NoArithmetic(
            f"the parameter {name!r} of step {self._step!r} was left out of the trace file; "
            "save the trace again with its parameters"
        )

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
