"""Nets with a gap that is known to go through a few neurons, and rows to see it on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.batch import Batch

WIDTH, PROXY = 8, 2
"""Columns of the input; the first `PROXY` of them tell the group."""
HIDDEN, BIASED = 64, 5
"""Units of the wide layer; the first `BIASED` of them read the proxies and nothing else."""


def batch(rows: int = 2_000, *, seed: int = 0, shift: float = 1.5, groups: int = 2) -> Batch:
    """Two proxies that differ between the groups by `shift`, six columns that don't, and labels that follow all."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, groups, rows)
    x = rng.normal(size=(rows, WIDTH))
    x[:, :PROXY] += shift * z[:, None]
    logit = x[:, :PROXY].sum(1) - shift * z.mean() * PROXY + x[:, PROXY:].sum(1) / 2
    y = rng.random(rows) < 1 / (1 + np.exp(-logit))
    return Batch(
        features=pd.DataFrame(x, columns=[f"x{j}" for j in range(WIDTH)]),
        groups=pd.DataFrame({"sex": pd.Categorical(np.array(["a", "b", "c", "d"])[z])}),
        y_true=y.astype(np.int8),
        y_pred=np.full(rows, -1, dtype=np.int8),
    )


class Planted(nn.Module):
    """A wide layer of which the first units read the proxies, the others everything else."""

    def __init__(self) -> None:
        super().__init__()
        self.biased = nn.Linear(PROXY, BIASED)
        self.other = nn.Linear(WIDTH - PROXY, HIDDEN - BIASED)
        self.wide = nn.Tanh()
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.cat([self.biased(x[:, :PROXY]), self.other(x[:, PROXY:])], dim=1)
        out: Tensor = self.head(self.wide(h))
        return out


def plain() -> nn.Module:
    """An ordinary net: which of its units read the proxies is up to training."""
    return nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1))


def trained(
    make: Callable[[], nn.Module], rows: Batch, *, steps: int = 300, l1: float = 0.0, seed: int = 0
) -> nn.Module:
    """A net trained on the rows' labels, with an L1 penalty that keeps few units in use where asked."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = make()
        x = torch.tensor(rows.features.to_numpy(), dtype=torch.float32)
        y = torch.as_tensor(rows.y_true, dtype=torch.float32)
        optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
        for _ in range(steps):
            optimiser.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(net(x)[:, 0], y)
            if l1:
                loss = loss + l1 * sum(p.abs().sum() for p in net.parameters() if p.ndim > 1)
            loss.backward()
            optimiser.step()
    return net.eval()
