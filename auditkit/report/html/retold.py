"""What checks state, in the report's own words: display words of groups, and what a section says once, said once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from auditkit.records import Contributions, Exhibit, Finding, Report, Table
from auditkit.report.vocabulary import upper_first

CAVEAT = "how the model reaches its scores, not what causes the outcome"

_SENTENCE = re.compile(r"(?<=\.) (?=[A-Z0-9])")


def retold(report: Report) -> Report:
    """A report whose sentences, titles and tables name groups as its owner does; keys of groups stay the data's own.

    A label is replaced where it can mean one thing only: it has a letter, and one display word over all attributes.
    """
    words = _unambiguous(report.words.groups)
    if not words:
        return report
    either = "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))
    label = re.compile(rf"(?<![\w“\"'-])({either})(?: rows)?(?![\w”\"'-])")

    def told(text: str) -> str:
        return label.sub(lambda m: words[m[1]], text)

    return report.model_copy(update={"findings": tuple(_finding(f, told) for f in report.findings)})


def _unambiguous(groups: dict[str, dict[str, str]]) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for values in groups.values():
        for label, noun in values.items():
            found.setdefault(label, set()).add(noun)
    return {
        label: next(iter(nouns))
        for label, nouns in found.items()
        if len(nouns) == 1 and re.search(r"[^\W\d_]", label) and next(iter(nouns))
    }


def _finding(f: Finding, told: Callable[[str], str]) -> Finding:
    return f.model_copy(
        update={
            "statement": told(f.statement),
            "title": told(f.title),
            "notes": tuple(told(n) for n in f.notes),
            "exhibits": tuple(_exhibit(x, told) for x in f.exhibits),
        }
    )


def _exhibit(x: Exhibit, told: Callable[[str], str]) -> Exhibit:
    if isinstance(x, Contributions):
        return x.model_copy(update={"title": told(x.title), "beside": told(x.beside)})
    if isinstance(x, Table):
        rows = tuple(tuple(_cell(c, told) for c in row) for row in x.rows)
        return x.model_copy(update={"title": told(x.title), "rows": rows})
    return x


def _cell(value: str | int | float | None, told: Callable[[str], str]) -> str | int | float | None:
    if not isinstance(value, str):
        return value
    new = told(value)
    return value if new == value else upper_first(new)


def without_caveat(text: str) -> str:
    """A statement without what section 9 says once, above its figures.

    >>> without_caveat(f"It closes the gap: {CAVEAT}.")
    'It closes the gap.'
    """
    return text.replace(f": {CAVEAT}", "").replace(f" This is {CAVEAT}.", "")


def once(statements: Sequence[str]) -> str:
    """Statements one after the other, each of their sentences once.

    >>> once(["Half of all. It is no promise.", "A third of men. It is no promise."])
    'Half of all. It is no promise. A third of men.'
    """
    return " ".join(dict.fromkeys(s for told in statements for s in _SENTENCE.split(told)))
