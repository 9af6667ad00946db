"""Consistency over neighbours. Oracle: a slow twin over all pairs of rows; scipy's t; laws of the sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

import auditkit as ak
from auditkit.check import RowsCheck
from auditkit.errors import PolicyError
from auditkit.fairness.rows.consistency import Consistency, agreement
from auditkit.fairness.rows.encoding import encoded


def slow(x: np.ndarray, y: np.ndarray, k: int) -> list[float]:
    out = []
    for i in range(len(x)):
        far = sorted((float(((x[i] - x[j]) ** 2).sum()), j) for j in range(len(x)) if j != i)
        out.append(1 - abs(float(y[i]) - sum(float(y[j]) for _, j in far[:k]) / k))
    return out


@pytest.mark.parametrize("k", [1, 5, 20])
def test_agreement_is_the_slow_twin(k: int) -> None:
    rng = np.random.default_rng(k)
    x, y = rng.normal(size=(120, 3)), (rng.random(120) < 0.4).astype(np.int8)
    assert agreement(x, y, k) == pytest.approx(slow(x, y, k), abs=1e-12)


def frame(n: int = 900, *, noise: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], n, p=[0.3, 0.7])
    x = rng.normal(size=n)
    flip = rng.random(n) < np.where(sex == "f", noise, 0.0)
    pred = ((x > 0) ^ flip).astype(int)
    return pd.DataFrame(
        {"sex": sex, "x": x, "z": rng.normal(size=n) * 0.01 + x, "y": (x > 0).astype(int), "pred": pred}
    )


def audited(data: pd.DataFrame, *checks: Any, sample: int = 2_000) -> ak.Report:
    rows = ak.Dataset(data, y_true="y", sensitive_features=["sex"])
    return ak.audit(ak.Predictions(y_pred="pred"), rows, checks=checks, sample=sample)


def test_values_by_group_and_their_intervals() -> None:
    data, check = frame(noise=0.4), Consistency(5)
    assert isinstance(check, RowsCheck)
    report = audited(data, check)
    x = encoded(data[["x", "z"]]).all
    by_row = np.array(slow(x, data["pred"].to_numpy(), 5))
    e = report.finding("performance/consistency/overall").estimate
    assert e.value == pytest.approx(by_row.mean(), abs=1e-12)
    half = student.ppf(0.975, len(data) - 1) * by_row.std(ddof=1) / len(data) ** 0.5
    assert (e.low, e.high) == pytest.approx((by_row.mean() - half, by_row.mean() + half), abs=1e-6)
    gap = report.finding("fairness/consistency/difference/sex")
    women = (data["sex"] == "f").to_numpy()
    expected = [by_row[women].mean(), by_row[~women].mean()]
    assert [g.estimate.value for g in gap.by_group] == pytest.approx(expected, abs=1e-12)
    assert gap.estimate.low
    assert "The gap is" in gap.statement
    assert any(n.startswith("approximate") for n in gap.notes)
    least = report.finding("fairness/consistency/group_min/sex")
    assert "for f, the lowest value" in least.statement
    assert ak.Report.from_json(report.to_json()) == report
    stored = report.evidence["consistency"].data
    assert {tuple(t["columns"]) for t in stored["tables"].values()} == {("agreement",)}, "sums, and no row"


def test_no_gap_is_named_without_one() -> None:
    gap = audited(frame(), Consistency()).finding("fairness/consistency/difference/sex")
    assert "no gap between groups of sex is established" in gap.statement


def test_all_alike_is_no_certainty() -> None:
    report = audited(frame(300).assign(pred=1), Consistency())
    e = report.finding("performance/consistency/overall").estimate
    assert (e.value, e.high) == (1.0, 1.0)
    assert e.low is not None
    assert 0.98 < e.low < 1


def test_the_sample_is_random_and_depends_on_no_order() -> None:
    data = frame(3_000, noise=0.3)
    a = audited(data, Consistency(), sample=500)
    b = audited(data.sample(frac=1, random_state=1), Consistency(), sample=500)
    assert [f.estimate for f in a.findings] == [f.estimate for f in b.findings]
    overall = a.finding("performance/consistency/overall")
    assert overall.estimate.n == 500
    assert any("of 500 rows drawn at random" in n for n in overall.notes)
    women = a.finding("fairness/consistency/difference/sex").by_group[0].estimate.n
    assert 110 < women < 190, "drawn at random, not evenly over groups"


def test_over_what_the_model_reads() -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Linear(2, 1)
    with torch.no_grad():
        net.weight[:] = torch.tensor([[1.0, 0.0]])
        net.bias[:] = 0
    data = frame(200)
    rows = ak.Dataset(data.drop(columns="pred"), y_true="y", sensitive_features=["sex"])
    model = ak.Model(net, preprocess=lambda d: d[["x", "z"]].to_numpy(np.float32))
    report = ak.audit(model, rows, checks=[Consistency(3)])
    x = encoded(data[["x", "z"]].astype(np.float32)).all
    expected = np.mean(slow(x, (data["x"] >= 0).to_numpy(), 3))
    assert report.finding("performance/consistency/overall").estimate.value == pytest.approx(expected, abs=0.02)
    assert any("2 inputs of the model" in n for n in report.finding("performance/consistency/overall").notes)


def test_nothing_to_compare() -> None:
    few = audited(frame(4), Consistency(5))
    assert few.not_measured[0].why == "4 rows with a decision in the sample"
    flat = audited(frame(50)[["sex", "y", "pred"]].assign(x=1), Consistency(5))
    assert flat.not_measured[0].why == "no input varies"
    ids = frame(100).assign(name=lambda d: [f"n{i}" for i in range(len(d))])
    notes = audited(ids, Consistency()).finding("performance/consistency/overall").notes
    assert "features left out: name (100 different values)" in notes
    rule = {"id": "r", "metric": "consistency", "comparison": "overall", "at_least": 0.5}
    with pytest.raises(PolicyError, match="no rule can judge it"):
        ak.Policy.from_dict({"rule": [rule]})
    assert Consistency(**Consistency(7).options()) == Consistency(7)
