"""One rule that is not met, in a few lines for whoever must act: what, who, how sure, what drives it, what to do."""

from __future__ import annotations

from auditkit.formatting import NOTHING, interval, printable, quantity
from auditkit.records import CHANGES, Finding, Report, Surest, Verdict
from auditkit.report import changes
from auditkit.report.html import why
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.rules import sentence
from auditkit.report.verdict_words import (
    asked,
    baseline_words,
    kind_of_verdict,
    of_surest,
    sides_of_holm,
    tightest,
    waiver_words,
)
from auditkit.report.vocabulary import STATUS, upper_first


def told(report: Report, v: Verdict, *, page: str = "") -> str:
    """The message of one rule, each line with one thing; control characters of names from the data are replaced.

    `page` is where the report can be read.
    """
    look = Lookup(report)
    lines = [
        f"{v.rule.id}: {STATUS[v.status].lower()}{_and_behind(v)}",
        f"  asked   {sentence(v.rule, look)}",
        *(f"  {name:<7} {text}" for name, text in measured(look, v)),
        f"  why     {v.reason}",
    ]
    if waiver := waiver_words(v):
        lines.append(f"  waiver  {waiver}")
    if held := baseline_words(v):
        lines.append(f"  before  {held}")
    cause = why.leading_cause(look)
    if cause is not None and any(f.by == v.rule.by for f, _ in why.of_gaps(look)):
        lines.append(f"  drives  {upper_first(cause[1])}")
    remedies = any(f.concern == "mitigation" for f in report.findings)
    lines.append(f"  next    {_next(v, kind_of_verdict(report, v), remedies)}")
    if page:
        lines.append(f"  page    {page}#{'gate' if v.status == 'not_measured' else 'summary'}")
    return "\n".join(map(printable, lines))


def measured(look: Lookup, v: Verdict) -> list[tuple[str, str]]:
    """Value, interval and limit; and the groups that carry it, with what each of them has."""
    of = kind_of_verdict(look.report, v)
    if v.estimate is None or v.estimate.value is None:
        return [("value", f"{NOTHING}; {asked(v.rule, of)}")]
    kind = v.rule.comparison
    between, shared = interval(v.estimate, kind, of=of), sides_of_holm(v)
    if shared:  # its sides have levels of their own
        between = f"{between.partition(' ')[2]} ({shared})"
    value = f"{quantity(v.estimate.value, kind, of=of)}, {between}; {asked(v.rule, of)}"
    found = look.by_id(v.finding)
    sides = look.sides(found, v.surest) if found is not None and v.rule.by else ()
    unit = look.kind(v.rule.metric)
    if kind in CHANGES and found is not None:
        return [("value", value), *([("groups", moved)] if (moved := _moved(look, found, v.surest)) else [])]
    groups = [f"{look.say.mention(g.group)} {quantity(g.estimate.value, 'overall', of=unit)}" for g in sides]
    apart = "most surely apart: " if len(groups) == 2 and len(look.groups(v.rule.metric, v.rule.by)) > 2 else ""
    own = "" if (theirs := of_surest(v)) is None else f": {quantity(theirs.value, kind, of=of)}"
    return [("value", value), *([("groups", f"{apart}{', '.join(groups)}{own}")] if groups else [])]


def _moved(look: Lookup, found: Finding, surest: Surest | None) -> str:
    """The groups that a change is of, before and now: its interval is told once, as that which decides."""
    unit = look.kind(found.metric)
    who = [dict(g) for g in surest.groups] if surest is not None else changes.groups_of(found)
    return ", ".join(
        f"{look.say.mention(g)} {' before, '.join(quantity(e.value, 'overall', of=unit) for e in both)} now"
        for g, *both in changes.before_and_now(look.report, found)
        if g in who
    )


def _and_behind(v: Verdict) -> str:
    """What the baseline says beside the status, where that stands in the way."""
    said = v.baseline.status if v.baseline is not None else None
    if said is None or said not in v.blocking:
        return ""
    words = {"fail": "worse than the baseline", "inconclusive": "undecided against the baseline"}
    return f", {words.get(said, 'not held against the baseline')}"


def _next(v: Verdict, of: str, remedies: bool) -> str:
    if _and_behind(v) and v.status not in v.blocking and "not_measured" in v.blocking:
        return 'put it into the baseline: auditkit baseline update REPORT.json --reason "…"'
    if _and_behind(v) and v.status not in v.blocking:
        look = "see what changed: auditkit compare OLD.json NEW.json"
        if "fail" not in v.blocking:
            return f"{look}; to decide it: more rows, or both models in one audit (--against), which pairs their rows"
        return f'{look}; to accept it: auditkit baseline update REPORT.json --accept-worse --reason "…"'
    if v.status == "not_measured":
        return "give the audit what is missing, or take the rule out of the policy"
    if v.status == "inconclusive":
        limit, _ = tightest(v, of)
        rows = f"about {v.more_data:,.0f} times as many rows would decide" if v.more_data else "more rows may decide"
        return f"{rows}; a limit of {limit} would pass now" if limit else rows
    if v.perfect is not None and v.perfect.status == "fail":
        return "a model without mistakes would fail this rule too: ask another, or decide otherwise; or waive it"
    if v.rule.comparison in CHANGES:
        return (
            "look at the decisions that changed for the worse, or keep the older model; to waive the rule for a while: "
            f'[[waiver]] rule = "{v.rule.id}"'
        )
    helps = "“What would help” on the page compares remedies" if remedies else "look at these groups' rows first"
    if _and_behind(v):
        return f"{helps}; see what changed: auditkit compare OLD.json NEW.json; a waiver forgives the limit alone"
    return f'{helps}; to waive the rule for a while: [[waiver]] rule = "{v.rule.id}"'
