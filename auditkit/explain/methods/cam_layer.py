"""Which layer Grad-CAM looks at: one that is named, or the output of the last convolutional block."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from auditkit.errors import ModelError, NotExplained, choices
from auditkit.explain.surface import Surface

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def named_layer(module: nn.Module | None, name: str) -> nn.Module:
    """The layer of a name, as in `named_modules`; ModelError naming the nearest."""
    layers: dict[str, nn.Module] = {} if module is None else {n: m for n, m in module.named_modules() if n}
    if name not in layers:
        raise ModelError(f"the net has no layer '{name}'; its layers are {choices(name, layers)}")
    return layers[name]


class _Called(NamedTuple):
    module: nn.Module
    shape: tuple[int, ...]


def block_output(at: Surface) -> nn.Module:
    """The layer that gives what the last convolutional block gives; NotExplained without a convolution.

    Of the modules that give maps (N, channels, height, width) it is the last to end, at or after the last convolution
    over more than one pixel, whose maps have that convolution's height and width: of a ResNet `layer4`, of a plain
    stack the activation after its last convolution. Modules that are called more than once are passed over.
    """
    calls: list[_Called] = []

    def note(module: nn.Module, _given: object, out: object) -> None:
        if isinstance(out, Tensor) and out.ndim == 4:
            calls.append(_Called(module, tuple(out.shape)))

    parts = [] if at.module is None else [m for m in at.module.modules() if m is not at.module]
    handles = [m.register_forward_hook(note) for m in parts if not isinstance(m, torch.jit.ScriptModule)]
    try:
        one = at.take(slice(1))
        one.at(one.points)
    finally:
        for handle in handles:
            handle.remove()
    last = [i for i, call in enumerate(calls) if isinstance(call.module, CONVOLUTIONS)]
    if not last:
        raise NotExplained("grad_cam needs a convolution (nn.Conv2d), and the net calls none")
    start = max((i for i in last if calls[i].shape[2] * calls[i].shape[3] > 1), default=last[-1])
    once = [c for c in calls[start:] if sum(other.module is c.module for other in calls) == 1]
    return next((c.module for c in reversed(once) if c.shape[2:] == calls[start].shape[2:]), calls[start].module)
