"""GroupFairness: rates by group, their gaps and ratios, from one tally."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from auditkit.batch import Batch
from auditkit.catalogue.index import METRICS, rates, resolve
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import PolicyError, listing
from auditkit.evidence.tally import Tally
from auditkit.fairness import notes
from auditkit.fairness.families import against, composites, dispersion
from auditkit.fairness.families.composites import NOT_SERVED, served
from auditkit.fairness.families.estimates import Family, families_of, rate_estimate
from auditkit.fairness.families.frame import Compared, from_counts, from_fairlearn
from auditkit.fairness.families.odds import PARTS, Odds
from auditkit.fairness.families.quantiles import checked_quantiles, with_quantiles
from auditkit.fairness.families.rates import RateTable
from auditkit.fairness.groups import crossings, statements
from auditkit.fairness.notes import notes_of
from auditkit.fairness.sets import Attributes, compared, sets_of
from auditkit.options import checked_options
from auditkit.question import SPARSE, Question
from auditkit.records import Comparison, Finding, NotMeasured

DEFAULT_METRICS = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy")
COMPARED: tuple[Comparison, ...] = ("difference", "ratio", "difference_to_overall", "ratio_to_overall")
_OF_ALL = ("equalized_odds_mean", *dispersion.DISPERSIONS)
"""Composites that have a value over all groups together, and none of one group."""
_COMPOSED = (*composites.COMPOSITES, *_OF_ALL)


@dataclass(frozen=True)
@checked_options
class GroupFairness(BaseCheck):
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
    n_boot
        Bootstrap replicates, whose quantiles become a note of every difference and ratio; None: none are drawn. The
        intervals of the findings do not use them.
    ci_quantiles
        The quantiles that the notes quote.
    random_state
        Seed of the replicates.

    >>> check = GroupFairness(by=[["sex"]], metrics=["selection_rate"])
    >>> tally = Tally.of({"sex": ["f"] * 50 + ["m"] * 50}, y_true=[1, 0] * 50, y_pred=[0] * 60 + [1] * 40)
    >>> [f.estimate.value for f in check.assess(tally).findings if f.comparison == "difference"]
    [0.8, 0.0]
    """

    NAME: ClassVar[str] = "group_fairness"
    by: Iterable[Iterable[str]] | None = None
    metrics: Sequence[str] = DEFAULT_METRICS
    reference: Mapping[str, str] = field(default_factory=dict)
    n_boot: int | None = None
    ci_quantiles: Sequence[float] = (0.025, 0.975)
    random_state: int = 0
    uses_weights: ClassVar[bool] = True

    def __post_init__(self) -> None:
        names = tuple(dict.fromkeys(resolve(m)[0] for m in self.metrics))
        for name in names:
            if name not in (*rates(), *_COMPOSED):
                known = listing([*rates(), *_COMPOSED], most=30)
                raise PolicyError(f"'{name}' is not a rate or composite; GroupFairness counts {known}")
        object.__setattr__(self, "metrics", names)
        object.__setattr__(self, "ci_quantiles", checked_quantiles(self.n_boot, self.ci_quantiles))

    def options(self) -> dict[str, Any]:
        """The options, as JSON."""
        options: dict[str, Any] = {
            "by": None if self.by is None else [list(b) for b in self.by],
            "metrics": list(self.metrics),
        }
        options = {**options, "reference": dict(self.reference)} if self.reference else options
        if self.n_boot is None:
            return options
        quantiles = list(self.ci_quantiles)
        return {**options, "n_boot": self.n_boot, "ci_quantiles": quantiles, "random_state": self.random_state}

    def gather(self, batch: Batch) -> Tally:
        """Count the rows of a batch."""
        return Tally.of(
            batch.groups,
            y_true=batch.y_true,
            y_pred=batch.y_pred,
            sample_weight=batch.sample_weight,
            weights_kind=batch.weights_kind,
            cluster=batch.cluster,
        )

    def assess(self, evidence: Tally, *, level: float = 0.95) -> Assessment:
        """Every finding, with fairlearn's point values."""
        against.check_reference(evidence, self.reference)
        metrics = [m for m in self.metrics if served(evidence, m)]
        missed = tuple(NotMeasured(what=m, why=NOT_SERVED) for m in self.metrics if m not in metrics)
        plain = [m for m in metrics if m not in _COMPOSED]
        composed = [m for m in metrics if m in composites.COMPOSITES]
        findings = list(overall_findings(evidence, metrics, level=level))
        sets = compared(sets_of(self.by, evidence.by), evidence.columns, what="group rates", concern="fairness")
        for by in sets.sets:
            compare = Compare.of(evidence, by, (*plain, "base_rate"), level=level)
            findings += compare.findings()
            findings += composites.findings(evidence, composed, by, level=level)
            findings += [_answer(evidence, Question(m, "difference", by, level)) for m in metrics if m in _OF_ALL]
            if set(by) <= set(self.reference):
                findings += [
                    _answer(evidence, Question(m, c, by, level, reference=self.reference))
                    for m in metrics
                    for c in against.TO_REFERENCE
                    if c in METRICS[m].comparisons
                ]
        missed += sets.absent
        if self.n_boot is None:
            return Assessment(tuple(findings), missed)
        noted, why = with_quantiles(
            findings, evidence, n_boot=self.n_boot, ci_quantiles=self.ci_quantiles, random_state=self.random_state
        )
        return Assessment(noted, (*missed, *why))


def overall_findings(tally: Tally, metrics: Sequence[str], *, level: float) -> tuple[Finding, ...]:
    """Each rate, and each composite that has a value over everybody, as findings of concern `performance`."""
    plain = tuple(m for m in metrics if m not in _COMPOSED)
    table = RateTable.of(tally, (), plain)
    families = families_of(tally, table, level=level)
    out = []
    for metric in metrics:
        if metric in _COMPOSED:
            if "overall" in METRICS[metric].comparisons:
                out.append(composites.overall(tally, metric, level=level))
            continue
        family = families[metric]
        e = family.estimate(0) if family.groups else rate_estimate(0, 0, float("nan"), rows=0, level=level)
        said, about = statements.of_rate(metric, e), family.basis.notes
        out.append(notes.finding(metric, "overall", (), e, said, concern="performance", notes=about))
    return tuple(out)


def reassess(tally: Tally, asked: Question) -> Finding | None:
    """One finding from stored counts, in closed form (no fairlearn); None where the tally does not answer.

    Raises PolicyError for a reference group that does not exist.
    """
    known = asked.of_attributes(tally.by)
    if known is None or not _counted(tally, asked) or asked.comparison not in METRICS[asked.metric].comparisons:
        return None
    if asked.comparison == "overall":
        return overall_findings(tally, (asked.metric,), level=asked.level)[0]
    if asked.reference is not None:
        against.check_reference(tally, asked.reference)
    return _answer(tally, known)


def _counted(tally: Tally, asked: Question) -> bool:
    return METRICS[asked.metric].kind in ("rate", "composite") and served(tally, asked.metric)


def _answer(tally: Tally, asked: Question) -> Finding:
    metric, kind = asked.metric, asked.comparison
    contrast = kind in (*against.TO_REFERENCE, *against.TO_REST)
    if metric in composites.COMPOSITES:
        family = composites.CompositeFamily.of(tally, metric, asked.by, level=asked.level, min_n=asked.min_n)
        return against.finding(family, metric, kind, asked.reference) if contrast else family.finding(kind)
    if metric in dispersion.DISPERSIONS:
        return dispersion.finding(tally, metric, asked.by, level=asked.level, min_n=asked.min_n)
    compare = _compared(tally, asked)
    if metric == "equalized_odds_mean":
        return Odds.of(compare.families).mean_finding()
    if metric == "equalized_odds":
        return Odds.of(compare.families).finding(kind)
    if contrast:
        return against.finding(compare.families[metric], metric, kind, asked.reference)
    return compare.finding(metric, kind)


def _compared(tally: Tally, asked: Question) -> Compare:
    metrics = PARTS if asked.metric.startswith("equalized_odds") else (asked.metric,)
    return Compare.of(tally, asked.by, metrics, level=asked.level, min_n=asked.min_n, engine=from_counts)


def p_value(tally: Tally, asked: Question, limit: float, *, above: bool) -> float | None:
    """Family p of H0: the comparison is at most (`above`), or at least, the limit; None if there is nothing to test."""
    known = asked.of_attributes(tally.by)
    if known is None or not _counted(tally, asked):
        return None
    metric, kind = asked.metric, asked.comparison
    contrast = kind in (*against.TO_REFERENCE, *against.TO_REST)
    if metric in composites.COMPOSITES:
        family = composites.CompositeFamily.of(tally, metric, known.by, level=0.95, min_n=asked.min_n)
        if contrast:
            return against.p_value(family, kind, asked.reference, limit=limit, above=above)
        return family.p_value(kind, limit, above=above)
    if metric in dispersion.DISPERSIONS:
        return dispersion.p_value(tally, metric, known.by, limit=limit, above=above, min_n=asked.min_n)
    families = _compared(tally, known).families
    if metric == "equalized_odds_mean":
        return Odds.of(families).p_of_mean(limit, above=above)
    if metric == "equalized_odds":
        return Odds.of(families).p_value(kind, limit, above=above)
    if contrast:
        return against.p_value(families[metric], kind, asked.reference, limit=limit, above=above)
    return families[metric].p_value(kind, limit, above=above)


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
        families = families_of(tally, table, level=level, min_n=min_n)
        kept = np.array([f.kept for f in families.values()]).reshape(table.denominator.shape)
        values = engine(tally, table, kept)
        found = {m: replace(f, values=v) for (m, f), v in zip(families.items(), values.by_group, strict=True)}
        return cls(found, dict(zip(metrics, values.compared, strict=True)))

    def findings(self) -> list[Finding]:
        """Every comparison of every rate, equalized odds where both its rates are there, and the base rates."""
        out = [self.finding(m, c) for m in self.families if m != "base_rate" for c in COMPARED]
        if set(PARTS) <= set(self.families):
            out += [Odds.of(self.families).finding(c) for c in ("difference", "ratio")]
        return [*out, self.finding("base_rate", "difference")]

    def finding(self, metric: str, comparison: Comparison) -> Finding:
        """One comparison of one rate."""
        family = self.families[metric]
        e, found = family.comparison(comparison, getattr(self.compared[metric], comparison, None))
        ranked = crossings.ranking(family, metric) if comparison == "difference" else None
        about = notes_of(family, comparison, found)
        return notes.finding(
            metric,
            comparison,
            family.by,
            e,
            statements.of_comparison(metric, comparison, family, e, found),
            concern="data" if metric == "base_rate" else "fairness",
            by_group=family.by_group(),
            exhibits=() if ranked is None else (ranked,),
            notes=about if ranked is None else (*about, crossings.note(family)),
        )
