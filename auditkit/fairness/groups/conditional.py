"""ConditionalParity: groups compared where control features are equal (fairlearn's control_features)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.batch import Batch
from auditkit.catalogue.derived import CONDITIONAL
from auditkit.catalogue.index import METRICS, resolve
from auditkit.catalogue.sentences import group_words, incomparable
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import DataError, PolicyError, choices, listing, nearest
from auditkit.evidence.tally import Tally
from auditkit.fairness import notes
from auditkit.fairness.families.estimates import Family
from auditkit.fairness.families.family import group_estimates, nothing_to_compare, number, tested
from auditkit.fairness.families.rates import RateTable
from auditkit.fairness.sets import compared, sets_of
from auditkit.formatting import confidence, decimals, lower_first, points, quotient
from auditkit.options import checked_options
from auditkit.question import SPARSE, Question
from auditkit.records import Comparison, Estimate, Finding, State, Table
from auditkit.stats.rates import critical_value, rate
from auditkit.stats.stratified import mantel_haenszel, standardized

MOST_STRATA = 200
"""Combinations of control features, at most: beyond, hardly a stratum holds all groups."""
COMPARED: tuple[Comparison, ...] = ("difference", "ratio")
Counts = NDArray[np.int64]


@dataclass(frozen=True)
@checked_options
class ConditionalParity(BaseCheck):
    """Differences and ratios of rates between groups whose control features are alike (conditional parity).

    Parameters
    ----------
    control
        Control features, crossed into strata; they are declared in `Dataset(control_features=…)`.
    metrics
        Names of rates.
    by
        Sets of attributes, each crossed. None: each declared attribute alone, and all of them crossed.

    Each group's rate is averaged over the strata with the same weights, the rows of all compared groups in them, over
    the strata that all compared groups have. The intervals take these weights as given. Two groups are also compared
    by Mantel–Haenszel.

    >>> check = ConditionalParity("dept", by=["sex"])
    >>> tally = Tally.of({"sex": ["f", "f", "m", "m"] * 20, "dept": ["a", "b"] * 40}, y_true=[1] * 80, y_pred=[1] * 80)
    >>> [f.id for f in check.assess(tally).findings][:1]
    ['fairness/conditional_selection_rate/difference/sex|dept']
    """

    control: str | Iterable[str]
    metrics: Sequence[str] = ("selection_rate",)
    by: Iterable[Iterable[str]] | None = None

    def __post_init__(self) -> None:
        names = (self.control,) if isinstance(self.control, str) else self.control
        if not names:
            raise PolicyError("ConditionalParity needs a control feature: ConditionalParity('education')")
        object.__setattr__(self, "control", names)
        metrics = tuple(dict.fromkeys(resolve(m)[0].removeprefix(CONDITIONAL) for m in self.metrics))
        for name in metrics:
            if CONDITIONAL + name not in METRICS:
                known = [m.removeprefix(CONDITIONAL) for m in METRICS if m.startswith(CONDITIONAL)]
                raise PolicyError(f"'{name}' is no rate of decisions; ConditionalParity knows {listing(known)}")
        object.__setattr__(self, "metrics", metrics)

    @property
    def name(self) -> str:
        """The key of its evidence in a report."""
        return f"conditional_parity:{'+'.join(self.control)}"

    def gather(self, batch: Batch) -> Tally:
        """Count the rows of a batch by groups and control features; DataError if a control feature is not declared."""
        declared = [] if batch.controls is None else [str(c) for c in batch.controls]
        for name in self.control:
            if name not in declared:
                raise DataError(
                    f"'{name}' is no control feature; declared in Dataset(…, control_features=[…]) are "
                    f"{listing(declared) or 'none'}.{nearest(name, declared)}"
                )
        assert batch.controls is not None
        groups = {str(a): batch.groups[a].array for a in batch.groups}
        groups |= {c: batch.controls[c].array for c in self.control}
        return Tally.of(groups, y_true=batch.y_true, y_pred=batch.y_pred)

    def assess(self, evidence: Tally, *, level: float = 0.95) -> Assessment:
        """The difference and the ratio of every rate over every set of attributes."""
        control = tuple(self.control)
        what = f"rates at equal {' and '.join(control)}"
        sets = compared(self._sets(evidence), evidence.columns, what=what, concern="fairness")
        found = [Conditional.of(evidence, m, by, control, level=level) for by in sets.sets for m in self.metrics]
        return Assessment(tuple(tested(c, kind) for c in found for kind in COMPARED), sets.absent)

    def _sets(self, tally: Tally) -> list[tuple[str, ...]]:
        attributes = [a for a in tally.by if a not in self.control]
        if self.by is None:
            if not attributes:
                raise PolicyError("every sensitive feature is a control feature too: there is nobody to compare")
            return sets_of(None, attributes)
        for name in (name for b in self.by for name in b):
            if name not in attributes:
                raise PolicyError(
                    f"no sensitive feature '{name}' beside the control features; there are {choices(name, attributes)}"
                )
        return [tuple(b) for b in self.by]


@dataclass(frozen=True)
class Conditional:
    """One rate in K crossed groups and S strata."""

    metric: str
    """The rate, without its prefix."""
    by: tuple[str, ...]
    control: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    strata: tuple[tuple[str, ...], ...]
    rows: Counts
    """(K,) rows of each group."""
    x: Counts
    """(K, S) numerators."""
    n: Counts
    """(K, S) denominators."""
    compared: NDArray[np.bool_]
    """(K,) groups that are compared."""
    shared: NDArray[np.bool_]
    """(S,) strata that all compared groups have: what is standardised to."""
    level: float
    min_n: int

    @classmethod
    def of(
        cls,
        tally: Tally,
        metric: str,
        by: tuple[str, ...],
        control: tuple[str, ...],
        *,
        level: float,
        min_n: int = SPARSE,
    ) -> Conditional:
        """Read the strata off a tally; DataError where there are more than `MOST_STRATA`."""
        table = RateTable.of(tally, (*by, *control), (metric,))
        groups = tuple(sorted({g[: len(by)] for g in table.groups}))
        strata = tuple(sorted({g[len(by) :] for g in table.groups}))
        if len(strata) > MOST_STRATA:
            raise DataError(
                f"{' and '.join(control)} cross to {len(strata):,} strata; ConditionalParity takes at most "
                f"{MOST_STRATA}: join rare values, or bin numbers"
            )
        row, column = ({g: i for i, g in enumerate(found)} for found in (groups, strata))
        rows = np.zeros(len(groups), dtype=np.int64)
        x, n = (np.zeros((len(groups), len(strata)), dtype=np.int64) for _ in range(2))
        for i, g in enumerate(table.groups):
            k, s = row[g[: len(by)]], column[g[len(by) :]]
            rows[k] += table.rows[0, i]
            x[k, s], n[k, s] = table.numerator[0, i], table.denominator[0, i]
        compared, shared = _shared(n, max(1, min_n))
        return cls(metric, by, control, groups, strata, rows, x, n, compared, shared, level, min_n)

    @cached_property
    def family(self) -> Family:
        """The standardised rates of the compared groups, as rates of effective rows."""
        where = np.flatnonzero(self.compared)
        x, n = self.x[where][:, self.shared], self.n[where][:, self.shared]
        rates = standardized(x, n)
        counts: Any = rates.p * rates.effective_n  # no whole numbers, which Wilson does not ask for
        effective: Any = rates.effective_n
        groups = tuple(self.groups[i] for i in where)
        return Family(self.metric, self.by, groups, n.sum(axis=1), counts, effective, rates.p, self.level, 1)

    def finding(self, kind: Comparison) -> Finding:
        """See `Answer`; of the standardised rates."""
        metric, held = METRICS[CONDITIONAL + self.metric], " and ".join(self.control)
        e, by_group = self._nothing(), {g: self._left_out(i) for i, g in enumerate(self.groups)}
        statement, surest = f"With {held} held equal, {incomparable(self.by, e.note)}", None
        if not e.note:
            family = self.family
            e, found = family.comparison(kind)
            surest = family.surest(kind, e, found)
            e = e.model_copy(update={"method": f"rates standardised to equal {held}; {e.method}", "denominator": None})
            said = family.said(kind, e, found)
            statement = f"With {held} held equal: {lower_first(said)}"
            by_group |= {g: self._estimate(i) for i, g in enumerate(family.groups)}
        told = notes.finding(
            metric.name,
            kind,
            self.by,
            e,
            statement,
            title=f"{METRICS[self.metric].title} at equal {held}, {kind}, {' and '.join(self.by)}",
            suffix=f"|{'+'.join(self.control)}",
            by_group=group_estimates(self.by, by_group),
            exhibits=(self._table(),),
            notes=self._notes(),
            surest=surest,
        )
        return told.model_copy(update={"controls": self.control})

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`."""
        return None if self._nothing().note else self.family.p_value(kind, limit, above=above)

    def _nothing(self) -> Estimate:
        """The estimate of a comparison that cannot be made; without a note where it can."""
        few = ""
        state: State = "undefined"
        if self.compared.sum() < 2 and (self.n.sum(axis=1) >= max(1, self.min_n)).sum() > 1:
            few = f"no stratum of {' and '.join(self.control)} holds two groups with {self.min_n} to count in all"
        elif self.compared.sum() < 2:
            few, state = f"fewer than two groups have a denominator of at least {self.min_n}", "sparse"
        return nothing_to_compare(len(self.groups), few, level=self.level, n=int(self.rows.sum()), state=state)

    def _left_out(self, i: int) -> Estimate:
        n, rows = int(self.n[i].sum()), int(self.rows[i])
        note = f"{n} to count, in strata that the compared groups share {int(self.n[i, self.shared].sum())}"
        return Estimate(value=None, level=self.level, n=rows, state="sparse" if n else "undefined", note=note)

    def _estimate(self, i: int) -> Estimate:
        """Of the group at this position of the family."""
        method = f"standardised; Wilson with {decimals(float(self.family.n[i]))} effective rows"
        rows = float(self.family.rows[i])
        update = {"numerator": None, "denominator": rows, "method": method, "state": "ok", "note": ""}
        return self.family.estimate(i).model_copy(update=update)

    def _table(self) -> Table:
        """Rates of every group in every stratum, and the weight of the stratum."""
        mass = np.where(self.shared, self.n[self.compared].sum(axis=0), 0)
        weight, rates = rate(mass, np.full(len(mass), mass.sum())), rate(self.x, self.n)
        names = [group_words(self.by, g) for g in self.groups]
        body = []
        for s, stratum in enumerate(self.strata):
            cells: list[str | int | float | None] = [*stratum, number(weight[s])]
            for k in range(len(names)):
                cells += [int(self.n[k, s]), number(rates[k, s])]
            body.append(tuple(cells))
        columns = [*self.control, "Weight"]
        for name in names:
            columns += [f"{name}, counted", f"{name}, {METRICS[self.metric].plain}"]
        return Table(
            title=f"{METRICS[self.metric].title} by {' and '.join((*self.by, *self.control))}",
            columns=tuple(columns),
            rows=tuple(body),
            units=(*[""] * len(self.control), "percent", *["", "percent"] * len(names)),
        )

    def _notes(self) -> tuple[str, ...]:
        held, notes = " and ".join(self.control), []
        if len(self.strata) == 1:
            notes.append(
                f"{held} has one value only, {group_words(self.control, self.strata[0])}: these are the plain rates"
            )
        outside = [
            group_words(self.control, self.strata[i]) for i in np.flatnonzero(~self.shared & (self.n.sum(axis=0) > 0))
        ]
        if outside:
            lost = int(self.n[self.compared][:, ~self.shared].sum())
            notes.append(
                f"standardised over the {int(self.shared.sum())} of {len(self.strata)} strata that all compared groups "
                f"have; outside, with {lost:,} rows of theirs: {listing(outside)}"
            )
        absent = [
            f"{group_words(self.by, g)}: "
            f"{listing((group_words(self.control, self.strata[s]) for s in np.flatnonzero(self.n[k] == 0)), most=6)}"
            for k, g in enumerate(self.groups)
            if (self.n[k] == 0).any()
        ]
        if absent:
            notes.append(f"strata without a group: {listing(absent)}")
        small = [group_words(self.by, self.groups[i]) for i in np.flatnonzero(~self.compared)]
        if small:
            notes.append(f"left out, fewer than {self.min_n} to count in the strata shared: {listing(small)}")
        if self.compared.sum() == 2:
            notes += self._mantel_haenszel()
        return tuple(notes)

    def _mantel_haenszel(self) -> list[str]:
        where = np.flatnonzero(self.compared)
        m = mantel_haenszel(self.x[where][:, self.shared], self.n[where][:, self.shared])
        z, level = critical_value(self.level), f"{confidence(self.level)} interval"
        first, second = (group_words(self.by, self.groups[i]) for i in where)
        half = z * m.difference_error
        limits = f"{points(m.difference - half)} to {points(m.difference + half)}"
        out = [f"Mantel–Haenszel, {second} less {first}: {points(m.difference)} points ({level} {limits}, Sato)"]
        if np.isfinite(m.log_ratio_error):
            low, high = (m.ratio * float(np.exp(s * z * m.log_ratio_error)) for s in (-1, 1))
            limits = f"{quotient(low)} to {quotient(high)}"
            out.append(
                f"Mantel–Haenszel, {second} over {first}: ratio {quotient(m.ratio)} ({level} {limits}, Greenland & "
                "Robins)"
            )
        return out


def _shared(n: Counts, min_n: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which groups are compared, and the strata that all of them have.

    A group leaves while it has fewer than `min_n` rows in the strata shared; the smallest leaves first.
    """
    compared = n.sum(axis=1) >= min_n
    while True:
        shared = (n[compared] > 0).all(axis=0) if compared.any() else np.zeros(n.shape[1], dtype=bool)
        inside = n[:, shared].sum(axis=1)
        few = compared & (inside < min_n)
        if not few.any():
            return compared, shared
        sizes = np.where(few, n.sum(axis=1), np.iinfo(np.int64).max)
        compared = compared & (np.arange(len(n)) != int(np.argmin(sizes)))


def answering(stored: Mapping[str, tuple[Tally, Mapping[str, Any]]], asked: Question) -> Conditional | None:
    """The standardised rates that a rule asks about, from the evidence of the one check that has them.

    `stored` is name of the check → its tally and options. None if no check can answer; PolicyError if several can,
    with other control features: a rule cannot say which is meant.
    """
    able = {
        name: (tally, tuple(options["control"]))
        for name, (tally, options) in stored.items()
        if set(asked.by) <= set(tally.by) - set(options["control"])
    }
    if len(able) > 1:
        raise PolicyError(
            f"a rule on '{asked.metric}' cannot choose between {listing(able)}: audit with one of them where it is "
            "judged"
        )
    for tally, control in able.values():
        order = tuple(sorted(asked.by, key=tally.by.index))
        metric = asked.metric.removeprefix(CONDITIONAL)
        return Conditional.of(tally, metric, order, control, level=asked.level, min_n=asked.min_n)
    return None
