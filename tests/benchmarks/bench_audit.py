"""A whole audit of a million predictions: three attributes, their crossing, scores, replicates, the page."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 1_000_000


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


def main() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from tests.benchmarks.bench_audit import one; one()"],
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"  1 M predictions, 3 attributes, crossing, scores, 1,000 replicates: {done.stdout.strip()}")
    print("  (reach 10 s, 2 GB, 400 kB)", flush=True)


if __name__ == "__main__":
    main()
