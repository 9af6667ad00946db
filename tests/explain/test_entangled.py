"""Columns that cannot be moved apart are told as one: found by what lies off the data, whatever their shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit.batch import Batch
from auditkit.explain.attributions.check import Attribution
from auditkit.explain.entangled import as_one, entangled, told_as_one
from auditkit.explain.gaps.check import GapAttribution
from auditkit.inputs.model import Model

N = 400


def pair(kind: str, seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x, e = rng.normal(size=(2, N))
    category = rng.choice(["a", "b", "c"], N)
    correlated = {f"correlated {r}": (x, r * x + (1 - r * r) ** 0.5 * e) for r in (0.5, 0.9, 0.97)}
    kinds: dict[str, tuple[Any, Any]] = {
        "noisy copies": (x, x + 0.01 * e),
        "other units": (x, np.exp(8 * x) + 5),
        "turned round": (x, 100 - 3 * x),
        "whole numbers": (np.round(4 * x), np.round(4 * x) * 2),
        "categories renamed": (category, np.char.upper(category)),
        "a category and its code": (category, np.searchsorted(["a", "b", "c"], category)),
        "a number and its fine bins": (x, pd.qcut(x, 40, labels=False).astype(str)),
        "missing together": (np.where(x > 1, np.nan, x), np.where(x > 1, np.nan, 2 * x)),
        "independent": (x, e),
        "independent categories": (category, rng.choice(["u", "v"], N)),
        "skewed and independent": (np.exp(2 * x), np.exp(2 * e)),
        "mostly zero": (np.where(x > 1.5, x, 0), np.where(e > 1.5, e, 0)),
        "a number and its sign": (x, np.sign(x)),
        "a number and a category that it makes likelier": (x, np.where(x + e > 0, "y", "n")),
        "exclusive": (category == "a", category == "b"),
        "rare": (x > 2, e > 2),
    } | correlated
    return kinds[kind]


COPIES = (
    "noisy copies", "other units", "turned round", "whole numbers", "categories renamed", "a category and its code",
    "a number and its fine bins", "missing together",
)  # fmt: skip
APART = (
    "independent", "independent categories", "skewed and independent", "mostly zero", "a number and its sign",
    "a number and a category that it makes likelier", "exclusive", "rare", "correlated 0.5", "correlated 0.9",
    "correlated 0.97",
)  # fmt: skip


@pytest.mark.parametrize("kind", [*COPIES, *APART])
def test_copies_are_found_and_others_are_not(kind: str) -> None:
    for seed in range(5):
        a, b = pair(kind, seed)
        found = entangled(pd.DataFrame({"a": a, "b": b}), ["a", "b"])
        assert [f.columns for f in found] == ([("a", "b")] if kind in COPIES else []), seed


def test_groups_of_more_than_two_and_few_rows() -> None:
    rng = np.random.default_rng(0)
    x, e = rng.normal(size=(2, N))
    frame = pd.DataFrame({"a": x, "z": e, "b": x + 0.005 * e, "y": -e, "c": 2 * x})
    assert [f.columns for f in entangled(frame, list(frame))] == [("a", "b", "c"), ("z", "y")]
    assert entangled(frame, ["a", "z"]) == ()
    assert entangled(frame.head(49), list(frame)) == ()


def copies(seed: int = 0) -> tuple[Model, Batch]:
    """x2 is x1 with a little noise; the net takes 3 of the one and −2 of the other: together, x1."""
    rng = np.random.default_rng(seed)
    sex = rng.integers(0, 2, N)
    x1 = rng.normal(size=N) + 1.5 * sex
    frame = pd.DataFrame({"x1": x1, "x2": x1 + 0.01 * rng.normal(size=N), "x3": rng.normal(size=N)})
    net = nn.Linear(3, 1)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[3.0, -2.0, 0.5]]))
        net.bias.fill_(-0.75)
    score = 1 / (1 + np.exp(-net(torch.tensor(frame.to_numpy(np.float32)))[:, 0].detach().numpy()))
    decided = (score > 0.5).astype(np.int8)
    groups = pd.DataFrame({"sex": pd.Categorical(np.where(sex, "m", "f"))})
    return Model(net), Batch(frame, groups, decided, decided, score.astype(float))


def test_no_share_of_a_copy_is_told() -> None:
    model, sample = copies()
    check = GapAttribution(permutations=2, shuffles=1)
    seen = check.examine(model, sample)
    assert seen.facts["features"] == ["x1 + x2", "x3"]
    mean = next(f for f in check.assess(seen).findings if f.of == "mean_score")
    assert "come through x1 + x2" in mean.statement
    assert "takes" not in mean.statement
    assert any(n.startswith("told as one") and n.endswith("x1 and x2") for n in mean.notes)
    (finding,) = (attribution := Attribution()).assess(attribution.examine(model, sample)).findings
    assert finding.statement.startswith("x1 + x2 and x3 carry 100")
    assert any(n.startswith("told as one") for n in finding.notes)


def test_single_rows_and_other_inputs_are_told_alike() -> None:
    model, sample = copies()
    found = ak.explain(model, sample.features.head(1), background=sample.features)
    assert list(found.frame) == ["x1 + x2", "x3"]
    apart = ak.explain(
        model, sample.features.head(1), background=sample.features, groups={"x1": [0], "x2": [1], "x3": [2]}
    )
    assert found.frame["x1 + x2"].iloc[0] == pytest.approx(apart.frame[["x1", "x2"]].iloc[0].sum(), abs=1e-4)

    class Two(nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return a.sum(1, keepdim=True) + b

    columns = (["x1", "x3"], ["x2"])

    def encode(f: pd.DataFrame) -> dict[str, Any]:
        return {k: f[c].to_numpy(np.float32) for k, c in zip("ab", columns, strict=True)}

    two = Model(Two(), preprocess=encode, feature_map={"a": {"x1": [0], "x3": [1]}, "b": {"x2": [0]}})
    assert as_one(two, sample.features)[0].features(sample.features) == ("x1 + x2", "x3")
    assert told_as_one(two, sample.features, [["x1", "unread"]]) is two
