"""Predictions: the model whose outputs are columns already. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.errors import DataError, listing
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.tasks.registry import task_of


@dataclass(frozen=True)
class Predictions:
    """Decisions (and scores) that stand in the Dataset; it stands where a model stands.

    Parameters
    ----------
    y_pred
        Column of decisions: 0/1, booleans, or the target's labels; numbers for regression. For multilabel a list of
        columns, one a label, in the order of the labels.
    score
        Column of probabilities of the positive class, in [0, 1], or None. Binary only.

    Checks that need the net then say `not measured: predictions only`.

    >>> data = Dataset({"sex": ["f", "m"], "y": [0, 1], "pred": [1, 1]}, y_true="y", sensitive_features=["sex"])
    >>> Predictions(y_pred="pred").outputs(data)[0].tolist()
    [1, 1]
    """

    y_pred: str | Sequence[str]
    score: str | None = None
    name: str = "predictions"

    def __post_init__(self) -> None:
        several = [self.y_pred] if isinstance(self.y_pred, str) else self.y_pred
        for role, names in (("y_pred", several), ("score", [] if self.score is None else [self.score])):
            if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
                raise DataError(
                    f"{role} takes the name (multilabel: the names) of columns of the data, got "
                    f"{type(getattr(self, role)).__name__}: put the values into the data as a column first"
                )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are outputs, no features."""
        own = (self.y_pred,) if isinstance(self.y_pred, str) else tuple(self.y_pred)
        return own if self.score is None else (*own, self.score)

    def of_label(self, i: int, labels: int) -> Predictions:
        """The decisions about one label of several."""
        columns = (self.y_pred,) if isinstance(self.y_pred, str) else tuple(self.y_pred)
        if len(columns) != labels or self.score is not None:
            raise DataError(
                f"a multilabel target of {labels} labels takes y_pred = a list of {labels} columns of decisions in the "
                f"order of the labels, and no score; got {listing(self.columns)}"
            )
        return replace(self, y_pred=columns[i])

    def outputs(
        self, data: Dataset, rows: pd.DataFrame | None = None
    ) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """Decisions (N,), coded as the target is, and scores (N,) or None, of some rows of the data (None: all).

        Raises DataError for anything doubtful.
        """
        if not isinstance(self.y_pred, str):
            raise DataError(f"y_pred names {listing(self.y_pred)}; a {data.task} target takes one column")
        task = task_of(data.task)
        if self.score is not None and "score" not in task.takes:
            raise DataError(f"a {data.task} audit takes predictions only, no score ('{self.score}')")
        rows = data.frame if rows is None else rows
        said, known = data.column(rows, self.y_pred, "y_pred")
        score, scored = (None, 0) if self.score is None else data.column(rows, self.score, "score")
        decisions, scores = task.decisions(data.target, said, score)
        return decisions[known:], None if scores is None else scores[scored:]
