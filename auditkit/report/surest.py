"""Which finding comes first: by the bound that is sure, over all findings, whatever check made them.

One order for the headline, the summary, the largest difference without a rule, and the terminal.
"""

from collections.abc import Iterator
from typing import NamedTuple

from auditkit.catalogue.index import METRICS
from auditkit.records import Contributions, Estimate, Finding, Report, Rule
from auditkit.report.places import PARTS
from auditkit.report.vocabulary import kind_of

_SHARES = ("share", "percent", "points")
"""Units in which a difference is so many of a hundred."""
_NOT_OF_THE_MODEL = ("data", "mitigation")
"""Concerns whose differences are properties of the data, or promises."""


ORDER = 2.0
"""A difference between declared groups is told before one of a subgroup that was searched for, which is so much surer
at most."""


MISTAKEN, MISSED_ALTOGETHER = "mistaken_class", "false_negative_rate"
"""Rows of a class that are taken for one other: of two classes all that are missed."""


class Sure(NamedTuple):
    """A difference that the report asserts, and how much of it is sure; compared as it is written."""

    common: int
    """2: in the unit that most of the report is in; 1: in the other of shares and the target's unit; 0: in its own."""
    bound: float
    """The limit of its interval next to no difference; in a unit of its own, as a part of the value."""


def compares(comparison: str) -> bool:
    """True for what compares groups, with each other or with everybody, and can be chance."""
    return comparison.startswith(("difference", "ratio"))


def stands_out(f: Finding | None) -> bool:
    """True if the finding's interval excludes "no gap", and can be relied on."""
    if f is None or f.estimate.value is None or f.estimate.state == "unstable":
        return False
    if f.comparison.startswith("difference"):
        return bool(f.estimate.low and f.estimate.low > 0)
    return f.comparison.startswith("ratio") and f.estimate.high is not None and f.estimate.high < 1


def established(f: Finding | None) -> bool:
    """True if the report asserts a difference: the interval excludes "no gap", and does not stand out alone."""
    return stands_out(f) and f is not None and not f.alone


def sure(report: Report, f: Finding) -> Sure | None:
    """How much of a finding's difference is sure; None where none is established, or none is spoken of.

    Of a gap that is taken apart, the gap itself: a part of it is no further difference.
    """
    whole = _whole(f)
    if whole is not None:
        return _bound(report, whole.total, whole.unit) if whole.total.excludes_zero and not f.alone else None
    if not f.comparison.startswith("difference") or not established(f) or _part(f):
        return None
    return _bound(report, f.estimate, kind_of(f.metric, f.unit))


def differences(report: Report, *, explained: bool = False) -> list[Finding]:
    """The differences between people that the report asserts, the surest first; `explained`: gaps that explanations
    take apart too, which they do not establish anew."""
    found = [(sure(report, f), f) for f in _of_people(report) if explained or _whole(f) is None]
    known = [(s, f) for s, f in found if s is not None]
    return [f for _, f in sorted(known, key=lambda pair: (-pair[0].common, -pair[0].bound, pair[1].id))]


def uncovered(report: Report) -> Finding | None:
    """The established difference with the largest sure bound that no rule asks about; None without rules.

    Between declared groups, where one is of the same order as the largest of a subgroup that was searched for.
    """
    rules = [v.rule for v in report.verdicts]
    if not rules:
        return None
    ruled = {f.id: f for f in report.findings if any(_covers(r, f) or _covers_other(report, r, f) for r in rules)}
    own = [f for f in differences(report) if f.id not in ruled and not any(_same(f, g) for g in ruled.values())]
    declared = next((f for f in own if f.by), None)
    if not own or declared is None or own[0].by:
        return own[0] if own else None
    first, other = sure(report, own[0]), sure(report, declared)
    assert first is not None and other is not None, "differences are sure"  # noqa: PT018
    alike = first.common == other.common and ORDER * other.bound >= first.bound
    return declared if alike else own[0]


def _same(f: Finding, g: Finding) -> bool:
    """Whether a gap over all classes is that of the one class that the other is about, or the worse of two rates' gaps
    that of the other's rate."""
    alike = f.metric == g.metric or g.metric in PARTS.get(f.metric, ())
    if f.surest is None or g.surest is None or not alike or f.surest.groups != g.surest.groups:
        return False
    return f.surest.estimate.value == g.surest.estimate.value


def compared(report: Report) -> bool:
    """True if groups of people were compared in how the model treats them: fairness was measured."""
    found = (f for f in report.findings if f.concern == "fairness" and f.by and compares(f.comparison))
    return any(f.estimate.value is not None for f in found)


def asked(report: Report) -> bool:
    """True if somebody asked for that comparison, whether or not it could be made."""
    return any(f.concern == "fairness" for f in report.findings) or any(
        n.concern == "fairness" for n in report.not_measured
    )


def groups_compared(report: Report) -> bool:
    """True if groups were compared in anything: somebody looked for a difference between people."""
    people = [f for f in report.findings if f.concern in ("fairness", "subgroups", "calibration", "robustness")]
    return any(f.by and compares(f.comparison) and f.estimate.value is not None for f in people) or any(
        sum(g.estimate.value is not None and g.estimate.state not in ("sparse", "undefined") for g in f.by_group) > 1
        for f in people
    )


def _of_people(report: Report) -> Iterator[Finding]:
    for f in report.findings:
        if f.concern not in _NOT_OF_THE_MODEL and (f.by or f.concern == "subgroups"):
            yield f


def _whole(f: Finding) -> Contributions | None:
    return next((x for x in f.exhibits if isinstance(x, Contributions)), None)


def _part(f: Finding) -> bool:
    """Whether the finding's value is a part of a gap, and no gap."""
    return f.of is not None or (f.metric in METRICS and METRICS[f.metric].kind == "gap")


def _bound(report: Report, e: Estimate, unit: str) -> Sure:
    low, high, value = e.low or 0.0, e.high or 0.0, e.value or 0.0
    bound = low if low > 0 else -high
    numeric = report.provenance.data.kind.numeric
    if unit in _SHARES:
        return Sure(1 if numeric else 2, bound)
    if unit == "measure":
        return Sure(2 if numeric else 1, bound)
    return Sure(0, bound / abs(value) if value else 0.0)


def _covers(rule: Rule, f: Finding) -> bool:
    """Whether a rule limits this difference: one between the same groups in the same rate, or in its complement."""
    same = set(rule.by) == set(f.by) and rule.label in (None, f.label) and not rule.features
    metrics = (rule.metric, *PARTS.get(rule.metric, ()))
    return compares(rule.comparison) and same and any(f.metric == m or complement(f.metric, m) for m in metrics)


def _covers_other(report: Report, rule: Rule, f: Finding) -> bool:
    """Whether, of two classes, a rule limits this difference under another name: a dog that is told “cat” is a dog that
    is not told “dog”, and one of the rows that are no cats."""
    data = report.provenance.data
    label = f.label or (f.surest.label if f.surest is not None else "")
    if not data.kind.several or len(data.classes) != 2 or label not in data.classes:
        return False
    (other,) = (c for c in data.classes if c != label)
    metric = MISSED_ALTOGETHER if f.metric == MISTAKEN else f.metric
    same = compares(rule.comparison) and set(rule.by) == set(f.by) and not rule.features
    of_it = rule.label in (None, label) and (rule.metric == metric or complement(rule.metric, metric))
    return same and (of_it or (rule.label in (None, other) and mirrored(rule.metric, metric)))


def mirrored(a: str, b: str) -> bool:
    """True for a rate of one of two classes and one of the other that are the same, or add to 1.

    >>> mirrored("true_positive_rate", "false_positive_rate"), mirrored("precision", "true_positive_rate")
    (True, False)
    """
    x, y = METRICS.get(a), METRICS.get(b)
    if x is None or y is None or not x.denominator or not y.denominator:
        return False
    numerator, denominator = (
        {tuple(k if k < 0 else 1 - k for k in c) for c in cells} for cells in (x.numerator, x.denominator)
    )
    return denominator == set(y.denominator) and set(y.numerator) in (numerator, denominator - numerator)


def complement(a: str, b: str) -> bool:
    """True for two rates that add to 1 in every group: their gaps are one.

    >>> complement("error_rate", "accuracy"), complement("accuracy", "accuracy")
    (True, False)
    """
    x, y = METRICS.get(a), METRICS.get(b)
    if x is None or y is None or not x.denominator or set(x.denominator) != set(y.denominator):
        return False
    return set(x.numerator) ^ set(y.numerator) == set(x.denominator) and not set(x.numerator) & set(y.numerator)
