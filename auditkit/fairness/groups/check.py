"""GroupFairness: rates by group, their gaps and ratios, from one tally."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from auditkit.batch import Batch
from auditkit.catalogue.confusion import LABELS, MISSING_TRUTH
from auditkit.catalogue.index import METRICS, rates
from auditkit.check import Assessment, BaseCheck
from auditkit.evidence.tally import Tally
from auditkit.fairness.families import against, beside_truth, composites, dispersion, selective
from auditkit.fairness.families.composites import NOT_SERVED, served
from auditkit.fairness.families.estimates import families_of
from auditkit.fairness.families.family import Answer, GroupFamily, tested
from auditkit.fairness.families.frame import from_fairlearn
from auditkit.fairness.families.odds import PARTS, Odds, OddsMean
from auditkit.fairness.families.quantiles import checked_quantiles, with_quantiles
from auditkit.fairness.families.rates import COMPARED
from auditkit.fairness.sets import compared, named, sets_of
from auditkit.options import checked_options
from auditkit.question import Question
from auditkit.records import CHANGES, Finding, NotMeasured

DEFAULT_METRICS = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy")
_OF_ALL = (OddsMean.METRIC, *dispersion.DISPERSIONS)
"""Composites that have a value over all groups together, and none of one group."""
_COMPOSED = (*composites.COMPOSITES, *_OF_ALL)


@dataclass(frozen=True)
@checked_options
class GroupFairness(BaseCheck):
    """Rates of each group of the sensitive features, their differences and ratios, with intervals.

    A rate is of all rows that have what it needs: a selection rate of those with a decision, a base rate of those with
    a truth, all others of those with both. Where some truths are missing, whether they are missing more often for one
    decision or group is a finding (selective labels).

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
    BY_SITE: ClassVar[bool] = True
    by: Iterable[Iterable[str]] | None = None
    metrics: Sequence[str] = DEFAULT_METRICS
    reference: Mapping[str, str] = field(default_factory=dict)
    n_boot: int | None = None
    ci_quantiles: Sequence[float] = (0.025, 0.975)
    random_state: int = 0
    uses_weights: ClassVar[bool] = True

    def __post_init__(self) -> None:
        known = (*rates(), *_COMPOSED)
        object.__setattr__(
            self, "metrics", named(self.metrics, known, "is not a rate or composite; GroupFairness counts")
        )
        object.__setattr__(self, "ci_quantiles", checked_quantiles(self.n_boot, self.ci_quantiles))

    def options(self) -> dict[str, Any]:
        """The options, as JSON: those of the bootstrap, and the reference, where they are asked for."""
        unused = () if self.n_boot else ("n_boot", "ci_quantiles", "random_state")
        unused = unused if self.reference else (*unused, "reference")
        return {k: v for k, v in super().options().items() if k not in unused}

    def gather(self, batch: Batch) -> Tally:
        """Count the rows of a batch."""
        return Tally.of(
            batch.groups,
            y_true=batch.y_true,
            y_pred=batch.y_pred,
            sample_weight=batch.sample_weight,
            weights_kind=batch.weights_kind,
            cluster=batch.ids,
            strata=batch.strata,
            population=batch.population,
        )

    def assess(self, evidence: Tally, *, level: float = 0.95) -> Assessment:
        """Every finding, with fairlearn's point values."""
        _check_reference(evidence, self.reference)
        metrics = [m for m in self.metrics if served(evidence, m)]
        missed = tuple(NotMeasured(what=m, why=NOT_SERVED) for m in self.metrics if m not in metrics)
        plain = [m for m in metrics if m not in _COMPOSED]
        composed = [m for m in metrics if m in composites.COMPOSITES]
        everybody = (answering(evidence, Question(m, "overall", level=level)) for m in metrics)
        findings = [tested(answer, "overall") for answer in everybody if answer is not None]
        lacking = selective.lacking(evidence)
        findings += [selective.of_decisions(evidence, level=level)] if lacking else []
        sets = compared(sets_of(self.by, evidence.by), evidence.columns, what="group rates", concern="fairness")
        for by in sets.sets:
            shown = (*plain, "base_rate", *([MISSING_TRUTH] if lacking else []))
            rates = families_of(evidence, by, shown, level=level, engine=from_fairlearn)
            found = [tested(rates[m], c) for m in plain if m != "base_rate" for c in COMPARED]
            findings += [beside_truth.told(evidence, f) if _of_selection(f) else f for f in found]
            if set(PARTS) <= set(rates):
                findings += [tested(Odds.of(rates), c) for c in ("difference", "ratio")]
            findings.append(tested(rates["base_rate"], "difference"))
            if lacking:
                findings.append(tested(rates[MISSING_TRUTH], "difference"))
            for m in composed:
                family = composites.CompositeFamily.of(evidence, m, by, level=level)
                findings += [tested(family, c) for c in composites.COMPARED if c in METRICS[m].comparisons]
            asked = [Question(m, "difference", by, level) for m in metrics if m in _OF_ALL]
            if set(by) <= set(self.reference):
                to = [(m, c) for m in metrics for c in against.TO_REFERENCE if c in METRICS[m].comparisons]
                asked += [Question(m, c, by, level, reference=self.reference) for m, c in to]
            findings += [tested(_answer(evidence, a), a.comparison) for a in asked]
        missed += sets.absent
        if self.n_boot is None:
            return Assessment(tuple(findings), missed)
        noted, why = with_quantiles(
            findings, evidence, n_boot=self.n_boot, ci_quantiles=self.ci_quantiles, random_state=self.random_state
        )
        return Assessment(noted, (*missed, *why))


def _check_reference(tally: Tally, reference: Mapping[str, str]) -> None:
    against.check_reference(tally.by, lambda a: [g for (g,) in tally.counts(a).groups], reference)


def _of_selection(f: Finding) -> bool:
    """Whether it is the difference in selections, which the data have one of, too."""
    return f.metric == "selection_rate" and f.comparison == "difference"


def answering(tally: Tally, asked: Question) -> Answer | None:
    """What answers a question from stored counts, in closed form (no fairlearn); None where the tally has no answer.

    Raises PolicyError for a reference group that does not exist.
    """
    known, m = asked.of_attributes(tally.by), METRICS[asked.metric]
    if known is None or m.kind not in ("rate", "composite", LABELS) or asked.comparison not in m.comparisons:
        return None
    if asked.comparison in CHANGES:
        return None
    if not served(tally, m.name):
        return None
    if asked.reference is not None:
        _check_reference(tally, asked.reference)
    return _answer(tally, known)


def _answer(tally: Tally, asked: Question) -> Answer:
    metric, by, level, min_n = asked.metric, asked.by, asked.level, asked.min_n
    if metric in dispersion.DISPERSIONS:
        return dispersion.RateDispersion.of(tally, metric, by, level=level, min_n=min_n)
    for odds in (Odds, OddsMean):
        if metric == odds.METRIC:
            return odds.of(families_of(tally, by, PARTS, level=level, min_n=min_n))
    family: GroupFamily
    if metric in composites.COMPOSITES:
        family = composites.CompositeFamily.of(tally, metric, by, level=level, min_n=min_n)
    else:
        family = families_of(tally, by, (metric,), level=level, min_n=min_n)[metric]
    if asked.comparison in (*against.TO_REFERENCE, *against.TO_REST):
        return against.Contrast(family, asked.reference)
    return family
