"""What another threshold would buy, and whom it costs: remedies computed from the score histogram, without a row."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.catalogue.sentences import group_words
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

Found = Sequence[tuple[Attributes, Bins]]
"""Every crossed group with its bins."""


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
        return {metric: k / n if n else float("nan") for metric, (k, n) in self.counts(then=then).items()}

    def counts(self, *, then: bool) -> dict[str, tuple[float, float]]:
        """The same as (expected) rows, and the rows that they are of."""
        true, false = (self.true_then, self.false_then) if then else (self.true_now, self.false_now)
        return {
            "selection_rate": (true + false, self.rows),
            "true_positive_rate": (true, self.positives),
            "false_positive_rate": (false, self.negatives),
            "accuracy": (true + self.negatives - false, self.rows),
        }


@dataclass(frozen=True)
class Price:
    """Accuracy now less accuracy then, paired over rows."""

    value: float
    error: float
    rows: int


@dataclass(frozen=True)
class Mitigation:
    """A remedy: one rule a group, what it does to the rows that chose it, and `predict` for a pipeline."""

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

    Its numbers are in-sample: thresholds are chosen on all rows, and outcomes and price are of the same rows, which
    flatters them. The report's findings judge each half of the rows at thresholds that the other half chose.

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
    made = _mitigation(found, columns, constraint, at_most)
    if not evidence.declared:
        return made
    unused = f"{listing(evidence.declared)} not used: every row counts once, and the price is that of independent rows"
    return replace(made, notes=(unused, *made.notes))


def enough(bins: Bins) -> bool:
    """True where a group has ten positives and ten negatives, and so gets a threshold of its own."""
    return bool(bins.n.sum(axis=1).min() >= SPARSE)


class Fit(NamedTuple):
    """The rules that some rows chose."""

    rules: Mapping[Attributes, GroupRule]
    """Group → its rule; all others are decided at `common`."""
    common: float

    @classmethod
    def of(cls, found: Found, own: Container[Attributes], constraint: Constraint, at_most: float = 0.0) -> Fit:
        """Of the bins of every group; those in `own` that have a positive and a negative get a rule."""
        reach = reach_of(found, own)
        rules = rules_for(list(reach.values()), constraint, at_most=at_most) if reach else ()
        return cls(dict(zip(reach, rules, strict=True)), common_cut(found))


class Judged(NamedTuple):
    """What rules do to some rows."""

    outcomes: tuple[GroupOutcome, ...]
    lost: float
    """Σc of c = right now − P(right then), over rows."""
    squares: float
    """Σc²."""
    open: tuple[int, ...]
    """Of each group, rows in bins that the common threshold parts."""

    @classmethod
    def of(cls, found: Found, fit: Fit, own: Container[Attributes], *, common: bool = False) -> Judged:
        """Of the bins of every group; `common`: the rules are the common threshold."""
        outcomes, lost, squares, parted = [], 0.0, 0.0, []
        for key, bins in found:
            p = fit.rules.get(key, GroupRule(fit.common, fit.common)).probability(LEAST)
            outcomes.append(_outcome(key, bins, p, key in own))
            k, rest = bins.selected, bins.n - bins.selected
            squares += float((k * (1 - p) ** 2 + rest * p**2).sum())
            change = k * (1 - p) - rest * p  # rows of each cell selected now and not then
            lost += float(change[1].sum() - change[0].sum())
            parted.append(_undecided(bins, fit.common) if common or key not in fit.rules else 0)
        return cls(tuple(outcomes), lost, squares, tuple(parted))


def reach_of(found: Found, own: Container[Attributes]) -> dict[Attributes, Reach]:
    """What thresholds of those groups in `own` reach that have a positive and a negative."""
    return {k: Reach.of(b) for k, b in found if k in own and b.n.sum(axis=1).all()}


def common_cut(found: Found) -> float:
    """The one threshold of greatest accuracy."""
    return best_common_cut([Reach.of(b) for _, b in found])


def fallback_note(found: Found, by: Sequence[str]) -> tuple[str, ...]:
    """Which groups have no threshold of their own, and stand in no gap."""
    left_out = listing([group_words(by, k) for k, b in found if not enough(b)])
    why = f"decided at the common threshold, fewer than {SPARSE} positives or negatives"
    return (f"{why}, and not in the gaps: {left_out}",) if left_out else ()


def open_note(constraint: Constraint, by: tuple[str, ...], rows: int) -> tuple[str, ...]:
    """How many rows stand in bins that the common threshold parts."""
    what = f"{constraint.replace('_', ' ')} of groups of {' and '.join(by)}"
    told = f"{what}: up to {rows:,} rows of score bins that hold the common threshold may be decided otherwise"
    return (told,) if rows else ()


def _mitigation(found: Found, by: tuple[str, ...], constraint: Constraint, at_most: float) -> Mitigation:
    own = {k for k, b in found if enough(b)}
    fit = Fit.of(found, own, constraint, at_most)
    of_all = Judged.of(found, fit, own, common=constraint == "one_threshold")
    rows = sum(o.rows for o in of_all.outcomes)
    mean = of_all.lost / rows
    error = max(0.0, of_all.squares / rows - mean**2) ** 0.5 / rows**0.5
    return Mitigation(
        by=by,
        constraint=constraint,
        rules=tuple(fit.rules.items()),
        common=fit.common,
        outcomes=of_all.outcomes,
        price=Price(mean, error, rows),
        notes=(
            *fallback_note(found, by),
            *open_note(constraint, by, sum(of_all.open)),
            *((CAUTION,) if constraint != "one_threshold" else ()),
        ),
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
