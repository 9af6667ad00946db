"""The appendix: definitions, methods, versions, hashes, and every estimate as a table."""

from typing import NamedTuple

from auditkit.assertions import level_of, shared
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.metric import Metric
from auditkit.formatting import NOTHING, confidence, plain, unit_for
from auditkit.records import Estimate, Finding
from auditkit.report.html.figures import OF_ALL, TableView, cells, counted
from auditkit.report.html.lookup import By, Lookup
from auditkit.report.html.rates import group_rows
from auditkit.report.places import TRUTH
from auditkit.report.vocabulary import (
    by_words,
    kind_of,
    listed,
    number,
    range_in,
    several,
    shown,
    unit_of,
    upper_first,
    value_text,
)


class Appendix(NamedTuple):
    """The section."""

    definitions: tuple[tuple[Metric, bool], ...]
    """Each with whether its interval is the one of the entry before."""
    errors: str
    """How many statements share which error."""
    methods: tuple[str, ...]
    identity: TableView
    groups: tuple[TableView, ...]
    findings: TableView | None
    """None where a page has no room for it."""


def view(look: Lookup) -> Appendix:
    """The appendix of a report."""
    used = dict.fromkeys(f.metric for f in look.report.findings)
    methods = {f.estimate.method for f in look.report.findings if f.estimate.method}
    methods |= {g.estimate.method for f in look.report.findings for g in f.by_group if g.estimate.method}
    return Appendix(
        definitions=_definitions([METRICS[m] for m in used if m in METRICS]),
        errors=_errors(look),
        methods=tuple(sorted(shown(m) for m in methods)),
        identity=_identity(look),
        groups=tuple(t for by in look.bys() if (t := _groups(look, by))) if look.roomy else (),
        findings=_findings(look) if look.roomy else None,
    )


def _definitions(metrics: list[Metric]) -> tuple[tuple[Metric, bool], ...]:
    before = ["", *(m.interval for m in metrics)]
    return tuple((m, m.interval == told) for m, told in zip(metrics, before, strict=False))


def _verb(stem: str, n: int) -> str:
    return f"{stem}s" if n == 1 else stem


def _errors(look: Lookup) -> str:
    level = level_of(look.report)
    n, error = shared(look.report), confidence(1 - level)
    said = (
        f"Of {several(n.tests, 'test')} {number(n.asserted)} {_verb('assert', n.asserted)} something: in "
        f"{confidence(level)} of such reports, or more, all of that is true (Holm). {upper_first(number(n.alone))} "
        f"more {_verb('stand', n.alone)} out alone, {'by its' if n.alone == 1 else 'each by its'} own interval."
    )
    if any(len(f.by_group) > 1 for f in look.report.findings):
        said += f" {OF_ALL}"
    if len(look.report.verdicts) < 2:
        return said  # one rule shares its error with nobody
    severities = {v.rule.severity for v in look.report.verdicts}
    counted = [
        f"{several(sum(v.rule.severity == s for v in look.report.verdicts), 'rule')} of severity {s}"
        for s in sorted(severities)
    ]
    return f"{said} {upper_first(listed(counted))} share an error of {error} in the same way." if counted else said


def _identity(look: Lookup) -> TableView:
    p, policy = look.report.provenance, look.report.policy
    rows = [
        ("auditkit", shown(p.auditkit)),
        ("Written", f"{p.created:%Y-%m-%d %H:%M} UTC"),
        ("Command", shown(p.command, empty=NOTHING, longest=2_000)),
        ("Seed", str(p.seed)),
        ("Model, SHA-256", p.model.sha256 or NOTHING),
        ("Data, SHA-256, whatever the order of rows", p.data.sha256 or NOTHING),
        ("Data file, SHA-256", p.data.file_sha256 or NOTHING),
    ]
    if policy is not None:
        rows.append(("Policy, SHA-256 of its rules", policy.sha256 or NOTHING))
        rows.append(("Policy file", shown(policy.source, empty=NOTHING)))
        rows += [(f"Required by {shown(f.source)}, SHA-256", f.sha256) for f in policy.floors]
        rows.append(("Review of the policy due", policy.review_by.isoformat() if policy.review_by else NOTHING))
    rows += [(shown(name), shown(version)) for name, version in sorted(p.versions.items())]
    return TableView("What would let a third party repeat it", ("What", "Value"), tuple(rows), words=range(2))


def _groups(look: Lookup, by: By) -> TableView | None:
    """Every group's estimate of every metric: value, interval and n in one cell."""
    metrics = [m for m in [TRUTH, *look.metrics()] if look.groups(m, by)]

    def write(metric: str, e: Estimate | None) -> str:
        value, note = cells(e, unit_for("overall", look.kind(metric)))
        return f"{value} ({note}), n {counted(e):,}" if e is not None and note else value

    rows = group_rows(look, metrics, by, write)
    columns = (
        upper_first(by_words(by)),
        *(upper_first(look.say.short(m)) if m != TRUTH else "Truth" for m in metrics),
    )
    return TableView(f"Every rate, by {by_words(by)}", columns, tuple(rows)) if rows else None


def _findings(look: Lookup) -> TableView:
    found = look.report.findings
    usual = level_of(look.report)
    sizes = [f.estimate.n for f in found]
    rows = max(dict.fromkeys(sizes), key=sizes.count, default=0)
    caption = f"Every finding; intervals at {confidence(usual)}, of {rows:,} rows, unless another level or n is beside"
    return TableView(caption, ("Finding", "Value", "Interval"), tuple(_finding(f, usual, rows) for f in found))


def _finding(f: Finding, level: float, rows: int) -> tuple[str, ...]:
    e, shares, of = f.estimate, unit_of(f) != "", kind_of(f.metric, f.unit)
    interval = range_in(e, unit_for(f.comparison, of) if shares else "")
    told = [interval or NOTHING, f"at {confidence(e.level)}" if e.level != level else ""]
    told += [e.state if e.state not in ("ok", "unstable") else "", f"n {e.n:,}" if e.n != rows else ""]
    return (
        shown(f.id),
        value_text(e, f.comparison, of) if shares or of == "measure" else plain(e),
        ", ".join(t for t in told if t),
    )
