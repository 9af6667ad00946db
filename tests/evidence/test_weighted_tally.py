"""Weighted and clustered tallies: oracles pandas, scipy and a slow twin; laws of addition and repetition."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditkit.errors import DataError, EvidenceError
from auditkit.evidence.clusters import LOWEST, cluster_hashes, multiplicities, shared
from auditkit.evidence.tally import Tally

row = st.tuples(
    st.sampled_from(["f", "m", None]),
    st.sampled_from([-1, 0, 1]),
    st.sampled_from([-1, 0, 1]),
    st.integers(0, 4),
    st.sampled_from(["u1", "u2", "u3", "u4"]),
)
rows = st.lists(row, min_size=1, max_size=40)
Rows = list[tuple[str | None, int, int, int, str]]


def tally_of(table: Rows, *, scale: float = 1.0, **how: Any) -> Tally:
    sex, y_true, y_pred, weight, user = zip(*table, strict=True)
    if how.pop("cluster", False):
        how["cluster"] = list(user)
    if how.pop("weighted", True):
        how["sample_weight"] = np.array(weight) * scale
    return Tally.of({"sex": pd.Series(sex, dtype=object)}, y_true=np.array(y_true), y_pred=np.array(y_pred), **how)


@given(rows)
@settings(max_examples=40)
def test_frequency_weights_are_rows_repeated(table: Rows) -> None:
    repeated = [r for r in table for _ in range(r[3])]
    if not repeated:
        return
    counted = tally_of(table, weights_kind="frequency")
    assert counted.to_json() == tally_of(repeated, weighted=False).to_json()
    both = tally_of(table, weights_kind="frequency", cluster=True)
    assert both.to_json() == tally_of(repeated, weighted=False, cluster=True).to_json()


@given(rows)
@settings(max_examples=40)
def test_sampling_weights_are_sums_of_rows(table: Rows) -> None:
    frame = pd.DataFrame(table, columns=["sex", "t", "p", "w", "user"]).fillna({"sex": "(missing)"})
    frame = frame[frame["w"] > 0].assign(w=frame["w"] * 0.7)
    expected = frame.groupby(["sex", "t", "p"])["w"].agg(["size", "sum", lambda w: (w**2).sum()])
    cells = tally_of(table, scale=0.7).cells
    assert cells["n"].tolist() == expected["size"].tolist()
    np.testing.assert_allclose(cells[["w", "w2"]].to_numpy(), expected.iloc[:, 1:].to_numpy(), rtol=1e-12)


@given(rows, rows, st.booleans())
@settings(max_examples=20)
def test_parts_add_up_in_any_order(a: Rows, b: Rows, weighted: bool) -> None:
    def made(table: Rows) -> Tally:
        return tally_of(table, scale=0.7, weighted=weighted, cluster=True)

    whole = made(a + b)
    for total in (made(a) + made(b), made(b) + made(a), made((a + b)[::-1])):
        pd.testing.assert_frame_equal(total.cells, whole.cells, rtol=1e-12)
        assert total.clusters is not None
        assert whole.clusters is not None
        np.testing.assert_allclose(total.clusters.sums, whole.clusters.sums, rtol=1e-12)
        assert [h.tolist() for h in total.clusters.lowest] == [h.tolist() for h in whole.clusters.lowest]


@given(rows, st.booleans(), st.booleans())
@settings(max_examples=25)
def test_json_round_trip_and_over(table: Rows, weighted: bool, cluster: bool) -> None:
    tally = tally_of(table, scale=0.7, weighted=weighted, cluster=cluster)
    again = Tally.from_json(json.loads(json.dumps(tally.to_json(), allow_nan=False)))
    assert again.to_json() == tally.to_json()
    assert set(tally.to_json()) == {"by", "cells", *(["clusters"] if cluster else [])}
    sums, total = tally.sums("sex"), tally.over().sums()
    if len(total.groups):
        np.testing.assert_allclose(sums.w.sum(axis=0), total.w[0], rtol=1e-12)
        if cluster:
            assert sums.drawn is not None
            assert total.drawn is not None
            np.testing.assert_allclose(sums.drawn.sum(axis=0), total.drawn[0], rtol=1e-12)


def test_replicates_are_sums_of_weights_times_multiplicities() -> None:
    rng = np.random.default_rng(5)
    n = 300
    who, sex = rng.integers(0, 40, n), rng.choice(["f", "m"], n)
    y_true, y_pred, w = rng.integers(0, 2, n), rng.integers(0, 2, n), rng.exponential(size=n)
    tally = Tally.of({"sex": sex}, y_true=y_true, y_pred=y_pred, sample_weight=w, cluster=who)
    times = {u: multiplicities(cluster_hashes([u]))[0].astype(float) for u in set(who.tolist())}
    assert tally.clusters is not None
    for i, cell in enumerate(tally.cells.itertuples()):
        inside = (sex == cell.sex) & (y_true == cell.y_true) & (y_pred == cell.y_pred)
        slow = sum(w[j] * times[int(who[j])] for j in np.flatnonzero(inside))
        np.testing.assert_allclose(tally.clusters.sums[i], slow, rtol=1e-12)


@pytest.mark.parametrize("keys", [cluster_hashes(np.arange(4_000)), np.arange(4_000, dtype=np.uint64)])
def test_multiplicities_are_poisson_and_independent(keys: np.ndarray) -> None:
    drawn = multiplicities(keys)
    counts = np.bincount(drawn.ravel(), minlength=6)
    chance = [*stats.poisson.pmf(range(5), 1), stats.poisson.sf(4, 1)]
    found = [*counts[:5], counts[5:].sum()]
    assert stats.chisquare(found, np.array(chance) * drawn.size).pvalue > 1e-3
    across = np.corrcoef(drawn[:, :60].T.astype(float))[np.triu_indices(60, 1)]
    assert np.abs(across).max() < 5 / np.sqrt(4_000)
    assert abs(across.std() * np.sqrt(4_000) - 1) < 0.1
    means = drawn.mean(axis=0)
    assert abs(means.std() * np.sqrt(4_000) - 1) < 0.15


def test_ids_are_the_same_whatever_their_type() -> None:
    hashes = [cluster_hashes(v) for v in ([3, 4], [3.0, 4.0], ["3", "4"], pd.Series([3, 4], dtype="category"))]
    for h in hashes[1:]:
        np.testing.assert_array_equal(h, hashes[0])


@pytest.mark.parametrize("clusters", [7, LOWEST - 1, 5_000])
def test_clusters_are_counted(clusters: int) -> None:
    rng = np.random.default_rng(1)
    who = np.concatenate([np.arange(clusters), rng.integers(0, clusters, 4 * clusters)])
    outcome = rng.integers(0, 2, (2, len(who)))
    tally = Tally.of({"x": ["a"] * len(who)}, y_true=outcome[0], y_pred=outcome[1], cluster=who)
    seen = tally.sums("x").seen
    assert seen is not None
    found = seen.distinct([(t, d) for t in (0, 1) for d in (0, 1)])[0]
    if clusters < LOWEST:
        assert found == clusters
    else:
        assert abs(found / clusters - 1) < 4 / np.sqrt(LOWEST - 2)


def test_shared_clusters_are_seen() -> None:
    keys = cluster_hashes(np.arange(30))
    parts = [[np.sort(keys[:10])], [np.sort(keys[10:20]), np.sort(keys[:1])], [np.sort(keys[20:])], []]
    expected = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]], dtype=bool)
    np.testing.assert_array_equal(shared(parts), expected)


def test_a_group_of_one_part_only_is_merged() -> None:
    a = Tally.of({"x": ["a", "b"]}, y_true=[1, 0], y_pred=[1, 0], sample_weight=[1.0, 2.0], cluster=["u", "v"])
    b = Tally.of({"x": ["b", "c"]}, y_true=[1, 0], y_pred=[1, 0], sample_weight=[1.5, 2.0], cluster=["u", "w"])
    both = (a + b).sums("x")
    assert both.groups == (("a",), ("b",), ("c",))
    assert both.w.sum(axis=(1, 2)).tolist() == [1.0, 3.5, 2.0]


def test_errors_say_what_is_wrong() -> None:
    def made(**how: Any) -> Tally:
        return Tally.of({"x": ["a", "b"]}, y_true=[1, 0], y_pred=[1, 0], **how)

    for weights, match in (
        ([1.0, -1.0], "1 negative"),
        ([1.0, np.nan], "1 missing or infinite"),
        ([1.0, np.inf], "1 missing or infinite"),
        (["x", "y"], "no numbers"),
        ([1.0], r"shape \(1,\)"),
    ):
        with pytest.raises(DataError, match=match):
            made(sample_weight=weights)
    with pytest.raises(DataError, match="not whole"):
        made(sample_weight=[1.5, 1.0], weights_kind="frequency")
    with pytest.raises(DataError, match="Did you mean 'frequency'"):
        made(sample_weight=[1.0, 1.0], weights_kind="frequencies")
    with pytest.raises(DataError, match="missing in 1 rows"):
        made(cluster=["u", None])
    with pytest.raises(DataError, match="cluster has 1 rows"):
        made(cluster=["u"])
    with pytest.raises(EvidenceError, match="with sampling weights and one without"):
        _ = made() + made(sample_weight=[1.0, 2.0])
    with pytest.raises(EvidenceError, match="with clusters and one without"):
        _ = made(cluster=["u", "v"]) + made()
