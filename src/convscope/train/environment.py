"""What a training finds on a machine, decides from it, and leaves as it was."""

from __future__ import annotations

import contextlib
import os
import platform
import random
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import numpy as np

from convscope.errors import CallError
from convscope.train.distributed import asked_for, local_rank

LIBRARIES = ("convscope", "torch", "numpy", "pillow", "safetensors")


def chosen_device(wanted: str) -> str:
    """The device of ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        CallError: there is no such device here.
    """
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cpu" or (wanted == "auto" and not count):
        return "cpu"
    if wanted in {"auto", "cuda"}:
        found = local_rank() if asked_for() else 0
    elif wanted.startswith("cuda:") and wanted[5:].isdecimal():
        found = int(wanted[5:])
    else:
        raise CallError(f"there is no device {wanted!r}; use auto, cpu, cuda or cuda:0")
    if found >= count:
        have = f"the GPUs here are {count}" if count else "there is no GPU that PyTorch can use here"
        raise CallError(f"the device {wanted!r} cannot be used: {have}; use --device cpu or auto")
    return f"cuda:{found}"


def chosen_precision(wanted: str, device: str) -> str:
    """``float32`` or ``bfloat16``; ``auto`` is bfloat16 where the processor multiplies it itself.

    A processor without such instructions computes bfloat16 in a roundabout way, slower than float32.
    """
    import torch

    if wanted != "auto":
        return wanted
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bfloat16" if _processor_has_bfloat16() else "float32"


def _processor_has_bfloat16() -> bool:
    import torch

    if platform.machine().lower() in {"x86_64", "amd64"}:
        asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, bool)() for name in asked)
    onednn = getattr(torch.ops, "mkldnn", None)
    return bool(getattr(onednn, "_is_mkldnn_bf16_supported", bool)())


def facts(device: str, precision: str, processes: int) -> dict[str, Any]:
    """The machine and the libraries, as JSON values; nothing about people or paths."""
    import torch

    versions = {}
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu",
        "precision": precision,
        "processes": processes,
        "libraries": versions,
    }


def _processor() -> str:
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Put random states and the number of threads back when the block ends, however it ends."""
    import torch

    threads = torch.get_num_threads()
    state, own = torch.get_rng_state(), random.getstate()
    others = np.random.get_state()  # noqa: NPY002 - the global one, which seed_step seeds
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(state)
        np.random.set_state(others)  # noqa: NPY002
        random.setstate(own)
        if gpus:
            torch.cuda.set_rng_state_all(gpus)


def seed_step(seed: int, step: int, rank: int = 0) -> None:
    """Make everything random in one step (dropout, say) a function of these numbers."""
    import torch

    mixed = _mixed(seed, step, rank)
    # Not torch.manual_seed: with no GPU in use it writes down the whole stack, which takes longer than a small step.
    torch.default_generator.manual_seed(mixed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(mixed)
    np.random.seed(mixed & 0xFFFFFFFF)  # noqa: NPY002 - a module of the user's may draw from it
    random.seed(mixed)


def _mixed(*numbers: int) -> int:
    """63 bits that look unrelated for numbers next to each other (splitmix64, Steele et al. 2014)."""
    found = 0
    for number in numbers:
        found = (found + number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        found = ((found ^ (found >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        found = ((found ^ (found >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        found ^= found >> 31
    return found >> 1
