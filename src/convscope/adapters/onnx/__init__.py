"""ONNX files as PyTorch modules of standard layers, under the names of their nodes.

::

    wire.py         how much a file would unpack to, before it is unpacked
    reading.py      the file as plain values            tensors.py  its numbers, also those beside it
    entry.py        where the photo goes in
    translation.py  node by node, with sizes but no numbers    values.py, folding.py (constants)
    operators.py    the table: windows, pointwise, dense, shapes, resizing   (modules.py: what PyTorch lacks)
    runtime.py      onnxruntime, where an operator is missing: every value, no gradients

https://onnx.ai/onnx/operators/ says what the operators do, https://github.com/onnx/onnx/blob/main/docs/IR.md how a file
is built.
"""

from __future__ import annotations

from pathlib import Path

import torch

from convscope.adapters.brought import Brought
from convscope.adapters.elementary import Reshape
from convscope.adapters.onnx.entry import Entry, entries
from convscope.adapters.onnx.operators import OPERATORS
from convscope.adapters.onnx.reading import Source, read
from convscope.adapters.onnx.translation import MisfitError, Translation
from convscope.adapters.onnx.values import BATCH, Value, straight
from convscope.adapters.onnx.wire import quoted
from convscope.adapters.options import Options
from convscope.adapters.sidecar import Sidecar
from convscope.errors import ModelError
from convscope.network import Preprocessing


def open_file(path: Path, options: Options) -> Brought:
    """A network from an ONNX file; no code in it is run.

    Args:
        path: a ``.onnx`` file, opset 7 or later; its weights inside, or in plain files in the same folder.
        options: ``size`` where the file leaves it open.

    Returns:
        a module of standard layers with the names of the file's nodes. Where an operator has no translation, a network
        that runs in onnxruntime and has no gradients; its note says which operator.

    Raises:
        ModelError: the file is damaged, hostile, too old, takes no photo, or a package is missing.
    """
    source = read(path)
    size = options.size or Sidecar.beside(path).over(Preprocessing()).size
    given = entries(source, size)
    translation = translated(source, given)
    outputs = [name for name in source.outputs if isinstance(translation.known.get(name), Value)]
    notes = _guesses(given[0])
    lost = {name: translation.lost[name] for name in source.outputs if name in translation.lost}
    title, about = path.stem, dict(source.about)
    preprocessing = given[0].preprocessing
    if not outputs and lost:
        from convscope.adapters.onnx.runtime import RuntimeNetwork

        reason = next(iter(lost.values()))
        network = RuntimeNetwork(source, given, reason)
        notes.append(
            f"{reason}, so the network runs in onnxruntime: every value is there, but no gradients, and no arithmetic"
        )
        return Brought(network, title, preprocessing, (), about, tuple(notes), scale_known=given[0].whole)
    if not outputs:
        raise ModelError("what it gives does not depend on its input; export it again")
    notes += [f"its output {quoted(name)} is left out: {reason}" for name, reason in lost.items()]
    module = translation.graph([f"in.{place}" for place in range(len(given))], outputs)
    return Brought(module.eval(), title, preprocessing, (), about, tuple(notes), scale_known=given[0].whole)


def translated(source: Source, given: list[Entry]) -> Translation:
    """The file's nodes as modules: for any number of photos, or else for one at a time.

    Raises:
        ModelError: a node does not fit what it is given.
    """
    try:
        return _translated(source, given, BATCH)
    except MisfitError:
        if given[0].photos not in {None, 1}:
            raise
        return _translated(source, given, 1)  # a file whose shapes speak of one photo in a way of their own


def _translated(source: Source, given: list[Entry], photos: int) -> Translation:
    translation = Translation(source, photos, given[0].photos or 1)
    for place, entry in enumerate(given):
        name = f"in.{place}"
        pictures = torch.empty(photos, *entry.shape, device="meta")
        if len(entry.axes) == 4:
            translation.known[entry.name] = Value(name, pictures, entry.axes, f"{entry.name}_transpose")
            continue
        shape = [entry.height * entry.width] if len(entry.axes) == 2 else [entry.height, entry.width]
        (translation.known[entry.name],) = translation.add(
            f"{entry.name}_reshape", Reshape(shape), [straight(name, pictures)]
        )
    translation.follow(OPERATORS)
    return translation


def _guesses(entry: Entry) -> list[str]:
    if not entry.guessed:
        return []
    size = f"{entry.height}x{entry.width}"
    return [f"the file leaves the size of its input open, so {size} is a guess: say it with size (--size)"]
