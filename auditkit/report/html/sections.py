"""The sections of the page: number, anchor, title, and which of them answers for a finding or a rule."""

from typing import Literal, NamedTuple

from auditkit.records import Cases, Concern, Finding, Verdict
from auditkit.report.html.lookup import RATED, Lookup, exhibits_of


class Section(NamedTuple):
    """A section of the page."""

    anchor: str
    title: str
    concern: Concern | None = None
    """Whose findings it tells, every one."""
    drawn: Literal["", "findings", "rates"] = ""
    """What draws it: a template of its own (""); findings, whatever check made them; figures of the rates of a binary
    audit, and findings else."""


SECTIONS = {
    1: Section("summary", "Summary"),
    2: Section("gate", "Gate"),
    3: Section("performance", "Performance", "performance", "rates"),
    4: Section("fairness", "Fairness", "fairness", "rates"),
    16: Section("change", "What changed", "change", "findings"),
    5: Section("remedies", "What would help", "mitigation", "findings"),
    6: Section("why", "Why"),
    7: Section("calibration", "Calibration and errors", "calibration", "findings"),
    8: Section("subgroups", "Subgroups", "subgroups", "findings"),
    9: Section("robustness", "Robustness", "robustness", "findings"),
    10: Section("cases", "Individual cases"),
    11: Section("data", "Data and context", "data"),
    12: Section("requirements", "Requirements"),
    13: Section("sign-off", "Sign-off"),
    14: Section("unmeasured", "Not measured"),
    15: Section("appendix", "Appendix"),
}
"""Number → section. Numbers may move; anchors stay."""

NUMBER = {s.anchor: n for n, s in SECTIONS.items()}
"""Anchor → number."""
CONCERNS = {n: s.concern for n, s in SECTIONS.items() if s.concern}


def home(look: Lookup, v: Verdict) -> int:
    """The number of the section that shows what a rule is about."""
    finding = look.by_id(v.finding) or next((f for f in look.report.findings if f.metric == v.rule.metric), None)
    if finding is None or finding.concern in RATED:
        return NUMBER["fairness" if v.rule.by else "performance"]
    return next((n for n, concern in CONCERNS.items() if concern == finding.concern), NUMBER["why"])


def from_findings(look: Lookup) -> dict[int, Concern]:
    """The sections of this report that are drawn from findings."""
    drawn = ("findings",) if look.binary else ("findings", "rates")
    return {n: concern for n, concern in CONCERNS.items() if SECTIONS[n].drawn in drawn}


def in_cases(f: Finding) -> bool:
    """Whether it stands in the section of single cases."""
    return any(x.cases for x in exhibits_of(f, Cases))


def answered(look: Lookup) -> set[Concern]:
    """Concerns that have a finding."""
    return {f.concern for f in look.report.findings}


def reasons(look: Lookup, concern: Concern) -> tuple[str, ...]:
    """Why a check that was asked for gave no answer, in the words of the report."""
    return tuple(n.why for n in look.report.not_measured if n.concern == concern)
