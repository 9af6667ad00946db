"""`Model.of`: the net in what people train with, and what is known of it. Each is held to what its library predicts.

skorch and Lightning are not installed here. Their stand-ins below have the public attributes of skorch 1.x
(`module_`, `criterion`, `threshold`, `classes_`, `predict_nonlinearity`) and of Lightning 2.x (a `LightningModule` is a
`torch.nn.Module` with a loss among its children); compiled and parallel modules and pipelines are the real ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import Tensor, nn

from auditkit.errors import ModelError
from auditkit.inputs.model import Model


class NeuralNet:
    """skorch's: `fit` makes `module_`."""

    criterion: type[nn.Module] = nn.MSELoss
    predict_nonlinearity: Any = "auto"

    def __init__(self, module: nn.Module | None = None, **options: Any) -> None:
        if module is not None:
            self.module_ = module
        for name, value in options.items():
            setattr(self, name, value)


class NeuralNetClassifier(NeuralNet):
    criterion = nn.NLLLoss


class NeuralNetBinaryClassifier(NeuralNet):
    criterion = nn.BCEWithLogitsLoss
    threshold = 0.5


class NeuralNetRegressor(NeuralNet):
    pass


class LightningModule(nn.Module):
    pass


class Lit(LightningModule):
    def __init__(self, width: int, loss: nn.Module) -> None:
        super().__init__()
        self.net = nn.Linear(2, width)
        self.loss = loss

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out


ROWS = pd.DataFrame({"a": np.linspace(-2, 2, 30), "b": np.linspace(5, 1, 30)})
X = torch.tensor(ROWS.to_numpy(), dtype=torch.float32)


def net(*more: nn.Module, width: int = 1) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, width), *more)


def test_skorch_nets_give_what_their_criterion_wants() -> None:
    one = net()
    binary = Model.of(NeuralNetBinaryClassifier(one, threshold=0.3))
    assert (binary.module, binary.outputs, binary.threshold, binary.task) == (one, "logits", 0.3, "binary")
    np.testing.assert_allclose(binary.predict(ROWS), torch.sigmoid(one(X))[:, 0].detach(), rtol=1e-5)
    two = net(nn.Softmax(1), width=2)
    classifier = Model.of(NeuralNetClassifier(two, classes_=np.array([0, 1])))
    assert (classifier.outputs, classifier.task) == ("probabilities", "binary")  # NLLLoss: skorch takes the logarithm
    np.testing.assert_allclose(classifier.predict(ROWS), two(X)[:, 1].detach(), rtol=1e-5)
    three = Model.of(NeuralNetClassifier(net(width=3), criterion=nn.CrossEntropyLoss, classes_=np.arange(3)))
    assert (three.outputs, three.task) == ("logits", "multiclass")
    assert Model.of(NeuralNetRegressor(net())).task == "regression"
    shaped = Model.of(NeuralNetBinaryClassifier(one, predict_nonlinearity=lambda z: torch.sigmoid(2 * z)))
    np.testing.assert_allclose(shaped.predict(ROWS), torch.sigmoid(2 * one(X))[:, 0].detach(), rtol=1e-5)


def test_a_pipeline_prepares_rows() -> None:
    inner = NeuralNetBinaryClassifier(net())
    scaler = StandardScaler().fit(ROWS)
    model = Model.of(Pipeline([("scale", scaler), ("net", inner)]))
    assert model.preprocess is scaler
    scaled = torch.tensor(scaler.transform(ROWS), dtype=torch.float32)
    np.testing.assert_allclose(model.predict(ROWS), torch.sigmoid(inner.module_(scaled))[:, 0].detach(), rtol=1e-5)
    assert model.feature_map(ROWS) == {"a": [0], "b": [1]}
    cast = FunctionTransformer(np.float32).fit(ROWS)
    both = Model.of(Pipeline([("scale", scaler), ("cast", cast), ("net", inner)]))
    np.testing.assert_allclose(both.predict(ROWS), model.predict(ROWS), rtol=1e-5)
    assert Model.of(Pipeline([("keep", "passthrough"), ("net", inner)])).preprocess is None

    class Search:
        best_estimator_ = Pipeline([("scale", scaler), ("net", inner)])

    assert Model.of(Search()).preprocess is scaler


@pytest.mark.parametrize(
    ("loss", "width", "task", "outputs"),
    [
        (nn.BCEWithLogitsLoss(), 1, "binary", "logits"),
        (nn.CrossEntropyLoss(), 2, "binary", "logits"),
        (nn.CrossEntropyLoss(), 4, "multiclass", "logits"),
        (nn.MSELoss(), 1, "regression", "logits"),
    ],
)
def test_a_lightning_module_says_what_it_gives_by_its_loss(
    loss: nn.Module, width: int, task: str, outputs: str
) -> None:
    model = Model.of(Lit(width, loss))
    assert (model.task, model.outputs) == (task, outputs)


def test_log_probabilities_are_read_as_such() -> None:
    lit = Lit(2, nn.NLLLoss())
    lit.net = nn.Sequential(nn.Linear(2, 2), nn.LogSoftmax(1))  # type: ignore[assignment]
    np.testing.assert_allclose(Model.of(lit).predict(ROWS), lit(X).exp()[:, 1].detach(), rtol=1e-5)


def test_wrappers_that_change_nothing_are_taken_off() -> None:
    inner = net()
    for around in (
        nn.DataParallel(inner),
        torch.compile(inner, backend="eager"),
        nn.DataParallel(torch.compile(inner, backend="eager")),
    ):
        assert Model.of(around, outputs="logits").module is inner
    assert Model.of(NeuralNetBinaryClassifier(torch.compile(inner, backend="eager"))).module is inner
    assert Model.of(inner, outputs="logits", threshold=0.2).threshold == 0.2


def test_what_is_said_stands() -> None:
    model = Model.of(NeuralNetClassifier(net(), classes_=[0, 1]), outputs="logits", threshold=0.7, name="mine")
    assert (model.outputs, model.threshold, model.name) == ("logits", 0.7, "mine")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (NeuralNetClassifier(), "no module_ yet: fit"),
        (NeuralNetClassifier(net(width=2)), "pass task='binary' or 'multiclass'"),
        (
            NeuralNetClassifier(net(width=2), classes_=[0, 1], criterion=nn.HingeEmbeddingLoss),
            "HingeEmbeddingLoss gives",
        ),
        (NeuralNet(net()), "what NeuralNet predicts is not known: pass task="),
        (
            make_pipeline(StandardScaler()),
            "the last step of the pipeline, 'standardscaler': expected a torch.nn.Module",
        ),
        (type("Bare", (LightningModule,), {})(), "no forward of its own: pass its net"),
        ("net.pt", "expected a torch.nn.Module, got str"),
        (type("Estimator", (), {"predict": len})(), "in which no net was found: pass the net itself"),
    ],
)
def test_what_cannot_be_known_is_asked_for(given: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message.replace("(", r"\(")):
        Model.of(given)
