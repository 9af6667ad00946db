"""Predictions: the model whose outputs are columns already. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.batch import ScoreScale, all_missing
from auditkit.errors import DataError, listing
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.scales import Range, checked_range, decided, scale_of, scaled
from auditkit.inputs.tasks.registry import task_of


@dataclass(frozen=True)
class Predictions:
    """Decisions (and scores) that stand in the Dataset; it stands where a model stands.

    Parameters
    ----------
    y_pred
        Column of decisions: 0/1, booleans, or the target's labels; numbers for regression. For multilabel a list of
        columns, one a label, in the order of the labels. None: `threshold` decides on the score. An empty list: nothing
        is decided, and the rows have scores alone, or only numbers that are measured (`Measured`).
    score
        Column of scores of the positive class, higher for more of it; probabilities in [0, 1], unless `score_range`
        says otherwise. Binary only.
    threshold
        Instead of `y_pred`: a row is decided positively where score >= threshold, in the score's own units; without a
        score there is no decision.
    score_range
        The least and the greatest score that there can be, `(300, 850)`, or `"ranks"`: only the order of the scores
        within the data counts, which are read once more for it. Such scores are no probabilities, so that calibration
        is not measured; thresholds are told in these units. None: [0, 1].

    Checks that need the net then say `not measured: predictions only`.

    >>> data = Dataset({"sex": ["f", "m"], "y": [0, 1], "pred": [1, 1], "s": [510, 720]}, y_true="y",
    ...                sensitive_features=["sex"])
    >>> Predictions(y_pred="pred").outputs(data)[0].tolist()
    [1, 1]
    >>> decisions, scores = Predictions(score="s", threshold=600, score_range=(300, 850)).outputs(data)
    >>> decisions.tolist(), scores.round(2).tolist()
    ([0, 1], [0.38, 0.76])
    """

    y_pred: str | Sequence[str] | None = None
    score: str | None = None
    name: str = "predictions"
    threshold: float | None = None
    score_range: Range = None

    def __post_init__(self) -> None:
        several = [self.y_pred] if isinstance(self.y_pred, str) else self.y_pred
        named: list[tuple[str, Any]] = [("score", [] if self.score is None else [self.score])]
        for role, names in ([] if several is None else [("y_pred", several)]) + named:
            if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
                raise DataError(
                    f"{role} takes the name (multilabel: the names) of columns of the data, got "
                    f"{type(getattr(self, role)).__name__}: put the values into the data as a column first"
                )
        object.__setattr__(self, "score_range", checked_range(self.score_range))
        self._decides()

    def _decides(self) -> None:
        """DataError unless decisions are said once: by a column, or by a threshold on the score."""
        if self.score is None and (self.threshold is not None or self.score_range is not None):
            raise DataError("threshold and score_range are of scores: name their column, as in score='s'")
        if self.y_pred is None and self.threshold is None:
            what = "y_pred='decision', or score='s' with threshold=0.5" if self.score is None else "threshold=0.5"
            raise DataError(f"predictions need decisions: give {what} (positive where score >= threshold)")
        if self.threshold is None:
            return
        if self.y_pred:
            raise DataError("give y_pred or a threshold, not both: each says what is decided")
        t = self.threshold
        if isinstance(t, bool) or not isinstance(t, int | float) or not math.isfinite(t):
            raise DataError(f"threshold is a number in the units of the score, got {t!r}")
        low, high = (-math.inf, math.inf) if self.score_range == "ranks" else self.score_range or (0.0, 1.0)
        if not low <= t <= high:
            hint = "" if self.score_range else "; of other scores say score_range = [least, greatest]"
            raise DataError(f"threshold {t:g} lies outside the scores' range, {low:g} to {high:g}{hint}")

    @property
    def undecided(self) -> bool:
        """Whether nothing is decided."""
        return self.y_pred is not None and not len(self.y_pred)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are outputs, no features."""
        own = (self.y_pred,) if isinstance(self.y_pred, str) else tuple(self.y_pred or ())
        return own if self.score is None else (*own, self.score)

    def like(self, other: Predictions) -> bool:
        """Whether both read the same columns in the same way."""
        return replace(self, name="") == replace(other, name="")

    def of_label(self, i: int, labels: int) -> Predictions:
        """The decisions about one label of several."""
        columns = (self.y_pred,) if isinstance(self.y_pred, str) else tuple(self.y_pred or ())
        if len(columns) != labels or self.score is not None:
            raise DataError(
                f"a multilabel target of {labels} labels takes y_pred = a list of {labels} columns of decisions in the "
                f"order of the labels, and no score; got {listing(self.columns)}"
            )
        return replace(self, y_pred=columns[i])

    def scale(self, data: Dataset) -> ScoreScale | None:
        """In which units scores are given, and where they are decided on; None where nothing is said of it."""
        return None if self.score is None else scale_of(data, self.score, self.score_range, self.threshold)

    def outputs(
        self, data: Dataset, rows: pd.DataFrame | None = None
    ) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """Decisions (N,), coded as the target is, and scores (N,) in [0, 1] or None, of some rows of the data (None:
        all).

        Raises DataError for anything doubtful.
        """
        rows = data.frame if rows is None else rows
        if self.undecided:
            return all_missing(data.truth(rows)), self._scores(data, rows)[0]
        if self.y_pred is not None and not isinstance(self.y_pred, str):
            raise DataError(f"y_pred names {listing(self.y_pred)}; a {data.task} target takes one column")
        scores, score = self._scores(data, rows)
        if self.y_pred is None:
            assert score is not None, "without decisions there is a threshold on scores"
            assert self.threshold is not None, "likewise"
            return decided(score, self.threshold), scores
        said, known = data.column(rows, self.y_pred, "y_pred")
        return data.target.code(said, self.y_pred)[known:], scores

    def _scores(self, data: Dataset, rows: pd.DataFrame) -> tuple[NDArray[np.float64] | None, Any]:
        """(N,) scores in [0, 1], and as they were given; None where there are none."""
        if self.score is None:
            return None, None
        if "score" not in task_of(data.task).takes:
            raise DataError(f"a {data.task} audit takes predictions only, no score ('{self.score}')")
        score, scored = data.column(rows, self.score, "score")
        return scaled(data, score, self.score_range)[scored:], score.iloc[scored:]
