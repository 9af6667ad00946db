"""Remedies on rows that did not choose them: fairlearn fitted to the rows of each half, laws, and planted truths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.postprocessing import ThresholdOptimizer
from scipy.special import expit
from scipy.stats import norm

import auditkit as ak
from auditkit.disclosure import Disclosure
from auditkit.errors import EvidenceError
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.score_grid import LEAST
from auditkit.fairness.scores.check import Scores
from auditkit.fairness.scores.heldout import Halves
from auditkit.fairness.scores.mitigation import Found, mitigate
from auditkit.fairness.scores.remedies import remedies_finding
from auditkit.fairness.scores.thresholds import Constraint
from auditkit.records import Curve, Finding, NotMeasured, Table
from tests.fairness.test_mitigation import NAMES, Scored, measured

EQUAL = "equal selection rates, with lots"


def rows(seed: int = 0, n: int = 1_200, groups: str = "ab", step: float = 0.0) -> pd.DataFrame:
    """Groups whose scores lie apart; `step` rounds them."""
    rng = np.random.default_rng(seed)
    g, y = rng.choice(list(groups), n), rng.integers(0, 2, n)
    s = expit(rng.normal(1.4 * (y - 0.5) + 0.5 * (g == "a"), 1))
    s = np.round(s / step) * step if step else s
    return pd.DataFrame({"g": g, "y": y, "s": s, "p": (s >= 0.5).astype(int)})


def counted(r: pd.DataFrame) -> ScoreHistogram:
    return ScoreHistogram.of(r[["g"]], y_true=r["y"], y_pred=r["p"], score=r["s"])


def written_out(part: Found) -> pd.DataFrame:
    """The rows of a half, scores at the lower ends of their bins."""
    out = []
    for (group,), bins in part:
        for truth in (0, 1):
            at = np.repeat(np.arange(len(LEAST)), bins.n[truth])
            cells = zip(bins.n[truth], bins.selected[truth], strict=True)
            selected = np.concatenate([np.arange(n) < k for n, k in cells])
            out.append(pd.DataFrame({"g": group, "y": truth, "s": LEAST[at], "p": selected.astype(int)}))
    return pd.concat(out, ignore_index=True)


def tables(f: Finding | NotMeasured) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What remains and what it costs; whom it selects."""
    assert isinstance(f, Finding)
    first, second = [x for x in f.exhibits if isinstance(x, Table)][:2]
    return tuple(pd.DataFrame(t.rows, columns=t.columns).set_index(t.columns[0]) for t in (first, second))  # type: ignore[return-value]


@pytest.mark.parametrize("constraint", NAMES)
@pytest.mark.parametrize("step", [0.0, 0.1])
def test_it_is_fairlearn_fitted_to_one_half_and_read_on_the_other(constraint: Constraint, step: float) -> None:
    name, gaps = NAMES[constraint]
    halves = Halves.of(list(counted(rows(step=step)).groups("g")))
    held = halves.remedy(constraint)
    parts = [written_out(p) for p in halves.parts]
    found = []
    for chose, judged in (parts, parts[::-1]):
        theirs = ThresholdOptimizer(
            estimator=Scored().fit(None, None), constraints=name, objective="accuracy_score", grid_size=1000,
            prefit=True, predict_method="predict_proba",
        ).fit(chose[["s"]], chose["y"], sensitive_features=chose["g"])  # fmt: skip
        chance = theirs._pmf_predict(judged[["s"]], sensitive_features=judged["g"])[:, 1]
        found.append((len(judged), measured(judged, "g", chance)))
    size = [n for n, _ in found]
    assert held.accuracy == pytest.approx(np.average([m["accuracy"] for _, m in found], weights=size), abs=2e-3)
    for gap in gaps:
        mean = np.average([m[gap] for _, m in found], weights=size)
        assert held.gap(gap, 0.95).value == pytest.approx(mean, abs=4e-3)


def test_halves_share_all_rows_out_each_by_itself() -> None:
    """Law: parts add up; and truth: copies of few rows part as coins do, not all to one side."""
    found = list(counted(rows(n=40_000, step=0.25)).groups("g"))
    parts = Halves.of(found).parts
    for i, (key, bins) in enumerate(found):
        (k0, a), (k1, b) = parts[0][i], parts[1][i]
        assert k0 == k1 == key
        assert (a.n + b.n == bins.n).all()
        assert (a.selected + b.selected == bins.selected).all()
        assert ((a.selected <= a.n) & (a.selected >= 0)).all()
        full = bins.n > 100
        assert (abs(a.n[full] - bins.n[full] / 2) < 4.5 * np.sqrt(bins.n[full]) / 2).all()


@pytest.mark.parametrize("reduced", [False, True])
def test_order_and_partition_change_nothing(reduced: bool) -> None:
    r = rows(3)
    whole = counted(r)
    mixed = r.sample(frac=1.0, random_state=1)
    parts = counted(mixed.iloc[:500]) + counted(mixed.iloc[500:])
    one, two = ((h.reduced(Disclosure()) if reduced else h) for h in (whole, parts))
    assert remedies_finding(one, ("g",), level=0.95) == remedies_finding(two, ("g",), level=0.95)


def test_stored_evidence_gives_the_findings_again() -> None:
    r = rows(4).assign(h=lambda r: np.where(np.arange(len(r)) % 3, "u", "v"))
    data = ak.Dataset(r, y_true="y", sensitive_features=["g", "h"])
    report = ak.audit(ak.Predictions("p", "s"), data, checks=[ak.Scores()], on_error="raise")
    stored = ak.Report.from_json(report.to_json())
    evidence = ScoreHistogram.from_json(stored.evidence["scores"].data)
    for f in report.findings:
        if f.metric == "price_of_parity":
            again = remedies_finding(evidence, f.by, level=0.95)
            assert isinstance(again, Finding)
            assert again == f


def test_equal_selection_costs_what_theory_says() -> None:
    """Truth: log-odds N(±d/2, 1), half and a fifth positive; the best pair of thresholds of one rate, by grid."""
    rng, n, d = np.random.default_rng(0), 120_000, 1.5
    g = rng.random(n) < 0.3
    rate, shift = np.where(g, 0.2, 0.5), np.where(g, -0.9, 0.0)
    y = (rng.random(n) < rate).astype(int)
    z = rng.normal(shift + d * (y - 0.5), 1)
    frame = pd.DataFrame({"g": np.where(g, "b", "a"), "y": y, "s": expit(z), "p": (z >= 0).astype(int)})

    def right(cut: Any, r: float, m: float) -> Any:
        return r * norm.sf(cut - m - d / 2) + (1 - r) * norm.cdf(cut - m + d / 2)

    def selected(cut: Any, r: float, m: float) -> Any:
        return r * norm.sf(cut - m - d / 2) + (1 - r) * norm.sf(cut - m + d / 2)

    cuts = np.linspace(-6, 6, 20_001)
    target = np.linspace(0.01, 0.99, 981)
    best = 0.0
    for share, r, m in ((0.7, 0.5, 0.0), (0.3, 0.2, -0.9)):
        best = best + share * np.interp(target, selected(cuts, r, m)[::-1], right(cuts, r, m)[::-1])
    theory = 0.7 * right(0, 0.5, 0.0) + 0.3 * right(0, 0.2, -0.9) - np.max(best)
    f = remedies_finding(counted(frame), ("g",), level=0.95)
    assert isinstance(f, Finding)
    assert f.estimate.low is not None
    assert f.estimate.high is not None
    assert f.estimate.low <= theory <= f.estimate.high
    assert f.estimate.value == pytest.approx(theory, abs=3e-3)
    assert tables(f)[0].loc[EQUAL, "gap in selection rate"] < 0.015


def test_a_fair_model_is_not_flattered() -> None:
    """Truth: groups alike, and no thresholds are better than today's: no remedy gains, and gaps are those of chance."""
    gained, left = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 2, 400)
        s = expit(rng.normal(1.5 * (y - 0.5), 1))
        h = counted(pd.DataFrame({"g": rng.choice(["a", "b"], 400), "y": y, "s": s, "p": (s >= 0.5).astype(int)}))
        held = Halves.of(list(h.groups("g"))).remedy("demographic_parity")
        gained.append((-mitigate(h, "g").price.value, -(held.price(0.95).value or 0.0)))
        left.append(held.gap("selection_rate", 0.95).value)
    in_sample, held_out = np.mean(gained, axis=0)
    assert in_sample > 0.005
    assert held_out <= 0
    assert np.mean(left) > 0.02


def test_nobody_changed_is_no_certainty() -> None:
    """Of 60 rows that all stay as they are, a cost is excluded only beyond some three in n."""
    r = pd.DataFrame({"g": list("ab") * 30, "y": [0, 0, 1, 1] * 15, "s": [0.1, 0.2, 0.8, 0.9] * 15})
    held = Halves.of(list(counted(r.assign(p=r["y"])).groups("g"))).remedy("one_threshold")
    e = held.price(0.95)
    assert e.value == 0
    assert e.low is not None
    assert e.high is not None
    assert e.low < -2 / 60
    assert e.high > 2 / 60


def test_the_knee_counts_from_as_it_is_like_the_table() -> None:
    f = remedies_finding(counted(rows(7, 3_000)), ("g",), level=0.95)
    price, _ = tables(f)
    assert isinstance(f, Finding)
    (note,) = [n for n in f.notes if n.startswith("knee of the frontier: where")]
    lost = price["accuracy lost"]
    told = [f"{100 * lost[row]:.1f}".replace("-", "−") for row in ("knee of the frontier", EQUAL)]
    assert f"points is allowed, {told[0]} points of accuracy are lost; where none is allowed, {told[1]}" in note
    (curve,) = [x for x in f.exhibits if isinstance(x, Curve)]
    (line,) = curve.series
    assert line.marked is not None
    knee = price.loc["knee of the frontier"]
    assert line.x[line.marked] == knee["gap in selection rate"]
    assert line.y[line.marked] == knee["accuracy"]
    assert (line.x[0], line.y[0]) == tuple(price.loc[EQUAL, ["gap in selection rate", "accuracy"]])


def test_a_group_whose_bins_hold_the_threshold_is_told_no_change() -> None:
    """Two of a small group are selected, in one bin of five; on which side of the threshold they stand is not known."""
    small = pd.DataFrame({"g": "c", "y": [0, 0, 0, 1, 1], "s": [0.05, 0.1, 0.3, 0.7, 0.8], "p": [0, 0, 0, 1, 1]})
    h = counted(pd.concat([rows(8), small], ignore_index=True)).reduced(Disclosure())
    f = remedies_finding(h, ("g",), level=0.95)
    _, whom = tables(f)
    assert whom.loc["c", "selected now"] == 2
    assert whom.loc["c"].drop("selected now").isna().all()
    assert whom.loc["a", EQUAL] < 0
    assert isinstance(f, Finding)
    assert " of c" not in f.statement
    assert any(n.startswith("rows selected: no change is told") for n in f.notes)
    assert any(n.startswith("decided at the common threshold") and n.endswith("not in the gaps: c") for n in f.notes)


def test_a_half_without_positives_of_a_group_is_decided_at_the_common_threshold() -> None:
    r = pd.concat([rows(9, 600), rows(10, 40, "c")], ignore_index=True)
    r.loc[(r["g"] == "c").to_numpy().nonzero()[0][10:], "y"] = 0
    r.loc[(r["g"] == "c").to_numpy().nonzero()[0][:10], "y"] = 1
    halves = Halves.of(list(counted(r).groups("g")))
    first, second = halves.parts
    none = [(k, without_positives(b) if k == ("c",) else b) for k, b in first]
    held = Halves((none, second), halves.own).remedy("equal_opportunity")
    assert held.gap("true_positive_rate", 0.95).value is not None
    assert 0 <= held.accuracy <= 1


def without_positives(bins: Any) -> Any:
    """The bins without a positive."""
    empty = bins.n.copy()
    empty[1] = 0
    return bins._replace(n=empty, selected=np.minimum(bins.selected, empty))


@pytest.mark.parametrize(("option", "word"), [("sample_weight", "weights"), ("cluster", "clusters")])
def test_weighted_and_clustered_rows_are_offered_none(option: str, word: str) -> None:
    r = rows(5).assign(k=np.arange(1_200) % 300 + 1.0)
    r["k"] = r["k"] if option == "sample_weight" else r["k"].astype(int).astype(str)
    data = ak.Dataset(r, y_true="y", sensitive_features=["g"], **{option: "k"})
    report = ak.audit(ak.Predictions("p", "s"), data, checks=[ak.Scores()], on_error="raise")
    assert not [f for f in report.findings if f.concern == "mitigation"]
    (why,) = [n.why for n in report.not_measured if n.concern == "mitigation"]
    assert why.startswith(f"{word} not used")
    assert any(f.metric == "roc_auc" and f"{word} not used" in " ".join(f.notes) for f in report.findings)
    evidence = ScoreHistogram.from_json(ak.Report.from_json(report.to_json()).evidence["scores"].data)
    assert evidence.declared == (word,)
    assert (evidence + evidence).declared == evidence.over("g").declared == (word,)
    assert isinstance(remedies_finding(evidence, ("g",), level=0.95), NotMeasured)
    assert ak.mitigate(report, "g").notes[0].startswith(f"{word} not used")


def test_what_is_declared_adds_and_is_read_as_a_strangers() -> None:
    h = counted(rows(6, 100))
    other = replace(h, declared=("weights",))
    assert (h + other).declared == (other + h).declared == ("weights",)
    assert (replace(h, declared=("clusters",)) + other).declared == ("clusters", "weights")
    assert "declared" not in h.to_json()
    assert ScoreHistogram.from_json(h.to_json()).declared == ()
    for bad in (["weight"], ["weights", "clusters"], ["weights", "weights"], "weights", [1]):
        with pytest.raises(EvidenceError):
            ScoreHistogram.from_json({**h.to_json(), "declared": bad})


def test_the_check_asks_for_its_remedies() -> None:
    found = Scores().assess(counted(rows(11)))
    (f,) = [x for x in found.findings if x.metric == "price_of_parity"]
    assert f == remedies_finding(counted(rows(11)), ("g",), level=0.95)
