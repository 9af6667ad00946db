"""Fairness in a test: one assertion over arrays, and the message of what is not met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from auditkit.errors import DataError
from auditkit.records import Report

if TYPE_CHECKING:
    import pandas
else:
    from auditkit.lazy import pandas


def assert_fair(
    y_true: Any,
    y_pred: Any,
    *,
    sensitive_features: Any,
    metric: str,
    at_most: float | None = None,
    at_least: float | None = None,
    comparison: str | None = None,
    positive: Any = 1,
    sample_weight: Any = None,
    decision: str = "interval",
    confidence: float = 0.95,
) -> Report:
    """AssertionError unless the data say for sure that one limit is kept; the report of it otherwise.

    Parameters
    ----------
    y_true, y_pred
        Truths and decisions, of shape (rows,); `positive` is the label that counts as positive.
    sensitive_features
        (rows,), a mapping of names to such, or a frame: groups are compared by each column crossed with the others.
    metric, comparison
        A name of auditkit or of fairlearn: `"demographic_parity_difference"`, or `"true_positive_rate"` with the
        comparison `"difference"`, `"ratio"`, `"group_min"`, …; None: a difference for `at_most`, else a ratio.
    at_most, at_least
        The limit, one of them, as a share: .1 are 10 points.
    decision
        `"interval"`: the limit is kept where the whole interval (at `confidence`) lies within it, so that few rows do
        not pass; `"point"`: where the value does, whatever chance.

    Raises DataError and PolicyError for what cannot be asked.

    >>> sex, y = ["f", "m"] * 500, [0, 0, 1, 1] * 250
    >>> import auditkit as ak
    >>> ak.testing.assert_fair(y, y, sensitive_features=sex, metric="equalized_odds_difference", at_most=0.2).outcome
    'passed'
    """
    import auditkit as ak

    named = _columns(sensitive_features, len(y_true))
    columns = {"y_true": list(y_true), "y_pred": list(y_pred)}
    taken = {*columns, "weight"} & set(named)
    if taken:
        raise DataError(f"a sensitive feature cannot be called '{min(taken)}' here: rename it")
    weights = {} if sample_weight is None else {"weight": list(sample_weight)}
    rows = pandas.DataFrame({**named, **columns, **weights})
    data = ak.Dataset(
        rows,
        y_true="y_true",
        positive=positive,
        sensitive_features=list(named),
        weights="weight" if weights else None,
    )
    limits = {k: float(v) for k, v in (("at_most", at_most), ("at_least", at_least)) if v is not None}
    rule = {"id": metric, "metric": metric, "by": list(named), "decision": decision, **limits}
    rule |= _compared(metric, comparison, limits)
    policy = {"defaults": {"confidence": float(confidence), "on_inconclusive": "fail"}, "rule": [rule]}
    report = ak.audit(ak.Predictions("y_pred"), data, checks=["group_fairness"], policy=policy, progress=False)
    complain(report)
    return report


def complain(report: Report, *, page: str = "") -> None:
    """AssertionError with the message of every rule and requirement that stands in the way; nothing where none does."""
    from auditkit.report import required
    from auditkit.report.failing import told

    blocking = [told(report, v, page=page) for v in report.verdicts if v.blocks]
    blocking += [required.told(r, page=page) for r in report.required if r.blocks]
    if blocking:
        raise AssertionError("\n\n".join(blocking))


def _columns(given: Any, rows: int) -> dict[str, list[Any]]:
    if isinstance(given, Mapping) or hasattr(given, "columns"):
        columns = {str(k): list(given[k]) for k in given}
    else:
        columns = {str(getattr(given, "name", None) or "sensitive_feature"): list(given)}
    for name, values in columns.items():
        if len(values) != rows:
            raise DataError(f"sensitive feature '{name}' has {len(values):,} values; y_true has {rows:,}")
    return columns


def _compared(metric: str, comparison: str | None, limits: Mapping[str, float]) -> dict[str, str]:
    """The comparison: as given, as the name of the metric says, else as the limit suggests."""
    from auditkit.catalogue.index import resolve

    if comparison is not None:
        return {"comparison": comparison}
    return {} if resolve(metric)[1] else {"comparison": "ratio" if "at_least" in limits else "difference"}
