"""LEACE: erase a concept from a representation so that no linear reader finds it, at the least change.

Belrose, Schneider-Joseph, Ravfogel, Cotterell, Raff & Biderman (2023), in closed form from means and covariances.
Arrays in, arrays out; double precision; no torch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

RANK = 1e-10
"""Variances below this part of the largest are no directions of the data."""


class Whitening(NamedTuple):
    """The weighted covariance of N rows (N, d) in its own axes: Σ = V diag(variances) Vᵀ, r of them not 0."""

    mean: Floats
    """(d,)"""
    axes: Floats
    """(d, r) orthonormal V."""
    variances: Floats
    """(r,) after shrinkage."""
    shrinkage: float
    """ρ: every variance is (1 − ρ) its own and ρ the average's; 0 without."""

    @property
    def whiten(self) -> Floats:
        """(d, r): rows (x − mean) @ this have the identity as covariance."""
        return self.axes / np.sqrt(self.variances)

    @property
    def colour(self) -> Floats:
        """(d, r): the way back."""
        return self.axes * np.sqrt(self.variances)


class Eraser(NamedTuple):
    """x ↦ x − ((x − mean) read) writeᵀ: what `read` reads is taken away along `write`."""

    mean: Floats
    """(d,)"""
    read: Floats
    """(d, k)"""
    write: Floats
    """(d, k); readᵀ write = I."""

    def __call__(self, x: ArrayLike) -> Floats:
        """Erased rows (N, d)."""
        x = np.asarray(x, float)
        out: Floats = x - (x - self.mean) @ self.read @ self.write.T
        return out

    @property
    def rank(self) -> int:
        """Directions taken away."""
        return int(self.read.shape[1])


def whitening(x: ArrayLike, weight: ArrayLike | None = None, *, shrinkage: bool = False) -> Whitening:
    """The axes of the weighted covariance of rows (N, d); of whichever of N and d is smaller, so wide rows cost N².

    Directions without variance (a constant unit, two that agree, more units than rows) are left out: Σ has its
    pseudo-inverse. `shrinkage` moves variances towards their average over d by Ledoit & Wolf's (2004) share.
    """
    x = np.asarray(x, float)
    n, d = x.shape
    w = np.ones(n) if weight is None else np.asarray(weight, float)
    w = w / w.sum()
    mean = w @ x
    centred = (x - mean) * np.sqrt(w)[:, None]
    if d <= n:
        found, axes = np.linalg.eigh(centred.T @ centred)
    else:
        found, left = np.linalg.eigh(centred @ centred.T)
        axes = centred.T @ (left / np.sqrt(np.maximum(found, np.finfo(float).tiny)))
    kept = found > RANK * max(found[-1], np.finfo(float).tiny)
    variances, axes = found[kept], axes[:, kept]
    rho = _ledoit_wolf(centred, w, variances, d) if shrinkage and len(variances) else 0.0
    return Whitening(mean, axes, (1 - rho) * variances + rho * variances.sum() / d, rho)


def _ledoit_wolf(centred: Floats, w: Floats, variances: Floats, d: int) -> float:
    """Their share ρ = min(b², δ²)/δ², with Kish's effective rows; `centred` are √w (x − mean)."""
    trace, square = variances.sum(), (variances**2).sum()
    distance = square - trace**2 / d
    fourth = ((centred**2).sum(1) ** 2 / np.where(w > 0, w, 1.0)).sum()
    spread = max(fourth - square, 0.0) * (w @ w)
    return float(min(spread / distance, 1.0)) if distance > 0 else 1.0


def leace(
    x: ArrayLike,
    z: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    shrinkage: bool = False,
    white: Whitening | None = None,
) -> Eraser:
    """The eraser of the concept z, (N,) or (N, k) (several groups: one-hot), from rows x (N, d).

    r(x) = x − W⁺ P W (x − μ), W = Σ_xx^{−1/2} and P the projection onto the columns of W Σ_xz. After it the
    cross-covariance with z is 0 on the rows it was fitted on, so that no linear reader does better than a constant
    there. Shrinkage keeps that and only changes along which directions is written. `white` is the whitening of the same
    rows, where it is known.

    >>> x, z = np.random.default_rng(0).normal(size=(100, 3)), np.arange(100) % 2
    >>> erased = leace(x, z)(x)
    >>> bool(np.allclose(erased[z == 0].mean(0), erased[z == 1].mean(0)))
    True
    """
    x = np.asarray(x, float)
    z = np.asarray(z, float).reshape(len(x), -1)
    w = np.ones(len(x)) if weight is None else np.asarray(weight, float)
    w = w / w.sum()
    white = whitening(x, w, shrinkage=shrinkage) if white is None else white
    cross = (x - white.mean).T @ (w[:, None] * (z - w @ z))
    directions, sizes, _ = np.linalg.svd(white.whiten.T @ cross, full_matrices=False)
    spread = np.sqrt(max(float((w @ (z - w @ z) ** 2).max()), np.finfo(float).tiny))
    directions = directions[:, sizes > 1e-7 * spread]
    return Eraser(white.mean, white.whiten @ directions, white.colour @ directions)


def random_eraser(white: Whitening, rank: int, *, seed: int) -> Eraser:
    """An eraser of `rank` directions drawn evenly in the whitened space: what erasing anything does."""
    drawn = np.random.default_rng(seed).normal(size=(len(white.variances), rank))
    directions, _ = np.linalg.qr(drawn)
    return Eraser(white.mean, white.whiten @ directions, white.colour @ directions)
