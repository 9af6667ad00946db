"""A baseline moves only towards better, and a rule that falls behind it stands in the way, whatever its status."""

from __future__ import annotations

import datetime
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditkit as ak
from auditkit.cli.status import exit_status
from auditkit.errors import PolicyError, PolicyViolation, ReportError
from auditkit.gate.identical import same_decisions
from auditkit.gate.named_baseline import load
from auditkit.gate.ratchet import decided, updated
from auditkit.gate.standing import status_of
from auditkit.gate.unpaired import measured, shift
from auditkit.records import Baseline, Estimate, Report, Rule
from auditkit.report.failing import told
from auditkit.report.html.page import render
from auditkit.report.junit import render as junit
from auditkit.report.verdict_words import headline
from tests.helpers import run_cli

DAY = datetime.date(2026, 11, 24)
RULES: list[dict[str, Any]] = [
    {"id": "gap", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.6},
    {"id": "right", "metric": "accuracy", "comparison": "overall", "at_least": 0.3},
]


def rows(seed: int, gap: float, n: int = 2_000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], n)
    y = rng.integers(0, 2, n)
    return pd.DataFrame({"sex": sex, "y": y, "p": rng.random(n) < np.where(sex == "f", 0.5 - gap, 0.5)})


@cache
def stored(seed: int, gap: float) -> str:
    data = ak.Dataset(rows(seed, gap), y_true="y", positive=1, sensitive_features=["sex"])
    return ak.audit(ak.Predictions("p"), data, checks=["group_fairness"], name="hiring").to_json()


def judged(seed: int = 1, gap: float = 0.0, rules: list[dict[str, Any]] | None = None, **policy: Any) -> Report:
    read = Report.from_json(stored(seed, gap))
    return ak.judge(read, {"rule": rules or RULES, **policy}, exhibits=False)


def accepted(report: Report, old: Baseline | None = None, **asked: Any) -> Baseline:
    return updated(old, report, f"sha256:{'1' * 64}", **{"reason": "retrained", "on": DAY, **asked})[0]


@pytest.fixture
def kept(tmp_path: Path) -> dict[str, Any]:
    """A policy whose baseline is that of a fair model."""
    path = tmp_path / "held.json"
    path.write_text(accepted(judged()).to_json())
    return {"policy": {"baseline": str(path)}, "defaults": {"max_regression": 0.05}}


def test_worse_than_the_baseline_stands_in_the_way_beside_a_status_that_stays(kept: dict[str, Any]) -> None:
    report = judged(2, 0.3, **kept)
    v = report.verdicts[0]
    assert v.baseline is not None
    assert (v.status, v.baseline.status, v.blocks) == ("pass", "fail", True)
    assert (report.outcome, report.passed, exit_status(report)) == ("failed", False, 1)
    assert report.verdicts[1].baseline is not None
    assert report.verdicts[1].baseline.status == "pass", "surely not worse by more than that"
    with pytest.raises(PolicyViolation, match=r"the audit failed its policy:\n  gap: .* The baseline, of 2026-11-24"):
        report.raise_for_status()
    assert "is worse than its baseline: 2 passed; 1 worse than the baseline" in headline(report)
    message = told(report, v)
    assert message.startswith("gap: passed, worse than the baseline")
    assert "accept-worse" in message
    assert 'failures="1"' in junit(report)
    page = render(report)
    assert "is worse than its baseline" in page
    assert "Worse than the accepted baseline, by more than the policy allows: gap." in page
    assert Report.from_json(report.to_json()) == report


def test_an_unchanged_model_does_not(kept: dict[str, Any]) -> None:
    report = judged(2, **kept | {"defaults": {"max_regression": 0.15}})
    assert report.passed
    assert [v.baseline.status for v in report.verdicts if v.baseline] == ["pass", "pass"]
    assert all("unpaired" in v.baseline.reason for v in report.verdicts if v.baseline)


def test_what_is_identical_passes_however_few_rows_there_are(kept: dict[str, Any]) -> None:
    """The same rows and decisions are no two samples: nothing that changed could be chance."""
    strict = kept | {"defaults": {"max_regression": 0.0, "on_inconclusive": "fail"}}
    again = judged(**strict)
    assert again.passed
    for v in again.verdicts:
        assert v.baseline is not None
        assert v.baseline.status == "pass"
        assert v.baseline.change is not None
        assert (v.baseline.change.value, v.baseline.change.low, v.baseline.change.high) == (0, 0, 0)
        assert "the same rows and the same decisions: nothing changed" in v.baseline.reason
        assert "unpaired" not in v.baseline.reason
    assert ak.verify(again).agrees
    assert not judged(2, **strict).passed, "other rows are a sample of their own"
    # a baseline of before the counts were kept knows the hash of the rows, which holds the decisions of predictions
    path = Path(kept["policy"]["baseline"])
    raw = json.loads(path.read_text())
    for held in raw["rules"].values():
        assert held.pop("decided_sha256")
        assert held.pop("people_sha256")
    path.write_text(json.dumps(raw))
    assert judged(**strict).passed
    # and the ratchet keeps what did not change, without an interval
    moved = updated(accepted(judged()), judged(), f"sha256:{'2' * 64}", reason="again", on=DAY)[1]
    assert [m.what for m in moved] == ["kept", "kept"]
    assert all("nothing changed" in m.statement for m in moved)


def of_people(decide: str, seed: int = 1, n: int = 400) -> Report:
    """People and truths of one seed, and one of several decisions."""
    frame = rows(seed, 0.0, n)
    frame["q"] = frame.p ^ (np.arange(n) % 40 == 0)
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex"])
    return ak.audit(ak.Predictions(decide), data, checks=["group_fairness"], name="hiring", progress=False)


def test_other_decisions_of_the_same_people_are_undecided_and_led_to_an_audit_of_both(tmp_path: Path) -> None:
    old, new, others = of_people("p"), of_people("q"), of_people("p", seed=2)
    a, b, c = (r.provenance.data for r in (old, new, others))
    assert a.sha256 != b.sha256, "decisions are part of it, as in older reports"
    assert a.people_sha256 == b.people_sha256 != c.people_sha256
    assert (a.same_rows(b), a.same_rows(c)) == (True, False)
    unknown = b.model_copy(update={"people_sha256": "", "file_sha256": None})
    assert a.same_rows(unknown) is None
    assert a.same_rows(unknown.model_copy(update={"rows": 3})) is False
    path = tmp_path / "held.json"
    path.write_text(accepted(ak.judge(old, {"rule": RULES}, exhibits=False)).to_json())
    policy = {"baseline": str(path)}
    strict = {"rule": RULES, "policy": policy, "defaults": {"max_regression": 0.02, "on_inconclusive": "fail"}}
    v = ak.judge(new, strict, exhibits=False).verdicts[0]
    assert v.baseline is not None
    assert v.baseline.status == "inconclusive"
    assert "the same rows" in v.baseline.reason
    assert "against=" in v.baseline.reason
    message = told(new, v)
    assert "--accept-worse" not in message, "nothing is surely worse"
    assert "--against" in message
    elsewhere = ak.judge(others, strict, exhibits=False).verdicts[0]
    assert elsewhere.baseline is not None
    assert "same rows" not in elsewhere.baseline.reason


def test_two_nets_are_not_the_same_decisions_whatever_is_counted() -> None:
    """The rows' hash of a net holds no decisions: only the same weights decide the same."""
    net = judged()
    model = net.provenance.model.model_copy(update={"kind": "torch", "sha256": "a" * 64, "threshold": 0.5})

    def by(**update: Any) -> Report:
        told = net.provenance.model_copy(update={"model": model.model_copy(update=update)})
        return net.model_copy(update={"provenance": told})

    v, held = net.verdicts[0], accepted(by()).rules["gap"]
    assert same_decisions(held, v, by(), net.findings)
    for other in ({"sha256": "b" * 64}, {"threshold": 0.6}, {"sha256": None}):
        assert not same_decisions(held, v, by(**other), net.findings)
    assert not same_decisions(held, judged(2).verdicts[0], by(), judged(2).findings), "other counts"


def test_a_waiver_forgives_the_limit_and_not_the_regression(kept: dict[str, Any]) -> None:
    """A model that fails today is waived, and must not get worse: what a baseline is for."""
    rules = [RULES[0] | {"at_most": 0.1}, RULES[1]]
    waiver = {"rule": "gap", "reason": "old model", "approved_by": "board", "expires": "2999-01-01"}
    path = Path(kept["policy"]["baseline"])
    path.write_text(accepted(judged(1, 0.3, rules)).to_json())
    same = judged(2, 0.3, rules, waiver=[waiver], **kept)
    assert (same.verdicts[0].status, same.passed) == ("fail", True)
    worse = judged(2, 0.45, rules, waiver=[waiver], **kept)
    assert worse.verdicts[0].waived
    assert not worse.passed


def test_how_chance_enters_follows_the_rules_decision(kept: dict[str, Any]) -> None:
    near = {"defaults": {"max_regression": 0.0}, "policy": kept["policy"]}
    points = judged(2, rules=[r | {"decision": "point"} for r in RULES], **near)
    for v in points.verdicts:
        assert v.baseline is not None
        assert v.baseline.change is not None
        change = v.baseline.change.value
        assert change is not None
        worse = change > 0 if v.rule.at_most is not None else change < 0
        assert v.baseline.status == ("fail" if worse else "pass")
        assert "by the value alone" in v.baseline.reason
    open_ = judged(2, **near)
    assert {v.baseline.status for v in open_.verdicts if v.baseline} == {"inconclusive"}
    assert open_.passed, "forgiven, as the policy says of what is undecided"
    assert open_.outcome == "undecided"
    assert all("would be seen with 80% power" in v.baseline.reason for v in open_.verdicts if v.baseline)
    strict = judged(2, **near | {"defaults": {"max_regression": 0.0, "on_inconclusive": "fail"}})
    assert exit_status(strict) == 3
    assert "is undecided on its baseline" in headline(strict)


@given(
    change=st.floats(-0.5, 0.5),
    half=st.floats(0.0, 0.3),
    allowed=st.floats(0.0, 0.3),
    most=st.booleans(),
)
def test_the_status_is_that_of_a_rule_on_the_change(change: float, half: float, allowed: float, most: bool) -> None:
    """Law: held against a baseline, a rule is the rule "changes by at most `allowed`" on its change."""
    from auditkit.gate.judge import status_of as of_rule

    e = Estimate(value=change, low=change - half, high=change + half)
    rule = Rule(id="r", metric="accuracy", comparison="overall", **{"at_most" if most else "at_least": 0.5})
    bound = {"at_most": allowed} if most else {"at_least": -allowed}
    asked = Rule(id="r", metric="accuracy", comparison="overall", **bound)
    assert status_of(e, rule, allowed) == of_rule(asked, e)


def test_what_the_baseline_does_not_have_is_not_measured(kept: dict[str, Any], tmp_path: Path) -> None:
    new = [*RULES, {"id": "ratio", "metric": "selection_rate", "comparison": "ratio", "by": ["sex"], "at_least": 0.1}]
    report = judged(2, rules=new, **kept)
    v = report.verdicts[2]
    assert v.baseline is not None
    assert (v.status, v.baseline.status) == ("pass", "not_measured")
    assert "auditkit baseline update" in v.baseline.reason
    assert exit_status(report) == 3
    other = [RULES[0] | {"metric": "accuracy"}, RULES[1]]
    asks = judged(2, rules=other, **kept).verdicts[0].baseline
    assert asks is not None
    assert "asks something else" in asks.reason
    absent = judged(2, policy={"baseline": str(tmp_path / "none.json")}, defaults={"max_regression": 0.1})
    assert {v.baseline.status for v in absent.verdicts if v.baseline} == {"not_measured"}
    told_only = judged(2, policy=kept["policy"])
    assert told_only.passed
    assert {v.baseline.status for v in told_only.verdicts if v.baseline} == {None}


def test_rules_of_presets_are_held_too(kept: dict[str, Any]) -> None:
    policy = ak.Policy.from_dict({"policy": {"preset": "four-fifths", **kept["policy"]}, "defaults": kept["defaults"]})
    assert [r.max_regression for r in policy.for_features(("sex",)).rules] == [0.05]


def test_mistakes_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    rule = '[[rule]]\nid = "r"\nmetric = "accuracy"\ncomparison = "overall"\nat_least = 0.5\n'
    for text, said in (
        (rule + "max_regression = 0.02\n", r"p\.toml:6: 'max_regression' needs a baseline"),
        ("[defaults]\nmax_regression = 0.02\n" + rule, r"p\.toml:2: 'max_regression' needs a baseline"),
        (f'[policy]\nbaseline = "b.json"\n{rule}max_regression = -0.1\n', r"p\.toml:8: 'max_regression': .*greater"),
        (f'[policy]\nbaseline = " "\n{rule}', r"p\.toml:2: 'baseline': expected the path"),
        (f'[policy]\nbaseline = "p.toml"\n{rule}', r"p\.toml:2: .*p\.toml is not complete JSON"),
    ):
        path.write_text(text)
        with pytest.raises(PolicyError, match=said):
            ak.Policy.load(path)
    (tmp_path / "b.json").write_text(stored(1, 0.0))
    path.write_text(f'[policy]\nbaseline = "b.json"\n{rule}max_regression = 0.1\n')
    with pytest.raises(PolicyError, match=r"p\.toml:2: .*b\.json is no baseline: .*auditkit\.report/1"):
        ak.Policy.load(path)
    (tmp_path / "b.json").write_text(accepted(judged()).to_json())
    policy = ak.Policy.load(path)
    assert policy.held is not None
    assert set(policy.held.rules) == {"gap", "right"}, "relative to the policy's file"
    path.write_text(rule)
    assert ak.Policy.load(path).rules[0].max_regression is None


def test_two_reports_tell_of_it(kept: dict[str, Any]) -> None:
    """A rule that falls behind is newly in the way, and a baseline that was moved to worse is a loosened policy."""
    path = Path(kept["policy"]["baseline"])
    fine, behind = judged(2, **kept), judged(2, 0.3, **kept)
    found = ak.compare(fine, behind)
    assert {r.id: r.kind for r in found.step.failing} == {"gap": "in the way"}
    assert "gap passes as before and stands in the way now, worse than the baseline" in str(found)
    path.write_text(accepted(judged(1, 0.3), accepted(judged()), accept_worse=True).to_json())
    moved = judged(3, **kept)
    assert [(c.rule, c.key) for c in ak.compare(fine, moved).step.loosened] == [("gap", "baseline")]
    assert [c.way for c in ak.compare(moved, fine).step.policy] == ["tightened"]
    free = judged(2, policy=kept["policy"])
    assert [c.key for c in ak.compare(fine, free).step.loosened][:2] == ["max_regression", "max_regression"]


# ---- the ratchet


def numbers(report: Report, given: dict[str, tuple[float, float]]) -> Report:
    """The report, with (value, half its interval) of its rules as given."""
    held = {v.finding: given[v.rule.id] for v in report.verdicts}

    def of(id: str | None, e: Any) -> Any:
        value, half = held[id]
        return e.model_copy(update={"value": value, "low": value - half, "high": value + half})

    return report.model_copy(
        update={
            "findings": tuple(
                f.model_copy(update={"estimate": of(f.id, f.estimate)}) if f.id in held else f for f in report.findings
            ),
            "verdicts": tuple(v.model_copy(update={"estimate": of(v.finding, v.estimate)}) for v in report.verdicts),
        }
    )


_ONE = st.tuples(st.floats(0.0, 1.0), st.floats(1e-3, 0.3))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(_ONE, _ONE), min_size=1, max_size=8), st.booleans())
def test_no_sequence_of_accepted_updates_gets_worse(
    sequence: list[tuple[tuple[float, float], tuple[float, float]]], point: bool
) -> None:
    """Law: without `accept_worse` no value held ever gets worse, and none that is surely worse is let in."""
    report = judged(rules=[r | {"decision": "point"} for r in RULES] if point else RULES)
    held = accepted(report)
    for gap, right in sequence:
        given_ = {"gap": gap, "right": right}
        now = numbers(report, given_)
        if refused(now, held):
            assert accepted(now, held, accept_worse=True).history[-1].worse, "it is accepted with its reason alone"
            continue
        after = accepted(now, held)
        for id, sign in (("gap", 1), ("right", -1)):
            old, new, came = held.rules[id].estimate, after.rules[id].estimate, given_[id]
            assert old.value is not None
            assert new.value is not None
            assert sign * (new.value - old.value) <= 0, f"{id} got worse"
            assert new == old or new.value == came[0]
            a = measured(old)
            b = measured(Estimate(value=came[0], low=came[0] - came[1], high=came[0] + came[1]))
            assert a is not None
            assert b is not None
            low, high = (x and sign * x for x in (shift(a, b, 0.975).low, shift(a, b, 0.975).high))
            assert min(low or 0.0, high or 0.0) <= 0 or point, "surely worse over both rules together, and let in"
            assert not point or sign * (came[0] - old.value) <= 1e-9
        held = after


def refused(report: Report, held: Baseline) -> bool:
    try:
        accepted(report, held)
    except ReportError as e:
        return "the baseline moves only towards better" in str(e)
    return False


def test_surely_better_moves_it_surely_worse_is_refused_and_chance_does_nothing() -> None:
    first = accepted(judged(1, 0.3))
    better, moved = updated(first, judged(2, 0.0), f"sha256:{'2' * 64}", reason="r", on=DAY)
    assert {m.rule: m.what for m in moved} == {"gap": "better", "right": "kept"}
    assert (better.rules["gap"].report, better.rules["right"].report) == (f"sha256:{'2' * 64}", f"sha256:{'1' * 64}")
    again, moved = updated(better, judged(3, 0.0), f"sha256:{'3' * 64}", reason="r", on=DAY)
    assert {m.what for m in moved} == {"kept"}
    assert again.rules == better.rules
    assert again.report == f"sha256:{'3' * 64}", "the report that was accepted last"
    with pytest.raises(ReportError, match=r"only towards better, and this report is worse:\n  gap: worse, "):
        accepted(judged(1, 0.3), again)
    worse = accepted(judged(1, 0.3), again, accept_worse=True, reason="the law asks for it", approved_by="board")
    last = worse.history[-1]
    assert (last.reason, last.approved_by, len(last.worse)) == ("the law asks for it", "board", 1)
    assert worse.rules["gap"].estimate.value == first.rules["gap"].estimate.value
    assert len(worse.history) == 4
    assert Baseline.model_validate(json.loads(worse.to_json())) == worse


def test_it_is_not_asked_more_loosely_without_a_word() -> None:
    first = accepted(judged())
    for rules, said in (
        ([RULES[0] | {"at_most": 0.9}, RULES[1]], "'at_most' of the rule 'gap' is 90 points; it was 60 points"),
        ([RULES[0] | {"metric": "accuracy"}, RULES[1]], "the rule 'gap' asks something else"),
    ):
        with pytest.raises(ReportError, match=f"(?i){said}"):
            accepted(judged(rules=rules), first)
        assert accepted(judged(rules=rules), first, accept_worse=True).rules["gap"].rule.metric == rules[0]["metric"]
    without = accepted(judged(rules=RULES[1:]), first)
    assert without.rules["gap"] == first.rules["gap"], "what is not asked today is kept"
    tighter = accepted(judged(rules=[RULES[0] | {"at_most": 0.5}, RULES[1]]), first)
    assert tighter.rules["gap"].rule.at_most == 0.5


def test_a_reason_and_verdicts_are_needed() -> None:
    with pytest.raises(ReportError, match="needs a reason"):
        accepted(judged(), reason=" ")
    with pytest.raises(ReportError, match="has no verdicts"):
        accepted(Report.from_json(stored(1, 0.0)))


def test_of_a_value_without_an_interval_the_value_decides() -> None:
    rule = Rule(id="r", metric="accuracy", comparison="overall", at_least=0.5)
    one, two = measured(Estimate(value=0.5)), measured(Estimate(value=0.4))
    assert one is not None
    assert two is not None
    assert [decided(shift(*pair, 0.95), rule) for pair in ((one, two), (two, one), (one, one))] == [
        "worse",
        "better",
        "",
    ]


# ---- the command line, verify, tests


CONFIG = """
[predictions]
y_pred = "p"

[data]
path = "rows.csv"
y_true = "y"
positive = 1
sensitive_features = ["sex"]

[audit]
name = "hiring"

[[check]]
name = "group_fairness"

[policy]
baseline = "auditkit-baseline.json"
review_by = 2001-01-01
owner = "risk <b>board</b>"

[defaults]
max_regression = 0.05

[[rule]]
id = "gap"
metric = "selection_rate"
comparison = "difference"
by = ["sex"]
at_most = 0.6
"""


def test_run_update_run_worse_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "auditkit.toml").write_text(CONFIG)
    rows(1, 0.1).to_csv("rows.csv", index=False)
    status, out, _ = run_cli(["run", "auditkit.toml"])
    assert status == 3
    assert "There is no baseline 'auditkit-baseline.json'" in " ".join(out.split())
    report = "reports/hiring.json"
    status, _, err = run_cli(["baseline", "update", report])
    assert (status, "--reason" in err) == (2, True)
    status, out, err = run_cli(["baseline", "update", report, "--reason", "first", "--approved-by", "board"])
    assert status == 0, err
    assert "gap: " in out
    held = load(tmp_path / "auditkit-baseline.json")
    assert held.history[0].approved_by == "board"
    assert run_cli(["verify", report, "--baseline", "auditkit-baseline.json", "--quiet"])[0] == 0
    status, out, _ = run_cli(["run", "auditkit.toml", "--name", "again"])
    assert status == 0
    assert "the same rows and the same decisions: nothing changed" in " ".join(out.split())
    assert "The policy was to be reviewed by 1 January 2001" in " ".join(out.split())
    status, out, _ = run_cli(["verify", "reports/again.json", "--baseline", "auditkit-baseline.json"])
    assert status == 1, "the file is another"
    assert "is not the expected file" in out
    # other rows, by the same configuration
    rows(2, 0.4).to_csv("worse.csv", index=False)
    status, out, _ = run_cli(["run", "auditkit.toml", "--data", "worse.csv", "--name", "worse"])
    assert status == 1
    status, _, err = run_cli(["baseline", "update", "reports/worse.json", "--reason", "r"])
    assert status == 2
    assert "  gap: worse, " in err
    assert load(tmp_path / "auditkit-baseline.json") == held
    assert run_cli(["gate", "reports/worse.json", "--policy", "auditkit.toml", "--quiet"])[0] == 1
    assert (
        run_cli(["verify", "reports/worse.json", "--again", "auditkit.toml", "--data", "worse.csv", "--quiet"])[0] == 0
    )
    status, out, _ = run_cli(["verify", "reports/worse.json", "--again", "auditkit.toml"])
    assert status == 1, "its data are others"
    status, _, err = run_cli(["verify", "reports/worse.json", "--data", "worse.csv"])
    assert (status, "go with --again" in err) == (2, True)
    edited = json.loads((tmp_path / "reports/worse.json").read_text())
    edited["verdicts"][0]["baseline"]["status"] = "pass"
    (tmp_path / "reports/worse.json").write_text(json.dumps(edited))
    status, out, _ = run_cli(["verify", "reports/worse.json"])
    assert status == 1
    assert "verdict gap" in out
    status, _, err = run_cli(["baseline", "update", "reports/worse.json", "--reason", "r", "--accept-worse"])
    assert (status, "is not what its evidence says" in err) == (2, True)


def test_a_policy_that_is_to_be_reviewed_later_says_nothing() -> None:
    later = judged(policy={"review_by": datetime.date(2999, 1, 1)})
    assert later.policy is not None
    assert not later.policy.overdue
    assert '"overdue"' not in later.to_json()
    over = judged(policy={"review_by": datetime.date(2001, 1, 1)})
    assert "was to be reviewed by 1 January 2001" in render(over)
    assert "was to be reviewed" not in render(later)


def test_as_a_test(pytester: pytest.Pytester) -> None:
    rows(2, 0.4).to_csv(pytester.path / "rows.csv", index=False)
    (pytester.path / "auditkit.toml").write_text(CONFIG)
    (pytester.path / "auditkit-baseline.json").write_text(accepted(judged(1, 0.1)).to_json())
    result = pytester.runpytest_inprocess("--auditkit", "auditkit.toml", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    assert "gap: passed, worse than the baseline" in result.stdout.str()
