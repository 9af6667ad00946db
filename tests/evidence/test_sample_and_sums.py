"""The sample and the fingerprint are free of order and partition; moments equal numpy's and statsmodels'."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW

from auditkit.batch import Batch
from auditkit.errors import EvidenceError
from auditkit.evidence.fingerprint import RowHash
from auditkit.evidence.observations import Observations
from auditkit.evidence.sample import Sample, concatenated, row_keys, shuffled, taken
from auditkit.evidence.sums import Moments


def batch_of(n: int = 400, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], n, p=[0.1, 0.9])
    return Batch(
        features=pd.DataFrame({"age": rng.integers(20, 60, n), "job": rng.choice(list("abc"), n), "sex": sex}),
        groups=pd.DataFrame({"sex": pd.Categorical(sex)}),
        y_true=rng.integers(0, 2, n).astype(np.int8),
        y_pred=np.full(n, -1, np.int8),
    )


def content(batch: Batch) -> list[tuple[object, ...]]:
    return list(batch.features.assign(y=batch.y_true).itertuples(index=False, name=None))


@settings(max_examples=20)
@given(st.permutations(range(400)), st.integers(1, 7), st.integers(0, 3))
def test_sample_depends_on_neither_order_nor_partition(order: list[int], parts: int, seed: int) -> None:
    batch = batch_of()
    whole = Sample.of(batch, shuffled(row_keys(batch), seed), k=50)
    pieces = [taken(batch, np.array(p)) for p in np.array_split(np.array(order), parts)]
    merged = None
    for piece in pieces:
        part = Sample.of(piece, shuffled(row_keys(piece), seed), k=50)
        merged = part if merged is None else merged + part
    assert merged is not None
    a, b = whole.draw(60), merged.draw(60)
    assert content(a) == content(b)
    assert a.weight is not None
    assert b.weight is not None
    np.testing.assert_array_equal(a.weight, b.weight)


def test_sample_is_shared_out_and_weighted() -> None:
    batch = batch_of()
    drawn = Sample.of(batch, row_keys(batch), k=100).draw(60)
    assert drawn.weight is not None
    sizes = drawn.groups["sex"].value_counts()
    assert sizes["f"] == 30
    assert sizes["m"] == 30
    for group in "fm":
        rows = (drawn.groups["sex"] == group).to_numpy()
        assert drawn.weight[rows].sum() == pytest.approx((batch.groups["sex"] == group).sum())


def test_sample_of_another_seed_differs() -> None:
    batch = batch_of()
    a, b = (Sample.of(batch, shuffled(row_keys(batch), s), k=50).draw(40) for s in (0, 1))
    assert content(a) != content(b)


def test_keys_see_content_not_place_or_column_order() -> None:
    batch = batch_of()
    turned = Batch(batch.features[["sex", "job", "age"]], batch.groups, batch.y_true, batch.y_pred)
    np.testing.assert_array_equal(row_keys(batch), row_keys(turned))
    changed = Batch(batch.features.assign(age=batch.features["age"] + 1), batch.groups, batch.y_true, batch.y_pred)
    assert not (row_keys(batch) == row_keys(changed)).any()


def test_fingerprint_adds_and_notices_change() -> None:
    keys = row_keys(batch_of())
    assert RowHash.of(keys) == RowHash.of(keys[100:]) + RowHash.of(keys[:100])
    other = keys.copy()
    other[0] += np.uint64(1)
    assert RowHash.of(other) != RowHash.of(keys)
    assert RowHash.of(np.concatenate([keys, keys[:1]])) != RowHash.of(keys)


def test_concatenated_keeps_groups() -> None:
    batch = batch_of(50)
    again = concatenated([taken(batch, np.arange(20)), taken(batch, np.arange(20, 50))])
    assert content(again) == content(batch)
    assert list(again.groups["sex"]) == list(batch.groups["sex"])


@given(st.integers(2, 50), st.integers(0, 50))
def test_moments_are_statsmodels(n: int, cut: int) -> None:
    rng = np.random.default_rng(n)
    x, w = rng.normal(1e3, 2, (n, 3)), rng.uniform(0.5, 3, n)
    m = Moments.of(x[:cut], w[:cut], origin=1e3) + Moments.of(x[cut:], w[cut:], origin=1e3)
    np.testing.assert_allclose(m.mean, DescrStatsW(x, weights=w).mean, rtol=1e-12)
    effective = w.sum() ** 2 / (w**2).sum()
    expected = DescrStatsW(x, weights=w * effective / w.sum(), ddof=1).std_mean
    if effective > 1.01:
        np.testing.assert_allclose(m.standard_error, expected, rtol=1e-6)


def test_moments_and_observations_refuse_what_does_not_fit() -> None:
    with pytest.raises(EvidenceError, match="cannot add moments"):
        _ = Moments.of([[1.0]]) + Moments.of([[1.0]], origin=2.0)
    a = Observations({"x": np.ones(2)}, {"g": ["a", "b"]}, {"steps": 32})
    with pytest.raises(EvidenceError, match="other facts"):
        _ = a + Observations({"x": np.ones(1)}, {"g": ["a"]}, {"steps": 64})
    assert len(a + a) == 4
    assert Observations.from_json((a + a).to_json()).to_json() == (a + a).to_json()
    m = Moments.of([[1.0, 2.0]], [2.0])
    assert Moments.from_json(m.to_json()).to_json() == m.to_json()
