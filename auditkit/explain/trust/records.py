"""Trust checks: may this explanation be believed? Records from values, and the reading of T0 and T1; no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from auditkit.arrays import Floats, Ints
from auditkit.catalogue.trust import THRESHOLDS
from auditkit.records import TrustCheck

T1_LIMIT = 0.05
"""Largest 95th percentile of ε, and the ε at which a row goes again with more steps."""
assert THRESHOLDS["T1"].limit == T1_LIMIT
FLOOR = 0.01
"""Part of the mean size of a score difference below which a row's own difference is not divided by."""


def checked(
    id_: str, value: float | None, passed: bool, note: str, *, limit: float | None = None, meaning: str = ""
) -> TrustCheck:
    """The record of a check; a failure says what it means. `limit` and `meaning` of this run take the table's place."""
    t = THRESHOLDS[id_]
    meaning = "" if passed else meaning or t.failure
    return TrustCheck(
        id=t.id,
        name=t.name,
        value=value,
        limit=t.limit if limit is None else limit,
        passed=passed,
        note=f"{note}; {meaning}" if meaning else note,
        meaning=meaning,
        at_least=t.at_least,
        blocking=t.blocking,
    )


def judged(id_: str, value: float, note: str, *, limit: float | None = None) -> TrustCheck:
    """The record of a value that is held against the limit.

    >>> judged("T2", 0.06, "10 rows").note
    '10 rows; too few steps: the contributions still move'
    """
    t = THRESHOLDS[id_]
    bound = t.limit if limit is None else limit
    assert bound is not None
    return checked(id_, value, bool(value >= bound if t.at_least else value <= bound), note, limit=limit)


def weighed(id_: str, value: float, low: float, high: float, note: str) -> TrustCheck:
    """The record of a value that is held against the limit by its interval: in between it is not sure.

    >>> weighed("T8", 0.6, 0.4, 0.8, "10 rows").sure, weighed("T8", 0.6, 0.55, 0.65, "10 rows").passed
    (False, True)
    """
    t = THRESHOLDS[id_]
    assert t.limit is not None
    passes = low >= t.limit if t.at_least else high <= t.limit
    fails = high < t.limit if t.at_least else low > t.limit
    sure = passes or fails
    found = checked(id_, value, passes, note, meaning=t.failure if sure else t.unsure)
    ends = {k: float(x) if np.isfinite(x) else None for k, x in (("low", low), ("high", high))}
    return found.model_copy(update={**ends, "sure": sure})


def suspected(id_: str, value: float, low: float, note: str, *, limit: float | None = None) -> TrustCheck:
    """The record of a value that fails where it is surely above the limit: above, and not surely, it is not sure.

    >>> [(t.failed, t.passed, t.sure) for t in (suspected("T12", 0.9, low, "9 rows") for low in (0.7, 0.5))]
    [(True, False, True), (False, False, False)]
    """
    t = THRESHOLDS[id_]
    bound = t.limit if limit is None else limit
    assert bound is not None
    passes, fails = bool(value <= bound), bool(low > bound)
    found = checked(id_, value, passes, note, limit=limit, meaning=t.failure if fails else t.unsure)
    return found.model_copy(update={"low": float(low) if np.isfinite(low) else None, "sure": passes or fails})


def unmeasured(id_: str, why: str) -> TrustCheck:
    """The record of a check that does not apply, with the reason."""
    return checked(id_, None, True, f"does not apply: {why}").model_copy(update={"limit": None, "applies": False})


def completeness(total: ArrayLike, delta: ArrayLike) -> Floats:
    """T1: how far contributions miss the score difference that they should add up to, a row: (N,), 0 or more.

    ε_i = abs(Σφ_i − ΔF_i) / max(abs(ΔF_i), 0.01 σ̄), σ̄ = mean abs(ΔF). Where no score differs at all, ε is 0 for
    contributions that add up to 0 and 1 for others.

    >>> completeness([1.0, 2.2], [1.0, 2.0]).round(3).tolist()
    [0.0, 0.1]
    """
    total, delta = np.asarray(total, float), np.asarray(delta, float)
    missed = np.abs(total - delta)
    scale = np.maximum(np.abs(delta), FLOOR * np.abs(delta).mean()) if delta.size else np.abs(delta)
    epsilon: Floats = np.divide(missed, scale, out=(missed > 0).astype(float), where=scale > 0)
    return epsilon


def preflight_check() -> TrustCheck:
    """T0, which blocks: evidence exists only where it passed."""
    return checked(
        "T0",
        None,
        True,
        "eval mode; state unchanged; two calls agree; no row changes another's output; the gradient is not zero",
    )


def completeness_check(epsilon: ArrayLike, steps: Sequence[int] | Ints) -> TrustCheck:
    """T1 over all rows: passed when the 95th percentile of ε (N,) is at most .05. `steps` (N,) were used.

    >>> completeness_check([0.0, 0.01], [32, 64]).note
    '2 rows; 32 steps for 1, 64 for 1; every row within the limit'
    """
    epsilon = np.asarray(epsilon, float)
    p95 = float(np.quantile(epsilon, 0.95))
    never = int((epsilon > T1_LIMIT).sum())
    used = ", ".join(
        f"{n} {'steps ' if i == 0 else ''}for {rows:,}"
        for i, (n, rows) in enumerate(zip(*np.unique(steps, return_counts=True), strict=True))
    )
    rest = f"{never:,} never within the limit" if never else "every row within the limit"
    return judged("T1", p95, f"{len(epsilon):,} rows; {used}; {rest}")
