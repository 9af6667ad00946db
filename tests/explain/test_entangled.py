"""Columns that cannot be moved apart are told as one: found by what lies off the data, whatever their shape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
import auditkit.demo
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


def joint(kind: str, seed: int, n: int = N) -> tuple[pd.DataFrame, tuple[str, ...] | None]:
    """Columns, and those of which one follows from the others by construction."""
    rng = np.random.default_rng(seed)
    a, b, c, e = rng.normal(size=(4, n))
    weight, height = rng.normal(75, 12, n).clip(40), rng.normal(1.72, 0.09, n)
    year, now = rng.integers(1950, 2000, n), rng.integers(2005, 2020, n)
    p, q = rng.integers(0, 2, (2, n))
    region = rng.integers(0, 4, n)
    plain = {"a": a, "b": b, "c": c}
    shared = np.outer(a, np.full(5, 0.95)) + (1 - 0.95**2) ** 0.5 * rng.normal(size=(n, 5))
    kinds: dict[str, tuple[dict[str, Any], tuple[str, ...] | None]] = {
        "sum": (plain | {"t": a + b}, ("a", "b", "t")),
        "sum of three, other units": (plain | {"t": 7 * a + 4 * b - 5 * c + 1000}, ("a", "b", "c", "t")),
        "noisy sum": (plain | {"t": a + b + 0.02 * e}, ("a", "b", "t")),
        "product": (plain | {"t": a * b}, ("a", "b", "t")),
        "quotient, rounded": (
            {"w": weight.round(), "h": height.round(2), "bmi": (weight / height**2).round(1), "c": c},
            ("w", "h", "bmi"),
        ),
        "whole numbers": ({"year": year, "now": now, "age": now - year, "c": c}, ("year", "now", "age")),
        "a category adds": (
            {"kind": np.array(list("uvwz"))[region], "b": b, "t": b + np.array([0, 2, -1, 1])[region], "c": c},
            ("kind", "b", "t"),
        ),
        "exclusive or": ({"p": p.astype(str), "q": q == 1, "r": p ^ q, "c": c}, ("p", "q", "r")),
        "indicators": ({**{f"r{i}": region == i for i in range(4)}, "c": c}, ("r0", "r1", "r2", "r3")),
        "shares": (dict(zip("xyz", rng.dirichlet(np.ones(3), n).T, strict=True)) | {"c": c}, ("x", "y", "z")),
        "missing in a few": (
            plain | {"t": np.where(rng.random(n) < 0.1, np.nan, a + b), "u": np.where(rng.random(n) < 0.1, np.nan, c)},
            ("a", "b", "t"),
        ),
        "a sum with noise": (plain | {"t": a + b + 0.3 * e}, None),
        "a weak law": (plain | {"t": a**2 + b + 0.2 * e}, None),
        "one factor": (dict(zip("abcde", shared.T, strict=True)), None),
        "and": ({"p": p, "q": q, "r": p & q, "c": c}, None),
        "skewed": ({k: np.exp(2 * x) for k, x in plain.items()} | {"t": np.exp(a + e)}, None),
        "heavy tails": (dict(zip("abcde", rng.standard_t(1.5, (5, n)), strict=True)), None),
        "mostly zero": (dict(enumerate(np.where(rng.random((4, n)) < 0.05, np.abs(shared.T[:4]), 0))), None),
        "categories": (
            {"u": np.array(list("xyz"))[region % 3], "v": np.where(a + region > 1, "s", "t"), "w": region, "c": c > 1},
            None,
        ),
        "a walk": ({f"t{i}": x for i, x in enumerate(np.cumsum(rng.normal(size=(8, n)), axis=0))}, None),
    }  # fmt: skip
    columns, bound = kinds[kind]
    return pd.DataFrame(columns).rename(columns=str), bound


JOINT = (
    "sum", "sum of three, other units", "noisy sum", "product", "quotient, rounded", "whole numbers",
    "a category adds", "exclusive or", "indicators", "shares", "missing in a few",
)  # fmt: skip
NOT_JOINT = (
    "a sum with noise", "a weak law", "one factor", "and", "skewed", "heavy tails", "mostly zero", "categories",
    "a walk",
)  # fmt: skip


@pytest.mark.parametrize("kind", [*JOINT, *NOT_JOINT])
def test_columns_that_others_determine_together_are_found_and_others_are_not(kind: str) -> None:
    for seed in range(3):
        frame, expected = joint(kind, seed)
        found = entangled(frame, list(frame))
        assert [set(f.columns) for f in found] == ([] if expected is None else [set(expected)]), seed
        assert all(f.jointly for f in found)


@pytest.mark.slow
def test_ordinary_columns_are_not_told_as_one() -> None:
    """500 frames of 4 to 40 columns that share factors; noise is .3 to 2 times what they share."""
    rng = np.random.default_rng(7)
    merged = []
    for i in range(500):
        n, d, factors = int(rng.integers(150, 1500)), int(rng.integers(4, 41)), int(rng.integers(1, 6))
        loads = rng.normal(size=(factors, d)) / factors**0.5
        x = rng.normal(size=(n, factors)) @ loads + rng.uniform(0.3, 2) * rng.normal(size=(n, d))
        for j in range(0, d, 3):  # a third of them as categories, counts or skewed amounts
            x[:, j] = (np.exp(x[:, j]), np.round(x[:, j]), x[:, j] > 0.5)[int(rng.integers(3))]
        frame = pd.DataFrame(x, columns=[f"c{j}" for j in range(d)])
        merged += [i] if entangled(frame, list(frame)) else []
    assert len(merged) <= 1


@pytest.mark.parametrize("rows", [200, 1000, 3000])
def test_the_census_is_no_lump(rows: int) -> None:
    """A level of education and its number are one; nothing else is, in samples of any size."""
    census = pd.read_parquet(Path(auditkit.demo.__file__).with_name("income.parquet"))
    for seed in range(3):
        frame = census.drop(columns="income").sample(rows, random_state=seed)
        found = entangled(frame, list(frame))
        assert {f.columns for f in found} <= {("education", "educational-num")}


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


def test_no_share_of_a_part_of_a_sum_is_told() -> None:
    """x3 = x1 + x2: weights (3, 1, −2) are those of x1 − x2 alone, and of many others; the three are one."""
    model, sample = copies()
    features = sample.features.assign(x2=np.random.default_rng(9).normal(size=N))
    sample = replace(sample, features=features.assign(x3=features["x1"] + features["x2"]))
    check = GapAttribution(permutations=2, shuffles=1)
    seen = check.examine(model, sample)
    assert seen.facts["features"] == ["x1 + x2 + x3"]
    mean = next(f for f in check.assess(type(seen).from_json(seen.to_json())).findings if f.of == "mean_score")
    assert any("one of them follows from the others together" in n and n.endswith("x1, x2 and x3") for n in mean.notes)
    (finding,) = (attribution := Attribution()).assess(attribution.examine(model, sample)).findings
    assert any("one of them follows from the others together" in n for n in finding.notes)


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
