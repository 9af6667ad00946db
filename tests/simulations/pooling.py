"""Partly pooled rates of many small crossings: coverage averaged over the crossings, one of each draw at random."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from auditkit.stats.partial_pooling import partially_pooled
from tests.simulations.setting import Outcome, Setting

Truth = Callable[[np.random.Generator, int], np.ndarray]


def crossings(name: str, truth: Truth, groups: int = 12) -> Setting:
    def once(rng: np.random.Generator) -> Outcome:
        n, rates = rng.integers(3, 60, groups), truth(rng, groups)
        found = partially_pooled(rng.binomial(n, rates), n, level=0.95)
        one = int(rng.integers(groups))
        return {"covers a crossing": bool(found.low[one] <= rates[one] <= found.high[one])}

    return Setting(f"pooling: {name}", once)


SETTINGS = (
    crossings("rates of a beta", lambda rng, k: rng.beta(3, 7, k)),
    crossings("one rate", lambda rng, k: np.full(k, 0.3)),
    crossings("rare", lambda rng, k: rng.beta(1, 30, k)),
    crossings("two kinds", lambda rng, k: np.where(rng.random(k) < 0.3, 0.6, 0.2)),
    crossings("one far out", lambda rng, k: np.where(np.arange(k) == 0, 0.9, 0.3)),
    crossings("logit-normal", lambda rng, k: 1 / (1 + np.exp(-rng.normal(-1, 1, k)))),
)
