"""The gate believes evidence alone: fresh and stored reports get one verdict, and an edited finding none."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import auditkit as ak
from auditkit.catalogue.gaps import GAPS
from auditkit.catalogue.index import METRICS
from auditkit.errors import ReportError
from tests.helpers import run_cli

ROWS = 700


def columns() -> tuple[np.random.Generator, pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(3)
    groups = pd.DataFrame({"sex": rng.choice(["f", "m"], ROWS), "race": rng.choice(["a", "b", "c"], ROWS)})
    x = pd.DataFrame({"x": rng.normal(size=ROWS) + (groups["sex"] == "m"), "z": rng.normal(size=ROWS)})
    return rng, groups, x


@cache
def binary(kind: str = "") -> ak.Report:
    rng, groups, x = columns()
    score = 1 / (1 + np.exp(-x["x"]))
    frame = x.assign(y_pred=(score > 0.5).astype(int), score=score, y=(rng.uniform(size=ROWS) < score).astype(int))
    frame = frame.assign(sex=groups["sex"], race=groups["race"])
    options: dict[str, Any] = {}
    if kind == "weighted":
        frame["w"], options = rng.uniform(0.5, 3, ROWS), {"sample_weight": "w"}
    if kind == "clusters":
        frame["who"], options = rng.integers(0, 150, ROWS), {"cluster": "who"}
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex"], control_features=["race"], **options)
    checks: list[Any] = [ak.GroupFairness(), ak.ConditionalParity(control=("race",))]
    checks += [] if kind else [ak.Scores()]
    return ak.audit(ak.Predictions("y_pred", "score"), data, checks=checks)


@cache
def gaps() -> ak.Report:
    _, groups, x = columns()
    torch.manual_seed(0)
    data = ak.Dataset.from_arrays(x, y_true=(x["x"] > 0.3).astype(int), positive=1, sensitive_features=groups[["sex"]])
    net = torch.nn.Sequential(torch.nn.Linear(2, 1))
    return ak.audit(ak.Model(net), data, checks=[ak.GroupFairness(), ak.GapAttribution(shuffles=3)], sample=150)


@cache
def several() -> ak.Report:
    rng, groups, x = columns()
    frame = x.assign(p=rng.integers(0, 2, ROWS), q=rng.integers(0, 2, ROWS), t=rng.integers(0, 2, ROWS), u=1)
    frame["u"] = rng.integers(0, 2, ROWS)
    data = ak.Dataset(frame.assign(sex=groups["sex"]), y_true=["t", "u"], sensitive_features=["sex"], task="multilabel")
    return ak.audit(ak.Predictions(["p", "q"]), data, checks=[ak.GroupFairness()])


@cache
def classes() -> ak.Report:
    rng, groups, x = columns()
    frame = x.assign(y_pred=rng.choice(["u", "v", "w"], ROWS))
    y = np.where(rng.uniform(size=ROWS) < 0.6, frame["y_pred"], rng.choice(["u", "v", "w"], ROWS))
    data = ak.Dataset.from_arrays(
        frame, y_true=y, sensitive_features=groups[["sex"]], task="multiclass", classes=["u", "v", "w"]
    )
    return ak.audit(ak.Predictions("y_pred"), data, checks=[ak.ClassFairness()])


@cache
def numbers() -> ak.Report:
    rng, groups, x = columns()
    y = x["x"] * 2
    data = ak.Dataset.from_arrays(
        x.assign(y_pred=y + rng.normal(size=ROWS)), y_true=y, sensitive_features=groups[["sex"]], task="regression"
    )
    return ak.audit(ak.Predictions("y_pred"), data, checks=[ak.RegressionFairness()])


REPORTS: dict[str, tuple[Callable[[], ak.Report], tuple[str, ...]]] = {
    "binary": (binary, ("rate", "composite", "score", "conditional")),
    "weighted": (lambda: binary("weighted"), ("rate", "conditional")),
    "clusters": (lambda: binary("clusters"), ("rate",)),
    "gaps": (gaps, ("gap", "rate")),
    "several": (several, ("rate", "composite")),
    "classes": (classes, ("rate", "composite")),
    "numbers": (numbers, ("error",)),
}


def random_policy(rng: random.Random, kinds: tuple[str, ...], classes: tuple[str, ...]) -> dict[str, Any]:
    """One to five rules on metrics of these kinds."""
    rules = []
    for i in range(rng.randint(1, 5)):
        metric = rng.choice([m for m in METRICS.values() if m.kind in kinds])
        comparison = rng.choice(metric.comparisons)
        rule: dict[str, Any] = {"id": f"r{i}", "metric": metric.name, "comparison": comparison}
        low, high = (max(-3.0, metric.limits[0]), min(3.0, metric.limits[1]))
        rule[rng.choice(["at_most", "at_least"])] = round(rng.uniform(low, high), 3)
        if comparison != "overall":
            rule["by"] = ["sex"]
        if comparison.endswith("to_reference"):
            rule["reference"] = {"sex": rng.choice("fm")}
        if metric.kind == "gap":
            rule |= {"of": rng.choice(list(GAPS)), "features": rng.sample(["x", "z"], rng.randint(1, 2))}
        if classes and rng.random() < 0.5:
            rule["label"] = rng.choice(classes)
        if not metric.tested or rng.random() < 0.2:
            rule["decision"] = "point"
        if rng.random() < 0.3:
            rule["confidence"] = rng.choice([0.8, 0.95, 0.99])
        if rng.random() < 0.3:
            rule["min_n"] = rng.choice([1, 10, 60])
        rules.append(rule | {"severity": rng.choice(["error", "warning"])})
    defaults = {"confidence": rng.choice([0.9, 0.95]), "correction": rng.choice(["holm", "none"])}
    return {"rule": rules, "defaults": defaults}


SEEDS = [*range(40), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(40, 200))]


@pytest.mark.slow_one_in(3)
@pytest.mark.one_in(9)
@pytest.mark.parametrize("seed", SEEDS)
def test_fresh_and_stored_verdicts_are_equal(seed: int) -> None:
    rng = random.Random(seed)
    make, kinds = REPORTS[sorted(REPORTS)[seed % len(REPORTS)]]
    report = make()
    labels = report.provenance.data.classes
    policy, before = (random_policy(rng, kinds, labels) for _ in range(2))
    fresh = ak.judge(report, policy)
    stored = ak.Report.from_json(ak.judge(report, before).to_json())
    again = ak.judge(stored, policy)
    assert again.verdicts == fresh.verdicts
    text = again.to_json() if seed % 10 == 0 else ""
    if text:  # bytes, too
        assert ak.judge(ak.Report.from_json(text), policy).to_json() == text


def test_a_finding_that_a_rule_asks_for_says_what_its_check_does_not_look_at() -> None:
    """As the audit's own finding does; fresh, stored, and for the rates whose check does look at weights."""
    rng, groups, x = columns()
    torch.manual_seed(0)
    how: Any = {"sample_weight": rng.uniform(0.5, 3, ROWS), "cluster": rng.integers(0, 150, ROWS)}
    data = ak.Dataset.from_arrays(
        x, y_true=(x["x"] > 0.3).astype(int), positive=1, sensitive_features=groups[["sex"]], **how
    )
    checks = [ak.GroupFairness(), ak.GapAttribution(shuffles=2)]
    report = ak.audit(ak.Model(torch.nn.Sequential(torch.nn.Linear(2, 1))), data, checks=checks, sample=150)
    asked = {"comparison": "difference", "by": ["sex"], "at_most": 0.5}
    share = {"metric": "gap_share", "of": "mean_score", "features": ["x"]}
    policy = {"rule": [{"id": "g", **asked, **share}, {"id": "r", "metric": "negative_predictive_value", **asked}]}
    own = report.finding("explanation/gap_share[mean_score]/difference/sex")
    said = " Here every row counts once, whatever its weight; rows of one cluster count as independent, so that "
    assert said in own.statement
    for judged in (ak.judge(report, policy), ak.judge(ak.Report.from_json(report.to_json()), policy)):
        added = judged.finding("explanation/gap_share[mean_score][x]/difference/sex")
        assert added.statement.endswith(own.statement[own.statement.index(said) :])
        assert [n for n in added.notes if "not used" in n] == [n for n in own.notes if "not used" in n] != []
        rate = judged.finding(judged.verdicts[1].finding or "")
        assert rate.id not in {f.id for f in report.findings}
        assert not any("not used" in n for n in rate.notes)
        assert "Here every row" not in rate.statement


GAP = {"rule": [{"id": "g", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.1}]}
ID = "fairness/selection_rate/difference/sex"


def edited(report: ak.Report, change: Callable[[dict[str, Any]], Any], id: str = ID) -> ak.Report:
    raw = json.loads(report.to_json())
    change(next(f for f in raw["findings"] if f["id"] == id))
    return ak.Report.from_json(json.dumps(raw))


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f["estimate"].update(value=0.05, low=0.01, high=0.08),
        lambda f: f["estimate"].update(value=f["estimate"]["value"] + 1e-7),
        lambda f: f["estimate"].update(high=None),
        lambda f: f["estimate"].update(n=10),
        lambda f: f["estimate"].update(state="sparse"),
        lambda f: f["by_group"][0]["estimate"].update(value=0.5),
        lambda f: f["by_group"].pop(),
    ],
)
def test_an_edited_finding_is_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    report = ak.judge(binary(), GAP)
    assert report.verdicts[0].status == "fail"
    with pytest.raises(ReportError, match=f"the finding '{ID}' is not what the evidence of this report says"):
        ak.judge(edited(report, change), GAP)


def test_no_edit_of_verdicts_or_of_an_id_turns_the_gate() -> None:
    report = ak.judge(binary(), GAP)
    raw = json.loads(report.to_json())
    raw["verdicts"][0].update(status="pass", p=1.0, reason="fine")
    raw["verdicts"][0]["estimate"].update(value=0.01, low=0.0, high=0.02)
    assert ak.judge(ak.Report.from_json(json.dumps(raw)), GAP).verdicts == report.verdicts
    renamed = edited(
        ak.judge(binary(), GAP).model_copy(update={"verdicts": ()}),
        lambda f: (f.update(id="fairness/x"), f["estimate"].update(value=0.0, low=0.0, high=0.01)),
    )
    assert ak.judge(renamed, GAP).verdicts == report.verdicts


def test_a_report_judged_again_under_holm_is_as_a_fresh_one() -> None:
    """An interval drawn at mixed levels, for one policy, decides nothing for another."""
    many = {"rule": [{**GAP["rule"][0], "id": f"g{i}", "at_most": 0.1 + i / 50} for i in range(8)]}
    stored = ak.Report.from_json(ak.judge(binary(), many).to_json())
    for policy in (GAP, many, {**many, "defaults": {"correction": "none"}}):
        assert ak.judge(stored, policy).verdicts == ak.judge(binary(), policy).verdicts


def test_another_version_is_read_again_and_said(caplog: pytest.LogCaptureFixture) -> None:
    report = ak.judge(binary(), GAP)
    old = report.model_copy(update={"provenance": report.provenance.model_copy(update={"auditkit": "0.0.9"})})
    changed = edited(old, lambda f: f["estimate"].update(value=0.05, low=0.01, high=0.08))
    again = ak.judge(changed, GAP)
    assert again.verdicts == report.verdicts
    assert "auditkit 0.0.9 wrote another number" in caplog.text
    assert any("0.0.9" in note for note in again.finding(ID).notes)


def test_a_finding_without_evidence_cannot_be_judged_again() -> None:
    public = binary().model_copy(update={"evidence": {}})
    with pytest.raises(ReportError, match=r"rule 'g' cannot be judged again.*a public report holds none"):
        ak.judge(public, GAP)


def test_what_no_rule_asks_about_is_not_compared() -> None:
    report = edited(binary(), lambda f: f["estimate"].update(value=0.0), "performance/accuracy/overall")
    assert ak.judge(report, GAP).verdicts[0].status == "fail"


def test_the_digest_that_run_prints_is_what_expect_asks_for(tmp_path: Path) -> None:
    path = binary().save(tmp_path / "r.json")
    (tmp_path / "p.toml").write_text(
        '[[rule]]\nid = "g"\nmetric = "selection_rate"\ncomparison = "difference"\nby = ["sex"]\nat_most = 0.9\n'
    )
    asked = ["gate", str(path), "--policy", str(tmp_path / "p.toml")]
    status, out, _ = run_cli(asked)
    digest = "sha256:" + out.rsplit("sha256:", 1)[1].split()[0]
    assert (status, "can only be found against a digest kept elsewhere" in " ".join(out.split())) == (0, True)
    assert run_cli([*asked, "--expect", digest])[0] == 0
    path.write_text(path.read_text() + " ")
    status, out, err = run_cli([*asked, "--expect", digest])
    assert (status, out) == (2, "")
    assert "is not the expected file" in err
    assert run_cli([*asked, "--expect", "md5:1"])[0] == 2
