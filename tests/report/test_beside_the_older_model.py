"""A first screen and a terminal that are led by a change: one interval, whom it is of, a figure, and the trade-off."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from auditkit.formatting import confidence
from auditkit.records import Report
from auditkit.report import changes
from auditkit.report.failing import told
from auditkit.report.html import first, gate, leading
from auditkit.report.html.figures import Names
from auditkit.report.html.lookup import Lookup
from auditkit.report.terminal import print_summary
from tests.report import samples
from tests.report.samples import against_an_older_model, rule


@pytest.fixture(scope="module")
def report() -> Report:
    return against_an_older_model(
        rule("women-and-men-are-found-as-often-as-by-the-older-model", metric="true_positive_rate",
             comparison="change", at_least=-0.02),
        rule("right", metric="accuracy", comparison="change", at_least=-0.5),
        rule("gap", metric="true_positive_rate", comparison="gap_change", at_most=0.3),
    )  # fmt: skip


def printed(report: Report, width: int = 80) -> str:
    out = io.StringIO()
    print_summary(report, Console(width=width, file=out))
    return out.getvalue()


def test_one_number_has_one_interval_of_one_level(report: Report) -> None:
    view = first.view(Lookup(report))
    told_first = re.findall(r"95% interval ([−\d.]+ to [−\d.]+\d)", view.headline)
    sure = dict(view.facts)["How sure"]
    assert told_first == re.findall(r"95% interval ([−\d.]+ to [−\d.]+\d)", sure)
    assert len(told_first) == 1


def test_a_sentence_of_the_extreme_has_the_interval_of_the_extreme(report: Report) -> None:
    """Where no group is shown to be worse, the finding speaks of the lowest change: with its estimate, and no other."""
    seen = 0
    for f in changes.of_changes(report):
        if f.comparison == "lowest_change" and "lowest change" in f.claim:
            low = f"{100 * (f.estimate.low or 0.0):.1f}".replace("-", "−").rstrip("0").rstrip(".")
            assert f"({'95% interval'} {low}" in f.claim, f.claim
            seen += 1
    assert seen > 3


def test_a_message_of_a_test_tells_the_deciding_interval_alone(report: Report) -> None:
    for v in report.verdicts:
        said = told(report, v)
        assert "interval" not in said.split("  groups")[1].split("  why")[0]
        assert "on the failing side (Holm)" in said
        assert re.search(r"groups  women [\d.]+% before, [\d.]+% now", said)


def test_the_first_screen_draws_it_and_says_for_whom_and_what_it_was_traded_for(report: Report) -> None:
    look = Lookup(report)
    view, lead = first.view(look), leading.leading(look)
    assert lead is not None
    assert view.hero is not None
    women = next(g.estimate for g in lead.finding.by_group if g.group == {"sex": "Female"})
    assert dict(view.facts)["For whom"] == f"Women who earn more than $50K: {women.n} of the 400 rows tested."
    assert view.context.startswith("Accuracy is not shown to have changed: up by 1.5 points (95% interval −1.2 to 4.3)")
    others = [f for f in changes.of_changes(report) if changes.worse_for_somebody(f) and f.id != lead.finding.id]
    assert f" {len(others)} more " in view.context.split(";")[1]
    assert "for the worse, in the gap of true positive rate by sex" in view.context
    assert "Accuracy is not shown to have changed" in " ".join(printed(report).split())


def test_the_gate_says_the_levels_of_the_intervals_that_decide(report: Report) -> None:
    found = gate.view(Lookup(report), Names())
    assert found is not None
    levels = sorted({v.estimate.level for v in report.verdicts if v.estimate is not None})
    assert f"fails a rule, {confidence(levels[0])} to {confidence(levels[-1])}, since" in found.figure.subtitle


def test_no_id_of_a_rule_is_broken_and_the_level_is_told(report: Report) -> None:
    for width in (40, 60, 80, 200):
        text = printed(report, width)
        for v in report.verdicts:
            assert sum(v.rule.id in line for line in text.splitlines()) >= 1 + (v.status != "fail"), (width, v.rule.id)
        assert "Rules share their error (Holm): the side that fails a rule is at" in " ".join(text.split())
    alone = samples.made("one passing rule")
    assert "Value (95% interval)" in printed(alone)


def test_what_stands_in_the_way_is_named_where_nothing_failed() -> None:
    open_ = against_an_older_model(
        rule("right", metric="accuracy", comparison="change", at_least=-0.02, on_inconclusive="fail"),
        rule("far", metric="accuracy", comparison="change", at_least=-0.5),
    )
    assert open_.outcome == "undecided"
    assert "In the way: right (undecided); the policy lets this count as failed." in " ".join(printed(open_).split())
    assert "In the way" not in printed(samples.made("one passing rule"))


def test_the_rule_closest_to_its_limit_counts_and_is_the_least_sure_to_pass() -> None:
    judged = samples.predicted(
        samples.table(),
        [
            rule("sure", metric="selection_rate", at_most=0.9),
            rule("near", metric="accuracy", at_most=0.4),
            rule("nearest", metric="accuracy", at_most=0.35, severity="warning"),
        ],
    )
    assert {v.status for v in judged.verdicts} == {"pass"}
    p = {v.rule.id: v.p_exceeded or 0.0 for v in judged.verdicts}
    assert p["nearest"] > p["near"] > p["sure"]
    lead = leading.leading(Lookup(judged))
    assert lead is not None
    assert lead.verdict is not None
    assert lead.verdict.rule.id == "near"
