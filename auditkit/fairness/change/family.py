"""What is found of one rate's change in K groups: the lowest and the highest of them, and whether a gap grew."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Ints
from auditkit.catalogue.for_worse import sides
from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.fairness.change import statements
from auditkit.fairness.change.errors import ErrorChange
from auditkit.fairness.change.rates import RateChange
from auditkit.fairness.change.statements import Side
from auditkit.fairness.families.basis import Basis, Positions
from auditkit.fairness.families.estimates import shown_beside
from auditkit.fairness.families.family import GroupFamily, Words, estimated, nothing_to_compare
from auditkit.fairness.notes import finding
from auditkit.records import Comparison, Estimate, Finding, GroupEstimates, Surest
from auditkit.stats import gap_change
from auditkit.stats.comparisons import Quantity
from auditkit.stats.pvalues import Compared, FamilyInterval, tail
from auditkit.stats.rates import critical_value, wilson

EXTREME: dict[str, Comparison] = {"lowest_change": "group_min", "highest_change": "group_max"}
"""The comparison of groups that each is."""
_WORDS = Words("", "nobody to count in one of the models: 0/0 is not 0", "to count")


@dataclass(frozen=True)
class Change(GroupFamily):
    """The change of one quantity in K crossed groups, newer less older, on the rows of both."""

    change: RateChange | ErrorChange
    metric: str
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    rows: Ints
    """(K,) rows that are counted."""
    n: Ints
    """(K,) the smaller denominator of both."""
    values: Floats
    """(K,) changes, NaN where undefined."""
    level: float
    min_n: int
    words = _WORDS

    @classmethod
    def of(cls, change: RateChange | ErrorChange) -> Change:
        """The comparisons of a change."""
        c = change
        return cls(c, c.metric, c.by, c.groups, c.n, c.n, c.values, c.level, c.min_n)

    @cached_property
    def basis(self) -> Basis:  # type: ignore[override]
        """See `GroupFamily`."""
        return self.change.basis

    @cached_property
    def beside(self) -> NDArray[np.bool_]:
        """See `GroupFamily`: pairs of two different groups."""
        return shown_beside(self.metric, self.groups)

    def own(self, where: Positions) -> Quantity:
        """See `GroupFamily`."""
        return self.change.own(where)

    @property
    def most(self) -> float:  # type: ignore[override]
        """The largest possible change."""
        return 1.0 if isinstance(self.change, RateChange) else np.inf

    @property
    def large(self) -> NDArray[np.bool_]:
        """(K,) groups with rows enough, and an interval."""
        return np.asarray(super().large & np.isfinite(self.limits.low))

    def unstable(self, position: int) -> bool:
        """See `GroupFamily`."""
        return self.change.unstable(position)

    @property
    def how(self) -> str:
        """How the interval of one group is made."""
        return self.change.method

    def estimate(self, i: int) -> Estimate:
        """See `GroupFamily`: the change of one group."""
        return super().estimate(i).model_copy(update={"method": self.how + self.basis.suffix})

    def side(self, c: Compared) -> Side:
        """A group with its values under both models, and its change."""
        i = c.first
        new, old = (float(x[i]) for x in self.change.rates)
        own = estimated(c.value, c.low, c.high, level=self.level, n=int(self.n[i]))
        return Side(self.name(i), old, new, own)

    def finding(self, kind: Comparison, **_: Any) -> Finding:
        """See `Answer`."""
        e, found = self.measured(kind)
        said = self._said(kind, e, found)
        return finding(
            self.metric,
            kind,
            self.by,
            e,
            said,
            concern="change",
            title=statements.title(self.metric, kind, self.by),
            by_group=self.by_group,
            exhibits=(self.before_and_now,) if self.by and kind == sides(self.metric)[0] else (),
            notes=self._notes(kind),
            surest=self._surest(kind, e, found),
        )

    @property
    def before_and_now(self) -> GroupEstimates:
        """The rate of every group under both models, each with an interval of its own."""
        rows = tuple((self.name(i), both) for i, both in enumerate(self.change.before_and_now()))
        title = f"{METRICS[self.metric].title} before and now, {' and '.join(self.by)}"
        return GroupEstimates(title=title, unit=self.change.unit, series=("before", "now"), rows=rows)

    def measured(self, kind: Comparison) -> tuple[Estimate, FamilyInterval | None]:
        """See `GroupFamily`."""
        if kind == "gap_change":
            return self._gap()
        where = self.positions
        if not len(where):
            few = f"no group has {self.enough()} under both models" if self.by else "too few rows to compare"
            return Estimate(value=None, level=self.level, n=int(self.n.sum()), state="sparse", note=few), None
        found = self.compared(EXTREME[kind]).interval(EXTREME[kind]).among(where)
        return self._estimate(found, kind), found

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`."""
        where = self.positions
        if kind == "gap_change":
            if len(where) < 2:
                return None
            facts: Any = {"df": self.basis.df, "rho": self.basis.correlations(where)}
            return gap_change.p_value(self._both(where), len(where), limit, above=above, **facts)
        if not len(where):
            return None
        if isinstance(self.change, RateChange) and self.change.closed and -1 < limit < 1:
            return self._tango_p(kind, limit, above=above)
        if self.too_skewed:
            return None
        return self.compared(EXTREME[kind]).p_value(EXTREME[kind], limit, above=above)

    def _tango_p(self, kind: Comparison, limit: float, *, above: bool) -> float:
        """The same in closed form: the statistic at the limit is the q at which the interval ends there."""
        where, most = self.positions, kind == "highest_change"
        assert isinstance(self.change, RateChange), "of a rate"
        t = self.change.score(where, limit) * (1 if above else -1)
        q = float(t.max() if most is above else t.min())
        claims = len(where) if most is above else 1
        return tail(q, claims, "separate") if q > 0 else 1.0

    def _gap(self) -> tuple[Estimate, FamilyInterval | None]:
        where = self.positions
        if len(where) < 2:
            defined = int((self.n > 0).sum())
            few = f"fewer than two groups have {self.enough()} under both models" if defined > 1 else (
                f"{defined} of {len(self.groups)} groups has anybody to count under both models"
            )  # fmt: skip
            return nothing_to_compare(len(self.groups), few, level=self.level, n=int(self.n.sum())), None
        facts: Any = {"level": self.level, "df": self.basis.df, "rho": self.basis.correlations(where)}
        found = gap_change.largest(self._both(where), len(where), **facts).among(where)
        return self._estimate(found, "gap_change"), found

    def _both(self, where: Positions) -> gap_change.Both:
        """Limits of the change and of the sum of both rates."""
        own, both = self.own(where), self.change.sum_of(where)
        return lambda q: (own(q, wilson), both(q))

    def _estimate(self, found: FamilyInterval, kind: Comparison) -> Estimate:
        inner = "pairs at the studentized range" if kind == "gap_change" else "Šidák"
        many = "" if len(self.positions) == 1 or (kind == "gap_change" and len(self.positions) == 2) else (
            f"; {inner} on the inner side"
        )  # fmt: skip
        pairs = "; MOVER between groups" if kind == "gap_change" else ""
        skewed = self.too_skewed
        return estimated(
            *found[:3],
            level=self.level,
            n=int(self.n[self.kept].sum()),
            denominator=float(self.n[self.kept].sum()),
            method=self.how + pairs + many + self.basis.suffix,
            state="unstable" if skewed else "ok",
            note=f"a few large values carry the mean of {listing(skewed)}" if skewed else "",
        )

    def _said(self, kind: Comparison, e: Estimate, found: FamilyInterval | None) -> str:
        head = METRICS[self.metric].head
        if found is None or e.value is None or e.state == "unstable":
            return f"{head}: the change cannot be told; {e.note}."
        if kind == "gap_change":
            return statements.of_gap(
                self.metric, self.by, e, *(self.pair(c) for c in (found.sure, found.far)), written=self.change.written
            )
        sure, far = self.side(found.sure), self.side(found.far)
        far = far._replace(estimate=e)  # where it is told, the sentence is of the extreme, whose interval this is
        return statements.of_extreme(
            self.metric, self.by, kind, e, sure, far, alike=self.change.alike, written=self.change.written
        )

    def pair(self, c: Compared) -> statements.Pair:
        """Two groups with their gaps under both models, and its growth."""
        new, old = self.change.rates
        was, is_ = (abs(float(x[c.first] - x[c.second])) for x in (old, new))
        own = estimated(c.value, c.low, c.high, level=self.level, n=int(self.n[c.first] + self.n[c.second]))
        return statements.Pair((self.name(c.first), self.name(c.second)), was, is_, own)

    def _surest(self, kind: Comparison, e: Estimate, found: FamilyInterval | None) -> Surest | None:
        if found is None or e.value is None or not self.by:
            return None
        c = found.sure
        where = (c.first,) if kind != "gap_change" else (c.first, c.second)
        groups = tuple(dict(zip(self.by, self.groups[i], strict=True)) for i in where)
        own = estimated(c.value, c.low, c.high, level=self.level, n=int(sum(self.n[i] for i in where)))
        return Surest(groups=groups, estimate=own)

    def _notes(self, kind: Comparison) -> tuple[str, ...]:
        told = list(self.notes(kind, None))
        margin = self.margin
        if margin is not None and kind != "gap_change":
            told.append(statements.equivalence(margin, self.level, self.change.written))
        return tuple(told)

    @cached_property
    def margin(self) -> float | None:
        """The smallest margin within which the change of every group lies by two one-sided tests, each at 1 − level.

        Each test is on one group, and all must pass: an intersection–union test, which needs no correction.
        Source: Schuirmann (1987), J. Pharmacokinetics and Biopharmaceutics 15:657; Berger & Hsu (1996).
        """
        where = self.positions
        if not len(where):
            return None
        at = self.own(where)(critical_value(2 * self.level - 1, self.basis.df), wilson)
        return float(np.maximum(np.abs(at.low), np.abs(at.high)).max())
