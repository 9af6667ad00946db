"""Where a gap splits otherwise when it is asked of what goes along with columns: both splits, in words. No torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from auditkit.explain.gaps.splits import Split, read
from auditkit.explain.gaps.statements import MANY, MISSED, NAMED, amount, gap_words, limits, sides
from auditkit.explain.gaps.sums import CONDITIONAL, GapSums
from auditkit.formatting import confidence, listed
from auditkit.records import Estimate, Table

BEYOND = "not linear in the columns"
"""The part of a gap that a line through all columns does not predict."""
READ = ", asked of what the model reads"
"""What the first split answers."""
SHOWN = 12
"""Columns of the table."""


class Alongside(NamedTuple):
    """A gap split in both ways, which surely differ for some columns."""

    reads: Split
    """Of mixed rows: what the net does with a column."""
    goes: Split
    """Of what goes along with columns."""
    columns: tuple[str, ...]
    """Those that differ, by how much."""


def alongside(seen: GapSums, split: Split, level: float) -> Alongside | None:
    """Both splits of a gap that is sure; None where they do not surely differ, or the second was not asked.

    They surely differ for a column where its two intervals do not overlap, drawn at 1 − (1 − level)/g for g columns, or
    for `MANY` tests where that is more: it is said inside a sentence whose p does not hold it, among many of a report.
    That needs no covariance of the two: an error of their difference is at most the sum of their errors.
    """
    contrast = split.contrast._replace(form=CONDITIONAL)
    if contrast not in seen.conditional or not split.gap_is_sure or split.contradicts or split.missed > MISSED:
        return None
    if not sides(split)[0]:  # no part is named that could be compared
        return None
    goes, names = read(seen, contrast, level), [n for n in seen.conditional[contrast].names if n != BEYOND]
    wide = 1 - (1 - level) / max(MANY, len(names))
    pair = [_by_name(read(seen, c, wide)) for c in (split.contrast, contrast)]
    own = [_by_name(s) for s in (split, goes)]
    sizes = {n: abs((own[0][n].value or 0.0) - (own[1][n].value or 0.0)) for n in names if n in own[0]}
    nothing = amount(split.target, 0.0)
    differ = [n for n, x in sizes.items() if _apart(pair[0][n], pair[1][n]) and amount(split.target, x) != nothing]
    return Alongside(split, goes, tuple(sorted(differ, key=lambda n: -sizes[n]))) if differ else None


def _by_name(split: Split) -> dict[str, Estimate]:
    return dict(zip(split.names, split.parts, strict=True))


def _apart(one: Estimate, other: Estimate) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.high < other.low or other.high < one.low


def sentence(found: Alongside | None) -> str:
    """A sentence with a space before it: what goes along with the columns that differ most; empty without any."""
    if found is None:
        return ""
    target, of, reads = found.goes.target, _by_name(found.goes), _by_name(found.reads)
    told = [
        f"{name} {'' if i else 'carries '}{amount(target, of[name].value)} ({limits(target, of[name])}; "
        f"{amount(target, reads[name].value)} as the model reads it)"
        for i, name in enumerate(found.columns[:NAMED])
    ]
    return f" Asked of what goes along with the columns, whether the model reads them or not, {listed(told)}."


def note(found: Alongside | None) -> list[str]:
    """How the second split was made, and what it leaves."""
    if found is None:
        return []
    names, level = found.goes.names[:-1], found.goes.total.level
    left = amount(found.goes.target, found.goes.parts[-1].value)
    left += " is" if left.endswith("point") else " are"
    told = (
        "what goes along with the columns: of a set of them the gap that the best linear prediction of the score from "
        f"these alone shows, shared out by Shapley values over sets; {left} "
        f"{BEYOND}; told since for {listed(list(found.columns))} the intervals of both splits do not overlap, at "
        f"{confidence(level)} for {len(names)} columns together"
    )
    out = [n for n in found.reads.names if n not in names]
    return [told + (f"; left out, since it tells the groups apart by itself: {listed(out)}" if out else "")]


def table(found: Alongside | None) -> list[Table]:
    """Both splits side by side, the largest parts first."""
    if found is None:
        return []
    reads, goes, unit = _by_name(found.reads), _by_name(found.goes), found.goes.target.unit
    order = np.argsort(-np.abs(found.goes.values[:-1]), kind="stable")
    names = [found.goes.names[k] for k in order[:SHOWN]]
    shown = [*names, *(n for n in found.columns if n not in names), BEYOND]
    return [
        Table(
            title=f"What the model reads, and what goes along with it: the gap {gap_words(found.goes)}",
            columns=("Column", "Read by the model", "Goes along with it", "From", "To"),
            rows=tuple(
                (n, reads[n].value if n in reads else None, goes[n].value, goes[n].low, goes[n].high) for n in shown
            ),
            units=("", *[unit] * 4),
        )
    ]
