"""What single rows are compared with: rows of a frame, or the means that a report keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from auditkit.arrays import Floats
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence.grouped import GroupSums
from auditkit.explain.attributions.study import Setup, surface_of, weighted_mean
from auditkit.explain.attributions.sums import START, AttributionRows, AttributionSums
from auditkit.explain.captum_calls import Tensors
from auditkit.inputs.model import Model
from auditkit.inputs.packing import slices
from auditkit.records import Report

ROWS = 512
"""Rows that are encoded at a time for a mean, and that are drawn where a method draws."""
FEWEST = 20
"""Rows that may serve as their own background: each is then 5 % of what it is compared with, T1's limit."""


def enough(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as their own background; DataError for fewer than 20, of which each is compared with itself."""
    if len(rows) < FEWEST:
        raise DataError(
            f"{len(rows)} row{'' if len(rows) == 1 else 's'} without a background would be compared with "
            f"{'itself' if len(rows) == 1 else 'themselves'}, and nothing would seem to move the score: give "
            f"background=, a frame of rows such as those that the model was trained on or a report of an audit of this "
            f"model; {FEWEST} rows or more may be their own"
        )
    return rows


def starting_point(
    ready: Setup, model: Model, background: pd.DataFrame | Report, weight: Floats | None
) -> tuple[Tensors, Floats]:
    """The baseline, (1, …) or rows to draw from, and F there: (1,), or (N,) where it differs by what goes along."""
    if ready.how.distribution:
        if isinstance(background, Report):
            raise DataError(f"{ready.method} draws rows, and a report keeps none: give background= as a frame of rows")
        baseline, mean = _drawn(model, background, weight, ready.seed)
        return baseline, np.array([mean])
    if isinstance(background, Report):
        baseline = _of_report(ready, model, background)
    else:
        whole_numbers = not all(p.is_floating_point() for p in ready.at.points)
        baseline = mean_point(model, background, weight, everything=whole_numbers)
    return baseline, ready.at.at(baseline).double().cpu().numpy()


def mean_point(
    model: Model, background: pd.DataFrame, weight: Floats | None = None, *, everything: bool = False
) -> Tensors:
    """(1, …) each: the weighted mean of the surface's points over all rows of the background, a part at a time.

    `everything`: of all inputs as they are, of whole numbers the commonest; then over all rows at once.
    """
    if not len(background):
        raise DataError("the background has no rows")
    if everything:
        return weighted_mean(surface_of(model, background, everything=True), weight)
    w = np.ones(len(background)) if weight is None else np.asarray(weight, float)
    total: list[torch.Tensor] = []
    like: Tensors = ()
    for where in slices(len(background), ROWS):
        like = weighted_mean(surface_of(model, background.iloc[where]), w[where])
        part = [m.double() * float(w[where].sum()) for m in like]
        total = [a + b for a, b in zip(total, part, strict=True)] if total else part
    return tuple((t / float(w.sum())).to(m.dtype) for t, m in zip(total, like, strict=True))


def _drawn(model: Model, background: pd.DataFrame, weight: Floats | None, seed: int) -> tuple[Tensors, float]:
    """Points of rows of the background, drawn by weight, for methods that start from many; and their mean decision."""
    if not len(background):
        raise DataError("the background has no rows")
    p = None if weight is None else np.asarray(weight, float) / float(np.sum(weight))
    whole = p is None and len(background) <= ROWS
    rng = np.random.default_rng(seed)
    rows = np.arange(len(background)) if whole else rng.choice(len(background), size=min(len(background), ROWS), p=p)
    at = surface_of(model, background.iloc[rows])
    return at.points, float(at.at(at.points).double().mean())


def _of_report(ready: Setup, model: Model, report: Report) -> Tensors:
    """The means that an attribution of this model has left in a report, in the shapes of the surface's points."""
    audited = report.provenance.model
    if audited.sha256 and audited.sha256 != model.state_sha256():
        raise DataError("background: the report is of another model, with other weights")
    points = ready.at.points
    sizes = [p[0].numel() for p in points]
    for means in _kept(report):
        if len(means) == sum(sizes) and all(p.is_floating_point() for p in points):
            parts = torch.split(torch.as_tensor(means), sizes)
            return tuple(t.reshape(1, *p.shape[1:]).to(p) for t, p in zip(parts, points, strict=True))
    raise DataError(
        "background: the report keeps no mean row of this model's inputs (it has no attribution, or the inputs are "
        "whole numbers or very many): give background= as a frame of rows"
    )


def sets_of(report: Report) -> list[list[str]]:
    """The columns that the report's attributions tell as one."""
    return next((list(seen.facts.get("as_one", ())) for seen in _attributions(report)), [])


def _kept(report: Report) -> list[Floats]:
    """Mean points, an attribution each that has one."""
    starts = (seen.tables[START].everybody for seen in _attributions(report) if START in seen.tables)
    return [np.asarray(m.mean) for m in starts if m.w]


def _attributions(report: Report) -> list[GroupSums]:
    """What the report keeps of its attributions; DataError for what cannot be read."""
    found = []
    for name, evidence in sorted(report.evidence.items()):
        if name.startswith("attribution:"):
            known = {kind.__name__: kind for kind in (AttributionRows, AttributionSums)}
            kind: Any = known.get(evidence.type, GroupSums)
            try:
                found.append(kind.from_json(evidence.data).sums())
            except EvidenceError as e:
                raise DataError(f"background: the report's attribution cannot be read: {e}") from None
    return found
