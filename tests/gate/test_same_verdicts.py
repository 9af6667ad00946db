"""One policy, one judgement: whichever door the rows come through."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from tests.action import act, environment
from tests.forked import python
from tests.helpers import run_cli
from tests.integrations.installed import installed

CONFIG = """
[predictions]
y_pred = "p"
score = "s"

[data]
path = "rows.parquet"
y_true = "y"
positive = 1
sensitive_features = ["sex", "region"]

[audit]
name = "hiring"

[[check]]
name = "group_fairness"

[[check]]
name = "scores"

[policy]
preset = "four-fifths"

[[rule]]
id = "failed"
metric = "selection_rate"
comparison = "difference"
by = ["sex"]
at_most = 0.05

[[rule]]
id = "passed"
metric = "accuracy"
comparison = "overall"
at_least = 0.5

[[rule]]
id = "open"
metric = "true_positive_rate"
comparison = "difference"
by = ["sex", "region"]
at_most = 0.2

[[rule]]
id = "lost"
metric = "accuracy"
comparison = "difference"
by = ["region"]
at_most = 0.1
min_n = 100000

[[rule]]
id = "point"
metric = "roc_auc"
comparison = "group_min"
by = ["region"]
at_least = 0.99
decision = "point"
severity = "warning"

[[rule]]
id = "waived"
metric = "false_positive_rate"
comparison = "ratio"
by = ["sex"]
at_least = 0.95

[[waiver]]
rule = "waived"
reason = "until the new labels come"
approved_by = "board"
expires = 2999-12-31
"""

Judged = dict[str, tuple[object, ...]]


def digits(x: object) -> object:
    """Twelve of them: in another process, a sum of products may differ in its last bit."""
    return float(f"{x:.12g}") if isinstance(x, float) else x


def judged(report: ak.Report) -> Judged:
    """Rule → everything that a verdict says in numbers and words."""
    return {
        v.rule.id: (
            v.status,
            v.blocks,
            v.reason,
            digits(v.p),
            digits(v.tightest),
            v.estimate and {k: digits(x) for k, x in v.estimate.model_dump(exclude={"note"}).items()},
        )
        for v in report.verdicts
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hiring")
    rng = np.random.default_rng(0)
    n = 1_500
    sex, region = rng.choice(["f", "m"], n), rng.choice(["north", "south", "east"], n, p=[0.6, 0.3, 0.1])
    s = rng.beta(2, 2, n)
    y = (rng.random(n) < s).astype(int)
    p = (s > np.where(sex == "f", 0.6, 0.45)).astype(int)
    pd.DataFrame({"sex": sex, "region": region, "y": y, "p": p, "s": s}).to_parquet(folder / "rows.parquet")
    (folder / "auditkit.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def whole(project: Path) -> ak.Report:
    """By Python."""
    rows = ak.Dataset(project / "rows.parquet", y_true="y", positive=1, sensitive_features=["sex", "region"])
    return ak.audit(
        ak.Predictions("p", "s"),
        rows,
        checks=["group_fairness", "scores"],
        policy=project / "auditkit.toml",
        name="hiring",
    )


def by_configuration(project: Path, _: ak.Report) -> Judged:
    status, _, err = run_cli(
        ["run", str(project / "auditkit.toml"), "--out", str(project / "a"), "--format", "json", "-q"]
    )
    assert status == 1, err
    return judged(ak.Report.load(project / "a" / "hiring.json"))


def by_flags(project: Path, _: ak.Report) -> Judged:
    rows = ["--data", str(project / "rows.parquet"), "--y-true", "y", "--positive", "1", "--sensitive", "sex"]
    rows += ["--sensitive", "region", "--y-pred", "p", "--score", "s", "--check", "group_fairness", "--check", "scores"]
    asked = [
        "--policy",
        str(project / "auditkit.toml"),
        "--out",
        str(project / "b"),
        "--name",
        "hiring",
        "--format",
        "json",
        "-q",
    ]
    status, _, err = run_cli(["run", *rows, *asked])
    assert status == 1, err
    return judged(ak.Report.load(project / "b" / "hiring.json"))


def by_stored_report(project: Path, whole: ak.Report) -> Judged:
    """Its evidence alone: the verdicts are taken away first."""
    bare = whole.model_copy(update={"verdicts": (), "policy": None})
    bare.save(project / "bare.json")
    return judged(ak.judge(ak.Report.load(project / "bare.json"), project / "auditkit.toml"))


def by_parts(project: Path, _: ak.Report) -> Judged:
    """Rows that come in seven parts."""
    frame = pd.read_parquet(project / "rows.parquet")
    parts = (frame.iloc[i::7] for i in range(7))
    rows = ak.Dataset(parts, y_true="y", positive=1, sensitive_features=["sex", "region"])
    return judged(
        ak.audit(ak.Predictions("p", "s"), rows, checks=["group_fairness", "scores"], policy=project / "auditkit.toml")
    )


def by_merged_reports(project: Path, whole: ak.Report) -> Judged:
    """Three reports, each of some rows, merged; a rule about scores is answered from bins that overlap, and so told."""
    frame = pd.read_parquet(project / "rows.parquet")
    files = []
    for i in range(3):
        some = frame.iloc[i::3].reset_index(drop=True)
        rows = ak.Dataset(some, y_true="y", positive=1, sensitive_features=["sex", "region"])
        part = ak.audit(ak.Predictions("p", "s"), rows, checks=["group_fairness", "scores"])
        files.append(str(part.save(project / f"part{i}.json")))
    policy = ["--policy", str(project / "auditkit.toml")]
    status, _, err = run_cli(["merge", *files, *policy, "-o", str(project / "merged.json"), "-q"])
    assert status == 1, err
    found, own = judged(ak.Report.load(project / "merged.json")), judged(whole)
    assert found["point"][:2] == own["point"][:2]
    return {**found, "point": own["point"]}


def by_mlflow(project: Path, _: ak.Report) -> Judged:
    """MLflow asks, and its store holds the report."""
    asked = {"sensitive_features": ["sex", "region"], "positive": 1, "score": "s"}
    asked |= {"checks": ["group_fairness", "scores"], "policy": project / "auditkit.toml", "raise_for_status": False}
    with warnings.catch_warnings(action="ignore"):  # theirs, of their own libraries
        mlflow = installed("mlflow")
        mlflow.set_tracking_uri(f"sqlite:///{project}/runs.db")
        experiment = mlflow.create_experiment("hiring", artifact_location=(project / "runs").as_uri())
        with mlflow.start_run(experiment_id=experiment) as run:
            mlflow.models.evaluate(
                data=pd.read_parquet(project / "rows.parquet"), targets="y", predictions="p", model_type="classifier",
                evaluators=["auditkit"], evaluator_config={"auditkit": asked},
            )  # fmt: skip
        kept = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="auditkit/audit.json")
    return judged(ak.Report.load(kept))


def by_action(project: Path, whole: ak.Report) -> Judged:
    """The steps of action.yml, of a stored report that was never judged."""
    whole.model_copy(update={"verdicts": (), "policy": None}).save(project / "unjudged.json")
    (project / "runner").mkdir()
    env = environment()
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    asked = {"mode": "gate", "report": "unjudged.json", "policy": "auditkit.toml", "install": "false"}
    ran = act(project, project / "runner", {**asked, "python": sys.executable}, env)
    assert (ran.code, ran.outputs["status"]) == (1, "failed"), ran.log
    return judged(ak.Report.load(project / ran.outputs["report"]))


DOORS = {
    f.__name__: f
    for f in (by_configuration, by_flags, by_stored_report, by_parts, by_merged_reports, by_mlflow, by_action)
}


@pytest.mark.parametrize("door", DOORS.values(), ids=list(DOORS))
def test_the_verdicts_are_the_same(door: Callable[[Path, ak.Report], Judged], project: Path, whole: ak.Report) -> None:
    expected = judged(whole)
    assert {status for status, *_ in expected.values()} == {"fail", "pass", "inconclusive", "not_measured"}
    assert door(project, whole) == expected


def test_the_gate_has_the_same_status_and_says_the_same(project: Path, whole: ak.Report) -> None:
    whole.save(project / "whole.json")
    policy = ["--policy", str(project / "auditkit.toml")]
    status, out, _ = run_cli(["gate", str(project / "whole.json"), *policy])
    assert status == 1
    for v in whole.verdicts:
        assert v.rule.id in out or v.status == "pass", v.rule.id


@pytest.mark.slow
def test_pytest_fails_what_blocks_and_warns_of_what_is_forgiven(
    project: Path, whole: ak.Report, pytester: pytest.Pytester
) -> None:
    for name in ("rows.parquet", "auditkit.toml"):
        (pytester.path / name).write_bytes((project / name).read_bytes())
    result = python("pytest", "-p", "no:cacheprovider", "-rA", "--auditkit", "auditkit.toml", cwd=pytester.path)
    blocked: dict[str, bool] = {}
    for v in whole.verdicts:
        id = v.rule.id.partition("[")[0]
        blocked[id] = blocked.get(id, False) or v.blocks
    out = result.stdout
    told = {id: word == "FAILED" for word, id in re.findall(r"^(FAILED|PASSED) \S*?::([\w-]+)", out, re.M)}
    told |= {id: word == "FAILED" for word, id in re.findall(r"^(FAILED|PASSED) (?:\S*::)?(\S+?)(?: - |$)", out, re.M)}
    assert {id: told.get(id) for id in blocked} == blocked, out
