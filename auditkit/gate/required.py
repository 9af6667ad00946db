"""What an organisation requires, and what of it a judged report has assessed: a verdict on each."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from auditkit.catalogue.sentences import group_words
from auditkit.errors import PolicyError, choices, listing
from auditkit.floors import Assessed
from auditkit.gate.below import below, same
from auditkit.gate.policy import Policy
from auditkit.records import Demand, Finding, Floor, Report, Required, Verdict, demands


def held(
    policy: Policy, report: Report, on: datetime.date, checks: Callable[[], Collection[str]]
) -> tuple[Policy, tuple[Required, ...]]:
    """The policy with every floor that the report is under, and what it says of those that it does not extend itself.

    A report that was audited under a floor stays under it, whichever policy judges it later. PolicyError where a
    waiver lasts longer than the policy's own floors allow, and for a required check that is none of `checks`.
    """
    for floor in policy.floors:
        for name in floor.checks:
            if name not in (known := checks()):
                raise PolicyError(f"{floor.at('checks')}: no check '{name}'; there are {choices(name, known)}")
    told = [line for floor in policy.floors for line in _missed(policy, floor, on)]
    if told:
        raise PolicyError("\n".join(dict.fromkeys(told)))
    own = {f.sha256 for f in policy.floors}
    others = tuple(f for f in (report.policy.floors if report.policy else ()) if f.sha256 not in own)
    if not others:
        return policy, ()
    whole = policy.model_copy(update={"floors": (*policy.floors, *others)})
    return whole, tuple(_policy(policy, floor, on) for floor in others)


def _missed(policy: Policy, floor: Floor, on: datetime.date) -> list[str]:
    return list(below(policy, policy.rules, policy.waivers, floor, on=on))


def _policy(policy: Policy, floor: Floor, on: datetime.date) -> Required:
    """Whether a policy that does not extend a file asks as much as it requires."""
    name = policy.source or policy.id or "the policy"
    under = f"The report was audited under {floor.source} (sha256:{floor.sha256[:12]}…), which {name} does not extend"
    told = _missed(policy, floor, on)
    return Required(
        need="policy",
        what=(name,),
        source=floor.source,
        handling=floor.on_not_measured or "fail",
        state="left_out" if told else "assessed",
        reason=f"{under}: {'; '.join(told)}." if told else f"{under}, and asks no less.",
    )


class _Came(NamedTuple):
    state: Assessed
    reason: str


def of_columns(report: Report, columns: Iterable[str]) -> Report:
    """The judged report, where the columns of its data are at hand: what is required and is none is not in the data."""
    others = tuple(r for r in report.required if r.need == "policy")
    required = (*others, *required_of(report, list(columns)))
    return report.model_copy(update={"required": required}) if report.required else report


def required_of(report: Report, columns: Collection[str] | None = None) -> tuple[Required, ...]:
    """A verdict on each thing that the floors of a judged report require.

    `columns` are those of the data, where they are at hand; a report that is judged again remembers which of the
    required attributes were no columns.
    """
    known = {(r.need, r.what): r for r in report.required}
    found = []
    for floor in report.policy.floors if report.policy else ():
        for demand in demands(floor):
            came = _Looker(report, floor, columns, known.get((demand.need, demand.what))).at(demand)
            found.append(Required(**demand.model_dump(), state=came.state, reason=came.reason))
    return tuple(found)


class _Looker(NamedTuple):
    """A report, looked through for what one floor requires."""

    report: Report
    floor: Floor
    columns: Collection[str] | None
    before: Required | None
    """What was said of it where the columns were at hand."""

    def at(self, demand: Demand) -> _Came:
        what = demand.what
        match demand.need:
            case "check":
                return self._check(what[0])
            case "metric":
                return self._rules([v for v in self.report.verdicts if self._asks(v, what)], what[1:])
            case "rule":
                required = next(r for r in self.floor.rules if r.id == what[0])
                asked = [v for v in self.report.verdicts if same(v.rule, required)]
                data = self.report.provenance.data
                told = {v.rule.label for v in asked}
                lost = [x for x in data.classes if x not in told] if data.kind.by_label and not required.label else []
                if asked and lost:
                    labels = listing([f"'{x}'" for x in lost])
                    return _Came("left_out", f"No rule asks it of {labels}.")
                return self._rules(asked, required.by)
        return self._groups(what, exact=demand.need == "crossing")

    def _asks(self, v: Verdict, what: Sequence[str]) -> bool:
        return v.rule.metric == what[0] and set(what[1:]) <= set(v.rule.by)

    def _undeclared(self, by: Iterable[str]) -> _Came | None:
        """What is missing of attributes that the data do not declare."""
        lost = [a for a in by if a not in self.report.provenance.data.sensitive_features]
        if not lost:
            return None
        names = listing([f"'{a}'" for a in lost])
        if self.columns is None:
            if self.before is not None and self.before.state in ("left_out", "not_in_data"):
                return _Came(self.before.state, self.before.reason)
            return _Came("left_out", f"The audit does not declare {names} as {_feature(lost)}.")
        absent = [a for a in lost if a not in self.columns]
        if absent:
            columns = listing([f"'{a}'" for a in absent])
            return _Came("not_in_data", f"The data have no column {columns}.")
        them = "it" if len(lost) == 1 else "them"
        return _Came("left_out", f"The data have {names}, and the audit does not declare {them} as {_feature(lost)}.")

    def _groups(self, by: Sequence[str], *, exact: bool) -> _Came:
        """Groups of an attribute, or crossed groups of several: compared by some finding that has a value."""
        lost = self._undeclared(by)
        if lost is not None:
            return lost
        wanted = set(by)
        of = [
            f
            for f in self.report.findings
            if f.concern not in ("data", "explanation") and (set(f.by) == wanted if exact else wanted <= set(f.by))
        ]
        if not of:
            return _Came("left_out", f"No check that ran compares groups of {' and '.join(by)}.")
        valued = [f for f in of if f.estimate.value is not None and (set(f.by) == wanted or _several(f, by))]
        if not valued:
            return _Came("too_few", f"No two groups can be compared: {of[0].estimate.note or 'too few to tell'}.")
        alone = [f for f in valued if set(f.by) == wanted] or valued
        return _Came("assessed", f"{_times(len(alone))} compare its groups.{_small(alone)}")

    def _check(self, name: str) -> _Came:
        """A check that left evidence, or says why not."""
        ran = any(key.partition(":")[0].partition("[")[0] == name for key in self.report.gathered)
        silent = next((n for n in self.report.not_measured if n.what.partition(" [")[0] == name), None)
        if ran:
            return _Came("assessed", "It ran, and its evidence is in the report.")
        if silent is not None:
            return _Came("not_measured", f"It gave no answer: {silent.why}.")
        return _Came("left_out", "It is not among the checks of this audit.")

    def _rules(self, verdicts: Sequence[Verdict], by: Sequence[str]) -> _Came:
        """Rules that ask it: one with a value is enough, since the policy already holds every limit."""
        lost = self._undeclared(by or [a for v in verdicts[:1] for a in v.rule.by])
        if lost is not None:
            return lost
        if not verdicts:
            return _Came("left_out", "No rule of this policy asks it.")
        answered = [v for v in verdicts if v.status != "not_measured"]
        if answered:
            small = [f for v in answered for f in self.report.findings if f.id == v.finding]
            rules = listing([f"'{v.rule.id}'" for v in answered])
            return _Came("assessed", f"{'Rule' if len(answered) == 1 else 'Rules'} {rules}.{_small(small)}")
        v = verdicts[0]
        few = v.estimate is not None and v.estimate.state in ("sparse", "undefined")
        return _Came("too_few" if few else "not_measured", f"Rule '{v.rule.id}': {v.absence or v.reason}")


def _several(f: Finding, by: Sequence[str]) -> bool:
    """Whether a finding by more attributes compares several groups of these."""
    large = (g.group for g in f.by_group if g.estimate.state not in ("sparse", "undefined"))
    return len({tuple(g[a] for a in by) for g in large}) > 1


def _feature(names: Sequence[str]) -> str:
    return "a sensitive feature" if len(names) == 1 else "sensitive features"


def _times(n: int) -> str:
    return "One finding" if n == 1 else f"{n:,} findings"


def _small(findings: Sequence[Finding]) -> str:
    """The groups that are left out of some answer for being too few."""
    small = dict.fromkeys(
        group_words(g.group, g.group.values())
        for f in findings
        for g in f.by_group
        if g.estimate.state in ("sparse", "undefined")
    )
    return f" Too few for some answers: {listing(small, most=10)}." if small else ""
