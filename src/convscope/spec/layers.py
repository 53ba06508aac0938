"""Layers: made from what was written, and written again."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convscope.errors import SpecError
from convscope.spec.grammar import Argument, RawLayer, Value, cut, problem
from convscope.spec.kinds import KINDS, find_kind
from convscope.spec.settings import REQUIRED, Kind, Setting, Settings, listing, plain, setting_text


@dataclass(frozen=True)
class Layer:
    """One layer of a network.

    Attributes:
        name: unique in its spec.
        kind: the canonical word (``conv``, ``maxpool``).
        settings: every setting, defaults included, in canonical form.
        named: whether the user gave the name.
    """

    name: str
    kind: str
    settings: Settings
    named: bool = False

    def __str__(self) -> str:
        prefix = f"{self.name}: " if self.named else ""
        return f"{prefix}{self.call}"

    @property
    def call(self) -> str:
        """The layer without its name, settings at their default left out: ``conv(3, 3, padding=same)``."""
        return written(self.kind, written_settings(self))


ACTIVATIONS = ("relu", "leaky_relu", "elu", "sigmoid", "tanh", "softmax")
"""Kinds that can be given as ``activation=`` of a layer with weights."""
_TAKES_ACTIVATION = {"conv", "conv_transpose", "dense"}


def make_settings(kind: Kind, arguments: tuple[Argument, ...], at: RawLayer) -> Settings:
    """The full settings of a layer from its arguments.

    Raises:
        SpecError: an unknown, doubled, missing or impossible setting.
    """
    given: dict[str, Any] = {}
    for position, argument in enumerate(arguments):
        setting = _setting_of(kind, argument, position, keyed=bool(given and arguments[position - 1].key))
        if setting.name in given:
            raise problem(f"{kind.word}'s {setting.name} is given twice; give it once", argument.place)
        given[setting.name] = setting.read(argument.value, f"{kind.word}'s {setting.name}")
    settings: dict[str, Any] = {}
    for setting in kind.settings:
        if setting.name in given:
            settings[setting.name] = given[setting.name]
        elif setting.default is REQUIRED:
            example = {"filters": "16, 3", "rate": "0.5"}.get(setting.name, "10")
            raise problem(f"{kind.word} needs {setting.name}, as in {kind.word}({example})", at.place)
        elif isinstance(setting.default, str) and setting.default.startswith("="):
            settings[setting.name] = settings[setting.default[1:]]
        else:
            settings[setting.name] = setting.default
    try:
        kind.finish(settings)
    except SpecError as error:
        raise problem(f"{kind.word} cannot be built, {error}", at.place) from None
    return Settings(settings)


def _setting_of(kind: Kind, argument: Argument, position: int, *, keyed: bool) -> Setting:
    if argument.key:
        setting = kind.setting(argument.key)
        if setting is None:
            raise problem(unknown_setting(kind, argument.key), argument.place)
        return setting
    if keyed:
        raise problem(f"{kind.word} has {argument.value} behind a named setting; name this one too", argument.place)
    if position >= len(kind.settings):
        takes = listing([setting.name for setting in kind.settings]) or "no settings"
        raise problem(f"{kind.word} takes {takes}; {argument.value} is one too many", argument.place)
    return kind.settings[position]


def split_activation(kind: Kind, arguments: tuple[Argument, ...]) -> tuple[tuple[Argument, ...], RawLayer | None]:
    """The arguments without ``activation=...``, and the layer that it stands for."""
    found = [argument for argument in arguments if plain(argument.key) == "activation"]
    if not found or kind.word not in _TAKES_ACTIVATION:
        return arguments, None
    rest = tuple(argument for argument in arguments if argument not in found)
    return rest, activation_layer(found[-1].value)


def activation_layer(value: Value, *, softmax: bool = True) -> RawLayer | None:
    """The layer that an activation stands for; None for ``none`` and ``linear``.

    Raises:
        SpecError: it is no activation.

    >>> from convscope.spec.grammar import read_value
    >>> activation_layer(read_value("leaky_relu(0.1)")).word
    'leaky_relu'
    """
    word, values = value.data if value.kind == "call" and isinstance(value.data, tuple) else (str(value.data), ())
    if plain(word) in {"none", "linear"}:
        return None
    kind = find_kind(word)
    allowed = [name for name in ACTIVATIONS if softmax or name != "softmax"]
    if kind is None or kind.word not in allowed:
        raise problem(f"an activation is {listing(allowed, 'or')}, or none; got {value}", value.place)
    return RawLayer("", kind.word, tuple(Argument("", inner, value.place) for inner in values), value.place)


def unknown_setting(kind: Kind, name: str) -> str:
    """The sentence about a setting that a kind of layer does not have."""
    names = [setting.name for setting in kind.settings]
    if not names:
        return f"{kind.word} has no settings; got {cut(name)!r}, write {kind.word} alone"
    near = difflib.get_close_matches(name.lower()[:64], names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {listing(names)}"
    return f"{kind.word} has no setting {cut(name)!r}; {hint}"


def unknown_kind(word: str, more: tuple[str, ...] = ()) -> str:
    """The sentence about a word that is no kind of layer; ``more`` are further words to suggest."""
    words = {plain(name): name for name in more} | {plain(kind): kind for kind in KINDS}
    words |= {alias: kind.word for kind in KINDS.values() for alias in kind.aliases}
    near = difflib.get_close_matches(plain(word)[:64], words, n=1)
    hint = f"did you mean {words[near[0]]!r}?" if near else f"there are {listing(list(KINDS))}"
    return f"unknown layer {cut(word, 40)!r}; {hint}"


def written_settings(layer: Layer) -> dict[str, str]:
    """The settings that differ from their defaults, as text; a pool's stride only when it is not its size."""
    kind, found = KINDS[layer.kind], {}
    for setting in kind.settings:
        value, default = layer.settings[setting.name], setting.default
        if isinstance(default, str) and default.startswith("="):
            default = layer.settings[default[1:]]
        if value != default or setting.name == "size":
            found[setting.name] = setting_text(value)
    return found


def written(word: str, settings: Mapping[str, str]) -> str:
    """A layer as text from the text of its settings; leading ones without their name."""
    parts: list[str] = []
    by_position = True
    for setting in KINDS[word].settings:
        if setting.name not in settings:
            by_position = False
            continue
        by_position = by_position and len(parts) < 2 and setting.name not in {"bias", "stride", "momentum"}
        parts.append(settings[setting.name] if by_position else f"{setting.name}={settings[setting.name]}")
    return f"{word}({', '.join(parts)})" if parts else word
