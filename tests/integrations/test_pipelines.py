"""The recipes of docs/pipelines.md, as they stand there, each by the library that it is for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import auditkit as ak
from tests.integrations.installed import installed
from tests.integrations.reports import ROOT

pytestmark = [pytest.mark.integrations, pytest.mark.filterwarnings("default")]
BIN = Path(sys.executable).parent
PAGE = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
NUMBER = "fairness/selection_rate/difference/sex"


def recipe(chapter: str) -> str:
    """The one block of code of a chapter; of the page's beginning where it is empty."""
    text = PAGE.split(f"\n## {chapter}\n")[1] if chapter else PAGE
    (found,) = re.findall(r"```\w+\n(.*?)```", text.split("\n## ")[0], re.DOTALL)
    return str(found)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the page's configuration and of decisions that differ by 30 points: its policy is failed."""
    monkeypatch.setenv("PATH", f"{BIN}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    Path("auditkit.toml").write_text(recipe(""))
    decided(gap=30)
    return tmp_path


def decided(gap: int) -> pd.DataFrame:
    """1,000 of each; 40% of women have the good decision, and so many points more of men. Nobody is decided rightly."""
    count = {"f": 400, "m": 400 + 10 * gap}
    rows = pd.DataFrame({"sex": ["f", "m"] * 1_000, "decision": 0})
    for sex, n in count.items():
        rows.loc[rows.index[rows["sex"] == sex][:n], "decision"] = 1
    rows["repaid"] = 1 - rows["decision"]
    rows.to_csv("decisions.csv", index=False)
    return rows


def own() -> ak.Report:
    """The same audit without any of them."""
    data = ak.Dataset("decisions.csv", y_true="repaid", sensitive_features=["sex"])
    return ak.audit(ak.Predictions("decision"), data, checks=["group_fairness"], policy="auditkit.toml")


def test_mlflow() -> None:
    mlflow = installed("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{Path.cwd()}/runs.db")
    with pytest.raises(ak.PolicyViolation, match="alike"):
        exec(recipe("MLflow"), {})
    failed = mlflow.last_active_run()
    assert failed.data.tags["auditkit.outcome"] == "failed"
    assert failed.data.metrics[f"auditkit/{NUMBER}"] == pytest.approx(0.3)
    decided(gap=0)
    told: dict[str, Any] = {}
    exec(recipe("MLflow"), told)
    assert told["result"].metrics[f"auditkit/{NUMBER}/low"] == own().finding(NUMBER).estimate.low


def test_dagster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A failed rule keeps what is downstream from being made; one of severity warning does not."""
    dg = installed("dagster")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    told: dict[str, Any] = {"__name__": "recipe"}
    exec(recipe("Dagster"), told)
    made: list[str] = []

    @dg.asset
    def decisions() -> pd.DataFrame:
        return pd.read_csv("decisions.csv")

    @dg.asset(deps=[decisions])
    def offers() -> None:
        made.append("offers")

    for gap, passed in ((30, False), (0, True)):
        decided(gap=gap)
        result = dg.materialize([decisions, offers, told["fairness"]], raise_on_error=False)
        report = own()
        by_name = {e.check_name: e for e in result.get_asset_check_evaluations()}
        assert set(by_name) == {"alike", "right_enough", "whole_policy"}
        for v in report.verdicts:
            e = by_name[v.rule.id.replace("-", "_")]
            assert (e.passed, e.description) == (v.status == "pass", v.reason)
            assert e.severity.value == ("ERROR" if v.blocks else "WARN") or e.passed
        assert by_name["whole_policy"].passed is report.passed is passed
        assert not by_name["right_enough"].passed
        assert bool(made) is passed
        assert Path("reports/fairness.html").is_file()


def test_dagster_refuses_two_rules_of_one_name() -> None:
    """Ids that differ in a sign alone would be one check: one of them would be lost."""
    dg = installed("dagster")
    text = Path("auditkit.toml").read_text()
    rule = text[text.index("[[rule]]") : text.rindex("[[rule]]")]
    Path("auditkit.toml").write_text(text + rule.replace('"alike"', '"right.enough"'))
    told: dict[str, Any] = {"__name__": "recipe"}
    exec(recipe("Dagster"), told)
    decisions = dg.AssetsDefinition.from_op(dg.op(name="decisions")(lambda: pd.read_csv("decisions.csv")))
    with pytest.raises(dg.DagsterInvariantViolationError, match=r"right_enough.*multiple times"):
        dg.materialize([decisions, told["fairness"]])


def test_dvc() -> None:
    """The audit is kept, the gate has the status of the policy, and the numbers are read."""
    installed("dvc")
    Path("dvc.yaml").write_text(recipe("DVC"))
    dvc("init", "--no-scm", "--quiet")
    failed = dvc("repro")
    assert failed.returncode != 0
    assert "failed to reproduce 'gate'" in failed.stderr
    assert _shown() == pytest.approx(0.3)
    assert ak.Report.load("reports/fairness.json").outcome == "failed"
    decided(gap=0)
    assert dvc("repro").returncode == 0
    assert _shown() == 0
    Path("decisions.csv").write_text("sex,decision\nf,1\n")
    nothing = dvc("repro")
    assert nothing.returncode != 0
    assert "failed to reproduce 'audit'" in nothing.stderr


def dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)


def _shown() -> float:
    """As `dvc metrics show --json` has it."""
    told = json.loads(dvc("metrics", "show", "--json").stdout)
    (file,) = told[""]["data"].values()
    return float(file["data"][NUMBER])


def test_kedro() -> None:
    """The report is there whatever the gate says, and what needs a fair decision runs on one alone."""
    installed("kedro")
    from kedro.io import DataCatalog, MemoryDataset
    from kedro.pipeline import node, pipeline
    from kedro.runner import SequentialRunner

    told: dict[str, Any] = {}
    exec(recipe("Kedro"), told)
    offers: list[str] = []
    whole = told["fairness"] + pipeline([node(offers.append, "fairness_outcome", None)])
    for gap in (30, 0):
        catalog = DataCatalog({"decisions": MemoryDataset(decided(gap=gap)), "fairness_metrics": MemoryDataset()})
        if gap:
            with pytest.raises(ak.PolicyViolation, match="alike"):
                SequentialRunner().run(whole, catalog)
            assert not offers
        else:
            SequentialRunner().run(whole, catalog)
        assert ak.Report.load("reports/fairness.json").outcome == own().outcome
        numbers = catalog.load("fairness_metrics")
        assert numbers[NUMBER] == pytest.approx(gap / 100)
    assert offers == [own().outcome]
