"""Mutations of the evidence alone, of every check: what cannot be is refused by name, soon, in little memory."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import auditkit as ak
from tests.fuzz.budget import MEGABYTES, SECONDS, fuzzed
from tests.fuzz.mutations import mutated, policies, texts
from tests.limits import run


def judged(name: str, text: str | bytes) -> None:
    try:
        ak.judge(ak.Report.from_json(text), policies(name))
    except ak.AuditkitError:
        return


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """What a case imports is no part of its budget: each child finds it loaded."""
    for name, text in texts():
        judged(name, text)


@pytest.mark.fuzz
@fuzzed
@given(st.integers(0, 2**32))
def test_only_declared_errors_come_out_of_evidence(seed: int) -> None:
    rng = random.Random(seed)
    name, text = rng.choice(texts())
    changed = mutated(text, rng, under="evidence")
    ran = run(lambda: judged(name, changed), seconds=SECONDS, megabytes=MEGABYTES)
    assert ran.error == "", f"{name}, seed {seed}: {ran.error}: {ran.message}"
