"""Score histograms against computing on rows: AUC by group, with its interval where ours has one."""

from __future__ import annotations

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from auditkit.evidence.histogram import ScoreHistogram
from auditkit.fairness.scores.check import Scores, read
from tests.benchmarks.timing import median_seconds, row

ROWS, GROUPS = 1_000_000, 10


def main() -> None:
    rng = np.random.default_rng(0)
    g = pd.Series(pd.Categorical.from_codes(rng.integers(0, GROUPS, ROWS), [f"group {i}" for i in range(GROUPS)]))
    score = rng.beta(1, 2, ROWS)
    y_true = (rng.random(ROWS) < score).astype(np.int8)
    y_pred = (score >= 0.5).astype(np.int8)
    more = pd.DataFrame({"g": g, "h": rng.choice(["a", "b"], ROWS), "i": rng.choice(list("uvwxy"), ROWS)})
    more = more.astype("category")

    def rows_by_fairlearn() -> None:
        frame = fl.MetricFrame(metrics=roc_auc_score, y_true=y_true, y_pred=score, sensitive_features=g)
        frame.difference()

    def by_histogram() -> None:
        h = ScoreHistogram.of({"g": g}, y_true=y_true, y_pred=y_pred, score=score)
        read(h, ("g",), "roc_auc", level=0.95).finding("difference")

    def histogram() -> ScoreHistogram:
        return ScoreHistogram.of(more, y_true=y_true, y_pred=y_pred, score=score)

    reference = median_seconds(rows_by_fairlearn, repeat=1)
    row("AUC by 10 groups, interval, 1 M rows", reference, median_seconds(by_histogram), "≥ 10 × faster")
    ours = median_seconds(histogram)
    row("  three attributes crossed, the histogram alone", reference, ours, "-")
    evidence = histogram()
    seconds = median_seconds(lambda: Scores(by=[["g"], ["h"], ["i"]]).assess(evidence), repeat=1)
    print(f"  every finding about scores by three attributes  {seconds:8.3f} s")


if __name__ == "__main__":
    main()
