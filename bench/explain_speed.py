"""What Grad-CAM at the last layer costs, against one plain forward pass of the same network.

Batches of 16 at 224 px through ResNet-18 and ResNet-50 shapes, each photo asked about its likeliest class. Measured in
turn (plain, ours, rivals, plain, ours, ...), the median of the ratios round by round. Plain is the network as it is:
float32, channels first, no gradients. All sides have the same allocator setup, `convscope`'s.

What we do: one forward pass without gradients up to the layer, in a copy with batch norm folded into the convolutions,
channels last in memory, and bfloat16 for as many of the multiplications as keep the maps of the first three photos
within 0.75 % of their peak; then the head in float32, and gradients through the head alone. The bench compares all 16
maps with those of the network as it is: they may differ by 1 % of their peak. `--float32` measures without the copy.

Rivals are measured where they are installed (requirements-bench.txt), and named where they are not: Captum, torch-cam,
pytorch-grad-cam. Exits 1 when a claim does not hold. `--photos 2000` checks instead that memory stays flat.
"""

from __future__ import annotations

import argparse
import copy
import gc
import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
import zoo
from convscope.adapters import connect
from convscope.adapters.torch import TorchNetwork
from convscope.allocator import keep_freed_memory
from convscope.explaining.asking import Question
from convscope.explaining.layered import cam_batch, off_by
from convscope.explaining.layers import choose_layer
from convscope.explaining.opened import Opened
from convscope.explaining.run import run_methods
from convscope.explaining.targets import Target

BATCH, LIMIT, DIFFERENCE = 16, 0.6, 0.01
CASES = {"ResNet-18": (zoo.resnet18, "layer4.1"), "ResNet-50": (zoo.resnet50, "layer4.2")}
MEMORY_LIMIT = 50 << 20


def made(name: str) -> torch.nn.Module:
    """The network as it is built, with random weights and running statistics that change nothing.

    Statistics fitted to random weights would make it chaotic: what differs by a thousandth in the first layer differs
    by a third in the last, which no trained network does.
    """
    torch.manual_seed(0)
    return CASES[name][0]().eval()


def rivals(network: torch.nn.Module, batch: torch.Tensor, layer: str) -> dict[str, Callable[[], object]]:
    """Each with a copy of the network, on which some leave their hooks for good."""
    found: dict[str, Callable[[], object]] = {}
    missing = []

    def own() -> tuple[torch.nn.Module, torch.nn.Module]:
        copied = copy.deepcopy(network)
        return copied, copied.get_submodule(layer)

    if importlib.util.find_spec("captum"):
        from captum.attr import LayerGradCam

        explained, block = own()
        captum = LayerGradCam(explained, block)

        def with_captum() -> object:
            with torch.no_grad():
                best = explained(batch).argmax(1)
            return captum.attribute(batch, target=best)

        found["Captum"] = with_captum
    else:
        missing.append("Captum")
    if importlib.util.find_spec("torchcam"):
        from torchcam.methods import GradCAM

        watched, block = own()
        torch_cam = GradCAM(watched, block)

        def with_torch_cam() -> object:
            scores = watched(batch)
            return torch_cam(scores.argmax(1).tolist(), scores)

        found["torch-cam"] = with_torch_cam
    else:
        missing.append("torch-cam")
    if importlib.util.find_spec("pytorch_grad_cam"):
        from pytorch_grad_cam import GradCAM as Gildenblat

        hooked, block = own()
        grad_cam = Gildenblat(hooked, [block])
        found["pytorch-grad-cam"] = lambda: grad_cam(batch)
    else:
        missing.append("pytorch-grad-cam")
    if missing:
        print(f"  not installed, so not measured: {', '.join(missing)}")
    return found


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    result = work()
    elapsed = time.perf_counter() - start
    del result
    return elapsed


def measure(name: str, rounds: int, precision: str) -> bool:
    model = made(name)
    batch = torch.randn(BATCH, 3, 224, 224, generator=torch.Generator().manual_seed(2))
    opened = Opened(TorchNetwork(model))
    choice = choose_layer(opened.graph(batch[0]))
    targets = [Target("0", 0)] * BATCH
    question = Question(opened, batch, targets, precision=precision)
    print(f"\n{name}, batch {BATCH}: {choice.layer!r}, {choice.why}")
    exact = cam_batch(Question(opened, batch, targets), "gradcam", choice.layer)
    ours = cam_batch(question, "gradcam", choice.layer)
    worst = max(map(off_by, torch.from_numpy(exact.maps), torch.from_numpy(ours.maps)))

    def plain() -> object:
        with torch.no_grad():
            return model(batch)

    others = rivals(model, batch, CASES[name][1])
    works: dict[str, Callable[[], object]] = {
        "plain": plain,
        "convscope": lambda: cam_batch(question, "gradcam", choice.layer, predicted=True),
        **others,
    }
    times: dict[str, list[float]] = {key: [] for key in works}
    for number in range(rounds + 1):
        for key, work in works.items():
            elapsed = seconds(work)
            if number:
                times[key].append(elapsed)
    medians = {
        key: statistics.median(b / a for a, b in zip(times["plain"], took, strict=True)) for key, took in times.items()
    }
    print(f"  plain forward pass {statistics.median(times['plain']) * 1e3:.0f} ms")
    print(f"  convscope          {medians['convscope']:.2f} x   claimed at most {LIMIT}")
    for key in others:
        print(f"  {key:<18} {medians[key]:.2f} x")
    rough = "none" if ours.rough is None else f"{ours.rough:.0%}"
    print(f"  {rough} of the multiplications before the layer in bfloat16; maps differ by {worst:.2%} of their peak")
    faster = all(medians["convscope"] < medians[key] for key in others)
    return medians["convscope"] <= LIMIT and faster and worst <= DIFFERENCE


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def flat(count: int) -> bool:
    """Photos through catdog, Grad-CAM and the gradient, with and without the copy: memory after the first 100."""
    network = connect("catdog", lambda asked: (asked.channels, *asked.size))
    opened = Opened(network)
    draw = np.random.default_rng(0)
    first = most = 0
    for start in range(0, count, 4):
        batch = draw.standard_normal((4, 3, 224, 224), np.float32)
        targets = [Target("cat", 0)] * 4
        run_methods(opened, batch, targets, "gradcam, gradient", precision="auto" if start % 8 else "float32")
        if start <= 100:
            first = max(first, resident())
        most = max(most, resident())
    grown = most - first
    print(f"{count} photos: {most / 2**20:.0f} MiB at most, {grown / 2**20:.1f} more than in the first 100")
    return grown <= MEMORY_LIMIT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--float32", action="store_true", help="without the copy")
    parser.add_argument("--photos", type=int, default=0, help="check memory over so many photos instead")
    options = parser.parse_args()
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, freed memory kept: {keep_freed_memory()}")
    if options.photos:
        sys.exit(0 if flat(options.photos) else 1)
    gc.disable()
    precision = "float32" if options.float32 else "auto"
    holds = [measure(name, options.rounds, precision) for name in CASES]
    sys.exit(0 if all(holds) else 1)


if __name__ == "__main__":
    main()
