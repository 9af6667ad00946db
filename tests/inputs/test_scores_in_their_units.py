"""Decisions from a threshold, scores of any range, and ranks: held to the same audit of mapped scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

import auditkit as ak
from auditkit.batch import ScoreScale
from auditkit.cli.main import app
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.score_scale import scale_of

N = 600
RNG = np.random.default_rng(5)
ROWS = pd.DataFrame({"sex": RNG.choice(["f", "m"], N), "y": RNG.integers(0, 2, N)})
ROWS["fico"] = (560 + 60 * ROWS.y + 90 * RNG.normal(size=N)).clip(300, 850).round()
ROWS["unit"] = (ROWS.fico - 300) / 550
ROWS["decision"] = (ROWS.fico >= 600).astype(int)
ROWS["rank"] = (rankdata(ROWS.fico) - 0.5) / N
CHECKS = ["group_fairness", "scores"]
POLICY = {
    "rule": [
        {"id": "gap", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.3},
        {"id": "auc", "metric": "roc_auc", "comparison": "difference", "by": ["sex"], "at_most": 0.3},
        {"id": "calibrated", "metric": "calibration_error", "comparison": "group_max", "by": ["sex"], "at_most": 0.3},
    ]
}


def audit(columns: list[str], **predictions: Any) -> ak.Report:
    data = ak.Dataset(ROWS[["sex", "y", *columns]], y_true="y", sensitive_features="sex")
    return ak.audit(ak.Predictions(**predictions), data, checks=CHECKS, policy=POLICY)


@pytest.fixture(scope="module")
def mapped() -> ak.Report:
    """What is audited today: the caller maps scores and decides."""
    return audit(["decision", "unit"], y_pred="decision", score="unit")


@pytest.fixture(scope="module")
def own() -> ak.Report:
    return audit(["fico"], score="fico", threshold=600, score_range=(300, 850))


def values(report: ak.Report) -> dict[str, tuple[float | None, ...]]:
    silent = ("calibration", "cumulative_calibration")
    return {
        f.id: (f.estimate.value, f.estimate.low, f.estimate.high)
        for f in report.findings
        if not f.id.split("/", 1)[1].startswith(silent)
    }


def test_a_threshold_decides_as_the_caller_would(own: ak.Report, mapped: ak.Report) -> None:
    assert values(own) == values(mapped)
    assert len(values(own)) > 30
    at = ak.Dataset(pd.DataFrame({"g": ["a", "b", "a"], "y": [0, 1, 1], "s": [0.4, 0.39999, None]}), y_true="y",
                    sensitive_features="g")  # fmt: skip
    assert ak.Predictions(score="s", threshold=0.4).outputs(at)[0].tolist() == [1, 0, -1]


def test_calibration_of_what_is_no_probability_is_not_measured(own: ak.Report, mapped: ak.Report) -> None:
    assert [f.id for f in own.findings if f.metric.startswith(("calibration", "cumulative"))] == []
    assert [f.id for f in mapped.findings if f.metric.startswith(("calibration", "cumulative"))]
    (absent,) = [n for n in own.not_measured if n.what == "calibration"]
    assert absent.why == "the score runs from 300 to 850, and is no probability: it can be neither too high nor too low"
    verdict = own.verdicts[2]
    assert (verdict.status, absent.why in verdict.reason) == ("not_measured", True)
    again = ak.judge(ak.Report.from_json(own.to_json()), POLICY)
    assert [(v.status, v.reason) for v in again.verdicts] == [(v.status, v.reason) for v in own.verdicts]


def test_thresholds_are_told_in_the_units_of_the_score(own: ak.Report, mapped: ak.Report) -> None:
    a, b = own.explorer, mapped.explorer
    assert a is not None
    assert b is not None
    assert a.today is not None
    assert a.threshold[a.today] == 600
    assert min(a.threshold) > 300 > 1 > max(b.threshold)
    for i, t in enumerate(a.threshold):  # whom each selects, counted over the rows
        for group in a.groups:
            rows = ROWS[(ROWS.sex == group.group["sex"]) & (ROWS.y == 1)]
            assert abs(int((rows.fico >= t).sum()) - group.true[i]) <= group.open[i]
    (table,) = [x for f in own.findings for x in f.exhibits if getattr(x, "title", "").startswith("Thresholds of each")]
    (unit,) = [x for f in mapped.findings for x in f.exhibits if getattr(x, "title", "").startswith("Thresholds of")]
    for row, other in zip(table.rows, unit.rows, strict=True):
        assert row[2] == pytest.approx(300 + 550 * other[2], abs=0.06)


def test_the_page_says_what_the_scores_are(own: ak.Report) -> None:
    from auditkit.report.formats import render

    page = render(own, "html")
    assert "300 to 850: no probabilities" in page
    assert "600 and above: positive" in page
    assert "As audited, at a common threshold of 600:" in page


def test_ranks_are_mid_ranks_of_all_rows() -> None:
    ranks = audit(["fico"], score="fico", threshold=600, score_range="ranks")
    given = audit(["decision", "rank"], y_pred="decision", score="rank")
    assert values(ranks) == values(given)
    assert "ranks" in next(n.why for n in ranks.not_measured if n.what == "calibration")
    data = ak.Dataset(ROWS, y_true="y", sensitive_features="sex")
    ranked = ak.Predictions(score="fico", threshold=600, score_range="ranks")
    parts = [ranked.outputs(data, part)[1] for part in data.parts(113)]
    np.testing.assert_allclose(np.concatenate([p for p in parts if p is not None]), ROWS["rank"])


def test_scales_add_only_to_themselves_and_are_read_as_strangers() -> None:
    def counted(scale: ScoreScale | None) -> ScoreHistogram:
        from dataclasses import replace

        return replace(
            ScoreHistogram.of({"g": ["a", "b"]}, y_true=[0, 1], y_pred=[0, 1], score=[0.2, 0.9]), scale=scale
        )

    fico = ScoreScale(300, 850, threshold=0.5)
    assert (counted(fico) + counted(fico)).over("g").scale == fico
    assert ScoreHistogram.from_json(json.loads(json.dumps(counted(fico).to_json()))).scale == fico
    with pytest.raises(EvidenceError, match="on different scales"):
        counted(fico) + counted(None)
    for wrong in ({}, {"low": 1}, {"low": 2, "high": 1}, {"ranks": 1}, {"ranks": True, "low": 0, "high": 1}, [],
                  {"low": 0, "high": 1, "threshold": 2}):  # fmt: skip
        with pytest.raises(EvidenceError, match="scale of the scores"):
            scale_of(wrong)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"score": "fico"}, r"predictions need decisions: give threshold=0\.5 \(positive where score >= threshold\)"),
        ({}, "give y_pred='decision', or score='s' with threshold"),
        ({"threshold": 0.5}, "name their column, as in score='s'"),
        ({"y_pred": "decision", "score": "fico", "threshold": 600}, "not both"),
        ({"score": "fico", "threshold": 600}, r"threshold 600 lies outside .*0 to 1; of other scores say score_range"),
        ({"score": "fico", "threshold": 200, "score_range": (300, 850)}, "outside the scores' range, 300 to 850"),
        ({"score": "fico", "threshold": 1, "score_range": (850, 300)}, "turn them round first"),
        ({"score": "fico", "threshold": 1, "score_range": "rank"}, 'or "ranks"; got'),
        ({"score": "fico", "threshold": True}, "a number in the units of the score, got True"),
    ],
)
def test_what_decides_nothing_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ak.Predictions(**given)


@pytest.mark.parametrize(
    ("score", "range_", "message"),
    [("fico", None, "say score_range"), ("fico", (300, 700), r"score_range is \[300, 700\]"), ("sex", "ranks", "text")],
)
def test_scores_outside_their_range_are_refused(score: str, range_: Any, message: str) -> None:
    data = ak.Dataset(ROWS, y_true="y", sensitive_features="sex")
    with pytest.raises(DataError, match=message):
        ak.Predictions(score=score, threshold=0.5 if range_ is None else 400, score_range=range_).outputs(data)


def test_a_file_and_flags_ask_what_the_library_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: ak.Report
) -> None:
    """One policy, three doors, with all that is made of columns."""
    from typer.testing import CliRunner

    people = pd.DataFrame({"id": range(N), "age": RNG.integers(18, 99, N)})
    rows = ROWS[["y", "fico"]].assign(id=range(N), race_a=RNG.integers(0, 2, N))
    rows["race_b"] = 1 - rows.race_a
    people.to_csv(tmp_path / "people.csv", index=False)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    rules = json.dumps(POLICY["rule"][0] | {"by": ["age"]})[1:-1].replace('": ', '" = ').replace(', "', '\n"')
    (tmp_path / "auditkit.toml").write_text(
        '[predictions]\nscore = "fico"\nthreshold = 600\nscore_range = [300, 850]\n'
        '[data]\npath = "rows.csv"\ny_true = "y"\n'
        'sensitive_features = ["age", {race = ["race_a", "race_b"]}]\n'
        '[data.join]\npath = "people.csv"\non = "id"\n[data.bins]\nage = [0, 30, 60, 120]\n'
        '[[check]]\nname = "group_fairness"\n'
        f"[[rule]]\n{rules}\n"
    )
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["run", "auditkit.toml", "--out", "out", "--name", "file", "--quiet"])
    assert ran.exit_code == 0, ran.output
    flags = ["--score", "fico", "--threshold", "600", "--score-range", "300,850", "--data", "rows.csv", "--y-true", "y"]
    flags += [
        "--join",
        "people.csv",
        "--on",
        "id",
        "--sensitive",
        "age",
        "--bins",
        "age=0,30,60,120",
    ]
    flags += ["--one-hot", "race=race_a,race_b", "--check", "group_fairness"]
    ran = CliRunner().invoke(app, ["run", *flags, "--out", "out", "--name", "flags", "--quiet"])
    assert ran.exit_code == 0, ran.output
    data = ak.Dataset(
        "rows.csv", y_true="y", sensitive_features=["age", {"race": ["race_a", "race_b"]}],
        bins={"age": [0, 30, 60, 120]}, join=ak.Join("people.csv", on="id"),
    )  # fmt: skip
    library = ak.audit(
        ak.Predictions(score="fico", threshold=600, score_range=(300, 850)), data, checks=["group_fairness"]
    )
    for name in ("file", "flags"):
        report = ak.Report.load(tmp_path / "out" / f"{name}.json")
        assert values(report) == values(library)
        assert report.provenance.cautions == library.provenance.cautions
        assert report.provenance.data.sha256 == library.provenance.data.sha256
    assert ak.Report.load(tmp_path / "out" / "file.json").verdicts[0].estimate is not None


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--one-hot", "race"], "--one-hot is written as in --one-hot race=race_a,race_b; got 'race'"),
        (["--bins", "age=young"], "--bins takes numbers with commas between them"),
        (["--join", "people.csv"], "--join takes the other file and --on its key: give both"),
        (["--score-range", "300"], "--score-range takes numbers"),
    ],
)
def test_flags_that_say_nothing_are_refused(flags: list[str], message: str) -> None:
    from typer.testing import CliRunner

    asked = ["run", "--data", "x.csv", "--y-true", "y", "--score", "s", "--threshold", "1", *flags]
    ran = CliRunner().invoke(app, asked)
    assert isinstance(ran.exception, ak.PolicyError)
    assert message in str(ran.exception)
