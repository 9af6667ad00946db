"""Which rules the counts at thresholds answer."""

from __future__ import annotations

import importlib
from typing import ClassVar

from auditkit.fairness.judges import CountsJudge
from auditkit.question import Question


class NetBenefitRules(CountsJudge):
    """Of net benefit and what bears on it, from counts at thresholds."""

    kinds: ClassVar = ("clinical",)
    tasks: ClassVar = ("binary", "multilabel")
    evidence: ClassVar = "auditkit.evidence.thresholds:ThresholdCounts"
    check: ClassVar = "auditkit.fairness.clinical.check"
    without: ClassVar = "the audit did not ask for it: add the check net_benefit, as ak.NetBenefit(thresholds=[0.1])"

    def too_few(self, asked: Question) -> str:
        return f"fewer than {asked.min_n} events"

    def why_not(self, asked: Question) -> str:
        return str(importlib.import_module(self.check).why_not(self.counts, asked.metric))
