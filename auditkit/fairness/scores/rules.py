"""Which rules a score histogram answers."""

from __future__ import annotations

from typing import ClassVar

from auditkit.fairness.rules import CountsJudge


class ScoresRules(CountsJudge):
    """Of ranking and calibration."""

    kinds: ClassVar = ("score",)
    tasks: ClassVar = ("binary", "multilabel")
    evidence: ClassVar = "auditkit.evidence.histogram:ScoreHistogram"
    check: ClassVar = "auditkit.fairness.scores.check"
