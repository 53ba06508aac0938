"""What the pages say of the program is true: flags, JSON fields, examples, files and snippets are checked."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from PIL import Image

from convscope.app import cli
from documentation import CLI, fenced, page, rows, section

WITH_JSON = ("see", "summary", "compare", "export", "predict", "explain", "train", "doctor")
ENDLESS = ("serve",)  # until Ctrl-C, so their examples are not run here
COMMANDS = (*WITH_JSON, *ENDLESS)
PYTHON = page("python.md")

#: What the examples of the pages take for granted: a photo, and a package of the reader's own.
OWN_MODEL = """
import torch

def build():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(2))
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def folder_of_photos(photos: Path) -> None:
    """Two classes with a surplus copy, a photo saved again and one that is cut off."""
    assets = Path(cli.__file__).parents[1] / "assets"
    for file, name, size in (("cat/1", "chelsea", (225, 150)), ("dog/1", "coffee", (300, 200))):
        (photos / file).parent.mkdir(parents=True)
        with Image.open(assets / f"{name}.png") as image:
            image.convert("RGB").resize(size).save(photos / f"{file}.jpg")
    data = (photos / "cat" / "1.jpg").read_bytes()
    (photos / "cat" / "copy.jpg").write_bytes(data)
    (photos / "cat" / "half.jpg").write_bytes(data[: len(data) // 2])
    with Image.open(photos / "cat" / "1.jpg") as image:
        image.save(photos / "cat" / "saved-again.jpg", quality=40)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader's current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVSCOPE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    Image.new("RGB", (90, 120), (200, 120, 60)).save("cat.jpg")
    folder_of_photos(tmp_path / "photos")
    (tmp_path / "mypackage").mkdir()
    (tmp_path / "mypackage" / "__init__.py").touch()
    (tmp_path / "mypackage" / "models.py").write_text(OWN_MODEL, encoding="utf-8")
    return tmp_path


def typed(line: str) -> tuple[int, str, str]:
    """What a command line as it stands on a page gives: exit status, standard output, standard error."""
    words = shlex.split(line)
    assert words[0] == "convscope", line
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as done,
    ):
        cli.main(words[1:])
    return int(done.value.code or 0), out.getvalue(), err.getvalue()


def answer(line: str) -> dict[str, Any]:
    status, out, err = typed(line)
    assert status == 0, err
    return dict(json.loads(out))


def flags_of(command: Any) -> set[str]:
    """The flags that a typer command takes; help belongs to all."""
    return {flag for option in command.params for flag in option.opts if flag.startswith("--")} - {"--help"}


PROGRAM: Any = typer.main.get_command(cli.app)


# Flags


def test_the_pages_describe_every_command() -> None:
    assert set(PROGRAM.commands) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_of_a_command_has_a_row_and_every_row_is_a_flag(name: str) -> None:
    table = rows("`(--[a-z-]+)", section(f"convscope {name}"))
    assert len(table) == len(set(table))
    assert set(table) == flags_of(PROGRAM.commands[name])


def test_every_flag_named_anywhere_exists() -> None:
    known = {"--help", *flags_of(PROGRAM)}.union(*(flags_of(command) for command in PROGRAM.commands.values()))
    for text in (CLI, PYTHON, page("index.md")):
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) <= known
    assert flags_of(PROGRAM) <= set(re.findall(r"--[a-z-]+", CLI))


def test_the_values_that_the_page_gives_for_left_out_options_are_the_programs() -> None:
    defaults = {option.name: option.default for option in PROGRAM.commands["see"].params}
    assert (defaults["seed"], defaults["scale"], defaults["memory"]) == (0, None, 4.0)
    assert "0 without it" in CLI
    assert "4 without it" in CLI


# Examples


def example_lines() -> list[str]:
    lines = [line for text in (page("index.md"), CLI) for block in fenced(text) for line in block.splitlines()]
    return list(dict.fromkeys(line for line in lines if line.startswith("convscope ") and "[" not in line))


def test_there_are_examples_of_every_command() -> None:
    assert {line.split()[1] for line in example_lines()} == set(WITH_JSON)
    for name in ENDLESS:
        (block,) = fenced(section(f"convscope {name}"), "text")
        assert f"convscope {name} " in block


@pytest.mark.parametrize("line", example_lines())
def test_every_example_works_as_it_stands(line: str, folder: Path) -> None:
    status, out, err = typed(line)
    assert (status, err) == (0, "")
    assert out


def test_the_error_on_the_page_is_the_one_that_comes(folder: Path) -> None:
    (block,) = fenced(section("Exit status"), "text")
    command, sentence = block.splitlines()
    assert typed(command.removeprefix("$ ")) == (2, "", sentence + "\n")


# JSON


def paths(value: Any, stop: frozenset[str], at: str = "") -> set[str]:
    """Every field of a JSON object as a path like ``steps[].name``; those of ``stop`` are not entered."""
    if isinstance(value, dict) and at not in stop:
        inner = (paths(part, stop, f"{at}.{name}" if at else name) for name, part in value.items())
        return set().union(*inner)
    if isinstance(value, list) and value and isinstance(value[0], dict) and at not in stop:
        return set().union(*(paths(part, stop, f"{at}[]") for part in value))
    return {at}


def documented(title: str) -> set[str]:
    return set(rows(r"`([\w.\[\]]+)` \|", section(title)))


TINY = '--net "conv(2, 3) | relu | flatten | dense(2) | softmax" --size 12x16'


def test_every_field_of_see_is_documented_and_every_documented_field_comes(folder: Path) -> None:
    stop = frozenset({"steps[].settings", "files.steps", "files.kernels"})
    first = answer(f"convscope see coffee {TINY} --out first --json")
    second = answer(f"convscope see coffee {TINY} --weights first/weights.safetensors --out second --json")
    assert paths(first, stop) | {"network.weights"} == documented("The object of see --json") == paths(second, stop)
    model = answer("convscope see coffee --model mypackage.models:build --size 12 --out third --json")
    optional = set(rows(r"`([\w.]+)` \| if ", section("The object of see --json")))
    assert paths(second, stop) - paths(model, stop) == optional


def test_every_field_of_summary_is_documented_and_every_documented_field_comes(folder: Path) -> None:
    expected = documented("The object of summary --json")
    for choice in ("--net fashion-cnn", "--model mypackage.models:build --input 12x16x3"):
        assert paths(answer(f"convscope summary {choice} --json"), frozenset()) == expected


def test_every_field_of_predict_is_documented_and_every_documented_field_comes(folder: Path) -> None:
    network = '--model "conv(2, 3) | relu | flatten | dense(2) | softmax" --size 12x16'
    status, out, _ = typed(f"convscope predict coffee nothing.jpg {network} --json")
    assert status == 1
    assert paths(json.loads(out), frozenset()) == documented("The object of predict --json")


def test_every_field_of_explain_is_documented_and_every_documented_field_comes(folder: Path) -> None:
    net = '--net "conv(2, 3) | relu | gap | dense(2) | softmax" --size 12x16'
    stop = frozenset({"image", "network", "maps[].evidence"})
    one = answer(f"convscope explain coffee {net} --out one --json")
    assert paths(one, stop) == documented("The object of explain --json")
    status, out, _ = typed(f"convscope explain coffee nothing.jpg {net} --out two --json")
    assert status == 1
    assert paths(json.loads(out), frozenset()) == documented("The object of explain --json for many")
    channel = answer(f"convscope explain coffee {net} --maximise conv_1:1 --out three --json")
    assert paths(channel, frozenset()) == documented("The object of explain --maximise --json")


def test_every_field_of_train_is_documented_and_every_documented_field_comes(folder: Path) -> None:
    network = "conv(2, 3) | relu | gap | dense(2) | softmax"
    line = f'convscope train photos --net "{network}" --size 12 --epochs 1 --augment flip --threads 1 --json'
    found = answer(f"{line} --out one")
    assert paths(found, frozenset({"recipe", "calibration", "test"})) == documented("The object of train --json")
    line = f'convscope train photos --compare "dense,{network}" --size 12 --epochs 1 --threads 1 --no-probe --json'
    assert paths(answer(f"{line} --out two"), frozenset()) == documented("The object of train --compare --json")


def test_every_field_of_export_is_documented_and_every_documented_field_comes(folder: Path) -> None:
    found = answer(f"convscope export coffee {TINY} --out one.html --json")
    assert paths(found, frozenset()) == documented("The object of export --json")
    typed(f"convscope see coffee {TINY} --no-html --out seen")
    assert not Path("seen/page.html").exists()
    again = answer("convscope export seen/trace.safetensors --out two.html --json")
    assert {**found, "page": "two.html"} == again
    assert Path("one.html").read_bytes() == Path("two.html").read_bytes()


def test_every_field_of_compare_is_documented_and_every_documented_field_comes(folder: Path) -> None:
    same_as_see = {"image", *(f"variants[].{name}" for name in ("network", "steps", "scores"))}
    found = answer(f"convscope compare coffee {TINY} --vary conv_1.kernel=3,5 --out both --json")
    assert paths(found, frozenset(same_as_see)) == documented("The object of compare --json")
    seen = answer(f"convscope see coffee {TINY} --out one --json")
    variant = found["variants"][0]
    assert found["image"].keys() == seen["image"].keys()
    for part in ("network", "steps", "scores"):
        assert paths(variant[part], frozenset({"[].settings"})) == paths(seen[part], frozenset({"[].settings"}))


def test_every_field_of_doctor_is_documented_and_every_documented_field_comes(folder: Path) -> None:
    found = answer("convscope doctor photos --fix quarantine --json")
    assert paths(found, frozenset()) == documented("The object of doctor --json")
    back = answer("convscope doctor photos --undo --json")
    assert back.keys() == documented("The object of doctor --undo --json")
    assert set(back["moved"]) == set(found["quarantine"]["moved"])


def test_the_report_in_the_folder_is_the_object_without_the_folders_name(folder: Path) -> None:
    printed = answer(f"convscope see coffee {TINY} --out out --json")
    written = json.loads(Path("out/report.json").read_text(encoding="utf-8"))
    assert written.keys() == printed.keys()
    assert printed["files"].keys() - written["files"].keys() == {"folder"}
    assert written["files"]["contact"] == "contact.png"


def assert_part_of(shown: Any, real: Any, at: str) -> None:
    """A shortened object says nothing but what the real one says."""
    if isinstance(shown, dict):
        assert shown.keys() <= real.keys(), at
        for name in shown.keys() - {"convscope"}:  # the version may have moved on
            assert_part_of(shown[name], real[name], f"{at}.{name}")
    elif isinstance(shown, list):
        assert len(shown) <= len(real), at
        for place, part in enumerate(shown):
            assert_part_of(part, real[place], f"{at}[{place}]")
    else:
        assert shown == (pytest.approx(real, rel=1e-4, abs=1e-6) if isinstance(real, float) else real), at


@pytest.mark.parametrize("name", WITH_JSON)
def test_the_object_on_the_page_is_the_one_that_comes(name: str, folder: Path) -> None:
    text = section(f"The object of {name} --json")
    (shown,), (line,) = fenced(text, "json"), fenced(text)
    assert_part_of(json.loads(shown), answer(line.strip()), name)


# Folders and exit statuses


def test_the_folder_holds_what_the_page_lists(folder: Path) -> None:
    typed(f"convscope see coffee {TINY} --out out")
    listed = rows(r"`([\w.-]+)`", section("What lands in the folder"))
    files = {path.name for path in Path("out").iterdir()}
    assert set(listed) <= files
    assert {re.sub(r"^\d{3}-.*?(-kernels)?\.png$", r"001-conv_1\1.png", name) for name in files} == set(listed)


def test_overwrite_replaces_only_what_convscope_wrote(folder: Path) -> None:
    line = f"convscope see coffee {TINY} --out out"
    Path("out").mkdir()
    assert typed(line)[0] == 0  # an empty folder may be taken
    assert typed(line)[0] == 2
    Path("out/old").touch()
    assert typed(f"{line} --overwrite")[0] == 0
    assert not Path("out/old").exists()
    Path("out/report.json").unlink()
    status, _, sentence = typed(f"{line} --overwrite")
    assert (status, Path("out/contact.png").exists()) == (2, True)
    assert "was not written by convscope" in sentence


def test_without_out_nothing_is_ever_replaced(folder: Path) -> None:
    for _ in range(3):
        typed(f"convscope see cat.jpg {TINY}")
    assert sorted(path.name for path in Path("convscope-out").iterdir()) == ["cat", "cat-2", "cat-3"]


def test_the_statuses_on_the_page_are_those_of_the_program(folder: Path) -> None:
    listed = {int(status) for status in rows(r"(\d+) \|", section("Exit status"))}
    assert listed == {0, 1, 2, cli.DISK_FULL, cli.INTERRUPTED}
    assert typed(f"convscope see coffee {TINY} --json")[0] == 0
    assert typed("convscope see coffee --memory 0.001 --json")[:2] == (1, "")
    assert typed("convscope see nothing.jpg --json")[:2] == (2, "")


# Python


def test_the_python_snippets_run_and_print_what_stands_beside_them(folder: Path) -> None:
    names: dict[str, Any] = {}
    blocks = fenced(PYTHON, "python")
    assert len(blocks) > 8
    for block in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block, "docs/python.md", "exec"), names)
        for expected in re.findall(r"# -> (.*)", block):
            assert expected in out.getvalue().splitlines(), block


def test_the_errors_on_the_page_are_the_hierarchy() -> None:
    from convscope import errors

    (tree,) = fenced(section("Errors", PYTHON), "text")
    assert set(re.findall(r"(?m)^[│├└─ ]*(\w+)", tree)) == {
        name for name, kind in vars(errors).items() if isinstance(kind, type)
    }
