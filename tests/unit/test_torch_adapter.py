"""Recording any PyTorch module: the values are the framework's own, and the model comes back as it was."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import random
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import zoo
from convscope.adapters.torch import TorchNetwork, all_modules
from convscope.adapters.torch.leaves import LEAVES
from convscope.adapters.torch.live import LiveParams
from convscope.adapters.torch.restore import random_state
from convscope.errors import MemoryBudgetError, ModelError, RunError, StaleParametersError
from convscope.network import Run


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def photo(shape: tuple[int, int, int] = (3, 32, 32), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def run(model: nn.Module, shape: tuple[int, int, int] = (3, 32, 32)) -> Run:
    result = TorchNetwork(model).run(photo(shape))
    if result.error:
        raise result.error
    return result


def named(result: Run) -> dict[str, object]:
    return {operation.name: operation for operation in result.operations}


@contextmanager
def cloned_outputs(model: nn.Module) -> Iterator[list[torch.Tensor]]:
    """An independent recording: forward hooks on every leaf that clone at once, before anything can overwrite."""
    values: list[torch.Tensor] = []
    handles = [
        module.register_forward_hook(lambda _m, _i, output: values.append(output.clone()))
        for module in model.modules()
        if not list(module.children())
    ]
    yield values
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("name", sorted(zoo.ZOO))
def test_the_answer_is_the_models_own(name: str) -> None:
    entry, model = zoo.ZOO[name], zoo.make(name)
    with torch.no_grad():
        expected = model(torch.from_numpy(photo(entry.input))[None])
    result = run(model, entry.input)
    expected = expected["logits"] if isinstance(expected, dict) else expected
    np.testing.assert_array_equal(result.outputs[0].value(), expected[0].numpy())


@pytest.mark.parametrize("name", ["resnet", "mobilenet", "fashion cnn"])
def test_recorded_values_are_those_of_the_moment_also_before_in_place_operations(name: str) -> None:
    entry, model = zoo.ZOO[name], zoo.make(name)
    with torch.no_grad(), cloned_outputs(model) as expected:
        model(torch.from_numpy(photo(entry.input))[None])
    leaves = {path for path, module in model.named_modules() if not list(module.children())}
    recorded = [op.value() for op in run(model, entry.input).operations if op.name.split(":")[0] in leaves]
    assert len(recorded) == len(expected)
    for ours, theirs in zip(recorded, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs[0].numpy())


@pytest.mark.parametrize("name", sorted(zoo.ZOO))
def test_pytorchs_own_layers_are_recorded_as_the_tape_would(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, model = zoo.ZOO[name], zoo.make(name)

    def told(result: Run) -> list[tuple[object, ...]]:
        return [
            (
                op.name,
                op.kind,
                dict(op.settings),
                [s.name for s in op.sources],
                sorted(op.raw_params),
                op.module,
                op.lead,
            )
            for op in result.operations
        ]

    direct = run(model, entry.input)
    for layer in list(LEAVES):
        monkeypatch.delitem(LEAVES, layer)
    taped = run(model, entry.input)
    assert told(direct) == told(taped)
    for ours, theirs in zip(direct.operations, taped.operations, strict=True):
        np.testing.assert_array_equal(ours.value(), theirs.value())


def test_batch_norm_before_an_in_place_relu_keeps_its_negative_values() -> None:
    steps = named(run(zoo.make("resnet")))
    assert steps["bn1"].value().min() < 0
    assert steps["relu"].value().min() == 0


def test_views_slices_out_and_assignment_change_no_recorded_value() -> None:
    model = zoo.make("shared and in-place")
    steps = named(run(model))
    conv = model.conv
    with torch.no_grad():
        x = torch.from_numpy(photo())[None]
        a = F.leaky_relu(conv(x), 0.1)
        b = conv(a)
        np.testing.assert_array_equal(steps["conv"].value(), conv(x)[0])
        np.testing.assert_array_equal(steps["conv:2"].value(), b[0])
        np.testing.assert_array_equal(steps["flatten"].value(), b.flatten())
        np.testing.assert_array_equal(steps["mul"].value(), b[0] * 2)
        np.testing.assert_array_equal(steps["add"].value(), b[0] * 2 + 1)
        np.testing.assert_array_equal(steps["neg"].value(), -(b[0] * 2 + 1))
    assert steps["conv:2"].raw_params["weight"] is conv.weight


def test_a_tensor_changed_through_a_view_is_a_new_value_that_names_both_sources() -> None:
    steps = named(run(zoo.make("shared and in-place")))
    assert [s.name for s in steps["overwritten"].sources] == ["flatten", "neg"]


def test_skips_branches_and_shared_modules_are_a_graph() -> None:
    steps = named(run(zoo.make("resnet")))
    assert [s.name for s in steps["layer1.0.add"].sources] == ["layer1.0.bn3", "layer1.0.downsample.1"]
    assert [s.name for s in steps["layer1.0.relu:3"].sources] == ["layer1.0.add"]
    assert [s.name for s in named(run(zoo.make("inception")))["cat"].sources] == [
        "relu:2",
        "wide.1",
        "reduce",
    ]


def test_settings_and_operands_of_functional_calls() -> None:
    steps = named(run(zoo.make("functional")))
    assert steps["conv"].settings["padding"] == [1, 1, 1, 1]
    assert steps["sub"].settings == {"operands": [{"input": 0}, {"param": "other"}]}
    assert steps["sub:2"].settings == {"operands": [{"number": 1.0}, {"input": 0}]}
    assert steps["slice:2"].settings == {"index": [[2, 4, 1], [0, 32, 1], [0, 32, 1]]}
    assert steps["pad"].settings["padding"] == [[0, 0], [0, 1], [1, 2]]
    assert steps["permute"].settings == {"axes": [1, 2, 0]}


def test_dictionaries_and_tuples_of_outputs() -> None:
    assert [op.name for op in run(zoo.make("dictionary")).outputs] == ["head", "conv", "relu"]


def test_a_model_that_raises_says_how_far_it_got() -> None:
    result = TorchNetwork(zoo.Raises()).run(photo((3, 8, 8)))
    assert [op.name for op in result.operations] == ["input", "conv", "relu"]
    assert isinstance(result.error, RuntimeError)
    assert result.operations[1].value().min() < 0  # still what it was before the in-place ReLU


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_arrive_as_float32(dtype: torch.dtype) -> None:
    model = zoo.make("fashion cnn").to(dtype)
    with torch.no_grad():
        expected = model(torch.from_numpy(photo((1, 28, 28)))[None].to(dtype))[0].float().numpy()
    last = run(model, (1, 28, 28)).operations[-1]
    assert last.dtype == str(dtype).removeprefix("torch.")
    assert last.value().dtype == np.float32
    np.testing.assert_array_equal(last.value(), expected)


def test_channels_last_is_channels_first_in_the_trace() -> None:
    model = zoo.make("resnet")
    expected = [op.value() for op in run(model).operations]
    for ours, theirs in zip(run(model.to(memory_format=torch.channels_last)).operations, expected, strict=True):
        np.testing.assert_allclose(ours.value(), theirs, rtol=1e-4, atol=1e-5)


def fingerprint(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        gradient = b"" if tensor.grad is None else tensor.grad.numpy().tobytes()
        digest.update(
            f"{name} {tensor.requires_grad} {id(tensor)}".encode() + tensor.detach().numpy().tobytes() + gradient
        )
    for module in model.modules():
        hooks = [len(getattr(module, name)) for name in vars(module) if name.endswith("_hooks")]
        digest.update(f"{module.training} {hooks} {sorted(vars(module))}".encode())
    return digest.hexdigest()


@pytest.mark.parametrize("make", [zoo.small_resnet, zoo.Busy, zoo.Raises, zoo.SharedAndInPlace])
@pytest.mark.parametrize("training", [True, False])
def test_the_model_and_the_random_state_come_back_as_they_were(make: type[nn.Module], training: bool) -> None:
    model = make().train(training)
    next(iter(model.modules())).eval()  # mixed modes must survive too
    next(model.parameters()).grad = torch.ones_like(next(model.parameters()))
    before, state = fingerprint(model), torch.get_rng_state()
    TorchNetwork(model).run(photo())
    assert fingerprint(model) == before
    assert torch.equal(torch.get_rng_state(), state)


def test_pythons_and_numpys_random_state_come_back_too() -> None:
    def states() -> tuple[object, list[int]]:
        return random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002

    before = states()
    with contextlib.suppress(KeyError), random_state():
        random.random()
        np.random.rand()  # noqa: NPY002
        raise KeyError
    assert states() == before


def test_it_runs_in_eval_mode_whatever_the_model_is_in() -> None:
    model = zoo.make("inception").train()
    kinds = {op.name: op for op in run(model).operations}
    assert kinds["dropout"].kind == "dropout"
    assert kinds["one.1"].settings["training"] is False


def test_dropout_that_is_active_all_the_same_is_called_what_it_is() -> None:
    class Always(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.dropout(x, 0.5)

    assert run(Always()).operations[-1].kind == "random_dropout"


def test_the_memory_budget_names_the_step_and_what_to_do() -> None:
    model = nn.Sequential(nn.Conv2d(3, 64, 1), nn.ReLU(), nn.Conv2d(64, 64, 1))
    with pytest.raises(
        MemoryBudgetError,
        match=r"stopped at step 2 \(1, relu, 64x100x100\): .* 5 MiB, more than the budget of 4 MiB; use a smaller",
    ):
        TorchNetwork(model).run(photo((3, 100, 100)), memory=4 << 20)
    assert not model[0]._forward_hooks


def test_parameters_are_read_late_and_never_from_another_network() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Conv2d(2, 2, 3))
    first, second = run(model).operations[1:]
    early, late = LiveParams(first.raw_params), LiveParams(second.raw_params)
    weight = early["weight"].copy()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    np.testing.assert_array_equal(early["weight"], weight)
    with pytest.raises(StaleParametersError, match=r"'weight' was changed after this trace was made; trace again"):
        late["weight"]


def test_a_value_overwritten_out_of_sight_is_refused_not_shown() -> None:
    class Hidden(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x * 2
            with torch._C.DisableTorchFunction():
                y.add_(1)
            return y * 3

    with pytest.raises(RunError, match=r"'mul' was overwritten by something that convscope cannot see"):
        TorchNetwork(Hidden()).run(photo())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_one_step_and_cannot_overwrite_what_came_before() -> None:
    class InPlace(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.relu_() + 1

    model = nn.Sequential(nn.Conv2d(3, 4, 3), torch.jit.script(InPlace()))
    conv, script = run(model).operations[1:]
    assert conv.value().min() < 0
    assert [s.name for s in script.sources] == ["0"]
    assert script.value().min() == 1


def test_weights_that_are_computed_from_the_picture_have_no_arithmetic() -> None:
    class Dynamic(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.conv2d(x, x[:, :, :3, :3])

    last = run(Dynamic()).operations[-1]
    assert last.kind == "conv2d (special use)"
    assert [s.name for s in last.sources] == ["input", "slice"]


def test_two_threads_on_one_model_do_not_mix() -> None:
    model = zoo.make("mobilenet")
    alone = [op.name for op in run(model).operations]
    results: list[list[str]] = []

    def work() -> None:
        results.extend([op.name for op in run(model).operations] for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [alone] * 40


@pytest.mark.parametrize("name", sorted(zoo.ZOO))
def test_modules_are_found_in_pytorchs_order(name: str) -> None:
    model = zoo.make(name)
    model.twice = model  # a module in itself, and one under two names
    assert all_modules(model) == list(model.named_modules())


@pytest.mark.parametrize("name", ["resnet", "shared and in-place", "fashion cnn"])
def test_recorded_memory_is_free_at_once_when_nobody_holds_it(name: str) -> None:
    gc.collect()
    gc.disable()
    try:
        result = run(zoo.make(name), zoo.ZOO[name].input)
        held = [weakref.ref(op.tensor) for op in result.operations]
        del result
        assert [ref() for ref in held if ref() is not None] == []
    finally:
        gc.enable()


def test_a_gradient_can_still_flow_afterwards() -> None:
    model = zoo.make("mobilenet")
    run(model)
    model(torch.from_numpy(photo())[None]).sum().backward()
    assert next(model.parameters()).grad is not None


def test_only_modules_are_networks() -> None:
    with pytest.raises(ModelError, match=r"is a torch.nn.Module; got int"):
        TorchNetwork(3)  # type: ignore[arg-type]
