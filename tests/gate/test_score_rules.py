"""Rules about scores: judged by the whole interval, with Holm, fresh or from a stored report, without torch."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from auditkit.errors import PolicyError, ReportError
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.fairness.scores.check import Scores, answering
from auditkit.gate.policy import Policy
from auditkit.judging import judge
from auditkit.question import Question
from auditkit.records import DataProvenance, ModelProvenance, Provenance, Report, StoredEvidence
from auditkit.report.junit import render
from auditkit.report.terminal import print_summary
from tests.helpers import reassessing

_, p_value = reassessing(answering)


def histogram(seed: int = 0, n: int = 4000) -> ScoreHistogram:
    """Group m is scored rightly; the scores of f are far too low, and rank less well."""
    rng = np.random.default_rng(seed)
    g = np.array(["f", "m"] * (n // 2))
    x = rng.normal(0, 1.5, n)
    y = rng.random(n) < expit(np.where(g == "m", x, 0.4 * x + 1.0))
    return ScoreHistogram.of({"sex": g}, y_true=y.astype(np.int8), y_pred=(x > 0).astype(np.int8), score=expit(x))


def report(h: ScoreHistogram, *, findings: bool) -> Report:
    check = Scores()
    return Report(
        name="loan",
        provenance=Provenance(
            auditkit="0",
            created=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
            model=ModelProvenance(kind="predictions"),
            data=DataProvenance(rows=h.rows),
        ),
        findings=check.assess(h, level=0.95).findings if findings else (),
        evidence={check.name: StoredEvidence(type="ScoreHistogram", options=check.options(), data=h.to_json())},
    )


def rule(metric: str, comparison: str, **limit: Any) -> dict[str, Any]:
    by = {} if comparison == "overall" else {"by": ["sex"]}
    return {"id": f"{metric} {comparison}", "metric": metric, "comparison": comparison, **by, **limit}


RULES = {
    "fail": [
        rule("roc_auc", "difference", at_most=0.05),
        rule("roc_auc", "group_min", at_least=0.8),
        rule("bpsn_auc", "group_min", at_least=0.95),
        rule("calibration_error", "group_max", at_most=0.05),
        rule("calibration_in_the_large", "difference", at_most=0.05),
        rule("calibration_in_the_large", "overall", at_most=-0.05),
        rule("calibration_slope", "difference", at_most=0.2),
        rule("calibration_intercept", "difference", at_most=0.2),
        rule("cumulative_calibration_error", "difference", at_most=0.05),
    ],
    "pass": [
        rule("bnsp_auc", "difference", at_most=0.5),
        rule("roc_auc", "overall", at_least=0.6),
        rule("calibration_slope", "overall", at_most=1.2),
        rule("cumulative_calibration_error", "overall", at_most=0.5),
    ],
}


@pytest.fixture(scope="module")
def evidence() -> ScoreHistogram:
    return histogram()


@pytest.mark.parametrize("correction", ["none", "holm"])
@pytest.mark.parametrize("findings", [True, False], ids=["fresh", "evidence alone"])
def test_every_score_metric_is_judged(evidence: ScoreHistogram, correction: str, findings: bool) -> None:
    rules = [*RULES["fail"], *RULES["pass"]]
    judged = judge(
        report(evidence, findings=findings), {"rule": rules, "defaults": {"correction": correction}}
    )  # fmt: skip
    status = {v.rule.id: v.status for v in judged.verdicts}
    assert status == {r["id"]: s for s, rs in RULES.items() for r in rs}
    for v in judged.verdicts:
        assert v.finding in {f.id for f in judged.findings}
        assert (v.p is not None) == (correction == "holm")
        if v.p is not None:
            above = v.rule.at_most is not None
            asked = (v.rule.metric, v.rule.comparison, v.rule.by)
            assert v.p == p_value(evidence, Question(*asked), v.rule.limit, above=above)


def test_an_interval_across_the_limit_is_undecided(evidence: ScoreHistogram) -> None:
    f = next(f for f in Scores().assess(evidence).findings if f.id == "fairness/roc_auc/difference/sex")
    assert f.estimate.value is not None
    judged = judge(report(evidence, findings=True), {"rule": [rule("roc_auc", "difference", at_most=f.estimate.value)]})
    assert judged.verdicts[0].status == "inconclusive"


def test_min_n_and_confidence_are_the_rules_own(evidence: ScoreHistogram) -> None:
    (few,) = judge(
        report(evidence, findings=True), {"rule": [rule("roc_auc", "difference", at_most=0.05, min_n=5000)]}
    ).verdicts
    assert few.status == "not_measured"
    narrow, wide = (
        judge(
            report(evidence, findings=True), {"rule": [rule("roc_auc", "difference", at_most=0.05, confidence=c)]}
        ).verdicts[0].estimate
        for c in (0.8, 0.99)
    )  # fmt: skip
    assert narrow is not None
    assert wide is not None
    assert (narrow.level, wide.level) == (0.8, 0.99)
    assert narrow.low is not None
    assert wide.low is not None
    assert wide.low < narrow.low


def test_abroca_has_no_interval_and_is_judged_by_its_point_alone(evidence: ScoreHistogram) -> None:
    with pytest.raises(PolicyError, match=r"'abroca' has no interval: a rule about it needs decision = \"point\""):
        Policy.from_dict({"rule": [rule("abroca", "difference", at_most=0.05)]})
    rules = [rule("abroca", "difference", at_most=0.05, decision="point")]
    (v,) = judge(report(evidence, findings=False), {"rule": rules}).verdicts
    assert v.status == "fail"
    assert "decided by the point value alone" in v.reason


@pytest.mark.parametrize(
    ("metric", "limit"), [("roc_auc", 1.5), ("calibration_error", -0.1), ("calibration_in_the_large", -2.0)]
)
def test_impossible_limits_are_named(metric: str, limit: float) -> None:
    with pytest.raises(PolicyError, match=rf"at_most = {limit:g} is impossible"):
        Policy.from_dict({"rule": [rule(metric, "overall", at_most=limit)]})


def test_limits_and_values_are_written_in_the_unit_of_the_metric(
    evidence: ScoreHistogram, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    rules = [
        rule("calibration_slope", "overall", at_least=0.95),
        rule("calibration_error", "overall", at_most=0.02),
        rule("roc_auc", "overall", at_least=0.6),
    ]
    judged = judge(report(evidence, findings=True), {"rule": rules})
    reasons = [v.reason for v in judged.verdicts]
    assert [r.split("limit of ")[1].split(" ")[0].rstrip(".") for r in reasons] == ["0.95", "2", "60%"]
    assert "2 points" in reasons[1]
    text = render(judged)
    assert "at least 0.95" in text
    assert "at most 2 points" in text
    print_summary(judged, Console(width=200))
    printed = capsys.readouterr().out
    assert "≥ 0.95" in printed
    assert "≤ 2 points" in printed


def test_a_histogram_that_cannot_be_read_is_one_error(evidence: ScoreHistogram) -> None:
    broken = report(evidence, findings=False)
    stored = broken.evidence["scores"].model_copy(update={"data": {"by": ["sex"]}})
    broken = broken.model_copy(update={"evidence": {"scores": stored}})
    with pytest.raises(ReportError, match="the evidence of 'scores' cannot be read"):
        judge(broken, {"rule": [rule("roc_auc", "overall", at_least=0.6)]})


def test_a_stored_report_is_judged_without_torch(evidence: ScoreHistogram, tmp_path: Path) -> None:
    path = report(evidence, findings=False).save(tmp_path / "loan.json")
    code = (
        "import json, sys, auditkit as ak\n"
        f"policy = json.loads({json.dumps(json.dumps({'rule': RULES['fail'][:2]}))})\n"
        f"r = ak.judge(ak.Report.load({str(path)!r}), policy)\n"
        "heavy = {'torch', 'captum', 'fairlearn', 'sklearn'} & set(sys.modules)\n"
        "print([v.status for v in r.verdicts], heavy or 'light')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['fail', 'fail'] light"
