"""What recording every value costs, against one plain forward pass of the same network.

Measured in turn (plain, recorded, rivals, plain, recorded, ...), the median of the ratios pair by pair.
The networks are ResNet-18 and ResNet-50 shapes with in-place ReLUs at 224 px and the 243,786-parameter
network of the Fashion-MNIST tutorial at 28 px. Rivals are measured where they are installed:

* hooks: forward hooks that keep references, which reports in-place networks wrong;
* torchlens: `pip install torchlens`.

The image is prepared beforehand for both. Both sides run with the allocator set up as `convscope.trace` sets
it up; `--system-allocator` shows both without it. Exits 1 when a claim does not hold.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
import zoo
from convscope.adapters.torch import TorchNetwork
from convscope.allocator import keep_freed_memory
from convscope.record import prepare, record

CASES = {
    "ResNet-18, 224 px": (zoo.resnet18, (3, 224, 224), 25, 1.25),
    "ResNet-50, 224 px": (zoo.resnet50, (3, 224, 224), 15, 1.5),
    "Fashion CNN, 28 px": (zoo.fashion_cnn, (1, 28, 28), 400, 2.0),
}


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    result = work()
    elapsed = time.perf_counter() - start
    del result  # freed outside the measurement, as a caller would keep it
    return elapsed


def hooks(model: torch.nn.Module, source: torch.Tensor) -> list[torch.Tensor]:
    kept: list[torch.Tensor] = []
    handles = [m.register_forward_hook(lambda _m, _i, out: kept.append(out.detach())) for m in model.modules()]
    model(source)
    for handle in handles:
        handle.remove()
    return kept


def rivals(model: torch.nn.Module, source: torch.Tensor) -> dict[str, Callable[[], object]]:
    found: dict[str, Callable[[], object]] = {"hooks": lambda: hooks(model, source)}
    if importlib.util.find_spec("torchlens"):
        import torchlens

        found["torchlens"] = lambda: torchlens.trace(model, source)  # 2.x; before, log_forward_pass
    return found


def measure(name: str, rounds: int) -> float:
    make, shape, _, limit = CASES[name]
    torch.manual_seed(0)
    model = make().eval()
    value = np.random.default_rng(0).random(shape, dtype=np.float32)
    source, network = torch.from_numpy(value)[None], TorchNetwork(model)
    prepared = prepare(value, network.preprocessing)
    works = {"plain": lambda: model(source), "convscope": lambda: record(network, prepared), **rivals(model, source)}
    times: dict[str, list[float]] = {key: [] for key in works}
    with torch.no_grad():
        for number in range(rounds + 3):
            for key, work in works.items():
                if key == "torchlens" and number % 8:
                    continue  # it is too slow to run every time
                elapsed = seconds(work)
                if number >= 3 or key == "torchlens":
                    times[key].append(elapsed)
    print(f"\n{name}: plain forward pass {statistics.median(times['plain']) * 1e3:.2f} ms")
    ratio = 0.0
    for key in works:
        if key == "plain":
            continue
        plain = statistics.median(times["plain"])
        pairs = [b / a for a, b in zip(times["plain"], times[key], strict=False)]
        value_of = statistics.median(pairs) if key != "torchlens" else statistics.median(times[key]) / plain
        claim = f"   claimed at most {limit}" if key == "convscope" else ""
        print(f"  {key:<10} {value_of:6.2f} x{claim}")
        ratio = value_of if key == "convscope" else ratio
    return ratio / limit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system-allocator", action="store_true", help="leave the allocator as it is")
    options = parser.parse_args()
    if options.system_allocator:
        import os

        os.environ["CONVSCOPE_ALLOCATOR"] = "system"
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, freed memory kept: {keep_freed_memory()}")
    gc.disable()
    worst = max(measure(name, rounds) for name, (_, _, rounds, _) in CASES.items())
    sys.exit(0 if worst <= 1 else 1)


if __name__ == "__main__":
    main()
