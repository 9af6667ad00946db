"""Progress shows by itself on a terminal, and nowhere else; long work says how long it will take.

Truth: real terminals (pseudo-terminals) and real pipes; a clock that is turned by hand.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

import auditkit
from auditkit.progress import is_told, tell, told_to
from auditkit.progress_bar import Estimates, duration, shown

ROOT = Path(auditkit.__file__).parent.parent
AUDIT = """
    import time, numpy as np, pandas as pd, torch
    import auditkit as ak

    class Slow(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def forward(self, x):
            time.sleep({pause})
            return self.layer(x)

    n = 400
    rng = np.random.default_rng(0)
    x = pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"])
    group = {{"g": np.tile(["A", "B"], n // 2)}}
    data = ak.Dataset.from_arrays(x, y_true=(x.a > 0).astype(int), sensitive_features=group)
    model = ak.Model(Slow(), outputs="logits", batch_size=20)
    report = ak.audit(model, data, checks=[ak.GroupFairness(), ak.FlipTest()], {options})
    print(len(report.findings), "findings")
"""
TELLS = """
    import time
    import auditkit.progress_bar as bar
    from auditkit.progress import tell

    bar.LONG, bar.SURE, bar.SHORT = {long}, 0.01, 0.0
    with bar.shown({asked}):
        for i in range(20):
            tell("counting [b]rows[/b]", i, 20)
            time.sleep(0.02)
    print("done")
"""


def ran(code: str, *, stderr_is: str, **variables: str) -> tuple[str, str]:
    """stdout (a pipe), and what came out of stderr, which is a terminal, a pipe or a file."""
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "PYTHONPATH": str(ROOT), **variables}
    if stderr_is == "pipe":
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=True, timeout=120)
        return done.stdout, done.stderr
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, stdin=theirs, env=env) as child:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            seen += part
        assert child.stdout is not None
        out = child.stdout.read().decode()
        assert child.wait(120) == 0, seen
    os.close(ours)
    return out, seen.decode()


def test_a_terminal_shows_a_bar_and_an_estimate_and_stdout_stays_clean() -> None:
    out, seen = ran(TELLS.format(long=0.1, asked=""), stderr_is="terminal")
    assert out == "done\n"
    assert "counting [b]rows[/b]" in seen
    assert "/20" in seen
    assert "auditkit: this will take about 5 seconds: counting [b]rows[/b] (" in seen


def test_short_work_is_not_announced() -> None:
    _, seen = ran(TELLS.format(long=30, asked=""), stderr_is="terminal")
    assert "/20" in seen
    assert "this will take" not in seen


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("asked", "stderr_is"), [("", "pipe"), ("False", "terminal"), ("False", "pipe")])
def test_pipes_and_those_who_want_none_see_nothing(asked: str, stderr_is: str) -> None:
    for more in ({}, {"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1"}):
        out, seen = ran(TELLS.format(long=0.1, asked=asked), stderr_is=stderr_is, **more)
        assert (out, seen) == ("done\n", "")


@pytest.mark.slow
def test_an_audit_from_a_script_shows_it_and_a_quiet_one_does_not() -> None:
    out, seen = ran(AUDIT.format(pause=0.08, options=""), stderr_is="terminal")
    assert "findings" in out
    assert "asking the net" in seen
    assert "/400" in seen
    for options, where in (("progress=False", "terminal"), ("", "pipe")):
        out, seen = ran(AUDIT.format(pause=0.0, options=options), stderr_is=where)
        assert "findings" in out
        assert seen == ""


@pytest.mark.slow
@pytest.mark.parametrize(("flag", "expected"), [("", True), ("--quiet", False)])
def test_the_command_line_does_as_scripts_do(flag: str, expected: bool, tmp_path: Path) -> None:
    code = f"""
        import sys, os, runpy
        os.chdir({str(tmp_path)!r})
        import auditkit.progress_bar as bar
        bar.SHORT = 0.0
        sys.argv = ["auditkit", "demo", *"{flag}".split()]
        try:
            runpy.run_module("auditkit", run_name="__main__")
        except SystemExit as e:
            sys.exit(0 if e.code in (0, 1, None) else e.code)
    """
    _, seen = ran(code, stderr_is="terminal")
    assert ("/" in seen and "rows" in seen) == expected


# ---- who is told


def test_whoever_is_told_stays_told() -> None:
    told: list[Any] = []
    with told_to(lambda *a: told.append(a)):
        with shown():
            tell("a", 1, 2)
        with shown(False), shown():
            tell("b", 1, 2)
        with shown(lambda *a: told.append(("other", *a))):
            tell("c", 1, 2)
    assert told == [("a", 1, 2), ("other", "c", 1, 2)]
    assert not is_told()


class Closed:
    def isatty(self) -> bool:
        raise ValueError("I/O operation on closed file")


@pytest.mark.parametrize("stderr", [None, Closed()])
def test_without_a_stderr_nobody_looks(stderr: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    with shown():
        assert not is_told()


# ---- estimates, by a clock that is turned by hand


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.said: list[tuple[float, str]] = []
        self.told = Estimates(lambda text: self.said.append((self.now, text)), clock=lambda: self.now)

    def work(self, what: str, steps: int, each: float, *, first: int = 1) -> None:
        for k in range(first, steps + 1):
            self.now += each
            self.told(what, k, steps)


@pytest.mark.parametrize(("steps", "each"), [(40, 3.0), (1000, 0.2), (4, 20.0)])
def test_the_estimate_is_what_is_left(steps: int, each: float) -> None:
    clock = Clock()
    clock.work("rows", steps, each)
    ((at, text),) = clock.said
    assert at == pytest.approx(max(each, 1.0), abs=each), "as soon as the rate is known"
    assert text.startswith(f"this will take about {duration(steps * each - at)}: rows (")


def test_what_is_short_says_nothing() -> None:
    clock = Clock()
    for _ in range(50):
        clock.work("splitting gaps", 10, 0.5)
    assert clock.said == []


def test_steps_inside_steps_keep_their_own_rates() -> None:
    """Five layers of 20 s each: a step of the outer loop is the inner one, begun again and again."""
    clock = Clock()
    for layer in range(5):
        clock.work("explaining rows", 10, 2.0)
        clock.told("layers", layer + 1, 5)
    assert [(at, text.split(":")[1].split(" (")[0]) for at, text in clock.said] == [(40.0, " layers")]


def test_what_goes_before_does_not_count() -> None:
    clock = Clock()
    clock.told("attribution", 2, 8)
    clock.told("rows", 0, 10)
    clock.now += 0.5
    clock.work("rows", 10, 0.5)
    clock.now = 100.0  # something else, for long
    clock.told("rows", 0, 10)
    clock.work("rows", 10, 1.5)
    assert clock.said == []


def test_durations() -> None:
    assert [duration(s) for s in (0.2, 31, 58, 89, 91, 3500, 3600)] == [
        "5 seconds", "30 seconds", "1 minute", "1 minute", "2 minutes", "58 minutes", "1.0 hours",
    ]  # fmt: skip


def test_telling_costs_little() -> None:
    told = Estimates(lambda _: None)
    began = time.process_time()
    for k in range(20_000):
        told("rows", k, 20_000)
    assert time.process_time() - began < 1.0
