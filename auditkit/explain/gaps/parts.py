"""Gaps that were split in several parts, as one: those that all parts split. No torch.

A part takes the two groups that differ most surely over its rows, the higher first. The same two the other way round
are the same gap with the other sign; a gap between two others is another, and is told by name as not measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from auditkit.errors import EvidenceError
from auditkit.evidence.sums import same_facts
from auditkit.explain.gaps.splits import means_of
from auditkit.explain.gaps.sums import REST, Contrast, GapSums, Units

LEVEL = 0.95


def together(one: GapSums, other: GapSums) -> GapSums:
    """The sum of what both split; EvidenceError where they share no gap."""
    same_facts(one.facts, other.facts, "gaps")
    other = _turned(other, [c for c in other.units if c not in one.units and _back(c) in one.units])
    units, conditional = {*one.units} & {*other.units}, {*one.conditional} & {*other.conditional}
    lost = sorted(
        {(c.by, c.of) for x in (one, other) for c in x.units} - {(c.by, c.of) for c in units if c.low != REST}
    )
    if not any(c.low != REST for c in units):
        raise EvidenceError("the parts split gaps between other groups, or for other targets: they share none")
    pairs = {(c.by, c.high, c.low) for c in units}
    kept = [
        replace(
            x,
            units={c: u for c, u in x.units.items() if c in units},
            conditional={c: u for c, u in x.conditional.items() if c in conditional},
            tells={k: v for k, v in x.tells.items() if k in pairs},
        )
        for x in (one, other)
    ]
    both = kept[0] + kept[1]
    why = {f"gap_share of {of} by {by}": _OTHERS for by, of in lost}
    return _upright(replace(both, not_measured={**why, **both.not_measured}))


_OTHERS = "the parts split gaps between other groups: in each the two were taken that differ most surely there"


def _back(c: Contrast) -> Contrast:
    return c if c.low == REST else c._replace(high=c.low, low=c.high)


def _upright(seen: GapSums) -> GapSums:
    """The higher group of all rows first, of the rows used where all are not known."""

    def negative(c: Contrast, u: Units) -> bool:
        means = means_of(seen, c, LEVEL)
        gap = None if means is None else means.pair(c.high, c.low)
        value = None if gap is None else gap.estimate.value
        return (float(u.mean[-1]) if value is None else value) < 0

    return _turned(seen, [c for c, u in seen.units.items() if c.low != REST and negative(c, u)])


def _turned(seen: GapSums, which: list[Contrast]) -> GapSums:
    """These gaps the other way round, with what goes along with them."""
    pairs = {(c.by, c.of, c.high, c.low) for c in which}

    def turned(of: Mapping[Contrast, Units]) -> dict[Contrast, Units]:
        found = {}
        for c, u in of.items():
            back = (c.by, c.of, c.high, c.low) in pairs
            found[_back(c) if back else c] = replace(u, rounds=-u.rounds, w2m=-u.w2m) if back else u
        return found

    told = {
        (c.by, c.low, c.high): seen.tells[c.by, c.high, c.low] for c in which if (c.by, c.high, c.low) in seen.tells
    }
    return replace(
        seen,
        units=turned(seen.units),
        conditional=turned(seen.conditional),
        tells={**seen.tells, **told},
    )
