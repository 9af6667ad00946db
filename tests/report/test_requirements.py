"""Requirements and their evidence: what the files point to exists, and nothing is supported that was not measured."""

from __future__ import annotations

import datetime
import re
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.catalogue.impact import LAWS
from auditkit.catalogue.index import METRICS
from auditkit.records import Context, Estimate, Finding, Provenance, Report, Rule, TrustCheck, Verdict
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from auditkit.report.html.requirements import WORDS, view
from auditkit.requirements.crosswalk import Row, crosswalk, measured, shown_sources
from auditkit.requirements.sources import ORDER, Evidence, Requirement, Source, sources
from tests.report import fixtures

ALL = [(s, r, e) for s in sources().values() for r in s.requirement for e in r.evidence]
IDS = [f"{s.id}:{r.id}:{e.what}" for s, r, e in ALL]
ANSWERED = Context(**{name: f"An answer about {name}." for name in Context.ANSWERS})
EVERYTHING = ANSWERED.model_copy(update={"requirements": ORDER})


@cache
def audits() -> tuple[Report, ...]:
    """Small real audits that ask what needs no net; made-up ones of what does."""
    rng = np.random.default_rng(0)
    n = 400
    sex, race = rng.choice(["f", "m"], n), rng.choice(["a", "b", "c"], n)
    y = (rng.random(n) < np.where(sex == "f", 0.3, 0.5)).astype(int)
    score = np.clip(0.5 * y + rng.random(n) * 0.5 + 0.1 * (sex == "m"), 0, 1)
    sex = np.where(rng.random(n) < 0.03, None, sex)
    rows = pd.DataFrame({"y": y, "p": (score > 0.5).astype(int), "s": score, "sex": sex, "race": race})
    data = ak.Dataset(rows, y_true="y", positive=1, sensitive_features=["sex", "race"])
    asked = [
        *("group_fairness", "scores", "impact_ratios", "unknown_demographics"),
        ak.DataProfile(reference_population={"sex": {"f": 0.5, "m": 0.5}}),
        ak.NetBenefit(thresholds=[0.2]),
    ]
    real = ak.audit(ak.Predictions("p", "s"), data, checks=asked)
    return real, fixtures.ALL["answers"](), fixtures.ALL["explained"](), fixtures.adult()


def finding(**more: Any) -> Finding:
    e = Estimate(**{"value": 0.9, "low": 0.85, "high": 0.95, "n": 500} | more.pop("estimate", {}))
    by = tuple(more.get("by", ()))
    given = {
        "id": f"fairness/selection_rate/ratio/{'+'.join(by)}",
        "concern": "fairness",
        "title": "",
        "statement": "",
        "metric": "selection_rate",
        "comparison": "ratio",
    }
    return Finding(**given | {"by": by, "estimate": e} | more)


def report(*found: Finding, context: Context | None = EVERYTHING, verdicts: tuple[Verdict, ...] = ()) -> Report:
    made = fixtures.report(list(found), verdicts=verdicts)
    return made.model_copy(update={"context": context, "verdicts": verdicts, "not_measured": ()})


def verdict(f: Finding | None, status: str, id: str = "r", **rule: Any) -> Verdict:
    asked = {"metric": "selection_rate", "comparison": "ratio", "by": ("gender",), "at_least": 0.8}
    made = Rule(id=id, **asked | rule)
    return Verdict(status=status, rule=made, finding=f and f.id, estimate=f and f.estimate, reason="")  # type: ignore[arg-type]


def row(of: Report, source: str, id: str) -> Row:
    return next(r for r in crosswalk(of).rows if (r.source.id, r.requirement.id) == (source, id))


BOTH = (finding(by=("gender",)), finding(by=("race",)))


def test_every_file_is_known_by_its_name() -> None:
    files = {
        f.name.removesuffix(".toml") for f in resources.files("auditkit.requirements").iterdir() if ".toml" in f.name
    }
    assert files == set(ORDER) == {s.id for s in sources().values()}
    named = [f"{s.id}:{r.id}" for s in sources().values() for r in s.requirement]
    assert len(set(named)) == len(named)


@pytest.mark.parametrize("source", sources().values(), ids=ORDER)
def test_a_source_is_dated_and_says_whether_it_applies(source: Source) -> None:
    assert datetime.date(2026, 1, 1) <= source.as_of
    assert source.status.endswith(".")
    assert source.reference
    assert set(source.presets) <= set(LAWS)
    for r in source.requirement:
        texts = (r.title, r.asks, r.beyond, *(e.what for e in r.evidence))
        assert not [t for t in texts if t.endswith(".") or len(t) > 200]
        assert r.whole or r.beyond, "what is partly at most says what is beyond"
        assert all(e.what[0].islower() for e in r.evidence)


def test_the_union_law_says_from_when_it_applies_and_that_this_is_as_reported() -> None:
    status = sources()["eu-aia"].status
    assert "Annex III from 2 December 2027" in status
    assert "Annex I from 2 August 2028" in status
    assert "as reported" in status


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("source", "requirement", "e"), ALL, ids=IDS)
def test_evidence_points_to_what_there_is(source: Source, requirement: Requirement, e: Evidence) -> None:
    assert e.of_findings or e.answers or e.provenance
    assert set(e.metrics) <= set(METRICS)
    assert set(e.answers) <= set(Context.ANSWERS)
    for dotted in e.provenance:
        kind: Any = Provenance
        for name in dotted.split("."):
            assert name in kind.model_fields, dotted
            kind = kind.model_fields[name].annotation
    for metric in e.metrics:
        assert not e.comparisons or set(e.comparisons) & set(METRICS[metric].comparisons), metric
    page = render(audits()[0])
    assert f'id="{e.section}"' in page
    if e.of_findings:
        found = [f for r in audits() for f in r.findings if _points(e, f)]
        assert [f for f in found if measured(f)], "no audit makes such a finding"


def _points(e: Evidence, f: Finding) -> bool:
    return (
        (not e.concerns or f.concern in e.concerns)
        and (not e.metrics or f.metric.partition("@")[0] in e.metrics)
        and (not e.comparisons or f.comparison in e.comparisons)
    )


def test_what_is_measured_and_met_is_supported() -> None:
    r = row(report(*BOTH, verdicts=(verdict(BOTH[0], "pass"),)), "ugesp", "1607.4(D)")
    assert (r.state, r.held[0].reasons) == ("supported", ())
    assert row(report(*BOTH), "nist-rmf", "MS-2.11").state == "supported"


@pytest.mark.parametrize("state", ["sparse", "coarse", "unstable", "undefined"])
def test_a_finding_that_cannot_be_relied_on_supports_nothing(state: str) -> None:
    lost = finding(by=("race",), estimate={"state": state, "note": "why"})
    r = row(report(BOTH[0], lost), "nist-rmf", "MS-2.11")
    assert r.state == "partly"
    why = "coarse" if state == "coarse" else "unmeasured"
    assert r.held[0].reasons == ((why, lost.id), ("by", "race"))
    alone = row(report(lost), "ugesp", "1607.4(D)")
    assert (alone.state, alone.held[0].reasons) == ("absent", ((why, lost.id),))


def test_a_finding_without_a_value_or_with_a_failed_check_supports_nothing() -> None:
    none = finding(by=("race",), estimate={"value": None, "low": None, "high": None})
    assert row(report(BOTH[0], none), "nist-rmf", "MS-2.11").state == "partly"
    check = TrustCheck(id="T1", name="completeness", value=1.0, limit=0.05, passed=False)
    why = finding(id="e", concern="explanation", metric="saliency", comparison="overall")
    holds = row(report(why), "eu-aia", "13(3)(d)").held[1]
    fails = row(report(why.model_copy(update={"trust": (check,)})), "eu-aia", "13(3)(d)").held[1]
    assert (holds.state, fails.state) == ("supported", "absent")
    assert fails.reasons == (("distrusted", "e"),)


def test_every_attribute_that_is_declared_is_asked_for() -> None:
    r = row(report(BOTH[0]), "nist-rmf", "MS-2.11")
    assert (r.state, r.held[0].reasons) == ("partly", (("by", "race"),))
    crossed = finding(by=("gender", "race"))
    assert row(report(crossed), "nist-rmf", "MS-2.11").state == "supported"
    assert ("crossed", "") in row(report(*BOTH), "nyc-ll144", "5-301").held[0].reasons
    assert row(report(*BOTH, crossed), "nyc-ll144", "5-301").held[0].reasons == ()


@pytest.mark.parametrize(
    ("status", "why"), [("fail", "failed"), ("inconclusive", "undecided"), ("not_measured", "unjudged")]
)
def test_a_rule_that_is_not_met_leaves_nothing_supported(status: str, why: str) -> None:
    judged = verdict(None if status == "not_measured" else BOTH[0], status)
    for source, id in (("nist-rmf", "MS-2.11"), ("ugesp", "1607.4(A)"), ("ugesp", "1607.4(D)")):
        r = row(report(*BOTH, verdicts=(judged,)), source, id)
        assert (r.state, r.held[0].reasons) == ("partly", ((why, "r"),)), (source, id)


@pytest.mark.parametrize(
    ("low", "value", "high", "state", "why"),
    [(0.8, 0.9, 1.0, "supported", ()), (0.7, 0.9, 1.0, "partly", ("unsure",)), (0.5, 0.6, 0.79, "against", ("below",))],
)
def test_four_fifths_is_met_by_the_whole_interval(
    low: float, value: float, high: float, state: str, why: tuple[str, ...]
) -> None:
    found = finding(by=("gender",), estimate={"low": low, "value": value, "high": high})
    r = row(report(found, BOTH[1]), "ugesp", "1607.4(D)")
    assert (r.state, tuple(k for k, _ in r.held[0].reasons)) == (state, why)
    assert WORDS[r.state] in render(report(found, BOTH[1]))


def test_answers_count_only_where_they_are_given() -> None:
    for context, state in ((None, "absent"), (Context(purpose="x"), "partly"), (ANSWERED, "supported")):
        assert row(report(context=context), "eu-aia", "13(3)(b)(i)").state == state


def test_hashes_and_dates_alone_support_nothing() -> None:
    assert row(report(), "eu-aia", "IV(2)(g)").state == "absent"
    assert row(report(*BOTH), "eu-aia", "IV(2)(g)").state == "partly"


def test_what_asks_for_more_than_a_report_shows_is_partly_supported_at_most() -> None:
    truth = finding(id="data/b", concern="data", metric="base_rate", comparison="difference", by=("gender", "race"))
    r = row(report(*BOTH, truth), "eu-aia", "10(2)(f)")
    assert [h.state for h in r.held] == ["supported", "supported"]
    assert r.state == "partly"


@pytest.mark.parametrize("status", ["fail", "inconclusive", "not_measured"])
def test_a_rule_that_refers_to_it_counts_whatever_it_is_about(status: str) -> None:
    about = {"metric": "accuracy", "comparison": "overall", "by": (), "refs": ("nist-rmf:MS-2.11",)}
    for state, supports in (("pass", "supported"), (status, "partly")):
        r = row(report(*BOTH, verdicts=(verdict(None, state, **about),)), "nist-rmf", "MS-2.11")
        assert (r.state, {h.state for h in r.held}) == (supports, {"supported"})


@pytest.mark.parametrize("name", fixtures.ALL)
def test_without_its_findings_no_requirement_of_findings_is_supported(name: str) -> None:
    """The all-clear is earned: what was found may go, and then so does what it supports."""
    whole = fixtures.ALL[name]().model_copy(update={"context": EVERYTHING})
    spoilt = [
        f.model_copy(update={"estimate": f.estimate.model_copy(update={"state": "unstable"})}) for f in whole.findings
    ]
    for r in crosswalk(whole.model_copy(update={"findings": tuple(spoilt)})).rows:
        if any(h.evidence.of_findings for h in r.held):
            assert r.state in ("absent", "partly"), r.requirement.id
            assert not [h for h in r.held if h.evidence.of_findings and h.state != "absent"], r.requirement.id


def test_a_rule_refers_to_a_requirement_and_strange_references_are_shown_as_given() -> None:
    judged = verdict(BOTH[0], "pass", refs=("ugesp:1607.4(D)", "tripod-ai:3c", "own:<b>7", "eu-aia:99"))
    of = report(*BOTH, context=None, verdicts=(judged,))
    assert {s.id for s in shown_sources(of)} == {"eu-aia", "nist-rmf", "iso-42001", "ugesp", "tripod-ai"}
    assert [v.rule.id for v in row(of, "ugesp", "1607.4(D)").rules] == ["r"]
    assert crosswalk(of).strange == (("r", "own:<b>7"), ("r", "eu-aia:99"))
    page = render(of)
    assert "<a href=#rule-1>rule r: passed</a>" in page
    back = re.search(r'id="rule-1">.*?<div class=plot', page, re.DOTALL)
    assert back
    links = re.findall(r"<a href=#(requirement-[^>]+)>([^<]+)</a>", back[0])
    assert [name.split()[-1] for _, name in links] == ["1607.4(D)", "3c"]
    assert all(f'id="{anchor}"' in page for anchor, _ in links)
    assert "r to “own:&lt;b&gt;7”" in page
    failed = verdict(BOTH[0], "fail", refs=("tripod-ai:3c",))
    assert row(report(finding(by=("gender",)), verdicts=(failed,)), "tripod-ai", "3c").state == "partly"


def test_where_a_number_is_predicted_no_rate_was_forgotten() -> None:
    of = report(finding(by=("gender",), metric="signed_error", comparison="difference"))
    data = of.provenance.data.model_copy(update={"task": "regression", "positive": ""})
    of = of.model_copy(update={"provenance": of.provenance.model_copy(update={"data": data})})
    assert row(of, "eu-aia", "10(2)(f)").held[0].reasons == (("absent", "no such rate where a number is predicted"),)
    assert row(of, "ugesp", "1607.4(D)").state == "absent"
    assert row(of, "eu-aia", "13(3)(b)(v)").held[0].reasons == (("by", "race"),)


def test_a_metric_at_a_threshold_is_evidence_of_what_it_is() -> None:
    asked = {"concern": "fairness", "metric": "net_benefit@0.1", "comparison": "difference"}
    each = [finding(**asked, by=(a,), id=f"fairness/net_benefit@0.1/difference/{a}") for a in ("gender", "race")]
    r = row(report(*each), "tripod-ai", "23a")
    assert [h.state for h in r.held] == ["absent", "absent", "supported"]
    judged = verdict(each[0], "fail", metric="net_benefit@0.1", comparison="difference", at_least=None, at_most=0.01)
    assert row(report(*each, verdicts=(judged,)), "tripod-ai", "23a").held[2].reasons == (("failed", "r"),)


def test_which_are_shown() -> None:
    def ids(of: Report) -> list[str]:
        return [s.id for s in shown_sources(of)]

    general = ["eu-aia", "nist-rmf", "iso-42001"]
    assert ids(report(context=None)) == ids(report(context=ANSWERED)) == general
    assert ids(report(context=Context(requirements=("tripod-ai",)))) == ["tripod-ai"]
    assert ids(report(context=Context(requirements=("of a later version",)))) == []
    assert ids(report(context=None, verdicts=(verdict(None, "not_measured", id="four-fifths/sex"),))) == [
        *general,
        "ugesp",
    ]


def test_a_set_that_nobody_knows_is_named_and_not_passed_over() -> None:
    of = report(*BOTH, context=Context(requirements=("of a <later> version", "ugesp")))
    assert crosswalk(of).unknown == ("of a <later> version",)
    assert "Asked for, and not known to this version: “of a &lt;later&gt; version”." in render(of)
    none = render(report(*BOTH, context=Context(requirements=("x",))))
    assert "No requirements: no supported." not in none
    assert "Held against no requirement." in none
    assert '<section id="requirements"' in none
    assert "<table class=requirements" not in none


def test_the_section_counts_its_rows_and_says_what_it_does_not_establish() -> None:
    of = report(*BOTH)
    rows, told, page = crosswalk(of).rows, view(Lookup(of)), render(of)
    for state, word in WORDS.items():
        n = sum(r.state == state for r in rows)
        assert n == len(re.findall(rf"<use href=#s-{state}\b", page))
        assert (f"{word.lower()}" in told.sentence) == (n > 0 or state == "supported")
    assert "supports, and does not establish, compliance" in told.sentence
    assert told.sentence.startswith("18 requirements")


_NO_PERFORMANCE = {
    "generalized_entropy_index": "how unequal benefits are, not how good",
    "roc_auc": "of scores at every threshold, no decision; of a stored histogram known to a bin only",
    "bpsn_auc": "likewise",
    "bnsp_auc": "likewise",
    "consistency": "how alike are decisions on alike people, right or wrong",
    "net_benefit_over_all": "a comparison with treating everybody, beside the net benefit itself",
}


def test_every_value_of_a_group_of_which_one_side_is_better_is_performance_by_group() -> None:
    """A metric that is added is either told as such, or stands here with why not."""
    (e,) = (e for s, r, e in ALL if (s.id, r.id) == ("eu-aia", "13(3)(b)(v)") and e.metrics)
    judged = [m for m in METRICS.values() if "better" in m.direction and "group_min" in m.comparisons]
    assert {m.name for m in judged} - set(e.metrics) == _NO_PERFORMANCE.keys()


@pytest.mark.parametrize(
    ("metric", "direction", "counts"),
    [
        ("measured[ndcg_at_10]", "", True),
        ("measured[toxicity]", "lower is better", True),
        ("measured[seconds]", "", False),  # nobody said which side is better
        ("stereotype_preference", "", True),
        ("log_average_miss_rate", "", True),
        ("exposure_to_relevance", "", False),
        ("selection_rate", "", False),
    ],
)
def test_what_is_measured_by_group_is_performance_where_one_side_is_better(
    metric: str, direction: str, *, counts: bool
) -> None:
    found = [
        finding(id=a, metric=metric, direction=direction, comparison="difference", by=(a,)) for a in ("gender", "race")
    ]
    r = row(report(*found), "eu-aia", "13(3)(b)(v)")
    assert r.held[0].state == ("supported" if counts else "absent")
