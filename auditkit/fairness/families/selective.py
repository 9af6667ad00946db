"""Selective labels: whether truth is missing more often for one decision than for another.

Who is refused a loan repays none. Error rates are of those with a truth, who are then not like the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from auditkit.arrays import Bools, Floats, Ints
from auditkit.catalogue import sentences
from auditkit.catalogue.confusion import DECIDED, MISSING_TRUTH, SELECTIVE
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import is_established
from auditkit.evidence.classes import ClassTally
from auditkit.evidence.distinct import Cells, Seen
from auditkit.evidence.frames import Columns
from auditkit.evidence.sizes import Clusters
from auditkit.evidence.tally import Tally
from auditkit.evidence.tally_sums import Sums
from auditkit.fairness.families.estimates import Family
from auditkit.fairness.families.family import number
from auditkit.fairness.families.weighted import RateSums, WeighedBasis
from auditkit.fairness.notes import finding
from auditkit.formatting import interval, percent, points
from auditkit.question import SPARSE
from auditkit.records import Finding, Table
from auditkit.stats.rates import rate

_UNTOLD = METRICS[MISSING_TRUTH].numerator


class Sides(NamedTuple):
    """Who is told apart by a decision of two."""

    names: tuple[str, str] = ("those not selected", "those selected")
    """Of decision 0 and of decision 1."""
    head: str = "Decision"
    """What stands above them in the table."""
    metric: str = SELECTIVE
    suffix: str = ""
    """What ends the id of the finding: "/10%"."""
    title: str = METRICS[SELECTIVE].title
    speak: str = "error rates"
    """What is of those with a truth alone."""


DECISIONS = Sides()


def lacking(tally: Tally | ClassTally) -> bool:
    """Whether some row with a decision has no truth.

    >>> lacking(Tally.of({}, y_true=[1, -1], y_pred=[1, -1])), lacking(Tally.of({}, y_true=[1, -1], y_pred=[1, 0]))
    (False, True)
    """
    cells = tally.table("cells")
    return bool(((cells["y_true"] < 0) & (cells["y_pred"] >= 0)).any())


def by_decision(tally: Tally | ClassTally, *, level: float, sides: Sides = DECISIONS) -> Family:
    """The share of rows without a truth among those of each decision; of several classes `sides` has no names."""
    return _of_classes(tally, level) if isinstance(tally, ClassTally) else _of_two(tally, level, sides.names)


def of_decisions(
    tally: Tally | ClassTally,
    *,
    level: float,
    sides: Sides = DECISIONS,
    exhibits: Sequence[Table] = (),
    notes: Sequence[str] = (),
) -> Finding:
    """Whether truth is missing more often for one decision than for another, as a finding about the data.

    `exhibits` and `notes` go with it.
    """
    family = by_decision(tally, level=level, sides=sides)
    e, found = family.comparison("difference")
    if found is None:
        said = f"{sides.title}: decisions cannot be compared; {e.note}."
    elif not is_established("difference", e):
        none = sentences.none_established("gap", "between decisions")
        seen = sentences.too_small(None if e.unseen is None else f"{points(e.unseen)} points")
        said = f"{sides.title}: {none} ({interval(e, 'difference')} points{seen})."
    else:
        sure = family.named(found.sure)
        least, most = (f"{percent(x)} of {g}" for g, x in zip(sure.groups, sure.values, strict=True))
        size = f"a gap of {points(sure.estimate)} points, {interval(sure.estimate, 'difference')}"
        said = sentences.selective(most, least, size, sides.speak)
    return finding(
        sides.metric,
        "difference",
        (),
        e,
        said,
        concern="data",
        title=sides.title,
        suffix=sides.suffix,
        exhibits=(_table(family, sides), *exhibits),
        notes=(*family.notes("difference", found), *notes),
        p=family.p_value("difference", 0.0, above=True) if is_established("difference", e) else None,
    )


def _table(family: Family, sides: Sides) -> Table:
    limits = zip(family.values, family.limits.low, family.limits.high, strict=True)
    rows = tuple(
        (family.name(i), int(n), int(k), *map(number, share))
        for i, (k, n, share) in enumerate(zip(family.k, family.n, limits, strict=True))
    )
    columns = (sides.head, "Rows", "Without a truth", "Share", "Lower limit", "Upper limit")
    return Table(title=sides.title, columns=columns, rows=rows, units=("", "", "", "percent", "percent", "percent"))


def _of_two(tally: Tally, level: float, names: tuple[str, str]) -> Family:
    """Those not selected, and those selected."""
    table = tally.counts().table[0]
    k, n = table[0, 1:], table[:, 1:].sum(axis=0)
    values, weighed = rate(k, n), None
    if tally.dependent:
        sums = _by_decision(tally.sums(), names)
        weighed = WeighedBasis.of(sums, [(_UNTOLD, DECIDED)], n >= SPARSE, weighted=tally.weighted)
        values = RateSums.of(sums, _UNTOLD, DECIDED).p
    groups = tuple((name,) for name in names)
    return Family(MISSING_TRUTH, ("decision",), groups, n, k, n, values, level, weighed=weighed)


def _of_classes(tally: ClassTally, level: float) -> Family:
    """Those decided as each class."""
    k, n = (_per_class(tally.table("cells"), len(tally.classes), untold=untold) for untold in (True, False))
    groups = tuple((f"those decided as {label}",) for label in tally.classes)
    return Family(MISSING_TRUTH, ("decision",), groups, n, k, n, rate(k, n), level)


def _per_class(cells: Columns, classes: int, *, untold: bool) -> Ints:
    at = (cells["y_pred"] >= 0) & ((cells["y_true"] < 0) | (not untold))
    out = np.zeros(classes, np.int64)
    np.add.at(out, cells["y_pred"][at], cells["n"][at])
    return out


def _by_decision(sums: Sums, names: tuple[str, str]) -> Sums:
    """The sums of everybody as those of two groups, of one decision each."""

    def apart(table: Floats) -> Floats:
        out = np.zeros((2, *table.shape[1:]))
        for decision in (0, 1):
            out[decision, :, 1 + decision] = table[0, :, 1 + decision]
        return out

    kept = {f: getattr(sums, f) for f in ("w", "w2", "drawn", "people", "within")}
    tables: dict[str, Any] = {f: None if table is None else apart(table) for f, table in kept.items()}
    return sums._replace(
        groups=tuple((name,) for name in names),
        scale=np.repeat(sums.scale, 2),
        seen=None if sums.seen is None else _ByDecision(sums.seen),
        **tables,
    )


@dataclass(frozen=True)
class _ByDecision:
    """The clusters of everybody as those of two groups, of one decision each."""

    everybody: Seen

    def distinct(self, cells: Cells) -> Ints:
        """See `Seen`."""
        return np.concatenate([self.everybody.distinct(own) for own in _apart(cells)])

    def worth(self, cells: Cells) -> Clusters:
        """See `Seen`."""
        each = [self.everybody.worth(own) for own in _apart(cells)]
        return Clusters(*(np.concatenate(x) for x in zip(*each, strict=True)))

    def shared(self, cells: Cells) -> Bools:
        """See `Seen`; taken to be, and the replicates say how much."""
        return np.ones((2, 2), dtype=np.bool_)


def _apart(cells: Cells) -> list[list[tuple[int, int]]]:
    return [[c for c in cells if c[1] == decision] for decision in (0, 1)]
