"""Attributions of some rows, with all that is needed to attribute again and to ask the net."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from auditkit.arrays import Floats, Ints
from auditkit.explain.asking import finite
from auditkit.explain.captum_calls import Tensors, gradients_of_the_sum, in_chunks, rows_per_call, spread
from auditkit.explain.methods.catalogue import Method
from auditkit.explain.methods.paths import quadrature
from auditkit.explain.surface import Surface
from auditkit.explain.trust.impute import imputed
from auditkit.inputs.groups import mixed, summed
from auditkit.inputs.packing import slices

NODES = 16
"""Points of the path on which gradients are averaged: enough for an order."""


@dataclass(frozen=True)
class Trial:
    """Attributions φ of n rows, and how they came about."""

    at: Surface
    """The n rows; its F is the scalar of the decision path."""
    baseline: Tensors
    """(1, …) each: what features that are taken away become, and what φ starts from."""
    method: Method
    phi: Floats
    """(n, G) as shown."""
    steps: Ints
    """(n,) quadrature steps behind each row of `phi`."""
    n_steps: int
    """Quadrature steps of what is attributed again."""
    seed: int = 0
    drawn: Tensors | None = None
    """(M, …) each: for methods that draw their baselines, the rows that they draw from; None for others."""

    @property
    def start(self) -> Tensors:
        """What the method starts from."""
        return self.baseline if self.drawn is None else self.drawn

    @property
    def features(self) -> int:
        """G."""
        return len(self.at.groups.names)

    def attributed(self, at: Surface, baseline: Tensors, *, n_steps: int | None = None) -> Floats:
        """The method's attributions of other rows, or from another baseline (1, …) or (N, …): (N, G)."""
        found = self.method.attribute(at, baseline, n_steps=n_steps or self.n_steps, seed=self.seed)
        return finite(summed(at.groups, found).cpu().numpy(), "attributions of changed rows")

    def generator(self, offset: int) -> torch.Generator:
        """Random numbers of one check, the same whatever the others draw."""
        return torch.Generator().manual_seed(1000 * self.seed + offset)

    def values(self, chosen: Tensor, row: Tensor, *, impute: torch.Generator | None = None) -> Tensor:
        """F (M,) in double precision of mixed rows: their own features where `chosen` (M, G), else the baseline's.

        `row` (M,) are positions in `at`. With `impute`, regions of images are filled from their neighbours instead.
        """
        step, parts = min(2**15, rows_per_call(self.at, copies=1)), []
        device = self.at.points[0].device
        for where in slices(len(row), step):
            part, kept = self.at.take(row[where].to(device)), chosen[where].to(device)
            if impute is None:
                there = mixed(self.at.groups, kept, part.points, spread(self.baseline, part))
            else:
                region = self.at.groups.masks[0][0, 0].to(device)
                there = (imputed(part.points[0], kept[:, region][:, None], impute),)
            parts.append(part.at(there).double().cpu())
        out = torch.cat(parts)
        finite(out.numpy())
        return out


def repeated(at: Surface, times: int) -> Surface:
    """The rows `times` times, one copy of all after the other."""
    again = lambda t: t.repeat(times, *(1,) * (t.ndim - 1))  # noqa: E731
    return replace(at, points=tuple(map(again, at.points)), fixed=tuple(map(again, at.fixed)))


def mean_gradient(at: Surface, baseline: Tensors) -> Tensors:
    """∫₀¹ ∇F(b + α(x − b)) dα by Gauss–Legendre: the shapes of the surface's points. `baseline` is (1, …)."""
    alphas, shares = quadrature(NODES)

    def call(part: Surface) -> Tensors:
        whole = repeated(part, NODES)
        path = []
        for p, b in zip(part.points, baseline, strict=True):
            a = torch.as_tensor(alphas, dtype=p.dtype, device=p.device).reshape(NODES, *(1,) * p.ndim)
            path.append((b[None] + a * (p - b)[None]).flatten(0, 1).requires_grad_())
        found = gradients_of_the_sum(at.forward, tuple(path), additional_forward_args=whole.fixed or None)
        out = []
        for g, p in zip(found, part.points, strict=True):
            s = torch.as_tensor(shares, dtype=g.dtype, device=g.device)
            out.append(torch.tensordot(s, g.reshape(NODES, len(p), *p.shape[1:]), dims=1))
        return tuple(out)

    return in_chunks(call, at, rows=rows_per_call(at, copies=NODES), what="checking the explanation")


def flat(tensors: Tensors) -> Floats:
    """(N, D): every entry of every tensor, side by side."""
    out: Floats = torch.cat([t.detach().reshape(len(t), -1).double().cpu() for t in tensors], dim=1).numpy()
    return out
