"""Attributions of some rows, with all that is needed to attribute again and to ask the net."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from auditkit.arrays import Floats, Ints
from auditkit.explain.asking import finite
from auditkit.explain.captum_calls import Tensors, rows_per_call, spread, written_together
from auditkit.explain.methods.catalogue import Method, each_output
from auditkit.explain.methods.gradients import OneOutput, output
from auditkit.explain.methods.shapley import Shapley, shapley_values
from auditkit.explain.surface import Surface
from auditkit.explain.trust.impute import imputed
from auditkit.explain.trust.together import Together, digest
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
    together: Together | None = None
    """Where F is one output of several that are on trial: what all of them ask."""

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
        device = self.at.points[0].device
        value = lambda chosen, row: self.values(chosen.cpu(), row.cpu()).to(device)  # noqa: E731
        with torch.no_grad():
            return shapley_values(self.at, self.baseline, seed=self.seed, value=value)

    def of_all(self, name: str, made: Callable[[Surface], Surface]) -> Surface:
        """What `made` makes of the surface; of several outputs on trial of all of them, once."""
        f = self.at.forward
        if self.together is None or not isinstance(f, OneOutput):
            return made(self.at)
        whole = replace(self.at, forward=f.whole)
        return output(self.together.once((name,), lambda: made(whole)), f.k)

    def attributed(self, at: Surface, baseline: Tensors, *, n_steps: int | None = None) -> Floats:
        """The method's attributions of other rows, or from another baseline (1, …) or (N, …): (N, G)."""
        found = self.found(self.method, at, baseline, n_steps=n_steps or self.n_steps)
        return finite(found, "attributions of changed rows")

    def found(self, method: Method, at: Surface, baseline: Tensors, *, n_steps: int) -> Floats:
        """(N, G) what a method gives; of several outputs on trial for all from one pass, where the method can."""
        f = at.forward
        if self.together is None or not isinstance(f, OneOutput) or not method.shared:
            return self._by_feature(at, method.attribute(at, baseline, n_steps=n_steps, seed=self.seed))
        whole, outputs = replace(at, forward=f.whole), self.together.outputs

        def all_() -> list[Floats]:
            each = each_output(method, whole, baseline, outputs=outputs, n_steps=n_steps, seed=self.seed)
            return [self._by_feature(at, own) for own in each]

        asked = digest(*at.points, *at.fixed, *baseline)
        return self.together.once((f.whole, method, n_steps, asked), all_)[f.k]

    @staticmethod
    def _by_feature(at: Surface, found: Tensors) -> Floats:
        phi: Floats = summed(at.groups, found).cpu().numpy()
        return phi

    def generator(self, offset: int) -> torch.Generator:
        """Random numbers of one check, the same whatever the others draw."""
        return torch.Generator().manual_seed(1000 * self.seed + offset)

    def values(
        self, chosen: Tensor, row: Tensor, *, impute: int | None = None, baseline: Tensors | None = None
    ) -> Tensor:
        """F (M,) in double precision of mixed rows: their own features where `chosen` (M, G), else the baseline's.

        `row` (M,) are positions in `at`. With `impute`, regions of images are filled from their neighbours instead, and
        from the random numbers of that offset. Another `baseline`, (1, …) or (n, …), takes the place of the trial's.
        """
        out, f = self.every(chosen, row, impute=impute, baseline=baseline), self.at.forward
        out = out[:, f.k] if out.ndim > 1 and isinstance(f, OneOutput) else out
        finite(out.numpy())
        return out

    def every(
        self, chosen: Tensor, row: Tensor, *, impute: int | None = None, baseline: Tensors | None = None
    ) -> Tensor:
        """`values`, of all outputs that are on trial together, (M, K)."""
        start, f = self.baseline if baseline is None else baseline, self.at.forward
        if self.together is None or not isinstance(f, OneOutput):
            return self._asked(self.at, chosen, row, impute, start)
        whole = replace(self.at, forward=f.whole)
        asked = (f.whole, impute, digest(chosen, row, *start))
        return self.together.once(asked, lambda: self._asked(whole, chosen, row, impute, start))

    def _asked(self, at: Surface, chosen: Tensor, row: Tensor, impute: int | None, start: Tensors) -> Tensor:
        step = min(2**15, rows_per_call(at, copies=1))
        device = at.points[0].device
        generator = None if impute is None else self.generator(impute)

        def some(where: slice) -> Tensors:
            part, kept = at.take(row[where].to(device)), chosen[where].to(device)
            if generator is None:
                own = tuple(b if len(b) == 1 else b[row[where].to(device)] for b in start)
                there = mixed(at.groups, kept, part.points, spread(own, part))
            else:
                region = at.groups.masks[0][0, 0].to(device)
                there = (imputed(part.points[0], kept[:, region][:, None], generator),)
            return (part.at(there).double().cpu(),)

        return written_together(map(some, slices(len(row), step)), len(row))[0]


def repeated(at: Surface, times: int) -> Surface:
    """The rows `times` times, one copy of all after the other."""
    again = lambda t: t.repeat(times, *(1,) * (t.ndim - 1))  # noqa: E731
    return replace(at, points=tuple(map(again, at.points)), fixed=tuple(map(again, at.fixed)))
