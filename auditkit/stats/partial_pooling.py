"""Many small groups as draws from one distribution: their rates, drawn towards what they share, with intervals.

To show and to rank, never to judge: partial pooling understates gaps. Arrays in, arrays out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, betaln, expit

from auditkit.stats.rates import Floats

_NODES = (17, 17, 23)
"""Points of the grid along each axis: to find where the mass is, and to integrate over it."""
_FAR = 12.0
"""How far below the highest log density of the grid the second, finer grid reaches."""


class PartlyPooled(NamedTuple):
    """Rates of K groups under the model, and what they share."""

    rates: Floats
    """(K,) posterior means; NaN where nobody is counted at all."""
    low: Floats
    """(K,) equal-tailed limits."""
    high: Floats
    mean: float
    """Posterior mean of the mean rate."""
    prior_rows: float
    """Rows that the common mean counts for in a group, as the posterior mean of γ = 1/(1 + M) has it."""


def partially_pooled(k: ArrayLike, n: ArrayLike, *, level: float) -> PartlyPooled:
    """k_i ~ Binomial(n_i, θ_i), θ_i ~ Beta(μM, (1 − μ)M), μ and γ = 1/(1 + M) uniform on (0, 1): all (K,).

    Posterior means of θ and their equal-tailed limits, over both what the groups share and what is not known of it:
    numerical integration over logit μ and logit γ, a beta of the posterior's mean and variance for each θ.
    Groups with nobody counted get the distribution of a new group.
    Source: Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 5.3, with a prior on the intraclass
    correlation γ.

    >>> p = partially_pooled([0, 30, 60], [5, 100, 100], level=0.95)
    >>> p.rates.round(2).tolist(), p.low.round(2).tolist()
    ([0.12, 0.3, 0.59], [0.0, 0.22, 0.5])
    """
    counts = np.stack([np.asarray(k, float), np.asarray(n, float)], 1)
    successes, total = counts.sum(axis=0)
    if not total:
        nothing = np.full(len(counts), np.nan)
        return PartlyPooled(nothing, nothing, nothing, float("nan"), float("nan"))
    pairs, place = np.unique(counts, axis=0, return_inverse=True)
    place, times, start = place.ravel(), np.bincount(place.ravel()), (successes + 0.5) / (total + 1)
    u, v = np.log(start / (1 - start)) + np.linspace(-8, 8, _NODES[0]), np.linspace(-14, 7, _NODES[0])
    for nodes in _NODES[1:]:
        density = _log_posterior(u[:, None], v[None, :], pairs, times)
        u, v = (_around(x, density.max(axis=a), nodes) for x, a in ((u, 1), (v, 0)))
    density = _log_posterior(u[:, None], v[None, :], pairs, times)
    weight = np.exp(density - density.max()).ravel()
    weight /= weight.sum()
    mu, gamma = (x.ravel() for x in np.broadcast_arrays(expit(u)[:, None], expit(v)[None, :]))
    rows = 1 / gamma - 1
    a, b = mu * rows + pairs[:, :1], (1 - mu) * rows + (pairs[:, 1:] - pairs[:, :1])
    each = a / (a + b)
    mean = each @ weight
    variance = (each * (a + 1) / (a + b + 1)) @ weight - mean**2
    size = np.maximum(mean * (1 - mean) / np.maximum(variance, 1e-300) - 1, 1e-9)
    tails = ((1 - level) / 2, (1 + level) / 2)
    low, high = (betaincinv(mean * size, (1 - mean) * size, t)[place] for t in tails)
    return PartlyPooled(mean[place], low, high, float(mu @ weight), float(1 / (gamma @ weight) - 1))


def _log_posterior(u: Floats, v: Floats, pairs: Floats, times: NDArray[np.intp]) -> Floats:
    """Up to a constant, at logit μ = u and logit γ = v, with the Jacobians of both."""
    mu, gamma = expit(u), expit(v)
    rows = 1 / gamma - 1
    a, b = mu * rows, (1 - mu) * rows
    out: Floats = np.log(mu * (1 - mu) * gamma * (1 - gamma))
    for (k, n), t in zip(pairs, times, strict=True):
        out = out + t * (betaln(a + k, b + n - k) - betaln(a, b))
    return out


def _around(x: Floats, profile: Floats, nodes: int) -> Floats:
    """A finer grid over where the profile is not far below its highest."""
    inside = np.flatnonzero(profile > profile.max() - _FAR)
    first, last = max(0, inside[0] - 1), min(len(x) - 1, inside[-1] + 1)
    return np.linspace(x[first], x[last], nodes)
