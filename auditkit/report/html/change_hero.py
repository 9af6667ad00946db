"""The chart of a first screen that is led by a change: groups now, each with its interval, and a ring before."""

from __future__ import annotations

from auditkit.formatting import in_unit
from auditkit.records import Estimate, Finding
from auditkit.report import changes
from auditkit.report.html.figures import level_text
from auditkit.report.html.geometry import Axis, axis_over, mark, share_axis
from auditkit.report.html.hero import Hero, HeroRow
from auditkit.report.html.leading import Leading
from auditkit.report.html.lookup import Lookup, counts
from auditkit.report.vocabulary import range_in, upper_first

MOST = 4
"""Groups that are drawn: those of the headline first, then those that changed most."""

_Row = tuple[dict[str, str], Estimate, Estimate]


def view(look: Lookup, lead: Leading) -> Hero | None:
    """The groups of the change, or, where it is of everybody, those of the first attribute; None without any."""
    rows = _rows(look, lead.finding)
    if not rows:
        return None
    unit = "percent" if look.kind(lead.metric) == "share" else ""
    seen = [x for _, old, now in rows for x in (old.value, now.value, now.low, now.high) if x is not None]
    axis = share_axis(1.25 * max(seen)) if unit else axis_over(seen)
    drawn = tuple(_row(look, axis, unit, i, *row) for i, row in enumerate(rows))
    what = upper_first(look.say_of(lead.label).phrase(lead.metric))
    spoken = "; ".join(f"{r.label} {r.truth_words}, {r.value} now, interval {r.range}" for r in drawn)
    return Hero(
        subtitle=f"{what}: now, with {level_text(rows[0][2])} intervals; ring: before, by the older model",
        axis=axis,
        rows=drawn,
        sentence=f"{what}: {spoken}.",
        wide=not unit,
    )


def _rows(look: Lookup, f: Finding) -> list[_Row]:
    alike = [g for g in changes.of_changes(look.report) if (g.metric, g.label) == (f.metric, f.label) and g.by]
    source = f if f.by else min(alike, key=lambda g: (len(g.by), g.id), default=f)
    known = [r for r in changes.before_and_now(look.report, source) if counts(r[1]) and counts(r[2])]
    first = changes.groups_of(f)
    return sorted(known, key=lambda r: (r[0] not in first, -abs((r[2].value or 0.0) - (r[1].value or 0.0))))[:MOST]


def _row(look: Lookup, axis: Axis, unit: str, i: int, who: dict[str, str], old: Estimate, now: Estimate) -> HeroRow:
    tone = look.shape(*next(iter(who.items()))) if len(who) == 1 else "n"
    return HeroRow(
        label=look.say.label(who),
        mark=mark(axis, now, tone if tone in ("a", "b") else "ab"[min(i, 1)]),
        value=in_unit(now, unit),
        range=range_in(now, unit),
        truth=axis.place(old.value),
        truth_words=f"before {in_unit(old, unit)}",
        tick=None,
        tick_words="",
        crowded=False,
        word="now",
    )
