"""The scale of scores in stored evidence, read as a stranger's."""

from __future__ import annotations

from auditkit.batch import ScoreScale
from auditkit.errors import EvidenceError
from auditkit.evidence import reading


def scale_of(value: object) -> ScoreScale:
    """From `ScoreScale.to_json`; EvidenceError for what is no scale."""
    what = "the scale of the scores"
    data = reading.fields(value, what, optional=("ranks", "low", "high", "threshold"))
    ranks = data.get("ranks", False)
    if not isinstance(ranks, bool) or ranks == ("low" in data) or ("low" in data) != ("high" in data):
        raise EvidenceError(f"{what} is either ranks, or has a lowest and a highest score")
    usual = {"low": 0.0, "high": 1.0, "threshold": 0.5}
    low, high, at = (reading.number(data.get(k, v), f"'{k}' of {what}") for k, v in usual.items())
    if not low < high or not 0 <= at <= 1:
        raise EvidenceError(f"{what} runs from {low:g} to {high:g}, with a threshold at {at:g} of it")
    return ScoreScale(low, high, ranks, at if "threshold" in data else None)
