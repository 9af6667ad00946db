"""For whom the headline holds: which groups, and how many of them were tested."""

from __future__ import annotations

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.rankings import EXPOSED
from auditkit.records import CHANGES, Finding
from auditkit.report import changes
from auditkit.report.html.leading import Leading
from auditkit.report.html.lookup import Lookup, class_of, established
from auditkit.report.rows import PEOPLE
from auditkit.report.vocabulary import by_words, listed, upper_first


def for_whom(look: Lookup, lead: Leading) -> str:
    """Which group, how many of them were tested and count in this, and which other groups differ in it."""
    rows = look.tested
    if lead.finding.comparison in CHANGES:
        return _whose_change(look, lead, rows)
    if not lead.sides:
        return _among(look, lead.finding)
    who, e = lead.sides[0]
    own = look.rows_by_group(lead.finding.by).get(tuple(who.values()), e.n) if who else rows
    counted = round(e.denominator or e.n)
    fewer = f"; {counted:,} of these count in this" if counted < own else ""
    head = (
        f"{upper_first(look.say.people(who))}: {own:,} of the {rows:,} people tested{fewer}."
        if who
        else f"All {rows:,} people tested{fewer}."
    )
    others = [by for by in look.bys() if len(by) == 1 and by != lead.finding.by]
    if not others:
        return head
    differ = [by_words(by) for by in others if _differ(look, lead, by)]
    if not differ:
        own_too = [by for by in look.bys() if by == lead.finding.by and not _differ(look, lead, by)]
        told = listed([by_words(b) for b in (*own_too, *others)])
        return f"{head} Between groups of {told} no difference in this is established."
    return f"{head} Groups of {listed(differ)} differ in this too."


def _among(look: Lookup, f: Finding) -> str:
    """Of a finding that has no sides: whom it is about, where it names them, and how many it counts."""
    rows, known, named = look.tested, METRICS.get(f.metric), f.surest.groups if f.surest else ()
    whom = upper_first(", against ".join(look.say.mention(g) for g in named))
    if named and known is not None and known.kind == EXPOSED:
        return f"{whom}; counted over the lists of {f.estimate.n:,} of the {rows:,} {look.say.unit} tested."
    n = f.surest.estimate.n if f.surest and len(named) == 1 else f.estimate.n
    counted = f"{'all' if n == rows else f'{n:,} of the'} {rows:,} {look.say.unit} tested"
    return f"{whom}: {counted}." if named else f"{upper_first(counted)} count in this."


def _whose_change(look: Lookup, lead: Leading, rows: int) -> str:
    """Of a change: which groups, whom of them it counts, and how many these are."""
    f, whom = lead.finding, denominator(look, lead)
    if lead.label and (of := look.say_of(lead.label).phrase(lead.metric).partition(", ")[2]):
        whom = f", {of}"
    groups = changes.groups_of(f)
    n = {tuple(g.group.items()): g.estimate.n for g in f.by_group}
    told = [
        f"{look.say.people(g)}{whom}: {n.get(tuple(g.items()), f.estimate.n):,} of the {rows:,} rows tested"
        for g in groups
    ]
    everybody = f"all people{whom}: {f.estimate.n:,} of the {rows:,} rows tested"
    return f"{upper_first('; '.join(told) or everybody)}."


def _differ(look: Lookup, lead: Leading, by: tuple[str, ...]) -> bool:
    """Whether groups of other attributes are known to differ in what the headline is about."""
    label = lead.finding.label
    found = (
        look.of_label(lead.metric, "difference", by, label) if label else look.finding(lead.metric, "difference", by)
    )
    return found is not None and established(found) and class_of(found) == lead.label


def denominator(look: Lookup, lead: Leading) -> str:
    if lead.label:
        return ""  # the headline names them
    words = {"true_positive_rate": look.say.yes(), "false_positive_rate": look.say.no(), "precision": "are selected"}
    who = "who" if look.say.unit == PEOPLE else "that"
    return f" {who} {words[lead.metric]}" if lead.metric in words else ""
