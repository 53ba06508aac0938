"""Every example runs and shows the tutorials' shapes, so does the command line, and the gallery is whole.

The shapes are written down here once more, from the tutorials and not from the examples.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import convscope

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES, DOCS = ROOT / "examples", ROOT / "docs"
PAGES = ("gallery.md", "gallery.zh-CN.md")

GROWING = [
    "573x605x3", "191x201x3", "191x201x3", "189x199x3", "94x99x3", "94x99x3", "92x97x3", "92x97x3", "90x95x3",
    "90x95x3", "25650", "8", "8",
]  # fmt: skip
FASHION = ["26x26x64", "13x13x64", "11x11x64", "5x5x64", "1600", "128", "10"]
FASHION_COUNTS = [640, 0, 36_928, 0, 0, 204_928, 1_290]
FASHION_FORMULAS = [
    "(3*3*1+1)*64 = 640", "0", "(3*3*64+1)*64 = 36928", "0", "0", "(1600+1)*128 = 204928", "(128+1)*10 = 1290",
]  # fmt: skip
CAT = {
    "conv(3, 3)": "318x398x3",
    "conv(3, 10)": "311x391x3",
    "conv(1, 3)": "318x398x1",
    "conv(1, 15)": "306x386x1",
    "conv(1, 3) | relu": "318x398x1",
    "conv(1, 3) | maxpool(5)": "63x79x1",
    "conv(1, 3) | relu | maxpool(5)": "63x79x1",
    "conv(1, 3) | maxpool(5) | relu": "63x79x1",
    "conv(1, 3) | relu | maxpool(3) | conv(1, 3) | relu | maxpool(3)": "34x43x1",
    "conv(3, 3) | relu | maxpool(3) | conv(1, 3) | relu | maxpool(2)": "52x65x1",
    "conv(3, 3) | relu | maxpool(3) | conv(3, 3) | relu | maxpool(2)": "52x65x3",
}
FIVE_TIMES = ["298x449x3", "296x447x3", "294x445x3", "292x443x3", "290x441x3"]
STATED = {
    "growing_network": {*GROWING, "573x605x1", "564x596x1", "552x584x1"},
    "parts_of_a_cnn": {"118x178x2", "120x180x2", "60x90x2", "59x89x2", "236x356x2", "240x360x2"},
    "fashion_counts": {*FASHION, *(f"{count:,}" for count in FASHION_COUNTS if count), "243,786", "101,770"},
    "conv_activation_pooling": set(CAT.values()),
    "what_is_in_a_filter": set(FIVE_TIMES),
    "dense_against_conv": {"101,770", "243,786"},
    "cats_and_dogs_from_a_folder": {"121", "97,569"},
    "cats_and_dogs_network": {"300x300x16", "150x150x32", "75x75x64", "37x37x128", "128", "1", "97,569"},
}


def run(*arguments: str | Path, cwd: Path = ROOT) -> str:
    """What a Python process prints; it uses the convscope under test and one thread."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONPATH=str(Path(convscope.__file__).parents[1]))
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def command(*arguments: str | Path) -> Any:
    return json.loads(run("-m", "convscope", *arguments, "--json"))


def hwc(shape: list[int]) -> str:
    return "x".join(map(str, [*shape[1:], shape[0]] if len(shape) == 3 else shape))


def example_module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", STATED)
def test_an_example_shows_the_stated_shapes(name: str, tmp_path: Path) -> None:
    printed = run(EXAMPLES / f"{name}.py", tmp_path)
    rows = re.findall(r"(\S+) +stated +(\S+) +(same|DIFFERENT)$", printed, re.MULTILINE)
    assert {came_out for came_out, _, _ in rows} >= STATED[name]
    assert {verdict for _, _, verdict in rows} == {"same"}
    pictures = list(tmp_path.glob("*.png"))
    assert f"{len(pictures)} pictures" in printed
    for picture in pictures:
        with Image.open(picture) as image:
            image.load()
            assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 1, f"{picture.name} is blank"


def test_every_example_is_run_and_listed() -> None:
    others = {"stated", "strip", "make_gallery", "make_screens", "make_explained"}
    scripts = {path.stem for path in EXAMPLES.glob("*.py")} - others
    assert scripts == set(STATED)
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    assert all(f"`{script}.py`" in readme for script in scripts)


@pytest.mark.parametrize("stated", ["573x604x3", "573x60", "573x605x1", "3x573x605"])
def test_an_example_fails_when_a_shape_differs(stated: str, tmp_path: Path) -> None:
    lesson = example_module("stated").Lesson("a.py", "A.", arguments=[str(tmp_path)])
    lesson.shape("right", np.empty((3, 573, 605)), "573x605x3")
    lesson.shape("also right", np.empty((3, 573, 605)), "573x605")
    lesson.shape("conv_1", np.empty((3, 573, 605)), stated)
    with pytest.raises(SystemExit, match=r"^different from what is stated: conv_1$"):
        lesson.done()


def test_the_command_line_shows_tutorial_1(tmp_path: Path) -> None:
    astronaut = ("astronaut", "--size", "575x607", "--scale", "byte")
    seen = command("see", *astronaut, "--net", "tutorial-1", "--out", tmp_path / "seen")
    assert [hwc(step["shape"]) for step in seen["steps"]] == GROWING
    assert [step["name"] for step in seen["steps"] if "conv" in step["kind"]] == [f"conv_{n}" for n in (1, 2, 3, 4)]
    assert seen["steps"][-2]["name"] == "dens_1"

    weights = ("--weights", tmp_path / "seen" / "weights.safetensors")
    activations = ("--net", "tutorial-1", *weights, "--vary", "activation=relu,sigmoid,tanh")
    varied = command("compare", *astronaut, *activations, "--out", tmp_path / "activations")
    assert [[hwc(step["shape"]) for step in variant["steps"]] for variant in varied["variants"]] == [GROWING] * 3

    constant = ("--net", "conv(3, 3, init=constant(0.12))", "--vary", "conv_1.kernel=3,12,24")
    kernels = command("compare", *astronaut, *constant, "--out", tmp_path / "kernels")
    sizes = [hwc(variant["steps"][0]["shape"]) for variant in kernels["variants"]]
    assert sizes == ["573x605x3", "564x596x3", "552x584x3"]


def test_the_command_line_counts_tutorial_3() -> None:
    counted = command("summary", "--net", "fashion-cnn")
    layers = [step for step in counted["steps"] if step["kind"] not in {"relu", "softmax"}]
    assert [hwc(step["shape"]) for step in layers] == FASHION
    assert [step["params"] for step in layers] == FASHION_COUNTS
    assert [step["formula"].replace(",", "") for step in layers] == FASHION_FORMULAS
    assert counted["total_params"] == 243_786
    assert command("summary", "--net", "fashion-dense")["total_params"] == 101_770


def test_the_command_line_shows_tutorial_4_on_its_cat(shared_data: Path, tmp_path: Path) -> None:
    nets = [part for net in CAT for part in ("--net", net)]
    cat = shared_data / "tutorial_photos" / "cat.png"
    compared = command("compare", cat, *nets, "--scale", "byte", "--out", tmp_path / "cat")
    assert compared["image"]["size"] == [320, 400]
    last = {variant["label"]: hwc(variant["steps"][-1]["shape"]) for variant in compared["variants"]}
    assert last == CAT


def test_the_command_line_shows_tutorial_5(tmp_path: Path) -> None:
    seen = command("see", "chelsea", "--net", " | ".join(["conv(3, 3)"] * 5), "--out", tmp_path / "five")
    assert seen["image"]["size"] == [300, 451]
    assert [hwc(step["shape"]) for step in seen["steps"]] == FIVE_TIMES


def test_the_gallery_is_whole_and_light() -> None:
    pictures = {path.name for path in (DOCS / "gallery").iterdir()}
    for page in PAGES:
        used = re.findall(r"!\[[^\]]+\]\(gallery/([\w.-]+)\)", (DOCS / page).read_text("utf-8"))
        assert sorted(used) == sorted(pictures), page
    assert sum((DOCS / "gallery" / name).stat().st_size for name in pictures) <= 2_500_000


@pytest.mark.parametrize("page", PAGES)
def test_the_gallery_tells_how_its_pictures_were_made(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    gallery = example_module("make_gallery")
    for arguments, _ in gallery.COMMANDS.values():
        assert shlex.join(["convscope", *arguments]) in text
    for script, (arguments, _) in gallery.EXAMPLES.items():
        assert " ".join(["python", f"examples/{script}", *(["FOLDER", *arguments] if arguments else [])]) in text


def test_what_the_gallery_quotes_is_so(tmp_path: Path) -> None:
    pages = [(DOCS / page).read_text("utf-8") for page in PAGES]
    code = [re.findall(r"```python\n(.*?)```", text, re.DOTALL) for text in pages]
    assert code[0] == code[1]
    numbers = [re.findall(r"```text\n(.*?)```", text, re.DOTALL) for text in pages]
    assert numbers[0] == numbers[1]
    assert len(numbers[0]) == 1
    for name in ("dark.png", "overlay.png", "figure.png"):
        assert f'"{name}"' in code[0][0]
    printed = run("-c", "\n".join(code[0]), cwd=tmp_path)
    assert printed.strip() == numbers[0][0].strip()
    assert {path.name for path in tmp_path.iterdir()} == {"dark.png", "overlay.png", "figure.png"}
