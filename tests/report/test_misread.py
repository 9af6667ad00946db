"""What readers of earlier pages misread, held as it is told now."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

import auditkit as ak
from auditkit.records import Report
from auditkit.report.html.explorer import view
from auditkit.report.html.first import view as first
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from auditkit.report.html.retold import retold
from tests.report import samples

DEMO = Path(__file__).parents[2] / "reports" / "samples" / "income.json"


@cache
def demo() -> Report:
    return ak.Report.load(DEMO)


def test_a_rule_that_fails_is_drawn_before_what_another_question_does_not_establish() -> None:
    page = render(samples.made("classes"))
    section = page[page.index('id="fairness"') :]
    failed = next(v for v in samples.made("classes").verdicts if v.status == "fail")
    assert failed.rule.metric == "selection_rate"
    assert section.index('id="f-selection-rate') < section.index('id="f-what-each-class-is-taken-for')


def test_a_difference_is_not_told_as_narrowed_where_the_ratio_of_the_rule_got_worse() -> None:
    lead = next(v for v in demo().verdicts if v.rule.id == "four-fifths-gender")
    assert lead.estimate is not None
    assert lead.perfect is not None
    assert lead.perfect.estimate is not None
    assert (lead.estimate.value or 1) < (lead.perfect.estimate.value or 0)  # further from 1 than the truth
    assert "narrows" not in str(first(Lookup(retold(demo()))))


@pytest.mark.parametrize("drawn", [1, 2])
def test_an_explorer_that_draws_some_of_the_rules_does_not_speak_of_all(drawn: int) -> None:
    report = demo()
    assert report.explorer is not None
    some = report.explorer.model_copy(update={"rules": report.explorer.rules[:drawn]})
    assert len(report.verdicts) > drawn
    told = view(Lookup(report.model_copy(update={"explorer": some})))
    assert told is not None
    assert {1: "the one rule drawn here", 2: "both rules drawn here"}[drawn] in told.title.lower()
