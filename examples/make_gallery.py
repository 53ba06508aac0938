"""Make the pictures of docs/gallery.md again: run what stands under each of them, then shrink it.

Every picture is made from the photos that come along with convscope, by an example, by the command
line, or by the lines of ``library_pictures``, which stand in docs/gallery.md too. One needs matplotlib.

    python examples/make_gallery.py [FOLDER]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

import convscope as cs
from convscope.draw import overlay, save_png, step_picture

HERE = Path(__file__).resolve().parent
WIDEST = 1280
MOST_BYTES = 2_500_000

EXAMPLES = {  # arguments, and the pictures to take: name in the gallery <- name of the example's picture
    "growing_network.py": ([], {"growth": "growth", "blur": "kernels_of_0.12", "variants": "activations"}),
    "parts_of_a_cnn.py": (
        [],
        {"parts": "all_parts", "activations": "activations", "pooling": "pooling", "kernels": "kernels_and_filters"},
    ),
    "fashion_counts.py": (["astronaut"], {"seven-layers": "whole_network"}),
    "conv_activation_pooling.py": ([], {"order": "more", "lenet": "lenet", "stages": "lenet_stages"}),
    "what_is_in_a_filter.py": (
        [],
        {"named": "named_filters", "diagonal": "diagonal", "five-times": "five_times", "random": "random_filters"},
    ),
}
COMMANDS = {  # what to type after `convscope`, and the pictures to take from its folder
    "trained": (["see"], {"trained": "contact"}),
    "first": (["see", "--net", "tutorial-1"], {"contact.png": "contact"}),
    "see": (
        ["see", "coffee", "--net", "conv(12, 5) | relu | maxpool(2) | conv(16, 3) | relu | maxpool(2)", "--seed", "5"],
        {"see": "contact"},
    ),
    "compare": (
        ["compare", "astronaut", "--net", "conv(4, 3) | relu", "--vary", "conv_1.kernel=3,9,21", "--seed", "5"],
        {"compare": "compare"},
    ),
    "blur": (
        ["compare", "chelsea", "--net", "conv(1, 3, init=blur)", "--vary", "conv_1.kernel=3,12,24"],
        {"kernel-sizes.png": "compare"},
    ),
}


def example_pictures(folder: Path) -> dict[str, Path]:
    """Run the examples; the wanted pictures by their name in the gallery."""
    found = {}
    for script, (arguments, wanted) in EXAMPLES.items():
        place = folder / script.removesuffix(".py")
        subprocess.run([sys.executable, HERE / script, place, *arguments], check=True, stdout=subprocess.DEVNULL)
        found |= {name: place / f"{source}.png" for name, source in wanted.items()}
    return found


def command_pictures(folder: Path) -> dict[str, Path]:
    """Run the commands; the wanted pictures by their name in the gallery."""
    found = {}
    for verb, (arguments, wanted) in COMMANDS.items():
        place = folder / f"command-{verb}"
        command = [sys.executable, "-m", "convscope", *arguments, "--out", str(place)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found |= {name: place / f"{source}.png" for name, source in wanted.items()}
    return found


def library_pictures(folder: Path) -> dict[str, Path]:
    """What the Python lines in the gallery make."""
    trace = cs.trace("conv(16, 7) | relu", "coffee", seed=5)
    save_png(step_picture(trace["conv_1"], dark=True), folder / "dark.png")

    edges = cs.trace("conv(1, init=edge) | relu | avgpool(8)", "chelsea")
    over = overlay(edges.picture, edges["pool_1"].value[0], edges.placement, opacity=0.9, colors="magma", fade=True)
    save_png(over, folder / "overlay.png")

    cs.figure(trace, "conv_1", max_maps=8).savefig(folder / "figure.png", dpi=180)
    return {name: folder / f"{name}.png" for name in ("dark", "overlay", "figure")}


def shrink(source: Path, target: Path) -> int:
    """Write the picture, no wider than the page, in the format of its name; returns its size in bytes."""
    with Image.open(source) as opened:
        image = opened.convert("RGB")
    if image.width > WIDEST:
        image = image.resize((WIDEST, round(image.height * WIDEST / image.width)), Image.Resampling.LANCZOS)
    image.save(target, **({"optimize": True} if target.suffix == ".png" else {"quality": 84, "method": 6}))
    return target.stat().st_size


def main() -> None:
    """Make every picture, or stop with the reason."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "docs" / "gallery"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        found = example_pictures(folder) | command_pictures(folder) | library_pictures(folder)
        named = {name if name.endswith(".png") else f"{name}.webp": source for name, source in sorted(found.items())}
        sizes = {name: shrink(source, target / name) for name, source in named.items()}
    for name, size in sizes.items():
        print(f"{size / 1000:8.1f} kB  {name}")
    total = sum(sizes.values())
    print(f"{total / 1000:8.1f} kB  in {len(sizes)} pictures in {target}")
    if total > MOST_BYTES:
        raise SystemExit(f"the gallery has {total:,} bytes; keep it under {MOST_BYTES:,}")


if __name__ == "__main__":
    main()
