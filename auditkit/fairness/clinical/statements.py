"""Findings whose sign says which side is better off, in one sentence: too low or too high, more or less benefit."""

from __future__ import annotations

from typing import Protocol

from auditkit.catalogue import sentences
from auditkit.catalogue.metric import Metric
from auditkit.catalogue.sentences import is_established
from auditkit.fairness.families.statements import Named, value_text
from auditkit.formatting import interval_in, lower_first, points
from auditkit.records import Comparison, Estimate
from auditkit.stats.pvalues import Compared, FamilyInterval


class Signed(Protocol):
    """What is read of a family."""

    @property
    def by(self) -> tuple[str, ...]: ...
    @property
    def entry(self) -> Metric: ...
    def named(self, c: Compared) -> Named: ...


def of_sign(family: Signed, kind: Comparison, e: Estimate, found: FamilyInterval | None) -> str:
    """A value, an extreme or a gap of a metric whose sign its wording names; no sign where it may be chance."""
    m, by = family.entry, family.by
    if e.value is None:
        return f"{m.title}: {sentences.incomparable(by, e.note) if by else f'undefined; {e.note}.'}"
    if e.state == "unstable":
        return sentences.unstable(m.title, by or ("everybody",), _size(m, e.value), e.note)
    if kind == "difference":
        assert found is not None, "a gap is of two groups"
        if not is_established(kind, e):
            unseen = None if e.unseen is None else _size(m, e.unseen)
            return sentences.no_gap(m.title, by, _bounds(m, e), unseen=unseen)
        sure = family.named(found.sure)
        (low, high), (x, y) = sure.groups, (_signed(m, value) for value in sure.values)
        told = m.wording.two.format(low=low, high=high, x=x, y=y)
        return f"{told}. The gap is {_size(m, sure.estimate.value or 0.0)} ({_bounds(m, sure.estimate)})."
    none = f"{sentences.none_established('difference').capitalize()}: " if _may_be_chance(e) else ""
    if found is None:
        one = f"{m.wording.one.format(x=_signed(m, e.value))} ({_bounds(m, e)}, {m.wording.interval})"
        return f"{none}{lower_first(one) if none else one}."
    far, sure = family.named(found.far), family.named(found.sure)
    which, groups = "lowest" if kind == "group_min" else "highest", sentences.groups_of(by)
    one = f"{_of_group(m, far, f', the {which} value of the {groups}')}, {m.wording.interval})."
    told = f"{none}{lower_first(one) if none else one}"
    return told if sure.groups == far.groups else f"{told} Surest: {lower_first(_of_group(m, sure))})."


def _of_group(m: Metric, named: Named, which: str = "") -> str:
    one = m.wording.one.format(x=_signed(m, named.values[0]))
    return f"{one} for {named.groups[0]}{which} ({_bounds(m, named.estimate)}"


def _may_be_chance(e: Estimate) -> bool:
    return e.low is not None and e.high is not None and e.low <= 0 <= e.high


def _signed(m: Metric, x: float) -> str:
    return f"{_size(m, abs(x))} {m.wording.above if x > 0 else m.wording.below}"


def _size(m: Metric, x: float) -> str:
    return value_text(m, x) if m.decimals is not None else f"{points(x)} points"


def _bounds(m: Metric, e: Estimate) -> str:
    if m.decimals is not None:
        return interval_in(e, lambda x: value_text(m, x))
    return f"{interval_in(e, points)} points"
