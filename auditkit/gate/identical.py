"""Whether two judged reports asked a rule of one and the same: the same rows, the same decisions, the same counts.

What is unchanged is no matter of chance: its change is 0, without an interval of two independent samples.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from auditkit.records import CHANGES, Estimate, Finding, Held, Report, Rule, Verdict

METHOD = "the same rows and the same decisions: nothing changed"
_DIGITS = 9
"""Of a number that is compared: read from JSON, sums are made in another order."""


def unchanged(level: float, n: int = 0) -> Estimate:
    """A change of exactly 0.

    >>> is_unchanged(unchanged(0.95))
    True
    """
    return Estimate(value=0.0, low=0.0, high=0.0, level=level, n=n, method=METHOD)


def is_unchanged(change: Estimate | None) -> bool:
    """Whether a change is 0 because nothing differs, rather than estimated as 0."""
    return change is not None and change.method == METHOD


def decided_sha256(v: Verdict, report: Report, findings: Sequence[Finding]) -> str:
    """SHA-256 of what a rule was judged by: the rows, who decided on them, and everything that was counted.

    Of a net: its weights and threshold; the hash of the rows of predictions covers their decisions. Empty where rows or
    weights are not known, and where nothing was measured.
    """
    p, of = report.provenance, next((f for f in findings if f.id == v.finding), None)
    nets = [m for m in (p.model, p.against) if m is not None and m.kind == "torch"]
    if not p.data.sha256 or of is None or v.estimate is None or any(not m.sha256 for m in nets):
        return ""
    by_group = [[sorted(g.group.items()), _counts(g.estimate)] for g in of.by_group]
    who = [[m.sha256, _number(m.threshold)] for m in nets]
    told = [p.data.sha256, who, _asked(v.rule), _counts(of.estimate), _counts(v.estimate), by_group]
    return hashlib.sha256(json.dumps(told, allow_nan=False).encode()).hexdigest()


def same_decisions(held: Held, v: Verdict, report: Report, findings: Sequence[Finding]) -> bool:
    """Whether a rule is judged by what its baseline was judged by.

    A baseline of before this was kept knows the hash of its rows alone, which holds the decisions of predictions.
    """
    now = decided_sha256(v, report, findings)
    if not now or held.decided_sha256:
        return bool(now) and now == held.decided_sha256
    p, e = report.provenance, v.estimate
    if p.model.kind != "predictions" or v.rule.comparison in CHANGES or held.rows_sha256 != p.data.sha256 or e is None:
        return False
    return _number(e.value) == _number(held.estimate.value)


def same_rows(held: Held, report: Report) -> bool:
    """Whether a report is known to be of the rows that a baseline has its value of, whatever was decided of them."""
    data = report.provenance.data
    pairs = (held.rows_sha256, data.sha256), (held.people_sha256, data.people_sha256)
    return any(a and a == b for a, b in pairs)


def _asked(r: Rule) -> list[object]:
    """The question of a rule, whatever it is called."""
    question = [r.metric, r.comparison, sorted(r.by), sorted((r.reference or {}).items()), r.label]
    return [*question, r.of, sorted(r.features), r.min_n]


def _counts(e: Estimate) -> list[str]:
    return [_number(x) for x in (e.value, e.n, e.numerator, e.denominator)]


def _number(x: float | None) -> str:
    return "" if x is None else f"{x:.{_DIGITS}g}"
