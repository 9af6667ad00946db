"""How many rows each group has, or will have, and how many of them are truly positive: from numbers, or from data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from auditkit.errors import DataError, listing, nearest
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.grouping import grouped
from auditkit.inputs.sources import source_of

BaseRate = float | Mapping[str, Any]
"""One share for everybody, or attribute → value → share."""
MOST_ROWS = 10**12
"""Of a group: more is no number of rows."""


class Groups(NamedTuple):
    """The groups of one rule."""

    labels: tuple[tuple[str, ...], ...]
    rows: Any
    """(K,)"""
    base: Any
    """(K,) shares that are truly positive; NaN where they are not known."""
    note: str = ""
    """What was assumed to know them."""


@dataclass(frozen=True)
class Sizes:
    """Rows by group."""

    alone: dict[str, dict[str, float]]
    """attribute → value → rows."""
    base: dict[str, dict[str, float]] = field(default_factory=dict)
    """attribute → value → share that is truly positive; an attribute without is not known."""
    joint: pd.DataFrame | None = None
    """One row a crossed group: the attributes, `rows` and `positives` (NaN: not known); None: numbers were given."""

    def groups(self, by: Sequence[str]) -> Groups:
        """The groups of these attributes, crossed where there are several; DataError for an unknown attribute."""
        for a in by:
            if a not in self.alone:
                known = listing(self.alone)
                raise DataError(f"no sizes of '{a}'; there are those of {known}.{nearest(a, self.alone)}")
        if not by:
            n, base = self._everybody()
            return Groups(((),), np.array([n]), np.array([base]))
        if len(by) == 1:
            rows = self.alone[by[0]]
            shares = self.base.get(by[0], {})
            return Groups(tuple((v,) for v in rows), _numbers(rows.values()), _numbers(shares.get(v) for v in rows))
        if self.joint is not None:
            found = self.joint.groupby(list(by), sort=True)[["rows", "positives"]].sum(min_count=1).reset_index()
            labels = tuple(map(tuple, found[list(by)].to_numpy().tolist()))
            return Groups(labels, found["rows"].to_numpy(float), (found["positives"] / found["rows"]).to_numpy(float))
        return self._crossed(by)

    def _everybody(self) -> tuple[float, float]:
        name, rows = max(self.alone.items(), key=lambda item: sum(item[1].values()))
        shares, n = self.base.get(name, {}), sum(rows.values())
        return n, sum(n_v * shares.get(v, math.nan) for v, n_v in rows.items()) / n

    def _crossed(self, by: Sequence[str]) -> Groups:
        """As if the attributes had nothing to do with each other, of as many rows as the smallest total."""
        total = min(sum(self.alone[a].values()) for a in by)
        labels, rows, base = [], [], []
        for label in product(*(self.alone[a] for a in by)):
            share = math.prod(self.alone[a][v] / sum(self.alone[a].values()) for a, v in zip(by, label, strict=True))
            labels.append(label)
            rows.append(total * share)
            base.append(float(np.mean([self.base.get(a, {}).get(v, math.nan) for a, v in zip(by, label, strict=True)])))
        names = " and ".join(by)
        note = f"Crossed groups of {names}: sizes as if these were independent, which real data seldom are."
        return Groups(tuple(labels), np.array(rows), np.array(base), note)


def _numbers(values: Iterable[float | None]) -> Any:
    return np.array([math.nan if v is None else v for v in values], dtype=float)


def sizes_of(groups: Any, base_rate: BaseRate | None = None, *, features: Sequence[str] = ()) -> Sizes:
    """Sizes from `Dataset`, from a frame or a file with the columns `features`, or from attribute → value → rows."""
    if isinstance(groups, Dataset):
        own = _of_rows(((b.groups, b.y_true) for b in groups.batches()), groups.sensitive_features)
        return own if base_rate is None else Sizes(own.alone, _shares(own.alone, base_rate), None)
    if features:
        parts = source_of(groups).batches(list(features))
        labelled = (pd.DataFrame({a: grouped(rows[a], a) for a in features}) for rows in parts)
        own = _of_rows(((g, np.full(len(g), -1)) for g in labelled), features)
        return own if base_rate is None else _with_rates(own, _shares(own.alone, base_rate))
    if not isinstance(groups, Mapping) or not groups:
        raise DataError("a plan needs sizes of groups, as in {'sex': {'F': 1200, 'M': 3000}}, or data with groups")
    alone = {str(a): _checked(str(a), values) for a, values in groups.items()}
    return Sizes(alone, {} if base_rate is None else _shares(alone, base_rate))


def _with_rates(own: Sizes, base: dict[str, dict[str, float]]) -> Sizes:
    assert own.joint is not None
    share = np.mean([own.joint[a].map(base[a]).to_numpy(float) for a in own.alone], axis=0)
    return Sizes(own.alone, base, own.joint.assign(positives=share * own.joint["rows"]))


def _checked(name: str, values: Any) -> dict[str, float]:
    if not isinstance(values, Mapping):
        raise DataError(f"the sizes of '{name}' are a table of group → rows; got {type(values).__name__}")
    out: dict[str, float] = {}
    for value, n in values.items():
        whole = isinstance(n, int | float | np.number) and not isinstance(n, bool) and math.isfinite(n)
        if not whole or not 1 <= n <= MOST_ROWS or n != int(n):
            raise DataError(f"{name}={value}: a group has a whole number of rows, 1 or more; got {n}")
        out[str(value)] = float(n)
    if len(out) < 2:
        raise DataError(f"'{name}' has one group ({', '.join(out) or 'none'}): there is nothing to compare")
    return out


def _shares(alone: Mapping[str, Mapping[str, float]], base: BaseRate) -> dict[str, dict[str, float]]:
    if not isinstance(base, Mapping):
        share = rate_of("the base rate", base)
        return {a: dict.fromkeys(values, share) for a, values in alone.items()}
    out: dict[str, dict[str, float]] = {}
    for a, given in base.items():
        if a not in alone:
            raise DataError(f"a base rate of '{a}', which has no sizes.{nearest(str(a), alone)}")
        if not isinstance(given, Mapping):
            out[a] = dict.fromkeys(alone[a], rate_of(f"the base rate of '{a}'", given))
            continue
        strange = next((v for v in given if str(v) not in alone[a]), None)
        lost = next((v for v in alone[a] if v not in {str(g) for g in given}), None)
        if strange is not None:
            raise DataError(f"a base rate of {a}={strange}, which has no size.{nearest(str(strange), alone[a])}")
        if lost is not None:
            raise DataError(f"no base rate of {a}={lost}; give one of each group, or one for all")
        out[a] = {str(v): rate_of(f"the base rate of {a}={v}", x) for v, x in given.items()}
    return out


def rate_of(what: str, x: Any) -> float:
    """A share; DataError for what is none."""
    number = isinstance(x, int | float | np.number) and not isinstance(x, bool)
    if not number or not 0 <= x <= 1:
        raise DataError(f"{what} lies between 0 and 1; got {x}")
    return float(x)


def _of_rows(parts: Iterable[tuple[pd.DataFrame, Any]], features: Sequence[str]) -> Sizes:
    """Counts of rows, and of positives among those with a truth."""
    found = []
    for groups, truth in parts:
        y = np.asarray(truth)
        counted = groups[list(features)].astype(str).assign(rows=1.0, told=(y >= 0) * 1.0, yes=(y == 1) * 1.0)
        found.append(counted.groupby(list(features), sort=True).sum().reset_index())
    if not found:
        raise DataError("the data have no rows: nothing can be planned")
    joint = pd.concat(found).groupby(list(features), sort=True).sum().reset_index()
    # of rows whose truth is not known the share is that of the others
    told = joint["told"].where(joint["told"] > 0)
    joint = joint.assign(positives=joint["yes"] / told * joint["rows"])
    alone, base = {}, {}
    for a in features:
        sums = joint.groupby(a, sort=True)[["rows", "told", "yes"]].sum()
        alone[a] = _checked(a, sums["rows"].to_dict())
        if sums["told"].gt(0).all():
            base[a] = {str(v): float(x) for v, x in (sums["yes"] / sums["told"]).items()}
    return Sizes(alone, base, joint[[*features, "rows", "positives"]])
