"""Tests of an explanation: one table in plain words, and what a failed one means for what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from auditkit.formatting import NOTHING, decimals
from auditkit.records import Finding, TrustCheck
from auditkit.report.html.figures import Names, TableView
from auditkit.report.html.told import Told
from auditkit.report.vocabulary import number, several, shown, upper_first

_PLAIN = {
    "preflight": "no row changes another's answer, and the model is left as it was",
    "completeness": "the parts add up to the gap",
    "agreement of methods": "a second way to split the gap agrees",
}
"""What a passed check says, where a gap has one or two."""


class Failed(NamedTuple):
    """An explanation that failed a check: shown as failed, never drawn."""

    title: str
    checks: tuple[str, ...]
    table: TableView
    told: Told = Told()


class Trust(NamedTuple):
    """How an explanation was tested."""

    sentence: str
    table: TableView


def lost(f: Finding) -> tuple[TrustCheck, ...]:
    """Checks that an explanation failed, of those that decide."""
    return tuple(t for t in f.trust if t.failed)


def holds(f: Finding) -> bool:
    """True for an explanation that failed no check that decides."""
    return not lost(f)


def failed(name: str, checks: Sequence[TrustCheck], table: TableView, told: Told) -> Failed:
    """What stands in place of a picture."""
    title = f"{name}: do not read it as an explanation" if checks else f"{name}: nothing to show"
    return Failed(title, tuple(_told(t) for t in checks), table, told)


def view(f: Finding, name: str, names: Names) -> Trust | None:
    """The checks of one explanation; None where it was not tested."""
    if not f.trust:
        return None
    rows = tuple(
        (
            f"{shown(t.id)} {shown(t.name)}",
            _result(t),
            shown(t.note, empty=NOTHING, longest=600),
            _statistic(t.value),
            allowed(t),
        )
        for t in f.trust
    )
    columns = ("Check", "Result", "What it tests", "Value", "Allowed")
    return Trust(_sentence(f), names.table(TableView(f"Can it be trusted? {name}", columns, rows, range(3))))


def _sentence(f: Finding) -> str:
    cautions = [t for t in f.trust if t.cautions]
    passed, all_of = sum(t.passed for t in f.trust), len(f.trust)
    if passed == all_of:
        whole = {1: "Its one check is", 2: "Both checks are"}.get(all_of, f"All {several(all_of, 'check')} are")
        what = [_PLAIN[t.name] for t in f.trust if t.name in _PLAIN] if all_of <= 2 else []
        meaning = f": {'; '.join(what)}" if len(what) == all_of else ""
        return f"{whole} passed{meaning}."
    head = f"{upper_first(number(passed))} of {number(all_of)} checks are passed."
    if lost(f):
        return head
    more = f" {upper_first(several(len(cautions) - 2, 'caution'))} more: see the table." if len(cautions) > 2 else ""
    doubts = [f"{upper_first(shown(t.meaning))}." for t in f.trust if not t.sure]
    return " ".join([head, *(_cautioned(t) for t in cautions[:2]), *doubts]) + more


def _cautioned(t: TrustCheck) -> str:
    """A caution, what it means first."""
    why = "; ".join(part for part in (_size(t), shown(t.measured, empty="", longest=600)) if part)
    return f"Caution, {shown(t.name)}: {t.meaning or 'read it with care'}{f' ({why})' if why else ''}."


def _result(t: TrustCheck) -> str:
    if not t.applies:
        return "does not apply"
    return "passed" if t.passed else "failed" if t.blocking else "caution" if t.sure else "not sure"


def _told(t: TrustCheck) -> str:
    """A failed check in a sentence: which, by how much, what was allowed, what it means."""
    note = upper_first(shown(t.note, empty="", longest=600))
    return f"{shown(t.id)}, {shown(t.name)}: {_size(t) or 'failed'}. {note}".strip()


def _size(t: TrustCheck) -> str:
    """What was measured and what was allowed; empty where that is no number."""
    if t.value is None or t.limit is None:
        return ""
    return f"{_statistic(t.value, 3)}, where {allowed(t, 3)} {'is asked for' if t.at_least else 'is allowed'}"


def allowed(t: TrustCheck, digits: int = 4) -> str:
    """The limit with its side.

    >>> allowed(TrustCheck(id="T1", name="completeness", value=0.01, limit=0.05, passed=True))
    'at most 0.05'
    """
    if t.limit is None:
        return NOTHING
    number = decimals(t.limit, digits)
    side = "at least" if t.at_least else "at most"
    return f"{side} {number.rstrip('0').rstrip('.') or '0'}"


def _statistic(x: float | None, digits: int = 4) -> str:
    """A statistic of a check; what is too small for its digits says so instead of looking like nothing."""
    if x is not None and 0 < abs(x) < 0.1**digits:
        return f"below {decimals(0.1**digits, digits)}"
    return decimals(x, digits)
