"""Reweighing: the definition over rows, and what it is for: group and target become independent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.errors import DataError
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.tally import Tally
from auditkit.fairness.reweighing import reweigh

RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({"g": RNG.choice(["a", "b", "c"], 500, p=[0.6, 0.3, 0.1]), "h": RNG.choice(["x", "y"], 500)})
Y = (RNG.random(500) < np.where(ROWS["g"] == "a", 0.6, 0.2)).astype(int)
TALLY = Tally.of(ROWS, y_true=Y, y_pred=Y)


@pytest.mark.parametrize("by", [["g"], ["g", "h"]])
def test_weights_are_those_of_the_definition(by: list[str]) -> None:
    key = ROWS[by].agg(" ".join, axis=1)
    expected = np.empty(500)
    for i in range(500):
        group, target = key == key[i], Y[i] == Y
        expected[i] = group.mean() * target.mean() / (group & target).mean()
    weights = reweigh(TALLY, by).weights(ROWS, Y)
    np.testing.assert_allclose(weights, expected, rtol=1e-12)
    assert weights.sum() == pytest.approx(500)


def test_with_weights_group_and_target_are_independent() -> None:
    w = reweigh(TALLY, ["g"]).weights(ROWS, Y)
    rates = [np.average(Y[ROWS["g"] == g], weights=w[ROWS["g"] == g]) for g in "abc"]
    assert rates == pytest.approx([Y.mean()] * 3)


def test_a_score_histogram_counts_as_well() -> None:
    h = ScoreHistogram.of(ROWS, y_true=Y, y_pred=Y, score=RNG.random(500))
    assert reweigh(h, ["g"]) == reweigh(TALLY, ["g"])


def test_rows_without_a_target_do_not_count() -> None:
    more = Tally.of(pd.concat([ROWS, ROWS]), y_true=np.r_[Y, np.full(500, -1)], y_pred=np.r_[Y, Y])
    assert reweigh(more, ["g"]) == reweigh(TALLY, ["g"])


def test_what_was_never_counted_has_no_weight() -> None:
    r = reweigh(Tally.of({"g": ["a", "a", "b"]}, y_true=[0, 1, 1], y_pred=[0, 0, 0]), ["g"])
    assert r.by_group[1] == (("b",), (None, pytest.approx(2 / 3)))
    with pytest.raises(DataError, match="no weight for target 0 in group b"):
        r.weights({"g": ["b"]}, [0])
    with pytest.raises(DataError, match="no weight for target 1 in group z"):
        r.weights({"g": ["z"]}, [1])
    with pytest.raises(DataError, match="nothing to weigh"):
        reweigh(Tally.of({"g": ["a"]}, y_true=[-1], y_pred=[0]), ["g"])


def test_a_stored_report_gives_the_weights_of_its_rows() -> None:
    data = ak.Dataset(ROWS.assign(y=Y, p=Y), y_true="y", positive=1, sensitive_features=["g", "h"])
    report = ak.audit(ak.Predictions("p"), data, checks=[ak.GroupFairness()], name="weights")
    stored = ak.Report.from_json(report.to_json())
    for by in ("g", ["g", "h"]):
        assert ak.reweigh(stored, by) == reweigh(TALLY, by)
    one = ak.reweigh(stored, "g")
    assert one.weights(ROWS["g"], Y).tolist() == one.weights(ROWS, Y).tolist()


def test_sources_and_groups_that_do_not_fit_are_refused() -> None:
    data = ak.Dataset(ROWS.assign(y=Y, p=Y), y_true="y", positive=1, sensitive_features=["g"])
    bare = ak.audit(ak.Predictions("p"), data, checks=[ak.DataProfile()], name="bare")
    with pytest.raises(DataError, match=r"no counts of groups.*GroupFairness"):
        reweigh(bare, "g")
    with pytest.raises(DataError, match="not dict"):
        reweigh({}, "g")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no attribute"):
        reweigh(TALLY, [])
    with pytest.raises(ak.AuditkitError, match="race"):
        reweigh(TALLY, "race")
    one = reweigh(TALLY, "g")
    with pytest.raises(DataError, match="no column 'g' in groups"):
        one.weights({"h": ["x"]}, [1])
    with pytest.raises(DataError, match="groups have 2 rows, y_true has 1"):
        one.weights(["a", "b"], [1])


@pytest.mark.slow
def test_a_model_trained_again_is_judged_among_the_remedies() -> None:
    """Truth: a real audit of its decisions, by the same policy with every rule alone."""
    frame = ROWS.assign(y=Y, s=np.round(RNG.random(500), 2), t=np.round((Y + RNG.random(500)) / 2, 2))
    frame = frame.assign(p=(frame["s"] >= 0.5).astype(int), q=(frame["t"] >= 0.5).astype(int))
    rules = [
        {"id": "a", "metric": "selection_rate", "comparison": "difference", "by": ["g"], "at_most": 0.2},
        {"id": "b", "metric": "accuracy", "comparison": "overall", "at_least": 0.6},
    ]
    policy = {"defaults": {"correction": "none"}, "rule": rules}
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["g", "h"])
    checks = [ak.GroupFairness(), ak.Scores()]
    report, retrained = (ak.audit(ak.Predictions(*of), data, checks=checks, policy=policy) for of in ("ps", "qt"))
    both = ak.with_reweighed(report, retrained)
    again = ak.judge(ak.Report.from_json(both.to_json()), policy)
    assert again.verdicts == report.verdicts
    assert again.remedies is not None
    row = next(r for r in again.remedies.rows if r.words == "trained again, with reweighing")
    for a, v in zip(row.answers, retrained.verdicts, strict=True):
        assert a is not None
        assert v.estimate is not None
        assert (a.status, a.value, a.low, a.high) == (v.status, v.estimate.value, v.estimate.low, v.estimate.high)
    assert row.accuracy == pytest.approx((frame["q"] == frame["y"]).mean())
    for p in row.selected:
        of = frame[frame["g"] == p.group["g"]]
        assert (p.now, p.change) == (of["p"].sum(), of["q"].sum() - of["p"].sum())


def test_other_rows_are_no_audit_of_the_same() -> None:
    frame = ROWS.assign(y=Y, s=0.5, p=1)
    data, fewer = (ak.Dataset(f, y_true="y", positive=1, sensitive_features=["g"]) for f in (frame, frame[1:]))
    report, other = (ak.audit(ak.Predictions("p", "s"), d, checks=[ak.Scores()]) for d in (data, fewer))
    with pytest.raises(DataError, match="not of the same rows"):
        ak.with_reweighed(report, other)
    with pytest.raises(DataError, match="no score histogram in the audit of the model that was trained again"):
        ak.with_reweighed(report, report.model_copy(update={"evidence": {}}))
