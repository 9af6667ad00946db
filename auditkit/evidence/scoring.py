"""ScoreCounts: how many rows of each group have each score, exactly. What scoring rates above a median need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from auditkit.arrays import Ints
from auditkit.batch import Batch
from auditkit.errors import EvidenceError
from auditkit.evidence import rare, reading, suppression
from auditkit.evidence.frames import Framed, columns_of, known_columns, summed_rows
from auditkit.evidence.tally import crossed, named

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure


class Above(NamedTuple):
    """Rows above a score by group, groups sorted."""

    groups: tuple[tuple[str, ...], ...]
    above: Ints
    """(K,) rows whose score is strictly above."""
    rows: Ints
    """(K,) rows with a score."""


@dataclass(frozen=True)
class ScoreCounts(Framed):
    """Rows by group and score, each distinct score kept: `+` merges, and the median of the sum is exact.

    It grows with the number of distinct scores: in a stored report about 30 bytes for each of them and each group.

    >>> from auditkit.batch import Batch
    >>> sex, nothing = pd.DataFrame({"sex": ["f", "f", "m"]}), np.zeros(3, np.int8)
    >>> counts = ScoreCounts.of(Batch(sex, sex, nothing, nothing, score=np.array([0.2, 0.9, 0.5])))
    >>> counts.median(), counts.over_score(0.5, "sex").above.tolist()
    (0.5, [1, 0])
    """

    by: tuple[str, ...]
    """Names of the group columns."""
    cells: pd.DataFrame
    """One row a combination that occurs: the group columns, `score`, `n`; sorted."""
    unscored: int
    """Rows without a score."""
    middle: float | None = None
    """Once reduced: the median, rounded unless ten rows hold it; the scores are then 0 up to it and 1 above."""

    @classmethod
    def of(cls, batch: Batch) -> ScoreCounts:
        """Count a batch; without scores every row is unscored."""
        by = tuple(str(a) for a in batch.groups)
        rows = len(batch.groups)
        score = np.full(rows, np.nan) if batch.score is None else np.asarray(batch.score, dtype=np.float64)
        columns = named(*crossed({name: batch.groups[name] for name in by}, rows))
        known = ~np.isnan(score)
        frame = pd.DataFrame({**columns, "score": score, "n": np.ones(rows, dtype=np.int64)})[known]
        return cls(by, summed_rows(frame, by, "score"), int((~known).sum()))

    def __add__(self, other: ScoreCounts) -> ScoreCounts:
        if self.by != other.by:
            raise EvidenceError(f"cannot add scores by {list(self.by)} and by {list(other.by)}")
        if (self.middle, other.middle) != (None, None):
            raise EvidenceError("cannot add reduced scores: the median of both is not among what they keep")
        cells = pd.concat([self.cells, other.cells], ignore_index=True)
        return ScoreCounts(self.by, summed_rows(cells, self.by, "score"), self.unscored + other.unscored)

    def median(self) -> float | None:
        """The median score of all rows, of unknown group too (of the middle two the mean); None without scores."""
        if self.middle is not None:
            return self.middle
        total: Any = self.cells.groupby("score", sort=True)["n"].sum()
        if not len(total):
            return None
        scores, upto = total.index.to_numpy(dtype=np.float64), np.cumsum(total.to_numpy())
        n = int(upto[-1])
        low, high = (scores[np.searchsorted(upto, i, side="right")] for i in ((n - 1) // 2, n // 2))
        return float((low + high) / 2)

    def over_score(self, score: float, *by: str) -> Above:
        """How many rows of each crossed group of these columns have a score strictly above this one."""
        known_columns(by, self.by)
        if self.middle is not None:
            if score != self.middle:
                raise EvidenceError(
                    f"reduced scores know who is above the median, {self.middle:g}, not above {score:g}"
                )
            score = 0.0
        frame = self.cells.assign(above=self.cells["n"] * (self.cells["score"] > score))
        summed: Any = frame.groupby(columns_of(by), sort=True, observed=True)[["above", "n"]].sum()
        groups = tuple(g if isinstance(g, tuple) else (g,) for g in summed.index)
        return Above(groups, summed["above"].to_numpy(np.int64), summed["n"].to_numpy(np.int64))

    def reduced(self, disclosure: Disclosure) -> ScoreCounts:
        """With the rows up to the median and above it, and no score else."""
        median = self.median()
        if median is None or self.middle is not None:
            return self
        recoding = suppression.of_columns(disclosure, self.by, self.cells)
        score = self.cells["score"].to_numpy(np.float64)
        held = int(self.cells.loc[score == median, "n"].sum())
        cells = suppression.recoded(self.cells.assign(score=(score > median).astype(np.float64)), recoding)
        middle = median if held >= rare.FEWEST else _two_digits(median)
        return ScoreCounts(self.by, summed_rows(cells, self.by, "score"), self.unscored, middle)

    def to_json(self) -> dict[str, Any]:
        """As JSON: one list a column."""
        reduced = {} if self.middle is None else {"middle": self.middle}
        return {"by": list(self.by), "cells": self.lists("cells"), "unscored": self.unscored, **reduced}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ScoreCounts:
        """From `to_json`; EvidenceError for what no rows can give."""
        data = reading.fields(data, "the scores", "by", "cells", "unscored", optional=("middle",))
        by = reading.names(data["by"], "'by' of the scores")
        cells = reading.table(data["cells"], "the cells", by, key={"score": reading.numbers})
        middle = reading.number(data["middle"], "the median score", low=0, high=1) if "middle" in data else None
        unscored = reading.whole(data["unscored"], "the rows without a score")
        return cls(by, summed_rows(pd.DataFrame(cells), by, "score"), unscored, middle)


def _two_digits(score: float) -> float:
    """The middle of a step of a fiftieth.

    >>> _two_digits(0.43217)
    0.43
    """
    return float(f"{(np.floor(score * 50) + 0.5) / 50:.2f}")
