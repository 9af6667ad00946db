"""Metrics made of several rates: F1, balanced accuracy, MCC, generalised entropy, average odds and others.

Groups are independent, so every comparison follows from the limits of the quantity in each group (MOVER).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.basis import Basis
from auditkit.fairness.families.estimates import Family, number
from auditkit.fairness.groups import contrast_statements as statements
from auditkit.fairness.notes import finding_id, notes_of
from auditkit.question import SPARSE
from auditkit.records import Comparison, Estimate, Finding, GroupEstimate, State, Table
from auditkit.stats import contrasts, families, pvalues, tables
from auditkit.stats.contrasts import Method, Quantity
from auditkit.stats.families import FamilyInterval
from auditkit.stats.rates import Limits, critical_value, wilson
from auditkit.stats.tables import Floats, Tables

PARTS = ("true_positive_rate", "false_positive_rate")
"""The rates of equalized odds."""
COMPARED: tuple[Comparison, ...] = ("difference", "ratio")
"""What GroupFairness reports of a composite, as far as the composite knows it."""


class Composite(NamedTuple):
    """How a composite is computed from (K, 2, 2) tables."""

    limits: Callable[[Tables, float, Method], Limits]
    counted: Callable[[Tables], NDArray[np.int64]]
    """(K,) what `min_n` is held against; 0 exactly where the value is undefined."""
    method: str
    most: float = 1.0
    """The largest possible difference."""


COMPOSITES: dict[str, Composite] = {
    "f1": Composite(tables.f1, lambda t: t.sum(axis=(1, 2)) - t[:, 0, 0], "Wilson on J, transformed"),
    "balanced_accuracy": Composite(tables.balanced_accuracy, tables.smaller_class, "MOVER of both rates"),
    "mcc": Composite(tables.mcc, tables.smallest_margin, "Dirichlet draws of the table", 2.0),
    "generalized_entropy_index": Composite(
        tables.generalized_entropy_index, tables.with_benefit, "Dirichlet draws of the table", float("inf")
    ),
    "average_odds": Composite(tables.average_odds, tables.smaller_class, "MOVER of both rates"),
    "treatment_equality": Composite(
        tables.treatment_equality, lambda t: t[:, 1, 0] + t[:, 0, 1], "Wilson on FN / (FN + FP)"
    ),
}


@dataclass(frozen=True)
class CompositeFamily(Basis):
    """One composite in K crossed groups, over rows with truth and decision."""

    metric: str
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    tables: Tables
    """(K, 2, 2) counts by truth and decision."""
    level: float
    min_n: int = SPARSE

    @classmethod
    def of(cls, tally: Tally, metric: str, by: Sequence[str], *, level: float, min_n: int = SPARSE) -> CompositeFamily:
        """Read the tables off a tally; `by=()` gives one group, everybody.

        Of a weighted or clustered tally it is a `WeightedComposite`.
        """
        if tally.weighted or tally.clusters is not None:
            from auditkit.fairness.families.weighted_composites import weighted_composite

            return weighted_composite(tally, metric, by, level=level, min_n=min_n)
        counts = tally.counts(*by)
        return cls(metric, tuple(by), counts.groups, counts.table[:, 1:, 1:], level, min_n)

    @cached_property
    def n(self) -> NDArray[np.int64]:
        """(K,) denominators; 0 where undefined."""
        return COMPOSITES[self.metric].counted(self.tables)

    @property
    def rows(self) -> NDArray[np.int64]:
        """(K,) rows with truth and decision."""
        out: NDArray[np.int64] = self.tables.sum(axis=(1, 2))
        return out

    @cached_property
    def limits(self) -> Limits:
        """(K,) values and their own limits at `level`."""
        with np.errstate(invalid="ignore"):
            return COMPOSITES[self.metric].limits(self.tables, critical_value(self.level), wilson)

    @property
    def values(self) -> Floats:
        """(K,) point values, NaN where undefined."""
        return self.limits.p

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(K,) groups whose denominator is large enough to enter comparisons."""
        return self.n >= max(1, self.min_n)

    def name(self, position: int) -> str:
        """The group at a position, in the data's own labels."""
        return " & ".join(self.groups[position])

    def own(self, where: NDArray[np.intp]) -> Quantity:
        """The quantity in the groups at these positions."""
        return lambda q, method: COMPOSITES[self.metric].limits(self.tables[where], q, method)

    def rest(self, where: NDArray[np.intp]) -> Quantity:
        """The quantity in all other groups of these positions, taken together, for each of them."""
        others = self.tables[where].sum(axis=0) - self.tables[where]
        return lambda q, method: COMPOSITES[self.metric].limits(others, q, method)

    def by_group(self) -> tuple[GroupEstimate, ...]:
        """Every group, the sparse and the undefined ones too."""
        return tuple(
            GroupEstimate(group=dict(zip(self.by, group, strict=True)), estimate=self.estimate(i))
            for i, group in enumerate(self.groups)
        )

    def estimate(self, i: int) -> Estimate:
        """The estimate of one group."""
        n = int(self.n[i])
        state: State = "undefined" if n == 0 else "sparse" if n < self.min_n else "ok"
        words = METRICS[self.metric].denominator_words
        notes = {"undefined": f"nobody among {words}", "sparse": f"only {n} among {words}: too few to tell"}
        return Estimate(
            value=number(self.limits.p[i]),
            low=number(self.limits.low[i]),
            high=number(self.limits.high[i]),
            level=self.level,
            n=int(self.tables[i].sum()),
            denominator=float(n),
            method=COMPOSITES[self.metric].method,
            state=state,
            note=notes.get(state, ""),
        )

    def comparison(self, kind: Comparison) -> tuple[Estimate, FamilyInterval | None]:
        """The estimate of a comparison between groups, and the groups behind it."""
        where = np.flatnonzero(self.kept)
        if len(where) < (2 if kind in ("difference", "ratio") else 1):
            return nothing_to_compare(self), None
        found = self.interval(kind)
        found = found._replace(first=int(where[found.first]), second=int(where[found.second]))
        return self.estimate_of(found, between(kind)), found

    def interval(self, kind: Comparison, *, inner: float | None = None, outer: float | None = None) -> FamilyInterval:
        """Of the groups kept, positions among them; `inner` and `outer` as in `contrasts`."""
        where = np.flatnonzero(self.kept)
        own, k = self.own(where), len(where)
        if kind == "difference":
            most = COMPOSITES[self.metric].most
            return contrasts.difference(own, k, level=self.level, most=most, inner=inner, outer=outer)
        if kind == "ratio":
            return contrasts.ratio(own, k, level=self.level, inner=inner, outer=outer)
        largest = kind == "group_max"
        return contrasts.extreme(own, k, level=self.level, largest=largest, inner=inner, outer=outer)

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """Family p of H0: the comparison is at most (`above`), or at least, the limit; None without a test."""
        groups = int(self.kept.sum())
        if groups < (2 if kind in ("difference", "ratio") else 1):
            return None
        law: pvalues.Law = "pairs" if kind in ("difference", "ratio") else "separate"
        tail = partial(pvalues.tail, groups=groups, law=law, df=self.df)
        return p_value_of(partial(self.interval, kind), kind, limit, above=above, tail=tail, df=self.df)

    def estimate_of(self, found: FamilyInterval, method: str) -> Estimate:
        """A family interval as an estimate."""
        undefined = bool(np.isnan(found.value))
        return Estimate(
            value=number(found.value),
            low=number(found.low),
            high=number(found.high),
            level=self.level,
            n=int(self.tables[self.kept].sum()),
            denominator=float(self.n[self.kept].sum()),
            method=f"{COMPOSITES[self.metric].method}; {method}",
            state="undefined" if undefined else "ok",
            note="the value is 0 in every group: 0/0 is not a ratio" if undefined else "",
        )

    def finding(self, kind: Comparison) -> Finding:
        """One comparison between groups."""
        e, found = self.comparison(kind)
        return Finding(
            id=finding_id("fairness", self.metric, kind, self.by),
            concern="fairness",
            title=f"{METRICS[self.metric].title}, {kind.replace('_', ' ')}, {' and '.join(self.by)}",
            statement=statements.of_composite(self.metric, kind, self, e, found),
            metric=self.metric,
            comparison=kind,
            by=self.by,
            estimate=e,
            by_group=self.by_group(),
            exhibits=(self.odds(),) if self.metric == "treatment_equality" else (),
            notes=notes_of(self, kind, found),
            references=(METRICS[self.metric].reference,),
        )

    def odds(self) -> Table:
        """FN / FP of every group, which is the odds of π; None where there is no FP."""
        ratio = tables.odds(self.limits)
        rows = [
            (self.name(i), int(t[1, 0]), int(t[0, 1]), *(number(float(x[i])) for x in ratio))
            for i, t in enumerate(self.tables)
        ]
        columns = (" and ".join(self.by).capitalize(), "Overlooked", "Wrongly selected", "FN / FP", "From", "To")
        return Table(title="Overlooked for one wrongly selected", columns=columns, rows=tuple(rows))


def p_value_of(
    interval: Callable[..., FamilyInterval],
    kind: Comparison,
    limit: float,
    *,
    above: bool,
    tail: Callable[[float], float],
    df: float = float("inf"),
) -> float:
    """p from the limit on the failing side: the inner one with the family's tail, or the outer one with a normal's."""
    if above == (kind.startswith("difference") or kind == "group_max"):
        return pvalues.p_value(lambda q: interval(inner=q), limit, above=above, tail_of=tail)
    one = partial(pvalues.tail, groups=1, law="separate", df=df)
    return pvalues.p_value(lambda q: interval(outer=q), limit, above=above, tail_of=one)


def nothing_to_compare(family: CompositeFamily | Family) -> Estimate:
    """The estimate of a comparison for which there are too few groups, with the reason."""
    defined = int((family.n > 0).sum())
    state: State = "undefined"
    if len(family.groups) < 2:
        note = "one group only: there is nothing to compare"
    elif defined < 2:
        note = f"{defined} of {len(family.groups)} groups has anybody to count"
    else:
        state, note = "sparse", f"fewer than two groups have a denominator of at least {family.min_n}"
    return Estimate(value=None, level=family.level, n=int(family.rows.sum()), state=state, note=note)


def between(kind: Comparison) -> str:
    """How the interval of a comparison between groups is made."""
    if kind in ("group_min", "group_max"):
        return f"{'smallest' if kind == 'group_min' else 'largest'} limits, Šidák on the inner side"
    pairs = "MOVER-R" if kind == "ratio" else "MOVER"
    return f"{pairs} of all pairs at the studentized range; z on the outer side"


def overall(tally: Tally, metric: str, *, level: float) -> Finding:
    """The composite over everybody, as a finding of concern `performance`."""
    family = CompositeFamily.of(tally, metric, (), level=level)
    if not family.groups:
        family = CompositeFamily(metric, (), ((),), np.zeros((1, 2, 2), dtype=np.int64), level)
    e = family.estimate(0)
    return Finding(
        id=f"performance/{metric}/overall",
        concern="performance",
        title=f"{METRICS[metric].title}, overall",
        statement=statements.of_value(metric, e),
        metric=metric,
        comparison="overall",
        estimate=e,
        references=(METRICS[metric].reference,),
    )


def findings(tally: Tally, metrics: Sequence[str], by: Sequence[str], *, level: float) -> list[Finding]:
    """What GroupFairness reports of composites over one set of attributes."""
    out = []
    for metric in metrics:
        family = CompositeFamily.of(tally, metric, by, level=level)
        out += [family.finding(kind) for kind in COMPARED if kind in METRICS[metric].comparisons]
    return out


def mean_odds(parts: dict[str, Family]) -> Finding:
    """Mean equalized odds from the families of both rates: the mean of both gaps, and of both projections at q."""
    by = parts[PARTS[0]].by
    e = _mean_odds(parts)
    head = f"{METRICS['equalized_odds_mean'].title}"
    if e.value is None:
        statement = f"{head}: groups of {' and '.join(by)} cannot be compared; {e.note}."
    else:
        statement = statements.of_mean_odds(by, e)
    out = [f"{METRICS[m].plain}: too few in {listing(f.left_out())}" for m, f in parts.items() if f.left_out()]
    ids = [finding_id("fairness", m, "difference", by) for m in parts]
    return Finding(
        id=finding_id("fairness", "equalized_odds_mean", "difference", by),
        concern="fairness",
        title=f"{head}, difference, {' and '.join(by)}",
        statement=statement,
        metric="equalized_odds_mean",
        comparison="difference",
        by=by,
        estimate=e,
        notes=(f"the mean of {ids[0]} and {ids[1]}", *out, *parts[PARTS[0]].basis),
        references=(METRICS["equalized_odds_mean"].reference,),
    )


def _mean_odds(parts: dict[str, Family]) -> Estimate:
    for m, f in parts.items():
        if f.kept.sum() < 2:
            e = nothing_to_compare(f)
            return e.model_copy(update={"note": f"{METRICS[m].title.lower()}: {e.note}"})
    first, df = parts[PARTS[0]], min(f.df for f in parts.values())
    q = families.joint_quantile(first.level, *(int(f.kept.sum()) for f in parts.values()), df)
    gaps = [f.gap_at(q) for f in parts.values()]
    return Estimate(
        value=sum(g.value for g in gaps) / 2,
        low=sum(g.low for g in gaps) / 2,
        high=sum(g.high for g in gaps) / 2,
        level=first.level,
        n=max(int(f.rows.sum()) for f in parts.values()),
        method="mean of both families of pairs at their joint quantile" + first.suffix,
    )


def p_of_mean_odds(parts: dict[str, Family], limit: float, *, above: bool) -> float | None:
    """Of H0: the mean of both gaps is at most (`above`), or at least, the limit; through the joint law of q."""
    kept, df = [int(f.kept.sum()) for f in parts.values()], min(f.df for f in parts.values())
    if min(kept) < 2:
        return None

    def interval(q: float) -> FamilyInterval:
        gaps = [f.gap_at(q) for f in parts.values()]
        low, high = (sum(x) / 2 for x in zip(*((g.low, g.high) for g in gaps), strict=True))
        return gaps[0]._replace(low=low, high=high)

    def tail(q: float) -> float:
        inside = [1 - pvalues.tail(q, groups, "pairs", df) for groups in kept]
        return 1 - inside[0] * inside[1]

    return pvalues.p_value(interval, limit, above=above, tail_of=tail)
