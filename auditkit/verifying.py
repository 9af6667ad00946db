"""Does a report say what its evidence says? Everything is derived again, and what could not be is named.

Evidence that was edited, and all that follows from it with it, agrees with itself: only a digest that is kept
elsewhere, or the data and the model, can tell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import auditkit
from auditkit.errors import AuditkitError, listing
from auditkit.evidence_files import ENDING
from auditkit.gate.agreement import CLOSE, difference
from auditkit.gate.policy import Policy
from auditkit.judging import ACCIDENTS, as_policy, explored, judge
from auditkit.reassessing import Key, check_asked, evidence_of, of_label, policy_of
from auditkit.records import ALONE, Finding, Record, Report, Verdict

State = Literal["same", "differs", "not checked"]
_CAVEAT = re.compile(r"(?: Here [^.]+\.)?")
"""What an audit appends to statements of checks that do not look at weights, clusters or strata."""


class Checked(NamedTuple):
    """One thing that was looked at, or was not."""

    what: str
    state: State
    said: str


class Verification(NamedTuple):
    """What was checked, and what was not."""

    checked: tuple[Checked, ...]

    @property
    def agrees(self) -> bool:
        """True where nothing that was checked differs."""
        return all(c.state != "differs" for c in self.checked)


def verify(
    report: Report, *, policy: Policy | dict[str, Any] | str | None = None, again: Report | None = None
) -> Verification:
    """Derive every finding from the evidence, and judge every rule, again; compare with what the report says.

    Parameters
    ----------
    policy
        The policy that the report should have been judged by; None: its own rules, as the verdicts hold them.
    again
        The same audit made again with the same configuration and seed, whose findings are compared too.

    Raises PolicyError for a wrong policy.
    """
    found = [*_findings(report), *_verdicts(report, policy)]
    if policy is not None:
        found.append(_policy(report, as_policy(policy)))
    found += _again(report, again) if again is not None else [_NO_DATA]
    found.append(_AS_SAID)
    return Verification(tuple(found))


_AS_SAID = Checked(
    "the rest", "not checked", "names, dates, command, absences, words, context and sign-off are as it says"
)
_NO_DATA = Checked("model and data", "not checked", "the evidence was taken as it stands: nothing was gathered again")


def _findings(report: Report) -> Iterator[Checked]:
    """Each finding from the evidence of its check; those of checks without evidence are named."""
    if report.disclosure is not None and report.disclosure.profile == "public":
        yield Checked("findings", "not checked", "a public report holds no evidence")
        return
    own = {f.id: f for f in report.findings}
    level = next((f.estimate.level for f in report.findings), 0.95)
    wrong, seen = 0, set()
    for key in report.gathered:
        if key not in report.evidence:
            yield Checked(
                f"evidence of {key}", "not checked", f"it lies in NAME{ENDING}, which is not beside the report"
            )
            continue
        try:
            derived = _derived(report, key, level)
        except ACCIDENTS as e:
            wrong += 1
            yield Checked(f"evidence of {key}", "differs", f"it cannot be read ({type(e).__name__}: {str(e)[:120]})")
            continue
        for f in derived:
            seen.add(f.id)
            said = "it is not in the report" if f.id not in own else unlike(own[f.id], f, report)
            if said:
                wrong += 1
                yield Checked(f"finding {f.id}", "differs", said)
    of_rules = {v.finding for v in report.verdicts}
    left = [f.id for f in report.findings if f.id not in seen and f.id not in of_rules]
    known = len(own)
    if report.elsewhere is not None and left:
        known -= len(left)
        said = f"no evidence within the report gives {listing(left, most=3)}"
        yield Checked(f"{len(left):,} findings", "not checked", said)
        left = []
    for id in left:
        yield Checked(f"finding {id}", "differs", "no evidence of the report gives it")
    if not wrong and not left:
        yield Checked("findings", "same", f"all {known:,} are what the evidence says")


def _derived(report: Report, key: str, level: float) -> Sequence[Finding]:
    """The findings of one check, from its evidence."""
    stored, label = report.evidence[key], Key.of(key).label
    check = check_asked(key, stored)
    found = check.assess(evidence_of(check, stored), level=level).findings
    return [of_label(f, label) for f in found] if label and report.provenance.data.kind.by_label else found


def unlike(own: Finding, found: Finding, report: Report) -> str:
    """How a finding of the report differs from the one that its evidence gives; empty where it does not."""
    wrong = difference(own, found)
    if wrong is not None:
        return wrong
    if report.provenance.auditkit != auditkit.__version__:
        return ""  # words may be another version's; numbers may not
    rest = own.statement.removeprefix(found.statement).removesuffix(ALONE)
    caveat = _CAVEAT.fullmatch(rest) if report.provenance.data.weighting else rest == ""
    if not own.statement.startswith(found.statement) or not caveat:
        return "it states something else than the evidence gives"
    for what in ("title", "metric", "comparison", "by", "by_group", "exhibits", "trust", "surest", "p"):
        if not _alike(_plain(getattr(own, what)), _plain(getattr(found, what))):
            return f"its {what.replace('_', ' ')} is another"
    return ""


def _plain(x: Any) -> Any:
    """Records as what they hold."""
    if isinstance(x, tuple | list):
        return [_plain(v) for v in x]
    return x.model_dump() if isinstance(x, Record) else x


def _alike(a: Any, b: Any) -> bool:
    """The same, numbers to `CLOSE`: read from JSON, sums are made in another order."""
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=CLOSE, abs_tol=CLOSE)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(v, b[k]) for k, v in a.items())
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(_alike, a, b))
    return bool(a == b)


def _verdicts(report: Report, policy: Policy | dict[str, Any] | str | None) -> Iterator[Checked]:
    """Each verdict, judged again by the rule that it holds, or by the policy that is given."""
    if report.disclosure is not None and report.disclosure.profile == "public":
        yield Checked("verdicts", "not checked", "a public report cannot be judged again")
        return
    held = policy_of(report)
    if held is None:
        yield Checked("verdicts", "not checked", "the report has none")
        return
    try:
        again = judge(report, held if policy is None else policy)
    except AuditkitError as e:
        yield Checked("verdicts", "differs", str(e))
        return
    known = {v.rule.id: v for v in again.verdicts}
    own = policy is None
    wrong = [v for v in report.verdicts if v.rule.id not in known or _other(v, known[v.rule.id], own)]
    for v in wrong:
        now = known[v.rule.id].status if v.rule.id in known else "not asked"
        yield Checked(f"verdict {v.rule.id}", "differs", f"the report says {v.status}, judged again it is {now}")
    for id in known.keys() - {v.rule.id for v in report.verdicts}:
        yield Checked(f"verdict {id}", "differs", "the policy asks for it, and the report has no verdict")
    yield from _beside(report, explored(again) if report.explorer else again)
    if not wrong and len(known) == len(report.verdicts):
        yield Checked("verdicts", "same", f"all {len(known):,} are what the judge says of the evidence")


def _other(a: Verdict, b: Verdict, own: bool) -> bool:
    """Waivers hold by the day: they are no part of what evidence says; nor is a baseline that another policy names."""
    beside = {"waiver": None} if own else {"waiver": None, "baseline": None}
    return not _alike(*(_plain(v.model_copy(update=beside)) for v in (a, b)))


def _beside(report: Report, again: Report) -> Iterator[Checked]:
    """What stands beside the verdicts where it is in the report: remedies, and other thresholds."""
    for what, own, new in (
        ("remedies", report.remedies, again.remedies),
        ("other thresholds", report.explorer, again.explorer),
        ("what is required", report.required or None, again.required),
    ):
        if own is not None:
            same = _alike(_plain(own), _plain(new))
            said = "as the judge says of the evidence" if same else "judged again they are others"
            yield Checked(what, "same" if same else "differs", said)


def _policy(report: Report, policy: Policy) -> Checked:
    whole = policy.for_features(report.provenance.data.sensitive_features)
    if report.policy is None:
        return Checked("policy", "differs", "the report was judged by none")
    if whole.sha256 != report.policy.sha256:
        return Checked("policy", "differs", "its rules have another SHA-256 than those that the report was judged by")
    return Checked("policy", "same", f"its rules have the SHA-256 of the report's, {whole.sha256[:12]}…")


def _again(report: Report, again: Report) -> Iterator[Checked]:
    """The audit made again: hashes of model and data, then every finding."""
    a, b = report.provenance, again.provenance
    for what, own, new in (("model", a.model.sha256, b.model.sha256), ("data", a.data.sha256, b.data.sha256)):
        if own is None and new is None:
            yield Checked(what, "not checked", "predictions only: no model was audited")
            continue
        state: State = "same" if own == new else "differs"
        hashes = f"SHA-256 {(new or 'none')[:12]}…" + ("" if own == new else f", not {(own or 'none')[:12]}…")
        yield Checked(what, state, hashes)
    found = {f.id: f for f in again.findings}
    wrong = 0
    for f in report.findings:
        said = difference(f, found[f.id]) if f.id in found else "made again, the audit does not have it"
        if said:
            wrong += 1
            yield Checked(f"finding {f.id}, made again", "differs", said)
    for id in found.keys() - {f.id for f in report.findings}:
        wrong += 1
        yield Checked(f"finding {id}, made again", "differs", "it is not in the report")
    if not wrong:
        yield Checked("findings, made again", "same", f"all {len(found):,} come out alike")
