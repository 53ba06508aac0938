"""What Pillow and libtiff say on the side is kept from the user: what matters becomes a note or a sentence.

Warning filters, loggers and standard error belong to the whole process, hence the lock.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings and no log lines of Pillow; to be held around the reading of headers, not of pixels."""
    logger = logging.getLogger("PIL.TiffImagePlugin")
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.addFilter(_drop)
        try:
            yield
        finally:
            logger.removeFilter(_drop)


def _drop(_: logging.LogRecord) -> bool:
    return False


@contextmanager
def silent_libtiff() -> Iterator[None]:
    """Nothing on standard error while libtiff decodes: it prints every oddity there, hundreds of a bad file.

    What another thread prints in these milliseconds is lost; libtiff offers no other way from Python.
    """
    with _lock:
        try:
            kept = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
