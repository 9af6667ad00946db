"""Explanations that are wrong by construction are rejected, right ones pass: a corpus of both, and its table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from auditkit.batch import Batch
from auditkit.explain.attributions.study import surface_of
from auditkit.explain.methods.catalogue import Method
from auditkit.explain.trust.single_sums import MISS, ROOM, farthest
from auditkit.inputs.model import Model
from tests.explain.trust_corpus import NETS, Case, bad_cases, good_cases, offset
from tests.explain.trust_nets import INTEGRATED, batch, checks, failed, finding_by
from tests.explain.trust_table import by_kind, key_of, line_of, lines

GOAL = 0.97


def test_the_table_is_of_the_corpus_and_meets_the_goals() -> None:
    kept = lines()
    assert [list(r.values())[:5] for r in kept] == [[*key_of(c).values()] for c in (*bad_cases(), *good_cases())]
    bad, good = ([r for r in kept if r["good"] == which] for which in ("no", "yes"))
    assert min(len(bad), len(good)) >= 60
    assert np.mean([r["rejected"] == "yes" for r in bad]) >= GOAL
    assert np.mean([r["rejected"] == "no" for r in good]) >= GOAL
    kinds = [(kind, caught) for kind, _, _, caught in by_kind(bad)]
    assert len(kinds) >= 12
    assert [kind for kind, caught in kinds if len(caught) < 2] == []


QUICK = [
    Case(False, "offset moved between columns", "linear 6", 0, 1),
    Case(False, "offset moved between columns", "tanh 4", 0, 0),
    Case(False, "two columns swapped", "linear 6", 0, 1),
    Case(False, "saliency scaled to the sum", "tanh 4", 0),
    Case(True, "integrated_gradients", "tanh 4", 0),
    Case(True, "shapley", "linear 6", 1),
]


@pytest.mark.parametrize("case", QUICK, ids=lambda c: c.name)
def test_a_few_cases(case: Case) -> None:
    found = line_of(case)
    assert (found["rejected"] == "no") == case.good, found


@pytest.mark.slow_one_in(4)
@pytest.mark.slow
@pytest.mark.parametrize("case", [*bad_cases(), *good_cases()], ids=lambda c: c.name)
def test_every_case_is_as_in_the_table(case: Case) -> None:
    (kept,) = (r for r in lines() if all(r[k] == v for k, v in key_of(case).items()))
    assert line_of(case)["rejected"] == kept["rejected"]


# ---- an effect that is moved between two columns: the checks that see it


def test_a_moved_effect_is_seen_by_two_checks_and_by_none_of_those_that_ask_for_sums() -> None:
    model, sample = NETS["tanh 4"](3)
    finding = finding_by(model, sample, moved(model, sample, 0.5))
    assert {"T6", "T12"} <= failed(finding)
    assert not {"T1", "T2", "T9"} & failed(finding)


def moved(model: Model, sample: Batch, size: float) -> Method:
    return offset(size, 0, 1)(model, surface_of(model, sample.features), np.random.default_rng(0))


@pytest.mark.parametrize("size", [0.0, 0.05, 0.5, 2.0])
def test_the_larger_it_is_the_worse_its_column_and_a_small_one_is_let_pass(size: float) -> None:
    model, sample = NETS["linear 6"](0)
    t12 = checks(finding_by(model, sample, moved(model, sample, size)))["T12"]
    assert t12.value is not None
    assert t12.failed == (size >= 0.05), "of a linear net nothing may be moved"


def test_pure_interactions_are_let_pass() -> None:
    """F = x₁ x₂ + x₃ x₄: Integrated Gradients and Shapley values agree, and neither is the effect of taking away."""
    rng = np.random.default_rng(0)

    class Products(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x[:, :1] * x[:, 1:2] + x[:, 2:3] * x[:, 3:]).sum(1, keepdim=True)

    sample = batch(pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd")))
    assert failed(finding_by(Model(Products()), sample, INTEGRATED)) <= {"T4"}


def test_the_farthest_column_is_surely_above_or_not() -> None:
    rng = np.random.default_rng(0)
    room = np.ones(100)
    columns = {f"{ROOM}{j}": room for j in "ab"} | {f"{MISS}a": rng.uniform(0, 1, 100), f"{MISS}b": 0.1 * room}
    found = farthest(columns, ["a", "b"], 0.65, level=0.95)
    assert (found.name, found.low > 0.65) == ("a", False)
    assert farthest(columns, ["a", "b"], 0.2, level=0.95).low > 0.2
    assert found.ratio == pytest.approx(columns[f"{MISS}a"].mean())
