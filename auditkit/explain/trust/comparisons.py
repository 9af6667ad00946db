"""T4, T8 and T9: what nets without training, other methods and planted effects answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from auditkit.arrays import Floats
from auditkit.errors import NotExplained
from auditkit.explain.attributions.gradient import differentiable
from auditkit.explain.attributions.study import weighted_mean
from auditkit.explain.captum_calls import Tensors
from auditkit.explain.methods.catalogue import METHODS
from auditkit.explain.surface import Surface
from auditkit.explain.trust.moves import Found, Untried, entrywise
from auditkit.explain.trust.subject import MOST_RANKED, Trial
from auditkit.inputs.groups import Groups
from auditkit.stats.ranks import spearman_rows

COPIES, MOST_COPIES = 5, 25
CHANCE = 100
"""Numbers that are ranked, over all copies, at least: the fewer a row has, the more copies. Three standard errors of
the mean correlation are then .3, and a good explanation is not failed by chance."""
COPY_STEPS = 4
"""Quadrature steps of the contributions of copies, at most: enough for an order."""


def randomised(trial: Trial, copy: Callable[[int], Surface]) -> Found:
    """T4: Spearman's correlation a row of φ with φ of re-initialised copies of the net, mean over 5 of them or more.

    With signs: those of a copy are as often one as the other. `copy` gives the surface of the copy of a seed, for the
    rows on trial.
    """
    if trial.features < 2:
        raise Untried("one feature has no ranking")
    found = []
    copies = min(MOST_COPIES, max(COPIES, -(-CHANCE // (trial.features - 1))))
    for seed in range(copies):
        try:
            at = copy(1000 * trial.seed + seed)
        except TypeError as e:
            raise Untried(f"the net cannot be copied with new weights ({type(e).__name__})") from None
        start = weighted_mean(at, None) if trial.drawn is None else at.points
        found.append(spearman_rows(trial.phi, trial.attributed(at, start, n_steps=min(COPY_STEPS, trial.n_steps))))
    return {"T4": np.mean(found, axis=0)}, {"T4:entries": trial.features, "T4:copies": copies}


def agreement(trial: Trial) -> Found:
    """T8: share of the top k features that two methods have in common, less what chance gives; mean over the pairs.

    Between Integrated Gradients, Shapley values and input × gradient, all from the same baseline, and the method on
    trial where it is another. k = min(5, ⌈d/4⌉); (share − k/d)/(1 − k/d).
    """
    d = trial.features
    if d < 2:
        raise Untried("one feature has no ranking")
    if trial.shapley is None:
        raise Untried(f"{d:,} features: Shapley values, one of the methods compared, are for at most {MOST_RANKED}")
    try:
        differentiable(trial.at)
    except NotExplained as e:
        raise Untried(f"other methods cannot explain it: {e}") from None
    k = min(5, -(-d // 4))
    integrated = METHODS["integrated_gradients"]
    asked = [METHODS["input_x_gradient"], *([] if trial.method is integrated else [integrated])]
    others = [trial.found(method, trial.at, trial.baseline, n_steps=trial.n_steps) for method in asked]
    tops = [_top(torch.as_tensor(phi).abs().cpu(), k) for phi in (trial.phi, trial.shapley.phi, *others)]
    pairs = [(a & b).sum(1).double() / k for i, a in enumerate(tops) for b in tops[:i]]
    share = torch.stack(pairs).mean(0)
    return {"T8": ((share - k / d) / (1 - k / d)).numpy()}, {"T8:k": k}


def _top(size: Tensor, k: int) -> Tensor:
    """(N, d) of booleans: the k largest of each row."""
    return torch.zeros_like(size, dtype=torch.bool).scatter(1, size.topk(k, dim=1).indices, True)


def planted(trial: Trial, whole: Surface, delta: Floats) -> Found:
    """T9: what φ makes of F + λ z_j and of a column that nobody reads; row by row another j.

    λ = σ̄ / σ_j. `T9:error` is the distance between the move of φ and λ (x_j − b_j) in feature j and 0 elsewhere, the
    unused column's φ included; `T9:scale` the size of the planted effect. Of methods that do not promise to add up
    only "0 elsewhere" is asked.
    """
    if not all(p.is_floating_point() for p in trial.at.points):
        raise Untried("whole numbers go in: there is no slope to plant")
    mean = float(np.abs(delta).mean())
    entries = _entries(whole)
    if not mean or not entries:
        raise Untried("no score, or no entry of the input, differs between the rows")
    n = len(trial.at)
    everything, where = torch.ones(n, trial.features, dtype=torch.bool), torch.arange(n)
    sizes = (trial.every(everything, where) - trial.every(~everything, where)).abs().mean(0)
    chosen = [entries[i % len(entries)] for i in range(n)]
    weights = [torch.zeros_like(p) for p in trial.at.points]
    expected = np.zeros((n, trial.features + 1))
    for i, (feature, tensor, position, sigma) in enumerate(chosen):
        weights[tensor].view(n, -1)[i, position] = 1 / sigma
        x, b = (float(t[tensor].reshape(len(t[tensor]), -1)[r, position]) for t, r in
                ((trial.at.points, i), (trial.baseline, 0)))  # fmt: skip
        expected[i, feature] = mean / sigma * (x - b)
    noise = torch.randn(n, 1, generator=trial.generator(9)).to(trial.at.points[0])
    start = (*trial.start, torch.zeros_like(noise[:1]).expand(len(trial.start[0]), 1))
    # both with the unused column, so that methods that draw draw the same
    bent = trial.of_all("planted", lambda at: _bent(at, tuple(weights), noise, sizes))
    still = (*trial.at.fixed, *(torch.zeros_like(w) for w in weights))
    own, moved = (trial.attributed(at, start) for at in (replace(bent, fixed=still), bent))
    missed = moved - own - expected
    missed[:, -1] = moved[:, -1]
    scale = np.abs(expected).sum(1)
    if not trial.method.adds_up:
        missed[np.arange(n), [f for f, *_ in chosen]] = 0.0
    eps = max(torch.finfo(p.dtype).eps for p in trial.at.points)
    largest = max(float(np.abs(own).sum(1).max()), mean)
    return {
        "T9:error": np.linalg.norm(missed, axis=1),
        "T9:scale": scale,
        "T9:rounding": np.full(n, 16 * eps * largest),
    }, {"T9:elsewhere": not trial.method.adds_up}


def _entries(whole: Surface) -> list[tuple[int, int, int, float]]:
    """(feature, tensor, position, σ) of the entry that varies most in each feature that varies."""
    best: dict[int, tuple[int, int, int, float]] = {}
    for t, (points, mask) in enumerate(zip(whole.points, whole.groups.masks, strict=True)):
        sigma = entrywise(lambda x: x.std(0, correction=0), points).flatten().tolist()
        for position, (feature, s) in enumerate(zip(mask.flatten().tolist(), sigma, strict=True)):
            if s > 1e-6 and (feature not in best or s > best[feature][3]):
                best[feature] = (feature, t, position, s)
    return [best[j] for j in sorted(best)]


def _bent(at: Surface, weights: Tensors, noise: Tensor, sizes: Tensor) -> Surface:
    """The surface with a planted linear effect a row, of a size an output, and one more column that it does not use."""
    n_points, n_fixed = len(at.points), len(at.fixed)

    def forward(*given: Tensor) -> Tensor:
        points, unused = given[:n_points], given[n_points]
        fixed, planted = given[n_points + 1 : n_points + 1 + n_fixed], given[n_points + 1 + n_fixed :]
        # where nothing is planted nothing is read: a missing value times 0 is no number
        read = (torch.where(w != 0, p * w, 0.0) for p, w in zip(points, planted, strict=True))
        out = at.forward(*points, *fixed)
        effect = torch.stack([r.reshape(len(r), -1).sum(1) for r in read]).sum(0)
        effect, nothing = (x.reshape(-1, *(1,) * (out.ndim - 1)) for x in (effect, unused))
        return out + effect * sizes.to(out) + 0.0 * nothing

    groups = Groups(
        (*at.groups.names, "(unused)"),
        (*at.groups.masks, torch.full((1, 1), len(at.groups.names), dtype=torch.long)),
    )
    return replace(at, forward=forward, points=(*at.points, noise), fixed=(*at.fixed, *weights), groups=groups)
