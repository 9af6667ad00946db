"""What erasing shows of use: what is said only where it was earned. Pure; no torch.

Before a linear head erasing closes any gap in mean log-odds, be it what the net decides by or what goes with it. So a
net is said to use something only where it was erased at equal legitimate columns and truth; and it is said to do
without only where every path crosses an erased cut and hardly any score moves at any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auditkit.records import Estimate, Layer, Use

SMALL = 0.25
"""Part of a sure gap that a change may be, at most, for "nothing shows that the net uses it" to be said."""
STILL = 0.1
"""Part of the scores' mean distance from their mean that counts as hardly moved."""
SHARE = 0.1
"""Part of the gap that must go at equal legitimate columns for the net to be said to use what goes with it."""
LATER = 0.25
"""The same behind the first cut that was erased, where a direction that hardly tells anything is mostly noise."""
READABLE, GUESSED = 0.6, 0.55
"""Right answers of a reader up to which a layer hardly holds the attribute: their upper limit; and they themselves,
where they are surely above one half."""


@dataclass(frozen=True)
class Moved:
    """What an erasure does to scores, row by row."""

    size: Estimate
    """Mean of abs(after − before)."""
    changed: float
    """Share of decisions that are others afterwards."""
    spread: float
    """Mean distance of scores from their mean."""

    def at_most(self, part: float) -> bool:
        """Whether scores surely stay within this part of their spread from where they were."""
        return self.size.high is not None and self.size.high <= part * self.spread


@dataclass(frozen=True)
class LayerReading:
    """One layer, read off the sums."""

    fact: dict[str, Any]
    record: Layer
    cost: Estimate | None
    """Accuracy that goes with it."""
    ablated: tuple[int, float, float | None] | None
    """Neurons held at their means; the gap then; the median gap with as many random ones."""
    moved: Moved | None = None
    given_moved: Moved | None = None
    given_paired: Estimate | None = None
    """`record.given` with the error of the change alone: what it does to these rows, not what chance may do."""
    left: Estimate | None = None
    """How well a non-linear reader tells the groups apart after the erasure; only at the first cut that was erased."""
    beyond: Estimate | None = None
    """Correlation of what reads the attribute there with it, both beyond the legitimate columns; held out."""

    @property
    def inner(self) -> bool:
        """Whether it has been probed, and is neither the input nor a single number."""
        return bool(self.record.knows is not None and self.record.name != "input" and self.record.units > 1)

    @property
    def erased_cut(self) -> bool:
        """Whether all that reaches the output passes here, and was erased."""
        return bool(self.record.cut and self.record.closed is not None and self.record.before is not None)


def hidden(readings: list[LayerReading]) -> list[LayerReading]:
    """The layers between the input and the last layer with weights; where there are none, any before the output."""
    last = max(r.fact["depth"] for r in readings)
    inner = [r for r in readings if r.inner]
    return [r for r in inner if r.fact["depth"] < last] or inner


def told_of(readings: list[LayerReading]) -> LayerReading:
    """The layer that the sentence is about: the last hidden cut that was erased, else the input, else any."""
    inner = hidden(readings)
    return ([r for r in readings if r.erased_cut and r in (readings[0], *inner)] or inner or readings[:1])[-1]


def use_of(readings: list[LayerReading], told: LayerReading, gap: Estimate | None) -> Use:
    """What was shown. `gap` is that of all rows, where it is known, else that of the sample."""
    cuts = [r for r in readings if r.erased_cut]
    if not cuts:
        return "not_measured"
    sure = gap is not None and gap.excludes_zero
    before = told.record.before
    size = abs(before.value or 0.0) if sure and before is not None else 0.0
    given = told.record.given
    if given is not None and given.excludes_zero and told.given_moved is not None:
        much = abs(given.value or 0.0)
        if much >= SHARE * size and much >= STILL * told.given_moved.spread:
            return "beyond_declared"
    if _hardly(cuts[0].left):
        if all(_still_given(r, size, STILL if r is cuts[0] else LATER) for r in cuts):
            return "nothing_beyond_declared"
        if all(_still(r, size, STILL if r is cuts[0] else LATER) for r in cuts):
            return "not_used"
    return "goes_with" if sure else "open"


def _still(r: LayerReading, size: float, part: float) -> bool:
    """Whether erasing moves neither the gap nor scores; what is not readable cannot be used."""
    if r.moved is None or not _small(r.record.closed, size, r.moved):
        return False
    readers = [e for e in (r.record.knows, r.record.curved) if e is not None]
    return r.moved.at_most(part) or (bool(readers) and all(_hardly(e) for e in readers))


def _still_given(r: LayerReading, size: float, part: float) -> bool:
    """The same at equal legitimate columns."""
    if r.given_moved is None or not _small(r.given_paired, size, r.given_moved):
        return False
    b = r.beyond
    unread = b is not None and b.high is not None and b.low is not None and b.low <= 0 and b.high <= 2 * READABLE - 1
    return r.given_moved.at_most(part) or unread


def _small(closed: Estimate | None, size: float, moved: Moved) -> bool:
    if closed is None or closed.low is None or closed.high is None:
        return False
    return max(abs(closed.low), abs(closed.high)) <= max(SMALL * size, STILL * moved.spread)


def _hardly(reader: Estimate | None) -> bool:
    """Whether a reader hardly tells the groups apart, and could have."""
    if reader is None or reader.value is None or reader.low is None or reader.high is None:
        return False
    return reader.high <= READABLE and (reader.low <= 0.5 or reader.value <= GUESSED)
