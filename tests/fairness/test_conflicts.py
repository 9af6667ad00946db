"""What is said to exclude each other does, over tables that are made to meet one criterion and searched for another."""

from __future__ import annotations

import numpy as np

from auditkit.catalogue.conflicts import CANNOT, CRITERIA
from auditkit.catalogue.index import METRICS


def test_criteria_are_metrics_that_exist_and_conflicts_are_of_criteria() -> None:
    assert set(CRITERIA) <= set(METRICS)
    assert {c for pair in CANNOT for c in pair} == set(CRITERIA.values())


def test_brute_force_over_all_small_pairs_of_tables() -> None:
    """Two groups of 12 people with 3 and 6 truly positive: every table of both, in whole people."""
    n, positives = 12, (3, 6)
    hits = [np.arange(k + 1) for k in positives]
    wrong = [np.arange(n - k + 1) for k in positives]
    h0, w0, h1, w1 = (x.ravel() for x in np.meshgrid(hits[0], wrong[0], hits[1], wrong[1], indexing="ij"))
    tpr, fpr = (h0 / 3, h1 / 6), (w0 / 9, w1 / 6)
    selected = (h0 + w0, h1 + w1)
    same_errors = np.isclose(tpr[0], tpr[1]) & np.isclose(fpr[0], fpr[1])
    same_selection = selected[0] == selected[1]
    some = (selected[0] > 0) & (selected[1] > 0)
    same_precision = some & (h0 * selected[1] == h1 * selected[0])

    both = same_errors & same_selection
    assert both.any()
    assert np.allclose(tpr[0][both], fpr[0][both]), "decisions say nothing about the truth"

    both = same_selection & same_precision & (h0 > 0)
    assert both.any()
    assert (tpr[0][both] > tpr[1][both]).all(), "a smaller share is found where more are truly positive"

    both = same_errors & same_precision & (h0 > 0)
    assert both.any()
    assert (fpr[0][both] == 0).all(), "nobody is wrongly selected"


def test_where_base_rates_are_equal_nothing_is_excluded() -> None:
    tpr, fpr, b = 0.8, 0.1, np.array([0.3, 0.3])
    selected = b * tpr + (1 - b) * fpr
    precision = b * tpr / selected
    assert np.ptp(selected) == np.ptp(precision) == 0
