"""Shapley values as the coefficients of a weighted regression on sets of features: each set tells of all features.

After Lundberg & Lee (2017), with sets in pairs of complements (Covert & Lee, 2021) and the smallest and largest sizes
in full where their share of the weight pays for them; batched over rows, with a standard error.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor


class Design(NamedTuple):
    """Sets for n rows."""

    chosen: Tensor
    """(n, M, G) of booleans: E sets that all rows have, then pairs of complements, first halves before second."""
    weight: Tensor
    """(M,) of each set."""
    shared: int
    """E."""


def design(rows: int, g: int, samples: int, generator: torch.Generator) -> Design:
    """About `samples` sets a row: sizes s and G − s in full while they cost no more than their share, others drawn.

    The kernel's weight of size s is 1 / (s (G − s)), shared by its sets; drawn sizes follow it, spread evenly.
    """
    total = {s: 1 / (s * (g - s)) for s in range(1, g)}
    left = samples
    full: list[int] = []
    for k in range(1, g // 2 + 1):
        rest = {s: t for s, t in total.items() if s not in full}
        sizes = sorted({k, g - k})
        count = sum(math.comb(g, s) for s in sizes)
        if count > left * sum(rest[s] for s in sizes) / sum(rest.values()):
            break
        full, left = full + sizes, left - count
    shared = [combination for s in full for combination in itertools.combinations(range(g), s)]
    whole = torch.zeros(len(shared), g, dtype=torch.bool)
    for i, members in enumerate(shared):
        whole[i, list(members)] = True
    weight = torch.tensor([total[len(m)] / math.comb(g, len(m)) for m in shared], dtype=torch.float64)
    drawn = torch.tensor([s for s in total if s not in full])
    if not len(drawn):
        return Design(whole.expand(rows, -1, -1), weight, len(shared))
    share = torch.tensor([total[int(s)] for s in drawn], dtype=torch.float64)
    half = max(1, left // 2)
    even = (torch.arange(half) + torch.rand(rows, 1, generator=generator, dtype=torch.float64)) / half
    size = drawn[torch.searchsorted(share.cumsum(0) / share.sum(), even).clamp(max=len(drawn) - 1)]
    place = torch.rand(rows, half, g, generator=generator).argsort(2)
    picked = place < size[..., None]
    weight = torch.cat([weight, torch.full((2 * half,), float(share.sum()) / (2 * half), dtype=torch.float64)])
    return Design(torch.cat([whole.expand(rows, -1, -1), picked, ~picked], dim=1), weight, len(shared))


def solved(d: Design, value: Tensor, none: Tensor, all_: Tensor) -> tuple[Tensor, Tensor]:
    """φ (n, G) and its standard error from F at the sets (n, M), at none and at all (n,); Σφ = F(all) − F(none).

    The error is that of the drawn pairs alone, by the residuals of the regression.
    """
    z = d.chosen.to(value.device, torch.float64)
    w = d.weight.to(value.device)
    a = z[..., :-1] - z[..., -1:]
    gap = all_ - none
    y = value - none[:, None] - z[..., -1] * gap[:, None]
    bread = torch.linalg.inv(torch.einsum("nmj,m,nmk->njk", a, w, a))
    b = torch.einsum("njk,nmk,m,nm->nj", bread, a, w, y)
    residual = y - torch.einsum("nmj,nj->nm", a, b)
    half = (a.shape[1] - d.shared) // 2
    first, second = slice(d.shared, d.shared + half), slice(d.shared + half, None)
    told = a[:, first] * (w[first] * (residual[:, first] - residual[:, second]))[..., None]
    spare = half / max(1, half - a.shape[2] // 2)
    meat = torch.einsum("nmj,nmk->njk", told, told) * spare
    spread = bread @ meat @ bread
    last = spread.sum((1, 2)).clamp(min=0)
    error = torch.cat([spread.diagonal(dim1=1, dim2=2).clamp(min=0), last[:, None]], dim=1).sqrt()
    return torch.cat([b, (gap - b.sum(1))[:, None]], dim=1), error
