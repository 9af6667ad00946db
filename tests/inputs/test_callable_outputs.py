"""What a callable gives in the place of outputs: logits, probabilities, two columns, classes.

Truth: a net whose logit is known; its scores are σ(logit), however they are handed over.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import auditkit as ak
from auditkit.errors import ForwardError, ModelError
from tests.inputs.test_which_outputs import FRAME, LOGIT, ROWS, TRUTH, line


class Pair(nn.Module):
    """Its logit beside something else."""

    def __init__(self, columns: int = 1) -> None:
        super().__init__()
        self.line = line(columns)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.line(x), x


def two(out: Any) -> Tensor:
    """A column of 0 before the logit."""
    return torch.cat([torch.zeros_like(out[0]), out[0]], 1)


SAID = {
    "logits": (lambda out: out[0], "logits"),
    "logits, a number a row": (lambda out: out[0][:, 0], "logits"),
    "two logits": (two, "logits"),
    "probabilities": lambda out: torch.sigmoid(out[0]),
    "probabilities, said": (lambda out: torch.sigmoid(out[0][:, 0]), "probabilities"),
    "two probabilities": lambda out: torch.softmax(two(out), 1),
    "two probabilities, said": (lambda out: torch.softmax(two(out), 1), "probabilities"),
    "log-probabilities": (lambda out: torch.log_softmax(two(out), 1), "logits"),
}


@pytest.mark.parametrize("name", SAID)
def test_scores_are_those_of_the_logit(name: str) -> None:
    model = ak.Model(Pair(), outputs=SAID[name])
    np.testing.assert_allclose(model.predict(ROWS), TRUTH, atol=1e-6)
    logit = isinstance(SAID[name], tuple) and SAID[name][1] == "logits"
    assert model.explained == ("logit" if logit else "probability")
    found = ak.explain(model, ROWS, background=ROWS)
    scale = LOGIT if logit else TRUTH
    np.testing.assert_allclose(np.ptp(found.delta), np.ptp(scale), atol=1e-5)
    if logit:  # a linear logit: each column's part in closed form
        own = ROWS.to_numpy() - ROWS.to_numpy().mean(0)
        np.testing.assert_allclose(found.frame.to_numpy(), own * [3, -1], atol=1e-5)


def test_the_threshold_is_one_of_the_probability() -> None:
    data = ak.Dataset(FRAME, y_true="y", sensitive_features=["sex"])

    def of(said: Any) -> Any:
        model = ak.Model(Pair(), outputs=said, threshold=0.3, preprocess=lambda f: f[["a", "b"]].to_numpy())
        report = ak.audit(model, data, checks=[ak.GroupFairness()])
        return [f for f in report.findings if f.concern == "fairness"]

    assert of(SAID["logits"]) == of(SAID["probabilities"])


@pytest.mark.parametrize("said", [lambda out: out[0], lambda out: out[0][:, 0], (lambda out: out[0], "probabilities")])
def test_logits_that_nobody_has_called_so_are_refused(said: Any) -> None:
    with pytest.raises(ForwardError, match=r"not in \[0, 1\].*outputs=\(callable, 'logits'\)"):
        ak.Model(Pair(), outputs=said).predict(ROWS)


def test_two_columns_that_are_no_shares_are_refused() -> None:
    with pytest.raises(ForwardError, match=r"not in \[0, 1\]"):
        ak.Model(Pair(), outputs=two).predict(ROWS)
    with pytest.raises(ForwardError, match=r"sum up to .* not to 1"):
        ak.Model(Pair(), outputs=lambda out: torch.sigmoid(two(out)) * 0.7).predict(ROWS)


def test_numbers_straight_from_a_layer_are_doubted_where_they_pass_for_probabilities() -> None:
    """In [0, 1] by accident: the range says nothing, where they come from does."""
    net = Pair()
    with torch.no_grad():
        net.line.weight.mul_(0.01)
        net.line.bias.fill_(0.5)
    doubt = "come straight out of a linear layer"
    for said, expected in (
        (lambda out: out[0], True),
        ((lambda out: out[0][:, 0], "probabilities"), False),
        ((lambda out: out[0], "logits"), False),
        (lambda out: out[0].clamp(0, 1), False),
        (lambda out: torch.sigmoid(out[0]), False),
        (lambda out: 1 - torch.exp(-torch.exp(out[0])), False),
    ):
        model = ak.Model(net, outputs=said)
        model.predict(ROWS)
        assert any(doubt in c for c in model.cautions) == expected


def test_sigmoids_that_are_called_logits_are_a_caution() -> None:
    model = ak.Model(Pair(), outputs=(lambda out: torch.sigmoid(out[0]), "logits"))
    model.predict(ROWS)
    assert "ends in Sigmoid" in model.cautions[0]


def test_classes_are_scores_of_0_and_1_and_other_numbers_are_refused() -> None:
    model = ak.Model(Pair(2), outputs=lambda out: out[0].argmax(1))
    np.testing.assert_array_equal(model.predict(ROWS), (LOGIT > 0).astype(float))
    with pytest.raises(ForwardError, match=r"between 1 and 2, not in \[0, 1\]"):
        ak.Model(Pair(2), outputs=lambda out: out[0].argmax(1) + 1).predict(ROWS)


def test_several_classes() -> None:
    truth = torch.softmax(line(3)(torch.tensor(ROWS.to_numpy())), 1).detach().double().numpy()
    for said in (
        (lambda out: out[0], "logits"),
        lambda out: out[0].softmax(1),
        (lambda o: o[0].softmax(1), "probabilities"),
    ):
        np.testing.assert_allclose(ak.Model(Pair(3), task="multiclass", outputs=said).predict(ROWS), truth, atol=1e-6)
    with pytest.raises(ForwardError, match=r"not in \[0, 1\].*'logits'\)"):
        ak.Model(Pair(3), task="multiclass", outputs=lambda out: out[0]).predict(ROWS)
    with pytest.raises(ForwardError, match="one a class or label"):
        ak.Model(Pair(3), task="multiclass", outputs=lambda out: out[0].argmax(1)).predict(ROWS)


def test_a_regression_takes_a_callable_and_no_scale() -> None:
    model = ak.Model(Pair(), task="regression", outputs=lambda out: out[0])
    np.testing.assert_allclose(model.predict(ROWS), LOGIT, atol=1e-5)
    assert model.explained == "prediction"
    with pytest.raises(ModelError, match="a regression gives numbers"):
        ak.Model(Pair(), task="regression", outputs=(lambda out: out[0], "logits"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((lambda out: out, "logit"), "unknown outputs 'logit'.*Did you mean 'logits'"),
        (("logits", "logits"), "a callable and what it gives"),
        ((lambda out: out,), "a callable and what it gives"),
        ((lambda out: out, "logits", 1), "a callable and what it gives"),
    ],
)
def test_what_outputs_cannot_be(wrong: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ak.Model(Pair(), outputs=wrong)
