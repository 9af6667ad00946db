"""Weights and clusters of a Dataset: what is refused, what the model does not see, and the whole way to a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from tests.helpers import run_cli


def frame(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.integers(20, 70, n),
            "sex": rng.choice(["f", "m"], n),
            "y": rng.integers(0, 2, n),
            "decision": rng.integers(0, 2, n),
            "w": rng.exponential(size=n),
            "times": rng.integers(0, 4, n),
            "user_id": rng.integers(0, 60, n),
        }
    )


def dataset(data: Any = None, **how: Any) -> ak.Dataset:
    return ak.Dataset(frame() if data is None else data, y_true="y", sensitive_features=["sex"], **how)


def changed(column: str, value: object) -> pd.DataFrame:
    out = frame()
    values = out[column].astype(object if isinstance(value, str) or value is None else float).copy()
    values.iloc[3] = value
    return out.assign(**{column: values})


@pytest.mark.parametrize(
    ("data", "how", "match"),
    [
        (changed("w", -1.0), {"weights": "w"}, r"1 of the weights 'w' are negative \(the first in row 3\)"),
        (changed("w", np.nan), {"weights": "w"}, "are missing"),
        (changed("w", np.inf), {"weights": "w"}, "are infinite"),
        (changed("w", "heavy"), {"weights": "w"}, "hold object; expected numbers"),
        (frame().assign(w=True), {"weights": "w"}, "hold bool; expected numbers"),
        (frame().assign(w=0.0), {"weights": "w"}, "all weights 'w' are 0"),
        (frame().assign(w=1.5), {"weights": "w", "weights_kind": "frequency"}, r"not whole \(row 0: 1.5\)"),
        (frame(), {"weights": "w", "weights_kind": "frequncy"}, "Did you mean 'frequency'"),
        (frame(), {"weights": "tmes"}, "no column 'tmes' for weights; .* Did you mean 'times'"),
        (frame(), {"cluster": "user"}, "no column 'user' for cluster; .* Did you mean 'user_id'"),
        (changed("user_id", None), {"cluster": "user_id"}, "'user_id' is missing in 1 rows"),
        (frame().assign(user_id=[[1]] * 200), {"cluster": "user_id"}, "no ids"),
        (frame(), {"weights": "w", "sample_weight": "w"}, "give one of them"),
        (frame(), {"weights": "y"}, "'y' is the target"),
        (frame(), {"weights": "sex"}, "'sex' is a sensitive feature"),
        (
            frame().assign(times=2.0**54),
            {"weights": "times", "weights_kind": "frequency"},
            r"'times' makes 1.8e\+16 rows; no more than 2\^53",
        ),
        (frame(), {"strata": "regin"}, "no column 'regin' for strata"),
        (changed("user_id", None), {"strata": "user_id"}, "the stratum 'user_id' is missing in 1 rows"),
        (frame(), {"strata": "sex", "cluster": "user_id"}, "no variance of both is known"),
        (frame(), {"population": "times"}, "name their column in strata"),
        (frame(), {"strata": "sex", "population": {"f": -1}}, "the population of the stratum 'f' is -1"),
        (frame(), {"strata": "sex", "population": "size"}, "no column 'size' for population"),
    ],
)
def test_what_cannot_be_is_refused(data: pd.DataFrame, how: dict[str, Any], match: str) -> None:
    with pytest.raises(ak.DataError, match=match):
        dataset(data, **how)


def test_weights_and_clusters_are_no_features() -> None:
    data = dataset(weights="w", cluster="user_id")
    batches = list(data.batches(64, without=["decision"]))
    assert {tuple(b.features.columns) for b in batches} == {("age", "sex", "times")}
    assert [len(b.sample_weight) for b in batches if b.sample_weight is not None] == [64, 64, 64, 8]
    whole = np.concatenate([b.sample_weight for b in batches if b.sample_weight is not None])
    np.testing.assert_array_equal(whole, frame()["w"])
    assert [c for b in batches if b.cluster is not None for c in b.cluster] == frame()["user_id"].astype(str).tolist()
    plain = next(dataset().batches())
    assert (plain.sample_weight, plain.cluster) == (None, None)


def test_arrays_and_columns_are_the_same() -> None:
    f = frame()
    arrays = ak.Dataset.from_arrays(
        f[["age"]], y_true=f["y"].to_numpy(), sensitive_features=f[["sex"]], sample_weight=f["w"].to_numpy(),
        cluster=f["user_id"].to_numpy(),
    )  # fmt: skip
    a, b = next(arrays.batches()), next(dataset(weights="w", cluster="user_id").batches())
    assert list(a.features.columns) == ["age"]
    np.testing.assert_array_equal(a.sample_weight, b.sample_weight)
    np.testing.assert_array_equal(a.cluster, b.cluster)
    with pytest.raises(ak.DataError, match="sample_weight has 3 rows"):
        ak.Dataset.from_arrays(f[["age"]], y_true=f["y"], sensitive_features=f[["sex"]], sample_weight=[1, 2, 3])


def audited(data: ak.Dataset) -> ak.Report:
    checks = [ak.GroupFairness(), ak.DataProfile(), ak.Subgroups(columns=["age"])]
    return ak.audit(ak.Predictions("decision"), data, checks=checks)


def test_frequencies_are_rows_repeated() -> None:
    f = frame()
    repeated = f.loc[f.index.repeat(f["times"])].reset_index(drop=True)
    counted = audited(dataset(weights="times", weights_kind="frequency"))
    plain = audited(dataset(repeated))
    assert counted.evidence["group_fairness"] == plain.evidence["group_fairness"]
    weighting = counted.provenance.data.weighting
    assert weighting is not None
    assert (weighting.weights, weighting.kind, weighting.zero_weights) == (
        "times",
        "frequency",
        (f["times"] == 0).sum(),
    )
    assert '"weighting"' not in plain.to_json()
    assert counted.provenance.data.sha256 != audited(dataset()).provenance.data.sha256


def test_a_report_says_how_rows_count_and_which_checks_do_not_look() -> None:
    report = audited(dataset(sample_weight="w", cluster="user_id"))
    again = ak.Report.from_json(report.to_json())
    assert again == report
    assert again.provenance.data.weighting is not None
    assert again.provenance.data.weighting.cluster == "user_id"
    gap = report.finding("fairness/selection_rate/difference/sex")
    assert "effective n (weights and clusters), t with" in gap.estimate.method
    assert any("sampling weights" in n for n in gap.notes)
    assert any("500 replicates of the clusters" in n for n in gap.notes)
    others = [f for f in report.findings if not f.id.startswith(("fairness/", "performance/", "data/base_rate"))]
    assert others
    for f in others:
        assert any(n.startswith("weights not used") for n in f.notes), f.id
        assert any(n.startswith("clusters not used") for n in f.notes), f.id
        assert not f.statement or "Here every row counts once, whatever its weight; rows of one cluster" in f.statement
        assert f.aside, f.id
    assert not gap.aside
    assert not any("not used" in n for n in gap.notes)
    rule = {"id": "gap", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.6}
    (verdict,) = ak.judge(again, {"rule": [rule]}).verdicts
    assert verdict.status == "pass"


def test_two_parts_are_one_audit_and_a_weighted_one_does_not_add_to_an_unweighted() -> None:
    model, checks = ak.Predictions("decision"), [ak.GroupFairness()]

    def seen(rows: slice, **how: str) -> ak.Observed:
        return ak.observe(model, dataset(frame().iloc[rows].reset_index(drop=True), **how), checks=checks)

    how = {"weights": "w", "cluster": "user_id"}
    whole = seen(slice(None), **how).evidence["group_fairness"]
    parts = (seen(slice(120, None), **how) + seen(slice(120), **how)).evidence["group_fairness"]
    for f, g in zip(ak.GroupFairness().assess(whole).findings, ak.GroupFairness().assess(parts).findings, strict=True):
        assert f.estimate.value == pytest.approx(g.estimate.value, abs=1e-12)
        assert f.estimate.high == pytest.approx(g.estimate.high, abs=1e-9)
    with pytest.raises(ak.AuditkitError, match="with sampling weights and one without"):
        _ = seen(slice(100), **how) + seen(slice(100, None), cluster="user_id")


@pytest.mark.parametrize("form", ["column", "mapping"])
def test_strata_of_a_dataset(tmp_path: Path, form: str) -> None:
    data = frame().assign(size=np.where(frame()["sex"] == "f", 300, 5_000))
    population: Any = "size" if form == "column" else {"f": 300, "m": 5_000}
    report = ak.audit(
        ak.Predictions("decision"), dataset(data, strata="sex", population=population), checks=["group_fairness"]
    )
    gap = report.finding("fairness/selection_rate/difference/sex")
    plain = ak.audit(ak.Predictions("decision"), dataset(data), checks=["group_fairness"])
    widths = []
    for f in (gap, plain.finding(gap.id)):
        e = {g.group["sex"]: g.estimate for g in f.by_group}["f"]
        assert e.high is not None
        assert e.low is not None
        widths.append(e.high - e.low)
    assert 0.7 < widths[0] / widths[1] < 0.9
    assert "effective n (strata)" in gap.estimate.method
    again = ak.Report.load(report.save(tmp_path / "r.json"))
    rule = {"id": "r", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.5}
    assert ak.judge(again, {"rule": [rule]}).verdicts == ak.judge(report, {"rule": [rule]}).verdicts
    wrong = dataset(data.assign(size=np.arange(200) + 300), strata="sex", population="size")
    with pytest.raises(ak.DataError, match="more than one population in 'size'"):
        next(wrong.batches())


def test_the_command_line_and_the_configuration(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "d.csv", index=False)
    flags = ["--y-true", "y", "--sensitive", "sex", "--y-pred", "decision", "--out", str(tmp_path), "--format", "json"]
    asked = ["--sample-weight", "times", "--weights-kind", "frequency", "--cluster", "user_id", "--name", "a"]
    assert run_cli(["run", "--data", str(tmp_path / "d.csv"), *flags, *asked])[0] == 0
    (tmp_path / "c.toml").write_text(
        '[data]\npath = "d.csv"\ny_true = "y"\nsensitive_features = "sex"\nweights = "times"\n'
        'weights_kind = "frequency"\ncluster = "user_id"\n[predictions]\ny_pred = "decision"\n'
    )
    place = ["--out", str(tmp_path), "--format", "json"]
    assert run_cli(["run", str(tmp_path / "c.toml"), *place, "--name", "b"])[0] == 0
    a, b = (ak.Report.load(tmp_path / f"{name}.json") for name in "ab")
    assert a.evidence == b.evidence
    assert a.provenance.data.weighting == b.provenance.data.weighting
    status, _, err = run_cli(["run", str(tmp_path / "c.toml"), *place, "--weights-kind", "probability"])
    assert status == 2
    assert "--weights-kind must be sampling or frequency" in err
    status, _, err = run_cli(["run", str(tmp_path / "c.toml"), *place, "--cluster", "usr_id"])
    assert (status, "Did you mean 'user_id'" in err) == (2, True)


def test_rows_of_two_people_are_counted_as_the_tally_of_pairs() -> None:
    rng = np.random.default_rng(5)
    rows = pd.DataFrame({"g": rng.choice(["a", "b"], 300), "y": rng.integers(0, 2, 300), "p": rng.integers(0, 2, 300)})
    rows = rows.assign(first=rng.integers(0, 40, 300), second=rng.integers(0, 40, 300))
    data = ak.Dataset(rows, y_true="y", sensitive_features="g", cluster=["first", "second"])
    report = ak.audit(ak.Predictions("p"), data, checks=["group_fairness", "subgroups"])
    people = (rows["first"].to_numpy(), rows["second"].to_numpy())
    tally = ak.Tally.of(rows[["g"]], y_true=rows["y"], y_pred=rows["p"], cluster=people)
    found = {f.id: f.estimate.value for f in ak.GroupFairness().assess(tally).findings}
    lows = {f.id: f.estimate.low for f in ak.GroupFairness().assess(tally).findings}
    assert {f.id: f.estimate.value for f in report.findings} == pytest.approx(found)
    assert {f.id: f.estimate.low for f in report.findings} == pytest.approx(lows)
    assert report.provenance.data.weighting is not None
    assert report.provenance.data.weighting.cluster == "first or second"
    assert [n.what for n in report.not_measured] == ["subgroups:error_rate"]
    assert "two people" in report.not_measured[0].why
    with pytest.raises(ak.DataError, match="one cluster, or two people"):
        ak.Dataset(rows, y_true="y", sensitive_features="g", cluster=["first", "second", "p"])
