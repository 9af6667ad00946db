"""A report verified: what its evidence gives agrees to the last word, and every edit is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.records import Report
from tests.helpers import run_cli

RULES = [
    {"id": "equal", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.05},
    {"id": "right", "metric": "accuracy", "comparison": "group_min", "by": ["sex"], "at_least": 0.5},
]


def frame(n: int = 1_500) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    sex, race = rng.choice(["f", "m"], n), rng.choice(["a", "b", "c"], n)
    x = rng.normal(size=n) + (sex == "m")
    score = 1 / (1 + np.exp(-x))
    y = (rng.random(n) < score).astype(int)
    rows = {"sex": sex, "race": race, "x": x, "y": y, "score": score, "p": (score > 0.6).astype(int)}
    return pd.DataFrame(rows).assign(w=rng.uniform(0.5, 2, n), z=(rng.random(n) < 0.4).astype(int))


CHECKS = ["group_fairness", "scores", "data_profile", "subgroups", "proxies"]


def audited(checks: list[str] = CHECKS, n: int = 1_500, by: tuple[str, ...] = ("sex", "race"), **data: Any) -> Report:
    given = ak.Dataset(frame(n), y_true="y", positive=1, sensitive_features=list(by), **data)
    return ak.audit(ak.Predictions("p", "score"), given, checks=checks, policy={"rule": RULES}, name="v")


@cache
def plain() -> Report:
    return audited()


@cache
def small() -> Report:
    """Every part that a report has, of one attribute: an edit of it is looked for fifteen times."""
    return audited(n=600, by=("sex",))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("data", [{}, {"weights": "w"}, {"cluster": "x"}])
def test_what_was_audited_agrees_fresh_and_stored(data: dict[str, Any]) -> None:
    report = audited(["group_fairness", "proxies", "consistency"], **data) if data else plain()
    for one in (report, Report.from_json(report.to_json())):
        found = ak.verify(one)
        assert found.agrees, [c for c in found.checked if c.state == "differs"]
        told = {c.what: c.state for c in found.checked}
        beside = {"remedies": one.remedies, "other thresholds": one.explorer}
        assert told == {
            "findings": "same",
            "verdicts": "same",
            **{what: "same" for what, held in beside.items() if held is not None},
            "model and data": "not checked",
            "the rest": "not checked",
        }
    assert data or set(beside) < set(told), "scores tell of both"


def first(raw: dict[str, Any], metric: str = "selection_rate", comparison: str = "difference") -> dict[str, Any]:
    return next(f for f in raw["findings"] if (f["metric"], f["comparison"], f["by"]) == (metric, comparison, ["sex"]))


def _value(raw: dict[str, Any]) -> None:
    first(raw)["estimate"]["value"] += 0.01


def _unruled(raw: dict[str, Any]) -> None:
    first(raw, "precision")["estimate"]["high"] = 0.9


def _statement(raw: dict[str, Any]) -> None:
    first(raw, "precision")["statement"] = "Nobody is treated differently."


def _appended(raw: dict[str, Any]) -> None:
    first(raw, "precision")["statement"] += " This was looked at by the board."


def _group(raw: dict[str, Any]) -> None:
    first(raw, "precision")["by_group"][0]["estimate"]["numerator"] += 1


def _exhibit(raw: dict[str, Any]) -> None:
    x = next(x for f in raw["findings"] for x in f["exhibits"] if x["kind"] == "table" and x["rows"])
    x["rows"][0][-1] = "0"


def _verdict(raw: dict[str, Any]) -> None:
    raw["verdicts"][0]["status"] = "pass"


def _limit(raw: dict[str, Any]) -> None:
    raw["verdicts"][0]["rule"]["at_most"] = 0.9


def _lost(raw: dict[str, Any]) -> None:
    raw["findings"] = [f for f in raw["findings"] if f["metric"] != "precision"]


def _invented(raw: dict[str, Any]) -> None:
    raw["findings"].append({**first(raw, "precision"), "id": "fairness/kindness/difference/sex", "metric": "kindness"})


def _evidence(raw: dict[str, Any]) -> None:
    del raw["evidence"]["subgroups:error_rate"]


def _points_elsewhere(raw: dict[str, Any]) -> None:
    raw["verdicts"][0]["finding"] = first(raw, "precision")["id"]


def _perfect(raw: dict[str, Any]) -> None:
    raw["verdicts"][0]["perfect"]["status"] = "pass"


def _remedy(raw: dict[str, Any]) -> None:
    raw["remedies"]["rows"][1]["accuracy"] += 0.01


def _threshold(raw: dict[str, Any]) -> None:
    steps = raw["explorer"]["rules"][0]["status"]
    steps[0] = "pass" if steps[0] != "pass" else "fail"


EDITS = [
    *(_points_elsewhere, _perfect, _remedy, _threshold, _value, _unruled, _statement, _appended, _group, _exhibit),
    *(_verdict, _limit, _lost, _invented, _evidence),
]


def test_unedited_it_agrees() -> None:
    assert ak.verify(Report.from_json(small().to_json())).agrees


@pytest.mark.one_in(4)
@pytest.mark.parametrize("edit", EDITS)
def test_every_edit_is_found(edit: Callable[[dict[str, Any]], None]) -> None:
    raw = json.loads(small().to_json())
    edit(raw)
    found = ak.verify(Report.from_json(json.dumps(raw)))
    assert not found.agrees


def test_evidence_that_is_no_evidence_differs_and_is_no_traceback() -> None:
    for damage in ({"type": "Tally", "version": 1, "options": {}, "data": {}}, {"type": "Other", "data": {"a": 1}}):
        raw = json.loads(small().to_json())
        raw["evidence"]["scores"] = damage
        found = ak.verify(Report.from_json(json.dumps(raw)))
        assert "evidence of scores" in [c.what for c in found.checked if c.state == "differs"]


def test_the_policy_that_is_given_is_compared() -> None:
    same = ak.verify(plain(), policy={"rule": RULES})
    assert same.agrees
    looser = [{**RULES[0], "at_most": 0.9}, RULES[1]]
    found = {c.what: c for c in ak.verify(plain(), policy={"rule": looser}).checked}
    assert found["policy"].state == "differs"
    assert found["verdict equal"].said == "the report says fail, judged again it is pass"


@pytest.mark.slow
def test_made_again_the_audit_is_compared() -> None:
    found = {c.what: c for c in ak.verify(plain(), again=audited()).checked}
    assert found["data"].state == found["findings, made again"].state == "same"
    other = frame()
    other.loc[:9, "p"] = 1 - other.loc[:9, "p"]
    data = ak.Dataset(other, y_true="y", positive=1, sensitive_features=["sex", "race"])
    changed = ak.audit(ak.Predictions("p", "score"), data, checks=CHECKS, name="v")
    found = {c.what: c for c in ak.verify(plain(), again=changed).checked}
    assert found["data"].state == "differs"
    assert found["finding fairness/selection_rate/difference/sex, made again"].state == "differs"


def test_several_labels_and_public_reports() -> None:
    rows = frame()
    data = ak.Dataset(rows, y_true=["y", "z"], task="multilabel", sensitive_features=["sex"])
    assert ak.verify(ak.audit(ak.Predictions(["p", "z"]), data, checks=["group_fairness"])).agrees
    given = ak.Dataset(rows, y_true="y", positive=1, sensitive_features=["sex"])
    public = ak.audit(
        ak.Predictions("p"), given, checks=["group_fairness"], policy={"rule": RULES},
        disclosure=ak.Disclosure(profile="public"),
    )  # fmt: skip
    assert {c.state for c in ak.verify(public).checked} == {"not checked"}


@pytest.mark.slow
def test_the_command_says_what_was_checked_and_what_was_not(tmp_path: Path) -> None:
    path = plain().save(tmp_path / "r.json")
    status, out, _ = run_cli(["verify", str(path)])
    assert status == 0
    assert "– file: not checked. no digest was expected; this one has sha256:" in out
    assert "✓ findings: agrees. all" in out
    digest = out.split("this one has ")[1].split()[0]
    assert run_cli(["verify", str(path), "--expect", digest])[0] == 0
    path.write_text(path.read_text().replace('"name":"v"', '"name":"w"'))
    status, out, _ = run_cli(["verify", str(path), "--expect", digest])
    assert status == 1
    assert "× file: differs." in out
