"""Figures for papers, made through matplotlib's objects."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from convscope.draw import figure, grid
from convscope.errors import CallError
from drawing import maps, rgb, trace


def test_a_figure_touches_no_global_state(tmp_path):
    code = """
import sys, numpy as np, matplotlib
def settings():  # rcParams['backend'] would choose one, and import pyplot for it
    return {key: repr(dict.__getitem__(matplotlib.rcParams, key)) for key in matplotlib.rcParams}
before = settings()
from convscope.draw import figure
from convscope.traces import Placement, Step, Trace
x = Step("input", "input", np.arange(48, dtype=np.float32).reshape(3, 4, 4))
y = Step("$vec_tor", "linear", np.arange(5, dtype=np.float32), (x,))
t = Trace(np.zeros((4, 4, 3), np.uint8), (x, y), ("$vec_tor",), Placement(0.0, 0.0, 4.0, 4.0))
for name in ("input", "$vec_tor"):
    for scale in ("each", "shared", "byte"):
        figure(t, name, scale=scale).savefig(sys.argv[1])
print("matplotlib.pyplot" in sys.modules, settings() == before)
"""
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "figure.svg")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", "True"], done.stderr


def test_the_bar_of_a_figure_carries_the_values():
    net = trace(("conv", "conv2d", np.linspace(-3, 2, 18, dtype=np.float32).reshape(2, 3, 3)))
    picture, bar = figure(net, "conv").axes
    assert bar.get_ylim() == pytest.approx((-3, 3))
    assert [text.get_text() for text in figure(net, "conv", scale="each").axes[1].get_yticklabels()] == [
        "-max",
        "0",
        "max",
    ]
    pixels = picture.get_images()[0].get_array()
    assert np.array_equal(pixels, rgb(grid(net["conv"].value, scale="shared")))


@pytest.mark.parametrize(("shape", "columns"), [((3, 20, 60), 3), ((12, 9, 9), 12), ((4, 30, 30), 2), ((2, 40, 40), 1)])
def test_a_figure_ends_where_its_maps_do(shape, columns):
    drawn = figure(trace(("conv", "conv2d", maps(*shape))), "conv", columns=columns)
    drawn.set_dpi(100)
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    rows = (np.asarray(canvas.buffer_rgba())[:, :500, :3] < 250).any(axis=(1, 2))
    assert not rows[0], "the title does not touch the edge"
    assert rows[-10:].any(), "no empty band under the maps"
    blank = np.diff(np.flatnonzero(rows)).max()
    assert blank < 16, "nor between the title and the maps"


def test_without_matplotlib_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(CallError, match=r'not installed; run: pip install "convscope\[figure\]"$'):
        figure(trace(("c", "relu", maps(1, 2, 2))), "c")
