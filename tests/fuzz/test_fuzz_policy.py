"""Policies of strangers: read and judged by, or refused in one line."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import auditkit as ak
from tests.fuzz.budget import fuzzed
from tests.fuzz.settings_mutations import changed, judged, mutated, report, texts

pytestmark = pytest.mark.fuzz
SEEDS = texts("policy")


@pytest.fixture(scope="module")
def stored() -> ak.Report:
    return report()


def _asked(policy: Any, stored: ak.Report) -> Callable[[], Any]:
    return lambda: ak.judge(stored, policy).outcome


@fuzzed
@given(mutated(SEEDS))
def test_texts(tmp_path_factory: pytest.TempPathFactory, stored: ak.Report, text: str) -> None:
    path = _written(tmp_path_factory, text)
    judged(_asked(path, stored))


@fuzzed
@given(st.sampled_from(SEEDS).map(tomllib.loads).flatmap(changed))
def test_dicts(stored: ak.Report, policy: dict[str, Any]) -> None:
    judged(_asked(policy, stored))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_corpus_itself_is_a_policy(seed: str, stored: ak.Report) -> None:
    assert judged(_asked(tomllib.loads(seed), stored)).error == ""


def _written(places: pytest.TempPathFactory, text: str) -> Path:
    path = places.getbasetemp() / "policy.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path
