"""The gap of two groups, as it flows through the layers of a net: over all rows, and over each half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from auditkit.arrays import Floats, Positions
from auditkit.batch import Batch
from auditkit.errors import NotExplained
from auditkit.explain.asking import NoGradient
from auditkit.explain.attributions.study import groups_of
from auditkit.explain.layers.conductance import INPUT, STEPS, conductance
from auditkit.explain.layers.layer import Layer
from auditkit.explain.layers.rows import Rows
from auditkit.explain.layers.sums import CUT, neuron, numbers
from auditkit.explain.surface import Surface, surface
from auditkit.inputs.groups import Groups
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, leaves

SHOWN, ALL_SHOWN = 64, 2_000
"""Neurons kept a layer at most, and about as many of all layers of a deep net, but at least eight a layer."""


@dataclass(frozen=True)
class Flow:
    """Gap conductance over all rows, and over each half."""

    whole: dict[str, Floats]
    halves: tuple[dict[str, Floats], dict[str, Floats]]
    steps: int
    """Pieces of the paths: as many as it took."""


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
    if not at.points or not all(bool(p.isfinite().all()) for p in at.points):
        return None
    everyone = np.arange(len(rows.z))
    single = [y for y in layers if not y.parts]
    cuts = {INPUT, *(y.name for y in single if y.cut)}
    steps = min(STEPS, most)
    try:
        whole = _flow(at, model, single, rows, everyone, seed, steps)
        while steps < most and not whole.adds_up(cuts):
            steps = min(2 * steps, most)
            whole = _flow(at, model, single, rows, everyone, seed, steps)
        first, second = (_flow(at, model, single, rows, h.fit, seed, steps) for h in rows.parts)
    except NoGradient:
        return None
    return Flow(whole.through, (first.through, second.through), steps)


class _Found(NamedTuple):
    through: dict[str, Floats]
    total: float

    def adds_up(self, cuts: set[str]) -> bool:
        """Whether contributions at all of these add up to the gap."""
        some = [v for name, v in self.through.items() if name in cuts and np.isfinite(v).all()]
        return all(abs(v.sum() - self.total) <= CUT * np.abs(v).sum() for v in some)


def _flow(
    at: Surface, model: Model, layers: Sequence[Layer], rows: Rows, some: Positions, seed: int, steps: int
) -> _Found:
    pairs = rows.pairs(some, seed)
    ends, starts = (torch.as_tensor(rows.where[i]) for i in (pairs.first, pairs.second))
    baseline = tuple(p[starts] for p in at.points)
    found = conductance(at.take(ends), baseline, model.module, layers, n_steps=steps, weight=pairs.weight)
    return _Found(found.through, float(found.total))


def flow_sums(flow: Flow | None, layer: Layer, n: int) -> dict[str, list[float]]:
    """The sum at a layer, and its largest neurons; nothing where no gradient flows."""
    if flow is None or layer.name not in flow.whole or not np.isfinite(flow.whole[layer.name]).all():
        return {}
    through = flow.whole[layer.name]
    shown = min(SHOWN, max(8, ALL_SHOWN // len(flow.whole)))
    largest = np.argsort(-np.abs(through), kind="stable")[:shown]
    return {
        "flow": numbers(n, n * through.sum(), n * np.abs(through).sum()),
        "steps": numbers(n, n * flow.steps),
        **{neuron(j): numbers(n * through[j]) for j in largest},
    }
