"""The page as text: escaped, bounded, the same every time, and saying only what the intervals say."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser

import pytest

from auditkit.records import Estimate, Report
from auditkit.report.html import lookup, page
from auditkit.report.html.geometry import axis_to, mark
from auditkit.report.html.page import css_text, render
from tests.report import fixtures
from tests.report.scripts import without_ours

CELLS = ("td", "th")
ROWS = (*CELLS, "tr")
ITEMS = ("li",)
BEGINS_AFTER = {"td": CELLS, "th": CELLS, "tr": ROWS, "li": ITEMS}
"""Tag → what ends where it begins, without a tag."""
ENDS_WITH = {"thead": ROWS, "tbody": ROWS, "table": ROWS, "ul": ITEMS, "ol": ITEMS}
"""Tag → what ends where it ends, without a tag."""
VOID = {"meta", "br", "img", "link", "input", "hr", "base"}


class Page(HTMLParser):
    """Elements with their attributes, text outside <style> and <script>, and whether tags balance."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def end(self, within: tuple[str, ...]) -> None:
        """Cells, rows and items may end without a tag, where the next begins or their parent ends."""
        while self.open and self.open[-1] in within:
            self.open.pop()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.end(BEGINS_AFTER.get(tag, ()))
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.end(ENDS_WITH.get(tag, ()))
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def classed(self, *names: str) -> list[dict[str, str | None]]:
        """Attributes of the elements of all these classes."""
        return [a for _, a in self.elements if set(names) <= set((a.get("class") or "").split())]

    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(params=fixtures.ALL, scope="module")
def html(request: pytest.FixtureRequest) -> str:
    return render(fixtures.ALL[request.param]())


@pytest.mark.one_in(4)
def test_markup_is_balanced_and_free_of_other_scripts_styles_and_requests(html: str) -> None:
    assert Page(html).open == []
    parsed = Page(without_ours(html))
    tags = {tag for tag, _ in parsed.elements}
    assert not tags & {"script", "link", "iframe", "object", "base", "form", "input", "button"}
    for tag, attributes in parsed.elements:
        if tag == "img":  # a picture of a case
            assert re.fullmatch(r"data:image/png;base64,iVBORw0KGgo[A-Za-z0-9+/]*={0,2}", attributes.pop("src") or "")
            assert attributes["alt"]
        assert "style" not in attributes
        assert not [a for a in attributes if a.startswith("on")]
        for name in ("href", "src", "action", "xlink:href", "data"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    assert "@import" not in html.split("<style>")[1].split("</style>")[0]


def test_links_lead_somewhere_and_ids_are_unique(html: str) -> None:
    parsed = Page(html)
    ids = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"] for _, a in parsed.elements if a.get("href")} <= {f"#{id}" for id in ids}
    for _, attributes in parsed.elements:
        assert attributes.get("aria-labelledby", ids[0]) in ids


def test_policy_names_the_one_style_and_the_one_script(html: str) -> None:
    style, script = (
        base64.b64encode(hashlib.sha256(inside.split(f"</{tag}>")[0].encode()).digest()).decode()
        for tag in ("style", "script")
        for inside in html.split(f"<{tag}>")[1:]
    )
    policy = next(a["content"] for a in Page(html).named("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_headings_do_not_jump(html: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(html).elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))


def test_every_figure_has_a_table_and_a_sentence(html: str) -> None:
    for figure in html.split("<figure")[1:]:
        hero = figure.startswith(" class=hero>")  # its table is the one of the rates by group
        assert hero or "<table" in figure
        assert hero or re.search(r"<h3>[^<]+</h3>", figure.split("</figcaption>")[0])


def test_figures_have_anchors_and_stand_in_the_contents(html: str) -> None:
    figures = re.findall(r'<figure id="([^"]+)" data-n=', html)
    assert len(set(figures)) == len(figures) == html.count("<figure") - html.count("<figure class=hero>")
    parts = [s.split("</section>")[0] for s in html.split("<section id=")[1:]]
    several = [s for s in parts if s.count('<figure id="') > 1]
    told = set(re.findall(r"<ol>(.*?)</ol>", html))
    assert len(told) == len(several)
    for s in several:
        for anchor in re.findall(r'<figure id="([^"]+)"', s):
            assert any(f"href=#{anchor}>" in t for t in told)


def test_tables_have_captions_and_scopes(html: str) -> None:
    for table in html.split("<table")[1:]:
        body = table.split("</table>")[0]
        assert "<caption" in body
        assert "<th" in body
        assert "<th>" not in body, "a head without a scope"


def test_sections_stand_in_order(html: str) -> None:
    found = re.findall(r'<h2 id="([^"]+)-title"><span class=no>(\d+)</span>', html)
    anchors = (
        *("summary", "gate", "performance", "fairness", "change", "remedies", "why", "calibration", "subgroups"),
        *("robustness", "cases", "data", "requirements", "sign-off", "unmeasured", "appendix"),
    )
    assert found == [(anchor, str(n)) for n, anchor in enumerate([a for a in anchors if a in dict(found)], 1)]
    assert {"summary", "gate", "data", "requirements", "sign-off", "unmeasured", "appendix"} <= set(dict(found))
    absent = html.split('<section id="unmeasured"')[1].split("<ul")[0]
    assert set(re.findall(r'<span id="([^"]+)">', absent)) == set(anchors) - set(dict(found))
    assert "not in this version" not in html


def test_a_full_page_has_every_fold_open_and_every_table(monkeypatch: pytest.MonkeyPatch) -> None:
    report = fixtures.ALL["explained"]()
    full, page = render(report, full=True), render(report)
    assert "<details class=more>" not in full
    assert full.replace("<details class=more open>", "<details class=more>") == page, (
        "few findings: nothing is left out"
    )
    monkeypatch.setattr(lookup, "FEW", 10)
    assert render(report, full=True) == full
    short = render(report)
    assert short.count("<table") < page.count("<table")
    assert "Every finding; intervals at 95%" in page
    assert "Every finding; intervals at 95%" not in short
    assert "--full</code>" in short
    statements = re.compile(r"<ul class=limits>.*?</ul>", re.DOTALL)
    assert statements.findall(short) == statements.findall(page), "every statement stands on both"


def test_no_negative_zero_no_nan(html: str) -> None:
    words = Page(html).words()
    assert not re.search(r"−0(\.0+)?(?![\d.])|(?<![\w–])-0(\.0+)?(?![\d.])", words)
    assert not re.search(r"\b(nan|None|inf)\b", words)


@pytest.mark.one_in(4)
def test_what_is_left_out_means_nothing(
    html: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "tight", lambda html: html)
    whole = Page(render(fixtures.ALL[request.node.callspec.params["html"]]()))
    assert Page(html).elements == whole.elements
    assert Page(html).words() == whole.words()


@pytest.mark.one_in(4)
def test_bytes_are_bounded_and_the_same_every_time(html: str, request: pytest.FixtureRequest) -> None:
    assert len(html.encode()) <= 400_000
    name = request.node.callspec.params["html"]
    assert render(fixtures.ALL[name]()) == html


def test_a_stored_report_gives_the_same_page() -> None:
    report = fixtures.adult()
    again = Report.from_json(report.to_json())
    assert render(again) == render(Report.from_json(again.to_json()))


def test_of_fifty_groups_twelve_are_drawn() -> None:
    html = render(fixtures.many())
    assert "the 12 groups surest to differ from everybody are drawn" in html
    assert html.count("Region 4") + html.count("region 4") >= 10, "the table has all"


def test_hostile_names_are_text() -> None:
    html = render(fixtures.hostile())
    assert "<img" not in html
    assert "<script" not in without_ours(html)
    words = Page(html).words()
    assert fixtures.HOSTILE in words
    assert "{{ 7*7 }}" in words
    assert "(empty)" in words
    assert "missing" in words
    assert "\u202e" not in html, "no character may turn its neighbours round"
    assert "x" * 200 not in html


def test_a_model_name_cannot_leave_the_style() -> None:
    assert re.fullmatch(r"(?:[A-Za-z0-9]|\\[0-9a-f]+ )*", css_text('"; } </style>\n\\é'))


def test_first_screen_names_the_worst_and_how_sure() -> None:
    words = Page(render(fixtures.adult())).words()
    assert "income-mlp fails its fairness policy" in words
    assert "The model selects 9 of every 100 women and 25 of every 100 men." in words
    assert "In these data 11 of 100 women and 30 of 100 men really earn more than $50K." in words
    assert "20.2% needed" in words
    assert "Women: 4,813 of the 14,654 people tested." in words
    assert "The ratio is 0.34, 95% interval 0.30 to 0.39." in words


def test_without_display_words_the_data_is_quoted() -> None:
    words = Page(render(fixtures.adult(words=fixtures.Words()))).words()
    assert "people whose gender is “Female”" in words
    assert "have income “>50K”" in words


def test_without_a_policy_the_surest_difference_leads() -> None:
    words = Page(render(fixtures.adult(policy=False))).words()
    assert "income-mlp: an audit without a policy" in words
    assert "The surest difference The model selects 9 of every 100 women" in words
    assert "no policy was given" in words


@pytest.mark.parametrize("name", ["empty", "one group", "undefined"])
def test_where_nothing_can_be_compared_no_disparity_is_named(name: str) -> None:
    words = Page(render(fixtures.ALL[name]())).words()
    assert "less often" not in words
    assert "The model selects" not in words
    told = {
        "empty": "fairness was not measured",
        "undefined": "No disparity between groups was established.",
    }
    assert told.get(name, "could not be judged") in words


def test_a_gap_that_may_be_chance_is_not_named() -> None:
    cells = {("a",): fixtures.Counts(60, 30, 15, 5), ("b",): fixtures.Counts(60, 30, 14, 6)}
    made = fixtures.findings(cells, ("g",), [("g",)], fixtures.RATES)
    words = Page(render(fixtures.report(made, attributes=("g",), policy=False))).words()
    assert "No disparity between groups was established." in words
    assert "No gap between groups is established" in words
    assert "surest difference" not in words
    assert "less often than" not in words


def test_a_failed_explanation_is_shown_as_failed_and_not_drawn() -> None:
    html = render(fixtures.adult(holds=False))
    words = Page(html).words()
    assert "Integrated Gradients: do not read it as an explanation" in words
    assert "2.040, where at most 0.05 is allowed" in words
    assert "not drawn: check failed" in words
    assert "For the record: the values" in words
    assert "moves the score most" not in words.lower().replace("what moves the score most:", "")
    assert "What moves the score most" not in words


def test_sparse_groups_show_counts_and_no_percentage() -> None:
    html = render(fixtures.adult())
    cell = re.search(r"<td class=c-sparse><div><b>([^<]+)</b> <span>([^<]+)</span>", html)
    assert cell
    assert cell.groups() == ("2 of 4", "too few to tell")


def test_marks_stay_on_the_axis() -> None:
    axis = axis_to(0.37)
    m = mark(axis, Estimate(value=0.9, low=0.3, high=1.0), "n")
    assert (m.x, m.low, m.high, m.over) == (None, 75.0, 100.0, True)
    unbounded = mark(axis, Estimate(value=0.1, low=0.05, high=None, note="unbounded"), "n")
    assert (unbounded.high, unbounded.over) == (100.0, True)
    assert mark(axis, Estimate(value=None, state="undefined"), "n").x is None
