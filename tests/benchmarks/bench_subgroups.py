"""Searching all subgroups of eight attributes: to the depth that checks reach, and against those who do the same."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
import pandas as pd

from auditkit.batch import Batch
from auditkit.evidence.sample import row_keys
from auditkit.fairness.search.check import Subgroups
from tests.benchmarks.timing import median_seconds, row

ROWS, ATTRIBUTES, SUPPORT = 500_000, 8, 0.01
FEWER = 50_000
"""Rows for sliceline: with ten times as many, 24 GB do not suffice it."""


def rows(text: bool, n: int = ROWS) -> Batch:
    """Eight attributes of five values each, as strings or categories; errors of 10 %, 40 % where two meet."""
    rng = np.random.default_rng(0)
    values = np.array([f"value {i}" for i in range(5)], dtype=object)
    codes = [rng.choice(5, n, p=[0.3, 0.3, 0.2, 0.1, 0.1]) for _ in range(ATTRIBUTES)]
    columns = {f"attribute {i}": pd.Series(values[c], dtype="str") for i, c in enumerate(codes)}
    frame = pd.DataFrame(columns if text else {k: v.astype("category") for k, v in columns.items()})
    truth = rng.integers(0, 2, n).astype(np.int8)
    wrong = rng.random(n) < np.where((codes[0] == 1) & (codes[1] == 2), 0.4, 0.1)
    groups = pd.DataFrame({"attribute 0": frame["attribute 0"].astype("category")})
    batch = Batch(frame, groups, truth, np.where(wrong, 1 - truth, truth).astype(np.int8))
    return Batch(frame, groups, truth, batch.y_pred, key=np.random.default_rng(1).permutation(row_keys(batch)))


def searched(batch: Batch) -> None:
    fitted = Subgroups(support=SUPPORT).fit(batch)
    fitted.assess(fitted.gather(batch))


def main() -> None:
    for name, text in (("categories", False), ("strings", True)):
        batch = rows(text)
        seconds = median_seconds(lambda batch=batch: searched(batch))
        print(f"  all subgroups to depth 3, 8 × {name:10} 500 k rows {seconds:8.3f} s  (reach 1 s)", flush=True)
    batch = rows(False)
    fitted = Subgroups(support=SUPPORT).fit(batch)
    evidence = fitted.gather(batch)
    print(
        f"  of it: from the evidence to the finding            {median_seconds(lambda: fitted.assess(evidence)):8.3f} s"
    )
    print(f"  beside it: hashing the rows (an audit does, once)  {median_seconds(lambda: row_keys(batch)):8.3f} s")
    for package, compare, n in (("divexplorer", divexplorer, ROWS), ("sliceline", sliceline, FEWER)):
        if importlib.util.find_spec(package) is None:
            print(f"  {package}: not compared, it is not installed (`make bench` does")
            continue
        batch = rows(False, n)
        reference = median_seconds(compare(batch), repeat=1)
        ours = median_seconds(lambda batch=batch: searched(batch))
        row(f"{n // 1000} k rows by {package}", reference, ours, "≥ 10 × faster")


def divexplorer(batch: Batch) -> Callable[[], object]:
    """DivExplorer's search with the same support; it knows no limit of depth, and makes no second half."""
    from divexplorer import DivergenceExplorer

    wrong = (batch.y_true != batch.y_pred).astype(int)
    explorer = DivergenceExplorer(batch.features.astype(str).assign(error=wrong))
    attributes = list(batch.features)
    return lambda: explorer.get_pattern_divergence(
        min_support=SUPPORT, attributes=attributes, boolean_outcomes=["error"]
    )


def sliceline(batch: Batch) -> Callable[[], object]:
    """sliceline's best 20 slices to the same depth and support."""
    from sliceline.slicefinder import Slicefinder

    errors = (batch.y_true != batch.y_pred).astype(float)
    finder = Slicefinder(k=20, max_l=3, min_sup=int(SUPPORT * len(errors)), verbose=False)
    return lambda: finder.fit(batch.features, errors)


if __name__ == "__main__":
    main()
