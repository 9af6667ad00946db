"""Planted truths: trained nets whose gaps have known causes, and resampled rows that must find them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from auditkit.batch import Batch
from auditkit.catalogue.gaps import TARGETS
from auditkit.explain.attributions.study import groups_of
from auditkit.explain.gaps.splits import Split
from auditkit.explain.gaps.splitting import Scene, by_shapley
from auditkit.explain.gaps.statements import cancelling, statement
from auditkit.explain.gaps.sums import Contrast
from auditkit.explain.preflight import undisturbed
from auditkit.inputs.model import Model

NETS, RESAMPLES = 10, 40
COLUMNS = ("proxy", "other", "a", "b", "c", "d")


class World(NamedTuple):
    """What differs between the groups, and what the outcome depends on."""

    proxy: float
    other: float
    weights: tuple[float, float]
    """Of `proxy` and `other` on the outcome."""


BIASED = World(1.2, 0.4, (1.5, 1.0))
CANCELLING = World(1.0, 1.0, (1.5, -1.5))
FAIR = World(0.0, 0.0, (1.5, 1.0))


def drawn(world: World, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (n, 6), groups (n,) and truths (n,): a to d are independent of the group and of one another."""
    group = rng.random(n) < 0.4
    x = rng.normal(size=(n, 6))
    x[:, 0] += world.proxy * group
    x[:, 1] += world.other * group
    logit = x[:, :2] @ world.weights + x[:, 2] + 0.7 * x[:, 3] * x[:, 4] - 0.5
    return x.astype(np.float32), group, (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.int8)


def trained(world: World, seed: int) -> Model:
    x, _, y = drawn(world, 3_000, np.random.default_rng(seed))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
        optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
        inputs, target = torch.as_tensor(x), torch.as_tensor(y, dtype=torch.float32)
        for _ in range(150):
            optimiser.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(net(inputs)[:, 0], target).backward()
            optimiser.step()
    return Model(net)


def split(model: Model, world: World, n: int, seed: int, shuffles: int = 2) -> Split:
    """The gap in mean score of freshly drawn rows."""
    x, group, y = drawn(world, n, np.random.default_rng([seed, n]))
    frame = pd.DataFrame(x, columns=list(COLUMNS))
    batch = Batch(frame, pd.DataFrame({"g": group.astype(str)}), y, y, weight=np.ones(n))
    with undisturbed(model):
        inputs = model.encode(frame)
        groups = groups_of(model, inputs, frame)
        scene = Scene.of(model, batch, groups, inputs, seed=seed, shuffles=shuffles, permutations=4)
        target = TARGETS["mean_score"]
        units = by_shapley(scene, target, np.flatnonzero(group), np.flatnonzero(~group))
    return Split.of(Contrast("g", "mean_score", "shapley", "True", "False"), units, 0.95)


def resampled(world: World, rows: int) -> Iterator[tuple[Model, list[Split]]]:
    for seed in range(NETS):
        model = trained(world, seed)
        yield model, [split(model, world, rows, 100 * seed + k + 1) for k in range(RESAMPLES)]


@pytest.mark.slow
def test_a_planted_proxy_is_named_first_with_its_share_and_innocent_columns_cover_0() -> None:
    first, near, covered, wide = [], [], [], []
    for model, splits in resampled(BIASED, 900):
        whole = split(model, BIASED, 40_000, 7, shuffles=1)
        truth = whole.values[0] / whole.values.sum()
        for s in splits:
            share = s.values[0] / s.values.sum()
            first.append(int(np.argmax(np.abs(s.values))) == 0 and "come through proxy" in statement(s))
            near.append(abs(share - truth) <= 0.10)
            covered.append([e.low <= 0 <= e.high for e in s.parts[2:] if e.low is not None and e.high is not None])
        half = [[(e.high - e.low) / 2 for e in s.parts[2:] if e.low is not None and e.high is not None] for s in splits]
        wide.append(np.mean(half, axis=0) / 1.96 / np.std([s.values[2:] for s in splits], axis=0, ddof=1))
    assert np.shape(covered) == (NETS * RESAMPLES, 4)
    assert np.mean(first) >= 0.99
    assert np.mean(near) >= 0.95
    assert 0.92 <= np.mean(covered) <= 0.97
    chance = 3 * (0.05 * 0.95 / len(covered)) ** 0.5
    assert np.mean(covered, axis=0) == pytest.approx(0.95, abs=chance), "b and c act together: no less, and no more"
    assert np.mean(wide, axis=0) == pytest.approx(1, abs=0.15)


@pytest.mark.slow
def test_a_planted_pair_that_cancels_is_found_behind_a_gap_near_zero() -> None:
    found, gaps = [], []
    for _, splits in resampled(CANCELLING, 300):
        for s in splits:
            found.append(cancelling(s) and s.sure[0] and s.sure[1])
            gaps.append(float(s.values.sum()))
            assert s.values[0] > 0.05
            assert s.values[1] < -0.05
    assert abs(np.mean(gaps)) < 0.03
    assert np.mean(found) >= 0.95


@pytest.mark.slow
def test_a_net_trained_without_bias_yields_no_cause() -> None:
    named = [any(s.sure) for _, splits in resampled(FAIR, 300) for s in splits]
    assert np.mean(named) <= 0.05 + 3 * (0.05 * 0.95 / len(named)) ** 0.5, "Holm errs in 5 %"
