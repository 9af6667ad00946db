"""What the evidence says to each rule, beside what the report says: one thing, or the report is refused."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import auditkit
from auditkit.catalogue.sentences import group_words
from auditkit.errors import ReportError
from auditkit.formatting import printable
from auditkit.gate.judge import key_of
from auditkit.question import SPARSE
from auditkit.records import Estimate, Finding, Report, Rule

CLOSE = 1e-9
"""How far, absolutely or relatively, a stored number may lie from the one that its evidence gives."""
_LOG = logging.getLogger("auditkit")
_NUMBERS = ("value", "low", "high", "level", "n", "numerator", "denominator")


class Answers(NamedTuple):
    """The findings that rules ask about."""

    derived: tuple[Finding, ...]
    """From the evidence, and nothing else."""
    findings: tuple[Finding, ...]
    """All of the report: those that a rule asked for and that it did not have are added."""


def answers(
    report: Report, rules: Sequence[Rule], derive: Callable[[Rule, float], Finding | None], *, level: float
) -> Answers:
    """Every rule's finding from the evidence (`derive`), at the level of the report's own; compared with that.

    ReportError where the report's finding is another, or has no evidence. A report that another version of auditkit
    wrote is not refused for another number: the derived finding takes its place, with a note, and the log says so.
    """
    stored = {f.id: f for f in report.findings}
    level = next((f.estimate.level for f in report.findings), level)
    derived: dict[str, Finding] = {}
    for rule in rules:
        asked = [f for f in report.findings if key_of(f) == key_of(rule)]
        at = asked[0].estimate.level if asked else level
        found = derive(rule.model_copy(update={"min_n": SPARSE}), at)
        if found is None:
            if asked:
                raise ReportError(
                    f"rule '{rule.id}' cannot be judged again: the report has the finding '{asked[0].id}', but no "
                    "evidence that gives it (a public report holds none). Judge where the audit runs"
                )
            continue
        own = stored.get(found.id)
        wrong = None if own is None else difference(own, found)
        if wrong is not None:
            found = _other_version(report, found, wrong)
            stored[found.id] = found
        derived[found.id] = found
        stored.setdefault(found.id, found)
    return Answers(tuple(derived.values()), tuple(stored.values()))


def _other_version(report: Report, found: Finding, wrong: str) -> Finding:
    """The derived finding with a note; ReportError where this very version of auditkit would have written it."""
    version = report.provenance.auditkit
    if version == auditkit.__version__:
        raise ReportError(
            f"the finding '{found.id}' is not what the evidence of this report says: {wrong}. The report was changed "
            "after it was written, or is damaged: audit again"
        )
    note = f"auditkit {version} wrote another number ({wrong}); the evidence, read by {auditkit.__version__}, counts"
    _LOG.warning("%s", printable(f"{found.id}: {note}"))
    return found.model_copy(update={"notes": (*found.notes, note)})


def difference(own: Finding, found: Finding) -> str | None:
    """The first number that is another: "its value is 0.1, the evidence says 0.4"; None where all are alike."""
    wrong = _unlike(own.estimate, found.estimate, "its")
    if wrong is not None or not (own.by_group and found.by_group):
        return wrong
    groups = {tuple(sorted(g.group.items())): g.estimate for g in own.by_group}
    expected = {tuple(sorted(g.group.items())): g.estimate for g in found.by_group}
    if set(groups) != set(expected) or len(groups) != len(own.by_group):
        return "it has other groups"
    for group, estimate in expected.items():
        name = group_words(*zip(*group, strict=True)) if group else ""
        wrong = _unlike(groups[group], estimate, f"in {name} the")
        if wrong is not None:
            return wrong
    return None


def _unlike(own: Estimate, found: Estimate, whose: str) -> str | None:
    if own.state != found.state:
        return f"{whose} state is {own.state}, the evidence says {found.state}"
    for name in _NUMBERS:
        a, b = getattr(own, name), getattr(found, name)
        if a is b:
            continue
        if a is None or b is None or not math.isclose(a, b, rel_tol=CLOSE, abs_tol=CLOSE):
            return f"{whose} {name} is {_shown(a)}, the evidence says {_shown(b)}"
    return None


def _shown(x: float | None) -> str:
    return "nothing" if x is None else f"{x:.12g}"
