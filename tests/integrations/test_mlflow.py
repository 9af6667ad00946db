"""MLflow itself asks for an audit, on a store in a file, and holds what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from tests.integrations.installed import installed

mlflow = installed("mlflow")
pytestmark = [pytest.mark.integrations, pytest.mark.filterwarnings("default")]

RULE = {"id": "alike", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.1}


def people(gap: float) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"sex": rng.choice(["f", "m"], 4_000), "age": rng.integers(18, 80, 4_000)})
    rows["repaid"] = rng.integers(0, 2, 4_000)
    rows["said"] = (rng.random(4_000) < 0.4 + gap * (rows["sex"] == "m")).astype(int)
    return rows


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/runs.db")
    yield
    while mlflow.active_run():
        mlflow.end_run()


def evaluated(rows: pd.DataFrame, **config: Any) -> Any:
    return mlflow.models.evaluate(
        data=rows, targets="repaid", predictions="said", model_type="classifier", evaluators=["auditkit"],
        evaluator_config={"auditkit": {"sensitive_features": ["sex"], "checks": ["group_fairness"], **config}},
    )  # fmt: skip


def test_a_run_holds_numbers_page_and_verdict(tmp_path: Path) -> None:
    rows = people(0.02)
    with mlflow.start_run() as run:
        result = evaluated(rows, policy={"rule": [RULE]})
    report = ak.audit(
        ak.Predictions("said"), ak.Dataset(rows, y_true="repaid", sensitive_features=["sex"]),
        checks=["group_fairness"], policy={"rule": [RULE]},
    )  # fmt: skip
    kept = mlflow.get_run(run.info.run_id).data
    name = "fairness/selection_rate/difference/sex"
    e = report.finding(name).estimate
    for end, value in (("", e.value), ("/low", e.low), ("/high", e.high)):
        assert kept.metrics[f"auditkit/{name}{end}"] == result.metrics[f"auditkit/{name}{end}"] == value
    assert kept.tags["auditkit.outcome"] == report.outcome == "passed"
    at = Path(
        mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="auditkit", dst_path=str(tmp_path))
    )
    stored = ak.Report.load(at / "audit.json")
    assert [(v.status, v.estimate) for v in stored.verdicts] == [(v.status, v.estimate) for v in report.verdicts]
    assert (at / "audit.html").read_text().startswith("<!doctype html>")
    assert result.artifacts["auditkit/report"].content["schema_version"] == "auditkit.report/1"


def test_a_failed_policy_raises_once_all_is_logged() -> None:
    rows = people(0.3)
    with mlflow.start_run() as run, pytest.raises(ak.PolicyViolation, match="alike"):
        evaluated(rows, policy={"rule": [RULE]})
    kept = mlflow.get_run(run.info.run_id).data
    assert kept.tags["auditkit.outcome"] == "failed"
    assert kept.metrics["auditkit/rules/fail"] == 1
    with mlflow.start_run():
        evaluated(rows, policy={"rule": [RULE]}, raise_for_status=False)


def test_a_model_is_asked_and_scores_have_a_threshold() -> None:
    rows = people(0.0)[["sex", "age", "repaid"]]

    def score(given: pd.DataFrame) -> Any:
        return (given["age"].to_numpy() - 18) / 62

    config = {"sensitive_features": ["sex"], "checks": ["group_fairness"], "threshold": 0.5}
    with mlflow.start_run():
        result = mlflow.models.evaluate(
            score, rows, targets="repaid", model_type="classifier", evaluators=["auditkit"],
            evaluator_config={"auditkit": config},
        )  # fmt: skip
    told = result.metrics["auditkit/performance/selection_rate/overall"]
    assert told == pytest.approx((rows["age"] >= 49).mean())


def test_decisions_have_their_scores_beside_them() -> None:
    """What is asked of scores is answered, and the decisions are the given ones."""
    rows = people(0.3).assign(score=lambda x: x["age"] / 80)
    with mlflow.start_run():
        result = evaluated(rows, score="score", checks=["group_fairness", "scores"])
    report = ak.audit(
        ak.Predictions("said", "score"), ak.Dataset(rows, y_true="repaid", sensitive_features=["sex"]),
        checks=["group_fairness", "scores"],
    )  # fmt: skip
    told: dict[str, float] = {}
    report.log(lambda name, value: told.update({f"auditkit/{name}": value}))
    assert result.metrics == told
    assert any("roc_auc" in name for name in told)


def test_what_cannot_be_asked_is_said_in_a_line() -> None:
    rows = people(0.0)
    with mlflow.start_run(), pytest.raises(ak.PolicyError, match=r"'polcy'.*'policy'"):
        evaluated(rows, polcy={"rule": []})
    with mlflow.start_run(), pytest.raises(ak.AuditkitError, match="'sx'"):
        evaluated(rows, sensitive_features=["sx"])
