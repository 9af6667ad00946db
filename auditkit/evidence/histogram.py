"""ScoreHistogram: how scores lie, by group and truth. All that ranking, calibration and thresholds need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.arrays import Floats, Ints
from auditkit.batch import ScoreScale
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence import merging, suppression, tally
from auditkit.evidence.drift import Drift, Steps
from auditkit.evidence.frames import Columns, Framed, columns_of, known_columns, parts, places, summed_rows
from auditkit.evidence.merging import summed
from auditkit.evidence.score_grid import BINS, GRAIN, LEAST, REACH, STEPS, bin_of, exact, grains, runs
from auditkit.evidence.score_scale import scale_of
from auditkit.evidence.stored_bins import MERGED, MISSING_WHAT, stored_bins
from auditkit.evidence.tally import matched
from auditkit.evidence.weights import codes01
from auditkit.lazy import pandas as pd

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure


_READ = ("y_true", "bin", "last", "n", "selected", "s", "s2", "low", "high")


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
class ScoreHistogram(Framed):
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
    drift: Drift | None = None
    """What merging cost, where it was measured."""
    declared: tuple[str, ...] = ()
    """What the data say of their rows that is not counted here: `clusters`, `weights`, in this order."""
    scale: ScoreScale | None = None
    """In which units the scores were given; None: in these, and they may be probabilities."""
    measure: Callable[[ScoreHistogram, ScoreHistogram], Drift] | None = None
    """What `reduced` measures it with: the histogram before, and after → the drift. It is no part of the evidence."""

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
        crossed, labels = tally.crossed(columns, len(truth), ordered=True)
        for name, array in (("y_pred", decision), ("score", values)):
            if len(array) != len(truth):
                raise DataError(f"'{name}' has {len(array)} rows, y_true has {len(truth)}")
        what = np.select([truth < 0, decision < 0, np.isnan(values)], [0, 1, 2], default=3)
        known = what == 3
        cells = _cells(crossed[known], truth[known], decision[known], values[known])
        lost, n = np.unique(crossed[~known] * 3 + what[~known], return_counts=True)
        missing = pd.DataFrame({"what": np.array(MISSING_WHAT, dtype=object)[lost % 3], "n": n})
        lacking = _named(lost // 3, missing, labels)
        return cls(
            tuple(columns),
            _named(cells.pop("group").to_numpy(), cells, labels),
            lacking.sort_values([*columns_of(tuple(columns)), "what"], ignore_index=True),
        )

    @property
    def rows(self) -> int:
        """Rows with truth, decision and score."""
        return int(self.table("cells")["n"].sum())

    def missing_rows(self, what: str) -> int:
        """Rows in no cell because `truth`, `decision` or `score` is missing (the first of these that is)."""
        missing = self.table("missing")
        return int(missing["n"][missing["what"] == what].sum())

    def __add__(self, other: ScoreHistogram) -> ScoreHistogram:
        if self.by != other.by:
            raise EvidenceError(f"cannot add a score histogram by {list(self.by)} and one by {list(other.by)}")
        if self.scale != other.scale:
            raise EvidenceError("cannot add histograms of scores on different scales")
        if self.merged != other.merged:
            raise EvidenceError("cannot add a histogram of merged bins and one of single ones")
        cells = pd.concat([self.cells, other.cells], ignore_index=True)
        missing = summed_rows(pd.concat([self.missing, other.missing], ignore_index=True), self.by, "what")
        declared = tuple(sorted({*self.declared, *other.declared}))
        if self.merged:
            return replace(self, cells=merging.together(cells, self.by), missing=missing, merged=True, drift=None,
                           declared=declared, measure=None)  # fmt: skip
        measure = self.measure or other.measure
        return replace(self, cells=summed(cells, self.by), missing=missing, declared=declared, measure=measure)

    def over(self, *by: str) -> ScoreHistogram:
        """The histogram of fewer group columns, in the order asked for; `over()` is the total."""
        known_columns(by, self.by)
        missing = summed_rows(self.missing, by, "what")
        return replace(self, by=tuple(by), cells=summed(self.cells, by), missing=missing, measure=None)

    def steps(self, by: Sequence[str]) -> Mapping[tuple[str, ...], Steps] | None:
        """Group → what merging cost its readings; none that was measured is empty; None where nothing is merged."""
        if not self.merged:
            return None
        return {} if self.drift is None else self.drift.of(by)

    def groups(self, *by: str) -> Iterator[tuple[tuple[str, ...], Bins]]:
        """The bins of each crossed group of these columns, groups sorted; `groups()` gives everybody."""
        known_columns(by, self.by)
        cells = self.table("cells")
        for group, at in parts(cells, by, len(cells["n"])):
            yield group, _dense({c: cells[c][at] for c in _READ}, self.merged)
        if not by and not len(cells["n"]):
            yield (), _dense({c: cells[c] for c in _READ}, self.merged)

    def sizes(self, *by: str) -> dict[tuple[str, ...], tuple[int, int]]:
        """Crossed group of these columns → its rows of truth 0 and of truth 1, groups sorted."""
        known_columns(by, self.by)
        cells = self.table("cells")
        groups, at = places(cells, by, len(cells["n"]))
        none, some = (
            np.bincount(at, np.where(cells["y_true"] == truth, cells["n"], 0), minlength=len(groups)).astype(int)
            for truth in (0, 1)
        )
        return dict(zip(groups, zip(none.tolist(), some.tolist(), strict=True), strict=True))

    def reduced(self, disclosure: Disclosure) -> ScoreHistogram:
        """With neighbouring bins of each crossed group merged until five people share each (`merging`), or as many as a
        group has that is told."""
        if self.merged:
            return self
        recoding = suppression.of_columns(disclosure, self.by, self.cells)
        cells = summed(suppression.recoded(self.cells, recoding), self.by)
        missing = summed_rows(suppression.recoded(self.missing, recoding), self.by, "what")
        merged = ScoreHistogram(
            self.by,
            merging.merged(cells, self.by, people=max(merging.PEOPLE, disclosure.suppress_below)),
            missing,
            merged=True,
            declared=self.declared,
            scale=self.scale,
        )
        if self.measure is None or cells.empty:
            return merged
        return replace(merged, drift=self.measure(ScoreHistogram(self.by, cells, missing), merged))

    def to_json(self) -> dict[str, Any]:
        """As JSON: sparse columns a group and truth; a cell of one row needs no more than its score. Sums are told in
        whole grains of 2⁻³² (`grains`), and runs that end where the next begins by where they begin."""
        out = []
        cells = self.table("cells")
        whole = exact(cells["s"]) and exact(cells["s2"])
        for key, at in parts(cells, self.by, len(cells["n"]), beside=["y_true"]):
            part = {c: cells[c][at] for c in _READ}
            of = {"group": [str(k) for k in key[:-1]], "y_true": int(key[-1])}
            if whole:
                part |= {c: (part[c] * GRAIN).astype(np.int64) for c in ("s", "s2")}
            out.append({**of, **(_merged_columns(part) if self.merged else _columns(part))})
        merged: dict[str, Any] = ({"merged": True} if self.merged else {}) | ({"grains": True} if whole else {})
        if self.drift is not None:
            merged["drift"] = self.drift.to_json()
        if self.declared:
            merged["declared"] = list(self.declared)
        if self.scale is not None:
            merged["scale"] = self.scale.to_json()
        return {
            "by": list(self.by),
            "steps": STEPS,
            "reach": REACH,
            "cells": out,
            "missing": self.lists("missing"),
            **merged,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ScoreHistogram:
        """From `to_json`; EvidenceError if it was made with other steps, or is what no scores give."""
        found = stored_bins(data)
        drift = Drift.from_json(data["drift"]) if "drift" in data else None
        tables = {"cells": found.cells, "missing": found.missing}
        scale = scale_of(data["scale"]) if "scale" in data else None
        return cls.of_tables(
            tables, by=found.by, merged=found.merged, drift=drift, declared=found.declared, scale=scale
        )


def _checked(score: ArrayLike) -> Floats:
    values = np.asarray(score, dtype=np.float64)
    if values.size and not (np.nanmin(values, initial=0.0) >= 0 and np.nanmax(values, initial=1.0) <= 1):
        raise DataError(
            f"scores lie between {np.nanmin(values):.3g} and {np.nanmax(values):.3g}; expected probabilities in [0, 1]"
        )
    return values


def _cells(group: Ints, truth: NDArray[np.int8], decision: NDArray[np.int8], score: Floats) -> pd.DataFrame:
    """One row a non-empty cell of (group code, truth, bin)."""
    index = (group * 2 + truth) * BINS + bin_of(score)
    occupied, at = tally.occurring(index, (int(group.max(initial=0)) + 1) * 2 * BINS)
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
            "s": np.bincount(at, weights=grains(score), minlength=k),
            "s2": np.bincount(at, weights=grains(score * score), minlength=k),
            "low": low,
            "high": high,
        }
    )


def _named(crossed: Ints, frame: pd.DataFrame, labels: dict[str, list[str]]) -> pd.DataFrame:
    """The frame with the crossed codes written out as one column of strings an attribute, in front."""
    return pd.concat([pd.DataFrame(tally.named(crossed, labels), dtype=object, index=frame.index), frame], axis=1)


def _dense(cells: Columns, merged: bool) -> Bins:
    place = merging.places_of(cells) if merged else cells["bin"]
    at = cells["y_true"] * BINS + place

    def summed_up(name: str, empty: float, dtype: type, gather: Any = np.add) -> Any:
        out: NDArray[Any] = np.full(2 * BINS, empty, dtype=dtype)
        gather.at(out, at, cells[name].astype(dtype, copy=False))
        return out.reshape(2, BINS)

    cut = None
    if merged:
        cut = np.full(BINS, -np.inf)
        np.maximum.at(cut, place, LEAST[cells["bin"]])
    return Bins(
        summed_up("n", 0, np.int64),
        summed_up("selected", 0, np.int64),
        summed_up("s", 0.0, np.float64),
        summed_up("s2", 0.0, np.float64),
        summed_up("low", np.inf, np.float64, np.minimum),
        summed_up("high", -np.inf, np.float64, np.maximum),
        cut,
    )


def _columns(part: Columns) -> dict[str, list[Any]]:
    """Of one group and truth; a cell of one row needs no more than its score."""
    many = part["n"] > 1
    return {
        **{c: part[c].tolist() for c in ("bin", "n", "selected", "low")},
        **{c: part[c][many].tolist() for c in ("s", "s2", "high")},
    }


def _merged_columns(part: Columns) -> dict[str, list[Any]]:
    """Of one group and truth over merged bins: extremes follow from the grid, but for scores that many share."""
    alike = np.flatnonzero(part["low"] == part["high"])
    shared = {"alike": alike.tolist(), "score": part["low"][alike].tolist()} if len(alike) else {}
    known = np.array_equal(part["last"], runs(part["bin"]))
    return {**{c: part[c].tolist() for c in MERGED if c != "last" or not known}, **shared}
