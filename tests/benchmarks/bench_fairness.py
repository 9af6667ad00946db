"""Counting against computing on rows: tallies, rates, gaps and their intervals."""

from __future__ import annotations

from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd

from auditkit.catalogue.index import rates
from auditkit.evidence.tally import Tally
from auditkit.fairness.checks import GroupFairness
from auditkit.fairness.frame import functions
from tests.benchmarks.timing import median_seconds, row

ROWS, GROUPS = 1_000_000, 10


def main() -> None:
    rng = np.random.default_rng(0)
    labels = np.array([f"group {i}" for i in range(GROUPS)])
    codes = rng.integers(0, GROUPS, ROWS)
    text = pd.Series(labels[codes], dtype="str")
    category = text.astype("category")
    y_true, y_pred = (rng.integers(0, 2, ROWS).astype(np.int8) for _ in range(2))

    def tally(groups: Any) -> Tally:
        return Tally.of({"g": groups}, y_true=y_true, y_pred=y_pred)

    joint = codes * 9 + y_true * 3 + y_pred

    def bincount() -> None:
        np.bincount(joint, minlength=9 * GROUPS)

    def coded(groups: Any) -> None:
        for column in (groups, y_true, y_pred):
            pd.factorize(column)
        bincount()

    for name, groups in (("strings", text), ("categories", category)):
        reference = median_seconds(lambda g=groups: coded(g))
        row(f"tally of 1 M rows, {name}", reference, median_seconds(lambda g=groups: tally(g)), "≤ 3 × the time")
    row("  of it: the bincount alone", median_seconds(bincount), median_seconds(lambda: tally(category)), "-")

    names = [m for m in rates() if m != "base_rate"]
    by_name = {m: functions()[m] for m in names}

    def rows_by_fairlearn() -> None:
        frame = fl.MetricFrame(metrics=by_name, y_true=y_true, y_pred=y_pred, sensitive_features=category)
        frame.difference()
        frame.ratio()

    def by_tally() -> None:
        GroupFairness(metrics=names).assess(tally(category))

    reference = median_seconds(rows_by_fairlearn, repeat=1)
    row("10 rates × 10 groups, intervals, 1 M rows", reference, median_seconds(by_tally), "≥ 100 × faster")
