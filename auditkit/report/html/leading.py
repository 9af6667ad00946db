"""What the page leads with: the worst problem that is sure, or the best substitute for it."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from auditkit.catalogue.index import METRICS
from auditkit.records import CHANGES, Estimate, Finding, Rule, Status, Surest, Verdict
from auditkit.report.changes import worst
from auditkit.report.html.errors_by_group import in_numbers
from auditkit.report.html.lookup import Lookup, class_of, compares, counts, established, rated, stands_out
from auditkit.report.html.rules import ORDER, distances, ranked
from auditkit.report.html.trust import holds
from auditkit.report.places import PARTS, SIGNED
from auditkit.report.surest import asked, complement, differences
from auditkit.report.verdict_words import SAME
from auditkit.report.vocabulary import listed

Side = tuple[Mapping[str, str], Estimate]


class Leading(NamedTuple):
    """A comparison worth a headline."""

    verdict: Verdict | None
    """None without a policy."""
    finding: Finding
    metric: str
    """That of the finding, or the part that makes it."""
    sides: tuple[Side, ...]
    """One or two, the group of concern first; none where the finding is no rate and speaks by its own statement."""

    @property
    def label(self) -> str | None:
        """The class, or the label, that it is about."""
        return class_of(self.finding)

    @property
    def status(self) -> Status | None:
        """Of the verdict."""
        return self.verdict.status if self.verdict else None

    @property
    def sure(self) -> bool:
        """False for a comparison that may be chance: its interval holds "no gap". Rules share an error of their own."""
        return not compares(self.finding.comparison) or (stands_out if self.verdict else established)(self.finding)


def leading(look: Lookup) -> Leading | None:
    """The failed rule with the largest sure distance; else an undecided one; else, of those that are met, the one
    closest to its limit; without a policy the difference with the largest sure bound; where fairness was not asked,
    whatever is surest. None without any."""
    for verdict in _in_order(look.report.verdicts):
        finding = look.by_id(verdict.finding)
        if finding is None or verdict.status == "not_measured":
            continue
        found = _about(look, finding, verdict)
        if found is not None:
            return found
    if look.report.verdicts:
        return None
    changed = worst(look.report)
    if changed is not None:
        return Leading(None, changed, changed.metric, ())
    return next((lead for f in led(look) if (lead := _about(look, f, None)) is not None), None)


def _in_order(verdicts: tuple[Verdict, ...]) -> list[Verdict]:
    """The gate's order; of rules that are met, what counts before what only warns, the least sure pass first."""
    order = ranked(verdicts)
    return sorted(order, key=lambda v: (ORDER.index(v.status), *(_margin(v) if v.status == "pass" else ())))


def _margin(v: Verdict) -> tuple[bool, bool, float, float]:
    """How clearly a rule is met, least first: by the p that its limit is exceeded, else by how near the limit the bound
    of its interval lies, as a part of what the rule allows."""
    rule, e = v.rule, v.estimate
    near = -math.inf
    if e is not None and e.value is not None:
        far = distances(rule, e)
        near = next((x for x in (far.high, far.value) if x is not None), -math.inf)
    return rule.severity != "error", v.p_exceeded is None, -(v.p_exceeded or 0.0), -near


def led(look: Lookup) -> list[Finding]:
    """What a report without a policy leads with, the surest first: each gap once, in the comparison of its pair.

    Gaps that an explanation takes apart are told where nobody else measured them; where nothing is established and
    fairness was not asked, what an explanation that holds asserts.
    """
    report, seen, out = look.report, set(), []
    for f in differences(report, explained=not asked(report)):
        between = f.comparison == "difference" and f.metric not in PARTS
        twin = next((m for m in METRICS if complement(m, f.metric)), f.metric)
        key = (min(f.metric, twin), f.of, f.by, f.label)
        if between and key not in seen:
            seen.add(key)
            out.append(f)
    if out or asked(report):
        return out
    held = [f for f in report.findings if f.concern not in ("data", "performance") and holds(f) and not f.alone]
    held = [f for f in held if f.estimate.value is not None and (f.p is None or f.p < 1 - f.estimate.level)]
    held = [f for f in held if not compares(f.comparison) or established(f)]
    return sorted(held, key=lambda f: (f.p is None, f.p or 0.0, f.id))


def speaks_in_people(look: Lookup, f: Finding) -> bool:
    """True for rates, which can be told as "7 of every 100"; other findings speak by their own statement."""
    known = METRICS.get(f.metric)
    people = known is not None and (known.kind == "rate" or known.name in PARTS)
    whole = (f.metric in PARTS and f.label is None) or bool(look.groups_of(f)) or not f.by
    return rated(f) and people and whole


def _about(look: Lookup, finding: Finding, verdict: Verdict | None) -> Leading | None:
    if not speaks_in_people(look, finding) and not in_numbers(finding):
        return None if finding.estimate.value is None else Leading(verdict, finding, finding.metric, ())
    metric = _worse_half(look, finding) if finding.metric in PARTS else finding.metric
    sides = _sides(look, metric, finding, story(finding, verdict).surest if verdict else None)
    return Leading(verdict, finding, metric, sides) if sides else None


class Story(NamedTuple):
    """What is told of a rule outside the gate: one pair, and its interval at the report's level."""

    surest: Surest | None
    estimate: Estimate
    decides: bool
    """False where the interval alone says something else than the verdict, which shares its error with other rules."""


def story(finding: Finding, verdict: Verdict) -> Story:
    """Its finding's own pair and interval; only where the rule is of other groups, or sure at another level, its own.

    >>> from auditkit.records import Rule
    >>> rule = Rule(id="r", metric="accuracy", comparison="overall", at_most=0.1)
    >>> e = Estimate(value=0.2, low=0.12, high=0.3)
    >>> f = Finding(id="f", concern="performance", title="", statement="", estimate=e, metric="accuracy",
    ...             comparison="overall")
    >>> story(f, Verdict(status="inconclusive", rule=rule, finding="f", estimate=e, reason="")).decides
    False
    """
    rule, drawn = verdict.rule, verdict.estimate
    usual = rule.min_n == Rule.model_fields["min_n"].default
    level = finding.estimate.level
    if drawn is not None and (not usual or rule.confidence not in (None, level)):
        own, e = verdict.surest, drawn
    else:
        own, e = finding.surest, finding.estimate
    beyond = e.low is not None and e.low > rule.limit if rule.at_most is not None else False
    beyond = e.high is not None and e.high < rule.limit if rule.at_least is not None else beyond
    return Story(own, e, not (verdict.status == "inconclusive" and beyond and e.state != "unstable"))


def whose(look: Lookup, told: Story) -> str:
    """Whose value a story tells where another's is larger: " of an engineer, the surest,"; else nothing."""
    own, value = told.surest, told.estimate.value
    if own is None or own.estimate.value is None or value is None or abs(own.estimate.value - value) < SAME:
        return ""
    return f" of {listed([look.say.mention(g) for g in own.groups])}, the surest,"


def _worse_half(look: Lookup, finding: Finding) -> str:
    """Of a metric that is the larger of two gaps: the surer."""
    gaps = {m: look.finding(m, "difference", finding.by) for m in PARTS[finding.metric]}
    return max(gaps, key=lambda m: (f.estimate.low or 0.0, f.estimate.value or 0.0) if (f := gaps[m]) else (-1.0, 0.0))


def _sides(look: Lookup, metric: str, finding: Finding, surest: Surest | None) -> tuple[Side, ...]:
    """The groups that carry the limit, the one of concern first, or the group and the other side."""
    everybody, comparison = _everybody(look, metric, finding), finding.comparison
    if comparison == "overall":
        return (({}, everybody),) if everybody and everybody.value is not None else ()
    if comparison.endswith("to_rest") or comparison in CHANGES:
        return ()  # the rest is no group of the report; a change is told in its own words
    part = finding if metric == finding.metric else look.finding(metric, "difference", finding.by)
    sides: list[Side] = [(g.group, g.estimate) for g in (look.sides(part, surest) if part else ())]
    if not sides:
        return ()
    if comparison in ("group_min", "group_max"):
        return (sides[0 if comparison == "group_min" else -1],)
    if comparison.endswith("to_overall"):
        return _with(look, metric, finding, sides, None if everybody is None else ({}, everybody))
    if comparison.endswith("to_reference"):
        groups = finding.by_group or look.groups(metric, finding.by)
        other = next((g for g in groups if g.group == finding.reference), None)
        return _with(look, metric, finding, sides, None if other is None else (other.group, other.estimate))
    if metric == SIGNED:
        return tuple(sorted(sides, key=lambda s: -abs(s[1].value or 0.0)))
    return tuple(reversed(sides)) if lower_is_better(metric) else tuple(sides)


def _everybody(look: Lookup, metric: str, finding: Finding) -> Estimate | None:
    label = class_of(finding)
    if not label:
        return look.overall(metric)
    found = look.of_label(metric, "overall", (), label)
    return found.estimate if found else None


def _with(look: Lookup, metric: str, finding: Finding, sides: list[Side], other: Side | None) -> tuple[Side, ...]:
    """A group with the side that it is compared with: the one that carries the limit, else the farthest."""
    if other is None or other[1].value is None:
        return ()
    if len(sides) > 1:
        groups = finding.by_group or look.groups(metric, finding.by)
        sides = [(g.group, g.estimate) for g in groups if counts(g.estimate)]
    return max(sides, key=lambda s: abs((s[1].value or 0.0) - (other[1].value or 0.0))), other


def lower_is_better(metric: str) -> bool:
    """True for errors: there the higher group is the one of concern."""
    known = METRICS.get(metric)
    return known is not None and known.direction == "lower is better"


def at_most(lead: Leading) -> bool:
    """Whether the group of concern meets the limit below it, and not above it: what its rule says where that is about
    the value of one group; between groups, the higher group is the one of concern where lower is better."""
    asked = lead.verdict.rule if lead.verdict else None
    if asked is not None and asked.comparison in ("overall", "group_min", "group_max"):
        return asked.at_most is not None
    return lower_is_better(lead.metric)


def needed(lead: Leading) -> float | None:
    """Where the group of concern would meet the limit, the other staying where it is; None if nowhere."""
    if lead.verdict is None or in_numbers(lead.finding):
        return None
    limit, down = lead.verdict.rule.limit, at_most(lead)
    other = lead.sides[-1][1].value
    assert other is not None  # a side of a comparison is counted
    if lead.finding.comparison in ("overall", "group_min", "group_max"):
        x = limit
    elif lead.finding.comparison.startswith("difference"):
        x = other + limit if down else other - limit
    elif limit <= 0:
        return None
    else:
        x = other / limit if down else other * limit
    return x if 0 <= x <= 1 else None
