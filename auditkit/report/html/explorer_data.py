"""What the explorer is made of: counts of a group at every threshold, and the numbers that the page's script reads."""

import json
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import Any, NamedTuple

from markupsafe import Markup

from auditkit.catalogue.index import METRICS
from auditkit.explorer import Explorer, GroupSteps, RuleSteps
from auditkit.formatting import NOTHING, decimals, in_unit, unit_for
from auditkit.records import Rule, Status
from auditkit.report.html.geometry import axis_to
from auditkit.report.html.steps import score
from auditkit.report.places import ALARMS
from auditkit.report.verdict_words import asked
from auditkit.report.vocabulary import STATUS, kind_of

UNITS = ("points", "percent", "ratio")
"""How rules are written that are told."""
_CELLS = ((0, 0), (0, 1), (1, 0), (1, 1))
COMMON, AUDITED = "At a common threshold of", "As audited, at a common threshold of"
STATES: dict[Status, str] = {
    "pass": "met",
    "fail": "failed",
    "inconclusive": "undecided",
    "not_measured": "not measured",
}


class Series(NamedTuple):
    """What a threshold comes to over all groups."""

    title: str
    values: tuple[float, ...]
    """One a threshold."""
    unit: str
    words: str
    """What follows a value in a sentence."""
    ends: tuple[float, float]
    """Of the axis: what lies beyond is cut."""

    def said(self, i: int) -> str:
        """Its value at a threshold, in a sentence."""
        return f"{tenths(self.values[i], self.unit)} {self.words}"

    @property
    def labels(self) -> tuple[str, str]:
        """Words of the ends of the axis: the top, and the foot."""
        low, high = (tenths(x, self.unit).replace(".0%", "%") for x in self.ends)
        return f"{high} or more" if max(self.values) > self.ends[1] else high, low


class Shown(NamedTuple):
    """A group that is drawn: counts at each threshold."""

    value: str
    negatives: int
    positives: int
    false: tuple[int, ...]
    true: tuple[int, ...]
    alarms: tuple[float, ...] = ()
    """False alarms in each of its scenes, on average; empty where nobody knows whose they are."""

    @property
    def n(self) -> int:
        return self.negatives + self.positives

    def cells(self, i: int) -> tuple[int, int, int, int]:
        """True negatives, false positives, false negatives, true positives."""
        return self.negatives - self.false[i], self.false[i], self.positives - self.true[i], self.true[i]

    def rate(self, metric: str, i: int) -> str:
        """A rate in words; none of nobody."""
        if metric == ALARMS:
            return tenths(self.alarms[i], "ratio")
        k, n = (_of(self.cells(i), mask) for mask in masks(metric))
        return tenths(k / n, "percent") if n else NOTHING


def summed(groups: Sequence[GroupSteps], by: str, value: str, alarms: tuple[float, ...] = ()) -> Shown:
    """The sum of the crossed groups that have the value; of all without an attribute."""
    own = [g for g in groups if not by or g.group[by] == value]
    false, true = (
        tuple(map(sum, zip(*columns, strict=True))) for columns in ([g.false for g in own], [g.true for g in own])
    )
    return Shown(value, sum(g.negatives for g in own), sum(g.positives for g in own), false, true, alarms)


def tenths(x: float | None, unit: str, *, named: bool = True) -> str:
    """A number as the script writes it at every position: one decimal of shares, two of ratios.

    >>> tenths(0.0004, "percent"), tenths(-0.0312, "points"), tenths(0.8, "ratio"), tenths(None, "points")
    ('0.0%', '−3.1', '0.80', '–')
    """
    text = decimals(x, 2).replace(",", "") if unit == "ratio" else decimals(None if x is None else 100 * x, 1)
    return f"{text}%" if unit == "percent" and named and x is not None else text


def span(low: float | None, high: float | None, unit: str) -> str:
    """An interval likewise; empty where there is none."""
    if low is None or high is None:
        return ""
    between = " to " if min(low, high) < 0 else "–"
    return between.join(tenths(x, unit, named=False) for x in (low, high))


def masks(metric: str) -> tuple[int, int]:
    """Which of `_CELLS` a rate counts, and is of, as bits."""
    known = METRICS[metric]
    numerator, denominator = (
        sum(1 << i for i, c in enumerate(_CELLS) if c in of) for of in (known.numerator, known.denominator)
    )
    return numerator, denominator


def _of(cells: Sequence[int], mask: int) -> int:
    return sum(n for i, n in enumerate(cells) if mask >> i & 1)


def falls(selected: Sequence[int]) -> list[int]:
    """Rows between neighbouring thresholds."""
    return [a - b for a, b in pairwise(selected)]


def written_in(rule: Rule) -> str:
    return unit_for(rule.comparison, kind_of(rule.metric))


def top_of(rule: Rule, steps: RuleSteps) -> float:
    """How high the axis of a rule's curve goes; of what is no share to three times the limit, where it goes beyond."""
    shares = kind_of(rule.metric) == "share"
    if rule.comparison.startswith("ratio") or (shares and written_in(rule) != "points"):
        return 1.0
    most = max([x for x in (*steps.high, *steps.value) if x is not None], default=1.0)
    top = max(most, 1.5 * abs(rule.limit), 0.02)
    return min(1.0, axis_to(top).high) if shares else axis_to(min(top, 3 * abs(rule.limit) or top)).high


def labels_of(rule: Rule, steps: RuleSteps, top: float) -> tuple[str, str, str]:
    """Words of the axis: its top, the limit, its foot; without those that the limit's would stand on."""
    share, unit = rule.limit / top, written_in(rule)
    text = [in_unit(x, unit).replace(".0", "") if unit != "ratio" else tenths(x, unit) for x in (top, 0.0)]
    if any(x is not None and x > top for x in (*steps.value, *steps.high)):
        text[0] += " or more"
    limit = asked(rule, kind_of(rule.metric), signs=True)
    return text[0] if share < 0.8 else "", limit, text[1] if share > 0.25 else ""


def data_of(
    by: str,
    groups: Sequence[Shown],
    told: Sequence[tuple[Rule, RuleSteps]],
    found: Explorer,
    series: Sequence[Series],
    moved: Sequence[str],
    unit: str,
    start: int,
    lead: int,
    two: bool,
    level: float,
) -> Markup:
    """The numbers for the script, as JSON that no markup can end."""
    data = {
        "p": [score(x) for x in found.threshold],
        "t": -1 if found.today is None else found.today,
        "s": start,
        "m": [masks(m) for m in moved if m != ALARMS],
        "g": [_group(g) for g in groups],
        "e": [[_changes([_whole(x, s.unit) for x in s.values]), UNITS.index(s.unit), s.words] for s in series],
        "u": unit,
        "o": [sum(g.open[i] for g in found.groups) for i in range(len(found.threshold))],
        "r": [_rule(by, rule, steps, level, two) for rule, steps in told],
        "c": lead,
        "k": {s[0]: [s, STATUS[s]] for s in STATES},
        "w": [COMMON, AUDITED, *STATES.values()],
    }
    return _json(data)


def _group(g: Shown) -> dict[str, Any]:
    own = {"n": [g.negatives, g.positives], "f": _first(g.false), "t": _first(g.true)}
    return own | ({"x": _changes([_whole(x, "ratio") for x in g.alarms])} if g.alarms else {})


def _json(data: Any) -> Markup:
    """JSON for an island of a page: no character of it ends the element or the line.

    >>> _json({"a": "</script>"})
    Markup('{"a":"\\\\u003c/script\\\\u003e"}')
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for c in "<>&":
        text = text.replace(c, f"\\u{ord(c):04x}")
    return Markup(text)


def _first(selected: Sequence[int]) -> list[int]:
    """The first count, then what each threshold selects fewer than the one before."""
    return [selected[0], *falls(selected)]


def _changes(values: Sequence[int | None]) -> list[int | None]:
    """The first number, then how each differs from the last one known: fewer digits than the numbers have.

    >>> _changes([138, 140, None, 139])
    [138, 2, None, -1]
    """
    out, last = list[int | None](), 0
    for x in values:
        out.append(None if x is None else x - last)
        last = last if x is None else x
    return out


def _whole(x: float | None, unit: str) -> int | None:
    """A number as it is written, without its point: tenths of a percent, hundredths of a ratio."""
    if x is None:
        return None
    return int((f"{x:.2f}" if unit == "ratio" else f"{100 * x:.1f}").replace(".", ""))


def _rule(by: str, rule: Rule, steps: RuleSteps, level: float, two: bool) -> dict[str, Any]:
    unit, top = written_in(rule), top_of(rule, steps)
    size = 100 if unit == "ratio" else 1000
    own = {
        "u": UNITS.index(unit),
        "v": _changes([_whole(x, unit) for x in steps.value]),
        "l": _changes([_whole(x, unit) for x in steps.low]),
        "h": _changes([_whole(x, unit) for x in steps.high]),
        "s": "".join(s[0] for s in steps.status),
        "y": [size * top, size * rule.limit, *labels_of(rule, steps, top)],
        "b": int(rule.at_most is not None),
    }
    return own | (_recomputed(by, rule, level) if two else {})


def _recomputed(by: str, rule: Rule, level: float) -> dict[str, Any]:
    """What two thresholds need: the cells of a rate, the limit, the critical value, and what a group needs at least."""
    among = rule.by == (by,) and rule.comparison in ("difference", "ratio")
    if METRICS[rule.metric].kind != "rate" or not (among or rule.comparison == "overall"):
        return {}
    z = NormalDist().inv_cdf(0.5 + (level if rule.confidence is None else rule.confidence) / 2)
    kind = ("overall", "difference", "ratio").index(rule.comparison)
    point = {"d": 1} if rule.decision == "point" else {}
    return {"c": [*masks(rule.metric), kind, rule.limit, z, rule.min_n], **point}
