"""Context and sign-off on the page: what was said stands there as text; what was not is counted, or left to write."""

from __future__ import annotations

import datetime
import re
import unicodedata

import pytest
from pydantic import ValidationError

from auditkit.records import Context, PolicyInfo, Report, Signer, SignOff
from auditkit.report.html.context import ASKED, answer
from auditkit.report.html.page import render
from tests.hostile import HOSTILE
from tests.report import fixtures
from tests.report.test_everything_stands import sections
from tests.report.test_notebook import harmless as harmless_piece
from tests.test_hostile_strings import COMMAND, harmless

FIELDS = Context.ANSWERS


def said(context: Context | None = None, sign_off: SignOff | None = None, **more: object) -> Report:
    return fixtures.adult().model_copy(update={"context": context, "sign_off": sign_off, **more})


def words(report: Report, anchor: str) -> str:
    return re.sub(r"\s+", " ", sections(render(report))[anchor])


def test_every_answer_has_a_name_on_the_page() -> None:
    assert tuple(ASKED) == FIELDS


@pytest.mark.parametrize("given", [(), ("purpose",), FIELDS[1:], FIELDS], ids=len)
def test_blanks_are_counted_and_named_in_one_line(given: tuple[str, ...]) -> None:
    text = words(said(Context(**{name: f"This is {name}." for name in given})), "data")
    for name in FIELDS:
        assert (f"{ASKED[name]} This is {name}." in text) == (name in given)
    blank = len(FIELDS) - len(given)
    assert (f"{blank} of 8 not provided: " in text) == (blank > 0)
    assert text.count("not provided") == (blank > 0)
    assert "(empty)" not in text, "a blank has no line of its own"
    line = text.partition("not provided: ")[2].partition(".")[0]
    assert all((ASKED[n].lower() in line.lower()) == (n not in given) for n in FIELDS)


def test_a_report_that_says_nothing_counts_all_as_blank() -> None:
    assert words(said(), "data") == words(said(Context()), "data")
    assert "8 of 8 not provided: purpose, who is affected" in words(said(), "data")


def test_lines_become_one_and_stay_bounded() -> None:
    assert answer("a\n\n b\t c") == "a b c"
    assert "Line one. Line two." in words(said(Context(purpose="Line one.\n  Line two.")), "data")


def test_names_dates_and_blanks_of_a_sign_off() -> None:
    people = SignOff(
        person=(
            Signer(name="A. Lee", role="Model risk", date=datetime.date(2026, 11, 3)),
            Signer(role="Works council"),
        ),
        review_by=datetime.date(2027, 5, 1),
    )
    text = words(said(sign_off=people), "sign-off")
    assert "A. Lee Model risk 3 November 2026 to be filled in" in text
    assert "to be filled in Works council to be filled in to be filled in" in text
    assert "risk team Owner of the policy to be filled in" in text
    assert "looked at again by 1 May 2027" in text
    assert "a name and a date here are no signature" in text


def test_the_review_is_the_policys_where_the_sign_off_gives_none() -> None:
    policy = PolicyInfo(owner="A. Lee", review_by=datetime.date(2028, 1, 2))
    own = SignOff(person=(Signer(name="A. Lee"),))
    text = words(said(sign_off=own, policy=policy), "sign-off")
    assert "looked at again by 2 January 2028" in text
    assert text.count("A. Lee") == 1, "an owner who signs stands there once"
    assert "date to be filled in" in words(said(), "sign-off")


def test_a_waiver_has_a_line_for_each_rule_that_stands_in_the_way_and_for_no_other() -> None:
    report = fixtures.adult()
    waivers = words(report, "sign-off").partition("Waivers")[2]
    for v in report.verdicts:
        named = v.blocks
        assert bool(re.search(rf"(?<![\w-]){re.escape(v.rule.id)} \(", waivers)) == named, v.rule.id
    met = report.model_copy(update={"verdicts": tuple(v for v in report.verdicts if v.status == "pass")})
    assert "none is to be waived" in words(met, "sign-off")
    assert "none can be waived" in words(fixtures.adult(policy=False), "sign-off")
    assert "Waivers" not in words(met, "sign-off")
    one = next(v for v in report.verdicts if v.status == "fail")
    many = tuple(one.model_copy(update={"rule": one.rule.model_copy(update={"id": f"r{i}"})}) for i in range(9))
    assert "three more rules are not met" in words(report.model_copy(update={"verdicts": many}), "sign-off").lower()


@pytest.mark.one_in(7)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_in_every_field_is_text_everywhere(text: str) -> None:
    if any(unicodedata.category(c) == "Cs" for c in text):
        with pytest.raises(ValidationError):
            Context(purpose=text)
        return
    long = text[:200]
    context = Context(**{name: f"{name} {text[:900]}" for name in FIELDS}, requirements=(long, "eu-aia"))
    people = SignOff(person=(Signer(name=f"n{long[:199]}", role=long), Signer(role=f"r{long[:199]}")))
    report = said(context, people, policy=PolicyInfo(id=long, owner=text))
    refs = tuple(
        v.model_copy(update={"rule": v.rule.model_copy(update={"refs": (text, f"eu-aia:{text}")})})
        for v in report.verdicts
    )
    report = report.model_copy(update={"verdicts": refs})
    drawn = render(report)
    shown = " ".join("".join(harmless(drawn).text).split())
    for name in FIELDS:
        assert answer(f"{name} {text[:900]}")[:40].strip("\u2068\u2069 ") in shown
    again = Report.from_json(report.to_json())
    assert again == report
    assert again.to_json() == report.to_json()
    assert render(again) == drawn
    assert not COMMAND.search(repr(report).replace("\n", " ")), repr(report)
    harmless_piece(report._repr_html_())


def test_what_is_longest_everywhere_still_fits() -> None:
    context = Context(**dict.fromkeys(FIELDS, "&" * 1000))
    people = SignOff(person=tuple(Signer(name="&" * 200, role="&" * 200) for _ in range(20)))
    assert len(render(said(context, people))) < 300_000
