"""At one layer: how well the attribute is read from it, and what happens when it is erased or neurons are held there.

Everything is fitted on one half of the rows and read on the other, and the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from auditkit.arrays import Bools, Floats
from auditkit.errors import NotExplained
from auditkit.evidence.sums import Moments, Weights
from auditkit.explain.layers.conductance import INPUT
from auditkit.explain.layers.discovery import Change, Layer
from auditkit.explain.layers.erasure import leace, random_eraser, ridge_of, whitening
from auditkit.explain.layers.flow import Flow
from auditkit.explain.layers.interventions import erasing, holding, scores_with
from auditkit.explain.layers.probes import Half, auc_of, balanced_accuracy, fitted_and_read
from auditkit.explain.layers.rows import Rows
from auditkit.explain.layers.sums import numbers
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, taken

TOP = 5
"""Neurons that the ablation holds; a sixth of a narrow layer's, at least one."""
NARROWEST = 4
"""Units below which an ablation says nothing: a random set would be the same neurons."""


def knows(x: Floats, others: Sequence[Floats], rows: Rows, controls: Sequence[Bools]) -> dict[str, list[float]]:
    """Held-out accuracy of the probe, and of the same probe on control tasks and on untrained copies."""
    z, w, n = rows.z, rows.weight, len(rows.z)
    if not np.isfinite(x).all():
        return {}
    tasks = [c for c in controls if _both(c, rows)]
    said, *trained = fitted_and_read(x, [z, *tasks], w, rows.parts)
    right = ((said > 0) == z).astype(float)
    out = {
        "low_right": _rate(right[~z], rows.weights.at(~z)),
        "high_right": _rate(right[z], rows.weights.at(z)),
        "auc": numbers(*auc_of(said, z, w, rows.parts)),
    }
    if tasks:
        control = float(np.mean([balanced_accuracy(s, c, w) for s, c in zip(trained, tasks, strict=True)]))
        out["control"] = numbers(n, n * control)
    reading = [
        balanced_accuracy(fitted_and_read(o, [z], w, rows.parts)[0], z, w) for o in others if np.isfinite(o).all()
    ]
    if reading:
        out["untrained"] = numbers(n, n * float(np.mean(reading)))
    return out


def _both(labels: Bools, rows: Rows) -> bool:
    """Whether both labels stand in both halves."""
    return all(labels[h.fit].any() and not labels[h.fit].all() for h in rows.parts)


def _rate(right: Floats, weights: Weights) -> list[float]:
    w = weights.weight
    w2 = float(w @ w) if weights.squares is None else float(weights.squares.sum())
    return numbers(w.sum(), w2, float(w @ right), weights.rows)


@dataclass(frozen=True)
class LayerInterventions:
    """Interventions at one layer, each fitted on one half of the rows and read on the other."""

    model: Model
    inputs: Inputs
    layer: Layer
    rows: Rows
    scores: Floats

    def erased(self, x: Floats, *, random: int, seed: int) -> dict[str, list[float]]:
        """The attribute erased, and as many random directions."""
        if not self._possible(x):
            return {}
        z, w, n = self.rows.z, self.rows.weight, len(self.rows.z)
        after = np.zeros(n)
        drawn = np.zeros((random, n))
        for half in self.rows.parts:
            fit = half.fit
            white = whitening(x[fit], w[fit])
            if not len(white.variances):
                return {}
            white = white.ridged(ridge_of(white, x[fit], z[fit].astype(float), w[fit]))
            eraser = leace(x[fit], z[fit], w[fit], white=white)
            after[half.read] = self._run(half, erasing(eraser))
            for i in range(random):
                other = random_eraser(white, max(1, eraser.rank), seed=seed + i)
                drawn[i, half.read] = self._run(half, erasing(other))
        if not np.isfinite(after).all():
            return {}
        return self._middle("random", drawn) | self._before_and_after(after)

    def ablated(self, x: Floats, flow: Flow | None, *, random: int, seed: int) -> dict[str, list[float]]:
        """The neurons that carry most of the gap held at their means, and as many random ones."""
        units = x.shape[1]
        if flow is None or units < NARROWEST or self.layer.name not in flow.whole or not self._possible(x):
            return {}
        n, k = len(self.rows.z), min(TOP, max(1, units // 6))
        after = np.zeros(n)
        drawn = np.zeros((random, n))
        for i, half in enumerate(self.rows.parts):
            means = np.average(x[half.fit], axis=0, weights=self.rows.weight[half.fit])
            top = np.argsort(-flow.halves[i][self.layer.name], kind="stable")[:k]
            after[half.read] = self._run(half, holding(top, means))
            for r in range(random):
                some = np.random.default_rng([seed, r]).choice(units, k, replace=False)
                drawn[r, half.read] = self._run(half, holding(some, means))
        if not np.isfinite(after).all():
            return {}
        return {"ablated": numbers(n, k * n, n * self.rows.gap(after)), **self._middle("ablated_random", drawn)}

    def _middle(self, what: str, drawn: Floats) -> dict[str, list[float]]:
        """The median gap of several runs (R, n), and how many of them the net could not read."""
        n = len(self.scores)
        gaps = [self.rows.gap(scores) for scores in drawn if np.isfinite(scores).all()]
        lost = len(drawn) - len(gaps)
        found = {what: numbers(n, n * float(np.median(gaps)))} if gaps else {}
        return found | ({f"{what}_lost": numbers(n, n * lost)} if lost else {})

    def _possible(self, x: Floats) -> bool:
        whole = self.layer.name != INPUT or (
            isinstance(self.inputs, Tensor)
            and self.inputs.is_floating_point()
            and bool(self.inputs.isfinite().all())  # what is missing stands beside it, in `x` alone
        )
        return whole and bool(np.isfinite(x).all())

    def _run(self, half: Half, change: Change) -> Floats:
        """Scores with the change; NaN where the net cannot read what it then gets, as a broken code."""
        some = taken(self.inputs, torch.as_tensor(half.read))
        try:
            return scores_with(self.model, some, self.layer, change)
        except NotExplained:
            return np.full(len(half.read), np.nan)

    def _before_and_after(self, after: Floats) -> dict[str, list[float]]:
        z, w, before = self.rows.z, self.rows.weights, self.scores
        out = {}
        for name, group in (("low", ~z), ("high", z)):
            values = np.stack([before, after, before - after], axis=1)[group]
            out[f"{name}_scores"] = moments(Moments.of(values, w.at(group)))
        truth = self.rows.truth
        known = ~np.isnan(truth)
        if known.any():
            was, now = (((s >= self.model.threshold) == (truth == 1))[known].astype(float) for s in (before, after))
            out["accuracy"] = moments(Moments.of(np.stack([was, now, was - now], axis=1), w.at(known)))
        return out


def moments(m: Moments) -> list[float]:
    """As numbers that add: n, Σw, Σw², then Σwx and Σwx² of each column."""
    return numbers(m.n, m.w, m.w2, *m.wx, *m.wx2)
