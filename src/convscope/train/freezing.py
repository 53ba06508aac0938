"""The first layer, which may stand still for the rest of a training.

A small network's first layer has few weights, is the most expensive one to send gradients to, and is the first to
have learnt what it will. Once it stands still, the backward pass ends behind it (Brock, Lim, Ritchie and Weston,
*FreezeOut*, 2017, who go on with the next layers). Its outputs do not change then, and neither do its weights.
"""

from __future__ import annotations

from torch import nn

NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)


class FirstLayer:
    """The weights of a model's first layer, and of normalisations before the next one.

    Only those that want gradients when this is made are touched.

    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    >>> first = FirstLayer(model)
    >>> first.hold(True)
    >>> [name for name, value in model.named_parameters() if value.requires_grad]
    ['4.weight', '4.bias']
    >>> first.hold(False)
    >>> all(value.requires_grad for value in model.parameters())
    True
    """

    def __init__(self, model: nn.Module) -> None:
        self._parameters: list[nn.Parameter] = []
        self._held = False
        begun = False
        for module in model.modules():
            own = [value for value in module.parameters(recurse=False) if value.requires_grad]
            if begun and own and not isinstance(module, NORMALISATIONS):
                break
            self._parameters += own
            begun = begun or bool(own)

    def hold(self, still: bool) -> None:
        """Let it stand still from the next step on, or learn again."""
        if still != self._held:
            self._held = still
            for value in self._parameters:
                value.requires_grad = not still
