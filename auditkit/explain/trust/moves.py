"""T2, T3 and T5: does the explanation stay when steps, baseline or rows move?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from auditkit.arrays import Floats
from auditkit.explain.surface import Surface
from auditkit.explain.trust.subject import Trial, repeated
from auditkit.inputs.packing import slices
from auditkit.stats.ranks import spearman_rows

Found = tuple[dict[str, Floats], dict[str, Any]]

REAL_ROWS = 8
"""Rows of the sample that serve as a row's baseline together; one alone would tell its own story."""
DRAWS = 10
ENTRIES = 256
"""That are looked at at once."""
RADIUS = 0.02
"""Of a standard deviation: how far rows are moved."""
MANY = 20
"""Whole numbers of more different values than these count as measured where nothing else does."""
MONOTONE = 0.999
"""Rank correlation from which an entry rises or falls with a column."""


class Untried(Exception):
    """A check that does not apply; the message is the reason."""


def refined(trial: Trial) -> Found:
    """T2: ‖φ²ⁿ − φⁿ‖ / ‖φ²ⁿ‖ a row, φⁿ as shown with its own n."""
    if not trial.method.quadrature:
        raise Untried("the method has no steps to refine")
    finer = np.zeros_like(trial.phi)
    for n in np.unique(trial.steps):
        rows = np.flatnonzero(trial.steps == n)
        part = trial.at.take(torch.as_tensor(rows, device=trial.at.points[0].device))
        finer[rows] = trial.attributed(part, trial.start, n_steps=2 * int(n))
    size = np.linalg.norm(finer, axis=1)
    moved = np.linalg.norm(finer - trial.phi, axis=1)
    return {"T2": np.divide(moved, size, out=(moved > 0).astype(float), where=size > 0)}, {}


def baselines(trial: Trial, whole: Surface) -> Found:
    """T3: φ a feature from the mean, from the median and from 8 rows of the sample, their mean.

    Each row on trial has 8 rows of its own, so that what these happen to be is averaged over all rows. Methods that
    draw their baselines have 8 in common, and what each gives is kept (`T3:row k:…`).
    """
    if trial.features < 2:
        raise Untried("one feature has no ranking")
    median = tuple(entrywise(lambda x: x.nanmedian(dim=0).values, p).to(p)[None] for p in whole.points)
    by = {"mean": trial.phi, "median": trial.attributed(trial.at, median)}
    several = _from_rows(trial, whole)
    by |= {"rows": several.mean(0)} if trial.drawn is None else {f"row {k}": phi for k, phi in enumerate(several)}
    names = trial.at.groups.names
    columns = {f"T3:{b}:{name}": phi[:, j] for b, phi in by.items() for j, name in enumerate(names)}
    return columns, {"T3:starts": REAL_ROWS}


def _from_rows(trial: Trial, whole: Surface) -> Floats:
    """(8, n, G) φ from real rows: from row `orders[k, i]` for row i, or from one row k for all."""
    n, generator = len(trial.at), trial.generator(3)
    orders = torch.stack([torch.randperm(len(whole), generator=generator) for _ in range(REAL_ROWS)])
    if trial.drawn is None:
        drawn = orders[:, torch.arange(n) % len(whole)].flatten()
        each = tuple(p[drawn.to(p.device)] for p in whole.points)
        return trial.attributed(repeated(trial.at, REAL_ROWS), each).reshape(REAL_ROWS, n, -1)
    few = max(1, trial.n_steps // REAL_ROWS)
    real = tuple(p[orders[0, torch.arange(REAL_ROWS) % len(whole)].to(p.device)] for p in whole.points)
    ones = (tuple(p[k : k + 1] for p in real) for k in range(REAL_ROWS))
    return np.stack([trial.attributed(trial.at, one, n_steps=few) for one in ones])


def draws(trial: Trial, whole: Surface, features: pd.DataFrame) -> Found:
    """T5: the largest ‖φ(x + δ) − φ(x)‖ of 10 draws a row, and ‖φ(x)‖; categories and whole numbers stay."""
    moved, kind = movable(whole, features)
    if not moved:
        raise Untried("only categories and whole numbers of few values go in: there is nothing to move a little")
    generator, points = trial.generator(5), []
    mask_of = torch.as_tensor([j in moved for j in range(trial.features)])
    for p, all_, mask in zip(trial.at.points, whole.points, trial.at.groups.masks, strict=True):
        if not p.is_floating_point():
            points.append(p.repeat(DRAWS, *(1,) * (p.ndim - 1)))
            continue
        sigma = spread(all_).to(p.dtype) * mask_of[mask[0].cpu()].to(p.device, p.dtype)
        noise = torch.rand((DRAWS, *p.shape), generator=generator, dtype=torch.float32).mul_(2).sub_(1)
        points.append(noise.to(p.device, p.dtype).mul_(RADIUS * sigma).add_(p).flatten(0, 1))  # no copies beside it
    here = trial.attributed(trial.at, trial.start)
    many = replace(repeated(replace(trial.at, points=()), DRAWS), points=tuple(points))
    there = trial.attributed(many, trial.start).reshape(DRAWS, *here.shape)
    largest = np.linalg.norm(there - here, axis=2).max(0)
    names = [trial.at.groups.names[j] for j in sorted(moved)]
    return {"T5": largest, "T5:size": np.linalg.norm(here, axis=1)}, {"T5:moved": len(names), "T5:kind": kind}


def spread(points: torch.Tensor) -> torch.Tensor:
    """(…) standard deviations of the entries over the rows that have them; 0 where none has."""
    return entrywise(_deviations, points)


def entrywise(of: Callable[[torch.Tensor], torch.Tensor], points: torch.Tensor) -> torch.Tensor:
    """(…) what a function makes of (N, entries) in double precision, asked for some entries at a time.

    Of all pictures of a sample at once it would take more memory than all else.
    """
    flat = points.reshape(len(points), -1)
    out = flat.new_empty(flat.shape[1], dtype=torch.float64)
    for at in slices(flat.shape[1], ENTRIES):
        out[at] = of(flat[:, at].double())
    return out.reshape(points.shape[1:])


def _deviations(x: torch.Tensor) -> torch.Tensor:
    known = x.isfinite()
    n = known.sum(0).clamp(min=1)
    mean = torch.where(known, x, 0.0).sum(0) / n
    return (torch.where(known, x - mean, 0.0) ** 2).sum(0).div(n).sqrt()


def movable(whole: Surface, features: pd.DataFrame) -> tuple[set[int], str]:
    """Features that may be moved a little, and what they are.

    A feature of raw columns is measured if all of its columns hold numbers that are not all whole; where there is no
    such feature, whole numbers of many different values do, if an entry rises or falls with them (a category's code
    does not). Features that are no raw columns, parts of an image, are measured. Entries of two values at most, as
    one-hot blocks hold, never move.
    """
    values = _values(whole)
    names = whole.groups.names
    known = {str(c): features[c] for c in features.columns}
    columns = [[known.get(part) for part in ([name] if name in known else name.split(" + "))] for name in names]
    free = {j for j in range(len(names)) if values[j] > 2}

    measured = {j for j in free if all(c is None or _fractional(c) for c in columns[j])}
    if measured:
        return measured, "measured"
    return {j for j in free if all(c is not None and _counts(c, whole, j) for c in columns[j])}, "whole"


def _counts(column: pd.Series, whole: Surface, feature: int) -> bool:
    """Whole numbers of many different values, which an entry of the input rises or falls with."""
    if not pd.api.types.is_numeric_dtype(column) or column.nunique() <= MANY:
        return False
    x = column.to_numpy(dtype=np.float64, na_value=np.nan)
    for points, mask in zip(whole.points, whole.groups.masks, strict=True):
        own = (mask[0] == feature).flatten()
        entries = points.reshape(len(points), -1)[:, own.to(points.device)].T.double().cpu().numpy()
        if len(entries) and (np.abs(spearman_rows(np.tile(x, (len(entries), 1)), entries)) > MONOTONE).any():
            return True
    return False


def _fractional(column: pd.Series) -> bool:
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    x = column.to_numpy(dtype=np.float64, na_value=np.nan)
    x = x[np.isfinite(x)]
    return bool(len(x)) and bool((x != np.round(x)).any())


def _values(whole: Surface) -> list[int]:
    """The most different values that any entry of each feature takes, counted up to 1 more than `MANY`."""
    most = [0] * len(whole.groups.names)
    for points, mask in zip(whole.points, whole.groups.masks, strict=True):
        entries = points[:256].reshape(min(256, len(points)), -1).detach().cpu().numpy()
        ordered = np.sort(entries, axis=0)  # what is missing comes last
        changes = ((np.diff(ordered, axis=0) != 0) & np.isfinite(ordered[1:])).sum(0) + 1
        for j, count in zip(mask.flatten().tolist(), changes.tolist(), strict=True):
            most[j] = max(most[j], min(count, MANY + 1))
    return most
