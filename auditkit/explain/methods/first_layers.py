"""The mean gradient along a path, with layers that read the input itself differentiated once a row, not once a step.

A linear layer or a convolution at the net's entrance has the same derivative everywhere. So what comes back to its
output is averaged over the steps of a row first, and the average alone goes through it: for an image with one channel
most of the backward pass is there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from auditkit.arrays import Floats
from auditkit.explain.asking import along
from auditkit.explain.surface import Forward

Tensors = tuple[Tensor, ...]

AFFINE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Layers, of exactly these classes, whose derivative is their weight."""
OWN = {"Addmm", "Mm", "Linear", "Convolution", "Bmm"}
"""Nodes of autograd's graph that these layers make."""
SHAPES = {"Clone", "View", "UnsafeView", "ReshapeAlias", "Unsqueeze", "Squeeze", "ToCopy", "Alias"}
"""Nodes that hand numbers on in their order, so that rows stay the slowest dimension."""
ALONG = {"Cat": "_saved_dim", "Slice": "_saved_dim", "Select": "_saved_dim"}
"""Nodes that do so along a dimension that is not the rows'."""
FEW = 2**20
"""Numbers that are averaged in double precision; of more that takes as long as the backward pass."""


class Opened(NamedTuple):
    """A forward pass whose first layers are cut: `out` depends on `cuts`, and beside them on the points."""

    out: Tensor
    cuts: Tensors
    """(steps · n, …) what the first layers gave, as leaves."""
    once: Tensors
    """(n, …) the same of one step, from `few`."""
    few: Tensors
    """(n, …) points of one step."""


class Path:
    """Points of n rows at so many steps, one step of all rows after the other, and the share of each step."""

    def __init__(self, module: nn.Module | None, shares: Floats) -> None:
        self.shares = torch.as_tensor(shares)
        self._layers = [] if module is None else [m for m in module.modules() if type(m) in AFFINE]

    def opened(self, forward: Forward, points: Tensors, fixed: Sequence[Any]) -> Opened:
        """The outputs at the points, which are leaves, with what is needed to differentiate them."""
        cuts: list[Tensor] = []
        where: list[nn.Module] = []

        def cut(layer: nn.Module, out: Tensor) -> Tensor:
            where.append(layer)
            cuts.append(out.detach().requires_grad_())
            return cuts[-1].clone()  # the net may write into it

        with _at(self._layers, points, cut):
            out = forward(*points, *fixed)
        if not cuts:
            self._layers = []  # no layer reads the points themselves: nobody need look again
            return Opened(out, (), (), ())
        n = len(points[0]) // len(self.shares)
        few = tuple(p[:n].detach().requires_grad_() for p in points)
        once: list[Tensor] = []
        again: list[nn.Module] = []

        def keep(layer: nn.Module, out: Tensor) -> Tensor:
            again.append(layer)
            once.append(out)
            return out.clone()

        with _at(self._layers, few, keep):
            forward(*few, *(f[:n] for f in fixed))
        self._layers = [m for m in self._layers if m in where]
        steps = len(self.shares)
        alike = [(steps * len(one), *one.shape[1:]) == tuple(c.shape) for one, c in zip(once, cuts, strict=False)]
        if where != again or not all(alike):
            self._layers = []
            return Opened(forward(*points, *fixed), (), (), ())
        return Opened(out, tuple(cuts), tuple(once), few)

    def gradients(self, root: Tensor, opened: Opened, points: Tensors, *, keep: bool = False) -> Tensors:
        """(steps · n, …) ∂root/∂points; where layers were cut the mean over the steps, by their shares, at each."""
        if not opened.cuts:
            return torch.autograd.grad(root, points, retain_graph=keep, allow_unused=True, materialize_grads=True)
        found = torch.autograd.grad(root, (*opened.cuts, *points), retain_graph=keep, allow_unused=True)
        behind, beside = found[: len(opened.cuts)], found[len(opened.cuts) :]
        means = [
            torch.zeros_like(o) if g is None else self._mean(g).to(o.dtype)
            for g, o in zip(behind, opened.once, strict=True)
        ]
        through = torch.autograd.grad(
            along(opened.once, means), opened.few, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        whole = [t if g is None else t + self._mean(g).to(t.dtype) for t, g in zip(through, beside, strict=True)]
        steps = len(self.shares)
        return tuple(w.expand(steps, *w.shape).reshape(steps * len(w), *w.shape[1:]) for w in whole)

    def _mean(self, gradients: Tensor) -> Tensor:
        """(n, …) over the steps."""
        by_step = gradients.reshape(len(self.shares), -1)
        precise = by_step.double() if by_step.numel() <= FEW else by_step
        mean = self.shares.to(precise) @ precise
        return mean.reshape(-1, *gradients.shape[1:])


@contextlib.contextmanager
def _at(layers: Sequence[nn.Module], points: Tensors, then: Callable[[nn.Module, Tensor], Tensor]) -> Iterator[None]:
    """While it lasts, what a layer gives of the points themselves goes to `then`, and becomes what that returns."""

    def hook(layer: nn.Module, _given: Any, out: Any) -> Any:
        reads = isinstance(out, Tensor) and out.ndim > 1 and _reads(out, points)
        return then(layer, out) if reads else None

    handles = [layer.register_forward_hook(hook) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _reads(out: Tensor, points: Tensors) -> bool:
    """Whether a layer's output comes from points alone, handed on in their order: read off autograd's graph."""
    if out.grad_fn is None or _name(out.grad_fn) not in OWN | SHAPES:
        return False
    todo: list[Any] = [out.grad_fn]
    own = 0
    while todo:
        node = todo.pop()
        name = _name(node)
        if name == "torch::autograd::AccumulateGrad":
            if not any(node.variable is p for p in points):
                return False
            continue
        own += name in OWN
        dim = getattr(node, ALONG[name]) if name in ALONG else 1
        if own > 1 or name not in OWN | SHAPES | set(ALONG) or not 0 < dim < 64:
            return False
        todo += [parent for parent, _ in node.next_functions if parent is not None]
    return own == 1


def _name(node: Any) -> str:
    name: str = node.name()
    return name.rstrip("0123456789").removesuffix("Backward")
