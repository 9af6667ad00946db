"""Would a perfect model pass this rule? The verdict's own answer, in words, for page and terminal."""

from __future__ import annotations

from auditkit.formatting import interval, quantity
from auditkit.records import PerfectModel, Report, Verdict
from auditkit.report.places import SELECTED
from auditkit.report.verdict_words import kind_of_verdict

QUESTION = "Would a perfect model pass?"


def sentence(report: Report, v: Verdict) -> str:
    """Yes, no, undecided or not known, and why; empty for a verdict of an older report."""
    p = v.perfect
    if p is None:
        return ""
    if p.status == "not_measured":
        return p.reason
    if p.by_construction:
        answer, met = ("Yes", "meet") if p.status == "pass" else ("No", "fail")
        return f"{answer}: a model that made no mistake would {met} this rule, whatever the data."
    size = f"The truth's own {_noun(v)} is {_size(report, v, p)}"
    if p.status == "pass":
        return f"Yes: a model that made no mistake would meet this rule. {size}."
    if p.status == "inconclusive":
        return f"Undecided: whether a model that made no mistake would meet this rule is open. {size}."
    too = " too" if v.status == "fail" else ""
    return f"No: a model that made no mistake would fail this rule{too}. {size}."


def _noun(v: Verdict) -> str:
    kind = v.rule.comparison.split("_")[0]
    return {"difference": "gap", "ratio": "ratio"}.get(kind, "rate")


def _size(report: Report, v: Verdict, p: PerfectModel) -> str:
    e, of, kind = p.estimate, kind_of_verdict(report, v), v.rule.comparison
    if e is None:
        return "not kept"
    if p.surest is not None:
        e = p.surest.estimate
    return f"{quantity(e, kind, of=of)}, {interval(e, kind, of=of)}"


def choice(v: Verdict) -> str:
    """Between what somebody must choose, where a model that made no mistake would fail a rule."""
    if v.rule.metric == SELECTED and v.rule.comparison.startswith(("difference", "ratio")):
        return "equal selection and equal accuracy"
    return "the limit and being right"


def in_short(v: Verdict) -> str:
    """Beside a rule that is listed: only where a perfect model would not simply meet it."""
    p = v.perfect
    if p is None or p.status in ("pass", "not_measured"):
        return ""
    if p.status == "inconclusive":
        return "Whether a model without mistakes would meet it is open."
    return f"A model without mistakes would fail it{' too' if v.status == 'fail' else ''}."


def counted(report: Report) -> str:
    """Of all rules, how many a perfect model would meet; empty where nothing is known."""
    known = [v.perfect.status for v in report.verdicts if v.perfect is not None]
    if not known or len(known) < 2:
        return ""
    words = {"pass": "meet", "fail": "fail"}
    told = [f"{word} {known.count(s)}" for s, word in words.items() if s in known]
    open_ = sum(s in ("inconclusive", "not_measured") for s in known)
    rest = f"; of {open_} it is not known" if open_ else ""
    head = f"would {' and '.join(told)} of these {len(known)} rules" if told else ""
    return f"A model that made no mistake {head}{rest}." if told else ""
