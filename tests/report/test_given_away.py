"""What a whole report gives away: planted values of few rows, withheld counts, scores and truths of a few, paths."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.special import expit

import auditkit as ak
from auditkit.report.formats import FORMATS, render
from tests.helpers import run_cli

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=[Phase.generate])

# ---- the demo with planted values

PLANTED = 83_719
"""Planted numbers are this, and a little more: no count, share or sum of the demo begins so."""


def planted() -> tuple[pd.DataFrame, list[str]]:
    """Some rows of the demo whose rare values are recognisable, and every text by which one would be recognised."""
    data = ak.demo.data()
    frame = data.frame if isinstance(data.frame, pd.DataFrame) else data.frame.to_pandas()
    rows = frame.sample(700, random_state=0).reset_index(drop=True)
    numbers = [c for c in rows.select_dtypes("number") if c != "income"]
    texts = [c for c in rows if c not in numbers and c not in ("income", "gender", "race")]
    rng = np.random.default_rng(0)
    signs = []
    for i, c in enumerate(numbers):
        rows[c] = rows[c].astype(float)
        for k, row in enumerate(rng.choice(len(rows), 6, replace=False)):
            rows.loc[row, c] = value = PLANTED + i + k / 8 + 0.0625
            signs.append(f"{value:.10g}"[:7])
    for c in texts:
        values = rows[c].astype(object)
        for k, row in enumerate(rng.choice(len(rows), 6, replace=False)):
            values[row] = f"zq{c}x{k}"
            signs.append(f"zq{c}x{k}")
        rows[c] = values
    return rows, signs


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        yield from (x for k, v in value.items() for x in (*numbers_in(k), *numbers_in(v)))
    elif isinstance(value, list):
        yield from (x for v in value for x in numbers_in(v))
    elif isinstance(value, str):
        yield from map(float, re.findall(r"-?\d+\.?\d*(?:e[+-]?\d+)?", value))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


@pytest.fixture(scope="module")
def planted_report() -> tuple[ak.Report, list[str], pd.DataFrame]:
    rows, signs = planted()
    columns = [c for c in rows if c not in ("income", "gender", "race")]
    score = expit(np.random.default_rng(1).normal(0, 1.3, len(rows)))
    odd = np.random.default_rng(2).choice(len(rows), 9, replace=False)
    score[odd] = 0.83719 + np.arange(9) * 1e-7
    rows["score"], rows["decision"] = score, (score > 0.5).astype(int)
    data = ak.Dataset(rows, y_true="income", positive=">50K", sensitive_features=["gender", "race"])
    numbers = [c for c in columns if rows[c].dtype.kind == "f"][:1]
    checks = [
        ak.GroupFairness(), ak.Scores(), ak.DataProfile(), ak.Subgroups(), ak.Subgroups(metric="mean_error"),
        ak.Proxies(), ak.Encoding(numbers[0]) if hasattr(ak, "Encoding") else ak.ContinuousAttribute(numbers[0]),
    ]  # fmt: skip
    report = ak.audit(ak.Predictions("decision", "score"), data, checks=checks, on_error="raise")
    return report, signs, rows


@pytest.mark.one_in(4)
@pytest.mark.parametrize("form", ["json", *(f for f in FORMATS if f != "json")])
def test_no_planted_value_stands_in_any_format(
    planted_report: tuple[ak.Report, list[str], pd.DataFrame], form: str
) -> None:
    report, signs, _ = planted_report
    assert len(signs) > 50
    text = report.to_json() if form == "json" else render(report, form)
    assert not [s for s in signs if s in text or s in text.replace(",", "").replace("\u202f", "")]
    assert "0.83719" not in text


def test_no_number_of_the_json_is_a_planted_one(planted_report: tuple[ak.Report, list[str], pd.DataFrame]) -> None:
    report, *_ = planted_report
    found = np.array(list(numbers_in(json.loads(report.to_json()))))
    for size in (1.0, 1e-2, 1e2):  # as a percentage, too
        near = found[np.abs(found / size - PLANTED - 6) < 12]
        assert len(near) == 0, near
    assert not (np.abs(found - 0.83719) < 2e-6).any()


def net() -> Any:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))


def test_explanations_of_a_net_hold_no_planted_value() -> None:
    rng = np.random.default_rng(3)
    n = 300
    frame = pd.DataFrame(rng.normal(0, 1, (n, 3)), columns=["a", "b", "c"])
    signs = []
    for i, c in enumerate("abc"):
        for k in range(6):
            frame.loc[int(rng.integers(n)), c] = value = 8.3719 + i / 100 + k / 1000 + 0.00037
            signs.append(f"{value:.4f}"[:6])
    frame["sex"], frame["y"] = rng.choice(["f", "m"], n), rng.integers(0, 2, n)
    model = ak.Model(net(), preprocess=lambda f: f[["a", "b", "c"]].to_numpy(np.float32), outputs="logits")
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex"])
    report = ak.audit(model, data, on_error="raise")
    assert len(report.evidence) >= 6, sorted(report.evidence)
    for form in FORMATS:
        text = render(report, form)
        assert not [s for s in signs if s in text], form
    found = np.abs(np.array(list(numbers_in(json.loads(report.to_json())))))
    held = np.abs(frame[["a", "b", "c"]].to_numpy()).ravel()
    held = held[held > 8]
    assert not (np.abs(found[:, None] - held[None, :]) < 5e-5).any()


# ---- withheld counts

groups_ = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), st.integers(1, 25), min_size=2, max_size=6
).filter(lambda c: sum(c.values()) >= 40)


def _frame(found: dict[tuple[str, str], int], task: str) -> pd.DataFrame:
    rows = [(f"q{g}q", f"w{h}w") for (g, h), n in found.items() for _ in range(n)]
    frame = pd.DataFrame(rows, columns=["g", "h"])
    rng = np.random.default_rng(len(rows))
    if task == "binary":
        score = expit(rng.normal(size=len(rows)))
        return frame.assign(y=(rng.random(len(rows)) < score).astype(int), p=(score > 0.5).astype(int), s=score)
    if task == "multiclass":
        return frame.assign(y=rng.choice(["r", "s", "t"], len(rows)), p=rng.choice(["r", "s", "t"], len(rows)))
    y = rng.normal(50, 9, len(rows))
    return frame.assign(y=y, p=y + rng.normal(size=len(rows)))


def _audited(frame: pd.DataFrame, task: str, profile: str) -> ak.Report:
    positive = {"positive": 1} if task == "binary" else {}
    kind = {} if task == "binary" else {"task": task}
    data = ak.Dataset(frame, y_true="y", sensitive_features=["g", "h"], **kind, **positive)  # type: ignore[arg-type]
    predictions = ak.Predictions("p", "s") if task == "binary" else ak.Predictions("p")
    return ak.audit(predictions, data, on_error="raise", disclosure=ak.Disclosure(profile=profile))  # type: ignore[arg-type]


def _withheld_stay_open(report: ak.Report, found: dict[tuple[str, str], int]) -> None:
    """All labels are known, and every number of rows by group that stands in findings: is a small group's told?"""
    keys = [(g, h) for g in "abc" for h in "xy"]
    small = [a for a in "abc" if 0 < sum(n for k, n in found.items() if k[0] == a) < 10]
    text = render(report, "html") + (report.to_json() if not report.evidence else "")  # evidence names what was joined
    for a in small:
        assert f"q{a}q" not in text, a
    for b in "xy":
        if 0 < sum(n for k, n in found.items() if k[1] == b) < 10:
            assert f"w{b}w" not in text, b
    rows: list[list[bool]] = []
    total: list[int] = []
    named = {label for f in report.findings for e in f.by_group for label in e.group.values()}
    for f in report.findings:
        if f.metric not in ("selection_rate", "accuracy", "mean_error", "roc_auc"):
            continue
        for e in f.by_group:
            if not set(e.group) <= {"g", "h"}:
                continue
            assert e.estimate.n >= 10 or e.estimate.n == 0, (f.id, e)
            if f.metric == "roc_auc":
                continue
            rows.append(
                [
                    all(
                        label == {"g": f"q{k[0]}q", "h": f"w{k[1]}w"}[a]
                        or (label == "(small groups)" and {"g": f"q{k[0]}q", "h": f"w{k[1]}w"}[a] not in named)
                        for a, label in e.group.items()
                    )
                    for k in keys
                ]
            )
            total.append(e.estimate.n)
    for axis, values in ((0, "abc"), (1, "xy")):
        for v in values:
            true = sum(n for k, n in found.items() if k[axis] == v)
            if not 0 < true < 10 or not rows:
                continue
            want = np.array([k[axis] == v for k in keys], float)
            ends = [
                linprog(sign * want, A_eq=np.array(rows, float), b_eq=total, bounds=(0, None)).fun * sign
                for sign in (1, -1)
            ]
            assert ends[1] - ends[0] >= 9.999, (v, ends)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("profile", "task"),
    [
        pytest.param(p, t, marks=[] if (p, t) == ("public", "binary") else pytest.mark.slow)
        for p in ("public", "regulator")
        for t in ("binary", "multiclass", "regression")
    ],
)
@settings(
    max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=[Phase.generate]
)
@given(found=groups_)
def test_no_withheld_count_can_be_recovered_from_a_whole_report(
    task: str, profile: str, found: dict[tuple[str, str], int]
) -> None:
    _withheld_stay_open(_audited(_frame(found, task), task, profile), found)


# ---- scores and truths of a few


@pytest.mark.slow
@settings(
    max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=[Phase.generate]
)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_no_score_of_a_few_people_can_be_worked_out(seed: int, few: int) -> None:
    """No number told, no sum that a cell tells, and no difference of a group and its parts, is a person's score."""
    rng = np.random.default_rng(seed)
    g = np.array(["a"] * 60 + ["b"] * 40 + ["c"] * few)
    h = rng.choice(["x", "y"], len(g))
    h[:59], h[59] = "x", "y"  # one person in a crossing
    score = np.round(expit(rng.normal(0, 1.2, len(g))), 12)
    frame = pd.DataFrame(
        {"g": g, "h": h, "y": (rng.random(len(g)) < score).astype(int), "p": (score > 0.5).astype(int), "s": score}
    )
    report = _audited(frame, "binary", "internal")
    told = np.array([*numbers_in(json.loads(report.to_json())), *numbers_in(render(report, "html"))])
    for x in (score, 1 - score, score**2, np.log(score / (1 - score))):
        assert np.abs(told[:, None] - x[None, :]).min() > 1e-9
    cells = report.evidence["scores"].data["cells"]
    few_cells = [(c["s"][i], c["n"][i]) for c in cells for i in range(len(c["n"])) if c["n"][i] < 5]
    means = np.array([s / n for s, n in few_cells])
    if len(means):
        assert np.abs(means[:, None] - score[None, :]).min() > 1e-9
    sums = {tuple(c["group"]): 0.0 for c in cells}
    for c in cells:
        sums[tuple(c["group"])] += sum(c["s"])
    for one, two in combinations(sums.values(), 2):
        assert np.abs(abs(one - two) - score).min() > 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_halves_of_subgroups_tell_no_ones_truth(seed: int) -> None:
    """A person alone in a crossing of columns: no cell of the stored halves, nor a difference of two, is theirs."""
    rng = np.random.default_rng(seed)
    n = 400
    frame = pd.DataFrame({"g": rng.choice(["a", "b"], n), "k": rng.choice(["r", "s", "t"], n)})
    frame.loc[0, "k"] = "alone"
    frame["y"], frame["p"] = rng.integers(0, 2, n), rng.integers(0, 2, n)
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["g"])
    report = ak.audit(ak.Predictions("p"), data, checks=[ak.Subgroups()], on_error="raise")
    assert "alone" not in report.to_json()
    (stored,) = report.evidence.values()
    for table in stored.data["tables"]:
        lines = [np.array(x.split(), float) for x in table["sums"]]
        rows = lines[0] + lines[len(lines) // 2]
        assert rows.min() >= 10, table["by"]


# ---- paths


def test_no_path_outside_the_folder_stands_in_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside, here = tmp_path / "verysecretplace", tmp_path / "work"
    outside.mkdir()
    here.mkdir()
    frame = _frame({("a", "x"): 60, ("b", "y"): 50}, "binary")
    frame.to_csv(outside / "rows.csv", index=False)
    config = outside / "auditkit.toml"
    config.write_text(
        '[data]\npath = "rows.csv"\ny_true = "y"\npositive = 1\nsensitive_features = ["g"]\n'
        '[predictions]\ny_pred = "p"\n[[rule]]\nid = "a"\nmetric = "selection_rate"\ncomparison = "difference"\n'
        'by = ["g"]\nat_most = 0.9\n[[check]]\nname = "group_fairness"\n'
    )
    monkeypatch.chdir(here)
    status, _, err = run_cli(["run", str(config), "--out", str(here), "--name", "r", "--quiet"])
    assert status == 0, err
    report = ak.Report.load(here / "r.json")
    for form in FORMATS:
        assert "verysecretplace" not in render(report, form), form
    assert "verysecretplace" not in (here / "r.json").read_text(encoding="utf-8")


# ---- rows that are kept, on the command line


def test_rows_that_are_kept_are_said_on_the_page(tmp_path: Path) -> None:
    frame = _frame({("a", "x"): 60, ("b", "y"): 50}, "binary")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    text = (
        '[data]\npath = "rows.csv"\ny_true = "y"\npositive = 1\nsensitive_features = ["g"]\n'
        '[predictions]\ny_pred = "p"\nscore = "s"\n{}[[rule]]\nid = "a"\nmetric = "selection_rate"\n'
        'comparison = "difference"\nby = ["g"]\nat_most = 0.95\n'
    )
    config = tmp_path / "auditkit.toml"

    def run(report: str, *flags: str) -> tuple[ak.Report, str]:
        config.write_text(text.format(report))
        out = ["--out", str(tmp_path), "--name", "r", "--quiet", "--force"]
        status, _, err = run_cli(["run", str(config), *out, *flags])
        assert status == 0, err
        return ak.Report.load(tmp_path / "r.json"), (tmp_path / "r.html").read_text(encoding="utf-8")

    _, page = run("")
    assert "What this report holds" in page
    assert "no row, and no value of a feature that fewer than ten rows hold" in page
    for report, flags in (("", ["--keep-rows"]), ("[report]\nkeep_rows = true\n", [])):
        kept, page = run(report, *flags)
        assert kept.disclosure is not None
        assert kept.disclosure.keep_rows
        assert "something of single rows" in page
    fresh, page = run("", "--profile", "regulator")
    assert "regulator: sums over groups, by which rules can be judged again" in page
    again = ak.judge(fresh, config)
    assert [(v.rule.id, v.status, v.p) for v in again.verdicts] == [(v.rule.id, v.status, v.p) for v in fresh.verdicts]
    assert run_cli(["gate", str(tmp_path / "r.json"), "--policy", str(config)])[0] == 0
    _, page = run("", "--profile", "public")
    assert "public: the findings alone" in page
    status, _, err = run_cli(["gate", str(tmp_path / "r.json"), "--policy", str(config)])
    assert status == 2
    assert "this report is public: it holds no evidence and cannot be judged again" in err
    assert "Traceback" not in err


def test_options_that_are_files_are_named_without_their_folder(tmp_path: Path) -> None:
    from auditkit.explain.concepts.check import Concepts
    from auditkit.explain.influence.check import Influence

    file = tmp_path / "train.csv"
    check = Influence(train=file, y_true="y", checkpoints=[tmp_path / "a.safetensors"], learning_rates=[0.1])
    assert str(tmp_path) not in json.dumps(check.options())
    assert check.options()["train"] == "train.csv"
    assert str(tmp_path) not in json.dumps(Concepts(layers=["l"], examples={"c": str(file)}).options())
