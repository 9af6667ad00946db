"""Whole audits, with the default checks, of decisions and nets that treat all alike: how often a report asserts a gap.

Groups are drawn apart from everything else, and scores are what happens: nothing is there to be found but that errors
depend on what the net reads (which `Subgroups` may say).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

import auditkit as ak
from auditkit.assertions import p_of
from auditkit.records import Report
from tests.simulations.setting import Outcome, Setting

GROUPS = {"sex": ("f", "m"), "race": ("a", "b", "c", "d", "e", "f")}


def asserted(report: Report) -> list[str]:
    """The findings that assert something."""
    tests = ((f, p_of(f)) for f in report.findings)
    return [f.id for f, p in tests if p is not None and p < 0.05 and not f.alone]


def people(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Features, and groups of unequal size that have nothing to do with them."""
    x = pd.DataFrame(rng.normal(size=(rows, 4)), columns=["age", "debt", "income", "tenure"])
    shares = (0.4, 0.6), (0.45, 0.25, 0.15, 0.08, 0.05, 0.02)
    return x.assign(**{a: rng.choice(GROUPS[a], rows, p=p) for a, p in zip(GROUPS, shares, strict=True)})


def decisions(rng: np.random.Generator) -> Outcome:
    """Scores that are what happens, decided on at one threshold; nothing else tells them."""
    frame = people(rng, 3_000)
    score = rng.beta(1.5, 3.0, len(frame))
    frame = frame.assign(score=score, y=(rng.random(len(frame)) < score).astype(int), pred=(score > 0.4).astype(int))
    data = ak.Dataset(frame, y_true="y", sensitive_features=list(GROUPS))
    return {"false assertion": bool(asserted(ak.audit(ak.Predictions("pred", score="score"), data)))}


class Fair(torch.nn.Module):
    """A net with random weights that reads the features alone."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
        for weight in self.parameters():
            weight.data = 0.7 * torch.randn(weight.shape, generator=generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.layers(x)
        return scores


def nets(rng: np.random.Generator) -> Outcome:
    """A net whose scores are what happens, whatever the group."""
    frame, net = people(rng, 3_000), Fair(int(rng.integers(2**31))).eval()
    columns = ["age", "debt", "income", "tenure"]
    with torch.no_grad():
        score = torch.sigmoid(net(torch.tensor(frame[columns].to_numpy(np.float32))))[:, 0].numpy()
    frame["y"] = (rng.random(len(frame)) < score).astype(int)
    data = ak.Dataset(frame, y_true="y", sensitive_features=list(GROUPS))
    model = ak.Model(net, preprocess=lambda rows: torch.tensor(rows[columns].to_numpy(np.float32)), outputs="logits")
    said = asserted(ak.audit(model, data, sample=1_000))
    return {"false assertion": any(not name.startswith("subgroups/") for name in said)}


SETTINGS = (Setting("whole: decisions", decisions, replications=340), Setting("whole: nets", nets, replications=60))
