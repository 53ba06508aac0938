"""Class activation maps: the feature maps of one layer, weighed.

Notation for all of them: ``A`` (N, C, h, w) are the values of the layer, ``A_k`` map number k; ``s`` is the score
that is explained, one number a photo; ``G = ds / dA`` its gradient, of the same shape. Maps come back signed, (N, h,
w); where a paper shows only their positive part, that is left to who draws them (:data:`POSITIVE`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

Maps = Float[Tensor, "n h w"]
Values = Float[Tensor, "n c h w"]

POSITIVE = frozenset({"gradcam", "gradcam++", "layercam", "scorecam"})
"""Methods whose papers end with a ReLU, so that only what speaks for the class is shown."""


def gradcam(values: Values, gradients: Values) -> Maps:
    """Grad-CAM.

    Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra, 2017, https://arxiv.org/abs/1610.02391: ``L = sum_k a_k A_k``
    with ``a_k = mean over places of G_k``. The paper shows ``ReLU(L)``.

    >>> gradcam(torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([[[[0.0, 1.0]]]])).tolist()
    [[[0.5, 1.0]]]
    """
    return torch.einsum("nc,nchw->nhw", gradients.mean((2, 3)), values)


def gradcam_plus_plus(values: Values, gradients: Values) -> Maps:
    """Grad-CAM++.

    Chattopadhyay, Sarkar, Howlader and Balasubramanian, 2018, https://arxiv.org/abs/1710.11063, equations 10, 11 and
    19, for ``Y = exp(s)``, whose first, second and third derivatives are ``Y G``, ``Y G^2`` and ``Y G^3`` where s is
    piecewise linear in A: ``L = sum_k a_k A_k`` with ``a_k = sum_ij alpha_ij ReLU(Y G_ij)`` and
    ``alpha_ij = G_ij^2 / (2 G_ij^2 + sum_ab A_ab G_ij^3)``, 0 where the denominator is. ``Y`` stands out of alpha and
    multiplies the whole map of a photo by one positive number; it is left out, since it overflows for large scores.
    The paper shows ``ReLU(L)``.
    """
    square = gradients**2
    below = 2 * square + values.sum((2, 3), keepdim=True) * square * gradients
    alpha = torch.where(below != 0, square / torch.where(below != 0, below, torch.ones_like(below)), below)
    return torch.einsum("nc,nchw->nhw", (alpha * gradients.clamp(min=0)).sum((2, 3)), values)


def hirescam(values: Values, gradients: Values) -> Maps:
    """HiResCAM.

    Draelos and Carin, 2020, https://arxiv.org/abs/2011.08891: ``L = sum_k G_k * A_k``, place by place. Where the
    network behind the layer is linear the map adds up to the score, apart from its bias.

    >>> hirescam(torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([[[[0.0, 1.0]]]])).tolist()
    [[[0.0, 2.0]]]
    """
    return (values * gradients).sum(1)


def layercam(values: Values, gradients: Values) -> Maps:
    """LayerCAM.

    Jiang, Zhang, Hou, Cheng and Wei, 2021, https://doi.org/10.1109/TIP.2021.3089943: ``L = sum_k ReLU(G_k) * A_k``. The
    paper shows ``ReLU(L)``.
    """
    return (values * gradients.clamp(min=0)).sum(1)


def eigencam(values: Values) -> Maps:
    """Eigen-CAM: no class, no gradient.

    Muhammad and Yeasin, 2020, https://arxiv.org/abs/2008.00299: with the layer as a matrix ``O`` (places, channels) and
    its singular value decomposition ``O = U S V^T``, ``L = O v_1``, v_1 the first right singular vector. Its sign,
    which the decomposition leaves open, is chosen so that the map's sum is not negative.
    """
    count, channels, height, width = values.shape
    matrix = values.reshape(count, channels, height * width).transpose(1, 2)
    finite = torch.isfinite(matrix).reshape(count, -1).all(1)
    found = torch.full((count, height * width), float("nan"), device=values.device)
    for i in finite.nonzero().ravel().tolist():
        # v_1 is the eigenvector of O^T O (or, through O O^T, of the smaller product) with the largest eigenvalue
        one = matrix[i].double()
        if channels <= height * width:
            direction = torch.linalg.eigh(one.T @ one)[1][:, -1]
            line = one @ direction
        else:
            eigenvalues, vectors = torch.linalg.eigh(one @ one.T)
            line = vectors[:, -1] * eigenvalues[-1].clamp(min=0).sqrt()
        found[i] = (line if line.sum() >= 0 else -line).float()
    return found.reshape(count, height, width)


def weighted(values: Values, weights: Float[Tensor, "n c"]) -> Maps:
    """CAM: ``M = sum_k w_k A_k`` with the weights of a dense layer behind global average pooling.

    Zhou, Khosla, Lapedriza, Oliva and Torralba, 2016, https://arxiv.org/abs/1512.04150. The score is the mean of the
    map plus the bias, so the map is exact. :mod:`convscope.explaining.head` reads the weights.
    """
    return torch.einsum("nc,nchw->nhw", weights, values)


GRADIENT_CAMS: Mapping[str, Callable[[Values, Values], Maps]] = {
    "gradcam": gradcam,
    "gradcam++": gradcam_plus_plus,
    "hirescam": hirescam,
    "layercam": layercam,
}
"""Methods that need the gradient of the score at the layer."""
