"""A network as a list of nodes: order, names, memory, and what is refused."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch
from torch import nn

from convscope.adapters.elementary import (
    Apply,
    Average,
    Concat,
    Merge,
    Pad,
    Permute,
    Reduce,
    Reshape,
    Resize,
    Slice,
    With,
)
from convscope.adapters.graph import Graph, Node, free_name, in_order
from convscope.adapters.torch import TorchNetwork
from convscope.errors import ModelError
from convscope.record import record


def node(name: str, module: nn.Module, inputs: str, outputs: str) -> Node:
    return Node(name, module, tuple(inputs.split()), tuple(outputs.split()))


def block() -> Graph:
    """A residual block whose nodes stand in the wrong order."""
    nodes = [
        node("join", Merge("add"), "skip b", "sum"),
        node("conv.b", nn.Conv2d(3, 4, 3, padding=1), "a", "b"),
        node("skip", nn.Conv2d(3, 4, 1), "x", "skip"),
        node("relu", nn.ReLU(), "x", "a"),
    ]
    return Graph(["x"], nodes, ["sum"])


def test_nodes_run_when_what_they_read_is_there() -> None:
    graph, x = block(), torch.randn(2, 3, 5, 5)
    parts = dict(graph.named_children())
    assert list(parts) == ["skip", "relu", "conv_b", "join"]
    torch.testing.assert_close(graph(x), parts["skip"](x) + parts["conv_b"](x.relu()))


def test_the_given_order_is_kept_where_it_can_be() -> None:
    relu = nn.ReLU()
    nodes = [node(name, relu, "x", name) for name in "edcba"]
    assert in_order("x", nodes) == nodes


def test_steps_have_the_nodes_names_and_arithmetic() -> None:
    run = TorchNetwork(block()).run(np.ones((3, 5, 5), np.float32))
    assert [op.name for op in run] == ["input", "skip", "relu", "conv_b", "join"]
    assert [op.kind for op in run][-1] == "add"


def test_a_shared_layer_is_one_module_that_runs_twice() -> None:
    conv = nn.Conv2d(3, 3, 3, padding=1)
    graph = Graph(["x"], [node("one", conv, "x", "y"), node("two", conv, "y", "z")], ["y", "z"])
    assert [name for name, _ in graph.named_children()] == ["one"]
    first, second = graph(torch.randn(1, 3, 4, 4))
    torch.testing.assert_close(conv(first), second)
    run = TorchNetwork(graph).run(np.ones((3, 4, 4), np.float32))
    assert [op.name for op in run] == ["input", "one", "one:2"]


def test_a_value_is_forgotten_after_it_was_last_read() -> None:
    alive: list[int] = []

    class Probe(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            alive.append(sum(reference() is not None for reference in seen))
            made = x + 1
            seen.append(weakref.ref(made))
            return made

    seen: list[weakref.ref[torch.Tensor]] = []
    nodes = [node(f"probe{i}", Probe(), f"v{i}", f"v{i + 1}") for i in range(5)]
    Graph(["v0"], nodes, ["v5"])(torch.zeros(1))
    assert alive == [0, 1, 1, 1, 1]


def test_one_tensor_goes_to_every_input_and_other_counts_are_refused() -> None:
    graph = Graph(["a", "b"], [node("sum", Merge("add"), "a b", "c")], ["c"])
    assert graph(torch.ones(1)).item() == 2
    assert graph(torch.ones(1), torch.zeros(1)).item() == 1
    with pytest.raises(ModelError, match=r"has 2 inputs \(a, b\) and was given 3 tensors"):
        graph(*[torch.ones(1)] * 3)


def test_several_results_of_one_node() -> None:
    class Both(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x + 1, x + 2

    graph = Graph(["x"], [node("both", Both(), "x", "a b")], ["b", "a"])
    assert [one.item() for one in graph(torch.zeros(1))] == [2, 1]


@pytest.mark.parametrize(
    ("nodes", "outputs", "message"),
    [
        ([("a", "y", "z"), ("b", "z", "y")], "z", "'a' waits for its own result"),
        ([("a", "q", "z")], "z", "node 'a' reads 'q', which nothing makes"),
        ([("a", "x", "z")], "q", "the network returns 'q', which nothing makes"),
        ([("a", "x", "z"), ("b", "x", "z")], "z", "'z' is made twice, by node 'a' and by node 'b'"),
        ([("a", "x", "x")], "x", "'x' is made twice, by an input and by node 'a'"),
        ([("a", "x", "z")], "", "the network has no output"),
    ],
)
def test_what_is_no_graph(nodes: list[tuple[str, str, str]], outputs: str, message: str) -> None:
    made = [node(name, nn.ReLU(), reads, makes) for name, reads, makes in nodes]
    with pytest.raises(ModelError, match=message):
        Graph(["x"], made, outputs.split())


def test_names_become_names_of_modules() -> None:
    names = ["conv", "conv", "type", "a.b", "", "x\ny", "\u202e", "é/猫:0", "n" * 500, "forward", "_runs"]
    graph = Graph(["x"], [node(name, nn.ReLU(), "x", f"v{i}") for i, name in enumerate(names)], ["v0"])
    made = [name for name, _ in graph.named_children()]
    assert made == ["conv", "conv_2", "type_2", "a_b", "node", "x_y", "_", "é/猫:0", "n" * 200, "forward_2", "_runs_2"]
    assert free_name("conv", graph) == "conv_3"
    assert set(graph.state_dict()) == set()


def test_many_equal_names_take_no_time() -> None:
    nodes = [node("same", nn.Identity(), "x", f"v{i}") for i in range(3000)]
    graph = Graph(["x"], nodes, ["v0"])
    assert len(dict(graph.named_children())) == 3000


ELEMENTARY = {
    "add": (Merge("add"), 3, lambda a, b, c: a + b + c),
    "maximum": (Merge("maximum"), 2, np.maximum),
    "average": (Average(), 3, lambda a, b, c: (a + b + c) / 3),
    "concat": (Concat(1), 2, lambda a, b: np.concatenate([a, b], 1)),
    "one minus": (With("sub", 1.0, first=True), 1, lambda a: 1 - a),
    "minus one": (With("sub", 1.0), 1, lambda a: a - 1),
    "one by": (With("div", 1.0, first=True), 1, lambda a: 1 / a),
    "at most": (With("minimum", 0.5), 1, lambda a: np.minimum(a, 0.5)),
    "at least": (With("maximum", 0.5), 1, lambda a: np.maximum(a, 0.5)),
    "a tensor": (With("mul", torch.arange(3.0).reshape(3, 1, 1)), 1, lambda a: a * np.arange(3.0).reshape(3, 1, 1)),
    "tensor first": (With("sub", torch.ones(3, 1, 1), first=True), 1, lambda a: 1 - a),
    "reshape": (Reshape((2, -1)), 1, lambda a: a.reshape(len(a), 2, -1)),
    "permute": (Permute((0, 2, 3, 1)), 1, lambda a: a.transpose(0, 2, 3, 1)),
    "pad": (Pad((1, 0, 0, 2), value=5.0), 1, lambda a: np.pad(a, ((0, 0), (0, 0), (0, 2), (1, 0)), constant_values=5)),
    "crop": (Pad((0, -1, -1, 0)), 1, lambda a: a[:, :, 1:, :-1]),
    "slice": (Slice([slice(None), slice(0, 3, 2), 1]), 1, lambda a: a[:, 0:3:2, 1]),
    "mean": (Reduce("mean", (2, 3)), 1, lambda a: a.mean((2, 3))),
    "largest": (Reduce("amax", (1,), keepdim=True), 1, lambda a: a.max(1, keepdims=True)),
    "twice as large": (Resize((8, 8), None), 1, lambda a: a.repeat(2, 2).repeat(2, 3)),
    "exp": (Apply("exp"), 1, np.exp),
}


@pytest.mark.parametrize("name", sorted(ELEMENTARY))
def test_elementary_modules_against_numpy_with_arithmetic(name: str) -> None:
    module, count, expected = ELEMENTARY[name]
    parts = np.random.default_rng(0).random((count, 1, 3, 4, 4), np.float32) + 0.1
    names = [f"part{i}" for i in range(count)]
    # A single photo feeds them all, scaled in a way of its own each.
    nodes = [node(part, With("mul", float(i + 1)), "x", part) for i, part in enumerate(names)]
    graph = Graph(["x"], [*nodes, node("it", module, " ".join(names), "y")], ["y"])
    x = parts[0]
    found = graph(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(found, expected(*[x * (i + 1) for i in range(count)]), rtol=1e-5, atol=1e-6)
    trace = record(TorchNetwork(graph), x[0])
    step = trace.steps[-1]
    index = tuple(size // 2 for size in step.shape)
    assert step.at(index).result == pytest.approx(float(step.value[index]), rel=1e-4)
    assert str(module)
