"""Local explanations: what moved the score of each of a few rows, and whether that may be believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from auditkit.arrays import Bools, Floats, Ints
from auditkit.errors import DataError, NotExplained, listing
from auditkit.explain.attributions.study import Setup, attributed, from_there
from auditkit.explain.captum_calls import Tensors
from auditkit.explain.cases.background import enough, sets_of, starting_point
from auditkit.explain.cases.expected import EXPECTED, expected_of_rows
from auditkit.explain.entangled import as_one, told_as_one
from auditkit.explain.methods.catalogue import method_of
from auditkit.explain.methods.names import MOST_STEPS, checked_steps
from auditkit.explain.preflight import examined
from auditkit.explain.surface import Surface
from auditkit.explain.trust.records import T1_LIMIT, completeness, completeness_check, preflight_check
from auditkit.explain.words.study import words_of_rows
from auditkit.inputs.model import Model
from auditkit.inputs.texts import tokens_in
from auditkit.progress_bar import Asked, shown
from auditkit.records import Report, TrustCheck


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
    words: tuple[tuple[tuple[str, float], ...], ...] = ()
    """(N,) of texts the words of each, in reading order, with their contributions; with what is no word (padding,
    special tokens, in brackets, behind them) they add up to that of the text's column. Empty without texts, and of
    methods that move a text as a whole (Shapley values)."""

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
    background: pd.DataFrame | Report | None = None,
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
        Rows whose mean encoded row is the baseline, with `weight` (M,), or a report of an audit of this model with an
        attribution, which keeps that mean (methods that draw rows need a frame). None: the rows themselves, if there
        are 20 or more of them: fewer would be compared with themselves.
    groups
        What belongs to which feature, as `Model(feature_map=…)`; None: what the model says, and columns that cannot be
        moved apart in the background are one feature, `a + b`.
    label
        Multiclass: the position of the class to explain.
    n_steps
        Quadrature steps to begin with; None: 32 for a smooth net, 64 for others.
    max_steps
        Rows whose contributions do not add up go again at twice the steps, up to so many; at most 4096.
    progress
        Called with (what, done, total); None: a bar where stderr is a terminal; False: nothing.

    `expected_gradients` and `gradient_shap` start from every row of the background (512 of them, drawn, of more), with
    more points of the way until the contributions add up, or fail to.

    Raises ModelError for an unknown method, a model that mixes its rows or has no gradient; DataError for no rows, for
    fewer than 20 without a background, for anything but a frame (and a report), for rows that lack columns of the
    background, and for a report of another model or without an attribution.

    >>> import torch
    >>> net = torch.nn.Linear(2, 1)
    >>> rows = pd.DataFrame({"a": [0.0, 2.0], "b": [1.0, 1.0]})
    >>> found = explain(Model(net), rows.head(1), background=rows)
    >>> list(found.frame.columns), bool(found.holds.all())
    (['a', 'b'], True)
    """
    method_of(method)
    checked_steps(n_steps, max_steps)
    frame = None if isinstance(background, Report) else background
    rows = _columns_of(rows, frame, named=model.preprocess is None)
    if not len(rows):
        raise DataError("there are no rows to explain")
    texts = groups is None and tokens_in(model.feature_map_given) is not None
    told = partial(words_of_rows, model, rows) if texts else None
    model = _with_features(model, rows, background, groups)
    if model.kind.several:
        if label is None:
            raise NotExplained("a model of several classes: say which one to explain, by its position, label=…")
        model = model.of_output(label)
    others = enough(rows) if background is None else background
    with shown(progress), examined(model, rows):
        work = partial(_explained, model=model, index=rows.index, background=others, weight=weight, told=told)
        return attributed(work, model, rows, method, n_steps=n_steps, max_steps=max_steps, seed=seed)


def _explained(
    ready: Setup,
    *,
    model: Model,
    index: pd.Index[Any],
    background: pd.DataFrame | Report,
    weight: Floats | None,
    told: Callable[[Surface, Tensors], tuple[tuple[tuple[str, float], ...], ...]] | None,
) -> LocalExplanation:
    baseline, start = starting_point(ready, model, background, weight)
    if ready.method in EXPECTED:
        found, parts = expected_of_rows(ready, baseline, float(start[0]))
    else:
        found, parts = from_there(ready, ready.at, baseline, start)
        if ready.how.distribution and found.epsilon is None:  # true of the mean over all draws, so asked of these
            found = found._replace(epsilon=completeness(found.phi.sum(1), found.delta))
    checks = () if found.epsilon is None else (completeness_check(found.epsilon, found.steps),)
    return LocalExplanation(
        frame=pd.DataFrame(found.phi, index=index, columns=list(found.columns)),
        delta=found.delta,
        epsilon=found.epsilon,
        steps=found.steps,
        method=found.method,
        explained=model.explained,
        trust=(preflight_check(), *checks),
        words=() if told is None or not ready.how.needs_gradient else told(ready.at, parts),
        parts=tuple(t.cpu().numpy() for t in parts),
    )


def _with_features(model: Model, rows: pd.DataFrame, background: pd.DataFrame | Report | None, groups: Any) -> Model:
    """The model with the features that are told: those given, or its own, of which some are told as one."""
    if groups is not None:
        return model.replaced(feature_map=groups)
    if isinstance(background, Report):
        return told_as_one(model, rows, sets_of(background))
    return as_one(model, rows if background is None else background)[0]


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
