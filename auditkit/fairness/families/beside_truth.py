"""Whether decisions widen, keep or narrow the difference that is in the data: one pair's, by an interval of its own.

Per group d = (FP − FN) / n, how much oftener rows are selected than they are truly positive. The pair's difference of d
is its difference in selections S less that in truth T. A row adds ŷ − y, so that
V = [FP + FN − (FP − FN)² / n] / n²; ½ is added to each of the four cells, as for paired shares: Agresti & Min (2005),
Statistics in Medicine 24:729. Weights, clusters and strata enter as they do for rates.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from auditkit.catalogue.metric import ALL
from auditkit.evidence.tally import Tally
from auditkit.evidence.tally_sums import Sums
from auditkit.fairness.families.weighted import RateSums
from auditkit.records import BesideTruth, Estimate, Finding
from auditkit.stats.pvalues import family_quantile
from auditkit.stats.rates import Floats

NEARLY = 0.01
"""A difference is kept where it surely changes by no more than a point."""
_SELECTED = ((0, 1), (1, 1))
_LESS = np.array([[0.0, 1.0], [-1.0, 0.0]])
"""[y_true, y_pred]: ŷ − y."""
_PLUS = np.array([[0.0, 1.0], [1.0, 2.0]])
"""ŷ + y."""


class _Contrast(NamedTuple):
    value: float
    low: float
    high: float


def beside_truth(tally: Tally, f: Finding) -> BesideTruth | None:
    """Of the pair that a difference in selection rates names; None where none is named, or rows lack truth or
    decision."""
    if f.surest is None or len(f.surest.groups) != 2:
        return None
    counts = tally.counts(*f.by)
    pair = [counts.groups.index(tuple(g[a] for a in f.by)) for g in f.surest.groups]
    if any(counts.table[k].sum() != counts.table[k, 1:, 1:].sum() for k in pair):
        return None
    kept = sum(g.estimate.state == "ok" for g in f.by_group)
    sums, level = tally.sums(*f.by), f.estimate.level
    change, both = (_contrast(tally, sums, pair, v, level, max(2, kept)) for v in (_LESS, _PLUS))
    n = int(counts.table[pair].sum())
    e = Estimate(value=change.value, low=change.low, high=change.high, level=level, n=n, method=_METHOD)
    first, second = f.surest.groups
    return BesideTruth(groups=(dict(first), dict(second)), estimate=e, verb=_verb(change, both))


_METHOD = "paired difference, ½ added to each cell; studentized range of all pairs"


def _verb(change: _Contrast, both: _Contrast) -> Literal["widens", "keeps", "narrows", ""]:
    """|S| > |T| where S − T and S + T are both above 0; |S| < |T|, S and T of one sign, where S − T is below."""
    if both.low > 0 and change.low > 0:
        return "widens"
    if both.low > 0 and change.high < 0:
        return "narrows"
    return "keeps" if both.low > 0 and max(-change.low, change.high) <= NEARLY else ""


def _contrast(tally: Tally, sums: Sums, pair: list[int], v: Floats, level: float, groups: int) -> _Contrast:
    """The second group's mean of `v` less the first's, with limits that hold for all pairs of so many groups."""
    raw, middle, variance, errors = [], [], [], []
    for k in pair:
        w, w2 = sums.w[k, 1:, 1:], sums.w2[k, 1:, 1:]
        raw.append(float((w * v).sum() / w.sum()))
        unit = w2.sum() / w.sum()
        within = w2 if sums.within is None else sums.within[k, 1:, 1:]
        more, more2 = w + unit / 2, within + unit**2 / 2
        mean, total = float((more * v).sum() / more.sum()), float(more.sum())
        middle.append(mean)
        variance.append(float((more2 * (v - mean) ** 2).sum() / total**2))
        if sums.drawn is not None:
            errors.append(np.einsum("tdr,td->r", _centred(sums, k), v - raw[-1]) / w.sum())
    found, df = sum(variance), math.inf
    if errors:
        assert sums.measure is not None, "what is drawn has a measure"
        square = (errors[1] - errors[0]) ** 2
        if tally.strata is not None:
            found = max(found + float(square @ sums.measure), found / 10)
        else:
            drawn = max(float(square @ sums.measure), float(square @ np.maximum(sums.measure, 0)) / 2)
            clusters = RateSums.of(sums, _SELECTED, ALL).clusters
            found = max(found, drawn * float(max(clusters.inflation[k] for k in pair)))
            df = max(1.0, float(min(clusters.df[k] for k in pair)))
    half = family_quantile(level, groups, df) * math.sqrt(found)
    centre = middle[1] - middle[0]
    return _Contrast(raw[1] - raw[0], centre - half, centre + half)


def _centred(sums: Sums, k: int) -> Floats:
    """(2, 2, R) what is drawn of a group, about its mean (see `RateSums.of`)."""
    assert sums.drawn is not None, "asked of what is drawn"
    assert sums.measure is not None, "what is drawn has a measure"
    drawn = sums.drawn[k, 1:, 1:]
    if sums.people is None:
        return drawn
    people, w = (x[k, 1:, 1:, None] for x in (sums.people, sums.w))
    return np.asarray(drawn - people + w * (sums.measure < 0))


def told(tally: Tally, f: Finding) -> Finding:
    """The finding with what decisions do to the difference in the data, where that is known."""
    found = beside_truth(tally, f)
    return f if found is None else f.model_copy(update={"beside_truth": found})
