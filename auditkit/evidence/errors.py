"""ErrorSums: moments of predictions and errors by group; and the values of predictions by group. Both add."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.arrays import Floats, Ints
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence import pooled, reading, suppression
from auditkit.evidence.frames import QUANTITIES, Columns, columns_of, known_columns, places, summed_rows
from auditkit.evidence.merging import PEOPLE
from auditkit.evidence.moments import MOST_VALUES, Valued, coarse, combined, merged, per_group, skewness
from auditkit.evidence.pooled import cells_of, values_of
from auditkit.evidence.rare import FEWEST
from auditkit.evidence.tally import crossed, matched, named
from auditkit.lazy import pandas as pd

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

THIRD = f"{QUANTITIES[0]}_m3"
"""A column of third moments: evidence has those of all quantities, or none."""


class GroupMoments(NamedTuple):
    """Moments of K crossed groups over rows with truth and prediction, or with a prediction."""

    groups: tuple[tuple[str, ...], ...]
    n: Ints
    """(K,)"""
    mean: Floats
    """(K, 4) means of `QUANTITIES`; NaN without rows."""
    variance: Floats
    """(K, 4) with n − 1; NaN below two rows."""
    skewness: Floats | None = None
    """(K, 4) M₃/n ÷ (M₂/n)^1.5; 0 where all values are alike; None where the evidence keeps no third moments."""


@dataclass(frozen=True)
class ErrorSums(Valued):
    """What a regression audit keeps of rows, by group: `+` merges.

    Moments are means, and sums of squares and cubes about the mean (merged as Chan, Golub & LeVeque, 1983, and Pébay,
    2008), so that a large mean does not eat the digits of a small variance. Predicted values are kept as a table of how
    often each occurs in each group, exactly up to `MOST_VALUES` cells; then the last bits of their floating point
    representation are cut, as few as it takes. How many are cut depends on the rows alone, never on their order or on
    how they were split.

    Errors are of rows with truth and prediction. Predictions without a truth have moments of their own, `untold_`, and
    are among the values.

    >>> sums = ErrorSums.of({"sex": ["f", "f", "m"]}, y_true=[1.0, 2.0, 3.0], y_pred=[1.0, 3.0, 3.0])
    >>> (sums + sums).moments("sex").mean[:, 1].tolist()
    [0.5, 0.0]
    """

    by: tuple[str, ...]
    moments_: pd.DataFrame
    """One row a crossed group: the group columns, `n`, and for each quantity `<name>_mean`, `<name>_m2`, `<name>_m3`.

    Evidence of older reports has no `<name>_m3`, nor has a sum with such evidence."""
    values_: pd.DataFrame
    """One row a crossed group and cell: the group columns, `cell` (int64, in the order of the values), `n`."""
    untold_: pd.DataFrame
    """As `moments_`, of predictions whose truth is missing, a row a group that has any; their errors are 0."""
    cut: int = 0
    """Bits cut from the end of the values."""
    width_: float = 0.0
    """Width of the widest run of values that share one, once they are reduced."""
    parts_: int = 1
    """See `Valued`."""

    @classmethod
    def of(cls, groups: Any, *, y_true: ArrayLike, y_pred: ArrayLike) -> ErrorSums:
        """Sum rows: groups a frame or a dict of columns (N,), y_true and y_pred (N,) numbers, NaN missing.

        Rows without a prediction count in no moment, those without a truth in none of errors. Raises DataError for
        columns of unequal length.
        """
        columns, beside = matched(groups, {"y_true": y_true, "y_pred": y_pred})
        y, p = np.asarray(beside["y_true"], np.float64), np.asarray(beside["y_pred"], np.float64)
        frame = named(*crossed(columns, len(y)))
        if len(p) != len(y):
            raise DataError(f"y_pred has {len(p)} rows, y_true has {len(y)}")
        by = tuple(columns)
        predicted = ~np.isnan(p)
        known = predicted & ~np.isnan(y)
        e = np.where(known, p - y, 0.0)
        rows = pd.DataFrame(frame, dtype=object).assign(
            n=known.astype(np.int64), error=e, absolute=np.abs(e), squared=e * e, prediction=np.where(predicted, p, 0.0)
        )
        cells = rows.loc[predicted, columns_of(by)].assign(cell=cells_of(p[predicted]), n=1)
        values, cut = coarse(summed_rows(cells, by, "cell"), by)
        moments, untold = (per_group(x, by, QUANTITIES) for x in (rows, rows[predicted & ~known].assign(n=1)))
        return cls(by, moments, values, untold, cut)

    def __add__(self, other: ErrorSums) -> ErrorSums:
        if self.by != other.by:
            raise EvidenceError(f"cannot add sums by {list(self.by)} and sums by {list(other.by)}")
        moments, untold = (
            merged(pd.concat(x, ignore_index=True, join="inner"), self.by, QUANTITIES)
            for x in ([self.moments_, other.moments_], [self.untold_, other.untold_])
        )
        return ErrorSums(self.by, moments, *self.valued_with(other, untold))

    @property
    def untold(self) -> bool:
        """Whether some predictions are known to have no truth."""
        return len(self.table("untold_")["n"]) > 0

    def moments(self, *by: str, untold: bool = False) -> GroupMoments:
        """Moments by the crossed groups of these columns, groups sorted; `untold`: with the rows whose truth is
        missing, which have predictions and no errors."""
        known_columns(by, self.by)
        columns = self.table("moments_")
        if untold:
            columns = {c: np.concatenate([values, self.table("untold_")[c]]) for c, values in columns.items()}
        groups, code = places(columns, by, len(columns["n"]))
        found = combined(columns, code, len(groups), QUANTITIES)
        n = found["n"]
        known = ("mean", "m2", "m3") if THIRD in columns else ("mean", "m2")
        mean, m2, *m3 = (np.stack([found[f"{q}_{part}"] for q in QUANTITIES], axis=1) for part in known)
        size = n[:, None]
        variance = np.divide(m2, size - 1, out=np.full(m2.shape, np.nan), where=size > 1)
        return GroupMoments(groups, n, np.where(size > 0, mean, np.nan), variance, *(skewness(size, m2, x) for x in m3))

    def reduced(self, disclosure: Disclosure) -> ErrorSums:
        """With values that ten people share, at least, or as many as a group has that is told; and rounded means of
        groups below five."""
        recoding = suppression.of_columns(disclosure, self.by, self.moments_)
        moments, untold = (
            merged(suppression.recoded(x, recoding), self.by, QUANTITIES) for x in (self.moments_, self.untold_)
        )
        if recoding:
            moments, untold = _short(moments, self.by), _short(untold, self.by)
        cells = summed_rows(suppression.recoded(self.values_, recoding), self.by, "cell")
        if self.width_ or cells.empty:
            return ErrorSums(self.by, moments, cells, untold, self.cut, self.width_, self.parts_)
        people = max(FEWEST, disclosure.suppress_below)
        told, width = pooled.shared(cells, self.by, cut=self.cut, people=people)
        untold = pooled.told_moments(untold, people=max(PEOPLE, disclosure.suppress_below))
        moments, untold = (pooled.told_thirds(x) for x in (pooled.told_moments(moments), untold))
        return ErrorSums(self.by, moments, told, untold, 0, width)

    def to_json(self) -> dict[str, Any]:
        """As JSON: one list a column."""
        return {
            "by": list(self.by),
            "cut": self.cut,
            **({"width": self.width_} if self.width_ else {}),
            **({"parts": self.parts_} if self.parts_ > 1 else {}),
            "moments": self.lists("moments_"),
            "values": self.lists("values_"),
            **({"untold": self.lists("untold_")} if self.untold else {}),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ErrorSums:
        """From `to_json`; EvidenceError for what no rows can give."""
        data = reading.fields(
            data, "the sums of errors", "by", "cut", "moments", "values", optional=("width", "untold", "parts")
        )
        by = reading.names(data["by"], "'by' of the sums of errors")
        cut = reading.whole(data["cut"], "'cut' of the sums of errors", high=63)
        positive, signed = partial(reading.numbers, low=0), reading.numbers
        sums: dict[str, reading.Column] = {}
        for q in QUANTITIES:
            sums |= {f"{q}_mean": positive if q in ("absolute", "squared") else signed, f"{q}_m2": positive}
            sums |= {f"{q}_m3": signed} if THIRD in reading.mapping(data["moments"], "the moments") else {}
        moments = reading.table(data["moments"], "the moments", by, key={}, sums=sums)
        cell = partial(reading.wholes, low=-(2**63), high=2**63 - 1)
        values = reading.table(data["values"], "the values", by, key={"cell": cell})
        reading.bounded(len(values["n"]), "cells of values", MOST_VALUES)
        untold = {c: x[:0] for c, x in moments.items()}
        if "untold" in data:
            untold = reading.table(data["untold"], "the moments of predictions alone", by, key={}, sums=sums)
        _same_rows(moments, values, untold, by)
        if not np.isfinite(values_of(values["cell"], cut)).all():
            raise EvidenceError("the values hold cells of no finite number")
        width = reading.number(data.get("width", 0.0), "'width' of the sums of errors", low=0)
        tables = {"moments_": moments, "values_": values, "untold_": untold}
        parts = reading.whole(data.get("parts", 1), "'parts' of the sums of errors", low=1)
        return cls.of_tables(tables, by=by, cut=cut, width_=width, parts_=parts)


def _short(moments: pd.DataFrame, by: tuple[str, ...]) -> pd.DataFrame:
    """To twelve digits: the last bits of a sum tell which groups it was made of."""
    rounded = {
        str(c): np.array([float(f"{x:.12g}") for x in moments[c].tolist()]) for c in moments if c not in (*by, "n")
    }
    return moments.assign(**rounded)


def _same_rows(moments: Columns, values: Columns, untold: Columns, by: tuple[str, ...]) -> None:
    """Each group has as many predicted values as rows, with and without a truth."""
    rows = dict(zip(_keys(moments, by), moments["n"].tolist(), strict=True))
    for group, n in zip(_keys(untold, by), untold["n"].tolist(), strict=True):
        if group not in rows:
            raise EvidenceError(f"predictions are of a group without moments: {reading.shown(group)}")
        rows[group] += n
    valued = dict.fromkeys(rows, 0)
    for group, n in zip(_keys(values, by), values["n"].tolist(), strict=True):
        if group not in valued:
            raise EvidenceError(f"the values are of a group without moments: {reading.shown(group)}")
        valued[group] += n
    wrong = next((g for g in rows if rows[g] != valued[g]), None)
    if wrong is not None:
        raise EvidenceError(f"group {reading.shown(wrong)} has {rows[wrong]:,} rows and {valued[wrong]:,} values")


def _keys(columns: Columns, by: tuple[str, ...]) -> list[tuple[str, ...]]:
    return list(zip(*(columns[c] for c in columns_of(by)), strict=True)) if by else [()] * len(columns["n"])
