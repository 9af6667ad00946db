"""The threshold explorer as markup: small, complete, claims that its numbers bear out, and no name in its data."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest

import auditkit as ak
from auditkit.explorer import Explorer
from auditkit.records import Report, Words
from auditkit.report.html import explorer
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from auditkit.report.html.steps import bars, line_of, score, stands
from tests.fairness.test_threshold_explorer import ONE, POLICY, audited, rows
from tests.report.fixtures import HOSTILE
from tests.report.scripts import without_ours
from tests.report.test_html import Page


@cache
def report() -> Report:
    words = Words(positive=HOSTILE, groups={"sex": {"f": HOSTILE, "m": "men"}})
    return audited(rows(3000, values=None, seed=1), POLICY).model_copy(update={"words": words})


def found(made: Report) -> Explorer:
    assert made.explorer is not None
    return made.explorer


def view(made: Report) -> explorer.View:
    told = explorer.view(Lookup(made))
    assert told is not None
    return told


@cache
def html() -> str:
    return render(report())


def figure(page: str) -> str:
    return page[page.index('<figure id="explorer"') :].split("</figure>")[0]


@pytest.mark.slow
def test_it_is_small_and_the_same_every_time() -> None:
    assert len(figure(html()).encode()) <= 25_000
    assert render(Report.from_json(report().to_json())) == html()


@pytest.mark.slow
def test_controls_wait_in_what_is_hidden() -> None:
    inside = figure(html())
    slide = inside[inside.index("<div class=x-slide") :].split("<div class=x-curves")[0]
    assert slide.startswith("<div class=x-slide hidden>")
    for tag in ("<input", "<button", "<select"):
        assert html().count(tag) - without_scripts(html(), tag) == slide.count(tag) > 0


def without_scripts(page: str, tag: str) -> int:
    """How often a tag stands in texts of scripts."""
    return page.count(tag) - without_ours(page).count(tag)


def test_the_island_holds_numbers_and_our_words_only() -> None:
    island = re.findall(r'<script type="application/json">(.*?)</script>', html())
    assert len(island) == 1
    assert not set("<>&\u2028\u2029") & set(island[0])
    data = json.loads(island[0])
    assert "onerror" not in island[0]
    assert len(data["p"]) == len(found(report()).threshold)
    assert Page(html()).open == []


def test_no_name_ends_the_island() -> None:
    text = str(explorer_json({"a": "</script><!-- & \u2028\u2029"}))
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"a": "</script><!-- & \u2028\u2029"}


def explorer_json(data: Any) -> str:
    from auditkit.report.html.explorer_data import _json

    return _json(data)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("limits", [(0.8, 0.1), (0.0, 1.0), (0.5, 0.3)])
def test_the_title_is_what_the_states_say(limits: tuple[float, float]) -> None:
    policy = {"rule": [{**POLICY["rule"][0], "at_least": limits[0]}, {**POLICY["rule"][1], "at_most": limits[1]}]}
    made = audited(rows(1500, values=None, seed=2), policy)
    steps, told = found(made), view(made)
    names = [score(t) for t in steps.threshold]
    met = [sum(r.status[i] == "pass" for r in steps.rules) for i in range(len(names))]
    full = [n for n, m in zip(names, met, strict=True) if m == 2]
    if not full:
        most = max(met)
        assert told.title.startswith(f"None of {len(names)} common thresholds meets both rules; ")
        at = told.title.rsplit(" ", 1)[1]
        assert not most or met[names.index(at)] == most
    else:
        mentioned = re.findall(r"0\.\d+", told.title)
        assert set(mentioned) <= set(full) or str(len(full)) in told.title or "thresholds meet all" in told.title
        assert not mentioned or (mentioned[0], mentioned[-1]) == (full[0], full[-1])


def test_as_audited_it_says_what_the_gate_says_of_what_passes() -> None:
    made, told = report(), view(report())
    assert told.today
    own = [v for v in made.verdicts if v.rule.id in {r.rule for r in found(made).rules}]
    passed = sum(v.status == "pass" for v in own)
    assert f": of {len(own)} rules {passed} met, " in told.sentence


def test_decisions_of_no_threshold_start_where_most_are_right() -> None:
    frame = rows(1500, values=None)
    made = audited(frame.assign(p=1 - frame["p"]), ONE)
    told, steps = view(made), found(made)
    assert not told.today
    right = [sum(g.negatives - g.false[i] + g.true[i] for g in steps.groups) for i in range(len(steps.threshold))]
    assert right[told.start] == max(right)
    assert "As audited" not in told.sentence
    assert "not those of one threshold" in told.table.note


def test_many_groups_are_not_drawn_each() -> None:
    import numpy as np

    frame = rows(3000, values=None)
    frame["race"] = np.random.default_rng(0).choice([f"g{i}" for i in range(9)], len(frame))
    rule = {"id": "r", "metric": "selection_rate", "comparison": "difference", "by": ["race"], "at_most": 0.1}
    checks = [ak.GroupFairness(by=[["race"]], metrics=["selection_rate"]), ak.Scores(by=[["race"]])]
    told = view(audited(frame, {"rule": [rule]}, checks))
    assert [g.name for g in told.groups] == ["F", "M"] or len(told.groups) == 2
    only = audited(frame.assign(sex="f"), {"rule": [rule]}, checks)
    assert [g.name for g in view(only).groups] == ["Everybody"]


def test_paths_hold_every_point() -> None:
    assert bars([0, 0], 5) == "M0 200H500H1000V200z"
    line = line_of([0.0, None, 1.0, 0.5], [None, None, 0.5, 0.5], [None, None, 1.0, 1.0], ends=(0.0, 1.0))
    assert line.path == "M0 200M667 0 1000 100"
    assert line.band == "M667 0 1000 0 1000 100 667 100z"


def test_ticks_stand_between_the_thresholds_in_log_odds() -> None:
    assert stands([0.2, 0.8], 0.5) == 50.0
    assert stands([0.2, 0.8], 0.1) is None
