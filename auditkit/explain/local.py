"""Local explanations: what moved the score of each of a few rows, and whether that may be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from auditkit.errors import DataError, ModelError, listing, nearest
from auditkit.explain.attribution import (
    MOST_STEPS,
    STEPS_KINKED,
    STEPS_SMOOTH,
    NotExplained,
    differentiable,
    surface_of,
    weighted_mean,
)
from auditkit.explain.driving import Tensors
from auditkit.explain.methods import METHODS
from auditkit.explain.preflight import ROWS, preflight, unchanged, undisturbed
from auditkit.explain.surface import Surface
from auditkit.explain.trust import T1_LIMIT, completeness, completeness_check, preflight_check
from auditkit.inputs.groups import summed
from auditkit.inputs.model import Model
from auditkit.records import TrustCheck

Floats = NDArray[np.float64]

BACKGROUND_ROWS = 512
"""Rows that are encoded at a time for the mean of a background."""


@dataclass(frozen=True)
class LocalExplanation:
    """Attributions of N rows in raw column names, from one baseline, with their checks."""

    frame: pd.DataFrame
    """(N, features) signed contributions in the unit of `explained`, under the index of the rows."""
    delta: Floats
    """(N,) F(x) − F(baseline): what the contributions of a row should add up to."""
    epsilon: Floats | None
    """(N,) T1, how far they miss it, relative; None for a method that does not promise it."""
    steps: NDArray[np.int64]
    """(N,) quadrature steps used."""
    method: str
    explained: str
    """logit, probability or prediction."""
    trust: tuple[TrustCheck, ...]
    parts: tuple[Any, ...] = ()
    """The same before summing: arrays (N, …) of the shapes of the net's inputs (of its embeddings' outputs)."""

    @property
    def holds(self) -> NDArray[np.bool_]:
        """(N,) rows whose contributions add up, within 5 %; all, where the method promises no sum."""
        if self.epsilon is None:
            return np.ones(len(self.frame), dtype=bool)
        return np.asarray(self.epsilon <= T1_LIMIT)

    def __len__(self) -> int:
        return len(self.frame)

    def _repr_html_(self) -> str:
        shown = self.frame.assign(**{"Σ should be": self.delta, "holds": self.holds})
        return str(shown.round(4).to_html())


def explain(
    model: Model,
    rows: pd.DataFrame,
    *,
    method: str = "integrated_gradients",
    background: pd.DataFrame | None = None,
    weight: Floats | None = None,
    groups: Any = None,
    label: int | None = None,
    n_steps: int | None = None,
    seed: int = 0,
) -> LocalExplanation:
    """What moved the score of each row away from the score of the average row.

    Parameters
    ----------
    model, rows
        A `Model`, left exactly as found, and a frame of raw rows, as the model is given them.
    method
        A name of the catalogue of attributions.
    background
        Rows whose mean encoded row is the baseline, with `weight` (M,); None: the rows themselves.
    groups
        What belongs to which feature, as `Model(feature_map=…)`; None: what the model says.
    label
        Multiclass: the position of the class to explain.
    n_steps
        Quadrature steps to begin with; None: 32 for a smooth net, 64 for others. Rows whose contributions do not add
        up go again at twice the steps, up to 512.

    Raises ModelError for an unknown method, a model that mixes its rows or has no gradient; DataError for no rows.

    >>> net = torch.nn.Linear(2, 1)
    >>> found = explain(Model(net), pd.DataFrame({"a": [0.0, 2.0], "b": [1.0, 1.0]}))
    >>> list(found.frame.columns), bool(found.holds.all())
    (['a', 'b'], True)
    """
    if method not in METHODS:
        raise ModelError(
            f"unknown attribution method {method!r}; this version knows: {listing(METHODS)}.{nearest(method, METHODS)}"
        )
    if not len(rows):
        raise DataError("there are no rows to explain")
    if groups is not None:
        model = model.replaced(feature_map=groups)
    if model.task == "multiclass":
        if label is None:
            raise NotExplained("a model of several classes: say which one to explain, by its position, label=…")
        model = model.of_output(label)
    before = model.state_sha256()
    preflight(model, rows)
    with undisturbed(model):
        at = surface_of(model, rows)
        smooth = not METHODS[method].needs_gradient or differentiable(at.take(slice(ROWS)))
        start = n_steps or (STEPS_SMOOTH if smooth else STEPS_KINKED)
        baseline = mean_point(model, rows if background is None else background, weight)
        found, delta, epsilon, steps = _attributed(at, baseline, method, start, seed)
    unchanged(model, before)
    phi = summed(at.groups, found).cpu().numpy()
    checks = (preflight_check(),) if epsilon is None else (preflight_check(), completeness_check(epsilon, steps))
    explained = "logit" if model.outputs == "logits" else "probability"
    return LocalExplanation(
        frame=pd.DataFrame(phi, index=rows.index, columns=list(at.groups.names)),
        delta=delta,
        epsilon=epsilon,
        steps=steps,
        method=method,
        explained="prediction" if model.task == "regression" else explained,
        trust=checks,
        parts=tuple(t.cpu().numpy() for t in found),
    )


def mean_point(model: Model, background: pd.DataFrame, weight: Floats | None = None) -> Tensors:
    """(1, …) each: the weighted mean of the surface's points over all rows of the background, a part at a time."""
    w = np.ones(len(background)) if weight is None else np.asarray(weight, float)
    total: list[torch.Tensor] | None = None
    like: Tensors = ()
    for start in range(0, len(background), BACKGROUND_ROWS):
        where = slice(start, start + BACKGROUND_ROWS)
        at = surface_of(model, background.iloc[where])
        like = weighted_mean(at, w[where])
        part = [m.double() * float(w[where].sum()) for m in like]
        total = part if total is None else [a + b for a, b in zip(total, part, strict=True)]
    if total is None:
        raise DataError("the background has no rows")
    return tuple((t / float(w.sum())).to(m.dtype) for t, m in zip(total, like, strict=True))


def _attributed(
    at: Surface, baseline: Tensors, method: str, start: int, seed: int
) -> tuple[Tensors, Floats, Floats | None, NDArray[np.int64]]:
    """Contributions, ΔF, T1's ε and the steps used; rows that miss T1 again at twice the steps."""
    how = METHODS[method]
    delta = (at.at(at.points) - at.at(baseline)).double().cpu().numpy()
    steps = np.full(len(at), start, dtype=np.int64)
    found = how.attribute(at, baseline, n_steps=start, seed=seed)
    if not all(bool(t.isfinite().all()) for t in found):
        raise NotExplained("the net's gradient to its input is NaN or infinite")
    if not how.adds_up:
        return found, delta, None, steps
    while True:
        epsilon = completeness(summed(at.groups, found).sum(1).cpu().numpy(), delta)
        missed = np.flatnonzero((epsilon > T1_LIMIT) & (steps < MOST_STEPS))
        if not len(missed) or not how.quadrature:
            return found, delta, epsilon, steps
        steps[missed] = min(2 * int(steps[missed[0]]), MOST_STEPS)
        where = torch.as_tensor(missed)
        own = baseline if len(baseline[0]) == 1 else tuple(b[where] for b in baseline)
        again = how.attribute(at.take(where), own, n_steps=int(steps[missed[0]]), seed=seed)
        for whole, part in zip(found, again, strict=True):
            whole[where] = part
