"""Keep freed memory in the process: most of what recording costs is memory handed back and faulted in again.

glibc returns blocks above a threshold to the system as soon as they are freed and fetches fresh, zeroed
pages for the next ones; a forward pass of ResNet-50 alone gets a third faster without that. The numbers
a network computes are the same either way. ``bench/trace.py`` measures both.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEEP = 1 << 30


@cache
def keep_freed_memory() -> bool:
    """Ask glibc, once a process, to keep up to 1 GiB of freed memory for reuse; whether it was asked.

    Does nothing elsewhere than on Linux with glibc, nor where the user has set the allocator up
    (``MALLOC_*``, ``GLIBC_TUNABLES``) or set ``CONVSCOPE_ALLOCATOR=system``.
    """
    chosen = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if not sys.platform.startswith("linux") or chosen or os.environ.get("CONVSCOPE_ALLOCATOR") == "system":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, KEEP) and mallopt(M_TRIM_THRESHOLD, KEEP))
