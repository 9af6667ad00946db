"""Sections drawn from findings: what they say and never say; rules about them reach the first screen."""

from __future__ import annotations

import re

import pytest

from auditkit.records import Curve, Estimate, NotMeasured, Report, Status, Table
from auditkit.report.html.curves import view as curves_view
from auditkit.report.html.exhibits import Named, chart
from auditkit.report.html.exhibits import table as table_view
from auditkit.report.html.figures import Names
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.metrics import title_of
from auditkit.report.html.page import render
from auditkit.report.vocabulary import upper_first
from tests.report import answers, fixtures
from tests.report.test_html import Page


def section(html: str, anchor: str) -> str:
    return html.split(f'<section id="{anchor}"')[1].split("</section>")[0]


def part(html: str, anchor: str) -> Page:
    """A section, parsed."""
    return Page(f'<section id="{anchor}"{section(html, anchor)}</section>')


def linked(of: str, anchor: str) -> list[Page]:
    """The links to an anchor, parsed."""
    return [Page(f"<a>{link.split('</a>')[0]}</a>") for link in of.split(f"<a href=#{anchor}>")[1:]]


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html.split("</style>")[-1]).split())


@pytest.fixture(scope="module")
def page() -> str:
    return render(fixtures.ALL["answers"]())


def test_findings_of_one_metric_are_one_figure(page: str) -> None:
    text = section(page, "calibration")
    told = words(text)
    assert "Scores of women are too low by more than those of men" in told
    assert "Gender n 1,000 5.8 interval 4.1–7.5" in told
    assert "Women n 500 −5.1 interval −6.2 to −4.0" in told
    assert "nobody is scored" in told


def test_a_gap_that_may_be_chance_makes_no_title() -> None:
    race = answers.calibration()[2]
    assert race.statement.startswith("Race Black is scored worse")
    assert title_of(race) == "Calibration error: no difference between groups of race is established"
    nothing = race.model_copy(update={"estimate": answers.estimate(None)})
    assert title_of(nothing) == "Calibration error: nothing to compare between groups of race"
    assert title_of(answers.calibration()[1]) == "Scores of women are too low by more than those of men"


def test_verdicts_of_a_table_are_shapes_and_numbers_have_units(page: str) -> None:
    text = section(page, "remedies")
    assert {"href": "#s-fail"} in part(page, "remedies").named("use")
    assert "As it is Failed 18.0 85.7% 0" in words(text)
    assert "Gap in selection, points" in text


def test_a_name_that_spells_a_verdict_is_a_name() -> None:
    table = Table(title="t", columns=("a", "b"), rows=(("fail", "fail"),), units=("", ""))
    assert table_view(table, 60, Names()).rows == (("fail", "fail"),)


def test_what_is_missing_is_a_dash_that_is_explained(page: str) -> None:
    text = words(section(page, "data"))
    assert "(missing) 12 – – – under 2% of applicants" in text
    assert "– stands where a value is not defined or was not measured." in text


def test_long_tables_are_cut_and_say_so() -> None:
    table = Table(title="t", columns=("a", "b"), rows=tuple((str(i), i) for i in range(500)))
    view = table_view(table, 60, Names())
    assert len(view.rows) == 60
    assert view.caption == "t; 60 of 500 rows, all in the JSON report"
    told = words(render(fixtures.ALL["answers, many"]()))
    assert "Of more than 12 rows the 12 surest to differ from 0 are drawn." in told


def test_rows_that_do_not_fit_their_heads_do_no_harm() -> None:
    table = Table(title="t", columns=("a", "b"), rows=(("x",), ("y", 1, 2)), units=("percent",))
    assert table_view(table, 60, Names()).rows == (("x",), ("y", "1"))


def test_a_hole_in_a_curve_breaks_its_line() -> None:
    look, f = Lookup(fixtures.adult()), answers.calibration()[1]
    curve = f.exhibits[0]
    assert isinstance(curve, Curve)
    female, male = curves_view(look, f, curve, 12, 60, Names()).lines
    assert (len(female.dots), len(male.dots)) == (9, 10)
    holed = curve.series[1].model_copy(update={"y": (None, 0.1, 0.2, None, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)})
    assert (
        curves_view(look, f, curve.model_copy(update={"series": (holed,)}), 12, 60, Names()).lines[0].path.count("M")
        == 2
    )
    nothing = curve.series[0].model_copy(update={"y": (None,) * 10})
    assert curves_view(look, f, curve.model_copy(update={"series": (nothing,)}), 12, 60, Names()).lines[0].path == ""


def test_negative_values_stand_left_of_zero() -> None:
    below, above = Estimate(value=-0.05, low=-0.06, high=-0.04, n=9), Estimate(value=0.01, low=0.0, high=0.02, n=9)
    drawn = chart("", [("", [Named("below", below, "n"), Named("above", above, "n")])], "points")
    left, right = drawn.blocks[0].rows
    assert drawn.zero is not None
    assert left.mark.x is not None
    assert right.mark.x is not None
    assert left.mark.x < drawn.zero < right.mark.x
    assert left.range == "−6.0 to −4.0"


@pytest.mark.parametrize("what", ["calibration", "calibration/ece/difference/gender", "Scores", "remedies by gender"])
def test_a_check_that_could_not_run_says_why_in_its_section(what: str) -> None:
    absent = NotMeasured(what=what, why="the predictions have no scores", concern="calibration")
    html = render(answers.with_answers(fixtures.adult(), [], absent))
    told = words(section(html, "unmeasured"))
    assert upper_first(f"{what}. The predictions have no scores") in told
    assert "Hidden subgroups, what makes the gap, robustness, remedies and individual cases. Not asked for." in told
    assert Page(html).named("a").count({"href": "#calibration"}) == 0


def test_nothing_is_called_unmeasured_that_was_measured(page: str) -> None:
    told = words(section(page, "unmeasured"))
    assert "alibration" not in told
    assert "idden subgroups" not in told
    assert "What makes the gap, robustness and individual cases. Not asked for." in told


def test_a_remedy_hides_no_gap(page: str) -> None:
    plain = render(fixtures.adult())
    assert section(page, "fairness") == section(plain, "fairness")
    assert section(page, "performance") == section(plain, "performance")


def test_tables_of_one_name_are_told_apart() -> None:
    regions = [a["aria-label"] for a in Page(render(fixtures.ALL["answers, hostile"]())).named("div") if "role" in a]
    assert len(regions) == len(set(regions))


def judged(status: Status) -> Report:
    made = answers.calibration()
    found = {f.id: f for f in made}
    v = fixtures.verdict(found, "calibrated", status, "calibration_error", "difference", ("gender",), at_most=0.02)
    return answers.with_answers(fixtures.adult(), made).model_copy(update={"verdicts": (v,)})


ASKED = "How far scores miss what happens: women and men differ by at most 2 points"


@pytest.mark.parametrize(
    ("status", "headline"),
    [
        ("fail", "The worst problem Scores of women are too low by more than those of men. A second sentence."),
        ("inconclusive", f"The largest open question {ASKED}: not decided."),
        ("pass", f"The rule closest to its limit {ASKED}: met."),
        ("not_measured", "What was found One rule could not be judged."),
    ],
)
def test_rules_about_other_findings_reach_the_first_screen(status: Status, headline: str) -> None:
    html = render(judged(status))
    assert headline in words(html)
    assert "of every 100" not in words(html.split("<main")[0])
    assert linked(html, "calibration")[0].named("use") == [{"href": f"#s-{status}"}]
    if status in ("fail", "inconclusive"):
        assert "Calibration and errors" in [link.words() for link in linked(section(html, "summary"), "calibration")]
