"""A fingerprint of a set of rows, which adds, and how their keys are scattered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auditkit.arrays import Keys


def mixed(x: Keys) -> Keys:
    """One round of splitmix64: a bijection that scatters."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True)
class RowHash:
    """An additive fingerprint of a set of rows: free of order and of how the rows were split.

    Four sums, modulo 2⁶⁴, of differently mixed row keys.
    """

    rows: int
    sums: tuple[int, ...]

    @classmethod
    def of(cls, keys: Keys) -> RowHash:
        """The fingerprint of rows with these keys."""
        sums, scattered = [], keys.copy()
        for _ in range(4):
            sums.append(int(scattered.sum(dtype=np.uint64)))
            scattered = mixed(scattered)
        return cls(len(keys), tuple(sums))

    def __add__(self, other: RowHash) -> RowHash:
        sums = tuple((x + y) % 2**64 for x, y in zip(self.sums, other.sums, strict=True))
        return RowHash(self.rows + other.rows, sums)
