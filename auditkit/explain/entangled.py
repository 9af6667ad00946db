"""Columns that cannot be moved apart: a share of one of them means nothing, so that they are told as one.

The criterion is that of the data: of two rows of which each column could take its value from either, nearly every mix
lies off the data. It needs no shape: copies with noise, copies in other units, squares, renamed categories and a
category beside its code all meet it. Columns that are merely correlated do not: of two normal ones with a correlation
of .99 about four fifths of the mixes lie off the data, and of .999 more than nine tenths. Columns of which no two are
bound, and one follows from the others together, are found by the same criterion (`bound.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from auditkit.arrays import Floats, Ints
from auditkit.explain.bound import bound
from auditkit.explain.preflight import undisturbed
from auditkit.inputs.groups import Groups
from auditkit.inputs.model import Model
from auditkit.inputs.packing import leaves

OFF = 0.9
"""Share of mixes off the data from which columns are told as one."""
NEAR = 0.99
"""A mix is on the data where it is as near to some row as this share of the rows are to their nearest."""
ROWS = 500
"""Rows looked at, at most."""
FEWEST = 50
"""Rows below which nobody knows what lies off the data."""
SCREEN = 0.5
"""Columns are looked at as a pair where neighbours in one differ in the other by less than this part of what chance
makes."""
MOST = 300
"""Columns that are looked at, at most."""


class Entangled(NamedTuple):
    """Columns that are told as one."""

    columns: tuple[str, ...]
    off: float
    """The least share, of the pairs and sets that bind them, of mixes that lie off the data."""
    jointly: bool = False
    """Whether no pairs alone bind them: one follows from several others together."""


def entangled(features: pd.DataFrame, names: Sequence[str], *, seed: int = 0) -> tuple[Entangled, ...]:
    """Sets of the columns `names` of raw rows that cannot be moved apart, in the order of the columns.

    Numbers are compared by rank, everything else by whether it is equal; a missing value is a value of its own. Two
    rows whose pairs of values are near each other make no mix. None for fewer than 50 rows.

    >>> x = np.random.default_rng(0).normal(size=400)
    >>> frame = pd.DataFrame({"a": x, "b": np.exp(x), "c": np.random.default_rng(1).normal(size=400)})
    >>> [set_.columns for set_ in entangled(frame, ["a", "b", "c"])]
    [('a', 'b')]
    """
    known = [n for n in names if n in features][:MOST]
    if len(features) < FEWEST or len(known) < 2:
        return ()
    rng = np.random.default_rng(seed)
    rows = features.iloc[np.sort(rng.permutation(len(features))[:ROWS])]
    columns = [_Column.of(rows[n]) for n in known]
    shares: dict[frozenset[int], float] = {}
    for j, k in _screened(columns):
        share = off_the_data(columns[j], columns[k], rng)
        if share >= OFF:
            shares[frozenset((j, k))] = share
    copies = {j for own in _components(shares) for j in sorted(own)[1:]}
    for more in bound(features, [n for j, n in enumerate(known) if j not in copies], seed=seed):
        shares[frozenset(map(known.index, more.columns))] = more.off
    return tuple(
        Entangled(
            tuple(known[j] for j in sorted(own)),
            min(share for some, share in shares.items() if some <= own),
            any(len(some) > 2 for some in shares if some <= own),
        )
        for own in _components(shares)
    )


class _Column(NamedTuple):
    place: Floats
    """(N,) ranks in [0, 1] of numbers; codes of everything else, and beyond 1 what is missing."""
    ordered: bool

    @classmethod
    def of(cls, column: pd.Series[Any]) -> _Column:
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            rank = column.rank(method="average").to_numpy(float)
            return cls(np.where(np.isnan(rank), 3.0, (rank - 0.5) / len(column)), True)
        codes, _ = pd.factorize(column.astype("str").where(column.notna()), use_na_sentinel=False)
        return cls(codes.astype(float), False)

    def apart(self, a: Floats, b: Floats) -> Floats:
        """How far values are from each other: of ranks the difference, else 0 or 1."""
        out: Floats = np.abs(a - b) if self.ordered else (a != b).astype(float)
        return out


def off_the_data(a: _Column, b: _Column, rng: np.random.Generator) -> float:
    """Share of mixes (one value from a row, the other from another) that are farther from every row than 99 % of the
    rows are from their nearest; 0 where no two rows differ."""
    n = len(a.place)
    between = np.maximum(a.apart(a.place[:, None], a.place[None]), b.apart(b.place[:, None], b.place[None]))
    np.fill_diagonal(between, np.inf)
    near = float(np.quantile(between.min(1), NEAR))
    one, other = np.arange(n), (np.arange(n) + rng.integers(1, n, n)) % n
    mixes = between[one, other] > near
    if not mixes.any():
        return 0.0
    one, other = one[mixes], other[mixes]
    away = np.maximum(a.apart(a.place[one][:, None], a.place[None]), b.apart(b.place[other][:, None], b.place[None]))
    return float((away.min(1) > near).mean())


def _screened(columns: Sequence[_Column]) -> list[tuple[int, int]]:
    """Pairs of which one column's neighbours are neighbours in the other."""
    n, out = len(columns[0].place), set()
    chance = np.array([np.mean(c.apart(c.place, np.roll(c.place[::-1], n // 3))) for c in columns])
    for j, column in enumerate(columns):
        order = np.argsort(column.place, kind="stable")
        for k, other in enumerate(columns):
            if k != j and chance[k] > 0 and chance[j] > 0:
                beside = other.apart(other.place[order][1:], other.place[order][:-1]).mean()
                if beside < SCREEN * chance[k]:
                    out.add((min(j, k), max(j, k)))
    return sorted(out)


def _components(bonds: Iterable[frozenset[int]]) -> list[set[int]]:
    """Sets that pairs, or more at once, bind together."""
    sets: list[set[int]] = []
    for bond in bonds:
        touched = [s for s in sets if s & bond]
        sets = [s for s in sets if s not in touched] + [set(bond).union(*touched)]
    return sorted(sets, key=min)


def told_as_one(model: Model, features: pd.DataFrame, sets: Sequence[Entangled | Sequence[str]]) -> Model:
    """The model with features that hold all columns of a set, called `a + b`; itself without sets."""
    columns = [tuple(s.columns if isinstance(s, Entangled) else s) for s in sets]
    if not columns:
        return model
    with undisturbed(model):
        inputs = model.encode(features.head(1))
        groups = model.groups(inputs, features)
    if groups is None:
        return model
    name_of = {c: " + ".join(c_) for c_ in columns for c in c_ if set(c_) <= set(groups.names)}
    if not name_of:
        return model
    maps = [_positions(groups, mask, name_of) for mask in groups.masks]
    if isinstance(inputs, Tensor):
        return model.replaced(feature_map=maps[0])
    if isinstance(inputs, Mapping):
        return model.replaced(feature_map=dict(zip(inputs, maps, strict=True)))
    assert len(maps) == len(leaves(inputs))
    return model.replaced(feature_map=tuple(maps))


def _positions(groups: Groups, mask: Tensor, name_of: Mapping[str, str]) -> dict[str, list[int]]:
    """Feature → positions along dimension 1, some features being one."""
    flat: Ints = mask.reshape(mask.shape[1] if mask.ndim > 1 else 1, -1)[:, 0].numpy()
    out: dict[str, list[int]] = {}
    for at, number in enumerate(flat.tolist()):
        name = groups.names[number]
        out.setdefault(name_of.get(name, name), []).append(at)
    return out


def as_one(model: Model, features: pd.DataFrame) -> tuple[Model, tuple[Entangled, ...]]:
    """The model as it is explained, and what of its columns is told as one: sets of columns that it reads."""
    with undisturbed(model), torch.no_grad():
        names = model.features(features)
    found = () if names is None else entangled(features, names)
    return told_as_one(model, features, found), found


def facts_of(found: Sequence[Entangled]) -> dict[str, object]:
    """For stored evidence; nothing where nothing is told as one."""
    if not found:
        return {}
    jointly = [[*f.columns] for f in found if f.jointly]
    return {"as_one": [[*f.columns] for f in found], **({"jointly": jointly} if jointly else {})}
