"""Rates of classes by group: fairlearn's values, the binary audit of two classes, coverage, and what is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_score, recall_score

import auditkit as ak
from auditkit.catalogue.sentences import is_established
from auditkit.errors import PolicyError
from auditkit.evidence.classes import ClassTally
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.estimates import Family
from auditkit.fairness.families.one_vs_rest import ClassFamilies
from auditkit.fairness.groups.check import GroupFairness
from auditkit.fairness.groups.classes import ClassFairness, answering
from auditkit.question import Question
from auditkit.records import Comparison, Finding, GroupEstimates
from tests.helpers import reassessing

reassess, p_value = reassessing(answering)

CLASSES = ("x", "y", "z")
FUNCTIONS = {
    "selection_rate": selection_rate,
    "true_positive_rate": true_positive_rate,
    "false_positive_rate": false_positive_rate,
    "precision": precision_score,
}


def people(n: int = 900, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Women of class z are found less often; race c is rare."""
    rng = np.random.default_rng(seed)
    groups = pd.DataFrame(
        {"sex": rng.choice(["f", "m"], n), "race": rng.choice(["a", "b", "c"], n, p=[0.6, 0.39, 0.01])}
    )
    y = rng.integers(0, 3, n)
    worse = (groups["sex"].to_numpy() == "f") & (y == 2)
    return groups, y, np.where(rng.random(n) < np.where(worse, 0.4, 0.8), y, rng.integers(0, 3, n))


def found_in(groups: Any, y: Any, p: Any, classes: tuple[str, ...] = CLASSES, **options: Any) -> dict[str, Finding]:
    tally = ClassTally.of(groups, classes, y_true=y, y_pred=p)
    return {f.id: f for f in ClassFairness(**options).assess(tally).findings}


def test_values_are_fairlearns() -> None:
    groups, y, p = people()
    found = found_in(groups, y, p)
    for m, function in FUNCTIONS.items():
        gaps, ratios, lowest = [], [], []
        exhibit = found[f"fairness/{m}/difference/sex"].exhibits[0]
        assert isinstance(exhibit, GroupEstimates)
        for c, name in enumerate(CLASSES):
            frame = MetricFrame(
                metrics=function,
                y_true=(y == c).astype(int),
                y_pred=(p == c).astype(int),
                sensitive_features=groups["sex"],
            )
            gaps.append(frame.difference())
            ratios.append(frame.ratio())
            lowest.append(frame.group_min())
            overall = found[f"performance/{m}/overall[{name}]"]
            assert overall.label == name
            assert overall.estimate.value == pytest.approx(frame.overall, rel=1e-12)
            label, cells = exhibit.rows[c]
            assert label == name
            assert [e.value for e in cells] == pytest.approx(frame.by_group.to_list(), rel=1e-12)
        assert found[f"fairness/{m}/difference/sex"].estimate.value == pytest.approx(max(gaps), rel=1e-12)
        assert found[f"fairness/{m}/ratio/sex"].estimate.value == pytest.approx(min(ratios), rel=1e-12)
        assert found[f"fairness/{m}/group_min/sex"].estimate.value == pytest.approx(min(lowest), rel=1e-12)
        worst = CLASSES[int(np.argmax(gaps))]
        gap = found[f"fairness/{m}/difference/sex"]
        assert (f"“{worst}”" in gap.statement) == is_established("difference", gap.estimate)
        assert gap.surest is None or gap.surest.label in CLASSES


def test_accuracy_and_macro_recall_are_scikit_learns() -> None:
    groups, y, p = people()
    found = found_in(groups, y, p)
    frame = MetricFrame(
        metrics={
            "accuracy": accuracy_score,
            "macro_recall": lambda a, b: recall_score(a, b, average="macro"),
        },
        y_true=y,
        y_pred=p,
        sensitive_features=groups["sex"],
    )
    for m in ("accuracy", "macro_recall"):
        assert found[f"performance/{m}/overall"].estimate.value == pytest.approx(frame.overall[m], rel=1e-12)
        gap = found[f"fairness/{m}/difference/sex"]
        assert gap.estimate.value == pytest.approx(frame.difference()[m], rel=1e-12)
        for g in gap.by_group:
            assert g.estimate.value == pytest.approx(frame.by_group[m][g.group["sex"]], rel=1e-12)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("comparison", ["difference", "ratio", "group_min", "group_max"])
def test_two_classes_are_the_binary_audit(comparison: Comparison) -> None:
    groups, y, p = people()
    y, p = (y > 0).astype(int), (p > 0).astype(int)
    tally = ClassTally.of(groups, ("no", "yes"), y_true=y, y_pred=p)
    binary = {f.id: f for f in GroupFairness().assess(Tally.of(groups, y_true=y, y_pred=p)).findings}
    for m in ("selection_rate", "true_positive_rate", "false_positive_rate", "precision"):
        for by in (("sex",),):
            ours = reassess(tally, Question(m, comparison, by, level=0.95, label="yes"))
            theirs = binary.get(f"fairness/{m}/{comparison}/{by[0]}")
            if theirs is None:
                continue
            assert ours is not None
            for x in ("value", "low", "high", "mde"):
                mine, wanted = getattr(ours.estimate, x), getattr(theirs.estimate, x)
                assert mine == (wanted if wanted is None else pytest.approx(wanted, rel=1e-9)), (m, x)
    whole = found_in(groups, y, p, ("no", "yes"))["fairness/selection_rate/difference/sex"].estimate
    alone = binary["fairness/selection_rate/difference/sex"].estimate
    assert whole.value == pytest.approx(alone.value, rel=1e-12)
    assert (whole.low or 0) <= (alone.low or 0)
    assert whole.high == pytest.approx(alone.high)
    accuracy = found_in(groups, y, p, ("no", "yes"))["fairness/accuracy/difference/race"].estimate
    assert accuracy == binary["fairness/accuracy/difference/race"].estimate


@given(st.permutations(range(80)), st.integers(1, 79), st.permutations(range(3)))
@settings(max_examples=3, deadline=None)
def test_order_parts_and_names_change_nothing(order: list[int], cut: int, codes: list[int]) -> None:
    groups, y, p = people(80)
    check = ClassFairness(by=[["sex"]], metrics=["macro_recall", "true_positive_rate", "precision"])
    whole = check.assess(ClassTally.of(groups, CLASSES, y_true=y, y_pred=p)).findings
    parts = [ClassTally.of(groups.iloc[i], CLASSES, y_true=y[i], y_pred=p[i]) for i in (order[:cut], order[cut:])]
    added = check.assess(parts[0] + parts[1]).findings
    assert [f.estimate for f in added] == [f.estimate for f in whole]
    place = np.array(codes)
    names = tuple(CLASSES[codes.index(i)] for i in range(3))
    renamed = groups.assign(sex=groups["sex"].map({"f": "zz", "m": "aa"}))
    other = check.assess(ClassTally.of(renamed, names, y_true=place[y], y_pred=place[p])).findings
    mine = {(f.metric, f.comparison, f.label): f.estimate for f in whole}
    for f in other:
        for x in ("value", "low", "high"):
            wanted = getattr(mine[f.metric, f.comparison, f.label], x)
            near = wanted if wanted is None else pytest.approx(wanted, rel=1e-9, abs=1e-12)
            assert getattr(f.estimate, x) == near


def test_p_belongs_to_the_interval() -> None:
    groups, y, p = people(400)
    tally = ClassTally.of(groups, CLASSES, y_true=y, y_pred=p)
    asked: list[tuple[str, Comparison, float, bool]] = [
        ("true_positive_rate", "difference", 0.15, True),
        ("true_positive_rate", "ratio", 0.8, False),
        ("true_positive_rate", "group_min", 0.7, False),
        ("selection_rate", "group_max", 0.3, True),
        ("macro_recall", "difference", 0.02, True),
        ("accuracy", "difference", 0.05, True),
    ]
    for metric, kind, limit, above in asked:
        p_of = p_value(tally, Question(metric, kind, ("sex",)), limit, above=above)
        assert p_of is not None
        assert 0 < p_of < 0.5, metric
        for level, beyond in ((1 - p_of * 1.01, True), (1 - p_of * 0.99, False)):
            found = reassess(tally, Question(metric, kind, ("sex",), level=level))
            assert found is not None
            e = found.estimate
            assert ((e.low or 0.0) > limit if above else (e.high or 1.0) < limit) is beyond, metric


def test_classes_that_cannot_be_compared_are_named() -> None:
    groups, y, p = people(200)
    p = np.where(p == 2, 1, p)
    y = np.where((y == 0) & (groups["sex"] == "f"), 1, y)
    found = found_in(groups, y, p)
    precision = found["fairness/precision/difference/sex"]
    assert "left out, too few to count in two groups: z" in precision.notes
    overall = found["performance/precision/overall[z]"].estimate
    assert (overall.value, overall.state) == (None, "undefined")
    macro = next(g for g in found["fairness/macro_recall/difference/sex"].by_group if g.group["sex"] == "f")
    assert (macro.estimate.value, macro.estimate.state) == (None, "undefined")
    alone = found_in(groups.assign(sex="f"), y, p)["fairness/true_positive_rate/difference/sex"]
    assert alone.estimate.value is None
    assert "one group only" in alone.estimate.note


def test_a_sentence_names_no_gap_that_may_be_chance() -> None:
    rng = np.random.default_rng(4)
    groups = {"g": rng.choice(["a", "b", "c"], 300)}
    y = rng.integers(0, 3, 300)
    for f in found_in(groups, y, rng.permutation(y)).values():
        if f.comparison == "difference":
            assert ("no gap between groups of g is established" in f.statement) is (f.estimate.low == 0)
    groups, y, p = people()
    told = found_in(groups, y, p)["fairness/true_positive_rate/difference/sex"].statement
    assert "“z”: f " in told
    assert "a gap of" in told


def test_options_are_checked() -> None:
    with pytest.raises(PolicyError, match="'roc_auc' is no rate of classes"):
        ClassFairness(metrics=["roc_auc"])
    groups, y, p = people(50)
    tally = ClassTally.of(groups, CLASSES, y_true=y, y_pred=p)
    with pytest.raises(PolicyError, match="no class 'w'"):
        reassess(tally, Question("precision", "difference", ("sex",), level=0.95, label="w"))
    assert reassess(tally, Question("accuracy", "difference", ("sex",), level=0.95, label="x")) is None
    assert reassess(tally, Question("f1", "difference", ("sex",), level=0.95)) is None
    check = ClassFairness(by=["sex"], metrics=["recall"])
    assert ClassFairness(**check.options()) == check
    assert ak.ClassFairness is ClassFairness


def table_of(rng: np.random.Generator, n: int, found: np.ndarray) -> np.ndarray:
    """(K, C, C) counts of n rows a group, class c found with probability found[k, c], else taken for any other."""
    groups, classes = found.shape
    share = np.arange(1, classes + 1) / np.arange(1, classes + 1).sum()
    truth = rng.multinomial(n, share, groups)
    others = (1 - found[:, :, None]) / (classes - 1)
    own = np.eye(classes, dtype=bool)
    return rng.multinomial(truth, np.where(own, found[:, :, None], others))


def families_of(metric: str, table: np.ndarray) -> ClassFamilies:
    hits, truth, decided = np.diagonal(table, axis1=1, axis2=2), table.sum(axis=2), table.sum(axis=1)
    rows = table.sum(axis=(1, 2))
    everybody = np.broadcast_to(rows[:, None], truth.shape)
    k, n = {
        "selection_rate": (decided, everybody),
        "true_positive_rate": (hits, truth),
        "precision": (hits, decided),
    }[metric]
    names = tuple((f"g{i}",) for i in range(len(table)))
    families = tuple(
        Family(metric, ("g",), names, rows, k[:, c], n[:, c], k[:, c] / np.maximum(n[:, c], 1), 0.95)
        for c in range(table.shape[1])
    )
    return ClassFamilies(metric, ("g",), tuple(f"c{i}" for i in range(table.shape[1])), families, 0.95)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("groups", "n", "classes"), [(2, 90, 3), (5, 200, 3), pytest.param(3, 600, 10, marks=pytest.mark.slow)]
)
def test_the_gap_over_classes_and_groups_covers(groups: int, n: int, classes: int) -> None:
    """No group differs: the gap is 0 and its low must be 0. Then one class of one group is found less often."""
    rng = np.random.default_rng(11)
    fair = np.full((groups, classes), 0.8)
    unfair = fair.copy()
    unfair[0, -1] = 0.5
    runs, outside = 400, 0
    wrong = dict.fromkeys(("selection_rate", "true_positive_rate", "precision"), 0)
    for _ in range(runs):
        table = table_of(rng, n, fair)
        for m in wrong:
            wrong[m] += families_of(m, table).joint("difference").interval("difference").interval.low > 0
        gap = families_of("true_positive_rate", table_of(rng, n, unfair)).joint("difference").interval("difference")
        outside += not gap.interval.low <= 0.3 <= gap.interval.high
    for m, count in wrong.items():
        assert count / runs <= 0.08, m
    assert outside / runs <= 0.08
