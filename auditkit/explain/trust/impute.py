"""Pixels that are taken out of an image, put back from their neighbours: nothing black that gives the region away."""

from __future__ import annotations

import torch
from torch import Tensor

from auditkit.explain.surface import Surface

SWEEPS = 40
"""Jacobi steps towards the solution of the linear system."""
NOISE = 0.01
"""Standard deviation of the noise, in standard deviations of the image: filled pixels must not be too smooth."""


def is_image(at: Surface) -> bool:
    """One tensor (N, C, H, W) whose features are regions: all channels of a pixel belong to the same one."""
    if len(at.points) != 1 or at.points[0].ndim != 4 or min(at.points[0].shape[2:]) < 3:
        return False
    mask = at.groups.masks[0]
    return bool((mask == mask[:, :1]).all())


def imputed(images: Tensor, known: Tensor, generator: torch.Generator) -> Tensor:
    """`images` (M, C, H, W) where `known` (M, 1, H, W); elsewhere the weighted mean of the neighbours, and noise.

    Noisy linear imputation (Rong et al., 2022): every unknown pixel is 1/6 of each direct and 1/12 of each diagonal
    neighbour, unknown ones included; solved by `SWEEPS` Jacobi steps from the mean of the known pixels.

    >>> image = torch.full((1, 1, 3, 3), 2.0)
    >>> known = torch.ones(1, 1, 3, 3, dtype=torch.bool)
    >>> known[0, 0, 1, 1] = False
    >>> round(imputed(image, known, torch.Generator())[0, 0, 1, 1].item(), 1)
    2.0
    """
    share = _around(torch.ones_like(images[:1, :1]))
    there = known.to(images.dtype)
    mean = (images * there).sum((2, 3), keepdim=True) / there.sum((2, 3), keepdim=True).clamp(min=1)
    filled = torch.where(known, images, mean)
    for _ in range(SWEEPS):
        filled = torch.where(known, images, _around(filled) / share)
    noise = torch.randn(filled.shape, generator=generator).to(filled) * images.std() * NOISE
    return torch.where(known, images, filled + noise)


def _around(x: Tensor) -> Tensor:
    """(…, H, W) sums of the neighbours within the image, direct ones twice: [1, 2, 1] along both ways, less the pixel.

    Several times faster than a convolution of one channel.
    """
    out = _smoothed(_smoothed(x, -1), -2)
    return out.sub_(x, alpha=4)


def _smoothed(x: Tensor, dim: int) -> Tensor:
    out, n = 2 * x, x.shape[dim]
    out.narrow(dim, 1, n - 1).add_(x.narrow(dim, 0, n - 1))
    out.narrow(dim, 0, n - 1).add_(x.narrow(dim, 1, n - 1))
    return out
