"""What is found on one half and judged on the other, and folds: rows of few contents and of many, in equal numbers and
by Zipf's law."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from auditkit.evidence.coding import Coded
from auditkit.evidence.crossed import CrossedSums
from auditkit.evidence.crossed_rows import CrossedRows
from auditkit.evidence.sample import shuffled
from auditkit.fairness.rows.encoding import standardised
from auditkit.fairness.rows.proxies import crossfitted
from auditkit.fairness.search.confirmation import confirm
from auditkit.fairness.search.conjunctions import search
from auditkit.stats.auc import auc_limits
from auditkit.stats.crossfit import of_shared_fits
from tests.simulations.setting import Outcome, Setting

ROWS = 6_000
SHAPES = {24: (3, 2, 2), 600: (5, 6, 10), 6_000: (10, 15, 20)}
"""Distinct rows, with what is right or wrong of each: conditions of three columns."""


def shares(kind: str, cells: int) -> NDArray[np.float64]:
    """Of the cells: equal, or by Zipf's law in an order that has nothing to do with them."""
    weight = np.ones(cells) if kind == "equal" else 1 / np.random.default_rng(0).permutation(np.arange(1, cells + 1))
    return weight / weight.sum()


def coded(cell: NDArray[np.intp], shape: tuple[int, ...]) -> dict[str, Coded]:
    """Three columns of rows in these cells."""
    codes = np.unravel_index(cell, shape)
    return {c: Coded(k, tuple(f"{c} = {i}" for i in range(n))) for c, k, n in zip("abc", codes, shape, strict=True)}


def subgroups(distinct: int, kind: str, *, planted: float = 0.0, unit: str = "content") -> Setting:
    """Errors of 10 %, and `planted` more where a = 0; rows are told apart by their content, or by an id."""
    shape = SHAPES[distinct]
    share = shares(kind, prod(shape))
    wrong = 0.1 + planted * (np.unravel_index(np.arange(prod(shape)), shape)[0] == 0)

    def truth(by: tuple[str, ...], at: tuple[int, ...]) -> float:
        place = dict(zip("abc", np.unravel_index(np.arange(prod(shape)), shape), strict=True))
        part = np.logical_and.reduce([place[c] == i for c, i in zip(by, at, strict=True)])
        inside, outside = (float(share[p] @ wrong[p] / share[p].sum()) for p in (part, ~part))
        return inside - outside

    def once(rng: np.random.Generator) -> Outcome:
        cell = rng.choice(len(share), ROWS, p=share)
        x = (rng.random(ROWS) < wrong[cell]).astype(float)
        how = {"depth": 3, "facts": {}}
        if unit == "content":
            keys = shuffled((2 * cell + x).astype(np.uint64), 1)
            evidence = CrossedRows.gather(coded(cell, shape), x, keys, **how).sums()
        else:
            evidence = CrossedSums.gather(
                coded(cell, shape), x, rng.permutation(ROWS).astype(np.uint64), apart=True, **how
            )
        return told(evidence, rng, truth, planted)

    return Setting(f"halves: subgroups, {'a = 0' if planted else 'nobody'}, {distinct} distinct, {kind}, {unit}", once)


def told(evidence: CrossedSums, rng: np.random.Generator, truth: object, planted: float) -> Outcome:
    """Whether somebody is confirmed, and whether the interval of one of those, drawn at random, holds the truth."""
    assert callable(truth)
    found = search(evidence, depth=3, support=0.01, most=20, direction="higher", rates=True)
    tested = confirm(evidence, found, rates=True, level=0.95)
    where = np.flatnonzero(tested.confirmed)
    if not planted:
        return {"false subgroup": len(where) > 0}
    names = [found.carried[i].conditions for i in where]
    held: dict[str, bool | None] = {"found": ("a = 0",) in names, "covers one confirmed": None}
    if len(where):
        i = int(rng.choice(where))
        low, high = tested.to_rest.low[i], tested.to_rest.high[i]
        held["covers one confirmed"] = bool(low <= truth(found.carried[i].by, found.carried[i].at) <= high)
    return held


def clusters(people: int) -> Setting:
    """Rows of people, each of one cell and with a rate of errors of their own: nobody has more than others."""

    def once(rng: np.random.Generator) -> Outcome:
        who = np.repeat(np.arange(people), ROWS // people)
        cell, rate = rng.integers(0, 12, people), rng.beta(0.2, 1.8, people)
        x = (rng.random(len(who)) < rate[who]).astype(float)
        keys = shuffled(who.astype(np.uint64), int(rng.integers(2**32)))
        evidence = CrossedSums.gather(coded(cell[who], SHAPES[24]), x, keys, depth=3, facts={})
        return told(evidence, rng, lambda by, at: 0.0, 0.0)

    return Setting(f"halves: subgroups, nobody, {people} clusters", once)


def proxies(distinct: int, kind: str, *, planted: bool = False) -> Setting:
    """A sample of 300 rows: the town is drawn apart from sex, or height tells it with an AUC of .65."""
    share = shares(kind, prod(SHAPES[distinct][1:]))

    def once(rng: np.random.Generator) -> Outcome:
        n = 300
        woman = rng.random(n) < 0.4
        town = rng.choice(len(share), n, p=share).astype(float)
        height = (rng.random(n) < np.where(woman, 0.4, 0.7)).astype(float)
        x = standardised((height if planted else town)[:, None])
        found = of_shared_fits(crossfitted(x, woman.astype(np.int8)))
        low, high = auc_limits(found, 1.96)
        if planted:
            return {"covers .65": low <= 0.65 <= high, "found": low > 0.5}
        return {"false proxy": low > 0.5, "covers ½": low <= 0.5 <= high}

    return Setting(f"halves: proxies, {'height' if planted else 'none'}, {distinct} distinct, {kind}", once)


KINDS = [(d, k) for d in SHAPES for k in ("equal", "Zipf")]
SETTINGS = (
    *(subgroups(d, k) for d, k in KINDS),
    *(subgroups(d, k, planted=0.3) for d, k in KINDS),
    subgroups(24, "Zipf", unit="id"),
    subgroups(24, "Zipf", planted=0.3, unit="id"),
    clusters(600),
    clusters(120),
    *(proxies(d, k) for d, k in KINDS),
    proxies(24, "equal", planted=True),
)
