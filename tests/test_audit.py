"""The whole path on the demo: four doors, one answer; fairlearn's numbers; order and partition do not matter."""

from __future__ import annotations

import json
import platform
import re
from pathlib import Path
from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, precision_score

import auditkit as ak
from auditkit.check import FittedCheck
from auditkit.checks import default_checks
from auditkit.demo import income
from tests.helpers import run_cli

METRICS: dict[str, Any] = {
    "selection_rate": fl.selection_rate,
    "true_positive_rate": fl.true_positive_rate,
    "false_positive_rate": fl.false_positive_rate,
    "precision": lambda t, p: precision_score(t, p, zero_division=0),
    "accuracy": accuracy_score,
}


@pytest.fixture(scope="session")
def report() -> ak.Report:
    """The README's example."""
    return ak.audit(ak.demo.model(), ak.demo.data(), policy=ak.demo.config_path())


@pytest.fixture(scope="session")
def scored() -> pd.DataFrame:
    """The demo's rows with the model's decisions and scores as columns."""
    frame = pd.read_parquet(income.DATA)
    score = ak.demo.model().predict(frame.drop(columns="income"))
    return frame.assign(decision=(score >= 0.5).astype(int), score=score)


SAMPLE = 120
EPOCH = "1767225600"


@pytest.fixture(scope="session")
def few() -> pd.DataFrame:
    """Rows enough for laws that hold of any."""
    return pd.read_parquet(income.DATA).iloc[:1_500]


@pytest.fixture(scope="session")
def whole(few: pd.DataFrame) -> ak.Report:
    """The audit of these rows in their order, in one part."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SOURCE_DATE_EPOCH", EPOCH)
        return ak.audit(ak.demo.model(), dataset(few), policy=ak.demo.config_path(), sample=SAMPLE)


def fairness_of(report: ak.Report) -> dict[str, Any]:
    data = json.loads(report.to_json())["findings"]
    return {f["id"]: f for f in data if f["concern"] in ("fairness", "performance", "data")}


@pytest.mark.slow
def test_four_doors_one_answer(whole: ak.Report, few: pd.DataFrame, scored: pd.DataFrame, tmp_path: Path) -> None:
    expected = fairness_of(whole)
    columns = ["--y-true", "income", "--positive", ">50K", "--sensitive", "gender", "--sensitive", "race"]
    few.to_parquet(tmp_path / "income.parquet")
    data = ["--data", str(tmp_path / "income.parquet"), *columns, "--policy", str(ak.demo.config_path())]
    scored.iloc[: len(few)].to_parquet(tmp_path / "scored.parquet")
    (tmp_path / "auditkit.toml").write_text(ak.demo.config_path().read_text())  # its data lie beside it
    doors = {
        "config": ["run", str(tmp_path / "auditkit.toml")],
        "flags": ["run", *data, "--factory", "auditkit.demo.income:build", "--weights", str(income.WEIGHTS)],
        "columns": [
            *("run", "--data", str(tmp_path / "scored.parquet"), *columns, "--policy", str(ak.demo.config_path())),
            *("--y-pred", "decision", "--score", "score"),
        ],
    }
    for name, arguments in doors.items():
        places = ["--out", str(tmp_path), "--name", name, "--sample", str(SAMPLE), "--quiet"]
        status, _, err = run_cli([*arguments, *places])
        assert status == 1, err
        found = ak.Report.load(tmp_path / f"{name}.json")
        assert fairness_of(found) == expected, name
        assert [v.status for v in found.verdicts] == [v.status for v in whole.verdicts]
        assert (tmp_path / f"{name}.html").stat().st_size <= 400_000
    missing = {n.what: n.why for n in ak.Report.load(tmp_path / "columns.json").not_measured}
    more = [why for what, why in missing.items() if what not in {n.what for n in whole.not_measured}]
    assert set(more) == {"predictions only"}


@pytest.mark.parametrize("by", [["gender"], ["race"], ["gender", "race"]])
@pytest.mark.parametrize("metric", METRICS)
def test_demo_is_fairlearn_over_rows(report: ak.Report, scored: pd.DataFrame, metric: str, by: list[str]) -> None:
    y, p = (scored["income"] == ">50K").astype(int), scored["decision"]

    def frame_of(rows: Any) -> Any:
        return fl.MetricFrame(
            metrics=METRICS[metric], y_true=y[rows], y_pred=p[rows], sensitive_features=scored.loc[rows, by]
        )

    oracle = frame_of(scored.index)
    name = "+".join(by)
    overall = report.finding(f"performance/{metric}/overall").estimate.value
    assert overall == pytest.approx(oracle.overall, abs=1e-12)
    finding = report.finding(f"fairness/{metric}/difference/{name}")
    kept = set()
    for g in finding.by_group:
        key = tuple(g.group[b] for b in by)
        if g.estimate.state != "undefined":
            expected = oracle.by_group[key if len(by) > 1 else key[0]]
            assert g.estimate.value == pytest.approx(expected, abs=1e-12)
        if g.estimate.state == "ok":
            kept.add(key)
    part = frame_of([tuple(r) in kept for r in scored[by].itertuples(index=False)])
    for method, suffix in (("between_groups", ""), ("to_overall", "_to_overall")):
        for comparison in ("difference", "ratio"):
            e = report.finding(f"fairness/{metric}/{comparison}{suffix}/{name}").estimate
            assert e.value == pytest.approx(getattr(part, comparison)(method=method), abs=1e-12)


def numbers_of(report: ak.Report) -> tuple[dict[str, int], list[float]]:
    """Counts, and every other number, of the findings."""
    counts, others = {}, []

    def walk(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for k, v in value.items():
                walk(v, f"{path}/{k}")
        elif isinstance(value, list):
            for i, v in enumerate(value):
                walk(v, f"{path}/{i}")
        elif re.search(r"/(n|numerator|denominator|state)$", path):
            counts[path] = value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            others.append(float(value))

    walk(json.loads(report.to_json())["findings"], "")
    return counts, others


def assert_same(a: ak.Report, b: ak.Report) -> None:
    (counts_a, others_a), (counts_b, others_b) = numbers_of(a), numbers_of(b)
    assert counts_a == counts_b
    np.testing.assert_allclose(others_a, others_b, rtol=1e-6, atol=1e-6)
    assert a.provenance.data.sha256 == b.provenance.data.sha256


def dataset(frame: pd.DataFrame) -> ak.Dataset:
    return ak.Dataset(frame, y_true="income", positive=">50K", sensitive_features=["gender", "race"])


@pytest.mark.slow
def test_order_of_rows_does_not_matter(whole: ak.Report, few: pd.DataFrame) -> None:
    shuffled = few.sample(frac=1, random_state=3)
    assert_same(ak.audit(ak.demo.model(), dataset(shuffled), policy=ak.demo.config_path(), sample=SAMPLE), whole)


@pytest.mark.slow
def test_37_parts_add_up_to_the_whole(whole: ak.Report, few: pd.DataFrame) -> None:
    model, frame = ak.demo.model(), few.sample(frac=1, random_state=4)
    rows = next(dataset(frame).batches(len(frame)))
    checks = [c.fit(rows) if isinstance(c, FittedCheck) else c for c in default_checks()]  # parts share one fit
    parts = [frame.iloc[i::37] for i in range(37)]
    observed = [ak.observe(model, dataset(part), checks=checks, sample=SAMPLE) for part in parts]
    total = observed[0]
    for part in observed[1:]:
        total = total + part
    merged = ak.conclude(total, model, dataset(few), checks=checks, sample=SAMPLE)
    assert_same(ak.judge(merged, ak.demo.config_path()), whole)


@pytest.mark.slow
def test_the_same_bytes_again(
    monkeypatch: pytest.MonkeyPatch, whole: ak.Report, few: pd.DataFrame, scored: pd.DataFrame
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    again = ak.audit(ak.demo.model(), dataset(few), policy=ak.demo.config_path(), sample=SAMPLE)
    assert again.to_json() == whole.to_json()
    from auditkit.report.formats import render

    assert render(again, "html") == render(whole, "html")
    columns, scored = ak.Predictions("decision", "score"), scored.iloc[:1_000]
    texts = {
        ak.audit(columns, dataset(frame), policy=ak.demo.config_path(), sample=60).to_json()
        for frame in (scored, scored.sample(frac=1, random_state=5))
    }
    assert len(texts) == 1


def test_what_is_not_installed_has_no_version(scored: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """An audit of predictions runs without torch and captum; `make test-integrations` does so where they are not."""
    monkeypatch.setattr("auditkit.provenance._PACKAGES", ("numpy", "no-such-torch"))
    data = dataset(scored.iloc[:200])
    report = ak.audit(ak.Predictions("decision", "score"), data, checks=["group_fairness"])
    assert report.provenance.versions == {"python": platform.python_version(), "numpy": np.__version__}


def test_report_json_has_the_promised_shape(report: ak.Report) -> None:
    data = json.loads(report.to_json())
    assert data["schema_version"] == "auditkit.report/1"
    assert set(data["provenance"]) >= {"auditkit", "versions", "seed", "model", "data"}
    assert set(data["provenance"]["model"]) >= {"sha256", "parameters"}
    assert set(data["provenance"]["data"]) >= {"rows", "sha256", "file_sha256"}
    for f in data["findings"]:
        assert set(f) >= {"id", "concern", "metric", "comparison", "by", "statement", "estimate", "by_group"}
        assert set(f) >= {"notes", "exhibits"}
        assert set(f["estimate"]) >= {"value", "low", "high", "level", "n", "method", "mde", "state"}
    for v in data["verdicts"]:
        assert set(v) >= {"rule", "status", "finding", "reason"}
        assert v["rule"]["id"]
    assert {n for m in data["not_measured"] for n in m} <= {"what", "why", "concern", "accident", "settled"}
    assert data["provenance"]["data"]["rows"] == 14_654


def test_verdicts_cover_the_range(report: ak.Report) -> None:
    assert {v.status for v in report.verdicts} == {"fail", "inconclusive", "pass"}
    assert not report.passed
    with pytest.raises(ak.PolicyViolation, match="four-fifths-gender: The whole interval lies beyond"):
        report.raise_for_status()


def test_completeness_is_in_the_report(report: ak.Report) -> None:
    finding = report.finding("explanation/integrated_gradients/overall")
    t1 = next(t for t in finding.trust if t.id == "T1")
    assert t1.passed
    assert t1.value is not None
    assert t1.value <= 0.05


def test_the_model_is_left_as_it_was_found(few: pd.DataFrame) -> None:
    model = ak.demo.model()
    model.module.train()
    flags = [p.requires_grad for p in model.module.parameters()]
    before = model.state_sha256()
    ak.audit(model, dataset(few.iloc[:600]), sample=60)
    assert model.module.training
    assert [p.requires_grad for p in model.module.parameters()] == flags
    assert model.state_sha256() == before


def test_round_trip(report: ak.Report, tmp_path: Path) -> None:
    report.save(tmp_path / "r.json")
    again = ak.Report.load(tmp_path / "r.json")
    assert again.to_json() == report.to_json()
    judged = ak.judge(again, ak.demo.config_path())
    assert [v.status for v in judged.verdicts] == [v.status for v in report.verdicts]


def test_progress_is_told(few: pd.DataFrame) -> None:
    told: list[tuple[str, int, int]] = []
    ak.audit(
        *(ak.demo.model(), dataset(few)),
        checks=[ak.GroupFairness(), ak.Attribution()],
        sample=50,
        progress=lambda *a: told.append(a),
    )
    assert ("rows", 1_500, 1_500) in told
    assert told[-1][0] == "done"
