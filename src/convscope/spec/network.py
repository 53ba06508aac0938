"""Spec: a network as a value, and its text."""

from __future__ import annotations

from dataclasses import dataclass, replace

from convscope.errors import SpecError
from convscope.spec.grammar import RawLayer, problem, read_layers
from convscope.spec.kinds import find_kind
from convscope.spec.layers import Layer, make_settings, split_activation, unknown_kind
from convscope.spec.settings import MAX_COUNT, Kind, plain, size_text

MAX_NAME = 64
"""Most characters of a layer's name."""


@dataclass(frozen=True)
class Spec:
    """A network written as text, understood.

    Attributes:
        layers: in the order in which they run.
        input: (height, width, channels) where the text begins with ``input(HxWxC)``.

    >>> spec = parse("conv(3, 3) | maxpool(3) | relu")
    >>> [layer.name for layer in spec.layers]
    ['conv_1', 'pool_1', 'relu_1']
    >>> str(spec)
    'conv(3, 3) | maxpool(3) | relu'
    """

    layers: tuple[Layer, ...]
    input: tuple[int, int, int] | None = None

    def text(self) -> str:
        """Canonical text, one layer a line; ``parse(spec.text()) == spec``."""
        return "\n".join(self._lines())

    def __str__(self) -> str:
        return " | ".join(self._lines())

    def _lines(self) -> list[str]:
        first = [f"input({size_text(self.input)})"] if self.input else []
        return [*first, *(str(layer) for layer in self.layers)]

    def __getitem__(self, name: str) -> Layer:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)


def parse(text: str) -> Spec:
    """Read a network from text; ``docs/spec.md`` describes the language.

    Raises:
        SpecError: the text is no network; the sentence points at line and column.

    >>> print(parse("c: Conv2D(8, (3, 3), activation='relu')"))
    c: conv(8, 3) | relu
    >>> parse("conv(3, 3) | maxpol(2)")
    Traceback (most recent call last):
    convscope.errors.SpecError: line 1, column 14: unknown layer 'maxpol'; did you mean 'maxpool'?
    """
    raws = read_layers(text)
    size = None
    if raws and plain(raws[0].word) in {"input", "inputlayer"}:
        size, raws = _input_size(raws[0]), raws[1:]
    if not raws:
        raise SpecError("the spec has no layers; write at least one, such as conv(3, 3)")
    return Spec(assemble(raws), size)


def assemble(raws: tuple[RawLayer, ...]) -> tuple[Layer, ...]:
    """Layers from raw ones: kinds and settings understood, activations unfolded, names given.

    Raises:
        SpecError: as :func:`parse`.
    """
    layers: list[Layer] = []
    counts: dict[str, int] = {}
    seen: set[str] = set()
    for raw in _unfolded(raws):
        kind = _kind(raw)
        prefix = kind.prefix or kind.word
        counts[prefix] = counts.get(prefix, 0) + 1
        name = _checked_name(raw) or f"{prefix}_{counts[prefix]}"
        if name in seen:
            raise problem(f"two layers are called {name!r}; give one of them another name", raw.place)
        seen.add(name)
        layers.append(Layer(name, kind.word, make_settings(kind, raw.arguments, raw), bool(raw.name)))
    return tuple(layers)


def _unfolded(raws: tuple[RawLayer, ...]) -> list[RawLayer]:
    found: list[RawLayer] = []
    for raw in raws:
        rest, activation = split_activation(_kind(raw), raw.arguments)
        found.append(replace(raw, arguments=rest))
        if activation is not None:
            found.append(activation)
    return found


def _kind(raw: RawLayer) -> Kind:
    kind = find_kind(raw.word)
    if kind is not None:
        return kind
    if plain(raw.word) in {"input", "inputlayer"}:
        raise problem("input(...) stands at the very beginning; move it to the first line", raw.place)
    from convscope.spec.shelf import shelf

    raise problem(unknown_kind(raw.word, shelf()), raw.place)


def _checked_name(raw: RawLayer) -> str:
    if len(raw.name) > MAX_NAME:
        raise problem(f"a layer's name has {len(raw.name)} characters; use at most {MAX_NAME}", raw.place)
    if raw.name and not all(part.isalnum() or part in "_-" for part in raw.name):
        raise problem(f"the name {raw.name!r} may hold only letters, digits, _ and -", raw.place)
    return raw.name


def _input_size(raw: RawLayer) -> tuple[int, int, int]:
    if len(raw.arguments) == 1:
        data = raw.arguments[0].value.data
        if isinstance(data, tuple) and len(data) == 3 and all(isinstance(n, int) and 1 <= n <= MAX_COUNT for n in data):
            return data
    raise problem("input takes height x width x channels, such as input(28x28x1)", raw.place)
