"""How many rows would decide, the tightest limit that passes, and the p that the limit is exceeded: by brute force."""

from __future__ import annotations

import io
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import auditkit as ak
from auditkit.audit import audit
from auditkit.judging import judge
from auditkit.records import Report, StoredEvidence, Verdict
from auditkit.report import formats
from auditkit.report.terminal import summary

CUBES = [f"{q}_m{k}" for q in ("error", "absolute", "squared", "prediction") for k in (2, 3)]
SUMS = {"group_fairness": ("n",), "regression_fairness": ("n", *CUBES)}
"""Columns of evidence that so many copies of every row make so many times as large."""


def rules(*given: dict[str, Any], **policy: Any) -> dict[str, Any]:
    return {"rule": [{"id": f"r{i}", **r} for i, r in enumerate(given)], **policy}


def gap(metric: str, by: str, most: float, **more: Any) -> dict[str, Any]:
    return {"metric": metric, "comparison": "difference", "by": [by], "at_most": most, **more}


@pytest.fixture(scope="module")
def binary() -> Report:
    rng = np.random.default_rng(1)
    sex, race = rng.choice(["f", "m"], 600), rng.choice(["a", "b", "c"], 600)
    y = (rng.random(600) < 0.4).astype(int)
    p = (rng.random(600) < np.where(sex == "f", 0.42, 0.5)).astype(int)
    data = ak.Dataset(
        pd.DataFrame({"sex": sex, "race": race, "y": y, "p": p}), y_true="y", positive=1,
        sensitive_features=["sex", "race"],
    )  # fmt: skip
    return audit(ak.Predictions(y_pred="p"), data, checks=[ak.GroupFairness()])


@pytest.fixture(scope="module")
def numbers() -> Report:
    rng = np.random.default_rng(2)
    sex = np.repeat(["f", "m"], [60, 500])
    y = rng.normal(size=560)
    frame = pd.DataFrame({"sex": sex, "y": y, "p": y + rng.normal(size=560) + 0.3 * (sex == "f")})
    data = ak.Dataset(frame, y_true="y", task="regression", sensitive_features=["sex"])
    return audit(ak.Predictions(y_pred="p"), data, checks=[ak.RegressionFairness()])


def times(report: Report, factor: int) -> Report:
    """The report of so many copies of every row, by its evidence: no finding of its own is kept."""

    def grown(key: str, stored: StoredEvidence) -> StoredEvidence:
        data = dict(stored.data)
        for table in (t for t in ("cells", "moments", "values") if t in data):
            data[table] = {c: [x * factor for x in v] if c in SUMS[key] else v for c, v in data[table].items()}
        return stored.model_copy(update={"data": data})

    evidence = {k: grown(k, v) for k, v in report.evidence.items()}
    return report.model_copy(update={"evidence": evidence, "findings": (), "verdicts": ()})


BINARY = rules(
    gap("selection_rate", "sex", 0.05),
    gap("true_positive_rate", "race", 0.1),
    gap("f1", "sex", 0.1),
    {"metric": "accuracy", "comparison": "overall", "at_least": 0.5},
    {"metric": "selection_rate", "comparison": "ratio", "by": ["race"], "at_least": 0.8},
    {"metric": "selection_rate", "comparison": "group_max", "by": ["race"], "at_most": 0.5},
)
NUMBERS = rules(
    gap("signed_error", "sex", 0.25), gap("mean_absolute_error", "sex", 0.15),
    gap("root_mean_squared_error", "sex", 0.2),
)  # fmt: skip


def judged(report: Report, policy: dict[str, Any]) -> dict[str, Verdict]:
    return {v.rule.id: v for v in judge(report, policy).verdicts}


@pytest.mark.parametrize("correction", ["holm", "none"])
@pytest.mark.parametrize("kind", ["binary", "numbers"])
def test_so_many_rows_decide_and_fewer_do_not(kind: str, correction: str, request: pytest.FixtureRequest) -> None:
    report = request.getfixturevalue(kind)
    policy = (BINARY if kind == "binary" else NUMBERS) | {"defaults": {"correction": correction}}
    found = judged(report, policy)
    open_ = [v for v in found.values() if v.status == "inconclusive"]
    assert sum(v.more_data is not None for v in open_) >= 3
    for v in open_:
        assert v.more_data is not None
        many = int(v.more_data)
        assert many == v.more_data >= 2
        assert judged(times(report, many), policy)[v.rule.id].status != "inconclusive", v.reason
        fewer = many - 1 - many // 16
        assert judged(times(report, fewer), policy)[v.rule.id].status == "inconclusive", v.reason
        assert v.reason.endswith(f"About {many:,} times as many rows would decide, if the estimate stays.")


def test_rules_beside_it_that_fail_leave_it_more_error_than_rules_that_do_not(binary: Report) -> None:
    """A rule that would fail, beside seven: under Holm it is asked at 95 % once they have failed, else at 99.4 %."""
    enough = {}
    for other, least in (("fail", 0.9), ("pass", 0.1)):
        beside = ({"metric": "accuracy", "comparison": "overall", "at_least": least + i / 1000} for i in range(7))
        policy = rules(gap("selection_rate", "sex", 0.02), *beside)
        found = judged(binary, policy)
        assert {v.status for k, v in found.items() if k != "r0"} == {other}
        many = found["r0"].more_data
        assert many is not None
        enough[other] = int(many)
        assert judged(times(binary, enough[other]), policy)["r0"].status == "fail"
        fewer = enough[other] - 1 - enough[other] // 16
        assert judged(times(binary, fewer), policy)["r0"].status == "inconclusive"
    assert enough["fail"] < enough["pass"]


def test_a_rule_that_allows_nothing_can_only_fail(binary: Report) -> None:
    given = (
        gap("selection_rate", "sex", 0.0), gap("f1", "sex", 0.0),
        {"metric": "selection_rate", "comparison": "ratio", "by": ["sex"], "at_least": 1.0},
        {"metric": "accuracy", "comparison": "overall", "at_least": 1.0},
    )  # fmt: skip
    for rule in given:
        (v,) = judged(binary, rules(rule)).values()
        if v.status == "inconclusive":
            assert v.more_data is None
            assert v.reason.endswith("No interval lies within this limit: the rule can only fail.")
            assert "times as many" not in v.reason
        else:
            assert v.status == "fail"
    assert judged(binary, rules(given[0]))["r0"].status == "inconclusive"


def test_of_clusters_and_beyond_a_thousand_nothing_is_said(binary: Report) -> None:
    (v,) = judged(binary, rules(gap("selection_rate", "sex", 0.0639))).values()
    assert v.status == "inconclusive"
    assert (v.more_data, "times" in v.reason) == (None, False)


@pytest.mark.parametrize("kind", ["binary", "numbers"])
def test_the_tightest_limit_passes_and_p_is_the_level_that_touches(kind: str, request: pytest.FixtureRequest) -> None:
    """Rules at the tightest limit pass, a little tighter they do not; at level 1 − p the interval ends on the limit."""
    report = request.getfixturevalue(kind)
    policy = BINARY if kind == "binary" else NUMBERS
    wide = rules(gap("selection_rate", "sex", 0.3)) if kind == "binary" else rules(gap("signed_error", "sex", 1.5))
    for one in (policy, wide):
        for v, rule in zip(judge(report, one).verdicts, one["rule"], strict=True):
            if v.status == "fail":
                assert (v.tightest, v.p_exceeded) == (None, None)
                continue
            assert v.tightest is not None
            assert v.p_exceeded is not None
            side = "at_most" if "at_most" in rule else "at_least"
            inside = 1 if side == "at_most" else -1
            for shift, status in ((1e-9, True), (-1e-6, False)):
                moved = rules({**rule, side: v.tightest + inside * shift})
                assert (judged(report, moved)[v.rule.id].status == "pass") is status, rule
            assert (v.p_exceeded <= 0.05) is (v.status == "pass")
            if 0.001 < v.p_exceeded < 0.45:
                e = judged(report, rules({**rule, "confidence": 1 - v.p_exceeded}))[v.rule.id].estimate
                assert e is not None
                assert (e.high if side == "at_most" else e.low) == pytest.approx(rule[side], abs=1e-6)


def test_a_point_decides_without_them(binary: Report) -> None:
    v = judged(binary, rules(gap("selection_rate", "sex", 0.3, decision="point")))["r0"]
    assert (v.status, v.tightest, v.p_exceeded) == ("pass", None, None)
    assert not {"tightest", "p_exceeded"} & set(v.model_dump())


def test_every_format_tells_them(binary: Report) -> None:
    report = judge(binary, rules(gap("selection_rate", "sex", 0.3), gap("selection_rate", "race", 0.1)))
    said = [
        "the tightest limit that would pass is 14.3 points; a model that breaks this rule would pass it as clearly, by "
        "chance, in fewer than 1 of 1,000 such audits"
    ]
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(summary(report))
    junit = ET.fromstring(formats.render(report, "junit"))
    out = junit.findtext("testsuite/system-out")
    for text in (console.export_text(), out or ""):
        assert said[0][1:] in text
    page = formats.render(report, "html").replace("&lt;", "<")
    assert "The tightest limit that would pass is 14.3 points." in page
    assert "14.3 points, p < 0.001" in page, "in the table of all rules"
    assert "Tightest to pass" in formats.render(report, "html")
    assert "would pass" in (junit.findtext("testsuite/testcase/skipped") or "")


def test_an_unstable_mean_is_shown_never_asserted_and_decides_nothing() -> None:
    rng = np.random.default_rng(0)
    sex = np.repeat(["f", "m"], [30, 1000])
    y = rng.normal(size=1030)
    frame = pd.DataFrame({"sex": sex, "y": y, "p": y + rng.lognormal(0, 1.5, 1030)})
    data = ak.Dataset(frame, y_true="y", task="regression", sensitive_features=["sex"])
    report = audit(ak.Predictions(y_pred="p"), data, checks=[ak.RegressionFairness()])
    found = report.finding("fairness/signed_error/difference/sex")
    assert found.estimate.state == "unstable"
    assert found.estimate.value is not None
    assert found.estimate.mde is None
    assert "unstable and no finding" in found.statement
    assert "few large values" in found.estimate.note
    assert {g.group["sex"]: g.estimate.state for g in found.by_group}["f"] == "unstable"
    for most in (0.0001, 1e6):
        v = judged(report, rules(gap("signed_error", "sex", most)))["r0"]
        assert (v.status, v.more_data, v.p, v.tightest, v.p_exceeded) == ("inconclusive", None, None, None, None)
        assert v.reason.startswith("Unstable, which decides no rule:")
    kept = judged(report, rules(gap("signed_error", "sex", 1e6, min_n=31)))["r0"]
    assert kept.status == "not_measured"
    told = judge(report, rules(gap("signed_error", "sex", 1.0)))
    html, junit = formats.render(told, "html"), formats.render(told, "junit")
    assert "too unstable to compare" in html
    assert "Unstable (a ring)" in html
    assert ", unstable" in html
    assert ", unstable" in junit
    assert Report.from_json(told.to_json()) == told
