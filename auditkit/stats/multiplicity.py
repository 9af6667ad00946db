"""Many tests at once: adjusted p-values, and the level at which selected intervals hold. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from auditkit.stats.rates import Floats


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Benjamini–Hochberg's adjusted p-values, (m,): rejecting where they are ≤ α keeps the false discovery rate ≤ α.

    Sorted, p̃_(i) = min over j ≥ i of min(1, m p_(j) / j); under independence or positive regression dependence.
    Raises ValueError for p outside [0, 1] or NaN. Source: Benjamini & Hochberg (1995), JRSS B 57:289.

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.04, 0.04]
    """
    p = np.asarray(p, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p-values must be one row of numbers in [0, 1]")
    order = np.argsort(p, kind="stable")
    steps = len(p) * p[order] / np.arange(1, len(p) + 1)
    out = np.empty_like(p)
    out[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
    return out


def holm_adjusted(p: ArrayLike) -> Floats:
    """Holm's adjusted p-values, (m,): rejecting where they are ≤ α rejects any true hypothesis with chance ≤ α.

    Sorted, p̃_(i) = max over j ≤ i of min(1, (m − j + 1) p_(j)); under any dependence. Raises ValueError as above.
    Source: Holm (1979), Scandinavian Journal of Statistics 6:65.

    >>> holm_adjusted([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p-values must be one row of numbers in [0, 1]")
    order = np.argsort(p, kind="stable")
    out = np.empty_like(p)
    out[order] = np.minimum(np.maximum.accumulate(np.arange(len(p), 0, -1) * p[order]), 1.0)
    return out


def coverage_adjusted_level(level: float, selected: int, tried: int) -> float:
    """Level of the intervals of `selected` among `tried` parameters that keeps the false coverage rate at 1 − level.

    1 − (1 − level) · R / m. With R the rejections of Benjamini–Hochberg among m two-sided tests, an interval at this
    level excludes the tested value exactly where its test rejects. Nothing selected counts as one.
    Source: Benjamini & Yekutieli (2005), JASA 100:71.

    >>> round(coverage_adjusted_level(0.95, selected=2, tried=20), 4)
    0.995
    """
    if not 0 <= selected <= tried or tried < 1:
        raise ValueError(f"selected must lie between 0 and tried, which is at least 1; got {selected} of {tried}")
    return 1 - (1 - level) * max(selected, 1) / tried
