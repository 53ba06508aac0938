"""The result of a training as one file that every command opens as a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from convscope.adapters.saved import Saved
from convscope.errors import ModelError
from convscope.network import Preprocessing
from convscope.spec import Spec, parse
from convscope.train.calibrate import Calibration

if TYPE_CHECKING:
    import torch


def export_network(
    path: str | PathLike[str], model: torch.nn.Module, spec: Spec | str | None, labels: Sequence[str],
    preprocessing: Preprocessing, calibration: Calibration | Mapping[str, Any] | None = None, title: str = "",
    card: str = "", *, half: bool = False,
) -> None:  # fmt: skip
    """Save a network with its text, its classes and how photos reach it.

    ``--model FILE`` and :func:`convscope.trace` open it again. The file appears whole or not at all.

    Args:
        path: where to; what is there is replaced.
        model: the network with its weights, layers called as in ``spec``.
        spec: the network as text; None for a model of code, whose file is then given as ``--weights``.
        labels: names of the classes; two for one sigmoid, whose value is the probability of the second.
        preprocessing: how photos reached it in training; ``size`` None where any will do.
        calibration: what :func:`convscope.train.calibrate.fit_temperature` found, or ``temperature``, ``error`` and
            ``samples``.
        title: what people call it; at most 200 characters.
        card: what it was trained on, in a few sentences; at most 20,000 characters.
        half: keep kernels and matrices as float16: half the size, three digits. They are widened when opened. Biases
            and statistics, and tensors with numbers that float16 cannot hold, stay as they are.

    Raises:
        ModelError: one of these cannot be used, for instance a label of 300 characters, or the weights are not those
            of ``spec``.
        WeightsError: the model has no weights.
        OutputError: the file cannot be written; an older file is still there.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from convscope.spec import build
    >>> from convscope.tracing import trace
    >>> text = "input(32x32x3) | conv(4, 3) | gap | dense(2) | softmax"
    >>> path = Path(tempfile.mkdtemp()) / "small.safetensors"
    >>> export_network(path, build(parse(text)), text, ["cat", "dog"], Preprocessing((32, 32)), title="small")
    >>> sorted(score.label for score in trace(path, "chelsea").scores)
    ['cat', 'dog']
    """
    from convscope.weights import save
    from convscope.weights.assign import state_tensors

    known = parse(spec) if isinstance(spec, str) else spec
    facts = calibration.facts() if isinstance(calibration, Calibration) else calibration
    saved = Saved(known, tuple(labels), preprocessing, facts, title, card)
    metadata = saved.metadata()
    Saved.read(metadata)  # whatever a reader would refuse is refused here
    tensors = state_tensors(model)
    if known is not None:
        _check_fits(known, saved, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    save({name: halved(tensor) if half else tensor for name, tensor in tensors.items()}, path, metadata=metadata)


def _check_fits(spec: Spec, saved: Saved, shapes: Mapping[str, tuple[int, ...]]) -> None:
    from convscope.spec import build, plan

    assert saved.preprocessing is not None
    height, width = saved.preprocessing.size or (spec.input[:2] if spec.input else (224, 224))
    shape = (spec.input[2] if spec.input else saved.preprocessing.channels, height, width)
    last = plan(spec, shape)[-1]
    saved.check_answer(last.shape, last.kind)
    wanted = {name: tuple(tensor.shape) for name, tensor in build(spec, shape).state_dict().items()}
    wrong = sorted(set(wanted.items()) ^ set(shapes.items()))
    if wrong:
        name = wrong[0][0]
        raise ModelError(
            f"the weights are not those of the network's text: {name!r} is {shapes.get(name, 'not there')} in the "
            f"model and {wanted.get(name, 'not there')} in the text; give the text that the model was built from"
        )


def halved(tensor: torch.Tensor) -> torch.Tensor:
    """A kernel or matrix as float16 where it can hold every number; anything else as it is.

    >>> import torch
    >>> halved(torch.ones(2, 2)).dtype, halved(torch.full((2, 2), 1e6)).dtype, halved(torch.ones(2)).dtype
    (torch.float16, torch.float32, torch.float32)
    """
    import torch

    if tensor.ndim < 2 or not tensor.is_floating_point():
        return tensor
    short = tensor.detach().to(torch.float16)
    return short if bool(torch.isfinite(short).all()) else tensor
