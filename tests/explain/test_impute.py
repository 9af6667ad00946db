"""Imputation of images. Oracle: the linear system, solved densely."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from auditkit.explain.trust import impute
from auditkit.explain.trust.impute import imputed


def solved(image: torch.Tensor, known: torch.Tensor) -> np.ndarray:
    """Every unknown pixel is the weighted mean of the neighbours that it has."""
    h, w = image.shape
    a, b = np.eye(h * w), image.double().numpy().ravel().copy()
    for i, j in itertools.product(range(h), range(w)):
        if known[i, j]:
            continue
        b[i * w + j] = 0
        near = [
            (i + di, j + dj, 1 / 12 if di and dj else 1 / 6)
            for di, dj in itertools.product((-1, 0, 1), repeat=2)
            if (di or dj) and 0 <= i + di < h and 0 <= j + dj < w
        ]
        total = sum(s for *_, s in near)
        for r, c, s in near:
            a[i * w + j, r * w + c] -= s / total
    return np.linalg.solve(a, b).reshape(h, w)


def test_oracle_the_linear_system(monkeypatch: object) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 1, 8, 8, generator=generator)
    known = torch.rand(1, 1, 8, 8, generator=generator) > 0.5
    found = imputed(image, known, generator)[0, 0].numpy()
    np.testing.assert_allclose(found, solved(image[0, 0], known[0, 0]), atol=5 * impute.NOISE * float(image.std()))
    np.testing.assert_array_equal(found[known[0, 0]], image[0, 0][known[0, 0]].numpy())


def test_channels_are_filled_alike_and_nothing_known_is_not_nan() -> None:
    image = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    known = torch.zeros(2, 1, 6, 6, dtype=torch.bool)
    assert imputed(image, known, torch.Generator()).isfinite().all()
