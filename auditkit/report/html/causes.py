"""What makes a gap, in words: which columns surely lead, between whom, and when nothing can be said."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from auditkit.catalogue.sentences import none_established
from auditkit.records import Contribution, Contributions, Finding
from auditkit.report.html.figures import amount
from auditkit.report.html.lookup import Lookup
from auditkit.report.places import TRUTH
from auditkit.report.vocabulary import by_words, listed, shown, upper_first, whole_percent


def by_word(f: Finding) -> bool:
    """Whether a gap is split onto words of texts, which tells more than the column that holds them."""
    return f.metric == "word_gap"


_REGION = re.compile(r"(.+, )?region \d+")


def part(x: Contributions, *, words: bool = False) -> str:
    """What a part of a gap is, as a noun: "column"; "region" of pictures, "word" of texts."""
    pictures = bool(x.rows) and all(_REGION.fullmatch(r.label) for r in x.rows[:3])
    return "word" if words else "region" if pictures else "column"


def leaders(x: Contributions) -> tuple[Contribution, ...]:
    """The one or two columns that surely make most of a gap that is established; none where nothing can be said.

    Surely: each has an interval without 0, and lies beyond the intervals of all that follow.
    """
    total = x.total.value
    if not x.total.excludes_zero or total is None:
        return ()
    sign = 1 if total > 0 else -1
    ends = [sorted((sign * (r.estimate.low or 0.0), sign * (r.estimate.high or 0.0))) for r in x.rows]
    for most in (1, 2):
        first, rest = x.rows[:most], ends[most:]
        if len(first) < most or any(not r.estimate.excludes_zero or r.share is None for r in first):
            return ()
        lowest = min(low for low, _ in ends[:most])
        if lowest > max((high for _, high in rest), default=0.0) and (most == 2 or (first[0].share or 0.0) >= 0.5):
            return first
    first = x.rows[:1]  # the largest by its point value makes less than half, and no pair is surely ahead
    return first if first and ends[0][0] > max((high for _, high in ends[1:]), default=0.0) else ()


def target(f: Finding) -> str:
    """The metric whose gap is taken apart."""
    return f.of or f.metric


def what(look: Lookup, f: Finding) -> str:
    """What the gap is a gap of: "gap in scores"."""
    of = target(f)
    return "gap" if of == "gap_share" else f"gap {look.say_of(f.label).gap(of)}"


def gap_words(look: Lookup, f: Finding, x: Contributions) -> str:
    """The gap with its groups: "gap in scores between women and men".

    An attribute of two groups says it in the report's own words, any other in those of the exhibit, which names the
    two groups that drive the gap.
    """
    groups = [g.group for g in f.by_group] or [g.group for g in look.groups(TRUTH, f.by)]
    named = [g for g in groups if set(g) == set(f.by)]
    if len(named) == 2:
        return f"{what(look, f)} between {look.say.between(named)}"
    pair = listed([shown(name, longest=150) for name in x.between])
    return f"{what(look, f)} between {pair or f'groups of {by_words(f.by)}'}"


def cause(look: Lookup, f: Finding, x: Contributions) -> str | None:
    """What surely makes a gap: "sex makes up 69% of the gap in scores between women and men"; None: nothing."""
    led = () if f.alone else leaders(x)
    if not led:
        return None
    names = tuple(_bare(shown(r.label)) if by_word(f) else shown(r.label) for r in led)
    share = sum(r.share or 0.0 for r in led)
    gap, one = gap_words(look, f, x), len(led) == 1
    if share > 1:
        whole = abs(x.total.value or 0.0)
        sure = sum(min(abs(r.estimate.low or 0.0), abs(r.estimate.high or 0.0)) for r in led) > whole
        much = "more than the whole" if sure else "about the whole"
        return f"{listed(names)} alone would make {much} {gap}"
    return f"{listed(names)} {'makes' if one else 'make'} up {whole_percent(share)} of the {gap}"


def _bare(label: str) -> str:
    """What is no word stands in brackets among words, and without them in a sentence."""
    return label[1:-1] if label[:1] == "(" and label[-1:] == ")" else label


def cancelling(x: Contributions) -> tuple[Contribution, Contribution] | None:
    """Two sure parts of opposite sign, each larger than the gap between them."""
    size = abs(x.total.value or 0.0)
    ups, downs = (
        [r for r in x.rows if r.estimate.excludes_zero and s * (r.estimate.value or 0.0) > size] for s in (1, -1)
    )
    return (ups[0], downs[0]) if ups and downs else None


def title_of(look: Lookup, f: Finding, x: Contributions) -> str:
    """The finding in one line."""
    gap, head, hidden = gap_words(look, f, x), _without_cause(f, x), cancelling(x)
    if head is not None:
        return head(gap).replace("column", part(x, words=by_word(f)))
    if hidden is not None:
        sizes = listed([f"{shown(r.label)} ({amount(r.estimate.value, x.unit)})" for r in hidden])
        return f"A small {gap} hides larger parts that cancel: {sizes}"
    told = cause(look, f, x)
    return upper_first(told) if told else f"{upper_first(gap)}: nothing to take apart"


def _without_cause(f: Finding, x: Contributions) -> Callable[[str], str] | None:
    """How it is said of a gap that no column is known to make it; None where something else is to be said."""
    if x.total.value is None:
        return None
    if f.alone:
        return _chance
    if cancelling(x) is not None:
        return None
    if not x.total.excludes_zero:
        return _unsure
    return None if leaders(x) else _unled


def others(look: Lookup, pairs: Sequence[tuple[Finding, Contributions]]) -> tuple[str, ...]:
    """Further gaps, a line each; those of which nothing can be said share a line."""
    heads = [(_without_cause(f, x), f, x) for f, x in pairs]
    lines = [title_of(look, f, x) for head, f, x in heads if head is None]
    unled, unsure, chance = ([gap_words(look, f, x) for head, f, x in heads if head is said] for said in SAID)
    nouns = {part(x, words=by_word(f)) for _, f, x in heads}
    noun = nouns.pop() if len(nouns) == 1 else "part"
    for few, said in zip((unled, unsure, chance), SAID, strict=True):
        if len(few) == 1:
            lines.append(said(few[0]).replace("column", noun))
    for few, head in zip((unled, unsure, chance), SHARED, strict=True):
        if len(few) > 1:
            lines.append(f"{head.replace('column', noun)}: {_together(few)}")
    return tuple(lines)


def _together(gaps: Sequence[str]) -> str:
    """Several gaps in one list; the groups that all of them are between are named once.

    >>> _together(["gap in scores between women and men", "gap in errors between women and men"])
    'gaps between women and men, in scores; in errors'
    >>> _together(["gap in scores between a and b", "gap in errors between b and c"])
    'gap in scores between a and b; gap in errors between b and c'
    """
    whose = {g.partition(" between ")[2] for g in gaps}
    if len(whose) > 1 or not (groups := whose.pop()):
        return "; ".join(gaps)
    return f"gaps between {groups}, {'; '.join(g.partition(' between ')[0].removeprefix('gap ') for g in gaps)}"


def _unsure(gap: str) -> str:
    return f"{upper_first(none_established(gap))}, so no column is said to make one"


def _unled(gap: str) -> str:
    return f"No single column surely makes most of the {gap}"


def _chance(gap: str) -> str:
    return f"{upper_first(gap)}: among all tests of the report it, or what makes it, may be chance"


SHARED = (
    "No single column surely makes most of these",
    "Not established, so that no column is said to make them",
    "Among all tests of the report these, or what makes them, may be chance",
)
"""The same of several gaps."""
SAID = (_unled, _unsure, _chance)
