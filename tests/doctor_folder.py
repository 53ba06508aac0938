"""Photos for the doctor: one of the assets in any form, and a folder of good, odd, broken and duplicate ones."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from convscope.doctor import check_folder

ASSETS = Path(__file__).parents[1] / "src" / "convscope" / "assets"


def photo(name: str = "chelsea", box: tuple[int, int, int, int] | None = None) -> Image.Image:
    return Image.open(ASSETS / f"{name}.png").convert("RGB").crop(box)


def save(image: Image.Image, path: Path, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


JPEG = io.BytesIO()
photo().save(JPEG, "JPEG", quality=85)


def pillow_reads(data: bytes) -> bool:
    try:
        Image.open(io.BytesIO(data)).load()
    except OSError:
        return False
    return True


def kinds(folder: Path) -> dict[str, set[str]]:
    """By kind, the files of its findings."""
    found: dict[str, set[str]] = {}
    for finding in check_folder(folder).findings:
        found.setdefault(finding.kind, set()).add(finding.file)
    return found


def plant(folder: Path, rng: np.random.Generator) -> tuple[set[str], list[set[str]]]:
    """30 duplicates of photos in a folder: what must go, and the pairs that are nearly the same."""
    originals = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.jpg"))
    chosen = [originals[at] for at in rng.choice(len(originals), 30, replace=False)]
    going, near = set(), []

    def cropped(image: Image.Image) -> Image.Image:
        width, height = image.size
        return image.crop((width * 3 // 200, height * 3 // 200, width - width * 3 // 200, height - height * 3 // 200))

    changes = [
        lambda image: (image, 55), lambda image: (image, 30), lambda image: (image.resize((200, 170)), 90),
        lambda image: (image.resize((image.width * 2, image.height * 2)), 90), lambda image: (cropped(image), 90),
        lambda image: (ImageEnhance.Brightness(image).enhance(1.2), 90),
        lambda image: (ImageEnhance.Brightness(image).enhance(0.8), 90),
    ]  # fmt: skip
    for number, file in enumerate(chosen):
        source, other = folder / file, {"cat": "dog", "dog": "cat"}[file.partition("/")[0]]
        copy = source.with_name(f"zz-copy-{number}.jpg")
        if number < 8:
            shutil.copy2(source, copy)
            going.add(copy.relative_to(folder).as_posix())
        elif number < 16:
            copy = folder / other / copy.name
            shutil.copy2(source, copy)
            going |= {file, copy.relative_to(folder).as_posix()}
        else:
            with Image.open(source) as opened:
                changed, quality = changes[number % len(changes)](opened.convert("RGB"))
            changed.save(copy, quality=quality)
            near.append({file, copy.relative_to(folder).as_posix()})
    return going, near


def mixed(shared_data: Path, folder: Path, photos_a_class: int) -> tuple[set[str], list[set[str]], set[str]]:
    """Make it: what must go, the pairs that are nearly the same, what is no picture and promises none."""
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for path in sorted((shared_data / "cats_dogs_photos" / name).iterdir())[:photos_a_class]:
            shutil.copy2(path, folder / name)
    going, near = plant(folder, np.random.default_rng(7))
    with (shared_data / "nasty_images" / "manifest.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    digests = {path.read_bytes(): path for path in folder.glob("cat/*")}
    for row in rows:
        source, target = shared_data / "nasty_images" / row["file"], folder / "cat" / row["file"]
        shutil.copy2(source, target)
        if row["pillow_result"] != "ok" or source.read_bytes() in digests:
            going.add(f"cat/{row['file']}")
    shutil.copy2(shared_data / "nasty_images" / "manifest.csv", folder / "cat")
    tar = "cat/pillow__hopper.tar"  # promises no picture and is none
    return going - {tar}, near, {tar, "cat/manifest.csv"}
