"""What changed between two models on the same rows: brute force, fairlearn's values, statsmodels' test, laws, words."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from scipy.stats import binomtest

import auditkit as ak
from auditkit.catalogue.index import METRICS
from auditkit.disclosure import Disclosure, GroupDisclosure
from auditkit.errors import DataError, EvidenceError, ModelError, PolicyError
from auditkit.evidence.paired import OLD, Paired
from auditkit.fairness.change.check import Change, answering
from auditkit.fairness.change.family import Change as Family
from auditkit.fairness.change.flips import flips_of
from auditkit.fairness.change.rates import CHANGED, RateChange
from auditkit.fairness.families.frame import functions
from auditkit.question import Question
from auditkit.records import Finding, Report, Rule
from tests.helpers import run_cli

SEXES = ("f", "m", "x")


@cache
def frame(n: int = 1_500, seed: int = 0) -> pd.DataFrame:
    """The new model finds fewer women and more men; x is a small group, and some truths and decisions are missing."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(SEXES, n, p=[0.45, 0.5, 0.05])
    y = rng.integers(0, 2, n)
    old = np.where(rng.random(n) < 0.8, y, 1 - y)
    new = np.where((sex == "f") & (y == 1) & (rng.random(n) < 0.15), 0, old)
    new = np.where((sex == "m") & (rng.random(n) < 0.2), y, new)
    race = rng.choice(["a", "b"], n)
    rows = pd.DataFrame({"sex": sex, "race": race, "y": y, "old": old, "new": new, "w": rng.uniform(0.5, 2.0, n)})
    rows["h"] = rng.integers(0, n // 5, n).astype(str)
    return rows


def holes(rows: pd.DataFrame) -> pd.DataFrame:
    """Truths and decisions of some rows as missing, −1."""
    rng = np.random.default_rng(9)
    return rows.assign(**{c: np.where(rng.random(len(rows)) < 0.04, -1, rows[c]) for c in ("y", "old", "new")})


def paired(rows: pd.DataFrame, by: tuple[str, ...] = ("sex", "race"), **more: Any) -> Paired:
    return Paired.of(rows[list(by)], y_true=rows["y"], y_pred=rows["new"], y_old=rows["old"], **more)


def family(seen: Paired, metric: str, by: tuple[str, ...] = ("sex",), **more: Any) -> Family:
    return Family.of(RateChange.of(seen, metric, by, **{"level": 0.95, **more}))


def found(seen: Paired, id: str, **options: Any) -> Finding:
    return next(f for f in Change(**options).assess(seen).findings if f.id == id)


# --- values


@pytest.mark.parametrize("metric", CHANGED)
def test_values_are_fairlearn_s_of_each_model(metric: str) -> None:
    rows = holes(frame())
    both = rows[(rows["old"] >= 0) & (rows["new"] >= 0)]
    known = both[both["y"] >= 0] if METRICS[metric].needs_truths else both
    change = RateChange.of(paired(rows), metric, ("sex",), level=0.95)
    for model, values in zip(("new", "old"), change.rates, strict=True):
        truth = np.maximum(known["y"], 0)
        expected = MetricFrame(
            metrics=functions()[metric], y_true=truth, y_pred=known[model], sensitive_features=known["sex"]
        ).by_group
        assert values == pytest.approx(expected.to_numpy(), abs=1e-12)


def test_flips_are_those_of_the_rows() -> None:
    rows = holes(frame())
    seen = flips_of(paired(rows), ("sex",))
    for i, (sex,) in enumerate(seen.groups):
        own = [r for r in rows.itertuples() if r.sex == sex and r.old >= 0 and r.new >= 0]
        changed = [r for r in own if r.old != r.new]
        assert seen.rows[i] == len(own)
        assert seen.flipped[i] == len(changed)
        assert seen.better[i] == sum(r.new == r.y for r in changed)
        assert seen.worse[i] == sum(r.old == r.y for r in changed)
        assert (seen.up[i], seen.down[i]) == (sum(r.new for r in changed), sum(r.old for r in changed))
    table = found(paired(rows), "change/decisions_flipped/overall/sex").exhibits[0]
    p = [binomtest(int(b), int(b + w)).pvalue if b + w else 1.0 for b, w in zip(seen.better, seen.worse, strict=True)]
    assert [row[5] for row in table.rows] == [f"{x:.3f}" if x >= 0.001 else "< 0.001" for x in p]  # type: ignore[union-attr]


def test_rows_that_one_model_alone_decides_are_left_out_and_said() -> None:
    rows = holes(frame())
    f = found(paired(rows), "change/decisions_flipped/overall")
    alone = ((rows["old"] >= 0) != (rows["new"] >= 0)).sum()
    assert f"{alone:,} rows are left out: only one of the models decides them" in f.notes
    assert f.estimate.n == ((rows["old"] >= 0) & (rows["new"] >= 0)).sum()


# --- evidence


@pytest.mark.parametrize("kind", ["plain", "weights", "frequency", "clusters", "strata"])
def test_parts_add_up_and_json_gives_it_back(kind: str) -> None:
    rows = holes(frame(600))

    def own(part: pd.DataFrame) -> Paired:
        more: dict[str, Any] = {
            "weights": {"sample_weight": part["w"]},
            "frequency": {"sample_weight": np.arange(len(part)) % 3, "weights_kind": "frequency"},
            "clusters": {"cluster": part["h"], "sample_weight": part["w"]},
            "strata": {"strata": part["race"]},
        }.get(kind, {})
        return paired(part, **more)

    if kind == "frequency":
        rows = rows.iloc[:600]
    parts = own(rows.iloc[:201]), own(rows.iloc[201:402]), own(rows.iloc[402:])
    whole, added = own(rows), parts[1] + (parts[2] + parts[0])
    told = [
        {f.id: f for f in Change(metrics=["true_positive_rate", "precision"]).assess(seen).findings}
        for seen in (whole, added, Paired.from_json(whole.to_json()))
    ]
    for other in told[1:]:
        assert other.keys() == told[0].keys()
        for id, f in told[0].items():
            assert other[id].estimate.value == pytest.approx(f.estimate.value, abs=1e-9), id
            assert other[id].estimate.low == pytest.approx(f.estimate.low, abs=1e-6), id


def test_what_no_rows_can_give_is_refused() -> None:
    good = paired(frame(200)).to_json()
    for change, message in (
        (lambda d: d["by"].reverse(), "lacks the column"),
        (lambda d: d["cells"].update({OLD: ["7", *d["cells"][OLD][1:]]}), "no older decision"),
        (lambda d: d["cells"]["n"].__setitem__(0, -3), "whole number"),
    ):
        data = paired(frame(200)).to_json()
        change(data)
        with pytest.raises(EvidenceError, match=message):
            Paired.from_json(data)
    assert Paired.from_json(good).compared == 200
    with pytest.raises(DataError, match="name kept for the older decision"):
        Paired.of({OLD: ["a"]}, y_true=[1], y_pred=[1], y_old=[1])
    with pytest.raises(DataError, match="codes that the newer ones cannot have"):
        Paired.of({"g": ["a"]}, y_true=[1], y_pred=[1], y_old=[2])


def test_small_groups_are_recoded_and_few_older_decisions_are_not_told() -> None:
    rows = pd.DataFrame({"g": ["a"] * 60 + ["b"] * 60 + ["c"] * 4 + ["d"] * 30})
    rows = rows.assign(y=np.arange(len(rows)) % 2, new=np.arange(len(rows)) % 2, old=np.arange(len(rows)) % 2)
    rows.loc[rows["g"] == "a", "old"] = [1] * 4 + [0] * 56  # the older model selected four of a
    seen = paired(rows, ("g",))
    told = GroupDisclosure(
        suppress_below=10, attributes=("g",), recoding={"g": {"c": "(small groups)", "d": "(small groups)"}}
    )
    less = seen.reduced(told)
    cells = pd.DataFrame(dict(less.cells()))
    assert set(cells["g"]) == {"a", "b", "(small groups)"}
    assert set(cells.loc[cells["g"] == "a", "old"]) == {-1}
    assert cells["n"].sum() == len(rows)
    assert Paired.from_json(less.to_json()).compared == 94
    assert seen.reduced(Disclosure()).compared == len(rows)


# --- intervals, p, equivalence


def test_equal_weights_clusters_of_one_and_one_stratum_change_nothing_much() -> None:
    rows = frame()
    plain = family(paired(rows), "true_positive_rate")
    ones = family(paired(rows, sample_weight=np.ones(len(rows))), "true_positive_rate")
    alone = family(paired(rows, cluster=np.arange(len(rows)).astype(str)), "true_positive_rate")
    for i in range(3):
        a, b, c = (x.by_group[i].estimate for x in (plain, ones, alone))
        assert (b.value, b.low, b.high) == pytest.approx((a.value, a.low, a.high), abs=1e-9)
        if i < 2:  # 500 replicates: their variance is known to 6 %
            assert c.high - c.low == pytest.approx(a.high - a.low, rel=0.25)  # type: ignore[operator]


def test_copies_in_one_cluster_are_no_more_rows() -> None:
    rows = frame(400)
    copies = pd.concat([rows] * 4, ignore_index=True)
    ids = np.tile(np.arange(400), 4).astype(str)
    one, many = family(paired(rows), "accuracy"), family(paired(copies, cluster=ids), "accuracy")
    naive = family(paired(copies), "accuracy")
    width = [x.measured("lowest_change")[0] for x in (one, many, naive)]
    wide = [e.high - e.low for e in width]  # type: ignore[operator]
    assert wide[1] == pytest.approx(wide[0], rel=0.3)
    assert wide[2] < 0.6 * wide[0]


@pytest.mark.parametrize("metric", ["true_positive_rate", "precision"])
@pytest.mark.parametrize("kind", ["lowest_change", "highest_change", "gap_change"])
def test_p_is_where_the_interval_ends(metric: str, kind: Any) -> None:
    seen = paired(frame())
    for level in (0.9, 0.99):
        own = family(seen, metric, level=level)
        e, _ = own.measured(kind)
        for end, above in ((e.low, True), (e.high, False)):
            assert own.p_value(kind, end, above=above) == pytest.approx(1 - level, abs=1e-5)


def test_the_smallest_margin_is_that_of_two_one_sided_tests() -> None:
    from scipy.stats import norm

    own = family(paired(frame()), "true_positive_rate")
    margin = own.margin
    assert margin is not None

    def passes(m: float) -> bool:
        where = own.positions
        down, up = own.change.score(where, -m), own.change.score(where, m)
        p = np.maximum(norm.sf(down), norm.cdf(up))  # H0: at most −m; at least m
        return bool((p < 0.05).all())

    assert passes(margin + 1e-6)
    assert not passes(margin - 1e-6)
    f = found(paired(frame()), "change/true_positive_rate/lowest_change/sex")
    assert any(n.startswith("equivalence: every group is the same within") for n in f.notes)


# --- words


def test_a_change_of_nothing_is_the_same_and_never_worse() -> None:
    rows = frame()
    report = audited(rows.assign(new=rows["old"]), rule("r", at_least=-0.05, by=()), rule("zero", at_least=0.0))
    of_change = [f for f in report.findings if f.concern == "change"]
    assert of_change
    for f in of_change:
        assert f.estimate.value in (0.0, None)
        assert "worse than" not in f.statement or "shown to be worse" in f.statement
        assert f.estimate.low is None or f.estimate.low <= 0 <= (f.estimate.high or 0.0)
        assert f.p in (None, 1.0)
    same = [f for f in of_change if f.comparison in ("lowest_change", "highest_change")]
    assert all(": the same; both models decide all of these rows alike" in f.statement for f in same)
    assert report.finding("change/decisions_flipped/overall").statement == (
        "The same: both models decide all 1,500 rows alike."
    )
    assert {v.rule.id: v.status for v in report.verdicts} == {"r": "pass", "zero": "inconclusive"}


def test_who_is_worse_off_is_named_and_who_is_better_off_too() -> None:
    seen = paired(frame())
    worse = found(seen, "change/true_positive_rate/lowest_change/sex")
    assert ": f " in worse.statement
    assert worse.statement.endswith("worse than before.")
    assert worse.p is not None
    assert worse.p < 1e-4
    better = found(paired(frame().assign(old=frame()["new"], new=frame()["y"])), "change/accuracy/lowest_change")
    assert better.statement.endswith("better than before.")
    neutral = found(seen, "change/selection_rate/lowest_change/sex")
    assert "worse" not in neutral.statement
    grown = found(seen, "change/true_positive_rate/gap_change/sex")
    assert "a gap grew; between f and m" in grown.statement


# --- audits and rules


def rule(id: str, **asked: Any) -> dict[str, Any]:
    return {"id": id, "metric": "true_positive_rate", "comparison": "change", "by": ["sex"], **asked}


def data_of(rows: pd.DataFrame) -> ak.Dataset:
    return ak.Dataset(rows.drop(columns=["w", "h"]), y_true="y", positive=1, sensitive_features=["sex", "race"])


def audited(rows: pd.DataFrame, *rules: dict[str, Any], against: Any = "old", **more: Any) -> Report:
    return ak.audit(
        ak.Predictions("new"),
        data_of(rows),
        against=ak.Predictions(against) if against else None,
        checks=["group_fairness"],
        policy={"rule": list(rules)} if rules else None,
        **more,
    )


RULES = (
    rule("found", at_least=-0.02),
    rule("everybody", metric="accuracy", by=[], at_least=-0.2),
    rule("alarms", metric="false_positive_rate", at_most=0.3),
    rule("gap", comparison="gap_change", at_most=0.01),
    rule("crossed", metric="precision", by=["race", "sex"], at_least=-0.5, min_n=5),
)


@pytest.fixture(scope="module")
def report() -> Report:
    return audited(frame(), *RULES)


def test_rules_are_answered_fresh_and_from_a_stored_report(report: Report) -> None:
    status = {v.rule.id: v.status for v in report.verdicts}
    assert status == {"found": "fail", "everybody": "pass", "alarms": "pass", "gap": "fail", "crossed": "pass"}
    again = ak.judge(Report.from_json(report.to_json()), {"rule": list(RULES)})
    assert [v.model_dump() for v in again.verdicts] == [v.model_dump() for v in report.verdicts]
    assert ak.verify(Report.from_json(report.to_json())).agrees
    assert report.provenance.against is not None


def test_every_group_must_satisfy_a_change(report: Report) -> None:
    found = next(v for v in report.verdicts if v.rule.id == "found")
    assert found.surest is not None
    assert found.surest.groups == ({"sex": "f"},)
    assert found.rule.comparison == "lowest_change"
    assert next(v for v in report.verdicts if v.rule.id == "alarms").rule.comparison == "highest_change"


def test_an_edited_change_is_refused(report: Report) -> None:
    from auditkit.errors import ReportError

    id = "change/true_positive_rate/lowest_change/sex"
    edited = [
        f.model_copy(update={"estimate": f.estimate.model_copy(update={"value": -0.001})}) if f.id == id else f
        for f in report.findings
    ]
    with pytest.raises(ReportError, match="not what the evidence"):
        ak.judge(report.model_copy(update={"findings": tuple(edited)}), {"rule": list(RULES)})


def test_without_an_older_model_a_rule_is_not_measured_and_says_what_to_do() -> None:
    report = audited(frame(), RULES[0], against=None)
    (v,) = report.verdicts
    assert v.status == "not_measured"
    assert "ak.audit(…, against=…)" in v.reason
    asked = ak.audit(ak.Predictions("new"), data_of(frame()), checks=["change"], policy={"rule": [RULES[0]]})
    assert asked.verdicts[0].status == "not_measured"
    assert "--against" in asked.verdicts[0].reason
    assert [n.what for n in asked.not_measured] == ["change"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (rule("r", comparison="chang", at_least=0.0), "Did you mean 'change'"),
        (rule("r", at_least=-2.0), "at_least"),
        (rule("r", comparison="gap_change", by=[], at_most=0.0), "needs by"),
        (rule("r", metric="f1", at_least=0.0), "'f1' knows"),
        (rule("r", at_least=-0.1, at_most=0.1), "exactly one"),
    ],
)
def test_mistakes_of_rules(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        ak.Policy.from_dict({"rule": [asked]})


def test_a_rule_in_python_says_change_too() -> None:
    asked = {"id": "r", "metric": "accuracy", "comparison": "change", "by": ("sex",)}
    assert Rule(**asked, at_least=-0.1).comparison == "lowest_change"
    assert Rule(**asked, at_most=0.1).comparison == "highest_change"


def test_what_is_no_older_model_is_refused() -> None:
    data = data_of(frame())
    with pytest.raises(ModelError, match="against takes an"):
        ak.audit(ak.Predictions("new"), data, against="old")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="the very decisions that are audited"):
        ak.audit(ak.Predictions("new"), data, against=ak.Predictions("new"))


def test_columns_of_the_older_model_are_no_features(report: Report) -> None:
    plain = audited(frame(), against=None)
    proxies = [
        ak.audit(ak.Predictions("new"), data_of(frame()), against=a, checks=["proxies"])
        for a in (None, ak.Predictions("old"))
    ]
    told = [" ".join(f.model_dump_json() for f in r.findings if f.concern != "change") for r in proxies]
    assert '"old"' in told[0]
    assert '"old"' not in told[1]
    shared = {f.id: f.estimate for f in plain.findings}
    assert {f.id: f.estimate for f in report.findings if f.concern != "change"} == shared


@pytest.mark.parametrize("comparison", ["lowest_change", "highest_change", "gap_change"])
def test_answers_are_the_findings(comparison: Any) -> None:
    seen = paired(frame())
    answer = answering(seen, Question("selection_rate", comparison, ("sex",)))
    assert answer is not None
    assert answer.finding(comparison).estimate == found(seen, f"change/selection_rate/{comparison}/sex").estimate
    assert answering(seen, Question("f1", comparison, ("sex",))) is None


def test_the_page_and_the_terminal_say_who_is_worse_off(report: Report) -> None:
    from auditkit.report.changes import told
    from auditkit.report.failing import told as message
    from auditkit.report.html.page import render

    assert told(report).startswith("Worse for somebody.")
    page = render(report)
    assert 'id="change"' in page or "id=change" in page
    assert "Against the older model" in page
    said = message(report, report.verdicts[0])
    assert "no group of sex falls by more than 2 points from the older model" in said
    assert "before" in said
    assert "keep the older model" in said
    nothing = render(audited(frame(), against=None))
    assert "Against the older model" not in nothing


def test_everything_is_deterministic_in_the_order_of_rows() -> None:
    shuffled: Callable[[int], pd.DataFrame] = lambda seed: frame().sample(frac=1, random_state=seed)  # noqa: E731
    a, b = (Change().assess(paired(shuffled(s))).findings for s in (1, 2))
    assert a == b


# --- several classes, several labels


def classes(n: int = 900) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    sex, y = rng.choice(["f", "m"], n), rng.choice(["a", "b", "c"], n)
    old = np.where(rng.random(n) < 0.8, y, rng.choice(["a", "b", "c"], n))
    new = np.where((sex == "f") & (y == "a") & (rng.random(n) < 0.4), "b", old)
    return pd.DataFrame({"sex": sex, "y": y, "old": old, "new": new})


def test_of_several_classes_each_is_against_the_rest() -> None:
    rows = classes()
    rules = [
        rule("right", metric="accuracy", at_least=-0.02),
        rule("a", label="a", at_least=-0.02),
        rule("c", label="c", at_least=-0.1),
        rule("none", at_least=-0.02),
    ]
    data = ak.Dataset(rows, y_true="y", sensitive_features=["sex"], task="multiclass")
    report = ak.audit(
        ak.Predictions("new"), data, against=ak.Predictions("old"), checks=["class_fairness"], policy={"rule": rules}
    )
    status = {v.rule.id: v.status for v in report.verdicts}
    assert status == {"right": "fail", "a": "fail", "c": "pass", "none": "not_measured"}
    assert 'name it, as in label = "…"' in report.verdicts[3].reason
    f = report.finding("change/true_positive_rate/lowest_change/sex[a]")
    own = rows[(rows["y"] == "a") & (rows["sex"] == "f")]
    assert f.estimate.value == pytest.approx((own["new"] == "a").mean() - (own["old"] == "a").mean())
    assert f.statement.startswith("Told “a”, of those who are really “a”: f ")
    flips = report.finding("change/decisions_flipped/overall")
    assert flips.estimate.numerator == (rows["new"] != rows["old"]).sum()
    assert ak.verify(Report.from_json(report.to_json())).agrees
    with pytest.raises(PolicyError, match="Did you mean"):
        ak.judge(report, {"rule": [rule("r", label="aa", at_least=0.0)]})


def test_of_several_labels_each_is_asked() -> None:
    rng = np.random.default_rng(6)
    n = 500
    rows = pd.DataFrame({"sex": rng.choice(["f", "m"], n), "u": rng.integers(0, 2, n), "v": rng.integers(0, 2, n)})
    for label in "uv":
        rows[f"old_{label}"] = np.where(rng.random(n) < 0.85, rows[label], 1 - rows[label])
    rows["new_u"], rows["new_v"] = np.where(rows["sex"] == "f", 0, rows["old_u"]), rows["old_v"]
    data = ak.Dataset(rows, y_true=["u", "v"], sensitive_features=["sex"], task="multilabel")
    report = ak.audit(
        ak.Predictions(["new_u", "new_v"]),
        data,
        against=ak.Predictions(["old_u", "old_v"]),
        checks=["group_fairness"],
        policy={"rule": [rule("found", at_least=-0.2)]},
    )
    assert {v.rule.id: v.status for v in report.verdicts} == {"found[u]": "fail", "found[v]": "pass"}


def test_of_numbers_it_is_how_far_off_each_row_is() -> None:
    from scipy.stats import ttest_1samp

    rng = np.random.default_rng(7)
    n = 400
    rows = pd.DataFrame({"sex": rng.choice(["f", "m"], n), "y": rng.normal(size=n)})
    rows["old"] = rows["y"] + rng.normal(size=n)
    rows["new"] = rows["y"] + (rows["old"] - rows["y"]) * np.where(rows["sex"] == "f", 1.1, 0.9)
    data = ak.Dataset(rows, y_true="y", sensitive_features=["sex"], task="regression")
    rules = [
        rule("worse", metric="mae", at_most=0.02),
        rule("everybody", metric="mae", by=[], at_most=0.5),
        rule("grown", metric="mae", comparison="gap_change", at_most=1.0),
    ]
    report = ak.audit(
        ak.Predictions("new"),
        data,
        against=ak.Predictions("old"),
        checks=["regression_fairness"],
        policy={"rule": rules},
    )
    assert [v.status for v in report.verdicts] == ["fail", "pass", "pass"]
    f = report.finding("change/mean_absolute_error/highest_change/sex")
    moved = (rows["new"] - rows["y"]).abs() - (rows["old"] - rows["y"]).abs()
    for g in f.by_group:
        own = moved[rows["sex"] == g.group["sex"]]
        low, high = ttest_1samp(own, 0).confidence_interval(0.95)
        assert g.estimate.value == pytest.approx(own.mean())
        assert g.estimate.low <= low + 1e-9  # type: ignore[operator]
        assert g.estimate.high >= high - 1e-9  # type: ignore[operator]
        assert (g.estimate.low, g.estimate.high) == pytest.approx((low, high), abs=0.25 * (high - low))
    assert f.statement.endswith("worse than before.")
    assert ak.verify(Report.from_json(report.to_json())).agrees
    from auditkit.report.html.page import render

    assert "Before and now" in render(report)
    with pytest.raises(PolicyError, match="'signed_error' knows"):
        ak.Policy.from_dict({"rule": [rule("r", metric="signed_error", at_most=0.1)]})


# --- configurations


TOML = """
[data]
path = "rows.csv"
y_true = "y"
positive = 1
sensitive_features = ["sex"]

[[check]]
name = "group_fairness"

[[rule]]
id = "found"
metric = "recall"
comparison = "change"
by = ["sex"]
at_least = -0.02
"""
NET = """
import torch
from torch import nn
import auditkit as ak

class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([1.0, 0.0]))

    def forward(self, x):
        return x @ self.w

def inputs(rows):
    return torch.tensor(rows[["x1", "x2"]].to_numpy(), dtype=torch.float32)

def build():
    return ak.Model(Linear(), preprocess=inputs)
"""


def told(code: int, out: str, err: str) -> tuple[int, str]:
    return code, " ".join((out + err).split())


def test_a_file_and_a_flag_name_the_older_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frame().to_csv("rows.csv", index=False)
    of_decisions = TOML + '[predictions]\ny_pred = "new"\n'
    Path("flag.toml").write_text(of_decisions)
    Path("table.toml").write_text(of_decisions + '[against]\ny_pred = "old"\n')
    by_table = told(*run_cli(["run", "table.toml", "--out", "a", "--name", "r", "--format", "json"]))
    by_flag = told(*run_cli(["run", "flag.toml", "--against", "old", "--out", "b", "--name", "r", "--format", "json"]))
    assert by_table[0] == by_flag[0] == 1
    assert "Worse for somebody" in by_table[1]
    (one,), (two,) = (list(Path(d).rglob("*.json")) for d in "ab")
    assert Report.load(one).findings == Report.load(two).findings
    assert run_cli(["run", "flag.toml", "--out", "c"])[0] == 3, "not measured stands in the way"
    code, said = told(*run_cli(["run", "flag.toml", "--against", "odl", "--out", "d"]))
    assert code == 2
    assert "Did you mean 'old'" in said


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[against]\n", "names no older model"),
        ('[against]\ny_pred = "old"\nweights = "w"\n', "one older model"),
        ('[against]\ny_pre = "old"\n', "Did you mean 'y_pred'"),
    ],
)
def test_mistakes_of_the_table(tmp_path: Path, table: str, message: str) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(TOML + table)
    with pytest.raises(PolicyError, match=message):
        ak.load_config(path)


def test_an_older_net_of_the_same_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from safetensors.torch import save_file

    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(8)
    rows = pd.DataFrame(rng.normal(size=(400, 2)), columns=["x1", "x2"])
    rows["sex"], rows["y"] = rng.choice(["f", "m"], 400), (rows["x1"] + rows["x2"] > 0).astype(int)
    rows.to_csv("rows.csv", index=False)
    Path("older_and_newer_nets.py").write_text(NET)
    save_file({"w": torch.tensor([1.0, 1.0])}, "old.safetensors")
    save_file({"w": torch.tensor([1.0, 0.0])}, "new.safetensors")
    model = '[model]\nfactory = "older_and_newer_nets:build"\nweights = "new.safetensors"\noutputs = "logits"\n'
    Path("audit.toml").write_text(TOML + model)
    code, said = told(*run_cli(["run", "audit.toml", "--against", "old.safetensors", "--out", "r", "--name", "r"]))
    assert code == 1, said
    (path,) = Path("r").rglob("*.json")
    report = Report.load(path)
    e = report.finding("change/accuracy/lowest_change").estimate
    assert e.value == pytest.approx(((rows["x1"] > 0) == rows["y"]).mean() - 1.0)
    assert report.provenance.against is not None
    assert report.provenance.against.sha256 != report.provenance.model.sha256
    assert report.provenance.against.sha256 is not None
