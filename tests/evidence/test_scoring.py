"""Score counts against numpy's median and pandas, and their laws."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.batch import Batch
from auditkit.errors import EvidenceError
from auditkit.evidence.sample import taken
from auditkit.evidence.scoring import ScoreCounts

ROWS = st.lists(
    st.tuples(st.sampled_from(["f", "m", None]), st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.7, 1.0, np.nan])),
    min_size=1,
    max_size=40,
)


def batch_of(rows: list[tuple[str | None, float]]) -> Batch:
    groups = pd.DataFrame({"sex": pd.Series([s for s, _ in rows], dtype=object)})
    nothing = np.full(len(rows), -1, dtype=np.int8)
    return Batch(groups, groups, nothing, nothing, score=np.array([s for _, s in rows]))


@given(ROWS)
@settings(max_examples=150, deadline=None)
def test_median_and_shares_are_those_of_the_rows(rows: list[tuple[str | None, float]]) -> None:
    counts = ScoreCounts.of(batch_of(rows))
    scores = np.array([s for _, s in rows])
    known = scores[~np.isnan(scores)]
    assert counts.unscored == len(scores) - len(known)
    if not len(known):
        assert counts.median() is None
        return
    median = counts.median()
    assert median == np.median(known)
    frame = pd.DataFrame({"sex": [s or "(missing)" for s, _ in rows], "score": scores}).dropna(subset="score")
    expected = frame.assign(above=frame["score"] > median).groupby("sex")["above"].agg(["sum", "count"])
    found = counts.over_score(median, "sex")
    assert found.groups == tuple((g,) for g in expected.index)
    assert (found.above.tolist(), found.rows.tolist()) == (expected["sum"].tolist(), expected["count"].tolist())


@given(ROWS, st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_parts_add_up_and_json_keeps_them(rows: list[tuple[str | None, float]], cut: int) -> None:
    whole, cut = batch_of(rows), min(cut, len(rows))
    at = np.arange(len(rows))
    parts = [ScoreCounts.of(taken(whole, part)) for part in (at[cut:], at[:cut]) if len(part)]
    total = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    alone = ScoreCounts.of(whole)
    pd.testing.assert_frame_equal(total.cells, alone.cells)
    assert total.unscored == alone.unscored
    read = ScoreCounts.from_json(json.loads(json.dumps(total.to_json(), allow_nan=False)))
    pd.testing.assert_frame_equal(read.cells, total.cells, check_dtype=False)
    assert read.median() == alone.median()


def test_other_columns_do_not_add_and_are_named() -> None:
    one = ScoreCounts.of(batch_of([("f", 0.5)]))
    with pytest.raises(EvidenceError, match="cannot add scores by"):
        one + ScoreCounts(("race",), one.cells.rename(columns={"sex": "race"}), 0)
    with pytest.raises(EvidenceError, match="Did you mean 'sex'"):
        one.over_score(0.5, "sexx")
