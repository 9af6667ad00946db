"""Markdown for a pull request or the summary of a CI step: what the gate says, and what stands in the way."""

from __future__ import annotations

import itertools
import re

from auditkit.formatting import printable
from auditkit.records import NotMeasured, Report, Verdict
from auditkit.report import required
from auditkit.report.cautions import cautions
from auditkit.report.html.lookup import Lookup
from auditkit.report.next_steps import steps
from auditkit.report.surest import uncovered
from auditkit.report.verdict_words import (
    baseline_words,
    headline,
    kind_of_verdict,
    level_words,
    row,
    waiver_words,
    worst_first,
    would_pass,
)
from auditkit.report.vocabulary import brief, several, upper_first
from auditkit.report.writing import mark

LONGEST = 65_536
"""Characters that GitHub takes in one comment."""
_ROOM = 400
"""Characters kept for the line that says what was left out."""


def render(report: Report) -> str:
    """The headline, a table of the rules (the worst first), why the open ones are open, and what to know beside it.

    GitHub's Markdown, at most 65,536 characters: what does not fit is counted, and stands in the report. Names of the
    data are text: they format nothing, link nowhere and call nobody.
    """
    lines = [f"<!-- {mark(report)} -->", "", *body(report)]
    ends = itertools.accumulate(len(line) + 1 for line in lines)
    kept = sum(end <= LONGEST - _ROOM for end in ends)
    if kept < len(lines):
        lines[kept:] = ["", f"*{several(len(lines) - kept, 'further line')} did not fit here: the report has them.*"]
    return "\n".join(lines) + "\n"


def body(report: Report) -> list[str]:
    """The lines without their first, and without a bound."""
    return [f"### {_text(headline(report))}", "", *_table(report), *_said(report)]


def _table(report: Report) -> list[str]:
    if not report.verdicts:
        return []
    head, below = level_words(report)
    lines = [f"| Verdict | Rule | Value ({_text(head)}) | Limit |", "|---|---|--:|--:|"]
    lines += [f"| {' | '.join(_row(report, v))} |" for v in worst_first(report)]
    return [*lines, "", *([f"*{_text(below)}*", ""] if below else [])]


def _row(report: Report, v: Verdict) -> tuple[str, str, str, str]:
    told = row(report, v)
    bold = "**" if v.blocks else ""
    return f"{bold}{_text(told.verdict)}{bold}", _code(v.rule.id), _text(told.value), _text(told.limit)


def _said(report: Report) -> list[str]:
    """What is said of single rules, of requirements, of what no rule covers, of the audit itself, and of what to do
    next, as a list."""
    of_rules = []
    for v in worst_first(report):
        why = v.reason if v.status != "pass" else ""
        tight = would_pass(v, kind_of_verdict(report, v))
        said = " ".join(
            filter(None, (why, f"{upper_first(tight)}." if tight else "", waiver_words(v), baseline_words(v)))
        )
        of_rules += [f"- {_code(v.rule.id)}: {_text(said)}"] if said else []
    lost = [f"- {_text(required.line(r))}" for r in report.required if not r.met]
    left = uncovered(report)
    beside = [f"- Surest difference without a rule: {_text(brief(left.claim))}"] if left is not None else []
    beside += [f"- {_absent(n)}: {_text(n.what)}: {_text(n.why)}" for n in report.not_measured]
    beside += [f"- {_text(n)}" for n in report.provenance.notes]
    beside += [f"- Caution: {_text(c)}" for c in cautions(report)]
    then = [f"- Next: {_text(step.text)}" for step in steps(Lookup(report))]
    return [*of_rules, *lost, *beside, *then]


def _absent(n: NotMeasured) -> str:
    return "Known without measuring" if n.settled else "Not measured"


_MARKUP = re.compile(r"([\\`*_\[\]<>&|~$]|^[-+=#]|(?<=^\d)[.)](?!\S)|(?<=^\d\d)[.)](?!\S))")
_LINKED = re.compile(r"@|#(?=\w)|:(?=//)|\bwww(?=\.)", re.IGNORECASE)
_SPACES = re.compile(r"\s+")


def _text(text: str) -> str:
    """A text that formats nothing: signs with a meaning are escaped, what GitHub links by itself is cut by a comment.

    >>> print(_text("a|b <i> @me"))
    a\\|b \\<i\\> @<!-- -->me
    >>> print(_text("1. see https://x.y #12"))
    1\\. see https:<!-- -->//x.y #<!-- -->12
    """
    shown = _SPACES.sub(" ", printable(text)).strip()
    escaped = _MARKUP.sub(r"\\\1", shown)
    return _LINKED.sub(lambda m: f"{m[0]}<!-- -->", escaped)


def _code(text: str) -> str:
    """A name as code, in a table too.

    >>> print(_code("a`b|c"))
    ``a`b\\|c``
    """
    text = _SPACES.sub(" ", printable(text)).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    blank = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{fence}{blank}{text}{blank}{fence}"
