"""Which criteria cannot hold together under the base rates of the data, where these surely differ.

With base rates b ≠ b′, selection s = b TPR + (1 − b) FPR and precision PPV = b TPR / s:
equal TPR and FPR with equal s give TPR = FPR, decisions that say nothing of the truth; equal s and PPV give TPR/TPR′ =
b′/b; equal TPR, FPR and PPV give TPR = 0 or FPR = 0. Source: Chouldechova (2017), Big Data 5:153; Kleinberg,
Mullainathan & Raghavan (2017), ITCS.
"""

from __future__ import annotations

from auditkit.formatting import decimals, listed
from auditkit.records import Finding
from auditkit.report.html.lookup import By, Lookup, established
from auditkit.report.places import TRUTH

SELECTION = "equal selection"
ERRORS = "equal shares found and wrongly selected"
PRECISION = "equal shares right among the selected"

CRITERIA = {
    "selection_rate": SELECTION,
    **dict.fromkeys(
        ("true_positive_rate", "false_positive_rate", "false_negative_rate", "true_negative_rate", "equalized_odds"),
        ERRORS,
    ),
    "equalized_odds_mean": ERRORS,
    "precision": PRECISION,
    "false_discovery_rate": PRECISION,
}
"""Metric → the criterion that its equality between groups belongs to."""

CANNOT = {
    (SELECTION, ERRORS): "unless decisions say nothing about the truth",
    (SELECTION, PRECISION): "unless a smaller share of one group is found",
    (ERRORS, PRECISION): "unless nobody is wrongly selected",
}
"""Two criteria → under what alone both hold, where base rates differ."""


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
    return tuple(dict.fromkeys(found)) if rules else (SELECTION, ERRORS, PRECISION)


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
