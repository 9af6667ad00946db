"""LayerAudit from rows to findings: planted truths, words, what cannot be measured, and the model as it was found."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from auditkit.batch import Batch
from auditkit.check import Assessment
from auditkit.errors import DataError, EvidenceError, ModelError, NotExplained
from auditkit.evidence.sample import taken
from auditkit.explain.layers import interventions, one_layer
from auditkit.explain.layers import study as layer_study
from auditkit.explain.layers.check import LayerAudit
from auditkit.explain.layers.sums import LayerSums
from auditkit.inputs.model import Model
from auditkit.records import Finding, Layer, Layers, Table
from tests.explain.nets import Image, Residual, Reused, Words, seeded
from tests.explain.nets import Sequence as Recurrent
from tests.explain.planted import HIDDEN, WIDTH, Planted, batch, plain, trained

CHECK = LayerAudit(random=5)


@pytest.fixture(scope="module")
def planted() -> Model:
    return Model(trained(Planted, batch(seed=10), steps=150))


@pytest.fixture(scope="module")
def seen(planted: Model) -> LayerSums:
    return CHECK.examine(planted, batch(800))


def exhibit(finding: Finding) -> Layers:
    found = finding.exhibits[0]
    assert isinstance(found, Layers)
    return found


def layers_of(finding: Finding) -> dict[str, Layer]:
    return {y.name: y for y in exhibit(finding).layers}


def only(assessment: Assessment) -> Finding:
    (finding,) = assessment.findings
    return finding


def gap(model: Model, rows: Batch) -> float:
    score, z = model.predict(rows.features), (rows.groups["sex"] == "b").to_numpy()
    w = np.ones(len(score)) if rows.weight is None else rows.weight
    return float(np.average(score[z], weights=w[z]) - np.average(score[~z], weights=w[~z]))


def test_finding_of_a_planted_net(planted: Model, seen: LayerSums) -> None:
    finding = only(CHECK.assess(seen))
    assert finding.id == "explanation/layer_audit/overall/sex"
    assert finding.by == ("sex",)
    layers = layers_of(finding)
    assert list(layers) == ["input", "biased", "other", "into wide", "wide", "head"]
    wide, other = layers["wide"], layers["other"]
    assert wide.before is not None
    assert wide.before.value == pytest.approx(gap(planted, batch(800)), abs=1e-6)
    assert wide.after is not None
    assert abs(wide.after.value or 0) < 0.2 * wide.before.value
    assert wide.random is not None
    assert wide.random > 0.8 * wide.before.value
    assert wide.knows is not None
    assert (wide.knows.low or 0) > 0.75
    assert other.knows is not None
    assert (other.knows.low or 1) < 0.5 < (other.knows.high or 0)
    assert [y.cut for y in layers.values()] == [True, False, False, True, True, True]
    assert {*wide.named[:5]} == {0, 1, 2, 3, 4}
    assert sum(wide.neurons) == pytest.approx(wide.before.value, abs=0.01)
    assert layers["head"].before is None, "one number: erasing it would leave nothing"
    assert [(t.id, t.passed) for t in finding.trust] == [("T0", True), ("T1", True)]
    guess = exhibit(finding).guess
    assert guess is not None
    share = batch(800).y_true.mean()
    assert guess == pytest.approx(max(share, 1 - share))


def test_accuracy_before_is_that_of_the_decisions(planted: Model, seen: LayerSums) -> None:
    rows = batch(800)
    right = (planted.predict(rows.features) >= 0.5) == rows.y_true
    wide = layers_of(only(CHECK.assess(seen)))["wide"]
    assert wide.accuracy_before == pytest.approx(right.mean())
    assert wide.accuracy_after is not None
    assert wide.accuracy_after < right.mean()


def test_what_is_said(seen: LayerSums) -> None:
    finding = only(CHECK.assess(seen))
    assert finding.statement.startswith("The layer 'wide' linearly tells a from b in ")
    assert "(guessing: 50%; a small non-linear reader: 8" in finding.statement
    assert "; erasing there everything that goes with sex closes " in finding.statement
    assert (
        "rasing alone does not tell what is used from what only goes with sex; columns declared as legit"
        in finding.statement
    )
    assert exhibit(finding).use == "goes_with"
    assert " points of accuracy" in finding.statement
    assert finding.statement.endswith("how the model reaches its scores, not what causes the outcome.")
    assert "not a cut of the net, so that contributions are a part of the gap: biased, other" in finding.notes


def test_ablation_is_a_table_of_its_own(seen: LayerSums) -> None:
    table = only(CHECK.assess(seen)).exhibits[1]
    assert isinstance(table, Table)
    (wide,) = (r for r in table.rows if r[0] == "wide")
    _, held, before, after, random = wide
    assert held == 5
    assert isinstance(before, float)
    assert isinstance(after, float)
    assert isinstance(random, float)
    assert after < 0.3 * before < 0.8 * before < random


def test_no_gap_no_claim_and_knowledge_without_use() -> None:
    """The layer holds the group, the head does not read it."""
    net = seeded(Planted)
    with torch.no_grad():
        net.head.weight[:, :5] = 0
    finding = only(CHECK.assess(CHECK.examine(Model(net), batch(2_000))))
    assert "tells" in finding.statement
    assert "there is no sure gap in scores between them" in finding.statement
    assert exhibit(finding).use == "not_used"
    assert "places that all paths through the net cross: nothing here shows" in finding.statement
    (wide,) = (y for y in exhibit(finding).layers if y.name == "wide")
    assert (wide.knows.low if wide.knows else 0) > 0.75


def test_a_net_that_cannot_know() -> None:
    finding = only(CHECK.assess(CHECK.examine(Model(seeded(Planted)), batch(600, shift=0))))
    assert "does not linearly tell" in finding.statement
    assert "better than guessing" in finding.statement


def test_evidence_adds_and_survives_json(planted: Model) -> None:
    parts = [CHECK.examine(planted, taken(batch(800), np.arange(i, 800, 2))) for i in range(2)]
    total = parts[0] + parts[1]
    read = LayerSums.from_json(json.loads(json.dumps(total.to_json(), allow_nan=False, sort_keys=True)))
    a, b = only(CHECK.assess(total)), only(CHECK.assess(read))
    assert a.statement == b.statement
    ones = [layers_of(only(CHECK.assess(p)))["wide"] for p in (*parts, total)]
    assert ones[2].knows is not None
    assert ones[2].untrained == pytest.approx(((ones[0].untrained or 0) + (ones[1].untrained or 0)) / 2)
    widths = [(y.knows.high or 0) - (y.knows.low or 0) for y in ones if y.knows]
    assert widths[2] < min(widths[:2])
    with pytest.raises(EvidenceError, match="seed"):
        _ = parts[0] + LayerSums({**parts[1].facts, "seed": 1}, parts[1].sums)


def test_the_same_twice(planted: Model, seen: LayerSums) -> None:
    assert CHECK.examine(planted, batch(800)).to_json() == seen.to_json()


def test_weights_speak_of_all_rows(planted: Model) -> None:
    rows = replace(batch(800), weight=np.linspace(0.2, 3, 800))
    finding = only(CHECK.assess(CHECK.examine(planted, rows)))
    wide = layers_of(finding)["wide"]
    assert wide.before is not None
    assert wide.before.value == pytest.approx(gap(planted, rows), abs=1e-6)
    assert wide.cut
    assert finding.trust[1].passed


def test_of_several_groups_the_two_that_drive_the_gap(planted: Model) -> None:
    finding = only(CHECK.assess(CHECK.examine(planted, batch(900, groups=3))))
    assert any(n.startswith("compares c (") and "with a (" in n for n in finding.notes)
    assert "not compared: b" in finding.notes


def test_few_rows_and_one_group_are_said() -> None:
    rows = batch(200)
    model = Model(seeded(Planted))

    def why(labels: list[str]) -> str:
        groups = pd.DataFrame({"sex": pd.Categorical(labels)})
        found = CHECK.assess(CHECK.examine(model, replace(rows, groups=groups)))
        assert not found.findings
        return found.not_measured[0].why

    assert why(["a"] * 200) == "the sample holds one group only"
    assert why(["a"] * 181 + ["b"] * 19) == "two groups of at least 20 sampled rows are needed; there are: a"
    assert why(["a"] * 100 + ["(missing)"] * 100) == "the sample holds one group only"


def test_wrong_options() -> None:
    rows, model = batch(100), Model(seeded(Planted))
    with pytest.raises(DataError, match=r"no sensitive attribute 'sox'; there are sex\. Did you mean 'sex'"):
        LayerAudit(by="sox").examine(model, rows)
    with pytest.raises(ModelError, match=r"no layer 'wild'\. Did you mean 'wide'"):
        LayerAudit(layers=["wild"]).examine(model, rows)
    with pytest.raises(ModelError, match="random must lie between"):
        LayerAudit(random=-1)


def test_runs_that_the_net_cannot_read_are_counted(monkeypatch: pytest.MonkeyPatch, planted: Model) -> None:
    run, calls = one_layer.scores_with, iter(range(10_000))

    def refuses(model: Any, inputs: Any, layer: Any, values: Any, rows: Any) -> Any:
        many = len(rows) > 250  # five random ones at once: then one by one, of which the third is refused again
        if many or next(calls) % 6 == 3:
            raise NotExplained("the net cannot be run on changed rows (ValueError)")
        return run(model, inputs, layer, values, rows)

    monkeypatch.setattr(one_layer, "scores_with", refuses)
    wide = layers_of(only(CHECK.assess(CHECK.examine(planted, batch(400)))))["wide"]
    assert wide.random is not None
    assert "1 of the random directions left out: the net cannot read what they leave" in wide.note
    assert "1 of the random sets of neurons left out" in wide.note


def test_memory_that_runs_out_is_no_reason(monkeypatch: pytest.MonkeyPatch, planted: Model) -> None:
    def full(*_: Any) -> Any:
        raise torch.cuda.OutOfMemoryError("out of memory")

    monkeypatch.setattr(one_layer, "scores_with", full)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        CHECK.examine(planted, batch(400))


def test_named_layers_only_and_no_random_directions(planted: Model) -> None:
    check = LayerAudit(by=["sex"], layers=["wide"], random=0)
    assert type(check)(**check.options()) == check
    finding = only(check.assess(check.examine(planted, batch(200))))
    layers = layers_of(finding)
    assert list(layers) == ["input", "wide"]
    assert layers["wide"].random is None
    assert layers["wide"].after is not None


def encoded(shape: tuple[int, ...]) -> Any:
    def encode(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        flat = np.tile(frame.to_numpy(dtype=np.float32), 5)[:, : int(np.prod(shape))]
        return flat.reshape(len(frame), *shape)

    return encode


def identities(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    return (np.abs(frame.to_numpy()[:, :4]) * 5).astype(np.int64).clip(0, 19)


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Linear(4, 6), nn.Linear(4, 6), nn.Linear(12, 2)

    def forward(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(torch.cat([self.left(a), self.right(b)], dim=1).tanh())}


def two(frame: pd.DataFrame) -> dict[str, Any]:
    x = frame.to_numpy(dtype=np.float32)
    return {"a": x[:, :4], "b": x[:, 4:]}


SIX = [f"x{j}" for j in range(6)]
KINDS: dict[str, Model] = {
    "CNN": Model(seeded(Image), preprocess=encoded((1, 6, 6))),
    "LSTM": Model(seeded(Recurrent), preprocess=encoded((4, 3))),
    "LSTM, time first": Model(seeded(lambda: Recurrent(batch_first=False)), preprocess=encoded((4, 3))),
    "embeddings": Model(seeded(Words), preprocess=identities, feature_map={"x0": [0], "x1": [1, 2, 3]}),
    "several inputs by name": Model(seeded(TwoInputs), preprocess=two),
    "modules called twice": Model(seeded(Reused), preprocess=lambda f: f[SIX].to_numpy(dtype=np.float32)),
    "residual": Model(seeded(Residual), preprocess=lambda f: f[SIX].to_numpy(dtype=np.float32)),
    "one layer": Model(seeded(lambda: nn.Linear(WIDTH, 1))),
    "float64": Model(seeded(plain).double()),
    "probabilities": Model(nn.Sequential(seeded(plain), nn.Sigmoid()), outputs="probabilities"),
}


@pytest.mark.parametrize("name", KINDS)
def test_any_net_and_it_is_left_as_it_was(name: str) -> None:
    model, rows = KINDS[name], batch(120)
    before, random = copy.deepcopy(model.module.state_dict()), torch.random.get_rng_state()
    model.module.train()
    check = LayerAudit(random=1)
    evidence = check.examine(model, rows)
    assert model.module.training
    assert all(p.requires_grad and p.grad is None for p in model.module.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.module.modules())
    assert torch.equal(random, torch.random.get_rng_state())
    assert all(torch.equal(v, before[k]) for k, v in model.module.state_dict().items())
    json.dumps(evidence.to_json(), allow_nan=False)
    finding = only(check.assess(evidence))
    assert not (" closes " in finding.statement and "nothing here" in finding.statement)
    measured = [y for y in exhibit(finding).layers if y.knows is not None]
    assert len(measured) >= 2
    assert finding.trust[-1].passed, finding.trust[-1].note


def test_state_is_restored_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    net = seeded(Planted).train()

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(layer_study, "knows", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        CHECK.examine(Model(net), batch(100))
    assert net.training
    assert all(p.requires_grad for p in net.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


class Hard(nn.Module):
    """Layers that can be read, and a decision without a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(WIDTH, 6), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        return (self.head(self.hidden(x)) > 0).float()


def test_no_gradient_leaves_probes_and_erasure() -> None:
    model = Model(seeded(Hard), outputs="probabilities")
    finding = only(CHECK.assess(CHECK.examine(model, batch(200))))
    hidden = layers_of(finding)["hidden"]
    assert hidden.knows is not None
    assert hidden.after is not None
    assert hidden.cut, "seen without a gradient"
    assert hidden.neurons == ()
    assert "no gradient flows through it" in hidden.note
    assert [t.id for t in finding.trust] == ["T0"]


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript_is_not_measured() -> None:
    traced = torch.jit.trace(seeded(plain), torch.zeros(3, WIDTH))
    found = CHECK.assess(CHECK.examine(Model(traced), batch(100)))
    assert found.findings == ()
    assert found.not_measured[0].what == "layer_audit"
    assert "TorchScript runs its layers where no hook sees them" in found.not_measured[0].why


def test_rows_that_influence_each_other_are_refused() -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = plain()

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x - x.mean(0))

    with pytest.raises(ModelError, match="rows influence each other"):
        CHECK.examine(Model(Mean()), batch(100))


def test_wide_layers_are_probed_in_a_projection_that_is_stated(monkeypatch: pytest.MonkeyPatch, planted: Model) -> None:
    for module in (interventions, layer_study):
        monkeypatch.setattr(module, "WIDEST", HIDDEN - 1)
    monkeypatch.setattr(interventions, "PROJECTED", 32)
    wide = layers_of(only(CHECK.assess(CHECK.examine(planted, batch(400)))))["wide"]
    assert wide.knows is not None
    assert (wide.knows.low or 0) > 0.7, "the group is still there"
    assert wide.after is None
    assert wide.neurons


def test_much_work_leaves_layers_out_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_study, "WORK", 0)
    deep = nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(7)), nn.Linear(WIDTH, 1))
    check = LayerAudit(random=0)
    layers = layers_of(only(check.assess(check.examine(Model(deep), batch(100)))))
    assert [n for n, y in layers.items() if y.after is not None] == ["input", "1", "4", "6"]
    assert layers["0"].note == "not erased: name it in layers= to have it erased"
    assert layers["0"].knows is not None


def test_regression_has_no_accuracy() -> None:
    rows = replace(batch(200), task="regression", y_true=np.linspace(0, 1, 200), y_pred=np.full(200, np.nan))
    finding = only(CHECK.assess(CHECK.examine(Model(seeded(plain), task="regression"), rows)))
    assert exhibit(finding).guess is None
    assert exhibit(finding).unit == ""
    assert layers_of(finding)["1"].accuracy_after is None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("make", "layer", "l1"), [(Planted, "wide", 0.0), (plain, "1", 0.003)])
def test_planted_gap_closes_by_its_neurons_and_by_erasure(make: Any, layer: str, l1: float, seed: int) -> None:
    """Neurons and erasers chosen on one half and read on the other; 20 random sets and directions beside them."""
    model = Model(trained(make, batch(seed=10 + seed), l1=l1, seed=seed))
    check = LayerAudit(layers=[layer])
    finding = only(check.assess(check.examine(model, batch(seed=seed))))
    table = finding.exhibits[1]
    assert isinstance(table, Table)
    (row,) = (r for r in table.rows if r[0] == layer)
    held, before, after, random = (float(v) for v in row[1:] if v is not None)
    assert held == 5
    assert after <= 0.2 * before
    assert random > 0.8 * before
    erased = layers_of(finding)[layer]
    assert erased.after is not None
    assert (erased.after.value or 0) <= 0.2 * before
    assert (erased.random or 0) > 0.8 * before


def three_classes(rows: Batch) -> tuple[Model, Batch]:
    """Class `mid` follows the proxies, class `high` a column that no group differs in."""
    net = nn.Linear(WIDTH, 3)
    with torch.no_grad():
        net.weight.zero_()
        net.bias.zero_()
        net.weight[1, 0], net.weight[2, 5] = 1.5, 0.2
    y = np.argmax(net(torch.tensor(rows.features.to_numpy(), dtype=torch.float32)).detach().numpy(), axis=1)
    several = replace(rows, task="multiclass", classes=("low", "mid", "high"), y_true=y.astype(np.int16))
    return Model(nn.Sequential(nn.Linear(WIDTH, WIDTH), net), task="multiclass"), several


def test_of_several_classes_the_worst_or_the_one_that_is_named() -> None:
    """By hand: the gap is that of the softmax of the class; the worst is the one that follows the proxies."""
    model, rows = three_classes(batch(600))
    with torch.no_grad():
        model.module[0].weight.copy_(torch.eye(WIDTH))
        model.module[0].bias.zero_()
    score, z = model.predict(rows.features), (rows.groups["sex"] == "b").to_numpy()
    for check, label, i in ((LayerAudit(random=0), "mid", 1), (LayerAudit(random=0, label="high"), "high", 2)):
        evidence = check.examine(model, rows)
        finding = only(check.assess(LayerSums.from_json(json.loads(json.dumps(evidence.to_json())))))
        assert finding.label == label
        assert finding.id == f"explanation/layer_audit/overall/sex[{label}]"
        layer = layers_of(finding)["0"]
        assert layer.before is not None
        assert abs(layer.before.value or 0) == pytest.approx(abs(score[z, i].mean() - score[~z, i].mean()), abs=1e-6)
        assert layer.before.level == pytest.approx(0.95 if label == "high" else 1 - 0.05 / 3)
    with pytest.raises(ModelError, match="no class 'hihg'"):
        LayerAudit(label="hihg").examine(model, rows)
    with pytest.raises(ModelError, match="omit it"):
        LayerAudit(label="high").examine(Model(seeded(plain)), batch(100))
