"""Which criteria exclude each other where base rates differ.

With base rates b ≠ b′, selection s = b TPR + (1 − b) FPR and precision PPV = b TPR / s:
equal TPR and FPR with equal s give TPR = FPR, decisions that say nothing of the truth; equal s and PPV give TPR/TPR′ =
b′/b; equal TPR, FPR and PPV give TPR = 0 or FPR = 0. Source: Chouldechova (2017), Big Data 5:153; Kleinberg,
Mullainathan & Raghavan (2017), ITCS.
"""

from __future__ import annotations

SELECTION = "equal selection"
ERRORS = "equal shares found and wrongly selected"
PRECISION = "equal shares right among the selected"

CRITERIA = {
    "selection_rate": SELECTION,
    **dict.fromkeys(
        ("true_positive_rate", "false_positive_rate", "false_negative_rate", "true_negative_rate", "equalized_odds"),
        ERRORS,
    ),
    "equalized_odds_mean": ERRORS,
    "precision": PRECISION,
    "false_discovery_rate": PRECISION,
}
"""Metric → the criterion that its equality between groups belongs to."""

CANNOT = {
    (SELECTION, ERRORS): "unless decisions say nothing about the truth",
    (SELECTION, PRECISION): "unless a smaller share of one group is found",
    (ERRORS, PRECISION): "unless nobody is wrongly selected",
}
"""Two criteria → under what alone both hold, where base rates differ."""
