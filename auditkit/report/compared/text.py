"""What changed between reports, for a terminal: a line each, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator

from auditkit.comparing.changes import Changes, Step, Trend, Which
from auditkit.formatting import NOTHING, printable, quantity
from auditkit.report.vocabulary import STATUS, number, several, upper_first

MOST = 12
"""Lines of one kind; the JSON has all."""


def plain(changes: Changes) -> str:
    """The comparison in lines; control characters of names are replaced."""
    return "\n".join(printable(line) for line in _lines(changes))


def outcome(changes: Changes) -> str:
    """What the exit status says, and why."""
    warns = {r.id for s in changes.steps for r in s.rules if r.only_warns}
    if changes.passed:
        beside = (
            f" {upper_first(several(len(warns), 'rule'))} only warn{'s' if len(warns) == 1 else ''}." if warns else ""
        )
        return f"Nothing is newly in the way, and no policy was loosened.{beside}"
    failing = {r.id for s in changes.steps for r in s.failing}
    loosened = {(c.rule, c.key) for s in changes.steps for c in s.loosened}
    warned = f" ({number(len(warns))} more only warn{'s' if len(warns) == 1 else ''})" if warns else ""
    told = [f"{several(len(failing), 'rule')} newly in the way{warned}"] if failing else []
    told += [f"the policy is looser in {several(len(loosened), 'place')}"] if loosened else []
    return f"Not passed: {', and '.join(told)}."


def title(w: Which) -> str:
    """A report in a line."""
    return f"{w.name} of {w.created:%Y-%m-%d}, {w.rows:,} rows{f' ({w.file})' if w.file else ''}"


def _lines(changes: Changes) -> Iterator[str]:
    for i, step in enumerate(changes.steps):
        if i:
            yield ""
        yield f"{title(changes.reports[step.new])}"
        yield f"  against {title(changes.reports[step.old])}"
        yield step.summary
        yield from _step(step)
    if changes.trend:
        yield ""
        yield "Along time: " + ", ".join(f"{w.created:%Y-%m-%d}" for w in changes.reports)
        yield from (course(t) for t in changes.trend)
    yield ""
    yield outcome(changes)


def _step(step: Step) -> Iterator[str]:
    yield from (f"Caution: {c}" for c in step.cautions)
    if step.nothing:
        return
    rules = [r for r in step.rules if r.kind != "same"]
    yield from _some("Rules", [f"{r.label}: {r.statement}" for r in rules])
    yield from _some("Policy", [f"{c.way}: {c.statement}" for c in step.policy])
    yield from _some("Audited", [c.statement for c in step.inputs])
    same = [r for r in step.rules if r.kind == "same"]
    yield from _some("Rules without a change", [r.statement for r in same])
    yield from _some("Other numbers that moved for sure", [n.statement for n in step.told])
    if len(step.told) < len(step.numbers):
        more = len(step.numbers) - len(step.told)
        yield f"  ({more} more say the same gaps as ratios, or smallest and largest values)"
    yield from _some("No longer measured", list(step.no_longer_measured))
    yield from _some("Newly measured", list(step.newly_measured))
    yield step.seen


def _some(head: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"{head}:"
        yield from (f"  {line}" for line in lines[:MOST])
        if len(lines) > MOST:
            yield f"  and {len(lines) - MOST} more, in the JSON"


def course(t: Trend) -> str:
    """A rule along time."""
    return f"  {t.id}: " + "; ".join(
        f"{NOTHING if p.status is None else STATUS[p.status].lower()}"
        + (f" {quantity(p.estimate, t.comparison, of=t.of)}" if p.estimate is not None else "")
        for p in t.points
    )
