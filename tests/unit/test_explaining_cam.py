"""Class activation maps, against their papers' formulas written out, hooks and numpy."""

import numpy as np
import pytest
import torch
from torch import nn

import zoo
from convscope.adapters import connect
from convscope.adapters.torch import TorchNetwork
from convscope.errors import CallError
from convscope.explaining.asking import Question
from convscope.explaining.cam import eigencam, gradcam_plus_plus
from convscope.explaining.layered import cam_batch, how_rough, off_by
from convscope.explaining.methods import METHODS, find_method, find_methods
from convscope.explaining.opened import Opened
from convscope.explaining.placing import linear
from convscope.explaining.run import run_methods
from convscope.explaining.targets import Target
from convscope.record import prepare
from explaining import BatchNormThenInPlace, by_hooks, conv_head_network, gap_network, maps_of, opened, photos

BATCH = photos(3, (3, 16, 16))


def native(model, method, layer, target=1, batch=BATCH):
    """Maps before they are brought to the input's size."""
    from convscope.explaining.layered import layer_maps

    question = Question(opened(model), torch.from_numpy(batch), [Target(str(target), target)] * len(batch))
    return layer_maps(question, [method], [layer])[method, layer]


def test_grad_cam_hirescam_and_layercam_are_their_formulas():
    model = conv_head_network()
    values, gradients = by_hooks(model, model[2], BATCH, 1)
    weights = gradients.mean((2, 3))
    expected = {
        "gradcam": np.einsum("nk,nkij->nij", weights, values),
        "hirescam": (values * gradients).sum(1),
        "layercam": (values * np.maximum(gradients, 0)).sum(1),
    }
    for method, maps in expected.items():
        np.testing.assert_allclose(native(model, method, "2"), maps, rtol=1e-4, atol=1e-6 * np.abs(maps).max())


def test_grad_cam_plus_plus_is_its_formula_in_loops():
    model = conv_head_network()
    values, gradients = by_hooks(model, model[2], BATCH, 1)
    expected = np.zeros(values[:, 0].shape)
    for n in range(len(values)):
        for k in range(values.shape[1]):
            weight = 0.0
            activation, slope = values[n, k], gradients[n, k]
            for i in range(slope.shape[0]):
                for j in range(slope.shape[1]):
                    below = 2 * slope[i, j] ** 2 + (activation * slope[i, j] ** 3).sum()
                    alpha = slope[i, j] ** 2 / below if below else 0.0
                    weight += alpha * max(slope[i, j], 0)
            expected[n] += weight * activation
    got = gradcam_plus_plus(torch.from_numpy(values), torch.from_numpy(gradients)).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    np.testing.assert_allclose(
        gradcam_plus_plus(torch.from_numpy(values).float(), torch.from_numpy(gradients).float()).numpy(), expected,
        rtol=2e-3, atol=2e-3 * np.abs(expected).max(),
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (2, 40, 3, 3)])
def test_eigen_cam_is_the_first_principal_component(shape):
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32) + 0.3
    found = eigencam(torch.from_numpy(values)).numpy()
    for one, maps in zip(values, found, strict=True):
        matrix = one.reshape(shape[1], -1).T.astype(np.float64)
        _, _, right = np.linalg.svd(matrix, full_matrices=False)
        line = (matrix @ right[0]).reshape(shape[2:])
        np.testing.assert_allclose(maps, line if line.sum() >= 0 else -line, rtol=1e-4, atol=1e-5)
    assert "knows no class" in METHODS["eigencam"].warning
    broken = torch.from_numpy(values).clone()
    broken[0, 0, 0, 0] = float("nan")
    assert torch.isnan(eigencam(broken)[0]).all()
    torch.testing.assert_close(eigencam(broken)[1], torch.from_numpy(found[1]))


def test_cam_is_the_dense_layers_weights_and_adds_up_to_the_score():
    model = gap_network()
    with torch.no_grad():
        values = model[:4](torch.from_numpy(BATCH))
        scores = model(torch.from_numpy(BATCH))
    expected = np.einsum("k,nkij->nij", model[7].weight[1].detach().numpy(), values.numpy())
    found = native(model, "cam", "3")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.mean((1, 2)) + model[7].bias[1].item(), scores[:, 1], rtol=1e-4, atol=1e-5)


class Head(nn.Module):
    def __init__(self, head):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), head

    def forward(self, x):
        return self.head(self.conv(x))


class Skipping(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(8, 3)

    def forward(self, x):
        x = self.conv(x)
        return self.fc(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))


AFFINE = {
    "mean": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)),
    "two dense layers": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 6), nn.Linear(6, 3)),
    "1x1 convolution": nn.Sequential(nn.Dropout2d(), nn.AvgPool2d(14), nn.Conv2d(4, 3, 1), nn.Flatten(), nn.Softmax(1)),
    "batch norm behind": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 3)),
    "nothing behind": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
}


@pytest.mark.parametrize("name", AFFINE)
def test_cam_is_exact_behind_every_affine_head(name):
    """Exact means: it is Grad-CAM times the number of places, whose weights come from gradients instead."""
    torch.manual_seed(0)
    model = Head(AFFINE[name]).eval()
    cam, gradcam = native(model, "cam", "conv"), native(model, "gradcam", "conv")
    np.testing.assert_allclose(cam, gradcam * 14 * 14, rtol=1e-4, atol=1e-6)
    assert np.abs(cam).max() > 0


@pytest.mark.parametrize(
    ("model", "layer", "why"),
    [
        (conv_head_network(), None, r"CAM at '4' is not exact, because behind '4' comes '5' \(flatten\)"),
        (gap_network(), "0", r"CAM at '0' is not exact, because behind '0' comes '1' \(relu\)"),
        (Skipping(), None, "several paths lead from 'conv' to the answer"),
        (Head(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))), None,
         r"behind the pooling comes 'head.3' \(relu\)"),
        (Head(nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 3))), None,
         r"behind 'conv' comes 'head.0' \(adaptive_max_pool2d\)"),
    ],
)  # fmt: skip
def test_where_cam_is_not_exact_it_says_why_and_what_to_use(model, layer, why):
    with pytest.raises(CallError, match=why) as caught:
        maps_of(model.eval(), BATCH, "cam", layer=layer)
    assert "use hirescam or gradcam, which take any network" in str(caught.value)


def test_the_three_are_one_at_the_last_layer_of_catdog():
    """The textbook identity: behind global average pooling and one dense layer, up to scale."""
    network = connect("catdog", lambda asked: (asked.channels, *asked.size))
    x = prepare("chelsea", network.preprocessing).value
    (found,) = run_methods(Opened(network), x[None], [Target("cat", 0)], "cam, gradcam, hirescam")
    assert len({one.layer for one in found}) == 1
    cam, gradcam, hirescam = (one.value / np.abs(one.value).max() for one in found)
    assert np.abs(cam - gradcam).max() < 1e-5
    assert np.abs(cam - hirescam).max() < 1e-5
    assert cam.min() < 0 < cam.max()
    assert found[1].facts["paper_shows"] == "the positive part"


def test_the_map_of_a_norm_is_not_that_of_the_relu_that_overwrites_it():
    torch.manual_seed(4)
    model = BatchNormThenInPlace().eval()
    with torch.no_grad():
        norm = model.bn(model.conv(torch.from_numpy(BATCH)))
    value = norm.clone().requires_grad_()
    x = value.relu()
    scores = model.head((x + model.second(x)).relu().mean((2, 3)))
    (slope,) = torch.autograd.grad(scores[:, 1].sum(), value)
    expected = torch.einsum("nk,nkij->nij", slope.mean((2, 3)), norm).numpy()
    np.testing.assert_allclose(native(model, "gradcam", "bn"), expected, rtol=1e-4, atol=1e-7)


def test_score_cam_is_its_algorithm_in_loops():
    model = conv_head_network()
    x = BATCH[:1]
    (found,) = maps_of(model, x, "scorecam", layer="2")
    with torch.no_grad():
        maps = model[:3](torch.from_numpy(x))[0].numpy()
        base = x[0].mean((1, 2), keepdims=True) * np.ones_like(x[0])
        # conv 3x3 twice without padding: position i looks at rows i .. i + 4, its centre is i + 2
        weights = linear(np.arange(12) + 2.0, 16)
        gains = []
        for one in maps:
            mask = weights @ one @ weights.T
            mask = (mask - mask.min()) / (mask.max() - mask.min())
            seen = torch.from_numpy((base + mask * (x[0] - base))[None].astype(np.float32))
            gains.append(float(model(seen)[0, 1] - model(torch.from_numpy(base[None].astype(np.float32)))[0, 1]))
    alpha = np.exp(gains) / np.exp(gains).sum()
    expected = weights @ np.einsum("k,kij->ij", alpha, maps) @ weights.T
    np.testing.assert_allclose(found[0].value, expected, rtol=1e-4, atol=1e-6)
    assert found[0].facts["channels"] == 5


def test_several_layers_and_methods_come_in_order():
    rows = maps_of(conv_head_network(), BATCH, "layercam, gradcam", layer=["2", "0"])
    assert [(one.method, one.layer, one.grid) for one in rows[0]] == [
        ("layercam", "2", (12, 12)), ("layercam", "0", (14, 14)), ("gradcam", "2", (12, 12)), ("gradcam", "0", (14,
        14)),
    ]  # fmt: skip
    alone = maps_of(conv_head_network(), BATCH, "gradcam", layer="0")
    np.testing.assert_allclose(rows[2][3].value, alone[2][0].value, rtol=1e-5, atol=1e-9)


def test_a_contrast_is_the_difference_of_both_maps():
    model = conv_head_network()
    one = opened(model)
    rows = [
        run_methods(one, BATCH[:1], [target], "hirescam")[0][0].value
        for target in (Target("0", 0), Target("2", 2), Target("0 against 2", 0, 2))
    ]
    np.testing.assert_allclose(rows[0] - rows[1], rows[2], rtol=1e-4, atol=1e-6)


def test_a_map_that_says_nothing_is_said():
    model = gap_network()
    nn.init.zeros_(model[7].weight)
    found = maps_of(model, BATCH[:1], "gradcam")[0][0]
    assert [note.sentence for note in found.notes] == [
        "the map is zero everywhere, so it points at nothing; it is not drawn"
    ]
    with torch.no_grad():
        model[7].weight[1, 0] = float("nan")
    assert "no number" in maps_of(model, BATCH[:1], "gradcam")[0][0].notes[0].sentence


def test_the_fast_way_gives_the_same_maps():
    model = zoo.make("resnet")
    one, batch = Opened(TorchNetwork(model)), torch.from_numpy(photos(4, (3, 32, 32)))
    layer = "layer2.0.relu:3"
    exact = cam_batch(Question(one, batch, [Target("1", 1)] * 4), "gradcam", layer)
    np.testing.assert_allclose(exact.maps, native(model, "gradcam", layer, batch=batch.numpy()), rtol=1e-5)
    quick = Question(one, batch, [Target("1", 1)] * 4, precision="auto")
    with torch.no_grad():
        folded = one.cut(batch, [layer], rough=0.0)
        plain = one.cut(batch, [layer])
        torch.testing.assert_close(folded.values[layer], plain.values[layer], rtol=1e-4, atol=1e-5)
    fast = cam_batch(quick, "gradcam", layer)
    assert fast.rough == how_rough(quick, layer)
    for one_map, other in zip(torch.from_numpy(exact.maps), torch.from_numpy(fast.maps), strict=True):
        assert off_by(one_map, other) <= 0.02
    with torch.no_grad():
        model.fc.weight.mul_(-1)
        model.conv1.weight.mul_(0.5)
    again = cam_batch(quick, "gradcam", layer)  # the copy is made anew
    changed = cam_batch(Question(one, batch, [Target("1", 1)] * 4), "gradcam", layer)
    assert max(map(off_by, torch.from_numpy(changed.maps), torch.from_numpy(again.maps))) <= 0.02
    predicted = cam_batch(quick, "gradcam", layer, predicted=True)
    assert predicted.classes.tolist() == predicted.scores.argmax(1).tolist()


def test_methods_are_found_however_they_are_written():
    assert [method.name for method in find_methods("Grad-CAM++, Guided Backprop, IG")] == [
        "gradcam++", "guided", "integrated",
    ]  # fmt: skip
    with pytest.raises(CallError, match=r"there is no method 'gradcamm'; did you mean 'gradcam'\?"):
        find_method("gradcamm")
    with pytest.raises(CallError, match="choose one of cam, gradcam"):
        find_method("zzz")
    with pytest.raises(CallError, match="no method is named"):
        find_methods([])
    assert all(method.paper.startswith("https://") for method in METHODS.values())
