"""Patients without chance, and what dcurves says of them: `python -m tests.fairness.decision_curves` writes it.

dcurves 1.1.7 needs lifelines, which the tests do without: what it gave is stored in decision_curves.json beside this
file, and asked again where it is installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

STORED = Path(__file__).with_suffix(".json")
THRESHOLDS = (0.05, 0.1, 0.2, 0.35)
GROUPS = ("everybody", "a", "b", "c")
Numbers = dict[str, list[dict[str, float]]]


def patients(n: int = 601) -> pd.DataFrame:
    """Scores to three digits, many of them at a threshold, and an event where a sequence falls below the risk."""
    i = np.arange(n)
    u, v = i * 0.6180339887498949 % 1, i * 0.7548776662466927 % 1
    score = np.round(0.6 * u**2 + 0.004, 3)
    score[i % 17 == 0] = 0.1
    score[i % 31 == 0] = 0.35
    group = np.array(GROUPS[1:])[i % 7 % 3]
    risk = np.where(group == "c", score / 2, score + 0.03)
    return pd.DataFrame({"group": group, "y": (v < risk).astype(int), "score": score})


def of_dcurves(frame: pd.DataFrame) -> Numbers:
    """Group → net benefit of the score, and of treating everybody, at each threshold."""
    import dcurves

    out: Numbers = {}
    for group in GROUPS:
        own = frame if group == "everybody" else frame[frame["group"] == group]
        found: Any = dcurves.dca(
            data=own.drop(columns="group"), outcome="y", modelnames=["score"], thresholds=THRESHOLDS
        )
        nb = found.set_index(["model", "threshold"])["net_benefit"]
        out[group] = [{"score": float(nb["score", t]), "all": float(nb["all", t])} for t in THRESHOLDS]
    return out


if __name__ == "__main__":
    STORED.write_text(
        json.dumps({"dcurves": "1.1.7", "thresholds": THRESHOLDS, **of_dcurves(patients())}, indent=1) + "\n"
    )
