"""What a report says of its policy as a whole: how often it may be asked."""

from __future__ import annotations

from auditkit.looks import told
from auditkit.records import Report


def of_looks(report: Report) -> str:
    """Over how many audits the policy spends one error, and what that costs; empty where it is asked once."""
    return "" if report.policy is None else told(report.policy.confidence, report.policy.looks)
