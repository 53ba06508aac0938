"""The recipes that come with the package: each is for a network on the shelf, and can be used."""

from __future__ import annotations

import pytest

from convscope.data.augment import Augment
from convscope.spec import load, plan, shelf
from convscope.train.recipe import Recipe
from convscope.train.recipes import RECIPES, SHORT, network_of, recipe_for


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_for_a_network_on_the_shelf(name: str) -> None:
    recipe, network = RECIPES[name], network_of(name)
    assert network in shelf()
    assert str(Augment.parse(recipe.augment)) in {recipe.augment, "none"}
    channels = load(network).input[2]
    assert isinstance(recipe.scale, str) or len(recipe.scale[0]) == channels
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_short_names() -> None:
    assert {name: network_of(name) for name in SHORT} == {"cnn": "fashion-cnn", "dense": "fashion-dense"}
    assert recipe_for("cnn") is RECIPES["fashion-cnn"]
    assert recipe_for("dense") is RECIPES["fashion-dense"]


@pytest.mark.parametrize(
    ("name", "network"), [("fashion-cnn-2", "fashion-cnn"), ("lenet-5", "lenet-5"), ("my-7", "my-7")]
)
def test_a_number_behind_the_name_is_of_epochs_where_there_is_such_a_network(name: str, network: str) -> None:
    assert network_of(name) == network


def test_an_unknown_network_gets_a_recipe_that_is_seldom_bad() -> None:
    assert recipe_for("my own") == Recipe(augment="flip")


def test_the_networks_have_the_parameters_that_are_said_of_them() -> None:
    counted = {name: sum(layer.params for layer in plan(load(name))) for name in ("fashion-cnn", "lenet-5")}
    assert counted == {"fashion-cnn": 243_786, "lenet-5": 61_706}
