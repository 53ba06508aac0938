"""Which class is meant."""

import numpy as np
import pytest
import torch

from convscope.errors import CallError
from convscope.explaining.targets import Target, find_target

PETS = ("tabby cat", "Tiger cat", "tiger", "dog", "7")


@pytest.mark.parametrize(
    ("text", "index"),
    [
        (None, 3), ("predicted", 3), ("Predicted", 3), (1, 1), (2, 2), ("tabby cat", 0), ("DOG", 3),
        ("tab", 0), ("tiger", 2), ("TIGER", 2), ("tiger c", 1), ("0", 0), ("7", 4), ("4", 4),
    ],
)  # fmt: skip
def test_a_class_by_name_index_or_prediction(text, index):
    found = find_target(text, PETS, [0.1, 0.1, 0.2, 0.5, 0.1])
    assert found == Target(PETS[index], index)


@pytest.mark.parametrize("text", ["dog:tabby", "dog against tabby cat", "DOG vs tab", "predicted : 0", "3 vs. 0"])
def test_a_contrast_of_two_classes(text):
    found = find_target(text, PETS, [0.1, 0.1, 0.2, 0.5, 0.1])
    assert (found.label, found.index, found.against) == ("dog against tabby cat", 3, 0)


def test_a_name_that_looks_like_a_contrast_is_a_name():
    assert find_target("ratio 4:3", ("ratio 4:3", "3"), [0.2, 0.8]).index == 0


def test_classes_without_names_have_numbers():
    assert find_target("2", (), [0.1, 0.2, 0.7]) == Target("2", 2)
    assert find_target("2:0", (), [0.1, 0.2, 0.7]) == Target("2 against 0", 2, 0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("dgo", "there is no class 'dgo'; did you mean 'dog'?"),
        ("", "there is no class ''; the network knows 'tabby cat', 'Tiger cat'"),
        ("t", "'t' may be 'tabby cat', 'Tiger cat', 'tiger'; write more of the name"),
        (5, "class 5 does not exist; the network has 5, numbered from 0"),
        ("-1", "class -1 does not exist"),
        ("dog:dog", "'dog:dog' sets class 'dog' against itself; name two classes"),
        ("dog:horse", "there is no class 'horse'"),
        (True, "a class is a name, a number or 'predicted'; got bool"),
    ],
)  # fmt: skip
def test_what_is_no_class_gets_one_sentence(text, sentence):
    with pytest.raises(CallError) as caught:
        find_target(text, PETS, [0.1, 0.1, 0.2, 0.5, 0.1])
    assert sentence in str(caught.value)


def test_a_network_that_says_nan_has_no_prediction():
    with pytest.raises(CallError, match="the network says NaN of every class, so there is no predicted one"):
        find_target(None, PETS, [np.nan] * 5)
    assert find_target(None, PETS, [np.nan, 0.2, 0.1, np.nan, 0.0]).index == 1


def test_what_is_explained_is_a_difference_of_scores():
    scores = torch.tensor([[1.0, 2.0, 4.0], [0.0, 5.0, 1.0]])
    assert Target("a", 2).of(scores).tolist() == [4.0, 1.0]
    contrast = Target("a against b", 2, 1)
    assert contrast.of(scores).tolist() == [2.0, -4.0]
    assert (scores * torch.tensor(contrast.weights(3))).sum(1).tolist() == [2.0, -4.0]
