"""The sections of the page: number, anchor, title, and which of them answers for a finding or a rule."""

from __future__ import annotations

from auditkit.records import Cases, Concern, Finding, Verdict
from auditkit.report.html.lookup import Lookup, exhibits_of

ANSWERED: dict[int, Concern] = {7: "calibration", 8: "subgroups", 11: "robustness", 12: "mitigation"}
"""Sections drawn from the findings of a concern, whatever check made them."""

RATED_SECTIONS: dict[int, Concern] = {5: "performance", 6: "fairness"}
"""Sections that have figures of their own for the rates of a binary audit, and are drawn from findings else."""

CONCERNS: dict[int, Concern] = ANSWERED | {4: "data"} | RATED_SECTIONS
"""Sections that tell every finding of a concern."""

NOT_BUILT = {
    3: "Context",
    14: "Requirements",
    15: "Sign-off",
}
"""Sections that keep their number and have no content in this version."""

TITLES = {
    1: ("summary", "Summary"),
    2: ("gate", "Gate"),
    4: ("data", "Data"),
    5: ("performance", "Performance"),
    6: ("fairness", "Fairness"),
    7: ("calibration", "Calibration and errors"),
    8: ("subgroups", "Subgroups"),
    9: ("why", "Why"),
    10: ("cases", "Individual cases"),
    11: ("robustness", "Robustness"),
    12: ("remedies", "What would help"),
    13: ("unmeasured", "Not measured"),
    16: ("appendix", "Appendix"),
} | {n: (f"section-{n}", title) for n, title in NOT_BUILT.items()}
"""number → (anchor, title)."""

_HOMES: dict[Concern, int] = {concern: n for n, concern in ANSWERED.items()} | {"data": 4, "explanation": 9}


def home(look: Lookup, v: Verdict) -> int:
    """The number of the section that shows what a rule is about."""
    finding = look.by_id(v.finding) or next((f for f in look.report.findings if f.metric == v.rule.metric), None)
    if finding is not None and finding.concern in _HOMES:
        return _HOMES[finding.concern]
    return 6 if v.rule.by else 5


def from_findings(look: Lookup) -> dict[int, Concern]:
    """The sections of this report that are drawn from findings."""
    return ANSWERED if look.binary else ANSWERED | RATED_SECTIONS


def in_cases(f: Finding) -> bool:
    """Whether it stands in the section of single cases."""
    return any(x.cases for x in exhibits_of(f, Cases))


def answered(look: Lookup) -> set[Concern]:
    """Concerns that have a finding."""
    return {f.concern for f in look.report.findings}


def reasons(look: Lookup, concern: Concern) -> tuple[str, ...]:
    """Why a check that was asked for gave no answer, in the words of the report."""
    return tuple(n.why for n in look.report.not_measured if n.concern == concern)
