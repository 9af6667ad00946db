"""Which groups a law compares, and whom it counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.batch import MISSING
from auditkit.errors import PolicyError, choices
from auditkit.evidence.tally import Tally
from auditkit.fairness.sets import Attributes


class Selections(NamedTuple):
    """Rows of each crossed group that could be selected, and that were; groups sorted."""

    groups: tuple[Attributes, ...]
    selected: NDArray[np.int64]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, tally: Tally, by: Attributes) -> Selections:
        """Rows with a decision, whether or not their truth is known; groups without one are left out."""
        counts = tally.counts(*by)
        decided = counts.table[:, :, 1:].sum(axis=1)
        rows = decided.sum(axis=1)
        return cls(counts.groups, decided[:, 1], rows).where(rows > 0)

    def where(self, kept: NDArray[np.bool_]) -> Selections:
        """Of some of the groups."""
        groups = tuple(g for g, k in zip(self.groups, kept, strict=True) if k)
        return Selections(groups, self.selected[kept], self.rows[kept])

    def parted(self) -> tuple[Selections, Selections]:
        """Groups all of whose attributes are known, and the others."""
        known = np.array([MISSING not in g for g in self.groups], dtype=bool)
        return self.where(known), self.where(~known)


def sex_and_race(declared: Attributes, sex: str, race: str) -> list[Attributes]:
    """The three tables of NYC Local Law 144: sex, race/ethnicity, both crossed; PolicyError says which to name."""
    for role, name in (("sex", sex), ("race", race)):
        if name not in declared:
            example = next((a for a in declared if a not in (sex, race)), declared[0] if declared else "…")
            raise PolicyError(
                f"nyc-ll144 needs the column of {'race/ethnicity' if role == 'race' else role}: no sensitive feature "
                f"'{name}'; declared are {choices(name, declared)} Say which, as in "
                f"{role}='{example}'"
            )
    if sex == race:
        raise PolicyError(f"nyc-ll144 needs two columns, sex and race/ethnicity; both are '{sex}'")
    return [(sex,), (race,), (sex, race)]
