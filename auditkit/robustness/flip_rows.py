"""What was seen of rows that were flipped or swapped: a row a sampled row, and sums of them. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from auditkit.arrays import Floats
from auditkit.evidence.grouped import Grouped, GroupSums, PersonRows

CHANGED, DELTA, UP = "changed:", "delta:", "up:"
"""Prefixes of the columns: the decision is another; the score's change; the decision turned positive."""
SWAPPED = "rows:"
"""Of a swap, before the same prefixes: whether it changes the row for the net."""
WAY = "way:"
"""Of a lexicon, likewise: which way its words are exchanged in the row, by the place of that in the facts."""
RATE, EFFECT = "changed", "moved"
"""Columns of the sums: over the values that are not a row's own, the mean share of other decisions, of moved scores."""

LEFT_OR_CHANGED = ("left", "changed")
"""Rows that a swap leaves as they are for the net, and rows that it changes."""


def swap_column(number: int, prefix: str) -> str:
    """The column of a swap.

    >>> swap_column(0, DELTA)
    'swap 0 delta:'
    """
    return f"swap {number} {prefix}"


def ways_table(number: int) -> str:
    """The table of a lexicon: what it does to rows, by the way that words are exchanged in them.

    >>> ways_table(0)
    'swap 0, ways'
    """
    return f"swap {number}, ways"


def swap_table(number: int, attribute: str | None = None) -> str:
    """The table of a swap: how many rows it changes; or what it does to them, by an attribute.

    >>> swap_table(0), swap_table(0, "hand")
    ('swap 0', 'swap 0 by hand')
    """
    return f"swap {number}" if attribute is None else f"swap {number} by {attribute}"


@dataclass(frozen=True)
class FlipRows(PersonRows):
    """A row a sampled row: `weight`, and for every attribute=value given `delta:…`, `changed:…` and `up:…`.

    Of the swap at position i of the facts: `swap i rows:`, 1 where it changes the row, and the same three.
    """

    def sums(self, fewest: int = 1) -> GroupSums:
        """A table an attribute that was flipped, by its own groups; of a swap, those of `_of_swap`."""
        tables = {a: found for a in self.labels if (found := self._table(a, fewest)) is not None}
        for i in range(len(self.facts.get("swaps", ()))):
            tables |= self._of_swap(i, fewest)
        return GroupSums(_told(self.facts, fewest), tables)

    def _of_swap(self, number: int, fewest: int) -> dict[str, Grouped]:
        """How many rows it changes and leaves; and of those that it changes, what that did, by each attribute."""
        if swap_column(number, SWAPPED) not in self.columns:
            return {}
        at = self.columns[swap_column(number, SWAPPED)] > 0
        own = {prefix: self.columns[swap_column(number, prefix)][at] for prefix in (CHANGED, DELTA, UP)}
        columns = {RATE: own[CHANGED], EFFECT: np.abs(own[DELTA]), **own}
        rows = Grouped.of({}, self.weights, [LEFT_OR_CHANGED[int(x)] for x in at], fewest=fewest)
        tables = {swap_table(number): rows}
        for attribute, label in self.labels.items():
            group = [g for g, there in zip(label, at, strict=True) if there]
            tables[swap_table(number, attribute)] = Grouped.of(columns, self.weights.at(at), group, fewest=fewest)
        if swap_column(number, WAY) in self.columns:
            ways = self.facts["swaps"][number]["ways"]
            group = [ways[int(k)] for k in self.columns[swap_column(number, WAY)][at]]
            tables[ways_table(number)] = Grouped.of(columns, self.weights.at(at), group, fewest=fewest)
        return tables

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


def _told(facts: dict[str, Any], fewest: int) -> dict[str, Any]:
    """The facts with words of lexicons that so many rows hold; how many others there are is kept."""
    if "swaps" not in facts:
        return facts
    swaps = []
    for swap in facts["swaps"]:
        words = [w for w in swap.get("words", ()) if w[2] >= fewest]
        rare = swap.get("rare_words", 0) + len(swap.get("words", ())) - len(words)
        swaps.append(swap | ({"words": words, "rare_words": rare} if "words" in swap else {}))
    return {**facts, "swaps": swaps}
