"""RatioSums: what independent rows give to groups that share them, twice over: ratios of both sums. They add.

A user's list gives exposure to several groups of items, and holds what is relevant of each. Of all users the sums and
the sums of products are kept, from which every ratio has a variance by linearisation, and every two a covariance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.arrays import Floats, Ints
from auditkit.errors import EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.rare import FEWEST
from auditkit.lists import MOST_GROUPS

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure


@dataclass(frozen=True)
class RatioSums:
    """Of N independent rows, each with an amount over and one under the line for each of K groups: `+` merges.

    >>> of = RatioSums.of(("a", "b"), over=[[2.0, 0.0], [1.0, 1.0]], under=[[1.0, 1.0], [0.0, 2.0]], squares=(6.0, 6.0))
    >>> (of + of).over.tolist(), of.rows.tolist(), of.n
    ([6.0, 2.0], [1, 2], 2)
    """

    groups: tuple[str, ...]
    """(K,) sorted."""
    n: int
    """Rows."""
    rows: Ints
    """(K,) rows with something under the line."""
    sums: Floats
    """(2K,) Σ over, Σ under."""
    products: Floats
    """(2K, 2K) Σ x xᵀ of the 2K amounts of a row."""
    squares: tuple[float, float]
    """Σ of the squares of the pieces that over and under are sums of: of how many alike ones they are worth."""

    @classmethod
    def of(cls, groups: tuple[str, ...], *, over: Any, under: Any, squares: tuple[float, float]) -> RatioSums:
        """Of rows (N, K), (N, K) ≥ 0."""
        above, below = (np.asarray(x, np.float64).reshape(-1, len(groups)) for x in (over, under))
        x = np.concatenate([above, below], axis=1)
        return cls(groups, len(x), (below > 0).sum(axis=0).astype(np.int64), x.sum(axis=0), x.T @ x, squares)

    @property
    def over(self) -> Floats:
        """(K,)"""
        return self.sums[: len(self.groups)]

    @property
    def under(self) -> Floats:
        """(K,)"""
        return self.sums[len(self.groups) :]

    def __add__(self, other: RatioSums) -> RatioSums:
        names = tuple(sorted({*self.groups, *other.groups}))
        a, b = self._among(names), other._among(names)
        both = (a.squares[0] + b.squares[0], a.squares[1] + b.squares[1])
        return RatioSums(names, a.n + b.n, a.rows + b.rows, a.sums + b.sums, a.products + b.products, both)

    def _among(self, names: tuple[str, ...]) -> RatioSums:
        """With groups of which no row has anything."""
        if names == self.groups:
            return self
        k, at = len(names), np.array([names.index(g) for g in self.groups], np.intp)
        rows, where = np.zeros(k, np.int64), np.concatenate([at, k + at])
        sums, products = np.zeros(2 * k), np.zeros((2 * k, 2 * k))
        rows[at], sums[where], products[np.ix_(where, where)] = self.rows, self.sums, self.products
        return RatioSums(names, self.n, rows, sums, products, self.squares)

    def reduced(self, disclosure: Disclosure) -> RatioSums:
        """Without what fewer than five rows give: of such a group nothing is told."""
        few = (self.rows > 0) & (self.rows < max(FEWEST, disclosure.suppress_below))
        gone = np.concatenate([few, few])
        keep = ~gone
        sums, products = np.where(keep, self.sums, 0.0), np.where(np.outer(keep, keep), self.products, 0.0)
        return RatioSums(self.groups, self.n, np.where(few, 0, self.rows), sums, products, self.squares)

    def to_json(self) -> dict[str, Any]:
        """As JSON; of the products the rows up to the diagonal."""
        return {
            "groups": list(self.groups),
            "n": self.n,
            "rows": self.rows.tolist(),
            "sums": self.sums.tolist(),
            "products": [self.products[i, : i + 1].tolist() for i in range(len(self.sums))],
            "squares": list(self.squares),
        }

    @classmethod
    def from_json(cls, data: Any) -> RatioSums:
        """From `to_json`; EvidenceError for what no rows can give."""
        data = reading.fields(data, "the ratios", "groups", "n", "rows", "sums", "products", "squares")
        groups = reading.names(data["groups"], "'groups' of the ratios", most=MOST_GROUPS)
        if list(groups) != sorted(groups):
            raise EvidenceError("'groups' of the ratios are not in their order")
        n, k = reading.whole(data["n"], "'n' of the ratios"), len(groups)
        positive = partial(reading.numbers, low=0)
        lines = reading.items(data["products"], "'products' of the ratios", length=2 * k)
        products = np.zeros((2 * k, 2 * k))
        for i, line in enumerate(lines):
            products[i, : i + 1] = positive(line, "a row of 'products' of the ratios", length=i + 1)
        products = np.maximum(products, products.T)
        squares = positive(data["squares"], "'squares' of the ratios", length=2).tolist()
        sums = positive(data["sums"], "'sums' of the ratios", length=2 * k)
        rows = reading.wholes(data["rows"], "'rows' of the ratios", high=n, length=k)
        if (products**2 > np.outer(np.diag(products), np.diag(products)) * (1 + 1e-9) + 1e-300).any():
            raise EvidenceError("'products' of the ratios are none of any rows")
        return cls(groups, n, rows, sums, products, (squares[0], squares[1]))
