"""Sections 9 to 11: titles that the intervals allow, sums, bounds, failed checks, and what is not measured."""

from __future__ import annotations

import re
from typing import ClassVar

import pytest

from auditkit.explain.cases.pictures import UPWARDS
from auditkit.records import (
    Case,
    Cases,
    Contributions,
    Estimate,
    Layer,
    Layers,
    NotMeasured,
    Report,
    Table,
    TrustCheck,
    Words,
)
from auditkit.report.html import attributions, cases, causes, layers, trust, waterfall
from auditkit.report.html.figures import Names
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render, tight_style
from auditkit.report.html.retold import retold
from auditkit.report.html.why import leading_cause
from tests.explain.row_audits import kept
from tests.report import explained, fixtures
from tests.report.scripts import without_ours
from tests.report.test_answers import linked, part, section, words
from tests.report.test_html import Page


@pytest.fixture(scope="module")
def page() -> str:
    return render(fixtures.ALL["explained"]())


@pytest.fixture(scope="module")
def look() -> Lookup:
    return Lookup(fixtures.adult())


def moved(x: Contributions, rows: list[tuple[float, float, float]], total: tuple[float, float, float]) -> Contributions:
    """The exhibit with other values and intervals."""
    made = tuple(
        r.model_copy(update={"estimate": Estimate(value=v, low=a, high=b, n=9), "share": v / total[0]})
        for r, (v, a, b) in zip(x.rows, rows, strict=False)
    )
    return x.model_copy(update={"rows": made, "total": Estimate(value=total[0], low=total[1], high=total[2], n=9)})


def title(look: Lookup, x: Contributions) -> str:
    return causes.title_of(look, explained.gap(x), x)


X = explained.parts()


def test_the_title_names_the_columns_that_surely_lead(look: Lookup) -> None:
    assert title(look, X) == "Relationship makes up 51% of the gap in scores between women and men"
    two = moved(X, [(0.04, 0.035, 0.045), (0.038, 0.03, 0.046), (0.01, 0.0, 0.02)], (0.088, 0.08, 0.096))
    assert title(look, two) == "Relationship and marital-status make up 89% of the gap in scores between women and men"


def test_the_title_names_none_where_none_surely_leads(look: Lookup) -> None:
    close = moved(X, [(0.04, 0.02, 0.06), (0.03, 0.01, 0.05), (0.02, 0.0, 0.04)], (0.09, 0.07, 0.11))
    assert title(look, close) == "No single column surely makes most of the gap in scores between women and men"
    assert causes.cause(look, explained.gap(close), close) is None


def test_no_column_makes_a_gap_that_may_be_chance(look: Lookup) -> None:
    chance = moved(X, [(0.02, 0.01, 0.03), (0.01, 0.0, 0.02)], (0.03, -0.01, 0.07))
    assert title(look, chance) == (
        "No gap in scores between women and men is established, so no column is said to make one"
    )


def test_a_small_gap_that_hides_large_parts_says_so(look: Lookup) -> None:
    hidden = moved(X, [(-0.16, -0.17, -0.15), (0.14, 0.13, 0.15)], (-0.02, -0.03, -0.01))
    assert title(look, hidden) == (
        "A small gap in scores between women and men hides larger parts that cancel: marital-status (14.0) and "
        "relationship (−16.0)"
    )


def test_a_share_beyond_the_whole_is_not_called_a_part(look: Lookup) -> None:
    beyond = moved(X, [(0.12, 0.11, 0.13), (-0.02, -0.03, -0.01)], (0.1, 0.09, 0.11))
    assert (
        title(look, beyond) == "Relationship alone would make more than the whole gap in scores between women and men"
    )


def test_more_than_two_groups_are_named_as_the_exhibit_names_them(look: Lookup) -> None:
    title = "What makes the gap in mean score between White and Black"
    x = X.model_copy(update={"title": title, "between": ("White", "Black")})
    f = explained.gap(x, by="race", groups=())
    assert causes.title_of(look, f, x) == "Relationship makes up 51% of the gap in scores between White and Black"
    assert waterfall.name_of(look, f, x) == title
    apart = X.model_copy(update={"title": "The gap between branches"})
    assert causes.title_of(look, f, apart) == "Relationship makes up 51% of the gap in scores between groups of race"
    assert waterfall.name_of(look, f, apart) == "The gap between branches, race"


@pytest.mark.parametrize("sign", [1, -1])
def test_bars_begin_where_the_last_one_ended_and_end_at_the_gap(look: Lookup, sign: int) -> None:
    x = explained.parts(sign=sign)
    view = waterfall.view(look, explained.gap(x), x, Names())
    at = view.axis.at(0.0)
    for bar in view.bars:
        assert min(abs(bar.x - at), abs(bar.x + bar.width - at)) < 0.15
        at = bar.end
    assert abs(at - view.total.end) < 0.15
    assert [b.closes for b in view.bars] == [False] * 9 + [True]
    assert all(0 <= v <= 100 for b in view.bars for v in (b.x, b.end, b.x + b.width))


def test_the_sum_the_gap_and_the_gap_of_all_rows_are_stated(page: str) -> None:
    assert (
        "The parts add up to 18.7 points, as the gap of the rows used; over all rows of the data it is 18.8."
    ) in words(section(page, "why"))


def test_the_gap_comes_first_then_layers_then_attributions_then_the_rest(page: str) -> None:
    text = words(section(page, "why"))
    heads = (
        "Relationship makes up 51% of the gap in scores between women and men",
        "Gender can be read from all six layers",
        "Marital-status moves the score most",
        "The smallest change that would select costs women 0.5 more than men",
    )
    assert sorted(text.index(h) for h in heads) == [text.index(h) for h in heads]


def test_other_targets_are_told_in_one_table_an_attribute(page: str) -> None:
    text = words(section(page, "why"))
    assert len(part(page, "why").classed("wide", "fall")) == 2
    assert "Relationship makes up 51% of the gap in who is selected between women and men" in text
    assert "Other gaps of gender, part by part" in text
    assert "9.5 (9.2–9.8)" in text


def test_thirty_columns_are_twenty_bars_and_the_table_has_all() -> None:
    page = render(fixtures.ALL["explained, wide"]())
    text = section(page, "why")
    assert len(part(page, "why").classed("bar")) == 21
    assert "The 19 largest of 30 parts; the last bar gathers the others." in words(text)
    assert "eleven smaller ones" in words(text)
    assert "column-19" in text.split("<table")[1]


def test_a_table_of_parts_has_as_many_as_it_says(look: Lookup) -> None:
    x = explained.parts(45)
    table = waterfall.table_of(look, explained.gap(x), x)
    assert table.caption.endswith("; 40 of 45 parts, all in the JSON report")
    assert len(table.rows) == 41
    assert table.rows[-1][0] == "The whole gap"


def test_shares_are_left_out_where_the_whole_may_be_nothing(look: Lookup) -> None:
    x = explained.parts(shares=False)
    view = waterfall.view(look, explained.gap(x), x, Names())
    assert view.heads[1] == ""
    assert view.figure.table.columns == ("Part", "Points", "Interval", "Tells gender (AUC)")
    assert "Shares are not given: the interval of the whole gap contains 0." in view.figure.sentence


def test_layers_titles_say_what_the_intervals_say() -> None:
    made = explained.layers()
    assert layers.title_of(made) == (
        "Gender can be read from all six layers; erasing it makes the gap smaller, and in five costs the skill"
    )
    blind = tuple(a.model_copy(update={"knows": Estimate(value=0.51, low=0.48, high=0.54)}) for a in made.layers)
    assert layers.title_of(explained.layers(blind)).startswith("Gender can be read from no layer for sure; ")
    same = tuple(a.model_copy(update={"after": a.before}) for a in made.layers)
    assert layers.title_of(explained.layers(same)).endswith("; erasing it makes the gap surely smaller in none")
    chance = tuple(a.model_copy(update={"random": 0.001}) for a in made.layers)
    assert layers.title_of(explained.layers(chance)).endswith("surely smaller in none")
    assert layers.title_of(explained.layers(made.layers[:1])) == (
        "Gender can be read from the one layer; erasing it makes the gap smaller"
    )


def test_layers_titles_say_use_only_where_it_was_shown() -> None:
    """A record that says so, not the intervals: before a linear head erasing closes any gap."""
    made = explained.layers()
    said = {
        "beyond_declared": "the net uses what goes with gender beyond what was declared legitimate",
        "nothing_beyond_declared": "nothing shows that the net uses gender beyond what was declared legitimate",
        "not_used": "erasing gender hardly moves gap or scores",
        "open": "there is no sure gap, yet erasing gender moves scores",
        "not_measured": "what the net uses of it was not measured",
        "goes_with": "erasing it makes the gap smaller, and in five costs the skill",
    }
    for use, words_ in said.items():
        title = layers.title_of(Layers.model_validate(made.model_dump() | {"use": use}))
        assert title == f"Gender can be read from all six layers; {words_}"


def test_layers_tell_the_small_net_and_what_goes_at_equal_columns_where_they_are_known() -> None:
    plain = layers.table_of(explained.layers())
    share = Estimate(value=0.04, low=0.02, high=0.06, n=9)
    told = explained.layers().layers[1].model_copy(update={"curved": share, "given": share, "moved": 0.021})
    x = explained.layers((told,)).model_copy(update={"held": ("merit", "the truth")})
    more = layers.table_of(x)
    extra = ("Knows, a small net", "Scores move by", "Closed at equal merit and the truth")
    assert [c for c in more.columns if c not in plain.columns] == list(extra)
    cells = dict(zip(more.columns, more.rows[0], strict=True))
    assert cells[extra[1]].startswith("2.1")
    assert cells[extra[2]].startswith("4.0")
    assert all(len(row) == len(more.columns) for row in more.rows)


@pytest.mark.parametrize(
    ("after", "guess", "hardly"), [(0.763, 0.761, True), (0.824, 0.761, False), (0.763, None, False)]
)
def test_what_is_hardly_better_than_one_answer(after: float, guess: float | None, hardly: bool) -> None:
    layer = explained.layers().layers[1].model_copy(update={"accuracy_after": after})
    assert layers.hardly(layer, guess) is hardly


def test_layers_say_what_the_commoner_answer_is(page: str) -> None:
    assert "76.3% hardly better than always answering no" in words(section(page, "why"))


def test_sixty_layers_are_sixteen_rows() -> None:
    text = words(section(render(fixtures.ALL["explained, wide"]()), "why"))
    assert (
        "Of 60 layers 16 are drawn: the first, the last, where most is known and used, and others in even steps."
        in text
    )
    assert "40 of 60 layers, all in the JSON report" in text
    drawn = layers.view(Lookup(fixtures.adult()), explained.net(), explained.deep(), Names()).rows
    assert len(drawn) == 16
    assert [drawn[0].label, drawn[-1].label] == ["Layer 1 of 60", "Layer 60 of 60"]
    assert [drawn[0].size, drawn[-1].size][0].startswith("blocks.0, ")


def test_a_layer_that_is_no_cut_is_flagged() -> None:
    made = explained.layers()
    loose = (made.layers[0].model_copy(update={"cut": False}), *made.layers[1:])
    view = layers.view(Lookup(fixtures.adult()), explained.net(), explained.layers(loose), Names())
    assert view.rows[0].flag == "no cut"
    assert "Input is no cut of the net" in view.figure.sentence


def test_what_was_not_measured_of_a_layer_is_said() -> None:
    text = words(section(render(fixtures.ALL["explained, undefined"]()), "why"))
    assert "What the layers know of gender was not measured" in text
    assert "no gradient reaches it" in text
    assert "nothing to take apart" in text


def test_failed_explanations_are_not_drawn_and_their_values_are_kept() -> None:
    html = render(fixtures.ALL["explained, failed"]())
    told = words(section(html, "why"))
    assert not part(html, "why").classed("fall")
    assert not part(html, "why").classed("net")
    assert told.count("do not read it as an explanation") == 3
    assert told.count("not drawn: check failed") == 3
    assert told.count("For the record: the values") == 3
    assert "T6, infidelity: 2.790, where at most 0.93 is allowed." in told
    assert "What makes it:" not in words(html)
    assert linked(html, "why")[0].named("use") == [{"href": "#s-fail"}]


def test_checks_are_one_table_an_explanation(page: str) -> None:
    text = words(section(page, "why"))
    assert "Can it be trusted? All twelve checks are passed." in text
    assert (
        "T1 completeness passed contributions add up to the score difference, p95 of 256 rows below 0.0001 at most 0.05"
        in text
    )


class Caution(explained.TrustCheck):
    """A check with the further fields that a caution has."""

    TOLD: ClassVar = ("meaning",)

    at_least: bool = False
    blocking: bool = True
    applies: bool = True


def test_a_caution_is_said_and_takes_nothing_off_the_page() -> None:
    check = Caution(
        id="T3",
        name="baseline",
        value=0.61,
        limit=0.7,
        passed=False,
        note="eight real rows; the ranking depends on the starting point: do not act on one ranking",
        meaning="the ranking depends on the starting point: do not act on one ranking",
        at_least=True,
        blocking=False,
    )
    f = explained.gap().model_copy(update={"trust": (*explained.trust(), check)})
    assert trust.holds(f)
    view = trust.view(f, "x", Names())
    assert view is not None
    assert view.sentence == (
        "Twelve of 13 checks are passed. Caution, baseline: the ranking depends on the starting point: do not act on "
        "one ranking (0.610, where at least 0.7 is asked for; eight real rows)."
    )
    assert view.table.rows[-1][1:] == ("caution", check.note, "0.6100", "at least 0.7")
    mute = trust.view(f.model_copy(update={"trust": (check.model_copy(update={"meaning": ""}),)}), "x", Names())
    assert mute is not None
    assert mute.sentence.endswith(
        f"Caution, baseline: read it with care (0.610, where at least 0.7 is asked for; {check.note})."
    )
    beside = trust.view(
        f.model_copy(update={"trust": (check.model_copy(update={"applies": False, "passed": True}),)}), "x", Names()
    )
    assert beside is not None
    assert beside.table.rows[0][1] == "does not apply"


def test_the_first_screen_and_the_summary_say_what_makes_the_gap(page: str) -> None:
    told = words(page)
    assert (
        "What makes it: relationship makes up 51% of the gap in who is selected between women and men: how the model "
        "reaches its scores, not what causes the outcome."
    ) in told.replace(", though the model does not read gender", "")
    summary = section(page, "summary")
    assert "Relationship makes up 51% of the gap in who is selected between women and men." in words(summary)
    assert len(part(page, "summary").named("li")) <= 6


def test_a_gap_of_other_groups_is_not_said_to_make_the_worst_problem() -> None:
    report = explained.with_explanations(fixtures.adult(), [explained.gap(by="race", groups=("Black", "White"))])
    told = leading_cause(Lookup(report))
    assert told is not None
    assert told[0] == "What moves the score most:"
    assert "What makes the gap was not measured." in told[1]


def test_a_column_that_the_model_reads_is_not_called_unread() -> None:
    rows = (X.rows[0].model_copy(update={"label": "gender"}), *X.rows[1:])
    report = explained.with_explanations(fixtures.adult(), [explained.gap(X.model_copy(update={"rows": rows}))])
    told = leading_cause(Lookup(report))
    assert told is not None
    assert "though" not in told[1]


def test_cases_are_cards_with_their_facts_and_bars(page: str) -> None:
    text = section(page, "cases")
    told = words(text)
    assert len(part(page, "cases").classed("card")) == 4
    assert "Decision not selected Score 0.31" in told
    assert "relationship: Not-in-family −1.21" in told
    assert "<mark class=d5>nurse<sub> −0.62</sub></mark>" in text
    assert "“bonus” and “large” raise the score most; “nurse” lowers the score most." in told
    assert text.count('src="data:image/png;base64,iVBORw0KGgo') == 1


def test_bars_below_a_map_have_its_colours(page: str) -> None:
    """The map's own, as the pictures are drawn: what raises the score is red there."""
    cards = section(page, "cases").split("<li class=card>")[1:]
    mapped = [c for c in cards if "<img" in c]
    assert mapped
    assert all('class="rows as-map"' in c for c in mapped)
    assert not any("as-map" in c for c in cards if "<img" not in c)
    style = page[page.index("<style>") : page.index("</style>")]
    assert f"--raises:#{bytes(UPWARDS).hex()}" in style
    assert ".as-map .bar{fill:var(--raises)" in style


def test_many_cases_are_bounded_and_say_so() -> None:
    page = render(fixtures.ALL["explained, wide"]())
    assert len(part(page, "cases").classed("card")) == cases.MOST
    assert "32 of 50 cases, all in the JSON report." in words(section(page, "cases"))


def with_picture(png: str) -> Report:
    case = Case(title="t", facts=(), png=png)
    f = explained.cases().model_copy(update={"exhibits": (Cases(title="t", unit="u", cases=(case,) * 3),)})
    return explained.with_explanations(fixtures.empty(), [f])


@pytest.mark.parametrize(
    "png", ['"><script>alert(1)</script>', "R0lGODlhAQABAAAAACw=", "iVBORw0KGgo AAAA", "javascript:1"]
)
def test_what_is_no_png_is_no_picture(png: str) -> None:
    html = render(with_picture(png))
    assert "<img" not in html
    assert "<script" not in without_ours(html)
    assert "The picture is in the JSON report." in words(html)


def test_pictures_are_bounded_together() -> None:
    heavy = "iVBORw0KGgo" + "A" * 50_000
    html = render(with_picture(heavy))
    assert html.count("<img") == 2
    assert html.count("The picture is in the JSON report.") == 1


def test_robustness_is_drawn_or_says_why_not(page: str) -> None:
    told = words(section(page, "robustness"))
    assert "Changing gender alone changes 2.6% of decisions" in told
    assert "What a changed gender alone would change" in told
    absent = NotMeasured(what="flip_test gender", why="gender is not an input of the model", concern="robustness")
    report = fixtures.adult().model_copy(update={"not_measured": (absent,)})
    told = words(section(render(report), "unmeasured"))
    assert "Flip_test gender. Gender is not an input of the model" in told
    assert "individual cases. Not asked for." in told


def test_hostile_names_are_text_in_every_explanation() -> None:
    html = render(fixtures.ALL["explained, hostile"]())
    assert "<img" not in html
    assert "<script" not in without_ours(html)
    for anchor in ("why", "cases", "robustness"):
        assert fixtures.HOSTILE in part(html, anchor).words()


def test_tables_of_explanations_are_told_apart() -> None:
    for name in ("explained", "explained, hostile"):
        page = Page(render(fixtures.ALL[name]()))
        regions = [a["aria-label"] for a in page.named("div") if "role" in a]
        assert len(regions) == len(set(regions))


def test_layers_without_anything_are_a_page() -> None:
    bare = Layers(title="", unit="points", attribute="", layers=())
    html = render(explained.with_explanations(fixtures.adult(), [explained.net(bare)]))
    assert "was not measured" in words(section(html, "why"))


def test_the_style_is_tight_and_keeps_its_strings() -> None:
    style = render(fixtures.adult()).split("<style>")[1].split("</style>")[0]
    assert not re.search(r"\n|/\*|;\}", style)
    assert 'content:counter(page) " / " counter(pages)' in style
    assert tight_style('a > b, c { d: "x"; }\n') == 'a>b,c{d:"x"}'


def test_groups_are_called_what_their_owner_calls_them_in_sentences_and_tables() -> None:
    base = fixtures.ALL["explained"]()
    gender, smokes = {"Female": "women", "Male": "men"}, {"1": "smokers", "No": "abstainers"}
    words_of = Words(groups={"gender": gender, "smokes": smokes})
    table = Table(title="By gender", columns=("group", "n"), rows=(("Male", 1), ("Female & Black", 2)))
    pair = X.model_copy(update={"between": ("Male", "Female & Black")})
    f = explained.gap().model_copy(
        update={
            "statement": "Of 1 in 9 Female rows, not “Male”, nor Female-only, and smokes = No rows, No one knows.",
            "exhibits": (table, pair),
        }
    )
    told = retold(base.model_copy(update={"words": words_of, "findings": (f,)})).findings[0]
    assert told.statement == ("Of 1 in 9 women, not “Male”, nor Female-only, and abstainers, No one knows."), (
        "“No” alone is a word of the sentence"
    )
    assert isinstance(told.exhibits[0], Table)
    assert told.exhibits[0].rows == (("Men", 1), ("Women & Black", 2))
    assert isinstance(told.exhibits[1], Contributions)
    assert told.exhibits[1].between == ("men", "women & Black")
    assert told.by_group == f.by_group


def test_a_label_that_two_attributes_call_differently_is_left() -> None:
    base = fixtures.ALL["explained"]()
    words_of = Words(groups={"a": {"Yes": "members"}, "b": {"Yes": "tenants"}})
    f = explained.gap().model_copy(update={"statement": "Yes rows, a = Yes and b = Yes rows."})
    told = retold(base.model_copy(update={"words": words_of, "findings": (f,)})).findings[0].statement
    assert told == "Yes rows, members and tenants."
    words_of = Words(groups={"a": {"high": "members"}, "b": {"high": "tenants"}})
    f = explained.gap().model_copy(update={"statement": "high rows."})
    assert retold(base.model_copy(update={"words": words_of, "findings": (f,)})).findings[0].statement == "high rows."


def test_gaps_of_which_nothing_can_be_said_share_a_line(look: Lookup) -> None:
    x = moved(X, [(0.02, 0.01, 0.03), (0.01, 0.0, 0.02)], (0.03, -0.01, 0.07))
    unsure = [(explained.gap(x, metric=metric), x) for metric in ("true_positive_rate", "selection_rate")]
    assert causes.others(look, unsure) == (
        "Not established, so that no column is said to make them: gaps between women and men, in who is found; in who "
        "is selected",
    )
    assert causes.others(look, unsure[:1]) == (causes.title_of(look, *unsure[0]),)


def test_neurons_are_drawn_as_one_outline_a_side_whose_steps_are_their_sizes() -> None:
    layer = Layer(name="a", type="Linear", units=4, neurons=(0.4, -0.2, 0.2, 0.2), named=(0, 1, 2, 3))
    assert layers.outlines(layer) == ("M0 20V0h2V20h2V10h4V20", "M0 20V20h2V10h2V20h4V20")


def test_that_erasing_helps_is_read_from_the_same_rows_before_and_after() -> None:
    def layer(low: float) -> Layer:
        ends = {"before": (0.10, 0.05, 0.15), "after": (0.04, -0.01, 0.09), "closed": (0.06, low, 0.09)}
        made = {k: Estimate(value=v, low=a, high=b, n=9) for k, (v, a, b) in ends.items()}
        return Layer(name="a", type="Linear", units=4, random=0.1, **made)

    assert layers.uses(layer(0.03))  # although the intervals before and after overlap
    assert not layers.uses(layer(-0.01))
    assert not layers.uses(layer(0.03).model_copy(update={"random": 0.05}))


def _asked(check: TrustCheck, **told: object) -> tuple[str, str]:
    """Result and allowance of a check in the table."""
    f = explained.gap().model_copy(update={"trust": (check.model_copy(update=told),)})
    view = trust.view(f, "x", Names())
    assert view is not None
    return view.table.rows[0][1], view.table.rows[0][4]


def test_what_is_allowed_is_told_as_it_is_asked_for_whatever_was_found() -> None:
    check = TrustCheck(id="T6", name="infidelity", value=0.737, limit=0.753, passed=False, low=0.72, high=0.755)
    one_sided = check.model_copy(update={"low": None})
    assert _asked(one_sided) == ("failed", "surely below 0.753")
    assert _asked(one_sided, value=0.76, passed=True, high=None, low=0.74) == ("passed", "not surely above 0.753")
    least = one_sided.model_copy(update={"at_least": True, "value": 0.76, "high": None, "low": 0.74})
    assert _asked(least) == ("failed", "surely above 0.753")


def test_checks_that_do_not_apply_are_not_counted_as_passed() -> None:
    one, *rest = explained.trust()
    none = one.model_copy(update={"applies": False})
    for own, told in (
        ((none, *rest[:2]), "Two checks that apply are passed."),
        ((none, rest[0]), "One check that applies is passed."),
        ((none,), "No check applies."),
        ((none, rest[0], rest[1].model_copy(update={"passed": False})), "One of two checks that apply is passed."),
    ):
        view = trust.view(explained.gap().model_copy(update={"trust": own}), "x", Names())
        assert view is not None
        assert view.sentence.startswith(told), view.sentence


def test_what_moves_the_score_most_is_said_of_its_class_where_it_surely_leads_and_with_its_caution() -> None:
    report = fixtures.adult()
    own = next(f for f in report.findings if attributions.attributes(f))
    told = leading_cause(Lookup(report))
    assert told == ("What moves the score most:", "marital-status. What makes the gap was not measured.")
    caution = TrustCheck(
        id="T8", name="agreement of methods", value=0.3, limit=0.5, passed=False, blocking=False, at_least=True,
        meaning="methods disagree: do not act on one ranking",
    )  # fmt: skip
    x = attributions.exhibit(own)
    assert x is not None
    blurred = tuple((name, tuple(e.model_copy(update={"low": 0.0, "high": 1.0}) for e in es)) for name, es in x.rows)
    other = own.model_copy(
        update={
            "label": "7",
            "trust": (*own.trust, caution),
            "exhibits": tuple(e.model_copy(update={"rows": blurred}) if e is x else e for e in own.exhibits),
        }
    )
    found = tuple(other if f is own else f for f in report.findings)
    told = leading_cause(Lookup(report.model_copy(update={"findings": found})))
    assert told == (
        "What moves the score of “7” most:",
        "no single column surely does. Methods disagree: do not act on one ranking. What makes the gap was not "
        "measured.",
    )


def test_an_explanation_of_one_class_says_of_which() -> None:
    """Three classes, explained one by one: figures, their names in the contents, and tests of trust tell them apart."""
    report = kept("multiclass")
    html = render(report)
    why, contents = words(section(html, "why")), words(html.split("<nav")[1].split("</nav>")[0])
    labels = [f.label for f in report.findings if f.metric == "integrated_gradients" and not f.by]
    assert sorted(filter(None, labels)) == ["high", "low", "middle"]
    for label in labels:
        assert f"the score of “{label}” most" in why or f"the score of “{label}”: do not read it" in why
        assert f"Integrated Gradients, the score of “{label}”" in contents + why
        assert f"Can it be trusted? Integrated Gradients, the score of “{label}”" in why
    assert "the score most" not in why
    assert not re.search(r"Integrated Gradients \(\d\)", why)


def test_gaps_and_layers_of_one_class_say_of_which(look: Lookup) -> None:
    f = explained.gap(X).model_copy(update={"label": "dog"})
    assert "of the gap in scores of “dog” between women and men" in causes.title_of(look, f, X)
    assert layers.title_of(explained.layers(), "dog").startswith("Scores of “dog”: gender can be read from ")
