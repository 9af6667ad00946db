"""Limits in charts beside the gate's: exactly where a rule is about that quantity. Truth: the rules of the samples."""

from __future__ import annotations

import pytest

from auditkit.report.html import limits, metrics, rates
from auditkit.report.html.exhibits import Chart
from auditkit.report.html.figures import Names
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from auditkit.report.places import ERRORS
from tests.report import samples


def limited(charts: tuple[Chart, ...]) -> dict[str, float]:
    """Title and label → where its limit lies."""
    return {f"{c.title}: {r.label}": r.limit for c in charts for b in c.blocks for r in b.rows if r.limit is not None}


def test_a_limit_stands_beside_the_value_that_its_rule_is_about_and_no_other() -> None:
    """`right` asks that accuracy is 50 % overall, `age` that it is so in every group of sex; the others compare."""
    look = Lookup(samples.made("several rules"))
    whole = rates.overall(look, Names())
    assert whole is not None
    assert limited(whole.charts) == {": Right, of all": 50.0}
    assert "Tick: limit." in whole.figure.subtitle
    mine = [m for m in look.metrics() if m in ERRORS]
    found = rates.view(look, "Errors by group", mine, Names())
    assert found is not None
    assert limits.of_groups(look, "accuracy", ("sex",)) == 0.5
    (chart,) = [c for c in found.charts if c.limited]
    assert set(limited((chart,))) == {"Right, of all: Women", "Right, of all: Men"}
    assert {r.limit for b in chart.blocks for r in b.rows} == {chart.axis.at(0.5), None}  # groups of race have no rule


def test_a_figure_of_findings_has_the_limit_of_the_finding_that_a_rule_asks_for() -> None:
    look = Lookup(samples.made("classes"))
    answers = metrics.view(look, "fairness", Names()).answers
    shown = {k: v for a in answers for k, v in limited(a.charts).items()}
    assert set(shown) == {f"Largest difference between groups, in points: {c}, sex" for c in ("High", "Low")}
    for v in look.report.verdicts:
        f = look.by_id(v.finding)
        assert f is not None
        assert limits.of_finding(look, f) == v.rule.limit == 0.3


@pytest.mark.parametrize("name", ["predictions only", "one passing rule"])
def test_without_such_a_rule_no_limit_is_drawn_and_none_is_told(name: str) -> None:
    page = render(samples.made(name))
    assert "Tick: limit." not in page
