"""Figure 7.2, all gaps: one row a metric and set of attributes, in points, with what could not have been seen."""

from typing import NamedTuple

from auditkit.formatting import NOTHING, percent, points, quotient
from auditkit.formatting import limit as limit_of
from auditkit.records import CHANGES, Comparison, Finding, Status, Verdict
from auditkit.report.html.figures import Figure, Names, TableView, level_text
from auditkit.report.html.geometry import Axis, Mark, axis_to, mark
from auditkit.report.html.lookup import By, Lookup, established, own_estimate, rated
from auditkit.report.html.rules import ranked
from auditkit.report.places import PARTS
from auditkit.report.verdict_words import asked
from auditkit.report.vocabulary import by_words, listed, range_in, upper_first, value_text, whole_percent

_COMPARED: dict[Comparison, str] = {
    "difference": "as a difference",
    "ratio": "as a ratio",
    "difference_to_reference": "against the reference",
    "ratio_to_reference": "as a ratio to the reference",
    "difference_to_rest": "against the rest",
    "ratio_to_rest": "as a ratio to the rest",
    "group_min": "for the lowest group",
    "group_max": "for the highest group",
    "difference_to_overall": "against everybody",
    "ratio_to_overall": "as a ratio to everybody",
    "overall": "as a value",
}


class GapRow(NamedTuple):
    """One gap."""

    label: str
    groups: str
    mark: Mark
    blind: float | None
    limit: float | None
    judged: str
    """How the rule came out, where it does not ask for a difference: "as a ratio: 0.34, at least 0.80"."""
    value: str
    range: str
    status: Status | None
    note: str
    """In place of a mark, where there is none."""


class GapBlock(NamedTuple):
    """The gaps of one set of attributes."""

    title: str
    rows: tuple[GapRow, ...]


class Gaps(NamedTuple):
    """The figure."""

    figure: Figure
    axis: Axis
    blocks: tuple[GapBlock, ...]

    @property
    def limited(self) -> bool:
        """Whether some row has a limit."""
        return limited(self.blocks)


def view(look: Lookup, names: Names) -> Gaps | None:
    """All gaps; None if no attribute was compared."""
    return of(look, look.gaps(), names)


def of_labels(look: Lookup, names: Names) -> Gaps | None:
    """Those of several labels between the groups of one attribute: a row a label and metric."""
    mine = [f for f in look.report.findings if f.label is not None and f.comparison == "difference" and len(f.by) == 1]
    return of(look, [f for f in mine if f.concern == "fairness" and f.by_group and rated(f)], names)


def of(look: Lookup, found: list[Finding], names: Names) -> Gaps | None:
    """These gaps; None of none."""
    if not found:
        return None
    once = look.told_once(f.metric for f in found)
    every, found = found, [f for f in found if f.metric in once]
    widest = max([f.estimate.value or 0.0 for f in found] + [_limit(look, f) or 0.0 for f in found])
    axis = axis_to(min(1.0, 1.1 * widest) if widest else 0.4, "points")
    bys = list(dict.fromkeys(f.by for f in found))
    blocks = tuple(_block(look, axis, by, [f for f in found if f.by == by]) for by in bys)
    level = level_text(found[0].estimate)
    figure = Figure(
        name="All gaps",
        title=_title(found, bys),
        subtitle=(
            f"Difference between the two groups most surely apart, in points. Line: its {level} interval, "
            f"corrected for comparing many groups.{' Tick: limit of the policy.' if limited(blocks) else ''}"
        ),
        sentence=_sentence(look, found),
        table=_table(look, every),
    )
    return Gaps(names.figure(figure), axis, blocks)


def limited(blocks: tuple[GapBlock, ...]) -> bool:
    """Whether some row has a limit drawn: a rule that asks for no difference has none on this axis."""
    return any(r.limit is not None for b in blocks for r in b.rows)


def _limit(look: Lookup, f: Finding) -> float | None:
    mine = [v for v in _verdicts(look, f) if v.rule.comparison == "difference"]
    return mine[0].rule.at_most if mine else None


def _block(look: Lookup, axis: Axis, by: By, found: list[Finding]) -> GapBlock:
    groups = max((len(f.by_group) for f in found), default=0)
    return GapBlock(f"{upper_first(by_words(by))}, {groups:,} groups", tuple(_row(look, axis, f) for f in found))


def _row(look: Lookup, axis: Axis, f: Finding) -> GapRow:
    verdict = _worst(look, f)
    status = verdict.status if verdict else None
    drawn = (
        status if verdict and verdict.rule.comparison == "difference" else None
    )  # another rule judges another number
    limit, e = _limit(look, f), own_estimate(f)
    return GapRow(
        label=upper_first(look.say_of(f.label).phrase(f.metric)),
        groups=_groups(look, f),
        mark=mark(axis, e, drawn if drawn in ("fail", "inconclusive", "pass") else "n"),
        blind=None if f.estimate.mde is None or e.value is None else axis.at(f.estimate.mde),
        limit=axis.place(limit),
        judged=_judged(look, f, verdict) if verdict else "",
        value=points(e),
        range=range_in(e, "points"),
        status=status,
        note="" if e.value is not None else (e.note or "nobody to compare"),
    )


def _worst(look: Lookup, f: Finding) -> Verdict | None:
    """The worst verdict on this metric between these groups, however the rule compares them."""
    mine = _verdicts(look, f)
    return ranked(mine)[0] if mine else None


def _verdicts(look: Lookup, f: Finding) -> tuple[Verdict, ...]:
    same = [v for v in look.report.verdicts if v.rule.metric == f.metric and v.rule.label == f.label]
    return tuple(v for v in same if set(v.rule.by) == set(f.by) and v.rule.comparison not in CHANGES)


def _judged(look: Lookup, f: Finding, v: Verdict) -> str:
    """How a rule came out, by the number of the groups that the row names; of other groups, with their names."""
    if v.rule.comparison == "difference":
        return f"limit {limit_of(v.rule.limit, 'difference')}"
    own = None if v.rule.comparison in ("group_min", "group_max") or f.metric in PARTS else v.surest
    e, whose = v.estimate if own is None else own.estimate, ""
    if own is not None and any(g not in [s.group for s in look.sides(f)] for g in own.groups):
        whose = f" ({listed([look.say.mention(g) for g in own.groups])})"
    return f"{_COMPARED[v.rule.comparison]}{whose}: {value_text(e, v.rule.comparison)}, {asked(v.rule)}"


def _groups(look: Lookup, f: Finding) -> str:
    pair = look.sides(f)
    if len(pair) != 2:
        return "the worse of the two" if f.metric in PARTS else ""
    low, high = pair
    rates = f"{whole_percent(low.estimate.value)}, {look.say.mention(high.group)} {whole_percent(high.estimate.value)}"
    return f"{look.say.label(low.group)} {rates}"


def _title(found: list[Finding], bys: list[By]) -> str:
    parts = []
    for by in bys:
        mine = [f for f in found if f.by == by]
        sure = sum(established(f) for f in mine)
        parts.append(f"{by_words(by)} {sure} of {len(mine)}")
    if not any(established(f) for f in found):
        return "No gap between groups is established"
    return f"Gaps that are established: {', '.join(parts[:3])}" + (", and more" if len(parts) > 3 else "")


def _sentence(look: Lookup, found: list[Finding]) -> str:
    blind = [f for f in found if f.estimate.mde is not None]
    if not blind:
        return "How small a gap could have been seen is not known: too few groups can be compared."
    worst = max(blind, key=lambda f: f.estimate.mde or 0.0)
    return (
        "Established: it stands out among all tests of this report. A gap that does not, and any whose line reaches 0, "
        "may be chance. This audit could mostly not have seen a gap "
        f"smaller than {points(worst.estimate.mde)} points between the smallest groups of {by_words(worst.by)}: "
        f"{look.say_of(worst.label).phrase(worst.metric)}."
    )


def _table(look: Lookup, found: list[Finding]) -> TableView:
    rows = []
    for f in found:
        pair, say = look.sides(f), look.say_of(f.label)
        ratio_of = look.of_label(f.metric, "ratio", f.by, f.label) if f.label else look.finding(f.metric, "ratio", f.by)
        ends = [f"{look.say.label(g.group)} {percent(g.estimate)}" for g in pair] or [NOTHING, NOTHING]
        e, ratio = own_estimate(f), own_estimate(ratio_of) if ratio_of else None
        rows.append(
            (
                f"{upper_first(say.phrase(f.metric) if f.label else say.short(f.metric))}, {by_words(f.by)}",
                *ends,
                points(e),
                range_in(e, "points") or NOTHING,
                points(f.estimate.mde),
                quotient(ratio.value if ratio else None),
                range_in(ratio, "ratio") or NOTHING,
            )
        )
    columns = ("Gap", "Lower", "Higher", "Points", "Interval", "Seen from", "Ratio", "Interval")
    return TableView("All gaps and ratios", columns, tuple(rows), words=range(3))
