"""A report, or a finding, where somebody looks at it while working: in three lines, or as a piece of a notebook.

A piece of a notebook is text and tables alone, escaped, of at most `MOST_BYTES`: no script, no style sheet, no request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from auditkit.formatting import printable, unit_for
from auditkit.records import Finding, Report, Verdict, Words
from auditkit.report.cautions import SENTENCE, cautions
from auditkit.report.html import first, summary
from auditkit.report.html.figures import bracketed, cells
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.retold import retold
from auditkit.report.html.rules import ranked, sentence
from auditkit.report.html.trust import holds
from auditkit.report.verdict_words import asked, kind_of_verdict
from auditkit.report.vocabulary import (
    STATUS,
    Vocabulary,
    by_words,
    kind_of,
    name_of,
    range_in,
    several,
    shown,
    unit_of,
    upper_first,
    value_text,
)

MOST_BYTES = 30_000
"""Of a piece of a notebook."""
_KEPT = 1_000
"""Bytes kept free for what follows the last row."""
MOST_GROUPS = 20
"""Groups of a finding that are listed."""
_LONGEST = 400
"""Characters of a sentence."""
_APART = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What a report leads to whose parts do not fit together, as one that somebody edited."""
_CELL = Markup('<td style="text-align:left">{}</td>')
_HEAD = Markup('<th style="text-align:left" scope="{}">{}</th>')


def in_three_lines(report: Report) -> str:
    """Model and data; the outcome, with what it was made of; the first sentence of the summary, or what is not known.

    >>> from auditkit.records import Report
    >>> made = {"auditkit": "0.1.0", "created": "2026-11-30T00:00:00Z", "model": {"name": "m"}, "data": {"name": "d"}}
    >>> print(in_three_lines(Report.model_validate({"provenance": made})))
    <Report: m on d, 0 rows
    no policy: no findings, no rules
    Not known: fairness between groups, calibration, hidden subgroups, what makes the gap, robustness and remedies.>
    """
    data = report.provenance.data
    counts = [(STATUS[s].lower(), sum(v.status == s for v in report.verdicts)) for s in STATUS]
    states = ", ".join(f"{n} {state}" for state, n in counts if n)
    judged = several(len(report.verdicts), "rule") + (f" ({states})" if states else "")
    lines = (
        f"<Report: {first.subject(report)} on {shown(data.name, empty='data without a name')}, {data.rows:,} rows",
        f"{report.outcome.replace('_', ' ')}: {several(len(report.findings), 'finding')}, {judged}",
        f"{_first_sentence(report)}>",
    )
    return "\n".join(printable(line) for line in lines)


def _first_sentence(report: Report) -> str:
    try:
        item = summary.view(Lookup(retold(report)))[0]
    except _APART as e:
        return f"The parts of this report do not fit together ({type(e).__name__})."
    return shown(f"{item.bold} {item.text}".strip(), longest=_LONGEST)


def of_report(report: Report) -> str:
    """What was found of the rules, a line each, the summary's sentences, and where the whole page is.

    >>> from auditkit.records import Report
    >>> made = {"auditkit": "0.1.0", "created": "2026-11-30T00:00:00Z", "model": {"name": "<b>"}, "data": {}}
    >>> of_report(Report.model_validate({"provenance": made}))[:53]
    '<div><p><strong>&lt;b&gt;: fairness was not measured<'
    """
    try:
        look = Lookup(retold(report))
        title, items = first.view(look).title, summary.view(look)
    except _APART:
        return str(Markup("<pre>{}</pre>").format(in_three_lines(report)))
    told = [Markup("<p><strong>{}</strong></p>").format(shown(title, longest=_LONGEST))]
    told += [Markup("<p>Caution: {}</p>").format(shown(c, longest=_LONGEST)) for c in cautions(report)[:2]]
    said = [
        Markup("<li><strong>{}</strong> {}</li>").format(
            shown(s.bold, empty="", longest=_LONGEST), shown(s.text, empty="", longest=_LONGEST)
        )
        for s in items
    ]
    after = Markup("<ul>{}</ul>").format(Markup("").join(said))
    after += Markup("<p>The whole page: <code>report.save(&quot;report.html&quot;)</code>.</p>")
    order = ranked(report.verdicts)
    room = MOST_BYTES - _KEPT - _size([*told, after])
    table = _table(("Rule", "Verdict", "Value", "Interval", "Limit"), [_rule(look, v) for v in order], room, "rule")
    return str(Markup("<div>{}</div>").format(Markup("").join([*told, table, after])))


def _rule(look: Lookup, v: Verdict) -> tuple[str, ...]:
    of = kind_of_verdict(look.report, v)
    unit = unit_for(v.rule.comparison, of)
    value = value_text(v.estimate, v.rule.comparison, of, v.rule.limit)
    if unit == "points" and v.estimate is not None and v.estimate.value is not None:
        value += " points"
    return (
        sentence(v.rule, look),
        STATUS[v.status],
        value,
        range_in(v.estimate, unit, v.rule.limit),
        asked(v.rule, of, signs=True),
    )


def of_finding(f: Finding) -> str:
    """What a finding states, its value with its interval, and those of its groups.

    >>> from auditkit.records import Estimate
    >>> e = Estimate(value=0.2, low=0.1, high=0.3, n=50)
    >>> about = {"id": "i", "concern": "performance", "title": "Accuracy", "statement": "It is right <often>."}
    >>> of_finding(Finding(**about, metric="accuracy", comparison="overall", estimate=e))
    '<div><p><strong>Accuracy: 20.0% (10.0–30.0)</strong></p><p>It is right &lt;often&gt;.</p></div>'
    """
    of = kind_of(f.metric, f.unit)
    value, interval = cells(f.estimate, unit_of(f))
    value += " points" if unit_of(f) == "points" and f.estimate.value is not None else ""
    title = f"{shown(f.title, empty=name_of(f.metric))}: {bracketed(value, interval)}"
    told = [Markup("<p><strong>{}</strong></p>").format(title)]
    if not holds(f):
        told.append(Markup("<p>Do not read it as an explanation: it failed a check of its own.</p>"))
    told += [Markup("<p>{}</p>").format(shown(s, longest=SENTENCE)) for s in (f.statement,) if s.strip()]
    say = Vocabulary(Words())
    rows = [
        (say.label(g.group), *cells(g.estimate, unit_for("overall", of)), f"{g.estimate.n:,}")
        for g in f.by_group[:MOST_GROUPS]
    ]
    notes = [Markup("<p><small>{}</small></p>").format(upper_first(shown(n, longest=_LONGEST))) for n in f.notes[:3]]
    room = MOST_BYTES - _KEPT - _size([*told, *notes])
    columns = (upper_first(by_words(f.by)), "Value", "Interval", "Rows")
    table = _table(columns, rows, room, "group", of=len(f.by_group))
    return str(Markup("<div>{}</div>").format(Markup("").join([*told, table, *notes])))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], room: int, noun: str, *, of: int = 0) -> Markup:
    """The rows that there is room for, and how many more there are; nothing where there is no row."""
    if not rows:
        return Markup("")
    head = Markup("<tr>{}</tr>").format(Markup("").join(_HEAD.format("col", c) for c in columns))
    lines: list[Markup] = []
    for row in rows:
        name, *others = row
        line = Markup("<tr>{}{}</tr>").format(_HEAD.format("row", name), Markup("").join(map(_CELL.format, others)))
        if _size([head, *lines, line]) > room:
            break
        lines.append(line)
    rest = max(of, len(rows)) - len(lines)
    more = Markup("<p>{}.</p>").format(f"And {several(rest, noun)} more") if rest else Markup("")
    return Markup("<table><thead>{}</thead><tbody>{}</tbody></table>{}").format(head, Markup("").join(lines), more)


def _size(parts: Iterable[str]) -> int:
    return sum(len(p.encode()) for p in parts)
