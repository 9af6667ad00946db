"""Memory of an audit of predictions from a parquet file: of 20 M rows, beside 2 M. It holds a part of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = (2_000_000, 20_000_000)
AUDIT = """
import resource, sys
import auditkit as ak
data = ak.Dataset(sys.argv[1], y_true="y", sensitive_features=["sex", "race"])
report = ak.audit(ak.Predictions("decision", score="score"), data)
assert report.provenance.data.rows == int(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def write(path: Path, rows: int) -> None:
    """Rows of people with two features, truth, decision and score, in row groups of half a million."""
    rng = np.random.default_rng(0)
    with_schema: pq.ParquetWriter | None = None
    for start in range(0, rows, 500_000):
        n = min(500_000, rows - start)
        score = rng.random(n)
        table = pa.table(
            {
                "sex": np.array(["f", "m"])[rng.integers(0, 2, n)],
                "race": np.array(["a", "b", "c", "d"])[rng.integers(0, 4, n)],
                "age": rng.integers(18, 90, n),
                "hours": rng.normal(40, 10, n),
                "y": (rng.random(n) < score).astype(np.int8),
                "decision": (score > 0.5).astype(np.int8),
                "score": score,
            }
        )
        with_schema = with_schema or pq.ParquetWriter(path, table.schema)
        with_schema.write_table(table)
    assert with_schema is not None, "there are rows"
    with_schema.close()


def peak(path: Path, rows: int) -> tuple[float, float]:
    """Peak MB of a process that audits the file, and its seconds."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", AUDIT, str(path), str(rows)], capture_output=True, check=True, text=True
    )
    return float(done.stdout), time.perf_counter() - start


def main(sizes: tuple[int, ...] = ROWS) -> None:
    """Print peak memory of each, and the ratio of the largest to the smallest (reach ≤ 1.3)."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            path = Path(folder) / "rows.parquet"
            write(path, rows)
            found.append(peak(path, rows))
            print(f"  {rows:>12,} rows from parquet  peak {found[-1][0]:7.0f} MB  {found[-1][1]:7.1f} s", flush=True)
    print(f"  ratio of the peaks {found[-1][0] / found[0][0]:.2f}  (reach ≤ 1.3)")


if __name__ == "__main__":
    main()
