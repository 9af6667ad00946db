"""Tally: how many rows fall into each cell of group × truth × decision. A tally is all that group fairness needs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.alignment import aligned
from auditkit.arrays import Ints
from auditkit.batch import MISSING
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence import reading, suppression, tally_sums, weights
from auditkit.evidence.clusters import Replicates, cluster_hashes
from auditkit.evidence.distinct import Counted, Hashed, counted_from, subsets
from auditkit.evidence.frames import OUTCOME, Columns, Framed, column, columns_of, known_columns, places, summed_rows
from auditkit.evidence.strata import Strata, Within, strata_from
from auditkit.evidence.tally_sums import Sums, Where
from auditkit.evidence.weights import SCALE, WEIGHED, checked_weights, codes01
from auditkit.lazy import pandas as pd
from auditkit.values import coded

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

_DENSE = 8_000_000
"""Above this many possible cells, count only the combinations that occur."""


class Counts(NamedTuple):
    """Counts by group: `table[k, 1 + y_true, 1 + y_pred]`, where -1 stands for missing."""

    groups: tuple[tuple[str, ...], ...]
    table: Ints


@dataclass(frozen=True)
class Tally(Framed):
    """Counts of rows by group, truth and decision: `+` merges, `over` sums groups up.

    Rows are known as 1 positive, 0 negative, -1 missing, in truth and decision.

    >>> tally = Tally.of({"sex": ["f", "f", "m"]}, y_true=[1, 0, 1], y_pred=[1, 0, 0])
    >>> (tally + tally).counts("sex").table.sum()
    np.int64(6)
    """

    by: tuple[str, ...]
    """Names of the group columns."""
    cells: pd.DataFrame
    """One row a non-empty cell: the group columns (strings), `y_true`, `y_pred`, `n`; sorted. Sampling weights add
    `w` = Σw and `w2` = Σw², and `w_scale` where these are in units of a power of two."""
    clusters: Replicates | None = None
    """Replicates of the cells, in their order; None where rows are independent."""
    distinct: dict[tuple[str, ...], Counted] = field(default_factory=dict)
    """Group columns → the clusters of their groups as counts, which stand for hashes once the tally is reduced."""
    strata: Strata | Within | None = None
    """Sums of the cells by stratum, in their order; None where rows are drawn from all at once."""

    @cached_property
    def columns(self) -> Columns:
        """The cells as arrays, one a column."""
        return self.table("cells")

    @classmethod
    def of(
        cls,
        groups: Any,
        *,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
        weights_kind: str = "sampling",
        cluster: Any = None,
        strata: Any = None,
        population: Mapping[str, float] | None = None,
    ) -> Tally:
        """Count rows.

        Parameters
        ----------
        groups
            A frame, or a dict of columns (N,): strings, categories, integers or booleans; missing values become the
            group `(missing)`.
        y_true, y_pred
            (N,) 1, 0 or -1 (missing).
        sample_weight
            (N,) weights ≥ 0; a row of weight 0 is not counted.
        weights_kind
            `sampling`: how many rows of the population a row stands for; the cells keep Σw and Σw². `frequency`: how
            often the row occurs; the tally is that of the rows repeated.
        cluster
            (N,) ids of what the rows have in common (a person, a hospital); rows of one cluster are dependent. Or a
            tuple of two: both people of each row, the same twice where it is of one.
        strata, population
            (N,) the stratum within which each row was drawn; stratum → rows of it in the population, where known.

        Raises DataError for columns of unequal length, other codes, impossible weights, or a missing cluster.
        """
        ids = cluster if isinstance(cluster, tuple) and all(np.ndim(c) for c in cluster) else (cluster,)
        beside = {"y_true": y_true, "y_pred": y_pred, "sample_weight": sample_weight, "strata": strata}
        beside |= {f"cluster {i}": c for i, c in enumerate(ids)}
        columns, beside = matched(groups, beside)
        truth, decision = codes01(beside["y_true"], "y_true"), codes01(beside["y_pred"], "y_pred")
        index, labels, possible = _indexed(columns, truth, decision, classes=2)
        weight = beside["sample_weight"]
        weight = None if weight is None else checked_weights(weight, len(index), weights_kind)
        keys = [] if cluster is None else [cluster_hashes(beside[f"cluster {i}"]) for i in range(len(ids))]
        drawn = None if beside["strata"] is None else np.asarray(beside["strata"])
        for what, values in (*(("cluster", k) for k in keys), ("strata", drawn)):
            if values is not None and len(values) != len(index):
                raise DataError(f"{what} has {len(values)} rows, y_true has {len(index)}")
        if keys and drawn is not None:
            raise DataError("rows have clusters, or strata: no variance of both is known")
        if weight is not None and not weight.all():
            some = weight > 0
            index, keys, weight = index[some], [k[some] for k in keys], weight[some]
            drawn = None if drawn is None else drawn[some]
        occupied, at = occurring(index, possible)
        cells, frequency = len(occupied), weights_kind == "frequency"
        n = np.rint(np.bincount(at, weight if frequency else None, minlength=cells)).astype(np.int64)
        sums = {}
        if weight is not None and not frequency:
            scale = weights.largest(weights.exponents(weight), at, cells)
            weight = np.ldexp(weight, -scale[at]) if scale.any() else weight
            sums = {w: np.bincount(at, weight**e, minlength=cells) for e, w in enumerate(WEIGHED, 1)}
            sums |= {SCALE: scale} if scale.any() else {}
        replicates = Replicates.of_ids(keys, at, weight, cells) if keys else None
        by_stratum = None if drawn is None else Strata.of(drawn, population, at, weight, cells, repeated=frequency)
        return summed_cells(_labelled(occupied, labels).assign(n=n, **sums), tuple(labels), replicates, by_stratum)

    def __add__(self, other: Tally) -> Tally:
        self.alike(other)
        if self.distinct or other.distinct:
            raise EvidenceError("cannot add reduced tallies with clusters: whether both saw the same ones is not kept")
        if isinstance(self.strata, Within) or isinstance(other.strata, Within):
            raise EvidenceError("cannot add reduced tallies with strata: which rows both have in a stratum is not kept")
        cells = pd.concat([self.cells, other.cells], ignore_index=True)
        clusters = None if self.clusters is None or other.clusters is None else self.clusters.beside(other.clusters)
        strata = None if self.strata is None or other.strata is None else self.strata.beside(other.strata)
        return summed_cells(cells, self.by, clusters, strata)

    def alike(self, other: Tally) -> None:
        """EvidenceError unless both count the same, in the same way."""
        if self.by != other.by:
            raise EvidenceError(f"cannot add a tally by {list(self.by)} and one by {list(other.by)}")
        for what, own, others in (
            ("sampling weights", self.weighted, other.weighted),
            ("clusters", self.clusters is not None, other.clusters is not None),
            ("strata", self.strata is not None, other.strata is not None),
        ):
            if own != others:
                raise EvidenceError(f"cannot add a tally with {what} and one without: give {what} to both, or to none")

    def over(self, *by: str) -> Tally:
        """The tally of fewer group columns, in the order asked for; `over()` is the total."""
        known_columns(by, self.by)
        if by == self.by:
            return self
        kept = {b: d for b, d in self.distinct.items() if set(b) <= set(by)}
        return replace(summed_cells(self.cells, by, self.clusters, self.strata), distinct=kept)

    @property
    def weighted(self) -> bool:
        """Whether the cells hold sampling weights."""
        return "w" in self.columns

    @property
    def dependent(self) -> bool:
        """Whether rows are not drawn independently and alike: they have weights, clusters or strata."""
        return self.weighted or self.clusters is not None or self.strata is not None

    def counts(self, *by: str) -> Counts:
        """Counts by the crossed groups of these columns, groups sorted."""
        groups, where = self._places(by)
        table = np.zeros((len(groups), 3, 3), dtype=np.int64)
        np.add.at(table, where, self.columns["n"])
        return Counts(groups, table)

    def sums(self, *by: str) -> Sums:
        """Weighted sums by the crossed groups of these columns, in the order of `counts`; weights are 1 without any."""
        groups, where = self._places(by)
        return tally_sums.sums_of(self, by, groups, where)

    def _places(self, by: Sequence[str]) -> tuple[tuple[tuple[str, ...], ...], Where]:
        """The sorted groups of these columns, and where each cell stands in a (K, 3, 3) table."""
        known_columns(by, self.by)
        cells = self.columns
        groups, where = places(cells, by, len(cells["n"]))
        return groups, (where, cells["y_true"] + 1, cells["y_pred"] + 1)

    def reduced(self, disclosure: Disclosure) -> Tally:
        """Counts are sums already, of recoded groups; of clusters, counts take the place of hashes."""
        recoding = suppression.of_columns(disclosure, self.by, self.cells)
        if recoding:
            recoded = suppression.recoded(self.cells, recoding)
            return summed_cells(recoded, self.by, self.clusters, self.strata)._without_hashes()
        return self._without_hashes()

    def _without_hashes(self) -> Tally:
        if isinstance(self.strata, Strata):
            return replace(self, strata=self.strata.reduced())
        if self.clusters is None or self.distinct:
            return self
        distinct = {}
        for by in subsets(self.by):
            groups, where = self._places(by)
            if len(groups) > reading.MOST_GROUPS:
                continue  # never compared, and pairs of so many are not kept
            seen = tally_sums.seen_of(self, by, groups, where, tally_sums.units_of(self, where[0], len(groups))[1])
            assert isinstance(seen, Hashed)
            distinct[by] = seen.counted()
        weight = self.cells["w" if self.weighted else "n"].to_numpy(np.float64)
        return Tally(self.by, self.cells, self.clusters.reduced(weight), distinct)

    def to_json(self) -> dict[str, Any]:
        """As JSON: one list a column."""
        cells = {"by": list(self.by), "cells": self.lists("cells")}
        if self.strata is not None:
            cells["strata"] = self.strata.to_json()
        if self.clusters is None:
            return cells
        clusters = self.clusters.to_json()
        if self.distinct:
            counts = [{"by": list(b), **d.to_json()} for b, d in self.distinct.items()]
            kept = {k: v for k, v in clusters.items() if k not in ("lowest", "sizes")}
            clusters = {**kept, "counts": counts}
        return {**cells, "clusters": clusters}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tally:
        """From `to_json`; EvidenceError for what no rows can give. numpy alone reads it: judging needs no frame."""
        data = reading.fields(data, "the tally", "by", "cells", optional=("clusters", "strata"))
        by = reading.names(data["by"], "'by' of the tally")
        weighed = WEIGHED if "w" in reading.mapping(data["cells"], "the cells") else ()
        code, weight = partial(reading.wholes, low=-1, high=1), partial(reading.numbers, low=0)
        outcome, sums = dict.fromkeys(OUTCOME, code), dict[str, reading.Column](dict.fromkeys(weighed, weight))
        if weighed and SCALE in data["cells"]:
            sums[SCALE] = partial(reading.wholes, low=-weights.FARTHEST, high=weights.FARTHEST)
        cells = reading.table(data["cells"], "the cells", by, key=outcome, sums=sums)
        if weighed:
            weights.possible(cells["n"], cells["w"], cells["w2"])
        keys = list(zip(*(cells[c].tolist() for c in (*columns_of(by), *OUTCOME)), strict=True))
        order = np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)
        cells = {c: v[order] for c, v in cells.items()}
        others: dict[str, Any] = {"by": by, "clusters": None, "distinct": {}, "strata": None}
        if "strata" in data:
            others["strata"] = strata_from(data["strata"], len(order)).taken(order)
        if "clusters" in data:
            stored = Replicates.from_json(data["clusters"])
            if len(stored.lowest) != len(order):
                raise EvidenceError(f"{len(stored.lowest):,} cells have clusters, of {len(order):,}")
            others["clusters"] = stored.taken(order)
            others["distinct"] = counted_from(data["clusters"].get("counts", []), cells)
        return cls.of_tables({"cells": cells}, **others)


def _indexed(
    columns: dict[str, Any], truth: NDArray[np.integer[Any]], decision: NDArray[np.integer[Any]], *, classes: int
) -> tuple[Ints, dict[str, list[str]], int]:
    """The cell of each row, (N,), among group columns × truth × decision; the columns' labels; the number of cells.

    Truth and decision are codes from -1 (missing) to `classes` − 1. Raises DataError for columns of unequal length.
    """
    index, labels = crossed(columns, len(truth))
    if len(decision) != len(truth):
        raise DataError(f"y_pred has {len(decision)} rows, y_true has {len(truth)}")
    width = classes + 1
    index *= width * width
    small = truth * 3 + decision if classes == 2 else truth.astype(np.int64) * width + decision
    index += small.astype(np.int64) + width + 1
    return index, labels, math.prod(max(1, len(own)) for own in labels.values()) * width * width


def crossed(columns: dict[str, Any], n: int, *, ordered: bool = False) -> tuple[Ints, dict[str, list[str]]]:
    """The crossed group of each row, (n,), as one code, and the labels of each column, of which it is made.

    `ordered`: codes rise with the labels, so that cells in the order of their codes are sorted. Raises DataError for
    columns of another length.
    """
    index = np.zeros(n, dtype=np.int64)
    labels: dict[str, list[str]] = {}
    for name, values in columns.items():
        codes, own = coded_strings(values, name)
        if len(codes) != n:
            raise DataError(f"'{name}' has {len(codes)} rows, y_true has {n}")
        if ordered and own != sorted(own):
            order = sorted(range(len(own)), key=own.__getitem__)
            codes, own = np.argsort(order)[codes], sorted(own)
        labels[name] = own
        index *= max(1, len(labels[name]))
        index += codes
    return index, labels


def named(index: Ints, labels: dict[str, list[str]]) -> dict[str, Any]:
    """Codes of `crossed` written out: group column → labels, one for each code."""
    columns: dict[str, Any] = {}
    for name, own in reversed(labels.items()):
        index, code = np.divmod(index, max(1, len(own)))
        columns[column(name)] = np.array(own or [""], dtype=object)[code]
    return dict(reversed(columns.items()))


def counted(
    columns: dict[str, Any], truth: NDArray[np.integer[Any]], decision: NDArray[np.integer[Any]], *, classes: int
) -> pd.DataFrame:
    """Rows by group, truth and decision: one row a cell that occurs, sorted."""
    index, labels, possible = _indexed(columns, truth, decision, classes=classes)
    occupied, at = occurring(index, possible)
    n = np.bincount(at, minlength=len(occupied))
    return summed_rows(_labelled(occupied, labels, classes + 1).assign(n=n), tuple(labels), *OUTCOME)


def matched(groups: Any, beside: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Group columns by name, and what stands beside them, with pandas objects matched by their row labels.

    Raises DataError where the labels differ.
    """
    names = list(groups.columns if isinstance(groups, pd.DataFrame) else groups)
    parts = aligned({**{f"groups '{k}'": groups[k] for k in names}, **beside})
    return {str(k): parts[f"groups '{k}'"] for k in names}, {k: parts[k] for k in beside}


def coded_strings(values: Any, name: str) -> tuple[Ints, list[str]]:
    """Codes (N,) and their labels as strings; a missing value gets the label `(missing)`.

    Raises DataError if missing values stand beside a value that is literally `(missing)`.

    >>> coded_strings([True, None, False], "member")[1]
    ['0', '1', '(missing)']
    """
    series = values if isinstance(values, pd.Series) else pd.Series(values)
    if isinstance(series.dtype, pd.CategoricalDtype):
        raw, uniques = series.cat.codes.to_numpy().astype(np.int64), series.cat.categories
        inner = coded(pd.Series(uniques), name)
        codes, order = np.append(inner.codes, -1)[raw], list(inner.labels)
    else:
        found = coded(series, name)
        codes, order = found.codes, list(found.labels)
    if not (codes < 0).any():
        return codes, order
    if MISSING in order:
        raise DataError(f"a value of '{name}' is literally '{MISSING}', the name kept for missing values: rename it")
    return np.where(codes < 0, len(order), codes), [*order, MISSING]


def occurring(index: Ints, possible: int) -> tuple[Ints, Ints]:
    """The codes that occur, sorted, and where each of (N,) stands among them; only many possible codes are sorted.

    >>> [x.tolist() for x in occurring(np.array([7, 2, 7]), 10)]
    [[2, 7], [1, 0, 1]]
    """
    if possible > _DENSE:
        return np.unique(index, return_inverse=True)
    occupied = np.flatnonzero(np.bincount(index, minlength=1))
    place = np.zeros(possible, dtype=np.int64)
    place[occupied] = np.arange(len(occupied))
    return occupied, place[index]


def _labelled(occupied: Ints, labels: dict[str, list[str]], width: int = 3) -> pd.DataFrame:
    rest, outcome = np.divmod(occupied, width * width)
    frame = pd.DataFrame(named(rest, labels), dtype=object)
    return frame.assign(y_true=outcome // width - 1, y_pred=outcome % width - 1)


def summed_cells(
    cells: pd.DataFrame,
    by: tuple[str, ...],
    clusters: Replicates | None = None,
    strata: Strata | Within | None = None,
) -> Tally:
    """The tally of cells that may come unsorted and more than once; DataError for more rows than can be counted."""
    weights.countable(float(cells["n"].sum()))
    if clusters is None and strata is None and SCALE not in cells:
        return Tally(by, summed_rows(cells, by, *OUTCOME))
    position = cells.groupby([*columns_of(by), *OUTCOME], sort=True, observed=True).ngroup().to_numpy().astype(np.intp)
    parts = int(position.max(initial=-1)) + 1
    scale, factor = np.zeros(parts, np.int64), None
    if SCALE in cells:  # in some of the cells: 0 in the others
        scale, factor = weights.units(cells[SCALE].fillna(0).to_numpy(np.int64), position, parts)
        cells = cells.assign(w=cells["w"] * factor, w2=cells["w2"] * factor**2)
    counts = summed_rows(cells, by, *OUTCOME)
    counts = counts.assign(**{SCALE: scale}) if scale.any() else counts
    return Tally(
        by,
        counts,
        None if clusters is None else clusters.gathered(position, parts, factor),
        strata=None if strata is None else strata.gathered(position, parts, factor),
    )
