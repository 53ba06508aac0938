"""Drawing a layer to a PNG file: convscope against a matplotlib subplot grid and against the bare minimum.

Claim: at least 50 x faster than the subplot grid that people copy from tutorials, and at most 3 x the time
of a bare numpy tile, colour table and Pillow PNG file of the same maps at the same size, be it in RGB or with a
palette, and no file is more than 1.3 x the size of the bare palette one. The layers are 64 maps of 112x112 and
512 maps of 7x7, both as relu leaves them and signed and noisy, as a convolution of a grainy photo makes them,
which is the hardest to compress. All run in turn in one process and the medians of their times are compared.
The claim is about the quicker of the two scripts, the one that switches the axes off. Exits with status 1 if it
does not hold.

    python bench/draw.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from convscope.draw import colormap, grid, save_png
from convscope.draw.tiles import layout
from convscope.image import open_image

LEAST_OVER_MATPLOTLIB, MOST_OVER_BARE, LARGEST_FILE = 50, 3, 1.3
Maps = np.ndarray


def ours(maps: Maps, path: Path) -> None:
    """The product."""
    save_png(grid(maps), path)


def tiled(maps: Maps) -> np.ndarray:
    """Levels of every map on its own range, enlarged and side by side."""
    _, height, width = maps.shape
    columns, zoom = layout(maps.shape).columns, layout(maps.shape).cell[0] // height
    low = maps.min(axis=(1, 2), keepdims=True)
    span = np.maximum(maps.max(axis=(1, 2), keepdims=True) - low, 1e-30)
    levels = ((maps - low) * (255 / span)).astype(np.uint8)
    tiles = levels.reshape(-1, columns, height, width).transpose(0, 2, 1, 3).reshape(-1, columns * width)
    return tiles.repeat(zoom, axis=0).repeat(zoom, axis=1)


def bare(maps: Maps, path: Path) -> None:
    """Nothing but the work: levels, tile, table, PNG at Pillow's fastest compressing level."""
    Image.fromarray(np.take(colormap("viridis"), tiled(maps), axis=0)).save(path, compress_level=1)


def bare_palette(maps: Maps, path: Path) -> None:
    """As ``bare``, in one byte a pixel: the least that Pillow can do."""
    image = Image.fromarray(tiled(maps))
    image.putpalette(colormap("viridis").tobytes())
    image.save(path, compress_level=1)


def subplots(maps: Maps, path: Path, *, axes: bool = False) -> None:
    """The script people copy, in its quicker form: without axes."""
    import matplotlib.pyplot as plt

    columns = layout(maps.shape).columns
    rows = -(-len(maps) // columns)
    plt.figure(figsize=(columns, rows))
    for i, one in enumerate(maps):
        plt.subplot(rows, columns, i + 1)
        plt.imshow(one, cmap="viridis")
        if not axes:
            plt.axis("off")
    plt.savefig(path)
    plt.close()


def with_axes(maps: Maps, path: Path) -> None:
    """The same script as matplotlib leaves it."""
    subplots(maps, path, axes=True)


def measure(
    rivals: list[Callable[[Maps, Path], None]], maps: Maps, folder: Path, rounds: int
) -> dict[str, tuple[float, int]]:
    """Median seconds and bytes of each, run in turn; the quick ones seven times a round, to settle."""
    seconds: dict[str, list[float]] = {rival.__name__: [] for rival in rivals}
    path = folder / "a.png"
    size = {}
    for number in range(rounds):
        for rival in rivals if number == 0 else rivals[:-1]:  # once is enough for the slowest
            for _ in range(1 if rival in {subplots, with_axes} else 7):
                start = time.perf_counter()
                rival(maps, path)
                seconds[rival.__name__].append(time.perf_counter() - start)
            size[rival.__name__] = path.stat().st_size
    return {name: (statistics.median(times), size[name]) for name, times in seconds.items()}


def photo_maps(count: int, side: int, *, signed: bool) -> Maps:
    """Random 3x3 filters over the embedded photo, as busy as a first layer's maps; relu, or signed and noisy."""
    random = np.random.default_rng(0)
    photo = Image.fromarray(open_image("chelsea").pixels).convert("L").resize((side + 2, side + 2))
    scene = np.asarray(photo, np.float32) / 255
    kernels = random.normal(size=(count, 3, 3)).astype(np.float32)
    if signed:  # grain like that of a dim photo, and filters that answer to edges and grain alone
        scene += random.normal(0, 0.05, scene.shape).astype(np.float32)
        kernels -= kernels.mean(axis=(1, 2), keepdims=True)
    windows = np.lib.stride_tricks.sliding_window_view(scene, (3, 3))
    maps = np.tensordot(kernels, windows, axes=([1, 2], [2, 3])).astype(np.float32)
    return maps if signed else np.maximum(maps, 0)


def main(rounds: int = 3) -> int:
    """Print the ratios; 0 if the claim holds."""
    mpl.use("Agg")
    held = True
    rivals = [ours, bare, bare_palette, subplots, with_axes]
    with tempfile.TemporaryDirectory() as folder:
        for count, side, signed in ((64, 112, False), (64, 112, True), (512, 7, False), (512, 7, True)):
            maps = photo_maps(count, side, signed=signed)
            for rival in rivals:  # the first call pays for imports and fonts
                rival(maps[: layout(maps.shape).columns], Path(folder, "a.png"))
            found = measure(rivals, maps, Path(folder), rounds)
            mine, bytes_ = found["ours"]
            print(f"{count} maps of {side}x{side}, {'signed and noisy' if signed else 'after relu'}")
            for name, (seconds, size) in found.items():
                print(f"  {name:16}{1000 * seconds:10.1f} ms {size / 1000:8.0f} kB  {seconds / mine:8.2f} x ours")
            held &= found["subplots"][0] / mine >= LEAST_OVER_MATPLOTLIB
            held &= mine / min(found["bare"][0], found["bare_palette"][0]) <= MOST_OVER_BARE
            held &= bytes_ <= LARGEST_FILE * found["bare_palette"][1]
    claim = f">= {LEAST_OVER_MATPLOTLIB} x matplotlib, <= {MOST_OVER_BARE} x bare, <= {LARGEST_FILE} x its file"
    print(f"{'held' if held else 'FAILED'}: {claim}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
