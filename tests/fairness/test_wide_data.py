"""Many columns: what can be afforded is chosen before it is counted, and what is left out is said."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.check import Check
from auditkit.evidence.coding import MOST_CROSSINGS, Coding
from auditkit.evidence.crossed import CrossedSums
from auditkit.report.html.page import render as to_html
from tests.limits import run


def wide(columns: int, rows: int = 1_000) -> pd.DataFrame:
    """Numbers, one of which (the last) names whom the decision gets wrong."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, columns)), columns=[f"x{i}" for i in range(columns)])
    y = (rng.random(rows) < 0.4).astype(int)
    wrong = frame[f"x{columns - 1}"] > 0.6
    return frame.assign(sex=rng.choice(["f", "m"], rows), y=y, p=np.where(wrong, 1 - y, y))


def audited(frame: pd.DataFrame, checks: list[Check] | None, **options: Any) -> ak.Report:
    data = ak.Dataset(frame, y_true="y", sensitive_features=["sex"])
    return ak.audit(ak.Predictions("p"), data, checks=checks, on_error="raise", **options)


def test_sensitive_features_and_the_first_columns_are_crossed_and_the_others_searched_alone() -> None:
    (finding,) = audited(wide(71), [ak.Subgroups()]).findings
    (note,) = [n for n in finding.notes if "searched one at a time" in n]
    assert note.startswith("38 of 72 columns were searched one at a time, not crossed with others")
    assert len(list(combinations(range(34), 3))) <= MOST_CROSSINGS < len(list(combinations(range(35), 3)))
    assert "Crossed were x0, x1" in note
    assert "sex" in note
    assert "x70 > " in finding.statement  # the planted one is among those searched alone, and is found


def test_columns_that_are_named_are_crossed_in_their_order() -> None:
    frame = wide(40, rows=60)
    coding = Coding.of(frame.drop(columns=["y", "p"]), ["x9", "sex", "x3"], depth=3)
    assert (list(coding.edges), coding.alone) == (["x9", "sex", "x3"], ())
    assert Coding.from_json(coding.to_json()) == coding
    assert "alone" not in coding.to_json()


def test_sums_of_columns_alone_are_those_of_the_rows_and_add() -> None:
    frame = wide(4)
    coding = Coding.of(frame[["x0", "x1", "x2", "x3", "sex"]], bins=2)
    columns = {name: coding.coded(name, frame[name]) for name in coding.edges}
    error = (frame.y != frame.p).to_numpy(float)
    keys = np.arange(len(frame), dtype=np.uint64) * np.uint64(2)
    whole = CrossedSums.gather(columns, error, keys, depth=2, facts={}, alone=("x3",))
    assert set(whole.tables) == {*combinations(("x0", "x1", "x2", "sex"), 2), ("x3",)}
    assert list(whole.crossings(2))[:5] == [("x0",), ("x1",), ("x2",), ("x3",), ("sex",)]
    for name, coded in columns.items():
        assert whole.of(name)[0, 1].tolist() == [error[coded.codes == k].sum() for k in range(len(coded.labels))]
    parts = [
        CrossedSums.gather(
            {n: c._replace(codes=c.codes[at]) for n, c in columns.items()}, error[at], keys[at], depth=2, facts={},
            alone=("x3",),
        )
        for at in (slice(0, 300), slice(300, None))
    ]  # fmt: skip
    assert (parts[0] + parts[1]).to_json() == whole.to_json()
    assert CrossedSums.from_json(whole.to_json()).to_json() == whole.to_json()


def net(columns: int) -> ak.Model:
    """A small net over the columns of `wide`."""
    import torch

    torch.manual_seed(0)
    names = [f"x{i}" for i in range(columns)]
    layers = torch.nn.Sequential(torch.nn.Linear(columns, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    return ak.Model(
        layers,
        preprocess=lambda f: torch.tensor(f[names].to_numpy(), dtype=torch.float32),
        feature_map={name: [i] for i, name in enumerate(names)},
    )


def whole(frame: pd.DataFrame, columns: int | None) -> int:
    """Findings of the default audit, whose page is written as well."""
    data = ak.Dataset(frame if columns is None else frame.drop(columns="p"), y_true="y", sensitive_features=["sex"])
    report = ak.audit(ak.Predictions("p") if columns is None else net(columns), data, on_error="raise")
    assert to_html(report)
    return len(report.findings)


@pytest.mark.slow
@pytest.mark.parametrize("with_net", [False, True], ids=["predictions", "net"])
@pytest.mark.parametrize(("columns", "rows"), [(71, 5_000), (500, 5_000), (500, 20_000)])
def test_a_default_audit_of_many_columns_ends_within_memory(columns: int, rows: int, with_net: bool) -> None:
    whole(wide(4), 4 if with_net else None)  # imports what a case needs
    frame = wide(columns, rows=rows)
    ran = run(lambda: whole(frame, columns if with_net else None), seconds=150, megabytes=1_000)
    assert ran.error == "", ran.message
    assert ran.value > 5
    assert ran.megabytes < 1_000


@pytest.mark.slow
@pytest.mark.parametrize("check", [ak.Proxies(), ak.Consistency(), ak.DataProfile()], ids=lambda c: c.name)
def test_other_checks_of_many_columns(check: Check) -> None:
    audited(wide(3), [check])
    frame = wide(500, rows=600)
    ran = run(lambda: len(audited(frame, [check], sample=500).findings), seconds=60, megabytes=1_000)
    assert (ran.error, ran.message) == ("", "")
    assert ran.value
