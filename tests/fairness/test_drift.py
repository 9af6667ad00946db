"""What merging score bins costs: every value and limit of the reduced evidence lies within the bound that it states."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import auditkit as ak
from auditkit.catalogue.index import METRICS
from auditkit.disclosure import Disclosure
from auditkit.errors import EvidenceError
from auditkit.evidence.drift import LEAST, MOST, Drift
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.fairness.scores.check import Scores, read
from auditkit.fairness.scores.drift import measured
from auditkit.fairness.scores.values import CROSSED, READ, plainly

ZS = (1.644854, 1.959964, 2.575829, 4.0)


def exact(seed: int, n: int = 1500) -> ScoreHistogram:
    rng = np.random.default_rng(seed)
    g, h = rng.choice(["a", "b", "c", "d"], n, p=[0.7, 0.25, 0.04, 0.01]), rng.choice(["x", "y"], n)
    s = expit(rng.normal(0, 1.5, n) + (g == "b"))
    frame = pd.DataFrame({"g": g, "h": h})
    y = (rng.random(n) < s).astype(int)
    counted = ScoreHistogram.of(frame, y_true=y, y_pred=(s > 0.5).astype(int), score=s)
    return replace(counted, measure=measured)


def demo() -> ScoreHistogram:
    data = ak.demo.data()
    rows = data.frame if isinstance(data.frame, pd.DataFrame) else data.frame.to_pandas()
    score = ak.demo.model().predict(rows.drop(columns="income"))
    y = (rows["income"] == ">50K").to_numpy(int)
    groups = rows[["gender", "race"]]
    counted = ScoreHistogram.of(groups, y_true=y, y_pred=(score >= 0.5).astype(int), score=score)
    return replace(counted, measure=measured)


@pytest.mark.parametrize("of", ["demo", 0, 1, 2])
def test_reduced_beside_unreduced(of: str | int) -> None:
    """Printed: metric, readings, those without a value, the largest difference in units of the bound that is told."""
    before = demo() if of == "demo" else exact(int(of))
    after = before.reduced(Disclosure())
    table: dict[str, list[float]] = {m: [0, 0, 0.0] for m in (*READ, *CROSSED)}
    for by in [(), *((b,) for b in before.by), before.by]:
        truth = plainly(before, by, (*READ, *CROSSED))
        for metric in (*READ, *(CROSSED if by else ())):
            found = read(after, by, metric, level=0.95)
            for key, r in zip(found.groups, found.readings, strict=True):
                one = truth[key][metric]
                table[metric][0] += 1
                if math.isnan(r.value):
                    table[metric][1] += 1
                    assert r.state in ("sparse", "undefined"), (by, key, metric)
                    continue
                if r.state == "undefined":
                    continue
                assert r.bound > 0
                assert "within" in r.note, (by, key, metric, r.note)
                assert abs(r.value - one.value) <= r.bound + 1e-12, (by, key, metric)
                for z in ZS:  # the wider interval holds that over the rows, and is at most twice the bound wider
                    (a, b), (low, high) = one.limits(z), r.limits(z)
                    assert low <= a + 1e-12, (by, key, metric, z)
                    assert high >= b - 1e-12, (by, key, metric, z)
                    assert max(a - low, high - b) <= 2 * r.bound + 1e-12, (by, key, metric, z)
                table[metric][2] = max(table[metric][2], abs(r.value - one.value) / r.bound)
    for metric, (n, hidden, worst) in table.items():
        print(f"{of} {metric:32} {n:4.0f} {hidden:4.0f} {worst:6.3f}")
    assert sum(hidden for _, hidden, _ in table.values()) < 0.5 * sum(n for n, *_ in table.values())


def test_a_gap_says_what_its_groups_leave_open() -> None:
    before = demo()
    after = before.reduced(Disclosure())
    for metric in (*READ, *CROSSED):
        truth = {k: of[metric] for k, of in plainly(before, ("race",), (metric,)).items()}
        found = read(after, ("race",), metric, level=0.95)
        gap = found.finding("difference") if metric not in CROSSED else found.finding("group_min")
        (note,) = [n for n in gap.notes if "from score bins: within" in n]
        what = "the gap between groups of race" if metric not in CROSSED else "the smallest of groups of race, that of "
        assert note.startswith(f"{METRICS[metric].title}: {what}")
        kept = [truth[found.groups[i]].value for i in found.positions]
        over_rows = max(kept) - min(kept) if metric not in CROSSED else min(kept)
        assert gap.estimate.value is not None
        bounds = sorted(found.readings[i].bound for i in found.positions)
        allowed = sum(bounds[-2:]) if metric not in CROSSED else bounds[-1]
        assert f"{allowed:.1g}" in note
        if metric in ("calibration_in_the_large", "calibration_intercept", "calibration_slope", "roc_auc"):
            assert abs(gap.estimate.value - over_rows) <= allowed + 1e-12, metric


def test_a_few_people_have_no_value_of_their_own() -> None:
    h = exact(3)
    after = h.reduced(Disclosure())
    assert after.drift is not None
    for by in [("g",), ("h",), ("g", "h")]:
        rows = {k: int(b.n.sum()) for k, b in h.groups(*by)}
        assert set(after.drift.of(by)) == {k for k, n in rows.items() if n >= 10}
        for metric in READ:
            found = read(after, by, metric, level=0.95)
            for key, r in zip(found.groups, found.readings, strict=True):
                if rows[key] < 10:
                    assert math.isnan(r.value)
                    assert r.estimate(0.95).value is None


def test_bounds_are_steps_of_a_power_of_two_and_come_back_from_json() -> None:
    after = exact(1).reduced(Disclosure())
    stored = json.loads(json.dumps(after.to_json()))
    steps = {k for one in stored["drift"] for column in one["steps"].values() for k in column}
    assert steps <= {None, *range(LEAST, MOST + 1)}
    assert len(steps) > 2
    again = ScoreHistogram.from_json(stored)
    assert again.to_json() == after.to_json()
    assert Scores().assess(again).findings == Scores().assess(after).findings
    turned = after.drift.of(("h", "g")) if after.drift else {}
    assert turned == {(h, g): s for (g, h), s in (after.drift or Drift()).of(("g", "h")).items()}
    for wrong in ({"steps": {"roc_auc": [99]}}, {"groups": "a"}, {"by": ["z", "a"]}, {"steps": {"roc_auc": [0.5]}}):
        bad = {"by": ["g"], "groups": [["a"]], "steps": {"roc_auc": [0]}} | wrong
        with pytest.raises(EvidenceError):
            Drift.from_json([bad])


def test_what_was_not_measured_says_so() -> None:
    """Sums of merged histograms: bounds that bins give by themselves, else coarse."""
    total = exact(1).reduced(Disclosure()) + exact(2).reduced(Disclosure())
    for metric in READ:
        for r in read(total, ("g",), metric, level=0.95).readings:
            if metric in ("calibration_error", "calibration_slope", "calibration_intercept") and r.kept:
                assert r.state == "coarse"
                assert "not known" in r.note
            if metric in ("roc_auc", "cumulative_calibration_error") and r.kept:
                assert "within" in r.note


def test_order_and_partition_change_no_bound() -> None:
    whole = exact(5)
    cells = whole.cells.sample(frac=1.0, random_state=1)
    left, right = (replace(whole, cells=part) for part in (cells.iloc[:300], cells.iloc[300:]))
    none = whole.missing.iloc[:0]
    assert (left + replace(right, missing=none)).reduced(Disclosure()).to_json() == whole.reduced(
        Disclosure()
    ).to_json()


@pytest.mark.parametrize("seed", range(3))
def test_one_threshold_says_how_many_rows_its_bins_leave_open(seed: int) -> None:
    from auditkit.fairness.scores.mitigation import mitigate

    rng = np.random.default_rng(seed)
    n = 900
    g = rng.choice(["a", "b", "c"], n, p=[0.6, 0.35, 0.05])
    s = expit(rng.normal(0, 1.5, n))
    y = (rng.random(n) < s).astype(int)
    h = ScoreHistogram.of({"g": g}, y_true=y, y_pred=(s > 0.5).astype(int), score=s).reduced(Disclosure())
    m = mitigate(h, "g", constraint="one_threshold")
    head = "one threshold of groups of g: up to "
    (note,) = [x for x in m.notes if x.startswith(head)] or [f"{head}0 rows"]
    allowed = int(note.removeprefix(head).split()[0].replace(",", ""))
    off = sum(
        abs(o.true_then + o.false_then - (s[g == o.group[0]] >= m.common).sum()) for o in m.outcomes
    )  # fmt: skip
    assert off <= allowed
