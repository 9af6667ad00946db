"""What a report gives away: no value of a few, no id, no exact score; and the three profiles, through every door."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import auditkit as ak
from auditkit.errors import ReportError
from auditkit.report.formats import FORMATS, render
from tests.helpers import run_cli

N = 45


def people(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = expit(rng.normal(0, 1.2, n))
    return pd.DataFrame(
        {
            "email": [f"jo.doe{i}@example.org" for i in range(n)],
            "name": [f"Jo Number{i} Doe" for i in range(n)],
            "phone": [f"+4179555{i:04d}" for i in range(n)],
            "id": 7_310_000 + rng.permutation(n) * 13,
            "seen": [f"2026-03-{1 + i % 28:02d} 04:{i % 60:02d}:17" for i in range(n)],
            "at": pd.Timestamp("2026-03-01 04:05:06") + pd.to_timedelta(rng.permutation(n) * 61, unit="s"),
            "income": 40_000 + rng.permutation(n) * 37 + 0.25,
            "city": rng.choice(["Bern", "Basel"], n),
            "sex": rng.choice(["f", "m"], n),
            "y": (rng.random(n) < score).astype(int),
            "decision": (score > 0.5).astype(int),
            "score": score,
        }
    )


def audited(frame: pd.DataFrame, **options: object) -> ak.Report:
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex"])
    checks = [
        ak.GroupFairness(),
        ak.Scores(),
        ak.DataProfile(),
        ak.Subgroups(),
        ak.Subgroups(metric="mean_error"),
        ak.Proxies(),
        ak.ContinuousAttribute("income"),
    ]
    return ak.audit(
        ak.Predictions("decision", "score"), data, checks=checks, on_error="raise", **options  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("n", [N, 400])
def test_who_is_in_the_data_stands_nowhere(n: int) -> None:
    frame = people(n)
    report = audited(frame)
    for form in FORMATS:
        text = render(report, form)
        for column in ("email", "name", "phone", "seen"):
            assert not [v for v in frame[column] if v in text], (form, column)
        for column in ("id", "income", "score"):
            assert not [v for v in frame[column] if repr(float(v)) in text or f" {v:.10g}" in text], (form, column)
        assert not [v for v in frame["at"].astype(str) if v in text], form


def test_profiles_say_what_they_hold_and_a_public_report_cannot_be_judged_again() -> None:
    frame = people(400)
    frame["sex"] = np.where(np.arange(400) < 4, "x", frame["sex"])
    policy = {
        "rule": [{"id": "a", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.9}]
    }
    internal, public, regulator = (
        audited(frame, policy=policy, disclosure=ak.Disclosure(profile=p)) for p in ("internal", "public", "regulator")
    )
    assert internal.disclosure is None
    assert "disclosure" not in json.loads(internal.to_json())
    assert public.evidence == {}
    assert [v.status for v in public.verdicts] == [v.status for v in regulator.verdicts] == ["pass"]
    with pytest.raises(ReportError, match="this report is public: it holds no evidence and cannot be judged again"):
        ak.judge(public, policy)
    again = ak.judge(ak.Report.from_json(regulator.to_json()), policy)
    assert [v.status for v in again.verdicts] == ["pass"]
    for report in (public, regulator):
        assert ak.Report.from_json(report.to_json()) == report
        told = {g.group["sex"] for f in report.findings for g in f.by_group if "sex" in g.group}
        assert told <= {"(small groups)", "f", "m"}
        assert "x" not in told
        page = render(report, "html")
        assert "(small groups)" in page
        assert report.disclosure is not None
        assert f"{report.disclosure.profile}: " in page
        assert "groups of fewer than 10 people" in page


def test_the_profile_is_asked_by_file_and_by_flag(tmp_path: Path) -> None:
    people(300).to_csv(tmp_path / "rows.csv", index=False)
    config = tmp_path / "auditkit.toml"
    text = (
        '[data]\npath = "rows.csv"\ny_true = "y"\npositive = 1\nsensitive_features = ["sex"]\n'
        '[predictions]\ny_pred = "decision"\n[report]\nprofile = "regulator"\nsuppress_below = 12\n'
        '[[check]]\nname = "group_fairness"\n'
    )
    config.write_text(text)
    for flags, expected in (([], ("regulator", 12)), (["--profile", "public"], ("public", 12))):
        status, _, err = run_cli(["run", str(config), "--out", str(tmp_path), "--name", "r", "--quiet", *flags])
        assert status == 0, err
        found = ak.Report.load(tmp_path / "r.json").disclosure
        assert found is not None
        assert (found.profile, found.suppress_below) == expected
    assert run_cli(["run", str(config), "--profile", "publik"])[0] == 2
    status, _, err = run_cli(["gate", str(tmp_path / "r.json"), "--policy", str(config)])
    assert status == 2
    assert "this report is public" in err
    config.write_text(text.replace('"regulator"', '"everything"'))
    status, _, err = run_cli(["run", str(config)])
    assert status == 2
    assert "report.profile" in err or "'profile'" in err


@pytest.mark.slow
def test_the_demo_holds_no_value_of_fewer_than_ten_rows() -> None:
    """Edges and labels of every column, and every score, against how many of the demo's rows hold them."""
    data = ak.demo.data()
    checks = [ak.Scores(), ak.DataProfile(), ak.Subgroups(), ak.Subgroups(metric="mean_error")]
    report = ak.audit(ak.demo.model(), data, checks=checks, on_error="raise")
    frame = data.frame if isinstance(data.frame, pd.DataFrame) else data.frame.to_pandas()
    score = ak.demo.model().predict(frame.drop(columns="income"))
    text = report.to_json()
    values, counts = np.unique(score, return_counts=True)
    assert not [v for v in values[counts < 10] if repr(float(v)) in text]
    rare = {c: set(n.index[n < 10]) for c in frame if len(n := frame[c].value_counts())}
    assert sum(map(len, rare.values())) > 1_000, "the demo has values of few rows: the test can fail"
    for key in ("subgroups:error_rate", "subgroups:mean_error"):
        stored = report.evidence[key].data
        for column, edges in stored["facts"]["edges"].items():
            assert not set(edges or ()) & rare[column], column
        for column, labels in stored["labels"].items():
            assert not {f"{column} = {v}" for v in rare[column]} & set(labels), column
        tables = [t for t in stored["tables"] if t["by"]]
        rows = [np.add(*(np.fromstring(t["sums"][i], sep=" ") for i in (0, len(t["sums"]) // 2))) for t in tables]
        assert min(r.min() for r in rows if len(r)) >= 10
    for cells in report.evidence["scores"].data["cells"]:
        assert set(cells) <= {"group", "y_true", "bin", "last", "n", "selected", "s", "s2", "alike", "score"}
