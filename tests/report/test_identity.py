"""A group has one mark and one name on a whole page, whatever drew it; rows are what the report says they are."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import numpy as np
import pytest

from auditkit.errors import PolicyError
from auditkit.gate.policy import Policy
from auditkit.records import Report, Words
from auditkit.report.html import summary
from auditkit.report.html.identity import FIRST, NEUTRAL, SECOND, Identity
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from auditkit.report.html.retold import retold
from auditkit.report.vocabulary import MISSING, Vocabulary
from tests.report import answers, explained, fixtures, samples
from tests.report.scripts import without_ours

SHAPES = {FIRST: "circle", SECOND: "square", NEUTRAL: "circle"}
MARK = re.compile(r"<(?:use|line|path)[^>]*\bclass=\"?(?:trace |bars )?k-([abn])\b[^>]*>")
DRAWN = re.compile(r"<use class=\"?k-([abn])\"? href=\"?#m-([a-z]+)")


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """(label, what is drawn) of every row, small chart, card and picture that is about one thing."""
    for row in re.findall(r"<li class=\"?row.*?(?=<li\b|</ul>)", page, re.DOTALL):
        if m := re.search(r"<div class=\"?lab\"?>(.*?)(?:<small>|</div>)", row, re.DOTALL):
            yield text(m[1]), row
    for curve in re.findall(r"<div class=\"?curve\"?>.*?</div>\s*</div>", page, re.DOTALL):
        yield text(re.search(r"<b>(.*?)</b>", curve)[1]), curve  # type: ignore[index]
    for card in re.findall(r"<li class=\"?card\"?><h4>.*?</h4>", page, re.DOTALL):
        yield text(card).split(":")[0], card
    for pic in re.findall(r"<p class=\"?metric\"?><b>(?=<svg).*?</b>", page, re.DOTALL):
        yield text(pic), pic


def text(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def expected(report: Report) -> dict[str, str]:
    """Label → mark, as the order of the first rated finding of each attribute says; of names of one meaning only."""
    say, found = Vocabulary.of(report), {}
    labels: list[str] = []
    for attribute in report.provenance.data.sensitive_features:
        values = list(
            dict.fromkeys(
                g.group[attribute]
                for f in report.findings
                if f.by == (attribute,) and f.concern in ("performance", "fairness", "data")
                for g in f.by_group
                if g.group.get(attribute, MISSING) != MISSING
            )
        )
        for i, v in enumerate(values):
            label = say.label({attribute: v})
            labels.append(label)
            found[label] = (FIRST, SECOND)[i] if len(values) == 2 else NEUTRAL
    return {k: v for k, v in found.items() if labels.count(k) == 1}


REPORTS = {
    **{k: v for k, v in samples.ALL.items() if k not in ("sixty groups",)},
    "explained": fixtures.ALL["explained"],
    "answers": lambda: answers.with_answers(fixtures.adult(), answers.everything()),
}


@pytest.mark.one_in(9)
@pytest.mark.parametrize("name", REPORTS)
def test_a_group_has_one_mark_on_the_whole_page(name: str) -> None:
    report = samples.made(name) if name in samples.ALL else REPORTS[name]()
    known, seen = expected(report), 0
    for label, drawn in blocks(render(report)):
        marks = set(MARK.findall(drawn))
        if label in known and marks:
            seen += 1
            assert marks == {known[label]}, (label, drawn[:300])
            assert {s for _, s in DRAWN.findall(drawn)} <= {SHAPES[known[label]]}, drawn[:300]
    two = any(tone != NEUTRAL for tone in known.values())
    assert seen or not two or name.startswith(("one group", "only"))


def test_the_mark_does_not_follow_what_the_model_does() -> None:
    """Today's circle stays a circle where the other group is selected less often."""
    report = samples.made("predictions only")
    turned = report.model_copy(
        update={
            "findings": tuple(
                f.model_copy(
                    update={
                        "by_group": tuple(
                            g.model_copy(
                                update={"estimate": g.estimate.model_copy(update={"value": 1 - g.estimate.value})}
                            )
                            if g.estimate.value is not None and 0 <= g.estimate.value <= 1
                            else g
                            for g in f.by_group
                        )
                    }
                )
                for f in report.findings
            )
        }
    )
    for each in (report, turned):
        look = Lookup(each)
        assert [look.tone({"sex": v}) for v in ("Female", "Male", MISSING)] == [FIRST, SECOND, NEUTRAL]


def test_more_than_two_groups_are_ink() -> None:
    of = Identity({"race": ("a", "b", "c")})
    assert {of.tone({"race": v}) for v in "abc"} == {NEUTRAL}
    assert of.tone({"race": "a", "sex": "f"}) == of.tone({}) == NEUTRAL


def lines(page: str) -> list[str]:
    """Every text of a page, and every text that a tag is spoken with."""
    body = re.sub(r"<style>.*?</style>|<p class=\"?renamed.*?</p>", "", without_ours(page), flags=re.DOTALL)
    spoken = re.findall(r"(?:aria-label|alt|title)=(\"[^\"]*\"|[^\s>]+)", body)
    return [html.unescape(t) for t in (*re.split(r"<[^>]*>", body), *spoken)]


NUMBERED = Words(positive="earn more than $50K", groups={"sex": {"1": "women", "0": "men"}})


def with_numbers() -> Report:
    """Groups that the data call 1 and 0, in rates, scores, curves, subgroups and crossings."""
    frame = samples.rows(sex=(samples.table().sex == "Female").astype(int))
    checks = ("group_fairness", "scores", "subgroups")
    return samples.predicted(frame, [samples.rule("r")], checks=checks, outputs=("p", "score"), words=NUMBERED)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", [n for n in samples.ALL if n not in ("images", "hostile names", "sixty groups")])
def test_no_label_of_the_data_stands_where_there_is_a_word_for_it(name: str) -> None:
    report = samples.made(name)
    raw = [v for words in report.words.groups.values() for v in words if len(v) > 1]
    page = render(report)
    for line in lines(page):
        assert not [v for v in raw if re.search(rf"(?<!\w){re.escape(v)}(?!\w)", line)], line


def test_the_one_line_that_maps_words_to_labels() -> None:
    page = html.unescape(render(samples.made("predictions only")))
    assert "Groups in this report's words, and in the data's: women: sex “Female”; men: sex “Male”." in page
    assert "renamed" not in render(samples.made("no display words")).split("</style>")[1]


def test_labels_that_are_numbers_are_told_in_words_and_quantities_stay() -> None:
    report = with_numbers()
    for before, after in zip(report.findings, retold(report).findings, strict=True):
        if "sex" not in before.by:
            continue
        for old, new in zip((before.statement, *before.notes), (after.statement, *after.notes), strict=True):
            assert not re.search(r"(?<![\w.,−<>=])[01](?![\w.,%]|\d)", new), new
            kept = re.findall(r"\d+\.\d+%?", old)
            assert re.findall(r"\d+\.\d+%?", new) == kept, "no quantity is touched"
    own = report.findings[0].model_copy(
        update={"by": ("sex",), "statement": "1 of 2 groups has 1 row; 1 (30.0%) and 0 (20.0%), 0 more of 12: 1, 10"}
    )
    (told,) = retold(report.model_copy(update={"findings": (own,)})).findings
    assert told.statement == "1 of 2 groups has 1 row; 1 (30.0%) and 0 (20.0%), 0 more of 12: women, 10"


@pytest.mark.parametrize("name", ["several rules", "scores and subgroups", "missing truths", "classes", "numbers"])
def test_no_sentence_speaks_of_people_where_rows_are_something_else(name: str) -> None:
    report = samples.made(name)
    words = report.words.model_copy(update={"unit": "sentences"})
    page = render(report.model_copy(update={"words": words}))
    outside = re.sub(r"<section id=\"(requirements|sign-off)\".*?</section>", "", page, flags=re.DOTALL)
    for line in lines(outside):
        assert not re.search(r"\b(people|everybody|nobody)\b", line, re.IGNORECASE), line
    assert "sentences" in outside
    assert "sentences" not in render(report)


def test_names_of_the_data_that_speak_of_people_stay() -> None:
    frame = samples.rows(sex=np.where(samples.table().sex == "Female", "people of colour", "everybody"))
    words = Words(unit="images", groups={})
    page = render(samples.predicted(frame, [samples.rule("people rule")], by=("sex",), words=words))
    told = " ".join(lines(page))
    assert "people of colour" in told.casefold()
    assert "images of colour" not in told
    assert "people rule" in told


@pytest.mark.parametrize(("name", "unit"), [("images", "images"), ("texts", "texts"), ("predictions only", "people")])
def test_what_rows_are_is_seen(name: str, unit: str) -> None:
    report = samples.made(name)
    assert Vocabulary.of(report).unit == unit
    assert report.words.model_dump().get("unit") is None, "absent from JSON where nobody says it"


def test_the_word_for_rows_comes_from_the_configuration() -> None:
    words = {"positive": "are found", "unit": "images", "sex": {"f": "women"}}
    known = Policy.from_dict({"words": words, "rule": []}).words
    assert (known.unit, known.positive, known.groups) == ("images", "are found", {"sex": {"f": "women"}})
    attribute = Policy.from_dict({"words": {"unit": {"a": "ward a"}}, "rule": []}).words
    assert (attribute.unit, attribute.groups) == ("", {"unit": {"a": "ward a"}})
    with pytest.raises(PolicyError):
        Policy.from_dict({"words": {"unit": 3}, "rule": []})
    assert Report.from_json(samples.made("images").model_copy(update={"words": known}).to_json()).words == known


def test_cards_of_one_unit_share_one_scale() -> None:
    """A bar is as long as its value: value ÷ width is one number over all cards."""
    page = render(explained.with_explanations(fixtures.adult(), [explained.cases(4)]))
    part = page.split('<section id="cases"')[1].split("</section>")[0]
    found = re.findall(r"<rect class=\"?bar[^>]*width=\"?([\d.]+)%?.*?<div class=\"?val\"?>([^<]+)", part, re.DOTALL)
    sizes = [(float(w), abs(float(v.replace("−", "-")))) for w, v in found]
    assert len(sizes) >= 8
    assert len({v for _, v in sizes}) > 3
    scale = [w / v for w, v in sizes if v > 0.15]
    assert max(scale) - min(scale) < 0.02 * max(scale)
    assert "All cards have one scale, −1.50 to 1.00." in text(part)


@pytest.mark.slow
def test_values_stand_in_the_order_of_the_names() -> None:
    """Two names, then two values: the first value is the first name's, on every line of every sample."""
    pair = re.compile(r"\b(women|men) and (women|men): ([\d.]+)[^\d]+([\d.]+)")
    for name in samples.ALL:
        report = samples.made(name)
        rates = {
            (f.metric, g.group["sex"]): g.estimate.value
            for f in report.findings
            if f.by == ("sex",) and f.label is None
            for g in f.by_group
        }
        words = report.words.groups.get("sex", {})
        for f in retold(report).findings:
            if f.by != ("sex",) or f.comparison != "difference" or f.surest is None:
                continue
            named = [words.get(g["sex"], "") for g in f.surest.groups]
            values = [rates.get((f.metric, g["sex"])) for g in f.surest.groups]
            told = [f"{100 * v:.1f}%" for v in values if v is not None]
            at = [f.statement.find(f"{n} {t}") for n, t in zip(named, told, strict=False)]
            if named and all(named) and len(told) == 2 and f"{named[0]} {told[0]}" in f.statement:
                assert at[0] < at[1], f.statement
            for first, second, a, b in pair.findall(f.statement):
                assert (first, second) == tuple(named), f.statement
                assert float(a) <= float(b), "the lower value's group is named first"


@pytest.mark.parametrize("name", [n for n in samples.ALL if n not in ("sixty groups", "hostile names")])
def test_what_a_summary_sets_against_each_other_stands_in_the_order_of_the_names(name: str) -> None:
    """ "Men are wrongly selected more often than women. 45% against 6%": the first value is the first name's."""
    report = samples.made(name)
    look = Lookup(report)
    for item in summary.view(look):
        values = re.match(r"([\d.]+)% against ([\d.]+)%", item.text)
        if values is None:
            continue
        groups = {
            look.say.people(g.group).casefold(): f"{100 * (g.estimate.value or 0):.1f}"
            for f in report.findings
            if f.comparison.startswith("difference") or f.comparison.startswith("ratio")
            for g in f.by_group
            if len(g.group) == 1 and f"{100 * (g.estimate.value or 0):.1f}" in values.groups()
        }
        at = {item.bold.casefold().find(p): v for p, v in groups.items() if p in item.bold.casefold()}
        if len(at) == 2:  # crossed groups stand in the finding's table
            assert [v for _, v in sorted(at.items())] == list(values.groups()), (item.bold, item.text)


def test_the_group_of_the_higher_error_is_named_first_with_its_value() -> None:
    items = summary.view(Lookup(samples.made("texts")))
    (told,) = [i for i in items if "wrongly selected more often" in i.bold]
    first, second = (float(v) for v in re.findall(r"([\d.]+)%", told.text)[:2])
    assert "other texts are wrongly selected more often than texts about women" in told.bold
    assert first > second
