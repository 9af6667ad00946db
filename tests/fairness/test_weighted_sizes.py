"""What weights and clusters of unequal size are worth: extremes, laws and slow twins."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from auditkit.disclosure import Disclosure
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence.clusters import LOWEST
from auditkit.evidence.sizes import Clusters
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.weighted import RateSums
from auditkit.fairness.groups.check import GroupFairness, answering
from auditkit.question import Question
from auditkit.records import Comparison, Finding

POSITIVE, ALL = ((0, 1), (1, 1)), ((0, 0), (0, 1), (1, 0), (1, 1))
FAR = (1e300, 1e-200, 5e-324, 2.0**-1074 * 3, 1e150, 0.1)


def one(tally: Tally, metric: str = "selection_rate", kind: Comparison = "difference", **asked: Any) -> Finding:
    found = answering(tally, Question(metric, kind, ("sex",), level=0.95, **asked))
    assert found is not None
    return found.finding(kind)


def rows(seed: int, n: int = 300) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    y_pred = (rng.random(n) < 0.3 + 0.3 * y).astype(int)
    return {"groups": {"sex": rng.choice(["f", "m", "x"], n, p=[0.5, 0.4, 0.1])}, "y_true": y, "y_pred": y_pred}


def limits(tally: Tally) -> np.ndarray:
    found = GroupFairness(metrics=["selection_rate", "true_positive_rate", "f1", "balanced_accuracy"]).assess(tally)
    estimates = [e for f in found.findings for e in (f.estimate, *(g.estimate for g in f.by_group))]
    numbers = [(e.value, e.low, e.high, e.mde) for e in estimates]
    return np.array([np.nan if x is None else x for row in numbers for x in row])


def reread(tally: Tally) -> Tally:
    return Tally.from_json(json.loads(json.dumps(tally.reduced(Disclosure()).to_json(), allow_nan=False)))


@pytest.mark.parametrize("weight", FAR)
@pytest.mark.parametrize("clustered", [False, True])
def test_equal_weights_are_none_whatever_they_are(weight: float, clustered: bool) -> None:
    r = {**rows(0), **({"cluster": np.arange(300) // 4} if clustered else {})}
    plain, equal = Tally.of(**r), Tally.of(**r, sample_weight=np.full(300, weight))
    for tally in (equal, reread(equal)):
        np.testing.assert_allclose(limits(tally), limits(plain if tally is equal else reread(plain)), atol=1e-5)


@pytest.mark.parametrize("far", [1e300, 1e-200])
def test_units_of_weights_change_nothing(far: float) -> None:
    w = np.random.default_rng(1).exponential(size=300)
    near = Tally.of(**rows(1), sample_weight=w)
    np.testing.assert_allclose(limits(Tally.of(**rows(1), sample_weight=w * far)), limits(near), rtol=1e-9)


def test_groups_of_unlike_weights_have_each_its_own_rate() -> None:
    r = rows(2)
    weight = np.select([r["groups"]["sex"] == "f", r["groups"]["sex"] == "m"], [1e300, 1e-200], 1.0)
    own = {g.group["sex"]: g.estimate for g in one(Tally.of(**r)).by_group}
    tally = Tally.of(**r, sample_weight=weight)
    for t in (tally, reread(tally)):
        for g in one(t).by_group:
            assert g.estimate.low == pytest.approx(own[g.group["sex"]].low, rel=1e-9)
            assert g.estimate.value == pytest.approx(own[g.group["sex"]].value, rel=1e-9)
    assert one(tally).estimate.value == pytest.approx(one(Tally.of(**r)).estimate.value, rel=1e-9)
    assert one(tally, kind="difference_to_overall").estimate.value is not None
    assert one(tally, kind="difference_to_rest").estimate.low is not None


def test_parts_of_unlike_weights_add_up_in_any_order() -> None:
    r, weight = rows(3), 10.0 ** np.random.default_rng(3).integers(-250, 250, 300)
    who = np.arange(300) // 5

    def part(at: Any) -> Tally:
        groups = {"sex": r["groups"]["sex"][at]}
        return Tally.of(
            groups, y_true=r["y_true"][at], y_pred=r["y_pred"][at], sample_weight=weight[at], cluster=who[at]
        )

    whole, order = part(slice(None)), slice(None, None, -1)
    for total in (part(slice(90)) + part(slice(90, None)), part(slice(90, None)) + part(slice(90)), part(order)):
        assert total.cells[["n", "w_scale"]].equals(whole.cells[["n", "w_scale"]])
        np.testing.assert_allclose(total.cells[["w", "w2"]], whole.cells[["w", "w2"]], rtol=1e-12)
        np.testing.assert_allclose(limits(total), limits(whole), rtol=1e-9)


def test_one_heavy_row_is_one_row() -> None:
    """Ten rows, one of which weighs a million times as much: told as .011 % [.002, .068] before."""
    y = [1, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    groups = {"sex": ["f"] * 10 + ["m"] * 100}
    weight = [1.0] * 9 + [1e5] + [1.0] * 100
    f = one(Tally.of(groups, y_true=y + [0, 1] * 50, y_pred=y + [0, 1] * 50, sample_weight=weight))
    e = f.by_group[0].estimate
    assert (e.state, e.note) == ("sparse", "only 1 effective rows to count: too few to tell")
    assert e.high is not None
    assert e.high > 0.7
    assert f.estimate.value is None
    assert "left out, fewer than 10 to count (effective): f" in f.notes


def test_min_n_counts_effective_rows() -> None:
    r = rows(4)
    there = r["groups"]["sex"] == "x"
    heavy = Tally.of(**r, sample_weight=np.where(there & (np.arange(300) % 2 == 0), 9.0, 1.0))
    alike = Tally.of(**r, sample_weight=np.full(300, 0.1))
    for min_n, states in ((10, ("ok", "ok")), (int(there.sum()), ("sparse", "ok"))):
        found = [one(t, min_n=min_n).by_group[2].estimate for t in (heavy, alike)]
        assert tuple(e.state for e in found) == states
        assert "effective rows to count" in found[0].note or min_n == 10
    everybody = answering(heavy, Question("selection_rate", "overall", (), level=0.95, min_n=10_000))
    assert everybody is not None
    assert everybody.finding("overall").estimate.state == "ok"


def test_more_rows_than_can_be_counted_are_refused() -> None:
    groups = {"sex": ["f", "m"]}
    with pytest.raises(DataError, match=r"no more than 2\^53"):
        Tally.of(groups, y_true=[1, 0], y_pred=[1, 0], sample_weight=[2.0**53, 2.0], weights_kind="frequency")
    half = Tally.of(groups, y_true=[1, 0], y_pred=[1, 0], sample_weight=[2.0**52, 5.0], weights_kind="frequency")
    with pytest.raises(DataError, match=r"no more than 2\^53"):
        _ = half + half


def tally_of(sizes: list[int], y: np.ndarray, sex: np.ndarray | None = None, **how: Any) -> Tally:
    who = np.repeat(np.arange(len(sizes)), sizes)
    return Tally.of({"sex": np.full(len(who), "f") if sex is None else sex}, y_true=y, y_pred=y, cluster=who, **how)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sizes", [[20] * 10, [300, *[20] * 11], [1, 2, 3, 4, 400], [7]])
def test_worth_is_kishs_and_that_of_quadratic_forms(sizes: list[int], weighted: bool) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, sum(sizes))
    w = rng.exponential(size=sum(sizes)) if weighted else np.ones(sum(sizes))
    tally = tally_of(sizes, y, sample_weight=w if weighted else None)
    each = np.bincount(np.repeat(np.arange(len(sizes)), sizes), w)
    h = each / each.sum()
    out = np.eye(len(h)) - h  # a cluster's mean less that of all
    form = out.T @ np.diag(h**2) @ out
    for t in (tally, reread(tally)):
        found = RateSums.of(t.sums("sex"), POSITIVE, ALL).clusters
        assert found.n[0] == pytest.approx(1 / (h**2).sum(), rel=6e-3)
        if len(h) > 1:
            trace, second = np.trace(form), np.trace(form @ form)
            assert found.inflation[0] == pytest.approx((h**2).sum() / trace, rel=6e-3)
            assert found.df[0] == pytest.approx(np.sqrt((1 / (h**2).sum() - 1) * trace**2 / second), rel=6e-3)


def test_ten_equal_clusters_are_enough_and_a_giant_is_not() -> None:
    rng = np.random.default_rng(5)
    sex = np.repeat(["f", "m"], [200, 520])
    y = rng.integers(0, 2, 720)
    tally = tally_of([20] * 10 + [300] + [20] * 11, y, sex)
    states = [(g.estimate.state, g.estimate.note) for g in one(tally).by_group]
    assert states == [
        ("ok", ""),
        ("sparse", "only 2.9 effective clusters of 12 that differ in size: too few to tell"),
    ]
    assert one(tally).by_group[0].estimate.method.endswith("t with 9 df")


def test_below_two_effective_clusters_there_is_no_interval() -> None:
    y = np.random.default_rng(6).integers(0, 2, 604)
    sex = np.repeat(["f", "m"], [404, 200])
    tally = tally_of([400, 1, 1, 1, 1, *[20] * 10], y, sex)
    for t in (tally, reread(tally)):
        e = one(t).by_group[0].estimate
        assert (e.state, e.low, e.high) == ("sparse", None, None)
        assert e.value is not None
        assert "no interval is known" in e.note


@pytest.mark.parametrize("clusters", [LOWEST - 1, 3 * LOWEST])
def test_many_clusters_are_worth_what_they_are(clusters: int) -> None:
    rng = np.random.default_rng(7)
    sizes = (1 + rng.pareto(1.5, clusters)).astype(int).clip(1, 200)
    y = np.tile([0, 1], sizes.sum())[: sizes.sum()]
    found = RateSums.of(tally_of(sizes.tolist(), y).sums("sex"), POSITIVE, ALL).clusters
    expected = sizes.sum() ** 2 / (sizes**2).sum()
    assert found.n[0] == pytest.approx(expected, rel=0.006 if clusters < LOWEST else 0.25)


def test_a_report_from_before_sizes_were_kept_is_read() -> None:
    rng = np.random.default_rng(8)
    sizes, sex = [15] * 40, np.repeat(["f", "m"], 300)
    tally = tally_of(sizes, rng.integers(0, 2, 600), sex)
    for stored in (tally.reduced(Disclosure()).to_json(), tally.to_json()):
        stored["clusters"].pop("sizes", None)
        for counts in stored["clusters"].get("counts", []):
            del counts["worth"]
        old = Tally.from_json(json.loads(json.dumps(stored)))
        for a, b in zip(one(old).by_group, one(tally).by_group, strict=True):
            assert a.estimate.low == pytest.approx(b.estimate.low, abs=0.01)
            assert a.estimate.state == b.estimate.state == "ok"


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_of_two_people_have_the_variance_over_rows_that_share_one(weighted: bool) -> None:
    rng = np.random.default_rng(9)
    n = 900
    a = rng.integers(0, 60, n)
    b = np.where(rng.random(n) < 0.3, a, rng.integers(0, 60, n))
    y, w = (rng.random(n) < 0.3).astype(int), rng.exponential(size=n) if weighted else np.ones(n)
    given: dict[str, Any] = {"sample_weight": w} if weighted else {}
    share = (a[:, None] == a) | (a[:, None] == b) | (b[:, None] == a) | (b[:, None] == b)
    e = w * (y - np.average(y, weights=w)) / w.sum()
    two = a != b
    of_pairs = np.bincount(np.minimum(a, b)[two] * 60 + np.maximum(a, b)[two], e[two])
    of_people = np.bincount(a, e, 60) + np.bincount(b[two], e[two], 60)
    assert (of_people**2).sum() - (of_pairs**2).sum() == pytest.approx(e @ share @ e, rel=1e-9)
    noise = 3 * np.sqrt(2 / 500) * np.hypot((of_people**2).sum(), (of_pairs**2).sum())

    def part(at: Any) -> Tally:
        kept = {k: v[at] for k, v in given.items()}
        sex = {"sex": np.full(len(y[at]), "f")}
        return Tally.of(sex, y_true=y[at], y_pred=y[at], cluster=(a[at], b[at]), **kept)

    whole = part(slice(None))
    for tally in (whole, part(slice(400)) + part(slice(400, None)), reread(whole)):
        sums = RateSums.of(tally.sums("sex"), POSITIVE, ALL)
        assert sums.variance[0] == pytest.approx(max(e @ share @ e, (of_people**2).sum() / 2), abs=noise)
        people = np.bincount(np.concatenate([a, b[a != b]]), np.concatenate([w, w[a != b]]))
        assert sums.clusters.n[0] == pytest.approx(people.sum() ** 2 / (people**2).sum(), rel=6e-3)
    turned = Tally.of({"sex": ["f"] * n}, y_true=y, y_pred=y, cluster=(b, a), **given)
    assert turned.sums("sex").drawn == pytest.approx(whole.sums("sex").drawn)
    with pytest.raises(EvidenceError, match="rows of two people"):
        _ = whole + Tally.of({"sex": ["f"] * n}, y_true=y, y_pred=y, cluster=a, **given)


def test_rows_of_one_person_twice_are_rows_of_one_cluster() -> None:
    r = rows(10)
    who = np.arange(300) // 5
    alone, twice = Tally.of(**r, cluster=who), Tally.of(**r, cluster=(who, who))
    np.testing.assert_allclose(limits(twice), limits(alone), rtol=1e-9)


def test_equal_clusters_estimated_are_as_many_as_are_counted() -> None:
    found = Clusters.estimated(np.array([100.0, 100.0]), np.array([1_100.0, 5_000.0]), np.array([10, 10]))
    assert found.n.tolist() == [10.0, 2.0]
