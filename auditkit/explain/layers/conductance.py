"""Conductance: how much of a change of the score flows through each unit of every layer, all layers in one pass.

Dhamdhere, Sundararajan & Yan (2019); Captum computes it one layer at a time.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from auditkit.arrays import Floats
from auditkit.explain.asking import NoGradient, differentiating
from auditkit.explain.captum_calls import Tensors, in_chunks, rows_per_call
from auditkit.explain.layers.layer import Layer
from auditkit.explain.layers.listening import listening
from auditkit.explain.surface import Surface
from auditkit.inputs.packing import slices

Rule = Literal["trapezoid", "left"]

STEPS = 24
"""Pieces of the path."""
INPUT = "input"


class Conductance(NamedTuple):
    """What flows through the layers."""

    through: dict[str, Floats]
    """Layer → (N, units), or (units,) summed over the rows; "input" → (N, d) over all entries of the points."""
    total: Floats
    """(N,), or () summed over the rows: F at the end of the paths minus F at their beginning."""
    missed: Floats
    """(N,) by how much contributions at the worst of `cuts` miss that, whatever the weight."""
    moved: Floats
    """(N,) abs(F at the end of the paths minus F at their beginning), whatever the weight."""


def conductance(
    at: Surface,
    baseline: Tensors,
    net: nn.Module,
    layers: Sequence[Layer],
    *,
    n_steps: int = STEPS,
    weight: Floats | None = None,
    cuts: Collection[str] = (),
    rule: Rule = "trapezoid",
    alphas: Sequence[float] | None = None,
) -> Conductance:
    """Conductance of every unit of all `layers`, from `baseline` (1, …) or (N, …) to the surface's rows.

    C_k = Σ_s ½ (∂F/∂y_k(α_s) + ∂F/∂y_k(α_{s+1})) · (y_k(α_{s+1}) − y_k(α_s)): the trapezoid rule along the path that
    the layer's outputs y really take, summed over a unit's positions. At a layer that cuts the net
    Σ_k C_k = F(x) − F(b) up to O(1/n²). One forward pass of all points and one backward pass serve all layers; memory
    holds one chunk of rows (of a row whose points do not fit, some of its pieces, which add) and, with `weight` (N,),
    only weighted sums a unit. NaN through a layer that did not see every row on the way (an expert whose rows are
    others there).

    `rule="left"` takes the gradient at the beginning of each piece, as Captum's `LayerConductance` does; `alphas` are
    the points of the path, by default n_steps + 1 equal steps from 0 to 1.
    """
    path = np.linspace(0.0, 1.0, n_steps + 1) if alphas is None else np.asarray(alphas, float)
    k = len(at.points)
    n = len(at)
    starts = tuple(b.expand(n, *b.shape[1:]) for b in baseline)
    w = torch.ones(n) if weight is None else torch.as_tensor(weight, dtype=torch.float64)
    carried = Surface(at.forward, (*at.points, *starts), (*at.fixed, w.to(at.points[0].device)), at.groups)
    measured = [layer for layer in layers if not layer.reason]
    names = [INPUT, *(layer.name for layer in measured)]
    nothing = torch.zeros(0, device=at.points[0].device)

    def some_pieces(part: Surface, path: Floats) -> Tensors:
        """(n, units) of each layer, (n, 1) what F changes by, and nothing more of a part of the path."""
        points = _path(part.points[:k], part.points[k:], path)
        repeated = [f.repeat(len(path), *(1,) * (f.ndim - 1)) for f in part.fixed[:-1]]
        with differentiating(), listening(net, measured) as heard:
            scores = at.forward(*points, *repeated)
            if not scores.requires_grad:
                raise NoGradient("the net has no gradient to its input: its output is detached")
            outputs = [*points, *(heard.get(layer.name, nothing) for layer in measured)]
            moved = [o for o in outputs if o.requires_grad]
            found = iter(torch.autograd.grad(scores.sum(), moved, allow_unused=True, materialize_grads=True))
        slopes = [next(found) if o.requires_grad else torch.zeros_like(o) for o in outputs]
        partly = [
            layer.name for layer, y in zip(measured, outputs[k:], strict=True) if not layer.whole(y, len(points[0]))
        ]
        entered = [
            _entered(x, b, g, path, rule) for x, b, g in zip(part.points[:k], part.points[k:], slopes[:k], strict=True)
        ]
        through = [
            torch.full((len(part), layer.units), torch.nan, dtype=torch.float64, device=points[0].device)
            if layer.name in partly
            else _through(layer.flat(y.detach()), layer.flat(g), len(path), rule)
            for layer, y, g in zip(measured, outputs[k:], slopes[k:], strict=True)
        ]
        ends = scores.detach().double().reshape(len(path), -1)
        return torch.cat(entered, dim=1), *through, (ends[-1] - ends[0])[:, None]

    def call(part: Surface) -> Tensors:
        share = part.fixed[-1]
        each = [some_pieces(part, path[at.start : at.stop + 1]) for at in slices(len(path) - 1, pieces)]
        rows = tuple(functools.reduce(torch.add, column) for column in zip(*each, strict=True))
        delta = rows[-1]
        at_cuts = [r for name, r in zip(names, rows, strict=False) if name in cuts]
        misses = [(r.sum(1) - delta[:, 0]).abs().nan_to_num() for r in at_cuts]
        missed = torch.stack(misses).amax(0) if misses else torch.zeros_like(delta[:, 0])
        summed = rows if weight is None else tuple((share[:, None] * r).sum(0, keepdim=True) for r in rows)
        return (*summed, missed, delta[:, 0].abs())

    fit = rows_per_call(at, copies=1)
    rows = max(1, fit // (4 * len(path)))  # what all layers give, and their gradients, are held too
    pieces = max(1, fit // 2 - 1)  # fewer would ask their common ends twice for little
    inside, *flows, total, missed, moved = in_chunks(call, carried, rows=rows, what="conductance of rows")
    arrays = [t.cpu().numpy() for t in (inside, *flows, total)]
    if weight is not None:
        arrays = [a.sum(0) for a in arrays]
    through = dict(zip(names, arrays[:-1], strict=True))
    return Conductance(through, arrays[-1][..., 0], missed.cpu().numpy(), moved.cpu().numpy())


def joined(parts: Sequence[Conductance]) -> Conductance:
    """Weighted sums over rows, as one sum."""
    return Conductance(
        {name: np.sum([p.through[name] for p in parts], axis=0) for name in parts[0].through},
        np.sum([p.total for p in parts], axis=0),
        np.concatenate([p.missed for p in parts]),
        np.concatenate([p.moved for p in parts]),
    )


def _path(ends: Tensors, starts: Tensors, alphas: Floats) -> Tensors:
    """(steps · N, …) each: all rows at the first point of the path, then all at the next."""
    return tuple(
        torch.cat([b + float(a) * (x - b) for a in alphas]).detach().requires_grad_()
        for x, b in zip(ends, starts, strict=True)
    )


def _entered(x: Tensor, b: Tensor, slope: Tensor, alphas: Floats, rule: Rule) -> Tensor:
    """(N, entries) of the input, which moves along a straight line: only the gradients' weights depend on the rule."""
    pieces = np.diff(alphas)
    w = np.append(pieces, 0.0) if rule == "left" else (np.append(pieces, 0.0) + np.insert(pieces, 0, 0.0)) / 2
    weights = torch.as_tensor(w, dtype=slope.dtype, device=slope.device)
    mean = torch.mv(slope.reshape(len(w), -1).T, weights).reshape(x.shape)
    return ((x - b).double() * mean.double()).reshape(len(x), -1)


def _through(y: Tensor, slope: Tensor, steps: int, rule: Rule) -> Tensor:
    """(N, units), summed over pieces and positions, from (steps · N, positions, units)."""
    y, slope = (t.reshape(steps, -1, *t.shape[1:]) for t in (y, slope))
    if rule == "left":
        return ((y[1:] - y[:-1]) * slope[:-1]).sum(dim=(0, 2)).double()
    # Σ ½ (g_s + g_{s+1}) (y_{s+1} − y_s), sorted by gradients: each is met once
    inner = ((y[2:] - y[:-2]) * slope[1:-1]).sum(dim=(0, 2)).double()
    ends = (y[1] - y[0]) * slope[0] + (y[-1] - y[-2]) * slope[-1]
    return (inner + ends.sum(dim=1).double()) / 2
