"""The mean point of an attribution's rows, as sums that a report keeps: single rows can be compared with it later."""

from __future__ import annotations

import torch

from auditkit.batch import Batch
from auditkit.evidence.grouped import Grouped
from auditkit.evidence.sample import weights_of
from auditkit.explain.attributions.study import surface_for, weighted_mean
from auditkit.explain.methods.catalogue import method_of
from auditkit.explain.preflight import undisturbed
from auditkit.inputs.model import Model

MOST_KEPT = 1_000
"""Entries of a point of which a report keeps the mean, at most."""


def point_sums(model: Model, sample: Batch, method: str) -> Grouped | None:
    """Weighted sums of the points of the sampled rows, whose mean is the baseline; None for whole numbers or many.

    An entry that a row lacks counts as the mean of the others.
    """
    with undisturbed(model):
        at = surface_for(model, sample.features, method_of(method))
        if not at.points or not all(p.is_floating_point() for p in at.points):
            return None
        if sum(p[0].numel() for p in at.points) > MOST_KEPT:
            return None
        rows = torch.cat([p.detach().reshape(len(at), -1).double().cpu() for p in at.points], dim=1)
        means = torch.cat([m.flatten().double().cpu() for m in weighted_mean(at, sample.weight)])
    known = torch.where(rows.isfinite(), rows, means)
    if not bool(known.isfinite().all()):
        return None
    return Grouped.of({str(j): column.numpy() for j, column in enumerate(known.T)}, weights_of(sample))
