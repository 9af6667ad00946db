"""Integrated Gradients against Captum as it comes, and against the passes that nobody can save."""

from __future__ import annotations

import statistics

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

from auditkit import demo
from auditkit.explain.attributions.study import surface_of
from auditkit.explain.captum_calls import rows_per_call
from auditkit.explain.methods.catalogue import integrated_gradients
from auditkit.explain.preflight import undisturbed
from auditkit.explain.surface import surface
from auditkit.inputs.groups import by_mask, segments
from auditkit.inputs.model import Model
from tests.benchmarks.timing import median_seconds, one_thread, row

ROWS, STEPS, ROUNDS = 5_000, 50, 15


def path_points(inputs: Tensor, baseline: Tensor, rows: int) -> list[Tensor]:
    """The points of Captum's Gauss–Legendre path, so many rows with all their steps a tensor."""
    alphas = (np.polynomial.legendre.leggauss(STEPS)[0] + 1) / 2
    return [torch.cat([baseline + a * (part - baseline) for a in alphas]) for part in inputs.split(rows)]


def main() -> None:
    with one_thread():
        compare()
        compare_images()


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


def compare_images(rows: int = 128) -> None:
    """A small convolutional net on images of 1 × 28 × 28."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 1),
        ).eval()  # fmt: skip
        inputs = torch.randn(rows, 1, 28, 28)
    model = Model(net, feature_map=segments(28, 28))
    baseline = inputs.mean(0, keepdim=True)
    with undisturbed(model):
        at = surface(model, inputs, by_mask(segments(28, 28), inputs[:1]))
        captum = IntegratedGradients(model.decision)

        def ours() -> None:
            integrated_gradients(at, (baseline,), n_steps=STEPS)

        def as_it_comes() -> None:
            captum.attribute(inputs, baselines=baseline, n_steps=STEPS)

        ours()
        as_it_comes()
        turns = [(median_seconds(ours, repeat=1), median_seconds(as_it_comes, repeat=1)) for _ in range(5)]
        own, reference = (statistics.median(column) for column in zip(*turns, strict=True))
    row(f"IG, {STEPS} steps, {rows} images, small CNN: Captum as it comes", reference, own, "≥ 1.3 × faster")


if __name__ == "__main__":
    main()
