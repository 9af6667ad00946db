"""Integrated Gradients against Captum as it comes, and against the passes that nobody can save."""

from __future__ import annotations

import statistics

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from auditkit import demo
from auditkit.explain.attribution import integrated_gradients
from auditkit.explain.preflight import undisturbed
from tests.benchmarks.timing import median_seconds, row

ROWS, STEPS, ROUNDS = 5_000, 50, 7
ROWS_A_CALL = 1_000


def path_points(inputs: Tensor, baseline: Tensor) -> list[Tensor]:
    """The points of Captum's Gauss–Legendre path, `ROWS_A_CALL` rows with all their steps a tensor."""
    alphas = (np.polynomial.legendre.leggauss(STEPS)[0] + 1) / 2
    return [torch.cat([baseline + a * (part - baseline) for a in alphas]) for part in inputs.split(ROWS_A_CALL)]


def main() -> None:
    model = demo.model()
    batch = next(iter(demo.data().batches()))
    with undisturbed(model):
        inputs = model.encode(batch.features.head(ROWS))
        baseline = inputs.mean(0, keepdim=True)
        points = path_points(inputs, baseline)
        captum = IntegratedGradients(model.decision)

        def ours() -> None:
            integrated_gradients(model.decision, inputs, baseline, n_steps=STEPS)

        def as_it_comes() -> None:
            captum.attribute(inputs, baselines=baseline, n_steps=STEPS)

        def bare() -> None:
            for part in points:
                part.requires_grad_()
                torch.autograd.grad(model.decision(part).sum(), part)

        # taken in turns, so that a busy moment of the machine falls on all of them
        rounds = [[median_seconds(f, repeat=1) for f in (ours, as_it_comes, bare)] for _ in range(ROUNDS + 1)][1:]
        own, reference, passes = (statistics.median(column) for column in zip(*rounds, strict=True))
    row(f"IG, {STEPS} steps, {len(inputs):,} rows: Captum as it comes", reference, own, "≥ 5 × faster")
    row("  the bare passes on the same points", passes, own, "≤ 1.3 × the time")


if __name__ == "__main__":
    main()
