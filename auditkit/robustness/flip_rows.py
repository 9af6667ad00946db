"""What was seen of rows that were flipped or swapped: a row a sampled row, and sums of them. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auditkit.arrays import Floats
from auditkit.evidence.grouped import Grouped, GroupSums, PersonRows

CHANGED, DELTA, UP = "changed:", "delta:", "up:"
"""Prefixes of the columns: the decision is another; the score's change; the decision turned positive."""
RATE, EFFECT = "changed", "moved"
"""Columns of the sums: over the values that are not a row's own, the mean share of other decisions, of moved scores."""


@dataclass(frozen=True)
class FlipRows(PersonRows):
    """A row a sampled row: `weight`, and for every attribute=value given `delta:…`, `changed:…` and `up:…`."""

    def sums(self, fewest: int = 1) -> GroupSums:
        """A table an attribute that was flipped, by its own groups."""
        tables = {a: found for a in self.labels if (found := self._table(a, fewest)) is not None}
        return GroupSums(self.facts, tables)

    def _table(self, attribute: str, fewest: int) -> Grouped | None:
        head = f"{DELTA}{attribute}="
        values = [c.removeprefix(head) for c in self.columns if c.startswith(head)]
        if not values:
            return None
        nothing = np.zeros(len(self))
        group = self.labels[attribute]
        columns = {
            f"{prefix}{v}": self.columns.get(f"{prefix}{attribute}={v}", nothing)
            for prefix in (DELTA, CHANGED, UP)
            for v in values
        }
        other = np.array([[g != v for v in values] for g in group], dtype=float).reshape(len(group), len(values))

        def others(prefix: str) -> Floats:
            found = np.stack([np.abs(columns[f"{prefix}{v}"]) for v in values], axis=1)
            return np.asarray((found * other).sum(1) / other.sum(1))

        columns = {RATE: others(CHANGED), EFFECT: others(DELTA), **columns}
        return Grouped.of(columns, self.weights, group, fewest=fewest)
