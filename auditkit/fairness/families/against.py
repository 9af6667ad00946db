"""Comparisons of every group with one other side: a named reference group, or the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.errors import PolicyError, listing, nearest
from auditkit.evidence.suppression import SMALL
from auditkit.evidence.tally import Tally
from auditkit.fairness import notes
from auditkit.fairness.families import statements
from auditkit.fairness.families.family import GroupFamily, number
from auditkit.fairness.notes import notes_of
from auditkit.records import Comparison, Estimate, Finding, Table
from auditkit.stats.comparisons import Comparisons, Quantity
from auditkit.stats.pvalues import FamilyInterval

TO_REFERENCE: tuple[Comparison, ...] = ("difference_to_reference", "ratio_to_reference")
TO_REST: tuple[Comparison, ...] = ("difference_to_rest", "ratio_to_rest")
Reference = Mapping[str, str]
"""Attribute → value."""


class Sides(NamedTuple):
    """The groups of a family against one other side."""

    where: NDArray[np.intp]
    """Positions of the groups compared."""
    compared: Comparisons
    name: str
    """The other side in words."""
    reference: int | None
    """Position of the reference group; None where the other side is the rest."""


def check_reference(tally: Tally, reference: Reference) -> None:
    """PolicyError, naming the nearest, unless every attribute is in the tally and has the value.

    Where small groups are told only together, a value that is not told may be one of them: it is not measured.
    """
    for attribute, value in reference.items():
        if attribute not in tally.by:
            raise PolicyError(
                f"no sensitive feature '{attribute}' for the reference group; declared are {listing(tally.by)}."
                f"{nearest(attribute, tally.by)}"
            )
        groups = [g for (g,) in tally.counts(attribute).groups]
        if value not in groups and SMALL not in groups:
            raise PolicyError(
                f"no group '{value}' of '{attribute}' to be the reference; the groups are {listing(groups)}."
                f"{nearest(value, groups)}"
            )


@dataclass(frozen=True)
class Contrast:
    """A metric in the groups of a family, each against the reference group, or the rest (None)."""

    family: GroupFamily
    metric: str
    reference: Reference | None

    @cached_property
    def sides(self) -> Sides | Estimate:
        """The groups and the other side; the estimate of nothing to compare where there is no such side."""
        return _to_rest(self.family) if self.reference is None else _to_reference(self.family, self.reference)

    def finding(self, kind: Comparison) -> Finding:
        """The group farthest from the other side; the table gives every group's own difference, with its sign."""
        family, sides = self.family, self.sides
        to = None if self.reference is None else {a: self.reference[a] for a in family.by}
        other = "the rest" if to is None else " & ".join(to.values())
        e, found = (sides, None) if isinstance(sides, Estimate) else self._farthest(kind, sides)
        return notes.finding(
            self.metric,
            kind,
            family.by,
            e,
            statements.of_comparison(self.metric, kind, family, e, found, other),
            reference=to,
            by_group=family.by_group(),
            exhibits=() if isinstance(sides, Estimate) else (_table(family, self.metric, kind, sides),),
            notes=(*(() if to is None else (f"the reference is {other}",)), *notes_of(family, kind, found)),
        )

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`."""
        sides = self.sides
        return None if isinstance(sides, Estimate) else sides.compared.p_value(kind, limit, above=above)

    def _farthest(self, kind: Comparison, sides: Sides) -> tuple[Estimate, FamilyInterval]:
        found, claims = sides.compared.interval(kind), sides.compared.claims
        where = int(sides.where[found.first])
        found = found._replace(first=where, second=where)
        e = self.family.estimate_of(found, kind, claims)
        note = "nobody is counted on either side: 0/0 is not a ratio" if e.value is None else ""
        mde = self.family.mde_to(sides.reference, claims) if kind.startswith("difference") else None
        return e.model_copy(update={"mde": mde, "note": note}), found


def _to_reference(family: GroupFamily, reference: Reference) -> Sides | Estimate:
    group = tuple(reference[a] for a in family.by)
    name = " & ".join(group)
    here = family.groups.index(group) if group in family.groups else -1
    if here < 0 or not family.kept[here]:
        n = int(family.n[here]) if here >= 0 else 0
        few = family.few(here) if n else "only 0 to count"
        note = _not_told(family, reference) or f"the reference group {name} has {few}"
        return family.nothing_to_compare().model_copy(update={"note": note, "state": "sparse" if n else "undefined"})
    where = np.array([i for i in np.flatnonzero(family.kept) if i != here], dtype=np.intp)
    if not len(where):
        return family.nothing_to_compare()
    one = family.own(np.array([here], dtype=np.intp))
    return _sides(family, where, one, len(where), name, here)


def _not_told(family: GroupFamily, reference: Reference) -> str | None:
    """Why a report that suppresses small groups has no such reference group; None where it has, or suppresses none."""
    for i, attribute in enumerate(family.by):
        told, value = {group[i] for group in family.groups}, reference[attribute]
        if value not in told and SMALL in told:
            return (
                f"the reference group {value} is not told on its own in this report: it is one of the {SMALL}, "
                "or not in the data"
            )
    return None


def _to_rest(family: GroupFamily) -> Sides | Estimate:
    where = family.positions
    if len(where) < 2:
        return family.nothing_to_compare()
    return _sides(family, where, family.rest(where), 1 if len(where) == 2 else len(where), "the rest", None)


def _sides(
    family: GroupFamily, where: NDArray[np.intp], other: Quantity, claims: int, name: str, reference: int | None
) -> Sides:
    facts = (family.level, family.most, family.basis.df, family.basis.correlation(where, reference))
    return Sides(where, Comparisons(family.own(where), claims, *facts, other), name, reference)


def _table(family: GroupFamily, metric: str, kind: Comparison, sides: Sides) -> Table:
    each = sides.compared.each(kind)
    rows = [
        (family.name(int(i)), number(float(family.values[i])), *(number(float(x[j])) for x in each))
        for j, i in enumerate(sides.where)
    ]
    what = f"{'Ratio' if kind.startswith('ratio') else 'Difference'} to {sides.name}"
    columns = (" and ".join(family.by).capitalize(), METRICS[metric].title, what, "From", "To")
    return Table(title=f"{METRICS[metric].title}: every group against {sides.name}", columns=columns, rows=tuple(rows))
