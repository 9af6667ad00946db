"""Raw numbers of T2–T9 for at most 256 rows of an attribution, from which `readings` reads the checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from auditkit.arrays import Floats
from auditkit.batch import Batch
from auditkit.errors import NotExplained, out_of_memory
from auditkit.evidence.observations import Observations
from auditkit.evidence.sample import weights_of
from auditkit.explain.attributions.study import drawn_points, surface_for, surface_of, weighted_mean
from auditkit.explain.captum_calls import rows_per_call
from auditkit.explain.methods.catalogue import Method, method_of
from auditkit.explain.methods.gradients import output
from auditkit.explain.preflight import undisturbed
from auditkit.explain.surface import Surface
from auditkit.explain.trust.comparisons import agreement, planted, randomised
from auditkit.explain.trust.effects import effects, orders
from auditkit.explain.trust.moves import Untried, baselines, draws, refined
from auditkit.explain.trust.single import single_columns
from auditkit.explain.trust.subject import Trial
from auditkit.explain.trust.together import Together
from auditkit.explain.untrained import untrained
from auditkit.inputs.model import Model
from auditkit.progress import raised_by_listener, tell

if TYPE_CHECKING:
    from auditkit.explain.attributions.study import Explained

Columns = dict[str, Floats]
Build = Callable[[Model, pd.DataFrame], Surface]
"""(model, raw rows) → the surface that is explained."""

ROWS = 256
"""Rows on trial, at most."""
FEWEST = 32
"""And of nets whose single rows take much memory, and so much time."""
STEPS = 32
"""Quadrature steps of what is attributed again, at most: enough to compare with."""
OF_SINGLE_ROWS = ("T5", "T6", "T7", "T12")
"""Checks that ask each row's own contributions."""
ERRORS = (RuntimeError, TypeError, ValueError, NotImplementedError, AssertionError, AttributeError, IndexError)
"""What a method may raise when it is asked something unusual; then that check was not run, and the reason is kept."""


def tried(
    model: Model,
    sample: Batch,
    explained: Explained,
    method: Method,
    *,
    build: Build = surface_of,
    seed: int = 0,
) -> Observations:
    """Put the attributions of a sample on trial, by its first 256 rows (fewer of heavy rows, at least 32).

    The model is left exactly as found. One row a row on trial; columns are named by the check that they belong to
    (`T5`, `T6:changes`, …), the facts hold what was drawn and, in `not_tried`, which checks were not and why.
    `build` makes the surface of a model that was explained; copies of the model get theirs by it too.
    """
    with undisturbed(model):
        whole = build(model, sample.features)
        trial = _trial(whole, sample, explained, method, seed=seed)
        rows = sample.features.head(len(trial.at))
        return numbers(trial, whole, sample, copies=lambda seed: build(_copied(model, seed), rows))


def of_method(model: Model, sample: Batch, explained: Explained) -> Observations:
    """`tried`, with the method that was used in the end, and the surface that it explains."""
    how = method_of(explained.method)
    return tried(model, sample, explained, how, build=lambda m, rows: surface_for(m, rows, how))


def of_classes(model: Model, sample: Batch, explained: Sequence[Explained]) -> list[Observations]:
    """`of_method` for the probability of each class of a multiclass model.

    The rows are shared out among the classes, 32 each at least, and what all of them ask the net is asked once.
    """
    how, together = method_of(explained[0].method), Together(len(explained))
    most, seen = max(FEWEST, ROWS // len(explained)), []
    with undisturbed(model):
        every = surface_for(model, sample.features, how, scale="score")
        for k, own in enumerate(explained):
            whole = output(every, k)
            trial = replace(_trial(whole, sample, own, how, most=most), together=together)
            rows = sample.features.head(len(trial.at))

            def copies(seed: int, k: int = k, rows: pd.DataFrame = rows) -> Surface:
                of_all = lambda: surface_for(_copied(model, seed), rows, how, scale="score")  # noqa: E731
                return output(together.once(("copy", seed), of_all), k)

            seen.append(numbers(trial, whole, sample, copies=copies))
    return seen


def _trial(
    whole: Surface, sample: Batch, explained: Explained, method: Method, *, seed: int = 0, most: int = ROWS
) -> Trial:
    rows = min(most, max(FEWEST, rows_per_call(whole, copies=1) // 8))
    return Trial(
        whole.take(slice(rows)),
        weighted_mean(whole, sample.weight),
        method,
        _of_all(explained, whole)[:rows],
        explained.steps[:rows],
        n_steps=max(1, min(STEPS, int(explained.steps.min()))),
        seed=seed,
        drawn=drawn_points(whole, sample.weight, seed) if getattr(method, "distribution", False) else None,
    )


def _of_all(explained: Explained, whole: Surface) -> Floats:
    """(N, G): φ of every feature of the surface, 0 of those that cannot be moved."""
    phi = np.zeros((len(explained.phi), len(whole.groups.names)))
    phi[:, [whole.groups.names.index(name) for name in explained.columns]] = explained.phi
    return phi


def numbers(trial: Trial, whole: Surface, sample: Batch, *, copies: Callable[[int], Surface]) -> Observations:
    """The raw numbers of all checks; `whole` is the surface of the sample whose first rows are on trial.

    `copies` gives the surface of the rows on trial of a copy of the net with new weights, by its seed.
    """
    n = len(trial.at)
    everything = torch.ones(n, trial.features, dtype=torch.bool)
    where = torch.arange(n)
    delta = (trial.values(everything, where) - trial.values(~everything, where)).numpy()
    columns: Columns = {**weights_of(sample).at(slice(n)).columns(), "delta": delta}
    facts: dict[str, Any] = {
        "seed": trial.seed,
        "features": list(trial.at.groups.names),
        "adds_up": trial.method.adds_up,
        "not_tried": {},
    }
    checks: dict[str, Callable[[], tuple[Columns, dict[str, Any]]]] = {
        "T2": lambda: refined(trial),
        "T3": lambda: baselines(trial, whole),
        "T4": lambda: randomised(trial, copies),
        "T5": lambda: draws(trial, whole, sample.features),
        "T6": lambda: effects(trial),
        "T7": lambda: orders(trial, delta),
        "T8": lambda: agreement(trial),
        "T9": lambda: planted(trial, whole, delta),
        "T12": lambda: single_columns(trial, delta),
    }
    for k, (name, check) in enumerate(checks.items()):
        try:
            if trial.method.for_means and name in OF_SINGLE_ROWS:
                raise Untried("the method draws one baseline a row: only its means over rows say something")
            found, more = check()
            columns |= found
            facts |= more
        except (Untried, NotExplained) as e:
            facts["not_tried"][name] = str(e)
        except ERRORS as e:
            if out_of_memory(e) or raised_by_listener(e):
                raise
            facts["not_tried"][name] = f"the method cannot be asked this ({type(e).__name__})"  # its words quote rows
        tell("checking the explanation", k + 1, len(checks))
    return Observations(columns, sample.labels(slice(n)), facts)


def _copied(model: Model, seed: int) -> Model:
    if not model.parameters():
        raise Untried("the net has no parameters that could be drawn anew")
    return untrained(model, seed=seed)


def by_class(trials: Mapping[str, Observations]) -> Observations:
    """The trials of several classes as one table: columns and facts of each are named `<class>|…`."""
    first = next(iter(trials.values()))
    columns = {f"{label}|{c}": v for label, t in trials.items() for c, v in t.columns.items()}
    return Observations(
        columns, first.labels, {f"{label}|{k}": v for label, t in trials.items() for k, v in t.facts.items()}
    )
