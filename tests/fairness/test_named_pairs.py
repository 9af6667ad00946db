"""A sentence names the groups whose interval it prints, and they carry the limit: over random tables, each family."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, norm, studentized_range

import auditkit as ak
from auditkit.catalogue.index import METRICS
from auditkit.evidence.classes import ClassTally
from auditkit.evidence.errors import ErrorSums
from auditkit.evidence.tally import Tally
from auditkit.formatting import confidence
from auditkit.records import Finding, Report

NUMBER = r"−?[\d.,]+"
INTERVAL = re.compile(rf"\({re.escape(confidence(0.95))} interval (.+?)(?: points)?\)")


def people(rng: np.random.Generator, groups: int, classes: int = 2) -> dict[str, np.ndarray]:
    """Rows of groups of very unequal sizes, whose rates differ a little."""
    sizes = rng.integers(12, 40, groups)
    sizes[rng.random(groups) < 0.6] *= 40
    who = np.repeat([f"group{i}" for i in range(groups)], sizes)
    of = np.repeat(np.clip(rng.normal(0.4, 0.2, groups), 0.02, 0.98), sizes)
    y = (rng.random(len(who)) < 0.4).astype(int)
    decided = np.where(rng.random(len(who)) < 0.5, y, rng.random(len(who)) < of).astype(int)
    if classes > 2:
        y, decided = y + (rng.random(len(who)) < 0.3), decided + (rng.random(len(who)) < 0.3)
    return {"who": who, "y": y, "pred": decided}


def holds(f: Finding) -> bool:
    """The laws of one finding; False where it names nobody."""
    if f.surest is None:
        return False
    own, e = f.surest.estimate, f.estimate
    assert own.low is not None
    assert e.low is not None
    ratio = f.comparison.startswith("ratio") or f.comparison == "group_min"
    side = "high" if ratio else "low"
    assert getattr(own, side) == pytest.approx(getattr(e, side), abs=1e-12), f.id
    names = [" & ".join(g.values()) for g in f.surest.groups]
    if f.comparison.startswith(("difference", "ratio")):
        named = re.findall(r"group\d+", f.statement)
        told = names if METRICS[f.metric].kind != "error" else names[::-1]  # of errors the larger comes first
        assert named[: len(names)] == told, f.statement
        assert len(set(named)) == len(names) or f.comparison.endswith("reference"), f.statement
    known = {tuple(g.group.values()): g.estimate.value for g in f.by_group}
    if f.comparison == "difference" and known:
        low, high = (known[tuple(g.values())] for g in f.surest.groups)
        assert high - low == pytest.approx(own.value, abs=1e-9)
    for name in names:
        assert name in f.statement
    return True


def printed(f: Finding) -> tuple[float, float]:
    """The first interval of the statement, as numbers."""
    found = re.search(rf"interval ({NUMBER}) to ({NUMBER})", f.statement)
    assert found, f.statement
    low, high = (float(x.replace("−", "-").replace(",", "")) for x in found.groups())
    return low, high


def test_rates_composites_and_classes() -> None:
    named = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        d = people(rng, int(rng.integers(2, 7)))
        tally = Tally.of({"who": d["who"]}, y_true=d["y"], y_pred=d["pred"])
        metrics = ["selection_rate", "accuracy", "balanced_accuracy", "f1"]
        named += sum(map(holds, ak.GroupFairness(metrics=metrics).assess(tally).findings))
        d = people(rng, int(rng.integers(2, 6)), classes=3)
        classes = ClassTally.of({"who": d["who"]}, "abc", y_true=d["y"], y_pred=d["pred"])
        named += sum(map(holds, ak.ClassFairness().assess(classes).findings))
    assert named > 100


@pytest.mark.parametrize("seed", range(12))
def test_the_printed_interval_of_a_gap_is_that_of_its_two_groups(seed: int) -> None:
    """By scipy alone: Jeffreys's limits at the studentized range, MOVER; the pair named has the largest lower limit."""
    rng = np.random.default_rng(100 + seed)
    d = people(rng, int(rng.integers(3, 8)))
    tally = Tally.of({"who": d["who"]}, y_true=d["y"], y_pred=d["pred"])
    f = ak.GroupFairness(metrics=["selection_rate"]).assess(tally).findings
    gap = next(x for x in f if x.comparison == "difference")
    names = sorted(set(d["who"]))
    k = np.array([d["pred"][d["who"] == g].sum() for g in names])
    n = np.array([(d["who"] == g).sum() for g in names])
    tail = norm.cdf(-studentized_range.ppf(0.95, len(names), np.inf) / 2**0.5)
    low = np.where(k == 0, 0, beta.ppf(tail, k + 0.5, n - k + 0.5))
    high = np.where(k == n, 1, beta.ppf(1 - tail, k + 0.5, n - k + 0.5))
    p = k / n
    ends = {}
    for i in range(len(names)):
        for j in range(len(names)):
            if p[i] < p[j]:
                below, above = np.hypot(p[j] - low[j], high[i] - p[i]), np.hypot(high[j] - p[j], p[i] - low[i])
                ends[names[i], names[j]] = 100 * (p[j] - p[i] - below), 100 * (p[j] - p[i] + above)
    surest = max(ends, key=lambda pair: ends[pair][0])
    if ends[surest][0] <= 0:
        assert gap.surest is None
        assert "no gap" in gap.statement
        return
    assert tuple(re.findall(r"group\d+", gap.statement)) == surest
    assert printed(gap) == pytest.approx(tuple(np.round(ends[surest], 1)), abs=0.051)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("seed", range(6))
def test_scores_conditional_rates_references_and_laws(seed: int) -> None:
    rng = np.random.default_rng(200 + seed)
    d = people(rng, int(rng.integers(3, 6)))
    frame = pd.DataFrame(d)
    frame["score"] = np.clip(0.5 * frame["y"] + rng.normal(0.25, 0.2, len(frame)), 0, 1)
    frame["site"] = rng.choice(["a", "b"], len(frame))
    data = ak.Dataset(frame, y_true="y", sensitive_features=["who"], control_features=["site"])
    checks = [
        ak.GroupFairness(metrics=["selection_rate"], reference={"who": "group0"}),
        ak.Scores(),
        ak.ConditionalParity(control=["site"]),
        ak.ImpactRatios(),
    ]
    report = ak.audit(ak.Predictions("pred", score="score"), data, checks=checks)
    assert sum(map(holds, report.findings)) >= 4
    assert Report.from_json(report.to_json()) == report


@pytest.mark.one_in(3)
@pytest.mark.parametrize("seed", range(6))
def test_errors_of_numbers(seed: int) -> None:
    rng = np.random.default_rng(300 + seed)
    d = people(rng, 5)
    wrong = rng.normal(0, 1, len(d["who"])) + 0.4 * (d["who"] == "group1")
    sums = ErrorSums.of({"who": d["who"]}, y_true=np.zeros(len(wrong)), y_pred=wrong)
    assert sum(map(holds, ak.RegressionFairness().assess(sums).findings)) >= 4


def test_a_verdict_says_whose_interval_decided() -> None:
    """One tiny group lies farthest out, and its own interval holds no gap: it is not named."""
    who = np.repeat(["large", "other", "tiny"], [4_000, 4_000, 12])
    pred = np.concatenate([np.arange(4_000) % 2, np.arange(4_000) % 10 < 3, np.arange(12) < 9]).astype(int)
    tally = Tally.of({"who": who}, y_true=pred, y_pred=pred)
    gap = next(
        f for f in ak.GroupFairness(metrics=["selection_rate"]).assess(tally).findings if f.comparison == "difference"
    )
    assert gap.estimate.value == pytest.approx(0.45)
    assert gap.surest is not None
    assert gap.surest.groups == ({"who": "other"}, {"who": "large"})
    assert "tiny" not in gap.statement
