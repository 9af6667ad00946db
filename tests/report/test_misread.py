"""What readers of earlier pages misread, held as it is told now."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

import auditkit as ak
from auditkit.formatting import percent
from auditkit.records import Estimate, Finding, NotMeasured, Report, Table
from auditkit.report import markdown
from auditkit.report.failing import measured
from auditkit.report.html import attributions, metrics
from auditkit.report.html.explorer import view
from auditkit.report.html.figures import Names
from auditkit.report.html.first import view as first
from auditkit.report.html.gaps import view as of_gaps
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from auditkit.report.html.rates import overall
from auditkit.report.html.rates import view as rates
from auditkit.report.html.retold import retold
from auditkit.report.html.summary import view as summary
from auditkit.report.html.unmeasured import view as unmeasured
from auditkit.report.sarif import render as sarif
from tests.readers.test_detection_thresholds import report as of_boxes
from tests.report import explained, fixtures, samples
from tests.report.test_answers import section, words
from tests.report.test_remedies_on_the_page import audited, rows, selected

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


def test_a_remedy_of_one_name_is_told_by_one_number() -> None:
    """Lots and one threshold a group select otherwise: what draws lots says so, in statements and in every table."""
    report = audited(rows(3_000, (0.3, 0.6), 1.0, apart=1.5), selected(0.1))
    assert report.remedies is not None
    told = {
        r.words + (", with lots" if r.lots else ""): {p.group["sex"]: p.change for p in r.selected}
        for r in report.remedies.rows
        if r.by
    }
    f = report.finding("mitigation/price_of_parity/overall/sex")
    whom = next(x for x in f.exhibits if isinstance(x, Table) and x.title.startswith("Rows selected"))
    drawn = {
        name: {row[0]: row[i] for row in whom.rows} for i, name in enumerate(whom.columns) if name.startswith("eq")
    }
    assert {k: told[k] for k in told.keys() & drawn.keys()} == {k: drawn[k] for k in told.keys() & drawn.keys()}
    assert drawn["equal selection rates, with lots"] != told["equal selection rates"]
    assert f.statement.startswith("Thresholds for equal selection rates by sex, with lots, would")
    assert all(f"{abs(int(n)):,} " in f.statement for n in drawn["equal selection rates, with lots"].values() if n)


def test_a_gap_of_misses_is_not_told_a_second_time_as_one_of_finds() -> None:
    """Truth: of two rates that add to 1 the gaps are one; whoever is asked about is drawn, whole and by group."""
    asked = of_boxes()
    twice = {"object_recall", "miss_rate"}
    assert twice <= set(Lookup(asked).metrics())
    assert Lookup(asked.model_copy(update={"verdicts": ()})).told_once(["miss_rate", "object_recall"]) == ["miss_rate"]
    for ruled, drawn in (("miss_rate", "Missed"), ("object_recall", "Found")):
        rule = {"id": "r", "metric": ruled, "comparison": "difference", "by": ["light"], "at_most": 0.1}
        look = Lookup(ak.judge(asked, policy={"rule": [rule]}))
        gaps, whole, by_group = (
            of_gaps(look, Names()),
            overall(look, Names()),
            rates(look, "Rates", look.metrics(), Names()),
        )
        assert gaps is not None
        assert whole is not None
        assert by_group is not None
        charts = [c.title for c in by_group.charts]
        rows = [r.label for b in gaps.blocks for r in b.rows] + [
            r.label for b in whole.charts[0].blocks for r in b.rows
        ]
        assert [t for t in (*rows, *charts) if not t.startswith(drawn)] == []
        assert {"Missed", "Found"} == {row[0].split(",")[0] for row in gaps.figure.table.rows}  # ratios are two


def test_what_needs_no_measuring_is_not_called_unmeasured() -> None:
    """A net that is not given an attribute decides alike whatever it is: that is known, and stands apart."""
    flips = NotMeasured(what="what flipping gender changes", why="nothing, by construction", concern="robustness")
    for settled in (False, True):
        told = flips.model_copy(update={"settled": settled})
        report = demo().model_copy(update={"not_measured": (told,)})
        look = Lookup(report)
        facts = dict(first(look).facts)
        assert ("flipping" in facts["Not measured"].lower()) != settled
        assert ("flipping" in summary(look)[-1].text) != settled
        section = unmeasured(look)
        assert any("flipping" in what for what, _ in section.items) != settled
        assert bool(section.settled) == settled
        page = render(report)
        assert ("Known without measuring" in page) == settled
        assert ("Not measured: what flipping" in markdown.render(report)) != settled
        assert ("Known without measuring: what flipping" in markdown.render(report)) == settled


def test_a_pair_that_is_named_beside_a_number_is_that_of_the_number() -> None:
    """Truth: the quotient of the two rates, by group; the smallest ratio of race is that of two other groups."""
    report = demo()
    v = next(v for v in report.verdicts if v.rule.id == "four-fifths-race")
    assert v.estimate is not None
    low, high = ({"race": "Black"}, {"race": "White"})
    rate = {g.group["race"]: g.estimate.value or 0.0 for g in Lookup(report).groups("selection_rate", ("race",))}
    theirs = f"{rate['Black'] / rate['White']:.2f}"
    assert theirs != f"{v.estimate.value:.2f}"
    gaps = of_gaps(Lookup(report), Names())
    assert gaps is not None
    (row,) = (r for b in gaps.blocks if b.title.startswith("Race,") for r in b.rows if r.label == "Selected")
    assert row.groups.startswith("Black ")
    assert row.judged == f"as a ratio: {theirs}, at least 0.80"
    told = dict(measured(Lookup(report), v))
    assert told["groups"].endswith(f": {theirs}")
    (found,) = (r for r in json.loads(sarif(report))["runs"][0]["results"] if r["ruleId"] == v.rule.id)
    assert found["properties"]["groups"] == [low, high]
    assert found["properties"]["value_of_groups"] == pytest.approx(rate["Black"] / rate["White"])


def test_a_number_of_other_groups_than_the_named_pair_names_its_own() -> None:
    report = demo()
    (v,) = (v for v in report.verdicts if v.rule.id == "four-fifths-race")
    assert v.surest is not None
    other = v.surest.model_copy(update={"groups": ({"race": "Other"}, {"race": "White"})})
    gaps = of_gaps(Lookup(report.model_copy(update={"verdicts": (v.model_copy(update={"surest": other}),)})), Names())
    assert gaps is not None
    (row,) = (r for b in gaps.blocks for r in b.rows if r.judged)
    assert row.judged.startswith("as a ratio (Other and White): 0.47")


def test_what_is_no_rate_of_the_model_is_drawn_beside_rates_that_are_told_once() -> None:
    assert rates(Lookup(demo()), "Truth", ["base_rate"], Names()) is not None


@pytest.mark.parametrize("name", ["classes", "labels"])
def test_a_chart_of_the_groups_of_one_class_names_it(name: str) -> None:
    """Truth: what the findings of that class say of their groups."""
    look, seen = Lookup(retold(samples.made(name))), 0
    for answer in metrics.view(look, "fairness", Names()).answers:
        for block in (b for c in answer.charts for b in c.blocks if ", " in b.title):
            label = block.title.rpartition(", ")[2]
            mine = [f for f in look.report.findings if f.label == label and len(f.by) == 1]
            told = {r.value for r in block.rows if " of " not in r.value}  # of a few people their number
            assert told <= {percent(g.estimate) for f in mine for g in f.by_group}, block.title
            seen += 1
    assert seen


@pytest.mark.parametrize("name", samples.ALL)
def test_a_dotted_line_that_is_told_is_drawn(name: str) -> None:
    figures = re.split(r"<figure\b", render(samples.made(name)))[1:]
    for figure in figures:
        told = figure.split("</figure>")[0]
        assert "Dotted line: " not in told or re.search(r'class="?every\b', told), told[:300]


def test_no_gap_in_decisions_is_not_told_as_no_gap_where_scores_differ() -> None:
    """A gap in scores that is established stood beside "no gap is established", which was of decisions."""
    bare = samples.nothing()
    page = words(render(bare))
    assert "Between groups of sex no gap is established, and none is ruled out" in page
    apart = explained.gap(by="sex", groups=("Female", "Male"))
    page = words(render(explained.with_explanations(bare, [apart])))
    assert "Between groups of sex no gap in decisions is established, and none is ruled out" in page
    unsure = explained.parts().model_copy(update={"total": Estimate(value=0.03, low=-0.01, high=0.07)})
    page = words(render(explained.with_explanations(bare, [explained.gap(unsure, by="sex", groups=())])))
    assert "no gap is established" in page
    assert "no gap in decisions" not in page


def test_established_gaps_are_told_before_those_that_are_not() -> None:
    bare = samples.nothing()
    unsure = explained.parts().model_copy(update={"total": Estimate(value=0.03, low=-0.01, high=0.07)})
    first, second = explained.gap(unsure, by="race", groups=()), explained.gap(by="sex", groups=("Female", "Male"))
    for found in ([first, second], [second, first]):
        why = section(render(explained.with_explanations(bare, found)), "why")
        assert why.index("between women and men") < why.index("groups of race")


def test_who_has_the_lower_scores_is_said() -> None:
    """The gap is the mean of the first group less that of the second, where its interval lies above 0."""
    x = explained.parts().model_copy(update={"between": ("Male", "Female")})
    report = explained.with_explanations(samples.nothing(), [explained.gap(x, by="sex", groups=("Female", "Male"))])
    assert "Women score 18.7 points lower on average, 95% interval" in words(render(report))
    of_class = explained.gap(x, by="sex", groups=("Female", "Male")).model_copy(update={"label": "dog"})
    page = words(render(explained.with_explanations(samples.nothing(), [of_class])))
    assert "lower on average" not in page
    assert "The gap is 18.7 points" in page


def of_scores() -> Finding:
    """An explanation of what moves the score, that holds and whose parts surely lead."""
    return next(f for f in fixtures.ALL["explained"]().findings if attributions.attributes(f) and attributions.leads(f))


def test_explanations_that_failed_are_named_with_their_classes() -> None:
    made = of_scores()
    failed = tuple(t.model_copy(update={"passed": False, "blocking": True}) for t in made.trust)
    lost = [made.model_copy(update={"label": c, "id": f"x[{c}]", "trust": failed}) for c in "25"]
    why = words(section(render(explained.with_explanations(samples.nothing(), lost)), "why"))
    assert "Two explanations failed a check, Integrated Gradients of “2” and “5”: do not read them." in why


def test_what_leads_without_a_caution_is_told_before_what_has_one() -> None:
    plain = of_scores()
    doubted = plain.model_copy(
        update={"trust": tuple(t.model_copy(update={"passed": False, "blocking": False}) for t in plain.trust)}
    )
    found = [
        doubted.model_copy(update={"label": "6", "id": "x[6]"}),
        plain.model_copy(update={"label": "8", "id": "x[8]"}),
    ]
    report = explained.with_explanations(samples.nothing(), found)
    chosen = attributions.first(Lookup(report))
    assert chosen is not None
    assert chosen.label == ("8" if attributions.leads(plain) else "6")
    assert attributions.leads(plain)


def test_of_classes_the_worst_is_told() -> None:
    """The recall of the first class stood over ten, of which another was the worst."""
    look = Lookup(samples.made("classes"))
    mine = [
        f for f in look.report.findings if f.metric == "true_positive_rate" and f.comparison == "overall" and f.label
    ]
    worst = min(mine, key=lambda f: f.estimate.value or 0.0)
    assert len(mine) > 2
    told = [metrics.of(look, order, Names()).answers[0].figure.title for order in (mine, mine[::-1])]
    assert all(f"“{worst.label}”" in t for t in told)
