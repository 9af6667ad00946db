"""What of a gap comes through columns that were declared as ones that may explain it, and what is left. No torch."""

from __future__ import annotations

from typing import NamedTuple

from auditkit.errors import listing
from auditkit.explain.gaps.splits import Split, together, together_p
from auditkit.explain.gaps.statements import MISSED, amount, bearable, limits
from auditkit.explain.gaps.sums import GapSums
from auditkit.records import Estimate

CONTROLS = "controls"
"""The fact that names the declared columns."""


class Explained(NamedTuple):
    """A gap in two parts."""

    columns: tuple[str, ...]
    """The parts of the gap that hold nothing but declared columns."""
    through: Estimate
    """Their sum, in the unit of the target."""
    rest: Estimate
    """That of all others."""
    rest_p: float
    """Of H0: all others add up to 0."""


def explained(seen: GapSums, split: Split) -> Explained | None:
    """The two parts; None where no column that the model reads was declared, or nothing may be split.

    Columns that are told as one count as declared where all of them are.
    """
    declared = set(seen.facts.get(CONTROLS, ()))
    own = [k for k, name in enumerate(split.names) if name in declared or {*name.split(" + ")} <= declared]
    if not own or split.missed > MISSED or split.contradicts:
        return None
    others = [k for k in range(len(split.names)) if k not in own]
    names = tuple(split.names[k] for k in own)
    return Explained(names, together(split, own), together(split, others), together_p(split, others))


def legitimate(seen: GapSums, split: Split) -> str:
    """A sentence with a space before it: how much comes through the declared columns; empty without a sure gap.

    It says what was declared, not that it is right: whether a column may explain a gap nobody reads off a net.
    """
    found = explained(seen, split) if split.gap_is_sure else None
    if found is None:
        return ""
    target = split.target
    against = (found.rest.value or 0.0) * (split.total.value or 0.0) < 0
    left = ", the other way" if against else ""
    if not found.rest.excludes_zero:
        left = ", which may be nothing"
    elif found.rest_p > bearable(split):
        left += ", which may be chance"
    size = amount(target, found.through.value)
    return (
        f" Of {amount(target, split.total.value)}, {size} ({limits(target, found.through)}) "
        f"{'comes' if size.endswith('point') else 'come'} through columns that were declared legitimate "
        f"({listing(found.columns)}), and {amount(target, found.rest.value)} ({limits(target, found.rest)}) through "
        f"others{left}."
    )


def p_of_rest(seen: GapSums, split: Split) -> float:
    """p of H0: nothing comes through other columns; 0 where the sentence does not say that something surely does."""
    found = explained(seen, split) if split.gap_is_sure else None
    if found is None or not found.rest.excludes_zero or found.rest_p > bearable(split):
        return 0.0
    return found.rest_p


def unread(seen: GapSums) -> list[str]:
    """A note on declared columns that the model does not read, of which the split can say nothing."""
    read = {part for name in seen.facts["features"] for part in (name, *name.split(" + "))}
    missing = [c for c in seen.facts.get(CONTROLS, ()) if c not in read]
    if not missing:
        return []
    return [f"declared legitimate, and not read by the model, so that no part comes through: {listing(missing)}"]
