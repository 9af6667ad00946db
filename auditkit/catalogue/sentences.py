"""What sentences about gaps share, written once: that none is established, and what one does not mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditkit.records import Comparison, Estimate


def is_established(comparison: Comparison, e: Estimate) -> bool:
    """True if the interval excludes "no disparity", and can be relied on: only then a sentence names one."""
    if e.state == "unstable":
        return False
    if comparison.startswith("ratio"):
        return e.high is not None and e.high < 1
    return e.low is not None and e.low > 0


def groups_of(by: Sequence[str]) -> str:
    """The groups of some attributes.

    >>> groups_of(["race", "sex"])
    'groups of race and sex'
    """
    return f"groups of {' and '.join(by)}"


_ALONE = re.compile(r"[+−-]?\d+([.,]\d+)?|yes|no|true|false|(not )?mentioned", re.IGNORECASE)
"""Values that say nothing without the name of what they are a value of."""


def says_nothing_alone(value: str) -> bool:
    """Whether a group's label needs its attribute beside it to be understood.

    >>> says_nothing_alone("yes"), says_nothing_alone("0"), says_nothing_alone("women"), says_nothing_alone("[0, 65)")
    (True, True, False, False)
    """
    return _ALONE.fullmatch(value) is not None


def group_words(by: Iterable[str], values: Iterable[str]) -> str:
    """A group in a sentence or a table: its values, with the attribute before a value that says nothing alone.

    >>> group_words(["sex", "race"], ["f", "other"]), group_words(["disabled"], ["no"])
    ('f & other', 'disabled = no')
    >>> group_words(["tall", "sex"], ["1", "f"])
    'tall = 1 & f'
    """
    pairs = zip(by, values, strict=True)
    return " & ".join(f"{a} = {v}" if says_nothing_alone(v) else v for a, v in pairs)


def incomparable(by: Sequence[str], note: str, *, other: str = "") -> str:
    """That groups cannot be compared with each other, or with `other`: the end of a sentence.

    >>> incomparable(["sex"], "one group only", other="the rest")
    'groups of sex cannot be compared with the rest; one group only.'
    """
    return f"{groups_of(by)} cannot be compared{f' with {other}' if other else ''}; {note}."


def unstable(head: str, by: Sequence[str], size: str, note: str) -> str:
    """That the comparison of groups is shown, and that nothing is said of it.

    >>> unstable("Signed error", ["sex"], "a gap of 2.1", "a few large values carry the mean of f")
    'Signed error: groups of sex show a gap of 2.1, which is unstable and no finding: a few large values carry the \
mean of f.'
    """
    return f"{head}: {groups_of(by)} show {size}, which is unstable and no finding: {note}."


def none_established(what: str, where: str = "") -> str:
    """The clause that nothing is established.

    >>> none_established("gap", f"between {groups_of(['sex'])}")
    'no gap between groups of sex is established'
    """
    return f"no {what}{where and f' {where}'} is established"


def no_gap(head: str, by: Sequence[str], bounds: str, *, what: str = "gap", unseen: str | None = None) -> str:
    """That no gap between groups is established; `unseen` is the size below which one could have been missed.

    >>> no_gap("F1", ["sex"], "0.0 to 4.0", unseen="6.0 points")
    'F1: no gap between groups of sex is established (0.0 to 4.0; a gap below 6.0 points could have gone unseen).'
    """
    return f"{head}: {none_established(what, f'between {groups_of(by)}')} ({bounds}{too_small(unseen)})."


def too_small(size: str | None, what: str = "gap") -> str:
    """Below which size a gap could have been missed, at the end of a sentence; nothing where that is not known.

    >>> too_small("6.0 points"), too_small(None)
    ('; a gap below 6.0 points could have gone unseen', '')
    """
    return "" if size is None else f"; a {what} below {size} could have gone unseen"


def not_causes(of: str = "scores") -> str:
    """What no explanation of a net may be taken for.

    >>> not_causes()
    'how the model reaches its scores, not what causes the outcome'
    """
    return f"how the model reaches its {of}, not what causes the outcome"


def as_one_words(sets: Sequence[Sequence[str]], jointly: Sequence[Sequence[str]] = ()) -> list[str]:
    """Columns that are told as one, a note a set; those that no pairs bind, but several together, say so.

    >>> as_one_words([["x1", "x2"]])[0]
    'told as one, since nearly every mix of two rows in them lies off the data, so that a share of each means nothing: \
x1 and x2'
    >>> as_one_words([["a", "b", "sum"]], [["a", "b", "sum"]])[0]
    'told as one, since one of them follows from the others together: nearly every mix of two rows in them lies off \
the data, so that a share of each means nothing: a, b and sum'
    """
    off = "nearly every mix of two rows in them lies off the data, so that a share of each means nothing"
    why = {False: f"since {off}", True: f"since one of them follows from the others together: {off}"}
    known = [list(own) for own in jointly]
    return [
        f"told as one, {why[list(own) in known]}: {', '.join(own[:-1])} and {own[-1]}" for own in sets if len(own) > 1
    ]


CUT = "texts are cut"
"""What a note says of texts that the net does not read to their end; a page says it beside their words."""


def selective(most: str, least: str, size: str, speak: str = "error rates") -> str:
    """That truth is missing more often for some than for others; `speak`: what is of those with a truth.

    >>> selective("62.0% of f", "3.0% of m", "a gap of 59.0 points, 55.0 to 62.0")
    'Truth is missing for 62.0% of f and 3.0% of m (a gap of 59.0 points, 55.0 to 62.0): error rates speak of those \
with a truth alone.'
    """
    return f"Truth is missing for {most} and {least} ({size}): {speak} speak of those with a truth alone."
