"""What a split gap says, in sentences. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from auditkit.catalogue.gaps import FORMS, GapTarget
from auditkit.catalogue.sentences import as_one_words, groups_of, none_established, not_causes, too_small, unstable
from auditkit.explain.all_rows import doubt
from auditkit.explain.gaps.splits import Split, of_all, read
from auditkit.explain.gaps.sums import REST, GapSums
from auditkit.formatting import interval_in, listed, percent, plain, points, upper_first
from auditkit.records import Estimate

NAMED = 3
"""Parts named in a sentence."""
DISAGREE = 0.1
"""Part of the gap by which the two forms may differ before that is a warning."""
MISSED = 0.01
"""Part of Σ abs(φ) by which a sum may miss the gap."""
MANY = 100
"""Tests of a report among which one of its sentences is asserted whatever the others are, unless they are more."""


def amount(target: GapTarget, x: float | None) -> str:
    """A contribution in words: "14.0 points"."""
    return plain(x) if target.unit == "" else f"{points(x)} point{'' if points(x) in ('1.0', '−1.0') else 's'}"


def limits(target: GapTarget, e: Estimate) -> str:
    """The interval of a contribution in words."""
    return interval_in(e, plain if target.unit == "" else points)


def gap_words(split: Split) -> str:
    return f"in {split.target.words} between {split.high_words} and {split.low_words}"


def statement(split: Split, none: str = "", asked: str = "") -> str:
    """What makes the gap, in one or two sentences; `none` says that there is none, where none is established.

    `asked` says what the parts were asked of, where another question has other parts.
    """
    target, total = split.target, split.total
    if split.missed > MISSED:
        return (
            f"This explanation does not hold: its parts miss the gap {gap_words(split)} by {percent(split.missed)} of "
            f"their size (at most {percent(MISSED)} allowed)."
        )
    adds, takes = named(split)
    if not split.gap_is_sure:
        if not cancelling(split):
            return f"{none}."
        parts = f"{_some(split, adds)}; {_some(split, takes, off=True)}"
        return f"{none}. It hides causes that cancel each other: {parts}: {not_causes()}."
    of_gap = f"Of the gap of {amount(target, total.value)} {gap_words(split)}"
    if split.contradicts or not adds:
        few = f"too few sampled rows to split it: {not_causes()}." if split.is_part else f"{not_causes()}."
        return f"{of_gap}, no single part is established: {few}"
    first = split.parts[adds[0]]
    size = amount(target, first.value)
    leading = f"{size} ({limits(target, first)}) {'comes' if size.endswith('point') else 'come'} through "
    more = [f"{amount(target, split.parts[k].value)} through {split.names[k]}" for k in adds[1:NAMED]]
    against = f"; {_some(split, takes, off=True)}" if takes else ""
    hides = ", so that it hides larger causes that cancel" if takes and cancelling(split) else ""
    return f"{of_gap}{asked}, {listed([leading + split.names[adds[0]], *more])}{against}{hides}: {not_causes()}."


def no_gap(split: Split, by: Sequence[str], largest: Estimate | None) -> str:
    """That no gap is established, with what could have been seen; of the sample where all rows are not known."""
    target, unit = split.target, " points" if split.target.unit else ""
    head = f"{upper_first(none_established('gap', f'in {target.words} between {groups_of(by)}'))}"
    if largest is None:
        e = split.total
        sizes = [abs(x) for x in (e.low, e.high) if x is not None]
        seen = amount(target, max(sizes)) if sizes else None
        return f"{head} in the sample ({limits(target, e)}{unit}{too_small(seen)})"
    if largest.state == "unstable":
        return unstable(upper_first(target.words), by, f"a gap of {amount(target, largest.value)}", largest.note)[:-1]
    return f"{head} ({doubt(largest, points if unit else plain, unit)})"


def p_of(split: Split) -> float | None:
    """p of H0: something of what the statement says is not there. Where it names parts of a gap, the gap and each of
    them must be there, and of causes that cancel each of them; else it speaks of the gap alone."""
    if split.p is None:
        return None
    adds, takes = named(split)
    parts = [float(split.part_p[k]) for k in (*adds[:NAMED], *takes[:NAMED])]
    return max(parts) if parts and not split.gap_is_sure else max([split.p, *parts])


def bearable(split: Split) -> float:
    """The p up to which a statement may say more than its first part: no more than it has already, and no more than
    would be asserted among `MANY` tests, or as many gaps as were split beside each other.

    What is said beside the first part has its p in that of the statement (`p_of`): a report asserts a sentence as a
    whole. Without a limit, a second part that is hardly there would keep the first, which surely is, from being
    asserted; and without its p in that of the statement, of so many sentences each would err by itself.
    """
    first = _first(split)
    own = [float(split.part_p[k]) for side in first for k in side]
    own += [split.p] if split.gap_is_sure and split.p is not None else []
    return max([*own, (1 - split.total.level) / max(split.gaps, MANY)])


def named(split: Split) -> tuple[list[int], list[int]]:
    """Parts that the statement names: those that add to the gap, and those that take from it, the largest first."""
    first, most = _first(split), bearable(split)
    if not any(first):
        return [], []
    adds, takes = ([k for k in side if k in own or split.part_p[k] <= most]
                   for side, own in zip(sides(split), first, strict=True))  # fmt: skip
    return adds, takes


def _first(split: Split) -> tuple[list[int], list[int]]:
    """Parts without which there is no statement: the first that adds, and of causes that cancel the first of each."""
    adds, takes = sides(split)
    if split.gap_is_sure:
        return ([] if split.contradicts else adds[:1]), []
    return (adds[:1], takes[:1]) if cancelling(split) else ([], [])


def cancelling(split: Split) -> bool:
    """Whether a gap hides causes that surely work against each other, to either side one that is larger than it."""
    largest = [abs(float(split.values[k])) for side in sides(split) for k in side[:1]]
    return len(largest) == 2 and min(largest) > abs(split.total.value or 0.0)


def sides(split: Split) -> tuple[list[int], list[int]]:
    """Parts that surely add to the gap, and that surely take from it, the largest first; none that is written as 0."""
    order = np.argsort(-np.abs(split.values), kind="stable")
    nothing = amount(split.target, 0.0)
    sure = [int(k) for k in order if split.sure[k] and amount(split.target, abs(float(split.values[k]))) != nothing]
    sign = 1 if (split.total.value or 0.0) >= 0 else -1
    return [k for k in sure if sign * split.values[k] > 0], [k for k in sure if sign * split.values[k] < 0]


def _some(split: Split, which: Sequence[int], *, off: bool = False) -> str:
    def told(k: int) -> str:
        return f"{split.names[k]} {'takes' if off else 'adds'} {amount(split.target, abs(float(split.values[k])))}"

    return listed([told(k) for k in which[:NAMED]]) + (" off" if off else "")


def share_statement(split: Split, features: Sequence[str], share: Estimate) -> str:
    what = listed(list(features))
    if share.value is None:
        return f"No share of the gap {gap_words(split)} can be given for {what}: {share.note}."
    sure = "" if share.low is None else f" ({interval_in(share, percent)})"
    return (
        f"Of the gap of {amount(split.target, split.total.value)} {gap_words(split)}, {percent(share)} "
        f"{'comes' if len(features) == 1 else 'come'} through {what}{sure}: {not_causes()}."
    )


def notes(seen: GapSums, split: Split, features: Sequence[str], level: float) -> tuple[str, ...]:
    c, units, target = split.contrast, split.units, split.target
    facts = seen.facts
    told = [
        f"{FORMS[c.form]}; {units.n:,} rows of the smaller group are the units ({units.effective_n:,.0f} effective)",
    ]
    told += as_one_words(facts.get("as_one", ()), facts.get("jointly", ()))
    told += of_one_class(facts)
    whole = of_all(seen, split)
    if whole is not None:
        told.append(
            f"the gap is {amount(target, whole)} over all rows, and {amount(target, split.sampled.value)} in the "
            f"sample ({limits(target, split.sampled)}): parts are moved by their regression on it"
        )
    if c.form == "shapley":
        told.append(
            f"{facts['permutations']} orders of the features a pair, {facts['shuffles']} pairings, whose chance is in "
            f"the intervals; between pairings a part varies by up to {amount(target, float(units.spread[:-1].max()))}"
        )
    told += _agreement(seen, split, level)
    if len({c.high for c in seen.units if c.by == split.contrast.by and c.low == REST}) > 2:
        told.append("of all pairs the one whose gap is surest; its interval and its p are those of one of all pairs")
    if not split.gap_is_sure and split.size:
        k = split.names.index(features[0])
        part = abs(float(split.values[k])) / split.size
        told.append(f"no shares of a gap that may be 0; {features[0]} is {percent(part)} of the parts' sizes, Σ|φ|")
    if c.by in seen.outside and seen.outside[c.by][1]:
        off, of = seen.outside[c.by]
        told.append(
            f"{percent(off / of)} of {of:,} mixed points lie off the data: farther from every sampled row than 99% of "
            "the sampled rows are from their nearest"
        )
    if target.of == "loss":
        told.append("log loss of scores kept 1e-7 away from 0 and 1")
    told += [text for by, of, text in seen.notes if by in ("", c.by) and of in ("", c.of)]
    told.append("a column that only correlates with the group and interacts with others may get a part")
    return tuple(told)


def of_one_class(facts: Mapping[str, Any]) -> list[str]:
    """Which class of several it is about, and who chose it."""
    label, classes = facts.get("label"), facts.get("of_classes")
    if label is None:
        return []
    told = [f"of the probability of {label}, one class against all others"]
    if classes:
        told.append(
            f"of {classes} classes the one whose mean probability differs most surely between groups; intervals and p "
            "are those of the worst of as many; label= names another"
        )
    return told


def second_opinion(seen: GapSums, split: Split, level: float) -> Split | None:
    """The same gap by Integrated Gradients, where Shapley values come first and both were computed."""
    contrast = split.contrast._replace(form="integrated_gradients")
    if contrast not in seen.units or split.contrast.form != "shapley":
        return None
    return read(seen, contrast, level)


def furthest(seen: GapSums, split: Split, level: float) -> tuple[str, float] | None:
    """The part that Integrated Gradients put farthest from its Shapley value, and by how much of the gap.

    None where only one of them was computed, or the other does not add up. Of a gap that may be 0: of the parts' sizes.
    """
    path = second_opinion(seen, split, level)
    if path is None or path.missed > MISSED:
        return None
    at = dict(zip(path.names, path.values, strict=True))
    differences = [abs(at[name] - v) for name, v in zip(split.names, split.values, strict=True) if name in at]
    k = int(np.argmax(differences))
    scale = abs(split.total.value or 0.0) if split.gap_is_sure else split.size
    return split.names[k], float(differences[k] / scale) if scale else 0.0


def _agreement(seen: GapSums, split: Split, level: float) -> list[str]:
    """What Integrated Gradients say of the same gap, where both were computed."""
    path = second_opinion(seen, split, level)
    if path is None:
        return []
    if path.missed > MISSED:
        return [f"Integrated Gradients fail here: their sum misses the gap by {percent(path.missed)} of its parts"]
    found = furthest(seen, split, level)
    assert found is not None  # both were computed, and the other adds up
    name, part = found
    whole = "the gap" if split.gap_is_sure else "the parts' sizes"
    told = f"Integrated Gradients differ most on {name}, by {percent(part)} of {whole}"
    return [f"warning: the two ways to split disagree: {told}" if part > DISAGREE else told]
