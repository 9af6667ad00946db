"""How long one waits before anything happens."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.timing import median_seconds

POLICY = Path("auditkit/demo/auditkit.toml")
SAMPLE = Path("reports/samples/income.json")
COMPILED = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
"""Modules are compiled once, as where they are installed; else each start compiles ours, and only ours."""


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], capture_output=True, check=False, env=COMPILED)


def seconds(*arguments: str) -> float:
    """Median wall time of a fresh interpreter."""
    return median_seconds(lambda: _run(*arguments))


def work(*arguments: str) -> float:
    """Seconds of one core that a fresh interpreter takes, whatever else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    bare = seconds("-c", "pass")
    for what, arguments, reach in (
        ("import auditkit", ("-c", "import auditkit"), "0.3 s"),
        ("auditkit --help", ("-m", "auditkit", "--help"), "0.5 s"),
        ("auditkit gate, stored report", ("-m", "auditkit", "gate", str(SAMPLE), "--policy", str(POLICY)), "1 s"),
        ("auditkit report, stored report", ("-m", "auditkit", "report", str(SAMPLE), "--out", "reports"), "1 s"),
    ):
        print(f"  {what:34} {seconds(*arguments):6.2f} s  (bare interpreter {bare:.2f} s; reach {reach})")
    gate = ("-m", "auditkit", "gate", str(SAMPLE), "--policy", str(POLICY))
    _beside("gate", gate, "import pydantic, numpy, scipy.special", reach=2)
    with tempfile.TemporaryDirectory() as folder:
        page = ("-m", "auditkit", "report", str(SAMPLE), "--out", folder)
        _beside("page of a stored report", page, "import pydantic, jinja2", reach=4)


def _beside(what: str, arguments: tuple[str, ...], imports: str, *, reach: float) -> None:
    """Print the work of a command over that of bare imports: medians, in turns."""
    pairs = [(work(*arguments), work("-c", imports)) for _ in range(11)]
    ours, needed = (statistics.median(p) for p in zip(*pairs, strict=True))
    ratio = f"{ours:.2f} s ÷ {needed:.2f} s = {ours / needed:.2f} ×"
    print(f"  {what} ÷ {imports}, of a core, in turns: {ratio}  (reach {reach:g})")
