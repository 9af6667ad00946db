"""Remedies from score bins are fairlearn's from rows: the gap that remains, and the accuracy, to 1e-3."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import BaseEstimator, ClassifierMixin

import auditkit as ak
from auditkit.demo import income
from auditkit.errors import DataError, PolicyError
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.fairness.scores.halved import Halved
from auditkit.fairness.scores.mitigation import CAUTION, mitigate
from auditkit.fairness.scores.remedies import frontier, remedies_finding
from auditkit.fairness.scores.thresholds import Constraint, Reach
from auditkit.records import Finding, NotMeasured, Table


class Scored(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose only feature is the score."""

    def fit(self, x: Any, y: Any) -> Scored:
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, x: Any) -> Any:
        s = np.asarray(x, float)[:, 0]
        return np.column_stack([1 - s, s])

    def predict(self, x: Any) -> Any:
        return (self.predict_proba(x)[:, 1] >= 0.5).astype(int)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """The demo's rows: gender, race, truth, score, decision."""
    data = pd.read_parquet(income.DATA)
    score = ak.demo.model().predict(data.drop(columns="income"))
    return pd.DataFrame(
        {
            "gender": data["gender"].astype(str),
            "race": data["race"].astype(str),
            "y": (data["income"] == ">50K").astype(int),
            "s": score,
            "p": (score >= 0.5).astype(int),
        }
    )


@pytest.fixture(scope="module")
def evidence(rows: pd.DataFrame) -> ScoreHistogram:
    return ScoreHistogram.of(rows[["gender", "race"]], y_true=rows["y"], y_pred=rows["p"], score=rows["s"])


def small(seed: int = 0, n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g, y = rng.choice(["a", "b"], n), rng.integers(0, 2, n)
    s = np.clip(rng.normal(0.35 + 0.25 * y + 0.1 * (g == "a"), 0.2), 0.001, 0.999)
    return pd.DataFrame({"g": g, "y": y, "s": np.round(s, 3), "p": (s >= 0.5).astype(int)})


def histogram(r: pd.DataFrame) -> ScoreHistogram:
    return ScoreHistogram.of(r[["g"]], y_true=r["y"], y_pred=r["p"], score=r["s"])


def measured(r: pd.DataFrame, by: str, chance: Any) -> dict[str, Any]:
    """Expected accuracy and rates by group, over rows, of decisions that are 1 with these chances."""
    frame = pd.DataFrame({"g": r[by].to_numpy(), "y": r["y"].to_numpy(), "c": np.asarray(chance, float)})
    rate = {
        "selection_rate": frame.groupby("g")["c"].mean(),
        "true_positive_rate": frame[frame["y"] == 1].groupby("g")["c"].mean(),
        "false_positive_rate": frame[frame["y"] == 0].groupby("g")["c"].mean(),
    }
    right = np.where(frame["y"] == 1, frame["c"], 1 - frame["c"]).mean()
    return {"accuracy": float(right)} | {k: float(v.max() - v.min()) for k, v in rate.items()}


NAMES: dict[Constraint, tuple[str, tuple[str, ...]]] = {
    "demographic_parity": ("demographic_parity", ("selection_rate",)),
    "equal_opportunity": ("true_positive_rate_parity", ("true_positive_rate",)),
    "equalized_odds": ("equalized_odds", ("true_positive_rate", "false_positive_rate")),
}


@pytest.mark.parametrize("by", ["gender", "race"])
@pytest.mark.parametrize("constraint", NAMES)
def test_it_is_fairlearns_threshold_optimizer(
    rows: pd.DataFrame, evidence: ScoreHistogram, constraint: Constraint, by: str
) -> None:
    name, gaps = NAMES[constraint]
    theirs = ThresholdOptimizer(
        estimator=Scored().fit(None, None), constraints=name, objective="accuracy_score", grid_size=1000, prefit=True,
        predict_method="predict_proba",
    ).fit(rows[["s"]], rows["y"], sensitive_features=rows[by])  # fmt: skip
    chance = theirs._pmf_predict(rows[["s"]], sensitive_features=rows[by])[:, 1]
    reference = measured(rows, by, chance)
    m = mitigate(evidence, by, constraint=constraint)
    mine = measured(rows, by, m.probability(rows["s"], rows[by]))
    assert mine["accuracy"] == pytest.approx(reference["accuracy"], abs=1e-3)
    assert m.accuracy == pytest.approx(mine["accuracy"], abs=1e-9)
    for gap in gaps:
        assert mine[gap] <= 1.5e-3
        assert mine[gap] == pytest.approx(reference[gap], abs=1e-3)
        assert m.gap(gap) == pytest.approx(mine[gap], abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_one_threshold_is_the_best_of_all(seed: int) -> None:
    r = small(seed)
    m = mitigate(histogram(r), "g", constraint="one_threshold")
    best = max(((r["s"] >= t) == r["y"]).mean() for t in [*r["s"], 2.0])
    assert m.accuracy == pytest.approx(best, abs=1 / len(r) + 1e-9)
    assert ((m.predict(r["s"], r["g"]) == r["y"]).mean()) == pytest.approx(m.accuracy)
    assert {rule.first for _, rule in m.rules} == {m.common}


@pytest.mark.parametrize("at_most", [0.0, 0.05, 0.2])
def test_at_most_is_kept_and_no_pair_of_thresholds_within_it_is_better(at_most: float) -> None:
    r = small(3, 120)
    m = mitigate(histogram(r), "g", at_most=at_most)
    assert m.gap("selection_rate") <= at_most + 1e-9
    sides = []
    for _, part in r.groupby("g"):
        cuts = [*sorted(part["s"]), 2.0]
        right = [int(((part["s"] >= t) == part["y"]).sum()) for t in cuts]
        sides.append((np.array([(part["s"] >= t).mean() for t in cuts]), np.array(right)))
    (x, a), (y, b) = sides
    allowed = np.abs(x[:, None] - y[None, :]) <= at_most
    best = (a[:, None] + b[None, :])[allowed].max() / len(r)
    assert m.accuracy >= best - 2 / len(r)


def test_the_frontier_rises_from_equality_to_no_constraint(evidence: ScoreHistogram) -> None:
    for by in (("gender",), ("race",)):
        curve = frontier([Reach.of(b) for _, b in evidence.groups(*by)])
        assert curve.gap[0] == 0
        assert (np.diff(curve.gap) > 0).all()
        assert (np.diff(curve.accuracy) >= -1e-12).all()
        assert curve.accuracy[0] == pytest.approx(mitigate(evidence, by).accuracy, abs=1e-9)
        free = sum(
            max(mitigate(part, by, constraint="one_threshold").accuracy * part.rows for _ in (0,))
            for part in parts(evidence, by)
        )
        assert curve.accuracy[-1] == pytest.approx(free / evidence.rows, abs=1e-3)
        assert curve.knee is not None
        middle = mitigate(evidence, by, at_most=float(curve.gap[curve.knee]))
        assert middle.accuracy == pytest.approx(curve.accuracy[curve.knee], abs=1e-9)


def parts(evidence: ScoreHistogram, by: tuple[str, ...]) -> list[ScoreHistogram]:
    """One histogram a group."""
    h = evidence.over(*by)
    return [ScoreHistogram(by, cells, h.missing.iloc[:0]) for _, cells in h.cells.groupby(by[0])]


def test_outcomes_and_price_are_those_of_rows() -> None:
    r = small(1)
    m = mitigate(histogram(r), "g")
    c = m.probability(r["s"], r["g"])
    for o in m.outcomes:
        mine = r["g"] == o.group[0]
        for y, then, now in ((0, o.false_then, o.false_now), (1, o.true_then, o.true_now)):
            assert then == pytest.approx(c[mine & (r["y"] == y)].sum())
            assert now == r["p"][mine & (r["y"] == y)].sum()
        assert o.gained == pytest.approx(c[mine].sum() - r["p"][mine].sum())
    lost = (r["p"] == r["y"]) * 1.0 - np.where(r["y"] == 1, c, 1 - c)
    assert m.price.value == pytest.approx(lost.mean())
    assert m.accuracy_now == pytest.approx((r["p"] == r["y"]).mean())
    assert m.price.value == pytest.approx(m.accuracy_now - m.accuracy)


def test_the_error_of_the_price_is_that_of_drawing_rows_again() -> None:
    r = small(2)
    m = mitigate(histogram(r), "g", constraint="equalized_odds")
    p, y = m.probability(r["s"], r["g"]), r["y"].to_numpy()
    lost = (r["p"] == r["y"]).to_numpy() - np.where(y == 1, p, 1 - p)
    rng = np.random.default_rng(0)
    drawn = [lost[rng.integers(0, len(r), len(r))].mean() for _ in range(2000)]
    assert m.price.error == pytest.approx(np.std(drawn), rel=0.06)


def test_it_decides_in_a_pipeline(rows: pd.DataFrame) -> None:
    report = ak.audit(ak.demo.model(), ak.demo.data(), checks=[ak.Scores(by=[["gender"]])])
    m = ak.mitigate(report, "gender")
    decided = m.predict(rows["s"], rows[["gender"]], random_state=1)
    assert set(np.unique(decided)) == {0, 1}
    rate = pd.Series(decided).groupby(rows["gender"]).mean()
    assert abs(rate["Female"] - rate["Male"]) < 0.015
    assert (decided == m.predict(rows["s"], rows["gender"], random_state=1)).all()
    assert (decided == m.predict(rows["s"], {"gender": list(rows["gender"])}, random_state=1)).all()
    unknown = m.predict([m.common - 0.01, m.common + 0.01], ["nobody", "nobody"])
    assert unknown.tolist() == [0, 1]
    assert CAUTION in m.notes
    assert CAUTION not in ak.mitigate(report, "gender", constraint="one_threshold").notes


@pytest.mark.parametrize(("bad", "message"), [([0.5, np.nan], "none missing"), ([0.5, 1.2], "in \\[0, 1\\]")])
def test_scores_that_are_none_are_not_decided(bad: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        mitigate(histogram(small()), "g").predict(bad, ["a", "b"])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"by": "h"}, ak.AuditkitError, "no group column 'h'"),
        ({"by": ()}, DataError, "no attribute"),
        ({"constraint": "demographic_party"}, PolicyError, "Did you mean 'demographic_parity'"),
        ({"at_most": 1.5}, PolicyError, "at_most must lie in"),
        ({"constraint": "equalized_odds", "at_most": 0.1}, PolicyError, "takes none"),
        ({"source": pd.DataFrame()}, DataError, "takes a ScoreHistogram or a Report, not DataFrame"),
    ],
)
def test_bad_questions_are_answered_with_one_error(change: dict[str, Any], error: Any, message: str) -> None:
    asked: dict[str, Any] = {"source": histogram(small()), "by": "g"} | change
    with pytest.raises(error, match=message):
        mitigate(asked.pop("source"), asked.pop("by"), **asked)


def test_groups_that_do_not_fit_are_refused() -> None:
    m = mitigate(histogram(small()), "g")
    with pytest.raises(DataError, match="groups have 1 rows, score has 2"):
        m.predict([0.1, 0.2], ["a"])
    with pytest.raises(DataError, match="no column 'g' in groups"):
        m.predict([0.1], {"h": ["a"]})


def test_a_report_without_scores_says_what_to_do() -> None:
    report = ak.audit(ak.demo.model(), ak.demo.data(), checks=[ak.GroupFairness()])
    with pytest.raises(DataError, match=r"checks=\[ak.Scores\(\), …\]"):
        ak.mitigate(report, "gender")


@pytest.mark.parametrize("constraint", [*NAMES, "one_threshold"])
@pytest.mark.parametrize("case", ["constant", "one group", "no positives", "tiny"])
def test_poor_evidence_gives_a_rule_or_the_common_threshold(constraint: Constraint, case: str) -> None:
    r = small(0, 200)
    if case == "constant":
        r["s"] = 0.4
    elif case == "one group":
        r["g"] = "a"
    elif case == "no positives":
        r["y"] = 0
    else:
        r = r.iloc[:8]
    m = mitigate(histogram(r), "g", constraint=constraint)
    p = m.probability(r["s"], r["g"])
    assert ((p >= 0) & (p <= 1)).all()
    assert m.accuracy == pytest.approx(np.where(r["y"] == 1, p, 1 - p).mean())
    if case in ("no positives", "tiny"):
        assert m.rules == ()
        assert "decided at the common threshold" in m.notes[0]
        assert np.isnan(m.gap("selection_rate"))
    if case == "no positives":
        assert p.sum() == 0
    found = remedies_finding(histogram(r), ("g",), level=0.95)
    assert isinstance(found, NotMeasured) == (case != "constant")


def test_the_finding_tells_what_the_remedies_do_to_rows_that_did_not_choose_them(evidence: ScoreHistogram) -> None:
    f = remedies_finding(evidence, ("gender",), level=0.95)
    assert isinstance(f, Finding)
    halves = Halved.of(evidence).halves(("gender",))
    price, whom, thresholds = (x for x in f.exhibits if isinstance(x, Table))
    rows = [dict(zip(price.columns, r, strict=True)) for r in price.rows]
    for row, name in zip(rows[1:], [*NAMES, "one_threshold"], strict=False):
        held = halves.remedy(name)  # type: ignore[arg-type]
        assert row["accuracy"] == pytest.approx(held.accuracy)
        assert row["gap in selection rate"] == held.gap("selection_rate", 0.95).value
        assert row["accuracy lost"] == pytest.approx(held.accuracy_now - held.accuracy)
        assert rows[0]["accuracy"] == pytest.approx(row["accuracy"] + row["accuracy lost"])  # type: ignore[operator]
    assert f.estimate.value == rows[1]["accuracy lost"]
    m = mitigate(evidence, "gender")
    assert rows[0]["gap in selection rate"] == pytest.approx(m.gap("selection_rate", now=True))
    gained = {str(r[0]): r[2] for r in whom.rows}
    assert gained == {o.group[0]: round(o.gained) for o in halves.remedy("demographic_parity").outcomes}
    rules = {str(r[1]): r[2] for r in thresholds.rows if r[0] == "equal true positive rates, with lots"}
    of_all = mitigate(evidence, "gender", constraint="equal_opportunity").rules
    assert rules == {k[0]: round(r.first if r.share else r.second, 4) for k, r in of_all}
    assert len(price.units) == len(price.columns)
    assert len(thresholds.units) == len(thresholds.columns)
    for t in (price, whom, thresholds):
        assert {len(r) for r in t.rows} == {len(t.columns)}


def test_a_price_that_may_be_chance_is_not_named_one() -> None:
    rng = np.random.default_rng(0)
    g = np.array(["a", "b"] * 300)
    y = rng.integers(0, 2, 600)
    s = np.clip(rng.normal(0.4 + 0.2 * y, 0.2), 0.001, 0.999)
    f = remedies_finding(histogram(pd.DataFrame({"g": g, "y": y, "s": s, "p": s >= 0.5})), ("g",), level=0.95)
    assert isinstance(f, Finding)
    assert f.estimate.low is not None
    assert f.estimate.high is not None
    assert f.estimate.low <= 0 <= f.estimate.high
    assert "would not change accuracy by any amount that is established" in f.statement
    assert list(itertools.islice(f.references, 1))
