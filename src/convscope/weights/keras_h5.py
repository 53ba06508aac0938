"""The two ways in which Keras lays out weights in HDF5, brought to one list of layers.

Named (Keras 1 and 2, ``.h5`` of Keras 3): below ``model_weights``, or the root of a weights-only file,
every layer has a group with a ``weight_names`` attribute, and the path of a dataset in it is the name
of the variable: ``conv2d_1/conv2d_1/kernel:0``.

Numbered (``.weights.h5``, ``.keras``): ``layers/conv2d_1/vars/0``. The group is called after the layer's
class and numbered within its network; the layer's own name is an attribute of ``vars`` (Keras 3.4 and
newer) or only in the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from convscope.weights.hdf5 import Array, Group
from convscope.weights.keras_config import LayerConfig, snake_case

CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
NOT_WEIGHTS = ("optimizer", "optimizer_weights", "metrics", "loss_tracker", "compile_metrics")
SEEDS = ("seed_generator", "random_generator", "_random_generator")
Member = tuple[str, Group, LayerConfig | None]
"""A group that stands for a layer: its name in the file, itself, and the layer's configuration."""


@dataclass(frozen=True)
class Stored:
    """One layer as the file has it.

    Attributes:
        name: the user's name for it, dotted inside nested networks.
        hints: texts that tell its class, the best first: the class itself, or names made from it.
        settings: its settings, empty when the file does not say.
        variables: its variables by name (``kernel``) or by number (``0``).
        known: whether the first hint is the class that the configuration names.
    """

    name: str
    hints: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    variables: dict[str, Array] = field(default_factory=dict)
    known: bool = False


def stored_layers(root: Group, config: LayerConfig | None) -> list[Stored]:
    """Every layer of the file that has variables, in the configuration's order where there is one."""
    named_root = root.groups.get("model_weights", root)
    if next(_layer_groups(named_root), None):
        found = list(_named_layers(named_root, config))
    else:
        found = list(_numbered(root, config, "", top=True))
    return _in_order([layer for layer in found if layer.variables], config)


def _in_order(layers: list[Stored], config: LayerConfig | None) -> list[Stored]:
    places: dict[str, int] = {}
    for place, layer in enumerate(config.walk() if config else ()):
        places.setdefault(layer.name, place)

    def key(layer: Stored) -> tuple[int, list[tuple[str, int]]]:
        parts = re.findall(r"(\D*)(\d*)", layer.name)
        own = layer.name.rpartition(".")[2]
        return places.get(own, len(places)), [(text, int(digits[:18] or 0)) for text, digits in parts]

    return sorted(layers, key=key)


def _layer_groups(group: Group, prefix: str = "") -> Iterator[tuple[str, Group]]:
    """The groups that stand for a layer; names of layers may hold slashes."""
    for name, child in group.groups.items():
        if child.has("weight_names"):
            yield prefix + name, child
        else:
            yield from _layer_groups(child, f"{prefix}{name}/")


def _named_layers(root: Group, config: LayerConfig | None) -> Iterator[Stored]:
    for layer, group in _layer_groups(root):
        layer_config = config.child(layer) if config else None
        scopes: dict[str, dict[str, Array]] = {}
        for path, array in group.all_arrays():
            scope, _, variable = path.rpartition("/")
            if not any(seed in scope for seed in SEEDS):
                scopes.setdefault(scope, {})[variable] = array
        merged: dict[str, Stored] = {}
        for scope, variables in scopes.items():
            parts = tuple(part for part in scope.split("/") if part)
            found = _by_config(layer, parts, layer_config) if layer_config else _by_scope(layer, parts, len(scopes))
            known = merged.setdefault(found.name, found)
            known.variables.update((v if v not in known.variables else f"{scope}/{v}", variables[v]) for v in variables)
        yield from merged.values()


def _by_config(layer: str, scope: tuple[str, ...], config: LayerConfig) -> Stored:
    """The layer that a scope such as ``backbone/conv_1`` belongs to, where the network is described."""
    path = config.path_to(scope[-1]) if scope else ()
    wrapped = config.part("layer")
    if not path and wrapped is not None:
        path = wrapped.path_to(scope[-1]) if scope else ()
        path = (wrapped, *path)
    inner = path[-1] if path else config
    name = ".".join([layer, *(part.name for part in path)])
    return Stored(name, (inner.class_name, inner.name), inner.settings, known=True)


def _by_scope(layer: str, scope: tuple[str, ...], scopes: int) -> Stored:
    """The same from names alone: several scopes in one group are a nested network."""
    inner = scope[1:] if scope and scope[0] == layer else scope
    itself = not inner or bool(re.fullmatch(re.escape(layer) + r"(_\d+)?", inner[-1]))
    if itself or scopes == 1:
        return Stored(layer, (layer,))
    return Stored(".".join([layer, *inner]), (inner[-1],))


def _numbered(group: Group, config: LayerConfig | None, name: str, *, top: bool = False) -> Iterator[Stored]:
    """The layers at and below ``group``, which stands for the layer ``name``."""
    variables = group.groups["vars"].arrays if "vars" in group.groups else {}
    hints = [config.class_name] if config else []
    hints += [group.path.rpartition("/")[2], name.rpartition(".")[2]]
    yield Stored(name, tuple(hints), config.settings if config else {}, dict(variables), known=config is not None)
    used: set[str] = set()
    for key, child in group.groups.items():
        if key == "vars" or key in SEEDS or (top and key.removeprefix("_") in NOT_WEIGHTS):
            continue
        for member, inner, inner_config in _below(key, child, config):
            own = _own_name(inner, inner_config, member)
            if own in used:  # two layers of a list may have one name; their places differ
                own = f"{key}.{member}"
            used.add(own)
            yield from _numbered(inner, inner_config, f"{name}.{own}" if name else own)


def _below(key: str, group: Group, config: LayerConfig | None) -> Iterable[Member]:
    """The layer under an attribute, or the layers of a list."""
    holds_list = any(container in group.groups for container in CONTAINERS)
    if "vars" in group.groups or (key not in CONTAINERS and holds_list):
        return [(key, group, config.part(key) if config else None)]
    return _members(group, config)


def _own_name(group: Group, config: LayerConfig | None, member: str) -> str:
    stored = group.groups["vars"].text("name") if "vars" in group.groups else None
    return stored or (config.name if config else "") or member


def _members(container: Group, config: LayerConfig | None) -> Iterator[Member]:
    """The layers of a list, each with its configuration."""
    plain = [key for key in container.groups if key not in SEEDS]
    matched = _match(container, plain, config.layers if config else ())
    for key in plain:
        child = container.groups[key]
        if re.fullmatch(r"container(_\d+)?", key) and "vars" not in child.groups:
            yield from _members(child, None)
        else:
            yield key, child, matched.get(key)


def _match(container: Group, keys: list[str], layers: tuple[LayerConfig, ...]) -> dict[str, LayerConfig]:
    """Which group belongs to which layer of the configuration.

    By the stored name; else, where every group is called after a class, the n-th group of a class is
    its n-th layer (Keras 2.13 leaves gaps in the numbers); else the group has the layer's own name.
    """
    by_name = {layer.name: layer for layer in layers}
    stored = {key: _own_name(container.groups[key], None, "") for key in keys}
    if all(stored[key] in by_name for key in keys):
        return {key: by_name[stored[key]] for key in keys}
    of_class: dict[str, list[LayerConfig]] = {}
    for layer in layers:
        of_class.setdefault(snake_case(layer.class_name), []).append(layer)
    groups: dict[str, list[tuple[int, str]]] = {}
    for key in keys:
        stem, place = _stem(key, of_class)
        groups.setdefault(stem, []).append((place, key))
    if not set(groups) <= set(of_class):
        return {key: by_name[key] for key in keys if key in by_name}
    matched: dict[str, LayerConfig] = {}
    for stem, numbered in groups.items():
        of_stem, complete = of_class[stem], len(numbered) == len(of_class[stem])
        for rank, (place, key) in enumerate(sorted(numbered)):
            index = rank if complete else place
            if index < len(of_stem):
                matched[key] = of_stem[index]
    return matched


def _stem(key: str, stems: Mapping[str, object]) -> tuple[str, int]:
    """``conv2d_1`` is number 1 of ``conv2d``."""
    found = re.fullmatch(r"(.+)_(\d{1,6})", key)
    if key in stems or not found:
        return key, 0
    return found[1], int(found[2])
