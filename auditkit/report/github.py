"""Workflow commands of GitHub: an annotation a rule that is not met, at its line of the policy."""

from __future__ import annotations

from collections import Counter

from auditkit.records import Report
from auditkit.report.open_rules import Level, Open, ending, open_rules, place
from auditkit.report.vocabulary import plain, several
from auditkit.report.writing import mark

MOST = 10
"""Annotations of one kind that GitHub shows of a step."""
_KINDS: dict[Level, str] = {"error": "error", "warning": "warning", "note": "notice"}


def render(report: Report, policy_file: str = "") -> str:
    """Lines to print in a step: `::error file=auditkit.toml,line=54,title=…::…`, and the headline as a plain line.

    At most ten of a kind, which is what GitHub shows; how many more there are is said. Names are data: a text can
    begin no command, end one, or add a property to it.
    """
    seen: Counter[Level] = Counter()
    lines, left = [], 0
    for o in open_rules(report):
        seen[o.level] += 1
        if seen[o.level] <= MOST:
            lines.append(_command(o, place(report, policy_file)))
        else:
            left += 1
    more = [f"{several(left, 'further rule')} not shown here: the report has them."] if left else []
    return "\n".join([mark(report), *lines, *more, ending(report)]) + "\n"


def _command(o: Open, file: str) -> str:
    at = {"file": file, "line": str(o.line)} if file else {}
    said = ",".join(f"{name}={_property(x)}" for name, x in {**at, "title": o.id}.items())
    return f"::{_KINDS[o.level]} {said}::{_data(o.message)}"


def _data(text: str) -> str:
    """A message as a runner reads it back.

    >>> print(_data("50% | a\\n::error::b"))
    50%25 | a\N{REPLACEMENT CHARACTER}: :error: :b
    """
    return plain(text).replace("%", "%25")


def _property(text: str) -> str:
    """A property, which a comma or a colon would end.

    >>> _property("a,line=1::b")
    'a%2Cline=1%3A %3Ab'
    """
    return _data(text).replace(":", "%3A").replace(",", "%2C")
