"""Average precision and log-average miss rate in K groups, with limits from replicates of the scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from auditkit.catalogue.detections import ALARMS, MISS_RATE, PRECISION
from auditkit.catalogue.measured import metric_of
from auditkit.catalogue.sentences import group_words
from auditkit.evidence.detected import Detected, OfSet
from auditkit.fairness.families.basis import Basis
from auditkit.fairness.families.family import Words
from auditkit.fairness.families.quantities import QuantityFamily
from auditkit.fairness.families.weighted import RateSums, WeighedBasis
from auditkit.fairness.groups.measured import MeasuredFamily, family_of
from auditkit.question import SPARSE
from auditkit.records import Table
from auditkit.stats.rates import Floats, Limits, wilson

_CELLS = ((0, 0),)
_WORDS = Words(
    "Wilson, with as many objects as have the variance of replicates of the scenes",
    "no object: 0/0 is not 0",
    "objects",
    "the value is 0 in every group: 0/0 is not a ratio",
)


@dataclass(frozen=True)
class CurveFamily(QuantityFamily):
    """A number that is made of the boxes of all scenes, in K groups of objects, dependent by their scenes."""

    basis: Basis = QuantityFamily.basis


def curves_of(
    told: Detected, metric: str, by: Sequence[str], *, level: float, min_n: int = SPARSE, threshold: int = 0
) -> CurveFamily:
    """One metric in the groups of these attributes; `by=()` gives one group, everybody.

    `threshold`: the position of the overlap, of average precision.
    """
    found = told.of(by)
    assert found is not None, "asked of sets that there are"
    which = len(told.asked.iou) if metric == MISS_RATE else threshold
    values = found.miss_rate if metric == MISS_RATE else found.precision[threshold]
    basis, n = _basis(found, which, values, min_n)
    at = partial(_limits, values, n)
    return CurveFamily(
        metric,
        found.by,
        found.groups,
        found.objects,
        found.objects,
        at,
        _WORDS,
        level,
        min_n,
        most=1.0,
        remarks=(EVERYWHERE,) if by else (),
        basis=basis,
    )


EVERYWHERE = (
    "objects of other groups are ignored (a box on one is neither right nor wrong), and boxes on no object count in "
    "every group"
)
"""How a group's curve is drawn."""


def _basis(found: OfSet, which: int, values: Floats, min_n: int) -> tuple[WeighedBasis, Floats]:
    """What replicates say of the errors of K values, and of how many independent objects these are."""
    k, objects = len(found.groups), found.objects.astype(np.float64)
    zero = np.zeros(k)
    errors = found.errors[which * k : (which + 1) * k] * objects[:, None]
    measure = np.full(errors.shape[1], 1.0 / max(1, errors.shape[1]))
    part = RateSums(
        zero, objects, zero, objects, zero.astype(np.int64), (errors, -errors), measure, None, (zero, objects), found,
        (), _CELLS,
    )  # fmt: skip
    basis = WeighedBasis((part,), False, found.objects >= max(1, min_n), min_n)
    variance = part.variance * part.clusters.inflation
    with np.errstate(divide="ignore", invalid="ignore"):
        n = values * (1 - values) / variance
    alike = np.minimum(objects, found.values.n)
    return basis, np.where((variance > 0) & (values > 0) & (values < 1), np.minimum(n, objects), alike)


def _limits(values: Floats, n: Floats, z: float | Floats) -> Limits:
    """Wilson's, of n objects."""
    with np.errstate(invalid="ignore", divide="ignore"):
        _, low, high = wilson(np.nan_to_num(values) * n, n, z)
    nothing = np.isnan(values)
    return Limits(values, np.where(nothing, np.nan, low), np.where(nothing, np.nan, high))


def alarms_of(told: Detected, by: Sequence[str], *, level: float, min_n: int = SPARSE) -> MeasuredFamily:
    """False alarms a scene in the groups of what is declared of scenes."""
    family = family_of(told.alarms, "false alarms", by, level=level, min_n=min_n, better="lower")
    assert family.metric == metric_of("false alarms"), "named anew"
    return replace(family, metric=ALARMS)


def of_every_threshold(told: Detected, by: Sequence[str]) -> tuple[Table, ...]:
    """Average precision at each overlap as tables: of each group, or of everybody and of each class."""
    heads = [f"AP at IoU {x:g}" for x in told.asked.iou]
    if not by:
        rows = [(name, n, *values) for name, n, values in told.classes]
        return (Table(title="Average precision of each class", columns=("class", "objects", *heads), rows=tuple(rows)),)
    of = [curves_of(told, PRECISION, by, level=0.95, threshold=i) for i in range(len(told.asked.iou))]
    lines = []
    for k, group in enumerate(of[0].groups):
        each = [(f.values[k], f.limits.low[k], f.limits.high[k]) for f in of]
        told_ = [None if np.isnan(v) else f"{v:.2f} ({low:.2f} to {high:.2f})" for v, low, high in each]
        lines.append((group_words(by, group), int(of[0].n[k]), *told_))
    title = f"Average precision by {' and '.join(by)}, at each overlap (95% intervals)"
    return (Table(title=title, columns=(" and ".join(by), "objects", *heads), rows=tuple(lines)),)
