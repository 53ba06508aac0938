"""The trained networks that come along, by name: one ``.safetensors`` file each, and a card that says what it is.

>>> all(path_of(name).is_file() for name in names())
True
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Names of the trained networks that come along, ``catdog`` first.

    >>> isinstance(names(), tuple)
    True
    """
    found = (file.name.removesuffix(".safetensors") for file in FOLDER.glob("*.safetensors"))
    return tuple(sorted(found, key=lambda name: (name != "catdog", name)))


def path_of(name: str) -> Path:
    """The file of a trained network that comes along.

    Raises:
        KeyError: there is none of that name.

    >>> path_of("nothing")
    Traceback (most recent call last):
    KeyError: 'nothing'
    """
    if name not in names():
        raise KeyError(name)
    return FOLDER / f"{name}.safetensors"
