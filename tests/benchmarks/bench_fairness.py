"""Counting against computing on rows: tallies, rates, gaps and their intervals."""

from __future__ import annotations

from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd

from auditkit.catalogue.index import METRICS, rates
from auditkit.evidence.bootstrap import Bootstrap
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.frame import functions
from auditkit.fairness.groups.check import GroupFairness
from auditkit.stats.families import of_rates
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

    def drawn() -> None:
        replicates = Bootstrap.of(tally(category), 1_000, random_state=0)
        for m in names:
            replicates.rate(METRICS[m].numerator, METRICS[m].denominator, "g")

    def one_by_fairlearn() -> None:
        fl.MetricFrame(
            metrics=by_name, y_true=y_true, y_pred=y_pred, sensitive_features=category, n_boot=1, ci_quantiles=[0.5]
        )

    without = median_seconds(
        lambda: fl.MetricFrame(metrics=by_name, y_true=y_true, y_pred=y_pred, sensitive_features=category), repeat=1
    )
    replicate = max(0.0, median_seconds(one_by_fairlearn, repeat=1) - without)
    row("1,000 bootstrap replicates (1,000 × one)", 1_000 * replicate, median_seconds(drawn), "≥ 10,000 × faster")

    many = rng.integers(50, 2_000, (10, 1_000))
    hits = rng.binomial(many, 0.3)

    def thousand() -> None:
        for k, n in zip(hits, many, strict=True):
            of_rates("difference", k, n, level=0.95)

    print(f"  gaps of 1,000 groups × 10 rates {median_seconds(thousand):29.3f} s  (reach 1 s)", flush=True)
