"""What checks state, in the report's own words: for groups, and for what a row is."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from auditkit.catalogue.sentences import group_words, says_nothing_alone
from auditkit.records import Estimate, Finding, GroupEstimate, GroupEstimates, Pictures, Report
from auditkit.report.rows import PEOPLE
from auditkit.report.vocabulary import Vocabulary, shown, upper_first

Telling = Callable[[str], str]

_LETTER = re.compile(r"[^\W\d_]|^[\[(].*[\])]$")
"""What no quantity has: a letter, or the brackets of bins, as in "[0, 65)"."""
_BEFORE = r"(?:^|[:,;(] |\b(?:between|of|for|than|and|with|in) |& )"
_VERBS = "and|by|is|are|than|have|has|lies?|against|ranks?|outranks?|would|gets?|&"
_AFTER = rf"(?=$| −?\d[\d.]*%| \d| (?:{_VERBS}) |[;:)](?!\d)|[.,](?!\d))"
"""What stands before and after a label in a sentence, so that a number there is a label and no quantity."""


def retold(report: Report) -> Report:
    """A report whose sentences, titles and tables name groups, and rows, as its owner does; keys of groups stay.

    A label with a letter is replaced where it can mean one thing only: one display word over all attributes. A label
    that is a number is replaced in findings about its attribute, where a sentence has no place for a quantity.
    """
    say, outcome = Vocabulary.of(report), report.words.positive and report.provenance.data.kind.yes_no
    groups = {a: {v: n for v, n in values.items() if n.strip()} for a, values in report.words.groups.items()}
    if (
        not any(groups.values())
        and say.unit == PEOPLE
        and not outcome
        and all(part_of(f) == COLUMN for f in report.findings)
    ):
        return report
    words, rows, yes, no = _words(groups), _rows(report, say), say.yes(), say.no()

    @functools.cache  # findings share many of their notes
    def everywhere(text: str) -> str:
        if outcome:
            text = text.replace("are truly positive", yes).replace("are truly negative", no)
        return words(rows(text))

    return report.model_copy(
        update={
            "findings": tuple(_finding(f, _of(f, report, groups, _by_part(f, everywhere))) for f in report.findings),
            "verdicts": tuple(
                v.model_copy(update={"reason": everywhere(v.reason), "absence": everywhere(v.absence)})
                for v in report.verdicts
            ),
            "not_measured": tuple(
                n.model_copy(update={"what": everywhere(n.what), "why": everywhere(n.why)}) for n in report.not_measured
            ),
            "required": tuple(r.model_copy(update={"reason": everywhere(r.reason)}) for r in report.required),
        }
    )


COLUMN = "column"
_PARTS = re.compile(r"(region|token|time step) \d+")


def part_of(f: Finding) -> str:
    """What an explanation's rows are: a column of the data, a region of an image, a token of a text, a time step."""
    if any(isinstance(x, Pictures) for x in f.exhibits):
        return "region"
    shares = next((x for x in f.exhibits if isinstance(x, GroupEstimates)), None)
    if f.concern != "explanation" or shares is None:
        return COLUMN
    found = {m[1] if (m := _PARTS.fullmatch(label)) else COLUMN for label, _ in shares.rows}
    return found.pop() if len(found) == 1 else COLUMN


def _by_part(f: Finding, told: Telling) -> Telling:
    """Sentences about columns as sentences about what the rows of this explanation are."""
    part = part_of(f)
    if part == COLUMN:
        return told
    return lambda text: told(_COLUMN.sub(lambda m: part.capitalize() if m[0][0] == "C" else part, text))


_COLUMN = re.compile(r"\b[Cc]olumn(?=s?\b)")


def _words(groups: dict[str, dict[str, str]]) -> Telling:
    """Labels by the one word that they have; those that say nothing alone ("no"), with their attribute before them."""
    found: dict[str, set[str]] = {}
    for attribute, values in groups.items():
        for label, noun in values.items():
            if _LETTER.search(said := group_words([attribute], [label])):
                found.setdefault(said, set()).add(noun)
    words = {label: next(iter(n)) for label, n in found.items() if len(n) == 1}
    if not words:
        return lambda text: text
    pattern = re.compile(rf"(?<![\w“\"'-])({_either(words)})(?: rows)?(?![\w”\"'-])")
    return lambda text: pattern.sub(lambda m: words[m[1]], text)


def _rows(report: Report, say: Vocabulary) -> Telling:
    """What a row is, in place of people; names of the data that speak of people stay."""
    if say.unit == PEOPLE:
        return lambda text: text
    return _apart(say, [n for n in dict.fromkeys(_names(report)) if say.of_rows(n) != n])


def _apart(say: Vocabulary, names: Sequence[str]) -> Telling:
    """What a row is, but in these names."""
    if not names:
        return say.of_rows
    kept = re.compile(f"({_either(names)})")
    return lambda text: "".join(p if i % 2 else say.of_rows(p) for i, p in enumerate(kept.split(text)))


_OURS = {
    *("statement", "title", "notes", "note", "caveat", "reason", "absence", "what", "why", "method", "meaning"),
    *("unit", "unit_x", "unit_y", "law", "references", "beside", "evidence", "kind", "not_measured", "columns"),
}
"""Fields of a report that hold sentences and words of ours; all others may hold names."""


def _names(report: Report) -> Iterator[str]:
    """Everything in a report that somebody else may have named, as it is and at the beginning of a sentence."""
    waiting: list[Any] = [report.model_dump(mode="json", exclude={"evidence"})]
    while waiting:
        x = waiting.pop()
        if isinstance(x, dict):
            waiting += [k for k in x if isinstance(k, str)] + [v for k, v in x.items() if k not in _OURS]
        elif isinstance(x, list):
            waiting += x
        elif isinstance(x, str) and x.casefold() not in _SERIES:
            yield from (x, upper_first(x), shown(x))


_SERIES = {"everybody"}
"""Names of ours that stand where names of groups do."""

_OF_PEOPLE = ("requirements", "sign-off")
"""Sections that speak of people whatever the rows are: what laws ask, and who decides."""
_TAGS = re.compile(r"(<style.*?</style>|<script.*?</script>|<[^>]*>)", re.DOTALL)
_SPOKEN = re.compile(r'(\b(?:aria-label|alt|title)=)("[^"]*"|[^\s">]+)')


def page_of_rows(page: str, report: Report) -> str:
    """A page whose own words speak of what rows are, wherever they stand: between tags, and where a tag is spoken."""
    say = Vocabulary.of(report)
    if say.unit == PEOPLE:
        return page
    names = [html.escape(n) for n in dict.fromkeys(_names(report))]
    told = _apart(say, [n for n in names if say.of_rows(n) != n])
    parts, section = _TAGS.split(page), ""
    for i, part in enumerate(parts):
        if part.startswith("<section "):
            section = next((s for s in _OF_PEOPLE if f'id="{s}"' in part), "")
        if section:
            continue
        if i % 2 == 0:
            parts[i] = told(part)
        elif part[1:2] not in ("s", "!"):
            parts[i] = _SPOKEN.sub(lambda m: m[1] + _quoted(told(m[2])), part)
    return "".join(parts)


def _quoted(value: str) -> str:
    return value if value.startswith('"') or " " not in value else f'"{value}"'


def _of(f: Finding, report: Report, groups: dict[str, dict[str, str]], everywhere: Telling) -> Telling:
    """How a finding's own texts are told: its attributes' labels that are numbers, too."""
    classes = report.provenance.data.classes
    own = {v: n for a in f.by for v, n in groups.get(a, {}).items() if not _LETTER.search(v) and v not in classes}
    shared = [v for v in own if sum(v in groups.get(a, {}) for a in f.by) > 1]
    own = {v: n for v, n in own.items() if v not in shared}
    if not own:
        return everywhere
    named = "|".join(re.escape(a) for a in f.by)
    label = re.compile(rf"((?:{_BEFORE}|\b(?:{named})(?: =|:) ))({_either(own)}){_AFTER}")

    def instead(m: re.Match[str]) -> str:
        whole = m[1].endswith("= ") and says_nothing_alone(m[2])  # then the attribute is a part of the label
        return own[m[2]] if whole else m[1] + own[m[2]]

    def told(text: str) -> str:
        text = own.get(text, text)
        while (new := label.sub(instead, text)) != text:  # labels that share what is between them
            text = new
        return everywhere(text)

    return told


def _either(names: Any) -> str:
    return "|".join(re.escape(n) for n in sorted(names, key=len, reverse=True))


def _finding(f: Finding, told: Telling) -> Finding:
    return f.model_copy(
        update={
            "statement": told(f.statement),
            "caveat": told(f.caveat),
            "title": told(f.title),
            "notes": tuple(told(n) for n in f.notes),
            "estimate": _estimate(f.estimate, told),
            "by_group": tuple(_group(g, told) for g in f.by_group),
            "trust": tuple(
                t.model_copy(update={"name": told(t.name), "note": told(t.note), "meaning": told(t.meaning)})
                for t in f.trust
            ),
            "exhibits": tuple(
                x.model_copy(update={k: _text(k, getattr(x, k), told) for k in x.NAMED}) for x in f.exhibits
            ),
        }
    )


def _group(g: GroupEstimate, told: Telling) -> GroupEstimate:
    return g.model_copy(update={"estimate": _estimate(g.estimate, told)}) if g.estimate.note else g


def _estimate(e: Estimate, told: Telling) -> Estimate:
    return e.model_copy(update={"note": told(e.note)}) if e.note else e


def _text(field: str, value: Any, told: Telling) -> Any:
    """A text, several, or the columns or the rows of a table."""
    if isinstance(value, str):
        return told(value)
    if field == "columns":
        return tuple(_cell(v, told) for v in value)
    return tuple(told(v) if isinstance(v, str) else tuple(_cell(c, told) for c in v) for v in value)


def _cell(value: str | int | float | None, told: Telling) -> str | int | float | None:
    if not isinstance(value, str):
        return value
    new = told(value)
    return value if new == value else upper_first(new) if value[:1].isupper() else new
