"""Section 8: subgroups that were searched for, with what the other half of the rows says of them."""

from __future__ import annotations

from typing import NamedTuple

from auditkit.records import Table
from auditkit.report.html.figures import TableView
from auditkit.report.html.lookup import Lookup
from auditkit.report.words import shown
from auditkit.wording import NOTHING, decimals


class Search(NamedTuple):
    """One search."""

    title: str
    sentence: str
    notes: tuple[str, ...]
    tables: tuple[TableView, ...]


def views(look: Lookup) -> tuple[Search, ...]:
    """Every search for subgroups in the report; empty where none was asked for."""
    return tuple(
        Search(
            title=shown(f.title),
            sentence=shown(f.statement, most=2_000),
            notes=tuple(shown(n, most=2_000) for n in f.notes),
            tables=tuple(_table(e) for e in f.exhibits if isinstance(e, Table)),
        )
        for f in look.report.findings
        if f.concern == "subgroups"
    )


def _table(exhibit: Table) -> TableView:
    rows = tuple(tuple(_cell(c) for c in row) for row in exhibit.rows)
    words = next(
        (i for i in range(len(exhibit.columns)) if any(isinstance(row[i], int | float) for row in exhibit.rows)),
        len(exhibit.columns),
    )
    return TableView(shown(exhibit.title), tuple(shown(c) for c in exhibit.columns), rows, words=words)


def _cell(value: str | int | float | None) -> str:
    """A number with three decimals, a count with its thousands, words as they are.

    >>> _cell(0.25471), _cell(2968), _cell(1e-9), _cell(None)
    ('0.255', '2,968', '< 0.001', '–')
    """
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, int):
        return f"{value:,}"
    return "< 0.001" if 0 < value < 0.0005 else decimals(value, 3)
