"""LEACE: erase a concept from a representation so that no linear reader finds it, at the least change.

Belrose, Schneider-Joseph, Ravfogel, Cotterell, Raff & Biderman (2023), in closed form from means and covariances.
Arrays in, arrays out; double precision; no torch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.arrays import Floats

RANK = 1e-10
"""Variances below this part of the largest are no directions of the data."""
RIDGES = (0.0, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
"""Ridges to choose from, in mean variances."""


class Whitening(NamedTuple):
    """The weighted covariance of N rows (N, d), each unit in its own standard deviations, in its axes.

    Σ = diag(scale) V diag(variances) Vᵀ diag(scale), r of the variances not 0.
    """

    mean: Floats
    """(d,)"""
    scale: Floats
    """(d,) standard deviations; 1 for a constant unit."""
    axes: Floats
    """(d, r) orthonormal V."""
    variances: Floats
    """(r,)"""

    @property
    def whiten(self) -> Floats:
        """(d, r): rows (x − mean) @ this have the identity as covariance."""
        out: Floats = self.axes / np.sqrt(self.variances)
        out /= self.scale[:, None]
        return out

    @property
    def colour(self) -> Floats:
        """(d, r): the way back."""
        out: Floats = self.axes * np.sqrt(self.variances)
        out *= self.scale[:, None]
        return out

    def ridged(self, ridge: float) -> Whitening:
        """With `ridge` times the mean variance of the axes added to each."""
        return self._replace(variances=self.variances + ridge * self.variances.sum() / max(len(self.variances), 1))


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


def whitening(x: ArrayLike, weight: ArrayLike | None = None) -> Whitening:
    """The axes of the weighted covariance of rows (N, d); of whichever of N and d is smaller, so wide rows cost N².

    Directions without variance (a constant unit, two that agree, more units than rows) are left out: Σ has its
    pseudo-inverse.
    """
    x = np.asarray(x)
    n, d = x.shape
    w = np.ones(n) if weight is None else np.asarray(weight, float)
    w = w / w.sum()
    mean = w @ x.astype(float)

    def centred() -> Floats:
        out = x.astype(float)
        out -= mean
        out *= np.sqrt(w)[:, None]
        return out

    scale = np.sqrt((centred() ** 2).sum(0))
    varies = scale > RANK * np.maximum(np.abs(mean), np.finfo(float).tiny)
    scale = np.where(varies, scale, 1.0)

    def unit() -> Floats:
        out = centred()
        out /= scale
        out[:, ~varies] = 0.0
        return out

    rows = unit()
    among = rows.T @ rows if d <= n else rows @ rows.T
    del rows  # which are made again: beside what finding axes takes they would be held for nothing
    found, axes = _axes(among)
    if d > n:
        axes /= np.sqrt(np.maximum(found, np.finfo(float).tiny))
        axes = unit().T @ axes
    kept = found > RANK * max(found[-1], np.finfo(float).tiny)
    return Whitening(mean, scale, axes[:, kept], found[kept])


def _axes(symmetric: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues, ascending, and eigenvectors as columns: numpy's `eigh`, in a third of its memory."""
    from scipy.linalg import eigh

    values, vectors = eigh(symmetric.T, driver="evd", overwrite_a=True, check_finite=False)
    return values, vectors


def ridge_of(white: Whitening, x: Floats, target: Floats, weight: Floats) -> float:
    """Of `RIDGES`, the one whose ridge regression of the target (N,) on x (N, d) errs least on rows left out.

    Leave-one-out residuals in closed form; `white` is the whitening of the same rows.
    """
    w = weight / weight.sum()
    root = np.sqrt(w)
    t = root * (target - w @ target)
    u: Floats = x - white.mean
    u *= root[:, None]
    u = u @ white.whiten
    inside, leverage = u.T @ t, u**2
    errors = []
    for ridge in RIDGES:
        share = white.variances / white.ridged(ridge).variances
        rest = np.maximum(1 - leverage @ share - w, 1e-6)
        errors.append(float((((t - u @ (share * inside)) / rest) ** 2).sum()))
    return RIDGES[int(np.argmin(errors))]


def leace(
    x: ArrayLike,
    z: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    white: Whitening | None = None,
) -> Eraser:
    """The eraser of the concept z, (N,) or (N, k) (several groups: one-hot), from rows x (N, d).

    r(x) = x − W⁺ P W (x − μ), W = Σ_xx^{−1/2} and P the projection onto the columns of W Σ_xz. After it the
    cross-covariance with z is 0 on the rows it was fitted on, so that no linear reader does better than a constant
    there. `white` is the whitening of the same rows, where it is known; a ridge in it keeps all that, and only reads
    along directions that are surer on other rows.

    >>> x, z = np.random.default_rng(0).normal(size=(100, 3)), np.arange(100) % 2
    >>> erased = leace(x, z)(x)
    >>> bool(np.allclose(erased[z == 0].mean(0), erased[z == 1].mean(0)))
    True
    """
    x = np.asarray(x, float)
    z = np.asarray(z, float).reshape(len(x), -1)
    w = np.ones(len(x)) if weight is None else np.asarray(weight, float)
    w = w / w.sum()
    white = whitening(x, w) if white is None else white
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
