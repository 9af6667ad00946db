"""Recourse against a slow twin that tries every action on every row, and against the formula of a linear net."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder
from torch import nn

from auditkit.batch import Batch
from auditkit.errors import PolicyError
from auditkit.explain.recourse.check import Recourse
from auditkit.explain.recourse.findings import RecourseRows
from auditkit.inputs.model import Model

COLUMNS = ["hours", "years", "job"]


def rows(n: int = 120, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "hours": rng.integers(10, 60, n),
            "years": rng.normal(5, 2, n),
            "job": rng.choice(["clerk", "smith", "cook"], n),
            "fixed": rng.normal(size=n),
        }
    )


def model_of(frame: pd.DataFrame, depth: int = 2) -> Model:
    numbers = ["hours", "years", "fixed"]
    encoder = make_column_transformer(
        ("passthrough", numbers), (OneHotEncoder(sparse_output=False), ["job"]), verbose_feature_names_out=False
    ).fit(frame)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1)) if depth > 1 else nn.Sequential(nn.Linear(6, 1))
    with torch.no_grad():
        net[0].weight[:, 0] *= 0.05
    model = Model(net, preprocess=encoder)
    with torch.no_grad():  # three of five are refused
        net[-1].bias -= float(model.decision(model.encode(frame)).quantile(0.6))
    return model


def batch_of(frame: pd.DataFrame, model: Model) -> Batch:
    score = model.predict(frame)
    sex = pd.Categorical(np.random.default_rng(5).choice(["a", "b"], len(frame)))
    decided = (score >= model.threshold).astype(np.int8)
    return Batch(frame, pd.DataFrame({"sex": sex}), decided, decided, score)


def test_against_a_slow_twin() -> None:
    frame = rows(60)
    model = model_of(frame)
    check = Recourse(actionable=COLUMNS, directions={"years": "up"}, grid=4)
    seen = check.examine(model, batch_of(frame, model))
    place = {c: frame[c].rank(method="average").to_numpy() / len(frame) - 0.5 / len(frame) for c in COLUMNS[:2]}
    grid = {
        c: sorted({float(frame[c].quantile(q, interpolation="inverted_cdf")) for q in np.linspace(0, 1, 5)})
        for c in COLUMNS[:2]
    } | {"job": ["clerk", "smith", "cook"]}
    refused = np.flatnonzero(model.predict(frame) < 0.5)
    assert len(refused) > 20
    expected = []
    for i in refused[:20]:
        best = np.inf
        for chosen in [*itertools.combinations(COLUMNS, 1), *itertools.combinations(COLUMNS, 2)]:
            options = [dict(zip(chosen, v, strict=True)) for v in itertools.product(*(grid[c] for c in chosen))]
            changed = pd.concat([frame.iloc[[i]]] * len(options)).astype({"hours": float})
            for c in chosen:
                changed[c] = [o[c] for o in options]
            for option, score in zip(options, model.predict(changed), strict=True):
                cost = 0.0
                for c, value in option.items():
                    if c == "job":
                        cost += 1.0 if value != frame["job"].iloc[i] else np.inf
                        continue
                    at = np.flatnonzero(frame[c].to_numpy() == value)[0]
                    shift = place[c][at] - place[c][i]
                    cost += np.inf if shift == 0 or (c == "years" and shift < 0) else abs(shift)
                best = min(best, cost) if score >= 0.5 else best
        expected.append(best)
    found = np.where(seen.columns["success"] > 0, seen.columns["cost"], np.inf)
    np.testing.assert_allclose(found[:20], expected, atol=1e-9)
    assert 0 < np.isfinite(found).mean() < 1


def test_a_linear_net_by_formula() -> None:
    """With a weight on years alone, a row has a way exactly when the largest value would do."""
    frame = rows()
    model = model_of(frame, depth=1)
    linear = model.module[0]
    assert isinstance(linear, nn.Linear)
    with torch.no_grad():
        linear.weight[:] = torch.tensor([[0.0, 1.0, 1.0, 0.0, 0.0, 0.0]])
        linear.bias.fill_(-9.0)
    seen = Recourse(actionable=["years", "hours"]).examine(model, batch_of(frame, model))
    refused = frame[(frame["years"] + frame["fixed"] - 9) < 0]
    able = frame["years"].max() + refused["fixed"].to_numpy() - 9 >= 0
    np.testing.assert_array_equal(seen.columns["success"] > 0, able)
    (success, _) = Recourse(actionable=["years", "hours"]).assess(seen).findings
    assert any("moves no score: hours" in note for note in success.notes)
    assert not seen.columns["changes:hours"].any()


def test_findings_add_and_survive_json() -> None:
    frame = rows(400)
    model = model_of(frame)
    check = Recourse(actionable=COLUMNS)
    seen = check.examine(model, batch_of(frame, model))
    again = RecourseRows.from_json(json.loads(json.dumps(seen.to_json(), allow_nan=False)))
    success, cost = check.assess(again).findings
    assert success.id == "explanation/recourse_success/difference/sex"
    assert success.statement == check.assess(seen).findings[0].statement
    label = np.array(seen.labels["sex"])
    for g, c in zip(success.by_group, cost.by_group, strict=True):
        mine = label == g.group["sex"]
        assert g.estimate.value == pytest.approx(seen.columns["success"][mine].mean())
        assert c.estimate.value == pytest.approx(seen.columns["cost"][mine & (seen.columns["success"] > 0)].mean())
    assert type(check)(**check.options()) == check or check.options() == type(check)(**check.options()).options()


def test_fewer_rows_are_weighted_back() -> None:
    frame = rows(600)
    model = model_of(frame)
    batch = batch_of(frame, model)
    all_of_them = Recourse(actionable=["years"]).examine(model, batch)
    some = Recourse(actionable=["years"], rows=40).examine(model, batch)
    assert len(some) == 40
    assert some.columns["weight"].sum() == pytest.approx(len(all_of_them))


def test_missing_and_nullable_values_do_not_stop_it() -> None:
    frame = rows(60)
    frame["years"] = frame["years"].astype("Float64")
    frame.loc[3, "job"] = None

    def encode(f: pd.DataFrame) -> Any:
        return np.stack([f["years"].to_numpy(float), (f["job"] == "cook").to_numpy(float)], axis=1)

    torch.manual_seed(0)
    model = Model(nn.Linear(2, 1), preprocess=encode)
    with torch.no_grad():
        model.module.weight.copy_(torch.tensor([[1.0, 1.0]]))  # type: ignore[operator,union-attr]
        model.module.bias.fill_(-6.0)  # type: ignore[operator,union-attr]
    seen = Recourse(actionable=["years", "job"]).examine(model, batch_of(frame, model))
    assert seen.columns["success"].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"actionable": []}, "one or more columns"),
        ({"actionable": ["years"], "directions": {"yeers": "up"}}, "Did you mean 'years'"),
        ({"actionable": ["years"], "depth": 9}, "depth is a number from 1 to 3"),
        ({"actionable": ["yeers"]}, "Did you mean 'years'"),
        ({"actionable": ["job"], "directions": {"job": "up"}}, "no order"),
        ({"actionable": ["hours", "years", "fixed"], "depth": 3, "grid": 50}, "actions to try"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, Any], message: str) -> None:
    frame = rows()
    model = model_of(frame)
    with pytest.raises(PolicyError, match=message):
        Recourse(**options).examine(model, batch_of(frame, model))


def test_nobody_refused() -> None:
    frame = rows()
    model = model_of(frame)
    batch = replace(batch_of(frame, model), y_pred=np.ones(len(frame), np.int8))
    (absent,) = Recourse(actionable=["job"]).assess(Recourse(actionable=["job"]).examine(model, batch)).not_measured
    assert absent.why == "no sampled row is refused"


def test_rows_that_lack_a_number_are_counted_apart_not_as_without_a_way() -> None:
    frame = rows(200)
    model = model_of(frame)
    full, check = batch_of(frame, model), Recourse(actionable=["years", "job"], grid=4)
    gone = np.flatnonzero(full.y_pred == 0)[::3]
    frame.loc[gone, "years"] = np.nan
    given = model.preprocess
    filled = model.replaced(preprocess=lambda f: given.transform(f.fillna({"years": 5.0})))  # type: ignore[union-attr]
    seen = check.examine(filled, replace(full, features=frame))
    assert seen.facts["refused"] == int((full.y_pred == 0).sum())
    assert seen.facts["lacking"] == len(gone)
    assert len(seen) == seen.facts["refused"] - len(gone)
    success, _ = check.assess(seen).findings
    assert "Of the refused rows that have a number in years" in success.statement
    assert f"the other {len(gone)} are not counted" in success.statement
    assert f"refused rows in the sample ({len(gone)} lack a number in years)" in success.notes[0]
    again = check.assess(RecourseRows.from_json(json.loads(json.dumps(seen.to_json()))).sums())
    assert again.findings[0].statement == success.statement


def test_where_all_lack_a_number_nothing_is_said() -> None:
    frame = rows(60).assign(hours=np.nan)
    model = model_of(rows(60))
    given = model.preprocess
    filled = model.replaced(preprocess=lambda f: given.transform(f.fillna({"hours": 30.0})))  # type: ignore[union-attr]
    check = Recourse(actionable=["hours"])
    found = check.assess(check.examine(filled, batch_of(frame, filled)))
    assert not found.findings
    assert found.not_measured[0].why == "every refused row lacks a number in hours"
