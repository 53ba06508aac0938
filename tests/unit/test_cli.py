"""The command line: what it prints, what it writes, and how it says no."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.app import output
from convscope.app.cli import main
from convscope.app.compare import asked_variants, split_values
from convscope.errors import CallError, OutputError

NET = "conv_1: conv(4, 3) | relu | maxpool(2) | flatten | dense(3)"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)).save("photo.png")
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    return int(done.value.code or 0)


def test_see_prints_a_table_and_names_the_sheet_and_the_page_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("see", "photo.png", "--net", NET) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0] == "photo.png  30x40  through  network of 5 layers  (input 30x40x3)"
    row = next(line for line in lines if line.startswith("conv_1")).split()
    assert row[:5] == ["conv_1", "conv2d", "3x3", "28x38x4", "112"]
    assert lines[-2:] == ["convscope-out/photo/contact.png", "convscope-out/photo/page.html"]
    assert printed.err == ""


def test_see_writes_a_picture_a_step_the_kernels_and_every_number() -> None:
    assert run("see", "photo.png", "--net", NET, "--out", "seen") == 0
    names = sorted(path.name for path in Path("seen").iterdir())
    assert names == [
        "001-conv_1-kernels.png", "001-conv_1.png", "002-relu_1.png", "003-pool_1.png", "004-flatten_1.png",
        "005-dense_1.png", "contact.png", "network.txt", "page.html", "report.json", "trace.safetensors",
        "weights.safetensors",
    ]  # fmt: skip
    for name in names:
        if name.endswith(".png"):
            Image.open(Path("seen", name)).verify()
    trace = cs.load("seen/trace.safetensors")
    np.testing.assert_array_equal(trace["relu_1"].value, np.maximum(trace["conv_1"].value, 0))
    assert trace["conv_1"].pixel(1, 2, 3).holds
    assert not list(Path().glob(".convscope*"))


def test_what_see_saved_opens_again_as_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    run("see", "photo.png", "--net", NET, "--out", "a", "--seed", "5")
    run("see", "photo.png", "--model", "a/weights.safetensors", "--out", "b")
    run("see", "photo.png", "--net", "a/network.txt", "--weights", "a/weights.safetensors", "--out", "c")
    answers = [cs.load(f"{name}/trace.safetensors").scores for name in "abc"]
    assert answers[0] == answers[1] == answers[2]
    assert "2 layers took their weights from the file" in capsys.readouterr().err


def test_a_growing_network_keeps_its_weights_and_says_what_is_new(capsys: pytest.CaptureFixture[str]) -> None:
    run("see", "photo.png", "--net", "conv(3, 3)", "--out", "a", "--seed", "1")
    longer = ("--net", "conv(3, 3) | relu | conv(3, 3)", "--weights", "a/weights.safetensors", "--out", "b")
    run("see", "photo.png", *longer)
    assert "conv_2" in capsys.readouterr().err
    old, new = cs.load("a/trace.safetensors"), cs.load("b/trace.safetensors")
    np.testing.assert_array_equal(old["conv_1"].value, new["conv_1"].value)


def test_json_is_one_object_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    run("see", "photo.png", "--net", NET, "--json")
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert printed.out.count("\n") == 1
    assert printed.err == ""
    assert {"image", "network", "steps", "scores", "files"} <= set(found)
    step = found["steps"][0]
    assert (step["name"], step["kind"], step["shape"], step["params"]) == ("conv_1", "conv2d", [4, 28, 38], 112)
    assert step["macs"] == 28 * 38 * 4 * 27
    assert step["receptive_field"] == [3, 3]
    trace = cs.load(found["files"]["trace"])
    assert (step["min"], step["max"]) == trace["conv_1"].range
    assert [score["value"] for score in found["scores"]] == [score.value for score in trace.scores]
    assert all(Path(file).is_file() for file in (*found["files"]["steps"].values(), found["files"]["contact"]))


def test_summary_counts_without_running(capsys: pytest.CaptureFixture[str]) -> None:
    run("summary", "--net", "fashion-cnn", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["total_params"] == 243_786
    assert [(s["name"], s["params"]) for s in found["steps"] if s["params"]] == [
        ("conv_1", 640), ("conv_2", 36_928), ("dense_1", 204_928), ("dense_2", 1_290),
    ]  # fmt: skip
    run("summary", "--net", "fashion-cnn")
    assert "(3*3*64+1)*64 = 36,928" in capsys.readouterr().out


def test_summary_and_see_agree(capsys: pytest.CaptureFixture[str]) -> None:
    run("summary", "--net", NET, "--input", "30x40x3", "--json")
    planned = json.loads(capsys.readouterr().out)["steps"]
    run("see", "photo.png", "--net", NET, "--json")
    ran = json.loads(capsys.readouterr().out)["steps"]
    common = ("name", "kind", "shape", "params", "formula", "macs", "receptive_field")
    assert [[step[key] for key in common] for step in planned] == [[step[key] for key in common] for step in ran]


def test_summary_of_a_module_runs_it_on_zeros(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("summary", "--model", "zoo:small_resnet", "--input", "32x32x3", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    import zoo

    learned = sum(p.numel() for p in zoo.small_resnet().parameters())
    statistics = sum(b.numel() for n, b in zoo.small_resnet().named_buffers() if "running" in n)
    assert found["total_params"] == learned + statistics


@pytest.mark.parametrize("code", ["pytorch", "keras"])
def test_summary_prints_a_script(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("summary", "--net", NET, "--code", code) == 0
    compile(capsys.readouterr().out, "network.py", "exec")


def test_compare_varies_settings_on_one_picture(capsys: pytest.CaptureFixture[str]) -> None:
    net = ("--net", "conv(1, 3, init=constant(0.12))")
    assert run("compare", "photo.png", *net, "--vary", "conv_1.kernel=3,12,24", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [v["label"] for v in found["variants"]] == ["conv_1.kernel=3", "conv_1.kernel=12", "conv_1.kernel=24"]
    assert [v["steps"][0]["shape"] for v in found["variants"]] == [[1, 28, 38], [1, 19, 29], [1, 7, 17]]
    Image.open(found["files"]["compare"]).verify()


def test_compare_takes_several_networks_and_combinations() -> None:
    assert [v.label for v in asked_variants(["relu", "tanh"], [], [])] == ["relu", "tanh"]
    both = asked_variants([NET], ["conv_1.filters=1,2", "activation=relu,tanh"], [])
    assert [v.label for v in both] == [
        "conv_1.filters=1 activation=relu", "conv_1.filters=1 activation=tanh",
        "conv_1.filters=2 activation=relu", "conv_1.filters=2 activation=tanh",
    ]  # fmt: skip
    assert split_values("3x3, [[1, 2], [3, 4]], constant(0.1)") == ["3x3", "[[1, 2], [3, 4]]", "constant(0.1)"]


def test_layer_narrows_the_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    run("see", "photo.png", "--net", NET, "--layer", "*_1", "--layer", "relu_1", "--layer", "conv_1", "--json")
    found = json.loads(capsys.readouterr().out)
    assert list(found["files"]["steps"]) == ["conv_1", "relu_1", "pool_1", "flatten_1", "dense_1"]
    run("see", "photo.png", "--net", NET, "--layer", "conv_*", "--json")
    assert list(json.loads(capsys.readouterr().out)["files"]["steps"]) == ["conv_1"]


@pytest.mark.parametrize(
    ("arguments", "wording"),
    [
        (["see", "missing.jpg"], "there is no file 'missing.jpg'"),
        (["see", "photo.png", "--net", "conf(3, 3)"], "did you mean"),
        (["see", "photo.png", "--net", NET, "--model", "zoo:small_resnet"], "both name a network; give one of them"),
        (["see", ""], "IMAGE is empty; give a file, or leave it out"),
        (["see", "photo.png", "--scale", "huge"], "--scale 'huge' is unknown; it is one of unit, byte, imagenet"),
        (["see", "photo.png", "--size", "12by12"], "--size '12by12' is no size; write HEIGHTxWIDTH"),
        (["see", "photo.png", "--net", NET, "--layer", "conv_9"], "did you mean 'conv_1'?"),
        (["see", "photo.png", "--net", NET, "--weights", "none.h5"], "none.h5"),
        (["see", "--bogus"], "No such option: --bogus"),
        (["nonsense"], "No such command 'nonsense'"),
        (["summary", "--input", "3x3x3x3"], "is no shape; write HEIGHTxWIDTHxCHANNELS"),
        (["summary", "--code", "jax"], "--code 'jax' is unknown; it is pytorch or keras"),
        (["compare", "photo.png", "--net", NET], "there is only one network to compare"),
        (["compare", "photo.png", "--net", NET, "--vary", "conv_1.kernel"], "lacks its values; write it like"),
        (["compare", "photo.png", "--net", NET, "--vary", "conv_1.color=1,2"], "color"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_status_2(
    arguments: list[str], wording: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    assert wording in printed.err
    assert printed.err.startswith("convscope: ")
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert not Path("convscope-out").exists() or not any(Path("convscope-out").iterdir())


def test_failed_work_is_status_1_and_shows_how_far_it_got(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("see", "photo.png", "--model", "zoo:Raises") == 1
    printed = capsys.readouterr()
    assert "conv2d" in printed.out
    assert "Raises stopped after 2 steps" in printed.err


def test_debug_shows_the_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "convscope", "see", "missing.jpg", "--debug"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" in done.stderr
    assert done.returncode == 1


def test_results_are_never_overwritten_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run("see", "photo.png", "--net", "relu") == 0
    assert {path.name for path in Path("convscope-out").iterdir()} == {"photo", "photo-2"}
    assert run("see", "photo.png", "--net", "relu", "--out", "convscope-out/photo") == 2
    assert "exists already; choose another name, or add --overwrite" in capsys.readouterr().err
    marker = Path("convscope-out/photo/old.txt")
    marker.write_text("x")
    assert run("see", "photo.png", "--net", "relu", "--out", "convscope-out/photo", "--overwrite") == 0
    assert not marker.exists()


def test_overwrite_leaves_foreign_folders_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.tex").write_text("years of work")
    assert run("see", "photo.png", "--net", "relu", "--out", "mine", "--overwrite") == 2
    assert "was not written by convscope, so --overwrite leaves it alone" in capsys.readouterr().err
    assert Path("mine/thesis.tex").read_text() == "years of work"


def test_a_failure_while_writing_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for place in ("convscope.traces.Trace.save", "convscope.draw.png.Path.write_bytes"):
        with monkeypatch.context() as patched:
            patched.setattr(place, full)
            assert run("see", "photo.png", "--net", "relu", "--out", "seen") == 4
        assert not Path("seen").exists()
        assert not list(Path().glob(".convscope*"))


def test_what_killed_processes_left_is_swept() -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stray, alive = Path(f".convscope-{dead.pid}-abc.partial"), Path(f".convscope-{os.getpid()}-abc.partial")
    stray.mkdir()
    alive.mkdir()
    with output.new_folder(Path("out"), "x", overwrite=False):
        pass
    assert (stray.exists(), alive.exists(), Path("out").exists()) == (False, True, False)


def test_an_unwritable_place_is_one_sentence() -> None:
    Path("file").write_text("")
    with (
        pytest.raises(OutputError, match="choose another place with --out"),
        output.new_folder(Path("file/x"), "x", overwrite=False),
    ):
        pass


def test_names_from_outside_never_become_paths() -> None:
    assert output.safe_name("../../etc/<img src=x>/conv\n1") == "etc_img_src_x_conv_1"
    assert output.safe_name("///") == "unnamed"
    assert output.safe_name("猫\u202e") == "猫"
    assert len(output.safe_name("猫" * 500).encode()) <= 120


def test_interrupted_it_says_so_and_leaves_nothing() -> None:
    code = (
        "import time; from convscope.app import see; from convscope.app.cli import main\n"
        "see._draw = lambda *_: (print('drawing', flush=True), time.sleep(60))\n"
        f"main(['see', 'photo.png', '--net', {NET!r}, '--out', 'seen'])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "drawing\n"
    assert list(Path().glob(".convscope-*.partial"))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "convscope: stopped; nothing was left half-written\n"
    assert not Path("seen").exists()
    assert not list(Path().glob(".convscope*"))


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = "from convscope.app.cli import main; main(['summary', '--net', 'fashion-cnn'])"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(timeout=60)
    assert "internal error" not in said
    assert "Traceback" not in said


def test_the_seed_reaches_the_weights_of_a_model_function() -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        run("see", "photo.png", "--model", "zoo:Outputs", "--seed", seed, "--out", name)
    one, again, other = (cs.load(f"{name}/trace.safetensors").scores for name in "abc")
    assert one == again != other


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    assert "see" in capsys.readouterr().out
    assert run("--version") == 0
    assert capsys.readouterr().out == f"convscope {cs.__version__}\n"
    for command in ("see", "summary", "compare", "export", "serve"):
        assert run(command, "--help") == 0
        assert f"Example: convscope {command}" in capsys.readouterr().out.replace("\n", " ")


def test_too_many_variants_are_refused() -> None:
    with pytest.raises(CallError, match="100 variants do not fit on one picture"):
        asked_variants([NET], [f"conv_1.filters={','.join(map(str, range(1, 101)))}"], [])
