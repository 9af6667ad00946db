"""Gaps split onto columns: exact sums, known answers, what cannot be split, and rules about shares."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

import auditkit as ak
from auditkit.audit import observe
from auditkit.batch import Batch
from auditkit.errors import EvidenceError, ModelError, PolicyError
from auditkit.explain.gaps.findings import p_value, reassess
from auditkit.explain.gaps.pairs import staircase
from auditkit.explain.gaps.splitting import OUTCOME
from auditkit.explain.gaps.sums import REST, Contrast, GapSums
from auditkit.question import Question
from auditkit.records import Contributions
from auditkit.stats.crossfit import category_pairs_won, pairs_won
from auditkit.stats.fieller import Ratio, fieller, fieller_p
from auditkit.stats.means import t_p


class Linear(nn.Module):
    """A logit or a number that is linear: its parts are known by formula."""

    def __init__(self, *weights: float) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weights


def rows(n: int = 120, seed: int = 0, groups: tuple[str, ...] = ("f", "m"), width: int = 3) -> Batch:
    rng = np.random.default_rng(seed)
    group = rng.choice(groups, n)
    x = rng.normal(size=(n, width))
    x[:, 0] += (group == groups[-1]) * 1.5
    y = (rng.random(n) < 0.5).astype(np.int8)
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(width)])
    return Batch(frame, pd.DataFrame({"sex": pd.Categorical(group)}), y, y, weight=rng.integers(1, 4, n).astype(float))


def only(evidence: GapSums, of: str, form: str = "shapley") -> tuple[Contrast, Any]:
    (found,) = [(c, u) for c, u in evidence.units.items() if (c.of, c.form) == (of, form) and c.low != REST]
    return found


# ---- pairs


@pytest.mark.parametrize("sizes", [(1, 1), (1, 7), (40, 40), (13, 200)])
def test_pairs_keep_both_means(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(sizes))
    weights = [rng.uniform(0.1, 5, n) for n in sizes]
    values = [rng.normal(size=n) for n in sizes]
    pairs = staircase(*weights, rng=rng)
    assert len(pairs.weight) <= sum(sizes) - 1
    assert pairs.weight.sum() == pytest.approx(1, abs=1e-12)
    for at, v, w in zip(pairs[:2], values, weights, strict=True):
        assert pairs.weight @ v[at] == pytest.approx(np.average(v, weights=w), abs=1e-12)


def test_pairs_of_equal_weights_are_one_a_row_and_differ_by_shuffle() -> None:
    first, again, other = (staircase(np.ones(50), np.ones(50), rng=np.random.default_rng(s)) for s in (0, 0, 1))
    assert len(first.weight) == 50
    assert (first.second == again.second).all()
    assert (first.second[np.argsort(first.first)] != other.second[np.argsort(other.first)]).any()


@pytest.mark.parametrize("weights", [([], [1.0]), ([1.0], [0.0]), ([1.0], [np.nan])])
def test_pairs_need_rows_with_weight(weights: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="positive weights"):
        staircase(*weights, rng=np.random.default_rng(0))


# ---- the numbers beside


def test_fieller_holds_the_ratio_as_often_as_it_says_and_tests_what_it_holds() -> None:
    rng = np.random.default_rng(0)
    covariance = np.array([[0.04, 0.02], [0.02, 0.05]])
    draws = rng.multivariate_normal([1.0, 2.0], covariance, 4_000)
    ratios = [Ratio(a, b, 0.04, 0.05, 0.02, 1e6) for a, b in draws]
    limits = [fieller(r, 0.9) for r in ratios]
    held = [x is not None and x[0] <= 0.5 <= x[1] for x in limits]
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)
    low, high = limits[0] or (0.0, 0.0)
    assert fieller_p(ratios[0], low, above=True) == pytest.approx(0.1, abs=1e-9)
    assert fieller_p(ratios[0], high, above=False) == pytest.approx(0.1, abs=1e-9)
    assert fieller_p(ratios[0], high, above=True) == 1
    assert fieller(Ratio(1.0, 0.1, 0.1, 0.1, 0.0, 50), 0.95) is None, "below may be 0"


def test_p_of_a_mean_is_that_of_a_t_test() -> None:
    from scipy.stats import ttest_1samp

    x = np.random.default_rng(3).normal(0.3, 1, 30)
    assert float(t_p(x.mean(), x.std(ddof=1) / 30**0.5, effective_n=30)) == pytest.approx(ttest_1samp(x, 0).pvalue)


def test_weighted_auc_is_scikit_learns() -> None:
    rng = np.random.default_rng(4)
    y, score, w = rng.integers(0, 2, 300), rng.integers(0, 9, 300), rng.uniform(0.2, 3, 300)
    won, of = pairs_won(y, score, w)
    assert won / of == pytest.approx(roc_auc_score(y, score, sample_weight=w), abs=1e-12)


def test_categories_that_say_nothing_do_not_seem_to() -> None:
    rng = np.random.default_rng(5)
    won = [category_pairs_won(rng.integers(0, 2, 400), rng.integers(0, 30, 400), np.ones(400)) for _ in range(40)]
    assert np.mean([a / b for a, b in won]) == pytest.approx(0.5, abs=0.02)


# ---- splitting


def test_a_linear_number_by_its_formula_and_the_textbooks_interval() -> None:
    batch = rows()
    model = ak.Model(Linear(2.0, -1.0, 0.0), task="regression")
    sample = replace(batch, task="regression", y_true=batch.y_true.astype(float), weight=None)
    contrast, units = only(ak.GapAttribution(shuffles=3).examine(model, sample), "mean_prediction")
    x, m = batch.features.to_numpy(), (batch.groups["sex"] == "m").to_numpy()
    assert (contrast.high, contrast.low) == ("m", "f")
    difference = (x[m].mean(0) - x[~m].mean(0)) * [2.0, -1.0, 0.0]
    assert units.mean == pytest.approx([*difference, difference.sum()], abs=1e-5)
    # the units are rows of the smaller group; pairs of about equal groups differ like independent rows
    n = min(m.sum(), (~m).sum())
    expected = (2.0**2 * (x[m, 0].var(ddof=1) / m.sum() + x[~m, 0].var(ddof=1) / (~m).sum())) ** 0.5
    assert units.n == n
    assert units.covariance[0, 0] ** 0.5 == pytest.approx(expected, rel=0.2)
    assert units.covariance[2, 2] == pytest.approx(0, abs=1e-30), "rounding of a difference, squared"


def test_sums_are_exact_for_every_target_and_group() -> None:
    batch = rows(groups=("f", "m", "x"), n=240)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ak.Model(nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)))
    score = model.predict(batch.features)
    of = {"selection_rate": (score >= 0.5).astype(float), "mean_score": score}
    sex, w = batch.groups["sex"].astype(str).to_numpy(), batch.weight
    assert w is not None
    evidence = ak.GapAttribution().examine(model, batch)
    assert {c.high for c in evidence.units if c.low == REST} == {"f", "m", "x"}
    loss = np.array(
        [sklearn_log_loss([y], [[1 - s, s]], labels=[0, 1]) for y, s in zip(batch.y_true, score, strict=True)]
    )
    for contrast, units in evidence.units.items():
        values = loss if contrast.of == "log_loss" else of.get(contrast.of, score)
        values = of["selection_rate"] if contrast.of in ("true_positive_rate", "false_positive_rate") else values
        known = np.ones(240, bool)
        if contrast.of in ("true_positive_rate", "mean_score_of_positives"):
            known = batch.y_true == 1
        if contrast.of in ("false_positive_rate", "mean_score_of_negatives"):
            known = batch.y_true == 0
        high = known & (sex == contrast.high)
        low = known & ((sex != contrast.high) if contrast.low == REST else (sex == contrast.low))
        gap = np.average(values[high], weights=w[high]) - np.average(values[low], weights=w[low])
        assert units.mean[-1] == pytest.approx(gap, abs=1e-6), contrast
        if contrast.form == "shapley":
            assert units.mean[:-1].sum() == pytest.approx(gap, abs=1e-6), contrast
        else:
            assert abs(units.mean[:-1].sum() - gap) <= 0.01 * np.abs(units.mean[:-1]).sum(), contrast
    assert only(evidence, "log_loss")[1].names[-1] == OUTCOME


@pytest.fixture(scope="module")
def demo() -> tuple[Batch, GapSums]:
    check = ak.GapAttribution(by=["gender"])
    model = ak.demo.model()
    observed = observe(model, ak.demo.data(), checks=[check], sample=600)
    assert observed.sample is not None
    sample = observed.sample.draw(600)
    return sample, check.examine(model, sample)


def test_the_demos_sums_are_exact(demo: tuple[Batch, GapSums]) -> None:
    sample, evidence = demo
    assert sample.score is not None
    assert sample.weight is not None
    gender, positive = sample.groups["gender"].astype(str).to_numpy(), sample.y_true == 1
    outputs = {"mean_score": sample.score, "selection_rate": sample.y_pred, "true_positive_rate": sample.y_pred}
    for of, values in outputs.items():
        contrast, units = only(evidence, of)
        known = positive if of == "true_positive_rate" else np.ones(len(values), bool)
        high, low = (
            np.average(values[known & (gender == g)], weights=sample.weight[known & (gender == g)])
            for g in (contrast.high, contrast.low)
        )
        assert units.mean[:-1].sum() == pytest.approx(high - low, abs=1e-6)
    for of in ("mean_score", "mean_score_of_positives", "mean_score_of_negatives"):
        _, units = only(evidence, of, "integrated_gradients")
        assert abs(units.mean[:-1].sum() - units.mean[-1]) <= 0.01 * np.abs(units.mean[:-1]).sum()
        assert units.mean[-1] == pytest.approx(only(evidence, of)[1].mean[-1], abs=1e-6)


def test_the_gap_over_all_rows_stands_beside(demo: tuple[Batch, GapSums]) -> None:
    _, evidence = demo
    finding = ak.GapAttribution().assess(evidence, level=0.95).findings[0]
    whole = next(iter(ak.demo.data().batches()))
    score, gender = ak.demo.model().predict(whole.features), whole.groups["gender"].astype(str)
    exhibit = finding.exhibits[0]
    assert exhibit.kind == "contributions"
    assert exhibit.of_all == pytest.approx(score[gender == "Male"].mean() - score[gender == "Female"].mean(), abs=1e-9)
    assert exhibit.rows[0].beside is not None
    assert sum(r.estimate.value or 0 for r in exhibit.rows) == pytest.approx(exhibit.total.value, abs=1e-9)
    assert sum(r.share or 0 for r in exhibit.rows) == pytest.approx(1, abs=1e-9)
    assert finding.id == "explanation/gap_share[mean_score]/difference/gender"
    assert "not what causes the outcome" in finding.statement
    assert finding.trust[0].passed


def test_evidence_adds_and_comes_back_from_json(demo: tuple[Batch, GapSums]) -> None:
    _, evidence = demo
    again = GapSums.from_json(json.loads(json.dumps(evidence.to_json(), allow_nan=False)))
    check = ak.GapAttribution()
    assert [f.statement for f in check.assess(again).findings] == [f.statement for f in check.assess(evidence).findings]
    key, units = only(evidence, "mean_score")
    twice = (evidence + again).units[key]
    assert twice.n == 2 * units.n
    assert twice.mean == pytest.approx(units.mean, rel=1e-6)
    assert np.diag(twice.covariance) == pytest.approx(np.diag(units.covariance) / 2, rel=0.01)
    with pytest.raises(EvidenceError, match="other facts"):
        evidence + replace(again, facts={**again.facts, "seed": 1})


def test_seeds_repeat_and_the_net_stays_as_it_was() -> None:
    batch, model = rows(), ak.Model(Linear(1.0, 1.0, -1.0))
    model.module.train()
    state = torch.random.get_rng_state()
    a, b = (ak.GapAttribution(seed=s).examine(model, batch).to_json()["units"] for s in (0, 0))
    assert a == b
    assert a != ak.GapAttribution(seed=1).examine(model, batch).to_json()["units"]
    assert model.module.training
    assert all(p.requires_grad for p in model.module.parameters())
    assert torch.equal(state, torch.random.get_rng_state())


# ---- what cannot be split


class Steps(nn.Module):
    """No gradient anywhere."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0].round()


class Breaks(nn.Module):
    """NaN where features of two rows meet."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where((x[:, 0] - x[:, 1]).abs() < 0.6, x[:, 0], torch.nan)


def test_one_group_is_not_measured() -> None:
    found = ak.GapAttribution().examine(ak.Model(Linear(1.0, 1.0, 0.0)), rows(groups=("f",)))
    (absent,) = ak.GapAttribution().assess(found).not_measured
    assert absent.what == "gap_share by sex"
    assert absent.why == "fewer than two groups of sex have 10 rows in the sample"


def test_equal_scores_are_not_measured() -> None:
    found = ak.GapAttribution().assess(ak.GapAttribution().examine(ak.Model(Linear(0.0, 0.0, 0.0)), rows()))
    assert not found.findings
    assert "all scores are equal" in found.not_measured[0].why


def test_a_net_without_gradient_has_the_shapley_form_alone() -> None:
    evidence = ak.GapAttribution().examine(ak.Model(Steps()), rows())
    assert {c.form for c in evidence.units} == {"shapley"}
    findings = ak.GapAttribution().assess(evidence).findings
    assert any("no second opinion by Integrated Gradients" in n for n in findings[0].notes)


def test_outputs_that_break_on_mixed_rows_are_not_measured() -> None:
    batch = rows()
    near = batch.features["x0"] + np.random.default_rng(0).uniform(-0.5, 0.5, len(batch.features))
    batch = replace(batch, features=batch.features.assign(x1=near))  # that can be moved apart
    found = ak.GapAttribution().examine(ak.Model(Breaks()), batch)
    assert "NaN or infinite outputs for rows mixed" in found.not_measured["gap_attribution"]


def test_wide_inputs_have_the_gradient_form_alone_and_say_so() -> None:
    weights = np.random.default_rng(1).normal(size=80)
    evidence = ak.GapAttribution().examine(ak.Model(Linear(*weights.tolist())), rows(width=80))
    assert {(c.of, c.form) for c in evidence.units} == {
        (of, "integrated_gradients") for of in ("mean_score", "mean_score_of_positives", "mean_score_of_negatives")
    }
    assert "80 features" in evidence.not_measured["gap_share of selection_rate by sex"]
    assert only(evidence, "mean_score", "integrated_gradients")[1].names[-1] == "the other 17 features"
    assert ak.GapAttribution().assess(evidence).findings[0].trust[0].passed


def test_columns_that_nobody_mapped_are_not_measured() -> None:
    model = ak.Model(Linear(1.0, 1.0, 0.0), preprocess=lambda f: f.to_numpy())
    found = ak.GapAttribution().examine(model, rows())
    assert "columns not mapped" in found.not_measured["gap_attribution"]


def test_options_that_are_wrong() -> None:
    with pytest.raises(PolicyError, match=r"no sensitive feature 'sx'.*Did you mean 'sex'"):
        ak.GapAttribution(by="sx").examine(ak.Model(Linear(1.0, 1.0, 0.0)), rows())
    with pytest.raises(ModelError, match="even number"):
        ak.GapAttribution(permutations=3)


def three_classes(n: int = 600, apart: float = 2.0) -> tuple[ak.Model, Batch]:
    """Class b follows x0, in which groups of sex differ; class c another column; of nothing there is a race."""
    batch = rows(n)
    net = nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        net.weight.zero_()
        net.weight[1, 0], net.weight[2, 1] = apart, 0.3
    groups = batch.groups.assign(race=pd.Categorical(np.random.default_rng(1).choice(["r", "s"], n)))
    y = net(torch.tensor(batch.features.to_numpy(), dtype=torch.float32)).argmax(1).numpy().astype(np.int16)
    several = replace(batch, task="multiclass", classes=("a", "b", "c"), y_true=y, groups=groups, weight=None)
    return ak.Model(net, task="multiclass"), several


def test_one_class_of_several() -> None:
    model, batch = three_classes()
    asked = ak.GapAttribution(label="c", by="sex").examine(model, batch)
    findings = ak.GapAttribution(label="c").assess(asked).findings
    assert findings[0].id == "explanation/gap_share[mean_score]/difference/sex[c]"
    assert findings[0].statement.startswith("c: ")
    with pytest.raises(ModelError, match="no class 'd'"):
        ak.GapAttribution(label="d").examine(model, batch)


def test_of_several_classes_the_one_surest_apart() -> None:
    """By hand: the gap is that of the softmax of the class; limits and p are those of one of three."""
    model, batch = three_classes()
    evidence = GapSums.from_json(json.loads(json.dumps(ak.GapAttribution().examine(model, batch).to_json())))
    chosen, named = ak.GapAttribution().assess(evidence), ak.GapAttribution(label="b", by="sex")
    own = named.assess(named.examine(model, batch)).findings
    assert [f.id for f in chosen.findings] == [f.id for f in own]
    (exhibit,) = (e for e in chosen.findings[0].exhibits if isinstance(e, Contributions))
    score, z = model.predict(batch.features)[:, 1], (batch.groups["sex"] == "m").to_numpy()
    assert exhibit.total.value == pytest.approx(score[z].mean() - score[~z].mean(), abs=1e-9)
    (alone,) = (e for e in own[0].exhibits if isinstance(e, Contributions))
    assert exhibit.total.level == pytest.approx(1 - 0.05 / 3)
    assert (exhibit.total.low or 0) < (alone.total.low or 0) < (alone.total.high or 0) < (exhibit.total.high or 0)
    assert chosen.findings[0].p == pytest.approx(3 * (own[0].p or 0.0), rel=1e-4)
    (absent,) = chosen.not_measured
    assert absent.what == "gap_share by race"
    assert "no gap in mean score of any class between groups of race is established" in absent.why


def test_of_several_classes_without_a_gap_none_is_explained() -> None:
    model, batch = three_classes(300, apart=0.0)
    found = ak.GapAttribution().assess(ak.GapAttribution().examine(model, batch))
    assert not found.findings
    assert len(found.not_measured) == 2
    for absent in found.not_measured:
        assert "of any class" in absent.why
        assert "could have gone unseen" in absent.why


def test_a_rule_about_a_class_needs_it_named() -> None:
    """Whoever chose a class by the data may not be judged on it as if it had been named before."""
    model, batch = three_classes()
    data = ak.Dataset.from_arrays(
        batch.features, y_true=np.array(batch.classes)[batch.y_true], sensitive_features=batch.groups[["sex"]],
        task="multiclass", classes=["a", "b", "c"],
    )  # fmt: skip
    rule = {"id": "r", "metric": "gap_share", "of": "mean_score", "by": "sex", "features": ["x0"], "comparison":
            "difference", "label": "b", "at_most": 0.5}  # fmt: skip
    by_data = ak.audit(model, data, checks=[ak.GapAttribution()], policy={"rule": [rule]}).verdicts[0]
    assert by_data.status == "not_measured"
    assert "which the data chose; a rule needs a named class: GapAttribution(label='b')" in by_data.reason
    named = ak.audit(model, data, checks=[ak.GapAttribution(label="b")], policy={"rule": [rule]}).verdicts[0]
    assert named.status == "fail"


# ---- what it says


def test_causes_that_cancel_are_named() -> None:
    batch = rows(400)
    x = batch.features.assign(x1=lambda f: f["x1"] + 1.5 * (batch.groups["sex"] == "m").to_numpy())
    evidence = ak.GapAttribution().examine(ak.Model(Linear(1.0, -1.0, 0.5)), replace(batch, features=x))
    finding = ak.GapAttribution().assess(evidence).findings[0]
    assert "causes that cancel" in finding.statement
    assert "x0" in finding.statement
    assert "x1" in finding.statement


def test_shares_answer_rules_from_stored_evidence(demo: tuple[Batch, GapSums]) -> None:
    _, evidence = demo
    asked = Question(
        "gap_share", "difference", ("gender",), of="mean_score", features=("marital-status", "relationship")
    )
    found = reassess(evidence, asked)
    assert found is not None
    e = found.estimate
    assert e.value is not None
    assert e.low is not None
    assert e.low < e.value < (e.high or 0)
    assert p_value(evidence, asked, e.low, above=True) == pytest.approx(0.05, abs=1e-6)
    assert reassess(evidence, replace(asked, by=("race",))) is None
    few = reassess(evidence, replace(asked, min_n=10_000))
    assert few is not None
    assert few.estimate.value is None
    with pytest.raises(PolicyError, match=r"no feature 'relationshp'.*Did you mean 'relationship'"):
        reassess(evidence, replace(asked, features=("relationshp",)))


def test_a_policy_gates_on_shares_also_from_a_stored_report(tmp_path: Path) -> None:
    batch = rows(500, width=3)
    data = ak.Dataset(batch.features.assign(sex=batch.groups["sex"].astype(str), y=batch.y_true), y_true="y",
                      sensitive_features=["sex"])  # fmt: skip
    model = ak.Model(Linear(1.0, 0.3, 0.0), preprocess=None)
    model = model.replaced(preprocess=lambda f: f[["x0", "x1", "x2"]].to_numpy(dtype=np.float32),
                           feature_map={"x0": [0], "x1": [1], "x2": [2]})  # fmt: skip
    rule = {"metric": "gap_share", "of": "mean_score", "by": "sex", "features": ["x0"]}
    policy = {
        "rule": [
            {**rule, "id": "proxy", "at_most": 0.5},
            {**rule, "id": "other", "features": ["x1", "x2"], "at_most": 0.5},
            {**rule, "id": "given the truth", "of": "false_positive_rate", "at_most": 3.0},
        ]
    }
    report = ak.audit(model, data, checks=[ak.GapAttribution(shuffles=2)], policy=policy)
    assert [v.status for v in report.verdicts] == ["fail", "pass", "pass"]
    assert report.verdicts[0].finding == "explanation/gap_share[mean_score][x0]/difference/sex"
    again = ak.judge(ak.Report.load(report.save(tmp_path / "a.json")), policy)
    assert [v.estimate for v in again.verdicts] == [v.estimate for v in report.verdicts]
    with pytest.raises(PolicyError, match=r"rule 'r': gap_share: no feature 'x9'"):
        ak.judge(report, {"rule": [{**rule, "id": "r", "features": ["x9"], "at_most": 1.0}]})
    nothing = ak.judge(report, {"rule": [{**rule, "id": "r", "by": "age", "at_most": 1.0}]}).verdicts[0]
    assert nothing.status == "not_measured"
