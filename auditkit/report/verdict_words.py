"""What the gate says, in words: of a report, of one rule, of a waiver."""

import math
from typing import NamedTuple

from auditkit.formatting import NOTHING, confidence, decimals, limit, listed, quantity, unit_for
from auditkit.records import Estimate, Report, Rule, Status, Verdict
from auditkit.report.vocabulary import STATUS, measured_in, number, several, shown

_ORDER: tuple[Status, ...] = ("fail", "inconclusive", "not_measured", "pass")


def headline(report: Report) -> str:
    """ "income-mlp fails its fairness policy: 3 failed, 2 undecided, 3 passed"."""
    if report.outcome == "no_policy":
        return f"{report.name} was audited without a policy: {len(report.findings)} findings, no verdict"
    counts = [(s, sum(v.status == s for v in report.verdicts)) for s in _ORDER]
    told = ", ".join(f"{n} {STATUS[s].lower()}" for s, n in counts if n)
    waived = sum(v.waived for v in report.verdicts)
    worse = sum(v.baseline is not None and v.baseline.status == "fail" for v in report.verdicts)
    beside = (f"; {waived} waived" if waived else "") + (f"; {worse} worse than the baseline" if worse else "")
    return f"{report.name} {does(report)}: {told}{beside}"


def worst_first(report: Report) -> list[Verdict]:
    """The verdicts: failed, undecided, not measured, passed."""
    return sorted(report.verdicts, key=lambda v: _ORDER.index(v.status))


class Row(NamedTuple):
    """A verdict in a table: what was found with the interval that decides, what is allowed, what came of it."""

    value: str
    limit: str
    verdict: str


def row(report: Report, v: Verdict) -> Row:
    """The same cells in a terminal and in Markdown."""
    kind, e, value, of = v.rule.comparison, v.estimate, NOTHING, kind_of_verdict(report, v)
    if e is not None and e.value is not None:
        whole = of == "percent" or not kind.startswith("difference")
        ends = [quantity(x, kind, unit=False, of=of) for x in (e.low, e.high)]
        between = (" to " if min(e.low or 0, e.high or 0) < 0 else "–").join(ends)
        unstable = ", unstable" if e.state == "unstable" else ""
        value = f"{quantity(e, kind, unit=whole, of=of)} ({between}{unstable})"
    warning = " (warning)" if v.rule.severity == "warning" else ""
    waiver = "" if v.waiver is None else " (waiver expired)" if v.waiver.expired else " (waived)"
    return Row(value, asked(v.rule, of, signs=True), f"{STATUS[v.status]}{warning}{waiver}")


def does(report: Report) -> str:
    """What a judged report does with its rules, and with how many: "fails its fairness policy", "meets its one rule".

    A policy is one of fairness where a rule asks about groups. Rules that are met are counted: few are no policy.
    """
    rules = [v.rule for v in report.verdicts]
    policy = "fairness policy" if any(r.by for r in rules) else "policy"
    whole = "one rule" if len(rules) == 1 else policy
    severe = {v.status for v in report.verdicts if v.rule.severity == "error"}
    if report.outcome == "failed":
        return f"fails its {whole}" if "fail" in severe else "is worse than its baseline"
    if report.outcome == "undecided":
        if severe == {"pass"} and not all(r.met for r in report.required):
            return "meets its rules; not all that is required of it was assessed"
        return f"is undecided on its {whole if severe - {'pass'} else 'baseline'}"
    met, n = sum(v.status == "pass" for v in report.verdicts), len(rules)
    if met < n:
        rest = "the other only warns" if n - met == 1 else "the others only warn"
        return f"meets {number(met)} of {number(n)} rules; {rest}"
    if n <= 2:
        return "meets its one rule" if n == 1 else f"meets both rules of its {policy}"
    return f"meets all {several(n, 'rule')} of its {policy}"


def waiver_words(v: Verdict) -> str:
    """What a waiver does to a verdict, as a sentence; empty where there is none."""
    if v.waiver is None:
        return ""
    w, day = v.waiver, f"{v.waiver.expires.day} {v.waiver.expires:%B %Y}"
    said = f"{shown(w.reason, longest=300)} ({shown(w.approved_by, longest=100)})".replace(". (", " (")
    if w.expired:
        return f"Its waiver expired on {day}, and forgives nothing: {said}."
    return f"Waived until {day}, which leaves it unmet: {said}."


def baseline_words(v: Verdict) -> str:
    """What the baseline says of a rule, beside its status; empty where the policy names none."""
    if v.baseline is None:
        return ""
    heads = {"fail": "Worse than the baseline: ", "inconclusive": "Baseline undecided: ", "not_measured": "Baseline: "}
    head = heads.get(v.baseline.status or "", "")
    return head + shown(v.baseline.reason, longest=600)


def tightest(v: Verdict, of: str) -> tuple[str, str]:
    """The tightest limit that a verdict would pass, rounded to the side that passes, and the p that its own limit is
    exceeded; empty where nothing was tested."""
    if v.tightest is None:
        return "", ""
    most = v.rule.at_most is not None
    steps = {"percent": 1e-3, "points": 1e-3, "ratio": 1e-2}
    step = steps.get(unit_for(v.rule.comparison, of)) or 10.0 ** (math.floor(math.log10(abs(v.tightest) or 1.0)) - 2)
    rounded = v.tightest
    if step and abs(rounded) < 1e15 * step:  # else no digit of it is that small
        rounded = step * (math.ceil(rounded / step - 1e-9) if most else math.floor(rounded / step + 1e-9))
    p = "" if v.p_exceeded is None else "p < 0.001" if v.p_exceeded < 0.001 else f"p = {decimals(v.p_exceeded, 3)}"
    return quantity(rounded, v.rule.comparison, of=of), p


def of_surest(v: Verdict) -> Estimate | None:
    """What the groups that carry the limit have, where the value of the verdict is that of others."""
    e, own = v.estimate, v.surest
    if e is None or own is None or e.value is None or own.estimate.value is None:
        return None
    return None if math.isclose(e.value, own.estimate.value, abs_tol=SAME) else own.estimate


SAME = 1e-9
"""Values as near as that are one."""


def sides_of_holm(v: Verdict) -> str:
    """Where rules share their error: at which level each side of the deciding interval lies; else empty."""
    return v.estimate.note if v.estimate is not None and "(Holm)" in v.estimate.note else ""


def level_words(report: Report) -> tuple[str, str]:
    """What the head of a column of deciding intervals says of their level, and, where they differ, a line below it."""
    tested = [v for v in report.verdicts if v.estimate is not None and v.estimate.value is not None]
    levels = sorted({v.estimate.level for v in tested if v.estimate is not None})
    shared = any(sides_of_holm(v) for v in tested)
    if len(levels) < 2 and not shared:
        return (f"{confidence(levels[0])} interval" if levels else "interval"), ""
    named = confidence(levels[0]) if len(levels) == 1 else f"{confidence(levels[0])} to {confidence(levels[-1])}"
    if not shared:
        return "interval", f"Intervals are those that decide, each at its rule's level: {named}."
    own = sorted({confidence(v.rule.confidence or _usual(report)) for v in tested if sides_of_holm(v)})
    return "interval", (
        f"Intervals are those that decide. Rules share their error (Holm): the side that fails a rule is at {named}, "
        f"the other at {listed(own)}; other places tell each number with its own interval."
    )


def _usual(report: Report) -> float:
    return report.policy.confidence if report.policy is not None else Estimate.model_fields["level"].default


def would_pass(v: Verdict, of: str) -> str:
    """The same in words, the p beside a pass alone; empty where nothing was tested."""
    limit, _ = tightest(v, of)
    told = f"the tightest limit that would pass is {limit}" if limit else ""
    return "; ".join(filter(None, (told, _by_chance(v))))


def _by_chance(v: Verdict) -> str:
    """What the p beside a pass says: how seldom such data would come of a model that breaks the rule."""
    p = v.p_exceeded
    if p is None or v.status != "pass" or v.tightest is None:
        return ""
    often = "fewer than 1" if p < 0.001 else f"at most {math.ceil(1000 * p - 1e-9)}"
    return f"a model that breaks this rule would pass it as clearly, by chance, in {often} of 1,000 such audits"


def kind_of_verdict(report: Report, v: Verdict) -> str:
    """How the value of a verdict is written: as that of its finding."""
    unit = next((f.unit for f in report.findings if f.id == v.finding), "")
    return measured_in(report, v.rule.metric, unit)


def asked(rule: Rule, of: str = "share", *, signs: bool = False) -> str:
    """What a rule allows: "at most 5 points", or "≤ 5 points"."""
    side = ("≤", "at most") if rule.at_most is not None else ("≥", "at least")
    return f"{side[0 if signs else 1]} {limit(rule.limit, rule.comparison, of=of)}"
