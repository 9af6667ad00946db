"""Columns as conditions: categories as they are, numbers in quantile bins, so that rows can be counted by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import comb
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from auditkit.arrays import Ints
from auditkit.batch import MISSING, Batch
from auditkit.errors import DataError, EvidenceError, choices
from auditkit.evidence import rare, reading
from auditkit.evidence.contents import holds_contents
from auditkit.evidence.tally import coded_strings

NAMES_ROWS = 0.5
"""A column of categories with more different values than this share of its rows names rows."""
MOST_VALUES = 50
"""A column of categories with more values than this is left out: each would be a subgroup of hardly anybody."""

MOST_CELLS = 5_000_000
"""Cells of all crossings together that are kept at most."""
MOST_CROSSINGS = 6_000
"""Crossings of columns that nobody chose, at most: 34 columns by three."""


class Coded(NamedTuple):
    """One column, coded."""

    codes: Ints
    """(N,) positions in `labels`."""
    labels: tuple[str, ...]
    """What each code says of a row, in full: "gender = Female", "28 < age ≤ 37", "age is missing"."""


@dataclass(frozen=True)
class Coding:
    """How each column becomes conditions. Evidence of two parts adds only under one coding.

    >>> frame = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0, None], "sex": ["f", "f", "m", "m", "m"]})
    >>> coding = Coding.of(frame, bins=2)
    >>> coding.coded("age", frame["age"]).labels
    ('age ≤ 35', 'age > 35', 'age is missing')
    """

    edges: dict[str, tuple[float, ...] | None]
    """Column → inner edges of its bins (each bin contains its upper edge); None: categories as they are. An edge that
    fewer than ten rows hold is rounded to a number that none holds."""
    left_out: dict[str, str]
    """Column → why it is not searched."""
    alone: tuple[str, ...] = ()
    """Columns that are searched one at a time, because crossing them too would be more than can be counted."""

    @classmethod
    def of(
        cls,
        rows: pd.DataFrame,
        columns: Sequence[str] | None = None,
        *,
        bins: int = 4,
        depth: int = 1,
        first: Sequence[str] = (),
        levels: Mapping[str, int] | None = None,
    ) -> Coding:
        """The coding of these columns (None: all), with edges at the quantiles of their values in `rows`.

        A numeric column of at most `bins` values keeps them as categories. Where crossing `depth` of all columns is
        more than can be counted, those named `first`, then the others in their order, are crossed as far as it goes.
        `levels`: how many values a column has where `rows` stand for more.
        Raises DataError for unknown columns.
        """
        names = [str(c) for c in rows.columns] if columns is None else list(columns)
        for name in names:
            if name not in rows.columns:
                raise DataError(f"no column '{name}' to search; the columns are {choices(name, rows.columns)}")
        edges: dict[str, tuple[float, ...] | None] = {}
        left_out: dict[str, str] = {}
        for name in names:
            reason, found = _edges(rows[name], bins, (levels or {}).get(name, 0))
            if reason:
                left_out[name] = reason
            else:
                edges[name] = found
        order = sorted(edges, key=lambda name: name not in first) if columns is None else list(edges)
        sizes = {n: rows[n].nunique() + 1 if (e := edges[n]) is None else len(e) + 2 for n in order}
        return cls(edges, left_out, _beyond(sizes, depth, MOST_CROSSINGS if columns is None else None))

    def coded(self, name: str, values: pd.Series[Any]) -> Coded:
        """The values of one column as codes; labels of categories are those that occur, sorted."""
        edges = self.edges[name]
        if edges is None:
            return _categories(name, values)
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        codes = np.searchsorted(np.asarray(edges), numbers, side="left").astype(np.int64)
        codes[np.isnan(numbers)] = len(edges) + 1
        return Coded(codes, (*_bins(name, edges), f"{name} is missing"))

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "edges": {k: None if v is None else list(v) for k, v in self.edges.items()},
            "left_out": self.left_out,
            **({"alone": list(self.alone)} if self.alone else {}),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Coding:
        """From `to_json`; EvidenceError for what is no coding."""
        data = reading.fields(data, "the coding", "edges", "left_out", optional=("alone",))
        stored = reading.mapping(data["edges"], "the edges", most=reading.MOST_COLUMNS)
        edges = {k: None if v is None else _stored_edges(k, v) for k, v in stored.items()}
        left_out = reading.mapping(data["left_out"], "the columns left out")
        alone = reading.texts(data.get("alone", ()), "the columns crossed with none", most=reading.MOST_COLUMNS)
        return cls(edges, {k: reading.text(v, f"why {k!r} is left out") for k, v in left_out.items()}, tuple(alone))


def _stored_edges(name: str, stored: object) -> tuple[float, ...]:
    edges = reading.numbers(stored, f"the edges of {reading.shown(name)}", most=reading.MOST_COLUMNS)
    if not len(edges) or (np.diff(edges) <= 0).any():
        raise EvidenceError(f"the edges of {reading.shown(name)} are none, or do not ascend")
    return tuple(edges.tolist())


def searchable(batch: Batch) -> pd.DataFrame:
    """The columns that describe a row: its features, and the sensitive features as declared (which win by name)."""
    own = [c for c in batch.features.columns if str(c) not in batch.groups.columns]
    groups = batch.groups.set_axis(batch.features.index, axis=0)
    frame = pd.concat([batch.features[own], groups], axis=1)
    return frame.set_axis([str(c) for c in frame.columns], axis=1)


def _beyond(sizes: Mapping[str, int], depth: int, most: int | None) -> tuple[str, ...]:
    """The columns, of these with their numbers of conditions, that cannot be crossed with those before them.

    At most `MOST_CELLS` cells, and `most` crossings, are kept.

    >>> _beyond({"a": 1_000, "b": 1_000, "c": 1_000, "d": 2}, 3, None)
    ('c',)
    """
    cells, kept = [1, *([0] * depth)], 0  # cells of the crossings of 0, 1, … of the kept columns
    beyond = []
    for name, size in sizes.items():
        more = [a + (size * b) for a, b in zip(cells, [0, *cells[:-1]], strict=True)]
        if depth > 1 and (max(more) > MOST_CELLS or (most is not None and comb(kept + 1, depth) > most)):
            beyond.append(name)
        else:
            cells, kept = more, kept + 1
    return tuple(beyond)


def _edges(values: pd.Series[Any], bins: int, levels: int) -> tuple[str, tuple[float, ...] | None]:
    """(why the column is left out, or nothing; inner edges, or None for categories)."""
    if holds_contents(values):
        return "holds lists or other values that are no categories", None
    distinct = max(int(values.nunique()), levels)
    if distinct + int(values.isna().any()) < 2:
        return "holds one value only", None
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(values.dtype):
        return "holds dates or times: make a column of the part that matters (year, weekday)", None
    if not pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        if distinct > MOST_VALUES:
            return f"{f'{distinct:,}' if distinct > levels else 'many'} different values, more than {MOST_VALUES}", None
        return (_names_rows(distinct) if distinct > max(2, NAMES_ROWS * values.notna().sum()) else ""), None
    if pd.api.types.is_complex_dtype(values.dtype):
        return "holds complex numbers", None
    if distinct <= bins:
        return "", None
    numbers = np.sort(values.dropna().to_numpy(dtype=np.float64))
    if distinct == len(numbers) >= rare.FEWEST and (numbers == np.rint(numbers)).all():
        return _names_rows(distinct), None
    cuts = np.quantile(numbers, np.arange(1, bins) / bins, method="inverted_cdf")
    inner = np.unique(cuts[cuts < numbers.max()])
    if not len(inner):  # more than (bins − 1)/bins of the rows hold the largest value
        inner = np.array([numbers[numbers < numbers.max()].max()])
    told = [x for cut in inner if (x := rare.edge(numbers, float(cut))) is not None]
    if not told:
        return "no edge of bins is held by ten rows, nor lies between two values", None
    return "", tuple(dict.fromkeys(told))


def _names_rows(distinct: int) -> str:
    return f"nearly as many values as rows ({distinct:,}): it names rows rather than describes them"


def _bins(name: str, edges: tuple[float, ...]) -> list[str]:
    text = [f"{e:.10g}" for e in edges]
    between = [f"{a} < {name} ≤ {b}" for a, b in pairwise(text)]
    return [f"{name} ≤ {text[0]}", *between, f"{name} > {text[-1]}"]


def _categories(name: str, values: pd.Series[Any]) -> Coded:
    codes, labels = coded_strings(values, name)
    present = np.flatnonzero(np.bincount(codes, minlength=len(labels)))
    place = np.zeros(len(labels), dtype=np.int64)
    place[present] = np.arange(len(present))
    occurring = (labels[i] for i in present)
    told = tuple(f"{name} is missing" if label == MISSING else f"{name} = {label}" for label in occurring)
    return Coded(place[codes], told)
