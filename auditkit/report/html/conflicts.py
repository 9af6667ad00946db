"""Which criteria cannot hold together under the base rates of the data, where these surely differ."""

from __future__ import annotations

from auditkit.catalogue.conflicts import CANNOT, CRITERIA
from auditkit.formatting import decimals, listed
from auditkit.records import Finding
from auditkit.report.html.lookup import By, Lookup, established
from auditkit.report.places import TRUTH


def between(look: Lookup) -> Finding | None:
    """The established difference in base rates to speak of: of what rules ask about first, then the surest."""
    found = [f for f in look.report.findings if f.metric == TRUTH and f.comparison == "difference" and f.label is None]
    found = [f for f in found if established(f) and len(look.sides(f)) == 2 and len(f.by) == 1]
    ruled = {frozenset(v.rule.by) for v in look.report.verdicts}
    return max(found, key=lambda f: (frozenset(f.by) in ruled, f.estimate.low or 0.0), default=None)


def asked(look: Lookup, by: By) -> tuple[str, ...]:
    """The criteria that rules ask of these groups; without rules all."""
    rules = [v.rule for v in look.report.verdicts if v.rule.comparison.startswith(("difference", "ratio"))]
    found = [CRITERIA[r.metric] for r in rules if r.metric in CRITERIA and set(r.by) == set(by)]
    return tuple(dict.fromkeys(found if rules else CRITERIA.values()))


def sentence(look: Lookup) -> str:
    """Which of the criteria asked for exclude each other; empty where none is known to."""
    f = between(look) if look.binary else None
    if f is None:
        return ""
    criteria = asked(look, f.by)
    pairs = [f"{a} and {b}, {unless}" for (a, b), unless in CANNOT.items() if a in criteria and b in criteria]
    if not pairs:
        return ""
    sides = [(100 * (g.estimate.value or 0.0), look.say.people(g.group)) for g in look.sides(f)]
    shares = [f"{decimals(rate, 0)} of 100 {people}" for rate, people in sides]
    told = "; nor ".join(pairs)
    return f"While {listed(shares)} {look.say.yes()}, no model can have {told}."
