"""Integrated Gradients against Captum as it comes, and against the passes that nobody can save."""

from __future__ import annotations

import statistics

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from auditkit import demo
from auditkit.explain.attribution import surface_of
from auditkit.explain.driving import rows_per_call
from auditkit.explain.methods import integrated_gradients
from auditkit.explain.preflight import undisturbed
from tests.benchmarks.timing import median_seconds, row

ROWS, STEPS, ROUNDS = 5_000, 50, 15


def path_points(inputs: Tensor, baseline: Tensor, rows: int) -> list[Tensor]:
    """The points of Captum's Gauss–Legendre path, so many rows with all their steps a tensor."""
    alphas = (np.polynomial.legendre.leggauss(STEPS)[0] + 1) / 2
    return [torch.cat([baseline + a * (part - baseline) for a in alphas]) for part in inputs.split(rows)]


def main() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # threads that wait for a core would be timed as work
    try:
        compare()
    finally:
        torch.set_num_threads(threads)


def compare() -> None:
    model = demo.model()
    batch = next(iter(demo.data().batches()))
    with undisturbed(model):
        at = surface_of(model, batch.features.head(ROWS))
        (inputs,) = at.points
        baseline = inputs.mean(0, keepdim=True)
        points = path_points(inputs, baseline, rows_per_call(at, copies=STEPS))
        captum = IntegratedGradients(model.decision)

        def ours() -> None:
            integrated_gradients(at, (baseline,), n_steps=STEPS)

        def as_it_comes() -> None:
            captum.attribute(inputs, baselines=baseline, n_steps=STEPS)

        def bare() -> None:
            for part in points:
                part.requires_grad_()
                torch.autograd.grad(model.decision(part).sum(), part)

        ours()
        bare()
        # in turns, so that a busy moment of the machine falls on both
        turns = [(median_seconds(ours, repeat=1), median_seconds(bare, repeat=1)) for _ in range(ROUNDS)]
        own, passes = (statistics.median(column) for column in zip(*turns, strict=True))
        reference = median_seconds(as_it_comes)
    row(f"IG, {STEPS} steps, {len(inputs):,} rows: Captum as it comes", reference, own, "≥ 5 × faster")
    row("  the bare passes on the same points", passes, own, "≤ 1.3 × the time")


if __name__ == "__main__":
    main()
