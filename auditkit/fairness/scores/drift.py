"""What merging score bins costs: readings of merged bins beside those of the rows, and how a report tells it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from auditkit.evidence.drift import LEAST, MOST, MOST_GROUPS, Drift, Steps, sets_of
from auditkit.evidence.frames import columns_of
from auditkit.evidence.merging import TOLD
from auditkit.fairness.scores.values import CROSSED, FEWEST_FOR_BINS, READ, Reading, plainly

if TYPE_CHECKING:
    from auditkit.evidence.histogram import ScoreHistogram
    from auditkit.records import State

AT = (1.644854, 1.959964, 2.575829, 4.0)
"""Critical values at which limits are compared."""
COARSE_FROM = -3
"""2⁻³ standard errors: from there on a value is coarse."""
USELESS_FROM = 2
"""2² standard errors: the bins say too little for a value."""
_NARROW = dict.fromkeys(
    ("roc_auc", "bpsn_auc", "bnsp_auc", "calibration_error", "cumulative_calibration_error"), (0.0, 1.0)
)
_BOUNDED = ("roc_auc", "bpsn_auc", "bnsp_auc", "cumulative_calibration_error", "calibration_in_the_large")
"""Metrics whose bound follows from merged bins alone, if it was not measured."""


def measured(exact: ScoreHistogram, merged: ScoreHistogram) -> Drift:
    """Both read in every group of every set of attributes; groups of fewer than ten rows are not told."""
    sets: dict[frozenset[str], dict[tuple[str, ...], Steps]] = {}
    left = MOST_GROUPS
    for by in sets_of(exact.by):
        groups = len(exact.cells[columns_of(by)].drop_duplicates()) if by else 1
        if groups > left:
            continue
        left -= groups
        one, two = plainly(exact, by, (*READ, *CROSSED)), plainly(merged, by, (*READ, *CROSSED))
        sets[frozenset(by)] = {
            group: {m: _step(a, two[group][m]) for m, a in of.items()}
            for group, of in one.items()
            if of["calibration_in_the_large"].rows >= TOLD
        }
    return Drift(sets)


def told(r: Reading, metric: str, steps: Steps | None, min_n: int) -> Reading:
    """The reading of merged bins with its bound: limits are wider by it; no value where it says too little."""
    if r.state == "undefined":
        return r
    if steps is None or metric not in steps or (metric == "calibration_error" and min_n > FEWEST_FOR_BINS):
        return _not_measured(r, metric)
    k = steps[metric]
    if k is None or k >= USELESS_FROM:
        return _hidden(r)
    bound = unit(r) * 2.0**k
    return _wider(r, metric, bound, coarse=k >= COARSE_FROM)


def unit(r: Reading) -> float:
    """The standard error, as its 95 % interval says."""
    low, high = r.limits(AT[1])
    return (high - low) / (2 * AT[1])


def _step(exact: Reading, merged: Reading) -> int | None:
    """The least k so that value and limits differ by 2ᵏ standard errors of the merged reading at most."""
    if "undefined" in (exact.state, merged.state):
        return None
    size = unit(merged)
    ends = [(exact.value, merged.value)]
    for z in AT:
        ends += zip(exact.limits(z), merged.limits(z), strict=True)
    off = max(abs(a - b) for a, b in ends) + exact.bound
    if not (math.isfinite(size) and math.isfinite(off)):
        return None
    if off > size * 2.0**MOST:
        return None
    return max(LEAST, math.ceil(math.log2(off / size))) if off > 0 and size > 0 else LEAST


def _wider(r: Reading, metric: str, bound: float, *, coarse: bool) -> Reading:
    least, most = _NARROW.get(metric, (-math.inf, math.inf))

    def limits(z: float) -> tuple[float, float]:
        low, high = r.limits(z)
        return max(least, low - bound), min(most, high + bound)

    note = f"from merged score bins: within {bound:.1g} of the value over rows, and the interval is wider by it"
    state: State = r.state if r.state == "sparse" else "coarse" if coarse else "ok"
    return replace(r, limits=limits, state=state, note=_joined(r.note, note), of_bins="", bound=bound)


def _not_measured(r: Reading, metric: str) -> Reading:
    if r.rows < TOLD:
        return _hidden(r)
    if metric in _BOUNDED:
        return _wider(r, metric, r.bound, coarse=r.bound > unit(r) / 8) if r.bound else r
    note = "from merged score bins: how far it lies from the value over rows is not known"
    state: State = "coarse" if r.state == "ok" else r.state
    return replace(r, state=state, note=_joined(r.note, note))


def _hidden(r: Reading) -> Reading:
    """Too few people for the bins that five share: the value is not told."""
    none = math.nan
    note = _joined(r.note, "score bins that five people share are too coarse to tell it")
    state: State = "sparse" if r.state == "sparse" else "undefined"
    known = replace(r, state=state, note=note, of_bins="", bound=0.0)
    return replace(known, value=none, limits=lambda _: (none, none), error=none)


def _joined(*notes: str) -> str:
    return "; ".join(n for n in notes if n)
