"""A report as a pandas frame: one row an estimate."""

from __future__ import annotations

import pandas as pd

from auditkit.records import Report

_TOLD = {"value": float, "low": float, "high": float, "level": float, "n": int, "state": str}
"""Columns of an estimate."""


def framed(report: Report) -> pd.DataFrame:
    """Every finding's own estimate, and after it those of its groups; see `Report.to_frame`.

    >>> import auditkit as ak
    >>> rows = pd.DataFrame({"g": ["a", "b"] * 20, "y": [0, 1, 1, 0] * 10, "p": [0, 1, 1, 1] * 10})
    >>> data = ak.Dataset(rows, y_true="y", positive=1, sensitive_features=["g"])
    >>> frame = ak.audit(ak.Predictions("p"), data, checks=["group_fairness"]).to_frame()
    >>> gap = frame[frame.finding == "fairness/selection_rate/difference/g"]
    >>> gap[["group", "value", "n"]].values.tolist()
    [['', 0.5, 40], ['a', 0.5, 20], ['b', 1.0, 20]]
    """
    rows = [
        ((f.id, f.metric, f.comparison, " & ".join(f.by), " & ".join(group.values())), e)
        for f in report.findings
        for group, e in [({}, f.estimate), *((g.group, g.estimate) for g in f.by_group)]
    ]
    of = pd.DataFrame([names for names, _ in rows], columns=["finding", "metric", "comparison", "by", "group"])
    told = pd.DataFrame([[getattr(e, name) for name in _TOLD] for _, e in rows], columns=list(_TOLD))
    return pd.concat([of, told.astype(_TOLD)], axis=1)
