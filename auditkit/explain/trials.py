"""The trial of an attribution: raw numbers of T2–T9 for at most 256 rows, from which `readings` reads the checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from auditkit.check import Batch
from auditkit.evidence.sample import Observations
from auditkit.explain.attribution import NotExplained, surface_of, weighted_mean
from auditkit.explain.driving import rows_per_call
from auditkit.explain.methods import Method
from auditkit.explain.preflight import undisturbed
from auditkit.explain.surface import Surface
from auditkit.explain.trial import Trial
from auditkit.explain.trials_answers import agreement, planted, randomised
from auditkit.explain.trials_effects import effects, orders
from auditkit.explain.trials_moves import Untried, baselines, draws, refined
from auditkit.inputs.model import Model
from auditkit.progress import tell

if TYPE_CHECKING:
    from auditkit.explain.attribution import Explained

Floats = NDArray[np.float64]
Columns = dict[str, Floats]

ROWS = 256
"""Rows on trial, at most."""
FEWEST = 32
"""And of nets whose single rows take much memory, and so much time."""
STEPS = 32
"""Quadrature steps of what is attributed again, at most: enough to compare with."""
ERRORS = (RuntimeError, TypeError, ValueError, NotImplementedError, AssertionError, AttributeError, IndexError)
"""What a method may raise when it is asked something unusual; then that check was not run, and the reason is kept."""


def tried(model: Model, sample: Batch, explained: Explained, method: Method, *, seed: int = 0) -> Observations:
    """Put the attributions of a sample on trial, by its first 256 rows (fewer of a net with heavy rows, at least 32).

    The model is left exactly as found. One row a row on trial; columns are named by the check that they belong to
    (`T5`, `T6:own 1 aa`, …), the facts hold what was drawn and, in `not_tried`, which checks were not and why.
    """
    with undisturbed(model):
        whole = surface_of(model, sample.features)
        rows = min(ROWS, max(FEWEST, rows_per_call(whole, copies=1) // 8))
        at = whole.take(slice(rows))
        trial = Trial(
            at,
            weighted_mean(whole, sample.weight),
            method,
            explained.phi[:rows],
            explained.steps[:rows],
            n_steps=min(STEPS, int(explained.steps.min())),
            seed=seed,
        )
        return numbers(trial, whole, model, sample)


def numbers(trial: Trial, whole: Surface, model: Model, sample: Batch) -> Observations:
    """The raw numbers of all checks; `whole` is the surface of the sample whose first rows are on trial."""
    n, rows = len(trial.at), sample.features.head(len(trial.at))
    everything = torch.ones(n, trial.features, dtype=torch.bool)
    where = torch.arange(n)
    delta = (trial.values(everything, where) - trial.values(~everything, where)).numpy()
    weight = np.ones(n) if sample.weight is None else np.asarray(sample.weight[:n], float)
    columns: Columns = {"weight": weight, "delta": delta}
    facts: dict[str, Any] = {"seed": trial.seed, "features": list(trial.at.groups.names), "not_tried": {}}
    checks: dict[str, Callable[[], tuple[Columns, dict[str, Any]]]] = {
        "T2": lambda: refined(trial),
        "T3": lambda: baselines(trial, whole, weight),
        "T4": lambda: randomised(trial, model, rows),
        "T5": lambda: draws(trial, whole, sample.features),
        "T6": lambda: effects(trial),
        "T7": lambda: orders(trial, delta),
        "T8": lambda: agreement(trial),
        "T9": lambda: planted(trial, whole, delta),
    }
    for k, (name, check) in enumerate(checks.items()):
        try:
            found, more = check()
            columns |= found
            facts |= more
        except Untried as e:
            facts["not_tried"][name] = str(e)
        except (NotExplained, *ERRORS) as e:
            facts["not_tried"][name] = f"the method cannot be asked this ({type(e).__name__}: {str(e)[:120]})"
        tell("checking the explanation", k + 1, len(checks))
    labels = {str(c): sample.groups[c].astype("str").tolist()[:n] for c in sample.groups}
    return Observations(columns, labels, facts)
