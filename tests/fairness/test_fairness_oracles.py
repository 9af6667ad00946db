"""Values are fairlearn's over the rows, wherever they are defined; where fairlearn invents a number, ours says so."""

from __future__ import annotations

from functools import cache
from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_score, zero_one_loss

from auditkit.catalogue.index import METRICS, rates, resolve
from auditkit.errors import PolicyError
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.frame import MOST_GROUPS, from_counts, from_fairlearn
from auditkit.fairness.families.rates import RateTable
from auditkit.fairness.groups.check import GroupFairness, answering
from auditkit.question import Question
from auditkit.records import Finding
from tests.helpers import reassessing

reassess, _ = reassessing(answering)

ON_ROWS = {
    "selection_rate": fl.selection_rate,
    "base_rate": lambda t, p: fl.selection_rate(p, t),
    "true_positive_rate": fl.true_positive_rate,
    "false_positive_rate": fl.false_positive_rate,
    "true_negative_rate": fl.true_negative_rate,
    "false_negative_rate": fl.false_negative_rate,
    "precision": lambda t, p: precision_score(t, p, zero_division=0),
    "negative_predictive_value": lambda t, p: precision_score(t, p, zero_division=0, pos_label=0),
    "false_discovery_rate": lambda t, p: 1 - precision_score(t, p, zero_division=0),
    "false_omission_rate": lambda t, p: 1 - precision_score(t, p, zero_division=0, pos_label=0),
    "accuracy": accuracy_score,
    "error_rate": zero_one_loss,
    "false_match_rate": fl.false_positive_rate,
    "false_non_match_rate": fl.false_negative_rate,
    "false_positive_identification_rate": fl.false_positive_rate,
    "false_negative_identification_rate": fl.false_negative_rate,
    "object_recall": fl.true_positive_rate,
    "miss_rate": fl.false_negative_rate,
    "stereotype_preference": fl.selection_rate,
}


def rows(n: int = 3000, seed: int = 0, groups: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(groups) * 0.7)
    g = rng.choice([f"g{i}" for i in range(groups)], n, p=weights)
    sex = rng.choice(["f", "m"], n)
    y = rng.random(n) < 0.3
    p = rng.random(n) < np.where(y, 0.6, 0.2) + 0.1 * (sex == "m")
    return pd.DataFrame({"g": g, "sex": sex, "y": y.astype(int), "p": p.astype(int)})


def tally_of(frame: pd.DataFrame) -> Tally:
    return Tally.of(frame[["sex", "g"]], y_true=frame["y"].to_numpy(), y_pred=frame["p"].to_numpy())


def findings_of(frame: pd.DataFrame) -> dict[str, Finding]:
    check = GroupFairness(metrics=[m for m in rates() if m != "base_rate"])
    return {f.id: f for f in check.assess(tally_of(frame)).findings}


@cache
def findings_of_seed(seed: int) -> dict[str, Finding]:
    return findings_of(rows(seed=seed))


def oracle_of(frame: pd.DataFrame, by: tuple[str, ...], metrics: list[str]) -> Any:
    return fl.MetricFrame(
        metrics={m: ON_ROWS[m] for m in metrics},
        y_true=frame["y"],
        y_pred=frame["p"],
        sensitive_features=frame[list(by)],
    )


def test_every_rate_has_an_oracle() -> None:
    assert set(ON_ROWS) == set(rates())
    assert all(m.oracle and m.reference and m.formula and m.definition for m in METRICS.values())


@pytest.mark.one_in(9)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("by", [("sex",), ("g",), ("sex", "g")])
def test_values_and_gaps_are_fairlearns_over_rows(seed: int, by: tuple[str, ...]) -> None:
    frame = rows(seed=seed)
    found = findings_of_seed(seed)
    oracle = oracle_of(frame, by, list(rates()))
    alike: dict[tuple[tuple[Any, ...], ...], list[str]] = {}  # groups that are compared → metrics
    for metric in rates():
        concern = "data" if metric == "base_rate" else "fairness"
        first = found[f"{concern}/{metric}/difference/{'+'.join(by)}"]
        for g in first.by_group:
            key = tuple(g.group[b] for b in by) if len(by) > 1 else g.group[by[0]]
            if g.estimate.state == "undefined":
                assert g.estimate.value is None
                assert g.estimate.denominator == 0
            else:
                assert g.estimate.value == pytest.approx(oracle.by_group.loc[key, metric], abs=1e-12)
        ok = tuple(tuple(g.group.values()) for g in first.by_group if g.estimate.state == "ok")
        if len(ok) < 2:
            assert first.estimate.value is None
        else:
            alike.setdefault(ok, []).append(metric)
    for ok, metrics in alike.items():
        kept = frame[[tuple(r) in ok for r in frame[list(by)].itertuples(index=False)]]
        part = oracle_of(kept, by, metrics)
        for comparison in ("difference", "ratio"):
            for method, suffix in (("between_groups", ""), ("to_overall", "_to_overall")):
                expected = getattr(part, comparison)(method=method)
                for metric in metrics:
                    if metric != "base_rate":
                        e = found[f"fairness/{metric}/{comparison}{suffix}/{'+'.join(by)}"].estimate
                        assert e.value == pytest.approx(expected[metric], abs=1e-12)
                    elif (comparison, suffix) == ("difference", ""):
                        e = found[f"data/base_rate/difference/{'+'.join(by)}"].estimate
                        assert e.value == pytest.approx(expected[metric], abs=1e-12)


def test_equalized_odds_is_fairlearns() -> None:
    frame = rows()
    e = findings_of(frame)["fairness/equalized_odds/difference/sex"].estimate
    expected = fl.equalized_odds_difference(frame["y"], frame["p"], sensitive_features=frame["sex"])
    assert e.value == pytest.approx(expected, abs=1e-12)
    finding = findings_of(frame)["fairness/equalized_odds/difference/sex"]
    assert finding.by_group == ()
    assert "fairness/true_positive_rate/difference/sex" in finding.notes[0]


counts = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from([0, 1]), st.sampled_from([0, 1])), min_size=4, max_size=80
)


@settings(max_examples=25)
@given(counts, st.sampled_from([1, 3, 10]))
def test_closed_forms_are_fairlearns(table: list[tuple[str, int, int]], min_n: int) -> None:
    g, y, p = (list(x) for x in zip(*table, strict=True))
    tally = Tally.of({"g": g}, y_true=y, y_pred=p)
    table_ = RateTable.of(tally, ("g",), rates())
    kept = table_.denominator >= min_n
    a, b = from_fairlearn(tally, table_, kept), from_counts(tally, table_, kept)
    np.testing.assert_allclose(a.by_group, b.by_group, atol=1e-12)
    np.testing.assert_allclose(np.array(a.compared), np.array(b.compared), atol=1e-12)


def test_many_groups_use_counts() -> None:
    frame = rows(20_000, groups=MOST_GROUPS + 6)
    tally = Tally.of(frame[["g"]], y_true=frame["y"], y_pred=frame["p"])
    found = {f.id: f for f in GroupFairness(by=[["g"]]).assess(tally).findings}
    oracle = fl.MetricFrame(
        metrics=fl.selection_rate, y_true=frame["y"], y_pred=frame["p"], sensitive_features=frame["g"]
    )
    for g in found["fairness/selection_rate/difference/g"].by_group:
        assert g.estimate.value == pytest.approx(oracle.by_group[g.group["g"]], abs=1e-12)


def test_where_fairlearn_invents_a_number_we_do_not() -> None:
    """A group without positives: fairlearn's TPR is 0 and the gap is .75; ours is undefined and the gap is left out."""
    frame = pd.DataFrame(
        {"g": ["a"] * 40 + ["b"] * 40 + ["c"] * 20, "y": [1] * 40 + [1] * 40 + [0] * 20, "p": [1, 1, 1, 0] * 25}
    )
    oracle = fl.MetricFrame(
        metrics=fl.true_positive_rate, y_true=frame["y"], y_pred=frame["p"], sensitive_features=frame["g"]
    )
    assert oracle.by_group["c"] == 0
    assert oracle.difference() == 0.75
    tally = Tally.of(frame[["g"]], y_true=frame["y"], y_pred=frame["p"])
    found = {f.id: f for f in GroupFairness().assess(tally).findings}["fairness/true_positive_rate/difference/g"]
    c = found.by_group[2].estimate
    assert (c.value, c.state, c.denominator) == (None, "undefined", 0)
    assert found.estimate.value == 0.0
    assert any("nobody to count: c" in n for n in found.notes)


def test_one_group_is_undefined_not_fair() -> None:
    tally = Tally.of({"g": ["a"] * 50}, y_true=[1, 0] * 25, y_pred=[1, 0] * 25)
    found = {f.id: f for f in GroupFairness().assess(tally).findings}
    e = found["fairness/selection_rate/difference/g"].estimate
    assert (e.value, e.state) == (None, "undefined")
    assert "one group only" in e.note
    assert found["fairness/equalized_odds/difference/g"].estimate.state == "undefined"


def test_sparse_groups_are_listed_and_left_out() -> None:
    tally = Tally.of({"g": ["a"] * 50 + ["b"] * 50 + ["c"] * 9}, y_true=[1] * 109, y_pred=[1, 0] * 50 + [1] * 9)
    found = {f.id: f for f in GroupFairness().assess(tally).findings}["fairness/selection_rate/difference/g"]
    assert [g.estimate.state for g in found.by_group] == ["ok", "ok", "sparse"]
    assert found.estimate.value == 0.0
    assert "left out, fewer than 10 to count: c" in found.notes
    judged = reassess(tally, Question("selection_rate", "difference", ("g",), level=0.95, min_n=5))
    assert judged is not None
    assert judged.estimate.value == 0.5


def test_all_rates_zero_has_no_ratio() -> None:
    tally = Tally.of({"g": ["a"] * 50 + ["b"] * 50}, y_true=[1, 0] * 50, y_pred=[0] * 100)
    found = {f.id: f for f in GroupFairness().assess(tally).findings}
    e = found["fairness/selection_rate/ratio/g"].estimate
    assert (e.value, e.state) == (None, "undefined")
    assert found["fairness/precision/difference/g"].estimate.value is None


def test_rows_without_truth_or_decision_are_in_no_rate_that_needs_both() -> None:
    frame = rows()
    with_gaps = pd.concat([frame, frame.head(100).assign(y=-1), frame.head(50).assign(p=-1)])
    a, b = findings_of(frame), findings_of(with_gaps)
    both = [k for k, f in a.items() if f.metric not in ("selection_rate", "base_rate", "stereotype_preference")]
    assert {k: a[k].estimate for k in both} == {k: b[k].estimate for k in both}


@pytest.mark.parametrize(("metric", "needs"), [("selection_rate", "p"), ("base_rate", "y")])
def test_a_rate_of_one_of_them_counts_rows_without_the_other(metric: str, needs: str) -> None:
    frame = rows()
    with_gaps = pd.concat([frame, frame.head(100).assign(y=-1), frame.head(50).assign(p=-1)])
    known = with_gaps[with_gaps[needs] >= 0].assign(**{"y" if needs == "p" else "p": 0})
    a, b = findings_of(with_gaps), findings_of(known)
    asked = [k for k, f in a.items() if f.metric == metric]
    assert asked
    assert {k: a[k].estimate for k in asked} == {k: b[k].estimate for k in asked}


def test_no_sentence_names_a_disparity_whose_interval_includes_none() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y, p = rng.integers(0, 2, (2, 300))
        tally = Tally.of({"g": rng.choice(list("ab"), 300)}, y_true=y, y_pred=p)
        for f in GroupFairness().assess(tally).findings:
            e = f.estimate
            if f.comparison.startswith("difference") and not e.low:
                assert "a gap of" not in f.statement
                assert "differ" not in f.statement or "shown" in f.statement
            if f.comparison.startswith("ratio") and (e.high or 1) >= 1:
                assert "a ratio of" not in f.statement


def test_reassess_answers_what_no_finding_does() -> None:
    tally = tally_of(rows())
    lowest = reassess(tally, Question("accuracy", "group_min", ("sex",), level=0.9))
    assert lowest is not None
    values = [g.estimate.value for g in lowest.by_group]
    assert lowest.estimate.value == min(v for v in values if v is not None)
    assert lowest.estimate.level == 0.9
    assert reassess(tally, Question("accuracy", "difference", ("age",), level=0.95)) is None
    crossed = reassess(tally, Question("accuracy", "difference", ("g", "sex"), level=0.95))
    assert crossed is not None
    assert crossed.by == ("sex", "g")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(PolicyError, match="Did you mean 'selection_rate'"):
        GroupFairness(metrics=["selektion_rate"])
    with pytest.raises(PolicyError, match="is not a rate or composite"):
        GroupFairness(metrics=["equalized_odds"])
    with pytest.raises(PolicyError, match="Did you mean 'sex'"):
        GroupFairness(by=[["sexx"]]).assess(tally_of(rows()))


NOT_OURS = {
    "MetricFrame": "the engine",
    "make_derived_metric": "makes names",
    "plot_model_comparison": "draws",
    "plot_roc_curve_by_group": "draws",
    "count": "`n` and `denominator` of every estimate",
    "mean_prediction": "of regression",
    "mean_absolute_error_group_max": "of regression",
    "mean_squared_error_group_max": "of regression",
    "r2_score_group_min": "of regression; no sum of a group's own, and no interval",
    "log_loss_group_max": "calibration and ranking are told apart here",
}


@pytest.mark.parametrize("name", sorted(fl.__all__))
def test_every_name_of_fairlearn_is_known(name: str) -> None:
    if name in NOT_OURS:
        return
    metric, comparison = resolve(name)
    tally = Tally.of({"g": list("aabbb") * 40}, y_true=[1, 0, 1, 0, 1] * 40, y_pred=[1, 1, 0, 0, 1] * 40)
    if comparison is None or metric == "roc_auc":
        assert metric in METRICS
        return
    rows = {"y_true": [1, 0, 1, 0, 1] * 40, "y_pred": [1, 1, 0, 0, 1] * 40, "sensitive_features": list("aabbb") * 40}
    found = reassess(tally, Question(metric, comparison, ("g",), level=0.95))  # type: ignore[arg-type]
    assert found is not None
    assert found.estimate.value == pytest.approx(getattr(fl, name)(**rows), abs=1e-12)
