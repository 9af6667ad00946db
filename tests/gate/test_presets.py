"""Presets: the rules of a law, in Python, TOML and on the command line, and every way to ask for them wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.errors import PolicyError
from tests.helpers import run_cli


def frame() -> pd.DataFrame:
    """Women are selected at half the rate of men; race plays no part."""
    rows = [
        {"sex": s, "race": r, "y": i % 2, "pred": int(i < k)}
        for s, k in (("f", 60), ("m", 120))
        for r in "ab"
        for i in range(300)
    ]
    return pd.DataFrame(rows)


def report(policy: Any, **renamed: str) -> ak.Report:
    data = ak.Dataset(
        frame().rename(columns=renamed), y_true="y", sensitive_features=[renamed.get(c, c) for c in ("sex", "race")]
    )
    return ak.audit(ak.Predictions("pred"), data, checks=[ak.GroupFairness()], policy=policy)


def states(r: ak.Report) -> dict[str, str]:
    return {v.rule.id: v.status for v in r.verdicts}


def test_four_fifths_is_the_rule_written_out() -> None:
    ratio = {"metric": "selection_rate", "comparison": "ratio", "at_least": 0.8}
    written_out = {"rule": [{"id": f"four-fifths/{a}", "by": a, **ratio} for a in ("sex", "race")]}
    by_name, by_hand = report("four-fifths"), report(written_out)
    assert states(by_name) == states(by_hand) == {"four-fifths/sex": "fail", "four-fifths/race": "pass"}
    for a, b in zip(by_name.verdicts, by_hand.verdicts, strict=True):
        assert (a.estimate, a.p, a.reason) == (b.estimate, b.p, b.reason)
    assert by_name.outcome == "failed"
    assert by_name.policy is not None
    assert by_name.policy.id == "four-fifths"
    assert by_name.verdicts[0].rule.refs == ("29 CFR 1607.4(D), Uniform Guidelines (1978)",)


def test_nyc_asks_for_the_numbers_and_sets_no_limit() -> None:
    judged = report(ak.Policy.preset("nyc-ll144"))
    assert states(judged) == dict.fromkeys(("nyc-ll144/sex", "nyc-ll144/race", "nyc-ll144/sex+race"), "pass")
    assert judged.verdicts[0].reason == "Measured: 0.50. The rule asks for the number and sets no limit."
    alone = ak.Dataset(frame()[lambda x: x["sex"] == "f"], y_true="y", sensitive_features=["sex", "race"])
    unmeasured = ak.audit(ak.Predictions("pred"), alone, checks=[ak.GroupFairness()], policy="nyc-ll144")
    assert states(unmeasured)["nyc-ll144/sex"] == "not_measured"
    assert not unmeasured.passed


def test_columns_and_sets_are_named() -> None:
    judged = report(ak.Policy.preset("nyc-ll144", sex="gender", race="ethnicity"), sex="gender", race="ethnicity")
    assert list(states(judged)) == ["nyc-ll144/gender", "nyc-ll144/ethnicity", "nyc-ll144/gender+ethnicity"]
    crossed = report(ak.Policy.preset("four-fifths", by=["race", ["sex", "race"]]))
    assert states(crossed) == {"four-fifths/race": "pass", "four-fifths/sex+race": "fail"}


def test_toml_with_rules_of_its_own_and_defaults(tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(
        '[policy]\npreset = "four-fifths"\nby = ["sex"]\nowner = "HR"\n[defaults]\nmin_n = 20\n'
        '[[rule]]\nid = "tpr"\nmetric = "true_positive_rate"\ncomparison = "difference"\nby = "sex"\nat_most = 0.9\n'
    )
    judged = report(file)
    assert states(judged) == {"tpr": "pass", "four-fifths/sex": "fail"}
    assert [v.rule.min_n for v in judged.verdicts] == [20, 20]
    assert judged.policy is not None
    assert (judged.policy.owner, judged.policy.source) == ("HR", "gate.toml")
    assert judged.policy.sha256 == ak.Policy.load(file).for_features(("sex", "race")).sha256
    assert judged.policy.sha256 != ak.Policy.load(file).sha256  # the rules of the preset are part of what is asked
    stored = ak.Report.from_json(judged.to_json())
    assert states(ak.judge(stored, file)) == states(judged)


def test_command_line_takes_the_name(tmp_path: Path) -> None:
    data = tmp_path / "scored.csv"
    frame().to_csv(data, index=False)
    asked = f"run --data {data} --y-true y --y-pred pred --sensitive sex --sensitive race".split()
    where = f"--out {tmp_path} --format json --name a --quiet".split()
    assert run_cli([*asked, "--policy", "four-fifths", *where])[0] == 1
    assert run_cli(["gate", str(tmp_path / "a.json"), "--policy", "nyc-ll144"])[0] == 0
    status, _, err = run_cli(["gate", str(tmp_path / "a.json"), "--policy", "four-fith"])
    assert (status, "Did you mean 'four-fifths'?" in err) == (2, True)
    config = tmp_path / "auditkit.toml"
    config.write_text(
        '[data]\npath = "scored.csv"\ny_true = "y"\nsensitive_features = ["sex"]\n[predictions]\ny_pred = "pred"\n'
        '[policy]\npreset = "four-fifths"\n'
    )
    assert run_cli(["run", str(config), *where])[0] == 1


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"preset": "nyc-l144"}, "unknown preset 'nyc-l144'.*Did you mean 'nyc-ll144'"),
        ({"preset": "nyc-ll144", "by": ["sex"]}, "takes no 'by'"),
        ({"preset": "four-fifths", "sex": "gender"}, "takes no 'sex' and 'race'"),
        ({"preset": "four-fifths", "by": [[]]}, "names nothing to compare"),
        ({"preset": "four-fifths", "by": 3}, "'by'"),
        ({"preset": "nyc-ll144", "sex": "race"}, "both are 'race'"),
        ({"by": ["sex"]}, "'by' goes with preset"),
        ({"presets": "four-fifths"}, "unknown key 'presets'.*Did you mean 'preset'"),
    ],
)
def test_wrong_presets(policy: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        ak.Policy.from_dict({"policy": policy})


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (ak.Policy.preset("nyc-ll144"), r"no sensitive feature 'sex'; declared are gender, race\..* sex = \"gender\""),
        (ak.Policy.preset("nyc-ll144", sex="gender", race="rac"), r"Did you mean 'race'\?.* race = \"race\""),
        (ak.Policy.preset("four-fifths", by=["gendr"]), "Did you mean 'gender'"),
    ],
)
def test_columns_that_are_not_declared(policy: ak.Policy, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        policy.for_features(("gender", "race"))


def test_two_rules_of_one_id() -> None:
    rule = {"id": "four-fifths/sex", "metric": "precision", "comparison": "difference", "by": "sex", "at_most": 0.1}
    policy = ak.Policy.from_dict({"policy": {"preset": "four-fifths"}, "rule": [rule]})
    with pytest.raises(PolicyError, match="two rules have the id 'four-fifths/sex'"):
        policy.for_features(("sex",))


@pytest.mark.parametrize("name", ["impact_ratio", "unknown_demographics", "scoring_rate"])
def test_explained(name: str) -> None:
    status, out, _ = run_cli(["explain", name])
    assert status == 0
    assert out.startswith(f"{name}: ")
    assert "Held to" in out


def test_impact_ratio_in_a_rule_is_still_the_ratio_of_selection_rates() -> None:
    rule = {"id": "a", "metric": "impact_ratio", "by": "sex", "at_least": 0.8}
    (made,) = ak.Policy.from_dict({"rule": [rule]}).rules
    assert (made.metric, made.comparison) == ("selection_rate", "ratio")


def scored(policy: Any = "clinical", *more: Any) -> ak.Report:
    rng = np.random.default_rng(3)
    n = 4_000
    sex, x = rng.choice(["f", "m"], n), rng.normal(size=n)
    risk = 1 / (1 + np.exp(-x))
    y = (rng.random(n) < risk).astype(int)
    shown = np.where(sex == "f", risk / 2, risk)  # the risk of women is told at half
    rows = pd.DataFrame({"sex": sex, "y": y, "score": shown, "pred": (shown > 0.5).astype(int)})
    data = ak.Dataset(rows, y_true="y", positive=1, sensitive_features=["sex"])
    checks = ["group_fairness", "scores", *more]
    return ak.audit(ak.Predictions("pred", "score"), data, checks=checks, policy=policy)


def test_clinical_asks_for_sensitivity_specificity_and_calibration_by_group() -> None:
    judged = scored()
    assert states(judged) == {
        "clinical/sensitivity/sex": "fail",
        "clinical/specificity/sex": "fail",
        "clinical/calibration/sex": "fail",
    }
    assert all(v.rule.refs == ("tripod-ai:3c",) for v in judged.verdicts)
    without = report("clinical")
    assert states(without)["clinical/calibration/sex"] == "not_measured", "without scores"
    assert not without.passed


def test_clinical_asks_for_net_benefit_where_the_threshold_of_treatment_is_said() -> None:
    asked = {"policy": {"preset": "clinical", "threshold": 0.2}}
    judged = scored(asked, ak.NetBenefit(thresholds=[0.2]))
    found = {k: v for k, v in states(judged).items() if "net-benefit" in k}
    assert found == {"clinical/net-benefit/sex": "pass", "clinical/net-benefit-over-all/sex": "fail"}
    assert {v.rule.metric for v in judged.verdicts} >= {"net_benefit@0.2", "net_benefit_over_all@0.2"}
    (absent,) = (v for v in scored(asked).verdicts if v.rule.metric == "net_benefit@0.2")
    assert (absent.status, "ak.NetBenefit(thresholds=[0.1])" in (absent.absence or "")) == ("not_measured", True)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"preset": "four-fifths", "threshold": 0.2}, "preset 'four-fifths' takes no 'threshold'"),
        ({"threshold": 0.2}, "'threshold' goes with preset"),
        ({"preset": "clinical", "threshold": 1.0}, "threshold"),
    ],
)
def test_a_threshold_is_that_of_treatment(policy: dict[str, Any], said: str) -> None:
    with pytest.raises(ak.PolicyError, match=said):
        ak.Policy.from_dict({"policy": policy})


def test_equalized_odds_is_the_rule_written_out() -> None:
    rule = {"metric": "equalized_odds", "comparison": "difference", "at_most": 0.1}
    by_hand = report({"rule": [{"id": f"equalized-odds/{a}", "by": a, **rule} for a in ("sex", "race")]})
    by_name = report("equalized-odds")
    assert states(by_name) == states(by_hand)
    assert [v.estimate for v in by_name.verdicts] == [v.estimate for v in by_hand.verdicts]


def test_a_mistyped_attribute_names_the_nearest() -> None:
    rule = {"id": "r", "metric": "selection_rate", "comparison": "difference", "by": ["rase"], "at_most": 0.1}
    (v,) = report({"rule": [rule]}).verdicts
    told = "selection_rate by rase: not in the data of this report (did you mean 'race'?)."
    assert (v.status, v.absence) == ("not_measured", told)
    (v,) = report({"rule": [rule | {"by": ["zip"]}]}).verdicts
    assert v.absence == "selection_rate by zip: not in the data of this report."
