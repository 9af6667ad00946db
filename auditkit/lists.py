"""How rows that are users hold what is known of their lists: which columns are numbers, and which are of which items.

A row is a user, so that users are what intervals count. What a list shows of a group of items stands in columns of
that row; this says which, so that nobody reads it out of names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

EXPOSURE, RELEVANCE = "exposure", "relevance"
"""What a user's list gives a group of items: Σ 1/log₂(1 + rank) over the places that are seen, and Σ relevance."""
SQUARES, MERITS, PLACES = "exposure², summed", "relevance², summed", "places among the first {k}"
"""Over all items of the list the squares of both, and of being shown: how many alike ones they are worth."""


MOST_GROUPS = 64
"""Groups of items that lists give to, at most: what every pair of them shares is counted."""


def shown(k: int) -> str:
    """How many of the first k items are of a group.

    >>> shown(5)
    'shown at 5'
    """
    return f"shown at {k}"


def expected(k: int) -> str:
    """How many would be, if the first k had the shares that they are held against.

    >>> expected(5)
    'expected at 5'
    """
    return f"expected at {k}"


@dataclass(frozen=True)
class Lists:
    """The columns of a Dataset whose rows are users with a list each."""

    numbers: Mapping[str, str]
    """A number that a list has → which side of it is better: "higher", "lower" or "neither"."""
    cuts: tuple[int, ...]
    """The k of NDCG@k, recall@k and skew@k."""
    seen: int
    """The last place that has exposure."""
    items: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What items are grouped by → the groups."""

    def column(self, quantity: str, attribute: str, group: str) -> str:
        """The column of a quantity of one group of items.

        >>> Lists({}, (5,), 5).column("exposure", "genre", "drama")
        'exposure: genre = drama'
        """
        return f"{quantity}: {attribute} = {group}"

    @property
    def ratios(self) -> tuple[tuple[int, tuple[str, str], tuple[str, str]], ...]:
        """k (0: exposure) → the quantities over and under the line, and the columns of the squares of their pieces."""
        of_shown = ((k, (shown(k), expected(k)), (PLACES.format(k=k), PLACES.format(k=k))) for k in self.cuts)
        return ((0, (EXPOSURE, RELEVANCE), (SQUARES, MERITS)), *of_shown)

    @property
    def quantities(self) -> tuple[str, ...]:
        """What stands in a column for every group of items."""
        return tuple(q for _, both, _ in self.ratios for q in both)

    @property
    def whole(self) -> tuple[str, ...]:
        """Columns of the squares of pieces, of all items."""
        return tuple(dict.fromkeys(name for *_, squares in self.ratios for name in squares))
