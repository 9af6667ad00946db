"""No two parts of a page contradict each other: every headline, bullet and title against what stands behind it."""

from __future__ import annotations

import re
from functools import cache

import pytest

from auditkit.catalogue.index import METRICS
from auditkit.formatting import percent, points
from auditkit.records import CHANGES, Contributions, Estimate, Finding, Report, Verdict
from auditkit.report.changes import before_and_now, groups_of
from auditkit.report.changes import worst as worst_change
from auditkit.report.html import confusion, errors_by_group, first, gaps, gate, leading, summary
from auditkit.report.html.errors_by_group import in_numbers
from auditkit.report.html.figures import Names
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from auditkit.report.html.retold import retold
from auditkit.report.html.rules import distances
from auditkit.report.surest import complement
from auditkit.report.terminal import summary as terminal
from auditkit.report.verdict_words import headline
from auditkit.report.vocabulary import range_in
from auditkit.report.vocabulary import shown as shown_name
from tests.report import samples
from tests.report.test_everything_stands import sections

DEAR = ("several rules", "labels", "only a gap taken apart", "clusters", "other levels", "missing truths", "weights")
NAMES = [pytest.param(n, marks=[pytest.mark.slow] * (n in DEAR)) for n in samples.ALL]
UNITS = {"share": 1, "percent": 1, "points": 1, "measure": 2}


@cache
def look(name: str) -> Lookup:
    return Lookup(retold(samples.made(name)))


@cache
def text(name: str) -> dict[str, str]:
    """Anchor → text of a section; "" → the first screen."""
    page = render(samples.made(name))
    head = re.sub(r"<[^>]*>", "\n", page[page.index("<header") : page.index("</header>")])
    return {**sections(page), "": re.sub(r"\s*\n\s*", "\n", head)}


def asserted(f: Finding) -> bool:
    """Written anew: the interval excludes no difference, can be relied on, and Holm rejects."""
    e = f.estimate
    if f.alone or e.value is None or e.state == "unstable":
        return False
    if f.comparison.startswith("ratio"):
        return e.high is not None and e.high < 1
    return f.comparison.startswith("difference") and e.low is not None and e.low > 0


def unit(f: Finding) -> int:
    known = METRICS.get(f.metric)
    return UNITS.get(f.unit or (known.unit if known else "measure"), 0)


def of_people(report: Report) -> list[Finding]:
    """Every difference between people that the report asserts."""
    return [
        f
        for f in report.findings
        if f.concern not in ("data", "mitigation")
        and f.comparison.startswith("difference")
        and (f.by or f.concern == "subgroups")
        and not any(isinstance(x, Contributions) for x in f.exhibits)
        and f.of is None
        and METRICS[f.metric].kind != "gap"
        and asserted(f)
    ]


def asked_for(report: Report) -> bool:
    return any(f.concern == "fairness" for f in report.findings) or any(
        n.concern == "fairness" for n in report.not_measured
    )


def beyond(v: Verdict, e: Estimate) -> bool:
    low, high = e.low, e.high
    if v.rule.at_most is not None:
        return low is not None and low > v.rule.limit
    return high is not None and high < v.rule.limit


def within(v: Verdict, e: Estimate) -> bool:
    low, high = e.low, e.high
    if v.rule.at_most is not None:
        return high is not None and high <= v.rule.limit
    return low is not None and low >= v.rule.limit


@pytest.mark.parametrize("name", NAMES)
def test_the_title_says_the_outcome_and_its_scope(name: str) -> None:
    here, title = look(name), first.view(look(name)).title
    n, outcome = len(here.report.verdicts), here.report.outcome
    assert "passes" not in title
    asked = asked_for(here.report)
    assert ("without a policy" in title) == (outcome == "no_policy" and asked)
    assert ("fairness was not measured" in title) == (outcome == "no_policy" and not asked)
    assert (" fails " in title) == (outcome == "failed")
    assert (" is undecided " in title) == (outcome == "undecided")
    assert (" meets " in title) == (outcome == "passed")
    if outcome != "no_policy":
        assert ("its one rule" in title) == (n == 1)
        assert title.removeprefix("sample ") in headline(here.report) or name == "by hand"
    if "fairness policy" in title:
        assert any(v.rule.by for v in here.report.verdicts)


@pytest.mark.parametrize("name", NAMES)
def test_fairness_is_said_to_be_measured_where_it_was(name: str) -> None:
    here, shown = look(name), first.view(look(name))
    fairness = [f for f in here.report.findings if f.concern == "fairness" and f.by]
    compared = any(f.estimate.value is not None for f in fairness if f.comparison.startswith(("diff", "ratio")))
    head = f"{shown.title} {shown.headline}"
    if not here.report.verdicts:
        assert ("fairness was not measured" in head) == (not asked_for(here.report))
    if "No disparity between groups was established" in head:
        assert compared
        assert not of_people(here.report)
    if not compared and here.report.verdicts:
        assert "Fairness between groups" in dict(shown.facts)["Not measured"] or "could not be judged" in head
    assert ("fairness was not measured" in text(name)[""]) == (not here.report.verdicts and not asked_for(here.report))


@pytest.mark.parametrize("name", NAMES)
def test_the_worst_is_the_worst_and_the_surest_the_surest(name: str) -> None:
    here = look(name)
    lead, report = leading.leading(here), here.report
    if lead is None:
        assert all(v.status == "not_measured" for v in report.verdicts)
        assert report.verdicts or not of_people(report)
        return
    if lead.verdict is not None:
        worst = next(s for s in ("fail", "inconclusive", "pass") if any(v.status == s for v in report.verdicts))
        assert lead.status == worst
        sure = {
            v.rule.id: (distances(v.rule, v.estimate).low or 0.0)
            for v in report.verdicts
            if v.status == worst and v.estimate is not None
        }
        if worst == "pass":  # the least sure pass, of rules that count first
            counted = [v for v in report.verdicts if v.status == worst and v.rule.severity == "error"]
            p = [v.p_exceeded for v in counted if v.p_exceeded is not None]
            assert not counted or lead.verdict in counted
            assert not p or lead.verdict.p_exceeded == max(p)
        else:
            assert sure[lead.verdict.rule.id] == max(sure.values())
        assert gate.view(here, Names()).rows[0].status == worst  # type: ignore[union-attr]
        return
    mine = of_people(report)
    if (changed := worst_change(report)) is not None:  # who is worse off than before comes first
        assert lead.finding == changed
        return
    if mine:
        assert lead.finding in mine
        rivals = [f for f in mine if unit(f) == unit(lead.finding) and f.metric != "equalized_odds"]
        assert (lead.finding.estimate.low or 0.0) >= max(f.estimate.low or 0.0 for f in rivals) - 1e-12
        shares = [f for f in mine if unit(f) == (2 if report.provenance.data.kind.numeric else 1)]
        assert not shares or lead.finding in shares


@pytest.mark.parametrize("name", NAMES)
def test_what_no_rule_covers_is_the_largest_of_what_is_sure(name: str) -> None:
    report, shown = look(name).report, first.view(look(name))
    told = dict(shown.facts)
    if not report.verdicts:
        assert "Surest difference without a rule" not in told
        return
    asked = [
        (
            {v.rule.metric} | ({"true_positive_rate", "false_positive_rate"} if "odds" in v.rule.metric else set()),
            v.rule,
        )
        for v in report.verdicts
        if v.rule.comparison.startswith(("difference", "ratio"))
    ]
    told_of = [(v.rule.metric, f.surest) for v in report.verdicts if (f := look(name).by_id(v.finding)) and f.surest]
    one_class = [(m, s.groups, s.estimate.value) for m, s in told_of]
    left = [
        f
        for f in of_people(report)
        if (f.surest is None or (f.metric, f.surest.groups, f.surest.estimate.value) not in one_class)
        and not any(
            set(f.by) == set(r.by)
            and r.label in (None, f.label)
            and any(f.metric == m or complement(f.metric, m) for m in ms)
            for ms, r in asked
        )
    ]
    if not left:
        assert "Surest difference without a rule" not in told
        return
    common = 2 if report.provenance.data.kind.numeric else 1
    best = max(left, key=lambda f: (unit(f) == common, f.estimate.low or 0.0))
    said = told["Surest difference without a rule"]
    ends = [f for f in left if shown_name(f.claim, longest=999).startswith(said[:60])]
    least = best.estimate.low or 0.0
    declared = [f for f in left if f.by and unit(f) == unit(best)]
    if not best.by and declared:  # declared groups come before a subgroup of the same order
        own = max(f.estimate.low or 0.0 for f in declared)
        least = own if 2 * own >= least else least
    assert any((f.estimate.low or 0.0) >= least - 1e-12 for f in ends), (said, best.claim)
    assert least == (best.estimate.low or 0.0) or all(f.by for f in ends)
    assert said[:40] in "".join(str(line) for line in terminal(report).renderables) or name == "hostile names"


@pytest.mark.parametrize("name", NAMES)
def test_one_pair_one_interval_and_one_level_a_story(name: str) -> None:
    here = look(name)
    levels = {f.estimate.level for f in here.report.findings}
    outside = text(name)[""] + text(name)["summary"]
    told = {float(x) / 100 for x in re.findall(r"([\d.]+)% interval", outside)}
    usual = all(v.rule.confidence is None and v.rule.min_n == 10 for v in here.report.verdicts)
    assert not usual or told <= levels, f"levels {told}"
    for v in here.report.verdicts:
        f = here.by_id(v.finding)
        if f is None or v.status == "not_measured":
            continue
        story = leading.story(f, v)
        if story.surest and f.comparison in ("difference", "ratio") and f.metric != "equalized_odds":
            sides = here.sides(f, story.surest)
            if len(sides) == 2 and all(s.group == g for s, g in zip(sides, story.surest.groups, strict=True)):
                a, b = (s.estimate.value or 0.0 for s in sides)
                value = a / b if f.comparison == "ratio" else b - a
                assert story.surest.estimate.value == pytest.approx(value, abs=1e-9)
    lead = leading.leading(here)
    if lead and lead.sides and lead.verdict and lead.finding.metric != "equalized_odds":
        size = re.match(r"The \w+ is (.*?)\. ", dict(first.view(here).facts)["How sure"])
        assert size is not None
        mine = [i for i in summary.view(here) if i.status == lead.status]
        assert lead.status == "pass" or any(size[1] in f"{i.bold} {i.text}" for i in mine), size[1]


@pytest.mark.parametrize("name", NAMES)
def test_words_of_a_rule_agree_with_its_verdict_and_its_interval(name: str) -> None:
    here = look(name)
    shown, lead = first.view(here), leading.leading(here)
    if lead and lead.verdict:
        head, v = shown.headline, lead.verdict
        assert v.status == "inconclusive" or "not decided" not in head
        assert v.status == "fail" or "not met" not in head
        assert v.status == "pass" or "within the limit" not in head
        sure = dict(shown.facts)["How sure"]
        e = leading.story(lead.finding, v).estimate
        alone = "Alone that would decide" in sure
        assert alone == (v.status == "inconclusive" and beyond(v, e) and e.state != "unstable")
        if v.rule.decision == "interval":
            assert v.status != "fail" or beyond(v, e)
            assert v.status != "pass" or within(v, e)
            assert "lies beyond the limit" not in sure or beyond(v, e)
            assert "crosses the limit" not in sure or not (beyond(v, e) or within(v, e))
    for item in summary.view(here):
        said = f"{item.bold} {item.text}"
        assert item.status in ("inconclusive", "not_measured") or "not decided" not in said
        assert item.status == "fail" or "is not met" not in said
        assert item.status == "pass" or " met." not in said.replace("not met.", "")
    counted = re.search(r"^(\w+) of (?:\w+ )?rules? fails?", text(name)["gate"], flags=re.MULTILINE)
    words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight"]
    fails = sum(v.status == "fail" for v in here.report.verdicts)
    assert counted is None or words.index(counted[1].lower()) == fails
    for v in here.report.verdicts:
        assert v.status != "fail" or "All" not in text(name)["gate"].split("Distance from")[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_model_passes_where_its_record_says_so(name: str) -> None:
    here = look(name)
    shown, lead = first.view(here), leading.leading(here)
    answers = {"pass": "Yes", "fail": "No", "inconclusive": "Undecided", "not_measured": "Not known"}
    if lead and lead.verdict and lead.verdict.perfect:
        assert shown.perfect is not None
        assert re.match(r"[A-Z][a-z ]+", shown.perfect[1])[0].strip() == answers[lead.verdict.perfect.status]  # type: ignore[index]
        p = lead.verdict.perfect
        if p.estimate is not None and "Alone it would" not in p.reason:
            assert (p.status == "fail") == beyond(lead.verdict, p.estimate)
            assert (p.status == "pass") == within(lead.verdict, p.estimate)
    else:
        assert shown.perfect is None
    for v in here.report.verdicts:
        if v.perfect is not None and v.perfect.status == "fail" and v.status == "pass":
            assert not v.perfect.by_construction or v.rule.at_most is None or v.rule.limit < 1


@pytest.mark.parametrize("name", NAMES)
def test_widens_and_narrows_as_its_interval_says_of_the_pair_that_is_shown(name: str) -> None:
    here = look(name)
    lead, said = leading.leading(here), first.view(here).context
    for verb in ("widens", "narrows", "keeps"):
        if f"The model {verb}" not in said:
            continue
        assert lead is not None
        f = here.finding("selection_rate", "difference", lead.finding.by)
        assert f is not None
        assert f.beside_truth is not None
        e = f.beside_truth.estimate
        assert e.low is not None
        assert e.high is not None
        assert {"widens": e.low > 0, "narrows": e.high < 0, "keeps": max(-e.low, e.high) <= 0.01}[verb]
        assert {tuple(g.items()) for g in f.beside_truth.groups} == {tuple(g.items()) for g, _ in lead.sides}


@pytest.mark.parametrize("name", NAMES)
def test_established_means_asserted_in_every_bullet_and_title(name: str) -> None:
    here = look(name)
    lead = leading.leading(here)
    if not here.report.verdicts and asked_for(here.report):
        told = leading.led(here)
        assert all(asserted(f) for f in told)
        bounds = [(unit(f), f.estimate.low or 0.0) for f in told if f.metric != "equalized_odds"]
        common = 2 if here.report.provenance.data.kind.numeric else 1
        in_common = [low for u, low in bounds if u == common]
        assert in_common == sorted(in_common, reverse=True)
        first = worst_change(here.report) or (told[0] if told else None)
        assert first is None or (lead is not None and lead.finding == first)
    bullets = summary.view(here)
    conflict = [i for i in bullets if i.bold == "Not all can hold."]
    truths = [f for f in here.report.findings if f.metric == "base_rate" and asserted(f)]
    assert truths or not conflict
    fairness = text(name)["fairness"]
    sure = [f for f in here.gaps() if asserted(f)]
    assert not sure or "No gap between groups is established" not in fairness
    for by, k, n in re.findall(r"(?:established: |, )(\w+) (\d+) of (\d+)", fairness.split("\n")[1]):
        mine = [f for f in here.gaps() if f.by == (by,)]
        assert (sum(map(asserted, mine)), len(mine)) == (int(k), int(n))
    unknown = next(i for i in bullets if i.status == "not_measured").text
    for by in re.findall(r"Between groups of (.*?) no gap is established", unknown):
        for attribute in by.replace(" and ", ", ").split(", "):
            found = [f for f in here.report.findings if f.by == (attribute,) and f.concern == "fairness"]
            assert not [f for f in found if f.comparison == "difference" and asserted(f)]


@pytest.mark.parametrize("name", NAMES)
def test_the_figure_of_gaps_draws_the_pair_that_sentences_name(name: str) -> None:
    here = look(name)
    drawn = gaps.view(here, Names()) if here.binary else None
    rows = [] if drawn is None else [row for block in drawn.blocks for row in block.rows]
    for f, row in zip(here.gaps(), rows, strict=True) if drawn else ():
        own = f.surest.estimate if f.surest and f.metric != "equalized_odds" else f.estimate  # of two rates: its own
        assert (row.value, row.range) == (points(own), range_in(own, "points"))
        for group in f.surest.groups if f.surest and f.metric != "equalized_odds" else ():
            assert here.say.mention(group).lower() in row.groups.lower()
        if asserted(f) and f.surest and f.concern == "fairness":
            assert f"{points(own)} points" in f.claim or f.metric in ("roc_auc", "equalized_odds")


@pytest.mark.parametrize("name", NAMES)
def test_heroes_draw_what_the_headline_says_and_call_nothing_sure_that_is_not(name: str) -> None:
    here = look(name)
    shown, lead, report = first.view(here), leading.leading(here), here.report
    if lead is not None and lead.finding.comparison in CHANGES:  # drawn before and now
        whole = {here.say.label(g): both for g, *both in before_and_now(report, lead.finding)}
        assert shown.hero is not None
        assert shown.hero.rows[0].label == here.say.label(groups_of(lead.finding)[0])
        for row in shown.hero.rows:
            old, now = whole[row.label]
            assert (row.value, row.range) == (percent(now), range_in(now, "percent"))
            assert row.truth_words == f"before {percent(old)}"
    elif lead is None or not lead.sides:
        assert shown.hero is None
    else:
        assert shown.hero is not None
        assert [r.label for r in shown.hero.rows] == [here.say.label(g) for g, _ in lead.sides]
        for (_, e), row in zip(lead.sides, shown.hero.rows, strict=True):
            if in_numbers(lead.finding):
                below = "too low" in row.word or "too few" in row.word
                above = "too high" in row.word or "too many" in row.word
                assert row.value.startswith("−") or not below
                assert not (above and row.value.startswith("−"))
            else:
                assert row.value == percent(e.value)
                assert row.range == range_in(e, "percent")
        assert lead.label is None or f"“{shown_name(lead.label)}”" in shown.headline or not lead.sure
    if shown.row is not None:
        framed = [c for _, cells in shown.row.matrix.rows for c in cells if c.shade == "sure"]
        assert ("no difference" in shown.row.sentence) == (not framed)
        assert lead is not None
        assert lead.label is None or f"“{lead.label}”" in shown.row.matrix.caption
        pair = [cells for _, cells in shown.row.matrix.rows[:2]]
        for k, cell in enumerate(shown.row.matrix.rows[2][1] if len(shown.row.matrix.rows) > 2 else ()):
            assert cell.shade != "sure" or pair[0][k].text != pair[1][k].text
    for figure in confusion.views(here, Names()):
        difference = [t for t in figure.tables if t.caption.endswith("in points")]
        framed = [c for t in difference for _, cells in t.rows for c in cells if c.shade == "sure"]
        assert not difference or ("no difference" in figure.title) == (not framed)
    drawn = errors_by_group.view(here, Names())
    if drawn is not None:
        told = [f for m in ("signed_error", "mean_absolute_error") for f in here.report.findings if f.metric == m]
        singles = [f for f in told if f.comparison == "difference" and len(f.by) == 1]
        assert ("no difference" in drawn.figure.title) == (not any(map(asserted, singles)))


@pytest.mark.slow
def test_there_are_samples_of_every_kind() -> None:
    assert len(samples.ALL) >= 14
    outcomes = {samples.made(n).outcome for n in samples.ALL}
    assert outcomes == {"passed", "failed", "undecided", "no_policy"}
    assert {samples.made(n).provenance.data.task for n in samples.ALL} == {
        "binary",
        "multiclass",
        "regression",
        "multilabel",
    }
    assert "Alone that would decide" in text("open only among the rules")[""]
    assert "meets its one rule" in text("one passing rule")[""]
    assert "Surest difference without a rule" in text("one passing rule")[""]
