"""``convscope.trace``: a model of any kind and an image of any kind to a Trace."""

from __future__ import annotations

from os import PathLike
from typing import Any

from convscope.adapters import Options, connect
from convscope.image import Picture, open_image
from convscope.network import DEFAULT_MEMORY, Network, Preprocessing
from convscope.record import ready_input, record
from convscope.traces import Trace

#: The photo that stands in where none is given.
DEFAULT_IMAGE = "chelsea"


def trace(
    model: Any, image: Any = DEFAULT_IMAGE, *, seed: int = 0, weights: str | PathLike[str] | None = None,
    scale: Any = None, size: int | tuple[int, int] | None = None, labels: tuple[str, ...] = (),
    memory: int = DEFAULT_MEMORY, trust: bool = False,
) -> Trace:  # fmt: skip
    """Send one image through one network, once, and keep everything that happens.

    Args:
        model: a ``torch.nn.Module`` or a Keras model; or a network as text (``"conv(3, 3) | relu"``), a name on the
            shelf of networks (``"tutorial-1"``), a spec file, a trained network that comes along (``"catdog"``), the
            folder of a training, a file (``.safetensors`` that convscope saved, ``.keras``, ``.h5``, ``.onnx``,
            ``.pt``), ``"timm:resnet18"``, ``"torchvision:resnet18"``, ``"hf:owner/name"``, or
            ``"package.module:function"``.
        image: a path, bytes, a PIL image, a uint8 array (H, W, 3), the name of a bundled photo; or a
            float tensor (C, H, W) that goes to the network as it is.
        seed: of the random weights of a network given as text; they are drawn by layer name.
        weights: a file whose weights are put in by layer name (safetensors, PyTorch, Keras).
        scale: ``"unit"`` 0..1, ``"byte"`` 0..255, ``"imagenet"``, or ``(mean, std)``; None for what the network says,
            ``"unit"`` where it does not.
        size: (height, width) of the network's input; a number for a square; None for the network's own, else photos
            stay as they are up to 1024 pixels.
        labels: names of the classes; empty for those of the network.
        memory: how many bytes of values may be kept.
        trust: open files whose loading can run code: whole networks as pickles, TorchScript, ``.pt2``, Keras with code.

    Returns:
        the trace: the picture, every step with its value, the scores.

    Raises:
        CallError: model, image or weights cannot be used (its subclasses say which).
        RunError: the network raised, or its values do not fit in ``memory``.

    >>> from convscope.tracing import trace
    >>> trace("conv(4, 3) | relu | maxpool(2)", "chelsea")["conv_1"]
    Step('conv_1', conv2d, 4x298x449)
    """
    options = Options(seed, weights, scale, _pair(size), tuple(labels), trust=trust)
    network, picture = open_network(model, image, options)
    return record(network, picture, memory=memory)


def open_network(model: Any, image: Any, options: Options) -> tuple[Network, Any]:
    """The network and the opened image; a network given as text is built for this image."""
    picture = image if isinstance(image, Picture) or ready_input(image) is not None else open_image(image)
    return connect(model, lambda preprocessing: input_shape(picture, preprocessing), options), picture


def input_shape(picture: Any, preprocessing: Preprocessing) -> tuple[int, int, int]:
    """(C, H, W) of what the network will be given."""
    ready = None if isinstance(picture, Picture) else ready_input(picture)
    if ready is not None:
        channels, height, width = ready.shape
        return channels, height, width
    height, width = preprocessing.size or picture.pixels.shape[:2]
    longest = max(height, width)
    if preprocessing.size is None and preprocessing.longest is not None and longest > preprocessing.longest:
        from convscope.image import fit_within

        height, width = fit_within(picture, preprocessing.longest).pixels.shape[:2]
    return preprocessing.channels, height, width


def _pair(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    return (size, size) if isinstance(size, int) else size
