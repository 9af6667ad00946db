"""Rates of stratified samples: strata of other rates and other shares drawn, with and without their populations.

The population is drawn once; with its size known the interval is of the population itself. `covers` is the interval of
a group as it is printed.
"""

from __future__ import annotations

import numpy as np

from auditkit.evidence.tally import Tally
from tests.simulations.rates import gap_of
from tests.simulations.setting import Outcome, Setting

SIZES = {"city": 6_000, "town": 3_000, "village": 800}
RATES = {"city": 0.15, "town": 0.4, "village": 0.7}


def stratified(what: str, drawn: dict[str, int], *, known: bool, sizes: dict[str, int] = SIZES) -> Setting:
    """So many rows drawn from each stratum without replacement, weighted by what each stands for."""
    fixed = np.random.default_rng(1)
    where = np.repeat(list(sizes), list(sizes.values()))
    y = (fixed.random(len(where)) < np.repeat([RATES[s] for s in sizes], list(sizes.values()))).astype(int)
    sex = fixed.choice(["f", "m"], len(where), p=[0.35, 0.65])
    rows = {s: np.flatnonzero(where == s) for s in sizes}
    truth = {g: float(y[sex == g].mean()) for g in ("f", "m")}

    def once(rng: np.random.Generator) -> Outcome:
        at = np.concatenate([rng.choice(rows[s], n, replace=False) for s, n in drawn.items()])
        weight = np.repeat([sizes[s] / n for s, n in drawn.items()], list(drawn.values()))
        tally = Tally.of(
            {"sex": sex[at]},
            y_true=y[at],
            y_pred=y[at],
            sample_weight=weight,
            strata=where[at],
            population=sizes if known else None,
        )
        held: dict[str, bool | None] = {}
        for group in gap_of(tally).by_group:
            (name,), e = group.group.values(), group.estimate
            assert e.low is not None
            assert e.high is not None
            held[f"covers {name}"] = e.low <= truth[name] <= e.high
        return held

    return Setting(f"strata: {what}", once)


SETTINGS = (
    stratified("in proportion", {"city": 180, "town": 90, "village": 24}, known=False),
    stratified("alike, of unlike strata", {"city": 100, "town": 100, "village": 100}, known=False),
    stratified(
        "half of a small population",
        {"city": 100, "town": 60, "village": 40},
        known=True,
        sizes={"city": 200, "town": 120, "village": 80},
    ),
)
