"""An organisation's floor: what is below it is refused by name; what it requires and misses is a verdict."""

from __future__ import annotations

import datetime
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.records import Report
from auditkit.report.html.page import render
from auditkit.report.junit import render as junit
from tests.helpers import run_cli
from tests.report.test_answers import words

REQUIRE = """
[require]
attributes = ["sex", "race"]
metrics = ["selection_rate"]
checks = ["group_fairness"]
"""
RULE = """
[[rule]]
id = "{id}"
metric = "selection_rate"
comparison = "difference"
by = ["{by}"]
at_most = {limit}
"""
SELECTION = '[require]\n[[require.rule]]\nmetric = "selection_rate"\ncomparison = "difference"\n'
BOTH = RULE.format(id="sex", by="sex", limit=0.2) + RULE.format(id="race", by="race", limit=0.2)


def load(folder: Path, own: str, company: str = REQUIRE, **more: str) -> ak.Policy:
    """The policy of `own`, which extends `company`; `more` are files beside them."""
    (folder / "company.toml").write_text(company)
    for name, text in more.items():
        (folder / f"{name}.toml").write_text(text)
    (folder / "auditkit.toml").write_text(f'extends = "company.toml"\n{own}')
    return ak.Policy.load(folder / "auditkit.toml")


def rows(n: int = 300, race: str = "ab") -> pd.DataFrame:
    rng = np.random.default_rng(4)
    drawn = {name: rng.choice(list(values), n) for name, values in (("sex", "fm"), ("race", race))}
    return pd.DataFrame(drawn | {k: rng.integers(0, 2, n) for k in "yp"})


def audited(policy: Any, *features: str, data: pd.DataFrame | None = None, **options: Any) -> Report:
    frame = rows() if data is None else data
    source = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=list(features))
    asked = {"checks": ["group_fairness"], "name": "hiring", **options}
    return ak.audit(ak.Predictions("p"), source, policy=policy, **asked)


def states(report: Report) -> dict[str, str]:
    return {f"{r.need} {r.name}": r.state for r in report.required}


# ---- below the floor


@pytest.mark.parametrize(
    ("company", "own", "said"),
    [
        (
            '[require]\n[[require.rule]]\nmetric = "selection_rate"\ncomparison = "difference"\nat_most = 0.1\n',
            BOTH,
            "auditkit.toml:3: rule 'sex' asks at most 20 points; required is at most 10 points (company.toml:2)",
        ),
        (
            '[require]\n[[require.rule]]\nmetric = "demographic_parity_ratio"\nat_least = 0.8\n',
            '[[rule]]\nid = "r"\nmetric = "impact_ratio"\nby = ["sex"]\nat_least = 0.7\n',
            "auditkit.toml:2: rule 'r' asks at least 0.70; required is at least 0.80 (company.toml:2)",
        ),
        (
            f'{SELECTION}by = ["sex"]\nat_most = 0.2\n',
            BOTH.replace("at_most = 0.2", 'at_most = 0.2\nseverity = "warning"'),
            "auditkit.toml:3: rule 'sex' only warns; required is that it can fail (company.toml:2)",
        ),
        (
            "[require]\nlowest_min_n = 20\n",
            BOTH,
            "auditkit.toml:3: rule 'sex' has min_n = 10; required is at least 20 (company.toml:2)",
        ),
        (
            "[require]\nhighest_min_n = 20\n",
            f"[defaults]\nmin_n = 50\n{BOTH}",
            "auditkit.toml:5: rule 'sex' has min_n = 50; required is at most 20 (company.toml:2)",
        ),
        (
            '[require]\non_inconclusive = "warn"\n',
            f'[defaults]\non_inconclusive = "pass"\n{BOTH}',
            'auditkit.toml:5: rule \'sex\' has on_inconclusive = "pass"; the weakest allowed is "warn"',
        ),
        (
            '[require]\non_not_measured = "fail"\n',
            f'[defaults]\non_not_measured = "warn"\n{BOTH}',
            'auditkit.toml:5: rule \'sex\' has on_not_measured = "warn"; the weakest allowed is "fail"',
        ),
        (
            '[require]\ndecision = "interval"\n',
            f'[defaults]\ndecision = "point"\n{BOTH}',
            "auditkit.toml:5: rule 'sex' is decided by its point value; required is the interval (company.toml:2)",
        ),
        (
            "[require]\nlowest_confidence = 0.95\n",
            f"[defaults]\nconfidence = 0.9\n{BOTH}",
            "auditkit.toml:3: the confidence is 90%; required is at least 95% (company.toml:2)",
        ),
        (
            "[require]\nlowest_confidence = 0.95\n",
            BOTH.replace("at_most = 0.2", "at_most = 0.2\nconfidence = 0.8"),
            "auditkit.toml:3: rule 'sex' has a confidence of 80%; required is at least 95% (company.toml:2)",
        ),
        (
            "[require]\nwaivers = false\n",
            f'{BOTH}[[waiver]]\nrule = "sex"\nreason = "r"\napproved_by = "a"\nexpires = 2027-01-31\n',
            "auditkit.toml:16: the waiver of 'sex' is none that is allowed: no rule may be waived (company.toml:2)",
        ),
        (
            REQUIRE,
            RULE.format(id="sex", by="sex", limit=0.2),
            "auditkit.toml: no rule asks selection_rate by race, which is required (company.toml:4)",
        ),
    ],
)
def test_a_policy_below_the_floor_is_refused_by_name(tmp_path: Path, company: str, own: str, said: str) -> None:
    with pytest.raises(ak.PolicyError) as e:
        load(tmp_path, own, company)
    assert any(line.startswith(said) for line in str(e.value).split("\n"))
    with pytest.raises(ak.PolicyError) as of_config:
        ak.load_config(tmp_path / "auditkit.toml")
    assert str(of_config.value) == str(e.value)


def test_what_keeps_the_floor_is_loaded_and_looks_do_not_lower_the_confidence(tmp_path: Path) -> None:
    floor = REQUIRE + 'lowest_confidence = 0.95\nlowest_min_n = 5\ndecision = "interval"\non_inconclusive = "pass"\n'
    policy = load(tmp_path, f"[policy]\nlooks = 4\n{BOTH}", floor)
    assert [r.id for r in policy.rules] == ["sex", "race"]
    with pytest.raises(ak.PolicyError, match="the confidence is 90%"):
        load(tmp_path, f"[policy]\nlooks = 4\n[defaults]\nconfidence = 0.9\n{BOTH}", floor)


def test_a_waiver_is_no_longer_than_allowed_on_the_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiver = '[[waiver]]\nrule = "sex"\nreason = "r"\napproved_by = "a"\nexpires = 2027-01-31\n'
    policy = load(tmp_path, BOTH + waiver, "[require]\nlongest_waiver = 30\n")
    for day, refused in ((datetime.date(2027, 1, 1), False), (datetime.date(2026, 12, 31), True)):
        noon = datetime.datetime.combine(day, datetime.time(12), datetime.UTC)
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(noon.timestamp())))
        if not refused:
            assert audited(policy, "sex", "race").policy is not None
            continue
        with pytest.raises(ak.PolicyError, match=r"expires on 2027-01-31, in 31 days; allowed are 30 days from today"):
            audited(policy, "sex", "race")


# ---- what is inherited


def test_rules_of_the_company_are_added_unless_asked_more_strictly(tmp_path: Path) -> None:
    company = RULE.format(id="ours", by="sex", limit=0.1) + RULE.format(id="other", by="race", limit=0.1)
    strict = RULE.format(id="mine", by="sex", limit=0.05)
    assert [r.id for r in load(tmp_path, strict, company).rules] == ["mine", "other"]
    loose = RULE.format(id="mine", by="sex", limit=0.15)
    assert [r.id for r in load(tmp_path, loose, company).rules] == ["mine", "ours", "other"]
    for weaker in ('severity = "warning"', 'decision = "point"', 'on_not_measured = "pass"', "confidence = 0.8"):
        assert [r.id for r in load(tmp_path, strict + weaker, company).rules] == ["mine", "ours", "other"], weaker
    with pytest.raises(ak.PolicyError, match="the rule 'ours' asks less than, or something else than, that of company"):
        load(tmp_path, RULE.format(id="ours", by="sex", limit=0.15), company)


def test_a_required_rule_that_nobody_asks_is_added(tmp_path: Path) -> None:
    company = '[require]\n[[require.rule]]\nid = "floor"\nmetric = "accuracy"\ncomparison = "overall"\nat_least = 0.3\n'
    added = load(tmp_path, BOTH, company)
    assert [r.id for r in added.rules] == ["sex", "race", "floor"]
    own = '[[rule]]\nid = "mine"\nmetric = "accuracy"\ncomparison = "overall"\nat_least = 0.4\n'
    assert [r.id for r in load(tmp_path, BOTH + own, company).rules] == ["sex", "race", "mine"]
    assert added.sha256 != load(tmp_path, BOTH + own, company).sha256
    assert states(audited(added, "sex", "race"))["rule floor"] == "assessed"


def test_what_the_project_leaves_unsaid_is_the_companys(tmp_path: Path) -> None:
    company = '[policy]\nlooks = 4\n[defaults]\nconfidence = 0.9\nmin_n = 20\n[words]\npositive = "are hired"\n'
    policy = load(tmp_path, f"[defaults]\nmin_n = 15\n{BOTH}", company)
    assert (policy.looks, policy.confidence, policy.rules[0].min_n) == (4, pytest.approx(0.975), 15)
    assert policy.words.positive == "are hired"
    own = '[defaults]\nconfidence = 0.99\n[words]\npositive = "get it"\n'
    pinned = load(tmp_path, own, company + RULE.format(id="ours", by="sex", limit=0.1))
    assert (pinned.confidence, pinned.rules[0].confidence) == (pytest.approx(0.9975), pytest.approx(0.975))
    assert pinned.words.positive == "get it"


def test_chains_presets_and_pyproject(tmp_path: Path) -> None:
    division = (
        f'extends = "company.toml"\n[policy]\npreset = "four-fifths"\n{RULE.format(id="div", by="sex", limit=0.3)}'
    )
    (tmp_path / "company.toml").write_text(REQUIRE)
    (tmp_path / "division.toml").write_text(division)
    (tmp_path / "pyproject.toml").write_text('[tool.auditkit]\nextends = "division.toml"\n')
    policy = ak.Policy.load(tmp_path / "pyproject.toml").for_features(("sex", "race"))
    assert [r.id for r in policy.rules] == ["div", "four-fifths/sex", "four-fifths/race"], "which asks selection_rate"
    assert [f.source for f in policy.floors] == ["company.toml"]
    with pytest.raises(ak.PolicyError, match="no rule asks selection_rate by race"):
        ak.Policy.load(tmp_path / "pyproject.toml").for_features(("sex",))
    limit = '[[require.rule]]\nmetric = "selection_rate"\ncomparison = "ratio"\nat_least = 0.9\n'
    (tmp_path / "company.toml").write_text(REQUIRE + limit)
    with pytest.raises(ak.PolicyError, match=r"rule 'four-fifths/sex' asks at least 0\.80; required is at least 0\.90"):
        ak.Policy.load(tmp_path / "pyproject.toml").for_features(("sex", "race"))


# ---- mistakes


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a": 'extends = "a.toml"\n'}, "a.toml:1: files extend each other in a circle: a.toml → a.toml"),
        (
            {"a": 'extends = "b.toml"\n', "b": '[policy]\nid = "b"\n', "c": ""},
            "a.toml has no [[rule]]: a gate needs at least one, or a preset in [policy]",
        ),
        (
            {"a": 'extends = "b.toml"\n', "b": '\nextends = "a.toml"\n'},
            "b.toml:2: files extend each other in a circle: a.toml → b.toml → a.toml",
        ),
        ({"a": 'extends = "gone.toml"\n'}, "a.toml:1: extends = 'gone.toml': cannot read "),
        ({"a": 'extends = ""\n'}, "a.toml:1: extends = '' is no path of a file"),
        ({"a": 'extends = "\\u0000"\n'}, "a.toml:1: extends = '\\x00' is no path of a file"),
        ({"a": "extends = 3\n"}, "a.toml:1: 'extends'"),
        (
            {"a": 'extends = "b.toml"\n', "b": '[data]\npath = "x"\ny_true = "y"\nsensitive_features = "g"\n'},
            "b.toml:1: [data] is of one audit; a file that others extend (a.toml:1) holds ",
        ),
        ({"a": 'extends = "b.toml"\n', "b": "[require]\nmetrix = []\n"}, "b.toml:2: unknown key 'metrix'"),
        (
            {"a": 'extends = "b.toml"\n', "b": '[require]\nmetrics = ["acuracy"]\n'},
            "b.toml:2: unknown metric 'acuracy'. Did you mean 'accuracy'?",
        ),
        ({"a": '[require]\nmetrics = ["subgroups"]\n'}, "a.toml:2: no rule can ask 'subgroups'"),
        ({"a": '[require]\ncrossings = [["sex"]]\n'}, "a.toml:2: a crossing is of two attributes or more"),
        ({"a": "[require]\nlowest_min_n = 9\nhighest_min_n = 8\n"}, "a.toml:2: no min_n is at least 9 and at most 8"),
        ({"a": "[require]\nwaivers = false\nlongest_waiver = 9\n"}, "a.toml:3: without waivers none has a length"),
        ({"a": '[require]\non_inconclusive = "maybe"\n'}, "a.toml:2: 'on_inconclusive'"),
        (
            {"a": '[require]\n[[require.rule]]\nmetric = "accuracy"\ncomparison = "ratio"\nat_most = 3.0\n'},
            "a.toml:5: 'at_most': at_most = 3 is impossible",
        ),
        (
            {"a": '[require]\n[[require.rule]]\nmetric = "accuracy"\nat_most = 0.3\n'},
            "a.toml:2: rule 'required/accuracy' needs a comparison",
        ),
    ],
)
def test_every_mistake_is_one_line_with_its_place(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_text(text)
    with pytest.raises(ak.PolicyError) as e:
        ak.Policy.load(tmp_path / "a.toml")
    assert said in str(e.value)
    assert "\n" not in str(e.value)


def test_a_required_check_must_exist(tmp_path: Path) -> None:
    policy = load(tmp_path, BOTH, '[require]\nchecks = ["subgroup"]\n')
    with pytest.raises(ak.PolicyError, match=r"company.toml:2: no check 'subgroup'; .*Did you mean 'subgroups'"):
        audited(policy, "sex", "race")


# ---- a verdict on each


FIXED = """
[require]
attributes = ["sex"]
checks = ["group_fairness"]
[[require.rule]]
metric = "selection_rate"
comparison = "difference"
by = ["sex"]
at_most = 0.3
"""
WHOLE = REQUIRE + 'crossings = [["sex", "race"]]\n'


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> ak.Policy:
    return load(tmp_path_factory.mktemp("floor"), BOTH, WHOLE)


@pytest.fixture(scope="module")
def lacking(policy: ak.Policy) -> Report:
    return audited(policy, "sex")


def test_each_kind_is_told_apart(policy: ak.Policy, lacking: Report) -> None:
    whole = audited(policy, "sex", "race", checks=["group_fairness"])
    assert set(states(whole).values()) == {"assessed"}
    assert whole.passed
    assert states(lacking) == {
        "attribute sex": "assessed",
        "attribute race": "left_out",
        "crossing sex & race": "left_out",
        "check group_fairness": "assessed",
        "metric selection_rate by sex": "assessed",
        "metric selection_rate by race": "left_out",
    }
    absent = audited(policy, "sex", data=rows().drop(columns="race"))
    assert {k: s for k, s in states(absent).items() if "race" in k} == {
        "attribute race": "not_in_data",
        "crossing sex & race": "not_in_data",
        "metric selection_rate by race": "not_in_data",
    }
    few = rows(race="a")
    few.loc[:3, "race"] = "b"
    small = audited(policy, "sex", "race", data=few)
    assert (states(small)["attribute race"], states(small)["metric selection_rate by race"]) == ("too_few", "too_few")
    other = audited(policy, "sex", "race", checks=["subgroups"])
    assert states(other)["check group_fairness"] == "left_out"


def test_of_several_labels_each_requirement_is_found(tmp_path: Path) -> None:
    floor = load(tmp_path, RULE.format(id="sex", by="sex", limit=0.2), FIXED)
    frame = rows().assign(y2=lambda d: d.p, p2=lambda d: d.y)
    data = ak.Dataset(frame, y_true=["y", "y2"], task="multilabel", sensitive_features=["sex"])
    report = ak.audit(ak.Predictions(("p", "p2")), data, policy=floor, checks=["group_fairness"])
    assert set(states(report).values()) == {"assessed"}
    assert ak.verify(report).agrees


def test_a_check_that_broke_is_not_measured(policy: ak.Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("auditkit.fairness.groups.check.GroupFairness.assess", broken)
    report = audited(policy, "sex", "race", on_error="not_measured")
    assert states(report)["check group_fairness"] == "not_measured"


def test_what_was_not_assessed_stands_in_the_way(lacking: Report, tmp_path: Path) -> None:
    assert (lacking.outcome, lacking.passed) == ("undecided", False)
    with pytest.raises(ak.PolicyViolation, match="required attribute race: The data have 'race', and the audit does"):
        lacking.raise_for_status()
    with pytest.raises(
        AssertionError, match=r"groups of race: left out by configuration\n  required by company.toml:3"
    ):
        ak.testing.complain(lacking)
    forgiving = REQUIRE + 'on_not_measured = "warn"\n'
    own = f'[defaults]\non_not_measured = "warn"\n{BOTH}'
    warned = audited(load(tmp_path, own, forgiving), "sex")
    assert (warned.outcome, warned.passed) == ("undecided", True)
    with pytest.warns(ak.AuditWarning, match="required attribute race"):
        warned.raise_for_status()


def test_page_json_and_junit_say_it(lacking: Report) -> None:
    page = words(render(lacking))
    assert "What the organisation requires" in page
    assert "Groups of race Left out by configuration The data have &#39;race&#39;" in page
    assert "Three of six things that company.toml requires were not assessed; three of these stand in the way" in page
    plain = audited(BOTH_DICT, "sex", "race")
    assert "organisation" not in words(render(plain))
    stored = json.loads(lacking.to_json())
    assert [r["state"] for r in stored["required"]].count("left_out") == 3
    assert stored["policy"]["floors"][0]["sha256"] == lacking.policy.floors[0].sha256
    assert {"required", "floors"}.isdisjoint({*json.loads(plain.to_json()), *json.loads(plain.to_json())["policy"]})
    cases = {c.get("name"): c for c in ET.fromstring(junit(lacking)).iter("testcase")}
    assert cases["groups of sex"].find("failure") is None
    assert "left out by configuration" in cases["groups of race"].find("failure").get("message")


BOTH_DICT = {
    "rule": [
        {"id": a, "metric": "selection_rate", "comparison": "difference", "by": [a], "at_most": 0.2}
        for a in ("sex", "race")
    ]
}


def test_a_stored_report_stays_under_its_floor(policy: ak.Policy, lacking: Report, tmp_path: Path) -> None:
    again = ak.judge(Report.from_json(lacking.to_json()), policy)
    assert (again.required, again.verdicts) == (lacking.required, lacking.verdicts)
    assert ak.verify(lacking).agrees
    forged = lacking.model_copy(
        update={"required": tuple(r.model_copy(update={"state": "assessed"}) for r in lacking.required)}
    )
    assert not ak.verify(forged).agrees
    equal, loose = (
        ak.judge(lacking, {"rule": [r | {"at_most": limit} for r in BOTH_DICT["rule"][:n]]})
        for limit, n in ((0.2, 2), (0.2, 1))
    )
    assert [(r.state, r.blocks) for r in equal.required if r.need == "policy"] == [("assessed", False)]
    (told,) = (r for r in loose.required if r.need == "policy")
    assert (told.state, told.blocks) == ("left_out", True)
    assert "which the policy does not extend: the policy: no rule asks selection_rate by race" in told.reason
    third = ak.judge(loose, BOTH_DICT)
    assert [f.source for f in third.policy.floors] == ["company.toml"], "it cannot be judged out of its floor"


def test_the_command_line_holds_it(lacking: Report, tmp_path: Path) -> None:
    load(tmp_path, BOTH, WHOLE)
    rows().to_csv(tmp_path / "rows.csv", index=False)
    lacking.save(tmp_path / "hiring.json")
    status, out, _ = run_cli(["gate", str(tmp_path / "hiring.json"), "--policy", str(tmp_path / "auditkit.toml")])
    assert status == 3
    assert "Groups of race: left out by configuration." in " ".join(out.split())
    config = (
        f'extends = "company.toml"\n[data]\npath = "rows.csv"\ny_true = "y"\npositive = 1\n'
        f'sensitive_features = ["sex", "race"]\n[predictions]\ny_pred = "p"\n[[check]]\nname = "group_fairness"\n{BOTH}'
    )
    (tmp_path / "whole.toml").write_text(config)
    (tmp_path / "loose.toml").write_text(RULE.format(id="sex", by="sex", limit=0.9))
    asked = ["run", str(tmp_path / "whole.toml"), "--out", str(tmp_path), "--quiet"]
    status, _, said = run_cli([*asked, "--policy", str(tmp_path / "loose.toml")])
    assert (status, said) == (
        2,
        "auditkit: loose.toml: no rule asks selection_rate by race, which is required (company.toml:4)\n",
    )


def test_the_example_of_the_documentation_holds(tmp_path: Path) -> None:
    page = (Path(ak.__file__).parent.parent / "docs" / "gate.md").read_text(encoding="utf-8")
    company = "[require]" + page.partition("```toml\n[require]")[2].partition("```")[0]
    own = (RULE.format(id=a, by=a, limit=0.1).replace("selection_rate", "true_positive_rate") for a in ("sex", "race"))
    policy = load(tmp_path, "".join(own), company)
    assert [r.id for r in policy.rules] == ["sex", "race"]
    four = '[[rule]]\nid = "four"\nmetric = "impact_ratio"\nby = ["sex"]\nat_least = 0.7\n'
    with pytest.raises(ak.PolicyError, match=r"asks at least 0\.70; required is at least 0\.80"):
        load(tmp_path, four, company)
