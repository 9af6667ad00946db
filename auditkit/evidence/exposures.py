"""ExposureSums: what lists show of groups of items, attribute by attribute, and of what they are held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditkit.errors import EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.ratios import RatioSums

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

MOST_SETS = 200
"""Attributes, times one and the number of k."""
WHOLE = 0
"""In the place of k: exposure over relevance."""
MOST_PLACES = 999_999


@dataclass(frozen=True)
class ExposureSums:
    """(attribute of items, k) → the first k places over what they are held against; of k = 0 exposure over relevance.

    `+` merges.
    """

    sums: dict[tuple[str, int], RatioSums]
    seen: int
    """The last place that has exposure."""

    @property
    def by(self) -> tuple[str, ...]:
        """What items are grouped by."""
        return tuple(dict.fromkeys(attribute for attribute, _ in self.sums))

    @property
    def cuts(self) -> tuple[int, ...]:
        """The k that are asked."""
        return tuple(dict.fromkeys(k for _, k in self.sums if k != WHOLE))

    def __add__(self, other: ExposureSums) -> ExposureSums:
        if (set(self.sums), self.seen) != (set(other.sums), other.seen):
            raise EvidenceError(
                f"cannot add lists by {list(self.by)}, seen to place {self.seen}, and by {list(other.by)}, seen to "
                f"place {other.seen}"
            )
        return ExposureSums({key: of + other.sums[key] for key, of in self.sums.items()}, self.seen)

    def reduced(self, disclosure: Disclosure) -> ExposureSums:
        """See `RatioSums`."""
        return ExposureSums({key: of.reduced(disclosure) for key, of in self.sums.items()}, self.seen)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        sets = [{"by": a, "k": k, **of.to_json()} for (a, k), of in self.sums.items()]
        return {"seen": self.seen, "sets": sets}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ExposureSums:
        """From `to_json`; EvidenceError for what no rows can give."""
        data = reading.fields(data, "the exposures", "seen", "sets")
        found: dict[tuple[str, int], RatioSums] = {}
        for one in reading.items(data["sets"], "'sets' of the exposures", most=MOST_SETS):
            own = dict(reading.mapping(one, "a set of the exposures"))
            by = reading.text(own.pop("by", None), "'by' of a set of the exposures")
            k = reading.whole(own.pop("k", None), "'k' of a set of the exposures", high=MOST_PLACES)
            if (by, k) in found:
                raise EvidenceError(f"the exposures name {reading.shown((by, k))} twice")
            found[by, k] = RatioSums.from_json(own)
        return cls(found, reading.whole(data["seen"], "'seen' of the exposures", low=1, high=MOST_PLACES))
