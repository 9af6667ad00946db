"""How many rows have one key: copies of one content, or the rows of one cluster."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from auditkit.arrays import Ints, Keys
from auditkit.evidence import reading

_KEPT = 1_024
_BUCKETS = 2**16


@dataclass(frozen=True)
class Copies:
    """Rows and Σc² over keys of c rows each.

    >>> Copies.of(np.array([7, 7, 7, 9], dtype=np.uint64)).average
    2.5
    """

    rows: int
    squares: float
    seen: Seen | None = None
    """What both are known from, while rows are added; None once they are reduced."""

    @classmethod
    def of(cls, keys: Keys) -> Copies:
        """Of rows with these keys (N,)."""
        return cls._from(Seen.of(keys))

    @classmethod
    def _from(cls, seen: Seen) -> Copies:
        return cls(seen.rows, seen.squares, seen)

    def __add__(self, other: Copies) -> Copies:
        if self.seen is not None and other.seen is not None:
            return self._from(self.seen + other.seen)
        return Copies(self.rows + other.rows, self.squares + other.squares)

    @property
    def average(self) -> float:
        """Σc²/Σc: how many rows share a row's key, itself among them; 1 without rows."""
        return self.squares / self.rows if self.rows else 1.0

    def reduced(self) -> Copies:
        """The two sums alone: no row can be told from them."""
        return Copies(self.rows, self.squares)

    def to_json(self) -> dict[str, Any]:
        """As JSON, reduced."""
        return {"rows": self.rows, "squares": float(f"{self.squares:.10g}")}

    @classmethod
    def from_json(cls, data: object) -> Copies:
        """From `to_json`, or from the counts of some keys, as older reports keep them; EvidenceError for neither."""
        if "counts" in reading.mapping(data, "the copies"):
            found = reading.fields(data, "the copies", "counts", optional=("keys",))
            line = reading.line(found["counts"], "the counts of the copies", most=_KEPT, low=1)
            counts = reading.counts(line, "the copies").tolist()
            return cls(sum(counts), float(sum(c * c for c in counts)))
        found = reading.fields(data, "the copies", "rows", "squares")
        rows = reading.whole(found["rows"], "the rows of the copies")
        low, high = float(rows), max(1.0, float(rows)) ** 2
        return cls(rows, reading.number(found["squares"], "the squares of the copies", low=low, high=high))


@dataclass(frozen=True)
class Seen:
    """Rows by the lowest distinct keys, and by a part of every key: exact while keys are few, then an estimate."""

    keys: Keys
    """The lowest distinct keys, sorted."""
    counts: Ints
    """Rows of each."""
    buckets: Ints
    """Rows by the first 16 bits of their key."""

    @classmethod
    def of(cls, keys: Keys) -> Seen:
        """Of rows with these keys (N,)."""
        found, counts = np.unique(keys, return_counts=True)
        buckets = np.bincount((keys >> np.uint64(48)).astype(np.int64), minlength=_BUCKETS)
        return cls(found[:_KEPT], counts[:_KEPT].astype(np.int64), buckets)

    def __add__(self, other: Seen) -> Seen:
        keys, where = np.unique(np.concatenate([self.keys, other.keys]), return_inverse=True)
        counts = np.bincount(where, weights=np.concatenate([self.counts, other.counts]), minlength=len(keys))
        return Seen(keys[:_KEPT], counts[:_KEPT].astype(np.int64), self.buckets + other.buckets)

    @property
    def rows(self) -> int:
        """All of them."""
        return int(self.buckets.sum())

    @cached_property
    def squares(self) -> float:
        """Σc². Beyond 1,024 keys from the buckets, which see the frequent ones however many there are: Σb² has the
        mean Σc² + (N² − Σc²)/W over hashes, and √(2/W) of Σc², .6 %, as its error. Source: Charikar et al. (2002)."""
        if len(self.keys) < _KEPT:
            return float((self.counts.astype(float) ** 2).sum())
        n, found = float(self.rows), float((self.buckets.astype(float) ** 2).sum())
        return max(n, (found - n * n / _BUCKETS) / (1 - 1 / _BUCKETS))
