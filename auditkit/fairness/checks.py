"""GroupFairness: rates by group, their gaps and ratios, from one tally."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditkit.catalogue.index import METRICS, rates, resolve
from auditkit.check import Assessment, Batch
from auditkit.errors import PolicyError, listing, nearest
from auditkit.evidence.tally import Tally
from auditkit.fairness import against, composites, statements
from auditkit.fairness.estimates import SPARSE, Family, rate_estimate
from auditkit.fairness.frame import Compared, from_counts, from_fairlearn
from auditkit.fairness.notes import finding_id, notes_of
from auditkit.fairness.rates import RateTable
from auditkit.records import Comparison, Concern, Estimate, Finding
from auditkit.stats import families, pvalues
from auditkit.stats.families import FamilyInterval

DEFAULT_METRICS = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy")
COMPARED: tuple[Comparison, ...] = ("difference", "ratio", "difference_to_overall", "ratio_to_overall")
_COMPOSED = (*composites.COMPOSITES, "equalized_odds_mean")
Attributes = tuple[str, ...]


@dataclass(frozen=True)
class GroupFairness:
    """Rates of each group of the sensitive features, their differences and ratios, with intervals.

    Parameters
    ----------
    by
        Sets of attributes, each crossed: `[["gender"], ["gender", "race"]]`. None: each declared attribute alone,
        and all of them crossed.
    metrics
        Names of rates and composites; `equalized_odds` is added where both its rates are there.
    reference
        Attribute → the group that all others are compared with too: `{"gender": "Male"}`. A crossing is compared
        where each of its attributes has one.

    >>> check = GroupFairness(by=[["sex"]], metrics=["selection_rate"])
    >>> tally = Tally.of({"sex": ["f"] * 50 + ["m"] * 50}, y_true=[1, 0] * 50, y_pred=[0] * 60 + [1] * 40)
    >>> [f.estimate.value for f in check.assess(tally).findings if f.comparison == "difference"]
    [0.8, 0.0]
    """

    by: Iterable[Iterable[str]] | None = None
    metrics: Sequence[str] = DEFAULT_METRICS
    reference: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.by is not None:
            sets = tuple((b,) if isinstance(b, str) else tuple(b) for b in self.by)
            object.__setattr__(self, "by", sets)
        names = tuple(resolve(m)[0] for m in self.metrics)
        for name in names:
            if name not in (*rates(), *_COMPOSED):
                known = listing([*rates(), *_COMPOSED], most=30)
                raise PolicyError(f"'{name}' is not a rate or composite; GroupFairness counts {known}")
        object.__setattr__(self, "metrics", names)

    @property
    def name(self) -> str:
        """The key of its evidence in a report."""
        return "group_fairness"

    def options(self) -> dict[str, Any]:
        """The options, as JSON."""
        options = {"by": None if self.by is None else [list(b) for b in self.by], "metrics": list(self.metrics)}
        return {**options, "reference": dict(self.reference)} if self.reference else options

    def gather(self, batch: Batch) -> Tally:
        """Count the rows of a batch."""
        return Tally.of(batch.groups, y_true=batch.y_true, y_pred=batch.y_pred)

    def assess(self, evidence: Tally, *, level: float = 0.95) -> Assessment:
        """Every finding, with fairlearn's point values."""
        against.check_reference(evidence, self.reference)
        plain = [m for m in self.metrics if m not in _COMPOSED]
        composed = [m for m in self.metrics if m in composites.COMPOSITES]
        findings = list(overall_findings(evidence, self.metrics, level=level))
        for by in self._sets(evidence):
            compare = Compare.of(evidence, by, (*plain, "base_rate"), level=level)
            findings += compare.findings()
            findings += composites.findings(evidence, composed, by, level=level)
            if "equalized_odds_mean" in self.metrics:
                findings += [_answer(evidence, "equalized_odds_mean", "difference", by, level=level)]
            if set(by) <= set(self.reference):
                findings += [
                    _answer(evidence, m, c, by, level=level, reference=self.reference)
                    for m in self.metrics
                    for c in against.TO_REFERENCE
                    if c in METRICS[m].comparisons
                ]
        return Assessment(tuple(findings))

    def _sets(self, tally: Tally) -> list[Attributes]:
        if self.by is not None:
            sets = [tuple(b) for b in self.by]
            for name in {name for b in sets for name in b}:
                if name not in tally.by:
                    raise PolicyError(
                        f"no sensitive feature '{name}'; declared are {listing(tally.by)}.{nearest(name, tally.by)}"
                    )
            return sets
        return [*((b,) for b in tally.by), *([tally.by] if len(tally.by) > 1 else [])]


def overall_findings(tally: Tally, metrics: Sequence[str], *, level: float) -> tuple[Finding, ...]:
    """Each rate, and each composite that has a value over everybody, as findings of concern `performance`."""
    plain = tuple(m for m in metrics if m not in _COMPOSED)
    table = RateTable.of(tally, (), plain)
    out = []
    for metric in metrics:
        if metric in _COMPOSED:
            if "overall" in METRICS[metric].comparisons:
                out.append(composites.overall(tally, metric, level=level))
            continue
        i = plain.index(metric)
        k, n = (int(table.numerator[i].sum()), int(table.denominator[i].sum()))
        e = rate_estimate(k, n, k / n if n else float("nan"), rows=int(table.rows.sum()), level=level)
        out.append(
            Finding(
                id=f"performance/{metric}/overall",
                concern="performance",
                title=f"{METRICS[metric].title}, overall",
                statement=statements.of_rate(metric, e),
                metric=metric,
                comparison="overall",
                estimate=e,
                references=(METRICS[metric].reference,),
            )
        )
    return tuple(out)


def reassess(
    tally: Tally,
    metric: str,
    comparison: Comparison,
    by: Attributes,
    *,
    level: float,
    min_n: int = SPARSE,
    reference: Mapping[str, str] | None = None,
) -> Finding | None:
    """One finding from stored counts, in closed form (no fairlearn); None if the tally does not have the attributes.

    Raises PolicyError for a reference group that does not exist.
    """
    counted = metric in (*rates(), *_COMPOSED, "equalized_odds")
    if not counted or not set(by) <= set(tally.by) or comparison not in METRICS[metric].comparisons:
        return None
    if comparison == "overall":
        return overall_findings(tally, (metric,), level=level)[0]
    if reference is not None:
        against.check_reference(tally, reference)
    order = tuple(sorted(by, key=tally.by.index))
    return _answer(tally, metric, comparison, order, level=level, min_n=min_n, reference=reference)


def _answer(
    tally: Tally,
    metric: str,
    comparison: Comparison,
    by: Attributes,
    *,
    level: float,
    min_n: int = SPARSE,
    reference: Mapping[str, str] | None = None,
) -> Finding:
    contrast = comparison in (*against.TO_REFERENCE, *against.TO_REST)
    if metric in composites.COMPOSITES:
        family = composites.CompositeFamily.of(tally, metric, by, level=level, min_n=min_n)
        return against.finding(family, metric, comparison, reference) if contrast else family.finding(comparison)
    metrics = composites.PARTS if metric.startswith("equalized_odds") else (metric,)
    compare = Compare.of(tally, by, metrics, level=level, min_n=min_n, engine=from_counts)
    if metric == "equalized_odds_mean":
        return composites.mean_odds(compare.families)
    if metric == "equalized_odds":
        return compare.equalized_odds()
    if contrast:
        return against.finding(compare.families[metric], metric, comparison, reference)
    return compare.finding(metric, comparison)


def p_value(
    tally: Tally,
    metric: str,
    comparison: Comparison,
    by: Attributes,
    *,
    limit: float,
    above: bool,
    min_n: int = SPARSE,
    reference: Mapping[str, str] | None = None,
) -> float | None:
    """Family p of H0: the comparison is at most (`above`), or at least, the limit; None if there is nothing to test."""
    order = tuple(sorted(by, key=tally.by.index))
    contrast = comparison in (*against.TO_REFERENCE, *against.TO_REST)
    if metric in composites.COMPOSITES:
        family = composites.CompositeFamily.of(tally, metric, order, level=0.95, min_n=min_n)
        if contrast:
            return against.p_value(family, comparison, reference, limit=limit, above=above)
        return family.p_value(comparison, limit, above=above)
    metrics = composites.PARTS if metric.startswith("equalized_odds") else (metric,)
    compare = Compare.of(tally, order, metrics, level=0.95, min_n=min_n, engine=from_counts)
    if metric == "equalized_odds_mean":
        return composites.p_of_mean_odds(compare.families, limit, above=above)
    if metric == "equalized_odds":
        return _p_of_odds(compare.families, limit)
    if contrast:
        return against.p_value(compare.families[metric], comparison, reference, limit=limit, above=above)
    return compare.families[metric].p_value(comparison, limit, above=above)


@dataclass(frozen=True)
class Compare:
    """The families of several rates over one set of attributes, and the findings that follow."""

    families: dict[str, Family]
    compared: dict[str, Compared]

    @classmethod
    def of(
        cls,
        tally: Tally,
        by: Attributes,
        metrics: Sequence[str],
        *,
        level: float,
        min_n: int = SPARSE,
        engine: Any = from_fairlearn,
    ) -> Compare:
        """Read the families off a tally; `engine` gives the point values."""
        metrics = tuple(dict.fromkeys(metrics))
        table = RateTable.of(tally, by, metrics)
        values = engine(tally, table, table.denominator >= max(1, min_n))
        found = {
            m: Family(
                table.by, table.groups, table.rows, table.numerator[i], table.denominator[i], values.by_group[i],
                level, min_n,
            )
            for i, m in enumerate(metrics)
        }  # fmt: skip
        return cls(found, dict(zip(metrics, values.compared, strict=True)))

    def findings(self) -> list[Finding]:
        """Every comparison of every rate, equalized odds where both its rates are there, and the base rates."""
        out = [self.finding(m, c) for m in self.families if m != "base_rate" for c in COMPARED]
        if {"true_positive_rate", "false_positive_rate"} <= set(self.families):
            out.append(self.equalized_odds())
        return [*out, self.finding("base_rate", "difference")]

    def finding(self, metric: str, comparison: Comparison) -> Finding:
        """One comparison of one rate."""
        family = self.families[metric]
        e, found = family.comparison(comparison, self.compared[metric])
        concern: Concern = "data" if metric == "base_rate" else "fairness"
        return Finding(
            id=finding_id(concern, metric, comparison, family.by),
            concern=concern,
            title=f"{METRICS[metric].title}, {comparison.replace('_', ' ')}, {' and '.join(family.by)}",
            statement=statements.of_comparison(metric, comparison, family, e, found),
            metric=metric,
            comparison=comparison,
            by=family.by,
            estimate=e,
            by_group=family.by_group(),
            notes=notes_of(family, comparison, found),
            references=(METRICS[metric].reference,),
        )

    def equalized_odds(self) -> Finding:
        """The worst case of equalized odds: the larger of the gaps in true and false positive rate."""
        parts = {m: self.families[m] for m in ("true_positive_rate", "false_positive_rate")}
        by = parts["true_positive_rate"].by
        e, worse = _worst_odds(parts)
        ids = [finding_id("fairness", m, "difference", by) for m in parts]
        left_out = [f"{METRICS[m].plain}: too few in {listing(f.left_out())}" for m, f in parts.items() if f.left_out()]
        return Finding(
            id=finding_id("fairness", "equalized_odds", "difference", by),
            concern="fairness",
            title=f"{METRICS['equalized_odds'].title}, difference, {' and '.join(by)}",
            statement=statements.of_equalized_odds(by, e, worse),
            metric="equalized_odds",
            comparison="difference",
            by=by,
            estimate=e,
            notes=(f"the larger of {ids[0]} and {ids[1]}", *left_out),
            references=(METRICS["equalized_odds"].reference,),
        )


def _worst_odds(parts: dict[str, Family]) -> tuple[Estimate, str]:
    level = next(iter(parts.values())).level
    kept = {m: int(f.kept.sum()) for m, f in parts.items()}
    missing = [m for m, k in kept.items() if k < 2]
    if missing:
        e, _ = parts[missing[0]].comparison("difference")
        note = f"{METRICS[missing[0]].title.lower()}: {e.note}"
        return e.model_copy(update={"note": note}), missing[0]
    q = families.joint_quantile(level, *kept.values())
    gaps: dict[str, FamilyInterval] = {}
    for m, f in parts.items():
        gaps[m] = families.gap(f.k[f.kept], f.n[f.kept], level=level, q=q)
    worse = max(gaps, key=lambda m: gaps[m].value)
    mdes = [f.estimate_of(gaps[m], "difference", q=q).mde for m, f in parts.items()]
    e = parts[worse].estimate_of(gaps[worse], "difference", q=q)
    return e.model_copy(
        update={
            "low": max(g.low for g in gaps.values()),
            "high": max(g.high for g in gaps.values()),
            "denominator": None,
            "n": max(int(f.rows.sum()) for f in parts.values()),
            "mde": max((x for x in mdes if x is not None), default=None),
            "method": "both families of pairs at their joint quantile; upper Newcombe",
        }
    ), worse


def _p_of_odds(parts: dict[str, Family], limit: float) -> float | None:
    """Of H0: both gaps are at most the limit; 1 − F_T(q)·F_F(q) at the q where the larger limit touches it."""
    kept = [(f.k[f.kept], f.n[f.kept]) for f in parts.values()]
    if min(len(n) for _, n in kept) < 2:
        return None

    def interval(q: float) -> FamilyInterval:
        return max((families.gap(k, n, level=0.95, q=q) for k, n in kept), key=lambda g: g.low)

    def tail(q: float) -> float:
        inside = [1 - pvalues.tail(q, len(n), "pairs") for _, n in kept]
        return 1 - inside[0] * inside[1]

    return pvalues.p_value(interval, limit, above=True, tail_of=tail)
