"""A whole audit of a million predictions: three attributes, their crossing, scores, replicates, the page."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 1_000_000
COMPILED = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
"""Modules are compiled once, as where they are installed."""


def rows(n: int) -> pd.DataFrame:
    """Predictions whose scores are calibrated, with a gap in who is positive."""
    rng = np.random.default_rng(0)
    sex = rng.choice(["female", "male"], n)
    race = rng.choice(["a", "b", "c", "d", "e"], n, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    age = rng.choice(["under 30", "30 to 50", "over 50"], n)
    logit = rng.normal(-1, 1.5, n) + np.where(sex == "male", 0.5, 0) + np.where(race == "e", -0.4, 0)
    score = 1 / (1 + np.exp(-logit))
    y = (rng.random(n) < score).astype(np.int8)
    frame = pd.DataFrame({"sex": sex, "race": race, "age": age, "y": y, "score": score})
    return frame.assign(decision=(score >= 0.5).astype(np.int8))


def one() -> None:
    """In an interpreter of its own: audit, write the page, print seconds, peak memory and size."""
    import auditkit as ak

    frame = rows(ROWS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    start = time.perf_counter()
    data = ak.Dataset(frame, y_true="y", sensitive_features=["sex", "race", "age"])
    checks = [ak.GroupFairness(n_boot=1_000), ak.Scores(), ak.DataProfile()]
    report = ak.audit(ak.Predictions(y_pred="decision", score="score"), data, checks=checks)
    with tempfile.TemporaryDirectory() as folder:
        report.save(Path(folder) / "audit.html")
        seconds = time.perf_counter() - start
        kilobytes = (Path(folder) / "audit.html").stat().st_size / 1000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{seconds:.1f} s, {peak:.2f} GB at the peak ({before:.2f} GB before the audit), page {kilobytes:.0f} kB")


def usual(n: int) -> None:
    """In an interpreter of its own, with the default checks: seconds of one core, page and JSON among them."""
    start = time.process_time()
    import auditkit as ak

    frame = rows(n)
    made = time.process_time()
    data = ak.Dataset(frame, y_true="y", sensitive_features=["sex", "race", "age"])
    report = ak.audit(ak.Predictions(y_pred="decision", score="score"), data)
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("html", "json"):
            report.save(Path(folder) / f"audit.{suffix}")
    done = time.process_time()
    lost = sorted({"torch", "captum"} & set(sys.modules))
    print(f"{done - made:.1f} s, {made - start:.1f} s before it to make rows; loaded {lost or 'no torch, no captum'}")


def _fresh(call: str) -> str:
    code = f"from tests.benchmarks.bench_audit import one, usual; {call}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=COMPILED)
    return done.stdout.strip()


def main() -> None:
    print(f"  1 M predictions, 3 attributes, crossing, scores, 1,000 replicates: {_fresh('one()')}")
    print("  (reach 10 s, 2 GB, 400 kB)", flush=True)
    for n, reach in ((15_000, "3 s, a fresh process"), (ROWS, "6 s beyond imports")):
        print(
            f"  {n:,} predictions, default checks, page and JSON, of one core: {_fresh(f'usual({n})')}  (reach {reach})"
        )


if __name__ == "__main__":
    main()
