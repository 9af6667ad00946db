"""Integrated Gradients against Captum as it comes, and against the passes that nobody can save."""

from __future__ import annotations

import statistics

import numpy as np
import pandas as pd
import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

from auditkit import Attribution, Dataset, audit, demo
from auditkit.explain.attributions.study import surface_of
from auditkit.explain.captum_calls import rows_per_call
from auditkit.explain.methods.catalogue import integrated_gradients
from auditkit.explain.preflight import undisturbed
from auditkit.explain.surface import Surface, surface
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
        compare_nets()
    ten_classes()


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


def compare_nets(rows: int = 128) -> None:
    """A small convolutional net, a GRU and a small transformer: Captum as it comes, and the passes nobody can save."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        nets = {
            "small CNN": (convolutional(), torch.randn(rows, 1, 28, 28)),
            "GRU": (LastStep(), torch.randn(rows, 24, 8)),
            "small transformer": (Encoder(), torch.randn(rows, 24, 16)),
        }
    for name, (net, inputs) in nets.items():
        net.eval()
        if name == "small CNN":
            mask = segments(28, 28)
        else:
            mask = np.broadcast_to(np.arange(inputs.shape[1])[:, None], inputs.shape[1:]).copy()
        model = Model(net, outputs="logits", feature_map=mask)
        baseline = inputs.mean(0, keepdim=True)
        with undisturbed(model):
            at = surface(model, inputs, by_mask(mask, inputs[:1]))
            captum = IntegratedGradients(model.decision)
            points = path_points(inputs, baseline, rows_per_call(at, copies=STEPS))

            def ours(at: Surface = at, baseline: Tensor = baseline) -> None:
                integrated_gradients(at, (baseline,), n_steps=STEPS)

            def as_it_comes(
                captum: IntegratedGradients = captum, inputs: Tensor = inputs, baseline: Tensor = baseline
            ) -> None:
                captum.attribute(inputs, baselines=baseline, n_steps=STEPS)

            def bare(points: list[Tensor] = points, model: Model = model) -> None:
                for part in points:
                    part.requires_grad_()
                    torch.autograd.grad(model.decision(part).sum(), part)

            for run in (ours, as_it_comes, bare):
                run()
            turns = [tuple(median_seconds(f, repeat=1) for f in (ours, as_it_comes, bare)) for _ in range(5)]
            own, reference, passes = (statistics.median(column) for column in zip(*turns, strict=True))
        reach = "≥ 1.3 × faster" if name == "small CNN" else "shown"
        row(f"IG, {STEPS} steps, {rows} rows, {name}: Captum as it comes", reference, own, reach)
        row("  the bare passes on the same points", passes, own, "≤ 1.3 × the time")


def convolutional(outputs: int = 1, hidden: int = 0) -> nn.Sequential:
    """Of images of 1 × 28 × 28."""
    last = [nn.Linear(400, outputs)]
    if hidden:
        last = [nn.Linear(400, hidden), nn.ReLU(), nn.Linear(hidden, outputs)]
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), *last,
    )  # fmt: skip


class LastStep(nn.Module):
    """A GRU over 24 steps of 8 numbers, read at the last."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.rnn(x)[0][:, -1])
        return out


class Encoder(nn.Module):
    """One layer of a transformer over 24 tokens of 16 numbers, averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.encoder(x).mean(1))
        return out


def ten_classes(rows: int = 2_000) -> None:
    """A net of 22 k parameters that tells ten shapes, of 7 × 7 regions: every class explained, with trust checks."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, rows)
    images = rng.normal(size=(rows, 1, 28, 28)).astype(np.float32) / 4
    for i, k in enumerate(y):  # a bright square, elsewhere for each class
        images[i, 0, 2 + 5 * (k // 2) : 7 + 5 * (k // 2), 4 + 12 * (k % 2) : 12 + 12 * (k % 2)] += 1
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = convolutional(10, hidden=50)
        optimizer = torch.optim.Adam(net.parameters(), 3e-3)
        for where in torch.arange(rows).split(100) * 3:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(torch.as_tensor(images)[where]), torch.as_tensor(y)[where]).backward()
            optimizer.step()
    frame = pd.DataFrame({"image": np.arange(rows), "y": y.astype(str), "half": np.where(y % 2, "odd", "even")})
    model = Model(
        net,
        task="multiclass",
        outputs="logits",
        preprocess=lambda f: images[f["image"].to_numpy(dtype=int)],
        feature_map=segments(28, 28, grid=(7, 7)),
    )
    data = Dataset(frame, task="multiclass", y_true="y", sensitive_features=["half"])
    seconds = median_seconds(lambda: audit(model, data, checks=[Attribution()], sample=rows), repeat=1)
    print(f"  ten classes explained and put on trial, {rows:,} images {seconds:6.1f} s  (two threads; reach ≤ 60 s)")


if __name__ == "__main__":
    main()
