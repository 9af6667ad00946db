"""Whether a gap is the same at every site: a slow twin from the definition, and what is found by chance."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

import auditkit as ak
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.estimates import families_of
from auditkit.fairness.groups.heterogeneity import GapHeterogeneity, Heterogeneity
from auditkit.records import Estimate

CELLS = {("f", "n"): (30, 100), ("m", "n"): (55, 110), ("f", "s"): (41, 90), ("m", "s"): (40, 80)}


def tally(cells: dict[tuple[str, str], tuple[int, int]]) -> Tally:
    """Selections k of n of each group and site."""
    rows = [(g, s, int(i < k)) for (g, s), (k, n) in cells.items() for i in range(n)]
    sex, site, decided = zip(*rows, strict=True)
    return Tally.of({"sex": sex, "site": site}, y_true=[-1] * len(rows), y_pred=decided)


def measured(cells: dict[tuple[str, str], tuple[int, int]]) -> Estimate:
    family = families_of(tally(cells), ("sex", "site"), ["selection_rate"], level=0.95)["selection_rate"]
    return Heterogeneity(family).finding().estimate


def mover(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    """(value, low, high) of a − b."""
    d = a[0] - b[0]
    return d, d - np.hypot(a[0] - a[1], b[2] - b[0]), d + np.hypot(a[2] - a[0], b[0] - b[1])


def test_of_two_groups_at_two_sites_it_is_mover_of_two_newcombe_intervals() -> None:
    rate = {g: (k / n, *proportion_confint(k, n, method="wilson")) for g, (k, n) in CELLS.items()}
    gaps = [mover(rate["f", s], rate["m", s]) for s in ("n", "s")]
    d, low, high = mover(*gaps)
    e = measured(CELLS)
    np.testing.assert_allclose([e.value, e.low, e.high], [abs(d), max(0.0, low, -high), max(-low, high)], atol=1e-9)


def test_of_many_the_largest_is_told_with_the_sites_that_carry_its_limit() -> None:
    rng = np.random.default_rng(1)
    cells = {(g, s): (int(rng.integers(20, 60)), 100) for g in "abc" for s in "nsew"}
    cells["a", "n"], cells["b", "n"] = (5, 100), (90, 100)
    (found,) = GapHeterogeneity(over="site", metrics="selection_rate").assess(tally(cells)).findings
    rate = {g: k / n for g, (k, n) in cells.items()}
    gaps = {(g, h, s): rate[g, s] - rate[h, s] for g, h in combinations("abc", 2) for s in "nsew"}
    largest = max(abs(gaps[g, h, s] - gaps[g, h, t]) for g, h, s in gaps for t in "nsew")
    assert found.estimate.value == pytest.approx(largest, abs=1e-12)
    assert found.p is not None
    assert found.p < 0.001
    assert "less b being" in found.statement
    assert "in n" in found.statement


def test_sites_that_differ_alike_in_all_groups_are_no_heterogeneity() -> None:
    cells = {("f", "n"): (20, 400), ("m", "n"): (60, 400), ("f", "s"): (220, 400), ("m", "s"): (260, 400)}
    (found,) = GapHeterogeneity(over="site", metrics="selection_rate").assess(tally(cells)).findings
    assert found.estimate.value == pytest.approx(0.0, abs=1e-12)
    assert "could have gone unseen" in found.statement


@pytest.mark.parametrize(
    ("declared", "why"), [(["sex"], "no sensitive feature 'site'"), (["site"], "there is no gap to compare")]
)
def test_what_cannot_be_asked_says_why(declared: list[str], why: str) -> None:
    rows = pd.DataFrame({"sex": ["f", "m"] * 20, "site": ["n", "s"] * 20, "y": [1] * 40, "p": [1, 0] * 20})
    data = ak.Dataset(rows, y_true="y", positive=1, sensitive_features=declared)
    report = ak.audit(ak.Predictions("p"), data, checks=[ak.GapHeterogeneity(over="site")])
    assert not report.findings
    assert why in report.not_measured[0].why


def test_groups_that_no_two_sites_share_are_not_compared() -> None:
    e = measured({("f", "n"): (3, 40), ("m", "s"): (9, 40)})
    assert e.value is None
    assert "no two groups" in e.note


def simulated(rates: dict[tuple[str, str], float], n: int, draws: int) -> tuple[float, float]:
    """How often something is found, and how often the interval holds the truth."""
    rng = np.random.default_rng(7)
    groups, sites = (sorted({k[i] for k in rates}) for i in (0, 1))
    gaps = {(g, h, s): rates[g, s] - rates[h, s] for g, h in combinations(groups, 2) for s in sites}
    truth = max(abs(gaps[g, h, s] - gaps[g, h, t]) for g, h, s in gaps for t in sites)
    found = [measured({k: (int(rng.binomial(n, p)), n) for k, p in rates.items()}) for _ in range(draws)]
    holds = [e.low is not None and e.high is not None and e.low <= truth + 1e-12 <= e.high + 2e-12 for e in found]
    return float(np.mean([bool(e.low) for e in found])), float(np.mean(holds))


ALIKE = {(g, s): 0.3 + 0.2 * (g == "m") + 0.1 * (s == "s") for g in "fm" for s in ("n", "s", "e")}
OTHER = {**ALIKE, ("m", "n"): 0.75}


@pytest.mark.slow
@pytest.mark.parametrize("rates", [ALIKE, OTHER], ids=["alike", "other"])
@pytest.mark.parametrize("n", [40, 300])
def test_by_chance_it_finds_one_in_twenty_and_holds_the_truth(rates: dict[tuple[str, str], float], n: int) -> None:
    found, holds = simulated(rates, n, 400)
    assert holds >= 0.92
    assert rates is OTHER or found <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_by_chance_it_finds_little() -> None:
    found, holds = simulated(ALIKE, 100, 60)
    assert found <= 0.12
    assert holds >= 0.9
