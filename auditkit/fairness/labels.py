"""Findings of one class, or of one label of several."""

from __future__ import annotations

from auditkit.records import Finding


def labelled(finding: Finding, label: str) -> Finding:
    """The finding of a binary audit as that of one class, or of one label: id, title and sentence say which."""
    return finding.model_copy(
        update={
            "id": f"{finding.id}[{label}]",
            "title": f"{finding.title}, {label}",
            "statement": f"{label}: {finding.statement}",
            "label": label,
        }
    )
