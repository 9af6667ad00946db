"""The curvature of the training loss in the weights, damped, and its inverse applied to a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from auditkit.errors import NotExplained
from auditkit.explain.influence.tangent import Tangent
from auditkit.inputs.model import Model

DAMPING = 1e-2
"""Of each weight's own curvature, added to it."""
PROBES = 32
"""Random sums of rows by which each weight's own curvature is estimated."""
RARE = 1e-3
"""Of the median own curvature in its tensor: what a weight is damped for at least."""
STEPS = 500
"""Conjugate gradients, at most."""


class Solved(NamedTuple):
    """(A + δM)⁻¹ of a vector."""

    x: Tensor
    """(P,), double precision."""
    residual: float
    """What is left of the right side, as a part of its length; lengths are those of M⁻¹."""
    steps: int


@dataclass(frozen=True)
class Curvature:
    """A + δM. A = Σ_i h_i j_i j_iᵀ is the (generalised) Gauss–Newton matrix of the summed loss: j_i the derivative of
    row i's decision by the weights, h_i the curvature of its loss in the decision. M is A's diagonal.

    The damping δM has each weight's own unit, so that a feature in other units (and the weights that read it in
    theirs) gives the same answer. Without it the answer would not exist: a net has more weights than its rows
    determine. It is that of the proximal Bregman objective, of which the influence of a net that was not trained to
    the end is the response.

    Reference: Martens (2010), ICML; Bae et al. (2022), NeurIPS; Marquardt (1963) on δ·diag.
    """

    tangent: Tangent
    """Of the rows by which curvature is told."""
    bend: Tensor
    """(m,) h_i, times the rows that each stands for."""
    own: Tensor
    """(P,) M; 0 where no row moves with a weight, which is then held still."""

    @classmethod
    def of(cls, model: Model, tangent: Tangent, *, rows: int, seed: int = 0) -> Curvature:
        """By the rows of a tangent, which stand for all `rows` of the training."""
        with torch.no_grad():
            bend = bends(model, tangent.z.detach()) * (rows / max(1, len(tangent.z)))
        own = _diagonal(tangent, bend, seed)
        if not bool((own > 0).any()):
            raise NotExplained("no training row's loss changes with the net's weights")
        return cls(tangent, bend, own)

    def times(self, v: Tensor) -> Tensor:
        """(A + δM) v."""
        out = self.tangent.pull(self.bend * self.tangent.push(v)) + DAMPING * self.own * v
        return torch.where(self.own > 0, out, 0.0)

    def solved(self, g: Tensor, *, tolerance: float) -> Solved:
        """(A + δM)⁻¹ g (P,), by conjugate gradients preconditioned by M.

        They end at a residual of `tolerance`, or after `STEPS` steps with whatever is left, which the caller judges.
        """
        inverse = torch.where(self.own > 0, 1 / self.own.clamp_min(1e-300), 0.0)
        g = torch.where(self.own > 0, g, 0.0)
        x, r, p = torch.zeros_like(g), g, inverse * g
        first = size = float(r @ p)
        if not first:
            return Solved(x, 0.0, 0)
        steps = 0
        while steps < STEPS:
            steps += 1
            q = self.times(p)
            bent = float(p @ q)
            if not 0 < bent < float("inf"):
                break
            x, r = x + size / bent * p, r - size / bent * q
            y = inverse * r
            size, before = float(r @ y), size
            if size <= tolerance**2 * first:
                break
            p = y + size / before * p
        left = g - self.times(x)  # itself, and not what the steps believe is left
        return Solved(x, (float(left @ (inverse * left)) / first) ** 0.5, steps)


def bends(model: Model, z: Tensor) -> Tensor:
    """(N,) the expected second derivative of the loss in the decision: p(1 − p) of a logit, 1/(p(1 − p)) of a
    probability, 1 of a number."""
    z = z.double()
    if model.kind.numeric:
        return torch.ones_like(z)
    if model.outputs == "logits":
        p = torch.sigmoid(z)
        return p * (1 - p)
    p = z.clamp(1e-7, 1 - 1e-7)
    return 1 / (p * (1 - p))


def _diagonal(tangent: Tangent, bend: Tensor, seed: int) -> Tensor:
    """(P,) diag(A), estimated: E (Jᵀ (√h · r))² over signs r, which are drawn from the seed; never far below the median
    of its tensor, for a weight that few rows move with is told by few."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(sum(w.numel() for w in tangent.weights), dtype=torch.float64, device=bend.device)
    for _ in range(PROBES):
        signs = torch.randint(0, 2, bend.shape, generator=generator).to(bend) * 2 - 1
        total += tangent.pull(bend.sqrt() * signs) ** 2 / PROBES
    parts = []
    for own in torch.split(total, [w.numel() for w in tangent.weights]):
        seen = own > 1e-12 * float(own.max())
        least = RARE * float(own[seen].median()) if bool(seen.any()) else 0.0
        parts.append(torch.where(seen, own.clamp_min(least), 0.0))
    return torch.cat(parts)
