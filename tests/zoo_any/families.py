"""Which networks are in the zoo: one of each family, the smallest that there is, with random numbers for weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

import vision_shim
from convscope.adapters import Options, connect
from convscope.network import Network, Preprocessing


@dataclass(frozen=True)
class Family:
    """A network that a library makes.

    Attributes:
        name: what the library calls it.
        family: what people call the family.
        size: of the input; 64 pixels leave two rows and columns at the end of most.
        options: what makes it small.
    """

    name: str
    family: str
    size: int = 64
    options: dict[str, Any] = field(default_factory=dict)


FEWER = {"num_classes": 20}

TIMM = (
    Family("resnet10t", "ResNet"),
    Family("resnetv2_18d", "ResNet v2 (pre-activation)"),
    Family("resnext26ts", "ResNeXt"),
    Family("seresnext26t_32x4d", "SE-ResNeXt"),
    Family("ecaresnext26t_32x4d", "ECA-ResNeXt"),
    Family("skresnet18", "SKNet"),
    Family("resnest14d", "ResNeSt"),
    Family("res2net50_14w_8s", "Res2Net"),
    Family("densenet121", "DenseNet"),
    Family("vgg11_bn", "VGG", 224, options={"mlp_ratio": 0.05}),
    Family("inception_v3", "Inception v3", 128),
    Family("legacy_xception", "Xception", 96),
    Family("convnext_atto", "ConvNeXt"),
    Family("convnextv2_atto", "ConvNeXt v2"),
    Family("inception_next_atto", "InceptionNeXt"),
    Family("efficientnet_b0", "EfficientNet"),
    Family("tf_efficientnet_lite0", "EfficientNet-Lite"),
    Family("tf_efficientnetv2_b0", "EfficientNet v2"),
    Family("mobilenetv2_050", "MobileNet v2"),
    Family("mobilenetv3_small_050", "MobileNet v3"),
    Family("mobilenetv4_conv_small_035", "MobileNet v4"),
    Family("mnasnet_small", "MnasNet"),
    Family("fbnetc_100", "FBNet"),
    Family("ghostnet_050", "GhostNet"),
    Family("lcnet_035", "PP-LCNet"),
    Family("mixnet_s", "MixNet"),
    Family("tinynet_e", "TinyNet"),
    Family("regnetx_002", "RegNetX"),
    Family("regnety_002", "RegNetY"),
    Family("repvgg_a0", "RepVGG"),
    Family("mobileone_s0", "MobileOne"),
    Family("repghostnet_050", "RepGhostNet"),
    Family("fastvit_t8", "FastViT"),
    Family("dla46_c", "DLA"),
    Family("dpn48b", "DPN"),
    Family("selecsls42", "SelecSLS"),
    Family("hrnet_w18_small", "HRNet"),
    Family("darknet17", "Darknet"),
    Family("cspresnet50", "CSPNet"),
    Family("ese_vovnet19b_slim_dw", "VoVNet"),
    Family("nf_resnet26", "Normalizer-free ResNet"),
    Family("rexnet_100", "ReXNet"),
    Family("gernet_s", "GENet"),
    Family("hgnetv2_b0", "PP-HGNet"),
    Family("starnet_s1", "StarNet"),
    Family("repvit_m0_9", "RepViT"),
    Family("edgenext_xx_small", "EdgeNeXt"),
    Family("mobilevit_xxs", "MobileViT"),
    Family("poolformer_s12", "PoolFormer"),
    Family("convmixer_1024_20_ks9_p14", "ConvMixer"),
)

TORCHVISION = (
    Family("alexnet", "AlexNet", 224),
    Family("squeezenet1_1", "SqueezeNet"),
    Family("shufflenet_v2_x0_5", "ShuffleNet v2"),
    Family("googlenet", "GoogLeNet", options={"aux_logits": False, "init_weights": False}),
)


def make(family: Family, library: str) -> nn.Module:
    """The network, ready to answer."""
    makers: dict[str, Callable[[], Any]] = {
        "timm": lambda: vision_shim.import_timm().create_model,
        "torchvision": lambda: vision_shim.import_torchvision().models.get_model,
    }
    torch.manual_seed(0)
    model = makers[library]()(family.name, **FEWER | family.options)
    return lively(model, family.size)


def lively(model: nn.Module, size: int) -> nn.Module:
    """Let no part of a fresh network be without effect.

    Layers that start at zero (the last norm of a residual branch, biases, layer scales) get small random numbers, and
    running statistics become those of four noisy pictures, so that the numbers neither vanish nor grow on their way.
    """
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1 and parameter.abs().max() < 1e-3:
                parameter.uniform_(0.05, 0.3)
            elif parameter.ndim == 1 and torch.all(parameter == 1):
                parameter.uniform_(0.7, 1.3)
        norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d)]
        for norm in norms:
            norm.train()
            norm.momentum = 1.0
        model(torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(1)))
        for norm in norms:
            norm.momentum = 0.1
    return model.eval()


def connected(family: Family, library: str) -> Network:
    """The network as convscope sees it."""
    size = (family.size, family.size)
    return connect(make(family, library), lambda _: (3, *size), Options(size=size, scale="imagenet", title=family.name))


def own(name: str) -> Network:
    """A network that comes along, or one on the shelf, for the input that it wants, else for a small one."""

    def shape(wanted: Preprocessing) -> tuple[int, int, int]:
        return (wanted.channels, *(wanted.size or (96, 128)))

    opened = connect(name, shape)
    return opened if opened.preprocessing.size else connect(name, shape, Options(size=(96, 128)))
