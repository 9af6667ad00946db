"""Flips against a slow twin, row by row, and against the formula of a linear net."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder
from torch import nn

import auditkit as ak
from auditkit.batch import Batch
from auditkit.errors import PolicyError
from auditkit.inputs.model import Model
from auditkit.records import Table
from auditkit.robustness.check import FlipTest
from auditkit.robustness.flip_rows import FlipRows


def rows(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"sex": rng.choice([1.0, 2.0], n), "race": rng.choice(["x", "y", "z"], n), "u": rng.normal(size=n)}
    )


def model_of(frame: pd.DataFrame, task: Any = "binary") -> Model:
    encoder = make_column_transformer((OneHotEncoder(sparse_output=False), ["sex", "race"]), ("passthrough", ["u"]))
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3 if task == "multiclass" else 1))
    return Model(net, preprocess=encoder.fit(frame), task=task)


def batch_of(frame: pd.DataFrame, model: Model) -> Batch:
    score = model.predict(frame)
    groups = pd.DataFrame(
        {"sex": pd.Categorical(frame["sex"].map(lambda v: f"{v:.0f}")), "race": pd.Categorical(frame["race"])}
    )
    if model.task == "multiclass":
        decided: Any = score.argmax(1).astype(np.int16)
    else:
        decided = score if model.task == "regression" else (score >= 0.5).astype(np.int8)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(frame))
    classes = ("p", "q", "r") if model.task == "multiclass" else ()
    return Batch(frame, groups, decided, decided, score, weight, task=model.task, classes=classes)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_against_a_slow_twin(task: Any) -> None:
    frame = rows(40)
    model = model_of(frame, task)
    batch = batch_of(frame, model)
    findings = {f.id: f for f in FlipTest().assess(FlipTest().examine(model, batch)).findings}
    changed, size = [], []
    for i in range(len(frame)):
        before = model.predict(frame.iloc[[i]])[0]
        own = [v for v in "xyz" if v != frame["race"].iloc[i]]
        after = [model.predict(frame.iloc[[i]].assign(race=v))[0] for v in own]
        k = int(np.argmax(before)) if task == "multiclass" else ...
        size.append(np.mean([abs(a[k] - before[k]) if task == "multiclass" else abs(a - before) for a in after]))
        if task == "multiclass":
            changed.append(np.mean([int(np.argmax(a) != k) for a in after]))
        else:
            changed.append(np.mean([int((a >= 0.5) != (before >= 0.5)) for a in after]))
    effect = findings["robustness/flip_effect/overall/race"]
    assert effect.estimate.value == pytest.approx(np.average(size, weights=batch.weight), abs=1e-6)
    if task == "regression":
        assert "robustness/flip_rate/overall/race" not in findings
    else:
        rate = findings["robustness/flip_rate/overall/race"].estimate
        assert rate.value == pytest.approx(np.average(changed, weights=batch.weight))
        assert rate.low is not None
        assert rate.low < np.average(changed, weights=batch.weight)


def test_a_linear_net_by_formula() -> None:
    """Every flip moves the prediction by the difference of the two weights."""
    frame = rows()
    model = model_of(frame, "regression")
    torch.manual_seed(0)
    net = nn.Linear(6, 1)
    model = model.with_module(net)
    finding = FlipTest(["sex"]).assess(FlipTest(["sex"]).examine(model, batch_of(frame, model))).findings[0]
    w = float((net.weight[0, 1] - net.weight[0, 0]).detach())
    assert finding.estimate.value == pytest.approx(abs(w), abs=1e-6)
    (table,) = finding.exhibits
    assert isinstance(table, Table)
    assert [row[3] for row in table.rows] == [pytest.approx(w, abs=1e-6), pytest.approx(-w, abs=1e-6)]
    assert (
        f"from {'1 to 2' if w > 0 else '2 to 1'} they rise by" in finding.statement or "they fall" in finding.statement
    )


def test_what_is_no_input_is_said() -> None:
    report = ak.audit(ak.demo.model(), ak.demo.data(), checks=[FlipTest()], sample=200)
    assert not report.findings
    assert len(report.not_measured) == 2
    for n in report.not_measured:
        assert n.why.startswith("nothing, by construction: the net has no input ")
        assert n.why.endswith("can still make a gap")
        assert n.settled
        assert len(n.why) <= 150  # what the page shows of it
        assert n.concern == "robustness"
    assert ak.Report.from_json(report.to_json()) == report
    frame = rows()
    model = model_of(frame)
    beside = replace(batch_of(frame, model), groups=pd.DataFrame({"age": pd.Categorical(["a", "b"] * 100)}))
    (absent,) = FlipTest().assess(FlipTest().examine(model, beside)).not_measured
    assert "came beside the features" in absent.why
    assert not absent.settled


class Wide:
    """What a net is given, of columns that it does not say."""

    def __call__(self, frame: pd.DataFrame) -> torch.Tensor:
        return torch.tensor(frame[["sex", "u"]].to_numpy(np.float32))


@pytest.mark.parametrize("named", [None, {"sex": [0], "u": [1], "race": [1]}, {"sex": [0], "u": [1]}])
def test_only_what_is_known_to_be_no_input_is_settled(named: Any) -> None:
    """Truth: the net is given sex and u. Where nobody says of what inputs are made, equal rows prove less."""
    frame = rows()
    model = Model(nn.Linear(2, 1), preprocess=Wide(), feature_map=named)
    seen = FlipTest(["race"]).examine(model, batch_of(frame, model))
    (absent,) = FlipTest(["race"]).assess(seen).not_measured
    assert absent.settled == (named == {"sex": [0], "u": [1]})
    assert "race" in absent.why
    read = FlipRows.from_json(json.loads(json.dumps(seen.to_json())))
    assert FlipTest(["race"]).assess(read).not_measured == (absent,)


def test_a_group_of_one_hot_columns_that_the_net_reads_is_not_said_to_be_no_input() -> None:
    frame = rows().assign(y=lambda f: (f["u"] > 0).astype(int))
    for v in "xyz":
        frame[f"race_{v}"] = (frame["race"] == v).astype(float)
    columns = [*(f"race_{v}" for v in "xyz"), "u"]
    net = nn.Linear(4, 1)
    model = Model(net, preprocess=make_column_transformer(("passthrough", columns)).fit(frame[columns]))
    own = {"race": [f"race_{v}" for v in "xyz"]}
    data = ak.Dataset(frame.drop(columns=["race"]), y_true="y", sensitive_features=own)
    report = ak.audit(model, data, checks=[FlipTest()], on_error="raise")
    (absent,) = report.not_measured
    assert "came beside the features" in absent.why
    assert not absent.settled


def test_read_and_ignored_is_a_finding_of_nothing() -> None:
    frame = rows()
    model = model_of(frame)
    with torch.no_grad():
        model.module[0].weight[:, :2] = 0.0  # type: ignore[index]
    rate, effect = FlipTest(["sex"]).assess(FlipTest(["sex"]).examine(model, batch_of(frame, model))).findings
    assert "no decision on the sampled rows would change" in rate.statement
    assert (rate.estimate.value, effect.estimate.value) == (0.0, 0.0)
    assert rate.estimate.high is not None
    assert 0 < rate.estimate.high < 0.05
    assert "no flip moves scores one way" in effect.statement


def test_evidence_adds_and_survives_json() -> None:
    frame = rows()
    model = model_of(frame)
    batch = batch_of(frame, model)
    seen = FlipTest().examine(model, batch)
    read = FlipRows.from_json(json.loads(json.dumps((seen + seen).to_json(), allow_nan=False)))
    assert len(read) == 400
    a, b = FlipTest().assess(seen).findings[0], FlipTest().assess(read).findings[0]
    assert a.estimate.value == pytest.approx(b.estimate.value, rel=1e-6)


def test_an_attribute_that_is_none() -> None:
    frame = rows()
    model = model_of(frame)
    with pytest.raises(PolicyError, match="Did you mean 'race'"):
        FlipTest(["rase"]).examine(model, batch_of(frame, model))


def test_many_pictures_are_flipped_some_at_a_time() -> None:
    """Truth: the pictures themselves; what a flip needs beside them does not grow with them."""
    n, side = 2_000, 32
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (n, side, side), dtype=np.uint8)
    frame = pd.DataFrame({"picture": list(pictures), "sex": rng.choice(["f", "m"], n)})
    net = nn.Sequential(nn.Flatten(), nn.Linear(side * side, 1)).eval()
    model = Model(net, preprocess=ak.pixels("picture"), outputs="logits", batch_size=64)
    groups = pd.DataFrame({"sex": pd.Categorical(frame["sex"])})
    decided = np.zeros(n, np.int8)
    batch = Batch(frame, groups, decided, decided, np.zeros(n), np.ones(n))
    tracemalloc.start()
    try:
        found = FlipTest().examine(model, batch)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "reaches no input" in found.facts["not_measured"]["sex"]
    assert most < 4 * pictures.nbytes, f"{most / 2**20:.0f} MB beside {pictures.nbytes / 2**20:.0f} MB of pictures"
