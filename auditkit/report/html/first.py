"""The first screen: which model, whether, what is worst, for whom, how sure, and what is not known."""

from typing import NamedTuple

from auditkit.catalogue.for_worse import beyond
from auditkit.formatting import interval, limit, lower_first, points, quantity
from auditkit.records import CHANGES, Contributions, Estimate, Finding, Outcome, Report, Status
from auditkit.report import changes, next_steps, perfect
from auditkit.report.cautions import cautions
from auditkit.report.html import confusion, hero
from auditkit.report.html.confusion import ClassRow
from auditkit.report.html.errors_by_group import clause, in_numbers, truth, write
from auditkit.report.html.errors_by_group import sentence as in_words
from auditkit.report.html.leading import Leading, leading, story, whose
from auditkit.report.html.lookup import Lookup, exhibits_of
from auditkit.report.html.rules import ORDER, ranked, sentence
from auditkit.report.html.unmeasured import too_small, unasked
from auditkit.report.html.whom import denominator, for_whom
from auditkit.report.html.why import in_decisions
from auditkit.report.surest import asked, compared, uncovered
from auditkit.report.verdict_words import does
from auditkit.report.vocabulary import (
    STATUS,
    base_of,
    brief,
    kind_of,
    listed,
    measured_in,
    number,
    several,
    shown,
    upper_first,
)

_STATUS: dict[Outcome, Status | None] = {
    "failed": "fail",
    "undecided": "inconclusive",
    "passed": "pass",
    "no_policy": None,
}

_EYEBROWS: dict[Status | None, str] = {
    "fail": "The worst problem",
    "inconclusive": "The largest open question",
    "pass": "The rule closest to its limit",
    None: "The surest difference",
}
"""What stands above the headline."""
UNASKED = "Fairness was not measured"
"""What is said first where nobody compared groups in how they are treated."""

MOST_CAUTIONS = 3
"""Of the input and of broken checks, on the first screen."""
MOST_CHIPS = 24
"""Rules that get a shape each; beyond, one shape a state."""


class Chip(NamedTuple):
    """Rules of one state."""

    status: Status
    words: str
    links: tuple[tuple[str, str], ...]
    """(anchor, what a reader of the screen hears)."""


class First(NamedTuple):
    """Everything above the summary."""

    kicker: tuple[str, ...]
    title: str
    status: Status | None
    chips: tuple[Chip, ...]
    next: tuple[next_steps.Step, ...]
    eyebrow: str
    headline: str
    context: str
    hero: hero.Hero | None
    row: ClassRow | None
    """Of several classes: what the people of one are told."""
    perfect: tuple[str, str] | None
    """Would a perfect model pass the rule of the headline? (question, answer); None without a rule."""
    facts: tuple[tuple[str, str], ...]
    strip: tuple[tuple[str, str], ...]
    cautions: tuple[str, ...]
    more_cautions: int
    """Cautions that stand in the section of the data alone."""


def subject(report: Report) -> str:
    """The name of what was audited."""
    name = report.name if report.name not in ("", "audit") else report.provenance.model.name
    return shown(name, empty="The model")


def view(look: Lookup) -> First:
    """The first screen of a report."""
    report = look.report
    name = subject(report)
    lead = leading(look)
    status = _STATUS[report.outcome]
    headline = _headline(look, lead)
    row = confusion.of_class(look, lead.finding.by, lead.label, [g for g, _ in lead.sides]) if lead else None
    return First(
        kicker=_kicker(report),
        title=f"{name} {does(report)}" if status else f"{name}: {_without_policy(report)}",
        status=status,
        chips=_chips(report),
        next=next_steps.steps(look),
        eyebrow=_eyebrow(report, lead),
        headline=headline,
        context=_context(look, lead),
        hero=_hero(look, lead),
        row=row if row is None or row.sentence != headline else row._replace(sentence=""),
        perfect=_perfect(report, lead),
        facts=tuple(_facts(look, lead)),
        strip=_strip(report),
        cautions=cautions(report)[:MOST_CAUTIONS],
        more_cautions=max(0, len(cautions(report)) - MOST_CAUTIONS),
    )


def _hero(look: Lookup, lead: Leading | None) -> hero.Hero | None:
    if lead is None:
        return None
    if lead.finding.comparison in CHANGES:
        from auditkit.report.html import change_hero  # of a comparison, which most pages are not

        return change_hero.view(look, lead)
    return hero.view(look, lead) if lead.sides else None


def _eyebrow(report: Report, lead: Leading | None) -> str:
    if lead is None:
        return "What was found"
    if lead.verdict is not None:
        warns = lead.status == "fail" and lead.verdict.rule.severity == "warning"
        return "A rule that only warns" if warns else _EYEBROWS[lead.status]
    if lead.finding.concern == "change":
        return "Worse than before"
    return _EYEBROWS[None] if asked(report) else "The surest finding"


def _without_policy(report: Report) -> str:
    return "an audit without a policy" if asked(report) else lower_first(UNASKED)


def day(report: Report) -> str:
    """The date of the audit: "24 November 2026"."""
    created = report.provenance.created
    return f"{created.day} {created:%B %Y}"


def _kicker(report: Report) -> tuple[str, ...]:
    policy = report.policy
    words = "No policy"
    if policy is not None:
        words = f"Policy {shown(policy.id)}" if policy.id else "Policy without a name"
        words += f", version {shown(policy.version)}" if policy.version else ""
    return "Audit report", day(report), words


def _chips(report: Report) -> tuple[Chip, ...]:
    order = ranked(report.verdicts)
    chips = []
    for status in ORDER:
        mine = [(i, v.rule.id) for i, v in enumerate(order, 1) if v.status == status]
        if mine:
            links = tuple((f"#rule-{i}", f"{shown(id)}: {STATUS[status]}") for i, id in mine)
            kept = links if len(order) <= MOST_CHIPS else links[:1]
            waived = sum(v.waived for v in order if v.status == status)
            words = f"{len(mine)} {STATUS[status].lower()}" + (f", {waived} of them waived" if waived else "")
            chips.append(Chip(status, words, kept))
    return tuple(chips)


def _headline(look: Lookup, lead: Leading | None) -> str:
    if lead is None:
        if look.report.verdicts:
            return f"{upper_first(several(len(look.report.verdicts), 'rule'))} could not be judged."
        if compared(look.report):
            return "No disparity between groups was established."
        return "No groups could be compared." if asked(look.report) else "Nothing else was established."
    if not lead.sides:
        return _stated(look, lead)
    say = look.say_of(lead.label)
    numbers = in_numbers(lead.finding)
    told = [(g, e.value or 0.0) for g, e in lead.sides]
    rates = in_words(look, lead.metric, lead.sides) if numbers else say.frequencies(lead.metric, told)
    if lead.verdict and lead.status == "fail" and not lead.sure:
        return f"{sentence(lead.verdict.rule, look)}: not met by the point value."
    if lead.status in ("fail", None):
        return rates
    if lead.status == "pass":
        return f"{rates} That is within the limit."
    if len(lead.sides) == 2 and not lead.sure:
        low, high = (g for g, _ in sorted(lead.sides, key=lambda s: s[1].value or 0.0))
        apart = clause(look, lead.metric, low, high) if numbers else say.clause(lead.metric, low, high)
        return f"Whether {apart} is not decided."
    return f"{rates} Whether that is beyond the limit is not decided."


def _stated(look: Lookup, lead: Leading) -> str:
    """The headline of a finding that is no rate: what it states, or what its rule asks and does not get."""
    told = shown(brief(lead.finding.claim, longest=170), empty="", longest=400)
    if lead.verdict is None:
        return told
    met = {"fail": "not met", "pass": "met"}.get(lead.verdict.status, "not decided")
    return told if told and met == "not met" and lead.sure else f"{sentence(lead.verdict.rule, look)}: {met}."


def _context(look: Lookup, lead: Leading | None) -> str:
    """One sentence that sets the headline against the data."""
    if lead is None:
        shares = [
            f for f in look.report.findings if f.comparison == "difference" and kind_of(f.metric, f.unit) == "share"
        ]
        blind = [size for f in shares if (size := f.estimate.unseen) and f.estimate.mde]
        return f"A gap below {points(max(blind))} points could have gone unseen." if blind else ""
    if lead.finding.comparison in CHANGES:
        return changes.trade_off(look.report, but=lead.finding)
    if not lead.sides:
        return ""
    if in_numbers(lead.finding):
        return _mean_truths(look, lead)
    truths = hero.truths(look, lead)
    if len(lead.sides) < 2 or not truths:
        of = [f"{e.denominator or e.n:,.0f} {look.say.people(g)}" for g, e in lead.sides]
        return f"Counted among {listed(of)}{denominator(look, lead)}."
    base = base_of(truths)
    told = " and ".join(
        f"{round(base * t):,} of {base:,} {look.say.people(g)}" for (g, _), t in zip(lead.sides, truths, strict=True)
    )
    return f"In these data {told} {look.say_of(lead.label).really()}. {_against_truth(look, lead)}".strip()


def _mean_truths(look: Lookup, lead: Leading) -> str:
    """What the numbers are in truth, by group."""
    found = truth(look, lead.finding.by, lead.sides)
    if not found:
        return f"Counted among {listed([f'{e.n:,} {look.say.people(g)}' for g, e in lead.sides])}."
    told = [f"{write(look, t, e)} for {look.say.people(g)}" for (g, e), t in zip(lead.sides, found, strict=True)]
    return f"The truth is {listed(told)} on average."


def _against_truth(look: Lookup, lead: Leading) -> str:
    """Whether the model widens the difference that is in the data: said only where its interval says so."""
    found = look.finding("selection_rate", "difference", lead.finding.by)
    change = found.beside_truth if found else None
    groups = {frozenset(g.items()) for g, _ in lead.sides}
    if change is None or {frozenset(g.items()) for g in change.groups} != groups:
        return ""
    size = interval(change.estimate, "difference")
    if _otherwise_as_a_ratio(lead, change.verb):
        return ""
    return {
        "widens": f"The model widens that difference, by {points(change.estimate)} points ({size}).",
        "narrows": f"The model narrows that difference, by {points(-(change.estimate.value or 0.0))} points"
        f" ({_turned(change.estimate)}).",
        "keeps": f"The model keeps that difference, to within a point ({size}).",
        "": "",
    }[change.verb]


def _otherwise_as_a_ratio(lead: Leading, verb: str) -> bool:
    """Whether the ratio that the rule asks for moved the other way: small shares lie closer, and less alike."""
    v = lead.verdict
    if v is None or not v.rule.comparison.startswith("ratio") or v.perfect is None:
        return False
    own, true = (x.surest.estimate if x.surest else x.estimate for x in (v, v.perfect))
    if own is None or true is None or own.value is None or true.value is None:
        return False
    return own.value <= true.value if verb == "narrows" else own.value >= true.value if verb == "widens" else False


def _turned(e: Estimate) -> str:
    """The interval of what was taken off."""
    return interval(Estimate(value=0.0, low=-(e.high or 0.0), high=-(e.low or 0.0), level=e.level), "difference")


def _perfect(report: Report, lead: Leading | None) -> tuple[str, str] | None:
    told = perfect.sentence(report, lead.verdict) if lead and lead.verdict else ""
    return (perfect.QUESTION, told) if told else None


def _facts(look: Lookup, lead: Leading | None) -> list[tuple[str, str]]:
    facts = []
    if lead is not None:
        facts += [("For whom", for_whom(look, lead)), ("How sure", _how_sure(look, lead))]
    beside = uncovered(look.report)
    if beside is not None:
        facts.append(("Surest difference without a rule", shown(brief(beside.claim), empty="", longest=400)))
    elif look.report.verdicts and compared(look.report):
        of = in_decisions(look, look.bys())
        facts.append(("Differences without a rule", f"No difference{of} is established, and none is ruled out."))
    of_change = lead is not None and lead.finding.comparison in CHANGES
    if changed := changes.told(look.report, alone=of_change):
        facts.insert(0, (changes.HEAD, changed))
    small, groups = too_small(look)
    fairness = () if compared(look.report) or lead is None else ("fairness between groups",)
    absent = (*fairness, *unasked(look), *(shown(n.what) for n in look.report.not_measured if not n.settled))
    more = ", and more" if len(absent) > 3 else ""
    words = f"{upper_first(listed(absent[:3]))}{more}." if absent else "What nobody asked for, and what no number says."
    if small:
        words += f" {upper_first(number(small))} of {number(groups)} groups are too small for some answers."
    return [*facts, ("Not measured", words)]


def _how_sure(look: Lookup, lead: Leading) -> str:
    f, v, kind = lead.finding, lead.verdict, lead.finding.comparison
    told = story(f, v) if v else None
    e, own = (told.estimate, told.surest) if told else (f.estimate, f.surest)
    of_groups = lead.sides or kind.startswith(("difference", "ratio")) or (kind in CHANGES and beyond(kind, f.estimate))
    e = own.estimate if own and of_groups else e
    of, noun = (
        measured_in(look.report, f.metric, f.unit),
        {"difference": "gap", "ratio": "ratio"}.get(kind.split("_")[0], "change" if kind in CHANGES else "value"),
    )
    whole = next(iter(exhibits_of(f, Contributions)), None)
    if v is None and whole is not None:
        e, of, noun = whole.total, "share" if whole.unit == "points" else whole.unit, "gap"
    whom = whose(look, told) if told and not lead.sides else ""
    head = f"The {noun}{whom} is {quantity(e, kind, of=of)}, {interval(e, kind, of=of)}."
    if (
        kind in ("group_min", "group_max")
        and lead.sides
        and (e.low, e.high) != (lead.sides[0][1].low, lead.sides[0][1].high)
    ):
        which = "lowest" if kind == "group_min" else "highest"
        head += f" It holds for whichever group is the {which}; the line of the chart, for this one alone."
    if v is None or told is None:
        return head if kind.startswith(("difference", "ratio")) or kind in CHANGES else _tested(f)
    if told.decides:  # how many rows would decide stands in what to do next, and in the gate
        crosses = f"The interval crosses the limit of {limit(v.rule.limit, kind, of=of)}."
        return f"{head} {crosses if v.more_data else v.reason}"
    return f"{head} Alone that would decide; judged with the other rules it is open: see the gate."


def _tested(f: Finding) -> str:
    """How sure a finding is that compares nobody: its interval stands in its sentence."""
    made = sum(t.applies for t in f.trust)
    checks = f"{upper_first(several(made, 'test'))} of the explanation {'was' if made == 1 else 'were'} made; "
    return f"{checks}none that decides failed." if made else "By its interval; it compares no groups of people."


def _strip(report: Report) -> tuple[tuple[str, str], ...]:
    p = report.provenance
    hashes = [
        ("Model", p.model.sha256 or ""),
        ("Data", p.data.sha256),
        ("Policy", report.policy.sha256 if report.policy else ""),
    ]
    strip = [(label, h[:12]) for label, h in hashes if h]
    return (*strip, ("Reproduce:", shown(p.command, longest=2_000))) if p.command else tuple(strip)
