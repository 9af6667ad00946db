"""Merged score bins: five people share each, values are right within their bound, and what is merged still adds."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from auditkit.disclosure import Disclosure
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.merging import PEOPLE, starts_of
from auditkit.evidence.score_grid import LEAST
from auditkit.fairness.scores.curves import between_roc_curves
from auditkit.fairness.scores.mitigation import mitigate
from auditkit.fairness.scores.values import GroupScores, cumulative
from auditkit.stats.auc import auc
from auditkit.stats.roc import area_between, roc

DEFAULT = Disclosure()


def rows(seed: int, n: int = 800) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g, h = rng.choice(["a", "b", "c"], n, p=[0.7, 0.27, 0.03]), rng.choice(["x", "y"], n)
    s = expit(rng.normal(0, 1.5, n) + (g == "b"))
    return pd.DataFrame({"g": g, "h": h, "y": (rng.random(n) < s).astype(int), "p": (s > 0.5).astype(int), "s": s})


def counted(frame: pd.DataFrame) -> ScoreHistogram:
    return ScoreHistogram.of(frame[["g", "h"]], y_true=frame["y"], y_pred=frame["p"], score=frame["s"])


def numbers_in(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [x for v in value.values() for x in numbers_in(v)]
    if isinstance(value, list):
        return [x for v in value for x in numbers_in(v)]
    return [float(value)] if isinstance(value, int | float) else []


def same(a: ScoreHistogram, b: ScoreHistogram) -> None:
    pd.testing.assert_frame_equal(a.cells, b.cells, check_dtype=False, check_exact=True)
    assert a.merged == b.merged


@pytest.mark.parametrize("seed", range(3))
def test_five_people_share_each_bin_and_no_score_is_told(seed: int) -> None:
    frame = rows(seed)
    merged = counted(frame).reduced(DEFAULT)
    people = merged.cells.groupby(["g", "h", "bin", "last"])["n"].sum()
    assert people.min() >= PEOPLE
    for _, part in merged.cells.groupby(["g", "h"]):
        spans = part[["bin", "last"]].drop_duplicates().sort_values("bin")
        assert (spans["bin"].to_numpy()[1:] > spans["last"].to_numpy()[:-1]).all()
    told = np.array(numbers_in(merged.to_json()))
    scores = frame["s"].to_numpy()
    assert np.abs(told[:, None] - scores[None, :]).min() > 1e-12
    assert merged.cells[["n", "selected"]].sum().tolist() == [len(frame), frame["p"].sum()]
    assert merged.cells["s"].sum() == pytest.approx(scores.sum(), abs=1e-5)


def test_a_lone_person_has_no_score_and_a_score_of_many_stays() -> None:
    s = np.array([0.123456789] + [0.25] * 20 + [0.75] * 20)
    h = ScoreHistogram.of({"g": ["z"] + ["a"] * 40}, y_true=[1, *[0, 1] * 20], y_pred=s > 0.5, score=s).reduced(DEFAULT)
    told = numbers_in(h.to_json())
    assert 0.25 in told
    assert 0.75 in told
    assert min(abs(x - s[0]) for x in told) > 1e-3
    (_, everybody), *_ = h.over().groups()
    assert everybody.n.sum() == 41


@pytest.mark.parametrize("by", [(), ("g",), ("h",), ("g", "h")])
def test_auc_abroca_and_cumulative_error_lie_within_their_bounds(by: tuple[str, ...]) -> None:
    frame = rows(7, 3_000)
    exact, merged = counted(frame), counted(frame).reduced(DEFAULT)
    for (key, a), (_, b) in zip(exact.groups(*by), merged.groups(*by), strict=True):
        part = frame[(frame[list(by)] == list(key)).all(axis=1)] if by else frame
        if part["y"].nunique() < 2:
            continue
        one, two = GroupScores.of(a), GroupScores.of(b)
        found = auc(two.negatives, two.positives)
        truth = roc_auc_score(part["y"], part["s"])
        assert abs(found.value - truth) <= found.bound + 1e-12
        assert abs(found.value - truth) < 0.05
        assert found.error == pytest.approx(auc(one.negatives, one.positives).error, rel=0.35)
        curves = [roc(x.negatives.n, x.positives.n) for x in (one, two)]
        assert area_between(*curves) <= 2 * found.bound + 2 * auc(one.negatives, one.positives).bound + 1e-12
        order = part.sort_values("s")
        walk = np.concatenate([[0.0], np.cumsum(order["y"] - order["s"]) / len(order)])
        allowed = max(two.straddling, 0.0) or 1.0
        assert abs(cumulative(two).value - np.ptp(walk)) <= allowed + 1e-9
    if by:
        finding: Any = between_roc_curves(merged, by, level=0.95)
        assert any("from score bins: within" in n for n in finding.notes)


def test_thresholds_at_stored_edges_select_exactly_whom_they_say() -> None:
    frame = rows(3, 4_000)
    merged = counted(frame).reduced(DEFAULT).over("g", "h")
    remedy = mitigate(merged, ["g", "h"], constraint="demographic_parity")
    edges = set(LEAST[merged.cells["bin"]].tolist()) | {0.0, float("inf")}
    for outcome in remedy.outcomes:
        rule = dict(remedy.rules).get(outcome.group)
        if rule is None:
            continue
        assert {rule.first, rule.second} <= edges
        part = frame[(frame[["g", "h"]] == list(outcome.group)).all(axis=1)]
        chance = rule.probability(part["s"])
        assert outcome.true_then == pytest.approx(float(chance[part["y"] == 1].sum()))
        assert outcome.false_then == pytest.approx(float(chance[part["y"] == 0].sum()))


def test_order_and_partition_do_not_matter_and_json_gives_it_back() -> None:
    frame = rows(1)
    whole = counted(frame).reduced(DEFAULT)
    mixed = frame.sample(frac=1.0, random_state=1)
    same((counted(mixed.iloc[:100]) + counted(mixed.iloc[100:])).reduced(DEFAULT), whole)
    same(ScoreHistogram.from_json(json.loads(json.dumps(whole.to_json()))), whole)
    same(whole.reduced(DEFAULT), whole)


def test_what_is_merged_adds_and_keeps_the_bins_of_both() -> None:
    one, two, three = (counted(rows(seed)).reduced(DEFAULT) for seed in (1, 2, 3))
    total = one + two
    same(two + one, total)
    same((one + two) + three, one + (two + three))
    for (key, t), (_, a), (_, b) in zip(*(x.groups("g", "h") for x in (total, one, two)), strict=True):
        assert (t.n.sum(axis=1) == a.n.sum(axis=1) + b.n.sum(axis=1)).all(), key
    runs = ["g", "h", "y_true", "bin", "last"]
    assert set(map(tuple, total.cells[runs].to_numpy())) == {
        tuple(r) for part in (one, two) for r in part.cells[runs].to_numpy()
    }
    same(ScoreHistogram.from_json(json.loads(json.dumps(total.to_json()))), total)
    both, everybody = pd.concat([rows(1), rows(2)]), GroupScores.of(next(b for _, b in total.groups()))
    found = auc(everybody.negatives, everybody.positives)
    assert abs(found.value - roc_auc_score(both["y"], both["s"])) <= found.bound < 0.1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 12)), min_size=1, max_size=30, unique_by=lambda x: x[0]))
def test_runs_cover_the_grid_and_hold_five(found: list[tuple[int, int]]) -> None:
    bins, n = (np.array(x) for x in zip(*sorted(found), strict=True))
    starts = starts_of(bins, n)
    held = np.bincount(np.searchsorted(starts, bins, side="right") - 1, n)
    assert starts[0] == 0
    assert held.min() >= min(PEOPLE, n.sum())
