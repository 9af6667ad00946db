"""A quantity with limits in K crossed groups, as findings: what macro recall and the errors of a regression share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.fairness.families.composites import p_value_of
from auditkit.fairness.families.estimates import number
from auditkit.fairness.notes import finding_id, notes_of
from auditkit.formatting import in_unit, interval, percent, plain, points
from auditkit.question import SPARSE
from auditkit.records import Comparison, Estimate, Finding, GroupEstimate, State
from auditkit.stats import contrasts, pvalues
from auditkit.stats.families import FamilyInterval, family_quantile
from auditkit.stats.rates import Limits, critical_value

LimitsAt = Callable[[float], Limits]
"""Critical value → values of K groups with their limits, NaN where undefined."""
COMPARED: tuple[Comparison, ...] = ("difference", "group_min", "group_max")


class Words(NamedTuple):
    """What is said of a quantity beside its numbers."""

    method: str
    """How one group's interval is made."""
    nobody: str
    """Why it is undefined where n is 0."""
    counted: str
    """What n counts, after a number: "rows"."""


@dataclass(frozen=True)
class QuantityFamily:
    """One quantity in K crossed groups, independent of each other."""

    metric: str
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    rows: NDArray[np.int64]
    """(K,) rows with truth and decision."""
    n: NDArray[np.int64]
    """(K,) what `min_n` is held against; 0 exactly where the quantity is undefined."""
    limits_at: LimitsAt
    words: Words
    level: float
    min_n: int = SPARSE
    most: float = np.inf
    """The largest possible difference."""
    remarks: tuple[str, ...] = ()
    """What a reader must know of the intervals."""

    @cached_property
    def limits(self) -> Limits:
        """(K,) values and their own limits at `level`."""
        return self.limits_at(critical_value(self.level))

    @property
    def values(self) -> NDArray[np.float64]:
        """(K,) point values, NaN where undefined."""
        return self.limits.p

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(K,) groups that enter comparisons: n large enough, and an interval."""
        enough: NDArray[np.bool_] = (self.n >= max(1, self.min_n)) & np.isfinite(self.limits.low)
        return enough

    def name(self, position: int) -> str:
        """The group at a position, in the data's own labels."""
        return " & ".join(self.groups[position])

    def estimate(self, i: int) -> Estimate:
        """The estimate of one group."""
        n = int(self.n[i])
        state: State = "undefined" if n == 0 else "ok" if self.kept[i] else "sparse"
        notes = {"undefined": self.words.nobody, "sparse": f"only {n} {self.words.counted}: too few to tell"}
        return Estimate(
            value=number(self.limits.p[i]),
            low=number(self.limits.low[i]),
            high=number(self.limits.high[i]),
            level=self.level,
            n=int(self.rows[i]),
            denominator=float(n),
            method=self.words.method,
            state=state,
            note=notes.get(state, ""),
        )

    def by_group(self) -> tuple[GroupEstimate, ...]:
        """Every group, the sparse and the undefined ones too."""
        return tuple(
            GroupEstimate(group=dict(zip(self.by, group, strict=True)), estimate=self.estimate(i))
            for i, group in enumerate(self.groups)
        )

    def overall(self) -> Finding:
        """The one group of everybody, as a finding of concern `performance`."""
        e = self.estimate(0)
        title = METRICS[self.metric].title
        size = f"{self._text(e.value)} ({interval(e, 'overall', of=METRICS[self.metric].unit)})"
        if e.low is None:
            size = f"{self._text(e.value)}, without an interval"
        return Finding(
            id=finding_id("performance", self.metric, "overall", ()).rstrip("/"),
            concern="performance",
            title=f"{title}, overall",
            statement=f"{title}, over everybody: {size}."
            if e.value is not None
            else f"{title} is undefined: {e.note}.",
            metric=self.metric,
            comparison="overall",
            estimate=e,
            notes=self.remarks,
            references=(METRICS[self.metric].reference,),
        )

    def comparison(self, kind: Comparison) -> tuple[Estimate, FamilyInterval | None]:
        """The estimate of a comparison between groups, and the groups behind it."""
        where = np.flatnonzero(self.kept)
        if len(where) < _least(kind):
            return self._nothing_to_compare(), None
        found = self.interval(kind)
        found = found._replace(first=int(where[found.first]), second=int(where[found.second]))
        e = Estimate(
            value=number(found.value),
            low=number(found.low),
            high=number(found.high),
            level=self.level,
            n=int(self.rows[self.kept].sum()),
            denominator=float(self.n[self.kept].sum()),
            method=f"{self.words.method}; {_method(kind)}",
            mde=self._mde() if kind == "difference" else None,
        )
        return e, found

    def interval(self, kind: Comparison, *, inner: float | None = None, outer: float | None = None) -> FamilyInterval:
        """Of the groups kept, positions among them; `inner` and `outer` replace critical values as in `contrasts`."""
        where = np.flatnonzero(self.kept)
        groups = len(where)

        def own(q: float, _: contrasts.Method) -> Limits:
            return Limits(*(x[where] for x in self.limits_at(q)))

        if kind == "difference":
            return contrasts.difference(own, groups, level=self.level, most=self.most, inner=inner, outer=outer)
        largest = kind == "group_max"
        return contrasts.extreme(own, groups, level=self.level, largest=largest, inner=inner, outer=outer)

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """Family p of H0: the comparison is at most (`above`), or at least, the limit; None without a test."""
        groups = int(self.kept.sum())
        if groups < _least(kind):
            return None
        if kind == "overall":
            kind = "group_max" if above else "group_min"
        tail = partial(pvalues.tail, groups=groups, law="pairs" if kind == "difference" else "separate")
        return p_value_of(partial(self.interval, kind), kind, limit, above=above, tail=tail)

    def finding(self, kind: Comparison) -> Finding:
        """One comparison between groups."""
        e, found = self.comparison(kind)
        return Finding(
            id=finding_id("fairness", self.metric, kind, self.by),
            concern="fairness",
            title=f"{METRICS[self.metric].title}, {kind.replace('_', ' ')}, {' and '.join(self.by)}",
            statement=self._statement(kind, e, found),
            metric=self.metric,
            comparison=kind,
            by=self.by,
            estimate=e,
            by_group=self.by_group(),
            notes=self._notes(kind, found),
            references=(METRICS[self.metric].reference,),
        )

    def _notes(self, kind: Comparison, found: FamilyInterval | None) -> tuple[str, ...]:
        notes = notes_of(self, kind, found)
        single = [self.name(int(i)) for i in np.flatnonzero(~self.kept & (self.n >= max(1, self.min_n)))]
        without = (f"left out, no interval: {', '.join(single)}",) if single else ()
        return (*notes, *without, *self.remarks)

    def _statement(self, kind: Comparison, e: Estimate, found: FamilyInterval | None) -> str:
        head, attributes = METRICS[self.metric].title, " and ".join(self.by)
        if found is None or e.value is None:
            return f"{head}: groups of {attributes} cannot be compared; {e.note}."
        size = f"({interval(e, kind, of=METRICS[self.metric].unit)})"
        low, high = (f"{self.name(i)} {self._text(float(self.values[i]))}" for i in (found.first, found.second))
        if kind in ("group_min", "group_max"):
            return f"{head}: the {'lowest' if kind == 'group_min' else 'highest'} is {low} {size}."
        if not e.low:
            unseen = plain(e.mde) if self._measured else f"{points(e.mde)} points"
            seen = f"; a gap below {unseen} could have gone unseen" if e.mde is not None else ""
            bounds = f"{interval(e, kind, of=METRICS[self.metric].unit)}{'' if self._measured else ' points'}"
            return f"{head}: no gap between groups of {attributes} is established ({bounds}{seen})."
        gap = plain(e.value) if self._measured else f"{points(e.value)} points"
        return f"{head}: {low}, {high}, a gap of {gap} {size}."

    @property
    def _measured(self) -> bool:
        return METRICS[self.metric].unit == "measure"

    def _text(self, x: float | None) -> str:
        return in_unit(x, "") if self._measured else percent(x)

    def _mde(self) -> float | None:
        """(q + z₈₀) × the standard error of the difference of the two least known groups, read off their limits."""
        half = np.sort(((self.limits.high - self.limits.low) / 2)[self.kept])[-2:]
        z = critical_value(self.level)
        q = family_quantile(self.level, int(self.kept.sum()))
        return number(float((q + critical_value(0.6)) / z * np.hypot(*half)))

    def _nothing_to_compare(self) -> Estimate:
        defined = int((self.n > 0).sum())
        state: State = "undefined"
        if len(self.groups) < 2:
            note = "one group only: there is nothing to compare"
        elif defined < 2:
            note = f"{defined} of {len(self.groups)} groups has anybody to count"
        else:
            state, note = "sparse", f"fewer than two groups have at least {self.min_n} {self.words.counted}"
        return Estimate(value=None, level=self.level, n=int(self.rows.sum()), state=state, note=note)


def _least(kind: Comparison) -> int:
    return 2 if kind == "difference" else 1


def _method(kind: Comparison) -> str:
    if kind == "difference":
        return "MOVER of all pairs at the studentized range; z on the outer side"
    return f"{'smallest' if kind == 'group_min' else 'largest'} limits, Šidák on the inner side"
