"""Variances within strata: a slow twin of the textbook's formula over rows, and sums that add and give nothing away."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from auditkit.disclosure import Disclosure
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence.strata import MOST_STRATA
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.weighted import RateSums
from auditkit.fairness.groups.check import GroupFairness

POSITIVE, ALL = ((0, 1), (1, 1)), ((0, 0), (0, 1), (1, 0), (1, 1))


def rows(seed: int, n: int = 400) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    strata = rng.choice(["a", "b", "c", "d"], n, p=[0.5, 0.3, 0.19, 0.01])
    return {
        "groups": {"sex": rng.choice(["f", "m"], n)},
        "y_true": rng.integers(0, 2, n),
        "y_pred": (rng.random(n) < 0.2 + 0.2 * (strata == "b")).astype(int),
        "sample_weight": rng.exponential(size=n),
        "strata": strata,
        "population": {"a": 5_000, "b": 300, "c": 400},
    }


def some(r: dict[str, Any], at: np.ndarray) -> Tally:
    kept = {k: v[at] for k, v in r.items() if k not in ("groups", "population")}
    return Tally.of({"sex": r["groups"]["sex"][at]}, population=r["population"], **kept)


def textbook(r: dict[str, Any], inside: np.ndarray, weight: np.ndarray) -> float:
    """Of the share of positive decisions among the rows inside, row by row and stratum by stratum."""
    p = np.average(r["y_pred"][inside], weights=weight[inside])
    z = np.where(inside, weight * (r["y_pred"] - p), 0.0) / weight[inside].sum()
    total = 0.0
    for name in np.unique(r["strata"]):
        own = z[r["strata"] == name]
        n, part = len(own), 1 - len(own) / (r["population"] or {}).get(name, np.inf)
        total += part * (n / (n - 1) * ((own - own.mean()) ** 2).sum() if n > 1 else own[0] ** 2)
    return total


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_variance_is_the_textbooks(seed: int, known: bool, weighted: bool) -> None:
    r = rows(seed)
    if not known:
        r["population"] = None
    if not weighted:
        r["sample_weight"] = None
    weight = r["sample_weight"] if weighted else np.ones(400)
    tally = Tally.of(**r)
    for stored in (tally, Tally.from_json(json.loads(json.dumps(tally.reduced(Disclosure()).to_json())))):
        sums = RateSums.of(stored.sums("sex"), POSITIVE, ALL)
        for k, sex in enumerate(("f", "m")):
            expected = textbook(r, r["groups"]["sex"] == sex, weight)
            assert sums.variance[k] == pytest.approx(expected, rel=1e-4 if stored is not tally else 1e-9)


def test_one_stratum_is_none() -> None:
    r = rows(1)
    plain = Tally.of(**{**r, "strata": None, "population": None})
    one = Tally.of(**{**r, "strata": np.full(400, "x"), "population": None})
    a, b = (GroupFairness(metrics=["selection_rate"]).assess(t).findings for t in (plain, one))
    for x, y in zip(a, b, strict=True):
        both = ([f.estimate, *(g.estimate for g in f.by_group)] for f in (x, y))
        for e, f in zip(*both, strict=True):
            assert e.value == pytest.approx(f.value, abs=1e-12)
            assert e.low == pytest.approx(f.low, abs=2e-3)
            assert e.high == pytest.approx(f.high, abs=2e-3)


def test_parts_add_up_in_any_order() -> None:
    r, at = rows(2), np.arange(400)
    whole = Tally.of(**r)
    for parts in ((at < 100, at >= 100), (at % 3 == 0, at % 3 > 0)):
        a, b = (some(r, part) for part in parts)
        for total in (a + b, b + a):
            pd.testing.assert_frame_equal(total.cells, whole.cells, rtol=1e-12)
            assert total.strata is not None
            assert whole.strata is not None
            np.testing.assert_allclose(total.strata.within().w2, whole.strata.within().w2, rtol=1e-12)
            np.testing.assert_allclose(total.strata.within().between, whole.strata.within().between, rtol=1e-12)
    again = Tally.from_json(json.loads(json.dumps(whole.to_json(), allow_nan=False)))
    assert again.to_json() == whole.to_json()


def test_a_report_names_no_stratum_and_reduced_sums_do_not_add() -> None:
    reduced = Tally.of(**rows(3)).reduced(Disclosure())
    assert set(reduced.to_json()["strata"]) == {"w2", "between"}
    with pytest.raises(EvidenceError, match="cannot add reduced tallies with strata"):
        _ = reduced + reduced
    with pytest.raises(EvidenceError, match="strata and one without"):
        _ = reduced + Tally.of(**{**rows(3), "strata": None, "population": None})


def test_what_no_strata_are_is_refused() -> None:
    r = rows(4)
    with pytest.raises(DataError, match=r"the stratum 'b' has \d+ rows, its population is 50"):
        Tally.of(**{**r, "population": {"b": 50}})
    many = Tally.of(**{**rows(4, 1_000), "strata": np.arange(1_000), "population": None})
    with pytest.raises(DataError, match=f"at most {MOST_STRATA:,}"):
        _ = many + Tally.of(**{**rows(4, 1_000), "strata": np.arange(1_000, 2_000), "population": None})
    with pytest.raises(DataError, match="more than one population"):
        _ = Tally.of(**r) + Tally.of(**{**r, "population": {"a": 6_000}})
    with pytest.raises(DataError, match="no variance of both is known"):
        Tally.of(**r, cluster=np.arange(400))


def test_an_outcome_constant_in_every_stratum_is_not_certain() -> None:
    strata = np.repeat(["a", "b"], 30)
    y = (strata == "a").astype(int)
    tally = Tally.of({"sex": ["f", "m"] * 30}, y_true=y, y_pred=y, strata=strata)
    for g in GroupFairness(metrics=["selection_rate"]).assess(tally).findings[1].by_group:
        assert g.estimate.high is not None
        assert g.estimate.low is not None
        assert g.estimate.high - g.estimate.low > 0.05
