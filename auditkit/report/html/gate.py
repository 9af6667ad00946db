"""Section 2, the gate: every rule on one axis, in units of what the policy allows."""

from typing import NamedTuple

from auditkit.catalogue.generated import SHARES
from auditkit.catalogue.index import METRICS
from auditkit.formatting import NOTHING, confidence, decimals, quantity, unit_for
from auditkit.records import GroupEstimate, PerfectModel, Report, Status, Verdict
from auditkit.report import perfect
from auditkit.report.html import conflicts, requirements
from auditkit.report.html.figures import OF_ALL, Figure, Names, TableView
from auditkit.report.html.geometry import Axis, Mark, mark
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.rules import distance, distances, ranked, sentence
from auditkit.report.places import PARTS
from auditkit.report.policy_words import of_looks
from auditkit.report.verdict_words import (
    SAME,
    asked,
    baseline_words,
    kind_of_verdict,
    sides_of_holm,
    tightest,
    waiver_words,
)
from auditkit.report.vocabulary import STATUS, listed, number, range_in, shown, upper_first, value_text

AXIS = Axis(0.0, 4.0, 4)


class GateRow(NamedTuple):
    """One rule."""

    anchor: str
    id: str
    """As other parts of the page call it."""
    status: Status
    rule: str
    reason: str
    mark: Mark
    note: str
    """In place of a mark, where no distance can be told."""
    value: str
    range: str
    limit: str
    refs: tuple[tuple[str, str], ...]
    """(link, name) of the requirements that it answers to."""


class Gate(NamedTuple):
    """The figure."""

    figure: Figure
    axis: Axis
    rows: tuple[GateRow, ...]


def view(look: Lookup, names: Names) -> Gate | None:
    """The gate; None without a policy."""
    order = ranked(look.report.verdicts)
    if not order:
        return None
    level = look.report.policy.confidence if look.report.policy else 0.95
    figure = Figure(
        name="Rules",
        title=_title(order),
        subtitle=(
            "Distance from the ideal, in units of what the policy allows: 1 is the limit. "
            f"Line: {confidence(level)} interval{_corrected(order)}. Arrow: it goes on."
        ),
        sentence=_sentence(look, order),
        table=_table(look.report, order),
    )
    refs = requirements.of_rules(look)
    return Gate(
        names.figure(figure), AXIS, tuple(_row(look, i, v, refs.get(v.rule.id, ())) for i, v in enumerate(order, 1))
    )


def _title(order: list[Verdict]) -> str:
    counts = {status: sum(v.status == status for v in order) for status in STATUS}
    all_of = f"{number(len(order))} {'rule' if len(order) == 1 else 'rules'}"
    if counts["fail"]:
        title = f"{upper_first(number(counts['fail']))} of {all_of} {'fails' if counts['fail'] == 1 else 'fail'}"
        sure = distances(order[0].rule, order[0].estimate).low if order[0].estimate else None
        if sure is None or sure <= 1:
            return title
        return f"{title}, the surest by at least {decimals(sure)} times the allowed distance"
    if counts["inconclusive"]:
        verb = "is" if counts["inconclusive"] == 1 else "are"
        return f"No rule fails; {number(counts['inconclusive'])} of {all_of} {verb} undecided"
    if counts["not_measured"]:
        return f"No rule fails; {number(counts['not_measured'])} of {all_of} could not be judged"
    return {1: "The one rule is met", 2: "Both rules are met"}.get(len(order), f"All {all_of} are met")


def _corrected(order: list[Verdict]) -> str:
    """Said where rules share their error: the limit that can fail a rule then stands farther out."""
    if not any(v.p is not None for v in order):
        return ""
    levels = sorted({v.estimate.level for v in order if v.estimate is not None and sides_of_holm(v)})
    at = f", {' to '.join(confidence(x) for x in dict.fromkeys((levels[0], levels[-1])))}" if levels else ""
    return f", wider on the side that fails a rule{at}, since several rules are judged at once (Holm)"


def _row(look: Lookup, i: int, v: Verdict, refs: tuple[tuple[str, str], ...]) -> GateRow:
    reason = v.absence or v.reason
    reason += _surest(look, v)
    if tight := tightest(v, kind_of_verdict(look.report, v))[0]:
        reason += f" The tightest limit that would pass is {tight}."
    if short := perfect.in_short(v):
        reason += f" {short}"
    if told := waiver_words(v):
        reason += f" {told}"
    if told := baseline_words(v):
        reason += f" {told}"
    if v.rule.severity == "warning":
        reason += " A warning only."
    e = v.estimate
    of = kind_of_verdict(look.report, v)
    points = unit_for(v.rule.comparison, of) == "points" and e is not None and e.value is not None
    return GateRow(
        anchor=f"rule-{i}",
        id=shown(v.rule.id),
        status=v.status,
        rule=sentence(v.rule, look),
        reason=upper_first(reason),
        mark=mark(AXIS, e and distances(v.rule, e), v.status),
        note="" if e is None or e.value is None or distance(v.rule, e.value) is not None else NO_IDEAL,
        value=value_text(e, v.rule.comparison, of, v.rule.limit) + (" points" if points else ""),
        range=range_in(e, unit_for(v.rule.comparison, of), v.rule.limit),
        limit=asked(v.rule, of, signs=True),
        refs=refs,
    )


def _surest(look: Lookup, v: Verdict) -> str:
    """Which pair carries the limit, where the value shown is that of another: the pair that the page tells of."""
    e, own = v.estimate, v.surest
    if v.status == "pass" or v.rule.comparison not in ("difference", "ratio") or v.rule.metric in PARTS:
        return ""
    if e is None or own is None or own.estimate.value is None or e.value is None:
        return ""
    if abs(own.estimate.value - e.value) < SAME:
        return ""
    groups = listed([look.say.mention(g) for g in own.groups])
    of = kind_of_verdict(look.report, v)
    far = farthest(look, v)
    whose = f" The value is that of {far}." if far else ""
    return f"{whose} Most surely apart: {groups}, {quantity(own.estimate, v.rule.comparison, of=of)}."


def farthest(look: Lookup, v: Verdict) -> str:
    """The groups whose comparison the verdict's value is, as its finding has them; empty where it does not say."""
    finding, value = look.by_id(v.finding), v.estimate.value if v.estimate else None
    if finding is None or value is None:
        return ""
    groups = look.groups_of(finding)
    known = METRICS.get(v.rule.metric)
    if known is not None and known.kind == SHARES:  # the value of a group is its own distance
        return next((look.say.mention(g.group) for g in groups if _same(g.estimate.value, value)), "")
    ends = look.ends(groups)
    if ends is None or not ends.high.estimate.value or ends.low.estimate.value is None:
        return ""
    low, high = ends.low.estimate.value, ends.high.estimate.value
    apart = high - low if v.rule.comparison == "difference" else low / high
    return listed([look.say.mention(g.group) for g in ends]) if _same(apart, value) else ""


def _groups(look: Lookup, v: Verdict) -> tuple[GroupEstimate, ...]:
    found = look.by_id(v.finding)
    return () if found is None or not v.rule.by else look.groups_of(found)


def _same(a: float | None, b: float) -> bool:
    return a is not None and abs(a - b) < SAME


NO_IDEAL = "no ideal that is known"
"""Said where a limit is some way off nothing: of net benefit, say, the most that can be had depends on the data."""


def _open(undecided: int, blocking: int, *, failed: bool) -> str:
    """Whether what is undecided stands in the way, which the policy says."""
    all_of = "The undecided rule" if undecided == 1 else f"The {number(undecided)} undecided rules"
    if blocking == 0 and failed:
        return f"{all_of} {'is' if undecided == 1 else 'are'} forgiven by the policy; what failed is not."
    if blocking == 0:
        return (
            f"{all_of} {'does' if undecided == 1 else 'do'} not stand in the way of passing: the policy forgives that."
        )
    some = all_of if blocking == undecided else f"{upper_first(number(blocking))} of these {number(undecided)}"
    return f"{some} {'stands' if blocking == 1 else 'stand'} in the way of passing: so the policy asks."


def _sentence(look: Lookup, order: list[Verdict]) -> str:
    report = look.report
    parts = []
    undecided = [v for v in order if v.status == "inconclusive"]
    blocking = [v for v in undecided if v.blocks]
    if undecided:
        failed = any(v.status == "fail" for v in order)
        parts.append(_open(len(undecided), len(blocking), failed=failed))
    point = ", unless it says that the point decides" if any(v.rule.decision == "point" for v in order) else ""
    parts.append(f"A rule fails only if its whole interval lies beyond the limit{point}.")
    if any(len(_groups(look, v)) > 1 for v in order):
        parts.append(OF_ALL)
    parts += filter(None, (perfect.counted(report), conflicts.sentence(look), of_looks(report)))
    return " ".join(parts)


def _table(report: Report, order: list[Verdict]) -> TableView:
    rows = []
    for v in order:
        e = v.estimate
        level = confidence(e.level) if e else NOTHING
        of = kind_of_verdict(report, v)
        rows.append(
            (
                shown(v.rule.id),
                STATUS[v.status],
                ", ".join((*(x.replace("_", " ") for x in (v.rule.metric, v.rule.comparison)), *map(shown, v.rule.by))),
                asked(v.rule, of),
                value_text(e, v.rule.comparison, of, v.rule.limit),
                range_in(e, unit_for(v.rule.comparison, of), v.rule.limit) or NOTHING,
                ", ".join(filter(None, tightest(v, of))) or NOTHING,
                level,
                f"{e.n:,}" if e else NOTHING,
                NOTHING if v.perfect is None else _without_mistakes(v.perfect, v, of),
                str(v.rule.line or NOTHING),
            )
        )
    columns = (
        "Rule",
        "Verdict",
        "Asks about",
        "Limit",
        "Value",
        "Interval",
        "Tightest to pass",
        "Level",
        "Rows",
        "A perfect model",
        "Line",
    )
    return TableView("All rules", columns, tuple(rows), words=(*range(3), 9))


def _without_mistakes(p: PerfectModel, v: Verdict, of: str) -> str:
    """The verdict on a model that makes no mistake, with the truth's own value."""
    word = "Not known" if p.status == "not_measured" else STATUS[p.status]
    if p.estimate is None:
        return f"{word}, by construction" if p.by_construction else word
    unit, limit = unit_for(v.rule.comparison, of), v.rule.limit
    return f"{word}: {value_text(p.estimate, v.rule.comparison, of, limit)} ({range_in(p.estimate, unit, limit)})"
