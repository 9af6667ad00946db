"""Subgroup search: against every conjunction by pandas, and simulations with and without somebody to find."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditkit as ak
from auditkit.batch import Batch
from auditkit.catalogue.index import METRICS
from auditkit.check import FittedCheck, StreamCheck
from auditkit.errors import DataError, EvidenceError, PolicyError
from auditkit.evidence import crossed_rows
from auditkit.evidence.crossed import CrossedSums
from auditkit.evidence.crossed_rows import CrossedRows
from auditkit.evidence.sample import concatenated, row_keys, taken
from auditkit.fairness.search.check import Subgroups, confirm, outcome
from auditkit.fairness.search.conjunctions import Search, search
from auditkit.stats.rates import critical_value, sidak_value, wilson


def people(n: int, seed: int, *, planted: float = 0.0, error: float = 0.1, columns: int = 5) -> Batch:
    """Rows whose decisions are wrong at a rate of `error`, and `planted` more often where a = 1 and b = 1."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"abcdefgh"[i]: rng.choice(["0", "1", "2"], n, p=[0.4, 0.4, 0.2]) for i in range(columns)})
    frame["age"] = rng.integers(18, 90, n) + rng.random(n)
    truth = (rng.random(n) < 0.3 + 0.3 * (frame["c"] == "1")).to_numpy().astype(np.int8)
    where = ((frame["a"] == "1") & (frame["b"] == "1")).to_numpy()
    wrong = rng.random(n) < error + planted * where
    score = np.where(frame["b"] == "1", 0.9, 0.6) * rng.random(n)
    decision = np.where(wrong, 1 - truth, truth).astype(np.int8)
    groups = pd.DataFrame({"sex": pd.Categorical(rng.choice(["f", "m"], n))})
    return Batch(frame, groups, truth, decision, score)


def searched(check: Subgroups, evidence: CrossedSums) -> Search:
    return search(
        evidence, depth=check.depth, support=check.support, most=check.most, direction=check.direction,
        rates=check.is_rate,
    )  # fmt: skip


def both_halves(check: Subgroups, batch: Batch) -> tuple[Search, Any]:
    evidence = check.fit(batch).gather(batch).sums()
    found = searched(check, evidence)
    return found, confirm(evidence, found, rates=check.is_rate, level=0.95)


def rows_of(evidence: CrossedSums, batch: Batch, check: Subgroups) -> pd.DataFrame:
    """Every counted row with its conditions, outcome and half: the slow way to everything."""
    assert check.coding is not None
    frame = pd.concat([batch.features, batch.groups], axis=1)
    out = {}
    for name in check.coding.edges:
        coded = check.coding.coded(name, frame[name])
        out[name] = np.array(coded.labels, dtype=object)[coded.codes]
    keys = row_keys(batch) if batch.key is None else batch.key
    rows = pd.DataFrame(out).assign(x=outcome(batch, check.metric), half=(keys & np.uint64(1)).astype(int))
    return rows.dropna(subset=["x"])


@pytest.mark.parametrize("metric", ["error_rate", "false_positive_rate", "selection_rate", "mean_error"])
def test_search_is_every_conjunction_by_pandas(metric: str) -> None:
    batch = people(3_000, seed=1, planted=0.15, columns=3)
    batch = replace(batch, row_id=row_keys(batch))
    check = Subgroups(metric=metric, support=0.03, most=1_000).fit(batch)
    evidence = check.gather(batch).sums()
    rows = rows_of(evidence, batch, check)
    half, other = rows[rows["half"] == 0], rows[rows["half"] == 1]
    ours = searched(check, evidence)
    count, stands = 0, {}
    for size in (1, 2, 3):
        for by in combinations(check.coding.edges, size):  # type: ignore[union-attr]
            for names, part in half.groupby(list(by))["x"]:
                if len(part) < max(10, 0.03 * len(half)):
                    continue
                count += 1
                low = lower_by_hand(part, half["x"].drop(part.index), metric, critical_value(0.95))
                if low > 0:
                    stands[tuple(names)] = (low, part, by)
    assert (ours.searched, ours.standing_out) == (count, len(stands))
    kept = {k: v for k, v in stands.items() if not redundant_by_hand(k, v, half, stands, metric, count)}
    assert ours.redundant == len(stands) - len(kept) > 0
    assert {s.conditions: pytest.approx(s.low) for s in ours.carried} == {k: v[0] for k, v in kept.items()}
    result = confirm(evidence, ours, rates=check.is_rate, level=0.95)
    for i, s in enumerate(ours.carried):
        inside = np.logical_and.reduce([other[c] == v for c, v in zip(s.by, s.conditions, strict=True)])
        assert result.to_rest.value[i] == pytest.approx(other["x"][inside].mean() - other["x"][~inside].mean())


def lower_by_hand(part: pd.Series, rest: pd.Series, metric: str, z: float) -> float:
    """Lower limit of the size of the difference on the side that is searched, from the definition."""
    d = part.mean() - rest.mean()
    if METRICS[metric].direction == "lower is better" and d <= 0:
        return -np.inf
    if metric == "mean_error":
        return float(abs(d) - z * np.sqrt(part.var() / len(part) + rest.var() / len(rest)))
    a, b = wilson(part.sum(), len(part), z), wilson(rest.sum(), len(rest), z)
    if d >= 0:
        return float(d - np.hypot(a.p - a.low, b.high - b.p))
    return float(-d - np.hypot(a.high - a.p, b.p - b.low))


def redundant_by_hand(
    names: tuple[str, ...], found: Any, half: pd.DataFrame, stands: dict[Any, Any], metric: str, count: int
) -> bool:
    _, part, by = found
    side = np.sign(part.mean() - half["x"].drop(part.index).mean())
    for size in range(1, len(by)):
        for some in combinations(range(len(by)), size):
            broader = stands.get(tuple(names[i] for i in some))
            inside = np.logical_and.reduce([half[by[i]] == names[i] for i in some])
            others = half["x"][inside].drop(part.index)
            if not len(others):
                return True
            if broader is None or np.sign(broader[1].mean() - half["x"].drop(broader[1].index).mean()) != side:
                continue
            changes = np.sign(part.mean() - others.mean()) == side
            z = sidak_value(0.95, count)
            both = "selection_rate" if metric != "mean_error" else metric
            if not (changes and lower_by_hand(part, others, both, z) > 0):
                return True
    return False


def test_planted_subgroup_is_found_first_and_its_parents_refinements_are_not_listed() -> None:
    batch = people(8_000, seed=2, planted=0.3)
    check = Subgroups()
    assert isinstance(check, FittedCheck)
    assert isinstance(check, StreamCheck)
    found, result = both_halves(check, batch)
    first = found.carried[0]
    assert first.conditions == ("a = 1", "b = 1")
    assert result.confirmed[0]
    assert not [s for s in found.carried if len(s.by) == 3 and {"a = 1", "b = 1"} <= set(s.conditions)]
    assert found.redundant > 50
    (finding,) = check.assess(check.fit(batch).gather(batch)).findings
    assert finding.statement.startswith("a = 1 & b = 1: ")
    assert f"{found.searched:,} subgroups were searched" in finding.statement
    assert finding.estimate.low is not None
    assert finding.estimate.low > 0.2
    assert finding.exhibits[0].rows[0][0] == "a = 1 & b = 1"  # type: ignore[union-attr]


def simulate(runs: int, n: int, **options: Any) -> list[tuple[Search, Any]]:
    columns = ["a", "b", "c", "d", "age"]
    return [both_halves(Subgroups(columns), people(n, seed=1_000 + i, columns=4, **options)) for i in range(runs)]


@pytest.mark.slow
@pytest.mark.parametrize("runs", [500])
@pytest.mark.parametrize("error", [0.1, 0.01])
def test_nobody_planted_nobody_confirmed(runs: int, error: float) -> None:
    results = simulate(runs, 2_000, error=error)
    false = np.mean([r.confirmed.any() for _, r in results])
    assert false <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert np.mean([len(found.carried) for found, _ in results]) > 1, "the search half must tempt"


@pytest.mark.parametrize("runs", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_planted_subgroup_is_confirmed_and_covered(runs: int) -> None:
    error, planted = 0.1, 0.25
    # the rest is everybody but the planted: nobody else has more errors
    results = simulate(runs, 2_500, error=error, planted=planted)
    hits, covered = 0, 0
    for found, r in results:
        where = [i for i, s in enumerate(found.carried) if s.conditions == ("a = 1", "b = 1")]
        if where and r.confirmed[where[0]]:
            hits += 1
            covered += r.to_rest.low[where[0]] <= planted <= r.to_rest.high[where[0]]
    assert hits >= 0.95 * runs
    assert covered >= hits * (0.95 - 3 * np.sqrt(0.05 * 0.95 / hits))


@pytest.mark.parametrize("metric", ["error_rate", "selection_rate", "mean_error"])
def test_confirmed_exactly_where_the_interval_excludes_zero(metric: str) -> None:
    seen = set()
    for seed in range(6):
        found, r = both_halves(Subgroups(metric=metric, support=0.02), people(2_000, seed, planted=0.1))
        excludes = (r.to_rest.low > 0) | (r.to_rest.high < 0)
        same = np.sign(r.to_rest.value) == np.sign([s.difference for s in found.carried])
        assert (r.confirmed == (excludes & same)).all()
        seen |= set(r.confirmed)
    assert seen == {True, False}


@settings(max_examples=15)
@given(
    cuts=st.lists(st.integers(0, 400), max_size=3),
    seed=st.integers(0, 5),
    metric=st.sampled_from(["error_rate", "mean_error"]),
)
def test_order_partition_and_round_trip(cuts: list[int], seed: int, metric: str) -> None:
    batch = people(400, seed, planted=0.3, columns=3)
    check = Subgroups(metric=metric, support=0.05).fit(batch)
    whole = check.gather(batch).sums()
    order = np.random.default_rng(seed).permutation(400)
    edges = [0, *sorted(cuts), 400]
    parts = [check.gather(taken(batch, order[a:b])) for a, b in pairwise(edges)]
    total = parts[0]
    for part in parts[1:]:
        total = part + total  # type: ignore[operator]
    same(total, whole)
    same(CrossedSums.from_json(whole.to_json()), whole)
    assert (
        check.assess(CrossedSums.from_json(whole.to_json())).findings[0].statement
        == check.assess(whole).findings[0].statement
    )
    assert Subgroups(**check.options()) == check


def same(one: CrossedSums | CrossedRows, other: CrossedSums | CrossedRows) -> None:
    a, b = one.sums(), other.sums()
    assert a.labels == b.labels
    assert (a.facts, a.not_counted, a.apart) == (b.facts, b.not_counted, b.apart)
    assert a.copies.reduced() == b.copies.reduced()
    assert a.tables.keys() == b.tables.keys()
    for by in a.tables:
        np.testing.assert_allclose(a.tables[by], b.tables[by], rtol=1e-9, atol=1e-9)


def test_parts_with_a_value_that_the_others_lack_add() -> None:
    batch = people(600, 3)
    check = Subgroups(["a", "age"]).fit(batch)
    a = batch.features["a"].to_numpy()
    parts = [check.gather(taken(batch, np.flatnonzero(a == v))) for v in ("0", "1", "2")]
    same(parts[2] + parts[0] + parts[1], check.gather(batch))


def test_other_edges_do_not_add() -> None:
    one, two = people(500, 1), people(500, 2)
    with pytest.raises(EvidenceError, match=r"other edges.*Fit the check once"):
        Subgroups().gather(one) + Subgroups().gather(two)


def test_rows_of_one_cluster_count_as_one() -> None:
    batch = people(1_000, 4, planted=0.3)
    batch = replace(batch, cluster=np.arange(1_000).astype(str).astype(object))
    check = Subgroups(["a", "b", "c"]).fit(batch)
    tenfold = concatenated([batch] * 10)
    once, often = check.gather(batch).sums(), check.gather(tenfold).sums()
    assert often.copies.average == pytest.approx(10)
    assert searched(check, once).searched == searched(check, often).searched
    a, b = (check.assess(e).findings[0] for e in (once, often))
    assert (a.estimate.value, a.estimate.low) == pytest.approx((b.estimate.value, b.estimate.low))
    assert any("a row has 10 of its cluster on average" in n for n in b.notes)
    few = check.gather(replace(tenfold, cluster=np.repeat(list("abcdefgh"), 1_250).astype(object)))
    (absent,) = check.assess(few).not_measured
    assert "which count as one observation" in absent.why


def test_equal_rows_are_different_people() -> None:
    """Each copy has a half of its own: ten times as many rows are ten times as many, with ids and without."""
    batch = people(1_000, 4, planted=0.3)
    check = Subgroups(["a", "b", "c"]).fit(batch)
    tenfold = concatenated([batch] * 10)
    plain = check.gather(tenfold)
    known = check.gather(
        replace(tenfold, row_id=row_keys(replace(tenfold, features=pd.DataFrame({"i": range(10_000)}))))
    )
    once = check.gather(batch).sums()
    for evidence in (plain.sums(), known.sums()):
        assert evidence.together == 1
        np.testing.assert_array_equal(evidence.of("a", "b").sum(0), 10 * once.of("a", "b").sum(0))
        rows = evidence.of()[:, 0]
        assert rows.sum() == 10_000
        assert abs(rows[0] - 5_000) < 4 * 50
        (finding,) = check.assess(evidence).findings
        assert finding.estimate.low is not None
        assert finding.estimate.high is not None
        assert finding.estimate.high - finding.estimate.low < 0.1
        assert finding.statement.startswith("a = 1 & b = 1")
    assert any("a row has 10 exact copies on average" in n for n in check.assess(plain).findings[0].notes)
    assert not any("exact copies" in n for n in check.assess(known).findings[0].notes)


@pytest.mark.parametrize("metric", ["error_rate", "mean_error"])
def test_halves_are_those_of_rows_that_are_drawn_one_by_one(metric: str) -> None:
    """The slow way: every copy a row, the first of each content in half 1, and pandas over them."""
    batch = people(2_000, 11, columns=3)
    if metric == "mean_error":
        batch = replace(batch, score=np.round(batch.score, 1))  # type: ignore[call-overload]
    check = Subgroups(["a", "b", "age"], metric=metric).fit(batch)
    evidence = check.gather(concatenated([batch] * 3))
    assert isinstance(evidence, CrossedRows)
    sums, n = evidence.sums(), evidence.counts.sum(0)
    second = crossed_rows.halves.of_counts(evidence.keys, n)
    rows = pd.DataFrame(evidence.codes, columns=["a", "b", "age"]).assign(x=evidence.x)
    rows = rows.loc[np.repeat(np.arange(len(n)), n)]
    rows["half"] = np.concatenate([np.arange(k) < s for k, s in zip(n, second, strict=True)]).astype(int)
    for by in (["a"], ["b", "age"], ["a", "b", "age"]):
        table = sums.of(*by)
        for at, part in rows.groupby(["half", *by])["x"]:
            half, cell = at[0], at[1:]
            assert table[(half, 0, *cell)] == len(part)
            assert table[(half, 1, *cell)] == pytest.approx(part.sum())
            assert table[(half, 2, *cell)] == pytest.approx((part**2).sum())


def test_more_contents_than_are_counted_whatever_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums from the start and sums from the last part on are the same; equal rows then stay together, or nothing is
    said."""
    batch = people(3_000, 12, planted=0.3)
    check = Subgroups(["a", "b", "c", "d", "age"]).fit(batch)
    counted = check.gather(batch)
    assert isinstance(counted, CrossedRows)
    most = len(counted.keys)
    assert 200 < most < 2_000
    parts = [check.gather(taken(batch, rows)) for rows in np.array_split(np.arange(3_000), 7)]
    monkeypatch.setattr(crossed_rows, "MOST_CONTENTS", most - 1)
    whole = check.gather(batch)
    assert isinstance(whole, CrossedSums)
    assert not whole.apart
    expected = CrossedSums.gather(
        {c: check.coding.coded(c, batch.features[c]) for c in check.coding.edges},  # type: ignore[union-attr]
        outcome(batch, check.metric), row_keys(batch), depth=3, facts=whole.facts,
    )  # fmt: skip
    same(whole, expected)
    for order in ([0, 1, 2, 3, 4, 5, 6], [6, 2, 4, 0, 5, 3, 1]):
        total = parts[order[0]]
        for i in order[1:]:
            total = total + parts[i]  # type: ignore[operator]
        same(total, whole)
    same((parts[0] + parts[1]) + (parts[2] + (parts[3] + (parts[4] + (parts[5] + parts[6])))), whole)  # type: ignore[operator]
    (finding,) = check.assess(whole).findings
    assert finding.statement.startswith("a = 1 & b = 1")
    (absent,) = check.assess(check.gather(concatenated([batch, batch]))).not_measured
    assert "a row has 2 exact copies on average" in absent.why
    assert "declare row_id=" in absent.why
    monkeypatch.setattr(crossed_rows, "MOST_CONTENTS", most)
    first = np.concatenate(np.array_split(np.arange(3_000), 7)[:2])
    same(parts[0] + parts[1], check.gather(taken(batch, first)))  # type: ignore[operator]
    assert isinstance(check.gather(batch), CrossedRows)


def test_what_cannot_be_searched_is_listed_with_its_reason() -> None:
    batch = people(500, 5)
    features = batch.features.assign(
        id=[f"person {i}" for i in range(500)], same=1, when=pd.date_range("2026-01-01", periods=500),
        lists=[[i] for i in range(500)], gain=[0] * 470 + list(range(1, 31)), some=[None] * 100 + list(range(200)) * 2,
    )  # fmt: skip
    check = Subgroups().fit(replace(batch, features=features, key=row_keys(batch)))
    assert check.coding is not None
    assert check.coding.left_out == {
        "id": "500 different values, more than 50",
        "same": "holds one value only",
        "when": "holds dates or times: make a column of the part that matters (year, weekday)",
        "lists": "holds lists or other values that are no categories",
    }
    assert check.coding.edges["gain"] == (0.0,)
    assert check.coding.coded("some", features["some"]).labels[-1] == "some is missing"
    batch = replace(batch, features=features, key=row_keys(batch))
    (finding,) = check.assess(check.gather(batch)).findings
    assert sum(n.startswith("left out, ") for n in finding.notes) == 4


def test_nothing_to_search_is_said() -> None:
    batch = people(500, 5)
    none = Subgroups(["a"]).fit(replace(batch, features=batch.features.assign(a="x")))
    checks = [
        (none, replace(batch, features=batch.features.assign(a="x")), "holds one value only"),
        (Subgroups(metric="mean_error"), replace(batch, score=None), "no row counts"),
        (Subgroups(), taken(batch, np.arange(10)), "too few rows"),
    ]
    for check, rows, why in checks:
        assessment = check.assess(check.gather(rows))
        assert not assessment.findings
        assert why in assessment.not_measured[0].why
    calm = replace(batch, y_pred=batch.y_true)
    (finding,) = Subgroups().assess(Subgroups().gather(calm)).findings
    assert finding.estimate.value is None
    assert finding.estimate.state == "undefined"
    assert finding.statement.endswith("and none stood out; a gap below 8.9 points could have gone unseen.")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metric": "eror_rate"}, PolicyError, "Did you mean 'error_rate'"),
        ({"metric": "equalized_odds"}, PolicyError, "does not know the metric"),
        ({"depth": 0}, DataError, "depth .* between 1 and 4"),
        ({"bins": 1}, DataError, "bins"),
        ({"support": 0.7}, DataError, "below 0.5"),
        ({"most": 0}, DataError, "most"),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Subgroups(**options)


def test_unknown_column_and_more_cells_than_are_kept() -> None:
    batch = people(300, 6)
    with pytest.raises(DataError, match=r"no column 'agee' to search.*Did you mean 'age'"):
        Subgroups(["agee"]).fit(batch)
    rng = np.random.default_rng(0)
    wide = pd.DataFrame({f"c{i}": rng.integers(0, 50, 300).astype(str) for i in range(12)})
    evidence = Subgroups().gather(replace(batch, features=wide))
    alone = evidence.facts["alone"]
    crossed = [*batch.groups.columns, *(c for c in wide if c not in alone)]
    assert alone == [f"c{i}" for i in range(len(crossed) - len(batch.groups.columns), 12)]

    def cells(names: list[str]) -> int:
        sizes = [batch.groups[n].nunique() + 1 if n in batch.groups else wide[n].nunique() + 1 for n in names]
        return sum(math.prod(c) for c in itertools.combinations(sizes, 3))

    assert cells(crossed) <= 5_000_000 < cells([*crossed, alone[0]])
    (found,) = Subgroups().assess(evidence).findings
    total = len(crossed) + len(alone)
    assert any(n.startswith(f"{len(alone)} of {total} columns were searched one at a time") for n in found.notes)


def test_in_an_audit_with_predictions_only() -> None:
    batch = people(4_000, 7, planted=0.3)
    frame = batch.features.assign(sex=batch.groups["sex"], y=batch.y_true, pred=batch.y_pred)
    data = ak.Dataset(frame, y_true="y", sensitive_features=["sex"])
    checks = [Subgroups()]
    predictions = ak.Predictions(y_pred="pred")
    report = ak.audit(predictions, data, checks=checks)
    finding = report.finding("subgroups/error_rate/difference")
    assert finding.statement.startswith("a = 1 & b = 1")
    assert "pred" not in {row[0] for row in finding.exhibits[1].rows}  # type: ignore[union-attr]
    shuffled = ak.Dataset(frame.sample(frac=1, random_state=1), y_true="y", sensitive_features=["sex"])
    assert ak.audit(predictions, shuffled, checks=checks).findings == report.findings
    stored = report.evidence["subgroups:error_rate"]
    again = Subgroups(**stored.options).assess(CrossedSums.from_json(stored.data))
    assert again.findings == report.findings
