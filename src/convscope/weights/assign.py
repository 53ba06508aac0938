"""Put weights into a network by layer name, and say what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from convscope.errors import WeightsError
from convscope.weights.files import read
from convscope.weights.prefixes import without_prefix
from convscope.weights.value import Layers, Weights, named, shown, size_text

if TYPE_CHECKING:
    import torch

NEUTRAL = {"weight": 1.0, "bias": 0.0}
"""What a normalisation without a scale or shift multiplies by and adds."""


class Mismatch(NamedTuple):
    """One parameter that does not fit.

    ``in_file`` and ``in_network`` are its shapes, None where it does not exist; ``note`` says what else
    is wrong when the shapes agree.
    """

    name: str
    in_file: tuple[int, ...] | None
    in_network: tuple[int, ...] | None
    note: str = ""

    def __str__(self) -> str:
        if self.note:
            return f"{shown(self.name)} {self.note}"
        there, here = size_text(self.in_file), size_text(self.in_network)
        return f"{shown(self.name)} is {there} in the file, {here} in the network"


@dataclass(frozen=True)
class Report:
    """What became of every layer; ``str(report)`` tells it in sentences.

    Attributes:
        taken: layers of the network that have the file's weights now.
        missing: layers of the network that the file does not have.
        unused: layers of the file that the network does not have.
        mismatched: parameters that do not fit; their layers were left as they were.
        nan: layers that were taken although they hold NaN or infinite numbers.
        unread: what in the file could not be interpreted.
        prefix: what stands in front of the file's names and was left out (``module.``).
        in_order: where no name fits and the layers were taken one after the other: ``file's name as network's name``.

    >>> print(Report(taken=("conv_1",), missing=("conv_2", "conv_3")))
    1 layer took its weights from the file: conv_1.
    2 layers are not in the file and stay as they were: conv_2, conv_3.
    """

    taken: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    mismatched: tuple[Mismatch, ...] = ()
    nan: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    prefix: str = ""
    in_order: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            _line(self.taken, "took its weights from the file", "took their weights from the file"),
            _line(
                self.missing,
                "is not in the file and stays as it was",
                "are not in the file and stay as they were",
            ),
            _line(self.unused, "of the file is not in the network", "of the file are not in the network"),
            self._mismatch_line(),
            _line(self.nan, "holds NaN or infinite numbers", "hold NaN or infinite numbers", "Warning: "),
        ]
        if self.unread:
            lines.append(f"Not understood in the file: {_first(self.unread, '; ')}.")
        if self.prefix:
            lines.append(f"Names in the file begin with {self.prefix!r}, which was left out.")
        if self.in_order:
            lines.append(
                "No name of the file is in the network, but layer by layer the shapes are the same, so they were taken "
                f"in order: {named(self.in_order)}."
            )
        return "\n".join(line for line in lines if line)

    def _mismatch_line(self) -> str:
        if not self.mismatched:
            return ""
        layers = dict.fromkeys(one.name.rpartition(".")[0] for one in self.mismatched)
        verb = "does not fit and stays as it was" if len(layers) == 1 else "do not fit and stay as they were"
        details = _first(tuple(str(one) for one in self.mismatched), "; ")
        return f"{_count(len(layers))} {verb}: {details}."


def _count(number: int) -> str:
    return f"{number} layer{'' if number == 1 else 's'}"


def _line(names: tuple[str, ...], one: str, many: str, start: str = "") -> str:
    return f"{start}{_count(len(names))} {one if len(names) == 1 else many}: {named(names)}." if names else ""


def _first(texts: tuple[str, ...], joint: str) -> str:
    rest = f" and {len(texts) - 5} more" if len(texts) > 5 else ""
    return joint.join(texts[:5]) + rest


def load_into(
    module: torch.nn.Module,
    path: str | PathLike[str],
    *,
    flattened: Mapping[str, tuple[int, int, int]] | None = None,
) -> Report:
    """Read a file and put its weights into a network; :func:`convscope.weights.read`, then :func:`assign`."""
    return assign(module, read(path), flattened=flattened)


def assign(
    module: torch.nn.Module,
    weights: Weights,
    *,
    flattened: Mapping[str, tuple[int, int, int]] | None = None,
) -> Report:
    """Put weights into the layers of the same name, in place.

    A layer is taken whole or left alone: it is left when a parameter has another shape, or is there on
    one side only. Normalisations may lack their scale (then 1) and shift (then 0) in the file. Numbers
    are converted to the precision and device of the network. Everything is checked before the first
    number changes. Where a PyTorch file has ``module.`` or the like in front of its names, and the network
    has not, that is left out. Where no name of such a file fits at all, but layer by layer every shape does,
    the layers are taken in order.

    Args:
        module: the network; its layers are called by what stands before the last dot of their
            parameters' names.
        weights: what to put in.
        flattened: for each layer that reads a flattened map, the map's shape (C, H, W). Keras flattens
            H, W, C: the weights of such a layer are brought into PyTorch's order.

    Returns:
        what was taken, missing, unused and mismatched.

    Raises:
        WeightsError: nothing fits, or ``flattened`` does not; the network is as it was.

    >>> import torch
    >>> net = torch.nn.Sequential()
    >>> net.add_module("dens_1", torch.nn.Linear(2, 1, bias=False))
    >>> report = assign(net, Weights({"dens_1": {"weight": np.array([[1.0, 2.0]])}}, "torch"))
    >>> report.taken, net.dens_1.weight.tolist()
    (('dens_1',), [[1.0, 2.0]])
    """
    import torch

    targets = _targets(module)
    prefix, pairs = "", {}
    if weights.source == "torch":
        layers, prefix = without_prefix(weights.layers, targets)
        pairs = _in_order(layers, targets) if weights.in_order else {}
        layers = {here: layers[there] for here, there in pairs.items()} or layers
        weights = replace(weights, layers=layers)
    maps = dict(flattened or {})
    _check_flattened(maps, targets)
    reorder = weights.source == "keras" and not weights.flattens_channels_first
    prepared: list[tuple[torch.Tensor, torch.Tensor]] = []
    taken, mismatched, broken = [], [], []
    for layer, params in targets.items():
        if layer not in weights.layers:
            continue
        found = _completed(weights.layers[layer], params)
        wrong = _mismatches(layer, found, params)
        if wrong:
            mismatched += wrong
            continue
        if reorder and layer in maps:
            found = _channels_first(found, maps[layer])
        prepared += [(params[name], _like(array, params[name])) for name, array in found.items()]
        taken.append(layer)
        if not all(np.isfinite(array).all() for array in found.values()):
            broken.append(layer)
    if not taken:
        raise WeightsError(_nothing_fits(weights, targets, mismatched))
    with torch.no_grad():
        for target, values in prepared:
            target.copy_(values)
    return Report(
        tuple(taken),
        tuple(layer for layer in targets if layer not in weights.layers),
        tuple(layer for layer in weights.layers if layer not in targets),
        tuple(mismatched),
        tuple(broken),
        weights.unread,
        prefix,
        tuple(f"{shown(there)} as {shown(here)}" for here, there in pairs.items()),
    )


def _in_order(layers: Layers, targets: Mapping[str, Mapping[str, torch.Tensor]]) -> dict[str, str]:
    """The network's layers and those of the file, one after the other; empty where a name or not every shape fits."""
    if len(layers) != len(targets) or any(name in layers for name in targets):
        return {}
    pairs = dict(zip(targets, layers, strict=True))
    wrong = (_mismatches(here, _completed(layers[pairs[here]], targets[here]), targets[here]) for here in pairs)
    return {} if any(wrong) else pairs


def state_tensors(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The parameters and persistent buffers of a network by name.

    Raises:
        WeightsError: one has no values yet, as in a lazy layer or on the meta device.
    """
    import torch

    tensors = {name: value for name, value in module.state_dict().items() if isinstance(value, torch.Tensor)}
    for name, tensor in tensors.items():
        if torch.nn.parameter.is_lazy(tensor) or tensor.device.type == "meta":
            raise WeightsError(f"{shown(name)} of the network has no values yet; run the network on one picture first")
    return tensors


def _targets(module: torch.nn.Module) -> dict[str, dict[str, torch.Tensor]]:
    layers: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in state_tensors(module).items():
        layer, _, param = name.rpartition(".")
        layers.setdefault(layer, {})[param] = tensor
    if not layers:
        raise WeightsError("the network has no layer with weights; there is nothing to load into")
    return layers


def _check_flattened(
    maps: Mapping[str, tuple[int, int, int]], targets: Mapping[str, Mapping[str, torch.Tensor]]
) -> None:
    for layer, shape in maps.items():
        if layer not in targets:
            raise WeightsError(f"flattened names the layer {shown(layer)}, which is none of {named(targets)}")
        size = int(np.prod(shape))
        if size not in {tensor.shape[-1] for tensor in targets[layer].values() if tensor.ndim}:
            sizes = ", ".join(f"{name} {size_text(tuple(tensor.shape))}" for name, tensor in targets[layer].items())
            raise WeightsError(
                f"flattened says that {shown(layer)} reads {size_text(tuple(shape))} = {size} numbers, "
                f"but it has {sizes}; give the (C, H, W) of its map"
            )


def _completed(params: Mapping[str, np.ndarray], targets: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The file's parameters, with what a normalisation leaves out."""
    found = dict(params)
    if "running_mean" in targets:
        for name, value in NEUTRAL.items():
            if name in targets and name not in found:
                found[name] = np.full(tuple(targets[name].shape), value, np.float32)
    if "num_batches_tracked" not in targets:
        found.pop("num_batches_tracked", None)
    return found


def _mismatches(layer: str, found: Mapping[str, np.ndarray], targets: Mapping[str, torch.Tensor]) -> list[Mismatch]:
    wrong = []
    for param in dict.fromkeys([*targets, *found]):
        there = found[param].shape if param in found else None
        here = tuple(targets[param].shape) if param in targets else None
        name = f"{layer}.{param}" if layer else param
        if there is None and param == "num_batches_tracked":  # a counter that only training reads
            continue
        if there != here:
            wrong.append(Mismatch(name, there, here))
        elif not _same_kind(found[param], targets[param]):
            wrong.append(
                Mismatch(name, there, here, f"is {found[param].dtype} in the file, {_dtype(targets[param])} here")
            )
    return wrong


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _same_kind(array: np.ndarray, tensor: torch.Tensor) -> bool:
    """Floats go into floats of any precision, whole numbers only into whole numbers."""
    if tensor.is_complex():
        return array.dtype.kind == "c"
    return array.dtype.kind == "f" if tensor.is_floating_point() else array.dtype.kind in "iub"


def _channels_first(params: Mapping[str, np.ndarray], shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """Bring what reads a flattened map from Keras' order H, W, C into C, H, W.

    In a dense layer that is the input axis of the weight; in a normalisation of the flattened map every
    parameter.
    """
    channels, height, width = shape
    order = np.arange(channels * height * width).reshape(height, width, channels).transpose(2, 0, 1).ravel()
    if params["weight"].ndim >= 2:
        return {**params, "weight": params["weight"][..., order]}
    return {name: array[order] if array.shape == order.shape else array for name, array in params.items()}


def _like(array: np.ndarray, target: torch.Tensor) -> torch.Tensor:
    import torch

    own = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
    return torch.from_numpy(own).to(device=target.device, dtype=target.dtype)


def _nothing_fits(weights: Weights, targets: Mapping[str, object], wrong: list[Mismatch]) -> str:
    if wrong:
        details = _first(tuple(str(one) for one in wrong), "; ")
        return f"no layer of the file fits: {details}; build the network that the file was saved from"
    if weights.unread and not weights.layers:
        details = _first(weights.unread, "; ")
        return f"nothing in the file could be understood: {details}; save the weights as .safetensors"
    sides = f"it has {named(weights.layers)}, the network has {named(targets)}"
    return f"no layer of the file fits: {sides}; give the network's layers the names of the file"
