"""Lists of users as arrays: in which order, and how good each is. Codes and numbers in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Positions
from auditkit.errors import DataError

Ids = NDArray[np.object_]


@dataclass(frozen=True)
class Ranked:
    """N rows, each an item of one of U users, with its place in the user's list, and how relevant it is.

    >>> of = Ranked(np.array([0, 0, 0]), np.array([2, 1, 0]), np.array([1.0, 0.0, 0.0]), 1)
    >>> of.ndcg(2).round(3).tolist(), of.recall(1).tolist(), of.reciprocal.tolist()
    ([0.631], [0.0], [0.5])
    """

    user: Positions
    """(N,) 0 to U − 1."""
    place: Positions
    """(N,) 1, 2, … in each user's list; 0: not ranked."""
    relevance: Floats
    """(N,) ≥ 0."""
    users: int

    def summed(self, values: Floats | NDArray[np.bool_], where: NDArray[np.bool_] | slice = slice(None)) -> Floats:
        """(U,) Σ over the rows of each user."""
        found = np.bincount(self.user[where], np.asarray(values, np.float64)[where], self.users)
        return found.astype(np.float64)

    @cached_property
    def relevant(self) -> Floats:
        """(U,) items that are relevant."""
        return self.summed(self.relevance > 0)

    @cached_property
    def length(self) -> Positions:
        """(U,) places of each list."""
        return np.bincount(self.user[self.place > 0], minlength=self.users).astype(np.intp)

    def first(self, k: int) -> NDArray[np.bool_]:
        """(N,) whether a row stands among the first k."""
        return (self.place > 0) & (self.place <= k)

    def exposure(self, seen: int) -> Floats:
        """(N,) 1 / log₂(1 + rank) of the first `seen` places, 0 of others."""
        return np.where(self.first(seen), 1.0 / np.log2(1.0 + np.maximum(self.place, 1)), 0.0)

    def ndcg(self, k: int) -> Floats:
        """(U,) NDCG@k with gains as they are; NaN without a relevant item."""
        return _over(self.summed(self.relevance * self.exposure(k)), self.summed(self._ideal(k)))

    def _ideal(self, k: int) -> Floats:
        """(N,) the discounted gain of each row in the best order."""
        order = np.lexsort((-self.relevance, self.user))
        place = np.empty(len(order), np.intp)
        place[order] = 1 + _within(self.user[order])
        return np.where(place <= k, self.relevance / np.log2(1.0 + place), 0.0)

    def recall(self, k: int) -> Floats:
        """(U,) relevant items among the first k ÷ relevant items; NaN without one."""
        return _over(self.summed((self.relevance > 0) & self.first(k)), self.relevant)

    @property
    def reciprocal(self) -> Floats:
        """(U,) 1 ÷ the rank of the first relevant item, 0 where none is ranked; NaN without one."""
        best = np.zeros(self.users)
        where = (self.relevance > 0) & (self.place > 0)
        np.maximum.at(best, self.user[where], 1.0 / self.place[where])
        return np.where(self.relevant > 0, best, np.nan)

    def divergence(self, group: Positions, base: Floats, seen: int) -> Floats:
        """(U,) NDKL of groups (N,) 0 to K − 1 against shares (U, K), over the first `seen` places; NaN of empty lists.

        Σ_i KL(D_i ‖ D) / log₂(i + 1) ÷ Σ_i 1 / log₂(i + 1), natural log, D_i the shares of the first i places.
        Source: Geyik, Ambler & Kenthapadi (2019), KDD, 2221.
        """
        counts, out, weights = np.zeros_like(base), np.zeros(self.users), np.zeros(self.users)
        deep = min(seen, int(self.length.max(initial=0)))
        for i in range(1, deep + 1):
            here = self.place == i
            counts[self.user[here], group[here]] += 1
            with np.errstate(divide="ignore", invalid="ignore"):
                apart = np.where(counts > 0, counts / i * np.log(counts / i / base), 0.0).sum(axis=1)
            there = self.length >= i
            out += np.where(there, apart / np.log2(i + 1), 0.0)
            weights += there / np.log2(i + 1)
        return _over(out, weights)


def _over(x: Floats, of: Floats) -> Floats:
    return np.asarray(np.divide(x, of, out=np.full(len(x), np.nan), where=of > 0))


def _within(sorted_codes: Positions) -> Positions:
    """(N,) how many rows of the same code come before each, of codes that are sorted."""
    first = np.flatnonzero(np.diff(sorted_codes, prepend=-1))
    return np.arange(len(sorted_codes)) - np.repeat(first, np.diff(np.append(first, len(sorted_codes))))


def places_of_ranks(user: Positions, rank: Floats, names: Ids) -> Positions:
    """(N,) places of ranks, 0 where one is missing; DataError unless a user's are 1, 2, 3 and so on, each once.

    >>> places_of_ranks(np.array([0, 0]), np.array([2.0, 1.0]), np.array(["ann"], dtype=object)).tolist()
    [2, 1]
    """
    ranked = np.flatnonzero(~np.isnan(rank))
    order = ranked[np.lexsort((rank[ranked], user[ranked]))]
    expected = 1 + _within(user[order])
    wrong = np.flatnonzero(rank[order] != expected)
    if len(wrong):
        i, at = order[wrong[0]], expected[wrong[0]]
        own = np.sort(rank[(user == user[i]) & ~np.isnan(rank)])
        twice = own[:-1][np.diff(own) == 0]
        what = f"has rank {twice[0]:g} twice" if len(twice) else f"has rank {rank[i]:g} where {at} was expected"
        lists = len(np.unique(user[order[wrong]]))
        raise DataError(
            f"ranks of a list are 1, 2, 3 and so on, each once; in {lists:,} lists they are not: that of "
            f"'{names[user[i]]}' {what}"
        )
    out = np.zeros(len(rank), np.intp)
    out[order] = expected
    return out


def places_of_scores(user: Positions, score: Floats, item: Positions) -> tuple[Positions, NDArray[np.bool_]]:
    """(N,) places by score, the highest first, 0 where one is missing, and which rows share their list's score with
    another: these stand in the order of their items.

    >>> places_of_scores(np.array([0, 0, 0]), np.array([0.1, 0.9, 0.1]), np.array([2, 0, 1]))
    (array([3, 1, 2]), array([ True, False,  True]))
    """
    scored = np.flatnonzero(~np.isnan(score))
    order = scored[np.lexsort((item[scored], -score[scored], user[scored]))]
    out = np.zeros(len(score), np.intp)
    out[order] = 1 + _within(user[order])
    same = (user[order][1:] == user[order][:-1]) & (score[order][1:] == score[order][:-1])
    tied = np.zeros(len(score), bool)
    tied[order[1:][same]] = True
    tied[order[:-1][same]] = True
    return out, tied
