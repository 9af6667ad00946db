"""NetBenefit: whom does a score that decides about treatment serve? Decision curves by group, and more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from auditkit.batch import Batch
from auditkit.catalogue import clinical
from auditkit.catalogue.clinical import ABOVE, BENEFIT, BENEFITS, NEAR, OVER_ALL, SENSITIVITY, SPREAD, STANDARDIZED
from auditkit.catalogue.index import METRICS
from auditkit.check import Assessment, BaseCheck, Need
from auditkit.errors import NotExplained, PolicyError, listing
from auditkit.evidence.thresholds import MOST, ThresholdCounts
from auditkit.fairness.clinical import curve, operating, verification
from auditkit.fairness.clinical.benefit import BenefitFamily
from auditkit.fairness.clinical.calibration import misses, of_expected
from auditkit.fairness.families import selective
from auditkit.fairness.families.family import Answer, tested
from auditkit.fairness.sets import Attributes, compared, sets_of
from auditkit.options import checked_options
from auditkit.question import Question
from auditkit.records import Comparison, Finding, NotMeasured

COSTS = ("false_negative", "false_positive")
_TOLD: tuple[tuple[str, tuple[Comparison, ...]], ...] = (
    (BENEFIT, ("difference", "group_min")),
    (OVER_ALL, ("group_min",)),
    (STANDARDIZED, ("difference",)),
    (ABOVE, ("difference",)),
    (NEAR, ("difference",)),
)
"""What an audit tells of every set of attributes, at each threshold."""


@dataclass(frozen=True)
@checked_options
class NetBenefit(BaseCheck):
    """Net benefit at the thresholds of a decision, and what bears on it, of everybody and by group.

    A threshold t says how many needless treatments an event is worth: a score of t or more is treated, and a needless
    treatment costs t/(1 − t) of a missed event. Net benefit is TP/n − FP/n · t/(1 − t).

    Parameters
    ----------
    thresholds
        Risks from which on one would treat, each between 0 and 1, twenty at most; counted exactly, to six digits. Where
        `costs` are given and no thresholds, that of the costs alone.
    costs
        What a missed event and a needless treatment cost, in any unit: `{"false_negative": 9, "false_positive": 1}` is
        the threshold cost_FP / (cost_FP + cost_FN) = 0.1.
    specificity
        At which sensitivity is told, each group at a threshold of its own; None: nowhere.
    by
        Sets of attributes, each crossed. None: each declared attribute alone, and all of them crossed.

    Findings, at each threshold: net benefit, its smallest and its gap; net benefit beyond treating everybody, paired,
    on the same patients; standardised net benefit; observed less expected events of those above and of those near the
    threshold; sensitivity at a specificity; whether truth is missing by the score's own decision. Rules ask of them as
    `metric = "net_benefit@0.1"`. Weights and clusters count, but for sensitivity at a specificity. Not measured of
    scores that are no probabilities, but for that one.

    >>> rows = {"y_true": [0, 1, 1, 0] * 20, "score": [0.05, 0.3, 0.08, 0.2] * 20}
    >>> counts = ThresholdCounts.of({"sex": ["f", "m"] * 40}, thresholds=(0.1,), **rows)
    >>> round(NetBenefit(thresholds=[0.1]).assess(counts).findings[0].estimate.value, 4)
    0.2222
    """

    NAME: ClassVar[str] = "net_benefit"
    uses_weights: ClassVar[bool] = True
    uses_strata: ClassVar[bool] = False
    thresholds: Iterable[float] | None = None
    costs: Mapping[str, float] | None = None
    specificity: float | None = 0.9
    by: Iterable[Iterable[str]] | None = None

    def __post_init__(self) -> None:
        if self.specificity is not None and not 0 < self.specificity < 1:
            raise PolicyError(f"{self.name}: specificity is a number between 0 and 1, as 0.9; got {self.specificity}")
        self.asked  # noqa: B018 - wrong thresholds are told when the check is made

    @property
    def asked(self) -> tuple[float, ...]:
        """The thresholds that are counted, rising."""
        given = tuple(self.thresholds or ())
        for t in given:
            if not 0 < t < 1:
                raise PolicyError(
                    f"{self.name}: a threshold is a risk between 0 and 1, ends excluded (10% is 0.1); got {t:g}"
                )
        if self.costs is not None:
            given += (threshold_of(self.costs),)
        elif self.thresholds is None:
            given = DEFAULT
        found = tuple(sorted({clinical.rounded(t) for t in given}))
        if not 0 < len(found) <= MOST:
            raise PolicyError(f"{self.name}: thresholds are 1 to {MOST} risks, as [0.05, 0.1, 0.2]; got {len(found)}")
        if not 0 < found[0] <= found[-1] < 1:
            raise PolicyError(
                f"{self.name}: a threshold of {found[-1]:g} leaves nobody untreated: it lies too near 0 or 1"
            )
        return found

    @property
    def needs(self) -> frozenset[Need]:
        """See `BaseCheck`; decisions are those of the score at each threshold."""
        return frozenset({"truths"})

    def gather(self, batch: Batch) -> ThresholdCounts:
        """Count the rows of a batch."""
        if batch.of_two:
            raise NotExplained("rows are of two people: of how far scores miss, no interval is known for such rows")
        return ThresholdCounts.of_batch(batch, self.asked, SPREAD)

    def assess(self, evidence: ThresholdCounts, *, level: float = 0.95) -> Assessment:
        """Every finding; of scores that are none, or no probabilities, what was not measured."""
        if why := _nothing(evidence):
            return Assessment(not_measured=(NotMeasured(what=self.name, why=why, concern="performance"),))
        absent: list[NotMeasured] = []
        findings: list[Finding] = []
        if scale := not_probable(evidence):
            absent.append(NotMeasured(what="net benefit", why=scale, concern="performance"))
        else:
            told = (BENEFIT, OVER_ALL, STANDARDIZED, ABOVE, NEAR)
            findings += [_told(evidence, m, t, (), "overall", level) for t in evidence.thresholds for m in told]
            pairs = zip(evidence.thresholds, evidence.tallies, strict=True)
            lacking = [(t, tally) for t, tally in pairs if selective.lacking(tally)]
            findings += [verification.of_threshold(tally, t, level=level) for t, tally in lacking]
        sets = compared(sets_of(self.by, evidence.by), evidence.table("cells"), what=self.name, concern="fairness")
        for by in sets.sets if not scale else ():
            findings += [
                _told(evidence, m, t, by, kind, level)
                for t in evidence.thresholds
                for m, kinds in _TOLD
                for kind in kinds
            ]
        if self.specificity is not None:
            of, missing = _at_specificity(evidence, self.specificity, sets.sets, level)
            findings, absent = findings + of, absent + missing
        return Assessment(tuple(findings), (*absent, *sets.absent))


DEFAULT = (0.05, 0.1, 0.2)


def threshold_of(costs: Mapping[str, float]) -> float:
    """The risk at which treating and not treating cost the same: cost_FP / (cost_FP + cost_FN).

    PolicyError for other names, and for costs that are not above 0.

    >>> threshold_of({"false_negative": 9, "false_positive": 1})
    0.1
    """
    if set(costs) != set(COSTS):
        raise PolicyError(
            f"costs are those of {listing(COSTS)}, as {{'false_negative': 9, 'false_positive': 1}}; got "
            f"{listing(costs) or 'none'}"
        )
    for name, cost in costs.items():
        if not 0 < cost < float("inf"):
            raise PolicyError(
                f"the cost of a {name} is a number above 0, in any unit; got {cost:g}: a mistake that costs nothing is "
                "none, and no threshold weighs it"
            )
    fp, fn = costs["false_positive"], costs["false_negative"]
    return fp / (fp + fn)


def _nothing(evidence: ThresholdCounts) -> str:
    """Why nothing can be counted; empty where something can."""
    cells = evidence.table("cells")
    if not (cells["n"][cells["y_pred"] >= 0]).sum():
        return "no score column"
    both = (cells["y_pred"] >= 0) & (cells["y_true"] >= 0)
    return "" if cells["n"][both].sum() else "no row with target and score"


def not_probable(evidence: ThresholdCounts) -> str:
    """Why scores cannot be held to a risk; empty where they may be probabilities."""
    scale = evidence.scale
    if scale is None or scale.probability:
        return ""
    words = scale.words
    return f"the score is no probability ({words}): that it is 10% says nothing of a risk of 10%"


def _told(evidence: ThresholdCounts, name: str, at: float, by: Attributes, kind: Comparison, level: float) -> Finding:
    """One finding, with what is drawn of it."""
    answer = _answer(evidence, name, at, by, level=level)
    first = at == evidence.thresholds[0]
    if name == BENEFIT and first and kind in ("overall", "difference"):
        each = [tuple(BenefitFamily.of(c, m, t, by, level=level) for m in BENEFITS) for t, c in _both(evidence)]
        drawn = curve.curves(evidence, by, [own for own, *_ in each])
        rows = [(t, *families) for t, families in zip(evidence.thresholds, each, strict=True)]
        return tested(answer, kind, exhibits=(drawn, curve.table(rows, by)))  # type: ignore[arg-type]
    if name == ABOVE and kind in ("overall", "difference"):
        tally = evidence.tallies[evidence.thresholds.index(at)]
        family: Any = answer
        return tested(answer, kind, exhibits=(of_expected(tally, family),))
    return tested(answer, kind)


def _both(evidence: ThresholdCounts) -> Sequence[tuple[float, Any]]:
    return list(zip(evidence.thresholds, evidence.tallies, strict=True))


def _at_specificity(
    evidence: ThresholdCounts, specificity: float, sets: Sequence[Attributes], level: float
) -> tuple[list[Finding], list[NotMeasured]]:
    if evidence.of_independent is None:
        title = METRICS[clinical.metric_of(SENSITIVITY, specificity)].title
        return [], [NotMeasured(what=title, why=operating.NOT_ALIKE, concern="performance")]
    out = [tested(operating.readings(evidence.of_independent, (), specificity, level=level), "overall")]
    for by in sets:
        read = operating.readings(evidence.of_independent, by, specificity, level=level)
        chosen = operating.thresholds(evidence.of_independent, by, specificity)
        out += [tested(read, "difference", exhibits=(chosen,)), tested(read, "group_min")]
    return out, []


def _answer(
    evidence: ThresholdCounts, name: str, at: float, by: Attributes, *, level: float, min_n: int | None = None
) -> Answer:
    more: dict[str, Any] = {"level": level} if min_n is None else {"level": level, "min_n": min_n}
    i = evidence.thresholds.index(at)
    if name in BENEFITS:
        return BenefitFamily.of(evidence.tallies[i], name, at, by, **more)
    return misses((evidence.above if name == ABOVE else evidence.near)[i], name, at, by, **more)


def answering(evidence: ThresholdCounts, asked: Question) -> Answer | None:
    """What answers a question from stored counts; None where they do not (another threshold, no such scores)."""
    known, found = asked.of_attributes(evidence.by), clinical.named(asked.metric)
    if known is None or found is None or asked.comparison not in METRICS[asked.metric].comparisons:
        return None
    if _nothing(evidence):
        return None
    if found.metric == SENSITIVITY:
        if evidence.of_independent is None:
            return None
        return operating.readings(evidence.of_independent, known.by, found.at, level=asked.level, min_n=asked.min_n)
    if found.at not in evidence.thresholds or not_probable(evidence):
        return None
    return _answer(evidence, found.metric, found.at, known.by, level=asked.level, min_n=asked.min_n)


def why_not(evidence: ThresholdCounts, metric: str) -> str:
    """Why these counts do not answer for a metric; empty where they do."""
    found = clinical.named(metric)
    if found is None:
        return ""
    if why := _nothing(evidence):
        return why
    if found.metric == SENSITIVITY:
        return operating.NOT_ALIKE if evidence.of_independent is None else ""
    if scale := not_probable(evidence):
        return scale
    counted = listing([f"{t:g}" for t in evidence.thresholds])
    return "" if found.at in evidence.thresholds else f"the audit counted at {counted}, and not at {found.at:g}"
