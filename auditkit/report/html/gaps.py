"""Figure 7.2, all gaps: one row a metric and set of attributes, in points, with what could not have been seen."""

from __future__ import annotations

from typing import NamedTuple

from auditkit.formatting import NOTHING, percent, points, quotient
from auditkit.formatting import limit as limit_of
from auditkit.records import Comparison, Finding, Status, Verdict
from auditkit.report.html.figures import Figure, Names, TableView, level_text
from auditkit.report.html.geometry import Axis, Mark, axis_to, mark
from auditkit.report.html.lookup import By, Lookup, established, own_estimate
from auditkit.report.html.rules import ranked
from auditkit.report.places import PARTS
from auditkit.report.vocabulary import asked, by_words, range_in, upper_first, value_text, whole_percent

_COMPARED: dict[Comparison, str] = {
    "ratio": "as a ratio",
    "group_min": "the lowest group",
    "group_max": "the highest group",
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


def view(look: Lookup, names: Names) -> Gaps | None:
    """All gaps; None if no attribute was compared."""
    found = look.gaps()
    if not found:
        return None
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
            "corrected for comparing many groups. Tick: limit of the policy."
        ),
        sentence=_sentence(look, found),
        table=_table(look, found),
    )
    return Gaps(names.figure(figure), axis, blocks)


def _limit(look: Lookup, f: Finding) -> float | None:
    verdict = look.verdict(f.metric, "difference", f.by)
    return verdict.rule.at_most if verdict else None


def _block(look: Lookup, axis: Axis, by: By, found: list[Finding]) -> GapBlock:
    groups = max((len(f.by_group) for f in found), default=0)
    return GapBlock(f"{upper_first(by_words(by))}, {groups:,} groups", tuple(_row(look, axis, f) for f in found))


def _row(look: Lookup, axis: Axis, f: Finding) -> GapRow:
    verdict = _worst(look, f)
    status = verdict.status if verdict else None
    limit, e = _limit(look, f), own_estimate(f)
    return GapRow(
        label=upper_first(look.say.phrase(f.metric)),
        groups=_groups(look, f),
        mark=mark(axis, e, status if status in ("fail", "inconclusive", "pass") else "n"),
        blind=None if f.estimate.mde is None or e.value is None else axis.at(f.estimate.mde),
        limit=axis.place(limit),
        judged=_judged(verdict) if verdict else "",
        value=points(e.value),
        range=range_in(e, "points"),
        status=status,
        note="" if e.value is not None else (e.note or "nobody to compare"),
    )


def _worst(look: Lookup, f: Finding) -> Verdict | None:
    """The worst verdict on this metric between these groups, however the rule compares them."""
    mine = [v for v in look.report.verdicts if v.rule.metric == f.metric and set(v.rule.by) == set(f.by)]
    return ranked(tuple(mine))[0] if mine else None


def _judged(v: Verdict) -> str:
    if v.rule.comparison == "difference":
        return f"limit {limit_of(v.rule.limit, 'difference')}"
    value = value_text(v.estimate, v.rule.comparison)
    return f"{_COMPARED[v.rule.comparison]}: {value}, {asked(v.rule)}"


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
        "A gap whose line reaches 0 is not established: it may be chance. This audit could mostly not have seen a gap "
        f"smaller than {points(worst.estimate.mde)} points between the smallest groups of {by_words(worst.by)}: "
        f"{look.say.phrase(worst.metric)}."
    )


def _table(look: Lookup, found: list[Finding]) -> TableView:
    rows = []
    for f in found:
        pair, found_ratio = look.sides(f), look.finding(f.metric, "ratio", f.by)
        ends = [f"{look.say.label(g.group)} {percent(g.estimate.value)}" for g in pair] or [NOTHING, NOTHING]
        e, ratio = own_estimate(f), own_estimate(found_ratio) if found_ratio else None
        rows.append(
            (
                f"{upper_first(look.say.short(f.metric))}, {by_words(f.by)}",
                *ends,
                points(e.value),
                range_in(e, "points") or NOTHING,
                points(f.estimate.mde),
                quotient(ratio.value if ratio else None),
                range_in(ratio, "ratio") or NOTHING,
            )
        )
    columns = ("Gap", "Lower", "Higher", "Points", "Interval", "Seen from", "Ratio", "Interval")
    return TableView("All gaps and ratios", columns, tuple(rows), words=range(3))
