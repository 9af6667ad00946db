"""Targets, nets and predictions of the tasks beside binary: what is read, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit.errors import DataError, ModelError
from auditkit.inputs.tasks.multiclass import ClassTarget
from auditkit.inputs.tasks.regression import NumberTarget


def data(y: Any, **options: Any) -> ak.Dataset:
    frame = pd.DataFrame({"x": np.arange(len(y), dtype=float), "sex": ["f", "m"] * (len(y) // 2), "y": y})
    return ak.Dataset(frame, y_true="y", sensitive_features="sex", **options)


def column(*values: Any) -> pd.Series[Any]:
    return pd.Series(list(values))


@pytest.mark.parametrize(
    ("values", "classes", "names", "codes"),
    [
        (["b", "a", None, "c"], None, ("a", "b", "c"), [1, 0, -1, 2]),
        (["b", "a", None, "c"], ["c", "b", "a", "d"], ("c", "b", "a", "d"), [1, 2, -1, 0]),
        ([10, 9, 2, 2], None, ("2", "9", "10"), [2, 1, 0, 0]),
        ([10.0, 9.0, np.nan, 2.0], None, ("2", "9", "10"), [2, 1, -1, 0]),
        ([True, False, True, True], None, ("0", "1"), [1, 0, 1, 1]),
    ],
)
def test_classes_become_positions(values: list[Any], classes: Any, names: Any, codes: list[int]) -> None:
    target = ClassTarget.of(column(*values), "y", classes=classes)
    assert target.classes == names
    assert target.code(column(*values), "y").tolist() == codes
    assert target.code(column(*values).astype("category"), "y").tolist() == codes


@pytest.mark.parametrize(
    ("values", "classes", "message"),
    [
        ([1, "1", 2], None, "labels of mixed or other types"),
        ([1, "a"], None, "labels of mixed or other types"),
        ([0.1, 0.7, 0.2], None, "probabilities.*where labels of classes are expected"),
        ([0.5, 7.25], None, "numbers with decimals.*where labels of classes are expected"),
        (["a", "a", None], None, "one class only"),
        ([None, None], None, "every value of the target 'y' is missing"),
        (["a", "b"], ["a", "c"], "'y' holds b, which is no class; the classes are a, c"),
        (["a", "b"], ["a", "b", "a"], "names a class twice"),
        (["a", "b"], [], "classes is empty"),
        (["a", "b"], ["a", 1], "classes are of mixed types"),
        (["a", "b"], "ab", "classes takes a list"),
        ([1, 2], ["1", "2"], "the classes are text and 'y' holds numbers"),
        ([[1], [2]], None, "lists or other values"),
        (list(range(101)), None, "101 different values: too many to be classes; .* task='regression'"),
    ],
)
def test_doubtful_classes_are_refused(values: list[Any], classes: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ClassTarget.of(column(*values), "y", classes=classes)


def test_a_predicted_class_that_the_data_lack_is_refused_until_it_is_named() -> None:
    predictions = ak.Predictions("p")
    frame = {"sex": ["f", "m"], "y": ["a", "b"], "p": ["a", "z"]}
    short = ak.Dataset(frame, y_true="y", sensitive_features="sex", task="multiclass")
    with pytest.raises(DataError, match="'p' holds z, which is no class"):
        predictions.outputs(short)
    named = ak.Dataset(frame, y_true="y", sensitive_features="sex", task="multiclass", classes=["a", "b", "z"])
    assert predictions.outputs(named)[0].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", "b"], "text or other values"),
        ([1.0, np.inf], "infinite in 1 rows, first in row 1"),
        ([2.0, 2.0], "every value of the target 'y' is 2"),
        ([np.nan, np.nan], "every value of the target 'y' is missing"),
        ([True, False], "takes numbers"),
        (pd.to_datetime(["2020-01-01", "2021-01-01"]), "takes numbers"),
    ],
)
def test_doubtful_numbers_are_refused(values: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        NumberTarget.of(pd.Series(values), "y")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "regresion"}, "unknown task 'regresion'.*Did you mean 'regression'"),
        ({"task": "regression", "positive": 1}, "a regression target has none"),
        ({"classes": [0, 1]}, "this task is binary"),
        ({"task": "multilabel"}, "two or more different columns"),
    ],
)
def test_options_of_a_dataset(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        data([0, 1], **options)


def test_several_targets_are_multilabel_only() -> None:
    with pytest.raises(DataError, match="several are task='multilabel'"):
        ak.Dataset({"s": ["f"], "a": [0], "b": [1]}, y_true=["a", "b"], sensitive_features="s")


def test_a_net_gives_what_its_task_says() -> None:
    rows = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    three, one = nn.Linear(1, 3), nn.Linear(1, 1)
    with torch.no_grad():
        logits = three(torch.tensor(rows.to_numpy(), dtype=torch.float32)).double()
        value = one(torch.tensor(rows.to_numpy(), dtype=torch.float32))[:, 0].double()
    np.testing.assert_allclose(ak.Model(three, task="multiclass").predict(rows), torch.softmax(logits, 1), atol=1e-12)
    np.testing.assert_allclose(ak.Model(three, task="multilabel").predict(rows), torch.sigmoid(logits), atol=1e-12)
    np.testing.assert_allclose(ak.Model(one, task="regression").predict(rows), value)
    one_class = ak.Model(three, task="multiclass").of_output(2)
    np.testing.assert_allclose(one_class.predict(rows), torch.softmax(logits, 1)[:, 2], atol=1e-6)


@pytest.mark.parametrize(
    ("net", "options", "message"),
    [
        (nn.Linear(1, 1), {"task": "multiclass"}, "multiclass model must give 2 rows of outputs"),
        (nn.Linear(1, 2), {"task": "regression"}, r"regression model must give 2 outputs of shape \(2,\) or \(2, 1\)"),
        (nn.Linear(1, 3), {"task": "multiclass", "outputs": "probabilities"}, "probabilities"),
        (
            nn.Linear(1, 3),
            {"task": "multiclass", "outputs": lambda x: torch.full_like(x, 0.2)},
            "sum up to 0.6, not to 1",
        ),
        (nn.Linear(1, 1), {"task": "regression", "outputs": lambda x: x * float("nan")}, "NaN or infinite outputs"),
    ],
)
def test_wrong_outputs_are_refused(net: nn.Module, options: dict[str, Any], message: str) -> None:
    nn.init.constant_(next(net.parameters()), 5.0)
    with pytest.raises(ModelError, match=message):
        ak.Model(net, **options).predict(pd.DataFrame({"x": [1.0, 2.0]}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "regression", "outputs": "probabilities"}, "a regression gives numbers, not probabilities"),
        ({"task": "regression", "threshold": 0.3}, "decides without a threshold"),
        ({"task": "multiclass", "threshold": 0.3}, "decides without a threshold"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ak.Model(nn.Linear(1, 1), **options)


def test_a_task_without_scores_refuses_them() -> None:
    frame = {"sex": ["f", "m"], "y": [1.5, 2.0], "p": [1.0, 2.0], "s": [0.1, 0.2]}
    numbers = ak.Dataset(frame, y_true="y", sensitive_features="sex", task="regression")
    with pytest.raises(DataError, match="a regression audit takes predictions only, no score"):
        ak.Predictions("p", score="s").outputs(numbers)


def test_model_and_data_must_agree() -> None:
    numbers = data([1.0, 2.0, 3.0, 4.0], task="regression")
    with pytest.raises(ModelError, match="the model's task is binary, that of the data is regression"):
        ak.audit(ak.Model(nn.Linear(1, 1)), numbers)
    classes = data(["a", "b", "c", "d"], task="multiclass")
    net = ak.Model(nn.Linear(1, 3), task="multiclass", preprocess=lambda f: f[["x"]].to_numpy())
    with pytest.raises(ModelError, match=r"gives 3 outputs a row; the target has 4 classes \(a, b, c, d\)"):
        ak.audit(net, classes)
