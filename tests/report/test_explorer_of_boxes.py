"""The threshold explorer of a detector as markup: its words fit boxes, and its numbers are those of the record."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest

import auditkit as ak
from auditkit.explorer import Explorer
from auditkit.records import Report
from auditkit.report.html import explorer
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from auditkit.report.html.steps import score
from tests.readers.test_detection_thresholds import CHECKS, RULES, asked, boxes, report
from tests.report.test_explorer_on_the_page import figure
from tests.report.test_html import Page


def found(made: Report) -> Explorer:
    assert made.explorer is not None
    return made.explorer


def view(made: Report) -> explorer.View:
    told = explorer.view(Lookup(made))
    assert told is not None
    return told


@cache
def inside() -> str:
    return figure(render(report()))


def test_its_words_fit_objects_and_scenes_and_no_people() -> None:
    text = re.sub(r"<script.*?</script>|<[^>]*>", " ", inside())
    for word in ("found", "missed", "false alarms a scene", "objects", "counts as seen", "by light"):
        assert word in text, word
    for word in ("selected", "decided rightly", "Accuracy", "people", "wrongly", "log-odds", "score bins"):
        assert word not in text, word


def test_it_is_small_complete_and_the_same_of_a_stored_report() -> None:
    assert len(inside().encode()) <= 25_000
    assert Page(render(report())).open == []
    assert render(Report.from_json(report().to_json())) == render(report())


def test_as_audited_it_says_what_the_audit_found() -> None:
    made, told, steps = report(), view(report()), found(report())
    assert told.today
    assert told.threshold == score(0.3)
    recall = made.finding("performance/object_recall/overall").estimate.value
    alarms = made.finding("performance/false_alarms_per_scene/overall").estimate.value
    assert recall is not None
    assert alarms is not None
    assert told.sentence.endswith(f"; {100 * recall:.1f}% of objects found, {alarms:.2f} false alarms a scene.")
    assert told.sentence.startswith(f"As audited, at a common threshold of 0.30: of {len(steps.rules)} rules ")
    assert not told.two, "with a threshold a group its intervals would not be those of scenes"
    missed = {g.group["light"]: g.estimate.value for g in made.finding("fairness/miss_rate/difference/light").by_group}
    each = {
        g.group["light"]: g.estimate.value
        for g in made.finding("fairness/false_alarms_per_scene/difference/light").by_group
    }
    for g, light in zip(told.groups, ("bright", "dark"), strict=True):
        assert missed[light] is not None
        assert g.rates[1] == (f"{100 * missed[light]:.1f}%", "missed")
        assert g.rates[2] == (f"{each[light]:.2f}", "false alarms a scene")


def test_the_island_holds_what_the_record_holds() -> None:
    (island,) = re.findall(r'<script type="application/json">(.*?)</script>', inside())
    data, steps = json.loads(island), found(report())
    assert data["u"] == "objects"
    assert data["t"] == steps.today
    for g, light in zip(data["g"], ("bright", "dark"), strict=True):
        own = [s for s in steps.groups if s.group["light"] == light]
        assert g["n"] == [0, sum(s.positives for s in own)]
        (scenes,) = (s for s in steps.scenes if s.group["light"] == light)
        told, last = [], 0
        for x in g["x"]:
            told.append(last := last + x)
        assert told == [round(100 * float(f"{a / scenes.scenes:.2f}")) for a in scenes.alarms]


def test_by_what_objects_have_no_false_alarm_is_told_of_a_group() -> None:
    rule = {"id": "r", "metric": "miss_rate", "comparison": "difference", "by": ["part"], "at_most": 0.1}
    told = view(ak.audit(asked(boxes(0)), policy={"rule": [rule]}))
    assert len(told.groups) == 3
    assert all([word for _, word in g.rates] == ["found", "missed"] for g in told.groups)
    assert "of objects found" in told.sentence


def test_without_a_rule_at_one_threshold_it_tells_what_is_found() -> None:
    told = view(ak.audit(asked(boxes(0)), policy={"rule": [r for r in RULES if r["id"] == "curve"]}))
    assert told.title.startswith("As audited, from a score of 0.30 on: ")
    assert told.curve is None
    assert not told.rules


@pytest.mark.parametrize(("limit", "cut"), [(0.1, True), (1, False)])
def test_where_a_curve_is_cut_its_axis_says_so(limit: float, cut: bool) -> None:
    rule = {**next(r for r in RULES if r["id"] == "alarms"), "at_most": limit}
    made = ak.audit(asked(boxes(0)), checks=CHECKS, policy={"rule": [rule]})
    (steps,), told = found(made).rules, view(made)
    top = float(told.labels[0].split()[0])
    assert told.labels[0].endswith(" or more") == (max(x for x in steps.high if x is not None) > top) == cut
    assert told.labels[1] == f"≤ {limit:.2f}"


def test_many_false_alarms_are_cut_and_said_so() -> None:
    told = view(report())
    assert told.below_title == "False alarms a scene"
    assert told.below_ends[1] == "0.00"
    most = max(sum(s.alarms[i] for s in found(report()).scenes) for i in range(len(found(report()).threshold)))
    scenes = sum(s.scenes for s in found(report()).scenes)
    cut = told.below_ends[0].endswith(" or more")
    assert cut == (most / scenes > float(told.below_ends[0].split()[0]))


def test_a_title_that_names_thresholds_says_how_little_they_find() -> None:
    """Where nothing is found, nobody is missed more often than others."""
    rule = {**next(r for r in RULES if r["id"] == "missed"), "at_most": 0.12, "decision": "point"}
    made = ak.audit(asked(boxes(0)), checks=CHECKS, policy={"rule": [rule]})
    (steps,) = found(made).rules
    met = [i for i, s in enumerate(steps.status) if s == "pass"]
    of = found(made).groups
    recall = [sum(g.true[i] for g in of) / sum(g.positives for g in of) for i in met]
    assert len(met) > 1
    assert view(made).title.endswith(f", where at most {100 * max(recall):.1f}% of objects are found")
