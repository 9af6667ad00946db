"""What sentences about gaps share, written once: none is established, how large one is, what it does not mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditkit.records import Comparison, Estimate


def is_established(comparison: Comparison, e: Estimate) -> bool:
    """True if the interval excludes "no disparity": only then a sentence names one."""
    if comparison.startswith("ratio"):
        return e.high is not None and e.high < 1
    return e.low is not None and e.low > 0


def groups_of(by: Sequence[str]) -> str:
    """The groups of some attributes.

    >>> groups_of(["race", "sex"])
    'groups of race and sex'
    """
    return f"groups of {' and '.join(by)}"


def incomparable(by: Sequence[str], note: str, *, other: str = "") -> str:
    """That groups cannot be compared with each other, or with `other`: the end of a sentence.

    >>> incomparable(["sex"], "one group only", other="the rest")
    'groups of sex cannot be compared with the rest; one group only.'
    """
    return f"{groups_of(by)} cannot be compared{f' with {other}' if other else ''}; {note}."


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


def too_small(size: str | None) -> str:
    """Below which size a gap could have been missed, at the end of a sentence; nothing where that is not known.

    >>> too_small("6.0 points"), too_small(None)
    ('; a gap below 6.0 points could have gone unseen', '')
    """
    return "" if size is None else f"; a gap below {size} could have gone unseen"


def not_causes(of: str = "scores") -> str:
    """What no explanation of a net may be taken for.

    >>> not_causes()
    'how the model reaches its scores, not what causes the outcome'
    """
    return f"how the model reaches its {of}, not what causes the outcome"


def gap_of(size: str, what: str = "gap") -> str:
    """How large a gap is.

    >>> gap_of("4.0 points"), gap_of("0.29", "ratio")
    ('a gap of 4.0 points', 'a ratio of 0.29')
    """
    return f"a {what} of {size}"


def apart(head: str, low: str, high: str, size: str, bounds: str) -> str:
    """Two groups with their values, and how far apart they are.

    >>> apart("F1 score", "women 60.0%", "men 70.0%", gap_of("10.0 points"), "95% interval 2.0 to 18.0")
    'F1 score: women 60.0%, men 70.0%, a gap of 10.0 points (95% interval 2.0 to 18.0).'
    """
    return f"{head}: {low}, {high}, {size} ({bounds})."


def none_differs(head: str, by: Sequence[str], other: str, bounds: str = "") -> str:
    """That no group is shown to differ from `other`.

    >>> none_differs("F1 score", ["sex"], "the rest")
    'F1 score: no group of sex is shown to differ from the rest.'
    """
    return f"{head}: no group of {' and '.join(by)} is shown to differ from {other}{bounds and f' ({bounds})'}."


def farthest(head: str, group: str, at: str, other: str, size: str, bounds: str) -> str:
    """The group that differs most from `other`.

    >>> farthest("F1 score", "women", "60.0%", "the rest", "9.0 points", "95% interval 1.0 to 17.0")
    'F1 score: women, with 60.0%, is farthest from the rest, 9.0 points (95% interval 1.0 to 17.0).'
    """
    return f"{head}: {group}, with {at}, is farthest from {other}, {size} ({bounds})."
