"""How long one waits before anything happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.timing import median_seconds

POLICY = Path("auditkit/demo/auditkit.toml")
SAMPLE = Path("reports/samples/income.json")


def seconds(*arguments: str) -> float:
    """Median wall time of a fresh interpreter."""
    return median_seconds(lambda: subprocess.run([sys.executable, *arguments], capture_output=True, check=False))


def main() -> None:
    bare = seconds("-c", "pass")
    for what, arguments, reach in (
        ("import auditkit", ("-c", "import auditkit"), "0.3 s"),
        ("auditkit --help", ("-m", "auditkit", "--help"), "0.5 s"),
        ("auditkit gate, stored report", ("-m", "auditkit", "gate", str(SAMPLE), "--policy", str(POLICY)), "1 s"),
        ("auditkit report, stored report", ("-m", "auditkit", "report", str(SAMPLE), "--out", "reports"), "1 s"),
    ):
        print(f"  {what:34} {seconds(*arguments):6.2f} s  (bare interpreter {bare:.2f} s; reach {reach})")
    gate = seconds("-m", "auditkit", "gate", str(SAMPLE), "--policy", str(POLICY))
    needed = seconds("-c", "import pydantic, numpy, scipy.special")
    print(f"  {'gate ÷ import pydantic, numpy, scipy.special':46} {gate / needed:4.1f} ×  (reach 2)")
