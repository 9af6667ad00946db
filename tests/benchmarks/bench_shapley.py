"""Shapley values of 12 features against Captum's KernelShap, at as many sets a row: time, and error."""

from __future__ import annotations

import time
import warnings

import torch
from captum.attr import KernelShap
from torch import nn

from auditkit.explain.methods.shapley import shapley_values
from auditkit.explain.surface import Surface
from auditkit.inputs.groups import by_position
from tests.benchmarks.timing import median_seconds, one_thread, row

ROWS, FEATURES, PERMUTATIONS = 16, 12, 44
SETS = PERMUTATIONS * (FEATURES - 1) + 2


def trained(activation: type[nn.Module]) -> nn.Module:
    """A net that has learnt a few interactions."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        x = torch.randn(4_000, FEATURES)
        logit = 1.5 * x[:, 0] + x[:, 1] + 0.7 * x[:, 3] * x[:, 4] - 0.5 * x[:, 5].abs() + x[:, 6] * (x[:, 7] > 0)
        y = (torch.rand(len(x)) < torch.sigmoid(logit)).float()
        net = nn.Sequential(nn.Linear(FEATURES, 32), activation(), nn.Linear(32, 32), activation(), nn.Linear(32, 1))
        optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(200):
            optimiser.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(net(x)[:, 0], y).backward()
            optimiser.step()
    return net.requires_grad_(False)


def main() -> None:
    with one_thread():
        for activation in (nn.ReLU, nn.SiLU, nn.Tanh):
            compare(activation)


def compare(activation: type[nn.Module]) -> None:
    net = trained(activation)
    x = torch.randn(ROWS, FEATURES, generator=torch.Generator().manual_seed(1))
    baseline = torch.zeros(1, FEATURES)
    groups = by_position({f"f{i}": [i] for i in range(FEATURES)}, x[:1])
    at = Surface(lambda z: net(z).squeeze(1), (x,), (), groups)
    truth = shapley_values(at, (baseline,), exact=True).phi

    own = median_seconds(lambda: shapley_values(at, (baseline,), permutations=PERMUTATIONS))
    start = time.perf_counter()
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Captum advises one row at a time
        captum = KernelShap(at.forward).attribute(x, baselines=baseline, n_samples=SETS)
    reference = time.perf_counter() - start
    found = shapley_values(at, (baseline,), permutations=PERMUTATIONS).phi
    away, captums = (float((phi.double() - truth).square().mean().sqrt()) for phi in (found, captum))
    name = activation.__name__
    row(f"Shapley, {FEATURES} features, {SETS} sets: KernelShap, {name}", reference, own, "≥ 50 × faster")
    print(
        f"    root mean square error {away:.4f}, KernelShap's {captums:.4f}: {away / captums:.2f} of it (reach ≤ 0.5)"
    )


if __name__ == "__main__":
    main()
