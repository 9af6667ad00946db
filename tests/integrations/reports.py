"""Reports that every format is written of: as they are stored, judged again, small, hostile, empty."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import auditkit as ak
from auditkit.records import Report, Waived
from tests.hostile import HOSTILE

ROOT = Path(__file__).parent.parent.parent
STORED = sorted(p for p in (ROOT / "reports" / "samples").rglob("*.json") if not p.name.endswith(".evidence.json"))
HARD = [s for s in HOSTILE if not any(0xD800 <= ord(c) < 0xE000 for c in s)]


@cache
def income() -> Report:
    return Report.load(ROOT / "reports" / "samples" / "income.json")


@cache
def small(*, rules: bool = True) -> Report:
    """Two groups, and no file of a policy: a rule that failed, one that passed, one not measured."""
    return _audited("small", ["a", "b"], [""] if rules else [])


def hostile() -> Report:
    """Groups, columns, rules, owner and report named to lead a reader astray."""
    return _audited("".join(HARD[:40]), HARD, HARD)


def _audited(name: str, groups: list[str], rules: list[str]) -> Report:
    by, n = f"g{groups[0]}", len(groups)
    rows = {by: groups * 24, "y": [0, 1, 1, 0] * (6 * n), "p": [0, 1, 1, 1] * (6 * n)}
    data = ak.Dataset(rows, y_true="y", positive=1, sensitive_features=[by])
    asked = [
        rule
        for id in rules
        for rule in (
            {"id": f"r{id}", "metric": "selection_rate", "comparison": "difference", "by": [by], "at_most": 0.1},
            {"id": f"s{id}", "metric": "accuracy", "comparison": "overall", "at_least": 0.6},
            {"id": f"v{id}", "metric": "accuracy", "comparison": "ratio", "by": [f"gone{id}"], "at_least": 0.5},
        )
    ]
    policy = {"policy": {"id": name, "owner": name}, "rule": asked} if rules else None
    return ak.audit(ak.Predictions("p"), data, checks=["group_fairness"], policy=policy, name=name, command=name)


def waived() -> Report:
    """The first rule of the demo's, waived for a while."""
    report = income()
    words = Waived(reason="collecting", approved_by="board", expires="2027-01-31", expired=False)  # type: ignore[arg-type]
    first = report.verdicts[0].model_copy(update={"waiver": words})
    return report.model_copy(update={"verdicts": (first, *report.verdicts[1:])})


def many() -> Report:
    """More rules that are not met than any place takes."""
    report = income()
    verdicts = tuple(
        v.model_copy(update={"rule": v.rule.model_copy(update={"id": f"{i}-{v.rule.id}"})})
        for i in range(900)
        for v in report.verdicts[:6]
    )
    return report.model_copy(update={"verdicts": verdicts})


def every() -> dict[str, Report]:
    """Name → report."""
    stored = {p.relative_to(ROOT).as_posix(): Report.load(p) for p in STORED}
    made = {"waived": waived(), "small": small(), "no policy": small(rules=False), "hostile": hostile()}
    return {**stored, **made}
