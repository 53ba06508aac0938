"""Which layer is looked at when nobody says so, and what is said about it."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import zoo
from convscope.errors import CallError
from convscope.explaining.layers import choose_layer, choose_layers
from convscope.spec import build, parse
from explaining import conv_head_network, gap_network, opened


def graph_of(model, shape=(3, 32, 32)):
    return opened(model.eval()).graph(np.random.default_rng(0).random(shape, dtype=np.float32))


class DenseNet(nn.Module):
    """Concatenations inside, a norm and a functional ReLU at the end."""

    def __init__(self):
        super().__init__()
        self.stem, self.grow, self.norm = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(8)
        self.classifier = nn.Linear(8, 3)

    def forward(self, x):
        x = self.stem(x)
        x = F.relu(self.norm(torch.cat([x, self.grow(x)], 1)), inplace=True)
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


class Excited(nn.Module):
    """Squeeze and excitation behind the last convolution, computed after it."""

    def __init__(self):
        super().__init__()
        self.conv, self.gate, self.fc = nn.Conv2d(3, 4, 3, 2), nn.Conv2d(4, 4, 1), nn.Linear(4, 3)

    def forward(self, x):
        x = self.conv(x)
        x = x * self.gate(x.mean((2, 3), keepdim=True)).sigmoid()
        return self.fc(x.mean((2, 3)))


class Inception(nn.Module):
    """Branches joined by cat, then a pooling that leaves one place."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.fc = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 3, padding=1), nn.Linear(8, 3)

    def forward(self, x):
        x = torch.cat([self.a(x).relu(), self.b(x).relu()], 1)
        return self.fc(F.avg_pool2d(x, x.shape[-1]).flatten(1))


class ChannelsLast(nn.Module):
    """As ConvNeXt: the last values have their channels behind the places."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x):
        x = self.norm(self.conv(x).permute(0, 2, 3, 1))
        return self.fc(x.mean((1, 2)))


class Dropped(nn.Module):
    """Dropout between the last map and the pooling."""

    def __init__(self):
        super().__init__()
        self.conv, self.drop, self.fc = nn.Conv2d(3, 8, 3), nn.Dropout2d(0.2), nn.Linear(8, 3)

    def forward(self, x):
        return self.fc(self.drop(self.conv(x)).mean((2, 3)))


FAMILIES = {
    "resnet": (zoo.small_resnet(), "layer2.0.relu:3", "'avgpool' pools the places away"),
    "densenet": (DenseNet(), "relu", "'adaptive_avg_pool2d' pools the places away"),
    "inception": (Inception(), "cat", "'avg_pool2d' pools the places away"),
    "squeeze and excitation": (Excited(), "mul", "pools the places away"),
    "channels behind": (ChannelsLast(), "conv", "'permute' (permute)"),
    "dropout": (Dropped(), "conv", "'mean' pools the places away"),
    "flattened": (conv_head_network(), "4", "'5' puts all places in one row"),
    "gap": (gap_network(), "3", "'4' pools the places away"),
    "fully convolutional": (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 1), nn.AdaptiveAvgPool2d(1)),
                            "2", "'3' pools the places away"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_the_last_step_with_a_grid_is_taken(name):
    model, layer, follows = FAMILIES[name]
    shape = (3, 12, 12) if name == "flattened" else (3, 32, 32)
    shape = (3, 16, 16) if name == "flattened" else shape
    chosen = choose_layer(graph_of(model, shape), None)
    assert chosen.layer == layer
    assert chosen.why.startswith("it is the last step that still has a grid (")
    assert follows in chosen.why


def test_a_spec_of_the_tutorials_ends_before_its_flatten():
    text = "conv(8, 3) | relu | maxpool(2) | conv(4, 3) | relu | maxpool(2) | flatten | dense(10) | softmax"
    chosen = choose_layer(graph_of(build(parse(text), (1, 28, 28), seed=0), (1, 28, 28)))
    assert chosen.layer == "pool_2"
    assert "(5x5, 4 channels)" in chosen.why


def test_a_side_branch_is_no_layer_of_the_answer():
    class Aside(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.aside, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 9, 3), nn.Linear(4, 2)

        def forward(self, x):
            x = self.conv(x)
            scores = self.fc(x.mean((2, 3)))
            return scores, self.aside(x)

    graph = graph_of(Aside())
    assert graph.score == "fc"
    assert choose_layer(graph).layer == "conv"


def test_a_layer_can_be_named_and_so_can_a_module_and_several():
    graph = graph_of(zoo.small_resnet())
    assert choose_layer(graph, "layer1.0.conv2").why == "it was asked for"
    found = choose_layer(graph, "layer1")
    assert found.layer == "layer1.0.relu:3"
    assert found.why == "it is the last step with a grid inside 'layer1', which was asked for"
    several = choose_layers(graph, ["layer1", "layer2", "layer1.0.relu:3"])
    assert [one.layer for one in several] == ["layer1.0.relu:3", "layer2.0.relu:3"]
    assert choose_layers(graph, None) == choose_layers(graph, "auto")


def test_a_wrong_layer_gets_near_names():
    graph = graph_of(zoo.small_resnet())
    with pytest.raises(CallError, match=r"has no step 'layer2.0.conv4'; did you mean 'layer2.0.conv3' or"):
        choose_layer(graph, "layer2.0.conv4")
    with pytest.raises(CallError, match=r"has no step 'xyz'; choose one with a grid, such as 'layer2.0.relu:3', "):
        choose_layer(graph, "xyz")
    with pytest.raises(CallError, match=r"step 'fc' has no grid of places \(its value is 10 numbers\)"):
        choose_layer(graph, "fc")
    with pytest.raises(CallError, match="the list of layers is empty"):
        choose_layers(graph, [])


def test_a_network_without_a_grid_says_so():
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 5), nn.ReLU(), nn.Linear(5, 2))
    with pytest.raises(CallError, match="no step of this network but the input has a grid of places"):
        choose_layer(graph_of(model, (3, 4, 4)))
