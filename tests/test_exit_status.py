"""Status 0 comes only from a command that delivered: code that it calls cannot leave by an exit of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from tests.helpers import run_cli

CODE = """
import sys
import torch
from torch import nn
import auditkit as ak
import {imported}

class Leaves(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)
    def forward(self, x):
        {leave}

def build():
    return nn.Linear(2, 1)

def leaves(*_):
    {leave}

def numbers(frame):
    return frame[["a", "b"]].to_numpy(float)

def forward():
    return ak.Model(Leaves(), preprocess=numbers)

def preprocess():
    return ak.Model(nn.Linear(2, 1), preprocess=leaves)

def outputs():
    return ak.Model(nn.Linear(2, 1), preprocess=numbers, outputs=leaves)
"""
LEAVE = {
    "SystemExit": "sys.exit(0)",
    "SystemExit without a status": "raise SystemExit",
    "GeneratorExit": "raise GeneratorExit",
    "CancelledError": "raise __import__('asyncio').CancelledError",
    "Exit": "raise __import__('typer').Exit(0)",
    "BrokenPipeError": "raise BrokenPipeError(32, 'Broken pipe')",
}
RUN = ["run", "--data", "rows.csv", "--y-true", "y", "--sensitive", "sex", "--check", "group_fairness", "--out", "out"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)})
    frame.assign(sex=rng.choice(["f", "m"], 60), y=rng.integers(0, 2, 60), d=rng.integers(0, 2, 60)).to_csv(
        "rows.csv", index=False
    )
    Path("gate.toml").write_text('[[rule]]\nid = "a"\nmetric = "accuracy"\ncomparison = "overall"\nat_least = 0.9\n')
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("odd_"):
            del sys.modules[name]


def refused(arguments: list[str], *messages: str) -> None:
    status, out, err = run_cli(arguments)
    assert (status, out) == (2, ""), err
    assert err.startswith("auditkit: "), err
    assert err.count("\n") == 1, err
    assert "auditkit: unexpected" not in err
    for message in messages:
        assert message in err, err
    assert not Path("out").exists()


@pytest.mark.parametrize("factory", ["builtins:exit", "builtins:quit", "sys:exit", "os:abort_"])
def test_a_factory_that_is_an_exit(here: Path, factory: str) -> None:
    refused([*RUN, "--factory", factory], "no function" if "abort" in factory else f"factory '{factory}' ended with")


@pytest.mark.parametrize("how", LEAVE)
@pytest.mark.parametrize("where", ["leaves", "forward", "preprocess", "outputs"])
def test_code_that_leaves(here: Path, where: str, how: str) -> None:
    Path("odd_net.py").write_text(CODE.format(imported="os", leave=LEAVE[how]))
    status, out, err = run_cli([*RUN, "--factory", f"odd_net:{where}"])
    assert (status, out) == (2, ""), err
    assert err.count("\n") == 1, err
    assert how.split()[0] in err, err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("import sys; sys.exit(0)", "importing 'odd_module' for factory 'odd_module:build' ended with SystemExit: 0"),
        ("raise GeneratorExit", "ended with GeneratorExit"),
        ("def build(:\n  pass", "SyntaxError in odd_module.py, line 1"),
        ("\tx = 1\n  y = 2", "IndentationError in odd_module.py"),
        ("x = '\0'", "cannot import 'odd_module'"),
        (
            "import no_such_thing",
            "for factory 'odd_module:build': No module named 'no_such_thing",
        ),
        ("from os import nothing_here", "cannot import name 'nothing_here'"),
        ("a = 1\nb = a / 0", "ZeroDivisionError: division by zero (odd_module.py, line 2)"),
        ("open('missing.txt')", "FileNotFoundError"),
        ("raise KeyError('x\\ny')", "KeyError"),
        (
            "raise Exception",
            "factory 'odd_module:build': Exception (odd_module.py, line 1)",
        ),
        ("class E(BaseException): pass\nraise E('gone')", "ended with E: gone"),
        ("import typer\nraise typer.Exit(0)", "Exit"),
        ("def f(): f()\nf()", "RecursionError"),
    ],
)
def test_a_module_that_cannot_be_imported(here: Path, content: str, message: str) -> None:
    Path("odd_module.py").write_text(content)
    refused([*RUN, "--factory", "odd_module:build"], message)


@pytest.mark.parametrize(
    "factory", ["", ":", "a:", ".:x", "..a:b", "a b:c", "odd\0:c", "x" * 300 + ":y", "1:2", ".a:b"]
)
def test_a_factory_that_names_nothing(here: Path, factory: str) -> None:
    refused([*RUN, "--factory", factory], "factory")


@pytest.mark.parametrize("at", ["import", "init", "gather", "assess"])
def test_a_plugin_that_leaves(here: Path, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    leave = {k: "raise SystemExit(0)" if k == at else "pass" for k in ("import", "init", "gather", "assess")}
    Path("odd_plugin.py").write_text(
        f"""
from dataclasses import dataclass
from auditkit.check import BaseCheck
from auditkit.fairness.groups.check import GroupFairness
{leave["import"]}

@dataclass(frozen=True)
class Odd(BaseCheck):
    NAME = "odd"
    tasks = ("binary",)
    def __post_init__(self):
        {leave["init"]}
    def options(self):
        return {{}}
    def gather(self, batch):
        {leave["gather"]}
        return GroupFairness().gather(batch)
    def assess(self, evidence, *, level):
        {leave["assess"]}
        return GroupFairness().assess(evidence, level=level)
"""
    )
    from importlib.metadata import EntryPoint

    monkeypatch.syspath_prepend(here)
    monkeypatch.setattr(
        "auditkit.checks.entry_points", lambda group: [EntryPoint("odd", "odd_plugin:Odd", "auditkit.checks")]
    )
    arguments = ["odd" if a == "group_fairness" else a for a in RUN]
    refused([*arguments, "--y-pred", "d"], "odd", "SystemExit")


def test_the_library_raises_too(here: Path) -> None:
    class Leaves(nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            raise SystemExit(0)

    data = ak.Dataset("rows.csv", y_true="y", sensitive_features="sex")
    model = ak.Model(Leaves(2, 1), preprocess=lambda frame: frame[["a", "b"]].to_numpy(float))
    with pytest.raises(ak.ModelError, match=r"the net fails on .*SystemExit: 0"):
        ak.audit(model, data, checks=[ak.GroupFairness()])
    with pytest.raises(ak.ModelError, match=r"the net fails on .*SystemExit"):
        model.predict(data.frame)
    with pytest.raises(ak.ModelError, match="factory 'builtins:exit' ended with SystemExit"):
        ak.load_model("builtins:exit")


def test_the_keyboard_still_interrupts(here: Path) -> None:
    Path("odd_key.py").write_text("raise KeyboardInterrupt")
    assert run_cli([*RUN, "--factory", "odd_key:build"])[0] == 130
    with pytest.raises(KeyboardInterrupt):
        ak.load_model("odd_key:build", folder=here)


@pytest.mark.parametrize("command", ["gate", "report", "run", "demo"])
def test_every_command_answers_itself(here: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is called on the way and leaves, with an exit that means 0, is trouble."""

    def leaves(*_: object, **__: object) -> None:
        raise SystemExit(0)

    places = {
        "gate": ("auditkit.stored.read", ["gate", "r.json", "--policy", "gate.toml"]),
        "report": ("auditkit.stored.read", ["report", "r.json"]),
        "run": ("auditkit.inputs.dataset.Dataset.__init__", [*RUN, "--y-pred", "d"]),
        "demo": ("auditkit.inputs.dataset.Dataset.__init__", ["demo", "--out", "out"]),
    }
    place, arguments = places[command]
    monkeypatch.setattr(place, leaves)
    refused(arguments, "ended with SystemExit: 0")


@pytest.mark.parametrize(
    "closed",
    ["| true", *(pytest.param(c, marks=pytest.mark.slow) for c in (">&-", ">/dev/full", "<&- >&- 2>&-", "2>&-"))],
)
def test_the_verdict_stands_whoever_reads(here: Path, closed: str) -> None:
    """A closed pipe, a full disk behind stdout, closed streams: the files are whole and the status is the verdict's."""
    arguments = " ".join([*RUN, "--y-pred", "d", "--policy", "gate.toml", "--name", "r"])
    script = f"set -o pipefail; {sys.executable} -m auditkit {arguments} {closed}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert ak.Report.load("out/r.json").outcome == "failed"
    assert Path("out/r.html").read_text().rstrip().endswith("</html>")
    assert sorted(os.listdir("out")) == ["r.html", "r.json"]
