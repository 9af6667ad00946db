"""Rates over pairs of people, as of verification: rows that share a person are dependent.

Each of 60 people has a tendency of their own. Genuine rows are of one person, impostor rows of two, and some pairs are
tried again and again. `covers` is the interval of a group as it is printed.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from auditkit.evidence.tally import Tally
from tests.simulations.rates import gap_of, of_rate
from tests.simulations.setting import Outcome, Setting

PEOPLE = 60
_MANY = np.random.default_rng(0).normal(size=(2, 200_000))


def pairs(
    what: str, *, impostors: int, genuine: int = 0, tries: int = 1, level: float = -1.2, spread: float = 0.7
) -> Setting:
    """Rows of `impostors` pairs of people within each group and of `genuine` rows a person, each tried `tries` times.

    A row errs with chance expit(level + the tendencies of its people, of spread `spread`).
    """
    a, b = _MANY * spread
    two, one = float(expit(level + a + b).mean()), float(expit(level + a).mean())

    def once(rng: np.random.Generator) -> Outcome:
        tendency = rng.normal(0, spread, 2 * PEOPLE)
        first, second = [], []
        for group in range(2):
            people = np.arange(PEOPLE) + PEOPLE * group
            own = rng.integers(0, PEOPLE, impostors)
            other = (own + rng.integers(1, PEOPLE, impostors)) % PEOPLE
            first += [people[own], np.repeat(people, genuine)]
            second += [people[other], np.repeat(people, genuine)]
        i, j = (np.repeat(np.concatenate(x), tries) for x in (first, second))
        same = i == j
        y = (rng.random(len(i)) < expit(level + tendency[i] + np.where(same, 0.0, tendency[j]))).astype(int)
        sex = np.where(i < PEOPLE, "f", "m")
        truth = (one * same.sum() + two * (~same).sum()) / len(same)
        return of_rate(gap_of(Tally.of({"sex": sex}, y_true=y, y_pred=y, cluster=(i, j))), truth)

    return Setting(f"two-way: {what}", once)


SETTINGS = (
    pairs("300 impostor pairs", impostors=300),
    pairs("300 impostor pairs, 5 tries each", impostors=300, tries=5),
    pairs("300 impostor pairs and 5 genuine rows a person", impostors=300, genuine=5),
    pairs("1000 impostor pairs that seldom match", impostors=1000, level=-3.0),
    pairs("300 impostor pairs of people who are alike", impostors=300, spread=0.0),
)
