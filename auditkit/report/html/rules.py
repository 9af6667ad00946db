"""Rules: as a plain sentence, on the common axis of the gate, and which of them is the worst."""

from __future__ import annotations

import math

from auditkit.catalogue.detections import DETECTION
from auditkit.catalogue.generated import AGAINST, SHARES
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.measured import KIND as MEASURED
from auditkit.catalogue.rankings import EXPOSED
from auditkit.formatting import limit
from auditkit.records import CHANGES, Estimate, Rule, Status, Verdict
from auditkit.report.html.lookup import Lookup
from auditkit.report.places import PARTS, SELECTED, WHOLE
from auditkit.report.verdict_words import asked
from auditkit.report.vocabulary import listed, shown, upper_first

ORDER: tuple[Status, ...] = ("fail", "inconclusive", "pass", "not_measured")
"""The worst first, and what could not be judged at the end."""


def sentence(rule: Rule, look: Lookup) -> str:
    """What a rule asks, in words that need no glossary."""
    of = look.kind(rule.metric)
    say, bound = look.say_of(rule.label), asked(rule, of)
    phrase = upper_first(say.phrase(rule.metric)) + _of_class(rule, look)
    match rule.comparison:
        case "overall":
            return f"{phrase}: {bound}"
        case "group_min":
            return f"{phrase}: every {_each(rule)} {bound}"
        case "group_max":
            return f"{phrase}: no {_each(rule)} beyond {limit(rule.limit, rule.comparison, of=of)}"
        case "difference" | "ratio" if rule.metric in METRICS and METRICS[rule.metric].kind == SHARES:
            return f"{phrase}: {_against(rule, bound)}"
        case "difference":
            return f"{phrase}: {_sides(rule, look)} differ by {bound}"
        case "ratio":
            return _ratio(rule, look, phrase)
        case "difference_to_overall" | "difference_to_reference" | "difference_to_rest":
            return f"{phrase}: every {_each(rule)} differs from {_other(rule, look)} by {bound}"
        case "lowest_change" | "highest_change" | "gap_change":
            return f"{phrase}: {of_change(rule, of)}"
        case "ratio_to_overall" | "ratio_to_reference" | "ratio_to_rest":
            return f"{phrase}: every {_each(rule)} {bound} {_times(rule)} {_other(rule, look)}"


def of_change(rule: Rule, of: str) -> str:
    """What a rule about a change from the older model asks, as a clause.

    >>> asks = {'id': 'r', 'metric': 'accuracy', 'comparison': 'change', 'by': ('sex',)}
    >>> of_change(Rule(**asks, at_least=-0.02), "share")
    'no group of sex falls by more than 2 points from the older model'
    >>> of_change(Rule(**asks, at_most=-0.02), "share")
    'every group of sex changes by at most −2 points from the older model'
    """
    if rule.comparison == "gap_change":
        return f"gaps between groups of {_attributes(rule)} grow by {asked(rule, of)} from the older model"
    every = f"every group of {_attributes(rule)}" if rule.by else "it"
    falls = rule.at_least is not None and rule.limit <= 0
    if falls or (rule.at_most is not None and rule.limit >= 0):
        size, verb = limit(abs(rule.limit), rule.comparison, of=of), "falls" if falls else "rises"
        if not rule.by:
            return f"{verb} by at most {size} from the older model"
        return f"no group of {_attributes(rule)} {verb} by more than {size} from the older model"
    return f"{every} changes by {asked(rule, of)} from the older model"


def _against(rule: Rule, bound: str) -> str:
    """What a rule about shares of what is drawn asks: they are held against a reference, and not with each other."""
    if rule.metric != AGAINST:
        return bound
    of = f"of “{shown(rule.label)}” " if rule.label else ""
    if rule.comparison == "ratio":
        return f"those {of}of every {_each(rule)} {bound} times those of the reference, or the other way round"
    return f"those {of}of every {_each(rule)} differ from the reference by {bound}"


def _of_class(rule: Rule, look: Lookup) -> str:
    """That a rule is about every class, each by itself."""
    if rule.label is not None:
        return ""
    each = look.report.provenance.data.kind.several and rule.metric not in WHOLE
    return ", each class against the rest" if each else ""


def _other(rule: Rule, look: Lookup) -> str:
    """With whom every group is compared."""
    if rule.comparison.endswith("to_overall"):
        return "everybody"
    return look.say.mention(rule.reference) if rule.reference else "the rest"


def _ratio(rule: Rule, look: Lookup, phrase: str) -> str:
    bound, pair = asked(rule), look.pair(rule.metric, rule.by)
    if rule.metric in METRICS and METRICS[rule.metric].comparisons == ("ratio",):  # one number over all groups
        return f"{phrase}, between groups of {_attributes(rule)}: {bound}"
    if pair is None or len(look.groups(rule.metric, rule.by)) != 2:
        low, high, verb = f"every {_each(rule)}", "the highest", "is"
    else:
        low, high, verb = look.say.people(pair.low.group), look.say.people(pair.high.group), "are"
    if rule.metric == SELECTED and rule.label is None and look.binary:
        return f"{upper_first(low)} {verb} selected {bound} times as often as {high}"
    return f"{phrase}: {low} {bound} {_times(rule)} {high}"


def _times(rule: Rule) -> str:
    """What a ratio is of: how often something happens, or how much."""
    known = METRICS.get(rule.metric)
    amounts = known is not None and known.kind in (MEASURED, EXPOSED, DETECTION)
    return "times as much as" if amounts else "times as often as"


def _each(rule: Rule) -> str:
    return _attributes(rule) if rule.metric == AGAINST else f"group of {_attributes(rule)}"


def _attributes(rule: Rule) -> str:
    return listed([shown(a) for a in rule.by])


def _sides(rule: Rule, look: Lookup) -> str:
    metric = SELECTED if rule.metric in PARTS else rule.metric
    pair = look.pair(metric, rule.by)
    if pair and len(look.groups(metric, rule.by)) == 2:
        return f"{look.say.people(pair.low.group)} and {look.say.people(pair.high.group)}"
    return f"groups of {_attributes(rule)}"


def distance(rule: Rule, value: float | None) -> float | None:
    """Distance from the ideal ÷ distance that the rule allows: 0 is ideal, 1 the limit; None if the rule allows none.

    >>> distance(Rule(id="r", metric="m", comparison="ratio", at_least=0.8), 0.6)
    2.0
    """
    if rule.comparison in CHANGES:
        sign = 1.0 if rule.at_most is not None else -1.0
        return None if value is None or sign * rule.limit <= 0 else round(max(0.0, value / rule.limit), 12)
    best = ideal(rule)
    if value is None or best is None:
        return None
    sign = 1.0 if rule.at_most is not None else -1.0
    allowed = sign * (rule.limit - best)
    away = sign * (value - best) if best or sign < 0 else abs(value)
    return round(away / allowed, 12) if allowed > 0 else None


def ideal(rule: Rule) -> float | None:
    """The value from which a rule's limit is some way off; None where nobody knows one.

    Of differences 0 and of ratios 1; of values the one that the metric has where all is right (½ of preferences), else
    the end of its scale: none where it ends nowhere, or where what can be reached depends on the data.

    >>> ideal(Rule(id="r", metric="m", comparison="ratio", at_least=0.8))
    1.0
    """
    end = 0.0 if rule.at_most is not None else 1.0
    known = METRICS.get(rule.metric)
    if known is None or rule.comparison.startswith(("difference", "ratio")):
        return end
    if rule.at_least is not None and known.limits is not None and known.limits[0] == -math.inf:
        return None
    if known.right is None:
        return end
    sign = 1.0 if rule.at_most is not None else -1.0
    return known.right if sign * (rule.limit - known.right) > 0 else end


def distances(rule: Rule, e: Estimate) -> Estimate:
    """An estimate on the axis of `distance`: an "at least" rule turns its interval round."""
    low, high = (e.low, e.high) if rule.at_most is not None else (e.high, e.low)
    moved = {"value": distance(rule, e.value), "low": distance(rule, low), "high": distance(rule, high)}
    return e.model_copy(update=moved)


def sure_distance(v: Verdict) -> float:
    """How far beyond the ideal a verdict's value lies for sure: the lower bound in limit units."""
    if v.estimate is None or v.estimate.value is None:
        return -1.0
    e = distances(v.rule, v.estimate)
    return e.low if e.low is not None else 0.0


def ranked(verdicts: tuple[Verdict, ...]) -> list[Verdict]:
    """Verdicts by state, then by sure distance, then by id."""
    return sorted(verdicts, key=lambda v: (ORDER.index(v.status), -sure_distance(v), v.rule.id))
