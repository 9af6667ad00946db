"""What became of each rule between two judged reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import group_words
from auditkit.comparing.changes import SURE, At, Kind, RuleChange, Said
from auditkit.comparing.numbers import between, changed_by, moved, said_of, unit_of
from auditkit.formatting import quantity
from auditkit.gate.identical import METHOD, decided_sha256, is_unchanged, unchanged
from auditkit.gate.judge import key_of
from auditkit.gate.loosened import matched
from auditkit.gate.unpaired import Measured, measured_by
from auditkit.records import Comparison, Estimate, Report, Rule, Status, Verdict

WORDS: dict[Status, str] = {
    "pass": "passes",
    "fail": "fails",
    "inconclusive": "is undecided",
    "not_measured": "is not measured",
}


_PAST: dict[Status, str] = {
    "pass": "passed",
    "fail": "failed",
    "inconclusive": "was undecided",
    "not_measured": "was not measured",
}
_STILL: dict[Status, str] = {
    "pass": "passes as before",
    "fail": "fails as before",
    "inconclusive": "is still undecided",
    "not_measured": "is still not measured",
}


def rule_changes(
    old: Report, new: Report, level: float, under_old: Mapping[str, Status] | None = None
) -> tuple[RuleChange, ...]:
    """One a rule of either report, the gravest first; their intervals share one error (Holm).

    `under_old`: what the old policy says of the new report, by rule id, where that was asked.
    """
    was = {v.rule.id: v for v in old.verdicts}
    now = {v.rule.id: v for v in new.verdicts}
    pairs = [
        (was[a.id] if a else None, now[b.id] if b else None)
        for a, b in matched([v.rule for v in old.verdicts], [v.rule for v in new.verdicts])
    ]
    numbers = [(_measured(a, old), _measured(b, new)) for a, b in pairs]
    same = [a is not None and b is not None and key_of(a.rule) == key_of(b.rule) for a, b in pairs]
    as_before = [a is not None and b is not None and _as_before(a, b, old, new) for a, b in pairs]
    asked = zip(numbers, same, as_before, strict=True)
    changes = [
        unchanged(level) if s else e
        for s, e in zip(as_before, moved([n if s and not u else (None, None) for n, s, u in asked], level), strict=True)
    ]
    found = [
        _changed(a, b, at, e, _unit(a, b, old, new), under_old or {})
        for (a, b), at, e in zip(pairs, _ats(pairs, numbers, level), changes, strict=True)
    ]
    return tuple(sorted(found, key=lambda r: _ORDER.index(r.kind)))


_ORDER: tuple[Kind, ...] = (
    *("newly failing", "let through", "in the way", "no longer measured", "worsened", "newly undecided"),
    *("passes by the new policy alone", "removed"),
    *("newly passing", "newly measured", "improved", "added", "same"),
)


def _as_before(a: Verdict, b: Verdict, old: Report, new: Report) -> bool:
    """Whether both rules were judged by the same rows, decisions and counts: nothing moved, which is no estimate."""
    was = decided_sha256(a, old, old.findings)
    return bool(was) and was == decided_sha256(b, new, new.findings)


def at(v: Verdict, report: Report) -> At:
    """A rule as it stands in a report."""
    level = report.policy.confidence if report.policy else 0.95
    return _at(v, _measured(v, report), level)


def unit(v: Verdict, report: Report) -> str:
    """How the values of a rule are written."""
    found = next((f for f in report.findings if f.id == v.finding), None)
    known = METRICS.get(v.rule.metric)
    return unit_of(found, report) if found is not None else "measure" if known is None else known.unit


def _ats(
    pairs: Sequence[tuple[Verdict | None, Verdict | None]],
    numbers: Sequence[tuple[Measured | None, Measured | None]],
    level: float,
) -> list[tuple[At | None, At | None]]:
    return [
        (None if a is None else _at(a, m, level), None if b is None else _at(b, n, level))
        for (a, b), (m, n) in zip(pairs, numbers, strict=True)
    ]


def _measured(v: Verdict | None, report: Report) -> Measured | None:
    if v is None:
        return None
    finding = next((f for f in report.findings if f.id == v.finding), None)
    return measured_by(v, finding, report.policy.confidence if report.policy else 0.95)


def _at(v: Verdict, m: Measured | None, level: float) -> At:
    n = v.estimate.n if v.estimate is not None else 0
    estimate = None if m is None else m.estimate(level, n=n)
    rule = v.rule.model_copy(update={"line": None})
    said = v.baseline.status if v.baseline is not None else None
    return At(rule=rule, status=v.status, blocks=v.blocks, waived=v.waived, baseline=said, estimate=estimate)


def _unit(a: Verdict | None, b: Verdict | None, old: Report, new: Report) -> str:
    if b is not None:
        return unit(b, new)
    assert a is not None
    return unit(a, old)


def _changed(
    a: Verdict | None,
    b: Verdict | None,
    at: tuple[At | None, At | None],
    change: Estimate | None,
    of: str,
    under_old: Mapping[str, Status],
) -> RuleChange:
    rule = (b or a).rule  # type: ignore[union-attr]
    said = said_of(change, rule.at_most is not None)
    before = under_old.get(a.rule.id) if a is not None else None
    kind = _kind(a, b, said, before)
    return RuleChange(
        id=rule.id,
        kind=kind,
        old=at[0],
        new=at[1],
        change=change,
        said=said,
        of=of,
        under_old=before,
        statement=_statement(rule, at, change, said, of, before) + _turned(a, b),
    )


def _kind(a: Verdict | None, b: Verdict | None, said: Said, under_old: Status | None) -> Kind:
    """What it is called."""
    if under_old == "fail" and (b is None or b.status != "fail"):
        return "let through"
    if b is None:
        return "removed"
    was = a.status if a is not None else None
    if was != "fail" and b.status == "fail":
        return "newly failing"
    if b.blocks and not (a is not None and a.blocks):
        return "in the way"
    if a is None:
        return "added"
    if was != "not_measured" and b.status == "not_measured":
        return "no longer measured"
    if was == "not_measured" and b.status != "not_measured":
        return "newly measured"
    if said == "worse":
        return "worsened"
    if was == "pass" and b.status == "inconclusive":
        return "newly undecided"
    if was != "pass" and b.status == "pass":
        return "newly passing" if under_old in (None, "pass") else "passes by the new policy alone"
    return "improved" if said == "better" else "same"


def _statement(
    rule: Rule,
    at: tuple[At | None, At | None],
    change: Estimate | None,
    said: Said,
    of: str,
    under_old: Status | None,
) -> str:
    """Status, number, what the interval of its change says, and what the old policy would say."""
    old, new = at
    told = [f"{rule.id} {_became(old, new)}"]
    comparison = rule.comparison
    if old and new and old.estimate and new.estimate and change is not None:
        told.append(between(old.estimate, new.estimate, comparison, of))
        told.append(_moved(change, comparison, of, said))
    elif new and new.estimate:
        told.append(f"{quantity(new.estimate, comparison, of=of)} now, and nothing to compare with")
    text = ": ".join(told[:2]) + "".join(f"; {t}" for t in told[2:]) + "."
    if under_old is not None and (new is None or new.status != under_old):
        text += f" By the old policy it {WORDS[under_old]}."
    if new is not None and new.waived:
        text += " It is waived."
    return text


def _turned(a: Verdict | None, b: Verdict | None) -> str:
    """That the two groups that a rule speaks of changed places, each time for sure: a gap of the same size hides it."""
    old, new = (v.surest if v is not None else None for v in (a, b))
    if old is None or new is None or len(old.groups) != 2 or old.groups != new.groups[::-1]:
        return ""
    if not all(x.estimate.excludes_zero for x in (old, new)) or not b or not b.rule.comparison.startswith("difference"):
        return ""
    lower = [group_words(x.groups[0], x.groups[0].values()) for x in (old, new)]
    return f" The groups changed places: “{lower[0]}” had the lower value, now “{lower[1]}” has."


def _became(old: At | None, new: At | None) -> str:
    if new is None:
        assert old is not None
        return f"is asked no more (it {_PAST[old.status]})"
    if old is None:
        return f"is new, and {WORDS[new.status]}"
    if old.status == new.status:
        behind = ", worse than the baseline" if new.baseline == "fail" else ""
        blocks = f" and stands in the way now{behind}" if new.blocks and not old.blocks else ""
        return f"{_STILL[new.status]}{blocks}"
    return f"{WORDS[new.status]} (it {_PAST[old.status]})"


def _moved(change: Estimate, comparison: Comparison, of: str, said: Said) -> str:
    if is_unchanged(change):
        return METHOD
    by = changed_by(change, comparison, of)
    if said in SURE:
        return f"{said} ({by})"
    if said == "not known":
        return f"without an interval of both, chance cannot be told ({by})"
    return f"no change that these data could show ({by}){_unseen(change, comparison, of)}"


def _unseen(change: Estimate, comparison: Comparison, of: str) -> str:
    """What could have gone unseen: the larger one of what the interval holds, and of what is seen with 80 % power."""
    ends = [abs(x) for x in (change.low, change.high, change.mde) if x is not None]
    kind: Comparison = comparison if comparison.startswith("ratio") else "difference"
    return f": one of up to {quantity(max(ends), kind, of=of)} could have gone unseen" if ends else ""
