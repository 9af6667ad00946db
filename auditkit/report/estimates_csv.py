"""Every estimate as CSV: what `Report.to_frame` gives, for a spreadsheet."""

from __future__ import annotations

import csv
import io

from auditkit.formatting import printable
from auditkit.records import Report
from auditkit.report.flat import Row, rows
from auditkit.report.writing import mark

_FORMULA = tuple("=+-@\t\r|%")
"""A cell that begins so is one that a spreadsheet would work out."""


def render(report: Report) -> str:
    """A row an estimate: of each finding, and after it of its groups; undefined values are empty.

    Numbers are written in full, as in report.json. Text that a spreadsheet would take for a formula begins with an
    apostrophe. The head of the last column names the report by its digest, its cells by name.
    """
    out = io.StringIO()
    written = csv.writer(out, lineterminator="\n")
    written.writerow([*Row._fields, mark(report)])
    for row in rows(report):
        written.writerow([*(_cell(x) for x in row), _cell(report.name)])
    return out.getvalue()


def _cell(x: object) -> str:
    if x is None:
        return ""
    if not isinstance(x, str):
        return str(x)
    text = printable(x)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
