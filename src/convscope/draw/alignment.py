"""Which steps of several networks belong together, and what to call them."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from convscope.draw.wording import kind_text
from convscope.traces import Step

FAMILIES = {
    "activation": {
        "relu", "relu6", "leaky_relu", "prelu", "elu", "celu", "selu", "gelu", "silu", "mish", "sigmoid", "hardsigmoid",
        "tanh", "hardtanh", "hardswish", "softplus", "softsign", "logsigmoid", "softmax", "log_softmax", "identity",
    },
    "pooling": {"max_pool2d", "avg_pool2d", "adaptive_max_pool2d", "adaptive_avg_pool2d"},
    "normalisation": {"batch_norm", "layer_norm", "group_norm", "local_response_norm"},
    "convolution": {"conv2d", "conv_transpose2d"},
}  # fmt: skip
"""Kinds that take each other's place, under the word for them all."""


@dataclass
class Column:
    """The steps of the variants that belong together; a variant without one has no entry."""

    steps: dict[int, Step] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The different names, in the variants' order."""
        return list(dict.fromkeys(step.name for step in self.steps.values()))

    @property
    def name(self) -> str:
        """One name for all: theirs; or the word for their kinds with the number that they share; or what they
        have in common; or all of them.

        >>> import numpy as np
        >>> def column(**kinds): return Column({i: Step(n, k, np.zeros(1, np.float32)) for i, (n, k) in
        ...                                     enumerate(kinds.items())})
        >>> column(relu_1="relu", tanh_1="tanh").name, column(pool="max_pool2d").name
        ('activation 1', 'pool')
        >>> column(block_1_a="add", block_1_b="mul").name, column(up="add", down="mul").name
        ('block_1_…', 'up / down')
        """
        if len(self.names) == 1:
            return self.names[0]
        kinds = {step.kind for step in self.steps.values()}
        numbers = {found[0] if (found := re.search(r"\d+$", name)) else "" for name in self.names}
        family = next((word for word, members in FAMILIES.items() if kinds <= members), None)
        if family and len(kinds) > 1 and len(numbers) == 1:
            return f"{family} {numbers.pop()}".strip()
        parts = zip(*(re.findall(r"[^._/:]*[._/:]?", name) for name in self.names), strict=False)
        common = "".join(same[0] for same in itertools.takewhile(lambda same: len(set(same)) == 1, parts))
        return f"{common}…" if common else " / ".join(self.names)

    @property
    def kinds(self) -> str:
        """The different kinds and settings; a kind that all share is said once.

        >>> import numpy as np
        >>> def conv(n): return Step("c", "conv2d", np.zeros(1, np.float32), settings={"kernel": [n, n]})
        >>> Column({0: conv(3), 1: conv(12)}).kinds
        'conv2d 3x3 / 12x12'
        """
        texts = list(dict.fromkeys(kind_text(step) for step in self.steps.values()))
        kind = next(iter(self.steps.values())).kind
        settings = [text.removeprefix(f"{kind} ") for text in texts]
        if len(texts) > 1 and all(text.startswith(f"{kind} ") for text in texts):
            return f"{kind} {' / '.join(settings)}"
        return " / ".join(texts)


def align(variants: Sequence[Sequence[Step]]) -> list[Column]:
    """Put the steps of several variants into common columns.

    Steps of one name share a column; between two such columns, steps without a partner share one by their
    order (``relu_1`` of one variant and ``tanh_1`` of another). Every variant's own order is kept.

    >>> import numpy as np
    >>> def net(*names): return [Step(n, "relu", np.zeros(1, np.float32)) for n in names]
    >>> [c.names for c in align([net("in", "relu_1", "fc"), net("in", "tanh_1", "extra", "fc")])]
    [['in'], ['relu_1', 'tanh_1'], ['extra'], ['fc']]
    """
    columns: list[Column] = []
    for variant, steps in enumerate(variants):
        # a column is called by the name of its step in this variant if any variant before used that name
        known = {name: i for i, column in enumerate(columns) for name in column.names}
        old = list(range(len(columns)))
        new = [known.get(step.name, -1 - i) for i, step in enumerate(steps)]
        merged: list[Column] = []
        for _, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            for k in range(max(b - a, d - c)):
                column = columns[a + k] if a + k < b else Column()
                if c + k < d:
                    column.steps[variant] = steps[c + k]
                merged.append(column)
        columns = merged
    return columns
