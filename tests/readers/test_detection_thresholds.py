"""Other thresholds on the score of boxes: against audits of the same boxes that are made anew with each of them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

import auditkit as ak
from auditkit.evidence.detected import Detected
from auditkit.evidence.stepped import FEWEST, MOST, Stepped
from auditkit.explorer import Explorer
from auditkit.judging import explored
from auditkit.records import Report
from tests.readers.test_detections import Crowded, _parts, asked, crowded

RULES: list[dict[str, Any]] = [
    {"id": "missed", "metric": "miss_rate", "comparison": "difference", "by": ["light"], "at_most": 0.2},
    {"id": "ratio", "metric": "object_recall", "comparison": "ratio", "by": ["part"], "at_least": 0.8},
    {"id": "worst", "metric": "object_recall", "comparison": "group_min", "by": ["light", "part"], "at_least": 0.4},
    {"id": "all", "metric": "miss_rate", "comparison": "overall", "at_most": 0.5, "confidence": 0.9},
    {"id": "alarms", "metric": "false_alarms_per_scene", "comparison": "difference", "by": ["light"], "at_most": 1},
    {"id": "few", "metric": "false_alarms_per_scene", "comparison": "overall", "at_most": 3},
    {"id": "most", "metric": "false_alarms_per_scene", "comparison": "group_max", "by": ["light"], "at_most": 3,
     "min_n": 15},
    {"id": "times", "metric": "false_alarms_per_scene", "comparison": "ratio", "by": ["light"], "at_least": 0.5,
     "decision": "point"},
    {"id": "curve", "metric": "AP", "comparison": "ratio", "by": ["light"], "at_least": 0.5},
]  # fmt: skip
ALONE: dict[str, Any] = {"defaults": {"correction": "none"}, "rule": RULES}
CHECKS: list[Any] = [ak.DetectionRates(), ak.DetectionCurves(by=[["light"]])]
"""Curves cost time, and no threshold moves them: they are drawn of few groups."""
TOLD = [r["id"] for r in RULES if r["id"] != "curve"]


def driven(seed: int, scenes: int = 60, drives: int = 45) -> Crowded:
    """Scenes that belong to drives of unequal length."""
    of = crowded(seed, scenes)
    drive = np.sort(np.random.default_rng(seed).integers(0, drives, scenes))
    for image, d in zip(of[0]["images"], drive.tolist(), strict=True):
        image["drive"] = d
    return of


@cache
def boxes(seed: int) -> Crowded:
    return driven(seed)


@cache
def report(seed: int = 0, cluster: str | None = None) -> Report:
    return ak.audit(asked(boxes(seed), cluster=cluster), checks=CHECKS, policy=ALONE)


def of(made: Report) -> Explorer:
    assert made.explorer is not None
    return made.explorer


def places(found: Explorer) -> list[int]:
    """The ends, that of the audit, and two between."""
    assert found.today is not None
    last = len(found.threshold) - 1
    return sorted({0, found.today, last // 3, 2 * last // 3, last})


@cache
def anew(threshold: float, cluster: str | None = None) -> Report:
    """The same boxes audited with another threshold."""
    return ak.audit(asked(boxes(0), at_score=threshold, cluster=cluster), checks=CHECKS, policy=ALONE)


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [None, "drive"])
def test_at_every_threshold_rules_come_to_what_an_audit_with_it_comes_to(cluster: str | None) -> None:
    made, found = report(0, cluster), of(report(0, cluster))
    told = {r.rule: r for r in found.rules}
    assert list(told) == TOLD
    assert len(found.threshold) > 20
    decided = 0
    for i in places(found):
        for v in (v for v in anew(found.threshold[i], cluster).verdicts if v.rule.id in told):
            r, e = told[v.rule.id], v.estimate
            assert e is not None
            assert r.status[i] == v.status, (v.rule.id, i)
            if v.status != "not_measured":
                got, own = (r.value[i], r.low[i], r.high[i]), (e.value, e.low, e.high)
                assert got == tuple(x if x is None else pytest.approx(x, abs=1e-12) for x in own), (v.rule.id, i)
                decided += 1
    assert decided > 25, "most rules are answered at most thresholds"
    assert made.explorer == found


@pytest.mark.parametrize("cluster", [None, "drive"])
def test_at_the_threshold_of_the_audit_it_is_what_the_audit_found(cluster: str | None) -> None:
    made, found = report(0, cluster), of(report(0, cluster))
    assert found.today is not None
    assert found.threshold[found.today] == 0.3
    for r in found.rules:
        v = next(v for v in made.verdicts if v.rule.id == r.rule)
        assert v.estimate is not None
        here = (r.value[found.today], r.low[found.today], r.high[found.today], r.status[found.today])
        assert here == (v.estimate.value, v.estimate.low, v.estimate.high, v.status), r.rule
    missed = made.finding("fairness/miss_rate/difference/light+part")
    for told in missed.by_group:
        g = next(g for g in found.groups if g.group == told.group)
        assert (g.positives - g.true[found.today], g.positives) == (told.estimate.numerator, told.estimate.denominator)
    for told in made.finding("fairness/false_alarms_per_scene/difference/light").by_group:
        s = next(s for s in found.scenes if s.group == told.group)
        assert s.alarms[found.today] / s.scenes == told.estimate.value


@pytest.mark.slow
def test_counts_are_those_of_the_rows_and_of_the_boxes() -> None:
    """An object is found where the score of its row reaches the threshold; the boxes are those of another audit."""
    read, found = asked(boxes(0)), of(report())
    rows = read.reading.data.frame
    objects = rows[rows["object"] == 1]
    for i in places(found):
        t = found.threshold[i]
        own = objects.assign(k=(objects["score"] >= t)).groupby(["light", "part"])["k"].agg(["sum", "count"])
        assert {(g.group["light"], g.group["part"]): (g.true[i], g.positives) for g in found.groups} == {
            k: (r["sum"], r["count"]) for k, r in own.iterrows()
        }
        each = anew(t).finding("fairness/false_alarms_per_scene/difference/light").by_group
        assert {s.group["light"]: s.alarms[i] / s.scenes for s in found.scenes} == {
            e.group["light"]: pytest.approx(e.estimate.value, abs=1e-12) for e in each
        }
    assert all(not any(g.false) and not any(g.open) and g.negatives == 0 for g in found.groups)


def test_a_stored_report_has_the_same_and_a_gate_has_none() -> None:
    made = report()
    stored = Report.from_json(made.to_json())
    judged = ak.judge(stored, ALONE)
    assert judged.explorer is None
    assert explored(judged).explorer == made.explorer == stored.explorer
    other = {**ALONE, "rule": [{**RULES[0], "at_most": 0.01}, RULES[4]]}
    assert [r.rule for r in of(explored(ak.judge(stored, other))).rules] == ["missed", "alarms"]


def test_parts_add_to_the_whole_in_any_order() -> None:
    seen = [ak.observe(asked(p), checks=CHECKS) for p in _parts(boxes(0), 3)]
    for order in ((0, 1, 2), (2, 0, 1)):
        first, *rest = (seen[i] for i in order)
        for one in rest:
            first = first + one
        whole = ak.conclude(first, asked(boxes(0)), checks=CHECKS)
        assert explored(ak.judge(whole, ALONE)).explorer == of(report())


def told(read: ak.Detections) -> Detected:
    (batch,) = read.reading.data.batches()
    found = ak.DetectionCurves(by=[["light"]]).gather(batch).reduced(ak.Disclosure())
    assert found.steps is not None
    return found


@pytest.mark.parametrize("cluster", [None, "drive"])
def test_evidence_is_read_as_it_was_written(cluster: str | None) -> None:
    mine = told(asked(boxes(1), cluster=cluster))
    stored = json.loads(json.dumps(mine.to_json()))
    read = Detected.from_json(stored)
    assert read.to_json() == mine.to_json()
    assert isinstance(read.steps, Stepped)
    assert isinstance(mine.steps, Stepped)
    for a, b in zip(read.steps.objects, mine.steps.objects, strict=True):
        assert a.to_json() == b.to_json()
    for x, y in zip(read.steps.alarms, mine.steps.alarms, strict=True):
        for by in ((), ("light",)):
            one, two = x.means(*by), y.means(*by)
            for name in ("n", "mean", "variance", "skewness"):
                assert getattr(one, name).tolist() == getattr(two, name).tolist()
            assert (one.drawn is None) == (two.drawn is None) == (cluster is None)
            if one.drawn is not None and two.drawn is not None:
                assert [d.tolist() for d in one.drawn] == [d.tolist() for d in two.drawn]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": [0.5, 0.4]},
        {"threshold": [0.5]},
        {"today": 99},
        {"found": {}},
        {"alarms": {"mean": [], "m2": [], "m3": []}},
        {"more": 1},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    stored = json.loads(json.dumps(told(asked(boxes(1))).to_json()))
    with pytest.raises(ak.AuditkitError):
        Detected.from_json({**stored, "steps": {**stored["steps"], **wrong}})


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("groups", [["dark", "hand"], ["bright", "hand"]]),
        ("objects", [-1]),
        ("found", [[10**9] * 6]),
        ("drawn", [[0.0]]),
        ("clusters", [{"by": ["moon"]}]),
    ],
)
def test_objects_that_cannot_be_are_refused(field: str, value: Any) -> None:
    stored = json.loads(json.dumps(told(asked(boxes(1))).to_json()))
    stored["steps"]["found"][field] = value
    with pytest.raises(ak.AuditkitError):
        Detected.from_json(stored)


def test_a_report_without_them_has_no_explorer_and_is_judged_all_the_same() -> None:
    made = report()
    old = made.evidence["detection_curves"]
    without = {k: v for k, v in old.data.items() if k != "steps"}
    evidence = {**made.evidence, "detection_curves": old.model_copy(update={"data": without})}
    judged = ak.judge(made.model_copy(update={"evidence": evidence, "explorer": None}), ALONE)
    assert [v.status for v in judged.verdicts] == [v.status for v in made.verdicts]
    assert explored(judged).explorer is None


def test_where_small_counts_are_suppressed_they_are_not_even_kept() -> None:
    made = ak.audit(asked(boxes(0)), policy=ALONE, disclosure=ak.Disclosure(profile="regulator"))
    assert made.explorer is None
    assert "steps" not in made.evidence["detection_curves"].data


@pytest.mark.slow
def test_thresholds_are_few_rise_and_change_something_each() -> None:
    for seed, scenes in ((0, 60), (2, 5), (3, 200)):
        found = of(ak.audit(asked(driven(seed, scenes)), checks=CHECKS, policy=ALONE))
        assert 2 <= len(found.threshold) <= MOST
        assert found.today is not None
        total = np.sum([g.true for g in found.groups], axis=0) + np.sum([s.alarms for s in found.scenes], axis=0)
        assert (np.diff(total) < 0).all()
        scores = [r["score"] for r in boxes(seed)[1]] if scenes == 60 else []
        assert all(min(scores) < t <= max(scores) for t in found.threshold if scores)


def test_of_many_groups_fewer_thresholds_are_kept_and_of_very_many_none() -> None:
    """What is kept stays small: it grows as the square of the crossed groups."""
    sizes = {}
    for kinds in (2, 8, 60):
        made = driven(4, 120)
        rng = np.random.default_rng(0)
        for note in made[0]["annotations"]:
            note["part"] = f"p{rng.integers(kinds)}"
        data = told_or_none(asked(made))
        sizes[kinds] = 0 if data is None else len(data["threshold"])
        assert data is None or len(json.dumps(data)) < 160_000
    assert sizes[2] > sizes[8] >= FEWEST
    assert sizes[60] == 0


def told_or_none(read: ak.Detections) -> Any:
    (batch,) = read.reading.data.batches()
    found = ak.DetectionCurves(by=[["light"]]).gather(batch).reduced(ak.Disclosure())
    return None if found.steps is None else found.steps.to_json()


def test_scores_in_their_own_range_have_thresholds_in_it() -> None:
    made = driven(5)
    for r in made[1]:
        r["score"] = 8 * r["score"] - 5
    found = of(ak.audit(asked(made, score_range=[-5, 5], at_score=-2.6), checks=CHECKS, policy=ALONE))
    assert found.threshold[found.today or 0] == -2.6
    assert found.threshold[0] < -2.6
    assert found.threshold[-1] > 0


def test_one_check_alone_has_what_it_tells() -> None:
    made = ak.audit(asked(boxes(0)), checks=["detection_curves"], policy=ALONE)
    assert [r.rule for r in of(made).rules] == ["alarms", "few", "most", "times"]
    only = ak.audit(asked(boxes(0)), checks=["detection_rates"], policy=ALONE)
    assert only.explorer is None


def test_an_explorer_of_people_says_nothing_of_scenes() -> None:
    from tests.fairness.test_threshold_explorer import report as of_people

    assert '"scenes"' not in of(of_people()).model_dump_json()
    good = of(report()).model_dump()
    with pytest.raises(ValueError, match="explorer"):
        Explorer.model_validate({**good, "scenes": [{**good["scenes"][0], "alarms": [1.0]}]})
