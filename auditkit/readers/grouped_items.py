"""Groups of items: by a column of labels, or by how popular they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from auditkit.arrays import Floats, Positions
from auditkit.batch import MISSING
from auditkit.errors import DataError, choices, listing
from auditkit.inputs.bins import Bins
from auditkit.inputs.tasks.regression import numbers_of
from auditkit.lists import MOST_GROUPS
from auditkit.values import Coded, coded, is_number


@dataclass(frozen=True)
class ItemGroups:
    """N rows, each an item of one of K groups."""

    name: str
    codes: Positions
    """(N,) 0 to K − 1."""
    labels: tuple[str, ...]
    """(K,) sorted."""
    cautions: tuple[str, ...] = ()

    def shares(self, given: Any) -> Floats:
        """(K,) declared shares of the groups; DataError unless they are above 0, of every group, and add up to 1.

        >>> ItemGroups("genre", np.array([0, 1]), ("comedy", "drama")).shares({"drama": 0.25, "comedy": 0.75}).tolist()
        [0.75, 0.25]
        """
        if not isinstance(given, Mapping):
            raise DataError(f"shares of '{self.name}' say group → share, as in {{'{self.labels[0]}': 0.5, …}}")
        told = {str(g): x for g, x in given.items()}
        unknown = [g for g in told if g not in self.labels]
        if unknown:
            raise DataError(
                f"shares of '{self.name}' name '{unknown[0]}', and items are {choices(unknown[0], self.labels)}"
            )
        lost = [g for g in self.labels if g not in told]
        if lost:
            raise DataError(f"shares of '{self.name}' lack {listing(lost)}: every group of items has one")
        values = [told[g] for g in self.labels]
        numbers = all(is_number(x) and not isinstance(x, bool) and 0 < float(x) <= 1 for x in values)
        if not numbers or abs(sum(map(float, values)) - 1) > 1e-6:
            raise DataError(f"shares of '{self.name}' are above 0 and add up to 1; got {listing(map(str, values))}")
        return np.array(values, np.float64)


def by_column(column: pd.Series[Any], item: Coded) -> ItemGroups:
    """Items by the labels of a column; DataError where an item has two, or where there are too many."""
    name = str(column.name)
    found = coded(column, name)
    _one_each(found.codes, item, name, "group")
    if MISSING in found.labels:
        raise DataError(f"a value of '{name}' is '{MISSING}', a name kept for items without one: rename it")
    lost = bool((found.codes < 0).any())
    labels = (*found.labels, *([MISSING] if lost else []))
    order = sorted(labels)
    place = np.array([order.index(x) for x in labels], np.intp)
    _few(len(order), name)
    return ItemGroups(name, place[np.where(found.codes < 0, len(labels) - 1, found.codes)], tuple(order))


def by_popularity(column: pd.Series[Any], item: Coded, bins: Any) -> ItemGroups:
    """Items by a number of theirs, in bins: so many of equal numbers of items, or by edges.

    DataError where an item has two numbers or none, and where bins are none.
    """
    name = str(column.name)
    values = numbers_of(column, booleans=True)
    if values is None or not np.isfinite(values).all():
        raise DataError(f"popularity is a number of each item; '{name}' holds text, infinite or missing values")
    first = np.unique(item.codes, return_index=True)[1]
    own = values[first]
    wrong = np.flatnonzero(values != own[item.codes])
    if len(wrong):
        raise DataError(_differs(name, item, wrong, "number"))
    if isinstance(bins, int) and not isinstance(bins, bool):
        return _quantiles(name, values, own, bins)
    if not isinstance(bins, Sequence) or isinstance(bins, str):
        raise DataError(f"popularity_bins is a number of bins, or edges as in [0, 10, 100]; got {str(bins)[:80]}")
    return _by_edges(name, values, Bins.of(name, bins).edges)


def _by_edges(name: str, values: Floats, edges: tuple[float, ...]) -> ItemGroups:
    """From each edge up to the next, the last with its own; what lies outside is in groups of its own."""
    n, width = len(edges) - 1, len(str(len(edges) - 1))
    ends = [f"to under {b:g}" for b in edges[1:-1]] + [f"to {edges[-1]:g}"]
    inside = [f"{i:0{width}d} of {n} ({a:g} {end})" for i, (a, end) in enumerate(zip(edges, ends, strict=False), 1)]
    labels = np.array([f"below {edges[0]:g}", *inside, f"above {edges[-1]:g}"], dtype=object)
    at = np.searchsorted(edges, values, side="right")
    at[values == edges[-1]] = n
    there = np.unique(at)
    order = sorted(labels[there].tolist())
    _few(len(order), name)
    place = np.array([order.index(x) if x in order else -1 for x in labels.tolist()], np.intp)
    return ItemGroups(name, place[at], tuple(order))


def _quantiles(name: str, values: Floats, own: Floats, bins: int) -> ItemGroups:
    if not 2 <= bins <= MOST_GROUPS:
        raise DataError(f"popularity_bins is a number of bins from 2 to {MOST_GROUPS}, or edges; got {bins}")
    edges = np.unique(np.quantile(own, np.arange(1, bins) / bins))
    edges = edges[edges < own.max()]
    n = len(edges) + 1
    if n < 2:
        raise DataError(f"'{name}' is {own.max():g} of nearly every item: there are no bins of it; give edges")
    ends = [*edges.tolist(), float(own.max())]
    told = [f"{own.min():g} to {ends[0]:g}", *(f"above {a:g} to {b:g}" for a, b in pairwise(ends))]
    labels = tuple(f"{i:0{len(str(n))}d} of {n} ({ends})" for i, ends in enumerate(told, 1))
    return ItemGroups(name, np.searchsorted(edges, values, side="left").astype(np.intp), labels)


def _one_each(codes: Any, item: Coded, name: str, what: str) -> None:
    first = np.unique(item.codes, return_index=True)[1]
    wrong = np.flatnonzero(codes != codes[first][item.codes])
    if len(wrong):
        raise DataError(_differs(name, item, wrong, what))


def _differs(name: str, item: Coded, wrong: Any, what: str) -> str:
    items = item.codes[wrong]
    return (
        f"'{name}' differs within the rows of {len(np.unique(items)):,} items, the first is '{item.labels[items[0]]}': "
        f"an item has one {what}"
    )


def _few(groups: int, name: str) -> None:
    if groups > MOST_GROUPS:
        raise DataError(
            f"{groups:,} groups of items by '{name}', and at most {MOST_GROUPS} are compared: put rare ones together"
        )
