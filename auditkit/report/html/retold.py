"""What checks state, in the report's own words for groups."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from auditkit.records import Finding, Report
from auditkit.report.vocabulary import upper_first


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
            "exhibits": tuple(
                x.model_copy(update={k: _text(getattr(x, k), told) for k in x.NAMED}) for x in f.exhibits
            ),
        }
    )


def _text(value: Any, told: Callable[[str], str]) -> Any:
    """A text, several, or the rows of a table."""
    if isinstance(value, str):
        return told(value)
    return tuple(told(v) if isinstance(v, str) else tuple(_cell(c, told) for c in v) for v in value)


def _cell(value: str | int | float | None, told: Callable[[str], str]) -> str | int | float | None:
    if not isinstance(value, str):
        return value
    new = told(value)
    return value if new == value else upper_first(new)
