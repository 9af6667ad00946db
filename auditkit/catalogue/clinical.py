"""What is asked of scores that decide who is treated: their entries are made of a threshold, as `net_benefit@0.1`."""

import math
import re
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from auditkit.catalogue.metric import Metric, Wording
from auditkit.errors import PolicyError
from auditkit.records import Comparison

KIND = "clinical"
BENEFIT, OVER_ALL, STANDARDIZED = "net_benefit", "net_benefit_over_all", "standardized_net_benefit"
ABOVE, NEAR = "calibration_above", "calibration_near"
SENSITIVITY = "sensitivity_at_specificity"
UNVERIFIED = "unverified_truth"
BENEFITS, MISSES = (BENEFIT, OVER_ALL, STANDARDIZED), (ABOVE, NEAR)
DIGITS = 6
"""Significant digits of a threshold."""
SPREAD = 2.0
"""Scores are near a threshold where their odds are within this factor of its own."""
_ALL: tuple[Comparison, ...] = ("overall", "group_min", "group_max", "difference")
_VICKERS = "Vickers & Elkin (2006), Medical Decision Making 26:565"
_FAMILY = "; groups by MOVER at the studentized range"
_signed = partial(Wording, above="too low", below="too high", interval="above 0 too low, below 0 too high")

_at = partial(Metric, kind="check", comparisons=_ALL, untold=False)
_benefit = partial(
    _at,
    direction="higher is better",
    oracle="dcurves 1.1.7 (net benefit, treat all); simulation; a bootstrap of rows",
    unit="number",
    decimals=3,
    limits=(-math.inf, 1.0),
    counts="events",
)
_miss = partial(
    _at,
    direction="equal is fair",
    reference="Van Calster et al. (2019), BMC Medicine 17:230; Riley et al. (2024), BMJ 384:e074820",
    oracle="numpy over rows; a bootstrap of rows",
    interval="Johnson's t, corrected for skewness" + _FAMILY,
    unit="points",
    limits=(-1.0, 1.0),
    right=0.0,
)

METRICS = (
    _benefit(
        name=BENEFIT,
        title="Net benefit",
        plain="net benefit",
        definition="Events that are treated, a patient, less the patients without one who are, each weighed by the "
        "odds of the threshold: at which risk one would treat says how many needless treatments an event is worth.",
        formula="TP/n − FP/n · t/(1 − t), a score of t or more is treated; treating no one has 0",
        denominator_words="those whose target and score are known",
        reference=_VICKERS,
        interval="MOVER of both shares with their correlation" + _FAMILY,
        leads=True,
    ),
    _benefit(
        name=OVER_ALL,
        title="Net benefit beyond treating all",
        plain="net benefit beyond treating all",
        definition="The net benefit of the score less that of treating everybody, on the same patients: below 0, "
        "treating everybody would serve them better.",
        formula="t/(1 − t) · TN/n − FN/n = NB − [(events)/n − (n − events)/n · t/(1 − t)]",
        denominator_words="those whose target and score are known",
        reference=_VICKERS,
        interval="MOVER of both shares with their correlation, paired: of the patients that both treat alike nothing "
        "counts" + _FAMILY,
        wording=Wording(
            one="At the threshold the score has {x} net benefit than treating everybody",
            two="Against treating everybody, at the threshold: {x} net benefit for {low}, {y} for {high}",
            above="more",
            below="less",
            interval="below 0 treating everybody serves better",
        ),
    ),
    _benefit(
        name=STANDARDIZED,
        title="Standardised net benefit",
        plain="standardised net benefit",
        definition="Net benefit by the share of patients with an event, which is the most that can be had: 1 is a "
        "score that treats every event and no one else. Groups with more and with fewer events can be compared in it.",
        formula="NB / (events/n) = TPR − FP/(TP + FN) · t/(1 − t)",
        denominator_words="those with an event whose score is known",
        reference="Kerr, Brown, Zhu & Janes (2016), Journal of Clinical Oncology 34:2534",
        interval="MOVER of the true positive rate and of the odds of a false positive to an event" + _FAMILY,
    ),
    _miss(
        name=ABOVE,
        title="Observed less expected events, at or above the threshold",
        plain="scores too low, of those at or above the threshold",
        definition="Of patients with a score at or above the threshold, the share with an event less their mean score: "
        "above 0 the scores of those who are treated are too low, below 0 too high. O/E stands beside it.",
        formula="Σ (y − s) / n over s ≥ t; O/E = Σ y / Σ s",
        denominator_words="those with a score at or above the threshold",
        wording=_signed(
            one="Scores at or above the threshold are {x} on average",
            two="Scores at or above the threshold: {x} for {low}, {y} for {high}",
        ),
    ),
    _miss(
        name=NEAR,
        title="Observed less expected events, near the threshold",
        plain="scores too low, of those near the threshold",
        definition="Of patients whose score has between half and twice the odds of the threshold, the share with an "
        "event less their mean score: these are the patients for whom a small miss changes the treatment.",
        formula="Σ (y − s) / n over ½ ≤ [s/(1 − s)] / [t/(1 − t)] ≤ 2",
        denominator_words="those whose score has half to twice the odds of the threshold",
        wording=_signed(
            one="Scores near the threshold are {x} on average",
            two="Scores near the threshold: {x} for {low}, {y} for {high}",
        ),
    ),
    _at(
        name=SENSITIVITY,
        title="Sensitivity at a specificity",
        plain="found, where so many of those without an event are spared",
        definition="The share of events at or above the lowest threshold at which the group's own specificity is at "
        "least so large: each group has a threshold of its own, chosen on the same rows.",
        formula="max TPR(c) over thresholds c with TNR(c) ≥ the specificity",
        denominator_words="those with an event whose score is known",
        direction="higher is better",
        reference="Linnet (1987), Clinical Chemistry 33:1126; Zhou, Obuchowski & McClish (2011), section 4.2",
        oracle="scikit-learn's roc_curve; a bootstrap of rows; simulation",
        interval="MOVER of Wilson's limits of the sensitivity, and of what it is at thresholds within Wilson's limits "
        "of the specificity" + _FAMILY,
        comparisons=("overall", "group_min", "difference"),
        wording=Wording(
            one="{x} of events are found at the threshold",
            two="At the threshold, each group at its own, {x} of events of {low} are found, {y} of {high}",
        ),
    ),
    Metric(
        name=UNVERIFIED,
        title="Truth by the score's decision",
        plain="truth missing",
        definition="Whether the truth is missing more often below a threshold than at or above it: who is not sent to "
        "the test that tells is not verified, and sensitivity and net benefit are of the others alone.",
        formula="P(truth missing | s < t) − P(truth missing | s ≥ t), larger less smaller",
        denominator_words="those on either side of the threshold",
        direction="shown",
        reference="Begg & Greenes (1983), Biometrics 39:207",
        oracle="fairlearn's selection_rate of what is missing, by decision",
        kind="check",
        comparisons=("difference",),
    ),
)
_BASE = {m.name: m for m in METRICS if m.name != UNVERIFIED}
_NAMED = re.compile(rf"({'|'.join(_BASE)})@([0-9][0-9.]*(?:e-[0-9]+)?)")


class At(NamedTuple):
    """A metric and where it is asked."""

    metric: str
    at: float
    """The threshold, or the specificity."""


def metric_of(name: str, at: float) -> str:
    """The metric of that name at a threshold, or at a specificity.

    >>> metric_of("net_benefit", 0.10), metric_of("net_benefit", 1 / 3)
    ('net_benefit@0.1', 'net_benefit@0.333333')
    """
    return f"{name}@{at:.{DIGITS}g}"


def rounded(at: float) -> float:
    """A threshold as it is counted: to six significant digits, which its name tells.

    >>> rounded(1 / 3)
    0.333333
    """
    return float(f"{at:.{DIGITS}g}")


def named(metric: str) -> At | None:
    """The name and the threshold of a metric; None for another one, and for one that is written otherwise.

    >>> named("net_benefit@0.1"), named("net_benefit@0.10"), named("accuracy")
    (At(metric='net_benefit', at=0.1), None, None)
    """
    found = _NAMED.fullmatch(metric)
    if found is None or found[2].count(".") > 1 or not 0 < (at := float(found[2])) < 1:
        return None
    return At(found[1], at) if metric == metric_of(found[1], at) else None


def canonical(metric: str) -> str:
    """A metric as it is named; others as they are. PolicyError for one that is asked nowhere, or beyond 0 and 1.

    >>> canonical("net_benefit@0.10"), canonical("f1")
    ('net_benefit@0.1', 'f1')
    """
    name, sign, at = metric.partition("@")
    if name not in _BASE:
        return metric
    where = "specificity" if name == SENSITIVITY else "threshold"
    example = metric_of(name, 0.9 if name == SENSITIVITY else 0.1)
    try:
        value = float(at) if sign else math.nan
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        got = f"; got '{metric}'" if sign else ""
        raise PolicyError(f"'{name}' is asked at a {where} between 0 and 1, as in metric = \"{example}\"{got}")
    return metric_of(name, value)


def made(metric: str) -> Metric | None:
    """The entry of a metric at its threshold; None for another metric.

    >>> made("net_benefit@0.1").title, made("net_benefit")
    ('Net benefit at a threshold of 10%', None)
    """
    found = named(metric)
    if found is None:
        return None
    known, share = _BASE[found.metric], f"{100 * found.at:.{DIGITS}g}%"
    sensitivity = found.metric == SENSITIVITY
    where = f"{share} specificity" if sensitivity else share
    told = {k: getattr(known.wording, k).replace("the threshold", where) for k in ("one", "two")}
    if sensitivity:
        title, plain = (
            f"Sensitivity at {share} specificity",
            f"found, where {share} of those without an event are spared",
        )
        short = f"found, at {share} specificity"
    elif found.metric in BENEFITS:
        title, plain = (f"{x} at a threshold of {share}" for x in (known.title, known.plain))
        short = f"{known.plain} at {share}"
    else:
        title, plain = (x.replace("the threshold", share) for x in (known.title, known.plain))
        short = plain
    wording = replace(known.wording, phrase=short, short=short, **told)
    return replace(known, name=metric, kind=KIND, title=title, plain=plain, wording=wording)
