"""Proxies of a sensitive attribute. Oracles: scikit-learn a fold; simulation without and with a planted proxy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

import auditkit as ak
from auditkit.batch import Batch
from auditkit.check import RowsCheck
from auditkit.errors import PolicyError
from auditkit.fairness.rows.encoding import encoded
from auditkit.fairness.rows.proxies import Proxies
from auditkit.records import Finding
from auditkit.report.html.page import render


def frame(n: int = 600, seed: int = 0, *, planted: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sex, race = rng.choice(["f", "m"], n, p=[0.4, 0.6]), rng.choice(list("abc"), n, p=[0.6, 0.3, 0.1])
    return pd.DataFrame(
        {
            "sex": sex, "race": race, "height": rng.normal(size=n) + planted * (sex == "m"),
            "noise": rng.normal(size=n), "town": rng.choice(["x", "y"], n), "flat": 1,
            "y": rng.integers(0, 2, n), "pred": rng.integers(0, 2, n),
        }
    )  # fmt: skip


def audited(data: pd.DataFrame, check: Any, **options: Any) -> ak.Report:
    rows = ak.Dataset(data, y_true="y", sensitive_features=["sex", "race"])
    return ak.audit(ak.Predictions(y_pred="pred"), rows, checks=[check], **options)


def studied(data: pd.DataFrame, check: Proxies) -> dict[str, Finding]:
    groups = data[["sex", "race"]].astype("category")
    batch = Batch(data[["height", "noise", "town"]], groups, data["y"].to_numpy(), data["pred"].to_numpy())
    return {f.id: f for f in check.assess(check.study(batch, None)).findings}


def test_every_value_is_scikit_learns_over_the_folds() -> None:
    data = frame()
    f = studied(data, Proxies("sex"))["data/proxy_auc/group_max/sex"]
    (exhibit,) = f.exhibits
    assert exhibit.kind == "group_estimates"
    assert exhibit.series == ("f against the rest",)
    y = (data["sex"] == "f").to_numpy().astype(int)
    x = encoded(data[["height", "noise", "town"]]).columns
    shown = {label: es[0].value for label, es in exhibit.rows}
    for name in x:
        values, pairs = [], []
        for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(x[name], y):
            score = LogisticRegression(max_iter=1_000).fit(x[name][train], y[train]).predict_proba(x[name][test])[:, 1]
            values.append(roc_auc_score(y[test], score))
            pairs.append(y[test].sum() * (1 - y[test]).sum())
        assert shown[name] == pytest.approx(np.average(values, weights=pairs), abs=1e-9)
    assert [label for label, _ in exhibit.rows][:2] == ["all features together", "height"]
    assert f.estimate.value == shown["height"]


def test_a_planted_proxy_is_named_and_nothing_else() -> None:
    check = Proxies()
    assert isinstance(check, RowsCheck)
    report = audited(frame(), check)
    sex, race = (report.finding(f"data/proxy_auc/group_max/{a}") for a in ("sex", "race"))
    assert sex.statement.startswith("height tells f from the rest of sex (AUC 0.7")
    assert sex.estimate.low is not None
    assert sex.estimate.low > 0.5
    assert race.statement.startswith("It is not established that any single feature tells the groups of race")
    together = report.finding("data/attribute_auc/group_max/sex")
    assert together.statement.startswith("All features together tell f from the rest of sex")
    assert "features left out: flat (one value only)" in sex.notes
    assert ak.Report.from_json(report.to_json()) == report
    assert "height tells f from the rest of sex" in render(report)
    assert Proxies(**check.options()) == check


@pytest.mark.slow
def test_without_proxies_hardly_ever_one_is_named() -> None:
    named, runs = 0, 60
    for seed in range(runs):
        data = frame(120, seed, planted=0)
        (single, _) = studied(data, Proxies("sex")).values()
        named += not single.statement.startswith("It is not established")
    assert named / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_small_groups_and_nothing_to_tell() -> None:
    data = frame()
    data.loc[:4, "race"] = "rare"
    report = audited(data, Proxies(["race"]))
    assert any(n.endswith("or too many groups: rare") for n in report.finding("data/proxy_auc/group_max/race").notes)
    lone = audited(frame().assign(sex="f"), Proxies("sex"))
    assert lone.not_measured[0].why == "fewer than two groups of sex have 10 rows in the sample"
    bare = audited(frame()[["sex", "race", "y", "pred"]], Proxies("sex"))
    assert bare.not_measured[0].why == "no feature is left that varies"
    with pytest.raises(PolicyError, match=r"no sensitive feature 'sx'.*Did you mean 'sex'"):
        audited(frame(), Proxies("sx"))
    rule = {"id": "r", "metric": "proxy_auc", "comparison": "group_max", "by": ["sex"], "at_most": 0.7}
    with pytest.raises(PolicyError, match="no rule can judge it"):
        ak.Policy.from_dict({"rule": [rule]})
