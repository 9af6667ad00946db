"""ScoreHistogram: how scores lie, by group and truth. All that ranking, calibration and thresholds need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.errors import DataError, EvidenceError, listing, nearest
from auditkit.evidence import merging, suppression
from auditkit.evidence.tally import coded_strings, codes01, matched

if TYPE_CHECKING:
    import pandas as pd

    from auditkit.disclosure import Disclosure
else:
    from auditkit.evidence.lazy import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEPS, REACH = 4096, 16.0
BINS = STEPS + 2
"""Equal steps of the logit on [−16, 16], and one bin beyond each end."""
EDGES: Floats = 1 / (1 + np.exp(-np.linspace(-REACH, REACH, STEPS + 1)))
"""(4097,) scores between the bins: bin b holds EDGES[b−1] ≤ score < EDGES[b]."""

LEAST: Floats = np.concatenate([[0.0], EDGES])
"""(BINS,) smallest score of each bin: `score >= LEAST[b]` selects bin b and all above."""

MISSING_WHAT = ("truth", "decision", "score")
_SUMS = ("n", "selected", "s", "s2")
_GRAIN = 2.0**32
"""Sums are of multiples of 2⁻³²: exact in double precision, and so the same in every order of the rows."""
_DENSE = 8_000_000
"""Above this many possible cells, count only the combinations that occur."""


class Bins(NamedTuple):
    """One group's scores: every array is (2, BINS), the first axis the truth."""

    n: Ints
    """Rows."""
    selected: Ints
    """Rows decided positively."""
    s: Floats
    """Σ score, each to the nearest 2⁻³²."""
    s2: Floats
    """Σ score², likewise."""
    low: Floats
    """Smallest score, ∞ in an empty cell."""
    high: Floats
    """Largest score, −∞ in an empty cell."""
    cut: Floats | None = None
    """(BINS,) where bins are merged: the lower edge of what stands here, which is the threshold that selects it."""


@dataclass(frozen=True)
class ScoreHistogram:
    """Counts and sums of scores in 4,098 bins by group and truth: `+` merges, `over` sums groups up.

    A cell keeps n, how many were selected, Σs, Σs², min and max (Σs·y is Σs where the truth is 1). Rows without truth,
    decision or score are in no cell: `missing` counts them.

    >>> h = ScoreHistogram.of({"sex": ["f", "f", "m"]}, y_true=[1, 0, 1], y_pred=[1, 0, 0], score=[0.7, 0.2, None])
    >>> h.rows, h.missing_rows("score"), (h + h).rows
    (2, 1, 4)
    """

    by: tuple[str, ...]
    """Names of the group columns."""
    cells: pd.DataFrame
    """One row a non-empty cell: the group columns, y_true, bin, last (of a merged bin), n, selected, s, s2, low, high;
    sorted."""
    missing: pd.DataFrame
    """Rows in no cell: the group columns, what is missing (`truth`, else `decision`, else `score`), n; sorted."""
    merged: bool = False
    """True where bins are runs of the grid with at least five people of a group each: see `reduced`."""

    @classmethod
    def of(cls, groups: Any, *, y_true: ArrayLike, y_pred: ArrayLike, score: ArrayLike) -> ScoreHistogram:
        """Count rows.

        Parameters
        ----------
        groups
            A frame or a dict of columns (N,); missing values become the group `(missing)`.
        y_true, y_pred
            (N,) 1, 0 or -1 (missing).
        score
            (N,) in [0, 1]; NaN or None is missing.

        Raises DataError for columns of unequal length, other codes, or scores outside [0, 1].
        """
        columns, beside = matched(groups, {"y_true": y_true, "y_pred": y_pred, "score": score})
        truth, decision = codes01(beside["y_true"], "y_true"), codes01(beside["y_pred"], "y_pred")
        values = _checked(beside["score"])
        coded = {name: _in_order(*coded_strings(column, name)) for name, column in columns.items()}
        lengths = {"y_pred": len(decision), "score": len(values), **{k: len(c) for k, (c, _) in coded.items()}}
        for name, length in lengths.items():
            if length != len(truth):
                raise DataError(f"'{name}' has {length} rows, y_true has {len(truth)}")
        labels = {k: np.array(names or [""], dtype=object) for k, (_, names) in coded.items()}
        crossed = np.zeros(len(truth), dtype=np.int64)
        for codes, _ in coded.values():
            crossed = crossed * max(1, int(codes.max(initial=0)) + 1) + codes
        sizes = {k: max(1, int(codes.max(initial=0)) + 1) for k, (codes, _) in coded.items()}
        what = np.select([truth < 0, decision < 0, np.isnan(values)], [0, 1, 2], default=3)
        known = what == 3
        cells = _cells(crossed[known], truth[known], decision[known], values[known])
        lost, n = np.unique(crossed[~known] * 3 + what[~known], return_counts=True)
        missing = pd.DataFrame({"what": np.array(MISSING_WHAT, dtype=object)[lost % 3], "n": n})
        by = tuple(columns)
        return cls(
            by,
            _named(cells.pop("group").to_numpy(), cells, sizes, labels),
            _sorted(_named(lost // 3, missing, sizes, labels), [*by, "what"]),
        )

    @property
    def rows(self) -> int:
        """Rows with truth, decision and score."""
        return int(self.cells["n"].sum())

    def missing_rows(self, what: str) -> int:
        """Rows in no cell because `truth`, `decision` or `score` is missing (the first of these that is)."""
        return int(self.missing.loc[self.missing["what"] == what, "n"].sum())

    def __add__(self, other: ScoreHistogram) -> ScoreHistogram:
        if self.by != other.by:
            raise EvidenceError(f"cannot add a score histogram by {list(self.by)} and one by {list(other.by)}")
        cells = pd.concat([self.cells, other.cells], ignore_index=True)
        missing = _missing(pd.concat([self.missing, other.missing], ignore_index=True), self.by)
        if self.merged or other.merged:
            return ScoreHistogram(self.by, merging.together(cells, self.by), missing, merged=True)
        return ScoreHistogram(self.by, summed(cells, self.by), missing)

    def over(self, *by: str) -> ScoreHistogram:
        """The histogram of fewer group columns, in the order asked for; `over()` is the total."""
        for name in by:
            if name not in self.by:
                raise EvidenceError(f"no group column '{name}'; there are {listing(self.by)}.{nearest(name, self.by)}")
        return ScoreHistogram(tuple(by), summed(self.cells, by), _missing(self.missing, by), self.merged)

    def groups(self, *by: str) -> Iterator[tuple[tuple[str, ...], Bins]]:
        """The bins of each crossed group of these columns, groups sorted; `groups()` gives everybody."""
        cells = self.over(*by).cells
        if not by:
            yield (), _dense(cast("Mapping[str, Any]", cells), self.merged)
            return
        columns = {c: cells[c].to_numpy() for c in ("y_true", "bin", "last", *_SUMS, "low", "high")}
        keyed = cells.groupby(list(by), sort=True, observed=True).indices  # of thousands of groups, no frame each
        for key in sorted(keyed):
            group = key if isinstance(key, tuple) else (key,)
            yield tuple(map(str, group)), _dense({c: v[keyed[key]] for c, v in columns.items()}, self.merged)

    def sizes(self, *by: str) -> dict[tuple[str, ...], tuple[int, int]]:
        """Crossed group of these columns → its rows of truth 0 and of truth 1, groups sorted."""
        n = self.cells.groupby([*by, "y_true"], sort=True, observed=True)["n"].sum()
        out: dict[tuple[str, ...], tuple[int, int]] = {}
        for key, rows in zip(n.index, n.tolist(), strict=True):
            *group, truth = key if isinstance(key, tuple) else (key,)
            name = tuple(map(str, group))
            none, some = out.get(name, (0, 0))
            out[name] = (none, some + int(rows)) if truth else (none + int(rows), some)
        return out

    def reduced(self, disclosure: Disclosure) -> ScoreHistogram:
        """With neighbouring bins of each crossed group merged until five people share each (`merging`)."""
        if self.merged:
            return self
        recoding = suppression.of_columns(disclosure, self.by, self.cells)
        cells = summed(suppression.recoded(self.cells, recoding), self.by)
        missing = _missing(suppression.recoded(self.missing, recoding), self.by)
        return ScoreHistogram(self.by, merging.merged(cells, self.by, LEAST), missing, merged=True)

    def to_json(self) -> dict[str, Any]:
        """As JSON: sparse columns a group and truth; a cell of one row needs no more than its score."""
        out = []
        keyed: Any = self.cells.groupby([*self.by, "y_true"], sort=True, observed=True)
        for key, part in keyed:
            of = {"group": [str(k) for k in key[:-1]], "y_true": int(key[-1])}
            out.append({**of, **(_merged_columns(part) if self.merged else _columns(part))})
        missing = {str(c): self.missing[c].tolist() for c in self.missing}
        merged = {"merged": True} if self.merged else {}
        return {"by": list(self.by), "steps": STEPS, "reach": REACH, "cells": out, "missing": missing, **merged}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ScoreHistogram:
        """From `to_json`; EvidenceError if it was made with other steps."""
        if (data["steps"], data["reach"]) != (STEPS, REACH):
            raise EvidenceError(
                f"a score histogram of {data['steps']} steps to ±{data['reach']}; this auditkit counts in {STEPS} "
                f"steps to ±{REACH}"
            )
        by = tuple(data["by"])
        merged = bool(data.get("merged", False))
        parts = [_empty(by), *((_merged_part if merged else _part)(by, p) for p in data["cells"])]
        missing = pd.DataFrame({c: data["missing"][c] for c in (*by, "what", "n")})
        return cls(by, summed(pd.concat(parts, ignore_index=True), by), _missing(missing, by), merged)


def bin_of(score: ArrayLike) -> NDArray[np.int64]:
    """The bin of each score, 0 … 4097, never falling as the score rises.

    >>> bin_of([0.0, 0.5, 1.0]).tolist()
    [0, 2049, 4097]
    """
    return np.searchsorted(EDGES, np.asarray(score, float), side="right").astype(np.int64)


def _in_order(codes: Ints, labels: list[str]) -> tuple[Ints, list[str]]:
    """The same with labels sorted, `(missing)` among them."""
    order = sorted(range(len(labels)), key=labels.__getitem__)
    if order == list(range(len(labels))):
        return codes, labels
    return np.argsort(order)[codes], [labels[i] for i in order]


def _checked(score: ArrayLike) -> Floats:
    values = np.asarray(score, dtype=np.float64)
    if values.size and not (np.nanmin(values, initial=0.0) >= 0 and np.nanmax(values, initial=1.0) <= 1):
        raise DataError(
            f"scores lie between {np.nanmin(values):.3g} and {np.nanmax(values):.3g}; expected probabilities in [0, 1]"
        )
    return values


def _grains(x: Floats) -> Floats:
    out: Floats = np.round(x * _GRAIN) / _GRAIN
    return out


def _cells(group: Ints, truth: NDArray[np.int8], decision: NDArray[np.int8], score: Floats) -> pd.DataFrame:
    """One row a non-empty cell of (group code, truth, bin)."""
    index = (group * 2 + truth) * BINS + bin_of(score)
    size = (int(group.max(initial=0)) + 1) * 2 * BINS
    if size <= _DENSE:
        occupied = np.flatnonzero(np.bincount(index, minlength=1))
        place = np.zeros(size, dtype=np.int64)
        place[occupied] = np.arange(len(occupied))
        at = place[index]
    else:
        occupied, at = np.unique(index, return_inverse=True)
    low, high = np.full(len(occupied), np.inf), np.full(len(occupied), -np.inf)
    np.minimum.at(low, at, score)
    np.maximum.at(high, at, score)
    k = len(occupied)
    rest, bins = np.divmod(occupied, BINS)
    return pd.DataFrame(
        {
            "group": rest // 2,
            "y_true": rest % 2,
            "bin": bins,
            "last": bins,
            "n": np.bincount(at, minlength=k),
            "selected": np.bincount(at[decision == 1], minlength=k),
            "s": np.bincount(at, weights=_grains(score), minlength=k),
            "s2": np.bincount(at, weights=_grains(score * score), minlength=k),
            "low": low,
            "high": high,
        }
    )


def _named(
    crossed: Ints, frame: pd.DataFrame, sizes: dict[str, int], labels: dict[str, NDArray[np.object_]]
) -> pd.DataFrame:
    """The frame with the crossed codes written out as one column of strings an attribute, in front."""
    columns: dict[str, Any] = {}
    for name in reversed(sizes):
        crossed, code = np.divmod(crossed, sizes[name])
        columns[name] = labels[name][code]
    groups = pd.DataFrame(dict(reversed(columns.items())), dtype=object, index=frame.index)
    return pd.concat([groups, frame], axis=1)


def _dense(cells: Mapping[str, Any], merged: bool) -> Bins:
    """The cells of one group: columns (C,)."""
    bins = np.asarray(cells["bin"], np.intp)
    place = merging.places_of(cells, bin_of) if merged else bins
    at = (np.asarray(cells["y_true"], np.intp), place)

    def column(name: str, empty: float, dtype: type, gather: Any = np.add) -> Any:
        out: NDArray[Any] = np.full((2, BINS), empty, dtype=dtype)
        gather.at(out, at, np.asarray(cells[name], dtype))
        return out

    cut = None
    if merged:
        cut = np.full(BINS, -np.inf)
        np.maximum.at(cut, place, LEAST[bins])
    return Bins(
        column("n", 0, np.int64),
        column("selected", 0, np.int64),
        column("s", 0.0, np.float64),
        column("s2", 0.0, np.float64),
        column("low", np.inf, np.float64, np.minimum),
        column("high", -np.inf, np.float64, np.maximum),
        cut,
    )


def summed(cells: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Cells with one row a combination of groups, truth and bin, sorted."""
    how = {**dict.fromkeys(_SUMS, "sum"), "low": "min", "high": "max"}
    keys = [*by, "y_true", "bin", "last"]
    out: pd.DataFrame = cells.groupby(keys, sort=True, observed=True).agg(how).reset_index()
    return out


def _missing(missing: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    keys = [*by, "what"]
    summed: pd.DataFrame = missing[[*keys, "n"]].groupby(keys, sort=True, observed=True).sum().reset_index()
    return summed


def _sorted(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return frame.sort_values(keys, ignore_index=True)


def _empty(by: Sequence[str]) -> pd.DataFrame:
    numbers: dict[str, Any] = {c: np.zeros(0, np.int64) for c in ("y_true", "bin", "last", "n", "selected")}
    numbers |= {c: np.zeros(0) for c in ("s", "s2", "low", "high")}
    return pd.DataFrame({**{b: np.zeros(0, object) for b in by}, **numbers})


def _part(by: Sequence[str], data: dict[str, Any]) -> pd.DataFrame:
    """The cells of one group and truth."""
    n, low = np.asarray(data["n"], np.int64), np.asarray(data["low"], float)
    s, squares, high = _grains(low), _grains(low * low), low.copy()
    for column, name in ((s, "s"), (squares, "s2"), (high, "high")):
        column[n > 1] = data[name]
    frame = pd.DataFrame(
        {
            "y_true": data["y_true"],
            "bin": np.asarray(data["bin"], np.int64),
            "last": np.asarray(data["bin"], np.int64),
            "n": n,
            "selected": np.asarray(data["selected"], np.int64),
            "s": s,
            "s2": squares,
            "low": low,
            "high": high,
        }
    )
    return _of_group(frame, by, data["group"])


def _columns(part: pd.DataFrame) -> dict[str, list[Any]]:
    """Of one group and truth; a cell of one row needs no more than its score."""
    many = part[part["n"] > 1]
    return {
        **{c: part[c].tolist() for c in ("bin", "n", "selected", "low")},
        **{c: many[c].tolist() for c in ("s", "s2", "high")},
    }


_MERGED = ("bin", "last", "n", "selected", "s", "s2")


def _merged_columns(part: pd.DataFrame) -> dict[str, list[Any]]:
    """Of one group and truth over merged bins: extremes follow from the grid, but for scores that many share."""
    alike = np.flatnonzero((part["low"] == part["high"]).to_numpy())
    shared = {"alike": alike.tolist(), "score": part["low"].to_numpy()[alike].tolist()} if len(alike) else {}
    return {**{c: part[c].tolist() for c in _MERGED}, **shared}


def _merged_part(by: Sequence[str], data: dict[str, Any]) -> pd.DataFrame:
    columns: dict[str, Any] = {c: np.asarray(data[c], np.int64) for c in _MERGED[:4]}
    columns |= {c: np.asarray(data[c], np.float64) for c in _MERGED[4:]}
    low, high = merging.edges_of(columns["bin"], columns["last"], LEAST)
    alike = np.asarray(data.get("alike", []), np.intp)
    low[alike] = high[alike] = np.asarray(data.get("score", []), np.float64)
    frame = pd.DataFrame({"y_true": data["y_true"], **columns, "low": low, "high": high})
    return _of_group(frame, by, data["group"])


def _of_group(frame: pd.DataFrame, by: Sequence[str], group: Sequence[str]) -> pd.DataFrame:
    for name, value in zip(reversed(by), reversed(group), strict=True):
        frame.insert(0, name, np.full(len(frame), value, dtype=object))
    return frame
