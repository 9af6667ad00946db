"""Tests of an explanation: one table in plain words, and what a failed one means for what is drawn."""

from collections.abc import Iterable, Sequence
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
            *_columns(t),
        )
        for t in f.trust
    )
    columns = ("Check", "Result", "What it tests", "Value", "Allowed")
    return Trust(_sentence(f), names.table(TableView(f"Can it be trusted? {name}", columns, rows, range(3))))


def _columns(t: TrustCheck) -> tuple[str, str]:
    """Value and limit of the table; where an interval decides otherwise than the value, the interval, too."""
    value, digits = valued(t, 4)
    if t.value is None or t.limit is None:
        return value, allowed(t)
    if t.low is not None and t.high is not None:
        return f"{value} ({decimals(t.low, digits)} to {decimals(t.high, digits)})", allowed(t)
    if not _sides_differ(t):
        return value, allowed(t)
    upwards = _upwards(t)
    end, side = (t.low, "above") if upwards else (t.high, "below")
    surely = f"{'not ' if t.passed or not t.sure else ''}surely {side}"  # what is asked for, whatever was found
    return value if end is None else f"{value} ({decimals(end, digits)})", f"{surely} {_limit(t, 4)}"


def _sentence(f: Finding) -> str:
    cautions = [t for t in f.trust if t.cautions]
    able = [t for t in f.trust if t.applies]
    passed, all_of = sum(t.passed for t in able), len(able)
    if not able:
        return "No check applies."
    if passed == all_of:
        what = [_PLAIN[t.name] for t in able if t.name in _PLAIN] if all_of <= 2 else []
        meaning = f": {'; '.join(what)}" if len(what) == all_of else ""
        if all_of < len(f.trust):
            return (
                f"{upper_first(several(all_of, 'check'))} that {'applies is' if all_of == 1 else 'apply are'} passed."
            )
        whole = {1: "Its one check is", 2: "Both checks are"}.get(all_of, f"All {several(all_of, 'check')} are")
        return f"{whole} passed{meaning}."
    those = "" if all_of == len(f.trust) else " that apply"
    head = f"{upper_first(number(passed))} of {number(all_of)} checks{those} {'is' if passed == 1 else 'are'} passed."
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
    return "passed" if t.passed else "not sure" if not t.sure else "failed" if t.blocking else "caution"


def _told(t: TrustCheck) -> str:
    """A failed check in a sentence: which, by how much, what was allowed, what it means."""
    note = upper_first(shown(t.note, empty="", longest=600))
    return f"{shown(t.id)}, {shown(t.name)}: {_size(t) or 'failed'}. {note}".strip()


def _size(t: TrustCheck) -> str:
    """What was measured and what was asked for; empty where that is no number.

    >>> check = TrustCheck(id="T7", name="deletion", value=0.9854, limit=0.986, passed=False, at_least=True)
    >>> _size(check)
    '0.985, where at least 0.986 is asked for'
    >>> _size(check.model_copy(update={"low": 0.9853, "high": 0.98596}))
    'between 0.98530 and 0.98596, where at least 0.986 is asked for'
    >>> _size(check.model_copy(update={"at_least": False, "high": 0.9912}))
    '0.985, which is not surely below 0.986: up to 0.991'
    """
    if t.value is None or t.limit is None:
        return ""
    value, digits = valued(t, 3)
    if t.low is not None and t.high is not None:
        return f"between {decimals(t.low, digits)} and {decimals(t.high, digits)}, where {_asked(t, 3)}"
    if not _sides_differ(t):
        return f"{value}, where {_asked(t, 3)}"
    upwards = _upwards(t)
    far, word = (t.low, "down to") if upwards else (t.high, "up to")
    ends = "" if far is None else f": {word} {decimals(far, digits)}"
    return f"{value}, which is not surely {'above' if upwards else 'below'} {_limit(t, 3)}{ends}"


def _asked(t: TrustCheck, digits: int) -> str:
    return f"{allowed(t, digits)} {'is asked for' if t.at_least else 'is allowed'}"


def valued(t: TrustCheck, digits: int) -> tuple[str, int]:
    """The value in as many digits as tell it, and its limits, from the limit that it is held against; and how many."""
    if t.value is None or t.limit is None:
        return _statistic(t.value, digits), digits
    digits = apart((t.value, t.low, t.high), t.limit, digits)
    return _statistic(t.value, digits), digits


def _sides_differ(t: TrustCheck) -> bool:
    """Whether the result is not that of the side of the limit on which the value lies: an interval decides."""
    assert t.value is not None
    assert t.limit is not None
    kept = t.value >= t.limit if t.at_least else t.value <= t.limit
    return kept != t.passed or not t.sure


def _upwards(t: TrustCheck) -> bool:
    """Whether what decides is that the value is, or is not, surely above the limit; else surely below."""
    return t.at_least != (t.passed or not t.sure)


def apart(values: Iterable[float | None], limit: float, digits: int) -> int:
    """The fewest digits, from `digits` on, in which no value is written like the limit, or on its other side.

    >>> apart([0.9857], 0.986, 3), apart([0.5], 0.986, 3), apart([0.05], 0.05, 3)
    (4, 3, 3)
    """
    off = [v for v in values if v is not None and v != limit]
    return next((d for d in range(digits, MOST_DIGITS) if all(_tells(v, limit, d) for v in off)), MOST_DIGITS)


MOST_DIGITS = 12


def _tells(value: float, limit: float, digits: int) -> bool:
    written = float(f"{value:.{digits}f}")
    return written > limit if value > limit else written < limit


def allowed(t: TrustCheck, digits: int = 4) -> str:
    """The limit with its side, in full.

    >>> allowed(TrustCheck(id="T1", name="completeness", value=0.01, limit=0.05, passed=True))
    'at most 0.05'
    >>> allowed(TrustCheck(id="T6", name="infidelity", value=2.0, limit=0.98612345, passed=False))
    'at most 0.9861'
    """
    if t.limit is None:
        return NOTHING
    side = "at least" if t.at_least else "at most"
    return f"{side} {_limit(t, digits)}"


def _limit(t: TrustCheck, digits: int) -> str:
    """Rounded so that it is met by no value that was seen to miss it."""
    assert t.limit is not None
    digits = next((d for d in range(digits, MOST_DIGITS) if _kept(t, d)), MOST_DIGITS)
    text = decimals(t.limit, digits)
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _kept(t: TrustCheck, digits: int) -> bool:
    """Whether the limit, so written, leaves every value on the side on which it is."""
    assert t.limit is not None
    limit = float(f"{t.limit:.{digits}f}")
    return all((v > limit) == (v > t.limit) for v in (t.value, t.low, t.high) if v is not None and v != t.limit)


def _statistic(x: float | None, digits: int = 4) -> str:
    """A statistic of a check; what is too small for its digits says so instead of looking like nothing."""
    if x is not None and 0 < abs(x) < 0.1**digits:
        return f"below {decimals(0.1**digits, digits)}"
    return decimals(x, digits)
