"""Pairs of rows that agree in features: each mixed row is asked once, and the parts stay those of all sets asked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from auditkit.batch import Batch
from auditkit.catalogue.gaps import TARGETS
from auditkit.explain.attributions.study import groups_of
from auditkit.explain.gaps import splitting
from auditkit.explain.gaps.sums import Units
from auditkit.explain.preflight import undisturbed
from auditkit.inputs.model import Model


class Counting(nn.Module):
    """A net that counts the rows that it is asked about; one column is missing in some rows."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.rows = nn.Sequential(nn.Linear(13, 8), nn.Tanh(), nn.Linear(8, 1)), 0

    def forward(self, x: Tensor) -> Tensor:
        self.rows += len(x)
        out: Tensor = self.body(x.nan_to_num(0.5))
        return out


def parts(target: str, *, shuffles: int = 2) -> tuple[Units, int]:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (120, 13)).astype(np.float32)  # two rows agree in half of the features
    x[:, 0] = rng.normal(size=120)
    x[rng.random(120) < 0.3, 1] = np.nan
    group, y = rng.random(120) < 0.4, rng.integers(0, 2, 120).astype(np.int8)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Counting()
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(13)])
    model = Model(net, outputs="logits")
    batch = Batch(frame, pd.DataFrame({"g": group.astype(str)}), y, y, weight=np.ones(120))
    with undisturbed(model):
        inputs = model.encode(frame)
        groups = groups_of(model, inputs, frame)
        scene = splitting.Scene.of(model, batch, groups, inputs, seed=0, shuffles=shuffles, permutations=4)
        net.rows = 0
        found = splitting.by_shapley(scene, TARGETS[target], np.flatnonzero(group), np.flatnonzero(~group))
        return found, net.rows


@pytest.mark.parametrize("target", ["mean_score", "selection_rate", "log_loss"])
def test_the_parts_are_those_of_all_sets_and_fewer_rows_are_asked(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    few, asked = parts(target)
    monkeypatch.setattr(splitting, "_new", lambda told, row: torch.ones_like(row, dtype=torch.bool))
    whole, all_ = parts(target)
    assert few.names == whole.names
    for a, b in zip(few.rounds, whole.rounds, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-7)
    assert asked < 0.65 * all_
