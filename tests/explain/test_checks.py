"""From examined rows to a finding: what is stored, what is said, and what is said when it does not hold."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from torch import nn

from auditkit.errors import ModelError
from auditkit.evidence.sample import taken
from auditkit.explain.attributions.check import Attribution
from auditkit.explain.attributions.study import explain
from auditkit.explain.attributions.sums import PHI, AttributionRows
from auditkit.explain.trust.records import completeness, completeness_check
from auditkit.inputs.model import Model
from auditkit.records import Finding, GroupEstimates
from auditkit.stats.means import shape_of
from tests.explain.test_attribution import Lambda, mlp, sample

CHECK = Attribution("integrated_gradients")


def seen_of(rows: int = 200) -> AttributionRows:
    return CHECK.examine(Model(mlp()), sample(rows))


def finding_of(seen: AttributionRows) -> Finding:
    (finding,) = CHECK.assess(seen, level=0.95).findings
    return finding


def estimates(finding: Finding, which: int = 0) -> GroupEstimates:
    exhibit = finding.exhibits[which]
    assert isinstance(exhibit, GroupEstimates)
    return exhibit


def test_one_row_of_observations_a_sampled_row() -> None:
    batch, model = sample(), Model(mlp())
    seen, explained = CHECK.examine(model, batch), explain(model, batch)
    assert len(seen) == 200
    assert list(seen.columns) == [*(f"{PHI}x{j}" for j in range(6)), "weight", "delta", "epsilon", "steps"]
    assert seen.labels == {"sex": batch.groups["sex"].tolist()}
    np.testing.assert_array_equal(seen.columns["phi:x2"], explained.phi[:, 2])
    assert seen.facts["explained"] == "logit"


def test_evidence_adds_and_survives_json() -> None:
    batch = sample()
    parts = [CHECK.examine(Model(mlp()), taken(batch, np.arange(i, 200, 2))) for i in range(2)]
    total = parts[0] + parts[1]
    assert len(total) == 200
    read = AttributionRows.from_json(json.loads(json.dumps(total.to_json(), allow_nan=False)))
    a, b = finding_of(total), finding_of(read)
    assert a.statement == b.statement
    assert a.estimate.value == pytest.approx(b.estimate.value, rel=1e-6)


def test_weighted_means_and_intervals() -> None:
    """Slow twin: statistics of the stored columns, written out."""
    seen = seen_of()
    exhibit = estimates(finding_of(seen))
    w = np.asarray(seen.columns["weight"])
    assert exhibit.series == ("overall", "sex: a", "sex: b")
    values = [row[1][0].value for row in exhibit.rows]
    assert values == sorted(values, reverse=True)
    parts = [w > 0, *(np.array(seen.labels["sex"]) == s for s in "ab")]
    n = np.array([w[rows].sum() ** 2 / (w[rows] ** 2).sum() for rows in parts])
    for feature, cells in exhibit.rows:
        size = np.abs(seen.columns[f"{PHI}{feature}"])
        means = [np.average(size[rows], weights=w[rows]) for rows in parts]
        m2, m3 = (
            np.array([np.average((size[r] - m) ** k, weights=w[r]) for r, m in zip(parts, means, strict=True)])
            for k in (2, 3)
        )
        skewed = m3 / m2**1.5
        k = np.append(shape_of(skewed[:1], n[:1]), shape_of(skewed[1:], n[1:])) / np.sqrt(n)  # everybody; the groups
        assert (np.abs(k) < 0.6).all()
        for i, (cell, rows) in enumerate(zip(cells, parts, strict=True)):
            error, t = np.sqrt(m2[i] / (n[i] - 1)), stats.t.ppf(0.975, n[i] - 1)
            below, above = (3 / k[i] * (np.cbrt(1 + k[i] * (x - k[i] / 6)) - 1) for x in (t, -t))  # Hall's form
            limits = max(0, means[i] - error * max(t, below)), means[i] + error * max(t, -above)
            assert cell.value == pytest.approx(means[i])
            assert (cell.low, cell.high) == pytest.approx(limits)
            assert cell.n == rows.sum()
    signed = estimates(finding_of(seen), 1)
    assert [r[0] for r in signed.rows] == [r[0] for r in exhibit.rows]
    assert signed.rows[0][1][0].value == pytest.approx(np.average(seen.columns[f"{PHI}{signed.rows[0][0]}"], weights=w))


def test_finding_names_what_carries_most() -> None:
    finding = finding_of(seen_of())
    first, second = (row[0] for row in estimates(finding).rows[:2])
    means = [row[1][0].value or 0 for row in estimates(finding).rows]
    assert finding.id == "explanation/integrated_gradients/overall"
    assert finding.estimate.value == pytest.approx(sum(means[:2]) / sum(means))
    assert finding.statement.startswith(f"{first} and {second} carry ")
    assert finding.statement.endswith("how the model reaches its scores, not what causes the outcome.")
    assert [t.id for t in finding.trust] == [f"T{i}" for i in range(13)]
    assert not any(t.failed or t.cautions for t in finding.trust)
    assert finding.trust[1].limit == 0.05


@pytest.mark.slow
def test_coverage_of_the_share() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        phi = rng.exponential([3.0, 2.0, 1.0, 1.0], size=(200, 4))
        columns = {f"{PHI}{j}": phi[:, j] for j in range(4)}
        rest = {"weight": rng.uniform(0.5, 2, 200), "epsilon": np.zeros(200), "steps": np.full(200, 32.0)}
        facts = {"method": "integrated_gradients", "explained": "logit", "baseline": "", "unread": []}
        e = finding_of(AttributionRows({**columns, **rest}, {}, facts)).estimate
        assert e.low is not None
        assert e.high is not None
        hits += e.low <= 5 / 7 <= e.high
    assert hits / 400 >= 0.92


def test_columns_that_the_model_never_reads_are_named() -> None:
    batch = sample()
    batch = replace(batch, features=batch.features.assign(gender="x"))
    names = [f"x{j}" for j in range(6)]
    model = Model(mlp(), preprocess=lambda f: f[names].to_numpy(), feature_map={n: [j] for j, n in enumerate(names)})
    finding = finding_of(CHECK.examine(model, batch))
    assert "not read by the model: gender" in finding.notes
    assert "gender" not in [row[0] for row in estimates(finding).rows]


def test_small_groups_are_listed_without_an_interval() -> None:
    batch = sample()
    groups = pd.DataFrame({"sex": pd.Categorical(["rare"] * 9 + ["common"] * 191)})
    finding = finding_of(CHECK.examine(Model(mlp()), replace(batch, groups=groups)))
    exhibit = estimates(finding)
    assert exhibit.series == ("overall", "sex: common", "sex: rare")
    rare = exhibit.rows[0][1][2]
    assert (rare.state, rare.low, rare.high, rare.n) == ("sparse", None, None, 9)
    assert rare.value is not None
    assert any("sex: rare" in note for note in finding.notes)


@pytest.mark.parametrize("rows", [1, 2, 9, 10])
def test_few_rows_make_a_finding_without_nan(rows: int) -> None:
    finding = finding_of(seen_of(rows))
    assert finding.estimate.state == ("undefined" if rows == 1 else "sparse" if rows < 10 else "ok")
    json.dumps(finding.model_dump(mode="json"), allow_nan=False)


def test_attributions_of_another_net_fail_completeness() -> None:
    batch, model, other = sample(), Model(mlp()), Model(mlp(seed=1))
    right, wrong = explain(model, batch), explain(other, batch)
    assert completeness_check(right.epsilon, right.steps).passed
    check = completeness_check(completeness(wrong.phi.sum(1), right.delta), wrong.steps)
    assert not check.passed
    assert check.value is not None
    assert check.value > 0.5


def test_a_failed_explanation_is_shown_as_failed() -> None:
    seen = seen_of()
    seen.columns["epsilon"][:] = 0.123
    finding = finding_of(seen)
    assert finding.trust[1].passed is False
    assert "Its contributions should add up to the score difference. They miss it by 12.3% (at most 5% allowed)." in (
        finding.statement
    )
    assert not any(f"x{j}" in finding.statement for j in range(6))
    assert finding.estimate.value is not None
    assert "200 never within the limit" in finding.trust[1].note


def test_a_step_that_gradients_cannot_see_fails() -> None:
    middle = float(np.median(Model(mlp(), outputs=lambda z: z[:, 0].sigmoid()).predict(sample().features)))
    stepped = Lambda(lambda z: z + 5 * (z.sigmoid() > middle).float(), mlp())
    finding = finding_of(CHECK.examine(Model(stepped), sample()))
    assert not finding.trust[1].passed
    assert finding.statement.startswith("This explanation does not hold.")


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Model(mlp(), preprocess=lambda f: f.to_numpy()), "columns not mapped"),
        (Model(Lambda(lambda z: (z.abs() * 0).sqrt() + z)), "the net's gradient to its input is NaN or infinite"),
    ],
)
def test_not_measured_with_the_reason(model: Model, why: str) -> None:
    seen = CHECK.examine(model, sample())
    read = AttributionRows.from_json(json.loads(json.dumps(seen.to_json())))
    assessment = CHECK.assess(read, level=0.95)
    assert assessment.findings == ()
    (absent,) = assessment.not_measured
    assert absent.what == "attribution:integrated_gradients"
    assert absent.why.startswith(why)


def test_completeness_by_formula() -> None:
    assert completeness([1.1, 0.0, 0.001], [1.0, 2.0, 0.0]) == pytest.approx([0.1, 1.0, 0.1])
    assert completeness([0.0, 0.5], [0.0, 0.0]).tolist() == [0.0, 1.0]


def test_options_rebuild_the_check() -> None:
    check = Attribution(n_steps=50)
    assert Attribution(**check.options()) == check
    assert check.name == "attribution:integrated_gradients"
    with pytest.raises(ModelError, match="Did you mean 'integrated_gradients'"):
        Attribution("integrated_grads")
    with pytest.raises(ModelError, match="between 1 and 512"):
        Attribution(n_steps=0)


def test_same_weights_same_evidence() -> None:
    net = mlp()
    one, two = (CHECK.examine(Model(m), sample()) for m in (net, copy.deepcopy(net)))
    assert one.to_json() == two.to_json()


def test_assessing_stored_evidence_loads_no_torch() -> None:
    facts = {"method": "integrated_gradients", "explained": "logit", "baseline": "b", "unread": []}
    columns = {"phi:a": [1, 2], "weight": [1, 1], "epsilon": [0, 0], "steps": [8, 8]}
    code = f"""
import sys
from auditkit.explain.attributions.check import Attribution
from auditkit.explain.attributions.sums import AttributionRows
seen = AttributionRows.from_json({{"columns": {columns}, "labels": {{}}, "facts": {facts}}})
print(Attribution().assess(seen).findings[0].statement)
assert not {{"torch", "captum"}} & set(sys.modules)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.startswith("a carries 100.0% of what moves the model's scores, on average")


def test_probability_nets_are_explained_in_probability() -> None:
    model = Model(nn.Sequential(mlp(), nn.Sigmoid()), outputs="probabilities")
    finding = finding_of(CHECK.examine(model, sample()))
    assert estimates(finding).unit == "probability"
    assert any("explains the probability" in note for note in finding.notes)
