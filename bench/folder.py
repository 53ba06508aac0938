"""Reading a folder of photos for training, against Keras' `image_dataset_from_directory` on tf.data.

Photos of the cats-vs-dogs set, from files to batches of 32 pictures of 300x300, on the same two cores. Measured in turn
(Keras, ours, Keras antialiased, ours antialiased, ours from the cache, Keras, ...) after a warm-up pass of each; the
medians of the ratios round by round. Claims:

* at least 1.2 x the images per second of Keras when both resize without antialiasing,
* at least 1.5 x when both antialias (Keras' function cannot; its own steps are put together with `antialias=True`),
* at least 4 x from the second epoch on, from the cache of resized pixels, against Keras without antialiasing, which is
  what it does in every epoch,
* with pixels no worse: signal-to-noise ratio against a Lanczos filter in floating point on what Pillow decodes, which
  neither side uses. Against an area average as well, for who prefers that.

TensorFlow lives in an environment of its own: `python -m venv .venv-bench`, `pip install -r requirements-bench.txt`
there. Keras delivers float32 and we deliver uint8, as each side's next step takes it; the lines "as float32" add the
change to float32. Exits 1 when a claim does not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SIZE, BATCH, PICTURES = (300, 300), 32, 60
CLAIMS = {"not antialiased": 1.2, "antialiased": 1.5, "from the cache": 4.0}


def keras_side(data: str, threads: int) -> None:
    """The other process: passes on demand. Runs in the environment that has TensorFlow."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow")
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    paths = sorted(str(path) for path in Path(data).glob("*/*"))

    def load(path: object) -> object:
        image = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        image = tf.image.resize(image, SIZE, method="bilinear", antialias=True)
        image.set_shape((*SIZE, 3))
        return image

    plain = keras.utils.image_dataset_from_directory(
        data, image_size=SIZE, batch_size=BATCH, shuffle=False, verbose=False
    ).prefetch(tf.data.AUTOTUNE)
    smooth = tf.data.Dataset.from_tensor_slices(paths).map(load, num_parallel_calls=tf.data.AUTOTUNE)
    sets = {"plain": plain.map(lambda images, _: images), "antialiased": smooth.batch(BATCH)}
    print("ready", tf.__version__, keras.__version__, flush=True)
    for line in sys.stdin:
        command, name, *where = line.split()
        images = sets[name].prefetch(tf.data.AUTOTUNE)
        if command == "save":
            got = np.concatenate([batch.numpy() for batch in images])
            np.save(where[0], got[:: len(got) // PICTURES][:PICTURES])
            print(json.dumps([]), flush=True)
            continue
        start, work, count = time.perf_counter(), time.process_time(), 0
        for batch in images:
            count += len(batch)
        rate = count / (time.perf_counter() - start)
        print(json.dumps([rate, (time.process_time() - work) / count]), flush=True)


class Keras:
    """Talks to the other process."""

    def __init__(self, python: Path, data: Path, threads: int) -> None:
        command = [str(python), __file__, "--data", str(data), "--threads", str(threads), "--keras-side"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.version = self._line()

    def _line(self) -> str:
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            sys.exit("the Keras side ended; run it alone to see why: bench/folder.py --keras-side")
        return line

    def ask(self, *words: str) -> list[float]:
        assert self.process.stdin
        print(*words, file=self.process.stdin, flush=True)
        return json.loads(self._line())


@contextlib.contextmanager
def keras_process(python: Path, data: Path, threads: int) -> Iterator[Keras]:
    side = Keras(python, data, threads)
    try:
        yield side
    finally:
        side.process.terminate()
        side.process.wait()


def one_pass(samples: object, epoch: int, finish: Callable[[np.ndarray], object] = len) -> list[float]:
    """Images per second of one epoch, shuffled, as a training reads it; and processor seconds an image."""
    from convscope.data.feed import Feed
    from convscope.data.order import batches

    start, work, count = time.perf_counter(), time.process_time(), 0
    with Feed(samples, batches(np.arange(len(samples)), BATCH, seed=1337, epoch=epoch)) as feed:
        for indices, pixels in feed:
            finish(pixels)
            count += len(indices)
    return [count / (time.perf_counter() - start), (time.process_time() - work) / count]


def as_floats(pixels: np.ndarray) -> object:
    import torch

    return torch.from_numpy(pixels).float()


def references(files: list[Path]) -> dict[str, np.ndarray]:
    """What the pixels should be: floating-point filters on what Pillow decodes, nothing rounded."""
    from PIL import Image

    filters = {"Lanczos": Image.Resampling.LANCZOS, "area": Image.Resampling.BOX}
    made: dict[str, list[np.ndarray]] = {name: [] for name in filters}
    for file in files:
        whole = np.asarray(Image.open(file).convert("RGB"), np.float32)
        planes = [Image.fromarray(np.ascontiguousarray(whole[..., c])) for c in range(3)]
        for name, kind in filters.items():
            made[name].append(np.stack([np.asarray(plane.resize(SIZE[::-1], kind)) for plane in planes], -1))
    return {name: np.clip(np.stack(all_of), 0, 255) for name, all_of in made.items()}


def decibels(pixels: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal-to-noise ratio, the mean over pictures."""
    errors = ((pixels.astype(np.float64) - reference) ** 2).mean((1, 2, 3))
    return float(np.mean(10 * np.log10(255**2 / errors)))


def quality(side: Keras, ours: dict[str, object]) -> bool:
    samples = ours["antialiased"]
    chosen = np.arange(len(samples))[:: len(samples) // PICTURES][:PICTURES]
    wanted = references([samples.root / samples.files[i].path for i in chosen])
    holds = True
    print(f"\nsignal-to-noise ratio of {PICTURES} photos, dB (ours are rounded to 8 bits, Keras' are not)")
    print(f"  {'':<18}{'':<18}{'ours':>7}{'Keras':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("plain", "antialiased"):
            side.ask("save", name, f"{folder}/{name}.npy")
            theirs, mine = np.load(f"{folder}/{name}.npy"), ours[name].take(chosen)
            for kind, reference in wanted.items():
                us, them = decibels(mine, reference), decibels(theirs, reference)
                print(f"  {name:<18}{'against ' + kind:<18}{us:7.2f}{them:8.2f}")
                # 0.05 dB is less than what rounding to 8 bits takes away from a perfect picture.
                holds &= us >= them - 0.05
    return holds


def speed(side: Keras, ours: dict[str, object], rounds: int) -> bool:
    rates: dict[str, list[float]] = {}
    works: dict[str, list[float]] = {}

    def note(name: str, found: list[float]) -> None:
        rates.setdefault(name, []).append(found[0])
        works.setdefault(name, []).append(found[1])

    for number in range(rounds + 1):
        if number == 1:
            rates.clear(), works.clear()  # the first was the warm-up
        note("Keras", side.ask("pass", "plain"))
        note("ours", one_pass(ours["plain"], number))
        note("Keras antialiased", side.ask("pass", "antialiased"))
        note("ours antialiased", one_pass(ours["antialiased"], number))
        note("ours from the cache", one_pass(ours["cached"], number))
        note("... as float32", one_pass(ours["cached"], number, as_floats))
        note("ours as float32", one_pass(ours["plain"], number, as_floats))
    print(f"\nimages per second, medians of {rounds} passes each, in turn; processor time an image, in ms")
    for name, found in rates.items():
        spread, work = f"({min(found):,.0f} to {max(found):,.0f})", 1e3 * statistics.median(works[name])
        print(f"  {name:<22}{statistics.median(found):8,.0f}  {spread:<18}{work:7.2f} ms")
    pairs = {
        "not antialiased": ("ours", "Keras"),
        "antialiased": ("ours antialiased", "Keras antialiased"),
        "from the cache": ("ours from the cache", "Keras"),
    }
    holds = True
    print("\nagainst Keras")
    for claim, (mine, theirs) in pairs.items():
        ratio = statistics.median(a / b for a, b in zip(rates[mine], rates[theirs], strict=True))
        print(f"  {claim:<22}{ratio:6.2f} x   claimed at least {CLAIMS[claim]}")
        holds &= ratio >= CLAIMS[claim]
    cost = statistics.median(rates["ours"]) / statistics.median(rates["ours antialiased"])
    print(f"\nantialiasing costs {100 * (cost - 1):.0f} % of the time of a pass that decodes")
    return holds


def measure(data: Path, python: Path, threads: int, rounds: int, room: Path) -> bool:
    from convscope.allocator import keep_freed_memory
    from convscope.data.folder import open_folder

    keep_freed_memory()  # as a training does
    with keras_process(python, data, threads) as side:
        started = time.perf_counter()
        plain = open_folder(data, SIZE, antialias=False, threads=threads)
        opened = time.perf_counter() - started
        started = time.perf_counter()
        cached = open_folder(data, SIZE, cache=room / "cache", threads=threads)
        packed = time.perf_counter() - started
        ours = {"plain": plain, "antialiased": open_folder(data, SIZE, threads=threads), "cached": cached}
        versions = side.version.partition(" ")[2].strip()
        print(f"{len(plain):,} photos, {threads} cores; TensorFlow, Keras {versions}")
        print(f"opened and checked in {opened:.2f} s; the cache made in {packed:.2f} s", flush=True)
        cached.close()  # its bytes are on the disk now, and nothing is written while passes are timed
        ours["cached"] = open_folder(data, SIZE, cache=room / "cache", threads=threads)
        return quality(side, ours) & speed(side, ours, rounds)


def some_of(data: Path, count: int, room: Path) -> Path:
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        (room / "photos" / folder.name).mkdir(parents=True)
        for file in sorted(folder.iterdir())[: count // 2]:
            shutil.copy(file, room / "photos" / folder.name)
    return room / "photos"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "cats_dogs_photos")
    parser.add_argument("--keras-python", type=Path, default=ROOT / ".venv-bench" / "bin" / "python")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=int, default=0, help="a copy of so many of them, for a quick look; 0 is all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keras-side", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.keras_side:
        keras_side(str(options.data), options.threads)
        return
    if not options.data.is_dir() or not options.keras_python.exists():
        print(f"left out: needs the photos in {options.data} and TensorFlow in {options.keras_python}")
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    with tempfile.TemporaryDirectory() as room:
        data = some_of(options.data, options.photos, Path(room)) if options.photos else options.data
        holds = measure(data, options.keras_python, options.threads, options.rounds, Path(room))
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
