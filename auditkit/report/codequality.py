"""GitLab's Code Quality: an issue a rule that is not met, at its line of the policy, beside a merge request."""

from __future__ import annotations

import json
from typing import Any

from auditkit.records import Report
from auditkit.report.open_rules import Level, Open, ending, fingerprint, most, open_rules, place
from auditkit.report.vocabulary import plain, several, shown, upper_first
from auditkit.report.writing import mark

MOST = 1_000
"""Issues, at most: a merge request shows no more pages of them."""
_SEVERITY: dict[Level, str] = {"error": "major", "warning": "minor", "note": "info"}
NO_FILE = "auditkit-policy"
"""Stands for the path of a policy that is in no file: GitLab takes no issue without one."""


def render(report: Report, policy_file: str = "") -> str:
    """A list of issues: `major` where a rule stands in the way, `minor` where it is forgiven, `info` otherwise.

    `fingerprint` is that of the rule's id: GitLab tells a new issue from one that was there by it. The first issue, an
    `info`, says what was audited and what came of it: nothing to tell is not the same as nothing audited.
    """
    file = place(report, policy_file) or NO_FILE
    found, left = most(open_rules(report), MOST)
    issues = [_issue(o, file) for o in (Open("auditkit", "note", 1, lambda: ending(report)), *found)]
    issues[0]["content"] = {"body": mark(report)}
    if left:
        text = f"{upper_first(several(left, 'further rule'))} did not fit here: the report has them."
        issues.append(_issue(Open("auditkit: further rules", "warning", 1, lambda: text), file))
    return json.dumps(issues, allow_nan=False, ensure_ascii=False) + "\n"


def _issue(o: Open, file: str) -> dict[str, Any]:
    return {
        "description": plain(f"{shown(o.id)}: {o.message}"),
        "check_name": o.id,
        "fingerprint": fingerprint(o),
        "severity": _SEVERITY[o.level],
        "location": {"path": file, "lines": {"begin": o.line}},
    }
