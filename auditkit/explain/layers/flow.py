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
from auditkit.explain.layers.conductance import STEPS, conductance
from auditkit.explain.layers.discovery import Layer
from auditkit.explain.layers.rows import Rows
from auditkit.explain.layers.sums import neuron, numbers
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


def flows_of(
    model: Model, sample: Batch, inputs: Inputs, layers: Sequence[Layer], rows: Rows, seed: int
) -> Flow | None:
    """None where the net has no gradient, or none leads to its inputs."""
    try:
        groups = groups_of(model, inputs, sample.features)
    except NotExplained:  # names of columns are not needed here
        groups = Groups(("all",), tuple(torch.zeros_like(t[:1], dtype=torch.long) for t in leaves(inputs)))
    at = surface(model, inputs, groups, scale="score")
    if not at.points or not all(bool(p.isfinite().all()) for p in at.points):
        return None
    everyone = np.arange(len(rows.z))
    try:
        found = [_flow(at, model, layers, rows, some, seed) for some in (everyone, *(h.fit for h in rows.parts))]
    except NoGradient:
        return None
    return Flow(found[0], (found[1], found[2]))


def _flow(
    at: Surface, model: Model, layers: Sequence[Layer], rows: Rows, some: Positions, seed: int
) -> dict[str, Floats]:
    pairs = rows.pairs(some, seed)
    ends, starts = (torch.as_tensor(rows.where[i]) for i in (pairs.first, pairs.second))
    baseline = tuple(p[starts] for p in at.points)
    found = conductance(at.take(ends), baseline, model.module, layers, n_steps=STEPS, weight=pairs.weight)
    return found.through


def flow_sums(flow: Flow | None, layer: Layer, n: int) -> dict[str, list[float]]:
    """The sum at a layer, and its largest neurons; nothing where no gradient flows."""
    if flow is None or layer.name not in flow.whole or not np.isfinite(flow.whole[layer.name]).all():
        return {}
    through = flow.whole[layer.name]
    shown = min(SHOWN, max(8, ALL_SHOWN // len(flow.whole)))
    largest = np.argsort(-np.abs(through), kind="stable")[:shown]
    return {
        "flow": numbers(n, n * through.sum(), n * np.abs(through).sum()),
        **{neuron(j): numbers(n * through[j]) for j in largest},
    }
