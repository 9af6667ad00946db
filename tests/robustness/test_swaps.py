"""Swaps against a slow twin, row by row; what a callable gives that cannot be used is a reason, never a number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.errors import ModelError, PolicyError
from auditkit.records import Table
from auditkit.robustness.check import FlipTest
from auditkit.robustness.flip_rows import FlipRows
from auditkit.verifying import verify
from tests.robustness.test_flips import batch_of, model_of, rows


def other_race(frame: pd.DataFrame) -> pd.DataFrame:
    """x becomes y and y becomes x; z has no other."""
    return frame.assign(race=frame["race"].map({"x": "y", "y": "x", "z": "z"}))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_against_a_slow_twin(task: Any) -> None:
    frame = rows(60)
    model = model_of(frame, task)
    batch = batch_of(frame, model)
    check = FlipTest(swap={"race": other_race})
    findings = {f.id: f for f in check.assess(check.examine(model, batch)).findings}
    changed, size, weight = [], [], []
    for i in range(len(frame)):
        if frame["race"].iloc[i] == "z":
            continue
        before = model.predict(frame.iloc[[i]])[0]
        after = model.predict(other_race(frame.iloc[[i]]))[0]
        k = int(np.argmax(before)) if task == "multiclass" else ...
        size.append(abs(after[k] - before[k]) if task == "multiclass" else abs(after - before))
        changed.append(int(np.argmax(after) != k) if task == "multiclass" else int((after >= 0.5) != (before >= 0.5)))
        weight.append(batch.weight[i] if batch.weight is not None else 1)
    effect = findings["robustness/flip_effect/overall/swap:race"]
    assert effect.estimate.n == len(size) == int((frame["race"] != "z").sum())
    assert effect.estimate.value == pytest.approx(np.average(size, weights=weight), abs=1e-6)
    assert f"({len(size)} of 60 sampled)" in effect.statement
    if task == "regression":
        assert "robustness/flip_rate/overall/swap:race" not in findings
        return
    rate = findings["robustness/flip_rate/overall/swap:race"].estimate
    assert rate.value == pytest.approx(np.average(changed, weights=weight))
    assert rate.low is not None
    assert rate.high is not None
    assert rate.low < rate.value < rate.high
    (table,) = effect.exhibits
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["everybody", "x", "y", "sex = 1", "sex = 2"]
    assert table.rows[0][1] == table.rows[1][1] + table.rows[2][1] == len(size)  # type: ignore[operator]


def test_evidence_adds_and_survives_json() -> None:
    frame = rows()
    model = model_of(frame)
    batch = batch_of(frame, model)
    check = FlipTest(["sex"], swap=other_race)
    seen = check.examine(model, batch)
    read = FlipRows.from_json(json.loads(json.dumps((seen + seen).to_json(), allow_nan=False)))
    own, both = check.assess(seen).findings, check.assess(read).findings
    assert [f.id.rpartition("/")[2] for f in own] == ["sex", "sex", "swap:other_race", "swap:other_race"]
    for a, b in zip(own, both, strict=True):
        assert a.estimate.value == pytest.approx(b.estimate.value, rel=1e-6)
        assert b.estimate.n == 2 * a.estimate.n


def in_place(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[:, "race"] = other_race(frame)["race"]
    return frame


@pytest.mark.parametrize(
    "swap",
    [in_place, lambda f: other_race(f).iloc[::-1], lambda f: other_race(f).assign(more=1)],
    ids=["in place", "in another order", "with a column more"],
)
def test_forms_that_mean_the_same(swap: Any) -> None:
    """Written in place, in another order of the row labels, with columns that no net reads."""
    frame = rows()
    model = model_of(frame)
    batch = batch_of(frame, model)
    (a, _), (b, _) = (
        FlipTest(swap={"s": s}).assess(FlipTest(swap={"s": s}).examine(model, batch)).findings
        for s in (swap, other_race)
    )
    assert a == b


def broken(frame: pd.DataFrame) -> pd.DataFrame:
    raise KeyError("what a row holds")


@pytest.mark.parametrize(
    ("swap", "why"),
    [
        (lambda f: f, "it changes nothing that the net reads, in none of 200 sampled rows"),
        (lambda f: f.head(3), "the swap gave 3 rows that are not the 200 it was given"),
        (lambda f: f.drop(columns="u"), "the swap gave no column 'u'"),
        (lambda f: None, "the swap gave NoneType; expected a frame of the same 200 rows"),
        (lambda f: f.to_numpy(), "the swap gave ndarray of 200; expected a frame"),
        (lambda f: f.assign(u="a"), "fails ("),
        (lambda f: f.assign(u=np.nan), "fails"),
        (broken, "the swap, or the net on swapped rows, fails (KeyError)"),
    ],
)
def test_what_cannot_be_used_is_a_reason(swap: Any, why: str) -> None:
    frame = rows()
    model = model_of(frame)
    found = FlipTest(swap={"s": swap})
    told = found.assess(found.examine(model, batch_of(frame, model)))
    assert not told.findings
    (absent,) = told.not_measured
    assert absent.what == "what swapping by s changes"
    assert why in absent.why


@pytest.mark.parametrize(
    "swap", [3, "other_race", {"": other_race}, {"a": "b"}, {1: other_race}, {"a" * 81: other_race}, [other_race]]
)
def test_what_is_no_swap(swap: Any) -> None:
    with pytest.raises(PolicyError, match="swap"):
        FlipTest(swap=swap)


def test_by_configuration_and_from_a_stored_report(tmp_path: Path) -> None:
    """The function stands beside the configuration; a stored report names it, and never loads it."""
    (tmp_path / "own_swaps.py").write_text(
        "def other(frame):\n    return frame.assign(race=frame['race'].map({'x': 'y', 'y': 'x', 'z': 'z'}))\n"
    )
    frame = rows()
    model = model_of(frame)
    from auditkit.checks import check_of

    check = check_of("flip_test", {"swap": {"race": "own_swaps:other"}}, folder=tmp_path)
    assert check.options() == {"attributes": [], "swap": {"race": "own_swaps:other"}}
    told = check.assess(check.examine(model, batch_of(frame, model)), level=0.95)  # type: ignore[attr-defined]
    assert not told.not_measured
    own = FlipTest(swap={"race": other_race})
    assert told == own.assess(own.examine(model, batch_of(frame, model)))
    stored = check_of("flip_test", {"swap": {"race": "no_such_module:f"}})
    assert stored.assess(own.examine(model, batch_of(frame, model)), level=0.95) == told
    with pytest.raises(ModelError, match="cannot import 'no_such_module' for swap 'no_such_module:f'"):
        stored.examine(model, batch_of(frame, model))  # type: ignore[attr-defined]


def test_to_the_page(tmp_path: Path) -> None:
    frame = rows().assign(y=lambda f: (f["u"] > 0).astype(int))
    model = model_of(frame.drop(columns="y"))
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex"])
    report = ak.audit(model, data, checks=[FlipTest(swap={"<b>race</b>": other_race})])
    page = report.save(tmp_path / "swaps.html").read_text()
    assert "Where &lt;b&gt;race&lt;/b&gt; changes a row" in page
    assert "<b>race</b>" not in page
    found = {c.what: c.state for c in verify(report).checked}
    assert found["findings"] == "same"
