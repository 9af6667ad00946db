"""Rates of weighted rows: weights that know nothing of the outcome, that follow it, and that follow the group.

`covers` is the interval of a group as it is printed, sparse ones too; `false gap` a gap between two groups of one rate.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from auditkit.evidence.tally import Tally
from tests.simulations.rates import gap_of, of_rate
from tests.simulations.setting import Outcome, Setting

Draw = Callable[[np.random.Generator, np.ndarray], np.ndarray]
"""(rng, sex) → a weight for each row."""


def weighed(what: str, weight: Draw, p: float = 0.3, sizes: tuple[int, int] = (150, 450)) -> Setting:
    """Independent rows of two groups of one rate, weights drawn beside them."""

    def once(rng: np.random.Generator) -> Outcome:
        sex = np.repeat(["f", "m"], sizes)
        y = (rng.random(len(sex)) < p).astype(int)
        return of_rate(gap_of(Tally.of({"sex": sex}, y_true=y, y_pred=y, sample_weight=weight(rng, sex))), p)

    return Setting(f"weights: {what}, p = {p}, {' and '.join(map(str, sizes))} rows", once)


def following(what: str, p: float = 0.3, sizes: tuple[int, int] = (150, 450)) -> Setting:
    """Selected rows are drawn a quarter as often as others, and weigh four times as much."""

    def once(rng: np.random.Generator) -> Outcome:
        drawn = 0.25 * p / (0.25 * p + 1 - p)
        sex = np.repeat(["f", "m"], sizes)
        y = (rng.random(len(sex)) < drawn).astype(int)
        tally = Tally.of({"sex": sex}, y_true=y, y_pred=y, sample_weight=np.where(y == 1, 4.0, 1.0))
        return of_rate(gap_of(tally), p)

    return Setting(f"weights: {what}, p = {p}, {' and '.join(map(str, sizes))} rows", once)


def few_heavy(rng: np.random.Generator, sex: np.ndarray) -> np.ndarray:
    """5 % of the rows weigh 50."""
    return np.where(rng.random(len(sex)) < 0.05, 50.0, 1.0)


SETTINGS = (
    weighed("5 % weigh 50", few_heavy),
    weighed("5 % weigh 50", few_heavy, 0.05),
    weighed("5 % weigh 50", few_heavy, 0.3, (10, 60)),
    weighed("Pareto of shape 1.5", lambda rng, sex: 1 + rng.pareto(1.5, len(sex))),
    weighed("lognormal", lambda rng, sex: rng.lognormal(0, 1.2, len(sex)), 0.1),
    following("4 for the selected"),
    weighed("f weigh as by lot, m alike", lambda rng, sex: np.where(sex == "f", rng.exponential(size=len(sex)), 7.0)),
)
