"""The table of methods: what each is called, where it comes from, and what it needs."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from convscope.errors import CallError

Family = Literal["cam", "gradient", "perturbation"]


@dataclass(frozen=True)
class Method:
    """One way to ask where an answer came from.

    Attributes:
        name: how it is asked for.
        title: how it is written.
        paper: link to where it was published.
        family: ``cam`` weighs the feature maps of a layer; ``gradient`` follows the score back to the pixels;
            ``perturbation`` changes the photo and watches the score.
        idea: one sentence.
        at_layer: whether it looks at a layer of the network, which can be chosen.
        passes: about how many forward passes one photo takes; 0 for as many as the layer has channels.
        class_specific: whether it answers for the class that was asked about.
        warning: what has to stand beside every map of it.
    """

    name: str
    title: str
    paper: str
    family: Family
    idea: str
    at_layer: bool
    passes: int
    class_specific: bool = True
    warning: str = ""


GUIDED_WARNING = (
    "Guided backpropagation shows edges of the photo whatever the network learned: its maps hardly change when the "
    "weights are replaced by random ones (Adebayo et al. 2018). Do not read them as a reason for the answer."
)
EIGENCAM_WARNING = "Eigen-CAM knows no class: it shows what dominates the layer, whichever class is asked about."

_TABLE = (
    Method(
        "cam", "CAM", "https://arxiv.org/abs/1512.04150", "cam",
        "the feature maps weighed with the weights of the dense layer behind global average pooling; exact",
        at_layer=True, passes=1,
    ),
    Method(
        "gradcam", "Grad-CAM", "https://arxiv.org/abs/1610.02391", "cam",
        "the feature maps weighed with the mean gradient of the score over each map",
        at_layer=True, passes=1,
    ),
    Method(
        "gradcam++", "Grad-CAM++", "https://arxiv.org/abs/1710.11063", "cam",
        "as Grad-CAM, the mean over a map weighed so that several small objects count as much as one large",
        at_layer=True, passes=1,
    ),
    Method(
        "hirescam", "HiResCAM", "https://arxiv.org/abs/2011.08891", "cam",
        "each value times its own gradient, summed over the maps: where the layer's numbers moved the score",
        at_layer=True, passes=1,
    ),
    Method(
        "layercam", "LayerCAM", "https://doi.org/10.1109/TIP.2021.3089943", "cam",
        "each value times its own gradient where that is positive; for layers before the last",
        at_layer=True, passes=1,
    ),
    Method(
        "eigencam", "Eigen-CAM", "https://arxiv.org/abs/2008.00299", "cam",
        "the first principal component of the feature maps",
        at_layer=True, passes=1, class_specific=False, warning=EIGENCAM_WARNING,
    ),
    Method(
        "scorecam", "Score-CAM", "https://arxiv.org/abs/1910.01279", "cam",
        "the feature maps weighed with the score of the photo seen through each of them; no gradients",
        at_layer=True, passes=0,
    ),
    Method(
        "gradient", "Gradient", "https://arxiv.org/abs/1312.6034", "gradient",
        "what the score gains when a pixel grows",
        at_layer=False, passes=1,
    ),
    Method(
        "inputxgradient", "Input x gradient", "https://arxiv.org/abs/1605.01713", "gradient",
        "each pixel times its gradient: what the score would lose, to first order, if the pixel were zero",
        at_layer=False, passes=1,
    ),
    Method(
        "smoothgrad", "SmoothGrad", "https://arxiv.org/abs/1706.03825", "gradient",
        "the mean gradient over noisy copies of the photo",
        at_layer=False, passes=32,
    ),
    Method(
        "integrated", "Integrated gradients", "https://arxiv.org/abs/1703.01365", "gradient",
        "the gradient summed on the way from a baseline to the photo; the map adds up to what the score gained",
        at_layer=False, passes=64,
    ),
    Method(
        "occlusion", "Occlusion", "https://arxiv.org/abs/1311.2901", "perturbation",
        "what the score loses when a patch of the photo is covered",
        at_layer=False, passes=170,
    ),
    Method(
        "rise", "RISE", "https://arxiv.org/abs/1806.07421", "perturbation",
        "the mean of random masks, weighed with the probability of the photo seen through each",
        at_layer=False, passes=1000,
    ),
    Method(
        "guided", "Guided backpropagation", "https://arxiv.org/abs/1412.6806", "gradient",
        "the gradient with everything negative thrown away at each ReLU",
        at_layer=False, passes=1, warning=GUIDED_WARNING,
    ),
)  # fmt: skip

METHODS: Mapping[str, Method] = {method.name: method for method in _TABLE}
"""Every method by its name."""

SYNONYMS = {
    "gradcamplusplus": "gradcam++", "gradcampp": "gradcam++", "saliency": "gradient", "ig": "integrated",
    "integratedgradients": "integrated", "guidedbackprop": "guided", "guidedbackpropagation": "guided",
    "inputgradient": "inputxgradient", "gradientxinput": "inputxgradient",
}  # fmt: skip


def find_method(name: str) -> Method:
    """The method that a person means.

    Raises:
        CallError: there is none of that name.

    >>> find_method("Grad-CAM").name, find_method("grad-cam++").name
    ('gradcam', 'gradcam++')
    """
    if not isinstance(name, str):
        raise CallError(f"a method is given by its name; got {type(name).__name__}")
    plain = "".join(sign for sign in name.casefold() if sign not in " -_*")
    plain = SYNONYMS.get(plain, plain)
    if plain in METHODS:
        return METHODS[plain]
    near = difflib.get_close_matches(plain, METHODS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(METHODS)}"
    raise CallError(f"there is no method {name!r}; {hint}")


def find_methods(names: str | Sequence[str]) -> tuple[Method, ...]:
    """Several methods, each once: a list of names, or one text with commas.

    >>> [method.name for method in find_methods("cam, gradcam, CAM")]
    ['cam', 'gradcam']
    """
    listed = names.split(",") if isinstance(names, str) else list(names)
    found = {method.name: method for method in map(find_method, listed)}
    if not found:
        raise CallError("no method is named; give at least one, such as gradcam")
    return tuple(found.values())
