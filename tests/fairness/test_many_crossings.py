"""Crossings of more groups than are compared: they are said to be not measured, and everything else is as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.check import Check
from auditkit.evidence.tally import Tally
from auditkit.fairness.sets import MOST_CROSSED
from auditkit.report.html.page import render
from tests.limits import run


def frame(first: int, second: int, rows: int) -> pd.DataFrame:
    """Every crossing of g and h in at least two rows, and scores that say little."""
    rng = np.random.default_rng(0)
    at = rng.permutation(rows) % (first * second)
    out = pd.DataFrame({"g": [f"g{i % first}" for i in at], "h": [f"h{i // first}" for i in at], "s": rng.random(rows)})
    out = out.assign(p=(out["s"] > 0.5).astype(int), y=rng.integers(0, 2, rows), c=[f"c{i % 500}" for i in range(rows)])
    return out.assign(cls=[("a", "b", "c")[i % 3] for i in range(rows)], k=["u", "v"] * (rows // 2))


ROWS = frame(40, 30, 4_800)


def audited(checks: list[Check], **options: Any) -> ak.Report:
    asked = {"y_true": "y", "control_features": "k", **options}
    predictions = ak.Predictions("p" if asked.get("task") != "multiclass" else "cls", score=asked.pop("score", None))
    return ak.audit(predictions, ak.Dataset(ROWS, sensitive_features=["g", "h"], **asked), checks=checks)


CHECKS: dict[str, tuple[Check, str, dict[str, Any]]] = {
    "rates": (ak.GroupFairness(), "group rates by g and h", {}),
    "rates as asked": (ak.GroupFairness(by=[["g"], ["h", "g"]]), "group rates by h and g", {}),
    "scores": (ak.Scores(), "scores by g and h", {"score": "s"}),
    "at equal controls": (ak.ConditionalParity("k"), "rates at equal k by g and h", {}),
    "unknown groups": (ak.UnknownDemographics(), "rows of unknown group by g and h", {}),
    "impact ratios": (
        ak.ImpactRatios("nyc-ll144", sex="g", race="h"), "impact ratios by g and h", {}
    ),
    "scoring rates": (ak.ScoringRates(sex="g", race="h"), "scoring rates by g and h", {"score": "s"}),
    "classes": (ak.ClassFairness(), "rates of classes by g and h", {"y_true": "cls", "task": "multiclass"}),
    "numbers": (ak.RegressionFairness(metrics=["signed_error"]), "errors by g and h", {"task": "regression"}),
}  # fmt: skip


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", CHECKS)
def test_the_crossing_is_not_measured_and_each_attribute_is(name: str) -> None:
    check, what, options = CHECKS[name]
    report = audited([check], **options)
    (absent,) = [n for n in report.not_measured if n.what == what]
    assert absent.why.startswith(f"1,200 crossed groups have rows, and at most {MOST_CROSSED:,} are compared")
    assert "by=[['" in absent.why
    assert not absent.accident
    assert all(len(f.by) < 2 for f in report.findings)
    page = render(report)
    assert "1,200 crossed groups have rows" in page
    if name not in ("impact ratios", "scoring rates", "rates as asked"):
        each = audited([replace(check, by=[["g"], ["h"]])], **options)  # type: ignore[type-var]
        assert {f.by for f in each.findings} >= {("g",), ("h",)}
        assert report.findings == each.findings


def test_a_rule_on_the_crossing_is_not_measured() -> None:
    rule = {"id": "gap", "metric": "selection_rate", "comparison": "difference", "by": ["g", "h"], "at_most": 0.5}
    report = audited([ak.GroupFairness(metrics=["selection_rate"])])
    (verdict,) = ak.judge(report, {"rule": [rule]}).verdicts
    assert verdict.status == "not_measured"
    assert "1,200 groups of g and h, more than the 1,000" in verdict.reason


def test_clusters_of_so_many_groups_are_not_kept_and_the_rest_is_read_again() -> None:
    report = audited([ak.GroupFairness(metrics=["selection_rate"])], cluster="c")
    stored = report.evidence["group_fairness"]
    assert [c["by"] for c in stored.data["clusters"]["counts"]] == [[], ["g"], ["h"]]
    assert Tally.from_json(stored.data).to_json() == stored.data


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [(1_000, 2), (60, 60), (400, 50)])
def test_default_audits_of_many_crossings_end_within_memory(first: int, second: int) -> None:
    rows = frame(first, second, 20_000)
    data = ak.Dataset(rows.drop(columns=["c", "cls", "k"]), y_true="y", sensitive_features=["g", "h"])

    def whole() -> str:
        return render(ak.audit(ak.Predictions("p", score="s"), data))

    ran = run(whole, seconds=100, megabytes=1_000)
    assert not ran.error, ran
    assert "crossed groups have rows" in ran.value
