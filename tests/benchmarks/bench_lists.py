"""A million rows of lists and 100,000 pairs of people, from a table to findings: seconds of one core, no model pass."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import auditkit as ak

USERS, LONG, ITEMS = 10_000, 100, 1_000


PEOPLE, PAIRS = 2_000, 100_000


def told(what: str, read: Callable[[], Any]) -> None:
    start = time.process_time()
    found = ak.audit(read(), progress=False)
    seconds = time.process_time() - start
    print(f"  {what}, {len(found.findings)} findings  {seconds:8.2f} s of one core  (reach ≤ 10 s)")


def main() -> None:
    told(f"{PAIRS:,} pairs of people", functools.partial(_verified, pairs()))
    lists()


def pairs() -> pd.DataFrame:
    """People in pairs and how alike they are; one pair in five is of one person."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, PEOPLE, PAIRS)
    second = np.where(np.arange(PAIRS) % 5 == 0, first, rng.integers(0, PEOPLE, PAIRS))
    second = np.where((second == first) & (np.arange(PAIRS) % 5 > 0), (second + 1) % PEOPLE, second)
    sex, age = np.array(["f", "m"])[rng.integers(0, 2, PEOPLE)], np.array(list("abc"))[rng.integers(0, 3, PEOPLE)]
    rows = {"a": first, "b": second, "score": rng.beta(2, 4, PAIRS) + 0.3 * (first == second)}
    rows |= {f"{k}_{s}": of[who] for k, of in (("sex", sex), ("age", age)) for s, who in (("a", first), ("b", second))}
    rows["score"] = np.minimum(rows["score"], 1.0)
    return pd.DataFrame(rows)


def _verified(rows: pd.DataFrame) -> ak.Verification:
    return ak.Verification(pairs=rows, score="score", threshold=0.6, sensitive_features=["sex", "age"])


def lists() -> None:
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
        told(
            f"{len(rows):,} rows of lists",
            lambda: ak.Rankings(
                items=path, score="score", user_groups=["sex", "age"], item_groups=["genre"], popularity="bought"
            ),
        )


if __name__ == "__main__":
    main()
