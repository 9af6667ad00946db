"""A number of two audits of independent rows: the interval of the change, from both estimates alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.check import answering
from auditkit.gate.unpaired import measured, shift
from auditkit.question import Question
from auditkit.records import Comparison, Estimate
from tests.simulations.setting import Outcome, Setting

Groups = Mapping[str, tuple[int, float]]
"""Group → rows, and its true rate."""


def value_of(rng: np.random.Generator, groups: Groups, comparison: Comparison) -> Estimate:
    """What one audit of new rows says."""
    sex = np.repeat(list(groups), [n for n, _ in groups.values()])
    y = np.concatenate([rng.random(n) < p for n, p in groups.values()]).astype(int)
    by = () if comparison == "overall" else ("sex",)
    found = answering(
        Tally.of({"sex": sex}, y_true=y, y_pred=y), Question("selection_rate", comparison, by, level=0.95)
    )
    assert found is not None
    return found.finding(comparison).estimate


def truth(groups: Groups, comparison: Comparison) -> float:
    """The same of everybody."""
    rates = [p for _, p in groups.values()]
    of: dict[Comparison, Callable[[], float]] = {
        "overall": lambda: sum(n * p for n, p in groups.values()) / sum(n for n, _ in groups.values()),
        "difference": lambda: max(rates) - min(rates),
        "ratio": lambda: min(rates) / max(rates),
        "group_min": lambda: min(rates),
    }
    return of[comparison]()


def moved(name: str, old: Groups, new: Groups, comparison: Comparison = "difference") -> Setting:
    """Two audits, and whether the interval of the change holds the true one; `false`: a change where there is none."""
    change = truth(new, comparison) - truth(old, comparison)

    def once(rng: np.random.Generator) -> Outcome:
        a, b = (measured(value_of(rng, groups, comparison)) for groups in (old, new))
        assert a is not None
        assert b is not None
        e = shift(a, b, 0.95)
        if e.low is None or e.high is None:
            return {"covers change": None, "false change": None}
        sure = e.low > 0 or e.high < 0
        return {"covers change": e.low <= change <= e.high, "false change": sure if abs(change) < 1e-12 else None}

    bounds = {"covers change": (0.93, 1.0), "false change": (0.0, 0.07)}
    return Setting(f"unpaired: {name}", once, replications=1_000, bounds=bounds)


TWO = {"f": (150, 0.3), "m": (450, 0.45)}
FOUR = {"a": (60, 0.3), "b": (150, 0.35), "c": (400, 0.4), "d": (900, 0.3)}
SETTINGS = (
    moved("one rate, unchanged", {"f": (200, 0.3)}, {"f": (900, 0.3)}, "overall"),
    moved("one rare rate, moved", {"f": (300, 0.03)}, {"f": (120, 0.08)}, "overall"),
    moved("gap of two groups, unchanged", TWO, TWO),
    moved("gap of two groups, grown", TWO, {"f": (400, 0.25), "m": (300, 0.5)}),
    moved("no gap of two groups", {"f": (100, 0.4), "m": (300, 0.4)}, {"f": (800, 0.4), "m": (900, 0.4)}),
    moved("gap of four groups, grown", FOUR, {**FOUR, "c": (300, 0.55)}),
    moved("no gap of four groups", dict.fromkeys("abcd", (150, 0.3)), dict.fromkeys("abcd", (1_500, 0.3))),
    moved("ratio of two groups, moved", TWO, {"f": (300, 0.4), "m": (300, 0.5)}, "ratio"),
    moved("lowest rate of four groups", FOUR, {**FOUR, "a": (200, 0.2)}, "group_min"),
)
