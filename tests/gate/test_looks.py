"""One error over several audits: the confidence of each, what is said of it, and hashes that stay what they were.

Errors over twelve looks are simulated in `tests/simulations/looks.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import auditkit as ak
from auditkit.looks import dearer, declared, spent, told
from auditkit.records import Report
from auditkit.report.html.page import render
from tests.helpers import run_cli
from tests.report.test_answers import words

RULE = {"id": "equal", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.05}
OWN = {"id": "own", "metric": "accuracy", "comparison": "overall", "at_least": 0.2, "confidence": 0.9}


def policy(looks: int | None = None, *rules: dict[str, object]) -> ak.Policy:
    table = {} if looks is None else {"policy": {"looks": looks}}
    return ak.Policy.from_dict({**table, "rule": list(rules or (RULE, OWN))})


@pytest.fixture(scope="module")
def report() -> Report:
    rng = np.random.default_rng(3)
    sex = np.repeat(["f", "m"], 300)
    rows = {"sex": sex, "y": rng.integers(0, 2, 600), "p": (rng.random(600) < np.where(sex == "f", 0.39, 0.53))}
    data = ak.Dataset(pd.DataFrame(rows).astype({"p": int}), y_true="y", positive=1, sensitive_features=["sex"])
    return ak.audit(ak.Predictions("p"), data, checks=["group_fairness"], name="hiring", policy=policy(12))


def test_each_look_is_judged_at_its_share_of_the_error() -> None:
    asked = policy(12)
    assert asked.confidence == pytest.approx(1 - 0.05 / 12)
    assert asked.rules[1].confidence == pytest.approx(1 - 0.1 / 12)
    assert declared(asked.confidence, 12) == pytest.approx(0.95)
    assert policy(1) == policy()
    assert "looks" not in policy(1).info().model_dump()


def test_hashes_stay_and_looks_are_part_of_what_is_asked() -> None:
    assert policy(1).sha256 == policy().sha256
    assert len({policy(n).sha256 for n in (None, 2, 12)}) == 3
    at = policy(12)
    pinned = ak.Policy.from_dict({"defaults": {"confidence": at.confidence}, "rule": [RULE]})
    assert pinned.sha256 != policy(12, RULE).sha256, "the same confidence, and another question"


def test_a_stored_report_is_judged_as_the_fresh_one_was(report: Report) -> None:
    again = ak.judge(Report.from_json(report.to_json()), policy(12))
    assert again.verdicts == report.verdicts
    assert again.policy == report.policy
    assert ak.verify(report).agrees
    assert ak.verify(report, policy=policy(12)).agrees
    assert report.policy is not None
    assert report.policy.looks == 12
    assert report.verdicts[0].estimate.level > 0.99
    once = ak.judge(report, policy())
    wide, narrow = (next(v for v in r.verdicts if v.rule.id == "equal").estimate for r in (report, once))
    assert wide.low < narrow.low
    assert wide.high > narrow.high


def test_a_verdict_can_depend_on_it(report: Report) -> None:
    status = {n: ak.judge(report, policy(n, RULE)).verdicts[0].status for n in (1, 12)}
    assert status == {1: "fail", 12: "inconclusive"}


def test_presets_spend_it_too(report: Report) -> None:
    asked = ak.Policy.from_dict({"policy": {"preset": "four-fifths", "looks": 12}})
    assert ak.judge(report, asked).verdicts[0].estimate.level == pytest.approx(1 - 0.05 / 12)
    once, twelve = ak.Policy.preset("four-fifths").for_features(("sex",)), asked.for_features(("sex",))
    assert once.sha256 != twelve.sha256


def test_what_it_costs_is_the_gap_that_is_seen_with_four_fifths_of_power() -> None:
    share = dearer(0.95, 12)
    one = norm.isf(0.025) + norm.isf(0.2)
    z = norm.isf(0.05 / 24)
    assert norm.sf(z - share * one) == pytest.approx(0.8, abs=1e-9), "so large a gap is seen as often"
    assert f"{share:.2f} times as large" in told(spent(0.95, 12), 12)
    assert told(0.95, 1) == ""


def test_page_terminal_and_json_say_it(report: Report, tmp_path: Path) -> None:
    said = "This policy is made to be asked 12 times: each audit is judged at 99.58% confidence"
    assert said in words(render(report))
    assert said not in words(render(ak.judge(report, policy())))
    assert json.loads(report.to_json())["policy"]["looks"] == 12
    (tmp_path / "policy.toml").write_text(
        '[policy]\nlooks = 12\n[[rule]]\nid = "equal"\nmetric = "selection_rate"\ncomparison = "difference"\n'
        'by = ["sex"]\nat_most = 0.05\n'
    )
    report.save(tmp_path / "hiring.json")
    status, out, _ = run_cli(["gate", str(tmp_path / "hiring.json"), "--policy", str(tmp_path / "policy.toml")])
    assert status == 0
    assert said in " ".join(out.split())


@pytest.mark.parametrize("looks", [0, -1, 2.5, True, 10_001])
def test_what_is_no_number_of_looks_is_refused(looks: object) -> None:
    with pytest.raises(ak.PolicyError, match="'looks'"):
        ak.Policy.from_dict({"policy": {"looks": looks}, "rule": [RULE]})
