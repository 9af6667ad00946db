"""Expected Gradients of single rows: as many draws as it takes for the contributions to add up."""

from __future__ import annotations

import numpy as np
import torch

from auditkit.explain.attributions.study import Explained, Setup
from auditkit.explain.captum_calls import Tensors
from auditkit.explain.methods.paths import integrated_gradients
from auditkit.explain.trust.records import T1_LIMIT, completeness
from auditkit.inputs.groups import summed

EXPECTED = ("expected_gradients", "gradient_shap")
"""Methods that differ in their draws alone: for all of them, these are the same contributions."""
MOST_POINTS = 64
"""Points of the way from each row of the background, at most."""


def expected_of_rows(ready: Setup, baseline: Tensors, mean: float) -> tuple[Explained, Tensors]:
    """Contributions of each row from every row of the background, the mean over these; and those of entries.

    The draws are each row of `baseline` (M, …), with one point of the way (Gauss–Legendre, so its middle), then two,
    four, …, 64, for the rows that miss F(x) − `mean` by more than 5 % (T1). `steps` says how many draws a row took.
    """
    at, m = ready.at, len(baseline[0])
    delta = at.at(at.points).double().cpu().numpy() - mean
    parts = tuple(torch.zeros_like(p) for p in at.points)
    steps = np.zeros(len(at), dtype=np.int64)
    missed, points = np.arange(len(at)), 1
    epsilon = np.full(len(at), np.inf)
    while len(missed):
        for i in missed:
            many = at.take(torch.full((m,), int(i), device=at.points[0].device))
            found = integrated_gradients(many, baseline, n_steps=points)
            for part, own in zip(parts, found, strict=True):
                part[i] = own.mean(0)
        steps[missed] = points * m
        epsilon = completeness(summed(at.groups, parts).sum(1).cpu().numpy(), delta)
        missed, points = np.flatnonzero((epsilon > T1_LIMIT) & (steps < MOST_POINTS * m)), 2 * points
    phi = summed(at.groups, parts).cpu().numpy()
    kept = [j for j, name in enumerate(at.groups.names) if name not in at.unmoved]
    names = tuple(at.groups.names[j] for j in kept)
    return Explained(phi[:, kept], names, delta, epsilon, steps, ready.method, ready.switched, at.unmoved), parts
