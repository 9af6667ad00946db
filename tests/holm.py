"""Which p-values Holm rejects, as statsmodels says."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests


def rejected(p: Sequence[float | None] | NDArray[np.float64], alpha: float = 0.05) -> list[bool]:
    """One answer a p-value. statsmodels collects garbage at each call: 65 ms and more where a whole suite is loaded."""
    with patch("gc.collect"):
        answers: list[bool] = multipletests(p, alpha=alpha, method="holm")[0].tolist()
    return answers
