"""Predictions: the model whose outputs are columns already. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auditkit.inputs.dataset import Dataset
from auditkit.inputs.tasks.binary import score_column


@dataclass(frozen=True)
class Predictions:
    """Decisions (and scores) that stand in the Dataset; it stands where a model stands.

    Parameters
    ----------
    y_pred
        Column of decisions: 0/1, booleans, or the target's labels.
    score
        Column of probabilities of the positive class, in [0, 1], or None.

    Checks that need the net then say `not measured: predictions only`.

    >>> data = Dataset({"sex": ["f", "m"], "y": [0, 1], "pred": [1, 1]}, y_true="y", sensitive_features=["sex"])
    >>> Predictions(y_pred="pred").outputs(data)[0].tolist()
    [1, 1]
    """

    y_pred: str
    score: str | None = None
    name: str = "predictions"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are outputs, no features."""
        return (self.y_pred,) if self.score is None else (self.y_pred, self.score)

    def outputs(self, data: Dataset) -> tuple[NDArray[np.int8], NDArray[np.float64] | None]:
        """Decisions (N,), -1 where missing, and scores (N,) or None; DataError for anything doubtful."""
        decisions = data.target.code(data.column(self.y_pred, "y_pred"), self.y_pred)
        if self.score is None:
            return decisions, None
        return decisions, score_column(data.column(self.score, "score"), self.score)
