"""Which mark a group has, for the whole document: one pure function of the order of its attribute's groups.

Of two groups the first is a circle in blue, the second a square in slate. Of more, all are circles in ink, told apart
by their labels: so many colours would not be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from auditkit.records import Finding, GroupEstimates, Report
from auditkit.report.vocabulary import MISSING, shown

FIRST, SECOND, NEUTRAL = "a", "b", "n"
"""Tones of the style sheet: circle in blue, square in slate, circle in ink."""


class Identity:
    """The groups of every attribute in their order, and the mark of each.

    >>> Identity({"sex": ("Female", "Male")}).tone({"sex": "Male"})
    'b'
    >>> of = Identity({"race": ("a", "b", "c")})
    >>> of.tone({"race": "b"}), of.tone({"race": "(missing)"}), of.tone({"sex": "f", "race": "a"}), of.tone({})
    ('n', 'n', 'n', 'n')
    """

    def __init__(self, groups: Mapping[str, tuple[str, ...]]) -> None:
        self._groups = groups

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> Identity:
        """As findings name groups, the first of them first."""
        found: dict[str, dict[str, None]] = {}
        for f in findings:
            for group in _single(f):
                for attribute, value in group.items():
                    if value is not None and value != MISSING:
                        found.setdefault(attribute, {})[value] = None
        return cls({attribute: tuple(values) for attribute, values in found.items()})

    def groups(self, attribute: str) -> tuple[str, ...]:
        """The groups of an attribute, in their order; without those of rows that have no value."""
        return self._groups.get(attribute, ())

    def tone(self, group: Mapping[str, str]) -> str:
        """The mark of a group; neutral for everybody, for crossed groups, and for attributes of more than two."""
        if len(group) != 1:
            return NEUTRAL
        ((attribute, value),) = group.items()
        pair = self.groups(attribute)
        return (FIRST, SECOND)[pair.index(value)] if len(pair) == 2 and value in pair else NEUTRAL

    def named(self, by: tuple[str, ...], name: str) -> dict[str, str] | None:
        """The group that a line of an exhibit is about, by its name alone, values joined by ` & `; None for everybody,
        and for lines that are about no group.

        >>> Identity({"sex": ("f", "m"), "race": ("a", "b", "c")}).named(("sex", "race"), "f & b")
        {'sex': 'f', 'race': 'b'}
        """
        values = [name.removeprefix(f"{by[0]}: ")] if len(by) == 1 else name.split(" & ")
        if not by or len(values) != len(by):
            return None
        values = [v.removeprefix(f"{a} = ") if v not in self.groups(a) else v for a, v in zip(by, values, strict=True)]
        known = all(v in (*self.groups(a), MISSING) for a, v in zip(by, values, strict=True))
        return dict(zip(by, values, strict=True)) if known else None


def renamed(report: Report, known: Identity) -> str:
    """Which display word stands for which label: the one place of a page that has both; empty where none does."""
    told = [
        f"{shown(noun)}: {shown(attribute)} “{shown(label)}”"
        for attribute, words in report.words.groups.items()
        for label, noun in words.items()
        if noun.strip() and label in known.groups(attribute)
    ]
    if not told:
        return ""
    more = f"; and {len(told) - MOST} more, in the JSON report" if len(told) > MOST else ""
    return f"Groups in this report's words, and in the data's: {'; '.join(told[:MOST])}{more}."


MOST = 60
"""Words that are listed."""


def _single(f: Finding) -> Iterator[Mapping[str, str | None]]:
    """Groups of one attribute that a finding is about: its own, and those of its exhibits."""
    if len(f.by) == 1:
        yield from (g.group for g in f.by_group if tuple(g.group) == f.by)
    for x in f.exhibits:
        if isinstance(x, GroupEstimates):
            yield from (g for g in x.groups if len(g) == 1)
