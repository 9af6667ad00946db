"""Searching all subgroups of eight attributes: to the reach of STATISTICS, and against those who do the same."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
import pandas as pd

from auditkit.check import Batch
from auditkit.evidence.sample import row_keys
from auditkit.fairness.subgroups import Subgroups
from tests.benchmarks.timing import median_seconds, row

ROWS, ATTRIBUTES, SUPPORT = 500_000, 8, 0.01


def rows(text: bool) -> Batch:
    """Eight attributes of five values each, as strings or categories; errors of 10 %, 40 % where two meet."""
    rng = np.random.default_rng(0)
    values = np.array([f"value {i}" for i in range(5)], dtype=object)
    codes = [rng.choice(5, ROWS, p=[0.3, 0.3, 0.2, 0.1, 0.1]) for _ in range(ATTRIBUTES)]
    columns = {f"attribute {i}": pd.Series(values[c], dtype="str") for i, c in enumerate(codes)}
    frame = pd.DataFrame(columns if text else {k: v.astype("category") for k, v in columns.items()})
    truth = rng.integers(0, 2, ROWS).astype(np.int8)
    wrong = rng.random(ROWS) < np.where((codes[0] == 1) & (codes[1] == 2), 0.4, 0.1)
    groups = pd.DataFrame({"attribute 0": frame["attribute 0"].astype("category")})
    batch = Batch(frame, groups, truth, np.where(wrong, 1 - truth, truth).astype(np.int8))
    return Batch(frame, groups, truth, batch.y_pred, key=np.random.default_rng(1).permutation(row_keys(batch)))


def main() -> None:
    for name, text in (("categories", False), ("strings", True)):
        batch = rows(text)
        check = Subgroups(support=SUPPORT)

        def whole(check: Subgroups = check, batch: Batch = batch) -> None:
            fitted = check.fit(batch)
            fitted.assess(fitted.gather(batch))

        seconds = median_seconds(whole)
        print(f"  all subgroups to depth 3, 8 × {name:10} 500 k rows {seconds:8.3f} s  (reach 1 s)", flush=True)
    batch = rows(False)
    fitted = Subgroups(support=SUPPORT).fit(batch)
    evidence = fitted.gather(batch)
    print(
        f"  of it: from the evidence to the finding            {median_seconds(lambda: fitted.assess(evidence)):8.3f} s"
    )
    print(f"  beside it: hashing the rows (an audit does, once)  {median_seconds(lambda: row_keys(batch)):8.3f} s")
    for package, compare in (("divexplorer", divexplorer), ("sliceline", sliceline)):
        if importlib.util.find_spec(package) is None:
            print(f"  {package}: not compared, it is not installed (`make bench` does")
            continue
        reference = median_seconds(compare(batch), repeat=1)
        row(f"the same rows by {package}", reference, median_seconds(whole), "≥ 10 × faster")


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
    finder = Slicefinder(k=20, max_l=3, min_sup=int(SUPPORT * ROWS), verbose=False)
    return lambda: finder.fit(batch.features, errors)


if __name__ == "__main__":
    main()
