"""What a network answers to a whole batch, with nothing recorded."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from convscope.adapters.torch import TorchNetwork, all_modules
from convscope.adapters.torch.keep import tensors_in
from convscope.adapters.torch.restore import evaluating, exclusively
from convscope.errors import ConvscopeError, ForwardError, ModelError
from convscope.record import record

Head = Literal["softmax", "sigmoid", "none"]


class Answers:
    """Asks a network for its answers, a batch at a time; it comes back exactly as it was.

    Attributes:
        head: what the network's answer comes out of; of code of somebody's own it is known after the first batch.
        raw: whether :meth:`of` gives the scores before that softmax or sigmoid, which keep more digits than
            probabilities near 1 do.

    >>> import numpy as np, torch
    >>> network = TorchNetwork(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3), torch.nn.Softmax(-1)))
    >>> answers = Answers(network)
    >>> answers.head, answers.of(np.zeros((5, 1, 2, 2), np.float32)).shape
    ('softmax', (5, 3))
    """

    def __init__(self, network: TorchNetwork) -> None:
        self._network = network
        self._modules = all_modules(network.model)
        layers = _layers(network.model)
        last = layers[-1] if layers else None
        self.raw = isinstance(last, nn.Softmax | nn.Sigmoid)
        self.head: Head = ("softmax" if isinstance(last, nn.Softmax) else "sigmoid") if self.raw else "none"
        self._run: nn.Module = nn.Sequential(*layers[:-1]) if self.raw else network.model
        self._known = bool(layers)
        self._alone = False

    def of(self, batch: Float32[np.ndarray, "n c h w"]) -> Float32[np.ndarray, "n k"]:
        """One row of scores a picture.

        Raises:
            ModelError: the answer is no list of scores.
            ForwardError: the network raised.
        """
        if not self._known:
            self._look(batch.shape[1:])
            self._known = True
        return self._one_by_one(batch) if self._alone else self._ask(batch)

    def _one_by_one(self, batch: Float32[np.ndarray, "n c h w"]) -> Float32[np.ndarray, "n k"]:
        return np.concatenate([self._ask(batch[i : i + 1]) for i in range(len(batch))])

    def _look(self, shape: tuple[int, ...]) -> None:
        """Run code of somebody's own on noise: what its answer comes out of, and whether batches change it."""
        noise = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
        trace = record(self._network, noise[0])
        if trace.output is not None and trace.output.kind in {"softmax", "sigmoid"}:
            self.head = "softmax" if trace.output.kind == "softmax" else "sigmoid"
        single = self._one_by_one(noise)
        try:
            together = self._ask(noise)
        except ConvscopeError:  # it takes one picture at a time
            self._alone = True
            return
        size = float(np.abs(single).max(initial=1e-6))
        self._alone = not np.allclose(single, together, rtol=0, atol=1e-4 * size, equal_nan=True)

    def _ask(self, batch: Float32[np.ndarray, "n c h w"]) -> Float32[np.ndarray, "n k"]:
        model = self._network.model
        with exclusively(model), evaluating([module for _, module in self._modules]), torch.inference_mode():
            try:
                given = torch.from_numpy(batch).contiguous(memory_format=torch.channels_last)
                output = self._run(_like_parameters(given, model))
            except ConvscopeError:
                raise
            except Exception as error:  # whatever the user's network raises
                reason = " ".join(str(error).split()) or "no reason given"
                size = "x".join(map(str, batch.shape[1:]))
                raise ForwardError(
                    f"{self._network.title} stopped on an input of {size}: {type(error).__name__}: {reason}"
                ) from error
            rows = _rows(output, len(batch))
        if rows is None:
            raise ModelError(
                f"{self._network.title} does not answer with a list of scores, so it names no photo; give a classifier"
            )
        return rows.float().cpu().numpy()


def _layers(model: nn.Module) -> list[nn.Module]:
    """The layers of a plain stack of PyTorch's own, as networks given as text are; empty for any other model."""
    layers = list(model.children()) if type(model) is nn.Sequential else []
    own = all(type(layer).__module__.startswith("torch.nn.modules.") and not list(layer.children()) for layer in layers)
    hooks = ("_forward_hooks", "_forward_pre_hooks")
    hooked = any(getattr(module, name) for module in model.modules() for name in hooks)
    across = bool(layers) and isinstance(layers[-1], nn.Softmax) and layers[-1].dim not in {1, -1}
    return layers if own and not hooked and not across else []


def _like_parameters(batch: Tensor, model: nn.Module) -> Tensor:
    for parameter in model.parameters():
        if parameter.is_floating_point():
            return batch.to(device=parameter.device, dtype=parameter.dtype)
    return batch


def _rows(output: object, count: int) -> Tensor | None:
    """The answer among what a model returned: the first tensor with a vector for each picture."""
    if not isinstance(output, Tensor | tuple | list | dict) and hasattr(output, "__dict__"):
        output = vars(output)
    for tensor in tensors_in((output,)):
        if tensor.ndim >= 2 and len(tensor) == count and tensor[0].numel() == max(tensor.shape[1:]):
            return tensor.reshape(count, -1)
    return None
