"""Remedies under rules. Truths: thresholds applied to the rows, read by fairlearn's MetricFrame; a real audit of the
decisions that a remedy makes; planted laws."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from scipy.special import expit
from sklearn.metrics import accuracy_score, precision_score

import auditkit as ak
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.tally import Tally
from auditkit.fairness.scores.halved import Halved, reading
from auditkit.fairness.scores.held_out_rules import HeldOutRules
from auditkit.fairness.scores.heldout import Halves
from auditkit.fairness.scores.mitigation import Fit, common_cut
from auditkit.fairness.scores.remedied import NEAR, alternatives, fits_of
from auditkit.fairness.scores.thresholds import Constraint, GroupRule, Reach, rules_for, without_lots
from auditkit.question import Question
from auditkit.records import Remedy, Report

CONSTRAINTS: tuple[Constraint, ...] = ("demographic_parity", "equal_opportunity", "equalized_odds")
WORDS = {
    "demographic_parity": "equal selection rates",
    "equal_opportunity": "equal true positive rates",
    "equalized_odds": "equal error rates",
    "one_threshold": "one threshold for all",
}
ON_ROWS: dict[str, Any] = {
    "selection_rate": selection_rate,
    "true_positive_rate": true_positive_rate,
    "false_positive_rate": false_positive_rate,
    "accuracy": accuracy_score,
    "precision": lambda y, p, sample_weight=None: precision_score(y, p, sample_weight=sample_weight, zero_division=0),
}
ASKED: list[tuple[str, str, list[str], dict[str, float]]] = [
    ("selection_rate", "ratio", ["sex"], {"at_least": 0.8}),
    ("selection_rate", "difference", ["sex"], {"at_most": 0.1}),
    ("true_positive_rate", "difference", ["race"], {"at_most": 0.1}),
    ("false_positive_rate", "difference", ["sex", "race"], {"at_most": 0.2}),
    ("selection_rate", "difference_to_overall", ["race"], {"at_most": 0.1}),
    ("accuracy", "group_min", ["race"], {"at_least": 0.6}),
    ("precision", "group_min", ["sex"], {"at_least": 0.5}),
    ("accuracy", "overall", [], {"at_least": 0.65}),
    ("equalized_odds", "difference", ["sex"], {"at_most": 0.15}),
]
POLICY = {
    "defaults": {"correction": "none"},
    "rule": [
        {"id": f"r{i}", "metric": m, "comparison": c, "by": by, **limit} for i, (m, c, by, limit) in enumerate(ASKED)
    ],
}


def rows(n: int = 3_000, *, levels: int = 0, seed: int = 0) -> pd.DataFrame:
    """Scores that lie apart by sex and, less, by race; `levels`: rounded to so many."""
    rng = np.random.default_rng(seed)
    sex, race = rng.choice(["f", "m"], n), rng.choice(["x", "y", "z"], n, p=[0.5, 0.3, 0.2])
    y = (rng.random(n) < 0.35 + 0.15 * (sex == "m")).astype(int)
    s = expit(rng.normal(1.6 * (y - 0.5) + 0.6 * (sex == "m") - 0.3 * (race == "z"), 1))
    s = (np.floor(s * levels) + 0.5) / levels if levels else s
    return pd.DataFrame({"sex": sex, "race": race, "y": y, "s": s, "p": (s >= 0.5).astype(int)})


def audited(r: pd.DataFrame, policy: Any = POLICY, by: Any = None, **data: Any) -> Report:
    given = ak.Dataset(r, y_true="y", positive=1, sensitive_features=["sex", "race"], **data)
    checks = [ak.GroupFairness(), ak.Scores(by=by)]
    return ak.audit(ak.Predictions("p", "s"), given, checks=checks, policy=policy, on_error="raise")


def evidence_of(report: Report) -> ScoreHistogram:
    return ScoreHistogram.from_json(report.evidence["scores"].data)


def halves_of_rows(evidence: ScoreHistogram, r: pd.DataFrame) -> np.ndarray:
    """(N,) the half of each row: of the rows of a cell, which no threshold tells apart, the first go to half 0."""
    halved, cells = Halved.of(evidence), evidence.table("cells")
    out = np.full(len(r), -1)
    for i in range(len(cells["n"])):
        inside = (r["sex"] == cells["sex"][i]) & (r["race"] == cells["race"][i]) & (r["y"] == cells["y_true"][i])
        inside &= (r["s"] >= cells["low"][i]) & (r["s"] <= cells["high"][i])
        for decision, first in ((1, halved.selected[0][i]), (0, halved.n[0][i] - halved.selected[0][i])):
            at = np.flatnonzero(inside & (r["p"] == decision))
            out[at] = (np.arange(len(at)) >= first).astype(int)
    assert (out >= 0).all()
    return out


def fits(evidence: ScoreHistogram, by: tuple[str, ...], constraint: Constraint, *, lots: bool) -> tuple[Fit, ...]:
    halves = Halved.of(evidence).halves(by)
    if constraint == "one_threshold":
        return tuple(Fit({}, common_cut(part)) for part in halves.parts)
    found = fits_of(halves, constraint)
    return found.drawn if lots else found.plain


def chances(r: pd.DataFrame, by: tuple[str, ...], fit: Fit) -> np.ndarray:
    """(N,) the chance of every row, from its own score."""
    out = np.zeros(len(r))
    for key, at in r.groupby(list(by)).indices.items():
        own = key if isinstance(key, tuple) else (key,)
        out[at] = fit.rules.get(own, GroupRule(fit.common, fit.common)).probability(r["s"].to_numpy()[at])
    return out


def told(metric: str, comparison: str, by: list[str], r: pd.DataFrame, chance: np.ndarray) -> float:
    """What MetricFrame says of decisions of which each falls with its chance: every row once as each, weighted."""
    both = pd.concat([r.assign(d=1, w=chance), r.assign(d=0, w=1 - chance)], ignore_index=True)
    if metric == "equalized_odds":
        return max(told(m, comparison, by, r, chance) for m in ("true_positive_rate", "false_positive_rate"))
    frame = MetricFrame(
        metrics=ON_ROWS[metric], y_true=both["y"], y_pred=both["d"], sample_params={"sample_weight": both["w"]},
        sensitive_features=both[by] if by else np.zeros(len(both)),
    )  # fmt: skip
    match comparison:
        case "overall":
            return float(frame.overall)
        case "group_min":
            return float(frame.group_min())
        case "difference":
            return float(frame.difference(method="between_groups"))
        case "ratio":
            return float(frame.ratio(method="between_groups"))
        case "difference_to_overall":
            return float((frame.by_group - frame.overall).abs().max())
    raise AssertionError(comparison)


def remedy(report: Report, constraint: str, by: tuple[str, ...], *, lots: bool) -> Remedy | None:
    assert report.remedies is not None
    own = () if constraint == "one_threshold" else by
    found = [x for x in report.remedies.rows if (x.words, x.by, x.lots) == (WORDS[constraint], own, lots)]
    return found[0] if found else None


AIMED = {
    "one_threshold": set(),
    "demographic_parity": {"selection_rate", "equalized_odds"},
    "equal_opportunity": {"true_positive_rate", "equalized_odds"},
    "equalized_odds": {"true_positive_rate", "false_positive_rate", "equalized_odds"},
}
"""Rules that tell the means of both halves, if they share an attribute; what is made of several rates always does."""


def by_brute_force(
    r: pd.DataFrame, half: np.ndarray, constraint: str, by: tuple[str, ...], chosen: tuple[Fit, ...], alike: bool
) -> list[float]:
    """The value of each rule, each half decided by the other's thresholds."""
    parts = [(r[half == 0], chosen[1]), (r[half == 1], chosen[0])]
    decided = [(part.reset_index(drop=True), chances(part, by, fit)) for part, fit in parts]
    size = [len(part) for part, _ in decided]
    whole = pd.concat([part for part, _ in decided], ignore_index=True), np.concatenate([c for _, c in decided])
    out = []
    for m, c, b, _ in ASKED:
        apart = m in AIMED[constraint] and set(b) & set(by) and not alike
        values = [told(m, c, b, *d) for d in decided] if apart else [told(m, c, b, *whole)] * 2
        out.append(float(np.average(values, weights=size)))
    return out


@cache
def at_levels() -> tuple[pd.DataFrame, Report]:
    r = rows(4_000, levels=14)
    return r, audited(r)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("constraint", "by"),
    [
        ("one_threshold", ("sex",)),
        *((c, ("sex",)) for c in CONSTRAINTS),
        ("equalized_odds", ("sex", "race")),
        *(pytest.param(c, ("race",), marks=pytest.mark.slow) for c in CONSTRAINTS),
        *(pytest.param(c, ("sex", "race"), marks=pytest.mark.slow) for c in CONSTRAINTS[:2]),
    ],
)
def test_values_are_those_of_the_rows_where_thresholds_stand_at_stored_edges(
    constraint: Constraint, by: tuple[str, ...]
) -> None:
    r, report = at_levels()
    evidence = evidence_of(report)
    half = halves_of_rows(evidence, r)
    found = remedy(report, constraint, by, lots=False)
    assert found is not None
    assert found.open == 0
    truth = by_brute_force(r, half, constraint, by, fits(evidence, by, constraint, lots=False), found.alike)
    got = [a.value if a else None for a in found.answers]
    assert got == pytest.approx(truth, abs=1e-12)
    right = [(chances(r[half == h], by, f), r[half == h]["y"]) for h, f in enumerate(
        reversed(fits(evidence, by, constraint, lots=False)))]  # fmt: skip
    assert found.accuracy == pytest.approx(np.concatenate([np.where(y == 1, c, 1 - c) for c, y in right]).mean())


@pytest.mark.slow
def test_lots_fall_as_expected_to_the_whole_row() -> None:
    """Bound: in every cell of the crossed groups and each truth less than one row is off, so is each half's rate."""
    r, report = at_levels()
    evidence = evidence_of(report)
    half = halves_of_rows(evidence, r)
    checked = 0
    for constraint in CONSTRAINTS:
        for by in (("sex",), ("race",), ("sex", "race")):
            found = remedy(report, constraint, by, lots=True)
            missed = fits_of(Halved.of(evidence).halves(by), constraint).miss
            assert (found is not None) == (missed > NEAR)
            if found is None:
                continue
            checked += 1
            truth = by_brute_force(r, half, constraint, by, fits(evidence, by, constraint, lots=True), found.alike)
            smallest = r.groupby(["sex", "race", "y"]).size().min() / 2
            for a, value, (m, *_) in zip(found.answers, truth, ASKED, strict=True):
                assert a is not None
                if m != "precision":  # the rows that it counts are drawn themselves
                    assert a.value == pytest.approx(value, abs=4 / smallest)
    assert checked > 2


@pytest.mark.slow
def test_where_bins_are_merged_values_are_within_the_rows_that_a_threshold_parts() -> None:
    r = rows(2_500, seed=3)
    report = audited(r)
    evidence = evidence_of(report)
    halved, half = Halved.of(evidence), halves_of_rows(evidence, r)
    parted_somewhere = False
    for constraint in (*CONSTRAINTS, "one_threshold"):
        found = remedy(report, constraint, ("sex",), lots=False)
        assert found is not None
        chosen = fits(evidence, ("sex",), constraint, lots=False)  # type: ignore[arg-type]
        truth = by_brute_force(r, half, constraint, ("sex",), chosen, found.alike)
        parted_somewhere |= found.open > 0
        smallest = r.groupby(["sex", "race", "y"]).size().min() / 4
        overall = found.answers[7]
        assert overall is not None
        assert overall.value == pytest.approx(truth[7], abs=found.open / len(r) + 1e-12)
        assert found.answers[0] is not None
        per_sex = r.groupby("sex").size().min() / 2
        selected = told("selection_rate", "group_min", ["sex"], r, chances(r, ("sex",), chosen[0]))
        assert found.answers[0].value == pytest.approx(truth[0], abs=4 * found.open / per_sex / max(selected, 0.05))
        assert found.answers[3] is not None
        assert found.answers[3].value == pytest.approx(truth[3], abs=2 * found.open / smallest + 1e-12)
    assert parted_somewhere
    assert halved.n.sum() == len(r)


@pytest.mark.slow
def test_the_verdicts_are_those_of_a_real_audit_where_both_halves_choose_alike() -> None:
    rng = np.random.default_rng(5)
    n = 6_000
    sex, race = rng.choice(["f", "m"], n), rng.choice(["x", "y", "z"], n)
    level = rng.integers(0, 4, n)
    # in one level less for women: the best thresholds differ by group, and by far
    y = (rng.random(n) < np.select([sex == "f"], [np.array([0.05, 0.2, 0.3, 0.9])[level]],
                                   np.array([0.05, 0.3, 0.8, 0.95])[level])).astype(int)  # fmt: skip
    s = np.array([0.1, 0.3, 0.6, 0.9])[level]
    r = pd.DataFrame({"sex": sex, "race": race, "y": y, "s": s, "p": (s >= 0.5).astype(int)})
    report = audited(r, by=[["sex"]])
    evidence = evidence_of(report)
    assert report.remedies is not None
    same = 0
    for constraint in (*CONSTRAINTS, "one_threshold"):
        found = remedy(report, constraint, ("sex",), lots=False)
        assert found is not None
        if not found.alike:
            continue
        same += 1
        chosen = fits(evidence, ("sex",), constraint, lots=False)  # type: ignore[arg-type]
        again = audited(r.assign(p=chances(r, ("sex",), chosen[0]).astype(int)), by=[["sex"]])
        for a, v in zip(found.answers, again.verdicts, strict=True):
            assert a is not None
            assert v.estimate is not None
            assert a.status == v.status
            assert (a.value, a.low, a.high) == (v.estimate.value, v.estimate.low, v.estimate.high)
    assert same >= 3


def test_today_is_what_the_gate_says() -> None:
    _, report = at_levels()
    assert report.remedies is not None
    today = report.remedies.rows[0]
    assert today.words == ""
    for a, v in zip(today.answers, report.verdicts, strict=True):
        assert a is not None
        assert v.estimate is not None
        assert (a.status, a.value, a.low, a.high) == (v.status, v.estimate.value, v.estimate.low, v.estimate.high)


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_the_nearest_threshold_is_the_nearest_of_all(constraint: Constraint) -> None:
    """Brute force over every threshold that parts the rows of a group."""
    r = rows(600, levels=300, seed=2)
    h = ScoreHistogram.of(r[["sex"]], y_true=r["y"], y_pred=r["p"], score=r["s"])
    found = list(h.groups("sex"))
    groups = [Reach.of(b) for _, b in found]
    rules = rules_for(groups, constraint)
    near = without_lots(groups, rules, constraint)
    worst = 0.0
    for ((sex,), _), rule, got in zip(found, rules, near.rules, strict=True):
        own = r[r["sex"] == sex]

        def rates(chance: np.ndarray, own: pd.DataFrame = own) -> np.ndarray:
            y = own["y"].to_numpy()
            three = {
                "demographic_parity": [chance.mean()],
                "equal_opportunity": [chance[y == 1].mean()],
                "equalized_odds": [chance[y == 1].mean(), chance[y == 0].mean()],
            }
            return np.array(three[constraint])

        aim = rates(rule.probability(own["s"]))
        every = [np.inf, *sorted(own["s"])]
        best = min(float(np.abs(rates((own["s"] >= t).to_numpy(float)) - aim).max()) for t in every)
        assert float(np.abs(rates(got.probability(own["s"])) - aim).max()) == pytest.approx(best, abs=1e-12)
        worst = max(worst, best)
    assert near.miss == pytest.approx(worst, abs=1e-12)


def test_halves_are_those_of_one_reading_where_there_is_one_attribute() -> None:
    """Law: both ways to halve give the same; and the halves of two attributes add up to all rows."""
    r = rows(1_500)
    one = ScoreHistogram.of(r[["sex"]], y_true=r["y"], y_pred=r["p"], score=r["s"])
    for a, b in zip(Halved.of(one).halves(("sex",)).parts, Halves.of(list(one.groups("sex"))).parts, strict=True):
        for (k, x), (j, z) in zip(a, b, strict=True):
            assert k == j
            assert (x.n == z.n).all()
            assert (x.selected == z.selected).all()
    two = ScoreHistogram.of(r[["sex", "race"]], y_true=r["y"], y_pred=r["p"], score=r["s"])
    halved = Halved.of(two)
    for by in (("sex",), ("race",), ("sex", "race")):
        sums = sum(b.n.sum() for part in halved.halves(by).parts for _, b in part)
        assert sums == len(r)
    assert len(reading(two, ("race",)).groups) == 3


@pytest.mark.parametrize("first", [0, 1, 9])
def test_a_rule_keeps_its_groups_in_both_halves(first: int) -> None:
    """Eleven of a group, so many in one half: it is compared in both, or nothing is told; no half may drop it."""
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame({"race": ["w"] * k + ["x"] * 400, "y": 1, "p": [1] * k + list(rng.integers(0, 2, 400))})
        for k in (first, 11 - first)
    ]
    halves = [Tally.of(f[["race"]], y_true=f["y"], y_pred=f["p"]) for f in frames]
    aims = frozenset(["true_positive_rate"]), frozenset(["race"])
    found = HeldOutRules((halves[0], halves[1]), *aims).finding(Question("true_positive_rate", "difference", ("race",)))
    assert found is not None
    if not first:
        assert found.estimate.value is None
        assert "half" in found.estimate.note
        return
    truth = np.average([1 - f[f["race"] == "x"]["p"].mean() for f in frames], weights=[len(f) for f in frames])
    assert found.estimate.value == pytest.approx(truth, abs=1e-12)


def test_what_no_threshold_changes_is_not_answered() -> None:
    rules = [
        {"id": "cal", "metric": "calibration_error", "comparison": "group_max", "by": ["sex"], "at_most": 0.2},
        {"id": "auc", "metric": "roc_auc", "comparison": "difference", "by": ["sex"], "at_most": 0.2},
        {"id": "sel", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.2},
    ]
    report = audited(rows(1_000), {"rule": rules}, by=[["sex"]])
    assert report.remedies is not None
    for x in report.remedies.rows[1:]:
        assert [a is None for a in x.answers] == [True, True, False]


def test_which_sets_of_attributes_are_told() -> None:
    h = evidence_of(at_levels()[1])

    def sets(*named: tuple[str, ...]) -> list[tuple[str, ...]]:
        return list(dict.fromkeys(a.remedy.by for a in alternatives(h, None, [frozenset(b) for b in named])))[1:]

    assert sets() == [("sex",), ("race",)]
    assert sets(("race",)) == [("race",)]
    assert sets(("race", "sex")) == [("sex",), ("race",), ("sex", "race")]


def test_no_policy_tells_gaps() -> None:
    r, _ = at_levels()
    report = audited(r, None)
    assert report.remedies is not None
    gaps = [(g.metric, g.by) for g in report.remedies.gaps]
    assert ("selection_rate", ("sex",)) in gaps
    at = gaps.index(("selection_rate", ("sex",)))
    today = report.remedies.rows[0].answers[at]
    f = report.finding("fairness/selection_rate/difference/sex")
    assert today is not None
    assert today.value == pytest.approx(f.estimate.value, abs=1e-12)
    equal = remedy(report, "demographic_parity", ("sex",), lots=False)
    assert equal is not None
    assert equal.answers[at] is not None
    assert equal.answers[at].value < today.value / 2  # type: ignore[operator, union-attr]


@pytest.mark.parametrize("what", ["weights", "cluster"])
def test_rows_that_are_no_independent_draws_have_no_remedies(what: str) -> None:
    rng = np.random.default_rng(0)
    r = rows(600).assign(w=rng.integers(1, 3, 600), c=np.arange(600) // 2)
    report = audited(r, **({"weights": "w"} if what == "weights" else {"cluster": "c"}))
    assert report.remedies is None
    assert any(n.concern == "mitigation" for n in report.not_measured)


def test_a_gate_goes_without_and_reads_old_reports() -> None:
    _, report = at_levels()
    assert ak.judge(report, POLICY, exhibits=False).remedies is None
    again = ak.judge(Report.from_json(report.to_json()), POLICY)
    assert again.remedies == report.remedies
    older = report.model_copy(update={"remedies": None})
    assert '"remedies"' not in older.to_json()
    assert Report.from_json(older.to_json()).remedies is None


def test_the_frontier_stands_on_the_rows_and_shows_the_limits() -> None:
    r, report = at_levels()
    assert report.remedies is not None
    f = report.remedies.frontier
    assert f is not None
    assert f.by == ("sex",)
    assert f.today == pytest.approx(
        (told("selection_rate", "difference", ["sex"], r, r["p"].to_numpy(float)), (r["p"] == r["y"]).mean())
    )
    limits = {at.rule: at.gap for at in f.limits}
    assert limits["r1"] == 0.1
    ratios = dict(zip(f.gap, f.ratio, strict=True))
    below = [g for g, x in ratios.items() if x is not None and x < 0.8]
    above = [g for g, x in ratios.items() if x is not None and x >= 0.8]
    if "r0" in limits:
        assert min(below) >= limits["r0"] >= max(g for g in above if g < min(below))
    assert math.isclose(f.accuracy[0], remedy_accuracy(report), abs_tol=0.02)


def remedy_accuracy(report: Report) -> float:
    found = remedy(report, "demographic_parity", ("sex",), lots=False)
    assert found is not None
    return found.accuracy


@pytest.mark.slow
@pytest.mark.parametrize("groups", [2, 5])
def test_intervals_hold_what_new_rows_show_of_rules_of_all_rows(groups: int) -> None:
    """Truth: normal scores whose rates are known in closed form. Equal selection: the gap in it that new rows show, and
    the gap in another rate."""
    from scipy.special import logit
    from scipy.stats import norm

    rng = np.random.default_rng(groups)
    shift = np.linspace(0, 1, groups)
    low, high, draws, n = np.zeros(2), np.zeros(2), 200, 400 * groups
    for _ in range(draws):
        g = rng.integers(0, groups, n)
        y = rng.integers(0, 2, n)
        s = expit(rng.normal(1.5 * (y - 0.5) + shift[g], 1))
        h = ScoreHistogram.of({"g": g.astype(str)}, y_true=y, y_pred=(s >= 0.5).astype(int), score=s)
        equal = next(a for a in alternatives(h, None, ()) if a.remedy.words == "equal selection rates")
        f = equal.judge.finding(Question("selection_rate", "difference", ("g",)))
        beside = equal.judge.finding(Question("true_positive_rate", "difference", ("g",)))
        assert f is not None
        assert beside is not None
        whole = list(h.groups("g"))
        groups_of = [Reach.of(b) for _, b in whole]
        rules = without_lots(groups_of, rules_for(groups_of, "demographic_parity"), "demographic_parity").rules
        cut = logit(np.clip([rule.first for rule in rules], 1e-9, 1 - 1e-9))
        negatives, positives = (norm.sf(cut - shift - d) for d in (-0.75, 0.75))
        for i, (e, rates) in enumerate(((f.estimate, (negatives + positives) / 2), (beside.estimate, positives))):
            gap = rates.max() - rates.min()
            assert e.low is not None
            assert e.high is not None
            low[i] += e.low > gap
            high[i] += e.high < gap
    assert (low / draws <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / draws)).all()
    assert (high / draws <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / draws)).all()
