"""Verdicts by table: where the interval lies decides, at every edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from auditkit.check import Assessment
from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.check import GroupFairness, answering
from auditkit.gate.judge import judge, status_of
from auditkit.gate.policy import Policy
from auditkit.question import Question
from auditkit.records import Estimate, Finding, Rule, Verdict
from tests.helpers import reassessing

from_counts, _ = reassessing(answering)


class Answers:
    """Stored evidence that answers with a function, and tests nothing."""

    def __init__(self, finding: Callable[[Rule, float], Finding | None]) -> None:
        self.finding = finding

    def refused(self, rule: Rule) -> bool:
        return False

    def absence(self, rule: Rule) -> str:
        return "not in the data of this report"

    def too_few(self, rule: Rule) -> str:
        return f"fewer than {rule.min_n} to count"

    def p_value(self, rule: Rule, *, kept: bool = True) -> float | None:
        return None

    def times(self, factor: int) -> Answers:
        return self

    def grows(self, rule: Rule) -> bool:
        return False


MOST = {"at_most": 0.1}
LEAST = {"at_least": 0.8}


def rule(**options: Any) -> Rule:
    ratio = "at_least" in options
    return Rule(id="r", metric="selection_rate", comparison="ratio" if ratio else "difference", by=("sex",), **options)


@pytest.mark.parametrize(
    ("limit", "value", "low", "high", "status"),
    [
        (MOST, 0.05, 0.02, 0.08, "pass"),
        (MOST, 0.05, 0.02, 0.10, "pass"),  # the limit itself is allowed
        (MOST, 0.05, 0.02, 0.100001, "inconclusive"),
        (MOST, 0.10, 0.05, 0.15, "inconclusive"),
        (MOST, 0.15, 0.10, 0.20, "inconclusive"),  # touches from above: not beyond
        (MOST, 0.15, 0.100001, 0.20, "fail"),
        (MOST, 0.15, 0.12, None, "fail"),
        (MOST, 0.05, 0.02, None, "inconclusive"),
        (MOST, 0.05, None, 0.08, "pass"),
        (MOST, 0.15, None, 0.20, "inconclusive"),
        (MOST, 0.15, None, None, "inconclusive"),
        (MOST, 0.10, 0.10, 0.10, "pass"),
        (LEAST, 0.90, 0.85, 0.95, "pass"),
        (LEAST, 0.90, 0.80, 0.95, "pass"),
        (LEAST, 0.90, 0.799999, 0.95, "inconclusive"),
        (LEAST, 0.80, 0.70, 0.90, "inconclusive"),
        (LEAST, 0.70, 0.60, 0.80, "inconclusive"),
        (LEAST, 0.70, 0.60, 0.799999, "fail"),
        (LEAST, 0.90, 0.85, None, "pass"),
        (LEAST, 0.70, 0.60, None, "inconclusive"),
        (LEAST, 0.90, None, 0.95, "inconclusive"),
        (LEAST, 0.70, None, 0.75, "fail"),
        (LEAST, 0.80, 0.80, 0.80, "pass"),
    ],
)
def test_status(limit: dict[str, float], value: float, low: float | None, high: float | None, status: str) -> None:
    assert status_of(rule(**limit), Estimate(value=value, low=low, high=high)) == status


@pytest.mark.parametrize(
    ("limit", "value", "status"),
    [(MOST, 0.1, "pass"), (MOST, 0.100001, "fail"), (LEAST, 0.8, "pass"), (LEAST, 0.799999, "fail")],
)
def test_decided_by_the_point(limit: dict[str, float], value: float, status: str) -> None:
    e = Estimate(value=value, low=None, high=None)
    assert status_of(rule(**limit, decision="point"), e) == status
    assert status_of(rule(**limit, decision="point"), Estimate(value=value, low=0.0, high=1.0)) == status


def finding(e: Estimate, **changes: Any) -> Finding:
    return Finding(
        id="fairness/selection_rate/difference/sex", concern="fairness", title="t", statement="s",
        metric="selection_rate", comparison="difference", by=("sex",), estimate=e, **changes,
    )  # fmt: skip


def verdict(e: Estimate | None, **options: Any) -> Verdict:
    asked = {
        "id": "r",
        "metric": "selection_rate",
        "comparison": "difference",
        "by": ["sex"],
        "at_most": 0.1,
        **options,
    }
    policy = Policy.from_dict({"rule": [asked]})
    (out,) = judge([] if e is None else [finding(e)], policy, Answers(lambda rule, level: None)).verdicts
    return out


def test_how_many_rows_would_decide_is_not_said_where_it_is_not_known() -> None:
    v = verdict(Estimate(value=0.06, low=0.0, high=0.14))
    assert (v.status, v.more_data) == ("inconclusive", None)
    assert v.reason == "The interval crosses the limit of 10 points."


def test_more_data_may_never_decide() -> None:
    for e in (Estimate(value=0.1, low=0.05, high=0.15), Estimate(value=0.05, low=0.01, high=None)):
        v = verdict(e)
        assert v.status == "inconclusive"
        assert v.more_data is None


@pytest.mark.parametrize("handling", ["fail", "warn", "pass"])
@pytest.mark.parametrize("severity", ["error", "warning"])
def test_what_blocks(handling: str, severity: str) -> None:
    options = {"on_inconclusive": handling, "on_not_measured": handling, "severity": severity}
    undecided = verdict(Estimate(value=0.06, low=0.0, high=0.14), **options)
    nothing = verdict(None, **options)
    undefined = verdict(Estimate(value=None, state="undefined", note="one group only"), **options)
    assert [v.status for v in (undecided, nothing, undefined)] == ["inconclusive", "not_measured", "not_measured"]
    assert [v.blocks for v in (undecided, nothing, undefined)] == [handling == "fail" and severity == "error"] * 3
    assert verdict(Estimate(value=0.5, low=0.4, high=0.6), **options).blocks == (severity == "error")
    assert not verdict(Estimate(value=0.0, low=0.0, high=0.1), **options).blocks


def test_absence_says_why() -> None:
    v = verdict(None)
    assert (v.finding, v.estimate) == (None, None)
    assert v.reason == "Not measured: selection_rate by sex: not in the data of this report."
    assert v.reason == f"Not measured: {v.absence}"
    assert "absence" not in verdict(Estimate(value=0.06, low=0.0, high=0.14)).model_dump()
    v = verdict(Estimate(value=None, state="undefined", note="one group only: there is nothing to compare"))
    assert v.finding == "fairness/selection_rate/difference/sex"
    assert v.reason == "Not measured: one group only: there is nothing to compare."


# ---- with evidence: what a stored report can answer


TALLY = Tally.of(
    {"sex": ["f"] * 300 + ["m"] * 300 + ["x"] * 12, "race": (["a", "b"] * 306)},
    y_true=([1, 0, 0] * 100 + [1, 1, 0] * 100 + [1, 0] * 6),
    y_pred=([1, 0, 0, 0, 1] * 60 + [1, 0, 1, 1, 0] * 60 + [1] * 12),
)


@pytest.fixture(scope="module")
def found() -> Assessment:
    return GroupFairness().assess(TALLY, level=0.95)


def judged(found: Assessment, *rules: dict[str, Any], **defaults: Any) -> Any:
    asked: list[tuple[Rule, float]] = []

    def reassess(rule: Rule, level: float) -> Finding | None:
        asked.append((rule, level))
        return from_counts(TALLY, Question(rule.metric, rule.comparison, rule.by, level=level, min_n=rule.min_n))

    policy = Policy.from_dict(
        {"rule": [{"id": str(i), **r} for i, r in enumerate(rules)], "defaults": {"correction": "none", **defaults}}
    )
    return judge(found.findings, policy, Answers(reassess)), asked


GAP = {"metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.1}


def test_a_stored_finding_answers_without_evidence(found: Assessment) -> None:
    (out, asked) = judged(
        found, GAP, {**GAP, "by": ["race", "sex"]}, {"metric": "accuracy", "comparison": "overall", "at_least": 0.1}
    )
    assert not asked
    assert [v.finding for v in out.verdicts] == [
        "fairness/selection_rate/difference/sex", "fairness/selection_rate/difference/sex+race",
        "performance/accuracy/overall",
    ]  # fmt: skip
    assert out.added == ()


def test_another_level_decides_and_the_finding_stays(found: Assessment) -> None:
    out, _ = judged(found, {**GAP, "confidence": 0.8}, GAP)
    wide = next(f for f in found.findings if f.id == out.verdicts[0].finding).estimate
    narrow = out.verdicts[0].estimate
    assert (narrow.level, wide.level) == (0.8, 0.95)
    assert narrow.value == wide.value
    assert wide.low < narrow.low < narrow.high < wide.high
    assert out.verdicts[1].estimate == wide
    assert out.added == ()


def test_the_policy_level_is_the_default(found: Assessment) -> None:
    out, asked = judged(found, GAP, {**GAP, "confidence": 0.95}, confidence=0.9)
    assert [v.estimate.level for v in out.verdicts] == [0.9, 0.95]
    assert [level for _, level in asked] == [0.9]


def test_min_n_leaves_groups_out_by_name(found: Assessment) -> None:
    out, _ = judged(found, GAP, {**GAP, "min_n": 13}, {**GAP, "min_n": 10_000})
    with_x, without_x, none = out.verdicts
    assert with_x.estimate.value == pytest.approx(1 - 0.4)
    assert without_x.estimate.value == pytest.approx(0.6 - 0.4)
    assert "Left out, fewer than 13 to count: x." in without_x.reason
    assert "Left out" not in with_x.reason
    assert none.status == "not_measured"
    assert "at least 10000" in none.reason


def test_a_rule_that_no_finding_answers_is_assessed_and_added_once(found: Assessment) -> None:
    rules = [
        {"metric": "accuracy", "comparison": "group_min", "by": ["sex"], "at_least": 0.5},
        {"metric": "accuracy", "comparison": "group_min", "by": ["sex"], "at_least": 0.6, "confidence": 0.9},
        {"metric": "specificity", "comparison": "difference", "by": ["sex"], "at_most": 0.5},
        {"metric": "true_negative_rate", "comparison": "overall", "at_least": 0.5},
        {"metric": "accuracy", "comparison": "group_min", "by": ["age"], "at_least": 0.5},
    ]
    out, _ = judged(found, *rules)
    assert [f.id for f in out.added] == [
        "fairness/accuracy/group_min/sex", "fairness/true_negative_rate/difference/sex",
        "performance/true_negative_rate/overall",
    ]  # fmt: skip
    assert all(f.estimate.level == 0.95 for f in out.added)
    assert [v.estimate.level for v in out.verdicts[:3]] == [0.95, 0.9, 0.95]
    assert out.verdicts[4].status == "not_measured"


def test_verdicts_keep_the_order_of_the_rules(found: Assessment) -> None:
    out, _ = judged(found, *[{**GAP, "at_most": x} for x in (0.9, 0.1, 0.5)])
    assert [v.rule.id for v in out.verdicts] == ["0", "1", "2"]
