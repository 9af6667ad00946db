"""What training on each row added to a gap: the gap's slope, through the inverse curvature, along each row's loss."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.arrays import Floats, Ints
from auditkit.batch import Batch
from auditkit.errors import NotExplained
from auditkit.evidence.sample import row_copies, row_weights
from auditkit.explain.all_rows import of_scores
from auditkit.explain.asking import answering, finite
from auditkit.explain.estimates import group_means
from auditkit.explain.influence.curvature import Curvature
from auditkit.explain.influence.sums import DRAWN
from auditkit.explain.influence.tangent import Tangent, by_weights, centres, rows_of_a_graph, trained
from auditkit.explain.preflight import preflight, unchanged, undisturbed
from auditkit.formatting import percent
from auditkit.inputs.loading import load_weights
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, n_rows, slices, taken
from auditkit.progress import tell

MEMORY = 4 * 2**30
"""Bytes of the vectors that are held at a time, at most."""
EXACTLY, ROUGHLY = 0.001, 0.005
"""The residual at which solving ends: for what rows push, and for how much that depends on which rows were drawn."""
UNSOLVED = 20
"""So many times as much left, and the curvature counts as not inverted."""
SEED = 0
"""Of the rows that curvature is told by, and of the signs."""


class Gap(NamedTuple):
    """A difference of two weighted mean scores, Σ coefficient · score."""

    coefficient: Floats
    """(N,) of the sampled rows."""
    value: float
    lower: str
    """The group of the lower mean."""
    upper: str


def gap_of(model: Model, sample: Batch, attribute: str) -> Gap | None:
    """The gap of the pair that carries the lower limit over all rows; where these are not known, of the groups of
    highest and lowest mean score. None with fewer than two of ten rows."""
    score = np.asarray(sample.y_pred if sample.score is None else sample.score, float)
    weight, label = row_weights(sample), sample.groups[attribute].astype("str").to_numpy()
    means = group_means(score, weight, label, copies=row_copies(sample))
    if len(means) < 2:
        return None
    all_rows = of_scores(sample.census, attribute, numeric=sample.kind.numeric, level=0.95)
    pair = None if all_rows is None else all_rows.surest(means)
    order = sorted(means, key=lambda g: means[g])
    upper, lower = (order[-1], order[0]) if pair is None else pair
    parts = [np.where(label == g, weight, 0.0) for g in (upper, lower)]
    coefficient = parts[0] / parts[0].sum() - parts[1] / parts[1].sum()
    return Gap(coefficient, means[upper] - means[lower], lower, upper)


class Pushed(NamedTuple):
    """What training rows push a gap by, to first order: a gap as it is less as it would be without them."""

    rows: Floats
    """(M,) of each row, in units of the score; positive where training on it widens the gap."""
    drawn: Floats
    """(C, DRAWN) whose mean squares are the variances of the cells' pushes over which audited rows were drawn."""
    curved_by: int
    """Training rows by which curvature was told."""
    residual: float
    """What was left when the curvature was inverted, of the gap's slope."""
    steps: int
    """How many that took."""


def influences(
    model: Model,
    features: pd.DataFrame,
    gaps: Sequence[Gap],
    train: pd.DataFrame,
    y_true: Floats,
    cells: Sequence[Ints],
    *,
    total: int | None = None,
    checkpoints: Sequence[Path] = (),
    rates: Sequence[float] = (),
) -> list[Pushed]:
    """Of each gap: I_i = −∇G · (A + δM)⁻¹ ∇ℓ_i, with the curvature A + δM of the loss summed over all training rows.

    `cells`, (M,) for each gap: in which cell, from 0, a row is. `total`: rows of the training, of which these are a
    part; None: they are all. With checkpoints, the mean over them, weighted by the rates where these are given; the
    model is left as found, and checkpoints are loaded into copies of it.

    Raises NotExplained where the net has no two derivatives by its weights, or the curvature cannot be inverted.
    """
    before = model.state_sha256()
    preflight(model, features)
    if not gaps:
        return []
    if not len(train):
        raise NotExplained("no training row has a target")
    weight = np.asarray(rates, float) if rates else np.ones(max(1, len(checkpoints)))
    total = total or len(train)
    found = []
    states: Sequence[Path | None] = checkpoints or [None]
    for path in states:
        at = model if path is None else model.with_module(_loaded(model.module, path))
        own = trained(at.module)
        with undisturbed(at):
            inputs = at.encode(features)
            with answering("the model cannot encode the training rows"):
                rows = at.encode(train)
            with by_weights(at, own) as net:
                scene = _Scene.of(net, own, inputs, rows, y_true, total)
                found.append([_pushed(scene, gap, cell) for gap, cell in zip(gaps, cells, strict=True)])
    unchanged(model, before)
    return [_mean([one[i] for one in found], weight / weight.sum()) for i in range(len(gaps))]


def _loaded(module: nn.Module, path: Path) -> nn.Module:
    with answering("the net cannot be copied"):
        out = copy.deepcopy(module)
    load_weights(out, path)
    return out


def _mean(found: Sequence[Pushed], weight: Floats) -> Pushed:
    """Over checkpoints."""
    rows = sum(w * f.rows for w, f in zip(weight, found, strict=True))
    drawn = sum(w * f.drawn for w, f in zip(weight, found, strict=True))
    worst = max(f.residual for f in found)
    return Pushed(
        finite(np.asarray(rows), "influences of training rows"),
        np.asarray(drawn),
        min(f.curved_by for f in found),
        worst,
        max(f.steps for f in found),
    )


class _Scene(NamedTuple):
    """One state of the net, its rows, and its curvature."""

    model: Model
    weights: list[nn.Parameter]
    audited: Inputs
    rows: Inputs
    loss_slope: Tensor
    """(M,) ∂ℓ/∂z of each training row."""
    score_slope: Tensor
    """(N,) ∂s/∂z of each audited row."""
    curvature: Curvature
    size: int
    """Rows a graph."""

    @classmethod
    def of(
        cls, model: Model, weights: list[nn.Parameter], audited: Inputs, rows: Inputs, y_true: Floats, total: int
    ) -> _Scene:
        size, n = rows_of_a_graph(model, rows), n_rows(rows)
        picks = np.sort(np.random.default_rng(SEED).permutation(n)[:size])
        few = taken(rows, torch.as_tensor(picks))
        centred = centres(model, weights, few)
        curvature = Curvature.of(model, Tangent(model, weights, few, centred), rows=total)
        y = torch.as_tensor(y_true)
        z, s = (torch.cat([_decisions(model, part) for part in _parts(i, size)]) for i in (rows, audited))
        with torch.enable_grad():
            of_loss, of_score = z.requires_grad_(), s.requires_grad_()
            slopes = (
                torch.autograd.grad(loss(model, of_loss, y.to(z.device)).sum(), of_loss)[0],
                torch.autograd.grad(model.probabilities(of_score).sum(), of_score)[0],
            )
        return cls(model, weights, audited, rows, slopes[0].double(), slopes[1].double(), curvature, size)

    def tangents(self, inputs: Inputs) -> Iterator[tuple[slice, Tangent]]:
        """Of all rows, a part at a time."""
        for where in slices(n_rows(inputs), self.size):
            yield where, Tangent(self.model, self.weights, taken(inputs, where), self.curvature.tangent.centred)

    def pulled(self, inputs: Inputs, u: Tensor) -> Tensor:
        """(K, P) Jᵀ u of each of K rows of `u` (K, N)."""
        out = torch.zeros(len(u), self.curvature.own.numel(), dtype=torch.float64, device=u.device)
        for where, tangent in self.tangents(inputs):
            out += torch.stack([tangent.pull(one[where]) for one in u])
        return out

    def pushed(self, inputs: Inputs, v: Tensor) -> Tensor:
        """(K, N) J v of each of K vectors `v` (K, P)."""
        return torch.cat([torch.stack([t.push(one) for one in v]) for _, t in self.tangents(inputs)], dim=1)


def _parts(inputs: Inputs, size: int) -> Iterator[Inputs]:
    return (taken(inputs, where) for where in slices(n_rows(inputs), size))


def _decisions(model: Model, inputs: Inputs) -> Tensor:
    with torch.no_grad(), answering("the net cannot be run on the training rows"):
        return model.decision(inputs).detach().clone()


def _pushed(scene: _Scene, gap: Gap, cell: Ints) -> Pushed:
    """Of one gap: one pass over all rows for the right sides, and one along the answers."""
    device, curvature = scene.loss_slope.device, scene.curvature
    coefficient = torch.as_tensor(gap.coefficient, device=device)
    member = torch.as_tensor(np.eye(int(cell.max(initial=-1)) + 1)[cell].T, device=device)
    needed = (1 + len(member)) * curvature.own.numel() * 8
    if needed > MEMORY:
        raise NotExplained(
            f"{curvature.own.numel():,} weights and {len(member)} groups of training rows by label take "
            f"{needed / 2**30:.0f} GiB, more than {MEMORY / 2**30:.0f}"
        )
    slope = scene.pulled(scene.audited, (coefficient * scene.score_slope)[None])
    solved = []
    for i, right in enumerate((*slope, *scene.pulled(scene.rows, member * scene.loss_slope))):
        solved.append(curvature.solved(right, tolerance=ROUGHLY if i else EXACTLY))
        tell("curvature of the training loss", i + 1, 1 + len(member))
    for one, right in zip(solved, (EXACTLY, *[ROUGHLY] * len(member)), strict=True):
        if not one.residual <= UNSOLVED * right:
            raise NotExplained(
                f"the curvature of the training loss could not be inverted: after {one.steps} steps of conjugate "
                f"gradients {percent(one.residual)} is left, more than {percent(UNSOLVED * right)}"
            )
    ours, *theirs = (s.x for s in solved)
    rows = -scene.pushed(scene.rows, ours[None])[0] * scene.loss_slope
    moved = scene.pushed(scene.audited, torch.stack(theirs)) * scene.score_slope
    drawn = _drawn(gap.coefficient, moved.cpu().numpy())
    return Pushed(rows.cpu().numpy(), drawn, len(curvature.bend), solved[0].residual, solved[0].steps)


def _drawn(coefficient: Floats, moved: Floats) -> Floats:
    """(C, DRAWN) whose mean squares are the variances of Σ coefficient · moved over the drawn rows, the means of both
    groups being estimated, and whose products are, nearly, covariances: sums over rows with random signs."""
    rng = np.random.default_rng(SEED)
    signs = rng.integers(0, 2, (len(coefficient), len(DRAWN))) * 2.0 - 1
    out, variance = np.zeros((len(moved), len(DRAWN))), np.zeros(len(moved))
    for side in (coefficient > 0, coefficient < 0):
        own, n = coefficient[side], int(side.sum())
        centred = (moved[:, side] - (moved[:, side] @ own / own.sum())[:, None]) * own
        out += centred @ signs[side]
        variance += (centred**2).sum(1) * n / max(1, n - 1)
    size = (out**2).mean(1)
    scale: Floats = np.sqrt(np.divide(variance, size, out=np.zeros_like(size), where=size > 0))[:, None]
    return out * scale


def loss(model: Model, decision: Tensor, y_true: Tensor) -> Tensor:
    """(N,) cross entropy of the decision (from the logit where there is one), or half the squared error."""
    y = y_true.to(decision)
    if model.kind.numeric:
        return (decision - y) ** 2 / 2
    if model.outputs == "logits":
        return nn.functional.binary_cross_entropy_with_logits(decision, y, reduction="none")
    p = decision.clamp(1e-7, 1 - 1e-7)
    return -(y * torch.log(p) + (1 - y) * torch.log1p(-p))
