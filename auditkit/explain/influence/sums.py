"""What was seen of training rows' influence, by group and label, as evidence that adds. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from auditkit.arrays import Floats, Ints, Positions
from auditkit.batch import Census
from auditkit.errors import EvidenceError, listing
from auditkit.evidence.grouped import Recoding, recoding_of, withheld
from auditkit.evidence.observations import Observations
from auditkit.evidence.reading import fields
from auditkit.explain.all_rows import both, census_in, census_json
from auditkit.explain.estimates import FEWEST

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

SHOWN = 20
"""Rows of largest influence that are kept, each way."""
SUMS = ("n", "sum", "abs", "sq", "sum_abs")
"""Of a cell's rows: how many, Σ I, Σ |I|, Σ I², Σ I|I|."""
CUBES = ("cube", "abs3")
"""Σ I³ and Σ |I|³; evidence of older reports has none, nor has a sum with it."""
DRAWN = tuple(f"drawn{k}" for k in range(20))
"""Of a cell: sums over the audited rows with random signs, whose mean square is the variance of Σ I over which audited
rows were drawn. They add, as cells do."""
LABELS = ("attribute", "group", "label")


@dataclass(frozen=True)
class InfluenceSeen:
    """Sums a group and label of the training rows, and the rows that push most; both add."""

    cells: Observations
    """Columns `SUMS`, `CUBES` and `DRAWN`; labels attribute, group and label. Rows of the same three add up."""
    rows: Observations
    """Columns position and influence; labels attribute, group, label and shown. Empty once reduced."""
    census: Census | None = None
    """Over all rows of the audited data."""

    def __add__(self, other: InfluenceSeen) -> InfluenceSeen:
        one, two = self.cells, other.cells
        if not set(CUBES) <= {*one.columns} & {*two.columns}:
            one, two = _without_cubes(one), _without_cubes(two)
        return InfluenceSeen(one + two, self.rows + other.rows, both(self.census, other.census))

    @property
    def is_plain(self) -> bool:
        """Whether an older version stored it, whose influences are those of plain gradients."""
        return bool(len(self.cells)) and "curved_by" not in self.cells.facts

    @classmethod
    def of(
        cls, parts: Sequence[tuple[Observations, Observations]], facts: dict[str, Any], census: Census | None = None
    ) -> InfluenceSeen:
        """All attributes under one another."""
        if not parts:
            return cls(Observations({}, {}, facts), Observations({}, {}, {}))
        cells, rows = parts[0]
        for more, others in parts[1:]:
            cells, rows = cells + more, rows + others
        return cls(Observations(cells.columns, cells.labels, facts), rows, census)

    def reduced(self, disclosure: Disclosure) -> InfluenceSeen:
        """Without single rows, and cells of fewer than ten as one, unless rows are kept."""
        if disclosure.keep_rows:
            return self
        rows = self.rows
        none = Observations({k: v[:0] for k, v in rows.columns.items()}, {k: [] for k in rows.labels}, rows.facts)
        recoding = recoding_of(disclosure)
        census = None if self.census is None else self.census.recoded(recoding)
        return InfluenceSeen(_pooled(self.cells, recoding), none, census)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"cells": self.cells.to_json(), "rows": self.rows.to_json(), **census_json(self.census)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> InfluenceSeen:
        """From `to_json`."""
        found = fields(data, "influence", "cells", "rows", optional=("census",))
        seen = cls(Observations.from_json(found["cells"]), Observations.from_json(found["rows"]), census_in(found))
        cubes = CUBES if set(CUBES) <= set(seen.cells.columns) else ()
        _known(seen.cells, (*SUMS, *cubes, *(() if seen.is_plain else DRAWN)), LABELS)
        _known(seen.rows, ("position", "influence"), (*LABELS, "shown"))
        return seen


def _without_cubes(cells: Observations) -> Observations:
    return replace(cells, columns={k: v for k, v in cells.columns.items() if k not in CUBES})


def _known(table: Observations, columns: Sequence[str], labels: Sequence[str]) -> None:
    """EvidenceError unless a table that has rows has these columns and labels, and no others."""
    found = (set(table.columns), set(table.labels))
    if len(table) and found != (set(columns), set(labels)):
        raise EvidenceError(
            f"influence has the columns {listing(sorted(found[0] | found[1]))}; expected {listing((*columns, *labels))}"
        )


SMALL = "(small cells)"
"""Name of the cells of too few rows, taken together."""


def _pooled(cells: Observations, recoding: Recoding) -> Observations:
    """Cells of fewer than ten training rows taken together, with the smallest others until these are ten or more."""
    stored = zip(*(cells.labels.get(k, []) for k in ("attribute", "group", "label")), strict=True)
    names = [(a, recoding.get(a, {}).get(g, g), label) for a, g, label in stored]
    if not names:
        return cells
    cells = _together(cells, names)
    names = [(a, g, label) for a, g, label in zip(*cells.labels.values(), strict=True)]
    small: set[tuple[str, ...]] = set()
    for attribute in dict.fromkeys(name[0] for name in names):
        n = {name: int(k) for name, k in zip(names, cells.columns["n"], strict=True) if name[0] == attribute}
        counts = {str(i): k for i, k in enumerate(n.values())}
        small |= {list(n)[int(i)] for i in withheld(counts, FEWEST)}
    return _together(cells, [(name[0], SMALL, SMALL) if name in small else name for name in names])


def _together(cells: Observations, renamed: Sequence[tuple[str, str, str]]) -> Observations:
    """Cells of one name added up."""
    kept = sorted(dict.fromkeys(renamed))
    where = np.array([kept.index(r) for r in renamed])
    columns = {k: np.bincount(where, v, minlength=len(kept)).astype(np.float64) for k, v in cells.columns.items()}
    labels = {k: [name[i] for name in kept] for i, k in enumerate(("attribute", "group", "label"))}
    return Observations(columns, labels, cells.facts)


class Cells(NamedTuple):
    """The training rows by group and label."""

    names: tuple[tuple[str, str], ...]
    """Group and label of each cell, sorted."""
    number: Ints
    """(M,) which of them each row is in."""


def cells_of(group: Sequence[str], label: Sequence[str]) -> Cells:
    """The cells of rows with these groups and labels.

    >>> cells_of(["f", "m", "f"], ["yes", "no", "yes"]).number.tolist()
    [0, 1, 0]
    """
    pairs = list(zip(group, label, strict=True))
    names = tuple(sorted(set(pairs)))
    where = {name: i for i, name in enumerate(names)}
    return Cells(names, np.array([where[pair] for pair in pairs], dtype=np.intp))


def sums_of(
    attribute: str, influence: Floats, drawn: Floats, cells: Cells, position: Positions, shown: Sequence[str]
) -> tuple[Observations, Observations]:
    """The sums of one attribute's cells, and its rows of largest influence each way. `drawn` is (C, DRAWN)."""
    size, count = np.abs(influence), len(cells.names)
    each = (np.ones(len(influence)), influence, size, influence**2, influence * size, influence**3, size**3)
    summed = (np.bincount(cells.number, v, minlength=count).astype(np.float64) for v in each)
    columns = dict(zip((*SUMS, *CUBES), summed, strict=True))
    columns |= {name: drawn[:, k].astype(np.float64) for k, name in enumerate(DRAWN)}
    groups, labels = zip(*cells.names, strict=True) if cells.names else ((), ())
    order = np.argsort(-influence, kind="stable")
    top = np.unique(np.concatenate([order[:SHOWN], order[::-1][:SHOWN]]))
    named = [cells.names[i] for i in cells.number[top]]
    rows = Observations(
        {"position": np.asarray(position, float)[top], "influence": influence[top]},
        {
            "attribute": [attribute] * len(top),
            "group": [group for group, _ in named],
            "label": [label for _, label in named],
            "shown": [shown[i] for i in top],
        },
        {},
    )
    table = {"attribute": [attribute] * count, "group": list(groups), "label": list(labels)}
    return Observations(columns, table, {}), rows
