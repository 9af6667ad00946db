"""Local explanations: what moved the score of each of a few rows, and whether that may be believed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from auditkit.arrays import Bools, Floats, Ints
from auditkit.errors import DataError, NotExplained, listing
from auditkit.explain.attributions.study import Setup, attributed, from_there, surface_of, weighted_mean
from auditkit.explain.captum_calls import Tensors
from auditkit.explain.methods.catalogue import method_of
from auditkit.explain.methods.names import MOST_STEPS, checked_steps
from auditkit.explain.preflight import examined
from auditkit.explain.trust.records import T1_LIMIT, completeness_check, preflight_check
from auditkit.inputs.model import Model
from auditkit.inputs.packing import slices
from auditkit.progress_bar import Asked, shown
from auditkit.records import TrustCheck

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
    steps: Ints
    """(N,) quadrature steps used."""
    method: str
    explained: str
    """logit, probability or prediction."""
    trust: tuple[TrustCheck, ...]
    parts: tuple[Any, ...] = ()
    """The same before summing: arrays (N, …) of the shapes of the net's inputs (of its embeddings' outputs)."""

    @property
    def holds(self) -> Bools:
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
    max_steps: int = MOST_STEPS,
    seed: int = 0,
    progress: Asked = None,
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
        Quadrature steps to begin with; None: 32 for a smooth net, 64 for others.
    max_steps
        Rows whose contributions do not add up go again at twice the steps, up to so many; at most 4096.
    progress
        Called with (what, done, total); None: a bar where stderr is a terminal; False: nothing.

    Raises ModelError for an unknown method, a model that mixes its rows or has no gradient; DataError for no rows, for
    anything but a frame, and for rows that lack columns of the background.

    >>> net = torch.nn.Linear(2, 1)
    >>> found = explain(Model(net), pd.DataFrame({"a": [0.0, 2.0], "b": [1.0, 1.0]}))
    >>> list(found.frame.columns), bool(found.holds.all())
    (['a', 'b'], True)
    """
    method_of(method)
    checked_steps(n_steps, max_steps)
    rows = _columns_of(rows, background, named=model.preprocess is None)
    if not len(rows):
        raise DataError("there are no rows to explain")
    if groups is not None:
        model = model.replaced(feature_map=groups)
    if model.kind.several:
        if label is None:
            raise NotExplained("a model of several classes: say which one to explain, by its position, label=…")
        model = model.of_output(label)
    others = rows if background is None else background
    with shown(progress), examined(model, rows):
        work = partial(_explained, model=model, index=rows.index, background=others, weight=weight)
        return attributed(work, model, rows, method, n_steps=n_steps, max_steps=max_steps, seed=seed)


def _explained(
    ready: Setup, *, model: Model, index: pd.Index[Any], background: pd.DataFrame, weight: Floats | None
) -> LocalExplanation:
    if ready.how.distribution:
        baseline, mean = drawn_rows(model, background, weight, ready.seed)
        start = np.array([mean])
    else:
        whole_numbers = not all(p.is_floating_point() for p in ready.at.points)
        baseline = mean_point(model, background, weight, everything=whole_numbers)
        start = ready.at.at(baseline).double().cpu().numpy()
    found, parts = from_there(ready, ready.at, baseline, start)
    checks = () if found.epsilon is None else (completeness_check(found.epsilon, found.steps),)
    return LocalExplanation(
        frame=pd.DataFrame(found.phi, index=index, columns=list(found.columns)),
        delta=found.delta,
        epsilon=found.epsilon,
        steps=found.steps,
        method=found.method,
        explained=model.explained,
        trust=(preflight_check(), *checks),
        parts=tuple(t.cpu().numpy() for t in parts),
    )


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
    for where in slices(len(background), BACKGROUND_ROWS):
        like = weighted_mean(surface_of(model, background.iloc[where]), w[where])
        part = [m.double() * float(w[where].sum()) for m in like]
        total = [a + b for a, b in zip(total, part, strict=True)] if total else part
    return tuple((t / float(w.sum())).to(m.dtype) for t, m in zip(total, like, strict=True))


def drawn_rows(model: Model, background: pd.DataFrame, weight: Floats | None, seed: int) -> tuple[Tensors, float]:
    """Points of rows of the background, drawn by weight, for methods that start from many; and their mean decision."""
    p = None if weight is None else np.asarray(weight, float) / float(np.sum(weight))
    size = min(len(background), BACKGROUND_ROWS)
    at = surface_of(model, background.iloc[np.random.default_rng(seed).choice(len(background), size=size, p=p)])
    return at.points, float(at.at(at.points).double().mean())


def _columns_of(rows: pd.DataFrame, background: pd.DataFrame | None, *, named: bool) -> pd.DataFrame:
    """The rows, their columns in the order of the background's, so that both mean the same to the net."""
    for what, given in (("rows", rows), ("background", background)):
        if given is not None and not isinstance(given, pd.DataFrame):
            raise DataError(f"{what}: expected a pandas frame of raw rows, got {type(given).__name__}")
    if background is None:
        return rows
    lacking = [c for c in background if c not in rows]
    if not lacking:
        return rows[list(background.columns)]
    if named:  # every column is an input
        raise DataError(f"the rows lack columns of the background: {listing(lacking)}")
    return rows
