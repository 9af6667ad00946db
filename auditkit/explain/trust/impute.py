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
    m, c, h, w = images.shape
    near = torch.tensor([[1.0, 2.0, 1.0], [2.0, 0.0, 2.0], [1.0, 2.0, 1.0]]).to(images)[None, None] / 12
    share = torch.nn.functional.conv2d(torch.ones(1, 1, h, w).to(images), near, padding=1)
    there = known.to(images.dtype)
    mean = (images * there).sum((2, 3), keepdim=True) / there.sum((2, 3), keepdim=True).clamp(min=1)
    filled = torch.where(known, images, mean)
    for _ in range(SWEEPS):
        around = torch.nn.functional.conv2d(filled.reshape(m * c, 1, h, w), near, padding=1) / share
        filled = torch.where(known, images, around.reshape(m, c, h, w))
    noise = torch.randn(filled.shape, generator=generator).to(filled) * images.std() * NOISE
    return torch.where(known, images, filled + noise)
