"""Whether a net is as it was drawn at random: nobody has loaded or trained its weights."""

from __future__ import annotations

import logging
from typing import Literal

from torch import Tensor, nn

Weights = Literal["given", "factory", "initialised"]
"""`given`: a file of weights, or a module that was handed over; `factory`: as its factory gave it, which has changed
them since they were drawn, or where nobody can tell; `initialised`: as they were drawn at random."""


_LOG = logging.getLogger("auditkit")


def of_factory(module: nn.Module, factory: str) -> Weights:
    """Where the weights of a net come from that a factory gave, without a file of them; a warning if from nowhere."""
    if not as_initialised(module):
        return "factory"
    _LOG.warning(
        "caution: no weights were given, and factory '%s' leaves the net as it was drawn at random: this audits a net "
        "that was never trained. Give its weights (--weights, or weights under [model]), or load them in the factory",
        factory,
    )
    return "initialised"


def as_initialised(module: nn.Module) -> bool:
    """Whether the parameters are as their layers drew them.

    Every write to a tensor counts up its version: a layer draws its parameters in one write, loading and training add
    more. Drawing them anew does too, but leaves vectors of one value (biases of 0). A net of which every part was
    read whole, from a file or as a copy, has no writes: nobody can tell, False.

    >>> net = nn.Linear(3, 1)
    >>> as_initialised(net)
    True
    >>> _ = net.load_state_dict(nn.Linear(3, 1).state_dict())
    >>> as_initialised(net)
    False
    """
    parameters = list(module.parameters())
    if not parameters or any(p.is_inference() or p.is_meta for p in parameters):
        return False
    vectors = [p for p in parameters if p.ndim < 2] or parameters
    drawn = any(_writes(p) for p in parameters)
    return drawn and all(_writes(p) <= 1 or _constant(p) for p in vectors) and not _trained(module)


def _writes(p: Tensor) -> int:
    return int(p._version)


def _constant(p: Tensor) -> bool:
    p = p.detach()
    first = p.flatten()[:1]
    if p.numel() == 1:
        return bool(first.item() in (0.0, 1.0))
    return bool((p == first).all())


def _trained(module: nn.Module) -> bool:
    """Signs of training or loading that leave no count: gradients, statistics of batches, values out of bounds."""
    if any(p.grad is not None for p in module.parameters()):
        return True
    if any(int(b.sum()) > 0 for name, b in module.named_buffers() if name.endswith("num_batches_tracked")):
        return True
    layers = (m for m in module.modules() if isinstance(m, nn.Linear | nn.modules.conv._ConvNd))
    return any(_writes(m.weight) <= 1 and _beyond_bound(m.weight) for m in layers)


def _beyond_bound(weight: Tensor) -> bool:
    """Beyond ±1/√(inputs of a unit), between which torch draws the weights of a linear or convolutional layer."""
    if not weight.numel():
        return False
    bound = float(weight[0].numel()) ** -0.5
    return bool(weight.detach().abs().max() > bound * 1.01)
