"""The kinds of layers: one table, from which parsing, text, plans and the documents follow."""

from __future__ import annotations

from typing import Any

from convscope.errors import SpecError
from convscope.spec.grammar import read_value
from convscope.spec.initial import initialiser
from convscope.spec.kernels import kernel
from convscope.spec.settings import (
    Kind,
    Setting,
    plain,
    read_choice,
    read_count,
    read_init,
    read_number,
    read_padding,
    read_plain_init,
    read_size,
    read_yes_no,
    size_text,
)


def _finish_conv(settings: dict[str, Any]) -> None:
    chosen = initialiser(read_value(settings["init"]))
    if settings["kernel"] is None:
        if chosen.size is None:
            raise SpecError("it needs a kernel size, such as conv(16, 3)")
        settings["kernel"] = chosen.size
    height, width = settings["kernel"]
    if chosen.rows and chosen.size != (height, width):
        own = f"{len(chosen.rows)}x{len(chosen.rows[0])}"
        raise SpecError(f"its literal kernel is {own} and its kernel is {height}x{width}; leave the kernel size out")
    if chosen.is_kernel and not chosen.rows:
        kernel(chosen.word, (height, width))
    if settings.get("groups", 1) > 1 and settings["filters"] % settings["groups"]:
        raise SpecError(
            f"{settings['groups']} groups cannot share {settings['filters']} filters evenly; "
            f"use a multiple of {settings['groups']} filters"
        )


def _finish_pool(settings: dict[str, Any]) -> None:
    padding, (height, width) = settings["padding"], settings["size"]
    if not isinstance(padding, str) and (2 * padding[0] > height or 2 * padding[1] > width):
        raise SpecError(
            f"its padding is {size_text(padding)}, more than half of its {height}x{width} window; "
            f"use at most {size_text((height // 2, width // 2))}, or padding=same"
        )


_BIAS = Setting("bias", read_yes_no, True, ("use_bias",))
_INIT = Setting("init", read_init, "glorot_uniform", ("kernel_initializer", "initializer", "initialiser", "weights"))
_PLAIN_INIT = Setting("init", read_plain_init, "glorot_uniform", _INIT.aliases)
_BIAS_INIT = Setting("bias_init", read_plain_init, "zeros", ("bias_initializer",))
_FILTERS = Setting("filters", read_count, aliases=("out_channels", "channels"))
_KERNEL = Setting("kernel", read_size, None, ("kernel_size", "size"))
_STRIDE = Setting("stride", read_size, (1, 1), ("strides",))
_PADDING = Setting("padding", read_padding, "valid", ("pad",))
_DILATION = Setting("dilation", read_size, (1, 1), ("dilation_rate",))
_POOL = (
    Setting("size", read_size, (2, 2), ("pool_size", "kernel", "kernel_size", "window")),
    Setting("stride", read_size, "=size", ("strides",)),
    _PADDING,
)

KINDS: dict[str, Kind] = {
    kind.word: kind
    for kind in (
        Kind(
            "conv",
            (
                _FILTERS, _KERNEL, _STRIDE, _PADDING, _DILATION,
                Setting("groups", read_count, 1), _BIAS, _INIT, _BIAS_INIT,
            ),
            ("conv2d", "convolution", "convolution2d"),
            finish=_finish_conv,
        ),
        Kind(
            "conv_transpose",
            (_FILTERS, _KERNEL, _STRIDE, _PADDING, _DILATION, _BIAS, _INIT, _BIAS_INIT),
            (
                "convtranspose2d", "conv2dtranspose", "transposedconv", "transposedconvolution", "deconv",
                "deconv2d", "deconvolution", "convtransposed", "upconv",
            ),
            finish=_finish_conv,
        ),
        Kind(
            "upsample",
            (
                Setting("factor", read_size, (2, 2), ("size", "scale", "scale_factor")),
                Setting("mode", read_choice("nearest", "bilinear"), "nearest", ("interpolation",)),
            ),
            ("upsampling", "upsampling2d", "upsample2d"),
        ),
        Kind("maxpool", _POOL, ("maxpool2d", "maxpooling", "maxpooling2d"), "pool", _finish_pool),
        Kind(
            "avgpool",
            _POOL,
            ("avgpool2d", "avgpooling", "averagepool", "averagepooling", "averagepooling2d", "meanpool"),
            "pool",
            _finish_pool,
        ),
        Kind(
            "gap",
            (),
            (
                "globalaveragepooling", "globalaveragepooling2d", "globalaveragepool", "globalavgpool",
                "globalavgpool2d", "globalavgpooling",
            ),
        ),
        Kind(
            "batch_norm",
            (
                Setting("eps", read_number(0.0, 1e6), 0.001, ("epsilon",)),
                Setting("momentum", read_number(0.0, 1.0), 0.99),
            ),
            ("batchnorm2d", "batchnorm1d", "batchnormalization", "batchnormalisation", "bn"),
            "bn",
        ),
        Kind("dropout", (Setting("rate", read_number(0.0, 1.0), aliases=("p",)),), ("drop",)),
        Kind("relu"),
        Kind(
            "leaky_relu",
            (Setting("slope", read_number(-1e6, 1e6), 0.3, ("negative_slope", "alpha")),),
            ("lrelu",),
        ),
        Kind("elu", (Setting("alpha", read_number(0.0, 1e6), 1.0),)),
        Kind("sigmoid", aliases=("logistic",)),
        Kind("tanh"),
        Kind("softmax"),
        Kind("flatten"),
        Kind(
            "dense",
            (
                Setting("units", read_count, aliases=("out_features", "neurons")),
                _BIAS, _PLAIN_INIT, _BIAS_INIT,
            ),
            ("linear", "fullyconnected", "fc"),
        ),
    )
}  # fmt: skip

_BY_WORD = {plain(word): kind for kind in KINDS.values() for word in (kind.word, *kind.aliases)}


def find_kind(word: str) -> Kind | None:
    """The kind of that word or alias, or None.

    >>> find_kind("MaxPooling2D").word
    'maxpool'
    """
    return _BY_WORD.get(plain(word))
