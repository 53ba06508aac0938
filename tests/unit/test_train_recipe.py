"""Recipes: what they hold, how they are written, and the rates they lead to."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convscope.errors import CallError, DataError
from convscope.train.recipe import Recipe
from convscope.train.resuming import check_recipe
from convscope.train.schedule import factor
from convscope.train.toml import document

OTHER = {
    "epochs": 7, "batch": 33, "optimizer": "sgd", "learning_rate": 3e-4, "schedule": "cosine", "warmup": 0.1,
    "momentum": 0.5, "weight_decay": 1e-30, "label_smoothing": 0.1, "ema": 0.99, "patience": 3, "clip": 1.5,
    "precision": "float32", "device": "cpu", "threads": 2, "compile": True, "augment": "flip,rotation=0.1",
    "scale": ((0.5, 0.4, 0.3), (0.2, 0.2, 0.25)), "sizes": ((0.25, 64), (0.75, 96)), "validation": 0.5, "seed": 9,
    "drop_last": True, "freeze": 0.5, "whiten": True,
}  # fmt: skip


def test_every_field_goes_through_toml_and_back() -> None:
    assert OTHER.keys() == {field.name for field in dataclasses.fields(Recipe)}
    recipe = Recipe(**OTHER)
    assert all(getattr(recipe, name) != getattr(Recipe(), name) for name in OTHER)
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    assert Recipe.from_toml(Recipe().to_toml()) == Recipe()
    assert Recipe.from_toml("[recipe]\nepochs = 3") == Recipe(epochs=3)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=3))
def test_what_is_written_reads_back_as_toml(fields: dict) -> None:
    assert tomllib.loads(document({"a table": fields}, "two\nlines")) == {"a table": fields}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"epochs": 0}, r"epochs is 0; use a whole number from 1 to 100,000"),
        ({"epochs": True}, r"epochs is True; use a whole number"),
        ({"batch": 2.5}, r"batch is 2\.5; use a whole number"),
        ({"learning_rate": math.nan}, r"learning_rate is nan; use a number from 0"),
        ({"learning_rate": 0.0}, r"learning_rate is 0, so nothing would be learnt"),
        ({"ema": 1.0}, r"ema is 1\.0; use a number from 0 to 0\.999999"),
        ({"optimizer": "lion"}, r"optimizer is 'lion'; use one of adam, adamw, rmsprop, sgd"),
        ({"schedule": "linear"}, r"schedule is 'linear'; use one of constant, one-cycle, cosine"),
        ({"scale": "bytes"}, r"scale is 'bytes'; use one of unit, byte, imagenet"),
        ({"scale": ((0.5,), (0.0,))}, r"one mean and one deviation above 0"),
        ({"scale": 3}, r"scale is 3; use unit, byte, imagenet or the means"),
        ({"sizes": ((0.5, 64),)}, r"the shares of sizes sum to 0\.5; they must sum to 1"),
        ({"sizes": ((1.0, 0),)}, r"sizes has \(1\.0, 0\); use a share"),
        ({"sizes": 5}, r"sizes is 5; use pairs"),
        ({"drop_last": 1}, r"drop_last is 1; use true or false"),
        ({"device": None}, r"device is None; use a text"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused(fields: dict, sentence: str) -> None:
    with pytest.raises(CallError, match=sentence):
        Recipe.from_dict(fields)


def test_an_unknown_field_and_a_broken_file_are_refused() -> None:
    with pytest.raises(CallError, match=r"a recipe has no 'epoch'; use one of augment, batch"):
        Recipe().replace(epoch=3)
    with pytest.raises(DataError, match=r"this is no TOML: "):
        Recipe.from_toml("epochs: 3")
    with pytest.raises(DataError, match=r"has no table \[recipe\]; give the config\.toml that a training wrote"):
        Recipe.from_toml("[other]")


def test_sizes_divide_the_epochs() -> None:
    recipe = Recipe(epochs=10, sizes=((0.3, 64), (0.5, 96), (0.2, 128)))
    assert [recipe.size_at(epoch) for epoch in range(10)] == [64] * 3 + [96] * 5 + [128] * 2
    assert Recipe(epochs=1, sizes=((0.4, 8), (0.6, 16))).size_at(0) == 16


def test_rates_rise_and_fall_as_they_are_described() -> None:
    cycle = [factor("one-cycle", step, 100) for step in range(100)]
    assert cycle[0] == pytest.approx(1 / 25)
    assert cycle[25] == max(cycle) == 1.0
    assert all(a < b for a, b in pairwise(cycle[:26]))
    assert all(a > b for a, b in pairwise(cycle[25:]))
    assert 0 < cycle[-1] < 1e-3
    cosine = [factor("cosine", step, 40) for step in range(40)]
    assert cosine == pytest.approx([(1 + math.cos(math.pi * step / 40)) / 2 for step in range(40)])
    assert {factor("constant", step, 9) for step in range(9)} == {1.0}
    warm = [factor("constant", step, 10, warmup=0.5) for step in range(10)]
    assert warm[0] < 0.1
    assert warm[5:] == [1.0] * 5
    assert [factor("one-cycle", step, 1) for step in range(1)] == [1.0]


def test_a_resume_with_another_recipe_names_the_field() -> None:
    with pytest.raises(DataError, match=r"the run was begun with batch 128, not 64; resume it with the same"):
        check_recipe(Recipe(batch=64), Recipe())
    with pytest.raises(DataError, match=r"begun with optimizer 'adamw', not 'sgd'"):
        check_recipe(Recipe(optimizer="sgd"), Recipe())
    check_recipe(Recipe(threads=2, device="cpu"), Recipe())


def test_more_epochs_are_possible_where_nothing_is_laid_out_over_them() -> None:
    with pytest.raises(DataError, match=r"begun with epochs 10, not 20, and its schedule is laid out over them"):
        check_recipe(Recipe(epochs=20), Recipe())
    constant = Recipe(schedule="constant")
    check_recipe(constant.replace(epochs=20), constant, 10)
    with pytest.raises(DataError, match=r"has done 10 epochs already, more than 5"):
        check_recipe(constant.replace(epochs=5), constant, 10)
    with pytest.raises(DataError, match=r"its schedule is laid out over them"):
        check_recipe(constant.replace(epochs=20, freeze=0.5), constant.replace(freeze=0.5))
    with pytest.raises(DataError, match=r"its schedule is laid out over them"):
        check_recipe(constant.replace(epochs=20, sizes=((1.0, 8),)), constant.replace(sizes=((1.0, 8),)))
