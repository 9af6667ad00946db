"""UnknownDemographics: what rows of unknown group could do to impact ratios, and how few of them would tip one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from auditkit.batch import MISSING, Batch
from auditkit.catalogue.sentences import group_words
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import PolicyError, listing
from auditkit.evidence.tally import Tally
from auditkit.fairness import notes
from auditkit.fairness.families.family import estimated, group_estimates, number
from auditkit.fairness.law.laws import Selections
from auditkit.fairness.sets import Attributes, compared, sets_of
from auditkit.formatting import BOUNDS, quotient
from auditkit.options import checked_options
from auditkit.records import Estimate, Finding, State, Table
from auditkit.stats.unknowns import Bounds, Unknowns

METHOD = f"{BOUNDS} of the unknown rows, not a confidence interval"


@dataclass(frozen=True)
@checked_options
class UnknownDemographics(BaseCheck):
    """Worst and best impact ratio of every group, wherever the rows of unknown group belong, and the tipping point.

    Parameters
    ----------
    by
        Sets of attributes, each crossed; None: each declared attribute alone, and all of them crossed.
    limit
        The impact ratio below which a group is not to fall, in (0, 1].

    The impact ratio is a group's selection rate over the highest. A row whose attribute is missing belongs to one of
    the groups seen; in a crossing, to one that agrees with what is known of it. The tipping point is the fewest such
    rows that, placed adversely, take a group below the limit. These are bounds, not confidence intervals.

    >>> sex = ["f"] * 50 + ["m"] * 50 + [None] * 10
    >>> tally = Tally.of({"sex": sex}, y_true=[0] * 110, y_pred=[1] * 45 + [0] * 5 + [1] * 50 + [0] * 10)
    >>> UnknownDemographics().assess(tally).findings[0].statement[35:105]
    'Wherever they belong, the smallest impact ratio lies between 0.75 and '
    """

    NAME: ClassVar[str] = "unknown_demographics"
    by: Iterable[Iterable[str]] | None = None
    limit: float = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.limit <= 1:
            raise PolicyError(f"limit = {self.limit:g} is no impact ratio: it must lie above 0 and not above 1")

    def gather(self, batch: Batch) -> Tally:
        """Count the rows of a batch."""
        return Tally.of(batch.groups, y_true=batch.y_true, y_pred=batch.y_pred)

    def assess(self, evidence: Tally, *, level: float = 0.95) -> Assessment:
        """One finding a set of attributes, of concern `data`; there is one too where nothing is unknown."""
        what = "rows of unknown group"
        sets = compared(sets_of(self.by, evidence.by), evidence.columns, what=what, concern="data")
        found = (finding(Placements.of(evidence, by), self.limit, level=level) for by in sets.sets)
        return Assessment(tuple(found), sets.absent)


@dataclass(frozen=True)
class Placements:
    """The groups of one set of attributes, and where the rows of unknown group may belong."""

    by: Attributes
    groups: tuple[Attributes, ...]
    """Seen with every attribute known."""
    unknowns: Unknowns
    settled: int
    """Unknown rows that fit one group only, and count there."""
    nowhere: int
    """Unknown rows that fit no group seen."""

    @classmethod
    def of(cls, tally: Tally, by: Attributes) -> Placements:
        """Read off a tally: rows with a decision, whether or not their truth is known."""
        known, unknown = Selections.of(tally, by).parted()
        fits = np.zeros((len(unknown.groups), len(known.groups)), dtype=bool)
        for i, kind in enumerate(unknown.groups):
            fits[i] = [all(a in (MISSING, b) for a, b in zip(kind, g, strict=True)) for g in known.groups]
        options = fits.sum(axis=1)
        settled, nowhere = (int(unknown.rows[options == i].sum()) for i in (1, 0))
        return cls(by, known.groups, Unknowns(*known[1:], *unknown[1:], fits), settled, nowhere)

    @property
    def unknown(self) -> int:
        """Rows without a value of some attribute."""
        return int(self.unknowns.unknown_rows.sum())

    @property
    def rows(self) -> int:
        """All rows with a decision."""
        return int(self.unknowns.rows.sum()) + self.unknown

    @property
    def partly(self) -> bool:
        """True if some unknown rows fit some groups and not others."""
        return not self.unknowns.settled().fits.all()

    def name(self, position: int) -> str:
        """A group in the data's own labels."""
        return group_words(self.by, self.groups[position])


def finding(p: Placements, limit: float, *, level: float) -> Finding:
    """One finding; where nothing is unknown it says so."""
    bounds, tipping = p.unknowns.bounds(), p.unknowns.tipping_points(limit)
    e, rows = _smallest(p, bounds, level), p.unknowns.settled().rows
    of_group = {
        g: _estimate(p, *(float(x[i]) for x in bounds), level=level, n=int(rows[i])) for i, g in enumerate(p.groups)
    }
    return notes.finding(
        "unknown_demographics",
        "group_min",
        p.by,
        e,
        _statement(p, bounds, tipping, limit, e),
        concern="data",
        title=notes.title_of("unknown_demographics", p.by),
        by_group=group_estimates(p.by, of_group),
        exhibits=(_table(p, bounds, tipping, limit),) if p.unknown and len(p.groups) > 1 else (),
        notes=_notes(p),
    )


def _smallest(p: Placements, b: Bounds, level: float) -> Estimate:
    value, worst, best = (float(x.min()) if len(x) else float("nan") for x in b)
    return _estimate(p, value, worst, best, level=level, n=p.rows)


def _estimate(p: Placements, value: float, worst: float, best: float, *, level: float, n: int) -> Estimate:
    state: State = "ok"
    note = ""
    if np.isnan(value):
        state = "undefined"
        note = "nobody of known group is selected: 0/0 is not a ratio"
        if len(p.groups) < 2:
            note = f"{len(p.groups)} group of known {' and '.join(p.by)} only: there is nothing to compare"
    method = "" if np.isnan(worst) else METHOD
    return estimated(value, worst, best, level=level, n=n, method=method, state=state, note=note)


def _statement(p: Placements, b: Bounds, tipping: NDArray[np.int64], limit: float, e: Estimate) -> str:
    attributes = " and ".join(p.by)
    if not p.unknown:
        return f"Nothing is unknown: every one of {p.rows:,} rows has a value of {attributes}."
    head = f"Of {p.rows:,} rows, {p.unknown:,} have no known {attributes}"
    if e.low is None or e.high is None:
        return f"{head}; impact ratios cannot be told: {e.note}."
    observed = "undefined" if e.value is None else quotient(e)
    said = (
        f"{head}. Wherever they belong, the smallest impact ratio lies between {quotient(e.low)} and "
        f"{quotient(e.high)} ({observed} without these rows)."
    )
    return f"{said} {_tips(p, b, tipping, limit)}"


def _tips(p: Placements, b: Bounds, tipping: NDArray[np.int64], limit: float) -> str:
    below = [p.name(int(i)) for i in np.flatnonzero(tipping == 0)]
    if below:
        return f"As counted without them, chance apart, below {limit:g} already: {listing(below, most=4)}."
    possible = np.flatnonzero(tipping > 0)
    if not len(possible):
        return f"However they are placed, no group falls below {limit:g}."
    g = int(possible[np.argmin(tipping[possible])])
    n = int(tipping[g])
    return (
        f"If {n:,} of them belong where it hurts {p.name(g)} most, its ratio falls below {limit:g} "
        f"(it could lie between {quotient(number(b.worst[g]))} and {quotient(number(b.best[g]))})."
    )


def _table(p: Placements, b: Bounds, tipping: NDArray[np.int64], limit: float) -> Table:
    u = p.unknowns.settled()
    possible = u.unknown_rows @ u.fits.astype(np.int64)
    rows = tuple(
        (
            *g,
            int(u.rows[i]),
            int(possible[i]),
            *(number(x[i]) for x in b),
            int(tipping[i]) if tipping[i] >= 0 else "none suffices",
        )
        for i, g in enumerate(p.groups)
    )
    return Table(
        title=f"What the rows of unknown {' and '.join(p.by)} could do to impact ratios",
        columns=(
            *p.by, "Known rows", "Unknown rows that may belong", "Impact ratio", "Worst case", "Best case",
            f"Rows that tip it below {limit:g}",
        ),
        rows=rows,
        units=(*("" for _ in p.by), "", "", "ratio", "ratio", "ratio"),
    )  # fmt: skip


def _notes(p: Placements) -> tuple[str, ...]:
    if not p.unknown:
        return ()
    notes = [
        f"{BOUNDS} of the unknown rows among the groups seen, not a confidence interval",
        "the upper end of the smallest ratio takes each group at its own best, which no one placement need reach",
    ]
    if p.partly:
        notes.append(
            "of rows known in part, those count for a group that fit it; a best case leaves out selected rows that do "
            "not fit the group, so that it is an upper bound"
        )
    if p.settled:
        notes.append(f"{p.settled:,} rows fit one group only and count there, in the impact ratio shown too")
    if p.nowhere:
        notes.append(f"{p.nowhere:,} rows agree with no group seen and are left out")
    return tuple(notes)
