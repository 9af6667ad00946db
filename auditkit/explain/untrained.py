"""The same net with new initial weights: what an explanation says of it, training cannot have put there."""

from __future__ import annotations

import copy

import torch
from torch import nn

from auditkit.inputs.model import Model


def untrained(model: Model, *, seed: int) -> Model:
    """A copy of the model whose parameters are drawn anew; the model itself is not touched.

    Modules draw their own (`reset_parameters`); parameters of modules without it are drawn from a normal of the same
    mean and standard deviation as theirs. Raises TypeError for a module that cannot be copied.

    >>> net = torch.nn.Linear(2, 1)
    >>> bool((untrained(Model(net), seed=0).module.weight == net.weight).any())
    False
    """
    return untrained_modules(model, seed=seed)[0]


def untrained_modules(model: Model, *, seed: int) -> tuple[Model, dict[nn.Module, nn.Module]]:
    """The same copy, and module of the model → module of the copy."""
    module = copy.deepcopy(model.module)
    tensors = [*module.parameters(), *module.buffers()]
    devices = sorted({t.device.index or 0 for t in tensors if t.device.type == "cuda"})
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        torch.manual_seed(seed)
        for part in module.modules():
            reset = getattr(part, "reset_parameters", None)
            if callable(reset):
                reset()
                continue
            for own in part.parameters(recurse=False):
                if (own.is_floating_point() or own.is_complex()) and own.numel() > 1:
                    own.copy_(torch.randn_like(own) * own.std() + own.mean())
    return model.with_module(module), dict(zip(model.module.modules(), module.modules(), strict=True))
