"""What a report asserts holds together: Holm over all its tests, as statsmodels has it; the rest stands out alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit import holm
from auditkit.assertions import asserted, implied_p, p_of, shared
from auditkit.records import ALONE, Estimate, Finding, Report
from auditkit.stats.families import of_rates
from tests.holm import rejected as by_statsmodels


@pytest.mark.parametrize("seed", range(20))
def test_holm_is_that_of_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.random(30) ** rng.integers(1, 6)
    limit = holm.limit(p.tolist(), 0.05)
    assert (p < limit).tolist() == by_statsmodels(p)


RULE = {"id": "r", "metric": "selection_rate", "comparison": "difference", "by": ["who"], "at_most": 0.5}


def table(rng: np.random.Generator, rates: list[float], rows: int = 400) -> ak.Dataset:
    who = np.repeat([f"g{i}" for i in range(len(rates))], rows)
    pred = (rng.random(len(who)) < np.repeat(rates, rows)).astype(int)
    y = (rng.random(len(who)) < 0.5).astype(int)
    frame = pd.DataFrame({"who": who, "y": y, "pred": pred})
    return ak.Dataset(frame, y_true="y", sensitive_features=["who"])


def report_of(data: ak.Dataset) -> Report:
    return ak.audit(ak.Predictions("pred"), data, checks=["group_fairness"])


def test_what_stands_out_alone_says_so_and_what_holds_does_not() -> None:
    """A gap of 9 points of 400 rows each, and one of 40: the first is excluded by its interval, the second by Holm."""
    rng = np.random.default_rng(3)
    alone = [f for s in range(8) for f in report_of(table(np.random.default_rng(s), [0.5, 0.57])).findings if f.alone]
    assert alone
    for f in alone:
        assert f.statement.endswith(ALONE)
        assert f.p is not None
        assert f.p < 0.05
        assert f.claim.endswith(ALONE)
    sure = report_of(table(rng, [0.3, 0.7])).finding("fairness/selection_rate/difference/who")
    assert not sure.alone
    assert ALONE not in sure.statement


def test_asserting_is_pure_and_repeats_nothing() -> None:
    report = report_of(table(np.random.default_rng(1), [0.5, 0.57, 0.5]))
    assert asserted(report) == report
    turned = (f.model_copy(update={"alone": not f.alone}) for f in report.findings)
    assert asserted(report.model_copy(update={"findings": tuple(turned)})) == report
    other = ak.judge(report, {"defaults": {"confidence": 0.8}, "rule": [RULE]})  # a policy's level is not the report's
    assert other.findings == report.findings
    assert Report.from_json(report.to_json()) == report
    fewer = report.model_copy(update={"findings": tuple(f for f in report.findings if f.alone)[:1]})
    assert not any(f.alone for f in asserted(fewer).findings)  # one test shares its error with nobody


def test_p_is_the_level_at_which_the_interval_touches_no_difference() -> None:
    report = report_of(table(np.random.default_rng(4), [0.4, 0.55, 0.5]))
    f = report.finding("fairness/selection_rate/difference/who")
    assert f.p is not None
    k, n = ([getattr(g.estimate, x) for g in f.by_group] for x in ("numerator", "denominator"))
    assert of_rates("difference", k, n, level=1 - f.p + 1e-6).low == 0
    assert of_rates("difference", k, n, level=1 - f.p - 1e-6).low > 0


@pytest.mark.parametrize(("value", "low", "high", "null"), [(0.2, 0.05, 0.3, 0.0), (0.6, 0.4, 0.9, 1.0)])
def test_an_implied_p_is_one_less_the_level_where_the_interval_touches(
    value: float, low: float, high: float, null: float
) -> None:
    from scipy.stats import norm

    half = value - low if value > null else high - value
    z = norm.ppf(0.975) * abs(value - null) / half
    assert implied_p(Estimate(value=value, low=low, high=high), null) == pytest.approx(2 * norm.sf(z))
    touching = Estimate(value=value, low=null if value > null else low, high=high if value > null else null)
    assert implied_p(touching, null) == 1.0


def test_every_comparison_with_an_interval_is_a_test() -> None:
    report = report_of(table(np.random.default_rng(5), [0.5, 0.5]))
    compared = [f for f in report.findings if f.comparison.startswith(("difference", "ratio")) and f.estimate.high]
    assert all(p_of(f) is not None for f in compared)
    assert p_of(next(f for f in report.findings if f.comparison == "overall")) is None


def test_what_is_blind_to_weights_is_never_asserted_and_takes_no_error_from_the_others() -> None:
    report = report_of(table(np.random.default_rng(3), [0.3, 0.7]))
    blind = tuple(f.model_copy(update={"aside": True}) for f in report.findings)
    among = asserted(report.model_copy(update={"findings": (*report.findings, *blind)}))
    half = len(report.findings)
    assert among.findings[:half] == asserted(report).findings
    assert any(p_of(f) is not None and not f.alone for f in report.findings)
    for f in among.findings[half:]:
        p = p_of(f)
        assert f.alone == f.statement.endswith(ALONE) == (p is not None and p < 0.05)
    assert shared(among) == shared(report)


def test_an_explanation_is_a_test_only_where_it_gives_its_p() -> None:
    f = Finding(id="x", concern="explanation", title="t", statement="s", metric="gap_share", comparison="difference",
                estimate=Estimate(value=0.5, low=0.2, high=0.9))  # fmt: skip
    assert p_of(f) is None
    assert p_of(f.model_copy(update={"p": 0.01})) == 0.01


def test_an_attribution_is_told_and_tests_nothing() -> None:
    """A share of what moves scores has no H0: it is no test, whatever its interval, and never asserted nor alone."""
    e = Estimate(value=0.5, low=0.4, high=0.6)
    f = Finding(id="explanation/shapley/overall", concern="explanation", title="t", statement="a carries 50 %.",
                metric="shapley", comparison="overall", estimate=e)  # fmt: skip
    report = report_of(table(np.random.default_rng(1), [0.5, 0.57, 0.5]))
    more = asserted(report.model_copy(update={"findings": (*report.findings, f)}))
    assert more.findings[-1] == f
    assert more.findings[:-1] == report.findings
    assert shared(more) == shared(report)
