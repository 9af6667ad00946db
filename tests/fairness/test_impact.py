"""Impact ratios against the example of NYC's rule, pandas, scipy and the family intervals of GroupFairness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact, studentized_range

import auditkit as ak
from auditkit.batch import Batch
from auditkit.check import StreamCheck
from auditkit.errors import PolicyError
from auditkit.fairness.groups.check import GroupFairness, answering
from auditkit.fairness.law.impact import ImpactRatios as Ratios
from auditkit.fairness.law.laws import Selections
from auditkit.question import Question
from auditkit.records import Finding, Table
from auditkit.stats.rates import jeffreys, wilson
from tests.helpers import reassessing

_, p_value = reassessing(answering)

NYC_SEX = {"Male": (1390, 667), "Female": (1181, 555)}
NYC_RACE = {
    "Hispanic or Latino": (408, 204),
    "White": (797, 412),
    "Black or African American": (390, 170),
    "Native Hawaiian or Pacific Islander": (119, 52),
    "Asian": (616, 302),
    "Native American or Alaska Native": (41, 18),
    "Two or More Races": (213, 96),
}
"""Counts of the form of the rule's example: (applicants, selected)."""


def tally(attribute: str, groups: dict[str | None, tuple[int, int]]) -> ak.Tally:
    value, decision = [], []
    for name, (n, k) in groups.items():
        value += [name] * n
        decision += [1] * k + [0] * (n - k)
    return ak.Tally.of({attribute: value}, y_true=[0] * len(value), y_pred=decision)


def table_of(finding: Finding) -> list[dict[str, Any]]:
    (table,) = finding.exhibits
    assert isinstance(table, Table)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def people(n: int = 3_000, seed: int = 0) -> Batch:
    """Women and group b are selected less often; some of unknown sex or race; c is 1 % of the rows."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(np.array(["f", "m", None], dtype=object), n, p=[0.45, 0.5, 0.05])
    race = rng.choice(np.array(["a", "b", "c", None], dtype=object), n, p=[0.6, 0.33, 0.01, 0.06])
    score = rng.beta(2, 2, n) - 0.1 * (sex == "f") - 0.05 * (race == "b")
    score = np.clip(np.round(score, 2), 0, 1)
    truth = (rng.random(n) < score).astype(np.int8)
    truth[:20] = -1
    decision = (score > 0.55).astype(np.int8)
    decision[20:25] = -1
    groups = pd.DataFrame({"sex": pd.Series(sex), "race": pd.Series(race)})
    return Batch(pd.DataFrame(index=range(n)), groups, truth, decision, score=score)


@pytest.mark.parametrize(
    ("attribute", "groups", "ratios"),
    [
        ("sex", NYC_SEX, {"Male": 1.0, "Female": 0.979}),
        (
            "race",
            NYC_RACE,
            {
                "Hispanic or Latino": 0.97,
                "White": 1.0,
                "Black or African American": 0.84,
                "Native Hawaiian or Pacific Islander": 0.85,
                "Asian": 0.95,
                "Native American or Alaska Native": 0.85,
                "Two or More Races": 0.87,
            },
        ),
    ],
)
def test_the_example_of_the_rule(
    attribute: str, groups: dict[str | None, tuple[int, int]], ratios: dict[str, float]
) -> None:
    (finding,) = ak.ImpactRatios(by=[attribute]).assess(tally(attribute, groups)).findings
    for row in table_of(finding):
        n, k = groups[row[attribute]]
        assert (row["Applicants"], row["Selected"], row["Selection rate"]) == (n, k, pytest.approx(k / n))
        digits = 3 if attribute == "sex" else 2
        assert round(row["Impact ratio"], digits) == ratios[row[attribute]]
        assert (row["Note"] == "highest rate") == (ratios[row[attribute]] == 1)


def test_the_scoring_example_of_the_rule() -> None:
    """Published: 92 men 54.3 % and 76 women 44.7 %, a ratio of 0.82; half of the 168 scores lie above the median."""
    above = {"Male": (92, 50), "Female": (76, 34)}
    sex = [s for s, (n, _) in above.items() for _ in range(n)]
    score = [0.9 - i / 1_000 if i < k else 0.4 - i / 1_000 for n, k in above.values() for i in range(n)]
    groups = pd.DataFrame({"sex": sex, "race": ["a"] * 168})
    nothing = np.zeros(168, dtype=np.int8)
    check = ak.ScoringRates()
    found = check.assess(check.gather(Batch(groups, groups, nothing, nothing, score=np.array(score)))).findings
    rows = {r["sex"]: r for r in table_of(found[0])}
    assert [round(100 * rows[s]["Scoring rate"], 1) for s in above] == [54.3, 44.7]
    assert [round(rows[s]["Impact ratio"], 2) for s in above] == [1.0, 0.82]


def test_selection_tables_are_pandas() -> None:
    batch = people()
    reason = "too few to tell"
    check = ak.ImpactRatios(law="nyc-ll144", minimum_share=0.02, justification=reason)
    assert isinstance(check, StreamCheck)
    found = check.assess(check.gather(batch)).findings
    assert [f.id for f in found] == [f"fairness/impact_ratio/ratio/{b}:nyc-ll144" for b in ("sex", "race", "sex+race")]
    frame = batch.groups.assign(y=batch.y_pred)[batch.y_pred >= 0]
    for finding in found:
        by = list(finding.by)
        expected = frame.dropna(subset=by).groupby(by)["y"].agg(["count", "sum", "mean"])
        counted = expected["count"] / len(frame) >= 0.02
        top = expected.loc[counted, "mean"].max()
        rows = {tuple(r[b] for b in by): r for r in table_of(finding)}
        assert len(rows) == len(expected)
        for key, e in expected.iterrows():
            row = rows[key if isinstance(key, tuple) else (key,)]
            assert (row["Applicants"], row["Selected"]) == (e["count"], e["sum"])
            assert row["Selection rate"] == pytest.approx(e["mean"])
            assert row["Impact ratio"] == (pytest.approx(e["mean"] / top) if counted[key] else None)
        lost = int(frame[by].isna().any(axis=1).sum())
        assert f"{lost:,} rows fall within an unknown category of {' and '.join(by)}" in finding.notes[0]
        assert any(reason in n for n in finding.notes) == (not counted.all())
        assert "5 rows without a decision are left out" in finding.notes
    assert any(n.startswith("20 rows whose truth is missing count here") for n in found[0].notes)


def test_scoring_tables_are_pandas_and_the_median_is_of_everybody() -> None:
    batch = people(seed=3)
    check = ak.ScoringRates(minimum_share=0.02, justification="few")
    half = len(batch.y_true) // 2
    parts = [check.gather(_rows(batch, r)) for r in (slice(None, half), slice(half, None))]
    found = check.assess(parts[0] + parts[1]).findings
    assert batch.score is not None
    median = np.median(batch.score)
    frame = batch.groups.assign(above=batch.score > median)
    for finding in found:
        by = list(finding.by)
        expected = frame.dropna(subset=by).groupby(by)["above"].agg(["count", "sum", "mean"])
        top = expected.loc[expected["count"] >= 0.02 * len(frame), "mean"].max()
        for row in table_of(finding):
            e = expected.loc[tuple(row[b] for b in by) if len(by) > 1 else row[by[0]]]
            assert (row["Applicants"], row["Above the median"]) == (e["count"], e["sum"])
            if row["Impact ratio"] is not None:
                assert row["Impact ratio"] == pytest.approx(e["mean"] / top)


def _rows(batch: Batch, rows: slice) -> Batch:
    assert batch.score is not None
    return Batch(
        batch.features.iloc[rows], batch.groups.iloc[rows], batch.y_true[rows], batch.y_pred[rows], batch.score[rows]
    )


def test_the_median_counts_rows_of_unknown_group() -> None:
    sex = ["f"] * 20 + ["m"] * 20 + [None] * 41
    score = [0.2] * 10 + [0.4] * 10 + [0.2] * 5 + [0.4] * 15 + [0.9] * 41
    groups = pd.DataFrame({"sex": pd.Series(sex, dtype=object), "race": ["a"] * 81})
    nothing = np.zeros(81, dtype=np.int8)
    check = ak.ScoringRates()
    found = check.assess(check.gather(Batch(groups, groups, nothing, nothing, score=np.array(score)))).findings
    assert [r["Above the median"] for r in table_of(found[0])] == [0, 0]  # 0.9: strictly above it is nobody
    assert found[0].estimate.value is None
    assert "cannot be told" in found[0].statement


def test_without_scores_it_is_not_measured() -> None:
    groups = pd.DataFrame({"sex": ["f"], "race": ["a"]})
    check = ak.ScoringRates()
    nothing = np.zeros(1, dtype=np.int8)
    assessed = check.assess(check.gather(Batch(groups, groups, nothing, nothing)))
    assert assessed.findings == ()
    assert "no row has a score" in assessed.not_measured[0].why


COUNTS = st.lists(
    st.integers(10, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=2, max_size=5
)


@given(COUNTS)
@settings(max_examples=60, deadline=None)
def test_tests_are_those_of_all_pairs(counts: list[tuple[int, int]]) -> None:
    n, k = np.array(counts).T
    groups = tuple((f"g{i}",) for i in range(len(n)))
    r = Ratios.of(("g",), Selections(groups, k, n), minimum_share=0.0, level=0.95)
    t, top = r.tested(), r.top
    if top is None:
        assert not k.any()
        return
    q = 1.959963984540054 if len(n) == 2 else float(studentized_range.ppf(0.95, len(n), np.inf)) / 2**0.5
    for i in range(len(n)):
        if i == top:
            assert np.isnan([t.low[i], t.high[i], t.p[i], t.mid_p[i]]).all()
            continue
        assert t.low[i] <= r.ratio[i] + 1e-12 <= t.high[i] + 2e-12
        assert (t.p[i] < 0.05) == (t.high[i] < 1) or abs(t.p[i] - 0.05) < 1e-6
        high = _mover_r_upper((k[i], n[i]), (k[top], n[top]), q, two=len(n) == 2)
        assert t.high[i] == pytest.approx(min(1.0, high), abs=1e-6)
        exact = fisher_exact([[k[i], n[i] - k[i]], [k[top], n[top] - k[top]]]).pvalue
        assert t.mid_p[i] <= exact + 1e-9


def _mover_r_upper(a: tuple[int, int], b: tuple[int, int], q: float, *, two: bool) -> float:
    """STATISTICS' formula, by hand."""
    limits = (wilson if two else jeffreys)(np.array([a[0], b[0]]), np.array([a[1], b[1]]), q)
    (p1, p2), (_, l2), (u1, _) = limits.p, limits.low, limits.high
    if l2 == 0:
        return float("inf")
    inner = (p1 * p2) ** 2 - u1 * l2 * (2 * p1 - u1) * (2 * p2 - l2)
    return float((p1 * p2 + np.sqrt(max(0.0, inner))) / (l2 * (2 * p2 - l2)))


def test_the_smallest_ratio_is_that_of_group_fairness_when_nothing_is_missing() -> None:
    t = tally("race", NYC_RACE)
    ratio = next(f for f in GroupFairness().assess(t).findings if f.id == "fairness/selection_rate/ratio/race")
    (finding,) = ak.ImpactRatios().assess(t).findings
    for field in ("value", "low", "high"):
        assert getattr(finding.estimate, field) == pytest.approx(getattr(ratio.estimate, field))
    p = p_value(t, Question("selection_rate", "ratio", ("race",)), 1.0, above=False)
    assert f"p of the claim that no two groups of race differ: {p:.3f}, all pairs as one family" in finding.notes


def test_strictly_below_and_beside_its_test() -> None:
    t = tally("g", {"a": (1_000, 400), "b": (1_000, 500), "c": (1_000, 300), "d": (30, 11)})
    (finding,) = ak.ImpactRatios().assess(t).findings
    told = {r["g"]: r for r in table_of(finding)}
    assert [told[g]["Below 0.8"] for g in "abcd"] == ["no", "no", "yes, surely", "yes, perhaps by chance"]
    assert told["c"]["p of all pairs"] < 0.001
    assert told["d"]["p of all pairs"] > told["d"]["Fisher’s mid‑p"] > 0.05
    assert "The whole interval lies below 0.8" in finding.statement
    calm = ak.ImpactRatios().assess(tally("g", {"a": (40, 10), "b": (40, 14)})).findings[0]
    assert calm.statement.startswith("No group of g is shown")
    assert "may be chance" in calm.statement


def test_small_groups_are_shown_and_not_tested() -> None:
    t = tally("g", {"a": (100, 40), "b": (100, 50), "tiny": (3, 3)})
    (finding,) = ak.ImpactRatios().assess(t).findings
    told = {r["g"]: r for r in table_of(finding)}
    assert told["tiny"]["Note"] == "highest rate, fewer than 10 people"
    assert told["a"]["Impact ratio"] == pytest.approx(0.4)
    assert told["a"]["Upper limit"] is None
    assert finding.estimate.value == pytest.approx(0.8)
    assert any("tiny, with only 3 people" in n for n in finding.notes)
    assert {g.group["g"]: g.estimate.state for g in finding.by_group} == {"a": "ok", "b": "ok", "tiny": "sparse"}


def test_exactly_two_percent_is_not_below() -> None:
    t = ak.Tally.of(
        {"sex": ["f"] * 7 + ["m"] * 343, "race": ["a"] * 6 + ["b"] * 344}, y_true=[0] * 350, y_pred=[0, 1] * 175
    )
    check = ak.ImpactRatios(law="nyc-ll144", minimum_share=0.02, justification="few")
    sex, race, _ = check.assess(t).findings
    assert table_of(sex)[0]["Impact ratio"] is not None  # 7 of 350
    assert table_of(race)[0]["Impact ratio"] is None  # 6 of 350


def test_nobody_and_one_group() -> None:
    nobody = ak.ImpactRatios().assess(tally("g", {"a": (20, 0), "b": (20, 0)})).findings[0]
    alone = ak.ImpactRatios().assess(tally("g", {"a": (20, 5), None: (5, 1)})).findings[0]
    unknown = ak.ImpactRatios().assess(tally("g", {None: (5, 1)})).findings[0]
    undecided = ak.ImpactRatios().assess(ak.Tally.of({"g": ["a", "b"]}, y_true=[0, 1], y_pred=[-1, -1])).findings[0]
    for finding in (nobody, alone, unknown, undecided):
        assert finding.estimate.value is None
        assert "cannot be told" in finding.statement
    assert "nobody of known g is counted" in unknown.statement


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"law": "four-fith"},
            "law of ImpactRatios must be one of four-fifths, nyc-ll144, got 'four-fith'.*Did you mean 'four-fifths'",
        ),
        ({"law": "nyc-ll144", "by": ["sex"]}, "name the columns by sex"),
        ({"law": "four-fifths", "minimum_share": 0.02, "justification": "x"}, "belongs to nyc-ll144"),
        ({"law": "nyc-ll144", "minimum_share": 0.02}, "give justification="),
        ({"law": "nyc-ll144", "justification": "few"}, "give minimum_share with it"),
        ({"law": "nyc-ll144", "minimum_share": 0.05, "justification": "x"}, "expected 0 to 0.02"),
    ],
)
def test_options_that_are_wrong(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        ak.ImpactRatios(**options)


def test_columns_that_are_not_declared() -> None:
    t = ak.Tally.of({"gender": ["f", "m"], "race": ["a", "b"]}, y_true=[0, 0], y_pred=[0, 1])
    with pytest.raises(PolicyError, match=r"no sensitive feature 'sex'; declared are gender, race.*sex='gender'"):
        ak.ImpactRatios(law="nyc-ll144").assess(t)
    with pytest.raises(PolicyError, match=r"race/ethnicity.*Did you mean 'race'.*race='race'"):
        ak.ImpactRatios(law="nyc-ll144", sex="gender", race="races").assess(t)
    with pytest.raises(PolicyError, match="both are 'gender'"):
        ak.ImpactRatios(law="nyc-ll144", sex="gender", race="gender").assess(t)
    with pytest.raises(PolicyError, match=r"no sensitive feature 'gendr'.*Did you mean 'gender'"):
        ak.ImpactRatios(by=["gendr"]).assess(t)


def test_options_make_the_same_check_again() -> None:
    for check in (
        ak.ImpactRatios(by=["sex", ["sex", "race"]]),
        ak.ImpactRatios(law="nyc-ll144", sex="gender", minimum_share=0.01, justification="few"),
    ):
        assert ak.ImpactRatios(**check.options()) == check
    scoring = ak.ScoringRates(race="ethnicity")
    assert ak.ScoringRates(**scoring.options()) == scoring
