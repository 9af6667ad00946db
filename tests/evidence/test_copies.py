"""Rows that have copies: the sample is free of order and partition, knows copies exactly, and is exact where it has all
distinct rows; against counts of all rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.batch import Batch
from auditkit.disclosure import GroupDisclosure
from auditkit.evidence.draws import DEPTH, WIDTH, copies_told, dealt, drawn, sketch, threshold
from auditkit.evidence.sample import Sample, row_keys, shuffled, taken, weights_of
from auditkit.evidence.sums import Moments


def batch_of(n: int = 3_000, distinct: int = 300, *, zipf: bool = True, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    p = 1 / np.arange(1, distinct + 1) if zipf else np.ones(distinct)
    x = rng.choice(distinct, n, p=p / p.sum())
    sex = np.where(x % 5 == 0, "f", "m")
    return Batch(
        features=pd.DataFrame({"x": x, "sex": sex}),
        groups=pd.DataFrame({"sex": pd.Categorical(sex)}),
        y_true=(x % 2).astype(np.int8),
        y_pred=(x % 3 == 0).astype(np.int8),
        score=1 / (1.0 + x),
    )


def sampled(batch: Batch, k: int, *, seed: int = 0) -> Sample:
    return Sample.of(batch, shuffled(row_keys(batch), seed), k=k)


def heavy_too(sample: Sample, batch: Batch, size: int, *, seed: int = 0) -> Sample:
    """As `observing.heavy_rows` finds them."""
    least = sample.heavy_from(size)
    if not least:
        return sample
    keys = shuffled(row_keys(batch), seed)
    where, own, copies = sample.may_be_heavy(batch, keys, least)
    some = replace(Sample.of(taken(batch, where), own, k=10**9), copies=copies)
    return sample.with_heavy(some, least)


def told(batch: Batch) -> list[tuple[object, ...]]:
    weights = weights_of(batch)
    columns = {"weight": weights.weight, "added": weights.added, "copies": weights.copies}
    return list(batch.features.assign(**columns).itertuples(index=False, name=None))


@settings(max_examples=15, deadline=None)
@given(st.randoms(), st.integers(1, 6), st.sampled_from([20, 60, 400]), st.booleans())
def test_copies_depend_on_neither_order_nor_partition(random: object, parts: int, k: int, zipf: bool) -> None:
    batch = batch_of(1_000, zipf=zipf)
    order = np.random.default_rng(random.randint(0, 2**31)).permutation(1_000)  # type: ignore[attr-defined]
    whole, merged = sampled(batch, k), None
    for piece in np.array_split(order, parts):
        part = sampled(taken(batch, piece), k)
        merged = part if merged is None else merged + part
    assert merged is not None
    np.testing.assert_array_equal(whole.keys, merged.keys)
    np.testing.assert_array_equal(whole.copies, merged.copies)
    assert whole.counts == merged.counts
    assert whole.unseen.keys() == merged.unseen.keys()
    for group, line in whole.unseen.items():
        np.testing.assert_array_equal(line, merged.unseen[group])
    shuffled_rows = taken(batch, order)
    a, b = heavy_too(whole, batch, k), heavy_too(merged, shuffled_rows, k)
    assert told(a.draw(k)) == told(b.draw(k))
    assert told(a.simple(k)) == told(b.simple(k))


def test_copies_are_those_of_all_rows_and_the_sketch_has_the_others() -> None:
    batch = batch_of()
    kept = sampled(batch, 40)
    counts = batch.features["x"].value_counts()
    np.testing.assert_array_equal(kept.copies, counts.loc[kept.batch.features["x"]])
    for sex in "fm":
        rows = (batch.groups["sex"] == sex).to_numpy()
        others = batch.features["x"][rows & ~batch.features["x"].isin(kept.batch.features["x"]).to_numpy()]
        squared = float((others.value_counts() ** 2).sum())
        found = kept.unseen[(sex,)]
        assert found.shape == (DEPTH, WIDTH)
        assert float(np.median((found.astype(float) ** 2).sum(1))) == pytest.approx(squared, rel=0.1)
    keys = row_keys(batch)
    assert copies_told(sketch(keys, np.ones(len(keys), np.int64)), keys[:1])[0] == pytest.approx(
        (keys == keys[0]).sum(), abs=30
    )


def test_all_distinct_rows_are_exact() -> None:
    batch = batch_of()
    drawn_rows = sampled(batch, 1_000).draw(1_000)
    weights = weights_of(drawn_rows)
    np.testing.assert_array_equal(weights.weight, weights.copies)
    assert weights.rows == len(batch.y_true)
    values = np.stack([drawn_rows.y_pred, drawn_rows.score], axis=1)
    found, truth = Moments.of(values, weights), Moments.of(np.stack([batch.y_pred, batch.score], axis=1))
    np.testing.assert_allclose(found.mean, truth.mean, rtol=1e-12)
    np.testing.assert_allclose(found.standard_error, truth.standard_error, rtol=1e-9)
    assert found.n == truth.n


@given(st.integers(1, 400), st.integers(1, 200), st.integers(0, 5))
def test_without_copies_draws_are_as_they_were(n: int, size: int, seed: int) -> None:
    keys = np.sort(np.random.default_rng(seed).integers(0, 2**64, n, dtype=np.uint64))
    ones = np.ones(n, np.int64)
    kept = min(n, 200)
    unseen = sketch(keys[kept:], ones[kept:]) if n > kept else None
    found = drawn(keys[:kept], ones[:kept], size, n, unseen)
    assert found.plain
    m = min(n, size)
    np.testing.assert_array_equal(found.where, np.arange(m))
    np.testing.assert_array_equal(found.weight, np.full(m, n / m))
    np.testing.assert_array_equal(found.squares, np.full(m, n / m) ** 2)


def test_equal_copies_are_worth_their_distinct_rows() -> None:
    """m of M rows of c copies each: V = σ² (1/N + (1 − m/M)/m)."""
    m, distinct, c = 100, 1_000, 7
    keys = np.sort(np.random.default_rng(0).integers(0, 2**64, distinct, dtype=np.uint64))
    copies = np.full(distinct, c)
    found = drawn(keys[:m], copies[:m], m, distinct * c, sketch(keys[m:], copies[m:]))
    worth = found.weight.sum() ** 2 / found.squares.sum()
    assert not found.plain
    assert worth == pytest.approx(1 / (1 / (distinct * c) + (1 - m / distinct) / m), rel=0.25)
    assert worth < 1.1 * m


def test_one_heavy_row_that_is_not_kept_leaves_nothing_sure_until_it_is_found() -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([np.full(2_000, -1), rng.integers(0, 3_000, 3_000)])
    sex = np.array(["m"] * len(x))
    batch = Batch(
        pd.DataFrame({"x": x}), pd.DataFrame({"sex": pd.Categorical(sex)}),
        (x > 0).astype(np.int8), (x < 0).astype(np.int8),
    )  # fmt: skip
    seed = next(s for s in range(99) if -1 not in set(sampled(batch, 100, seed=s).batch.features["x"]))
    blind = sampled(batch, 100, seed=seed)
    rows = blind.draw(100)
    assert Moments.of(rows.y_pred[:, None], weights_of(rows)).effective_n < 1.01
    assert len(blind.simple(100).y_true) <= 2
    seen = heavy_too(blind, batch, 100, seed=seed)
    rows = seen.draw(100)
    found = Moments.of(rows.y_pred[:, None], weights_of(rows))
    assert found.mean[0] == pytest.approx(0.4)
    assert 60 < found.effective_n < 1_000
    simple = seen.simple(100)
    assert (simple.features["x"] == -1).mean() == pytest.approx(0.4, abs=0.1)


def test_rows_are_dealt_as_if_drawn_one_by_one() -> None:
    batch = batch_of(2_000, 50)
    many = sampled(batch, 500).simple(500)
    assert len(many.y_true) == 500
    shares = batch.features["x"].value_counts(normalize=True)
    mean = np.mean(
        [(sampled(batch, 500, seed=s).simple(500).features["x"] == shares.index[0]).mean() for s in range(40)]
    )
    assert mean == pytest.approx(shares.iloc[0], abs=4 * (shares.iloc[0] / 500 / 40) ** 0.5)
    assert dealt(np.array([7], np.uint64), np.array([5]), 9).tolist() == [5]


def test_recoded_groups_are_drawn_as_if_they_had_been_one() -> None:
    batch = batch_of()
    joined = GroupDisclosure(suppress_below=10, recoding={"sex": {"f": "all", "m": "all"}})
    sample = sampled(batch, 60)
    once = sample.recoded(joined)
    keys, copies = np.unique(shuffled(row_keys(batch), 0), return_counts=True)
    np.testing.assert_array_equal(once.keys, keys[:60])
    np.testing.assert_array_equal(once.copies, copies[:60])
    np.testing.assert_array_equal(once.unseen[("all",)], sketch(keys[60:], copies[60:]))
    rows = once.draw(60)
    assert rows.weight is not None
    assert rows.weight.sum() == pytest.approx(len(batch.y_true))


def test_at_most_half_of_the_draws_are_certain() -> None:
    for rows, size in ((1_000, 10), (50, 1)):
        assert rows / threshold(rows, size) <= size / 2
