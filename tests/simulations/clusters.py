"""Rates of dependent rows: clusters alike, one giant, sizes of a power law, some of them in both groups.

`covers` is the interval of a group as it is printed, sparse ones too; `false gap` a gap between two groups of one rate.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from auditkit.evidence.tally import Tally
from tests.simulations.rates import gap_of, of_rate
from tests.simulations.setting import Outcome, Setting

Sizes = Callable[[np.random.Generator], np.ndarray]
"""rng → how many rows each cluster of one group has."""


def clustered(what: str, sizes: Sizes, p: float = 0.3, *, weighted: bool = False, spanning: bool = False) -> Setting:
    """Two groups of such clusters, whose own rates are Beta(5p, 5(1 − p)): correlation within of 1/6."""

    def once(rng: np.random.Generator) -> Outcome:
        each = [sizes(rng), sizes(rng)]
        size = np.concatenate(each)
        who = np.repeat(np.arange(len(size)), size)
        y = (rng.random(len(who)) < rng.beta(5 * p, 5 * (1 - p), len(size))[who]).astype(int)
        sex = np.where(rng.random(len(who)) < 0.5, "f", "m") if spanning else np.where(who < len(each[0]), "f", "m")
        weight = rng.lognormal(0, 0.7, len(who)) if weighted else None
        tally = Tally.of({"sex": sex}, y_true=y, y_pred=y, sample_weight=weight, cluster=who)
        return of_rate(gap_of(tally), p)

    words = [what, f"p = {p}", *(["lognormal weights"] if weighted else []), *(["in both groups"] if spanning else [])]
    return Setting(f"clusters: {', '.join(words)}", once)


def alike(clusters: int) -> Sizes:
    """Clusters of 15 rows."""
    return lambda rng: np.full(clusters, 15)


def giant(rng: np.random.Generator) -> np.ndarray:
    """One of 300 beside eleven of 20."""
    return np.array([300, *[20] * 11])


def power_law(clusters: int, shape: float = 1.2) -> Sizes:
    """Sizes of a power law from 4 rows on, cut at 400."""
    return lambda rng: np.minimum(400, 4 * (1 + rng.pareto(shape, clusters))).astype(int)


SETTINGS = (
    *(clustered(f"{n} of 15 rows", alike(n)) for n in (10, 24, 120)),
    clustered("24 of 15 rows", alike(24), 0.05),
    clustered("24 of 15 rows", alike(24), weighted=True),
    clustered("24 of 15 rows", alike(24), spanning=True),
    clustered("300 beside eleven of 20", giant),
    clustered("300 beside eleven of 20", giant, weighted=True),
    clustered("40, power law", power_law(40)),
    clustered("200, power law", power_law(200)),
    clustered("60, power law", power_law(60), weighted=True),
)
