"""What another threshold would buy, and whom it costs: remedies computed from the score histogram, without a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.errors import DataError, PolicyError, choices, listing
from auditkit.evidence.histogram import Bins, ScoreHistogram
from auditkit.evidence.score_grid import LEAST
from auditkit.fairness.labels import counts_in, given_columns, keyed
from auditkit.fairness.scores.thresholds import Constraint, GroupRule, Reach, best_common_cut, rules_for
from auditkit.fairness.sets import Attributes
from auditkit.question import SPARSE
from auditkit.records import Report
from auditkit.stats.rates import Floats

CAUTION = (
    "Thresholds that differ by group treat people differently because of a protected attribute. In employment, credit "
    "and housing that is unlawful in many places (in the United States, 42 U.S.C. § 2000e-2(l) forbids cutoffs of "
    "employment tests that differ by race, color, religion, sex or national origin): take legal advice first."
)


@dataclass(frozen=True)
class GroupOutcome:
    """One group as it is decided now, and as the remedy would decide it (expected numbers of rows)."""

    group: Attributes
    negatives: int
    positives: int
    false_now: float
    """Negatives selected now."""
    true_now: float
    """Positives selected now."""
    false_then: float
    true_then: float
    own: bool
    """False where the group is too small for a threshold of its own and gets the common one."""

    @property
    def rows(self) -> int:
        """Rows of the group."""
        return self.negatives + self.positives

    @property
    def gained(self) -> float:
        """Rows selected then and not now, less those selected now and not then."""
        return self.true_then + self.false_then - self.true_now - self.false_now

    def rates(self, *, then: bool) -> dict[str, float]:
        """selection_rate, true_positive_rate, false_positive_rate and accuracy; NaN for 0/0."""
        true, false = (self.true_then, self.false_then) if then else (self.true_now, self.false_now)
        return {
            "selection_rate": _over(true + false, self.rows),
            "true_positive_rate": _over(true, self.positives),
            "false_positive_rate": _over(false, self.negatives),
            "accuracy": _over(true + self.negatives - false, self.rows),
        }


@dataclass(frozen=True)
class Price:
    """Accuracy now less accuracy then, paired over rows."""

    value: float
    error: float
    rows: int


@dataclass(frozen=True)
class Mitigation:
    """A remedy: one rule a group, what it does to whom, and `predict` for a pipeline."""

    by: tuple[str, ...]
    constraint: Constraint
    rules: tuple[tuple[Attributes, GroupRule], ...]
    """Group → its rule; groups that are not here are decided at `common`."""
    common: float
    """The one threshold of greatest accuracy."""
    outcomes: tuple[GroupOutcome, ...]
    price: Price
    notes: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float:
        """Expected accuracy with the remedy, over the rows that it was computed from."""
        return self._accuracy(then=True)

    @property
    def accuracy_now(self) -> float:
        """Accuracy of the decisions as they are."""
        return self._accuracy(then=False)

    def gap(self, metric: str, *, now: bool = False) -> float:
        """max − min of a rate over the groups that have a rule of their own; NaN below two."""
        values = [o.rates(then=not now)[metric] for o in self.outcomes if o.own]
        return max(values) - min(values) if len(values) > 1 else float("nan")

    def probability(self, score: ArrayLike, groups: Any) -> Floats:
        """P(selected), (N,). `groups`: a frame or dict with the columns `by`, or one column if `by` is one.

        A group that has no rule is decided at the common threshold. Raises DataError for missing scores or columns.
        """
        keys, scores = keyed({"score": score, **given_columns(groups, self.by)}, self.by, "score")
        s = scores.astype(np.float64)
        if not np.all((s >= 0) & (s <= 1)):
            raise DataError("scores must be numbers in [0, 1], none missing, to be decided")
        out = (s >= self.common).astype(np.float64)
        for key, rule in self.rules:
            where = (keys == np.array(key, dtype=object)).all(axis=1)
            out[where] = rule.probability(s[where])
        return out

    def predict(
        self, score: ArrayLike, groups: Any, *, random_state: int | np.random.Generator = 0
    ) -> NDArray[np.int8]:
        """Decisions (N,), 0 or 1; where a rule is randomised they depend on `random_state`."""
        p = self.probability(score, groups)
        drawn = np.random.default_rng(random_state).random(p.size)
        return (drawn < p).astype(np.int8)

    def _accuracy(self, *, then: bool) -> float:
        rows = sum(o.rows for o in self.outcomes)
        return sum(o.rates(then=then)["accuracy"] * o.rows for o in self.outcomes if o.rows) / rows


def mitigate(
    source: ScoreHistogram | Report,
    by: str | Sequence[str],
    *,
    constraint: Constraint = "demographic_parity",
    at_most: float = 0.0,
) -> Mitigation:
    """The most accurate thresholds under a constraint, from the evidence of the check `Scores` alone.

    Parameters
    ----------
    source
        A ScoreHistogram, or a report whose checks included `Scores`.
    by
        The attribute, or attributes, whose groups get a threshold each.
    constraint
        `demographic_parity` (equal selection rates), `equal_opportunity` (equal true positive rates),
        `equalized_odds` (both error rates equal; scores are ignored at random where that needs it), or
        `one_threshold` (the same for everybody, most accurate).
    at_most
        The gap that may remain, in [0, 1]; 0 for the last two constraints.

    Decides as fairlearn's ThresholdOptimizer(objective="accuracy_score") to the width of a score bin. A group with
    fewer than ten positives or negatives gets the common threshold. Raises DataError or PolicyError.

    >>> h = ScoreHistogram.of({"g": list("ab") * 40}, y_true=[0, 0, 1, 1] * 20, y_pred=[0, 0, 1, 1] * 20,
    ...                       score=[0.1, 0.4, 0.6, 0.9] * 20)
    >>> m = mitigate(h, "g")
    >>> m.accuracy, m.predict([0.5, 0.5], ["a", "b"]).tolist()
    (1.0, [1, 0])
    """
    if constraint not in get_args(Constraint):
        raise PolicyError(f"no constraint '{constraint}'; there are {choices(constraint, get_args(Constraint))}")
    if not 0 <= at_most <= 1:
        raise PolicyError(f"at_most must lie in [0, 1], it is {at_most:g}")
    if at_most and constraint in ("equalized_odds", "one_threshold"):
        raise PolicyError(f"at_most is for demographic_parity and equal_opportunity; {constraint} takes none")
    missing = "the report has no score histogram: audit with checks=[ak.Scores(), …]"
    evidence = counts_in(source, "mitigate", {"scores": ScoreHistogram}, missing)
    columns = (by,) if isinstance(by, str) else tuple(by)
    found = list(evidence.groups(*columns)) if columns else []
    if not found:
        raise DataError("there is no row with target, decision and score, or no attribute, to set thresholds by")
    return _mitigation(found, columns, constraint, at_most)


def enough(bins: Bins) -> bool:
    """True where a group has ten positives and ten negatives, and so gets a threshold of its own."""
    return bool(bins.n.sum(axis=1).min() >= SPARSE)


def _mitigation(
    found: Sequence[tuple[Attributes, Bins]], by: tuple[str, ...], constraint: Constraint, at_most: float
) -> Mitigation:
    common = best_common_cut([Reach.of(b) for _, b in found])
    own = [(k, Reach.of(b)) for k, b in found if enough(b)]
    found_rules = rules_for([r for _, r in own], constraint, at_most=at_most) if own else ()
    rules = dict(zip((k for k, _ in own), found_rules, strict=True))
    notes = []
    left_out = [" & ".join(k) for k, b in found if not enough(b)]
    if left_out:
        notes.append(
            f"decided at the common threshold, fewer than {SPARSE} positives or negatives: {listing(left_out)}"
        )
    open_ = sum(_undecided(b, common) for k, b in found if k not in rules or constraint == "one_threshold")
    if open_:
        what = f"{constraint.replace('_', ' ')} of groups of {' and '.join(by)}"
        notes.append(
            f"{what}: up to {open_:,} rows of score bins that hold the common threshold may be decided otherwise"
        )
    if constraint != "one_threshold":
        notes.append(CAUTION)
    chances = [(b, rules.get(k, GroupRule(common, common)).probability(LEAST)) for k, b in found]
    return Mitigation(
        by=by,
        constraint=constraint,
        rules=tuple(rules.items()),
        common=common,
        outcomes=tuple(_outcome(k, b, p, k in rules) for (k, b), (_, p) in zip(found, chances, strict=True)),
        price=_price(chances),
        notes=tuple(notes),
    )


def _undecided(bins: Bins, cut: float) -> int:
    """Rows in merged bins that a threshold parts: they count on the side of their bin's mean score."""
    if bins.cut is None:
        return 0
    parted = (bins.low < cut) & (bins.high >= cut) & (bins.n > 0)
    return int(bins.n[:, parted.any(axis=0)].sum())


def _outcome(key: Attributes, bins: Bins, chance: Floats, own: bool) -> GroupOutcome:
    n, now, then = bins.n.sum(axis=1), bins.selected.sum(axis=1), bins.n @ chance
    return GroupOutcome(
        key, int(n[0]), int(n[1]), float(now[0]), float(now[1]), float(then[0]), float(then[1]), own
    )  # fmt: skip


def _price(chances: Sequence[tuple[Bins, Floats]]) -> Price:
    """Mean of c = right now − P(right then), and its standard error from Σc²."""
    rows, total, squares = 0, 0.0, 0.0
    for bins, p in chances:
        k, rest = bins.selected, bins.n - bins.selected
        rows += int(bins.n.sum())
        squares += float((k * (1 - p) ** 2 + rest * p**2).sum())
        change = k * (1 - p) - rest * p  # rows of each cell selected now and not then
        total += float(change[1].sum() - change[0].sum())
    mean = total / rows
    return Price(mean, max(0.0, squares / rows - mean**2) ** 0.5 / rows**0.5, rows)


def _over(k: float, n: float) -> float:
    return k / n if n else float("nan")
