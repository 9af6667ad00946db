"""How much memory the graph of a forward pass takes: what rows at once are counted by."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def graph_bytes(compute: Callable[[], object]) -> int:
    """Bytes that autograd keeps of what is computed, and lets go of afterwards.

    >>> weight = torch.ones(1000, requires_grad=True)
    >>> graph_bytes(lambda: (weight * weight).sum())
    8000
    """
    sizes: list[int] = []

    def weigh(tensor: Tensor) -> Tensor:
        sizes.append(tensor.nbytes if tensor.layout == torch.strided else 0)
        return tensor.detach()  # a node that kept its own output would hold itself, and never be freed

    with torch.autograd.graph.saved_tensors_hooks(weigh, lambda tensor: tensor):
        compute()
    return sum(sizes)
