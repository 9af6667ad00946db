"""What a simulation is: a setting whose truth is known, drawn again and again, and the bounds that its shares keep.

A file of this folder holds the settings of one kind as `SETTINGS`. `make simulate` runs all of them in full and writes
`results/`, a table a kind; a thirtieth of the draws is a test of each (of every fourth in the slow suite, of all in
`make test-full`), which fails only where the draws exclude a bound.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from zlib import crc32

import numpy as np
from scipy.stats import beta

Outcome = Mapping[str, bool | None]
"""Statistic → whether it came true in this draw; None: it does not count there (nothing was shown)."""
SURE = 0.99
"""Level of the binomial interval of a share: both tails together."""
BOUNDS = {"covers": (0.92, 1.0), "false": (0.0, 0.07)}
"""By the first word of a statistic: least and largest share. Others need bounds of their own, or are only told."""


@dataclass(frozen=True)
class Setting:
    """One setting. `once(rng)` draws data, audits them, and says of each statistic whether it came true."""

    name: str
    once: Callable[[np.random.Generator], Outcome]
    replications: int = 2_000
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Statistic → least and largest share; what is not here has the bounds of its first word."""

    def bound(self, statistic: str) -> tuple[float, float]:
        """Least and largest share that the statistic may have; 0 and 1 where it is only told."""
        return self.bounds.get(statistic, BOUNDS.get(statistic.split(" ")[0], (0.0, 1.0)))

    def run(self, part: int = 1, of: int = 1) -> list[Share]:
        """The shares of one part of `of` of the draws; draw i has the same seed in every part."""
        hits, draws = Counter[str](), Counter[str]()
        for i in range(part - 1, self.replications, of):
            for statistic, true in self.once(np.random.default_rng([self.seed, i])).items():
                hits[statistic] += bool(true)
                draws[statistic] += true is not None
        return [Share(self.name, s, hits[s], draws[s], *self.bound(s), self.seed) for s in hits]

    @property
    def kind(self) -> str:
        """What stands before the colon of the name: "weights" of "weights: Pareto"."""
        return self.name.split(":")[0]

    @property
    def seed(self) -> int:
        """Of all draws, from the setting's name."""
        return crc32(self.name.encode())


@dataclass(frozen=True)
class Share:
    """How often a statistic came true."""

    setting: str
    statistic: str
    hits: int
    draws: int
    least: float
    most: float
    seed: int

    @property
    def value(self) -> float:
        """The share; NaN where it never counted."""
        return self.hits / self.draws if self.draws else float("nan")

    @property
    def limits(self) -> tuple[float, float]:
        """Clopper and Pearson's interval of the share, at `SURE`."""
        tail, k, n = (1 - SURE) / 2, self.hits, self.draws
        low = 0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1))
        return low, 1.0 if k == n else float(beta.ppf(1 - tail, k + 1, n - k))

    @property
    def kept(self) -> bool:
        """Whether the share itself keeps its bounds."""
        return not self.draws or self.least <= self.value <= self.most

    @property
    def excluded(self) -> bool:
        """Whether so many draws exclude that the bounds are kept."""
        low, high = self.limits
        return high < self.least or low > self.most


@cache
def settings() -> dict[str, Setting]:
    """Every setting of this folder, by name."""
    found: dict[str, Setting] = {}
    for module in pkgutil.iter_modules(importlib.import_module("tests.simulations").__path__):
        if not module.name.startswith(("_", "test_")):
            for one in getattr(importlib.import_module(f"tests.simulations.{module.name}"), "SETTINGS", ()):
                assert one.name not in found, f"two settings are called '{one.name}'"
                found[one.name] = one
    return found
