"""Receptive fields against the gradients of PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from convscope.errors import CallError
from convscope.structure import receptive_fields
from convscope.traces import Step


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Tape:
    """A network that is run and recorded at once: weights are positive, so that no gradient cancels."""

    def __init__(self, height: int, width: int, channels: int = 2) -> None:
        torch.manual_seed(0)
        self.picture = (torch.rand(1, channels, height, width, dtype=torch.float64) + 0.5).requires_grad_()
        self.steps = [Step("input", "input", self._plain(self.picture))]
        self.tensors = {"input": self.picture}

    @staticmethod
    def _plain(tensor: Tensor) -> np.ndarray:
        return tensor.detach()[0].float().numpy().copy()

    def add(self, kind: str, tensor: Tensor, *inputs: str, **told: Any) -> str:
        sources = tuple(step for name in inputs for step in self.steps if step.name == name)
        name = f"{kind}_{len(self.steps)}"
        self.steps.append(Step(name, kind, self._plain(tensor), sources, told))
        self.tensors[name] = tensor
        return name

    def conv(self, x, kernel, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1)) -> str:
        tensor, (top, bottom, left, right) = self.tensors[x], padding
        weight = torch.rand(tensor.shape[1], tensor.shape[1], *kernel, dtype=torch.float64) + 0.1
        result = F.conv2d(F.pad(tensor, (left, right, top, bottom)), weight, None, stride, 0, dilation)
        told = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "groups": 1}
        return self.add("conv2d", result, x, **told)

    def pool(self, x, kernel, stride, pad, kind="avg_pool2d") -> str:
        result = F.avg_pool2d(self.tensors[x], kernel, stride, pad, True)
        told = {
            "kernel": kernel,
            "stride": stride,
            "padding": [pad[0], pad[0], pad[1], pad[1]],
            "ceil_mode": True,
        }
        return self.add(kind, result, x, count_include_pad=True, divisor=None, dilation=[1, 1], **told)

    def transposed(self, x, kernel, stride, cut, dilation) -> str:
        tensor = self.tensors[x]
        weight = torch.rand(tensor.shape[1], tensor.shape[1], *kernel, dtype=torch.float64) + 0.1
        result = F.conv_transpose2d(tensor, weight, None, stride, cut, 0, 1, dilation)
        told = {
            "kernel": kernel,
            "stride": stride,
            "dilation": dilation,
            "output_padding": [0, 0],
            "groups": 1,
        }
        return self.add("conv_transpose2d", result, x, padding=[cut[0], cut[0], cut[1], cut[1]], **told)

    def resize(self, x, size, mode, align=False) -> str:
        extra = {"align_corners": align} if mode == "bilinear" else {}
        result = F.interpolate(self.tensors[x], size, mode=mode, **extra)
        return self.add("interpolate", result, x, mode=mode, size=size, scale=None, align_corners=align)

    def join(self, kind, x, y) -> str:
        a, b = self.tensors[x], self.tensors[y]
        if kind == "cat":
            return self.add("cat", torch.cat([a, b], 1), x, y, axis=0)
        result = a + b if kind == "add" else a * b
        return self.add(kind, result, x, y, operands=[{"input": 0}, {"input": 1}])

    def seen(self, name: str, index: tuple[int, ...]) -> tuple[int, int, int, int]:
        """The smallest rectangle of the picture that has a gradient in any channel at a position."""
        channels = self.tensors[name][0][(slice(None), *index)]
        total = (channels * torch.arange(1, len(channels) + 1)).sum()  # a plain sum may be constant, as of a norm
        (gradient,) = torch.autograd.grad(total, self.picture, retain_graph=True, allow_unused=True)
        if gradient is None or not gradient.any():
            return (0, 0, 0, 0)
        rows, columns = (gradient[0].abs().sum((0, axis)).nonzero().ravel().tolist() for axis in (2, 1))
        return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1

    def check(self, names: list[str] | None = None) -> None:
        """Every corner, edge and middle of every map sees exactly what has a gradient.

        Only where some rows or columns see nothing at all may a later box be larger than that.
        """
        fields = receptive_fields(self.steps)
        blind = any((reach.last < 0).any() for field in fields.values() for reach in (field.rows, field.columns))
        for step in self.steps:
            if step.value.ndim != 3 or (names and step.name not in names):
                continue
            _, height, width = step.shape
            for y in sorted({0, 1, height // 2, height - 1} & set(range(height))):
                for x in sorted({0, width // 3, width - 1}):
                    box = fields[step.name].box(y, x)
                    seen = self.seen(step.name, (y, x))
                    assert box == seen or (blind and holds(box, seen)), f"{step} at {(y, x)}: {box}, not {seen}"
                    assert holds(fields[step.name].box(y, x, clipped=False), box)


def holds(outer: tuple[int, ...], inner: tuple[int, ...]) -> bool:
    """Whether one rectangle lies in another; the empty one lies in all."""
    within = outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]
    return within or inner == (0, 0, 0, 0)


PAIR = st.lists(st.integers(1, 3), min_size=2, max_size=2)


def draw_layer(data: Any, tape: Tape, x: str) -> str:
    """One more layer on top of ``x``, of random settings; ``x`` itself where the map is too small."""
    height, width = tape.tensors[x].shape[2:]
    kinds = ["conv", "pool", "max", "transposed", "nearest", "bilinear", "pad", "slice"]
    kind = data.draw(st.sampled_from(kinds))
    if kind == "conv":
        padding = [data.draw(st.integers(0, 2)) for _ in range(4)]
        kernel, dilation = data.draw(PAIR), data.draw(PAIR)
        if min(height, width) < 5 or max(height, width) > 40:
            return x
        kernel = [k if (k - 1) * d < 5 else 2 for k, d in zip(kernel, dilation, strict=True)]
        return tape.conv(x, kernel, data.draw(PAIR), padding, dilation)
    if min(height, width) < 4 or max(height, width) > 25:
        return x
    if kind in {"pool", "max"}:
        kernel = data.draw(PAIR)
        pad = [k // 2 for k in kernel]
        return tape.pool(x, kernel, data.draw(PAIR), pad, "avg_pool2d" if kind == "pool" else "max_pool2d")
    if kind == "transposed":
        return tape.transposed(x, data.draw(PAIR), data.draw(PAIR), [data.draw(st.integers(0, 1)), 0], data.draw(PAIR))
    if kind in {"nearest", "bilinear"}:
        size = [data.draw(st.integers(3, 2 * height)), data.draw(st.integers(3, 2 * width))]
        return tape.resize(x, size, kind, kind == "bilinear" and data.draw(st.booleans()))
    if kind == "pad":
        mode = data.draw(st.sampled_from(["reflect", "replicate", "circular", "constant"]))
        result = F.pad(tape.tensors[x], (1, 2, 2, 0), mode)
        return tape.add("pad", result, x, padding=[[0, 0], [2, 0], [1, 2]], mode=mode, value=0)
    result = tape.tensors[x][:, :, 1:, : width - 1 : 2]
    index = [[0, tape.tensors[x].shape[1], 1], [1, height, 1], [0, width - 1, 2]]
    return tape.add("slice", result, x, index=index)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_networks_with_skips(data):
    tape = Tape(data.draw(st.integers(8, 20)), data.draw(st.integers(8, 20)))
    x = "input"
    for _ in range(data.draw(st.integers(1, 4))):
        before, x = x, draw_layer(data, tape, x)
        skip = data.draw(st.sampled_from(["none", "add", "cat"]))
        if skip != "none" and x != before and min(tape.tensors[x].shape[2:]) >= 1:
            side = tape.resize(before, list(tape.tensors[x].shape[2:]), "nearest")
            channels = tape.tensors[side].shape[1] == tape.tensors[x].shape[1]
            x = tape.join(skip if channels else "cat", x, side)
    tape.check()


def test_a_residual_block_and_its_endless_size():
    tape = Tape(33, 33)
    x = tape.conv("input", [7, 7], [2, 2], [3, 3, 3, 3])
    y = tape.conv(x, [3, 3], [2, 2], [1, 1, 1, 1])
    y = tape.conv(y, [3, 3], [1, 1], [1, 1, 1, 1])
    joined = tape.join("add", y, tape.conv(x, [1, 1], [2, 2]))
    tape.check()
    field = receptive_fields(tape.steps)[joined]
    assert field.size == (7 + 2 * 2 + 2 * 4,) * 2
    assert field.jump == (4, 4)
    assert field.offset == (-3 - 2 - 4,) * 2
    assert field.box(0, 1, clipped=False) == (-9, -5, 10, 14)
    assert field.box(0, 1) == (0, 0, 10, 14)
    assert not field.whole


def test_global_steps_see_everything_and_gates_keep_it():
    tape = Tape(8, 9)
    x = tape.conv("input", [3, 3])
    pooled = tape.add("mean", tape.tensors[x].mean((2, 3), keepdim=True), x, axes=[1, 2], keepdim=True)
    gated = tape.join("mul", x, pooled)
    flat = tape.add("flatten", tape.tensors[x].flatten(1), x)
    weight = torch.rand(3, tape.tensors[flat].shape[1], dtype=torch.float64)
    dense = tape.add("linear", F.linear(tape.tensors[flat], weight), flat)
    tape.check()
    fields = receptive_fields(tape.steps)
    for name in (pooled, gated, dense):
        assert fields[name].box() == (0, 0, 8, 9)
        assert fields[name].size == (8, 9)
    assert fields[dense].whole
    assert fields[dense].jump == (0, 0)
    assert fields[flat].box() == (0, 0, 8, 9), "flatten cuts through rows: conservative"


def test_channels_last_layer_norm_stays_local():
    tape = Tape(8, 9, channels=4)
    x = tape.conv("input", [3, 3])
    last = tape.add("permute", tape.tensors[x].permute(0, 2, 3, 1), x, axes=[1, 2, 0])
    norm = tape.add("layer_norm", F.layer_norm(tape.tensors[last], (4,)), last, axes=[2], eps=1e-5)
    dense = tape.add("linear", F.linear(tape.tensors[norm], torch.rand(4, 4, dtype=torch.float64)), norm)
    back = tape.add("permute", tape.tensors[dense].permute(0, 3, 1, 2), dense, axes=[2, 0, 1])
    tape.check([back])
    assert receptive_fields(tape.steps)[dense].box(2, 3) == (2, 3, 5, 6)


def test_a_dense_layer_along_the_columns_sees_whole_rows():
    tape = Tape(6, 7)
    weight = torch.rand(7, 7, dtype=torch.float64)
    dense = tape.add("linear", F.linear(tape.picture, weight), "input")
    assert receptive_fields(tape.steps)[dense].box(2, 0) == tape.seen(dense, (2, 3)) == (2, 0, 3, 7)
    soft = tape.add("softmax", torch.softmax(tape.picture, 2), "input", axis=1)
    assert receptive_fields(tape.steps)[soft].box(0, 3) == tape.seen(soft, (2, 3)) == (0, 3, 6, 4)


def test_shuffles_and_stacks_stay_local():
    tape = Tape(6, 7, channels=4)
    x = tape.conv("input", [3, 3], padding=[1, 1, 1, 1])
    split = tape.add("reshape", tape.tensors[x].reshape(1, 2, 2, 6, 7), x)
    swapped = tape.add("permute", tape.tensors[split].transpose(1, 2), split, axes=[1, 0, 2, 3])
    shuffled = tape.add("reshape", tape.tensors[swapped].reshape(1, 4, 6, 7), swapped)
    large = tape.add("pixel_shuffle", F.pixel_shuffle(tape.tensors[shuffled], 2), shuffled, factor=2)
    tape.add("local_response_norm", F.local_response_norm(tape.tensors[shuffled], 3), shuffled, size=3)
    tape.check()
    assert receptive_fields(tape.steps)[large].jump == (0.5, 0.5)
    stacked = tape.add("stack", torch.stack([tape.tensors[x]] * 2, 1), x, x, axis=0)
    row = tape.add("slice", tape.tensors[stacked][:, 1, :, 2], stacked, index=[1, [0, 4, 1], 2, [0, 7, 1]])
    fields = receptive_fields(tape.steps)
    assert fields[stacked].box(2, 3) == (1, 2, 4, 5)
    assert fields[row].box(5, 3) == tape.seen(row, (3,)) == (1, 2, 4, 5)


@pytest.mark.parametrize("dilation", [[1, 1], [2, 3]])
def test_holes_of_a_transposed_convolution_see_nothing(dilation):
    tape = Tape(4, 5)
    holes = tape.transposed("input", [2, 1], [3, 3], [0, 0], dilation)
    tape.check()
    assert receptive_fields(tape.steps)[holes].box(0, 1) == (0, 0, 0, 0)


def test_statistics_of_the_picture_see_all_of_it():
    tape = Tape(5, 6)
    x = tape.conv("input", [1, 1])
    used = {"eps": 1e-5, "training": False}
    local = tape.add("batch_norm", tape.tensors[x] * 2, x, **used)
    own = tape.add(
        "batch_norm", F.batch_norm(tape.tensors[x], None, None, training=True), x, **used | {"training": True}
    )
    group = tape.add("group_norm", F.group_norm(tape.tensors[x], 1), x, groups=1, eps=1e-5)
    odd = tape.add("fft_rfft2", tape.tensors[x] * 2, x)
    tape.check([local, own, group])
    assert receptive_fields(tape.steps)[odd].box(0, 0) == (0, 0, 5, 6), "unknown kinds may read everything"


def test_values_that_do_not_come_from_the_picture_see_nothing():
    tape = Tape(5, 6)
    noise = tape.add("rand", torch.rand(1, 2, 5, 6, dtype=torch.float64))
    both = tape.join("add", "input", noise)
    fields = receptive_fields(tape.steps)
    assert fields[noise].box(1, 1) == (0, 0, 0, 0)
    assert fields[both].box(1, 1) == (1, 1, 2, 2)


def test_settings_that_contradict_the_shape_read_everything():
    tape = Tape(5, 6)
    broken = tape.add("conv2d", tape.picture * 1, "input", kernel=[3])
    assert receptive_fields(tape.steps)[broken].box(0, 0) == (0, 0, 5, 6)


def test_a_box_outside_the_value_is_refused():
    field = receptive_fields([Step("input", "input", np.zeros((1, 5, 6), np.float32))])["input"]
    with pytest.raises(CallError, match=r"^column 6 is not in a value of shape \(1, 5, 6\); give 0 to 5$"):
        field.box(0, 6)
