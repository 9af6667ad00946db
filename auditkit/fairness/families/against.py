"""Comparisons of every group with one other side: a named reference group, or the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import group_words
from auditkit.errors import PolicyError, choices
from auditkit.evidence.suppression import SMALL
from auditkit.fairness import notes
from auditkit.fairness.families.basis import Positions
from auditkit.fairness.families.family import GroupFamily, number
from auditkit.records import Comparison, Estimate, Finding, Table
from auditkit.stats.comparisons import Comparisons
from auditkit.stats.pvalues import FamilyInterval

TO_REFERENCE: tuple[Comparison, ...] = ("difference_to_reference", "ratio_to_reference")
TO_REST: tuple[Comparison, ...] = ("difference_to_rest", "ratio_to_rest")
Reference = Mapping[str, str]
"""Attribute → value."""


def check_reference(by: Sequence[str], values_of: Callable[[str], Sequence[str]], reference: Reference) -> None:
    """PolicyError, naming the nearest, unless every attribute is among those declared and has the value.

    Where small groups are told only together, a value that is not told may be one of them: it is not measured.
    """
    for attribute, value in reference.items():
        if attribute not in by:
            raise PolicyError(
                f"no sensitive feature '{attribute}' for the reference group; declared are {choices(attribute, by)}"
            )
        groups = values_of(attribute)
        if value not in groups and SMALL not in groups:
            raise PolicyError(
                f"no group '{value}' of '{attribute}' to be the reference; the groups are {choices(value, groups)}"
            )


@dataclass(frozen=True)
class Contrast:
    """The quantity of a family in its groups, each against the reference group, or the rest (None)."""

    family: GroupFamily
    reference: Reference | None

    @property
    def other(self) -> str:
        """The other side in words."""
        return (
            "the rest"
            if self.reference is None
            else group_words(self.family.by, (self.reference[a] for a in self.family.by))
        )

    @cached_property
    def here(self) -> int | None:
        """Position of the reference group, −1 where no group is it; None where the other side is the rest."""
        if self.reference is None:
            return None
        group = tuple(self.reference[a] for a in self.family.by)
        return self.family.groups.index(group) if group in self.family.groups else -1

    @cached_property
    def where(self) -> Positions:
        """Positions of the groups compared."""
        return np.array([i for i in self.family.positions if i != self.here], dtype=np.intp)

    @cached_property
    def compared(self) -> Comparisons:
        """These groups against the other side; made only where nothing is missing."""
        return self.family.against(self.where, self.here)

    @cached_property
    def missing(self) -> Estimate | None:
        """The estimate of nothing to compare, where there is no other side; None where there is."""
        family, here = self.family, self.here
        if here is not None and (here < 0 or not family.kept[here]):
            n = int(family.n[here]) if here >= 0 else 0
            few = family.few(here) if n else "only 0 to count"
            note = self._not_told() or f"the reference group {self.other} has {few}"
            state = "sparse" if n else "undefined"
            return family.nothing_to_compare().model_copy(update={"note": note, "state": state})
        return family.nothing_to_compare() if len(family.positions) < 2 else None

    def finding(self, kind: Comparison) -> Finding:
        """The group farthest from the other side; the table gives every group's own difference, with its sign."""
        family, reference = self.family, self.reference
        e, found = (self.missing, None) if self.missing is not None else self._farthest(kind)
        told = notes.finding(
            family.metric,
            kind,
            family.by,
            e,
            family.said(kind, e, found, self.other),
            reference=None if reference is None else {a: reference[a] for a in family.by},
            by_group=family.by_group,
            exhibits=() if found is None else (self._table(kind),),
            notes=(
                *(() if reference is None else (f"the reference is {self.other}",)),
                *family.notes(kind, found),
            ),
            surest=family.surest(kind, e, found),
        )
        return family.told(told)

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`."""
        return None if self.missing is not None else self.compared.p_value(kind, limit, above=above)

    def _farthest(self, kind: Comparison) -> tuple[Estimate, FamilyInterval]:
        found, claims = self.compared.interval(kind), self.compared.claims
        found = found.among(self.where)
        e = self.family.estimate_of(found, kind, claims)
        note = "nobody is counted on either side: 0/0 is not a ratio" if e.value is None else ""
        mde = self.family.mde_to(self.here, claims) if kind.startswith("difference") else None
        return e.model_copy(update={"mde": mde, "note": note}), found

    def _not_told(self) -> str | None:
        """Why a report that suppresses small groups has no such reference group; None where that is not why."""
        for i, attribute in enumerate(self.family.by):
            told, value = {group[i] for group in self.family.groups}, (self.reference or {})[attribute]
            if value not in told and SMALL in told:
                return (
                    f"the reference group {value} is not told on its own in this report: it is one of the {SMALL}, "
                    "or not in the data"
                )
        return None

    def _table(self, kind: Comparison) -> Table:
        family, title = self.family, METRICS[self.family.metric].title
        each = zip(self.where.tolist(), *self.compared.each(kind), strict=True)
        what = f"{'Ratio' if kind.startswith('ratio') else 'Difference'} to {self.other}"
        return Table(
            title=f"{title}: every group against {self.other}",
            columns=(" and ".join(family.by).capitalize(), title, what, "From", "To"),
            rows=tuple((family.name(i), number(family.values[i]), *map(number, limits)) for i, *limits in each),
        )
