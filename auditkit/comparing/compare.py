"""`ak.compare`: what changed between stored reports. Findings and verdicts are taken as the reports say them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from auditkit import stored
from auditkit.assertions import level_of
from auditkit.comparing.changes import Changes, Point, Step, Trend, Which
from auditkit.comparing.inputs import cause, cautions, comparable, input_changes, same_rows
from auditkit.comparing.numbers import number_changes
from auditkit.comparing.rules import at, rule_changes, unit
from auditkit.errors import AuditkitError, listing
from auditkit.formatting import confidence
from auditkit.gate.loosened import PolicyChange, policy_changes
from auditkit.gate.policy import Policy
from auditkit.judging import judge
from auditkit.records import Report, Status, Verdict


def compare(old: Report | str | Path, new: Report | str | Path, *more: Report | str | Path) -> Changes:
    """What changed from one stored report to another: rules, numbers, model, data, policy.

    Differences are **unpaired**: each report knows its own rows, and the interval of a difference takes them as two
    independent samples (square and add). "Worse" and "better" are said only where that interval excludes no change,
    over all rules together, and over all other numbers together (Holm); else what could have gone unseen. A loosened
    policy is a finding; where the policy is another, the new report is judged by the old one too. Two reports stand as
    they are given; of more, ordered by date, the newest is compared with the one before it and with the first, and each
    rule has its course. Findings and verdicts are taken as they stand: `ak.verify` says whether they follow from
    evidence.

    Raises ReportError for fewer than two reports, for reports of other tasks, and for what is no report.

    >>> import auditkit as ak
    >>> rows = {"g": ["a", "b"] * 20, "y": [0, 1, 1, 0] * 10, "p": [0, 1, 1, 1] * 10}
    >>> data = ak.Dataset(rows, y_true="y", positive=1, sensitive_features=["g"])
    >>> report = ak.audit(ak.Predictions("p"), data, checks=["group_fairness"])
    >>> ak.compare(report, report).step.summary
    'Nothing changed.'
    """
    given = [_read(r) for r in (old, new, *more)]
    if len(given) > 2:
        given.sort(key=lambda r: r[0].provenance.created)
    reports = [r for r, _ in given]
    names = [file or r.name for r, file in given]
    for i in range(1, len(reports)):
        comparable(reports[0], reports[i], (names[0], names[i]))
    last = len(reports) - 1
    steps = [_step(reports, last - 1, last)] + ([_step(reports, 0, last)] if last > 1 else [])
    return Changes(
        reports=tuple(_which(r, file) for r, file in given),
        steps=tuple(steps),
        trend=_trend(reports) if last > 1 else (),
    )


_SAME = "Both are the same report, so that nothing can have changed."


def _read(given: Report | str | Path) -> tuple[Report, str]:
    if isinstance(given, Report):
        return given, ""
    return Report.load(given), str(given)


def _which(report: Report, file: str) -> Which:
    p = report.provenance
    return Which(
        name=report.name,
        file=file,
        digest=stored.digest(report.to_json().encode()),
        created=p.created,
        auditkit=p.auditkit,
        model=p.model.name,
        weights=p.model.sha256 or "",
        data=p.data.name,
        rows=p.data.rows,
        rows_sha256=p.data.sha256,
        policy="" if report.policy is None else report.policy.id or report.policy.source,
        outcome=report.outcome,
    )


def _step(reports: Sequence[Report], i: int, j: int) -> Step:
    old, new = reports[i], reports[j]
    level = level_of(new)
    policy = (*policy_changes(old.policy, new.policy, old.verdicts, new.verdicts), *_unasked(old, new))
    # a rule that is added shares the error of the others (Holm), so that one of them may fail no more
    other = any(c.way != "changed" for c in policy)
    rules = rule_changes(old, new, level, _by_old(old, new) if other else None)
    moved, compared = number_changes(old, new, level)
    was, now = ({f.id for f in r.findings if f.estimate.value is not None} for r in (old, new))
    step = Step(
        old=i,
        new=j,
        summary="",
        seen=_seen(old, new, level, compared),
        cautions=(_SAME,) if old == new else tuple(cautions(old, new)),
        inputs=input_changes(old, new),
        policy=policy,
        rules=rules,
        numbers=moved,
        compared=compared,
        no_longer_measured=tuple(sorted(was - now)),
        newly_measured=tuple(sorted(now - was)),
    )
    return step.model_copy(update={"summary": _summary(step)})


def _unasked(old: Report, new: Report) -> tuple[PolicyChange, ...]:
    """Attributes that the audit no longer looks at."""
    now = new.provenance.data.sensitive_features
    return tuple(
        PolicyChange(
            way="loosened",
            key="sensitive_features",
            old=a,
            statement=f"The audit no longer looks at '{a}': it is no sensitive feature any more.",
        )
        for a in old.provenance.data.sensitive_features
        if a not in now
    )


def _by_old(old: Report, new: Report) -> dict[str, Status]:
    """The new report judged by the old policy, by rule id; nothing where its evidence does not tell."""
    if old.policy is None:
        return {}
    known = {k: getattr(old.policy, k) for k in ("confidence", "correction")}
    policy = Policy(**known, rules=tuple(v.rule for v in old.verdicts))
    try:
        return {v.rule.id: v.status for v in judge(new, policy, exhibits=False).verdicts}
    except AuditkitError:
        return {}


def _summary(step: Step) -> str:
    """What came of it, the gravest first."""
    if step.nothing:
        return "Nothing changed."
    parts = []
    for label in dict.fromkeys(r.label for r in step.rules if r.kind != "same"):
        ids = [r.id for r in step.rules if r.label == label]
        parts.append(f"{label}: {listing(ids, most=4)}")
    if step.loosened:
        parts.insert(1 if step.failing else 0, f"the policy was loosened in {_places(step.loosened)}")
    worse = sum(n.said == "worse" for n in step.told)
    if worse:
        parts.append(f"{worse} other number{'s' if worse > 1 else ''} surely worse")
    if step.no_longer_measured:
        parts.append(f"{len(step.no_longer_measured)} findings no longer measured")
    if not parts:
        parts.append("no rule changed, and no number surely")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _places(changes: Sequence[PolicyChange]) -> str:
    return "one place" if len(changes) == 1 else f"{len(changes)} places"


def _seen(old: Report, new: Report, level: float, compared: int) -> str:
    """How numbers were compared: what "worse" means here, and what "no change" does not."""
    rows = "although both reports are of the same rows" if same_rows(old, new) else "as of two independent samples"
    told = (
        f"Differences are unpaired, {rows}: worse and better are said where an interval of {confidence(level)} over "
        f"all rules together, or over all {compared:,} other numbers together, excludes no change. A smaller change "
        "can have gone unseen."
    )
    return " ".join(filter(None, (told, cause(old, new))))


def _trend(reports: Sequence[Report]) -> tuple[Trend, ...]:
    """Every rule of any report along time, those of the newest first."""
    of: dict[str, Verdict] = {}
    unit_by: dict[str, str] = {}
    for r in reversed(reports):
        for v in r.verdicts:
            of.setdefault(v.rule.id, v)
            unit_by.setdefault(v.rule.id, unit(v, r))
    return tuple(
        Trend(
            id=id,
            comparison=v.rule.comparison,
            of=unit_by[id],
            points=tuple(_point(i, r, id) for i, r in enumerate(reports)),
        )
        for id, v in of.items()
    )


def _point(i: int, report: Report, id: str) -> Point:
    v = next((v for v in report.verdicts if v.rule.id == id), None)
    if v is None:
        return Point(report=i, status=None)
    return Point(report=i, status=v.status, estimate=at(v, report).estimate, limit=v.rule.limit)
