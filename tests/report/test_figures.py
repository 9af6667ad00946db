"""What figures say of themselves: no line that is not drawn, no limit of another number, no value of nobody."""

from __future__ import annotations

import re
from functools import cache

import pytest

from auditkit.catalogue.generated import AGAINST, DIVERSITY
from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.matches import MatchRates
from auditkit.records import Curve, Estimate, Finding, GroupEstimate, Report, Rule, Series, Surest, Table
from auditkit.report.html import curves, exhibits, gaps, gate, hero, leading, metrics, views
from auditkit.report.html.figures import Names
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.rules import distance, ideal
from auditkit.requirements.crosswalk import crosswalk
from tests.report.samples import predicted, rule
from tests.report.test_everything_stands import table

HIGHEST = {"by": ["sex"], "comparison": "group_max"}


@cache
def highest() -> Report:
    """A rule about the highest group, which it exceeds, and none about the gap."""
    return predicted(table(), [rule("highest", at_most=0.05, **HIGHEST)], by=("sex",))


def found(**changed: object) -> Finding:
    e = Estimate(value=0.1, low=0.02, high=0.2)
    whole = Finding(id="f", concern="fairness", title="t", statement="", metric="selection_rate", estimate=e,
                    comparison="difference", by=("sex",))  # fmt: skip
    return whole.model_copy(update=changed)


def test_a_limit_on_the_highest_group_is_allowed_and_not_needed() -> None:
    look = Lookup(highest())
    lead = leading.leading(look)
    assert lead is not None
    assert hero.view(look, lead).rows[0].tick_words == "5.0% allowed"
    lowest = Lookup(
        predicted(table(), [rule("lowest", at_least=0.95, by=["sex"], comparison="group_min")], by=("sex",))
    )
    lead = leading.leading(lowest)
    assert lead is not None
    assert hero.view(lowest, lead).rows[0].tick_words == "95.0% needed"


def test_a_gap_is_drawn_as_judged_by_rules_about_the_gap_alone() -> None:
    drawn = gaps.view(Lookup(highest()), Names())
    assert drawn is not None
    row = next(r for b in drawn.blocks for r in b.rows if r.status)
    assert (row.mark.tone, row.status) == ("n", "fail")
    assert row.judged.startswith("for the highest group: ")
    assert not drawn.limited
    assert "Tick" not in drawn.figure.subtitle
    of_gap = gaps.view(Lookup(predicted(table(), [rule("gap", at_most=0.01)], by=("sex",))), Names())
    assert of_gap is not None
    assert of_gap.limited
    assert "Tick: limit of the policy." in of_gap.figure.subtitle
    assert "fail" in {r.mark.tone for b in of_gap.blocks for r in b.rows}


def test_a_failed_rule_about_the_highest_group_stands_among_the_requirements() -> None:
    held = [h for row in crosswalk(highest()).rows for h in row.held if h.evidence.what == "gaps between groups"]
    assert held
    assert all(("failed", "highest") in h.reasons for h in held)


@pytest.mark.parametrize(("limit", "value", "told"), [(0.6, 0.5, 0.0), (0.6, 0.6, 1.0), (0.6, 0.656, 1.56)])
def test_the_ideal_of_preferences_is_that_half_are_won(limit: float, value: float, told: float) -> None:
    most = Rule(id="r", metric="stereotype_preference", comparison="group_max", at_most=limit)
    least = Rule(id="r", metric="stereotype_preference", comparison="group_min", at_least=1 - limit)
    assert distance(most, value) == pytest.approx(told)
    assert distance(least, 1 - value) == pytest.approx(told)


def test_where_no_ideal_is_known_no_mark_is_drawn() -> None:
    asked = Rule(id="r", metric="net_benefit_over_all@0.1", comparison="group_min", at_least=0.0)
    assert ideal(asked) is None
    assert distance(asked, 0.013) is None
    report = highest()
    (v,) = report.verdicts
    e = Estimate(value=0.013, low=-0.01, high=0.035)
    judged = v.model_copy(update={"rule": asked, "estimate": e, "status": "inconclusive"})
    drawn = gate.view(Lookup(report.model_copy(update={"verdicts": (judged,)})), Names())
    assert drawn is not None
    assert (drawn.rows[0].mark.x, drawn.rows[0].mark.low, drawn.rows[0].note) == (None, None, gate.NO_IDEAL)


def pairs() -> list[Finding]:
    """Pairs of two persons: 1% match among f, 40% among m, none of both."""
    rows = [("f", 200, 2), ("f ↔ m", 200, 0), ("m", 200, 80)]
    groups = [g for g, n, _ in rows for _ in range(n)]
    matched = [int(i < k) for _, n, k in rows for i in range(n)]
    tally = Tally.of({"sex": groups}, y_true=[0] * len(groups), y_pred=matched)
    return list(MatchRates().assess(tally).findings)


def test_who_is_farthest_is_told_against_what_it_is_compared_with() -> None:
    (f,) = [f for f in pairs() if f.metric == "false_match_rate" and f.comparison == "difference_to_overall"]
    assert "all pairs within one group of sex, " in f.statement
    assert f.estimate.value == pytest.approx(abs(80 / 200 - 82 / 400))


def test_no_highest_group_stands_below_another_in_its_table() -> None:
    found = [f for f in pairs() if f.metric == "false_match_matrix"]
    heads = [row[0] for row in metrics._table(Lookup(highest()), found, 30).rows]
    assert heads[0] == "Highest of two different groups, sex"


def test_a_gap_that_stands_out_alone_is_not_said_to_be_none() -> None:
    assert "no difference" not in metrics.title_of(found(alone=True))
    assert "stands out alone" in metrics.title_of(found(alone=True))
    none = found(estimate=Estimate(value=0.1, low=0.0, high=0.2))
    assert "no difference between groups of sex is established" in metrics.title_of(none)


def test_a_figure_without_lines_speaks_of_none() -> None:
    one = found(comparison="overall", by=(), unit="points")
    charts = metrics._charts(Lookup(highest()), [one])
    assert not charts
    assert "Line" not in metrics._subtitle([one], charts, ())


def test_shares_and_diversity_have_intervals_and_no_distance_from_nothing() -> None:
    within = Estimate(value=0.99, low=0.97, high=1.0, method="bounds within the simultaneous limits of the shares")
    assert exhibits.level_of(within) == "Line: 95% interval."
    both = [found(metric=DIVERSITY, comparison=c, estimate=within) for c in ("group_min", "overall")]
    charts = metrics._charts(Lookup(highest()), [*both, *both])
    assert charts
    told = metrics._subtitle([*both, *both], charts, ())
    assert re.findall("Line.*", told) == ["Line: 95% interval."]


def test_a_table_without_rows_is_none() -> None:
    f = found(
        exhibits=(Table(title="Groups", columns=("a",), rows=()), Table(title="B", columns=("a",), rows=(("x",),)))
    )
    look = Lookup(highest())
    assert [d.view.caption for d in views.drawn(look, [f], views.Room.of(look), Names())] == ["B"]


def test_a_table_of_points_has_no_columns_of_dashes() -> None:
    bare = Curve(title="c", unit_x="x", unit_y="y", series=(Series(name="s", x=(0.0, 1.0), y=(0.1, 0.2)),))
    assert curves._table(Lookup(highest()), found(), bare, 2, 9).columns == ("Line", "x", "y")
    whole = bare.model_copy(update={"series": (Series(name="s", x=(0.0,), y=(0.1,), low=(0.0,), high=(0.2,), n=(5,)),)})
    assert curves._table(Lookup(highest()), found(), whole, 2, 9).columns[3:] == ("From", "To", "Rows")


def test_logarithms_and_shares_are_written_in_percent() -> None:
    rates = Curve(
        title="c",
        unit_x="false match rate, as a power of ten",
        unit_y="y",
        series=(Series(name="s", x=(-3.2, -1.0, 0.0), y=(0.9, 0.2, 0.1)),),
    )
    drawn = curves.view(Lookup(highest()), found(), rates, 2, 9, Names())
    assert [words for _, words in drawn.x.ticks] == ["0.01%", "0.1%", "1%", "10%", "100%"]
    assert "power" not in drawn.x_title
    assert drawn.table is not None
    assert [row[1] for row in drawn.table.rows] == ["0.0631%", "10.0%", "100%"]
    at = rates.model_copy(update={"unit_x": "threshold, in percent"})
    at = at.model_copy(update={"series": (Series(name="s", x=(0.1, 0.2), y=(0.9, 0.2)),)})
    assert curves._table(Lookup(highest()), found(), at, 2, 9).rows[0][1] == "10.0%"


def test_a_value_of_another_group_than_the_surest_is_named_as_its_own() -> None:
    told = leading.Story(
        Surest(groups=({"sex": "Male"},), estimate=Estimate(value=0.384)), Estimate(value=0.389), decides=True
    )
    assert leading.whose(Lookup(highest()), told) == " of men, the surest,"
    same = told._replace(estimate=Estimate(value=0.384))
    assert leading.whose(Lookup(highest()), same) == ""
    report = highest()
    values = {"Female": 0.389, "Male": 0.384}
    groups = tuple(GroupEstimate(group={"sex": g}, estimate=Estimate(value=x)) for g, x in values.items())
    f = found(metric=AGAINST, by_group=groups, surest=told.surest)
    asked = Rule(id="r", metric=AGAINST, comparison="difference", by=("sex",), at_most=0.2)
    update = {"rule": asked, "estimate": told.estimate, "surest": told.surest, "finding": "f"}
    judged = report.verdicts[0].model_copy(update=update)
    drawn = gate.view(Lookup(report.model_copy(update={"verdicts": (judged,), "findings": (f,)})), Names())
    assert drawn is not None
    assert "The value is that of women. Most surely apart: men" in drawn.rows[0].reason
