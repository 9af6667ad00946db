"""What to do next: every sentence against the verdicts and remedies behind it, and each kind of sentence by hand."""

from __future__ import annotations

import datetime
import re
from functools import cache
from typing import Any

import pytest

from auditkit.catalogue.index import METRICS
from auditkit.checks import kind_of
from auditkit.inputs.tasks.registry import task_of
from auditkit.records import (
    Context,
    NotMeasured,
    PerfectModel,
    Remedies,
    Remedy,
    RemedyAnswer,
    Report,
    Required,
    Signer,
    SignOff,
    Status,
    Verdict,
    Waived,
)
from auditkit.report import markdown, terminal
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from auditkit.report.html.retold import retold
from auditkit.report.next_steps import CAUSES, FAIRNESS, MEANS, MOST, STEPS, Step, steps
from auditkit.report.surest import compared, uncovered
from tests.report import samples
from tests.report.test_no_contradiction import NAMES

ANSWERED = Context(**{name: f"said of {name}" for name in Context.ANSWERS})


@cache
def look(name: str) -> Lookup:
    return Lookup(retold(samples.made(name)))


def told(report: Report) -> dict[str, str]:
    return {s.kind: s.text for s in steps(Lookup(report))}


def named(report: Report, step: Step) -> list[Verdict]:
    """The rules that a sentence quotes."""
    return [v for v in report.verdicts if f"“{v.rule.id}”" in step.text]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", NAMES)
def test_every_page_says_what_to_do_next_and_where_it_is_shown(name: str) -> None:
    found, page = steps(look(name)), render(samples.made(name))
    assert 1 <= len(found) <= MOST
    assert len({s.text for s in found}) == len(found)
    ids = set(re.findall(r'\bid="?([\w-]+)', page))
    block = page[page.index('id="next"') : page.index("</section>", page.index('id="next"'))]
    for step in found:
        assert step.kind in STEPS
        assert step.anchor in ids
        assert f"#{step.anchor}" in block
        assert step.text[0].isupper()
        assert step.text.endswith(".")
        assert re.search(r"[.!?] ", step.text) is None  # one sentence
        assert not re.search(r"\b(compl(y|ies|iance)|fair model|will|guarantee)", step.text)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", NAMES)
def test_no_step_says_what_the_report_does_not_hold(name: str) -> None:
    report, found = look(name).report, steps(look(name))
    counting = [v for v in report.verdicts if v.rule.severity == "error" and not v.waived]
    states = {v.status for v in counting}
    for step in found:
        mine = named(report, step)
        match step.kind:
            case "choice":
                assert mine
                assert all(v.perfect is not None and v.perfect.status == "fail" for v in mine)
                assert all(v.status in ("fail", "inconclusive") for v in mine)
            case "mend":
                assert mine
                assert all(v.status == "fail" and v in counting for v in mine)
            case "more rows":
                assert mine
                assert all(v.status == "inconclusive" for v in mine)
                assert "fail" not in states or all(v.blocks for v in mine)
                if size := re.search(r"about ([\d,]+) .*\(now ([\d,]+)\)", step.text):
                    many, now = (float(x.replace(",", "")) for x in size.groups())
                    assert mine[0].more_data == min(v.more_data for v in counting if v.more_data)
                    assert many == pytest.approx(now * (mine[0].more_data or 0.0), rel=0.06)
            case "unjudged":
                assert all(v.status == "not_measured" for v in mine)
            case "remedies":
                assert report.remedies is not None
                rows = [r for r in report.remedies.rows if r.words]
                passing = [r for r in rows if {a.status for a in r.answers if a} == {"pass"}]
                assert ("new rows" in step.text) == bool(passing)
            case "without a rule":
                f = uncovered(report)
                assert f is not None
                assert ("Set a rule on" in step.text) == (bool(f.by) and METRICS[f.metric].kind != "check")
            case "policy":
                assert not report.verdicts
            case "groups":
                assert not compared(report)
            case "sign":
                assert not (report.context or Context()).blanks or len(found) == MOST or "classes" in name
    first = found[0].kind
    assert ("fail" in states) == (first in ("choice", "remedies", "mend")) or first in ("untrained", "broken", "choice")
    if "fail" not in states and "inconclusive" in states:
        assert first in ("choice", "more rows")
    if not report.verdicts:
        assert {"policy", "groups"} & {s.kind for s in found}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", NAMES)
def test_the_terminal_says_the_first_and_markdown_all(name: str) -> None:
    report = samples.made(name)
    found = steps(Lookup(report))
    lines = [str(line) for line in terminal.summary(report).renderables]
    assert sum(line.startswith("Next: ") for line in lines) == 1
    assert any(line.startswith(f"Next: {found[0].text[:12]}") for line in lines)
    assert markdown.render(report).count("\n- Next: ") == len(found)


def one(status: Status, **changed: Any) -> Report:
    """A report with one rule of a status."""
    report = samples.made("a rule about everybody")
    (v,) = report.verdicts
    perfect = PerfectModel(status="pass", reason="", by_construction=True)
    new = v.model_copy(update={"status": status, "perfect": perfect, **changed})
    return report.model_copy(update={"verdicts": (new,), "context": ANSWERED})


def test_a_rule_that_fails_is_to_be_mended_or_waived() -> None:
    assert told(one("fail"))["mend"] == "Mend “r”, or accept it by a waiver."
    women = samples.made("an older model").model_copy(update={"remedies": None})
    assert told(women)["mend"].startswith("Look at the decisions that changed, or keep the older model: “found” fails")
    assert "beginning with women" in told(samples.made("by the point"))["mend"]


def of_task(task: str, kind: str, **more: Any) -> Report:
    """A report of some task and kind of model with one rule of groups that fails, and nothing that says why."""
    report = one("fail", rule=samples.made("by the point").verdicts[0].rule)
    p = report.provenance
    where = {"data": p.data.model_copy(update={"task": task}), "model": p.model.model_copy(update={"kind": kind})}
    given = {"provenance": p.model_copy(update=where), "remedies": None, "findings": (), "not_measured": ()}
    return report.model_copy(update={**given, **more})


def test_how_to_mend_is_said_by_a_check_that_was_not_asked_or_by_none() -> None:
    """Truth: the tasks that the checks themselves know."""
    gap = kind_of("gap_attribution")
    assert gap is not None
    for task in ("multiclass", "regression"):
        assert task in gap.tasks
        assert told(of_task(task, "torch"))["mend"].endswith(
            "; the check “gap_attribution” would say what makes the gap."
        )
        assert "; given the net, the check" in told(of_task(task, "predictions"))["mend"]
    for task in ("verification", "ranking", "generation", "preferences", "answers"):
        assert task not in gap.tasks
        assert told(of_task(task, "predictions"))["mend"].endswith("; for this task no check says how.")
    assert "given the net, the check “missed_objects”" in told(of_task("detection", "predictions"))["mend"]
    everybody = one("fail").verdicts
    assert "no groups" in told(of_task("regression", "torch", verdicts=everybody))["mend"]


def test_how_to_mend_is_not_said_where_something_of_the_report_says_it() -> None:
    binary = told(of_task("binary", "torch"))
    assert binary["mend"].endswith("waiver.")
    assert binary["try"].startswith("Add the check “scores”")
    why = NotMeasured(what="gap_attribution", why="no gap", concern="explanation")
    assert told(of_task("regression", "torch", not_measured=(why,)))["mend"].endswith("waiver.")
    explained = samples.made("fairness and why")
    causes = tuple(f for f in explained.findings if f.concern == "explanation")
    assert causes
    assert told(of_task("regression", "torch", findings=causes))["mend"].endswith("waiver.")


def test_a_waiver_forgives_until_its_day() -> None:
    until = Waived(reason="r", approved_by="a", expires=datetime.date(2027, 1, 31), expired=False)
    found = told(one("fail", waiver=until))
    assert "mend" not in found
    assert found["waived"] == "Meet “r”, or decide on it anew, by 31 January 2027: then its waiver ends."
    assert "mend" in told(one("fail", waiver=until.model_copy(update={"expired": True})))


def test_where_a_perfect_model_fails_somebody_must_choose() -> None:
    failing = PerfectModel(status="fail", reason="")
    text = told(one("fail", perfect=failing))["choice"]
    assert text == "Choose between the limit and being right in “r”; the policy names no owner."
    report = one("fail", perfect=failing)
    assert report.policy is not None
    owned = report.model_copy(update={"policy": report.policy.model_copy(update={"owner": "risk team"})})
    assert told(owned)["choice"].endswith("in “r”; risk team owns the policy.")
    assert "mend" not in told(owned)


def test_an_open_rule_asks_for_rows_only_where_their_number_is_known() -> None:
    assert told(one("inconclusive", more_data=18.0))["more rows"] == (
        "Audit about 7,200 people (now 400): that would decide “r”, if all estimates stay."
    )
    assert "no number of rows is known" in told(one("inconclusive", more_data=None))["more rows"]
    assert told(one("not_measured"))["unjudged"] == "Give the audit what “r” asks for, or take it out."


def tried(*rows: tuple[Status, ...], by: tuple[str, ...] = ()) -> Report:
    """A failing report with remedies of these states under its one rule, today's model first."""
    made = tuple(
        Remedy(
            words="" if not i else f"way {i}",
            by=by if i else (),
            accuracy=0.8,
            answers=tuple(RemedyAnswer(status=s) for s in states),
        )
        for i, states in enumerate(rows)
    )
    return one("fail").model_copy(update={"remedies": Remedies(rows=made)})


def test_remedies_are_told_by_what_held_out_rows_say() -> None:
    assert told(tried(("fail",), ("pass",), ("fail",)))["remedies"] == (
        "Audit on new rows: way 1 meets the one rule on held-out rows."
    )
    assert "after legal advice on thresholds by group" in told(tried(("fail",), ("pass",), by=("sex",)))["remedies"]
    assert told(tried(("fail",), *[("pass",)] * 3))["remedies"].startswith("Audit on new rows: three remedies meet")
    assert told(tried(("fail",), ("inconclusive",)))["remedies"] == (
        "Audit on more rows: way 1 fails no rule here; no remedy that was tried surely meets the one rule."
    )
    none = told(tried(("fail",), ("fail",), ("fail",)))
    assert none["remedies"].endswith("none of the two remedies tried meets the one rule.")
    assert "mend" not in none
    assert told(tried(("fail",), ("fail",)))["remedies"].endswith("the one remedy tried does not meet the one rule.")


def test_what_is_met_today_is_no_remedy() -> None:
    """Thresholds change the first rule, which is met; the second fails, and none says anything of it."""
    report = tried(("pass",), ("pass",))
    (v,) = report.verdicts
    met = v.model_copy(update={"status": "pass", "rule": v.rule.model_copy(update={"id": "met"})})
    rows = [r.model_copy(update={"answers": (*r.answers, None)}) for r in report.remedies.rows]  # type: ignore[union-attr]
    both = report.model_copy(update={"verdicts": (met, v), "remedies": Remedies(rows=tuple(rows))})
    assert "remedies" not in told(both)
    assert "mend" in told(both)


def test_what_was_not_measured_names_the_check_or_what_is_missing() -> None:
    broken = NotMeasured(what="scores", why="ValueError", accident=True)
    assert told(one("pass").model_copy(update={"not_measured": (broken,)}))["broken"] == (
        "Mend what stopped “scores”, and audit again."
    )
    lost = Required(need="attribute", what=("region",), source="c.toml:4", state="left_out", reason="")
    assert told(one("pass").model_copy(update={"required": (lost,)}))["required"] == (
        'Add "region" to sensitive_features in [data]: the organisation requires groups of region.'
    )
    assert told(samples.made("one group"))["groups"].startswith("Audit rows of two or more groups of sex that")
    assert told(samples.made("only recourse"))["groups"].startswith("Add the check “group_fairness”")
    model = samples.made("only recourse").provenance.model.model_copy(update={"weights": "initialised"})
    where = samples.made("only recourse").provenance.model_copy(update={"model": model})
    assert "untrained" in told(samples.made("only recourse").model_copy(update={"provenance": where}))


def test_the_last_things_are_words_and_a_signature() -> None:
    report = one("pass").model_copy(update={"findings": ()})
    blank = told(report.model_copy(update={"context": Context(purpose="to rank")}))["blanks"]
    assert blank == (
        "Say how the model is used: in [context] of the policy seven of eight answers are blank (who is affected and "
        "more), and no one is named in "
        "[sign_off]."
    )
    assert "sign" in told(report)
    signed = SignOff(person=(Signer(name="Jo"),), review_by=datetime.date(2027, 5, 1))
    assert told(report.model_copy(update={"sign_off": signed}))["sign"] == "Sign the decision."


def test_warnings_and_reviews_come_after_what_counts() -> None:
    report = one("fail", rule=samples.made("a rule about everybody").verdicts[0].rule.model_copy(
        update={"severity": "warning"}
    )).model_copy(update={"findings": ()})  # fmt: skip
    assert told(report)["warning"] == "Decide what “r” should count for: it fails, and only warns."
    assert report.policy is not None
    late = report.model_copy(update={"policy": report.policy.model_copy(update={"overdue": True})})
    assert "review" in told(late)


def test_checks_that_are_named_know_the_task_and_answer_the_question() -> None:
    assert {m.check for m in MEANS if m.concern == "explanation"} == set(CAUSES)
    for mean in MEANS:
        check = kind_of(mean.check)
        assert check is not None
        assert set(mean.tasks) <= set(check.tasks)
    for mean, task in ((m, t) for m in FAIRNESS for t in m.tasks):
        assert mean.check in [asked for asked, _ in task_of(task).asks(None)]
