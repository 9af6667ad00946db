"""Verification: 60 people, every pair of whom is tried; ratios of false match rates, and what is made of all groups.

Each person has a tendency to be taken for others, and each pair of people one of its own, which all its tries share.
The truth is the rate among all people of whom these are drawn. `covers` is the interval as it is printed.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.matches import answering
from auditkit.question import Question
from auditkit.records import Comparison, Estimate
from tests.simulations.setting import Outcome, Setting

PEOPLE = 60
_MANY = np.random.default_rng(0).normal(size=(3, 100_000))


def _level(rate: float, spread: float, pair: float) -> float:
    """The level at which pairs of two people match at this rate."""
    own = spread * (_MANY[0] + _MANY[1]) + pair * _MANY[2]
    return float(brentq(lambda x: expit(x + own).mean() - rate, -30.0, 10.0))


def _estimate(tally: Tally, metric: str, kind: Comparison) -> Estimate:
    found = answering(tally, Question(metric, kind, ("sex",), level=0.95))
    assert found is not None
    return found.finding(kind).estimate


def _holds(e: Estimate, truth: float) -> bool | None:
    return None if e.low is None or e.high is None else e.low <= truth <= e.high


def everybody(what: str, rates: dict[str, float], *, tries: int = 1, spread: float = 0.5, pair: float = 0.5) -> Setting:
    """All pairs of the people of each group, each tried `tries` times, and three pairs of each person with a miss rate
    of 0.1."""
    levels = {g: _level(p, spread, pair) for g, p in rates.items()}
    size = PEOPLE // len(rates)
    i, j = np.triu_indices(size, 1)
    values = np.array(list(rates.values()))
    ratio = values.min() / values.max()
    worst = max(1.0, float(values.max() / np.exp(np.log(values).mean())))
    discrepancy = 1 - (values.max() - values.min()) / 2

    def once(rng: np.random.Generator) -> Outcome:
        sex, truth, match, first, second = [], [], [], [], []
        for k, (g, level) in enumerate(levels.items()):
            own, both = rng.normal(0, spread, size), rng.normal(0, pair, len(i))
            p = np.repeat(expit(level + own[i] + own[j] + both), tries)
            one = np.repeat(np.arange(size), 3)
            sex += [g] * (len(p) + len(one))
            truth += [0] * len(p) + [1] * len(one)
            match += [*(rng.random(len(p)) < p), *(rng.random(len(one)) < 0.9)]
            first += [*(size * k + np.repeat(i, tries)), *(size * k + one)]
            second += [*(size * k + np.repeat(j, tries)), *(size * k + one)]
        people = (np.array(first), np.array(second))
        tally = Tally.of({"sex": sex}, y_true=truth, y_pred=np.array(match, dtype=int), cluster=people)
        found = _estimate(tally, "false_match_rate", "ratio")
        out: dict[str, bool | None] = {
            "covers ratio": _holds(found, ratio),
            "covers worst": _holds(_estimate(tally, "false_match_rate_inequity", "group_max"), worst),
            "covers discrepancy": _holds(_estimate(tally, "fairness_discrepancy_rate", "ratio"), discrepancy),
        }
        if ratio == 1:
            out["false gap"] = None if found.high is None else found.high < 1
        else:
            out["shows the gap"] = None if found.high is None else found.high < 1
        return out

    return Setting(f"verification: {what}", once, replications=1_000)


SETTINGS = (
    everybody("equal, FMR .02", {"f": 0.02, "m": 0.02}),
    everybody("equal, FMR .02, 4 tries", {"f": 0.02, "m": 0.02}, tries=4),
    everybody("FMR .06 and .02", {"f": 0.06, "m": 0.02}),
    everybody("three groups equal, FMR .05", {"a": 0.05, "b": 0.05, "c": 0.05}),
    everybody("equal, FMR .1, people who differ", {"f": 0.1, "m": 0.1}, spread=1.0, tries=4),
)
