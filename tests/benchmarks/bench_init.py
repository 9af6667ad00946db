"""CPU seconds of `auditkit init --no-run` on a million rows, start of the process included (reach ≤ 5)."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

ROWS = 1_000_000


def people(rows: int) -> pa.Table:
    """Nine columns: an id, two features to compare, three others, truth, decision and score."""
    rng = np.random.default_rng(0)
    score = rng.random(rows)
    return pa.table(
        {
            "case": [f"c{i}" for i in range(rows)],
            "sex": np.array(["f", "m"])[rng.integers(0, 2, rows)],
            "race": np.array(["a", "b", "c", "d"])[rng.integers(0, 4, rows)],
            "age": rng.integers(18, 90, rows),
            "hours": rng.normal(40, 10, rows),
            "region": np.array([f"r{i}" for i in range(30)])[rng.integers(0, 30, rows)],
            "y": (rng.random(rows) < score).astype(int),
            "decision": (score > 0.5).astype(int),
            "score": score,
        }
    )


def seconds(path: Path) -> float:
    """CPU seconds of a process that makes a first configuration for the file."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = path.with_name(f"{path.name}.toml")
    asked = ["init", str(path), "--yes", "--no-run", "--quiet", "--out", str(out)]
    subprocess.run([sys.executable, "-m", "auditkit", *asked], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(rows: int = ROWS) -> None:
    """Print the CPU seconds for parquet and for CSV."""
    table = people(rows)
    with tempfile.TemporaryDirectory() as folder:
        pyarrow.parquet.write_table(table, f"{folder}/rows.parquet")
        pyarrow.csv.write_csv(table, f"{folder}/rows.csv")
        for name in ("rows.parquet", "rows.csv"):
            print(
                f"  init, {rows:,} rows, {name:14} {seconds(Path(folder) / name):6.1f} s of CPU  (reach ≤ 5)",
                flush=True,
            )


if __name__ == "__main__":
    main()
