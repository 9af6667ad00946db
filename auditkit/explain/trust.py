"""Trust checks: may this explanation be believed? The table of limits, and the reading of T0 and T1; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.records import TrustCheck

Floats = NDArray[np.float64]

FLOOR = 0.01
"""Part of the mean size of a score difference below which a row's own difference is not divided by."""


@dataclass(frozen=True)
class Threshold:
    """One line of the table: a check, its limit, and what a failure means."""

    id: str
    name: str
    tests: str
    """What it tests, in plain words."""
    limit: float | None
    """None: yes or no, a limit that the data set, or shown without one."""
    failure: str
    """What a failure means, for whoever reads the explanation."""
    at_least: bool = False
    blocking: bool = True
    """False: a failure is a caution; the explanation itself holds."""
    source: str = "ours"

    def check(self, value: float | None, passed: bool, note: str, *, limit: float | None = None) -> TrustCheck:
        """The record; a failure says what it means."""
        return TrustCheck(
            id=self.id,
            name=self.name,
            value=value,
            limit=self.limit if limit is None else limit,
            passed=passed,
            note=note if passed else f"{note}; {self.failure}",
            at_least=self.at_least,
            blocking=self.blocking,
        )

    def judged(self, value: float, note: str, *, limit: float | None = None) -> TrustCheck:
        """The record of a value that is held against the limit; a `limit` of this run takes the table's place."""
        bound = self.limit if limit is None else limit
        assert bound is not None
        return self.check(value, value >= bound if self.at_least else value <= bound, note, limit=limit)

    def unmeasured(self, why: str) -> TrustCheck:
        """The record of a check that does not apply, with the reason."""
        return TrustCheck(
            id=self.id, name=self.name, value=None, limit=None, passed=True, note=f"does not apply: {why}",
            at_least=self.at_least, blocking=self.blocking, applies=False,
        )  # fmt: skip


TABLE = (
    Threshold(
        "T0", "preflight", "may anything be said of this net: eval mode, no randomness, rows independent, gradients",
        None, "nothing about single rows can be measured", source="ours; it blocks the audit",
    ),
    Threshold(
        "T1", "completeness", "do the contributions add up to the score difference that they explain",
        0.05, "the contributions do not add up: they explain another score",
        source="Sundararajan, Taly & Yan (2017)",
    ),
    Threshold(
        "T2", "refinement", "do the contributions stay when the path is cut twice as finely",
        0.05, "too few steps: the contributions still move",
    ),
    Threshold(
        "T3", "baseline sensitivity", "is the ranking the same from other starting points",
        0.7, "the ranking depends on the starting point: do not act on one ranking", at_least=True, blocking=False,
        source="Sturmfels, Lundberg & Lee (2020); Vigna (2015)",
    ),
    Threshold(
        "T4", "model randomisation", "do nets with random weights get another explanation",
        0.3, "the explanation hardly depends on what the net has learned", source="Adebayo et al. (2018)",
    ),
    Threshold(
        "T5", "max-sensitivity", "do the contributions stay when a row moves by 2% of a standard deviation",
        0.5, "the contributions of single rows are unstable: read no single row", blocking=False,
        source="Yeh et al. (2019)",
    ),
    Threshold(
        "T6", "infidelity", "do the contributions predict what taking columns away does, better than mixed-up ones",
        None, "the contributions do not predict what the columns do", source="Yeh et al. (2019)",
    ),
    Threshold(
        "T7", "deletion and insertion", "does the ranking move the score faster than random rankings do",
        0.0, "the ranking is no better than a random one", at_least=True,
        source="Petsiuk, Das & Saenko (2018); Rong et al. (2022)",
    ),
    Threshold(
        "T8", "agreement of methods", "do other methods name the same leading columns",
        0.5, "methods disagree: do not act on one ranking", at_least=True, blocking=False,
        source="Krishna et al. (2022)",
    ),
    Threshold(
        "T9", "known answers", "is an effect that we plant in the net found, exactly and nowhere else",
        1e-4, "a known effect is not found where it is",
    ),
    Threshold("T10", "uncertainty", "would other rows name the same leading columns", None, "", at_least=True,
              source="Efron (1979)"),
    Threshold("T11", "parity of quality", "is the explanation as good for every group", None, "",
              source="Balagopalan et al. (2022); Dai et al. (2022)"),
)  # fmt: skip
"""Every check, in the order in which it is shown. Limits are ours."""

CHECKS = {t.id: t for t in TABLE}
T1_LIMIT = 0.05
"""Largest 95th percentile of ε, and the ε at which a row goes again with more steps."""
assert CHECKS["T1"].limit == T1_LIMIT


def described(t: Threshold) -> str:
    """A line of the table as a sentence.

    >>> described(CHECKS["T2"])
    'T2 refinement: do the contributions stay when the path is cut twice as finely? At most 0.05.'
    """
    bound = "" if t.limit is None else f" At {'least' if t.at_least else 'most'} {t.limit:g}."
    return f"{t.id} {t.name}: {t.tests}?{bound}{'' if t.blocking else ' A failure is a caution.'}"


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
    return CHECKS["T0"].check(
        None,
        True,
        "eval mode; state unchanged; two calls agree; no row changes another's output; the gradient is not zero",
    )


def completeness_check(epsilon: ArrayLike, steps: Sequence[int] | NDArray[np.int64]) -> TrustCheck:
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
    return CHECKS["T1"].judged(p95, f"{len(epsilon):,} rows; {used}; {rest}")
