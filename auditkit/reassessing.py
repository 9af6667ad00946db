"""The evidence of a stored report as its checks read it, and what they find in it again."""

from __future__ import annotations

import re
import typing
from typing import Any, NamedTuple

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.of_class import worded
from auditkit.check import Check
from auditkit.checks import check_of
from auditkit.gate.policy import Policy
from auditkit.records import Baseline, Finding, Report, StoredEvidence

_KEY = re.compile(r"(?P<name>[^:\[]+)[^\[]*(?:\[(?P<label>.*)\])?", re.DOTALL)


class Key(NamedTuple):
    """What a key of evidence says, as `subgroups:error_rate[urgent]`."""

    check: str
    """The name by which the check is asked: `subgroups`."""
    label: str
    """Of several labels, the one; else empty."""

    @classmethod
    def of(cls, key: str) -> Key:
        """Taken apart.

        >>> Key.of("subgroups:error_rate[urgent]")
        Key(check='subgroups', label='urgent')
        """
        found = _KEY.fullmatch(key)
        return cls(key, "") if found is None else cls(found["name"], found["label"] or "")


def check_asked(key: str, stored: StoredEvidence) -> Check:
    """The check that gave this evidence, with its options."""
    return check_of(Key.of(key).check, stored.options)


def evidence_of(check: Check, stored: StoredEvidence) -> Any:
    """Evidence as the check reads it; ValueError for another kind, EvidenceError for what cannot be."""
    hint = typing.get_type_hints(type(check).assess)["evidence"]
    kinds = {k.__name__: k for k in typing.get_args(hint) or (hint,)}
    if stored.type not in kinds:
        raise ValueError(f"it is {stored.type}; {check.name} reads {', '.join(kinds)}")
    return kinds[stored.type].from_json(stored.data)


def of_label(finding: Finding, label: str) -> Finding:
    """The finding as that of one of several labels."""
    return worded(finding, METRICS.get(finding.metric), label, several_labels=True)


def policy_of(report: Report) -> Policy | None:
    """The policy that judged a report, as its verdicts hold it; None where none did."""
    if not report.verdicts or report.policy is None:
        return None
    rules = tuple(v.rule for v in report.verdicts)
    held = {
        v.rule.id: v.baseline.held for v in report.verdicts if v.baseline is not None and v.baseline.held is not None
    }
    known = Baseline(report=f"sha256:{'0' * 64}", rules=held) if held else None
    return Policy(**report.policy.model_dump(), rules=rules, held=known)
