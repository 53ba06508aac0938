"""Activation maximisation: a picture made so that one channel answers as strongly as it can.

Erhan, Bengio, Courville and Vincent, *Visualizing Higher-Layer Features of a Deep Network* (2009), climb the gradient
of a channel with respect to the picture. Olah, Mordvintsev and Schubert, *Feature Visualization* (2017,
https://doi.org/10.23915/distill.00007), found what keeps the result from being noise, and this follows them:

* the picture is written in waves. Its value at a pixel is ``sigmoid(F^-1(z / f))``: ``z`` are the numbers that are
  changed, ``f`` the frequency of each wave, ``F^-1`` the inverse Fourier transform. Dividing by the frequency gives all
  wavelengths the same say, as photos have them;
* colours are written as brightness and two differences of colours, since the channels of photos go together;
* at every step the picture is moved and scaled a little at random, so that what is found does not hang on the exact
  pixel.

What is climbed, with Adam, is the mean of what is positive in the channel's map, which is what a ReLU hands on, and a
hundredth of what is negative, so that a silent channel can be woken; of a ReLU it is that of what goes into it. The
mean of all of it would not do: of a convolution it is the same for every texture. Steps are run again from the trace
(:mod:`convscope.contribution.replay`), so the network itself is not touched, and a trace from a file will do.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from convscope.contribution.replay import replay, tensor
from convscope.errors import CallError, NoArithmetic
from convscope.image import to_input
from convscope.traces import Step, Trace

ILLUSTRATES = "These pictures illustrate what a channel responds to; they are no cause of an answer."
STEPS = 160
RATE = 0.06
JITTER = 1 / 16
"""How far the picture is moved, as a share of its shorter side."""
SCALES = (0.9, 0.95, 1.0, 1.05, 1.1)

#: From brightness and two differences of colours to red, green and blue.
COLOURS = torch.tensor([[1.0, 0.5, 0.2], [1.0, 0.0, -0.4], [1.0, -0.5, 0.2]])


@dataclass(frozen=True, eq=False)
class Maximised:
    """The picture that was found for one channel.

    Attributes:
        layer: name of the step.
        channel: index into its value.
        picture: ``(H, W, 3)`` uint8, of the size of the network's input.
        value: what the channel answers to it: the mean over its map of what is positive in it.
        noise: what it answered to the faint noise that was started from.
        photo: what it answers to the trace's photo.
    """

    layer: str
    channel: int
    picture: UInt8[np.ndarray, "h w 3"]
    value: float
    noise: float
    photo: float

    @property
    def silent(self) -> bool:
        """Whether no picture was found to which the channel answers more strongly than to noise."""
        return not self.value > self.noise + 1e-6


def maximise(
    trace: Trace, layer: str, channels: Sequence[int] | None = None, *, steps: int = STEPS, seed: int = 0,
    watch: Callable[[int], None] = lambda _: None,
) -> tuple[Maximised, ...]:  # fmt: skip
    """Pictures that make channels of one layer answer as strongly as they can.

    They illustrate what a channel responds to, among much else; they are no cause of an answer.

    Args:
        trace: any photo through the network, with its parameters; the pictures get the size of its input.
        layer: name of a step.
        channels: indices into its value; the first eight when left out.
        steps: of the climb.
        seed: of the noise it starts from, and of the movements; the same seed gives the same pictures.
        watch: told after each channel how many are done.

    Raises:
        CallError: there is no such step or channel, the step is the input, or what lies before it cannot be run again.

    >>> from convscope.tracing import trace
    >>> seen = trace("conv(2, 3) | relu | gap", "chelsea", size=16)
    >>> (found,) = maximise(seen, "relu_1", [1], steps=8)
    >>> found.picture.shape, found.value > found.noise
    ((16, 16, 3), True)
    """
    if steps < 1:
        raise CallError(f"steps is {steps}; give at least 1")
    step = _step(trace, layer)
    chosen = _channels(step, channels)
    path = _path(trace, step)
    climb = _Climb(trace, path, seed)
    found = []
    for channel in chosen:
        found.append(climb.of(channel, steps))
        watch(len(found))
    return tuple(found)


def _step(trace: Trace, layer: str) -> Step:
    if layer not in trace:
        listed = ", ".join(step.name for step in trace.steps[1:9])
        raise CallError(f"there is no step {layer!r} to maximise; the network has {listed} ...")
    step = trace[layer]
    if not step.inputs or step.value.ndim not in {1, 3} or not trace.input.has_maps:
        raise CallError(f"step {layer!r} ({step.kind}) has no channels to maximise; name a layer after the input")
    return step


def _channels(step: Step, wanted: Sequence[int] | None) -> list[int]:
    count = step.shape[0]
    chosen = list(range(min(8, count))) if wanted is None else list(wanted)
    for channel in chosen:
        if not 0 <= channel < count:
            raise CallError(f"step {step.name!r} has no channel {channel}; its {count} are numbered from 0")
    if not chosen:
        raise CallError(f"no channel of {step.name!r} was named; its {count} are numbered from 0")
    return chosen


def _path(trace: Trace, last: Step) -> list[Step]:
    """The steps from the input to ``last`` that it depends on and that depend on the picture, in order."""
    needed = {id(last)}
    for step in reversed(trace.steps):
        if id(step) in needed:
            needed |= {id(source) for source in step.inputs}
    seeing = {id(trace.input)}
    for step in trace.steps:
        if any(id(source) in seeing for source in step.inputs):
            seeing.add(id(step))
    if id(last) not in seeing:
        raise CallError(f"step {last.name!r} does not depend on the picture, so nothing can be maximised")
    return [step for step in trace.steps if id(step) in needed & seeing]


class _Climb:
    """One network up to one step, ready to be climbed for any of its channels."""

    def __init__(self, trace: Trace, path: list[Step], seed: int) -> None:
        self._path, self._seed = path, seed
        self._size = trace.input.shape[1], trace.input.shape[2]
        self._planes = trace.input.shape[0]
        low, high = _ends(trace, self._planes)
        self._low, self._span = low, high - low
        last = path[-1]
        silences = last.kind in {"relu", "relu6"} and len(last.inputs) == 1 and last.inputs[0] in path[1:]
        self._climbed = last.inputs[0] if silences else last

    def of(self, channel: int, steps: int) -> Maximised:
        last = self._path[-1]
        generator = torch.Generator().manual_seed(self._seed * 100_003 + channel)
        waves = _Waves(self._planes, self._size, generator)
        with torch.enable_grad():
            noise = _positive(self._map(waves.picture().detach(), channel))
            optimiser = torch.optim.Adam([waves.numbers], lr=RATE)
            for _ in range(steps):
                optimiser.zero_grad()
                value = F.leaky_relu(self._map(_moved(waves.picture(), generator), channel, self._climbed), 0.01).mean()
                if not value.requires_grad or not bool(torch.isfinite(value.detach())):
                    break
                value.neg().backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            picture = waves.picture().detach()
            reached = _positive(self._map(picture, channel))
        photo = float(np.maximum(last.value[channel], 0).mean())
        return Maximised(last.name, channel, _shown(picture), reached, noise, photo)

    def _map(self, picture: Float32[Tensor, "c h w"], channel: int, at: Step | None = None) -> Tensor:
        """The channel's map (or its one number) at the last step, or at another, for a picture of 0..1."""
        values: dict[int, Tensor] = {id(self._path[0]): self._low + self._span * picture}
        for step in self._path[1:]:
            known = [values[id(one)] if id(one) in values else tensor(one.value) for one in step.inputs]
            try:
                values[id(step)] = replay(step, known)
            except NoArithmetic as error:
                raise CallError(f"{self._path[-1].name!r} cannot be maximised: {error}") from None
        return values[id(at or self._path[-1])][channel]


def _positive(value: Tensor) -> float:
    return float(value.detach().clamp(min=0).mean())


class _Waves:
    """A picture as the numbers of its waves."""

    def __init__(self, planes: int, size: tuple[int, int], generator: torch.Generator) -> None:
        height, width = size
        rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
        frequency = torch.sqrt(rows**2 + columns**2)
        self._weight = ((height * width) ** 0.5 / frequency.clamp(min=1 / max(size)) / max(size))[None, :, :, None]
        shape = (planes, height, width // 2 + 1, 2)
        self.numbers = (0.01 * torch.randn(shape, generator=generator)).requires_grad_()
        self._size = size
        self._colours = COLOURS if planes == 3 else torch.eye(planes)

    def picture(self) -> Float32[Tensor, "c h w"]:
        """The pixels, 0..1."""
        waves = torch.view_as_complex((self.numbers * self._weight).contiguous())
        planes = torch.fft.irfft2(waves, s=self._size)
        mixed = torch.einsum("ij,jhw->ihw", self._colours, planes)
        return torch.sigmoid(4 * mixed)


def _moved(picture: Float32[Tensor, "c h w"], generator: torch.Generator) -> Float32[Tensor, "c h w"]:
    """The picture moved and scaled at random; what leaves on one side comes back on the other."""
    height, width = picture.shape[1:]

    def draw(count: int) -> int:
        return int(torch.randint(count, (1,), generator=generator))

    most = max(1, round(JITTER * min(height, width)))
    picture = torch.roll(picture, (draw(2 * most + 1) - most, draw(2 * most + 1) - most), (1, 2))
    scale = SCALES[draw(len(SCALES))]
    tall, wide = max(1, round(height * scale)), max(1, round(width * scale))
    if (tall, wide) == (height, width):
        return picture
    scaled = F.interpolate(picture[None], size=(tall, wide), mode="bilinear", align_corners=False)[0]
    rows, columns = torch.arange(height) - (height - tall) // 2, torch.arange(width) - (width - wide) // 2
    return scaled[:, rows % tall][:, :, columns % wide]


def _ends(trace: Trace, planes: int) -> tuple[Float32[Tensor, "c 1 1"], Float32[Tensor, "c 1 1"]]:
    """What the network is given for black and for white."""
    told = trace.about.get("scale")
    scale: object = told if isinstance(told, str) else "unit"
    found = re.fullmatch(r"mean (\[[^\]]*\]), std (\[[^\]]*\])", str(scale))
    if found is not None:
        scale = tuple(ast.literal_eval(part) for part in found.groups())
    elif scale not in {"unit", "byte", "imagenet"}:
        scale = "unit"
    if planes not in {1, 3}:
        return torch.zeros(planes, 1, 1), torch.ones(planes, 1, 1)
    pixels = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    ends = torch.from_numpy(to_input(pixels, channels=planes, scale=scale))
    return ends[:, :, 0:1], ends[:, :, 1:2]


def _shown(picture: Float32[Tensor, "c h w"]) -> UInt8[np.ndarray, "h w 3"]:
    planes = picture if len(picture) >= 3 else picture[:1].expand(3, -1, -1)
    return np.ascontiguousarray((planes[:3] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())


def chosen_channels(trace: Trace, layer: str, count: int = 8) -> list[int]:
    """The channels of a layer that count most for the network's answer, the most important first.

    Raises:
        CallError: there is no such step.
    """
    step = _step(trace, layer)
    from convscope.contribution import contributions

    told = contributions(trace).channels.get(step.name) if trace.scores else None
    order = np.arange(step.shape[0]) if told is None else np.argsort(-np.abs(told), kind="stable")
    return [int(channel) for channel in order[:count]]
