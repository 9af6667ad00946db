"""Checks by name: in a configuration, on the command line, from another package."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit import checks
from auditkit.check import BaseCheck, Check
from auditkit.checks import CHECKS, check_of, default_checks
from auditkit.inputs.tasks.registry import task_of
from tests.helpers import run_cli


def rows(folder: Path, n: int = 400) -> Path:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"sex": rng.choice(["f", "m"], n), "job": rng.choice(["x", "y", "z"], n)})
    frame = frame.assign(y=rng.integers(0, 2, n), decision=rng.integers(0, 2, n))
    frame.to_csv(folder / "rows.csv", index=False)
    return folder / "rows.csv"


def configuration(folder: Path, asked: str) -> Path:
    rows(folder)
    text = '[predictions]\ny_pred = "decision"\n[data]\npath = "rows.csv"\ny_true = "y"\nsensitive_features = ["sex"]\n'
    (folder / "audit.toml").write_text(text + asked)
    return folder / "audit.toml"


NEEDED: dict[str, dict[str, Any]] = {
    "conditional_parity": {"control": ["job"]},
    "continuous_attribute": {"column": "a"},
    "recourse": {"actionable": ["hours"]},
    "measured": {"number": "hours"},
    "gap_heterogeneity": {"over": "site"},
}


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_is_made_by_name_and_from_its_options_again(name: str) -> None:
    check = check_of(name, NEEDED.get(name))
    assert dataclasses.is_dataclass(check)
    assert check_of(name, check.options()).options() == check.options()


def test_what_is_asked_is_what_is_answered(tmp_path: Path) -> None:
    path = configuration(tmp_path, '[[check]]\nname = "subgroups"\ndepth = 1\nsupport = 0.1\n')
    status, _, error = run_cli(["run", str(path), "--out", str(tmp_path), "--name", "a"])
    assert status == 0, error
    stored = json.loads((tmp_path / "a.json").read_text())
    assert list(stored["evidence"]) == ["subgroups:error_rate"]
    assert stored["evidence"]["subgroups:error_rate"]["options"]["depth"] == 1


def test_control_features_are_declared_in_the_file(tmp_path: Path) -> None:
    asked = '[[check]]\nname = "conditional_parity"\ncontrol = ["job"]\n'
    path = configuration(tmp_path, asked)
    path.write_text(path.read_text().replace("[[check]]", 'control_features = "job"\n[[check]]', 1))
    status, _, error = run_cli(["run", str(path), "--out", str(tmp_path), "--name", "a"])
    assert status == 0, error
    found = json.loads((tmp_path / "a.json").read_text())["findings"]
    assert "fairness/conditional_selection_rate/difference/sex|job" in {f["id"] for f in found}


def test_flags_replace_the_checks_of_the_file(tmp_path: Path) -> None:
    path = configuration(tmp_path, '[[check]]\nname = "subgroups"\n')
    flags = ("--check", "group_fairness", "--check", "data_profile")
    status, _, error = run_cli(["run", str(path), *flags, "--out", str(tmp_path), "--name", "a"])
    assert status == 0, error
    assert list(json.loads((tmp_path / "a.json").read_text())["evidence"]) == ["data_profile", "group_fairness"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ('[[check]]\nname = "subgruops"\n', "audit.toml:8: unknown check 'subgruops'; there are group_fairness"),
        ('[[check]]\nname = "subgruops"\n', "Did you mean 'subgroups'?"),
        ('[[check]]\nname = "subgroups"\ndeepth = 2\n', "check 'subgroups' has no option 'deepth'"),
        ('[[check]]\nname = "subgroups"\ndepth = "deep"\n', "audit.toml:9: check 'subgroups': depth of Subgroups"),
        ('[check]\nname = "subgroups"\n', "write [[check]], with double brackets"),
        ('[[check]]\nname = "continuous_attribute"\n', "check 'continuous_attribute' needs column"),
        ("[[check]]\ndepth = 2\n", 'a check needs its name, as in name = "subgroups"'),
        ('[[check]]\nname = "scores"\n[[check]]\nname = "scores"\n', "two checks have the name 'scores'"),
    ],
)
def test_trouble_is_one_clear_line(tmp_path: Path, asked: str, told: str) -> None:
    status, _, error = run_cli(["run", str(configuration(tmp_path, asked)), "--out", str(tmp_path)])
    assert status == 2
    assert told in " ".join(error.split())
    assert "Traceback" not in error


@dataclasses.dataclass(frozen=True)
class Mine(BaseCheck):
    """A check of another package."""

    strict: bool = False

    def assess(self, evidence: Any, *, level: float) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (f"{__name__}:Mine", None),
        (f"{__name__}:rows", "is no check: a dataclass below `BaseCheck`"),
        ("no_such_module:Check", "cannot be loaded"),
    ],
)
def test_other_packages_bring_checks(monkeypatch: pytest.MonkeyPatch, value: str, told: str | None) -> None:
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules[Mine.__module__])
    point = EntryPoint("mine", value, checks.GROUP)
    monkeypatch.setattr(checks, "entry_points", lambda group: importlib.metadata.EntryPoints([point]))
    if told is None:
        made: Check = check_of("mine", {"strict": True})
        assert made == Mine(strict=True)
    else:
        with pytest.raises(ak.PolicyError, match="mine") as caught:
            check_of("mine")
        assert told in str(caught.value)


def test_an_audit_asks_the_default_checks() -> None:
    assert [type(c) for c in default_checks()] == [type(check_of(n)) for n in task_of("binary").checks]
