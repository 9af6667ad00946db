"""What remedies do to rows that did not choose them: thresholds of one half of the rows, judged on the other half.

Rows of one group, truth, score bin and decision are alike to every threshold, so that the histogram itself can be
halved: each row is drawn into a half by a hash of all counts, and the same evidence always gives the same halves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from auditkit.evidence.halves import of_counts
from auditkit.fairness.families.family import estimated
from auditkit.fairness.scores.mitigation import Fit, Found, GroupOutcome, Judged, common_cut, enough, reach_of
from auditkit.fairness.scores.thresholds import Constraint, best_positions, hulls_of
from auditkit.fairness.sets import Attributes
from auditkit.records import Estimate
from auditkit.stats.comparisons import Comparisons, Method
from auditkit.stats.pvalues import family_quantile
from auditkit.stats.rates import Limits, critical_value

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")


class HeldOut(NamedTuple):
    """A remedy over all rows, each judged by rules that the other half of the rows chose.

    Values speak of new rows that are decided half by the rules of one half, and half by those of the other: of rules
    from half as many rows, which are as a rule slightly worse than those from all.
    """

    folds: tuple[Judged, Judged]

    @property
    def outcomes(self) -> tuple[GroupOutcome, ...]:
        """Of each group, over all its rows."""
        return tuple(
            replace(
                a,
                negatives=a.negatives + b.negatives,
                positives=a.positives + b.positives,
                false_now=a.false_now + b.false_now,
                true_now=a.true_now + b.true_now,
                false_then=a.false_then + b.false_then,
                true_then=a.true_then + b.true_then,
            )
            for a, b in zip(self.folds[0].outcomes, self.folds[1].outcomes, strict=True)
        )

    @property
    def open(self) -> tuple[int, ...]:
        """Of each group, rows in bins that a common threshold parts."""
        first, second = (fold.open for fold in self.folds)
        return tuple(a + b for a, b in zip(first, second, strict=True))

    def gained(self, i: int) -> int | None:
        """Rows of a group selected then, less those now; None where parted bins leave open which is more."""
        gained, open_ = self.outcomes[i].gained, self.open[i]
        return round(gained) if abs(gained) > open_ or not open_ else None

    @property
    def accuracy(self) -> float:
        """Expected share decided as it truly is."""
        return self._accuracy(then=True)

    @property
    def accuracy_now(self) -> float:
        """The same of the decisions as they are."""
        return self._accuracy(then=False)

    def price(self, level: float) -> Estimate:
        """Accuracy now less accuracy then, over pairs of decisions on a row."""
        value, low, high = self._mean([_price(fold, level) for fold in self.folds])
        rows = sum(_rows(fold) for fold in self.folds)
        method = "mean of two halves, each Bonett–Price, paired over rows"
        return estimated(value, low, high, level=level, n=rows, method=method)

    def gap(self, metric: str, level: float) -> Estimate:
        """max − min of a rate over the groups with rules of their own: the mean of the two halves' gaps.

        Rates over both halves together would flatter: where the rows of one half are selected too often, those of the
        other are too seldom. No value where a half has fewer than two such groups.
        """
        value, low, high = self._mean([_gap(fold, metric, level) for fold in self.folds])
        known = math.isfinite(value)
        return estimated(
            value,
            low,
            high,
            level=level,
            n=sum(o.rows for o in self.outcomes if o.own),
            method="mean of two halves, each MOVER of all pairs, its inner limit at √2 times the critical value",
            state="ok" if known else "undefined",
            note="" if known else "a half has no two groups with a value",
        )

    def _accuracy(self, *, then: bool) -> float:
        right, rows = np.sum([o.counts(then=then)["accuracy"] for o in self.outcomes], axis=0).tolist()
        return float(right / rows)

    def _mean(self, halves: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
        """Values and limits of the halves, each weighing as its rows do.

        Means of limits hold whatever errors have to do with each other, and those of the halves have: rows that chose
        the rules of one are judged by the rules of the other.
        """
        value, low, high = np.average(halves, axis=0, weights=[_rows(fold) for fold in self.folds]).tolist()
        return value, low, high

    def ratio(self, metric: str) -> float:
        """min / max of a rate over the groups with rules of their own: the mean of the two halves'; NaN if unknown."""
        found = []
        for fold in self.folds:
            values = [o.rates(then=True)[metric] for o in fold.outcomes if o.own]
            values = [v for v in values if not math.isnan(v)]
            found.append(min(values) / max(values) if len(values) > 1 and max(values) else math.nan)
        return float(np.average(found, weights=[_rows(fold) for fold in self.folds]))

    def gap_now(self, metric: str) -> float:
        """The same gap as decisions are now, over all rows; NaN below two groups."""
        values = [o.rates(then=False)[metric] for o in self.outcomes if o.own]
        return max(values) - min(values) if len(values) > 1 else float("nan")


@dataclass(frozen=True)
class Halves:
    """Every group's bins in two halves of its rows; sums and extremes of scores are those of all."""

    parts: tuple[Found, Found]
    own: frozenset[Attributes]
    """Groups with rules of their own, by all their rows."""

    @classmethod
    def of(cls, found: Found) -> Halves:
        """Each row goes to a half by itself."""
        counts = np.array([(b.n - b.selected, b.selected) for _, b in found])  # group, decision, truth, bin
        flat = counts.reshape(-1)
        at, second = np.flatnonzero(flat), np.zeros_like(flat)
        second[at] = of_counts(at.astype(np.uint64), flat[at])
        first, other = (
            [(k, b._replace(n=part.sum(axis=0), selected=part[1])) for (k, b), part in zip(found, half, strict=True)]
            for half in (counts - second.reshape(counts.shape), second.reshape(counts.shape))
        )
        return cls((first, other), frozenset(k for k, b in found if enough(b)))

    def remedy(self, constraint: Constraint, *, at_most: float = 0.0) -> HeldOut:
        """The rules of each half, judged on the other."""
        fits = [Fit.of(part, self.own, constraint, at_most) for part in self.parts]
        return self.judged(fits, common=constraint == "one_threshold")

    def frontier(self, gaps: Iterable[float]) -> Iterator[HeldOut]:
        """Equal selection rates but for each of these gaps."""
        reach = [reach_of(part, self.own) for part in self.parts]
        groups = [list(r.values()) for r in reach]
        hulls = [hulls_of(g, "demographic_parity") for g in groups]
        common = [common_cut(part) for part in self.parts]
        for gap in gaps:
            fits = []
            for r, g, h, c in zip(reach, groups, hulls, common, strict=True):
                rules = (x.rule(i) for x, i in zip(h, best_positions(g, h, gap), strict=True)) if g else ()
                fits.append(Fit(dict(zip(r, rules, strict=True)), c))
            yield self.judged(fits)

    def judged(self, fits: Sequence[Fit], *, common: bool = False) -> HeldOut:
        """The rules that each part chose, on the other; `common`: they are its common threshold."""
        first, second = (
            Judged.of(part, fit, self.own, common=common) for part, fit in zip(reversed(self.parts), fits, strict=True)
        )
        return HeldOut((first, second))


def _rows(fold: Judged) -> int:
    return sum(o.rows for o in fold.outcomes)


def _price(fold: Judged, level: float) -> tuple[float, float, float]:
    """Of one half: T/n, and T/(n + 2) ± z √(((S + 2)/(n + 2) − (T/(n + 2))²)/(n + 2)).

    T = Σc and S = Σc² of c = right now − P(right then): one more row is decided better, and one worse, so that nobody's
    change is not taken for certain. Source: Bonett & Price (2012), Psychological Methods 17:112.
    """
    n = _rows(fold)
    mean = fold.lost / (n + 2)
    half = critical_value(level) * (max(0.0, (fold.squares + 2) / (n + 2) - mean**2) / (n + 2)) ** 0.5
    return fold.lost / n if n else math.nan, max(-1.0, mean - half), min(1.0, mean + half)


def _gap(fold: Judged, metric: str, level: float) -> tuple[float, float, float]:
    """Of one half: the gap and its limits, NaN below two groups.

    As many rows chose as judge, and a rate misses its aim by the errors of both, so that the limit which says that
    there is a gap stands at √2 times its critical value: it speaks of what the rule is on new rows, and of what rules
    of more rows would be. Such misses only add to a gap, so that the upper limit holds as it is.
    """
    counts = [o.counts(then=True)[metric] for o in fold.outcomes if o.own]
    k, n = np.array([c for c in counts if c[1]]).reshape(-1, 2).T
    if len(n) < 2:
        return (math.nan,) * 3

    def rates(q: float, method: Method) -> Limits:
        return method(k, n, q)

    inner = 2**0.5 * family_quantile(level, len(n))
    found = Comparisons(rates, len(n), level).interval("difference", inner=inner)
    return found.value, found.low, found.high
