"""What the reader sees instead of data values and metric names: one place for every format.

Numbers are written by `auditkit.formatting`; here are the words around them. A group's name
reaches a reader only through `Vocabulary`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import TypeVar

from auditkit.catalogue.gaps import TARGETS
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.measured import KIND as MEASURED
from auditkit.catalogue.sentences import group_words
from auditkit.formatting import NOTHING, beside, decimals, ends, percent, printable, unit_for
from auditkit.formatting import listed as listed
from auditkit.formatting import upper_first as upper_first
from auditkit.records import Comparison, Estimate, Finding, Report, Status, Words
from auditkit.report.rows import PEOPLE, noun_of, of_rows

STATUS: dict[Status, str] = {
    "fail": "Failed",
    "inconclusive": "Undecided",
    "pass": "Passed",
    "not_measured": "Not measured",
}
"""Verdicts in words, the worst first."""

MISSING = "(missing)"
"""The group of rows without a value."""

LONGEST = 160
"""Characters of a name that are shown; report.json has them all."""

_T = TypeVar("_T")
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class Vocabulary:
    """The words of one report: display words where the configuration gives them, else the data's own labels, quoted.

    >>> say = Vocabulary(Words(groups={"gender": {"Female": "women"}}))
    >>> say.people({"gender": "Female"}), say.people({"race": "White"})
    ('women', 'people whose race is “White”')
    >>> say.label({"gender": "Female", "race": "White"}), say.label({"race": "White"})
    ('White women', 'White')
    """

    def __init__(
        self, words: Words, *, y_true: str = "", positive: str = "", unit: str = PEOPLE, have: str = ""
    ) -> None:
        self._words = words
        self._y_true = y_true
        self._positive = positive
        self._have = have
        self.unit = unit
        """What rows are, as a plural noun."""

    @classmethod
    def of(cls, report: Report) -> Vocabulary:
        """The words of a report."""
        data = report.provenance.data
        return cls(
            report.words, y_true=data.y_true, positive=data.positive, unit=shown(noun_of(report)), have=data.kind.have
        )

    def of_rows(self, text: str) -> str:
        """A sentence of ours about people, as one about what the rows are; names of the data stay out of it.

        >>> Vocabulary(Words(), unit="images").of_rows("Selected, of everybody; nobody of ten people who count.")
        'Selected, of all images; no images of ten images that count.'
        """
        return of_rows(text, self.unit)

    def label(self, group: Mapping[str, str]) -> str:
        """A group beside a mark or in a table; the attribute is said where its value says nothing alone."""
        own = [a for a, v in group.items() if not self._noun(a, v)]
        text = self.mention(group)
        return text if own else upper_first(text)  # names of the data stay as they are

    def mention(self, group: Mapping[str, str]) -> str:
        """`label` where it does not begin a line: a display word keeps its small letter."""
        nouns = [noun for a, v in group.items() if (noun := self._noun(a, v))]
        own = [_own(v, a) for a, v in group.items() if not self._noun(a, v)]
        between = " & " if any(" " in noun for noun in nouns) else " "  # "White women", but "White & men under 25"
        return between.join(part for part in (" & ".join(own), " & ".join(nouns)) if part) or self.everybody

    def people(self, group: Mapping[str, str]) -> str:
        """A group in a sentence, as a plural noun."""
        if not group:
            return self.unit
        nouns = [noun for a, v in group.items() if (noun := self._noun(a, v))]
        rest = [_whose(a, v) for a, v in group.items() if not self._noun(a, v)]
        of_people = self.unit == PEOPLE or any(noun.split()[0] == PEOPLE for noun in nouns)
        who = "who" if of_people else "that"
        first, *others = nouns or [self.unit]
        head = f" {who} are also ".join([first, *(n.removeprefix(f"{PEOPLE} who are ") for n in others)])
        return head if not rest else f"{head} whose {' and '.join(rest)}"

    def between(self, groups: Sequence[Mapping[str, str]]) -> str:
        """Several groups in a sentence, an attribute that they share named once.

        >>> say = Vocabulary(Words(groups={"sex": {"f": "women", "m": "men"}}))
        >>> say.between([{"sex": "f"}, {"sex": "m"}]), say.between([{"race": "a"}, {"race": "b"}])
        ('women and men', 'race “a” and “b”')
        """
        attributes = {tuple(g) for g in groups}
        named = any(self._noun(a, v) for g in groups for a, v in g.items())
        if len(attributes) == 1 and len(only := attributes.pop()) == 1 and not named:
            (attribute,) = only
            values = ["missing" if g[attribute] == MISSING else f"“{shown(g[attribute])}”" for g in groups]
            return f"{shown(attribute)} {listed(values)}"
        return listed([self.people(g) for g in groups])

    def _noun(self, attribute: str, value: str) -> str:
        return shown(self._words.groups.get(attribute, {}).get(value, ""), empty="")

    @property
    def everybody(self) -> str:
        """All rows together."""
        return self.of_rows("everybody")

    def yes(self) -> str:
        """What a true positive does: "earn more than $50K"."""
        if self._words.positive:
            return shown(self._words.positive)
        if self._have:
            return self._have
        if self._y_true and self._positive:
            return f"have {shown(self._y_true)} “{shown(self._positive)}”"
        return "are truly positive"

    def no(self) -> str:
        """What a true negative does: "do not earn more than $50K"."""
        yes = self.yes()
        return f"are not {yes.removeprefix('are ')}" if yes.startswith("are ") else f"do not {yes}"

    def really(self) -> str:
        """`yes` with emphasis on the truth, where that can be said."""
        yes = self.yes()
        return f"are really {yes.removeprefix('are ')}" if yes.startswith("are ") else f"really {yes}"

    def phrase(self, metric: str) -> str:
        """A metric in plain words: "found, of those who earn more than $50K"."""
        known = METRICS.get(metric)
        if known is None:
            return _as_it_is(metric)
        if known.wording.phrase:
            return self._filled(known.wording.phrase)
        if known.kind == "score":
            return self.of_rows(known.plain)
        if known.kind in ("error", MEASURED):
            return shown(self.of_rows(known.plain))
        return self.of_rows(f"{known.plain}, of {known.denominator_words}")

    def short(self, metric: str) -> str:
        """A metric in one or two plain words: "found"."""
        known = METRICS.get(metric)
        return self._filled(known.wording.short or known.plain) if known else _as_it_is(metric)

    def frequencies(
        self, metric: str, groups: Sequence[tuple[Mapping[str, str], float]], sizes: Sequence[int] = ()
    ) -> str:
        """The rates of one or two groups as a sentence that needs no percentage; `sizes` of few people: see `OfClass`.

        >>> say = Vocabulary(Words(groups={"gender": {"Female": "women", "Male": "men"}}))
        >>> say.frequencies("selection_rate", [({"gender": "Female"}, 0.073), ({"gender": "Male"}, 0.253)])
        'The model selects 7 of every 100 women and 25 of every 100 men.'
        """
        base = base_of([value for _, value in groups])
        them = " and ".join(f"{round(base * v):,} of every {base:,} {self.people(g)}" for g, v in groups)
        known = METRICS.get(metric)
        if known is None or not known.wording.frequencies:
            return f"{upper_first(self.phrase(metric))}: {them}."
        return self._filled(known.wording.frequencies, them=them)

    def clause(self, metric: str, low: Mapping[str, str], high: Mapping[str, str]) -> str:
        """That one group has a lower rate than another, as a clause: "women are selected less often than men"."""
        a, b = self.people(low), self.people(high)
        known = METRICS.get(metric)
        if known is None or not known.wording.less_often:
            return f"{self.phrase(metric)}: {a} less often than {b}"
        return self._filled(known.wording.less_often, low=a, high=b)

    def in_clause(self, metric: str, low: _T, high: _T) -> tuple[_T, _T]:
        """What belongs to the lower and to the higher group, in the order in which `clause` names them.

        >>> say = Vocabulary(Words())
        >>> say.in_clause("selection_rate", 0.1, 0.3), say.in_clause("false_positive_rate", 0.1, 0.3)
        ((0.1, 0.3), (0.3, 0.1))
        """
        known = METRICS.get(metric)
        words = known.wording.less_often if known is not None else ""
        return (high, low) if "{high}" in words.partition("{low}")[0] else (low, high)

    def gap(self, target: str) -> str:
        """What a gap that is taken apart is a gap of: "in who is selected"."""
        known = TARGETS.get(target)
        if known is not None and known.plain:
            return self._filled(known.plain)
        metric = METRICS.get(target)
        return f"in {(metric.title if metric else _as_it_is(target)).lower()}"

    def _filled(self, words: str, **parts: str) -> str:
        return self.of_rows(words).format(yes=self.yes(), no=self.no(), **parts)


def _as_it_is(metric: str) -> str:
    return shown(metric).replace("_", " ")


def _own(value: str, attribute: str) -> str:
    return f"{shown(attribute)} missing" if value == MISSING else group_words([shown(attribute)], [shown(value)])


def _whose(attribute: str, value: str) -> str:
    return f"{shown(attribute)} is missing" if value == MISSING else f"{shown(attribute)} is “{shown(value)}”"


def shown(text: str, *, empty: str = "(empty)", longest: int = LONGEST) -> str:
    """A name from the data, or a sentence with names, made fit for a page: visible, bounded, turning nothing round.

    `longest` bounds it: sentences are longer than names.

    >>> shown(""), shown("a\\x00b"), shown("x" * 999)[-3:]
    ('(empty)', 'a�b', 'xx…')
    """
    if not text.strip():
        return empty
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in _JOINERS else "\N{REPLACEMENT CHARACTER}" for c in text)
    text = text if len(text) <= longest else f"{text[: longest - 1]}…"
    if not text.isascii() and any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in text):
        return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"
    return text


def plain(text: str) -> str:
    """A text with names for what neither a page nor a person draws: one line that no runner obeys, without the isolates
    that `shown` sets around names that are written from right to left.

    >>> plain(f"a {shown('א')}\\n::error::")
    'a א�: :error: :'
    """
    return printable(text.translate(_ISOLATES))


_ISOLATES = {ord("\N{FIRST STRONG ISOLATE}"): None, ord("\N{POP DIRECTIONAL ISOLATE}"): None}


def brief(text: str, longest: int = 240) -> str:
    """The first sentences of a statement that fit, at least one.

    >>> brief("It is 0.5. They differ. " + "x" * 300)
    'It is 0.5. They differ.'
    """
    ends = [i + 1 for i in range(len(text)) if text[i] in ".!?" and text[i + 1 : i + 2] in (" ", "")]
    kept = [end for end in ends if end <= longest] or ends[:1]
    return text[: kept[-1]] if kept else text


def number(n: int) -> str:
    """A count in a sentence: words up to twelve.

    >>> number(3), number(14654)
    ('three', '14,654')
    """
    return _SMALL[n] if 0 <= n < len(_SMALL) else f"{n:,}"


def several(n: int, noun: str) -> str:
    """A count with its noun.

    >>> several(1, "rule"), several(0, "rule")
    ('one rule', 'no rules')
    """
    return f"{number(n)} {noun}{'' if n == 1 else 's'}"


def series_name(name: str) -> str:
    """Whom one line, or one chart, of an exhibit is about."""
    return "Everybody" if name in ("overall", "everybody") else shown(name)


def by_words(by: Sequence[str]) -> str:
    """The attributes of a finding.

    >>> by_words(["gender", "race"])
    'gender and race crossed'
    """
    return listed([shown(a) for a in by]) + (" crossed" if len(by) > 1 else "") if by else "everybody"


def whole_percent(x: float | None) -> str:
    """A rate in a label, without a decimal where it is a hundredth or more.

    >>> whole_percent(0.0725), whole_percent(0.0004)
    ('7%', '0.040%')
    """
    if x is None or 0 < x < 0.01:
        return percent(x)
    return f"{decimals(100 * x, 0)}%"


def base_of(rates: Sequence[float]) -> int:
    """Of how many people to speak so that rates differ and none becomes nobody: 100 to 1,000,000.

    >>> base_of([0.07, 0.25]), base_of([0.002, 0.004])
    (100, 1000)
    """
    for base in (100, 1_000, 10_000, 100_000):
        counts = [round(base * r) for r in rates]
        told_apart = len(set(counts)) == len(set(rates))
        if (told_apart or base >= 10_000) and all(c > 0 or r == 0 for c, r in zip(counts, rates, strict=True)):
            return base
    return 1_000_000


def name_of(metric: str) -> str:
    """The formal name of a metric."""
    known = METRICS.get(metric)
    return known.title if known else upper_first(shown(metric).replace("_", " "))


def unit_of(f: Finding, comparison: Comparison | None = None) -> str:
    """How a finding's values are written, or those of another comparison of it: as `in_unit` names units."""
    of, comparison = kind_of(f.metric, f.unit), comparison or f.comparison
    if comparison.startswith("ratio"):
        return "ratio"
    return "" if of == "number" else unit_for(comparison, of)


def range_in(e: Estimate | None, unit: str, limit: float | None = None) -> str:
    """An interval beside a mark, and that it is unstable; the sign of percent stands with the value. `limit`: that it
    is held against, on whose sides its ends stay (`formatting.beside`).

    >>> range_in(Estimate(value=0.138, low=-0.093, high=0.183), "points")
    '−9.3 to 18.3'
    """
    if e is None or e.value is None or (e.low is None and e.high is None):
        return "unstable" if e is not None and e.state == "unstable" else ""
    if e.state == "unstable":
        return f"{range_in(e.model_copy(update={'state': 'ok'}), unit, limit)}, unstable"
    low, high = (beside(x, unit, limit, named=False) for x in ends(e))
    if e.low is None or e.high is None:
        return f"at most {high}" if e.low is None else f"at least {low}"
    return f"{low} to {high}" if min(e.low, e.high) < 0 else f"{low}–{high}"


UNSTABLE = (
    "Unstable (a ring): a few large values carry the mean, and no interval is to be relied on; it is shown, nothing is "
    "said of it, and it decides no rule."
)
"""What the state means, wherever one is drawn."""


def kind_of(metric: str, unit: str = "") -> str:
    """How a metric is written, whatever is compared: in the unit that its finding gives, or as the catalogue says.

    >>> kind_of("accuracy"), kind_of("calibration_slope"), kind_of("waste"), kind_of("waste", "kg")
    ('share', 'number', 'measure', 'kg')
    """
    known = METRICS.get(metric)
    return unit or ("measure" if known is None else known.unit)


def measured_in(report: Report, metric: str, unit: str = "") -> str:
    """How a metric is written in a report: an error of predicted numbers in the unit that its owner names."""
    own, known = report.words.target_unit, METRICS.get(metric)
    if own and not unit and known is not None and known.kind == "error" and report.provenance.data.kind.numeric:
        return shown(own)
    return kind_of(metric, unit)


def value_text(e: Estimate | None, comparison: Comparison, of: str = "share", limit: float | None = None) -> str:
    """The value beside a mark; `limit` as in `range_in`.

    >>> value_text(Estimate(value=0.138), "difference")
    '13.8'
    """
    return NOTHING if e is None else beside(e, unit_for(comparison, of), limit, named=of != "percent")
