"""Weighted sums of a tally's cells by group, and what is drawn of them: all that intervals of such rates rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from auditkit.arrays import Floats, Ints, Positions
from auditkit.errors import EvidenceError, listing
from auditkit.evidence import weights
from auditkit.evidence.clusters import Replicates
from auditkit.evidence.distinct import Counted, Hashed, Seen
from auditkit.evidence.frames import Columns, places
from auditkit.evidence.strata import Strata, Within

Groups = tuple[tuple[str, ...], ...]
Where = tuple[Positions, Positions, Positions]
"""Group, 1 + y_true and 1 + y_pred of each cell."""


class Celled(Protocol):
    """What is read of a tally."""

    @property
    def columns(self) -> Columns:
        """The cells as arrays."""
        ...

    @property
    def clusters(self) -> Replicates | None:
        """Of the cells, in their order."""
        ...

    @property
    def distinct(self) -> Mapping[tuple[str, ...], Counted]:
        """Group columns → their clusters, once hashes are dropped."""
        ...

    @property
    def strata(self) -> Strata | Within | None:
        """Of the cells, in their order."""
        ...


class Sums(NamedTuple):
    """Weighted sums by group; tables are indexed `[k, 1 + y_true, 1 + y_pred]`."""

    groups: tuple[tuple[str, ...], ...]
    w: Floats
    """(K, 3, 3) Σw, in units of 2^scale."""
    w2: Floats
    """(K, 3, 3) Σw²."""
    scale: Ints
    """(K,) 0 but for weights far from 1."""
    drawn: Floats | None = None
    """(K, 3, 3, R) what is drawn: Σw in each replicate of the clusters, or the sums between strata."""
    measure: Floats | None = None
    """(R,) by which squares of what is drawn count; below 0 they are taken off."""
    seen: Seen | None = None
    """The clusters of the groups; None without clusters."""
    people: Floats | None = None
    """(K, 3, 3) Σw times the clusters of the row, one or two; None without clusters. The mean of what is drawn, of
    pairs (measure < 0) less Σw."""
    within: Floats | None = None
    """(K, 3, 3) Σw² as it counts within strata; None without strata."""


def sums_of(tally: Celled, by: Sequence[str], groups: Groups, where: Where) -> Sums:
    """The sums of the groups `groups` of the columns `by`, cells standing at `where` in tables (K, 3, 3)."""
    weighted = "w" in tally.columns
    own = tally.columns["w" if weighted else "n"].astype(float)
    scale, factor = units_of(tally, where[0], len(groups))

    def table(values: Floats) -> Floats:
        out = np.zeros((len(groups), 3, 3, *values.shape[1:]))
        np.add.at(out, where, values)
        return out

    squares = tally.columns["w2"] if weighted else own
    out = Sums(groups, table(own * factor), table(squares * factor**2), scale)
    if tally.strata is not None:
        strata = tally.strata.within()
        drawn = strata.between * factor[:, None]
        measure = -np.ones(drawn.shape[1])
        return out._replace(drawn=table(drawn), measure=measure, within=table(strata.w2 * factor**2))
    if tally.clusters is None:
        return out
    drawn, measure = tally.clusters.columns()
    people = own if tally.clusters.people is None else tally.clusters.people
    seen = seen_of(tally, tuple(by), groups, where, factor)
    return out._replace(drawn=table(drawn * factor[:, None]), measure=measure, seen=seen, people=table(people * factor))


def units_of(tally: Celled, group: Positions, groups: int) -> tuple[Ints, Floats]:
    """The exponent of each of so many groups, and by what the weights of each cell are to be multiplied there."""
    return weights.units(tally.columns.get(weights.SCALE, np.zeros(len(group), np.int64)), group, groups)


def seen_of(tally: Celled, by: tuple[str, ...], groups: Groups, where: Where, factor: Floats | None = None) -> Seen:
    """The clusters of these groups."""
    assert tally.clusters is not None
    if tally.distinct:
        known = next((b for b in tally.distinct if set(b) == set(by)), None)
        if known is None:
            raise EvidenceError(f"clusters of {listing(by)} crossed were not counted before hashes were dropped")
        keys = places(tally.columns, known, len(tally.columns["n"]))[0]
        at = {key: i for i, key in enumerate(keys)}
        order = [at[tuple(g[by.index(b)] for b in known)] for g in groups]
        return tally.distinct[known].taken(order)
    shape = (len(groups), 3, 3)
    flat = np.ravel_multi_index(where, shape).astype(np.intp)
    found = tally.clusters.gathered(flat, int(np.prod(shape)), factor)
    gathered = tuple(zip(found.lowest, found.sizes, strict=True))
    lowest = {tuple(int(i) for i in np.unravel_index(p, shape)): gathered[p] for p in np.unique(flat)}
    return Hashed({(k, t, d): found for (k, t, d), found in lowest.items()}, len(groups))
