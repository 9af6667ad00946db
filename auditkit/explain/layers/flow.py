"""The gap of two groups, as it flows through the layers of a net: over all rows, and over each half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from auditkit.arrays import Floats, Positions
from auditkit.batch import Batch
from auditkit.errors import NotExplained
from auditkit.explain.asking import NoGradient
from auditkit.explain.attributions.study import groups_of
from auditkit.explain.captum_calls import rows_at_once
from auditkit.explain.layers.conductance import INPUT, STEPS, Conductance, conductance, joined
from auditkit.explain.layers.layer import Layer
from auditkit.explain.layers.rows import Rows
from auditkit.explain.layers.sums import CUT, neuron, numbers
from auditkit.explain.surface import Surface, surface
from auditkit.inputs import batching
from auditkit.inputs.groups import Groups
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, leaves, slices

NEAR = 0.2
"""Part of the mean distance between the scores of a path's two rows by which misses are measured, at least."""
SHOWN, ALL_SHOWN = 64, 2_000
"""Neurons kept a layer at most, and about as many of all layers of a deep net, but at least eight a layer."""


@dataclass(frozen=True)
class Flow:
    """Gap conductance over all rows, and over each half."""

    whole: dict[str, Floats]
    halves: tuple[dict[str, Floats], dict[str, Floats]]
    steps: int
    """Pieces of the paths that took most."""
    scale: float
    """How far apart the scores of the two rows of a path are, on average."""


def flows_of(
    model: Model, sample: Batch, inputs: Inputs, layers: Sequence[Layer], rows: Rows, seed: int, most: int
) -> Flow | None:
    """None where the net has no gradient, or none leads to its inputs.

    Steps are doubled, to `most`, until contributions add up to the gap at the input and at every cut.
    """
    try:
        groups = groups_of(model, inputs, sample.features)
    except NotExplained:  # names of columns are not needed here
        groups = Groups(("all",), tuple(torch.zeros_like(t[:1], dtype=torch.long) for t in leaves(inputs)))
    at = surface(model, inputs, groups, scale="score")
    if not at.points or not all(map(batching.all_finite, at.points)):
        return None
    single = [y for y in layers if not y.parts]
    cuts = {INPUT, *(y.name for y in single if y.cut)}
    try:
        whole = _Paths(at, model, single, rows, np.arange(len(rows.z)), seed, cuts).refined(most)
        first, second = (_Paths(at, model, single, rows, h.fit, seed, cuts) for h in rows.parts)
        return Flow(whole.through, (first.through, second.through), whole.steps, whole.scale)
    except NoGradient:
        return None


class _Paths:
    """Paths from rows of one group to rows of the other, and what flows along them."""

    def __init__(
        self, at: Surface, model: Model, layers: Sequence[Layer], rows: Rows, some: Positions, seed: int, cuts: set[str]
    ) -> None:
        pairs = rows.pairs(some, seed)
        self.ends, self.starts = (torch.as_tensor(rows.where[i]) for i in (pairs.first, pairs.second))
        self.at, self.model, self.layers, self.weight, self.cuts = at, model, layers, pairs.weight, cuts
        self.steps = STEPS
        found = self._run(np.arange(len(self.weight)), STEPS)
        self.through, self.total, self.missed = found.through, float(found.total), found.missed
        self.scale = float(self.weight @ found.moved)

    def _run(self, some: Positions, steps: int) -> Conductance:
        return joined([self._some(some[at], steps) for at in slices(len(some), rows_at_once(self.at.points))])

    def _some(self, some: Positions, steps: int) -> Conductance:
        where = torch.as_tensor(some)
        baseline = tuple(p[self.starts[where]] for p in self.at.points)
        ends, weight = self.at.take(self.ends[where]), self.weight[some]
        return conductance(
            ends, baseline, self.model.module, self.layers, n_steps=steps, weight=weight, cuts=self.cuts
        )  # fmt: skip

    def _slack(self) -> dict[str, float]:
        """Cut → by how much contributions there miss the gap, as a part of what they may."""
        return {
            name: abs(v.sum() - self.total) / max(CUT * _size(v, self.scale), np.finfo(float).tiny)
            for name, v in self.through.items()
            if name in self.cuts and np.isfinite(v).all()
        }

    def refined(self, most: int) -> _Paths:
        """Steps doubled, to `most`, on the paths that miss their own difference most, until all add up to the gap.

        Where doubling does not help twice in turn (an output that jumps), it is given up.
        """
        some = np.arange(len(self.weight))
        best, idle = max(self._slack().values(), default=0.0), 0
        while best > 1 and self.steps < most and len(some) and idle < 2:
            share = self.missed[some] * self.weight[some] * len(self.weight)
            some = some[share > CUT * self.scale * NEAR]
            if not len(some):
                break
            steps = min(2 * self.steps, most)
            old, new = self._run(some, self.steps), self._run(some, steps)
            self.through = {k: v + new.through[k] - old.through[k] for k, v in self.through.items()}
            self.missed[some], self.steps = new.missed, steps
            now = max(self._slack().values())
            best, idle = (now, 0) if now < 0.7 * best else (best, idle + 1)
        return self


def _size(through: Floats, scale: float) -> float:
    """What a miss is measured by: Σ abs(G), or where that is little, a part of what lies between a path's two rows."""
    return max(float(np.abs(through).sum()), NEAR * scale)


def flow_sums(flow: Flow | None, layer: Layer, n: int) -> dict[str, list[float]]:
    """The sum at a layer, and its largest neurons; nothing where no gradient flows."""
    if flow is None or layer.name not in flow.whole or not np.isfinite(flow.whole[layer.name]).all():
        return {}
    through = flow.whole[layer.name]
    shown = min(SHOWN, max(8, ALL_SHOWN // len(flow.whole)))
    largest = np.argsort(-np.abs(through), kind="stable")[:shown]
    return {
        "flow": numbers(n, n * through.sum(), n * _size(through, flow.scale)),
        "steps": numbers(n, n * flow.steps),
        **{neuron(j): numbers(n * through[j]) for j in largest},
    }
