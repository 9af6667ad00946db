"""Score histograms: evidence that adds, whatever the order and the partition; hostile scores are refused or counted."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.errors import DataError, EvidenceError
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.score_grid import BINS, EDGES, bin_of

Row = tuple[str | None, str, int, int, float | None]
score = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None]), st.sampled_from("xy"), st.integers(-1, 1), st.integers(-1, 1), score
    ),
    max_size=40,
)  # fmt: skip


def histogram(rows: list[Row]) -> ScoreHistogram:
    g, h, y, p, s = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    groups = {"g": pd.Series(g, dtype=object), "h": pd.Series(h, dtype=object)}
    values = np.array([np.nan if x is None else x for x in s])
    return ScoreHistogram.of(groups, y_true=np.array(y, np.int8), y_pred=np.array(p, np.int8), score=values)


def same(a: ScoreHistogram, b: ScoreHistogram) -> None:
    assert a.by == b.by
    kinds: Any = {"check_dtype": False, "check_exact": True}
    pd.testing.assert_frame_equal(a.cells.reset_index(drop=True), b.cells.reset_index(drop=True), **kinds)
    pd.testing.assert_frame_equal(a.missing.reset_index(drop=True), b.missing.reset_index(drop=True), **kinds)


@settings(max_examples=40, deadline=None)
@given(rows, rows)
def test_evidence_of_parts_is_evidence_of_all(left: list[Row], right: list[Row]) -> None:
    whole = histogram(left + right)
    same(histogram(left) + histogram(right), whole)
    same(histogram(right) + histogram(left), whole)


@settings(max_examples=40, deadline=None)
@given(rows)
def test_json_gives_it_back(found: list[Row]) -> None:
    h = histogram(found)
    same(ScoreHistogram.from_json(json.loads(json.dumps(h.to_json()))), h)


@settings(max_examples=30, deadline=None)
@given(rows, st.randoms())
def test_order_does_not_matter(found: list[Row], random: Any) -> None:
    mixed = list(found)
    random.shuffle(mixed)
    same(histogram(mixed), histogram(found))


@settings(max_examples=30, deadline=None)
@given(rows)
def test_cells_are_what_pandas_counts(found: list[Row]) -> None:
    h = histogram(found)
    frame = pd.DataFrame(found, columns=["g", "h", "y", "p", "s"])
    known = frame[(frame["y"] >= 0) & (frame["p"] >= 0) & frame["s"].notna()]
    assert h.rows == len(known)
    lost = len(frame) - len(known)
    assert sum(h.missing_rows(w) for w in ("truth", "decision", "score")) == lost
    for key, bins in h.groups("g"):
        part = known[known["g"].fillna("(missing)") == key[0]]
        for truth in (0, 1):
            mine = part[part["y"] == truth]
            s = mine["s"].astype(float)
            assert (bins.n[truth].sum(), bins.selected[truth].sum()) == (len(mine), (mine["p"] == 1).sum())
            assert bins.s[truth].sum() == pytest.approx(s.sum(), abs=1e-8)
            assert bins.s2[truth].sum() == pytest.approx((s * s).sum(), abs=1e-8)
            if len(mine):
                assert (bins.low[truth].min(), bins.high[truth].max()) == (s.min(), s.max())


def test_over_is_counting_fewer_columns() -> None:
    rng = np.random.default_rng(0)
    g, h = rng.choice(["a", "b"], 300), rng.choice(["x", "y", "z"], 300)
    y, p, s = rng.integers(-1, 2, 300), rng.integers(0, 2, 300), rng.random(300)
    both = ScoreHistogram.of({"g": g, "h": h}, y_true=y, y_pred=p, score=s)
    same(both.over("h"), ScoreHistogram.of({"h": h}, y_true=y, y_pred=p, score=s))
    assert [k for k, _ in both.groups()] == [()]


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1))
def test_bins_keep_the_order_and_their_edges(a: float, b: float) -> None:
    low, high = sorted((a, b))
    first, second = bin_of([low, high]).tolist()
    assert 0 <= first <= second < BINS
    for x, at in ((low, first), (high, second)):
        assert at == 0 or EDGES[at - 1] <= x
        assert at == BINS - 1 or x < EDGES[at]


@pytest.mark.parametrize("bad", [[0.2, 1.2], [-0.1, 0.5], [0.1, np.inf], [-np.inf, 0.1], [3.0, np.nan]])
def test_scores_outside_0_and_1_are_refused(bad: list[float]) -> None:
    with pytest.raises(DataError, match=r"expected probabilities in \[0, 1\]"):
        ScoreHistogram.of({"g": ["a", "b"]}, y_true=[0, 1], y_pred=[0, 1], score=bad)


def test_missing_scores_are_counted_not_scored() -> None:
    h = ScoreHistogram.of({"g": ["a", "b", "b"]}, y_true=[0, 1, -1], y_pred=[0, 1, 1], score=[np.nan, 0.5, np.nan])
    assert (h.rows, h.missing_rows("score"), h.missing_rows("truth")) == (1, 1, 1)
    empty = ScoreHistogram.of({"g": ["a"]}, y_true=[0], y_pred=[0], score=[np.nan])
    assert empty.rows == 0
    same(ScoreHistogram.from_json(empty.to_json()), empty)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": [0.1]}, "'score' has 1 rows, y_true has 2"),
        ({"y_pred": [1]}, "'y_pred' has 1 rows, y_true has 2"),
        ({"groups": {"g": ["a"]}}, "'g' has 1 rows, y_true has 2"),
        ({"y_true": [0, 2]}, "y_true must hold 1, 0 or -1"),
        ({"y_pred": [0.5, 1]}, "y_pred must hold 1, 0 or -1"),
    ],
)
def test_bad_columns_are_named(change: dict[str, Any], message: str) -> None:
    given_: dict[str, Any] = {"groups": {"g": ["a", "b"]}, "y_true": [0, 1], "y_pred": [0, 1], "score": [0.1, 0.9]}
    given_ |= change
    with pytest.raises(DataError, match=message):
        ScoreHistogram.of(given_.pop("groups"), **given_)


def test_what_does_not_fit_does_not_add() -> None:
    a = histogram([("a", "x", 1, 1, 0.5)])
    with pytest.raises(EvidenceError, match="cannot add"):
        _ = a + a.over("g")
    with pytest.raises(EvidenceError, match="no group column 'k'"):
        a.over("k")
    with pytest.raises(EvidenceError, match="steps"):
        ScoreHistogram.from_json(a.to_json() | {"steps": 10})
