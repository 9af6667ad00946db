"""Outputs that nobody has named: what a net ends in, and the range of what it gives, decide whether that is an error.

The truth is planted: a net whose logit is known, written in every way; said right, its scores are those of the logit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import auditkit as ak
from auditkit.audit import conclude, observe
from auditkit.errors import ModelError
from auditkit.evidence.output_range import OutputRange
from auditkit.inputs.endings import ending_of

N = 60
X = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
ROWS = pd.DataFrame(X, columns=["a", "b"])
FRAME = ROWS.assign(sex=["f", "m"] * (N // 2), y=(X[:, 0] > 0).astype(int))
BOTH = r'outputs="probabilities"\) or Model\(…, outputs="logits"'
LOGIT = 3 * X[:, 0] - X[:, 1] - 1
TRUTH = 1 / (1 + np.exp(-LOGIT.astype(float)))


def line(columns: int = 1) -> nn.Linear:
    """Its last output is the logit; the others are its negative, or 0."""
    net = nn.Linear(2, columns)
    with torch.no_grad():
        net.weight.zero_()
        net.bias.zero_()
        net.weight[-1], net.bias[-1] = torch.tensor([3.0, -1.0]), -1.0
        if columns > 1:
            net.weight[0], net.bias[0] = torch.tensor([-3.0, 1.0]), 1.0
    return net


class Then(nn.Module):
    """A function after the layer: no module to be seen."""

    def __init__(self, f: Callable[[Tensor], Any], columns: int = 1) -> None:
        super().__init__()
        self.line, self.f = line(columns), f

    def forward(self, x: Tensor) -> Any:
        return self.f(self.line(x))


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = line()

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.line(x)).squeeze(1)


class Wrapped(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.last = net, nn.Identity()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.last(self.net(x).clone())}


def no_grad(f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def inner(z: Tensor) -> Tensor:
        with torch.inference_mode():
            return f(z)

    return inner


def halved(z: Tensor) -> Tensor:
    return torch.cat([torch.sigmoid(z[: len(z) // 2]), torch.sigmoid(z[len(z) // 2 :])])


def both(z: Tensor) -> Tensor:
    p = torch.sigmoid(z[:, 0])
    return torch.stack([1 - p, p], 1)


PROBABILITIES: dict[str, Callable[[], nn.Module]] = {
    "Sigmoid": lambda: nn.Sequential(line(), nn.Sigmoid()),
    "nested": lambda: nn.Sequential(nn.Sequential(line(), nn.Sequential(nn.Sigmoid(), nn.Flatten(0))), nn.Dropout()),
    "function": lambda: Then(torch.sigmoid),
    "method in place": lambda: Then(lambda z: z.sigmoid_()[:, 0]),
    "expit": lambda: Then(torch.special.expit),
    "inference mode": lambda: Then(no_grad(torch.sigmoid)),
    "behind names": lambda: Wrapped(Wrapped2(nn.Sequential(line(), nn.Sigmoid()))),
    "clipped": lambda: Then(lambda z: torch.sigmoid(z).clamp(1e-6, 1 - 1e-6)),
    "in parts": lambda: Then(halved),
    "exp of logsigmoid": lambda: Then(lambda z: F.logsigmoid(z).exp()),
    "Softmax": lambda: nn.Sequential(line(2), nn.Softmax(dim=1)),
    "softmax, last column": lambda: Then(lambda z: F.softmax(z, 1)[:, 1], 2),
    "sigmoid and the rest": lambda: Then(
        lambda z: torch.stack([1 - torch.sigmoid(z[:, 0]), torch.sigmoid(z[:, 0])], 1)
    ),
    "double": lambda: Then(lambda z: torch.sigmoid(z.double())),
    "script": lambda: torch.jit.script(Scripted()),
    "trace": lambda: torch.jit.trace(Scripted(), torch.zeros(2, 2)),
    "frozen script": lambda: torch.jit.freeze(torch.jit.script(Scripted().eval())),
    "fx": lambda: torch.fx.symbolic_trace(Scripted()),
    "exported": lambda: exported(Scripted()),
}


class Wrapped2(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def exported(net: nn.Module) -> nn.Module:
    rows = torch.export.Dim("rows")
    return torch.export.export(net, (torch.zeros(4, 2),), dynamic_shapes=({0: rows},)).module()


def data(frame: pd.DataFrame = FRAME, **options: Any) -> ak.Dataset:
    return ak.Dataset(frame, y_true="y", sensitive_features="sex", **options)


def without_sex(frame: pd.DataFrame) -> Any:
    return frame[["a", "b"]].to_numpy()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", PROBABILITIES)
def test_probabilities_are_refused_until_they_are_named(name: str) -> None:
    net = PROBABILITIES[name]()
    with pytest.raises(ModelError, match=BOTH):
        ak.Model(net).predict(ROWS.head(5))  # by structure: few rows will do
    said = ak.Model(net, outputs="probabilities").predict(ROWS)
    truth = 1 / (1 + np.exp(-2 * LOGIT.astype(float))) if "oftmax" in name else TRUTH  # two logits: z and −z
    np.testing.assert_allclose(said, truth, atol=1e-5)
    assert ak.Model(net, outputs="logits").predict(ROWS).min() >= 0.26  # what the user says stands


def test_the_audit_stops_before_any_number() -> None:
    with pytest.raises(ModelError, match=f"end in Sigmoid: .*{BOTH}"):
        ak.audit(ak.Model(nn.Sequential(line(), nn.Sigmoid()), preprocess=without_sex), data())


RANGES: dict[str, Callable[[], nn.Module]] = {
    "own sigmoid": lambda: Then(lambda z: 1 / (1 + torch.exp(-z))),
    "tanh of half": lambda: Then(lambda z: (torch.tanh(z / 2) + 1) / 2),
    "relu6 / 6": lambda: Then(lambda z: F.relu6(z) / 6),
    "decisions": lambda: Then(lambda z: (z > 0).float()),
    "whole decisions": lambda: Then(lambda z: (z > 0).long()),
    "own softmax": lambda: Then(lambda z: z.exp() / z.exp().sum(1, keepdim=True), 2),
    "shares beyond [0, 1]": lambda: Then(lambda z: torch.stack([1 - z[:, 0], z[:, 0]], 1)),
}


@pytest.mark.parametrize("name", RANGES)
def test_the_range_over_all_rows_is_judged(name: str) -> None:
    net = RANGES[name]()
    model = ak.Model(net, preprocess=without_sex)
    checks = [ak.GroupFairness()]
    with pytest.raises(ModelError, match=f"over 60 rows .*{BOTH}"):
        ak.audit(model, data(), checks=checks)
    assert ak.audit(model.replaced(outputs="logits"), data(), checks=checks).findings


def test_few_rows_are_no_evidence_and_parts_add() -> None:
    model = ak.Model(RANGES["own sigmoid"](), preprocess=without_sex)
    checks = [ak.GroupFairness()]
    parts = [observe(model, data(FRAME.iloc[i : i + 15]), checks=checks) for i in range(0, N, 15)]
    assert conclude(parts[0], model, data(), checks=checks).findings
    whole = observe(model, data(), checks=checks)
    assert parts[2].outputs + parts[0].outputs + parts[3].outputs + parts[1].outputs == whole.outputs
    with pytest.raises(ModelError, match=f"over 30 rows .*{BOTH}"):
        conclude(parts[0] + parts[1], model, data(), checks=checks)


def test_one_row_outside_is_a_logit() -> None:
    seen = OutputRange.of(np.linspace(0, 1, 99)[:, None])
    (seen + OutputRange.of(np.array([[-0.1]]))).judged()
    (seen + OutputRange.of(np.array([[1.1]]))).judged()
    with pytest.raises(ModelError, match="over 99 rows"):
        seen.judged()
    with pytest.raises(ModelError, match="add up to 1"):
        OutputRange.of(np.array([[2.0, -1.5, 0.5]] * 20)).judged()
    OutputRange.of(np.array([[2.0, -1.5, 0.5]] * 19)).judged()
    OutputRange().judged()


def test_a_constant_says_nothing_of_what_it_is() -> None:
    OutputRange.of(np.full((99, 1), 0.4)).judged()
    report = ak.audit(
        ak.Model(Then(lambda z: z * 0 + 0.3), preprocess=without_sex), data(), checks=[ak.GroupFairness()]
    )
    assert {g.estimate.value for f in report.findings if f.metric == "selection_rate" for g in f.by_group} <= {1.0}


LOGITS: dict[str, Callable[[], nn.Module]] = {
    "linear": line,
    "two logits": lambda: line(2),
    "relu of a gate": lambda: Then(lambda z: torch.sigmoid(z) * z + z),
    "log odds": lambda: Then(lambda z: torch.logit(torch.sigmoid(z))),
    "attention inside": lambda: Then(lambda z: (F.softmax(z, 1) @ z.T)[:, 0] * 0 + z[:, 1], 2),
    "a half minus": lambda: Then(lambda z: 0.5 - torch.sigmoid(z)),
    "chosen by a gate": lambda: Then(lambda z: torch.where(torch.sigmoid(z) > 0.5, z, z - 1)),
    "bounded": lambda: Then(lambda z: z.clamp(-4, 4)),
    "exported": lambda: exported(line()),
}


@pytest.mark.parametrize("name", LOGITS)
def test_logits_are_as_they_were(name: str) -> None:
    net = LOGITS[name]()
    np.testing.assert_array_equal(ak.Model(net).predict(ROWS), ak.Model(net, outputs="logits").predict(ROWS))


def test_log_probabilities_of_two_classes_are_logits_of_one_they_are_not() -> None:
    two = nn.Sequential(line(2), nn.LogSoftmax(dim=1))
    truth = 1 / (1 + np.exp(-2 * LOGIT.astype(float)))
    np.testing.assert_allclose(ak.Model(two).predict(ROWS), truth, atol=1e-5)
    one = nn.Sequential(line(), nn.LogSigmoid())
    with pytest.raises(ModelError, match=r"end in LogSigmoid.*outputs=torch.exp"):
        ak.Model(one).predict(ROWS)
    np.testing.assert_allclose(ak.Model(one, outputs=torch.exp).predict(ROWS), TRUTH, atol=1e-5)
    with pytest.raises(ModelError, match="end in LogSoftmax"):
        ak.Model(Then(lambda z: F.softmax(z, 1).log()[:, 1], 2)).predict(ROWS)


def test_classes_and_labels_likewise() -> None:
    three = line(3)
    multiclass = ak.Model(three, task="multiclass").predict(ROWS)
    with pytest.raises(ModelError, match=f"end in Softmax.*{BOTH}"):
        ak.Model(nn.Sequential(three, nn.Softmax(1)), task="multiclass").predict(ROWS)
    log = ak.Model(nn.Sequential(three, nn.LogSoftmax(1)), task="multiclass").predict(ROWS)
    np.testing.assert_allclose(log, multiclass, atol=1e-6)
    for last in (nn.Sigmoid(), nn.Softmax(1), nn.Hardsigmoid(), nn.Hardtanh(0, 1)):
        with pytest.raises(ModelError, match=BOTH):
            ak.Model(nn.Sequential(three, last), task="multilabel").predict(ROWS)
    with pytest.raises(ModelError, match="log-probabilities"):
        ak.Model(nn.Sequential(three, nn.LogSoftmax(1)), task="multilabel").predict(ROWS)
    with pytest.raises(ModelError, match="end in a comparison"):
        ak.Model(Then(lambda z: z > 0)).predict(ROWS)


@pytest.mark.parametrize("f", [torch.sigmoid, lambda z: 1 / (1 + torch.exp(-z))], ids=["structure", "range"])
def test_an_audit_of_several_labels(f: Callable[[Tensor], Tensor]) -> None:
    frame = FRAME.assign(z=1 - FRAME["y"])
    labels = ak.Dataset(frame, y_true=["y", "z"], sensitive_features="sex", task="multilabel")
    model = ak.Model(Then(f, 2), task="multilabel", preprocess=without_sex)
    with pytest.raises(ModelError, match=BOTH):
        ak.audit(model, labels, checks=[ak.GroupFairness()])
    said = ak.audit(model.replaced(outputs="probabilities"), labels, checks=[ak.GroupFairness()])
    assert {f.label for f in said.findings} == {"y", "z"}


def test_a_regression_is_left_alone() -> None:
    net = nn.Sequential(line(), nn.Sigmoid())
    np.testing.assert_allclose(ak.Model(net, task="regression").predict(ROWS), TRUTH, atol=1e-6)
    numbers = ak.Dataset(FRAME.assign(y=X[:, 1]), y_true="y", sensitive_features="sex", task="regression")
    model = ak.Model(net, task="regression", preprocess=without_sex)
    assert ak.audit(model, numbers, checks=[ak.GroupFairness()]).provenance.data.rows == N


def test_a_net_that_cannot_be_watched_is_judged_by_its_range_alone() -> None:
    def twice() -> Tensor:
        raise RuntimeError("no more")

    assert ending_of(twice) is None


def test_looking_leaves_no_trace() -> None:
    class Draws(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            torch.rand(1)
            return x[:, 0] * 2 - 1

    torch.manual_seed(3)
    before = torch.get_rng_state()
    ak.Model(Draws()).predict(ROWS)
    assert torch.equal(before, torch.get_rng_state())
