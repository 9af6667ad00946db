"""ThresholdCounts: what scores decide at a few thresholds, and how far they miss there, by group. They add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.arrays import Bools, Floats
from auditkit.batch import Batch, ScoreScale
from auditkit.errors import EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.frames import Columns
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.numbers import NumberSums
from auditkit.evidence.score_scale import scale_of
from auditkit.evidence.tally import Tally

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

MOST = 20
"""Thresholds."""
PARTS = ("tallies", "above", "near")
"""What is kept of each threshold."""


def near(score: Floats, at: float, factor: float) -> Bools:
    """(N,) whether the odds of a score lie within a factor of those of a threshold.

    >>> near(np.array([0.05, 0.1, 0.2]), 0.1, 2.0).tolist()
    [False, True, False]
    """
    odds = at / (1 - at)
    low, high = odds / factor, odds * factor
    return np.asarray((score >= low / (1 + low)) & (score <= high / (1 + high)))


@dataclass(frozen=True)
class ThresholdCounts:
    """Rows by group, truth and whether their score is at or above each of some thresholds; `+` merges.

    A tally a threshold, with "score ≥ t" in the place of the decision; and of the rows at or above it, and of those
    near it, the sums of truth less score. Weights and clusters are those of every other tally.

    >>> rows = {"y_true": [1, 0, 1], "score": [0.7, 0.2, 0.05]}
    >>> counts = ThresholdCounts.of({"sex": ["f", "f", "m"]}, thresholds=(0.1,), **rows)
    >>> (counts + counts).tallies[0].counts().table[0, 1:, 1:].tolist()
    [[0, 2], [2, 2]]
    """

    thresholds: tuple[float, ...]
    """Rising."""
    tallies: tuple[Tally, ...]
    """One a threshold; of a row without a score the decision is missing."""
    above: tuple[NumberSums, ...]
    """Truth less score of the rows at or above each threshold."""
    near: tuple[NumberSums, ...]
    """The same of rows whose score is near it."""
    histogram: ScoreHistogram | None = None
    """All scores; None of weighted rows, which score bins do not know."""
    scale: ScoreScale | None = None
    """In which units the scores were given; None: in these, and they may be probabilities."""

    @classmethod
    def of(
        cls,
        groups: Any,
        *,
        thresholds: Sequence[float],
        y_true: Any,
        score: Any,
        spread: float = 2.0,
        scale: ScoreScale | None = None,
        **weighting: Any,
    ) -> ThresholdCounts:
        """Count rows: groups and `weighting` as of `Tally.of`; y_true (N,) 1, 0 or -1; score (N,) in [0, 1], NaN
        missing.

        `spread`: by which factor odds may differ from the threshold's where a score is near it.
        """
        s, y = np.asarray(score, np.float64), np.asarray(y_true)
        known = ~np.isnan(s)
        miss = np.where(known & (y >= 0), y - s, np.nan)
        tallies, above, around = [], [], []
        for t in thresholds:
            selected = known & (s >= t)
            tallies.append(
                Tally.of(groups, y_true=y, y_pred=np.where(known, selected, -1).astype(np.int8), **weighting)
            )
            above.append(_sums(groups, np.where(selected, miss, np.nan), weighting))
            around.append(_sums(groups, np.where(near(s, t, spread), miss, np.nan), weighting))
        of_all = {"y_true": y, "y_pred": np.where(known, s >= thresholds[0], -1).astype(np.int8), "score": s}
        histogram = ScoreHistogram.of(groups, **of_all) if weighting.get("sample_weight") is None else None
        return cls(tuple(thresholds), tuple(tallies), tuple(above), tuple(around), histogram, scale)

    @classmethod
    def of_batch(cls, batch: Batch, thresholds: Sequence[float], spread: float) -> ThresholdCounts:
        """The rows of a batch; without scores, every row is one whose score is missing."""
        score = np.full(len(batch.y_true), np.nan) if batch.score is None else batch.score
        rows: dict[str, Any] = {"y_true": batch.y_true, "score": score, "scale": batch.scale}
        rows |= {"weights_kind": batch.weights_kind, "sample_weight": batch.sample_weight, "cluster": batch.cluster}
        return cls.of(batch.groups, thresholds=thresholds, spread=spread, **rows)

    def __add__(self, other: ThresholdCounts) -> ThresholdCounts:
        if self.thresholds != other.thresholds:
            raise EvidenceError(f"cannot add counts at {list(self.thresholds)} and at {list(other.thresholds)}")
        if self.scale != other.scale:
            raise EvidenceError("cannot add counts of scores on different scales")
        tallies, above, around = (
            tuple(a + b for a, b in zip(getattr(self, k), getattr(other, k), strict=True)) for k in PARTS
        )
        one, two = self.histogram, other.histogram
        return replace(
            self, tallies=tallies, above=above, near=around, histogram=None if one is None or two is None else one + two
        )

    @property
    def by(self) -> tuple[str, ...]:
        """Names of the group columns."""
        return self.tallies[0].by

    @property
    def clusters(self) -> Any:
        """Replicates of the clusters; None where rows are independent."""
        return self.tallies[0].clusters

    @property
    def of_independent(self) -> ScoreHistogram | None:
        """All scores, where intervals can rest on them: of rows that count alike and are independent."""
        return self.histogram if self.clusters is None else None

    def table(self, name: str) -> Columns:
        """The columns of the cells of the first tally."""
        return self.tallies[0].table(name)

    def times(self, factor: int) -> ThresholdCounts:
        """As so many copies of every row would give it."""
        parts: dict[str, Any] = {k: tuple(x.times(factor) for x in getattr(self, k)) for k in PARTS}
        return replace(self, histogram=None if self.histogram is None else self.histogram.times(factor), **parts)

    def reduced(self, disclosure: Disclosure) -> ThresholdCounts:
        """Each part without what would give a person away."""
        parts: dict[str, Any] = {k: tuple(x.reduced(disclosure) for x in getattr(self, k)) for k in PARTS}
        return replace(self, histogram=None if self.histogram is None else self.histogram.reduced(disclosure), **parts)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        out: dict[str, Any] = {"thresholds": list(self.thresholds)}
        out |= {k: [x.to_json() for x in getattr(self, k)] for k in PARTS}
        if self.histogram is not None:
            out["histogram"] = self.histogram.to_json()
        return out if self.scale is None else {**out, "scale": self.scale.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ThresholdCounts:
        """From `to_json`; EvidenceError for what no rows can give."""
        data = reading.fields(data, "the counts at thresholds", "thresholds", *PARTS, optional=("histogram", "scale"))
        asked = reading.items(data["thresholds"], "the thresholds", most=MOST)
        thresholds = tuple(reading.number(t, "a threshold", low=0, high=1) for t in asked)
        if not thresholds or list(thresholds) != sorted(set(thresholds)) or not 0 < thresholds[0] <= thresholds[-1] < 1:
            raise EvidenceError("thresholds rise, between 0 and 1")
        given = {k: reading.items(data[k], f"'{k}'", length=len(thresholds)) for k in PARTS}
        tallies = tuple(map(Tally.from_json, given["tallies"]))
        above, around = (tuple(map(NumberSums.from_json, given[k])) for k in PARTS[1:])
        histogram = ScoreHistogram.from_json(data["histogram"]) if "histogram" in data else None
        parts = (*tallies, *above, *around, *(() if histogram is None else (histogram,)))
        if len({p.by for p in parts}) > 1:
            raise EvidenceError("the counts at thresholds are by other attributes than each other")
        scale = scale_of(data["scale"]) if "scale" in data else None
        return cls(thresholds, tallies, above, around, histogram, scale)


def _sums(groups: Any, values: Floats, weighting: dict[str, Any]) -> NumberSums:
    """Of the numbers alone: how often each value occurs would tell of single people, and nothing asks for it."""
    out = NumberSums.of(groups, values=values, **weighting)
    return replace(out, values_=out.values_.iloc[:0], cut=0)
