"""A higher cap of steps on request. Truth: F(x) − F(b) of a net whose slope is a spike that 512 steps do not meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import auditkit as ak
from auditkit.explain.attributions.study import explain
from auditkit.explain.trust.study import of_method
from tests.explain.test_surface import batch

ROWS = 12
SPIKE = 2000.0


class Spike(nn.Module):
    """A smooth step of width 1 / SPIKE at .3: F = σ(SPIKE · (a − .3)) + b."""

    def __init__(self) -> None:
        super().__init__()
        self.height = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.height * torch.sigmoid(SPIKE * (x[:, 0] - 0.3)) + x[:, 1]


def rows() -> pd.DataFrame:
    """Half of them lie far on the other side of the step, so that the way there crosses it."""
    rng = np.random.default_rng(0)
    a = np.where(np.arange(ROWS) % 2 == 0, 1.0, 0.0) + rng.normal(scale=0.01, size=ROWS)
    return pd.DataFrame({"a": a, "b": rng.normal(size=ROWS)}).astype(np.float64)


def model() -> ak.Model:
    return ak.Model(Spike().double(), outputs="logits")


def test_more_steps_on_request_meet_the_sum() -> None:
    sample = batch(rows())
    few, many = (explain(model(), sample, max_steps=most) for most in (512, 2048))
    assert few.epsilon is not None
    assert many.epsilon is not None
    crossing = np.abs(few.delta - few.phi[:, 1]) > 0.5
    assert few.epsilon[crossing].max() > 0.05, "the truth is missed at 512"
    assert few.steps.max() == 512
    assert many.epsilon.max() <= 0.05
    assert many.steps.max() > 512
    np.testing.assert_allclose(many.phi.sum(1), many.delta, atol=0.06)
    np.testing.assert_allclose(many.phi[:, 1], few.phi[:, 1], atol=1e-6)


def test_of_a_row_too() -> None:
    frame = rows()
    few = ak.explain(model(), frame, background=frame)
    many = ak.explain(model(), frame, background=frame, max_steps=2048)
    assert not few.holds.all()
    assert many.holds.all()
    assert many.steps.max() > few.steps.max() == 512
    one = ak.explain(model(), frame, background=frame, max_steps=8)
    assert one.steps.max() == 8


@pytest.mark.slow
def test_the_check_asks_so_and_its_refinement_takes_twice_as_many() -> None:
    sample, check = batch(rows()), ak.Attribution(max_steps=2048)
    assert ak.Attribution.__dataclass_fields__["max_steps"].default == 512
    assert check.options()["max_steps"] == 2048
    assert "max_steps" not in ak.Attribution().options()
    found = explain(model(), sample, max_steps=2048)
    trials = of_method(model(), sample, found)
    rows_at = np.flatnonzero(found.steps > 512)
    assert len(rows_at)
    for n in np.unique(found.steps[rows_at]):
        finer = explain(model(), sample, n_steps=2 * int(n), max_steps=2 * int(n)).phi
        moved = np.linalg.norm(finer - found.phi, axis=1) / np.linalg.norm(finer, axis=1)
        where = found.steps == n
        np.testing.assert_allclose(trials.columns["T2"][where], moved[where], atol=1e-8)
    evidence = check.examine(model(), sample)
    assert evidence.columns["steps"].max() == found.steps.max()


def test_pairs_too() -> None:
    n = 60
    frame = pd.DataFrame({"a": np.tile([0.0, 1.0], n // 2), "b": np.linspace(0, 1, n)})
    data = ak.Dataset.from_arrays(
        frame, y_true=np.arange(n) % 3 == 0, sensitive_features={"g": np.tile(["A", "B"], n // 2)}
    )

    def steps(**options: Any) -> int:
        report = ak.audit(model(), data, checks=[ak.GapAttribution(shuffles=1, permutations=2, **options)])
        text = report.to_json()
        return max(int(t.rsplit(", ", 1)[1]) for t in text.split(" steps")[:-1] if t.rsplit(", ", 1)[1].isdigit())

    assert steps() == 512
    assert steps(max_steps=1024) > 512
    assert steps(max_steps=64) == 64
    assert ak.GapAttribution(max_steps=64).options()["max_steps"] == 64


@pytest.mark.parametrize("wrong", [0, 5000, True, 2.5])
def test_wrong_caps_are_refused(wrong: Any) -> None:
    for make in (ak.Attribution, ak.GapAttribution):
        with pytest.raises(ak.AuditkitError, match="max_steps"):
            make(max_steps=wrong)
    with pytest.raises(ak.ModelError, match="max_steps must be a whole number between 1 and 4096"):
        ak.explain(model(), rows(), background=rows(), max_steps=wrong)
    with pytest.raises(ak.ModelError, match=r"n_steps must be a whole number between 1 and 512 \(max_steps\)"):
        ak.Attribution(n_steps=513)
    assert ak.Attribution(n_steps=600, max_steps=600).n_steps == 600
