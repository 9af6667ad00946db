"""A continuous attribute: what is said of it, with and without bins. Oracles: the functions proved in tests/stats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.check import RowsCheck
from auditkit.errors import DataError, PolicyError
from auditkit.fairness.rows.continuous import ContinuousAttribute
from auditkit.report.html.page import render
from auditkit.stats.families import of_rates

PARITY, DISTANCE = (
    "fairness/generalized_demographic_parity/difference/age",
    "fairness/distance_correlation/overall/age",
)


def frame(n: int = 900, *, slope: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    age = rng.uniform(18, 80, n).round(1)
    score = np.clip(0.5 + slope * (age - 49) / 62 + rng.normal(0, 0.15, n), 0, 1)
    return pd.DataFrame(
        {"age": age, "sex": rng.choice(["f", "m"], n), "y": (rng.random(n) < 0.5).astype(int), "score": score}
    ).assign(pred=lambda d: (d["score"] >= 0.5).astype(int))


def audited(data: pd.DataFrame, check: Any, *, score: str | None = "score") -> ak.Report:
    rows = ak.Dataset(data, y_true="y", sensitive_features=["sex"])
    return ak.audit(ak.Predictions(y_pred="pred", score=score), rows, checks=[check])


def test_a_slope_is_found_and_named() -> None:
    check = ContinuousAttribute("age")
    assert isinstance(check, RowsCheck)
    report = audited(frame(slope=0.5), check)
    parity, distance = report.finding(PARITY), report.finding(DISTANCE)
    assert parity.statement.startswith("Along age, the selection rate strays from its average by")
    assert distance.statement.startswith("What the model says goes with age: distance correlation")
    assert parity.notes[0].startswith("permutation p = 0.005")
    assert any(n.startswith("Gaussian kernel, bandwidth") and "Silverman" in n for n in parity.notes)
    assert (parity.estimate.low, parity.estimate.high) == (None, None)
    assert "no interval" in parity.estimate.note
    (curve,) = parity.exhibits
    assert curve.kind == "curve"
    young, old = curve.series[0].y[0], curve.series[0].y[-1]
    assert young is not None
    assert old is not None
    assert young < 0.35 < 0.65 < old
    assert ak.Report.from_json(report.to_json()) == report
    assert "age" in render(report)


def test_without_dependence_none_is_named() -> None:
    report = audited(frame(), ContinuousAttribute("age"))
    for id_ in (PARITY, DISTANCE):
        f = report.finding(id_)
        assert "no dependence on age is established" in f.statement
        assert f.estimate.value
        assert f.estimate.value > 0, "above 0 by chance alone"


def test_bins_only_where_edges_are_given() -> None:
    data = frame(slope=0.5)
    report = audited(data, ContinuousAttribute("age", edges=[30, 60], bandwidth=4))
    f = report.finding(PARITY)
    _, table = f.exhibits
    assert table.kind == "table"
    bins = pd.cut(data["age"], [0, 30, 60, 200], right=False)
    expected = data.groupby(bins, observed=False)["pred"].agg(["sum", "count", "mean"])
    assert [r[0] for r in table.rows] == ["below 30", "30 to below 60", "60 and above"]
    assert [r[1] for r in table.rows] == expected["count"].tolist()
    assert [r[2] for r in table.rows] == pytest.approx(expected["mean"].tolist())
    g = of_rates("difference", expected["sum"], expected["count"], level=0.95)
    assert f"largest gap between the bins given: {100 * g.value:.1f} points" in " ".join(f.notes)
    assert any("bandwidth 4.00 (given)" in n for n in f.notes)


def test_missing_values_are_counted_and_no_score_is_said() -> None:
    data = frame(slope=0.5)
    data.loc[:49, "age"] = np.nan
    report = audited(data, ContinuousAttribute("age"), score=None)
    assert "50 sampled rows left out: 'age' or the decision is missing" in report.finding(PARITY).notes
    assert report.finding(PARITY).estimate.n == 850
    assert report.finding(DISTANCE).notes[1] == "between the decision, for want of scores, and age"


def test_what_cannot_be_measured() -> None:
    one = audited(frame().assign(age=40), ContinuousAttribute("age"))
    assert one.not_measured[0].why == "'age' has one value only"
    few = audited(frame(30), ContinuousAttribute("age"))
    assert "30 rows with 'age' and a decision in the sample; 50 are needed" in few.not_measured[0].why
    alike = audited(frame().assign(pred=1), ContinuousAttribute("age"), score=None)
    assert {n.why for n in alike.not_measured} == {"all decisions of the sample are alike"}
    assert not [f for f in alike.findings if f.id == PARITY]  # no permutation could have told anything


def test_wrong_input() -> None:
    with pytest.raises(DataError, match=r"no column 'agee'.*Did you mean 'age'"):
        audited(frame(), ContinuousAttribute("agee"))
    with pytest.raises(DataError, match=r"'sex' holds .*, no numbers"):
        audited(frame(), ContinuousAttribute("sex"))
    with pytest.raises(PolicyError, match="bandwidth must be above 0"):
        ContinuousAttribute("age", bandwidth=0)
    with pytest.raises(PolicyError, match="rows is a number from 50 to 2,000"):
        ContinuousAttribute("age", rows=5_000)
    with pytest.raises(DataError, match=r"continuous column is no group.*ask ContinuousAttribute\('age'\)"):
        ak.Dataset(frame(), y_true="y", sensitive_features=["age"])
    check = ContinuousAttribute("age", edges=[30, 45], bandwidth=2.5, rows=500)
    assert ContinuousAttribute(**check.options()) == check
