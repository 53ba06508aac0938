"""Parameters in trace files: read late, so they may have changed; or left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load as safetensors_load

from convscope.errors import NoArithmetic, StaleParametersError
from convscope.store import dumps, load, loads, save
from stored_traces import lazy_trace, small_trace


class Lazy(Mapping[str, np.ndarray]):
    """Parameters made anew at each reading, as of a half-precision network."""

    def __init__(self, **recipes: float) -> None:
        self.recipes = recipes
        self.stale = False
        self.reads = 0

    def __getitem__(self, name: str) -> np.ndarray:
        if self.stale:
            raise StaleParametersError("the parameters changed; record again")
        self.reads += 1
        return np.full((64, 64), self.recipes[name], np.float32)

    def __iter__(self) -> Iterator[str]:
        return iter(self.recipes)

    def __len__(self) -> int:
        return len(self.recipes)


def test_temporary_arrays_that_reuse_an_address_are_not_taken_for_one() -> None:
    params = Lazy(**{f"w{i}": float(i) for i in range(20)})
    back = loads(dumps(lazy_trace(params)))
    assert [float(back["conv"].params[f"w{i}"][0, 0]) for i in range(20)] == [float(i) for i in range(20)]


def test_stale_parameters_leave_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")
    params = Lazy(w=1.0)
    trace = lazy_trace(params)
    params.stale = True
    with pytest.raises(StaleParametersError, match="record again"):
        save(trace, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    save(trace, path, params=False)
    assert set(load(path)["conv"].params.names) == {"w"}


def test_parameters_that_go_stale_half_way_leave_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")

    class Changing(Lazy):
        def __getitem__(self, name: str) -> np.ndarray:
            self.stale = self.reads == 4
            return super().__getitem__(name)

    params = Changing(w=1.0, v=2.0)
    trace = lazy_trace(params)
    params.reads = 1
    with pytest.raises(StaleParametersError, match="record again"):
        save(trace, path)
    assert params.reads == 4
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_parameters_left_out_say_so_and_stay_left_out() -> None:
    data = dumps(small_trace(), params=False)
    back = loads(data)
    assert back.about["params"] is False
    assert back["conv_1"].params.names == ("weight", "bias")
    assert "weight" in back["conv_1"].params
    assert not list(back["conv_1"].params)
    assert "gamma" not in back["conv_1"].params
    with pytest.raises(NoArithmetic, match="the parameter 'weight' of step 'conv_1' was left out of the trace file"):
        back["conv_1"].params.get("weight")
    assert back["conv_1"].params.get("gamma") is None
    assert not any("param" in name for name in safetensors_load(data))
    assert dumps(back) == data
    assert "params" not in loads(dumps(small_trace())).about


# The compact form.
