"""Declared columns split a gap in what they explain and what is left: against what a linear net makes it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit.batch import Batch
from auditkit.explain.gaps.check import GapAttribution
from auditkit.explain.gaps.legitimate import explained
from auditkit.explain.gaps.splits import headlines
from auditkit.explain.gaps.sums import GapSums
from auditkit.inputs.model import Model

CHECK = GapAttribution(permutations=2, shuffles=1)


def scene(
    seed: int, *, declared: tuple[str, ...] = ("school",), towards: float = 1.0, n: int = 400
) -> tuple[Model, Batch]:
    """Men have 2 more years of school, of 3 each, and a job that pays 4 more; the net adds them up."""
    rng = np.random.default_rng(seed)
    man = rng.integers(0, 2, n)
    frame = pd.DataFrame({
        "school": rng.integers(8, 14, n) + 2 * man,
        "job": rng.normal(size=n) + 4 * man,
        "luck": rng.normal(size=n),
    }).astype(float)  # fmt: skip
    net = nn.Linear(3, 1)
    with torch.no_grad():
        net.weight.copy_(towards * torch.tensor([[3.0, 1.0, 2.0]]))
        net.bias.zero_()
    model = Model(net, task="regression")
    score = model.predict(frame)
    controls = pd.DataFrame({c: frame[c].astype(str).astype("category") for c in declared}) if declared else None
    sex = pd.DataFrame({"sex": pd.Categorical(np.where(man, "m", "f"))})
    return model, Batch(frame, sex, score, score, score, task="regression", controls=controls)


def mean_gap(seen: GapSums) -> str:
    return next(f.statement for f in CHECK.assess(seen).findings if f.of == "mean_prediction")


@pytest.mark.parametrize("towards", [1.0, -1.0])
def test_the_parts_are_those_of_the_net(towards: float) -> None:
    model, sample = scene(0, towards=towards)
    seen = CHECK.examine(model, sample)
    split = next(s for s in headlines(seen, 0.95) if s.contrast.of == "mean_prediction")
    found = explained(seen, split)
    assert found is not None
    assert found.columns == ("school",)
    man = (sample.groups["sex"] == "m").to_numpy()
    sign = 1 if split.contrast.high == "m" else -1
    by_hand = sign * towards * 3 * (sample.features["school"][man].mean() - sample.features["school"][~man].mean())
    assert found.through.value == pytest.approx(by_hand, rel=1e-3)
    assert (found.through.value or 0) + (found.rest.value or 0) == pytest.approx(split.total.value, rel=1e-6)
    assert "come through columns that were declared legitimate (school), and " in mean_gap(seen)
    assert "which may be nothing" not in mean_gap(seen)


def test_nothing_left_is_said_to_be_unsure_and_nothing_declared_says_nothing() -> None:
    model, sample = scene(1, declared=("school", "job"))
    assert "through others, which may be nothing." in mean_gap(CHECK.examine(model, sample))
    model, sample = scene(1, declared=())
    assert "declared" not in mean_gap(CHECK.examine(model, sample))


def test_a_declared_column_that_is_not_read_is_said() -> None:
    model, sample = scene(2)
    sample = Batch(**{**vars(sample), "controls": pd.DataFrame({"region": sample.groups["sex"]})})
    found = next(f for f in CHECK.assess(CHECK.examine(model, sample)).findings if f.of == "mean_prediction")
    assert "declared legitimate (" not in found.statement
    assert found.notes[-1] == "declared legitimate, and not read by the model, so that no part comes through: region"


def test_in_an_audit_it_is_told_and_stored() -> None:
    model, sample = scene(3)
    frame = sample.features.assign(sex=sample.groups["sex"].astype(str), pay=sample.y_true)
    columns = list(sample.features)
    model = Model(
        model.module,
        task="regression",
        preprocess=lambda f: f[columns].to_numpy(np.float32),
        feature_map={c: [j] for j, c in enumerate(columns)},
    )
    data = ak.Dataset(frame, y_true="pay", task="regression", sensitive_features="sex", control_features="school")
    report = ak.audit(model, data, checks=[CHECK])
    told = next(f.statement for f in report.findings if f.of == "mean_prediction")
    assert "declared legitimate (school)" in told
    again = GapSums.from_json(report.evidence["gap_attribution"].data)
    assert next(f.statement for f in CHECK.assess(again).findings if f.of == "mean_prediction") == told


@pytest.mark.slow
def test_the_intervals_cover() -> None:
    """What comes through school in the population is 3 · 2 = 6, and through others 4."""
    through = rest = 0
    for seed in range(100):
        seen = CHECK.examine(*scene(seed, n=200))
        split = next(s for s in headlines(seen, 0.95) if s.contrast.of == "mean_prediction")
        found = explained(seen, split)
        assert found is not None
        sign = 1 if split.contrast.high == "m" else -1
        for e, truth in ((found.through, 6.0), (found.rest, 4.0)):
            assert e.low is not None
            assert e.high is not None
            covered = e.low <= sign * truth <= e.high
            through, rest = through + (covered and truth == 6.0), rest + (covered and truth == 4.0)
    assert min(through, rest) >= 88
