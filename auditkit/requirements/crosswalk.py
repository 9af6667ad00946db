"""Requirement → the evidence that a report holds: a pure function of the report. What nobody measured supports nothing.

It supports, and does not establish, compliance.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.measured import KIND as MEASURED
from auditkit.catalogue.measured import named
from auditkit.records import CHANGES, Context, Finding, Report, Status, Verdict
from auditkit.requirements.sources import Evidence, Requirement, Source, sources

State = Literal["supported", "partly", "against", "absent"]
"""`supported`: all its evidence is in the report and measured, and every rule on it is met. `partly`: some is; or it is
less than what is asked, or a rule on it is not met. `against`: it misses for sure what the requirement itself asks.
`absent`: none is."""
Why = Literal[
    "blank",
    "absent",
    "unmeasured",
    "coarse",
    "distrusted",
    "by",
    "crossed",
    "below",
    "unsure",
    "undecided",
    "unjudged",
    "failed",
    "unknown",
]
Reason = tuple[Why, str]
"""Why evidence is not whole, and whose name it is about: `blank` an answer's; `absent` the reason itself; `unmeasured`,
`coarse` (known to a bin only), `distrusted` (its explanation failed a check), `below` and `unsure` (of a limit) a
finding's; `by` an attribute's; `crossed` nobody's; `undecided`, `unjudged` and `failed` a rule's; `unknown` a field's.
"""


class Held(NamedTuple):
    """One piece of evidence as the report has it."""

    evidence: Evidence
    state: State
    findings: tuple[Finding, ...] = ()
    """The measured ones."""
    reasons: tuple[Reason, ...] = ()


class Row(NamedTuple):
    """One requirement."""

    source: Source
    requirement: Requirement
    state: State
    held: tuple[Held, ...]
    rules: tuple[Verdict, ...]
    """Those whose `refs` name it."""


class Crosswalk(NamedTuple):
    """All that are shown."""

    rows: tuple[Row, ...]
    strange: tuple[tuple[str, str], ...]
    """(rule id, reference) where a rule refers to something that is no requirement here."""
    unknown: tuple[str, ...]
    """Sets that the context asks for and nobody here knows: of a later version, say."""


def crosswalk(report: Report) -> Crosswalk:
    """The requirements that concern a report, and what it holds of each."""
    refs = [(v, ref) for v in report.verdicts for ref in v.rule.refs]
    known = {f"{s.id}:{r.id}" for s in sources().values() for r in s.requirement}
    rows = []
    for source in shown_sources(report):
        for r in source.requirement:
            rules = tuple(v for v, ref in refs if ref == f"{source.id}:{r.id}")
            held = tuple(_held(report, e) for e in r.evidence)
            rows.append(Row(source, r, _together(r, held, rules), held, rules))
    strange = tuple(dict.fromkeys((v.rule.id, ref) for v, ref in refs if ref not in known))
    asked = report.context.requirements if report.context else ()
    return Crosswalk(tuple(rows), strange, tuple(name for name in asked if name not in sources()))


def shown_sources(report: Report) -> tuple[Source, ...]:
    """Those that the context asks for, else the general ones; and those of the policy and of its rules' references."""
    asked = report.context.requirements if report.context else ()
    refs = {ref.partition(":")[0] for v in report.verdicts for ref in v.rule.refs}
    policy, rules = report.policy.id if report.policy else "", [v.rule.id for v in report.verdicts]

    def wanted(s: Source) -> bool:
        by_preset = any(policy == p or any(r.startswith(f"{p}/") for r in rules) for p in s.presets)
        return (s.id in asked if asked else s.general) or s.id in refs or by_preset

    return tuple(s for s in sources().values() if wanted(s))


def measured(f: Finding) -> bool:
    """Whether a finding is evidence: it has a value that can be relied on, and its explanation failed no check."""
    return f.estimate.value is not None and f.estimate.state == "ok" and not any(t.failed for t in f.trust)


def _lost(f: Finding) -> Why:
    """Why a finding is no evidence."""
    if any(t.failed for t in f.trust):
        return "distrusted"
    return "coarse" if f.estimate.value is not None and f.estimate.state == "coarse" else "unmeasured"


def _together(requirement: Requirement, held: Sequence[Held], rules: Sequence[Verdict]) -> State:
    if any(h.state == "against" for h in held):
        return "against"
    told = [h for h in held if h.evidence.of_findings or h.evidence.answers]  # who made a report says nothing in it
    if all(h.state == "absent" for h in told or held):
        return "absent"
    whole = requirement.whole and all(h.state == "supported" for h in held) and all(v.status == "pass" for v in rules)
    return "supported" if whole else "partly"


def _held(report: Report, e: Evidence) -> Held:
    parts: list[tuple[State, tuple[Reason, ...]]] = []
    found: tuple[Finding, ...] = ()
    if e.of_findings:
        found, state, reasons = _of_findings(report, e)
        parts.append((state, reasons))
    if e.answers:
        blank = [name for name in e.answers if name in (report.context or Context()).blanks]
        parts.append(_some(len(blank), len(e.answers), tuple(("blank", name) for name in blank)))
    if e.provenance:
        lost = [name for name in e.provenance if not _of(report, name)]
        parts.append(_some(len(lost), len(e.provenance), tuple(("unknown", name) for name in lost)))
    return Held(e, _worst([state for state, _ in parts]), found, tuple(r for _, reasons in parts for r in reasons))


def _some(lost: int, of: int, reasons: tuple[Reason, ...]) -> tuple[State, tuple[Reason, ...]]:
    return ("supported" if not lost else "absent" if lost == of else "partly"), reasons


def _worst(states: Sequence[State]) -> State:
    if "against" in states:
        return "against"
    return states[0] if len(set(states)) == 1 else "partly"


def _of_findings(report: Report, e: Evidence) -> tuple[tuple[Finding, ...], State, tuple[Reason, ...]]:
    asked = [f for f in report.findings if _asked(f, e)]
    found = tuple(f for f in asked if measured(f))
    if not found:
        return (), "absent", _why_absent(report, e, asked)
    reasons: list[Reason] = [(_lost(f), f.id) for f in asked if not measured(f)]
    if e.each:
        told = {a for f in found for a in f.by}
        reasons += [("by", a) for a in report.provenance.data.sensitive_features if a not in told]
    if e.crossed and not any(len(f.by) > 1 for f in found):
        reasons.append(("crossed", ""))
    reasons += _judged(report, e, asked)
    low = [f.id for f in found if e.at_least is not None and (f.estimate.low is None or f.estimate.low < e.at_least)]
    sure = [f.id for f in found if f.id in low and f.estimate.high is not None and f.estimate.high < (e.at_least or 0)]
    reasons += [("below" if id in sure else "unsure", id) for id in low]
    return found, "against" if sure else "partly" if reasons else "supported", tuple(dict.fromkeys(reasons))


def _asked(f: Finding, e: Evidence) -> bool:
    of = (not e.concerns or f.concern in e.concerns) and (not e.metrics or _base(f.metric) in e.metrics)
    known = METRICS.get(f.metric)
    if of and e.metrics and known is not None and known.kind == MEASURED:
        of = (f.direction or known.direction) in BETTER
    return of and (not e.comparisons or f.comparison in e.comparisons)


BETTER = ("higher is better", "lower is better")
"""Directions of which one side is better."""


def _base(metric: str) -> str:
    """The name of a metric that is asked at a threshold, whichever it is, or of any number that a row has.

    >>> _base("net_benefit@0.1"), _base("measured[ndcg_at_10]")
    ('net_benefit', 'measured')
    """
    return MEASURED if named(metric) else metric.partition("@")[0]


def _why_absent(report: Report, e: Evidence, asked: Sequence[Finding]) -> tuple[Reason, ...]:
    if asked:
        return tuple((_lost(f), f.id) for f in asked)
    if e.each and not report.provenance.data.sensitive_features:
        return (("absent", "no sensitive features were declared"),)
    numeric = report.provenance.data.kind.numeric
    if numeric and e.metrics and all(METRICS[m].kind == "rate" for m in e.metrics):
        return (("absent", "no such rate where a number is predicted"),)
    why = [n.why for n in report.not_measured if n.concern in e.concerns or n.what.partition(":")[0] in e.metrics]
    return (("absent", why[0] if why else "not asked for"),)


def _judged(report: Report, e: Evidence, asked: Sequence[Finding]) -> Iterator[Reason]:
    """Rules about these findings that are not met, those that ask the same and have no answer, and those about the
    same metric of the same groups that compare them in another way: the highest, say."""
    words: dict[Status, Why] = {"fail": "failed", "inconclusive": "undecided", "not_measured": "unjudged"}
    ids = {f.id for f in asked}
    groups = {(f.metric, frozenset(f.by), f.label) for f in asked if f.by and e.at_least is None}
    for v in report.verdicts:
        rule = v.rule
        open_ = v.finding is None and rule.by and rule.comparison in e.comparisons
        same = open_ and (not e.metrics or _base(rule.metric) in e.metrics)
        else_ = rule.comparison not in CHANGES and (rule.metric, frozenset(rule.by), rule.label) in groups
        if (v.finding in ids or same or else_) and v.status in words:
            yield words[v.status], rule.id


def _of(report: Report, dotted: str) -> object:
    value: object = report.provenance
    for name in dotted.split("."):
        value = getattr(value, name)
    return value
