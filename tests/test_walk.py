"""The walk of a team: data, gate, a worsened model, a waiver, its end, a baseline, a report that must not be edited.

One story; each step is what the documentation says, and what a person would read is held.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pandas as pd
import pytest

from tests.forked import python
from tests.helpers import run_cli


def scored() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A model of 4,000 applicants, and the next one: right more often, and wrong more often about women."""
    rng = np.random.default_rng(3)
    sex, hired = rng.choice(["f", "m"], 4_000), rng.random(4_000) < 0.4
    first = np.where(rng.random(4_000) < 0.12, ~hired, hired)
    later = np.where(rng.random(4_000) < np.where(sex == "f", 0.14, 0.02), ~hired, hired)
    later = np.where((sex == "f") & hired & (rng.random(4_000) < 0.15), False, later)
    rows = pd.DataFrame({"sex": sex, "hired": hired.astype(int)})
    return rows.assign(decision=first.astype(int)), rows.assign(decision=later.astype(int))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(*arguments: str, status: int = 0) -> str:
    """What a command prints; lines that a terminal broke are whole again."""
    came, out, err = run_cli(arguments)
    assert came == status, (arguments, out, err)
    return " ".join((out + err).split())


def gated(folder: Path) -> CompletedProcess[str]:
    """`pytest --auditkit auditkit.toml`, as a pipeline runs it."""
    return python("pytest", "-q", "-p", "no:cacheprovider", "--auditkit", "auditkit.toml", cwd=folder)


def waiver(expires: str) -> str:
    return (
        '\n[[waiver]]\nrule = "true-positive-rate-sex"\nreason = "new labels come in spring"\n'
        f'approved_by = "risk board"\nexpires = {expires}\n'
    )


@pytest.mark.slow
def test_from_data_to_a_gate_that_a_team_lives_with(folder: Path) -> None:
    good, worse = scored()
    assert (worse.decision == worse.hired).mean() > (good.decision == good.hired).mean(), "accuracy goes up"
    good.to_csv("scored.csv", index=False)

    # start: a configuration that explains itself, and a first report
    first = said("init", "scored.csv", "--yes")
    assert "guessed: y_true = hired" in first
    assert "pytest --auditkit auditkit.toml" in first
    config = Path("auditkit.toml")
    assert "guessed" in config.read_text()
    digest = re.search(r"sha256:[0-9a-f]{64}", said("run", "auditkit.toml"))
    assert digest is not None
    Path("old.json").write_bytes(Path("reports/scored.json").read_bytes())
    assert gated(folder).returncode == 0

    # what was reached is kept, and committed
    said("baseline", "update", "old.json", "--reason", "the first model", "--approved-by", "risk board")
    kept = json.loads(Path("auditkit-baseline.json").read_text())
    text = config.read_text().replace("[policy]\n", '[policy]\nbaseline = "auditkit-baseline.json"\n')
    config.write_text(text.replace("[defaults]\n", "[defaults]\nmax_regression = 0.05\n"))
    assert gated(folder).returncode == 0

    # the next model: better on the whole, worse for women. The message says whom, how sure, and what next
    worse.to_csv("scored.csv", index=False)
    done = gated(folder)
    assert done.returncode == 1
    for part in ("true-positive-rate-sex: failed", "at most 10 points", "f ", "m ", "interval", "next", "page"):
        assert part in done.stdout, (part, done.stdout)
    value = re.search(r"value\s+([\d.]+) points, 95% interval ([\d.]+) to ([\d.]+); at most 10 points", done.stdout)
    assert value is not None, done.stdout
    low, high = float(value[2]), float(value[3])
    true = worse[worse.hired == 1].groupby("sex").decision.mean()
    assert 10 < low <= 100 * (true["m"] - true["f"]) <= high
    assert "baseline" in done.stdout, "worse than what was reached"
    assert "a waiver forgives the limit alone" in done.stdout
    said("run", "auditkit.toml", status=1)
    changed = said("compare", "old.json", "reports/scored.json", status=1)
    assert "newly fail" in changed.casefold()
    assert "unpaired" in changed

    # somebody answers for it, for a while: the limit is forgiven, the status is not, and what got worse is not
    whole = config.read_text()
    config.write_text(whole.replace("max_regression = 0.05", "max_regression = 0.5") + waiver("2999-12-31"))
    done = gated(folder)
    assert done.returncode == 0, done.stdout
    assert "waived until 31 December 2999" in done.stdout.replace("Waived", "waived")
    config.write_text(whole + waiver("2999-12-31"))
    assert gated(folder).returncode == 1, "a waiver forgives no regression"
    config.write_text(whole.replace("max_regression = 0.05", "max_regression = 0.5") + waiver("2020-01-31"))
    done = gated(folder)
    assert done.returncode == 1
    assert "31 January 2020" in done.stdout

    # the baseline moves towards better alone
    config.write_text(whole)
    refused = said("baseline", "update", "reports/scored.json", "--reason", "the second model", status=2)
    assert "true-positive-rate-sex" in refused
    assert json.loads(Path("auditkit-baseline.json").read_text()) == kept

    # a report is what it was, or it is not
    said("verify", "old.json", "--expect", digest[0])
    said("verify", "old.json", "--baseline", "auditkit-baseline.json")
    edited = Path("old.json").read_text().replace('"status":"pass"', '"status":"fail"', 1)
    assert edited != Path("old.json").read_text()
    Path("old.json").write_text(edited)
    assert "differs" in said("verify", "old.json", "--expect", digest[0], status=1)
    assert "differs" in said("verify", "old.json", status=1)
