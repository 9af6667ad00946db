"""What a reader could expect and will not find, and why."""

from typing import NamedTuple

from auditkit.records import Concern, Contributions
from auditkit.report.html import remedies
from auditkit.report.html.lookup import By, Lookup, exhibits_of
from auditkit.report.html.sections import answered, in_cases, reasons
from auditkit.report.html.trust import holds
from auditkit.report.vocabulary import by_words, listed, several, shown, upper_first

UNASKED: dict[Concern, str] = {
    "calibration": "calibration",
    "subgroups": "hidden subgroups",
    "explanation": "what makes the gap",
    "robustness": "robustness",
    "mitigation": "remedies",
}
"""What the checks behind the sections of findings measure, in words."""

LIMITS = (
    "The audit describes decisions on these rows, not what causes the outcome.",
    "Intervals cover chance in who was sampled, not labels that are wrong, nor people whom the data leave out.",
    "Groups are as the data declare them; people whom the data describe wrongly are counted wrongly.",
    "A rule that is met is one rule met. It does not establish that the model is fair, or that a law is complied with.",
)


UNTRAINED = "No weights were given: the net was audited as it was drawn at random, before any training."


class Unmeasured(NamedTuple):
    """The section."""

    items: tuple[tuple[str, str], ...]
    """(what, why)."""
    settled: tuple[tuple[str, str], ...]
    """Likewise of what is known without measuring."""
    limits: tuple[str, ...]


def unasked(look: Lookup) -> list[str]:
    """What no check of this report was asked to measure, although one could; what one tried says itself why not."""
    apart = any(exhibits_of(f, Contributions) for f in look.report.findings if holds(f))
    told = answered(look) - (set() if apart else {"explanation"})  # an explanation that takes a gap apart, and holds
    return [what for concern, what in UNASKED.items() if concern not in told and not reasons(look, concern)]


def too_small(look: Lookup) -> tuple[int, int]:
    """(groups that some rate could not count for being small or empty, all groups)."""
    every: dict[tuple[tuple[str, str], ...], bool] = {}
    for g in (g for f in look.report.findings for g in f.by_group):
        key = tuple(g.group.items())
        every[key] = every.get(key, False) or g.estimate.state in ("sparse", "undefined")
    return sum(every.values()), len(every)


def view(look: Lookup) -> Unmeasured:
    """Stated absences, unjudged rules, small groups, and what this version lacks."""
    items = [("A trained net", UNTRAINED)] if look.report.provenance.model.weights == "initialised" else []
    items += [(w, upper_first(why)) for w, why in _told(look, settled=False)]
    items += [
        (f"Rule {shown(v.rule.id)}", v.absence or v.reason) for v in look.report.verdicts if v.status == "not_measured"
    ]
    items += _small_groups(look)
    no_remedy = remedies.why_none(look)
    if no_remedy:
        items.append(("Remedies", upper_first(no_remedy)))
    cases = [] if any(map(in_cases, look.report.findings)) else ["individual cases"]
    nothing = [what for what in unasked(look) if not (no_remedy and what == UNASKED["mitigation"])] + cases
    if nothing:
        items.append((upper_first(listed(nothing)), "Not asked for."))
    return Unmeasured(tuple(dict.fromkeys(items)), tuple(_told(look, settled=True)), LIMITS)


def _told(look: Lookup, *, settled: bool) -> list[tuple[str, str]]:
    found = [n for n in look.report.not_measured if n.settled == settled]
    return [(upper_first(shown(n.what)), shown(n.why, longest=400)) for n in found]


def _small_groups(look: Lookup) -> list[tuple[str, str]]:
    """A line for the same groups of the same attributes, however many rates cannot count them."""
    lost: dict[tuple[By, tuple[str, ...]], list[str]] = {}
    for by in look.bys():
        for metric in look.metrics():
            groups = look.groups(metric, by)
            small = tuple(look.say.label(g.group) for g in groups if g.estimate.state in ("sparse", "undefined"))
            if small:
                lost.setdefault((by, small), []).append(look.say.phrase(metric))
    items = []
    for (by, small), rates in lost.items():
        named = listed(list(small)) if len(small) <= 6 else several(len(small), "group")
        which = listed(rates) if len(rates) <= 2 else several(len(rates), "rate")
        why = "Too few people to tell; shown, and left out of every verdict."
        items.append((f"{upper_first(which)}, by {by_words(by)}: {named}", why))
    return items
