"""The rows that a layer audit compares: two groups of one attribute, in two halves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Bools, Floats, Positions
from auditkit.batch import MISSING, Batch, missing
from auditkit.errors import listing
from auditkit.evidence.sample import weights_of
from auditkit.evidence.sums import Weights
from auditkit.explain.all_rows import of_scores
from auditkit.explain.classes import LEAST, distinct_alone
from auditkit.explain.estimates import group_means
from auditkit.explain.gaps.pairs import Pairs, staircase
from auditkit.explain.layers.legitimate import legitimate
from auditkit.explain.layers.probes import Half, halves


@dataclass(frozen=True)
class Rows:
    """The rows of two groups of one attribute."""

    attribute: str
    where: Positions
    """(n,) their positions in the sample."""
    z: Bools
    """(n,) True: the group with the higher mean score."""
    weights: Weights
    truth: Floats
    """(n,) y_true as 1 or 0; NaN where missing, or where nothing is decided."""
    parts: tuple[Half, Half]
    held: Floats | None = None
    """(n, K) the legitimate columns and the truth; None: no column was declared legitimate."""

    @property
    def weight(self) -> Floats:
        """(n,) rows of the data that each stands for."""
        return self.weights.weight

    def gap(self, scores: Floats) -> float:
        """Difference of the groups' weighted mean scores (n,)."""
        w = self.weight
        return float(w[self.z] @ scores[self.z] / w[self.z].sum() - w[~self.z] @ scores[~self.z] / w[~self.z].sum())

    def pairs(self, rows: Positions, seed: int) -> Pairs:
        """Pairs within some of the rows (positions 0 … n−1): higher group first."""
        up, down = rows[self.z[rows]], rows[~self.z[rows]]
        p = staircase(self.weight[up], self.weight[down], rng=np.random.default_rng(seed))
        return Pairs(up[p.first], down[p.second], p.weight)


def rows_compared(
    sample: Batch, scores: Floats, by: Sequence[str] | None, *, seed: int
) -> tuple[list[Rows], dict[str, Any]]:
    """The rows of each attribute's two groups that drive the gap, and what is said of each attribute."""
    weights = distinct_alone(weights_of(sample))
    held = legitimate(sample)
    facts: dict[str, Any] = {}
    chosen = []
    names = by if by is not None else tuple(map(str, sample.groups.columns))
    for name in names:
        labels = sample.groups[name].astype("str").to_numpy()
        means = group_means(scores, weights.weight, labels, LEAST, copies=weights.copies)
        means = {g: mean for g, mean in means.items() if (labels == g).sum() > 1}  # a row for each half
        means.pop(MISSING, None)
        if len(means) < 2:
            facts[name] = {"why": _why_no_pair(labels, means)}
            continue
        all_rows = of_scores(sample.census, name, numeric=sample.kind.numeric, level=0.95)
        pair = None if all_rows is None else all_rows.surest(means)
        order = sorted(means, key=lambda g: means[g])
        high, low = (order[-1], order[0]) if pair is None else pair
        others = sorted(set(labels) - {low, high})
        facts[name] = {"low": low, "high": high, "others": others}
        where = np.flatnonzero((labels == low) | (labels == high))
        z = labels[where] == high
        truth = np.where(missing(sample.y_true[where]) | (not sample.kind.yes_no), np.nan, sample.y_true[where])
        basis = None if held is None else held.basis[where]
        chosen.append(Rows(name, where, z, weights.at(where), truth, halves(z, seed=seed), basis))
    return chosen, {"attributes": facts, "held": [] if held is None else list(held.names)}


def _why_no_pair(labels: NDArray[Any], enough: dict[str, float]) -> str:
    if len(set(labels) - {MISSING}) < 2:
        return "the sample holds one group only"
    found = listing(enough) or "none"
    return f"two groups of at least {LEAST} sampled rows are needed; there are: {found}"
