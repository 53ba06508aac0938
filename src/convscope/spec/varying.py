"""One network with one thing changed, for comparing."""

from __future__ import annotations

from dataclasses import replace

from convscope.errors import SpecError
from convscope.spec.grammar import Argument, RawLayer, read_value
from convscope.spec.kinds import KINDS, find_kind
from convscope.spec.layers import ACTIVATIONS, Layer, activation_layer, unknown_setting, written_settings
from convscope.spec.network import Spec, assemble
from convscope.spec.settings import plain

_HIDDEN_ACTIVATIONS = tuple(kind for kind in ACTIVATIONS if kind != "softmax")


def vary(spec: Spec, setting: str, value: str) -> Spec:
    """A network with one setting changed. Names that the user gave stay, automatic ones are counted anew.

    Args:
        spec: the network.
        setting: ``<layer>.<setting>`` (``conv_1.kernel``); ``<kind>.<setting>`` for all layers of a kind
            (``conv.init``), unless a layer has that name; or ``activation``: all activation layers, except
            a softmax, and except a sigmoid that ends the network behind a dense layer, because these are
            the answer. A pool whose stride is its size keeps it so.
        value: as it would be written in the spec; ``none`` as an activation takes them out.

    Raises:
        SpecError: there is no such layer or setting, or the value does not fit.

    >>> from convscope.spec.network import parse
    >>> str(vary(parse("conv(3, 3) | maxpool(3) | relu"), "conv_1.kernel", "12"))
    'conv(3, 12) | maxpool(3) | relu'
    >>> str(vary(parse("conv(3, 3) | relu | flatten | dense(1) | sigmoid"), "activation", "tanh"))
    'conv(3, 3) | tanh | flatten | dense(1) | sigmoid'
    """
    everywhere = plain(setting) == "activation"
    raws = _with_activation(spec, value) if everywhere else _with_setting(spec, setting, value)
    if not raws:
        raise SpecError(f"without its activations the network has no layers left; got activation={value}, use another")
    try:
        return Spec(assemble(tuple(raws)), spec.input)
    except SpecError as error:
        raise SpecError(f"{setting}={value} does not work: {error}") from None


def _with_activation(spec: Spec, value: str) -> list[RawLayer]:
    chosen = [layer for layer in spec.layers if layer.kind in _HIDDEN_ACTIVATIONS and not _is_answer(spec, layer)]
    if not chosen:
        raise SpecError(f"the network has no activation to vary; it has {_names(spec)}")
    new = activation_layer(read_value(value), softmax=False)
    raws: list[RawLayer] = []
    for layer in spec.layers:
        if layer not in chosen:
            raws.append(_raw(layer))
        elif new is not None:
            raws.append(replace(new, name=layer.name if layer.named else ""))
    return raws


def _is_answer(spec: Spec, layer: Layer) -> bool:
    before = spec.layers[-2] if len(spec.layers) > 1 else None
    return layer is spec.layers[-1] and layer.kind == "sigmoid" and before is not None and before.kind == "dense"


def _with_setting(spec: Spec, setting: str, value: str) -> list[RawLayer]:
    target, dot, key = setting.rpartition(".")
    if not dot or not target or not key:
        raise SpecError(f"say what to vary as layer.setting, such as conv_1.kernel, or activation; got {setting!r}")
    chosen = _chosen(spec, target)
    return [_raw(layer, (key, value)) if layer in chosen else _raw(layer) for layer in spec.layers]


def _chosen(spec: Spec, target: str) -> list[Layer]:
    named = [layer for layer in spec.layers if layer.name == target]
    if named:
        return named
    kind = find_kind(target)
    found = [layer for layer in spec.layers if kind is not None and layer.kind == kind.word]
    if not found:
        raise SpecError(f"the network has no layer {target!r}; it has {_names(spec)}")
    return found


def _raw(layer: Layer, change: tuple[str, str] | None = None) -> RawLayer:
    """A layer as if it had been written with only the settings that differ from their defaults."""
    texts = written_settings(layer)
    if change is not None:
        kind, (key, value) = KINDS[layer.kind], change
        setting = kind.setting(key)
        if setting is None:
            raise SpecError(f"{unknown_setting(kind, key)} (layer {layer.name!r})")
        if setting.name == "init" and value.lstrip().startswith("["):
            texts.pop("kernel", None)  # a literal kernel brings its own size
        texts[setting.name] = value
    arguments = tuple(Argument(name, read_value(text)) for name, text in texts.items())
    return RawLayer(layer.name if layer.named else "", layer.kind, arguments)


def _names(spec: Spec) -> str:
    names = [layer.name for layer in spec.layers]
    return ", ".join(names) if len(names) <= 12 else f"{', '.join(names[:12])} and {len(names) - 12} more"
