"""Of many groups the layers of the surest pair are looked at: fair groups, and what is said of them for sure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit.batch import Batch
from auditkit.explain.layers.check import LayerAudit
from auditkit.records import Finding

CHECK = LayerAudit(random=0)


def net() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1)).eval()


def found(rng: np.random.Generator, groups: int, apart: float = 0.0) -> Finding:
    """Of groups of 40 rows that differ in nothing, or in the first column of the last group."""
    group = np.repeat(np.arange(groups), 40)
    x = rng.normal(size=(len(group), 3))
    x[:, 0] += apart * (group == groups - 1)
    y = rng.integers(0, 2, len(x)).astype(np.int8)
    names = pd.DataFrame({"g": pd.Categorical(np.array(list("pqrstuvw"))[group])})
    batch = Batch(pd.DataFrame(x, columns=["a", "b", "c"]), names, y, y)
    (finding,) = CHECK.assess(CHECK.examine(ak.Model(net()), batch)).findings
    return finding


@pytest.mark.slow
def test_of_six_fair_groups_layers_tell_the_surest_pair_in_five_of_a_hundred_at_most() -> None:
    rng, draws = np.random.default_rng(0), 100
    p = [found(rng, 6).p for _ in range(draws)]
    assert np.mean([x is not None and x < 0.05 for x in p]) <= 0.05 + 2.6 * (0.05 * 0.95 / draws) ** 0.5


def test_a_group_that_layers_hold_is_still_told() -> None:
    finding = found(np.random.default_rng(1), 6, apart=3.0)
    assert "linearly tells" in finding.statement
    assert finding.p is not None
    assert finding.p < 0.01
