"""Parameters, multiplications and settings of a step: counts and words against what is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from convscope.structure import macs, param_count, param_formula, setting_text
from convscope.traces import Step


def made(kind: str, out: tuple[int, ...], into: tuple[int, ...] = (), params: Any = None, **told: Any) -> Step:
    held = {name: np.zeros(shape, np.float32) for name, shape in (params or {}).items()}
    sources = (Step("x", "input", np.zeros(into, np.float32)),) if into else ()
    return Step("y", kind, np.zeros(out, np.float32), sources, told, held)


WINDOW = {"kernel": [3, 3], "stride": [1, 1], "padding": [0, 0, 0, 0], "dilation": [1, 1], "groups": 1}


def conv(out: int, into: int, size: int = 8, *, bias: bool = True, **told: Any) -> Step:
    groups = told.get("groups", 1)
    params = {"weight": (out, into // groups, 3, 3)} | ({"bias": (out,)} if bias else {})
    return made("conv2d", (out, size, size), (into, size + 2, size + 2), params, **WINDOW | told)


@pytest.mark.parametrize(
    ("step", "formula"),
    [
        (conv(128, 64), "(3*3*64+1)*128 = 73,856"),
        (conv(128, 64, bias=False), "3*3*64*128 = 73,728"),
        (conv(128, 64, groups=4), "(3*3*64/4+1)*128 = 18,560"),
        (
            made("linear", (128,), (1600,), {"weight": (128, 1600), "bias": (128,)}),
            "(1600+1)*128 = 204,928",
        ),
        (
            made("conv_transpose2d", (6, 4, 4), (8, 2, 2), {"weight": (8, 3, 2, 2), "bias": (6,)}, groups=2),
            "(2*2*8/2+1)*6 = 102",
        ),
        (
            made(
                "batch_norm",
                (64,),
                (64,),
                dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (64,)),
            ),
            "4*64 = 256 (128 learned, 128 running statistics)",
        ),
        (made("layer_norm", (3, 64), (3, 64), {"weight": (64,), "bias": (64,)}), "2*64 = 128"),
        (made("prelu", (64, 2, 2), (64, 2, 2), {"weight": (64,)}), "64"),
        (made("cat", (5, 2), (4, 2), {"a": (1, 2), "b": (3,)}), "1*2 + 3 = 5"),
        (made("relu", (3,), (3,)), "0"),
    ],
    ids=lambda part: part.kind if isinstance(part, Step) else "",
)
def test_parameter_formulas_say_what_they_count(step, formula):
    assert param_formula(step) == formula
    product, _, total = formula.rpartition(" = ")
    assert param_count(step) == int(total.split()[0].replace(",", ""))
    if product:
        assert eval(product) == param_count(step)


@pytest.mark.parametrize(
    ("kind", "layer", "shape"),
    [
        ("conv2d", torch.nn.Conv2d(6, 9, (3, 2), stride=2, groups=3, bias=False), (6, 5, 6)),
        ("conv_transpose2d", torch.nn.ConvTranspose2d(6, 9, (3, 2), 2, groups=3, bias=False), (6, 5, 6)),
        ("linear", torch.nn.Linear(7, 4, bias=False), (3, 7)),
    ],
)
def test_macs_are_the_products_that_are_added(kind, layer, shape):
    torch.nn.init.ones_(layer.weight)
    result = layer(torch.ones(1, *shape))  # every product is 1, so that their sum is their number
    told = {"kernel": [3, 2], "groups": 3} if kind != "linear" else {}
    assert macs(made(kind, tuple(result.shape[1:]), shape, **told)) == int(result.sum())
    assert macs(made("relu", (3,), (3,))) == 0


def test_macs_of_the_tutorial_network():
    assert macs(conv(64, 1, 26)) == 26 * 26 * 64 * 9
    assert macs(conv(64, 64, 11)) == 11 * 11 * 64 * 9 * 64


POOL = {"kernel": [2, 2], "stride": [2, 2], "padding": [0, 0, 0, 0], "ceil_mode": False}

EDGE = {"stride": [1, 1], "padding": [1, 1, 1, 1], "ceil_mode": True, "count_include_pad": False, "divisor": None}
PADDED = {"padding": [[0, 0], [0, 1], [0, 1]], "mode": "constant", "value": 0}
TWICE = {"mode": "nearest", "size": [4, 4], "scale": [2.0, 2.0]}
SCALED = {"operands": [{"input": 0}, {"number": 2.0}], "alpha": 0.5}


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (conv(4, 2), "3x3"),
        (conv(4, 2, stride=[2, 2], padding=[1, 1, 1, 1]), "3x3, stride 2, padding 1"),
        (conv(4, 2, stride=[2, 1], padding=[0, 1, 0, 1]), "3x3, stride 2x1, padding 0+1"),
        (conv(4, 2, dilation=[2, 2]), "3x3, dilation 2"),
        (conv(4, 2, padding=[1, 1, 0, 2]), "3x3, padding 1 by 0+2"),
        (conv(4, 4, groups=2), "3x3, 2 groups"),
        (conv(4, 4, groups=4), "3x3, depthwise"),
        (made("max_pool2d", (1, 2, 2), (1, 4, 4), dilation=[1, 1], **POOL), "2x2"),
        (
            made("avg_pool2d", (1, 2, 2), (1, 4, 4), **POOL | EDGE),
            "2x2, stride 1, padding 1, rounded up, padding not counted",
        ),
        (made("linear", (10,), (1600,)), "1600 to 10"),
        (made("batch_norm", (4,), (4,), eps=1e-3, training=False), "eps 0.001"),
        (made("batch_norm", (4,), (4,), eps=1e-5, training=True), "eps 1e-05, its own mean"),
        (made("leaky_relu", (4,), (4,), negative_slope=0.01), "negative slope 0.01"),
        (made("adaptive_avg_pool2d", (4, 1, 1), (4, 7, 7), output=[1, 1]), "to 1x1"),
        (made("interpolate", (1, 4, 4), (1, 2, 2), **TWICE), "nearest, to 4x4"),
        (made("pad", (1, 5, 5), (1, 4, 4), **PADDED), "0+1"),
        (made("pad", (1, 5, 5), (1, 4, 4), padding=[[0, 0], [1, 1], [1, 1]], mode="reflect"), "1, reflect"),
        (made("slice", (2, 4), (4, 4, 4), index=[[0, 2, 1], 3, [0, 4, 2]]), "[0:2, 3, 0:4:2]"),
        (made("add", (4,), (4,), **SCALED), "with 2, second times 0.5"),
        (made("cat", (4,), (4,), axis=0), "axis 0"),
        (made("clamp", (4,), (4,), min=0.0, max=None), "min 0"),
        (made("mean", (4,), (4, 2, 2), axes=[1, 2], keepdim=True), "axes 1 2, keepdim"),
        (made("relu", (4,), (4,)), ""),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)  # fmt: skip
def test_settings_in_words(step, words):
    assert setting_text(step) == words
