"""Trust checks can fail: explanations that are wrong by construction do, right ones pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from captum.attr import DeepLift, IntegratedGradients
from sklearn.datasets import load_digits
from torch import Tensor, nn

from auditkit import demo
from auditkit.catalogue.index import explain as described
from auditkit.catalogue.trust import THRESHOLDS
from auditkit.evidence.sample import Sample, row_keys
from auditkit.explain.attributions.check import Attribution
from auditkit.explain.attributions.sums import AttributionRows, of_class
from auditkit.explain.methods.catalogue import Method
from auditkit.explain.trust.effects import effects, orders
from auditkit.explain.trust.findings import Ranking, ranked, readings
from auditkit.explain.trust.moves import baselines, movable
from auditkit.explain.trust.study import by_class
from auditkit.explain.untrained import untrained
from auditkit.inputs.groups import by_position, summed
from auditkit.inputs.model import Model
from auditkit.records import Finding, GroupEstimates, TrustCheck
from tests.explain.test_attribution import Lambda
from tests.explain.trust_nets import (
    INTEGRATED,
    Net,
    altered,
    batch,
    checks,
    failed,
    finding_by,
    finding_of,
    of_another,
    tabular,
    trained,
    trial_of,
    tried_by,
)

ALL = [f"T{i}" for i in range(13)]


@pytest.fixture(scope="module")
def net() -> Net:
    return tabular()


@pytest.fixture(scope="module")
def good(net: Net) -> AttributionRows:
    return tried_by(*net, INTEGRATED)


def read(trials: AttributionRows, name: str) -> TrustCheck:
    return next(t for t in readings(trials) if t.id == name)


# ---- right explanations pass


def test_the_demo_passes_all_that_blocks() -> None:
    rows = next(iter(demo.data().batches()))
    sample = Sample.of(rows, row_keys(rows), k=500).draw(500)
    check = Attribution()
    (finding,) = check.assess(check.examine(demo.model(), sample)).findings
    assert [t.id for t in finding.trust] == ALL
    assert all(t.applies for t in finding.trust)
    assert failed(finding) == set()
    assert checks(finding)["T5"].note.endswith("whole-number columns moved")


@pytest.mark.parametrize("activation", [nn.SiLU, nn.ReLU])
def test_trained_nets_pass_all_that_blocks(activation: Callable[[], nn.Module]) -> None:
    model, sample = tabular(1, activation=activation)
    check = Attribution()
    (finding,) = check.assess(check.examine(model, sample)).findings
    assert [t.id for t in finding.trust if t.applies] == ALL
    assert failed(finding) == set()


class Digits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 1))

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.layers(image)
        return out


def test_superpixels_of_images_pass_and_are_imputed() -> None:
    digits = load_digits()
    x = (digits.images / 16).astype(np.float32)[:, None]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = trained(Digits(), torch.tensor(x), torch.tensor(digits.target >= 5, dtype=torch.float32))
    squares = np.arange(8)[:, None] // 2 * 4 + np.arange(8)[None] // 2
    model = Model(module, preprocess=lambda f: x[f["i"].to_numpy()], feature_map=squares)
    check = Attribution()
    (finding,) = check.assess(check.examine(model, batch(pd.DataFrame({"i": np.arange(48)})))).findings
    assert [t.id for t in finding.trust if t.applies] == ALL
    assert failed(finding) == set()
    assert checks(finding)["T7"].note.endswith("regions taken away are filled from their neighbours")


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.out = nn.Embedding(30, 6), nn.Sequential(nn.Linear(24, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.out(self.words(ids).flatten(1))
        return out


def test_embeddings_are_tried_where_their_outputs_move() -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 30, (400, 4))
    y = rng.normal(size=(4, 30))[np.arange(4), ids].sum(1) > 0
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = trained(Words(), torch.tensor(ids), torch.tensor(y, dtype=torch.float32), steps=60)
    finding = finding_by(Model(module), batch(pd.DataFrame(ids, columns=list("abcd"))), INTEGRATED)
    assert failed(finding) == set()
    assert [t.id for t in finding.trust if not t.applies] == ["T5"]
    assert checks(finding)["T5"].note.startswith("does not apply: only categories")


@pytest.mark.slow
def test_false_alarms_of_good_explanations() -> None:
    """Of 30 trained nets at most one fails a check that blocks."""
    check = Attribution()

    def found_of(seed: int, activation: Callable[[], nn.Module]) -> set[str]:
        model, sample = tabular(seed, activation=activation, rows=256)
        (finding,) = check.assess(check.examine(model, sample)).findings
        return failed(finding)

    found = [found_of(seed, activation) for seed in range(15) for activation in (nn.SiLU, nn.ReLU)]
    assert sum(map(bool, found)) <= 1, found


# ---- wrong explanations fail, each by the check that is there for it


def test_attributions_of_a_reinitialised_copy_fail_completeness(net: Net) -> None:
    model, sample = net
    other = untrained(model, seed=3).module
    finding = finding_by(model, sample, of_another(lambda x: other(x)[:, 0]))
    assert {"T1", "T9"} <= failed(finding)
    assert finding.statement.startswith("This explanation does not hold. Its contributions should add up")


def test_a_wrong_target_index_fails_completeness() -> None:
    model, sample = tabular(2)
    two = nn.Sequential(model.module, nn.Linear(1, 2))
    finding = finding_by(Model(two), sample, of_another(lambda x: two(x)[:, 0]))
    assert "T1" in failed(finding)


def test_a_method_that_ignores_the_weights_fails_randomisation(net: Net) -> None:
    distance = altered(
        lambda _, at, b: tuple((p - s).abs() for p, s in zip(at.points, b, strict=True)), quadrature=False
    )
    finding = finding_by(*net, distance)
    t4 = checks(finding)["T4"]
    assert t4.failed
    assert t4.value == pytest.approx(1, abs=0.02)
    assert "hardly depends on what the net has learned" in finding.statement
    assert checks(finding_by(*net, altered(lambda phi, _, __: phi, quadrature=False)))["T4"].passed


def test_shuffled_columns_fail_known_answers_and_nothing_that_adds_up(net: Net) -> None:
    shuffled = altered(lambda phi, _, __: (phi[0].roll(1, dims=1), *phi[1:]))
    found = checks(finding_by(*net, shuffled))
    assert found["T1"].passed
    assert found["T2"].passed
    assert found["T9"].failed
    assert (found["T9"].value or 0) > 0.1


def test_riemann_trapezoid_passes_t1_and_t2_and_fails_known_answers(net: Net) -> None:
    def attribute(at: Any, baseline: Any, *, n_steps: int, seed: int = 0) -> tuple[Tensor, ...]:
        engine = IntegratedGradients(at.forward)
        options = {"n_steps": n_steps, "method": "riemann_trapezoid", "additional_forward_args": at.fixed or None}
        found: tuple[Tensor, ...] = engine.attribute(at.points, baselines=baseline, **options)
        return found

    found = checks(finding_by(*net, Method(attribute, quadrature=True), n_steps=64))
    assert found["T1"].passed
    assert found["T2"].passed
    assert found["T9"].failed
    assert (found["T9"].value or 0) > 0.01


class Functional(nn.Module):
    """ReLU as a function, which DeepLIFT's hooks do not see."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x.relu() if isinstance(layer, nn.ReLU) else layer(x)
        return x


@pytest.mark.filterwarnings("ignore:Setting forward")
def test_deep_lift_fails_on_functional_relu_and_passes_on_modules() -> None:
    model, sample = tabular(1, activation=nn.ReLU)
    assert isinstance(model.module, nn.Sequential)

    def of(module: nn.Module) -> Method:
        def attribute(at: Any, baseline: Any, *, n_steps: int, seed: int = 0) -> tuple[Tensor, ...]:
            x = at.points[0].detach().clone().requires_grad_()
            phi = DeepLift(module).attribute(x, baseline[0].expand_as(x) if len(baseline[0]) == 1 else baseline[0])
            return (phi.detach(), *(torch.zeros_like(p) for p in at.points[1:]))

        return Method(attribute)

    as_function = Functional(model.module)
    assert "T1" in failed(finding_by(Model(as_function), sample, of(as_function)))
    assert checks(finding_by(model, sample, of(model.module)))["T1"].passed


def test_noise_and_minus_truth_fail_infidelity(net: Net) -> None:
    trial, _ = trial_of(*net)
    rng = np.random.default_rng(0)

    def passes(phi: Any) -> bool:
        columns, facts = effects(replace(trial, phi=phi))
        return read(table(columns, facts), "T6").passed

    assert passes(trial.phi)
    assert not passes(-trial.phi)
    assert sum(passes(rng.normal(size=trial.phi.shape)) for _ in range(20)) <= 3


def test_a_random_ranking_fails_deletion_and_insertion(net: Net) -> None:
    trial, _ = trial_of(*net)
    rng = np.random.default_rng(0)
    ones, none = torch.ones(trial.phi.shape, dtype=torch.bool), torch.zeros(trial.phi.shape, dtype=torch.bool)
    rows = torch.arange(len(trial.phi))
    delta = (trial.values(ones, rows) - trial.values(none, rows)).numpy()

    def passes(phi: Any) -> bool:
        columns, facts = orders(replace(trial, phi=phi), delta)
        return read(table({**columns, "delta": delta}, facts), "T7").passed

    assert passes(trial.phi)
    assert not passes(-trial.phi)
    assert sum(passes(rng.normal(size=trial.phi.shape)) for _ in range(20)) <= 3


def table(columns: Any, facts: Any) -> AttributionRows:
    """A trial of one check alone."""
    absent = {name: "not asked" for name in (*ALL[2:10], "T12") if not any(c.split(":")[0] == name for c in columns)}
    return AttributionRows(columns, {}, {**facts, "not_tried": absent})


def test_too_few_steps_fail_refinement() -> None:
    model, sample = tabular(1, activation=nn.ReLU)
    assert "T2" in failed(finding_by(model, sample, INTEGRATED, n_steps=1))


def test_a_rough_net_is_unstable_and_a_caution() -> None:
    _, sample = tabular()
    rough = Model(Lambda(lambda z: (300 * z).sin() + z, nn.Linear(8, 1)))
    check = Attribution(n_steps=512)
    (finding,) = check.assess(check.examine(rough, sample)).findings
    t5 = checks(finding)["T5"]
    assert t5.cautions
    assert not t5.failed


def test_a_story_told_by_the_baseline_is_a_caution() -> None:
    """Rare large values: from the mean every row lacks them, from the median hardly any row has them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 8))
    x[:, [0, 7]] = rng.random((300, 2)) < 0.03
    x[:, [0, 7]] *= 10
    weights = torch.tensor([0.0, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.0])

    def jumpy(z: Tensor) -> Tensor:
        return z @ weights[:, None] + 6 * (5 * z[:, :1]).tanh() + 9 * (5 * z[:, 7:]).tanh()

    sample = batch(pd.DataFrame(x, columns=[f"x{j}" for j in range(8)]))
    finding = finding_by(Model(Lambda(jumpy, nn.Identity())), sample, INTEGRATED)
    t3 = checks(finding)["T3"]
    assert t3.cautions
    assert t3.at_least
    assert failed(finding) == set()
    assert "Caution: the ranking depends on the starting point" in finding.statement
    assert any(note.startswith("caution, baseline sensitivity (T3)") for note in finding.notes)


def test_methods_that_disagree_are_a_caution() -> None:
    """Steep where the rows are, flat on the way: the gradient at the row says nothing of the path."""
    _, sample = tabular()
    wave = Model(Lambda(lambda z: (40 * z).sin().sum(1, keepdim=True) * 0.3 + z.sum(1, keepdim=True), nn.Linear(8, 8)))
    trials = tried_by(wave, sample, INTEGRATED, n_steps=256).trials
    assert trials is not None
    assert read(trials, "T8").cautions


# ---- evidence and its readings


def test_a_failure_says_what_it_means_and_is_never_hidden(good: AttributionRows) -> None:
    assert good.trials is not None
    good = replace(
        good, trials=replace(good.trials, columns={**good.trials.columns, "T4": good.trials.columns["T4"] * 0 + 0.9})
    )
    finding = finding_of(good)
    assert failed(finding) == {"T4"}
    assert finding.statement == (
        "This explanation does not hold. Failed T4, model randomisation: the explanation hardly depends on what the "
        "net has learned."
    )
    assert any(note.startswith("model randomisation (T4)") for note in finding.notes)


def test_evidence_adds_with_its_trials_and_survives_json(net: Net, good: AttributionRows) -> None:
    total = good + good
    assert total.trials is not None
    assert len(total.trials) == 2 * 256
    again = AttributionRows.from_json(json.loads(json.dumps(total.to_json(), allow_nan=False)))
    a, b = (finding_of(seen) for seen in (total, again))
    for one, two in zip(a.trust, b.trust, strict=True):
        assert one.passed == two.passed
        if one.value is not None:
            assert one.value == pytest.approx(two.value, rel=1e-3, abs=1e-6)


def test_the_model_is_left_as_found(net: Net) -> None:
    model, sample = net
    model.module.train()
    before, state = model.state_sha256(), torch.random.get_rng_state()
    tried_by(model, sample, INTEGRATED)
    assert model.module.training
    assert model.state_sha256() == before
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(p.requires_grad for p in model.module.parameters())
    model.module.eval()


def test_same_seed_same_numbers(net: Net, good: AttributionRows) -> None:
    assert tried_by(*net, INTEGRATED).to_json() == good.to_json()


@pytest.mark.parametrize("rows", [1, 2, 9, 10])
def test_few_rows(net: Net, rows: int) -> None:
    model, sample = net
    few = batch(sample.features.head(rows))
    finding = finding_by(model, few, INTEGRATED)
    found = checks(finding)
    assert found["T6"].applies == found["T7"].applies == found["T12"].applies == (rows >= 10)
    assert failed(finding) == set()
    json.dumps(finding.model_dump(mode="json"), allow_nan=False)


def test_one_column_has_no_ranking() -> None:
    sample = batch(pd.DataFrame({"x": np.random.default_rng(0).normal(size=60)}))
    finding = finding_by(Model(nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))), sample, INTEGRATED)
    assert [t.id for t in finding.trust if not t.applies] == ["T3", "T4", "T6", "T7", "T8", "T12"]
    assert failed(finding) == set()


def test_a_method_that_cannot_be_asked_says_so(net: Net) -> None:
    def attribute(at: Any, baseline: Any, *, n_steps: int, seed: int = 0) -> tuple[Tensor, ...]:
        if len(at.points) > 1 or len(baseline[0]) > 1:
            raise ValueError("one tensor and one baseline only")
        return INTEGRATED.attribute(at, baseline, n_steps=n_steps, seed=seed)

    found = checks(finding_by(*net, Method(attribute, quadrature=True)))
    assert {i for i, t in found.items() if not t.applies} == {"T3", "T9"}
    assert found["T9"].note.endswith("the method cannot be asked this (ValueError)"), "a foreign message can quote rows"


def test_trials_of_several_classes_part_again(good: AttributionRows) -> None:
    assert good.trials is not None
    both = AttributionRows({}, {}, {"classes": ["yes", "no"]}, by_class({"yes": good.trials, "no": good.trials}))
    trials = of_class(both, "yes").trials
    assert trials is not None
    assert trials.to_json() == good.trials.to_json()


def test_what_may_be_moved() -> None:
    rng = np.random.default_rng(0)
    n = 200
    frame = pd.DataFrame({"income": rng.normal(size=n), "age": rng.integers(18, 90, n), "code": rng.integers(0, 90, n)})

    def encode(f: pd.DataFrame) -> Any:
        scattered = np.sin(7.0 * f["code"].to_numpy())  # what a code becomes has nothing to do with its size
        return np.stack([f["income"], (f["age"] - 50) / 9, scattered], axis=1).astype(np.float32)

    names = ("income", "age", "code")
    model = Model(nn.Linear(3, 1), preprocess=encode, feature_map={c: [j] for j, c in enumerate(names)})
    _, whole = trial_of(model, batch(frame))
    assert movable(whole, frame) == ({0}, "measured")
    assert movable(whole, frame.assign(income=1)) == ({1}, "whole")
    assert movable(whole, frame.assign(income=1, age=frame["age"].astype(str))) == (set(), "whole")


def test_one_hot_blocks_never_move() -> None:
    x = torch.eye(4).repeat(10, 1)
    _, whole = trial_of(Model(nn.Linear(4, 1)), batch(pd.DataFrame(x.numpy(), columns=list("abcd"))))
    whole = replace(whole, groups=by_position({"region": [0, 1, 2, 3]}, x[:1]))
    assert movable(whole, pd.DataFrame({"region": ["a", "b", "c", "d"] * 10})) == (set(), "whole")


# ---- T10 and T11


def test_the_ranking_is_as_sure_as_the_rows_make_it(good: AttributionRows) -> None:
    rng = np.random.default_rng(0)
    sizes = np.abs(rng.normal(size=(400, 3))) * [2.0, 1.0, 1.0]
    ranking = Ranking.at(ranked(sizes, np.ones(400), k=1), 0.95)
    assert ranking.leads.tolist() == [1.0, 0.0, 0.0]
    error = sizes[:, 0].std() / 20
    assert (ranking.low[0], ranking.high[0]) == pytest.approx(
        (sizes[:, 0].mean() - 1.96 * error, sizes[:, 0].mean() + 1.96 * error), rel=0.02
    )
    tied = Ranking.at(ranked(sizes[:, 1:], np.ones(400), k=1), 0.95).leads
    assert tied.sum() == pytest.approx(1)
    assert checks(finding_of(good))["T10"].value is not None


def test_an_explanation_that_is_worse_for_one_group_is_named(good: AttributionRows) -> None:
    assert good.trials is not None
    assert exhibit(finding_of(good)).rows[0][0].startswith("T1")
    where = np.array(good.trials.labels["sex"]) == "b"
    worse = good.trials.columns["T5"] + where * good.trials.columns["T5:size"]
    finding = finding_of(replace(good, trials=replace(good.trials, columns={**good.trials.columns, "T5": worse})))
    shown = exhibit(finding)
    assert shown.series == ("sex: a", "sex: b", "sex: largest gap")
    gap = dict(shown.rows)["T5 move under small noise"][2]
    assert gap.low is not None
    assert gap.low > 0
    assert gap.value == pytest.approx(1, abs=0.05)
    assert "T5 move under small noise by sex" in checks(finding)["T11"].note
    assert checks(finding)["T11"].passed


def exhibit(finding: Finding) -> GroupEstimates:
    last = finding.exhibits[-1]
    assert isinstance(last, GroupEstimates)
    return last


# ---- the table


def test_the_table_is_in_the_catalogue_and_in_every_finding(good: AttributionRows) -> None:
    assert list(THRESHOLDS) == ALL
    finding = finding_of(good)
    for t in finding.trust:
        line = THRESHOLDS[t.id]
        assert f"{t.id} {line.name}: {line.tests}?" in described("trust_checks")
        assert (t.name, t.at_least, t.blocking) == (line.name, line.at_least, line.blocking)
        if line.limit is not None and t.id != "T4":
            assert t.limit == line.limit
    assert [t for t in THRESHOLDS if not THRESHOLDS[t].blocking] == ["T3", "T5", "T8"]


def test_contributions_of_the_trial_are_those_shown(net: Net) -> None:
    trial, whole = trial_of(*net)
    again = summed(whole.groups, INTEGRATED.attribute(whole, trial.baseline, n_steps=32)).numpy()
    np.testing.assert_allclose(trial.phi, again[:256], rtol=1e-4, atol=1e-5)


# ---- checks that are decided by an interval


def borderline(seed: int) -> TrustCheck:
    """T3 of a net whose ranking hangs on which rows are drawn to start from."""
    model, sample = tabular(5, rows=120, width=6)
    trial, whole = trial_of(model, sample, n_steps=8)
    columns, facts = baselines(replace(trial, seed=seed), whole)
    n = len(trial.phi)
    names = list(trial.at.groups.names)
    return read(table({**columns, "weight": np.ones(n), "delta": np.ones(n)}, {**facts, "features": names}), "T3")


def test_t3_toggles_with_no_seed() -> None:
    found = [borderline(seed) for seed in range(10)]
    assert len({round(t.value or 0, 4) for t in found}) > 1, "seeds must matter for this to say something"
    assert not (any(t.passed for t in found) and any(t.cautions for t in found)), [(t.low, t.high) for t in found]
    for t in found:
        assert t.low is not None
        assert t.high is not None
        assert t.low <= (t.value or 0) <= t.high
        assert t.sure == (t.low >= 0.7 or t.high < 0.7)


def test_t3_of_a_right_explanation_is_decided() -> None:
    """Of a linear net no ranking hangs on the starting point, whichever rows are drawn to start from."""
    rng = np.random.default_rng(0)
    sample = batch(pd.DataFrame(rng.normal(size=(256, 6)), columns=list("abcdef")))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Linear(6, 1)
        with torch.no_grad():
            net.weight.copy_(torch.tensor([[2.0, -1.5, 1.1, 0.8, -0.6, 0.4]]))
    trial, whole = trial_of(Model(net), sample)
    names = list(trial.at.groups.names)
    for seed in range(10):
        columns, facts = baselines(replace(trial, seed=seed), whole)
        assert len(columns) == 3 * len(names), "one mean over its own eight rows a row"
        more = {"weight": np.ones(256), "delta": np.ones(256)}
        found = read(table({**columns, **more}, {**facts, "features": names}), "T3")
        assert (found.passed, found.sure) == (True, True), (seed, found)


def test_rows_start_from_rows_of_their_own_each_as_often_as_another() -> None:
    """Closed form: of a linear net φ from 8 rows is w (x − their mean); the mean of these means is that of x."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(64, 2))
    net = nn.Linear(2, 1)
    trial, whole = trial_of(Model(net), batch(pd.DataFrame(x, columns=["a", "b"])))
    columns, _ = baselines(trial, whole)
    w = net.weight.detach().numpy()[0]
    for j, name in enumerate("ab"):
        started = x[:, j] - columns[f"T3:rows:{name}"] / w[j]
        assert started.mean() == pytest.approx(x[:, j].mean(), abs=1e-5)
        assert 0.5 < started.std() / (x[:, j].std() / 8**0.5) < 1.5, "not the same for all"


def test_t8_is_sure_where_its_interval_is() -> None:
    rng = np.random.default_rng(0)
    far, near = rng.uniform(0.6, 1, 200), np.where(rng.random(40) < 0.5, 1.0, 0.02)

    def of(values: Any) -> TrustCheck:
        return read(table({"T8": values, "weight": np.ones(len(values))}, {"T8:k": 2}), "T8")

    assert (of(far).passed, of(far).sure) == (True, True)
    assert (of(far - 0.6).passed, of(far - 0.6).cautions) == (False, True)
    doubt = of(near)
    assert (doubt.passed, doubt.cautions, doubt.sure) == (False, False, False)
    assert doubt.note.endswith("it is not sure whether methods agree")
    assert [of(rng.permutation(near)).sure for _ in range(10)] == [False] * 10
    again = TrustCheck.model_validate(json.loads(doubt.model_dump_json()))
    assert again == doubt
    assert "sure" not in of(far).model_dump()


def test_of_very_many_features_none_may_count_alone() -> None:
    from auditkit.explain.trust.findings import _alike

    sizes = np.random.default_rng(0).uniform(0.9, 1.1, 500)
    assert _alike(sizes, sizes) == pytest.approx(1.0)
    assert abs(_alike(sizes, np.random.default_rng(1).permutation(sizes))) < 0.2
