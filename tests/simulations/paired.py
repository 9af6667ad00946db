"""What changed between two models on the same rows: coverage, equivalence, growth of gaps, and nothing called worse.

Truth and both decisions of three groups are drawn, the decisions correlated given the truth. `covers` are a rate's own
intervals by group, `covers all` those of the lowest and highest change and of the growth of gaps; `false worse` are
draws of unchanged rates in which somebody is said to be worse off; `false same` those in which a change that is just
as large as a margin passes two one-sided tests at 5 %. `found paired` and `found apart` tell what comparing row by row
sees of a change that two independent samples of the same size would not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from auditkit.evidence.paired import Paired
from auditkit.fairness.change.family import Change
from auditkit.fairness.change.rates import RateChange
from auditkit.stats.pairs import difference
from auditkit.stats.rates import wilson
from tests.simulations.setting import Outcome, Setting

METRICS = ("true_positive_rate", "false_positive_rate", "selection_rate", "accuracy", "precision")
CELLS = [(y, new, old) for y in (0, 1) for new in (0, 1) for old in (0, 1)]
SLACK = 0.014
"""How far the share of errors of 5 % may lie above it in 1,000 draws: two standard errors."""


class Group(NamedTuple):
    """Rows of one group: how many are positive, and how many of each truth the models select."""

    n: int
    positive: float
    old: tuple[float, float]
    """Of negatives, of positives."""
    new: tuple[float, float]
    rho: float
    """Correlation of both decisions given the truth, cut to what the rates allow."""

    @property
    def cells(self) -> np.ndarray:  # type: ignore[type-arg]
        """(8,) probabilities of `CELLS`."""
        out = []
        for y, share in ((0, 1 - self.positive), (1, self.positive)):
            a, b = self.old[y], self.new[y]
            both = a * b + self.rho * np.sqrt(a * (1 - a) * b * (1 - b))
            both = min(max(both, a + b - 1, 0.0), a, b)
            known = {(1, 1): both, (1, 0): b - both, (0, 1): a - both, (0, 0): 1 - a - b + both}
            out += [share * known[new, old] for new in (0, 1) for old in (0, 1)]
        p = np.maximum(out, 0.0)
        return np.asarray(p / p.sum())

    def rate(self, metric: str, of: str) -> float:
        """The true rate of one model."""
        i = 1 if of == "new" else 2
        p = dict(zip(CELLS, self.cells, strict=True))
        selected = {y: sum(x for c, x in p.items() if c[0] == y and c[i]) for y in (0, 1)}
        rows = {y: sum(x for c, x in p.items() if c[0] == y) for y in (0, 1)}
        return {
            "true_positive_rate": selected[1] / rows[1],
            "false_positive_rate": selected[0] / rows[0],
            "selection_rate": selected[0] + selected[1],
            "accuracy": rows[0] - selected[0] + selected[1],
            "precision": selected[1] / max(selected[0] + selected[1], 1e-12),
        }[metric]


def drawn(groups: Mapping[str, Group], rng: np.random.Generator) -> Paired:
    """The rows of all groups, counted."""
    names, counts = list(groups), [rng.multinomial(g.n, g.cells) for g in groups.values()]
    y, new, old = (np.tile([c[i] for c in CELLS], len(names)) for i in range(3))
    rows = {"g": np.repeat(names, len(CELLS))}
    n = np.concatenate(counts).astype(float)
    return Paired.of(rows, y_true=y, y_pred=new, y_old=old, sample_weight=n, weights_kind="frequency")


def _family(paired: Paired, metric: str) -> Change:
    return Change.of(RateChange.of(paired, metric, ("g",), level=0.95))


def coverage(name: str, groups: Mapping[str, Group], metrics: tuple[str, ...] = METRICS) -> Setting:
    """Every interval of the section holds the truth."""
    truth = {m: {k: g.rate(m, "new") - g.rate(m, "old") for k, g in groups.items()} for m in metrics}
    gap = {}
    for m in metrics:
        rates = [(g.rate(m, "old"), g.rate(m, "new")) for g in groups.values()]
        pairs = [(a, b) for i, a in enumerate(rates) for b in rates[:i]]
        gap[m] = max(abs(a[1] - b[1]) - abs(a[0] - b[0]) for a, b in pairs)
    same = all(abs(x) < 1e-12 for changes in truth.values() for x in changes.values())

    def once(rng: np.random.Generator) -> Outcome:
        paired, out = drawn(groups, rng), {}
        for m in metrics:
            family = _family(paired, m)
            if len(family.positions) < len(groups):
                continue  # a group is too small in this draw: the family is of others
            for own in family.by_group:
                e, k = own.estimate, own.group["g"]
                out[f"covers {m} {k}"] = _holds(e.low, truth[m][k], e.high)
            ends = min(truth[m].values()), max(truth[m].values())
            for kind, value in (("lowest_change", ends[0]), ("highest_change", ends[1]), ("gap_change", gap[m])):
                e, _ = family.measured(kind)  # type: ignore[arg-type]
                out[f"covers {m} {kind}"] = _holds(e.low, value, e.high)
                if same and kind == "lowest_change":
                    out[f"false worse {m}"] = (e.high or 0.0) < 0
        return out

    bounds = {f"covers {m} {k}": (0.93, 1.0) for m in metrics for k in (*groups, "lowest_change", "highest_change")}
    bounds |= {f"covers {m} gap_change": (0.93, 1.0) for m in metrics}
    return Setting(f"paired: {name}", once, bounds=bounds, replications=1_000)


def _holds(low: float | None, value: float, high: float | None) -> bool:
    return (-1.0 if low is None else low) - 1e-9 <= value <= (1.0 if high is None else high) + 1e-9


def equivalence(name: str, groups: Mapping[str, Group], metric: str = "true_positive_rate") -> Setting:
    """A change as large as the margin, in one group, is not taken for none."""
    margin = max(abs(g.rate(metric, "new") - g.rate(metric, "old")) for g in groups.values())

    def once(rng: np.random.Generator) -> Outcome:
        found = _family(drawn(groups, rng), metric).margin
        return {"false same": found is not None and found < margin}

    return Setting(f"paired: {name}", once, bounds={"false same": (0.0, 0.05 + SLACK)}, replications=1_000)


def power(name: str, group: Group, metric: str = "true_positive_rate") -> Setting:
    """How often a change of one group is found, by its rows and as if the models had seen two samples."""

    def once(rng: np.random.Generator) -> Outcome:
        change = RateChange.of(drawn({"a": group}, rng), metric, ("g",), level=0.95)
        e, _ = Change.of(change).measured("lowest_change")
        counts = change.plain_counts(np.array([0]))
        apart = difference(wilson(*counts[:2], 1.96), wilson(*counts[2:], 1.96))
        return {"found paired": (e.high or 0.0) < 0, "found apart": float(apart.high[0]) < 0}

    return Setting(f"paired: power, {name}", once, replications=500)


SIZES = {"a": 2_000, "b": 300, "c": 60}
COMMON = {k: Group(n, 0.5, (0.2, 0.8), (0.2, 0.8), 0.8) for k, n in SIZES.items()}
CHANGED = {
    "a": Group(2_000, 0.5, (0.2, 0.8), (0.15, 0.82), 0.8),
    "b": Group(300, 0.4, (0.2, 0.7), (0.2, 0.6), 0.8),
    "c": Group(60, 0.5, (0.3, 0.8), (0.3, 0.8), 0.8),
}
RARE = {
    "a": Group(4_000, 0.05, (0.01, 0.6), (0.015, 0.6), 0.7),
    "b": Group(1_000, 0.05, (0.01, 0.5), (0.01, 0.4), 0.7),
    "c": Group(300, 0.1, (0.02, 0.5), (0.02, 0.5), 0.7),
}
APART = {k: Group(n, 0.5, (0.2, 0.8), (0.25, 0.75), 0.0) for k, n in SIZES.items()}
TWINS = {k: Group(n, 0.5, (0.2, 0.8), (0.2, 0.8), 0.98) for k, n in SIZES.items()}
CROSSED = {  # the gap changes its sign
    "a": Group(1_000, 0.5, (0.2, 0.75), (0.2, 0.80), 0.8),
    "b": Group(400, 0.5, (0.2, 0.80), (0.2, 0.75), 0.8),
    "c": Group(100, 0.5, (0.2, 0.77), (0.2, 0.77), 0.8),
}

SETTINGS = (
    coverage("nothing changed", COMMON),
    coverage("one better, one worse", CHANGED),
    coverage("rare", RARE),
    coverage("independent models", APART),
    coverage("nearly the same model", TWINS),
    coverage("gaps turn round", CROSSED),
    equivalence("equivalence, a change of 5 points", {"a": Group(600, 0.5, (0.2, 0.8), (0.2, 0.75), 0.8)}),
    equivalence(
        "equivalence, one of three groups",
        {**COMMON, "b": Group(300, 0.5, (0.2, 0.8), (0.2, 0.70), 0.8)},
    ),
    power("5 points in 300 positives, correlation .8", Group(600, 0.5, (0.2, 0.8), (0.2, 0.75), 0.8)),
    power("5 points in 300 positives, correlation .4", Group(600, 0.5, (0.2, 0.8), (0.2, 0.75), 0.4)),
)
