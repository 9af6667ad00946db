"""Configurations of strangers, run whole: a status and one line, no accident."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given

from tests.fuzz.budget import fuzzed
from tests.fuzz.settings_mutations import judged, mutated, report, rows, texts
from tests.helpers import run_cli

pytestmark = pytest.mark.fuzz
SEEDS = texts("config")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    report()  # imports what a case needs
    folder = tmp_path_factory.mktemp("config")
    rows().to_csv(folder / "rows.csv", index=False)
    return folder


def _run(folder: Path, text: str) -> Callable[[], tuple[int, str, str]]:
    path = folder / "auditkit.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return lambda: run_cli(["run", str(path), "--out", str(folder / "out"), "--format", "json"])


@fuzzed
@given(mutated(SEEDS))
def test_texts(place: Path, text: str) -> None:
    status, _, said = judged(_run(place, text)).value
    assert status in (0, 1, 2, 3)
    assert status != 2 or said.startswith("auditkit: "), said
    assert "unexpected" not in said, said
    assert "was not measured: " not in said, said


@pytest.mark.parametrize("seed", SEEDS)
def test_the_corpus_itself_runs(place: Path, seed: str) -> None:
    status, out, said = judged(_run(place, seed)).value
    assert (status in (0, 1, 3), "whole" in said) == (True, False), said
    assert "rows" in out or "loans" in out
