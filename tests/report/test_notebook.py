"""A report and a finding as they are seen while working: three lines, and a small, escaped piece of a notebook."""

from __future__ import annotations

import subprocess
import sys

import pytest

from auditkit.records import Report
from auditkit.report.html import first
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from auditkit.report.html.retold import retold
from auditkit.report.html.summary import view
from auditkit.report.notebook import MOST_BYTES, in_three_lines, of_finding, of_report
from auditkit.report.vocabulary import STATUS
from tests.report import fixtures
from tests.test_hostile_strings import Elements

PLAIN = {"div", "p", "strong", "small", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code", "pre"}


def harmless(piece: str) -> Elements:
    page = Elements(piece)
    assert {tag for tag, _ in page.found} <= PLAIN
    assert {(k, v) for _, attributes in page.found for k, v in attributes.items()} <= {
        *(("style", "text-align:left"), ("scope", "col"), ("scope", "row")),
    }
    return page


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", fixtures.ALL)
def test_a_piece_is_plain_small_and_the_same_every_time(name: str) -> None:
    report = fixtures.ALL[name]()
    pieces = [report._repr_html_(), *(f._repr_html_() for f in report.findings)]
    for piece in pieces:
        harmless(piece)
        assert len(piece.encode()) <= MOST_BYTES
    assert pieces == [of_report(report), *map(of_finding, report.findings)]
    again = Report.from_json(report.to_json())
    assert pieces == [again._repr_html_(), *(f._repr_html_() for f in again.findings)]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", fixtures.ALL)
def test_it_says_what_the_page_says(name: str) -> None:
    report = fixtures.ALL[name]()
    text, page = " ".join(harmless(of_report(report)).text), "".join(Elements(render(report)).text)
    title = first.view(Lookup(retold(report))).title
    assert title in text
    assert title in page
    for item in view(Lookup(retold(report))):
        assert item.bold[:300] in text
    for v in report.verdicts[:8]:
        assert STATUS[v.status] in text
    table = of_report(report).partition("<tbody>")[2].partition("</tbody>")[0]
    assert table.count("<tr>") == len(report.verdicts)


@pytest.mark.parametrize("name", fixtures.ALL)
def test_three_lines(name: str) -> None:
    report = fixtures.ALL[name]()
    lines = repr(report).split("\n")
    assert len(lines) == 3
    assert f"{report.provenance.data.rows:,} rows" in lines[0]
    assert lines[1].startswith(f"{report.outcome.replace('_', ' ')}: ")
    for status in STATUS:
        n = sum(v.status == status for v in report.verdicts)
        assert (f"{n} {STATUS[status].lower()}" in lines[1]) == (n > 0)
    assert str(report) == repr(report)


def test_what_is_not_known_is_said_where_nothing_was_found() -> None:
    assert repr(fixtures.empty()).split("\n")[2].startswith("Not known: ")


def test_thousands_of_rules_are_cut_and_counted() -> None:
    report = fixtures.adult()
    many = tuple(
        v.model_copy(
            update={"rule": v.rule.model_copy(update={"id": f"{i}", "by": ("&" * 160,), "metric": "accuracy"})}
        )
        for i in range(300)
        for v in report.verdicts[-1:]
    )
    piece = of_report(report.model_copy(update={"verdicts": many}))
    assert len(piece.encode()) <= MOST_BYTES
    shown = piece.partition("<tbody>")[2].count("<tr>")
    assert 0 < shown < 300
    assert f"And {300 - shown} rules more." in piece


def test_many_groups_are_cut_and_counted() -> None:
    found = next(f for f in fixtures.ALL["many"]().findings if len(f.by_group) > 30)
    piece = of_finding(found)
    assert piece.partition("<tbody>")[2].count("<tr>") == 20
    assert f"And {len(found.by_group) - 20} groups more." in piece


def test_a_failed_explanation_is_no_explanation() -> None:
    failed = next(f for f in fixtures.adult(holds=False).findings if f.concern == "explanation")
    holds = next(f for f in fixtures.adult().findings if f.concern == "explanation")
    assert "Do not read it as an explanation" in of_finding(failed)
    assert "Do not read it as an explanation" not in of_finding(holds)


def test_gaps_are_points_and_what_is_too_few_says_so() -> None:
    gap = fixtures.adult().finding("fairness/false_positive_rate/difference/gender")
    assert "6.2 points (5.3–7.0)" in of_finding(gap)
    crossed = fixtures.adult().finding("fairness/true_positive_rate/difference/gender+race")
    assert "too few to tell" in of_finding(crossed)


def test_a_report_whose_parts_do_not_fit_is_shown_all_the_same() -> None:
    report = fixtures.adult()
    broken = tuple(f.model_copy(update={"by": ("race",)}) if f.by == ("gender",) else f for f in report.findings)
    edited = report.model_copy(update={"findings": broken})
    assert len(in_three_lines(edited).split("\n")) == 3
    harmless(of_report(edited))


def test_looking_at_a_report_loads_nothing_heavy() -> None:
    code = (
        "import sys; from auditkit.records import Report; "
        "made = {'auditkit': '0', 'created': '2026-11-30T00:00:00Z', 'model': {}, 'data': {}}; "
        "r = Report.model_validate({'provenance': made}); repr(r); r._repr_html_(); "
        "print(sorted({'torch', 'captum', 'fairlearn', 'pandas', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
