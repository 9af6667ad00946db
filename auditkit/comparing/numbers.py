"""Numbers of two reports side by side: how far each moved, unpaired, and what that shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import group_words
from auditkit.comparing.changes import SURE, NumberChange, Said
from auditkit.formatting import interval, quantity
from auditkit.gate.unpaired import Measured, levels, measured, p_of_shift, shift
from auditkit.records import Comparison, Estimate, Finding, Report

CONCERNS = ("data", "performance", "fairness", "calibration", "subgroups", "robustness")
"""Of findings whose numbers are compared. Explanations are of a drawn sample, remedies of models that nobody uses."""


class Number(NamedTuple):
    """A number of both reports."""

    finding: Finding
    """Of the new report."""
    group: dict[str, str]
    old: Estimate
    new: Estimate


def numbers(old: Report, new: Report) -> Iterator[Number]:
    """Every number that both have: of findings, and once of each group."""
    was = {f.id: f for f in old.findings}
    seen: set[tuple[object, ...]] = set()
    for f in new.findings:
        before = was.get(f.id)
        if before is None or f.concern not in CONCERNS:
            continue
        yield Number(f, {}, before.estimate, f.estimate)
        groups = {tuple(sorted(g.group.items())): g.estimate for g in before.by_group}
        for g in f.by_group:
            at = tuple(sorted(g.group.items()))
            key = (f.concern, f.metric, f.label, f.of, f.features, f.controls, at)
            if at in groups and key not in seen:
                seen.add(key)
                yield Number(f, g.group, groups[at], g.estimate)


def moved(pairs: Sequence[tuple[Measured | None, Measured | None]], level: float) -> list[Estimate | None]:
    """How far each moved; the intervals share one error (Holm), so that those without 0 hold together."""
    p = [None if a is None or b is None else p_of_shift(a, b) for a, b in pairs]
    at = levels(p, level)
    return [None if a is None or b is None else shift(a, b, at[i]) for i, (a, b) in enumerate(pairs)]


def number_changes(old: Report, new: Report, level: float) -> tuple[tuple[NumberChange, ...], int]:
    """The numbers that moved for sure, the surest first; and how many were compared."""
    found = [(n, a, b) for n in numbers(old, new) if (a := measured(n.old)) and (b := measured(n.new))]
    changes = moved([(a, b) for _, a, b in found], level)
    known = [(n, e) for (n, _, _), e in zip(found, changes, strict=True) if e is not None and e.low is not None]
    told = [_told(n, e, new) for n, e in known if said_of(e, worse_up(n)) in SURE]
    return tuple(sorted(told, key=lambda c: (c.said != "worse", _away(c.change)))), len(known)


def said_of(e: Estimate | None, up_is_worse: bool | None) -> Said:
    """What the interval of a change says."""
    if e is None or e.low is None or e.high is None:
        return "not known"
    if e.low <= 0 <= e.high:
        return "not shown"
    if up_is_worse is None:
        return "higher" if e.low > 0 else "lower"
    return "worse" if (e.low > 0) == up_is_worse else "better"


def worse_up(n: Number) -> bool | None:
    """Whether more of it is worse; None where neither side is, or where that depends."""
    f, values = n.finding, [v for v in (n.old.value, n.new.value) if v is not None]
    known = METRICS.get(f.metric)
    direction = f.direction or (known.direction if known is not None else "shown")
    if f.concern == "data" or direction == "shown":
        return None
    if n.group or not f.comparison.startswith(("difference", "ratio")):
        return {"higher is better": False, "lower is better": True}.get(direction)
    if f.comparison.startswith("difference"):
        return True if min(values, default=0.0) >= 0 else None
    return False if max(values, default=1.0) <= 1 else None


def unit_of(f: Finding, report: Report) -> str:
    """How its values are written."""
    known, own = METRICS.get(f.metric), report.words.target_unit
    if own and not f.unit and known is not None and known.kind == "error" and report.provenance.data.kind.numeric:
        return own
    return f.unit or ("measure" if known is None else known.unit)


def changed_by(e: Estimate, comparison: Comparison, of: str) -> str:
    """A change with its interval: "+4.2 points, 95% interval 1.1 to 7.3"."""
    kind: Comparison = comparison if comparison.startswith("ratio") else "difference"
    if e.low is None and e.high is None:
        return f"{signed(e, kind, of)}, no interval"
    return f"{signed(e, kind, of)}, {interval(e, kind, of=of)}"


def signed(e: Estimate, kind: Comparison, of: str) -> str:
    """A change, with its sign."""
    text = quantity(e, kind, of=of)
    return f"+{text}" if (e.value or 0.0) > 0 else text


def between(old: Estimate, new: Estimate, comparison: Comparison, of: str) -> str:
    """ "18.8 points, now 11.2 points"."""
    return f"{quantity(old, comparison, of=of)}, now {quantity(new, comparison, of=of)}"


def _told(n: Number, e: Estimate, report: Report) -> NumberChange:
    f, said, of = n.finding, said_of(e, worse_up(n)), unit_of(n.finding, report)
    comparison: Comparison = "overall" if n.group else f.comparison
    whom = f" of {group_words(n.group, n.group.values())}" if n.group else ""
    what = f"{f.metric} by {', '.join(f.by)}" if f.by and not n.group else f.metric
    kind = "" if comparison == "overall" else f" ({comparison.replace('_', ' ')})"
    label = f" of {f.label}" if f.label is not None else ""
    return NumberChange(
        finding=f.id,
        title=f.title,
        metric=f.metric,
        comparison=comparison,
        group=n.group,
        of=of,
        old=n.old,
        new=n.new,
        change=e,
        said=said,
        statement=(
            f"{what}{label}{kind}{whom} is {said}: {between(n.old, n.new, comparison, of)} "
            f"({changed_by(e, comparison, of)})."
        ),
    )


def _away(e: Estimate) -> float:
    """The surest first: the end of the interval nearest to 0, in units of its width."""
    low, high = e.low or 0.0, e.high or 0.0
    return -min(abs(low), abs(high)) / max(high - low, 1e-300)
