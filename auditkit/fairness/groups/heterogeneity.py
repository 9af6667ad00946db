"""Heterogeneity: whether the gap between groups is one at every site, or in every group of some other attribute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, ClassVar, NamedTuple

import numpy as np

from auditkit.arrays import Floats
from auditkit.batch import Batch
from auditkit.catalogue.derived import HETEROGENEITY, RATES
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import groups_of, is_established, none_established, too_small
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import choices
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.basis import Positions
from auditkit.fairness.families.estimates import Family, families_of
from auditkit.fairness.families.family import estimated, nothing_to_compare, number
from auditkit.fairness.groups.check import GroupFairness
from auditkit.fairness.notes import finding
from auditkit.fairness.sets import named
from auditkit.formatting import interval, points
from auditkit.options import checked_options
from auditkit.records import Estimate, Finding, NotMeasured, Surest, Table
from auditkit.stats import pairs
from auditkit.stats.comparisons import Comparisons, Method, Quantity
from auditkit.stats.pvalues import FamilyInterval
from auditkit.stats.rates import Limits, critical_value, wilson

MOST_PAIRS = 200
"""Pairs of groups whose gaps are compared, at most: of twenty groups all."""
_SHOWN = 60
"""Rows of the table of gaps, at most."""


@dataclass(frozen=True)
@checked_options
class GapHeterogeneity(BaseCheck):
    """Whether a gap between groups is larger at one site than at another, with an interval.

    With p_gs the rate of group g at site s, the gap of two groups there is d_s = p_gs − p_hs, and what is told is the
    largest |d_s − d_t| over all pairs of groups and of sites: 0 where the gap is everywhere the same, whatever rates
    the sites have. The inner limit holds over all pairs of sites (studentized range) and of groups (Bonferroni); the
    outer one is an intersection–union claim, at z. Gaps have MOVER limits, of which differences are MOVER again.

    Parameters
    ----------
    over
        The attribute whose groups are the sites; it is declared with the sensitive features.
    by
        Attributes whose groups are compared; None: each of the others.
    metrics
        Rates, of those that parity is asked of.

    >>> sex, site = ["f"] * 200 + ["m"] * 200, (["n"] * 100 + ["s"] * 100) * 2
    >>> decisions = [1] * 20 + [0] * 80 + [1] * 60 + [0] * 40 + ([1] * 60 + [0] * 40) * 2
    >>> tally = Tally.of({"sex": sex, "site": site}, y_true=[-1] * 400, y_pred=decisions)
    >>> (found,) = GapHeterogeneity(over="site", metrics="selection_rate").assess(tally).findings
    >>> round(found.estimate.value, 6), round(found.estimate.low, 2)
    (0.4, 0.21)
    """

    NAME: ClassVar[str] = "gap_heterogeneity"
    uses_weights: ClassVar[bool] = True
    over: str
    by: Iterable[str] | None = None
    metrics: Sequence[str] = RATES

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", named(self.metrics, RATES, "is no rate that parity is asked of; these are"))

    def gather(self, batch: Batch) -> Tally:
        """Count the rows of a batch, as `GroupFairness` does."""
        return GroupFairness().gather(batch)

    def assess(self, evidence: Tally, *, level: float = 0.95) -> Assessment:
        """A finding for each attribute and rate."""
        absent = [a for a in (self.over, *(self.by or ())) if a not in evidence.by]
        if absent:
            why = f"no sensitive feature '{absent[0]}'; declared are {choices(absent[0], evidence.by)}"
            return Assessment(not_measured=(NotMeasured(what=self.name, why=why, concern="fairness"),))
        attributes = [a for a in (self.by or evidence.by) if a != self.over]
        if not attributes:
            why = f"no sensitive feature but '{self.over}' is declared: there is no gap to compare"
            return Assessment(not_measured=(NotMeasured(what=self.name, why=why, concern="fairness"),))
        found = []
        for a in attributes:
            families = families_of(evidence, (a, self.over), self.metrics, level=level)
            found += [Heterogeneity(families[m]).finding() for m in self.metrics]
        return Assessment(tuple(found))


class _Gaps(NamedTuple):
    """The gap of two groups at the sites where both are large enough."""

    groups: tuple[str, str]
    sites: tuple[str, ...]
    first: Positions
    """(S,) of the first group at each site, among the crossed groups."""
    second: Positions


@dataclass(frozen=True)
class Heterogeneity:
    """Gaps of one rate between the groups of an attribute, site by site: `family` is of both crossed."""

    family: Family

    @cached_property
    def gaps(self) -> tuple[_Gaps, ...]:
        """Of every pair of groups that two sites have, the first pairs of many."""
        place = {self.family.groups[i]: int(i) for i in self.family.positions}
        groups, sites = (list(dict.fromkeys(k[i] for k in self.family.groups)) for i in (0, 1))
        out = []
        for g, h in combinations(groups, 2):
            both = tuple(s for s in sites if (g, s) in place and (h, s) in place)
            if len(both) > 1:
                where = [np.array([place[x, s] for s in both], np.intp) for x in (g, h)]
                out.append(_Gaps((g, h), both, *where))
        return tuple(out[:MOST_PAIRS])

    def finding(self) -> Finding:
        """The largest difference between sites of any gap."""
        metric, by = METRICS[self.family.metric + HETEROGENEITY], self.family.by
        if not self.gaps:
            e, surest, p = self._nothing(), None, None
            table: tuple[Table, ...] = ()
            said = f"{metric.title}: gaps cannot be compared; {e.note}."
        else:
            e, (best, sure), p = self._estimate()
            table = (self._table(),)
            said, surest = self._said(e, best, sure)
            p = p if is_established("difference", e) else None
        cut = len(self.gaps) == MOST_PAIRS
        return finding(
            metric.name,
            "difference",
            by,
            e,
            said,
            title=f"{metric.title}, {by[0]} over {by[1]}",
            exhibits=table,
            notes=(
                *self.family.basis.notes,
                *([f"the first {MOST_PAIRS} pairs of groups are compared"] if cut else []),
            ),
            surest=surest,
            p=p,
        )

    def compared(self, of: _Gaps, level: float) -> Comparisons:
        """The gap of two groups at all sites, each with each."""
        basis = self.family.basis
        where = np.concatenate([of.first, of.second])
        rho = basis.correlations(where)
        quantity = _difference(self.family.own(where), rho)
        between = None if rho is None else _between(self.family.own(where), rho)
        return Comparisons(quantity, len(of.sites), level=level, most=2.0, df=basis.df, rho=between)

    def _estimate(self) -> tuple[Estimate, tuple[_Gaps, FamilyInterval], float]:
        f, pairs_ = self.family, len(self.gaps)
        strict = 1 - (1 - f.level) / pairs_
        each = [self.compared(g, strict) for g in self.gaps]
        found = [c.interval("difference", outer=critical_value(f.level, f.basis.df)) for c in each]
        far, sure = (max(range(pairs_), key=[getattr(x, k) for x in found].__getitem__) for k in ("value", "low"))
        counted = np.unique(np.concatenate([x for g in self.gaps for x in (g.first, g.second)]))
        e = estimated(
            found[far].value,
            found[sure].low,
            max(x.high for x in found),
            level=f.level,
            n=int(f.rows[counted].sum()),
            method="MOVER of gaps, which have MOVER limits; all pairs of sites at the studentized range"
            + (f", {pairs_} pairs of groups by Bonferroni" if pairs_ > 1 else "")
            + f.basis.suffix,
        ).model_copy(update={"mde": number(max(c.smallest_seen() for c in each))})
        p = min(1.0, pairs_ * each[sure].p_value("difference", 0.0, above=True))
        return e, (self.gaps[sure], found[sure]), p

    def _said(self, e: Estimate, of: _Gaps, found: FamilyInterval) -> tuple[str, Surest | None]:
        entry, (attribute, over) = METRICS[self.family.metric], self.family.by
        if not is_established("difference", e):
            none = none_established(
                f"difference between groups of {over} in the gap", f"between {groups_of([attribute])}"
            )
            seen = too_small(None if e.unseen is None else f"{points(e.unseen)} points", "difference")
            return f"{entry.head}: {none} ({interval(e, 'difference')} points{seen}).", None
        c, (g, h) = found.sure, of.groups
        own = estimated(c.value, c.low, c.high, level=e.level, n=e.n)
        told = []
        for i in (c.first, c.second):
            x, y = (float(self.family.values[w[i]]) for w in (of.first, of.second))
            told.append(f"{points(x - y)} points in {of.sites[i]}")
        said = (
            f"{entry.head}: the gap between {g} and {h} is another from {over} to {over}, {g} less {h} being "
            f"{told[0]} and {told[1]}: a difference of {points(own.value or 0.0)} points "
            f"({interval(own, 'difference')})."
        )
        return said, Surest(groups=tuple({over: of.sites[i]} for i in (c.first, c.second)), estimate=own)

    def _table(self) -> Table:
        rows = []
        for of in self.gaps:
            at = self.compared(of, self.family.level).own(
                critical_value(self.family.level, self.family.basis.df), wilson
            )
            for i, site in enumerate(of.sites):
                rows.append((f"{of.groups[0]} less {of.groups[1]}", site, *(number(float(x[i])) for x in at)))
        attribute, over = self.family.by
        return Table(
            title=f"{METRICS[self.family.metric].title}: gaps between groups of {attribute} by {over}",
            columns=("Gap", over, "Points", "Lower limit", "Upper limit"),
            rows=tuple(rows[:_SHOWN]),
            units=("", "", "points", "points", "points"),
        )

    def _nothing(self) -> Estimate:
        f, (attribute, over) = self.family, self.family.by
        few = f"no two groups of {attribute} have {f.enough()} in two groups of {over}"
        return nothing_to_compare(len(f.groups), few, level=f.level, n=int(f.rows.sum()))


def _difference(own: Quantity, rho: Floats | None) -> Quantity:
    """Of 2S groups, those of the first S less the others: S gaps."""

    def limits(q: Any, method: Method) -> Limits:
        at = own(q, method)
        size = len(at.p) // 2
        one, other = (Limits(*(x[part] for x in at)) for part in (slice(0, size), slice(size, None)))
        within = None if rho is None else np.diagonal(rho[:size, size:])
        return Limits(*pairs.difference(one, other, within))

    return limits


def _between(own: Quantity, rho: Floats) -> Floats:
    """(S, S) correlations of the gaps, from those (2S, 2S) of the rates: of A C A', A = (I, −I)."""
    at = own(1.0, wilson)
    error = (at.high - at.low) / 2
    size = len(error) // 2
    covariance = rho * error[:, None] * error
    contrast = np.concatenate([np.eye(size), -np.eye(size)], axis=1)
    of_gaps = contrast @ covariance @ contrast.T
    spread = np.sqrt(np.maximum(np.diagonal(of_gaps), 1e-300))
    out: Floats = np.clip(of_gaps / (spread[:, None] * spread), -1.0, 1.0)
    return out
