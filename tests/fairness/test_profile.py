"""The data profile against pandas and statsmodels, its laws, and what its sentences may say."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from statsmodels.stats.proportion import proportion_confint

import auditkit as ak
from auditkit.batch import Batch
from auditkit.check import StreamCheck
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence.profile import Profile
from auditkit.evidence.sample import taken
from auditkit.fairness.profile.check import DataProfile
from auditkit.records import Finding

REFERENCE = {"sex": {"f": 0.5, "m": 0.5}, "race": {"a": 0.3}}


def people(n: int = 2_000, seed: int = 0, *, uneven: bool = True) -> Batch:
    """Fewer women; income goes with sex, and is missing more often for them; nobody is f and d."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], n, p=[0.35, 0.65])
    race = rng.choice(["a", "b", "c", "d"], n, p=[0.5, 0.3, 0.19, 0.01])
    race[(race == "d") & (sex == "f")] = "a"
    truth = (rng.random(n) < np.where(sex == "f", 0.2, 0.4)).astype(np.int8)
    truth[:7] = -1
    absent = rng.random(n) < np.where((sex == "f") & uneven, 0.2, 0.05)
    features = pd.DataFrame({"income": np.where(absent, np.nan, rng.normal(size=n)), "age": rng.integers(18, 80, n)})
    groups = pd.DataFrame({"sex": pd.Categorical(sex), "race": pd.Categorical(race)})
    return Batch(features, groups, truth, np.full(n, -1, dtype=np.int8))


def findings_of(batch: Batch, check: DataProfile | None = None, level: float = 0.95) -> dict[str, Finding]:
    check = check or DataProfile(REFERENCE)
    assert isinstance(check, StreamCheck)
    return {f.id: f for f in check.assess(check.gather(batch), level=level).findings}


def rows_of(finding: Finding) -> tuple[tuple[Any, ...], ...]:
    return finding.exhibits[0].rows  # type: ignore[return-value]


def test_shares_are_value_counts_with_wilson() -> None:
    batch = people()
    found = findings_of(batch, level=0.9)["data/group_share/group_min/race"]
    counts = batch.groups["race"].value_counts()
    for name, k, share, low, high in rows_of(found):
        assert (k, share) == (counts[name], pytest.approx(counts[name] / 2_000))
        assert (low, high) == pytest.approx(proportion_confint(k, 2_000, alpha=0.1, method="wilson"))
    assert found.estimate.value == pytest.approx(counts.min() / 2_000)
    assert "the smallest is d" in found.statement


def test_shares_against_a_population() -> None:
    batch = people()
    found = findings_of(batch)
    sex, race = (found[f"data/representation/difference/{a}"] for a in ("sex", "race"))
    women = (batch.groups["sex"] == "f").mean()
    assert sex.estimate.value == pytest.approx(0.5 - women)
    k = batch.groups["sex"].value_counts()[["f", "m"]]
    assert chisquare(k, [1_000, 1_000]).pvalue < 0.001
    assert "χ² of all shares: p < 0.001" in sex.notes
    assert "another share than in the reference population" in sex.statement
    assert [r[0] for r in rows_of(race)] == ["a", "(all others)"]
    fair = findings_of(batch, DataProfile({"sex": {"f": float(women), "m": float(1 - women)}}))
    calm = fair["data/representation/difference/sex"]
    assert calm.statement.startswith("No group of sex is shown")
    assert calm.estimate.low == 0


def test_representation_names_nobody_by_chance_more_than_it_may() -> None:
    rng, runs = np.random.default_rng(0), 150
    shares, false = dict.fromkeys("abcd", 0.25), 0
    for _ in range(runs):
        groups = pd.DataFrame({"g": pd.Categorical(rng.choice(list("abcd"), 300))})
        batch = Batch(pd.DataFrame(index=groups.index), groups, np.ones(300, np.int8), np.ones(300, np.int8))
        check = DataProfile({"g": shares})
        found = findings_of(batch, check)["data/representation/difference/g"]
        named = not found.statement.startswith("No group of g is shown")
        assert named == bool(found.estimate.low)
        false += named
    assert false / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_missing_values_by_column_and_group() -> None:
    batch = people()
    found = findings_of(batch)
    overall, by_sex = found["data/missing_rate/overall"], found["data/missing_rate/difference/sex"]
    absent = batch.features["income"].isna()
    assert overall.estimate.value == pytest.approx(absent.mean())
    assert "1 of 2 columns; most in income" in overall.statement
    by_hand = absent.groupby(batch.groups["sex"], observed=True).mean()
    assert [(r[1], r[3]) for r in rows_of(by_sex)] == [(s, pytest.approx(by_hand[s])) for s in ("f", "m")]
    assert by_sex.estimate.value == pytest.approx(by_hand["f"] - by_hand["m"])
    assert by_sex.statement.startswith("income is missing more often for some groups of sex")
    even = findings_of(people(uneven=False))["data/missing_rate/difference/sex"]
    assert even.statement.startswith("No column")
    whole = people()
    whole.features["income"] = 1.0
    assert findings_of(whole)["data/missing_rate/overall"].statement == "No value is missing in any of 2 columns."


def test_association_and_crossings() -> None:
    batch = people()
    found = findings_of(batch)
    tied, loose = (found[f"data/association/overall/{a}"] for a in ("sex", "race"))
    assert tied.statement.startswith("The truth goes with sex")
    assert tied.estimate.n == 1_993
    assert loose.statement.startswith("No association") == (loose.estimate.low == 0)
    crossed = found["data/group_share/group_min/sex+race"]
    assert "1 has nobody (f & d)" in crossed.statement
    assert rows_of(crossed)[0][:3] == ("f", "d", 0)
    assert sum(r[2] for r in rows_of(crossed)) == 2_000
    tiny = findings_of(taken(batch, np.arange(300)))["data/group_share/group_min/sex+race"]
    assert "2 fewer than 10 rows (f & c, m & d)" in tiny.statement


def test_one_value_only() -> None:
    batch = people(50)
    lone = Batch(
        batch.features, batch.groups[["sex"]].assign(sex=pd.Categorical(["f"] * 50)), batch.y_true, batch.y_pred
    )
    found = findings_of(lone, DataProfile())
    assert found["data/association/overall/sex"].estimate.state == "undefined"
    assert found["data/missing_rate/difference/sex"].estimate.value is None
    assert "there is nobody to compare" in found["data/group_share/group_min/sex"].statement
    why = DataProfile().assess(DataProfile().gather(lone)).not_measured[0].why
    assert why == "no reference population is given for sex"


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 300), max_size=3), seed=st.integers(0, 5))
def test_order_partition_and_round_trip(cuts: list[int], seed: int) -> None:
    batch, check = people(300, seed), DataProfile(REFERENCE)
    order = np.random.default_rng(seed).permutation(300)
    edges = [0, *sorted(cuts), 300]
    parts = [check.gather(taken(batch, order[a:b])) for a, b in pairwise(edges)]
    total = parts[-1]
    for part in parts[:-1]:
        total = total + part
    whole = check.gather(batch)
    assert total.rows("sex", "race") == whole.rows("sex", "race")
    assert check.assess(total) == check.assess(whole)
    assert check.assess(Profile.from_json(total.to_json())) == check.assess(whole)
    assert DataProfile(**check.options()) == check


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"sex": {"f": 0.7, "m": 0.7}}, "add up to 1.4"),
        ({"sex": {"f": -0.1}}, "between 0 and 1, got -0.1"),
        ({"sex": {}}, "names no value of 'sex'"),
        ({"sexx": {"f": 0.5}}, "no sensitive feature.*Did you mean 'sex'"),
    ],
)
def test_wrong_reference(reference: dict[str, dict[str, float]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        DataProfile(reference).gather(people(50))


def test_other_columns_do_not_add() -> None:
    batch = people(50)
    other = Batch(batch.features[["age"]], batch.groups, batch.y_true, batch.y_pred)
    with pytest.raises(EvidenceError, match="income"):
        Profile.of(batch) + Profile.of(other)


def test_in_an_audit() -> None:
    batch = people(400)
    frame = batch.features.assign(sex=batch.groups["sex"], y=batch.y_true == 1, pred=1)
    data = ak.Dataset(frame, y_true="y", sensitive_features=["sex"])
    report = ak.audit(ak.Predictions(y_pred="pred"), data, checks=[ak.GroupFairness(), ak.DataProfile()])
    assert report.finding("data/association/overall/sex").estimate.value is not None
    assert len({f.id for f in report.findings}) == len(report.findings)
    assert ak.Report.from_json(report.to_json()) == report
