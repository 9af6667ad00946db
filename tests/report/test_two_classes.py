"""Of two classes a rate of the one is a rate of the other: what a rule asks of one it has asked of both."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pandas as pd

import auditkit as ak
from auditkit.catalogue.index import METRICS
from auditkit.records import Report
from auditkit.report.surest import differences, mirrored, uncovered

RATES = [m for m in METRICS if METRICS[m].denominator and METRICS[m].kind == "rate"]


def rate(metric: str, label: int, truth: np.ndarray, told: np.ndarray) -> float:
    """Of the rows whose (truth, decision) for the class are cells of its denominator, those of its numerator."""
    cells = list(zip((truth == label).astype(int).tolist(), (told == label).astype(int).tolist(), strict=True))
    m = METRICS[metric]
    inside = sum(c in m.denominator for c in cells)
    return sum(c in m.numerator for c in cells) / inside if inside else np.nan


def test_oracle_rates_of_the_two_classes_counted() -> None:
    rng = np.random.default_rng(0)
    drawn = [(rng.random(60) < 0.4, rng.random(60) < 0.7) for _ in range(3)]
    for a, b in itertools.product(RATES, RATES):
        found = [(rate(a, 1, *rows), rate(b, 0, *rows)) for rows in drawn]
        if not np.isnan(found).any():
            same = all(np.isclose(x, y) or np.isclose(x + y, 1) for x, y in found)
            assert mirrored(a, b) == same, (a, b)


@cache
def audited(metric: str = "", label: str | None = None, *, kind: str = "multiclass") -> Report:
    """Dogs indoors are told “cat”."""
    rng = np.random.default_rng(0)
    truth, place = rng.choice(["cat", "dog"], 2_000), rng.choice(["grass", "indoors"], 2_000)
    wrong = rng.random(2_000) < np.where((truth == "dog") & (place == "indoors"), 0.4, 0.05)
    told = np.where(wrong, np.where(truth == "dog", "cat", "dog"), truth)
    rows = pd.DataFrame({"y": truth, "told": told, "place": place})
    if kind == "three":
        rows = pd.concat([rows, pd.DataFrame({"y": "fox", "told": "fox", "place": ["grass", "indoors"] * 50})])
    data = ak.Dataset(rows, y_true="y", sensitive_features="place", task="multiclass")
    rule = {"id": "asked", "metric": metric, "comparison": "difference", "by": ["place"], "at_most": 0.1}
    rule |= {} if label is None else {"label": label}
    policy = {"rule": [rule]} if metric else None
    return ak.audit(ak.Predictions("told"), data, policy=policy, checks=["class_fairness"])


def test_a_difference_that_is_ruled_under_another_name_is_not_one_without_a_rule() -> None:
    names = [f.metric for f in differences(audited())]
    assert names[:4] == ["true_positive_rate", "false_positive_rate", "mistaken_class", "precision"]
    left = uncovered(audited("true_positive_rate", "dog"))
    assert left is not None
    assert left.metric == "precision", "of the dogs indoors all is asked"
    left = uncovered(audited("true_positive_rate", "cat"))
    assert left is not None
    assert left.metric == "true_positive_rate", "a rule on cats asks nothing of the dogs"


def test_of_three_classes_it_is_another_question() -> None:
    left = uncovered(audited("true_positive_rate", kind="three"))
    assert left is not None
    assert left.metric == "mistaken_class"
