"""Samples of rows that have copies: shares, means, gaps and their parts, at few and many distinct rows, equal and Zipf.

Two groups of distinct rows, of which 200 each (20 of 24) are drawn as `evidence.sample` draws them; what is estimated
must cover what all rows of the data give.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from auditkit.arrays import Bools, Floats, Ints, Keys
from auditkit.evidence.draws import MATTERS, copies_told, drawn, sketch, threshold
from auditkit.evidence.sums import Moments, Weights
from auditkit.explain.estimates import Cell, gap, mean_of, share_of
from auditkit.explain.gaps.pairs import Pairs, paired
from auditkit.explain.gaps.splits import Split
from auditkit.explain.gaps.splitting import units_of
from auditkit.explain.gaps.sums import Contrast
from auditkit.records import Estimate
from tests.simulations.setting import Outcome, Setting

SIZE, LEVEL = 200, 0.95


class Group(NamedTuple):
    """The distinct rows of a group, in order of their keys, and those that were drawn."""

    copies: Ints
    yes: Floats
    x: Floats
    """(M, 2) skew values, of which a score is the sum."""
    where: Ints
    weights: Weights

    @classmethod
    def of(cls, rng: np.random.Generator, copies: Ints, p: Floats, size: int) -> Group:
        """Draw from rows with these copies that say yes with these chances."""
        keys = np.sort(rng.integers(0, 2**64, len(copies), dtype=np.uint64))
        order = rng.permutation(len(copies))
        where, weights = sampled(keys, copies[order], size)
        yes = (rng.random(len(copies)) < p[order]).astype(float)
        return cls(copies[order], yes, rng.lognormal(sigma=0.7, size=(len(copies), 2)), where, weights)

    def moments(self, values: Floats) -> Moments:
        """Of the drawn rows."""
        return Moments.of(values[self.where].reshape(len(self.where), -1), self.weights)

    def truth(self, values: Floats) -> Any:
        """Over all rows of the data."""
        return np.average(values, axis=0, weights=self.copies)


def sampled(keys: Keys, copies: Ints, size: int) -> tuple[Ints, Weights]:
    """What `Sample` draws of a group whose distinct rows come in order of their keys, heavy ones looked for."""
    kept, rows, unseen, sure = np.arange(len(keys)) < size, int(copies.sum()), None, None
    if not kept.all():
        unseen = sketch(keys[~kept], copies[~kept])
        if drawn(keys[kept], copies[kept], size, rows, unseen).ruled > MATTERS:
            least = threshold(rows, size)
            found: Bools = ~kept & (copies_told(unseen, keys) >= least / 2) & (copies >= least)
            unseen = unseen - sketch(keys[found], copies[found])
            kept = kept | found
            sure = np.flatnonzero(copies[kept] >= least)
    one = drawn(keys[kept], copies[kept], size, rows, unseen, sure)
    where = np.flatnonzero(kept)[one.where]
    return where, Weights(one.weight, one.squares, copies[where].astype(float))


def held(estimate: Estimate | None, truth: float) -> bool | None:
    """Whether an interval holds the truth; None where there is none."""
    if estimate is None or estimate.low is None:
        return None
    return estimate.low <= truth <= (np.inf if estimate.high is None else estimate.high)


def split_of(rng: np.random.Generator, one: Group, other: Group, *, together: bool = False) -> Split:
    """The gap of mean scores, the sum of the two values, split onto them; or of their product."""
    n = len(one.where)
    both = Weights(*(np.concatenate(v) for v in zip(one.weights, other.weights, strict=True)))
    x = np.concatenate([one.x[one.where], other.x[other.where]])
    first, second = np.arange(n), np.arange(n, len(x))
    scene: Any = SimpleNamespace(weights=both, weight=both.weight)
    pairs, columns = [], []
    for _ in range(3):
        p = paired(both.at(first), both.at(second), rng=rng)
        pairs.append(Pairs(first[p.first], second[p.second], p.weight))
        i, j = x[pairs[-1].first], x[pairs[-1].second]
        parts = (i - j) * (i + j)[:, ::-1] / 2 if together else i - j
        columns.append(np.concatenate([parts, parts.sum(1, keepdims=True)], axis=1))
    units = units_of(scene, ("a", "b"), pairs, np.concatenate(columns), first, second)
    return Split.of(Contrast("g", "mean_score", "shapley", "a", "b"), units, LEVEL)


def setting(distinct: int, *, zipf: bool, p: float, heavier: float = 1.0, size: int = SIZE) -> Setting:
    """Groups of so many distinct rows, and of a third; rows of more copies say yes `heavier` times as often."""

    def once(rng: np.random.Generator) -> Outcome:
        groups = []
        for m in (distinct, max(12, distinct // 3)):
            share = 1 / np.arange(1, m + 1) if zipf else np.ones(m)
            copies = np.maximum(1, np.floor(6_000 * share / share.sum())).astype(np.int64)
            groups.append(Group.of(rng, copies, np.where(copies > np.median(copies), p * heavier, p), size))
        one, other = groups
        yes: list[Cell] = [share_of(g.moments(g.yes)) for g in groups]
        score = [mean_of(g.moments(g.x.sum(1))) for g in groups]
        apart, split = gap(yes, level=LEVEL, most=1.0), split_of(rng, one, other)
        i, j = one.truth(one.x), other.truth(other.x)
        of_both = one.truth(one.x.prod(1)) - other.truth(other.x.prod(1))
        return {
            "covers share": held(yes[0].estimate(LEVEL), one.truth(one.yes)),
            "covers mean": held(score[0].estimate(LEVEL), one.truth(one.x.sum(1))),
            "covers gap": held(
                None if apart is None else apart.estimate, abs(one.truth(one.yes) - other.truth(other.yes))
            ),
            "covers split gap": held(split.total, (i - j).sum()),
            "covers split part": held(split.parts[0], (i - j)[0]),
            "covers split part of two that act together": held(
                split_of(rng, one, other, together=True).parts[0], (of_both + i[0] * j[1] - j[0] * i[1]) / 2
            ),
        }

    told = f"{size} of {distinct:,} distinct, {'Zipf' if zipf else 'equal'}, p = {p}"
    return Setting(f"copies: {told}" + (f", heavy rows {heavier:g} times" if heavier != 1 else ""), once)


SETTINGS = (
    *(setting(24, zipf=zipf, p=0.3, size=size) for size in (20, 200) for zipf in (False, True)),
    *(setting(m, zipf=zipf, p=p) for m in (600, 6_000) for zipf in (False, True) for p in (0.05, 0.3)),
    *(setting(m, zipf=True, p=0.2, heavier=3.0) for m in (600, 6_000)),
)
