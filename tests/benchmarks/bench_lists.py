"""A million rows of lists, from a parquet file to findings: seconds of one core, without a model pass."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import auditkit as ak

USERS, LONG, ITEMS = 10_000, 100, 1_000


def main() -> None:
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(USERS), LONG)
    item = np.concatenate([rng.choice(ITEMS, LONG, replace=False) for _ in range(USERS)])
    relevant = rng.random(len(user)) < 0.08
    rows = pd.DataFrame({"user": user, "item": item, "relevant": relevant.astype(int)})
    rows["score"] = relevant * rng.random(len(user)) + rng.random(len(user)) - 0.3 * (item % 5 == 0)
    rows["genre"], rows["bought"] = np.array(list("abcde"))[item % 5], item * 7 % 997
    rows["sex"], rows["age"] = np.where(user % 2, "f", "m"), np.array(["young", "middle", "old"])[user % 3]
    with tempfile.TemporaryDirectory() as folder:
        rows.to_parquet(path := Path(folder) / "lists.parquet")
        start = time.process_time()
        read = ak.Rankings(
            items=path, score="score", user_groups=["sex", "age"], item_groups=["genre"], popularity="bought"
        )
        found = ak.audit(read, progress=False)
        seconds = time.process_time() - start
    print(
        f"  {len(rows):,} rows of lists, {len(found.findings)} findings  {seconds:8.2f} s of one core  (reach ≤ 10 s)"
    )


if __name__ == "__main__":
    main()
