"""T12: is each column's contribution what taking that column away does?"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from auditkit.arrays import Floats
from auditkit.explain.captum_calls import Tensors
from auditkit.explain.methods.shapley import shapley_values
from auditkit.explain.trust.moves import Found, Untried
from auditkit.explain.trust.single_sums import FLOOR, MISS, ROOM
from auditkit.explain.trust.subject import Trial

STARTS = 6
"""Rows that a method's baseline is drawn from, where it draws."""


def single_columns(trial: Trial, delta: Floats) -> Found:
    """T12: |φ_j − s_j| a row and column, and the room that there is for it.

    s_j is the Shapley value, what taking j away does on average over which others are there. Right methods differ from
    it, and from each other, by as much as columns interact: the room is |F(x) − F(x without j) − (F(b with j) − F(b))|,
    how much what j does depends on the others, with two standard errors of s_j and 1 % of the mean score difference.
    """
    if trial.features < 2:
        raise Untried("one column has the whole score difference")
    if not trial.method.adds_up and trial.drawn is None:
        raise Untried("the method does not promise contributions in the unit of the score")
    if trial.shapley is None:
        raise Untried("so many features have no Shapley values to compare with")
    if trial.drawn is None:
        values, error = trial.shapley.phi.cpu(), trial.shapley.error.nan_to_num().cpu()
        interacts = interaction(trial, trial.baseline)
    else:
        values, error, interacts = _from_rows(trial)
    miss = (torch.as_tensor(trial.phi) - values).abs().numpy()
    room = (interacts + 2 * error).numpy() + FLOOR * np.abs(delta).mean()
    names = trial.at.groups.names
    columns = {f"{MISS}{name}": miss[:, j] for j, name in enumerate(names)}
    return columns | {f"{ROOM}{name}": room[:, j] for j, name in enumerate(names)}, {}


def interaction(trial: Trial, baseline: Tensors) -> Tensor:
    """(n, G): how much what a feature does differs between all others taken and all others left."""
    n, g = len(trial.at), trial.features
    alone = torch.eye(g, dtype=torch.bool).repeat(n, 1)
    both = torch.tensor([[False], [True]]).expand(2, g).repeat(n, 1)
    each, row = torch.cat([alone, ~alone, both]), torch.arange(n)
    rows = torch.cat([row.repeat_interleave(g)] * 2 + [row.repeat_interleave(2)])
    found = trial.values(each, rows, baseline=baseline)
    first, others, ends = found[: n * g].reshape(n, g), found[n * g : 2 * n * g].reshape(n, g), found[2 * n * g :]
    none, whole = ends.reshape(n, 2).T
    out: Tensor = ((whole[:, None] - others) - (first - none[:, None])).abs()
    return out


def _from_rows(trial: Trial) -> tuple[Tensor, Tensor, Tensor]:
    """The same from the rows that the method draws its baselines from, 6 of them: means over these."""
    assert trial.drawn is not None
    n, found, interacts = len(trial.at), [], []
    generator = trial.generator(12)
    for _ in range(STARTS):
        rows = torch.randint(len(trial.drawn[0]), (n,), generator=generator)
        start = tuple(t[rows.to(t.device)] for t in trial.drawn)
        with torch.no_grad():
            found.append(shapley_values(trial.at, start, permutations=2, exact=False, by="orders").phi.cpu())
        interacts.append(interaction(trial, start))
    values = torch.stack(found)
    error = values.std(0) / STARTS**0.5
    return values.mean(0), error, torch.stack(interacts).mean(0)
