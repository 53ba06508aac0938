"""Awkward networks, each for a reason: the shapes of well-known families, and every trap a tracer can fall into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_bn(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]


class Residual(nn.Module):
    """Two 3x3 convolutions (or 1x1, 3x3, 1x1) with a skip, added in place, rectified in place."""

    def __init__(self, inputs: int, width: int, stride: int, *, bottleneck: bool) -> None:
        super().__init__()
        outputs = width * 4 if bottleneck else width
        self.relu = nn.ReLU(inplace=True)
        plan = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)] if bottleneck else []
        plan = plan or [(inputs, width, 3, stride), (width, outputs, 3, 1)]
        for number, (source, target, kernel, step) in enumerate(plan, 1):
            conv, norm = conv_bn(source, target, kernel, step)
            self.add_module(f"conv{number}", conv)
            self.add_module(f"bn{number}", norm)
        self.depth = len(plan)
        same = stride == 1 and inputs == outputs
        self.downsample = None if same else nn.Sequential(*conv_bn(inputs, outputs, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        for number in range(1, self.depth + 1):
            x = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(x))
            if number < self.depth:
                x = self.relu(x)
        x += skip
        return self.relu(x)


class ResNet(nn.Module):
    """The shape of ResNet-18 and ResNet-50: one ReLU module shared within each block, all in place."""

    def __init__(self, blocks: tuple[int, ...], *, bottleneck: bool, width: int = 64, classes: int = 1000) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        inputs = width
        for stage, count in enumerate(blocks):
            layer = []
            for block in range(count):
                layer.append(Residual(inputs, width << stage, 2 if stage and not block else 1, bottleneck=bottleneck))
                inputs = (width << stage) * (4 if bottleneck else 1)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layer))
        self.stages = len(blocks)
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(1, self.stages + 1):
            x = self.get_submodule(f"layer{stage}")(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))


def resnet18(**options: int) -> ResNet:
    return ResNet((2, 2, 2, 2), bottleneck=False, **options)


def resnet50(**options: int) -> ResNet:
    return ResNet((3, 4, 6, 3), bottleneck=True, **options)


def small_resnet() -> ResNet:
    return ResNet((1, 1), bottleneck=True, width=8, classes=10)


class Inception(nn.Module):
    """Branches joined by cat, an average-pooled branch, factored 1x5 and 5x1 kernels, local response norm."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, bias=False)
        self.norm = nn.LocalResponseNorm(5)
        self.one = nn.Sequential(*conv_bn(8, 6, 1))
        self.wide = nn.Sequential(nn.Conv2d(8, 4, (1, 5), padding=(0, 2)), nn.Conv2d(4, 5, (5, 1), padding=(2, 0)))
        self.reduce = nn.Conv2d(8, 7, 1)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.fc = nn.Linear(18, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(F.relu(self.stem(x), inplace=True))
        pooled = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        x = torch.cat([F.relu(self.one(x)), self.wide(x), self.reduce(pooled)], 1)
        x = F.adaptive_avg_pool2d(self.pool(x), (2, 3)).amax((2, 3))
        return F.log_softmax(self.fc(F.dropout(x, training=self.training)), dim=1)


class MobileNet(nn.Module):
    """Depthwise convolutions, ReLU6 and hard-swish, squeeze and excitation, a mean over pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_bn(3, 8, 3, 2), nn.ReLU6(inplace=True))
        self.expand = nn.Sequential(*conv_bn(8, 16, 1), nn.Hardswish(inplace=True))
        self.depthwise = nn.Sequential(*conv_bn(16, 16, 5, 1, groups=16), nn.SiLU(inplace=True))
        self.squeeze, self.excite = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)
        self.project = nn.Sequential(*conv_bn(16, 8, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(8, 10))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.depthwise(self.expand(x))
        gate = F.hardsigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        x = x + self.project(y * gate)
        return self.classifier(x.mean([2, 3])).softmax(-1)


class Functional(nn.Module):
    """No submodules but two layers: functional calls, operators, numbers, constants, slices."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding="same")
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
        self.gain = nn.Parameter(torch.full((4, 1, 1), 1.5))
        self.offset = torch.ones(1, 4, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.mean) / 0.25
        y = self.conv(x).tanh() * self.gain + self.offset
        first, second = y.chunk(2, dim=1)
        y = 1 - torch.maximum(first, second)
        y = F.pad(y, (1, 2, 0, 1), mode="reflect")[:, :, ::2, 1:-1]
        y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
        y = y.permute(0, 2, 3, 1).contiguous().clamp(-1, 0.5)
        return y.view(y.size(0), -1) ** 2


class SharedAndInPlace(nn.Module):
    """One convolution run twice, views that are overwritten, ``out=``, an assignment into a slice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.act = nn.LeakyReLU(0.1, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        a = self.act(self.conv(x))
        b = self.conv(a)
        flat = b.flatten(1)
        b.mul_(2.0).add_(1.0)
        c = b.clone()
        c[:, 0] = a[:, 1]
        half = c[:, :2]
        half.relu_()
        torch.neg(b, out=b)
        return (c + flat.view_as(c) + b).sum((2, 3))


class Outputs(nn.Module):
    """Returns a dictionary that holds a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> dict[str, Tensor | tuple[Tensor, Tensor]]:
        maps = self.conv(x)
        logits = self.head(maps.mean((2, 3)))
        return {"logits": logits, "features": (maps, maps.relu())}


class Raises(nn.Module):
    """Stops half-way."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Linear(7, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.relu(self.conv(x)))


class Swish(torch.autograd.Function):
    """A custom autograd function: no torch function sees it."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx: object, *grads: Tensor) -> Tensor:
        return grads[0]


class OutOfSight(nn.Module):
    """Custom autograd in the middle of a forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(Swish.apply(self.conv(x))).mean((2, 3))


class Busy(nn.Module):
    """Writes to its own state while it runs, and draws random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.register_buffer("count", torch.zeros(1))
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        self.scale.data.mul_(2)
        x = self.conv(x) + torch.rand(1)
        x = F.batch_norm(x, self.bn.running_mean, self.bn.running_var, training=True)
        return (x * self.scale).mean((2, 3))


def fashion_cnn() -> nn.Sequential:
    """The 243,786-parameter network of the Fashion-MNIST tutorial."""
    return nn.Sequential(
        nn.Conv2d(1, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10), nn.Softmax(1),
    )  # fmt: skip


@dataclass(frozen=True)
class Entry:
    make: Callable[[], nn.Module]
    input: tuple[int, int, int] = (3, 32, 32)


ZOO = {
    "resnet": Entry(small_resnet),
    "inception": Entry(Inception),
    "mobilenet": Entry(MobileNet),
    "functional": Entry(Functional),
    "shared and in-place": Entry(SharedAndInPlace),
    "dictionary": Entry(Outputs),
    "out of sight": Entry(OutOfSight),
    "fashion cnn": Entry(fashion_cnn, (1, 28, 28)),
}


def make(name: str, *, seed: int = 0) -> nn.Module:
    """A network of the zoo, in eval mode, with running statistics that are not the trivial ones."""
    torch.manual_seed(seed)
    model = ZOO[name].make().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return model
