"""Attributions of some rows, with all that is needed to attribute again and to ask the net."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from auditkit.arrays import Floats, Ints
from auditkit.explain.asking import finite
from auditkit.explain.captum_calls import Tensors, rows_per_call, spread
from auditkit.explain.methods.catalogue import Method
from auditkit.explain.methods.shapley import Shapley, shapley_values
from auditkit.explain.surface import Surface
from auditkit.explain.trust.impute import imputed
from auditkit.inputs.groups import mixed, summed
from auditkit.inputs.packing import slices

MOST_RANKED = 200
"""Features beyond which no Shapley values are asked for: their cost a row grows with the cube of the features."""


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

    @cached_property
    def shapley(self) -> Shapley | None:
        """Shapley values (n, G) from the baseline, the best additive account of F; None for too many features."""
        if self.features > MOST_RANKED:
            return None
        with torch.no_grad():
            return shapley_values(self.at, self.baseline, seed=self.seed)

    def attributed(self, at: Surface, baseline: Tensors, *, n_steps: int | None = None) -> Floats:
        """The method's attributions of other rows, or from another baseline (1, …) or (N, …): (N, G)."""
        found = self.method.attribute(at, baseline, n_steps=n_steps or self.n_steps, seed=self.seed)
        return finite(summed(at.groups, found).cpu().numpy(), "attributions of changed rows")

    def generator(self, offset: int) -> torch.Generator:
        """Random numbers of one check, the same whatever the others draw."""
        return torch.Generator().manual_seed(1000 * self.seed + offset)

    def values(
        self, chosen: Tensor, row: Tensor, *, impute: torch.Generator | None = None, baseline: Tensors | None = None
    ) -> Tensor:
        """F (M,) in double precision of mixed rows: their own features where `chosen` (M, G), else the baseline's.

        `row` (M,) are positions in `at`. With `impute`, regions of images are filled from their neighbours instead.
        Another `baseline`, (1, …) or (n, …), takes the place of the trial's.
        """
        start = self.baseline if baseline is None else baseline
        step, parts = min(2**15, rows_per_call(self.at, copies=1)), []
        device = self.at.points[0].device
        for where in slices(len(row), step):
            part, kept = self.at.take(row[where].to(device)), chosen[where].to(device)
            if impute is None:
                own = tuple(b if len(b) == 1 else b[row[where].to(device)] for b in start)
                there = mixed(self.at.groups, kept, part.points, spread(own, part))
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
