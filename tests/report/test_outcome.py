"""What a report says of itself: its outcome, exit status and headline claim no more than was measured and met."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import auditkit as ak
from auditkit.cli.status import exit_status
from auditkit.records import Report, Rule, Status, Verdict
from auditkit.report import markdown
from auditkit.report.html.page import render
from auditkit.report.surest import complement, uncovered
from auditkit.report.terminal import summary
from auditkit.report.verdict_words import headline
from tests.report import fixtures, samples
from tests.report.test_html import Page


def data_with_a_gap(rows: int = 1200) -> ak.Dataset:
    """sex "a" has merit 1 higher, so that a net that reads merit selects it far more often; one in three decisions."""
    rng = np.random.default_rng(0)
    sex = rng.choice(["a", "b"], rows)
    merit = rng.normal(np.where(sex == "a", 0.6, -0.6))
    frame = pd.DataFrame({"merit": merit, "sex": sex, "y": (merit + rng.normal(0, 0.5, rows) > 0).astype(int)})
    return ak.Dataset(frame, y_true="y", sensitive_features="sex")


def model() -> ak.Model:
    net = torch.nn.Linear(1, 1)
    with torch.no_grad():
        net.weight.fill_(2.0)
        net.bias.zero_()
    return ak.Model(net, preprocess=lambda f: f[["merit"]].to_numpy(), feature_map={"merit": [0]}, outputs="logits")


def rule(**asked: object) -> dict[str, object]:
    return {"id": "r", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.9, **asked}


def with_verdicts(*states: tuple[Status, dict[str, object]]) -> Report:
    verdicts = tuple(
        Verdict(status=status, rule=Rule(**rule(id=f"r{i}", **more)), finding=None, estimate=None, reason="because")
        for i, (status, more) in enumerate(states)
    )
    return fixtures.adult(policy=False).model_copy(update={"verdicts": verdicts})


WARNING, FORGIVEN, MINDED = {"severity": "warning"}, {"on_inconclusive": "pass"}, {"on_inconclusive": "fail"}


@pytest.mark.parametrize(
    ("states", "outcome", "status"),
    [
        ([], "no_policy", 0),
        ([("pass", {})], "passed", 0),
        ([("pass", {}), ("fail", {})], "failed", 1),
        ([("inconclusive", {})], "undecided", 0),
        ([("inconclusive", FORGIVEN), ("pass", {})], "undecided", 0),
        ([("inconclusive", MINDED)], "undecided", 3),
        ([("not_measured", {})], "undecided", 3),
        ([("not_measured", {"on_not_measured": "pass"})], "undecided", 0),
        ([("fail", WARNING), ("pass", {})], "passed", 0),
        ([("inconclusive", {**WARNING, **MINDED})], "passed", 0),
        ([("fail", {}), ("not_measured", {})], "failed", 1),
    ],
)
def test_outcome_and_status(states: list[tuple[Status, dict[str, object]]], outcome: str, status: int) -> None:
    report = with_verdicts(*states)
    assert (report.outcome, exit_status(report), report.passed) == (outcome, status, status == 0)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        if status:
            with pytest.raises(ak.PolicyViolation, match=r"r[01]: because"):
                report.raise_for_status()
        else:
            report.raise_for_status()
    assert [w.category for w in warned] == ([ak.AuditWarning] if outcome == "undecided" and not status else [])


def test_a_policy_without_rules_acquits_nobody() -> None:
    report = ak.audit(model(), data_with_a_gap(), checks=[ak.GroupFairness()], policy={})
    assert report.outcome == "no_policy"
    assert "audited without a policy" in headline(report)
    assert "passes" not in Page(render(report)).words()


@pytest.mark.parametrize("check", [ak.GapAttribution(), ak.Recourse(actionable=["merit"])], ids=lambda c: c.name)
def test_where_groups_were_not_compared_no_headline_acquits(check: object) -> None:
    words = Page(render(ak.audit(model(), data_with_a_gap(), checks=[check], on_error="raise"))).words()
    assert "fairness was not measured" in words
    assert "No disparity between groups" not in words
    assert "no sensitive features were declared" not in words


def test_without_sensitive_features_section_4_says_so() -> None:
    report = fixtures.adult(policy=False)
    data = report.provenance.data.model_copy(update={"sensitive_features": ()})
    bare = report.model_copy(update={"findings": (), "provenance": report.provenance.model_copy(update={"data": data})})
    assert "no sensitive features were declared" in Page(render(bare)).words()


def test_one_rule_met_is_one_rule_met_and_the_largest_other_difference_stands_beside_it() -> None:
    report = ak.audit(
        model(), data_with_a_gap(), checks=[ak.GroupFairness()], policy={"rule": [rule(metric="accuracy")]}
    )
    assert report.outcome == "passed"
    words = Page(render(report)).words()
    assert "meets its one rule" in words
    assert "passes its fairness policy" not in words
    gaps = [
        f
        for f in report.findings
        if f.concern == "fairness" and f.comparison.startswith("difference") and (f.estimate.low or 0) > 0
    ]
    largest = max((f for f in gaps if f.metric not in ("accuracy", "error_rate")), key=lambda f: f.estimate.low or 0)
    assert "Surest difference without a rule " + largest.statement[:40] in words


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({"metric": "selection_rate"}, {"true_positive_rate", "false_positive_rate", "false_negative_rate"}),
        ({"metric": "selection_rate", "comparison": "overall", "by": [], "at_most": 0.99}, {"selection_rate"}),
    ],
)
def test_what_a_rule_covers_is_not_told_again(asked: dict[str, object], left: set[str]) -> None:
    report = ak.audit(model(), data_with_a_gap(), checks=[ak.GroupFairness()], policy={"rule": [rule(**asked)]})
    found = uncovered(report)
    assert found is not None
    assert found.metric in left


def test_complements_share_a_gap() -> None:
    assert complement("false_negative_rate", "true_positive_rate")
    assert complement("error_rate", "accuracy")
    assert not complement("precision", "true_positive_rate")
    assert not complement("accuracy", "accuracy")


def test_a_broken_check_is_told_on_page_and_terminal() -> None:
    report = fixtures.adult(policy=False)
    from auditkit.records import NotMeasured
    from auditkit.report.cautions import cautions

    absent = NotMeasured(what="scores", why="the check broke with ValueError", accident=True)
    report = report.model_copy(update={"not_measured": (absent,)})
    assert cautions(report) == ("The check scores gave no answer: the check broke with ValueError.",)
    assert "Caution The check scores gave no answer" in Page(render(report)).words()


def test_what_only_explains_is_no_caution() -> None:
    """How rows were made stands with the data; what may be wrong with them is cautioned of before any number."""
    report = samples.made("all passing")
    told = {"notes": ("A box counts from a half on.",), "cautions": ("Ten labels look alike.",)}
    report = report.model_copy(update={"provenance": report.provenance.model_copy(update=told)})
    page = render(report)
    first, rest = page.split("</header>", 1)
    assert "Ten labels look alike." in first
    assert "A box counts" not in first
    assert "<p class=say>A box counts from a half on." in rest
    assert "<strong>Caution:</strong> Ten labels look alike." in rest
    lines = [str(line) for line in summary(report).renderables]
    assert "A box counts from a half on." in lines
    assert "Caution: Ten labels look alike." in lines
    text = markdown.render(report)
    assert "\n- A box counts from a half on.\n" in text
    assert "\n- Caution: Ten labels look alike.\n" in text
    assert Report.model_validate_json(report.model_dump_json()).provenance.notes == told["notes"]
