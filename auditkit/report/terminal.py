"""The verdicts in a terminal: one line that says it, one row a rule."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from auditkit.formatting import listed, printable
from auditkit.records import Report, Verdict
from auditkit.report import perfect
from auditkit.report.cautions import cautions
from auditkit.report.changes import HEAD, told
from auditkit.report.html.lookup import Lookup
from auditkit.report.next_steps import steps
from auditkit.report.policy_words import of_looks
from auditkit.report.required import line, sentence
from auditkit.report.surest import asked as asked_fairness
from auditkit.report.surest import compared, uncovered
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
from auditkit.report.vocabulary import STATUS, brief, upper_first

LONG = 36
"""Signs of an id, beyond which it stands on a line of its own."""
_STYLES = {"fail": "bold red", "inconclusive": "bold yellow", "pass": "green", "not_measured": "dim"}
_SIGNS = {"fail": "×", "inconclusive": "!", "pass": "✓", "not_measured": "–"}
_HEADS = {"failed": "bold red", "undecided": "bold yellow", "passed": "bold green", "no_policy": "bold"}


def summary(report: Report) -> Group:
    """The headline, the table of verdicts, the worst first, and why the open ones are open."""
    lines: list[Text | Verdicts] = [Text(printable(headline(report)), style=_HEADS[report.outcome])]
    if report.verdicts:
        lines += [Text(), Verdicts(report)]
        lines += [Text(said, style="dim") for said in (level_words(report)[1], _in_the_way(report)) if said]
    for v in report.verdicts:
        lines += _told(v, said, "yellow") if (said := waiver_words(v)) else []
    for v in report.verdicts:
        lines += _baseline(v) if v.baseline is not None else []
    lines += [Text(line(r), style="yellow") for r in report.required if not r.met]
    for v in report.verdicts:
        why = v.reason if v.status in ("inconclusive", "not_measured") else ""
        tight = would_pass(v, kind_of_verdict(report, v))
        if why or tight:
            said = " ".join(filter(None, (why, f"{upper_first(tight)}." if tight else "")))
            lines += _told(v, said, "dim")
    lines += [Text(printable(beside), style="dim") for beside in _beside(report)]
    lines += [Text(printable(f"Next: {step.text}")) for step in steps(Lookup(report))[:1]]
    lines += [Text(printable(n), style="dim") for n in report.provenance.notes]
    lines += [Text(printable(f"Caution: {c}"), style="yellow") for c in cautions(report)]
    return Group(*lines)


def _in_the_way(report: Report) -> str:
    """Where the exit status is 3: which rules stand in the way, each with why; else empty."""
    blocking = [v for v in report.verdicts if v.blocks]
    if not blocking or any("fail" in v.blocking for v in blocking):
        return ""
    words = {"inconclusive": "undecided", "not_measured": "not measured"}
    told = [f"{v.rule.id} ({listed([words[s] for s in sorted(v.blocking) if s in words])})" for v in blocking]
    one = len(told) == 1
    return printable(f"In the way: {listed(told)}; the policy lets {'this' if one else 'these'} count as failed.")


def _told(v: Verdict, said: str, style: str) -> list[Text]:
    """What is said of a rule: after its id, which stands on a line of its own where it is long, and is never broken."""
    id = printable(v.rule.id)
    if len(id) <= LONG:
        return [Text(f"{id}: {printable(said)}", style=style)]
    return [Text(f"{id}:", style=style, no_wrap=True, overflow="ignore"), Text(printable(said), style=style)]


def _baseline(v: Verdict) -> list[Text]:
    """What the baseline says, which is no status."""
    status = v.baseline.status if v.baseline is not None else None
    style = "dim" if status in (None, "pass") else _STYLES[status]
    return _told(v, baseline_words(v), style)


def _beside(report: Report) -> list[str]:
    """What no verdict says: whether a perfect model would pass, and the surest difference that no rule covers."""
    lines = [f"{v.rule.id}: {short}" for v in report.verdicts if (short := perfect.in_short(v))]
    if changed := told(report):
        lines.append(f"{HEAD}: {changed}")
    left = uncovered(report)
    if left is not None:
        lines.append(f"Surest difference without a rule: {brief(left.claim)}")
    elif not compared(report):
        lines.append("Fairness was not measured." if not asked_fairness(report) else "No groups could be compared.")
    return [*lines, *filter(None, (of_looks(report), sentence(report)))]


class Verdicts:
    """The verdicts in columns; where these do not fit side by side, two lines a rule. No id is ever broken or cut."""

    def __init__(self, report: Report) -> None:
        self.heads = ("", "Rule", f"Value ({level_words(report)[0]})", "Limit", "Verdict")
        self.rows = [tuple(Text(x) if isinstance(x, str) else x for x in _row(report, v)) for v in worst_first(report)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich asks for it, with the width that there is."""
        columns = zip(*(r for r in [tuple(map(Text, self.heads)), *self.rows]), strict=True)
        if sum(max(x.cell_len for x in column) + 2 for column in columns) - 2 <= options.max_width:
            yield self._table()
            return
        yield Text(f"   {self.heads[2]}; limit", style="dim")
        for sign, rule, value, limit, words in self.rows:
            beside = rule.cell_len + words.cell_len + 5 <= options.max_width
            line = Text("  ", no_wrap=True, overflow="ignore").join((sign, rule, words) if beside else (sign, rule))
            yield line
            yield Text(f"   {'' if beside else words.plain + ': '}{value.plain}; limit {limit.plain}")

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for i, head in enumerate(self.heads):
            table.add_column(head, justify="right" if i in (2, 3) else "left", no_wrap=True)
        for cells in self.rows:
            table.add_row(*cells)
        return table


def _row(report: Report, v: Verdict) -> tuple[Text | str, ...]:
    told = row(report, v)
    words = Text(STATUS[v.status], style=_STYLES[v.status])
    words.append(told.verdict.removeprefix(STATUS[v.status]), style="dim")
    return Text(_SIGNS[v.status], style=_STYLES[v.status]), Text(printable(v.rule.id)), told.value, told.limit, words


def print_summary(report: Report, console: Console) -> None:
    """Print it."""
    console.print(summary(report), crop=False)
