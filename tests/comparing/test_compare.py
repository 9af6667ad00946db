"""Two stored reports: each kind of change that is planted is found and named, and nothing else is."""

from __future__ import annotations

import datetime
import json
import math
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import auditkit as ak
from auditkit.comparing.changes import Changes, Kind
from auditkit.records import Report
from tests.helpers import run_cli
from tests.hostile import HOSTILE
from tests.test_hostile_strings import COMMAND

RULES: list[dict[str, Any]] = [
    {"id": "gap", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.2},
    {"id": "ratio", "metric": "selection_rate", "comparison": "ratio", "by": ["sex"], "at_least": 0.6},
    {"id": "right", "metric": "accuracy", "comparison": "overall", "at_least": 0.4},
    {"id": "crossed", "metric": "selection_rate", "comparison": "difference", "by": ["sex", "race"], "at_most": 0.9},
]


def rows(seed: int, n: int = 800, gap: float = 0.0) -> pd.DataFrame:
    """Women are selected `gap` less often."""
    rng = np.random.default_rng(seed)
    sex, race = rng.choice(["f", "m"], n), rng.choice(["a", "b"], n)
    y = (rng.random(n) < 0.5).astype(int)
    return pd.DataFrame({"sex": sex, "race": race, "y": y, "p": rng.random(n) < np.where(sex == "f", 0.5 - gap, 0.5)})


@cache
def stored(seed: int, gap: float = 0.0, features: tuple[str, ...] = ("sex", "race"), n: int = 800) -> str:
    data = ak.Dataset(rows(seed, n, gap), y_true="y", positive=1, sensitive_features=list(features))
    report = ak.audit(ak.Predictions("p"), data, checks=["group_fairness"], name="hiring")
    return report.to_json()


def report(seed: int = 1, *, rules: list[dict[str, Any]] | None = None, gap: float = 0.0, **policy: Any) -> Report:
    """A stored report, judged by these rules."""
    read = Report.from_json(stored(seed, gap))
    return ak.judge(read, {"rule": RULES if rules is None else rules, **policy}, exhibits=False)


def kinds(changes: Changes) -> dict[str, Kind]:
    return {r.id: r.kind for r in changes.step.rules if r.kind != "same"}


def changed(i: int, **update: Any) -> list[dict[str, Any]]:
    """The rules, with one of them otherwise; None takes a key away."""
    rule = {k: v for k, v in (RULES[i] | update).items() if v is not None}
    return [*RULES[:i], rule, *RULES[i + 1 :]]


def test_nothing_changed_between_a_report_and_itself() -> None:
    one = report()
    for other in (one, Report.from_json(one.to_json())):
        found = ak.compare(one, other)
        assert found.step.nothing
        assert found.step.summary == "Nothing changed."
        assert found.passed
        assert "the same report" in str(found)
        assert all(r.change is not None and r.change.value == 0 for r in found.step.rules)


def test_other_rows_of_the_same_are_no_change_and_say_what_could_have_been_seen() -> None:
    found = ak.compare(report(1), report(2))
    assert kinds(found) == {}
    assert not found.step.numbers
    assert found.step.compared > 50
    assert found.passed
    assert [(c.what, c.key) for c in found.step.inputs] == [("data", "sha256")]
    for r in found.step.rules:
        assert r.said == "not shown"
        assert "no change that these data could show" in r.statement
        assert "could have gone unseen" in r.statement
    assert "unpaired" in found.step.seen
    assert "the rows are others" in found.step.seen.lower()


def test_a_worse_model_is_worse_and_the_other_way_round_better() -> None:
    good, bad = report(1), report(2, gap=0.4)
    found = ak.compare(good, bad)
    assert kinds(found) == {"gap": "newly failing", "ratio": "newly failing", "crossed": "worsened"}
    assert not found.passed
    women = next(n for n in found.step.numbers if n.group == {"sex": "f"} and n.metric == "true_positive_rate")
    assert women.said == "worse"
    assert "worse" in women.statement
    back = ak.compare(bad, good)
    assert kinds(back) == {"gap": "newly passing", "ratio": "newly passing", "crossed": "improved"}
    assert back.passed
    assert {r.id: r.said for r in back.step.rules} == {
        "gap": "better",
        "ratio": "better",
        "crossed": "better",
        "right": "not shown",
    }


def test_the_interval_of_a_change_is_that_of_two_independent_samples() -> None:
    found = ak.compare(report(1), report(2, gap=0.4))
    levels = sorted(r.change.level for r in found.step.rules if r.change)
    assert levels == pytest.approx([0.95, 1 - 0.05 / 2, 1 - 0.05 / 3, 1 - 0.05 / 4]), "over all rules together (Holm)"
    for r in found.step.rules:
        a, b, e = r.old and r.old.estimate, r.new and r.new.estimate, r.change
        assert a is not None
        assert b is not None
        assert e is not None
        wider = norm.ppf(0.5 + e.level / 2) / norm.ppf(0.5 + a.level / 2)
        low = (b.value - a.value) - wider * math.hypot(b.value - b.low, a.high - a.value)  # type: ignore[operator]
        assert e.low == pytest.approx(low, abs=1e-12)


LOOSER: dict[str, tuple[int, dict[str, Any]]] = {
    "at_most": (0, {"at_most": 0.3}),
    "at_least": (1, {"at_least": 0.5}),
    "min_n raised": (0, {"min_n": 30}),
    "decision": (0, {"decision": "point"}),
    "on_not_measured": (0, {"on_not_measured": "warn"}),
    "severity": (0, {"severity": "warning"}),
    "confidence": (0, {"confidence": 0.9}),
    "on_inconclusive": (0, {"on_inconclusive": "pass"}),
    "by": (3, {"by": ["sex"]}),
    "rule": (2, {"metric": "selection_rate"}),
}


@pytest.mark.parametrize("what", LOOSER)
def test_each_way_to_loosen_a_rule_is_found_and_its_reverse_is_told_apart(what: str) -> None:
    i, update = LOOSER[what]
    strict, loose = report(), report(rules=changed(i, **update))
    found = ak.compare(strict, loose)
    assert [(c.rule, c.key) for c in found.step.loosened] == [(RULES[i]["id"], what.split(" ")[0])]
    assert not found.passed
    assert "loosened" in found.step.summary
    back = {c.way for c in ak.compare(loose, strict).step.policy}
    both_ways = {
        "min_n raised",
        "confidence",
        "by",
        "rule",
    }  # either way a rule can stop failing, or asks another thing
    undecided = {"decision"}  # what failed by its value may be undecided, which the policy forgives
    assert back == ({"loosened"} if what in both_ways | undecided else {"tightened"})


def test_from_point_to_interval_is_tighter_where_undecided_fails() -> None:
    rules = [r | {"on_inconclusive": "fail"} for r in RULES]
    points = [r | {"decision": "point"} for r in rules]
    assert {c.way for c in ak.compare(report(rules=points), report(rules=rules)).step.policy} == {"tightened"}


def test_rules_of_the_whole_policy() -> None:
    strict = report(policy={"id": "p", "review_by": datetime.date(2026, 1, 1)})
    for key, value, way in (("confidence", 0.9, "loosened"), ("confidence", 0.99, "loosened")):
        loose = report(policy={"id": "p", "review_by": datetime.date(2026, 1, 1)}, defaults={key: value})
        assert [(c.key, c.way) for c in ak.compare(strict, loose).step.policy] == [(key, way)]
    alone = report(defaults={"correction": "none"}, policy={"id": "p", "review_by": datetime.date(2026, 1, 1)})
    assert [c.way for c in ak.compare(alone, strict).step.policy] == ["loosened"], "to share errors fails rules later"
    assert [c.way for c in ak.compare(strict, alone).step.policy] == ["tightened"]
    later = report(policy={"id": "p", "review_by": datetime.date(2027, 1, 1)})
    assert [(c.key, c.way) for c in ak.compare(strict, later).step.policy] == [("review_by", "changed")]
    without = strict.model_copy(update={"policy": None, "verdicts": ()})
    assert [c.key for c in ak.compare(strict, without).step.loosened] == ["policy"]
    assert [c.way for c in ak.compare(without, strict).step.policy] == ["tightened"]


def test_rules_that_went_came_or_were_renamed() -> None:
    fewer = report(rules=RULES[1:])
    found = ak.compare(report(), fewer)
    assert kinds(found) == {"gap": "removed"}
    assert [c.key for c in found.step.loosened] == ["rule"]
    assert kinds(ak.compare(fewer, report())) == {"gap": "added"}
    assert ak.compare(fewer, report()).passed
    named = ak.compare(report(), report(rules=changed(0, id="parity")))
    assert [(c.key, c.way) for c in named.step.policy] == [("id", "changed")]
    assert kinds(named) == {}
    assert named.passed


def test_a_new_rule_is_added_with_its_waiver_and_loosens_nothing() -> None:
    waiver = {"rule": "new", "reason": "known <b>gap</b>.", "approved_by": "board", "expires": "2999-01-01"}
    rule = RULES[0] | {"id": "new", "metric": "true_positive_rate", "at_most": 0.001}
    new = report(2, rules=[*RULES, rule], waiver=[waiver])
    found = ak.compare(report(2), new)
    assert [(c.rule, c.way, c.key) for c in found.step.policy] == [("new", "added", "rule")]
    assert found.step.policy[0].statement.endswith("; it is waived until 2999-01-01 (board): known <b>gap</b>.")
    assert found.passed
    # under another name it is the same rule with the same waiver
    named = report(2, rules=[*RULES, rule | {"id": "called"}], waiver=[waiver | {"rule": "called"}])
    assert [(c.way, c.key) for c in ak.compare(new, named).step.policy] == [("changed", "id")]
    # a waiver of a rule that was there is looser
    plain = report(2, rules=[*RULES, rule])
    assert [(c.way, c.key) for c in ak.compare(plain, new).step.policy] == [("loosened", "waiver")]


@pytest.mark.parametrize("key", ["max_regression", "confidence"])
def test_a_key_that_was_not_set_was_none(key: str) -> None:
    value = {"max_regression": 0.02, "confidence": 0.9}[key]
    policy = {"policy": {"baseline": "none.json"}}
    plain, said = report(**policy), report(rules=changed(0, **{key: value}), **policy)
    for found in (ak.compare(plain, said), ak.compare(said, plain)):
        (change,) = found.step.policy
        assert "is none" in change.statement or "it was none" in change.statement, change.statement
        assert "was ." not in str(found)
        assert "is ;" not in str(found)


def test_each_gap_is_told_once_and_what_only_warns_apart() -> None:
    rules = [RULES[0], RULES[1] | {"severity": "warning"}, *RULES[2:]]
    found = ak.compare(report(1, rules=rules), report(2, gap=0.4, rules=rules))
    step = found.step
    told = [(n.metric, n.finding.rpartition("/")[2]) for n in step.told if not n.group and n.comparison != "overall"]
    assert len(told) == len(set(told)) > 2
    shown = {n.comparison for n in step.told if not n.group}
    assert "difference" in shown
    assert len(step.told) < len(step.numbers), "the JSON has all"
    lines = str(found).splitlines()
    assert "  newly failing (only warns): ratio fails" in "\n".join(lines)
    assert lines[-1] == "Not passed: one rule newly in the way (one more only warns)."
    assert step.summary.startswith("Newly failing: gap; newly failing (only warns): ratio; ")
    alone = [r | {"severity": "warning"} for r in RULES]
    warned = ak.compare(report(1, rules=alone), report(2, gap=0.4, rules=alone))
    assert str(warned).splitlines()[-1] == (
        "Nothing is newly in the way, and no policy was loosened. Two rules only warn."
    )


def test_other_decisions_of_the_same_people_are_no_other_rows() -> None:
    frame = rows(1)
    frame["q"] = frame.p ^ (np.arange(len(frame)) % 10 == 0)
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex", "race"])
    old, new, again = (
        ak.audit(ak.Predictions(d), data, checks=["group_fairness"], policy={"rule": RULES}, name="hiring")
        for d in ("p", "q", "p")
    )
    found = ak.compare(old, new)
    assert "the rows are others" not in str(found).lower()
    assert "same people and truths" in found.step.seen
    assert any("against=" in c for c in found.step.cautions)
    assert next(c.statement for c in found.step.inputs if c.key == "sha256").startswith(
        "The SHA-256 of the rows with their decisions (the people and truths are the same): "
    )
    # an older report does not hold the hash of people alone
    p = old.provenance
    older = p.model_copy(update={"data": p.data.model_copy(update={"people_sha256": ""})})
    unknown = ak.compare(old.model_copy(update={"provenance": older}), new).step
    assert "Whether the rows are the same is not known" in unknown.seen
    assert not unknown.cautions
    # and what is decided alike did not change, which is no estimate
    for r in ak.compare(old, again).step.rules:
        assert r.change is not None
        assert (r.change.value, r.change.low, r.change.high) == (0, 0, 0)
        assert "the same rows and the same decisions: nothing changed" in r.statement


def test_what_the_old_policy_would_say_is_asked_where_it_was_loosened() -> None:
    old, new = report(), report(2, gap=0.4, rules=changed(0, at_most=0.9))
    found = ak.compare(old, new)
    gap = next(r for r in found.step.rules if r.id == "gap")
    assert (gap.kind, gap.new and gap.new.status, gap.under_old) == ("let through", "pass", "fail")
    assert gap.statement.endswith("By the old policy it fails.")
    gone = ak.compare(old, report(2, gap=0.4, rules=RULES[1:]))
    assert kinds(gone)["gap"] == "let through"


def test_waivers_are_loosening_while_they_hold() -> None:
    def waiver(day: str) -> dict[str, Any]:
        return {"waiver": [{"rule": "gap", "reason": "<b>soon</b>", "approved_by": "board", "expires": day}]}

    failing = report(2, gap=0.4)
    waived, longer, ended = (report(2, gap=0.4, **waiver(day)) for day in ("2999-01-01", "2999-02-01", "2001-01-01"))
    assert [c.key for c in ak.compare(failing, waived).step.loosened] == ["waiver"]
    assert [c.key for c in ak.compare(waived, longer).step.loosened] == ["waiver"]
    assert [c.way for c in ak.compare(longer, waived).step.policy] == ["tightened"]
    assert [c.way for c in ak.compare(waived, failing).step.policy] == ["tightened"]
    over = ak.compare(waived, ended)
    assert kinds(over)["gap"] == "in the way"
    assert not over.passed


def test_what_is_no_longer_measured_is_named() -> None:
    whole, part = report(), Report.from_json(stored(1, features=("sex",)))
    judged = ak.judge(part, {"rule": RULES}, exhibits=False)
    found = ak.compare(whole, judged)
    assert kinds(found)["crossed"] == "in the way", "the policy says that what is not measured fails"
    assert [c.key for c in found.step.loosened] == ["sensitive_features"]
    assert "fairness/selection_rate/difference/race" in found.step.no_longer_measured
    forgiving = [r | {"on_not_measured": "warn"} for r in RULES]
    lost = ak.compare(report(rules=forgiving), ak.judge(part, {"rule": forgiving}, exhibits=False))
    assert kinds(lost) == {"crossed": "no longer measured"}
    back = ak.compare(judged, whole)
    assert kinds(back)["crossed"] == "newly measured"
    assert "fairness/selection_rate/difference/race" in back.step.newly_measured


def test_other_inputs_are_named() -> None:
    old = report()
    p = old.provenance
    model = p.model.model_copy(update={"name": "<b>m</b>", "sha256": "a" * 64})
    other = p.model_copy(
        update={
            "model": model,
            "auditkit": "0.0.9",
            "seed": 3,
            "versions": p.versions | {"numpy": "0.1"},
            "data": p.data.model_copy(update={"positive": "2"}),
        }
    )
    evidence = {k: e.model_copy(update={"options": e.options | {"min_n": 7}}) for k, e in old.evidence.items()}
    new = old.model_copy(update={"provenance": other, "evidence": evidence})
    found = ak.compare(old, new).step
    keys = {(c.what, c.key) for c in found.inputs}
    assert {("model", "name"), ("model", "sha256"), ("auditkit", "auditkit"), ("auditkit", "numpy")} <= keys
    assert {("report", "seed"), ("data", "positive"), ("checks", "group_fairness.min_n")} <= keys
    assert any("two questions" in c for c in found.cautions)
    assert any("against=" in c for c in found.cautions), "the same rows are paired elsewhere"
    gone = ak.compare(old, old.model_copy(update={"evidence": {}})).step
    assert [(c.what, c.key, c.new) for c in gone.inputs] == [("checks", "group_fairness", "")]


def test_several_reports_are_a_trend_by_date() -> None:
    day = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

    def on(days: int, judged: Report) -> Report:
        p = judged.provenance.model_copy(update={"created": day + datetime.timedelta(days)})
        return judged.model_copy(update={"provenance": p})

    first, second, third = on(0, report(1)), on(10, report(2, gap=0.4)), on(20, report(3, rules=RULES[:3]))
    found = ak.compare(third, first, second)
    assert [w.created.day for w in found.reports] == [1, 11, 21]
    assert [(s.old, s.new) for s in found.steps] == [(1, 2), (0, 2)]
    assert [t.id for t in found.trend] == ["gap", "ratio", "right", "crossed"]
    course = {t.id: [p.status for p in t.points] for t in found.trend}
    assert course["gap"] == ["pass", "fail", "pass"]
    assert course["crossed"] == ["pass", "pass", None]
    for i, r in enumerate((first, second, third)):
        v = next(v for v in r.verdicts if v.rule.id == "right")
        told = next(t for t in found.trend if t.id == "right").points[i].estimate
        assert told is not None
        assert v.estimate is not None
        assert told.value == v.estimate.value
    page = found.to_html()
    assert page.count("<figure class=curve>") == 4
    assert "Along time" in page


def test_groups_that_changed_places_are_told_though_the_gap_is_the_same() -> None:
    one = report(1, gap=0.4)
    swap = {"f": "m", "m": "f"}
    turned = rows(1, 800, 0.4).replace({"sex": swap})
    data = ak.Dataset(turned, y_true="y", positive=1, sensitive_features=["sex", "race"])
    other = ak.audit(ak.Predictions("p"), data, checks=["group_fairness"], name="hiring", policy={"rule": RULES})
    found = ak.compare(one, other)
    gap = next(r for r in found.step.rules if r.id == "gap")
    assert gap.kind == "same"
    assert gap.statement.endswith("The groups changed places: “f” had the lower value, now “m” has.")
    assert "changed places" not in str(ak.compare(one, report(2, gap=0.4)))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", HOSTILE[::7], ids=range(len(HOSTILE[::7])))
def test_hostile_names_stay_text(name: str) -> None:
    """As rule, report, model, data, attribute and owner: on the page, in the terminal and in JSON."""
    raw = stored(1, 0.4)
    old, new = Report.from_json(raw), report(2, rules=[r | {"id": f"{r['id']}{name}"} for r in RULES])
    p = old.provenance
    model = p.model.model_copy(update={"name": name})
    features = ("sex", "race", f"gone{name}")
    data = p.data.model_copy(update={"sensitive_features": features, "name": name})
    policy = new.policy and new.policy.model_copy(update={"owner": name})
    worse = new.model_copy(update={"name": name, "policy": policy})
    told = ak.judge(old, {"rule": RULES}, exhibits=False)
    told = told.model_copy(update={"provenance": p.model_copy(update={"model": model, "data": data})})
    found = ak.compare(told, worse, report(3))
    page = found.to_html()
    tags = Tags()
    tags.feed(page)
    assert tags.seen <= OURS, tags.seen - OURS
    assert not COMMAND.search(str(found))
    assert Changes.model_validate_json(found.to_json()) == found


OURS = {
    *("html", "head", "meta", "title", "style", "body", "a", "svg", "defs", "symbol", "path", "circle", "use", "line"),
    *(
        "div",
        "nav",
        "p",
        "ol",
        "ul",
        "li",
        "span",
        "header",
        "h1",
        "h2",
        "h3",
        "main",
        "section",
        "b",
        "table",
        "thead",
    ),
    *("tbody", "tr", "th", "td", "details", "summary", "figure", "figcaption", "footer", "code", "small"),
}


class Tags(HTMLParser):
    """Elements of a page, and that none has what a browser would run."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        for key, value in attrs:
            assert not key.startswith("on"), (tag, key)
            assert key not in ("href", "src") or (value or "").startswith("#"), (tag, key, value)


# ---- the command line


def files(folder: Path, *reports: Report) -> list[str]:
    paths = [folder / f"{i}.json" for i in range(len(reports))]
    for path, r in zip(paths, reports, strict=True):
        path.write_text(r.to_json())
    return list(map(str, paths))


def test_the_command_line_says_it_and_exits(tmp_path: Path) -> None:
    good, same, bad, loose = files(tmp_path, report(1), report(2), report(2, gap=0.4), report(2, rules=RULES[1:]))
    status, out, _ = run_cli(["compare", good, same])
    assert (status, out.splitlines()[-1]) == (0, "Nothing is newly in the way, and no policy was loosened.")
    status, out, _ = run_cli(["compare", good, bad])
    assert (status, out.splitlines()[-1]) == (1, "Not passed: two rules newly in the way.")
    status, out, _ = run_cli(["compare", good, loose])
    assert (status, out.splitlines()[-1]) == (1, "Not passed: the policy is looser in one place.")
    for _ in range(2):  # files of ours are written again
        status, out, err = run_cli(
            ["compare", good, bad, "--out", str(tmp_path), "--format", "html", "--format", "json"]
        )
        assert status == 1, err
    told = json.loads((tmp_path / "compared.json").read_text())
    assert told["schema_version"] == "auditkit.changes/1"
    assert Changes.model_validate(told).to_json() == (tmp_path / "compared.json").read_text()
    assert "</html>" in (tmp_path / "compared.html").read_text()


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    one, two = files(tmp_path, report(1), report(2))
    page, other = tmp_path / "page.html", tmp_path / "other.json"
    page.write_text("<!doctype html><p>a page")
    numbers = json.loads(stored(1))
    numbers["provenance"]["data"]["task"] = "regression"
    other.write_text(json.dumps(numbers))
    for given, said in (
        ([one], "is one report: give the old one and the new one"),
        ([one, str(page)], "page.html is a page, which holds no evidence: give the report.json beside it"),
        ([one, one], "is the same report as"),
        ([one, two, one], "is the same report as"),
        ([one, str(other)], "only reports of one task can be compared"),
        ([one, str(tmp_path / "no.json")], "No such file"),
        ([one, two, "--format", "htm"], "unknown format 'htm'; known are html, json. Did you mean 'html'?"),
    ):
        status, out, err = run_cli(["compare", *given])
        assert (status, out) == (2, "")
        assert said in err
        assert len(err.strip().splitlines()) == 1
    strange = tmp_path / "compared.json"
    strange.write_text("{}")
    status, _, err = run_cli(["compare", one, two, "--out", str(tmp_path), "--format", "json"])
    assert status == 2
    assert "is no auditkit report" in err
    assert strange.read_text() == "{}"


def test_a_pass_that_the_new_limit_alone_gives_is_no_news_of_the_model() -> None:
    tight = report(rules=changed(0, at_most=0.06))
    assert tight.verdicts[0].status == "inconclusive"
    found = ak.compare(tight, report(2))
    assert kinds(found)["gap"] == "passes by the new policy alone"
    assert found.step.rules[0].statement.endswith("By the old policy it is undecided.")


@pytest.mark.slow
def test_a_rule_that_comes_can_let_another_through() -> None:
    """Rules share one error: with more of them each fails later. Found by what the old policy says, in any pair."""
    alone = RULES[0] | {"at_most": 0.0}
    many = [alone, *({**alone, "id": f"r{i}", "at_most": 0.9} for i in range(40))]
    seen = set()
    for seed in range(1, 9):
        found = ak.compare(report(seed, rules=[alone]), report(seed, rules=many))
        gap = next(r for r in found.step.rules if r.id == "gap")
        assert gap.new is not None
        assert (gap.kind == "let through") == (gap.under_old == "fail" != gap.new.status)
        seen.add(gap.kind)
        assert found.passed == (gap.kind != "let through")
    assert "let through" in seen
