"""What every finding over groups has in common: its id, and the notes that name the groups left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from auditkit.errors import listing
from auditkit.fairness.families.basis import Basis
from auditkit.records import Comparison
from auditkit.stats.families import FamilyInterval


class Grouped(Protocol):
    """A quantity in K crossed groups: what sentences and notes need of it."""

    @property
    def by(self) -> tuple[str, ...]: ...
    @property
    def groups(self) -> tuple[tuple[str, ...], ...]: ...
    @property
    def n(self) -> NDArray[np.int64]: ...
    @property
    def values(self) -> NDArray[np.float64]: ...
    @property
    def kept(self) -> NDArray[np.bool_]: ...
    @property
    def min_n(self) -> int: ...
    def name(self, position: int) -> str: ...


def notes_of(family: Grouped, comparison: Comparison, found: FamilyInterval | None) -> tuple[str, ...]:
    """Which two groups drive a gap of several, and which groups are left out or undefined."""
    notes = []
    if found is not None and comparison in ("difference", "ratio") and len(family.groups) > 2:
        notes.append(f"driven by {family.name(found.first)} against {family.name(found.second)}")
    sparse = [family.name(int(i)) for i in np.flatnonzero(~family.kept & (family.n > 0))]
    nobody = [family.name(int(i)) for i in np.flatnonzero(family.n == 0)]
    if sparse:
        fewest = family.fewest if isinstance(family, Basis) else f"fewer than {family.min_n} to count"
        notes.append(f"left out, {fewest}: {listing(sparse)}")
    if nobody:
        notes.append(f"undefined, nobody to count: {listing(nobody)}")
    return (*notes, *family.basis) if isinstance(family, Basis) else tuple(notes)


def finding_id(
    concern: str, metric: str, comparison: str, by: Sequence[str], reference: Mapping[str, str] | None = None
) -> str:
    """concern/metric/comparison/attributes, an attribute with its reference value where there is one.

    >>> finding_id("fairness", "f1", "difference_to_reference", ("sex", "race"), {"sex": "m", "race": "a"})
    'fairness/f1/difference_to_reference/sex=m+race=a'
    """
    where = [name if reference is None else f"{name}={reference[name]}" for name in by]
    return f"{concern}/{metric}/{comparison}/{'+'.join(where)}"
