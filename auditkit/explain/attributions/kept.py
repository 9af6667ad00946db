"""What a report keeps of an attribution's rows beside sums: their mean point, and, of images, their mean pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from auditkit.arrays import Bools, Floats
from auditkit.batch import Batch
from auditkit.evidence.grouped import FEWEST, Grouped
from auditkit.evidence.sample import row_weights, weights_of
from auditkit.explain.attributions.pictures import MeanPictures, PictureSum, least_told, thinned, thinned_regions
from auditkit.explain.attributions.study import surface_for, weighted_mean
from auditkit.explain.cases.shown import image_regions
from auditkit.explain.methods.catalogue import method_of
from auditkit.explain.preflight import undisturbed
from auditkit.inputs.model import Model
from auditkit.inputs.packing import leaves, slices

MOST_KEPT = 1_000
"""Entries of a point of which a report keeps the mean, at most."""


def point_sums(model: Model, sample: Batch, method: str) -> Grouped | None:
    """Weighted sums of the points of the sampled rows, whose mean is the baseline; None for whole numbers or many.

    An entry that a row lacks counts as the mean of the others.
    """
    with undisturbed(model):
        if _entries(leaves(model.encode(sample.features.head(1)))) > MOST_KEPT:  # and are not encoded in vain
            return None
        at = surface_for(model, sample.features, method_of(method))
        if not at.points or not all(p.is_floating_point() for p in at.points):
            return None
        if _entries(at.points) > MOST_KEPT:
            return None
        rows = torch.cat([p.detach().reshape(len(at), -1).double().cpu() for p in at.points], dim=1)
        means = torch.cat([m.flatten().double().cpu() for m in weighted_mean(at, sample.weight)])
    known = torch.where(rows.isfinite(), rows, means)
    if not bool(known.isfinite().all()):
        return None
    return Grouped.of({str(j): column.numpy() for j, column in enumerate(known.T)}, weights_of(sample))


def _entries(points: Sequence[Tensor]) -> int:
    """Numbers of a row that can be moved."""
    return sum(p[0].numel() for p in points if p.is_floating_point())


ROWS = 64
"""Pictures encoded at a time."""
Who = tuple[str, str] | None
"""(attribute, group); None: everybody."""


def picture_sums(model: Model, sample: Batch) -> MeanPictures | None:
    """Mean pictures of the sampled rows, by group where that tells of nobody; None where the inputs are no images.

    Pixels that are not finite count as the mean of the others of their picture.
    """
    n, w, labels = len(sample.features), row_weights(sample), sample.labels()
    told = list(least_told(labels, n))
    of: dict[Who, Bools] = {None: np.ones(n, bool)} | {(attribute, group): rows for attribute, group, rows in told}
    totals: dict[Who, Any] = dict.fromkeys(of, 0.0)
    looks: list[str] = []
    with undisturbed(model):
        first = image_regions(model, sample.features.head(1))
        names = None if first is None else model.features(sample.features)
        if first is None or names is None:
            return None
        for where in slices(n, ROWS):
            part = image_regions(model, sample.features.iloc[where])
            assert part is not None, "what is a picture in one row is one in all"
            small = thinned(_whole(part[0]))
            looks += [hashlib.sha256(p.tobytes()).hexdigest() for p in small.astype(np.float32)]
            for who, rows in of.items():
                totals[who] = totals[who] + np.tensordot(w[where] * rows[where], small, axes=1)
    _, seen = np.unique(looks, return_inverse=True)

    def summed(who: Who) -> PictureSum:
        each = np.bincount(seen[of[who]], w[of[who]])  # a picture that stands in several rows is one, of their weight
        return PictureSum(len(np.unique(seen[of[who]])), float(each.sum()), float((each * each).sum()), totals[who])

    groups: dict[str, dict[str, PictureSum]] = {attribute: {} for attribute in labels}
    for attribute, group, _ in told:
        groups[attribute][group] = summed((attribute, group))
    found = MeanPictures(tuple(names), thinned_regions(first[1]), summed(None), groups, 0.0, 1.0)
    return found.reduced({}, FEWEST)


def _whole(x: Floats) -> Floats:
    known = np.isfinite(x)
    if known.all():
        return x
    count = np.maximum(1, known.sum((1, 2, 3), keepdims=True))
    mean = np.where(known, x, 0.0).sum((1, 2, 3), keepdims=True) / count
    out: Floats = np.where(known, x, mean)
    return out
